//! All rules of a statement at once: tested, then charged, under one lock.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::bucket::{Buckets, Keys};
use super::gcra::{Answer, Gcra};
use super::key::Missing;
use super::rule::{Measure, RateContext, RateLimit};
use super::shared::Shared;
use crate::error::{Error, ErrorKind, show_name};

/// What a statement takes from one bucket.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Charge {
    /// The rule's place in the layer.
    pub(super) rule: usize,
    pub(super) key: u64,
    pub(super) cost: u64,
    /// Only looked at: a rule that counts refusals.
    pub(super) look: bool,
    /// The bucket is elsewhere, by the name at this place among [`Charges::names`].
    pub(super) name: Option<u32>,
    /// When the bucket would be full after it was charged.
    pub(super) then: u64,
}

/// The charges of a statement. Most have few, which need no memory of their own.
#[derive(Debug, Default)]
pub(super) struct Charges {
    /// All, while they fit.
    few: [Charge; 2],
    count: usize,
    /// All, when they are more.
    many: Vec<Charge>,
    /// What the store calls the buckets that it has.
    names: Vec<[u8; 16]>,
}

impl Charges {
    pub(super) fn push(&mut self, charge: Charge) {
        match self.few.get_mut(self.count) {
            Some(place) => *place = charge,
            None => {
                if self.many.is_empty() {
                    self.many.extend(self.few);
                }
                self.many.push(charge);
            }
        }
        self.count += 1;
    }

    /// Adds one whose bucket is in the store, by this name.
    pub(super) fn push_shared(&mut self, charge: Charge, name: [u8; 16]) {
        let place = u32::try_from(self.names.len()).ok();
        self.names.push(name);
        self.push(Charge { name: place, ..charge });
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Charge> {
        let all = if self.many.is_empty() { self.few.get(..self.count) } else { Some(self.many.as_slice()) };
        all.unwrap_or_default().iter()
    }

    fn iter_mut(&mut self) -> std::slice::IterMut<'_, Charge> {
        let all = if self.many.is_empty() { self.few.get_mut(..self.count) } else { Some(self.many.as_mut_slice()) };
        all.unwrap_or_default().iter_mut()
    }

    /// True when the store has a bucket of them.
    pub(super) fn are_shared(&self) -> bool {
        !self.names.is_empty()
    }

    /// What the store calls the bucket.
    pub(super) fn name(&self, charge: &Charge) -> Option<[u8; 16]> {
        self.names.get(usize::try_from(charge.name?).ok()?).copied()
    }

    /// Those whose buckets this process has.
    fn own(&self) -> impl Iterator<Item = &Charge> {
        self.iter().filter(|charge| charge.name.is_none())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// A rule as the layer keeps it.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) limit: RateLimit,
    /// What this process measures.
    pub(super) measure: Measure,
    /// Its buckets are elsewhere, and this process measures only while that can't be reached.
    pub(super) shared: Option<Shared>,
}

/// What the layer counts.
#[derive(Debug, Default)]
pub(super) struct State {
    tables: Vec<Table>,
    /// Those that wait, by rule and key, in the order in which they came.
    queues: HashMap<(usize, u64), VecDeque<Place>>,
    bells: HashMap<u64, Arc<Notify>>,
    tickets: u64,
    /// Since when the store can't be reached.
    lost_at: Option<u64>,
}

#[derive(Debug)]
enum Table {
    Rate(Buckets),
    InFlight(Keys<u32>),
}

#[derive(Debug, Clone, Copy)]
struct Place {
    ticket: u64,
    cost: u64,
}

/// How many statements may wait in one layer.
const MOST_WAITING: usize = 10_000;

impl State {
    pub(super) fn new(rules: &[Rule]) -> State {
        let table = |rule: &Rule| match rule.measure {
            Measure::InFlight(_) => Table::InFlight(Keys::default()),
            Measure::Never | Measure::Rate(_) => Table::Rate(Buckets::default()),
        };
        State { tables: rules.iter().map(table).collect(), ..State::default() }
    }

