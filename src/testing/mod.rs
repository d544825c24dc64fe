//! For the tests of those who write hooks of their own: runs a hook through what it will meet, on embedded SQLite.

mod report;
mod watch;

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

pub use self::report::{HookPoint, HookReport};
use self::watch::{Inner, Outer, Watch, Watched};
use crate::db::{Database, ReadWrite};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::col;
use crate::hook::{Hook, Subject};

/// Runs a hook of one's own through what it will meet, and reports what it does, point by point.
///
/// | Point | What is tried | Fails when |
/// | --- | --- | --- |
/// | `permit` | one of each kind of statement | the hook lets none of them pass, see [`refuses_everything`](HookCheck::refuses_everything) |
/// | `panic` | each kind of statement, refused and failing ones, with and without a subject | `before` or `after` panics |
/// | `block` | the same, five times | a call holds its thread for longer than [`longest_block`](HookCheck::longest_block), each time |
/// | `wait` | the same | a call takes longer than the [`deadline`](HookCheck::deadline) |
/// | `reentrance` | a few statements | the hook runs statements on its own handle |
/// | `order` | statements that overlap, and end in the order in which they began and in the other | a later statement is refused that was not before |
/// | `denial` | statements that the guard or a hook within refuses | the same |
/// | `failure` | statements that the database refuses | the same |
/// | `cancellation` | statements that are dropped at each await | the same |
/// | `settled` | all of these, where [`run_until_settled`](HookCheck::run_until_settled) was told how to see it | the hook holds on to something |
///
/// Each point has a database in memory and a hook of its own. A hook may refuse statements, and a rate limit may be exceeded: what counts is that
/// one kind of statement passes, since nothing else could be seen of the hook, and that what passed at first is not refused for another reason later.
///
/// ```
/// use portcullis::testing::HookCheck;
/// use portcullis::{Error, Hook, QueryContext, Result};
///
/// struct NoDdl;
///
/// impl Hook for NoDdl {
///     async fn before(&self, cx: &QueryContext) -> Result<()> {
///         if cx.kind().is_ddl() { Err(Error::refused("tables are made elsewhere")) } else { Ok(()) }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let report = HookCheck::new().run(|_| NoDdl).await?;
/// assert!(report.passed(), "{report}");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a check does nothing until `run`"]
pub struct HookCheck {
    deadline: Duration,
    block: Duration,
    subject: Subject,
    refuses_everything: bool,
}

/// The handle that a hook under test stands on: for a hook that is given one, so that the check sees whether it runs statements there.
#[derive(Clone, Default)]
pub struct OwnHandle(Arc<Mutex<Option<Database<ReadWrite>>>>);

impl OwnHandle {
    /// The handle; `None` before it is opened and after the check.
    pub fn get(&self) -> Option<Database<ReadWrite>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, db: Option<Database<ReadWrite>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = db;
    }
}

impl std::fmt::Debug for OwnHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnHandle")
    }
}

impl Default for HookCheck {
    fn default() -> HookCheck {
        HookCheck::new()
    }
}

impl HookCheck {
    /// A check whose statements run on behalf of the subject `checked`.
    pub fn new() -> HookCheck {
        HookCheck {
            deadline: Duration::from_secs(1),
            block: Duration::from_millis(10),
            subject: Subject::new("checked"),
            refuses_everything: false,
        }
    }

    /// How long a call may take; 1 s if not said.
    pub fn deadline(mut self, deadline: Duration) -> HookCheck {
        self.deadline = deadline;
        self
    }

    /// How long a call may hold its thread; 10 ms if not said.
    pub fn longest_block(mut self, limit: Duration) -> HookCheck {
        self.block = limit;
        self
    }

    /// On whose behalf statements run, for a hook that lets only some pass.
    pub fn subject(mut self, subject: Subject) -> HookCheck {
        self.subject = subject;
        self
    }

    /// The hook is meant to refuse every statement of the [`subject`](HookCheck::subject): the point `permit` then fails where one passes. All other points
    /// say little of such a hook, so check it for a subject that it lets pass too.
    pub fn refuses_everything(mut self) -> HookCheck {
        self.refuses_everything = true;
        self
    }

