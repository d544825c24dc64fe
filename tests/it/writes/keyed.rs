//! Updates and deletes of many rows by their keys.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use portcullis::{Database, Dialect, ErrorKind, ReadWrite, StatementKind, Stripped, Validator, Value, col, rules};
use rust_decimal::Decimal;

use crate::support::{self, Recorder, TestDatabase};

async fn stock(db: &TestDatabase, validator: Option<Validator>) -> (Database<ReadWrite>, Recorder) {
    db.execute_setup(&[
        "CREATE TABLE stock (place integer, sku varchar(20), qty integer, note varchar(40), PRIMARY KEY (place, sku))",
        "CREATE TABLE items (id integer PRIMARY KEY, qty integer, note varchar(40))",
    ])
    .await;
    let recorder = Recorder::default();
    let mut builder = Database::builder(db.dsn_rw().parse().expect("a DSN")).hook(recorder.clone());
    if let Some(validator) = validator {
        builder = builder.validator(validator);
    }
    (builder.open_read_write().await.expect("a handle"), recorder)
}

async fn items(db: &Database<ReadWrite>, number: i32) {
    let rows = (1..=number).map(|id| (id, id, "old"));
    db.insert("items").columns(["id", "qty", "note"]).rows(rows).execute().await.expect("rows");
}

async fn quantities(db: &Database<ReadWrite>) -> Vec<(i64, Option<i64>)> {
    db.table("items").select(["id", "qty"]).order_by("id").collect_as().await.expect("rows")
}

#[tokio::test]
async fn many_rows_are_changed_each_to_values_of_its_own() {
    support::each(async |db| {
        let (db, recorder) = stock(db, None).await;
        items(&db, 1_000).await;
        recorder.take();
        // Every second one, and some that are not there.
        let rows = (1..=1_100).step_by(2).map(|id| (id, (id % 3 != 0).then_some(id * 10)));
        let update = db.update("items").set("note", "new").by_keys("id").columns(["id", "qty"]).rows(rows);
        assert_eq!(update.execute().await.expect("rows"), 500, "on {}", db.dialect());
        let kinds: Vec<StatementKind> = recorder.ended().into_iter().map(|(kind, _)| kind).collect();
        let updates = kinds.iter().filter(|kind| **kind == StatementKind::Update).count();
        if db.dialect() == Dialect::Sqlite {
            assert_eq!(kinds, [StatementKind::Update], "one statement runs for each of the rows");
        } else {
            assert_eq!(
                (kinds.first(), updates, kinds.last()),
                (Some(&StatementKind::Begin), 6, Some(&StatementKind::Commit))
            );
        }
        for (id, qty) in quantities(&db).await {
            let expected = match id % 2 {
                0 => Some(id),
                _ => (id % 3 != 0).then_some(id * 10),
            };
            assert_eq!(qty, expected, "of {id} on {}", db.dialect());
        }
        assert_eq!(db.table("items").where_(col("note").eq("new")).count().await.expect("a count"), 500);
        let none = db.update("items").by_keys("id").columns(["id", "qty"]).rows(Vec::<(i32, i32)>::new());
        recorder.take();
        assert_eq!((none.execute().await.expect("nothing"), recorder.len()), (0, 0));
        let narrowed = db.update("items").where_(col("id").lt(3)).by_keys("id").columns(["id", "qty"]);
        assert_eq!(narrowed.rows([(1, 0), (2, 0), (3, 0)]).execute().await.expect("rows"), 2);
        let deleted = db.delete("items").by_keys("id", (1..=999).map(|id| [id])).execute().await;
        assert_eq!((deleted.expect("rows"), quantities(&db).await), (999, vec![(1_000, Some(1_000))]));
    })
    .await;
}

