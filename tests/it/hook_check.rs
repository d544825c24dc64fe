//! The check of hooks, on hooks that are as they should be and on one bad hook for each point.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use portcullis::testing::{HookCheck, HookReport, OwnHandle};
use portcullis::{
    AuditLayer, Clock, Error, Hook, Outcome, OutcomeKind, QueryContext, RateLimit, RateLimitLayer, RateScope, Result,
    SlowQueryLayer, StatementKind, Subject, TraceLayer,
};
use uuid::Uuid;

fn quick() -> HookCheck {
    HookCheck::new().deadline(Duration::from_millis(400)).longest_block(Duration::from_millis(20))
}

/// Refuses deletes, and keeps what is open as one should.
#[derive(Default)]
struct Good(Mutex<HashMap<Uuid, StatementKind>>);

impl Hook for Good {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        if cx.kind() == StatementKind::Delete {
            return Err(Error::refused("nothing is deleted here"));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.0.lock().unwrap().insert(cx.id(), cx.kind());
        Ok(())
    }

    async fn after(&self, cx: &QueryContext, _: &Outcome) {
        tokio::task::yield_now().await;
        assert_eq!(self.0.lock().unwrap().remove(&cx.id()), Some(cx.kind()));
    }
}

#[tokio::test]
async fn hooks_that_are_as_they_should_be_pass_every_point() {
    let report =
        quick().run_until_settled(|_| Good::default(), |hook| hook.0.lock().unwrap().is_empty()).await.unwrap();
    assert!(report.passed(), "{report}");
    let names: Vec<_> = report.points().iter().map(|point| point.name).collect();
    let points =
        ["permit", "panic", "block", "wait", "reentrance", "order", "denial", "failure", "cancellation", "settled"];
    assert_eq!(names, points);
    assert_eq!(report.to_string().lines().next(), Some("ok      permit"));
    let data = serde_json::to_value(&report).unwrap();
    assert_eq!(data["points"][9], serde_json::json!({ "name": "settled", "passed": true, "defect": null }));
}

#[tokio::test]
async fn the_layers_of_the_crate_pass_the_check_of_hooks() {
    let (audit, _log) = AuditLayer::to_memory();
    let folder = tempfile::tempdir().unwrap();
    let file = AuditLayer::to_file(folder.path().join("audit.jsonl")).unwrap();
    let limit = RateLimit::named("few").scope(RateScope::Subject).limit(30, Duration::from_secs(3600));
    let flight = RateLimit::named("at a time").scope(RateScope::Subject).in_flight(2).wait(Duration::from_millis(300));
    let (clock, _hands) = Clock::manual();
    let limits = RateLimitLayer::builder().rules([limit, flight]).clock(clock).build().unwrap();
    let slow = SlowQueryLayer::new(Duration::ZERO);
    let named = HookCheck::new().subject(Subject::new("ada").tenant("north"));
    for report in [
        named.run(|_| audit.clone()).await,
        named.run(|_| file.clone()).await,
        named.run(|_| TraceLayer::new()).await,
        named.run(|_| slow.clone()).await,
        named.run(|_| limits.clone()).await,
    ] {
        let report = report.unwrap();
        assert!(report.passed(), "{report}");
    }
    #[cfg(feature = "metrics")]
    assert!(named.run(|_| portcullis::MetricsLayer::new()).await.unwrap().passed());
}

/// Takes the text of a delete for granted, which a refused one lacks.
struct Panics;

impl Hook for Panics {
    async fn after(&self, cx: &QueryContext, _: &Outcome) {
        if cx.kind() == StatementKind::Delete {
            let _ = cx.sql().unwrap().len();
        }
    }
}

struct Blocks;

impl Hook for Blocks {
    async fn after(&self, cx: &QueryContext, _: &Outcome) {
        if cx.kind() == StatementKind::Update {
            std::thread::sleep(Duration::from_millis(60));
        }
    }
}

struct WaitsBefore;

impl Hook for WaitsBefore {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        if cx.kind() == StatementKind::Catalog { std::future::pending().await } else { Ok(()) }
    }
}

struct WaitsAfter;

impl Hook for WaitsAfter {
    async fn after(&self, cx: &QueryContext, _: &Outcome) {
        if cx.kind() == StatementKind::Commit || cx.kind() == StatementKind::Rollback {
            std::future::pending().await
        }
    }
}

/// Writes down what was asked for where it was asked.
struct Reenters(OwnHandle);

impl Hook for Reenters {
    async fn after(&self, cx: &QueryContext, _: &Outcome) {
        if let Some(db) = self.0.get()
            && cx.kind() == StatementKind::Raw
        {
            let noted = db.insert("checked").columns(["note"]).row(["seen"]);
            let _ = Box::pin(noted.execute()).await;
        }
    }
}

/// Thinks that the statement that ends is the one that began last.
#[derive(Default)]
struct LastInFirstOut(Mutex<Vec<Uuid>>, AtomicBool);

impl Hook for LastInFirstOut {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        if self.1.load(Ordering::SeqCst) {
            return Err(Error::refused("out of step"));
        }
        self.0.lock().unwrap().push(cx.id());
        Ok(())
    }

    async fn after(&self, cx: &QueryContext, _: &Outcome) {
        if self.0.lock().unwrap().pop() != Some(cx.id()) {
            self.1.store(true, Ordering::SeqCst);
        }
    }
}