    /// Runs the hooks that `make` gives, one for each point, through everything. Needs a tokio runtime with its timer on.
    ///
    /// # Errors
    ///
    /// What opening a database in memory gives. What the hooks do wrong is in the report.
    pub async fn run<H: Hook>(&self, make: impl Fn(OwnHandle) -> H) -> Result<HookReport> {
        self.run_all(&make, None).await
    }

    /// The same, and asks `settled` at the end of each point whether the hook holds on to nothing of the statements that have ended: its map of open ones
    /// is empty, its count is zero.
    ///
    /// # Errors
    ///
    /// As [`HookCheck::run`].
    pub async fn run_until_settled<H: Hook>(
        &self,
        make: impl Fn(OwnHandle) -> H,
        settled: impl Fn(&H) -> bool,
    ) -> Result<HookReport> {
        self.run_all(&make, Some(&settled)).await
    }

    async fn run_all<H: Hook>(
        &self,
        make: &dyn Fn(OwnHandle) -> H,
        settled: Option<&dyn Fn(&H) -> bool>,
    ) -> Result<HookReport> {
        let mut report = HookReport::default();
        let mut unsettled = Vec::new();
        for point in Point::ALL {
            let stage = Stage::open(self, make).await?;
            let (name, defect) = (point.name(), stage.examine(self, point).await?);
            report.add(name, defect);
            if let Some(settled) = settled
                && !stage.settles(settled, self.deadline).await
            {
                unsettled.push(name);
            }
            stage.close();
        }
        if settled.is_some() {
            let after = unsettled.join("`, `");
            let defect = format!("the hook still held something of statements that had ended, after `{after}`");
            report.add("settled", (!unsettled.is_empty()).then_some(defect));
        }
        Ok(report)
    }
}

#[derive(Debug, Clone, Copy)]
enum Point {
    Permit,
    Panic,
    Block,
    Wait,
    Reentrance,
    Order,
    Denial,
    Failure,
    Cancellation,
}

impl Point {
    const ALL: [Point; 9] = [
        Point::Permit,
        Point::Panic,
        Point::Block,
        Point::Wait,
        Point::Reentrance,
        Point::Order,
        Point::Denial,
        Point::Failure,
        Point::Cancellation,
    ];

    fn name(self) -> &'static str {
        match self {
            Point::Permit => "permit",
            Point::Panic => "panic",
            Point::Block => "block",
            Point::Wait => "wait",
            Point::Reentrance => "reentrance",
            Point::Order => "order",
            Point::Denial => "denial",
            Point::Failure => "failure",
            Point::Cancellation => "cancellation",
        }
    }
}

/// What came of each kind of statement: `None` where it passed.
type Verdicts = BTreeMap<&'static str, Option<Error>>;

/// How often each misfortune comes, so that what is lost each time adds up.
const TIMES: usize = 8;

/// A hook between two of ours, on a database in memory.
struct Stage<H> {
    db: Database<ReadWrite>,
    nobody: Database<ReadWrite>,
    own: OwnHandle,
    outer: Arc<Outer>,
    inner: Arc<Inner>,
    watch: Arc<Watch>,
    hook: Arc<H>,
}

impl<H: Hook> Stage<H> {
    async fn open(check: &HookCheck, make: &dyn Fn(OwnHandle) -> H) -> Result<Stage<H>> {
        let own = OwnHandle::default();
        let hook = Arc::new(make(own.clone()));
        let (outer, inner, watch) =
            (Arc::new(Outer::default()), Arc::new(Inner::default()), Arc::new(Watch::default()));
        let nobody = Database::builder("sqlite::memory:".parse()?)
            .hook_deadline(check.deadline)
            .hook(Arc::clone(&outer))
            .hook(Watched::new(Arc::clone(&hook), Arc::clone(&watch)))
            .hook(Arc::clone(&inner))
            .open_read_write()
            .await?;
        nobody.sql("CREATE TABLE checked (id integer PRIMARY KEY, note text)").execute().await?;
        nobody.sql("INSERT INTO checked (id, note) VALUES (1, 'one'), (2, 'two')").execute().await?;
        nobody.schema().await?;
        watch.on.store(true, Ordering::SeqCst);
        let db = nobody.acting_as(check.subject.clone());
        own.set(Some(db.clone()));
        Ok(Stage { db, nobody, own, outer, inner, watch, hook })
    }

