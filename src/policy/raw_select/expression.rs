//! The expressions of a raw select, walked with a list of what is left to see: a chain of operators may be thousands long.

use sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList, FunctionArguments, JsonReturningClause, OrderByExpr, Subscript, TypedString, UnaryOperator,
    WindowFrame, WindowFrameBound, WindowSpec, WindowType,
};

use super::walk::{Walk, plain_wildcard, refuse_type, unknown};
use super::{functions, types};
use crate::dialect::Dialect;
use crate::error::Result;

type Left<'a> = Vec<&'a Expr>;

impl Walk {
    pub(super) fn expressions<'a>(
        &mut self,
        expressions: impl IntoIterator<Item = &'a Expr>,
        depth: usize,
    ) -> Result<()> {
        self.drain(expressions.into_iter().collect(), depth)
    }

    pub(super) fn expression(&mut self, expression: &Expr, depth: usize) -> Result<()> {
        self.drain(vec![expression], depth)
    }

    pub(super) fn arguments(&mut self, arguments: &[FunctionArg], depth: usize) -> Result<()> {
        let mut left = Vec::new();
        arguments.iter().try_for_each(|argument| push_argument(argument, &mut left))?;
        self.drain(left, depth)
    }

    pub(super) fn window(&mut self, window: &WindowSpec, depth: usize) -> Result<()> {
        let mut left = Vec::new();
        push_window(window, &mut left)?;
        self.drain(left, depth)
    }

    fn drain(&mut self, mut left: Left<'_>, depth: usize) -> Result<()> {
        while let Some(expression) = left.pop() {
            self.step(expression, &mut left, depth)?;
        }
        Ok(())
    }

    fn step<'a>(&mut self, expression: &'a Expr, left: &mut Left<'a>, depth: usize) -> Result<()> {
        match expression {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) => {}
            Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotUnknown(inner)
            | Expr::Nested(inner)
            | Expr::IsJson { expr: inner, kind: _, unique_keys: _, negated: _ }
            | Expr::IsNormalized { expr: inner, form: _, negated: _ }
            | Expr::Extract { field: _, syntax: _, expr: inner }
            | Expr::Ceil { expr: inner, field: _ }
            | Expr::Floor { expr: inner, field: _ }
            | Expr::Collate { expr: inner, collation: _ } => left.push(inner),
            Expr::IsDistinctFrom(one, two)
            | Expr::IsNotDistinctFrom(one, two)
            | Expr::AtTimeZone { timestamp: one, time_zone: two }
            | Expr::Position { expr: one, r#in: two }
            | Expr::RLike { negated: _, expr: one, pattern: two, regexp: _ } => left.extend([&**one, &**two]),
            Expr::BinaryOp { left: one, op, right: two }
            | Expr::AnyOp { left: one, compare_op: op, right: two, is_some: _ }
            | Expr::AllOp { left: one, compare_op: op, right: two } => {
                if !is_known_operator(op) {
                    return unknown("an operator of its own or an assignment");
                }
                left.extend([&**one, &**two]);
            }
            Expr::UnaryOp { op, expr } => match op {
                UnaryOperator::Plus
                | UnaryOperator::Minus
                | UnaryOperator::Not
                | UnaryOperator::BangNot
                | UnaryOperator::BitwiseNot
                | UnaryOperator::PGAbs
                | UnaryOperator::PGSquareRoot
                | UnaryOperator::PGCubeRoot => left.push(expr),
                _ => return unknown("an operator of its own"),
            },
            Expr::Between { expr, negated: _, low, high } => left.extend([&**expr, &**low, &**high]),
            Expr::InList { expr, list, negated: _ } => {
                left.push(expr);
                left.extend(list);
            }
            Expr::Like { negated: _, any: false, expr, pattern, escape_char }
            | Expr::ILike { negated: _, any: false, expr, pattern, escape_char }
            | Expr::SimilarTo { negated: _, expr, pattern, escape_char } => {
                left.extend([&**expr, &**pattern]);
                left.extend(escape_char.as_deref());
            }
            Expr::Case { case_token: _, end_token: _, operand, conditions, else_result } => {
                left.extend(operand.as_deref());
                left.extend(conditions.iter().flat_map(|when| [&when.condition, &when.result]));
                left.extend(else_result.as_deref());
            }
            Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                left.push(expr);
                left.extend(substring_from.as_deref());
                left.extend(substring_for.as_deref());
            }
            Expr::Trim { expr, trim_where: _, trim_what, trim_characters } => {
                left.push(expr);
                left.extend(trim_what.as_deref());
                left.extend(trim_characters.iter().flatten());
            }
            Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                left.extend([&**expr, &**overlay_what, &**overlay_from]);
                left.extend(overlay_for.as_deref());
            }
            Expr::Tuple(items) => left.extend(items),
            Expr::Array(array) => left.extend(&array.elem),
            Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => left.extend(sets.iter().flatten()),
            Expr::Interval(interval) => left.push(&interval.value),
            Expr::MemberOf(member) => left.extend([&*member.value, &*member.array]),
            Expr::MatchAgainst { columns: _, match_value: _, opt_search_modifier: _ } => {}
            Expr::CompoundFieldAccess { root, access_chain } => {
                left.push(root);
                access_chain.iter().try_for_each(|access| push_access(access, left))?;
            }
            Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, format: None } => {
                if !types::is_allowed(data_type) {
                    return refuse_type();
                }
                left.push(expr);
            }
            Expr::Convert { is_try: false, expr, data_type, charset: _, target_before_value: false, styles }
                if styles.is_empty() =>
            {
                if data_type.as_ref().is_some_and(|data_type| !types::is_allowed(data_type)) {
                    return refuse_type();
                }
                left.push(expr);
            }
            Expr::TypedString(TypedString { data_type, value: _, uses_odbc_syntax: false }) => {
                if !types::is_allowed(data_type) {
                    return refuse_type();
                }
            }
            Expr::Function(function) => self.function(function, left, depth)?,
            Expr::InSubquery { expr, subquery, negated: _ } => {
                left.push(expr);
                self.query(subquery, depth + 1)?;
            }
            Expr::Exists { subquery, negated: _ } | Expr::Subquery(subquery) => self.query(subquery, depth + 1)?,
            _ => return unknown("this form of an expression"),
        }
        Ok(())
    }

    fn function<'a>(&mut self, function: &'a Function, left: &mut Left<'a>, depth: usize) -> Result<()> {
        let Function { name, uses_odbc_syntax, parameters, args, within_group, filter, null_treatment: _, over } =
            function;
        if *uses_odbc_syntax || !matches!(parameters, FunctionArguments::None) {
            return unknown("this form of a call");
        }
        let last = self.function_name(name)?;
        let lower = last.value.to_ascii_lowercase();
        match args {
            // SQL: PostgreSQL, ARRAY(select …).
            FunctionArguments::Subquery(query) if lower == "array" && self.dialect == Dialect::Postgres => {
                return self.query(query, depth + 1);
            }
            FunctionArguments::Subquery(_) => return unknown("a subquery without its own parentheses in a call"),
            _ if !functions::is_allowed(&lower, self.dialect) => return Err(functions::refuse_function(&last.value)),
            FunctionArguments::None => {}
            FunctionArguments::List(FunctionArgumentList { duplicate_treatment: _, args, clauses }) => {
                args.iter().try_for_each(|argument| push_argument(argument, left))?;
                clauses.iter().try_for_each(|clause| push_clause(clause, left))?;
            }
        }
        within_group.iter().try_for_each(|item| push_order(item, left))?;
        left.extend(filter.as_deref());
        match over {
            None | Some(WindowType::NamedWindow(_)) => Ok(()),
            Some(WindowType::WindowSpec(window)) => push_window(window, left),
        }
    }
}

