//! Functions of arrays: JSON arrays on every database, and PostgreSQL's own beside them.

use std::cmp::Ordering;

use portcullis::{Dialect, Expr, Value, col, lit};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value as Json, json};

use super::inputs::Input;
use super::{Entry, function, same_json};

type Column = (&'static str, fn(&Input) -> &Option<Json>);

const LIST: Column = ("list", |row| &row.list);
const WORDS: Column = ("words", |row| &row.words);
const DOCUMENT: Column = ("j", |row| &row.j);

/// A reference over the arrays of a column.
fn of<T>(column: Column, read: impl Fn(&Vec<Json>) -> Option<T>) -> impl Fn(&Input) -> Option<T> {
    move |row| column.1(row).as_ref()?.as_array().and_then(&read)
}

fn exact(json: &Json) -> Option<Decimal> {
    let text = json.as_number()?.to_string();
    text.parse().or_else(|_| Decimal::from_scientific(&text)).ok()
}

fn order(one: &Json, other: &Json) -> Ordering {
    let rank = |json: &Json| match json {
        Json::Number(_) => 0,
        Json::String(_) => 1,
        Json::Bool(_) => 2,
        Json::Null => 4,
        _ => 3,
    };
    let within = match (one, other) {
        (Json::Number(_), Json::Number(_)) => exact(one).cmp(&exact(other)),
        (Json::String(one), Json::String(other)) => one.chars().cmp(other.chars()),
        (Json::Bool(one), Json::Bool(other)) => one.cmp(other),
        _ => Ordering::Equal,
    };
    rank(one).cmp(&rank(other)).then(within)
}

fn sorted(list: &[Json]) -> Vec<Json> {
    let mut list = list.to_vec();
    list.sort_by(order);
    list
}

fn distinct(list: &[Json]) -> Vec<Json> {
    let mut kept: Vec<Json> = Vec::new();
    for one in list {
        if !kept.iter().any(|other| same_json(one, other)) {
            kept.push(one.clone());
        }
    }
    kept
}

fn ordered(list: &[Json]) -> Vec<Json> {
    sorted(list).into_iter().filter(|one| one.is_number() || one.is_string()).collect()
}

fn sum(list: &[Json]) -> Option<f64> {
    list.iter().filter_map(exact).map(|one| one.to_f64().unwrap()).reduce(|sum, next| sum + next)
}

/// What is looked for or added.
fn values() -> Vec<(Column, Expr, Json)> {
    vec![
        (LIST, lit(1), json!(1)),
        (WORDS, lit("a"), json!("a")),
        (LIST, lit(5_i64), json!(5)),
        (LIST, lit(1.5), json!(1.5)),
        (LIST, lit(1.0), json!(1)),
        (LIST, lit(Decimal::new(-20, 1)), json!(-2)),
        (LIST, lit(9_007_199_254_740_992_i64), json!(9_007_199_254_740_992_i64)),
        (LIST, lit("1"), json!("1")),
        (WORDS, lit("A"), json!("A")),
        (WORDS, lit("é"), json!("é")),
        (WORDS, lit(""), json!("")),
        (WORDS, lit(" "), json!(" ")),
        (WORDS, lit("😀"), json!("😀")),
        (WORDS, lit("a\"q"), json!("a\"q")),
        (WORDS, lit("a\\b"), json!("a\\b")),
        (WORDS, lit("a\nb"), json!("a\nb")),
        (WORDS, lit("a'b"), json!("a'b")),
        (WORDS, lit("null"), json!("null")),
        (DOCUMENT, lit(true), json!(true)),
        (DOCUMENT, lit(json!({"a": 1.0})), json!({"a": 1})),
        (DOCUMENT, lit(json!([1])), json!([1])),
        (DOCUMENT, lit(Json::Null), Json::Null),
        (DOCUMENT, lit(json!({})), json!({})),
        (LIST, lit(json!(1)), json!(1)),
        (LIST, lit(-0.5), json!(-0.5)),
        (WORDS, lit(json!("é")), json!("é")),
        (WORDS, lit(json!(1)), json!(1)),
    ]
}

fn with_value<T: Into<super::Cell> + 'static>(
    mut entry: Entry,
    expr: fn(Expr, Expr) -> Expr,
    read: fn(&[Json], &Json) -> Option<T>,
) -> Entry {
    for (column, value, json) in values() {
        entry = entry.over(expr(col(column.0), value), move |row| {
            super::Cell::from_option(of(column, |list| read(list, &json))(row)).0
        });
    }
    // Values of columns, which may be NULL.
    entry
        .over(expr(col("list"), col("m")), move |row| {
            let value = row.m.map(Json::from);
            super::Cell::from_option(
                of(LIST, |list| read(list, &value.clone().unwrap_or(json!({"none": 0}))))(row)
                    .filter(|_| value.is_some()),
            )
            .0
        })
        .over(expr(col("words"), col("u")), move |row| {
            let value = row.u.map(Json::from);
            super::Cell::from_option(
                of(WORDS, |list| read(list, &value.clone().unwrap_or(json!({"none": 0}))))(row)
                    .filter(|_| value.is_some()),
            )
            .0
        })
}

