//! Scalar functions beyond what the conformance suite's rows show: every letter, every kind of column, patterns made at random, what is
//! out of range, and what each mistake is told.

use std::sync::Mutex;

use portcullis::{Dialect, ErrorKind, Expr, Value, col, concat, concat_ws, greatest, if_, least, lit, table};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::support::{self, TestDatabase, check};

/// Keeps the first database's answer, and compares the others' with it.
#[derive(Default)]
struct Agreement(Mutex<Option<Vec<Value>>>);

impl Agreement {
    fn check(&self, found: Vec<Value>, what: impl Fn(usize) -> String) {
        let mut first = self.0.lock().unwrap();
        let Some(first) = &*first else {
            *first = Some(found);
            return;
        };
        assert_eq!(first.len(), found.len());
        for (place, (first, found)) in first.iter().zip(&found).enumerate() {
            assert!(first == found, "{}: {found:?}, and {first:?} on the first database", what(place));
        }
    }
}

#[tokio::test]
async fn every_letter_has_the_same_capital_everywhere() {
    let letters: Vec<char> = ('\u{1}'..='\u{1ffff}').collect();
    let (upper, lower) = (Agreement::default(), Agreement::default());
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE one (id integer NOT NULL)", "INSERT INTO one VALUES (1)"]).await;
        let db = db.read_only().await;
        let mut found = [Vec::new(), Vec::new()];
        for block in letters.chunks(4096) {
            let text: String = block.iter().collect();
            let row = (lit(text.clone()).upper().as_("upper"), lit(text).lower().as_("lower"));
            let row = db.table("one").select(row).one().await.unwrap();
            for (name, found) in ["upper", "lower"].into_iter().zip(&mut found) {
                let Value::Text(text) = row.get(name).unwrap() else { panic!("no text") };
                assert_eq!(text.chars().count(), block.len(), "one letter for each");
                found.extend(text.chars().map(|letter| Value::Text(letter.to_string())));
            }
        }
        let [uppers, lowers] = found;
        assert_eq!(uppers[usize::from(b'a') - 1], Value::Text("A".to_owned()));
        upper.check(uppers, |place| format!("the capital of {:?}", letters[place]));
        lower.check(lowers, |place| format!("the small letter of {:?}", letters[place]));
    })
    .await;
}

fn random_patterns(count: usize) -> Vec<String> {
    let atom =
        proptest::sample::select(vec!["a", "b", "c", "[ab]", "[^a]", ".", "(a)", "(b*)"]).prop_map(str::to_owned);
    let repeat = proptest::sample::select(vec!["", "", "", "*", "+", "?", "{2}", "{1,2}"]);
    let strategy = atom.prop_recursive(3, 12, 4, move |inner| {
        let piece = (inner, repeat.clone())
            .prop_map(|(inner, repeat)| if repeat.is_empty() { inner } else { format!("(?:{inner}){repeat}") });
        let row = proptest::collection::vec(piece, 1..4).prop_map(|row| row.concat());
        proptest::collection::vec(row, 1..3)
            .prop_map(|rows| if rows.len() > 1 { format!("(?:{})", rows.join("|")) } else { rows.concat() })
    });
    let anchored = (strategy, 0..6).prop_map(|(pattern, anchor)| match anchor {
        0 => format!("^{pattern}"),
        1 => format!("{pattern}$"),
        2 => format!("^{pattern}$"),
        _ => pattern,
    });
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| anchored.new_tree(&mut runner).unwrap().current()).collect()
}

/// All texts of up to five of three letters.
fn texts() -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..5 {
        last = last.iter().flat_map(|text| ["a", "b", "c"].map(|letter| format!("{text}{letter}"))).collect();
        all.extend(last.iter().cloned());
    }
    all
}