/// On SQLite one statement runs for each row; elsewhere a hundred rows are one.
#[tokio::test]
async fn changes_by_keys_that_fail_midway_keep_none_and_their_transaction_goes_on_where_a_failed_statement_lets_it() {
    support::each(async |test| {
        let (db, _) = stock(test, None).await;
        test.execute_setup(&["CREATE UNIQUE INDEX one_note ON items (note)"]).await;
        let rows = (1..=300).map(|id| (id, id, format!("note {id}")));
        db.insert("items").columns(["id", "qty", "note"]).rows(rows).execute().await.expect("rows");
        let before = quantities(&db).await;
        let changes = |last: &'static str| {
            (1..=90).map(move |id| (id, -id, if id == 90 { last.to_owned() } else { format!("new {id}") }))
        };
        let columns = ["id", "qty", "note"];
        let update = db.update("items").by_keys("id").columns(columns).rows(changes("note 200"));
        assert_eq!(update.execute().await.expect_err("a note of another").kind(), ErrorKind::Constraint);
        assert_eq!(quantities(&db).await, before, "on {}", db.dialect());

        let tx = db.begin().await.expect("a transaction");
        assert_eq!(tx.update("items").set("qty", 0).where_(col("id").eq(300)).execute().await.expect("a row"), 1);
        let update = tx.update("items").by_keys("id").columns(columns).rows(changes("note 200"));
        assert_eq!(update.execute().await.expect_err("a note of another").kind(), ErrorKind::Constraint);
        if db.dialect() == Dialect::Postgres {
            assert!(tx.commit().await.is_err());
            assert_eq!(quantities(&db).await, before);
        } else {
            tx.commit().await.expect("a commit");
            let mut expected = before.clone();
            expected[299].1 = Some(0);
            assert_eq!(quantities(&db).await, expected, "on {}", db.dialect());
        }

        let few = db.update("items").max_affected(89).by_keys("id").columns(columns).rows(changes("new 90"));
        assert_eq!(few.execute().await.expect_err("too many").kind(), ErrorKind::TooManyRows);
        assert_eq!(quantities(&db).await[0].1, Some(1), "on {}", db.dialect());
        let enough = db.update("items").max_affected(90).by_keys("id").columns(columns).rows(changes("new 90"));
        assert_eq!(enough.execute().await.expect("rows"), 90);
        assert_eq!(quantities(&db).await[0].1, Some(-1), "on {}", db.dialect());
    })
    .await;
}

#[derive(serde::Serialize)]
struct Line {
    qty: Option<i64>,
    sku: &'static str,
    place: i64,
}

#[tokio::test]
async fn keys_of_several_columns_compare_text_by_code_point() {
    support::each(async |db| {
        let (db, _) = stock(db, None).await;
        let insert = db.insert("stock").columns(["place", "sku", "qty"]);
        insert.rows([(1, "nut", 1), (1, "bolt", 2), (2, "nut", 3), (2, "gear", 4)]).execute().await.expect("rows");
        let lines = [
            Line { qty: Some(10), sku: "nut", place: 1 },
            Line { qty: None, sku: "gear", place: 2 },
            Line { qty: Some(30), sku: "NUT", place: 2 },
            Line { qty: Some(30), sku: "nut ", place: 2 },
        ];
        let update = db.update("stock").by_keys(["place", "sku"]).records(&lines);
        assert_eq!(update.execute().await.expect("rows"), 2, "on {}", db.dialect());
        let all: Vec<(i64, String, Option<i64>)> = db
            .table("stock")
            .select(["place", "sku", "qty"])
            .order_by(["place", "sku"])
            .collect_as()
            .await
            .expect("rows");
        let shown: Vec<_> = all.iter().map(|(place, sku, qty)| (*place, sku.as_str(), *qty)).collect();
        assert_eq!(shown, [(1, "bolt", Some(2)), (1, "nut", Some(10)), (2, "gear", None), (2, "nut", Some(3))]);
        let deleted = db.delete("stock").by_keys(["place", "sku"], [(1, "nut"), (2, "NUT"), (2, "gear"), (3, "nut")]);
        assert_eq!(deleted.execute().await.expect("rows"), 2);
        // What is no key of the table names all rows that have it.
        let update = db.update("stock").by_keys("sku").columns(["sku", "qty"]).rows([("nut", 7), ("bolt", 8)]);
        assert_eq!(update.execute().await.expect("rows"), 2);
    })
    .await;
}

