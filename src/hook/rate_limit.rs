//! Rate limits in this process, on `governor`.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Reference;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

use super::clock::LONGEST;
use super::{Clock, Hook, QueryContext, Subject};
use crate::error::{Error, ErrorKind, Result, show_name};
use crate::statement::{HandleKind, StatementKind};

/// One named rule of a [`RateLimitLayer`]: how many statements, in what time, counted for whom.
///
/// A rule is a bucket (the generic cell rate algorithm of `governor`): it holds at most [`burst`](RateLimit::burst) statements and
/// refills evenly, one statement every `per / n`, rounded up to a nanosecond. Over a long time no more than `n` statements
/// pass in each `per`; in a single window of that length, a bucket that was full when it began allows up to `burst` more.
///
/// ```
/// use std::time::Duration;
/// use portcullis::{RateLimit, Statements};
///
/// // Each subject: 120 statements a minute, at most 10 of them at once.
/// RateLimit::named("reads").per_subject().quota(120, Duration::from_secs(60)).burst(10);
/// // All subjects of all handles together: five writes a second.
/// RateLimit::named("writes").global().only(Statements::Writes).quota(5, Duration::from_secs(1));
/// ```
#[derive(Debug, Clone)]
#[must_use = "a rule does nothing until a `RateLimitLayer` has it"]
pub struct RateLimit {
    name: String,
    scope: Scope,
    only: Statements,
    quota: Option<(u32, Duration)>,
    burst: Option<u32>,
    max_keys: usize,
}

/// Which statements a rule counts.
///
/// The crate's own catalogue reads are never counted, because they are made on behalf of a statement that is. COMMIT and
/// ROLLBACK are never counted either: refusing to end a transaction would leave its locks held, which harms everyone else
/// more than the statement could. The start of a transaction counts under [`Statements::All`] only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Statements {
    /// All of them.
    #[default]
    All,
    /// Selects, raw selects and EXPLAIN.
    Reads,
    /// Inserts, updates, deletes, and raw SQL that was not parsed as a select.
    Writes,
}

/// Refuses statements that come too fast, with the rule's name and the exact time to wait.
///
/// A refusal has kind [`ErrorKind::RateLimited`], code `rate.limited`, the rule in [`Error::rule`] and the time in
/// [`Error::retry_after`]: the same statement is allowed after exactly that time if nothing else uses the bucket, and not a
/// nanosecond before. When several rules refuse, the error is that of the longest wait.
///
/// All rules that count a statement are tested before any is charged, under one lock, so a refused statement uses up nothing.
/// A statement that passed stays charged, whatever becomes of it later. One that the guard has refused already is not counted,
/// since it is not sent.
///
/// A statement without a subject is refused by a rule that counts per subject (`rate.no_subject`): letting it pass would be a
/// way around the rule. A quota or burst of 0 refuses always, without a time to wait.
///
/// Counts are kept in this process. A clone shares them, so one layer on several handles limits them together.
///
/// ```
/// use std::time::Duration;
/// use portcullis::{RateLimit, RateLimitLayer};
///
/// let limits = RateLimitLayer::new([
///     RateLimit::named("per person").per_subject().quota(10, Duration::from_secs(1)),
///     RateLimit::named("all together").global().quota(200, Duration::from_secs(1)).burst(50),
/// ])?;
/// # let _ = limits;
///
/// // A rule without a quota is a mistake that shows at once.
/// let error = RateLimitLayer::new([RateLimit::named("reads").global()]).unwrap_err();
/// assert_eq!(error.code(), "rate.no_quota");
/// # Ok::<(), portcullis::Error>(())
/// ```
#[derive(Clone)]
pub struct RateLimitLayer(Arc<Inner>);

impl RateLimit {
    /// A rule of this name, which counts all statements globally until told otherwise. It needs a
    /// [`quota`](RateLimit::quota).
    pub fn named(name: impl Into<String>) -> RateLimit {
        RateLimit {
            name: name.into(),
            scope: Scope::Global,
            only: Statements::All,
            quota: None,
            burst: None,
            max_keys: 100_000,
        }
    }

