//! Functions of arrays: JSON arrays on every database, and PostgreSQL's own arrays there.
//!
//! What is a JSON value but no array gives NULL, as NULL does. Elements that are null are elements: they count in lengths and places, and are equal to
//! each other where duplicates are dropped.

use super::methods;
use crate::expr::{ArrayFunction, Expr, Operand};

methods! { JsonFamily;
    /// How many elements an array has, as a bigint; 0 for an empty one.
    ///
    /// SQL text: `jsonb_array_length("c")`, or `cardinality("c")` of an array, on PostgreSQL, `JSON_LENGTH("c")` on MySQL,
    /// `json_array_length("c")` on SQLite, each where the value is an array.
    fn array_length(array) {
        Expr::call(ArrayFunction::Length, [array])
    }

    /// True where an element equals `value`: a text, number, boolean or JSON; for a PostgreSQL array a value of its elements' type. Numbers compare by
    /// value. NULL for a NULL `value`.
    ///
    /// SQL text: EXISTS over `jsonb_array_elements("c")`, or `array_position("c", $1) IS NOT NULL` for an array, on PostgreSQL, EXISTS over
    /// `JSON_TABLE("c", …)` on MariaDB, `portcullis_array_position("c", ?) IS NOT NULL` on SQLite. On MySQL it is refused, as are the functions
    /// below that compare elements.
    fn array_contains(array, value: impl Operand) {
        Expr::call(ArrayFunction::Contains, [array, value.into_operand()])
    }

    /// The place of the first element that equals `value`, from 1, as a bigint; NULL where there is none. See [`Expr::array_contains`].
    fn array_position(array, value: impl Operand) {
        Expr::call(ArrayFunction::Position, [array, value.into_operand()])
    }

    /// The array with `value` after its last element; NULL is added as a null.
    fn array_append(array, value: impl Operand) {
        Expr::call(ArrayFunction::Append, [array, value.into_operand()])
    }

    /// The array with `value` before its first element; NULL is added as a null.
    fn array_prepend(array, value: impl Operand) {
        Expr::call(ArrayFunction::Prepend, [array, value.into_operand()])
    }

    /// The array without the elements that equal `value`; NULL for a NULL `value`. See [`Expr::array_contains`].
    fn array_remove(array, value: impl Operand) {
        Expr::call(ArrayFunction::Remove, [array, value.into_operand()])
    }

    /// The array with each element once, where it stood first.
    fn array_distinct(array) {
        Expr::call(ArrayFunction::Distinct, [array])
    }

    /// The array in order, nulls last. In a JSON array numbers come first, by value, then texts, by code point, then booleans, false first, then arrays
    /// and objects as they stood.
    fn array_sort(array) {
        Expr::call(ArrayFunction::Sort, [array])
    }

    /// The smallest element; NULL where there is none. Of a JSON array it is JSON, the first of its numbers and texts in the order of
    /// [`Expr::array_sort`]: read it with `json_int(())` or `json_text(())`.
    fn array_min(array) {
        Expr::call(ArrayFunction::Min, [array])
    }

    /// The largest element; NULL where there is none. Of a JSON array it is JSON, the last of its numbers and texts in the order of
    /// [`Expr::array_sort`].
    fn array_max(array) {
        Expr::call(ArrayFunction::Max, [array])
    }

    /// The sum of the elements that are numbers; NULL where there is none. Of a JSON array it is a double, of a PostgreSQL array what `sum` of its elements is.
    fn array_sum(array) {
        Expr::call(ArrayFunction::Sum, [array])
    }

    /// The elements from the place `start`, from 1, on, at most `length` of them; an empty array where there are none.
    fn array_slice(array, start: u32, length: u32) {
        let (start, length) = (i64::from(start), i64::from(length));
        Expr::call(ArrayFunction::Slice, [array, start.into_operand(), start.saturating_add(length).into_operand()])
    }
}
