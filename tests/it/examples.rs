//! The examples run, and say what their headers promise.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use portcullis::{Dialect, all, col, count, max, sum, using};
use serde_json::Value as Json;

use crate::support;

/// The examples' programs by name. A plain `cargo test` has built them already; cargo says where, and mends what is stale.
fn programs() -> &'static BTreeMap<String, PathBuf> {
    static PROGRAMS: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        // What cargo tells a test about its package would make build scripts run again.
        for (name, _) in std::env::vars_os() {
            if ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                cargo.env_remove(name);
            }
        }
        let output = cargo
            .args(["build", "--offline", "--examples", "--message-format=json"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<Json>(line).ok())
            .filter(|message| message["target"]["kind"][0] == "example")
            .filter_map(|message| {
                let name = message["target"]["name"].as_str()?.to_owned();
                Some((name, PathBuf::from(message["executable"].as_str()?)))
            })
            .collect()
    })
}

/// What an example prints. It must end well.
fn output_of(name: &str, arguments: &[&Path]) -> String {
    let program = programs().get(name).unwrap_or_else(|| panic!("no example {name}"));
    let output = Command::new(program)
        .args(arguments)
        // An example runs from anywhere, and asks no server unless it is told of one.
        .current_dir(std::env::temp_dir())
        .env_remove("PORTCULLIS_EXAMPLE_DSN")
        .env_remove("PORTCULLIS_EXAMPLE_DSN_FILE")
        .output()
        .expect("the example runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{name}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Each of `parts` occurs in `text`, in this order.
fn in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { panic!("{part:?} is missing in its place in:\n{text}") };
        rest = after;
    }
}

#[test]
fn every_example_has_a_test_and_a_header_and_is_short() {
    let tested = include_str!("examples.rs");
    for name in programs().keys() {
        assert!(tested.contains(&format!("output_of(\"{name}\"")), "no test runs {name}");
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        let file = examples.join(name).with_extension("rs");
        let text =
            std::fs::read_to_string(file).or_else(|_| std::fs::read_to_string(examples.join(name).join("main.rs")));
        let text = text.unwrap();
        let run = ["", "--release "].map(|release| format!("//! cargo run {release}--example {name}"));
        assert!(run.iter().any(|run| text.contains(run)), "{name} does not say how to run it");
        let most = if name == "quickstart" { 160 } else { 100 };
        assert!(text.lines().count() <= most, "{name} is too long");
    }
}

#[test]
fn a_query_of_tpch_is_shown_on_every_database_and_run() {
    let text = output_of("tpch", &[Path::new("6")]);
    let parts = [
        "86805 rows in 8 tables",
        "PostgreSQL: SELECT SUM(",
        "MariaDB: SELECT SUM(",
        "SQLite: SELECT ROUND(SUM(",
        "revenue",
    ];
    in_order(&text, &parts);
}

#[test]
fn a_file_is_loaded_whole() {
    let text = output_of("bulk_load", &[]);
    in_order(&text, &["27004 flights", "carrier", "UA", "B6", "EV", "3 rows"]);
}

#[test]
fn quickstart_tells_the_story() {
    let text = output_of("quickstart", &[]);
    in_order(
        &text,
        &[
            "loaded    16 rows into airlines",
            "loaded  1458 rows into airports",
            "loaded 27004 rows into flights",
            "loaded  3322 rows into planes",
            "loaded  2226 rows into weather",
            r#"FROM "flights" WHERE "origin" = ?1 AND "dep_delay" > ?2"#,
            "     1 │   9 │ HA      │     51 │ HNL  │      1301",
            "5 rows",
            "INNER JOIN",
            "INNER JOIN",
            "GROUP BY",
            "HAVING COUNT(*) > ?2",
            "4 rows",
            "[raw.not_a_select]",
            "`flights; DROP TABLE flights` holds U+003B",
            "did you mean `dep_delay`? [schema.unknown_column]",
            "[rate.limited]",
            "retry after ",
            // The audit: each statement in its turn.
            r#"{"phase":"intent","subject":"ada","summary":"SELECT flights"}"#,
            r#"{"phase":"completion","outcome":"allowed","rows":5}"#,
            r#"{"phase":"intent","subject":"ada","summary":"SELECT flights, airlines, planes"}"#,
            r#"{"phase":"completion","outcome":"allowed","rows":4}"#,
            r#""refused":"raw.not_a_select"}"#,
            r#"{"phase":"completion","outcome":"denied","rows":0,"error":"raw.not_a_select"}"#,
            r#""refused":"ident.character"}"#,
            r#""refused":"schema.unknown_column"}"#,
            r#"{"phase":"completion","outcome":"throttled","rows":0,"error":"rate.limited","rule":"per person"}"#,
        ],
    );
    // Two a minute, one each thirty seconds.
    let wait = text.lines().find_map(|line| line.strip_prefix("retry after ")?.strip_suffix('s')).expect("a time");
    let wait: f64 = wait.parse().expect("seconds");
    assert!((1.0..=30.0).contains(&wait), "{wait}");
}

