//! Folding: relational algebra becomes SELECT blocks, one where the meaning allows, nested only where it must be.

mod columns;
mod ctes;
mod explode;
mod grouping;
mod joins;
mod same;
mod sets;
mod subqueries;

use std::collections::{HashMap, HashSet};

use columns::{free_name_from, same_name};
use ctes::Cte;
pub(super) use explode::Elements;
use subqueries::Subquery;
pub(super) use subqueries::has_subquery;

use crate::compile::caps::Capabilities;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{ChoiceFunction, Comparison, Function, NumberFunction, TextFunction};
use crate::ident::Ident;
use crate::query::{JoinKind, SetOperation, TableName};
use crate::schema::{
    Asked, ColumnId, Facts, Node, NodeKind, Output, RawStatement, RowCount, Rx, RxKind, ScanId, ScanInfo, ScanSource,
    SortColumn, schema_needed,
};
use crate::types::{Family, SqlType};

/// One SELECT.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Places of the folder's list; the first is FROM, the others are joined to it.
    pub(super) sources: Vec<usize>,
    pub(super) joins: Vec<Join>,
    pub(super) filter: Vec<Rx>,
    /// `Some` of an aggregated block; empty for one group of all rows.
    pub(super) group: Option<Vec<Rx>>,
    /// Which of `group` make a group, for each set of keys; `None` for all of them once.
    pub(super) sets: Option<Vec<Vec<usize>>>,
    pub(super) having: Vec<Rx>,
    pub(super) distinct: Option<Vec<ColumnId>>,
    pub(super) order: Vec<(Rx, SortColumn)>,
    pub(super) limit: Option<RowCount>,
    pub(super) offset: RowCount,
    pub(super) projection: Projection,
    /// The name of one more column: the row's number among its equals.
    pub(super) numbered: Option<Ident>,
    /// Of the anchor (true) or the step of a recursion: its columns have exactly the types that they have in both.
    pub(super) settled: Option<bool>,
    /// What columns are in terms of this block's sources, where that is more than a column of a source.
    env: Vec<(ColumnId, Rx)>,
}

/// How a source is joined; the first source of a block has none.
#[derive(Debug)]
pub(super) struct Join {
    pub(super) kind: JoinKind,
    pub(super) on: Vec<Rx>,
}

#[derive(Debug, Default)]
pub(super) enum Projection {
    /// Nothing is needed but the rows.
    #[default]
    Nothing,
    Everything,
    Columns(Vec<(Ident, ColumnId, Rx)>),
}

#[derive(Debug)]
pub(super) struct Source {
    pub(super) kind: SourceKind,
    pub(super) alias: Ident,
    scan: Option<ScanId>,
    /// An outer join may fill it with NULL.
    pub(super) nullable: bool,
    /// It sees the columns of the sources before it.
    pub(super) lateral: bool,
}

#[derive(Debug)]
pub(super) enum SourceKind {
    Table(TableName),
    Raw(RawStatement),
    Values(ValuesSource),
    Block(Box<Block>),
    /// The members of set operations, and the operation before each but the first.
    Set {
        arms: Vec<Block>,
        operations: Vec<SetOperation>,
    },
    /// A relation of WITH.
    Cte(usize),
    /// The elements of a column of a source before it.
    Elements(Box<Elements>),
    /// Taken out for a moment while it is changed.
    Taken,
}

/// Binds from `first` on, row by row.
#[derive(Debug)]
pub(super) struct ValuesSource {
    pub(super) first: usize,
    pub(super) rows: usize,
    pub(super) columns: Vec<Ident>,
}

/// An expression beyond this size is computed once, in a block of its own, instead of being written out wherever it is used.
const MAX_INLINE: u32 = 300;

/// How many relations one statement may name. An emulated full join doubles what stands below it.
const MAX_SOURCES: usize = 1_000;

pub(super) struct Folder<'a> {
    facts: &'a Facts,
    caps: Capabilities,
    pub(super) sources: Vec<Source>,
    pub(super) subqueries: Vec<Subquery>,
    pub(super) ctes: Vec<Cte>,
    /// The relations of WITH in the order in which each comes after those that it reads.
    pub(super) cte_order: Vec<usize>,
    /// The table that is written.
    pub(super) target: Option<TableName>,
    /// How many subqueries are being folded: in one, a column that is nowhere to be found is one of a block around it.
    inside: usize,
    /// In small letters.
    aliases: HashSet<String>,
    /// By the name that was wanted, the number of the last alias.
    numbered: HashMap<Ident, usize>,
}

impl Block {
    pub(super) fn limited(&self) -> bool {
        self.limit.is_some() || !self.offset.is_zero()
    }

