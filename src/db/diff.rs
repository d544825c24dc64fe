//! How tables of the database differ from their definitions.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::details::{ForeignKeyDetails, IndexDetails, TableDetails, details};
use super::handle::{Database, Mode, Runner};
use super::prepare::{Plan, compile_plan};
use super::table_text::TableText;
use super::written::{Likeness, compare};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::expr::Kind as ExprKind;
use crate::ident::Ident;
use crate::policy::Policy;
use crate::query::{CreateIndex, CreateTable, Ddl, DdlKind, IndexDefinition, Reference, ReferentialAction};
use crate::schema::{Body, DdlVerb, ResolvedTable, Schema};
use crate::statement::HandleKind;
use crate::types::SqlType;

/// How one table of the database differs from its definition; made by [`CreateTable::diff`] and [`Database::diff_tables`].
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct TableDiff {
    /// The table.
    pub table: String,
    /// In what it surely differs.
    pub differences: Vec<Difference>,
    /// What is there in both, and is written so that nobody can tell whether it is the same.
    pub not_compared: Vec<NotCompared>,
}

impl TableDiff {
    /// Whether the table is surely as the definition would make it: nothing differs, and all could be compared.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty() && self.not_compared.is_empty()
    }
}

/// What the database tells in words of its own, which say neither that it is the definition's nor that it is not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotCompared {
    /// The default of this column.
    Default(String),
    /// What this column is computed as.
    Generated(String),
    /// The most bytes of this column, which PostgreSQL and SQLite keep nowhere.
    Length(String),
    /// The condition of this check.
    Check(String),
    /// The expressions or the condition of this index.
    Index(String),
}

impl fmt::Display for NotCompared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotCompared::Default(column) => write!(f, "the default of the column `{column}`"),
            NotCompared::Generated(column) => write!(f, "what the column `{column}` is computed as"),
            NotCompared::Length(column) => write!(f, "the length of the column `{column}`"),
            NotCompared::Check(name) => write!(f, "the check `{name}`"),
            NotCompared::Index(name) => write!(f, "the expressions of the index `{name}`"),
        }
    }
}

