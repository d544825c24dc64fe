//! Verbs that stand for several plainer ones: they become those when the plan is resolved.

use super::explode::Exploded;
use super::pivot::Cell;
use super::{Frame, Verb};
use crate::expr::Expr;
use crate::ident::Ident;

pub(crate) enum Step {
    FillNull {
        columns: Chosen,
        value: Expr,
    },
    DropNulls {
        columns: Chosen,
        /// Only rows that have NULL in all of them.
        whole: bool,
    },
    Explode(Exploded),
    /// True of the row that stays.
    DistinctOn(Expr),
    GroupingSets {
        keys: Vec<Expr>,
        /// Places of keys.
        sets: Vec<Vec<usize>>,
        aggregates: Vec<Expr>,
    },
    Unpivot {
        columns: Vec<Ident>,
        name: Ident,
        value: Ident,
    },
    /// The rows whose keys have a hash below `below`.
    Sample {
        keys: Vec<Expr>,
        below: String,
        seed: String,
    },
    /// The same rows, once their columns are known; what for.
    Closed(&'static str),
    Pivot {
        keys: Vec<Expr>,
        sets: Option<Vec<Vec<usize>>>,
        column: Expr,
        cells: Vec<Cell>,
        aggregates: Vec<Expr>,
    },
}

/// Columns by name, or all there are.
#[derive(Debug, Clone)]
pub(crate) enum Chosen {
    All,
    Named(Vec<Ident>),
}

impl Step {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Step::FillNull { .. } => "fill_null",
            Step::DropNulls { whole: false, .. } => "drop_nulls",
            Step::DropNulls { whole: true, .. } => "drop_all_null",
            Step::Explode(_) => "explode",
            Step::DistinctOn(_) => "distinct_on",
            Step::GroupingSets { .. } => "agg",
            Step::Pivot { .. } => "pivot",
            Step::Unpivot { .. } => "unpivot",
            Step::Sample { .. } => "sample_by",
            Step::Closed(verb) => verb,
        }
    }

    /// Visits each of the expressions.
    pub(super) fn each_expr<'s>(&'s self, visit: &mut dyn FnMut(&'s Expr)) {
        match self {
            Step::FillNull { value, .. } | Step::DistinctOn(value) => visit(value),
            Step::DropNulls { .. } | Step::Explode(_) | Step::Closed(_) | Step::Unpivot { .. } => {}
            Step::Sample { keys, .. } => keys.iter().for_each(visit),
            Step::Pivot { keys, column, cells, aggregates, .. } => {
                keys.iter().chain(aggregates).for_each(&mut *visit);
                visit(column);
                cells.iter().filter_map(|cell| cell.value.as_ref()).for_each(visit);
            }
            Step::GroupingSets { keys, aggregates, .. } => keys.iter().chain(aggregates).for_each(visit),
        }
    }
}

impl Frame {
    /// The same frame, once its columns are known.
    #[track_caller]
    pub(crate) fn closed(self, verb: &'static str) -> Frame {
        self.then(|input| Verb::Step(input, Box::new(Step::Closed(verb))))
    }
}