fn push_argument<'a>(argument: &'a FunctionArg, left: &mut Left<'a>) -> Result<()> {
    let value = match argument {
        FunctionArg::Unnamed(value) | FunctionArg::Named { name: _, arg: value, operator: _ } => value,
        FunctionArg::ExprNamed { name: Expr::Identifier(_), arg: value, operator: _ } => value,
        FunctionArg::ExprNamed { name: _, arg: _, operator: _ } => return unknown("this form of an argument"),
    };
    match value {
        FunctionArgExpr::Expr(expression) => left.push(expression),
        FunctionArgExpr::Wildcard | FunctionArgExpr::QualifiedWildcard(_) => {}
        FunctionArgExpr::WildcardWithOptions(options) => plain_wildcard(options)?,
    }
    Ok(())
}

fn push_clause<'a>(clause: &'a FunctionArgumentClause, left: &mut Left<'a>) -> Result<()> {
    match clause {
        FunctionArgumentClause::IgnoreOrRespectNulls(_)
        | FunctionArgumentClause::Separator(_)
        | FunctionArgumentClause::JsonNullClause(_) => Ok(()),
        FunctionArgumentClause::OrderBy(items) => items.iter().try_for_each(|item| push_order(item, left)),
        FunctionArgumentClause::Limit(expression) => {
            left.push(expression);
            Ok(())
        }
        FunctionArgumentClause::JsonReturningClause(JsonReturningClause { data_type }) => {
            if types::is_allowed(data_type) { Ok(()) } else { refuse_type() }
        }
        _ => unknown("this clause of a call"),
    }
}

