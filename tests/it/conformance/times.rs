//! Functions of dates and timestamps.

use chrono::Datelike;
use portcullis::col;

use super::{Entry, function};

pub fn entries() -> Vec<Entry> {
    vec![
        function("year", "col(\"at\").year()", "bigint", "NULL stays NULL.")
            .over(col("at").year(), |row| row.at.map(|at| i64::from(at.year())))
            .over(col("day").year(), |row| row.day.map(|day| i64::from(day.year()))),
    ]
}
