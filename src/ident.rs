//! Identifiers: names of tables, columns and aliases.

use std::fmt;
use std::sync::Arc;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::error::{Error, ErrorKind, Result, show_name};

/// A checked name: not empty, at most 63 bytes, and without quotes, punctuation of SQL, control, invisible or
/// quote-like characters. It is always quoted where it is written.
///
/// A name is literal: `a.b` is not a table in a schema, and capitals are kept. Reserved words and spaces inside are fine.
///
/// ```
/// use portcullis::Ident;
///
/// assert_eq!(Ident::new("order by")?.as_str(), "order by");
/// assert_eq!(Ident::new("id; drop table users").unwrap_err().code(), "ident.character");
/// # Ok::<(), portcullis::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ident(Text);

#[derive(Clone)]
enum Text {
    /// Most names are short, and a chain mentions many.
    Short {
        length: u8,
        bytes: [u8; SHORT],
    },
    Fixed(&'static str),
    Shared(Arc<str>),
}

/// As many bytes as fit where the other forms stand.
const SHORT: usize = 22;

/// The name that a Rust identifier stands for: `r#type` is `type`.
pub(crate) const fn rust_name(written: &'static str) -> &'static str {
    match written.as_bytes() {
        [b'r', b'#', ..] => written.split_at(2).1,
        _ => written,
    }
}

impl Ident {
    /// Checks `name`.
    ///
    /// # Errors
    ///
    /// `ErrorKind::Name`, with the code `ident.empty`, `ident.too_long`, `ident.space`, `ident.character`, `ident.comment`,
    /// `ident.dollar` or `ident.mark`.
    pub fn new(name: impl AsRef<str>) -> Result<Ident> {
        let name = name.as_ref();
        check(name)?;
        Ok(Ident(Text::new(name)))
    }

    /// Checks `name` without keeping it.
    pub(crate) fn check(name: &str) -> Result<()> {
        check(name)
    }

    /// A name that was checked before, by its bytes; `None` if they are no text.
    pub(crate) fn checked_before(name: &[u8]) -> Option<Ident> {
        std::str::from_utf8(name).ok().map(|name| Ident(Text::new(name)))
    }

    /// Checks a name that lives for ever, without a copy.
    pub(crate) fn fixed(name: &'static str) -> Result<Ident> {
        check(name)?;
        Ok(Ident(Text::Fixed(name)))
    }

    /// A name that the database's own catalogue reports. It may be odder than what [`Ident::new`] takes; what could end a quoted
    /// name is doubled where it is written, and control characters, which no message or log should hold, are refused here.
    pub(crate) fn from_catalog(name: &str) -> Result<Ident> {
        if name.is_empty() || name.chars().any(char::is_control) {
            let message =
                format!("the database has a column {} whose name can't be written; rename it", show_name(name));
            return Err(Error::new(ErrorKind::Name, "ident.catalog", message));
        }
        Ok(Ident(Text::new(name)))
    }

    /// The name, unquoted.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name's bytes, which are UTF-8.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// PostgreSQL cuts a longer name without an error, and two names could then meet; MySQL takes 64 characters.
const MAX_BYTES: usize = 63;

/// What an ASCII byte means inside a name.
const CLASSES: [Class; 128] = classes();

#[derive(Clone, Copy, PartialEq)]
enum Class {
    Allowed,
    Forbidden,
    Hyphen,
    Dollar,
}

const fn classes() -> [Class; 128] {
    let mut table = [Class::Allowed; 128];
    let mut byte = 0;
    while byte < 128 {
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, bounded by the loop")]
        {
            table[byte] = match byte as u8 {
                0..=31 | 127 => Class::Forbidden,
                b'"' | b'\'' | b'`' | b'[' | b']' | b'(' | b')' | b'{' | b'}' => Class::Forbidden,
                b',' | b'.' | b':' | b';' | b'?' | b'@' | b'#' | b'\\' | b'|' | b'*' => Class::Forbidden,
                b'-' => Class::Hyphen,
                b'$' => Class::Dollar,
                _ => Class::Allowed,
            };
        }
        byte += 1;
    }
    table
}

#[inline]
fn check(name: &str) -> Result<()> {
    if is_word(name.as_bytes()) { Ok(()) } else { check_each(name) }
}

/// Whether the name is made of letters, digits and `_` of ASCII alone, as most are; eight bytes at a time.
#[inline]
fn is_word(bytes: &[u8]) -> bool {
    let length = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        // The last eight overlap those before.
        let mut all = of_a_word(u64::from_le_bytes(*first)) & of_a_word(u64::from_le_bytes(*last));
        if length > 16 {
            let (chunks, _) = bytes.as_chunks::<8>();
            all = chunks.iter().skip(1).fold(all, |all, chunk| all & of_a_word(u64::from_le_bytes(*chunk)));
        }
        return all == HIGH && length <= MAX_BYTES;
    }
    let word = match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(first), Some(last)) => u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32,
        _ => match bytes {
            [one] => u64::from_le_bytes([*one; 8]),
            [one, two] => u64::from_le_bytes([*one, *two, *one, *two, *one, *two, *one, *two]),
            [one, two, three] => u64::from_le_bytes([*one, *two, *three, *one, *one, *two, *three, *one]),
            _ => return false,
        },
    };
    of_a_word(word) == HIGH
}

