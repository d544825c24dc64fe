//! Rows from sqlx to a sink: what both servers' drivers share.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use sqlx::{Column, Either, Row, TypeInfo};

use super::{Done, Expected, Flow, RawRow, RowSink};
use crate::error::{Error, ErrorKind, Result, show_name};
use crate::row::{Cell, Columns, convert};
use crate::types::SqlType;

/// How one server's rows are read.
pub(super) trait Wire: sqlx::Database {
    /// How one column is read, chosen once for each result.
    type Decoder: Send + Sync;
    /// `None` when the type can't be read. What is expected decides where a wire type has two readings.
    fn decoder(info: &Self::TypeInfo, expected: Option<SqlType>) -> Option<Self::Decoder>;
    /// The type of the cells that the decoder makes; `None` when they are always NULL.
    fn sql_type(decoder: &Self::Decoder) -> Option<SqlType>;
    /// The cell at `index`, which exists.
    fn cell<'r>(row: &'r Self::Row, index: usize, decoder: &Self::Decoder) -> Result<Cell<'r>, Trap>;
    /// The count of a finished statement.
    fn affected(result: &Self::QueryResult) -> u64;
}

/// A stored value that has no exact cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trap {
    Malformed,
    Infinite,
    OutOfRange,
    NotFinite,
    Precision,
    Dimensions,
    NotUtf8,
    ZeroDate,
    LongTime,
    NotBool,
}

impl Trap {
    fn error(self, column: &str) -> Error {
        let (code, what) = match self {
            Trap::Malformed => ("decode.malformed", "a value in a form that can't be read; cast it to text"),
            Trap::Infinite => ("decode.infinite", "an infinite date, time or interval; cast it to text"),
            Trap::OutOfRange => {
                ("decode.out_of_range", "a date or time outside the range that can be read; cast it to text")
            }
            Trap::NotFinite => ("decode.not_finite", "a decimal that is NaN or infinite; cast it to double or text"),
            Trap::Precision => ("decode.precision", "a decimal of more than 28 digits; cast it to text or double"),
            Trap::Dimensions => ("decode.array", "an array of more than one dimension; cast it to text"),
            Trap::NotUtf8 => ("decode.text", "text that is not UTF-8; cast it to bytes"),
            Trap::ZeroDate => ("decode.zero_date", "a date with zero for its day or month; cast it to text"),
            Trap::LongTime => (
                "decode.time",
                "a time that is negative or not below 24 hours; cast it to text or read it as an interval",
            ),
            Trap::NotBool => ("decode.bool", "a boolean other than 0 and 1; cast it to an integer"),
        };
        Error::new(ErrorKind::Decode, code, format!("column {} holds {what}", show_name(column))).with_column(column)
    }
}

/// The columns of one result and how each is read.
pub(super) struct Layout<D> {
    columns: Arc<Columns>,
    slots: Vec<Slot<D>>,
}

struct Slot<D> {
    decoder: D,
    convert: Option<SqlType>,
}

impl<D> Layout<D> {
    pub(super) fn new<W: Wire<Decoder = D>>(wire: &[W::Column], expected: Option<&[Expected]>) -> Result<Self> {
        if let Some(expected) = expected
            && expected.len() != wire.len()
        {
            let message = format!("{} columns were expected but the server sent {}", expected.len(), wire.len());
            return Err(Error::new(ErrorKind::Internal, "driver.columns", message));
        }
        let mut columns = Columns::default();
        let mut slots = Vec::with_capacity(wire.len());
        for (index, column) in wire.iter().enumerate() {
            let expected = expected.and_then(|expected| expected.get(index));
            let name = expected.map_or(column.name(), |expected| expected.name.as_str());
            let wanted = expected.and_then(|expected| expected.sql_type);
            let info = column.type_info();
            let decoder = W::decoder(info, wanted).ok_or_else(|| unreadable(name, info.name()))?;
            let found = W::sql_type(&decoder);
            columns.names.push(name.to_owned());
            columns.types.push(wanted.or(found));
            slots.push(Slot {
                decoder,
                convert: wanted.filter(|wanted| !found.is_none_or(|found| fits(found, *wanted))),
            });
        }
        Ok(Layout { columns: Arc::new(columns), slots })
    }

    pub(super) fn columns(&self) -> &Arc<Columns> {
        &self.columns
    }
}

/// Whether every cell of the wire type is one of the wanted type as it is.
fn fits(found: SqlType, wanted: SqlType) -> bool {
    use SqlType::{Float32, Float64, Int16, Int32, Int64};
    found == wanted || matches!((found, wanted), (Int16, Int32) | (Int16 | Int32, Int64) | (Float32, Float64))
}

