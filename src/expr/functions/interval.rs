//! Spans of time, and adding them.

use std::ops::{Add, Neg, Sub};

use crate::expr::operand::CalendarFamily;
use crate::expr::{Column, ColumnType, Expr};
use crate::value::Interval;

/// A span of whole years, of 12 months each. More than an interval holds is its longest.
///
/// ```
/// use portcullis::{col, days, months, years};
/// let due = col("sent_on") + months(1) + days(14);
/// let recent = col("at").gt(col("until") - years(2));
/// # let _ = (due, recent);
/// ```
pub fn years(years: i32) -> Interval {
    months(years.saturating_mul(12))
}

/// A span of whole months; see [`Expr::date_add`] for months that lack a day.
pub fn months(months: i32) -> Interval {
    Interval { months, ..Interval::default() }
}

/// A span of whole weeks, of 7 days each. More than an interval holds is its longest.
pub fn weeks(weeks: i32) -> Interval {
    days(weeks.saturating_mul(7))
}

/// A span of whole days.
pub fn days(days: i32) -> Interval {
    Interval { days, ..Interval::default() }
}

/// A span of whole hours. More than an interval holds is its longest, as for the shorter units.
pub fn hours(hours: i64) -> Interval {
    microseconds(hours.saturating_mul(3_600_000_000))
}

/// A span of whole minutes.
pub fn minutes(minutes: i64) -> Interval {
    microseconds(minutes.saturating_mul(60_000_000))
}

/// A span of whole seconds.
pub fn seconds(seconds: i64) -> Interval {
    microseconds(seconds.saturating_mul(1_000_000))
}

/// A span of microseconds.
pub fn microseconds(microseconds: i64) -> Interval {
    Interval { microseconds, ..Interval::default() }
}

/// Part by part; more than an interval holds is its longest.
impl Add for Interval {
    type Output = Interval;
    fn add(self, other: Interval) -> Interval {
        Interval {
            months: self.months.saturating_add(other.months),
            days: self.days.saturating_add(other.days),
            microseconds: self.microseconds.saturating_add(other.microseconds),
        }
    }
}

impl Neg for Interval {
    type Output = Interval;
    fn neg(self) -> Interval {
        Interval {
            months: self.months.saturating_neg(),
            days: self.days.saturating_neg(),
            microseconds: self.microseconds.saturating_neg(),
        }
    }
}

impl<T: ColumnType> Add<Interval> for Column<T>
where
    T::Family: CalendarFamily,
{
    type Output = Expr;
    fn add(self, interval: Interval) -> Expr {
        self.expr().date_add(interval)
    }
}

impl<T: ColumnType> Sub<Interval> for Column<T>
where
    T::Family: CalendarFamily,
{
    type Output = Expr;
    fn sub(self, interval: Interval) -> Expr {
        self.expr().date_sub(interval)
    }
}
