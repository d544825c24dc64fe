use std::fs;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::*;
use crate::dialect::Dialect;
use crate::hook::{BoxedHook, Entered, HookStack, OutcomeKind, Subject};
use crate::statement::{StatementKind, TableAccess};
use crate::types::SqlType;

fn parse(line: &str) -> Json {
    assert!(!line.contains('\n'), "{line}");
    serde_json::from_str(line).unwrap()
}

fn records(text: &str) -> Vec<Json> {
    text.lines().map(parse).collect()
}

fn select() -> QueryContext {
    QueryContext::sample(StatementKind::Select)
}

/// One statement through the layer alone.
async fn statement(audit: &AuditLayer, cx: &QueryContext, outcome: &Outcome) -> Result<()> {
    audit.before(cx).await?;
    audit.after(cx, outcome).await;
    Ok(())
}

#[tokio::test]
async fn intent_and_completion_hold_what_the_table_says() {
    let (clock, hands) = Clock::manual();
    let (audit, log) = AuditLayer::to_memory();
    let audit = audit.with_clock(clock);
    let mut cx = select();
    let transaction = Uuid::now_v7();
    cx.transaction = Some(transaction);
    audit.before(&cx).await.unwrap();
    hands.advance(Duration::from_micros(1_500));
    audit.after(&cx, &Outcome::sample()).await;

    let lines = log.take();
    assert!(log.lines().is_empty());
    assert_eq!(
        parse(&lines[0]),
        json!({
            "v": 1, "phase": "intent", "time": "2026-01-01T00:00:00.000000Z", "id": cx.id(),
            "subject": "ada", "tenant": "north", "handle": "read-write", "handle_name": "reports",
            "dialect": "postgresql", "database": "shop", "transaction": transaction,
            "kind": "SELECT", "summary": "SELECT orders",
            "tables": [{"table": "orders", "output": ["id", "total"], "filter": ["total"]}],
            "fingerprint": "00abcdef01234567",
            "sql": "SELECT \"id\", \"total\" FROM \"orders\" WHERE \"total\" > $1::numeric",
            "bind_types": ["decimal"], "bind_count": 1,
        })
    );
    assert_eq!(
        parse(&lines[1]),
        json!({
            "v": 1, "phase": "completion", "time": "2026-01-01T00:00:00.001500Z", "id": cx.id(),
            "outcome": "completed", "rows": 3, "affected": 0, "elapsed_us": 1_500,
        })
    );
    assert_eq!(lines.len(), 2);
}

#[tokio::test]
async fn failure_is_recorded_with_its_code_and_names_but_not_its_message() {
    let (audit, log) = AuditLayer::to_memory();
    let error = Error::new(ErrorKind::Constraint, "db.unique", "a unique constraint was violated")
        .with_sqlstate("23505")
        .with_constraint("orders_pkey");
    let outcome = Outcome { kind: OutcomeKind::Failed, rows: 0, error: Some(error), ..Outcome::sample() };
    statement(&audit, &QueryContext::sample(StatementKind::Insert), &outcome).await.unwrap();
    let lines = log.lines();
    let completion = parse(&lines[1]);
    assert_eq!(completion["outcome"], "failed");
    assert_eq!(completion["error"], "db.unique");
    assert_eq!(completion["sqlstate"], "23505");
    assert_eq!(completion["constraint"], "orders_pkey");
    assert!(!lines[1].contains("was violated"));
}

#[tokio::test]
async fn refusals_by_the_guard_and_by_inner_hooks_are_recorded() {
    struct Closed;
    impl Hook for Closed {
        async fn before(&self, _: &QueryContext) -> Result<()> {
            Err(Error::new(ErrorKind::RateLimited, "rate.limited", "used up").with_rule("reads", None))
        }
    }
    let (audit, log) = AuditLayer::to_memory();
    let stack = HookStack::new(vec![BoxedHook::new(audit), BoxedHook::new(Closed)], Duration::from_secs(5));
    let mut cx = select();
    cx.refusal = Some(Error::new(ErrorKind::Policy, "write.no_condition", "no condition"));
    cx.sql = None;
    let mut entered = Entered::default();
    let error = stack.before(&cx, &mut entered).await.unwrap_err();
    stack.after(&cx, &Outcome::not_sent(error, Duration::ZERO), entered).await;
    let lines = log.lines();
    assert_eq!(parse(&lines[0])["refused"], "write.no_condition");
    assert_eq!(parse(&lines[0]).get("sql"), None);
    let completion = parse(&lines[1]);
    assert_eq!((&completion["outcome"], &completion["rule"]), (&json!("throttled"), &json!("reads")));
}

