//! Relations that are made of themselves.

use portcullis::{
    Database, Dialect, ErrorKind, Frame, ReadOnly, SqlType, all, col, count, exists, lit, on, recursive, sum, table,
};

use super::snapshot::{t, u};
use crate::support::{self, TestDatabase, check};

async fn people(db: &TestDatabase) -> Database<ReadOnly> {
    db.execute_setup(&[
        "CREATE TABLE people (id integer NOT NULL, boss integer, name varchar(10) NOT NULL, share decimal(5, 2) NOT NULL)",
        "INSERT INTO people VALUES (1, NULL, 'Ann', 1), (2, 1, 'Bob', 0.5), (3, 1, 'Cid', 0.25), (4, 2, 'Dee', 0.5), (5, 4, 'Eve', 0.1)",
        // A ring, and a way into it.
        "CREATE TABLE ways (a integer NOT NULL, b integer NOT NULL)",
        "INSERT INTO ways VALUES (1, 2), (2, 3), (3, 1), (9, 1)",
    ])
    .await;
    db.read_only().await
}

/// The people below one, at any distance.
fn below(db: &Database<ReadOnly>, name: &str) -> Frame {
    let people = || db.table("people");
    let anchor = people().where_(col("name").eq(name)).select(("id", "name", lit(0).as_("level")));
    recursive("below", anchor).step(|below| {
        people().join(below, on(col("boss").eq(col("id").of("below")))).select((
            col("id").of("people"),
            col("name").of("people"),
            (col("level") + 1).as_("level"),
        ))
    })
}

