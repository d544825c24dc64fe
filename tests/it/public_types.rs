//! Which other crates a caller of this one depends on by its signatures.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::source_rules::source::Source;

const MANIFEST: &str = include_str!("../../Cargo.toml");

/// The crates under `[dependencies]`, dashes as the code writes them.
fn dependencies() -> BTreeSet<String> {
    let section = MANIFEST.split("\n[dependencies]\n").nth(1).and_then(|rest| rest.split("\n[").next()).unwrap();
    section.lines().filter_map(|line| Some(line.split_once(" = ")?.0.trim().replace('-', "_"))).collect()
}

fn allowed() -> BTreeSet<String> {
    let list = MANIFEST.split("\npublic-types = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The dependencies whose types stand in the signatures of public functions, each with one place.
fn named(source: &Source, dependencies: &BTreeSet<String>) -> BTreeMap<String, String> {
    let imported: BTreeMap<String, String> = source
        .paths()
        .into_iter()
        .filter(|path| path.imported && path.segments.first().is_some_and(|first| dependencies.contains(first)))
        .map(|path| (path.segments.last().unwrap().clone(), path.segments[0].clone()))
        .collect();
    let mut found = BTreeMap::new();
    for start in 0..source.tokens.len() {
        if source.text(start) != "pub" {
            continue;
        }
        let mut at = start + 1;
        while matches!(source.text(at), "async" | "const") {
            at += 1;
        }
        if source.text(at) != "fn" {
            continue;
        }
        while !matches!(source.text(at), "{" | ";" | "") {
            let word = source.text(at);
            let owner = if dependencies.contains(word) && source.text(at + 1) == "::" {
                Some(word.to_owned())
            } else {
                imported.get(word).cloned()
            };
            if let Some(owner) = owner {
                found.entry(owner).or_insert_with(|| format!("src/{}:{}", source.path, source.tokens[at].line));
            }
            at += 1;
        }
    }
    found
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn public_signatures_name_listed_foreign_types_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (dependencies, allowed) = (dependencies(), allowed());
    assert!(allowed.is_subset(&dependencies), "{allowed:?}");
    let mut paths = Vec::new();
    files(&root, &mut paths);
    let mut found = BTreeMap::new();
    for path in paths {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        found.extend(named(&Source::new(&name, &std::fs::read_to_string(&path).unwrap()), &dependencies));
    }
    let wrong: Vec<_> = found.iter().filter(|(owner, _)| !allowed.contains(*owner)).collect();
    assert!(wrong.is_empty(), "not on the list of [package.metadata]: {wrong:?}");
    // So that a test which sees nothing fails too.
    for owner in ["chrono", "uuid", "secrecy", "serde"] {
        assert!(found.contains_key(owner), "{owner} is not seen: {found:?}");
    }
}

#[test]
fn a_foreign_type_is_seen_whether_imported_or_written_out() {
    let dependencies = dependencies();
    let crates = |text: &str| named(&Source::new("a.rs", text), &dependencies).into_keys().collect::<Vec<_>>();
    assert_eq!(crates("use sqlx::PgPool; impl A { pub async fn f(&self) -> PgPool { x } }"), ["sqlx"]);
    assert_eq!(crates("pub fn f(row: &rusqlite::Row) {}"), ["rusqlite"]);
    assert_eq!(crates("use sqlx::PgPool; pub(crate) fn f() -> PgPool { x }"), [""; 0]);
    assert_eq!(crates("use sqlx::PgPool; pub fn f() { PgPool::new() }"), [""; 0]);
}
