//! Row locks.

use super::{Frame, Verb};

/// How the rows that a select returns are locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RowLock {
    pub(crate) strength: LockStrength,
    pub(crate) wait: LockWait,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum LockStrength {
    Update,
    Share,
}

/// What happens with a row that another transaction holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum LockWait {
    Wait,
    SkipLocked,
    NoWait,
}

/// One verb of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum LockVerb {
    Strength(LockStrength),
    Wait(LockWait),
}

impl LockVerb {
    pub(crate) fn name(self) -> &'static str {
        match self {
            LockVerb::Strength(LockStrength::Update) => "for_update",
            LockVerb::Strength(LockStrength::Share) => "for_share",
            LockVerb::Wait(LockWait::SkipLocked) => "skip_locked",
            LockVerb::Wait(LockWait::NoWait | LockWait::Wait) => "nowait",
        }
    }
}

/// Row locks: the rows that are returned stay locked until the transaction ends. They come last in a chain (a `limit` may follow),
/// on frames of a transaction of a read-write handle (`lock.transaction`, `policy.read_only`), over tables and inner joins: not
/// after groups, `distinct`, windows or set operations (`lock.shape`). SQLite has none: a transaction that writes holds the whole
/// database there (`lock.unsupported`).
impl Frame {
    /// Locks the rows against changes and locks of others; SQL text: `… FOR UPDATE`.
    #[track_caller]
    pub fn for_update(self) -> Frame {
        self.then(|input| Verb::Lock(input, LockVerb::Strength(LockStrength::Update)))
    }

    /// Locks the rows against changes of others, who may lock them in the same way; SQL text: `… FOR SHARE`, on MariaDB
    /// `… LOCK IN SHARE MODE`.
    #[track_caller]
    pub fn for_share(self) -> Frame {
        self.then(|input| Verb::Lock(input, LockVerb::Strength(LockStrength::Share)))
    }

    /// After `for_update` or `for_share`: leaves out rows that another transaction holds; SQL text: `SKIP LOCKED`.
    #[track_caller]
    pub fn skip_locked(self) -> Frame {
        self.then(|input| Verb::Lock(input, LockVerb::Wait(LockWait::SkipLocked)))
    }

    /// After `for_update` or `for_share`: fails at once when another transaction holds a row; SQL text: `NOWAIT`.
    #[track_caller]
    pub fn nowait(self) -> Frame {
        self.then(|input| Verb::Lock(input, LockVerb::Wait(LockWait::NoWait)))
    }

    /// True when a lock stands in the chain.
    pub(crate) fn locks(&self) -> bool {
        if self.body.is_plain() {
            return false;
        }
        let mut found = false;
        self.relation().each_below(&mut |relation| found = found || matches!(relation.verb, Verb::Lock(..)));
        found
    }
}
