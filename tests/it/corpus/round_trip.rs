//! Every value goes into a real database and comes back as it was, and touches no row but its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::{
    Database, Dialect, Dsn, ErrorKind, Hook, QueryContext, ReadWrite, Result, StatementKind, Transaction, all_of, case,
    coalesce, col, count, lit,
};

use super::list::payloads;
use crate::support::{self, TestDatabase};

/// Counts each text that is sent.
#[derive(Default)]
struct Texts(Mutex<BTreeMap<String, usize>>);

impl Hook for Texts {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        if let (Some(sql), true) = (cx.sql(), cx.kind() != StatementKind::Catalog) {
            *self.0.lock().unwrap().entry(sql.to_owned()).or_default() += 1;
        }
        Ok(())
    }
}

/// Raw SQL is not kept prepared, and on MariaDB the statement after it waits some 40 ms for the network; many wait together.
const SESSIONS: usize = 24;

const PATIENCE: Duration = Duration::from_secs(120);

const SENTINEL: &str = "a row that nobody asked for";

async fn handle(db: &TestDatabase) -> (Database<ReadWrite>, Arc<Texts>) {
    let (text, index) = match db.dialect {
        // A hash index, because a B-tree takes no entry beyond a third of a page.
        Dialect::Postgres => ("text", "CREATE INDEX notes_body ON notes USING hash (body)"),
        Dialect::Sqlite => ("text", "CREATE INDEX notes_body ON notes (body)"),
        _ => {
            ("longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin", "CREATE INDEX notes_body ON notes (body(64))")
        }
    };
    db.execute_setup(&[
        &format!("CREATE TABLE notes (id bigint NOT NULL PRIMARY KEY, body {text} NOT NULL, copy {text})"),
        &format!("CREATE TABLE log (id bigint NOT NULL PRIMARY KEY, body {text} NOT NULL)"),
        index,
    ])
    .await;
    let texts = Arc::new(Texts::default());
    let dsn: Dsn = db.dsn_rw().parse().unwrap();
    // MySQL's sessions are opened anew after raw SQL, thousands of them here: on a busy machine one may take long.
    let handle = Database::builder(dsn).pool_size(SESSIONS).hook(Arc::clone(&texts)).connect_timeout(PATIENCE);
    let handle = handle.acquire_timeout(PATIENCE).open_read_write().await.unwrap();
    (handle, texts)
}

/// Reads the row of `value` with a value in every place of the statement that takes one.
async fn read_everywhere(tx: &Transaction<ReadWrite>, id: i64, value: &str, patterns: bool) {
    let body = || col("body");
    let mut frame = tx.table("notes").where_(all_of([
        body().eq(value),
        body().in_([value]),
        body().between(value, value),
        body().le(value) & body().ge(value),
        lit(value).eq(body()),
    ]));
    if patterns {
        frame = frame.where_(all_of([body().contains(value), body().starts_with(value), body().ends_with(value)]));
    }
    let rows = frame
        .select((
            "id",
            "body",
            case().when(body().eq(value), value).otherwise("another").as_("c"),
            coalesce([col("copy"), lit(value)]).as_("d"),
            lit(value).as_("l"),
        ))
        .collect_as::<(i64, String, String, String, String)>()
        .await
        .unwrap_or_else(|error| panic!("{value:?}: {error:?}"));
    let same = value.to_owned();
    assert_eq!(rows, [(id, same.clone(), same.clone(), same.clone(), same)], "{value:?}");
}

async fn read_raw(db: &Database<ReadWrite>, id: i64, value: &str) {
    let raw = db.sql("SELECT id, :value AS given FROM notes WHERE body = :value").bind("value", value);
    let rows = raw.collect_as::<(i64, String)>().await.unwrap_or_else(|error| panic!("{value:?}: {error:?}"));
    assert_eq!(rows, [(id, value.to_owned())], "{value:?}");
}

async fn write(tx: &Transaction<ReadWrite>, id: i64, value: &str) {
    let updated =
        tx.update("notes").set("copy", value).where_(col("id").eq(id) & col("body").eq(value)).execute().await;
    assert_eq!(updated.unwrap(), 1, "update {value:?}");
    let inserted = tx.insert("log").columns(["id", "body"]).row((id, value)).execute().await;
    assert_eq!(inserted.unwrap(), 1, "insert {value:?}");
}

async fn delete(tx: &Transaction<ReadWrite>, value: &str) {
    let deleted = tx.delete("notes").where_(col("body").eq(value)).execute().await;
    assert_eq!(deleted.unwrap(), 1, "delete {value:?}");
}

