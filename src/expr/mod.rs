//! Expressions: one opaque, cheap-to-clone type, and the typed leaves that become it.

mod operand;
mod members;
mod methods;
mod date_pattern;
mod time;
mod json;
mod array;
mod call;
mod letters;
mod regexp;
mod scalar;
mod leaf;
mod functions;
mod aggregate;
mod window;
mod column;
mod sort;
mod subplan;
mod shape;

use std::fmt;
use std::sync::Arc;

use crate::error::Error;
use crate::ident::Ident;
use crate::types::SqlType;
use crate::value::Bind;

pub(crate) use aggregate::{Aggregate, AggregateCall, OrderKey};
pub(crate) use array::ArrayFunction;
pub(crate) use call::Function;
pub use column::{Column, ColumnType};
pub(crate) use date_pattern::{DatePattern, Field, Parts};
pub use functions::aggregate::{
    CountOperand, DistinctOperands, array_agg, avg, bool_and, bool_or, corr, count, count_distinct, covar_pop,
    covar_samp, first, json_array_agg, json_object_agg, last, max, median, min, mode, percentile_cont, percentile_disc,
    stddev_pop, stddev_samp, string_agg, sum, var_pop, var_samp,
};
pub use functions::window::{
    cume_dist, dense_rank, first_value, lag, last_value, lead, nth_value, ntile, percent_rank, rank, row_number,
};
pub use functions::{
    All, Case, all, all_of, any_of, case, coalesce, col, concat, concat_ws, current_date, current_time,
    current_timestamp, days, from_unix, from_unix_micros, greatest, grouping, hours, if_, least, lit, make_date,
    microseconds, minutes, months, not, pi, random, seconds, weeks, years,
};
pub use json::{IntoJsonPath, JsonStep};
pub(crate) use json::{JsonFunction, JsonPath};
pub(crate) use letters::{CAPITALS, Letters, SEPARATORS, SMALL, separates};
pub(crate) use members::Membership;
pub(crate) use members::sealed as members_sealed;
pub use members::{Members, MembersFor};
pub use operand::{IntoExpr, Operand, OperandFor, Summable, family};
pub(crate) use regexp::{Regexp, class_of};
pub(crate) use scalar::{ChoiceFunction, NumberFunction, TextFunction};
pub(crate) use shape::{Address, Given, Shapeless, Values, Walk, Walked};
pub use sort::SortKey;
pub use subplan::outer;
pub(crate) use subplan::{Plan, Subplan, SubqueryKind};
pub use time::Unit;
pub(crate) use time::{Part, TimeFunction, Zone};
pub use window::{
    Bound, FrameOffset, Window, WindowFunction, current_row, following, preceding, unbounded_following,
    unbounded_preceding, window,
};
pub(crate) use window::{
    Edge, Exclusion, Frame as WindowFrame, Offset, OverCall, Ranking, Units, ValueFunction, Windowed,
};

/// A typed SQL expression: a column, a bound value, an operation, a condition or an aggregate.
///
/// It is built from [`col`], [`lit`], a typed [`Column`], the functions of this crate and its own methods; there is no way
/// to make one from SQL text. Cloning is cheap.
///
/// ```
/// use portcullis::{col, all_of};
///
/// let grown_up = col("age").ge(18);
/// let reachable = col("email").is_not_null() | col("phone").is_not_null();
/// let condition = all_of([grown_up, reachable]);
/// # let _ = condition;
/// ```
#[derive(Clone)]
#[must_use = "an expression does nothing until it is given to a verb"]
pub struct Expr(pub(crate) Arc<Node>);

pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// The longest way down to a leaf, so that a chain too deep is refused before anything recurses.
    pub(crate) depth: u32,
    /// How many verbs the frames have that stand in it.
    pub(crate) verbs: u32,
}

