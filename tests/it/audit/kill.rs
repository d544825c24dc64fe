//! A process under load is killed, again and again.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use portcullis::{AuditLayer, Database, Durability, ReadOnly, ReadWrite, Subject};
use serde_json::Value as Json;

use super::{key, verifier};

const VICTIM: &str = "PORTCULLIS_TEST_VICTIM";
const NAME: &str = "audit::kill::no_effect_in_the_database_lacks_its_intent_however_often_the_process_is_killed";

/// Each round is a process: this test again, with the folder, the level and the round in its environment.
#[test]
fn no_effect_in_the_database_lacks_its_intent_however_often_the_process_is_killed() {
    if let Ok(told) = std::env::var(VICTIM) {
        return insert_until_killed(&told);
    }
    let started = Instant::now();
    let levels = [("flushed", 120), ("synced", 80)];
    std::thread::scope(|scope| {
        for (level, rounds) in levels {
            scope.spawn(move || kill_and_compare(level, rounds));
        }
    });
    println!("200 processes were killed in {:.1?}", started.elapsed());
}

fn kill_and_compare(level: &str, rounds: u32) {
    let folder = tempfile::tempdir().unwrap();
    let mut seed = 0x9e37_79b9_u32;
    for round in 0..rounds {
        let mut victim = Command::new(std::env::current_exe().unwrap());
        victim.args(["--exact", NAME, "--nocapture", "--test-threads=1"]);
        victim.env(VICTIM, format!("{level} {round} {}", folder.path().display()));
        let mut victim = victim.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut said = BufReader::new(victim.stdout.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap().ends_with("ready")), "the process of round {round} ended by itself");
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        std::thread::sleep(Duration::from_micros(u64::from(seed >> 16) % 25_000));
        victim.kill().unwrap();
        victim.wait().unwrap();
    }
    compare(folder.path(), level, rounds);
}

fn compare(folder: &Path, level: &str, rounds: u32) {
    let text = std::fs::read_to_string(folder.join("audit.jsonl")).unwrap();
    let (mut intended, mut allowed, mut of_id) = (HashSet::new(), HashSet::new(), std::collections::HashMap::new());
    // A line that was torn by the kill is no record; the verifier below says whether that is all that is wrong.
    for record in text.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok()) {
        let id = record["id"].as_str().unwrap_or_default().to_owned();
        match (record["phase"].as_str(), record["context"]["row"].as_str()) {
            (Some("intent"), Some(row)) => {
                let row: i64 = row.parse().unwrap();
                intended.insert(row);
                of_id.insert(id, row);
            }
            (Some("completion"), _) if record["outcome"] == "allowed" => {
                allowed.extend(of_id.get(&id));
            }
            _ => {}
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rows: HashSet<i64> = runtime.block_on(async {
        let dsn = format!("sqlite://{}", folder.join("data.sqlite").display()).parse().unwrap();
        let db = Database::<ReadOnly>::open(dsn).await.unwrap();
        db.table("t").select("id").collect_as::<i64>().await.unwrap().into_iter().collect()
    });
    let without: Vec<_> = rows.difference(&intended).collect();
    assert!(without.is_empty(), "{level}: rows without an intent: {without:?}");
    let undone: Vec<_> = allowed.difference(&rows).collect();
    assert!(undone.is_empty(), "{level}: recorded as done and not there: {undone:?}");
    let report = verifier().verify_files([folder.join("audit.jsonl")]).unwrap();
    let torn_at_the_end = report.broken().is_some_and(|broken| broken.kind() == portcullis::AuditBreakKind::Torn);
    assert!(report.is_whole() || torn_at_the_end, "{level}: {report}");
    // The comparison means something: each process did some work, and some were killed in the middle of it.
    assert!(rows.len() as u32 >= rounds, "{level}: {} rows", rows.len());
    assert!(intended.len() > allowed.len(), "{level}: no statement was cut off");
    println!("{level}: {} intents, {} rows, {} completions; {report}", intended.len(), rows.len(), allowed.len());
}

fn insert_until_killed(told: &str) {
    let mut told = told.splitn(3, ' ');
    let level = if told.next() == Some("synced") { Durability::Synced } else { Durability::Flushed };
    let round: i64 = told.next().unwrap().parse().unwrap();
    let folder = Path::new(told.next().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let audit = AuditLayer::builder().durability(level).key(key()).checkpoint_every(20);
        let audit = audit.to_file(folder.join("audit.jsonl")).unwrap();
        let dsn = format!("sqlite://{}?mode=rwc", folder.join("data.sqlite").display()).parse().unwrap();
        let db: Database<ReadWrite> = Database::builder(dsn).pool_size(3).hook(audit).open_read_write().await.unwrap();
        db.sql("CREATE TABLE IF NOT EXISTS t (id integer PRIMARY KEY)").execute().await.unwrap();
        let tasks: Vec<_> = (0..3)
            .map(|task| {
                let db = db.clone();
                tokio::spawn(async move {
                    for number in 0..100_000 {
                        let row = (round * 10 + task) * 100_000 + number;
                        let db = db.acting_as(Subject::new("victim").context("row", row.to_string()));
                        // A lock that takes too long is an error like any other here.
                        let _ = db.insert("t").columns(["id"]).row([row]).execute().await;
                        if number == 0 {
                            println!("\nready");
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}
