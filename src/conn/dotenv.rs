//! A small, strict reader of `.env` files.
//!
//! Readers of this format disagree about quotes, comments after a value and `$`. Where two could read a line differently,
//! it is refused, because a password that is read differently fails in a way that is hard to see.

use super::parse::refuse;
use crate::error::{Error, Result, show_name};

/// The value of `name`, or `None` when the text doesn't set it. `name` is checked by the caller.
pub(super) fn find(text: &str, name: &str) -> Result<Option<String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let Some((key, raw)) = line.split_once('=').filter(|(key, _)| is_name(key)) else {
            return Err(refuse(
                "dsn.dotenv",
                format!("line {} of the `.env` file is not `NAME=value`, a comment or blank", index + 1),
            ));
        };
        if key != name {
            continue;
        }
        if found.is_some() {
            return Err(refuse("dsn.dotenv", format!("the `.env` file sets {} twice", show_name(name))));
        }
        found = Some(value(raw).ok_or_else(|| doubtful(index + 1))?);
    }
    Ok(found)
}

fn is_name(key: &str) -> bool {
    !key.is_empty()
        && !key.starts_with(|first: char| first.is_ascii_digit())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn value(raw: &str) -> Option<String> {
    if let Some(quoted) = raw.strip_prefix('\'') {
        return quoted.strip_suffix('\'').filter(|inner| !inner.contains('\'')).map(str::to_owned);
    }
    if let Some(quoted) = raw.strip_prefix('"') {
        return double_quoted(quoted);
    }
    let plain = !raw.contains(|character: char| character.is_whitespace() || "'\"`$\\#".contains(character));
    plain.then(|| raw.to_owned())
}

/// The text after the opening quote; it must end with the closing one.
fn double_quoted(text: &str) -> Option<String> {
    let mut value = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return characters.next().is_none().then_some(value),
            '$' | '`' => return None,
            '\\' => value.push(match characters.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                escaped @ ('\\' | '"' | '$') => escaped,
                _ => return None,
            }),
            other => value.push(other),
        }
    }
    None
}

fn doubtful(line: usize) -> Error {
    refuse(
        "dsn.dotenv",
        format!("the value on line {line} of the `.env` file is not read the same everywhere: put it in single quotes"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_of_a_value_are_read() {
        for (text, expected) in [
            ("A=x:y/z%40?b=c&d=e", "x:y/z%40?b=c&d=e"),
            ("A='x $y # \"z\"'", "x $y # \"z\""),
            ("A=\"x \\$y # \\\\ \\\" \\n\"", "x $y # \\ \" \n"),
            ("export A=x", "x"),
            ("\u{feff}\r\n# comment\r\n  B=1\r\nA=x\r\n", "x"),
            ("A=", ""),
            ("B=$unchecked value\nA=x", "x"),
        ] {
            assert_eq!(find(text, "A").unwrap().as_deref(), Some(expected), "{text}");
        }
        assert_eq!(find("AA=x\n#A=x", "A").unwrap(), None);
    }

    #[test]
    fn what_readers_disagree_about_is_refused_without_showing_it() {
        for text in [
            "A=MARKER # comment",
            "A=MARKER#",
            "A=$MARKER",
            "A=MARKER`ls`",
            "A='MARKER",
            "A='MARKER' x",
            "A=\"MARKER",
            "A=\"MARKER\" x",
            "A=\"${MARKER}\"",
            "A=\"MARKER\\q\"",
            "A=MARKER\nA=MARKER",
            "MARKER",
            "A = MARKER",
            "1A=MARKER",
            "A='MARKER\nB=x'",
            "=MARKER",
        ] {
            let error = find(text, "A").unwrap_err();
            assert_eq!(error.code(), "dsn.dotenv", "{text}");
            assert!(!format!("{error} {error:?}").contains("MARKER"), "{text}");
        }
    }
}