fn push_order<'a>(item: &'a OrderByExpr, left: &mut Left<'a>) -> Result<()> {
    let OrderByExpr { expr, options: _, with_fill } = item;
    if with_fill.is_some() {
        return unknown("`with fill`");
    }
    left.push(expr);
    Ok(())
}

fn push_window<'a>(window: &'a WindowSpec, left: &mut Left<'a>) -> Result<()> {
    let WindowSpec { window_name: _, partition_by, order_by, window_frame } = window;
    left.extend(partition_by);
    order_by.iter().try_for_each(|item| push_order(item, left))?;
    if let Some(WindowFrame { units: _, start_bound, end_bound }) = window_frame {
        for bound in std::iter::once(start_bound).chain(end_bound) {
            match bound {
                WindowFrameBound::CurrentRow => {}
                WindowFrameBound::Preceding(expression) | WindowFrameBound::Following(expression) => {
                    left.extend(expression.as_deref());
                }
            }
        }
    }
    Ok(())
}

fn push_access<'a>(access: &'a AccessExpr, left: &mut Left<'a>) -> Result<()> {
    match access {
        AccessExpr::Dot(Expr::Identifier(_)) => {}
        AccessExpr::Dot(_) => return unknown("this form of a field"),
        AccessExpr::Subscript(Subscript::Index { index }) => left.push(index),
        AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, stride }) => {
            left.extend(lower_bound);
            left.extend(upper_bound);
            left.extend(stride);
        }
    }
    Ok(())
}

/// The operators that the databases bring themselves.
fn is_known_operator(operator: &BinaryOperator) -> bool {
    use BinaryOperator as Op;
    matches!(
        operator,
        Op::Plus
            | Op::Minus
            | Op::Multiply
            | Op::Divide
            | Op::Modulo
            | Op::StringConcat
            | Op::Gt
            | Op::Lt
            | Op::GtEq
            | Op::LtEq
            | Op::Spaceship
            | Op::Eq
            | Op::NotEq
            | Op::And
            | Op::Or
            | Op::Xor
            | Op::BitwiseOr
            | Op::BitwiseAnd
            | Op::BitwiseXor
            | Op::MyIntegerDivide
            | Op::Match
            | Op::Regexp
            | Op::Glob
            | Op::PGBitwiseXor
            | Op::PGBitwiseShiftLeft
            | Op::PGBitwiseShiftRight
            | Op::PGExp
            | Op::PGOverlap
            | Op::PGRegexMatch
            | Op::PGRegexIMatch
            | Op::PGRegexNotMatch
            | Op::PGRegexNotIMatch
            | Op::PGLikeMatch
            | Op::PGILikeMatch
            | Op::PGNotLikeMatch
            | Op::PGNotILikeMatch
            | Op::PGStartsWith
            | Op::Arrow
            | Op::LongArrow
            | Op::HashArrow
            | Op::HashLongArrow
            | Op::AtAt
            | Op::AtArrow
            | Op::ArrowAt
            | Op::HashMinus
            | Op::Overlaps
            | Op::AndLt
            | Op::AndGt
    )
}
