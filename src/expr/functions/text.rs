//! Functions of text.
//!
//! A text longer than `max_allowed_packet` is NULL on MySQL and MariaDB, whatever function made it.

use super::methods;
use crate::error::{Error, ErrorKind};
use crate::expr::operand::{Operand, OperandFor, family};
use crate::expr::{Expr, Kind, Pattern, TextFunction};
use crate::types::SqlType;
use crate::value::{Bind, Value};

/// The most characters that `lpad` and `rpad` fill up to, and times that `repeat` repeats.
const MAX_WIDTH: u32 = 1_000_000;

methods! { TextFamily;
    /// The text in capitals, letter by letter; NULL stays NULL.
    ///
    /// The letters are those that MySQL and MariaDB know, on every database: the alphabets up to U+FFFF as they stood in Unicode 3. A
    /// letter becomes one letter or stays: `ß` and `ﬁ` stay, `ı` becomes `I`, `ς` and `σ` become `Σ`.
    ///
    /// SQL text: `UPPER(…)` on MySQL, `TRANSLATE("c", …)` on PostgreSQL, with the letters bound, and on SQLite, which knows ASCII
    /// only, a function that this crate adds to its connections.
    fn upper(text) {
        Expr::call(TextFunction::Upper, [text])
    }

    /// The text in small letters, letter by letter; NULL stays NULL. See [`Expr::upper`]: `İ` becomes `i`, `Σ` always `σ`.
    fn lower(text) {
        Expr::call(TextFunction::Lower, [text])
    }

    /// Each word with a capital first and small letters after it; NULL stays NULL.
    ///
    /// A word is a run of anything but signs and spaces: `o'neil` becomes `O'Neil`, `3RD` becomes `3rd`. The letters are those of
    /// [`Expr::upper`].
    ///
    /// SQL text: a subselect that goes word by word on PostgreSQL, and letter by letter on MySQL (slow for texts of many thousands of letters;
    /// an error beyond what a packet holds); a function of this crate on SQLite.
    fn initcap(text) {
        Expr::call(TextFunction::Initcap, [text])
    }

    /// The text without the spaces at both ends; NULL stays NULL. Only the character U+0020 is a space here: for others see
    /// [`Expr::trim_chars`].
    ///
    /// SQL text: `TRIM("c")`.
    fn trim(text) {
        Expr::call(TextFunction::Trim, [text])
    }

    /// The text without the spaces at its start; see [`Expr::trim`].
    fn ltrim(text) {
        Expr::call(TextFunction::Ltrim, [text])
    }

    /// The text without the spaces at its end; see [`Expr::trim`].
    fn rtrim(text) {
        Expr::call(TextFunction::Rtrim, [text])
    }

    /// The text without any of `characters` at both ends; NULL stays NULL.
    ///
    /// SQL text: `BTRIM("c", $1)` on PostgreSQL, `TRIM("c", ?1)` on SQLite, `REGEXP_REPLACE(…)` on MySQL.
    fn trim_chars(text, characters: &str) {
        with_characters(text, characters, TextFunction::TrimChars)
    }

    /// The text without any of `characters` at its start; see [`Expr::trim_chars`].
    fn ltrim_chars(text, characters: &str) {
        with_characters(text, characters, TextFunction::LtrimChars)
    }

    /// The text without any of `characters` at its end; see [`Expr::trim_chars`].
    fn rtrim_chars(text, characters: &str) {
        with_characters(text, characters, TextFunction::RtrimChars)
    }

    /// How many characters the text has, as a bigint; NULL stays NULL. A character is a code point: `é` written as `e` and an accent
    /// has two.
    ///
    /// SQL text: `LENGTH("c")` on PostgreSQL, `CHAR_LENGTH(…)` on MySQL, a function of this crate on SQLite, whose own stops at U+0000.
    fn length(text) {
        Expr::call(TextFunction::Length, [text])
    }

    /// How many bytes the text has in UTF-8, however the database stores it, as a bigint; NULL stays NULL.
    fn octet_length(text) {
        Expr::call(TextFunction::OctetLength, [text])
    }

    /// The part of `length` characters from the character `start` on, counted from 1; NULL when an operand is NULL.
    ///
    /// As in the SQL standard: what lies before the first character and after the last is empty. So `substring(0, 3)` is the
    /// first two characters, `substring(-5, 3)` and a negative length give the empty text.
    fn substring(text, start: impl OperandFor<family::Number>, length: impl OperandFor<family::Number>) {
        let (start, length) = standing(start.into_operand(), length.into_operand());
        Expr::call(TextFunction::Substring, [text, start, length])
    }

    /// The text from the character `start` on, counted from 1; all of it for a start below 1. NULL when an operand is NULL.
    fn substring_from(text, start: impl OperandFor<family::Number>) {
        Expr::call(TextFunction::Substring, [text, counted(start.into_operand(), 1)])
    }

    /// The first `count` characters; none for a negative count. NULL when an operand is NULL.
    fn left(text, count: impl OperandFor<family::Number>) {
        Expr::call(TextFunction::Left, [text, counted(count.into_operand(), 0)])
    }

    /// The last `count` characters; none for a negative count. NULL when an operand is NULL.
    fn right(text, count: impl OperandFor<family::Number>) {
        Expr::call(TextFunction::Right, [text, counted(count.into_operand(), 0)])
    }

    /// Where `part` first occurs, as a bigint: the character's number from 1, 0 for nowhere, 1 for an empty part. NULL when an
    /// operand is NULL.
    ///
    /// SQL text: `STRPOS("c", $1)` on PostgreSQL, `LOCATE(?, …)` on MySQL, `INSTR("c", ?1)` on SQLite.
    fn position(text, part: impl OperandFor<family::Text>) {
        Expr::call(TextFunction::Position, [text, part.into_operand()])
    }

    /// The text with every `from` replaced by `to`, from left to right, letter by letter; an empty `from` occurs nowhere. NULL
    /// when an operand is NULL.
    ///
    /// SQL text: `REPLACE("c", $1, $2)`.
    fn replace(text, from: impl OperandFor<family::Text>, to: impl OperandFor<family::Text>) {
        Expr::call(TextFunction::Replace, [text, from.into_operand(), to.into_operand()])
    }

    /// The text with each character of `from` replaced by the one in the same place of `to`, and dropped where `to` is shorter;
    /// of a character that stands in `from` twice the first counts. NULL stays NULL.
    ///
    /// SQL text: `TRANSLATE("c", $1, $2)` on PostgreSQL, `REPLACE(REPLACE(…))` on MySQL, where characters that change places
    /// (`translate("ab", "ba")`) are refused.
    fn translate(text, from: &str, to: &str) {
        let mut pairs: Vec<(char, Option<char>)> = Vec::new();
        let mut targets = to.chars();
        for character in from.chars() {
            let target = targets.next();
            if !pairs.iter().any(|(known, _)| *known == character) {
                pairs.push((character, target));
            }
        }
        if pairs.is_empty() {
            return text_refused("`translate` has no characters to look for; write at least one, or leave it out");
        }
        Expr::call(TextFunction::Translate(pairs), [text])
    }

    /// The part with the number `part`, counted from 1, of the text split at every `separator`; the empty text beyond the last.
    /// NULL stays NULL.
    ///
    /// SQL text: `SPLIT_PART("c", $1, $2)` on PostgreSQL, `SUBSTRING_INDEX(…)` on MySQL.
    fn split_part(text, separator: &str, part: u32) {
        if separator.is_empty() {
            return text_refused("`split_part` has an empty separator; write the text to split at");
        }
        if part == 0 || i32::try_from(part).is_err() {
            return text_refused("`split_part` counts parts from 1; write the number of the part");
        }
        Expr::call(TextFunction::SplitPart(part), [text, separator.into_operand()])
    }

    /// The text filled up on the left to `width` characters with `fill`, over and over; cut on the right when it is longer. NULL
    /// stays NULL.
    ///
    /// SQL text: `LPAD("c", $1, $2)`.
    fn lpad(text, width: u32, fill: &str) {
        padded(text, width, fill, TextFunction::Lpad)
    }

    /// The text filled up on the right to `width` characters with `fill`, over and over; cut on the right when it is longer.
    /// NULL stays NULL.
    ///
    /// SQL text: `RPAD("c", $1, $2)`.
    fn rpad(text, width: u32, fill: &str) {
        padded(text, width, fill, TextFunction::Rpad)
    }

    /// The text `times` times; NULL stays NULL.
    ///
    /// SQL text: `REPEAT("c", $1)`.
    fn repeat(text, times: u32) {
        if times > MAX_WIDTH {
            return text_refused("`repeat` repeats at most 1000000 times");
        }
        Expr::call(TextFunction::Repeat, [text, whole(times)])
    }

    /// The characters from the last to the first; NULL stays NULL. A character is a code point, so accents of their own move.
    ///
    /// SQL text: `REVERSE("c")`.
    fn reverse(text) {
        Expr::call(TextFunction::Reverse, [text])
    }

    /// True where `part` occurs in the text, letter by letter: `%` and `_` have no special meaning, and capitals are not small letters.
    /// An empty part always does. NULL when an operand is NULL.
    ///
    /// SQL text: `"c" LIKE $1` for a value, escaped and bound; for an expression `STRPOS("c", "d") > 0` on PostgreSQL, `LOCATE(…)` on MySQL,
    /// `INSTR(…)` on SQLite.
    fn contains(text, part: impl OperandFor<family::Text>) {
        found(text, part.into_operand(), Pattern::Contains, TextFunction::Contains)
    }

    /// True where the text starts with `part`, letter by letter; see [`Expr::contains`].
    fn starts_with(text, part: impl OperandFor<family::Text>) {
        found(text, part.into_operand(), Pattern::StartsWith, TextFunction::StartsWith)
    }

    /// True where the text ends with `part`, letter by letter; see [`Expr::contains`].
    fn ends_with(text, part: impl OperandFor<family::Text>) {
        found(text, part.into_operand(), Pattern::EndsWith, TextFunction::EndsWith)
    }
}