/// One thing in which a table of the database is other than a definition; see [`TableDiff`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Difference {
    /// There is no such table.
    MissingTable,
    /// There is a table that no definition is of.
    ExtraTable,
    /// The definition has a column that the table lacks.
    MissingColumn(String),
    /// The table has a column that the definition lacks.
    ExtraColumn(String),
    /// The column has another type.
    Type {
        /// The column.
        column: String,
        /// The type by the definition.
        expected: SqlType,
        /// The type in the database.
        found: Option<SqlType>,
    },
    /// The column holds more, or less, than the definition says; `None` is no limit.
    Length {
        /// The column.
        column: String,
        /// The most by the definition.
        expected: Option<u32>,
        /// The most in the database.
        found: Option<u32>,
    },
    /// The database compares the column's text otherwise than by code point.
    Collation(String),
    /// The column may hold NULL where the definition says that it may not, or the reverse.
    Nullable {
        /// The column.
        column: String,
        /// What the database says.
        found: bool,
    },
    /// The column has a default where the definition has none, or the reverse.
    Default {
        /// The column.
        column: String,
        /// What the database says.
        found: bool,
    },
    /// The column has another default.
    DefaultValue {
        /// The column.
        column: String,
        /// The default in the database.
        found: String,
    },
    /// The column counts by itself where by the definition it does not, or the reverse.
    Identity {
        /// The column.
        column: String,
        /// What the database says.
        found: bool,
    },
    /// The column is computed where by the definition it is not, or the reverse.
    Generated {
        /// The column.
        column: String,
        /// What the database says.
        found: bool,
    },
    /// The column is computed as something else; on SQLite also as the same in other words.
    GeneratedValue {
        /// The column.
        column: String,
        /// What it is computed as in the database.
        found: String,
    },
    /// The primary key is of other columns.
    PrimaryKey {
        /// The columns in the database.
        found: Vec<String>,
    },
    /// The table lacks a unique key of these columns.
    MissingUnique(Vec<String>),
    /// The table has a unique key of these columns that the definition lacks.
    ExtraUnique(Vec<String>),
    /// The table lacks a foreign key of these columns, with this target and these actions.
    MissingForeignKey(Vec<String>),
    /// The table has a foreign key of these columns that the definition lacks.
    ExtraForeignKey(Vec<String>),
    /// The table lacks the check of this name.
    MissingCheck(String),
    /// The table has a check of this name that the definition lacks; of one without a name, its condition.
    ExtraCheck(String),
    /// The check of this name has another condition; on SQLite also the same in other words.
    Check {
        /// The check.
        name: String,
        /// The condition in the database.
        found: String,
    },
    /// The table lacks the index of this name.
    MissingIndex(String),
    /// The table has an index of this name that no definition is of.
    ExtraIndex(String),
    /// The index of this name is by other columns, in another order, unique or not, or of other rows.
    Index(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let turn = |found: &bool| if *found { "is" } else { "is not" };
        let most = |most: &Option<u32>| most.map_or("without a limit".to_owned(), |most| format!("of {most} at most"));
        match self {
            Difference::MissingTable => write!(f, "there is no such table"),
            Difference::ExtraTable => write!(f, "the table is not in the definitions"),
            Difference::MissingColumn(column) => write!(f, "the column `{column}` is missing"),
            Difference::ExtraColumn(column) => write!(f, "the column `{column}` is not in the definition"),
            Difference::Type { column, expected, found: Some(found) } => {
                write!(f, "the column `{column}` is {found} and should be {expected}")
            }
            Difference::Type { column, expected, found: None } => {
                write!(f, "the column `{column}` is of an unknown type and should be {expected}")
            }
            Difference::Length { column, expected, found } => {
                write!(f, "the column `{column}` is {} and should be {}", most(found), most(expected))
            }
            Difference::Collation(column) => write!(f, "the column `{column}` is not compared by code point"),
            Difference::Nullable { column, found } => write!(f, "the column `{column}` {} nullable", turn(found)),
            Difference::Default { column, found: true } => write!(f, "the column `{column}` has a default"),
            Difference::Default { column, found: false } => write!(f, "the column `{column}` has no default"),
            Difference::DefaultValue { column, .. } => write!(f, "the column `{column}` has another default"),
            Difference::Identity { column, found } => write!(f, "the column `{column}` {} an identity", turn(found)),
            Difference::Generated { column, found } => write!(f, "the column `{column}` {} generated", turn(found)),
            Difference::GeneratedValue { column, .. } => {
                write!(f, "the column `{column}` is computed as something else")
            }
            Difference::PrimaryKey { found } => write!(f, "the primary key is ({})", found.join(", ")),
            Difference::MissingUnique(columns) => write!(f, "the unique key ({}) is missing", columns.join(", ")),
            Difference::ExtraUnique(columns) => {
                write!(f, "the unique key ({}) is not in the definition", columns.join(", "))
            }
            Difference::MissingForeignKey(columns) => write!(f, "the foreign key ({}) is missing", columns.join(", ")),
            Difference::ExtraForeignKey(columns) => {
                write!(f, "the foreign key ({}) is not in the definition", columns.join(", "))
            }
            Difference::MissingCheck(name) => write!(f, "the check `{name}` is missing"),
            Difference::ExtraCheck(name) => write!(f, "the check `{name}` is not in the definition"),
            Difference::Check { name, .. } => write!(f, "the check `{name}` has another condition"),
            Difference::MissingIndex(name) => write!(f, "the index `{name}` is missing"),
            Difference::ExtraIndex(name) => write!(f, "the index `{name}` is not in the definitions"),
            Difference::Index(name) => write!(f, "the index `{name}` is another"),
        }
    }
}

