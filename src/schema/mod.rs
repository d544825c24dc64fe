//! What is known of tables, and the stage that binds a plan's names to it.

mod declare;
mod binds;
mod resolved;
mod scope;
mod nearest;
mod typing;
mod signature;
mod access;
mod resolve;
mod resolve_expr;
mod resolve_cte;
mod resolve_cycle;
mod resolve_lock;
mod resolve_set;
mod resolve_subquery;
mod resolve_step;
mod conform;
mod resolve_write;
mod ddl;
mod resolve_ddl;
mod resolve_insert;
mod resolve_joined;

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::ident::Ident;
use crate::query::TableName;
use crate::types::SqlType;

pub(crate) use binds::{Binds, ListForm, Provenance, RowCount, adapted};
pub(crate) use conform::{conform, parsed};
pub(crate) use ddl::{DdlVerb, ResolvedAlteration, ResolvedColumn, ResolvedDdl, ResolvedIndex, ResolvedTable};
pub(crate) use resolve::{resolve_frame, resolve_raw};
pub(crate) use resolve_ddl::resolve_ddl;
pub(crate) use resolve_expr::escaped;
pub(crate) use resolve_write::resolve_write;
pub(crate) use resolved::{
    Asked, Body, ColumnId, ColumnInfo, ElementOf, ElementPart, Explosion, Facts, InsertBody, InsertRows, Matches, Node,
    NodeKind, OtherKeys, Output, RawSegment, RawStatement, ResolvedPlan, Returned, Rx, RxKind, ScanId, ScanInfo,
    ScanSource, SetColumn, SortColumn, SubplanInfo, UpsertBody, each_operand, lineage, map_operands,
};
pub(crate) use scope::suggest;

/// Tables and their columns, as the database's catalogue or `table!` declares them. Cheap to clone.
///
/// `db.schema().await` reads it; with it an unknown column or a clash of types is found before anything is sent, and the
/// message names what was probably meant.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    tables: Arc<HashMap<TableKey, Arc<TableSchema>>>,
}

/// A table's schema, when it was named with one, and its name.
pub(crate) type TableKey = (Option<String>, String);

/// One table of a [`Schema`].
#[derive(Debug, Clone, PartialEq)]
pub struct TableSchema {
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
    pub(crate) columns: Vec<ColumnSchema>,
    /// Its primary and unique keys, where the catalogue was asked.
    pub(crate) keys: Option<Vec<KeySchema>>,
    /// Whether it is a view, where the catalogue was asked about that.
    pub(crate) view: Option<bool>,
}

/// A primary or unique key of a [`TableSchema`], or a unique index.
#[derive(Debug, Clone, PartialEq)]
pub struct KeySchema {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) primary: bool,
    /// It is over whole columns and over every row: no expression, no part of a text, no condition.
    pub(crate) plain: bool,
}

/// One column of a [`TableSchema`].
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnSchema {
    pub(crate) name: Ident,
    pub(crate) sql_type: Option<SqlType>,
    pub(crate) nullable: bool,
    /// Text that the database itself compares by code point, so that no COLLATE is needed.
    pub(crate) binary_text: bool,
    /// The collation that the column was given, where it is not the database's own and known.
    pub(crate) collation: Option<Arc<str>>,
}

impl Schema {
    pub(crate) fn from_tables(tables: impl IntoIterator<Item = TableSchema>) -> Schema {
        let tables = tables.into_iter().map(|table| ((table.schema.clone(), table.name.clone()), Arc::new(table)));
        Schema { tables: Arc::new(tables.collect()) }
    }

    /// This schema with the tables of `other` added or replaced.
    pub(crate) fn with(&self, other: &Schema) -> Schema {
        let mut tables = (*self.tables).clone();
        tables.extend(other.tables.iter().map(|(key, table)| (key.clone(), Arc::clone(table))));
        Schema { tables: Arc::new(tables) }
    }

