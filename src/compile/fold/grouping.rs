//! Grouping sets: one block where the database has them, else a block for each set.

use super::{Block, Folder, SourceKind, has_aggregate, has_subquery, is_constant, is_random};
use crate::error::{Error, Result};
use crate::expr::{Comparison, Function};
use crate::query::{SetKind, SetOperation};
use crate::schema::{ColumnId, Node, RowCount, Rx, RxKind, each_operand, map_operands};

impl Folder<'_> {
    pub(super) fn grouping_sets(
        &mut self,
        input: &Node,
        keys: &[(ColumnId, ColumnId)],
        sets: &[Vec<usize>],
        aggregates: &[(ColumnId, Rx)],
    ) -> Result<Block> {
        if self.caps.grouping_sets
            && let Some(block) = self.all_sets(input, keys, sets, aggregates)?
        {
            return Ok(block);
        }
        let shown = aggregates.iter().find(|(_, rx)| has_aggregate(rx)).map(|(id, _)| *id);
        let mut block = self.fold(input)?;
        let mut shared = None;
        // What is more than a table is written once: each set of subtotals over subtotals would repeat all that is below.
        if sets.len() > 1 && !self.is_of_one_table(&block) {
            match self.share(block)? {
                Ok(cte) => {
                    shared = Some(cte);
                    block = self.shared_source(cte)?;
                }
                Err(back) => block = back,
            }
        }
        let mut first = Some(block);
        let mut arms = Vec::with_capacity(sets.len());
        for set in sets {
            let block = match (first.take(), shared) {
                (Some(block), _) => block,
                (None, Some(cte)) => self.shared_source(cte)?,
                (None, None) => self.fold(input)?,
            };
            let mut arm = self.one_set(block, keys, set, aggregates)?;
            if set.is_empty() && shown.is_none() {
                // Without an aggregate in sight a SELECT is one row for each row, not one for all.
                arm = self.wrap(arm)?;
                self.name_set(&mut arm, keys, aggregates);
            }
            arms.push(arm);
        }
        // So each arm shows one, whatever else is asked of it.
        if let Some((id, info)) = shown.and_then(|id| Some((id, self.facts.columns.get(id)?))) {
            self.export_from_arms(&mut arms, id, info)?;
        }
        let operations = vec![SetOperation { kind: SetKind::Union, all: true }; arms.len().saturating_sub(1)];
        let source = self.add_source(SourceKind::Set { arms, operations }, None, None)?;
        Ok(Block { sources: vec![source], ..Block::default() })
    }

    fn all_sets(
        &mut self,
        input: &Node,
        keys: &[(ColumnId, ColumnId)],
        sets: &[Vec<usize>],
        aggregates: &[(ColumnId, Rx)],
    ) -> Result<Option<Block>> {
        let mut block = self.fold(input)?;
        let mut group = self.keys_of(&block, keys)?;
        // A computed key is computed before, so that no part of another expression is taken for it.
        if !block.plain() || !group.iter().all(|rx| matches!(rx.kind(), RxKind::Source { .. })) {
            block = self.wrap(block)?;
            group = self.keys_of(&block, keys)?;
        }
        if self.may_equate(&block, &group) {
            // SQL: PostgreSQL (seen on 15) takes keys that a condition makes equal for one, also in the rows of a set that lacks one of
            // them, and gives up a sort by it above. What a LIMIT gives it takes as it comes.
            block.order.clear();
            block.limit = Some(RowCount::own(i64::MAX as u64));
            block = self.wrap(block)?;
            group = self.keys_of(&block, keys)?;
        }
        // A column that is two keys has one name, and so would be NULL as both or as none.
        let mut seen = std::collections::HashSet::new();
        if !group
            .iter()
            .all(|rx| matches!(rx.kind(), RxKind::Source { source, column } if seen.insert((*source, *column))))
        {
            return Ok(None);
        }
        block.order.clear();
        let mut env = Vec::with_capacity(keys.len() + aggregates.len());
        for ((_, made), rx) in keys.iter().zip(&group) {
            env.push((*made, or_null(rx)));
        }
        let with_keys = Block { sources: block.sources.clone(), env: env.clone(), ..Block::default() };
        for (id, rx) in aggregates {
            env.push((*id, self.rewrite_in(&[&with_keys, &block], rx)?));
        }
        block.group = Some(group);
        block.sets = Some(sets.to_vec());
        block.env = env;
        Ok(Some(block))
    }

    /// Whether a condition of the block may say that two of these keys are equal, as far as a server looks that pulls up subselects.
    fn may_equate(&self, block: &Block, keys: &[Rx]) -> bool {
        if keys.len() < 2 || block.limited() {
            return false;
        }
        let named = |key: &&Rx| equalities(block).any(|(left, right)| names(left, key) || names(right, key));
        self.equates_below(block) || keys.iter().filter(named).count() > 1
    }

    /// The same of any columns of what the block reads.
    fn equates_below(&self, block: &Block) -> bool {
        block.sources.iter().any(|place| match self.sources.get(*place).map(|source| &source.kind) {
            Some(SourceKind::Block(block)) => {
                !block.limited() && (equalities(block).next().is_some() || self.equates_below(block))
            }
            Some(SourceKind::Cte(_)) => true,
            _ => false,
        })
    }

    /// What a block of one row for all rows gives: nothing but which keys it sums over.
    fn name_set(&mut self, block: &mut Block, keys: &[(ColumnId, ColumnId)], aggregates: &[(ColumnId, Rx)]) {
        for (id, rx) in aggregates {
            block.env.push((*id, in_set(rx, keys, &[])));
        }
    }

    /// Rows of one table or one relation of WITH, whose expressions have the same values whenever they are computed.
    fn is_of_one_table(&self, block: &Block) -> bool {
        let named = |place: &usize| {
            self.sources
                .get(*place)
                .is_some_and(|source| matches!(source.kind, SourceKind::Table(_) | SourceKind::Cte(_)))
        };
        let mut exprs = block.filter.iter().chain(block.env.iter().map(|(_, rx)| rx));
        block.sources.len() == 1
            && block.sources.iter().all(named)
            && block.plain()
            && !exprs.any(|rx| has_subquery(rx) || is_random(rx))
    }

    fn keys_of(&mut self, block: &Block, keys: &[(ColumnId, ColumnId)]) -> Result<Vec<Rx>> {
        keys.iter().map(|(id, _)| self.lookup(block, *id)).collect()
    }

    /// The groups by one of the sets. A key that isn't in it is NULL.
    fn one_set(
        &mut self,
        block: Block,
        keys: &[(ColumnId, ColumnId)],
        set: &[usize],
        aggregates: &[(ColumnId, Rx)],
    ) -> Result<Block> {
        let mut kept = Vec::with_capacity(set.len());
        for place in set {
            kept.push(*keys.get(*place).ok_or_else(|| Error::internal("fold.set"))?);
        }
        let aggregates: Vec<(ColumnId, Rx)> =
            aggregates.iter().map(|(id, rx)| (*id, in_set(rx, keys, &kept))).collect();
        let ids: Vec<ColumnId> = kept.iter().map(|(id, _)| *id).collect();
        let mut block = self.aggregate_over(block, &ids, &aggregates)?;
        for (id, made) in kept {
            let rx = self.lookup(&block, id)?;
            block.env.push((made, or_null(&rx)));
        }
        Ok(block)
    }
}

