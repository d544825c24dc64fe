//! Closed files that are compressed: written, read, damaged, and left half done.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis::{AuditBreakKind, AuditReport, AuditVerifier};

use crate::logs::{SECRET, builder, files, key, open, settled};
use crate::{run, tool};

/// A log of some files, all closed ones compressed.
async fn log(path: &Path, keep: usize) {
    {
        let db = open(builder().rotate_at(6_000).keep(keep).compress().to_file(path).unwrap()).await;
        db.sql("CREATE TABLE t (id integer)").execute().await.unwrap();
        for number in 0..40_i64 {
            db.insert("t").columns(["id"]).row([number]).execute().await.unwrap();
        }
    }
    settled(path).await;
    for _ in 0..300 {
        let files = files(path);
        if files.len() > 1 && files.iter().all(|file| file == path || file.extension().is_some_and(|end| end == "gz")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("closed files were not compressed: {:?}", files(path));
}

/// Closed files first.
fn ordered(path: &Path) -> Vec<PathBuf> {
    let mut files = files(path);
    files.rotate_left(1);
    assert_eq!(files.last().map(PathBuf::as_path), Some(path));
    files
}

fn verify(files: &[PathBuf]) -> AuditReport {
    AuditVerifier::new().key(key()).verify_files(files).unwrap()
}

#[tokio::test]
async fn closed_files_are_compressed_and_read_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    log(&path, 100).await;
    let files = ordered(&path);
    assert!(files.len() > 4);
    let report = verify(&files);
    assert!(report.is_whole() && report.is_closed() && report.unanchored() == 0, "{report}");
    // The tool reads them in any order, and they hold what they should.
    let shuffled: Vec<&Path> = files.iter().rev().map(AsRef::as_ref).collect();
    let mut command = tool(&["audit", "verify", "--key-env", "2026=KEY", "--require", "anchored"]);
    assert!(command.env("KEY", SECRET).args(&shuffled).status().unwrap().success());
    let said = run(&["audit", "query", "--verb", "INSERT", "--expect", "some"], &shuffled);
    assert_eq!((said.code, said.out.lines().count()), (0, 40), "{}", said.notes);
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    assert!(size(&files[0]) < 3_000, "{}", size(&files[0]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn the_oldest_are_forgotten_compressed_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    log(&path, 3).await;
    for _ in 0..300 {
        if files(&path).len() <= 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let files = ordered(&path);
    assert_eq!(files.len(), 4, "{files:?}");
    let report = verify(&files);
    assert!(report.is_whole() && report.first_seq() > 1, "{report}");
}

#[tokio::test]
async fn the_chain_goes_on_from_a_compressed_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    log(&path, 100).await;
    let before = ordered(&path);
    // The file that grows is moved away and compressed by hand, as a script may do.
    let last = before.len();
    let aside = folder.path().join(format!("audit.jsonl.{last:06}.gz"));
    let mut packed = flate2::write::GzEncoder::new(fs::File::create(&aside).unwrap(), flate2::Compression::best());
    packed.write_all(&fs::read(&path).unwrap()).unwrap();
    packed.finish().unwrap();
    fs::remove_file(&path).unwrap();
    let db = open(builder().compress().to_file(&path).unwrap()).await;
    db.sql("CREATE TABLE t (id integer)").execute().await.unwrap();
    let report = verify(&ordered(&path));
    assert!(report.is_whole() && report.first_seq() == 1 && report.files() == last as u64 + 1, "{report}");
}

#[tokio::test]
async fn what_was_left_half_done_is_finished_by_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    log(&path, 100).await;
    let files = ordered(&path);
    // As after a kill: the file is there as it was, and the beginning of its compressed form.
    let (packed, plain) = (&files[1], files[1].with_extension(""));
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(fs::File::open(packed).unwrap()).read_to_end(&mut text).unwrap();
    fs::write(&plain, &text).unwrap();
    let beside = PathBuf::from(format!("{}.part", packed.display()));
    fs::write(&beside, &fs::read(packed).unwrap()[..100]).unwrap();
    fs::remove_file(packed).unwrap();
    let _db = open(builder().compress().to_file(&path).unwrap()).await;
    for _ in 0..300 {
        if !plain.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!plain.exists() && packed.exists() && !beside.exists());
    assert!(verify(&ordered(&path)).is_whole());
}

#[tokio::test]
async fn damage_to_a_compressed_file_is_a_break_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    log(&path, 100).await;
    let files = ordered(&path);
    let (whole, good) = (fs::read(&files[0]).unwrap(), verify(&files[..1]));
    assert!(good.is_whole());
    let check = |bytes: &[u8]| {
        let mut verifier = AuditVerifier::new().key(key());
        verifier.read("damaged", bytes).unwrap();
        verifier.finish()
    };
    let (mut broken, mut kinds) = (0, Vec::new());
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        let report = check(&changed);
        broken += usize::from(!report.is_whole());
        kinds.extend(report.broken().map(|broken| broken.kind()));
        // A header of gzip says more than its content; what is whole holds the same records.
        assert!(!report.is_whole() || report.records() == good.records(), "byte {place}: {report}");
    }
    assert!(broken > whole.len() - 12, "{broken} of {}", whole.len());
    assert!(kinds.contains(&AuditBreakKind::Damaged));
    for kept in [3, 20, whole.len() / 2, whole.len() - 1] {
        let report = check(&whole[..kept]);
        assert_eq!(report.broken().unwrap().kind(), AuditBreakKind::Damaged, "{report}");
    }
    // What is appended is no second part of it.
    let more = [whole.as_slice(), b"{}"].concat();
    assert_eq!(check(&more).broken().unwrap().kind(), AuditBreakKind::Damaged);
}