#[tokio::test]
async fn wrong_keys_are_refused_before_anything_is_sent() {
    support::each(async |db| {
        let (db, recorder) = stock(db, None).await;
        items(&db, 3).await;
        recorder.take();
        let update = || db.update("items").by_keys("id").columns(["id", "qty"]);
        let code = |result: portcullis::Result<u64>| result.expect_err("a mistake").code();
        assert_eq!(code(update().rows([(1, 1), (2, 2), (1, 3)]).execute().await), "keys.repeated");
        assert_eq!(code(update().rows([(Some(1), 1), (None, 2)]).execute().await), "keys.null");
        assert_eq!(code(update().rows([vec![1, 1], vec![2]]).execute().await), "insert.ragged");
        let other = db.update("items").by_keys("id").columns(["qty", "note"]).row((1, "x")).execute().await;
        assert_eq!(code(other), "keys.no_value");
        let only_keys = db.update("items").by_keys("id").columns("id").row([1]).execute().await;
        assert_eq!(code(only_keys), "update.nothing");
        let twice = db.update("items").set("qty", 1).by_keys("id").columns(["id", "qty"]).row((1, 1)).execute().await;
        assert_eq!(code(twice), "write.repeated_column");
        let all = db.update("items").all_rows().by_keys("id").columns(["id", "qty"]).row((1, 1)).execute().await;
        assert_eq!(code(all), "keys.more");
        let unknown = db.update("items").by_keys("id").columns(["id", "a.b"]).row((1, 1)).execute().await;
        assert_eq!(code(unknown), "ident.character");
        assert_eq!(code(db.delete("items").by_keys("id", [[Some(1)], [None]]).execute().await), "keys.null");
        assert_eq!(code(db.delete("items").by_keys("id", [[1], [1]]).execute().await), "keys.repeated");
        assert_eq!(code(db.delete("items").by_keys(["id", "id"], [[1, 1]]).execute().await), "write.repeated_column");
        let sent = recorder.ended();
        assert!(sent.iter().all(|(_, outcome)| *outcome == portcullis::OutcomeKind::Denied), "{sent:?}");
        // 1 and 1.0 are one key; a text is another than a number's.
        let numbers = db.delete("items").by_keys("id", [[Decimal::ONE], [Decimal::new(10, 1)]]).execute().await;
        assert_eq!(code(numbers), "keys.repeated");
        assert_eq!(update().rows([(1, 10), (2, 20)]).execute().await.expect("rows"), 2);
    })
    .await;
}

#[tokio::test]
async fn all_rows_are_changed_or_none() {
    support::each(async |db| {
        let (db, _) = stock(db, None).await;
        items(&db, 300).await;
        let before = quantities(&db).await;
        let rows = || (1..=300).map(|id| (id, 0));
        let update = || db.update("items").max_affected(250).by_keys("id").columns(["id", "qty"]);
        let refused = update().rows(rows()).execute().await.expect_err("too many");
        assert_eq!((refused.kind(), quantities(&db).await), (ErrorKind::TooManyRows, before.clone()));
        assert_eq!(update().rows(rows().take(250)).execute().await.expect("rows"), 250);
        let failing = db.update("items").by_keys("id").columns(["id", "note"]);
        let long = (1..=300).map(|id| (id, if id == 290 { "x".repeat(41) } else { "y".to_owned() }));
        if db.dialect() != Dialect::Sqlite {
            assert!(failing.rows(long).execute().await.is_err());
            assert_eq!(db.table("items").where_(col("note").eq("y")).count().await.expect("a count"), 0);
        }
        let tx = db.begin().await.expect("a transaction");
        assert_eq!(
            tx.update("items").by_keys("id").columns(["id", "qty"]).rows(rows()).execute().await.expect("rows"),
            300
        );
        tx.rollback().await.expect("a rollback");
        assert_ne!(quantities(&db).await.last(), Some(&(300, Some(0))));
        let refused = db.delete("items").max_affected(2).by_keys("id", [[1], [2], [3]]).execute().await;
        assert_eq!(refused.expect_err("too many").kind(), ErrorKind::TooManyRows);
        let missing =
            db.delete("items").or_conflict("none of them is there").by_keys("id", [[901], [902]]).execute().await;
        assert_eq!(missing.expect_err("nothing").kind(), ErrorKind::Conflict);
        assert_eq!(db.table("items").count().await.expect("a count"), 300);
    })
    .await;
}

