//! How a handle is set up.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use deadpool::managed::Timeouts;

use super::catalog::RecentReads;
use super::driver::Session;
use super::handle::{Anchor, Core, Database, Mode, ReadOnly, ReadWrite, Runner};
use super::lease::Times;
use super::pool::{Manager, Pool, RECYCLE_TIMEOUT, pool_error};
use super::shapes::{DEFAULT_SHAPES, Shapes};
use super::validation::Validators;
use crate::conn::{Dsn, Family, SqliteLocation};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::hook::{BoxedHook, Hook, HookStack};
use crate::policy::Policy;
use crate::query::Validator;
use crate::schema::Schema;

/// The settings of a handle; made by [`Database::builder`](Database::builder).
///
/// ```
/// use std::time::Duration;
/// use portcullis::{AuditLayer, Database, Dsn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> portcullis::Result<()> {
/// let (audit, log) = AuditLayer::to_memory();
/// let db = Database::builder("sqlite::memory:".parse()?)
///     .name("reports")
///     .pool_size(4)
///     .statement_timeout(Duration::from_secs(5))
///     .hook(audit)
///     .open_read_write()
///     .await?;
/// db.sql("SELECT 1 AS one").collect().await?;
/// assert_eq!(log.lines().len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `open_read_only` or `open_read_write`"]
pub struct DatabaseBuilder {
    dsn: Dsn,
    name: Option<Arc<str>>,
    pool_size: usize,
    acquire_timeout: Duration,
    connect_timeout: Duration,
    statement_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    max_lifetime: Option<Duration>,
    hook_deadline: Duration,
    settings: Vec<(String, String)>,
    hooks: Vec<BoxedHook>,
    schema: Schema,
    shapes: usize,
    ddl: bool,
    validators: Vec<Validator>,
}

impl DatabaseBuilder {
    pub(super) fn new(dsn: Dsn) -> DatabaseBuilder {
        DatabaseBuilder {
            dsn,
            name: None,
            pool_size: 10,
            acquire_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Some(Duration::from_secs(30)),
            idle_timeout: Some(Duration::from_secs(10 * 60)),
            max_lifetime: Some(Duration::from_secs(30 * 60)),
            hook_deadline: Duration::from_secs(5),
            settings: Vec::new(),
            hooks: Vec::new(),
            schema: Schema::default(),
            shapes: DEFAULT_SHAPES,
            ddl: true,
            validators: Vec::new(),
        }
    }

    /// A name for the handle, for hooks: rate limits can count by it, audit records show it.
    pub fn name(mut self, name: &str) -> DatabaseBuilder {
        self.name = Some(name.into());
        self
    }

    /// The most sessions open at once; 10 if not said, at least 1 and at most 65,535.
    pub fn pool_size(mut self, sessions: usize) -> DatabaseBuilder {
        // The pool reserves a place for each, and panics when there is no room for all of them.
        self.pool_size = sessions.clamp(1, usize::from(u16::MAX));
        self
    }

    /// How long a statement waits for a free session; 10 s if not said.
    pub fn acquire_timeout(mut self, limit: Duration) -> DatabaseBuilder {
        self.acquire_timeout = limit;
        self
    }

    /// How long connecting may take, TLS and login included; 10 s if not said.
    pub fn connect_timeout(mut self, limit: Duration) -> DatabaseBuilder {
        self.connect_timeout = limit;
        self
    }

    /// How long a statement may take, its rows included; 30 s if not said. The server ends it then, and half a second later
    /// the client gives up by itself, in case the server is dead.
    pub fn statement_timeout(mut self, limit: Duration) -> DatabaseBuilder {
        self.statement_timeout = Some(limit);
        self
    }

    /// Lets statements take as long as they like. A dead server then holds its caller until the operating system notices.
    pub fn no_statement_timeout(mut self) -> DatabaseBuilder {
        self.statement_timeout = None;
        self
    }

    /// Sessions that were idle for longer are closed instead of used again; 10 minutes if not said.
    pub fn idle_timeout(mut self, limit: Duration) -> DatabaseBuilder {
        self.idle_timeout = Some(limit);
        self
    }

    /// Sessions older than this are closed instead of used again; 30 minutes if not said. A rotated password or a changed
    /// grant takes effect within it.
    pub fn max_lifetime(mut self, limit: Duration) -> DatabaseBuilder {
        self.max_lifetime = Some(limit);
        self
    }

    /// How long one call of a hook may take; 5 s if not said.
    pub fn hook_deadline(mut self, limit: Duration) -> DatabaseBuilder {
        self.hook_deadline = limit;
        self
    }

