//! Whether two texts of a database say the same value: as far as that can be told, which is said.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::table_text::closing;
use crate::dialect::Dialect;
use crate::token::{Kind, Token, Tokens};
use crate::types::SqlType;
use crate::value::Value;

/// What two texts are to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    Same,
    Other,
    /// They differ, and may mean the same.
    Unknown,
}

/// Whether `found`, as the database tells it, is `wanted`, as this crate writes it, for a column of type `sql_type`.
pub(super) fn compare(wanted: &str, found: &str, dialect: Dialect, sql_type: Option<SqlType>) -> Likeness {
    let (wanted, found) = (tokens(wanted, dialect), tokens(found, dialect));
    if alike(&wanted, &found) {
        return Likeness::Same;
    }
    let literals = literal(&wanted, dialect).zip(literal(&found, dialect));
    match literals.and_then(|(wanted, found)| same(&wanted, &found, sql_type?)) {
        Some(true) => Likeness::Same,
        Some(false) => Likeness::Other,
        // SQLite keeps what was written.
        None if dialect == Dialect::Sqlite => Likeness::Other,
        None => Likeness::Unknown,
    }
}

/// The value of type `sql_type` that `text` is, as the database tells it, if it is one and nothing else.
pub(super) fn value(text: &str, dialect: Dialect, sql_type: SqlType) -> Option<Value> {
    let literal = literal(&tokens(text, dialect), dialect)?;
    let text = match (&literal, sql_type) {
        (Literal::Null, _) => return Some(Value::Null),
        (Literal::Bytes(bytes), SqlType::Bytes) => return Some(Value::Bytes(bytes.clone())),
        (Literal::Text(text), SqlType::Text) => return Some(Value::Text(text.clone())),
        (Literal::Bool(value), SqlType::Bool) => return Some(Value::Bool(*value)),
        (_, SqlType::Text | SqlType::Bytes | SqlType::Interval | SqlType::Array(_)) => return None,
        (Literal::Number(text) | Literal::Text(text), _) => text.as_str(),
        (Literal::Bool(_) | Literal::Bytes(_), _) => return None,
    };
    Some(match sql_type {
        SqlType::Bool => match text {
            "1" => Value::Bool(true),
            "0" => Value::Bool(false),
            _ => return None,
        },
        SqlType::Int16 | SqlType::Int32 | SqlType::Int64 => Value::Int(text.parse().ok()?),
        SqlType::UInt64 => text.parse().map(Value::Int).or_else(|_| text.parse().map(Value::UInt)).ok()?,
        SqlType::Decimal(_) => Value::Decimal(Decimal::from_str_exact(text).ok()?),
        SqlType::Float32 | SqlType::Float64 => Value::Float(text.parse().ok()?),
        SqlType::Date => Value::Date(text.parse().ok()?),
        SqlType::Time => Value::Time(text.parse().ok()?),
        SqlType::Timestamp => Value::Timestamp(moment(text)?),
        // Sessions of this crate are in UTC.
        SqlType::TimestampTz => Value::TimestampTz(moment(text)?.and_utc()),
        SqlType::Uuid => Value::Uuid(Uuid::parse_str(text).ok()?),
        SqlType::Json => Value::Json(serde_json::from_str(text).ok()?),
        _ => return None,
    })
}

/// The tokens without comments and outer brackets.
fn tokens(sql: &str, dialect: Dialect) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token<'_>> = Tokens::new(sql, dialect).filter(|token| token.kind != Kind::Comment).collect();
    while tokens.first().is_some_and(|first| first.is_operator("(")) && closing(&tokens, 0) + 1 == tokens.len() {
        tokens.pop();
        tokens.remove(0);
    }
    tokens
}

fn alike(these: &[Token<'_>], those: &[Token<'_>]) -> bool {
    these.len() == those.len()
        && these.iter().zip(those).all(|(one, other)| {
            let word = one.kind == Kind::Word && one.text.eq_ignore_ascii_case(other.text);
            one.kind == other.kind && (word || one.text == other.text)
        })
}

#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Bytes(Vec<u8>),
}