methods! { OctetFamily;
    /// The MD5 hash of the text's UTF-8 or of the bytes, as 32 small hexadecimal digits; NULL stays NULL. Good for comparing, not
    /// against an adversary. MySQL has it no more from version 9.6 on, so it is refused there: write [`Expr::sha256`].
    fn md5(octets) {
        Expr::call(TextFunction::Md5, [octets])
    }

    /// The SHA-256 hash of the text's UTF-8 or of the bytes, as 64 small hexadecimal digits; NULL stays NULL.
    fn sha256(octets) {
        Expr::call(TextFunction::Sha256, [octets])
    }

    /// The text's UTF-8 or the bytes as small hexadecimal digits; NULL stays NULL.
    fn hex(octets) {
        Expr::call(TextFunction::Hex, [octets])
    }

    /// The text's UTF-8 or the bytes in base64 with padding and without line breaks; NULL stays NULL.
    fn base64(octets) {
        Expr::call(TextFunction::Base64, [octets])
    }
}

methods! { TextFamily;
    /// The bytes that hexadecimal digits stand for, capitals or small; NULL for NULL and for a text that is no even number of digits.
    fn from_hex(text) {
        Expr::call(TextFunction::FromHex, [text])
    }

    /// The bytes that base64 stands for, with padding and nothing between; NULL for NULL and for any other text.
    fn from_base64(text) {
        Expr::call(TextFunction::FromBase64, [text])
    }
}