#[tokio::test]
async fn values_of_every_type_arrive_as_they_are() {
    support::each(async |db| {
        let types = match db.dialect {
            Dialect::Postgres => "b boolean, f double precision, d numeric(12,3), t text, y bytea, da date, ti time, ts timestamp, tz timestamptz, u uuid, j jsonb, s smallint",
            Dialect::Sqlite => "b boolean, f real, d decimal(12,3), t text, y blob, da date, ti time, ts timestamp, tz text, u text, j text, s integer",
            _ => "b boolean, f double, d decimal(12,3), t longtext, y longblob, da date, ti time(6), ts datetime(6), tz timestamp(6) null, u varchar(36), j longtext, s smallint",
        };
        let create: &'static str = Box::leak(format!("CREATE TABLE v (id integer PRIMARY KEY, {types})").into_boxed_str());
        db.execute_setup(&[create]).await;
        let handle = db.read_write().await;
        let day = NaiveDate::from_ymd_opt(1969, 2, 28).expect("a date");
        let time = NaiveTime::from_hms_micro_opt(23, 59, 58, 123_456).expect("a time");
        let moment = |year: i32, micros: u32| {
            let day = NaiveDate::from_ymd_opt(year, 7, 8).expect("a date");
            day.and_hms_micro_opt(1, 2, 3, micros).expect("a time")
        };
        let columns = ["id", "b", "f", "d", "t", "y", "da", "ti", "ts", "s"];
        type Row = (i32, Option<bool>, Option<f64>, Option<Decimal>, Option<String>, Option<Vec<u8>>, Option<NaiveDate>, Option<NaiveTime>, Option<NaiveDateTime>, Option<i16>);
        let rows: Vec<Row> = vec![
            (1, Some(true), Some(0.1), Some(Decimal::new(123_456_789, 3)), Some("ÄÖ 'x' \\".to_owned()), Some(vec![0, 255, 39]), Some(day), Some(time), Some(moment(2024, 123_456)), Some(-7)),
            (2, Some(false), Some(-1e300), Some(Decimal::new(-1, 3)), Some(String::new()), Some(vec![]), Some(day), NaiveTime::from_hms_opt(0, 0, 0), Some(moment(1999, 1)), Some(i16::MAX)),
            (3, None, None, None, None, None, None, None, None, None),
            (4, Some(true), Some(2.0), Some(Decimal::new(5, 0)), Some("5".to_owned()), Some(b"text".to_vec()), Some(day), Some(time), Some(moment(1999, 0)), Some(0)),
        ];
        let wide: DateTime<Utc> = moment(2001, 654_321).and_utc();
        let uuid = |number: u128| uuid::Uuid::from_u128(number);
        let rest = ["id", "tz", "u", "j"];
        let others = vec![
            (1, Some(wide), Some(uuid(1)), Some(serde_json::json!({"a": [1, null, "ü"]}))),
            (2, None, Some(uuid(2)), None),
            (3, Some(wide), None, Some(serde_json::json!("text"))),
            (4, None, None, None),
        ];
        // As an insert of single values writes them, so the update of many must.
        handle.insert("v").columns(columns).rows(rows.clone()).execute().await.expect("rows");
        handle.update("v").by_keys("id").columns(rest).rows(others.clone()).execute().await.expect("an update");
        let read = async || -> Vec<Vec<Value>> {
            let rows = handle.table("v").order_by("id").collect().await.expect("rows");
            rows.iter().map(|row| row.values().to_vec()).collect()
        };
        let expected = read().await;
        let clear = handle.update("v").all_rows().set_null("b").set_null("f").set_null("d").set_null("t").set_null("y");
        let clear = clear.set_null("da").set_null("ti").set_null("ts").set_null("s").set_null("tz").set_null("u").set_null("j");
        clear.execute().await.expect("an update");
        handle.update("v").by_keys("id").columns(columns).rows(rows).execute().await.expect("an update");
        for (id, tz, u, j) in others {
            let mut update = handle.update("v").where_(col("id").eq(id));
            update = match tz {
                Some(tz) => update.set("tz", tz),
                None => update.set_null("tz"),
            };
            update = match u {
                Some(u) => update.set("u", u),
                None => update.set_null("u"),
            };
            update = match j {
                Some(j) => update.set("j", j),
                None => update.set_null("j"),
            };
            update.execute().await.expect("an update of one row");
        }
        assert!(read().await == expected, "on {}: {:?} and {:?}", db.dialect, shown(&read().await), shown(&expected));
        assert!(expected[0].iter().all(|value| !value.is_null()) && expected[2][1].is_null());
    })
    .await;
}