    /// The handle holds the hook, which may hold the handle.
    fn close(self) {
        self.own.set(None);
        self.db.close();
    }

    /// What the hook does wrong.
    async fn examine(&self, check: &HookCheck, point: Point) -> Result<Option<String>> {
        Ok(match point {
            Point::Permit => permits(&self.ordinary().await, check.refuses_everything),
            Point::Panic => {
                self.everything().await;
                self.watch.panicked()
            }
            Point::Block => {
                let mut rounds = 0;
                while rounds < 5 && !self.everything().await.values().any(is_late) {
                    rounds += 1;
                }
                self.watch.blocked(check.block, rounds)
            }
            Point::Wait => {
                let verdicts = self.everything().await;
                let late = verdicts.iter().find(|(_, verdict)| is_late(verdict)).map(|(name, _)| *name);
                let before = late.map(|name| format!("`before` took longer than the deadline for: {name}"));
                before.or_else(|| self.watch.cut())
            }
            Point::Reentrance => self.reenters().await,
            Point::Order => {
                let before = self.ordinary().await;
                for first_in_first_out in [true, false, true, false] {
                    self.overlap(first_in_first_out).await;
                }
                changed(&before, &self.ordinary().await)
            }
            Point::Denial => {
                let before = self.ordinary().await;
                for _ in 0..TIMES {
                    self.inner.refuse.store(true, Ordering::SeqCst);
                    let _ = self.db.table("checked").collect().await;
                    self.inner.refuse.store(false, Ordering::SeqCst);
                    let _ = self.db.delete("checked").execute().await;
                }
                changed(&before, &self.ordinary().await)
            }
            Point::Failure => {
                let before = self.ordinary().await;
                for _ in 0..TIMES {
                    let _ = self.db.insert("checked").columns(["id"]).row([1]).execute().await;
                }
                changed(&before, &self.ordinary().await)
            }
            Point::Cancellation => {
                let before = self.ordinary().await;
                for polls in 1..=TIMES {
                    let id = i64::try_from(polls).unwrap_or_default().saturating_neg();
                    give_up(self.db.table("checked").collect(), polls).await;
                    give_up(self.db.insert("checked").columns(["id"]).row([id]).execute(), polls).await;
                    give_up(self.db.begin(), polls).await;
                }
                self.outer.quiet(check.deadline).await;
                let _ = self.db.delete("checked").where_(col("id").lt(0)).execute().await;
                changed(&before, &self.ordinary().await)
            }
        })
    }

    /// One of each kind of statement that would pass without the hook.
    async fn ordinary(&self) -> Verdicts {
        let db = &self.db;
        let mut verdicts = Verdicts::new();
        let mut note = |name, error: Option<Error>| {
            let late = error.as_ref().is_some_and(|error| error.code() == "hook.deadline");
            verdicts.insert(name, error);
            late
        };
        // A hook that is late is late each time: the rest is left out.
        let _ = note("select", db.table("checked").where_(col("id").ge(0)).collect().await.err())
            || note("insert", db.insert("checked").columns(["id", "note"]).row((9, "x")).execute().await.err())
            || note("update", db.update("checked").set("note", "y").where_(col("id").eq(9)).execute().await.err())
            || note("delete", db.delete("checked").where_(col("id").eq(9)).execute().await.err())
            || note("raw sql", db.sql("SELECT id FROM checked").collect().await.err())
            || note("catalogue", db.schema().await.err())
            || note("transaction", transaction(db).await.err());
        verdicts
    }

