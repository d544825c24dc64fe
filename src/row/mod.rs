//! Results: cells, rows, printed tables and serde.

mod cell;
mod de;
mod number;
mod print;
mod rows;
mod sink;
mod text;

pub(crate) use self::cell::{Cell, Columns, convert};
#[cfg(feature = "sqlite")]
pub(crate) use self::number::decimal_as_double;
pub use self::print::Shown;
pub use self::rows::{ColumnIndex, Row, Rows};
pub(crate) use self::sink::{BatchSink, CountSink, MakeRow, RowsSink, SerdeSink, ToOwnedRow, ToSerde, take_back};
pub(crate) use self::text::{parse_date, parse_interval, parse_time, parse_timestamp, parse_timestamp_utc};
