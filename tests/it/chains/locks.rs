//! Row locks.

use portcullis::{Dialect, ErrorKind, Frame, all, col, count, on, table};

use super::snapshot::{t, u};
use crate::support;

#[tokio::test]
async fn a_lock_holds_rows_until_its_transaction_ends() {
    support::on(&support::SERVERS, async |test| {
        test.execute_setup(&[
            "CREATE TABLE jobs (id integer NOT NULL PRIMARY KEY, done integer NOT NULL)",
            "INSERT INTO jobs VALUES (1, 0), (2, 0), (3, 0)",
        ])
        .await;
        let db = test.read_write().await;
        let (one, other) = (db.begin().await.unwrap(), db.begin().await.unwrap());
        let ids = |rows: portcullis::Rows| support::lines(&rows);
        let first = one.table("jobs").order_by("id").limit(1).for_update().collect().await.unwrap();
        assert_eq!(ids(first), ["1|0"]);
        let free = other.table("jobs").order_by("id").for_update().skip_locked().collect().await.unwrap();
        assert_eq!(ids(free), ["2|0", "3|0"]);
        let refused = one.table("jobs").where_(col("id").eq(2)).for_share().nowait().collect().await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Database, "{refused:?}");
        drop(one);
        other.rollback().await.unwrap();
        // The terminals that limit a frame keep its lock.
        let last = db.begin().await.unwrap();
        assert!(last.table("jobs").where_(col("id").eq(1)).for_share().optional().await.unwrap().is_some());
        last.rollback().await.unwrap();
        // Outside of a transaction, and on a read-only handle, there is nothing to hold.
        let outside = db.table("jobs").for_update().collect().await.unwrap_err();
        assert_eq!(outside.code(), "lock.transaction");
        let reader = test.read_only().await;
        let denied = reader.table("jobs").for_update().collect().await.unwrap_err();
        assert_eq!((denied.code(), denied.kind()), ("policy.read_only", ErrorKind::Policy));
        assert_eq!(reader.table("jobs").count().await.unwrap(), 3);
    })
    .await;
}

#[test]
fn a_lock_is_the_last_word_of_a_select_of_tables() {
    let t = || table(t::table).select("id");
    let text = |frame: Frame, dialect| frame.to_sql_for(dialect).unwrap().sql().to_owned();
    assert_eq!(text(t().for_update(), Dialect::Postgres), r#"SELECT "id" FROM "t" FOR UPDATE"#);
    assert_eq!(text(t().for_share().nowait(), Dialect::Postgres), r#"SELECT "id" FROM "t" FOR SHARE NOWAIT"#);
    assert_eq!(
        text(t().for_share().skip_locked(), Dialect::MariaDb),
        "SELECT `id` FROM `t` LOCK IN SHARE MODE SKIP LOCKED"
    );
    assert_eq!(text(t().for_share(), Dialect::MySql), "SELECT `id` FROM `t` FOR SHARE");
    let code = |frame: Frame| frame.to_sql_for(Dialect::Postgres).unwrap_err().code().to_owned();
    assert_eq!(code(t().skip_locked()), "lock.wait");
    assert_eq!(code(t().for_update().for_share()), "lock.twice");
    assert_eq!(code(t().for_update().skip_locked().nowait()), "lock.twice");
    assert_eq!(code(t().for_update().where_(col("id").eq(1))), "lock.place");
    assert_eq!(code(t().union(t().for_update())), "lock.place");
    assert_eq!(code(t().distinct().for_update()), "lock.shape");
    assert_eq!(code(t().union(t()).for_update()), "lock.shape");
    assert_eq!(code(table(t::table).agg(count(all())).for_update()), "lock.shape");
    let joined = |kind: fn(Frame, Frame, portcullis::Expr) -> Frame| {
        kind(table(t::table), table(u::table), u::t_id.eq(t::id)).select((t::id, "x")).for_update()
    };
    assert_eq!(code(joined(|one, other, by| one.left_join(other, on(by)))), "lock.shape");
    assert!(joined(|one, other, by| one.join(other, on(by))).to_sql_for(Dialect::Postgres).is_ok());
    let error = t().for_update().to_sql_for(Dialect::Sqlite).unwrap_err();
    assert_eq!((error.code(), error.kind()), ("lock.unsupported", ErrorKind::Unsupported));
}
