//! What validators refuse and let pass.

use futures_util::stream;
use portcullis::{
    Database, Error, ErrorKind, OutcomeKind, ReadWrite, Result, StatementKind, Stripped, Validator, Value, all, col,
    in_schema, incoming, rules, table, using,
};

use crate::support::{self, Recorder, TestDatabase};

const TABLES: &[&str] = &[
    "CREATE TABLE customers (id integer PRIMARY KEY, name varchar(200), email varchar(200), age integer, \
     balance decimal(12, 2), state varchar(20), born date)",
    "CREATE TABLE news (id integer PRIMARY KEY, name varchar(200), age integer)",
];

const SECRET: &str = "hunter2-not-to-be-shown";

fn customers() -> Validator {
    Validator::new("customers")
        .column("name", rules().required().length(2..=10))
        .column("email", rules().pattern(r"[^@\s]+@[^@\s]+"))
        .column("age", rules().range(0..150))
        .column("state", rules().one_of(["new", "paid"]))
        .column("balance", rules().range(rust_decimal::Decimal::ZERO..=rust_decimal::Decimal::new(10_000, 2)))
}

async fn with(db: &TestDatabase, validator: Option<Validator>) -> (Database<ReadWrite>, Recorder) {
    let recorder = Recorder::default();
    let mut builder = Database::builder(db.dsn_rw().parse().expect("a DSN")).hook(recorder.clone());
    if let Some(validator) = validator {
        builder = builder.validator(validator);
    }
    (builder.open_read_write().await.expect("a handle"), recorder)
}

fn shown(error: &Error) -> Vec<String> {
    error.violations().expect("violations").iter().map(|one| format!("{one:?}")).collect()
}

/// Only the catalogue was asked, and what was refused was told.
#[track_caller]
fn nothing_was_sent(recorder: &Recorder) {
    let ended = recorder.ended();
    let sent = ended
        .iter()
        .filter(|(kind, outcome)| !matches!(kind, StatementKind::Catalog) && *outcome != OutcomeKind::Denied);
    assert_eq!(sent.collect::<Vec<_>>(), Vec::<&(StatementKind, OutcomeKind)>::new());
    assert!(ended.iter().any(|(_, outcome)| *outcome == OutcomeKind::Denied), "no refusal was told: {ended:?}");
}

#[tokio::test]
async fn every_rule_refuses_and_lets_pass_and_all_violations_come_at_once() {
    support::each(async |db| {
        db.execute_setup(TABLES).await;
        let (ruled, recorder) = with(db, Some(customers())).await;
        let insert = |db: &Database<ReadWrite>| {
            db.insert("customers").columns(["id", "name", "email", "age", "state", "balance"])
        };
        let money = |cents| Some(rust_decimal::Decimal::new(cents, 2));
        let good = (1, Some("Ada"), Some("a@b"), Some(36), Some("new"), money(0));
        let bad = [
            (2, Some("A"), Some("nobody"), Some(-1), Some("gone"), money(10_001)),
            (3, Some("Ada"), Some("x@y and more"), Some(149), None, money(10_000)),
            (4, None, None, Some(150), Some("paid"), money(-1)),
            (5, Some("ÄÖÜÄÖÜÄÖÜéà"), None, None, None, None),
        ];
        let refused = insert(&ruled).row(good).rows(bad).execute().await.expect_err("violations");
        assert_eq!(
            (refused.kind(), refused.code(), refused.table()),
            (ErrorKind::Validation, "validation.failed", Some("customers"))
        );
        assert_eq!(
            shown(&refused),
            [
                "row 2 `name` must have at least 2 characters [length.min]",
                "row 2 `email` must have the form that its pattern says [pattern]",
                "row 2 `age` must be at least 0 [range.min]",
                "row 2 `state` must be one of the values that are allowed [one_of]",
                "row 2 `balance` must be at most 100.00 [range.max]",
                "row 3 `email` must have the form that its pattern says [pattern]",
                "row 4 `name` must have a value [required]",
                "row 4 `age` must be less than 150 [range.max]",
                "row 4 `balance` must be at least 0 [range.min]",
                "row 5 `name` must have at most 10 characters [length.max]",
            ]
        );
        nothing_was_sent(&recorder);
        // Its twin: the same rows without the rules, so that the test could fail.
        let (free, _) = with(db, None).await;
        assert_eq!(insert(&free).rows(bad).execute().await.expect("no rules"), 4, "on {}", db.dialect);
        assert_eq!(insert(&ruled).row(good).execute().await.expect("it keeps the rules"), 1);
        assert_eq!(ruled.table("customers").count().await.expect("a count"), 5);
    })
    .await;
}

