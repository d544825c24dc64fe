//! Rate limits: rules, and the layer that keeps them.
//!
//! `rule` is what a caller writes and `data` what a file holds; `key` says for whom a bucket is, `gcra` what a bucket answers, `bucket` keeps them;
//! `decide` tests all rules of a statement and charges all or none, `wait` queues; `settle` charges what is known only at the end;
//! `shared` asks a store that other processes ask too.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Clock, Hook, Outcome, QueryContext, Subject};
use crate::error::{Error, ErrorKind, Result, show_name};
use crate::statement::StatementKind;

mod bucket;
mod data;
mod decide;
mod gcra;
mod key;
mod rule;
mod settle;
mod shared;
mod wait;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wait_tests;

pub use self::rule::{RateContext, RateCost, RateLimit, RateScope};
pub use self::shared::{SharedLimits, WhenLost};
#[cfg(feature = "redis")]
pub(crate) use self::{
    gcra::Gcra,
    shared::{How, SharedCharge, SharedStore, Unreachable},
};

use self::decide::{Charge, Charges, Reason, Refusal, Rule, State};
use self::key::{Asker, Hashes, Missing};
use self::rule::{Measure, check_context_name};
use self::shared::{How as StoreHow, Shared};
use self::wait::Landing;

/// Refuses statements that come too fast, with the rule's name and the exact time to wait.
///
/// A refusal has kind [`ErrorKind::RateLimited`], code `rate.limited`, the rule in [`Error::rule`] and the time in
/// [`Error::retry_after`]: the same statement is allowed after exactly that time if nothing else uses the bucket, and not a
/// nanosecond before. When several rules refuse, the error is that of the longest wait.
///
/// All rules that count a statement are tested before any is charged, under one lock, so a refused statement uses up nothing.
/// A statement that passed stays charged, whatever becomes of it later. One that the guard has refused already is counted by rules of
/// [`RateContext::Denied`] only, since it is not sent.
///
/// A statement without what a rule counts by (a subject, an address, a tenant) is refused: letting it pass would be a
/// way around the rule. A limit or burst of 0 refuses always, without a time to wait.
///
/// Counts are kept in this process. A clone shares them, so one layer on several handles limits them together.
/// Time is that of [`Clock::elapsed`], so setting the machine's clock changes nothing.
///
/// ```
/// use std::time::Duration;
/// use portcullis::{RateLimit, RateLimitLayer, RateScope};
///
/// let limits = RateLimitLayer::new([
///     RateLimit::named("per person").scope(RateScope::Subject).limit(10, Duration::from_secs(1)),
///     RateLimit::named("all together").limit(200, Duration::from_secs(1)).burst(50),
/// ])?;
/// # let _ = limits;
///
/// // A rule without a limit is a mistake that shows at once.
/// let error = RateLimitLayer::new([RateLimit::named("reads")]).unwrap_err();
/// assert_eq!(error.code(), "rate.no_limit");
/// # Ok::<(), portcullis::Error>(())
/// ```
#[derive(Clone)]
pub struct RateLimitLayer(Arc<Inner>);

struct Inner {
    clock: Clock,
    rules: Vec<Rule>,
    /// What each rule counts, beside it.
    counts: Vec<Counts>,
    hashes: Hashes,
    /// Held while the rules are tested and charged: between the two nothing may change, and all rules go by one reading.
    state: Mutex<State>,
    /// Some rule charges at the end.
    settles: bool,
    /// Some rule counts statements in flight.
    counts_in_flight: bool,
    /// Where the buckets of shared rules are.
    store: Option<SharedLimits>,
}

impl RateLimitLayer {
    /// A layer with these rules, by the machine's clock.
    ///
    /// # Errors
    ///
    /// A rule has no limit, fields that do not go together, a bucket that takes longer than 146 years to fill, or the name of another rule.
    /// The message names the rule, the field and what to write.
    pub fn new(rules: impl IntoIterator<Item = RateLimit>) -> Result<RateLimitLayer> {
        RateLimitLayer::with_clock(rules, Clock::system())
    }

    /// A layer with these rules, by the given clock.
    ///
    /// # Errors
    ///
    /// As [`RateLimitLayer::new`].
    pub fn with_clock(rules: impl IntoIterator<Item = RateLimit>, clock: Clock) -> Result<RateLimitLayer> {
        RateLimitLayer::builder().rules(rules).clock(clock).build()
    }

    /// A builder, for a layer whose rules are shared with other processes.
    pub fn builder() -> RateLimitBuilder {
        RateLimitBuilder::default()
    }

