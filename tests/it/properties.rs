//! Random expressions and random chains give what a small evaluator in memory gives, on every database.
//!
//! A case is made from a number, so a failure is repeated by its number. `PORTCULLIS_CASES=5000` runs that many of each;
//! `PORTCULLIS_FIRST=100` starts at another number. What once failed stands in `regressions`.

mod chain;
mod data;
mod joined;
mod regressions;
mod reshape;
mod tree;

use data::World;
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
        data::fill(db, &World::first()).await;
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

/// How many chains have tables of their own in common.
const IN_ONE_WORLD: u64 = 20;

/// The tables of a case: every other lot of cases has those with which the named cases began.
fn world_of(number: u64) -> World {
    let world = number / IN_ONE_WORLD;
    if world.is_multiple_of(2) { World::first() } else { World::random(world) }
}

#[tokio::test]
async fn random_chains_mean_the_same_in_memory_and_on_every_database() {
    support::each(async |db| {
        let started = std::time::Instant::now();
        let mut made = 0;
        data::fill(db, &World::first()).await;
        let handle = db.read_only().await;
        handle.schema().await.unwrap();
        let mut filled = None;
        for number in numbers(if db.dialect == Dialect::Sqlite { 400 } else { 120 }) {
            let world = world_of(number);
            if world.facts_table != "facts" && filled.replace(number / IN_ONE_WORLD) != Some(number / IN_ONE_WORLD) {
                data::fill(db, &world).await;
            }
            made += chain::check_case(&handle, &world, number).await;
        }
        report("chains", db, made, started);
    })
    .await;
}

#[tokio::test]
async fn random_chains_with_other_values_take_the_kept_text_and_bind_their_own() {
    support::each(async |db| {
        let world = World::first();
        data::fill(db, &world).await;
        let kept = db.read_only().await;
        let builder = portcullis::Database::builder(db.dsn_ro().parse().unwrap()).compiled_shapes(0);
        let anew = builder.open_read_only().await.unwrap();
        kept.schema().await.unwrap();
        anew.schema().await.unwrap();
        for number in numbers(if db.dialect == Dialect::Sqlite { 120 } else { 40 }) {
            chain::check_again(&kept, &anew, &world, number).await;
        }
        let counts = kept.shapes();
        assert!(counts.hits > counts.misses && counts.unshaped < counts.hits / 10, "{counts:?}");
        assert_eq!(anew.shapes(), portcullis::ShapeCounts::default());
    })
    .await;
}

#[tokio::test]
async fn random_writes_matched_with_a_frame_do_what_each_row_with_each_would() {
    support::each(async |db| {
        let started = std::time::Instant::now();
        let setup = joined::setup(db.dialect);
        db.execute_setup(&setup.each_ref().map(String::as_str)).await;
        let handle = db.read_write().await;
        let mut made = 0;
        for number in numbers(if db.dialect == Dialect::Sqlite { 200 } else { 50 }) {
            made += usize::from(joined::check_case(&handle, number).await);
        }
        report("joined writes", db, made, started);
    })
    .await;
}
