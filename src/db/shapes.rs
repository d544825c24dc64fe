//! Compiled shapes of a handle: a plan whose structure was compiled before pays a key and its binds.
//!
//! The key is the structure in full, written by the walks of `expr/shape.rs` and `query/shape.rs`, and is compared in full; the
//! hash only finds the place. What else a text depends on (the database, the handle's kind, its policy) is the same for all
//! statements of a handle, but for what is known of the tables: that has a number, and a shape serves while it stands.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::handle::Core;
use super::many::{Batch, LastBatch};
use super::prepare::{Plan, compile_plan};
use crate::compile::{CompiledQuery, MAX_LISTED, Reusable, Target};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::expr::{Shapeless, Walk, Walked};
use crate::policy::Policy;
use crate::statement::HandleKind;

/// How many shapes a handle keeps when its builder says nothing.
pub(super) const DEFAULT_SHAPES: usize = 1_024;

/// Shapes that share a place: so many are looked through, and one of them gives way to the next.
const WAYS: usize = 8;

/// The most bytes that the shapes of one place take together, so 8 MiB for a cache of the default size.
const MAX_PLACE: usize = 64 * 1024;

/// How often a handle's statements found their shape compiled; see [`Database::shapes`](super::Database::shapes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ShapeCounts {
    /// Statements whose text was there.
    pub hits: u64,
    /// Statements whose text was compiled and, if that went well, kept.
    pub misses: u64,
    /// Statements whose text depends on more than their structure: raw SQL, and what holds a mistake.
    pub unshaped: u64,
    /// Shapes kept now.
    pub kept: usize,
}

pub(super) struct Shapes {
    places: Box<[RwLock<Place>]>,
    ways: usize,
    seed: u64,
    /// The number of what is known of the tables.
    tables: AtomicU64,
    unshaped: AtomicU64,
    last_batch: LastBatch,
}

#[derive(Default)]
struct Place {
    kept: Vec<Kept>,
    /// Where to look next for one that gives way.
    hand: usize,
    bytes: usize,
    hits: AtomicU64,
    misses: AtomicU64,
}

struct Kept {
    hash: u64,
    key: Box<[u8]>,
    tables: u64,
    reusable: Reusable,
    bytes: usize,
    /// Looked up since the hand passed.
    used: AtomicBool,
}

