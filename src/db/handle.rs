//! `Database`: the handle that everything starts from.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use super::builder::DatabaseBuilder;
use super::catalog::RecentReads;
use super::driver::{Connection, Server};
use super::pool::Pool;
use super::shapes::{ShapeCounts, Shapes};
use super::transaction_state::TransactionState;
use super::validation::Validators;
use crate::conn::Dsn;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::hook::{Connections, HookStack, Sessions, Subject};
use crate::policy::Policy;
use crate::query::{
    AlterTable, CreateIndex, CreateTable, Delete, DropIndex, DropTable, Frame, Insert, IntoTable, Merge, Origin,
    RawSource, RawSql, Truncate, Update,
};
use crate::schema::Schema;
use crate::statement::HandleKind;

/// The mark of a handle that can only read.
#[derive(Debug, Clone, Copy)]
pub enum ReadOnly {}

/// The mark of a handle that can read and write.
#[derive(Debug, Clone, Copy)]
pub enum ReadWrite {}

/// What a handle may do: [`ReadOnly`] or [`ReadWrite`]. The trait is sealed.
pub trait Mode: sealed::Sealed + Send + Sync + 'static {
    #[doc(hidden)]
    const KIND: HandleKind;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ReadOnly {}
    impl Sealed for super::ReadWrite {}
}

impl Mode for ReadOnly {
    const KIND: HandleKind = HandleKind::ReadOnly;
}

impl Mode for ReadWrite {
    const KIND: HandleKind = HandleKind::ReadWrite;
}

/// A handle on a database: a pool of guarded sessions. Cloning it is cheap and shares the pool.
///
/// A `Database<ReadOnly>` has no verb that writes, each of its sessions is read-only by the database's own switch, and raw
/// SQL on it must be a single harmless SELECT. A `Database<ReadWrite>` gives a read-only one with
/// [`to_read_only`](Database::to_read_only); there is no way back.
///
/// ```
/// use portcullis::{Database, ReadWrite, col};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> portcullis::Result<()> {
/// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
/// db.sql("CREATE TABLE orders (id integer, total integer)").execute().await?;
/// db.insert("orders").columns(["id", "total"]).rows([[1, 50], [2, 75]]).execute().await?;
///
/// let reader = db.to_read_only().await?;
/// let big = reader.table("orders").where_(col("total").gt(60)).collect().await?;
/// assert_eq!(big.len(), 1);
/// # Ok(())
/// # }
/// ```
pub struct Database<M: Mode> {
    pub(super) runner: Arc<Runner>,
    pub(super) mode: PhantomData<fn() -> M>,
}

/// What a frame holds on to: the handle, on whose behalf, and in which transaction.
pub(super) struct Runner {
    pub(super) core: Arc<Core>,
    pub(super) subject: Option<Subject>,
    pub(super) transaction: Option<Arc<TransactionState>>,
    pub(super) validators: Validators,
}

/// What all clones of a handle share.
pub(super) struct Core {
    pub(super) kind: HandleKind,
    pub(super) name: Option<Arc<str>>,
    pub(super) database: Arc<str>,
    /// `host:port` of the server.
    pub(super) place: Arc<str>,
    /// How many statements the hooks were shown.
    pub(super) shown: AtomicU64,
    pub(super) builder: DatabaseBuilder,
    pub(super) pool: Pool,
    pub(super) server: Server,
    pub(super) hooks: HookStack,
    pub(super) policy: Policy,
    pub(super) statement_timeout: Option<Duration>,
    /// What is known of tables. Read by every statement, so it is swapped whole.
    pub(super) schema: RwLock<Schema>,
    pub(super) recent: RecentReads,
    pub(super) shapes: Shapes,
    /// Keeps a database in memory alive while the pool has no session.
    pub(super) anchor: Option<Arc<Anchor>>,
}

pub(super) struct Anchor {
    pub(super) name: String,
    pub(super) _session: std::sync::Mutex<Box<dyn Connection>>,
}

impl Sessions for Core {
    fn connections(&self) -> Connections {
        let status = self.pool.status();
        let idle = status.available.min(status.size);
        Connections { max: status.max_size, used: status.size.saturating_sub(idle), idle, waiting: status.waiting }
    }
}

impl Core {
    pub(super) fn schema(&self) -> Schema {
        match self.schema.read() {
            Ok(schema) => schema.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        }
    }

