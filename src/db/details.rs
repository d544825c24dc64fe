//! What tables are in the database, in full.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::details_sql::{MARIADB, MYSQL, POSTGRES, SQLITE};
use super::handle::{Database, Mode, Runner};
use super::prepare::Plan;
use super::table_text::TableText;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::query::{IntoTable, RawSource, RawSql, ReferentialAction};
use crate::row::{SerdeSink, take_back};
use crate::schema::TableSchema;
use crate::types::SqlType;

/// A table as the database's catalogue describes it; read by [`Database::table_details`] and [`Database::all_table_details`].
///
/// Expressions are given as the database tells them: PostgreSQL, MySQL and MariaDB write them anew, SQLite keeps what was sent.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct TableDetails {
    /// Its name.
    pub name: String,
    /// It is a view, of which only the columns are told.
    pub is_view: bool,
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
    /// The checks. What a type of this crate's is on SQLite is none of them, nor what JSON is on MariaDB.
    pub checks: Vec<CheckDetails>,
}

/// A column of [`TableDetails`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ColumnDetails {
    /// Its name.
    pub name: String,
    /// Its type; `None` for one that this crate has no name for.
    pub sql_type: Option<SqlType>,
    /// How many characters, or bytes, it holds at most, where the type says so.
    pub max_length: Option<u32>,
    /// It may hold NULL.
    pub nullable: bool,
    /// Its default, if it has one.
    pub default: Option<String>,
    /// It counts by itself.
    pub identity: bool,
    /// What it is computed as, if it is.
    pub generated: Option<String>,
    /// The database itself compares the column's text by code point, as it does in every table that this crate makes.
    pub by_code_point: bool,
}

/// A foreign key of [`TableDetails`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ForeignKeyDetails {
    /// Its columns.
    pub columns: Vec<String>,
    /// The schema of the table that it refers to, where that is another than the table's own.
    pub schema: Option<String>,
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
    /// Those of the columns of which the largest comes first.
    pub descending: Vec<String>,
    /// It is by an expression.
    pub has_expressions: bool,
    /// No two rows hold the same values in it.
    pub unique: bool,
    /// It is of the rows that meet a condition.
    pub partial: bool,
    /// The statement that makes it, as PostgreSQL and SQLite tell it.
    pub definition: Option<String>,
}

/// A check of [`TableDetails`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CheckDetails {
    /// Its name; SQLite keeps checks without one.
    pub name: Option<String>,
    /// What every row must meet.
    pub condition: String,
}

/// A row of the catalogue queries.
#[derive(serde::Deserialize)]
struct Fact {
    table: String,
    kind: String,
    name: Option<String>,
    #[serde(rename = "column")]
    column: Option<String>,
    other_table: Option<String>,
    other_column: Option<String>,
    on_delete: Option<String>,
    on_update: Option<String>,
    text: Option<String>,
}

impl<M: Mode> Database<M> {
    /// Reads a table from the catalogue: columns with types, defaults, keys, indexes and checks.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Schema`] where there is no such table, and what running a statement gives.
    pub async fn table_details(&self, table: impl IntoTable) -> Result<TableDetails> {
        let table = table.into_table()?;
        let (schema, name) = (table.schema.as_ref().map(|schema| schema.as_str()), table.name.as_str());
        details(&self.runner, schema, Some(name)).await?.remove(name).ok_or_else(|| {
            let message = format!("there is no table {:?}, or the role may not see it", table.name);
            Error::new(ErrorKind::Schema, "schema.unknown_table", message).with_table(name)
        })
    }

    /// Reads all tables and views of the session's own schema, in order of their names: what [`table_details`](Database::table_details)
    /// reads of one, by two catalogue queries in all. [`schema`](Database::schema) reads what the builder itself needs, columns and
    /// unique keys, and keeps it.
    ///
    /// A table with a name, or a column's name, that this crate can't write is left out, as are SQLite's own. What the role may not see is
    /// not told: on MySQL and MariaDB one that may only select sees columns and indexes, and no keys.
    ///
    /// ```
    /// use portcullis::{Database, ReadWrite, SqlType, column};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// let state = column("state", SqlType::Text).one_of(["new", "sold"]).default("new");
    /// db.create_table("items").column(column("id", SqlType::Int64).identity()).column(state).execute().await?;
    /// let all = db.all_table_details().await?;
    /// assert_eq!(all[0].columns[1].default.as_deref(), Some("'new'"));
    /// assert_eq!(all[0].checks[0].name.as_deref(), Some("items_state_check"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What running a statement gives.
    pub async fn all_table_details(&self) -> Result<Vec<TableDetails>> {
        Ok(details(&self.runner, None, None).await?.into_values().collect())
    }

    /// The same of another schema; on MySQL and MariaDB of another database. Nothing where there is no such schema.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] on SQLite, and what running a statement gives.
    pub async fn all_table_details_in(&self, schema: &str) -> Result<Vec<TableDetails>> {
        if self.runner.core.server.dialect == Dialect::Sqlite {
            let message = "SQLite has no schemas; use `all_table_details`";
            return Err(Error::new(ErrorKind::Unsupported, "schema.none", message));
        }
        Ok(details(&self.runner, Some(schema), None).await?.into_values().collect())
    }
}