pub(crate) enum Kind {
    Column {
        table: Option<Ident>,
        name: Ident,
        declared: Option<Declared>,
    },
    Literal(Bind),
    /// NULL, where a write sets it; not to be had as an operand.
    Null,
    Not(Expr),
    Negate(Expr),
    Arithmetic(Arithmetic, Expr, Expr),
    Compare(Comparison, Expr, Expr),
    All(Vec<Expr>),
    Any(Vec<Expr>),
    IsNull {
        operand: Expr,
        negated: bool,
    },
    In {
        operand: Expr,
        list: Vec<Bind>,
        list_type: SqlType,
        negated: bool,
    },
    Between {
        operand: Expr,
        low: Expr,
        high: Expr,
        negated: bool,
    },
    Like {
        operand: Expr,
        pattern: Pattern,
        text: String,
        negated: bool,
    },
    Case {
        arms: Vec<(Expr, Expr)>,
        otherwise: Option<Expr>,
    },
    Coalesce(Vec<Expr>),
    Cast(Expr, SqlType),
    /// A scalar function.
    Call(Function, Vec<Expr>),
    Aggregate(Box<AggregateCall<Expr>>),
    /// A function over a window.
    Over(Box<OverCall<Expr>>),
    /// A question to a frame.
    Subquery {
        kind: SubqueryKind,
        operand: Option<Expr>,
        plan: Subplan,
        negated: bool,
    },
    /// A column of the relation around a subquery.
    Outer {
        table: Option<Ident>,
        name: Ident,
    },
    /// A column of the row that an upsert was to insert.
    Incoming(Ident),
    Alias(Expr, Ident),
    /// `*` of the relation: legal in `select` and in `count`.
    Everything,
    /// A mistake, kept until the plan is resolved, which reports all of them.
    Invalid(Error),
}

/// What `table!` said of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Declared {
    pub(crate) sql_type: SqlType,
    pub(crate) nullable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    IntegerDivide,
    Modulo,
}

impl Arithmetic {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::IntegerDivide => "int_div",
            Arithmetic::Modulo => "%",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Pattern {
    /// The caller's own pattern: `%`, `_`, and `\` before a literal one.
    Like,
    Contains,
    StartsWith,
    EndsWith,
}

impl Expr {
    #[inline]
    pub(crate) fn make(kind: Kind) -> Expr {
        let (mut depth, mut verbs) = (0, 0u32);
        children(&kind, |child| {
            depth = depth.max(child.0.depth);
            verbs = verbs.saturating_add(child.0.verbs);
        });
        if let Kind::Subquery { plan, .. } = &kind {
            depth = depth.max(plan.depth);
            verbs = verbs.saturating_add(plan.size);
        }
        Expr(Arc::new(Node { kind, depth: depth.saturating_add(1), verbs }))
    }

    pub(crate) fn invalid(error: Error) -> Expr {
        Expr::make(Kind::Invalid(error))
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0.kind
    }
}

/// Shows the shape of the expression, never a value. Deep expressions are cut short.
impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_shape(self, f, 8)
    }
}

fn write_shape(expr: &Expr, f: &mut fmt::Formatter<'_>, depth: u32) -> fmt::Result {
    if depth == 0 {
        return f.write_str("…");
    }
    let label = match expr.kind() {
        Kind::Column { name, .. } => return write!(f, "{name:?}"),
        Kind::Outer { name, .. } => return write!(f, "outer({name:?})"),
        Kind::Incoming(name) => return write!(f, "incoming({name:?})"),
        Kind::Literal(bind) => return write!(f, "{bind:?}"),
        Kind::Null => return f.write_str("NULL"),
        Kind::Everything => return f.write_str("*"),
        Kind::Invalid(error) => return write!(f, "invalid({})", error.code()),
        Kind::Not(_) => "not",
        Kind::Negate(_) => "negate",
        Kind::Arithmetic(op, ..) => op.symbol(),
        Kind::Compare(op, ..) => match op {
            Comparison::Equal => "eq",
            Comparison::NotEqual => "ne",
            Comparison::Less => "lt",
            Comparison::LessOrEqual => "le",
            Comparison::Greater => "gt",
            Comparison::GreaterOrEqual => "ge",
        },
        Kind::All(_) => "all_of",
        Kind::Any(_) => "any_of",
        Kind::IsNull { .. } => "is_null",
        Kind::In { .. } => "in_",
        Kind::Between { .. } => "between",
        Kind::Like { .. } => "like",
        Kind::Case { .. } => "case",
        Kind::Coalesce(_) => "coalesce",
        Kind::Cast(..) => "cast",
        Kind::Call(function, _) => function.name(),
        Kind::Aggregate(call) => call.function.name(),
        Kind::Over(call) => call.name(),
        Kind::Subquery { kind, negated, .. } => kind.name(*negated),
        Kind::Alias(..) => "as_",
    };
    f.write_str(label)?;
    f.write_str("(")?;
    let mut position = 0;
    let mut result = Ok(());
    each_child(expr.kind(), &mut |child| {
        if result.is_err() || position > 8 {
            return;
        }
        result = if position == 8 {
            f.write_str(", …")
        } else {
            let comma = if position == 0 { "" } else { ", " };
            f.write_str(comma).and_then(|()| write_shape(child, f, depth - 1))
        };
        position += 1;
    });
    result?;
    f.write_str(")")
}