    /// Counts for each subject apart, see `Database::acting_as`. The same id in two tenants is two subjects.
    pub fn per_subject(mut self) -> RateLimit {
        self.scope = Scope::Subject;
        self
    }

    /// Counts for each handle apart: handles are told apart by database, name, and whether they can write.
    pub fn per_handle(mut self) -> RateLimit {
        self.scope = Scope::Handle;
        self
    }

    /// Counts all statements together.
    pub fn global(mut self) -> RateLimit {
        self.scope = Scope::Global;
        self
    }

    /// Counts only these statements.
    pub fn only(mut self, statements: Statements) -> RateLimit {
        self.only = statements;
        self
    }

    /// Allows `n` statements in each `per`. The burst is `n` too, unless [`burst`](RateLimit::burst) says otherwise.
    pub fn quota(mut self, n: u32, per: Duration) -> RateLimit {
        self.quota = Some((n, per));
        self
    }

    /// Allows at most this many statements at once.
    pub fn burst(mut self, burst: u32) -> RateLimit {
        self.burst = Some(burst);
        self
    }

    /// Keeps the count of at most this many subjects or handles at a time; 100,000 unless set.
    ///
    /// A key is forgotten as soon as its bucket has refilled, when it no longer differs from a new one. While all the keys
    /// kept are still in use, a statement of a further key is refused (`rate.too_many_keys`) with the time until the next
    /// can be forgotten: forgetting one early would give its owner a full bucket, which is what someone who makes up
    /// subjects would be after.
    pub fn max_keys(mut self, keys: usize) -> RateLimit {
        self.max_keys = keys;
        self
    }
}

impl RateLimitLayer {
    /// A layer with these rules, by the machine's clock.
    ///
    /// # Errors
    ///
    /// A rule has no quota, a period of zero, a bucket that takes longer than 146 years to fill, or the name of another rule.
    pub fn new(rules: impl IntoIterator<Item = RateLimit>) -> Result<RateLimitLayer> {
        RateLimitLayer::with_clock(rules, Clock::system())
    }

    /// A layer with these rules, by the given clock.
    ///
    /// # Errors
    ///
    /// As [`RateLimitLayer::new`].
    pub fn with_clock(rules: impl IntoIterator<Item = RateLimit>, clock: Clock) -> Result<RateLimitLayer> {
        let held = Held::default();
        let started = clock.nanos();
        let mut made: Vec<Rule> = Vec::new();
        for rule in rules {
            if made.iter().any(|other| other.limit.name == rule.name) {
                let name = show_name(&rule.name);
                return Err(mistake("rate.two_of_a_name", format!("two rate limits are named {name}")));
            }
            made.push(Rule::new(rule, &held)?);
        }
        Ok(RateLimitLayer(Arc::new(Inner { clock, started, held, deciding: Mutex::new(()), rules: made })))
    }
}

impl Hook for RateLimitLayer {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        if cx.refusal().is_some() { Ok(()) } else { self.0.decide(cx) }
    }
}

impl fmt::Debug for RateLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.rules.iter().map(|rule| &rule.limit)).finish()
    }
}

