//! Results: cells, rows, printed tables and serde.

mod cell;
mod list;
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
pub(crate) use self::print::plain as plain_text;
pub use self::rows::{ColumnIndex, Row, Rows};
#[cfg(test)]
pub(crate) use self::sink::ToSerde;
pub(crate) use self::sink::{BatchSink, CountSink, RowsSink, SerdeSink, ToOwnedRow, take_back};
#[cfg(feature = "sqlite")]
pub(crate) use self::text::{parse_time, parse_timestamp};
