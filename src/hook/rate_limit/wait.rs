//! Waiting for a bucket, first come first served, and what a statement in flight gives back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::decide::{Charges, Refusal};
use super::rule::Measure;
use super::{Inner, lock};
use crate::error::Result;
use crate::hook::stack;

/// How long before the end of the hook's own time a wait ends, so that the refusal still names its rule.
const MARGIN: Duration = Duration::from_millis(20);

/// A place in the queues. Dropping it gives it up.
struct Waiting<'a> {
    inner: &'a Inner,
    charges: &'a mut Charges,
    ticket: Option<u64>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            lock(&self.inner.state).leave(&self.inner.rules, self.charges, ticket, true);
        }
    }
}

impl Inner {
    /// Waits until all rules allow the charges, and takes them.
    ///
    /// Each asks with what those before it will take added to its own, so that none overtakes another by which that one would have to wait longer.
    pub(super) async fn wait(&self, charges: &mut Charges, first: Refusal<'_>) -> Result<()> {
        let longest = charges.iter().filter_map(|charge| self.rules.get(charge.rule)?.limit.wait).min();
        let started = Instant::now();
        let own = started.checked_add(longest.unwrap_or_default());
        let until = match (own, stack::call_ends().and_then(|ends| ends.checked_sub(MARGIN))) {
            (Some(own), Some(ends)) => own.min(ends),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => started,
        };
        let in_time = |wait: Option<Duration>| {
            let then = wait.map_or(Some(Instant::now()), |wait| Instant::now().checked_add(wait));
            then.is_some_and(|then| then < until)
        };
        if !in_time(first.wait) {
            return Err(first.into_error());
        }
        let place = lock(&self.state).queue(&self.rules, charges);
        let Some((ticket, bell)) = place else { return Err(first.into_error()) };
        let mut waiting = Waiting { inner: self, charges, ticket: Some(ticket) };
        loop {
            let refusal = match self.take(waiting.charges, Some(ticket)).await {
                Ok(()) => {
                    lock(&self.state).leave(&self.rules, waiting.charges, ticket, false);
                    waiting.ticket = None;
                    break;
                }
                Err(refusal) => refusal,
            };
            if !refusal.may_wait || !in_time(refusal.wait) {
                return Err(refusal.into_error());
            }
            let wake =
                refusal.wait.and_then(|wait| Instant::now().checked_add(wait)).map_or(until, |wake| wake.min(until));
            let _ = tokio::time::timeout_at(wake.into(), bell.notified()).await;
        }
        Ok(())
    }
}

/// A statement in flight. Dropping it is its end.
pub(super) struct Landing {
    inner: Arc<Inner>,
    places: Vec<(usize, u64)>,
}

impl Landing {
    /// `None` when no rule counts statements in flight.
    pub(super) fn of(inner: &Arc<Inner>, charges: &Charges) -> Option<Landing> {
        let counted =
            |rule: usize| inner.rules.get(rule).is_some_and(|rule| matches!(rule.measure, Measure::InFlight(_)));
        let places: Vec<_> =
            charges.iter().filter(|charge| counted(charge.rule)).map(|charge| (charge.rule, charge.key)).collect();
        (!places.is_empty()).then(|| Landing { inner: Arc::clone(inner), places })
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut state = lock(&self.inner.state);
        for (rule, key) in &self.places {
            state.land(*rule, *key);
        }
    }
}