impl CreateTable {
    /// How the table in the database differs from this definition: in nothing where it is as [`execute`](CreateTable::execute) would
    /// make it. Names of keys are not compared, and neither are indexes, which are no part of it: see
    /// [`diff_tables`](Database::diff_tables). On SQLite all integers are of one type.
    ///
    /// Literal defaults are compared by their values. Other expressions are compared where the database tells them in the same words, which
    /// SQLite always does; elsewhere they are named in [`not_compared`](TableDiff::not_compared).
    ///
    /// ```
    /// use portcullis::{Database, Difference, ReadWrite, SqlType, column};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// let items = db.create_table("items").column(column("id", SqlType::Int64).identity());
    /// assert_eq!(items.diff().await?.differences, [Difference::MissingTable]);
    /// items.clone().execute().await?;
    /// assert!(items.diff().await?.is_same());
    /// let more = items.column(column("name", SqlType::Text));
    /// assert_eq!(more.diff().await?.differences, [Difference::MissingColumn("name".to_owned())]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The mistakes of the definition, and what running a statement gives.
    pub async fn diff(&self) -> Result<TableDiff> {
        let runner = Runner::of(Some(&self.ddl.origin))?;
        let expected = Expected::of(&runner, self)?;
        let found = details(&runner, expected.schema.as_deref(), Some(&expected.name)).await?;
        Ok(expected.diff(found.get(&expected.name), None, runner.core.server.dialect))
    }
}

impl<M: Mode> Database<M> {
    /// How the database differs from definitions of tables and of their indexes: one [`TableDiff`] for each table that is defined, in
    /// order, and one for each other table ([`Difference::ExtraTable`]) of the schemas that they are in. Each schema is read by
    /// two catalogue queries, however many tables it has.
    ///
    /// ```
    /// use portcullis::{Database, Difference, ReadWrite, column, SqlType, table};
    ///
    /// table! {
    ///     makers { id: i64, name: String }
    ///     items { id: i64, maker: i64, note: Option<String> }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// let tables = [
    ///     db.create_table(makers::table).primary_key("id"),
    ///     db.create_table(items::table).primary_key("id"),
    /// ];
    /// let index = db.create_index("items", "by_maker").keys("maker");
    /// for table in &tables {
    ///     table.clone().execute().await?;
    /// }
    /// let found = db.diff_tables(tables, [index]).await?;
    /// assert!(found[0].is_same());
    /// assert_eq!(found[1].differences, [Difference::MissingIndex("by_maker".to_owned())]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The mistakes of the definitions, and what running a statement gives.
    pub async fn diff_tables(
        &self,
        tables: impl IntoIterator<Item = CreateTable> + Send,
        indexes: impl IntoIterator<Item = CreateIndex> + Send,
    ) -> Result<Vec<TableDiff>> {
        let (tables, indexes): (Vec<_>, Vec<_>) = (tables.into_iter().collect(), indexes.into_iter().collect());
        let dialect = self.runner.core.server.dialect;
        let expected: Vec<Expected> =
            tables.iter().map(|table| Expected::of(&self.runner, table)).collect::<Result<_>>()?;
        let indexes: Vec<ExpectedIndex> =
            indexes.iter().map(|index| ExpectedIndex::of(&self.runner, index)).collect::<Result<_>>()?;
        let mut found: BTreeMap<Option<String>, BTreeMap<String, TableDetails>> = BTreeMap::new();
        for schema in expected.iter().map(|table| &table.schema).chain(indexes.iter().map(|index| &index.schema)) {
            if !found.contains_key(schema) {
                found.insert(schema.clone(), details(&self.runner, schema.as_deref(), None).await?);
            }
        }
        let mut all = Vec::new();
        for table in &expected {
            let known = found.get_mut(&table.schema).and_then(|tables| tables.remove(&table.name));
            let own = indexes.iter().filter(|index| index.schema == table.schema && index.table == table.name);
            all.push(table.diff(known.as_ref(), Some(own.collect()), dialect));
        }
        for (schema, tables) in found {
            for details in tables.into_values().filter(|details| !details.is_view) {
                let own = indexes.iter().filter(|index| index.schema == schema && index.table == details.name);
                let mut diff = TableDiff { table: details.name.clone(), ..TableDiff::default() };
                diff.differences.push(Difference::ExtraTable);
                diff.indexes(&own.collect::<Vec<_>>(), &details, &[], dialect);
                all.push(diff);
            }
        }
        Ok(all)
    }
}

/// A definition as it would be sent.
struct Expected {
    schema: Option<String>,
    name: String,
    table: ResolvedTable,
    text: TableText,
}

/// The text of a statement about tables, whoever may run it.
fn text_of(runner: &Runner, ddl: &Ddl) -> Result<String> {
    let (core, plan) = (&runner.core, Plan::Ddl(ddl));
    let query = compile_plan(&plan, &core.schema(), &Policy::default(), HandleKind::ReadWrite, core.target())?;
    Ok(query.sql().to_string())
}