    /// This schema without the table of the session's own schema that is called `name`.
    pub(crate) fn without(&self, name: &str) -> Schema {
        let mut tables = (*self.tables).clone();
        tables.remove(&(None, name.to_owned()));
        Schema { tables: Arc::new(tables) }
    }

    /// Whether the two say the same, so that a text compiled with one is that of the other.
    pub(crate) fn is_same(&self, other: &Schema) -> bool {
        Arc::ptr_eq(&self.tables, &other.tables) || self.tables == other.tables
    }

    /// The tables, in no order.
    pub fn tables(&self) -> impl Iterator<Item = &TableSchema> {
        self.tables.values().map(Arc::as_ref)
    }

    /// The table called `name` in the session's own schema.
    pub fn table(&self, name: &str) -> Option<&TableSchema> {
        self.tables.get(&(None, name.to_owned())).map(Arc::as_ref)
    }

    pub(crate) fn find(&self, table: &TableName) -> Option<&Arc<TableSchema>> {
        if self.tables.is_empty() {
            return None;
        }
        let key = (table.schema.as_ref().map(|schema| schema.as_str().to_owned()), table.name.as_str().to_owned());
        self.tables.get(&key)
    }

    /// The key of a table by its name as an access report shows it.
    pub(crate) fn key_of(&self, full_name: &str) -> Option<TableKey> {
        let fits = |(schema, name): &&TableKey| match schema {
            Some(schema) => full_name.split_once('.') == Some((schema, name)),
            None => full_name == name,
        };
        self.tables.keys().find(fits).cloned()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }
}

impl TableSchema {
    /// The schema that the table was named with, if it was.
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns, in the table's order.
    pub fn columns(&self) -> &[ColumnSchema] {
        &self.columns
    }

    /// The column called `name`.
    pub fn column(&self, name: &str) -> Option<&ColumnSchema> {
        self.columns.iter().find(|column| column.name.as_str() == name)
    }
}

impl TableSchema {
    /// The primary and unique keys, and unique indexes; none for a table that `table!` declares.
    pub fn keys(&self) -> &[KeySchema] {
        self.keys.as_deref().unwrap_or_default()
    }

    /// The columns of the primary key; none where there is none.
    pub fn primary_key(&self) -> &[String] {
        self.keys().iter().find(|key| key.primary).map(KeySchema::columns).unwrap_or_default()
    }
}

impl KeySchema {
    /// The key's name: on MySQL and MariaDB that of a primary key is `PRIMARY`, and SQLite makes names up.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its columns, in the key's order. An expression is none of them.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Whether it is the primary key.
    pub fn is_primary(&self) -> bool {
        self.primary
    }
}

impl ColumnSchema {
    /// The column's name.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Its type; `None` for one that the builder has no name for.
    pub fn sql_type(&self) -> Option<SqlType> {
        self.sql_type
    }

    /// Whether it may hold NULL.
    pub fn nullable(&self) -> bool {
        self.nullable
    }
}

/// Asks for tables' columns: the executor reads them and resolves again; text without a database fails with it.
pub(crate) fn schema_needed(tables: Vec<TableName>, why: &str) -> Error {
    let names: Vec<String> = tables.iter().map(|table| format!("{:?}", table.name)).collect();
    let needs = tables
        .into_iter()
        .map(|table| (table.schema.map(|schema| schema.as_str().to_owned()), table.name.as_str().to_owned()))
        .collect();
    let message = format!(
        "{why} needs the columns of {}; call `db.schema().await?` first, or declare the table with `table!`",
        names.join(", ")
    );
    Error::new(ErrorKind::SchemaNeeded, "schema.needed", message).with_needs(needs)
}

/// Checks that a plan isn't too deep before anything walks it by recursion.
pub(crate) fn check_depth(depth: u32, limit: u32, what: &str) -> Result<()> {
    if depth <= limit {
        return Ok(());
    }
    let message = format!(
        "{what} is {depth} levels deep and {limit} are allowed; build it from lists with `all_of`, `any_of` or `in_`, or split it"
    );
    Err(Error::new(ErrorKind::Limit, "limit.depth", message))
}
