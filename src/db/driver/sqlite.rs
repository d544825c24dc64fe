//! SQLite: one worker thread per connection, one hop to it and back per statement.
//!
//! Calls into SQLite block, so they run on a thread of their own. The sink travels there with the statement and comes back with
//! what it collected; a stream crosses once per batch.

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::db::driver::sqlite_engine::Engine;
use crate::db::driver::sqlite_watch::Watch;
use crate::db::driver::{BoxFuture, Connection, Control, Done, RowSink, Server, Session, Statement};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};

/// Where a database lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SqliteLocation {
    /// A file, made by a read-write session if there is none and `create` says so. The path is never read as a URI.
    File { path: PathBuf, create: bool },
    /// A database in this process's memory, shared by all connections to the same name while one of them is open.
    Memory(String),
}

type Job = Box<dyn FnOnce(&mut Engine) + Send>;

/// One connection.
pub(crate) struct SqliteSession {
    jobs: mpsc::Sender<Job>,
    watch: Arc<Watch>,
    server: Server,
    session: Session,
    /// The deadline of the open transaction's statements, where it has one of its own.
    transaction_timeout: Option<Duration>,
    /// Set while a call is out: still set when its future was dropped.
    busy: bool,
    dead: bool,
}

impl SqliteSession {
    /// What stops a running statement from another task.
    #[cfg(test)]
    pub(super) fn watch(&self) -> Arc<Watch> {
        Arc::clone(&self.watch)
    }

    /// Opens a connection and sets it up as `session` says.
    ///
    /// A handle on [`SqliteLocation::Memory`] must keep one session open for as long as the data is wanted.
    pub(crate) async fn open(location: &SqliteLocation, session: &Session) -> Result<Self> {
        let watch = Arc::new(Watch::new());
        watch.begin(Some(session.connect_timeout));
        let (jobs, queue) = mpsc::channel::<Job>();
        let (ready, opened) = oneshot::channel();
        let (its_watch, its_location, its_session) = (Arc::clone(&watch), location.clone(), session.clone());
        let worker = move || {
            let engine = Engine::open(&its_location, &its_session, Arc::clone(&its_watch));
            its_watch.end();
            match engine {
                Ok(mut engine) => {
                    if ready.send(Ok(())).is_ok() {
                        // Ends when the session is dropped; closing the connection rolls back what was open.
                        while let Ok(job) = queue.recv() {
                            job(&mut engine);
                        }
                    }
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        };
        std::thread::Builder::new().name("portcullis-sqlite".to_owned()).spawn(worker).map_err(|_| {
            Error::new(ErrorKind::Connect, "connect.thread", "no thread could be started for a sqlite connection")
        })?;
        match tokio::time::timeout(session.connect_timeout, opened).await {
            Ok(Ok(opened)) => opened?,
            Ok(Err(_)) => return Err(ended()),
            Err(_) => {
                watch.cancel();
                return Err(Error::new(
                    ErrorKind::Timeout,
                    "connect.timeout",
                    "the database file did not open in time",
                ));
            }
        }
        let server = Server { dialect: Dialect::Sqlite, version: rusqlite::version().to_owned(), binary_text: true };
        Ok(SqliteSession {
            jobs,
            watch,
            server,
            session: session.clone(),
            transaction_timeout: None,
            busy: false,
            dead: false,
        })
    }

    async fn call<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Engine) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if !self.is_open() {
            return Err(ended());
        }
        self.busy = true;
        self.watch.begin(self.transaction_timeout.or(self.session.statement_timeout));
        let (reply, answer) = oneshot::channel();
        let job = move |engine: &mut Engine| {
            let outcome = work(engine);
            engine.watch().end();
            let _ = reply.send(outcome);
        };
        let sent = self.jobs.send(Box::new(job));
        let interrupt = InterruptOnDrop(Some(Arc::clone(&self.watch)));
        let answer = match sent {
            Ok(()) => answer.await.map_err(|_| ended()),
            Err(_) => Err(ended()),
        };
        interrupt.disarm();
        self.busy = false;
        // No answer: the worker is gone.
        self.dead = answer.is_err();
        answer?
    }
}

impl Connection for SqliteSession {
    fn server(&self) -> &Server {
        &self.server
    }

    fn run<'a>(
        &'a mut self,
        statement: &'a Statement,
        mut sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<(Box<dyn RowSink>, Done)>> {
        let statement = statement.clone();
        Box::pin(self.call(move |engine| {
            let done = engine.run(&statement, &mut *sink)?;
            Ok((sink, done))
        }))
    }

    fn control(&mut self, control: Control) -> BoxFuture<'_, Result<()>> {
        match &control {
            Control::Begin(begin) => self.transaction_timeout = begin.statement_timeout,
            Control::Commit | Control::Rollback => self.transaction_timeout = None,
            Control::Savepoint(_) | Control::Release(_) | Control::RollbackTo(_) => {}
        }
        Box::pin(self.call(move |engine| engine.control(control)))
    }

    fn ping(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.call(|engine| engine.ping()))
    }

    fn reset(&mut self) -> BoxFuture<'_, Result<bool>> {
        Box::pin(self.call(|engine| engine.reset()))
    }

    /// The file was opened read-only, which no statement can change.
    fn assert_read_only(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn is_open(&self) -> bool {
        !self.busy && !self.dead
    }
}

impl Drop for SqliteSession {
    fn drop(&mut self) {
        self.watch.cancel();
    }
}

/// Stops the statement when the future that waits for it is dropped.
struct InterruptOnDrop(Option<Arc<Watch>>);

impl InterruptOnDrop {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for InterruptOnDrop {
    fn drop(&mut self) {
        if let Some(watch) = &self.0 {
            watch.cancel();
        }
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Connect, "connect.closed", "the sqlite connection is closed")
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;
