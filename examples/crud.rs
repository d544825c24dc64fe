//! Create, read, update and delete behind an API: a typed table with rules, versions against lost changes, and violations as JSON.
//!
//! cargo run --example crud

use portcullis::{Database, ErrorKind, ReadWrite, Result, Returning, Stripped, Value, column, rules, table};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

table! {
    customers {
        id: i64,
        name: String => rules().required().length(1..=40),
        email: Option<String> => rules().pattern(r"[^@\s]+@[^@\s]+\.[a-z]+"),
        age: Option<i64> => rules().range(0..150),
        state: Option<String> => rules().one_of(["new", "known", "closed"]),
        version: i64 => rules().trust_expressions(),
    } => |customers| {
        customers
            .writable_or_strip(["name", "email", "age", "state", "version"])
            .check_change("state", "state.closed", "can't be opened again", |new, before| {
                let closed = Some(&Value::Text("closed".to_owned()));
                before.is_none_or(|before| before.get("state") != closed || new.get("state") == closed)
            })
    };
}

#[derive(Debug, Serialize, Deserialize)]
struct Customer {
    id: i64,
    name: String,
    email: Option<String>,
    state: Option<String>,
    version: i64,
}

/// What an API answers.
fn answer<T: Serialize>(result: Result<T>) -> String {
    match result {
        Ok(value) => format!("200 {}", json!(value)),
        Err(error) => match (error.kind(), error.violations()) {
            (ErrorKind::Validation, Some(violations)) => format!("422 {}", json!(violations)),
            (ErrorKind::Policy, _) => format!("403 {error}"),
            (ErrorKind::Conflict, _) => format!("409 {error}"),
            (ErrorKind::RowCount, _) => "404".to_owned(),
            _ => format!("500 {}", error.code()),
        },
    }
}

const SHOWN: [&str; 5] = ["id", "name", "email", "state", "version"];

/// A field that a client may not set is left out, and the answer says so.
async fn create(db: &Database<ReadWrite>, body: &Json) -> Result<(Customer, Vec<String>)> {
    let left_out = Stripped::new();
    let insert: Returning = db.insert(customers::table).record(body).strip_into(&left_out).returning(SHOWN);
    Ok((insert.one_as().await?, left_out.columns()))
}

async fn read(db: &Database<ReadWrite>, id: i64) -> Result<Customer> {
    db.table(customers::table).where_(customers::id.eq(id)).select(SHOWN).one_as().await
}

/// `version` is the one that the client has read: if somebody was quicker, nothing is lost.
async fn update(db: &Database<ReadWrite>, id: i64, version: i64, state: &str) -> Result<u64> {
    let update = db.update(customers::table).set("state", state).where_(customers::id.eq(id));
    update.expect_version("version", version).execute().await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // The handle is told of the rules too, so that they hold when the table is named by text.
    let db = Database::builder("sqlite::memory:".parse()?).validator(customers::table).open_read_write().await?;
    let id = column("id", portcullis::SqlType::Int64).identity();
    let version = column("version", portcullis::SqlType::Int64).not_null().default(1);
    db.create_table(customers::table).column(id).column(version).execute().await?;

    println!("create: {}", answer(create(&db, &json!({"name": "Ada", "email": "ada@example.org", "id": 77})).await));
    let bad = json!({"name": "", "email": "nobody", "age": 200});
    println!("create: {}", answer(create(&db, &bad).await));
    println!("create: {}", answer(create(&db, &json!({"name": "Eve", "state": "new"})).await));
    println!("read:   {}", answer(read(&db, 1).await));
    println!("update: {}", answer(update(&db, 1, 1, "known").await));
    println!("update: {}", answer(update(&db, 1, 1, "closed").await));
    println!("update: {}", answer(update(&db, 1, 2, "closed").await));
    println!("update: {}", answer(update(&db, 1, 3, "new").await));
    println!("update: {}", answer(db.update("customers").set("id", 9).where_(customers::id.eq(1)).execute().await));
    println!("delete: {}", answer(db.delete(customers::table).by_keys("id", [[1], [2]]).execute().await));
    println!("read:   {}", answer(read(&db, 1).await));
    Ok(())
}