thread_local! {
    /// Where this thread's walks write their keys.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Shapes {
    /// A cache of at most `most` shapes; none for 0.
    pub(super) fn new(most: usize) -> Shapes {
        let ways = most.min(WAYS);
        let places = most.checked_div(ways).unwrap_or(0);
        Shapes {
            places: (0..places).map(|_| RwLock::default()).collect(),
            ways,
            seed: RandomState::new().hash_one(0),
            tables: AtomicU64::new(0),
            unshaped: AtomicU64::new(0),
            last_batch: LastBatch::default(),
        }
    }

    /// From here on no shape compiled before serves: what is known of the tables has changed.
    pub(super) fn tables_changed(&self) {
        self.tables.fetch_add(1, Ordering::SeqCst);
        for place in &self.places {
            let mut place = write(place);
            place.kept.clear();
            (place.bytes, place.hand) = (0, 0);
        }
    }

    pub(super) fn counts(&self) -> ShapeCounts {
        let mut counts = ShapeCounts { unshaped: self.unshaped.load(Ordering::Relaxed), ..ShapeCounts::default() };
        for place in &self.places {
            let place = read(place);
            counts.hits += place.hits.load(Ordering::Relaxed);
            counts.misses += place.misses.load(Ordering::Relaxed);
            counts.kept += place.kept.len();
        }
        counts
    }

    fn place(&self, hash: u64) -> Option<&RwLock<Place>> {
        // The upper bits are the best mixed.
        let number = (u128::from(hash) * self.places.len() as u128) >> 64;
        self.places.get(number as usize)
    }

    /// What `make` makes of the shape of this key, if there is one.
    fn find<T>(&self, key: &[u8], hash: u64, tables: u64, make: impl FnOnce(&Reusable) -> T) -> Option<T> {
        let place = read(self.place(hash)?);
        let found = place.kept.iter().find(|kept| kept.hash == hash && kept.tables == tables && *kept.key == *key);
        let counter = if found.is_some() { &place.hits } else { &place.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        let found = found?;
        if !found.used.load(Ordering::Relaxed) {
            found.used.store(true, Ordering::Relaxed);
        }
        Some(make(&found.reusable))
    }

    fn keep(&self, key: &[u8], hash: u64, tables: u64, reusable: Reusable) {
        let Some(place) = self.place(hash) else { return };
        let bytes = size_of::<Kept>() + key.len() + reusable.size();
        if bytes > MAX_PLACE {
            return;
        }
        let kept = Kept { hash, key: key.into(), tables, reusable, bytes, used: AtomicBool::new(false) };
        let mut place = write(place);
        // Two threads may have compiled it at once; and what was compiled with other tables will not be looked up again.
        let bytes_before = place.bytes;
        let mut freed = 0;
        place.kept.retain(|other| {
            let stays = other.tables == tables && !(other.hash == hash && *other.key == *key);
            freed += if stays { 0 } else { other.bytes };
            stays
        });
        place.bytes = bytes_before - freed;
        while place.kept.len() >= self.ways || place.bytes + bytes > MAX_PLACE {
            place.give_way();
        }
        place.bytes += bytes;
        place.kept.push(kept);
    }
}

impl Place {
    /// Drops the first shape from the hand on that was not looked up since the hand last passed it.
    fn give_way(&mut self) {
        for _ in 0..=self.kept.len() {
            self.hand = if self.hand < self.kept.len() { self.hand } else { 0 };
            match self.kept.get_mut(self.hand).map(|kept| std::mem::take(kept.used.get_mut())) {
                Some(true) => self.hand += 1,
                _ => break,
            }
        }
        self.hand = if self.hand < self.kept.len() { self.hand } else { 0 };
        if self.hand < self.kept.len() {
            self.bytes -= self.kept.remove(self.hand).bytes;
        } else {
            self.bytes = 0;
        }
    }
}

fn read(place: &RwLock<Place>) -> RwLockReadGuard<'_, Place> {
    place.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(place: &RwLock<Place>) -> RwLockWriteGuard<'_, Place> {
    place.write().unwrap_or_else(PoisonError::into_inner)
}

/// Where a key is kept. Nothing but speed depends on it: whoever makes keys meet drives shapes out, and finds none but by its
/// whole key. The seed keeps strangers from making them meet at will.
fn hash(seed: u64, key: &[u8]) -> u64 {
    const A: u64 = 0x9e37_79b9_7f4a_7c15;
    const B: u64 = 0xd1b5_4a32_d192_ed03;
    let fold = |one: u64, other: u64| {
        let product = u128::from(one) * u128::from(other);
        (product as u64) ^ ((product >> 64) as u64)
    };
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let mix = |state: u64, chunk: &[u8; 16]| {
        let (low, high) = (u128::from_le_bytes(*chunk) as u64, (u128::from_le_bytes(*chunk) >> 64) as u64);
        fold(low ^ A ^ state, high ^ B)
    };
    let mut state = fold(seed ^ key.len() as u64, A);
    // Three at a time, which do not wait for each other.
    let (triples, rest) = key.as_chunks::<48>();
    let mut others = [state ^ A, state ^ B];
    for triple in triples {
        if let ([one, two, three], []) = triple.as_chunks::<16>() {
            state = mix(state, one);
            others = [mix(others[0], two), mix(others[1], three)];
        }
    }
    state ^= fold(others[0] ^ A, others[1] ^ B);
    let (chunks, rest) = rest.as_chunks::<16>();
    for chunk in chunks {
        state = mix(state, chunk);
    }
    let (low, high) = rest.split_at(rest.len().min(8));
    fold(word(low) ^ B ^ state, word(high) ^ A ^ seed)
}

impl Core {
    pub(super) fn target(&self) -> Target {
        Target { dialect: self.server.dialect, binary_text: self.server.binary_text, live: true }
    }

