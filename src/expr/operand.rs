//! What may stand beside an operator.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::flat::Pair;
use super::{Column, ColumnType, Expr};
use crate::value::{Bind, Interval, ToValue};

/// What may stand on the right of an operator of [`Expr`]: a value (bound, never written into the text), an expression
/// or a typed column.
///
/// A string here is a value; a column is written `col("name")`. `None` is no operand: SQL's NULL equals nothing, so write
/// `is_null()`. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't stand beside an operator",
    label = "neither a value nor an expression",
    note = "write a number, text, bool, date, Decimal, Uuid, `col(\"name\")` or another expression",
    note = "for NULL write `.is_null()`, and `.set_null(\"name\")` in an update; convert a usize or isize with `as i64`"
)]
pub trait Operand: sealed::Sealed {
    #[doc(hidden)]
    fn into_operand(self) -> Expr;

    /// The operation `pair` of `left` and this. A value is written beside what it stands beside, without one of its own.
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "the trait is sealed, and nobody else makes or reads one")]
    fn beside(self, left: Expr, pair: Pair) -> Expr
    where
        Self: Sized,
    {
        left.pair(self.into_operand(), pair)
    }
}

/// What may stand beside a typed column whose values are of family `F`. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit a column of {F}",
    label = "of another type than the column",
    note = "compare like with like, or convert one side with `.cast(..)`; for NULL write `.is_null()`"
)]
pub trait OperandFor<F>: Operand {}

/// What is an expression already: one made from [`col`](crate::col), [`lit`](crate::lit) or a function, or a typed column.
///
/// Text is none: it could be a name or a value. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an expression",
    label = "not an expression",
    note = "write `col(\"name\")` for a column, `lit(value)` for a value, `col(\"age\").gt(18)` for a condition"
)]
pub trait IntoExpr: sealed::Sealed {
    #[doc(hidden)]
    fn into_expr(self) -> Expr;
}

/// What `sum` and `avg` take: an expression, or a typed column of numbers. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`sum` and `avg` take a column of numbers, and `{Self}` is none",
    label = "not a column of numbers",
    note = "write `col(\"name\")` for the column of that name",
    note = "what is not a number: count it with `count(..)`, or take `min(..)` or `max(..)` of it"
)]
pub trait Summable: Operand {}