/// The texts one after the other; NULL when one of them is NULL. For one that leaves NULL out see [`concat_ws`].
///
/// SQL text: `"a" || "b"`, and `CONCAT(a, b)` on MySQL.
///
/// ```
/// use portcullis::{col, concat, lit};
/// let full = concat([col("first"), lit(" "), col("last")]);
/// # let _ = full;
/// ```
pub fn concat<P: Operand>(texts: impl IntoIterator<Item = P>) -> Expr {
    let texts: Vec<Expr> = texts.into_iter().map(Operand::into_operand).collect();
    if texts.is_empty() {
        return text_refused("`concat` has no operand; write at least one");
    }
    Expr::call(TextFunction::Concat, texts)
}

/// The texts that are not NULL one after the other, with `separator` between; the empty text when all are NULL.
///
/// SQL text: `CONCAT_WS($1, "a", "b")`.
///
/// ```
/// use portcullis::{col, concat_ws};
/// let address = concat_ws(", ", [col("street"), col("town"), col("country")]);
/// # let _ = address;
/// ```
pub fn concat_ws<P: Operand>(separator: &str, texts: impl IntoIterator<Item = P>) -> Expr {
    let mut operands = vec![separator.into_operand()];
    operands.extend(texts.into_iter().map(Operand::into_operand));
    if operands.len() == 1 {
        return text_refused("`concat_ws` has no operand; write at least one");
    }
    Expr::call(TextFunction::ConcatWs, operands)
}