#[tokio::test]
async fn random_patterns_match_the_same_part_everywhere() {
    let texts = texts();
    // What is refused is refused before any database is asked.
    let accepted = |expr: &Expr| table("texts").select(expr.clone().as_("x")).to_sql_for(Dialect::MariaDb).is_ok();
    let mut cases: Vec<(String, Expr)> = Vec::new();
    for pattern in random_patterns(400) {
        let forms = [
            ("match", col("t").regexp_match(&pattern)),
            ("extract 0", col("t").regexp_extract(&pattern, 0)),
            ("extract 1", col("t").regexp_extract(&pattern, 1)),
            ("extract 2", col("t").regexp_extract(&pattern, 2)),
            ("replace", col("t").regexp_replace(&pattern, "<$1\\1&>")),
        ];
        cases.extend(
            forms
                .into_iter()
                .filter(|(_, expr)| accepted(expr))
                .map(|(form, expr)| (format!("{form} of {pattern}"), expr)),
        );
    }
    assert!(cases.len() > 400, "{} cases", cases.len());
    let agreements: Vec<Agreement> = cases.iter().map(|_| Agreement::default()).collect();
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE texts (id integer NOT NULL, t varchar(10) NOT NULL)"]).await;
        let rw = db.read_write().await;
        let rows: Vec<(i64, String)> = (0..).zip(texts.clone()).collect();
        rw.insert("texts").columns(["id", "t"]).rows(rows).execute().await.unwrap();
        let db = db.read_only().await;
        // Several at a time: each is a column.
        for (place, chunk) in cases.chunks(16).enumerate() {
            let columns: Vec<Expr> =
                chunk.iter().zip(0..).map(|((_, expr), column)| expr.clone().as_(&format!("c{column}"))).collect();
            let rows = db.table("texts").order_by("id").select(columns).collect().await.unwrap();
            for (column, (case, _)) in chunk.iter().enumerate() {
                let found: Vec<Value> = rows.iter().map(|row| row.get(column).unwrap().clone()).collect();
                agreements[place * 16 + column].check(found, |row| format!("{case} in {:?}", texts[row]));
            }
        }
    })
    .await;
}

/// Functions of text look letter by letter, whatever the column's collation, character set or the database's encoding.
async fn looks_letter_by_letter(test: &TestDatabase, kind: &str) {
    eprintln!("{kind}");
    test.execute_setup(&[&format!("CREATE TABLE words (id integer NOT NULL, w {kind})")]).await;
    let rw = test.read_write().await;
    let rows = [(1, Some("ab")), (2, Some("AB")), (3, Some("áb")), (4, Some("ab ")), (5, Some("xAbA")), (6, None)];
    rw.insert("words").columns(["id", "w"]).rows(rows).execute().await.unwrap();
    let db = test.read_only().await;
    let of = |expr: Expr| db.table("words").order_by("id").select(expr.as_("x"));
    let ids = |condition| db.table("words").where_(condition).order_by("id").select("id");
    let other = || col("w").left(2);
    check(&db, of(col("w").position("A")), &["0", "1", "0", "0", "2", "null"]).await;
    check(&db, of(col("w").replace("A", "_")), &["ab", "_B", "áb", "ab ", "x_b_", "null"]).await;
    check(&db, of(col("w").translate("Ab", "1")), &["a", "1B", "á", "a ", "x11", "null"]).await;
    check(&db, of(col("w").split_part("A", 2)), &["", "B", "", "", "b", "null"]).await;
    check(&db, of(col("w").length()), &["2", "2", "2", "3", "4", "null"]).await;
    check(&db, of(col("w").octet_length()), &["2", "2", "3", "3", "4", "null"]).await;
    check(&db, of(col("w").upper()), &["AB", "AB", "ÁB", "AB ", "XABA", "null"]).await;
    check(&db, of(col("w").lower().upper().lower()), &["ab", "ab", "áb", "ab ", "xaba", "null"]).await;
    check(&db, of(col("w").hex().left(6)), &["6162", "4142", "c3a162", "616220", "784162", "null"]).await;
    check(&db, of(col("w").reverse()), &["ba", "BA", "bá", " ba", "AbAx", "null"]).await;
    check(
        &db,
        of(concat([col("w"), col("w").upper(), lit("|")])),
        &["abAB|", "ABAB|", "ábÁB|", "ab AB |", "xAbAXABA|", "null"],
    )
    .await;
    check(
        &db,
        of(concat_ws("-", [col("w").trim(), col("w").left(1)])),
        &["ab-a", "AB-A", "áb-á", "ab-a", "xAbA-x", ""],
    )
    .await;
    check(&db, of(col("w").regexp_replace("[A-Z]", "")), &["ab", "", "áb", "ab ", "xb", "null"]).await;
    check(&db, of(col("w").regexp_extract("(b)( ?)", 2)), &["", "null", "", " ", "", "null"]).await;
    check(&db, of(col("w").trim_chars("áA")), &["ab", "B", "b", "ab ", "xAb", "null"]).await;
    check(&db, of(greatest([col("w"), lit("a")])), &["ab", "a", "áb", "ab ", "xAbA", "null"]).await;
    check(&db, of(least([col("w"), lit("ab")])), &["ab", "AB", "ab", "ab", "ab", "null"]).await;
    check(&db, ids(col("w").regexp_match("^ab$")), &["1"]).await;
    check(&db, ids(col("w").contains(lit("A").trim())), &["2", "5"]).await;
    check(&db, ids(col("w").starts_with(lit("a").trim())), &["1", "4"]).await;
    check(&db, ids(col("w").ends_with(lit("b").trim())), &["1", "3"]).await;
    check(&db, ids(col("w").upper().eq(col("w"))), &["2"]).await;
    check(&db, ids(col("w").is_distinct_from("ab")), &["2", "3", "4", "5", "6"]).await;
    check(&db, ids(col("w").is_not_distinct_from(other())), &["1", "2", "3", "6"]).await;
    // `=` itself is loose in a column of PostgreSQL's collations that are not deterministic.
    if !kind.contains("loose") {
        check(&db, ids(col("w").nullif("ab").is_null()), &["1", "6"]).await;
        check(&db, ids(if_(col("w").eq("AB"), col("w").lower(), col("w")).eq("ab")), &["1", "2"]).await;
    }
    check(&db, ids(col("w").replace("a", "A").eq(concat([col("w").left(1).upper(), lit("b")]))), &["1"]).await;
}