/// The highest bit of each of eight bytes.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The highest bit of each byte that is a letter, a digit or `_` of ASCII.
#[inline]
const fn of_a_word(bytes: u64) -> u64 {
    const fn each(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    // None of these sums runs over into the next byte: without their highest bit the bytes are below 128.
    let low = bytes & !HIGH;
    let small = low | each(0x20);
    let letter = (small + each(0x80 - b'a')) & !(small + each(0x7f - b'z'));
    let digit = (low + each(0x80 - b'0')) & !(low + each(0x7f - b'9'));
    let underscore = !((low ^ each(b'_')) + each(0x7f));
    (letter | digit | underscore) & !bytes & HIGH
}

#[inline(never)]
fn check_each(name: &str) -> Result<()> {
    let bytes = name.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return Err(Error::new(ErrorKind::Name, "ident.empty", "a name is empty; write the name of a table or column"));
    };
    if bytes.len() > MAX_BYTES {
        return refuse("ident.too_long", name, "is longer than 63 bytes; shorten it");
    }
    if *first == b' ' || *last == b' ' {
        return refuse("ident.space", name, "starts or ends with a space; remove it");
    }
    let mut plain = true;
    let mut before = 0;
    for (position, &byte) in bytes.iter().enumerate() {
        match CLASSES.get(usize::from(byte)) {
            Some(Class::Allowed) => {}
            Some(Class::Forbidden) => return refuse_character(name, char::from(byte)),
            Some(Class::Hyphen) if before == b'-' => {
                return refuse("ident.comment", name, "holds `--`, which starts a comment; use one hyphen");
            }
            Some(Class::Hyphen) => {}
            Some(Class::Dollar) if opens_dollar(bytes.get(position + 1..).unwrap_or_default()) => {
                return refuse(
                    "ident.dollar",
                    name,
                    "holds a dollar sign that starts a placeholder or a quote; remove it",
                );
            }
            Some(Class::Dollar) => {}
            None => plain = false,
        }
        before = byte;
    }
    if plain { Ok(()) } else { check_beyond_ascii(name) }
}

/// True when the bytes after a dollar sign make it a placeholder (`$1`) or a dollar quote (`$$`, `$tag$`).
fn opens_dollar(rest: &[u8]) -> bool {
    match rest.first() {
        Some(b'$' | b'0'..=b'9') => true,
        Some(byte) if is_tag(*byte) => rest.iter().find(|byte| !is_tag(**byte)) == Some(&b'$'),
        _ => false,
    }
}

