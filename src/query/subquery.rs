//! Frames as parts of expressions.

use std::sync::Arc;

use super::{Frame, Relation, Verb};
use crate::expr::{
    Expr, Kind, Members, MembersFor, Membership, Plan, Subplan, SubqueryKind, Walk, Walked, each_child, members_sealed,
};

impl Plan for Frame {
    fn shape<'a>(&'a self, walk: &mut Walk<'a>) -> Walked {
        self.shape_inside(walk)
    }

    fn into_exprs(self: Arc<Self>) -> Vec<Expr> {
        let mut found = Vec::new();
        let mut waiting: Vec<Arc<Relation>> =
            Arc::into_inner(self).map(|frame| frame.body.into_relation()).into_iter().collect();
        while let Some(next) = waiting.pop() {
            if let Some(mut relation) = Arc::into_inner(next) {
                relation.depth = 0;
                let (inputs, mut exprs) = relation.verb.take();
                waiting.extend(inputs);
                found.append(&mut exprs);
            }
        }
        found
    }
}

/// The frame that stands in an expression.
pub(crate) fn frame_of(plan: &Subplan) -> Option<&Frame> {
    let plan: &dyn std::any::Any = &*plan.plan;
    plan.downcast_ref()
}

/// The frames that stand in a verb's expressions.
pub(super) fn each_plan<'r>(verb: &'r Verb, found: &mut Vec<&'r Relation>) {
    let mut exprs: Vec<&'r Expr> = Vec::new();
    verb.each_expr(&mut |expr| exprs.push(expr));
    plans_of(exprs, found);
}

pub(super) fn plans_of<'r>(mut waiting: Vec<&'r Expr>, found: &mut Vec<&'r Relation>) {
    while let Some(expr) = waiting.pop() {
        if expr.verbs() == 0 {
            continue;
        }
        if let Kind::Subquery { plan, .. } = expr.kind() {
            found.extend(frame_of(plan).map(|frame| &**frame.relation()));
        }
        each_child(expr.kind(), &mut |child| waiting.push(child));
    }
}

impl Frame {
    pub(super) fn into_subplan(self) -> Subplan {
        let (depth, deepest, size) = self.body.measures();
        Subplan { plan: Arc::new(self), depth: depth.saturating_add(deepest), size }
    }

    fn asked(self, kind: SubqueryKind, negated: bool) -> Expr {
        Expr::make(Kind::Subquery { kind, operand: None, plan: self.into_subplan(), negated })
    }
}

/// True where `frame` has at least one row. Inside it, [`outer`](crate::outer) names columns of the relation around it. SQL text:
/// `EXISTS (SELECT NULL FROM …)`.
///
/// ```
/// use portcullis::{Dialect, col, exists, outer, table};
/// # portcullis::table! { customers { id: i64, name: String } }
/// # portcullis::table! { orders { customer_id: i64 } }
/// let theirs = table(orders::table).where_(col("customer_id").eq(outer("id")));
/// let query = table(customers::table).where_(exists(theirs)).select("name").to_sql_for(Dialect::Sqlite)?;
/// assert_eq!(query.sql(), concat!(
///     r#"SELECT "customers"."name" FROM "customers" WHERE EXISTS(SELECT NULL FROM "orders" "#,
///     r#"WHERE "orders"."customer_id" = "customers"."id")"#));
/// # Ok::<(), portcullis::Error>(())
/// ```
pub fn exists(frame: Frame) -> Expr {
    frame.asked(SubqueryKind::Exists, false)
}

/// True where `frame` has no row; never NULL, whatever the rows hold. SQL text: `NOT EXISTS (SELECT NULL FROM …)`.
pub fn not_exists(frame: Frame) -> Expr {
    frame.asked(SubqueryKind::Exists, true)
}

/// The only value of `frame`: of its one column (`subquery.columns` otherwise) and its one row. NULL when it has no row. When it has
/// more than one, the statement fails on every database. SQL text: `(SELECT …)`; on SQLite, which would take the first row, more
/// than one raises an error unless the frame can't have more (an aggregate over all rows, or `limit(1)`).
///
/// ```
/// use portcullis::{Dialect, all, col, max, scalar, table};
/// # portcullis::table! { items { id: i64, price: i64 } }
/// let highest = table(items::table).agg(max(items::price).as_("highest"));
/// let query = table(items::table).select(("id", scalar(highest).as_("top"))).to_sql_for(Dialect::Sqlite)?;
/// assert_eq!(query.sql(), concat!(
///     r#"SELECT "items"."id", (SELECT MAX("items_2"."price") AS "highest" FROM "items" AS "items_2") AS "top" "#,
///     r#"FROM "items""#));
/// # Ok::<(), portcullis::Error>(())
/// ```
pub fn scalar(frame: Frame) -> Expr {
    frame.asked(SubqueryKind::Scalar, false)
}

impl members_sealed::Sealed for Frame {}
impl Members for Frame {
    fn into_members(self) -> Membership {
        Membership::Frame(self.into_subplan())
    }
}
impl<F> MembersFor<F> for Frame {}

impl members_sealed::Sealed for &Frame {}
impl Members for &Frame {
    fn into_members(self) -> Membership {
        Membership::Frame(self.clone().into_subplan())
    }
}
impl<F> MembersFor<F> for &Frame {}