fn with_added(mut entry: Entry, expr: fn(Expr, Expr) -> Expr, add: fn(&[Json], Json) -> Vec<Json>) -> Entry {
    for (column, value, json) in values() {
        entry =
            entry.over(expr(col(column.0), value), of(column, move |list| Some(Json::from(add(list, json.clone())))));
    }
    entry
        .over(expr(col("list"), col("m")), move |row| {
            let value = row.m.map_or(Json::Null, Json::from);
            of(LIST, |list| Some(Json::from(add(list, value.clone()))))(row)
        })
        .over(expr(col("words"), col("t")), move |row| {
            let value = row.t.map_or(Json::Null, Json::from);
            of(WORDS, |list| Some(Json::from(add(list, value.clone()))))(row)
        })
        .over(expr(col("list"), col("f")), move |row| {
            let value = row.f.map_or(Json::Null, Json::from);
            of(LIST, |list| Some(Json::from(add(list, value.clone()))))(row)
        })
}

fn over_all<T: Into<super::Cell> + 'static>(
    mut entry: Entry,
    expr: fn(Expr) -> Expr,
    read: fn(&[Json]) -> Option<T>,
) -> Entry {
    for column in [LIST, WORDS, DOCUMENT] {
        entry =
            entry.over(expr(col(column.0)), move |row| super::Cell::from_option(of(column, |list| read(list))(row)).0);
    }
    entry
}

pub fn entries() -> Vec<Entry> {
    let mut slice = function(
        "array_slice",
        "col(\"list\").array_slice(2, 2)",
        "the operand's type",
        "Places count from 1. An empty array where there is nothing; NULL for what is no array.",
    )
    .over(col("list").array_slice(2, 2), of(LIST, |list| Some(Json::from_iter(list.iter().skip(1).take(2).cloned()))));
    for (start, length) in [(0, 2), (1, 0), (1, 1), (3, 99), (99, 1), (1, u32::MAX), (u32::MAX, u32::MAX)] {
        for column in [LIST, WORDS, DOCUMENT] {
            slice = slice.over(
                col(column.0).array_slice(start, length),
                of(column, move |list| {
                    let end = u64::from(start) + u64::from(length);
                    let within = |place: u64| place >= u64::from(start) && place < end;
                    Some(Json::from_iter(
                        list.iter().zip(1..).filter(|(_, place)| within(*place)).map(|(one, _)| one.clone()),
                    ))
                }),
            );
        }
    }
    vec![
        over_all(
            function(
                "array_length",
                "col(\"list\").array_length()",
                "bigint",
                "0 for an empty array; NULL for what is no array.",
            ),
            Expr::array_length,
            |list| Some(list.len() as i64),
        ),
        with_value(
            function(
                "array_contains",
                "col(\"list\").array_contains(1)",
                "boolean",
                "Numbers compare by value, texts by code point. NULL for what is no array, and for NULL.",
            ),
            Expr::array_contains,
            |list, value| Some(list.iter().any(|one| same_json(one, value))),
        ),
        with_value(
            function(
                "array_position",
                "col(\"list\").array_position(1)",
                "bigint",
                "The first place, from 1; NULL where there is none.",
            ),
            Expr::array_position,
            |list, value| list.iter().position(|one| same_json(one, value)).map(|place| place as i64 + 1),
        ),
        with_added(
            function(
                "array_append",
                "col(\"list\").array_append(1)",
                "the operand's type",
                "NULL is added as a null; NULL for what is no array.",
            ),
            Expr::array_append,
            |list, value| list.iter().cloned().chain([value]).collect(),
        ),
        with_added(
            function(
                "array_prepend",
                "col(\"list\").array_prepend(1)",
                "the operand's type",
                "NULL is added as a null; NULL for what is no array.",
            ),
            Expr::array_prepend,
            |list, value| [value].into_iter().chain(list.iter().cloned()).collect(),
        ),
        with_value(
            function(
                "array_remove",
                "col(\"list\").array_remove(1)",
                "the operand's type",
                "Without all equal elements. NULL for what is no array, and for NULL.",
            ),
            Expr::array_remove,
            |list, value| Some(Json::from_iter(list.iter().filter(|one| !same_json(one, value)).cloned())),
        ),
        over_all(
            function(
                "array_distinct",
                "col(\"list\").array_distinct()",
                "the operand's type",
                "Each element where it stood first; nulls are equal.",
            ),
            Expr::array_distinct,
            |list| Some(Json::from(distinct(list))),
        ),
        over_all(
            function(
                "array_sort",
                "col(\"list\").array_sort()",
                "the operand's type",
                "Numbers, then texts by code point, then booleans, then the others as they stood, then nulls.",
            ),
            Expr::array_sort,
            |list| Some(Json::from(sorted(list))),
        )
        .over(
            col("words").array_sort().array_distinct().array_length(),
            of(WORDS, |list| Some(distinct(list).len() as i64)),
        ),
        over_all(
            function(
                "array_min",
                "col(\"list\").array_min()",
                "json, or the elements' type",
                "Of numbers and texts; NULL where there is none.",
            ),
            Expr::array_min,
            |list| ordered(list).first().cloned(),
        )
        .over(
            col("list").array_min().json_int(()),
            of(LIST, |list| {
                exact(ordered(list).first()?)?
                    .to_i64()
                    .filter(|_| exact(ordered(list).first().unwrap()).unwrap().is_integer())
            }),
        ),
        over_all(
            function(
                "array_max",
                "col(\"list\").array_max()",
                "json, or the elements' type",
                "Of numbers and texts; NULL where there is none.",
            ),
            Expr::array_max,
            |list| ordered(list).last().cloned(),
        ),
        over_all(
            function(
                "array_sum",
                "col(\"list\").array_sum()",
                "double, or the elements' sum's type",
                "Of the elements that are numbers; NULL where there is none.",
            ),
            Expr::array_sum,
            sum,
        ),
        slice,
    ]
    .into_iter()
    .map(|entry| {
        let simple = ["array_length", "array_append", "array_prepend"].contains(&entry.name);
        if simple { entry } else { entry.refused_on(&[Dialect::MySql], "function.unsupported") }
    })
    .collect()
}

