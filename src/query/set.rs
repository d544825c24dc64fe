//! Set operations.

use super::{Frame, Verb};

/// What a set operation does with the rows of two relations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SetOperation {
    pub(crate) kind: SetKind,
    /// Equal rows count, each for itself.
    pub(crate) all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SetKind {
    Union,
    Intersect,
    Except,
}

impl SetOperation {
    /// The verb, for messages.
    pub(crate) fn name(self) -> &'static str {
        match (self.kind, self.all) {
            (SetKind::Union, false) => "union",
            (SetKind::Union, true) => "union_all",
            (SetKind::Intersect, false) => "intersect",
            (SetKind::Intersect, true) => "intersect_all",
            (SetKind::Except, false) => "except",
            (SetKind::Except, true) => "except_all",
        }
    }

    /// True where equal rows are one row.
    pub(crate) fn is_distinct(self) -> bool {
        !self.all
    }
}

/// A frame whose columns a set operation matches by their names; made by [`Frame::by_name`].
#[derive(Debug, Clone)]
#[must_use = "this is the second member of a set operation; give it to one, as in `union_all(other.by_name())`"]
pub struct ByName(Frame);

mod sealed {
    pub trait Sealed {}
}

/// The second member of a set operation: a frame, matched by position, or [`Frame::by_name`]. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no member of a set operation",
    note = "write a frame, as in `union_all(db.table(\"old\"))`, or `frame.by_name()`"
)]
pub trait SetMember: sealed::Sealed {
    #[doc(hidden)]
    fn into_member(self) -> (Frame, bool);
}

impl sealed::Sealed for Frame {}
impl SetMember for Frame {
    fn into_member(self) -> (Frame, bool) {
        (self, false)
    }
}

impl sealed::Sealed for &Frame {}
impl SetMember for &Frame {
    fn into_member(self) -> (Frame, bool) {
        (self.clone(), false)
    }
}

impl sealed::Sealed for ByName {}
impl SetMember for ByName {
    fn into_member(self) -> (Frame, bool) {
        (self.0, true)
    }
}

/// Set operations. Columns are matched by position, or by name with [`Frame::by_name`]; the result has the left frame's names.
/// Both members must have the same number of columns (`set.width`), of types that compare with each other (`set.type`): numbers
/// meet in their common type, anything else wants a [`cast`](crate::Expr::cast). Rows are equal when all their columns are, and
/// NULL equals NULL here; text is equal by code point on every database.
///
/// An `order_by` of a member means something only with its `limit`, which it keeps; sort the result after the operation.
/// MySQL has `INTERSECT` and `EXCEPT` since 8.0.31, MariaDB since 10.3.
impl Frame {
    #[track_caller]
    fn set(self, other: impl SetMember, kind: SetKind, all: bool) -> Frame {
        let (other, by_name) = other.into_member();
        let operation = SetOperation { kind, all };
        self.with_other(other, operation.name(), |left, right| Verb::Set { left, right, operation, by_name })
    }

    /// Rows of either frame, each different row once; SQL text: `UNION`.
    ///
    /// ```
    /// use portcullis::{Dialect, table};
    /// # portcullis::table! { new { id: i64 } }
    /// # portcullis::table! { old { id: i64 } }
    /// let query = table(new::table).union(table(old::table)).order_by("id").to_sql_for(Dialect::Sqlite)?;
    /// assert_eq!(query.sql(), r#"SELECT "id" FROM "new" UNION SELECT "id" FROM "old" ORDER BY "id" ASC"#);
    /// # Ok::<(), portcullis::Error>(())
    /// ```
    #[track_caller]
    pub fn union(self, other: impl SetMember) -> Frame {
        self.set(other, SetKind::Union, false)
    }

    /// Rows of both frames, all of them; SQL text: `UNION ALL`.
    #[doc(alias("concat", "vstack"))]
    #[track_caller]
    pub fn union_all(self, other: impl SetMember) -> Frame {
        self.set(other, SetKind::Union, true)
    }

    /// Rows that both frames have, each once; SQL text: `INTERSECT`.
    #[track_caller]
    pub fn intersect(self, other: impl SetMember) -> Frame {
        self.set(other, SetKind::Intersect, false)
    }

    /// Rows that both frames have, each as often as the frame that has it less often. SQL text: `INTERSECT` of the rows numbered
    /// among their equals by `ROW_NUMBER()`, which is what `INTERSECT ALL` means and every database can do.
    #[track_caller]
    pub fn intersect_all(self, other: impl SetMember) -> Frame {
        self.set(other, SetKind::Intersect, true)
    }

    /// Rows of this frame that `other` doesn't have, each once; SQL text: `EXCEPT`.
    #[doc(alias("minus", "difference"))]
    #[track_caller]
    pub fn except(self, other: impl SetMember) -> Frame {
        self.set(other, SetKind::Except, false)
    }

    /// Rows of this frame, each as often as it has it more often than `other`. SQL text: `EXCEPT` of the rows numbered among their
    /// equals by `ROW_NUMBER()`, which is what `EXCEPT ALL` means and every database can do.
    #[track_caller]
    pub fn except_all(self, other: impl SetMember) -> Frame {
        self.set(other, SetKind::Except, true)
    }

    /// The frame as a member whose columns are matched by their names: `a.union_all(b.by_name())`. Both must have the same names,
    /// in any order.
    pub fn by_name(self) -> ByName {
        ByName(self)
    }
}
