//! The resolved plan: relational algebra over numbered columns.

use std::sync::Arc;

use super::TableSchema;
use super::binds::{Binds, RowCount};
use crate::expr::{AggregateCall, Arithmetic, Comparison, Function, OverCall, SubqueryKind};
use crate::ident::Ident;
use crate::query::{JoinKind, RowLock, SetOperation, TableName, Way};
use crate::statement::{StatementKind, TableAccess};
use crate::types::SqlType;

/// A plan whose every name is bound to a column or refused. Made by [`resolve_frame`](super::resolve_frame),
/// [`resolve_raw`](super::resolve_raw) and [`resolve_write`](super::resolve_write) alone.
pub(crate) struct ResolvedPlan {
    pub(super) body: Body,
    pub(super) facts: Facts,
}

/// What the later stages may read.
pub(crate) struct Facts {
    pub(crate) kind: StatementKind,
    pub(crate) binds: Binds,
    pub(crate) columns: Vec<ColumnInfo>,
    pub(crate) scans: Vec<ScanInfo>,
    pub(crate) tables: Vec<TableAccess>,
    pub(crate) subplans: Vec<SubplanInfo>,
    pub(crate) ctes: Vec<CteInfo>,
    pub(crate) lock: Option<RowLock>,
}

/// A relation that is written once, in WITH.
pub(crate) struct CteInfo {
    pub(crate) name: Ident,
    /// `None` while it is being resolved.
    pub(crate) root: Option<Node>,
    pub(crate) columns: Vec<(Ident, ColumnId)>,
    /// It reads itself: a set operation of an anchor and a step.
    pub(crate) recursive: bool,
}

/// A relation that an expression asks.
pub(crate) struct SubplanInfo {
    pub(crate) root: Node,
    /// The columns whose values are asked for; none where only its rows are. Several are those of a [`RxKind::Row`].
    pub(crate) columns: Vec<(Ident, ColumnId)>,
    /// The columns of the relations around it that it names, also those of its own subqueries.
    pub(crate) outer: Vec<ColumnId>,
}

pub(crate) enum Body {
    Query {
        root: Node,
        output: Output,
    },
    Insert(Box<InsertBody>),
    Update {
        table: TableName,
        scan: ScanId,
        set: Vec<(Ident, Rx)>,
        condition: Option<Rx>,
        matches: Option<Matches>,
        max_affected: Option<u64>,
        returning: Option<Returned>,
    },
    Delete {
        table: TableName,
        scan: ScanId,
        condition: Option<Rx>,
        matches: Option<Matches>,
        max_affected: Option<u64>,
        returning: Option<Returned>,
    },
    Ddl(Box<super::ResolvedDdl>),
    Raw(RawStatement),
}

/// The relation that a write is matched with. What the write sets may name columns of it.
pub(crate) struct Matches {
    pub(crate) root: Node,
    /// Which pairs of a row of the target and one of the relation match: all of these hold.
    pub(crate) on: Vec<Rx>,
}

/// What a write gives back of each row.
pub(crate) type Returned = Vec<(Ident, Rx)>;

pub(crate) struct InsertBody {
    pub(crate) table: TableName,
    pub(crate) scan: ScanId,
    pub(crate) columns: Vec<Ident>,
    pub(crate) rows: InsertRows,
    pub(crate) upsert: Option<UpsertBody>,
    pub(crate) max_affected: Option<u64>,
    pub(crate) returning: Option<Returned>,
}

pub(crate) enum InsertRows {
    /// Binds from `first` on, row by row.
    Binds { first: usize, rows: usize },
    /// So many beside the text, with values of these types in each.
    Packed { rows: usize, types: Vec<SqlType>, way: Way },
    /// An array for each column, as binds from `first` on.
    Arrays { first: usize },
    /// The columns of a relation, in the order of the insert's.
    Query { root: Node, output: Vec<(Ident, ColumnId)> },
}

pub(crate) struct UpsertBody {
    /// The key's columns.
    pub(crate) key: Vec<Ident>,
    /// The row that is there stays as it is.
    pub(crate) nothing: bool,
    pub(crate) set: Vec<(Ident, Rx)>,
    pub(crate) condition: Option<Rx>,
    /// What stands for the row that was to be inserted.
    pub(crate) incoming: ScanId,
    pub(crate) keys: OtherKeys,
}