#[tokio::test]
async fn violations_are_data_without_values() {
    support::on(&[portcullis::Dialect::Sqlite], async |db| {
        db.execute_setup(TABLES).await;
        let (ruled, recorder) = with(db, Some(customers())).await;
        let rows = [(1, SECRET, SECRET), (2, "Ada", "a@b")];
        let refused = ruled.insert("customers").columns(["id", "name", "email"]).rows(rows).execute().await;
        let refused = refused.expect_err("violations");
        let json = serde_json::to_string(refused.violations().expect("violations")).expect("JSON");
        assert_eq!(
            json,
            concat!(
                r#"{"violations":[{"row":1,"column":"name","rule":"length.max","bounds":{"max":10},"message":"must have at most 10 characters"},"#,
                r#"{"row":1,"column":"email","rule":"pattern","bounds":{"pattern":"[^@\\s]+@[^@\\s]+"},"message":"must have the form that its pattern says"}],"#,
                r#""rows":1,"more":0}"#
            )
        );
        let said = format!("{refused} {refused:?} {:?} {json} {:?}", refused.violations(), recorder.take());
        assert!(!said.contains(SECRET) && !said.contains("hunter2"), "{said}");
        assert_eq!(refused.violations().map(|all| (all.of("email").count(), all.of("age").count())), Some((1, 0)));
    })
    .await;
}

#[tokio::test]
async fn many_violations_are_bounded_and_the_rest_is_counted() {
    support::on(&[portcullis::Dialect::Sqlite], async |db| {
        db.execute_setup(TABLES).await;
        let (ruled, _) = with(db, Some(customers())).await;
        let rows = (1..=12_000).map(|id| (id, "x", 200));
        let refused = ruled.insert("customers").columns(["id", "name", "age"]).rows(rows).execute().await;
        let refused = refused.expect_err("violations");
        let found = refused.violations().expect("violations");
        assert_eq!((found.len(), found.rows(), found.more()), (200, 12_000, 23_800));
        assert_eq!(found.iter().last().and_then(portcullis::Violation::row), Some(100));
        assert!(refused.to_string().len() < 400, "{refused}");
        assert!(refused.to_string().ends_with("; and 23997 more"), "{refused}");
    })
    .await;
}

#[derive(serde::Serialize)]
struct Customer {
    id: i64,
    name: Option<&'static str>,
    balance: rust_decimal::Decimal,
    born: chrono::NaiveDate,
}

#[tokio::test]
async fn records_streams_and_files_are_checked_as_what_their_columns_hold() {
    support::each(async |db| {
        db.execute_setup(TABLES).await;
        let day = |year| chrono::NaiveDate::from_ymd_opt(year, 2, 3).expect("a date");
        let (ruled, recorder) = with(db, Some(customers().column("born", rules().range(day(1900)..day(2020))))).await;
        let record = |id, cents, year| Customer {
            id,
            name: Some("Ada"),
            balance: rust_decimal::Decimal::new(cents, 2),
            born: day(year),
        };
        let records = [record(1, 500, 1950), record(2, 10_050, 1899)];
        let refused = ruled.insert("customers").records(&records).execute().await.expect_err("violations");
        assert_eq!(
            shown(&refused),
            ["row 2 `balance` must be at most 100.00 [range.max]", "row 2 `born` must be at least 1900-02-03 [range.min]"]
        );
        nothing_was_sent(&recorder);
        let unnamed = [Customer { name: None, ..record(3, 1, 2000) }];
        let refused = ruled.insert("customers").records(&unnamed).execute().await.expect_err("violations");
        assert_eq!(shown(&refused), ["row 1 `name` must have a value [required]"]);
        assert_eq!(ruled.insert("customers").records(&records[..1]).execute().await.expect("rows"), 1);

        // A stream's later batch: what went before it is rolled back.
        recorder.take();
        let rows = |bad: i64| stream::iter((10..=65_000).map(move |id: i64| (id, if id == bad { "x" } else { "Ada" })));
        let insert = || ruled.insert("customers").columns(["id", "name"]);
        let refused = insert().execute_stream(rows(64_999)).await.expect_err("violations");
        assert_eq!(shown(&refused), ["row 64990 `name` must have at least 2 characters [length.min]"]);
        let kinds: Vec<StatementKind> = recorder.ended().into_iter().map(|(kind, _)| kind).collect();
        assert!(kinds.contains(&StatementKind::Rollback) && !kinds.contains(&StatementKind::Commit), "{kinds:?}");
        assert_eq!(ruled.table("customers").count().await.expect("a count"), 1, "on {}", db.dialect);
        assert!(insert().execute_stream(rows(10)).await.is_err());
        assert_eq!(insert().execute_stream(rows(0)).await.expect("rows"), 64_991);
        ruled.delete("customers").where_(col("id").ge(10)).execute().await.expect("a delete");

        let csv = "id,name,balance\n20,Bob,99.5\n21,Bob,100.01\n";
        let refused = ruled.insert("customers").execute_csv(csv.as_bytes()).await.expect_err("violations");
        assert_eq!(shown(&refused), ["row 2 `balance` must be at most 100.00 [range.max]"]);
        let lines = "{\"id\":20,\"name\":\"Bob\",\"born\":\"1999-01-01\"}\n{\"id\":21,\"name\":\"Bob\",\"born\":\"2099-01-01\"}\n";
        let refused = ruled.insert("customers").execute_json_lines(lines.as_bytes()).await.expect_err("violations");
        assert_eq!(shown(&refused), ["row 2 `born` must be less than 2020-02-03 [range.max]"]);
        assert_eq!(ruled.table("customers").count().await.expect("a count"), 1);
        let good = "id,name,balance\n20,Bob,99.5\n";
        assert_eq!(ruled.insert("customers").execute_csv(good.as_bytes()).await.expect("a row"), 1);
    })
    .await;
}

