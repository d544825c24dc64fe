//! Binding a chain's names: verb by verb, from the table upwards.

use std::sync::Arc;

use super::access::{AccessLog, Use};
use super::binds::{Binds, Provenance, RowCount};
use super::resolve_cte::{Active, Place as CtePlace};
use super::resolve_expr::{Aggregates, Place, conjunction, implied_name};
use super::resolve_lock::{lock_of, misplaced};
use super::resolve_subquery::OuterScope;
use super::resolved::{
    Body, ColumnId, ColumnInfo, CteInfo, Facts, Node, NodeKind, Output, RawSegment, RawStatement, ResolvedPlan, Rx,
    ScanId, ScanInfo, ScanSource, SortColumn, SubplanInfo, lineage,
};
use super::scope::{Item, Open, Scope};
use super::{Schema, check_depth, schema_needed};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Address, Comparison, Declared, Expr, Kind, SortKey};
use crate::ident::Ident;
use crate::query::{Frame, JoinKind, JoinOn, Matching, Origin, RawText, Relation, RowLock, TableName, ValueRows, Verb};
use crate::statement::StatementKind;
use crate::types::SqlType;
use crate::value::{Bind, Value};

/// How many verbs a chain may have: later stages recurse over them.
pub(super) const MAX_VERBS: u32 = 250;

/// How many verbs all joined frames may have together.
const MAX_SIZE: u32 = 5_000;

/// Cuts raw text at its parameters: the tokenizer, which knows the dialect, given by the caller of this stage.
pub(crate) type Segmenter<'a> = &'a dyn Fn(&RawText) -> Result<RawStatement>;

/// Binds the names of `frame` against `schema`, which may be empty.
///
/// # Errors
///
/// All mistakes of the chain at once; or [`ErrorKind::SchemaNeeded`] with the tables whose columns the plan depends on.
pub(crate) fn resolve_frame(frame: &Frame, schema: &Schema, segment: Segmenter<'_>) -> Result<ResolvedPlan> {
    let depth = check_depth(frame.relation().depth, MAX_VERBS, "the chain");
    depth.map_err(|error| error.at(frame.location()))?;
    check_size(frame.relation().size).map_err(|error| error.at(frame.location()))?;
    let mut resolver = Resolver::new(schema, segment);
    resolver.origin = frame.origin.clone();
    if let Some((lock, place)) = lock_of(frame.relation())? {
        (resolver.lock, resolver.locked) = (Some(lock), Some(place));
    }
    let resolved = resolver.relation(frame.relation());
    let (root, scope) = match resolved {
        Ok(resolved) if resolver.mistakes.is_empty() => resolved,
        Ok(_) => return Err(resolver.all_mistakes(None)),
        Err(error) => return Err(resolver.all_mistakes(Some(error))),
    };
    let output = resolver.output(&scope);
    Ok(resolver.finish(StatementKind::Select, Body::Query { root, output }))
}

/// Checks that there are not too many verbs before anything walks them.
pub(super) fn check_size(verbs: u32) -> Result<()> {
    if verbs <= MAX_SIZE {
        return Ok(());
    }
    let message = format!("the joined frames have more than {MAX_SIZE} verbs in all; split the statement");
    Err(Error::new(ErrorKind::Limit, "limit.verbs", message))
}

/// Takes raw text, to be run by itself, through the same stages: the caller's, or the crate's own reading of the catalogue.
pub(crate) fn resolve_raw(text: &RawText, kind: StatementKind, segment: Segmenter<'_>) -> Result<ResolvedPlan> {
    let schema = Schema::default();
    let mut resolver = Resolver::new(&schema, segment);
    let statement = resolver.raw(text).map_err(|error| error.at(text.location))?;
    Ok(resolver.finish(kind, Body::Raw(statement)))
}

