//! Lists of databases that have no arrays: JSON arrays, read by the type of their members.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::cell::{Cell, convert, mismatch};
use crate::error::Result;
use crate::types::SqlType;

pub(super) fn from_json<'a>(cell: Cell<'a>, to: SqlType, column: &str) -> Result<Cell<'a>> {
    let text = match (&cell, to) {
        (Cell::Text(text) | Cell::Json(text), SqlType::Array(_)) => text,
        _ => return Err(mismatch(column, &to, cell.kind())),
    };
    let SqlType::Array(element) = to else { return Err(mismatch(column, &to, cell.kind())) };
    let Ok(members) = serde_json::from_str::<Vec<Json>>(text) else {
        return Err(mismatch(column, &to, "text that is no json array"));
    };
    let mut list = Vec::with_capacity(members.len());
    for member in members {
        let member = match member {
            Json::Null => Cell::Null,
            Json::Bool(flag) => Cell::Bool(flag),
            Json::String(text) => Cell::Text(Cow::Owned(text)),
            Json::Number(number) => match (element, number.as_i64(), number.as_f64()) {
                (SqlType::Decimal(_), ..) => Cell::Text(Cow::Owned(number.to_string())),
                (_, Some(whole), _) => Cell::Int(whole),
                (_, None, Some(float)) => Cell::Float(float),
                _ => return Err(mismatch(column, &to, "a number outside its range")),
            },
            Json::Array(_) | Json::Object(_) => return Err(mismatch(column, &to, "a list within a list")),
        };
        list.push(convert(member, *element, column)?.into_value(column)?);
    }
    Ok(Cell::Array(list))
}
