//! Joins: which of them share a block, and what the databases that lack one get instead.

use super::{Block, Folder, Join, SourceKind, Subquery, parts};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Comparison, SubqueryKind};
use crate::query::{JoinKind, SetKind, SetOperation};
use crate::schema::{Asked, ColumnId, Node, NodeKind, Rx, RxKind, ScanId};
use crate::types::{Family, SqlType};

impl Folder<'_> {
    pub(super) fn join(&mut self, left: &Node, right: &Node, kind: JoinKind, on: Option<&Rx>) -> Result<Block> {
        let mut left = self.fold(left)?;
        let mut right = self.fold(right)?;
        let fills_right = matches!(kind, JoinKind::Left | JoinKind::Full);
        let fills_left = matches!(kind, JoinKind::Right | JoinKind::Full);
        // A column computed on a side that is filled with NULL must be computed before the join.
        let full = kind == JoinKind::Full;
        if !left.plain() || (fills_left && !left.env.is_empty()) || (full && !left.filter.is_empty()) {
            left = self.wrap(left)?;
        }
        let several = right.sources.len() > 1;
        if !right.plain() || several || (fills_right && !right.env.is_empty()) || (full && !right.filter.is_empty()) {
            right = self.wrap(right)?;
        }
        left.order.clear();
        right.order.clear();
        let mut condition = Vec::new();
        // The filter of a side that the join keeps whole stays a filter; that of a side that may be filled belongs into ON.
        match kind {
            JoinKind::Left => condition.append(&mut right.filter),
            JoinKind::Right => condition.append(&mut left.filter),
            _ => {}
        }
        left.filter.append(&mut right.filter);
        left.env.append(&mut right.env);
        let first_right = right.sources.first().copied();
        let filled: Vec<usize> = match kind {
            JoinKind::Left => right.sources.clone(),
            JoinKind::Right => left.sources.clone(),
            JoinKind::Full => left.sources.iter().chain(&right.sources).copied().collect(),
            _ => Vec::new(),
        };
        left.sources.extend(first_right);
        if let Some(on) = on {
            let on = self.rewrite(&left, on)?;
            match on.kind() {
                RxKind::All(list) => condition.splice(0..0, list.iter().cloned()).for_each(drop),
                _ => condition.insert(0, on),
            }
        }
        for place in filled {
            if let Some(source) = self.sources.get_mut(place) {
                source.nullable = true;
            }
        }
        left.joins.push(Join { kind, on: condition });
        Ok(left)
    }

    /// Whether the database does a full join with this condition by itself.
    ///
    /// SQL: PostgreSQL takes only conditions that it can hash or merge: an equality between the two sides must be among them.
    pub(super) fn joins_fully(&self, on: Option<&Rx>, left: &Node) -> bool {
        if !self.caps.full_join_needs_equality {
            return self.caps.full_join;
        }
        let mut ours = Vec::new();
        scans_of(left, &mut ours);
        let Some(on) = on else { return false };
        match on.kind() {
            RxKind::All(list) => list.iter().any(|one| self.matches_sides(one, &ours)),
            _ => self.matches_sides(on, &ours),
        }
    }

    fn matches_sides(&self, condition: &Rx, left: &[ScanId]) -> bool {
        let RxKind::Compare(Comparison::Equal, one, other) = condition.kind() else { return false };
        let comparable = match (one.sql_type(), other.sql_type()) {
            (Some(one), Some(other)) => match one.family() {
                Family::Json | Family::Array => false,
                Family::Timestamp => one == other,
                family => family == other.family(),
            },
            _ => false,
        };
        comparable && matches!((self.side(one, left), self.side(other, left)), (Some(a), Some(b)) if a != b)
    }

    /// True for an expression over the left side alone, false for one over the right side alone.
    fn side(&self, rx: &Rx, left: &[ScanId]) -> Option<bool> {
        if let RxKind::Column(id) = rx.kind() {
            let info = self.facts.columns.get(*id)?;
            // A column that counts or is constant belongs to no table that could be told.
            let bases = if info.scan.is_some() { std::slice::from_ref(id) } else { &info.lineage };
            let mut sides = bases
                .iter()
                .map(|base| self.facts.columns.get(*base).and_then(|info| info.scan).map(|scan| left.contains(&scan)));
            let first = sides.next()??;
            return sides.all(|side| side == Some(first)).then_some(first);
        }
        let mut found: Option<Option<bool>> = None;
        crate::schema::each_operand(rx.kind(), &mut |operand| {
            if matches!(operand.kind(), RxKind::Bind(_)) {
                return;
            }
            let side = self.side(operand, left);
            found = Some(match found {
                None => side,
                Some(known) if known == side => side,
                Some(_) => None,
            });
        });
        found.flatten()
    }

    /// `left LEFT JOIN right UNION ALL (right that matches no left)`: what a full join is, row for row.
    pub(super) fn full_join(&mut self, left: &Node, right: &Node, on: Option<&Rx>) -> Result<Block> {
        let matched = self.join(left, right, JoinKind::Left, on)?;
        let unmatched = self.exists_join(right, left, on, true)?;
        let mut matched = matched;
        let mut unmatched = unmatched;
        matched.order.clear();
        unmatched.order.clear();
        let union_all = SetOperation { kind: SetKind::Union, all: true };
        let kind = SourceKind::Set { arms: vec![matched, unmatched], operations: vec![union_all] };
        let source = self.add_source(kind, None, None)?;
        if let Some(source) = self.sources.get_mut(source) {
            source.nullable = true;
        }
        Ok(Block { sources: vec![source], ..Block::default() })
    }

    /// The right side is a subselect of its own, whose open columns are those of the left.
    pub(super) fn lateral_join(&mut self, left: &Node, right: &Node, kind: JoinKind) -> Result<Block> {
        if !self.caps.lateral {
            let message = "MariaDB and SQLite have no lateral join; write a `scalar(..)` for each value, or join what is grouped by the key";
            return Err(Error::new(ErrorKind::Unsupported, "join.lateral", message));
        }
        let mut left = self.fold(left)?;
        if !left.plain() {
            left = self.wrap(left)?;
        }
        left.order.clear();
        self.inside += 1;
        let folded = self.fold(right);
        self.inside -= 1;
        let mut right = folded?;
        if !right.limited() {
            right.order.clear();
        }
        if let Some(columns) = right.distinct.clone() {
            right.projection = self.exported(&right, &columns)?;
        }
        self.bind_outer(&mut right, &[&left], false)?;
        let place = self.add_source(SourceKind::Block(Box::new(right)), None, None)?;
        if let Some(source) = self.sources.get_mut(place) {
            source.lateral = true;
            source.nullable = kind == JoinKind::LeftLateral;
        }
        left.sources.push(place);
        left.joins.push(Join { kind, on: Vec::new() });
        Ok(left)
    }

    pub(super) fn exists_join(&mut self, left: &Node, right: &Node, on: Option<&Rx>, negated: bool) -> Result<Block> {
        let outer = self.fold(left)?;
        let mut outer = self.stored_elements(outer)?;
        if outer.limited() || outer.group.is_some() || outer.windowed() {
            outer = self.wrap(outer)?;
        }
        let mut inner = self.fold(right)?;
        if !inner.limited() {
            inner.order.clear();
            inner.distinct = None;
        }
        if !inner.plain() {
            inner = self.wrap(inner)?;
            inner.order.clear();
        }
        if negated
            && !self.caps.joins_what_is_not
            && let Some(on) = on
            && let Some(keys) = self.keys(left, on)
        {
            outer.filter.push(self.not_among(&outer, inner, &keys)?);
            return Ok(outer);
        }
        if let Some(on) = on {
            let on = self.rewrite_in(&[&inner, &outer], on)?;
            match on.kind() {
                RxKind::All(list) => inner.filter.extend(list.iter().cloned()),
                _ => inner.filter.push(on),
            }
        }
        self.subqueries.push(Subquery { block: inner, one_row: false });
        let of = Asked::Block(self.subqueries.len() - 1);
        let exists = RxKind::Subquery { kind: SubqueryKind::Exists, operand: None, of, negated };
        outer.filter.push(Rx::new(exists, Some(SqlType::Bool), false));
        Ok(outer)
    }
}

