//! Scalar functions: a closed list, by family. What each takes and gives stands in `schema/signature`, what it is called on each
//! database in `compile/lower/forms`.

use super::array::ArrayFunction;
use super::json::JsonFunction;
use super::time::TimeFunction;
use super::{ChoiceFunction, Expr, Kind, NumberFunction, TextFunction};

/// A scalar function. What is no operand but part of the function, such as a unit, is in its variant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Function {
    Text(TextFunction),
    Number(NumberFunction),
    Choice(ChoiceFunction),
    Time(TimeFunction),
    Json(JsonFunction),
    /// Whether a key of grouping sets was left out; `Some` where that is known without asking.
    Grouping(Option<bool>),
    Array(ArrayFunction),
}

impl Function {
    /// What the caller wrote.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Function::Text(function) => function.name(),
            Function::Number(function) => function.name(),
            Function::Choice(function) => function.name(),
            Function::Time(function) => function.name(),
            Function::Json(function) => function.name(),
            Function::Grouping(_) => "grouping",
            Function::Array(function) => function.name(),
        }
    }
}

macro_rules! into_function {
    ($($family:ident($inner:ident);)*) => {$(
        impl From<$inner> for Function {
            fn from(function: $inner) -> Function {
                Function::$family(function)
            }
        }
    )*};
}

into_function! {
    Text(TextFunction);
    Number(NumberFunction);
    Choice(ChoiceFunction);
    Time(TimeFunction);
    Json(JsonFunction);
    Array(ArrayFunction);
}

impl Expr {
    /// A call of a scalar function.
    pub(crate) fn call(function: impl Into<Function>, operands: impl IntoIterator<Item = Expr>) -> Expr {
        Expr::make(Kind::Call(function.into(), operands.into_iter().collect()))
    }
}
