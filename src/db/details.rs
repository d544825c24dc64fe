//! What a table is in the database, in full, and how that differs from a definition.

use std::fmt;
use std::sync::Arc;

use super::details_sql::{MYSQL, POSTGRES, SQLITE};
use super::handle::{Database, Mode, Runner};
use super::prepare::Plan;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::query::{CreateTable, IntoTable, RawSource, RawSql, ReferentialAction, TableName};
use crate::row::{SerdeSink, take_back};
use crate::schema::{Body, DdlVerb, ResolvedTable, Schema};
use crate::token::{Kind, Tokens};
use crate::types::SqlType;

/// A table as the database's catalogue describes it; read by [`Database::table_details`].
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct TableDetails {
    /// The columns, in the table's order.
    pub columns: Vec<ColumnDetails>,
    /// The columns of the primary key, in its order; none where there is none.
    pub primary_key: Vec<String>,
    /// The columns of each unique key, and of each unique index over whole columns and all rows.
    pub unique_keys: Vec<Vec<String>>,
    /// The foreign keys.
    pub foreign_keys: Vec<ForeignKeyDetails>,
    /// The other indexes.
    pub indexes: Vec<IndexDetails>,
    /// The names of the checks; one without a name of its own is not told on SQLite.
    pub checks: Vec<String>,
}

/// A column of [`TableDetails`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ColumnDetails {
    /// Its name.
    pub name: String,
    /// Its type; `None` for one that this crate has no name for.
    pub sql_type: Option<SqlType>,
    /// It may hold NULL.
    pub nullable: bool,
    /// It has a default.
    pub default: bool,
    /// It counts by itself.
    pub identity: bool,
    /// It is computed from others.
    pub generated: bool,
}

/// A foreign key of [`TableDetails`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ForeignKeyDetails {
    /// Its columns.
    pub columns: Vec<String>,
    /// The table that it refers to.
    pub table: String,
    /// The columns there.
    pub references: Vec<String>,
    /// What becomes of a row whose target is deleted. MySQL and MariaDB tell no `NoAction` from `Restrict`, which are the same there.
    pub on_delete: ReferentialAction,
    /// What becomes of a row whose target's key changes.
    pub on_update: ReferentialAction,
}

/// An index of [`TableDetails`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct IndexDetails {
    /// Its name.
    pub name: String,
    /// Its columns; an expression is none of them.
    pub columns: Vec<String>,
}

/// One thing in which a table of the database is other than a definition; see [`CreateTable::diff`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Difference {
    /// There is no such table.
    MissingTable,
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
    /// The table has a check of this name that the definition lacks.
    ExtraCheck(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let turn = |found: &bool| if *found { "is" } else { "is not" };
        match self {
            Difference::MissingTable => write!(f, "there is no such table"),
            Difference::MissingColumn(column) => write!(f, "the column `{column}` is missing"),
            Difference::ExtraColumn(column) => write!(f, "the column `{column}` is not in the definition"),
            Difference::Type { column, expected, found: Some(found) } => {
                write!(f, "the column `{column}` is {found} and should be {expected}")
            }
            Difference::Type { column, expected, found: None } => {
                write!(f, "the column `{column}` is of an unknown type and should be {expected}")
            }
            Difference::Nullable { column, found } => write!(f, "the column `{column}` {} nullable", turn(found)),
            Difference::Default { column, found: true } => write!(f, "the column `{column}` has a default"),
            Difference::Default { column, found: false } => write!(f, "the column `{column}` has no default"),
            Difference::Identity { column, found } => write!(f, "the column `{column}` {} an identity", turn(found)),
            Difference::Generated { column, found } => write!(f, "the column `{column}` {} generated", turn(found)),
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
        }
    }
}

/// A row of the catalogue queries.
#[derive(serde::Deserialize)]
struct Fact {
    kind: String,
    name: Option<String>,
    #[serde(rename = "column")]
    column: Option<String>,
    other_table: Option<String>,
    other_column: Option<String>,
    on_delete: Option<String>,
    on_update: Option<String>,
}

impl<M: Mode> Database<M> {
    /// Reads a table from the catalogue: columns with types, defaults, keys, indexes and checks.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Schema`] where there is no such table, and what running a statement gives.
    pub async fn table_details(&self, table: impl IntoTable) -> Result<TableDetails> {
        read(&self.runner, &table.into_table()?).await
    }
}

