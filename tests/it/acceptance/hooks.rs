//! Hooks around every kind of statement.

use std::sync::{Arc, Mutex};

use portcullis::{Database, Error, ErrorKind, Hook, Outcome, OutcomeKind, QueryContext, Result, StatementKind, col};

use crate::support;

const SECRET: &str = "s3cret-value";

/// Notes what it sees, and refuses what it is told to.
#[derive(Default)]
struct Witness {
    seen: Mutex<Vec<String>>,
    text: Mutex<String>,
    refused: Mutex<Option<StatementKind>>,
}

impl Witness {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().expect("a lock"))
    }

    fn refuse(&self, kind: Option<StatementKind>) {
        *self.refused.lock().expect("a lock") = kind;
    }
}

impl Hook for Witness {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        if cx.kind() == StatementKind::Catalog {
            return Ok(());
        }
        self.seen.lock().expect("a lock").push(format!("before {}", cx.summary()));
        self.text.lock().expect("a lock").push_str(&format!("{cx:?} {:?}", cx.sql()));
        if Some(cx.kind()) == *self.refused.lock().expect("a lock") {
            return Err(Error::refused("not now"));
        }
        Ok(())
    }

    async fn after(&self, cx: &QueryContext, outcome: &Outcome) {
        if cx.kind() == StatementKind::Catalog {
            return;
        }
        if outcome.kind() == OutcomeKind::Completed {
            assert!(outcome.elapsed() > std::time::Duration::ZERO);
        }
        let counts = format!("{} rows, {} affected", outcome.rows(), outcome.affected());
        self.seen.lock().expect("a lock").push(format!("after {} {}: {counts}", cx.summary(), outcome.kind().name()));
        self.text.lock().expect("a lock").push_str(&format!("{outcome:?} {:?}", outcome.error()));
    }
}

#[tokio::test]
async fn hooks_see_the_start_and_the_end_of_every_kind_of_statement_and_no_value() {
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE t (id integer PRIMARY KEY, name varchar(40))"]).await;
        let witness = Arc::new(Witness::default());
        let open = Database::builder(db.dsn_rw().parse().expect("a DSN")).hook(Arc::clone(&witness));
        let db = open.open_read_write().await.expect("a handle");
        let dialect = db.dialect();
        let done =
            |kind: &str, counts: &str| vec![format!("before {kind}"), format!("after {kind} completed: {counts}")];
        witness.take();

        db.insert("t").columns(["id", "name"]).row((1, SECRET)).row((2, "b")).execute().await.expect("rows");
        assert_eq!(witness.take(), done("INSERT t", "0 rows, 2 affected"), "on {dialect}");
        db.table("t").where_(col("name").eq(SECRET)).collect().await.expect("a row");
        assert_eq!(witness.take(), done("SELECT t", "1 rows, 0 affected"), "on {dialect}");
        let mut stream = db.table("t").where_(col("name").ne(SECRET)).stream().await.expect("a stream");
        assert_eq!(witness.take(), ["before SELECT t"], "on {dialect}");
        while stream.next().await.transpose().expect("a row").is_some() {}
        drop(stream);
        for _ in 0..100 {
            if !witness.seen.lock().expect("a lock").is_empty() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(witness.take(), ["after SELECT t completed: 1 rows, 0 affected"], "on {dialect}");
        db.update("t").set("name", SECRET).where_(col("name").eq(SECRET)).execute().await.expect("a row");
        assert_eq!(witness.take(), done("UPDATE t", "0 rows, 1 affected"), "on {dialect}");
        db.delete("t").where_(col("name").eq(SECRET)).execute().await.expect("a row");
        assert_eq!(witness.take(), done("DELETE t", "0 rows, 1 affected"), "on {dialect}");
        db.sql("CREATE TABLE made (id integer)").execute().await.expect("a table");
        assert_eq!(witness.take().len(), 2, "on {dialect}");

        let failed = db.insert("t").columns(["id", "name"]).row((2, SECRET)).execute().await;
        assert_eq!(failed.expect_err("a duplicate").kind(), ErrorKind::Constraint);
        assert_eq!(witness.take(), ["before INSERT t", "after INSERT t failed: 0 rows, 0 affected"], "on {dialect}");
        let refused = db.delete("t").execute().await;
        assert_eq!(refused.expect_err("no condition").kind(), ErrorKind::Policy);
        assert_eq!(witness.take(), ["before DELETE t", "after DELETE t denied: 0 rows, 0 affected"], "on {dialect}");

        let tx = db.begin().await.expect("a transaction");
        tx.insert("t").columns(["id", "name"]).row((3, SECRET)).execute().await.expect("a row");
        tx.rollback().await.expect("a rollback");
        let seen = witness.take();
        let kinds: Vec<&str> = seen.iter().map(String::as_str).collect();
        assert_eq!(
            kinds,
            [
                "before BEGIN",
                "after BEGIN completed: 0 rows, 0 affected",
                "before INSERT t",
                "after INSERT t completed: 0 rows, 1 affected",
                "before ROLLBACK",
                "after ROLLBACK completed: 0 rows, 0 affected",
            ],
            "on {dialect}"
        );
        let text = witness.text.lock().expect("a lock").clone();
        assert!(!text.contains(SECRET), "on {dialect}: {text}");
        assert!(text.contains("name"), "the hooks saw the text");
    })
    .await;
}

#[tokio::test]
async fn a_refusing_hook_stops_each_kind_of_statement_before_it_is_sent() {
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE t (id integer PRIMARY KEY)", "INSERT INTO t VALUES (1)"]).await;
        let witness = Arc::new(Witness::default());
        let open = Database::builder(db.dsn_rw().parse().expect("a DSN")).hook(Arc::clone(&witness));
        let (db, plain) = (open.open_read_write().await.expect("a handle"), db.read_write().await);
        let refused = |result: Result<u64>| {
            assert_eq!(result.expect_err("refused").code(), "hook.refused");
        };
        witness.refuse(Some(StatementKind::Insert));
        refused(db.insert("t").columns(["id"]).row([2]).execute().await);
        witness.refuse(Some(StatementKind::Update));
        refused(db.update("t").set("id", 5).where_(col("id").eq(1)).execute().await);
        witness.refuse(Some(StatementKind::Delete));
        refused(db.delete("t").where_(col("id").eq(1)).execute().await);
        witness.refuse(Some(StatementKind::Raw));
        refused(db.sql("DELETE FROM t").execute().await);
        witness.refuse(Some(StatementKind::Select));
        refused(db.table("t").count().await);
        assert_eq!(db.table("t").stream().await.expect_err("refused").code(), "hook.refused");
        witness.refuse(Some(StatementKind::Begin));
        assert_eq!(db.begin().await.expect_err("refused").code(), "hook.refused");
        assert_eq!(plain.table("t").collect_as::<i64>().await.expect("rows"), [1], "on {}", db.dialect());
        witness.refuse(None);
        assert_eq!(db.insert("t").columns(["id"]).row([2]).execute().await.expect("a row"), 1);
    })
    .await;
}
