//! Functions of text.

use sea_query::Expr;

use super::super::expr::place_of;
use super::super::template::Piece;
use super::Lowering;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{CAPITALS, Function, Letters, SEPARATORS, SMALL, TextFunction, class_of};
use crate::schema::{Rx, RxKind};
use crate::types::{Family, SqlType};
use crate::value::Value;

/// How many characters `translate` replaces one after the other, each a call around the others.
const MAX_NESTED: usize = 32;

/// A text letter by letter, each with the one before it, of which an empty text is found in any. What is too long for a packet is NULL,
/// and then no JSON, which is an error.
macro_rules! letter_by_letter {
    ($text:literal, $up:literal, $down:literal, $end:literal, $from:literal) => {
        concat!(
            "(SELECT GROUP_CONCAT(CASE WHEN LOCATE(SUBSTRING(",
            $text,
            ", portcullis_o - 1, 1), {1}) > 0 THEN ",
            $up,
            "SUBSTRING(",
            $text,
            ", portcullis_o, 1)",
            $end,
            " ELSE ",
            $down,
            "SUBSTRING(",
            $text,
            ", portcullis_o, 1)",
            $end,
            " END ORDER BY portcullis_o SEPARATOR '') FROM ",
            $from,
            "JSON_TABLE(COALESCE(CONCAT('[0', REPEAT(',0', CHAR_LENGTH(COALESCE(",
            $text,
            ", '')) - 1), ']'), 'x'), \
             '$[*]' COLUMNS (portcullis_o FOR ORDINALITY)) AS portcullis_t WHERE ",
            $text,
            " IS NOT NULL)"
        )
    };
}

