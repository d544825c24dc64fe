//! What is charged when a statement has ended: refusals, and rows returned.

use super::decide::{Charge, Charges};
use super::key::Asker;
use super::rule::{RateContext, RateCost, RateLimit};
use super::shared::How;
use super::{Counts, DENIED, Inner, lock};
use crate::error::ErrorKind;
use crate::hook::{Outcome, QueryContext, Subject};

/// True for a rule that is charged at the end too.
pub(super) fn is_charged_at_the_end(limit: &RateLimit) -> bool {
    limit.cost == RateCost::ReturnedRows || limit.contexts.contains(&RateContext::Denied)
}

impl Inner {
    pub(super) async fn settle(&self, cx: &QueryContext, outcome: &Outcome) {
        let is = Counts::of_statement(cx.kind());
        let asker = Asker { subject: cx.subject(), statement: Some(cx) };
        let named = cx.subject().and_then(Subject::named_context);
        let denied = is & DENIED != 0 && is_denial(cx, outcome);
        // One row was charged before.
        let rows = outcome.rows().saturating_sub(1);
        let mut charges = Charges::default();
        for (index, rule) in self.rules.iter().enumerate().filter(|(_, rule)| is_charged_at_the_end(&rule.limit)) {
            let counts = self.counts.get(index).is_some_and(|counts| counts.counts(is, &rule.limit, named));
            let cost = match rule.limit.cost {
                RateCost::ReturnedRows => rows,
                _ => u64::from(denied),
            };
            if counts && cost > 0 {
                // What lacks an identity was refused before, or is refused by the guard and counts for nobody.
                let charge = Charge { rule: index, cost, ..Charge::default() };
                let _ = self.add(rule, asker, charge, &mut charges);
            }
        }
        if charges.is_empty() {
            return;
        }
        // A statement that the guard refused was not asked about: it can't overdraw, and can't lengthen the wait of others.
        let only_if_held = cx.refusal().is_some();
        lock(&self.state).owe(&self.rules, &charges, self.clock.nanos(), only_if_held);
        if charges.are_shared() {
            let how = if only_if_held { How::OweIfHeld } else { How::Owe };
            // What is owed refuses nobody now.
            let _ = self.ask_store(&charges, None, how).await;
        }
    }
}

/// True when the statement was refused for what it is, and not because something failed.
fn is_denial(cx: &QueryContext, outcome: &Outcome) -> bool {
    let Some(error) = cx.refusal().or(outcome.error()) else { return false };
    match error.kind() {
        ErrorKind::Policy | ErrorKind::RawSql | ErrorKind::Name | ErrorKind::Schema | ErrorKind::Limit => true,
        _ => matches!(
            error.code(),
            "hook.refused" | "db.permission" | "db.not_authorized" | "db.unknown_table" | "db.unknown_column"
        ),
    }
}
