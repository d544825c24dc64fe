//! JSON in which nothing can look like another line or reorder what is shown.

use std::io;

use serde::Serialize;
use serde_json::ser::Formatter;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// A record as one compact JSON object, without a newline.
pub(super) fn to_object(record: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut object = Vec::with_capacity(1024);
    record.serialize(&mut serde_json::Serializer::with_formatter(&mut object, OneLine))?;
    Ok(object)
}

/// serde_json itself escapes quotes, backslashes and the ASCII control characters below the space.
struct OneLine;

impl Formatter for OneLine {
    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // Most names and texts are printable ASCII: those are written as they stand.
        if fragment.bytes().all(|byte| byte.is_ascii() && byte != 0x7f) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((before, hidden, after)) = next_hidden(rest) {
            writer.write_all(before.as_bytes())?;
            for unit in hidden.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = after;
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Splits at the first character that a reader would not see as itself.
fn next_hidden(text: &str) -> Option<(&str, char, &str)> {
    let (position, hidden) = text.char_indices().find(|(_, character)| is_hidden(*character))?;
    let (before, after) = text.split_at_checked(position)?;
    Some((before, hidden, after.get(hidden.len_utf8()..)?))
}

fn is_hidden(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    matches!(
        character.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::PrivateUse
            | GeneralCategory::Surrogate
            | GeneralCategory::Unassigned
    )
}