#[tokio::test]
async fn postgresql_arrays_have_the_same_functions() {
    crate::support::on(&[Dialect::Postgres], async |db| {
        db.execute_setup(&[
            "CREATE TABLE lists (id integer NOT NULL, n bigint[], s integer[], t text[], d numeric(10, 2)[], day date[])",
            "INSERT INTO lists VALUES (1, '{3,1,2,1,NULL}', '{5,6}', '{b,a,é,B,a,NULL}', '{1.50,0.25}', '{2024-02-29,1969-12-31}'), \
             (2, '{}', '{}', '{}', '{}', '{}'), (3, NULL, NULL, NULL, NULL, NULL)",
        ])
        .await;
        let handle = db.read_only().await;
        let check = async |expr: Expr, wanted: [&str; 3]| {
            let shape = format!("{expr:?}");
            let rows = handle.table("lists").order_by("id").select(expr.as_("x")).collect().await;
            let rows = rows.unwrap_or_else(|error| panic!("{shape}: {error} {:?}", error.sqlstate()));
            let found: Vec<String> = rows.iter().map(|row| super::show(&row.values()[0])).collect();
            assert_eq!(found, wanted, "{shape}");
        };
        check(col("n").array_length(), ["5", "0", "NULL"]).await;
        check(col("n").array_contains(2), ["true", "false", "NULL"]).await;
        check(col("n").array_contains(9), ["false", "false", "NULL"]).await;
        check(col("s").array_contains(6), ["true", "false", "NULL"]).await;
        check(col("t").array_contains("A"), ["false", "false", "NULL"]).await;
        check(col("d").array_contains(1.5), ["true", "false", "NULL"]).await;
        check(col("t").array_position("é"), ["3", "NULL", "NULL"]).await;
        check(col("n").array_append(7), ["[3, 1, 2, 1, NULL, 7]", "[7]", "NULL"]).await;
        check(col("s").array_prepend(7), ["[7, 5, 6]", "[7]", "NULL"]).await;
        check(col("t").array_remove("a"), ["[\"b\", \"é\", \"B\", NULL]", "[]", "NULL"]).await;
        check(col("n").array_distinct(), ["[3, 1, 2, NULL]", "[]", "NULL"]).await;
        check(col("n").array_sort(), ["[1, 1, 2, 3, NULL]", "[]", "NULL"]).await;
        check(col("t").array_sort(), ["[\"B\", \"a\", \"a\", \"b\", \"é\", NULL]", "[]", "NULL"]).await;
        check(col("n").array_min(), ["1", "NULL", "NULL"]).await;
        check(col("t").array_max(), ["\"é\"", "NULL", "NULL"]).await;
        check(col("day").array_min(), ["1969-12-31", "NULL", "NULL"]).await;
        check(col("n").array_sum(), ["7", "NULL", "NULL"]).await;
        check(col("s").array_sum(), ["11", "NULL", "NULL"]).await;
        check(col("d").array_sum(), ["1.75 (decimal)", "NULL", "NULL"]).await;
        check(col("n").array_slice(2, 2), ["[1, 2]", "[]", "NULL"]).await;
        let wrong = handle.table("lists").select(col("n").array_contains("x").as_("x")).collect().await.unwrap_err();
        assert_eq!(wrong.code(), "type.clash");
        let wrong = handle.table("lists").select(col("t").array_sum().as_("x")).collect().await.unwrap_err();
        assert_eq!(wrong.code(), "type.wrong");
        let nothing = handle.table("lists").where_(col("id").eq(1)).select(col("n").array_contains(lit(1) / 0.5).as_("x"));
        assert!(matches!(nothing.collect().await.unwrap().first().unwrap().values()[0], Value::Bool(true)));
    })
    .await;
}
