//! CREATE TABLE.

use super::{Check, ColumnDefinition, Ddl, DdlKind, ForeignKey, Reference, UniqueKey};
use crate::error::{Error, ErrorKind};
use crate::expr::{Expr, IntoExpr};
use crate::ident::Ident;
use crate::query::{Frame, IntoNames, IntoTable, Origin};

/// A table to be made.
#[derive(Clone, Default)]
pub(crate) struct TableDefinition {
    pub(crate) columns: Vec<ColumnDefinition>,
    /// Of several columns, or said on the table.
    pub(crate) primary_key: Option<Vec<Ident>>,
    pub(crate) unique: Vec<UniqueKey>,
    pub(crate) foreign_keys: Vec<Reference>,
    pub(crate) checks: Vec<Check>,
    pub(crate) temporary: bool,
    pub(crate) if_not_exists: bool,
}

impl TableDefinition {
    pub(super) fn each_expr(&self, visit: &mut dyn FnMut(&Expr)) {
        self.columns.iter().for_each(|column| column.each_expr(visit));
        self.checks.iter().for_each(|check| visit(&check.condition));
    }
}

/// A new table; made by `db.create_table("table")`, with columns by [`column`](super::column()), or by
/// `db.create_table(orders::table)` with those that `table!` declares.
///
/// Checks, defaults and generated columns are expressions of this crate. A statement that makes a table can't bind values, so they
/// are written into it, exactly or not at all; see `docs/tables.md`.
///
/// ```
/// use portcullis::{Database, ErrorKind, ReadWrite, SqlType, col, column};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> portcullis::Result<()> {
/// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
/// db.create_table("items")
///     .column(column("id", SqlType::Int64).identity())
///     .column(column("name", SqlType::Text).max_length(80).not_null().unique())
///     .column(column("price", SqlType::decimal(10, 2)).not_null().check(col("price").ge(0)))
///     .column(column("state", SqlType::Text).one_of(["new", "sold"]).default("new"))
///     .execute()
///     .await?;
/// db.insert("items").columns(["name", "price"]).row(("lamp", 12)).execute().await?;
/// let refused = db.insert("items").columns(["name", "price"]).row(("desk", -1)).execute().await;
/// assert_eq!(refused.unwrap_err().kind(), ErrorKind::Constraint);
/// assert_eq!(db.table("items").select("state").one_as::<String>().await?, "new");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a table is made when this is run with `.execute().await`"]
pub struct CreateTable {
    pub(crate) ddl: Ddl,
}

impl CreateTable {
    #[track_caller]
    pub(crate) fn new(table: impl IntoTable, origin: Origin) -> CreateTable {
        let mut ddl = Ddl::new(table, DdlKind::Truncate, origin);
        let declared = ddl.table.as_ref().ok().and_then(|table| table.declared).unwrap_or_default();
        let columns = declared.iter().map(ColumnDefinition::declared).collect();
        ddl.kind = DdlKind::Create(Box::new(TableDefinition { columns, ..TableDefinition::default() }));
        CreateTable { ddl }
    }

    fn change(mut self, change: impl FnOnce(&mut TableDefinition)) -> CreateTable {
        if let DdlKind::Create(table) = &mut self.ddl.kind {
            change(table);
        }
        self
    }

    /// Adds a column. One that `table!` declared is defined anew, in its place: with a default, say, or as the key.
    pub fn column(self, column: ColumnDefinition) -> CreateTable {
        self.change(|table| {
            let declared = match &column.name {
                Ok(name) => table.columns.iter_mut().find(|known| known.name.as_ref().is_ok_and(|known| known == name)),
                Err(_) => None,
            };
            match declared {
                Some(known) => *known = column,
                None => table.columns.push(column),
            }
        })
    }

    /// Adds columns.
    pub fn columns(self, columns: impl IntoIterator<Item = ColumnDefinition>) -> CreateTable {
        columns.into_iter().fold(self, CreateTable::column)
    }

