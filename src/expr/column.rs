//! Typed columns, as `table!` declares them.

use std::marker::PhantomData;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{Declared, Expr, MembersFor, OperandFor, SortKey, family};
use crate::ident::rust_name;
use crate::types::SqlType;
use crate::value::Interval;

/// A column whose Rust type is known when the program is compiled, declared by [`table!`](crate::table!).
///
/// Its operators take operands of its own family only, so a wrong literal doesn't compile; the result is a plain [`Expr`].
pub struct Column<T> {
    table: &'static str,
    name: &'static str,
    rust_type: PhantomData<fn() -> T>,
}

impl<T> Clone for Column<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Column<T> {}

impl<T> std::fmt::Debug for Column<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.table, self.name)
    }
}

/// A Rust type that a column can be declared with; `Option<T>` declares that it may hold NULL. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no column type",
    note = "use bool, i16, i32, i64, u64, f32, f64, Decimal, String, Vec<u8>, a chrono type, Uuid, serde_json::Value, or an Option of one"
)]
pub trait ColumnType: sealed::Sealed {
    /// Within which family the column compares.
    type Family;
    #[doc(hidden)]
    const SQL_TYPE: SqlType;
    #[doc(hidden)]
    const NULLABLE: bool;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! column_types {
    ($($rust:ty => $family:ident, $sql:expr);* $(;)?) => {$(
        impl sealed::Sealed for $rust {}
        impl ColumnType for $rust {
            type Family = family::$family;
            const SQL_TYPE: SqlType = $sql;
            const NULLABLE: bool = false;
        }
    )*};
}

column_types! {
    bool => Bool, SqlType::Bool;
    i16 => Number, SqlType::Int16;
    i32 => Number, SqlType::Int32;
    i64 => Number, SqlType::Int64;
    u64 => Number, SqlType::UInt64;
    f32 => Number, SqlType::Float32;
    f64 => Number, SqlType::Float64;
    Decimal => Number, SqlType::Decimal(None);
    String => Text, SqlType::Text;
    Vec<u8> => Bytes, SqlType::Bytes;
    NaiveDate => Date, SqlType::Date;
    NaiveTime => Time, SqlType::Time;
    NaiveDateTime => Timestamp, SqlType::Timestamp;
    DateTime<Utc> => Timestamp, SqlType::TimestampTz;
    Interval => Interval, SqlType::Interval;
    Uuid => Uuid, SqlType::Uuid;
    serde_json::Value => Json, SqlType::Json;
}

impl<T: ColumnType> sealed::Sealed for Option<T> {}
impl<T: ColumnType> ColumnType for Option<T> {
    type Family = T::Family;
    const SQL_TYPE: SqlType = T::SQL_TYPE;
    const NULLABLE: bool = true;
}

impl<T: ColumnType> Column<T> {
    /// Used by `table!`; the names are checked when the column is used.
    #[doc(hidden)]
    pub const fn new(table: &'static str, name: &'static str) -> Column<T> {
        Column { table: rust_name(table), name: rust_name(name), rust_type: PhantomData }
    }

    /// The column as an untyped expression, qualified by its table.
    pub fn expr(self) -> Expr {
        let declared = Declared { sql_type: T::SQL_TYPE, nullable: T::NULLABLE };
        Expr::column(Some(self.table), self.name, Some(declared))
    }

    /// The same column of the relation that was named `alias` with `as_`.
    pub fn of(self, alias: &str) -> Expr {
        self.expr().of(alias)
    }

    /// `column = operand`; SQL text: `"c" = $1`.
    pub fn eq(self, operand: impl OperandFor<T::Family>) -> Expr {
        self.expr().eq(operand)
    }

    /// `column <> operand`; false for NULL on either side, as in SQL.
    pub fn ne(self, operand: impl OperandFor<T::Family>) -> Expr {
        self.expr().ne(operand)
    }

    /// `column < operand`.
    pub fn lt(self, operand: impl OperandFor<T::Family>) -> Expr {
        self.expr().lt(operand)
    }

    /// `column <= operand`.
    pub fn le(self, operand: impl OperandFor<T::Family>) -> Expr {
        self.expr().le(operand)
    }

    /// `column > operand`.
    pub fn gt(self, operand: impl OperandFor<T::Family>) -> Expr {
        self.expr().gt(operand)
    }

    /// `column >= operand`.
    pub fn ge(self, operand: impl OperandFor<T::Family>) -> Expr {
        self.expr().ge(operand)
    }

    /// `column BETWEEN low AND high`, bounds included.
    pub fn between(self, low: impl OperandFor<T::Family>, high: impl OperandFor<T::Family>) -> Expr {
        self.expr().between(low, high)
    }

    /// True where the column equals one of `values`; see [`Expr::in_`].
    pub fn in_(self, values: impl MembersFor<T::Family>) -> Expr {
        self.expr().in_(values)
    }

    /// The opposite of [`Column::in_`]; see [`Expr::not_in`].
    pub fn not_in(self, values: impl MembersFor<T::Family>) -> Expr {
        self.expr().not_in(values)
    }

    /// True where the column is NULL.
    pub fn is_null(self) -> Expr {
        self.expr().is_null()
    }

    /// True where the column is not NULL.
    pub fn is_not_null(self) -> Expr {
        self.expr().is_not_null()
    }

    /// The column under another name.
    pub fn as_(self, name: &str) -> Expr {
        self.expr().as_(name)
    }

    /// The column converted to `sql_type`; see [`Expr::cast`].
    pub fn cast(self, sql_type: SqlType) -> Expr {
        self.expr().cast(sql_type)
    }

    /// Sorts by the column, smallest first, NULL last.
    pub fn asc(self) -> SortKey {
        self.expr().asc()
    }

    /// Sorts by the column, largest first, NULL first.
    pub fn desc(self) -> SortKey {
        self.expr().desc()
    }
}

impl<T: ColumnType<Family = family::Text>> Column<T> {
    /// See [`Expr::like`].
    pub fn like(self, pattern: &str) -> Expr {
        self.expr().like(pattern)
    }
}

macro_rules! column_operators {
    ($($trait:ident, $method:ident);*) => {$(
        impl<T: ColumnType<Family = family::Number>, R: OperandFor<family::Number>> std::ops::$trait<R> for Column<T> {
            type Output = Expr;
            fn $method(self, operand: R) -> Expr {
                std::ops::$trait::$method(self.expr(), operand)
            }
        }
    )*};
}

column_operators! { Add, add; Sub, sub; Mul, mul; Div, div; Rem, rem }

impl<T: ColumnType> From<Column<T>> for Expr {
    fn from(column: Column<T>) -> Expr {
        column.expr()
    }
}