#[tokio::test]
async fn functions_of_text_look_letter_by_letter_in_columns_of_any_collation() {
    for kind in
        ["varchar(20)", "varchar(20) CHARACTER SET latin1", "text CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"]
    {
        support::on(&[Dialect::MariaDb, Dialect::MySql], async |db| looks_letter_by_letter(db, kind).await).await;
    }
    support::on(&[Dialect::Sqlite], async |db| looks_letter_by_letter(db, "text").await).await;
    for kind in ["text COLLATE loose", "varchar(20) COLLATE \"en-x-icu\"", "text"] {
        support::on(&[Dialect::Postgres], async |db| {
            let collation =
                "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false)";
            db.execute_setup(&[collation]).await;
            looks_letter_by_letter(db, kind).await;
        })
        .await;
    }
}

#[tokio::test]
async fn what_no_number_holds_is_an_error_on_every_database() {
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE one (n bigint, x double precision)", "INSERT INTO one VALUES (0, 1e300)"])
            .await;
        let db = db.read_only().await;
        for (expr, fits) in [
            ((col("n") + i64::MIN).abs(), (col("n") + i64::MAX).abs()),
            ((col("n") + 710).exp(), (col("n") + 709).exp()),
            (col("x").power(2), col("x").power(1)),
            (col("x").hypot(1), (col("x") / 1e200).hypot(1)),
        ] {
            let error = db.table("one").select(expr.clone().as_("y")).collect().await.expect_err(&format!("{expr:?}"));
            assert!(matches!(error.kind(), ErrorKind::Database), "{expr:?} on {}: {error:?}", db.dialect());
            db.table("one").select(fits.as_("y")).collect().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn postgresql_tells_a_float_that_is_no_number() {
    support::on(&[Dialect::Postgres], async |db| {
        db.execute_setup(&[
            "CREATE TABLE floats (id integer, x double precision, r real)",
            "INSERT INTO floats VALUES (1, 'NaN', 'NaN'), (2, 1, 1), (3, 'Infinity', '-Infinity'), (4, NULL, NULL)",
        ])
        .await;
        let db = db.read_only().await;
        let nan = |column| db.table("floats").order_by("id").select(col(column).is_nan().as_("y"));
        check(&db, nan("x"), &["true", "false", "false", "null"]).await;
        check(&db, nan("r"), &["true", "false", "false", "null"]).await;
    })
    .await;
}

#[tokio::test]
async fn mariadb_gives_an_error_where_its_engine_would_give_up() {
    support::on(&[Dialect::MariaDb], async |db| {
        db.execute_setup(&["CREATE TABLE t (id integer, t longtext CHARACTER SET utf8mb4)"]).await;
        db.execute_setup(&[
            "INSERT INTO t VALUES (1, concat(repeat('a,', 900), 'x')), (2, repeat('a', 2001)), (3, repeat('b', 200000))",
        ])
        .await;
        let db = db.read_only().await;
        let matches = |pattern: &str, id: i64| {
            db.table("t").where_(col("id").eq(id)).select(col("t").regexp_match(pattern).as_("m"))
        };
        check(&db, matches(".*,.*,x", 1), &["true"]).await;
        let error = matches(".*,.*,x", 2).collect().await.expect_err("a text that is too long");
        assert_eq!(error.sqlstate(), Some("22003"));
        // One way only, however long the text is.
        check(&db, matches("^(?:a|b)*$", 3), &["true"]).await;
        check(&db, matches("[^,]*,[^,]*,x", 3), &["false"]).await;
        let error = matches(".*a.*a.*a.*x", 1).collect().await.expect_err("too many choices");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Unsupported, "function.unsupported"));
    })
    .await;
}

