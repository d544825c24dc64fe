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
mod flat;
mod tape;
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
use flat::{Flat, Pair, Single};
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
pub(crate) use tape::{MAX_LIST, MAX_WORDS, Tape, TapeReader};
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
#[must_use = "an expression does nothing until it is given to a verb"]
pub struct Expr(pub(crate) Repr);

pub(crate) enum Repr {
    /// Small ones, which are most.
    Flat(Box<Flat>),
    Tree(Arc<Node>),
    /// What is left of one that is taken apart.
    Gone,
}

impl Clone for Expr {
    #[inline]
    fn clone(&self) -> Expr {
        Expr(match &self.0 {
            Repr::Flat(flat) => Repr::Flat(flat.copied()),
            Repr::Tree(node) => Repr::Tree(Arc::clone(node)),
            Repr::Gone => Repr::Gone,
        })
    }
}

impl Drop for Expr {
    #[inline]
    fn drop(&mut self) {
        if let Repr::Flat(_) = &self.0
            && let Repr::Flat(flat) = std::mem::replace(&mut self.0, Repr::Gone)
        {
            flat.spare();
        }
    }
}

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
        /// The operand, the low bound and the high one.
        parts: Box<[Expr; 3]>,
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
        Expr(Repr::Tree(Arc::new(Node::new(kind))))
    }

    pub(crate) fn invalid(error: Error) -> Expr {
        Expr::make(Kind::Invalid(error))
    }

    /// The same as a tree.
    pub(crate) fn kind(&self) -> &Kind {
        match &self.0 {
            Repr::Flat(flat) => &flat.tree().kind,
            Repr::Tree(node) => &node.kind,
            Repr::Gone => &Kind::Null,
        }
    }

    /// The longest way down to a leaf.
    #[inline]
    pub(crate) fn depth(&self) -> u32 {
        match &self.0 {
            Repr::Flat(flat) => flat.depth(),
            Repr::Tree(node) => node.depth,
            Repr::Gone => 0,
        }
    }

    /// How many verbs the frames have that stand in it.
    #[inline]
    pub(crate) fn verbs(&self) -> u32 {
        match &self.0 {
            Repr::Flat(_) | Repr::Gone => 0,
            Repr::Tree(node) => node.verbs,
        }
    }

    /// A bound value.
    #[inline]
    pub(crate) fn value(bind: Bind) -> Expr {
        match Flat::literal(bind) {
            Ok(flat) => Expr(Repr::Flat(flat)),
            Err(bind) => Expr::make(Kind::Literal(bind)),
        }
    }

    /// The value, if it is one and nothing else.
    pub(crate) fn literal(&self) -> Option<&Bind> {
        match &self.0 {
            Repr::Flat(flat) if flat.depth() == 1 => flat.value(),
            Repr::Flat(_) | Repr::Gone => None,
            Repr::Tree(node) => match &node.kind {
                Kind::Literal(bind) => Some(bind),
                _ => None,
            },
        }
    }

    /// An aggregate without an operand.
    fn aggregate_of_rows(function: Aggregate) -> Expr {
        match Flat::aggregate_of_rows(function) {
            Some(flat) => Expr(Repr::Flat(flat)),
            None => Expr::make(Kind::Aggregate(Box::new(AggregateCall::new(function, Vec::new())))),
        }
    }

    /// The two joined.
    #[inline]
    fn pair(mut self, mut other: Expr, pair: Pair) -> Expr {
        if let (Repr::Flat(one), Repr::Flat(other)) = (&mut self.0, &mut other.0)
            && one.join(other, pair)
        {
            return self;
        }
        Expr::make(pair.kind(self, other))
    }

    /// The expression joined to a value.
    #[inline]
    fn pair_value(mut self, bind: Bind, pair: Pair) -> Expr {
        let bind = match &mut self.0 {
            Repr::Flat(flat) => match flat.join_value(bind, pair) {
                Ok(()) => return self,
                Err(bind) => bind,
            },
            Repr::Tree(_) | Repr::Gone => bind,
        };
        Expr::make(pair.kind(self, Expr::value(bind)))
    }

    /// The expression with `single` around it.
    #[inline]
    fn single(mut self, single: Single<'_>) -> Expr {
        if let Repr::Flat(flat) = &mut self.0
            && flat.wrap(single)
        {
            return self;
        }
        Expr::make(single.kind(self))
    }

    /// The column called `name`, of the relation called `table` if one is given.
    #[inline]
    fn column(table: Option<&str>, name: &str, declared: Option<Declared>) -> Expr {
        let mut column = Expr(Repr::Flat(Flat::new()));
        if let Repr::Flat(flat) = &mut column.0
            && table.is_none_or(|table| Ident::check(table).is_ok())
            && Ident::check(name).is_ok()
            && flat.column(table.map(str::as_bytes), name.as_bytes(), declared).is_some()
        {
            return column;
        }
        column = Expr::long_column(table, name, declared);
        column
    }

    #[inline(never)]
    fn long_column(table: Option<&str>, name: &str, declared: Option<Declared>) -> Expr {
        match (table.map(Ident::new).transpose(), Ident::new(name)) {
            (Ok(table), Ok(name)) => Expr::make(Kind::Column { table, name, declared }),
            (Err(error), _) | (_, Err(error)) => Expr::invalid(error),
        }
    }
}

impl Node {
    #[inline]
    fn new(kind: Kind) -> Node {
        let (mut depth, mut verbs) = (0, 0u32);
        children(&kind, |child| {
            depth = depth.max(child.depth());
            verbs = verbs.saturating_add(child.verbs());
        });
        if let Kind::Subquery { plan, .. } = &kind {
            depth = depth.max(plan.depth);
            verbs = verbs.saturating_add(plan.size);
        }
        Node { kind, depth: depth.saturating_add(1), verbs }
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
        Kind::Between { parts, .. } => parts.iter().for_each(visit),
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
        while let Some(mut next) = waiting.pop() {
            if let Repr::Tree(node) = std::mem::replace(&mut next.0, Repr::Gone)
                && let Some(mut node) = Arc::into_inner(node)
            {
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
        Kind::Between { parts, .. } => Vec::from(parts as Box<[Expr]>),
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
