//! The rules of one column.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

use regex::Regex;

use super::compare::{json, order, same, shown};
use crate::error::{Error, ErrorKind, Violation};
use crate::value::{ToValue, Value};

/// The rules of one column; made by [`rules`]. Each but [`required`](Rules::required) lets NULL pass, as a CHECK does.
///
/// ```
/// use portcullis::{Validator, rules};
///
/// let customers = Validator::new("customers")
///     .column("name", rules().required().length(1..=80))
///     .column("email", rules().pattern(r"[^@\s]+@[^@\s]+"))
///     .column("age", rules().range(0..150))
///     .column("state", rules().one_of(["new", "paid"]));
/// # let _ = customers;
/// ```
#[derive(Clone, Default)]
#[must_use = "rules do nothing until they are given to a validator"]
pub struct Rules {
    list: Vec<Rule>,
    pub(crate) required: bool,
    /// What is no value of the program may be written: the database answers for it.
    pub(crate) trusts_expressions: bool,
    mistakes: Vec<Error>,
}

#[derive(Clone)]
enum Rule {
    Length { min: Option<usize>, max: Option<usize> },
    Range { low: Bound<Value>, high: Bound<Value> },
    Pattern(Box<Regex>, String),
    OneOf(Vec<Value>),
}

/// No rule yet, for [`Validator::column`](crate::Validator::column).
pub fn rules() -> Rules {
    Rules::default()
}

/// A pattern's compiled form may take so many bytes.
const MAX_PATTERN: usize = 1024 * 1024;

impl Rules {
    /// The program gives a value, and it is not NULL: a row without the column breaks the rule too, whatever default the table has.
    pub fn required(mut self) -> Rules {
        self.required = true;
        self
    }

    /// How many characters (Unicode scalar values) a text has; of bytes how many, of an array how many elements. Broken as `length.min` and
    /// `length.max`.
    pub fn length(mut self, range: impl RangeBounds<usize>) -> Rules {
        let min = match range.start_bound() {
            Bound::Included(min) => Some(*min),
            Bound::Excluded(min) => Some(min.saturating_add(1)),
            Bound::Unbounded => None,
        };
        let max = match range.end_bound() {
            Bound::Included(max) => Some(*max),
            Bound::Excluded(0) => {
                return self.mistake("validation.bounds", "a length below 0 fits no value; write `length(1..=80)`");
            }
            Bound::Excluded(max) => Some(max - 1),
            Bound::Unbounded => None,
        };
        if min.zip(max).is_some_and(|(min, max)| min > max) {
            return self
                .mistake("validation.bounds", "a length fits no value because its bounds are the wrong way round");
        }
        self.list.push(Rule::Length { min, max });
        self
    }

    /// Between two bounds, as Rust writes them: `0..150`, `..=Decimal::ONE`, `today..`. Numbers of all types are compared exactly, texts by code
    /// point, dates and times as such. NaN is in no range. Broken as `range.min` and `range.max`.
    pub fn range<T: ToValue + Clone>(mut self, range: impl RangeBounds<T>) -> Rules {
        let bound = |bound: Bound<&T>| bound.map(|value| value.clone().to_value());
        let (low, high) = (bound(range.start_bound()), bound(range.end_bound()));
        let ordered = |value: &Bound<Value>| match value {
            Bound::Included(value) | Bound::Excluded(value) => order(value, value).is_some(),
            Bound::Unbounded => true,
        };
        if !ordered(&low) || !ordered(&high) {
            return self.mistake(
                "validation.bounds",
                "a range has a bound without an order; bounds are numbers, texts, dates or times",
            );
        }
        if let (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high) | Bound::Excluded(high)) =
            (&low, &high)
            && order(low, high) == Some(Ordering::Greater)
        {
            return self
                .mistake("validation.bounds", "a range fits no value because its bounds are the wrong way round");
        }
        self.list.push(Rule::Range { low, high });
        self
    }

    /// The whole text matches a regular expression of the [`regex`](https://docs.rs/regex) crate, which takes time linear to the text. It is
    /// compiled here, once; a wrong one is a mistake of the validator (`validation.pattern`).
    ///
    /// A part of the text is not enough: for that, begin and end the pattern with `.*`.
    pub fn pattern(mut self, pattern: &str) -> Rules {
        // Alone first, so that no parenthesis in it closes the one around it.
        let whole = |pattern: &str| {
            regex::RegexBuilder::new(pattern).size_limit(MAX_PATTERN).build()?;
            regex::RegexBuilder::new(&format!(r"\A(?:{pattern})\z")).size_limit(MAX_PATTERN).build()
        };
        match whole(pattern) {
            Ok(regex) => {
                self.list.push(Rule::Pattern(Box::new(regex), pattern.to_owned()));
                self
            }
            Err(regex::Error::CompiledTooBig(_)) => self.mistake(
                "validation.pattern",
                "a pattern takes more than a megabyte when it is compiled; write a shorter one",
            ),
            Err(_) => self.mistake(
                "validation.pattern",
                "a pattern is no regular expression of the crate `regex`, or ends in a comment",
            ),
        }
    }

    /// One of these values; a number is the same however it is written.
    pub fn one_of<T: ToValue>(mut self, values: impl IntoIterator<Item = T>) -> Rules {
        self.list.push(Rule::OneOf(values.into_iter().map(ToValue::to_value).collect()));
        self
    }

    /// Lets the column be written with what is no value of the program, unseen: an expression, a default, a column of a frame. Without this such a
    /// write of a column with rules is refused. A CHECK in the database is then what holds.
    pub fn trust_expressions(mut self) -> Rules {
        self.trusts_expressions = true;
        self
    }

    fn mistake(mut self, code: &'static str, message: &'static str) -> Rules {
        self.mistakes.push(Error::new(ErrorKind::Plan, code, message));
        self
    }

    pub(super) fn take_mistakes(&mut self) -> Vec<Error> {
        std::mem::take(&mut self.mistakes)
    }

    /// Whether there is anything to check in a value.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty() && !self.required
    }

    /// What a value breaks.
    pub(crate) fn check(&self, row: Option<u64>, column: &str, value: &Value, broken: &mut Vec<Violation>) {
        if value.is_null() {
            if self.required {
                broken.push(missing(row, column));
            }
            return;
        }
        for rule in &self.list {
            if let Some((rule, bounds, message)) = rule.broken(value) {
                let column = Some(column.to_owned());
                broken.push(Violation { row, column, rule, bounds: bounds.into_iter().collect(), message });
            }
        }
    }
}