#[tokio::test]
async fn one_event_is_one_line_whatever_names_hold() {
    let nasty: String = (0..0x3100)
        .chain(0xD700..0x1_0200)
        .chain(0xE_0000..0xE_0200)
        .filter_map(char::from_u32)
        .filter(|character| !character.is_alphanumeric())
        .chain("\"\\\r\n\u{2028}\u{202E}{\"v\":1}".chars())
        .collect();
    let (audit, log) = AuditLayer::to_memory();
    let mut cx = select();
    cx.subject = Some(Subject::new(&nasty).tenant("a\nb"));
    cx.database = "x\u{85}y\u{7f}z\u{feff}é漢😀".into();
    cx.tables = [TableAccess { table: nasty.clone(), ..TableAccess::default() }].into();
    statement(&audit, &cx, &Outcome::sample()).await.unwrap();
    let lines = log.lines();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].lines().count(), 1);
    for hidden in
        ["\u{7f}", "\u{85}", "\u{2028}", "\u{2029}", "\u{202e}", "\u{2066}", "\u{200b}", "\u{feff}", "\u{e0041}"]
    {
        assert!(nasty.contains(hidden) && !lines[0].contains(hidden), "{}", hidden.escape_unicode());
    }
    assert!(lines[0].contains(r"x\u0085y\u007fz\ufeffé漢😀"));
    assert!(lines[0].contains(r"\udb40\udc41"));
    let intent = parse(&lines[0]);
    assert_eq!(intent["subject"], nasty);
    assert_eq!(intent["tenant"], "a\nb");
    assert_eq!(intent["tables"][0]["table"], nasty);
}

#[tokio::test]
async fn long_text_is_cut_at_a_character_and_many_binds_are_counted() {
    let (audit, log) = AuditLayer::to_memory();
    let mut cx = select();
    cx.sql = Some(format!("x{}", "é".repeat(5_000)).into());
    cx.bind_types = vec![SqlType::Int64; 65_535].into();
    audit.before(&cx).await.unwrap();
    let intent = parse(&log.take()[0]);
    assert_eq!(intent["sql"].as_str().unwrap().len(), 8 * 1024 - 1);
    assert_eq!(intent["sql_cut"], true);
    assert_eq!(intent["bind_types"].as_array().unwrap().len(), 256);
    assert_eq!(intent["bind_count"], 65_535);

    cx.sql = Some("x".repeat(8 * 1024).into());
    audit.before(&cx).await.unwrap();
    let intent = parse(&log.take()[0]);
    assert_eq!(intent["sql"].as_str().unwrap().len(), 8 * 1024);
    assert_eq!(intent.get("sql_cut"), None);
}

