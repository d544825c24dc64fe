#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::*;
use crate::error::ErrorKind;

const ALL: [Dialect; 4] = [Dialect::Postgres, Dialect::MySql, Dialect::MariaDb, Dialect::Sqlite];
const PG: Dialect = Dialect::Postgres;
const MY: Dialect = Dialect::MySql;
const LITE: Dialect = Dialect::Sqlite;

fn tokens(sql: &str, dialect: Dialect) -> Vec<(Kind, &str)> {
    Tokens::new(sql, dialect).map(|token| (token.kind, token.text)).collect()
}

#[test]
fn literals_names_and_comments_end_where_the_server_ends_them() {
    use Kind::{
        Broken, Comment, Directive, Name, Number, Operator, Param, Positional, Semicolon, Text, Variable, Word,
    };
    type Case<'a> = (Dialect, &'a str, &'a [(Kind, &'a str)]);
    let cases: &[Case<'_>] = &[
        // Strings.
        (PG, r"'a\' b", &[(Text, r"'a\'"), (Word, "b")]),
        (PG, r"'it''s'", &[(Text, "'it''s'")]),
        (PG, r"E'a\' b' c", &[(Text, r"E'a\' b'"), (Word, "c")]),
        (PG, "e'a'\n 'b\\' c' d", &[(Text, "e'a'\n 'b\\' c'"), (Word, "d")]),
        (PG, "'a' -- x\n 'b'", &[(Text, "'a' -- x\n 'b'")]),
        (PG, "'a' 'b'", &[(Text, "'a'"), (Text, "'b'")]),
        (PG, "U&'\\0061' UESCAPE '!'", &[(Text, "U&'\\0061'"), (Word, "UESCAPE"), (Text, "'!'")]),
        (PG, "U&\"d\"\"x\"", &[(Name, "U&\"d\"\"x\"")]),
        (PG, "b'01' X'ff' n'x'", &[(Text, "b'01'"), (Text, "X'ff'"), (Text, "n'x'")]),
        (PG, "$$a'b$$ $t$ $$ $t$", &[(Text, "$$a'b$$"), (Text, "$t$ $$ $t$")]),
        (PG, "a$b$c$b$", &[(Word, "a$b$c$b$")]),
        (PG, "$x", &[(Operator, "$"), (Word, "x")]),
        (PG, "abcE'x'", &[(Word, "abcE"), (Text, "'x'")]),
        (MY, r"'a\' b'", &[(Text, r"'a\' b'")]),
        (MY, r#""a" "b\"c""#, &[(Text, r#""a""#), (Text, r#""b\"c""#)]),
        (
            MY,
            "_utf8mb4'x' N'x' x'41' 0x41",
            &[(Text, "_utf8mb4'x'"), (Text, "N'x'"), (Text, "x'41'"), (Number, "0x41")],
        ),
        (LITE, r"'a\' b", &[(Text, r"'a\'"), (Word, "b")]),
        (LITE, "x'00' e'x'", &[(Text, "x'00'"), (Word, "e"), (Text, "'x'")]),
        // Names.
        (PG, "\"a\"\"b\".c", &[(Name, "\"a\"\"b\""), (Operator, "."), (Word, "c")]),
        (MY, "`a``b` 1a", &[(Name, "`a``b`"), (Word, "1a")]),
        (LITE, "[a b] `c` \"d\"", &[(Name, "[a b]"), (Name, "`c`"), (Name, "\"d\"")]),
        // Numbers.
        (
            PG,
            "1 1.5 .5 1e5 1E-5 0x1F 1_000",
            &[
                (Number, "1"),
                (Number, "1.5"),
                (Number, ".5"),
                (Number, "1e5"),
                (Number, "1E-5"),
                (Number, "0x1F"),
                (Number, "1_000"),
            ],
        ),
        (PG, "1a", &[(Broken, "1a")]),
        (LITE, "0x1Fz", &[(Broken, "0x1Fz")]),
        // Comments.
        (PG, "--x\ry", &[(Comment, "--x"), (Word, "y")]),
        (LITE, "--x\ry\nz", &[(Comment, "--x\ry"), (Word, "z")]),
        (
            MY,
            "1--2 -- x\n# y\nz",
            &[
                (Number, "1"),
                (Operator, "-"),
                (Operator, "-"),
                (Number, "2"),
                (Comment, "-- x"),
                (Comment, "# y"),
                (Word, "z"),
            ],
        ),
        (PG, "/* a /* b */ c */ d", &[(Comment, "/* a /* b */ c */"), (Word, "d")]),
        (MY, "/* a /* b */ c", &[(Comment, "/* a /* b */"), (Word, "c")]),
        (LITE, "/**/a/*/", &[(Comment, "/**/"), (Word, "a"), (Broken, "/*/")]),
        (
            MY,
            "/*!50000 x*/ /*M! y*/ /*+ z */",
            &[(Directive, "/*!50000 x*/"), (Directive, "/*M! y*/"), (Directive, "/*+ z */")],
        ),
        (PG, "a=--x\nb", &[(Word, "a"), (Operator, "="), (Comment, "--x"), (Word, "b")]),
        (PG, "a @-- x", &[(Word, "a"), (Operator, "@"), (Comment, "-- x")]),
        (PG, "a*/* x */b", &[(Word, "a"), (Operator, "*"), (Comment, "/* x */"), (Word, "b")]),
        // Placeholders and parameters.
        (PG, ":a=:b_1", &[(Param, ":a"), (Operator, "="), (Param, ":b_1")]),
        (PG, "a::text", &[(Word, "a"), (Operator, "::"), (Word, "text")]),
        (PG, ":a::text", &[(Param, ":a"), (Operator, "::"), (Word, "text")]),
        (
            PG,
            "a[1:2] a[lo:hi] a[:i]",
            &[
                (Word, "a"),
                (Operator, "["),
                (Number, "1"),
                (Operator, ":"),
                (Number, "2"),
                (Operator, "]"),
                (Word, "a"),
                (Operator, "["),
                (Word, "lo"),
                (Operator, ":"),
                (Word, "hi"),
                (Operator, "]"),
                (Word, "a"),
                (Operator, "["),
                (Param, ":i"),
                (Operator, "]"),
            ],
        ),
        (PG, "$1 $2x", &[(Positional, "$1"), (Broken, "$2x")]),
        (PG, "a ?| b @> c", &[(Word, "a"), (Operator, "?|"), (Word, "b"), (Operator, "@>"), (Word, "c")]),
        (PG, "a<-1", &[(Word, "a"), (Operator, "<"), (Operator, "-"), (Number, "1")]),
        (
            MY,
            "? @x @@global.y :a := b",
            &[
                (Positional, "?"),
                (Variable, "@x"),
                (Variable, "@@global.y"),
                (Param, ":a"),
                (Operator, ":="),
                (Word, "b"),
            ],
        ),
        (
            LITE,
            "? ?12 @x $y :z",
            &[(Positional, "?"), (Positional, "?12"), (Positional, "@x"), (Positional, "$y"), (Param, ":z")],
        ),
        (PG, ":a$ :aé", &[(Broken, ":a$"), (Broken, ":aé")]),
        (PG, "a;b", &[(Word, "a"), (Semicolon, ";"), (Word, "b")]),
        (LITE, "\u{feff}a\u{feff}", &[(Word, "a\u{feff}")]),
        // Without an end.
        (PG, "'a", &[(Broken, "'a")]),
        (PG, "$t$ a $T$", &[(Broken, "$t$ a $T$")]),
        (PG, "/* /* */", &[(Broken, "/* /* */")]),
        (MY, r"'a\", &[(Broken, r"'a\")]),
        (LITE, "[a", &[(Broken, "[a")]),
        (MY, "`a", &[(Broken, "`a")]),
    ];
    for (dialect, sql, expected) in cases {
        assert_eq!(tokens(sql, *dialect), *expected, "{dialect}: {sql}");
    }
}

fn shown(sql: &str, dialect: Dialect) -> String {
    named_parameters(sql, dialect)
        .unwrap()
        .iter()
        .map(|segment| match segment {
            Segment::Text(text) => format!("[{text}]"),
            Segment::Param(name) => format!("<{name}>"),
        })
        .collect()
}

#[test]
fn raw_sql_splits_into_text_and_named_parameters() {
    assert_eq!(shown("select * from t where id = :id", PG), "[select * from t where id = ]<id>");
    assert_eq!(shown(":a+:b", PG), "<a>[+]<b>");
    assert_eq!(
        shown("select ':a', \":b\", a::int /* :c */ , :d -- :e", PG),
        "[select ':a', \":b\", a::int /* :c */ , ]<d>"
    );
    assert_eq!(shown("-- head\nselect :x ; -- tail\n ;", LITE), "[select ]<x>");
    assert_eq!(shown("select a[lo:hi], a[1:2], a[ : 2]", PG), "[select a[lo:hi], a[1:2], a[ : 2]]");
    assert_eq!(shown("select 'a;b', $$;$$ from t;", PG), "[select 'a;b', $$;$$ from t]");
    assert_eq!(shown("select data->'a' from t where x @> :j", PG), "[select data->'a' from t where x @> ]<j>");
    assert_eq!(shown("select \"a\tb\n\r\"", LITE), "[select \"a\tb\n\r\"]");
}

#[test]
fn raw_sql_is_refused_with_a_code_that_says_why() {
    let long = format!("select '{}'", "x".repeat(MAX_BYTES));
    let many = "+1".repeat(MAX_TOKENS);
    let cases: &[(&[Dialect], &str, &str)] = &[
        (&ALL, "", "raw_sql.empty"),
        (&ALL, " \n\t", "raw_sql.empty"),
        (&ALL, "-- only a comment", "raw_sql.empty"),
        (&ALL, ";", "raw_sql.empty"),
        (&ALL, "; select 1", "raw_sql.empty"),
        (&ALL, "select '\0'", "raw_sql.nul"),
        (&ALL, "select 1 \u{1b}[2J", "raw_sql.control"),
        (&ALL, "select '\u{85}'", "raw_sql.control"),
        (&ALL, "select 1; drop table t", "raw_sql.second_statement"),
        (&ALL, "select 1; -- x\n select 2", "raw_sql.second_statement"),
        (&ALL, "select a from t) as x union all select a from (select a from t", "raw_sql.parentheses"),
        (&ALL, "select (1", "raw_sql.parentheses"),
        (&ALL, "select ')' /* ) */ from t)", "raw_sql.parentheses"),
        (&ALL, "select 'x", "raw_sql.open_string"),
        (&ALL, "select /* x", "raw_sql.open_comment"),
        (&[PG, LITE], "select \"x", "raw_sql.open_name"),
        (&[MY, LITE], "select `x", "raw_sql.open_name"),
        (&ALL, "select /*! 1 */", "raw_sql.directive"),
        (&ALL, "select /*+ x */ 1", "raw_sql.directive"),
        (&ALL, "select /*M! 1 */", "raw_sql.directive"),
        (&[MY, LITE], "select ?", "raw_sql.positional"),
        (&[LITE], "select ?1", "raw_sql.positional"),
        (&[LITE], "select @x", "raw_sql.positional"),
        (&[LITE], "select $x", "raw_sql.positional"),
        (&[PG], "select $1", "raw_sql.positional"),
        (&[PG], "select $1x", "raw_sql.positional"),
        (&[PG], "select a ? 'k' from t", "raw_sql.question_mark"),
        (&[PG], "select a ?| b from t", "raw_sql.question_mark"),
        (&[MY], "select @x", "raw_sql.variable"),
        (&[MY], "select @@version", "raw_sql.variable"),
        (&[MY], "select a := 1", "raw_sql.assignment"),
        (&[MY, LITE], "select a[lo:hi]", "raw_sql.colon"),
        (&ALL, "select 1 between a and:b", "raw_sql.colon"),
        (&ALL, "select : a", "raw_sql.colon"),
        (&[MY], "select a--1", "raw_sql.hyphens"),
        (&[PG, LITE], "select 1a", "raw_sql.number"),
        (&ALL, "select :aé", "raw_sql.parameter"),
        (&ALL, &long, "raw_sql.too_long"),
        (&ALL, &many, "raw_sql.too_many_tokens"),
    ];
    for (dialects, sql, code) in cases {
        for dialect in *dialects {
            // On SQLite brackets quote a name.
            if *dialect == LITE && sql.contains("[lo") {
                assert_eq!(shown(sql, LITE), format!("[{sql}]"));
                continue;
            }
            let error = named_parameters(sql, *dialect).unwrap_err();
            assert_eq!(
                (error.kind(), error.code()),
                (ErrorKind::RawSql, *code),
                "{dialect}: {}",
                &sql[..sql.len().min(60)]
            );
            assert!(!error.to_string().contains("drop"), "{error}");
        }
    }
}

#[test]
fn the_caps_let_what_is_below_them_pass() {
    let long = format!("select '{}'", "x".repeat(MAX_BYTES - 9));
    assert_eq!(long.len(), MAX_BYTES);
    let many = "+1".repeat(MAX_TOKENS / 2);
    for dialect in ALL {
        assert!(named_parameters(&long, dialect).is_ok());
        assert!(named_parameters(&many, dialect).is_ok());
    }
}

#[test]
fn hostile_shapes_take_linear_time() {
    let shapes: [String; 8] = [
        "$a".repeat(200_000),
        "'a'\n--x\n".repeat(60_000),
        "/*".repeat(250_000),
        "$a$".repeat(200_000),
        "'".repeat(500_001),
        "+".repeat(500_000),
        "U&".repeat(250_000),
        "\"\"".repeat(250_000),
    ];
    let started = std::time::Instant::now();
    for shape in &shapes {
        for dialect in ALL {
            assert!(Tokens::new(shape, dialect).count() > 0);
        }
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn structure_drops_names_and_values_and_keeps_the_rest() {
    let one = structure("SELECT \"a\" FROM t WHERE x = 'v' -- c", PG);
    assert_eq!(one, structure("select \"b;--\" from t where x = 'it''s; drop'", PG));
    assert_ne!(one, structure("select \"a\" from t where x = 'v' or 'v'", PG));
}

fn is_space(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_whitespace() || matches!(c, '\u{feff}' | '\u{b}'))
}

fn awkward() -> impl Strategy<Value = String> {
    let parts = proptest::sample::select(vec![
        "'", "\"", "`", "[", "]", "\\", "$", "$$", "$a$", "/*", "*/", "--", "-- ", "#", ";", ":", "::", ":a", ":=",
        "?", "?1", "@x", "e'", "U&'", "U&\"", "x'", "_utf8'", "1", "1.", ".5", "1e", "0x", "a", "é", "名", " ", "\n",
        "\r", "\u{feff}", "(", ")", "+",
    ]);
    prop_oneof![proptest::collection::vec(parts, 0..24).prop_map(|parts| parts.concat()), any::<String>()]
}

proptest! {
    #[test]
    fn the_tokens_cover_the_text_in_order_and_only_white_space_lies_between(sql in awkward()) {
        for dialect in ALL {
            let mut end = 0;
            for token in Tokens::new(&sql, dialect) {
                prop_assert!(token.start >= end);
                prop_assert!(is_space(&sql[end..token.start]));
                prop_assert_eq!(&sql[token.start..token.end()], token.text);
                prop_assert!(!token.text.is_empty());
                end = token.end();
            }
            prop_assert!(is_space(&sql[end..]));
        }
    }

    #[test]
    fn accepted_raw_sql_can_stand_in_parentheses(sql in awkward()) {
        for dialect in ALL {
            let Ok(segments) = named_parameters(&sql, dialect) else { continue };
            let text: String = segments.iter().map(|segment| match segment {
                Segment::Text(text) => String::from(*text),
                Segment::Param(name) => format!(":{name}"),
            }).collect();
            let wrapped = format!("({text})");
            let kinds = tokens(&wrapped, dialect);
            prop_assert_eq!(kinds.last(), Some(&(Kind::Operator, ")")), "{}: {}", dialect, wrapped);
            prop_assert_eq!(structure(&text, dialect).len() + 2, structure(&wrapped, dialect).len());
        }
    }

    #[test]
    fn a_quoted_value_is_one_literal_whatever_it_holds(value in awkward()) {
        let quoted = format!("'{}'", value.replace('\'', "''"));
        for dialect in [PG, LITE] {
            prop_assert_eq!(structure(&quoted, dialect), vec![(Kind::Text, std::borrow::Cow::Borrowed(""))]);
        }
        let quoted = format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"));
        prop_assert_eq!(structure(&quoted, MY), vec![(Kind::Text, std::borrow::Cow::Borrowed(""))]);
    }
}

#[test]
fn statements_that_begin_or_end_a_transaction_are_told_by_their_words() {
    let cases: &[(&[Dialect], bool, &[&str])] = &[
        (
            &ALL,
            true,
            &["commit", "/* x */ Commit and chain", "rollback", "rollback work", "begin", "end", "start transaction"],
        ),
        (
            &ALL,
            false,
            &[
                "rollback to a",
                "rollback work to savepoint a",
                "savepoint a",
                "release a",
                "select 1",
                "",
                "\"commit\"",
            ],
        ),
        (&[PG], true, &["abort", "prepare transaction 'x'", "commit prepared 'x'"]),
        (&[PG, LITE], false, &["create table t (a int)", "drop table t"]),
        (&[PG], false, &["prepare p as select 1", "set local work_mem = '8MB'"]),
        (
            &[MY],
            true,
            &["create table t (a int)", "create or replace table t (a int)", "truncate t", "lock tables t write"],
        ),
        (
            &[MY],
            true,
            &["set autocommit = 1", "set sql_mode = '', session autocommit=1", "set statement a = 1 for commit"],
        ),
        (&[MY], false, &["create temporary table t (a int)", "create or replace temporary table t (a int)"]),
        (&[MY], false, &["drop temporary table t", "set sql_mode = 'autocommit'", "insert into t values (1)"]),
    ];
    for (dialects, expected, texts) in cases {
        for (dialect, sql) in dialects.iter().flat_map(|dialect| texts.iter().map(move |sql| (*dialect, sql))) {
            assert_eq!(controls_transaction(sql, dialect), *expected, "{dialect}: {sql}");
        }
    }
}