impl Expected {
    fn of(runner: &Arc<Runner>, create: &CreateTable) -> Result<Expected> {
        let dialect = runner.core.server.dialect;
        let plan = Plan::Ddl(&create.ddl).resolve(&Schema::default(), dialect)?;
        let Body::Ddl(resolved) = plan.into_body() else { return Err(Error::internal("diff.body")) };
        let DdlVerb::Create(table) = resolved.verb else { return Err(Error::internal("diff.verb")) };
        // The tables that foreign keys refer to need not be known for the expressions.
        let mut alone = create.ddl.clone();
        if let DdlKind::Create(definition) = &mut alone.kind {
            definition.foreign_keys.clear();
        }
        let text = TableText::of(&text_of(runner, &alone)?, dialect);
        let schema = resolved.table.schema.as_ref().map(|schema| schema.as_str().to_owned());
        Ok(Expected { schema, name: resolved.table.name.as_str().to_owned(), table, text })
    }

    fn diff(&self, found: Option<&TableDetails>, indexes: Option<Vec<&ExpectedIndex>>, dialect: Dialect) -> TableDiff {
        let mut diff = TableDiff { table: self.name.clone(), ..TableDiff::default() };
        let Some(found) = found.filter(|found| !found.is_view) else {
            diff.differences.push(Difference::MissingTable);
            return diff;
        };
        self.columns(found, dialect, &mut diff);
        let all = &mut diff.differences;
        if names(&self.table.primary_key) != found.primary_key {
            all.push(Difference::PrimaryKey { found: found.primary_key.clone() });
        }
        let unique: Vec<Vec<String>> = self.table.unique.iter().map(|(_, columns)| names(columns)).collect();
        let by_index = indexes.iter().flatten().filter(|index| index.is_key()).map(|index| index.columns.clone());
        let known: Vec<Vec<String>> = unique.iter().cloned().chain(by_index).collect();
        all.extend(beyond(&unique, &found.unique_keys).map(Difference::MissingUnique));
        all.extend(beyond(&found.unique_keys, &known).map(Difference::ExtraUnique));
        let there: Vec<ForeignKeyDetails> = found.foreign_keys.iter().map(|key| plain(key, dialect)).collect();
        let wanted = self.table.foreign_keys.iter().map(|(key, _, _)| plain(&self.foreign_key(key), dialect));
        // Of a table that is named without a schema, the session's own may be named with the key.
        let wanted = wanted.map(|key| {
            let own = ForeignKeyDetails { schema: None, ..key.clone() };
            if self.schema.is_none() && there.contains(&own) { own } else { key }
        });
        let wanted: Vec<ForeignKeyDetails> = wanted.collect();
        all.extend(beyond(&wanted, &there).map(|key| Difference::MissingForeignKey(key.columns)));
        all.extend(beyond(&there, &wanted).map(|key| Difference::ExtraForeignKey(key.columns)));
        self.checks(found, dialect, &mut diff);
        if let Some(indexes) = indexes {
            diff.indexes(&indexes, found, &unique, dialect);
        }
        diff
    }