#[tokio::test]
async fn functions_inside_functions_are_bounded() {
    let power = (0..5).fold(col("x"), |inner, _| inner.power(1.5));
    let text = table(inputs::table).select(power.as_("y")).to_sql_for(Dialect::MariaDb).unwrap();
    assert!(text.sql().len() < 100_000);
    let deep = (0..60).fold(col("x"), |x, _| x.sqrt().exp());
    let deep = table(inputs::table).select(deep.as_("y"));
    let error = deep.to_sql_for(Dialect::Postgres).map(drop).expect_err("2 to the power of 120");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Limit, "limit.functions"));
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE t (x double precision)", "INSERT INTO t VALUES (1.5)"]).await;
        let db = db.read_only().await;
        let same = (0..60).fold(col("x"), |x, _| x.cbrt());
        let limited = db.table("t").select((same.ge(1.0)).as_("y")).collect().await;
        match db.dialect() {
            Dialect::MariaDb | Dialect::MySql => assert_eq!(limited.expect_err("copies").code(), "limit.functions"),
            _ => assert_eq!(limited.unwrap().len(), 1),
        }
    })
    .await;
}

portcullis::table! {
    inputs { id: i64, t: Option<String>, n: i64, u: u64, x: f64, d: rust_decimal::Decimal, day: chrono::NaiveDate, b: Vec<u8>, f: bool }
}

