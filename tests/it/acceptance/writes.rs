//! Writes and transactions.

use portcullis::{ErrorKind, col, incoming};

use crate::support::{self, check};

#[tokio::test]
async fn rows_are_inserted_changed_and_deleted() {
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE users (id integer PRIMARY KEY, name varchar(40), version integer NOT NULL)"])
            .await;
        let db = db.read_write().await;
        let rows = [(1, "Alice", 1), (2, "Bob", 1)];
        let inserted = db.insert("users").columns(["id", "name", "version"]).rows(rows).execute().await;
        assert_eq!(inserted.expect("two rows"), 2);
        let changed = db.update("users").set("name", "Bobby").where_(col("id").eq(2)).execute().await;
        assert_eq!(changed.expect("one row"), 1);
        assert_eq!(db.delete("users").where_(col("id").eq(1)).execute().await.expect("one row"), 1);
        check(&db, db.table("users"), &["2|Bobby|1"]).await;
        let changed = db.update("users").set("version", col("version") + 1).where_(col("id").eq(2)).execute().await;
        assert_eq!(changed.expect("one row"), 1);
        check(&db, db.table("users"), &["2|Bobby|2"]).await;
        // A row that is matched counts, changed or not.
        let same = db.update("users").set("name", "Bobby").where_(col("id").eq(2)).execute().await;
        assert_eq!(same.expect("one row"), 1, "on {}", db.dialect());
        assert_eq!(db.update("users").set_null("name").all_rows().execute().await.expect("one row"), 1);
        check(&db, db.table("users"), &["2|null|2"]).await;
        assert_eq!(db.delete("users").all_rows().execute().await.expect("one row"), 1);
        check(&db, db.table("users"), &[]).await;
    })
    .await;
}

