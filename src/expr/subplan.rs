//! Frames inside expressions: subqueries, and the columns of the relation around them.

use std::any::Any;
use std::sync::Arc;

use super::shape::{Walk, Walked};
use super::{Expr, Kind};
use crate::ident::Ident;

/// A frame, of a type that only `query` knows.
pub(crate) trait Plan: Any + Send + Sync {
    /// Takes the frame apart, if nobody else holds it, and gives the expressions that stood in it: a tree of frames and
    /// expressions by turns must not be dropped by recursion.
    fn into_exprs(self: Arc<Self>) -> Vec<Expr>;

    /// Writes the structure of the frame into `walk`.
    fn shape<'a>(&'a self, walk: &mut Walk<'a>) -> Walked;
}

/// A frame as a part of an expression.
#[derive(Clone)]
pub(crate) struct Subplan {
    pub(crate) plan: Arc<dyn Plan>,
    /// How deep its verbs and their expressions are.
    pub(crate) depth: u32,
    /// How many verbs it is made of.
    pub(crate) size: u32,
}

/// What an expression asks of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SubqueryKind {
    /// Whether it has a row.
    Exists,
    /// Whether the operand is among the values of its only column.
    In,
    /// Its only value.
    Scalar,
}

impl SubqueryKind {
    pub(crate) fn name(self, negated: bool) -> &'static str {
        match (self, negated) {
            (SubqueryKind::Exists, false) => "exists",
            (SubqueryKind::Exists, true) => "not_exists",
            (SubqueryKind::In, false) => "in_",
            (SubqueryKind::In, true) => "not_in",
            (SubqueryKind::Scalar, _) => "scalar",
        }
    }
}

/// The column called `name` of the relation around a subquery: in `exists`, `in_`, `scalar` and lateral joins. With
/// `.of("relation")` it may be that of any enclosing subquery. Inside a subquery, `col("name")` is always the subquery's own
/// column, so that nothing is captured by chance.
///
/// ```
/// use portcullis::{Dialect, col, exists, outer, table};
/// # portcullis::table! { payments { order_id: i64 } }
/// # portcullis::table! { orders { id: i64 } }
/// let paid = table(payments::table).where_(col("order_id").eq(outer("id")));
/// let query = table(orders::table).where_(exists(paid)).select("id").to_sql_for(Dialect::Sqlite)?;
/// assert_eq!(query.sql(), concat!(
///     r#"SELECT "orders"."id" FROM "orders" WHERE EXISTS(SELECT NULL FROM "payments" "#,
///     r#"WHERE "payments"."order_id" = "orders"."id")"#));
/// # Ok::<(), portcullis::Error>(())
/// ```
pub fn outer(name: &str) -> Expr {
    match Ident::new(name) {
        Ok(name) => Expr::make(Kind::Outer { table: None, name }),
        Err(error) => Expr::invalid(error),
    }
}
