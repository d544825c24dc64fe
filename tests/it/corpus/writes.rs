//! Every value through records, frames, upserts, matched writes and what they give back.

use std::collections::BTreeMap;

use portcullis::{Dialect, col, incoming, using, values as rows_of};

use super::list::payloads;
use crate::support::TestDatabase;

async fn through_every_write(db: TestDatabase) {
    let text = match db.dialect {
        Dialect::MariaDb | Dialect::MySql => "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        _ => "text",
    };
    db.execute_setup(&[
        &format!("CREATE TABLE notes (id bigint NOT NULL PRIMARY KEY, body {text}, copy {text})"),
        &format!("CREATE TABLE other (id bigint NOT NULL PRIMARY KEY, body {text})"),
    ])
    .await;
    let handle = db.read_write().await;
    let taken = |value: &&String| db.dialect != Dialect::Postgres || !value.contains('\0');
    let values: Vec<&String> = payloads().iter().filter(taken).collect();
    let total = values.len() as u64;
    let numbered = || (0_i64..).zip(&values).map(|(id, value)| (id, (*value).clone()));
    let expect = async |table: &str, column: &str| {
        let frame = handle.table(table).order_by("id").select(column);
        let found: Vec<Option<String>> = frame.collect_as().await.unwrap();
        let same = found.iter().map(Option::as_deref).eq(values.iter().map(|value| Some(value.as_str())));
        assert!(same && found.len() == values.len(), "{table}.{column} on {}", db.dialect);
    };

    // Records, all of them in one call.
    let records = numbered().map(|(id, body)| {
        BTreeMap::from([("id", serde_json::Value::from(id)), ("body", serde_json::Value::from(body))])
    });
    assert_eq!(handle.insert("notes").records(records).execute().await.unwrap(), total);
    expect("notes", "body").await;

    // An upsert that takes the incoming value, and one that finds everything there.
    let upsert = handle.insert("notes").columns(["id", "copy"]).rows(numbered()).on_conflict("id");
    let upsert = upsert.do_update(|row| row.set("copy", incoming("copy")));
    assert_eq!(upsert.execute().await.unwrap(), total);
    expect("notes", "copy").await;
    let nothing = handle.insert("notes").columns(["id", "copy"]).rows(numbered().map(|(id, _)| (id, "lost")));
    assert_eq!(nothing.on_conflict("id").do_nothing().execute().await.unwrap(), 0);
    expect("notes", "copy").await;

    // New rows of an upsert, of which MySQL makes selects.
    let nothing = handle.insert("other").columns(["id", "body"]).rows(numbered()).on_conflict("id").do_nothing();
    assert_eq!(nothing.execute().await.unwrap(), total);
    expect("other", "body").await;
    assert_eq!(handle.delete("other").all_rows().execute().await.unwrap(), total);

    // A frame, and a match by the value itself: no value takes another for its own.
    let frame = handle.table("notes").select(["id", "body"]);
    assert_eq!(handle.insert("other").select(frame.by_name()).execute().await.unwrap(), total);
    expect("other", "body").await;

    for part in values.chunks(100).step_by(9) {
        let first = values.iter().position(|value| value == &part[0]).unwrap() as i64;
        let given: Vec<(i64, String)> = (first..).zip(part).map(|(id, value)| (id, (*value).clone())).collect();
        let update = handle.update("other").from(rows_of(["key", "new"], given.clone()), col("id").eq(col("key")));
        assert_eq!(update.set("body", col("new")).execute().await.unwrap(), part.len() as u64);
        for (id, value) in given.iter().step_by(10) {
            let update = handle.update("other").set("body", value.clone()).where_(col("body").eq(value.clone()));
            let found: Vec<(i64, String)> = update.returning(("id", "body")).collect_as().await.unwrap();
            assert_eq!(found, [(*id, value.clone())], "on {}", db.dialect);
            let gone = handle.delete("other").where_(col("id").eq(*id) & col("body").eq(value.clone()));
            assert_eq!(gone.returning("body").one_as::<String>().await.unwrap(), *value);
            let back = handle.insert("other").columns(["id", "body"]).row((*id, value.clone()));
            assert_eq!(back.returning("body").one_as::<String>().await.unwrap(), *value, "on {}", db.dialect);
        }
    }
    expect("other", "body").await;

    let merge = handle.merge("other").using(handle.table("notes"), using("id"));
    let merge = merge.when_matched_update(|row| row.set("body", col("copy")));
    let merge = merge.when_not_matched_insert(|row| row.set("id", col("id")).set("body", col("copy")));
    handle.delete("other").where_((col("id") % 3).eq(0)).execute().await.unwrap();
    assert_eq!(merge.execute().await.unwrap(), total);
    expect("other", "body").await;
    let gone = handle.delete("other").using(handle.table("notes"), using("id")).where_(col("body").eq(col("copy")));
    assert_eq!(gone.execute().await.unwrap(), total);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_value_passes_every_kind_of_write_as_it_was() {
    let mut running = Vec::new();
    for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MariaDb] {
        if let Some(db) = TestDatabase::fresh(dialect).await {
            running.push(tokio::spawn(through_every_write(db)));
        }
    }
    for task in running {
        if let Err(failed) = task.await {
            std::panic::resume_unwind(failed.into_panic());
        }
    }
}