    /// Compiles `plan`, or takes the text of an earlier plan of its shape. Nothing else tells the two apart.
    ///
    /// `kind` is that of the handle or of its transaction, which may be one that only reads.
    pub(super) fn compile(&self, plan: &Plan<'_>, kind: HandleKind) -> Result<CompiledQuery> {
        // The guard's answer is that for the first plan of a shape, so all that it depends on must be the key's or the handle's.
        let Policy { ddl: _ } = self.policy;
        let anew = || compile_plan(plan, &self.schema(), &self.policy, kind, self.target());
        // The number first, as for shapes.
        let tables = self.shapes.tables.load(Ordering::SeqCst);
        if let Some(batch) = Batch::of(plan, kind, tables) {
            return self.shapes.last_batch.compile(batch, anew);
        }
        self.shapes.compile(plan, kind, self.target(), anew)
    }
}

impl Shapes {
    fn compile(
        &self,
        plan: &Plan<'_>,
        kind: HandleKind,
        target: Target,
        anew: impl Fn() -> Result<CompiledQuery>,
    ) -> Result<CompiledQuery> {
        if self.places.is_empty() {
            return anew();
        }
        // SQL: PostgreSQL takes a list of any length as one array.
        let listed = if target.dialect == Dialect::Postgres { 0 } else { MAX_LISTED };
        let mut walk = Walk::new(BUFFER.try_with(Cell::take).unwrap_or_default(), listed);
        let query = match walk_plan(plan, kind, &mut walk) {
            Ok(()) => self.compile_shape(plan, &walk, target, anew),
            Err(Shapeless) => {
                self.unshaped.fetch_add(1, Ordering::Relaxed);
                anew()
            }
        };
        // A thread that ends has no buffer any more.
        let _ = BUFFER.try_with(|buffer| buffer.set(walk.into_buffer()));
        query
    }

    fn compile_shape(
        &self,
        plan: &Plan<'_>,
        walk: &Walk<'_>,
        target: Target,
        anew: impl Fn() -> Result<CompiledQuery>,
    ) -> Result<CompiledQuery> {
        let hash = hash(self.seed, walk.key());
        // The number first: what is compiled with newer tables under an older number is just not found.
        let tables = self.tables.load(Ordering::SeqCst);
        let with_values = |reusable: &Reusable| reusable.with_values(walk.values(), plan.max_affected());
        let Some(made) = self.find(walk.key(), hash, tables, with_values) else {
            let query = anew()?;
            if let Some(reusable) = query.reusable(walk.values(), target) {
                self.keep(walk.key(), hash, tables, reusable);
            }
            return Ok(query);
        };
        match made {
            Some(query) => {
                #[cfg(debug_assertions)]
                self.check(&query, anew(), tables)?;
                Ok(query)
            }
            None => anew(),
        }
    }

    /// In a debug build each statement of a kept shape is compared with one that is compiled anew, so that every test of this
    /// crate and of those that use it tests the shapes too.
    #[cfg(debug_assertions)]
    fn check(&self, query: &CompiledQuery, anew: Result<CompiledQuery>, tables: u64) -> Result<()> {
        let same = anew.is_ok_and(|anew| query.is_same(&anew));
        if same || self.tables.load(Ordering::SeqCst) != tables {
            return Ok(());
        }
        Err(crate::error::Error::internal("shapes.differ"))
    }
}

fn walk_plan<'a>(plan: &Plan<'a>, kind: HandleKind, walk: &mut Walk<'a>) -> Walked {
    walk.part(&kind);
    match plan {
        Plan::Frame(frame) => {
            walk.tag(1);
            frame.shape(walk)
        }
        Plan::Write(write) => {
            walk.tag(2);
            write.shape(walk)
        }
        Plan::Raw(_) | Plan::Catalog(_) | Plan::Lock(_) | Plan::Ddl(_) => Err(Shapeless),
    }
}

#[cfg(test)]
#[path = "shapes_tests.rs"]
mod tests;