impl Statements {
    fn counts(self, kind: StatementKind) -> bool {
        match kind {
            StatementKind::Catalog
            | StatementKind::Commit
            | StatementKind::Rollback
            | StatementKind::Release
            | StatementKind::RollbackTo => false,
            StatementKind::Begin | StatementKind::Savepoint | StatementKind::Lock => self == Statements::All,
            _ => match self {
                Statements::All => true,
                Statements::Reads => !kind.is_write(),
                Statements::Writes => kind.is_write(),
            },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Global,
    Handle,
    Subject,
}

/// For whom a bucket is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Global,
    Handle(HandleKind, Option<Arc<str>>, Arc<str>),
    Subject(Subject),
}

struct Inner {
    clock: Clock,
    /// The reading when the layer was made, which `governor` takes for zero.
    started: u64,
    held: Held,
    /// Held while the rules are tested and charged: between the two nothing may change, and all rules go by one reading.
    deciding: Mutex<()>,
    rules: Vec<Rule>,
}

impl Inner {
    fn decide(&self, cx: &QueryContext) -> Result<()> {
        let counting = || self.rules.iter().filter(|rule| rule.limit.only.counts(cx.kind()));
        if counting().next().is_none() {
            return Ok(());
        }
        let _deciding = lock(&self.deciding);
        let now = self.clock.nanos().saturating_sub(self.started);
        self.held.0.store(now, Ordering::Release);
        let mut refusal: Option<Refusal<'_>> = None;
        for rule in counting() {
            if let Err(found) = rule.attempt(cx, now, false)
                && refusal.as_ref().is_none_or(|first| first.is_shorter_than(&found))
            {
                refusal = Some(found);
            }
        }
        // The second pass can't refuse: nothing has changed since the first.
        let charged = match refusal {
            None => counting().try_for_each(|rule| rule.attempt(cx, now, true)),
            Some(refusal) => Err(refusal),
        };
        charged.map_err(Refusal::into_error)
    }
}

struct Rule {
    limit: RateLimit,
    /// `None` for a quota or burst of 0.
    limiter: Option<Limiter>,
    buckets: Arc<Buckets>,
}

type Limiter = RateLimiter<Attempt, Shared, Held, NoOpMiddleware<Reading>>;

impl Rule {
    fn new(limit: RateLimit, held: &Held) -> Result<Rule> {
        let name = show_name(&limit.name);
        let Some((n, per)) = limit.quota else {
            return Err(mistake("rate.no_quota", format!("rate limit {name} has no quota; add `.quota(n, per)`")));
        };
        if per.is_zero() {
            return Err(mistake("rate.no_period", format!("the quota of rate limit {name} has a period of zero")));
        }
        let buckets = Arc::new(Buckets::default());
        let limiter = match (NonZeroU32::new(n), NonZeroU32::new(limit.burst.unwrap_or(n))) {
            (Some(n), Some(burst)) => {
                let interval = per.as_nanos().div_ceil(u128::from(n.get()));
                // INVARIANT: `governor` multiplies these unchecked.
                let fills = interval.saturating_mul(u128::from(burst.get())) <= u128::from(LONGEST);
                let quota = u64::try_from(interval).ok().filter(|_| fills).map(Duration::from_nanos);
                let Some(quota) = quota.and_then(Quota::with_period) else {
                    return Err(mistake(
                        "rate.too_long",
                        format!("the bucket of rate limit {name} takes longer than 146 years to fill"),
                    ));
                };
                Some(RateLimiter::new(quota.allow_burst(burst), Shared(Arc::clone(&buckets)), held.clone()))
            }
            _ => None,
        };
        Ok(Rule { limit, limiter, buckets })
    }

    /// Tests one statement, and charges it if `charge`.
    fn attempt(&self, cx: &QueryContext, now: u64, charge: bool) -> Result<(), Refusal<'_>> {
        let refuse = |reason, wait| Err(Refusal { rule: &self.limit.name, reason, wait });
        let key = match self.limit.scope {
            Scope::Global => Key::Global,
            Scope::Handle => Key::Handle(cx.handle, cx.handle_name.clone(), Arc::clone(&cx.database)),
            Scope::Subject => match &cx.subject {
                Some(subject) => Key::Subject(subject.identity()),
                None => return refuse(Reason::NoSubject, None),
            },
        };
        let Some(limiter) = &self.limiter else { return refuse(Reason::Limited, None) };
        if let Err(wait) = self.buckets.make_room(&key, now, self.limit.max_keys) {
            return refuse(Reason::TooManyKeys, wait);
        }
        match limiter.check_key(&Attempt { key, charge }) {
            Ok(()) => Ok(()),
            Err(until) => refuse(Reason::Limited, Some(until.wait_time_from(Reading(now)))),
        }
    }
}

/// Why a rule says no.
struct Refusal<'a> {
    rule: &'a str,
    reason: Reason,
    /// `None` when waiting doesn't help.
    wait: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
enum Reason {
    Limited,
    NoSubject,
    TooManyKeys,
}

