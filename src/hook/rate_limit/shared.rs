//! Limits that several processes share: what a store is asked, and what holds while it can't be reached.

use std::fmt;
use std::hash::Hasher;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::decide::{Charge, Charges, Reason, Refusal, Rule};
use super::gcra::Gcra;
use super::key::{self, Asker, Gathered, Hashes, Missing, Parts};
use super::{Inner, lock};
use crate::db::driver::BoxFuture;

/// What holds for a shared rule while its store can't be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenLost {
    /// Every statement that the rule counts is refused (`rate.unreachable`).
    Refuse,
    /// Each process counts for itself and allows its part: the rate and the burst divided by `processes`. Its buckets are empty when the store is lost, so
    /// that what was used up before is not given out again; those of refusals (`denied`) hold one, since an empty one refuses everything. A burst smaller
    /// than `processes` leaves nothing: then every statement is refused.
    Local {
        /// How many processes share the rule at most.
        processes: u32,
    },
    /// Every statement is allowed: see [`danger::allow_while_lost`](crate::danger::allow_while_lost).
    #[doc(hidden)]
    DangerAllow,
}

/// A place that keeps the buckets of shared rules: made from `RedisLimits`, with the feature `redis`.
#[derive(Clone)]
pub struct SharedLimits(pub(crate) Arc<dyn SharedStore>);

impl fmt::Debug for SharedLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.describe())
    }
}

/// What keeps buckets for several processes. Each call is atomic over all its buckets.
#[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "what only a store reads"))]
pub(crate) trait SharedStore: Send + Sync + 'static {
    /// The nanoseconds that each charge would have to wait, 0 for one that is allowed; when all are allowed, `how` says what is done.
    fn ask(&self, charges: Vec<SharedCharge>, how: How) -> BoxFuture<'_, Result<Vec<u64>, Unreachable>>;
    /// In words, without a secret.
    fn describe(&self) -> String;
}

/// What a store does with charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Charges all if all are allowed.
    Take,
    /// Charges none.
    Look,
    /// Charges all, allowed or not.
    Owe,
    /// Charges each that is allowed.
    OweIfHeld,
}

/// The store did not answer in time, or not as a store does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unreachable;

/// A charge in a shared bucket.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "what only a store reads"))]
pub(crate) struct SharedCharge {
    /// A hash of the rule's name and of the identity that it counts by.
    pub(crate) name: [u8; 16],
    pub(crate) rate: Gcra,
    pub(crate) cost: u64,
    /// What those before it in this process wait for.
    pub(crate) ahead: u64,
    pub(crate) look: bool,
    /// The rule overdraws buckets, so one may be further from full than its burst says.
    pub(crate) owes: bool,
}

/// A rule whose buckets are in a store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shared {
    /// The whole rate. What this process allows by itself is the rule's measure.
    pub(super) rate: Gcra,
    pub(super) when_lost: WhenLost,
    pub(super) owes: bool,
}

/// Makes both keys of an identity: that of this process, and the store's.
struct Both<H>(Gathered<H>, Sha256);

impl<H: Hasher> Parts for Both<H> {
    fn put(&mut self, part: &[u8]) {
        self.0.put(part);
        self.1.update((part.len() as u64).to_be_bytes());
        self.1.update(part);
    }
}

impl Hashes {
    /// Visits both keys of each bucket that a shared rule has for the asker.
    pub(super) fn each_shared(
        &self,
        rule: &Rule,
        asker: Asker<'_>,
        visit: &mut dyn FnMut(u64, [u8; 16]),
    ) -> Result<(), Missing> {
        let mut make = || {
            let mut both = Both(Gathered::new(&self.0), Sha256::new());
            both.put(rule.limit.name.as_bytes());
            both
        };
        key::each(&rule.limit.scope, asker, &mut make, &mut |Both(parts, sha)| {
            let mut name = [0; 16];
            for (byte, hashed) in name.iter_mut().zip(sha.finalize()) {
                *byte = hashed;
            }
            visit(parts.key(), name);
        })
    }
}

impl Inner {
    /// Takes the shared charges, or says why not. The others are taken already.
    pub(super) async fn take_shared(&self, charges: &Charges, ticket: Option<u64>) -> Result<(), Refusal<'_>> {
        self.ask_store(charges, ticket, How::Take).await
    }

    pub(super) async fn ask_store(&self, charges: &Charges, ticket: Option<u64>, how: How) -> Result<(), Refusal<'_>> {
        let (asked, rules) = self.shared_charges(charges, ticket);
        let Some(store) = &self.store else { return Ok(()) };
        match store.0.ask(asked, how).await {
            Ok(waits) => {
                lock(&self.state).found();
                let mut refusal: Option<Refusal<'_>> = None;
                for ((rule, charge), wait) in rules.into_iter().zip(waits).filter(|(_, wait)| *wait > 0) {
                    let whole = rule.shared.map_or(0, |shared| shared.rate.tolerance);
                    let dear = rule.shared.is_some_and(|shared| shared.rate.increment(charge.cost) > whole);
                    let found = match dear {
                        true => Refusal::of(rule, Reason::TooDear(charge.cost), None),
                        false => Refusal::of(rule, Reason::Limited, Some(Duration::from_nanos(wait))),
                    };
                    refusal = Some(match refusal {
                        None => found,
                        Some(first) => first.or_longer(found),
                    });
                }
                refusal.map_or(Ok(()), Err)
            }
            Err(Unreachable) => self.without_store(charges, ticket, how),
        }
    }

    /// What holds while the store can't be reached.
    fn without_store(&self, charges: &Charges, ticket: Option<u64>, how: How) -> Result<(), Refusal<'_>> {
        let mut own = Charges::default();
        for charge in charges.iter().filter(|charge| charge.name.is_some()) {
            let Some(rule) = self.rules.get(charge.rule) else { continue };
            match rule.shared.map(|shared| shared.when_lost) {
                Some(WhenLost::Local { .. }) => own.push(Charge { name: None, ..*charge }),
                Some(WhenLost::DangerAllow) | None => {}
                Some(WhenLost::Refuse) if matches!(how, How::Owe | How::OweIfHeld) => {}
                Some(WhenLost::Refuse) => return Err(Refusal::of(rule, Reason::Unreachable, None)),
            }
        }
        let mut state = lock(&self.state);
        let now = self.clock.nanos();
        state.lost(now);
        match how {
            How::Take => state.take(&self.rules, &mut own, now, ticket),
            How::Look => state.test(&self.rules, &mut own, now, ticket),
            How::Owe | How::OweIfHeld => {
                state.owe(&self.rules, &own, now, how == How::OweIfHeld);
                Ok(())
            }
        }
    }

    fn shared_charges<'s>(
        &'s self,
        charges: &Charges,
        ticket: Option<u64>,
    ) -> (Vec<SharedCharge>, Vec<(&'s Rule, Charge)>) {
        let state = lock(&self.state);
        let asked = |charge: &Charge| {
            let rule = self.rules.get(charge.rule)?;
            let (shared, name) = (rule.shared?, charges.name(charge)?);
            let ahead = if rule.limit.wait.is_some() { state.ahead(charge, ticket) } else { 0 };
            let cost = charge.cost;
            let look = charge.look;
            let asked = SharedCharge { name, rate: shared.rate, cost, ahead, look, owes: shared.owes };
            Some((asked, (rule, *charge)))
        };
        charges.iter().filter_map(asked).unzip()
    }
}
