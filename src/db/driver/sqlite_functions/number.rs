//! Mathematics: SQLite as it is bundled has no functions of doubles, and rounds the double where the servers round the decimal.

use std::str::FromStr;

use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, Error, Result};
use rust_decimal::{Decimal, RoundingStrategy};

use super::{int_at, number_at, scalar};

/// A function of a double: `None` outside of what it is defined for.
type One = fn(f64) -> Option<f64>;
type Two = fn(f64, f64) -> Option<f64>;

pub(super) fn register(connection: &Connection) -> Result<()> {
    let one: [(&str, One); 17] = [
        ("portcullis_ceil", |x| Some(x.ceil())),
        ("portcullis_floor", |x| Some(x.floor())),
        ("portcullis_sqrt", |x| (x >= 0.0).then(|| x.sqrt())),
        ("portcullis_cbrt", |x| Some(x.cbrt())),
        ("portcullis_exp", |x| Some(if x < -708.0 { 0.0 } else { x.exp() })),
        ("portcullis_ln", |x| (x > 0.0).then(|| x.ln())),
        ("portcullis_log10", |x| (x > 0.0).then(|| x.log10())),
        ("portcullis_log2", |x| (x > 0.0).then(|| x.log2())),
        ("portcullis_sin", |x| Some(x.sin())),
        ("portcullis_cos", |x| Some(x.cos())),
        ("portcullis_tan", |x| Some(x.tan())),
        ("portcullis_asin", |x| (x.abs() <= 1.0).then(|| x.asin())),
        ("portcullis_acos", |x| (x.abs() <= 1.0).then(|| x.acos())),
        ("portcullis_atan", |x| Some(x.atan())),
        ("portcullis_degrees", |x| Some(x.to_degrees())),
        ("portcullis_radians", |x| Some(x.to_radians())),
        ("portcullis_sign", |x| {
            Some(if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                0.0
            })
        }),
    ];
    for (name, body) in one {
        let whole = name == "portcullis_sign";
        scalar(connection, name, 1, move |context| {
            let Some(number) = number_at(context, 0)? else { return Ok(ToSqlOutput::Owned(Value::Null)) };
            match result(number, body(number))? {
                Value::Real(sign) if whole => Ok(ToSqlOutput::Owned(Value::Integer(sign as i64))),
                value => Ok(ToSqlOutput::Owned(value)),
            }
        })?;
    }
    let two: [(&str, Two); 4] = [
        ("portcullis_power", |x, y| ((x != 0.0 || y >= 0.0) && (x >= 0.0 || y == y.floor())).then(|| x.powf(y))),
        ("portcullis_log", |x, base| (x > 0.0 && base > 0.0 && base != 1.0).then(|| x.ln() / base.ln())),
        ("portcullis_atan2", |y, x| Some(y.atan2(x))),
        ("portcullis_hypot", |x, y| Some((x * x + y * y).sqrt())),
    ];
    for (name, body) in two {
        scalar(connection, name, 2, move |context| {
            Ok(ToSqlOutput::Owned(match number_at(context, 0)?.zip(number_at(context, 1)?) {
                Some((x, y)) => result(x + y, body(x, y))?,
                None => Value::Null,
            }))
        })?;
    }
    for (name, strategy) in
        [("portcullis_round", RoundingStrategy::MidpointAwayFromZero), ("portcullis_trunc", RoundingStrategy::ToZero)]
    {
        scalar(connection, name, 2, move |context| {
            let operands = number_at(context, 0)?.zip(int_at(context, 1)?);
            Ok(ToSqlOutput::Owned(operands.map_or(Value::Null, |(number, digits)| {
                Value::Real(to_digits(number, u32::try_from(digits).unwrap_or(0), strategy))
            })))
        })?;
    }
    scalar(connection, "portcullis_width_bucket", 4, |context| {
        let ends = number_at(context, 0)?.zip(number_at(context, 1)?).zip(number_at(context, 2)?);
        Ok(ToSqlOutput::Owned(match ends.zip(int_at(context, 3)?) {
            Some((((number, low), high), count)) => Value::Integer(bucket(number, low, high, count)),
            None => Value::Null,
        }))
    })
}

/// A result that no double holds is an error, as it is on the servers.
fn result(operand: f64, result: Option<f64>) -> Result<Value> {
    match result {
        None => Ok(Value::Null),
        Some(result) if result.is_finite() || !operand.is_finite() => Ok(Value::Real(result)),
        Some(_) => Err(Error::UserFunctionError("the result is out of range".into())),
    }
}

/// Rounds the shortest decimal that stands for the double.
fn to_digits(number: f64, digits: u32, strategy: RoundingStrategy) -> f64 {
    // From here on every double is whole.
    if number.abs() >= 9_007_199_254_740_992.0 {
        return number;
    }
    let rounded = |text: String| {
        let decimal = Decimal::from_str(&text).ok()?.round_dp_with_strategy(digits, strategy);
        decimal.to_string().parse().ok()
    };
    rounded(number.to_string()).unwrap_or(number)
}

fn bucket(number: f64, low: f64, high: f64, count: i64) -> i64 {
    if number < low {
        0
    } else if number >= high {
        count + 1
    } else {
        let place = ((number - low) / (high - low) * count as f64).floor() as i64;
        count.min(place + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_double_is_rounded_as_the_decimal_that_it_is_written_as() {
        let round = |number, digits| to_digits(number, digits, RoundingStrategy::MidpointAwayFromZero);
        assert_eq!(round(2.675, 2), 2.68);
        assert_eq!(round(-0.5, 0), -1.0);
        assert_eq!(round(1e-20, 15), 0.0);
        assert_eq!(round(1.5e300, 2), 1.5e300);
        assert_eq!(round(0.499_999_999_999_999_94, 0), 0.0);
        assert_eq!(to_digits(2.9999, 3, RoundingStrategy::ToZero), 2.999);
    }

    #[test]
    fn buckets_have_both_ends() {
        let list: Vec<i64> = [-1.0, 0.0, 4.9, 5.0, 9.999, 10.0].map(|x| bucket(x, 0.0, 10.0, 2)).to_vec();
        assert_eq!(list, [0, 1, 1, 2, 2, 3]);
    }
}