    /// Tests all and then charges all, or charges none and says why. `ticket` is that of one who waits.
    pub(super) fn take<'r>(
        &mut self,
        rules: &'r [Rule],
        charges: &mut Charges,
        now: u64,
        ticket: Option<u64>,
    ) -> Result<(), Refusal<'r>> {
        self.test(rules, charges, now, ticket)?;
        for charge in charges.own().filter(|charge| !charge.look) {
            match self.tables.get_mut(charge.rule) {
                Some(Table::Rate(buckets)) => buckets.set(charge.key, charge.then, now),
                Some(Table::InFlight(counts)) => {
                    let count = counts.entry(charge.key).or_default();
                    *count = count.saturating_add(1);
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Tests all. Of several refusals the one of the longest wait is given.
    pub(super) fn test<'r>(
        &mut self,
        rules: &'r [Rule],
        charges: &mut Charges,
        now: u64,
        ticket: Option<u64>,
    ) -> Result<(), Refusal<'r>> {
        let mut refusal: Option<Refusal<'r>> = None;
        for charge in charges.iter_mut().filter(|charge| charge.name.is_none()) {
            let Some(rule) = rules.get(charge.rule) else { continue };
            let found = match self.ask(rule, charge, now, ticket) {
                Ok(then) => {
                    charge.then = then;
                    continue;
                }
                Err((reason, wait)) => Refusal::of(rule, reason, wait.map(Duration::from_nanos)),
            };
            refusal = Some(match refusal {
                None => found,
                Some(first) => first.or_longer(found),
            });
        }
        refusal.map_or(Ok(()), Err)
    }

    fn ask(
        &mut self,
        rule: &Rule,
        charge: &Charge,
        now: u64,
        ticket: Option<u64>,
    ) -> Result<u64, (Reason, Option<u64>)> {
        let max = rule.limit.max_keys;
        let ahead = if rule.limit.wait.is_some() { self.ahead(charge, ticket) } else { 0 };
        match (self.tables.get_mut(charge.rule), rule.measure) {
            (Some(Table::Rate(buckets)), Measure::Rate(rate)) => {
                let full_at = buckets.look(charge.key, now, max).map_err(|wait| (Reason::TooManyKeys, wait))?;
                let full_at = full_at.max(floor(rule, self.lost_at, rate));
                match rate.ask(full_at, now, ahead, charge.cost) {
                    Answer::Allowed(_) => Ok(full_at.max(now).saturating_add(rate.increment(charge.cost))),
                    Answer::Wait(wait) => Err((Reason::Limited, Some(wait))),
                    Answer::Never => Err((Reason::TooDear(charge.cost), None)),
                }
            }
            (Some(Table::InFlight(counts)), Measure::InFlight(most)) => {
                let count = counts.get(&charge.key).copied();
                if count.is_none() && counts.len() >= max {
                    return Err((Reason::TooManyKeys, None));
                }
                let taken = u64::from(count.unwrap_or(0)).saturating_add(ahead);
                match taken < u64::from(most) {
                    true => Ok(0),
                    false if most == 0 => Err((Reason::Never, None)),
                    false => Err((Reason::InFlight(most), None)),
                }
            }
            _ => Err((Reason::Never, None)),
        }
    }

    /// The units that those who came before still wait for.
    pub(super) fn ahead(&self, charge: &Charge, ticket: Option<u64>) -> u64 {
        if self.queues.is_empty() {
            return 0;
        }
        let queue = self.queues.get(&(charge.rule, charge.key));
        let before = queue.into_iter().flatten().take_while(|place| Some(place.ticket) != ticket);
        before.fold(0, |sum, place| sum.saturating_add(place.cost))
    }

    /// Takes back what was charged, because it did not happen after all.
    pub(super) fn give_back(&mut self, rules: &[Rule], charges: &Charges, now: u64) {
        for charge in charges.own().filter(|charge| !charge.look) {
            match (self.tables.get_mut(charge.rule), rules.get(charge.rule).map(|rule| rule.measure)) {
                (Some(Table::Rate(buckets)), Some(Measure::Rate(rate))) => {
                    buckets.give_back(charge.key, rate.increment(charge.cost), charge.then, now);
                }
                (Some(Table::InFlight(_)), _) => self.land(charge.rule, charge.key),
                _ => {}
            }
        }
    }

    /// Charges what was used already. `only_if_held` leaves a bucket alone that does not hold it, or that can't be kept.
    pub(super) fn owe(&mut self, rules: &[Rule], charges: &Charges, now: u64, only_if_held: bool) {
        for charge in charges.own() {
            let Some(rule) = rules.get(charge.rule) else { continue };
            let (Some(Table::Rate(buckets)), Measure::Rate(rate)) = (self.tables.get_mut(charge.rule), rule.measure)
            else {
                continue;
            };
            let full_at = match buckets.look(charge.key, now, rule.limit.max_keys) {
                Ok(full_at) => full_at,
                Err(_) if only_if_held => continue,
                // At most as many more keys as there were statements in flight.
                Err(_) => now,
            };
            let full_at = full_at.max(floor(rule, self.lost_at, rate));
            if only_if_held && !matches!(rate.ask(full_at, now, 0, charge.cost), Answer::Allowed(_)) {
                continue;
            }
            buckets.set(charge.key, rate.owe(full_at, now, charge.cost), now);
        }
    }

    /// The store can't be reached.
    pub(super) fn lost(&mut self, now: u64) {
        self.lost_at.get_or_insert(now);
    }

    /// The store has answered.
    pub(super) fn found(&mut self) {
        self.lost_at = None;
    }

    /// A statement has ended.
    pub(super) fn land(&mut self, rule: usize, key: u64) {
        if let Some(Table::InFlight(counts)) = self.tables.get_mut(rule)
            && let Some(count) = counts.get_mut(&key)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&key);
            }
        }
        let front = self.queues.get(&(rule, key)).and_then(VecDeque::front);
        if let Some(bell) = front.and_then(|place| self.bells.get(&place.ticket)) {
            bell.notify_one();
        }
    }

    /// Takes a place in the queue of each bucket that may be waited for; `None` when too many wait.
    pub(super) fn queue(&mut self, rules: &[Rule], charges: &Charges) -> Option<(u64, Arc<Notify>)> {
        if self.bells.len() >= MOST_WAITING {
            return None;
        }
        self.tickets = self.tickets.wrapping_add(1);
        let (ticket, bell) = (self.tickets, Arc::new(Notify::new()));
        self.bells.insert(ticket, Arc::clone(&bell));
        for charge in waited_for(rules, charges) {
            let queue = self.queues.entry((charge.rule, charge.key)).or_default();
            queue.push_back(Place { ticket, cost: charge.cost });
        }
        Some((ticket, bell))
    }

    /// Gives up the places. Where nothing was taken those behind move up; otherwise the next looks again, who may have counted what was
    /// taken twice.
    pub(super) fn leave(&mut self, rules: &[Rule], charges: &Charges, ticket: u64, given_up: bool) {
        self.bells.remove(&ticket);
        for charge in waited_for(rules, charges) {
            let Some(queue) = self.queues.get_mut(&(charge.rule, charge.key)) else { continue };
            let position = queue.iter().position(|place| place.ticket == ticket);
            if let Some(position) = position {
                queue.remove(position);
                let woken = if given_up { usize::MAX } else { 1 };
                for place in queue.iter().skip(position).take(woken) {
                    if let Some(bell) = self.bells.get(&place.ticket) {
                        bell.notify_one();
                    }
                }
            }
            if queue.is_empty() {
                self.queues.remove(&(charge.rule, charge.key));
            }
        }
    }

    #[cfg(test)]
    pub(super) fn is_waiting(&self) -> usize {
        self.bells.len()
    }

    #[cfg(test)]
    pub(super) fn keys(&self, rule: usize) -> usize {
        match self.tables.get(rule) {
            Some(Table::Rate(buckets)) => buckets.len(),
            Some(Table::InFlight(counts)) => counts.len(),
            None => 0,
        }
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let bytes = |table: &Table| match table {
            Table::Rate(buckets) => buckets.bytes(),
            Table::InFlight(counts) => counts.capacity() * 16,
        };
        self.tables.iter().map(bytes).sum()
    }
}

