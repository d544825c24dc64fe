//! Aggregates and windows that are computed first, as columns: those that a subquery is asked about, as in `max(..).in_(frame)`, since in
//! one block MySQL and MariaDB answer wrongly (`subqueries_see_results` in `caps`), and windows that MySQL would compute twice
//! (`repeats_windows_of_one_row`).

use super::super::caps::Capabilities;
use super::super::fold::repeats_windows;
use crate::error::Result;
use crate::ident::Ident;
use crate::schema::{ColumnId, ColumnInfo, Facts, Node, NodeKind, Rx, RxKind, each_operand, lineage, map_operands};

type Defined = Vec<(ColumnId, Rx)>;

/// Leaves in `list` what can be computed together, and gives what has to come after it.
pub(super) fn taken_out(list: &mut Defined, facts: &mut Facts, caps: &Capabilities) -> Result<Defined> {
    let must_wait =
        |rx: &Rx| asks_about_results(rx) || (caps.repeats_windows_of_one_row && rx.windowed() && repeats_windows(rx));
    if !list.iter().any(|(_, rx)| must_wait(rx)) {
        return Ok(Vec::new());
    }
    let (mut first, mut later) = (Vec::new(), Vec::new());
    for (id, rx) in std::mem::take(list) {
        if must_wait(&rx) {
            let mut failed = None;
            let rx = with_columns(&rx, facts, &mut first, &mut failed);
            if let Some(error) = failed {
                return Err(error);
            }
            later.push((id, rx));
        } else {
            first.push((id, rx));
        }
    }
    *list = first;
    Ok(later)
}

/// Computes `later` over what `at` gives.
pub(super) fn define_above(at: &mut Node, later: Defined) {
    if !later.is_empty() {
        let below = std::mem::replace(at, NodeKind::Scan(0).node());
        *at = NodeKind::Extend(Box::new(below), later).node();
    }
}

/// A column for `rx`, which is to be defined.
pub(super) fn new_column(name: &'static str, rx: &Rx, facts: &mut Facts) -> Result<(ColumnId, Rx)> {
    let id = facts.columns.len();
    let mut bases = Vec::new();
    lineage(rx, &facts.columns, &facts.subplans, &mut bases);
    let info = ColumnInfo {
        name: Ident::fixed(name)?,
        sql_type: rx.sql_type(),
        nullable: rx.nullable(),
        binary_text: false,
        scan: None,
        lineage: bases,
    };
    let column = Rx::column(id, &info);
    facts.columns.push(info);
    Ok((id, column))
}

fn asks_about_results(rx: &Rx) -> bool {
    let asked = matches!(rx.kind(), RxKind::Subquery { operand: Some(operand), .. } if has_result(operand));
    let mut found = asked;
    each_operand(rx.kind(), &mut |operand| found = found || asks_about_results(operand));
    found
}

fn has_result(rx: &Rx) -> bool {
    let mut found = rx.windowed() || matches!(rx.kind(), RxKind::Aggregate(_));
    each_operand(rx.kind(), &mut |operand| found = found || has_result(operand));
    found
}

/// `rx` with a column for each aggregate and window in it.
fn with_columns(rx: &Rx, facts: &mut Facts, first: &mut Defined, failed: &mut Option<crate::error::Error>) -> Rx {
    if !matches!(rx.kind(), RxKind::Aggregate(_) | RxKind::Over(_)) {
        return map_operands(rx, &mut |operand| with_columns(operand, facts, first, failed));
    }
    match new_column("result", rx, facts) {
        Ok((id, column)) => {
            first.push((id, rx.clone()));
            column
        }
        Err(error) => {
            failed.get_or_insert(error);
            rx.clone()
        }
    }
}
