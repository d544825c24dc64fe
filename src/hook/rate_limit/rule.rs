//! One rule, as its author writes it.

use std::time::Duration;

use super::gcra::Gcra;
use super::shared::WhenLost;
use crate::error::{Error, ErrorKind, Result, show_name};

/// One named rule of a [`RateLimitLayer`](super::RateLimitLayer): how many statements, in what time, counted for whom. Written here, or read from a
/// file: see below.
///
/// A rule is a bucket (the generic cell rate algorithm): it holds at most [`burst`](RateLimit::burst) units and
/// refills evenly, one unit every `window / limit`, rounded up to a nanosecond. Over a long time no more than `limit` units
/// pass in each `window`; in a single window, a bucket that was full when it began allows up to `burst` more.
///
/// ```
/// use std::time::Duration;
/// use portcullis::{RateContext, RateLimit, RateScope};
///
/// // Each subject: 120 statements a minute, at most 10 of them at once.
/// RateLimit::named("reads").scope(RateScope::Subject).limit(120, Duration::from_secs(60)).burst(10);
/// // All subjects of all handles together: five writes a second.
/// RateLimit::named("writes").context(RateContext::Write).limit(5, Duration::from_secs(1));
/// // No more than four statements of a tenant at the same time; the next waits for up to two seconds.
/// RateLimit::named("tenants").scope(RateScope::Tenant).in_flight(4).wait(Duration::from_secs(2));
/// ```
///
/// # As data
///
/// A rule is deserialised by serde, so a file of any format that tells numbers from text can hold it: `Vec<RateLimit>`, or a field of that type in a struct of
/// the caller's. `docs/limits.md` has every field.
///
/// ```
/// use portcullis::{RateLimit, RateLimitLayer};
///
/// let rules: Vec<RateLimit> = serde_json::from_str(r#"[
///     {"name": "reads", "scope": "subject", "context": "read", "limit": 120, "window": "1m", "burst": 10},
///     {"name": "exports", "scope": ["tenant", "table"], "context": "named:export", "limit": 100000, "window": "1h", "cost": "returned_rows"},
///     {"name": "probing", "scope": "subject_or_ip", "context": "denied", "limit": 5, "window": "10m"}
/// ]"#).unwrap();
/// RateLimitLayer::new(rules)?;
///
/// let mistake = serde_json::from_str::<RateLimit>(r#"{"name": "reads", "limit": 120, "window": 60}"#).unwrap_err();
/// assert!(mistake.to_string().starts_with("rate limit `reads`: `window` is a time; write `window = \"60s\"`"));
/// # Ok::<(), portcullis::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a rule does nothing until a `RateLimitLayer` has it"]
pub struct RateLimit {
    pub(super) name: String,
    pub(super) scope: Vec<RateScope>,
    pub(super) contexts: Vec<RateContext>,
    pub(super) rate: Option<(u32, Duration)>,
    pub(super) burst: Option<u32>,
    pub(super) cost: RateCost,
    pub(super) in_flight: Option<u32>,
    pub(super) wait: Option<Duration>,
    pub(super) max_keys: usize,
    pub(super) shared: Option<WhenLost>,
}

/// For whom a rule counts. Several together count for each combination: tenant and table, for each table of each tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RateScope {
    /// All together.
    Global,
    /// Each handle: handles are told apart by database, name, and whether they can write.
    Handle,
    /// Each subject, see `Database::acting_as`. The same id in two tenants is two subjects, and [`Subject::anonymous`](super::super::Subject::anonymous)
    /// is none.
    Subject,
    /// Each source address. An IPv6 address counts by its first 64 bits, because whoever has one has them all.
    Ip,
    /// The subject if there is one, and the source address otherwise.
    SubjectOrIp,
    /// Each subject at each of its source addresses.
    SubjectAndIp,
    /// Each tenant.
    Tenant,
    /// Each table that the statement touches, by its name as the statement writes it, in lower case. A statement of three tables draws from three
    /// buckets, and one of none from none. Raw SQL, whose tables are not known, is refused.
    Table,
}

/// What a rule counts. A rule without a context counts all statements.
///
/// The crate's own catalogue reads are never counted, because they are made on behalf of a statement that is. COMMIT,
/// ROLLBACK and the ends of savepoints are never counted either: refusing to end a transaction would leave its locks held, which harms everyone else
/// more than the statement could. The start of a transaction or a savepoint and an advisory lock count where a rule has no context.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RateContext {
    /// Selects, raw selects and EXPLAIN.
    Read,
    /// Inserts, updates, deletes, what changes tables, and raw SQL that was not parsed as a select.
    Write,
    /// What makes, changes, empties or removes tables and indexes. Raw SQL may do so too, and is not among them.
    Ddl,
    /// Raw SQL of any kind.
    Raw,
    /// Refusals: of the guard, of a policy or another hook ([`Error::refused`]), and of the database for want of a privilege; also of names that do not
    /// exist. Each counts one when it is known. When the bucket is empty, *every* statement in the rule's scope is refused until it refills, which
    /// slows down whoever tries out what is let through. Statements that run while the last unit is used can overdraw it; that is waited off too.
    Denied,
    /// Logins, or whatever the caller asks about as `"login"` by [`RateLimitLayer::check`](super::RateLimitLayer::check).
    Login,
    /// A name of the caller's: statements of a subject that is [in that context](super::super::Subject::in_context), and
    /// [`RateLimitLayer::check`](super::RateLimitLayer::check) with that name. In data it is written `named:export`.
    Named(String),
}