fn unreadable(column: &str, type_name: &str) -> Error {
    let message = format!(
        "column {} is of the type {}, which can't be read; cast it to text",
        show_name(column),
        show_name(type_name)
    );
    Error::new(ErrorKind::Decode, "decode.unsupported", message).with_column(column)
}

struct WireRow<'r, W: Wire> {
    row: &'r W::Row,
    layout: &'r Layout<W::Decoder>,
}

impl<W: Wire> RawRow for WireRow<'_, W> {
    fn len(&self) -> usize {
        self.layout.slots.len()
    }

    fn cell(&self, index: usize) -> Result<Cell<'_>> {
        let name = self.layout.columns.name(index);
        let Some(slot) = self.layout.slots.get(index) else {
            return Err(Error::new(ErrorKind::Internal, "driver.index", "a cell outside the row was asked for"));
        };
        let cell = W::cell(self.row, index, &slot.decoder).map_err(|trap| trap.error(name))?;
        match slot.convert {
            None => Ok(cell),
            Some(to) => convert(cell, to, name),
        }
    }
}

/// How a statement ended that did not end well.
pub(super) enum Failure {
    /// The server or the connection failed.
    Wire(sqlx::Error),
    /// A value or the sink failed; `drained` says that the rest of the result was read, so that the session can go on.
    Row { error: Error, drained: bool },
}

/// A result up to this many rows is read to its end after a failure; behind a longer one the session is closed.
const DRAIN_ROWS: usize = 10_000;

type Items<'a, W> =
    BoxStream<'a, Result<Either<<W as sqlx::Database>::QueryResult, <W as sqlx::Database>::Row>, sqlx::Error>>;

/// Hands all rows of `items` to `sink`. The layout is `None` when there was no row, and the sink was then not told the columns.
pub(super) async fn pump<W: Wire>(
    mut items: Items<'_, W>,
    expected: Option<&[Expected]>,
    sink: &mut dyn RowSink,
) -> Result<(Option<Layout<W::Decoder>>, Done), Failure> {
    let mut layout = None;
    let mut done = Done::default();
    while let Some(item) = items.next().await {
        let row = match item.map_err(Failure::Wire)? {
            Either::Left(result) => {
                done.affected = done.affected.saturating_add(W::affected(&result));
                continue;
            }
            Either::Right(row) => row,
        };
        let flow = hand_over::<W>(&row, &mut layout, expected, sink);
        drop(row);
        let flow = match flow {
            Ok(Flow::Flush) => sink.flush().await.map(|()| Flow::More),
            other => other,
        };
        if let Err(error) = flow {
            return Err(Failure::Row { error, drained: drain::<W>(items).await });
        }
        done.rows = done.rows.saturating_add(1);
    }
    Ok((layout, done))
}

fn hand_over<W: Wire>(
    row: &W::Row,
    layout: &mut Option<Layout<W::Decoder>>,
    expected: Option<&[Expected]>,
    sink: &mut dyn RowSink,
) -> Result<Flow> {
    let layout = match layout {
        Some(layout) => layout,
        None => {
            let made = Layout::new::<W>(row.columns(), expected)?;
            sink.columns(made.columns())?;
            layout.insert(made)
        }
    };
    sink.row(&WireRow::<W> { row, layout })
}

async fn drain<W: Wire>(mut items: Items<'_, W>) -> bool {
    for _ in 0..DRAIN_ROWS {
        match items.next().await {
            None => return true,
            Some(Ok(_)) => {}
            Some(Err(_)) => return false,
        }
    }
    false
}

/// The columns of an empty result that the server has not described.
pub(super) fn expected_columns(expected: Option<&[Expected]>) -> Arc<Columns> {
    let expected = expected.unwrap_or_default();
    Arc::new(Columns {
        names: expected.iter().map(|column| column.name.as_str().to_owned()).collect(),
        types: expected.iter().map(|column| column.sql_type).collect(),
    })
}

/// A server's version, cut to its leading digits and dots: `10.11.19-MariaDB` is `10.11.19`.
pub(super) fn short_version(version: &str) -> String {
    let digits: String = version.chars().take_while(|it| it.is_ascii_digit() || *it == '.').collect();
    digits.trim_end_matches('.').to_owned()
}

/// A `Vec`'s worth of bytes as an array of the size that a fixed-width type has.
pub(super) fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Trap> {
    bytes.try_into().map_err(|_| Trap::Malformed)
}

pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Trap> {
    std::str::from_utf8(bytes).map_err(|_| Trap::NotUtf8)
}
