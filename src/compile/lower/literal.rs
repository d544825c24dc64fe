//! Values as text, for the one place where a statement can't bind them: what a database keeps of a table.
//!
//! A closed list: each kind of value has one form on each database, made of signs that end nothing. What has no form that reads back
//! as exactly the same value is refused. `verify` knows the same forms and looks at each again.

use std::fmt::Write as _;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::value::Value;

/// A piece of a value's text.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    /// Words and brackets of our own.
    Fixed(&'static str),
    /// A number, or a text in quotes: what `verify` looks at.
    Literal(String),
}

/// The value as text for `dialect`.
///
/// # Errors
///
/// [`ErrorKind::Encode`] for what the text would not read back exactly: NUL in text, NaN and infinities, doubles and decimals of more
/// digits than SQLite reads, years before 1 and after 9999.
pub(super) fn pieces(value: &Value, dialect: Dialect) -> Result<Vec<Piece>> {
    let sqlite = dialect == Dialect::Sqlite;
    let mysql = dialect.is_mysql_family();
    let quoted = |text: String, word: &'static str| {
        let mut pieces = Vec::new();
        if mysql && !word.is_empty() {
            pieces.push(Piece::Fixed(word));
        }
        pieces.push(Piece::Literal(format!("'{text}'")));
        Ok(pieces)
    };
    match value {
        Value::Null => Ok(vec![Piece::Fixed("NULL")]),
        Value::Bool(true) => Ok(vec![Piece::Fixed("TRUE")]),
        Value::Bool(false) => Ok(vec![Piece::Fixed("FALSE")]),
        Value::Int(number) => Ok(signed(number.to_string())),
        Value::UInt(number) if mysql => Ok(signed(number.to_string())),
        Value::UInt(_) => refuse("literal.range", dialect, "has no integers above 9223372036854775807"),
        Value::Float(number) => float(*number, dialect),
        Value::Decimal(number) => {
            let number = number.normalize();
            let digits = number.mantissa().unsigned_abs().to_string().len();
            // SQLite reads a number with a point as a double, of which 15 digits are sure.
            if sqlite && number.scale() > 0 && (digits > 15 || number.scale() > 22)
                || sqlite && number.scale() == 0 && i64::try_from(number.mantissa()).is_err()
            {
                return refuse("literal.digits", dialect, "keeps 15 digits of a decimal");
            }
            Ok(signed(number.to_string()))
        }
        Value::Text(text) => string(text, dialect),
        Value::Json(json) => string(&json.to_string(), dialect),
        Value::Bytes(bytes) => {
            let hex = hex(bytes);
            Ok(match dialect {
                Dialect::Postgres => vec![
                    Piece::Fixed("decode("),
                    Piece::Literal(format!("'{hex}'")),
                    Piece::Fixed(", "),
                    Piece::Literal("'hex'".to_owned()),
                    Piece::Fixed(")"),
                ],
                _ => vec![Piece::Literal(format!("X'{hex}'"))],
            })
        }
        Value::Date(day) => quoted(date(*day, dialect)?, "DATE "),
        Value::Time(moment) => quoted(time(*moment, dialect)?, "TIME "),
        Value::Timestamp(moment) => quoted(timestamp(*moment, dialect)?, "TIMESTAMP "),
        Value::TimestampTz(moment) => {
            let mut text = timestamp(moment.naive_utc(), dialect)?;
            if dialect == Dialect::Postgres {
                text.push_str("+00");
            }
            quoted(text, "TIMESTAMP ")
        }
        Value::Interval(_) if mysql => refuse("literal.interval", dialect, "has no intervals"),
        Value::Interval(span) => quoted(span.to_string(), ""),
        Value::Uuid(uuid) => quoted(uuid.hyphenated().to_string(), ""),
        Value::Array(items) if dialect == Dialect::Postgres => {
            let mut pieces = vec![Piece::Fixed("ARRAY[")];
            for (place, item) in items.iter().enumerate() {
                if let Value::Array(_) = item {
                    return refuse("literal.array", dialect, "takes no arrays of arrays here");
                }
                pieces.extend((place > 0).then_some(Piece::Fixed(", ")));
                pieces.extend(self::pieces(item, dialect)?);
            }
            pieces.push(Piece::Fixed("]"));
            Ok(pieces)
        }
        Value::Array(_) => refuse("literal.array", dialect, "has no arrays"),
    }
}

fn refuse<T>(code: &'static str, dialect: Dialect, why: &str) -> Result<T> {
    let message = format!(
        "{dialect} {why}, so the value can't be written exactly into a default, a check or another expression of a table; use another value"
    );
    Err(Error::new(ErrorKind::Encode, code, message))
}