    pub(super) fn set_schema(&self, change: impl FnOnce(&Schema) -> Schema) {
        let mut schema = match self.schema.write() {
            Ok(schema) => schema,
            Err(poisoned) => poisoned.into_inner(),
        };
        let changed = change(&schema);
        if !changed.is_same(&schema) {
            *schema = changed;
            self.shapes.tables_changed();
        }
    }
}

impl Runner {
    pub(super) fn origin(self: &Arc<Self>) -> Origin {
        Origin(Arc::clone(self) as Arc<dyn Any + Send + Sync>)
    }

    pub(super) fn of(origin: Option<&Origin>) -> Result<Arc<Runner>> {
        let origin = origin.ok_or_else(no_database)?;
        Arc::clone(&origin.0).downcast::<Runner>().map_err(|_| Error::internal("handle.origin"))
    }

    /// The same, for no longer than the frame lives.
    pub(super) fn behind(origin: Option<&Origin>) -> Result<&Runner> {
        let origin = origin.ok_or_else(no_database)?;
        origin.0.downcast_ref::<Runner>().ok_or_else(|| Error::internal("handle.origin"))
    }
}

fn no_database() -> Error {
    let message = "the frame has no database; start it with `db.table(..)`, or turn it into text with `to_sql_for`";
    Error::new(ErrorKind::Plan, "plan.no_database", message)
}

impl<M: Mode> Clone for Database<M> {
    fn clone(&self) -> Self {
        Database { runner: Arc::clone(&self.runner), mode: PhantomData }
    }
}

impl<M: Mode> fmt::Debug for Database<M> {
    /// Names the kind and the database; never the DSN's secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("kind", &M::KIND.name())
            .field("dialect", &self.runner.core.server.dialect)
            .field("database", &self.runner.core.database)
            .finish_non_exhaustive()
    }
}

impl Database<ReadOnly> {
    /// Opens a read-only handle with the default settings; see [`Database::builder`] for others.
    ///
    /// # Errors
    ///
    /// What connecting gives: [`ErrorKind::Tls`], [`ErrorKind::Auth`], [`ErrorKind::Connect`], [`ErrorKind::Timeout`].
    pub async fn open(dsn: Dsn) -> Result<Database<ReadOnly>> {
        DatabaseBuilder::new(dsn).open_read_only().await
    }
}

impl Database<ReadWrite> {
    /// Opens a read-write handle with the default settings; see [`Database::builder`] for others.
    ///
    /// # Errors
    ///
    /// What connecting gives: [`ErrorKind::Tls`], [`ErrorKind::Auth`], [`ErrorKind::Connect`], [`ErrorKind::Timeout`].
    pub async fn open(dsn: Dsn) -> Result<Database<ReadWrite>> {
        DatabaseBuilder::new(dsn).open_read_write().await
    }

    /// A read-only handle on the same database, with the same settings and hooks and a pool of its own. The role is the same:
    /// a role of its own, with SELECT alone, is the wall that holds when all else fails.
    ///
    /// # Errors
    ///
    /// What connecting gives.
    pub async fn to_read_only(&self) -> Result<Database<ReadOnly>> {
        let core = &self.runner.core;
        let mut reader = core.builder.clone().open_beside::<ReadOnly>(core.anchor.clone()).await?;
        if let Some(subject) = &self.runner.subject {
            reader = reader.acting_as(subject.clone());
        }
        Ok(reader)
    }

    /// Starts an insert into `table`.
    #[track_caller]
    pub fn insert(&self, table: impl IntoTable) -> Insert {
        Insert::new(table, self.runner.origin())
    }

    /// Starts an update of `table`.
    #[track_caller]
    pub fn update(&self, table: impl IntoTable) -> Update {
        Update::new(table, self.runner.origin())
    }

    /// Starts a delete from `table`.
    #[track_caller]
    pub fn delete(&self, table: impl IntoTable) -> Delete {
        Delete::new(table, self.runner.origin())
    }

    /// Starts a new table.
    #[track_caller]
    pub fn create_table(&self, table: impl IntoTable) -> CreateTable {
        CreateTable::new(table, self.runner.origin())
    }

    /// Starts a change of `table`.
    #[track_caller]
    pub fn alter_table(&self, table: impl IntoTable) -> AlterTable {
        AlterTable::new(table, self.runner.origin())
    }

    /// Starts a new index of `table`, called `name`.
    #[track_caller]
    pub fn create_index(&self, table: impl IntoTable, name: &str) -> CreateIndex {
        CreateIndex::new(table, name, self.runner.origin())
    }

