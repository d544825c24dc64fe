//! Chains and lists of any size: built, cloned, printed and dropped without harm, and run or refused by name.

use std::thread;

use portcullis::{Dialect, ErrorKind, Expr, Frame, all_of, any_of, col, lit, on, using};

use crate::support;

const DEEP: usize = 100_000;

/// What a thread of a server usually has; a stack overflow would end the process.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(2 << 20).spawn(work).expect("a thread").join().expect("no panic");
}

fn deep_expressions() -> Vec<(&'static str, Expr)> {
    let fold = |make: fn(Expr) -> Expr, start: Expr| (0..DEEP).fold(start, |expr, _| make(expr));
    vec![
        ("plus", fold(|expr| expr + 1, col("id"))),
        ("not", fold(|expr| !expr, col("id").eq(1))),
        ("minus", fold(|expr| -expr, col("id"))),
        ("nested and", fold(|expr| all_of([expr, col("id").gt(0)]), col("id").eq(1))),
        ("and or", fold(|expr| (expr | col("id").eq(1)) & col("id").gt(0), col("id").eq(1))),
        ("alias", fold(|expr| expr.as_("x"), col("id"))),
        ("coalesce", fold(|expr| portcullis::coalesce([expr, lit(1)]), col("id"))),
        ("right side", fold(|expr| lit(1) + expr, col("id"))),
        ("case", fold(|expr| portcullis::case().when(expr.clone().is_null(), 1).otherwise(expr), col("id"))),
    ]
}

#[test]
fn deep_expressions_are_built_cloned_printed_and_dropped() {
    on_a_small_stack(|| {
        for (name, expr) in deep_expressions() {
            let copy = expr.clone();
            assert!(format!("{copy:?}").len() < 10_000, "{name}");
            drop(expr);
            let frame = portcullis::table("t").where_(copy.clone()).select(copy.clone());
            drop(copy);
            for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MariaDb, Dialect::MySql] {
                let error = frame.to_sql_for(dialect).expect_err(name);
                assert_eq!(error.kind(), ErrorKind::Limit, "{name}: {error:?}");
            }
        }
    });
}

#[test]
fn deep_chains_are_built_cloned_printed_and_dropped() {
    on_a_small_stack(|| {
        let start = || portcullis::table("t").select(["id"]);
        let fold = |make: fn(Frame) -> Frame| (0..DEEP).fold(start(), |frame, _| make(frame));
        for frame in [
            fold(|frame| frame.where_(col("id").gt(1))),
            fold(|frame| frame.limit(1)),
            fold(|frame| frame.with_column("id", col("id") + 1)),
            fold(|frame| frame.join(portcullis::table("u"), using("id"))),
            fold(|frame| portcullis::table("u").semi_join(frame, on(col("id").eq(1)))),
            fold(|frame| frame.group_by("id").agg(Vec::<Expr>::new())),
        ] {
            let copy = frame.clone();
            assert!(format!("{copy:?}").len() < 10_000);
            drop(frame);
            let error = copy.to_sql_for(Dialect::Sqlite).expect_err("too deep");
            assert_eq!(error.kind(), ErrorKind::Limit, "{error:?}");
            assert!(error.location().is_some());
        }
    });
}

/// The twin: what is as deep as is allowed runs, on a thread with a small stack.
#[test]
fn chains_and_expressions_at_the_limit_compile() {
    on_a_small_stack(|| {
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MariaDb, Dialect::MySql] {
            let deep = |depth: usize| (1..depth).fold(col("id"), |expr, _| expr + 1);
            let frame = |expr: Expr| portcullis::table("t").select([expr.as_("x")]);
            frame(deep(199)).to_sql_for(dialect).expect("199 levels and an alias");
            assert_eq!(frame(deep(200)).to_sql_for(dialect).expect_err("201 levels").code(), "limit.depth");
            let verbs = |verbs: u64| {
                (2..verbs).fold(portcullis::table("t").select("id"), |frame, n| {
                    frame.limit(1000 - n).where_(col("id").gt(1)).limit(999)
                })
            };
            verbs(80).to_sql_for(dialect).expect("a long chain");
            assert_eq!(verbs(100).to_sql_for(dialect).expect_err("too long").code(), "limit.depth");
        }
    });
}

#[tokio::test]
async fn a_hundred_thousand_values_and_ten_thousand_conditions_work() {
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE t (id bigint NOT NULL, name varchar(20) NOT NULL)"]).await;
        let db = db.read_write().await;
        let rows = (0..1000_i64).map(|n| (n * 200, format!("n{}", n * 200)));
        db.insert("t").columns(["id", "name"]).rows(rows).execute().await.expect("rows");
        let count = async |condition: Expr| {
            let frame = db.table("t").where_(condition);
            frame.count().await.unwrap_or_else(|error| panic!("{error:?} on {}", db.dialect()))
        };
        assert_eq!(count(col("id").in_(0..100_000_i64)).await, 500);
        assert_eq!(count(col("id").not_in(0..100_000_i64)).await, 500);
        let names = || (0..100_000).map(|n| format!("n{n}")).collect::<Vec<_>>();
        assert_eq!(count(col("name").in_(names())).await, 500);
        assert_eq!(count(col("name").not_in(names())).await, 500);
        assert_eq!(count(any_of((0..10_000_i64).map(|n| col("id").eq(n)))).await, 50);
        assert_eq!(count(all_of((0..10_000_i64).map(|n| col("id").ne(n)))).await, 950);
        let chained = (1..10_000_i64).fold(col("id").eq(0), |expr, n| expr | col("id").eq(n));
        assert_eq!(count(chained).await, 50);
        // Ten thousand conditions on two columns, in three levels.
        let mixed = any_of((0..3_000_i64).map(|n| col("id").eq(n) & col("id").ge(n)));
        assert_eq!(count(mixed).await, 15);
        let ten_thousand =
            any_of((0..10_000_i64).map(|n| if n % 2 == 0 { col("id").is_null() } else { col("id").lt(0) }));
        assert_eq!(count(ten_thousand).await, 0);
        let too_many = any_of((0..30_000_i64).map(|n| col("id").eq(n)));
        let error = db.table("t").where_(too_many).count().await.expect_err("too many nodes");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Limit, "limit.nodes"));
    })
    .await;
}

/// Each emulated full join doubles what stands below it.
#[test]
fn many_emulated_full_joins_are_refused_before_they_grow() {
    portcullis::table! { k { id: i64 } }
    let joined = |joins: usize| {
        (0..joins).fold(portcullis::table(k::table), |frame, n| {
            frame.full_join(portcullis::table(k::table).as_(&format!("k{n}")), using("id"))
        })
    };
    joined(3).to_sql_for(Dialect::MariaDb).expect("three");
    let error = joined(60).to_sql_for(Dialect::MariaDb).expect_err("sixty");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Limit, "limit.relations"));
    joined(60).to_sql_for(Dialect::Sqlite).expect("sixty, where there is no need");
}

/// A frame joined with itself is two frames; twenty times over it is a million.
#[test]
fn a_frame_that_doubles_itself_is_refused_at_once() {
    portcullis::table! { k { id: i64 } }
    let doubled = |times: usize| {
        (0..times).fold(portcullis::table(k::table), |frame, n| {
            frame.clone().semi_join(frame.as_(&format!("k{n}")), using("id"))
        })
    };
    doubled(5).to_sql_for(Dialect::Sqlite).expect("thirty-two");
    for times in [12, 30, 110] {
        let error = doubled(times).to_sql_for(Dialect::Sqlite).expect_err("too many");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Limit, "limit.verbs"));
    }
}
