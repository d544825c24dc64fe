//! Functions of dates and timestamps.

use super::methods;
use crate::expr::{Expr, TimeFunction};

methods! { CalendarFamily;
    /// The year of a date or timestamp, as a bigint; NULL stays NULL.
    ///
    /// SQL text: `EXTRACT(YEAR FROM "c")` on PostgreSQL and MySQL, `CAST(strftime('%Y', "c") AS INTEGER)` on SQLite.
    fn year(moment) {
        Expr::call(TimeFunction::Year, [moment])
    }
}
