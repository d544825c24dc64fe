//! Appending audit records, at each durability, beside a bare `BufWriter`; and verifying a million of them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use portcullis::{
    AuditKey, AuditLayer, AuditVerifier, Database, Durability, Hook, Outcome, QueryContext, ReadWrite, Subject, col,
};
use tokio::runtime::Handle;

use crate::measure::{Contender, TURN, print_throughput, rounds};

/// Keeps what hooks are told of one statement.
#[derive(Clone, Default)]
struct Catch(Arc<Mutex<Option<(QueryContext, Outcome)>>>);

impl Hook for Catch {
    async fn after(&self, cx: &QueryContext, outcome: &Outcome) {
        *self.0.lock().expect("a lock") = Some((cx.clone(), outcome.clone()));
    }
}

async fn statement() -> (QueryContext, Outcome) {
    let catch = Catch::default();
    let builder = Database::builder("sqlite::memory:".parse().expect("a DSN")).name("orders").hook(catch.clone());
    let db: Database<ReadWrite> = builder.open_read_write().await.expect("a handle");
    db.sql("CREATE TABLE orders (id integer, customer text, total integer)").execute().await.expect("a table");
    let db = db.acting_as(Subject::new("ada").tenant("north"));
    let frame = db.table("orders").where_(col("total").gt(100)).order_by("id").select(["id", "customer", "total"]);
    frame.collect().await.expect("rows");
    let caught = catch.0.lock().expect("a lock").take();
    caught.expect("a statement")
}

fn key() -> AuditKey {
    AuditKey::new("bench", "5d1c0e7a9b3f48268c4e1f0a7d2b6395").expect("a key")
}

fn layer(folder: &Path, name: &str, level: Durability) -> AuditLayer {
    let builder = AuditLayer::builder().durability(level).key(key()).rotate_at(256 << 20).keep(1);
    builder.to_file(folder.join(name)).expect("a file")
}

/// Nanoseconds for one record, of `tasks` tasks together.
fn turn(runtime: &Handle, audit: &AuditLayer, statement: &(QueryContext, Outcome), tasks: usize) -> f64 {
    let started = Instant::now();
    let work = |audit: AuditLayer, (cx, outcome): (QueryContext, Outcome)| async move {
        let mut count = 0_u64;
        while started.elapsed() < TURN {
            for _ in 0..8 {
                audit.before(&cx).await.expect("an intent");
                audit.after(&cx, &outcome).await;
            }
            count += 16;
        }
        count
    };
    let count = runtime.block_on(async {
        if tasks == 1 {
            return work(audit.clone(), statement.clone()).await;
        }
        let tasks: Vec<_> = (0..tasks).map(|_| tokio::spawn(work(audit.clone(), statement.clone()))).collect();
        let mut count = 0;
        for task in tasks {
            count += task.await.expect("a task");
        }
        count
    });
    started.elapsed().as_nanos() as f64 / count as f64
}

pub fn append(runtime: &Handle) {
    let folder = tempfile::tempdir().expect("a folder");
    let statement = runtime.block_on(statement());
    let (audit, log) = AuditLayer::to_memory();
    runtime.block_on(async { audit.before(&statement.0).await.expect("an intent") });
    runtime.block_on(audit.after(&statement.0, &statement.1));
    let lines: Vec<String> = log.lines().into_iter().map(|line| line + "\n").collect();
    println!("an intent of {} bytes, a completion of {}", lines[0].len(), lines[1].len());
    let bare = folder.path().join("bare");
    let mut contenders = vec![Contender::new("BufWriter", || {
        let mut writer = BufWriter::new(File::create(&bare).expect("a file"));
        let (started, mut count) = (Instant::now(), 0_u64);
        while started.elapsed() < TURN {
            for _ in 0..8 {
                lines.iter().for_each(|line| writer.write_all(line.as_bytes()).expect("a write"));
            }
            count += 16;
        }
        writer.flush().expect("a flush");
        started.elapsed().as_nanos() as f64 / count as f64
    })];
    for (name, level, tasks) in [
        ("buffered, 1 task", Durability::Buffered, 1),
        ("flushed, 1 task", Durability::Flushed, 1),
        ("flushed, 16 tasks", Durability::Flushed, 16),
        ("synced, 1 task", Durability::Synced, 1),
        ("synced, 16 tasks", Durability::Synced, 16),
        ("synced, 256 tasks", Durability::Synced, 256),
    ] {
        let audit = layer(folder.path(), name, level);
        let statement = &statement;
        contenders.push(Contender::new(name, move || turn(runtime, &audit, statement, tasks)));
    }
    rounds(&mut contenders);
    print_throughput("audit records appended, chained", &contenders, &["BufWriter"]);
}

/// What this process used at most so far, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    peak.unwrap_or_default() / 1024
}

pub fn verify(runtime: &Handle) {
    let folder = tempfile::tempdir().expect("a folder");
    let statement = runtime.block_on(statement());
    let path = folder.path().join("log");
    let audit = AuditLayer::builder().durability(Durability::Buffered).key(key()).to_file(&path).expect("a file");
    let started = Instant::now();
    runtime.block_on(async {
        for _ in 0..500_000 {
            audit.before(&statement.0).await.expect("an intent");
            audit.after(&statement.0, &statement.1).await;
        }
        audit.checkpoint().await.expect("a checkpoint");
    });
    println!("\n1,000,000 records written in {:.2?}, peak {} MiB", started.elapsed(), peak());
    drop(audit);
    let (started, before) = (Instant::now(), peak());
    let report = AuditVerifier::new().key(key()).verify_files([&path]).expect("a file");
    assert!(report.is_whole() && report.is_closed(), "{report}");
    let size = std::fs::metadata(&path).expect("a file").len() >> 20;
    println!("verified in {:.2?} ({size} MiB), {} MiB more memory; {report}", started.elapsed(), peak() - before);
}
