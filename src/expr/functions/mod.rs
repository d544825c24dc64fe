//! The functions that start an expression, and, by family, those that continue one.

pub(super) mod aggregate;
pub(super) mod window;
mod text;
mod regexp;
mod number;
mod choice;
mod time;
mod interval;
mod json;
mod array;

pub use choice::{greatest, if_, least};
pub use interval::{days, hours, microseconds, minutes, months, seconds, weeks, years};
pub use number::{pi, random};
pub use text::{concat, concat_ws};
pub use time::{current_date, current_time, current_timestamp, from_unix, from_unix_micros, make_date};

use super::operand::{Operand, literal};
use super::{Expr, Kind};
use crate::error::{Error, ErrorKind};
use crate::value::ToValue;

/// Declares methods of [`Expr`] and the same ones of typed columns whose family fits.
macro_rules! methods {
    ($family:ident; $($(#[$meta:meta])* fn $name:ident($this:ident $(, $arg:ident: $type:ty)* $(,)?) $body:block)*) => {
        impl crate::expr::Expr {
            $($(#[$meta])*
            pub fn $name(self $(, $arg: $type)*) -> crate::expr::Expr {
                let $this = self;
                $body
            })*
        }
        impl<T: crate::expr::ColumnType> crate::expr::Column<T>
        where
            T::Family: crate::expr::operand::$family,
        {
            $($(#[$meta])*
            pub fn $name(self $(, $arg: $type)*) -> crate::expr::Expr {
                self.expr().$name($($arg),*)
            })*
        }
    };
}
use methods;

/// The column called `name`. The name is literal: dots and capitals have no special meaning; for a column of one of
/// several joined relations write `col("id").of("orders")`.
///
/// SQL text: `"name"`, or `"orders"."name"` where several relations are joined.
pub fn col(name: &str) -> Expr {
    Expr::column(None, name, None)
}

/// In `agg` after `group_by` of [`rollup`](crate::rollup), [`cube`](crate::cube) or [`grouping_sets`](crate::grouping_sets): 1 in a row
/// that sums over the key called `key`, which is NULL there for that reason; 0 in a row of one of its values, also of NULL. A bigint.
///
/// SQL text: `GROUPING("key")` on PostgreSQL, a constant in each part of the UNION ALL elsewhere.
pub fn grouping(key: &str) -> Expr {
    Expr::call(super::Function::Grouping(None), [col(key)])
}

/// A bound value; SQL text: a placeholder. Beside an operator it may be left out: `col("age").gt(18)`.
pub fn lit<T: ToValue + Operand>(value: T) -> Expr {
    literal(value)
}

/// All columns of a relation: in `select`, and in `count` for the number of rows.
///
/// ```
/// use portcullis::{all, count, table};
/// let rows = table("orders").agg(count(all()).as_("rows"));
/// # let _ = rows;
/// ```
#[derive(Debug, Clone, Copy)]
pub struct All;

/// All columns; see [`All`].
pub fn all() -> All {
    All
}

impl From<All> for Expr {
    fn from(_: All) -> Expr {
        Expr::make(Kind::Everything)
    }
}

/// True where every condition is true; TRUE for no conditions. SQL text: `a AND b AND c`.
pub fn all_of(conditions: impl IntoIterator<Item = Expr>) -> Expr {
    Expr::make(Kind::All(conditions.into_iter().collect()))
}

/// True where at least one condition is true; FALSE for no conditions. SQL text: `a OR b OR c`.
pub fn any_of(conditions: impl IntoIterator<Item = Expr>) -> Expr {
    Expr::make(Kind::Any(conditions.into_iter().collect()))
}

/// True where the condition is false; also written `!condition`. NULL stays NULL.
pub fn not(condition: Expr) -> Expr {
    !condition
}

/// The first of the operands that is not NULL.
pub fn coalesce<P: Operand>(operands: impl IntoIterator<Item = P>) -> Expr {
    Expr::make(Kind::Coalesce(operands.into_iter().map(Operand::into_operand).collect()))
}

/// Starts a CASE expression.
///
/// ```
/// use portcullis::{case, col};
/// let level = case()
///     .when(col("salary").gt(75_000), "High")
///     .when(col("salary").gt(55_000), "Medium")
///     .otherwise("Low");
/// # let _ = level;
/// ```
pub fn case() -> Case {
    Case { arms: Vec::new() }
}

/// A CASE expression under construction; see [`case`].
#[derive(Debug, Clone)]
#[must_use = "a CASE is an expression once it has `otherwise` or `end`"]
pub struct Case {
    arms: Vec<(Expr, Expr)>,
}

impl Case {
    /// Gives `result` where `condition` is true and none before it was.
    pub fn when(mut self, condition: Expr, result: impl Operand) -> Case {
        self.arms.push((condition, result.into_operand()));
        self
    }

    /// Gives `result` where no condition was true.
    pub fn otherwise(self, result: impl Operand) -> Expr {
        let otherwise = Some(result.into_operand());
        self.finish(otherwise)
    }

    /// Gives NULL where no condition was true.
    pub fn end(self) -> Expr {
        self.finish(None)
    }

    fn finish(self, otherwise: Option<Expr>) -> Expr {
        if self.arms.is_empty() {
            let message = "a case has no `when`; write `case().when(condition, result).otherwise(result)`";
            return Expr::invalid(Error::new(ErrorKind::Plan, "expr.case", message));
        }
        Expr::make(Kind::Case { arms: self.arms, otherwise })
    }
}
