//! Writes as sea-query statements.

use sea_query::{LogicalChainOper, Query};

use super::tail::Piece;
use super::{Lowering, Rendered, iden, table_ref};
use crate::compile::fold::Block;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::ident::Ident;
use crate::query::TableName;
use crate::schema::{Asked, Facts, Rx, RxKind, each_operand};

impl Lowering<'_> {
    pub(in crate::compile) fn update(
        mut self,
        table: &TableName,
        target: &Block,
        set: &[(Ident, Rx)],
        condition: Option<&Rx>,
        returning: Option<&[(Ident, Rx)]>,
    ) -> Result<Rendered> {
        if returning.is_some() && self.target.dialect.is_mysql_family() {
            return Err(unsupported(
                "returning.unsupported",
                "MySQL and MariaDB give back nothing of the rows that an update changes; run it on a handle, which reads the rows again, or read them in a transaction",
            ));
        }
        self.begin_write();
        let mut statement = Query::update();
        statement.table(table_ref(table));
        let set = if self.target.dialect.is_mysql_family() {
            in_order(set, self.folder.facts())?
        } else {
            set.iter().collect()
        };
        let beside = target.sources.get(1).copied();
        for (column, value) in set {
            // SQL: an update with FROM reads all of it before it changes a row.
            if beside.is_none() {
                self.check_reads(column, value, false)?;
            }
            let value = self.folder.rewrite(target, value)?;
            statement.value(iden(column), self.expr(&value, beside.is_some())?);
        }
        if let Some(condition) = condition {
            let condition = self.folder.rewrite(target, condition)?;
            statement.and_or_where(LogicalChainOper::And(self.expr(&condition, beside.is_some())?));
        }
        // Last, since what is named above decides which columns the relation has.
        if let Some(place) = beside {
            let relation = self.source(place)?;
            statement.from(relation);
        }
        if !self.with_inside
            && let Some(clause) = self.with_clause()?
        {
            statement.with_cte(clause);
        }
        let tail = returning.map(|columns| self.returned(columns, target)).transpose()?.unwrap_or_default();
        self.render_then(&statement, |writer| tail.into_iter().for_each(|piece| piece.write(writer)))
    }

    pub(in crate::compile) fn delete(
        mut self,
        table: &TableName,
        target: &Block,
        condition: Option<&Rx>,
        returning: Option<&[(Ident, Rx)]>,
    ) -> Result<Rendered> {
        if returning.is_some() && self.target.dialect == Dialect::MySql {
            return Err(unsupported(
                "returning.unsupported",
                "MySQL gives back nothing of the rows that it deletes; read them with `for_update` in a transaction first",
            ));
        }
        self.begin_write();
        let mut statement = Query::delete();
        statement.from_table(table_ref(table));
        if let Some(condition) = condition {
            let condition = self.folder.rewrite(target, condition)?;
            statement.and_or_where(LogicalChainOper::And(self.expr(&condition, false)?));
        }
        if !self.with_inside
            && let Some(clause) = self.with_clause()?
        {
            statement.with_cte(clause);
        }
        let tail = returning.map(|columns| self.returned(columns, target)).transpose()?.unwrap_or_default();
        self.render_then(&statement, |writer| tail.into_iter().for_each(|piece| piece.write(writer)))
    }
}

impl Lowering<'_> {
    /// What the write gives back, as the target's columns.
    pub(super) fn returned(&mut self, columns: &[(Ident, Rx)], target: &Block) -> Result<Vec<Piece>> {
        let mut rewritten = Vec::with_capacity(columns.len());
        for (name, rx) in columns {
            rewritten.push((name.clone(), self.folder.rewrite(target, rx)?));
        }
        self.returning(&rewritten, target.sources.len() > 1)
    }

    /// SQL: MariaDB's manual knows WITH before SELECT alone.
    fn begin_write(&mut self) {
        self.with_inside = self.target.dialect == Dialect::MariaDb;
    }

    /// Refuses a value that reads the table while it changes, where it would see a part of the changes: SQLite, MySQL and MariaDB
    /// compute a subquery when its value is first needed, which is before the first change only if every row needs it; and SQLite
    /// computes a correlated one for each row.
    fn check_reads(&self, column: &Ident, value: &Rx, lazy: bool) -> Result<()> {
        if self.target.dialect == Dialect::Postgres || self.folder.facts().subplans.is_empty() {
            return Ok(());
        }
        let mut lazily = lazy;
        match value.kind() {
            RxKind::Subquery { .. } => {
                let correlated = self.target.dialect == Dialect::Sqlite && self.folder.is_correlated(value);
                if (lazy || correlated) && self.folder.reads_target_again() {
                    let message = format!(
                        "{} would see a part of the changes in the subquery for {column:?}, which reads the table that is changed; read the values first, or set them from a table of their own",
                        self.target.dialect
                    );
                    return Err(Error::new(ErrorKind::Unsupported, "update.self_read", message));
                }
                lazily = true;
            }
            RxKind::Case { .. } | RxKind::Coalesce(_) | RxKind::All(_) | RxKind::Any(_) => lazily = true,
            _ => {}
        }
        let mut result = Ok(());
        each_operand(value.kind(), &mut |operand| {
            if result.is_ok() {
                result = self.check_reads(column, operand, lazily);
            }
        });
        result
    }
}

pub(super) fn unsupported(code: &'static str, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unsupported, code, message.into())
}

/// The assignments so that each reads the row as it was.
///
/// SQL: MySQL manual, 15.2.17: "single-table UPDATE assignments are generally evaluated from left to right", and a later one
/// sees what an earlier one has set. So one that reads a column goes before the one that sets it.
pub(super) fn in_order<'s>(set: &'s [(Ident, Rx)], facts: &Facts) -> Result<Vec<&'s (Ident, Rx)>> {
    let mut waiting: Vec<&(Ident, Rx)> = set.iter().collect();
    let mut ordered = Vec::with_capacity(set.len());
    while !waiting.is_empty() {
        let free = waiting.iter().position(|(column, _)| {
            !waiting.iter().any(|(other, value)| other != column && reads(value, column, facts))
        });
        match free {
            Some(position) => ordered.push(waiting.remove(position)),
            None => {
                let names: Vec<String> = waiting.iter().map(|(column, _)| format!("{column:?}")).collect();
                let message = format!(
                    "MySQL and MariaDB can't set {} from each other in one update; read the rows first, or set them through a column of their own",
                    names.join(" and ")
                );
                return Err(Error::new(ErrorKind::Unsupported, "update.swap", message));
            }
        }
    }
    Ok(ordered)
}

fn reads(value: &Rx, column: &Ident, facts: &Facts) -> bool {
    let mut found = matches!(value.kind(), RxKind::Column(id)
        if facts.columns.get(*id).is_some_and(|info| info.name == *column));
    if let RxKind::Subquery { of: Asked::Plan(plan), .. } = value.kind()
        && let Some(plan) = facts.subplans.get(*plan)
    {
        let named = |id: &usize| facts.columns.get(*id).is_some_and(|info| info.name == *column);
        found = found || plan.outer.iter().any(named);
    }
    each_operand(value.kind(), &mut |operand| found = found || reads(operand, column, facts));
    found
}