async fn round_trip(db: TestDatabase) {
    let started = std::time::Instant::now();
    let (handle, texts) = handle(&db).await;
    let taken = |value: &&String| db.dialect != Dialect::Postgres || !value.contains('\0');
    let values: Vec<&String> =
        payloads().iter().filter(taken).filter(|value| *value != SENTINEL && *value != "x").collect();
    let patterns = |value: &str| db.dialect != Dialect::Sqlite || !value.contains('\0');

    // The value x writes down which texts there are.
    let insert = handle.insert("notes").columns(["id", "body"]);
    insert.clone().row((-1, "x")).execute().await.unwrap();
    insert.row((-2, SENTINEL)).execute().await.unwrap();
    read_raw(&handle, -1, "x").await;
    let tx = handle.begin().await.unwrap();
    read_everywhere(&tx, -1, "x", true).await;
    read_everywhere(&tx, -1, "x", false).await;
    write(&tx, -1, "x").await;
    delete(&tx, "x").await;
    tx.commit().await.unwrap();
    handle.delete("log").all_rows().execute().await.unwrap();
    let many = |value: &dyn Fn(usize) -> String| {
        let rows: Vec<_> = (0..values.len()).map(|place| (place as i64, value(place))).collect();
        handle.insert("notes").columns(["id", "body"]).rows(rows)
    };
    many(&|place| format!("x{place}")).execute().await.unwrap();
    handle.delete("notes").where_(col("id").ge(0)).execute().await.unwrap();
    let known: Vec<String> = texts.0.lock().unwrap().keys().cloned().collect();
    assert!(known.len() >= 8, "{known:#?}");

    // Every value, in one statement; then each by itself, in every place.
    assert_eq!(many(&|place| values[place].clone()).execute().await.unwrap(), values.len() as u64);
    let tx = handle.begin().await.unwrap();
    for (place, value) in values.iter().enumerate() {
        read_everywhere(&tx, place as i64, value, patterns(value)).await;
        write(&tx, place as i64, value).await;
    }
    tx.commit().await.unwrap();

    let numbered: Vec<(i64, &String)> = (0..).zip(values.iter().copied()).collect();
    for chunk in numbered.chunks(SESSIONS) {
        futures_util::future::join_all(chunk.iter().map(|(id, value)| read_raw(&handle, *id, value))).await;
    }

    // The whole tables, for what the statements before should have left alone.
    let rows: Vec<(i64, String, Option<String>)> = handle.table("notes").order_by("id").collect_as().await.unwrap();
    assert_eq!(rows[0], (-2, SENTINEL.to_owned(), None));
    assert_eq!(rows.len(), values.len() + 1);
    for (value, (id, body, copy)) in values.iter().zip(&rows[1..]) {
        assert_eq!((body, copy.as_ref()), (*value, Some(*value)), "row {id}");
    }
    let rows: Vec<(i64, String)> = handle.table("log").order_by("id").collect_as().await.unwrap();
    assert!(rows.iter().map(|(_, body)| body).eq(values.iter().copied()));

    lists(&handle, &values).await;
    counts(&handle, &values).await;

    let tx = handle.begin().await.unwrap();
    for value in &values {
        delete(&tx, value).await;
    }
    tx.commit().await.unwrap();
    let rows: Vec<(i64, String)> = handle.table("notes").select(["id", "body"]).collect_as().await.unwrap();
    assert_eq!(rows, [(-2, SENTINEL.to_owned())]);

    for (text, times) in texts.0.lock().unwrap().iter() {
        // The statements on whole tables have texts of their own, and each was sent once or for a sample.
        assert!(known.contains(text) || *times < values.len() / 2, "sent {times} times: {text}");
    }
    let each: usize =
        texts.0.lock().unwrap().iter().filter(|(text, _)| known.contains(text)).map(|(_, times)| times).sum();
    assert!(each > values.len() * 5);
    support::say(&format!(
        "values on {}: {} strings, {each} statements in {} texts, {:?}",
        db.dialect,
        values.len(),
        known.len(),
        started.elapsed()
    ));
}