/// A number, its sign in parentheses so that it touches no other.
fn signed(number: String) -> Vec<Piece> {
    if number.starts_with('-') {
        vec![Piece::Fixed("("), Piece::Literal(number), Piece::Fixed(")")]
    } else {
        vec![Piece::Literal(number)]
    }
}

fn float(number: f64, dialect: Dialect) -> Result<Vec<Piece>> {
    if !number.is_finite() {
        return refuse("literal.not_finite", dialect, "has no sure form of NaN and infinities");
    }
    // The shortest digits that read back as the same double.
    let text = format!("{number:e}");
    match dialect {
        // SQL: a bare number would be a numeric, which has no negative zero.
        Dialect::Postgres => Ok(vec![Piece::Literal(format!("'{text}'"))]),
        Dialect::MySql | Dialect::MariaDb => Ok(signed(text)),
        Dialect::Sqlite => {
            let (digits, exponent) = text.split_once('e').unwrap_or((text.as_str(), "0"));
            let count = digits.bytes().filter(u8::is_ascii_digit).count();
            let exponent: i32 = exponent.parse().unwrap_or(i32::MAX);
            // What is beyond these is not surely rounded once when SQLite reads it.
            if count > 15 || !(-22..=22).contains(&exponent) {
                return refuse("literal.digits", dialect, "reads 15 digits of a number surely");
            }
            Ok(signed(text))
        }
    }
}

/// Signs that stand for themselves between quotes on every database, whatever its modes.
pub(super) fn is_plain(character: char) -> bool {
    matches!(character, ' '..='~') && character != '\'' && character != '\\'
}