    /// Rows of sources, filtered: what a join can take as it is.
    fn plain(&self) -> bool {
        self.group.is_none() && self.distinct.is_none() && !self.limited() && !self.windowed()
    }

    /// A column of it looks over a window, so that its rows must stay as they are.
    pub(in crate::compile) fn windowed(&self) -> bool {
        self.env.iter().any(|(_, rx)| rx.windowed()) || self.order.iter().any(|(rx, _)| rx.windowed())
    }

    /// Groups by several sets of keys. SQL: PostgreSQL to version 17 takes keys that a condition makes equal for equal in what follows
    /// them in the same SELECT, as ORDER BY, also in the rows in which one of them is NULL; so nothing does.
    fn summed(&self) -> bool {
        self.sets.is_some()
    }

    /// Aggregated over all rows: one row, whatever comes in.
    fn one_group(&self) -> bool {
        self.group.as_ref().is_some_and(Vec::is_empty)
    }

    /// One group whose projection doesn't show it: nobody needs more of it than that there is a row.
    pub(super) fn hides_its_group(&self) -> bool {
        self.one_group()
            && match &self.projection {
                Projection::Columns(columns) => !columns.iter().any(|(_, _, rx)| has_aggregate(rx)),
                Projection::Nothing | Projection::Everything => true,
            }
    }

    /// Rows of sources, sorted and limited perhaps, and nothing else.
    fn plain_or_limited(&self) -> bool {
        self.group.is_none() && self.distinct.is_none() && self.joins.is_empty() && self.numbered.is_none()
    }

    /// True when `rx` reads a column that a subquery of this block computes.
    fn asks_for(&self, rx: &Rx) -> bool {
        if let RxKind::Column(id) = rx.kind() {
            return self.env.iter().any(|(known, rx)| known == id && has_subquery(rx));
        }
        let mut found = false;
        crate::schema::each_operand(rx.kind(), &mut |operand| found = found || self.asks_for(operand));
        found
    }

    fn each_expr(&self, visit: &mut dyn FnMut(&Rx)) {
        self.filter.iter().chain(&self.having).for_each(&mut *visit);
        self.group.iter().flatten().for_each(&mut *visit);
        self.order.iter().for_each(|(rx, _)| visit(rx));
        self.joins.iter().flat_map(|join| &join.on).for_each(&mut *visit);
        if let Projection::Columns(columns) = &self.projection {
            columns.iter().for_each(|(_, _, rx)| visit(rx));
        }
    }

    /// The keys of its windows, those of PARTITION BY first.
    pub(super) fn window_keys(&self) -> Vec<Vec<Rx>> {
        let mut found = Vec::new();
        self.each_expr(&mut |rx| note_window_keys(rx, &mut found));
        found
    }

    pub(super) fn has_subquery(&self) -> bool {
        let mut found = false;
        self.each_expr(&mut |rx| found = found || has_subquery(rx));
        found
    }
}

impl<'a> Folder<'a> {
    pub(super) fn new(facts: &'a Facts, caps: Capabilities) -> Folder<'a> {
        Folder {
            facts,
            caps,
            sources: Vec::new(),
            subqueries: Vec::new(),
            ctes: Vec::new(),
            cte_order: Vec::new(),
            target: None,
            inside: 0,
            aliases: HashSet::new(),
            numbered: HashMap::new(),
        }
    }

    pub(super) fn facts(&self) -> &'a Facts {
        self.facts
    }

    /// The block of a whole query.
    pub(super) fn query(&mut self, root: &Node, output: &Output) -> Result<Block> {
        let mut block = self.fold(root)?;
        match output {
            Output::Everything => {
                let direct = block
                    .sources
                    .iter()
                    .any(|source| self.sources.get(*source).is_some_and(|source| !source.is_derived()));
                if !direct || block.group.is_some() {
                    return Err(self.columns_needed());
                }
                block.projection = Projection::Everything;
            }
            Output::Columns(columns) => {
                block = self.projected(block, columns)?;
            }
        }
        Ok(block)
    }

    /// The block with exactly these columns as what it returns.
    fn projected(&mut self, mut block: Block, columns: &[(Ident, ColumnId)]) -> Result<Block> {
        if let Some(distinct) = &block.distinct {
            let output = |id: &ColumnId| columns.iter().any(|(_, column)| column == id);
            let same = distinct.len() == columns.len() && distinct.iter().all(output);
            if !same {
                block = self.wrap(block)?;
            }
        }
        let mut projection = self.projection(&block, columns)?;
        if block.one_group() && !projection.iter().any(|(_, _, rx)| has_aggregate(rx)) {
            // Without an aggregate in sight a SELECT is one row for each row, not one for all.
            block = self.wrap(block)?;
            projection = self.projection(&block, columns)?;
        }
        block.projection = Projection::Columns(projection);
        Ok(block)
    }