#[tokio::test]
async fn updates_upserts_and_merges_are_checked_where_values_are_given_and_refused_where_not() {
    support::each(async |db| {
        db.execute_setup(TABLES).await;
        let trusting = Validator::new("news").column("age", rules().range(0..9).trust_expressions());
        let recorder = Recorder::default();
        let builder = Database::builder(db.dsn_rw().parse().expect("a DSN")).hook(recorder.clone());
        let ruled = builder.validator(customers()).validator(trusting).open_read_write().await.expect("a handle");
        let columns = ["id", "name", "age"];
        ruled.insert("customers").columns(columns).row((1, "Ada", 36)).execute().await.expect("a row");
        ruled.insert("news").columns(columns).row((1, "Eve", 8)).execute().await.expect("a row");
        recorder.take();

        let update = || ruled.update("customers").where_(col("id").eq(1));
        let refused = update().set("age", 150).set_null("name").execute().await.expect_err("violations");
        assert_eq!(shown(&refused), ["`name` must have a value [required]", "`age` must be less than 150 [range.max]"]);
        let refused = update().set("age", col("age") + 1).execute().await.expect_err("an expression");
        assert_eq!(
            (refused.kind(), refused.code(), refused.column()),
            (ErrorKind::Policy, "validation.expression", Some("age"))
        );
        let from = ruled.update("customers").from(ruled.table("news"), using("id")).set("name", col("name").of("news"));
        assert_eq!(from.execute().await.expect_err("an expression").code(), "validation.expression");
        let back = update().set("age", 150).returning("age").collect().await.expect_err("violations");
        assert_eq!(back.kind(), ErrorKind::Validation);

        let upsert = |age: i32| ruled.insert("customers").columns(columns).row((1, "Ada", age)).on_conflict("id");
        let refused = upsert(150).do_nothing().execute().await.expect_err("violations");
        assert_eq!(shown(&refused), ["row 1 `age` must be less than 150 [range.max]"]);
        let refused = upsert(1).do_update(|row| row.set("name", "x")).execute().await.expect_err("violations");
        assert_eq!(shown(&refused), ["`name` must have at least 2 characters [length.min]"]);
        let sum = upsert(1).do_update(|row| row.set("age", col("age") + incoming("age"))).execute().await;
        assert_eq!(sum.expect_err("an expression").code(), "validation.expression");
        let other = ruled.insert("customers").columns(["id", "name", "age"]).row((150, "Ada", 1)).on_conflict("id");
        let refused = other.do_update(|row| row.set("age", incoming("id"))).execute().await.expect_err("violations");
        assert_eq!(shown(&refused), ["row 1 `age` must be less than 150 [range.max]"]);

        let all_of_news = || ruled.table("news").select(columns);
        let select = ruled.insert("customers").columns(columns).select(all_of_news());
        assert_eq!(select.execute().await.expect_err("a frame").code(), "validation.expression");
        let by_name = ruled.insert("customers").select(all_of_news().by_name());
        assert_eq!(by_name.execute().await.expect_err("a frame").code(), "validation.expression");
        let written = ruled.write_table("customers", all_of_news(), portcullis::WriteMode::Append).await;
        assert_eq!(written.expect_err("a frame").code(), "validation.expression");

        let merge = || ruled.merge("customers").using(ruled.table("news"), using("id"));
        let refused = merge().when_matched_update(|row| row.set("age", 200)).execute().await.expect_err("violations");
        assert_eq!(shown(&refused), ["`age` must be less than 150 [range.max]"]);
        let frame = merge().when_matched_update(|row| row.set("age", col("age").of("news"))).execute().await;
        assert_eq!(frame.expect_err("an expression").code(), "validation.expression");
        let insert = merge().when_not_matched_insert(|row| row.set("id", col("id")).set("name", "x"));
        assert_eq!(
            shown(&insert.execute().await.expect_err("violations")),
            ["`name` must have at least 2 characters [length.min]"]
        );
        let ended = recorder.ended();
        let sent = |(kind, outcome): &&(StatementKind, OutcomeKind)| kind.is_write() && *outcome != OutcomeKind::Denied;
        assert_eq!(ended.iter().find(sent), None, "on {}", db.dialect);

        // The twins.
        assert_eq!(update().set("age", 149).set("name", "Eva").execute().await.expect("an update"), 1);
        assert_eq!(upsert(7).do_update(|row| row.set_incoming(["age"])).execute().await.expect("an upsert"), 1);
        let trusted = ruled.update("news").set("age", col("age") + 1).where_(col("id").eq(1));
        assert_eq!(trusted.execute().await.expect("a trusted expression"), 1);
        assert_eq!(merge().when_matched_update(|row| row.set("age", 20)).execute().await.expect("a merge"), 1);
        let insert = merge().when_not_matched_insert(|row| row.set("id", col("id")).set("name", "Bob"));
        assert_eq!(insert.execute().await.expect("a merge"), 0);
        let ages: Vec<i64> = ruled.table("customers").select("age").collect_as().await.expect("rows");
        assert_eq!(ages, [20]);
    })
    .await;
}

