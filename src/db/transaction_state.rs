//! What the statements of one transaction share.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Lock, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedMutexGuard};
use uuid::Uuid;

use super::lease::Lease;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Schema, TableSchema};

/// What runs once the transaction is committed.
pub(super) type Action = Box<dyn FnOnce() + Send>;

pub(super) struct TransactionState {
    pub(super) id: Uuid,
    pub(super) attempt: u32,
    /// How many of its statements the hooks were shown.
    pub(super) shown: AtomicU64,
    /// Begun read-only, on whichever handle.
    pub(super) read_only: bool,
    /// How long each statement may take, as the server was told.
    pub(super) statement_timeout: Option<Duration>,
    /// How long the whole of it may take to its commit, from when it began.
    limit: Option<Duration>,
    deadline: OnceLock<Instant>,
    /// Empty before the transaction began and once it ended.
    session: Arc<Mutex<Option<Lease>>>,
    /// What it holds must not be committed.
    lost: AtomicBool,
    /// How the last statement failed, if it did.
    failure: Lock<Option<Error>>,
    /// Advisory locks that the session holds and the end of the transaction does not release by itself.
    pub(super) locked: AtomicBool,
    /// It is one write of several statements: the first that fails is its end.
    pub(super) one_write: AtomicBool,
    /// It made, changed or removed a table.
    pub(super) changed_tables: AtomicBool,
    /// The temporary tables that were made in it.
    temporary: Lock<Schema>,
    actions: Lock<Vec<Action>>,
    savepoints: AtomicU32,
    /// The open savepoints, outermost first.
    scopes: Lock<Vec<u32>>,
}

impl TransactionState {
    pub(super) fn new(
        attempt: u32,
        read_only: bool,
        statement_timeout: Option<Duration>,
        limit: Option<Duration>,
    ) -> Self {
        TransactionState {
            id: Uuid::now_v7(),
            attempt,
            shown: AtomicU64::new(0),
            read_only,
            statement_timeout,
            limit,
            deadline: OnceLock::new(),
            session: Arc::default(),
            lost: AtomicBool::new(false),
            failure: Lock::default(),
            locked: AtomicBool::new(false),
            one_write: AtomicBool::new(false),
            changed_tables: AtomicBool::new(false),
            temporary: Lock::default(),
            actions: Lock::default(),
            savepoints: AtomicU32::new(0),
            scopes: Lock::default(),
        }
    }

    /// Gives the transaction, which has just begun, its session; nobody else knows of it yet.
    pub(super) fn fill(&self, lease: Lease) -> Result<()> {
        let mut session = self.session.try_lock().map_err(|_| Error::internal("transaction.fill"))?;
        *session = Some(lease);
        if let Some(deadline) = self.limit.and_then(|limit| Instant::now().checked_add(limit)) {
            let _ = self.deadline.set(deadline);
        }
        Ok(())
    }

    /// Closes the session when the transaction's time is over, so that one which was forgotten holds no lock for longer. A statement
    /// that is running then ends by the same deadline, and a commit is past it.
    pub(super) fn watch(state: &Arc<TransactionState>) {
        let (Some(deadline), Ok(runtime)) = (state.deadline(), tokio::runtime::Handle::try_current()) else { return };
        let watched = Arc::downgrade(state);
        runtime.spawn(async move {
            tokio::time::sleep_until(deadline.into()).await;
            if let Some(state) = watched.upgrade() {
                state.lose();
            }
        });
    }

    /// Takes the session out, so that the transaction can be ended.
    pub(super) async fn take(&self) -> Result<Lease> {
        self.hold().await?.take().ok_or_else(|| Error::internal("transaction.hold"))
    }

    /// Closes the session, if it is still there: the database rolls back.
    pub(super) fn discard(&self) {
        if let Ok(mut session) = self.session.try_lock()
            && let Some(lease) = session.take()
        {
            lease.discard();
        }
    }

    /// Lets nothing more happen in the transaction but its rollback.
    pub(super) fn lose(&self) {
        self.lost.store(true, Ordering::SeqCst);
        self.discard();
    }

    /// The transaction's session, for one statement; statements of one transaction wait for each other.
    pub(super) async fn hold(&self) -> Result<OwnedMutexGuard<Option<Lease>>> {
        let mut guard = Arc::clone(&self.session).lock_owned().await;
        let late = self.is_late();
        if (late || self.lost.load(Ordering::SeqCst))
            && let Some(lease) = guard.take()
        {
            lease.discard();
        }
        if late {
            return Err(too_late());
        }
        if guard.is_none() {
            let message = "the transaction has ended; begin a new one";
            return Err(Error::new(ErrorKind::Transaction, "transaction.ended", message));
        }
        Ok(guard)
    }

    /// When it must have reached its commit.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline.get().copied()
    }

    fn is_late(&self) -> bool {
        self.deadline().is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Remembers how a statement ended, for whoever decides whether to run the transaction again.
    pub(super) fn note(&self, error: Option<&Error>) {
        *lock(&self.failure) = error.cloned();
    }

    /// How the last statement failed, if it did.
    pub(super) fn failure(&self) -> Option<Error> {
        lock(&self.failure).clone()
    }

    /// A temporary table was made, or the one of that name removed.
    pub(super) fn note_temporary(&self, made: Option<TableSchema>, name: &str) {
        let mut known = lock(&self.temporary);
        *known = match made {
            Some(table) => known.with(&Schema::from_tables([table])),
            None => known.without(name),
        };
    }

    /// The temporary tables that were made in it.
    pub(super) fn temporary(&self) -> Schema {
        lock(&self.temporary).clone()
    }

    pub(super) fn after_commit(&self, action: Action) {
        lock(&self.actions).push(action);
    }

    pub(super) fn take_actions(&self) -> Vec<Action> {
        std::mem::take(&mut *lock(&self.actions))
    }

    /// Opens a savepoint's scope within `outer`, which must be the innermost; 0 stands for the transaction.
    pub(super) fn open_scope(&self, outer: u32) -> Result<(u32, usize)> {
        let mut scopes = lock(&self.scopes);
        if scopes.last().copied().unwrap_or(0) != outer {
            let message = "another savepoint is open here; wait for its end, or open this one on the handle that its closure was given";
            return Err(Error::new(ErrorKind::Transaction, "savepoint.not_innermost", message));
        }
        let number = self.savepoints.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
        scopes.push(number);
        Ok((number, lock(&self.actions).len()))
    }

    pub(super) fn close_scope(&self, number: u32) {
        lock(&self.scopes).retain(|open| *open < number);
    }

    /// Forgets the actions that were asked for after there were `kept`.
    pub(super) fn forget_actions(&self, kept: usize) {
        let forgotten: Vec<Action> = {
            let mut actions = lock(&self.actions);
            let kept = kept.min(actions.len());
            actions.split_off(kept)
        };
        // What dropping them does is the caller's, and may want the lock.
        drop(forgotten);
    }
}

pub(super) fn too_late() -> Error {
    let message = "the transaction took longer than its timeout and was rolled back";
    Error::new(ErrorKind::Timeout, "transaction.timeout", message)
}

fn lock<T>(mutex: &Lock<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
