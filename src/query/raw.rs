//! Raw SQL with named parameters.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::{Frame, Origin, Verb};
use crate::value::{Bind, ToValue};

/// A statement in SQL text of the caller's own, with `:name` where a value is bound; made by `db.sql(..)`.
///
/// The text is a `&'static str`: it stands in the program, so no value of a user can be part of it. It holds one statement.
/// On a read-only handle it must be a single SELECT made of functions that are known to change nothing, and it runs in a
/// read-only transaction.
#[derive(Clone)]
#[must_use = "raw SQL does nothing until it is run"]
pub struct RawSql {
    pub(crate) text: RawText,
    pub(crate) origin: Option<Origin>,
}

#[derive(Clone)]
pub(crate) struct RawText {
    pub(crate) sql: Text,
    pub(crate) binds: Vec<(String, Bind)>,
    pub(crate) location: &'static Location<'static>,
}

/// Where the text came from: the program itself, or `danger::unchecked_sql`.
#[derive(Clone)]
pub(crate) enum Text {
    Fixed(&'static str),
    Unchecked(Arc<str>),
}

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Text::Fixed(text) => text,
            Text::Unchecked(text) => text,
        }
    }
}

impl RawSql {
    #[track_caller]
    pub(crate) fn new(sql: Text, origin: Option<Origin>) -> RawSql {
        RawSql { text: RawText { sql, binds: Vec::new(), location: Location::caller() }, origin }
    }

    /// Binds `value` to `:name`, wherever it stands in the text. `None` binds NULL.
    pub fn bind<T: ToValue>(mut self, name: &str, value: T) -> RawSql {
        self.text.binds.push((name.to_owned(), Bind { value: value.to_value(), sql_type: T::SQL_TYPE }));
        self
    }

    /// The statement as a relation that verbs can go on from; SQL text: `FROM (…) AS "t"`. Its columns are not known before it
    /// runs, so name them with `select` before a join, `with_column`, `rename` or `drop`.
    pub fn into_frame(self) -> Frame {
        let location = self.text.location;
        Frame::of(Verb::Raw(Arc::new(self.text)), location, self.origin)
    }
}

impl fmt::Debug for RawSql {
    /// Names the parameters; neither the text nor a value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawSql(")?;
        for (position, (name, bind)) in self.text.binds.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{}: {bind:?}", crate::error::show_name(name))?;
        }
        f.write_str(")")
    }
}
