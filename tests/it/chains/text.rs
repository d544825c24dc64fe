//! Text compares letter by letter, whatever the column's collation or character set.

use portcullis::{
    Dialect, Expr, Frame, all, case, coalesce, col, concat, count, count_distinct, greatest, lit, max, min, on, using,
    values,
};

use crate::support::{self, TestDatabase, check, check_any_order};

/// `words` and `others` with a column that the database by itself compares loosely, or in another order.
async fn words(db: &TestDatabase, kind: &str) {
    db.execute_setup(&[
        &format!("CREATE TABLE words (id integer NOT NULL, w {kind})"),
        &format!("CREATE TABLE others (w {kind}, n integer NOT NULL)"),
    ])
    .await;
    let rw = db.read_write().await;
    let rows =
        [(1, Some("a")), (2, Some("A")), (3, Some("b")), (4, Some("á")), (5, Some("a ")), (6, Some("B")), (7, None)];
    rw.insert("words").columns(["id", "w"]).rows(rows).execute().await.expect("rows");
    let rows = [("a", 1), ("b", 2), ("A ", 3)];
    rw.insert("others").columns(["w", "n"]).rows(rows).execute().await.expect("rows");
}

async fn letter_by_letter(test: &TestDatabase) {
    let db = test.read_only().await;
    let words = || db.table("words");
    let ids = |condition| db.table("words").where_(condition).order_by("id").select("id");
    check(&db, ids(col("w").eq("a")), &["1"]).await;
    check(&db, ids(col("w").eq("a ")), &["5"]).await;
    check(&db, ids(col("w").ne("a")), &["2", "3", "4", "5", "6"]).await;
    check(&db, ids(!col("w").eq("a")), &["2", "3", "4", "5", "6"]).await;
    check(&db, ids(lit("a").eq(col("w"))), &["1"]).await;
    check(&db, ids(col("w").gt("a")), &["3", "4", "5"]).await;
    check(&db, ids(col("w").le("B")), &["2", "6"]).await;
    check(&db, ids(col("w").between("A", "Z")), &["2", "6"]).await;
    check(&db, ids(col("w").not_between("A", "Z")), &["1", "3", "4", "5"]).await;
    check(&db, ids(col("w").in_(["a", "b"])), &["1", "3"]).await;
    check(&db, ids(col("w").not_in(["a", "b"])), &["2", "4", "5", "6"]).await;
    let many = || (0..300).map(|n| format!("x{n}")).chain(["a".to_owned(), "b".to_owned()]).collect::<Vec<_>>();
    check(&db, ids(col("w").in_(many())), &["1", "3"]).await;
    check(&db, ids(col("w").not_in(many())), &["2", "4", "5", "6"]).await;
    let long = || many().into_iter().chain([format!("a{}", "é".repeat(300))]).collect::<Vec<_>>();
    check(&db, ids(col("w").in_(long())), &["1", "3"]).await;
    check(&db, ids(col("w").not_in(long())), &["2", "4", "5", "6"]).await;
    let with_null = || long().into_iter().map(Some).chain([None]).collect::<Vec<_>>();
    check(&db, ids(col("w").in_(with_null())), &["1", "3"]).await;
    check(&db, ids(col("w").not_in(with_null())), &[]).await;
    check(&db, ids(col("w").like("a%")), &["1", "5"]).await;
    check(&db, ids(col("w").like("_")), &["1", "2", "3", "4", "6"]).await;
    check(&db, ids(col("w").contains("á")), &["4"]).await;
    check(&db, ids(col("w").ends_with(" ")), &["5"]).await;
    check(&db, ids(coalesce([col("w"), lit("a")]).eq("a")), &["1", "7"]).await;
    let first = case().when(col("id").gt(3), col("w")).otherwise(lit("A"));
    check(&db, ids(first.eq("A")), &["1", "2", "3"]).await;

    let sorted = words().order_by("w").select("id");
    check(&db, sorted.clone(), &["2", "6", "1", "5", "3", "4", "7"]).await;
    check(&db, words().order_by(col("w").desc()).select("id"), &["7", "4", "3", "5", "1", "6", "2"]).await;
    check(&db, sorted.limit(3).order_by("id"), &["1", "2", "6"]).await;
    check(&db, words().order_by(coalesce([col("w"), lit("a!")])).select("id"), &["2", "6", "1", "5", "7", "3", "4"])
        .await;
    let folded = case().when(col("w").eq("b"), lit("A!")).otherwise(col("w"));
    check(&db, words().order_by(folded).select("id"), &["2", "3", "6", "1", "5", "4", "7"]).await;
    check(&db, words().select("w").distinct().order_by("w"), &["A", "B", "a", "a ", "b", "á", "null"]).await;
    check(
        &db,
        words().group_by("w").agg((min(col("id")).as_("id"), count(all()).as_("n"))).order_by("w").select(["id", "n"]),
        &["2|1", "6|1", "1|1", "5|1", "3|1", "4|1", "7|1"],
    )
    .await;
    check(&db, words().group_by("w").agg(count(all()).as_("n")).where_(col("w").eq("a")), &["a|1"]).await;
    check(&db, words().group_by("w").agg(count(all()).as_("n")).where_(col("w").lt("B")), &["A|1"]).await;
    check(
        &db,
        words().agg((min(col("w")).as_("least"), max(col("w")).as_("most"), count_distinct(col("w")).as_("n"))),
        &["A|á|6"],
    )
    .await;
    check(&db, words().agg(min(coalesce([col("w"), lit("0")])).as_("least")), &["0"]).await;

    check(&db, words().join(db.table("others"), using("w")).order_by("id").select(["id", "n"]), &["1|1", "3|2"]).await;
    check(
        &db,
        words()
            .left_join(db.table("others"), on(col("w").of("words").eq(col("w").of("others"))))
            .order_by("id")
            .select(["id", "n"]),
        &["1|1", "2|null", "3|2", "4|null", "5|null", "6|null", "7|null"],
    )
    .await;
    check(
        &db,
        words().full_join(db.table("others"), using("w")).order_by(["w", "n"]).select(["id", "n"]),
        &["2|null", "null|3", "6|null", "1|1", "5|null", "3|2", "4|null", "7|null"],
    )
    .await;
    check(
        &db,
        words().anti_join(db.table("others"), using("w")).order_by("id").select("id"),
        &["2", "4", "5", "6", "7"],
    )
    .await;
    check(
        &db,
        words()
            .join(db.table("others"), on(col("w").of("words").lt(col("w").of("others"))))
            .order_by(["id", "n"])
            .select(["id", "n"]),
        &["1|2", "2|1", "2|2", "2|3", "5|2", "6|1", "6|2"],
    )
    .await;
    check(&db, words().where_(col("w").eq(col("w"))).agg(count(all())), &["6"]).await;

    let rw = test.read_write().await;
    assert_eq!(rw.update("others").set("n", 10).where_(col("w").eq("a")).execute().await.expect("a row"), 1);
    assert_eq!(rw.delete("others").where_(col("w").eq("A")).execute().await.expect("no row"), 0);
    check(&rw, rw.table("others").order_by("n"), &["b|2", "A |3", "a|10"]).await;
}

