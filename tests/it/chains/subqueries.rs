//! Subqueries: rows, text, what they may see, and what is refused.

use portcullis::{
    Dialect, ErrorKind, Expr, all, all_of, any_of, avg, case, col, count, exists, lit, max, min, not_exists, on, outer,
    scalar, sum, table, window,
};

use super::snapshot::{Tables, p, t, u};
use crate::support::{self, check, check_any_order};

#[tokio::test]
async fn exists_sees_the_relation_around_it() {
    let tables = Tables::new().await;
    tables
        .case(
            |from| from.t().where_(exists(from.u().where_(col("t_id").eq(outer("id"))))).select("id").order_by("id"),
            &["1", "3"],
            &[
                r#"SELECT "t"."id" FROM "t" WHERE EXISTS(SELECT NULL FROM "u" WHERE "u"."t_id" = "t"."id") ORDER BY "t"."id" ASC"#,
            ],
        )
        .await;
    // Typed columns of a relation that is not in the subquery are those of the one around it.
    tables
        .case(
            |from| from.t().where_(not_exists(from.u().where_(u::t_id.eq(t::id)))).select("id").order_by("id"),
            &["2", "4", "5"],
            &[
                r#"SELECT "t"."id" FROM "t" WHERE NOT EXISTS(SELECT NULL FROM "u" WHERE "u"."t_id" = "t"."id") ORDER BY "t"."id" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| from.t().where_(exists(from.u().where_(col("x").gt(400)))).agg(count(all())),
            &["5"],
            &[r#"SELECT COUNT(*) AS "count" FROM "t" WHERE EXISTS(SELECT NULL FROM "u" WHERE "u"."x" > ?1)"#],
        )
        .await;
    tables
        .case(
            |from| {
                let paid = from.p().where_(p::u_id.eq(u::id));
                let used = from.u().where_(u::t_id.eq(outer("id")) & exists(paid.where_(p::y.gt(t::g))));
                from.t().where_(exists(used)).select("id").order_by("id")
            },
            &["1", "3"],
            &[
                r#"SELECT "t"."id" FROM "t" WHERE EXISTS(SELECT NULL FROM "u" WHERE "u"."t_id" = "t"."id" AND EXISTS(SELECT NULL FROM "p" WHERE "p"."u_id" = "u"."id" AND "p"."y" > "t"."g")) ORDER BY "t"."id" ASC"#,
            ],
        )
        .await;
}

#[tokio::test]
async fn in_a_frame_is_in_its_column() {
    let tables = Tables::new().await;
    tables
        .case(
            |from| from.u().where_(col("t_id").in_(from.t().where_(col("g").eq(1)).select("id"))).select("x").order_by("x"),
            &["100", "200"],
            &[
                r#"SELECT "u"."x" FROM "u" WHERE "u"."t_id" IN (SELECT "t"."id" FROM "t" WHERE "t"."g" = ?1) ORDER BY "u"."x" ASC"#,
            ],
        )
        .await;
    // A NULL among the values: no row is surely not among them.
    tables
        .case(
            |from| from.t().where_(t::id.not_in(from.u().select("t_id"))).select("id"),
            &[],
            &[r#"SELECT "t"."id" FROM "t" WHERE "t"."id" NOT IN (SELECT "u"."t_id" FROM "u")"#],
        )
        .await;
    tables
        .case(
            |from| from.t().where_(t::id.in_(from.u().order_by(col("x").desc()).limit(3).select("t_id"))).select("id"),
            &["3"],
            &[
                r#"SELECT "t"."id" FROM "t" WHERE "t"."id" IN (SELECT "u"."t_id" FROM "u" ORDER BY "u"."x" DESC LIMIT ?1)"#,
                r#"MariaDB: SELECT "t"."id" FROM "t" WHERE "t"."id" IN (SELECT "t_2"."t_id" FROM (SELECT "u"."x", "u"."t_id" FROM "u" ORDER BY "u"."x" DESC LIMIT ?1) AS "t_2")"#,
            ],
        )
        .await;
    tables
        .case(
            |from| from.t().where_(t::id.in_(from.p().select("id").union(from.p().select("y")))).select("id").order_by("id"),
            &["1", "2", "3"],
            &[
                r#"SELECT "t"."id" FROM "t" WHERE "t"."id" IN (SELECT "p"."id" FROM "p" UNION SELECT "p_2"."y" FROM "p" AS "p_2") ORDER BY "t"."id" ASC"#,
                r#"PostgreSQL: SELECT "t"."id" FROM "t" WHERE "t"."id" IN (SELECT "p"."id" FROM "p" UNION (SELECT "p_2"."y" FROM "p" AS "p_2")) ORDER BY "t"."id" ASC"#,
                r#"MariaDB: SELECT "t"."id" FROM "t" WHERE "t"."id" IN (SELECT "p"."id" FROM "p" UNION (SELECT "p_2"."y" FROM "p" AS "p_2")) ORDER BY "t"."id" ASC"#,
            ],
        )
        .await;
}

#[tokio::test]
async fn scalar_gives_one_value_to_any_expression() {
    let tables = Tables::new().await;
    tables
        .case(
            |from| from.t().select(("id", (scalar(from.t().agg(max(col("v")))) - col("v")).as_("below"))).order_by("id"),
            &["1|30", "2|20", "3|10", "4|0", "5|30"],
            &[
                r#"SELECT "t"."id", (SELECT MAX("t_2"."v") AS "max_v" FROM "t" AS "t_2") - "t"."v" AS "below" FROM "t" ORDER BY "t"."id" ASC"#,
            ],
        )
        .await;
    tables
        .case(
            |from| {
                let total = from.u().where_(u::t_id.eq(t::id)).agg(sum(u::x).as_("total"));
                from.t().with_column("total", scalar(total)).where_(col("total").gt(200)).select(("id", "total")).order_by((col("total").desc(), "id"))
            },
            &["1|300", "3|300"],
            &[
                r#"SELECT "id", "total" FROM (SELECT (SELECT SUM("u"."x") AS "total" FROM "u" WHERE "u"."t_id" = "t"."id") AS "total", "t"."id" FROM "t") AS "t_2" WHERE "total" > ?1 ORDER BY "total" DESC NULLS FIRST, "id" ASC"#,
                r#"PostgreSQL: SELECT "id", "total" FROM (SELECT (SELECT SUM("u"."x") AS "total" FROM "u" WHERE "u"."t_id" = "t"."id") AS "total", "t"."id" FROM "t") AS "t_2" WHERE "total" > ?1 ORDER BY "total" DESC, "id" ASC"#,
                r#"MariaDB: SELECT "id", "total" FROM (SELECT (SELECT SUM("u"."x") AS "total" FROM "u" WHERE "u"."t_id" = "t"."id") AS "total", "t"."id" FROM "t") AS "t_2" WHERE "total" > ?1 ORDER BY "total" IS NULL DESC, "total" DESC, "id" ASC"#,
            ],
        )
        .await;
}

#[tokio::test]
async fn subqueries_stand_wherever_an_expression_does() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE o (id bigint NOT NULL, c bigint, total decimal(10, 2), note varchar(20))",
            "INSERT INTO o VALUES (1, 1, 10, 'a'), (2, 1, 20, 'A'), (3, 2, 30, NULL), (4, NULL, 40, 'b')",
            "CREATE TABLE c (id bigint NOT NULL, name varchar(20), vip boolean NOT NULL)",
            "INSERT INTO c VALUES (1, 'a', true), (2, 'b', false), (3, 'C', true)",
        ])
        .await;
        let db = db.read_only().await;
        let (o, c) = (|| db.table("o"), || db.table("c"));
        let vips = || c().where_(col("vip")).select("id");
        check(&db, o().where_(col("c").in_(vips())).select("id").order_by("id"), &["1", "2"]).await;
        check(&db, o().where_(!col("c").in_(vips())).select("id"), &["3"]).await;
        check(&db, o().where_(col("c").not_in(vips())).select("id"), &["3"]).await;
        check(
            &db,
            o().where_(not_exists(c().where_(col("id").eq(outer("c")) & col("vip")))).select("id").order_by("id"),
            &["3", "4"],
        )
        .await;
        // Text is equal by code point.
        check(&db, o().where_(col("note").in_(c().select("name"))).select("id").order_by("id"), &["1", "4"]).await;
        check(&db, c().where_(col("name").eq(scalar(o().where_(col("id").eq(2)).select("note")))).select("id"), &[])
            .await;
        check(&db, c().where_(col("name").eq(scalar(o().where_(col("id").eq(1)).select("note")))).select("id"), &["1"])
            .await;
        // In a projection, a CASE, a sort key.
        let orders = || o().where_(col("c").eq(outer("id"))).agg(count(all()).as_("n"));
        check(
            &db,
            c().select(("id", scalar(orders()).as_("n"), exists(o().where_(col("c").eq(outer("id")))).as_("some")))
                .order_by((col("n").desc(), "id")),
            &["1|2|true", "2|1|true", "3|0|false"],
        )
        .await;
        check(&db, c().order_by((scalar(orders()).desc(), "id")).select("id"), &["1", "2", "3"]).await;
        let many = case().when(scalar(orders()).gt(1), "many").otherwise("few");
        check(&db, c().select(("id", many.as_("how"))).order_by("id"), &["1|many", "2|few", "3|few"]).await;
        // As a key of groups, inside an aggregate, beside one, after one.
        check(
            &db,
            c().group_by([scalar(orders()).as_("n")]).agg(count(all()).as_("k")).order_by("n"),
            &["0|1", "1|1", "2|1"],
        )
        .await;
        check(&db, c().agg(sum(scalar(orders())).as_("n")), &["3"]).await;
        check(
            &db,
            o().group_by("c")
                .agg((
                    sum(col("total")).as_("t"),
                    scalar(c().where_(col("id").eq(outer("c"))).select("name")).as_("name"),
                ))
                .order_by(("t", "c")),
            &["1|30.00d|a", "2|30.00d|b", "null|40.00d|null"],
        )
        .await;
        check(
            &db,
            o().group_by("c")
                .agg(sum(col("total")).as_("t"))
                .where_(col("t").gt(scalar(o().agg(avg(col("total"))))))
                .select("c")
                .order_by("c"),
            &["1", "2", "null"],
        )
        .await;
        check(
            &db,
            o().group_by([(col("id") % 2).as_("odd")])
                .agg(sum(col("id")).as_("s"))
                .where_(exists(c().where_(col("id").lt(outer("s")) & col("id").eq(outer("odd") + 1))))
                .order_by("odd"),
            &["0|6", "1|4"],
        )
        .await;
        // In the condition of a join.
        check(
            &db,
            o().join(
                c(),
                on(col("c").eq(col("id").of("c"))
                    & col("total").eq(scalar(o().where_(col("c").eq(outer("id").of("c"))).agg(max(col("total")))))),
            )
            .select((col("id").of("o"), "name"))
            .order_by("id"),
            &["2|a", "3|b"],
        )
        .await;
        check(
            &db,
            c().left_join(
                o(),
                on(col("c").eq(col("id").of("c")) & exists(c().where_(col("id").eq(outer("c")) & col("vip")))),
            )
            .agg(count(col("total"))),
            &["2"],
        )
        .await;
        // After a limit, and of a limited relation.
        check(&db, o().order_by("id").limit(2).where_(col("c").in_(vips())).select("id").order_by("id"), &["1", "2"])
            .await;
        check(&db, o().where_(exists(c().limit(0))), &[]).await;
        check(&db, o().where_(exists(c().where_(col("id").gt(9)).agg(count(all())))).agg(count(all())), &["4"]).await;
        // The subquery's own columns hide those around it.
        check(&db, o().where_(exists(c().where_(col("id").eq(3)))).agg(count(all())), &["4"]).await;
        let newest = || o().where_(col("c").eq(outer("c").of("first"))).agg(min(col("id")));
        check(&db, o().as_("first").where_(col("id").eq(scalar(newest()))).select("id").order_by("id"), &["1", "3"])
            .await;
    })
    .await;
}

