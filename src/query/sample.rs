//! A part of the rows, the same ones each time and on every database.

use super::names::no_columns;
use super::step::Step;
use super::verbs::list;
use super::{Frame, Projections, Verb};
use crate::error::{Error, ErrorKind};

impl Frame {
    /// About the `fraction` of the rows, chosen by a hash of `keys` and `seed`: the same rows each time, and on every database.
    ///
    /// `keys` tell the rows apart, best by a primary key: rows that agree in them are all in or all out. They are integers, texts, booleans,
    /// dates or UUIDs, which are written alike on every database; NULL is a key like any other. Another seed chooses other rows; what
    /// a smaller fraction chooses is among what a larger one does. How many rows come varies as if each were drawn by itself: 0 gives
    /// none and 1 all. The whole relation is read: TABLESAMPLE, which reads less, chooses other rows on each database, so it isn't used.
    ///
    /// SQL text: `WHERE SHA256(seed || keys) < $1`, with the hash as hexadecimal text.
    ///
    /// ```
    /// use portcullis::table;
    /// let tenth = table("orders").sample_by("id", 0.1, 42);
    /// # let _ = tenth;
    /// ```
    ///
    /// # Errors
    ///
    /// When run: `sample.fraction` for one that is not from 0 to 1, `sample.key` for a key of another type, `schema.unknown_column`.
    #[doc(alias("sample", "tablesample"))]
    #[track_caller]
    pub fn sample_by(self, keys: impl Projections, fraction: f64, seed: u64) -> Frame {
        let keys = list(keys);
        let checked = if keys.is_empty() { Err(no_columns("sample_by")) } else { threshold(fraction) };
        self.then_or(checked, |input, below| {
            Verb::Step(input, Box::new(Step::Sample { keys, below, seed: seed.to_string() }))
        })
    }
}

/// What the hash, as hexadecimal text, is below for this part of all hashes.
fn threshold(fraction: f64) -> Result<String, Error> {
    if !(0.0..=1.0).contains(&fraction) {
        let message = "`sample_by` takes a fraction from 0 to 1, as 0.1 for a tenth of the rows";
        return Err(Error::new(ErrorKind::Plan, "sample.fraction", message));
    }
    // 2^64 as a double; below one, the product is below it too.
    let part = fraction * 18_446_744_073_709_551_616.0;
    if part >= 18_446_744_073_709_551_615.0 {
        return Ok("g".to_owned());
    }
    Ok(format!("{:016x}", part as u64))
}

#[cfg(test)]
mod tests {
    use super::threshold;

    #[test]
    fn a_fraction_is_that_part_of_all_hashes_and_nothing_beyond_one_is() {
        for (fraction, below) in [(0.0, "0000000000000000"), (0.5, "8000000000000000"), (1.0, "g")] {
            assert_eq!(threshold(fraction).unwrap(), below);
        }
        for wrong in [-0.1, 1.000_001, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(threshold(wrong).unwrap_err().code(), "sample.fraction");
        }
    }
}