    fn make(builder: RateLimitBuilder) -> Result<RateLimitLayer> {
        let RateLimitBuilder { rules, clock, store } = builder;
        let mut made: Vec<Rule> = Vec::new();
        for limit in rules {
            if made.iter().any(|other| other.limit.name == limit.name) {
                let name = show_name(&limit.name);
                return Err(mistake("rate.two_of_a_name", format!("two rate limits are named {name}")));
            }
            let whole = limit.measure()?;
            let (measure, shared) = match (limit.shared, whole) {
                (Some(when_lost), Measure::Rate(rate)) => {
                    if store.is_none() {
                        let what = "`shared` needs a store; add `.store(..)` to the builder of the layer";
                        return Err(limit.mistake("rate.no_store", what));
                    }
                    let part = match when_lost {
                        WhenLost::Local { processes } => rate.divided(processes),
                        _ => None,
                    };
                    let owes = settle::is_charged_at_the_end(&limit);
                    (part.map_or(Measure::Never, Measure::Rate), Some(Shared { rate, when_lost, owes }))
                }
                (_, whole) => (whole, None),
            };
            made.push(Rule { limit, measure, shared });
        }
        let counts: Vec<Counts> = made.iter().map(|rule| Counts::of(&rule.limit)).collect();
        let settles = made.iter().any(|rule| settle::is_charged_at_the_end(&rule.limit));
        let state = Mutex::new(State::new(&made));
        let hashes = Hashes::default();
        let counts_in_flight = made.iter().any(|rule| matches!(rule.measure, Measure::InFlight(_)));
        let inner = Inner { clock, rules: made, counts, hashes, state, settles, counts_in_flight, store };
        Ok(RateLimitLayer(Arc::new(inner)))
    }

    /// Counts something that is no statement: a login, an export, a mail. `context` is `login` or a name of the caller's, and the rules
    /// of that context ([`RateContext::Login`], [`RateContext::Named`]) say how many of them `subject` may do. A context that no rule names is not
    /// limited. Rules of statements in flight do not count here.
    ///
    /// A login is best asked about before the password is looked at, by the name that was typed and the address it came from.
    ///
    /// ```
    /// use std::time::Duration;
    /// use portcullis::{RateContext, RateLimit, RateLimitLayer, RateScope, Subject};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// let rule = RateLimit::named("logins").context(RateContext::Login).scope(RateScope::Ip);
    /// let limits = RateLimitLayer::new([rule.limit(3, Duration::from_secs(60))])?;
    ///
    /// let visitor = Subject::new("ada").address([192, 0, 2, 7]);
    /// for _ in 0..3 {
    ///     limits.check("login", &visitor).await?;
    /// }
    /// assert_eq!(limits.check("login", &visitor).await.unwrap_err().rule(), Some("logins"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::RateLimited`] as for a statement; [`ErrorKind::Plan`] for a context that means statements, such as `read`.
    pub async fn check(&self, context: &str, subject: &Subject) -> Result<()> {
        let mut charges = self.0.charges_of(context, subject)?;
        match self.0.pass_at_once(&mut charges)? {
            Passed::Now(_) => Ok(()),
            Passed::NotYet => self.0.pass(&mut charges).await.map(drop),
        }
    }

    /// What [`check`](RateLimitLayer::check) would say now, without counting anything.
    ///
    /// # Errors
    ///
    /// As [`check`](RateLimitLayer::check).
    pub async fn test(&self, context: &str, subject: &Subject) -> Result<()> {
        self.0.look(&mut self.0.charges_of(context, subject)?).await
    }
}

/// Makes a [`RateLimitLayer`] whose rules several processes share; see [`RateLimit::shared`].
#[derive(Debug, Default)]
#[must_use = "nothing is limited before `build`"]
pub struct RateLimitBuilder {
    rules: Vec<RateLimit>,
    clock: Clock,
    store: Option<SharedLimits>,
}

impl RateLimitBuilder {
    /// Adds these rules.
    pub fn rules(mut self, rules: impl IntoIterator<Item = RateLimit>) -> RateLimitBuilder {
        self.rules.extend(rules);
        self
    }

    /// Goes by this clock; a store goes by its own.
    pub fn clock(mut self, clock: Clock) -> RateLimitBuilder {
        self.clock = clock;
        self
    }

    /// Keeps the buckets of rules that are [shared](RateLimit::shared) there: a `RedisLimits`, with the feature `redis`.
    pub fn store(mut self, store: impl Into<SharedLimits>) -> RateLimitBuilder {
        self.store = Some(store.into());
        self
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// As [`RateLimitLayer::new`], and when a rule is shared and there is no store.
    pub fn build(self) -> Result<RateLimitLayer> {
        RateLimitLayer::make(self)
    }
}

impl Hook for RateLimitLayer {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        if cx.refusal().is_some() {
            return Ok(());
        }
        let Some(mut charges) = self.0.pass_statement(cx)? else { return Ok(()) };
        if let Some(landing) = Box::pin(self.0.pass(&mut charges)).await? {
            cx.guards.keep(Box::new(landing));
        }
        Ok(())
    }

