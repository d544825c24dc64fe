//! JSON, where SQLite has no function or reads numbers as doubles.

use std::cmp::Ordering;
use std::str::FromStr;

use rusqlite::functions::Context;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Error, Result};
use serde_json::Value as Json;

use super::{scalar, text_at};

pub(super) fn register(connection: &Connection) -> Result<()> {
    scalar(connection, "portcullis_json_length", 1, |context| {
        Ok(number(json_at(context, 0)?.and_then(|json| match json {
            Json::Array(list) => i64::try_from(list.len()).ok(),
            Json::Object(members) => i64::try_from(members.len()).ok(),
            _ => None,
        })))
    })?;
    scalar(connection, "portcullis_json_keys", 1, |context| {
        Ok(json(json_at(context, 0)?.and_then(|json| match json {
            // In the order of code points, which is that of UTF-8's bytes.
            Json::Object(members) => {
                let mut names: Vec<String> = members.into_iter().map(|(name, _)| name).collect();
                names.sort();
                Some(names.into_iter().map(Json::String).collect())
            }
            _ => None,
        })))
    })?;
    scalar(connection, "portcullis_json_int", 1, |context| {
        Ok(number(json_at(context, 0)?.and_then(|json| match json {
            Json::Number(number) => Exact::of(&number.to_string()).whole(),
            _ => None,
        })))
    })?;
    scalar(connection, "portcullis_to_json", 1, |context| {
        Ok(match context.get_raw(0) {
            ValueRef::Text(_) => json(text_at(context, 0)?.map(Json::from)),
            ValueRef::Integer(number) => json(Some(Json::from(number))),
            ValueRef::Real(number) => json(serde_json::Number::from_f64(number).map(Json::Number)),
            _ => json(None),
        })
    })?;
    scalar(connection, "portcullis_json_contains", 2, |context| {
        let (Some(document), Some(value)) = (json_at(context, 0)?, json_at(context, 1)?) else {
            return Ok(number(None));
        };
        Ok(number(Some(contains(&document, &value, true).into())))
    })
}

/// A JSON operand; `None` for NULL, and an error for what is no JSON, as SQLite's own functions give.
pub(super) fn json_at(context: &Context<'_>, position: usize) -> Result<Option<Json>> {
    let text = match context.get_raw(position) {
        ValueRef::Null => return Ok(None),
        // A column of numeric affinity keeps the bare JSON values `1` and `1.5` as numbers.
        ValueRef::Integer(number) => return Ok(Some(Json::from(number))),
        ValueRef::Real(number) => return Ok(serde_json::Number::from_f64(number).map(Json::Number)),
        other => other.as_str()?,
    };
    serde_json::from_str(text).map(Some).map_err(|_| Error::UserFunctionError("malformed JSON".into()))
}

pub(super) fn json(value: Option<Json>) -> ToSqlOutput<'static> {
    ToSqlOutput::Owned(value.map_or(Value::Null, |json| Value::Text(json.to_string())))
}

pub(super) fn number(number: Option<i64>) -> ToSqlOutput<'static> {
    ToSqlOutput::Owned(number.map_or(Value::Null, Value::Integer))
}

/// PostgreSQL's containment: members and elements in any order, and an array contains a single value that is one of its own elements.
fn contains(whole: &Json, part: &Json, outermost: bool) -> bool {
    match (whole, part) {
        (Json::Object(whole), Json::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part, false)))
        }
        (Json::Array(whole), Json::Array(part)) => {
            part.iter().all(|part| whole.iter().any(|whole| contains(whole, part, false)))
        }
        (Json::Array(whole), part) if outermost && !part.is_object() => whole.iter().any(|whole| same(whole, part)),
        (whole, part) => same(whole, part),
    }
}

/// Equality of JSON, numbers by value.
pub(super) fn same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => {
            Exact::of(&one.to_string()).compare(&Exact::of(&other.to_string())) == Ordering::Equal
        }
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|other| same(one, other)))
        }
        _ => one == other,
    }
}