impl Refusal<'_> {
    fn is_shorter_than(&self, other: &Refusal<'_>) -> bool {
        match (self.wait, other.wait) {
            (Some(this), Some(that)) => this < that,
            (this, that) => this.is_some() && that.is_none(),
        }
    }

    fn into_error(self) -> Error {
        let name = show_name(self.rule);
        let (code, message) = match (self.reason, self.wait) {
            (Reason::Limited, Some(wait)) => {
                ("rate.limited", format!("rate limit {name} is used up; retry after {wait:?}"))
            }
            (Reason::Limited, None) => ("rate.limited", format!("rate limit {name} allows no statement")),
            (Reason::NoSubject, _) => (
                "rate.no_subject",
                format!("rate limit {name} counts per subject and the statement has none; use `db.acting_as`"),
            ),
            (Reason::TooManyKeys, _) => {
                ("rate.too_many_keys", format!("rate limit {name} counts as many subjects or handles as it can keep"))
            }
        };
        Error::new(ErrorKind::RateLimited, code, message).with_rule(self.rule, self.wait)
    }
}

fn mistake(code: &'static str, message: String) -> Error {
    Error::new(ErrorKind::Plan, code, message)
}

/// A panic elsewhere while a lock was held leaves nothing half-done here: each change is one store.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The clock that `governor` sees: it stands still while a statement is decided on.
#[derive(Debug, Clone, Default)]
struct Held(Arc<AtomicU64>);

/// Nanoseconds since the layer was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Reading(u64);

impl governor::clock::Clock for Held {
    type Instant = Reading;

    fn now(&self) -> Reading {
        Reading(self.0.load(Ordering::Acquire))
    }
}

impl Reference for Reading {
    fn duration_since(&self, earlier: Reading) -> Nanos {
        Nanos::new(self.0.saturating_sub(earlier.0))
    }

    fn saturating_sub(&self, duration: Nanos) -> Reading {
        Reading(self.0.checked_sub(duration.as_u64()).unwrap_or(self.0))
    }
}

impl Add<Nanos> for Reading {
    type Output = Reading;

    fn add(self, other: Nanos) -> Reading {
        Reading(self.0.saturating_add(other.as_u64()))
    }
}

/// What `governor` is asked: about this key, and whether only to test. Its own stores always charge, so we bring one that
/// can leave the bucket as it was.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Attempt {
    key: Key,
    charge: bool,
}

/// The buckets of one rule.
#[derive(Debug, Default)]
struct Buckets(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    /// When each bucket will be full again (the "theoretical arrival time" of the algorithm).
    full_at: HashMap<Key, u64>,
    /// No bucket is full again before this.
    next_full: u64,
    /// The number of keys at which to look for full buckets.
    sweep_at: usize,
}

/// Below this many keys, sweeping isn't worth it.
const SWEEP_FROM: usize = 1_024;

impl Buckets {
    /// Forgets full buckets when there are many, and says whether one for `key` may be kept; if not, how long it will be.
    fn make_room(&self, key: &Key, now: u64, max: usize) -> Result<(), Option<Duration>> {
        let mut table = lock(&self.0);
        let count = table.full_at.len();
        if count < table.sweep_at.max(SWEEP_FROM).min(max) || table.full_at.contains_key(key) {
            return Ok(());
        }
        if now >= table.next_full {
            table.full_at.retain(|_, full_at| *full_at > now);
            table.next_full = table.full_at.values().min().copied().unwrap_or(u64::MAX);
        }
        // Doubling keeps the cost of sweeping constant for each new key.
        let count = table.full_at.len();
        table.sweep_at = count.saturating_mul(2);
        if count < max {
            return Ok(());
        }
        Err((max > 0).then(|| Duration::from_nanos(table.next_full.saturating_sub(now))))
    }
}

struct Shared(Arc<Buckets>);

impl StateStore for Shared {
    type Key = Attempt;