/// What is known of a table's keys beside the one that an upsert names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OtherKeys {
    /// The catalogue was not read.
    Unknown,
    None,
    /// There is one, called so.
    Some(String),
}

/// Raw text taken apart at its parameters.
#[derive(Debug, Clone)]
pub(crate) struct RawStatement {
    pub(crate) segments: Vec<RawSegment>,
    /// The text as written, for the guard's parser.
    pub(crate) text: Arc<str>,
}

#[derive(Debug, Clone)]
pub(crate) enum RawSegment {
    Text(String),
    Bind(usize),
}

impl Facts {
    /// Tables that a parser saw in raw text, whose columns are not known.
    pub(crate) fn add_tables(&mut self, names: impl IntoIterator<Item = (Option<String>, String)>) {
        for (schema, name) in names {
            let table = match schema {
                Some(schema) => format!("{schema}.{name}"),
                None => name,
            };
            if !self.tables.iter().any(|access| access.table == table) {
                self.tables.push(TableAccess { table, output: vec!["*".to_owned()], ..TableAccess::default() });
            }
        }
    }
}

impl ResolvedPlan {
    pub(crate) fn into_body(self) -> Body {
        self.body
    }

    pub(crate) fn body(&self) -> &Body {
        &self.body
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(crate) fn facts_mut(&mut self) -> &mut Facts {
        &mut self.facts
    }

    pub(crate) fn into_parts(self) -> (Body, Facts) {
        (self.body, self.facts)
    }
}

/// A column, base or computed, unique in its plan.
pub(crate) type ColumnId = usize;

/// A table, or raw text, as one place of a plan reads it.
pub(crate) type ScanId = usize;

#[derive(Debug, Clone)]
pub(crate) struct ColumnInfo {
    pub(crate) name: Ident,
    pub(crate) sql_type: Option<SqlType>,
    pub(crate) nullable: bool,
    pub(crate) binary_text: bool,
    /// The table it belongs to, for a base column.
    pub(crate) scan: Option<ScanId>,
    /// The base columns that a computed one is made of.
    pub(crate) lineage: Vec<ColumnId>,
}

#[derive(Debug, Clone)]
pub(crate) struct ScanInfo {
    pub(crate) source: ScanSource,
    /// What it is called in the text if that name is free: the table's name, or that of `as_`.
    pub(crate) alias: Option<Ident>,
    /// Its columns are not known.
    pub(crate) open: bool,
    /// What the database says of the table.
    pub(crate) table: Option<Arc<TableSchema>>,
}

impl ScanInfo {
    /// Whether it is a view, where that is known.
    pub(crate) fn view(&self) -> Option<bool> {
        self.table.as_ref()?.view
    }
}

#[derive(Debug, Clone)]
pub(crate) enum ScanSource {
    Table(TableName),
    Raw(RawStatement),
    /// Binds from `first` on, row by row; for no rows, one of NULLs.
    Values {
        first: usize,
        rows: usize,
        columns: Vec<Ident>,
    },
    /// One of [`Facts::ctes`], and its columns: the scan's own, and what they are there.
    Cte {
        cte: usize,
        columns: Vec<(ColumnId, ColumnId)>,
    },
}

/// What a query returns.
pub(crate) enum Output {
    Columns(Vec<(Ident, ColumnId)>),
    /// `*` of a table whose columns are not known.
    Everything,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
}

#[derive(Debug, Clone)]
pub(crate) enum NodeKind {
    Scan(ScanId),
    Filter(Box<Node>, Rx),
    /// Defines computed columns; which columns are visible is the resolver's business and shows in [`Output`] alone.
    Extend(Box<Node>, Vec<(ColumnId, Rx)>),
    Aggregate {
        input: Box<Node>,
        keys: Vec<ColumnId>,
        aggregates: Vec<(ColumnId, Rx)>,
    },
    Join {
        left: Box<Node>,
        right: Box<Node>,
        kind: JoinKind,
        on: Option<Rx>,
    },
    Sort(Box<Node>, Vec<SortColumn>),
    Slice {
        input: Box<Node>,
        limit: Option<RowCount>,
        offset: RowCount,
    },
    /// Over exactly these columns.
    Distinct(Box<Node>, Vec<ColumnId>),
    Set {
        left: Box<Node>,
        right: Box<Node>,
        operation: SetOperation,
        columns: Vec<SetColumn>,
    },
    /// The groups by each of the sets, one below the other.
    GroupingSets {
        input: Box<Node>,
        /// Each key before, and in the result.
        keys: Vec<(ColumnId, ColumnId)>,
        /// Places of keys.
        sets: Vec<Vec<usize>>,
        aggregates: Vec<(ColumnId, Rx)>,
    },
    /// A row for each element of an array.
    Explode(Box<Node>, Explosion),
}

/// Whose elements become rows, and what becomes of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Explosion {
    pub(crate) array: ColumnId,
    pub(crate) element: ColumnId,
    pub(crate) of: ElementOf,
    pub(crate) position: Option<ColumnId>,
    /// A row without elements stays.
    pub(crate) outer: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ElementOf {
    /// Of an array of the database's own.
    Array,
    /// Of JSON.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ElementPart {
    /// The element; `numbered` if the source says its position too.
    Value { numbered: bool },
    /// Its place in the array, from 1.
    Position,
}

/// A column of a set operation, and what it is in each member.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SetColumn {
    pub(crate) id: ColumnId,
    pub(crate) left: ColumnId,
    pub(crate) right: ColumnId,
}

