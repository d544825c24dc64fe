//! Functions of numbers.

use portcullis::col;

use super::{Entry, function};

pub fn entries() -> Vec<Entry> {
    vec![
        function("abs", "col(\"n\").abs()", "a number of the operand's type", "NULL stays NULL.")
            .over(col("n").abs(), |row| row.n.map(i64::abs))
            .over(col("x").abs(), |row| row.x.map(f64::abs))
            .over(col("d").abs(), |row| row.d.map(|d| d.abs())),
    ]
}
