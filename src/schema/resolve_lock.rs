//! Row locks: where in a chain they may stand.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::query::{LockVerb, LockWait, Relation, RowLock, Verb};

/// The lock that a chain ends with, under no more than `limit` and `offset`, and the relation that it is written on.
pub(super) fn lock_of(relation: &Arc<Relation>) -> Result<Option<(RowLock, *const Relation)>> {
    let mut next = relation;
    while let Verb::Limit(input, _) | Verb::Offset(input, _) = &next.verb {
        next = input;
    }
    let place = Arc::as_ptr(next);
    let mut verbs = Vec::new();
    let mut below = next;
    while let Verb::Lock(input, verb) = &below.verb {
        verbs.push((*verb, below.location));
        below = input;
    }
    let mut lock: Option<RowLock> = None;
    for (verb, location) in verbs.into_iter().rev() {
        lock = Some(match (verb, lock) {
            (LockVerb::Strength(strength), None) => RowLock { strength, wait: LockWait::Wait },
            (LockVerb::Wait(wait), Some(RowLock { strength, wait: LockWait::Wait })) => RowLock { strength, wait },
            (LockVerb::Wait(_), None) => {
                let message = format!("`{0}` says how a lock waits; write `.for_update().{0}()`", verb.name());
                return Err(Error::new(ErrorKind::Plan, "lock.wait", message).at(location));
            }
            (_, Some(_)) => {
                let message = format!("`{}` comes after another word of its kind; leave one out", verb.name());
                return Err(Error::new(ErrorKind::Plan, "lock.twice", message).at(location));
            }
        });
    }
    Ok(lock.map(|lock| (lock, place)))
}

pub(super) fn misplaced(verb: LockVerb) -> Error {
    let message = format!(
        "`{}` locks the rows that a statement returns, so it comes last in its chain and in no part of another",
        verb.name()
    );
    Error::new(ErrorKind::Plan, "lock.place", message)
}