#[tokio::test]
async fn more_than_one_row_for_one_value_is_an_error_on_every_database() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE n (id bigint NOT NULL, name varchar(9))",
            "INSERT INTO n VALUES (1, 'a'), (2, 'b')",
        ])
        .await;
        let db = db.read_only().await;
        let name = |rows: portcullis::Frame| {
            db.table("n").where_(col("id").eq(1)).select(scalar(rows.select("name")).as_("it"))
        };
        let n = || db.table("n");
        assert_eq!(name(n()).collect().await.unwrap_err().kind(), ErrorKind::Database, "{}", db.dialect());
        assert_eq!(name(n().order_by("id")).collect().await.unwrap_err().kind(), ErrorKind::Database);
        check(&db, name(n().order_by("id").limit(1)), &["a"]).await;
        check(&db, name(n().where_(col("id").eq(2))), &["b"]).await;
        check(&db, name(n().where_(col("id").eq(3))), &["null"]).await;
        check(&db, name(n().where_(col("id").eq(outer("id")))), &["a"]).await;
    })
    .await;
}

#[test]
fn what_a_subquery_can_not_be_is_refused() {
    let code = |frame: portcullis::Frame| frame.to_sql_for(Dialect::Postgres).unwrap_err().code().to_owned();
    let (outside, inside) = (|| table(t::table), || table(u::table));
    assert_eq!(code(outside().where_(t::id.in_(inside()))), "subquery.columns");
    assert_eq!(code(outside().select(scalar(inside().select(["id", "x"])).as_("it"))), "subquery.columns");
    assert_eq!(code(outside().where_(t::name.in_(inside().select("x")))), "type.clash");
    assert_eq!(code(outside().where_(col("id").eq(outer("id")))), "subquery.outer");
    assert_eq!(
        code(outside().where_(exists(inside().where_(col("id").eq(outer("nothing")))))),
        "schema.unknown_column"
    );
    // The subquery's own scope is not left by chance.
    assert_eq!(code(outside().where_(exists(inside().where_(col("name").eq("a"))))), "schema.unknown_column");
    assert_eq!(
        code(outside().where_(exists(inside().agg(sum(outer("v")).as_("s")).where_(col("s").gt(1))))),
        "subquery.aggregate"
    );
    assert!(
        outside()
            .where_(exists(inside().agg(sum(outer("v") + col("x")).as_("s")).where_(col("s").gt(1))))
            .to_sql_for(Dialect::Postgres)
            .is_ok()
    );
    // MariaDB doesn't see the columns around in a subselect of FROM.
    let nested =
        || outside().where_(exists(inside().where_(u::t_id.eq(t::id)).order_by("x").limit(3).where_(col("x").gt(100))));
    let error = nested().to_sql_for(Dialect::MariaDb).unwrap_err();
    assert_eq!((error.code(), error.kind()), ("subquery.nested", ErrorKind::Unsupported));
    assert!(nested().to_sql_for(Dialect::Postgres).is_ok());
    // Nor are subqueries nested without end.
    let mut frame = inside();
    for _ in 0..20 {
        frame = inside().where_(exists(frame));
    }
    assert_eq!(code(frame), "limit.subqueries");
}

