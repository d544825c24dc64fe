//! Functions of numbers.

use portcullis::{Expr, SqlType, Value, col, lit, pi, random};
use rust_decimal::{Decimal, RoundingStrategy};

use super::inputs::Input;
use super::{Entry, function};

const NULL: Value = Value::Null;

/// Doubles from libraries of different makers agree to this.
const CLOSE: f64 = 1e-12;

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// Of the decimal that the double is written as, by its digits.
fn to_digits(x: f64, digits: u32, round: bool) -> f64 {
    if x.abs() >= 1e16 {
        return x;
    }
    let decimal: Decimal = format!("{x}").parse().unwrap();
    let strategy = if round { RoundingStrategy::MidpointAwayFromZero } else { RoundingStrategy::ToZero };
    decimal.round_dp_with_strategy(digits, strategy).to_string().parse().unwrap()
}

/// To tens, hundreds and so on, in integers that hold every result.
fn wide_tens(number: i128, zeros: u32, round: bool) -> i128 {
    let unit = 10_i128.pow(zeros);
    let half = if round { unit / 2 * number.signum() } else { 0 };
    (number + half) / unit * unit
}

fn whole_tens(number: i64, zeros: u32, round: bool) -> i64 {
    wide_tens(number.into(), zeros, round).try_into().unwrap()
}

/// What stands after the point is less than a half of one, and so decides nothing.
fn decimal_tens(d: Decimal, zeros: u32, round: bool) -> Decimal {
    Decimal::from_i128_with_scale(wide_tens(d.trunc().mantissa(), zeros, round), 0)
}

fn double_tens(x: f64, zeros: u32, round: bool) -> f64 {
    if x.abs() >= 1e25 {
        return x;
    }
    let decimal: Decimal = format!("{x}").parse().unwrap();
    decimal_tens(decimal, zeros, round).to_string().parse().unwrap()
}

fn half_up(d: Decimal, digits: u32) -> Decimal {
    d.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero)
}

/// A function of one double, over a column of doubles, one of decimals and one of small integers.
fn one(
    name: &'static str,
    call: &'static str,
    note: &'static str,
    build: fn(Expr) -> Expr,
    reference: fn(f64) -> Option<f64>,
) -> Entry {
    use rust_decimal::prelude::ToPrimitive;
    function(name, call, "double", note)
        .over(build(col("x")), move |row: &Input| row.x.and_then(reference))
        .over(build(col("y")), move |row: &Input| row.y.and_then(reference))
        .over(build(col("m")), move |row: &Input| row.m.and_then(|m| reference(m as f64)))
        .over(build(col("d") / 20_000_000), move |row: &Input| row.d.and_then(|d| reference(d.to_f64().unwrap() / 2e7)))
        .gives(build(lit(0.5)), reference(0.5))
        .gives(build(lit(dec("0.5"))), reference(0.5))
        .within(CLOSE)
}

pub fn entries() -> Vec<Entry> {
    [kept(), doubles(), bits(), division()].into_iter().flatten().collect()
}

