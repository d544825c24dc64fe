//! `audit tail`: a log that grows and rotates meanwhile.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use portcullis::Subject;

use crate::logs::{builder, open};
use crate::tool;

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_followed_across_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let db = open(builder().rotate_at(6_000).to_file(&path).unwrap()).await;
    let db = db.acting_as(Subject::new("before"));
    db.sql("CREATE TABLE t (id integer)").execute().await.unwrap();
    let mut child =
        tool(&["audit", "tail", "--limit", "60", "--idle", "20"]).arg(&path).stdout(Stdio::piped()).spawn().unwrap();
    let out = child.stdout.take().unwrap();
    let reading = std::thread::spawn(move || BufReader::new(out).lines().map(Result::unwrap).collect::<Vec<_>>());
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let db = db.acting_as(Subject::new("after"));
    for number in 0..60_i64 {
        db.insert("t").columns(["id"]).row([number]).execute().await.unwrap();
        if number % 20 == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        }
    }
    let lines = reading.join().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(lines.len(), 60);
    assert!(lines.iter().all(|line| line.contains("after") && line.contains("INSERT")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("NOT CHAINED")), "{lines:?}");
    let closed = std::fs::read_dir(folder.path()).unwrap().count();
    assert!(closed > 4, "the log was rotated {closed} times");
}

#[tokio::test]
async fn a_quiet_log_ends_when_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let db = open(builder().to_file(&path).unwrap()).await;
    db.sql("CREATE TABLE t (id integer)").execute().await.unwrap();
    let output = tool(&["audit", "tail", "--from-start", "--idle", "0"]).arg(&path).output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1);
}