    fn measure_and_replace<T, F, E>(&self, attempt: &Attempt, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut table = lock(&self.0.0);
        let (answer, full_at) = decide(table.full_at.get(&attempt.key).copied().map(Nanos::new))?;
        if attempt.charge {
            let full_at = full_at.as_u64();
            if table.full_at.insert(attempt.key.clone(), full_at).is_none() {
                table.next_full = table.next_full.min(full_at);
            }
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::hook::ClockHands;

    const SECOND: Duration = Duration::from_secs(1);
    const NANO: Duration = Duration::from_nanos(1);

    fn layer(rules: impl IntoIterator<Item = RateLimit>) -> (RateLimitLayer, ClockHands) {
        let (clock, hands) = Clock::manual();
        // Not at zero, so that a mix-up of readings shows.
        hands.advance(Duration::from_nanos(12_345));
        (RateLimitLayer::with_clock(rules, clock).unwrap(), hands)
    }

    fn ask(layer: &RateLimitLayer, cx: &QueryContext) -> Result<()> {
        futures_util::FutureExt::now_or_never(layer.before(cx)).unwrap()
    }

    fn select() -> QueryContext {
        QueryContext::sample(StatementKind::Select)
    }

    fn by(subject: &str) -> QueryContext {
        QueryContext { subject: Some(Subject::new(subject)), ..select() }
    }

    /// The next `count` are allowed and the one after is not.
    #[track_caller]
    fn check_allows(layer: &RateLimitLayer, cx: &QueryContext, count: usize) -> Error {
        for _ in 0..count {
            ask(layer, cx).unwrap();
        }
        ask(layer, cx).unwrap_err()
    }

    #[test]
    fn refusal_names_the_rule_and_the_exact_time_to_wait() {
        let (layer, hands) = layer([RateLimit::named("reads").global().quota(4, SECOND)]);
        let error = check_allows(&layer, &select(), 4);
        assert_eq!((error.kind(), error.code(), error.rule()), (ErrorKind::RateLimited, "rate.limited", Some("reads")));
        assert_eq!(error.to_string(), "rate limit `reads` is used up; retry after 250ms");
        assert_eq!(error.retry_after(), Some(SECOND / 4));

        hands.advance(SECOND / 4 - NANO);
        assert_eq!(ask(&layer, &select()).unwrap_err().retry_after(), Some(NANO));
        hands.advance(NANO);
        let error = check_allows(&layer, &select(), 1);
        assert_eq!(error.retry_after(), Some(SECOND / 4));
        hands.advance(SECOND * 100);
        check_allows(&layer, &select(), 4);
    }

    #[test]
    fn quota_that_does_not_divide_its_period_is_rounded_in_favour_of_the_limit() {
        let (layer, hands) = layer([RateLimit::named("thirds").quota(3, SECOND).burst(1)]);
        let mut allowed = 0;
        for _ in 0..3_000 {
            allowed += usize::from(ask(&layer, &select()).is_ok());
            hands.advance(SECOND / 1_000);
        }
        assert_eq!(allowed, 9);
        hands.advance(SECOND);
        let error = check_allows(&layer, &select(), 1);
        assert_eq!(error.retry_after(), Some(Duration::from_nanos(333_333_334)));
    }

    #[test]
    fn burst_is_apart_from_the_quota() {
        let (layer, hands) = layer([RateLimit::named("slow").quota(60, SECOND * 60).burst(5)]);
        assert_eq!(check_allows(&layer, &select(), 5).retry_after(), Some(SECOND));
        hands.advance(SECOND * 2);
        check_allows(&layer, &select(), 2);
    }

    #[test]
    fn subjects_are_counted_apart_and_tenants_make_them_different() {
        let (layer, _) = layer([RateLimit::named("each").per_subject().quota(2, SECOND)]);
        check_allows(&layer, &by("ada"), 2);
        check_allows(&layer, &by("bob"), 2);
        let elsewhere = QueryContext { subject: Some(Subject::new("ada").tenant("south")), ..select() };
        check_allows(&layer, &elsewhere, 2);
    }

    #[test]
    fn missing_subject_is_refused_by_a_rule_per_subject_only() {
        let nobody = QueryContext { subject: None, ..select() };
        let (each, _) = layer([RateLimit::named("each").per_subject().quota(2, SECOND)]);
        let error = ask(&each, &nobody).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::RateLimited, "rate.no_subject"));
        assert_eq!((error.rule(), error.retry_after()), (Some("each"), None));
        assert!(error.to_string().ends_with("use `db.acting_as`"));
        ask(&each, &by("ada")).unwrap();
        let (all, _) = layer([RateLimit::named("all").quota(2, SECOND)]);
        check_allows(&all, &nobody, 2);
    }

