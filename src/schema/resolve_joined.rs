//! Updates and deletes that are matched with a relation.
//!
//! The relation is asked by subqueries: one for each value that is taken from it, and one for whether there is a match. So a row
//! that matches twice is what it is in any subquery that must have one row: an error.

use super::resolve::{Resolver, extend, filter};
use super::resolve_write::{CONDITION, SET, check_stored};
use super::resolved::{Asked, ColumnId, Node, Rx, RxKind, ScanId, SubplanInfo, each_operand};
use super::scope::Scope;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Expr, SubqueryKind};
use crate::ident::Ident;
use crate::query::{JoinKind, Joined, TableName};
use crate::types::SqlType;

/// A write's target and the relation that it is matched with.
pub(super) struct Matched<'w> {
    pub(super) joined: &'w Joined,
    pub(super) target: &'w Scope,
    pub(super) scan: ScanId,
    pub(super) condition: Option<&'w Expr>,
}

/// One reading of the relation.
struct Side {
    node: Node,
    /// What both sides' columns are called.
    scope: Scope,
    /// What makes a row of the relation a match.
    matches: Vec<Rx>,
    /// The part of the condition that is about the target alone.
    own: Vec<Rx>,
}

impl Resolver<'_> {
    /// What each column is set to.
    pub(super) fn taken(
        &mut self,
        table: &TableName,
        matched: &Matched<'_>,
        set: &[(Ident, Expr)],
        mistakes: &mut Vec<Error>,
    ) -> Result<Vec<(Ident, Rx)>> {
        let mut resolved = Vec::with_capacity(set.len());
        for (column, value) in set {
            let target = match self.assigned(table, column, matched.target) {
                Ok(target) => target,
                Err(error) => {
                    mistakes.push(error);
                    continue;
                }
            };
            let side = self.side(matched)?;
            let value = self.expr(value, &side.scope, SET).and_then(|value| {
                check_stored(table, column, target, &value)?;
                Ok(value)
            });
            match value {
                Ok(value) if self.is_own(&value, matched.scan) => resolved.push((column.clone(), value)),
                Ok(value) => resolved.push((column.clone(), self.asked_for(column, value, side, matched.scan))),
                Err(error) if error.kind() == ErrorKind::SchemaNeeded => return Err(error),
                Err(error) => mistakes.push(error),
            }
        }
        Ok(resolved)
    }

    /// Whether a row has a match, and meets the condition.
    pub(super) fn has_match(&mut self, matched: &Matched<'_>) -> Result<Rx> {
        let side = self.side(matched)?;
        let mut outer = Vec::new();
        side.matches.iter().for_each(|rx| self.columns_of(rx, matched.scan, &mut outer));
        let root = side.matches.into_iter().fold(side.node, filter);
        let of = Asked::Plan(self.subplans.len());
        self.subplans.push(SubplanInfo { root, column: None, outer });
        let exists = RxKind::Subquery { kind: SubqueryKind::Exists, operand: None, of, negated: false };
        let mut all = side.own;
        all.push(Rx::new(exists, Some(SqlType::Bool), false));
        Ok(super::resolve_expr::conjunction(all, true))
    }

    /// Reads the relation once more.
    fn side(&mut self, matched: &Matched<'_>) -> Result<Side> {
        let Matched { joined, target, scan, condition } = matched;
        if let (Some(own), Some(other)) = (&self.origin, &joined.frame.origin)
            && !own.is(other)
        {
            let message = "the frame belongs to another handle than the write; read it first and write what it gave";
            return Err(Error::new(ErrorKind::Plan, "join.two_databases", message));
        }
        let (node, mut right) = self.relation(&joined.frame.relation)?;
        self.close_both(target, &right, "a write that is matched with a frame")?;
        right.hidden.clear();
        right.open = None;
        let left = Scope { visible: target.visible.clone(), ..Scope::default() };
        let mut defined = Vec::new();
        let (on, scope) = self.matching(&left, &right, JoinKind::Inner, &joined.on, &mut defined)?;
        let Some(on) = on else {
            let message = "the write does not say how its rows match the frame's; write `using(..)` or `on(..)`";
            return Err(Error::new(ErrorKind::Plan, "join.no_condition", message));
        };
        let mut side = Side { node: extend(node, defined), scope, matches: vec![on], own: Vec::new() };
        if let Some(condition) = condition {
            let condition = self.condition(condition, &side.scope, CONDITION)?;
            let parts = match condition.kind() {
                RxKind::All(parts) => parts.clone(),
                _ => vec![condition],
            };
            for part in parts {
                let list = if self.is_own(&part, *scan) { &mut side.own } else { &mut side.matches };
                list.push(part);
            }
        }
        Ok(side)
    }

    /// The value as that of the only match.
    fn asked_for(&mut self, column: &Ident, value: Rx, side: Side, scan: ScanId) -> Rx {
        let mut outer = Vec::new();
        side.matches.iter().chain(&side.own).chain([&value]).for_each(|rx| self.columns_of(rx, scan, &mut outer));
        let sql_type = value.sql_type();
        let matches = side.matches.into_iter().chain(side.own);
        let node = matches.fold(side.node, filter);
        // A column of the target is none of the relation's own, so it becomes one.
        let mut defined = Vec::new();
        let id = self.define(value, column, &mut defined);
        let name = self.columns.get(id).map_or_else(|| column.clone(), |info| info.name.clone());
        let of = Asked::Plan(self.subplans.len());
        self.subplans.push(SubplanInfo { root: extend(node, defined), column: Some((name, id)), outer });
        let kind = RxKind::Subquery { kind: SubqueryKind::Scalar, operand: None, of, negated: false };
        Rx::new(kind, sql_type, true)
    }

    /// True for what is about the target's row and nothing else.
    fn is_own(&self, rx: &Rx, scan: ScanId) -> bool {
        match rx.kind() {
            RxKind::Column(id) => self.columns.get(*id).is_some_and(|info| info.scan == Some(scan)),
            RxKind::Subquery { of: Asked::Plan(plan), operand, .. } => {
                operand.as_ref().is_none_or(|operand| self.is_own(operand, scan))
                    && self.subplans.get(*plan).is_none_or(|plan| {
                        plan.outer.iter().all(|id| self.columns.get(*id).is_some_and(|info| info.scan == Some(scan)))
                    })
            }
            kind => {
                let mut own = true;
                each_operand(kind, &mut |operand| own = own && self.is_own(operand, scan));
                own
            }
        }
    }

    /// The target's columns that stand in it, also in its subqueries.
    fn columns_of(&self, rx: &Rx, scan: ScanId, found: &mut Vec<ColumnId>) {
        let mut note = |id: ColumnId| {
            if self.columns.get(id).is_some_and(|info| info.scan == Some(scan)) && !found.contains(&id) {
                found.push(id);
            }
        };
        match rx.kind() {
            RxKind::Column(id) => note(*id),
            RxKind::Subquery { of: Asked::Plan(plan), .. } => {
                if let Some(plan) = self.subplans.get(*plan) {
                    plan.outer.iter().for_each(|id| note(*id));
                }
            }
            _ => {}
        }
        each_operand(rx.kind(), &mut |operand| self.columns_of(operand, scan, found));
    }

    /// `incoming("name")`.
    pub(super) fn incoming(&mut self, name: &Ident, place: super::resolve_expr::Place<'_>) -> Result<Rx> {
        let Some(scope) = &self.incoming else {
            let message = format!(
                "`incoming({:?})` means something in `do_update` of an upsert alone; write `col({:?})`",
                name.as_str(),
                name.as_str()
            );
            return Err(Error::new(ErrorKind::Plan, "upsert.incoming", message).with_column(name.as_str()));
        };
        match scope.find(None, name)? {
            super::scope::Found::Column(id) => Ok(self.use_column(id, place.use_for)),
            super::scope::Found::Open(_) => Err(Error::internal("resolve.incoming")),
        }
    }
}
