//! Functions that compare or choose between values of any type.

use sea_query::Expr;

use super::super::expr::{cast_to, is_text};
use super::super::template::Piece;
use super::Lowering;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::expr::ChoiceFunction;
use crate::schema::Rx;
use crate::types::SqlType;

impl Lowering<'_> {
    pub(super) fn choice_form(
        &mut self,
        function: &ChoiceFunction,
        operands: &[Rx],
        mut args: Vec<Expr>,
    ) -> Result<Expr> {
        use ChoiceFunction as F;
        let dialect = self.target.dialect;
        match function {
            F::Greatest | F::Least => self.extreme(*function == F::Greatest, operands, args),
            F::IsNan => {
                let template = match operands.first().and_then(Rx::sql_type) {
                    Some(SqlType::Float32 | SqlType::Float64) if dialect == Dialect::Postgres => {
                        "{0} = CAST('NaN' AS double precision)"
                    }
                    // Not a number is equal to itself on PostgreSQL, and stored nowhere else.
                    _ => "{0} <> {0}",
                };
                self.template(template, args)
            }
            F::IsDistinctFrom | F::IsNotDistinctFrom => {
                let [left, right] = operands else { return Err(Error::internal("form.operands")) };
                self.need_one_type(left, right)?;
                let loose = dialect == Dialect::Postgres
                    && (self.folder.has_own_collation(left) || self.folder.has_own_collation(right));
                if (dialect.is_mysql_family() || loose)
                    && (is_text(left) || is_text(right))
                    && let Some(right) = args.pop()
                {
                    let right = self.collated(right);
                    args.push(right);
                }
                let template = match (*function == F::IsDistinctFrom, dialect) {
                    (true, Dialect::Postgres) => "{0} IS DISTINCT FROM {1}",
                    (false, Dialect::Postgres) => "{0} IS NOT DISTINCT FROM {1}",
                    (true, Dialect::Sqlite) => "{0} IS NOT {1}",
                    (false, Dialect::Sqlite) => "{0} IS {1}",
                    (true, _) => "NOT ({0} <=> {1})",
                    (false, _) => "{0} <=> {1}",
                };
                self.template(template, args)
            }
        }
    }

    fn extreme(&mut self, greatest: bool, operands: &[Rx], args: Vec<Expr>) -> Result<Expr> {
        let dialect = self.target.dialect;
        let mixed = |one: &Rx| one.sql_type().is_some_and(|found| found.is_float());
        let double = operands.iter().any(mixed);
        let mut alike = Vec::with_capacity(args.len());
        for (rx, arg) in operands.iter().zip(args) {
            let arg = if self.needs_collation(rx, "`greatest`")? { self.collated(arg) } else { arg };
            // Each in the type of all, since SQLite's result is the operand as it is.
            let arg = match rx.sql_type() {
                Some(found) if double && found != SqlType::Float64 => cast_to(arg, self.caps.double),
                _ => arg,
            };
            alike.push(arg);
        }
        if alike.len() == 1 {
            return alike.pop().ok_or_else(|| Error::internal("form.operands"));
        }
        let name = match (greatest, dialect) {
            (true, Dialect::Sqlite) => "MAX(",
            (false, Dialect::Sqlite) => "MIN(",
            (true, _) => "GREATEST(",
            (false, _) => "LEAST(",
        };
        let mut pieces = Vec::new();
        // SQL: PostgreSQL's leave NULL out.
        if dialect == Dialect::Postgres {
            for (position, _) in operands.iter().enumerate().filter(|(_, rx)| rx.nullable()) {
                pieces.push(Piece::Text(if pieces.is_empty() { "CASE WHEN " } else { " IS NOT NULL AND " }));
                pieces.push(Piece::Operand(position));
            }
        }
        let guarded = !pieces.is_empty();
        if guarded {
            pieces.push(Piece::Text(" IS NOT NULL THEN "));
        }
        pieces.push(Piece::Text(name));
        for position in 0..alike.len() {
            if position > 0 {
                pieces.push(Piece::Text(", "));
            }
            pieces.push(Piece::Operand(position));
        }
        pieces.push(Piece::Text(if guarded { ") END" } else { ")" }));
        self.pieces(&pieces, alike)
    }
}
