//! Aggregates: one value of many rows.

use crate::error::{Error, ErrorKind};
use crate::expr::flat::Single;
use crate::expr::operand::{IntoExpr, Summable, literal};
use crate::expr::{Aggregate, AggregateCall, All, Column, ColumnType, Expr, Kind};

fn aggregate(function: Aggregate, operands: impl IntoIterator<Item = Expr>) -> Expr {
    let call = AggregateCall::new(function, operands.into_iter().collect());
    Expr::make(Kind::Aggregate(Box::new(call)))
}

fn aggregate_of(function: Aggregate, operand: Expr) -> Expr {
    operand.single(Single::Aggregate(function))
}

/// What `count` takes: `all()` for rows, an expression or a typed column for its values that are not NULL. Sealed.
#[diagnostic::on_unimplemented(
    message = "`count` takes `all()` or an expression",
    note = "write `count(all())` for rows, `count(col(\"name\"))` for the values of a column that are not NULL"
)]
pub trait CountOperand: count_sealed::Sealed {
    #[doc(hidden)]
    fn into_counted(self) -> Option<Expr>;
}

mod count_sealed {
    pub trait Sealed {}
}

impl count_sealed::Sealed for All {}
impl CountOperand for All {
    fn into_counted(self) -> Option<Expr> {
        None
    }
}

impl count_sealed::Sealed for Expr {}
impl CountOperand for Expr {
    fn into_counted(self) -> Option<Expr> {
        Some(self)
    }
}

impl<T: ColumnType> count_sealed::Sealed for Column<T> {}
impl<T: ColumnType> CountOperand for Column<T> {
    fn into_counted(self) -> Option<Expr> {
        Some(self.expr())
    }
}

/// What `count_distinct` takes: an expression or a typed column, or an array, a vector or a tuple of them. Sealed.
#[diagnostic::on_unimplemented(
    message = "`count_distinct` takes an expression, or several in an array or a tuple",
    note = "write `count_distinct(col(\"a\"))` or `count_distinct((col(\"a\"), col(\"b\")))`"
)]
pub trait DistinctOperands: distinct_sealed::Sealed {
    #[doc(hidden)]
    fn collect_operands(self, list: &mut Vec<Expr>);
}

mod distinct_sealed {
    pub trait Sealed {}
}

macro_rules! one_distinct {
    ($([$($generic:tt)*] $rust:ty;)*) => {$(
        impl<$($generic)*> distinct_sealed::Sealed for $rust {}
        impl<$($generic)*> DistinctOperands for $rust {
            fn collect_operands(self, list: &mut Vec<Expr>) {
                list.push(self.into_expr());
            }
        }
    )*};
}

one_distinct! {
    [] Expr;
    [] &Expr;
    [T: ColumnType] Column<T>;
}

macro_rules! many_distinct {
    ($([$($generic:tt)*] $rust:ty;)*) => {$(
        impl<$($generic)*> distinct_sealed::Sealed for $rust {}
        impl<$($generic)*> DistinctOperands for $rust {
            fn collect_operands(self, list: &mut Vec<Expr>) {
                list.extend(self.into_iter().map(IntoExpr::into_expr));
            }
        }
    )*};
}

many_distinct! {
    [E: IntoExpr, const N: usize] [E; N];
    [E: IntoExpr] Vec<E>;
}

macro_rules! tuple_distinct {
    ($($name:ident)+) => {
        impl<$($name: IntoExpr),+> distinct_sealed::Sealed for ($($name,)+) {}
        #[expect(non_snake_case, reason = "the macro names each variable after its type")]
        impl<$($name: IntoExpr),+> DistinctOperands for ($($name,)+) {
            fn collect_operands(self, list: &mut Vec<Expr>) {
                let ($($name,)+) = self;
                $(list.push($name.into_expr());)+
            }
        }
    };
}

tuple_distinct!(A);
tuple_distinct!(A B);
tuple_distinct!(A B C);
tuple_distinct!(A B C D);