fn string(text: &str, dialect: Dialect) -> Result<Vec<Piece>> {
    if text.contains('\0') {
        return refuse("literal.nul", dialect, "ends a text at the character U+0000");
    }
    if text.chars().all(is_plain) {
        return Ok(vec![Piece::Literal(format!("'{text}'"))]);
    }
    Ok(match dialect {
        Dialect::Postgres => {
            // SQL: PostgreSQL manual, 4.1.2.2: escapes in `E'..'` hold whatever `standard_conforming_strings` says.
            let mut escaped = String::from("E'");
            for character in text.chars() {
                let code = u32::from(character);
                let _ = match character {
                    plain if is_plain(plain) => escaped.write_char(plain),
                    _ if code <= 0xffff => write!(escaped, "\\u{code:04x}"),
                    _ => write!(escaped, "\\U{code:08x}"),
                };
            }
            escaped.push('\'');
            vec![Piece::Literal(escaped)]
        }
        // SQL: hexadecimal digits hold whatever NO_BACKSLASH_ESCAPES and the connection's character set say. In CONVERT they stay
        // digits in what the server keeps; `_utf8mb4 X'..'` MariaDB 10.11 keeps as text in quotes, of which it escapes none.
        Dialect::MySql | Dialect::MariaDb => vec![
            Piece::Fixed("CONVERT("),
            Piece::Literal(format!("X'{}'", hex(text.as_bytes()))),
            Piece::Fixed(" USING utf8mb4)"),
        ],
        // SQL: SQLite, "SQL As Understood By SQLite": a quote is doubled, and no other sign means anything.
        Dialect::Sqlite => vec![Piece::Literal(format!("'{}'", text.replace('\'', "''")))],
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn date(date: NaiveDate, dialect: Dialect) -> Result<String> {
    if !(1..=9999).contains(&date.year()) {
        return refuse("literal.range", dialect, "takes years from 1 to 9999 here");
    }
    Ok(date.format("%Y-%m-%d").to_string())
}

/// Microseconds, and none where there are none, as SQLite's texts are compared letter by letter.
fn time(time: NaiveTime, dialect: Dialect) -> Result<String> {
    let form = match time.nanosecond() {
        0..1_000 => "%H:%M:%S",
        1_000..1_000_000_000 => "%H:%M:%S%.6f",
        _ => return refuse("literal.range", dialect, "has no leap seconds"),
    };
    Ok(time.format(form).to_string())
}

fn timestamp(moment: NaiveDateTime, dialect: Dialect) -> Result<String> {
    Ok(format!("{} {}", date(moment.date(), dialect)?, time(moment.time(), dialect)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::compile::verify::is_literal;

    const ALL: [Dialect; 4] = [Dialect::Postgres, Dialect::MySql, Dialect::MariaDb, Dialect::Sqlite];

    fn shown(value: &Value, dialect: Dialect) -> String {
        let pieces = pieces(value, dialect).unwrap();
        let text = pieces.iter().map(|piece| match piece {
            Piece::Fixed(text) => *text,
            Piece::Literal(text) => text,
        });
        text.collect()
    }

    #[test]
    fn each_value_has_its_form() {
        let text = |text: &str| Value::Text(text.to_owned());
        let day = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
        for (value, postgres, mysql, sqlite) in [
            (Value::Null, "NULL", "NULL", "NULL"),
            (Value::Bool(true), "TRUE", "TRUE", "TRUE"),
            (Value::Int(7), "7", "7", "7"),
            (Value::Int(i64::MIN), "(-9223372036854775808)", "(-9223372036854775808)", "(-9223372036854775808)"),
            (Value::Float(0.5), "'5e-1'", "5e-1", "5e-1"),
            (Value::Float(-0.0), "'-0e0'", "(-0e0)", "(-0e0)"),
            (Value::Decimal("12.50".parse().unwrap()), "12.5", "12.5", "12.5"),
            (text(""), "''", "''", "''"),
            (text("it's"), "E'it\\u0027s'", "CONVERT(X'69742773' USING utf8mb4)", "'it''s'"),
            (text("a\\'; --"), "E'a\\u005c\\u0027; --'", "CONVERT(X'615c273b202d2d' USING utf8mb4)", "'a\\''; --'"),
            (text("é"), "E'\\u00e9'", "CONVERT(X'c3a9' USING utf8mb4)", "'é'"),
            (text("😀"), "E'\\U0001f600'", "CONVERT(X'f09f9880' USING utf8mb4)", "'😀'"),
            (Value::Bytes(vec![0, 39, 255]), "decode('0027ff', 'hex')", "X'0027ff'", "X'0027ff'"),
            (Value::Date(day), "'2024-02-29'", "DATE '2024-02-29'", "'2024-02-29'"),
        ] {
            assert_eq!(shown(&value, Dialect::Postgres), postgres);
            assert_eq!(shown(&value, Dialect::MySql), mysql);
            assert_eq!(shown(&value, Dialect::MariaDb), mysql);
            assert_eq!(shown(&value, Dialect::Sqlite), sqlite);
        }
    }

    #[test]
    fn what_would_not_read_back_is_refused() {
        let float = Value::Float(0.1 + 0.2);
        let year = Value::Date(NaiveDate::from_ymd_opt(12_000, 1, 1).unwrap());
        for (value, dialects, code) in [
            (Value::Text("a\0b".to_owned()), &ALL[..], "literal.nul"),
            (Value::Float(f64::NAN), &ALL, "literal.not_finite"),
            (Value::Float(f64::INFINITY), &ALL, "literal.not_finite"),
            (year, &ALL, "literal.range"),
            (float.clone(), &[Dialect::Sqlite], "literal.digits"),
            (Value::Float(1e300), &[Dialect::Sqlite], "literal.digits"),
            (Value::Decimal("0.1234567890123456".parse().unwrap()), &[Dialect::Sqlite], "literal.digits"),
            (Value::UInt(u64::MAX), &[Dialect::Sqlite, Dialect::Postgres], "literal.range"),
            (Value::Array(vec![]), &[Dialect::Sqlite, Dialect::MySql], "literal.array"),
        ] {
            for dialect in dialects {
                let error = pieces(&value, *dialect).unwrap_err();
                assert_eq!((error.kind(), error.code()), (ErrorKind::Encode, code), "{dialect}");
            }
        }
        for dialect in [Dialect::Postgres, Dialect::MySql, Dialect::MariaDb] {
            pieces(&float, dialect).unwrap();
        }
    }

    proptest! {
        #[test]
        fn every_text_is_one_literal_or_refused(text in "(['\\\\\"`;\\-/*\\n\\r\\x00\\u{1}a-z%_$é😀\u{2019}\u{2bc}]|\\PC){0,40}") {
            for dialect in ALL {
                match pieces(&Value::Text(text.clone()), dialect) {
                    Err(error) => prop_assert!(text.contains('\0') && error.code() == "literal.nul"),
                    Ok(pieces) => {
                        let literals: Vec<_> = pieces.iter().filter_map(|piece| match piece {
                            Piece::Literal(text) => Some(text),
                            Piece::Fixed(_) => None,
                        }).collect();
                        prop_assert_eq!(literals.len(), 1);
                        prop_assert!(is_literal(literals[0], dialect), "{}: {}", dialect, literals[0]);
                    }
                }
            }
        }
    }
}
