//! Text beyond ASCII, and what SQLite has no function for. SQLite's own `length` and `substr` stop at U+0000.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use md5::Md5;
use rusqlite::functions::Context;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Result};
use sha2::{Digest, Sha256};

use super::{int_at, scalar, text_at};
use crate::expr::{CAPITALS, SMALL, separates};

type Output = ToSqlOutput<'static>;
type OfText = (&'static str, fn(&str) -> Value);
type OfOctets = (&'static str, fn(&[u8]) -> String);

pub(super) fn register(connection: &Connection) -> Result<()> {
    let texts: [OfText; 4] = [
        ("portcullis_upper", |text| Value::Text(text.chars().map(|letter| CAPITALS.map(letter)).collect())),
        ("portcullis_lower", |text| Value::Text(text.chars().map(|letter| SMALL.map(letter)).collect())),
        ("portcullis_initcap", |text| Value::Text(initcap(text))),
        ("portcullis_reverse", |text| Value::Text(text.chars().rev().collect())),
    ];
    let numbers: [OfText; 2] = [
        ("portcullis_length", |text| Value::Integer(count(text))),
        ("portcullis_octet_length", |text| Value::Integer(text.len() as i64)),
    ];
    for (name, body) in texts.into_iter().chain(numbers) {
        scalar(connection, name, 1, move |context| Ok(given(text_at(context, 0)?.map(body))))?;
    }
    let octets: [OfOctets; 4] = [
        ("portcullis_md5", |octets| hex(&Md5::digest(octets))),
        ("portcullis_sha256", |octets| hex(&Sha256::digest(octets))),
        ("portcullis_hex", hex),
        ("portcullis_base64", |octets| STANDARD.encode(octets)),
    ];
    for (name, body) in octets {
        scalar(connection, name, 1, move |context| {
            Ok(given(octets_at(context).map(|octets| Value::Text(body(octets)))))
        })?;
    }
    scalar(connection, "portcullis_from_base64", 1, |context| {
        Ok(given(text_at(context, 0)?.and_then(|text| LENIENT.decode(text).ok()).map(Value::Blob)))
    })?;
    counting(connection)?;
    scalar(connection, "portcullis_translate", 3, |context| {
        let operands = text_at(context, 0)?.zip(text_at(context, 1)?).zip(text_at(context, 2)?);
        Ok(given(operands.map(|((text, from), to)| Value::Text(translate(text, from, to)))))
    })?;
    scalar(connection, "portcullis_ends_with", 2, |context| {
        let operands = text_at(context, 0)?.zip(text_at(context, 1)?);
        Ok(given(operands.map(|(text, part)| Value::Integer(text.ends_with(part).into()))))
    })?;
    scalar(connection, "portcullis_split_part", 3, |context| {
        let operands = text_at(context, 0)?.zip(text_at(context, 1)?).zip(int_at(context, 2)?);
        Ok(given(operands.map(|((text, separator), part)| {
            let part = usize::try_from(part - 1).unwrap_or(usize::MAX);
            Value::Text(text.split(separator).nth(part).unwrap_or_default().to_owned())
        })))
    })
}

/// The bits that the last character leaves over need not be zero, as on the servers.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Functions that count characters.
fn counting(connection: &Connection) -> Result<()> {
    scalar(connection, "portcullis_substring", 2, |context| {
        let operands = text_at(context, 0)?.zip(int_at(context, 1)?);
        Ok(given(operands.map(|(text, start)| part(text, start, i64::MAX))))
    })?;
    scalar(connection, "portcullis_substring", 3, |context| {
        let operands = text_at(context, 0)?.zip(int_at(context, 1)?).zip(int_at(context, 2)?);
        Ok(given(operands.map(|((text, start), length)| part(text, start, start.saturating_add(length.max(0))))))
    })?;
    scalar(connection, "portcullis_left", 2, |context| {
        let operands = text_at(context, 0)?.zip(int_at(context, 1)?);
        Ok(given(operands.map(|(text, length)| part(text, 1, length.saturating_add(1)))))
    })?;
    scalar(connection, "portcullis_right", 2, |context| {
        let operands = text_at(context, 0)?.zip(int_at(context, 1)?);
        Ok(given(
            operands.map(|(text, length)| {
                part(text, count(text).saturating_sub(length.max(0)).saturating_add(1), i64::MAX)
            }),
        ))
    })?;
    for (name, left) in [("portcullis_lpad", true), ("portcullis_rpad", false)] {
        scalar(connection, name, 3, move |context| {
            let operands = text_at(context, 0)?.zip(int_at(context, 1)?).zip(text_at(context, 2)?);
            Ok(given(operands.map(|((text, width), fill)| Value::Text(padded(text, width, fill, left)))))
        })?;
    }
    scalar(connection, "portcullis_repeat", 2, |context| {
        let operands = text_at(context, 0)?.zip(int_at(context, 1)?);
        let Some((text, times)) = operands else { return Ok(given(None)) };
        let times = usize::try_from(times).unwrap_or(0);
        if text.len().checked_mul(times).is_none_or(|length| length > 1_000_000_000) {
            return Err(rusqlite::Error::UserFunctionError("the text is too long".into()));
        }
        Ok(given(Some(Value::Text(text.repeat(times)))))
    })
}

fn given(value: Option<Value>) -> Output {
    ToSqlOutput::Owned(value.unwrap_or(Value::Null))
}

fn octets_at<'a>(context: &'a Context<'_>) -> Option<&'a [u8]> {
    match context.get_raw(0) {
        ValueRef::Text(octets) | ValueRef::Blob(octets) => Some(octets),
        _ => None,
    }
}

fn hex(octets: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
    octets.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]).collect()
}

fn count(text: &str) -> i64 {
    text.chars().count() as i64
}

/// The characters from `start` on and before `end`, counted from 1.
fn part(text: &str, start: i64, end: i64) -> Value {
    let from = usize::try_from(start.max(1) - 1).unwrap_or(usize::MAX);
    let to = usize::try_from(end.saturating_sub(1)).unwrap_or(0);
    Value::Text(text.chars().take(to).skip(from).collect())
}

fn padded(text: &str, width: i64, fill: &str, left: bool) -> String {
    let width = usize::try_from(width).unwrap_or(0);
    let missing = width.saturating_sub(text.chars().count());
    let fill = fill.chars().cycle().take(missing);
    let text = text.chars().take(width);
    if left { fill.chain(text).collect() } else { text.chain(fill).collect() }
}

fn translate(text: &str, from: &str, to: &str) -> String {
    let one = |character: char| match from.chars().position(|known| known == character) {
        Some(place) => to.chars().nth(place),
        None => Some(character),
    };
    text.chars().filter_map(one).collect()
}

fn initcap(text: &str) -> String {
    let mut inside = false;
    let one = |letter: char| {
        let first = !std::mem::replace(&mut inside, !separates(letter));
        if first { CAPITALS.map(letter) } else { SMALL.map(letter) }
    };
    text.chars().map(one).collect()
}