fn kept() -> Vec<Entry> {
    vec![
        function(
            "abs",
            "col(\"n\").abs()",
            "a number of the operand's kind",
            "NULL stays NULL. An error for the smallest bigint.",
        )
        .over(col("n").abs(), |row| row.n.map(i64::abs))
        .over(col("x").abs(), |row| row.x.map(f64::abs))
        .over(col("d").abs(), |row| row.d.map(|d| d.abs()))
        .gives(lit(-5i16).abs(), 5),
        function("sign", "col(\"n\").sign()", "bigint: -1, 0 or 1", "NULL stays NULL.")
            .over(col("n").sign(), |row| row.n.map(i64::signum))
            .over(col("x").sign(), |row| row.x.map(|x| if x == 0.0 { 0i64 } else { x.signum() as i64 }))
            .over(col("d").sign(), |row| {
                row.d.map(|d| if d.is_zero() { 0i64 } else if d.is_sign_negative() { -1 } else { 1 })
            }),
        function("ceil", "col(\"x\").ceil()", "a number of the operand's kind", "NULL stays NULL. Exact.")
            .over(col("x").ceil(), |row| row.x.map(f64::ceil))
            .over(col("d").ceil(), |row| row.d.map(|d| d.ceil()))
            .over(col("n").ceil(), |row| row.n),
        function("floor", "col(\"x\").floor()", "a number of the operand's kind", "NULL stays NULL. Exact.")
            .over(col("x").floor(), |row| row.x.map(f64::floor))
            .over(col("d").floor(), |row| row.d.map(|d| d.floor()))
            .over(col("n").floor(), |row| row.n)
            .over(col("d").floor() * 3 + 1, |row| row.d.map(|d| d.floor() * dec("3") + dec("1"))),
        function(
            "round",
            "col(\"d\").round(2)",
            "a number of the operand's kind",
            "NULL stays NULL. Half away from zero, -18 to 15 digits; a float is rounded as the shortest decimal that stands for it. An error for an integer that doesn't fit its type any more.",
        )
        .over(col("d").round(2), |row| row.d.map(|d| half_up(d, 2)))
        .over(col("d").round(0), |row| row.d.map(|d| half_up(d, 0)))
        .over(col("d").round(9), |row| row.d)
        .over(col("x").round(0), |row| row.x.map(|x| to_digits(x, 0, true)))
        .over(col("x").round(2), |row| row.x.map(|x| to_digits(x, 2, true)))
        .over(col("n").round(2), |row| row.n)
        .gives(lit(2.675).round(2), 2.68)
        .gives(lit(0.5).round(0), 1.0)
        .gives(lit(-1.5).round(0), -2.0)
        .gives(lit(2.5).round(0), 3.0)
        .gives(lit(0.49999999999999994).round(0), 0.0)
        .gives(lit(1.4999999999999998).round(0), 1.0)
        .gives(lit(1.005).round(2), 1.01)
        .gives(lit(-1e300).round(2), -1e300)
        .gives(lit(4503599627370497.5).round(0), 4503599627370498.0)
        .gives(lit(1e-15).round(15), 1e-15)
        .gives(lit(dec("-0.5")).round(0), dec("-1"))
        .over(col("n").round(-2), |row| row.n.map(|n| whole_tens(n, 2, true)))
        .over(col("n").round(-18), |row| row.n.map(|n| whole_tens(n, 18, true)))
        .over(col("m").round(-1) + 1, |row| row.m.map(|m| whole_tens(m, 1, true) + 1))
        .over(col("d").round(-1), |row| row.d.map(|d| decimal_tens(d, 1, true)))
        .over(col("d").round(-4), |row| row.d.map(|d| decimal_tens(d, 4, true)))
        .over(col("x").round(-1), |row| row.x.map(|x| double_tens(x, 1, true)))
        .over(col("x").round(-3), |row| row.x.map(|x| double_tens(x, 3, true)))
        .gives(lit(45).round(-1), 50)
        .gives(lit(-45).round(-1), -50)
        .gives(lit(44).round(-1), 40)
        .gives(lit(4).round(-1), 0)
        .gives(lit(-5i16).round(-1), -10)
        .gives(lit(499_999_999_999_999_999_i64).round(-18), 0_i64)
        .gives(lit(500_000_000_000_000_000_i64).round(-18), 1_000_000_000_000_000_000_i64)
        .gives(lit(i64::MIN).round(-2), -9_223_372_036_854_775_800_i64)
        .gives(lit(i64::MAX).round(-18), 9_000_000_000_000_000_000_i64)
        .gives(lit(dec("99.9")).round(-1), dec("100"))
        .gives(lit(dec("-449.9999")).round(-2), dec("-400"))
        .gives(lit(dec("-450")).round(-2), dec("-500"))
        .gives(lit(dec("0.9")).round(-1), dec("0"))
        .gives(lit(45.0).round(-1), 50.0)
        .gives(lit(-44.99).round(-1), -40.0)
        .gives(lit(1.5e18).round(-18), 2e18)
        .gives(lit(-2.5e20).round(-18), -2.5e20)
        .gives(lit(1.5e300).round(-3), 1.5e300)
        .gives(lit(9007199254740995.0).round(-1), 9007199254741000.0)
        // A zero without a sign.
        .gives(lit(-3.0).round(-1).atan2(-1.0), std::f64::consts::PI)
        .gives(lit(-3.0).trunc(-1).atan2(-1.0), std::f64::consts::PI),
        function(
            "trunc",
            "col(\"d\").trunc(2)",
            "a number of the operand's kind",
            "NULL stays NULL. Towards zero; see `round`.",
        )
        .over(col("d").trunc(2), |row| row.d.map(|d| d.trunc_with_scale(2)))
        .over(col("d").trunc(0), |row| row.d.map(|d| d.trunc()))
        .over(col("x").trunc(0), |row| row.x.map(f64::trunc))
        .over(col("x").trunc(2), |row| row.x.map(|x| to_digits(x, 2, false)))
        .over(col("n").trunc(0), |row| row.n)
        .gives(lit(0.29).trunc(2), 0.29)
        .gives(lit(-2.9999).trunc(3), -2.999)
        .gives(lit(1e300).trunc(3), 1e300)
        .over(col("n").trunc(-1), |row| row.n.map(|n| whole_tens(n, 1, false)))
        .over(col("n").trunc(-18), |row| row.n.map(|n| whole_tens(n, 18, false)))
        .over(col("d").trunc(-1), |row| row.d.map(|d| decimal_tens(d, 1, false)))
        .over(col("x").trunc(-2), |row| row.x.map(|x| double_tens(x, 2, false)))
        .gives(lit(99).trunc(-1), 90)
        .gives(lit(-99).trunc(-1), -90)
        .gives(lit(-99).trunc(-2), 0)
        .gives(lit(dec("-199.9")).trunc(-2), dec("-100"))
        .gives(lit(1.9e20).trunc(-18), 1.9e20)
        .gives(lit(1.9e18).trunc(-18), 1e18),
        function(
            "width_bucket",
            "col(\"x\").width_bucket(0.0, 10.0, 5)",
            "bigint",
            "NULL stays NULL. 0 below the low end, one more than the count from the high end on.",
        )
        .over(col("x").width_bucket(0.0, 10.0, 5), |row| row.x.map(|x| bucket(x, 0.0, 10.0, 5)))
        .over(col("n").width_bucket(-10.0, 300.0, 7), |row| row.n.map(|n| bucket(n as f64, -10.0, 300.0, 7)))
        .over(col("d").width_bucket(-1.0, 1.0, 4), |row| {
            row.d.map(|d| bucket(d.to_string().parse().unwrap(), -1.0, 1.0, 4))
        })
        .gives(lit(10.0).width_bucket(0.0, 10.0, 5), 6)
        .gives(lit(0.0).width_bucket(0.0, 10.0, 5), 1),
    ]
}

