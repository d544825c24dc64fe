//! Set operations: members as blocks beside each other.

use super::{Block, Folder, Projection, Source, SourceKind, has_aggregate};
use crate::compile::fold::columns::{free_name, same_name};
use crate::error::{Error, Result};
use crate::ident::Ident;
use crate::query::{SetKind, SetOperation};
use crate::schema::{ColumnId, Node, Rx, RxKind, SetColumn};
use crate::types::SqlType;

impl Folder<'_> {
    pub(super) fn set(
        &mut self,
        left: &Node,
        right: &Node,
        operation: SetOperation,
        columns: &[SetColumn],
    ) -> Result<Block> {
        // Equal rows are found by code point. Without that, columns of two collations still have to become of one.
        let compares = operation.is_distinct() || operation.kind != SetKind::Union;
        let counted = operation.all && operation.kind != SetKind::Union;
        let left = self.fold(left)?;
        let (mut arms, mut operations) = match self.continued(&left, operation, columns) {
            Some(place) => self.take_arms(place, columns, compares)?,
            None => {
                let columns: Vec<(ColumnId, ColumnId)> =
                    columns.iter().map(|column| (column.id, column.left)).collect();
                (vec![self.member(left, &columns, compares, counted, true)?], Vec::new())
            }
        };
        let right = self.fold(right)?;
        let columns: Vec<(ColumnId, ColumnId)> = columns.iter().map(|column| (column.id, column.right)).collect();
        arms.push(self.member(right, &columns, compares, counted, false)?);
        operations.push(operation);
        self.one_collation(&mut arms)?;
        let source = self.add_source(SourceKind::Set { arms, operations }, None, None)?;
        Ok(Block { sources: vec![source], ..Block::default() })
    }

    /// The place of the left member's source, if that is a set operation which this one can go on from: SQL works from the left, but
    /// for INTERSECT, which some databases do first.
    fn continued(&self, left: &Block, operation: SetOperation, columns: &[SetColumn]) -> Option<usize> {
        let (place, arms, operations) = self.bare_set(left)?;
        let counted = |operation: &SetOperation| operation.all && operation.kind != SetKind::Union;
        let intersects = |operation: &SetOperation| operation.kind == SetKind::Intersect;
        if counted(&operation) || operations.iter().any(counted) || left.limited() {
            return None;
        }
        if intersects(&operation) && !operations.iter().all(intersects) {
            return None;
        }
        let Projection::Columns(known) = &arms.first()?.projection else { return None };
        let same =
            known.len() == columns.len() && known.iter().zip(columns).all(|((_, id, _), column)| *id == column.left);
        same.then_some(place)
    }

    /// The set operation that a block reads, if it does nothing else with it but sort and limit.
    pub(in crate::compile) fn bare_set(&self, block: &Block) -> Option<(usize, &[Block], &[SetOperation])> {
        let [place] = block.sources.as_slice() else { return None };
        let SourceKind::Set { arms, operations } = &self.sources.get(*place)?.kind else { return None };
        let bare = block.plain_or_limited() && block.filter.is_empty() && block.having.is_empty();
        bare.then_some((*place, arms, operations))
    }

    /// True for a bare set operation in which an INTERSECT or EXCEPT stands.
    pub(in crate::compile) fn is_cut_set(&self, block: &Block) -> bool {
        self.bare_set(block)
            .is_some_and(|(_, _, operations)| operations.iter().any(|operation| operation.kind != SetKind::Union))
    }

    /// True where the block reads a set operation of which a member reads or makes groups.
    pub(in crate::compile) fn reads_set_of_groups(&self, block: &Block) -> bool {
        block.sources.iter().any(|place| match self.sources.get(*place).map(|source| &source.kind) {
            Some(SourceKind::Set { arms, .. }) => arms.iter().any(|arm| self.reads_groups(arm)),
            Some(SourceKind::Block(inner)) => self.reads_set_of_groups(inner),
            _ => false,
        })
    }

    fn reads_groups(&self, block: &Block) -> bool {
        let below = |place: &usize| match self.sources.get(*place).map(|source| &source.kind) {
            Some(SourceKind::Set { arms, .. }) => arms.iter().any(|arm| self.reads_groups(arm)),
            Some(SourceKind::Block(inner)) => self.reads_groups(inner),
            _ => false,
        };
        block.group.is_some() || block.distinct.is_some() || block.sources.iter().any(below)
    }

    /// The members, to be put back by [`put_set`](Folder::put_set).
    pub(in crate::compile) fn take_set(&mut self, place: usize) -> Result<Vec<Block>> {
        match self.sources.get_mut(place).map(|source| &mut source.kind) {
            Some(SourceKind::Set { arms, .. }) => Ok(std::mem::take(arms)),
            _ => Err(Error::internal("fold.take_set")),
        }
    }

    pub(in crate::compile) fn put_set(&mut self, place: usize, arms: Vec<Block>, operations: Vec<SetOperation>) {
        self.put_back(place, SourceKind::Set { arms, operations });
    }

    fn take_arms(
        &mut self,
        place: usize,
        columns: &[SetColumn],
        compares: bool,
    ) -> Result<(Vec<Block>, Vec<SetOperation>)> {
        let missing = || Error::internal("fold.arms");
        let source = self.sources.get_mut(place).ok_or_else(missing)?;
        let SourceKind::Set { mut arms, operations } = std::mem::replace(&mut source.kind, SourceKind::Taken) else {
            return Err(missing());
        };
        for arm in &mut arms {
            let Projection::Columns(list) = &mut arm.projection else { return Err(missing()) };
            for ((_, id, rx), column) in list.iter_mut().zip(columns) {
                *id = column.id;
                if compares {
                    *rx = self.exact_text(rx.clone())?;
                }
            }
        }
        Ok((arms, operations))
    }

    /// A block that returns exactly `columns` (the result's, and its own), as a member of a set operation.
    pub(super) fn member(
        &mut self,
        mut block: Block,
        columns: &[(ColumnId, ColumnId)],
        compares: bool,
        counted: bool,
        first: bool,
    ) -> Result<Block> {
        if !block.limited() {
            block.order.clear();
        }
        let own = |block: &Block| -> bool {
            block.distinct.as_ref().is_none_or(|distinct| {
                distinct.len() == columns.len() && distinct.iter().zip(columns).all(|(id, (_, own))| id == own)
            })
        };
        // What follows the first member, and SQLite's last, belongs to the whole; numbered rows are numbered before DISTINCT.
        let closed = block.limited() && (first || !self.caps.parenthesized_members);
        if closed || !own(&block) || (counted && !block.plain()) {
            block = self.wrap(block)?;
            block.order.clear();
        }
        let mut projection = self.member_projection(&block, columns, compares, first)?;
        if counted && !projection.iter().all(|(_, _, rx)| matches!(unwrapped(rx).kind(), RxKind::Source { .. })) {
            block = self.wrap(block)?;
            projection = self.member_projection(&block, columns, compares, first)?;
        }
        if block.one_group() && !projection.iter().any(|(_, _, rx)| has_aggregate(rx)) {
            block = self.wrap(block)?;
            projection = self.member_projection(&block, columns, compares, first)?;
        }
        if counted {
            let taken = |name: &Ident| projection.iter().any(|(known, ..)| same_name(known, name));
            block.numbered = Some(free_name(&Ident::fixed("row_number")?, taken)?);
        }
        block.projection = Projection::Columns(projection);
        Ok(block)
    }

    fn member_projection(
        &mut self,
        block: &Block,
        columns: &[(ColumnId, ColumnId)],
        compares: bool,
        first: bool,
    ) -> Result<Vec<(Ident, ColumnId, Rx)>> {
        let mut projection: Vec<(Ident, ColumnId, Rx)> = Vec::with_capacity(columns.len());
        for (id, own) in columns {
            let mut rx = self.lookup(block, *own)?;
            if compares {
                rx = self.exact_text(rx)?;
            }
            let mut name = self.export_name(&projection, *id)?;
            // The names of the first member are those of the result; the others keep their own.
            if !first && let RxKind::Source { source, column } = rx.kind() {
                name = self.column_name(*source, *column)?;
            }
            projection.push((name, *id, rx));
        }
        Ok(projection)
    }

    /// Text of two collations in one column of a set operation is an error, or takes one of them.
    fn one_collation(&self, arms: &mut [Block]) -> Result<()> {
        let width = match arms.first().map(|arm| &arm.projection) {
            Some(Projection::Columns(list)) => list.len(),
            _ => 0,
        };
        for position in 0..width {
            let binary = |arm: &Block| match &arm.projection {
                Projection::Columns(list) => list.get(position).is_some_and(|(_, _, rx)| rx.0.binary_text),
                _ => false,
            };
            let loose = self.caps.loose_text && arms.iter().any(binary) && !arms.iter().all(binary);
            if !loose && !self.mixes_collations(arms, position) {
                continue;
            }
            for arm in arms.iter_mut() {
                if let Projection::Columns(list) = &mut arm.projection
                    && let Some((_, _, rx)) = list.get_mut(position)
                    && !matches!(rx.kind(), RxKind::ExactText(_))
                {
                    *rx = match rx.sql_type() {
                        Some(SqlType::Text) => Rx::exact_text(rx.clone()),
                        _ => self.exact_text(rx.clone())?,
                    };
                }
            }
        }
        Ok(())
    }

    fn mixes_collations(&self, arms: &[Block], position: usize) -> bool {
        let mut known = arms.iter().filter_map(|arm| match &arm.projection {
            Projection::Columns(list) => self.collation_of_text(&list.get(position)?.2),
            _ => None,
        });
        known.next().is_some_and(|first| known.any(|other| other != first))
    }

    /// What a column of a set operation is: text by code point only if it is that in each member.
    pub(super) fn in_arms(&self, arms: &[Block], id: ColumnId) -> Option<bool> {
        let mut exact = true;
        for arm in arms {
            let Projection::Columns(columns) = &arm.projection else { return None };
            let (_, _, rx) = columns.iter().find(|(_, known, _)| *known == id)?;
            exact = exact && rx.0.binary_text;
        }
        Some(exact)
    }
}

fn unwrapped(rx: &Rx) -> &Rx {
    if let RxKind::ExactText(inner) = rx.kind() { inner } else { rx }
}

impl Source {
    /// True for a block, a set operation: what stands in parentheses in FROM.
    pub(super) fn is_derived(&self) -> bool {
        matches!(self.kind, SourceKind::Block(_) | SourceKind::Set { .. })
    }
}
