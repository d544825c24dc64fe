//! Functions of JSON.
//!
//! JSON's own null is a value: `json_get` and `json_type` give it as JSON null and `"null"`, and what reads a text, number or boolean gives NULL
//! for it, as for any value of another type. What is not there at all is NULL. An object is taken to have each name once, as all that this
//! crate writes does.

use super::methods;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Expr, IntoJsonPath, JsonFunction, JsonPath, Operand};

fn at(path: impl IntoJsonPath, document: Expr, function: impl FnOnce(JsonPath) -> JsonFunction) -> Expr {
    match JsonPath::new(path) {
        Ok(path) => Expr::call(function(path), [document]),
        Err(error) => Expr::invalid(error),
    }
}

/// A path that leads to a part.
fn inside(path: JsonPath) -> Result<JsonPath> {
    if path.steps.is_empty() {
        let message =
            "the whole document is set as any column is; `json_set` and `json_remove` take a path to a part of it";
        return Err(Error::new(ErrorKind::Plan, "expr.json_path", message));
    }
    Ok(path)
}

methods! { JsonFamily;
    /// The value at a path, as JSON; NULL where the document has none, and for NULL. JSON's null is a value.
    ///
    /// A name leads into objects only and a place, from 0, into arrays only, on every database. Names are exact: `json_get("a.b")` is the one
    /// member `a.b`, `json_get(("a", "b"))` the member `b` of `a`. Path and names are bound, never part of the text. MariaDB
    /// can't reach a member whose name starts with `-`, and is not asked to.
    ///
    /// Numbers come as they are stored: PostgreSQL writes `1e3` as 1000, and all keep the digits of any number.
    ///
    /// SQL text: `"c" -> $1` on PostgreSQL, `JSON_EXTRACT("c", ?)` on MySQL, `"c" -> ?` on SQLite.
    ///
    /// ```
    /// use portcullis::col;
    /// let first = col("doc").json_get(("items", 0));
    /// # let _ = first;
    /// ```
    fn json_get(document, path: impl IntoJsonPath) {
        at(path, document, JsonFunction::Get)
    }

    /// The text at a path; NULL where there is none, or a value that is no text. See [`Expr::json_get`] for paths.
    fn json_text(document, path: impl IntoJsonPath) {
        at(path, document, JsonFunction::Text)
    }

    /// The whole number at a path, as a bigint; NULL where there is none, or a value that is no whole number or not within a bigint. `1.0` and `1e3` are
    /// whole numbers.
    fn json_int(document, path: impl IntoJsonPath) {
        at(path, document, JsonFunction::Int)
    }

    /// The number at a path, as the nearest double; NULL where there is none, or a value that is no number or beyond the doubles.
    fn json_float(document, path: impl IntoJsonPath) {
        at(path, document, JsonFunction::Float)
    }

    /// The boolean at a path; NULL where there is none, or a value that is no boolean.
    fn json_bool(document, path: impl IntoJsonPath) {
        at(path, document, JsonFunction::Bool)
    }

    /// How many elements an array has, or members an object, as a bigint; NULL for any other value, and for NULL.
    fn json_length(document) {
        Expr::call(JsonFunction::Length, [document])
    }

    /// `object`, `array`, `string`, `number`, `boolean` or `null`, as text; NULL for NULL.
    ///
    /// SQL text: `jsonb_typeof("c")` on PostgreSQL, `JSON_TYPE("c")` with its words mapped on MySQL and SQLite.
    fn json_type(document) {
        Expr::call(JsonFunction::Type, [document])
    }

    /// The names of an object's members, as a JSON array of texts in the order of code points; NULL for any other value, and for NULL.
    fn json_keys(document) {
        Expr::call(JsonFunction::Keys, [document])
    }

    /// True where the document is an array with this value among its elements, or is itself this value: a text, number, boolean or JSON.
    /// Numbers compare by value, so 1 is 1.0. NULL on either side gives NULL.
    ///
    /// JSON in JSON is contained as PostgreSQL's `@>` has it: `{"a": 1, "b": 2}` contains `{"a": 1}`. MySQL has another rule for that, and JSON
    /// beside it is refused there; texts, numbers and booleans are not.
    ///
    /// SQL text: `"c" @> to_jsonb($1)` on PostgreSQL, EXISTS over `JSON_TABLE` on MariaDB, `portcullis_json_contains("c", ?)` on SQLite.
    fn json_contains(document, value: impl Operand) {
        Expr::call(JsonFunction::Contains, [document, value.into_operand()])
    }

    /// The document with the value at a path set: a member of an object that is there, new or not, or an element that an array has. Where the
    /// object or array is not there, the document stays as it is. NULL sets JSON's null; a NULL document stays NULL.
    ///
    /// The value is a text, number, boolean or JSON.
    fn json_set(document, path: impl IntoJsonPath, value: impl Operand) {
        match JsonPath::new(path).and_then(inside) {
            Ok(path) => Expr::call(JsonFunction::Set(path), [document, value.into_operand()]),
            Err(error) => Expr::invalid(error),
        }
    }

    /// The document without the member or element at a path; as it is where there is none. NULL stays NULL.
    fn json_remove(document, path: impl IntoJsonPath) {
        match JsonPath::new(path).and_then(inside) {
            Ok(path) => Expr::call(JsonFunction::Remove(path), [document]),
            Err(error) => Expr::invalid(error),
        }
    }
}
