//! The types of expressions: what fits with what, and what comes out.

use crate::error::{Error, ErrorKind};
use crate::expr::Arithmetic;
use crate::types::{Family, SqlType};

/// The common type of two results, as in CASE and COALESCE; `Err` when they don't fit.
pub(super) fn common(left: Option<SqlType>, right: Option<SqlType>) -> Result<Option<SqlType>, ()> {
    let (Some(left), Some(right)) = (left, right) else { return Ok(left.or(right)) };
    if left == right {
        return Ok(Some(left));
    }
    if left.family() != right.family() {
        return Err(());
    }
    Ok(Some(match left.family() {
        Family::Number => match (number(left, right), scale(left), scale(right)) {
            (SqlType::Decimal(_), Some(left), Some(right)) => SqlType::Decimal(Some((MAX_DIGITS, left.max(right)))),
            (number, ..) => number,
        },
        Family::Timestamp => SqlType::TimestampTz,
        _ => left,
    }))
}

/// Floats win over decimals, decimals over integers; integers meet in 64 bits.
fn number(left: SqlType, right: SqlType) -> SqlType {
    if left.is_float() || right.is_float() {
        SqlType::Float64
    } else if matches!(left, SqlType::Decimal(_)) || matches!(right, SqlType::Decimal(_)) {
        SqlType::Decimal(None)
    } else if left == SqlType::UInt64 && right == SqlType::UInt64 {
        SqlType::UInt64
    } else {
        SqlType::Int64
    }
}

/// Whether two types compare without a cast.
pub(super) fn comparable(left: Option<SqlType>, right: Option<SqlType>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => left.family() == right.family(),
        _ => true,
    }
}

/// The type of `left operation right`; `Err` when one of them is no number.
pub(super) fn arithmetic(
    operation: Arithmetic,
    left: Option<SqlType>,
    right: Option<SqlType>,
) -> Result<Option<SqlType>, ()> {
    if [left, right].into_iter().flatten().any(|side| side.family() != Family::Number) {
        return Err(());
    }
    match operation {
        Arithmetic::Divide => Ok(Some(SqlType::Float64)),
        Arithmetic::IntegerDivide | Arithmetic::Modulo => {
            if [left, right].into_iter().flatten().all(SqlType::is_integer) {
                Ok(Some(SqlType::Int64))
            } else {
                Err(())
            }
        }
        Arithmetic::Add | Arithmetic::Subtract | Arithmetic::Multiply => Ok(match (left, right) {
            (Some(left), Some(right)) => Some(match (number(left, right), scale(left), scale(right)) {
                (SqlType::Decimal(_), Some(left), Some(right)) => {
                    // SQL: what PostgreSQL and MySQL give: a sum has the longer fraction, a product both.
                    let scale =
                        if operation == Arithmetic::Multiply { left.saturating_add(right) } else { left.max(right) };
                    SqlType::Decimal((scale <= MAX_DIGITS).then_some((MAX_DIGITS, scale)))
                }
                (number, ..) => number,
            }),
            _ => None,
        }),
    }
}

/// How many digits a decimal of ours has.
const MAX_DIGITS: u8 = 28;

/// The digits after the point, where the type tells.
fn scale(number: SqlType) -> Option<u8> {
    match number {
        SqlType::Decimal(digits) => digits.map(|(_, scale)| scale),
        whole if whole.is_integer() => Some(0),
        _ => None,
    }
}

/// `left` and `right` say what stands on the two sides, as in "`note` (text)".
pub(super) fn clash(what: &str, left: &str, right: &str) -> Error {
    let message = format!(
        "{what} has {left} on one side and {right} on the other; write a value of the other's type, or convert one with `.cast(..)`"
    );
    Error::new(ErrorKind::Type, "type.clash", message)
}

pub(super) fn wrong(what: &str, wanted: &str, found: &str) -> Error {
    Error::new(
        ErrorKind::Type,
        "type.wrong",
        format!("{what} takes {wanted}, not {found}; convert it with `.cast(..)`"),
    )
}
