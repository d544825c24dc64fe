//! Common table expressions: blocks that stand before the statement and are read by name.

use super::columns::free_name;
use super::{Block, Folder, Projection, SourceKind, same_name};
use crate::error::{Error, Result};
use crate::ident::Ident;
use crate::query::TableName;
use crate::schema::{ColumnId, ColumnInfo, Node, NodeKind, Rx, ScanSource, SetColumn};
use crate::types::{Family, SqlType};

/// A relation of WITH.
#[derive(Debug)]
pub(in crate::compile) struct Cte {
    /// Its number in the plan; `None` for one that the plan doesn't name.
    place: Option<usize>,
    pub(in crate::compile) name: Ident,
    /// `None` while it is being folded.
    pub(in crate::compile) block: Option<Block>,
    pub(in crate::compile) recursive: bool,
    /// What a recursion's columns are called.
    names: Vec<(ColumnId, Ident)>,
}

impl Folder<'_> {
    /// The source that reads a relation of WITH, which is folded the first time.
    pub(super) fn cte_source(&mut self, cte: usize) -> Result<SourceKind> {
        if let Some(place) = self.ctes.iter().position(|known| known.place == Some(cte)) {
            return Ok(SourceKind::Cte(place));
        }
        let facts = self.facts;
        let info = facts.ctes.get(cte).ok_or_else(|| Error::internal("fold.cte"))?;
        let root = info.root.as_ref().ok_or_else(|| Error::internal("fold.cte_root"))?;
        let name = self.cte_name(&info.name)?;
        let place = self.ctes.len();
        self.ctes.push(Cte { place: Some(cte), name, block: None, recursive: info.recursive, names: Vec::new() });
        // It sees nothing of what is around the place where it is first used.
        let inside = std::mem::take(&mut self.inside);
        let folded = if info.recursive { self.recursion(place, root) } else { self.cte_block(root, &info.columns) };
        self.inside = inside;
        let block = folded?;
        if let Some(known) = self.ctes.get_mut(place) {
            known.block = Some(block);
        }
        self.cte_order.push(place);
        Ok(SourceKind::Cte(place))
    }

    /// A block as a relation of WITH, of which any number of sources can be made by [`shared_source`](Folder::shared_source); gives it
    /// back where it must stand in its place.
    pub(super) fn share(&mut self, mut block: Block) -> Result<std::result::Result<usize, Block>> {
        // SQL: a recursion stands in the FROM of its own step, and nowhere else.
        let recursion = self.ctes.iter().any(|cte| cte.recursive && cte.block.is_none());
        if recursion || self.leaves_open(&block) {
            return Ok(Err(block));
        }
        if !block.limited() {
            block.order.clear();
        }
        if let Some(columns) = block.distinct.clone() {
            block.projection = self.exported(&block, &columns)?;
        }
        let name = self.cte_name(&Ident::fixed("shared")?)?;
        let place = self.ctes.len();
        self.ctes.push(Cte { place: None, name, block: Some(block), recursive: false, names: Vec::new() });
        self.cte_order.push(place);
        Ok(Ok(place))
    }

    /// True for a relation of WITH that the plan doesn't name.
    pub(in crate::compile) fn is_shared(&self, cte: usize) -> bool {
        self.ctes.get(cte).is_some_and(|cte| cte.place.is_none())
    }

    /// A block that reads what is shared, with the columns that it has in the plan.
    pub(super) fn shared_source(&mut self, cte: usize) -> Result<Block> {
        let name = self.ctes.get(cte).map(|cte| cte.name.clone());
        let source = self.add_source(SourceKind::Cte(cte), name, None)?;
        Ok(Block { sources: vec![source], ..Block::default() })
    }

    fn cte_block(&mut self, root: &Node, columns: &[(Ident, ColumnId)]) -> Result<Block> {
        let mut block = self.fold(root)?;
        if !block.limited() {
            block.order.clear();
        }
        if let Some(columns) = block.distinct.clone() {
            block.projection = self.exported(&block, &columns)?;
        } else if self.bare_set(&block).is_some() {
            let columns: Vec<ColumnId> = columns.iter().map(|(_, id)| *id).collect();
            block.projection = self.exported(&block, &columns)?;
        }
        Ok(block)
    }

    /// A projection of these columns, each under a name of its own.
    pub(super) fn exported(&mut self, block: &Block, columns: &[ColumnId]) -> Result<Projection> {
        let mut projection = Vec::with_capacity(columns.len());
        for id in columns {
            if projection.iter().any(|(_, known, _)| known == id) {
                continue;
            }
            let name = self.export_name(&projection, *id)?;
            projection.push((name, *id, self.lookup(block, *id)?));
        }
        Ok(Projection::Columns(projection))
    }

    /// The anchor and the step beside each other. Their columns and names are fixed, because the step reads them.
    fn recursion(&mut self, place: usize, root: &Node) -> Result<Block> {
        let NodeKind::Set { left, right, operation, columns } = &root.kind else {
            return Err(Error::internal("fold.recursion"));
        };
        // SQL: on MySQL and MariaDB the anchor decides what texts are, so both compare by code point.
        let exact = operation.is_distinct() || self.caps.loose_text;
        let pairs = |own: fn(&SetColumn) -> ColumnId| -> Vec<(ColumnId, ColumnId)> {
            columns.iter().map(|column| (column.id, own(column))).collect()
        };
        let anchor = self.fold(left)?;
        let mut anchor = self.member(anchor, &pairs(|column| column.left), exact, false, true)?;
        anchor.settled = Some(true);
        let names = match &anchor.projection {
            Projection::Columns(list) => list.iter().map(|(name, id, _)| (*id, name.clone())).collect(),
            Projection::Nothing | Projection::Everything => return Err(Error::internal("fold.anchor")),
        };
        if let Some(cte) = self.ctes.get_mut(place) {
            cte.names = names;
        }
        let step = self.fold(right)?;
        let direct = |source: &usize| {
            self.sources
                .get(*source)
                .is_some_and(|source| matches!(source.kind, SourceKind::Cte(found) if found == place))
        };
        if !step.sources.iter().any(direct) || step.windowed() {
            // SQL: it stands in FROM alone, in no subselect and below no window.
            let message = "the step of a recursion computes a window, or joins its frame so that it would stand in a subselect; join it first, and then the others";
            return Err(Error::new(crate::error::ErrorKind::Plan, "recursive.shape", message));
        }
        let mut step = self.member(step, &pairs(|column| column.right), exact, false, false)?;
        step.settled = Some(false);
        let kind = SourceKind::Set { arms: vec![anchor, step], operations: vec![*operation] };
        let source = self.add_source(kind, None, None)?;
        let mut block = Block { sources: vec![source], ..Block::default() };
        let ids: Vec<ColumnId> = columns.iter().map(|column| column.id).collect();
        block.projection = self.exported(&block, &ids)?;
        Ok(block)
    }

    /// A column of a relation of WITH, seen through one of its uses.
    pub(super) fn in_cte(&mut self, source: usize, cte: usize, id: ColumnId) -> Result<Option<Rx>> {
        let facts = self.facts;
        let Some(inner) = self.inner_column(source, id) else { return Ok(None) };
        let info = facts.columns.get(id).ok_or_else(|| Error::internal("fold.cte_column"))?;
        let nullable = self.sources.get(source).is_some_and(|source| source.nullable);
        let Some(known) = self.ctes.get_mut(cte) else { return Ok(None) };
        let Some(mut block) = known.block.take() else {
            // The recursion itself, in its step.
            let text = info.sql_type.is_some_and(|found| found.family() == Family::Text);
            let seen = ColumnInfo { binary_text: info.binary_text || (text && self.caps.loose_text), ..info.clone() };
            return Ok(Some(Rx::source(source, id, &seen, info.nullable || nullable)));
        };
        let exported = self.export(&mut block, inner);
        if let Some(known) = self.ctes.get_mut(cte) {
            known.block = Some(block);
        }
        let Some(rx) = exported? else { return Ok(None) };
        let recursive = self.ctes.get(cte).is_some_and(|cte| cte.recursive);
        let text = rx.sql_type() == Some(SqlType::Text);
        let exact = rx.0.binary_text || (recursive && text && self.caps.loose_text);
        let seen = ColumnInfo { binary_text: exact, sql_type: rx.sql_type(), ..info.clone() };
        Ok(Some(Rx::source(source, id, &seen, info.nullable || rx.nullable() || nullable)))
    }

    /// What a use's column is in the relation itself.
    fn inner_column(&self, source: usize, id: ColumnId) -> Option<ColumnId> {
        let Some(scan) = self.sources.get(source)?.scan else { return Some(id) };
        let ScanSource::Cte { columns, .. } = &self.facts.scans.get(scan)?.source else { return None };
        columns.iter().find(|(own, _)| *own == id).map(|(_, inner)| *inner)
    }

    /// What a use's column is called in the text.
    pub(super) fn cte_column_name(&self, source: usize, cte: usize, id: ColumnId) -> Option<Ident> {
        let inner = self.inner_column(source, id)?;
        let cte = self.ctes.get(cte)?;
        if let Some((_, name)) = cte.names.iter().find(|(known, _)| *known == inner) {
            return Some(name.clone());
        }
        let Projection::Columns(columns) = &cte.block.as_ref()?.projection else { return None };
        columns.iter().find(|(_, known, _)| *known == inner).map(|(name, ..)| name.clone())
    }

    /// True when a column of the relation is called `name`.
    pub(super) fn cte_has_column(&self, cte: usize, name: &Ident) -> bool {
        let Some(cte) = self.ctes.get(cte) else { return false };
        let projected = match cte.block.as_ref().map(|block| &block.projection) {
            Some(Projection::Columns(columns)) => columns.iter().any(|(known, ..)| same_name(known, name)),
            _ => false,
        };
        projected || cte.names.iter().any(|(_, known)| same_name(known, name))
    }

    /// A name that hides no table of the statement, and that no raw part of it can mean.
    fn cte_name(&self, wanted: &Ident) -> Result<Ident> {
        let free = |name: &Ident| {
            let lower = name.as_str().to_lowercase();
            let table = |table: &TableName| same_name(&table.name, name);
            !self.ctes.iter().any(|cte| same_name(&cte.name, name))
                && !self.target.as_ref().is_some_and(table)
                && !self.facts.scans.iter().any(|scan| match &scan.source {
                    ScanSource::Table(found) => table(found),
                    ScanSource::Raw(raw) => raw.text.to_lowercase().contains(&lower),
                    ScanSource::Values { .. } | ScanSource::Cte { .. } => false,
                })
        };
        free_name(wanted, |name| !free(name))
    }
}
