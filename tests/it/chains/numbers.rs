//! Numbers: widths, fractions, decimals, zero, and what an aggregate makes of them.

use portcullis::{Dialect, ErrorKind, SqlType, all, avg, case, coalesce, col, count, lit, max, min, sum};
use rust_decimal::Decimal;

use crate::support::{self, check};

fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

#[tokio::test]
async fn integers_divide_and_wrap_the_same_way() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE n (id integer NOT NULL, a integer, b integer, s smallint)",
            "INSERT INTO n VALUES (1, 7, 2, 100), (2, -7, 2, 200), (3, 7, -2, 300), (4, -7, -2, 400), (5, 7, 0, 500), \
             (6, 2147483647, 2147483647, 32767), (7, NULL, 2, NULL)",
        ])
        .await;
        let db = db.read_only().await;
        let each = |expr: portcullis::Expr| db.table("n").order_by("id").select([expr.as_("x")]).limit(5);
        check(&db, each(col("a").int_div(col("b"))), &["3", "-3", "-3", "3", "null"]).await;
        check(&db, each(col("a") % col("b")), &["1", "-1", "1", "-1", "null"]).await;
        check(&db, each(col("a") / col("b")), &["3.5", "-3.5", "-3.5", "3.5", "null"]).await;
        check(&db, each(-col("a")), &["-7", "7", "-7", "7", "-7"]).await;
        check(&db, each(col("a") - col("b")), &["5", "-9", "9", "-5", "7"]).await;
        check(&db, each((col("a") + 1) * 2 - col("b")), &["14", "-14", "18", "-10", "16"]).await;
        check(&db, each(col("a") - (col("b") - 1)), &["6", "-8", "10", "-4", "8"]).await;
        check(&db, each(lit(8).int_div(col("b")) % 3), &["1", "1", "-1", "-1", "null"]).await;
        check(&db, each(-(-col("a"))), &["7", "-7", "7", "-7", "7"]).await;
        let six = |expr: portcullis::Expr| db.table("n").where_(col("id").eq(6)).select([expr.as_("x")]);
        check(&db, six(col("a") + col("b")), &["4294967294"]).await;
        check(&db, six(col("a") * col("b")), &["4611686014132420609"]).await;
        check(&db, six(col("a") + 1), &["2147483648"]).await;
        check(&db, six(col("s") * col("s") + col("s")), &["1073709056"]).await;
        check(&db, six(col("s") * col("a")), &["70366596661249"]).await;
        check(&db, six(col("a") * col("b") - col("a") * col("b")), &["0"]).await;
        let summed = (sum(col("a")).as_("a"), avg(col("s")).as_("s"), sum(col("a") * col("b")).as_("p"));
        check(&db, db.table("n").agg(summed), &["2147483654|5711.166666666667|4611686014132420609"]).await;
        // In conditions, sort keys and groups as well.
        check(&db, db.table("n").where_((col("a") / col("b")).eq(3.5)).order_by("id").select("id"), &["1", "4"]).await;
        check(&db, db.table("n").where_((col("a") / col("b")).is_null()).order_by("id").select("id"), &["5", "7"])
            .await;
        check(
            &db,
            db.table("n").order_by((col("a") / col("b"), "id")).select("id"),
            &["2", "3", "6", "1", "4", "5", "7"],
        )
        .await;
        check(
            &db,
            db.table("n").group_by(col("a").int_div(col("b")).as_("q")).agg(count(all()).as_("n")).order_by("q"),
            &["-3|2", "1|1", "3|2", "null|2"],
        )
        .await;
        check(
            &db,
            db.table("n").group_by((-col("b")).as_("q")).agg((-sum(col("id"))).as_("n")).order_by("q").limit(3),
            &["-2147483647|-6", "-2|-10", "0|-5"],
        )
        .await;
        // A sum of bigints is whole, and so is its whole quotient.
        let sums = db.table("n").agg((sum(col("a") + 0).int_div(2).as_("h"), (sum(col("a") + 0) % 10).as_("r")));
        check(&db, sums, &["1073741827|4"]).await;
        let error = db.table("n").select([(col("a") % 0).as_("x")]).collect().await.expect_err("a constant zero");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Plan, "expr.zero"));
    })
    .await;
}