    /// A session setting, such as `work_mem` on PostgreSQL. Only settings that can't weaken the guard are taken.
    pub fn setting(mut self, name: &str, value: &str) -> DatabaseBuilder {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn without_hooks(mut self) -> DatabaseBuilder {
        self.hooks.clear();
        self
    }

    /// Adds a hook. The first added is outermost; see [`Hook`].
    pub fn hook(mut self, hook: impl Hook) -> DatabaseBuilder {
        self.hooks.push(BoxedHook::new(hook));
        self
    }

    /// What is known of the tables from the start, so that the catalogue need not be read.
    pub fn schema(mut self, schema: Schema) -> DatabaseBuilder {
        self.schema = schema;
        self
    }

    /// How many compiled statements the handle keeps, by their structure; 1,024 if not said, and none for 0. They take about a
    /// kilobyte each and never more than 8 kilobytes on average. A statement whose structure is kept is not compiled again.
    pub fn compiled_shapes(mut self, most: usize) -> DatabaseBuilder {
        self.shapes = most.min(1 << 20);
        self
    }

    /// Takes from the handle the right to make, change, empty and remove tables: such a verb, and raw SQL that begins with anything
    /// but a word for reading or writing rows, is refused with [`ErrorKind::Policy`] before it is sent. What a function or a trigger
    /// of the database does is not seen here, so give the role no such right either.
    ///
    /// A read-write handle has the right if this is not said: it can delete every row anyway, and each of these verbs names its
    /// table and does nothing by accident. A read-only handle never has it.
    pub fn without_ddl(mut self) -> DatabaseBuilder {
        self.ddl = false;
        self
    }

    /// Opens a read-only handle. One session is opened at once, so that a wrong setting shows here.
    ///
    /// # Errors
    ///
    /// What connecting gives; [`ErrorKind::Plan`] for a setting that is not allowed.
    pub async fn open_read_only(self) -> Result<Database<ReadOnly>> {
        self.open_beside(None).await
    }

    /// Opens a read-write handle. One session is opened at once, so that a wrong setting shows here.
    ///
    /// # Errors
    ///
    /// What connecting gives; [`ErrorKind::Plan`] for a setting that is not allowed.
    pub async fn open_read_write(self) -> Result<Database<ReadWrite>> {
        self.open_beside(None).await
    }

    /// Opens a handle; `anchor` is that of the handle whose database in memory it shares.
    pub(super) async fn open_beside<M: Mode>(self, anchor: Option<Arc<Anchor>>) -> Result<Database<M>> {
        crate::conn::check_settings(self.dsn.family(), &self.settings)?;
        if let Some(mistakes) = self.validators.iter().find_map(Validator::mistake) {
            return Err(mistakes);
        }
        let validators = Validators::new(self.validators.clone());
        let session = Session {
            read_only: M::KIND == ReadOnly::KIND,
            statement_timeout: self.statement_timeout,
            connect_timeout: self.connect_timeout,
            settings: self.settings.clone(),
        };
        let anchor = match (anchor, self.dsn.sqlite_path()) {
            (Some(anchor), _) => Some(anchor),
            (None, Some(SqliteLocation::Memory)) => Some(self.anchor(&session).await?),
            _ => None,
        };
        let manager = Manager {
            dsn: self.dsn.clone(),
            session,
            memory: anchor.as_ref().map(|anchor| anchor.name.clone()),
            idle_timeout: self.idle_timeout,
            max_lifetime: self.max_lifetime,
            broken: Mutex::default(),
            generation: AtomicU64::new(0),
            times: Times::new(!self.hooks.is_empty()),
        };
        let timeouts = Timeouts {
            wait: Some(self.acquire_timeout),
            create: Some(self.connect_timeout),
            recycle: Some(RECYCLE_TIMEOUT),
        };
        let pool = Pool::builder(manager)
            .max_size(self.pool_size)
            .timeouts(timeouts)
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|_| Error::internal("pool.build"))?;
        let first = pool.get().await.map_err(pool_error)?;
        let server = first.connection.server().clone();
        drop(first);
        let core = Core {
            kind: M::KIND,
            name: self.name.clone(),
            database: database_name(&self.dsn),
            place: server_place(&self.dsn),
            shown: AtomicU64::new(0),
            hooks: HookStack::new(self.hooks.clone(), self.hook_deadline),
            policy: Policy { ddl: self.ddl },
            statement_timeout: self.statement_timeout,
            schema: RwLock::new(self.schema.clone()),
            recent: RecentReads::default(),
            shapes: Shapes::new(self.shapes),
            builder: self,
            pool,
            server,
            anchor,
        };
        let runner = Runner { core: Arc::new(core), subject: None, transaction: None, validators };
        Ok(Database { runner: Arc::new(runner), mode: PhantomData })
    }

    pub(super) fn add_validator(&mut self, validator: Validator) {
        self.validators.push(validator);
    }

    /// The tables that the builder was told of.
    pub(super) fn known_schema(&self) -> Schema {
        self.schema.clone()
    }

    /// Opens the session that keeps a database in memory alive; it can write, because a read-only one can't create it.
    async fn anchor(&self, session: &Session) -> Result<Arc<Anchor>> {
        let name = format!("portcullis-{}", uuid::Uuid::new_v4().simple());
        let manager = Manager {
            dsn: self.dsn.clone(),
            session: Session { read_only: false, ..session.clone() },
            memory: Some(name.clone()),
            idle_timeout: None,
            max_lifetime: None,
            broken: Mutex::default(),
            generation: AtomicU64::new(0),
            times: Times::new(false),
        };
        let session = manager.open().await?;
        Ok(Arc::new(Anchor { name, _session: Mutex::new(session) }))
    }
}

fn database_name(dsn: &Dsn) -> Arc<str> {
    match (dsn.family(), dsn.sqlite_path()) {
        (Family::Sqlite, Some(SqliteLocation::File { path, .. })) => path.display().to_string().into(),
        (Family::Sqlite, _) => ":memory:".into(),
        _ => dsn.database_name().unwrap_or_default().into(),
    }
}

/// Where the server is: `host:port`, or the host alone where it is the directory of a socket.
fn server_place(dsn: &Dsn) -> Arc<str> {
    match (dsn.host(), dsn.port()) {
        (Some(host), Some(port)) if !host.starts_with('/') => format!("{host}:{port}").into(),
        (host, _) => host.unwrap_or_default().into(),
    }
}

impl fmt::Debug for DatabaseBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseBuilder")
            .field("dsn", &self.dsn)
            .field("name", &self.name)
            .field("pool_size", &self.pool_size)
            .field("statement_timeout", &self.statement_timeout)
            .field("hooks", &self.hooks)
            .finish_non_exhaustive()
    }
}
