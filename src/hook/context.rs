//! What a hook is told of a statement.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use uuid::Uuid;

use super::Subject;
use crate::dialect::Dialect;
use crate::error::Error;
use crate::statement::{HandleKind, StatementKind, TableAccess};
use crate::types::SqlType;

/// What a hook is told of a statement. It holds no value: text has placeholders only.
#[derive(Debug, Clone)]
pub struct QueryContext {
    pub(crate) id: Uuid,
    pub(crate) kind: StatementKind,
    pub(crate) tables: Arc<[TableAccess]>,
    pub(crate) fingerprint: u64,
    pub(crate) sql: Option<Arc<str>>,
    pub(crate) bind_types: Arc<[SqlType]>,
    pub(crate) subject: Option<Subject>,
    pub(crate) handle: HandleKind,
    pub(crate) handle_name: Option<Arc<str>>,
    pub(crate) dialect: Dialect,
    pub(crate) database: Arc<str>,
    pub(crate) server: Arc<str>,
    pub(crate) ordinal: u64,
    pub(crate) transaction: Option<Uuid>,
    pub(crate) step: Option<u64>,
    pub(crate) attempt: u32,
    pub(crate) refusal: Option<Error>,
    pub(crate) most_rows: Option<u64>,
    pub(crate) guards: Guards,
    pub(crate) pool: PoolView,
}

/// The sessions of a handle's pool at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connections {
    /// The most that may be open at once.
    pub max: usize,
    /// Open and in use.
    pub used: usize,
    /// Open and free.
    pub idle: usize,
    /// Statements and transactions that wait for one, or for one to be opened.
    pub waiting: usize,
}

/// What knows of a pool's sessions.
pub(crate) trait Sessions: Send + Sync {
    fn connections(&self) -> Connections;
}

/// The pool of a statement's handle. It does not keep the handle alive.
#[derive(Clone, Default)]
pub(crate) struct PoolView(Option<Weak<dyn Sessions>>);

impl PoolView {
    pub(crate) fn of(sessions: Weak<dyn Sessions>) -> PoolView {
        PoolView(Some(sessions))
    }
}

impl fmt::Debug for PoolView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PoolView")
    }
}

/// What a hook gives up at the end of the statement, whichever way that comes: after the hooks were told, or with the context itself where nobody
/// could tell them. A clone of a context holds none.
#[derive(Default)]
pub(crate) struct Guards(Mutex<Vec<Box<dyn Any + Send>>>);

impl Guards {
    pub(crate) fn keep(&self, guard: Box<dyn Any + Send>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(guard);
    }

    pub(crate) fn release(&self) {
        let guards = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        drop(guards);
    }
}

impl Clone for Guards {
    fn clone(&self) -> Guards {
        Guards::default()
    }
}

impl fmt::Debug for Guards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guards")
    }
}

impl QueryContext {
    /// The statement's id (UUID version 7, so ids sort by time). `before` and `after` see the same.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// What the statement does.
    pub fn kind(&self) -> StatementKind {
        self.kind
    }

    /// The tables and columns by use, computed from the plan; empty for raw SQL, whose tables are not computed.
    pub fn tables(&self) -> &[TableAccess] {
        &self.tables
    }

    /// A number that is the same for statements that differ in bound values only: FNV-1a of the SQL text.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The SQL text, with placeholders for all values; `None` when the guard refused the statement before it had a text.
    pub fn sql(&self) -> Option<&str> {
        self.sql.as_deref()
    }

    /// The types of the binds, in order.
    pub fn bind_types(&self) -> &[SqlType] {
        &self.bind_types
    }

    /// On whose behalf the statement runs.
    pub fn subject(&self) -> Option<&Subject> {
        self.subject.as_ref()
    }

    /// Whether the handle can write.
    pub fn handle(&self) -> HandleKind {
        self.handle
    }

    /// The name that the handle was given when it was built.
    pub fn handle_name(&self) -> Option<&str> {
        self.handle_name.as_deref()
    }

    /// The dialect.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The database's name (the file's path for SQLite, `:memory:` for one in memory).
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The server as `host:port`, or the directory of its socket; empty for SQLite.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The statement's number on its handle and the handle's clones, from 1 and without a hole: which of two began first, and
    /// whether one is missing.
    pub fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// The id of the transaction that the statement belongs to.
    pub fn transaction(&self) -> Option<Uuid> {
        self.transaction
    }

    /// The statement's number in its transaction, from 1, which is its BEGIN, and without a hole.
    pub fn step(&self) -> Option<u64> {
        self.step
    }

    /// Which try of its transaction the statement belongs to, from 1; more than 1 only under `Database::transaction_retry`. Each try is
    /// a transaction with an id of its own.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Why the guard has refused the statement already; such a statement is never sent, whatever the hooks say.
    pub fn refusal(&self) -> Option<&Error> {
        self.refusal.as_ref()
    }

    /// How many rows it can return or write at most, as far as the plan says: by its `limit`, the rows of an insert, the `max_affected` of another
    /// write, one for an aggregate without groups.
    pub fn most_rows(&self) -> Option<u64> {
        self.most_rows
    }

    /// The sessions of the handle's pool at this moment; `None` when the handle is gone.
    pub fn connections(&self) -> Option<Connections> {
        Some(self.pool.0.as_ref()?.upgrade()?.connections())
    }

    /// A short description of few distinct values: `SELECT orders, customers`.
    pub fn summary(&self) -> String {
        let mut summary = self.kind.name().to_owned();
        for (position, access) in self.tables.iter().enumerate() {
            let again = self.tables.iter().take(position).any(|before| before.table == access.table);
            if !again {
                summary.push_str(if position == 0 { " " } else { ", " });
                summary.push_str(&access.table);
            }
        }
        summary
    }
}

#[cfg(test)]
impl QueryContext {
    /// A statement on a read-write handle called `reports`, by `ada` of tenant `north`, for the tests of layers.
    pub(crate) fn sample(kind: StatementKind) -> QueryContext {
        let orders = TableAccess {
            table: "orders".to_owned(),
            output: vec!["id".to_owned(), "total".to_owned()],
            filter: vec!["total".to_owned()],
            ..TableAccess::default()
        };
        QueryContext {
            id: Uuid::now_v7(),
            kind,
            tables: [orders].into(),
            fingerprint: 0x00ab_cdef_0123_4567,
            sql: Some(r#"SELECT "id", "total" FROM "orders" WHERE "total" > $1::numeric"#.into()),
            bind_types: [SqlType::Decimal(None)].into(),
            subject: Some(Subject::new("ada").tenant("north")),
            handle: HandleKind::ReadWrite,
            handle_name: Some("reports".into()),
            dialect: Dialect::Postgres,
            database: "shop".into(),
            server: "db.example:5432".into(),
            ordinal: 7,
            transaction: None,
            step: None,
            attempt: 1,
            refusal: None,
            most_rows: None,
            guards: Guards::default(),
            pool: PoolView::default(),
        }
    }
}
