//! Rows in the binary format of COPY (PostgreSQL manual, COPY, "Binary Format"): a signature, for each row the number of its fields, for each
//! field its length and value, and an end.

use std::ops::Range;

use super::postgres_bind::write;
use super::sqlx_bind::{Unsendable, refuse};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::query::CopyType;
use crate::types::SqlType;
use crate::value::packed::{PackedCell, PackedColumn, PackedPart};
use crate::value::{Bind, Value};

/// The signature, no flags and no extension.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const END: [u8; 2] = (-1_i16).to_be_bytes();
const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// How many bytes are sent at once, and a row more.
const PIECE: usize = 128 * 1024;

/// Rows on their way into a COPY. Making it checks every value; what follows can't fail, since an error in the middle of a COPY would
/// take a transaction with it.
pub(super) struct Encoder<'r> {
    columns: Vec<Column<'r>>,
    rows: Range<usize>,
    fields: [u8; 2],
    begun: bool,
    ended: bool,
}

struct Column<'r> {
    to: CopyType,
    values: &'r PackedColumn,
    /// The values as bytes, where they are not plain, and where each ends.
    encoded: Option<(Vec<u8>, Vec<usize>)>,
    /// The row of the first of them.
    first: usize,
}

impl<'r> Encoder<'r> {
    /// # Errors
    ///
    /// The first value of a column that is none of its type, or out of its range.
    pub(super) fn new(rows: &'r PackedPart, types: &[CopyType]) -> Result<Encoder<'r>> {
        let fields = i16::try_from(types.len()).map_err(|_| Error::internal("copy.fields"))?.to_be_bytes();
        if rows.width() != types.len() {
            return Err(Error::internal("copy.width"));
        }
        let mut columns = Vec::with_capacity(types.len());
        for (place, (values, to)) in rows.columns().iter().zip(types).enumerate() {
            let column = Column::new(values, *to, rows.range()).map_err(|(row, error)| {
                let bind = Bind { value: values.cell(row).to_value(), sql_type: values.sql_type() };
                let number = (row - rows.range().start) * types.len() + place + 1;
                refuse(&error, number, &bind, Dialect::Postgres)
            })?;
            columns.push(column);
        }
        Ok(Encoder { columns, rows: rows.range(), fields, begun: false, ended: false })
    }

    /// Puts the next bytes in place of those that are there; false when there are none.
    pub(super) fn encode_some(&mut self, out: &mut Vec<u8>) -> bool {
        out.clear();
        if self.ended {
            return false;
        }
        out.reserve(PIECE + 1024);
        if !std::mem::replace(&mut self.begun, true) {
            out.extend_from_slice(HEADER);
        }
        while out.len() < PIECE {
            let Some(row) = self.rows.next() else {
                out.extend_from_slice(&END);
                self.ended = true;
                break;
            };
            out.extend_from_slice(&self.fields);
            self.columns.iter().for_each(|column| column.write(row, out));
        }
        true
    }
}

impl<'r> Column<'r> {
    fn new(values: &'r PackedColumn, to: CopyType, rows: Range<usize>) -> Result<Column<'r>, (usize, Unsendable)> {
        let out_of_range = |row: usize| Err((rows.start + row, Unsendable::OutOfRange));
        let mut encoded = None;
        match to {
            _ if !values.has_values() => {}
            CopyType::Int2 | CopyType::Int4 | CopyType::Int8 if let Some(values) = values.ints(rows.clone()) => {
                let fits = match to {
                    CopyType::Int2 => |it: &i64| i16::try_from(*it).is_ok(),
                    CopyType::Int4 => |it: &i64| i32::try_from(*it).is_ok(),
                    _ => |_: &i64| true,
                };
                if let Some(row) = values.iter().position(|it| !fits(it)) {
                    return out_of_range(row);
                }
            }
            CopyType::Float4 | CopyType::Float8 if let Some(values) = values.floats(rows.clone()) => {
                if to == CopyType::Float4
                    && let Some(row) = values.iter().position(|it| {
                        let narrow = narrow(*it);
                        (narrow.is_infinite() && it.is_finite()) || (narrow == 0.0 && *it != 0.0)
                    })
                {
                    return out_of_range(row);
                }
            }
            CopyType::Text if let Some(text) = values.texts(rows.clone()) => {
                let refused = |row: &usize| match values.cell(*row) {
                    PackedCell::Text(it) => it.contains('\0') || i32::try_from(it.len()).is_err(),
                    _ => false,
                };
                // One look at all of them.
                if (text.as_bytes().contains(&0) || i32::try_from(text.len()).is_err())
                    && let Some(row) = rows.clone().find(refused)
                {
                    let long = matches!(values.cell(row), PackedCell::Text(it) if !it.contains('\0'));
                    return Err((row, if long { Unsendable::OutOfRange } else { Unsendable::Nul }));
                }
            }
            CopyType::Bool if values.sql_type() == SqlType::Bool => {}
            _ => encoded = Some(all_encoded(values, to, rows.clone())?),
        }
        Ok(Column { to, values, encoded, first: rows.start })
    }

    #[inline]
    fn write(&self, row: usize, out: &mut Vec<u8>) {
        if let Some((bytes, ends)) = &self.encoded {
            let place = row - self.first;
            let from = place.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
            let value = ends.get(place).and_then(|end| bytes.get(from..*end)).unwrap_or_default();
            return out.extend_from_slice(value);
        }
        #[expect(clippy::cast_possible_truncation, reason = "all values were compared with the range before")]
        match (self.values.cell(row), self.to) {
            (PackedCell::Int(it), CopyType::Int2) => sized(&(it as i16).to_be_bytes(), out),
            (PackedCell::Int(it), CopyType::Int4) => sized(&(it as i32).to_be_bytes(), out),
            (PackedCell::Int(it), _) => sized(&it.to_be_bytes(), out),
            (PackedCell::Float(it), CopyType::Float4) => sized(&narrow(it).to_be_bytes(), out),
            (PackedCell::Float(it), _) => sized(&it.to_be_bytes(), out),
            (PackedCell::Bool(it), _) => sized(&[u8::from(it)], out),
            (PackedCell::Text(it), _) => sized(it.as_bytes(), out),
            (PackedCell::Null | PackedCell::Other(_), _) => out.extend_from_slice(&NULL),
        }
    }
}

fn sized(bytes: &[u8], out: &mut Vec<u8>) {
    // INVARIANT: longer ones were refused.
    out.extend_from_slice(&i32::try_from(bytes.len()).unwrap_or(-1).to_be_bytes());
    out.extend_from_slice(bytes);
}

#[expect(clippy::cast_possible_truncation, reason = "what the column holds; what it can't hold is refused")]
fn narrow(it: f64) -> f32 {
    it as f32
}

/// The values with their lengths, and where each ends.
fn all_encoded(
    values: &PackedColumn,
    to: CopyType,
    rows: Range<usize>,
) -> Result<(Vec<u8>, Vec<usize>), (usize, Unsendable)> {
    let sql_type = match to {
        CopyType::Bool => SqlType::Bool,
        CopyType::Int2 | CopyType::Int4 | CopyType::Int8 => SqlType::Int64,
        CopyType::Float4 | CopyType::Float8 => SqlType::Float64,
        CopyType::Numeric => SqlType::Decimal(None),
        CopyType::Text => SqlType::Text,
        CopyType::Bytes => SqlType::Bytes,
        CopyType::Date => SqlType::Date,
        CopyType::Time => SqlType::Time,
        CopyType::Timestamp => SqlType::Timestamp,
        CopyType::TimestampTz => SqlType::TimestampTz,
        CopyType::Interval => SqlType::Interval,
        CopyType::Uuid => SqlType::Uuid,
        CopyType::Jsonb => SqlType::Json,
    };
    let sized_alike = !matches!(to, CopyType::Int2 | CopyType::Int4 | CopyType::Float4);
    let mut out = Vec::with_capacity(rows.len() * 16);
    let mut ends = Vec::with_capacity(rows.len());
    for row in rows {
        let start = out.len();
        out.extend_from_slice(&NULL);
        let made;
        let value: &Value = match values.cell(row) {
            PackedCell::Other(value) => value,
            cell => {
                made = cell.to_value();
                &made
            }
        };
        if !value.is_null() {
            if !sized_alike {
                return Err((row, Unsendable::Mismatch));
            }
            let length = write(value, sql_type, &mut out)
                .and_then(|()| i32::try_from(out.len() - start - 4).map_err(|_| Unsendable::OutOfRange));
            let length = length.map_err(|error| (row, error))?;
            if let Some(place) = out.get_mut(start..start + 4) {
                place.copy_from_slice(&length.to_be_bytes());
            }
        }
        ends.push(out.len());
    }
    Ok((out, ends))
}