    #[test]
    fn handles_are_counted_apart() {
        let (layer, _) = layer([RateLimit::named("handle").per_handle().quota(1, SECOND)]);
        check_allows(&layer, &select(), 1);
        check_allows(&layer, &QueryContext { handle: HandleKind::ReadOnly, ..select() }, 1);
        check_allows(&layer, &QueryContext { handle_name: Some("jobs".into()), ..select() }, 1);
        check_allows(&layer, &QueryContext { database: "other".into(), ..select() }, 1);
        // The subject makes no difference.
        ask(&layer, &by("bob")).unwrap_err();
    }

    #[test]
    fn reads_and_writes_can_be_limited_apart_and_ends_of_transactions_never() {
        use StatementKind::*;
        let counted = |only: Statements| -> Vec<StatementKind> {
            [
                Select,
                Insert,
                Update,
                Delete,
                RawSelect,
                Raw,
                Catalog,
                Explain,
                Begin,
                Commit,
                Rollback,
                Savepoint,
                Release,
                RollbackTo,
                Lock,
                CreateTable,
                DropTable,
                Truncate,
            ]
            .into_iter()
            .filter(|kind| {
                let (layer, _) = layer([RateLimit::named("rule").only(only).quota(0, SECOND)]);
                ask(&layer, &QueryContext::sample(*kind)).is_err()
            })
            .collect()
        };
        assert_eq!(counted(Statements::Reads), [Select, RawSelect, Explain]);
        assert_eq!(counted(Statements::Writes), [Insert, Update, Delete, Raw, CreateTable, DropTable, Truncate]);
        let all = [Select, Insert, Update, Delete, RawSelect, Raw, Explain, Begin, Savepoint, Lock];
        assert_eq!(counted(Statements::All), [&all[..], &[CreateTable, DropTable, Truncate]].concat());
    }

    #[test]
    fn quota_of_zero_refuses_always_without_a_time_to_wait() {
        for rule in [RateLimit::named("no").quota(0, SECOND), RateLimit::named("no").quota(1, SECOND).burst(0)] {
            let (layer, hands) = layer([rule]);
            let error = ask(&layer, &select()).unwrap_err();
            assert_eq!((error.code(), error.retry_after()), ("rate.limited", None));
            hands.advance(SECOND * 1_000);
            ask(&layer, &select()).unwrap_err();
        }
    }

    #[test]
    fn refused_statement_is_charged_by_no_rule() {
        let (layer, hands) = layer([
            RateLimit::named("many").global().quota(3, SECOND * 100),
            RateLimit::named("one").per_subject().quota(1, SECOND),
        ]);
        assert_eq!(check_allows(&layer, &by("ada"), 1).rule(), Some("one"));
        for _ in 0..50 {
            ask(&layer, &by("ada")).unwrap_err();
        }
        // Two of three are left for others.
        ask(&layer, &by("bob")).unwrap();
        hands.advance(SECOND);
        ask(&layer, &by("ada")).unwrap();
        assert_eq!(ask(&layer, &by("eve")).unwrap_err().rule(), Some("many"));
    }

    #[test]
    fn of_several_refusals_the_longest_wait_is_told() {
        let rules = |first: u64, second: u64| {
            [
                RateLimit::named("first").quota(1, SECOND * u32::try_from(first).unwrap()),
                RateLimit::named("second").quota(1, SECOND * u32::try_from(second).unwrap()),
            ]
        };
        for (first, second, told) in [(5, 9, "second"), (9, 5, "first"), (9, 9, "first")] {
            let (layer, hands) = layer(rules(first, second));
            let error = check_allows(&layer, &select(), 1);
            assert_eq!((error.rule(), error.retry_after()), (Some(told), Some(SECOND * 9)));
            hands.advance(SECOND * 9 - NANO);
            ask(&layer, &select()).unwrap_err();
            hands.advance(NANO);
            ask(&layer, &select()).unwrap();
        }
    }

    #[test]
    fn statement_that_the_guard_refused_is_not_counted() {
        let (layer, _) = layer([RateLimit::named("one").quota(1, SECOND)]);
        let refused = QueryContext { refusal: Some(Error::refused("no")), ..select() };
        for _ in 0..5 {
            ask(&layer, &refused).unwrap();
        }
        check_allows(&layer, &select(), 1);
    }

