//! Columns through blocks: what a column is in terms of a block's sources, and what an inner block must return.

use super::{Block, Folder, Projection, Source, SourceKind};
use crate::compile::caps::SESSION_COLLATION;
use crate::error::{Error, Result};
use crate::expr::{Function, SubqueryKind, TextFunction};
use crate::ident::Ident;
use crate::query::TableName;
use crate::schema::{Asked, ColumnId, ColumnInfo, Rx, RxKind, ScanId, map_operands};
use crate::types::SqlType;

impl Folder<'_> {
    /// A column in terms of the block's sources.
    pub(super) fn lookup(&mut self, block: &Block, id: ColumnId) -> Result<Rx> {
        if let Some(found) = self.find(block, id)? {
            return Ok(found);
        }
        match self.facts.columns.get(id) {
            Some(info) if self.inside > 0 => Ok(Rx::column(id, info)),
            _ => Err(Error::internal("fold.column")),
        }
    }

    pub(super) fn find(&mut self, block: &Block, id: ColumnId) -> Result<Option<Rx>> {
        // Later definitions of an id do not exist: ids are unique. An aggregated or distinct block gives what it computed only.
        if let Some((_, rx)) = block.env.iter().find(|(known, _)| *known == id) {
            return Ok(Some(rx.clone()));
        }
        if block.group.is_some() || block.distinct.is_some() {
            return Ok(None);
        }
        let scan = self.facts.columns.get(id).and_then(|info| info.scan);
        for place in block.sources.iter().copied() {
            if let Some(rx) = self.in_source(place, id, scan)? {
                return Ok(Some(rx));
            }
        }
        Ok(None)
    }

    pub(super) fn in_source(&mut self, place: usize, id: ColumnId, scan: Option<ScanId>) -> Result<Option<Rx>> {
        let facts = self.facts;
        let info = facts.columns.get(id).ok_or_else(|| Error::internal("fold.info"))?;
        let Some(source) = self.sources.get_mut(place) else { return Ok(None) };
        let nullable = source.nullable;
        match &mut source.kind {
            SourceKind::Table(_) | SourceKind::Raw(_) | SourceKind::Values(_) => {
                let own = scan.is_some() && source.scan == scan;
                Ok(own.then(|| Rx::source(place, id, info, info.nullable || nullable)))
            }
            kind @ SourceKind::Block(_) => {
                let taken = std::mem::replace(kind, SourceKind::Taken);
                let SourceKind::Block(mut inner) = taken else { return Err(Error::internal("fold.taken")) };
                let exported = self.export(&mut inner, id);
                self.put_back(place, SourceKind::Block(inner));
                let Some(rx) = exported? else { return Ok(None) };
                let seen = ColumnInfo { binary_text: rx.0.binary_text, sql_type: rx.sql_type(), ..info.clone() };
                Ok(Some(Rx::source(place, id, &seen, rx.nullable() || nullable)))
            }
            kind @ SourceKind::Set { .. } => {
                let taken = std::mem::replace(kind, SourceKind::Taken);
                let SourceKind::Set { mut arms, operations } = taken else { return Err(Error::internal("fold.taken")) };
                // Rows that are compared are made of exactly the columns that they have.
                let may_grow = operations.iter().all(|operation| operation.all);
                let exported = if may_grow { self.export_from_arms(&mut arms, id, info).map(drop) } else { Ok(()) };
                let exact = self.in_arms(&arms, id);
                self.put_back(place, SourceKind::Set { arms, operations });
                exported?;
                Ok(exact.map(|exact| {
                    let seen = ColumnInfo { binary_text: exact, ..info.clone() };
                    Rx::source(place, id, &seen, info.nullable || nullable)
                }))
            }
            SourceKind::Cte(cte) => {
                let cte = *cte;
                self.in_cte(place, cte, id)
            }
            SourceKind::Elements(_) | SourceKind::Taken => Ok(None),
        }
    }

    pub(super) fn put_back(&mut self, place: usize, kind: SourceKind) {
        if let Some(source) = self.sources.get_mut(place) {
            source.kind = kind;
        }
    }

    /// Makes sure that an inner block returns the column; `None` when it has no such column.
    pub(super) fn export(&mut self, inner: &mut Block, id: ColumnId) -> Result<Option<Rx>> {
        if let Projection::Columns(columns) = &inner.projection
            && let Some((_, _, rx)) = columns.iter().find(|(_, known, _)| *known == id)
        {
            return Ok(Some(rx.clone()));
        }
        let Some(rx) = self.find(inner, id)? else { return Ok(None) };
        let mut columns = match std::mem::take(&mut inner.projection) {
            Projection::Columns(columns) => columns,
            Projection::Nothing | Projection::Everything => Vec::new(),
        };
        let name = self.export_name(&columns, id)?;
        columns.push((name, id, rx.clone()));
        inner.projection = Projection::Columns(columns);
        Ok(Some(rx))
    }

    /// A name for a column of an inner block: its own, or with a number when another has that.
    pub(super) fn export_name(&self, taken: &[(Ident, ColumnId, Rx)], id: ColumnId) -> Result<Ident> {
        let info = self.facts.columns.get(id).ok_or_else(|| Error::internal("fold.export"))?;
        // SQL: SQLite gives a column of a subquery another name when it is called TRUE or FALSE, quoted or not.
        let renamed = |name: &Ident| ["true", "false"].iter().any(|word| name.as_str().eq_ignore_ascii_case(word));
        free_name(&info.name, |name| renamed(name) || taken.iter().any(|(known, ..)| same_name(known, name)))
    }

    /// Every arm returns the same columns in the same order; one that has no such column gives NULL.
    pub(super) fn export_from_arms(&mut self, arms: &mut [Block], id: ColumnId, info: &ColumnInfo) -> Result<bool> {
        let mut found = Vec::with_capacity(arms.len());
        for arm in arms.iter_mut() {
            if let Projection::Columns(columns) = &arm.projection
                && columns.iter().any(|(_, known, _)| *known == id)
            {
                return Ok(true);
            }
            found.push(self.find(arm, id)?);
        }
        if found.iter().all(Option::is_none) {
            return Ok(false);
        }
        for (arm, rx) in arms.iter_mut().zip(found) {
            let mut columns = match std::mem::take(&mut arm.projection) {
                Projection::Columns(columns) => columns,
                Projection::Nothing | Projection::Everything => Vec::new(),
            };
            let name = self.export_name(&columns, id)?;
            columns.push((name, id, rx.unwrap_or_else(|| Rx::new(RxKind::Null, info.sql_type, true))));
            arm.projection = Projection::Columns(columns);
        }
        Ok(true)
    }

    /// An expression in terms of the block's sources.
    pub(in crate::compile) fn rewrite(&mut self, block: &Block, rx: &Rx) -> Result<Rx> {
        self.rewrite_in(&[block], rx)
    }

    /// The same over several blocks, the innermost first, for a condition that spans them.
    pub(super) fn rewrite_in(&mut self, blocks: &[&Block], rx: &Rx) -> Result<Rx> {
        let mut failed = None;
        let rewritten = self.rewrite_or_note(blocks, rx, &mut failed);
        match failed {
            Some(error) => Err(error),
            None => Ok(rewritten),
        }
    }

    pub(super) fn rewrite_or_note(&mut self, blocks: &[&Block], rx: &Rx, failed: &mut Option<Error>) -> Rx {
        if let RxKind::Column(id) = rx.kind() {
            for block in blocks {
                match self.find(block, *id) {
                    Ok(Some(found)) => return found,
                    Ok(None) => {}
                    Err(error) => *failed = Some(error),
                }
            }
            if self.inside == 0 {
                failed.get_or_insert_with(|| Error::internal("fold.rewrite"));
            }
            return rx.clone();
        }
        if let RxKind::Subquery { of: Asked::Plan(_), .. } = rx.kind() {
            let rx = map_operands(rx, &mut |operand| self.rewrite_or_note(blocks, operand, failed));
            return self.subquery(blocks, &rx).unwrap_or_else(|error| {
                failed.get_or_insert(error);
                rx
            });
        }
        map_operands(rx, &mut |operand| self.rewrite_or_note(blocks, operand, failed))
    }

    /// The name that a column has within a source.
    pub(in crate::compile) fn column_name(&self, place: usize, column: ColumnId) -> Result<Ident> {
        let missing = || Error::internal("fold.column_name");
        let source = self.sources.get(place).ok_or_else(missing)?;
        let block = match &source.kind {
            SourceKind::Cte(cte) => return self.cte_column_name(place, *cte, column).ok_or_else(missing),
            SourceKind::Table(_) | SourceKind::Raw(_) | SourceKind::Values(_) | SourceKind::Taken => {
                return Ok(self.facts.columns.get(column).ok_or_else(missing)?.name.clone());
            }
            SourceKind::Elements(_) => return Err(missing()),
            SourceKind::Block(block) => &**block,
            SourceKind::Set { arms, .. } => arms.first().ok_or_else(missing)?,
        };
        let Projection::Columns(columns) = &block.projection else { return Err(missing()) };
        columns.iter().find(|(_, id, _)| *id == column).map(|(name, ..)| name.clone()).ok_or_else(missing)
    }

    /// The table that a block gives as it is, of which it leaves columns out at most.
    pub(in crate::compile) fn as_table<'b>(&'b self, block: &'b Block) -> Result<Option<&'b TableName>> {
        let [place] = block.sources.as_slice() else { return Ok(None) };
        let Some(Source { kind: SourceKind::Table(table), .. }) = self.sources.get(*place) else { return Ok(None) };
        let Projection::Columns(columns) = &block.projection else { return Ok(None) };
        let cut = block.limited() || block.distinct.is_some() || block.group.is_some() || block.numbered.is_some();
        if cut || !block.filter.is_empty() || block.settled.is_some() {
            return Ok(None);
        }
        for (name, _, rx) in columns {
            match rx.kind() {
                RxKind::Source { source, column } if self.column_name(*source, *column)? == *name => {}
                _ => return Ok(None),
            }
        }
        Ok(Some(table))
    }

    /// True when a column stands in it whose collation is not one by code point, as far as is known.
    pub(in crate::compile) fn has_own_collation(&self, rx: &Rx) -> bool {
        if let RxKind::Source { column, .. } | RxKind::Column(column) = rx.kind() {
            let Some(info) = self.facts.columns.get(*column) else { return false };
            let bases = if info.scan.is_some() { std::slice::from_ref(column) } else { &info.lineage };
            return bases
                .iter()
                .filter_map(|base| self.facts.columns.get(*base))
                .any(|base| !base.binary_text && base.sql_type.is_none_or(|found| found == SqlType::Text));
        }
        let mut found = false;
        if let RxKind::Subquery { kind: SubqueryKind::Scalar, of: Asked::Block(place), .. } = rx.kind()
            && let Some(subquery) = self.subqueries.get(*place)
            && let Projection::Columns(columns) = &subquery.block.projection
        {
            found = columns.iter().any(|(_, _, rx)| self.has_own_collation(rx));
        }
        crate::schema::each_operand(rx.kind(), &mut |operand| found = found || self.has_own_collation(operand));
        found
    }

    /// The collation that a text brings along: `None` for a value, which follows what stands beside it, and where it is not known.
    pub(in crate::compile) fn collation(&self, rx: &Rx) -> Option<&str> {
        let exact = self.caps.binary_collation;
        let family = self.caps.loose_text;
        match rx.kind() {
            RxKind::ExactText(_) => exact,
            // Of the rows around a subquery.
            RxKind::Column(column) => self.collation_in_table(*column),
            RxKind::Source { source, column } => match &self.sources.get(*source)?.kind {
                SourceKind::Block(block) => self.collation_in(block, *column),
                SourceKind::Set { arms, .. } => self.collation_in(arms.first()?, *column),
                SourceKind::Cte(place) => self.collation_in(self.ctes.get(*place)?.block.as_ref()?, *column),
                SourceKind::Values(_) => family.then_some(SESSION_COLLATION),
                SourceKind::Table(_) => self.collation_in_table(*column),
                SourceKind::Raw(_) | SourceKind::Elements(_) | SourceKind::Taken => None,
            },
            _ if rx.0.binary_text => exact,
            RxKind::Cast { .. } | RxKind::Call(Function::Json(_) | Function::Time(_), _) if family => {
                Some(SESSION_COLLATION)
            }
            RxKind::Call(Function::Text(TextFunction::Upper | TextFunction::Lower | TextFunction::Initcap), _)
                if family =>
            {
                exact
            }
            RxKind::Subquery { kind: SubqueryKind::Scalar, of: Asked::Block(place), .. } => {
                match &self.subqueries.get(*place)?.block.projection {
                    Projection::Columns(columns) => self.collation(&columns.first()?.2),
                    _ => None,
                }
            }
            // Of two, one by code point is made.
            kind => {
                let (mut found, mut several) = (None, false);
                crate::schema::each_operand(kind, &mut |operand| {
                    let other = self.collation_of_text(operand);
                    several |= found.is_some() && other.is_some() && found != other;
                    found = found.or(other);
                });
                if several { exact } else { found }
            }
        }
    }

    /// The same of what is known to be text.
    pub(in crate::compile) fn collation_of_text(&self, rx: &Rx) -> Option<&str> {
        (rx.sql_type() == Some(SqlType::Text)).then(|| self.collation(rx)).flatten()
    }

    fn collation_in_table(&self, column: ColumnId) -> Option<&str> {
        let info = self.facts.columns.get(column)?;
        let table = self.facts.scans.get(info.scan?)?.table.as_ref()?;
        let known = table.columns.iter().find(|known| known.name == info.name)?;
        if known.binary_text { self.caps.binary_collation } else { known.collation.as_deref() }
    }

    fn collation_in(&self, block: &Block, column: ColumnId) -> Option<&str> {
        let Projection::Columns(columns) = &block.projection else { return None };
        self.collation(&columns.iter().find(|(_, known, _)| *known == column)?.2)
    }

    /// True when a source of the block has a column called `name`.
    pub(in crate::compile) fn has_column(&self, block: &Block, name: &Ident) -> bool {
        let named = |columns: &[(Ident, ColumnId, Rx)]| columns.iter().any(|(known, ..)| same_name(known, name));
        block.sources.iter().filter_map(|place| self.sources.get(*place)).any(|source| match &source.kind {
            SourceKind::Table(_) | SourceKind::Raw(_) | SourceKind::Values(_) => self
                .facts
                .columns
                .iter()
                .any(|info| info.scan.is_some() && info.scan == source.scan && same_name(&info.name, name)),
            SourceKind::Block(inner) => matches!(&inner.projection, Projection::Columns(columns) if named(columns)),
            SourceKind::Set { arms, .. } => arms
                .first()
                .is_some_and(|arm| matches!(&arm.projection, Projection::Columns(columns) if named(columns))),
            SourceKind::Cte(cte) => self.cte_has_column(*cte, name),
            SourceKind::Elements(_) | SourceKind::Taken => false,
        })
    }
}

/// True when a database may take the two for one: only PostgreSQL tells quoted names apart by their capitals.
pub(super) fn same_name(one: &Ident, other: &Ident) -> bool {
    one == other || one.as_str().to_lowercase() == other.as_str().to_lowercase()
}

/// `wanted`, or with a number when that is taken.
pub(super) fn free_name(wanted: &Ident, taken: impl Fn(&Ident) -> bool) -> Result<Ident> {
    free_name_from(wanted, &mut 1, taken)
}

/// The same, where numbers to `number` are taken; it becomes the one that is used.
pub(super) fn free_name_from(wanted: &Ident, number: &mut usize, taken: impl Fn(&Ident) -> bool) -> Result<Ident> {
    let mut name = wanted.clone();
    while taken(&name) {
        *number += 1;
        let kept: String = wanted.as_str().chars().take(12).collect();
        name = Ident::new(format!("{}_{number}", kept.trim_end()))?;
    }
    Ok(name)
}
