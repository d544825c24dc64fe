//! Text beyond ASCII.

use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, Result};

use super::{scalar, text_at};

pub(super) fn register(connection: &Connection) -> Result<()> {
    scalar(connection, "portcullis_upper", 1, |context| Ok(mapped(text_at(context, 0)?, capital)))
}

fn mapped(text: Option<&str>, map: fn(char) -> char) -> ToSqlOutput<'static> {
    ToSqlOutput::Owned(text.map_or(Value::Null, |text| Value::Text(text.chars().map(map).collect())))
}

/// The capital of a letter, where that is one letter: `ß` stays.
fn capital(letter: char) -> char {
    let mut capitals = letter.to_uppercase();
    match (capitals.next(), capitals.next()) {
        (Some(capital), None) => capital,
        _ => letter,
    }
}
