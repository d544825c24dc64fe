//! The hooks of a handle, boxed and in order, each call fenced off: panics, deadlines, re-entrance.

use std::any::type_name;
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;

use super::{Hook, Outcome, QueryContext};
use crate::error::{Error, ErrorKind, Result};

/// The hooks of a handle. A clone shares them; an empty one costs nothing.
#[derive(Clone, Default)]
pub(crate) struct HookStack(Option<Arc<Stack>>);

/// One hook, boxed.
#[derive(Clone)]
pub(crate) struct BoxedHook(Arc<dyn Erased>);

/// How many hooks have seen `before`, outermost first, and so are owed `after`.
///
/// It is kept outside the future of [`HookStack::before`], so that it is right even when that future is dropped half-way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Entered(usize);

struct Stack {
    hooks: Vec<BoxedHook>,
    deadline: Duration,
}

impl BoxedHook {
    pub(crate) fn new(hook: impl Hook) -> BoxedHook {
        BoxedHook(Arc::new(hook))
    }
}

impl HookStack {
    /// `hooks` are in the order added: the first is outermost. `deadline` is for each single call.
    pub(crate) fn new(hooks: Vec<BoxedHook>, deadline: Duration) -> HookStack {
        HookStack((!hooks.is_empty()).then(|| Arc::new(Stack { hooks, deadline })))
    }

    /// True when there is no hook, so that the caller can leave out what only hooks need.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// True inside a hook of this very stack, on the same task.
    pub(crate) fn inside_hook(&self) -> bool {
        let Some(stack) = &self.0 else { return false };
        let me = stack.identity();
        INSIDE
            .try_with(|inside| {
                let mut next = Some(inside);
                while let Some(inside) = next {
                    if inside.stack == me {
                        return true;
                    }
                    next = inside.outer.as_deref();
                }
                false
            })
            .unwrap_or(false)
    }

    /// Runs each `before` in order; the first error ends it and is the caller's. `entered` counts those that returned `Ok`:
    /// whatever happens, [`HookStack::after`] is owed to them.
    pub(crate) async fn before(&self, cx: &QueryContext, entered: &mut Entered) -> Result<()> {
        let Some(stack) = &self.0 else { return Ok(()) };
        if self.inside_hook() {
            return Err(Error::new(
                ErrorKind::Hook,
                "hook.reentrant",
                "a hook ran a statement on its own handle; give it a handle of its own, without that hook",
            ));
        }
        let count = stack.hooks.len();
        for (position, hook) in stack.hooks.iter().enumerate() {
            let call = Call::new(stack, hook.0.before(cx));
            let (answer, late) = match call.run().await {
                Ok(ended) => ended,
                Err(failure) => return Err(failure.refusal(position, count)),
            };
            answer?;
            entered.0 = position.saturating_add(1);
            if late {
                return Err(Failure::Deadline.refusal(position, count));
            }
        }
        Ok(())
    }

    /// Runs the `after` of the hooks that had entered, innermost first. None can stop the others.
    pub(crate) async fn after(&self, cx: &QueryContext, outcome: &Outcome, entered: Entered) {
        let Some(stack) = &self.0 else { return };
        for (position, hook) in stack.hooks.iter().enumerate().take(entered.0).rev() {
            let failure = match Call::new(stack, hook.0.after(cx, outcome)).run().await {
                Ok(((), false)) => continue,
                Ok(((), true)) => Failure::Deadline,
                Err(failure) => failure,
            };
            tracing::error!(
                target: "portcullis::hook",
                id = %cx.id(),
                position = position.saturating_add(1),
                hook = hook.0.type_name(),
                code = failure.code(),
                "a hook failed after its statement"
            );
        }
    }
}

impl fmt::Debug for HookStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hooks = self.0.iter().flat_map(|stack| &stack.hooks).map(|hook| hook.0.type_name());
        f.debug_list().entries(hooks).finish()
    }
}

impl fmt::Debug for BoxedHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.type_name())
    }
}

/// [`Hook`] in the form that can be boxed.
trait Erased: Send + Sync + 'static {
    fn before<'a>(&'a self, cx: &'a QueryContext) -> BoxFuture<'a, Result<()>>;
    fn after<'a>(&'a self, cx: &'a QueryContext, outcome: &'a Outcome) -> BoxFuture<'a, ()>;
    fn type_name(&self) -> &'static str;
}

