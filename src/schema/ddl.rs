//! Statements about tables after their names and types were checked.

use super::{ColumnSchema, Rx, ScanId, TableSchema};
use crate::ident::Ident;
use crate::query::{ColumnChange, Generation, KeptColumn, Reference, TableName};
use crate::types::SqlType;

pub(crate) struct ResolvedDdl {
    pub(crate) table: TableName,
    /// The table itself, whose columns the expressions name.
    pub(crate) scan: ScanId,
    pub(crate) verb: DdlVerb,
}

impl ResolvedDdl {
    /// What is known of the temporary table that it makes, since no catalogue tells on every database.
    pub(crate) fn temporary_table(&self) -> Option<TableSchema> {
        let DdlVerb::Create(table) = &self.verb else { return None };
        let columns = table.columns.iter().map(|column| ColumnSchema {
            name: column.name.clone(),
            sql_type: Some(column.sql_type),
            nullable: !column.not_null,
            binary_text: column.sql_type == SqlType::Text,
            collation: None,
        });
        Some(TableSchema {
            schema: None,
            name: self.table.name.as_str().to_owned(),
            columns: columns.collect(),
            keys: None,
            view: Some(false),
        })
    }
}

pub(crate) enum DdlVerb {
    Create(ResolvedTable),
    Drop { if_exists: bool, temporary: bool },
    Truncate,
    Alter(ResolvedAlteration),
    CreateIndex(ResolvedIndex),
    DropIndex { name: Ident, if_exists: bool },
}

pub(crate) enum ResolvedAlteration {
    AddColumn { column: ResolvedColumn, checks: Vec<(Option<Ident>, Rx)> },
    DropColumn(Ident),
    RenameColumn(Ident, Ident),
    RenameTable(Ident),
    Redefine { name: Ident, from: Option<SqlType>, change: ColumnChange, kept: Option<Box<KeptColumn>> },
    SetDefault(Ident, Rx),
    DropDefault(Ident),
    AddUnique(Option<Ident>, Vec<Ident>),
    AddForeignKey(Reference, Option<Ident>),
    AddCheck(Option<Ident>, Rx),
    DropConstraint(Ident),
}

pub(crate) struct ResolvedIndex {
    pub(crate) name: Ident,
    /// Each with whether the largest comes first.
    pub(crate) keys: Vec<(Rx, bool)>,
    pub(crate) unique: bool,
    pub(crate) condition: Option<Rx>,
    pub(crate) if_not_exists: bool,
}

pub(crate) struct ResolvedTable {
    pub(crate) columns: Vec<ResolvedColumn>,
    pub(crate) primary_key: Vec<Ident>,
    pub(crate) unique: Vec<(Option<Ident>, Vec<Ident>)>,
    /// Each with the scan of the table that it refers to, unless that is the new table itself.
    pub(crate) foreign_keys: Vec<(Reference, Option<Ident>, Option<ScanId>)>,
    pub(crate) checks: Vec<(Option<Ident>, Rx)>,
    pub(crate) temporary: bool,
    pub(crate) if_not_exists: bool,
}

pub(crate) struct ResolvedColumn {
    pub(crate) name: Ident,
    pub(crate) sql_type: SqlType,
    pub(crate) max_length: Option<u32>,
    pub(crate) not_null: bool,
    pub(crate) identity: bool,
    /// Part of a key or an index, for which MySQL wants a length.
    pub(crate) keyed: bool,
    pub(crate) default: Option<Rx>,
    pub(crate) generated: Option<(Rx, Generation)>,
}
