//! DROP TABLE and TRUNCATE.

use super::{Ddl, DdlKind};
use crate::query::{IntoTable, Origin};

/// The removal of a table with all that is in it; made by `db.drop_table("table")`.
///
/// A table that others refer to is not dropped: each database then gives an error, and SQLite, which would delete from the others,
/// is asked before.
#[derive(Clone)]
#[must_use = "a table is dropped when this is run with `.execute().await`"]
pub struct DropTable {
    pub(crate) ddl: Ddl,
}

impl DropTable {
    #[track_caller]
    pub(crate) fn new(table: impl IntoTable, origin: Origin) -> DropTable {
        DropTable { ddl: Ddl::new(table, DdlKind::Drop { if_exists: false, temporary: false }, origin) }
    }

    /// A table that is not there is no error.
    pub fn if_exists(mut self) -> DropTable {
        if let DdlKind::Drop { if_exists, .. } = &mut self.ddl.kind {
            *if_exists = true;
        }
        self
    }

    /// A temporary table of the transaction, and no other.
    pub fn temporary(mut self) -> DropTable {
        if let DdlKind::Drop { temporary, .. } = &mut self.ddl.kind {
            *temporary = true;
        }
        self
    }
}

/// The removal of all rows of a table, at once; made by `db.truncate("table")`. Identity columns count from 1 again. A table that
/// others refer to is not emptied, whether they hold rows or not.
///
/// SQL: `TRUNCATE TABLE .. RESTART IDENTITY` on PostgreSQL, `TRUNCATE TABLE ..` on MySQL and MariaDB, `DELETE FROM ..` on SQLite.
#[derive(Clone)]
#[must_use = "a table is emptied when this is run with `.execute().await`"]
pub struct Truncate {
    pub(crate) ddl: Ddl,
}

impl Truncate {
    #[track_caller]
    pub(crate) fn new(table: impl IntoTable, origin: Origin) -> Truncate {
        Truncate { ddl: Ddl::new(table, DdlKind::Truncate, origin) }
    }
}