/// The number of rows (`count(all())`, SQL text `COUNT(*)`) or of values that are not NULL (`COUNT("c")`); a bigint, 0 over
/// no rows.
pub fn count(operand: impl CountOperand) -> Expr {
    match operand.into_counted() {
        Some(operand) => aggregate_of(Aggregate::Count, operand),
        None => Expr::aggregate_of_rows(Aggregate::Count),
    }
}

/// The number of different values that are not NULL, a bigint, 0 over no rows. Of several operands it is the number of different
/// combinations; one with a NULL in it isn't counted.
///
/// SQL text: `COUNT(DISTINCT "c")`. Of several: PostgreSQL `COUNT(DISTINCT ("a", "b")) FILTER (WHERE …)`, MySQL
/// `COUNT(DISTINCT "a", "b")` (of what may be NULL, `CASE WHEN COUNT("a") = 0 THEN 0 ELSE … END`, since MySQL 9 counts the NULL of a
/// subquery), and SQLite counts what a function of this crate packs into one value.
pub fn count_distinct(operands: impl DistinctOperands) -> Expr {
    let mut list = Vec::new();
    operands.collect_operands(&mut list);
    if list.is_empty() {
        let message = "`count_distinct` has no operand; write at least one, or `count(all())` for rows";
        return Expr::invalid(Error::new(ErrorKind::Plan, "agg.operands", message));
    }
    aggregate(Aggregate::CountDistinct, list)
}

/// The sum of the values that are not NULL; NULL over no rows. Integers sum to a bigint (an error, never a wrong number,
/// beyond it), decimals to a decimal, floats to a double.
pub fn sum(operand: impl Summable) -> Expr {
    aggregate_of(Aggregate::Sum, operand.into_operand())
}

/// The mean of the values that are not NULL, as a double on every database; NULL over no rows.
pub fn avg(operand: impl Summable) -> Expr {
    aggregate_of(Aggregate::Avg, operand.into_operand())
}

/// The smallest value; NULL over no rows. Text compares by code point.
pub fn min(operand: impl IntoExpr) -> Expr {
    aggregate_of(Aggregate::Min, operand.into_expr())
}

/// The largest value; NULL over no rows. Text compares by code point.
pub fn max(operand: impl IntoExpr) -> Expr {
    aggregate_of(Aggregate::Max, operand.into_expr())
}

/// The standard deviation of a sample (divided by n - 1) of the values that are not NULL, as a double; NULL of fewer than two.
///
/// SQL text: `STDDEV_SAMP(..)` of the operand as a double, on SQLite a function of this crate, in one pass without the loss of
/// digits that the squares' mean would bring. Values whose squares are beyond a double are an error, on MySQL a wrong result.
pub fn stddev_samp(operand: impl Summable) -> Expr {
    aggregate(Aggregate::StddevSamp, [operand.into_operand()])
}

/// The standard deviation of a whole population (divided by n), else as [`stddev_samp`]: 0 of one value, NULL of none.
pub fn stddev_pop(operand: impl Summable) -> Expr {
    aggregate(Aggregate::StddevPop, [operand.into_operand()])
}

/// The variance of a sample, else as [`stddev_samp`]. SQL text: `VAR_SAMP(..)`.
pub fn var_samp(operand: impl Summable) -> Expr {
    aggregate(Aggregate::VarSamp, [operand.into_operand()])
}

/// The variance of a whole population, else as [`stddev_pop`]. SQL text: `VAR_POP(..)`.
pub fn var_pop(operand: impl Summable) -> Expr {
    aggregate(Aggregate::VarPop, [operand.into_operand()])
}

/// The covariance of two numbers over a sample (divided by n - 1), as a double, over the rows where neither is NULL; NULL of
/// fewer than two such rows.
///
/// SQL text: `COVAR_SAMP(x, y)` on PostgreSQL, on SQLite a function of this crate; on MySQL and MariaDB the means come first, from a
/// window in a block of its own.
pub fn covar_samp(x: impl Summable, y: impl Summable) -> Expr {
    aggregate(Aggregate::CovarSamp, [x.into_operand(), y.into_operand()])
}

/// The covariance of two numbers over a whole population (divided by n), else as [`covar_samp`]: 0 of one row, NULL of none.
pub fn covar_pop(x: impl Summable, y: impl Summable) -> Expr {
    aggregate(Aggregate::CovarPop, [x.into_operand(), y.into_operand()])
}

