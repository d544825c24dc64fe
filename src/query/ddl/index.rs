//! Indexes.

use super::{Ddl, DdlKind};
use crate::expr::{Expr, IntoExpr, SortKey};
use crate::ident::Ident;
use crate::query::verbs::sort_keys;
use crate::query::{IntoSortKeys, IntoTable, Origin};

/// An index to be made.
#[derive(Clone)]
pub(crate) struct IndexDefinition {
    pub(crate) name: Option<Ident>,
    pub(crate) keys: Vec<SortKey>,
    pub(crate) unique: bool,
    pub(crate) condition: Option<Expr>,
    pub(crate) if_not_exists: bool,
}

impl IndexDefinition {
    pub(super) fn each_expr(&self, visit: &mut dyn FnMut(&Expr)) {
        self.keys.iter().map(|key| &key.expr).chain(&self.condition).for_each(visit);
    }
}

/// A new index; made by `db.create_index("table", "name")`.
///
/// ```
/// use portcullis::{Database, ReadWrite, SqlType, col, column};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> portcullis::Result<()> {
/// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
/// let create = db.create_table("mails").column(column("id", SqlType::Int64).identity());
/// create.column(column("sender", SqlType::Text).max_length(80)).column(column("open", SqlType::Bool)).execute().await?;
/// db.create_index("mails", "mails_by_sender").keys(["sender", "id"]).execute().await?;
/// // Partial, and so not on MySQL and MariaDB.
/// db.create_index("mails", "one_open").keys("sender").unique().where_(col("open").eq(true)).execute().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "an index is made when this is run with `.execute().await`"]
pub struct CreateIndex {
    pub(crate) ddl: Ddl,
}

impl CreateIndex {
    #[track_caller]
    pub(crate) fn new(table: impl IntoTable, name: &str, origin: Origin) -> CreateIndex {
        let mut ddl = Ddl::new(table, DdlKind::Truncate, origin);
        let name = ddl.note(Ident::new(name));
        let index = IndexDefinition { name, keys: Vec::new(), unique: false, condition: None, if_not_exists: false };
        ddl.kind = DdlKind::CreateIndex(Box::new(index));
        CreateIndex { ddl }
    }

    fn change(mut self, change: impl FnOnce(&mut IndexDefinition)) -> CreateIndex {
        if let DdlKind::CreateIndex(index) = &mut self.ddl.kind {
            change(index);
        }
        self
    }

    /// What it is by: columns, or expressions, which MariaDB does not take. `.desc()` turns the order of one around.
    pub fn keys(self, keys: impl IntoSortKeys) -> CreateIndex {
        self.change(|index| index.keys.append(&mut sort_keys(keys)))
    }

    /// No two rows hold the same values in all keys, unless one is NULL.
    pub fn unique(self) -> CreateIndex {
        self.change(|index| index.unique = true)
    }

    /// Only of the rows that meet `condition`. MySQL and MariaDB have no such index: an error says so.
    pub fn where_(self, condition: impl IntoExpr) -> CreateIndex {
        let condition = condition.into_expr();
        self.change(|index| {
            index.condition = Some(match index.condition.take() {
                Some(before) => before.and(condition),
                None => condition,
            });
        })
    }

    /// Leaves an index of that name as it is, whatever it is by. MySQL has no word for it: an error says so.
    pub fn if_not_exists(self) -> CreateIndex {
        self.change(|index| index.if_not_exists = true)
    }
}

/// The removal of an index; made by `db.drop_index("table", "name")`.
#[derive(Clone)]
#[must_use = "an index is dropped when this is run with `.execute().await`"]
pub struct DropIndex {
    pub(crate) ddl: Ddl,
}

impl DropIndex {
    #[track_caller]
    pub(crate) fn new(table: impl IntoTable, name: &str, origin: Origin) -> DropIndex {
        let mut ddl = Ddl::new(table, DdlKind::Truncate, origin);
        let name = ddl.note(Ident::new(name));
        ddl.kind = DdlKind::DropIndex { name, if_exists: false };
        DropIndex { ddl }
    }

    /// An index that is not there is no error. MySQL has no word for it: an error says so.
    pub fn if_exists(mut self) -> DropIndex {
        if let DdlKind::DropIndex { if_exists, .. } = &mut self.ddl.kind {
            *if_exists = true;
        }
        self
    }
}
