//! Rows and columns for a terminal.

use std::io::Write;

use unicode_width::UnicodeWidthStr;

use crate::{Fault, print};

/// Lines up rows that are in memory. Cells are escaped already. Columns whose heading begins with `>` are aligned to the right.
pub(crate) fn write(out: &mut impl Write, headings: &[&str], rows: &[Vec<String>]) -> Result<(), Fault> {
    let first: Vec<String> = headings.iter().map(|heading| heading.trim_start_matches('>').to_owned()).collect();
    let mut widths: Vec<usize> = first.iter().map(|heading| heading.width()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    for row in std::iter::once(&first).chain(rows) {
        let mut line = String::new();
        for ((cell, width), heading) in row.iter().zip(&widths).zip(headings) {
            let space = " ".repeat(width.saturating_sub(cell.width()));
            let (before, after) = if heading.starts_with('>') { (space.as_str(), "") } else { ("", space.as_str()) };
            line = line + before + cell + after + "  ";
        }
        print(out, line.trim_end())?;
    }
    Ok(())
}

/// `cell` with spaces behind it, up to `width`.
pub(crate) fn padded(cell: &str, width: usize) -> String {
    cell.to_owned() + &" ".repeat(width.saturating_sub(cell.width()))
}
