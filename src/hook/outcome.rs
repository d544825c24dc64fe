//! How a statement ended.

use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// How a statement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutcomeKind {
    /// It ran.
    Completed,
    /// The guard or a hook refused it; it was not sent.
    Denied,
    /// A rate limit refused it; it was not sent.
    Throttled,
    /// The database or the connection failed.
    Failed,
    /// It ran and was undone: a write that touched more rows than `max_affected` allows, a commit that the database refused, a
    /// statement whose transaction lost its session.
    RolledBack,
    /// The caller dropped it, or the server ended it at its deadline. Whether a write took effect is not known when it was dropped.
    Cancelled,
    /// The database did not answer: the connection was lost, also during a commit, or the client's own deadline passed. Whether a write took effect is
    /// not known.
    Unknown,
}

impl OutcomeKind {
    /// Lower-case name, as in an audit record.
    pub const fn name(self) -> &'static str {
        match self {
            OutcomeKind::Completed => "completed",
            OutcomeKind::Denied => "denied",
            OutcomeKind::Throttled => "throttled",
            OutcomeKind::Failed => "failed",
            OutcomeKind::RolledBack => "rolled_back",
            OutcomeKind::Cancelled => "cancelled",
            OutcomeKind::Unknown => "unknown",
        }
    }
}

/// How long sessions took to open and were in use.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionTimes {
    pub(crate) opened: Vec<Duration>,
    pub(crate) used: Vec<Duration>,
}

/// How a statement ended, with counts and time.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub(crate) kind: OutcomeKind,
    pub(crate) rows: u64,
    pub(crate) affected: u64,
    pub(crate) elapsed: Duration,
    pub(crate) waited: Option<Duration>,
    pub(crate) sessions: SessionTimes,
    pub(crate) error: Option<Error>,
}

impl Outcome {
    /// An error before the statement was sent.
    pub(crate) fn not_sent(error: Error, elapsed: Duration) -> Outcome {
        let kind = if error.kind() == ErrorKind::RateLimited { OutcomeKind::Throttled } else { OutcomeKind::Denied };
        let (waited, sessions) = (None, SessionTimes::default());
        Outcome { kind, rows: 0, affected: 0, elapsed, waited, sessions, error: Some(error) }
    }

    /// How it ended.
    pub fn kind(&self) -> OutcomeKind {
        self.kind
    }

    /// Rows returned.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows matched by a write.
    pub fn affected(&self) -> u64 {
        self.affected
    }

    /// From before the first hook's `before` to the last row.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// How long it waited for a session of the pool; `None` where it took none, as within a transaction, or got none.
    pub fn waited(&self) -> Option<Duration> {
        self.waited
    }

    /// How long it took to open each session that the handle's pool has opened since the hooks were last told of a statement's end; mostly there is
    /// none. The first is the one that was opened with the handle.
    pub fn sessions_opened(&self) -> &[Duration] {
        &self.sessions.opened
    }

    /// How long each session was in use that went back into the handle's pool, or was closed, since the hooks were last told of a statement's end: for one
    /// statement, or for a transaction from its begin to its end. The statement's own is among them when it gave one back.
    pub fn sessions_used(&self) -> &[Duration] {
        &self.sessions.used
    }

    /// The error that the caller got.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }
}

#[cfg(test)]
impl Outcome {
    /// Three rows in 1.5 ms.
    pub(crate) fn sample() -> Outcome {
        Outcome {
            kind: OutcomeKind::Completed,
            rows: 3,
            affected: 0,
            elapsed: Duration::from_micros(1_500),
            waited: None,
            sessions: SessionTimes::default(),
            error: None,
        }
    }
}