impl Lowering<'_> {
    pub(super) fn text_form(&mut self, function: &TextFunction, operands: &[Rx], args: Vec<Expr>) -> Result<Expr> {
        use Dialect::{MariaDb, MySql, Postgres, Sqlite};
        use TextFunction as F;
        let dialect = self.target.dialect;
        let mut args = self.exactly(function, operands, args);
        let template = match (function, dialect) {
            (F::Upper, _) => return self.letters(&CAPITALS, operands, args),
            (F::Lower, _) => return self.letters(&SMALL, operands, args),
            (F::Initcap, _) => return self.initcap(args),
            (F::Trim, Postgres) => "BTRIM({0})",
            (F::Trim, _) => "TRIM({0})",
            (F::Ltrim, _) => "LTRIM({0})",
            (F::Rtrim, _) => "RTRIM({0})",
            (F::TrimChars(list) | F::LtrimChars(list) | F::RtrimChars(list), _) => {
                return self.trim_chars(function, list, args);
            }
            (F::Length, Postgres) => "CAST(LENGTH({0}) AS bigint)",
            (F::Length, MySql | MariaDb) => "CHAR_LENGTH({0})",
            (F::Length, Sqlite) => "portcullis_length({0})",
            (F::OctetLength, Postgres) => "CAST(OCTET_LENGTH(CONVERT_TO({0}, 'UTF8')) AS bigint)",
            (F::OctetLength, MySql | MariaDb) => "OCTET_LENGTH({0})",
            (F::OctetLength, Sqlite) => "portcullis_octet_length({0})",
            (F::Substring | F::Left | F::Right, _) => return self.part_of(function, operands, args),
            (F::Position, Postgres) => "CAST(STRPOS({0}, {1}) AS bigint)",
            (F::Position, MySql | MariaDb) => "LOCATE({1}, {0})",
            (F::Position, Sqlite) => "INSTR({0}, {1})",
            // SQL: SQLite and MariaDB look at the third operand only when the second is not empty.
            (F::Replace, Sqlite | MariaDb | MySql) if operands.get(2).is_some_and(Rx::nullable) => {
                "CASE WHEN {2} IS NOT NULL THEN REPLACE({0}, {1}, {2}) END"
            }
            (F::Replace, _) => "REPLACE({0}, {1}, {2})",
            (F::Translate(pairs), _) => return self.translate(pairs, args),
            (F::SplitPart(part), _) => return self.split_part(*part, args),
            (F::Concat, Postgres | Sqlite) => return self.listed("", " || ", "", args),
            (F::Concat, MySql | MariaDb) => return self.listed("CONCAT(", ", ", ")", args),
            (F::ConcatWs, _) => return self.listed("CONCAT_WS(", ", ", ")", args),
            (F::Lpad, Sqlite) => "portcullis_lpad({0}, {1}, {2})",
            (F::Lpad, _) => "LPAD({0}, {1}, {2})",
            (F::Rpad, Sqlite) => "portcullis_rpad({0}, {1}, {2})",
            (F::Rpad, _) => "RPAD({0}, {1}, {2})",
            (F::Repeat, Sqlite) => "portcullis_repeat({0}, {1})",
            (F::Repeat, _) => "REPEAT({0}, {1})",
            (F::Reverse, Sqlite) => "portcullis_reverse({0})",
            (F::Reverse, _) => "REVERSE({0})",
            (F::Contains, Postgres) => "STRPOS({0}, {1}) > 0",
            (F::Contains, MySql | MariaDb) => "LOCATE({1}, {0}) > 0",
            (F::Contains, Sqlite) => "INSTR({0}, {1}) > 0",
            (F::StartsWith, Postgres) => "STARTS_WITH({0}, {1})",
            (F::StartsWith, MySql | MariaDb) => "LOCATE({1}, {0}) = 1",
            (F::StartsWith, Sqlite) => "INSTR({0}, {1}) = 1",
            (F::EndsWith, Postgres) => "STARTS_WITH(REVERSE({0}), REVERSE({1}))",
            (F::EndsWith, MySql | MariaDb) => "LOCATE(REVERSE({1}), REVERSE({0})) = 1",
            (F::EndsWith, Sqlite) => "portcullis_ends_with({0}, {1})",
            (F::RegexpMatch(_) | F::RegexpExtract(..) | F::RegexpReplace(..), _) => {
                return self.regexp_form(function, args);
            }
            (F::Md5 | F::Sha256 | F::Hex | F::Base64, Postgres) if is_octets(operands) => match function {
                F::Md5 => "MD5({0})",
                F::Sha256 => "ENCODE(SHA256({0}), 'hex')",
                F::Hex => "ENCODE({0}, 'hex')",
                _ => "REPLACE(ENCODE({0}, 'base64'), CHR(10), '')",
            },
            (F::Md5, Postgres) => "MD5(CONVERT_TO({0}, 'UTF8'))",
            (F::Sha256, Postgres) => "ENCODE(SHA256(CONVERT_TO({0}, 'UTF8')), 'hex')",
            (F::Hex, Postgres) => "ENCODE(CONVERT_TO({0}, 'UTF8'), 'hex')",
            (F::Base64, Postgres) => "REPLACE(ENCODE(CONVERT_TO({0}, 'UTF8'), 'base64'), CHR(10), '')",
            (F::Md5, MySql) => {
                let message = "MySQL has no MD5 from its version 9.6 on; write `sha256`, or compute it in the program";
                return Err(unsupported(message.to_owned()));
            }
            (F::Md5, MariaDb) => "MD5({0})",
            (F::Sha256, MySql | MariaDb) => "SHA2({0}, 256)",
            (F::Hex, MySql | MariaDb) => "LOWER(HEX({0}))",
            // SQL: MySQL breaks the line after 76 characters.
            (F::Base64, MySql | MariaDb) => {
                args.push(self.bound_text("\n".to_owned()));
                "REPLACE(TO_BASE64({0}), {1}, '')"
            }
            (F::Md5, Sqlite) => "portcullis_md5({0})",
            (F::Sha256, Sqlite) => "portcullis_sha256({0})",
            (F::Hex, Sqlite) => "portcullis_hex({0})",
            (F::Base64, Sqlite) => "portcullis_base64({0})",
            (F::FromHex, Postgres) => {
                args.push(self.bound_text("^(?:[0-9A-Fa-f]{2})*$".to_owned()));
                "CASE WHEN {0} ~ {1} THEN DECODE({0}, 'hex') END"
            }
            // SQL: MariaDB takes an odd number of digits, as if a zero stood before them.
            (F::FromHex, MySql | MariaDb) => "CASE WHEN MOD(CHAR_LENGTH({0}), 2) = 0 THEN UNHEX({0}) END",
            (F::FromHex, Sqlite) => "UNHEX({0})",
            (F::FromBase64, Postgres | MySql | MariaDb) => {
                let end = if dialect == Postgres { "$" } else { "\\z" };
                let pattern = format!(
                    "^(?:[A-Za-z0-9+/]{{4}})*(?:[A-Za-z0-9+/]{{2}}==|[A-Za-z0-9+/]{{3}}=|[A-Za-z0-9+/]{{4}}|){end}"
                );
                args.push(self.bound_text(pattern));
                match dialect {
                    Postgres => "CASE WHEN {0} ~ {1} THEN DECODE({0}, 'base64') END",
                    _ => "CASE WHEN {0} REGEXP {1} THEN FROM_BASE64({0}) END",
                }
            }
            (F::FromBase64, Sqlite) => "portcullis_from_base64({0})",
        };
        self.template(template, args)
    }

    /// Text in the character set and under the collation that compare by code point, where the database has others.
    fn exactly(&mut self, function: &TextFunction, operands: &[Rx], args: Vec<Expr>) -> Vec<Expr> {
        use TextFunction as F;
        let dialect = self.target.dialect;
        // SQL: only these ask PostgreSQL's collation what equals what.
        let looks = matches!(
            function,
            F::Position
                | F::Replace
                | F::SplitPart(_)
                | F::Contains
                | F::StartsWith
                | F::EndsWith
                | F::RegexpMatch(_)
                | F::RegexpExtract(..)
                | F::RegexpReplace(..)
        );
        let mut exact = Vec::with_capacity(args.len());
        for (rx, arg) in operands.iter().zip(args) {
            let text = rx.sql_type().is_none_or(|found| found == SqlType::Text);
            // What a function of text gives is exact, since what it took was made so.
            let done = !text
                || rx.0.binary_text
                || matches!(rx.kind(), RxKind::Bind(_) | RxKind::Null | RxKind::Call(Function::Text(_), _));
            exact.push(match dialect {
                Dialect::MySql | Dialect::MariaDb if !done => self.collated(arg),
                Dialect::Postgres if looks && !done && self.folder.has_own_collation(rx) => self.collated(arg),
                _ => arg,
            });
        }
        exact
    }

    pub(super) fn bound_text(&mut self, text: String) -> Expr {
        place_of(self.constant(Value::Text(text), SqlType::Text))
    }

    /// Operands of any number with a text between.
    pub(super) fn listed(
        &mut self,
        start: &'static str,
        between: &'static str,
        end: &'static str,
        args: Vec<Expr>,
    ) -> Result<Expr> {
        let mut pieces = vec![Piece::Text(start)];
        for position in 0..args.len() {
            if position > 0 {
                pieces.push(Piece::Text(between));
            }
            pieces.push(Piece::Operand(position));
        }
        pieces.push(Piece::Text(end));
        self.pieces(&pieces, args)
    }

    /// Capitals or small letters.
    fn letters(&mut self, letters: &Letters, operands: &[Rx], mut args: Vec<Expr>) -> Result<Expr> {
        let up = std::ptr::eq(letters, &*CAPITALS);
        let template = match self.target.dialect {
            Dialect::Sqlite if up => "portcullis_upper({0})",
            Dialect::Sqlite => "portcullis_lower({0})",
            // SQL: MariaDB's collation by code point has the letters of `utf8mb4_bin`, MySQL's has those of a newer Unicode.
            Dialect::MariaDb if up => "UPPER({0})",
            Dialect::MariaDb => "LOWER({0})",
            Dialect::MySql if up => {
                "CONVERT(UPPER(CONVERT({0} USING utf8mb4) COLLATE utf8mb4_bin) USING utf8mb4) COLLATE utf8mb4_0900_bin"
            }
            Dialect::MySql => {
                "CONVERT(LOWER(CONVERT({0} USING utf8mb4) COLLATE utf8mb4_bin) USING utf8mb4) COLLATE utf8mb4_0900_bin"
            }
            Dialect::Postgres => {
                args.push(self.bound_text(letters.from.clone()));
                args.push(self.bound_text(letters.to.clone()));
                // SQL: PostgreSQL maps by the database's locale; that of ICU makes SS of ß. Text of ASCII, which most is, needs no table.
                match operands.first().map(Rx::kind) {
                    Some(RxKind::Source { .. } | RxKind::Bind(_)) if up => {
                        "CASE WHEN OCTET_LENGTH({0}) = LENGTH({0}) THEN UPPER({0} COLLATE \"C\") ELSE TRANSLATE({0}, {1}, {2}) END"
                    }
                    Some(RxKind::Source { .. } | RxKind::Bind(_)) => {
                        "CASE WHEN OCTET_LENGTH({0}) = LENGTH({0}) THEN LOWER({0} COLLATE \"C\") ELSE TRANSLATE({0}, {1}, {2}) END"
                    }
                    // Anything longer would be computed several times.
                    _ => "TRANSLATE({0}, {1}, {2})",
                }
            }
        };
        self.template(template, args)
    }

    fn initcap(&mut self, mut args: Vec<Expr>) -> Result<Expr> {
        match self.target.dialect {
            Dialect::Sqlite => self.template("portcullis_initcap({0})", args),
            Dialect::Postgres => {
                // No text holds U+0000 on PostgreSQL, and no pattern may.
                let separators = || SEPARATORS.iter().map(|(low, high)| ((*low).max('\u{1}'), *high));
                let (outside, inside) = (class_of(separators(), false), class_of(separators(), true));
                args.push(self.bound_text(format!("{inside}+|{outside}+")));
                for text in [&CAPITALS.from, &CAPITALS.to, &SMALL.from, &SMALL.to] {
                    args.push(self.bound_text(text.clone()));
                }
                self.template(
                    "CASE WHEN {0} IS NOT NULL THEN COALESCE((SELECT STRING_AGG(TRANSLATE(LEFT(w.p[1], 1), {2}, {3}) || \
                     TRANSLATE(SUBSTRING(w.p[1], 2), {4}, {5}), '' ORDER BY w.n) FROM REGEXP_MATCHES({0}, {1}, 'g') \
                     WITH ORDINALITY AS w(p, n)), '') END",
                    args,
                )
            }
            dialect => {
                let separators = SEPARATORS.iter().flat_map(|(low, high)| *low..=*high).collect();
                args.push(self.bound_text(separators));
                let template = match dialect {
                    Dialect::MariaDb => letter_by_letter!("{0}", "UPPER(", "LOWER(", ")", ""),
                    // SQL: MySQL's JSON_TABLE sees no column through a subquery of its own; a derived table does.
                    _ => letter_by_letter!(
                        "portcullis_s",
                        "CONVERT(UPPER(CONVERT(",
                        "CONVERT(LOWER(CONVERT(",
                        " USING utf8mb4) COLLATE utf8mb4_bin) USING utf8mb4) COLLATE utf8mb4_0900_bin",
                        "(SELECT {0} AS portcullis_s) AS portcullis_u JOIN "
                    ),
                };
                self.template(template, args)
            }
        }
    }

    fn trim_chars(&mut self, function: &TextFunction, list: &str, mut args: Vec<Expr>) -> Result<Expr> {
        use TextFunction as F;
        let template = match self.target.dialect {
            Dialect::MySql | Dialect::MariaDb => {
                let class = class_of(list.chars().map(|character| (character, character)), false);
                let pattern = match function {
                    F::LtrimChars(_) => format!("^{class}+"),
                    F::RtrimChars(_) => format!("{class}+\\z"),
                    _ => format!("^{class}+|{class}+\\z"),
                };
                args.push(self.bound_text(pattern));
                "REGEXP_REPLACE({0}, {1}, '')"
            }
            dialect => {
                args.push(self.bound_text(list.to_owned()));
                match function {
                    F::LtrimChars(_) => "LTRIM({0}, {1})",
                    F::RtrimChars(_) => "RTRIM({0}, {1})",
                    _ if dialect == Dialect::Postgres => "BTRIM({0}, {1})",
                    _ => "TRIM({0}, {1})",
                }
            }
        };
        self.template(template, args)
    }

    /// `substring`, `left` and `right`. PostgreSQL counts characters in 32 bits.
    fn part_of(&mut self, function: &TextFunction, operands: &[Rx], args: Vec<Expr>) -> Result<Expr> {
        use TextFunction as F;
        let three = args.len() == 3;
        let template = match (function, self.target.dialect) {
            (F::Substring, Dialect::Postgres) => {
                let mut narrow = Vec::with_capacity(args.len());
                for (position, (rx, arg)) in operands.iter().zip(args).enumerate() {
                    narrow.push(match position {
                        0 => arg,
                        1 => self.narrow(rx, arg, true)?,
                        _ => self.narrow(rx, arg, false)?,
                    });
                }
                let template = if three { "SUBSTRING({0}, {1}, {2})" } else { "SUBSTRING({0}, {1})" };
                return self.template(template, narrow);
            }
            (F::Left | F::Right, Dialect::Postgres) => {
                let mut args = args.into_iter();
                let (Some(text), Some(count), Some(rx)) = (args.next(), args.next(), operands.get(1)) else {
                    return Err(Error::internal("form.operands"));
                };
                let count = self.narrow(rx, count, false)?;
                let template = if *function == F::Left { "LEFT({0}, {1})" } else { "RIGHT({0}, {1})" };
                return self.template(template, vec![text, count]);
            }
            (F::Substring, Dialect::Sqlite) if three => "portcullis_substring({0}, {1}, {2})",
            (F::Substring, Dialect::Sqlite) => "portcullis_substring({0}, {1})",
            (F::Left, Dialect::Sqlite) => "portcullis_left({0}, {1})",
            (F::Right, Dialect::Sqlite) => "portcullis_right({0}, {1})",
            // Of two values what is meant was computed when they were given.
            (F::Substring, _) if operands.iter().skip(1).all(is_short_value) && three => "SUBSTRING({0}, {1}, {2})",
            (F::Substring, _) if operands.iter().skip(1).all(is_short_value) => "SUBSTRING({0}, {1})",
            // SQL: a start below 1 counts from the end on MySQL, or finds nothing.
            (F::Substring, _) if three => {
                "SUBSTRING({0}, GREATEST({1}, 1), GREATEST(LEAST(GREATEST({2}, 0), 4294967296) + \
                 GREATEST(LEAST({1}, 1), -4294967296) - 1, 0))"
            }
            (F::Substring, _) => "SUBSTRING({0}, GREATEST({1}, 1))",
            (F::Left, _) => "LEFT({0}, {1})",
            _ => "RIGHT({0}, {1})",
        };
        self.template(template, args)
    }

    /// A count as PostgreSQL's integer. A value was brought within its range when it was made.
    fn narrow(&mut self, rx: &Rx, count: Expr, start: bool) -> Result<Expr> {
        if is_short_value(rx) {
            return Ok(count);
        }
        let template = if start {
            "CAST(CASE WHEN {0} > 2147483647 THEN 2147483647 WHEN {0} < -1073741824 THEN -1073741824 ELSE {0} END AS integer)"
        } else {
            "CAST(CASE WHEN {0} > 2147483647 THEN 2147483647 WHEN {0} < 0 THEN 0 ELSE {0} END AS integer)"
        };
        self.template(template, vec![count])
    }

    fn translate(&mut self, pairs: &[(char, Option<char>)], mut args: Vec<Expr>) -> Result<Expr> {
        let dialect = self.target.dialect;
        if !dialect.is_mysql_family() {
            // What is dropped comes last, where no character is left for it.
            let kept = || pairs.iter().filter(|(_, to)| to.is_some());
            let dropped = pairs.iter().filter(|(_, to)| to.is_none());
            let from: String = kept().chain(dropped).map(|(from, _)| *from).collect();
            let to: String = kept().filter_map(|(_, to)| *to).collect();
            args.push(self.bound_text(from));
            args.push(self.bound_text(to));
            let template = match dialect {
                Dialect::Sqlite => "portcullis_translate({0}, {1}, {2})",
                _ => "TRANSLATE({0}, {1}, {2})",
            };
            return self.template(template, args);
        }
        if pairs.len() > MAX_NESTED {
            return Err(unsupported(format!(
                "{dialect} can translate {MAX_NESTED} characters at a time; write several `translate`, or `regexp_replace`"
            )));
        }
        let mut text = args.pop().ok_or_else(|| Error::internal("form.operands"))?;
        for (from, to) in in_turn(pairs).ok_or_else(|| {
            unsupported(format!("{dialect} can't let characters change places in `translate`; do it in the program"))
        })? {
            let from = self.bound_text(from.to_string());
            let to = self.bound_text(to.map(String::from).unwrap_or_default());
            text = self.template("REPLACE({0}, {1}, {2})", vec![text, from, to])?;
        }
        Ok(text)
    }

    fn split_part(&mut self, part: u32, mut args: Vec<Expr>) -> Result<Expr> {
        let number = |part: u32| Value::Int(part.into());
        args.push(place_of(self.constant(number(part), SqlType::Int32)));
        let template = match self.target.dialect {
            Dialect::Postgres => "SPLIT_PART({0}, {1}, {2})",
            Dialect::Sqlite => "portcullis_split_part({0}, {1}, {2})",
            // SQL: counted from the left both times, because separators that overlap themselves are others from the right.
            _ if part == 1 => {
                args.pop();
                "SUBSTRING_INDEX({0}, {1}, 1)"
            }
            _ => {
                args.push(place_of(self.constant(number(part - 1), SqlType::Int32)));
                "SUBSTRING(SUBSTRING_INDEX({0}, {1}, {2}), CHAR_LENGTH(SUBSTRING_INDEX({0}, {1}, {3})) + CHAR_LENGTH({1}) + 1)"
            }
        };
        self.template(template, args)
    }
}