#[tokio::test]
async fn no_spelling_and_no_transaction_goes_past_the_rules() {
    support::each(async |db| {
        db.execute_setup(TABLES).await;
        let (ruled, _) = with(db, Some(customers())).await;
        let own = match db.dialect {
            portcullis::Dialect::Postgres => "public".to_owned(),
            portcullis::Dialect::Sqlite => "main".to_owned(),
            _ => db.name(),
        };
        let tx = ruled.begin().await.expect("a transaction");
        for insert in [
            ruled.insert("customers"),
            ruled.insert(in_schema(&own, "customers")),
            ruled.insert("Customers"),
            ruled.insert("CUSTOMERS"),
            tx.insert("customers"),
            tx.insert(in_schema(&own, "customers")),
            ruled.acting_as(portcullis::Subject::new("eve")).insert("customers"),
        ] {
            let refused = insert.columns(["id", "name", "age"]).row((1, "Ada", 150)).execute().await;
            let refused = refused.expect_err("a way around");
            assert!(
                matches!(refused.code(), "validation.failed" | "schema.unknown_table"),
                "{refused:?} on {}",
                db.dialect
            );
        }
        tx.rollback().await.expect("a rollback");
        // A column in other capitals is another name, or none.
        let other = ruled.insert("customers").columns(["id", "name", "AGE"]).row((1, "Ada", 150)).execute().await;
        assert_eq!(other.expect_err("a way around").code(), "schema.unknown_column");
        let other = ruled.update("customers").set("AGE", 150).all_rows().execute().await;
        assert_eq!(other.expect_err("a way around").code(), "schema.unknown_column");
        assert_eq!(ruled.table("customers").count().await.expect("a count"), 0);
        // The rules of another table are not its own.
        assert_eq!(ruled.insert("news").columns(["id", "age"]).row((1, 999)).execute().await.expect("a row"), 1);
    })
    .await;
}

