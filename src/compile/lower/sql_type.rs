//! What each type is called where a table is made: the type in which values come back as they went in.

use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::ident::Ident;
use crate::types::SqlType;

/// The longest text, in characters, and the longest bytes that MySQL and MariaDB take in a key: 3072 bytes.
const MAX_KEY_TEXT: u32 = 768;
const MAX_KEY_BYTES: u32 = 3_072;

/// A column's type, as far as its name depends on it.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'c> {
    pub(super) name: &'c Ident,
    pub(super) sql_type: SqlType,
    pub(super) max_length: Option<u32>,
    /// Part of a key or an index.
    pub(super) keyed: bool,
}

/// The type's name in `dialect`.
///
/// # Errors
///
/// [`ErrorKind::Unsupported`] where the database has no type that holds every value exactly.
pub(super) fn name_of(wanted: Wanted<'_>, dialect: Dialect, collation: Option<&str>) -> Result<String> {
    match dialect {
        Dialect::Postgres => postgres(wanted),
        Dialect::MySql | Dialect::MariaDb => mysql(wanted, dialect, collation.unwrap_or("utf8mb4_bin")),
        Dialect::Sqlite => sqlite(wanted),
    }
}

fn unsupported<T>(wanted: Wanted<'_>, dialect: Dialect, instead: &str) -> Result<T> {
    let message =
        format!("{dialect} has no type for the column {:?}, which is {}; {instead}", wanted.name, wanted.sql_type);
    Err(Error::new(ErrorKind::Unsupported, "table.type", message).with_column(wanted.name.as_str()))
}

// SQL: PostgreSQL manual, chapter 8. Under the collation "C" text is compared by code point.
fn postgres(wanted: Wanted<'_>) -> Result<String> {
    Ok(match (wanted.sql_type, wanted.max_length) {
        (SqlType::UInt64, _) => {
            return unsupported(wanted, Dialect::Postgres, "use `SqlType::Int64`, or a decimal of 20 digits");
        }
        (SqlType::Decimal(Some((precision, scale))), _) => format!("numeric({precision}, {scale})"),
        (SqlType::Text, None) => "text COLLATE \"C\"".to_owned(),
        (SqlType::Text, Some(length)) => format!("varchar({length}) COLLATE \"C\""),
        (sql_type, _) => match super::placeholder_type(sql_type) {
            Some(name) => name.to_owned(),
            None => return unsupported(wanted, Dialect::Postgres, "use an array of one dimension"),
        },
    })
}

// SQL: MySQL manual, chapter 13; MariaDB manual, "Data Types". Moments keep microseconds only where that is said.
fn mysql(wanted: Wanted<'_>, dialect: Dialect, collation: &str) -> Result<String> {
    let text = |name: &str| format!("{name} CHARACTER SET utf8mb4 COLLATE {collation}");
    let most = if wanted.sql_type == SqlType::Text { MAX_KEY_TEXT } else { MAX_KEY_BYTES };
    let sized = matches!(wanted.sql_type, SqlType::Text | SqlType::Bytes);
    if sized && wanted.keyed && wanted.max_length.is_none_or(|length| length > most) {
        let message = format!(
            "{dialect} takes the column {:?} into a key only with a length; write `.max_length(..)` of at most {most}",
            wanted.name
        );
        let error = Error::new(ErrorKind::Unsupported, "table.key_length", message);
        return Err(error.with_column(wanted.name.as_str()));
    }
    Ok(match (wanted.sql_type, wanted.max_length) {
        (SqlType::Bool, _) => "BOOLEAN".to_owned(),
        (SqlType::Int16, _) => "SMALLINT".to_owned(),
        (SqlType::Int32, _) => "INT".to_owned(),
        (SqlType::Int64, _) => "BIGINT".to_owned(),
        (SqlType::UInt64, _) => "BIGINT UNSIGNED".to_owned(),
        (SqlType::Float32, _) => "FLOAT".to_owned(),
        (SqlType::Float64, _) => "DOUBLE".to_owned(),
        // As many digits as any value of this crate needs, before and after the point.
        (SqlType::Decimal(None), _) => "DECIMAL(57, 28)".to_owned(),
        (SqlType::Decimal(Some((precision, scale))), _) => format!("DECIMAL({precision}, {scale})"),
        (SqlType::Text, None) => text("LONGTEXT"),
        (SqlType::Text, Some(length)) => text(&format!("VARCHAR({length})")),
        (SqlType::Bytes, None) => "LONGBLOB".to_owned(),
        (SqlType::Bytes, Some(length)) => format!("VARBINARY({length})"),
        (SqlType::Date, _) => "DATE".to_owned(),
        (SqlType::Time, _) => "TIME(6)".to_owned(),
        (SqlType::Timestamp, _) => "DATETIME(6)".to_owned(),
        (SqlType::TimestampTz, _) => "TIMESTAMP(6)".to_owned(),
        (SqlType::Json, _) => "JSON".to_owned(),
        (SqlType::Uuid, _) if dialect == Dialect::MariaDb => "UUID".to_owned(),
        (SqlType::Uuid, _) => {
            return unsupported(wanted, dialect, "use `SqlType::Text` with `.max_length(36)`");
        }
        (SqlType::Interval, _) => return unsupported(wanted, dialect, "use `SqlType::Text`, or a number of seconds"),
        (SqlType::Array(_), _) => return unsupported(wanted, dialect, "use `SqlType::Json`, or a table of its own"),
    })
}

// SQL: SQLite, "Datatypes In SQLite" 3.1: the name decides the affinity, and this crate's decoder reads the type from it. `INTEGER`
// as a primary key would be the row's id, which an insert may leave out; `JSON` would turn `1.50` into a number.
fn sqlite(wanted: Wanted<'_>) -> Result<String> {
    Ok(match (wanted.sql_type, wanted.max_length) {
        (SqlType::Bool, _) => "BOOLEAN".to_owned(),
        (SqlType::Int16, _) => "SMALLINT".to_owned(),
        (SqlType::Int32, _) => "INT".to_owned(),
        (SqlType::Int64, _) => "BIGINT".to_owned(),
        (SqlType::Float32 | SqlType::Float64, _) => "DOUBLE".to_owned(),
        (SqlType::Decimal(None), _) => "NUMERIC".to_owned(),
        (SqlType::Decimal(Some((precision, scale))), _) => format!("DECIMAL({precision}, {scale})"),
        (SqlType::Text, None) => "TEXT".to_owned(),
        (SqlType::Text, Some(length)) => format!("VARCHAR({length})"),
        (SqlType::Bytes, _) => "BLOB".to_owned(),
        (SqlType::Date, _) => "DATE".to_owned(),
        (SqlType::Time, _) => "TIME".to_owned(),
        (SqlType::Timestamp, _) => "TIMESTAMP".to_owned(),
        (SqlType::TimestampTz, _) => "TIMESTAMPTZ".to_owned(),
        (SqlType::Interval, _) => "INTERVAL".to_owned(),
        (SqlType::Uuid, _) => "UUID".to_owned(),
        (SqlType::Json, _) => "JSON TEXT".to_owned(),
        (SqlType::UInt64, _) => return unsupported(wanted, Dialect::Sqlite, "use `SqlType::Int64`"),
        (SqlType::Array(_), _) => return unsupported(wanted, Dialect::Sqlite, "use `SqlType::Json`"),
    })
}
