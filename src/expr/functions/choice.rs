//! Functions that compare or choose between values of any type.

use super::methods;
use crate::expr::operand::{IntoExpr, Operand, OperandFor};
use crate::expr::{ChoiceFunction, Column, ColumnType, Expr, Kind};

/// `then` where the condition is true, `otherwise` where it is false or NULL. For several conditions see [`case`](crate::case).
///
/// SQL text: `CASE WHEN condition THEN then ELSE otherwise END`.
///
/// ```
/// use portcullis::{col, if_};
/// let size = if_(col("total").gt(1000), "large", "small");
/// # let _ = size;
/// ```
pub fn if_(condition: impl IntoExpr, then: impl Operand, otherwise: impl Operand) -> Expr {
    Expr::make(Kind::Case {
        arms: vec![(condition.into_expr(), then.into_operand())],
        otherwise: Some(otherwise.into_operand()),
    })
}

/// The largest of the operands; NULL when one of them is NULL. Text compares by code point.
///
/// NULL decides here as in all functions of several operands, and as on MySQL and SQLite: PostgreSQL's own leaves NULL out. To leave it out write
/// `greatest([coalesce(..), ..])`.
///
/// SQL text: `GREATEST("a", "b")`, on PostgreSQL inside a CASE where an operand may be NULL, on SQLite `MAX("a", "b")`.
pub fn greatest<P: Operand>(operands: impl IntoIterator<Item = P>) -> Expr {
    Expr::call(ChoiceFunction::Greatest, operands.into_iter().map(Operand::into_operand))
}

/// The smallest of the operands; NULL when one of them is NULL. See [`greatest`].
pub fn least<P: Operand>(operands: impl IntoIterator<Item = P>) -> Expr {
    Expr::call(ChoiceFunction::Least, operands.into_iter().map(Operand::into_operand))
}

methods! { NumberFamily;
    /// True for a float that is not a number, as 0/0 is; NULL stays NULL.
    ///
    /// Only PostgreSQL can store one, so elsewhere it is false.
    fn is_nan(number) {
        Expr::call(ChoiceFunction::IsNan, [number])
    }
}

impl Expr {
    /// NULL where the two are equal, else `self`.
    ///
    /// SQL text: `CASE WHEN "c" = $1 THEN NULL ELSE "c" END`, with text compared by code point.
    pub fn nullif(self, other: impl Operand) -> Expr {
        let arms = vec![(self.clone().eq(other), Expr::make(Kind::Null))];
        Expr::make(Kind::Case { arms, otherwise: Some(self) })
    }

    /// Whether the two differ, with NULL as a value like others: never NULL itself.
    ///
    /// SQL text: `"c" IS DISTINCT FROM $1` on PostgreSQL, `NOT (c <=> ?)` on MySQL, `"c" IS NOT ?1` on SQLite.
    pub fn is_distinct_from(self, other: impl Operand) -> Expr {
        Expr::call(ChoiceFunction::IsDistinctFrom, [self, other.into_operand()])
    }

    /// Whether the two are equal, with NULL as a value like others; the opposite of [`Expr::is_distinct_from`].
    pub fn is_not_distinct_from(self, other: impl Operand) -> Expr {
        Expr::call(ChoiceFunction::IsNotDistinctFrom, [self, other.into_operand()])
    }
}

impl<T: ColumnType> Column<T> {
    /// See [`Expr::nullif`].
    pub fn nullif(self, other: impl OperandFor<T::Family>) -> Expr {
        self.expr().nullif(other)
    }

    /// See [`Expr::is_distinct_from`].
    pub fn is_distinct_from(self, other: impl OperandFor<T::Family>) -> Expr {
        self.expr().is_distinct_from(other)
    }

    /// See [`Expr::is_not_distinct_from`].
    pub fn is_not_distinct_from(self, other: impl OperandFor<T::Family>) -> Expr {
        self.expr().is_not_distinct_from(other)
    }
}