impl NodeKind {
    pub(crate) fn node(self) -> Node {
        Node { kind: self }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SortColumn {
    pub(crate) column: ColumnId,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

/// A resolved expression; cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Rx(pub(crate) Arc<RxNode>);

#[derive(Debug)]
pub(crate) struct RxNode {
    pub(crate) kind: RxKind,
    pub(crate) sql_type: Option<SqlType>,
    pub(crate) nullable: bool,
    /// Text whose comparison by code point the database does by itself.
    pub(crate) binary_text: bool,
    /// How many nodes it would take when written out.
    pub(crate) size: u32,
    /// A function over a window stands in it, so that it means something after the rows are chosen only.
    pub(crate) windowed: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum RxKind {
    Column(ColumnId),
    /// A column of a source of the block at hand; made by the compiler's folding, never by the resolver.
    Source {
        source: usize,
        column: ColumnId,
    },
    Bind(usize),
    Null,
    True,
    False,
    Not(Rx),
    Negate(Rx),
    Arithmetic(Arithmetic, Rx, Rx),
    Compare(Comparison, Rx, Rx),
    All(Vec<Rx>),
    Any(Vec<Rx>),
    IsNull(Rx, bool),
    /// The values, all of the type `element`.
    InList {
        operand: Rx,
        list: Vec<usize>,
        element: SqlType,
        negated: bool,
    },
    Between {
        operand: Rx,
        low: Rx,
        high: Rx,
        negated: bool,
    },
    /// `escape` is the bind that holds `\`, for the database that must be told.
    Like {
        operand: Rx,
        pattern: usize,
        escape: usize,
        negated: bool,
    },
    Case {
        arms: Vec<(Rx, Rx)>,
        otherwise: Option<Rx>,
    },
    Coalesce(Vec<Rx>),
    /// `zero` and `scale` are binds that some databases' conversions need.
    Cast {
        operand: Rx,
        to: SqlType,
        helper: usize,
    },
    Call(Function, Vec<Rx>),
    Aggregate(Box<AggregateCall<Rx>>),
    /// A function over a window.
    Over(Box<OverCall<Rx>>),
    /// Text under a collation that compares by code point; made by the compiler for databases that need it.
    ExactText(Rx),
    /// Values side by side, before IN; made by the compiler, never by the resolver.
    Row(Vec<Rx>),
    /// A part of a source of elements; made by the compiler's folding, never by the resolver.
    Element {
        source: usize,
        of: ElementOf,
        part: ElementPart,
    },
    /// A question to another relation.
    Subquery {
        kind: SubqueryKind,
        operand: Option<Rx>,
        of: Asked,
        negated: bool,
    },
}

/// The relation of a subquery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// One of [`Facts::subplans`].
    Plan(usize),
    /// One of the compiler's blocks.
    Block(usize),
}

/// What a subquery counts for in the size of an expression: written twice it is run twice.
const SUBQUERY_SIZE: u32 = 20;

impl Rx {
    pub(crate) fn new(kind: RxKind, sql_type: Option<SqlType>, nullable: bool) -> Rx {
        let mut size = if let RxKind::Subquery { .. } = kind { SUBQUERY_SIZE } else { 1u32 };
        let mut windowed = matches!(kind, RxKind::Over(_));
        each_operand(&kind, &mut |operand| {
            size = size.saturating_add(operand.0.size);
            windowed = windowed || operand.0.windowed;
        });
        Rx(Arc::new(RxNode { kind, sql_type, nullable, binary_text: false, size, windowed }))
    }

    pub(crate) fn kind(&self) -> &RxKind {
        &self.0.kind
    }

    pub(crate) fn sql_type(&self) -> Option<SqlType> {
        self.0.sql_type
    }

    pub(crate) fn windowed(&self) -> bool {
        self.0.windowed
    }

    pub(crate) fn nullable(&self) -> bool {
        self.0.nullable
    }

    pub(crate) fn column(id: ColumnId, info: &ColumnInfo) -> Rx {
        Rx(Arc::new(RxNode {
            kind: RxKind::Column(id),
            sql_type: info.sql_type,
            nullable: info.nullable,
            binary_text: info.binary_text,
            size: 1,
            windowed: false,
        }))
    }

    /// Both are one column of one source.
    pub(crate) fn is_same_source(&self, other: &Rx) -> bool {
        match (self.kind(), other.kind()) {
            (RxKind::Source { source, column }, RxKind::Source { source: of, column: id }) => {
                (source, column) == (of, id)
            }
            _ => false,
        }
    }

    pub(crate) fn with_binary_text(mut self, binary_text: bool) -> Rx {
        if let Some(node) = Arc::get_mut(&mut self.0) {
            node.binary_text = binary_text;
        }
        self
    }

    /// Values side by side; one alone is itself.
    pub(crate) fn row(mut values: Vec<Rx>) -> Rx {
        match (values.pop(), values.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                values.extend(last);
                Rx::new(RxKind::Row(values), None, true)
            }
        }
    }

    /// `text` compared by code point from here on.
    pub(crate) fn exact_text(text: Rx) -> Rx {
        let (nullable, size, windowed) = (text.nullable(), text.0.size.saturating_add(1), text.0.windowed);
        let kind = RxKind::ExactText(text);
        Rx(Arc::new(RxNode { kind, sql_type: Some(SqlType::Text), nullable, binary_text: true, size, windowed }))
    }

    /// The same column seen through a source.
    pub(crate) fn source(source: usize, column: ColumnId, info: &ColumnInfo, nullable: bool) -> Rx {
        Rx(Arc::new(RxNode {
            kind: RxKind::Source { source, column },
            sql_type: info.sql_type,
            nullable,
            binary_text: info.binary_text,
            size: 1,
            windowed: false,
        }))
    }
}

pub(crate) fn each_operand(kind: &RxKind, visit: &mut dyn FnMut(&Rx)) {
    match kind {
        RxKind::Column(_)
        | RxKind::Source { .. }
        | RxKind::Bind(_)
        | RxKind::Null
        | RxKind::True
        | RxKind::False
        | RxKind::Element { .. } => {}
        RxKind::Not(one) | RxKind::Negate(one) | RxKind::IsNull(one, _) | RxKind::ExactText(one) => visit(one),
        RxKind::Arithmetic(_, left, right) | RxKind::Compare(_, left, right) => {
            visit(left);
            visit(right);
        }
        RxKind::All(many) | RxKind::Any(many) | RxKind::Coalesce(many) | RxKind::Call(_, many) | RxKind::Row(many) => {
            many.iter().for_each(visit);
        }
        RxKind::InList { operand, .. } | RxKind::Like { operand, .. } | RxKind::Cast { operand, .. } => visit(operand),
        RxKind::Between { operand, low, high, .. } => {
            visit(operand);
            visit(low);
            visit(high);
        }
        RxKind::Case { arms, otherwise } => {
            for (condition, result) in arms {
                visit(condition);
                visit(result);
            }
            if let Some(otherwise) = otherwise {
                visit(otherwise);
            }
        }
        RxKind::Aggregate(call) => call.each(visit),
        RxKind::Over(call) => call.each(visit),
        RxKind::Subquery { operand, .. } => {
            if let Some(operand) = operand {
                visit(operand);
            }
        }
    }
}

/// The same expression over changed operands.
pub(crate) fn map_operands(rx: &Rx, change: &mut dyn FnMut(&Rx) -> Rx) -> Rx {
    let kind = match rx.kind() {
        RxKind::Column(_)
        | RxKind::Source { .. }
        | RxKind::Bind(_)
        | RxKind::Null
        | RxKind::True
        | RxKind::False
        | RxKind::Element { .. } => {
            return rx.clone();
        }
        RxKind::Not(one) => RxKind::Not(change(one)),
        RxKind::Negate(one) => RxKind::Negate(change(one)),
        RxKind::ExactText(one) => RxKind::ExactText(change(one)),
        RxKind::IsNull(one, negated) => RxKind::IsNull(change(one), *negated),
        RxKind::Arithmetic(op, left, right) => RxKind::Arithmetic(*op, change(left), change(right)),
        RxKind::Compare(op, left, right) => RxKind::Compare(*op, change(left), change(right)),
        RxKind::All(many) => RxKind::All(many.iter().map(&mut *change).collect()),
        RxKind::Row(many) => RxKind::Row(many.iter().map(change).collect()),
        RxKind::Any(many) => RxKind::Any(many.iter().map(change).collect()),
        RxKind::Coalesce(many) => RxKind::Coalesce(many.iter().map(change).collect()),
        RxKind::Call(function, many) => RxKind::Call(function.clone(), many.iter().map(change).collect()),
        RxKind::InList { operand, list, element, negated } => {
            RxKind::InList { operand: change(operand), list: list.clone(), element: *element, negated: *negated }
        }
        RxKind::Like { operand, pattern, escape, negated } => {
            RxKind::Like { operand: change(operand), pattern: *pattern, escape: *escape, negated: *negated }
        }
        RxKind::Cast { operand, to, helper } => RxKind::Cast { operand: change(operand), to: *to, helper: *helper },
        RxKind::Between { operand, low, high, negated } => {
            RxKind::Between { operand: change(operand), low: change(low), high: change(high), negated: *negated }
        }
        RxKind::Case { arms, otherwise } => RxKind::Case {
            arms: arms.iter().map(|(condition, result)| (change(condition), change(result))).collect(),
            otherwise: otherwise.as_ref().map(&mut *change),
        },
        RxKind::Aggregate(call) => RxKind::Aggregate(Box::new(call.map(change))),
        RxKind::Over(call) => RxKind::Over(Box::new(call.map(change))),
        RxKind::Subquery { kind, operand, of, negated } => {
            RxKind::Subquery { kind: *kind, operand: operand.as_ref().map(change), of: *of, negated: *negated }
        }
    };
    let mut changed = Rx::new(kind, rx.sql_type(), rx.nullable());
    if rx.0.binary_text
        && let Some(node) = Arc::get_mut(&mut changed.0)
    {
        node.binary_text = true;
    }
    changed
}

/// The columns of tables that `rx` is made of.
pub(crate) fn lineage(rx: &Rx, columns: &[ColumnInfo], subplans: &[SubplanInfo], found: &mut Vec<ColumnId>) {
    if let RxKind::Column(id) = rx.kind()
        && let Some(info) = columns.get(*id)
    {
        let own = info.scan.is_some() && info.lineage.is_empty();
        let bases = if own { std::slice::from_ref(id) } else { &info.lineage };
        for base in bases {
            if !found.contains(base) {
                found.push(*base);
            }
        }
    }
    if let RxKind::Subquery { of: Asked::Plan(plan), .. } = rx.kind()
        && let Some((_, id)) = subplans.get(*plan).and_then(|plan| plan.columns.first())
        && let Some(info) = columns.get(*id)
    {
        lineage(&Rx::column(*id, info), columns, subplans, found);
    }
    each_operand(rx.kind(), &mut |operand| lineage(operand, columns, subplans, found));
}