#[test]
fn a_deep_tree_of_subqueries_is_dropped_without_recursion() {
    let mut frame = table("t");
    for _ in 0..100_000 {
        frame = table("t").where_(exists(frame));
    }
    assert_eq!(frame.to_sql_for(Dialect::Sqlite).unwrap_err().kind(), ErrorKind::Limit);
    drop(frame);
}

/// What a subquery is asked about a group or a window is the same in a projection as in a condition, and each time it is asked.
#[tokio::test]
async fn groups_and_windows_are_looked_up_in_frames_again_and_again() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE f (id bigint NOT NULL, g bigint, v bigint)",
            "CREATE TABLE s (k bigint, w bigint)",
            "INSERT INTO f VALUES (1, 1, 10), (2, 1, 20), (3, 2, 5), (4, 2, NULL), (5, 3, 7)",
            "INSERT INTO s VALUES (20, 1), (7, 2), (99, 3)",
        ])
        .await;
        let db = db.read_only().await;
        let keys = || db.table("s").select("k");
        let grouped = || db.table("f").group_by("g").agg(max(col("v")).as_("most"));
        let windowed = || db.table("f").with_column("run", sum(col("v")).over(window().order_by("id")));
        let largest = || scalar(db.table("s").limit(10).agg(max(col("w")).as_("w")));
        let flag = |condition| case().when(condition, 1).otherwise(0);
        let frames = [
            ("having", grouped().where_(col("most").in_(keys())).order_by("g").select("g"), vec!["1", "3"]),
            (
                "select",
                grouped().with_column("hit", flag(col("most").in_(keys()))).order_by("g").select(["g", "hit"]),
                vec!["1|1", "2|0", "3|1"],
            ),
            ("order", grouped().order_by((flag(col("most").in_(keys())).desc(), "g")).select("g"), vec!["1", "3", "2"]),
            (
                "aggregate",
                db.table("f").group_by("g").agg(flag(max(col("v")).in_(keys())).as_("hit")).order_by("g"),
                vec!["1|1", "2|0", "3|1"],
            ),
            (
                "window",
                db.table("f")
                    .with_column("hit", flag(sum(col("v")).over(window().order_by("id")).in_(keys())))
                    .order_by("id")
                    .select(["id", "hit"]),
                vec!["1|0", "2|0", "3|0", "4|0", "5|0"],
            ),
            (
                "condition on a window",
                db.table("f")
                    .where_(max(col("v")).over(window().partition_by("g")).in_(keys()))
                    .order_by("id")
                    .select("id"),
                vec!["1", "2", "5"],
            ),
            (
                "exists",
                grouped().where_(exists(db.table("s").where_(col("k").eq(outer("most"))))).order_by("g").select("g"),
                vec!["1", "3"],
            ),
            (
                "semi",
                grouped().semi_join(db.table("s"), on(col("most").eq(col("k")))).order_by("g").select("g"),
                vec!["1", "3"],
            ),
            (
                "window, then subquery",
                windowed()
                    .with_column("w", largest())
                    .where_(col("w").lt(col("run")) & not_exists(db.table("s").where_(col("k").eq(outer("v")))))
                    .order_by("id")
                    .select(["id", "run", "w"]),
                vec!["1|10|3", "3|35|3", "4|35|3"],
            ),
            (
                "subquery, then window",
                db.table("f")
                    .with_column("w", largest())
                    .with_column("run", sum(col("v")).over(window().order_by("id")))
                    .where_(col("w").lt(col("run")) & not_exists(db.table("s").where_(col("k").eq(outer("v")))))
                    .order_by("id")
                    .select(["id", "run", "w"]),
                vec!["1|10|3", "3|35|3", "4|35|3"],
            ),
            (
                "window in a frame",
                windowed()
                    .with_column("hit", flag(col("run").in_(db.table("s").select((col("k") + 10).as_("k")))))
                    .order_by("id")
                    .select(["id", "hit"]),
                vec!["1|0", "2|1", "3|0", "4|0", "5|0"],
            ),
        ];
        let mut wrong = Vec::new();
        for (name, frame, expected) in frames {
            for time in 1..=3 {
                match frame.collect().await {
                    Ok(rows) => {
                        let found: Vec<String> = rows
                            .iter()
                            .map(|row| row.values().iter().map(support::cell).collect::<Vec<_>>().join("|"))
                            .collect();
                        if found != expected {
                            wrong.push(format!("{name}, time {time}: {found:?}"));
                        }
                    }
                    Err(error) => wrong.push(format!("{name}, time {time}: {error} {:?}", error.sqlstate())),
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    })
    .await;
}

