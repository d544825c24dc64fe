//! Sinks that fail in the ways that sinks do, with a database behind.

use std::fs;
use std::io::{self, PipeWriter, Write};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use portcullis::{AuditBuilder, AuditLayer, Database, Durability, ErrorKind, ReadWrite};
use serde_json::Value as Json;

use super::{key, verifier};

async fn database(audit: AuditLayer) -> Database<ReadWrite> {
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

/// Every level but the buffered one, which notices a sink that fails some milliseconds late.
fn levels() -> [AuditBuilder; 2] {
    let builder = || AuditLayer::builder().key(key());
    [builder(), builder().durability(Durability::Synced)]
}

#[tokio::test]
async fn a_full_disk_refuses_and_statements_pass_again_when_there_is_room() {
    for builder in levels() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("audit.jsonl"), folder.path().join("aside"));
        let db = database(builder.to_file(&path).unwrap()).await;
        insert(&db, 1).await.unwrap();
        // What is written to this device is refused as by a full disk.
        fs::rename(&path, &aside).unwrap();
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        for id in 2..5 {
            assert_eq!(insert(&db, id).await, Err("audit.disk_full"));
        }
        fs::remove_file(&path).unwrap();
        fs::rename(&aside, &path).unwrap();
        insert(&db, 5).await.unwrap();
        assert_eq!(ids(&db).await, [1, 5]);
        drop(db);
        settled(&path).await;
        let report = verifier().verify_files([&path]).unwrap();
        assert!(report.is_whole() && report.is_closed() && report.gaps() == 1, "{report}");
    }
}

