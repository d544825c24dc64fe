//! JSON in which nothing can look like another line or reorder what is shown.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

use serde::Serialize;
use serde_json::ser::Formatter;

use crate::ident::is_hidden;

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
        writer.write_all(printable_json(fragment).as_bytes())
    }
}

/// `text` in which what a reader would not see as itself is written as `\u{…}`.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |hidden, out| out.extend(hidden.escape_unicode()))
}

/// A text of JSON with the same meaning, in which such characters, which stand in strings only, are `\u` escapes.
pub(super) fn printable_json(text: &str) -> Cow<'_, str> {
    escaped(text, |hidden, out| {
        for unit in hidden.encode_utf16(&mut [0; 2]) {
            // A `String` takes whatever is written.
            let _ = write!(out, "\\u{unit:04x}");
        }
    })
}

fn escaped(text: &str, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 32);
    for character in text.chars() {
        if is_hidden(character) { escape(character, &mut out) } else { out.push(character) }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_escapes_and_others_stand_as_themselves() {
        assert_eq!(
            printable("Zoë 山 \u{1b}[31m\u{202e}x\n\u{7f}\u{9b}"),
            r"Zoë 山 \u{1b}[31m\u{202e}x\u{a}\u{7f}\u{9b}"
        );
        assert!(matches!(printable("Zoë 山"), Cow::Borrowed(_)));
        let text = "{\"a\":\"\u{202e}\u{e0001}é\"}";
        let safe = printable_json(text);
        assert_eq!(safe, "{\"a\":\"\\u202e\\udb40\\udc01é\"}");
        let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parsed(&safe), parsed(text));
    }
}
