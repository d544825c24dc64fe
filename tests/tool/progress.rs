//! The progress of a large log, on a terminal that `script` makes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::logs::{builder, open, settled};

/// A whole log of at least that many MiB, most of it the text of one long statement.
async fn log_of(mebibytes: u64, path: PathBuf) -> PathBuf {
    let audit = builder().to_file(&path).unwrap();
    let db = open(audit).await;
    let text: &'static str = format!("SELECT 1 AS {}", "n".repeat(8_100)).leak();
    db.sql(text).collect().await.unwrap();
    while path.metadata().unwrap().len() < mebibytes << 20 {
        for _ in 0..100 {
            db.sql(text).collect().await.unwrap();
        }
    }
    drop(db);
    settled(&path).await;
    path
}

/// Runs `portcullis audit verify` with `words` on a terminal, its results in `out`; gives what the terminal got.
fn on_a_terminal(words: &str, log: &Path, out: &Path) -> String {
    let tool = env!("CARGO_BIN_EXE_portcullis");
    let command =
        format!("stty cols 100 rows 30; '{tool}' audit verify {words} '{}' > '{}'", log.display(), out.display());
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &command, "/dev/null"]).env("TERM", "xterm").stdin(Stdio::null());
    let Output { status, stdout, stderr } = script.output().expect("`script` of Debian's bsdutils");
    let shown = String::from_utf8(stdout).unwrap();
    assert!(status.success() && stderr.is_empty(), "{status} {shown} {}", String::from_utf8_lossy(&stderr));
    shown
}

#[tokio::test]
async fn progress_is_drawn_on_a_terminal_for_a_large_log_and_is_wiped_away_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_of(17, folder.path().join("audit.jsonl")).await;
    let out = folder.path().join("out.json");
    let verified = |out: &Path| {
        let report: serde_json::Value = serde_json::from_slice(&std::fs::read(out).unwrap()).unwrap();
        assert!(report["records"].as_u64().unwrap() > 2_000, "{report}");
    };

    let drawn = on_a_terminal("--format json", &log, &out);
    verified(&out);
    // A bar that moves: it is drawn again with more of the whole, which is the file's size.
    let states: Vec<&str> = drawn.split(['\r', '\n']).filter(|line| line.contains(" left")).collect();
    assert!(states.len() >= 2, "{drawn:?}");
    assert!(states.iter().all(|line| line.contains(" MiB, ") && line.contains(" of 1")), "{states:?}");
    assert!(states.iter().any(|line| line.contains('█')) && states.first() != states.last(), "{states:?}");
    // The last thing is that the line is wiped.
    let end = drawn.rsplit(" left").next().unwrap();
    assert!(end.contains("\u{1b}[2K") || end.contains("\u{1b}[0K") || end.contains("\u{1b}[J"), "{end:?}");

    assert_eq!(on_a_terminal("--format json --quiet", &log, &out), "");
    verified(&out);
    let small = log_of(0, folder.path().join("small.jsonl")).await;
    assert_eq!(on_a_terminal("--format json", &small, &out), "");
    // No terminal, no bar: whatever reads the notes of a script gets lines.
    let said = crate::run(&["audit", "verify", "--format", "json"], &[&log]);
    assert_eq!((said.code, said.notes.as_str()), (0, ""));
}
