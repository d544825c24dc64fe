//! Aggregates that look at all values at once: percentiles, the mode, the first in an order, and distinct texts.

use std::cmp::Ordering;
use std::collections::{HashSet, VecDeque};

use rusqlite::functions::{Aggregate, Context, WindowAggregate};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Error, Result};

use super::{AGGREGATE, number_at, scalar, text_at};

pub(super) fn register(connection: &Connection) -> Result<()> {
    connection.create_aggregate_function("portcullis_percentile_cont", 2, AGGREGATE, PercentileCont)?;
    connection.create_aggregate_function("portcullis_percentile_disc", 2, AGGREGATE, PercentileDisc)?;
    connection.create_aggregate_function("portcullis_mode", 1, AGGREGATE, Mode)?;
    connection.create_aggregate_function("portcullis_first", 1, AGGREGATE, First)?;
    connection.create_aggregate_function("portcullis_string_agg_distinct", 2, AGGREGATE, DistinctTexts)?;
    connection.create_window_function("portcullis_nth_over", 2, AGGREGATE, NthPresent)?;
    scalar(connection, "portcullis_tuple", -1, |context| Ok(ToSqlOutput::Owned(tuple(context))))
}

/// The fraction is the same for every row.
#[derive(Default)]
struct Sample<V> {
    fraction: f64,
    values: Vec<V>,
}

fn fraction(context: &Context<'_>) -> Result<f64> {
    match number_at(context, 1)? {
        Some(fraction) if (0.0..=1.0).contains(&fraction) => Ok(fraction),
        _ => Err(Error::UserFunctionError("a percentile takes a fraction from 0 to 1".into())),
    }
}

struct PercentileCont;

impl Aggregate<Sample<f64>, Option<f64>> for PercentileCont {
    fn init(&self, context: &mut Context<'_>) -> Result<Sample<f64>> {
        Ok(Sample { fraction: fraction(context)?, values: Vec::new() })
    }

    fn step(&self, context: &mut Context<'_>, sample: &mut Sample<f64>) -> Result<()> {
        sample.values.extend(number_at(context, 0)?);
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sample: Option<Sample<f64>>) -> Result<Option<f64>> {
        let Some(mut sample) = sample else { return Ok(None) };
        sample.values.sort_by(f64::total_cmp);
        let place = sample.fraction * (sample.values.len().saturating_sub(1)) as f64;
        let (low, high) = (sample.values.get(place.floor() as usize), sample.values.get(place.ceil() as usize));
        Ok(low.zip(high).map(|(low, high)| low + (place - place.floor()) * (high - low)))
    }
}

struct PercentileDisc;

impl Aggregate<Sample<Value>, Value> for PercentileDisc {
    fn init(&self, context: &mut Context<'_>) -> Result<Sample<Value>> {
        Ok(Sample { fraction: fraction(context)?, values: Vec::new() })
    }

    fn step(&self, context: &mut Context<'_>, sample: &mut Sample<Value>) -> Result<()> {
        sample.values.extend(value_at(context)?);
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sample: Option<Sample<Value>>) -> Result<Value> {
        let Some(mut sample) = sample else { return Ok(Value::Null) };
        sample.values.sort_by(compare);
        let place = (sample.fraction * sample.values.len() as f64).ceil() as usize;
        Ok(sample.values.get(place.saturating_sub(1)).cloned().unwrap_or(Value::Null))
    }
}

struct Mode;

impl Aggregate<Vec<Value>, Value> for Mode {
    fn init(&self, _: &mut Context<'_>) -> Result<Vec<Value>> {
        Ok(Vec::new())
    }

    fn step(&self, context: &mut Context<'_>, values: &mut Vec<Value>) -> Result<()> {
        values.extend(value_at(context)?);
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, values: Option<Vec<Value>>) -> Result<Value> {
        let mut values = values.unwrap_or_default();
        values.sort_by(compare);
        let runs = values.chunk_by(|one, other| compare(one, other) == Ordering::Equal);
        let mut most: &[Value] = &[];
        for run in runs {
            if run.len() > most.len() {
                most = run;
            }
        }
        Ok(most.first().cloned().unwrap_or(Value::Null))
    }
}

/// The first of the rows as they come: the caller says in which order, by ORDER BY.
struct First;

impl Aggregate<Option<Value>, Value> for First {
    fn init(&self, _: &mut Context<'_>) -> Result<Option<Value>> {
        Ok(None)
    }

