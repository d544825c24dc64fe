//! What stops a running statement: its deadline, or a cancel from another thread.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use chrono::NaiveDateTime;
use rusqlite::InterruptHandle;

use crate::db::driver::sqlite_functions::clock;

/// Shared by a session, its worker and its cancellers.
///
/// Statements are numbered, so that a cancel that comes late never stops the statement after the one that was meant.
pub(super) struct Watch {
    start: Instant,
    /// Held to begin, end or cancel: a statement can't end between the look at its number and the interrupt.
    gate: Mutex<u64>,
    /// The running statement's number; 0 when none runs.
    running: AtomicU64,
    cancelled: AtomicU64,
    /// Nanoseconds after `start`; `u64::MAX` for none.
    deadline: AtomicU64,
    interrupt: OnceLock<InterruptHandle>,
    /// The statement that asked for the time last, and what it was told.
    told: Mutex<(u64, NaiveDateTime)>,
    /// Set while the driver's own fixed statements run, which the authorizer lets through.
    own: AtomicBool,
}

/// Why a statement must stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Cancelled,
    Deadline,
}

impl Watch {
    pub(super) fn new() -> Self {
        Watch {
            start: Instant::now(),
            gate: Mutex::new(0),
            running: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            deadline: AtomicU64::new(u64::MAX),
            interrupt: OnceLock::new(),
            told: Mutex::new((0, NaiveDateTime::MIN)),
            own: AtomicBool::new(false),
        }
    }

    pub(super) fn connect(&self, interrupt: InterruptHandle) {
        let _ = self.interrupt.set(interrupt);
    }

    /// A statement is on its way to the worker.
    pub(super) fn begin(&self, timeout: Option<Duration>) {
        let deadline = timeout.map_or(u64::MAX, |timeout| nanos(self.start.elapsed().saturating_add(timeout)));
        let mut last = self.lock();
        *last += 1;
        self.deadline.store(deadline, Ordering::SeqCst);
        self.running.store(*last, Ordering::SeqCst);
    }

    /// The statement has ended.
    pub(super) fn end(&self) {
        let _gate = self.lock();
        self.running.store(0, Ordering::SeqCst);
        self.deadline.store(u64::MAX, Ordering::SeqCst);
    }

    /// Why the running statement must stop, if it must.
    pub(super) fn stop(&self) -> Option<Stop> {
        let running = self.running.load(Ordering::Relaxed);
        if running != 0 && self.cancelled.load(Ordering::Relaxed) == running {
            return Some(Stop::Cancelled);
        }
        let deadline = self.deadline.load(Ordering::Relaxed);
        (deadline != u64::MAX && nanos(self.start.elapsed()) >= deadline).then_some(Stop::Deadline)
    }

    /// The time, the same for all of a statement.
    pub(super) fn now(&self) -> NaiveDateTime {
        let running = self.running.load(Ordering::SeqCst);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.0 != running || running == 0 {
            *told = (running, clock());
        }
        told.1
    }

    /// Runs `work` as the driver's own.
    pub(super) fn as_own<T>(&self, work: impl FnOnce() -> T) -> T {
        self.own.store(true, Ordering::SeqCst);
        let outcome = work();
        self.own.store(false, Ordering::SeqCst);
        outcome
    }

    pub(super) fn is_own(&self) -> bool {
        self.own.load(Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    pub(super) fn cancel(&self) {
        let _gate = self.lock();
        let running = self.running.load(Ordering::SeqCst);
        if running != 0 {
            self.cancelled.store(running, Ordering::SeqCst);
            if let Some(interrupt) = self.interrupt.get() {
                interrupt.interrupt();
            }
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
