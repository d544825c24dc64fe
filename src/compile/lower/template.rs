//! Fixed pieces of SQL around operands, for what sea-query has no node for.

use sea_query::Expr;

use super::doors::custom;
use super::{Fragment, Lowering};
use crate::error::{Error, ErrorKind, Result};

/// More operands than these, all copies counted, are refused.
const MAX_WEIGHT: usize = 100_000;

impl Lowering<'_> {
    /// `template` with each `{0}`, `{1}` … replaced by that operand, as often as it stands there. The text is one of our own
    /// tables; it may hold literals, which no other compiled text may: `verify` is told where they are. An operand that isn't
    /// enclosed by the template's own parentheses and commas gets parentheses if it needs them, and so does the whole.
    pub(super) fn template(&mut self, template: &'static str, args: Vec<Expr>) -> Result<Expr> {
        self.pieces(&[Piece::Text(template)], args)
    }

    /// `GROUPING SETS ((a, b), (a), ())`, which must not stand in parentheses.
    pub(super) fn grouping_sets(&mut self, sets: &[Vec<usize>], keys: Vec<Expr>) -> Result<Expr> {
        let mut pieces = vec![Piece::Text("GROUPING SETS (")];
        for (place, set) in sets.iter().enumerate() {
            pieces.push(Piece::Text(if place == 0 { "(" } else { ", (" }));
            for (place, key) in set.iter().enumerate() {
                pieces.extend((place > 0).then_some(Piece::Text(", ")));
                pieces.push(Piece::Bare(*key));
            }
            pieces.push(Piece::Text(")"));
        }
        pieces.push(Piece::Text(")"));
        let written = self.written(&pieces, &keys)?;
        Ok(custom(written.text, written.args))
    }

    /// The same for a text of several pieces, such as a list whose length is the caller's.
    pub(super) fn pieces(&mut self, pieces: &[Piece], args: Vec<Expr>) -> Result<Expr> {
        let Written { text, args } = self.written(pieces, &args)?;
        let text = if is_closed(&text) { text } else { format!("({text})") };
        Ok(custom(text, args))
    }

    fn written(&mut self, pieces: &[Piece], args: &[Expr]) -> Result<Written> {
        let mut written = Written { text: String::new(), args: Vec::new() };
        for piece in pieces {
            match piece {
                Piece::Text(template) => self.write_template(template, args, &mut written)?,
                Piece::Operand(position) => {
                    let operand = args.get(*position).ok_or_else(|| Error::internal("template.operand"))?;
                    self.weigh(*position)?;
                    written.operand(operand.clone(), self.numbered(), false);
                }
                Piece::Bare(position) => {
                    let operand = args.get(*position).ok_or_else(|| Error::internal("template.operand"))?;
                    written.operand(operand.clone(), self.numbered(), true);
                }
                Piece::Literal(number) => {
                    let mark = self.fragment(vec![Fragment::Text(number.to_string())]);
                    written.text.push_str(&mark);
                }
            }
        }
        Ok(written)
    }

    fn weigh(&mut self, operand: usize) -> Result<()> {
        self.weight = self.weight.saturating_add(self.weights.get(operand).copied().unwrap_or(1));
        if self.weight > MAX_WEIGHT {
            let message = "the functions of the statement stand too deep in each other; write fewer inside one another";
            return Err(Error::new(ErrorKind::Limit, "limit.functions", message));
        }
        Ok(())
    }

    fn numbered(&self) -> bool {
        self.target.dialect == crate::dialect::Dialect::Postgres
    }

    fn write_template(&mut self, template: &'static str, args: &[Expr], written: &mut Written) -> Result<()> {
        let malformed = || Error::internal("template.malformed");
        let bytes = template.as_bytes();
        let byte = |position: usize| bytes.get(position).copied().unwrap_or(0);
        let mut position = 0;
        while position < bytes.len() {
            let start = position;
            match byte(position) {
                b'{' => {
                    let end = template.get(start..).and_then(|tail| tail.find('}')).ok_or_else(malformed)? + start;
                    let number = template.get(start + 1..end).ok_or_else(malformed)?;
                    let number: usize = number.parse().map_err(|_| malformed())?;
                    self.weigh(number)?;
                    let operand = args.get(number).ok_or_else(malformed)?.clone();
                    position = end + 1;
                    let before = written.text.trim_end().bytes().last().unwrap_or(b' ');
                    let after = template.get(position..).map_or("", str::trim_start).bytes().next().unwrap_or(b' ');
                    let enclosed = matches!(before, b'(' | b',') && matches!(after, b')' | b',');
                    written.operand(operand, self.numbered(), enclosed);
                }
                // A literal of ours: text in quotes, or digits that are no part of a word.
                b'\'' => {
                    position += 1;
                    loop {
                        match (byte(position), byte(position + 1)) {
                            (b'\'', b'\'') => position += 2,
                            (b'\'', _) => break,
                            (0, _) => return Err(malformed()),
                            _ => position += 1,
                        }
                    }
                    position += 1;
                    self.write_literal(template, start..position, written)?;
                }
                // sea-query takes what stands between them for a name.
                b'[' | b']' => {
                    position += 1;
                    self.write_literal(template, start..position, written)?;
                }
                b'0'..=b'9' => {
                    while matches!(byte(position), b'0'..=b'9' | b'.' | b'e') {
                        position += 1;
                    }
                    self.write_literal(template, start..position, written)?;
                }
                b'A'..=b'Z' | b'a'..=b'z' | b'_' => {
                    while matches!(byte(position), b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_') {
                        position += 1;
                    }
                    written.text.push_str(template.get(start..position).ok_or_else(malformed)?);
                }
                _ => {
                    position += 1;
                    while !template.is_char_boundary(position) {
                        position += 1;
                    }
                    written.text.push_str(template.get(start..position).ok_or_else(malformed)?);
                }
            }
        }
        Ok(())
    }

    fn write_literal(
        &mut self,
        template: &'static str,
        range: std::ops::Range<usize>,
        written: &mut Written,
    ) -> Result<()> {
        let literal = template.get(range).ok_or_else(|| Error::internal("template.literal"))?;
        let mark = self.fragment(vec![Fragment::Text(literal.to_owned())]);
        written.text.push_str(&mark);
        Ok(())
    }
}