fn is_tag(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

fn check_beyond_ascii(name: &str) -> Result<()> {
    for (position, character) in name.chars().enumerate() {
        if character.is_ascii() {
            continue;
        }
        let category = character.general_category();
        if position == 0 && is_mark(category) {
            return refuse("ident.mark", name, "starts with a combining mark; start it with a letter");
        }
        let is_space = category == GeneralCategory::SpaceSeparator;
        if is_space || is_hidden(character) || is_invisible(character) || is_look_alike(character) {
            return refuse_character(name, character);
        }
    }
    Ok(())
}

fn is_mark(category: GeneralCategory) -> bool {
    matches!(category, GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark | GeneralCategory::EnclosingMark)
}

/// Whether a reader would not see the character as itself: controls, formats (which turn directions around or have no width), separators of lines and
/// paragraphs, private use, unassigned.
pub(crate) fn is_hidden(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    matches!(
        character.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::Surrogate
            | GeneralCategory::PrivateUse
            | GeneralCategory::Unassigned
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    )
}

/// Characters that a reader doesn't see although their category is a letter, a mark or a symbol.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' // Hangul fillers
            | '\u{034f}' // combining grapheme joiner
            | '\u{2800}' // blank braille pattern
            | '\u{fffd}' // the original bytes were not UTF-8
            | '\u{180b}'..='\u{180d}' | '\u{180f}' // Mongolian variation selectors
            | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' // variation selectors
    )
}

/// Look-alikes of a quote, semicolon, hyphen or backslash: a best-fit conversion on the way can turn them into the real one.
fn is_look_alike(character: char) -> bool {
    matches!(
        character,
        '\u{2018}'..='\u{201e}' // curly quotes
            | '\u{2032}' | '\u{2033}' // primes
            | '\u{02b9}'..='\u{02bc}' // modifier primes and commas
            | '\u{00b4}' // acute accent
            | '\u{05f3}' | '\u{05f4}' // Hebrew geresh and gershayim
            | '\u{1fef}' // Greek varia, normalises to a backtick
            | '\u{037e}' // Greek question mark, normalises to a semicolon
            | '\u{ff02}' | '\u{ff07}' | '\u{ff0d}' | '\u{ff1b}' | '\u{ff3c}' | '\u{ff40}' // full-width forms
    )
}

fn refuse(code: &'static str, name: &str, reason: &str) -> Result<()> {
    Err(Error::new(ErrorKind::Name, code, format!("the name {} {reason}", show_name(name))))
}

fn refuse_character(name: &str, character: char) -> Result<()> {
    let advice = match character {
        '.' => {
            "; write a column of one relation `col(\"column\").of(\"relation\")`, a table of a schema `in_schema(\"schema\", \"table\")`"
        }
        '*' => "; write `all()` for every column",
        '(' | ')' => "; write a call as an expression, not as a name",
        '"' | '`' | '[' | ']' | '\'' => "; write the name without quotes",
        ':' | '?' | '@' => "; a value goes beside a comparison and is bound",
        _ => "; use letters, digits and `_`",
    };
    let shown = format!("the name {} holds U+{:04X}{advice}", show_name(name), u32::from(character));
    Err(Error::new(ErrorKind::Name, "ident.character", shown))
}

impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

impl std::hash::Hash for Text {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Text) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Text) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Text {
    fn new(name: &str) -> Text {
        let mut bytes = [0; SHORT];
        match (bytes.get_mut(..name.len()), u8::try_from(name.len())) {
            (Some(place), Ok(length)) => {
                copy(place, name.as_bytes());
                Text::Short { length, bytes }
            }
            _ => Text::Shared(name.into()),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Text::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Text::Fixed(name) => name.as_bytes(),
            Text::Shared(name) => name.as_bytes(),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            // INVARIANT: the bytes are those of a whole `str`, see `new`.
            Text::Short { .. } => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Text::Fixed(name) => name,
            Text::Shared(name) => name,
        }
    }
}