/// MySQL looked a computed double up among the integers of a limited frame as if it were rounded.
#[tokio::test]
async fn a_double_is_asked_for_among_integers_as_it_is() {
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE w (v bigint)", "INSERT INTO w VALUES (0), (1), (2), (NULL)"]).await;
        let db = db.read_only().await;
        let few = || db.table("w").where_(col("v").is_not_null()).limit(9).select("v");
        let asked = |condition| db.table("w").where_(condition).select("v");
        check_any_order(&db, asked((lit(0.5) + 0.25).in_(few())), &[]).await;
        check_any_order(&db, asked(!(lit(0.5) + 0.25).in_(few())), &["0", "1", "2", "null"]).await;
        check_any_order(&db, asked((lit(0.75) + 0.25).in_(few())), &["0", "1", "2", "null"]).await;
        check_any_order(&db, asked((col("v") / 2).in_(few())), &["0", "2"]).await;
    })
    .await;
}

#[tokio::test]
async fn what_stands_beside_a_condition_that_nothing_meets_is_left_out() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE t (id integer, f double precision)",
            "INSERT INTO t VALUES (1, 0.5), (2, NULL)",
        ])
        .await;
        let db = db.read_only().await;
        let (none, all) = (|| any_of(Vec::<Expr>::new()), || all_of(Vec::<Expr>::new()));
        let list: Vec<f64> = (0..120).map(f64::from).collect();
        for kept in [lit(0.25).abs().in_(list.clone()), col("f").in_(list), lit(0.25).eq(1.0)] {
            let found = async |condition: Expr| {
                let rows = db.table("t").where_(condition).select("id").order_by("id").collect().await;
                support::lines(&rows.unwrap_or_else(|error| panic!("on {}: {error}", db.dialect())))
            };
            for never in
                [none() & kept.clone(), kept.clone() & none(), kept.clone() & !all(), kept.clone() & (none() | none())]
            {
                assert!(found(never).await.is_empty(), "on {}", db.dialect());
            }
            for ever in [all() | kept.clone(), kept.clone() | !none(), kept | (all() & all())] {
                assert_eq!(found(ever).await, ["1", "2"], "on {}", db.dialect());
            }
        }
    })
    .await;
    let text = |condition: Expr| table("t").where_(condition).select("id").to_sql_for(Dialect::Sqlite).unwrap();
    let never = text((col("id").eq(1) & any_of(Vec::<Expr>::new())) | any_of(Vec::<Expr>::new()));
    assert_eq!(never.sql(), r#"SELECT "id" FROM "t" WHERE FALSE"#);
}