    fn projection(&mut self, block: &Block, columns: &[(Ident, ColumnId)]) -> Result<Vec<(Ident, ColumnId, Rx)>> {
        columns.iter().map(|(name, id)| Ok((name.clone(), *id, self.lookup(block, *id)?))).collect()
    }

    /// Checks that the rows of `block` are rows of tables, which can be locked.
    pub(super) fn check_lock(&self, block: &Block) -> Result<()> {
        let table = |place: &usize| {
            self.sources
                .get(*place)
                .is_some_and(|source| matches!(source.kind, SourceKind::Table(_)) && !source.nullable)
        };
        if block.group.is_none()
            && block.distinct.is_none()
            && !block.windowed()
            && !block.sources.is_empty()
            && block.sources.iter().all(table)
        {
            return Ok(());
        }
        let message = "the rows of groups, of `distinct`, of windows, of set operations, of subselects and of the filled side of a join can't be locked; lock the rows of the tables in a statement of their own";
        Err(Error::new(ErrorKind::Plan, "lock.shape", message))
    }

    /// The block of a write's target, so that its condition and values are bound to it.
    pub(super) fn target(&mut self, scan: ScanId) -> Result<Block> {
        let block = self.scan(scan)?;
        if let Some(ScanSource::Table(table)) = self.facts.scans.get(scan).map(|scan| &scan.source) {
            self.target = Some(table.clone());
        }
        Ok(block)
    }

    /// Puts a relation beside the target, as a subselect of its own.
    pub(super) fn beside_target(&mut self, target: &mut Block, relation: &Node) -> Result<()> {
        let mut block = self.fold(relation)?;
        if !block.limited() {
            block.order.clear();
        }
        let place = self.add_source(SourceKind::Block(Box::new(block)), None, None)?;
        target.sources.push(place);
        target.joins.push(Join { kind: JoinKind::Inner, on: Vec::new() });
        Ok(())
    }

    /// The block of a row that is inserted: the table is not read.
    pub(super) fn inserted(&mut self, scan: ScanId) -> Result<Block> {
        self.scan(scan)
    }

    /// `target` beside the row that an upsert was to insert, and the place of that.
    pub(super) fn with_incoming(&mut self, target: &Block, incoming: ScanId) -> Result<(Block, usize)> {
        let kind = SourceKind::Values(ValuesSource { first: 0, rows: 0, columns: Vec::new() });
        // The name is the database's own.
        let alias = Ident::fixed("excluded")?;
        self.sources.push(Source { kind, alias, scan: Some(incoming), nullable: false, lateral: false });
        let place = self.sources.len() - 1;
        let sources = target.sources.iter().copied().chain([place]).collect();
        Ok((Block { sources, ..Block::default() }, place))
    }

    fn columns_needed(&self) -> Error {
        let tables: Vec<TableName> = self
            .facts
            .scans
            .iter()
            .filter(|scan| scan.open)
            .filter_map(|scan| match &scan.source {
                ScanSource::Table(table) => Some(table.clone()),
                ScanSource::Raw(_) | ScanSource::Values { .. } | ScanSource::Cte { .. } => None,
            })
            .collect();
        if tables.is_empty() {
            let message =
                "this chain needs the columns of the raw SQL; name them with `.select([..])` after `into_frame`";
            return Error::new(ErrorKind::Plan, "raw.columns", message);
        }
        schema_needed(tables, "this chain")
    }