/// When a bucket of a shared rule is full at the earliest: it was empty when the store was lost. One of refusals held a unit, or whoever was never
/// refused would be for as long as that takes to come.
fn floor(rule: &Rule, lost_at: Option<u64>, rate: Gcra) -> u64 {
    match (rule.shared, lost_at) {
        (Some(_), Some(lost_at)) => {
            let held = if rule.limit.contexts.contains(&RateContext::Denied) { rate.interval } else { 0 };
            lost_at.saturating_add(rate.tolerance.saturating_sub(held))
        }
        _ => 0,
    }
}

fn waited_for<'a>(rules: &'a [Rule], charges: &'a Charges) -> impl Iterator<Item = &'a Charge> {
    charges.iter().filter(|charge| rules.get(charge.rule).is_some_and(|rule| rule.limit.wait.is_some()))
}

/// Why a rule says no.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal<'r> {
    pub(super) rule: &'r RateLimit,
    pub(super) reason: Reason,
    /// `None` when waiting doesn't help, or nobody can say how long.
    pub(super) wait: Option<Duration>,
    /// Every rule that refuses would rather have it wait.
    pub(super) may_wait: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Reason {
    Limited,
    /// More than the bucket can ever hold.
    TooDear(u64),
    Never,
    InFlight(u32),
    TooManyKeys,
    Missing(Missing),
    Unreachable,
}

