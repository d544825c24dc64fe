//! Windows: over which rows, in which order, a function looks from each row.

use rust_decimal::Decimal;

use super::aggregate::{AggregateCall, OrderKey};
use super::operand::Operand;
use super::{Expr, Kind};
use crate::error::{Error, ErrorKind};
use crate::value::Interval;

/// Over which rows a window function looks: those of the same partition, in an order, and of these a frame around the row at
/// hand. Made by [`window`], given to [`Expr::over`] and [`WindowFunction::over`].
///
/// Without a frame it is, as in SQL, the whole partition where nothing is ordered, and else the rows up to the one at hand with
/// all that are equal to it in the order. The same value may be used many times; it is written out at each use, since databases
/// compute windows that are alike only once.
///
/// ```
/// use portcullis::{col, current_row, preceding, row_number, sum, window};
///
/// let by_day = window().partition_by("shop").order_by("day");
/// let number = row_number().over(&by_day);
/// let three_days = sum(col("amount")).over(by_day.rows(preceding(2), current_row()));
/// # let _ = (number, three_days);
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a window does nothing until it is given to `over`"]
pub struct Window {
    pub(crate) partition: Vec<Expr>,
    pub(crate) order: Vec<OrderKey<Expr>>,
    pub(crate) frame: Option<Frame>,
    pub(crate) mistake: Option<Error>,
}

/// Starts a [`Window`]: all rows of the relation, in no order, until `partition_by`, `order_by` and a frame say otherwise.
pub fn window() -> Window {
    Window::default()
}

impl From<&Window> for Window {
    fn from(window: &Window) -> Window {
        window.clone()
    }
}

impl Window {
    /// The frame from `start` to `end` in rows; SQL text: `ROWS BETWEEN start AND end`.
    ///
    /// ```
    /// use portcullis::{avg, col, following, preceding, window};
    /// let smooth = avg(col("v")).over(window().order_by("day").rows(preceding(1), following(1)));
    /// # let _ = smooth;
    /// ```
    pub fn rows(self, start: Bound, end: Bound) -> Window {
        self.framed(Units::Rows, start, end)
    }

    /// The frame of the rows whose sort key differs from that of the row at hand by no more than `start` and `end` say; SQL
    /// text: `RANGE BETWEEN start AND end`. A bound with a number takes one sort key, which is a number; intervals and a key that is a
    /// date or timestamp are for PostgreSQL, and elsewhere an error.
    pub fn range(self, start: Bound, end: Bound) -> Window {
        self.framed(Units::Range, start, end)
    }

    /// The frame in groups of rows that are equal in the order; SQL text: `GROUPS BETWEEN start AND end`. MySQL and MariaDB have
    /// none, which is an error.
    pub fn groups(self, start: Bound, end: Bound) -> Window {
        self.framed(Units::Groups, start, end)
    }

    /// Leaves the row at hand out of its frame. This and the other two are for PostgreSQL and SQLite, and an error elsewhere.
    pub fn exclude_current_row(self) -> Window {
        self.excluding(Exclusion::CurrentRow)
    }

    /// Leaves the row at hand, and all that are equal to it in the order, out of its frame.
    pub fn exclude_group(self) -> Window {
        self.excluding(Exclusion::Group)
    }

    /// Leaves all that are equal to the row at hand in the order out of its frame, but not itself.
    pub fn exclude_ties(self) -> Window {
        self.excluding(Exclusion::Ties)
    }

    fn framed(mut self, units: Units, start: Bound, end: Bound) -> Window {
        let exclude = self.frame.map_or(Exclusion::NoOthers, |frame| frame.exclude);
        self.frame = Some(Frame { units, start, end, exclude });
        self
    }

    fn excluding(mut self, exclude: Exclusion) -> Window {
        // SQL: EXCLUDE follows a frame; this one is what holds when none is said.
        let frame = self.frame.unwrap_or(Frame {
            units: Units::Range,
            start: unbounded_preceding(),
            end: current_row(),
            exclude,
        });
        self.frame = Some(Frame { exclude, ..frame });
        self
    }

    pub(crate) fn refused(mut self, error: Error) -> Window {
        self.mistake.get_or_insert(error);
        self
    }
}

/// Where a frame starts or ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound(pub(crate) Edge);

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Edge {
    UnboundedPreceding,
    Preceding(Offset),
    CurrentRow,
    Following(Offset),
    UnboundedFollowing,
}

/// How far a bound lies from the row at hand. It is a part of the text, as the frame's units are, since MySQL takes no bind here.
#[derive(Debug, Clone, Copy, PartialEq)]
#[doc(hidden)]
pub enum Offset {
    #[doc(hidden)]
    Whole(i64),
    #[doc(hidden)]
    Float(f64),
    #[doc(hidden)]
    Decimal(Decimal),
    #[doc(hidden)]
    Interval(Interval),
}