#[tokio::test]
async fn a_result_beyond_64_bits_is_an_error_and_never_another_number() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE n (id integer NOT NULL, big bigint)",
            "INSERT INTO n VALUES (1, 9223372036854775807), (2, 9223372036854775806)",
        ])
        .await;
        let db = db.read_only().await;
        for expr in
            [col("big") + 1, col("big") * 2, col("big") + col("big"), col("big").round(-1), -col("big").round(-3)]
        {
            let one = db.table("n").where_(col("id").eq(1)).select([expr.as_("x")]).collect().await;
            let error = one.expect_err("an overflow");
            assert!(matches!(error.kind(), ErrorKind::Database | ErrorKind::Decode), "{error:?} on {}", db.dialect());
        }
        let tens = db
            .table("n")
            .where_(col("id").eq(1))
            .select((col("big").round(-2).as_("r"), col("big").trunc(-3).as_("t")));
        check(&db, tens, &["9223372036854775800|9223372036854775000"]).await;
        let error = db.table("n").agg(sum(col("big"))).collect().await.expect_err("an overflow");
        assert!(matches!(error.kind(), ErrorKind::Database | ErrorKind::Decode), "{error:?} on {}", db.dialect());
        check(&db, db.table("n").agg((max(col("big")), min(col("big")))), &["9223372036854775807|9223372036854775806"])
            .await;
        check(&db, db.table("n").where_(col("big").eq(i64::MAX)).select("id"), &["1"]).await;
        let many: Vec<i64> = (0..300).chain([i64::MAX]).collect();
        check(&db, db.table("n").where_(col("big").in_(many)).select("id"), &["1"]).await;
    })
    .await;
}

#[tokio::test]
async fn decimals_are_exact() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE d (id integer NOT NULL, a decimal(10, 2), b decimal(10, 3), f double precision)",
            "INSERT INTO d VALUES (1, 0.10, 0.200, 0.1), (2, 0.20, 0.100, 0.2), (3, 1.10, 1.100, 2.5), (4, NULL, 5, 3.5)",
        ])
        .await;
        let db = db.read_only().await;
        let d = || db.table("d").order_by("id");
        check(&db, d().select([(col("a") + col("b")).as_("x")]), &["0.300d", "0.300d", "2.200d", "null"]).await;
        check(&db, d().select([(col("a") * col("b")).as_("x")]), &["0.02000d", "0.02000d", "1.21000d", "null"]).await;
        check(&db, d().select([(col("a") * 3).as_("x")]), &["0.30d", "0.60d", "3.30d", "null"]).await;
        check(&db, d().where_((col("a") + col("b")).eq(decimal("0.3"))).select("id"), &["1", "2"]).await;
        check(&db, d().where_((col("a") * 3).eq(decimal("0.3"))).select("id"), &["1"]).await;
        check(&db, d().where_((col("a") * 1.1).eq(decimal("1.21"))).select("id"), &["3"]).await;
        check(&db, d().where_((col("a") + 0.2).eq(0.3)).select("id"), &["1"]).await;
        check(&db, d().where_(col("a").eq(0.1)).select("id"), &["1"]).await;
        check(&db, d().where_(col("a").in_([decimal("0.1"), decimal("1.10")])).select("id"), &["1", "3"]).await;
        let many: Vec<Decimal> = (0..300).map(|n| Decimal::new(n * 7 + 1000, 2)).chain([decimal("0.10")]).collect();
        check(&db, d().where_(col("a").in_(many)).select("id"), &["1"]).await;
        check(&db, d().where_(col("a").between(decimal("0.15"), decimal("1.1"))).select("id"), &["2", "3"]).await;
        check(&db, db.table("d").agg(sum(col("a"))), &["1.40d"]).await;
        check(&db, db.table("d").where_(col("id").lt(3)).agg(sum(col("a")).as_("s")).where_(col("s").eq(decimal("0.3"))), &[
            "0.30d",
        ])
        .await;
        check(&db, db.table("d").group_by((col("a") + col("b")).as_("k")).agg(count(all()).as_("n")).order_by("k"), &[
            "0.300d|2", "2.200d|1", "null|1",
        ])
        .await;
        check(&db, d().select([(col("a") / 4).as_("x")]), &["0.025", "0.05", "0.275", "null"]).await;
        check(&db, db.table("d").agg(avg(col("a")).as_("m")), &["0.4666666666666666"]).await;
        check(&db, d().select([coalesce([col("a"), lit(0)]).as_("x")]).where_(col("id").gt(2)), &["1.10d", "0.00d"]).await;
    })
    .await;
}

