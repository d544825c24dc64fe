//! `audit verify`: what is anchored, what is not, where it is broken, and how it ends.

use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use crate::logs::{SECRET, files, shop};
use crate::{run, tool};

#[tokio::test]
async fn a_log_is_whole_and_what_is_anchored_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = shop(folder.path()).await;
    let files = files(&path);
    assert!(files.len() > 2, "{files:?}");
    let files: Vec<&Path> = files.iter().map(AsRef::as_ref).collect();
    // Without the key the chain holds and nothing is certain.
    let said = run(&["audit", "verify"], &files);
    assert_eq!(said.code, 0, "{} {}", said.out, said.notes);
    assert!(said.out.contains("anchored      nothing") && said.out.contains("chained only"), "{}", said.out);
    assert_eq!(run(&["audit", "verify", "--require", "anchored"], &files).code, 1);

    let secret = folder.path().join("secret");
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let key = format!("2026={}", secret.display());
    let all = ["audit", "verify", "--key-file", &key, "--require", "anchored", "--require", "closed"];
    let said = run(&all, &files);
    assert_eq!(said.code, 0, "{} {}", said.out, said.notes);
    assert!(said.out.contains("state         whole") && said.out.contains("closed        yes"), "{}", said.out);
    assert!(!said.out.contains("not anchored"));
    // The same with the secret in the environment, for a program.
    let mut command = tool(&["audit", "verify", "--format", "json", "--key-env", "2026=AUDIT_SECRET"]);
    let output = command.env("AUDIT_SECRET", SECRET).args(&files).output().unwrap();
    let said: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["whole"], &said["unanchored"], &said["unknown_keys"]), (&true.into(), &0.into(), &0.into()));
    assert_eq!(said["spans"].as_array().unwrap().len(), files.len());
    assert_eq!(said["anchored_to"], said["last_seq"]);
}

#[tokio::test]
async fn the_first_broken_record_is_named_and_the_program_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = shop(folder.path()).await;
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let changed = text.replacen("\"subject\":\"ada\"", "\"subject\":\"bob\"", 1);
    let first = folder.path().join("changed");
    let named = folder.path().join("evil\n\u{1b}[2J\u{202e}");
    let place = lines.iter().position(|line| line.contains("\"subject\":\"ada\""));
    let (changed, place) = match place {
        Some(place) => (changed, place),
        None => {
            (text.replacen("allowed", "denied", 1), lines.iter().position(|line| line.contains("allowed")).unwrap())
        }
    };
    fs::write(&first, &changed).unwrap();
    fs::write(&named, &changed).unwrap();
    let said = run(&["audit", "verify"], &[&first]);
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains("BROKEN: a changed record") && said.out.contains(&format!("(line {} of", place + 1)),
        "{}",
        said.out
    );
    // A file's name may be hostile too.
    let said = run(&["audit", "verify"], &[&named]);
    assert_eq!(said.code, 1);
    assert!(
        !said.out.contains('\u{1b}') && !said.out.contains('\u{202e}') && said.out.contains(r"\u{1b}[2J"),
        "{}",
        said.out
    );
    let said = run(&["audit", "verify", "--format", "json"], &[&named]);
    assert!(!said.out.contains('\u{1b}') && !said.out.contains('\u{202e}') && said.out.lines().count() == 1);
    assert_eq!(serde_json::from_str::<Json>(&said.out).unwrap()["broken"]["kind"], "changed");
    // The twin: the file as it was.
    assert_eq!(run(&["audit", "verify"], &[&path]).code, 0);
}

#[tokio::test]
async fn an_anchor_shows_that_the_end_was_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = shop(folder.path()).await;
    let all = files(&path);
    let text = fs::read_to_string(&path).unwrap();
    let last: Json = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let anchor = format!("{}:{}", last["seq"], last["hash"].as_str().unwrap());
    let anchors = folder.path().join("anchors");
    fs::write(&anchors, format!("{anchor}\n\n")).unwrap();
    let given = anchors.to_string_lossy().into_owned();
    let whole: Vec<&Path> = all.iter().map(AsRef::as_ref).collect();
    assert_eq!(run(&["audit", "verify", "--anchor", &anchor], &whole).code, 0);
    assert_eq!(run(&["audit", "verify", "--anchor-file", &given, "--require", "anchored"], &whole).code, 0);
    let cut = text.trim_end().rsplit_once('\n').unwrap().0.to_owned() + "\n";
    fs::write(&path, cut).unwrap();
    assert_eq!(run(&["audit", "verify"], &whole).code, 0, "the chain alone does not show it");
    let said = run(&["audit", "verify", "--anchor-file", &given], &whole);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("the log ends before an anchor"), "{}", said.out);
}

#[test]
fn what_is_asked_wrongly_ends_with_2_and_what_can_not_be_read_with_3() {
    assert_eq!(run(&["audit", "verify"], &[]).code, 2);
    assert_eq!(run(&["audit", "look"], &[]).code, 2);
    let nowhere = Path::new("/nonexistent/audit.jsonl");
    assert_eq!(run(&["audit", "verify"], &[nowhere]).code, 3);
    let said = run(&["audit", "verify", "--key-env", "2026=PORTCULLIS_TEST_NO_SUCH"], &[nowhere]);
    assert_eq!(said.code, 2);
    // What was given in the place of a name is not printed: it may be the secret.
    let said = run(&["audit", "verify", "--key-file", SECRET], &[nowhere]);
    assert_eq!(said.code, 2);
    assert!(!said.notes.contains(SECRET) && !said.notes.is_empty());
    let said = run(&["audit", "verify", "--anchor", "5"], &[nowhere]);
    assert_eq!(said.code, 2);
}

#[test]
fn shells_get_their_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = run(&["completions", shell], &[]);
        assert_eq!(said.code, 0, "{shell}");
        assert!(said.out.contains("verify") && said.out.contains("portcullis"), "{shell}");
    }
}