/// The first row of the partition.
pub fn unbounded_preceding() -> Bound {
    Bound(Edge::UnboundedPreceding)
}

/// So many rows (or groups, or so much of the sort key) before the row at hand.
pub fn preceding(offset: impl FrameOffset) -> Bound {
    Bound(Edge::Preceding(offset.into_offset()))
}

/// The row at hand; of `range` and `groups` also those equal to it.
pub fn current_row() -> Bound {
    Bound(Edge::CurrentRow)
}

/// So many rows (or groups, or so much of the sort key) after the row at hand.
pub fn following(offset: impl FrameOffset) -> Bound {
    Bound(Edge::Following(offset.into_offset()))
}

/// The last row of the partition.
pub fn unbounded_following() -> Bound {
    Bound(Edge::UnboundedFollowing)
}

/// How far a frame reaches: a whole number, and in `range` also a fraction or an interval. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no distance within a window",
    note = "write a whole number, and in `range` also an f64, a Decimal or an Interval"
)]
pub trait FrameOffset: offset_sealed::Sealed {
    #[doc(hidden)]
    fn into_offset(self) -> Offset;
}

mod offset_sealed {
    pub trait Sealed {}
}

macro_rules! offsets {
    ($($rust:ty, |$it:ident| $make:expr;)*) => {$(
        impl offset_sealed::Sealed for $rust {}
        impl FrameOffset for $rust {
            fn into_offset(self) -> Offset {
                let $it = self;
                $make
            }
        }
    )*};
}

offsets! {
    i32, |it| Offset::Whole(it.into());
    i64, |it| Offset::Whole(it);
    u32, |it| Offset::Whole(it.into());
    f64, |it| Offset::Float(it);
    Decimal, |it| Offset::Decimal(it);
    Interval, |it| Offset::Interval(it);
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Frame {
    pub(crate) units: Units,
    pub(crate) start: Bound,
    pub(crate) end: Bound,
    pub(crate) exclude: Exclusion,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Units {
    Rows,
    Range,
    Groups,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Exclusion {
    NoOthers,
    CurrentRow,
    Group,
    Ties,
}

/// A function over a window. `E` is the expression before or after its names are bound.
#[derive(Debug, Clone)]
pub(crate) struct OverCall<E> {
    pub(crate) function: Windowed<E>,
    pub(crate) partition: Vec<E>,
    pub(crate) order: Vec<OrderKey<E>>,
    pub(crate) frame: Option<Frame>,
}

#[derive(Debug, Clone)]
pub(crate) enum Windowed<E> {
    Aggregate(AggregateCall<E>),
    Ranking(Ranking, Vec<E>),
    Value { function: ValueFunction, operands: Vec<E>, ignore_nulls: bool },
}

/// Functions of a row's place; a frame means nothing to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Ranking {
    RowNumber,
    Rank,
    DenseRank,
    PercentRank,
    CumeDist,
    /// The operand is the number of buckets.
    Ntile,
}

/// Functions that give a value of another row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ValueFunction {
    /// The operands are the value, how many rows away, and what stands for a row that isn't there.
    Lag,
    Lead,
    FirstValue,
    LastValue,
    /// The second operand is the place.
    NthValue,
}

impl<E> OverCall<E> {
    pub(crate) fn name(&self) -> &'static str {
        match &self.function {
            Windowed::Aggregate(call) => call.function.name(),
            Windowed::Ranking(function, _) => function.name(),
            Windowed::Value { function, .. } => function.name(),
        }
    }

    /// What its rows are sorted by: the keys of PARTITION BY, then those of ORDER BY.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &E> {
        self.partition.iter().chain(self.order.iter().map(|key| &key.expr))
    }

    pub(crate) fn operands(&self) -> &[E] {
        match &self.function {
            Windowed::Aggregate(call) => &call.operands,
            Windowed::Ranking(_, operands) | Windowed::Value { operands, .. } => operands,
        }
    }

    pub(crate) fn each<'e>(&'e self, visit: &mut dyn FnMut(&'e E)) {
        match &self.function {
            Windowed::Aggregate(call) => call.each(visit),
            Windowed::Ranking(_, operands) | Windowed::Value { operands, .. } => {
                operands.iter().for_each(&mut *visit);
            }
        }
        self.partition.iter().for_each(&mut *visit);
        self.order.iter().for_each(|key| visit(&key.expr));
    }

    /// The same over changed expressions.
    pub(crate) fn map<F>(&self, change: &mut dyn FnMut(&E) -> F) -> OverCall<F> {
        let function = match &self.function {
            Windowed::Aggregate(call) => Windowed::Aggregate(call.map(change)),
            Windowed::Ranking(function, operands) => {
                Windowed::Ranking(*function, operands.iter().map(&mut *change).collect())
            }
            Windowed::Value { function, operands, ignore_nulls } => Windowed::Value {
                function: *function,
                operands: operands.iter().map(&mut *change).collect(),
                ignore_nulls: *ignore_nulls,
            },
        };
        OverCall {
            function,
            partition: self.partition.iter().map(&mut *change).collect(),
            order: OrderKey::map_all(&self.order, change),
            frame: self.frame,
        }
    }
}