/// Waits for the last record: a database gives up its hooks with its last session.
async fn settled(path: &Path) {
    for _ in 0..200 {
        if fs::read_to_string(path).unwrap().contains(r#""closes":"log""#) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the log was not closed");
}

const QUOTA: &str = "PORTCULLIS_TEST_QUOTA";

/// This test again under a limit on the size of files, so that a write is cut off in the middle of a line.
#[test]
fn a_write_that_is_cut_off_refuses_and_the_torn_line_is_explained() {
    let name = "audit::faults::a_write_that_is_cut_off_refuses_and_the_torn_line_is_explained";
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if let Ok(path) = std::env::var(QUOTA) {
        return runtime().block_on(async {
            let db = database(AuditLayer::to_file(path).unwrap()).await;
            let refused = async || {
                for id in 0..1_000 {
                    if let Err(code) = insert(&db, id).await {
                        return (id, code);
                    }
                }
                panic!("the limit was not felt")
            };
            let (first, code) = refused().await;
            assert_eq!(code, "audit.disk_full");
            assert!(first > 2);
            assert_eq!(insert(&db, first).await, Err("audit.disk_full"));
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    // The signal that goes with the limit is ignored, so that the write fails instead.
    let script = r#"trap '' XFSZ; ulimit -f 16; exec "$@""#;
    let mut child = Command::new("/bin/bash");
    child.args(["-c", script, "bash"]).arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]);
    let output = child.env(QUOTA, &path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(!fs::read(&path).unwrap().ends_with(b"\n"), "the limit lies within a line");
    let report = verifier().verify_files([&path]).unwrap();
    assert_eq!(report.broken().unwrap().kind(), portcullis::AuditBreakKind::Torn);
    runtime().block_on(async {
        let db = database(AuditLayer::to_file(&path).unwrap()).await;
        insert(&db, 1).await.unwrap();
    });
    let report = verifier().verify_files([&path]).unwrap();
    assert!(report.is_whole() && report.torn_lines() == 1, "{report}");
}

/// A pipe that can be replaced, as by a writer that connects again.
#[derive(Clone)]
struct Pipe(Arc<Mutex<PipeWriter>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_closed_pipe_refuses_and_a_new_one_is_taken() {
    let (reader, writer) = io::pipe().unwrap();
    let pipe = Pipe(Arc::new(Mutex::new(writer)));
    let db = database(AuditLayer::to_writer(pipe.clone()).unwrap()).await;
    insert(&db, 1).await.unwrap();
    drop(reader);
    assert_eq!(insert(&db, 2).await, Err("audit.closed"));
    assert_eq!(insert(&db, 3).await, Err("audit.closed"));
    let (reader, writer) = io::pipe().unwrap();
    *pipe.0.lock().unwrap() = writer;
    insert(&db, 4).await.unwrap();
    assert_eq!(ids(&db).await, [1, 4]);
    let first = io::BufRead::lines(io::BufReader::new(reader)).next().unwrap().unwrap();
    let gap: Json = serde_json::from_str(&first).unwrap();
    assert_eq!((gap["phase"].as_str(), gap["refused_statements"].as_u64()), (Some("gap"), Some(2)));
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_refuses_at_the_deadline() {
    let (reader, writer) = io::pipe().unwrap();
    let builder = AuditLayer::builder().deadline(std::time::Duration::from_millis(100));
    let db = database(builder.to_writer(writer).unwrap()).await;
    let mut refused = None;
    for id in 0..1_000 {
        if let Err(code) = insert(&db, id).await {
            refused = Some((id, code));
            break;
        }
    }
    let (id, code) = refused.unwrap();
    assert_eq!(code, "audit.deadline");
    assert!(id > 10);
    // Somebody reads again.
    let reading = std::thread::spawn(move || {
        let mut verifier = verifier();
        verifier.read("pipe", reader).unwrap();
        verifier.finish()
    });
    while insert(&db, id).await.is_err() {}
    assert_eq!(ids(&db).await, (0..=id).collect::<Vec<_>>());
    drop(db);
    let report = reading.join().unwrap();
    assert!(report.is_whole() && report.gaps() > 0 && report.records() > 20, "{report}");
}

#[tokio::test]
async fn a_path_that_leads_to_no_file_refuses_until_it_does() {
    for builder in levels() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("audit.jsonl"), folder.path().join("aside"));
        let db = database(builder.to_file(&path).unwrap()).await;
        insert(&db, 1).await.unwrap();
        fs::rename(&path, &aside).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(insert(&db, 2).await, Err("audit.missing_file"));
        fs::remove_dir(&path).unwrap();
        // A file that was rotated away is followed by a new one that links to it.
        insert(&db, 3).await.unwrap();
        assert_eq!(ids(&db).await, [1, 3]);
        drop(db);
        settled(&path).await;
        let report = verifier().verify_files([&aside, &path]).unwrap();
        assert!(report.is_whole() && report.is_closed() && report.gaps() == 1, "{report}");
    }
}

/// Root may write everywhere, so this asks a user who may not.
#[test]
fn a_permission_that_is_lost_refuses_until_it_is_given_back() {
    let name = "audit::faults::a_permission_that_is_lost_refuses_until_it_is_given_back";
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::process::CommandExt;
    if let Ok(folder) = std::env::var(QUOTA) {
        let folder = Path::new(&folder);
        let (path, aside) = (folder.join("audit.jsonl"), folder.join("aside"));
        let mode = |mode| fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(async {
            let db = database(AuditLayer::to_file(&path).unwrap()).await;
            insert(&db, 1).await.unwrap();
            fs::rename(&path, &aside).unwrap();
            mode(0o500);
            assert_eq!(insert(&db, 2).await, Err("audit.permission"));
            mode(0o700);
            insert(&db, 3).await.unwrap();
            assert_eq!(ids(&db).await, [1, 3]);
            println!("done");
        });
    }
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let owner = fs::metadata("/proc/self").map(|found| std::os::unix::fs::MetadataExt::uid(&found)).unwrap();
    let program = folder.path().join("program");
    let mut child = if owner == 0 {
        // A copy where the other user can reach it.
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut child = Command::new(&program);
        child.uid(65_534);
        child
    } else {
        Command::new(std::env::current_exe().unwrap())
    };
    let log = folder.path().join("log");
    fs::create_dir(&log).unwrap();
    if owner == 0 {
        chown(&log, Some(65_534), None).unwrap();
    }
    let output = child.args(["--exact", name, "--nocapture"]).env(QUOTA, &log).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("done"), "{said} {}", String::from_utf8_lossy(&output.stderr));
}
