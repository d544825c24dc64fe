//! Mathematics: SQLite as it is bundled has no functions of doubles, and rounds the double where the servers round the decimal.

use std::str::FromStr;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
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
            let Some(digits) = int_at(context, 1)? else { return Ok(ToSqlOutput::Owned(Value::Null)) };
            let zeros = u32::try_from(digits.saturating_neg()).ok().filter(|zeros| *zeros > 0);
            if let (Some(zeros), ValueRef::Integer(number)) = (zeros, context.get_raw(0)) {
                let tens = whole_tens(number, zeros, strategy).ok_or_else(out_of_range)?;
                return Ok(ToSqlOutput::Owned(Value::Integer(tens)));
            }
            Ok(ToSqlOutput::Owned(number_at(context, 0)?.map_or(Value::Null, |number| {
                Value::Real(match zeros {
                    Some(zeros) => to_tens(number, zeros, strategy).unwrap_or(number),
                    None => to_digits(number, u32::try_from(digits).unwrap_or(0), strategy),
                })
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
        Some(_) => Err(out_of_range()),
    }
}

fn out_of_range() -> Error {
    Error::UserFunctionError("the result is out of range".into())
}

/// Rounds an integer to tens, hundreds and so on; `None` where the result is too large.
fn whole_tens(number: i64, zeros: u32, strategy: RoundingStrategy) -> Option<i64> {
    let unit = 10_i64.checked_pow(zeros)?;
    let rest = number % unit;
    let cut = number - rest;
    if strategy == RoundingStrategy::ToZero || rest.abs() < unit / 2 {
        return Some(cut);
    }
    cut.checked_add(if number < 0 { -unit } else { unit })
}

/// Rounds the shortest decimal that stands for the double to tens, hundreds and so on; `None` where there is nothing to round.
fn to_tens(number: f64, zeros: u32, strategy: RoundingStrategy) -> Option<f64> {
    if !number.is_finite() {
        return None;
    }
    let text = format!("{:e}", number.abs());
    let (digits, exponent) = text.split_once('e')?;
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    let before: i64 = exponent.parse::<i64>().ok()? + 1;
    let kept = before - i64::from(zeros);
    if kept >= i64::try_from(digits.len()).ok()? {
        return None;
    }
    let kept = match usize::try_from(kept) {
        Ok(kept) => kept,
        Err(_) => return Some(0.0),
    };
    let (left, right) = digits.split_at_checked(kept)?;
    let mut tens: u64 = if left.is_empty() { 0 } else { left.parse().ok()? };
    if strategy != RoundingStrategy::ToZero && right.starts_with(['5', '6', '7', '8', '9']) {
        tens += 1;
    }
    let rounded: f64 = format!("{tens}e{zeros}").parse().ok()?;
    Some(if number < 0.0 && tens > 0 { -rounded } else { rounded })
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
    fn numbers_are_rounded_to_tens_half_away_from_zero() {
        let tens = |number, zeros| to_tens(number, zeros, RoundingStrategy::MidpointAwayFromZero).unwrap_or(number);
        assert_eq!(
            [tens(45.0, 1), tens(-44.9, 1), tens(5.0, 1), tens(4.99, 1), tens(0.5, 1)],
            [50.0, -40.0, 10.0, 0.0, 0.0]
        );
        assert_eq!([tens(1.5e18, 18), tens(1.5e300, 18), tens(-5e17, 18), tens(5e16, 18)], [2e18, 1.5e300, -1e18, 0.0]);
        assert_eq!(to_tens(-99.9, 1, RoundingStrategy::ToZero), Some(-90.0));
        assert!(tens(-1.0, 1).is_sign_positive());
        let whole = |number, zeros| whole_tens(number, zeros, RoundingStrategy::MidpointAwayFromZero);
        assert_eq!(whole(i64::MAX, 1), None);
        assert_eq!(whole(i64::MIN, 2), Some(-9_223_372_036_854_775_800));
        assert_eq!(whole(i64::MIN, 18), Some(-9_000_000_000_000_000_000));
    }

    #[test]
    fn buckets_have_both_ends() {
        let list: Vec<i64> = [-1.0, 0.0, 4.9, 5.0, 9.999, 10.0].map(|x| bucket(x, 0.0, 10.0, 2)).to_vec();
        assert_eq!(list, [0, 1, 1, 2, 2, 3]);
    }
}
