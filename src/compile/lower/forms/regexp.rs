//! Regular expressions.

use sea_query::Expr;

use super::super::expr::place_of;
use super::Lowering;
use super::text::unsupported;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::expr::{Regexp, TextFunction};
use crate::types::SqlType;
use crate::value::Value;

impl Lowering<'_> {
    pub(super) fn regexp_form(&mut self, function: &TextFunction, mut args: Vec<Expr>) -> Result<Expr> {
        let dialect = self.target.dialect;
        let (template, regexp) = match function {
            TextFunction::RegexpMatch(regexp) => {
                args.push(self.bound_text(regexp.text(dialect, 0)));
                let template = match dialect {
                    Dialect::Postgres => "{0} ~ {1}",
                    Dialect::Sqlite => "portcullis_regexp_match({0}, {1})",
                    _ => "{0} REGEXP {1}",
                };
                (template, regexp)
            }
            TextFunction::RegexpExtract(regexp, group) => {
                args.push(self.bound_text(regexp.text(dialect, *group)));
                let template = match dialect {
                    // SQL: gives the part of the group if there is one.
                    Dialect::Postgres => "SUBSTRING({0}, {1})",
                    Dialect::Sqlite => "portcullis_regexp_extract({0}, {1})",
                    // SQL: gives the empty text where nothing matches.
                    _ if *group == 0 => "CASE WHEN {0} REGEXP {1} THEN REGEXP_SUBSTR({0}, {1}) END",
                    _ => {
                        args.push(self.bound_text(regexp.whole(dialect, *group)));
                        match dialect {
                            Dialect::MariaDb => "CASE WHEN {0} REGEXP {1} THEN REGEXP_REPLACE({0}, {2}, '\\\\1') END",
                            _ => "CASE WHEN {0} REGEXP {1} THEN REGEXP_REPLACE({0}, {2}, '$1') END",
                        }
                    }
                };
                (template, regexp)
            }
            TextFunction::RegexpReplace(regexp, replacement) => {
                args.push(self.bound_text(regexp.text(dialect, 0)));
                let replacement = match dialect {
                    Dialect::Sqlite => replacement.clone(),
                    Dialect::MySql => replacement.replace('\\', "\\\\").replace('$', "\\$"),
                    _ => replacement.replace('\\', "\\\\"),
                };
                args.push(self.bound_text(replacement));
                let template = match dialect {
                    Dialect::Postgres => "REGEXP_REPLACE({0}, {1}, {2}, 'g')",
                    Dialect::Sqlite => "portcullis_regexp_replace({0}, {1}, {2})",
                    _ => "REGEXP_REPLACE({0}, {1}, {2})",
                };
                (template, regexp)
            }
            _ => return Err(Error::internal("form.regexp")),
        };
        if dialect == Dialect::MariaDb {
            self.measured(regexp, &mut args)?;
        }
        self.template(template, args)
    }

    /// SQL: MariaDB's engine gives up after ten million steps, and MariaDB then says that nothing matched, with a warning. So a text
    /// that a pattern with choices may take that long for is an error instead: the sum is beyond a bigint.
    fn measured(&mut self, regexp: &Regexp, args: &mut [Expr]) -> Result<()> {
        let longest = match regexp.choices() {
            0 | 1 => return Ok(()),
            2 => 2000,
            3 => 150,
            _ => {
                return Err(unsupported(
                    "MariaDB takes too long for a pattern with more than three repetitions that may share a text; write more definite classes, as \
                     in `[^,]*,`, or several patterns"
                        .to_owned(),
                ));
            }
        };
        let longest = place_of(self.constant(Value::Int(longest), SqlType::Int64));
        let Some(text) = args.first_mut() else { return Err(Error::internal("form.operands")) };
        *text = self.template(
            "CASE WHEN CHAR_LENGTH({0}) > {1} THEN CONCAT(9223372036854775807 + CHAR_LENGTH({0})) ELSE {0} END",
            vec![text.clone(), longest],
        )?;
        Ok(())
    }
}