#[tokio::test]
async fn text_of_the_default_collation_compares_letter_by_letter() {
    support::each(async |db| {
        words(db, "varchar(20)").await;
        letter_by_letter(db).await;
    })
    .await;
}

#[tokio::test]
async fn mariadb_text_of_any_character_set_compares_letter_by_letter() {
    for kind in [
        "varchar(20) CHARACTER SET utf8mb4",
        "varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        "varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "varchar(20) CHARACTER SET utf8mb4 COLLATE EXACT",
        "varchar(20) CHARACTER SET latin1",
        "varchar(20) CHARACTER SET latin1 COLLATE latin1_german2_ci",
        "text CHARACTER SET utf8mb3",
    ] {
        support::on(&[Dialect::MariaDb, Dialect::MySql], async |db| {
            let exact = if db.dialect == Dialect::MySql { "utf8mb4_0900_bin" } else { "utf8mb4_nopad_bin" };
            let kind = kind.replace("EXACT", exact);
            eprintln!("{kind}");
            words(db, &kind).await;
            letter_by_letter(db).await;
        })
        .await;
    }
}

/// The test server's own collation is "C"; a column may have another.
#[tokio::test]
async fn postgresql_text_of_any_collation_compares_letter_by_letter() {
    for kind in ["varchar(20) COLLATE \"und-x-icu\"", "text COLLATE \"en-x-icu\"", "text COLLATE \"C\""] {
        support::on(&[Dialect::Postgres], async |db| {
            eprintln!("{kind}");
            words(db, kind).await;
            letter_by_letter(db).await;
        })
        .await;
    }
}

