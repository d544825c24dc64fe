//! One statement, several logs.

use futures_util::future::join_all;
use uuid::Uuid;

use super::AuditLayer;
use super::record::Withdrawn;
use crate::error::Result;
use crate::hook::{Hook, Outcome, QueryContext};

/// Writes each record to several sinks at once, each of which is required or at best effort.
///
/// A statement is sent when every *required* sink has its intent, as safe as that sink's [`Durability`](crate::Durability) says; they are written at
/// the same time, so the slowest decides. If one fails, the statement is refused with that one's error, and the others get a completion that
/// says so. A sink at *best effort* never refuses and is never waited for.
///
/// ```text
///             ┌─▶ file on this machine   required       ─┐
///  intent ────┼─▶ audit table            required       ─┼─▶ all have it: the statement is sent
///             └─▶ copy for a dashboard   best effort     ┘
/// ```
///
/// Each sink has a chain of its own, and its own key if it should have checkpoints.
///
/// ```
/// use portcullis::{AuditFanOut, AuditLayer, Database, ReadWrite};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> portcullis::Result<()> {
/// let (first, record) = AuditLayer::to_memory();
/// let (second, copy) = AuditLayer::to_memory();
/// let audit = AuditFanOut::new().required(first).best_effort(second);
/// let db = Database::builder("sqlite::memory:".parse()?).hook(audit).open_read_write().await?;
/// db.sql("SELECT 1 AS one").collect().await?;
/// assert_eq!(record.lines().len(), 2);
/// # let _ = copy;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "it records nothing until a handle has it as a hook"]
pub struct AuditFanOut {
    sinks: Vec<AuditLayer>,
}

impl AuditFanOut {
    /// One without sinks, which records nothing.
    pub fn new() -> AuditFanOut {
        AuditFanOut::default()
    }

    /// Adds a sink without which no statement is sent.
    pub fn required(mut self, sink: AuditLayer) -> AuditFanOut {
        self.sinks.push(AuditLayer { best_effort: false, ..sink });
        self
    }

    /// Adds a sink that may fail, be slow or be full.
    /// What finds no room in its memory is counted in a gap record.
    pub fn best_effort(mut self, sink: AuditLayer) -> AuditFanOut {
        self.sinks.push(AuditLayer { best_effort: true, ..sink });
        self
    }
}

impl Hook for AuditFanOut {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        let mut written = Written { id: cx.id(), sinks: Vec::new(), why: Withdrawn::Dropped };
        let mut waiting = Vec::new();
        for sink in &self.sinks {
            if sink.best_effort {
                // Takes no time and never refuses.
                let _ = sink.before(cx).await;
                written.sinks.push(sink);
            } else {
                waiting.push(sink);
            }
        }
        let cell = std::sync::Mutex::new(&mut written);
        let results = join_all(waiting.into_iter().map(async |sink| {
            let result = sink.before(cx).await;
            if result.is_ok() {
                super::lock(&cell).sinks.push(sink);
            }
            result
        }));
        let refused = results.await.into_iter().find_map(Result::err);
        match refused {
            None => {
                written.sinks.clear();
                Ok(())
            }
            Some(error) => {
                written.why = Withdrawn::Refused(error.code());
                Err(error)
            }
        }
    }

    async fn after(&self, cx: &QueryContext, outcome: &Outcome) {
        join_all(self.sinks.iter().map(|sink| sink.after(cx, outcome))).await;
    }
}

/// Sinks that have the intent of a statement which is not sent, also because its caller went away meanwhile.
struct Written<'a> {
    id: Uuid,
    sinks: Vec<&'a AuditLayer>,
    why: Withdrawn,
}

impl Drop for Written<'_> {
    fn drop(&mut self) {
        for sink in &self.sinks {
            sink.owner.0.withdraw(self.id, self.why, sink.clock.now());
        }
    }
}