/// The value that the tokens are, if they are one and nothing else.
fn literal(tokens: &[Token<'_>], dialect: Dialect) -> Option<Literal> {
    let mut depth = 0_usize;
    let cast = tokens.iter().position(|token| {
        depth = match token.text {
            "(" => depth + 1,
            ")" => depth.saturating_sub(1),
            _ => depth,
        };
        depth == 0 && token.is_operator("::")
    });
    if let Some(place) = cast {
        let (value, name) = tokens.split_at_checked(place)?;
        return name.iter().all(is_of_a_type).then(|| literal(value, dialect))?;
    }
    match tokens {
        [open, inner @ .., close]
            if open.is_operator("(") && close.is_operator(")") && closing(tokens, 0) + 1 == tokens.len() =>
        {
            literal(inner, dialect)
        }
        [word] if word.is_word("NULL") => Some(Literal::Null),
        [word] if word.is_word("TRUE") => Some(Literal::Bool(true)),
        [word] if word.is_word("FALSE") => Some(Literal::Bool(false)),
        [number] if number.kind == Kind::Number && number.text.starts_with("0x") => hex(number.text.get(2..)?),
        [number] if number.kind == Kind::Number => Some(Literal::Number(number.text.to_owned())),
        [sign, number] if sign.is_operator("-") && number.kind == Kind::Number => {
            Some(Literal::Number(format!("-{}", number.text)))
        }
        // So MySQL tells a negative number.
        [sign, open, number, close]
            if sign.is_operator("-")
                && open.is_operator("(")
                && number.kind == Kind::Number
                && close.is_operator(")") =>
        {
            Some(Literal::Number(format!("-{}", number.text)))
        }
        [text] if text.kind == Kind::Text => unquoted(text.text, dialect),
        [word, text] if text.kind == Kind::Text && is_moment(word) => unquoted(text.text, dialect),
        [word, text] if text.kind == Kind::Text && dialect.is_mysql_family() && word.is_word("_utf8mb4") => {
            unquoted(text.text, dialect)
        }
        // The form in which this crate writes a text that is not plain.
        [word, open, inner, using, set, close]
            if word.is_word("CONVERT")
                && open.is_operator("(")
                && using.is_word("USING")
                && set.is_word("utf8mb4")
                && close.is_operator(")") =>
        {
            match literal(std::slice::from_ref(inner), dialect)? {
                Literal::Bytes(bytes) => String::from_utf8(bytes).ok().map(Literal::Text),
                text @ Literal::Text(_) => Some(text),
                _ => None,
            }
        }
        [word, open, rest @ ..] if word.is_word("decode") && open.is_operator("(") => {
            let comma = rest.iter().position(|token| token.is_operator(","))?;
            let (digits, form) = rest.split_at_checked(comma)?;
            let form = form.get(1..form.len().checked_sub(1)?)?;
            match (literal(digits, dialect)?, literal(form, dialect)?) {
                (Literal::Text(digits), Literal::Text(form)) if form == "hex" => hex(&digits),
                _ => None,
            }
        }
        _ => None,
    }
}

fn is_moment(word: &Token<'_>) -> bool {
    ["DATE", "TIME", "TIMESTAMP"].iter().any(|known| word.is_word(known))
}

/// Part of the name of a type after `::`, which follows nothing else.
fn is_of_a_type(token: &Token<'_>) -> bool {
    const WORDS: [&str; 30] = [
        "bigint",
        "bool",
        "boolean",
        "bpchar",
        "bytea",
        "character",
        "date",
        "double",
        "float4",
        "float8",
        "int2",
        "int4",
        "int8",
        "integer",
        "interval",
        "json",
        "jsonb",
        "numeric",
        "precision",
        "real",
        "smallint",
        "text",
        "time",
        "timestamp",
        "timestamptz",
        "uuid",
        "varchar",
        "varying",
        "with",
        "without",
    ];
    match token.kind {
        Kind::Word => token.is_word("zone") || WORDS.iter().any(|word| token.is_word(word)),
        Kind::Number => true,
        Kind::Operator => matches!(token.text, "::" | "(" | ")" | ","),
        _ => false,
    }
}

fn hex(digits: &str) -> Option<Literal> {
    let digits = digits.as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    bytes.filter(|_| digits.len().is_multiple_of(2)).map(Literal::Bytes)
}

fn unquoted(text: &str, dialect: Dialect) -> Option<Literal> {
    let prefix = text.find('\'')?;
    let inner = text.get(prefix + 1..text.len().checked_sub(1)?)?;
    match text.get(..prefix)?.to_ascii_lowercase().as_str() {
        "x" => hex(inner),
        "" if !dialect.is_mysql_family() => Some(Literal::Text(inner.replace("''", "'"))),
        "" | "_utf8mb4" => escaped(inner).map(Literal::Text),
        "e" => escaped(inner).map(Literal::Text),
        _ => None,
    }
}

/// A text with escapes by backslash; `None` for one that is not known.
fn escaped(inner: &str) -> Option<String> {
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\'' => {
                characters.next().filter(|next| *next == '\'')?;
                text.push('\'');
            }
            '\\' => text.push(match characters.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'Z' => '\u{1a}',
                plain @ ('\\' | '\'' | '"') => plain,
                sized @ ('u' | 'U') => {
                    let digits: String = characters.by_ref().take(if sized == 'u' { 4 } else { 8 }).collect();
                    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
                }
                _ => return None,
            }),
            plain => text.push(plain),
        }
    }
    Some(text)
}