    fn fold(&mut self, node: &Node) -> Result<Block> {
        match &node.kind {
            NodeKind::Scan(scan) => self.scan(*scan),
            NodeKind::Filter(input, condition) => {
                let mut block = self.fold(input)?;
                if has_subquery(condition) {
                    block = self.stored_elements(block)?;
                }
                // A column that a subquery computes is not computed twice.
                let twice = !self.facts.subplans.is_empty() && block.asks_for(condition);
                let kept = block.limited() || block.windowed() || block.summed();
                if kept || twice || self.must_see_columns(&block, condition) {
                    block = self.wrap(block)?;
                }
                let mut found = self.rewrite(&block, condition)?;
                let grouped = block.group.as_ref().is_some_and(|keys| !keys.is_empty());
                // SQL: HAVING on MySQL 9.7 doesn't know, and on MariaDB 10.11 takes for NULL, a key that a derived table computes; MariaDB refuses
                // other keys too where two tables have a column of that name.
                let loose = self.caps.loose_text && grouped;
                if loose && parts(&found).iter().any(|part| has_aggregate(part) && reads_key(part)) {
                    block = self.wrap(block)?;
                    found = self.rewrite(&block, condition)?;
                }
                for part in parts(&found) {
                    let of_keys = loose
                        && block.group.is_some()
                        && !has_aggregate(part)
                        && !has_subquery(part)
                        && !is_random(part);
                    let list = if block.group.is_some() && !of_keys { &mut block.having } else { &mut block.filter };
                    list.push(part.clone());
                }
                Ok(block)
            }
            NodeKind::Extend(input, defined) => {
                let mut block = self.fold(input)?;
                // A window looks at the rows that are left.
                let cut = block.limited()
                    || block.distinct.is_some()
                    || block.summed()
                    // SQL: SQLite hands a condition on such a window down as a HAVING, and refuses that without a GROUP BY.
                    || block.one_group()
                    || (block.group.is_some() && self.caps.confuses_results_of_groups)
                    || (!self.caps.subqueries_see_results && block.env.iter().any(|(_, rx)| has_subquery(rx)));
                let looks = defined.iter().any(|(_, rx)| rx.windowed());
                if looks && !self.caps.results_over_asked_rows && self.asks_of_derived(&block) {
                    block = self.wrap_stored(block)?;
                }
                let windows = cut && looks;
                let again = defined.iter().any(|(_, rx)| self.repeats_window(&block, rx));
                if windows || again || defined.iter().any(|(_, rx)| self.must_see_columns(&block, rx)) {
                    block = self.wrap(block)?;
                }
                let mut rewritten = Vec::with_capacity(defined.len());
                for (id, rx) in defined {
                    rewritten.push((*id, self.rewrite(&block, rx)?));
                }
                let too_long = rewritten.iter().any(|(_, rx)| rx.0.size > MAX_INLINE) && !block.env.is_empty();
                // Their keys are columns then.
                let unlike = !block.env.is_empty() && rewritten.iter().any(|(_, rx)| self.is_unlike_itself(rx));
                let twice =
                    |rx: &Rx| nests_windows(rx) || (self.caps.repeats_windows_of_one_row && repeats_windows(rx));
                let lost = !self.caps.results_over_asked_rows
                    && block.group.is_some()
                    && rewritten.iter().any(|(_, rx)| has_aggregate(rx) && reads_key(rx))
                    && self.asks_of_derived(&block);
                if too_long || unlike || lost || rewritten.iter().any(|(_, rx)| rx.windowed() && twice(rx)) {
                    block = self.wrap(block)?;
                    rewritten.clear();
                    for (id, rx) in defined {
                        rewritten.push((*id, self.rewrite(&block, rx)?));
                    }
                }
                block.env.extend(rewritten);
                Ok(block)
            }
            NodeKind::Aggregate { input, keys, aggregates } => self.aggregate(input, keys, aggregates),
            NodeKind::Join { left, right, kind, on } => match kind {
                JoinKind::Semi | JoinKind::Anti => self.exists_join(left, right, on.as_ref(), *kind == JoinKind::Anti),
                JoinKind::Lateral | JoinKind::LeftLateral => self.lateral_join(left, right, *kind),
                JoinKind::Full if !self.joins_fully(on.as_ref(), left) => self.full_join(left, right, on.as_ref()),
                _ => self.join(left, right, *kind, on.as_ref()),
            },
            NodeKind::Sort(input, keys) => {
                let mut block = self.fold(input)?;
                let mut distinct_hides = block.distinct.as_ref().is_some_and(|columns| {
                    keys.iter().any(|key| !columns.contains(&key.column) || self.collates_in_order(key.column))
                });
                if block.distinct.is_some() && !self.caps.sees_repeated_keys {
                    // SQL: MySQL, ONLY_FULL_GROUP_BY: what DISTINCT rows are sorted by must be seen to be among their columns.
                    for key in keys {
                        let rx = self.find(&block, key.column)?;
                        distinct_hides |= !rx.is_some_and(|rx| matches!(rx.kind(), RxKind::Source { .. }));
                    }
                }
                let again = keys.iter().any(|key| {
                    let own = block.env.iter().find(|(id, _)| *id == key.column);
                    own.is_some_and(|(_, rx)| self.is_unlike_itself(rx))
                });
                if block.limited() || block.summed() || distinct_hides || again {
                    block = self.wrap(block)?;
                }
                let earlier = std::mem::take(&mut block.order);
                for key in keys {
                    let rx = self.lookup(&block, key.column)?;
                    block.order.push((rx, *key));
                }
                // The earlier order decides among equals.
                for (rx, key) in earlier {
                    if !block.order.iter().any(|(_, known)| known.column == key.column) {
                        block.order.push((rx, key));
                    }
                }
                Ok(block)
            }
            NodeKind::Slice { input, limit, offset } => {
                let mut block = self.fold(input)?;
                block.limit = match (block.limit, *limit) {
                    (None, limit) => limit,
                    (Some(before), None) => Some(before.without(*offset)),
                    (Some(before), Some(limit)) => Some(before.without(*offset).least(limit)),
                };
                block.offset = block.offset.and(*offset);
                Ok(block)
            }
            NodeKind::GroupingSets { input, keys, sets, aggregates } => {
                self.grouping_sets(input, keys, sets, aggregates)
            }
            NodeKind::Explode(input, explosion) => self.explode(input, explosion),
            NodeKind::Distinct(input, columns) => {
                let mut block = self.fold(input)?;
                let kept = block.limited() || block.windowed() || block.summed();
                let kept = kept || (block.group.is_some() && self.caps.confuses_results_of_groups);
                if kept || block.distinct.as_ref().is_some_and(|known| known != columns) {
                    block = self.wrap(block)?;
                }
                block.order.clear();
                let mut env = Vec::with_capacity(columns.len());
                for id in columns {
                    let rx = self.lookup(&block, *id)?;
                    env.push((*id, self.exact_text(rx)?));
                }
                block.env = env;
                block.distinct = Some(columns.clone());
                Ok(block)
            }
            NodeKind::Set { left, right, operation, columns } => self.set(left, right, *operation, columns),
        }
    }

