//! A hook that writes down what it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use portcullis::{Hook, Outcome, OutcomeKind, QueryContext, Result, StatementKind};
use uuid::Uuid;

/// What a [`Recorder`] saw, in order.
#[derive(Debug, Clone)]
pub enum Seen {
    Before { id: Uuid, kind: StatementKind, shown: String },
    After { id: Uuid, kind: StatementKind, outcome: OutcomeKind, shown: String },
}

/// Lets everything pass and remembers it. Clones share what they saw.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Vec<Seen>>>);

impl Recorder {
    /// What was seen since the last call.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// How many calls it had since the last `take`.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The statements that ended since the last call, in the order of their ends. Each must have begun, and ended once.
    pub fn ended(&self) -> Vec<(StatementKind, OutcomeKind)> {
        pairs(&self.take())
    }

    /// Waits until every statement that began has ended, and gives the ends.
    pub async fn settled(&self) -> Vec<(StatementKind, OutcomeKind)> {
        for _ in 0..500 {
            let open = {
                let seen = self.0.lock().unwrap();
                seen.iter().fold(0_i64, |open, it| open + if matches!(it, Seen::Before { .. }) { 1 } else { -1 })
            };
            if open == 0 {
                return self.ended();
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("a statement began and its end was not told: {:?}", self.take())
    }
}

fn pairs(seen: &[Seen]) -> Vec<(StatementKind, OutcomeKind)> {
    let mut open = HashMap::new();
    let mut ended = Vec::new();
    for it in seen {
        match it {
            Seen::Before { id, kind, .. } => assert!(open.insert(*id, *kind).is_none(), "{it:?} began twice"),
            Seen::After { id, kind, outcome, .. } => {
                assert_eq!(open.remove(id), Some(*kind), "{it:?} ended twice or did not begin");
                ended.push((*kind, *outcome));
            }
        }
    }
    assert!(open.is_empty(), "began and did not end: {open:?}");
    ended
}

impl Hook for Recorder {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        let seen = Seen::Before { id: cx.id(), kind: cx.kind(), shown: format!("{cx:?} {}", cx.summary()) };
        self.0.lock().unwrap().push(seen);
        Ok(())
    }

    async fn after(&self, cx: &QueryContext, outcome: &Outcome) {
        let shown = format!("{cx:?} {outcome:?}");
        let seen = Seen::After { id: cx.id(), kind: cx.kind(), outcome: outcome.kind(), shown };
        self.0.lock().unwrap().push(seen);
    }
}