/// No value where one is required.
pub(crate) fn missing(row: Option<u64>, column: &str) -> Violation {
    let (column, bounds) = (Some(column.to_owned()), BTreeMap::new());
    Violation { row, column, rule: "required", bounds, message: Cow::Borrowed("must have a value") }
}

type Broken = (&'static str, Vec<(&'static str, serde_json::Value)>, Cow<'static, str>);

fn wrong_type(message: &'static str) -> Option<Broken> {
    Some(("type", Vec::new(), Cow::Borrowed(message)))
}

impl Rule {
    fn broken(&self, value: &Value) -> Option<Broken> {
        match self {
            Rule::Length { min, max } => {
                let (length, unit) = match value {
                    Value::Text(text) => (text.chars().count(), "character"),
                    Value::Bytes(bytes) => (bytes.len(), "byte"),
                    Value::Array(items) => (items.len(), "element"),
                    _ => return wrong_type("must be a text, bytes or an array, so that it has a length"),
                };
                let units = |number: usize| if number == 1 { unit.to_owned() } else { format!("{unit}s") };
                match (min, max) {
                    (Some(min), _) if length < *min => {
                        let message = format!("must have at least {min} {}", units(*min));
                        Some(("length.min", vec![("min", (*min).into())], message.into()))
                    }
                    (_, Some(max)) if length > *max => {
                        let message = format!("must have at most {max} {}", units(*max));
                        Some(("length.max", vec![("max", (*max).into())], message.into()))
                    }
                    _ => None,
                }
            }
            Rule::Range { low, high } => {
                if let Bound::Included(bound) | Bound::Excluded(bound) = low {
                    let out = matches!(low, Bound::Excluded(_));
                    let found = order(value, bound);
                    if !(found == Some(Ordering::Greater) || (!out && found == Some(Ordering::Equal))) {
                        let message =
                            format!("must be {} {}", if out { "more than" } else { "at least" }, shown(bound));
                        let mut bounds = vec![("min", json(bound))];
                        bounds.extend(out.then_some(("exclusive", true.into())));
                        return Some(("range.min", bounds, message.into()));
                    }
                }
                if let Bound::Included(bound) | Bound::Excluded(bound) = high {
                    let out = matches!(high, Bound::Excluded(_));
                    let found = order(value, bound);
                    if !(found == Some(Ordering::Less) || (!out && found == Some(Ordering::Equal))) {
                        let message = format!("must be {} {}", if out { "less than" } else { "at most" }, shown(bound));
                        let mut bounds = vec![("max", json(bound))];
                        bounds.extend(out.then_some(("exclusive", true.into())));
                        return Some(("range.max", bounds, message.into()));
                    }
                }
                None
            }
            Rule::Pattern(regex, pattern) => {
                let Value::Text(text) = value else {
                    return wrong_type("must be a text, so that it can match a pattern");
                };
                if regex.is_match(text) {
                    return None;
                }
                let bounds = vec![("pattern", pattern.as_str().into())];
                Some(("pattern", bounds, Cow::Borrowed("must have the form that its pattern says")))
            }
            Rule::OneOf(values) => {
                if values.iter().any(|allowed| same(allowed, value)) {
                    return None;
                }
                let bounds = vec![("allowed", values.iter().map(json).collect())];
                Some(("one_of", bounds, Cow::Borrowed("must be one of the values that are allowed")))
            }
        }
    }
}
