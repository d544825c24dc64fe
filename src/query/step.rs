//! Verbs that stand for several plainer ones: they become those when the plan is resolved.

use super::explode::Exploded;
use super::pivot::Cell;
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
        }
    }

    /// Visits each of the expressions.
    pub(super) fn each_expr<'s>(&'s self, visit: &mut dyn FnMut(&'s Expr)) {
        match self {
            Step::FillNull { value, .. } | Step::DistinctOn(value) => visit(value),
            Step::DropNulls { .. } | Step::Explode(_) => {}
            Step::Pivot { keys, column, cells, aggregates, .. } => {
                keys.iter().chain(aggregates).for_each(&mut *visit);
                visit(column);
                cells.iter().filter_map(|cell| cell.value.as_ref()).for_each(visit);
            }
            Step::GroupingSets { keys, aggregates, .. } => keys.iter().chain(aggregates).for_each(visit),
        }
    }
}
