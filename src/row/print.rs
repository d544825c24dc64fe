//! Rows as an aligned table: one row is one line, whatever the cells hold.

use std::fmt::{self, Write as _};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::ident::is_hidden;
use crate::row::Rows;
use crate::types::{Family, SqlType};
use crate::value::Value;

/// How many rows `Display` prints.
const ROWS: usize = 20;
/// The widest cell, in terminal columns; the rest is cut and marked with `…`.
const WIDTH: usize = 40;

impl Rows {
    /// The first `n` rows as a table that can be printed.
    pub fn show(&self, n: usize) -> Shown<'_> {
        Shown { rows: self, limit: n }
    }
}

impl fmt::Display for Rows {
    /// The first 20 rows as a table; [`Rows::show`] takes another number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(ROWS).fmt(f)
    }
}

/// Some rows as a printable table: see [`Rows::show`].
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    rows: &'a Rows,
    limit: usize,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.rows.columns();
        let mut right: Vec<bool> = Vec::with_capacity(names.len());
        let mut table: Vec<Vec<String>> = vec![names.iter().map(|it| printable(it)).collect()];
        for row in self.rows.iter().take(self.limit) {
            table.push(row.values().iter().map(shown).collect());
        }
        for (at, sql_type) in self.rows.column_types().iter().enumerate() {
            right.push(is_number(*sql_type, self.rows.iter().take(self.limit).filter_map(|row| row.get(at))));
        }
        let mut widths = vec![0; names.len()];
        for line in &table {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = cell.width().max(*width);
            }
        }
        for (number, line) in table.iter().enumerate() {
            if widths.is_empty() {
                break;
            }
            write_line(f, line, &widths, &right)?;
            if number == 0 {
                let rules: Vec<String> = widths.iter().map(|width| "─".repeat(width + 2)).collect();
                writeln!(f, "{}", rules.join("┼"))?;
            }
        }
        let total = self.rows.len();
        write!(f, "{total} {}", if total == 1 { "row" } else { "rows" })?;
        if total > self.limit {
            write!(f, ", {} shown", self.limit)?;
        }
        Ok(())
    }
}

fn write_line(f: &mut fmt::Formatter<'_>, cells: &[String], widths: &[usize], right: &[bool]) -> fmt::Result {
    let mut line = String::new();
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if at > 0 {
            line.push('│');
        }
        let space = " ".repeat(width.saturating_sub(cell.width()));
        if right.get(at).copied().unwrap_or(false) {
            line.extend([" ", space.as_str(), cell, " "]);
        } else {
            line.extend([" ", cell, space.as_str(), " "]);
        }
    }
    writeln!(f, "{}", line.trim_end_matches(' '))
}

/// By the column's type, or by what the shown cells hold where the type isn't known.
fn is_number<'a>(sql_type: Option<SqlType>, values: impl Iterator<Item = &'a Value>) -> bool {
    if let Some(sql_type) = sql_type {
        return sql_type.family() == Family::Number;
    }
    let mut kinds = values.filter_map(Value::sql_type).peekable();
    kinds.peek().is_some() && kinds.all(|it| it.family() == Family::Number)
}

fn shown(value: &Value) -> String {
    match value {
        // Text may be long: only the part that is shown is looked at.
        Value::Text(it) => printable(it),
        Value::Bytes(it) => {
            let mut hex = String::from("\\x");
            for byte in it.iter().take(WIDTH) {
                let _ = write!(hex, "{byte:02x}");
            }
            printable(&hex)
        }
        other => printable(&plain(other)),
    }
}

pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(it) => it.to_string(),
        Value::Int(it) => it.to_string(),
        Value::UInt(it) => it.to_string(),
        Value::Float(it) => format!("{it:?}"),
        Value::Decimal(it) => it.to_string(),
        Value::Date(it) => it.to_string(),
        Value::Time(it) => it.to_string(),
        Value::Timestamp(it) => it.to_string(),
        Value::TimestampTz(it) => format!("{}Z", it.naive_utc()),
        Value::Interval(it) => it.to_string(),
        Value::Uuid(it) => it.to_string(),
        Value::Json(it) => it.to_string(),
        Value::Array(items) => {
            // Forty elements fill any cell.
            let items: Vec<String> = items.iter().take(WIDTH).map(shown).collect();
            format!("[{}]", items.join(", "))
        }
        text @ (Value::Text(_) | Value::Bytes(_)) => shown(text),
    }
}

/// The text on one line, with whatever doesn't print escaped, cut at [`WIDTH`].
fn printable(text: &str) -> String {
    let mut line = String::new();
    let mut width = 0;
    for (at, character) in text.char_indices() {
        // A pile of combining marks has no width; no cell needs that many bytes.
        if line.len() > WIDTH * 8 {
            cut(&mut line, width);
            break;
        }
        let before = line.len();
        let took = match character {
            '\n' => push(&mut line, "\\n"),
            '\r' => push(&mut line, "\\r"),
            '\t' => push(&mut line, "\\t"),
            it if is_hidden(it) => push(&mut line, &it.escape_unicode().to_string()),
            it => {
                line.push(it);
                it.width().unwrap_or(0)
            }
        };
        width += took;
        let is_last = at + character.len_utf8() == text.len();
        if width > WIDTH || (width == WIDTH && !is_last) {
            line.truncate(before);
            cut(&mut line, width - took);
            break;
        }
    }
    line
}

fn cut(line: &mut String, mut width: usize) {
    while width >= WIDTH {
        match line.pop() {
            Some(it) => width -= it.width().unwrap_or(0),
            None => break,
        }
    }
    line.push('…');
}

fn push(line: &mut String, escaped: &str) -> usize {
    line.push_str(escaped);
    escaped.len()
}

#[cfg(test)]
#[path = "print_tests.rs"]
mod tests;
