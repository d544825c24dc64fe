//! Writes as sea-query statements.

use sea_query::Query;

use super::expr::place_of;
use super::{Lowering, Rendered, iden, table_ref};
use crate::compile::fold::Block;
use crate::error::{Error, Result};
use crate::ident::Ident;
use crate::query::TableName;
use crate::schema::Rx;

impl Lowering<'_> {
    /// `INSERT INTO t (columns) VALUES (…), (…)`; the binds are those of the plan, row by row.
    pub(in crate::compile) fn insert(self, table: &TableName, columns: &[Ident], rows: usize) -> Result<Rendered> {
        let mut statement = Query::insert();
        statement.into_table(table_ref(table)).columns(columns.iter().map(iden));
        for row in 0..rows {
            let first = row * columns.len();
            statement
                .values((first..first + columns.len()).map(place_of))
                .map_err(|_| Error::internal("lower.insert"))?;
        }
        self.render(&statement)
    }

    pub(in crate::compile) fn update(
        mut self,
        table: &TableName,
        target: &Block,
        set: &[(Ident, Rx)],
        condition: Option<&Rx>,
    ) -> Result<Rendered> {
        let mut statement = Query::update();
        statement.table(table_ref(table));
        for (column, value) in set {
            let value = self.folder.rewrite(target, value)?;
            statement.value(iden(column), self.expr(&value, false)?);
        }
        if let Some(condition) = condition {
            let condition = self.folder.rewrite(target, condition)?;
            statement.and_where(self.expr(&condition, false)?);
        }
        self.render(&statement)
    }

    pub(in crate::compile) fn delete(
        mut self,
        table: &TableName,
        target: &Block,
        condition: Option<&Rx>,
    ) -> Result<Rendered> {
        let mut statement = Query::delete();
        statement.from_table(table_ref(table));
        if let Some(condition) = condition {
            let condition = self.folder.rewrite(target, condition)?;
            statement.and_where(self.expr(&condition, false)?);
        }
        self.render(&statement)
    }
}
