//! When a transaction is run again, and after how long.

use std::time::Duration;

use uuid::Uuid;

#[cfg(doc)]
use super::handle::Database;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind};

/// When a transaction that failed is run again from its start; for [`Database::transaction_retry`].
///
/// It is run again after a serialization failure and after a deadlock: SQLSTATE 40001 and 40P01 on PostgreSQL, 40001 (error 1213) and a row
/// that changed since the snapshot (error 1020) on MySQL and MariaDB. SQLite has neither; there it is run again when the database was
/// locked for longer than `busy_timeout` (SQLITE_BUSY).
///
/// It is **not** run again when a lock did not become free in time on a server (MySQL's error 1205, PostgreSQL's 55P03): the server has undone the
/// one statement and not the transaction, nothing says that the lock is free soon, and each try waits as long again. Running it again is
/// safe all the same, because the failed try is rolled back first; [`lock_timeouts`](Retry::lock_timeouts) asks for it. It is never
/// run again after a commit whose outcome is not known ([`ErrorKind::CommitUnknown`]), nor after any other error.
///
/// Between two tries it waits: at random between nothing and 10 ms after the first, 20 ms after the second and so on, up to a second.
///
/// ```
/// use std::time::Duration;
/// use portcullis::Retry;
///
/// let patient = Retry::new().attempts(8).deadline(Duration::from_secs(20));
/// # let _ = patient;
/// ```
#[derive(Debug, Clone)]
#[must_use = "a retry policy does nothing until it is given to `transaction_retry`"]
pub struct Retry {
    attempts: u32,
    deadline: Duration,
    first_pause: Duration,
    longest_pause: Duration,
    lock_timeouts: bool,
    sqlstates: Vec<String>,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry::new()
    }
}

impl Retry {
    /// Five tries within ten seconds.
    pub fn new() -> Retry {
        Retry {
            attempts: 5,
            deadline: Duration::from_secs(10),
            first_pause: Duration::from_millis(10),
            longest_pause: Duration::from_secs(1),
            lock_timeouts: false,
            sqlstates: Vec::new(),
        }
    }

    /// How often it is tried in all; at least once.
    pub fn attempts(mut self, most: u32) -> Retry {
        self.attempts = most.max(1);
        self
    }

    /// No new try begins later than this after the start of the first.
    pub fn deadline(mut self, limit: Duration) -> Retry {
        self.deadline = limit;
        self
    }

    /// The longest pause after the first try, which doubles after each further one, and the longest of all.
    pub fn pauses(mut self, first: Duration, longest: Duration) -> Retry {
        self.first_pause = first;
        self.longest_pause = longest;
        self
    }

    /// Also when a lock did not become free in time.
    pub fn lock_timeouts(mut self) -> Retry {
        self.lock_timeouts = true;
        self
    }

    /// Also after errors with this SQLSTATE (on SQLite: this extended result code). It can be said more than once.
    pub fn sqlstate(mut self, sqlstate: &str) -> Retry {
        self.sqlstates.push(sqlstate.to_owned());
        self
    }

    /// How long to wait before the try after `attempt`, when there may be one: `elapsed` after the first began.
    pub(super) fn pause_after(
        &self,
        error: &Error,
        dialect: Dialect,
        attempt: u32,
        elapsed: Duration,
    ) -> Option<Duration> {
        if !self.wants(error, dialect) || attempt >= self.attempts {
            return None;
        }
        let doubled = self.first_pause.saturating_mul(1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
        let pause = doubled.min(self.longest_pause).mul_f64(random_part());
        (elapsed.saturating_add(pause) < self.deadline).then_some(pause)
    }

    /// By the codes that the drivers give to SQLSTATEs and error numbers, and by the SQLSTATEs that were added.
    fn wants(&self, error: &Error, dialect: Dialect) -> bool {
        if error.kind() == ErrorKind::CommitUnknown {
            return false;
        }
        match error.code() {
            "db.serialization" | "db.deadlock" => true,
            "db.lock_timeout" if dialect == Dialect::Sqlite || self.lock_timeouts => true,
            _ => error.sqlstate().is_some_and(|found| self.sqlstates.iter().any(|known| known == found)),
        }
    }
}

/// Between 0 and 1.
fn random_part() -> f64 {
    let [a, b, c, d, ..] = *Uuid::new_v4().as_bytes();
    f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deadlock() -> Error {
        Error::new(ErrorKind::Database, "db.deadlock", "x").with_sqlstate("40001")
    }

    fn pause(retry: &Retry, attempt: u32, elapsed: Duration) -> Option<Duration> {
        retry.pause_after(&deadlock(), Dialect::MariaDb, attempt, elapsed)
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_vary() {
        let retry = Retry::new().attempts(100).deadline(Duration::from_secs(3_600));
        let longest = |attempt| {
            (0..200)
                .map(|_| pause(&retry, attempt, Duration::ZERO).unwrap())
                .inspect(|pause| assert!(*pause <= Duration::from_secs(1)))
                .max()
                .unwrap()
        };
        assert!(longest(1) <= Duration::from_millis(10));
        assert!(longest(1) > Duration::from_millis(5));
        assert!(longest(3) > Duration::from_millis(20) && longest(3) <= Duration::from_millis(40));
        assert!(longest(99) > Duration::from_millis(500));
    }

    #[test]
    fn tries_end_with_their_number_and_with_the_deadline() {
        let retry = Retry::new().attempts(3).deadline(Duration::from_secs(1));
        assert!(pause(&retry, 2, Duration::ZERO).is_some());
        assert!(pause(&retry, 3, Duration::ZERO).is_none());
        assert!(pause(&retry, 1, Duration::from_secs(1)).is_none());
        assert!(pause(&Retry::new().attempts(0), 1, Duration::ZERO).is_none());
    }

    #[test]
    fn only_conflicts_are_tried_again_and_other_errors_when_asked() {
        use ErrorKind::{CommitUnknown, Connect, Database};
        let wants = |retry: &Retry, kind, code, dialect| retry.wants(&Error::new(kind, code, "x"), dialect);
        let plain = Retry::new();
        assert!(wants(&plain, Database, "db.deadlock", Dialect::MariaDb));
        assert!(wants(&plain, Database, "db.serialization", Dialect::Postgres));
        assert!(wants(&plain, Database, "db.lock_timeout", Dialect::Sqlite));
        assert!(!wants(&plain, Connect, "connect.lost", Dialect::Postgres));
        assert!(!wants(&plain, CommitUnknown, "transaction.commit_unknown", Dialect::Postgres));
        assert!(!wants(&plain, Database, "db.lock_timeout", Dialect::MySql));
        assert!(wants(&Retry::new().lock_timeouts(), Database, "db.lock_timeout", Dialect::MySql));
        let lost = Error::new(Connect, "connect.lost", "x").with_sqlstate("57P01");
        assert!(!plain.wants(&lost, Dialect::Postgres));
        assert!(Retry::new().sqlstate("57P01").wants(&lost, Dialect::Postgres));
        // What it hides behind is not looked at.
        let unknown = Error::new(CommitUnknown, "transaction.commit_unknown", "x").with_sqlstate("57P01");
        assert!(!Retry::new().sqlstate("57P01").wants(&unknown, Dialect::Postgres));
    }
}
