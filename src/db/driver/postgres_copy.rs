//! Rows in the binary format of COPY (PostgreSQL manual, COPY, "Binary Format"): a signature, for each row the number of its fields, for each
//! field its length and value, and an end.

use super::postgres_bind::write;
use super::sqlx_bind::{Unsendable, refuse};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::query::CopyType;
use crate::types::SqlType;
use crate::value::{Bind, Value};

/// The signature, no flags and no extension.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const END: [u8; 2] = (-1_i16).to_be_bytes();

/// The binds, row by row, as values of these types; the first that is none, or is out of range, is an error.
pub(super) fn encoded(binds: &[Bind], types: &[CopyType]) -> Result<Vec<u8>> {
    let fields = i16::try_from(types.len()).map_err(|_| Error::internal("copy.fields"))?.to_be_bytes();
    let mut out = Vec::with_capacity(HEADER.len() + binds.len().saturating_mul(14));
    out.extend_from_slice(HEADER);
    for (row, values) in binds.chunks(types.len().max(1)).enumerate() {
        out.extend_from_slice(&fields);
        for (column, (bind, to)) in values.iter().zip(types).enumerate() {
            if bind.value.is_null() {
                out.extend_from_slice(&(-1_i32).to_be_bytes());
                continue;
            }
            let start = out.len();
            out.extend_from_slice(&[0; 4]);
            let length = value(&bind.value, *to, &mut out)
                .and_then(|()| i32::try_from(out.len() - start - 4).map_err(|_| Unsendable::OutOfRange));
            let length =
                length.map_err(|error| refuse(&error, row * types.len() + column + 1, bind, Dialect::Postgres))?;
            if let Some(place) = out.get_mut(start..start + 4) {
                place.copy_from_slice(&length.to_be_bytes());
            }
        }
    }
    out.extend_from_slice(&END);
    Ok(out)
}

fn value(value: &Value, to: CopyType, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let sql_type = match (to, value) {
        (CopyType::Int2, Value::Int(it)) => {
            out.extend_from_slice(&i16::try_from(*it).map_err(|_| Unsendable::OutOfRange)?.to_be_bytes());
            return Ok(());
        }
        (CopyType::Int4, Value::Int(it)) => {
            out.extend_from_slice(&i32::try_from(*it).map_err(|_| Unsendable::OutOfRange)?.to_be_bytes());
            return Ok(());
        }
        (CopyType::Float4, Value::Float(it)) => {
            #[expect(clippy::cast_possible_truncation, reason = "what the column holds; what it can't hold is refused")]
            let narrow = *it as f32;
            if (narrow.is_infinite() && it.is_finite()) || (narrow == 0.0 && *it != 0.0) {
                return Err(Unsendable::OutOfRange);
            }
            out.extend_from_slice(&narrow.to_be_bytes());
            return Ok(());
        }
        (CopyType::Bool, _) => SqlType::Bool,
        (CopyType::Int8, _) => SqlType::Int64,
        (CopyType::Float8, _) => SqlType::Float64,
        (CopyType::Numeric, _) => SqlType::Decimal(None),
        (CopyType::Text, _) => SqlType::Text,
        (CopyType::Bytes, _) => SqlType::Bytes,
        (CopyType::Date, _) => SqlType::Date,
        (CopyType::Time, _) => SqlType::Time,
        (CopyType::Timestamp, _) => SqlType::Timestamp,
        (CopyType::TimestampTz, _) => SqlType::TimestampTz,
        (CopyType::Interval, _) => SqlType::Interval,
        (CopyType::Uuid, _) => SqlType::Uuid,
        (CopyType::Jsonb, _) => SqlType::Json,
        (CopyType::Int2 | CopyType::Int4 | CopyType::Float4, _) => return Err(Unsendable::Mismatch),
    };
    write(value, sql_type, out)
}