/// The families of types within which values compare.
pub mod family {
    /// Integers, floats and decimals.
    #[derive(Debug)]
    pub enum Number {}
    /// Text.
    #[derive(Debug)]
    pub enum Text {}
    /// Booleans.
    #[derive(Debug)]
    pub enum Bool {}
    /// Bytes.
    #[derive(Debug)]
    pub enum Bytes {}
    /// Dates.
    #[derive(Debug)]
    pub enum Date {}
    /// Times of day.
    #[derive(Debug)]
    pub enum Time {}
    /// Timestamps, with and without a zone.
    #[derive(Debug)]
    pub enum Timestamp {}
    /// Intervals.
    #[derive(Debug)]
    pub enum Interval {}
    /// UUIDs.
    #[derive(Debug)]
    pub enum Uuid {}
    /// JSON.
    #[derive(Debug)]
    pub enum Json {}
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

pub(crate) fn literal<T: ToValue>(value: T) -> Expr {
    Expr::value(Bind { value: value.to_value(), sql_type: T::SQL_TYPE })
}

macro_rules! operands {
    ($($rust:ty => $family:ty),* $(,)?) => {$(
        impl sealed::Sealed for $rust {}
        impl Operand for $rust {
            fn into_operand(self) -> Expr {
                literal(self)
            }

            #[expect(private_interfaces, reason = "see the trait")]
            fn beside(self, left: Expr, pair: Pair) -> Expr {
                left.pair_value(Bind { value: self.to_value(), sql_type: <Self as ToValue>::SQL_TYPE }, pair)
            }
        }
        impl OperandFor<$family> for $rust {}
    )*};
}

operands! {
    i8 => family::Number, i16 => family::Number, i32 => family::Number, i64 => family::Number,
    u16 => family::Number, u32 => family::Number, u64 => family::Number,
    f32 => family::Number, f64 => family::Number, Decimal => family::Number,
    &str => family::Text, String => family::Text, &String => family::Text,
    bool => family::Bool,
    Vec<u8> => family::Bytes, &[u8] => family::Bytes,
    NaiveDate => family::Date, NaiveTime => family::Time,
    NaiveDateTime => family::Timestamp, DateTime<Utc> => family::Timestamp,
    Interval => family::Interval, Uuid => family::Uuid, serde_json::Value => family::Json,
}

macro_rules! by_reference {
    ($($rust:ty => $family:ty),* $(,)?) => {$(
        impl sealed::Sealed for &$rust {}
        impl Operand for &$rust {
            fn into_operand(self) -> Expr {
                literal(self)
            }

            #[expect(private_interfaces, reason = "see the trait")]
            fn beside(self, left: Expr, pair: Pair) -> Expr {
                left.pair_value(Bind { value: self.to_value(), sql_type: <Self as ToValue>::SQL_TYPE }, pair)
            }
        }
        impl OperandFor<$family> for &$rust {}
    )*};
}

by_reference! {
    i8 => family::Number, i16 => family::Number, i32 => family::Number, i64 => family::Number,
    u16 => family::Number, u32 => family::Number, u64 => family::Number,
    f32 => family::Number, f64 => family::Number, Decimal => family::Number,
    bool => family::Bool,
    NaiveDate => family::Date, NaiveTime => family::Time,
    NaiveDateTime => family::Timestamp, DateTime<Utc> => family::Timestamp,
    Uuid => family::Uuid,
}

impl sealed::Sealed for &&str {}
impl Operand for &&str {
    fn into_operand(self) -> Expr {
        literal(*self)
    }
}
impl OperandFor<family::Text> for &&str {}

impl sealed::Sealed for Expr {}
impl Operand for Expr {
    fn into_operand(self) -> Expr {
        self
    }
}
impl<F> OperandFor<F> for Expr {}
impl IntoExpr for Expr {
    fn into_expr(self) -> Expr {
        self
    }
}
impl Summable for Expr {}

impl sealed::Sealed for &Expr {}
impl Operand for &Expr {
    fn into_operand(self) -> Expr {
        self.clone()
    }
}
impl<F> OperandFor<F> for &Expr {}
impl IntoExpr for &Expr {
    fn into_expr(self) -> Expr {
        self.clone()
    }
}
impl Summable for &Expr {}

impl<T: ColumnType> sealed::Sealed for Column<T> {}
impl<T: ColumnType> Operand for Column<T> {
    fn into_operand(self) -> Expr {
        self.expr()
    }
}
impl<T: ColumnType, F> OperandFor<F> for Column<T> where T::Family: SameFamily<F> {}
impl<T: ColumnType> Summable for Column<T> where T::Family: NumberFamily {}
impl<T: ColumnType> IntoExpr for Column<T> {
    fn into_expr(self) -> Expr {
        self.expr()
    }
}

/// Families of columns that compare with each other. The traits are there for their messages: an associated type that
/// differs would be told in the compiler's own words.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a column of {Self} does not fit a column of {F}",
    note = "compare like with like, or convert one side with `.cast(..)`"
)]
pub trait SameFamily<F> {}
impl<F> SameFamily<F> for F {}

#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`sum` and `avg` take numbers, and this is a column of {Self}",
    note = "count it with `count(..)`, or take `min(..)` or `max(..)` of it"
)]
pub trait NumberFamily {}
impl NumberFamily for family::Number {}

#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a function of text does not take a column of {Self}",
    note = "convert it with `.cast(SqlType::Text)`"
)]
pub trait TextFamily {}
impl TextFamily for family::Text {}

#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a function of text or bytes does not take a column of {Self}",
    note = "convert it with `.cast(SqlType::Text)`"
)]
pub trait OctetFamily {}
impl OctetFamily for family::Text {}
impl OctetFamily for family::Bytes {}

#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a function of dates and timestamps does not take a column of {Self}",
    note = "convert it with `.cast(SqlType::Timestamp)`"
)]
pub trait CalendarFamily {}
impl CalendarFamily for family::Date {}
impl CalendarFamily for family::Timestamp {}

#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a function of times does not take a column of {Self}",
    note = "a date has no time of day; convert it with `.cast(SqlType::Timestamp)`"
)]
pub trait ClockFamily {}
impl ClockFamily for family::Time {}
impl ClockFamily for family::Timestamp {}

#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a function of timestamps does not take a column of {Self}",
    note = "convert it with `.cast(SqlType::Timestamp)`"
)]
pub trait TimestampFamily {}
impl TimestampFamily for family::Timestamp {}

#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a function of JSON does not take a column of {Self}",
    note = "declare the column with `serde_json::Value` in `table!`"
)]
pub trait JsonFamily {}
impl JsonFamily for family::Json {}