/// The coefficient of correlation of two numbers, as a double from -1 to 1, over the rows where neither is NULL; NULL where one
/// of them has the same value in all of these rows. Computed as [`covar_samp`] is.
pub fn corr(x: impl Summable, y: impl Summable) -> Expr {
    aggregate(Aggregate::Corr, [x.into_operand(), y.into_operand()])
}

/// True where the condition is true for every row in which it isn't NULL; NULL over no such row.
///
/// SQL text: `BOOL_AND(c)` on PostgreSQL, `MIN(c)` elsewhere.
pub fn bool_and(condition: impl IntoExpr) -> Expr {
    aggregate(Aggregate::BoolAnd, [condition.into_expr()])
}

/// True where the condition is true for at least one row; NULL over no row in which it isn't NULL.
///
/// SQL text: `BOOL_OR(c)` on PostgreSQL, `MAX(c)` elsewhere.
pub fn bool_or(condition: impl IntoExpr) -> Expr {
    aggregate(Aggregate::BoolOr, [condition.into_expr()])
}

/// The value in the middle, as a double: `percentile_cont` of 0.5.
pub fn median(operand: impl Summable) -> Expr {
    aggregate(Aggregate::Median, [operand.into_operand()])
}

/// The number below which `fraction` (0 to 1) of the values lie, as a double, on the straight line between the two values next to
/// that place; NULL values don't count, and NULL over no value.
///
/// SQL text: `PERCENTILE_CONT($1) WITHIN GROUP (ORDER BY x)` on PostgreSQL, on SQLite a function of this crate, and on MySQL and
/// MariaDB, which have none as an aggregate, rows are numbered by a window in a block of their own.
pub fn percentile_cont(fraction: f64, operand: impl Summable) -> Expr {
    percentile(Aggregate::PercentileCont, fraction, operand.into_operand())
}

/// The first value, in order, up to which at least `fraction` (0 to 1) of the values lie: always one of them, of the operand's
/// type. NULL values don't count, and NULL over no value. Text compares by code point. SQL text as for [`percentile_cont`].
pub fn percentile_disc(fraction: f64, operand: impl IntoExpr) -> Expr {
    percentile(Aggregate::PercentileDisc, fraction, operand.into_expr())
}

fn percentile(function: Aggregate, fraction: f64, operand: Expr) -> Expr {
    if !(0.0..=1.0).contains(&fraction) {
        let message = format!("`{}` takes a fraction from 0 to 1; the median is 0.5", function.name());
        return Expr::invalid(Error::new(ErrorKind::Plan, "agg.fraction", message));
    }
    aggregate(function, [operand, literal(fraction)])
}

/// The value that occurs most often, and of several the smallest; NULL values don't count, and NULL over no value. Text compares by
/// code point.
///
/// SQL text: `MODE() WITHIN GROUP (ORDER BY x)` on PostgreSQL, on SQLite a function of this crate; on MySQL and MariaDB values are
/// counted by windows in blocks of their own.
pub fn mode(operand: impl IntoExpr) -> Expr {
    aggregate(Aggregate::Mode, [operand.into_expr()])
}

/// The value of the first row in the order of `.order_by(..)`, which must follow; NULL where that row has NULL, and over no rows. Among
/// rows that are equal in the order it is the smallest value.
///
/// SQL text: `(ARRAY_AGG(x ORDER BY …))[1]` on PostgreSQL, on SQLite a function of this crate; on MySQL and MariaDB rows are
/// numbered by a window in a block of their own.
pub fn first(operand: impl IntoExpr) -> Expr {
    aggregate(Aggregate::First, [operand.into_expr()])
}

/// The value of the last row in the order of `.order_by(..)`: [`first`] in the opposite order. Among rows that are equal it is the
/// largest value, where NULL counts as larger than any.
pub fn last(operand: impl IntoExpr) -> Expr {
    aggregate(Aggregate::Last, [operand.into_expr()])
}

