//! Regular expressions: the patterns that the compiler writes, which `regex` matches in time linear to the text.

use std::sync::Arc;

use regex::{NoExpand, Regex, RegexBuilder};
use rusqlite::functions::Context;
use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, Error, Result};

use super::{scalar, text_at};

pub(super) fn register(connection: &Connection) -> Result<()> {
    scalar(connection, "portcullis_regexp_match", 2, |context| {
        with(context, |regex, text| Ok(Value::Integer(regex.is_match(text).into())))
    })?;
    // The group if there is one, else the whole match.
    scalar(connection, "portcullis_regexp_extract", 2, |context| {
        with(context, |regex, text| {
            let group = usize::from(regex.captures_len() > 1);
            let found = regex.captures(text).and_then(|captures| captures.get(group));
            Ok(found.map_or(Value::Null, |found| Value::Text(found.as_str().to_owned())))
        })
    })?;
    scalar(connection, "portcullis_regexp_replace", 3, |context| {
        with(context, |regex, text| match text_at(context, 2)? {
            Some(replacement) => Ok(Value::Text(regex.replace_all(text, NoExpand(replacement)).into_owned())),
            None => Ok(Value::Null),
        })
    })
}

/// Calls `body` with the pattern, which is read once for a statement, and the text; NULL where one is NULL.
fn with(context: &Context<'_>, body: impl FnOnce(&Regex, &str) -> Result<Value>) -> Result<ToSqlOutput<'static>> {
    let (Some(text), Some(_)) = (text_at(context, 0)?, text_at(context, 1)?) else {
        return Ok(ToSqlOutput::Owned(Value::Null));
    };
    let regex: Arc<Regex> = context.get_or_create_aux(1, |pattern| {
        let pattern = pattern.as_str().map_err(|error| Error::UserFunctionError(Box::new(error)))?;
        RegexBuilder::new(pattern)
            .size_limit(8 * 1024 * 1024)
            .build()
            .map_err(|_| Error::UserFunctionError("the pattern can't be read".into()))
    })?;
    body(&regex, text).map(ToSqlOutput::Owned)
}
