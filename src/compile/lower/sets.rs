//! Set operations: SELECTs with UNION, INTERSECT and EXCEPT between them.

use std::collections::HashSet;

use sea_query::{Expr, NullOrdering, Order, SelectStatement, UnionType};

use super::doors::custom;
use super::{Lowering, column_ref};
use crate::compile::fold::{Block, Projection};
use crate::error::{Error, Result};
use crate::ident::Ident;
use crate::query::{SetKind, SetOperation};
use crate::schema::{RxKind, SortColumn};

impl Lowering<'_> {
    /// The members, one after the other.
    pub(super) fn set(&mut self, arms: &[Block], operations: &[SetOperation]) -> Result<SelectStatement> {
        let (first, rest) = arms.split_first().ok_or_else(|| Error::internal("lower.set"))?;
        let mut statement = self.select_from(first)?;
        for (arm, operation) in rest.iter().zip(operations) {
            let kind = match (operation.kind, operation.all) {
                (SetKind::Union, true) => UnionType::All,
                (SetKind::Union, false) => UnionType::Distinct,
                // With ALL, the rows are numbered among their equals.
                (SetKind::Intersect, _) => UnionType::Intersect,
                (SetKind::Except, _) => UnionType::Except,
            };
            let arm = if self.caps.parenthesized_members { self.select(arm)? } else { self.select_from(arm)? };
            statement.union(kind, arm);
        }
        Ok(statement)
    }

    /// A block that does no more than sort and limit a set operation, written as the operation itself; `None` for any other.
    ///
    /// SQL: after the last member ORDER BY knows the columns by their names, and no expressions.
    pub(super) fn compound(&mut self, block: &Block) -> Result<Option<SelectStatement>> {
        let Some((place, arms, operations)) = self.folder.bare_set(block) else { return Ok(None) };
        let (Projection::Columns(wanted), Some(Projection::Columns(known))) =
            (&block.projection, arms.first().map(|arm| &arm.projection))
        else {
            return Ok(None);
        };
        let same = arms.iter().all(|arm| arm.numbered.is_none())
            && wanted.len() == known.len()
            && wanted.iter().zip(known).all(|((_, _, rx), (_, known, _))| {
                matches!(rx.kind(), RxKind::Source { source, column } if *source == place && column == known)
            });
        if !same {
            return Ok(None);
        }
        let mut order: Vec<(Ident, SortColumn, bool)> = Vec::with_capacity(block.order.len());
        for (rx, key) in &block.order {
            let name = wanted.iter().find(|(_, _, column)| column.is_same_source(rx)).map(|(name, ..)| name.clone());
            let nulls = rx.nullable() && self.caps.nulls_largest != (key.nulls_first == key.descending);
            match name {
                Some(name) if (!nulls || self.caps.nulls_order) && !self.needs_collation(rx, "`order_by`")? => {
                    order.push((name, *key, nulls));
                }
                _ => return Ok(None),
            }
        }
        // SQL: ORDER BY takes a name for the first one that differs in capitals alone, but on PostgreSQL.
        let folded: HashSet<String> = wanted.iter().map(|(name, ..)| name.as_str().to_lowercase()).collect();
        if folded.len() < wanted.len() && !order.is_empty() {
            return Ok(None);
        }
        // The members are taken out while they are lowered, with the names that the block gives its columns.
        let names: Vec<Ident> = wanted.iter().map(|(name, ..)| name.clone()).collect();
        let operations = operations.to_vec();
        let mut arms = self.folder.take_set(place)?;
        let before = rename(arms.first_mut(), names);
        // SQL: SQLite takes the name of a column for that of the result only where AS says it.
        self.named = !order.is_empty() && self.target.dialect == crate::dialect::Dialect::Sqlite;
        let statement = self.set(&arms, &operations);
        rename(arms.first_mut(), before);
        self.folder.put_set(place, arms, operations);
        let mut statement = statement?;
        for (name, key, nulls) in order {
            let column = Expr::Column(column_ref(None, &name));
            let direction = if key.descending { Order::Desc } else { Order::Asc };
            if nulls {
                let nulls = if key.nulls_first { NullOrdering::First } else { NullOrdering::Last };
                statement.order_by_expr_with_nulls(column, direction, nulls);
            } else {
                statement.order_by_expr(column, direction);
            }
        }
        self.slice(block, &mut statement)?;
        Ok(Some(statement))
    }

    /// `ROW_NUMBER()` of a row among those that equal it.
    pub(super) fn row_number(&mut self, block: &Block, qualify: bool) -> Result<Expr> {
        self.windows = true;
        let Projection::Columns(columns) = &block.projection else { return Err(Error::internal("lower.numbered")) };
        let mut operands = Vec::with_capacity(columns.len());
        for (_, _, rx) in columns {
            operands.push(self.expr(rx, qualify)?);
        }
        Ok(custom(self.over_partition(operands.len()), operands))
    }

    fn over_partition(&self, columns: usize) -> String {
        let mut text = "ROW_NUMBER() OVER (PARTITION BY ".to_owned();
        for column in 1..=columns {
            let comma = if column == 1 { "" } else { ", " };
            text.push_str(comma);
            match self.target.dialect {
                crate::dialect::Dialect::Postgres => text.push_str(&format!("${column}")),
                _ => text.push('?'),
            }
        }
        text.push(')');
        text
    }
}

/// Gives the columns of a block other names, and tells the ones they had.
fn rename(block: Option<&mut Block>, names: Vec<Ident>) -> Vec<Ident> {
    let Some(Projection::Columns(columns)) = block.map(|block| &mut block.projection) else { return Vec::new() };
    columns.iter_mut().zip(names).map(|((own, ..), name)| std::mem::replace(own, name)).collect()
}