impl Folder<'_> {
    /// The left side of each equality, and the column that it is compared with on the right; `None` for any other condition.
    fn keys(&self, left: &Node, on: &Rx) -> Option<Vec<(Rx, ColumnId)>> {
        let mut ours = Vec::new();
        scans_of(left, &mut ours);
        let mut keys = Vec::new();
        for condition in parts(on) {
            let RxKind::Compare(Comparison::Equal, one, other) = condition.kind() else { return None };
            let straight = self.side(one, &ours) == Some(true);
            let (own, other) = if straight { (one, other) } else { (other, one) };
            let RxKind::Column(id) = other.kind() else { return None };
            // SQL: SQLite compares by the collation of what is on the left, where it has one.
            if !straight && own.sql_type() == Some(SqlType::Text) {
                return None;
            }
            if self.side(own, &ours) != Some(true) || self.side(other, &ours) != Some(false) {
                return None;
            }
            keys.push((own.clone(), *id));
        }
        Some(keys)
    }

    /// `NOT COALESCE((left keys) IN (SELECT right keys …), FALSE)`: that no row is equal in all, which NULL is to none.
    fn not_among(&mut self, outer: &Block, inner: Block, keys: &[(Rx, ColumnId)]) -> Result<Rx> {
        let mut columns = Vec::with_capacity(keys.len());
        let mut row = Vec::with_capacity(keys.len());
        for (own, id) in keys {
            let info = self.facts.columns.get(*id).ok_or_else(|| Error::internal("fold.key"))?;
            columns.push((info.name.clone(), *id));
            row.push(self.rewrite(outer, own)?);
        }
        let block = self.projected(inner, &columns)?;
        self.subqueries.push(Subquery { block, one_row: false });
        let of = Asked::Block(self.subqueries.len() - 1);
        let operand = Some(Rx::row(row));
        let among = RxKind::Subquery { kind: SubqueryKind::In, operand, of, negated: false };
        let among = Rx::new(among, Some(SqlType::Bool), true);
        let known = RxKind::Coalesce(vec![among, Rx::new(RxKind::False, Some(SqlType::Bool), false)]);
        Ok(Rx::new(RxKind::Not(Rx::new(known, Some(SqlType::Bool), false)), Some(SqlType::Bool), false))
    }
}

fn scans_of(node: &Node, found: &mut Vec<ScanId>) {
    match &node.kind {
        NodeKind::Scan(scan) => found.push(*scan),
        NodeKind::Filter(input, _)
        | NodeKind::Extend(input, _)
        | NodeKind::Sort(input, _)
        | NodeKind::Distinct(input, _)
        | NodeKind::Explode(input, _)
        | NodeKind::Slice { input, .. }
        | NodeKind::GroupingSets { input, .. }
        | NodeKind::Aggregate { input, .. } => scans_of(input, found),
        NodeKind::Join { left, right, .. } | NodeKind::Set { left, right, .. } => {
            scans_of(left, found);
            scans_of(right, found);
        }
    }
}
