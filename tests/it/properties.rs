//! Random expressions and random chains give what a small evaluator in memory gives, on every database.
//!
//! A case is made from a number, so a failure is repeated by its number. `PORTCULLIS_CASES=5000` runs that many of each;
//! `PORTCULLIS_FIRST=100` starts at another number. What once failed stands in `regressions`.

mod chain;
mod data;
mod regressions;
mod tree;

use portcullis::Dialect;

use crate::support::{self, TestDatabase};

/// From which number to which: `few` cases unless the environment says otherwise.
fn numbers(few: u64) -> std::ops::Range<u64> {
    let read = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number of cases"));
    let first = read("PORTCULLIS_FIRST").unwrap_or(0);
    first..first + read("PORTCULLIS_CASES").unwrap_or(few)
}

fn report(what: &str, db: &TestDatabase, made: usize, started: std::time::Instant) {
    support::say(&format!("{made} random {what} on {} in {:.1?}", db.dialect, started.elapsed()));
}

#[tokio::test]
async fn random_expressions_mean_the_same_in_memory_and_on_every_database() {
    support::each(async |db| {
        let started = std::time::Instant::now();
        data::fill(db).await;
        let handle = db.read_only().await;
        handle.schema().await.unwrap();
        let few = if db.dialect == Dialect::Sqlite { 150 } else { 60 };
        let mut made = 0;
        for number in numbers(few) {
            made += tree::check_case(&handle, number).await;
        }
        report("expressions", db, made, started);
    })
    .await;
}

#[tokio::test]
async fn random_chains_mean_the_same_in_memory_and_on_every_database() {
    support::each(async |db| {
        let started = std::time::Instant::now();
        data::fill(db).await;
        let handle = db.read_only().await;
        handle.schema().await.unwrap();
        let few = if db.dialect == Dialect::Sqlite { 400 } else { 120 };
        let mut made = 0;
        for number in numbers(few) {
            made += chain::check_case(&handle, number).await;
        }
        report("chains", db, made, started);
    })
    .await;
}

#[tokio::test]
async fn random_chains_with_other_values_take_the_kept_text_and_bind_their_own() {
    support::each(async |db| {
        data::fill(db).await;
        let kept = db.read_only().await;
        let builder = portcullis::Database::builder(db.dsn_ro().parse().unwrap()).compiled_shapes(0);
        let anew = builder.open_read_only().await.unwrap();
        kept.schema().await.unwrap();
        anew.schema().await.unwrap();
        for number in numbers(if db.dialect == Dialect::Sqlite { 120 } else { 40 }) {
            chain::check_again(&kept, &anew, number).await;
        }
        let counts = kept.shapes();
        assert!(counts.hits > counts.misses && counts.unshaped < counts.hits / 10, "{counts:?}");
        assert_eq!(anew.shapes(), portcullis::ShapeCounts::default());
    })
    .await;
}
