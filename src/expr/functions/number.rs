//! Functions of numbers.
//!
//! Outside of what a function is defined for the result is NULL, on every database: the root of -1, the logarithm of 0. A result too
//! large for its type is an error on every database. What is not written as exact may differ from one system's library to another's in the
//! last digit of a double.

use super::methods;
use crate::error::{Error, ErrorKind};
use crate::expr::operand::{Operand, OperandFor, family};
use crate::expr::{Expr, NumberFunction};
use crate::types::SqlType;
use crate::value::{Bind, Value};

methods! { NumberFamily;
    /// The number without its sign; NULL stays NULL. Integers give a bigint, other numbers their own type.
    ///
    /// SQL text: `ABS("c")`. The smallest bigint has no counterpart: an error.
    fn abs(number) {
        Expr::call(NumberFunction::Abs, [number])
    }

    /// -1 for a number below zero, 0 for zero, 1 above it, as a bigint; NULL stays NULL.
    fn sign(number) {
        Expr::call(NumberFunction::Sign, [number])
    }

    /// The smallest whole number that is not below it: a double of a float, a decimal of a decimal, an integer as it is. Exact; NULL stays NULL.
    fn ceil(number) {
        Expr::call(NumberFunction::Ceil, [number])
    }

    /// The largest whole number that is not above it; types as for [`Expr::ceil`].
    fn floor(number) {
        Expr::call(NumberFunction::Floor, [number])
    }

    /// Rounded to `digits` digits after the point, half away from zero: a double of a float, a decimal of a decimal, an integer as it is. Below
    /// zero, to tens, hundreds and so on: -2 makes 100 of 50, of every kind of number. From -18 to 15 (`expr.number`). NULL stays NULL; an integer
    /// that doesn't fit its type any more is an error.
    ///
    /// A float is rounded as the shortest decimal that stands for it: 2.675 to two digits is 2.68, though the double is a little less.
    ///
    /// SQL text: `ROUND("c", $1)` for a decimal; a float goes through a decimal on PostgreSQL and MySQL, and on MySQL an integer is left to
    /// `%`; a function of this crate on SQLite.
    fn round(number, digits: i8) {
        with_digits(number, digits, NumberFunction::Round)
    }

    /// Cut to `digits` digits after the point, towards zero; below zero, to tens, hundreds and so on. See [`Expr::round`].
    ///
    /// SQL text: `TRUNC("c", $1)`, on MySQL `TRUNCATE(…)`.
    fn trunc(number, digits: i8) {
        with_digits(number, digits, NumberFunction::Trunc)
    }

    /// The number to the power of `exponent`, as a double; NULL when an operand is NULL, for zero to a negative power, and for a
    /// negative number to a power that is not whole. A result too small for a double is an error on PostgreSQL and 0 elsewhere.
    fn power(number, exponent: impl OperandFor<family::Number>) {
        Expr::call(NumberFunction::Power, [number, exponent.into_operand()])
    }

    /// The square root, as a double; NULL for NULL and below zero.
    fn sqrt(number) {
        Expr::call(NumberFunction::Sqrt, [number])
    }

    /// The cube root, as a double; NULL stays NULL.
    fn cbrt(number) {
        Expr::call(NumberFunction::Cbrt, [number])
    }

    /// e to the power of the number, as a double; 0 for a number below -708; NULL stays NULL.
    fn exp(number) {
        Expr::call(NumberFunction::Exp, [number])
    }

    /// The natural logarithm, as a double; NULL for NULL and for zero and below.
    fn ln(number) {
        Expr::call(NumberFunction::Ln, [number])
    }

    /// The logarithm to the base 10, as a double; NULL for NULL and for zero and below.
    fn log10(number) {
        Expr::call(NumberFunction::Log10, [number])
    }

    /// The logarithm to the base 2, as a double; NULL for NULL and for zero and below.
    fn log2(number) {
        Expr::call(NumberFunction::Log2, [number])
    }

    /// The logarithm to the base `base`, as a double; NULL for NULL, for zero and below, and for the base 1.
    fn log(number, base: impl OperandFor<family::Number>) {
        Expr::call(NumberFunction::Log, [number, base.into_operand()])
    }

    /// The sine of an angle in radians, as a double; NULL stays NULL.
    fn sin(number) {
        Expr::call(NumberFunction::Sin, [number])
    }

    /// The cosine of an angle in radians, as a double; NULL stays NULL.
    fn cos(number) {
        Expr::call(NumberFunction::Cos, [number])
    }

    /// The tangent of an angle in radians, as a double; NULL stays NULL.
    fn tan(number) {
        Expr::call(NumberFunction::Tan, [number])
    }

    /// The angle in radians whose sine is the number, as a double; NULL for NULL and beyond -1 to 1.
    fn asin(number) {
        Expr::call(NumberFunction::Asin, [number])
    }

    /// The angle in radians whose cosine is the number, as a double; NULL for NULL and beyond -1 to 1.
    fn acos(number) {
        Expr::call(NumberFunction::Acos, [number])
    }

    /// The angle in radians whose tangent is the number, as a double; NULL stays NULL.
    fn atan(number) {
        Expr::call(NumberFunction::Atan, [number])
    }

    /// The angle in radians of the point with the height `number` and the width `x`, as a double; 0 for two zeros. NULL when an operand is NULL.
    fn atan2(number, x: impl OperandFor<family::Number>) {
        Expr::call(NumberFunction::Atan2, [number, x.into_operand()])
    }

    /// An angle in radians in degrees, as a double; NULL stays NULL.
    fn degrees(number) {
        Expr::call(NumberFunction::Degrees, [number])
    }

    /// An angle in degrees in radians, as a double; NULL stays NULL.
    fn radians(number) {
        Expr::call(NumberFunction::Radians, [number])
    }

    /// The length of the line to a point, the root of the two squares' sum, as a double; NULL when an operand is NULL.
    fn hypot(number, other: impl OperandFor<family::Number>) {
        Expr::call(NumberFunction::Hypot, [number, other.into_operand()])
    }

    /// Which of `count` equal buckets between `low` and `high` the number falls into, from 1, as a bigint; 0 below `low`, `count + 1` from
    /// `high` on. NULL stays NULL.
    ///
    /// SQL text: a CASE over doubles, the same on every database.
    fn width_bucket(number, low: f64, high: f64, count: u32) {
        if !(low < high && (high - low).is_finite()) || count == 0 {
            let message = "`width_bucket` takes a low end below the high end and at least one bucket";
            return Expr::invalid(Error::new(ErrorKind::Plan, "expr.number", message));
        }
        let operands = [number, low.into_operand(), high.into_operand(), i64::from(count).into_operand()];
        Expr::call(NumberFunction::WidthBucket, operands)
    }

    /// The bits that both integers have, as a bigint in two's complement; NULL when an operand is NULL.
    ///
    /// SQL text: `"c" & $1`; MySQL computes without a sign, and the result is brought back.
    fn bit_and(number, other: impl OperandFor<family::Number>) {
        Expr::call(NumberFunction::BitAnd, [number, other.into_operand()])
    }

    /// The bits that one of the integers has; see [`Expr::bit_and`].
    fn bit_or(number, other: impl OperandFor<family::Number>) {
        Expr::call(NumberFunction::BitOr, [number, other.into_operand()])
    }

    /// The bits that just one of the integers has; see [`Expr::bit_and`]. SQLite has no such operator: there it is `(a | b) - (a & b)`.
    fn bit_xor(number, other: impl OperandFor<family::Number>) {
        Expr::call(NumberFunction::BitXor, [number, other.into_operand()])
    }

    /// The bits that the integer has not, of 64: `-1 - n`; NULL stays NULL.
    fn bit_not(number) {
        Expr::call(NumberFunction::BitNot, [number])
    }

    /// The integer's 64 bits moved `bits` places up, 0 to 63; what goes beyond is lost, so the sign may change. NULL stays NULL.
    fn shift_left(number, bits: u8) {
        shifted(number, bits, NumberFunction::ShiftLeft)
    }

    /// The integer's 64 bits moved `bits` places down, 0 to 63, with the sign kept: a division by a power of 2 that rounds down. NULL stays NULL.
    fn shift_right(number, bits: u8) {
        shifted(number, bits, NumberFunction::ShiftRight)
    }
}