    fn columns(&self, found: &TableDetails, dialect: Dialect, diff: &mut TableDiff) {
        for column in &self.table.columns {
            let name = column.name.as_str().to_owned();
            let Some(known) = found.columns.iter().find(|known| known.name == name) else {
                diff.differences.push(Difference::MissingColumn(name));
                continue;
            };
            let all = &mut diff.differences;
            let is_type = same_type(column.sql_type, known.sql_type, dialect);
            if !is_type {
                let (expected, found) = (column.sql_type, known.sql_type);
                all.push(Difference::Type { column: name.clone(), expected, found });
            }
            let is_sized =
                column.sql_type == SqlType::Text || (column.sql_type == SqlType::Bytes && dialect.is_mysql_family());
            if is_type && is_sized && known.max_length != column.max_length {
                let (expected, found) = (column.max_length, known.max_length);
                all.push(Difference::Length { column: name.clone(), expected, found });
            } else if is_type && !is_sized && column.max_length.is_some() {
                diff.not_compared.push(NotCompared::Length(name.clone()));
            }
            if is_type && column.sql_type == SqlType::Text && !known.by_code_point {
                all.push(Difference::Collation(name.clone()));
            }
            // Whether what it is computed of may be NULL, the database does not say.
            if known.nullable == column.not_null && column.generated.is_none() {
                all.push(Difference::Nullable { column: name.clone(), found: known.nullable });
            }
            if known.identity != column.identity {
                all.push(Difference::Identity { column: name.clone(), found: known.identity });
            }
            let sql_type = Some(column.sql_type);
            let text = |texts: &[(String, String)]| {
                texts.iter().find(|(known, _)| *known == name).map(|(_, text)| text.clone())
            };
            // A default of NULL is none.
            let wanted = text(&self.text.defaults).filter(|text| !text.eq_ignore_ascii_case("NULL"));
            let there = known.default.as_ref().filter(|text| !is_null(text));
            match (wanted, there) {
                (None, None) => {}
                (Some(wanted), Some(there)) => match compare(&wanted, there, dialect, sql_type) {
                    Likeness::Same => {}
                    Likeness::Other => {
                        all.push(Difference::DefaultValue { column: name.clone(), found: there.clone() });
                    }
                    Likeness::Unknown => diff.not_compared.push(NotCompared::Default(name.clone())),
                },
                (_, there) => all.push(Difference::Default { column: name.clone(), found: there.is_some() }),
            }
            match (text(&self.text.generated), &known.generated) {
                (None, None) => {}
                (Some(wanted), Some(there)) => match compare(&wanted, there, dialect, sql_type) {
                    Likeness::Same => {}
                    Likeness::Other => {
                        all.push(Difference::GeneratedValue { column: name.clone(), found: there.clone() });
                    }
                    Likeness::Unknown => diff.not_compared.push(NotCompared::Generated(name.clone())),
                },
                (_, there) => all.push(Difference::Generated { column: name.clone(), found: there.is_some() }),
            }
        }
        let is_extra = |name: &str| !self.table.columns.iter().any(|column| column.name.as_str() == name);
        let extra = found.columns.iter().filter(|column| is_extra(&column.name));
        diff.differences.extend(extra.map(|column| Difference::ExtraColumn(column.name.clone())));
    }

    fn foreign_key(&self, key: &Reference) -> ForeignKeyDetails {
        let schema = key.table.schema.as_ref().map(|schema| schema.as_str().to_owned());
        ForeignKeyDetails {
            columns: names(&key.columns),
            schema: schema.filter(|schema| self.schema.as_ref() != Some(schema)),
            table: key.table.name.as_str().to_owned(),
            references: names(&key.references),
            on_delete: key.on_delete,
            on_update: key.on_update,
        }
    }

    fn checks(&self, found: &TableDetails, dialect: Dialect, diff: &mut TableDiff) {
        let mut left: Vec<_> = found.checks.iter().collect();
        for (name, condition) in &self.text.checks {
            let shown = name.clone().unwrap_or_else(|| condition.clone());
            let like = |there: &str| compare(condition, there, dialect, None);
            let place = left.iter().position(|there| match (name, &there.name) {
                (Some(name), Some(there)) => name == there,
                _ => like(&there.condition) == Likeness::Same,
            });
            let Some(place) = place else {
                diff.differences.push(Difference::MissingCheck(shown));
                continue;
            };
            let there = left.remove(place);
            match like(&there.condition) {
                Likeness::Same => {}
                Likeness::Other => {
                    diff.differences.push(Difference::Check { name: shown, found: there.condition.clone() });
                }
                Likeness::Unknown => diff.not_compared.push(NotCompared::Check(shown)),
            }
        }
        let extra = left.into_iter().map(|check| check.name.clone().unwrap_or_else(|| check.condition.clone()));
        diff.differences.extend(extra.map(Difference::ExtraCheck));
    }
}

/// An index as it would be made.
struct ExpectedIndex {
    schema: Option<String>,
    table: String,
    name: String,
    columns: Vec<String>,
    descending: Vec<String>,
    has_expressions: bool,
    unique: bool,
    partial: bool,
    text: String,
}

