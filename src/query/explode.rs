//! Elements of arrays as rows.

use super::step::Step;
use super::{Frame, Relation, Verb};
use crate::error::{Error, ErrorKind, Result};
use crate::ident::Ident;
use crate::types::SqlType;

/// A column whose elements become rows; made by [`elements`], given to [`Frame::explode`].
#[derive(Debug, Clone)]
#[must_use = "this says what `explode` does; give it to one"]
pub struct Elements {
    exploded: Result<Exploded>,
}

#[derive(Debug, Clone)]
pub(crate) struct Exploded {
    pub(crate) column: Ident,
    /// What the elements of a JSON array are to be.
    pub(crate) element: Option<SqlType>,
    pub(crate) position: Option<Ident>,
    /// Keeps a row that has no elements.
    pub(crate) outer: bool,
}

/// The elements of the column called `column`, for [`Frame::explode`], with more to say about them.
///
/// ```
/// use portcullis::{SqlType, elements, table};
/// let frame = table("people").explode(elements("tags").as_type(SqlType::Text).position("place").outer());
/// # let _ = frame;
/// ```
pub fn elements(column: &str) -> Elements {
    let exploded = Ident::new(column).map(|column| Exploded { column, element: None, position: None, outer: false });
    Elements { exploded }
}

impl Elements {
    /// What the elements of a JSON array are: text, a bigint, a double or a boolean instead of JSON, as `json_text`, `json_int`,
    /// `json_float` and `json_bool` read them. An element that is something else, and also JSON's null, becomes NULL: the number 1 is no
    /// text, and 1.5 no bigint.
    pub fn as_type(mut self, element: SqlType) -> Elements {
        if let Ok(exploded) = &mut self.exploded {
            exploded.element = Some(element);
        }
        self
    }

    /// Adds a column of this name behind the others: the element's place in its array, from 1; a bigint.
    pub fn position(mut self, name: &str) -> Elements {
        match (&mut self.exploded, Ident::new(name)) {
            (Ok(exploded), Ok(name)) => exploded.position = Some(name),
            (Ok(_), Err(error)) => self.exploded = Err(error),
            (Err(_), _) => {}
        }
        self
    }

    /// Keeps a row whose array is empty or NULL, once, with NULL as its element and its place.
    pub fn outer(mut self) -> Elements {
        if let Ok(exploded) = &mut self.exploded {
            exploded.outer = true;
        }
        self
    }
}

/// What `explode` takes: the name of a column, or [`elements`] of it. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no column of arrays",
    note = "write \"tags\", or elements(\"tags\").as_type(SqlType::Text)"
)]
pub trait IntoElements: sealed::Sealed {
    #[doc(hidden)]
    fn into_elements(self) -> Elements;
}

mod sealed {
    pub trait Sealed {}
}

impl sealed::Sealed for &str {}
impl IntoElements for &str {
    fn into_elements(self) -> Elements {
        elements(self)
    }
}

impl sealed::Sealed for Elements {}
impl IntoElements for Elements {
    fn into_elements(self) -> Elements {
        self
    }
}

impl Frame {
    /// One row for each element of an array: the column becomes its element, the others are repeated.
    ///
    /// The column is an array of PostgreSQL, or holds JSON: in a column of JSON or, as on databases without such a type, of text. The
    /// elements of an array are of its element type, those of JSON are JSON unless [`Elements::as_type`] says otherwise; JSON's null
    /// is a value then. A row whose array is empty or NULL, or whose JSON is no array, gives no row
    /// ([`Elements::outer`] keeps it); text that is no JSON is the database's error. The elements of a row come in no sure order:
    /// sort by [`Elements::position`].
    ///
    /// A chain explodes one column: a second one would give every pair of the two arrays' elements. Explode it in a frame of its own, and
    /// join that.
    ///
    /// SQL text: `CROSS JOIN unnest(..)` or `jsonb_array_elements(..)` on PostgreSQL, `json_each(..)` on SQLite, `JSON_TABLE(..)` on
    /// MySQL and on MariaDB from 10.6; with `outer` a `LEFT JOIN`.
    ///
    /// ```
    /// use portcullis::{Dialect, table};
    /// portcullis::table! { people { id: i64, tags: serde_json::Value } }
    /// let query = table(people::table).explode("tags").to_sql_for(Dialect::Sqlite)?;
    /// assert_eq!(query.sql(), concat!(
    ///     r#"SELECT "people"."id", ("tags"."json" -> "tags"."key") AS "tags" FROM "people" "#,
    ///     r#"CROSS JOIN json_each(CASE WHEN json_type("people"."tags") = 'array' THEN "people"."tags" END) AS "tags""#));
    /// # Ok::<(), portcullis::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When run: `explode.twice`; `explode.type` for a column that is neither an array nor JSON or text, or an element type that JSON
    /// lacks; `schema.unknown_column`.
    #[doc(alias("unnest", "flatten"))]
    #[track_caller]
    pub fn explode(self, column: impl IntoElements) -> Frame {
        let exploded = if !self.body.is_plain() && explodes(self.relation()) {
            let message = "a chain explodes one column, and this one does already; explode the other in a frame of its own and join it";
            Err(Error::new(ErrorKind::Plan, "explode.twice", message))
        } else {
            column.into_elements().exploded
        };
        self.then_or(exploded, |input, exploded| Verb::Step(input, Box::new(Step::Explode(exploded))))
    }
}

/// Whether the chain has an `explode` in it.
fn explodes(relation: &Relation) -> bool {
    let mut next = Some(relation);
    while let Some(relation) = next {
        if matches!(&relation.verb, Verb::Step(_, step) if matches!(**step, Step::Explode(_))) {
            return true;
        }
        next = relation.verb.input().map(AsRef::as_ref);
    }
    false
}
