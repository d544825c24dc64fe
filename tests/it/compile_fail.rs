//! Promises that types make: the files in `tests/ui` compile, or fail to compile where and how they say.
//!
//! A line that must not compile ends in `//~` and a part of the message; `//~^` speaks of the line above, as in rustc's own
//! tests. A file with no such line must compile: each refusal has a twin that shows what is refused. The files
//! are compiled against the library that this test was built with, which takes a fraction of a second for each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

/// Lines, counted from 1, each with the texts that belong to it.
type Lines = BTreeMap<usize, Vec<String>>;

#[test]
fn what_must_not_compile_does_not_and_says_why() {
    let library = Library::find();
    let mut files: Vec<PathBuf> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    files.sort();
    let wrong: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            differences(&expected(&text), &library.errors(file)).into_iter().map(move |line| format!("{name}: {line}"))
        })
        .collect();
    assert!(!files.is_empty());
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn a_missing_error_a_wrong_message_and_an_error_too_many_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.rs");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        differences(&expected(text), &Library::find().errors(&file))
    };
    assert_eq!(check("fn main() {\n    let _: u8 = \"\"; //~ mismatched types\n}"), Vec::<String>::new());
    assert_eq!(check("fn main() {\n    let _: u8 = \"\";\n    //~^ mismatched types\n}"), Vec::<String>::new());
    assert_eq!(check("fn main() {} //~ mismatched types").len(), 1);
    assert_eq!(check("fn main() {\n    let _: u8 = \"\"; //~ another message\n}").len(), 1);
    assert_eq!(check("fn main() {\n    let _: u8 = \"\";\n}").len(), 1);
}

/// The library as cargo built it for this test.
struct Library {
    file: PathBuf,
}

impl Library {
    fn find() -> Library {
        let mut cargo = Command::new(env!("CARGO"));
        // Everything is built already, so cargo only says where; unless it sees what cargo tells a test about its package, which
        // build scripts watch.
        for (name, _) in std::env::vars_os() {
            if ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                cargo.env_remove(name);
            }
        }
        let output = cargo
            .args(["test", "--offline", "--no-run", "--test", "it", "--message-format=json"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        let file = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<Json>(line).ok())
            .filter(|message| message["target"]["name"] == "portcullis" && message["reason"] == "compiler-artifact")
            .filter_map(|message| Some(PathBuf::from(message["filenames"][0].as_str()?)))
            .next_back();
        let file = file.unwrap_or_else(|| panic!("no library: {}", String::from_utf8_lossy(&output.stderr)));
        Library { file }
    }

    /// The errors of compiling `file` against the library, by line: each with its labels and notes, without the source.
    fn errors(&self, file: &Path) -> Lines {
        let temporary = tempfile::tempdir().unwrap();
        // `cargo test` names the compiler that it was told to use.
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = Command::new(rustc)
            .args(["--edition=2024", "--crate-type=bin", "--emit=metadata", "--error-format=json", "--cap-lints=allow"])
            .arg("--out-dir")
            .arg(temporary.path())
            .arg(format!("--extern=portcullis={}", self.file.display()))
            .arg(format!("-Ldependency={}", self.file.parent().unwrap().join("deps").display()))
            .arg(format!("-Ldependency={}", self.file.parent().unwrap().display()))
            .arg(file)
            .output()
            .expect("rustc runs");
        let mut errors = Lines::new();
        for line in String::from_utf8_lossy(&output.stderr).lines() {
            let Ok(message) = serde_json::from_str::<Json>(line) else { panic!("rustc said: {line}") };
            let summary = message["message"].as_str().is_some_and(|text| text.starts_with("aborting due to"));
            if message["level"] == "error" && !summary {
                errors.entry(line_of(&message)).or_default().push(words(&message));
            }
        }
        assert_eq!(output.status.success(), errors.is_empty());
        errors
    }
}

/// What a message says: its own text, then its labels, then its notes.
fn words(message: &Json) -> String {
    let list = |name: &str| message[name].as_array().into_iter().flatten();
    let own = message["message"].as_str().into_iter().map(str::to_owned);
    let labels = list("spans").filter_map(|span| span["label"].as_str().map(str::to_owned));
    own.chain(labels).chain(list("children").map(words)).collect::<Vec<_>>().join("\n")
}

/// Where the case names the error; of an error inside a macro, the line that calls the macro. Zero where there is no line.
fn line_of(message: &Json) -> usize {
    let spans = message["spans"].as_array().unwrap();
    let Some(mut span) = spans.iter().find(|span| span["is_primary"] == true) else { return 0 };
    while span["expansion"].is_object() {
        span = &span["expansion"]["span"];
    }
    usize::try_from(span["line_start"].as_u64().unwrap()).unwrap()
}

fn expected(text: &str) -> Lines {
    let mut lines = Lines::new();
    for (index, line) in text.lines().enumerate() {
        if let Some((_, note)) = line.split_once("//~") {
            let message = note.trim_start_matches('^');
            let up = note.len() - message.len();
            lines.entry(index + 1 - up).or_default().push(message.trim().to_owned());
        }
    }
    lines
}

fn differences(expected: &Lines, errors: &Lines) -> Vec<String> {
    let none = Vec::new();
    let mut wrong = Vec::new();
    for (line, messages) in expected {
        let found = errors.get(line).unwrap_or(&none);
        for message in messages.iter().filter(|message| !found.iter().any(|error| error.contains(*message))) {
            wrong.push(format!("line {line} should fail with `{message}`, and said:\n{}", found.join("\n")));
        }
    }
    for (line, found) in errors.iter().filter(|(line, _)| !expected.contains_key(line)) {
        wrong.push(format!("line {line} should compile, and said:\n{}", found.join("\n")));
    }
    wrong
}
