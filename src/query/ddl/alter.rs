//! ALTER TABLE.

use super::{Check, ColumnDefinition, Ddl, DdlKind, ForeignKey, Reference, UniqueKey};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Expr, IntoExpr, Operand};
use crate::ident::Ident;
use crate::query::{IntoNames, IntoTable, Origin};
use crate::types::SqlType;
use crate::value::Value;

/// One change of a table.
#[derive(Clone)]
pub(crate) enum Alteration {
    /// Nothing was said yet.
    Nothing,
    AddColumn(Box<ColumnDefinition>),
    DropColumn(Ident),
    RenameColumn(Ident, Ident),
    RenameTable(Ident),
    SetDefault(Ident, Expr),
    DropDefault(Ident),
    Redefine {
        name: Ident,
        change: ColumnChange,
        /// On MySQL and MariaDB, once it is read.
        kept: Option<Box<KeptColumn>>,
    },
    AddUnique(UniqueKey),
    AddForeignKey(Reference),
    AddCheck(Check),
    DropConstraint(Ident),
}

/// What is said anew of a column.
#[derive(Clone, Copy)]
pub(crate) enum ColumnChange {
    Type(SqlType),
    NotNull,
    Nullable,
}

/// All that a column's definition says, for a statement that has to say it again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeptColumn {
    /// The type with its digits, character set and collation, in words of a closed list.
    pub(crate) type_name: String,
    pub(crate) nullable: bool,
    pub(crate) counts: bool,
    pub(crate) default: Option<KeptDefault>,
    pub(crate) comment: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum KeptDefault {
    Value {
        value: Value,
        /// It stands in brackets, as an expression.
        bracketed: bool,
    },
    /// The moment of the insert, with so many digits of a second.
    Now(u8),
}

impl Alteration {
    fn redefine(name: Ident, change: ColumnChange) -> Alteration {
        Alteration::Redefine { name, change, kept: None }
    }

    pub(super) fn each_expr(&self, visit: &mut dyn FnMut(&Expr)) {
        match self {
            Alteration::AddColumn(column) => column.each_expr(visit),
            Alteration::SetDefault(_, expr) => visit(expr),
            Alteration::AddCheck(check) => visit(&check.condition),
            _ => {}
        }
    }
}

/// A change of a table; made by `db.alter_table("table")`. One statement changes one thing; several belong in a transaction, where the
/// database has them for tables.
///
/// ```
/// use portcullis::{Database, ReadWrite, SqlType, column};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> portcullis::Result<()> {
/// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
/// db.create_table("items").column(column("id", SqlType::Int64).identity()).execute().await?;
/// db.alter_table("items").add_column(column("name", SqlType::Text).not_null().default("?")).execute().await?;
/// db.alter_table("items").rename_column("name", "title").execute().await?;
/// db.insert("items").columns(["title"]).row(["lamp"]).execute().await?;
/// assert_eq!(db.table("items").select("title").one_as::<String>().await?, "lamp");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a table is changed when this is run with `.execute().await`"]
pub struct AlterTable {
    pub(crate) ddl: Ddl,
}

impl AlterTable {
    #[track_caller]
    pub(crate) fn new(table: impl IntoTable, origin: Origin) -> AlterTable {
        AlterTable { ddl: Ddl::new(table, DdlKind::Alter(Alteration::Nothing), origin) }
    }

    fn with(mut self, alteration: Result<Alteration>) -> AlterTable {
        let Some(alteration) = self.ddl.note(alteration) else { return self };
        if matches!(self.ddl.kind, DdlKind::Alter(Alteration::Nothing)) {
            self.ddl.kind = DdlKind::Alter(alteration);
        } else {
            let message = "one statement changes one thing of a table; write another `alter_table` for the second";
            self.ddl.mistakes.push(Error::new(ErrorKind::Plan, "table.alter_twice", message));
        }
        self
    }

    /// Adds a column, last. One that is not null needs a default, which the rows that are there get. Keys are added by a statement of
    /// their own. SQLite adds no column that is `generated`, only one that is `generated_virtual`.
    pub fn add_column(self, column: ColumnDefinition) -> AlterTable {
        self.with(Ok(Alteration::AddColumn(Box::new(column))))
    }

    /// Removes a column with all that is in it. Drop the keys, checks and indexes that it is part of before: databases differ in what
    /// becomes of those.
    pub fn drop_column(self, column: &str) -> AlterTable {
        self.with(Ident::new(column).map(Alteration::DropColumn))
    }

