//! The README's story: a guarded handle over real data, and what it lets through.
//!
//! Loads one month of New York flights from `examples/data` into an SQLite file that is gone at the end, then asks, is
//! refused, is told to wait, and shows what the audit wrote. It needs no server and no network:
//!
//! ```text
//! cargo run --example quickstart
//! ```
#![expect(clippy::expect_used, reason = "a story of refusals should stop where one does not come")]

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use portcullis::{
    AuditLayer, AuditLog, Database, Dsn, RateLimit, RateLimitLayer, RateScope, ReadOnly, ReadWrite, Subject, all, col,
    count, max, sum, using,
};
use serde_json::Value as Json;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("flights.db");
    load(&file).await?;

    let (db, log) = open(&file).await?;
    // Each request of a service runs on behalf of somebody: limits count by it, and the audit names it.
    let db = db.acting_as(Subject::new("ada").tenant("north"));

    filtered_select(&db).await?;
    join_and_group(&db).await?;
    refused_write(&db).await;
    refused_name(&db).await;
    one_too_many(&db).await;
    show_audit(&log)?;
    Ok(())
}

/// A read-only handle whose every statement is written down and counted.
async fn open(file: &Path) -> Result<(Database<ReadOnly>, AuditLog)> {
    let (audit, log) = AuditLayer::to_memory();
    let limits = RateLimitLayer::new([RateLimit::named("per person")
        .scope(RateScope::Subject)
        .limit(2, Duration::from_secs(60))])?;
    let dsn: Dsn = format!("sqlite://{}", file.display()).parse()?;
    let db = Database::builder(dsn).name("reports").hook(audit).hook(limits).open_read_only().await?;
    // With the catalogue read, a misspelt column is found before anything is sent.
    db.schema().await?;
    Ok((db, log))
}

async fn filtered_select(db: &Database<ReadOnly>) -> Result<()> {
    title("1. A filtered select");
    let late = db
        .table("flights")
        .where_(col("origin").eq("JFK").and(col("dep_delay").gt(300)))
        .select(["month", "day", "carrier", "flight", "dest", "dep_delay"])
        .order_by(col("dep_delay").desc())
        .limit(5);
    println!("{}\n\n{}", late.to_sql()?, late.collect().await?);
    Ok(())
}

async fn join_and_group(db: &Database<ReadOnly>) -> Result<()> {
    title("2. Three tables, grouped: who keeps people waiting");
    let waits = db
        .table("flights")
        .where_(col("dep_delay").gt(60))
        .join(db.table("airlines"), using("carrier"))
        .join(db.table("planes"), using("tailnum"))
        .group_by("name")
        .agg((count(all()).as_("late"), sum(col("seats")).as_("seats"), max(col("dep_delay")).as_("worst")))
        .where_(col("late").gt(100))
        .order_by(col("late").desc())
        .limit(4);
    println!("{}\n\n{}", waits.to_sql()?, waits.collect().await?);
    Ok(())
}

async fn refused_write(db: &Database<ReadOnly>) {
    title("3. A write on the read-only handle");
    println!(
        "`db.delete(\"flights\")` does not compile: the handle has no such verb. Raw SQL compiles, and is refused:"
    );
    let result = db.sql("DELETE FROM flights WHERE carrier = :carrier").bind("carrier", "UA").execute().await;
    println!("{:?}", result.expect_err("the guard refuses it"));
}

async fn refused_name(db: &Database<ReadOnly>) {
    title("4. A name that is none, and one that does not exist");
    for frame in [db.table("flights; DROP TABLE flights"), db.table("flights").select(["dep_dely"])] {
        println!("{:?}", frame.collect().await.expect_err("the name is refused"));
    }
}

async fn one_too_many(db: &Database<ReadOnly>) {
    title("5. The third query of a person who may ask two a minute");
    let error = db.table("airlines").collect().await.expect_err("the limit refuses it");
    println!("{error:?}\nretry after {:.1?}", error.retry_after().unwrap_or_default());
}

/// The records as they were written, without the fields that the story does not need.
fn show_audit(log: &AuditLog) -> Result<()> {
    title("6. What the audit wrote, an intent before and a completion after each statement (some fields left out)");
    for line in log.lines() {
        let record: Json = serde_json::from_str(&line)?;
        let field = |name: &str| record.get(name).map(|value| format!("{name:?}:{value}"));
        let shown = ["phase", "subject", "summary", "refused", "outcome", "rows", "error", "rule"];
        println!("{{{}}}", shown.iter().filter_map(|name| field(name)).collect::<Vec<_>>().join(","));
    }
    Ok(())
}

/// Fills the file through a read-write handle, which is dropped afterwards.
async fn load(file: &Path) -> Result<()> {
    let db = Database::<ReadWrite>::open(format!("sqlite://{}?mode=rwc", file.display()).parse()?).await?;
    for (table, name, create) in TABLES {
        db.sql(create).execute().await?;
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/nycflights13/");
        let file = std::fs::File::open(format!("{path}{name}.csv.gz"))?;
        let mut csv = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
        let columns: Vec<String> = csv.headers()?.iter().map(str::to_owned).collect();
        // An empty field is NULL; the column's type turns the text of a number into the number.
        let rows: Vec<Vec<Option<String>>> = csv.deserialize().collect::<Result<_, _>>()?;
        let loaded = db.insert(table).columns(columns).rows(rows).execute().await?;
        println!("loaded {loaded:>5} rows into {table}");
    }
    Ok(())
}

/// Each table, its file, and how it is made.
const TABLES: [(&str, &str, &str); 5] = [
    ("airlines", "airlines", "CREATE TABLE airlines (carrier text PRIMARY KEY, name text NOT NULL)"),
    ("airports", "airports", AIRPORTS),
    ("flights", "flights_january", FLIGHTS),
    ("planes", "planes", PLANES),
    ("weather", "weather_january", WEATHER),
];
const AIRPORTS: &str =
    "CREATE TABLE airports (faa text PRIMARY KEY, name text, lat real, lon real, alt integer, tz integer,
    dst text, tzone text)";
const FLIGHTS: &str = "CREATE TABLE flights (year integer, month integer, day integer, dep_time integer,
    sched_dep_time integer, dep_delay integer, arr_time integer, sched_arr_time integer, arr_delay integer, carrier text,
    flight integer, tailnum text, origin text, dest text, air_time integer, distance integer, hour integer, minute integer,
    time_hour text)";
const PLANES: &str =
    "CREATE TABLE planes (tailnum text PRIMARY KEY, year integer, type text, manufacturer text, model text,
    engines integer, seats integer, speed integer, engine text)";
const WEATHER: &str =
    "CREATE TABLE weather (origin text, year integer, month integer, day integer, hour integer, temp real,
    dewp real, humid real, wind_dir integer, wind_speed real, wind_gust real, precip real, pressure real, visib real,
    time_hour text)";

fn title(text: &str) {
    println!("\n{text}\n");
}