pub(super) struct Resolver<'a> {
    pub(super) schema: &'a Schema,
    segment: Segmenter<'a>,
    pub(super) binds: Binds,
    pub(super) columns: Vec<ColumnInfo>,
    pub(super) scans: Vec<ScanInfo>,
    pub(super) access: AccessLog,
    pub(super) nodes: usize,
    mistakes: Vec<Error>,
    open_columns: Vec<(ScanId, ColumnId)>,
    /// The handle that the statement will run on; a subquery must not come from another.
    pub(super) origin: Option<Origin>,
    /// The scopes around the subquery at hand, the nearest last.
    pub(super) outers: Vec<OuterScope>,
    pub(super) subplans: Vec<SubplanInfo>,
    pub(super) ctes: Vec<CteInfo>,
    /// Which relation each is.
    pub(super) cte_places: Vec<(CtePlace, usize)>,
    pub(super) recursions: Vec<Active>,
    /// The row that an upsert was to insert, while what it sets is being resolved.
    pub(super) incoming: Option<Scope>,
    /// The keys of the grouping sets whose aggregates are being resolved.
    pub(super) grouped: Vec<ColumnId>,
    /// Where the statement's lock stands.
    locked: Option<*const Relation>,
    lock: Option<RowLock>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(schema: &'a Schema, segment: Segmenter<'a>) -> Resolver<'a> {
        Resolver {
            schema,
            segment,
            binds: Binds::default(),
            columns: Vec::new(),
            scans: Vec::new(),
            access: AccessLog::default(),
            nodes: 0,
            mistakes: Vec::new(),
            open_columns: Vec::new(),
            origin: None,
            outers: Vec::new(),
            subplans: Vec::new(),
            ctes: Vec::new(),
            cte_places: Vec::new(),
            recursions: Vec::new(),
            incoming: None,
            grouped: Vec::new(),
            locked: None,
            lock: None,
        }
    }

    pub(super) fn finish(self, kind: StatementKind, body: Body) -> ResolvedPlan {
        // A write's target is bound before anything else.
        let target = matches!(body, Body::Insert(_) | Body::Update { .. } | Body::Delete { .. } | Body::Ddl(_))
            .then_some((0, kind));
        let tables = self.access.report(&self.columns, &self.scans, target);
        let facts = Facts {
            kind,
            binds: self.binds,
            columns: self.columns,
            scans: self.scans,
            tables,
            subplans: self.subplans,
            ctes: self.ctes,
            lock: self.lock,
        };
        ResolvedPlan { body, facts }
    }

    /// Missing columns are asked for first: what else is wrong may only seem so without them.
    fn all_mistakes(&mut self, last: Option<Error>) -> Error {
        let mut all = std::mem::take(&mut self.mistakes);
        all.extend(last);
        if let Some(needed) = all.iter().find(|error| error.kind() == ErrorKind::SchemaNeeded) {
            return needed.clone();
        }
        Error::join(all).unwrap_or_else(|| Error::internal("resolve.no_mistake"))
    }

    /// A bind of our own, which follows from the plan's shape and never from its values.
    pub(super) fn own_bind(&mut self, value: Value, sql_type: SqlType) -> usize {
        self.binds.push(Bind { value, sql_type }, Provenance::Own)
    }

    pub(super) fn relation(&mut self, relation: &Arc<Relation>) -> Result<(Node, Scope)> {
        self.verb(relation).map_err(|error| error.at(relation.location))
    }

    /// Resolves a verb that leaves its input's columns as they are: a mistake in it is noted and the chain goes on, so that
    /// all mistakes are reported together.
    fn or_note<T>(&mut self, result: Result<T>, relation: &Relation) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == ErrorKind::SchemaNeeded => Err(error),
            Err(error) => {
                self.mistakes.push(error.at(relation.location));
                Ok(None)
            }
        }
    }

    fn verb(&mut self, relation: &Relation) -> Result<(Node, Scope)> {
        match &relation.verb {
            Verb::Table(table) => Ok(self.scan_table(table)),
            Verb::Raw(text) => {
                let statement = self.raw(text)?;
                Ok(self.open_scan(ScanSource::Raw(statement), None))
            }
            Verb::Invalid(input, error) => {
                if let Some(input) = input {
                    self.relation(input)?;
                }
                Err(error.clone())
            }
            Verb::Where(input, condition) => {
                let (node, scope) = self.relation(input)?;
                let place = Place { use_for: Use::Filter, aggregates: Aggregates::Forbidden("where_") };
                let condition = self.condition(condition, &scope, place);
                match self.or_note(condition, relation)? {
                    Some(condition) => {
                        let mut defined = Vec::new();
                        let condition = self.hoist_windows(condition, &mut defined);
                        Ok((filter(self.extended(node, defined), condition), scope))
                    }
                    None => Ok((node, scope)),
                }
            }
            Verb::Select(input, list) => {
                let (node, scope) = self.relation(input)?;
                self.select(node, scope, list)
            }
            Verb::WithColumn(input, name, expr) => {
                let (node, scope) = self.relation(input)?;
                self.with_column(node, scope, name, expr)
            }
            Verb::Rename(input, names) => {
                let (node, mut scope) = self.relation(input)?;
                self.close(&scope, "`rename`")?;
                for (from, to) in names {
                    let position = scope.position(from)?;
                    if from != to && scope.visible.iter().any(|item| item.name == *to) {
                        let message =
                            format!("there is a column {to:?} already; drop it first, or choose another name");
                        return Err(Error::new(ErrorKind::Schema, "rename.taken", message).with_column(to.as_str()));
                    }
                    if let Some(item) = scope.visible.get_mut(position) {
                        item.name = to.clone();
                        item.original = to.clone();
                    }
                }
                Ok((node, scope))
            }
            Verb::Drop(input, names) => {
                let (node, mut scope) = self.relation(input)?;
                self.close(&scope, "`drop`")?;
                for name in names {
                    let position = scope.position(name)?;
                    let dropped = scope.visible.remove(position);
                    scope.hidden.insert(0, dropped);
                }
                if scope.visible.is_empty() {
                    let message = "every column is dropped; leave at least one";
                    return Err(Error::new(ErrorKind::Plan, "drop.all", message));
                }
                Ok((node, scope))
            }
            Verb::Join { left, right, kind, on } => self.join(left, right, *kind, on),
            Verb::Set { left, right, operation, by_name } => self.set(left, right, *operation, *by_name),
            Verb::Aggregate { input, keys, aggregates } => {
                let (node, scope) = self.relation(input)?;
                self.aggregate_verb(node, scope, keys, aggregates, None)
            }
            Verb::OrderBy(input, keys) => {
                let (node, scope) = self.relation(input)?;
                let mut defined = Vec::new();
                let sorted: Result<Vec<SortColumn>> =
                    keys.iter().map(|key| self.sort_key(key, &scope, &mut defined)).collect();
                let sorted = self.or_note(sorted, relation)?.unwrap_or_default();
                Ok((NodeKind::Sort(Box::new(self.extended(node, defined)), sorted).node(), scope))
            }
            Verb::Limit(input, rows) => {
                let (node, scope) = self.relation(input)?;
                self.or_note(check_rows(*rows), relation)?;
                Ok((
                    NodeKind::Slice {
                        input: Box::new(node),
                        limit: Some(RowCount::given(rows)),
                        offset: RowCount::own(0),
                    }
                    .node(),
                    scope,
                ))
            }
            Verb::Offset(input, rows) => {
                let (node, scope) = self.relation(input)?;
                self.or_note(check_rows(*rows), relation)?;
                Ok((
                    NodeKind::Slice { input: Box::new(node), limit: None, offset: RowCount::given(rows) }.node(),
                    scope,
                ))
            }
            Verb::Distinct(input) => {
                let (node, mut scope) = self.relation(input)?;
                self.close(&scope, "`distinct`")?;
                scope.hidden.clear();
                scope.open = None;
                for item in &scope.visible {
                    self.access.record(Use::Group, item.id, &self.columns);
                }
                let columns = scope.visible.iter().map(|item| item.id).collect();
                Ok((NodeKind::Distinct(Box::new(node), columns).node(), scope))
            }
            Verb::Values(values) => Ok(self.values(values, |bind| Provenance::Literal(Address::of(bind)))),
            Verb::Lock(input, verb) => {
                if self.locked.is_none_or(|place| !std::ptr::eq(place, relation)) {
                    return Err(misplaced(*verb));
                }
                // The words of one lock stand together.
                let mut below = input;
                while let Verb::Lock(input, _) = &below.verb {
                    below = input;
                }
                self.relation(below)
            }
            Verb::Cte(input, name) => self.cte(input, name),
            Verb::Recursive { anchor, step, recursion } => self.recursive(anchor, step, recursion),
            Verb::Itself { name, token } => self.itself(name, token),
            Verb::As(input, name) => {
                let (node, scope) = self.relation(input)?;
                Ok(self.name_relation(node, scope, name))
            }
            Verb::Step(input, step) => self.step(input, step),
        }
    }

    /// `origin` says where each value came from.
    pub(super) fn values(&mut self, values: &ValueRows, origin: impl Fn(&Bind) -> Provenance) -> (Node, Scope) {
        let scan = self.scans.len();
        let first = self.binds.len();
        for row in &values.rows {
            for bind in row {
                self.binds.push(bind.clone(), origin(bind));
            }
        }
        if values.rows.is_empty() {
            for (_, sql_type) in &values.columns {
                self.own_bind(Value::Null, *sql_type);
            }
        }
        let columns = values.columns.iter().map(|(name, _)| name.clone()).collect();
        let source = ScanSource::Values { first, rows: values.rows.len(), columns };
        self.scans.push(ScanInfo { source, alias: None, open: false, table: None });
        let mut scope = Scope::default();
        for (name, sql_type) in &values.columns {
            let id = self.columns.len();
            self.columns.push(ColumnInfo {
                name: name.clone(),
                sql_type: Some(*sql_type),
                nullable: true,
                binary_text: false,
                scan: Some(scan),
                lineage: Vec::new(),
            });
            scope.visible.push(Item { original: name.clone(), name: name.clone(), relation: None, id });
        }
        (NodeKind::Scan(scan).node(), scope)
    }

    fn scan_table(&mut self, table: &TableName) -> (Node, Scope) {
        let known = self.schema.find(table).cloned();
        let declared = table.declared;
        if known.is_none() && declared.is_none() {
            return self.open_scan(ScanSource::Table(table.clone()), Some(table.name.clone()));
        }
        let scan = self.scans.len();
        self.scans.push(ScanInfo {
            source: ScanSource::Table(table.clone()),
            alias: Some(table.name.clone()),
            open: false,
            table: known.clone(),
        });
        let mut scope = Scope::default();
        scope.visible.reserve(known.as_ref().map_or(0, |known| known.columns.len()));
        let mut add = |resolver: &mut Self, name: Ident, sql_type, nullable, binary_text| {
            let id = resolver.columns.len();
            let info = ColumnInfo {
                name: name.clone(),
                sql_type,
                nullable,
                binary_text,
                scan: Some(scan),
                lineage: Vec::new(),
            };
            resolver.columns.push(info);
            scope.visible.push(Item { original: name.clone(), name, relation: Some(table.name.clone()), id });
        };
        match (known, declared) {
            // What the database says wins: it knows its own types, and a column that `table!` left out is there all the same.
            (Some(known), _) => {
                self.columns.reserve(known.columns.len());
                for column in &known.columns {
                    add(self, column.name.clone(), column.sql_type, column.nullable, column.binary_text);
                }
            }
            (None, declared) => {
                for column in declared.unwrap_or_default() {
                    match Ident::fixed(column.name) {
                        Ok(name) => add(self, name, Some(column.sql_type), column.nullable, false),
                        Err(error) => self.mistakes.push(error),
                    }
                }
            }
        }
        (NodeKind::Scan(scan).node(), scope)
    }

    fn open_scan(&mut self, source: ScanSource, relation: Option<Ident>) -> (Node, Scope) {
        let scan = self.scans.len();
        self.scans.push(ScanInfo { source, alias: relation.clone(), open: true, table: None });
        let scope = Scope { open: Some(Open { scan, relation, visible: true }), ..Scope::default() };
        (NodeKind::Scan(scan).node(), scope)
    }

    /// The column `name` of a table whose columns are not known: the same id each time it is named.
    pub(super) fn open_column(&mut self, scan: ScanId, name: &Ident, declared: Option<Declared>) -> ColumnId {
        let known = self
            .open_columns
            .iter()
            .find(|(of, id)| *of == scan && self.columns.get(*id).is_some_and(|info| info.name == *name));
        if let Some((_, id)) = known {
            return *id;
        }
        let id = self.columns.len();
        self.columns.push(ColumnInfo {
            name: name.clone(),
            sql_type: declared.map(|declared| declared.sql_type),
            nullable: declared.is_none_or(|declared| declared.nullable),
            binary_text: false,
            scan: Some(scan),
            lineage: Vec::new(),
        });
        self.open_columns.push((scan, id));
        id
    }

    /// Fails while the relation's columns are not known.
    pub(super) fn close(&self, scope: &Scope, what: &str) -> Result<()> {
        let Some(open) = scope.open.as_ref().filter(|open| open.visible) else { return Ok(()) };
        match self.scans.get(open.scan).map(|scan| &scan.source) {
            Some(ScanSource::Table(table)) => Err(schema_needed(vec![table.clone()], what)),
            _ => {
                let message =
                    format!("{what} needs the columns of the raw SQL; name them with `.select([..])` before it");
                Err(Error::new(ErrorKind::Plan, "raw.columns", message))
            }
        }
    }

    /// The same for two relations: what both need is asked for at once.
    pub(super) fn close_both(&self, left: &Scope, right: &Scope, what: &str) -> Result<()> {
        let mut needed: Vec<TableName> = Vec::new();
        for scope in [left, right] {
            match self.close(scope, what) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::SchemaNeeded => {
                    let scan = scope.open.as_ref().and_then(|open| self.scans.get(open.scan));
                    if let Some(ScanSource::Table(table)) = scan.map(|scan| &scan.source) {
                        needed.push(table.clone());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        if needed.is_empty() { Ok(()) } else { Err(schema_needed(needed, what)) }
    }

    fn raw(&mut self, text: &RawText) -> Result<RawStatement> {
        let mut statement = (self.segment)(text)?;
        let first = self.binds.len();
        for (_, bind) in &text.binds {
            self.binds.push(bind.clone(), Provenance::Unknown);
        }
        for segment in &mut statement.segments {
            if let RawSegment::Bind(position) = segment {
                *position += first;
            }
        }
        Ok(statement)
    }

    /// A column for `rx`: itself if it is one already, else a new computed one, noted in `defined`.
    pub(super) fn define(&mut self, rx: Rx, name: &Ident, defined: &mut Vec<(ColumnId, Rx)>) -> ColumnId {
        if let super::RxKind::Column(id) = rx.kind() {
            return *id;
        }
        let id = self.columns.len();
        let mut lineage = Vec::new();
        self.lineage(&rx, &mut lineage);
        self.columns.push(ColumnInfo {
            name: name.clone(),
            sql_type: rx.sql_type(),
            nullable: rx.nullable(),
            binary_text: false,
            scan: None,
            lineage,
        });
        defined.push((id, rx));
        id
    }

    pub(super) fn lineage(&self, rx: &Rx, found: &mut Vec<ColumnId>) {
        lineage(rx, &self.columns, &self.subplans, found);
    }

    fn select(&mut self, node: Node, scope: Scope, list: &[Expr]) -> Result<(Node, Scope)> {
        let place = Place { use_for: Use::Output, aggregates: Aggregates::Forbidden("select") };
        let mut defined = Vec::new();
        let mut visible: Vec<Item> = Vec::with_capacity(list.len());
        let mut open = scope.open.clone().map(|open| Open { visible: false, ..open });
        for expr in list {
            if let Kind::Everything = expr.kind() {
                if scope.open.as_ref().is_some_and(|open| open.visible) {
                    if list.len() > 1 {
                        self.close(&scope, "`all()` beside other columns")?;
                    }
                    open = scope.open.clone();
                }
                visible.extend(scope.visible.iter().cloned());
                continue;
            }
            let rx = self.expr(expr, &scope, place)?;
            let name = implied_name(expr)?;
            let id = self.define(rx, &name, &mut defined);
            let same = scope.visible.iter().chain(&scope.hidden).find(|item| item.id == id);
            visible.push(Item {
                relation: same.map_or_else(|| self.relation_of(id), |item| item.relation.clone()),
                original: same.map_or_else(|| name.clone(), |item| item.original.clone()),
                name,
                id,
            });
        }
        refuse_repeated(&visible)?;
        let mut hidden = scope.visible;
        hidden.extend(scope.hidden);
        Ok((self.extended(node, defined), Scope { visible, hidden, open }))
    }

    fn relation_of(&self, id: ColumnId) -> Option<Ident> {
        let scan = self.columns.get(id)?.scan?;
        self.scans.get(scan)?.alias.clone()
    }

    fn with_column(&mut self, node: Node, mut scope: Scope, name: &Ident, expr: &Expr) -> Result<(Node, Scope)> {
        self.close(&scope, "`with_column`")?;
        let place = Place { use_for: Use::Output, aggregates: Aggregates::Forbidden("with_column") };
        let rx = self.expr(expr, &scope, place)?;
        let mut defined = Vec::new();
        let id = self.define(rx, name, &mut defined);
        let item = Item { name: name.clone(), relation: None, original: name.clone(), id };
        match scope.visible.iter_mut().find(|item| item.name == *name) {
            Some(replaced) => *replaced = item,
            None => scope.visible.push(item),
        }
        Ok((self.extended(node, defined), scope))
    }

    fn sort_key(&mut self, key: &SortKey, scope: &Scope, defined: &mut Vec<(ColumnId, Rx)>) -> Result<SortColumn> {
        let place = Place { use_for: Use::Sort, aggregates: Aggregates::Forbidden("order_by") };
        let rx = self.expr(&key.expr, scope, place)?;
        let name = implied_name(&key.expr).or_else(|_| Ident::fixed("sort_key"))?;
        let column = self.define(rx, &name, defined);
        Ok(SortColumn { column, descending: key.descending, nulls_first: key.nulls_first })
    }

    pub(super) fn aggregate_verb(
        &mut self,
        node: Node,
        scope: Scope,
        keys: &[Expr],
        list: &[Expr],
        sets: Option<&[Vec<usize>]>,
    ) -> Result<(Node, Scope)> {
        let mut defined = Vec::new();
        let mut key_scope = Scope::default();
        for expr in keys {
            if let Kind::Everything = expr.kind() {
                self.close(&scope, "grouping by `all()`")?;
                for item in &scope.visible {
                    self.access.record(Use::Group, item.id, &self.columns);
                }
                key_scope.visible.extend(scope.visible.iter().cloned());
                continue;
            }
            let place = Place { use_for: Use::Group, aggregates: Aggregates::Forbidden("group_by") };
            let rx = self.expr(expr, &scope, place)?;
            let name = implied_name(expr)?;
            let id = self.define(rx, &name, &mut defined);
            let relation = scope
                .visible
                .iter()
                .chain(&scope.hidden)
                .find(|item| item.id == id)
                .map_or_else(|| self.relation_of(id), |item| item.relation.clone());
            key_scope.visible.push(Item { original: name.clone(), name, relation, id });
        }
        let around = std::mem::take(&mut self.grouped);
        let grouped = sets.map(|_| self.grouped_keys(&mut key_scope));
        let mut aggregates = Vec::new();
        let mut visible = key_scope.visible.clone();
        for expr in list {
            let place = Place { use_for: Use::Output, aggregates: Aggregates::Allowed { keys: &key_scope } };
            let rx = self.expr(expr, &scope, place)?;
            let name = implied_name(expr)?;
            let before = aggregates.len();
            let id = self.define(rx, &name, &mut aggregates);
            if aggregates.len() == before {
                // A key named again in `agg`: it is there already.
                if visible.iter().any(|item| item.id == id && item.name == name) {
                    continue;
                }
            }
            visible.push(Item { original: name.clone(), name, relation: None, id });
        }
        self.grouped = around;
        refuse_repeated(&visible)?;
        let input = Box::new(extend(node, defined));
        if let (Some(keys), Some(sets)) = (grouped, sets) {
            let node = NodeKind::GroupingSets { input, keys, sets: sets.to_vec(), aggregates }.node();
            return Ok((node, Scope { visible, ..Scope::default() }));
        }
        let keys = key_scope.visible.iter().map(|item| item.id).collect();
        Ok((NodeKind::Aggregate { input, keys, aggregates }.node(), Scope { visible, ..Scope::default() }))
    }

    fn name_relation(&mut self, node: Node, mut scope: Scope, name: &Ident) -> (Node, Scope) {
        scope.hidden.clear();
        for item in &mut scope.visible {
            item.relation = Some(name.clone());
            item.original = item.name.clone();
        }
        scope.open = scope.open.filter(|open| open.visible);
        if let Some(open) = &mut scope.open {
            open.relation = Some(name.clone());
        }
        // A relation over a single table takes the name in the text too.
        if let Some(scan) = single_scan(&node)
            && let Some(info) = self.scans.get_mut(scan)
        {
            info.alias = Some(name.clone());
        }
        (node, scope)
    }

    fn join(
        &mut self,
        left: &Arc<Relation>,
        right: &Arc<Relation>,
        kind: JoinKind,
        on: &JoinOn,
    ) -> Result<(Node, Scope)> {
        let (left_node, mut left_scope) = self.relation(left)?;
        let (right_node, mut right_scope) = if matches!(kind, JoinKind::Lateral | JoinKind::LeftLateral) {
            self.close(&left_scope, "a join")?;
            let (node, scope, _) = self.inside(right, left_scope.clone(), Use::Join)?;
            (node, scope)
        } else {
            self.relation(right)?
        };
        self.close_both(&left_scope, &right_scope, "a join")?;
        left_scope.hidden.clear();
        right_scope.hidden.clear();
        left_scope.open = None;
        right_scope.open = None;

        let mut defined = Vec::new();
        let (condition, scope) = self.matching(&left_scope, &right_scope, kind, on, &mut defined)?;
        // What an outer join fills with NULL may be NULL from here on.
        let filled: &[&Scope] = match kind {
            JoinKind::Left | JoinKind::LeftLateral => &[&right_scope],
            JoinKind::Right => &[&left_scope],
            JoinKind::Full => &[&left_scope, &right_scope],
            _ => &[],
        };
        for item in filled.iter().flat_map(|scope| &scope.visible) {
            if let Some(info) = self.columns.get_mut(item.id) {
                info.nullable = true;
            }
        }
        let (left_node, right_node) = (Box::new(left_node), Box::new(right_node));
        let node = NodeKind::Join { left: left_node, right: right_node, kind, on: condition }.node();
        if matches!(kind, JoinKind::Semi | JoinKind::Anti) {
            return Ok((node, left_scope));
        }
        Ok((self.extended(node, defined), scope))
    }

    /// How two relations match, and the columns of both.
    pub(super) fn matching(
        &mut self,
        left: &Scope,
        right: &Scope,
        kind: JoinKind,
        on: &JoinOn,
        defined: &mut Vec<(ColumnId, Rx)>,
    ) -> Result<(Option<Rx>, Scope)> {
        let suffix = match &on.suffix {
            None => Ident::fixed("_right")?,
            Some(suffix) => suffix.clone()?,
        };
        Ok(match &on.condition {
            Matching::Invalid(error) => return Err(error.clone()),
            Matching::Nothing => (None, self.merge(left, right, &suffix, &[])?),
            Matching::Condition(condition) => {
                let both =
                    Scope { visible: left.visible.iter().chain(&right.visible).cloned().collect(), ..Scope::default() };
                let place = Place { use_for: Use::Join, aggregates: Aggregates::Forbidden("on") };
                let condition = self.condition(condition, &both, place)?;
                if let super::RxKind::True = condition.kind() {
                    let message = "the join has no condition; write one, or `cross_join` for every pair of rows";
                    return Err(Error::new(ErrorKind::Plan, "join.no_condition", message));
                }
                (Some(condition), self.merge(left, right, &suffix, &[])?)
            }
            Matching::Names(names) => {
                let (condition, keys) = self.using(names, left, right, kind, defined)?;
                let mut scope = self.merge(left, right, &suffix, names)?;
                let mut sides = Vec::new();
                for item in &mut scope.visible {
                    if let Some((_, id)) = keys.iter().find(|(name, _)| item.name == *name)
                        && item.id != *id
                    {
                        // The key is neither side's own; `of` still reaches that.
                        sides.push(item.clone());
                        item.id = *id;
                        item.relation = None;
                    }
                }
                scope.hidden.extend(sides);
                (Some(condition), scope)
            }
        })
    }

    /// `left.k = right.k` for each name, and the column that stands for both: the left one, the right one in a right join,
    /// whichever is there in a full join.
    fn using(
        &mut self,
        names: &[Ident],
        left: &Scope,
        right: &Scope,
        kind: JoinKind,
        defined: &mut Vec<(ColumnId, Rx)>,
    ) -> Result<(Rx, Vec<(Ident, ColumnId)>)> {
        let mut conditions = Vec::with_capacity(names.len());
        let mut keys = Vec::with_capacity(names.len());
        for name in names {
            let left_id = self.find_column(None, name, None, left)?;
            let right_id = self.find_column(None, name, None, right)?;
            let mut sides = Vec::with_capacity(2);
            for id in [left_id, right_id] {
                self.access.record(Use::Join, id, &self.columns);
                let Some(info) = self.columns.get(id) else { return Err(Error::internal("join.column")) };
                sides.push(Rx::column(id, info));
            }
            let (Some(right_rx), Some(left_rx)) = (sides.pop(), sides.pop()) else {
                return Err(Error::internal("join.sides"));
            };
            conditions.push(self.comparison(Comparison::Equal, left_rx.clone(), right_rx.clone())?);
            let id = match kind {
                JoinKind::Right => right_id,
                JoinKind::Full => {
                    let sql_type = left_rx.sql_type().or(right_rx.sql_type());
                    let both = Rx::new(super::RxKind::Coalesce(vec![left_rx, right_rx]), sql_type, true);
                    self.define(both, name, defined)
                }
                _ => left_id,
            };
            keys.push((name.clone(), id));
        }
        Ok((conjunction(conditions, true), keys))
    }

    /// The columns of a join: the left ones, then the right ones without the `shared`, renamed where the name is taken.
    fn merge(&self, left: &Scope, right: &Scope, suffix: &Ident, shared: &[Ident]) -> Result<Scope> {
        let mut visible = left.visible.clone();
        let mut hidden = Vec::new();
        for item in &right.visible {
            if shared.contains(&item.name) {
                // Reachable by its relation only.
                hidden.push(item.clone());
                continue;
            }
            let mut item = item.clone();
            // Once more for each relation before that has the name: `id`, `id_right`, `id_right_right`.
            while visible.iter().any(|other| other.name == item.name) {
                item.name = Ident::new(format!("{}{}", item.name, suffix))?;
            }
            visible.push(item);
        }
        Ok(Scope { visible, hidden, open: None })
    }

    fn output(&mut self, scope: &Scope) -> Output {
        if let Some(open) = scope.open.as_ref().filter(|open| open.visible) {
            self.access.record_everything(open.scan);
            return Output::Everything;
        }
        for item in &scope.visible {
            self.access.record(Use::Output, item.id, &self.columns);
        }
        Output::Columns(scope.visible.iter().map(|item| (item.name.clone(), item.id)).collect())
    }
}

/// Databases count rows in 64 bits with a sign.
fn check_rows(rows: u64) -> Result<()> {
    match i64::try_from(rows) {
        Ok(_) => Ok(()),
        Err(_) => {
            let message = format!("a limit or offset is at most {}", i64::MAX);
            Err(Error::new(ErrorKind::Limit, "limit.rows", message))
        }
    }
}

pub(super) fn refuse_repeated(visible: &[Item]) -> Result<()> {
    for (position, item) in visible.iter().enumerate() {
        if visible.iter().take(position).any(|before| before.name == item.name) {
            let message =
                format!("two columns of the result are called {:?}; rename one with `.as_(\"..\")`", item.name);
            return Err(Error::new(ErrorKind::Plan, "plan.repeated_column", message).with_column(item.name.as_str()));
        }
    }
    Ok(())
}

pub(super) fn extend(node: Node, defined: Vec<(ColumnId, Rx)>) -> Node {
    if defined.is_empty() { node } else { NodeKind::Extend(Box::new(node), defined).node() }
}

/// Puts a condition on a relation; onto one that is filtered already, as one more condition.
pub(super) fn filter(node: Node, condition: Rx) -> Node {
    match node.kind {
        NodeKind::Filter(input, first) => {
            let both = match first.kind() {
                super::RxKind::All(list) => list.iter().cloned().chain([condition]).collect(),
                _ => vec![first, condition],
            };
            let nullable = both.iter().any(Rx::nullable);
            let both = Rx::new(super::RxKind::All(both), Some(SqlType::Bool), nullable);
            NodeKind::Filter(input, both).node()
        }
        kind => NodeKind::Filter(Box::new(kind.node()), condition).node(),
    }
}

fn single_scan(node: &Node) -> Option<ScanId> {
    match &node.kind {
        NodeKind::Scan(scan) => Some(*scan),
        NodeKind::Filter(input, _) | NodeKind::Extend(input, _) | NodeKind::Sort(input, _) => single_scan(input),
        _ => None,
    }
}