    /// The primary key: the columns become NOT NULL, and no two rows hold the same values in all of them.
    pub fn primary_key(mut self, columns: impl IntoNames) -> CreateTable {
        match self.ddl.note(columns.into_names()) {
            Some(names) => self.change(|table| table.primary_key = Some(names)),
            None => self,
        }
    }

    /// No two rows hold the same values in all of these columns, unless one is NULL.
    pub fn unique(mut self, columns: impl IntoNames) -> CreateTable {
        match self.ddl.note(columns.into_names()) {
            Some(columns) => self.change(|table| table.unique.push(UniqueKey { name: None, columns })),
            None => self,
        }
    }

    /// The same under a name of its own; `<table>_<columns>_key` if not said.
    pub fn unique_named(mut self, name: &str, columns: impl IntoNames) -> CreateTable {
        let name = self.ddl.note(Ident::new(name));
        match (name, self.ddl.note(columns.into_names())) {
            (name @ Some(_), Some(columns)) => self.change(|table| table.unique.push(UniqueKey { name, columns })),
            _ => self,
        }
    }

    /// Adds a foreign key.
    pub fn foreign_key(mut self, key: ForeignKey) -> CreateTable {
        match self.ddl.note(key.checked()) {
            Some(Some(key)) => self.change(|table| table.foreign_keys.push(key)),
            Some(None) => {
                let message = "a foreign key refers to nothing; write `.references(\"table\", \"column\")`";
                self.ddl.mistakes.push(Error::new(ErrorKind::Plan, "table.references", message));
                self
            }
            None => self,
        }
    }

    /// Every row must meet `condition`, where that is not NULL.
    pub fn check(self, condition: impl IntoExpr) -> CreateTable {
        let condition = condition.into_expr();
        self.change(|table| table.checks.push(Check { name: None, condition }))
    }

    /// The same under a name of its own, which an error of the database then carries; `<table>_<column>_check` or `<table>_check`
    /// if not said.
    pub fn check_named(mut self, name: &str, condition: impl IntoExpr) -> CreateTable {
        let condition = condition.into_expr();
        match self.ddl.note(Ident::new(name)) {
            Some(name) => self.change(|table| table.checks.push(Check { name: Some(name), condition })),
            None => self,
        }
    }

    /// Leaves a table of that name as it is, whatever its columns.
    pub fn if_not_exists(self) -> CreateTable {
        self.change(|table| table.if_not_exists = true)
    }

    /// A table that only its session sees. Since a statement of a handle runs on any session, it is made within a transaction, and
    /// is gone at its end.
    pub fn temporary(self) -> CreateTable {
        self.change(|table| table.temporary = true)
    }

    /// A table made of a frame's rows: with a column for each of its columns, of its type, which may hold NULL. A
    /// [`column`](CreateTable::column) of the same name defines one of them otherwise, for instance as the key.
    ///
    /// ```
    /// use portcullis::{Database, ReadWrite, SqlType, col, column};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// db.create_table("orders").column(column("id", SqlType::Int64)).column(column("total", SqlType::Int64)).execute().await?;
    /// db.insert("orders").columns(["id", "total"]).rows([[1, 50], [2, 75]]).execute().await?;
    /// let big = db.table("orders").where_(col("total").gt(60));
    /// let rows = db.create_table("big").primary_key("id").as_frame(big).execute().await?;
    /// assert_eq!(rows, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn as_frame(self, frame: Frame) -> CreateTableAs {
        CreateTableAs { create: self, frame }
    }
}

/// A new table made of a frame's rows; made by [`CreateTable::as_frame`].
#[derive(Debug, Clone)]
#[must_use = "a table is made when this is run with `.execute().await`"]
pub struct CreateTableAs {
    pub(crate) create: CreateTable,
    pub(crate) frame: Frame,
}