/// The expression of an aggregate in the groups by one set.
fn in_set(rx: &Rx, keys: &[(ColumnId, ColumnId)], kept: &[(ColumnId, ColumnId)]) -> Rx {
    let made = |id: &ColumnId| keys.iter().any(|(_, made)| made == id);
    let kept_as = |id: &ColumnId| kept.iter().find(|(_, made)| made == id).map(|(before, _)| *before);
    match rx.kind() {
        RxKind::Column(id) if made(id) => {
            let kind = kept_as(id).map_or(RxKind::Null, RxKind::Column);
            Rx::new(kind, rx.sql_type(), true)
        }
        RxKind::Call(Function::Grouping(None), operands) => {
            let out = !operands.iter().all(|key| matches!(key.kind(), RxKind::Column(id) if kept_as(id).is_some()));
            Rx::new(RxKind::Call(Function::Grouping(Some(out)), Vec::new()), rx.sql_type(), false)
        }
        _ => map_operands(rx, &mut |operand| in_set(operand, keys, kept)),
    }
}

/// A key that is NULL in the rows that sum over it.
fn or_null(key: &Rx) -> Rx {
    Rx::new(key.kind().clone(), key.sql_type(), true).with_binary_text(key.0.binary_text)
}

/// The equalities that all rows of a block meet.
fn equalities(block: &Block) -> impl Iterator<Item = (&Rx, &Rx)> {
    let conditions = block.joins.iter().flat_map(|join| &join.on).chain(&block.filter);
    conditions.flat_map(conjuncts).filter_map(|condition| match condition.kind() {
        RxKind::Compare(Comparison::Equal, left, right) if !is_constant(left) && !is_constant(right) => {
            Some((left, right))
        }
        _ => None,
    })
}

fn conjuncts(condition: &Rx) -> Vec<&Rx> {
    match condition.kind() {
        RxKind::All(all) => all.iter().flat_map(conjuncts).collect(),
        _ => vec![condition],
    }
}

fn names(rx: &Rx, key: &Rx) -> bool {
    let mut found = match (rx.kind(), key.kind()) {
        (RxKind::Source { source, column }, RxKind::Source { source: of, column: id }) => (source, column) == (of, id),
        _ => false,
    };
    each_operand(rx.kind(), &mut |operand| found = found || names(operand, key));
    found
}