/// Replacements in an order in which none touches what another put in; `None` when there is none.
fn in_turn(pairs: &[(char, Option<char>)]) -> Option<Vec<(char, Option<char>)>> {
    let mut waiting: Vec<(char, Option<char>)> =
        pairs.iter().filter(|(from, to)| *to != Some(*from)).copied().collect();
    let mut order = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let free =
            waiting.iter().position(|(_, to)| to.is_none_or(|to| !waiting.iter().any(|(from, _)| *from == to)))?;
        order.push(waiting.remove(free));
    }
    Some(order)
}

fn is_short_value(rx: &Rx) -> bool {
    matches!(rx.kind(), RxKind::Bind(_)) && rx.sql_type() == Some(SqlType::Int32)
}

fn is_octets(operands: &[Rx]) -> bool {
    operands.first().and_then(Rx::sql_type).is_some_and(|found| found.family() == Family::Bytes)
}

pub(super) fn unsupported(message: String) -> Error {
    Error::new(ErrorKind::Unsupported, "function.unsupported", message)
}

#[cfg(test)]
mod tests {
    use super::in_turn;

    #[test]
    fn characters_are_replaced_before_others_become_them() {
        assert_eq!(in_turn(&[('a', Some('b')), ('b', Some('c'))]), Some(vec![('b', Some('c')), ('a', Some('b'))]));
        assert_eq!(in_turn(&[('a', Some('a')), ('b', None)]), Some(vec![('b', None)]));
        assert_eq!(in_turn(&[('a', Some('b')), ('b', Some('a'))]), None);
    }
}
