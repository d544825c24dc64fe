//! Dates as text and back: our pattern language in each dialect's.

use sea_query::Expr;

use super::Lowering;
use crate::compile::lower::expr::place_of;
use crate::compile::lower::template::Piece;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::expr::{DatePattern, Field};
use crate::types::SqlType;
use crate::value::Value;

impl Lowering<'_> {
    fn text_constant(&mut self, text: String) -> Expr {
        place_of(self.constant(Value::Text(text), SqlType::Text))
    }

    pub(super) fn formatted(&mut self, pattern: &DatePattern, mut args: Vec<Expr>) -> Result<Expr> {
        let dialect = self.target.dialect;
        let form = written(pattern, dialect);
        args.push(self.text_constant(form));
        let template = match dialect {
            Dialect::Postgres => "to_char({0}, {1})",
            // SQL: names are in the language of `lc_time_names`, unless told.
            Dialect::MariaDb if has_names(pattern) => "DATE_FORMAT({0}, {1}, 'en_US')",
            Dialect::MySql | Dialect::MariaDb => "DATE_FORMAT({0}, {1})",
            // SQL: strftime knows no names, and milliseconds only.
            Dialect::Sqlite if has_names(pattern) || pattern.fields.contains(&Field::Microsecond) => {
                "portcullis_date_format({0}, {1})"
            }
            Dialect::Sqlite => "strftime({1}, {0})",
        };
        self.template(template, args)
    }

    /// The databases read leniently, each in its own way (`2023-02-30`, `2023-1-5`, `2023-01-05 and more`), so a regular expression decides
    /// about the form, and the day is checked against its month.
    pub(super) fn parsed(&mut self, pattern: &DatePattern, date: bool, mut args: Vec<Expr>) -> Result<Expr> {
        let dialect = self.target.dialect;
        match dialect {
            Dialect::Sqlite => {
                let form = chrono_form(pattern);
                args.push(self.text_constant(form));
                let template =
                    if date { "portcullis_parse_date({0}, {1})" } else { "portcullis_parse_timestamp({0}, {1})" };
                self.template(template, args)
            }
            Dialect::MySql | Dialect::MariaDb => {
                let expression = regular_expression(pattern, dialect);
                args = args.into_iter().map(|text| self.collated(text)).collect();
                args.push(self.text_constant(expression));
                self.pieces(&mysql_parse(pattern, date), args)
            }
            Dialect::Postgres => {
                let expression = regular_expression(pattern, dialect);
                args.push(self.text_constant(expression));
                let pieces = postgres_parse(pattern, date);
                self.pieces(&pieces, args)
            }
        }
    }
}

fn has_names(pattern: &DatePattern) -> bool {
    let is_name = |field: &Field| {
        matches!(field, Field::MonthShort | Field::MonthName | Field::WeekdayShort | Field::WeekdayName)
    };
    pattern.fields.iter().any(is_name)
}

/// The pattern in the dialect's own language.
fn written(pattern: &DatePattern, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => pattern.fields.iter().map(postgres_field).collect(),
        Dialect::MySql | Dialect::MariaDb => pattern.fields.iter().map(mysql_field).collect(),
        Dialect::Sqlite => chrono_form(pattern),
    }
}

fn postgres_field(field: &Field) -> String {
    match field {
        Field::Year => "YYYY",
        Field::Month => "MM",
        Field::Day => "DD",
        Field::Hour => "HH24",
        Field::Minute => "MI",
        Field::Second => "SS",
        Field::Microsecond => "US",
        Field::Hour12 => "HH12",
        Field::HalfDay => "AM",
        Field::DayOfYear => "DDD",
        Field::IsoYear => "IYYY",
        Field::IsoWeek => "IW",
        Field::MonthShort => "Mon",
        Field::MonthName => "FMMonth",
        Field::WeekdayShort => "Dy",
        Field::WeekdayName => "FMDay",
        Field::Text(text) => return format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    }
    .to_owned()
}

fn mysql_field(field: &Field) -> String {
    match field {
        Field::Year => "%Y",
        Field::Month => "%m",
        Field::Day => "%d",
        Field::Hour => "%H",
        Field::Minute => "%i",
        Field::Second => "%s",
        Field::Microsecond => "%f",
        Field::Hour12 => "%h",
        Field::HalfDay => "%p",
        Field::DayOfYear => "%j",
        Field::IsoYear => "%x",
        Field::IsoWeek => "%v",
        Field::MonthShort => "%b",
        Field::MonthName => "%M",
        Field::WeekdayShort => "%a",
        Field::WeekdayName => "%W",
        Field::Text(text) => return text.replace('%', "%%"),
    }
    .to_owned()
}

/// chrono's language, whose part that SQLite has too means the same there.
fn chrono_form(pattern: &DatePattern) -> String {
    let field = |field: &Field| {
        match field {
            Field::Year => "%Y",
            Field::Month => "%m",
            Field::Day => "%d",
            Field::Hour => "%H",
            Field::Minute => "%M",
            Field::Second => "%S",
            Field::Microsecond => "%6f",
            Field::Hour12 => "%I",
            Field::HalfDay => "%p",
            Field::DayOfYear => "%j",
            Field::IsoYear => "%G",
            Field::IsoWeek => "%V",
            Field::MonthShort => "%b",
            Field::MonthName => "%B",
            Field::WeekdayShort => "%a",
            Field::WeekdayName => "%A",
            Field::Text(text) => return text.replace('%', "%%"),
        }
        .to_owned()
    };
    pattern.fields.iter().map(field).collect()
}

