//! What `in_` looks into: a list of values, or a frame of one column.

use super::operand::OperandFor;
use super::{Expr, Kind, Subplan, SubqueryKind};
use crate::types::SqlType;
use crate::value::{Bind, ToValue};

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// What `in_` and `not_in` take: values (an array, a vector, a slice or any iterator of them), or a frame of one column. The trait
/// is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a list of values nor a frame",
    note = "write `in_([1, 2, 3])`, `in_(&ids)`, or `in_(db.table(\"customers\").select(\"id\"))`"
)]
pub trait Members: sealed::Sealed {
    #[doc(hidden)]
    fn into_members(self) -> Membership;
}

/// What `in_` of a typed column whose values are of family `F` takes. The trait is sealed.
pub trait MembersFor<F>: Members {}

/// Values, or a frame.
#[doc(hidden)]
#[expect(private_interfaces, reason = "the trait is sealed, and nobody else makes or reads one")]
pub enum Membership {
    List(Vec<Bind>, SqlType),
    Frame(Subplan),
}

impl Membership {
    pub(super) fn into_expr(self, operand: Expr, negated: bool) -> Expr {
        Expr::make(match self {
            Membership::List(list, list_type) => Kind::In { operand, list, list_type, negated },
            Membership::Frame(plan) => Kind::Subquery { kind: SubqueryKind::In, operand: Some(operand), plan, negated },
        })
    }
}

impl<I> sealed::Sealed for I
where
    I: IntoIterator,
    I::Item: ToValue,
{
}

impl<I> Members for I
where
    I: IntoIterator,
    I::Item: ToValue,
{
    fn into_members(self) -> Membership {
        let list = self.into_iter().map(|value| Bind { value: value.to_value(), sql_type: I::Item::SQL_TYPE });
        Membership::List(list.collect(), I::Item::SQL_TYPE)
    }
}

impl<F, I> MembersFor<F> for I
where
    I: IntoIterator,
    I::Item: ToValue + OperandFor<F>,
{
}