impl<H: Hook> Erased for H {
    // The hook is called inside the block, not before it: what a hand-written method does before it returns its future
    // then runs when the future is polled, behind the same fence.
    fn before<'a>(&'a self, cx: &'a QueryContext) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { Hook::before(self, cx).await })
    }

    fn after<'a>(&'a self, cx: &'a QueryContext, outcome: &'a Outcome) -> BoxFuture<'a, ()> {
        Box::pin(async move { Hook::after(self, cx, outcome).await })
    }

    fn type_name(&self) -> &'static str {
        type_name::<H>()
    }
}

/// The stacks whose hooks are running on this task, the innermost first: a hook may use another handle, whose hooks may
/// not come back to the first.
#[derive(Clone)]
struct Inside {
    stack: usize,
    /// When the call's time is over.
    until: Option<Instant>,
    outer: Option<Arc<Inside>>,
}

tokio::task_local! {
    static INSIDE: Inside;
}

/// When the time of the hook that runs on this task is over; `None` outside of hooks.
pub(super) fn call_ends() -> Option<Instant> {
    INSIDE.try_with(|inside| inside.until).ok().flatten()
}

impl Stack {
    /// Unlike that of any other stack as long as this one lives.
    fn identity(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }
}

/// Why a call did not end as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    Panicked,
    Deadline,
    NoTimer,
}

impl Failure {
    const fn code(self) -> &'static str {
        match self {
            Failure::Panicked => "hook.panicked",
            Failure::Deadline => "hook.deadline",
            Failure::NoTimer => "hook.no_timer",
        }
    }

    fn refusal(self, position: usize, count: usize) -> Error {
        let what = match self {
            Failure::Panicked => "panicked",
            Failure::Deadline => "took longer than the hook deadline",
            Failure::NoTimer => "had to wait, and there is no tokio runtime with its timer on",
        };
        let place = position.saturating_add(1);
        Error::new(
            ErrorKind::Hook,
            self.code(),
            format!("hook {place} of {count} {what}, so the statement was not sent"),
        )
    }
}

/// One call of one hook.
struct Call<'a, T> {
    /// `None` only while it is dropped.
    future: Option<BoxFuture<'a, T>>,
    inside: Inside,
    deadline: Duration,
    started: Instant,
}

impl<'a, T> Call<'a, T> {
    fn new(stack: &Arc<Stack>, future: BoxFuture<'a, T>) -> Call<'a, T> {
        let started = Instant::now();
        let outer = INSIDE.try_with(|inside| Arc::new(inside.clone())).ok();
        Call {
            future: Some(future),
            inside: Inside { stack: stack.identity(), until: started.checked_add(stack.deadline), outer },
            deadline: stack.deadline,
            started,
        }
    }

    /// The result, and whether it came after the deadline, as it does when the hook blocked its thread.
    async fn run(mut self) -> Result<(T, bool), Failure> {
        // Most hooks are ready at once: only those that are not get a timer.
        let first = poll_fn(|context| Poll::Ready(self.poll(context))).await;
        let ended = match first {
            Poll::Ready(ended) => ended,
            Poll::Pending => {
                let left = self.deadline.saturating_sub(self.started.elapsed());
                // Making the timer panics outside a runtime that has one.
                let Ok(sleep) = catch_unwind(|| tokio::time::sleep(left)) else {
                    return Err(Failure::NoTimer);
                };
                let mut sleep = std::pin::pin!(sleep);
                poll_fn(|context| match self.poll(context) {
                    Poll::Ready(ended) => Poll::Ready(ended),
                    Poll::Pending => sleep.as_mut().poll(context).map(|()| Err(Failure::Deadline)),
                })
                .await
            }
        };
        Ok((ended?, self.started.elapsed() > self.deadline))
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<T, Failure>> {
        let Some(future) = &mut self.future else { return Poll::Ready(Err(Failure::Panicked)) };
        let inside = self.inside.clone();
        let polled = catch_unwind(AssertUnwindSafe(|| INSIDE.sync_scope(inside, || future.as_mut().poll(context))));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(payload) => {
                discard(payload);
                Poll::Ready(Err(Failure::Panicked))
            }
        }
    }
}

impl<T> Drop for Call<'_, T> {
    /// What the hook's future owns is the hook's, and may panic when it is dropped.
    fn drop(&mut self) {
        if let Some(future) = self.future.take() {
            discard(future);
        }
    }
}