pub(crate) fn each_child<'k>(kind: &'k Kind, visit: &mut dyn FnMut(&'k Expr)) {
    children(kind, visit);
}

/// The same, made for its caller: where the kind is known it is no more than its own arm.
#[inline]
fn children<'k>(kind: &'k Kind, mut visit: impl FnMut(&'k Expr)) {
    match kind {
        Kind::Column { .. }
        | Kind::Outer { .. }
        | Kind::Incoming(_)
        | Kind::Literal(_)
        | Kind::Null
        | Kind::Everything
        | Kind::Invalid(_) => {}
        Kind::Not(one) | Kind::Negate(one) | Kind::Cast(one, _) | Kind::Alias(one, _) => visit(one),
        Kind::IsNull { operand, .. } | Kind::In { operand, .. } | Kind::Like { operand, .. } => visit(operand),
        Kind::Arithmetic(_, left, right) | Kind::Compare(_, left, right) => {
            visit(left);
            visit(right);
        }
        Kind::Between { operand, low, high, .. } => {
            visit(operand);
            visit(low);
            visit(high);
        }
        Kind::All(many) | Kind::Any(many) | Kind::Coalesce(many) | Kind::Call(_, many) => many.iter().for_each(visit),
        Kind::Case { arms, otherwise } => {
            for (condition, result) in arms {
                visit(condition);
                visit(result);
            }
            if let Some(otherwise) = otherwise {
                visit(otherwise);
            }
        }
        Kind::Aggregate(call) => call.each(&mut visit),
        Kind::Over(call) => call.each(&mut visit),
        Kind::Subquery { operand, .. } => {
            if let Some(operand) = operand {
                visit(operand);
            }
        }
    }
}

/// Below this depth the compiler's own recursive drop is safe and faster.
const SHALLOW: u32 = 100;

impl Drop for Node {
    /// Takes a deep tree apart in a loop: a chain of 100,000 operations must not overflow the stack when it is dropped.
    fn drop(&mut self) {
        if self.depth < SHALLOW {
            return;
        }
        let mut waiting = take_children(&mut self.kind);
        while let Some(next) = waiting.pop() {
            if let Some(mut node) = Arc::into_inner(next.0) {
                waiting.append(&mut take_children(&mut node.kind));
                node.depth = 0;
            }
        }
    }
}

fn take_children(kind: &mut Kind) -> Vec<Expr> {
    match std::mem::replace(kind, Kind::Everything) {
        Kind::Column { .. }
        | Kind::Outer { .. }
        | Kind::Incoming(_)
        | Kind::Literal(_)
        | Kind::Null
        | Kind::Everything
        | Kind::Invalid(_) => Vec::new(),
        Kind::Subquery { operand, plan, .. } => {
            let mut inside = plan.plan.into_exprs();
            inside.extend(operand);
            inside
        }
        Kind::Not(one) | Kind::Negate(one) | Kind::Cast(one, _) | Kind::Alias(one, _) => vec![one],
        Kind::IsNull { operand, .. } | Kind::In { operand, .. } | Kind::Like { operand, .. } => vec![operand],
        Kind::Arithmetic(_, left, right) | Kind::Compare(_, left, right) => vec![left, right],
        Kind::Between { operand, low, high, .. } => vec![operand, low, high],
        Kind::All(many) | Kind::Any(many) | Kind::Coalesce(many) | Kind::Call(_, many) => many,
        Kind::Case { arms, otherwise } => {
            arms.into_iter().flat_map(|(condition, result)| [condition, result]).chain(otherwise).collect()
        }
        Kind::Aggregate(call) => shared(|visit| call.each(visit)),
        Kind::Over(call) => shared(|visit| call.each(visit)),
    }
}

/// Holds on to children whose owner is dropped in a moment.
fn shared(each: impl Fn(&mut dyn FnMut(&Expr))) -> Vec<Expr> {
    let mut children = Vec::new();
    each(&mut |child| children.push(child.clone()));
    children
}