#[tokio::test]
async fn mistakes_of_a_validator_show_when_it_is_built_or_the_table_is_written() {
    let code = |validator: Validator| validator.build().expect_err("a mistake").code();
    assert_eq!(code(Validator::new("t").column("a", rules().pattern("(a"))), "validation.pattern");
    assert_eq!(code(Validator::new("t").column("a", rules().pattern("a)|(b"))), "validation.pattern");
    assert_eq!(code(Validator::new("t").column("a", rules().pattern("(?x) a # b"))), "validation.pattern");
    assert_eq!(code(Validator::new("t").column("a", rules().pattern(r"(\w{1000}){1000}"))), "validation.pattern");
    #[expect(clippy::reversed_empty_ranges, reason = "that is the mistake")]
    let reversed = (rules().length(3..=2), rules().range(3..=2));
    assert_eq!(code(Validator::new("t").column("a", reversed.0)), "validation.bounds");
    assert_eq!(code(Validator::new("t").column("a", reversed.1)), "validation.bounds");
    assert_eq!(code(Validator::new("t").column("a", rules().range(f64::NAN..))), "validation.bounds");
    assert_eq!(code(Validator::new("t.x")), "ident.character");
    assert_eq!(code(Validator::new("t").check(Vec::<&str>::new(), "c", "m", |_| true)), "plan.no_columns");
    assert!(Validator::new("t").column("a", rules().pattern(r"\d+|[a-z]+").length(1..)).build().is_ok());
    support::each(async |db| {
        db.execute_setup(TABLES).await;
        let builder = || Database::builder(db.dsn_rw().parse().expect("a DSN"));
        let wrong = builder().validator(Validator::new("customers").column("name", rules().pattern("(")));
        assert_eq!(wrong.open_read_write().await.expect_err("a mistake").code(), "validation.pattern");
        let (ruled, _) = with(db, Some(Validator::new("customers").column("nmae", rules().required()))).await;
        let refused = ruled.insert("customers").columns(["id"]).row([1]).execute().await.expect_err("no column");
        assert_eq!((refused.code(), refused.column()), ("validation.unknown_column", Some("nmae")));
        assert!(refused.to_string().contains("`name`"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn a_column_that_a_rule_names_is_found_when_the_table_gets_it() {
    support::each(async |db| {
        db.execute_setup(TABLES).await;
        let (ruled, _) = with(db, Some(Validator::new("news").column("kind", rules().one_of(["a", "b"])))).await;
        let insert = || ruled.insert("news").columns(["id"]).row([1]).execute();
        assert_eq!(insert().await.expect_err("no column").code(), "validation.unknown_column");
        db.execute_setup(&["ALTER TABLE news ADD COLUMN kind varchar(9)"]).await;
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        assert_eq!(insert().await.expect("a row"), 1, "on {}", db.dialect);
        let wrong = ruled.update("news").set("kind", "c").all_rows().execute().await;
        assert_eq!(wrong.expect_err("a violation").kind(), ErrorKind::Validation);
    })
    .await;
}

#[tokio::test]
async fn a_pattern_means_the_whole_text() {
    support::on(&[portcullis::Dialect::Sqlite], async |db| {
        db.execute_setup(TABLES).await;
        let (ruled, _) = with(db, Some(Validator::new("news").column("name", rules().pattern("a|ab")))).await;
        let insert = |name: &'static str| ruled.insert("news").columns(["id", "name"]).row((1, name)).execute();
        for wrong in ["xa", "ax", "a\n", "", "aab"] {
            assert_eq!(insert(wrong).await.expect_err("no match").kind(), ErrorKind::Validation, "{wrong:?}");
        }
        assert_eq!(insert("ab").await.expect("a match"), 1);
    })
    .await;
}

#[tokio::test]
async fn a_rule_of_the_program_sees_what_is_written() {
    support::each(async |db| {
        db.execute_setup(TABLES).await;
        let paid = Validator::new("customers").check(
            ["state", "balance"],
            "paid.balance",
            "must be 0 when all is paid",
            |row| {
                let paid = row.get("state") == Some(&Value::Text("paid".to_owned()));
                !paid || matches!(row.get("balance"), Some(Value::Int(0)))
            },
        );
        let (ruled, _) = with(db, Some(paid)).await;
        let insert = |state: &'static str, balance: i64| {
            ruled.insert("customers").columns(["id", "state", "balance"]).row((1, state, balance))
        };
        let refused = insert("paid", 5).execute().await.expect_err("a violation");
        assert_eq!(shown(&refused), ["row 1 `state` must be 0 when all is paid [paid.balance]"]);
        assert_eq!(insert("paid", 0).execute().await.expect("a row"), 1);
        let update = || ruled.update("customers").where_(col("id").eq(1));
        assert_eq!(update().set("balance", 5).execute().await.expect_err("a part").code(), "validation.partial");
        let refused = update().set("balance", 5).set("state", "paid").execute().await.expect_err("a violation");
        assert_eq!(shown(&refused), ["`state` must be 0 when all is paid [paid.balance]"]);
        assert_eq!(update().set("balance", 5).set("state", "new").execute().await.expect("an update"), 1);
        assert_eq!(update().set("name", "Eve").execute().await.expect("other columns"), 1);
        let upsert =
            insert("new", 5).on_conflict("id").do_update(|row| row.set("state", "paid").set_incoming(["balance"]));
        let refused = upsert.execute().await.expect_err("a violation");
        assert_eq!(shown(&refused), ["row 1 `state` must be 0 when all is paid [paid.balance]"]);
        let part = insert("new", 5).on_conflict("id").do_update(|row| row.set("state", "paid")).execute().await;
        assert_eq!(part.expect_err("a part").code(), "validation.partial");
        let both = insert("paid", 0).on_conflict("id").do_update(|row| row.set_incoming(["state", "balance"]));
        assert_eq!(both.execute().await.expect("an upsert"), 1);
    })
    .await;
}

/// An order that was sent stays as it is, and a balance never falls.
fn changing() -> Validator {
    let sent = |value: Option<&Value>| value == Some(&Value::Text("sent".to_owned()));
    Validator::new("customers")
        .check_change(["state", "name"], "sent", "can't be changed once it is sent", move |_, before| {
            !before.is_some_and(|before| sent(before.get("state")))
        })
        .check_change("age", "younger", "can't fall", |new, before| {
            let number = |value: Option<&Value>| match value {
                Some(Value::Int(it)) => *it,
                _ => 0,
            };
            before.is_none_or(|before| number(new.get("age")) >= number(before.get("age")))
        })
        .check_delete("state", "sent.delete", "can't be deleted once it is sent", move |before| {
            !sent(before.get("state"))
        })
}

#[tokio::test]
async fn a_rule_sees_the_row_as_it_is_before_it_is_changed_or_deleted() {
    support::each(async |db| {
        db.execute_setup(TABLES).await;
        let (ruled, recorder) = with(db, Some(changing())).await;
        let rows = [(1, "Ada", "new", 30), (2, "Bob", "sent", 40), (3, "Cyd", "new", 50)];
        let insert = || ruled.insert("customers").columns(["id", "name", "state", "age"]);
        assert_eq!(insert().rows(rows).execute().await.expect("rows"), 3);
        recorder.take();
        let refused = ruled.update("customers").set("name", "Eve").all_rows().execute().await.expect_err("a sent one");
        assert_eq!(shown(&refused), ["`state` can't be changed once it is sent [sent]"]);
        let ended = recorder.ended();
        assert!(
            !ended.iter().any(|(kind, outcome)| *kind == StatementKind::Update && *outcome != OutcomeKind::Denied),
            "{ended:?}"
        );
        assert!(ended.iter().any(|(kind, _)| *kind == StatementKind::Select), "the read passes no hook: {ended:?}");
        let new = || ruled.update("customers").where_(col("state").eq("new"));
        assert_eq!(new().set("name", "Eve").execute().await.expect("an update"), 2);
        let refused = new().set("age", 40).execute().await.expect_err("one is older");
        assert_eq!(shown(&refused), ["`age` can't fall [younger]"]);
        assert_eq!(new().set("age", 50).execute().await.expect("an update"), 2);
        let expression = new().set("age", col("age") + 1).execute().await.expect_err("no value");
        assert_eq!(expression.code(), "validation.expression");
        assert_eq!(
            new().set("name", "Fay").max_affected(1).execute().await.expect_err("two").kind(),
            ErrorKind::TooManyRows
        );
        let key = new().set("id", 9).set("name", "Gus").execute().await.expect_err("the key");
        assert_eq!(key.code(), "validation.key");
        // A column without such rules is written at once.
        recorder.take();
        assert_eq!(ruled.update("customers").set("email", "a@b").all_rows().execute().await.expect("an update"), 3);
        assert_eq!(recorder.ended().len(), 1);

        let back = new().set("name", "Hal").returning(["id", "name"]).collect_as::<(i64, String)>().await;
        let mut back = back.expect("rows");
        back.sort();
        assert_eq!(back, [(1, "Hal".to_owned()), (3, "Hal".to_owned())], "on {}", db.dialect);
        let none =
            ruled.update("customers").where_(col("id").eq(99)).set("name", "Hal").returning("id").collect().await;
        assert!(none.expect("no row").is_empty());

        let refused = ruled.delete("customers").all_rows().execute().await.expect_err("a sent one");
        assert_eq!(shown(&refused), ["`state` can't be deleted once it is sent [sent.delete]"]);
        let tx = ruled.begin().await.expect("a transaction");
        assert_eq!(tx.delete("customers").where_(col("id").eq(1)).execute().await.expect("a delete"), 1);
        assert_eq!(
            tx.update("customers").set("age", 60).where_(col("id").eq(3)).execute().await.expect("an update"),
            1
        );
        tx.commit().await.expect("a commit");
        let gone = ruled.delete("customers").using(ruled.table("news"), using("id")).execute().await;
        assert_eq!(gone.expect_err("a frame").code(), "validation.frame");
        let over = ruled.write_table("customers", ruled.table("news"), portcullis::WriteMode::Overwrite).await;
        assert!(over.is_err());
        let left: Vec<(i64, i64)> =
            ruled.table("customers").select(["id", "age"]).order_by("id").collect_as().await.expect("rows");
        assert_eq!(left, [(2, 40), (3, 60)]);
    })
    .await;
}

#[tokio::test]
async fn a_rule_sees_the_row_that_an_upsert_meets() {
    support::each(async |db| {
        db.execute_setup(TABLES).await;
        let (ruled, _) = with(db, Some(changing())).await;
        let rows = [(1, "Ada", "new", 30), (2, "Bob", "sent", 40)];
        let insert = || ruled.insert("customers").columns(["id", "name", "state", "age"]);
        insert().rows(rows).execute().await.expect("rows");
        let upsert = |rows: Vec<(i32, &'static str, &'static str, i32)>| {
            insert().rows(rows).on_conflict("id").do_update(|row| row.set_incoming(["name", "age"]))
        };
        let refused = upsert(vec![(3, "Cyd", "new", 1), (2, "Eve", "new", 41), (1, "Ada", "new", 29)]).execute().await;
        assert_eq!(
            shown(&refused.expect_err("violations")),
            ["row 2 `state` can't be changed once it is sent [sent]", "row 3 `age` can't fall [younger]"]
        );
        assert_eq!(ruled.table("customers").count().await.expect("a count"), 2);
        assert_eq!(upsert(vec![(3, "Cyd", "new", 1), (1, "Ann", "new", 31)]).execute().await.expect("rows"), 2);
        let names: Vec<String> =
            ruled.table("customers").select("name").order_by("name").collect_as().await.expect("rows");
        assert_eq!(names, ["Ann", "Bob", "Cyd"], "on {}", db.dialect);
        let records = [serde_json::json!({"id": 2, "name": "Eve"})];
        let upsert =
            ruled.insert("customers").records(&records).on_conflict("id").do_update(|row| row.set_incoming(["name"]));
        assert_eq!(shown(&upsert.execute().await.expect_err("a violation")).len(), 1);
        // Of a stream each batch is asked about, and rows are counted from the first.
        let stream = |last: i64| {
            let rows = (100..=60_000).map(move |id: i64| (if id == 60_000 { last } else { id }, "Dan", "new", 42));
            insert()
                .on_conflict("id")
                .do_update(|row| row.set_incoming(["name", "age"]))
                .execute_stream(stream::iter(rows))
        };
        assert_eq!(
            shown(&stream(2).await.expect_err("a violation")),
            ["row 59901 `state` can't be changed once it is sent [sent]"]
        );
        assert_eq!(ruled.table("customers").count().await.expect("a count"), 3, "on {}", db.dialect);
        assert_eq!(stream(1).await.expect("rows"), 59_901, "on {}", db.dialect);
        let changed: Vec<String> = ruled
            .table("customers")
            .where_(col("id").le(3))
            .select("name")
            .order_by("name")
            .collect_as()
            .await
            .expect("rows");
        assert_eq!(changed, ["Bob", "Cyd", "Dan"], "on {}", db.dialect);
    })
    .await;
}

#[tokio::test]
async fn no_writer_comes_between_what_a_rule_sees_and_what_is_written() {
    support::each(async |db| {
        db.execute_setup(TABLES).await;
        let (ruled, _) = with(db, Some(changing())).await;
        let (free, _) = with(db, None).await;
        let row = ("Ada", "new", 0);
        free.insert("customers")
            .columns(["id", "name", "state", "age"])
            .row((1, row.0, row.1, row.2))
            .execute()
            .await
            .expect("a row");
        // Each writer raises the age as it read it, or is refused: it never falls.
        let writers = (0..8).map(|writer: i32| {
            let ruled = ruled.clone();
            tokio::spawn(async move {
                let mut last = 0;
                for step in 1..=10 {
                    let age = step * 10 + writer;
                    let done: Result<u64> =
                        ruled.update("customers").set("age", age).where_(col("id").eq(1)).execute().await;
                    if done.is_ok() {
                        last = last.max(age);
                    }
                }
                last
            })
        });
        let writers: Vec<_> = writers.collect();
        let mut highest = 0;
        for writer in writers {
            highest = highest.max(writer.await.expect("a writer"));
        }
        let age: i32 = ruled.table("customers").select("age").one_as().await.expect("a row");
        assert_eq!(age, highest, "a lower age was written over a higher on {}", db.dialect);
        assert!(age >= 10);

        // A row that another inserts after the reading is a duplicate key and no change unseen.
        let upserts = (0..8).map(|writer: i32| {
            let ruled = ruled.clone();
            tokio::spawn(async move {
                let row = ruled.insert("customers").columns(["id", "age"]).row((2, writer));
                row.on_conflict("id")
                    .do_update(|row| row.set_incoming(["age"]))
                    .execute()
                    .await
                    .is_ok()
                    .then_some(writer)
            })
        });
        let upserts: Vec<_> = upserts.collect();
        let mut highest = None;
        for writer in upserts {
            highest = highest.max(writer.await.expect("a writer"));
        }
        let age: i32 = ruled.table("customers").where_(col("id").eq(2)).select("age").one_as().await.expect("a row");
        assert_eq!(Some(age), highest, "on {}", db.dialect);
    })
    .await;
}

#[tokio::test]
async fn only_columns_that_may_be_written_are() {
    support::each(async |db| {
        db.execute_setup(TABLES).await;
        let (ruled, recorder) = with(db, Some(Validator::new("customers").writable(["id", "name", "age"]))).await;
        let insert = || ruled.insert("customers");
        let refusals = [
            insert().columns(["id", "balance", "state"]).row((1, 5, "x")).execute().await,
            insert().record(serde_json::json!({"id": 1, "state": "x", "balance": 5})).execute().await,
            insert().columns(["id", "balance", "state"]).execute_stream(stream::iter([(1, 5, "x")])).await,
            insert().execute_csv("id,balance,state\n1,5,x\n".as_bytes()).await,
            insert()
                .columns(["id", "name"])
                .row((1, "Ada"))
                .on_conflict("id")
                .do_update(|row| row.set("balance", 1).set("state", "x"))
                .execute()
                .await,
            insert()
                .columns(["id", "balance", "state"])
                .select(ruled.table("news").select(["id", "age", "name"]))
                .execute()
                .await,
            insert()
                .select(
                    ruled
                        .table("news")
                        .select((col("id"), col("age").as_("balance"), col("name").as_("state")))
                        .by_name(),
                )
                .execute()
                .await,
            ruled.update("customers").set("balance", 1).set("state", "x").all_rows().execute().await,
            ruled
                .update("customers")
                .set("balance", col("id"))
                .set("state", "x")
                .where_(col("id").eq(1))
                .execute()
                .await,
            ruled
                .update("customers")
                .from(ruled.table("news"), using("id"))
                .set("balance", 1)
                .set("state", "x")
                .execute()
                .await,
            ruled
                .merge("customers")
                .using(ruled.table("news"), using("id"))
                .when_matched_update(|row| row.set("balance", 1).set("state", "x"))
                .execute()
                .await,
            ruled
                .merge("customers")
                .using(ruled.table("news"), using("id"))
                .when_not_matched_insert(|row| row.set("balance", 1).set("state", "x"))
                .execute()
                .await,
        ];
        for (number, refused) in refusals.into_iter().enumerate() {
            let refused = refused.expect_err("it may not be written");
            assert_eq!(
                (refused.kind(), refused.code()),
                (ErrorKind::Policy, "validation.not_writable"),
                "{number}: {refused:?}"
            );
            assert!(refused.to_string().contains("`balance`") && refused.to_string().contains("`state`"), "{refused}");
        }
        let version = ruled
            .update("customers")
            .set("name", "Ada")
            .where_(col("id").eq(1))
            .expect_version("balance", 1)
            .execute()
            .await;
        assert_eq!(version.expect_err("a version").code(), "validation.not_writable");
        let ended = recorder.ended();
        let sent = |(kind, outcome): &&(StatementKind, OutcomeKind)| kind.is_write() && *outcome != OutcomeKind::Denied;
        assert_eq!(ended.iter().find(sent), None, "on {}", db.dialect);
        // Nothing is left out unless the validator allows it.
        let stripped = Stripped::new();
        let strip = insert().record(serde_json::json!({"id": 1, "balance": 5})).strip_into(&stripped).execute().await;
        assert_eq!(strip.expect_err("no strip").code(), "validation.not_writable");
        assert!(stripped.is_empty());
        assert_eq!(insert().columns(["id", "name"]).row((1, "Ada")).execute().await.expect("a row"), 1);
        assert_eq!(
            ruled.update("customers").set("age", col("id") + 1).all_rows().execute().await.expect("an update"),
            1
        );
        assert_eq!(ruled.delete("customers").all_rows().execute().await.expect("a delete"), 1);
    })
    .await;
}

#[tokio::test]
async fn what_may_be_left_out_is_left_out_and_said() {
    support::each(async |db| {
        db.execute_setup(TABLES).await;
        let (ruled, _) = with(db, Some(Validator::new("customers").writable_or_strip(["id", "name", "age"]))).await;
        let silent =
            ruled.insert("customers").columns(["id", "balance"]).row((1, 5)).execute().await.expect_err("silence");
        assert_eq!(silent.code(), "validation.not_writable");
        assert!(silent.to_string().contains("strip_into"), "{silent}");
        let stripped = Stripped::new();
        let record = serde_json::json!({"id": 1, "name": "Ada", "balance": 5, "admin": true});
        assert_eq!(ruled.insert("customers").record(&record).strip_into(&stripped).execute().await.expect("a row"), 1);
        assert_eq!(stripped.columns(), ["admin", "balance"]);
        let stripped = Stripped::new();
        let rows = stream::iter((2..=9_000).map(|id: i64| (id, 5, "Bob")));
        let insert = ruled.insert("customers").columns(["id", "balance", "name"]).strip_into(&stripped);
        assert_eq!(insert.execute_stream(rows).await.expect("rows"), 8_999);
        let csv = "balance,id,admin,name\n5,9001,yes,Bob\n".as_bytes();
        assert_eq!(ruled.insert("customers").strip_into(&stripped).execute_csv(csv).await.expect("a row"), 1);
        assert_eq!(stripped.columns(), ["balance", "admin"]);
        let stripped = Stripped::new();
        let update = ruled.update("customers").set("balance", 7).set("age", 8).where_(col("id").eq(1));
        assert_eq!(update.strip_into(&stripped).execute().await.expect("an update"), 1);
        let upsert = ruled.insert("customers").columns(["id", "name", "state"]).row((1, "Eva", "x")).on_conflict("id");
        let upsert = upsert.do_update(|row| row.set_incoming(["name", "state"])).strip_into(&stripped);
        assert_eq!(upsert.execute().await.expect("an upsert"), 1);
        assert_eq!(stripped.columns(), ["balance", "state"]);
        ruled.insert("news").columns(["id", "name"]).row((1, "Fay")).execute().await.expect("a row");
        let stripped = Stripped::new();
        let merge = ruled.merge("customers").using(ruled.table("news"), using("id")).strip_into(&stripped);
        let merge = merge.when_matched_update(|row| row.set("name", col("name").of("news")).set("email", "x"));
        assert_eq!(merge.execute().await.expect("a merge"), 1);
        assert_eq!(stripped.columns(), ["email"]);
        let none = |code: portcullis::Result<u64>| {
            assert_eq!(code.expect_err("nothing left").code(), "validation.nothing_left")
        };
        none(ruled.insert("customers").record(serde_json::json!({"admin": 1})).strip_into(&stripped).execute().await);
        none(ruled.update("customers").set("state", "x").all_rows().strip_into(&stripped).execute().await);
        let merge = ruled.merge("customers").using(ruled.table("news"), using("id")).strip_into(&stripped);
        none(merge.when_matched_update(|row| row.set("email", "x")).execute().await);
        assert_eq!(
            ruled
                .table("customers")
                .where_(col("balance").is_not_null() | col("state").is_not_null())
                .count()
                .await
                .expect("a count"),
            0
        );
        let ada =
            ruled.table("customers").where_(col("id").eq(1)).select(["name", "age"]).one_as::<(String, i64)>().await;
        assert_eq!(ada.expect("a row"), ("Fay".to_owned(), 8));
    })
    .await;
}

table! {
    customers { id: i64, name: Option<String> => rules().required().length(2..), age: Option<i64> => rules().range(0..150) }
        => |customers| customers.check("id", "odd", "must be odd", |row| !matches!(row.get("id"), Some(Value::Int(id)) if id % 2 == 0));
    news { id: i64, name: Option<String> => rules().pattern("[A-Z].*"), r#age: Option<i64> }
}

#[tokio::test]
async fn rules_of_a_declared_table_hold_for_it_and_for_a_handle_that_is_told() {
    support::each(async |db| {
        db.execute_setup(TABLES).await;
        let (free, _) = with(db, None).await;
        let refused = free.insert(customers::table).columns(["id", "name", "age"]).row((2, "A", 150)).execute().await;
        let codes = [
            "row 1 `name` must have at least 2 characters [length.min]",
            "row 1 `age` must be less than 150 [range.max]",
            "row 1 `id` must be odd [odd]",
        ];
        assert_eq!(shown(&refused.expect_err("violations")), codes);
        let named = free.update(news::table).set("name", "eve").all_rows().execute().await;
        assert_eq!(named.expect_err("a violation").kind(), ErrorKind::Validation);
        // By its name alone the declaration is not seen, unless the handle was told of it.
        assert_eq!(free.insert("customers").columns(["id", "name"]).row((2, "A")).execute().await.expect("a row"), 1);
        let builder = Database::builder(db.dsn_rw().parse().expect("a DSN")).validator(customers::table);
        let told = builder.open_read_write().await.expect("a handle");
        for insert in [told.insert("customers"), told.insert(customers::table)] {
            let refused = insert.columns(["id", "name", "age"]).row((2, "A", 150)).execute().await;
            assert_eq!(shown(&refused.expect_err("violations")), codes);
        }
        assert_eq!(
            told.insert(customers::table).columns(["id", "name"]).row((3, "Ada")).execute().await.expect("a row"),
            1
        );
        assert_eq!(told.table(customers::table).select(all()).count().await.expect("a count"), 2);
    })
    .await;
}