    fn step(&self, context: &mut Context<'_>, first: &mut Option<Value>) -> Result<()> {
        if first.is_none() {
            *first = Some(value_at(context)?.unwrap_or(Value::Null));
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, first: Option<Option<Value>>) -> Result<Value> {
        Ok(first.flatten().unwrap_or(Value::Null))
    }
}

/// The value at a place among those of a frame that are not NULL: from the start, or, below zero, from the end.
struct NthPresent;

struct Present {
    place: i64,
    values: VecDeque<Value>,
}

impl Aggregate<Present, Value> for NthPresent {
    fn init(&self, context: &mut Context<'_>) -> Result<Present> {
        Ok(Present { place: context.get(1)?, values: VecDeque::new() })
    }

    fn step(&self, context: &mut Context<'_>, present: &mut Present) -> Result<()> {
        present.values.extend(value_at(context)?);
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, present: Option<Present>) -> Result<Value> {
        match present {
            Some(mut present) => self.value(Some(&mut present)),
            None => Ok(Value::Null),
        }
    }
}

impl WindowAggregate<Present, Value> for NthPresent {
    fn value(&self, present: Option<&mut Present>) -> Result<Value> {
        let Some(Present { place, values }) = present else { return Ok(Value::Null) };
        let count = values.len() as i64;
        let index = if *place > 0 { *place - 1 } else { count.saturating_add(*place) };
        Ok(usize::try_from(index).ok().and_then(|index| values.get(index)).cloned().unwrap_or(Value::Null))
    }

    fn inverse(&self, context: &mut Context<'_>, present: &mut Present) -> Result<()> {
        // Rows leave a frame in the order in which they came.
        if value_at(context)?.is_some() {
            present.values.pop_front();
        }
        Ok(())
    }
}

#[derive(Default)]
struct Joined {
    seen: HashSet<String>,
    text: Option<String>,
}

struct DistinctTexts;

impl Aggregate<Joined, Option<String>> for DistinctTexts {
    fn init(&self, _: &mut Context<'_>) -> Result<Joined> {
        Ok(Joined::default())
    }

    fn step(&self, context: &mut Context<'_>, joined: &mut Joined) -> Result<()> {
        let Some(text) = text_at(context, 0)? else { return Ok(()) };
        if joined.seen.insert(text.to_owned()) {
            match &mut joined.text {
                Some(all) => {
                    all.push_str(text_at(context, 1)?.unwrap_or_default());
                    all.push_str(text);
                }
                none => *none = Some(text.to_owned()),
            }
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, joined: Option<Joined>) -> Result<Option<String>> {
        Ok(joined.and_then(|joined| joined.text))
    }
}

/// Several values as one, equal when each of them is; NULL where one of them is.
fn tuple(context: &Context<'_>) -> Value {
    let mut bytes = Vec::new();
    for position in 0..context.len() {
        let (kind, content): (u8, &[u8]) = match context.get_raw(position) {
            ValueRef::Null => return Value::Null,
            ValueRef::Integer(number) => {
                bytes.push(b'i');
                bytes.extend(number.to_be_bytes());
                continue;
            }
            ValueRef::Real(number) => {
                // A number of a column of decimals is an integer or a real, whichever SQLite stored.
                let whole = number as i64;
                if whole as f64 == number && whole != i64::MAX {
                    bytes.push(b'i');
                    bytes.extend(whole.to_be_bytes());
                } else {
                    bytes.push(b'r');
                    bytes.extend(number.to_be_bytes());
                }
                continue;
            }
            ValueRef::Text(text) => (b't', text),
            ValueRef::Blob(blob) => (b'b', blob),
        };
        bytes.push(kind);
        bytes.extend((content.len() as u64).to_be_bytes());
        bytes.extend(content);
    }
    Value::Blob(bytes)
}

fn value_at(context: &Context<'_>) -> Result<Option<Value>> {
    Ok(match Value::try_from(context.get_raw(0)) {
        Ok(Value::Null) => None,
        Ok(value) => Some(value),
        Err(_) => return Err(Error::UserFunctionError("a text is not utf-8".into())),
    })
}

/// SQLite's own order, text by code point.
fn compare(one: &Value, other: &Value) -> Ordering {
    let number = |value: &Value| match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Real(number) => Some(*number),
        _ => None,
    };
    match (one, other) {
        (Value::Integer(one), Value::Integer(other)) => one.cmp(other),
        (Value::Text(one), Value::Text(other)) => one.cmp(other),
        (Value::Blob(one), Value::Blob(other)) => one.cmp(other),
        _ => match (number(one), number(other)) {
            (Some(one), Some(other)) => one.partial_cmp(&other).unwrap_or(Ordering::Equal),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        },
    }
}
