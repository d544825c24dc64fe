//! Regular expressions.

use super::methods;
use crate::error::{Error, ErrorKind};
use crate::expr::{Expr, Regexp, TextFunction};

methods! { TextFamily;
    /// True where the pattern matches a part of the text; NULL stays NULL.
    ///
    /// The pattern is of a language of this crate's own, which means the same on every database, is checked when the plan is compiled, and
    /// is bound:
    ///
    /// - characters stand for themselves, and `\` before a sign for the sign; `\n`, `\r`, `\t` for line break, return and tab,
    /// - `.` for any character but a line break,
    /// - classes as `[a-z_]` and `[^,;]`; `\d` is `[0-9]`, `\w` is `[0-9A-Za-z_]`, `\s` is a space or U+0009 to U+000D, `\D`, `\W` and `\S` all others,
    /// - `*`, `+`, `?`, `{2}`, `{2,}` and `{2,5}` repeat, as often as they can,
    /// - `(…)` and `(?:…)` group, `|` separates alternatives,
    /// - `^` is the start of the text and `$` its very end, whatever line breaks there are.
    ///
    /// Capitals are not small letters. Refused, because databases differ or take too long: references back, look-around, `\b`, lazy repetition
    /// (`*?`), classes such as `[:alpha:]`, options, a repeated group that fits one text in several ways, as in `(a+)+`.
    ///
    /// Where a pattern leaves a choice, as `.*,.*` does, MariaDB would give up on a long text and say that nothing matches. There such a pattern
    /// takes a text of up to 2,000 characters for two choices and 150 for three, fails with an error (SQLSTATE 22003) on a longer one, and is
    /// refused with more choices.
    ///
    /// SQL text: `"c" ~ $1` on PostgreSQL, `c REGEXP ?` on MySQL, and on SQLite, which has none, a function that this crate adds to its
    /// connections.
    ///
    /// ```
    /// use portcullis::col;
    /// let dated = col("file").regexp_match(r"^[a-z]+-\d{4}-\d\d\.csv$");
    /// # let _ = dated;
    /// ```
    fn regexp_match(text, pattern: &str) {
        match Regexp::parse(pattern) {
            Ok(regexp) => Expr::call(TextFunction::RegexpMatch(regexp), [text]),
            Err(error) => Expr::invalid(error),
        }
    }

    /// The first part of the text that the pattern matches, or of that the part that the group with the number `group` matches, counted
    /// from 1, with 0 for the whole; NULL where nothing matches and for NULL.
    ///
    /// Beyond [`Expr::regexp_match`], the pattern is one whose match is the same to all engines: either without alternatives and repeated
    /// groups, or one where the next character always says how it goes on, as in `(?:cat|dog)s?`. A group that is taken stands outside
    /// alternatives and repetitions.
    ///
    /// ```
    /// use portcullis::col;
    /// let year = col("file").regexp_extract(r"-(\d{4})-", 1);
    /// # let _ = year;
    /// ```
    fn regexp_extract(text, pattern: &str, group: usize) {
        match exact(pattern, "regexp_extract") {
            Ok(regexp) if group > regexp.groups() => {
                let message = "the pattern has no group of that number; put the part into `(…)`, or write 0 for the whole match";
                Expr::invalid(Error::new(ErrorKind::Plan, "regexp.group", message))
            }
            Ok(regexp) if !regexp.always_has(group) => {
                let message = "a group that is taken stands outside alternatives and repetitions; put `(…)` around them, and `(?:…)` inside";
                Expr::invalid(Error::new(ErrorKind::Plan, "regexp.group", message))
            }
            Ok(regexp) => Expr::call(TextFunction::RegexpExtract(regexp, group), [text]),
            Err(error) => Expr::invalid(error),
        }
    }

    /// The text with every match of the pattern replaced by `replacement`, from left to right; NULL stays NULL.
    ///
    /// `replacement` is put in as it stands: `\1`, `$1` and `&` have no special meaning. The pattern is one of
    /// [`Expr::regexp_extract`] that does not match the empty text.
    ///
    /// SQL text: `REGEXP_REPLACE("c", $1, $2, 'g')`.
    fn regexp_replace(text, pattern: &str, replacement: &str) {
        match exact(pattern, "regexp_replace") {
            Ok(regexp) if regexp.may_be_empty() => {
                let message = "the pattern of `regexp_replace` may match nothing; write `+` for `*`, or something that is always there";
                Expr::invalid(Error::new(ErrorKind::Plan, "regexp.empty", message))
            }
            Ok(regexp) => Expr::call(TextFunction::RegexpReplace(regexp, replacement.to_owned()), [text]),
            Err(error) => Expr::invalid(error),
        }
    }
}

fn exact(pattern: &str, function: &str) -> Result<Regexp, Error> {
    let regexp = Regexp::parse(pattern)?;
    if regexp.is_exact() {
        return Ok(regexp);
    }
    let message = format!(
        "databases differ in which part of a text this pattern of `{function}` matches; write it without alternatives and repeated groups, or so \
         that the next character always decides, as in `(?:cat|dog)s?`"
    );
    Err(Error::new(ErrorKind::Plan, "regexp.inexact", message))
}
