//! Keys and conditions of a table.

use std::fmt;

use crate::error::Result;
use crate::expr::Expr;
use crate::ident::Ident;
use crate::query::{IntoNames, IntoTable, TableName};

/// When a generated column is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    Stored,
    Virtual,
}

/// What becomes of a row when the row that it refers to is deleted, or its key changed.
///
/// Databases differ in when they look: PostgreSQL and SQLite at the end of the statement, MySQL and MariaDB row by row, so there a
/// statement may be refused that deletes a row together with what refers to it in the same table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ReferentialAction {
    /// The change is refused while rows refer to the row.
    #[default]
    NoAction,
    /// The same, at once.
    Restrict,
    /// Rows that refer to a deleted row are deleted; where the key changed, they follow it.
    Cascade,
    /// Their columns become NULL.
    SetNull,
    /// Their columns become their defaults. MySQL and MariaDB don't have it: an error says so.
    SetDefault,
}

#[derive(Debug, Clone)]
pub(crate) struct UniqueKey {
    pub(crate) name: Option<Ident>,
    pub(crate) columns: Vec<Ident>,
}

#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) name: Option<Ident>,
    pub(crate) condition: Expr,
}

/// A foreign key under construction; made by [`foreign_key`].
#[derive(Clone)]
#[must_use = "a foreign key does nothing until it is given to a table"]
pub struct ForeignKey {
    pub(crate) name: Option<Result<Ident>>,
    pub(crate) columns: Result<Vec<Ident>>,
    pub(crate) table: Option<Result<TableName>>,
    pub(crate) references: Option<Result<Vec<Ident>>>,
    pub(crate) on_delete: ReferentialAction,
    pub(crate) on_update: ReferentialAction,
}

/// A foreign key whose names are checked.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) name: Option<Ident>,
    pub(crate) columns: Vec<Ident>,
    pub(crate) table: TableName,
    pub(crate) references: Vec<Ident>,
    pub(crate) on_delete: ReferentialAction,
    pub(crate) on_update: ReferentialAction,
}

/// `columns` hold the key of a row of another table, or NULL.
///
/// ```
/// use portcullis::{ReferentialAction, foreign_key};
///
/// let key = foreign_key("customer_id").references("customers", "id").on_delete(ReferentialAction::Cascade);
/// # let _ = key;
/// ```
pub fn foreign_key(columns: impl IntoNames) -> ForeignKey {
    ForeignKey {
        name: None,
        columns: columns.into_names(),
        table: None,
        references: None,
        on_delete: ReferentialAction::NoAction,
        on_update: ReferentialAction::NoAction,
    }
}

impl ForeignKey {
    /// The table, and its columns in the same order; they must be its primary key or a unique key.
    pub fn references(mut self, table: impl IntoTable, columns: impl IntoNames) -> ForeignKey {
        self.table = Some(table.into_table());
        self.references = Some(columns.into_names());
        self
    }

    /// The name of the constraint; `<table>_<columns>_fkey` if not said.
    pub fn named(mut self, name: &str) -> ForeignKey {
        self.name = Some(Ident::new(name));
        self
    }

    /// When the row that is referred to is deleted; [`ReferentialAction::NoAction`] if not said.
    pub fn on_delete(mut self, action: ReferentialAction) -> ForeignKey {
        self.on_delete = action;
        self
    }

    /// When the key of the row that is referred to changes; [`ReferentialAction::NoAction`] if not said.
    pub fn on_update(mut self, action: ReferentialAction) -> ForeignKey {
        self.on_update = action;
        self
    }

    pub(super) fn checked(self) -> Result<Option<Reference>> {
        let (Some(table), Some(references)) = (self.table, self.references) else { return Ok(None) };
        Ok(Some(Reference {
            name: self.name.transpose()?,
            columns: self.columns?,
            table: table?,
            references: references?,
            on_delete: self.on_delete,
            on_update: self.on_update,
        }))
    }
}

impl fmt::Debug for ForeignKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignKey").field("columns", &self.columns).finish_non_exhaustive()
    }
}
