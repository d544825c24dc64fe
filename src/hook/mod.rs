//! Hooks: what sees every statement before and after it runs, and may refuse it.

use std::future::Future;
use std::sync::Arc;

use crate::error::Result;

mod context;
mod outcome;
mod stack;
mod subject;

mod clock;

mod audit;
mod rate_limit;
mod slow;
mod trace;

#[cfg(feature = "metrics")]
mod metrics;

#[cfg(feature = "webhook")]
pub use self::audit::Webhook;
pub use self::audit::{
    AuditAnchor, AuditBreak, AuditBreakKind, AuditBuilder, AuditFanOut, AuditKey, AuditLayer, AuditLine, AuditLog,
    AuditReport, AuditVerifier, Durability,
};
pub(crate) use self::audit::{AuditRow, AuditStore};
pub use self::clock::{Clock, ClockHands};
pub use self::context::{Connections, QueryContext};
pub(crate) use self::context::{Guards, PoolView, Sessions};
#[cfg(feature = "metrics")]
pub use self::metrics::MetricsLayer;
pub(crate) use self::outcome::SessionTimes;
pub use self::outcome::{Outcome, OutcomeKind};
#[cfg(feature = "redis")]
pub(crate) use self::rate_limit::{Gcra, How, SharedCharge, SharedStore, Unreachable};
pub use self::rate_limit::{
    RateContext, RateCost, RateLimit, RateLimitBuilder, RateLimitLayer, RateScope, SharedLimits, WhenLost,
};
pub use self::slow::{SlowQuery, SlowQueryLayer};
pub use self::subject::Subject;
pub use self::trace::TraceLayer;

pub(crate) use self::stack::{BoxedHook, Entered, HookStack};

/// Sees every statement of a handle: select, stream, write, raw SQL, transaction control, catalogue reads, and also those that
/// the guard refused.
///
/// A hook looks and may refuse; it never rewrites. The first added is outermost: its `before` runs first, its `after` last.
///
/// ```text
///              first        second       third
///   before ──▶ before ────▶ before ────▶ before ──┐
///                                                 ├─ the statement
///   after  ◀── after ◀───── after ◀───── after ◀──┘
/// ```
///
/// When `second` refuses, the statement is not sent, `third` sees nothing, and `first` gets `after` with the refusal:
/// `after` runs for each hook whose `before` returned `Ok`, with the same [`QueryContext::id`]. So an [`AuditLayer`] is added
/// first, where it also records what the hooks within it refuse. A statement that the guard refused already, see
/// [`QueryContext::refusal`], goes through the hooks like any other and is not sent.
///
/// A hook can't harm the statement it looks at:
///
/// - one that panics in `before` refuses the statement (`hook.panicked`; the panic's message stays out of the error, but the
///   process's own panic hook prints it as usual; nothing can be caught where the program is built with `panic = "abort"`);
/// - one whose `before` takes longer than the handle's hook deadline refuses it (`hook.deadline`), whether it waited or blocked
///   the thread. A blocking call can't be interrupted, so that is seen only when it returns;
/// - one that runs a statement on its own handle has that statement refused (`hook.reentrant`), because it would be
///   called again for it without end. Another handle may be used. The check follows the task, so it does not see a task that the
///   hook spawns: a hook that waits for one which uses its handle is ended by the deadline;
/// - a panic or a missed deadline in `after` is logged at `ERROR` with target `portcullis::hook`, and the other hooks go on.
///
/// ```
/// use portcullis::{Error, Hook, Outcome, QueryContext, Result};
///
/// struct OfficeHours;
///
/// impl Hook for OfficeHours {
///     async fn before(&self, cx: &QueryContext) -> Result<()> {
///         if cx.kind().is_write() {
///             return Err(Error::refused("writes are closed for the night"));
///         }
///         Ok(())
///     }
///
///     async fn after(&self, cx: &QueryContext, outcome: &Outcome) {
///         println!("{} took {:?}", cx.summary(), outcome.elapsed());
///     }
/// }
/// ```
pub trait Hook: Send + Sync + 'static {
    /// Runs before the statement is sent. An error refuses the statement, and the caller gets that error.
    fn before(&self, cx: &QueryContext) -> impl Future<Output = Result<()>> + Send {
        let _ = cx;
        async { Ok(()) }
    }

    /// Runs after the statement ended in whatever way.
    fn after(&self, cx: &QueryContext, outcome: &Outcome) -> impl Future<Output = ()> + Send {
        let _ = (cx, outcome);
        async {}
    }
}

/// A hook that is shared: with another handle, or with the code that reads from it.
impl<H: Hook> Hook for Arc<H> {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        (**self).before(cx).await
    }

    async fn after(&self, cx: &QueryContext, outcome: &Outcome) {
        (**self).after(cx, outcome).await;
    }
}

/// Compiles the examples of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/hooks.md")]
struct Guide;

/// Keeps every event of the test process switched on. A place that is first reached while no thread listens would be remembered
/// as switched off, and a test that listens on its own thread at that moment would hear nothing.
#[cfg(test)]
pub(crate) fn listen_always() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    });
}
