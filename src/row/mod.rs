//! Results: cells, rows, printed tables and serde.

mod cell;
mod number;
mod text;

pub(crate) use self::cell::{Cell, Columns, convert};
pub(crate) use self::text::{parse_date, parse_interval, parse_time, parse_timestamp, parse_timestamp_utc};