/// The number pi, as a bound double.
pub fn pi() -> Expr {
    std::f64::consts::PI.into_operand()
}

/// A random double from 0 to below 1, another one for each row. It can't be seeded, and is no secret.
///
/// Where it stands several times, or a computed column that holds it is used several times, each may be another number.
///
/// SQL text: `RANDOM()` on PostgreSQL, `RAND()` on MySQL, 53 of the 64 bits of `RANDOM()` on SQLite.
pub fn random() -> Expr {
    Expr::call(NumberFunction::Random, [])
}

fn with_digits(number: Expr, digits: i8, function: fn(i8) -> NumberFunction) -> Expr {
    if !(-18..=15).contains(&digits) {
        let message = "a number is rounded to at most 15 digits after the point, or 18 before it";
        return Expr::invalid(Error::new(ErrorKind::Plan, "expr.number", message));
    }
    // PostgreSQL takes the number of digits as an integer of 32 bits.
    let literal = Bind { value: Value::Int(digits.into()), sql_type: SqlType::Int32 };
    Expr::call(function(digits), [number, Expr::make(crate::expr::Kind::Literal(literal))])
}

fn shifted(number: Expr, bits: u8, function: fn(u8) -> NumberFunction) -> Expr {
    if bits > 63 {
        let message = "bits are moved by 0 to 63 places";
        return Expr::invalid(Error::new(ErrorKind::Plan, "expr.number", message));
    }
    let literal = Bind { value: Value::Int(bits.into()), sql_type: SqlType::Int32 };
    Expr::call(function(bits), [number, Expr::make(crate::expr::Kind::Literal(literal))])
}
