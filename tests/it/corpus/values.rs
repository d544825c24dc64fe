//! A value is never part of the text, whatever it holds.

use portcullis::{Dialect, ErrorKind, Frame, all, case, coalesce, col, count, lit, on, table};

use super::decode::{DIALECTS, decode};
use super::list::payloads;

table! {
    notes { id: i64, body: String, other: Option<String> }
}

/// The places of a frame where a value can stand, several of them in one statement.
fn frames(value: &str) -> Vec<Frame> {
    let body = || col("body");
    let notes = || table(notes::table);
    let many = || (0..150).map(|n| format!("{n}{value}")).collect::<Vec<_>>();
    vec![
        notes()
            .where_(body().eq(value).or(body().ne(value)).or(notes::body.eq(value)))
            .where_(body().lt(value) | body().le(value) | body().gt(value) | !body().ge(value))
            .where_(body().in_([value]) | body().not_in([value, "x"]) | body().in_(many()))
            .where_(body().between(value, value) | body().not_between("a", value) | lit(value).eq(body()))
            .select(["id"]),
        notes().where_(body().contains(value) | body().starts_with(value) | body().ends_with(value)).select(["id"]),
        notes()
            .select((
                case().when(body().eq(value), value).otherwise(value).as_("c"),
                coalesce([col("other"), lit(value)]).as_("d"),
                lit(value).as_("l"),
            ))
            .where_(col("l").eq(value))
            .order_by(col("c").desc())
            .limit(3)
            .where_(col("d").ne(value)),
        notes()
            .with_column("label", coalesce([col("other"), lit(value)]))
            .group_by(["label"])
            .agg((count(all()).as_("n"), portcullis::max(case().when(body().eq(value), value).end()).as_("m")))
            .where_(col("m").gt(value))
            .order_by("label"),
        notes().as_("a").join(
            table(notes::table).as_("b"),
            on(col("id").of("a").eq(col("id").of("b")).and(col("body").of("b").eq(value))),
        ),
    ]
}

fn texts(value: &str, dialect: Dialect) -> Vec<String> {
    frames(value)
        .iter()
        .map(|frame| {
            let query = frame.to_sql_for(dialect).unwrap_or_else(|error| panic!("{value:?} on {dialect}: {error:?}"));
            query.sql().to_owned()
        })
        .collect()
}

#[test]
fn every_value_gives_the_text_of_the_value_x() {
    let all: Vec<&String> = payloads().iter().collect();
    std::thread::scope(|scope| {
        for dialect in DIALECTS {
            let all = &all;
            scope.spawn(move || {
                let plain = texts("x", dialect);
                for text in &plain {
                    // Nothing but names is quoted, so the text holds no value at all.
                    decode(text, dialect);
                }
                for value in all {
                    if dialect == Dialect::Sqlite && value.contains('\0') {
                        continue; // SQLite's LIKE can't take it: the next test.
                    }
                    assert_eq!(texts(value, dialect), plain, "{value:?} on {dialect}");
                }
            });
        }
    });
}

#[test]
fn a_pattern_is_bound_as_it_is_unless_its_last_sign_escapes_nothing() {
    let text = |pattern: &str, dialect| {
        table(notes::table).where_(col("body").like(pattern)).select(["id"]).to_sql_for(dialect)
    };
    for dialect in DIALECTS {
        let plain = text("x", dialect).unwrap();
        for pattern in payloads() {
            let lone = pattern.chars().rev().take_while(|character| *character == '\\').count() % 2 == 1;
            let cut = dialect == Dialect::Sqlite && pattern.contains('\0');
            match text(pattern, dialect) {
                Ok(query) => {
                    assert!(!lone && !cut, "{pattern:?} on {dialect}");
                    assert_eq!(query, plain, "{pattern:?} on {dialect}");
                }
                Err(error) if lone => assert_eq!((error.kind(), error.code()), (ErrorKind::Plan, "like.escape")),
                Err(error) => {
                    assert!(cut, "{pattern:?} on {dialect}: {error:?}");
                    assert_eq!((error.kind(), error.code()), (ErrorKind::Unsupported, "like.nul"));
                    assert!(!format!("{error}{error:?}").contains('\0'));
                }
            }
        }
    }
}

#[test]
fn the_types_of_binds_are_the_same_for_every_value() {
    for dialect in DIALECTS {
        let types = |value: &str| frames(value)[0].to_sql_for(dialect).unwrap().bind_types().to_vec();
        let plain = types("x");
        assert!(plain.len() > 10);
        for value in payloads().iter().step_by(40) {
            if dialect == Dialect::Sqlite && value.contains('\0') {
                continue; // SQLite's JSON can't hold it, so a long list of such values takes a bind for each.
            }
            assert_eq!(types(value), plain, "{value:?} on {dialect}");
        }
    }
}
