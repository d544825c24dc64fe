//! Sinks beside the file: a channel, several at once, and what of a context map they hold.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portcullis::{AuditFanOut, AuditLayer, AuditLog, AuditVerifier, Database, ErrorKind, Hook, ReadWrite, Subject};
use serde_json::Value as Json;

async fn database(audit: impl Hook) -> Database<ReadWrite> {
    let db = Database::builder("sqlite::memory:".parse().unwrap()).hook(audit).open_read_write().await.unwrap();
    db.sql("CREATE TABLE t (id integer PRIMARY KEY)").execute().await.unwrap();
    db
}

async fn insert(db: &Database<ReadWrite>, id: i64) -> Result<(), &'static str> {
    match db.insert("t").columns(["id"]).row([id]).execute().await {
        Ok(_) => Ok(()),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Audit, "{error:?}");
            Err(error.code())
        }
    }
}

async fn ids(db: &Database<ReadWrite>) -> Vec<i64> {
    db.table("t").order_by("id").select("id").collect_as().await.unwrap()
}

fn verified(lines: &[String]) -> Vec<Json> {
    let mut verifier = AuditVerifier::new();
    verifier.read("log", (lines.join("\n") + "\n").as_bytes()).unwrap();
    let report = verifier.finish();
    assert!(report.is_whole(), "{report}");
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_channel_holds_what_was_written_refuses_when_full_and_when_its_end_is_gone() {
    let builder = AuditLayer::builder().deadline(Duration::from_millis(200));
    let (audit, records) = builder.to_channel(6).unwrap();
    let db = database(audit).await;
    insert(&db, 1).await.unwrap();
    let mut lines: Vec<String> = (0..4).map(|_| records.recv_timeout(Duration::from_secs(5)).unwrap()).collect();
    // Six have room; the thread that sends holds one more.
    let mut refused = None;
    for id in 2..20 {
        if let Err(code) = insert(&db, id).await {
            refused = Some((id, code));
            break;
        }
    }
    let (id, code) = refused.unwrap();
    assert_eq!(code, "audit.deadline");
    assert!((4..8).contains(&id), "{id}");
    // Room again.
    while let Ok(line) = records.recv_timeout(Duration::from_millis(500)) {
        lines.push(line);
    }
    insert(&db, 50).await.unwrap();
    while let Ok(line) = records.recv_timeout(Duration::from_millis(200)) {
        lines.push(line);
    }
    verified(&lines);
    let before = ids(&db).await;
    assert!(before.contains(&50) && !before.contains(&id));
    drop(records);
    assert_eq!(insert(&db, 60).await, Err("audit.closed"));
}

/// A writer that fails, waits or works as it is told.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Mood>>, Arc<Mutex<Vec<u8>>>);

#[derive(Clone, Copy, Default, PartialEq)]
enum Mood {
    #[default]
    Well,
    Down,
    Slow,
}

impl Sink {
    fn set(&self, mood: Mood) {
        *self.0.lock().unwrap() = mood;
    }

    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.1.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mood = *self.0.lock().unwrap();
        match mood {
            Mood::Well => {}
            Mood::Down => return Err(std::io::ErrorKind::ConnectionReset.into()),
            Mood::Slow => std::thread::sleep(Duration::from_millis(700)),
        }
        self.1.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn outcomes(log: &AuditLog) -> Vec<(String, String)> {
    let text = |record: &Json, name: &str| record[name].as_str().unwrap_or_default().to_owned();
    let records = verified(&log.lines());
    let ends = records.iter().filter(|record| record["phase"] == "completion");
    ends.map(|record| (text(record, "outcome"), text(record, "error"))).collect()
}

#[tokio::test]
async fn a_required_sink_that_is_down_refuses_and_the_others_say_so() {
    let (first, log) = AuditLayer::to_memory();
    let sink = Sink::default();
    let second = AuditLayer::to_writer(sink.clone()).unwrap();
    let db = database(AuditFanOut::new().required(first).required(second)).await;
    insert(&db, 1).await.unwrap();
    sink.set(Mood::Down);
    assert_eq!(insert(&db, 2).await, Err("audit.closed"));
    sink.set(Mood::Well);
    insert(&db, 3).await.unwrap();
    assert_eq!(ids(&db).await, [1, 3]);
    let denied: Vec<_> = outcomes(&log).into_iter().filter(|(outcome, _)| outcome == "denied").collect();
    assert_eq!(denied, [("denied".to_owned(), "audit.closed".to_owned())]);
    // The one that was down says how many it refused, and each has a chain of its own.
    let records = verified(&sink.lines());
    assert!(records.iter().any(|record| record["phase"] == "gap" && record["refused_statements"] == 1));
}

#[tokio::test]
async fn a_sink_at_best_effort_neither_refuses_nor_is_waited_for() {
    for mood in [Mood::Down, Mood::Slow] {
        let (first, log) = AuditLayer::to_memory();
        let sink = Sink::default();
        let second = AuditLayer::builder().memory(3_000).to_writer(sink.clone()).unwrap();
        let db = database(AuditFanOut::new().required(first).best_effort(second)).await;
        insert(&db, 1).await.unwrap();
        sink.set(mood);
        let begun = Instant::now();
        for id in 2..40 {
            insert(&db, id).await.unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        sink.set(Mood::Well);
        assert_eq!(ids(&db).await.len(), 39);
        assert!(outcomes(&log).iter().all(|(outcome, _)| outcome == "allowed"));
        // What was too much for its memory is counted, the rest is there.
        for _ in 0..300 {
            insert(&db, 100).await.ok();
            db.delete("t").where_(portcullis::col("id").eq(100)).execute().await.unwrap();
            if sink.lines().iter().any(|line| line.contains(r#""phase":"gap""#)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let records = verified(&sink.lines());
        let lost = records.iter().filter_map(|record| record["lost_intents"].as_u64()).sum::<u64>();
        assert!(lost > 5, "{lost}");
    }
    // The twin: the same sink, required, refuses.
    let sink = Sink::default();
    let db = database(AuditFanOut::new().required(AuditLayer::to_writer(sink.clone()).unwrap())).await;
    sink.set(Mood::Down);
    assert_eq!(insert(&db, 1).await, Err("audit.closed"));
}

#[tokio::test]
async fn a_statement_that_is_dropped_while_a_sink_is_slow_has_its_end_in_the_others() {
    let (first, log) = AuditLayer::to_memory();
    let sink = Sink::default();
    let db = database(AuditFanOut::new().required(first).required(AuditLayer::to_writer(sink.clone()).unwrap())).await;
    sink.set(Mood::Slow);
    let dropped = tokio::time::timeout(Duration::from_millis(150), insert(&db, 1)).await;
    assert!(dropped.is_err());
    sink.set(Mood::Well);
    tokio::time::sleep(Duration::from_millis(900)).await;
    insert(&db, 2).await.unwrap();
    assert_eq!(ids(&db).await, [2]);
    assert!(outcomes(&log).contains(&("cancelled".to_owned(), "statement.cancelled".to_owned())));
    let intents = |records: &[Json]| records.iter().filter(|record| record["phase"] == "intent").count();
    let ends = |records: &[Json]| records.iter().filter(|record| record["phase"] == "completion").count();
    let records = verified(&log.lines());
    assert_eq!(intents(&records), ends(&records));
    let records = verified(&sink.lines());
    assert_eq!(intents(&records), ends(&records));
}

#[tokio::test]
async fn context_is_hidden_by_name_pattern_and_tag() {
    let builder = AuditLayer::builder().redact("password").redact("*token*").redact_tag("personal");
    let (audit, log) = builder.to_memory();
    let subject = Subject::new("ada").context("password", "pw-value").context("my_Token_2", "tk-value");
    let subject = subject.context("email", "em-value").tag("email", "personal").context("city", "shown-1");
    let subject = subject.tag("city", "public").context("ticket", "shown-2").tag("later", "personal");
    let subject = subject.context("later", "la-value");
    let db = database(audit).await.acting_as(subject);
    insert(&db, 1).await.unwrap();
    let text = log.lines().join("\n");
    for hidden in ["pw-value", "tk-value", "em-value", "la-value"] {
        assert!(!text.contains(hidden), "{hidden}");
    }
    assert!(text.contains(r#""city":"shown-1""#) && text.contains(r#""ticket":"shown-2""#), "{text}");
    assert_eq!(text.matches("[redacted]").count(), 4);
}

/// Keeps what `tracing` is told of the audit, while it is on.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>, Arc<AtomicBool>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Lines {
    fn register_callsite(&self, _: &'static tracing::Metadata<'static>) -> tracing::subscriber::Interest {
        tracing::subscriber::Interest::sometimes()
    }

    fn enabled(&self, about: &tracing::Metadata<'_>, _: tracing_subscriber::layer::Context<'_, S>) -> bool {
        about.target() == "portcullis::audit" && !self.1.load(Ordering::SeqCst)
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        struct Message<'a>(&'a Mutex<Vec<String>>);
        impl tracing::field::Visit for Message<'_> {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                assert_eq!(field.name(), "message");
                self.0.lock().unwrap().push(format!("{value:?}"));
            }
        }
        assert_eq!(*event.metadata().level(), tracing::Level::INFO);
        event.record(&mut Message(&self.0));
    }
}

#[tokio::test]
async fn records_reach_tracing_as_one_chain_and_nothing_runs_while_no_subscriber_takes_them() {
    crate::support::listen_always();
    crate::support::each(async |test| {
        test.execute_setup(&["CREATE TABLE t (id integer NOT NULL PRIMARY KEY)"]).await;
        let lines = Lines::default();
        let subscriber = tracing_subscriber::layer::SubscriberExt::with(tracing_subscriber::registry(), lines.clone());
        let guard = tracing::subscriber::set_default(subscriber);
        let db = Database::builder(test.dsn_rw().parse().unwrap()).pool_size(1).hook(AuditLayer::to_tracing());
        let db = db.open_read_write().await.unwrap().acting_as(Subject::new("ada"));
        let insert = async |id: i64| db.insert("t").columns(["id"]).row([id]).execute().await;
        insert(1).await.unwrap();
        lines.1.store(true, Ordering::SeqCst);
        let error = insert(2).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Audit, "audit.unavailable"));
        lines.1.store(false, Ordering::SeqCst);
        insert(3).await.unwrap();
        assert_eq!(db.table("t").count().await.unwrap(), 2, "what was not recorded did not run");
        drop(guard);
        // Nor without a subscriber of one's own, where the event would go nowhere.
        let nobody = tracing::subscriber::set_default(tracing::subscriber::NoSubscriber::default());
        assert_eq!(insert(4).await.unwrap_err().code(), "audit.unavailable");
        drop(nobody);

        let text = lines.0.lock().unwrap().iter().map(|line| format!("{line}\n")).collect::<String>();
        assert!(text.contains(r#""phase":"gap""#) && text.contains(r#""refused_statements":1"#), "{text}");
        assert!(text.contains(r#""subject":"ada""#) && text.matches(r#""operation":"INSERT""#).count() == 2, "{text}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &text).unwrap();
        let report = AuditVerifier::new().verify_files([file.path()]).unwrap();
        assert!(report.is_whole(), "{report}");
    })
    .await;
}
