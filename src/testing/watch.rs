//! The hooks around a hook under test, and what they see of it.

use std::collections::{BTreeMap, HashSet};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::hook::{Hook, Outcome, QueryContext};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is seen of the calls of a hook.
#[derive(Default)]
pub(super) struct Watch {
    /// While it is off the hook is not called.
    pub(super) on: AtomicBool,
    panics: Mutex<Vec<String>>,
    /// Calls that were dropped before they were ready.
    cut: Mutex<Vec<String>>,
    /// The longest that one call held its thread, by what it was; of several calls the shortest such time, and how many there were.
    held: Mutex<BTreeMap<String, (Duration, usize)>>,
}

impl Watch {
    pub(super) fn panicked(&self) -> Option<String> {
        lock(&self.panics).first().map(|what| format!("{what} panicked"))
    }

    pub(super) fn cut(&self) -> Option<String> {
        lock(&self.cut).first().map(|what| format!("{what} took longer than the deadline"))
    }

    /// Of calls that came in each of so many rounds, since a single one may have waited for a busy machine.
    pub(super) fn blocked(&self, limit: Duration, rounds: usize) -> Option<String> {
        let held = lock(&self.held);
        let often = held.iter().filter(|(_, (_, calls))| *calls >= rounds);
        let (what, (time, _)) = often.max_by_key(|(_, (time, _))| *time)?;
        (*time > limit)
            .then(|| format!("{what} held its thread for {time:.0?}; wait with await, or work on another thread"))
    }
}

/// The hook under test, each poll of it watched.
pub(super) struct Watched<H> {
    hook: Arc<H>,
    watch: Arc<Watch>,
}

impl<H: Hook> Watched<H> {
    pub(super) fn new(hook: Arc<H>, watch: Arc<Watch>) -> Watched<H> {
        Watched { hook, watch }
    }
}

impl<H: Hook> Hook for Watched<H> {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        if !self.watch.on.load(Ordering::SeqCst) {
            return Ok(());
        }
        let hook = Arc::clone(&self.hook);
        let what = format!("`before` of {}", cx.kind().name());
        // Within the block, so that what a hand-written method does before it returns its future is watched too.
        watched(&self.watch, what, Box::pin(async move { hook.before(cx).await })).await
    }

    async fn after(&self, cx: &QueryContext, outcome: &Outcome) {
        if !self.watch.on.load(Ordering::SeqCst) {
            return;
        }
        let hook = Arc::clone(&self.hook);
        let what = format!("`after` of {} ({})", cx.kind().name(), outcome.kind().name());
        watched(&self.watch, what, Box::pin(async move { hook.after(cx, outcome).await })).await;
    }
}

/// Notes what was not awaited to its end.
struct Unfinished<'a>(&'a Watch, Option<String>);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(what) = self.1.take() {
            lock(&self.0.cut).push(what);
        }
    }
}

async fn watched<T>(watch: &Watch, what: String, mut call: BoxFuture<'_, T>) -> T {
    let mut unfinished = Unfinished(watch, Some(what.clone()));
    let mut longest = Duration::ZERO;
    let ended = poll_fn(|context| {
        let began = Instant::now();
        let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context)));
        longest = longest.max(began.elapsed());
        match polled {
            Ok(polled) => polled,
            Err(payload) => {
                lock(&watch.panics).push(what.clone());
                unfinished.1 = None;
                resume_unwind(payload)
            }
        }
    })
    .await;
    unfinished.1 = None;
    let mut held = lock(&watch.held);
    let (shortest, calls) = held.entry(what).or_insert((longest, 0));
    (*shortest, *calls) = (longest.min(*shortest), calls.saturating_add(1));
    drop(held);
    ended
}

/// Sees all statements first.
#[derive(Default)]
pub(super) struct Outer {
    open: Mutex<HashSet<Uuid>>,
    numbers: Mutex<Vec<u64>>,
}

impl Outer {
    pub(super) fn forget(&self) {
        lock(&self.numbers).clear();
    }

    pub(super) fn numbers(&self) -> Vec<u64> {
        lock(&self.numbers).clone()
    }

    /// Waits until every statement has ended.
    pub(super) async fn quiet(&self, limit: Duration) {
        let until = Instant::now().checked_add(limit);
        while !lock(&self.open).is_empty() && until.is_some_and(|until| Instant::now() < until) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Hook for Outer {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        lock(&self.open).insert(cx.id());
        lock(&self.numbers).push(cx.ordinal());
        Ok(())
    }

    async fn after(&self, cx: &QueryContext, _: &Outcome) {
        lock(&self.open).remove(&cx.id());
    }
}

/// Refuses, or holds statements back, within the hook under test.
#[derive(Default)]
pub(super) struct Inner {
    pub(super) refuse: AtomicBool,
    holding: AtomicUsize,
    held: Mutex<Vec<oneshot::Sender<()>>>,
}

impl Inner {
    /// The next two statements are held.
    pub(super) fn hold(&self) {
        self.holding.store(2, Ordering::SeqCst);
    }

    pub(super) async fn both_held(&self, limit: Duration) {
        let until = Instant::now().checked_add(limit);
        while lock(&self.held).len() < 2 && until.is_some_and(|until| Instant::now() < until) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.holding.store(0, Ordering::SeqCst);
    }

    pub(super) async fn let_go(&self, first_in_first_out: bool) {
        let mut held = std::mem::take(&mut *lock(&self.held));
        if !first_in_first_out {
            held.reverse();
        }
        for release in held {
            let _ = release.send(());
            // The one ends before the other goes on.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Hook for Inner {
    async fn before(&self, _: &QueryContext) -> Result<()> {
        if self.refuse.load(Ordering::SeqCst) {
            return Err(Error::refused("refused by the check"));
        }
        let held = self.holding.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if held {
            let (release, released) = oneshot::channel();
            lock(&self.held).push(release);
            let _ = released.await;
        }
        Ok(())
    }
}
