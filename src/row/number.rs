//! Numbers from one representation to another, exactly or not at all.

use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};

/// Powers of ten that a double holds exactly and that matter here.
const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The decimal as exactly `scale` digits after the point, rounded half away from zero. Where 28 digits can't hold that many,
/// the value stays as it is: the number is right and only its trailing zeros are missing.
pub(crate) fn rescale(mut decimal: Decimal, scale: u8) -> Decimal {
    let scale = u32::from(scale);
    if decimal.scale() == scale {
        return decimal;
    }
    if decimal.scale() > scale {
        return decimal.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero);
    }
    decimal.rescale(scale.min(Decimal::MAX_SCALE));
    decimal
}

/// SQLite keeps decimals as doubles, which hold 15 digits: the decimal of 15 significant digits nearest to the double, without
/// trailing zeros. `None` for NaN, infinities and what exceeds a decimal.
pub(crate) fn float_to_decimal(float: f64, scale: Option<u8>) -> Option<Decimal> {
    if !float.is_finite() {
        return None;
    }
    // The usual case without text: `float` is the double nearest to `units / 10^scale`, and `units` has at most 15 digits.
    if let Some(power) = scale.and_then(|scale| POWERS.get(usize::from(scale))) {
        let units = (float * power).round();
        if units.abs() < 1e15 && units / power == float {
            return Decimal::try_from_i128_with_scale(units as i128, scale.map_or(0, u32::from)).ok();
        }
    }
    let text = format!("{float:.14e}");
    let (digits, exponent) = text.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let units: i128 = digits.chars().filter(|it| *it != '.').collect::<String>().parse().ok()?;
    let scale = 14 - exponent;
    let decimal = if scale <= 0 {
        let power = 10_i128.checked_pow(scale.unsigned_abs())?;
        Decimal::try_from_i128_with_scale(units.checked_mul(power)?, 0).ok()?
    } else if scale <= 28 {
        Decimal::try_from_i128_with_scale(units, scale.unsigned_abs()).ok()?
    } else {
        // Beyond a decimal's 28 places: what is left after rounding there.
        let power = 10_i128.checked_pow(scale.unsigned_abs() - 28).unwrap_or(i128::MAX);
        let half = if units < 0 { -(power / 2) } else { power / 2 };
        Decimal::try_from_i128_with_scale(units.saturating_add(half) / power, 28).ok()?
    };
    Some(decimal.normalize())
}

/// The double nearest to the decimal.
pub(crate) fn decimal_to_f64(decimal: Decimal) -> f64 {
    let units = decimal.mantissa();
    if units.unsigned_abs() < 1 << 53
        && let Some(power) = POWERS.get(decimal.scale() as usize)
    {
        // Both are exact, so the one division rounds once.
        return units as f64 / power;
    }
    // Rust's parser rounds correctly; a decimal's text is always a number.
    f64::from_str(&decimal.to_string()).unwrap_or(f64::NAN)
}

/// The double that reads back as exactly this decimal in the form that SQLite and this crate read doubles, or `None`.
#[cfg(any(feature = "sqlite", test))]
pub(crate) fn decimal_as_double(decimal: Decimal) -> Option<f64> {
    let float = decimal_to_f64(decimal);
    (float_to_decimal(float, None)? == decimal).then_some(float)
}

/// The integer, if there is no fraction.
pub(crate) fn decimal_to_integer(decimal: Decimal) -> Option<i128> {
    let decimal = decimal.normalize();
    (decimal.scale() == 0).then(|| decimal.mantissa())
}

/// The integer, if there is no fraction and it fits 128 bits.
pub(crate) fn float_to_integer(float: f64) -> Option<i128> {
    // The cast saturates, so the range is checked first; 2^126 is far beyond any integer type of SQL.
    (float.fract() == 0.0 && float.abs() < 8.5e37).then_some(float as i128)
}

/// A plain or scientific number, if a decimal holds it exactly.
pub(crate) fn text_to_decimal(text: &str) -> Option<Decimal> {
    let text = text.trim_matches(' ');
    match text.split_once(['e', 'E']) {
        None => Decimal::from_str_exact(text).ok().filter(|_| !text.contains('_')),
        Some((digits, exponent)) => {
            let digits = Decimal::from_str_exact(digits).ok().filter(|_| !digits.contains('_'))?;
            let exponent: i32 = exponent.parse().ok()?;
            let scale = i32::try_from(digits.scale()).ok()?.checked_sub(exponent)?;
            if scale >= 0 {
                Decimal::try_from_i128_with_scale(digits.mantissa(), scale.unsigned_abs()).ok()
            } else {
                let power = 10_i128.checked_pow(scale.unsigned_abs())?;
                Decimal::try_from_i128_with_scale(digits.mantissa().checked_mul(power)?, 0).ok()
            }
        }
    }
}

/// The shortest text that reads back as the same double, with a point or an exponent so that it stays a double.
pub(crate) fn float_text(float: f64) -> String {
    format!("{float:?}")
}