/// Lists of all values, beyond and below the length from which they are one bind.
async fn lists(handle: &Database<ReadWrite>, values: &[&String]) {
    let found = async |list: Vec<String>| -> Vec<i64> {
        let frame = handle.table("notes").where_(col("body").in_(list)).order_by("id").select(["id"]);
        frame.collect_as().await.unwrap()
    };
    let everything: Vec<i64> = (0..values.len() as i64).collect();
    assert_eq!(found(values.iter().map(|value| (*value).clone()).collect()).await, everything);
    for chunk in values.chunks(60).enumerate().step_by(7) {
        let (number, chunk) = chunk;
        let start = number as i64 * 60;
        let wanted: Vec<i64> = (start..start + chunk.len() as i64).collect();
        assert_eq!(found(chunk.iter().map(|value| (*value).clone()).collect()).await, wanted);
    }
    // Near misses find nothing: nothing is cut, padded or folded.
    let known: std::collections::HashSet<&String> = values.iter().copied().collect();
    for change in [|it: &str| format!("{it} "), |it: &str| format!("{it}\u{1}"), |it: &str| format!("\\{it}")] {
        let misses: Vec<String> = values.iter().map(|it| change(it)).filter(|it| !known.contains(it)).collect();
        assert_eq!(found(misses).await, Vec::<i64>::new());
    }
    if handle.dialect() != Dialect::Postgres {
        let misses: Vec<String> = values.iter().map(|it| format!("{it}\0tail")).collect();
        let frame = handle.table("notes").where_(col("body").in_(misses)).select(["id"]);
        assert_eq!(frame.collect_as::<i64>().await.unwrap(), Vec::<i64>::new());
    }
}

/// How many rows a pattern finds is what the same search in memory finds.
async fn counts(handle: &Database<ReadWrite>, values: &[&String]) {
    let sqlite = handle.dialect() == Dialect::Sqlite;
    // SQLite's LIKE reads a text up to its first NUL; the values that hold one are left out there.
    let rows: Vec<&str> = values.iter().map(|it| it.as_str()).filter(|it| !sqlite || !it.contains('\0')).collect();
    let skipped: Vec<i64> =
        (0..).zip(values).filter(|(_, it)| sqlite && it.contains('\0')).map(|(place, _)| place).collect();
    let short = ["%", "_", "\\", "'", "\"", "a", "%%", "_%", "\\%", "1=1", ";", "--", "' or", "*", "?", "[a]"];
    for value in rows.iter().copied().step_by(60).chain(short) {
        let number = |condition: portcullis::Expr| count(case().when(condition, 1).end());
        let body = || col("body");
        let counted: (i64, i64, i64) = handle
            .table("notes")
            .where_(col("id").ge(0) & col("id").not_in(skipped.clone()))
            .agg((
                number(body().contains(value)).as_("c"),
                number(body().starts_with(value)).as_("s"),
                number(body().ends_with(value)).as_("e"),
            ))
            .one_as()
            .await
            .unwrap();
        let expected = |test: &dyn Fn(&str) -> bool| rows.iter().filter(|row| test(row)).count() as i64;
        assert_eq!(
            counted,
            (
                expected(&|row| row.contains(value)),
                expected(&|row| row.starts_with(value)),
                expected(&|row| row.ends_with(value))
            ),
            "{value:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_value_comes_back_as_it_was_and_touches_no_other_row() {
    let mut running = Vec::new();
    for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MariaDb] {
        if let Some(db) = TestDatabase::fresh(dialect).await {
            running.push(tokio::spawn(round_trip(db)));
        }
    }
    for task in running {
        if let Err(failed) = task.await {
            std::panic::resume_unwind(failed.into_panic());
        }
    }
}

#[tokio::test]
async fn postgres_refuses_nul_in_a_value_without_showing_it() {
    support::on(&[Dialect::Postgres], async |db| {
        let (handle, _) = handle(db).await;
        let notes = || handle.table("notes");
        let values: Vec<&String> = payloads().iter().filter(|value| value.contains('\0')).collect();
        assert!(values.len() > 3);
        for value in values {
            let value = value.as_str();
            let refused = [
                notes().where_(col("body").eq(value)).collect().await.map(drop),
                notes().where_(col("body").in_([value])).collect().await.map(drop),
                notes().where_(col("body").contains(value)).collect().await.map(drop),
                notes().select([lit(value).as_("l")]).collect().await.map(drop),
                handle.insert("notes").columns(["id", "body"]).row((1, value)).execute().await.map(drop),
                handle.update("notes").set("body", value).all_rows().execute().await.map(drop),
                handle.delete("notes").where_(col("body").eq(value)).execute().await.map(drop),
                handle.sql("SELECT :v AS v").bind("v", value).collect().await.map(drop),
            ];
            for result in refused {
                let error = result.expect_err("NUL passed");
                assert_eq!(error.kind(), ErrorKind::Encode, "{value:?}: {error:?}");
                let shown = format!("{error} {error:?}");
                assert!(!shown.chars().any(char::is_control), "{shown:?}");
                let part = value.split('\0').max_by_key(|part| part.len()).unwrap();
                assert!(part.len() < 5 || !shown.contains(part), "{part:?} in {shown:?}");
            }
        }
        // The session is as good as before, and the twin without NUL passes.
        assert_eq!(handle.insert("notes").columns(["id", "body"]).row((1, "a")).execute().await.unwrap(), 1);
        assert_eq!(notes().where_(col("body").eq("a")).count().await.unwrap(), 1);
    })
    .await;
}
