//! The strings that the tests of this folder run over.

use std::collections::HashSet;
use std::path::Path;
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::support;

/// How many strings are generated beside the lists.
const GENERATED: usize = 300;

/// Every payload once. The first call says in one line where they came from.
pub fn payloads() -> &'static [String] {
    static ALL: OnceLock<Vec<String>> = OnceLock::new();
    ALL.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let own = read(&root.join("tests/data/payloads.jsonl")).expect("the committed list is there");
        let larger = read(&root.join("../shared/corpora/injection-dev.jsonl"));
        let counts = (own.len(), larger.as_ref().map(Vec::len));
        let mut known = HashSet::new();
        let every = own.into_iter().chain(larger.unwrap_or_default()).chain(generated());
        let all: Vec<String> = every.filter(|payload| known.insert(payload.clone())).collect();
        let larger = match counts.1 {
            Some(lines) => format!("{lines} of the larger list"),
            None => "the larger list is not here".to_owned(),
        };
        support::say(&format!(
            "payloads: {} committed, {larger}, {GENERATED} generated: {} different strings",
            counts.0,
            all.len()
        ));
        all
    })
}

/// Our own list of names, as (name, class).
pub fn identifiers() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/identifiers.jsonl"))
        .expect("the committed list is there");
    text.lines()
        .map(|line| {
            let entry: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
            let field = |name: &str| entry[name].as_str().expect("text").to_owned();
            (field("ident"), field("class"))
        })
        .collect()
}

fn read(path: &Path) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.lines().map(|line| serde_json::from_str(line).expect("a line is a JSON string")).collect())
}

/// Strings of the signs that quoting, patterns and placeholders care about, and any strings at all. The same in each run.
fn generated() -> Vec<String> {
    let signs = proptest::sample::select(vec![
        "'",
        "''",
        "\"",
        "`",
        "\\",
        "\\'",
        "%",
        "_",
        "\0",
        "\n",
        "\r",
        "\t",
        "\u{1}",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{202e}",
        "\u{feff}",
        "\u{200b}",
        "'",
        "\u{2019}",
        "\u{ff07}",
        "$1",
        "$$",
        "?",
        "?1",
        ":a",
        "::",
        "@x",
        "--",
        "/*",
        "*/",
        "#",
        ";",
        "(",
        ")",
        "{",
        "}",
        "x",
        "or",
        " ",
        "1",
        "😀",
        "é",
        "e\u{301}",
        "ß",
        "ﬃ",
        "NULL",
        "ESCAPE",
        "\u{1b}[31m",
    ]);
    let strategy = prop_oneof![
        proptest::collection::vec(signs, 0..12).prop_map(|parts| parts.concat()),
        any::<String>(),
        "[ -~]{0,40}",
        proptest::collection::vec(any::<char>(), 0..40).prop_map(|characters| characters.into_iter().collect()),
    ];
    let seed = [7; 32];
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    (0..GENERATED).map(|_| strategy.new_tree(&mut runner).expect("a string").current()).collect()
}
