#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::Path;

use super::*;

const ALL: &[Dialect] = &[Dialect::Postgres, Dialect::MySql, Dialect::MariaDb, Dialect::Sqlite];
const PG: &[Dialect] = &[Dialect::Postgres];
const MY: &[Dialect] = &[Dialect::MySql, Dialect::MariaDb];
const LITE: &[Dialect] = &[Dialect::Sqlite];

fn code(sql: &str, dialect: Dialect) -> &'static str {
    match check_read_only(sql, dialect) {
        Ok(_) => "ok",
        Err(error) => error.code(),
    }
}

#[test]
fn ordinary_selects_pass() {
    let cases: &[(&[Dialect], &str)] = &[
        (ALL, "select 1"),
        (ALL, "select * from t;"),
        (
            ALL,
            "SELECT t.*, o.id AS x FROM t JOIN orders o ON o.t_id = t.id LEFT JOIN s USING (id) WHERE o.total > 10.5",
        ),
        (
            ALL,
            "select a, count(*), sum(b) as s from t where c = :c group by a having count(*) > 1 order by s desc limit 5 offset 2",
        ),
        (ALL, "with x as (select 1 as a), y(b) as (select a from x) select * from x join y on x.a = y.b"),
        (ALL, "with recursive n(i) as (select 1 union all select i + 1 from n where i < 10) select i from n"),
        (
            ALL,
            "select a, row_number() over (partition by b order by c desc) as r, sum(d) over w from t window w as (order by e)",
        ),
        (ALL, "select sum(a) over (order by b rows between 3 preceding and current row) from t"),
        (ALL, "select case when a > 1 then 'x' when a is null then 'into t; drop' else lower(b) end from t"),
        (ALL, "select * from t where a in (select b from u where u.c = t.c) and exists (select 1 from v)"),
        (ALL, "select * from (select a from t union all select b from u) as d where a between 1 and 3"),
        (
            ALL,
            "select coalesce(a, 0), cast(b as char(10)), cast(c as decimal(10, 2)) from t where d like 'a%' escape '!'",
        ),
        (ALL, "select distinct a from t where not (b = 1 or c <> 2) and d is not null"),
        (ALL, "select 'delete from t' as x -- drop table t\n from t /* ; insert */"),
        (ALL, "select a from t intersect select a from u except select a from v"),
        (ALL, "select count(distinct a), max(b) - min(b), -c, +d from t cross join u"),
        (ALL, "select u.id from s.users u where u.id in (:a, :b)"),
        (ALL, "(select 1) union (select 2) order by 1"),
        (PG, "select a from t where b = $1 and c = any($2)"),
        (PG, "select count(*) filter (where a > 1), string_agg(b, ',' order by c) from t"),
        (PG, "select percentile_cont(0.5) within group (order by a) from t"),
        (PG, "select t.id, l.x from t cross join lateral (select max(y) as x from u where u.id = t.id) l"),
        (
            PG,
            "select data->>'a', data#>>'{b,c}', data @> '{\"x\":1}', a::int, b::numeric(10,2)::text, c::text[] from t",
        ),
        (PG, "select date_trunc('month', ts)::date, extract(year from ts), now() - interval '1 day' from t"),
        (PG, "select * from generate_series(1, 10) as g(i)"),
        (PG, "select e.key, e.value from t, jsonb_each(t.data) as e(key, value)"),
        (PG, "select x from t, unnest(t.tags) with ordinality as u(x, n)"),
        (PG, "select distinct on (a) a, b from t order by a, b desc nulls last"),
        (PG, "select array[1,2], array(select a from t), (array[1,2])[1], a[1:2] from t"),
        (PG, "select a from t group by grouping sets ((a), ()), rollup (b)"),
        (PG, "select E'a\\'b', $$x'y$$, U&'\\0061', B'10', 'a'\n'b' from t"),
        (PG, "select a ~ 'x', a ilike 'y', a similar to 'z', b at time zone 'UTC', a || b from t"),
        (PG, "select pg_catalog.lower(a), make_interval(days => 3), date '2024-01-01', \"Weird Name\" from \"T\""),
        (PG, "select a from t tablesample bernoulli (10) fetch first 3 rows only"),
        (PG, "values (1, 'a'), (2, 'b')"),
        (PG, "with x as materialized (select 1 as a) select a from x"),
        (
            PG,
            "select substring(a from 2 for 3), position('x' in a), trim(both ' ' from a), overlay(a placing 'x' from 1) from t",
        ),
        (PG, "select a from t where b is distinct from c and d <@ e and f && g"),
        (PG, "select \"update\", \"into\" from t"),
        (MY, "select date_format(a, '%Y-%m'), ifnull(b, 0), if(c, 1, 2), 0x1F, \"x\" from `t` where d <=> null"),
        (MY, "select group_concat(distinct a order by b separator ',') from t group by c with rollup"),
        (MY, "select date_add(a, interval 1 day), a + interval 1 month, timestampdiff(day, a, b) from t limit 2, 3"),
        (MY, "select data->'$.a', data->>'$.b', json_extract(data, '$.c') from t"),
        (MY, "select a div 2, a mod 3, a regexp 'x', a rlike 'y' from t # done"),
        (MY, "select a from t use index (i) where match(b) against('x' in boolean mode)"),
        (MY, "select 'a' 'b', 'it\\'s; drop' from t"),
        (LITE, "select [a b], \"c\", `d`, x'41', 0x1F from [t]"),
        (LITE, "select strftime('%Y', a), json_extract(b, '$.x'), b->>'$.y', total(c), iif(d, 1, 2) from t"),
        (LITE, "select j.value from t, json_each(t.data) as j where a glob 'x*'"),
        (LITE, "select a from t where b = ?1 and c = ? and d is not e"),
        (LITE, "select group_concat(a, ';'), count(*) filter (where b) from t"),
    ];
    let mut wrong = Vec::new();
    for (dialects, sql) in cases {
        for dialect in *dialects {
            if let Err(error) = check_read_only(sql, *dialect) {
                wrong.push(format!("{dialect}: {sql}: {error:?}\n    {}", plain(sql, *dialect)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn plain(sql: &str, dialect: Dialect) -> String {
    let tokens: Vec<_> = Tokens::new(sql, dialect).filter(|token| token.kind != Kind::Comment).collect();
    let plain = plain_text(&tokens, dialect).unwrap();
    let error = Parser::parse_sql(parser_dialect(dialect), &plain).err();
    format!("{plain}: {error:?}")
}

#[test]
fn attacks_are_refused_with_a_code() {
    let cases: &[(&[Dialect], &str, &str)] = &[
        (ALL, "insert into t values (1)", "raw.not_a_select"),
        (ALL, "update t set a = 1", "raw.not_a_select"),
        (ALL, "delete from t", "raw.not_a_select"),
        (ALL, "drop table t", "raw.not_a_select"),
        (ALL, "explain analyze select 1", "raw.not_a_select"),
        (ALL, "set transaction read write", "raw.not_a_select"),
        (ALL, "table t", "raw.not_a_select"),
        (ALL, "do $$ x $$", "raw.not_a_select"),
        (ALL, "begin not atomic select 1", "raw.not_a_select"),
        (ALL, "handler t read first", "raw.not_a_select"),
        (LITE, "pragma query_only = off", "raw.not_a_select"),
        (LITE, "vacuum into 'x'", "raw.not_a_select"),
        (LITE, "attach 'x' as y", "raw.not_a_select"),
        (ALL, "select 1; drop table t", "raw.statements"),
        (ALL, "select 1; select 2", "raw.statements"),
        // Writes and locks inside what the parser calls a query.
        (ALL, "select * into t2 from t", "raw.write_word"),
        (ALL, "select 1 into outfile '/tmp/x'", "raw.write_word"),
        (ALL, "with d as (delete from t returning *) select * from d", "raw.write_word"),
        (ALL, "with d as (insert into t values (1)) select 1", "raw.write_word"),
        (ALL, "with d as (update t set a = 1 returning *) select * from d", "raw.write_word"),
        (ALL, "with d as (merge x) select 1", "raw.write_word"),
        (ALL, "with d as (select 1) delete from t", "raw.write_word"),
        (ALL, "select * from t for update", "raw.lock"),
        (PG, "select * from t for no key update", "raw.lock"),
        (PG, "select * from t for share", "raw.lock"),
        (PG, "select * from (select * from t for key share) x", "raw.syntax"),
        // The parser would take what follows for a comment.
        (MY, "select a--1, b from t", "raw.hyphens"),
        (MY, "select a--(select b from secret) from t", "raw.hyphens"),
        (PG, "select $x from t", "raw.sign"),
        (ALL, "select a\u{a0}b from t", "raw.name"),
        (MY, "select * from t lock in share mode", "raw.lock"),
        (PG, "select 1 union table t", "raw.table"),
        // Comments that a server runs.
        (ALL, "select 1 /*!50000 union select 2 */", "raw.directive"),
        (ALL, "select 1 /*M! union select 2 */", "raw.directive"),
        (ALL, "select /*+ x */ 1", "raw.directive"),
        // What the parser reads in another way than the server.
        (PG, "select * from only t", "raw.only"),
        (PG, "select * from a, only (b)", "raw.only"),
        (PG, "select U&\"a\" from t", "raw.name"),
        (MY, "select @@version", "raw.variable"),
        (MY, "select @x := 1", "raw.variable"),
        (ALL, "select 'x", "raw.broken"),
        (ALL, "select 'a\u{0}b'", "raw_sql.nul"),
        (PG, "select 'a\\' , pg_sleep(1) , '\\'", "raw.function"),
        (PG, "select e'a\\' , pg_sleep(1) , '", "ok"),
        // Functions, wherever they hide.
        (ALL, "select sleep(5)", "raw.function"),
        (ALL, "select a from t where b = (select load_file('x'))", "raw.function"),
        (ALL, "select a from t order by benchmark(1, 2)", "raw.function"),
        (ALL, "select sum(a) over (order by get_lock('a', 1)) from t", "raw.function"),
        (ALL, "select case when 1 = 1 then sleep(1) end", "raw.function"),
        (PG, "select \"lower\"(a) from t", "raw.function"),
        (MY, "select `lower`(a) from t", "raw.function"),
        (ALL, "select public.lower(a) from t", "raw.function"),
        (PG, "select pg_catalog.pg_sleep(1)", "raw.function"),
        (PG, "select set_config('a', 'b', false)", "raw.function"),
        (PG, "select query_to_xml('delete from t', true, true, '')", "raw.function"),
        (PG, "select count(*) filter (where pg_advisory_lock(1) is null) from t", "raw.function"),
        (PG, "select array[nextval('s')]", "raw.function"),
        (PG, "select x[lo_create(0)] from t", "raw.function"),
        (PG, "select * from pg_read_file('x')", "raw.function"),
        (PG, "select * from t, lateral dblink('x', 'y')", "raw.function"),
        (PG, "select * from t tablesample bernoulli (pg_sleep(1))", "raw.function"),
        (PG, "select * from rows from (pg_ls_dir('.'))", "raw.syntax"),
        (PG, "select xmlparse(document 'x')", "raw.function"),
        (LITE, "select load_extension('x')", "raw.function"),
        (LITE, "select * from pragma_table_info('t')", "raw.function"),
        (LITE, "select * from pragma_database_list", "raw.relation"),
        (LITE, "select * from \"pragma_database_list\"", "raw.relation"),
        (LITE, "select * from main.sqlite_dbpage", "raw.relation"),
        (LITE, "select a from t where b in readfile('x')", "raw.syntax"),
        // The rest of the tree.
        (ALL, "select * from a.b.c.d", "raw.relation"),
        (PG, "select a::my_type from t", "raw.type"),
        (PG, "select a::s.my_type[] from t", "raw.type"),
        (PG, "select a operator(public.+) b from t", "raw.unknown"),
        (PG, "select 1 fetch first 10 percent rows only", "raw.unknown"),
        (MY, "select sql_no_cache a from t", "raw.hint"),
    ];
    let mut wrong = Vec::new();
    for (dialects, sql, expected) in cases {
        for dialect in *dialects {
            let got = code(sql, *dialect);
            if got != *expected {
                wrong.push(format!("{dialect}: {sql}: {got}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_message_holds_the_text_and_a_function_is_named_safely() {
    let error = check_read_only("select \"secret\", frobnicate('hidden') from vault", Dialect::Postgres).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Policy);
    let message = format!("{error} {error:?}");
    assert!(message.contains("`frobnicate`"), "{message}");
    for word in ["secret", "hidden", "vault"] {
        assert!(!message.contains(word), "{message}");
    }
}

fn tables(sql: &str, dialect: Dialect) -> Vec<String> {
    let access = check_read_only(sql, dialect).unwrap();
    access
        .tables
        .into_iter()
        .map(|(schema, name)| schema.map(|schema| format!("{schema}.")).unwrap_or_default() + &name)
        .collect()
}

#[test]
fn the_access_names_tables_and_not_common_table_expressions() {
    let pg = Dialect::Postgres;
    assert_eq!(tables("select * from A join s.\"B\" on true join a on true", pg), ["a", "s.B"]);
    assert_eq!(tables("with x as (select * from t) select * from x, public.x", pg), ["t", "public.x"]);
    // The inner name is the table, not the expression that is being defined.
    assert_eq!(tables("with t as (select * from t) select * from t", pg), ["t"]);
    assert_eq!(tables("with recursive r as (select 1 union all select * from r) select * from r", pg), [""; 0]);
    // An expression ends with the query that it belongs to.
    assert_eq!(tables("select * from (with x as (select 1) select * from x) d, x", pg), ["x"]);
    assert_eq!(
        tables("select (select max(a) from u) from t where exists (select 1 from v) order by (select 1 from w)", pg)
            .len(),
        4
    );
    assert_eq!(tables("with X as (select 1) select * from x", Dialect::Sqlite), [""; 0]);
    // PostgreSQL folds ASCII only: the expression does not hide the table.
    assert_eq!(tables("with é as (select 1) select * from É", pg), ["É"]);
    assert_eq!(tables("with é as (select 1) select * from é", pg), [""; 0]);
    assert_eq!(tables("select * from json_each('[1]')", Dialect::Sqlite), [""; 0]);
}

#[test]
fn long_and_deep_texts_end_in_an_answer() {
    let shapes = [
        (format!("select 1{}", "+1".repeat(3_900)), "ok"),
        (format!("select a from t where true{}", " and a".repeat(3_900)), "ok"),
        (format!("select 1{}", " union select 1".repeat(2_000)), "ok"),
        (format!("select {}1", "- ".repeat(7_000)), "raw.syntax"),
        (format!("select {}1", "not ".repeat(7_000)), "raw.syntax"),
        (format!("select {}1{}", "(".repeat(3_000), ")".repeat(3_000)), "raw.too_deep"),
        (format!("select {}", "(".repeat(7_000)), "raw.too_deep"),
        (format!("select {}1{}", "(".repeat(20), ")".repeat(20)), "ok"),
        (format!("select {}1{}", "case when 1 then ".repeat(1_500), " end".repeat(1_500)), "raw.syntax"),
        (format!("select 1{}", "+1".repeat(4_100)), "raw.too_many_tokens"),
        (format!("select 1 from t{}", " join t on 1".repeat(1_900)), "ok"),
    ];
    for (sql, expected) in &shapes {
        for dialect in ALL {
            let start: String = sql.chars().take(50).collect();
            assert_eq!(code(sql, *dialect), *expected, "{dialect}: {start}");
        }
    }
    for sql in [
        format!("select a{} from t", "::int".repeat(2_600)),
        format!("select a{} from t", "[1]".repeat(2_600)),
        format!("select a::int{} from t", "[]".repeat(3_900)),
        format!("select a{} from t", " is null".repeat(3_900)),
        format!("select a{} from t", " collate x".repeat(3_900)),
        format!("select a{} from t", " at time zone 'x'".repeat(1_700)),
        format!("select {}1", "array[".repeat(3_000)),
        format!("select * from {}t", "(".repeat(30)),
        format!("select * from {}", "a join (".repeat(31)),
        format!("select * from {}t{}", "(".repeat(31), " join t on 1)".repeat(31)),
        format!("select * from {}select 1{}", "(".repeat(31), ")".repeat(31)),
        format!("select * from {}select 1{}", "(select * from (".repeat(15), ") x)".repeat(15)),
        format!("select {}select 1{}", "(".repeat(31), ")".repeat(31)),
        format!("select {}a, b{}", "(".repeat(31), ")".repeat(31)),
        format!("select {}a{}", "a in (".repeat(31), ")".repeat(31)),
        format!("select {}1{}", "lower(".repeat(31), ")".repeat(31)),
        format!("select {}1{}", "array[".repeat(31), "]".repeat(31)),
        format!("select {}1{}", "cast(".repeat(31), " as int)".repeat(31)),
        format!("select {}1{}", "(select ".repeat(31), ")".repeat(31)),
        format!("select {}1{}", "exists (select ".repeat(31), ")".repeat(31)),
        format!("select {}1{}", "case when (".repeat(31), ") then 1 end".repeat(31)),
        format!("{}select 1{}", "(".repeat(31), ") union select 1".repeat(31)),
        format!("{}select 1{}", "with a as (".repeat(31), ") select 1".repeat(31)),
        format!("select {}1{}", "interval (".repeat(31), ") day".repeat(31)),
        format!("select {}1{}", "a = any (".repeat(31), ")".repeat(31)),
        format!("select * from t where {}1{}", "(a, (".repeat(15), "))".repeat(15)),
        format!("select * from {}t", "a join lateral (".repeat(31)),
        format!("select * from unnest({}1{}", "unnest(".repeat(30), ")".repeat(31)),
        format!("select a{}", " not".repeat(7_000)),
        format!("select {}1", "date ".repeat(6_000)),
        format!("select {}1", "a => ".repeat(4_000)),
        format!("select lower({}1)", "a => ".repeat(4_000)),
        format!("select {}1", "a -> ".repeat(4_000)),
        format!("select {}", "a.".repeat(3_900)),
        format!("select a{}", ".b[1]".repeat(1_500)),
        format!("select {}1", "interval ".repeat(7_000)),
        format!("select {}1", "~".repeat(7_000)),
        format!("select {}1", "~ ".repeat(7_000)),
        format!("with {}", "a as (with ".repeat(1_000)),
        format!("select exists {}", "exists ".repeat(7_000)),
        format!("select {}", "select ".repeat(7_000)),
        format!("select a between {}1", "a between ".repeat(3_000)),
        format!("select {}", "prior ".repeat(7_000)),
        format!("select {}", "interval - ".repeat(3_000)),
        format!("select {}", "binary ".repeat(7_000)),
        format!("select a from t where a = {}", "any ".repeat(7_000)),
    ] {
        for dialect in ALL {
            let started = std::time::Instant::now();
            let _ = code(&sql, *dialect);
            let start: String = sql.chars().take(50).collect();
            assert!(started.elapsed().as_secs() < 10, "{dialect}: {start}: {:?}", started.elapsed());
        }
    }
}

/// Words that, bare, write within a statement.
const WRITE_WORDS: &[&str] = &["insert", "update", "delete", "merge", "into", "outfile", "dumpfile"];

/// Functions that do more than compute.
const EVIL_CALLS: &[&str] = &[
    "sleep",
    "pg_sleep",
    "benchmark",
    "load_file",
    "pg_read_file",
    "lo_import",
    "lo_export",
    "dblink",
    "set_config",
    "nextval",
    "setval",
    "load_extension",
    "readfile",
    "writefile",
    "xp_cmdshell",
    "get_lock",
    "pg_advisory_lock",
    "query_to_xml",
    "pg_notify",
    "extractvalue",
    "updatexml",
    "randomblob",
    "zeroblob",
    "execute",
    "analyse",
];

fn check_payload(payload: &str) -> usize {
    let mut accepted = 0;
    for sql in [
        payload.to_owned(),
        format!("select id from t where id = {payload}"),
        format!("select id from t where id = '{payload}'"),
    ] {
        for dialect in ALL {
            let _ = crate::token::named_parameters(&sql, *dialect);
            match check_read_only(&sql, *dialect) {
                Ok(_) => {
                    accepted += 1;
                    let tokens: Vec<_> =
                        Tokens::new(&sql, *dialect).filter(|token| token.kind != Kind::Comment).collect();
                    let first = tokens.iter().find(|token| !token.is_operator("(")).unwrap();
                    assert!(
                        ["select", "with", "values"].iter().any(|word| first.is_word(word)),
                        "{dialect} accepts {sql:?}"
                    );
                    for (token, next) in tokens.iter().zip(tokens.iter().map(Some).skip(1).chain([None])) {
                        let writes = WRITE_WORDS.iter().any(|word| token.is_word(word));
                        let calls = next.is_some_and(|next| next.is_operator("("))
                            && EVIL_CALLS
                                .iter()
                                .any(|word| token.text.trim_matches(['"', '`']).eq_ignore_ascii_case(word));
                        assert!(!writes && !calls, "{dialect} accepts {sql:?}");
                        let ends =
                            token.kind != Kind::Semicolon || next.is_none_or(|next| next.kind == Kind::Semicolon);
                        assert!(ends, "{dialect} accepts {sql:?}");
                        let whole = !matches!(token.kind, Kind::Broken | Kind::Directive | Kind::Variable);
                        assert!(whole, "{dialect} accepts {sql:?}");
                    }
                }
                Err(error) => {
                    let message = error.to_string();
                    assert!(!message.chars().any(char::is_control), "{message:?}");
                }
            }
        }
    }
    accepted
}

fn check_file(text: &str) -> (usize, usize) {
    let payloads: Vec<String> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let accepted = payloads.iter().map(|payload| check_payload(payload)).sum();
    (payloads.len(), accepted)
}

#[test]
fn no_payload_of_our_own_list_brings_more_than_a_read() {
    let (count, accepted) = check_file(include_str!("../../../tests/data/payloads.jsonl"));
    assert!(count >= 150);
    // Some are harmless on purpose: a list that accepts nothing would prove nothing.
    assert!(accepted > 200, "{accepted}");
}

#[test]
fn no_payload_of_the_shared_corpus_brings_more_than_a_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora/injection-dev.jsonl");
    let Ok(text) = std::fs::read_to_string(path) else { return };
    let (count, accepted) = check_file(&text);
    assert!(count > 3_000 && accepted > 1_000, "{count} {accepted}");
}