/// The bucket whose low end is the last one not above the number.
fn bucket(x: f64, low: f64, high: f64, count: i64) -> i64 {
    let width = (high - low) / count as f64;
    match x {
        x if x < low => 0,
        x if x >= high => count + 1,
        _ => (1..=count).rfind(|bucket| low + width * (*bucket - 1) as f64 <= x).unwrap(),
    }
}

#[rustfmt::skip]
fn doubles() -> Vec<Entry> {
    let positive = "NULL for NULL and for zero and below.";
    let angle = "NULL stays NULL. In radians.";
    vec![
        one("sqrt", "col(\"x\").sqrt()", "NULL for NULL and below zero.", |x| x.sqrt(), |x| (x >= 0.0).then(|| x.sqrt())),
        one("cbrt", "col(\"x\").cbrt()", "NULL stays NULL.", |x| x.cbrt(), |x| Some(x.cbrt()))
            .gives(lit(-27).cbrt(), -3.0).within(CLOSE),
        function("exp", "col(\"y\").exp()", "double", "NULL stays NULL. 0 below -708; an error beyond the largest double.")
            .over(col("y").exp(), |row| row.y.map(f64::exp))
            .over(col("m").exp(), |row| row.m.map(|m| (m as f64).exp()))
            .gives(lit(709).exp(), 709f64.exp())
            .gives(lit(-708).exp(), (-708f64).exp())
            .within(CLOSE)
            .gives(lit(-708.1).exp(), 0.0)
            .gives(lit(-1e300).exp(), 0.0),
        one("ln", "col(\"x\").ln()", positive, |x| x.ln(), |x| (x > 0.0).then(|| x.ln())),
        one("log10", "col(\"x\").log10()", positive, |x| x.log10(), |x| (x > 0.0).then(|| x.log10())),
        one("log2", "col(\"x\").log2()", positive, |x| x.log2(), |x| (x > 0.0).then(|| x.log2())),
        function("log", "col(\"x\").log(col(\"y\"))", "double", "The logarithm to a base. NULL where an operand is NULL or not above zero, and for the base 1.")
            .over(col("x").log(col("y")), |row| {
                let (x, y) = (row.x?, row.y?);
                (x > 0.0 && y > 0.0 && y != 1.0).then(|| x.log(y))
            })
            .gives(lit(8).log(2), 3.0)
            .gives(lit(100).log(dec("10")), 2.0)
            .gives(lit(8).log(1), NULL)
            .within(CLOSE),
        function("power", "col(\"x\").power(col(\"y\"))", "double", "NULL where an operand is NULL, for zero to a negative power, for a negative number to a power that is not whole; an error beyond the largest double.")
            .over(col("x").power(col("y")), |row| {
                let (x, y) = (row.x?, row.y?);
                let defined = (x != 0.0 || y >= 0.0) && (x >= 0.0 || y.fract() == 0.0);
                defined.then(|| x.powf(y))
            })
            .over(col("m").power(3), |row| row.m.map(|m| (m * m * m) as f64))
            .gives(lit(2).power(10), 1024.0)
            .gives(lit(0).power(0), 1.0)
            .gives(lit(0).power(-1), NULL)
            .gives(lit(-8).power(0.5), NULL)
            .gives(lit(-2).power(-3), -0.125)
            .within(CLOSE),
        one("sin", "col(\"x\").sin()", angle, |x| x.sin(), |x| Some(x.sin())),
        one("cos", "col(\"x\").cos()", angle, |x| x.cos(), |x| Some(x.cos())),
        one("tan", "col(\"x\").tan()", angle, |x| x.tan(), |x| Some(x.tan())),
        one("asin", "col(\"x\").asin()", "NULL for NULL and beyond -1 to 1. In radians.", |x| x.asin(), |x| (x.abs() <= 1.0).then(|| x.asin())),
        one("acos", "col(\"x\").acos()", "NULL for NULL and beyond -1 to 1. In radians.", |x| x.acos(), |x| (x.abs() <= 1.0).then(|| x.acos())),
        one("atan", "col(\"x\").atan()", angle, |x| x.atan(), |x| Some(x.atan())),
        function("atan2", "col(\"x\").atan2(col(\"y\"))", "double", "The angle of the point with height x and width y. NULL where an operand is NULL.")
            .over(col("x").atan2(col("y")), |row| Some(row.x?.atan2(row.y?)))
            .over(col("m").atan2(col("d")), |row| Some((row.m? as f64).atan2(row.d?.to_string().parse().unwrap())))
            .gives(lit(0).atan2(0), 0.0)
            .within(CLOSE),
        one("degrees", "col(\"x\").degrees()", "NULL stays NULL.", |x| x.degrees(), |x| Some(x * 180.0 / std::f64::consts::PI)),
        one("radians", "col(\"x\").radians()", "NULL stays NULL.", |x| x.radians(), |x| Some(x * std::f64::consts::PI / 180.0)),
        function("hypot", "col(\"x\").hypot(col(\"y\"))", "double", "NULL where an operand is NULL; an error where a square is beyond the largest double.")
            .over(col("x").hypot(col("y")), |row| Some(row.x?.hypot(row.y?)))
            .over(col("n").hypot(col("d")), |row| Some((row.n? as f64).hypot(row.d?.to_string().parse().unwrap())))
            .gives(lit(3).hypot(4), 5.0)
            .within(CLOSE),
        function("pi", "pi()", "double", "A bound value.").over(pi(), |_| std::f64::consts::PI),
        function("random", "random()", "double from 0 to below 1", "Another number for each row; not to be seeded.")
            .over(random().ge(0.0) & random().lt(1.0), |_| true)
            .over(random().floor(), |_| 0.0)
            .over((random() * 8).cast(SqlType::Int64).shift_right(3), |_| 0i64),
    ]
}

