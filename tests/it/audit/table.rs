//! Records in a table of a database: complete, chained across processes, and refused when the table is not to be had.

use std::time::Duration;

use portcullis::{AuditLayer, AuditReport, Database, Dialect, ErrorKind, ReadWrite, col};
use serde_json::Value as Json;

use super::{key, verifier};
use crate::support::{self, TestDatabase};

/// As `AuditBuilder::to_table` describes it.
fn table(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::MySql | Dialect::MariaDb => {
            "CREATE TABLE audit_records (seq bigint NOT NULL PRIMARY KEY, time varchar(32) NOT NULL, phase varchar(16) NOT NULL, \
             id varchar(36), line longtext NOT NULL)"
        }
        _ => {
            "CREATE TABLE audit_records (seq bigint NOT NULL PRIMARY KEY, time varchar(32) NOT NULL, phase varchar(16) NOT NULL, \
             id varchar(36), line text NOT NULL)"
        }
    }
}

/// A layer that writes into the test's database.
async fn layer(test: &TestDatabase, deadline: u64) -> AuditLayer {
    let builder = AuditLayer::builder().key(key()).deadline(Duration::from_millis(deadline));
    builder.to_table(&test.read_write().await, "audit_records").await.unwrap()
}

/// Another database, whose statements are recorded.
async fn audited(audit: AuditLayer) -> Database<ReadWrite> {
    let builder = Database::builder("sqlite::memory:".parse().unwrap()).pool_size(4).hook(audit);
    builder.open_read_write().await.unwrap()
}

async fn made(audit: AuditLayer) -> Database<ReadWrite> {
    let db = audited(audit).await;
    db.sql("CREATE TABLE t (id integer PRIMARY KEY)").execute().await.unwrap();
    db
}

async fn insert(db: &Database<ReadWrite>, id: i64) -> Result<(), &'static str> {
    match db.insert("t").columns(["id"]).row([id]).execute().await {
        Ok(_) => Ok(()),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Audit, "{error:?}");
            Err(error.code())
        }
    }
}

async fn log(test: &TestDatabase) -> (AuditReport, Vec<Json>) {
    let db = test.read_write().await;
    let lines: Vec<String> = db.table("audit_records").order_by("seq").select("line").collect_as().await.unwrap();
    let mut verifier = verifier();
    verifier.read("audit_records", (lines.join("\n") + "\n").as_bytes()).unwrap();
    (verifier.finish(), lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[tokio::test]
async fn a_table_holds_every_record_and_none_of_its_own_statements() {
    support::each(async |test| {
        test.execute_setup(&[table(test.dialect)]).await;
        {
            let db = made(layer(test, 5_000).await).await;
            for id in 0..5 {
                insert(&db, id).await.unwrap();
            }
            db.delete("t").execute().await.unwrap_err();
        }
        // The next process goes on with the chain.
        {
            let db = made(layer(test, 5_000).await).await;
            insert(&db, 9).await.unwrap();
        }
        let mut found = log(test).await;
        for _ in 0..300 {
            if found.0.is_closed() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            found = log(test).await;
        }
        let (report, records) = found;
        assert!(report.is_whole() && report.is_closed() && report.unanchored() == 0, "{report}");
        let intents: Vec<&Json> = records.iter().filter(|record| record["phase"] == "intent").collect();
        let of = |name: &str| intents.iter().filter(|record| record["operation"] == name).count();
        assert_eq!((of("RAW"), of("INSERT"), of("DELETE")), (2, 6, 1), "{intents:?}");
        assert!(!intents.iter().any(|record| record["tables"].to_string().contains("audit_records")));
        // Columns beside the line are what it says.
        let one = test.scalar("SELECT id FROM audit_records WHERE seq = 1").await.unwrap();
        assert_eq!(records[0]["id"], one.as_str());
        // A row that somebody changed is seen.
        test.execute_setup(&["UPDATE audit_records SET line = REPLACE(line, 'INSERT', 'SELECT') WHERE seq = 3"]).await;
        let (report, _) = log(test).await;
        assert_eq!(report.broken().unwrap().seq(), 3, "{report}");
    })
    .await;
}

#[tokio::test]
async fn several_processes_share_a_table_and_make_one_chain() {
    support::each(async |test| {
        test.execute_setup(&[table(test.dialect)]).await;
        let (one, two) = (made(layer(test, 10_000).await).await, made(layer(test, 10_000).await).await);
        let work = async |db: &Database<ReadWrite>| {
            for id in 0..12 {
                insert(db, id).await.unwrap();
            }
        };
        tokio::join!(work(&one), work(&two));
        let (report, records) = log(test).await;
        assert!(report.is_whole(), "{report}");
        let inserts = records.iter().filter(|record| record["operation"] == "INSERT").count();
        let ends = records.iter().filter(|record| record["phase"] == "completion").count();
        assert_eq!((inserts, ends), (24, 26));
    })
    .await;
}

#[tokio::test]
async fn a_table_that_is_away_or_held_refuses_and_passes_again_when_it_is_back() {
    support::each(async |test| {
        let db = audited(layer(test, 1_500).await).await;
        // There is none yet.
        let refused = db.sql("CREATE TABLE t (id integer PRIMARY KEY)").execute().await.unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::Audit, "audit.missing_file"));
        test.execute_setup(&[table(test.dialect)]).await;
        // That it is missing is known for a second.
        for _ in 0..200 {
            if db.sql("CREATE TABLE IF NOT EXISTS t (id integer PRIMARY KEY)").execute().await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        insert(&db, 1).await.unwrap();
        // Somebody holds it.
        let holder = test.read_write().await;
        let held = holder.begin().await.unwrap();
        held.update("audit_records").set("phase", col("phase")).all_rows().execute().await.unwrap();
        if test.dialect == Dialect::Postgres {
            held.sql("LOCK TABLE audit_records").execute().await.unwrap();
        }
        let code = insert(&db, 2).await.unwrap_err();
        assert!(["audit.deadline", "audit.unavailable"].contains(&code), "{code}");
        held.rollback().await.unwrap();
        for _ in 0..100 {
            if insert(&db, 3).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let ids: Vec<i64> = db.table("t").order_by("id").select("id").collect_as().await.unwrap();
        assert_eq!(ids, [1, 3]);
        let (report, _) = log(test).await;
        assert!(report.is_whole() && report.gaps() > 0, "{report}");
    })
    .await;
}

#[tokio::test]
async fn a_table_in_memory_is_refused() {
    let db = Database::<ReadWrite>::open("sqlite::memory:".parse().unwrap()).await.unwrap();
    let error = AuditLayer::builder().to_table(&db, "audit_records").await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Audit, "audit.table"));
}