    #[test]
    fn keys_are_bounded_and_only_refilled_buckets_are_forgotten() {
        let (layer, hands) = layer([RateLimit::named("few").per_subject().quota(1, SECOND).max_keys(2)]);
        ask(&layer, &by("a")).unwrap();
        hands.advance(SECOND / 4);
        ask(&layer, &by("b")).unwrap();
        let error = ask(&layer, &by("c")).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::RateLimited, "rate.too_many_keys"));
        assert_eq!(error.retry_after(), Some(SECOND * 3 / 4));
        // The known ones keep their counts.
        assert_eq!(ask(&layer, &by("a")).unwrap_err().code(), "rate.limited");
        hands.advance(SECOND * 3 / 4 - NANO);
        ask(&layer, &by("c")).unwrap_err();
        hands.advance(NANO);
        ask(&layer, &by("c")).unwrap();
        assert_eq!(ask(&layer, &by("a")).unwrap_err().code(), "rate.too_many_keys");
    }

    #[test]
    fn made_up_subjects_do_not_grow_the_table() {
        let (layer, hands) = layer([RateLimit::named("each").per_subject().quota(10, SECOND)]);
        for number in 0..50_000 {
            ask(&layer, &by(&format!("s{number}"))).unwrap();
            hands.advance(Duration::from_millis(1));
        }
        // Each is in use for a tenth of a second, so some hundred are at any time.
        let kept = lock(&layer.0.rules[0].buckets.0).full_at.len();
        assert!(kept <= SWEEP_FROM, "{kept}");
    }

    #[test]
    fn mistakes_in_a_rule_are_errors() {
        let rule = || RateLimit::named("r");
        for (rules, code) in [
            (vec![rule()], "rate.no_quota"),
            (vec![rule().quota(1, Duration::ZERO)], "rate.no_period"),
            (vec![rule().quota(1, Duration::MAX)], "rate.too_long"),
            (vec![rule().quota(1, SECOND * 3_600 * 24 * 365).burst(u32::MAX)], "rate.too_long"),
            (vec![rule().quota(1, SECOND), rule().quota(2, SECOND)], "rate.two_of_a_name"),
        ] {
            let error = RateLimitLayer::new(rules).unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Plan, code));
        }
        RateLimitLayer::new([rule().quota(1, NANO), RateLimit::named("s").quota(u32::MAX, SECOND)]).unwrap();
    }

    #[test]
    fn extreme_quotas_and_times_do_not_overflow() {
        let year = SECOND * 3_600 * 24 * 365;
        let (layer, hands) =
            layer([RateLimit::named("long").quota(2, year * 140), RateLimit::named("dense").quota(u32::MAX, NANO)]);
        hands.advance(Duration::MAX);
        assert_eq!(check_allows(&layer, &select(), 2).retry_after(), Some(year * 70));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn concurrent_tasks_never_get_more_than_the_quota() {
        let (layer, hands) = layer([
            RateLimit::named("all").global().quota(100, SECOND),
            RateLimit::named("each").per_subject().quota(30, SECOND),
        ]);
        for round in 0..3 {
            let allowed = Arc::new(AtomicUsize::new(0));
            let tasks: Vec<_> = (0..8)
                .map(|task| {
                    let (layer, allowed) = (layer.clone(), Arc::clone(&allowed));
                    tokio::spawn(async move {
                        for _ in 0..200 {
                            if layer.before(&by(&format!("s{}", task % 4))).await.is_ok() {
                                allowed.fetch_add(1, Ordering::SeqCst);
                            }
                            tokio::task::yield_now().await;
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(allowed.load(Ordering::SeqCst), 100, "round {round}");
            hands.advance(SECOND);
        }
    }

    #[test]
    fn system_clock_limits_too() {
        let layer = RateLimitLayer::new([RateLimit::named("hourly").quota(2, SECOND * 3_600)]).unwrap();
        let wait = check_allows(&layer, &select(), 2).retry_after().unwrap();
        assert!(wait <= SECOND * 1_800 && wait > SECOND * 1_790, "{wait:?}");
    }
}