fn text_refused(message: &'static str) -> Expr {
    Expr::invalid(Error::new(ErrorKind::Plan, "expr.text", message))
}

fn with_characters(text: Expr, characters: &str, function: fn(String) -> TextFunction) -> Expr {
    if characters.is_empty() {
        return text_refused("there are no characters to take away; write at least one, or leave it out");
    }
    Expr::call(function(characters.to_owned()), [text])
}

fn padded(text: Expr, width: u32, fill: &str, function: TextFunction) -> Expr {
    if fill.is_empty() {
        return text_refused("there is nothing to fill up with; write a character, such as a space");
    }
    if width > MAX_WIDTH {
        return text_refused("a text is filled up to at most 1000000 characters");
    }
    Expr::call(function, [text, whole(width), fill.into_operand()])
}

fn whole(number: u32) -> Expr {
    counted(i64::from(number).into_operand(), 0)
}

/// A count of characters: a value that no text reaches is brought within 32 bits, which is what PostgreSQL takes.
fn counted(count: Expr, least: i64) -> Expr {
    match count.kind() {
        Kind::Literal(Bind { value: Value::Int(number), .. }) => {
            let value = Value::Int((*number).clamp(least, i64::from(i32::MAX)));
            Expr::make(Kind::Literal(Bind { value, sql_type: SqlType::Int32 }))
        }
        _ => count,
    }
}

/// A start and a length as MySQL understands them too, where both are values: what lies before the first character is left out.
fn standing(start: Expr, length: Expr) -> (Expr, Expr) {
    let value = |expr: &Expr| match expr.kind() {
        Kind::Literal(Bind { value: Value::Int(number), .. }) => Some(*number),
        _ => None,
    };
    match value(&start).zip(value(&length)) {
        Some((from, count)) => {
            let before = from.min(1).saturating_sub(1);
            let count = count.max(0).saturating_add(before);
            (counted(from.into_operand(), 1), counted(count.into_operand(), 0))
        }
        None => (counted(start, i64::from(i32::MIN / 2)), counted(length, 0)),
    }
}

/// A value is a pattern, which an index may serve; an expression is looked for.
fn found(text: Expr, part: Expr, pattern: Pattern, function: TextFunction) -> Expr {
    match part.kind() {
        Kind::Literal(Bind { value: Value::Text(part), .. }) => {
            Expr::make(Kind::Like { operand: text, pattern, text: part.clone(), negated: false })
        }
        _ => Expr::call(function, [text, part]),
    }
}