    async fn after(&self, cx: &QueryContext, outcome: &Outcome) {
        cx.guards.release();
        if self.0.settles {
            self.0.settle(cx, outcome).await;
        }
    }
}

impl fmt::Debug for RateLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.rules.iter().map(|rule| &rule.limit)).finish()
    }
}

/// What a rule counts, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts(u8);

const ANY: u8 = 1;
const READ: u8 = 2;
const WRITE: u8 = 4;
const DDL: u8 = 8;
const RAW: u8 = 16;
/// Looks at every statement, and charges none before it was refused.
const DENIED: u8 = 32;
const NAMED: u8 = 64;

impl Counts {
    fn of(limit: &RateLimit) -> Counts {
        let bit = |context: &RateContext| match context {
            RateContext::Read => READ,
            RateContext::Write => WRITE,
            RateContext::Ddl => DDL,
            RateContext::Raw => RAW,
            RateContext::Denied => DENIED,
            RateContext::Login => 0,
            RateContext::Named(_) => NAMED,
        };
        match limit.contexts.as_slice() {
            [] => Counts(ANY),
            contexts => Counts(contexts.iter().map(bit).fold(0, |bits, bit| bits | bit)),
        }
    }

    /// What a statement is; nothing for one that is never counted.
    fn of_statement(kind: StatementKind) -> u8 {
        match kind {
            StatementKind::Catalog
            | StatementKind::Commit
            | StatementKind::Rollback
            | StatementKind::Release
            | StatementKind::RollbackTo => 0,
            StatementKind::Begin | StatementKind::Savepoint | StatementKind::Lock => ANY | DENIED,
            _ => {
                let change = if kind.is_write() { WRITE } else { READ };
                let ddl = if kind.is_ddl() { DDL } else { 0 };
                let raw = if matches!(kind, StatementKind::Raw | StatementKind::RawSelect) { RAW } else { 0 };
                ANY | DENIED | NAMED | change | ddl | raw
            }
        }
    }

    fn counts(self, is: u8, limit: &RateLimit, named: Option<&str>) -> bool {
        let common = self.0 & is;
        common & !NAMED != 0 || (common & NAMED != 0 && named.is_some_and(|name| limit.is_in(name)))
    }
}

impl RateLimit {
    /// True for a rule that has one bucket, with key 0.
    fn counts_all_together(&self) -> bool {
        matches!(self.scope.as_slice(), [] | [RateScope::Global])
    }

    fn is_in(&self, name: &str) -> bool {
        self.contexts.iter().any(|context| matches!(context, RateContext::Named(own) if own == name))
    }
}

impl Inner {
    /// Lets a statement pass if that can be said at once, as for most, without the room that waiting takes; otherwise what it is to wait for.
    fn pass_statement(self: &Arc<Self>, cx: &QueryContext) -> Result<Option<Box<Charges>>> {
        let mut charges = Charges::default();
        self.charges_of_statement(cx, &mut charges)?;
        match self.pass_at_once(&mut charges)? {
            Passed::Now(None) => Ok(None),
            Passed::Now(Some(landing)) => {
                cx.guards.keep(Box::new(landing));
                Ok(None)
            }
            Passed::NotYet => Ok(Some(Box::new(charges))),
        }
    }

    /// Adds what a statement takes, and where.
    fn charges_of_statement(&self, cx: &QueryContext, charges: &mut Charges) -> Result<()> {
        let is = Counts::of_statement(cx.kind());
        let asker = Asker { subject: cx.subject(), statement: Some(cx) };
        let named = cx.subject().and_then(Subject::named_context);
        let counting = |index: usize, limit: &RateLimit| {
            self.counts.get(index).is_some_and(|counts| counts.counts(is, limit, named))
        };
        self.charges(asker, charges, counting)
    }

    fn charges_of(&self, context: &str, subject: &Subject) -> Result<Charges> {
        let login = context == "login";
        if !login && check_context_name(context).is_err() {
            let name = show_name(context);
            let what = format!("{name} is no context for `check`; write `login` or a name of your own");
            return Err(mistake("rate.context", what));
        }
        let asker = Asker { subject: Some(subject), statement: None };
        let mut charges = Charges::default();
        self.charges(asker, &mut charges, |_, limit| {
            let of_login = login && limit.contexts.contains(&RateContext::Login);
            limit.in_flight.is_none() && (of_login || limit.is_in(context))
        })?;
        Ok(charges)
    }

