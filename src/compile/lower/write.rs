//! Writes as sea-query statements.

use sea_query::{LogicalChainOper, Query};

use super::expr::place_of;
use super::{Lowering, Rendered, iden, table_ref};
use crate::compile::fold::Block;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::ident::Ident;
use crate::query::TableName;
use crate::schema::{Asked, Facts, Rx, RxKind, each_operand};

impl Lowering<'_> {
    /// `INSERT INTO t (columns) VALUES (…), (…)`; the binds are those of the plan, row by row.
    ///
    /// sea-query renders the first row. The others have the same text but for the numbers of their placeholders, so the
    /// writer goes on alone instead of a tree of a node for each value.
    pub(in crate::compile) fn insert(self, table: &TableName, columns: &[Ident], rows: usize) -> Result<Rendered> {
        if rows == 0 {
            let message = "the insert has no rows, so there is no statement; add one with `.row(..)`";
            return Err(Error::new(ErrorKind::Plan, "insert.no_rows", message));
        }
        let mut statement = Query::insert();
        statement.into_table(table_ref(table)).columns(columns.iter().map(iden));
        statement.values((0..columns.len()).map(place_of)).map_err(|_| Error::internal("lower.insert"))?;
        self.render_then(&statement, |writer| {
            writer.reserve_rows(rows - 1, columns.len());
            for row in 1..rows {
                writer.write_row(row * columns.len()..(row + 1) * columns.len());
            }
        })
    }

    pub(in crate::compile) fn update(
        mut self,
        table: &TableName,
        target: &Block,
        set: &[(Ident, Rx)],
        condition: Option<&Rx>,
    ) -> Result<Rendered> {
        self.begin_write();
        let mut statement = Query::update();
        statement.table(table_ref(table));
        let set = if self.target.dialect.is_mysql_family() {
            in_order(set, self.folder.facts())?
        } else {
            set.iter().collect()
        };
        for (column, value) in set {
            self.check_reads(column, value, false)?;
            let value = self.folder.rewrite(target, value)?;
            statement.value(iden(column), self.expr(&value, false)?);
        }
        if let Some(condition) = condition {
            let condition = self.folder.rewrite(target, condition)?;
            statement.and_or_where(LogicalChainOper::And(self.expr(&condition, false)?));
        }
        if !self.with_inside
            && let Some(clause) = self.with_clause()?
        {
            statement.with_cte(clause);
        }
        self.render(&statement)
    }

    pub(in crate::compile) fn delete(
        mut self,
        table: &TableName,
        target: &Block,
        condition: Option<&Rx>,
    ) -> Result<Rendered> {
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
        self.render(&statement)
    }
}

impl Lowering<'_> {
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

/// The assignments so that each reads the row as it was.
///
/// SQL: MySQL manual, 15.2.17: "single-table UPDATE assignments are generally evaluated from left to right", and a later one
/// sees what an earlier one has set. So one that reads a column goes before the one that sets it.
fn in_order<'s>(set: &'s [(Ident, Rx)], facts: &Facts) -> Result<Vec<&'s (Ident, Rx)>> {
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
