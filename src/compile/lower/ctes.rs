//! The WITH clause.

use sea_query::{CommonTableExpression, Expr, WithClause};

use super::doors::{TypeName, cast};
use super::{Lowering, iden, placeholder_type};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::schema::{Rx, RxKind};
use crate::types::{Family, SqlType};

/// How many characters a text of a recursion may have on MySQL and MariaDB, where the anchor decides.
const MAX_RECURSIVE_TEXT: u32 = 1_000_000;

impl Lowering<'_> {
    /// The relations that the statement reads by name; `None` when there are none.
    pub(super) fn with_clause(&mut self) -> Result<Option<WithClause>> {
        let order = self.folder.cte_order.clone();
        if self.read_ctes.is_empty() {
            return Ok(None);
        }
        // They stand before everything: no subquery is around them, and their own subqueries read them as they are.
        let nested = std::mem::take(&mut self.nested);
        let inside = std::mem::take(&mut self.with_inside);
        let clause = self.relations(order);
        self.nested = nested;
        self.with_inside = inside;
        clause.map(Some)
    }

    fn relations(&mut self, order: Vec<usize>) -> Result<WithClause> {
        let mut expressions = Vec::with_capacity(order.len());
        let mut recursive = false;
        // Each is read by the statement or by those after it. What nothing reads, as for a column that was left out, is not written: MySQL
        // loses count of placeholders in it.
        for place in order.into_iter().rev() {
            if !self.read_ctes.contains(&place) {
                continue;
            }
            let missing = || Error::internal("lower.cte");
            let cte = self.folder.ctes.get_mut(place).ok_or_else(missing)?;
            let repeats = cte.recursive;
            recursive = recursive || repeats;
            let name = cte.name.clone();
            let block = cte.block.take().ok_or_else(missing)?;
            // SQL: MySQL 9.7 gives the second use of a relation that is itself an INTERSECT or EXCEPT rows that are not in it.
            let cut = self.target.dialect == Dialect::MySql && self.folder.is_cut_set(&block);
            // SQL: MariaDB 10.11.19 ends, by signal 11, when it hands a condition on the relation down into a set of groups below it.
            let groups = self.target.dialect == Dialect::MariaDb && !repeats && self.folder.reads_set_of_groups(&block);
            let select = if cut { self.select_from(&block) } else { self.derived(&block, true, groups) };
            if let Some(cte) = self.folder.ctes.get_mut(place) {
                cte.block = Some(block);
            }
            let mut expression = CommonTableExpression::new();
            expression.table_name(iden(&name)).query(select?);
            // SQL: SQLite computes it for each use where it can put it in its place; MySQL computes one that is used twice once.
            if self.folder.is_shared(place) && self.target.dialect == Dialect::Sqlite {
                expression.materialized(true);
            }
            expressions.push(expression);
        }
        let mut clause = WithClause::new();
        for expression in expressions.into_iter().rev() {
            clause.cte(expression);
        }
        clause.recursive(recursive);
        Ok(clause)
    }

    /// A column of a recursion's anchor or step, of exactly the type that all of its rows have.
    ///
    /// SQL: PostgreSQL wants the same type on both sides, with its length. MySQL and MariaDB take the anchor's, with its length, and
    /// cut off what doesn't fit.
    pub(super) fn settled(&mut self, rx: &Rx, anchor: bool, qualify: bool) -> Result<Expr> {
        let (Some(sql_type), dialect) = (rx.sql_type(), self.target.dialect) else { return self.expr(rx, qualify) };
        match (dialect, sql_type.family()) {
            (Dialect::Sqlite, _) => self.expr(rx, qualify),
            (Dialect::Postgres, Family::Text | Family::Number) | (Dialect::Postgres, Family::Timestamp) => {
                let expr = self.expr(rx, qualify)?;
                let promoted = match sql_type {
                    SqlType::Int16 | SqlType::Int32 => SqlType::Int64,
                    SqlType::Float32 => SqlType::Float64,
                    SqlType::UInt64 => SqlType::Decimal(None),
                    other => other,
                };
                match placeholder_type(promoted) {
                    Some(name) if !is_settled(rx) => Ok(cast(expr, TypeName::Named(name))),
                    _ => Ok(expr),
                }
            }
            (_, Family::Text) if anchor => {
                let inner = if let RxKind::ExactText(inner) = rx.kind() { inner } else { rx };
                let text = cast(self.expr(inner, qualify)?, TypeName::Text(MAX_RECURSIVE_TEXT));
                Ok(self.collated(text))
            }
            (_, Family::Number) if anchor => {
                let expr = self.expr(rx, qualify)?;
                Ok(match sql_type {
                    SqlType::Int16 | SqlType::Int32 | SqlType::Int64 => cast(expr, TypeName::Named("SIGNED")),
                    SqlType::Float32 => cast(expr, TypeName::Named("DOUBLE")),
                    SqlType::Decimal(Some((_, scale))) => cast(expr, TypeName::Decimal(65, scale)),
                    _ => expr,
                })
            }
            _ => self.expr(rx, qualify),
        }
    }
}

/// True where PostgreSQL's type is known to be that of every row: a placeholder, a column of a type without a length, and whole
/// numbers computed from such.
fn is_settled(rx: &Rx) -> bool {
    match rx.kind() {
        RxKind::Bind(_) => !matches!(rx.sql_type(), Some(SqlType::Int16 | SqlType::Int32 | SqlType::Float32)),
        RxKind::Source { .. } => !matches!(
            rx.sql_type(),
            Some(
                SqlType::Text
                    | SqlType::Decimal(_)
                    | SqlType::UInt64
                    | SqlType::Float32
                    | SqlType::Int16
                    | SqlType::Int32
            )
        ),
        RxKind::Arithmetic(_, left, right) => {
            let int = |rx: &Rx| rx.sql_type() == Some(SqlType::Int64) && is_settled(rx);
            int(left) && int(right)
        }
        _ => false,
    }
}