/// Drops what came from a hook. A second panic in it is forgotten: there is no one left to tell.
fn discard<T>(thing: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(thing))) {
        std::mem::forget(payload);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, Weak};

    use super::*;
    use crate::hook::OutcomeKind;
    use crate::statement::StatementKind;

    const DEADLINE: Duration = Duration::from_millis(60);

    type Log = Arc<Mutex<Vec<String>>>;

    /// What a test hook does besides writing into the log.
    enum Then {
        Allow,
        Wait(Duration),
        Refuse,
        Panic,
        PanicEarly,
        Sleep(Duration),
        Block(Duration),
        BlockLater(Duration),
    }

    struct Probe {
        name: &'static str,
        log: Log,
        before: Then,
        after: Then,
    }

    impl Probe {
        fn boxed(name: &'static str, log: &Log, before: Then, after: Then) -> BoxedHook {
            BoxedHook::new(Probe { name, log: Arc::clone(log), before, after })
        }
    }

    async fn act(then: &Then) -> Result<()> {
        match then {
            Then::Allow => {}
            Then::Wait(time) | Then::Sleep(time) => tokio::time::sleep(*time).await,
            Then::Refuse => return Err(Error::refused("no")),
            Then::Panic | Then::PanicEarly => panic!("secret 4711"),
            Then::Block(time) => std::thread::sleep(*time),
            Then::BlockLater(time) => {
                tokio::task::yield_now().await;
                std::thread::sleep(*time);
            }
        }
        Ok(())
    }

    impl Hook for Probe {
        // Not `async`, so that it can panic before there is a future.
        fn before(&self, cx: &QueryContext) -> impl Future<Output = Result<()>> + Send {
            self.log.lock().unwrap().push(format!("before {} {}", self.name, cx.id()));
            if matches!(self.before, Then::PanicEarly) {
                panic!("secret 4711");
            }
            async move { act(&self.before).await }
        }

        async fn after(&self, cx: &QueryContext, outcome: &Outcome) {
            self.log.lock().unwrap().push(format!("after {} {} {}", self.name, cx.id(), outcome.kind().name()));
            let _ = act(&self.after).await;
        }
    }

    /// Runs a statement through the hooks as an executor does; the log has the ids replaced.
    async fn statement(hooks: Vec<BoxedHook>, log: &Log) -> (Result<()>, Vec<String>) {
        let stack = HookStack::new(hooks, DEADLINE);
        let cx = QueryContext::sample(StatementKind::Select);
        let mut entered = Entered::default();
        let answer = stack.before(&cx, &mut entered).await;
        let outcome = match &answer {
            Ok(()) => {
                log.lock().unwrap().push("statement".to_owned());
                Outcome::sample()
            }
            Err(error) => Outcome::not_sent(error.clone(), Duration::ZERO),
        };
        stack.after(&cx, &outcome, entered).await;
        let id = cx.id().to_string();
        let lines = log.lock().unwrap().iter().map(|line| line.replace(&id, "#")).collect();
        (answer, lines)
    }

    async fn one(before: Then) -> (Result<()>, Vec<String>) {
        let log = Log::default();
        let hooks = vec![
            Probe::boxed("a", &log, Then::Allow, Then::Allow),
            Probe::boxed("b", &log, before, Then::Allow),
            Probe::boxed("c", &log, Then::Allow, Then::Allow),
        ];
        statement(hooks, &log).await
    }

    const ALL: [&str; 7] = [
        "before a #",
        "before b #",
        "before c #",
        "statement",
        "after c # completed",
        "after b # completed",
        "after a # completed",
    ];
    const REFUSED: [&str; 3] = ["before a #", "before b #", "after a # denied"];

    #[tokio::test]
    async fn first_added_is_outermost_and_before_and_after_share_the_id() {
        let (answer, lines) = one(Then::Allow).await;
        answer.unwrap();
        assert_eq!(lines, ALL);
    }

    #[tokio::test]
    async fn a_hook_that_waits_within_the_deadline_allows() {
        let (answer, lines) = one(Then::Wait(Duration::from_millis(5))).await;
        answer.unwrap();
        assert_eq!(lines, ALL);
    }

    #[tokio::test]
    async fn refusal_stops_inner_hooks_and_only_entered_ones_see_after() {
        let (answer, lines) = one(Then::Refuse).await;
        assert_eq!(answer.unwrap_err().code(), "hook.refused");
        assert_eq!(lines, REFUSED);
    }

    #[tokio::test]
    async fn panic_refuses_and_its_message_is_not_shown() {
        for then in [Then::Panic, Then::PanicEarly] {
            let (answer, lines) = one(then).await;
            let error = answer.unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Hook, "hook.panicked"));
            assert_eq!(error.to_string(), "hook 2 of 3 panicked, so the statement was not sent");
            assert!(!format!("{error:?}").contains("4711"));
            assert_eq!(lines, REFUSED);
        }
    }

    #[tokio::test]
    async fn sleeping_past_the_deadline_refuses_at_the_deadline() {
        let started = Instant::now();
        let (answer, lines) = one(Then::Sleep(Duration::from_secs(60))).await;
        assert_eq!(answer.unwrap_err().code(), "hook.deadline");
        assert!(started.elapsed() >= DEADLINE && started.elapsed() < Duration::from_secs(30));
        assert_eq!(lines, REFUSED);
    }

    #[tokio::test]
    async fn blocking_past_the_deadline_refuses_although_the_hook_allowed() {
        for then in [Then::Block(DEADLINE * 2), Then::BlockLater(DEADLINE * 2)] {
            let (answer, lines) = one(then).await;
            assert_eq!(answer.unwrap_err().code(), "hook.deadline");
            // Its `before` did return `Ok`, so it is owed an `after`.
            assert_eq!(lines, ["before a #", "before b #", "after b # denied", "after a # denied"]);
        }
    }

    #[tokio::test]
    async fn failures_after_the_statement_do_not_stop_the_other_hooks() {
        for then in [Then::Panic, Then::Sleep(Duration::from_secs(60)), Then::Block(DEADLINE * 2)] {
            let log = Log::default();
            let hooks = vec![
                Probe::boxed("a", &log, Then::Allow, Then::Allow),
                Probe::boxed("b", &log, Then::Allow, then),
                Probe::boxed("c", &log, Then::Allow, Then::Panic),
            ];
            let (answer, lines) = statement(hooks, &log).await;
            answer.unwrap();
            assert_eq!(lines, ALL);
        }
    }

    #[test]
    fn failure_after_the_statement_is_logged_without_the_panic_message() {
        #[derive(Clone, Default)]
        struct Buffer(Arc<Mutex<Vec<u8>>>);
        impl std::io::Write for Buffer {
            fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(buffer);
                Ok(buffer.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (buffer, log) = (Buffer::default(), Log::default());
        let taken = buffer.clone();
        let subscriber = tracing_subscriber::fmt().json().with_writer(move || taken.clone()).finish();
        crate::hook::listen_always();
        tracing::subscriber::with_default(subscriber, || {
            let hooks = vec![
                Probe::boxed("a", &log, Then::Allow, Then::Allow),
                Probe::boxed("b", &log, Then::Allow, Then::Panic),
            ];
            futures_util::FutureExt::now_or_never(statement(hooks, &log)).unwrap().0.unwrap();
        });
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        let event: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&event["level"], &event["target"]), (&"ERROR".into(), &"portcullis::hook".into()));
        assert_eq!((&event["fields"]["code"], &event["fields"]["position"]), (&"hook.panicked".into(), &2.into()));
        assert!(!text.contains("4711"));
    }

    #[tokio::test]
    async fn statement_refused_by_the_guard_still_goes_through_all_hooks() {
        let log = Log::default();
        let hooks = vec![Probe::boxed("a", &log, Then::Allow, Then::Allow)];
        let stack = HookStack::new(hooks, DEADLINE);
        let refusal = Error::new(ErrorKind::Policy, "write.no_condition", "no condition");
        let mut cx = QueryContext::sample(StatementKind::Delete);
        cx.refusal = Some(refusal.clone());
        let mut entered = Entered::default();
        stack.before(&cx, &mut entered).await.unwrap();
        let outcome = Outcome::not_sent(refusal, Duration::ZERO);
        assert_eq!(outcome.kind(), OutcomeKind::Denied);
        stack.after(&cx, &outcome, entered).await;
        assert_eq!(log.lock().unwrap().len(), 2);
    }

    /// A hook whose future and panic payload panic again when they are dropped.
    struct Vicious;

    struct PanicsOnDrop;

    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("again");
            }
        }
    }

    impl Hook for Vicious {
        async fn before(&self, cx: &QueryContext) -> Result<()> {
            let _held = PanicsOnDrop;
            if cx.kind() == StatementKind::Select {
                std::future::pending::<()>().await;
            }
            std::panic::panic_any(PanicsOnDrop);
        }
    }

    #[tokio::test]
    async fn what_a_hook_leaves_behind_can_not_panic_out_of_the_stack() {
        let stack = HookStack::new(vec![BoxedHook::new(Vicious)], Duration::from_millis(10));
        for (kind, code) in [(StatementKind::Select, "hook.deadline"), (StatementKind::Insert, "hook.panicked")] {
            let error = stack.before(&QueryContext::sample(kind), &mut Entered::default()).await.unwrap_err();
            assert_eq!(error.code(), code);
        }
    }

    /// A hook that runs a statement on a stack of its own choice.
    struct Calls(Arc<Mutex<Option<Weak<Stack>>>>);

    impl Hook for Calls {
        async fn before(&self, _: &QueryContext) -> Result<()> {
            // Also after a pause, when the task may have moved to another thread.
            tokio::task::yield_now().await;
            let other = self.0.lock().unwrap().as_ref().and_then(Weak::upgrade);
            let other = HookStack(other);
            Box::pin(async move {
                other.before(&QueryContext::sample(StatementKind::Select), &mut Entered::default()).await
            })
            .await
        }
    }

    #[tokio::test]
    async fn statement_from_inside_a_hook_of_the_same_handle_is_refused() {
        let aim = Arc::new(Mutex::new(None));
        let stack = HookStack::new(vec![BoxedHook::new(Calls(Arc::clone(&aim)))], DEADLINE);
        let cx = QueryContext::sample(StatementKind::Select);
        *aim.lock().unwrap() = stack.0.as_ref().map(Arc::downgrade);
        let mut entered = Entered::default();
        let error = stack.before(&cx, &mut entered).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Hook, "hook.reentrant"));
        assert_eq!(entered, Entered(0));
        assert!(!stack.inside_hook());
    }

    #[tokio::test]
    async fn hook_may_use_another_handle_but_not_come_back_through_it() {
        let (aim, back) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(None)));
        let stack = HookStack::new(vec![BoxedHook::new(Calls(Arc::clone(&aim)))], DEADLINE);
        let other = HookStack::new(vec![BoxedHook::new(Calls(Arc::clone(&back)))], DEADLINE);
        *aim.lock().unwrap() = other.0.as_ref().map(Arc::downgrade);
        let cx = QueryContext::sample(StatementKind::Select);
        stack.before(&cx, &mut Entered::default()).await.unwrap();

        *back.lock().unwrap() = stack.0.as_ref().map(Arc::downgrade);
        let error = stack.before(&cx, &mut Entered::default()).await.unwrap_err();
        assert_eq!(error.code(), "hook.reentrant");
    }

    #[tokio::test]
    async fn count_of_entered_hooks_survives_a_dropped_future() {
        let log = Log::default();
        let hooks = vec![
            Probe::boxed("a", &log, Then::Allow, Then::Allow),
            Probe::boxed("b", &log, Then::Sleep(Duration::from_secs(60)), Then::Allow),
        ];
        let stack = HookStack::new(hooks, Duration::from_secs(120));
        let cx = QueryContext::sample(StatementKind::Select);
        let mut entered = Entered::default();
        let cut = tokio::time::timeout(Duration::from_millis(10), stack.before(&cx, &mut entered)).await;
        assert!(cut.is_err());
        assert_eq!(entered, Entered(1));
    }

    #[test]
    fn without_a_runtime_a_ready_hook_allows_and_a_waiting_one_is_refused() {
        let log = Log::default();
        let (ready, _) = futures_util::FutureExt::now_or_never(statement(
            vec![Probe::boxed("a", &log, Then::Allow, Then::Allow)],
            &log,
        ))
        .unwrap();
        ready.unwrap();
        struct Never;
        impl Hook for Never {
            async fn before(&self, _: &QueryContext) -> Result<()> {
                std::future::pending().await
            }
        }
        let (waiting, _) = futures_util::FutureExt::now_or_never(statement(vec![BoxedHook::new(Never)], &log)).unwrap();
        assert_eq!(waiting.unwrap_err().code(), "hook.no_timer");
    }

    #[tokio::test]
    async fn empty_stack_is_empty_and_allows() {
        let stack = HookStack::new(Vec::new(), DEADLINE);
        assert!(stack.is_empty() && !stack.inside_hook());
        let mut entered = Entered::default();
        stack.before(&QueryContext::sample(StatementKind::Select), &mut entered).await.unwrap();
        assert_eq!(entered, Entered(0));
        let hooks = vec![BoxedHook::new(Arc::new(Vicious))];
        assert!(!HookStack::new(hooks, DEADLINE).is_empty());
    }

    #[test]
    fn futures_of_the_stack_are_send() {
        fn is_send<T: Send>(_: &T) {}
        let stack = HookStack::default();
        let cx = QueryContext::sample(StatementKind::Select);
        let mut entered = Entered::default();
        is_send(&stack.before(&cx, &mut entered));
        is_send(&stack.after(&cx, &Outcome::sample(), entered));
    }
}