    /// The same, and what fails and is refused.
    async fn everything(&self) -> Verdicts {
        let verdicts = self.ordinary().await;
        if verdicts.values().any(is_late) {
            return verdicts;
        }
        let _ = self.nobody.table("checked").collect().await;
        let _ = self.db.delete("checked").execute().await;
        let _ = self.db.sql("DELETE FROM nowhere").execute().await;
        let _ = self.db.insert("checked").columns(["id"]).row([1]).execute().await;
        if let Ok(mut rows) = self.db.table("checked").stream().await {
            let _ = rows.next().await;
        }
        self.outer.quiet(Duration::from_millis(200)).await;
        verdicts
    }

    /// A statement on the hook's own handle has a number, and no hook sees it; one of a task that the hook spawned is seen and not ours.
    async fn reenters(&self) -> Option<String> {
        const SENT: usize = 3;
        self.outer.forget();
        for _ in 0..SENT {
            let _ = self.db.sql("SELECT 1 AS one").collect().await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let _ = self.db.sql("SELECT 1 AS one").collect().await;
        let numbers = self.outer.numbers();
        let first = numbers.iter().min().copied().unwrap_or_default();
        let last = numbers.iter().max().copied().unwrap_or_default();
        let span = last.saturating_sub(first).saturating_add(1);
        (span > SENT as u64 + 1)
            .then(|| "the hook runs statements on its own handle; give it one of its own, without the hook".to_owned())
    }

    /// Two statements, the second begun while the first is open, and their ends in one order or the other.
    async fn overlap(&self, first_in_first_out: bool) {
        self.inner.hold();
        let (one, two) = (self.db.table("checked"), self.db.sql("SELECT id FROM checked"));
        let ends = async {
            self.inner.both_held(Duration::from_millis(200)).await;
            self.inner.let_go(first_in_first_out).await;
        };
        let _ = tokio::join!(one.collect(), two.collect(), ends);
    }

    async fn settles(&self, settled: &dyn Fn(&H) -> bool, limit: Duration) -> bool {
        for _ in 0..100 {
            if settled(&self.hook) {
                return true;
            }
            tokio::time::sleep(limit / 100).await;
        }
        settled(&self.hook)
    }
}

async fn transaction(db: &Database<ReadWrite>) -> Result<()> {
    let transaction = db.begin().await?;
    transaction.insert("checked").columns(["id"]).row([10]).execute().await?;
    transaction.rollback().await
}

fn is_late(verdict: &Option<Error>) -> bool {
    verdict.as_ref().is_some_and(|error| error.code() == "hook.deadline")
}

/// Whether the hook refuses what it should let pass, or the other way round.
fn permits(verdicts: &Verdicts, refuses_everything: bool) -> Option<String> {
    let passed = verdicts.iter().find(|(_, verdict)| verdict.is_none()).map(|(name, _)| *name);
    match (passed, refuses_everything) {
        (Some(name), true) => Some(format!("it is meant to refuse everything, and {name} passed")),
        // A hook that is late is told so by another point, and most of the statements were not reached.
        (None, false) if !verdicts.values().any(is_late) => {
            let code = verdicts.values().flatten().next().map_or("", Error::code);
            Some(format!(
                "no statement passed ({code}), so the rest says nothing; set a `subject` that the hook lets pass, or say `refuses_everything`"
            ))
        }
        _ => None,
    }
}

/// What passed before and does not pass now.
fn changed(before: &Verdicts, now: &Verdicts) -> Option<String> {
    before.iter().filter(|(_, verdict)| verdict.is_none()).find_map(|(name, _)| match now.get(name) {
        Some(None) => None,
        // What the database refuses meanwhile, and a limit that is used up, is no defect.
        Some(Some(error)) if !matches!(error.kind(), ErrorKind::Hook | ErrorKind::Audit) => None,
        Some(Some(error)) => Some(format!("{name} passed before and is refused now: {}", error.code())),
        None => Some(format!("{name} passed before and was not reached now: an earlier statement took too long")),
    })
}

/// Polls a few times and drops.
async fn give_up<T>(work: impl Future<Output = T>, polls: usize) {
    let mut work = Box::pin(work);
    for _ in 0..polls {
        let ended = poll_fn(|context| Poll::Ready(Pin::new(&mut work).poll(context).is_ready())).await;
        if ended {
            return;
        }
        tokio::time::sleep(Duration::from_micros(300)).await;
    }
}