#[tokio::test]
async fn casts_cut_fractions_for_integers_and_round_them_for_decimals() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE c (id integer NOT NULL, f double precision NOT NULL, i integer NOT NULL, t varchar(10), b boolean, \
             d date, m timestamp NULL)",
            "INSERT INTO c VALUES (1, 99.999, 7, 'x', TRUE, '2024-02-29', '2024-02-29 23:59:59'), \
             (2, -2.5, -7, 'y', FALSE, '1999-12-31', '1999-12-31 00:00:00'), (3, 1.005, 0, 'z', NULL, NULL, NULL), \
             (4, 2.675, 1, 'z', NULL, NULL, NULL), (5, -0.005, 1, 'z', NULL, NULL, NULL)",
        ])
        .await;
        let db = db.read_only().await;
        let cast = |name: &str, to: SqlType| db.table("c").order_by("id").select([col(name).cast(to).as_("x")]);
        check(&db, cast("f", SqlType::Int64), &["99", "-2", "1", "2", "0"]).await;
        check(&db, cast("f", SqlType::Int32), &["99", "-2", "1", "2", "0"]).await;
        check(&db, cast("f", SqlType::decimal(10, 2)), &["100.00d", "-2.50d", "1.01d", "2.68d", "-0.01d"]).await;
        check(&db, cast("f", SqlType::decimal(10, 0)), &["100d", "-3d", "1d", "3d", "0d"]).await;
        check(&db, cast("i", SqlType::decimal(10, 1)), &["7.0d", "-7.0d", "0.0d", "1.0d", "1.0d"]).await;
        check(&db, cast("i", SqlType::Float64), &["7.0", "-7.0", "0.0", "1.0", "1.0"]).await;
        check(&db, cast("i", SqlType::Text), &["7", "-7", "0", "1", "1"]).await;
        check(&db, cast("i", SqlType::Bool), &["true", "true", "false", "true", "true"]).await;
        check(&db, cast("b", SqlType::Int64).limit(3), &["1", "0", "null"]).await;
        check(&db, cast("b", SqlType::Text).limit(3), &["true", "false", "null"]).await;
        check(&db, cast("d", SqlType::Text).limit(2), &["2024-02-29", "1999-12-31"]).await;
        check(&db, cast("d", SqlType::Timestamp).limit(2), &["2024-02-29 00:00:00", "1999-12-31 00:00:00"]).await;
        check(&db, cast("m", SqlType::Date).limit(2), &["2024-02-29", "1999-12-31"]).await;
        check(&db, cast("t", SqlType::Text).limit(1), &["x"]).await;
        let c = || db.table("c").order_by("id").select("id");
        check(&db, c().where_(col("f").cast(SqlType::decimal(10, 2)).eq(decimal("1.01"))), &["3"]).await;
        check(&db, c().where_(col("m").cast(SqlType::Date).eq(col("d"))), &["1", "2"]).await;
        check(&db, c().where_(col("f").cast(SqlType::Int64).eq(2)), &["4"]).await;
        check(
            &db,
            db.table("c").group_by(col("f").cast(SqlType::Int64).as_("k")).agg(count(all()).as_("n")).order_by("k"),
            &["-2|1", "0|1", "1|1", "2|1", "99|1"],
        )
        .await;
        check(
            &db,
            db.table("c").group_by(col("b").cast(SqlType::Text).as_("k")).agg(count(all()).as_("n")).order_by("k"),
            &["false|1", "true|1", "null|3"],
        )
        .await;
        // What does not fit an integer is an error, not the nearest that does; but SQLite cuts at 64 bits.
        for (name, to) in [("wide", SqlType::Int16), ("wide", SqlType::Int32), ("huge", SqlType::Int64)] {
            let frame = db
                .table("c")
                .where_(col("id").eq(1))
                .with_column("wide", col("f") * 1e9)
                .with_column("huge", col("f") * 1e30)
                .select([col(name).cast(to).as_("x")]);
            if name == "huge" && db.dialect() == Dialect::Sqlite {
                check(&db, frame, &["9223372036854775807"]).await;
                continue;
            }
            let error = frame.collect().await.expect_err("out of range");
            assert!(
                matches!(error.kind(), ErrorKind::Database | ErrorKind::Decode),
                "{name} as {to}: {error:?} on {}",
                db.dialect()
            );
        }
        // More digits than the decimal has: an error on PostgreSQL, the number itself elsewhere.
        let more = cast("f", SqlType::decimal(3, 2)).limit(1);
        match db.dialect() {
            Dialect::Postgres => assert_eq!(more.collect().await.expect_err("an overflow").kind(), ErrorKind::Database),
            _ => check(&db, more, &["100.00d"]).await,
        }
    })
    .await;
}