/// What one statement takes out of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum RateCost {
    /// One.
    #[default]
    Statement,
    /// As many rows as it can return or write at most, as far as the plan says: by its `limit`, the rows of an insert, the `max_affected` of another
    /// write, or one for an aggregate without groups; at least one. Where the plan says nothing the whole [`burst`](RateLimit::burst): such a statement
    /// needs a full bucket. One that may take more than the burst is always refused.
    EstimatedRows,
    /// As many rows as it has returned; at least one. The bucket must hold one before; the rest is charged when the statement has ended, however
    /// it ended, and what the bucket does not hold is waited off by those that follow.
    ReturnedRows,
}

impl RateLimit {
    /// A rule of this name, which counts all statements together until told otherwise. It needs a
    /// [`limit`](RateLimit::limit) or an [`in_flight`](RateLimit::in_flight).
    pub fn named(name: impl Into<String>) -> RateLimit {
        RateLimit {
            name: name.into(),
            scope: Vec::new(),
            contexts: Vec::new(),
            rate: None,
            burst: None,
            cost: RateCost::Statement,
            in_flight: None,
            wait: None,
            max_keys: 100_000,
            shared: None,
        }
    }

    /// Counts for each of these apart: one scope, or an array of them for each combination. Without, all is counted together.
    ///
    /// A statement that lacks what the scope counts by is refused (`rate.no_subject`, `rate.no_address`, `rate.no_tenant`, `rate.no_table`,
    /// `rate.no_handle`): letting it pass would be a way around the rule.
    pub fn scope(mut self, scope: impl IntoIterator<Item = RateScope>) -> RateLimit {
        self.scope = scope.into_iter().collect();
        self
    }

    /// Counts only these: one context, or an array of them. Without, all statements are counted.
    pub fn context(mut self, contexts: impl IntoIterator<Item = RateContext>) -> RateLimit {
        self.contexts = contexts.into_iter().collect();
        self
    }

    /// Allows `limit` units in each `window`. The burst is `limit` too, unless [`burst`](RateLimit::burst) says otherwise. 0 refuses
    /// always.
    pub fn limit(mut self, limit: u32, window: Duration) -> RateLimit {
        self.rate = Some((limit, window));
        self
    }

    /// Allows at most this many units at once. 0 refuses always.
    pub fn burst(mut self, burst: u32) -> RateLimit {
        self.burst = Some(burst);
        self
    }

    /// What one statement takes; [`RateCost::Statement`] unless set.
    pub fn cost(mut self, cost: RateCost) -> RateLimit {
        self.cost = cost;
        self
    }

    /// Allows at most this many statements at the same time, instead of a rate. A statement is in flight from here until it has ended in whatever way:
    /// a stream until its last row was read or it was dropped. 0 refuses always.
    pub fn in_flight(mut self, statements: u32) -> RateLimit {
        self.in_flight = Some(statements);
        self
    }

    /// Lets a statement wait for up to this long instead of refusing it at once.
    ///
    /// Those that wait for one bucket go in the order in which they came, and none that comes later goes before them. One whose time would not come
    /// within `longest` is refused at once; so is one that would wait for longer than the handle's hook deadline (5 s unless
    /// set), which ends all waiting. A caller who goes away gives up the place. A statement waits only if all the rules that refuse it wait.
    pub fn wait(mut self, longest: Duration) -> RateLimit {
        self.wait = Some(longest);
        self
    }

    /// Keeps the count of at most this many keys (subjects, addresses, …) at a time; 100,000 unless set. One takes some 50 bytes.
    ///
    /// A key is forgotten as soon as its bucket has refilled, when it no longer differs from a new one. While all the keys
    /// kept are still in use, a statement of a further key is refused (`rate.too_many_keys`) with the time until the next
    /// can be forgotten: forgetting one early would give its owner a full bucket, which is what someone who makes up
    /// subjects would be after.
    pub fn max_keys(mut self, keys: usize) -> RateLimit {
        self.max_keys = keys;
        self
    }

    /// Counts together with other processes, in the store of [`RateLimitBuilder::store`](super::RateLimitBuilder::store): all of them never allow more than one
    /// would. `when_lost` says what holds while the store can't be reached; [`WhenLost::Refuse`] is the safe choice.
    ///
    /// The bucket is known by the rule's name, so processes that share it must agree on the rule. Statements in flight can't be counted so.
    pub fn shared(mut self, when_lost: WhenLost) -> RateLimit {
        self.shared = Some(when_lost);
        self
    }