/// Three at a time, of which it gives none back that ended in one way.
struct Keeps(AtomicI64, OutcomeKind);

impl Keeps {
    fn one_that(ended: OutcomeKind) -> Keeps {
        Keeps(AtomicI64::new(3), ended)
    }
}

impl Hook for Keeps {
    async fn before(&self, _: &QueryContext) -> Result<()> {
        if self.0.fetch_sub(1, Ordering::SeqCst) <= 0 {
            self.0.fetch_add(1, Ordering::SeqCst);
            return Err(Error::refused("three at a time"));
        }
        Ok(())
    }

    async fn after(&self, _: &QueryContext, outcome: &Outcome) {
        if outcome.kind() != self.1 {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Says that it is busy, waits, and says that it is not; in between it may be dropped.
#[derive(Default)]
struct BusyOverAwait(AtomicBool);

impl Hook for BusyOverAwait {
    async fn before(&self, _: &QueryContext) -> Result<()> {
        while self.0.swap(true, Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.0.store(false, Ordering::SeqCst);
        Ok(())
    }
}

/// Forgets a statement only when it completed.
#[derive(Default)]
struct Remembers(Mutex<HashMap<Uuid, StatementKind>>);

impl Hook for Remembers {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        self.0.lock().unwrap().insert(cx.id(), cx.kind());
        Ok(())
    }

    async fn after(&self, cx: &QueryContext, outcome: &Outcome) {
        if outcome.kind() != OutcomeKind::Failed {
            self.0.lock().unwrap().remove(&cx.id());
        }
    }
}

/// The points that a report says are not as they should be.
fn failed(report: &HookReport) -> Vec<&'static str> {
    assert_eq!(report.passed(), report.failed().count() == 0);
    report.failed().map(|point| point.name).collect()
}

#[tokio::test]
async fn a_bad_hook_fails_its_point_and_the_report_says_why() {
    let check = quick().deadline(Duration::from_millis(80));
    let report = check.run(|_| Panics).await.unwrap();
    assert_eq!(failed(&report), ["panic"]);
    assert_eq!(report.points()[1].defect.as_deref(), Some("`after` of DELETE (denied) panicked"));
    assert!(
        report
            .to_string()
            .starts_with("ok      permit\nFAILED  panic: `after` of DELETE (denied) panicked\nok      block\n")
    );

    assert_eq!(failed(&check.run(|_| Blocks).await.unwrap()), ["block"]);
    let report = check.run(|_| WaitsBefore).await.unwrap();
    assert_eq!(failed(&report), ["wait"]);
    assert!(report.to_string().contains("`before` took longer than the deadline for: catalogue"), "{report}");
    let report = check.run(|_| WaitsAfter).await.unwrap();
    assert_eq!(failed(&report), ["wait"]);
    assert!(report.to_string().contains("`after` of ROLLBACK (completed) took longer"), "{report}");
    assert_eq!(failed(&check.run(Reenters).await.unwrap()), ["reentrance"]);
    // The end of a statement that was dropped is told while the next one begins, so the cancellation may show it too.
    assert_eq!(failed(&check.run(|_| LastInFirstOut::default()).await.unwrap()).first(), Some(&"order"));
    for (ended, point) in [(OutcomeKind::Denied, "denial"), (OutcomeKind::Failed, "failure")] {
        let report = check.run(|_| Keeps::one_that(ended)).await.unwrap();
        // A statement that was given up may fail, too.
        assert_eq!(failed(&report).first(), Some(&point), "{report}");
    }
    let report = check.run(|_| BusyOverAwait::default()).await.unwrap();
    assert_eq!(failed(&report), ["cancellation"], "{report}");
    let report = check.run_until_settled(|_| Remembers::default(), |hook| hook.0.lock().unwrap().is_empty());
    let report = report.await.unwrap();
    assert_eq!(failed(&report), ["settled"], "{report}");
    assert!(report.to_string().contains("after `panic`"), "{report}");
}

/// Lets nobody do anything but its one guest.
struct Refuses(&'static str);

impl Hook for Refuses {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        let guest = cx.subject().is_some_and(|subject| subject.id() == self.0);
        if guest { Ok(()) } else { Err(Error::refused("closed")) }
    }
}

#[tokio::test]
async fn a_hook_that_refuses_everything_passes_only_where_it_is_meant_to() {
    let report = quick().run(|_| Refuses("guest")).await.unwrap();
    assert_eq!(failed(&report), ["permit"]);
    let defect = report.points()[0].defect.as_deref().unwrap();
    assert!(defect.starts_with("no statement passed (hook.refused)"), "{defect}");

    let meant = quick().refuses_everything();
    let report = meant.clone().run(|_| Refuses("guest")).await.unwrap();
    assert!(report.passed(), "{report}");
    let report = meant.run(|_| Refuses("checked")).await.unwrap();
    assert_eq!(failed(&report), ["permit"]);
    let defect = report.points()[0].defect.as_deref().unwrap();
    assert!(defect.starts_with("it is meant to refuse everything, and "), "{defect}");

    // One whose guest is the subject of the check has nothing to be ashamed of.
    let report = quick().subject(Subject::new("guest")).run(|_| Refuses("guest")).await.unwrap();
    assert!(report.passed(), "{report}");
}
