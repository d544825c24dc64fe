//! Elements of arrays, as a source of rows and as values.

use sea_query::{Expr, FunctionCall, TableRef};

use super::doors::{Function, function, marked};
use super::{Fragment, Lowering, column_ref, iden};
use crate::compile::fold::{Elements, SourceKind};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::ident::Ident;
use crate::schema::{ElementOf, ElementPart};
use crate::types::{Family, SqlType};

// SQL: PostgreSQL manual, 9.16 (jsonb), 9.19 (unnest), 9.25 (generate_series): a column of a function in FROM is called as the
// function's alias is, but for that of jsonb_array_elements, which is called `value`.
// SQL: MySQL manual, 14.17.6; MariaDB manual, "JSON_TABLE" (10.6). SQLite, "JSON Functions" 4.25 (json_each: key, value, json).

impl Lowering<'_> {
    /// A row for each element. What is JSON, but no array, has none.
    pub(super) fn elements(&mut self, elements: &Elements, alias: &Ident) -> Result<TableRef> {
        let array = self.expr(&elements.array, true)?;
        let call: FunctionCall = match (self.target.dialect, elements.of, elements.numbered) {
            (Dialect::Postgres, ElementOf::Array, false) => function(Function::Unnest).arg(array),
            (Dialect::Postgres, ElementOf::Array, true) => {
                let first = self.template("1", Vec::new())?;
                let last = self.template("cardinality({0})", vec![array])?;
                function(Function::GenerateSeries).args([first, last])
            }
            (Dialect::Postgres, ElementOf::Json, false) => {
                let array = self.only_array(array)?;
                function(Function::JsonbArrayElements).arg(array)
            }
            (Dialect::Postgres, ElementOf::Json, true) => {
                let first = self.template("1", Vec::new())?;
                let array = self.only_array(array)?;
                let last = self.template("jsonb_array_length({0})", vec![array])?;
                function(Function::GenerateSeries).args([first, last])
            }
            (Dialect::Sqlite, ..) => {
                let array = self.only_array(array)?;
                function(Function::JsonEach).arg(array)
            }
            (Dialect::MySql | Dialect::MariaDb, ..) => {
                let array = self.only_array(array)?;
                let columns = "'$[*]' COLUMNS (`position` FOR ORDINALITY, `value` JSON PATH '$')";
                let columns = marked(self.fragment(vec![Fragment::Text(columns.to_owned())]));
                function(Function::JsonTable).args([array, columns])
            }
        };
        Ok(TableRef::FunctionCall(call, iden(alias)))
    }

    /// The array, or NULL for other JSON. Text that is no JSON stays the database's error.
    fn only_array(&mut self, json: Expr) -> Result<Expr> {
        let template = match self.target.dialect {
            Dialect::Postgres => "CASE WHEN jsonb_typeof(CAST({0} AS jsonb)) = 'array' THEN CAST({0} AS jsonb) END",
            Dialect::Sqlite => "CASE WHEN json_type({0}) = 'array' THEN {0} END",
            // SQL: MariaDB's JSON_TYPE is NULL for what is no JSON, and JSON_TABLE an error.
            Dialect::MySql | Dialect::MariaDb => "CASE WHEN COALESCE(JSON_TYPE({0}), 'ARRAY') = 'ARRAY' THEN {0} END",
        };
        self.template(template, vec![json])
    }

    pub(super) fn exploded_element(
        &mut self,
        source: usize,
        of: ElementOf,
        part: ElementPart,
        sql_type: Option<SqlType>,
    ) -> Result<Expr> {
        let missing = || Error::internal("lower.element");
        let found = self.folder.sources.get(source).ok_or_else(missing)?;
        let alias = found.alias.clone();
        let named = |name: &str| -> Result<Expr> { Ok(Expr::Column(column_ref(Some(&alias), &Ident::new(name)?))) };
        let itself = Expr::Column(column_ref(Some(&alias), &alias));
        let dialect = self.target.dialect;
        let (of, part) = match (of, part) {
            (_, ElementPart::Position) => {
                return match dialect {
                    Dialect::Postgres => self.template("CAST({0} AS bigint)", vec![itself]),
                    Dialect::Sqlite => self.template("({0} + 1)", vec![named("key")?]),
                    Dialect::MySql | Dialect::MariaDb => named("position"),
                };
            }
            (of, ElementPart::Value { numbered }) => (of, numbered),
        };
        if dialect != Dialect::Postgres {
            let value = named("value")?;
            return match (of, dialect) {
                // A list that was aggregated is JSON here.
                (ElementOf::Array, Dialect::Sqlite) => Ok(value),
                (ElementOf::Array, _) => self.template(listed_element(sql_type, self.target.dialect), vec![value]),
                // SQL: `value` is what SQLite makes of a number or a boolean; `->` gives the JSON.
                (ElementOf::Json, Dialect::Sqlite) => {
                    self.template("({0} -> {1})", vec![named("json")?, named("key")?])
                }
                // SQL: MySQL makes NULL of a null of JSON.
                (ElementOf::Json, Dialect::MySql) => {
                    let template = "CASE WHEN {1} IS NOT NULL THEN COALESCE({0}, CAST('null' AS JSON)) END";
                    self.template(template, vec![value, named("position")?])
                }
                (ElementOf::Json, _) => Ok(value),
            };
        }
        let array = match &self.folder.sources.get(source).ok_or_else(missing)?.kind {
            SourceKind::Elements(elements) if part => Some(elements.array.clone()),
            _ => None,
        };
        let array = array.map(|array| self.expr(&array, true)).transpose()?;
        match (of, array) {
            (ElementOf::Array, None) => Ok(itself),
            (ElementOf::Array, Some(array)) => {
                self.template("({0})[array_lower({0}, 1) + {1} - 1]", vec![array, itself])
            }
            (ElementOf::Json, None) => named("value"),
            (ElementOf::Json, Some(array)) => self.template("(CAST({0} AS jsonb) -> ({1} - 1))", vec![array, itself]),
        }
    }
}