#[tokio::test]
async fn an_update_computes_from_the_row_as_it_was() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE pairs (id integer PRIMARY KEY, a integer, b integer)",
            "INSERT INTO pairs VALUES (1, 1, 2)",
        ])
        .await;
        let db = db.read_write().await;
        let one = || col("id").eq(1);
        let next = db.update("pairs").set("a", col("b")).set("b", col("b") + 10).where_(one()).execute().await;
        assert_eq!(next.expect("one row"), 1);
        check(&db, db.table("pairs"), &["1|2|12"]).await;
        let next = db.update("pairs").set("a", 5).set("b", col("a") + 1).where_(one()).execute().await;
        assert_eq!(next.expect("one row"), 1);
        check(&db, db.table("pairs"), &["1|5|3"]).await;
        // MySQL and MariaDB set one column after the other, and no order of the two does this.
        let swapped = db.update("pairs").set("a", col("b")).set("b", col("a")).where_(one()).execute().await;
        if support::mysql_family(db.dialect()) {
            let error = swapped.expect_err("a swap");
            assert_eq!((error.kind(), error.code()), (ErrorKind::Unsupported, "update.swap"));
            check(&db, db.table("pairs"), &["1|5|3"]).await;
        } else {
            assert_eq!(swapped.expect("one row"), 1);
            check(&db, db.table("pairs"), &["1|3|5"]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_insert_that_is_ragged_or_an_update_of_nothing_is_refused_and_no_rows_are_zero() {
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE users (id integer PRIMARY KEY, name varchar(40))"]).await;
        let db = db.read_write().await;
        let ragged = db.insert("users").columns(["id", "name"]).row((1, "Alice")).row((2,)).execute().await;
        let error = ragged.expect_err("a ragged row");
        assert_eq!((error.code(), error.table()), ("insert.ragged", Some("users")));
        assert!(error.to_string().contains("`users`"), "{error}");
        let none = db.insert("users").columns(["id", "name"]).rows(Vec::<(i32, &str)>::new()).execute().await;
        assert_eq!(none.expect("no rows"), 0);
        let nothing = db.update("users").where_(col("id").eq(1)).execute().await;
        assert_eq!(nothing.expect_err("nothing to set").code(), "update.nothing");
        assert_eq!(db.delete("users").execute().await.expect_err("no condition").kind(), ErrorKind::Policy);
        check(&db, db.table("users"), &[]).await;
        assert_eq!(db.insert("users").columns(["id", "name"]).row((1, "Alice")).execute().await.expect("a row"), 1);
        check(&db, db.table("users"), &["1|Alice"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_name_in_mixed_case_is_that_name() {
    support::each(async |db| {
        let quote = if support::mysql_family(db.dialect) { '`' } else { '"' };
        let create =
            format!("CREATE TABLE {quote}Cases{quote} ({quote}Id{quote} integer, {quote}userName{quote} varchar(9))");
        db.execute_setup(&[&create]).await;
        let db = db.read_write().await;
        let rows = [(1, "one"), (2, "two"), (3, "three")];
        db.insert("Cases").columns(["Id", "userName"]).rows(rows).execute().await.expect("rows");
        assert_eq!(db.delete("Cases").where_(col("Id").ne(1)).execute().await.expect("two rows"), 2);
        check(&db, db.table("Cases"), &["1|one"]).await;
        check(&db, db.table("Cases").select("userName").where_(col("Id").eq(1)), &["one"]).await;
        assert_eq!(db.update("Cases").set("userName", "x").where_(col("Id").eq(1)).execute().await.expect("a row"), 1);
        check(&db, db.table("Cases"), &["1|x"]).await;
    })
    .await;
}

#[tokio::test]
async fn an_error_within_a_transaction_leaves_nothing_behind() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE users (id integer PRIMARY KEY, name varchar(40))",
            "INSERT INTO users VALUES (1, 'Alice')",
        ])
        .await;
        let db = db.read_write().await;
        let tx = db.begin().await.expect("a transaction");
        assert_eq!(tx.insert("users").columns(["id", "name"]).row((2, "Bob")).execute().await.expect("a row"), 1);
        assert_eq!(tx.update("users").set("name", "Eve").where_(col("id").eq(1)).execute().await.expect("a row"), 1);
        check(&db, tx.table("users").order_by("id"), &["1|Eve", "2|Bob"]).await;
        let duplicate = tx.insert("users").columns(["id", "name"]).row((1, "Again")).execute().await;
        assert_eq!(duplicate.expect_err("a duplicate key").kind(), ErrorKind::Constraint);
        drop(tx);
        // The rollback runs beside us; a new statement waits for the session, or takes another.
        for _ in 0..50 {
            if db.table("users").count().await.expect("a count") == 1 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        check(&db, db.table("users"), &["1|Alice"]).await;

        let tx = db.begin().await.expect("a transaction");
        let both = tx.insert("users").columns(["id", "name"]).row((3, "Cid")).row((1, "Again")).execute().await;
        assert_eq!(both.expect_err("a duplicate key").kind(), ErrorKind::Constraint);
        tx.rollback().await.expect("a rollback");
        check(&db, db.table("users"), &["1|Alice"]).await;

        let tx = db.begin().await.expect("a transaction");
        assert_eq!(tx.insert("users").columns(["id", "name"]).row((2, "Bob")).execute().await.expect("a row"), 1);
        tx.commit().await.expect("a commit");
        check(&db, db.table("users").order_by("id"), &["1|Alice", "2|Bob"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_frame_of_another_database_runs_there_while_a_transaction_is_open() {
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE here (id integer)"]).await;
        let other = support::TestDatabase::fresh(db.dialect).await.expect("a second database");
        other.execute_setup(&["CREATE TABLE there (id integer)", "INSERT INTO there VALUES (7)"]).await;
        let (db, other) = (db.read_write().await, other.read_write().await);
        let tx = db.begin().await.expect("a transaction");
        assert_eq!(tx.insert("here").columns(["id"]).row([1]).execute().await.expect("a row"), 1);
        check(&other, other.table("there"), &["7"]).await;
        check(&db, tx.table("here"), &["1"]).await;
        tx.rollback().await.expect("a rollback");
        check(&db, db.table("here"), &[]).await;
    })
    .await;
}

#[tokio::test]
async fn constraints_are_enforced() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE owners (id integer PRIMARY KEY, email varchar(40) UNIQUE)",
            "CREATE TABLE pets (id integer PRIMARY KEY, owner integer, price integer, CHECK (price >= 0), \
             FOREIGN KEY (owner) REFERENCES owners (id) ON DELETE CASCADE ON UPDATE CASCADE)",
            "INSERT INTO owners VALUES (1, 'a@x')",
            "INSERT INTO pets VALUES (1, 1, 5)",
        ])
        .await;
        let db = db.read_write().await;
        let twice = db.insert("owners").columns(["id", "email"]).row((2, "a@x")).execute().await;
        assert_eq!(twice.expect_err("unique").kind(), ErrorKind::Constraint);
        let below = db.update("pets").set("price", -1).where_(col("id").eq(1)).execute().await;
        assert_eq!(below.expect_err("check").kind(), ErrorKind::Constraint, "on {}", db.dialect());
        let stray = db.insert("pets").columns(["id", "owner", "price"]).row((2, 99, 1)).execute().await;
        assert_eq!(stray.expect_err("foreign key").kind(), ErrorKind::Constraint, "on {}", db.dialect());
        assert_eq!(db.update("owners").set("id", 10).where_(col("id").eq(1)).execute().await.expect("a row"), 1);
        check(&db, db.table("pets"), &["1|10|5"]).await;
        assert_eq!(db.delete("owners").where_(col("id").eq(10)).execute().await.expect("a row"), 1);
        check(&db, db.table("pets"), &[]).await;
    })
    .await;
}

#[tokio::test]
async fn an_upsert_updates_keeps_or_inserts() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE users (email varchar(40) NOT NULL UNIQUE, name varchar(40))",
            "INSERT INTO users VALUES ('a@x', 'Alice')",
        ])
        .await;
        let db = db.read_write().await;
        let row =
            |email: &'static str, name: &'static str| db.insert("users").columns(["email", "name"]).row((email, name));
        let kept = row("a@x", "Ann").on_conflict("email").do_nothing().execute().await;
        assert_eq!(kept.expect("no row"), 0);
        check(&db, db.table("users"), &["a@x|Alice"]).await;
        let updated = row("a@x", "Ann").on_conflict("email").do_update(|row| row.set("name", incoming("name")));
        assert_eq!(updated.execute().await.expect("a row"), 1);
        check(&db, db.table("users"), &["a@x|Ann"]).await;
        let inserted = row("b@x", "Bob").on_conflict("email").do_update(|row| row.set("name", incoming("name")));
        assert_eq!(inserted.execute().await.expect("a row"), 1);
        check(&db, db.table("users").order_by("email"), &["a@x|Ann", "b@x|Bob"]).await;
        let absent =
            db.insert("users").columns(["name"]).row(["Cid"]).on_conflict("email").do_nothing().execute().await;
        let absent = absent.expect_err("the rows have no such column");
        assert_eq!((absent.kind(), absent.column()), (ErrorKind::Plan, Some("email")));
        check(&db, db.table("users").order_by("email").select("name"), &["Ann", "Bob"]).await;
    })
    .await;
}