#[test]
#[rustfmt::skip]
fn a_mistake_with_a_function_is_told_what_to_write_instead() {
    for (expr, code, message) in [
        (col("n").upper(), "type.wrong", "`upper` takes text, not `n` (bigint); convert it with `.cast(..)`"),
        (col("t").abs(), "type.wrong", "`abs` takes a number, not `t` (text); convert it with `.cast(..)`"),
        (col("day").length(), "type.wrong", "`length` takes text, not `day` (date); convert it with `.cast(..)`"),
        (col("t").substring(col("t"), 1), "type.wrong", "`substring` takes a signed integer, not `t` (text); convert it with `.cast(..)`"),
        (col("t").left(1.5), "type.wrong", "`left` takes a signed integer, not a value (double); convert it with `.cast(..)`"),
        (col("t").position(col("n")), "type.wrong", "`position` takes text, not `n` (bigint); convert it with `.cast(..)`"),
        (col("t").contains(col("n")), "type.wrong", "`contains` takes text, not `n` (bigint); convert it with `.cast(..)`"),
        (concat([col("t"), col("n")]), "type.wrong", "`concat` takes text, not `n` (bigint); convert it with `.cast(..)`"),
        (concat(Vec::<Expr>::new()), "expr.text", "`concat` has no operand; write at least one"),
        (col("f").md5(), "type.wrong", "`md5` takes text or bytes, not `f` (boolean); convert it with `.cast(..)`"),
        (col("t").split_part("", 1), "expr.text", "`split_part` has an empty separator; write the text to split at"),
        (col("t").split_part(",", 0), "expr.text", "`split_part` counts parts from 1; write the number of the part"),
        (col("t").lpad(5, ""), "expr.text", "there is nothing to fill up with; write a character, such as a space"),
        (col("t").repeat(2_000_000), "expr.text", "`repeat` repeats at most 1000000 times"),
        (col("t").trim_chars(""), "expr.text", "there are no characters to take away; write at least one, or leave it out"),
        (col("t").regexp_match(r"\bx"), "regexp.pattern", "a `\\` in a pattern stands before a sign or one of `d D w W s S n r t`; others differ between databases"),
        (col("t").regexp_extract("(a|ab)(c|bcd)", 1), "regexp.inexact", "databases differ in which part of a text this pattern of `regexp_extract` matches; write it without alternatives and repeated groups, or so that the next character always decides, as in `(?:cat|dog)s?`"),
        (col("t").regexp_extract("a(b)", 2), "regexp.group", "the pattern has no group of that number; put the part into `(…)`, or write 0 for the whole match"),
        (col("t").regexp_extract("(a|b)+c", 1), "regexp.group", "a group that is taken stands outside alternatives and repetitions; put `(…)` around them, and `(?:…)` inside"),
        (col("t").regexp_replace("a*", "b"), "regexp.empty", "the pattern of `regexp_replace` may match nothing; write `+` for `*`, or something that is always there"),
        (col("n").regexp_match("a"), "type.wrong", "`regexp_match` takes text, not `n` (bigint); convert it with `.cast(..)`"),
        (col("x").round(16), "expr.number", "a number is rounded to at most 15 digits after the point, or 18 before it"),
        (col("x").trunc(-19), "expr.number", "a number is rounded to at most 15 digits after the point, or 18 before it"),
        (col("x").width_bucket(1.0, 1.0, 3), "expr.number", "`width_bucket` takes a low end below the high end and at least one bucket"),
        (col("x").bit_and(1), "type.wrong", "`bit_and` takes a signed integer, not `x` (double); convert it with `.cast(..)`"),
        (col("u").bit_not(), "type.wrong", "`bit_not` takes a signed integer, not `u` (unsigned bigint); convert it with `.cast(..)`"),
        (col("n").shift_left(64), "expr.number", "bits are moved by 0 to 63 places"),
        (greatest([col("n"), col("t")]), "type.clash", "`greatest` has `n` (bigint) on one side and `t` (text) on the other; write a value of the other's type, or convert one with `.cast(..)`"),
        (least(Vec::<Expr>::new()), "expr.operands", "`least` has no operand; write at least one"),
        (greatest([col("f"), col("f")]), "type.wrong", "`greatest` takes numbers, text or times, not `f` (boolean); convert it with `.cast(..)`"),
        (col("n").is_distinct_from("a"), "type.clash", "`is_distinct_from` has `n` (bigint) on one side and a value (text) on the other; write a value of the other's type, or convert one with `.cast(..)`"),
        (col("n").nullif("a"), "type.clash", "a comparison has `n` (bigint) on one side and a value (text) on the other; write a value of the other's type, or convert one with `.cast(..)`"),
        (col("t").is_nan(), "type.wrong", "`is_nan` takes a number, not `t` (text); convert it with `.cast(..)`"),
        (if_(col("n"), 1, 2), "type.condition", "a condition is boolean, and not `n` (bigint); compare it, as in `.eq(..)` or `.is_not_null()`"),
        (if_(col("f"), 1, "a"), "type.clash", "`case` has a value (bigint) on one side and a value (text) on the other; write a value of the other's type, or convert one with `.cast(..)`"),
    ] {
        let error = table(inputs::table).select(expr.clone().as_("y")).to_sql_for(Dialect::Postgres).map(drop);
        let error = error.expect_err(message);
        assert_eq!((error.code(), error.to_string().as_str()), (code, message), "{expr:?}");
    }
    let message = "MariaDB can't let characters change places in `translate`; do it in the program";
    let expr = col("t").translate("ab", "ba");
    let error = table(inputs::table).select(expr.as_("y")).to_sql_for(Dialect::MariaDb).map(drop).expect_err(message);
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Unsupported, message));
}