    /// True when what a subquery in `rx` sees of the block's groups and windows must be columns: no keys that are computed, no
    /// aggregates, no windows.
    fn must_see_columns(&self, block: &Block, rx: &Rx) -> bool {
        let results = block.group.is_some() || block.windowed();
        results && (self.is_correlated(rx) || (!self.caps.subqueries_see_results && has_subquery(rx)))
    }

    /// True when `rx` reads a column of the block whose window would not be the same window where it is written once more.
    fn repeats_window(&self, block: &Block, rx: &Rx) -> bool {
        if let RxKind::Column(id) = rx.kind() {
            return block.env.iter().any(|(known, rx)| known == id && self.is_unlike_itself(rx));
        }
        let mut found = false;
        crate::schema::each_operand(rx.kind(), &mut |operand| found = found || self.repeats_window(block, operand));
        found
    }

    /// A window in it would be another one where it stands again, and may bring rows that its keys leave equal into another order.
    ///
    /// SQL: MySQL and MariaDB sort once for windows with the same keys, and two placeholders are never the same.
    fn is_unlike_itself(&self, rx: &Rx) -> bool {
        if self.caps.sees_repeated_keys || !rx.windowed() {
            return false;
        }
        if let RxKind::Over(call) = rx.kind() {
            let sorts = || call.order.iter().map(|key| &key.expr);
            let random = self.caps.loses_constant_orders
                && !call.order.is_empty()
                && sorts().all(|key| self.may_be_constant(key));
            if random || call.partition.iter().chain(sorts()).any(may_bind) {
                return true;
            }
        }
        let mut found = false;
        crate::schema::each_operand(rx.kind(), &mut |operand| found = found || self.is_unlike_itself(operand));
        found
    }

    fn scan(&mut self, scan: ScanId) -> Result<Block> {
        let info = self.facts.scans.get(scan).ok_or_else(|| Error::internal("fold.scan"))?;
        let kind = match &info.source {
            ScanSource::Table(table) => SourceKind::Table(table.clone()),
            ScanSource::Raw(statement) => SourceKind::Raw(statement.clone()),
            ScanSource::Values { first, rows, columns } => {
                SourceKind::Values(ValuesSource { first: *first, rows: *rows, columns: columns.clone() })
            }
            ScanSource::Cte { cte, .. } => self.cte_source(*cte)?,
        };
        if let SourceKind::Table(table) = &kind
            && self.is_target(table)
            && !self.caps.reads_target
        {
            // SQL: MySQL reads a table that it writes only out of a subselect that it can't merge, which a LIMIT makes of it.
            let source = self.add_source(kind, None, Some(scan))?;
            let inner =
                Block { sources: vec![source], limit: Some(RowCount::own(i64::MAX as u64)), ..Block::default() };
            let source = self.add_source(SourceKind::Block(Box::new(inner)), info.alias.clone(), None)?;
            return Ok(Block { sources: vec![source], ..Block::default() });
        }
        let source = self.add_source(kind, info.alias.clone(), Some(scan))?;
        Ok(Block { sources: vec![source], ..Block::default() })
    }

    /// True for the table that the statement writes.
    pub(super) fn is_target(&self, table: &TableName) -> bool {
        self.target.as_ref().is_some_and(|target| {
            same_name(&target.name, &table.name)
                && match (&target.schema, &table.schema) {
                    (Some(one), Some(other)) => same_name(one, other),
                    // One of them may be the session's own schema.
                    _ => true,
                }
        })
    }

