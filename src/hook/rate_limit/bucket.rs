//! The buckets of one rule, in bounded memory.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

/// How many places of the queue are looked at for one statement, so that none pays for a million of them.
const STEPS: usize = 64;

/// When each bucket that is not full will be full again, by key.
///
/// A key is forgotten as soon as its bucket is full, when it no longer differs from a new one. Each key has one place in a queue by
/// that moment. A charge does not move the place: one that comes to the front too early is put back. So a charge of a known key costs a
/// look into the table, and one of a new key a few steps more.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    full_at: Keys<u64>,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
}

/// A table by keys that are hashes already.
pub(super) type Keys<T> = HashMap<u64, T, BuildHasherDefault<Same>>;

/// The hash of a key is the key: it comes from a keyed hash, see `key.rs`.
#[derive(Debug, Default)]
pub(super) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

impl Buckets {
    /// When the bucket of `key` will be full; now for one that is. Where nothing more can be kept, how long it will be at least until a key
    /// is forgotten, or `None` for a table that keeps none.
    pub(super) fn look(&mut self, key: u64, now: u64, max: usize) -> Result<u64, Option<u64>> {
        if let Some(full_at) = self.full_at.get(&key) {
            return Ok(*full_at);
        }
        if self.full_at.len() >= max {
            self.forget(now, STEPS);
            if self.full_at.len() >= max {
                let next = self.queue.peek().map(|Reverse((full_at, _))| *full_at);
                return Err(next.filter(|_| max > 0).map(|next| next.saturating_sub(now).max(1)));
            }
        }
        Ok(now)
    }

    /// Sets when the bucket of `key` will be full.
    pub(super) fn set(&mut self, key: u64, full_at: u64, now: u64) {
        if self.full_at.insert(key, full_at).is_none() {
            self.queue.push(Reverse((full_at, key)));
            // Two for one, so that the table shrinks while new keys come.
            self.forget(now, 2);
        }
    }

    /// Gives back what was taken from the bucket of `key` at `taken`, when it was said to be full at `then`. A bucket that has been full since
    /// has nothing to be given back.
    pub(super) fn give_back(&mut self, key: u64, increment: u64, then: u64, now: u64) {
        if then > now
            && let Some(full_at) = self.full_at.get_mut(&key)
        {
            *full_at = full_at.saturating_sub(increment);
        }
    }

    /// Forgets keys whose buckets are full, in at most so many steps.
    fn forget(&mut self, now: u64, steps: usize) {
        for _ in 0..steps {
            let Some(Reverse((place, key))) = self.queue.peek().copied() else { return };
            match self.full_at.get(&key) {
                Some(full_at) if *full_at > now => {
                    if place >= *full_at {
                        return;
                    }
                    self.queue.pop();
                    self.queue.push(Reverse((*full_at, key)));
                }
                _ => {
                    self.queue.pop();
                    self.full_at.remove(&key);
                }
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.full_at.len()
    }

    /// Bytes of the table and the queue.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        // A place of the table is a key, a value and a byte of its own, and an eighth stays free.
        self.full_at.capacity() * 8 / 7 * 17 + self.queue.capacity() * 16
    }
}
