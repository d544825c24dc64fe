//! Subqueries: relations inside expressions, and the columns of the relations around them.

use super::access::Use;
use super::resolve::Resolver;
use super::resolve_expr::{Aggregates, Place};
use super::resolved::{Asked, ColumnId, Node, Rx, RxKind, SubplanInfo, each_operand};
use super::scope::{Found, Scope};
use super::typing;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{AggregateCall, Declared, Subplan, SubqueryKind};
use crate::ident::Ident;
use crate::query::{Relation, frame_of};
use crate::types::SqlType;

/// How deep subqueries may stand in one another.
const MAX_NESTED: usize = 16;

/// What a subquery sees of the relation around it.
pub(super) struct OuterScope {
    scope: Scope,
    /// What a column of it is used for: what the whole subquery is.
    use_for: Use,
    /// What was used, of it and of the scopes around it.
    used: Vec<ColumnId>,
}

impl Resolver<'_> {
    /// Resolves `relation` inside `scope`. Gives the columns that it names of the scopes around it.
    pub(super) fn inside(
        &mut self,
        relation: &std::sync::Arc<Relation>,
        scope: Scope,
        use_for: Use,
    ) -> Result<(Node, Scope, Vec<ColumnId>)> {
        if self.outers.len() >= MAX_NESTED {
            let message = format!("subqueries stand more than {MAX_NESTED} deep in one another; join some of them");
            return Err(Error::new(ErrorKind::Limit, "limit.subqueries", message));
        }
        self.outers.push(OuterScope { scope, use_for, used: Vec::new() });
        let resolved = self.relation(relation);
        let outer = self.outers.pop().ok_or_else(|| Error::internal("resolve.outer"))?;
        let (node, scope) = resolved?;
        Ok((node, scope, outer.used))
    }

    pub(super) fn subquery(
        &mut self,
        kind: SubqueryKind,
        operand: Option<Rx>,
        plan: &Subplan,
        negated: bool,
        scope: &Scope,
        place: Place<'_>,
    ) -> Result<Rx> {
        let verb = kind.name(negated);
        let frame = frame_of(plan).ok_or_else(|| Error::internal("resolve.frame"))?;
        if let (Some(own), Some(other)) = (&self.origin, &frame.origin)
            && !own.is(other)
        {
            let message = format!(
                "the frame in `{verb}` belongs to another handle than the statement; read it first and use what it gave"
            );
            return Err(Error::new(ErrorKind::Plan, "join.two_databases", message));
        }
        // In a grouped relation a subquery sees what the rows of the result are made of.
        let seen = match place.aggregates {
            Aggregates::Allowed { keys } => keys,
            _ => scope,
        };
        let (root, inner, outer) = self.inside(frame.relation(), seen.clone(), place.use_for)?;
        let mut column = None;
        if kind != SubqueryKind::Exists {
            self.close(&inner, &format!("`{verb}`"))?;
            let [only] = inner.visible.as_slice() else {
                let message = format!(
                    "`{verb}` takes a frame of one column, and this one has {}; write `.select(\"column\")` at its end",
                    inner.visible.len()
                );
                return Err(Error::new(ErrorKind::Plan, "subquery.columns", message).at(frame.location()));
            };
            self.access.record(place.use_for, only.id, &self.columns);
            column = Some((only.name.clone(), only.id));
        }
        let value = column.as_ref().and_then(|(_, id)| Some((*id, self.columns.get(*id)?)));
        let value = value.map(|(id, info)| Rx::column(id, info));
        let of = Asked::Plan(self.subplans.len());
        self.subplans.push(SubplanInfo { root, columns: column.into_iter().collect(), outer });
        match (kind, operand, value) {
            (SubqueryKind::In, Some(operand), Some(value)) => {
                let operand = self.adapt(operand, value.sql_type());
                if !typing::comparable(operand.sql_type(), value.sql_type()) {
                    let (operand, value) = (self.described(&operand), self.described(&value));
                    return Err(typing::clash(&format!("`{verb}`"), &operand, &value));
                }
                if operand.sql_type().is_none() && value.sql_type().is_none() {
                    self.need_types(&[&operand, &value], "comparing two columns")?;
                }
                let nullable = operand.nullable() || value.nullable();
                let kind = RxKind::Subquery { kind, operand: Some(operand), of, negated };
                Ok(Rx::new(kind, Some(SqlType::Bool), nullable))
            }
            (SubqueryKind::Scalar, _, Some(value)) => {
                let sql_type = value.sql_type();
                Ok(Rx::new(RxKind::Subquery { kind, operand: None, of, negated }, sql_type, true))
            }
            _ => Ok(Rx::new(RxKind::Subquery { kind, operand: None, of, negated }, Some(SqlType::Bool), false)),
        }
    }

    /// `outer("name")`: of the nearest relation around, or of the one that `of` names.
    pub(super) fn outer(&mut self, relation: Option<&Ident>, name: &Ident) -> Result<Rx> {
        if self.outers.is_empty() {
            let message =
                format!("`outer({:?})` stands in no subquery; write `col({:?})`", name.as_str(), name.as_str());
            return Err(Error::new(ErrorKind::Plan, "subquery.outer", message).with_column(name.as_str()));
        }
        let mut nearest = None;
        for (level, outer) in self.outers.iter().enumerate().rev() {
            match outer.scope.find(relation, name) {
                Ok(found) => {
                    let id = self.found_outside(level, found, name, None);
                    return Ok(self.use_outer(id));
                }
                Err(error) => nearest = nearest.or(Some(error)),
            }
            if relation.is_none() {
                break;
            }
        }
        Err(nearest.unwrap_or_else(|| Error::internal("resolve.no_outer")))
    }

    /// A column of a relation that the scope at hand lacks and one around it has.
    pub(super) fn outside(
        &mut self,
        relation: Option<&Ident>,
        name: &Ident,
        declared: Option<Declared>,
        scope: &Scope,
    ) -> Result<Option<ColumnId>> {
        let Some(wanted) = relation.filter(|_| !self.outers.is_empty()) else { return Ok(None) };
        let is_open = scope.open.as_ref().is_some_and(|open| open.relation.as_ref() == relation);
        if is_open || !self.no_such_relation(relation, scope) {
            return Ok(None);
        }
        let around = self.outers.iter().rposition(|outer| outer.scope.has_relation(wanted));
        let Some(level) = around else { return Ok(None) };
        // A typed leaf may also mean a column of this relation that has lost its table's name, as one that `agg` computed has.
        if declared.is_some()
            && scope.visible.iter().chain(&scope.hidden).any(|item| item.name == *name && item.relation.is_none())
        {
            let message = format!(
                "{name:?} of {wanted:?} may be a column of the subquery or of the relation around it; write `col({:?})` or `outer({:?})`",
                name.as_str(),
                name.as_str()
            );
            return Err(Error::new(ErrorKind::Schema, "schema.ambiguous", message).with_column(name.as_str()));
        }
        let Some(outer) = self.outers.get(level) else { return Ok(None) };
        let found = outer.scope.find(relation, name)?;
        Ok(Some(self.found_outside(level, found, name, declared)))
    }

    fn found_outside(&mut self, level: usize, found: Found, name: &Ident, declared: Option<Declared>) -> ColumnId {
        let id = match found {
            Found::Column(id) => id,
            Found::Open(scan) => self.open_column(scan, name, declared),
        };
        for outer in self.outers.iter_mut().skip(level) {
            if !outer.used.contains(&id) {
                outer.used.push(id);
            }
        }
        id
    }

    pub(super) fn use_outer(&mut self, id: ColumnId) -> Rx {
        let use_for = self.outers.first().map_or(Use::Filter, |outer| outer.use_for);
        self.use_column(id, use_for)
    }

    /// In SQL an aggregate over nothing but columns of the relation around belongs to that relation.
    pub(super) fn refuse_outer_aggregate(&self, call: &AggregateCall<Rx>) -> Result<()> {
        let Some(outer) = self.outers.last() else { return Ok(()) };
        let (mut own, mut others) = (false, false);
        call.each(&mut |part| {
            columns(part, &mut |id| {
                let is_outer = outer.used.contains(&id);
                own = own || !is_outer;
                others = others || is_outer;
            });
        });
        if own || !others {
            return Ok(());
        }
        let message = format!(
            "`{}` in a subquery is over columns of the relation around it alone; aggregate them there, or use the subquery's own",
            call.function.name()
        );
        Err(Error::new(ErrorKind::Plan, "subquery.aggregate", message))
    }
}

fn columns(rx: &Rx, visit: &mut dyn FnMut(ColumnId)) {
    if let RxKind::Column(id) = rx.kind() {
        visit(*id);
    }
    each_operand(rx.kind(), &mut |operand| columns(operand, visit));
}
