//! Decimals, which SQLite computes as doubles.

use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, Result};

use super::{number_at, scalar};

pub(super) fn register(connection: &Connection) -> Result<()> {
    scalar(connection, "portcullis_decimal", 1, |context| {
        Ok(ToSqlOutput::Owned(number_at(context, 0)?.map_or(Value::Null, |number| Value::Real(as_decimal(number)))))
    })
}

/// The double of the decimal with 15 digits that is nearest: a double holds as many of any decimal.
fn as_decimal(number: f64) -> f64 {
    format!("{number:.14e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::as_decimal;

    #[test]
    fn a_sum_of_decimals_is_the_decimal() {
        assert_eq!(as_decimal(0.1 + 0.2), 0.3);
        assert_eq!(as_decimal(-1e300), -1e300);
        assert_eq!(as_decimal(0.0), 0.0);
        assert!(as_decimal(f64::INFINITY).is_infinite());
    }
}