#[tokio::test]
async fn booleans_and_mixed_numbers_have_one_type() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE b (id integer NOT NULL, yes boolean, i integer, f double precision, r real)",
            "INSERT INTO b VALUES (1, TRUE, 1, 1.5, 0.5), (2, FALSE, NULL, 2.5, 0.25), (3, NULL, 3, NULL, NULL)",
        ])
        .await;
        let db = db.read_only().await;
        let b = || db.table("b").order_by("id");
        check(&db, b().select("yes"), &["true", "false", "null"]).await;
        check(&db, b().select([(!col("yes")).as_("no")]), &["false", "true", "null"]).await;
        check(&db, b().select([(col("yes") & col("id").gt(0)).as_("x")]), &["true", "false", "null"]).await;
        check(&db, b().select([(col("yes") | col("id").gt(2)).as_("x")]), &["true", "false", "true"]).await;
        check(&db, b().where_(col("yes").eq(false)).select("id"), &["2"]).await;
        check(&db, b().where_(col("yes").ne(true)).select("id"), &["2"]).await;
        check(&db, b().where_(col("yes").in_([true])).select("id"), &["1"]).await;
        check(&db, b().where_(coalesce([col("yes"), lit(true)])).select("id"), &["1", "3"]).await;
        check(&db, db.table("b").order_by(col("yes").asc()).select("id"), &["2", "1", "3"]).await;
        check(
            &db,
            db.table("b").group_by("yes").agg(count(all()).as_("n")).order_by("yes"),
            &["false|1", "true|1", "null|1"],
        )
        .await;
        check(&db, b().select([coalesce([col("i"), col("f")]).as_("x")]), &["1.0", "2.5", "3.0"]).await;
        check(&db, b().select([coalesce([col("i"), lit(0.5)]).as_("x")]), &["1.0", "0.5", "3.0"]).await;
        let mixed = case().when(col("id").eq(1), col("i")).otherwise(col("f"));
        check(&db, b().select([mixed.as_("x")]), &["1.0", "2.5", "null"]).await;
        check(&db, b().select([(col("i") * col("f")).as_("x")]), &["1.5", "null", "null"]).await;
        check(&db, b().select([(col("r") + col("r")).as_("x")]), &["1.0", "0.5", "null"]).await;
        check(&db, b().where_(col("i").lt(col("f"))).select("id"), &["1"]).await;
        check(&db, b().where_(col("i").eq(1.0)).select("id"), &["1"]).await;
        check(&db, b().where_(col("f").gt(2)).select("id"), &["2"]).await;
        check(
            &db,
            db.table("b").agg((
                sum(col("f")),
                sum(col("r")),
                avg(col("i")),
                sum(case().when(col("yes"), 1).otherwise(0)).as_("n"),
            )),
            &["4.0|0.75|2.0|1"],
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn floats_compare_by_their_bits() {
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE f (id integer NOT NULL, f double precision NOT NULL)"]).await;
        let db = db.read_write().await;
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut floats = Vec::new();
        for _ in 0..400 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let exponent = (seed % 40) as i32 - 20;
            floats.push((seed >> 11) as f64 / (1u64 << 53) as f64 * 10f64.powi(exponent));
        }
        let rows = floats.iter().enumerate().map(|(id, float)| (id as i64, *float));
        db.insert("f").columns(["id", "f"]).rows(rows).execute().await.expect("rows");
        let read: Vec<f64> = db.table("f").order_by("id").select("f").collect_as().await.expect("rows");
        assert_eq!(read, floats, "on {}", db.dialect());
        assert_eq!(
            db.table("f").where_(col("f").in_(floats.clone())).count().await.expect("a count"),
            400,
            "{}",
            db.dialect()
        );
        assert_eq!(db.table("f").where_(col("f").not_in(floats.clone())).count().await.expect("a count"), 0);
        for float in floats.iter().take(20) {
            assert_eq!(db.table("f").where_(col("f").eq(*float)).count().await.expect("a count"), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn unsigned_numbers_of_mariadb_compute_as_integers() {
    support::on(&[Dialect::MariaDb, Dialect::MySql], async |db| {
        db.execute_setup(&[
            "CREATE TABLE u (id integer NOT NULL, b bigint unsigned, i int unsigned, t tinyint unsigned)",
            "INSERT INTO u VALUES (1, 18446744073709551615, 4294967295, 255), (2, 5, 3, 1), (3, NULL, NULL, NULL)",
        ])
        .await;
        let db = db.read_only().await;
        let u = || db.table("u").order_by("id");
        check(&db, u().select("b"), &["18446744073709551615", "5", "null"]).await;
        check(&db, u().where_(col("b").eq(u64::MAX)).select("id"), &["1"]).await;
        check(&db, u().where_(col("b").gt(5)).select("id"), &["1"]).await;
        check(&db, u().where_(col("b").gt(-1)).select("id"), &["1", "2"]).await;
        let many = || (100..400).chain([u64::MAX]).collect::<Vec<u64>>();
        check(&db, u().where_(col("b").in_(many())).select("id"), &["1"]).await;
        check(&db, u().where_(col("b").not_in(many())).select("id"), &["2"]).await;
        check(&db, u().where_(col("id").eq(2)).select([(col("b") - 7).as_("x")]), &["-2"]).await;
        check(
            &db,
            u().where_(col("id").eq(2)).select([(col("i") - 7).as_("x"), (col("t") - col("i")).as_("y")]),
            &["-4|-2"],
        )
        .await;
        check(&db, u().where_(col("id").eq(2)).select([(-col("b")).as_("x")]), &["-5"]).await;
        check(&db, u().where_(col("id").eq(1)).select([(col("i") * 2).as_("x")]), &["8589934590"]).await;
        let beyond = u().where_(col("id").eq(1)).select([(col("b") - 1).as_("x")]).collect().await;
        assert!(matches!(beyond.expect_err("beyond a bigint").kind(), ErrorKind::Database | ErrorKind::Decode));
        check(&db, db.table("u").agg((max(col("b")), min(col("i")))), &["18446744073709551615|3"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_write_computes_as_a_select_does() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE w (id integer NOT NULL, a integer, b integer, f double precision, d decimal(10, 2))",
            "INSERT INTO w VALUES (1, 7, 0, 1, 0.10), (2, 7, 2, 1, 0.20)",
        ])
        .await;
        let db = db.read_write().await;
        db.update("w")
            .set("f", col("a") / col("b"))
            .set("d", col("d") * 3)
            .set("a", col("a").int_div(col("b")))
            .all_rows()
            .execute()
            .await
            .unwrap_or_else(|error| panic!("{error:?} on {}", db.dialect()));
        check(&db, db.table("w").order_by("id"), &["1|null|0|null|0.30d", "2|3|2|3.5|0.60d"]).await;
        check(&db, db.table("w").where_(col("d").eq(decimal("0.3"))).select("id"), &["1"]).await;
    })
    .await;
}