impl CreateTable {
    /// How the table in the database differs from this definition: nothing where it is as [`execute`](CreateTable::execute) would make
    /// it. Expressions and names of keys are not compared; on SQLite all integers are of one type, and on MariaDB JSON is text.
    ///
    /// ```
    /// use portcullis::{Database, Difference, ReadWrite, SqlType, column};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// let items = db.create_table("items").column(column("id", SqlType::Int64).identity());
    /// assert_eq!(items.diff().await?, [Difference::MissingTable]);
    /// items.clone().execute().await?;
    /// assert_eq!(items.diff().await?, []);
    /// let more = items.column(column("name", SqlType::Text));
    /// assert_eq!(more.diff().await?, [Difference::MissingColumn("name".to_owned())]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The mistakes of the definition, and what running a statement gives.
    pub async fn diff(&self) -> Result<Vec<Difference>> {
        let runner = Runner::of(Some(&self.ddl.origin))?;
        let dialect = runner.core.server.dialect;
        let plan = Plan::Ddl(&self.ddl).resolve(&Schema::default(), dialect)?;
        let Body::Ddl(ddl) = plan.body() else { return Err(Error::internal("diff.body")) };
        let DdlVerb::Create(expected) = &ddl.verb else { return Err(Error::internal("diff.verb")) };
        match read(&runner, &ddl.table).await {
            Ok(found) => Ok(differences(expected, &found, dialect)),
            Err(error) if error.code() == "schema.unknown_table" => Ok(vec![Difference::MissingTable]),
            Err(error) => Err(error),
        }
    }
}

async fn read(runner: &Arc<Runner>, table: &TableName) -> Result<TableDetails> {
    let (schema, name) = (table.schema.as_ref().map(|schema| schema.as_str()), table.name.as_str());
    let dialect = runner.core.server.dialect;
    let columns = runner.read(schema, Some(name)).await?;
    let Some(columns) = columns.tables().next() else {
        let message = format!("there is no table {:?}, or the role may not see it", table.name);
        return Err(Error::new(ErrorKind::Schema, "schema.unknown_table", message).with_table(name));
    };
    let sql = match dialect {
        Dialect::Postgres => POSTGRES,
        Dialect::MySql | Dialect::MariaDb => MYSQL,
        Dialect::Sqlite => SQLITE,
    };
    let mut query = RawSql::new(RawSource::Fixed(sql), None).bind("name", name);
    if dialect != Dialect::Sqlite {
        query = query.bind("schema", schema);
    }
    let (sink, _) = runner.run(Plan::Catalog(&query.text), Box::new(SerdeSink::<Fact>::new())).await?;
    let facts = take_back::<SerdeSink<Fact>>(sink)?.into_items();
    let mut details = TableDetails::default();
    for column in columns.columns() {
        let is =
            |kind: &str| facts.iter().any(|fact| fact.kind == kind && fact.column.as_deref() == Some(column.name()));
        details.columns.push(ColumnDetails {
            name: column.name().to_owned(),
            sql_type: column.sql_type(),
            nullable: column.nullable(),
            default: is("default"),
            identity: is("identity"),
            generated: is("generated"),
        });
    }
    // Parts of one key follow each other.
    let mut key: Option<(String, Option<String>)> = None;
    for fact in facts {
        let goes_on = key.as_ref().is_some_and(|(kind, name)| *kind == fact.kind && *name == fact.name);
        key = Some((fact.kind.clone(), fact.name.clone()));
        add(fact, goes_on, &mut details);
    }
    // SQLite says nothing of what NOT NULL follows from.
    for column in &mut details.columns {
        column.nullable = column.nullable && !details.primary_key.contains(&column.name);
    }
    Ok(details)
}

fn add(fact: Fact, goes_on: bool, details: &mut TableDetails) {
    let Fact { kind, name, column, other_table, other_column, on_delete, on_update } = fact;
    match kind.as_str() {
        "primary" => details.primary_key.extend(column),
        "unique" => match details.unique_keys.last_mut().filter(|_| goes_on) {
            Some(columns) => columns.extend(column),
            None => details.unique_keys.push(column.into_iter().collect()),
        },
        "index" => match details.indexes.last_mut().filter(|_| goes_on) {
            Some(index) => index.columns.extend(column),
            None => details
                .indexes
                .push(IndexDetails { name: name.unwrap_or_default(), columns: column.into_iter().collect() }),
        },
        "foreign" => match details.foreign_keys.last_mut().filter(|_| goes_on) {
            Some(key) => {
                key.columns.extend(column);
                key.references.extend(other_column);
            }
            None => details.foreign_keys.push(ForeignKeyDetails {
                columns: column.into_iter().collect(),
                table: other_table.unwrap_or_default(),
                references: other_column.into_iter().collect(),
                on_delete: action(on_delete.as_deref()),
                on_update: action(on_update.as_deref()),
            }),
        },
        "check" => details.checks.extend(name),
        // SQLite keeps the text that made the table, and no catalogue of checks and counters.
        "text" => read_text(name.as_deref().unwrap_or_default(), details),
        _ => {}
    }
}