fn regular_expression(pattern: &DatePattern, dialect: Dialect) -> String {
    let mut expression = String::from(if dialect == Dialect::Postgres { "^" } else { "\\A" });
    for field in &pattern.fields {
        expression.push_str(match field {
            Field::Year => "(?!0000)[0-9]{4}",
            Field::Month => "(?:0[1-9]|1[0-2])",
            Field::Day => "(?:0[1-9]|[12][0-9]|3[01])",
            Field::Hour => "(?:[01][0-9]|2[0-3])",
            Field::Minute | Field::Second => "[0-5][0-9]",
            Field::Text(text) => {
                for letter in text.chars() {
                    if letter.is_ascii_punctuation() {
                        expression.push('\\');
                    }
                    expression.push(letter);
                }
                continue;
            }
            _ => "[0-9]{6}",
        });
    }
    expression.push_str(if dialect == Dialect::Postgres { "$" } else { "\\z" });
    expression
}

/// Where a field stands in a text of the pattern's form, in characters from 1.
fn place(pattern: &DatePattern, wanted: &Field) -> Option<usize> {
    let mut place = 1;
    for field in &pattern.fields {
        if field == wanted {
            return Some(place);
        }
        place += match field {
            Field::Text(text) => text.chars().count(),
            other => width(other),
        };
    }
    None
}

fn width(field: &Field) -> usize {
    match field {
        Field::Year => 4,
        Field::Microsecond => 6,
        _ => 2,
    }
}

/// A text put together of `pieces`, in which a field stands for its digits.
enum Part {
    Text(&'static str),
    Field(Field),
}

/// The parts by their place in the text, which the regular expression (`{1}`) has fixed; `open` and `close` stand around each, and `none` where
/// the pattern lacks it.
fn filled(pattern: &DatePattern, parts: &[Part], [open, close, none]: [&'static str; 3]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => pieces.push(Piece::Text(text)),
            Part::Field(field) => match place(pattern, field) {
                Some(place) => pieces.extend([
                    Piece::Text(open),
                    Piece::Literal(place.into()),
                    Piece::Text(", "),
                    Piece::Literal(width(field).into()),
                    Piece::Text(close),
                ]),
                None => pieces.push(Piece::Text(none)),
            },
        }
    }
    pieces
}

fn postgres_parse(pattern: &DatePattern, date: bool) -> Vec<Piece> {
    use Field::{Day, Hour, Microsecond, Minute, Month, Second, Year};
    use Part::{Field as Digits, Text};
    let mut parts =
        vec![Text("CASE WHEN {0} ~ {1} THEN CASE WHEN "), Digits(Day), Text(" <= EXTRACT(DAY FROM make_date(")];
    parts.extend([Digits(Year), Text(", "), Digits(Month), Text(", 1) + INTERVAL '1 month - 1 day') THEN ")]);
    parts.push(Text(if date { "make_date(" } else { "make_timestamp(" }));
    parts.extend([Digits(Year), Text(", "), Digits(Month), Text(", "), Digits(Day)]);
    if !date {
        parts.extend([Text(", "), Digits(Hour), Text(", "), Digits(Minute), Text(", "), Digits(Second), Text(" + ")]);
        // SQL: seconds are a double, of which the sixth digit is far from the last bit.
        parts.extend([Digits(Microsecond), Text(" / CAST(1000000 AS double precision)")]);
    }
    parts.push(Text(") END END"));
    filled(pattern, &parts, ["CAST(substr({0}, ", ") AS integer)", "0"])
}

/// SQL: STR_TO_DATE gives 2023-02-30, and knows no text with a `%` or letters beyond ASCII; a cast of such a day fails in a write.
fn mysql_parse(pattern: &DatePattern, date: bool) -> Vec<Piece> {
    use Field::{Day, Hour, Microsecond, Minute, Month, Second, Year};
    use Part::{Field as Digits, Text};
    let mut parts = vec![Text("CASE WHEN {0} REGEXP {1} THEN CASE WHEN "), Digits(Day)];
    parts.extend([Text(" <= DAYOFMONTH(LAST_DAY(CONCAT("), Digits(Year), Text(", '-', "), Digits(Month)]);
    parts.extend([Text(", '-01'))) THEN CAST(CONCAT("), Digits(Year), Text(", '-', "), Digits(Month), Text(", '-', ")]);
    parts.push(Digits(Day));
    if !date {
        parts.extend([Text(", ' ', "), Digits(Hour), Text(", ':', "), Digits(Minute), Text(", ':', "), Digits(Second)]);
        parts.extend([Text(", '.', "), Digits(Microsecond)]);
    }
    parts.push(Text(if date { ") AS DATE) END END" } else { ") AS DATETIME(6)) END END" }));
    filled(pattern, &parts, ["SUBSTRING({0}, ", ")", "'00'"])
}