fn shown(rows: &[Vec<Value>]) -> Vec<Vec<String>> {
    rows.iter().map(|row| row.iter().map(support::cell).collect()).collect()
}

#[tokio::test]
async fn rules_hold_for_rows_by_keys_and_name_them_by_number() {
    support::each(async |db| {
        let sent = |value: Option<&Value>| value == Some(&Value::Text("sent".to_owned()));
        let validator = Validator::new("items")
            .column("qty", rules().required().range(0..100))
            .check_change("note", "sent", "can't be changed once it is sent", move |_, before| {
                !before.is_some_and(|before| sent(before.get("note")))
            })
            .check_delete("note", "sent.delete", "can't be deleted once it is sent", move |before| {
                !sent(before.get("note"))
            })
            .writable_or_strip(["id", "qty", "note"]);
        let (db, recorder) = stock(db, Some(validator)).await;
        let rows = (1..=150).map(|id| (id, 1, if id == 140 { "sent" } else { "new" }));
        db.insert("items").columns(["id", "qty", "note"]).rows(rows).execute().await.expect("rows");
        recorder.take();
        let update = || db.update("items").by_keys("id").columns(["id", "qty"]);
        let refused = update().rows([(1, Some(5)), (2, Some(100)), (3, None)]).execute().await.expect_err("violations");
        let said: Vec<String> = refused.violations().into_iter().flatten().map(|one| format!("{one:?}")).collect();
        assert_eq!(said, ["row 2 `qty` must be less than 100 [range.max]", "row 3 `qty` must have a value [required]"]);
        let sent = recorder.ended();
        assert!(sent.iter().all(|(_, outcome)| *outcome == portcullis::OutcomeKind::Denied), "{sent:?}");
        assert_eq!(update().rows([(1, 5), (140, 6)]).execute().await.expect("rows"), 2);

        let notes =
            |last: i32| db.update("items").by_keys("id").columns(["id", "note"]).rows((1..=last).map(|id| (id, "x")));
        let refused = notes(150).execute().await.expect_err("a sent one");
        let said: Vec<String> = refused.violations().into_iter().flatten().map(|one| format!("{one:?}")).collect();
        assert_eq!(said, ["row 140 `note` can't be changed once it is sent [sent]"], "on {}", db.dialect());
        assert_eq!(db.table("items").where_(col("note").eq("x")).count().await.expect("a count"), 0);
        assert_eq!(notes(139).execute().await.expect("rows"), 139);
        let refused = db.delete("items").by_keys("id", [[139], [140], [999]]).execute().await.expect_err("a sent one");
        let said: Vec<String> = refused.violations().into_iter().flatten().map(|one| format!("{one:?}")).collect();
        assert_eq!(said, ["row 2 `note` can't be deleted once it is sent [sent.delete]"]);
        assert_eq!(db.delete("items").by_keys("id", [[139], [999]]).execute().await.expect("rows"), 1);
        let by_note = db.update("items").by_keys("qty").columns(["qty", "note"]).row((1, "y")).execute().await;
        assert_eq!(by_note.expect_err("no key").code(), "validation.key");
        let expression =
            db.update("items").set("note", col("note").upper()).by_keys("id").columns(["id", "qty"]).row((1, 1));
        assert_eq!(expression.execute().await.expect_err("no value").code(), "validation.expression");

        let record = serde_json::json!({"id": 1, "qty": 9, "admin": true});
        let silent = db.update("items").by_keys("id").record(&record).execute().await.expect_err("silence");
        assert!(matches!(silent.code(), "validation.not_writable" | "schema.unknown_column"), "{silent:?}");
        let stripped = Stripped::new();
        let update = db.update("items").by_keys("id").record(&record).strip_into(&stripped);
        assert_eq!((update.execute().await.expect("a row"), stripped.columns()), (1, vec!["admin".to_owned()]));
    })
    .await;
}
