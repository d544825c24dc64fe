//! Names and subjects may hold anything; what a terminal or a reader would not show as itself is shown as an escape.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// `text` for a terminal: one line, in which no character moves the cursor, changes colours or turns the direction around.
pub(crate) fn shown(text: &str) -> String {
    escaped(text, |hidden, out| out.push_str(&format!("\\u{{{:x}}}", u32::from(hidden))))
}

/// A text of JSON with the same meaning, in which such characters are `\u` escapes. They stand in strings only.
pub(crate) fn json(text: &str) -> String {
    escaped(text, |hidden, out| {
        for unit in hidden.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    })
}

fn escaped(text: &str, escape: impl Fn(char, &mut String)) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) { escape(character, &mut out) } else { out.push(character) }
    }
    out
}

/// The classes that the audit's records escape too, so that nothing is shown here that they would not hold as text.
pub(crate) fn is_hidden(character: char) -> bool {
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

/// A number with commas between groups of three digits.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A time in microseconds as a person reads it.
pub(crate) fn duration(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        _ => format!("{}.{} s", number(micros / 1_000_000), micros % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_shown_as_escapes_and_others_as_themselves() {
        assert_eq!(shown("Zoë 山 \u{1b}[31m\u{202e}x\n\u{7f}\u{9b}"), r"Zoë 山 \u{1b}[31m\u{202e}x\u{a}\u{7f}\u{9b}");
        let text = "{\"a\":\"\u{202e}\u{e0001}é\"}";
        let safe = json(text);
        assert_eq!(safe, "{\"a\":\"\\u202e\\udb40\\udc01é\"}");
        let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parsed(&safe), parsed(text));
    }

    #[test]
    fn numbers_and_times_are_readable() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([7, 1_250, 2_340_000].map(duration), ["7 µs", "1.2 ms", "2.3 s"]);
    }
}
