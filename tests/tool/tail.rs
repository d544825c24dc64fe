//! `audit tail`: a log that grows and rotates meanwhile.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use portcullis::Subject;

use crate::logs::{builder, open, settled};
use crate::tool;

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_followed_across_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let db = open(builder().rotate_at(3_000).to_file(&path).unwrap()).await;
    let db = db.acting_as(Subject::new("before"));
    db.sql("CREATE TABLE t (id integer)").execute().await.unwrap();
    let mut child =
        tool(&["audit", "tail", "--limit", "60", "--idle", "20"]).arg(&path).stdout(Stdio::piped()).spawn().unwrap();
    let out = child.stdout.take().unwrap();
    let reading = std::thread::spawn(move || BufReader::new(out).lines().map(Result::unwrap).collect::<Vec<_>>());
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let db = db.acting_as(Subject::new("after"));
    for number in 0..60_i64 {
        db.insert("t").columns(["id"]).row([number]).execute().await.unwrap();
        // Bursts, so that files are begun and closed between two looks.
        if number % 20 == 0 {
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }
    let lines = reading.join().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(lines.len(), 60);
    assert!(lines.iter().all(|line| line.contains("after") && line.contains("INSERT")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("NOT CHAINED")), "{lines:?}");
    let closed = std::fs::read_dir(folder.path()).unwrap().count();
    assert!(closed > 8, "the log was rotated {closed} times");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_line_and_what_explains_it_are_one_even_when_they_come_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    for number in 0..2 {
        let db = open(builder().to_file(&path).unwrap()).await;
        db.sql("CREATE TABLE t (id integer)").execute().await.unwrap();
        drop(db);
        settled(&path).await;
        if number == 0 {
            // A process that was killed in the middle of a line.
            let mut text = std::fs::read_to_string(&path).unwrap();
            text = text.replace("\"closes\":\"log\"", "\"closes\":\"gol\"");
            text.truncate(text.trim_end().rfind('\n').unwrap() + 30);
            std::fs::write(&path, text).unwrap();
        }
    }
    let log = std::fs::read(&path).unwrap();
    let recovery = log.windows(20).position(|it| it.starts_with(b"\"phase\":\"recovery\"")).unwrap();
    let start = log[..recovery].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for forged in [false, true] {
        let followed = folder.path().join(format!("followed-{forged}.jsonl"));
        std::fs::write(&followed, &log[..10]).unwrap();
        let args = ["audit", "tail", "--from-start", "--idle", "2"];
        let mut child = tool(&args).arg(&followed).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut file = std::fs::OpenOptions::new().append(true).open(&followed).unwrap();
        for part in [&log[10..start - 5], &log[start - 5..start], &log[start..]] {
            tokio::time::sleep(Duration::from_millis(400)).await;
            file.write_all(part).unwrap();
            if forged && part.len() == 5 {
                // The twin: a line that nothing explains.
                file.write_all(b"half a line\n").unwrap();
            }
        }
        assert_eq!(child.wait().unwrap().code(), Some(i32::from(forged)));
    }
}