/// PostgreSQL refuses to compare columns of two collations, and says so.
#[tokio::test]
async fn mariadb_columns_of_different_collations_are_compared() {
    support::on(&[Dialect::MariaDb, Dialect::MySql], async |db| {
        let one = "varchar(20) CHARACTER SET latin1";
        let other = "varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci";
        db.execute_setup(&[
            &format!("CREATE TABLE one (id integer NOT NULL, w {one})"),
            &format!("CREATE TABLE other (w {other}, n integer NOT NULL)"),
            "INSERT INTO one VALUES (1, 'a'), (2, 'B'), (3, 'c')",
            "INSERT INTO other VALUES ('a', 1), ('b', 2)",
        ])
        .await;
        let db = db.read_only().await;
        check(&db, db.table("one").join(db.table("other"), using("w")).select(["id", "n"]), &["1|1"]).await;
        let below = on(col("w").of("one").lt(col("w").of("other")));
        check(
            &db,
            db.table("one").join(db.table("other"), below).select(["id", "n"]).order_by(["id", "n"]),
            &["1|2", "2|1", "2|2"],
        )
        .await;
        let either = coalesce([col("w").of("other"), col("w").of("one")]);
        let joined = db.table("one").left_join(db.table("other"), on(col("w").of("one").eq(col("w").of("other"))));
        check(&db, joined.select([either.as_("w")]).order_by("w"), &["B", "a", "c"]).await;
    })
    .await;
}

#[tokio::test]
async fn an_index_can_serve_an_equality_of_text() {
    support::on(&[Dialect::MariaDb, Dialect::MySql], async |db| {
        db.execute_setup(&[
            "CREATE TABLE keyed (id integer NOT NULL, w varchar(20) CHARACTER SET utf8mb4, KEY by_w (w))",
            "INSERT INTO keyed WITH RECURSIVE n AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM n WHERE seq < 1000) \
             SELECT seq, concat('w', seq) FROM n",
            "ANALYZE TABLE keyed",
        ])
        .await;
        let db = db.read_only().await;
        let plan = db.table("keyed").where_(col("w").eq("w7")).explain().await.expect("a plan");
        assert!(plan.contains("by_w"), "{plan}");
    })
    .await;
}