/// Whether the two are one value of the type; `None` where that can't be told.
fn same(wanted: &Literal, found: &Literal, sql_type: SqlType) -> Option<bool> {
    match (wanted, found) {
        (Literal::Null, Literal::Null) => return Some(true),
        (Literal::Null, _) | (_, Literal::Null) => return Some(false),
        _ => {}
    }
    fn both<T: PartialEq>(wanted: &Literal, found: &Literal, read: impl Fn(&str) -> Option<T>) -> Option<bool> {
        let read = |literal: &Literal| match literal {
            Literal::Number(text) | Literal::Text(text) => read(text),
            _ => None,
        };
        Some(read(wanted)? == read(found)?)
    }
    match sql_type {
        SqlType::Bool => {
            let read = |literal: &Literal| match literal {
                Literal::Bool(value) => Some(*value),
                Literal::Number(text) | Literal::Text(text) => match text.as_str() {
                    "1" | "true" | "t" => Some(true),
                    "0" | "false" | "f" => Some(false),
                    _ => None,
                },
                _ => None,
            };
            Some(read(wanted)? == read(found)?)
        }
        SqlType::Int16 | SqlType::Int32 | SqlType::Int64 | SqlType::UInt64 | SqlType::Decimal(_) => {
            both(wanted, found, |text| text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(text)).ok())
        }
        SqlType::Float32 => both(wanted, found, |text| text.parse::<f32>().ok().map(f32::to_bits)),
        SqlType::Float64 => both(wanted, found, |text| text.parse::<f64>().ok().map(f64::to_bits)),
        SqlType::Bytes => {
            let read = |literal: &Literal| match literal {
                Literal::Bytes(bytes) => Some(bytes.clone()),
                // SQL: PostgreSQL manual, 8.4.1, "bytea Hex Format".
                Literal::Text(text) => match hex(text.strip_prefix("\\x")?)? {
                    Literal::Bytes(bytes) => Some(bytes),
                    _ => None,
                },
                _ => None,
            };
            Some(read(wanted)? == read(found)?)
        }
        SqlType::Text | SqlType::Interval => match (wanted, found) {
            (Literal::Text(wanted), Literal::Text(found)) if wanted == found => Some(true),
            (Literal::Text(_), Literal::Text(_)) if sql_type == SqlType::Text => Some(false),
            _ => None,
        },
        SqlType::Date => both(wanted, found, |text| text.parse::<NaiveDate>().ok()),
        SqlType::Time => both(wanted, found, |text| text.parse::<NaiveTime>().ok()),
        SqlType::Timestamp => both(wanted, found, moment),
        // Sessions of this crate are in UTC.
        SqlType::TimestampTz => both(wanted, found, |text| moment(text.strip_suffix("+00").unwrap_or(text))),
        SqlType::Uuid => both(wanted, found, |text| Uuid::parse_str(text).ok()),
        SqlType::Json => both(wanted, found, |text| serde_json::from_str::<serde_json::Value>(text).ok()),
        _ => None,
    }
}