/// A JSON number as it is written: a sign, digits without zeros at the ends, and the power of ten of the first digit.
#[derive(Debug, PartialEq)]
pub(super) struct Exact {
    negative: bool,
    digits: String,
    /// The number is `0.digits` times ten to this power.
    power: i64,
}

impl Exact {
    pub(super) fn of(text: &str) -> Exact {
        let (negative, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        // A power beyond this one is as far away as any.
        let far = if exponent.starts_with('-') { i64::MIN / 4 } else { i64::MAX / 4 };
        let exponent = i64::from_str(exponent.trim_start_matches('+')).unwrap_or(far).clamp(i64::MIN / 4, i64::MAX / 4);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        let leading = all.len() - digits.len();
        let digits = digits.trim_end_matches('0');
        if digits.is_empty() {
            return Exact { negative: false, digits: String::new(), power: 0 };
        }
        let power = exponent + whole.len() as i64 - leading as i64;
        Exact { negative, digits: digits.to_owned(), power }
    }

    /// As a bigint, if it is whole and fits.
    fn whole(&self) -> Option<i64> {
        let zeros = usize::try_from(self.power).ok()?.checked_sub(self.digits.len())?;
        if zeros > 19 {
            return None;
        }
        let sign = if self.negative { "-" } else { "" };
        if self.digits.is_empty() {
            return Some(0);
        }
        format!("{sign}{}{}", self.digits, "0".repeat(zeros)).parse().ok()
    }

    pub(super) fn compare(&self, other: &Exact) -> Ordering {
        let sign = |it: &Exact| if it.digits.is_empty() { 0 } else { 1 - 2 * i8::from(it.negative) };
        let size = self.power.cmp(&other.power).then_with(|| self.digits.cmp(&other.digits));
        sign(self).cmp(&sign(other)).then_with(|| if self.negative { size.reverse() } else { size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_by_value_to_the_last_digit() {
        let order = |one: &str, other: &str| Exact::of(one).compare(&Exact::of(other));
        assert_eq!(order("1", "1.0"), Ordering::Equal);
        assert_eq!(order("1e3", "1000"), Ordering::Equal);
        assert_eq!(order("-0.0", "0"), Ordering::Equal);
        assert_eq!(order("-1", "0.5"), Ordering::Less);
        assert_eq!(order("-10", "-9"), Ordering::Less);
        assert_eq!(order("0.5", "0.49999999999999999999"), Ordering::Greater);
        assert_eq!(order("9007199254740993", "9007199254740992"), Ordering::Greater);
        assert_eq!(order("1e99999999999999999999", "2"), Ordering::Greater);
        assert_eq!(order("1e-99999999999999999999", "0"), Ordering::Greater);
        assert_eq!(Exact::of("1.20e2").whole(), Some(120));
        assert_eq!(Exact::of("0e5").whole(), Some(0));
        assert_eq!(Exact::of("-9223372036854775808").whole(), Some(i64::MIN));
        assert_eq!(Exact::of("9223372036854775808").whole(), None);
        assert_eq!(Exact::of("1.5").whole(), None);
        assert_eq!(Exact::of("1e400").whole(), None);
    }

    #[test]
    fn containment_is_that_of_postgresql() {
        let contains = |whole: &str, part: &str| {
            contains(&serde_json::from_str(whole).unwrap(), &serde_json::from_str(part).unwrap(), true)
        };
        assert!(contains("[1, 2, [3]]", "2.0"));
        assert!(!contains("[1, 2, [3]]", "3"));
        assert!(contains("[1, 2, [3, 4]]", "[[3]]"));
        assert!(contains(r#"{"a": 1, "b": {"c": [1, 2]}}"#, r#"{"b": {"c": [2]}}"#));
        assert!(!contains(r#"[{"a": 1}]"#, r#"{"a": 1}"#));
        assert!(contains(r#"[{"a": 1, "b": 2}]"#, r#"[{"a": 1}]"#));
        assert!(contains(r#""x""#, r#""x""#));
        assert!(!contains("[[1]]", "[1]"));
        assert!(contains("[]", "[]"));
    }
}
