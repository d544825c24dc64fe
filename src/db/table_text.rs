//! The expressions in the text of a CREATE TABLE: of the one that SQLite keeps, or of one that this crate would send.

use crate::dialect::Dialect;
use crate::token::{Kind, Token, Tokens, decode_name};

/// What such a text says beside the names and types of its columns.
#[derive(Debug, Default, PartialEq)]
pub(super) struct TableText {
    pub(super) defaults: Vec<(String, String)>,
    pub(super) generated: Vec<(String, String)>,
    /// Each with its name, if it has one.
    pub(super) checks: Vec<(Option<String>, String)>,
    /// A column counts by itself.
    pub(super) counts: bool,
}

impl TableText {
    pub(super) fn of(sql: &str, dialect: Dialect) -> TableText {
        let mut text = TableText::default();
        let tokens: Vec<Token<'_>> = Tokens::new(sql, dialect).filter(|token| token.kind != Kind::Comment).collect();
        let Some(start) = tokens.iter().position(|token| token.is_operator("(")) else { return text };
        let end = closing(&tokens, start);
        let body = tokens.get(start + 1..end).unwrap_or_default();
        let mut depth = 0_usize;
        let elements = body.split(|token| {
            depth = match token.text {
                "(" if token.kind == Kind::Operator => depth + 1,
                ")" if token.kind == Kind::Operator => depth.saturating_sub(1),
                _ => depth,
            };
            depth == 0 && token.is_operator(",")
        });
        for element in elements {
            text.element(element, sql, dialect);
        }
        text
    }

    fn element(&mut self, tokens: &[Token<'_>], sql: &str, dialect: Dialect) {
        let Some(first) = tokens.first() else { return };
        const OF_THE_TABLE: [&str; 6] = ["CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "KEY"];
        let column = (!OF_THE_TABLE.iter().any(|word| first.is_word(word))).then(|| name_of(first, dialect));
        let mut place = usize::from(column.is_some());
        let mut called = None;
        while let Some(token) = tokens.get(place) {
            let opens = tokens.get(place + 1).is_some_and(|next| next.is_operator("("));
            let inside = || inner(tokens, place + 1, sql);
            if token.is_word("CONSTRAINT") {
                called = tokens.get(place + 1).map(|name| name_of(name, dialect));
                place += 2;
                continue;
            } else if token.is_word("CHECK") && opens {
                let name = called.take();
                if name.as_deref() != Some("portcullis_type") {
                    self.checks.push((name, inside()));
                }
            } else if token.is_word("AS") && opens {
                self.generated.extend(column.clone().map(|column| (column, inside())));
            } else if token.is_word("DEFAULT")
                && !tokens.get(place.wrapping_sub(1)).is_some_and(|before| before.is_word("BY"))
            {
                let value = if opens {
                    inside()
                } else {
                    let signed =
                        tokens.get(place + 1).is_some_and(|next| next.is_operator("-") || next.is_operator("+"));
                    let last = tokens.get(place + if signed { 2 } else { 1 });
                    let range = tokens.get(place + 1).map(|next| next.start).zip(last.map(Token::end));
                    range.and_then(|(start, end)| sql.get(start..end)).unwrap_or_default().to_owned()
                };
                self.defaults.extend(column.clone().map(|column| (column, value)));
            } else if token.is_word("AUTOINCREMENT") {
                self.counts = true;
            } else if token.is_operator("(") {
                place = closing(tokens, place);
            }
            place += 1;
        }
    }
}

/// What stands between the brackets of which the first is at `open`.
fn inner(tokens: &[Token<'_>], open: usize, sql: &str) -> String {
    let range = tokens.get(open).map(Token::end).zip(tokens.get(closing(tokens, open)).map(|token| token.start));
    range.and_then(|(start, end)| sql.get(start..end)).unwrap_or_default().trim().to_owned()
}

/// The bracket that closes the one at `open`; the end where there is none.
pub(super) fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate().skip(open) {
        if token.is_operator("(") {
            depth += 1;
        } else if token.is_operator(")") {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return place;
            }
        }
    }
    tokens.len()
}

fn name_of(token: &Token<'_>, dialect: Dialect) -> String {
    decode_name(token.text, dialect).unwrap_or_else(|| token.text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_found_where_they_stand() {
        let sql = "CREATE TABLE \"t, (\" (a INTEGER PRIMARY KEY AUTOINCREMENT, -- CHECK (no)\n \
                   \"check\" TEXT DEFAULT 'it''s, (x)' CHECK (length(\"check\") < 3), c DECIMAL(10, 2) NOT NULL DEFAULT -1.5, \
                   d INT DEFAULT (1 + (2)) CONSTRAINT \"portcullis_type\" CHECK (d BETWEEN 1 AND 2), \
                   e INT GENERATED ALWAYS AS (c * 2) STORED, f INT AS (c) VIRTUAL, \
                   CONSTRAINT \"q\"\"d\" CHECK ((a > 0)), UNIQUE (a, c), CHECK (a <> 7))";
        let text = TableText::of(sql, Dialect::Sqlite);
        let counts =
            TableText::of("CREATE TABLE t (a bigint GENERATED BY DEFAULT AS IDENTITY NOT NULL)", Dialect::Postgres);
        assert_eq!(counts, TableText::default());
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(text.defaults, [pair("check", "'it''s, (x)'"), pair("c", "-1.5"), pair("d", "1 + (2)")]);
        assert_eq!(text.generated, [pair("e", "c * 2"), pair("f", "c")]);
        let checks = [
            (None, "length(\"check\") < 3".to_owned()),
            (Some("q\"d".to_owned()), "(a > 0)".to_owned()),
            (None, "a <> 7".to_owned()),
        ];
        assert_eq!(text.checks, checks);
        assert!(text.counts);
        for cut in 0..sql.len() {
            let _ = TableText::of(&sql[..cut], Dialect::Sqlite);
        }
    }
}