fn moment(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_in_two_forms_is_the_same_and_another_is_not() {
        use Dialect::{MariaDb, MySql, Postgres, Sqlite};
        use Likeness::{Other, Same, Unknown};
        for (dialect, sql_type, wanted, found, like) in [
            (Postgres, SqlType::Text, "'x'", "'x'::character varying(10)", Same),
            (Postgres, SqlType::Text, "E'it\\u0027s'", "'it''s'::text", Same),
            (Postgres, SqlType::Text, "E'a\\u005cb'", "E'a\\\\b'::text", Same),
            (Postgres, SqlType::Text, "'x'", "('y'::text)", Other),
            (Postgres, SqlType::Text, "'x'", "('x'::text || 'y'::text)", Unknown),
            (Postgres, SqlType::Text, "'x'", "CURRENT_USER", Unknown),
            (Postgres, SqlType::Int64, "(-7)", "'-7'::integer", Same),
            (Postgres, SqlType::Int64, "(-7)", "(-7)::bigint", Same),
            (Postgres, SqlType::Int64, "7", "8", Other),
            (Postgres, SqlType::Int16, "(-7)::int2", "'-7'::integer", Same),
            (Postgres, SqlType::Bytes, "decode('00', 'hex')::bytea", "decode('00'::text, 'hex'::text)", Same),
            (Postgres, SqlType::Bytes, "decode('00', 'hex')", "'\\x00'::bytea", Same),
            (Postgres, SqlType::Int64, "7", "(7)::bigint + 1", Unknown),
            (Postgres, SqlType::Float64, "'5e-1'", "'0.5'::double precision", Same),
            (Postgres, SqlType::decimal(10, 2), "1.5", "1.50", Same),
            (Postgres, SqlType::Bytes, "decode('00ff', 'hex')", "decode('00ff'::text, 'hex'::text)", Same),
            (Postgres, SqlType::Bytes, "decode('00ff', 'hex')", "decode('00fe'::text, 'hex'::text)", Other),
            (
                Postgres,
                SqlType::TimestampTz,
                "'2024-02-29 10:00:00+00'",
                "'2024-02-29 10:00:00+00'::timestamp with time zone",
                Same,
            ),
            (Postgres, SqlType::Bool, "TRUE", "true", Same),
            (Postgres, SqlType::Int64, "NULL", "NULL::bigint", Same),
            (Postgres, SqlType::Int64, "NULL", "0", Other),
            (MariaDb, SqlType::Text, "CONVERT(X'6927' USING utf8mb4)", "convert(X'6927' using utf8mb4)", Same),
            (MariaDb, SqlType::Text, "CONVERT(X'6927' USING utf8mb4)", "'i\\''", Same),
            (MySql, SqlType::Text, "CONVERT(X'6927' USING utf8mb4)", "convert(0x6927 using utf8mb4)", Same),
            (MySql, SqlType::Text, "'x'", "_utf8mb4'x'", Same),
            (MySql, SqlType::Int16, "(-7)", "-(7)", Same),
            (MySql, SqlType::Int16, "(-7)", "-(8)", Other),
            (MariaDb, SqlType::Bool, "TRUE", "1", Same),
            (MariaDb, SqlType::Date, "DATE '2024-02-29'", "DATE'2024-02-29'", Same),
            (MariaDb, SqlType::Date, "DATE '2024-02-29'", "'2024-03-01'", Other),
            (Sqlite, SqlType::Int64, "7", "(7)", Same),
            (Sqlite, SqlType::Int64, "7", "random()", Other),
        ] {
            assert_eq!(compare(wanted, found, dialect, Some(sql_type)), like, "{dialect}: {wanted} and {found}");
        }
        assert_eq!(compare("\"a\" > 1", "(\"a\" > 1)", Postgres, None), Same);
        assert_eq!(compare("(\"a\") > (1)", "(\"a\") > (2)", Postgres, None), Unknown);
        assert_eq!(compare("\"a\" > 1", "\"a\" > 2", Sqlite, None), Other);
    }
}