/// A sink that fails as told: at the call of this number and for so many calls, with part of the line written or a panic.
#[derive(Clone, Default)]
struct Flaky {
    written: Arc<Mutex<Vec<u8>>>,
    mood: Arc<Mutex<Mood>>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Mood {
    #[default]
    Well,
    Fails,
    Tears,
    Panics,
}

impl io::Write for Flaky {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Well => {
                self.written.lock().unwrap().extend_from_slice(buffer);
                Ok(buffer.len())
            }
            Mood::Tears if self.written.lock().unwrap().last() == Some(&b'\n') => {
                self.written.lock().unwrap().extend_from_slice(&buffer[..9]);
                Ok(9)
            }
            Mood::Tears | Mood::Fails => Err(io::Error::other("secret 4711")),
            Mood::Panics => panic!("secret 4711"),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Flaky {
    fn layer() -> (AuditLayer, Flaky) {
        let flaky = Flaky::default();
        (AuditLayer::to_writer(flaky.clone()), flaky)
    }

    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn text(&self) -> String {
        String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn statement_is_refused_while_its_intent_can_not_be_written() {
    let (audit, sink) = Flaky::layer();
    sink.set(Mood::Fails);
    for _ in 0..3 {
        let error = audit.before(&select()).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Audit, "audit.unavailable"));
        let source = std::error::Error::source(&error).unwrap();
        assert!(!format!("{error} {error:?} {source} {source:?}").contains("4711"));
    }
    sink.set(Mood::Well);
    statement(&audit, &select(), &Outcome::sample()).await.unwrap();
    let records = records(&sink.text());
    let phases: Vec<_> = records.iter().map(|record| record["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["gap", "intent", "completion"]);
    assert_eq!(records[0]["refused_statements"], 3);
    assert_eq!(records[0]["lost_completions"], 0);
}

#[tokio::test]
async fn lost_completion_stops_all_statements_until_a_gap_record_is_written() {
    let (clock, hands) = Clock::manual();
    let (audit, sink) = Flaky::layer();
    let audit = audit.with_clock(clock);
    // A clone is the same trail.
    let other = audit.clone();
    let cx = select();
    audit.before(&cx).await.unwrap();
    sink.set(Mood::Fails);
    hands.advance(Duration::from_secs(1));
    audit.after(&cx, &Outcome::sample()).await;
    hands.advance(Duration::from_secs(1));
    assert_eq!(other.before(&select()).await.unwrap_err().code(), "audit.unavailable");
    sink.set(Mood::Well);
    other.before(&select()).await.unwrap();
    audit.before(&select()).await.unwrap();

    let records = records(&sink.text());
    let phases: Vec<_> = records.iter().map(|record| record["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["intent", "gap", "intent", "intent"]);
    assert_eq!(
        records[1],
        json!({
            "v": 1, "phase": "gap", "time": "2026-01-01T00:00:02.000000Z", "since": "2026-01-01T00:00:01.000000Z",
            "refused_statements": 1, "lost_completions": 1, "lost_ids": [cx.id()],
        })
    );
}

#[tokio::test]
async fn torn_line_is_ended_before_the_next_record() {
    let (audit, sink) = Flaky::layer();
    statement(&audit, &select(), &Outcome::sample()).await.unwrap();
    sink.set(Mood::Tears);
    audit.before(&select()).await.unwrap_err();
    sink.set(Mood::Well);
    audit.before(&select()).await.unwrap();
    let text = sink.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[2], r#"{"v":1,"p"#);
    assert_eq!(parse(lines[3])["phase"], "gap");
    assert_eq!(parse(lines[4])["phase"], "intent");
}

#[tokio::test]
async fn panic_in_the_writer_refuses_and_a_poisoned_lock_does_not_stay() {
    let (audit, sink) = Flaky::layer();
    let stack = HookStack::new(vec![BoxedHook::new(audit)], Duration::from_secs(5));
    let cx = select();
    sink.set(Mood::Panics);
    let error = stack.before(&cx, &mut Entered::default()).await.unwrap_err();
    assert_eq!(error.code(), "hook.panicked");
    sink.set(Mood::Well);
    let mut entered = Entered::default();
    stack.before(&cx, &mut entered).await.unwrap();
    sink.set(Mood::Panics);
    stack.after(&cx, &Outcome::sample(), entered).await;
    sink.set(Mood::Well);
    stack.before(&cx, &mut entered).await.unwrap();
    let last = sink.text();
    let last: Vec<_> = last.lines().rev().take(2).map(parse).collect();
    assert_eq!((&last[0]["phase"], &last[1]["phase"]), (&json!("intent"), &json!("gap")));
    assert_eq!(last[1]["lost_ids"], json!([cx.id()]));
}

#[test]
fn gap_keeps_the_count_and_the_first_ids() {
    let (audit, _) = AuditLayer::to_memory();
    let early = DateTime::from_timestamp_micros(1).unwrap();
    let first = Uuid::now_v7();
    audit.trail.note(early, |missing| missing.lose(first));
    for _ in 0..300 {
        let taken = audit.trail.take();
        audit.trail.note(DateTime::from_timestamp_micros(2).unwrap(), |missing| missing.lose(Uuid::now_v7()));
        drop(GapInHand { trail: &audit.trail, missing: taken });
    }
    let missing = audit.trail.take().unwrap();
    assert_eq!((missing.completions, missing.ids.len(), missing.ids[0], missing.since), (301, 256, first, early));
}

#[tokio::test]
async fn file_is_appended_to_and_made_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    for _ in 0..2 {
        let audit = AuditLayer::to_file(&path).unwrap();
        statement(&audit, &select(), &Outcome::sample()).await.unwrap();
    }
    let synced = AuditLayer::to_file(&path).unwrap().synced();
    statement(&synced, &select(), &Outcome::sample()).await.unwrap();
    assert_eq!(records(&fs::read_to_string(&path).unwrap()).len(), 6);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn synced_file_works_without_a_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = AuditLayer::to_file(&path).unwrap().synced();
    futures_util::FutureExt::now_or_never(audit.before(&select())).unwrap().unwrap();
    assert_eq!(records(&fs::read_to_string(&path).unwrap()).len(), 1);
}

#[tokio::test]
async fn file_that_ends_in_a_torn_line_gets_its_end_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    fs::write(&path, "{\"v\":1}\n{\"v\":1,\"pha").unwrap();
    let audit = AuditLayer::to_file(&path).unwrap();
    statement(&audit, &select(), &Outcome::sample()).await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[1], "{\"v\":1,\"pha");
    assert_eq!(parse(lines[2])["phase"], "intent");
}

#[test]
fn file_that_can_not_be_opened_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = AuditLayer::to_file(folder.path()).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Io, "audit.open"));
    AuditLayer::to_file(folder.path().join("new.jsonl")).unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn full_disk_refuses_statements() {
    let full = AuditLayer::to_file("/dev/full").unwrap();
    for _ in 0..2 {
        let error = full.before(&select()).await.unwrap_err();
        assert_eq!(error.code(), "audit.unavailable");
        let source = std::error::Error::source(&error).unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    }
    let synced = AuditLayer::to_file("/dev/full").unwrap().synced();
    assert_eq!(synced.before(&select()).await.unwrap_err().code(), "audit.unavailable");
    AuditLayer::to_file("/dev/null").unwrap().before(&select()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_tasks_and_layers_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    // Layers opened apart share nothing but the file, as those of two processes.
    let layers: Vec<_> = (0..3).map(|_| AuditLayer::to_file(&path).unwrap()).collect();
    let count = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..12)
        .map(|task| {
            let (audit, count) = (layers[task % 3].clone(), Arc::clone(&count));
            tokio::spawn(async move {
                for round in 0..50 {
                    let mut cx = select();
                    cx.sql = Some("x".repeat((task * 50 + round) * 13).into());
                    statement(&audit, &cx, &Outcome::sample()).await.unwrap();
                    count.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let records = records(&fs::read_to_string(&path).unwrap());
    assert_eq!(count.load(Ordering::SeqCst), 600);
    assert_eq!(records.len(), 1_200);
    for phase in ["intent", "completion"] {
        let ids: std::collections::HashSet<_> =
            records.iter().filter(|record| record["phase"] == phase).map(|record| record["id"].to_string()).collect();
        assert_eq!(ids.len(), 600);
    }
}

#[test]
fn tracing_sink_writes_to_a_subscriber_and_refuses_without_one() {
    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Buffer {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(buffer);
            Ok(buffer.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let run = |audit: &AuditLayer| {
        let mut cx = select();
        cx.dialect = Dialect::Sqlite;
        futures_util::FutureExt::now_or_never(statement(audit, &cx, &Outcome::sample())).unwrap()
    };
    let audit = AuditLayer::to_tracing();
    assert_eq!(run(&audit).unwrap_err().code(), "audit.unavailable");

    let buffer = Buffer::default();
    let taken = buffer.clone();
    let subscriber = |level| {
        let taken = taken.clone();
        tracing_subscriber::fmt().json().with_max_level(level).with_writer(move || taken.clone()).finish()
    };
    crate::hook::listen_always();
    tracing::subscriber::with_default(subscriber(tracing::Level::INFO), || run(&audit).unwrap());
    let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
    let events = records(&text);
    let phases: Vec<_> = events
        .iter()
        .map(|event| {
            assert_eq!(event["target"], "portcullis::audit");
            parse(event["fields"]["message"].as_str().unwrap())["phase"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(phases, ["gap", "intent", "completion"]);

    crate::hook::listen_always();
    tracing::subscriber::with_default(subscriber(tracing::Level::WARN), || {
        assert_eq!(run(&audit).unwrap_err().code(), "audit.unavailable");
    });
}
