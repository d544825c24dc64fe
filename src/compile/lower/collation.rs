//! Text is compared by code point, and texts of two collations are made alike before they meet.

use sea_query::Expr;

use super::Lowering;
use super::doors::{Function, Operator, function, operator, word};
use super::expr::binary;
use crate::error::Result;
use crate::schema::{Rx, RxKind, schema_needed};
use crate::types::SqlType;

impl Lowering<'_> {
    /// Whether the database by itself compares this text by code point.
    pub(super) fn is_exact(&self, rx: &Rx) -> bool {
        rx.0.binary_text || (self.target.binary_text && !self.folder.has_own_collation(rx))
    }

    /// Whether text would be compared in another order than that of code points.
    pub(super) fn needs_collation(&self, rx: &Rx, what: &str) -> Result<bool> {
        if self.caps.binary_collation.is_none() || self.is_exact(rx) {
            return Ok(false);
        }
        match rx.sql_type() {
            Some(sql_type) => Ok(sql_type == SqlType::Text),
            None => match self.folder.table_of(rx) {
                Some(table) => Err(schema_needed(vec![table], what)),
                None => Ok(false),
            },
        }
    }

    /// True where texts that bring different collations along are compared, or become one.
    ///
    /// SQL: MySQL manual, 12.8.4; PostgreSQL manual, 24.2.1: that is an error where neither is explicit, and a column of a derived table
    /// has its collation as a table's has.
    pub(super) fn mixes_collations<'a>(&self, operands: impl IntoIterator<Item = &'a Rx>) -> bool {
        let mut known = operands.into_iter().filter_map(|operand| self.folder.collation_of_text(operand));
        known.next().is_some_and(|first| known.any(|other| other != first))
    }

    /// Lowers one of several texts that become one; `mixed` is what [`Lowering::mixes_collations`] says of all of them.
    pub(super) fn in_one_collation(&mut self, operand: &Rx, mixed: bool, qualify: bool) -> Result<Expr> {
        let lowered = self.expr(operand, qualify)?;
        let brings = mixed && !matches!(operand.kind(), RxKind::ExactText(_));
        Ok(if brings && self.folder.collation_of_text(operand).is_some() { self.collated(lowered) } else { lowered })
    }

    /// `text` under the collation that compares by code point.
    pub(super) fn collated(&self, text: Expr) -> Expr {
        // SQL: a collation fits one character set only; a bind has that of the session, a column may have any.
        let text = match text {
            text if !self.target.dialect.is_mysql_family() || matches!(text, Expr::Value(_)) => text,
            text => function(Function::Convert).arg(binary(text, operator(Operator::Using), word("utf8mb4"))).into(),
        };
        match self.caps.binary_collation {
            Some(collation) => binary(text, operator(Operator::Collate), word(collation)),
            None => text,
        }
    }
}