    fn charges(
        &self,
        asker: Asker<'_>,
        charges: &mut Charges,
        counting: impl Fn(usize, &RateLimit) -> bool,
    ) -> Result<()> {
        for (index, rule) in self.rules.iter().enumerate().filter(|(index, rule)| counting(*index, &rule.limit)) {
            let look = rule.limit.contexts.contains(&RateContext::Denied);
            let cost = rule.limit.cost_before(asker.statement);
            let charge = Charge { rule: index, cost, look, ..Charge::default() };
            let found = self.add(rule, asker, charge, charges);
            found.map_err(|missing| Refusal::of(rule, Reason::Missing(missing), None).into_error())?;
        }
        Ok(())
    }

    /// Adds this charge for each bucket that a rule has for the asker.
    fn add(
        &self,
        rule: &Rule,
        asker: Asker<'_>,
        charge: Charge,
        charges: &mut Charges,
    ) -> std::result::Result<(), Missing> {
        match rule.shared {
            None if rule.limit.counts_all_together() => {
                charges.push(charge);
                Ok(())
            }
            None => self.hashes.each(&rule.limit.scope, asker, &mut |key| charges.push(Charge { key, ..charge })),
            Some(_) => self
                .hashes
                .each_shared(rule, asker, &mut |key, name| charges.push_shared(Charge { key, ..charge }, name)),
        }
    }

    /// Takes all charges or none: those of this process first, and the shared ones when these are allowed.
    async fn take(&self, charges: &mut Charges, ticket: Option<u64>) -> std::result::Result<(), Refusal<'_>> {
        self.take_own(charges, ticket)?;
        if !charges.are_shared() {
            return Ok(());
        }
        let mut undo = Undo { inner: self, charges, done: false };
        let taken = self.take_shared(undo.charges, ticket).await;
        undo.done = taken.is_ok();
        taken
    }

    /// Takes the charges of this process.
    fn take_own(&self, charges: &mut Charges, ticket: Option<u64>) -> std::result::Result<(), Refusal<'_>> {
        lock(&self.state).take(&self.rules, charges, self.clock.nanos(), ticket)
    }

    /// Takes what a statement needs, or says why not, unless a store is to be asked or the statement may wait.
    fn pass_at_once(self: &Arc<Self>, charges: &mut Charges) -> Result<Passed> {
        if charges.is_empty() {
            return Ok(Passed::Now(None));
        }
        if charges.are_shared() {
            return Ok(Passed::NotYet);
        }
        match self.take_own(charges, None) {
            Ok(()) => Ok(Passed::Now(self.landing(charges))),
            Err(refusal) if refusal.may_wait => Ok(Passed::NotYet),
            Err(refusal) => Err(refusal.into_error()),
        }
    }

    /// Takes what a statement needs, or says why not.
    async fn pass(self: &Arc<Self>, charges: &mut Charges) -> Result<Option<Landing>> {
        match self.take(charges, None).await {
            Ok(()) => {}
            Err(refusal) if refusal.may_wait => self.wait(charges, refusal).await?,
            Err(refusal) => return Err(refusal.into_error()),
        }
        Ok(self.landing(charges))
    }

    fn landing(self: &Arc<Self>, charges: &Charges) -> Option<Landing> {
        if self.counts_in_flight { Landing::of(self, charges) } else { None }
    }

    async fn look(&self, charges: &mut Charges) -> Result<()> {
        let own = lock(&self.state).test(&self.rules, charges, self.clock.nanos(), None);
        own.map_err(Refusal::into_error)?;
        match charges.are_shared() {
            true => self.ask_store(charges, None, StoreHow::Look).await.map_err(Refusal::into_error),
            false => Ok(()),
        }
    }
}

/// Whether a statement may go on.
enum Passed {
    Now(Option<Landing>),
    /// A store is to be asked, or it may wait.
    NotYet,
}

/// Gives back what this process took, unless the shared charges could be taken too: also when the caller goes away in between.
struct Undo<'a> {
    inner: &'a Inner,
    charges: &'a Charges,
    done: bool,
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if !self.done {
            let mut state = lock(&self.inner.state);
            state.give_back(&self.inner.rules, self.charges, self.inner.clock.nanos());
        }
    }
}

impl RateLimit {
    /// What a statement takes before it runs.
    fn cost_before(&self, statement: Option<&QueryContext>) -> u64 {
        match self.cost {
            RateCost::Statement | RateCost::ReturnedRows => 1,
            RateCost::EstimatedRows => {
                let whole = || u64::from(self.burst.or(self.rate.map(|(limit, _)| limit)).unwrap_or(1));
                statement.map_or(1, |cx| cx.most_rows().unwrap_or_else(whole)).max(1)
            }
        }
    }
}

fn mistake(code: &'static str, message: String) -> Error {
    Error::new(ErrorKind::Plan, code, message)
}

/// A panic elsewhere while a lock was held leaves nothing half-done here: each change is one store.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