    /// Starts the removal of the index of `table` called `name`.
    #[track_caller]
    pub fn drop_index(&self, table: impl IntoTable, name: &str) -> DropIndex {
        DropIndex::new(table, name, self.runner.origin())
    }

    /// Starts the removal of `table`, with all that is in it.
    #[track_caller]
    pub fn drop_table(&self, table: impl IntoTable) -> DropTable {
        DropTable::new(table, self.runner.origin())
    }

    /// Starts the removal of all rows of `table`.
    #[track_caller]
    pub fn truncate(&self, table: impl IntoTable) -> Truncate {
        Truncate::new(table, self.runner.origin())
    }

    /// Starts a merge into `table`.
    #[track_caller]
    pub fn merge(&self, table: impl IntoTable) -> Merge {
        Merge::new(table, self.runner.origin())
    }
}

impl Database<ReadOnly> {
    /// A builder for either kind of handle.
    pub fn builder(dsn: Dsn) -> DatabaseBuilder {
        DatabaseBuilder::new(dsn)
    }
}

impl<M: Mode> Database<M> {
    /// A frame over `table`: a name, [`in_schema`](crate::in_schema), or a table declared by `table!`.
    #[track_caller]
    pub fn table(&self, table: impl IntoTable) -> Frame {
        Frame::start(table.into_table(), Some(self.runner.origin()))
    }

    /// A statement in SQL of the caller's own, with `:name` where values are bound; see [`RawSql`].
    ///
    /// ```
    /// # use portcullis::{Database, ReadWrite};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// # let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// let row = db.sql("SELECT :a + 1 AS next").bind("a", 41).one().await?;
    /// assert_eq!(row.try_get::<i64>("next")?, 42);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn sql(&self, sql: &'static str) -> RawSql {
        RawSql::new(RawSource::Fixed(sql), Some(self.runner.origin()))
    }

    /// See [`danger::unchecked_sql`](crate::danger::unchecked_sql).
    #[track_caller]
    pub(crate) fn unchecked_sql(&self, sql: &str) -> RawSql {
        RawSql::new(RawSource::Unchecked(sql.into()), Some(self.runner.origin()))
    }

    /// The same handle, its statements running on behalf of `subject`: hooks see it and count by it.
    pub fn acting_as(&self, subject: Subject) -> Database<M> {
        let runner = Runner {
            core: Arc::clone(&self.runner.core),
            subject: Some(subject),
            transaction: self.runner.transaction.clone(),
            validators: self.runner.validators.clone(),
        };
        self.with_runner(runner)
    }

    pub(super) fn with_runner(&self, runner: Runner) -> Database<M> {
        Database { runner: Arc::new(runner), mode: PhantomData }
    }

    /// The dialect that the server turned out to speak.
    pub fn dialect(&self) -> Dialect {
        self.runner.core.server.dialect
    }

    /// The server's version, in digits and dots.
    pub fn server_version(&self) -> &str {
        &self.runner.core.server.version
    }

    /// How often statements of this handle and its clones found their shape compiled.
    ///
    /// A statement's text depends on its structure, never on its values, so the text of each structure is compiled once and
    /// kept; see [`DatabaseBuilder::compiled_shapes`].
    ///
    /// ```
    /// # use portcullis::{Database, ReadWrite, col};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// # let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// # db.sql("CREATE TABLE orders (id integer, total integer)").execute().await?;
    /// for total in [10, 20, 30] {
    ///     db.table("orders").where_(col("total").gt(total)).select(["id"]).collect().await?;
    /// }
    /// assert_eq!((db.shapes().misses, db.shapes().hits), (1, 2));
    /// # Ok(())
    /// # }
    /// ```
    pub fn shapes(&self) -> ShapeCounts {
        self.runner.core.shapes.counts()
    }

    /// The sessions of the handle's pool at this moment.
    ///
    /// ```
    /// # use portcullis::{Database, ReadWrite};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// # let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// let transaction = db.begin().await?;
    /// let sessions = db.connections();
    /// assert_eq!((sessions.used, sessions.idle, sessions.waiting, sessions.max), (1, 0, 0, 10));
    /// # transaction.rollback().await
    /// # }
    /// ```
    pub fn connections(&self) -> Connections {
        self.runner.core.connections()
    }

    /// Closes the pool: sessions close as they come back, and further statements are refused.
    pub fn close(&self) {
        self.runner.core.pool.close();
    }
}