fn bits() -> Vec<Entry> {
    vec![
        function("bit_and", "col(\"n\").bit_and(255)", "bigint", "NULL where an operand is NULL. Two's complement.")
            .over(col("n").bit_and(255), |row| row.n.map(|n| n & 255))
            .over(col("n").bit_and(col("m")), |row| Some(row.n? & row.m?))
            .gives(lit(-1).bit_and(i64::MIN), i64::MIN),
        function("bit_or", "col(\"n\").bit_or(col(\"m\"))", "bigint", "NULL where an operand is NULL.")
            .over(col("n").bit_or(col("m")), |row| Some(row.n? | row.m?))
            .over(col("m").bit_or(8) + 1, |row| row.m.map(|m| (m | 8) + 1)),
        function("bit_xor", "col(\"n\").bit_xor(col(\"m\"))", "bigint", "NULL where an operand is NULL.")
            .over(col("n").bit_xor(col("m")), |row| Some(row.n? ^ row.m?))
            .gives(lit(i64::MIN).bit_xor(-1), i64::MAX)
            .gives(lit(-1).bit_xor(-1), 0),
        function("bit_not", "col(\"n\").bit_not()", "bigint", "NULL stays NULL. `-1 - n`.")
            .over(col("n").bit_not(), |row| row.n.map(|n| !n))
            .gives(lit(i64::MAX).bit_not(), i64::MIN),
        function(
            "shift_left",
            "col(\"n\").shift_left(3)",
            "bigint",
            "NULL stays NULL. 0 to 63 places; what goes beyond 64 bits is lost.",
        )
        .over(col("n").shift_left(3), |row| row.n.map(|n| n << 3))
        .over(col("n").shift_left(63), |row| row.n.map(|n| n << 63))
        .over(col("n").shift_left(0), |row| row.n),
        function(
            "shift_right",
            "col(\"n\").shift_right(2)",
            "bigint",
            "NULL stays NULL. 0 to 63 places; keeps the sign.",
        )
        .over(col("n").shift_right(2), |row| row.n.map(|n| n >> 2))
        .over(col("n").shift_right(63), |row| row.n.map(|n| n >> 63))
        .over(col("n").shift_right(0), |row| row.n)
        .gives(lit(i64::MIN).shift_right(1), i64::MIN >> 1),
    ]
}

fn division() -> Vec<Entry> {
    vec![
        function("/", "col(\"n\") / col(\"m\")", "double", "NULL where an operand is NULL and where the divisor is 0.")
            .over(col("n") / col("m"), |row| Some(row.n? as f64 / row.m.filter(|m| *m != 0)? as f64))
            .within(CLOSE),
        function(
            "int_div",
            "col(\"n\").int_div(col(\"m\"))",
            "bigint",
            "NULL where an operand is NULL and where the divisor is 0. Cut towards zero.",
        )
        .over(col("n").int_div(col("m")), |row| row.n?.checked_div(row.m?)),
        function(
            "%",
            "col(\"n\") % col(\"m\")",
            "bigint",
            "NULL where an operand is NULL and where the divisor is 0. With the sign of the dividend.",
        )
        .over(col("n") % col("m"), |row| row.n?.checked_rem(row.m?)),
    ]
}