/// How MySQL and MariaDB read an element, of a list that `array_agg` made, as what went into it.
fn listed_element(sql_type: Option<SqlType>, dialect: Dialect) -> &'static str {
    match sql_type {
        // SQL: a cast of JSON to a decimal loses the numbers beyond 63 bits on MySQL.
        Some(SqlType::Decimal(_)) if dialect == Dialect::MySql => {
            "CASE WHEN JSON_TYPE({0}) <> 'NULL' THEN CAST(JSON_UNQUOTE({0}) AS DECIMAL(65, 30)) END"
        }
        Some(SqlType::Bool) if dialect == Dialect::MySql => {
            "CASE WHEN JSON_TYPE({0}) = 'BOOLEAN' THEN JSON_UNQUOTE({0}) = 'true' END"
        }
        Some(SqlType::UInt64) => "CASE WHEN JSON_TYPE({0}) <> 'NULL' THEN CAST({0} AS UNSIGNED) END",
        Some(SqlType::Decimal(_)) => "CASE WHEN JSON_TYPE({0}) <> 'NULL' THEN CAST({0} AS DECIMAL(65, 30)) END",
        Some(float) if float.is_float() => "CASE WHEN JSON_TYPE({0}) <> 'NULL' THEN CAST({0} AS DOUBLE) END",
        Some(number) if number.family() == Family::Number => {
            "CASE WHEN JSON_TYPE({0}) <> 'NULL' THEN CAST({0} AS SIGNED) END"
        }
        Some(SqlType::Bool) => "CASE WHEN JSON_TYPE({0}) = 'BOOLEAN' THEN {0} = 'true' END",
        Some(SqlType::Date) => "CASE WHEN JSON_TYPE({0}) = 'STRING' THEN CAST(JSON_UNQUOTE({0}) AS DATE) END",
        _ => "CASE WHEN JSON_TYPE({0}) = 'STRING' THEN JSON_UNQUOTE({0}) END",
    }
}
