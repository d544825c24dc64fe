//! The pattern language of dates: a part of strftime's, the same on every database.

use crate::error::{Error, ErrorKind, Result};

/// A pattern taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct DatePattern {
    pub(crate) fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Field {
    /// `%Y`, four digits.
    Year,
    /// `%m`, two digits, as are the next four.
    Month,
    /// `%d`.
    Day,
    /// `%H`, from 00 to 23.
    Hour,
    /// `%M`.
    Minute,
    /// `%S`.
    Second,
    /// `%f`, six digits.
    Microsecond,
    /// `%I`, from 01 to 12.
    Hour12,
    /// `%p`, `AM` or `PM`.
    HalfDay,
    /// `%j`, three digits.
    DayOfYear,
    /// `%G`, four digits.
    IsoYear,
    /// `%V`, two digits.
    IsoWeek,
    /// `%b`, `Jan`.
    MonthShort,
    /// `%B`, `January`.
    MonthName,
    /// `%a`, `Mon`.
    WeekdayShort,
    /// `%A`, `Monday`.
    WeekdayName,
    /// Text as it stands.
    Text(String),
}

/// What a pattern is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parts {
    Format,
    ParseDate,
    ParseTimestamp,
}

/// How long a pattern may be.
const MAX_PATTERN: usize = 200;

impl DatePattern {
    pub(super) fn parse(pattern: &str, parts: Parts) -> Result<DatePattern> {
        if pattern.is_empty() || pattern.len() > MAX_PATTERN || pattern.chars().any(char::is_control) {
            return Err(refused("a date pattern has 1 to 200 bytes and no control characters"));
        }
        let mut fields = Vec::new();
        let mut letters = pattern.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                push_text(&mut fields, letter);
                continue;
            }
            fields.push(match letters.next() {
                Some('Y') => Field::Year,
                Some('m') => Field::Month,
                Some('d') => Field::Day,
                Some('H') => Field::Hour,
                Some('M') => Field::Minute,
                Some('S') => Field::Second,
                Some('f') => Field::Microsecond,
                Some('I') => Field::Hour12,
                Some('p') => Field::HalfDay,
                Some('j') => Field::DayOfYear,
                Some('G') => Field::IsoYear,
                Some('V') => Field::IsoWeek,
                Some('b') => Field::MonthShort,
                Some('B') => Field::MonthName,
                Some('a') => Field::WeekdayShort,
                Some('A') => Field::WeekdayName,
                Some('%') => {
                    push_text(&mut fields, '%');
                    continue;
                }
                _ => {
                    return Err(refused(
                        "a date pattern knows `%Y`, `%m`, `%d`, `%H`, `%M`, `%S`, `%f` (six digits), `%I`, `%p`, `%j`, `%G`, `%V`, `%b`, \
                         `%B`, `%a`, `%A` and `%%`; write one of these, or the text as it should stand",
                    ));
                }
            });
        }
        let pattern = DatePattern { fields };
        if parts != Parts::Format {
            pattern.check_parsed(parts)?;
        }
        Ok(pattern)
    }

    /// What is read has a fixed width, so that there is one way to read it.
    fn check_parsed(&self, parts: Parts) -> Result<()> {
        let count = |field: &Field| self.fields.iter().filter(|found| *found == field).count();
        let date = [Field::Year, Field::Month, Field::Day];
        let time = [Field::Hour, Field::Minute, Field::Second, Field::Microsecond];
        let is_known = |field: &Field| {
            matches!(field, Field::Text(_))
                || date.contains(field)
                || (parts == Parts::ParseTimestamp && time.contains(field))
        };
        let whole = date.iter().all(|field| count(field) == 1) && time.iter().all(|field| count(field) <= 1);
        if whole && self.fields.iter().all(is_known) {
            return Ok(());
        }
        Err(refused(match parts {
            Parts::ParseTimestamp => {
                "`parse_timestamp` reads `%Y`, `%m` and `%d`, each once, and `%H`, `%M`, `%S` and `%f`, each at most once, beside text"
            }
            _ => "`parse_date` reads `%Y`, `%m` and `%d`, each once, beside text",
        }))
    }
}

fn push_text(fields: &mut Vec<Field>, letter: char) {
    if let Some(Field::Text(text)) = fields.last_mut() {
        text.push(letter);
    } else {
        fields.push(Field::Text(letter.to_string()));
    }
}

fn refused(message: &'static str) -> Error {
    Error::new(ErrorKind::Plan, "expr.date_pattern", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_taken_apart_and_what_it_does_not_know_is_refused() {
        let pattern = DatePattern::parse("%Y-%m%%T%d", Parts::ParseDate).unwrap();
        let text = |text: &str| Field::Text(text.to_owned());
        assert_eq!(pattern.fields, [Field::Year, text("-"), Field::Month, text("%T"), Field::Day]);
        for wrong in ["", "%", "%Y-%q", "%y", "a\nb", "%-d", &"x".repeat(201)] {
            assert_eq!(DatePattern::parse(wrong, Parts::Format).unwrap_err().code(), "expr.date_pattern", "{wrong}");
        }
        for wrong in ["%Y-%m", "%Y%Y-%m-%d", "%Y-%m-%d %H", "%d %b %Y"] {
            assert_eq!(DatePattern::parse(wrong, Parts::ParseDate).unwrap_err().code(), "expr.date_pattern", "{wrong}");
        }
        assert!(DatePattern::parse("%Y-%m-%d %H", Parts::ParseTimestamp).is_ok());
        assert!(DatePattern::parse("%Y-%m-%d %I", Parts::ParseTimestamp).is_err());
    }
}