    /// Adds a source under a name that no other source of the statement has, so that nothing is captured.
    fn add_source(&mut self, kind: SourceKind, wanted: Option<Ident>, scan: Option<ScanId>) -> Result<usize> {
        if self.sources.len() >= MAX_SOURCES {
            let message = format!(
                "the statement would name more than {MAX_SOURCES} relations (a full join that is emulated names each twice); split it"
            );
            return Err(Error::new(ErrorKind::Limit, "limit.relations", message));
        }
        let base = match wanted {
            Some(wanted) => wanted,
            None => Ident::fixed("t")?,
        };
        let alias = self.alias(base)?;
        self.sources.push(Source { kind, alias, scan, nullable: false, lateral: false });
        Ok(self.sources.len() - 1)
    }

    /// `wanted`, or with a number when a source of the statement is called so.
    pub(super) fn alias(&mut self, wanted: Ident) -> Result<Ident> {
        let folded = |alias: &Ident| alias.as_str().to_lowercase();
        let number = self.numbered.entry(wanted.clone()).or_insert(1);
        let alias = free_name_from(&wanted, number, |alias| self.aliases.contains(&folded(alias)))?;
        self.aliases.insert(folded(&alias));
        Ok(alias)
    }

    /// Puts a block into the FROM of a new one. The order goes along: inside only for a LIMIT.
    fn wrap(&mut self, mut block: Block) -> Result<Block> {
        let order: Vec<SortColumn> = block.order.iter().map(|(_, key)| *key).collect();
        if !block.limited() {
            block.order.clear();
        }
        if let Some(columns) = block.distinct.clone() {
            block.projection = self.exported(&block, &columns)?;
        }
        let source = self.add_source(SourceKind::Block(Box::new(block)), None, None)?;
        let mut outer = Block { sources: vec![source], ..Block::default() };
        for key in order {
            let rx = self.lookup(&outer, key.column)?;
            outer.order.push((rx, key));
        }
        Ok(outer)
    }

    /// The same, so that the database stores it.
    ///
    /// SQL: a derived table with a LIMIT is not made one with the SELECT around it.
    fn wrap_stored(&mut self, block: Block) -> Result<Block> {
        let limited = block.limited();
        let outer = self.wrap(block)?;
        if let Some(place) = outer.sources.first()
            && let Some(Source { kind: SourceKind::Block(inner), .. }) = self.sources.get_mut(*place)
            && !limited
        {
            inner.limit = Some(RowCount::own(i64::MAX as u64));
        }
        Ok(outer)
    }

    /// The same, where a subquery is about to choose among elements of a list that the database would repeat.
    fn stored_elements(&mut self, block: Block) -> Result<Block> {
        let elements = |place: &usize| {
            self.sources.get(*place).is_some_and(|source| matches!(source.kind, SourceKind::Elements(_)))
        };
        if self.caps.repeats_asked_elements && block.sources.iter().any(elements) {
            return self.wrap_stored(block);
        }
        Ok(block)
    }

    /// A subquery chooses the block's rows, which are those of a derived table, or may be.
    fn asks_of_derived(&self, block: &Block) -> bool {
        block.filter.iter().any(has_subquery) && !block.sources.iter().all(|place| self.is_stored(*place))
    }

    fn aggregate(&mut self, input: &Node, keys: &[ColumnId], aggregates: &[(ColumnId, Rx)]) -> Result<Block> {
        let block = self.fold(input)?;
        self.aggregate_over(block, keys, aggregates)
    }

