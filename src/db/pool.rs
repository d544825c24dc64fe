//! The pool: `deadpool` with a manager that opens, checks and resets sessions by what is known of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};

use super::driver::{Connection, Session};
use super::lease::Times;
use crate::conn::{Dsn, Family};
use crate::error::{Error, ErrorKind, Result};

/// A session that was idle for longer is asked for a sign of life before it is used. A ping on every checkout would cost
/// half of the throughput of short queries.
const IDLE_CHECK: Duration = Duration::from_secs(15);

/// How long a sign of life, or bringing a session back to its settings, may take.
pub(super) const RECYCLE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) type Pool = managed::Pool<Manager>;

/// Opens sessions for one handle.
pub(super) struct Manager {
    pub(super) dsn: Dsn,
    pub(super) session: Session,
    /// The name of the shared database in memory, for `sqlite::memory:`.
    pub(super) memory: Option<String>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) max_lifetime: Option<Duration>,
    /// When a session was last found broken.
    pub(super) broken: Mutex<Option<Instant>>,
    /// How often tables were changed through the handle: what a session prepared before may be made for other columns.
    pub(super) generation: AtomicU64,
    /// How long sessions took to open and were in use.
    pub(super) times: Arc<Times>,
}

/// A pooled session, and whether raw SQL ran on it since it was last set.
pub(super) struct Pooled {
    pub(super) connection: Box<dyn Connection>,
    pub(super) touched: bool,
    /// The manager's number when the session last forgot what it had prepared.
    generation: u64,
}

impl Pooled {
    /// Forgets what was prepared before tables were changed.
    pub(super) async fn catch_up(&mut self, manager: &Manager) -> Result<()> {
        let now = manager.generation.load(Ordering::SeqCst);
        if self.generation != now {
            self.connection.forget_prepared().await?;
            self.generation = now;
        }
        Ok(())
    }
}

impl Manager {
    /// A session broke, and whatever broke it may have broken those that lie idle too: each is asked for a sign of life before
    /// its next use. After a restart of the server one statement fails, not one for each pooled session.
    pub(super) fn suspect_idle(&self) {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn is_suspect(&self, metrics: &Metrics) -> bool {
        let used = metrics.recycled.unwrap_or(metrics.created);
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|broken| used <= broken)
    }

    /// Opens a session: asks the secret source, verifies the server, sets the session.
    pub(super) async fn open(&self) -> Result<Box<dyn Connection>> {
        match self.dsn.family() {
            #[cfg(feature = "postgres")]
            Family::Postgres => {
                let connection = crate::conn::postgres::connect(&self.dsn, &self.session).await?;
                Ok(Box::new(super::driver::postgres::PostgresSession::open(connection, &self.session).await?))
            }
            #[cfg(feature = "mysql")]
            Family::MySql => {
                let connection = crate::conn::mysql::connect(&self.dsn, &self.session).await?;
                Ok(Box::new(super::driver::mysql::MySqlSession::open(connection, &self.session).await?))
            }
            #[cfg(feature = "sqlite")]
            Family::Sqlite => {
                use super::driver::sqlite::{SqliteLocation, SqliteSession};
                use crate::conn::SqliteLocation as Place;
                let location = match (self.dsn.sqlite_path(), &self.memory) {
                    (Some(Place::File { path, create }), _) => {
                        SqliteLocation::File { path: path.clone(), create: *create }
                    }
                    (_, Some(name)) => SqliteLocation::Memory(name.clone()),
                    _ => return Err(Error::internal("pool.sqlite")),
                };
                Ok(Box::new(SqliteSession::open(&location, &self.session).await?))
            }
            #[cfg(not(all(feature = "postgres", feature = "mysql", feature = "sqlite")))]
            _ => Err(Error::new(
                ErrorKind::Unsupported,
                "feature.off",
                "this build has no driver for that database; switch on the crate's feature of that name",
            )),
        }
    }
}

impl managed::Manager for Manager {
    type Type = Pooled;
    type Error = Error;

    async fn create(&self) -> Result<Pooled> {
        let generation = self.generation.load(Ordering::SeqCst);
        let asked = Instant::now();
        let connection = self.open().await?;
        self.times.opened(asked);
        Ok(Pooled { connection, touched: false, generation })
    }

    async fn recycle(&self, pooled: &mut Pooled, metrics: &Metrics) -> RecycleResult<Error> {
        let close = |why: &'static str| Err(RecycleError::message(why));
        if !pooled.connection.is_open() {
            return close("the session is closed");
        }
        let idle = metrics.last_used();
        if self.idle_timeout.is_some_and(|most| idle > most) {
            return close("the session was idle for too long");
        }
        if self.max_lifetime.is_some_and(|most| metrics.created.elapsed() > most) {
            return close("the session is too old");
        }
        let suspect = self.is_suspect(metrics);
        if pooled.touched && self.session.read_only {
            // It ran in a read-only transaction and was checked to change nothing; the switch is said again all the same.
            pooled.connection.assert_read_only().await?;
            pooled.touched = false;
        } else if pooled.touched {
            if !pooled.connection.reset().await? {
                return close("raw SQL may have changed the session");
            }
            pooled.touched = false;
        } else if suspect || idle > IDLE_CHECK {
            pooled.connection.ping().await?;
        }
        Ok(())
    }
}

/// What a failed checkout means.
pub(super) fn pool_error(error: managed::PoolError<Error>) -> Error {
    use managed::{PoolError, TimeoutType};
    match error {
        PoolError::Backend(error) => error,
        PoolError::Timeout(TimeoutType::Wait) => Error::new(
            ErrorKind::Pool,
            "pool.timeout",
            "no connection became free in time; raise `pool_size` or `acquire_timeout`, or hold connections for less long",
        ),
        PoolError::Timeout(_) => {
            Error::new(ErrorKind::Timeout, "connect.timeout", "the database did not answer in time while connecting")
        }
        PoolError::Closed => Error::new(ErrorKind::Pool, "pool.closed", "the handle was closed; open a new one"),
        _ => Error::internal("pool.setup"),
    }
}
