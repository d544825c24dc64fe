//! Rows of binds as a table.

use sea_query::{Alias, IntoTableRef, TableRef};

use super::{Fragment, Lowering, iden};
use crate::compile::fold::ValuesSource;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::ident::Ident;
use crate::types::SqlType;

impl Lowering<'_> {
    /// SQL: PostgreSQL manual, 7.7; SQLite, "SELECT" (VALUES names its columns column1, column2, …); MySQL manual, 15.2.19; MariaDB
    /// names the columns of VALUES after the first row's values, so there it is SELECTs.
    pub(super) fn values(&mut self, values: &ValuesSource, alias: &Ident) -> Result<TableRef> {
        let dialect = self.target.dialect;
        let names: Vec<String> = values.columns.iter().map(|name| quoted(name, dialect)).collect();
        let width = names.len();
        // Without rows: one of typed NULLs, which no condition lets pass.
        let rows = values.rows.max(1);
        let mut text = Builder::default();
        let list = |text: &mut Builder, row: usize, names: &[String]| {
            for column in 0..width {
                text.text(if column == 0 { "" } else { ", " });
                let place = values.first + row * width + column;
                match (dialect, self.binds.sql_type(place)) {
                    // SQL: MySQL takes a placeholder here for text, whatever is bound.
                    (Dialect::MySql, Some(sql_type)) => {
                        text.text("CAST(");
                        text.bind(place);
                        text.text(mysql_type(sql_type));
                    }
                    // SQL: MariaDB keeps a column of NULLs, such as that of no rows, as text.
                    (Dialect::MariaDb, Some(sql_type)) if row == 0 && may_be_kept_as_text(sql_type) => {
                        text.text("CAST(");
                        text.bind(place);
                        text.text(mysql_type(sql_type));
                    }
                    _ => text.bind(place),
                }
                if let Some(name) = names.get(column) {
                    text.text(" AS ");
                    text.text(name);
                }
            }
        };
        let named = dialect != Dialect::MariaDb && values.rows > 0;
        text.text("(");
        if !named {
            for row in 0..rows {
                text.text(if row == 0 { "SELECT " } else { " UNION ALL SELECT " });
                list(&mut text, row, if row == 0 { &names } else { &[] });
            }
            if values.rows == 0 {
                text.text(if dialect.is_mysql_family() { " FROM DUAL WHERE FALSE" } else { " WHERE FALSE" });
            }
        } else {
            if dialect == Dialect::Sqlite {
                text.text("SELECT ");
                for (position, name) in names.iter().enumerate() {
                    let comma = if position == 0 { "" } else { ", " };
                    text.text(&format!("{comma}column{} AS {name}", position + 1));
                }
                text.text(" FROM (");
            }
            let open = if dialect == Dialect::MySql { "ROW(" } else { "(" };
            for row in 0..rows {
                text.text(if row == 0 { "VALUES " } else { ", " });
                text.text(open);
                list(&mut text, row, &[]);
                text.text(")");
            }
            if dialect == Dialect::Sqlite {
                text.text(")");
            }
        }
        text.text(")");
        if named && dialect != Dialect::Sqlite {
            text.text(&format!(" AS {} ({})", quoted(alias, dialect), names.join(", ")));
            let mark = self.fragment(text.finish());
            return Ok(Alias::new(mark).into_table_ref());
        }
        let mark = self.fragment(text.finish());
        Ok(Alias::new(mark).into_table_ref().alias(iden(alias)))
    }
}

/// Types that a cast on MariaDB leaves as they are.
fn may_be_kept_as_text(sql_type: SqlType) -> bool {
    use SqlType::{Bool, Date, Float64, Int16, Int32, Int64, Time, Timestamp, TimestampTz, UInt64};
    matches!(sql_type, Bool | Int16 | Int32 | Int64 | UInt64 | Float64 | Date | Time | Timestamp | TimestampTz)
}

/// What closes a cast to a type on MySQL.
fn mysql_type(sql_type: SqlType) -> &'static str {
    match sql_type {
        SqlType::Bool | SqlType::Int16 | SqlType::Int32 | SqlType::Int64 => " AS SIGNED)",
        SqlType::UInt64 => " AS UNSIGNED)",
        SqlType::Float32 | SqlType::Float64 => " AS DOUBLE)",
        SqlType::Decimal(_) => " AS DECIMAL(65, 30))",
        SqlType::Bytes => " AS BINARY)",
        SqlType::Date => " AS DATE)",
        SqlType::Time => " AS TIME(6))",
        SqlType::Timestamp | SqlType::TimestampTz => " AS DATETIME(6))",
        SqlType::Json => " AS JSON)",
        SqlType::Text | SqlType::Uuid | SqlType::Interval | SqlType::Array(_) => " AS CHAR)",
    }
}

/// A name in the dialect's quotes, doubled where it holds one.
fn quoted(name: &Ident, dialect: Dialect) -> String {
    let quote = dialect.name_quote();
    let doubled: String = [quote, quote].iter().collect();
    format!("{quote}{}{quote}", name.as_str().replace(quote, &doubled))
}

#[derive(Default)]
struct Builder {
    done: Vec<Fragment>,
    text: String,
}

impl Builder {
    fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn bind(&mut self, bind: usize) {
        self.done.push(Fragment::Text(std::mem::take(&mut self.text)));
        self.done.push(Fragment::Bind(bind));
    }

    fn finish(mut self) -> Vec<Fragment> {
        self.done.push(Fragment::Text(self.text));
        self.done
    }
}