    /// Gives a column another name; keys, checks and indexes follow.
    pub fn rename_column(self, from: &str, to: &str) -> AlterTable {
        let names = Ident::new(from).and_then(|from| Ok((from, Ident::new(to)?)));
        self.with(names.map(|(from, to)| Alteration::RenameColumn(from, to)))
    }

    /// Gives the table another name, in the same schema.
    pub fn rename_to(self, name: &str) -> AlterTable {
        self.with(Ident::new(name).map(Alteration::RenameTable))
    }

    /// Makes the column one of a wider type, in which every value stays as it is: a larger integer, a double for a real, a decimal with
    /// more digits, or one that holds an integer's. Another change is refused; so is any on SQLite, where a column is made anew, filled by an
    /// update, and renamed.
    ///
    /// SQL text: `ALTER TABLE "t" ALTER COLUMN "a" TYPE bigint`. On MySQL and MariaDB ``ALTER TABLE `t` MODIFY COLUMN `a` BIGINT NOT NULL DEFAULT 5``, which
    /// takes a column's whole definition: it is read before, and all of it is said again. A column of which it can't be (one that is generated or
    /// invisible, has a check of its own, or a default that is computed, but for the present moment) is refused.
    pub fn change_type(self, column: &str, sql_type: SqlType) -> AlterTable {
        self.with(Ident::new(column).map(|column| Alteration::redefine(column, ColumnChange::Type(sql_type))))
    }

    /// What an insert that doesn't name the column gives it from now on. Not on SQLite.
    pub fn set_default(self, column: &str, value: impl Operand) -> AlterTable {
        let value = value.into_operand();
        self.with(Ident::new(column).map(|column| Alteration::SetDefault(column, value)))
    }

    /// An insert that doesn't name the column gives it NULL from now on. Not on SQLite.
    pub fn drop_default(self, column: &str) -> AlterTable {
        self.with(Ident::new(column).map(Alteration::DropDefault))
    }

    /// The column holds no NULL from now on, and none of the rows that are there may hold one.
    ///
    /// SQL text: `ALTER TABLE "t" ALTER COLUMN "a" SET NOT NULL`; on MySQL and MariaDB as for [`change_type`](AlterTable::change_type).
    pub fn set_not_null(self, column: &str) -> AlterTable {
        self.with(Ident::new(column).map(|column| Alteration::redefine(column, ColumnChange::NotNull)))
    }

    /// The column may hold NULL from now on.
    ///
    /// SQL text: `ALTER TABLE "t" ALTER COLUMN "a" DROP NOT NULL`; on MySQL and MariaDB as for [`change_type`](AlterTable::change_type).
    pub fn drop_not_null(self, column: &str) -> AlterTable {
        self.with(Ident::new(column).map(|column| Alteration::redefine(column, ColumnChange::Nullable)))
    }

    /// Adds a unique key under a name. On SQLite write [`create_index`](crate::Database::create_index) with `unique`.
    pub fn add_unique(self, name: &str, columns: impl IntoNames) -> AlterTable {
        let key = Ident::new(name).and_then(|name| Ok(UniqueKey { name: Some(name), columns: columns.into_names()? }));
        self.with(key.map(Alteration::AddUnique))
    }

    /// Adds a foreign key; the rows that are there must meet it. Not on SQLite.
    pub fn add_foreign_key(self, key: ForeignKey) -> AlterTable {
        let key = key.checked().and_then(|key| {
            key.ok_or_else(|| {
                let message = "a foreign key refers to nothing; write `.references(\"table\", \"column\")`";
                Error::new(ErrorKind::Plan, "table.references", message)
            })
        });
        self.with(key.map(Alteration::AddForeignKey))
    }

    /// Adds a check under a name; the rows that are there must meet it. Not on SQLite.
    pub fn add_check(self, name: &str, condition: impl IntoExpr) -> AlterTable {
        let condition = condition.into_expr();
        self.with(Ident::new(name).map(|name| Alteration::AddCheck(Check { name: Some(name), condition })))
    }

    /// Removes a unique key, a foreign key or a check by its name. Not on SQLite.
    pub fn drop_constraint(self, name: &str) -> AlterTable {
        self.with(Ident::new(name).map(Alteration::DropConstraint))
    }
}