    fn aggregate_over(&mut self, mut block: Block, keys: &[ColumnId], aggregates: &[(ColumnId, Rx)]) -> Result<Block> {
        if !block.plain() {
            block = self.wrap(block)?;
        }
        let mixed = |rx: &Rx| has_aggregate(rx) && reads_key(rx);
        if !self.caps.results_over_asked_rows
            && aggregates.iter().any(|(_, rx)| mixed(rx))
            && self.asks_of_derived(&block)
        {
            block = self.wrap_stored(block)?;
        }
        let mut rewritten = Vec::with_capacity(keys.len());
        for id in keys {
            let rx = self.lookup(&block, *id)?;
            rewritten.push(self.exact_text(rx)?);
        }
        // SQL: MariaDB's ONLY_FULL_GROUP_BY doesn't see that a key with COLLATE, or a condition, and its repetition are the same;
        // where placeholders have no numbers, no server can. There a computed key is a column of a block of its own.
        let plain = |rx: &Rx| matches!(rx.kind(), RxKind::Source { .. });
        // SQL: PostgreSQL refuses TRUE, FALSE and NULL as keys, and elsewhere a constant may be a column's position.
        // SQL: MariaDB's ONLY_FULL_GROUP_BY takes some subqueries within an aggregate for aggregates of the block around them.
        let asked = rewritten.iter().any(has_subquery)
            || (!self.caps.subqueries_see_results && aggregates.iter().any(|(_, rx)| block.asks_for(rx)))
            || (!rewritten.iter().all(plain) && aggregates.iter().any(|(_, rx)| self.is_correlated(rx)));
        if asked || rewritten.iter().any(is_constant) || (!self.caps.sees_repeated_keys && !rewritten.iter().all(plain))
        {
            for (id, rx) in keys.iter().zip(rewritten.drain(..)) {
                block.env.retain(|(known, _)| known != id);
                block.env.push((*id, rx));
            }
            block = self.wrap(block)?;
            for id in keys {
                rewritten.push(self.lookup(&block, *id)?);
            }
        }
        block.order.clear();
        let mut env = Vec::with_capacity(keys.len() + aggregates.len());
        let mut group = Vec::with_capacity(keys.len());
        for (id, rx) in keys.iter().zip(rewritten) {
            if !env.iter().any(|(known, _)| known == id) {
                group.push(rx.clone());
                env.push((*id, rx));
            }
        }
        let with_keys = Block { sources: block.sources.clone(), env: env.clone(), ..Block::default() };
        for (id, rx) in aggregates {
            // Inside an aggregate a column is the row's, outside it is the key: the same, but for its collation.
            let rx = self.rewrite_in(&[&with_keys, &block], rx)?;
            env.push((*id, rx));
        }
        block.group = Some(group);
        block.env = env;
        Ok(block)
    }

    /// On a database that takes different texts for equal, text that is grouped or made distinct is compared exactly.
    fn exact_text(&self, rx: Rx) -> Result<Rx> {
        if !self.caps.loose_text || rx.0.binary_text {
            return Ok(rx);
        }
        match rx.sql_type() {
            Some(sql_type) if sql_type.family() == Family::Text => Ok(Rx::exact_text(rx)),
            Some(_) => Ok(rx),
            None => match self.table_of(&rx) {
                Some(table) => Err(schema_needed(vec![table], "grouping or `distinct`")),
                None => Ok(rx),
            },
        }
    }

    /// The table whose unknown columns make an expression untyped.
    pub(super) fn table_of(&self, rx: &Rx) -> Option<TableName> {
        if rx.sql_type().is_some() {
            return None;
        }
        if let RxKind::Source { column, .. } | RxKind::Column(column) = rx.kind() {
            let info = self.facts.columns.get(*column)?;
            return match info.scan {
                Some(scan) => self.open_table(scan),
                None => info.lineage.iter().find_map(|base| self.open_table(self.facts.columns.get(*base)?.scan?)),
            };
        }
        let mut found = None;
        if let RxKind::Subquery { of: Asked::Block(place), .. } = rx.kind()
            && let Some(Projection::Columns(columns)) = self.subqueries.get(*place).map(|asked| &asked.block.projection)
        {
            found = columns.iter().find_map(|(_, _, rx)| self.table_of(rx));
        }
        crate::schema::each_operand(rx.kind(), &mut |operand| {
            if found.is_none() {
                found = self.table_of(operand);
            }
        });
        found
    }

    /// A column of a table as it is, of which a database says the type by itself.
    pub(super) fn is_of_a_table(&self, rx: &Rx) -> bool {
        match rx.kind() {
            RxKind::Source { column, .. } => self.facts.columns.get(*column).is_some_and(|info| info.scan.is_some()),
            _ => false,
        }
    }

    /// Whether a database may find out that an expression is the same in every row: no column of a table is in it, and none that is
    /// surely computed from one.
    pub(super) fn may_be_constant(&self, rx: &Rx) -> bool {
        match rx.kind() {
            RxKind::Aggregate(_) | RxKind::Over(_) => return false,
            RxKind::Subquery { .. } => return true,
            RxKind::Source { column, .. } | RxKind::Column(column) => {
                let Some(info) = self.facts.columns.get(*column) else { return false };
                return match info.scan.and_then(|scan| self.facts.scans.get(scan)) {
                    // A view may give the same in every row.
                    Some(scan @ ScanInfo { source: ScanSource::Table(_), .. }) => scan.view() == Some(true),
                    Some(_) => false,
                    None => !self.facts.subplans.is_empty() || info.lineage.is_empty(),
                };
            }
            _ => {}
        }
        let mut constant = true;
        crate::schema::each_operand(rx.kind(), &mut |operand| constant = constant && self.may_be_constant(operand));
        constant
    }

    fn open_table(&self, scan: ScanId) -> Option<TableName> {
        let scan = self.facts.scans.get(scan)?;
        match &scan.source {
            ScanSource::Table(table) if scan.open => Some(table.clone()),
            _ => None,
        }
    }

