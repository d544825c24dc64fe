//! JSON arrays, whose elements SQLite's SQL compares by their texts or as doubles.

use std::cmp::Ordering;

use rusqlite::functions::Context;
use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, Result};
use serde_json::Value as Json;

use super::json::{Exact, json, json_at, number, same};
use super::scalar;

pub(super) fn register(connection: &Connection) -> Result<()> {
    scalar(connection, "portcullis_array_position", 2, |context| {
        let (Some(list), Some(value)) = (list_at(context)?, json_at(context, 1)?) else { return Ok(number(None)) };
        let place = list.iter().position(|element| same(element, &value));
        Ok(number(place.and_then(|place| i64::try_from(place + 1).ok())))
    })?;
    scalar(connection, "portcullis_array_prepend", 2, |context| {
        let Some(mut list) = list_at(context)? else { return Ok(json(None)) };
        list.insert(0, json_at(context, 1)?.unwrap_or(Json::Null));
        Ok(json(Some(Json::Array(list))))
    })?;
    scalar(connection, "portcullis_array_remove", 2, |context| {
        let (Some(mut list), Some(value)) = (list_at(context)?, json_at(context, 1)?) else { return Ok(json(None)) };
        list.retain(|element| !same(element, &value));
        Ok(json(Some(Json::Array(list))))
    })?;
    scalar(connection, "portcullis_array_distinct", 1, |context| {
        Ok(json(list_at(context)?.map(|list| {
            let mut kept: Vec<Json> = Vec::new();
            for element in list {
                if !kept.iter().any(|one| same(one, &element)) {
                    kept.push(element);
                }
            }
            Json::Array(kept)
        })))
    })?;
    scalar(connection, "portcullis_array_sort", 1, |context| {
        Ok(json(list_at(context)?.map(|mut list| {
            list.sort_by(order);
            Json::Array(list)
        })))
    })?;
    let is_ordered = |element: &Json| element.is_number() || element.is_string();
    scalar(connection, "portcullis_array_min", 1, move |context| {
        let list = list_at(context)?.unwrap_or_default();
        Ok(json(list.into_iter().filter(is_ordered).min_by(order)))
    })?;
    scalar(connection, "portcullis_array_max", 1, move |context| {
        let list = list_at(context)?.unwrap_or_default();
        Ok(json(list.into_iter().filter(is_ordered).max_by(order)))
    })?;
    scalar(connection, "portcullis_array_sum", 1, |context| {
        let list = list_at(context)?.unwrap_or_default();
        let sum = list.iter().filter_map(Json::as_f64).reduce(|sum, next| sum + next);
        Ok(ToSqlOutput::Owned(sum.map_or(Value::Null, Value::Real)))
    })?;
    scalar(connection, "portcullis_array_slice", 3, |context| {
        let (Some(list), Some(start), Some(end)) =
            (list_at(context)?, context.get_raw(1).as_i64_or_null()?, context.get_raw(2).as_i64_or_null()?)
        else {
            return Ok(json(None));
        };
        let places = (1..).take_while(|place| *place < end);
        let part = list.into_iter().zip(places).filter(|(_, place)| *place >= start);
        Ok(json(Some(part.map(|(element, _)| element).collect())))
    })
}

/// The first operand; `None` for NULL and for what is no array.
fn list_at(context: &Context<'_>) -> Result<Option<Vec<Json>>> {
    Ok(match json_at(context, 0)? {
        Some(Json::Array(list)) => Some(list),
        _ => None,
    })
}

/// Numbers, texts, booleans, others, nulls.
fn order(one: &Json, other: &Json) -> Ordering {
    let rank = |json: &Json| match json {
        Json::Number(_) => 1,
        Json::String(_) => 2,
        Json::Bool(_) => 3,
        Json::Null => 5,
        _ => 4,
    };
    rank(one).cmp(&rank(other)).then_with(|| match (one, other) {
        (Json::Number(one), Json::Number(other)) => Exact::of(&one.to_string()).compare(&Exact::of(&other.to_string())),
        (Json::String(one), Json::String(other)) => one.cmp(other),
        (Json::Bool(one), Json::Bool(other)) => one.cmp(other),
        _ => Ordering::Equal,
    })
}
