//! Functions of numbers.

use super::{Gives, Resolver, Rx};
use crate::error::Result;
use crate::expr::NumberFunction;
use crate::types::{Family, SqlType};

/// How many digits a decimal of ours has.
const MAX_DIGITS: u8 = 28;

impl Resolver<'_> {
    pub(super) fn number_signature(
        &mut self,
        function: &NumberFunction,
        name: &str,
        operands: &mut [Rx],
    ) -> Result<Gives> {
        use NumberFunction as F;
        for position in 0..operands.len() {
            match function {
                F::BitAnd | F::BitOr | F::BitXor | F::BitNot | F::ShiftLeft(_) | F::ShiftRight(_) => {
                    self.require_signed(operands, position, name)?;
                }
                _ => self.require(operands, position, &[Family::Number], name, "a number")?,
            }
            // Which form is written, and what comes out, hangs on the type.
            self.known_type(operands, position, name)?;
        }
        let first = operands.first().and_then(Rx::sql_type);
        let nullable = operands.iter().any(Rx::nullable);
        Ok(match function {
            F::Abs => Gives { sql_type: first.map(|first| widened(first, None)), nullable },
            F::Ceil | F::Floor => Gives { sql_type: first.map(|first| widened(first, Some(0))), nullable },
            F::Round(digits) | F::Trunc(digits) => Gives {
                sql_type: first.map(|first| widened(first, Some(u8::try_from(*digits).unwrap_or(0)))),
                nullable,
            },
            F::Sign
            | F::WidthBucket
            | F::BitAnd
            | F::BitOr
            | F::BitXor
            | F::BitNot
            | F::ShiftLeft(_)
            | F::ShiftRight(_) => Gives { sql_type: Some(SqlType::Int64), nullable },
            F::Power | F::Sqrt | F::Ln | F::Log10 | F::Log2 | F::Log | F::Asin | F::Acos => {
                Gives { sql_type: Some(SqlType::Float64), nullable: true }
            }
            F::Cbrt
            | F::Exp
            | F::Sin
            | F::Cos
            | F::Tan
            | F::Atan
            | F::Atan2
            | F::Degrees
            | F::Radians
            | F::Hypot
            | F::Random => Gives { sql_type: Some(SqlType::Float64), nullable },
        })
    }
}

/// The type that a number keeps, with `digits` after the point at most.
fn widened(number: SqlType, digits: Option<u8>) -> SqlType {
    match number {
        SqlType::UInt64 => SqlType::UInt64,
        whole if whole.is_integer() => SqlType::Int64,
        SqlType::Float32 | SqlType::Float64 => SqlType::Float64,
        SqlType::Decimal(shape) => {
            let scale = match (shape, digits) {
                (Some((_, scale)), Some(digits)) => Some(scale.min(digits)),
                (Some((_, scale)), None) => Some(scale),
                (None, digits) => digits,
            };
            SqlType::Decimal(scale.map(|scale| (MAX_DIGITS, scale)))
        }
        other => other,
    }
}
