//! Functions of arrays.

/// Functions of arrays, of the JSON kind or PostgreSQL's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ArrayFunction {
    Length,
    Contains,
    Position,
    Append,
    Prepend,
    Remove,
    Distinct,
    Sort,
    Min,
    Max,
    Sum,
    /// Of an array, its first place, and the first place behind it.
    Slice,
}

impl ArrayFunction {
    pub(super) fn name(self) -> &'static str {
        match self {
            ArrayFunction::Length => "array_length",
            ArrayFunction::Contains => "array_contains",
            ArrayFunction::Position => "array_position",
            ArrayFunction::Append => "array_append",
            ArrayFunction::Prepend => "array_prepend",
            ArrayFunction::Remove => "array_remove",
            ArrayFunction::Distinct => "array_distinct",
            ArrayFunction::Sort => "array_sort",
            ArrayFunction::Min => "array_min",
            ArrayFunction::Max => "array_max",
            ArrayFunction::Sum => "array_sum",
            ArrayFunction::Slice => "array_slice",
        }
    }
}
