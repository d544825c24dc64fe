//! A session that is lent out, and how long sessions took to open and were in use.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use deadpool::managed::Object;

use super::pool::{Manager, Pool, Pooled, pool_error};
use crate::error::Result;
use crate::hook::SessionTimes;

/// Times that no hook was told of yet are no more than this: each statement's end takes them away.
const MOST: usize = 1_000;

/// What the hooks are to be told of a pool's sessions.
pub(super) struct Times {
    /// Without hooks nobody would take them.
    wanted: bool,
    untold: Mutex<SessionTimes>,
}

impl Times {
    pub(super) fn new(wanted: bool) -> Arc<Times> {
        Arc::new(Times { wanted, untold: Mutex::default() })
    }

    /// A session was opened, which began at `since`.
    pub(super) fn opened(&self, since: Instant) {
        self.note(|untold| &mut untold.opened, since);
    }

    /// What came since the last time.
    pub(super) fn take(&self) -> SessionTimes {
        std::mem::take(&mut *self.untold.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, of: impl FnOnce(&mut SessionTimes) -> &mut Vec<std::time::Duration>, since: Instant) {
        if self.wanted {
            let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
            let times = of(&mut untold);
            if times.len() < MOST {
                times.push(since.elapsed());
            }
        }
    }
}

/// A pooled session in use. Dropped, it goes back into the pool.
pub(super) struct Lease {
    // Before the time: a session that is told of is free.
    object: Object<Manager>,
    used: Used,
}

struct Used {
    since: Instant,
    times: Arc<Times>,
}

impl Lease {
    pub(super) async fn of(pool: &Pool) -> Result<Lease> {
        let object = pool.get().await.map_err(pool_error)?;
        let used = Used { since: Instant::now(), times: Arc::clone(&pool.manager().times) };
        Ok(Lease { object, used })
    }

    /// Closes the session instead of giving it back.
    pub(super) fn discard(self) {
        drop(Object::take(self.object));
        drop(self.used);
    }
}

impl Deref for Lease {
    type Target = Pooled;

    fn deref(&self) -> &Pooled {
        &self.object
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Pooled {
        &mut self.object
    }
}

impl Drop for Used {
    fn drop(&mut self) {
        self.times.note(|untold| &mut untold.used, self.since);
    }
}
