//! `audit query`: the auditor's questions.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::Value as Json;

use crate::logs::{HOSTILE, builder, files, open, shop};
use crate::{Said, run};

struct Log {
    _folder: tempfile::TempDir,
    files: Vec<PathBuf>,
}

async fn log() -> Log {
    let folder = tempfile::tempdir().unwrap();
    let path = shop(folder.path()).await;
    Log { files: files(&path), _folder: folder }
}

impl Log {
    fn ask(&self, arguments: &[&str]) -> Said {
        let files: Vec<&Path> = self.files.iter().map(AsRef::as_ref).collect();
        run(&[&["audit", "query"], arguments].concat(), &files)
    }

    fn objects(&self, arguments: &[&str]) -> Vec<Json> {
        let said = self.ask(&[&["--format", "json"], arguments].concat());
        assert_eq!(said.code, 0, "{} {}", said.out, said.notes);
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn subjects(&self, arguments: &[&str]) -> Vec<String> {
        let objects = self.objects(arguments);
        objects.iter().map(|object| object["intent"]["subject"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

#[tokio::test]
async fn who_read_a_column_in_a_month() {
    let log = log().await;
    let question = ["--column", "customers.email", "--use", "read", "--during", "2026-03"];
    assert_eq!(log.subjects(&question), ["ada", "grace", HOSTILE]);
    // In April, and for output alone.
    assert_eq!(log.subjects(&["--column", "customers.email", "--use", "read", "--during", "2026-04"]), ["ada"]);
    assert_eq!(log.subjects(&[&question[..], &["--use", "output"]].concat()).len(), 3);
    assert_eq!(log.subjects(&["--column", "email", "--use", "output", "--during", "2026-03"]), ["ada", "grace"]);
    // Who wrote it; nobody stated who they were.
    assert_eq!(log.subjects(&["--column", "Customers.EMAIL", "--use", "assign"]), [""]);
    // Raw SQL on a read-write handle says not what it touched, and the answer says so.
    let said = log.ask(&["--column", "customers.email"]);
    assert!(said.notes.contains("3 statements of raw SQL name no tables"), "{}", said.notes);
    let said = log.ask(&[&question[..], &["--by", "subject"]].concat());
    assert!(said.out.lines().any(|line| line.starts_with("ada ")), "{}", said.out);
    let counts = log.objects(&[&question[..], &["--by", "subject,table"]].concat());
    assert!(counts.iter().all(|count| count["statements"] == 1 && count["table"] == "customers"), "{counts:?}");
}

#[tokio::test]
async fn the_statements_of_one_trace_are_found_among_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let current = Arc::new(Mutex::new(None));
    {
        let asked = Arc::clone(&current);
        let audit = builder().trace_id(move || asked.lock().unwrap().clone()).to_file(&path).unwrap();
        let db = open(audit).await;
        for (trace, table) in [
            (None, "a"),
            (Some("4bf92f3577b34da6a3ce929d0e0e4736"), "b"),
            (Some("00f067aa0ba902b700f067aa0ba902b7"), "c"),
        ] {
            *current.lock().unwrap() = trace.map(str::to_owned);
            db.table(table).collect().await.unwrap_err();
        }
    }
    let log = Log { files: vec![path], _folder: folder };
    let tables = |arguments: &[&str]| -> Vec<String> {
        let objects = log.objects(&[arguments, &["--verb", "SELECT"]].concat());
        objects.iter().map(|object| object["intent"]["tables"][0]["table"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(tables(&[]), ["a", "b", "c"]);
    assert_eq!(tables(&["--trace", "4bf92f3577b34da6a3ce929d0e0e4736"]), ["b"]);
    assert_eq!(
        tables(&["--trace", "4bf92f3577b34da6a3ce929d0e0e4736", "--trace", "00f067aa0ba902b700f067aa0ba902b7"]),
        ["b", "c"]
    );
    assert_eq!(tables(&["--trace", "4bf9"]), [""; 0]);
}

#[tokio::test]
async fn filters_narrow_and_all_of_them_hold() {
    let log = log().await;
    assert_eq!(log.subjects(&["--outcome", "denied"]), ["mallory"]);
    assert_eq!(log.subjects(&["--verb", "delete"]), ["mallory"]);
    assert_eq!(log.subjects(&["--subject", "ada", "--table", "orders"]).len(), 2);
    assert_eq!(log.subjects(&["--subject", "ada", "--subject", "grace", "--table", "orders"]).len(), 3);
    assert_eq!(log.subjects(&["--tenant", "north", "--role", "clerk", "--context", "ticket=4711"]).len(), 6);
    assert!(log.subjects(&["--tenant", "north", "--context", "ticket=4712"]).is_empty());
    assert_eq!(log.subjects(&["--from", "2026-03-05", "--to", "2026-03-06", "--table", "orders"]), ["grace"]);
    assert_eq!(log.subjects(&["--verb", "RAW"]).len(), 3);
    let one = log.objects(&["--subject", "mallory"]);
    let (id, shape) = (one[0]["intent"]["id"].as_str().unwrap(), one[0]["intent"]["fingerprint"].as_str().unwrap());
    assert_eq!(log.subjects(&["--id", id]), ["mallory"]);
    assert_eq!(log.subjects(&["--fingerprint", shape]), ["mallory"]);
    assert_eq!(log.objects(&["--limit", "2"]).len(), 2);
    // All that was done to one table, in order.
    let history = log.objects(&["--table", "customers"]);
    let times: Vec<&str> = history.iter().map(|object| object["intent"]["time"].as_str().unwrap()).collect();
    assert!(times.len() > 5);
}

#[tokio::test]
async fn an_expectation_that_is_not_met_ends_with_1() {
    let log = log().await;
    assert_eq!(log.ask(&["--subject", "mallory", "--outcome", "allowed", "--expect", "none"]).code, 0);
    assert_eq!(log.ask(&["--subject", "mallory", "--expect", "none"]).code, 1);
    assert_eq!(log.ask(&["--subject", "ada", "--expect", "some"]).code, 0);
    assert_eq!(log.ask(&["--subject", "nobody", "--expect", "some"]).code, 1);
    assert_eq!(log.ask(&["--from", "yesterday"]).code, 2);
}

#[tokio::test]
async fn hostile_names_stay_one_line_without_control() {
    let log = log().await;
    for arguments in [&["--subject", HOSTILE][..], &["--subject", HOSTILE, "--format", "json"], &["--by", "subject"]] {
        let said = log.ask(arguments);
        assert_eq!(said.code, 0);
        let hidden = |character: char| (character.is_control() && character != '\n') || character == '\u{202e}';
        assert!(!said.out.contains(hidden), "{:?}", said.out);
        assert!(said.out.contains("document.title"), "it is shown all the same");
    }
    assert_eq!(log.ask(&["--subject", HOSTILE]).out.lines().count(), 1);
    assert_eq!(log.objects(&["--subject", HOSTILE])[0]["intent"]["subject"], HOSTILE);
}

#[tokio::test]
async fn what_stands_after_a_break_is_found_and_marked() {
    let log = log().await;
    let path = &log.files[1];
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.remove(1);
    std::fs::write(path, lines.join("\n") + "\n").unwrap();
    let said = log.ask(&["--subject", "mallory"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("NOT CHAINED") && said.notes.contains("broken"), "{} {}", said.out, said.notes);
}
