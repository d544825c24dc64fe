//! Joins whose right side sees the left one.

use portcullis::{Dialect, ErrorKind, all, col, count, outer, sum, table};

use super::snapshot::{t, u};
use crate::support::{self, check};

#[tokio::test]
async fn a_lateral_join_gives_rows_for_each_row() {
    support::on(&[Dialect::Postgres], async |db| {
        db.execute_setup(&[
            "CREATE TABLE t (id bigint NOT NULL, g bigint NOT NULL)",
            "INSERT INTO t VALUES (1, 1), (2, 1), (3, 2)",
            "CREATE TABLE u (id bigint NOT NULL, t_id bigint, x bigint NOT NULL)",
            "INSERT INTO u VALUES (1, 1, 10), (2, 1, 20), (3, 1, 30), (4, 2, 40)",
        ])
        .await;
        let db = db.read_only().await;
        let largest =
            || db.table("u").where_(col("t_id").eq(outer("id"))).order_by(col("x").desc()).limit(2).select("x");
        check(
            &db,
            db.table("t").join_lateral(largest()).select(["id", "x"]).order_by((col("id"), col("x"))),
            &["1|20", "1|30", "2|40"],
        )
        .await;
        check(
            &db,
            db.table("t").left_join_lateral(largest()).select(["id", "x"]).order_by((col("id"), col("x"))),
            &["1|20", "1|30", "2|40", "3|null"],
        )
        .await;
        let total = || {
            db.table("u")
                .where_(col("t_id").eq(outer("id").of("t")))
                .agg((sum(col("x")).as_("s"), count(all()).as_("n")))
        };
        check(
            &db,
            db.table("t").join_lateral(total()).where_(col("n").gt(0)).select(["id", "s"]).order_by("id"),
            &["1|60", "2|40"],
        )
        .await;
        check(&db, db.table("t").limit(2).join_lateral(total()).agg(sum(col("n"))), &["4"]).await;
        check(
            &db,
            db.table("t")
                .join_lateral(total())
                .join_lateral(db.table("u").where_(col("x").gt(outer("s") / 2)).agg(count(all()).as_("k")))
                .select(["id", "k"])
                .order_by("id"),
            &["1|1", "2|2", "3|0"],
        )
        .await;
    })
    .await;
}

#[test]
fn databases_without_lateral_joins_refuse_them_by_name() {
    let frame = || table(t::table).join_lateral(table(u::table).where_(u::t_id.eq(outer("id"))).limit(1).select("x"));
    for dialect in [Dialect::Sqlite, Dialect::MariaDb] {
        let error = frame().to_sql_for(dialect).unwrap_err();
        assert_eq!((error.code(), error.kind()), ("join.lateral", ErrorKind::Unsupported));
    }
    let text = frame().select(["id", "x"]).to_sql_for(Dialect::MySql).unwrap();
    assert_eq!(
        text.sql(),
        "SELECT `t`.`id`, `t_2`.`x` FROM `t` INNER JOIN LATERAL (SELECT `u`.`x` FROM `u` WHERE `u`.`t_id` = `t`.`id` LIMIT ?) AS `t_2` ON TRUE"
    );
}