/// MySQL and MariaDB refuse to compare or join texts of two collations, which old databases are full of.
#[tokio::test]
async fn texts_of_two_collations_meet() {
    support::each(async |db| {
        let (one, other) = match db.dialect {
            Dialect::MySql | Dialect::MariaDb => (
                "varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
                "varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
            ),
            Dialect::Postgres => ("text COLLATE \"C\"", "text COLLATE \"en-x-icu\""),
            _ => ("text", "text"),
        };
        let (one, other) =
            (format!("CREATE TABLE a (id bigint, s {one})"), format!("CREATE TABLE b (n bigint, t {other})"));
        let rows =
            ["INSERT INTO a VALUES (1, 'x'), (2, 'Y'), (3, NULL)", "INSERT INTO b VALUES (1, 'X'), (2, 'Y'), (3, 'z')"];
        db.execute_setup(&[&one, &other, rows[0], rows[1]]).await;
        let handle = db.read_only().await;
        let (a, b) = (|| handle.table("a"), || handle.table("b"));
        let pairs = || a().join(b(), on(col("s").eq(col("t"))));
        let text = |frame: Frame, expr: Expr| frame.select(expr.as_("c"));
        let beside = || a().join(b(), on(col("id").eq(col("n"))));
        check_any_order(&handle, pairs().select(("id", "n")), &["2|2"]).await;
        check_any_order(&handle, beside().where_(col("s").lt(col("t"))).select("id"), &[]).await;
        check_any_order(&handle, beside().where_(col("s").ne(col("t"))).select("id"), &["1"]).await;
        check_any_order(&handle, beside().where_(col("t").between(col("s"), col("s"))).select("id"), &["2"]).await;
        check_any_order(&handle, beside().where_(col("s").is_distinct_from(col("t"))).select("id"), &["1", "3"]).await;
        check_any_order(&handle, text(beside(), coalesce([col("s"), col("t")])), &["x", "Y", "z"]).await;
        let either = case().when(col("id").eq(1), col("s")).otherwise(col("t"));
        check_any_order(&handle, beside().select(either.as_("c")), &["x", "Y", "z"]).await;
        check_any_order(&handle, text(beside(), concat([col("s"), col("t")])), &["xX", "YY", "null"]).await;
        check_any_order(&handle, text(beside(), greatest([col("s"), col("t")])), &["x", "Y", "null"]).await;
        check_any_order(&handle, text(beside(), col("s").replace(col("t"), "q")), &["x", "q", "null"]).await;
        check_any_order(&handle, text(beside(), col("s").contains(col("t"))), &["false", "true", "null"]).await;
        check_any_order(&handle, text(beside(), col("s").nullif(col("t"))), &["x", "null", "null"]).await;
        check_any_order(&handle, a().select("s").union_all(b().select("t")), &["x", "Y", "null", "X", "Y", "z"]).await;
        check_any_order(&handle, a().select("s").union(b().select("t")), &["x", "Y", "null", "X", "z"]).await;
        check_any_order(&handle, a().semi_join(b(), on(col("s").eq(col("t")))).select("id"), &["2"]).await;
        check_any_order(&handle, a().where_(col("s").in_(b().select("t"))).select("id"), &["2"]).await;
        check_any_order(
            &handle,
            a().full_join(b(), on(col("s").eq(col("t")))).select(("id", "n")),
            &["1|null", "2|2", "3|null", "null|1", "null|3"],
        )
        .await;
        // What groups and derived tables made, and values of the program.
        let most = || a().agg(max(col("s")).as_("most")).limit(1);
        check_any_order(&handle, b().join(most(), on(col("t").eq(col("most")))).select("n"), &[]).await;
        let groups = || b().group_by("t").agg(count(all()).as_("c")).limit(9);
        check_any_order(&handle, a().join(groups(), on(col("s").eq(col("t")))).select("id"), &["2"]).await;
        check_any_order(
            &handle,
            text(a().cross_join(groups()), coalesce([col("s"), col("t")])).distinct(),
            &["x", "Y", "X", "z"],
        )
        .await;
        let pair = || values("v", [("X",), ("Y",)]);
        check_any_order(&handle, a().join(pair(), on(col("s").eq(col("v")))).select("id"), &["2"]).await;
        check_any_order(&handle, text(pair().cross_join(b()), coalesce([col("v"), col("t")])).distinct(), &["X", "Y"])
            .await;
        check_any_order(
            &handle,
            text(b().cross_join(pair()), concat([col("t"), lit("-"), col("v")])).order_by("c").limit(1),
            &["X-X"],
        )
        .await;
    })
    .await;
}