    /// An error that names the rule and the field.
    pub(super) fn mistake(&self, code: &'static str, what: &str) -> Error {
        Error::new(ErrorKind::Plan, code, format!("rate limit {}: {what}", show_name(&self.name)))
    }

    /// What it measures.
    pub(super) fn measure(&self) -> Result<Measure> {
        self.check_fields()?;
        match (self.in_flight, self.rate) {
            (Some(most), None) => Ok(Measure::InFlight(most)),
            (_, Some((limit, window))) => {
                if window.is_zero() {
                    return Err(self.mistake("rate.no_window", "`window` is zero; write a time such as 1 s or 1 min"));
                }
                let burst = self.burst.unwrap_or(limit);
                if limit == 0 || burst == 0 {
                    return Ok(Measure::Never);
                }
                let rate = Gcra::new(limit, window.as_nanos(), burst);
                rate.map(Measure::Rate).ok_or_else(|| {
                    let what = "the bucket takes longer than 146 years to fill; write a shorter `window`";
                    self.mistake("rate.too_long", what)
                })
            }
            (None, None) => {
                let what = "`limit` is missing; write how many and in what `window`, or `in_flight`";
                Err(self.mistake("rate.no_limit", what))
            }
        }
    }

    fn check_fields(&self) -> Result<()> {
        if self.name.is_empty() {
            return Err(self.mistake("rate.no_name", "`name` is empty; errors and records show it"));
        }
        let again = |position: usize| {
            self.scope.iter().take(position).any(|before| self.scope.get(position).is_some_and(|scope| scope == before))
        };
        if (0..self.scope.len()).any(again) {
            return Err(self.mistake("rate.scope", "`scope` names one thing twice; leave one out"));
        }
        if self.scope.len() > 1 && self.scope.contains(&RateScope::Global) {
            return Err(self.mistake("rate.scope", "`scope` has `global` beside others; leave it out"));
        }
        if self.in_flight.is_some() && (self.rate.is_some() || self.burst.is_some() || self.cost != RateCost::Statement)
        {
            let what = "`in_flight` stands beside `limit`, `burst` or `cost`; make two rules of it";
            return Err(self.mistake("rate.in_flight", what));
        }
        if self.in_flight.is_some() && self.shared.is_some() {
            let what = "`in_flight` can't be `shared`; each process counts its own, so write the part of one";
            return Err(self.mistake("rate.shared", what));
        }
        if self.shared == Some(WhenLost::Local { processes: 0 }) {
            return Err(self.mistake("rate.shared", "`processes` is 0; write how many share the rule at most"));
        }
        let outside = [RateContext::Denied, RateContext::Login];
        let special = self.contexts.iter().any(|context| outside.contains(context));
        if special && self.in_flight.is_some() {
            let what = "`context` is `denied` or `login`, which are not in flight; write a `limit`";
            return Err(self.mistake("rate.context", what));
        }
        if special && self.cost != RateCost::Statement {
            return Err(
                self.mistake("rate.cost", "`context` is `denied` or `login`, which have no rows; leave out `cost`")
            );
        }
        if self.contexts.contains(&RateContext::Denied) && self.contexts.len() > 1 {
            return Err(self.mistake("rate.context", "`context` has `denied` beside others; make two rules of it"));
        }
        let by_statement = |scope: &RateScope| matches!(scope, RateScope::Table | RateScope::Handle);
        if self.contexts.contains(&RateContext::Login) && self.scope.iter().any(by_statement) {
            let what = "`scope` is a table or a handle, and a login has neither; write `subject`, `ip` or both";
            return Err(self.mistake("rate.scope", what));
        }
        for context in &self.contexts {
            if let RateContext::Named(name) = context {
                check_context_name(name).map_err(|what| self.mistake("rate.context", what))?;
            }
        }
        Ok(())
    }
}

/// The contexts that have a word of their own.
pub(super) const CONTEXT_WORDS: [(&str, RateContext); 6] = [
    ("read", RateContext::Read),
    ("write", RateContext::Write),
    ("ddl", RateContext::Ddl),
    ("raw", RateContext::Raw),
    ("denied", RateContext::Denied),
    ("login", RateContext::Login),
];

/// What is wrong with a name of the caller's.
pub(super) fn check_context_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("`context` is an empty name; write one after `named:`");
    }
    if CONTEXT_WORDS.iter().any(|(word, _)| *word == name) {
        return Err("`context` is a name that has a meaning of its own; write it without `named:`, or choose another");
    }
    Ok(())
}

/// What a rule measures.
#[derive(Debug, Clone, Copy)]
pub(super) enum Measure {
    /// A limit or burst of 0.
    Never,
    Rate(Gcra),
    InFlight(u32),
}

/// So that one scope can be written without an array.
impl IntoIterator for RateScope {
    type Item = RateScope;
    type IntoIter = std::iter::Once<RateScope>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self)
    }
}

/// So that one context can be written without an array.
impl IntoIterator for RateContext {
    type Item = RateContext;
    type IntoIter = std::iter::Once<RateContext>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self)
    }
}