impl<'r> Refusal<'r> {
    pub(super) fn of(rule: &'r Rule, reason: Reason, wait: Option<Duration>) -> Refusal<'r> {
        let may_wait = rule.limit.wait.is_some() && matches!(reason, Reason::Limited | Reason::InFlight(_));
        Refusal { rule: &rule.limit, reason, wait, may_wait }
    }

    /// The one of the longer wait; of two of one length the first.
    pub(super) fn or_longer(self, other: Refusal<'r>) -> Refusal<'r> {
        let shorter = match (self.wait, other.wait) {
            (Some(this), Some(that)) => this < that,
            (this, that) => this.is_some() && that.is_none(),
        };
        let may_wait = self.may_wait && other.may_wait;
        Refusal { may_wait, ..if shorter { other } else { self } }
    }

    pub(super) fn into_error(self) -> Error {
        let name = show_name(&self.rule.name);
        let needs = |code, what: &str| (code, format!("rate limit {name} counts by {what}"));
        let (code, message) = match (self.reason, self.wait) {
            (Reason::Limited, Some(wait)) => {
                ("rate.limited", format!("rate limit {name} is used up; retry after {wait:?}"))
            }
            (Reason::Limited | Reason::Never, _) => ("rate.limited", format!("rate limit {name} allows no statement")),
            (Reason::TooDear(cost), _) => (
                "rate.too_dear",
                format!(
                    "the statement takes up to {cost} rows and rate limit {name} allows fewer at once; add a smaller `limit`"
                ),
            ),
            (Reason::InFlight(most), _) => (
                "rate.in_flight",
                format!("rate limit {name} allows {most} statements at a time, and as many are running"),
            ),
            (Reason::TooManyKeys, _) => {
                ("rate.too_many_keys", format!("rate limit {name} counts for as many as it can keep"))
            }
            (Reason::Missing(Missing::Subject), _) => {
                needs("rate.no_subject", "subject and there is none; use `db.acting_as`")
            }
            (Reason::Missing(Missing::Ip), _) => {
                needs("rate.no_address", "source address and there is none; use `Subject::address`")
            }
            (Reason::Missing(Missing::SubjectOrIp), _) => {
                needs("rate.no_subject", "subject or source address and there is neither; use `db.acting_as`")
            }
            (Reason::Missing(Missing::Tenant), _) => {
                needs("rate.no_tenant", "tenant and the subject has none; use `Subject::tenant`")
            }
            (Reason::Missing(Missing::Table), _) => {
                needs("rate.no_table", "table and those of raw SQL are not known; use the builder")
            }
            (Reason::Missing(Missing::Handle), _) => needs("rate.no_handle", "handle and this is no statement"),
            (Reason::Unreachable, _) => {
                ("rate.unreachable", format!("rate limit {name} is shared and its store can't be reached"))
            }
        };
        Error::new(ErrorKind::RateLimited, code, message).with_rule(self.rule.name.clone(), self.wait)
    }
}
