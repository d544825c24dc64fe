//! The examples run, and say what their headers promise.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

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
        let runs = ["output_of", "Served::start"].map(|run| tested.contains(&format!("{run}(\"{name}\"")));
        assert!(runs.contains(&true), "no test runs {name}");
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        let file = examples.join(name).with_extension("rs");
        let text =
            std::fs::read_to_string(file).or_else(|_| std::fs::read_to_string(examples.join(name).join("main.rs")));
        let text = text.unwrap();
        let run = ["", "--release "].map(|release| format!("//! cargo run {release}--example {name}"));
        assert!(run.iter().any(|run| text.contains(run)), "{name} does not say how to run it");
        let most = if ["quickstart", "web_service"].contains(&name.as_str()) { 160 } else { 100 };
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

/// An example that serves until it is told to stop.
struct Served {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    port: u16,
}

/// Status, `Retry-After` if there is one, and the body.
type Answer = (u16, Option<u64>, Json);

impl Served {
    fn start(name: &str, arguments: &[&str]) -> Served {
        let mut child =
            Command::new(&programs()[name]).args(arguments).stdout(Stdio::piped()).spawn().expect("the example runs");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("a line").unwrap();
        let port = first.strip_prefix("listening on http://127.0.0.1:").expect("its address").parse().unwrap();
        Served { child, lines, port }
    }

    fn ask(&self, method: &str, path: &str, token: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let wait = head.lines().find_map(|line| line.strip_prefix("retry-after: ")?.parse().ok());
        (status, wait, serde_json::from_str(body).unwrap_or(Json::Null))
    }

    /// As Control-C does; what it says until its end.
    fn stop(mut self) -> Vec<String> {
        let told = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
        let rest = self.lines.by_ref().map(|line| line.unwrap()).collect();
        assert!(self.child.wait().unwrap().success());
        rest
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[test]
fn web_service_answers_for_each_caller_and_leaves_a_trail_that_the_tool_makes_a_page_of() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("logs");
    std::fs::create_dir(&place).unwrap();
    let trail = place.join("audit.jsonl");
    let service = Served::start("web_service", &[trail.to_str().unwrap(), "0"]);
    let status = |method, path, token, body| service.ask(method, path, token, body).0;
    assert_eq!(status("GET", "/revenue", "no-token", ""), 401);
    assert_eq!(status("POST", "/orders/1", "ada-token", "4711000"), 201);
    let (taken, _, body) = service.ask("POST", "/orders/1", "ada-token", "4711000");
    assert_eq!((taken, body["error"].as_str()), (409, Some("constraint.unique")));
    let (refused, _, body) = service.ask("POST", "/orders/2", "ada-token", "0");
    assert_eq!((refused, body["error"].as_str()), (422, Some("validation.failed")), "{body}");
    assert!(body["violations"].to_string().contains("total"), "{body}");
    let (closed, _, body) = service.ask("POST", "/orders/3", "bob-token", "5");
    assert_eq!((closed, body["message"].as_str()), (403, Some("only clerks write")));

    // Three reads in three seconds, for each apart; the fourth waits as long as it is told.
    assert_eq!(status("GET", "/orders/77", "bob-token", ""), 404);
    let order = service.ask("GET", "/orders/1", "bob-token", "");
    assert_eq!(order, (200, None, serde_json::json!({ "id": 1, "total": 4_711_000 })));
    assert_eq!(status("GET", "/revenue", "bob-token", ""), 200);
    // One comes back each second, so a slow machine may get another one in between.
    let mut answers = (0..100).map(|_| service.ask("GET", "/revenue", "bob-token", ""));
    let (_, wait, body) = answers.find(|answer| answer.0 == 429).expect("too many");
    assert_eq!(body["error"].as_str(), Some("rate.limited"));
    let wait = wait.expect("Retry-After");
    assert_eq!(wait, 1, "a third of three seconds, rounded up");
    assert_eq!(status("GET", "/revenue", "ada-token", ""), 200, "another caller is not held up");
    std::thread::sleep(Duration::from_secs(wait));
    assert_eq!(
        service.ask("GET", "/revenue", "bob-token", ""),
        (200, None, serde_json::json!({ "revenue": 4_711_000 }))
    );

    // Without its trail it serves nobody.
    let away = folder.path().join("away");
    std::fs::rename(&place, &away).unwrap();
    let (unavailable, _, body) = service.ask("POST", "/orders/4", "ada-token", "7");
    assert_eq!((unavailable, body["error"].as_str()), (503, Some("audit.missing_file")));
    std::fs::rename(&away, &place).unwrap();
    assert_eq!(status("POST", "/orders/4", "ada-token", "7"), 201);
    assert_eq!(service.stop(), ["stopped"]);

    let text = std::fs::read_to_string(&trail).unwrap();
    assert!(!text.contains("4711000") && text.contains(r#""outcome":"throttled""#), "{text}");
    #[cfg(feature = "cli")]
    {
        let tool = |arguments: &[&str]| {
            let output = Command::new(env!("CARGO_BIN_EXE_portcullis")).args(arguments).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let (trail, page) = (trail.to_str().unwrap(), folder.path().join("report.html"));
        assert!(tool(&["audit", "verify", trail]).contains("whole"), "{}", tool(&["audit", "verify", trail]));
        tool(&["audit", "report", trail, "-o", page.to_str().unwrap()]);
        let page = std::fs::read_to_string(page).unwrap();
        for told in ["ada", "bob", "orders", "throttled", "denied"] {
            assert!(page.contains(told), "{told} is missing in the page");
        }
    }
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
    assert_eq!(text.lines().filter(|line| line.starts_with("ok ")).count(), 9, "{text}");
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