    fn collates_in_order(&self, id: ColumnId) -> bool {
        let info = self.facts.columns.get(id);
        self.caps.binary_collation.is_some()
            && info.is_some_and(|info| !info.binary_text && info.sql_type.is_none_or(|found| found == SqlType::Text))
    }
}

/// What is made of constants alone, such as `NOT TRUE`: it has one value in a statement.
pub(in crate::compile) fn is_constant(rx: &Rx) -> bool {
    match rx.kind() {
        RxKind::Bind(_) | RxKind::Null | RxKind::True | RxKind::False => true,
        RxKind::Column(_)
        | RxKind::Source { .. }
        | RxKind::Element { .. }
        | RxKind::Subquery { .. }
        | RxKind::Aggregate(_)
        | RxKind::Over(_) => false,
        RxKind::Call(Function::Number(NumberFunction::Random), _) => false,
        _ => {
            let mut constant = true;
            crate::schema::each_operand(rx.kind(), &mut |operand| constant = constant && is_constant(operand));
            constant
        }
    }
}

fn note_window_keys(rx: &Rx, found: &mut Vec<Vec<Rx>>) {
    if !rx.windowed() {
        return;
    }
    if let RxKind::Over(call) = rx.kind() {
        found.push(call.keys().cloned().collect());
    }
    crate::schema::each_operand(rx.kind(), &mut |operand| note_window_keys(operand, found));
}

/// The conditions that a condition is made of by AND.
fn parts(rx: &Rx) -> &[Rx] {
    match rx.kind() {
        RxKind::All(conditions) => conditions,
        _ => std::slice::from_ref(rx),
    }
}

/// It has another value each time it is computed.
pub(in crate::compile) fn is_random(rx: &Rx) -> bool {
    let mut found = matches!(rx.kind(), RxKind::Call(Function::Number(NumberFunction::Random), _));
    crate::schema::each_operand(rx.kind(), &mut |operand| found = found || is_random(operand));
    found
}

/// Whether its text may hold a placeholder: those of what is computed are the lowering's own to make.
fn may_bind(rx: &Rx) -> bool {
    let mut found = !matches!(
        rx.kind(),
        RxKind::Column(_)
            | RxKind::Source { .. }
            | RxKind::Element { .. }
            | RxKind::Null
            | RxKind::True
            | RxKind::False
            | RxKind::Not(_)
            | RxKind::Compare(..)
            | RxKind::All(_)
            | RxKind::Any(_)
            | RxKind::IsNull(..)
            | RxKind::Case { .. }
            | RxKind::Coalesce(_)
            | RxKind::ExactText(_)
            | RxKind::Row(_)
    );
    crate::schema::each_operand(rx.kind(), &mut |operand| found = found || may_bind(operand));
    found
}

/// A column stands outside of every aggregate: in a condition on groups, a key.
fn reads_key(rx: &Rx) -> bool {
    match rx.kind() {
        RxKind::Aggregate(_) => return false,
        RxKind::Column(_) | RxKind::Source { .. } => return true,
        _ => {}
    }
    let mut found = false;
    crate::schema::each_operand(rx.kind(), &mut |operand| found = found || reads_key(operand));
    found
}

fn has_aggregate(rx: &Rx) -> bool {
    let mut found = matches!(rx.kind(), RxKind::Aggregate { .. });
    crate::schema::each_operand(rx.kind(), &mut |operand| found = found || has_aggregate(operand));
    found
}

/// A window over the result of another: no database computes both in one block.
fn nests_windows(rx: &Rx) -> bool {
    let inside = matches!(rx.kind(), RxKind::Over(_));
    let mut found = false;
    crate::schema::each_operand(rx.kind(), &mut |operand| {
        found = found || (operand.windowed() && (inside || nests_windows(operand)));
    });
    found
}

/// A window stands where it may be computed twice, or be taken for NULL: see `repeats_windows_of_one_row`.
pub(in crate::compile) fn repeats_windows(rx: &Rx) -> bool {
    let here = match rx.kind() {
        RxKind::IsNull(..) => true,
        RxKind::Call(function, _) => match function {
            Function::Choice(function) => matches!(function, ChoiceFunction::Greatest | ChoiceFunction::Least),
            Function::Text(function) => matches!(function, TextFunction::Substring),
            Function::Time(_) | Function::Json(_) => true,
            Function::Number(_) | Function::Grouping(_) | Function::Array(_) => false,
        },
        _ => false,
    };
    let mut found = false;
    crate::schema::each_operand(rx.kind(), &mut |operand| {
        found = found || (operand.windowed() && (here || repeats_windows(operand)));
    });
    found
}

/// True for the comparisons that a collation's order decides.
pub(super) fn ordered(comparison: Comparison) -> bool {
    !matches!(comparison, Comparison::Equal | Comparison::NotEqual)
}