impl ExpectedIndex {
    fn of(runner: &Arc<Runner>, index: &CreateIndex) -> Result<ExpectedIndex> {
        let DdlKind::CreateIndex(definition) = &index.ddl.kind else { return Err(Error::internal("diff.index")) };
        let text = text_of(runner, &index.ddl)?;
        let (table, IndexDefinition { name, keys, unique, condition, .. }) = (index.ddl.table.clone()?, &**definition);
        let column = |key: &crate::expr::SortKey| match key.expr.kind() {
            ExprKind::Column { name, .. } => Some(name.as_str().to_owned()),
            _ => None,
        };
        Ok(ExpectedIndex {
            schema: table.schema.map(|schema| schema.as_str().to_owned()),
            table: table.name.as_str().to_owned(),
            name: name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default(),
            columns: keys.iter().filter_map(column).collect(),
            descending: keys.iter().filter(|key| key.descending).filter_map(column).collect(),
            has_expressions: keys.iter().any(|key| column(key).is_none()),
            unique: *unique,
            partial: condition.is_some(),
            text,
        })
    }

    /// It is read back among the unique keys.
    fn is_key(&self) -> bool {
        self.unique && !self.partial && !self.has_expressions
    }

    fn is_like(&self, found: &IndexDetails) -> bool {
        self.columns == found.columns
            && self.descending == found.descending
            && self.has_expressions == found.has_expressions
            && self.unique == found.unique
            && self.partial == found.partial
    }
}

impl TableDiff {
    fn indexes(&mut self, wanted: &[&ExpectedIndex], found: &TableDetails, unique: &[Vec<String>], dialect: Dialect) {
        for index in wanted {
            let there = found.indexes.iter().find(|there| there.name == index.name);
            match there {
                None if index.is_key()
                    && found.unique_keys.contains(&index.columns)
                    && !unique.contains(&index.columns) => {}
                None => self.differences.push(Difference::MissingIndex(index.name.clone())),
                Some(there) if !index.is_like(there) => self.differences.push(Difference::Index(index.name.clone())),
                Some(there) if index.has_expressions || index.partial => {
                    let body = |text: &str| text.find('(').and_then(|at| text.get(at..)).unwrap_or_default().to_owned();
                    let there = there.definition.as_deref().map(body).unwrap_or_default();
                    match compare(&body(&index.text), &there, dialect, None) {
                        Likeness::Same => {}
                        Likeness::Other => self.differences.push(Difference::Index(index.name.clone())),
                        Likeness::Unknown => self.not_compared.push(NotCompared::Index(index.name.clone())),
                    }
                }
                Some(_) => {}
            }
        }
        let extra = found.indexes.iter().filter(|there| !wanted.iter().any(|index| index.name == there.name));
        self.differences.extend(extra.map(|there| Difference::ExtraIndex(there.name.clone())));
    }
}

fn names(idents: &[Ident]) -> Vec<String> {
    idents.iter().map(|ident| ident.as_str().to_owned()).collect()
}

/// MariaDB and PostgreSQL tell a default of NULL by the word, with a type on PostgreSQL.
fn is_null(text: &str) -> bool {
    text.eq_ignore_ascii_case("NULL") || text.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("NULL::"))
}

/// Without what the databases don't tell apart.
fn plain(key: &ForeignKeyDetails, dialect: Dialect) -> ForeignKeyDetails {
    let action = |action| match action {
        ReferentialAction::NoAction if dialect.is_mysql_family() => ReferentialAction::Restrict,
        action => action,
    };
    ForeignKeyDetails { on_delete: action(key.on_delete), on_update: action(key.on_update), ..key.clone() }
}

/// What is in `these` and not in `those`.
fn beyond<'t, T: Clone + PartialEq>(these: &'t [T], those: &'t [T]) -> impl Iterator<Item = T> + 't {
    these.iter().filter(|one| !those.contains(one)).cloned()
}

/// Whether a column that was made as `expected` is read back as `found`.
fn same_type(expected: SqlType, found: Option<SqlType>, dialect: Dialect) -> bool {
    let Some(found) = found else { return false };
    match dialect {
        _ if expected == found => true,
        Dialect::Sqlite => (expected.is_integer() && found.is_integer()) || (expected.is_float() && found.is_float()),
        _ => false,
    }
}
