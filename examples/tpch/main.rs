//! The 22 queries of TPC-H in the builder alone, over data that the `tpchgen` crate makes.
//!
//! Without arguments it runs them on an SQLite in memory and prints a line for each; with a number it shows that query's SQL on
//! every database, and its first rows:
//!
//! ```text
//! cargo run --release --example tpch
//! cargo run --release --example tpch -- 15
//! ```

mod data;
mod queries;

use std::time::Instant;

use portcullis::{Database, Dialect, ReadWrite, table};

/// A hundredth of the smallest official size: 60,175 line items.
const SCALE: f64 = 0.01;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let chosen = std::env::args().nth(1).map(|number| number.parse::<usize>()).transpose()?;
    let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    let rows = data::load(&db, SCALE).await?;
    println!("{rows} rows in 8 tables");

    let tables = |name: &'static str| db.table(name);
    for number in 1..=22 {
        if chosen.is_some_and(|chosen| chosen != number) {
            continue;
        }
        let frame = queries::query(number, &tables).ok_or("there are 22 queries")?;
        if chosen.is_some() {
            let schema = db.schema().await?;
            for dialect in [Dialect::Postgres, Dialect::MariaDb, Dialect::Sqlite] {
                let text = queries::query(number, &|name| table(name)).ok_or("there are 22 queries")?;
                println!("{dialect}: {}\n", text.to_sql_with(dialect, &schema)?.sql());
            }
            frame.show(10).await?;
        } else {
            let start = Instant::now();
            let found = frame.collect().await?.len();
            println!("query {number:>2}: {found:>5} rows in {:>6.1} ms", start.elapsed().as_secs_f64() * 1000.0);
        }
    }
    Ok(())
}