impl Ranking {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Ranking::RowNumber => "row_number",
            Ranking::Rank => "rank",
            Ranking::DenseRank => "dense_rank",
            Ranking::PercentRank => "percent_rank",
            Ranking::CumeDist => "cume_dist",
            Ranking::Ntile => "ntile",
        }
    }
}

impl ValueFunction {
    pub(crate) fn name(self) -> &'static str {
        match self {
            ValueFunction::Lag => "lag",
            ValueFunction::Lead => "lead",
            ValueFunction::FirstValue => "first_value",
            ValueFunction::LastValue => "last_value",
            ValueFunction::NthValue => "nth_value",
        }
    }
}

/// A function that needs a window to be an expression: [`row_number`](crate::row_number), [`lag`](crate::lag) and the like.
#[derive(Debug, Clone)]
#[must_use = "a window function is an expression once it has its window: `.over(window())`"]
pub struct WindowFunction {
    pub(crate) function: Windowed<Expr>,
}

impl WindowFunction {
    /// The function over `window`.
    pub fn over(self, window: impl Into<Window>) -> Expr {
        over(self.function, window.into())
    }

    /// Leaves out rows where the operand is NULL, as if they weren't there: for `lag`, `lead`, `first_value`, `last_value` and
    /// `nth_value`; it means nothing to the others.
    ///
    /// No database has it in its own words. On PostgreSQL the frame's values are collected in an array for each row, and on SQLite a
    /// function of this crate looks at them; MySQL and MariaDB can't, which is an error.
    pub fn ignore_nulls(mut self) -> WindowFunction {
        if let Windowed::Value { ignore_nulls, .. } = &mut self.function {
            *ignore_nulls = true;
        }
        self
    }

    /// What `lag` and `lead` give where there is no such row, instead of NULL.
    pub fn default_to(mut self, value: impl Operand) -> WindowFunction {
        if let Windowed::Value { function: ValueFunction::Lag | ValueFunction::Lead, operands, .. } = &mut self.function
        {
            operands.truncate(2);
            operands.push(value.into_operand());
        }
        self
    }
}

/// A mistake in the window is the expression's.
pub(super) fn over(function: Windowed<Expr>, window: Window) -> Expr {
    let Window { partition, order, frame, mistake } = window;
    if let Some(mistake) = mistake {
        return Expr::invalid(mistake);
    }
    Expr::make(Kind::Over(Box::new(OverCall { function, partition, order, frame })))
}

impl Expr {
    /// The aggregate over a window: one value for each row, and all rows stay.
    ///
    /// Rows that an aggregate doesn't see by `filter` stay as well. `distinct` and an order of the aggregate's own mean nothing here,
    /// and are errors.
    ///
    /// ```
    /// use portcullis::{col, sum, window};
    /// let share = sum(col("total")).over(window().partition_by("customer"));
    /// # let _ = share;
    /// ```
    pub fn over(self, window: impl Into<Window>) -> Expr {
        self.of_aggregate("over", move |call| over(Windowed::Aggregate(call), window.into()))
    }

    /// What `change` makes of the aggregate, also of one that has its name already: the name stays outermost.
    pub(crate) fn of_aggregate(self, method: &'static str, change: impl FnOnce(AggregateCall<Expr>) -> Expr) -> Expr {
        let mut name = None;
        let mut inner = &self;
        while let Kind::Alias(next, alias) = inner.kind() {
            name.get_or_insert(alias);
            inner = next;
        }
        let changed = match inner.kind() {
            Kind::Aggregate(call) => change((**call).clone()),
            Kind::Invalid(_) => inner.clone(),
            _ => {
                let message = format!("`.{method}(..)` follows an aggregate, as in `sum(col(\"total\")).{method}(..)`");
                Expr::invalid(Error::new(ErrorKind::Plan, "agg.method", message))
            }
        };
        match name {
            Some(name) => Expr::make(Kind::Alias(changed, name.clone())),
            None => changed,
        }
    }
}