/// The text of the first block of the README that is marked as `language`.
fn readme_block(language: &str) -> String {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let block = readme.split(&format!("```{language}\n")).nth(1).and_then(|rest| rest.split("\n```").next());
    block.unwrap_or_else(|| panic!("the README has no block of {language}")).to_owned()
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first screen of the README: the chain is the quickstart's, and the table is what that prints.
#[test]
fn the_chain_and_the_table_in_the_readme_are_those_of_the_quickstart() {
    let quickstart =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart.rs")).unwrap();
    let block = readme_block("rust");
    let chain =
        block.split_once(".table(\"flights\")").and_then(|(_, rest)| rest.split_once(".limit(4)")).expect("a chain").0;
    assert!(words(&quickstart).contains(&words(chain)), "{chain}");
    let table = readme_block("text");
    assert!(table.lines().count() > 4, "{table}");
    assert!(output_of("quickstart", &[]).contains(&table), "{table}");
}

/// And the SQL is what PostgreSQL gets.
#[tokio::test]
async fn the_sql_in_the_readme_is_what_postgresql_gets() {
    support::on(&[Dialect::Postgres], async |db| {
        db.execute_setup(&[
            "CREATE TABLE airlines (carrier text PRIMARY KEY, name text NOT NULL)",
            "CREATE TABLE planes (tailnum text PRIMARY KEY, seats integer)",
            "CREATE TABLE flights (carrier text, tailnum text, dep_delay integer)",
        ])
        .await;
        let db = db.read_only().await;
        let waits = db
            .table("flights")
            .where_(col("dep_delay").gt(60))
            .join(db.table("airlines"), using("carrier"))
            .join(db.table("planes"), using("tailnum"))
            .group_by("name")
            .agg((count(all()).as_("late"), sum(col("seats")).as_("seats"), max(col("dep_delay")).as_("worst")))
            .where_(col("late").gt(100))
            .order_by(col("late").desc())
            .limit(4);
        assert!(waits.collect().await.expect("it runs").is_empty());
        assert_eq!(words(&readme_block("sql")), waits.to_sql().expect("text").sql());
    })
    .await;
}

#[test]
fn dynamic_filters_bind_what_a_user_types() {
    let text = output_of("dynamic_filters", &[]);
    in_order(&text, &["4 rows", "2 rows", "2 rows", "Bob 100%", "1 row\n", "0 rows", "sort by one of"]);
    assert!(!text.contains("1=1"), "{text}");
}

#[test]
fn services_limit_each_subject_apart() {
    in_order(
        &output_of("services", &[]),
        &[
            "mallory is no customer: nothing is kept",
            "(Constraint)",
            "ada sees a revenue of 200",
            "ada is too fast for the rule Some(\"reads\")",
            "bob sees a revenue of 200",
        ],
    );
}

#[test]
fn audit_file_holds_every_statement_and_no_value() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trail.jsonl");
    let text = output_of("audit_file", &[&file]);
    in_order(&text, &["has no condition", "could not be written, so the statement was not sent"]);
    let trail = std::fs::read_to_string(&file).unwrap();
    let records: Vec<Json> = trail.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.iter().filter(|record| record["phase"] == "intent").count(), 4);
    assert_eq!(records.iter().filter(|record| record["phase"] == "completion").count(), 4);
    assert!(!trail.contains("Eve") && !trail.contains("51000"), "{trail}");
}

#[test]
fn tls_postgres_refuses_less_than_verified_tls_without_a_server() {
    let text = output_of("tls_postgres", &[]);
    in_order(&text, &["sslmode=disable", "sslmode=prefer", "sslmode=require", "is not set, so no server is asked"]);
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn custom_hook_sees_through_aliases_capitals_and_raw_sql() {
    let text = output_of("custom_hook", &[]);
    assert_eq!(text.matches("refused: all but people is for the payroll service").count(), 3, "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("ok ")).count(), 8, "{text}");
    in_order(&text, &["60000", "ok      panic", "1 rows from SELECT people\n", "1 rows from SELECT people, salaries"]);
}

#[test]
fn typed_tables_give_typed_rows() {
    in_order(
        &output_of("typed_tables", &[]),
        &["Ada: 1 orders, 120 in all, 120 each", "Eve: 1 orders, 40 in all", "3 orders without a note"],
    );
}

#[test]
fn transactions_keep_all_or_nothing() {
    let text = output_of("transactions", &[]);
    in_order(
        &text,
        &[
            "moved 30 from 1 to 2",
            "not moved: the write violates a check constraint",
            "not moved: there is no such account",
            "not moved: SameAccount",
            "account 2 is left out: constraint.unique",
            "interest for 2 accounts",
            "Ada saved",
            "Bob must read again",
            "1 │      71 │       1",
            "2 │      30 │       1",
            "3 │      50 │       2",
        ],
    );
    assert_eq!(text.lines().filter(|line| line.starts_with("moved")).count(), 1, "{text}");
}

#[test]
fn crud_answers_with_violations_as_data() {
    let text = output_of("crud", &[]);
    in_order(
        &text,
        &[
            r#"create: 200 [{"email":"ada@example.org","id":1,"name":"Ada""#,
            r#",["id"]]"#,
            "create: 422 {",
            r#""column":"name","message":"must have at least 1 character","row":1,"rule":"length.min""#,
            r#""rule":"pattern""#,
            r#""bounds":{"exclusive":true,"max":150},"column":"age""#,
            r#"create: 200 [{"email":null,"id":2"#,
            r#"read:   200 {"email":"ada@example.org""#,
            "update: 200 1",
            "update: 409 the row has another version",
            "update: 200 1",
            r#"update: 422 {"more":0,"rows":1,"violations":[{"column":"state","message":"can't be opened again","rule":"state.closed"}]}"#,
            "update: 403 `id` of `customers` may not be written",
            "delete: 200 2",
            "read:   404",
        ],
    );
    assert!(!text.contains("nobody"), "{text}");
}
