//! Functions that need a window.

use crate::error::{Error, ErrorKind};
use crate::expr::operand::IntoExpr;
use crate::expr::{Expr, Kind, Ranking, ValueFunction, WindowFunction, Windowed};
use crate::types::SqlType;
use crate::value::{Bind, Value};

fn ranking(function: Ranking, operands: impl IntoIterator<Item = Expr>) -> WindowFunction {
    WindowFunction { function: Windowed::Ranking(function, operands.into_iter().collect()) }
}

fn value(function: ValueFunction, operands: impl IntoIterator<Item = Expr>) -> WindowFunction {
    let operands = operands.into_iter().collect();
    WindowFunction { function: Windowed::Value { function, operands, ignore_nulls: false } }
}

/// A number of rows. SQL: PostgreSQL's functions take an integer of 32 bits.
fn rows(number: u32, least: u32, what: &str) -> Expr {
    match i32::try_from(number) {
        Ok(_) if number >= least => {
            let value = Value::Int(number.into());
            Expr::make(Kind::Literal(Bind { value, sql_type: SqlType::Int32 }))
        }
        _ => {
            let message = format!("{what} is a number from {least} to {}", i32::MAX);
            Expr::invalid(Error::new(ErrorKind::Plan, "window.number", message))
        }
    }
}

/// The row's number within its partition, from 1, in the window's order, which it must have; rows that are equal in it get their
/// numbers by luck. A bigint. SQL text: `ROW_NUMBER() OVER (…)`.
///
/// ```
/// use portcullis::{col, row_number, table, window};
///
/// // The largest order of each customer: a filter on a window's result nests by itself.
/// let newest = window().partition_by("customer").order_by((col("total").desc(), "id"));
/// let frame = table("orders").select(["id", "customer", "total"]).where_(row_number().over(newest).eq(1));
/// # let _ = frame;
/// ```
pub fn row_number() -> WindowFunction {
    ranking(Ranking::RowNumber, [])
}

/// One more than the number of rows before this one that are not equal to it in the window's order: 1, 1, 3. A bigint.
pub fn rank() -> WindowFunction {
    ranking(Ranking::Rank, [])
}

/// As [`rank`], without gaps: 1, 1, 2.
pub fn dense_rank() -> WindowFunction {
    ranking(Ranking::DenseRank, [])
}

/// `(rank - 1) / (rows - 1)`, a double from 0 to 1; 0 in a partition of one row. On MySQL and MariaDB it is written out so, since
/// MariaDB's own keeps ten digits.
pub fn percent_rank() -> WindowFunction {
    ranking(Ranking::PercentRank, [])
}

/// The part of the partition's rows that come before this one in the window's order or are equal to it, a double up to 1. On MySQL and
/// MariaDB it is written as two counts, since MariaDB's own keeps ten digits.
pub fn cume_dist() -> WindowFunction {
    ranking(Ranking::CumeDist, [])
}

/// The number, from 1, of the row's bucket when the partition is cut, in order, into `buckets` that differ by one row at most, larger
/// ones first. A bigint; 0 buckets are an error.
pub fn ntile(buckets: u32) -> WindowFunction {
    ranking(Ranking::Ntile, [rows(buckets, 1, "`ntile`'s number of buckets")])
}

/// The operand in the row `offset` places before this one in the window's order; NULL, or what
/// [`default_to`](WindowFunction::default_to) says, where there is none. The frame means nothing to it. Offset 0, which is the row
/// itself, is an error.
///
/// MariaDB's has no default: there a row's number says whether the other is there.
pub fn lag(operand: impl IntoExpr, offset: u32) -> WindowFunction {
    value(ValueFunction::Lag, [operand.into_expr(), rows(offset, 1, "`lag`'s offset")])
}

/// The operand in the row `offset` places after this one; else as [`lag`].
pub fn lead(operand: impl IntoExpr, offset: u32) -> WindowFunction {
    value(ValueFunction::Lead, [operand.into_expr(), rows(offset, 1, "`lead`'s offset")])
}

/// The operand in the first row of the frame; NULL in an empty one.
pub fn first_value(operand: impl IntoExpr) -> WindowFunction {
    value(ValueFunction::FirstValue, [operand.into_expr()])
}

/// The operand in the last row of the frame. Without a frame that is the last row equal to the one at hand in the window's order, and
/// not the last of the partition.
pub fn last_value(operand: impl IntoExpr) -> WindowFunction {
    value(ValueFunction::LastValue, [operand.into_expr()])
}

/// The operand in the row of the frame that has this place, from 1; NULL in a shorter frame. Place 0 is an error.
pub fn nth_value(operand: impl IntoExpr, place: u32) -> WindowFunction {
    value(ValueFunction::NthValue, [operand.into_expr(), rows(place, 1, "`nth_value`'s place")])
}