fn action(words: Option<&str>) -> ReferentialAction {
    match words.unwrap_or_default() {
        "r" | "RESTRICT" => ReferentialAction::Restrict,
        "c" | "CASCADE" => ReferentialAction::Cascade,
        "n" | "SET NULL" => ReferentialAction::SetNull,
        "d" | "SET DEFAULT" => ReferentialAction::SetDefault,
        _ => ReferentialAction::NoAction,
    }
}

fn read_text(sql: &str, details: &mut TableDetails) {
    let tokens: Vec<_> = Tokens::new(sql, Dialect::Sqlite).collect();
    if tokens.iter().any(|token| token.is_word("AUTOINCREMENT")) {
        let keys = details.primary_key.clone();
        for column in details.columns.iter_mut().filter(|column| keys.contains(&column.name)) {
            column.identity = true;
        }
    }
    for window in tokens.windows(3) {
        if let [constraint, name, check] = window
            && constraint.is_word("CONSTRAINT")
            && check.is_word("CHECK")
            && matches!(name.kind, Kind::Name | Kind::Word)
        {
            let name = name.text.trim_matches('"').replace("\"\"", "\"");
            if name != "portcullis_type" {
                details.checks.push(name);
            }
        }
    }
}

fn differences(expected: &ResolvedTable, found: &TableDetails, dialect: Dialect) -> Vec<Difference> {
    let mut all = Vec::new();
    let names = |idents: &[crate::ident::Ident]| -> Vec<String> {
        idents.iter().map(|ident| ident.as_str().to_owned()).collect()
    };
    for column in &expected.columns {
        let name = column.name.as_str().to_owned();
        let Some(known) = found.columns.iter().find(|known| known.name == name) else {
            all.push(Difference::MissingColumn(name));
            continue;
        };
        if !same_type(column.sql_type, known.sql_type, dialect) {
            let (expected, found) = (column.sql_type, known.sql_type);
            all.push(Difference::Type { column: name.clone(), expected, found });
        }
        // Whether what it is computed of may be NULL, the database does not say.
        if known.nullable == column.not_null && column.generated.is_none() {
            all.push(Difference::Nullable { column: name.clone(), found: known.nullable });
        }
        if known.default != column.default.is_some() {
            all.push(Difference::Default { column: name.clone(), found: known.default });
        }
        if known.identity != column.identity {
            all.push(Difference::Identity { column: name.clone(), found: known.identity });
        }
        if known.generated != column.generated.is_some() {
            all.push(Difference::Generated { column: name, found: known.generated });
        }
    }
    let is_extra = |name: &str| !expected.columns.iter().any(|column| column.name.as_str() == name);
    let extra = found.columns.iter().filter(|column| is_extra(&column.name));
    all.extend(extra.map(|column| Difference::ExtraColumn(column.name.clone())));
    if names(&expected.primary_key) != found.primary_key {
        all.push(Difference::PrimaryKey { found: found.primary_key.clone() });
    }
    let unique: Vec<Vec<String>> = expected.unique.iter().map(|(_, columns)| names(columns)).collect();
    all.extend(beyond(&unique, &found.unique_keys).map(Difference::MissingUnique));
    all.extend(beyond(&found.unique_keys, &unique).map(Difference::ExtraUnique));
    let mysql = dialect.is_mysql_family();
    let action =
        |action| if mysql && action == ReferentialAction::NoAction { ReferentialAction::Restrict } else { action };
    let plain = |key: &ForeignKeyDetails| ForeignKeyDetails {
        on_delete: action(key.on_delete),
        on_update: action(key.on_update),
        ..key.clone()
    };
    let wanted = expected.foreign_keys.iter().map(|(key, _, _)| ForeignKeyDetails {
        columns: names(&key.columns),
        table: key.table.name.as_str().to_owned(),
        references: names(&key.references),
        on_delete: action(key.on_delete),
        on_update: action(key.on_update),
    });
    let wanted: Vec<ForeignKeyDetails> = wanted.collect();
    let there: Vec<ForeignKeyDetails> = found.foreign_keys.iter().map(plain).collect();
    all.extend(beyond(&wanted, &there).map(|key| Difference::MissingForeignKey(key.columns)));
    all.extend(beyond(&there, &wanted).map(|key| Difference::ExtraForeignKey(key.columns)));
    let checks: Vec<String> =
        expected.checks.iter().filter_map(|(name, _)| Some(name.as_ref()?.as_str().to_owned())).collect();
    all.extend(beyond(&checks, &found.checks).map(Difference::MissingCheck));
    all.extend(beyond(&found.checks, &checks).map(Difference::ExtraCheck));
    all
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
        Dialect::MariaDb => expected == SqlType::Json && found == SqlType::Text,
        _ => false,
    }
}