/// A part of a text that is put together for a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Piece {
    /// A template, with operands in it.
    Text(&'static str),
    /// One of the operands.
    Operand(usize),
    /// One of the operands, where nothing beside it binds to a part of it.
    Bare(usize),
    /// A number that is a part of the text: how far a window's frame reaches, a place in a text of fixed width.
    Literal(rust_decimal::Decimal),
}

struct Written {
    text: String,
    args: Vec<Expr>,
}

impl Written {
    /// Adds an operand as sea-query's placeholder for one.
    fn operand(&mut self, operand: Expr, numbered: bool, enclosed: bool) {
        let parentheses = !enclosed && matches!(operand, Expr::Binary(..) | Expr::Unary(..));
        if parentheses {
            self.text.push('(');
        }
        self.args.push(operand);
        if numbered {
            self.text.push_str(&format!("${}", self.args.len()));
        } else {
            self.text.push('?');
        }
        if parentheses {
            self.text.push(')');
        }
    }
}

/// Whether nothing beside the text can bind to a part of it: a call, a text in parentheses, or a CASE.
fn is_closed(text: &str) -> bool {
    if text.starts_with("CASE ") && text.ends_with(" END") && text.matches("CASE ").count() == 1 {
        return true;
    }
    let name = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let Some(rest) = text.get(name..) else { return false };
    if rest.is_empty() {
        return true;
    }
    let mut depth = 0usize;
    for (position, character) in rest.char_indices() {
        match character {
            '(' => depth += 1,
            ')' if depth == 1 => return follows_a_call(rest.get(position + 1..).unwrap_or_default()),
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => return false,
            _ => {}
        }
    }
    false
}

/// What may follow a call and binds closer than any operator.
fn follows_a_call(rest: &str) -> bool {
    let Some(word) = [" FILTER (", " WITHIN GROUP (", " OVER ("].iter().find(|word| rest.starts_with(**word)) else {
        return rest.is_empty();
    };
    is_closed(rest.get(word.len() - 1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::is_closed;

    #[test]
    fn a_call_a_parenthesis_and_a_case_are_closed_and_an_operator_is_not() {
        for closed in
            ["UPPER($1)", "(a + b)", "CASE WHEN a THEN b END", "f(g(a), h(b))", "CURRENT_DATE", "f(a) OVER (b)"]
        {
            assert!(is_closed(closed), "{closed}");
        }
        for open in
            ["f(a) + g(b)", "a + b", "(a) || (b)", "$1 COLLATE x", "f(a) OVER (b) + c", "CASE a END + CASE b END"]
        {
            assert!(!is_closed(open), "{open}");
        }
    }
}