/// The tables by their names: of `schema` or the session's own, all or one.
pub(super) async fn details(
    runner: &Arc<Runner>,
    schema: Option<&str>,
    name: Option<&str>,
) -> Result<BTreeMap<String, TableDetails>> {
    let dialect = runner.core.server.dialect;
    let known = runner.read(schema, name).await?;
    if known.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = match dialect {
        Dialect::Postgres => POSTGRES,
        Dialect::MySql => MYSQL,
        Dialect::MariaDb => MARIADB,
        Dialect::Sqlite => SQLITE,
    };
    let mut query = RawSql::new(RawSource::Fixed(sql), None).bind("name", name);
    if dialect != Dialect::Sqlite {
        query = query.bind("schema", schema);
    }
    let (sink, _) = runner.run(Plan::Catalog(&query.text), Box::new(SerdeSink::<Fact>::new())).await?;
    let mut facts: BTreeMap<String, Vec<Fact>> = BTreeMap::new();
    for fact in take_back::<SerdeSink<Fact>>(sink)?.into_items() {
        facts.entry(fact.table.clone()).or_default().push(fact);
    }
    let tables = known.tables().filter_map(|table| {
        let facts = facts.remove(table.name())?;
        // SQLite's own tables are told of by name alone.
        facts.iter().find(|fact| matches!(fact.kind.as_str(), "table" | "view"))?;
        Some((table.name().to_owned(), of(table, facts, dialect)))
    });
    Ok(tables.collect())
}

fn of(table: &TableSchema, facts: Vec<Fact>, dialect: Dialect) -> TableDetails {
    let columns = table.columns().iter().map(|column| ColumnDetails {
        name: column.name().to_owned(),
        sql_type: column.sql_type(),
        max_length: None,
        nullable: column.nullable(),
        default: None,
        identity: false,
        generated: None,
        by_code_point: column.binary_text,
    });
    let mut details =
        TableDetails { name: table.name().to_owned(), columns: columns.collect(), ..TableDetails::default() };
    // Parts of one key follow each other.
    let mut key: Option<(String, Option<String>)> = None;
    let mut kept = None;
    for mut fact in facts {
        if dialect == Dialect::MySql && matches!(fact.kind.as_str(), "default" | "generated" | "check") {
            fact.text = fact.text.map(|text| text.replace("\\'", "'"));
        }
        if dialect == Dialect::Sqlite && fact.kind == "table" {
            kept = fact.text.take();
        }
        let goes_on = key.as_ref().is_some_and(|(kind, name)| *kind == fact.kind && *name == fact.name);
        key = Some((fact.kind.clone(), fact.name.clone()));
        add(fact, goes_on, &mut details);
    }
    if let Some(sql) = kept {
        add_kept(&TableText::of(&sql, dialect), &mut details);
    }
    // SQLite says nothing of what NOT NULL follows from.
    for column in &mut details.columns {
        column.nullable = column.nullable && !details.primary_key.contains(&column.name);
    }
    details
}

fn add(fact: Fact, goes_on: bool, details: &mut TableDetails) {
    let Fact { table: _, kind, name, column, other_table, other_column, on_delete, on_update, text } = fact;
    let own = details.columns.iter_mut().find(|known| Some(&known.name) == column.as_ref());
    match (kind.as_str(), own) {
        ("view", _) => details.is_view = true,
        ("default", Some(own)) => own.default = Some(text.unwrap_or_default()),
        ("generated", Some(own)) => own.generated = Some(text.unwrap_or_default()),
        ("identity", Some(own)) => own.identity = true,
        ("length", Some(own)) => own.max_length = text.and_then(|text| text.trim().parse().ok()),
        ("json", Some(own)) => own.sql_type = Some(SqlType::Json),
        ("primary", _) => details.primary_key.extend(column),
        ("unique", _) => match details.unique_keys.last_mut().filter(|_| goes_on) {
            Some(columns) => columns.extend(column),
            None => details.unique_keys.push(column.into_iter().collect()),
        },
        ("index", _) => {
            let descending = on_delete.is_some();
            if !goes_on {
                details.indexes.push(IndexDetails {
                    name: name.unwrap_or_default(),
                    columns: Vec::new(),
                    descending: Vec::new(),
                    has_expressions: false,
                    unique: other_table.is_some(),
                    partial: other_column.is_some(),
                    definition: text,
                });
            }
            if let Some(index) = details.indexes.last_mut() {
                index.has_expressions |= column.is_none();
                index.descending.extend(column.clone().filter(|_| descending));
                index.columns.extend(column);
            }
        }
        ("foreign", _) => match details.foreign_keys.last_mut().filter(|_| goes_on) {
            Some(key) => {
                key.columns.extend(column);
                key.references.extend(other_column);
            }
            None => details.foreign_keys.push(ForeignKeyDetails {
                columns: column.into_iter().collect(),
                schema: text,
                table: other_table.unwrap_or_default(),
                references: other_column.into_iter().collect(),
                on_delete: action(on_delete.as_deref()),
                on_update: action(on_update.as_deref()),
            }),
        },
        ("check", _) => details.checks.push(CheckDetails { name, condition: text.unwrap_or_default() }),
        _ => {}
    }
}

/// SQLite keeps the text that made the table, and no catalogue of checks, counters and what columns are computed as.
fn add_kept(kept: &TableText, details: &mut TableDetails) {
    for column in &mut details.columns {
        column.identity = kept.counts && details.primary_key.contains(&column.name);
        if column.generated.is_some() {
            let text = kept.generated.iter().find(|(name, _)| name.eq_ignore_ascii_case(&column.name));
            column.generated = Some(text.map(|(_, text)| text.clone()).unwrap_or_default());
        }
    }
    let checks = kept.checks.iter();
    details.checks =
        checks.map(|(name, condition)| CheckDetails { name: name.clone(), condition: condition.clone() }).collect();
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