/// Copies few bytes, of which both have the same number, without a call: the two ends overlap.
#[inline]
pub(crate) fn copy(to: &mut [u8], from: &[u8]) {
    macro_rules! ends {
        ($size:literal) => {
            if let (Some(first), Some(last)) = (from.first_chunk::<$size>(), from.last_chunk::<$size>())
                && from.len() <= 2 * $size
            {
                let (first, last) = (*first, *last);
                if let Some(place) = to.first_chunk_mut::<$size>() {
                    *place = first;
                }
                if let Some(place) = to.last_chunk_mut::<$size>() {
                    *place = last;
                }
                return;
            }
        };
    }
    ends!(8);
    ends!(4);
    ends!(16);
    if from.len() < 4 {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    } else {
        to.copy_from_slice(from);
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::error::show_name(self.as_str()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::Dialect;
    use crate::token::{Kind, Tokens, decode_name};

    const CORPUS: &str = include_str!("../tests/data/identifiers.jsonl");

    #[test]
    fn every_line_of_the_corpus_gets_its_class() {
        let mut counts = [0, 0];
        for line in CORPUS.lines() {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            let name = entry["ident"].as_str().unwrap();
            let hostile = entry["class"] == "hostile";
            counts[usize::from(hostile)] += 1;
            let result = Ident::new(name);
            assert_eq!(result.is_err(), hostile, "{line}: {result:?}");
            if let Err(error) = result {
                assert_eq!(error.kind(), ErrorKind::Name);
                let message = error.to_string();
                assert!(!message.chars().any(char::is_control), "{message}");
                let mut shown = show_name(name);
                if name.is_empty() {
                    shown = String::from("a name is empty");
                }
                assert!(message.contains(&shown), "{message} does not hold {shown}");
            }
        }
        assert_eq!(counts, [196, 189]);
    }

    #[test]
    fn each_refusal_has_its_code_and_its_twin() {
        let long = "x".repeat(64);
        for (hostile, code, twin) in [
            ("", "ident.empty", "_"),
            (long.as_str(), "ident.too_long", &long[1..]),
            (" id", "ident.space", "i d"),
            ("id ", "ident.space", "i d"),
            ("a.b", "ident.character", "a_b"),
            ("a\u{200b}b", "ident.character", "ab"),
            ("o\u{2019}x", "ident.character", "o\u{2015}x"),
            ("a--b", "ident.comment", "a-b"),
            ("a$1", "ident.dollar", "a$b"),
            ("a$b$c", "ident.dollar", "a$b c$"),
            ("\u{301}id", "ident.mark", "e\u{301}"),
        ] {
            assert_eq!(Ident::new(hostile).unwrap_err().code(), code, "{hostile:?}");
            assert_eq!(Ident::new(twin).unwrap().as_str(), twin);
        }
    }

    #[test]
    fn a_word_is_seen_by_each_of_its_bytes() {
        for length in 0..80 {
            let word = "aZ09_mNz7".repeat(9)[..length].to_owned();
            assert_eq!(is_word(word.as_bytes()), (1..=63).contains(&length), "{length}");
            for place in 0..length.min(63) {
                for byte in 0..=255u8 {
                    let mut bytes = word.clone().into_bytes();
                    bytes[place] = byte;
                    let plain = byte.is_ascii_alphanumeric() || byte == b'_';
                    assert_eq!(is_word(&bytes), plain && length <= 63, "{byte} at {place} of {length}");
                }
            }
        }
    }

    #[test]
    fn bytes_are_copied_whatever_their_number() {
        let from: Vec<u8> = (1..=64).collect();
        for length in 0..=from.len() {
            let mut to = vec![0; length];
            copy(&mut to, &from[..length]);
            assert_eq!(to, from[..length]);
        }
    }

    #[test]
    fn a_fixed_and_a_shared_name_are_the_same_name() {
        let (fixed, shared) = (Ident::fixed("total").unwrap(), Ident::new(String::from("total")).unwrap());
        assert_eq!(fixed, shared);
        assert_eq!(fixed.cmp(&shared), std::cmp::Ordering::Equal);
        assert!(Ident::fixed("to\u{0}tal").is_err());
    }

    fn quote(name: &str, dialect: Dialect) -> String {
        let mark = dialect.name_quote();
        format!("{mark}{}{mark}", name.replace(mark, &format!("{mark}{mark}")))
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_one_quoted_name_on_every_dialect(
            name in prop_oneof!["\\PC{0,24}", "[a-zA-Z0-9_ $%&/=<>!~^+éß名-]{1,40}", any::<String>()]
        ) {
            if let Ok(ident) = Ident::new(&name) {
                for dialect in [Dialect::Postgres, Dialect::MySql, Dialect::MariaDb, Dialect::Sqlite] {
                    let quoted = quote(ident.as_str(), dialect);
                    let tokens: Vec<_> = Tokens::new(&quoted, dialect).collect();
                    prop_assert_eq!(tokens.len(), 1);
                    prop_assert_eq!(tokens[0].kind, Kind::Name);
                    prop_assert_eq!(decode_name(tokens[0].text, dialect), Some(name.clone()));
                }
            }
        }
    }
}
