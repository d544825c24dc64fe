//! Logs that somebody changed, looked at by our verifier and by a second one in Python.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use portcullis::AuditBreakKind::{Changed, Cut, Forged, Missing, NotARecord, NotAsAnchored, OutOfOrder, Torn};
use portcullis::{
    AuditAnchor, AuditBreakKind, AuditKey, AuditLayer, AuditReport, AuditVerifier, Database, ReadWrite, Subject, col,
};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{SECRET, key, verifier};

/// A small log: two files, with a checkpoint for each four records and one at each end, and an anchor in the middle.
struct Log {
    folder: tempfile::TempDir,
    files: Vec<PathBuf>,
    anchor: AuditAnchor,
}

async fn log() -> Log {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let anchor = {
        let audit = AuditLayer::builder().key(key()).checkpoint_every(4).rotate_at(2_250).to_file(&path).unwrap();
        let builder = Database::builder("sqlite::memory:".parse().unwrap()).hook(audit.clone());
        let db: Database<ReadWrite> = builder.open_read_write().await.unwrap();
        db.sql("CREATE TABLE t (id integer)").execute().await.unwrap();
        let db = db.acting_as(Subject::new("ada"));
        db.insert("t").columns(["id"]).row([1]).execute().await.unwrap();
        let anchor = audit.checkpoint().await.unwrap();
        db.table("t").where_(col("id").eq(1)).collect().await.unwrap();
        db.delete("t").execute().await.unwrap_err();
        anchor
    };
    for _ in 0..200 {
        if fs::read_to_string(&path).unwrap().contains(r#""closes":"log""#) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let files = vec![folder.path().join("audit.jsonl.000001"), path];
    assert!(files[0].exists() && !folder.path().join("audit.jsonl.000002").exists());
    Log { folder, files, anchor }
}

fn lines(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect()
}

fn python(jobs: &Json) -> Option<Vec<Json>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/audit_verify.py");
    let child = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(_) if std::env::var_os("PORTCULLIS_REQUIRE_SERVERS").is_none() => {
            eprintln!("skipped: there is no python3 for the second verifier");
            return None;
        }
        Err(error) => panic!("no python3: {error}"),
    };
    serde_json::to_writer(child.stdin.take().unwrap(), jobs).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// What both verifiers say, in one form.
fn said(report: &AuditReport, files: &[PathBuf]) -> Json {
    let broken = report.broken().map(|broken| {
        let file = files.iter().position(|file| file.to_string_lossy() == broken.file());
        json!({"kind": broken.kind(), "file": file, "line": broken.line(), "seq": broken.seq()})
    });
    json!({
        "records": report.records(), "last_seq": report.last_seq(), "torn_lines": report.torn_lines(),
        "anchored_to": report.anchored_to().unwrap_or_default(), "closed": report.is_closed(), "broken": broken,
    })
}

/// Computes all hashes anew, as somebody may who knows how but has no key; numbers too.
fn rechain(lines: &mut [String]) {
    let mut head = [0_u8; 32];
    for (position, line) in lines.iter_mut().enumerate() {
        let content = line.rsplit_once(r#","hash":""#).unwrap().0;
        let rest = content.split_once(r#","phase":"#).unwrap().1;
        let content = format!(r#"{{"v":1,"seq":{},"phase":{rest}"#, position + 1);
        head = Sha256::new().chain_update(head).chain_update(&content).finalize().into();
        let hash: String = head.iter().map(|byte| format!("{byte:02x}")).collect();
        *line = format!(r#"{content},"hash":"{hash}"}}"#);
    }
}

/// A change of the first file's lines, what is found, and after how many records that are good.
type Case = (&'static str, fn(&mut Vec<String>), AuditBreakKind, usize);

const CASES: &[Case] = &[
    ("a changed record", |lines| lines[2] = lines[2].replace("INSERT", "SELECT"), Changed, 2),
    ("a changed number", |lines| lines[2] = lines[2].replace(r#""seq":3"#, r#""seq":9"#), Missing, 2),
    ("a dropped record", |lines| drop(lines.remove(2)), Missing, 2),
    ("a dropped first record", |lines| drop(lines.remove(0)), AuditBreakKind::Beginning, 0),
    ("two that changed places", |lines| lines.swap(1, 2), Missing, 1),
    ("a repeated record", |lines| lines.insert(2, lines[1].clone()), OutOfOrder, 2),
    ("a record of another place", |lines| lines.insert(3, lines[0].clone()), OutOfOrder, 3),
    ("a line put in", |lines| lines.insert(1, "{}".to_owned()), NotARecord, 1),
    ("an empty line", |lines| lines.insert(1, String::new()), NotARecord, 1),
    ("capital digits", |lines| lines[1] = lines[1].to_uppercase(), NotARecord, 1),
    ("another form of the same JSON", |lines| lines[1] = lines[1].replacen(',', ", ", 1), NotARecord, 1),
    ("a space within", |lines| lines[1] = lines[1].replacen(r#","id""#, r#", "id""#, 1), Changed, 1),
    (
        "a changed record in a chain made anew",
        |lines| {
            lines[2] = lines[2].replace("INSERT", "SELECT");
            rechain(lines);
        },
        Forged,
        4,
    ),
    (
        "a dropped record in a chain made anew",
        |lines| {
            lines.remove(2);
            rechain(lines);
        },
        Forged,
        3,
    ),
    (
        "a record put into a chain made anew",
        |lines| {
            lines.insert(1, lines[0].clone());
            rechain(lines);
        },
        Forged,
        5,
    ),
    (
        "a checkpoint taken from elsewhere",
        |lines| {
            lines[2] = lines[4].clone();
            rechain(lines);
        },
        Forged,
        2,
    ),
];

#[tokio::test]
async fn every_way_of_changing_a_log_is_seen_where_it_begins() {
    let log = log().await;
    let whole = verifier().anchor(log.anchor).verify_files(&log.files).unwrap();
    assert!(whole.is_whole() && whole.is_closed() && whole.unanchored() == 0, "{whole}");
    assert!(lines(&log.files[0])[4].contains("checkpoint"), "the cases count on it");
    let mut reports = vec![said(&whole, &log.files)];
    let mut jobs = vec![json!({"files": log.files, "keys": {"2026": SECRET}})];
    for (number, (name, change, kind, good)) in CASES.iter().enumerate() {
        let mut changed = lines(&log.files[0]);
        change(&mut changed);
        let path = log.folder.path().join(format!("case {number}"));
        fs::write(&path, changed.join("\n") + "\n").unwrap();
        let files = [path, log.files[1].clone()];
        let report = verifier().verify_files(&files).unwrap();
        let broken = report.broken().unwrap_or_else(|| panic!("{name}: {report}"));
        assert_eq!((broken.kind(), report.records()), (*kind, *good as u64), "{name}: {report}");
        assert_eq!(broken.line(), *good as u64 + 1, "{name}: {report}");
        reports.push(said(&report, &files));
        jobs.push(json!({"files": files, "keys": {"2026": SECRET}}));
    }
    if let Some(found) = python(&json!(jobs)) {
        assert_eq!(found, reports);
    }
}

#[tokio::test]
async fn what_is_cut_off_is_seen_by_an_anchor_and_the_missing_end_is_said() {
    let log = log().await;
    let first = lines(&log.files[0]);
    let (mut reports, mut jobs) = (Vec::new(), Vec::new());
    let anchor = log.anchor.to_string();
    for kept in 1..=first.len() {
        let path = log.folder.path().join(format!("cut {kept}"));
        fs::write(&path, first[..kept].join("\n") + "\n").unwrap();
        let files = [path];
        // Without an anchor a log that ends early is whole, and says that it was not closed and what is certain of it.
        let report = verifier().verify_files(&files).unwrap();
        assert!(report.is_whole() && !report.is_closed(), "{report}");
        let checkpoint = first[..kept].iter().rposition(|line| line.contains(r#""phase":"checkpoint""#));
        assert_eq!(report.anchored_to(), checkpoint.map(|position| position as u64 + 1), "{report}");
        assert_eq!(report.unanchored(), report.last_seq() - report.anchored_to().unwrap_or_default());
        let with = verifier().anchor(log.anchor).verify_files(&files).unwrap();
        let found = with.broken().map(|broken| broken.kind());
        assert_eq!(found, (log.anchor.seq() > kept as u64).then_some(Cut), "{with}");
        reports.extend([said(&report, &files), said(&with, &files)]);
        jobs.push(json!({"files": files, "keys": {"2026": SECRET}}));
        jobs.push(json!({"files": files, "keys": {"2026": SECRET}, "anchors": [anchor]}));
    }
    // A line without its end, as a crash leaves it.
    let torn = log.folder.path().join("torn");
    fs::write(&torn, &fs::read(&log.files[0]).unwrap()[..1_000]).unwrap();
    let report = verifier().verify_files([&torn]).unwrap();
    assert_eq!(report.broken().unwrap().kind(), Torn);
    // Made anew without any checkpoint: the chain holds and nothing is certain; the anchor tells the difference.
    let mut all: Vec<String> = log.files.iter().flat_map(|file| lines(file)).collect();
    all.retain(|line| !line.contains(r#""phase":"checkpoint""#));
    rechain(&mut all);
    let anew = log.folder.path().join("anew");
    fs::write(&anew, all.join("\n") + "\n").unwrap();
    let report = verifier().verify_files([&anew]).unwrap();
    assert!(report.is_whole() && report.anchored_to().is_none(), "{report}");
    assert_eq!(report.unanchored(), report.records());
    let report = verifier().anchor(log.anchor).verify_files([&anew]).unwrap();
    assert_eq!(report.broken().unwrap().kind(), NotAsAnchored);
    if let Some(found) = python(&json!(jobs)) {
        assert_eq!(found, reports);
    }
}

#[tokio::test]
async fn every_flipped_byte_of_a_log_is_seen_in_the_record_that_holds_it() {
    let log = log().await;
    let contents: Vec<Vec<u8>> = log.files.iter().map(|file| fs::read(file).unwrap()).collect();
    let mut reports = Vec::new();
    let mut good = 0;
    for (position, content) in contents.iter().enumerate() {
        let mut before = good;
        for (place, byte) in content.iter().enumerate() {
            let mut changed = content.clone();
            changed[place] ^= 1;
            let mut verifier = verifier();
            for (other, content) in contents.iter().enumerate() {
                let content = if other == position { &changed } else { content };
                verifier.read(&log.files[other].to_string_lossy(), content.as_slice()).unwrap();
            }
            let report = verifier.finish();
            assert!(!report.is_whole(), "byte {place} of file {position}: {report}");
            assert_eq!(report.records(), before, "byte {place} of file {position}: {report}");
            reports.push(said(&report, &log.files));
            before += u64::from(*byte == b'\n');
        }
        good = before;
    }
    if let Some(found) = python(&json!([{"files": log.files, "keys": {"2026": SECRET}, "flip": 1}])) {
        assert_eq!(found.len(), reports.len());
        for (found, report) in found.iter().zip(&reports) {
            assert_eq!(found, report);
        }
    }
}

#[tokio::test]
async fn a_checkpoint_vouches_only_with_its_own_key() {
    let log = log().await;
    let other = AuditKey::new("2026", "another secret of thirty-two bytes!").unwrap();
    let report = AuditVerifier::new().key(other.clone()).verify_files(&log.files).unwrap();
    assert_eq!(report.broken().unwrap().kind(), Forged);
    let unknown = AuditVerifier::new().key(AuditKey::new("2025", SECRET).unwrap()).verify_files(&log.files).unwrap();
    assert!(unknown.is_whole() && unknown.anchored_to().is_none() && unknown.unknown_keys() > 1, "{unknown}");
    // Either of two secrets under one name, as while one takes the place of the other.
    assert!(verifier().key(other).verify_files(&log.files).unwrap().is_whole());
    for file in &log.files {
        assert!(!fs::read_to_string(file).unwrap().contains(SECRET));
    }
    assert!(!format!("{:?} {:?}", key(), verifier()).contains(SECRET));
}