#[tokio::test]
async fn a_recursion_follows_a_tree_to_its_end() {
    support::each(async |db| {
        let db = people(db).await;
        check(&db, below(&db, "Ann").order_by("id"), &["1|Ann|0", "2|Bob|1", "3|Cid|1", "4|Dee|2", "5|Eve|3"]).await;
        check(&db, below(&db, "Bob").where_(col("level").gt(0)).select("name").order_by("name"), &["Dee", "Eve"]).await;
        check(&db, below(&db, "Nobody"), &[]).await;
        check(
            &db,
            below(&db, "Ann").group_by("level").agg(count(all()).as_("n")).order_by("level"),
            &["0|1", "1|2", "2|1", "3|1"],
        )
        .await;
        // Used twice, joined, in a subquery.
        let tree = below(&db, "Ann");
        check(
            &db,
            tree.clone()
                .join(db.table("people"), on(col("id").of("below").eq(col("boss"))))
                .select((col("name").of("people"), "level"))
                .order_by(col("name").of("people")),
            &["Bob|0", "Cid|0", "Dee|1", "Eve|2"],
        )
        .await;
        check(&db, tree.clone().union_all(tree).agg(count(all())), &["10"]).await;
        check(
            &db,
            db.table("people").where_(col("id").in_(below(&db, "Bob").select("id"))).agg(sum(col("id"))),
            &["11"],
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_recursion_makes_rows_up_to_its_depth() {
    support::each(async |db| {
        let db = people(db).await;
        let numbers = |most: u32| {
            let one = db.table("people").where_(col("id").eq(1)).select(lit(1).as_("n"));
            recursive("numbers", one).max_depth(most).step(|n| n.select((col("n") + 1).as_("n")))
        };
        check(&db, numbers(3).order_by("n"), &["1", "2", "3", "4"]).await;
        check(&db, numbers(0), &["1"]).await;
        check(&db, numbers(5000).agg((count(all()).as_("k"), sum(col("n")).as_("s"))), &["5001|12507501"]).await;
        // Past what a small integer, a short text and a narrow decimal hold.
        let one = db.table("people").where_(col("id").eq(1)).select(("id", "name", "share"));
        let grown = recursive("grown", one).max_depth(3).step(|it| {
            it.join(db.table("people").where_(col("id").eq(5)).select(col("name").as_("more")), on(col("id").gt(0)))
                .select(((col("id") * 100_000).as_("id"), col("more").as_("name"), (col("share") + 900).as_("share")))
        });
        check(
            &db,
            grown.where_(col("id").lt(100_000_000_000_000_000_i64)).order_by("id").select(("id", "name", "share")),
            &["1|Ann|1.00d", "100000|Eve|901.00d", "10000000000|Eve|1801.00d", "1000000000000000|Eve|2701.00d"],
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_distinct_recursion_ends_in_a_ring() {
    support::each(async |db| {
        let db = people(db).await;
        let reached = |from: i64| {
            let anchor = db.table("ways").where_(col("a").eq(from)).select("b");
            recursive("reached", anchor).distinct().step(|reached| {
                db.table("ways").join(reached, on(col("a").eq(col("b").of("reached")))).select(col("b").of("ways"))
            })
        };
        check(&db, reached(9).order_by("b"), &["1", "2", "3"]).await;
        check(&db, reached(5), &[]).await;
        // Text is told apart by code point, also from its own rows.
        let one = db.table("people").where_(col("id").eq(1)).select(lit("a").as_("name"));
        let texts = recursive("texts", one).distinct().step(|it| it.select(lit("A").as_("name")));
        check(&db, texts.order_by("name"), &["A", "a"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_recursion_that_is_long_is_as_long_on_every_database() {
    support::each(async |db| {
        let db = people(db).await;
        let one = db.table("people").where_(col("id").eq(1)).select(lit(1).as_("n"));
        let counted = recursive("counted", one)
            .distinct()
            .step(|it| it.where_(col("n").lt(3000)).select((col("n") + 1).as_("n")));
        check(&db, counted.agg(count(all())), &["3000"]).await;
    })
    .await;
}

#[test]
fn a_recursion_of_a_shape_that_sql_has_not_is_refused() {
    let start = || recursive("r", table(t::table).select(["id", "g"]));
    let code = |frame: Frame| frame.to_sql_for(Dialect::Postgres).unwrap_err().code().to_owned();
    assert_eq!(code(start().step(|_| table(t::table).select(["id", "g"]))), "recursive.step");
    assert_eq!(code(start().step(|r| r.clone().cross_join(r).select(["id", "g"]))), "recursive.step");
    assert_eq!(code(start().step(|r| r.limit(3))), "recursive.shape");
    assert_eq!(code(start().step(|r| r.group_by("id").agg(sum(col("g")).as_("g")))), "recursive.shape");
    assert_eq!(code(start().step(|r| r.distinct())), "recursive.shape");
    assert_eq!(code(start().step(|r| r.union_all(table(t::table).select(["id", "g"])))), "recursive.shape");
    assert_eq!(code(start().step(|r| table(t::table).where_(exists(r)).select(["id", "g"]))), "recursive.shape");
    let filled =
        |r: Frame| table(u::table).left_join(r, on(col("t_id").eq(col("id").of("r")))).select((col("id").of("r"), "g"));
    assert_eq!(code(start().step(filled)), "recursive.shape");
    let mut kept = None;
    let _ = start().step(|r| {
        kept = Some(r.clone());
        r
    });
    assert_eq!(code(kept.unwrap()), "recursive.anchor");
    assert_eq!(code(start().step(|r| r.select("id"))), "set.width");
    assert_eq!(code(start().step(|r| r.select(("id", lit("a").as_("g"))))), "set.type");
    let half = |r: Frame| r.select(("id", (col("g") / 2).as_("g")));
    let error = start().step(half).to_sql_for(Dialect::Postgres).unwrap_err();
    assert_eq!((error.code(), error.kind()), ("recursive.type", ErrorKind::Type));
    let cast = |r: Frame| half(r).select(("id", col("g").cast(SqlType::Int64).as_("g")));
    assert!(start().step(cast).to_sql_for(Dialect::Postgres).is_ok());
    assert!(start().step(|r| r).to_sql_for(Dialect::MariaDb).is_ok());
}