/// The texts that are not NULL, one after the other with `separator` between them, which is bound; NULL over no text.
///
/// They come in the order of `.order_by(..)`, and without one in that of the texts themselves, by code point, never by luck.
///
/// SQL text: `STRING_AGG(x, $1 ORDER BY …)` on PostgreSQL and SQLite, `GROUP_CONCAT(…)` on MySQL and MariaDB, whose limit on the
/// length of the result is raised on this crate's sessions so that nothing is cut off.
pub fn string_agg(operand: impl IntoExpr, separator: &str) -> Expr {
    aggregate(Aggregate::StringAgg, [operand.into_expr(), literal(separator)])
}

/// The values as a list, NULLs among them; NULL over no rows. They come in the order of `.order_by(..)`, and without one in their
/// own.
///
/// An array of the operand's type: `ARRAY_AGG(x ORDER BY …)` on PostgreSQL, where it is one; on the other databases a JSON
/// array that is read back as a list of such values.
pub fn array_agg(operand: impl IntoExpr) -> Expr {
    aggregate(Aggregate::ArrayAgg, [operand.into_expr()])
}

/// The values as a JSON array, NULLs as `null`; NULL over no rows. They come in the order of `.order_by(..)`, and without one in
/// their own. The operand is text, an integer, a boolean or JSON: other values have no one form in JSON on all databases.
pub fn json_array_agg(operand: impl IntoExpr) -> Expr {
    aggregate(Aggregate::JsonArrayAgg, [operand.into_expr()])
}

/// A JSON object of the keys, which are text, and values; rows whose key is NULL are left out, and NULL where no row is left. Of a key that
/// occurs twice the largest value is taken, NULL only where there is no other; of JSON values it isn't told which.
pub fn json_object_agg(key: impl IntoExpr, value: impl IntoExpr) -> Expr {
    aggregate(Aggregate::JsonObjectAgg, [key.into_expr(), value.into_expr()])
}

/// What an aggregate looks at.
impl Expr {
    /// For an aggregate: only the rows for which `condition` is true are looked at; several filters must all be true. `as_` may stand
    /// before or after.
    ///
    /// SQL text: `SUM(x) FILTER (WHERE …)` on PostgreSQL and SQLite, `SUM(CASE WHEN … THEN x END)` on MySQL and MariaDB.
    ///
    /// ```
    /// use portcullis::{all, col, count, sum};
    /// let paid = sum(col("total")).filter(col("paid").eq(true)).as_("paid");
    /// let open = count(all()).filter(col("paid").eq(false)).as_("open");
    /// # let _ = (paid, open);
    /// ```
    pub fn filter(self, condition: Expr) -> Expr {
        self.of_aggregate("filter", |mut call| {
            call.filter = Some(match call.filter.take() {
                Some(first) => first.and(condition),
                None => condition,
            });
            Expr::make(Kind::Aggregate(Box::new(call)))
        })
    }

    /// For an aggregate: looks at each different value once. `count(..).distinct()` is [`count_distinct`]; for `min`, `max`,
    /// `bool_and`, `bool_or` it changes nothing. Aggregates that would mean something else, or nothing, refuse it.
    pub fn distinct(self) -> Expr {
        self.of_aggregate("distinct", |mut call| {
            match call.function {
                Aggregate::Count if call.operands.is_empty() => {
                    let message = "`count(all())` counts rows, which `distinct` of a column can't; write `count_distinct(..)` of the columns";
                    return Expr::invalid(Error::new(ErrorKind::Plan, "agg.distinct", message));
                }
                Aggregate::Count => call.function = Aggregate::CountDistinct,
                Aggregate::CountDistinct | Aggregate::Min | Aggregate::Max | Aggregate::BoolAnd | Aggregate::BoolOr => {}
                Aggregate::Sum | Aggregate::Avg | Aggregate::StringAgg | Aggregate::ArrayAgg => call.distinct = true,
                other => {
                    let message = format!(
                        "`{}` has no `distinct`; make the rows distinct before `agg`, with `.select(..).distinct()`",
                        other.name()
                    );
                    return Expr::invalid(Error::new(ErrorKind::Unsupported, "agg.distinct", message));
                }
            }
            Expr::make(Kind::Aggregate(Box::new(call)))
        })
    }
}
