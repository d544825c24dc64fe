use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

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

/// A record without what the chain adds, which is there.
fn body(line: &str) -> Json {
    let mut record = parse(line);
    let object = record.as_object_mut().unwrap();
    assert_eq!(object.remove("v"), Some(json!(1)));
    assert!(object.remove("seq").unwrap().is_u64());
    assert_eq!(object.remove("hash").unwrap().as_str().unwrap().len(), 64);
    record
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
    let (audit, log) = AuditLayer::builder().clock(clock).redact("*TOKEN").to_memory();
    let mut cx = select();
    cx.subject = Some(
        Subject::new("ada")
            .tenant("north")
            .roles(["clerk"])
            .address([192, 0, 2, 7])
            .delegated_by("grace")
            .reason("ticket 4711")
            .context("request_id", "7f3a")
            .context("session_token", "hush"),
    );
    let transaction = Uuid::now_v7();
    cx.transaction = Some(transaction);
    cx.step = Some(2);
    audit.before(&cx).await.unwrap();
    hands.advance(Duration::from_micros(1_500));
    audit.after(&cx, &Outcome::sample()).await;

    let lines = log.take();
    assert!(log.lines().is_empty());
    assert_eq!(
        body(&lines[0]),
        json!({
            "phase": "intent", "time": "2026-01-01T00:00:00.000000Z", "id": cx.id(),
            "subject": "ada", "tenant": "north", "roles": ["clerk"], "source_address": "192.0.2.7",
            "delegated_by": "grace", "reason": "ticket 4711",
            "context": {"request_id": "7f3a", "session_token": "[redacted]"},
            "handle": "read-write", "handle_name": "reports", "server": "db.example:5432", "database": "shop",
            "dialect": "postgresql", "ordinal": 7, "transaction": transaction, "step": 2, "attempt": 1,
            "operation": "SELECT", "summary": "SELECT orders",
            "tables": [{"table": "orders", "verb": "SELECT", "output": ["id", "total"], "filter": ["total"]}],
            "fingerprint": "00abcdef01234567",
            "sql": "SELECT \"id\", \"total\" FROM \"orders\" WHERE \"total\" > $1::numeric",
            "bind_count": 1, "bind_types": ["decimal"],
        })
    );
    assert_eq!(
        body(&lines[1]),
        json!({
            "phase": "completion", "time": "2026-01-01T00:00:00.001500Z", "id": cx.id(),
            "outcome": "allowed", "rows": 3, "affected": 0, "elapsed_us": 1_500,
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
        (AuditLayer::to_writer(flaky.clone()).unwrap(), flaky)
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
async fn completion_that_can_not_be_written_is_kept_and_statements_are_refused_until_it_is() {
    let (audit, sink) = Flaky::layer();
    // A clone is the same trail.
    let other = audit.clone();
    let cx = select();
    audit.before(&cx).await.unwrap();
    sink.set(Mood::Fails);
    audit.after(&cx, &Outcome::sample()).await;
    assert_eq!(other.before(&select()).await.unwrap_err().code(), "audit.unavailable");
    sink.set(Mood::Well);
    other.before(&select()).await.unwrap();
    let records = records(&sink.text());
    let phases: Vec<_> = records.iter().map(|record| record["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["intent", "gap", "completion", "intent"]);
    assert_eq!((&records[1]["refused_statements"], &records[1]["lost_completions"]), (&json!(1), &json!(0)));
    assert_eq!(records[2]["id"], json!(cx.id()));
}

#[tokio::test]
async fn completions_beyond_the_memory_are_named_in_a_gap_record() {
    let sink = Flaky::default();
    let audit = AuditLayer::builder().memory(2_000).to_writer(sink.clone()).unwrap();
    let mut waiting = Vec::new();
    for _ in 0..40 {
        let cx = select();
        audit.before(&cx).await.unwrap();
        waiting.push(cx);
    }
    sink.set(Mood::Fails);
    for cx in &waiting {
        audit.after(cx, &Outcome::sample()).await;
    }
    let error = audit.before(&select()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Audit);
    sink.set(Mood::Well);
    while audit.before(&select()).await.is_err() {}
    let records = records(&sink.text());
    let gap = records.iter().find(|record| record["phase"] == "gap").unwrap();
    let lost = gap["lost_completions"].as_u64().unwrap();
    let written = records.iter().filter(|record| record["phase"] == "completion").count() as u64;
    assert!(lost > 10 && written > 5, "{lost} {written}");
    assert_eq!(lost + written, 40);
    assert_eq!(gap["lost_ids"].as_array().unwrap().len() as u64, lost);
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
    assert_eq!(lines[2], r#"{"v":1,"s"#);
    let recovery = parse(lines[3]);
    assert_eq!((&recovery["phase"], &recovery["torn_bytes"]), (&json!("recovery"), &json!(9)));
    assert_eq!(parse(lines[4])["phase"], "gap");
    assert_eq!(parse(lines[5])["phase"], "intent");
    let mut verifier = AuditVerifier::new();
    verifier.read("log", text.as_bytes()).unwrap();
    let report = verifier.finish();
    assert!(report.is_whole(), "{report}");
    assert_eq!((report.records(), report.torn_lines(), report.gaps()), (5, 1, 1));
}

#[tokio::test]
async fn panic_in_the_writer_refuses_and_a_poisoned_lock_does_not_stay() {
    let (audit, sink) = Flaky::layer();
    let stack = HookStack::new(vec![BoxedHook::new(audit)], Duration::from_secs(5));
    let cx = select();
    sink.set(Mood::Panics);
    let error = stack.before(&cx, &mut Entered::default()).await.unwrap_err();
    assert_eq!(error.code(), "audit.unavailable");
    sink.set(Mood::Well);
    let mut entered = Entered::default();
    stack.before(&cx, &mut entered).await.unwrap();
    sink.set(Mood::Panics);
    stack.after(&cx, &Outcome::sample(), entered).await;
    sink.set(Mood::Well);
    stack.before(&cx, &mut entered).await.unwrap();
    let text = sink.text();
    let phases: Vec<_> = records(&text).iter().map(|record| record["phase"].as_str().unwrap().to_owned()).collect();
    assert_eq!(phases, ["gap", "intent", "completion", "intent"]);
}

#[test]
fn gap_keeps_the_count_and_the_first_ids() {
    let mut missing = record::Missing::default();
    let first = Uuid::now_v7();
    missing.lose(first);
    for _ in 0..300 {
        let mut later = record::Missing::default();
        later.lose(Uuid::now_v7());
        later.merge(std::mem::take(&mut missing));
        missing = later;
    }
    assert_eq!((missing.completions, missing.ids.len(), missing.ids[0]), (301, 256, first));
}

#[tokio::test]
async fn file_is_appended_to_and_made_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    for _ in 0..2 {
        let audit = AuditLayer::to_file(&path).unwrap();
        statement(&audit, &select(), &Outcome::sample()).await.unwrap();
    }
    let synced = AuditLayer::builder().durability(Durability::Synced).to_file(&path).unwrap();
    statement(&synced, &select(), &Outcome::sample()).await.unwrap();
    assert_eq!(records(&fs::read_to_string(&path).unwrap()).len(), 6);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn file_that_ends_in_a_torn_line_gets_its_end_first_and_the_chain_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    statement(&AuditLayer::to_file(&path).unwrap(), &select(), &Outcome::sample()).await.unwrap();
    let whole = fs::read(&path).unwrap();
    for cut in [1, 2, 70, 200] {
        fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        statement(&AuditLayer::to_file(&path).unwrap(), &select(), &Outcome::sample()).await.unwrap();
        let report = AuditVerifier::new().verify_files([&path]).unwrap();
        // A line that lacks its newline only is whole.
        let (records, torn) = if cut == 1 { (4, 0) } else { (4, 1) };
        assert!(report.is_whole(), "{cut}: {report}");
        assert_eq!((report.records(), report.torn_lines()), (records, torn), "{cut}: {report}");
    }
}

#[tokio::test]
async fn file_that_ends_in_something_else_is_refused_until_it_is_moved_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    fs::write(&path, "something else\n").unwrap();
    let audit = AuditLayer::to_file(&path).unwrap();
    assert_eq!(audit.before(&select()).await.unwrap_err().code(), "audit.damaged");
    fs::rename(&path, folder.path().join("elsewhere")).unwrap();
    audit.before(&select()).await.unwrap();
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
        assert_eq!(error.code(), "audit.disk_full");
        let source = std::error::Error::source(&error).unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    }
    let synced = AuditLayer::builder().durability(Durability::Synced).to_file("/dev/full").unwrap();
    assert_eq!(synced.before(&select()).await.unwrap_err().code(), "audit.disk_full");
    AuditLayer::to_file("/dev/null").unwrap().before(&select()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_tasks_and_layers_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    // Layers opened apart share nothing but the file, as those of two processes.
    // A machine that does much else may let one of them wait for the file for long.
    let layer = || AuditLayer::builder().deadline(Duration::from_secs(60)).to_file(&path).unwrap();
    let layers: Vec<_> = (0..3).map(|_| layer()).collect();
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
    let report = AuditVerifier::new().verify_files([&path]).unwrap();
    assert!(report.is_whole(), "{report}");
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

#[tokio::test]
async fn a_writer_that_hangs_refuses_at_the_deadline_and_what_it_took_late_is_withdrawn() {
    struct Stuck(Arc<Mutex<Vec<u8>>>, Arc<AtomicBool>);
    impl io::Write for Stuck {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            while self.1.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
            self.0.lock().unwrap().extend_from_slice(buffer);
            Ok(buffer.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (written, gate) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(true)));
    let writer = Stuck(Arc::clone(&written), Arc::clone(&gate));
    let audit = AuditLayer::builder().deadline(Duration::from_millis(50)).to_writer(writer).unwrap();
    let first = select();
    let started = Instant::now();
    assert_eq!(audit.before(&first).await.unwrap_err().code(), "audit.deadline");
    assert!(started.elapsed() >= Duration::from_millis(50) && started.elapsed() < Duration::from_secs(20));
    // What is not in the writer's hands yet is never written.
    let never = select();
    assert_eq!(audit.before(&never).await.unwrap_err().code(), "audit.deadline");
    gate.store(false, Ordering::SeqCst);
    while audit.before(&select()).await.is_err() {}
    drop(audit);
    let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    let records = records(&text);
    let intents: Vec<_> = records.iter().filter(|record| record["phase"] == "intent").collect();
    assert_eq!(intents[0]["id"], json!(first.id()));
    let end = records.iter().find(|it| it["phase"] == "completion" && it["id"] == json!(first.id())).unwrap();
    assert_eq!((&end["outcome"], &end["error"]), (&json!("denied"), &json!("audit.deadline")));
    assert!(!text.contains(&never.id().to_string()));
    assert!(records.iter().any(|record| record["phase"] == "gap" && record["refused_statements"].as_u64() >= Some(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_level_writes_all_records_in_order_and_closes_the_log() {
    let key = AuditKey::new("k", "0123456789abcdef0123456789abcdef").unwrap();
    for level in [Durability::Buffered, Durability::Flushed, Durability::Synced] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let builder = AuditLayer::builder().durability(level).key(key.clone()).checkpoint_every(50);
        let audit = builder.to_file(&path).unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let audit = audit.clone();
            tasks.spawn(async move {
                for _ in 0..25 {
                    statement(&audit, &select(), &Outcome::sample()).await.unwrap();
                }
            });
        }
        tasks.join_all().await;
        let anchor = audit.checkpoint().await.unwrap();
        drop(audit);
        let report = AuditVerifier::new().key(key.clone()).anchor(anchor).verify_files([&path]).unwrap();
        assert!(report.is_whole() && report.is_closed() && report.unanchored() == 0, "{level:?} {report}");
        assert!(report.checkpoints() >= 8, "{report}");
        assert_eq!(report.records() - report.checkpoints(), 400);
        let mut open = std::collections::HashSet::new();
        for record in records(&fs::read_to_string(&path).unwrap()) {
            match record["phase"].as_str().unwrap() {
                "intent" => assert!(open.insert(record["id"].to_string())),
                "completion" => assert!(open.remove(&record["id"].to_string())),
                other => assert_eq!(other, "checkpoint"),
            }
        }
        assert!(open.is_empty());
    }
}

/// A statement that comes while something other than a statement writes finds its record written all the same: a checkpoint that was
/// asked for, and the log's own thread, which is called whenever another layer has the file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_comes_while_a_checkpoint_or_the_thread_writes_is_not_left_lying() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let layer = || AuditLayer::builder().deadline(Duration::from_secs(5)).to_file(&path).unwrap();
    let (audit, other) = (layer(), layer());
    for _ in 0..400 {
        // Only these: what comes later would write what was left lying.
        let statements = [&audit, &audit, &other, &other].map(|audit| {
            let audit = audit.clone();
            tokio::spawn(async move { statement(&audit, &select(), &Outcome::sample()).await })
        });
        audit.checkpoint().await.unwrap();
        for statement in statements {
            statement.await.unwrap().unwrap();
        }
    }
}

/// Whether somebody else could write just now.
fn is_free(path: &std::path::Path) -> bool {
    fs::File::open(path).unwrap().try_lock().is_ok()
}

/// Writes until the layer keeps the file to itself between two statements.
async fn write_until_held(audit: &AuditLayer, path: &std::path::Path) {
    for statements in 0..100_000 {
        statement(audit, &select(), &Outcome::sample()).await.unwrap();
        // A look takes the lock for a moment, so not each time.
        if statements % 32 == 31 && !is_free(path) {
            return;
        }
    }
    panic!("the lock was never kept");
}

#[tokio::test]
async fn a_file_that_is_written_without_pause_is_kept_and_let_go_when_records_stop() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = AuditLayer::to_file(&path).unwrap();
    statement(&audit, &select(), &Outcome::sample()).await.unwrap();
    assert!(is_free(&path), "one statement is no reason");
    for _ in 0..3 {
        write_until_held(&audit, &path).await;
        let started = Instant::now();
        while !is_free(&path) {
            assert!(started.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    // Its time is over before that in some of these.
    for _ in 0..20 {
        write_until_held(&audit, &path).await;
        audit.checkpoint().await.unwrap();
        assert!(is_free(&path), "a checkpoint that is asked for keeps nothing");
    }
    drop(audit);
    assert!(is_free(&path));
    assert!(AuditVerifier::new().verify_files([&path]).unwrap().is_whole());
}

#[tokio::test]
async fn a_file_that_is_moved_away_while_it_is_kept_is_followed_soon() {
    let folder = tempfile::tempdir().unwrap();
    let (path, aside) = (folder.path().join("audit.jsonl"), folder.path().join("audit.jsonl.000001"));
    let audit = AuditLayer::to_file(&path).unwrap();
    write_until_held(&audit, &path).await;
    fs::rename(&path, &aside).unwrap();
    let started = Instant::now();
    while !path.exists() {
        statement(&audit, &select(), &Outcome::sample()).await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(20));
    }
    drop(audit);
    let report = AuditVerifier::new().verify_files([&aside, &path]).unwrap();
    assert!(report.is_whole(), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_have_their_turn_beside_one_that_writes_without_pause() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let layer = || AuditLayer::builder().deadline(Duration::from_secs(20)).to_file(&path).unwrap();
    let (busy, other) = (layer(), layer());
    let going = Arc::new(AtomicBool::new(true));
    let go = Arc::clone(&going);
    let writes = tokio::spawn(async move {
        let mut statements = 0;
        while go.load(Ordering::SeqCst) {
            statement(&busy, &select(), &Outcome::sample()).await.unwrap();
            statements += 1;
            tokio::task::yield_now().await;
        }
        statements
    });
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_millis(8)).await;
        statement(&other, &select(), &Outcome::sample()).await.unwrap();
    }
    going.store(false, Ordering::SeqCst);
    assert!(writes.await.unwrap() > 60);
    let report = AuditVerifier::new().verify_files([&path]).unwrap();
    assert!(report.is_whole(), "{report}");
}

#[tokio::test]
async fn checkpoints_come_by_themselves_when_records_stop() {
    let folder = tempfile::tempdir().unwrap();
    let key = AuditKey::new("k", "0123456789abcdef0123456789abcdef").unwrap();
    for level in [Durability::Buffered, Durability::Flushed, Durability::Synced] {
        let path = folder.path().join(format!("{level:?}"));
        let audit = AuditLayer::builder().durability(level).key(key.clone()).to_file(&path).unwrap();
        statement(&audit, &select(), &Outcome::sample()).await.unwrap();
        let started = Instant::now();
        loop {
            let report = AuditVerifier::new().key(key.clone()).verify_files([&path]).unwrap();
            if report.anchored_to() == Some(3) {
                break;
            }
            assert!(started.elapsed() < Duration::from_secs(30), "{report}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        drop(audit);
    }
}

#[tokio::test]
async fn files_are_closed_by_size_and_age_linked_and_only_some_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let (clock, hands) = Clock::manual();
    let key = AuditKey::new("k", "0123456789abcdef0123456789abcdef").unwrap();
    let builder = AuditLayer::builder().clock(clock).key(key.clone()).rotate_at(4_000);
    let audit = builder.rotate_after(Duration::from_secs(60)).to_file(&path).unwrap();
    for _ in 0..20 {
        statement(&audit, &select(), &Outcome::sample()).await.unwrap();
    }
    let by_size = file::closed_files(&path).len();
    assert!(by_size >= 4, "{by_size}");
    hands.advance(Duration::from_secs(61));
    statement(&audit, &select(), &Outcome::sample()).await.unwrap();
    assert_eq!(file::closed_files(&path).len(), by_size + 1);
    drop(audit);
    // Another process goes on where this one ended.
    let audit = AuditLayer::builder().key(key.clone()).rotate_at(4_000).keep(3).to_file(&path).unwrap();
    let all = |path: &Path| -> Vec<_> {
        let closed = file::closed_files(path).into_iter().map(|(_, path)| path);
        closed.chain([path.to_owned()]).collect()
    };
    let verify = |files: &[std::path::PathBuf]| AuditVerifier::new().key(key.clone()).verify_files(files).unwrap();
    let report = verify(&all(&path));
    assert!(report.is_whole() && report.is_closed() && report.first_seq() == 1, "{report}");
    for file in all(&path) {
        assert!(fs::metadata(&file).unwrap().len() <= 4_200, "{file:?}");
    }
    for _ in 0..10 {
        statement(&audit, &select(), &Outcome::sample()).await.unwrap();
    }
    assert_eq!(all(&path).len(), 4);
    drop(audit);
    let report = verify(&all(&path));
    assert!(report.is_whole() && report.is_closed() && report.first_seq() > 1 && report.unanchored() == 0, "{report}");
    // A file that is left out is seen, and so are two in the wrong order.
    let files = all(&path);
    let kind = |files: &[std::path::PathBuf]| verify(files).broken().unwrap().kind();
    assert_eq!(kind(&[files[0].clone(), files[2].clone()]), AuditBreakKind::Missing);
    assert_eq!(kind(&[files[1].clone(), files[0].clone()]), AuditBreakKind::OutOfOrder);
}

#[tokio::test]
async fn a_file_that_is_moved_away_or_removed_is_followed_by_a_linked_one() {
    for level in [Durability::Buffered, Durability::Flushed, Durability::Synced] {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("audit.jsonl"), folder.path().join("aside"));
        let audit = AuditLayer::builder().durability(level).to_file(&path).unwrap();
        statement(&audit, &select(), &Outcome::sample()).await.unwrap();
        audit.checkpoint().await.unwrap();
        fs::rename(&path, &aside).unwrap();
        statement(&audit, &select(), &Outcome::sample()).await.unwrap();
        audit.checkpoint().await.unwrap();
        let report = AuditVerifier::new().verify_files([&aside, &path]).unwrap();
        assert!(report.is_whole() && report.records() == 5, "{level:?} {report}");
        // Removed with its folder: there is no place for a file, until there is one again.
        let all = fs::read(&path).unwrap();
        fs::remove_dir_all(folder.path()).unwrap();
        let mut refused = audit.before(&select()).await;
        while level == Durability::Buffered && refused.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
            refused = audit.before(&select()).await;
        }
        assert_eq!(refused.unwrap_err().code(), "audit.missing_file", "{level:?}");
        fs::create_dir(folder.path()).unwrap();
        statement(&audit, &select(), &Outcome::sample()).await.unwrap();
        drop(audit);
        let after = fs::read(&path).unwrap();
        let mut verifier = AuditVerifier::new();
        verifier.read("kept", all.as_slice()).unwrap();
        verifier.read("new", after.as_slice()).unwrap();
        let report = verifier.finish();
        assert!(report.is_whole() && report.gaps() == 1, "{level:?} {report}");
    }
}

#[tokio::test]
async fn best_effort_lets_statements_pass_keeps_what_it_can_and_counts_the_rest() {
    let flaky = Flaky::default();
    let audit = AuditLayer::builder().best_effort().memory(4_000).to_writer(flaky.clone()).unwrap();
    flaky.set(Mood::Fails);
    for _ in 0..30 {
        audit.before(&select()).await.unwrap();
    }
    flaky.set(Mood::Well);
    let mut verifier = AuditVerifier::new();
    let (mut kept, mut lost) = (0, json!(null));
    for _ in 0..500 {
        let found = records(&flaky.text());
        kept = found.iter().filter(|record| record["phase"] == "intent").count() as u64;
        let gap = found.iter().find(|record| record["phase"] == "gap");
        lost = gap.map_or(json!(null), |gap| json!([gap["lost_intents"], gap["refused_statements"]]));
        // What was kept may come in several writes.
        if lost == json!([30 - kept, 0]) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(kept > 1 && kept < 30, "{kept}");
    assert_eq!(lost, json!([30 - kept, 0]));
    verifier.read("flaky", flaky.text().as_bytes()).unwrap();
    assert!(verifier.finish().is_whole());
}
