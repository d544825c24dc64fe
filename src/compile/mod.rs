//! From a guarded plan to text with placeholders and its binds.

mod caps;
mod emulate;
mod lists;
mod fold;
mod lower;
mod matches;
mod program;
pub(crate) mod verify;

use std::sync::Arc;

use crate::dialect::Dialect;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::expr::Values;
use crate::ident::Ident;
use crate::policy::GuardedPlan;
use crate::query::Way;
use crate::schema::{Body, Facts, InsertRows, Output, Provenance, Returned};
use crate::statement::{StatementKind, TableAccess};
use crate::types::SqlType;
use crate::value::{Bind, Value};

pub(crate) use caps::Capabilities;
use fold::{Folder, Projection};
pub(crate) use lists::MAX_LISTED;
use lower::{Lowering, Rendered};
use program::Program;

/// The database that a plan is compiled for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) dialect: Dialect,
    /// The database compares text by code point by itself.
    pub(crate) binary_text: bool,
    /// There is a database to ask for a table's columns; without one, text is made from what is known.
    pub(crate) live: bool,
}

impl Target {
    /// Some database of `dialect`: text is taken to need a collation wherever one may.
    pub(crate) fn without_server(dialect: Dialect) -> Target {
        Target { dialect, binary_text: dialect == Dialect::Sqlite, live: false }
    }
}

/// A statement ready to run: text with placeholders only, and its binds. Made by [`compile`], or of a [`Shape`] that it made.
#[derive(Clone)]
pub(crate) struct CompiledQuery {
    shape: Arc<Shape>,
    binds: Vec<Bind>,
    max_affected: Option<u64>,
    /// Where the binds' values came from, if the text depends on nothing but the plan's shape.
    origins: Option<Vec<Provenance>>,
}

/// What all statements of one shape share: everything but the values. Made by [`compile`] alone.
#[derive(Clone, PartialEq)]
pub(crate) struct Shape {
    sql: Arc<str>,
    /// The text as hooks see it, where that is another: with a question mark for each value that had to be written into it.
    shown: Option<Arc<str>>,
    columns: Option<Arc<[ResultColumn]>>,
    kind: StatementKind,
    tables: Arc<[TableAccess]>,
    bind_types: Arc<[SqlType]>,
    fingerprint: u64,
    /// It locks rows until its transaction ends.
    locks: bool,
    /// The database must prepare the text for each run.
    once: bool,
    /// How the rows go that it writes, where they are not among its binds.
    way: Way,
}

/// A shape, and how the values of its next plan are bound.
pub(crate) struct Reusable {
    shape: Arc<Shape>,
    program: Program,
}

/// A column that the statement will return, as far as the compiler knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ResultColumn {
    pub(crate) name: Ident,
    pub(crate) sql_type: Option<SqlType>,
}

impl Shape {
    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    pub(crate) fn bind_types(&self) -> &[SqlType] {
        &self.bind_types
    }

    fn size(&self) -> usize {
        let names = |access: &TableAccess| {
            let TableAccess { table, output, filter, join, group, sort, assign, returned, verb: _ } = access;
            let lists = [output, filter, join, group, sort, assign, returned];
            table.len()
                + lists.iter().flat_map(|list| list.iter()).map(|name| name.len() + size_of::<String>()).sum::<usize>()
        };
        size_of::<Shape>()
            + self.sql.len()
            + self.bind_types.len() * size_of::<SqlType>()
            + self.columns.as_ref().map_or(0, |columns| columns.len() * (size_of::<ResultColumn>() + 32))
            + self.tables.iter().map(|access| size_of::<TableAccess>() + names(access)).sum::<usize>()
    }
}

impl Reusable {
    /// The statement for the values of another plan of this shape; `None` when the text doesn't fit one of them.
    pub(crate) fn with_values(&self, values: &Values<'_>, max_affected: Option<u64>) -> Option<CompiledQuery> {
        let binds = self.program.run(values)?;
        Some(CompiledQuery { shape: Arc::clone(&self.shape), binds, max_affected, origins: None })
    }

    /// About how many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        self.shape.size() + self.program.size()
    }
}

impl CompiledQuery {
    pub(crate) fn sql(&self) -> &Arc<str> {
        &self.shape.sql
    }

    /// The text for hooks: without a value, whatever the statement is.
    pub(crate) fn shown(&self) -> &Arc<str> {
        self.shape.shown.as_ref().unwrap_or(&self.shape.sql)
    }

    pub(crate) fn into_shape(self) -> Arc<Shape> {
        self.shape
    }

    pub(crate) fn into_binds(self) -> Vec<Bind> {
        self.binds
    }

    pub(crate) fn columns(&self) -> Option<&Arc<[ResultColumn]>> {
        self.shape.columns.as_ref()
    }

    pub(crate) fn kind(&self) -> StatementKind {
        self.shape.kind
    }

    pub(crate) fn tables(&self) -> &Arc<[TableAccess]> {
        &self.shape.tables
    }

    pub(crate) fn max_affected(&self) -> Option<u64> {
        self.max_affected
    }

    pub(crate) fn locks(&self) -> bool {
        self.shape.locks
    }

    /// How the rows go that it writes; they are not among its binds, unless they are plain values.
    pub(crate) fn way(&self) -> &Way {
        &self.shape.way
    }

    /// True when the database must prepare the text for each run.
    pub(crate) fn once(&self) -> bool {
        self.shape.once
    }

    pub(crate) fn bind_types(&self) -> &Arc<[SqlType]> {
        &self.shape.bind_types
    }

    /// FNV-1a of the text: the text has no values, so statements that differ in values only have the same.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.shape.fingerprint
    }

    /// What the next statement of this one's shape can be made of, given the values that this one's plan holds; `None` when the
    /// text depends on more than the shape.
    pub(crate) fn reusable(&self, values: &Values<'_>, target: Target) -> Option<Reusable> {
        let program = Program::of(&self.binds, self.origins.as_deref()?, values, target.dialect)?;
        Some(Reusable { shape: Arc::clone(&self.shape), program })
    }

    /// Whether the two are the same in all that a driver, a hook or a caller sees.
    #[cfg(debug_assertions)]
    pub(crate) fn is_same(&self, other: &CompiledQuery) -> bool {
        fn alike(one: &Value, other: &Value) -> bool {
            match (one, other) {
                (Value::Float(one), Value::Float(other)) => one.to_bits() == other.to_bits(),
                (Value::Array(one), Value::Array(other)) => {
                    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
                }
                _ => one == other,
            }
        }
        let binds = |one: &Bind, other: &Bind| one.sql_type == other.sql_type && alike(&one.value, &other.value);
        self.shape == other.shape
            && self.max_affected == other.max_affected
            && self.binds.len() == other.binds.len()
            && self.binds.iter().zip(&other.binds).all(|(one, other)| binds(one, other))
    }

    /// The plan of a statement that was compiled earlier, for NULL in the place of each value, which is not known any more. `text` is one that
    /// [`compile`] made. Where a plan for no values in particular takes several steps, the driver makes them of the text itself.
    pub(crate) fn plan_of_kept(
        text: &str,
        types: &[SqlType],
        tables: &Arc<[TableAccess]>,
        dialect: Dialect,
        values: Option<Vec<Bind>>,
    ) -> Self {
        let shown: Arc<str> = match dialect {
            Dialect::Sqlite => format!("EXPLAIN QUERY PLAN {text}").into(),
            _ => format!("EXPLAIN {text}").into(),
        };
        let shape = Shape {
            fingerprint: fingerprint(&shown),
            sql: if dialect == Dialect::Postgres && values.is_none() { text.into() } else { Arc::clone(&shown) },
            shown: Some(shown),
            columns: None,
            kind: StatementKind::Explain,
            tables: Arc::clone(tables),
            bind_types: types.into(),
            locks: false,
            once: true,
            way: Way::Values,
        };
        let nulls = || types.iter().map(|sql_type| Bind { value: Value::Null, sql_type: *sql_type }).collect();
        let binds = values.unwrap_or_else(nulls);
        CompiledQuery { shape: Arc::new(shape), binds, max_affected: None, origins: None }
    }

    pub(crate) fn binds(&self) -> &[Bind] {
        &self.binds
    }

    /// Whether the two differ in their binds alone.
    pub(crate) fn has_text_of(&self, other: &CompiledQuery) -> bool {
        Arc::ptr_eq(&self.shape, &other.shape) || self.shape == other.shape
    }

    /// The same statement for rows beside it, each of which has what it binds, and which may change so many rows together.
    pub(crate) fn for_each_row(&self, max_affected: Option<u64>) -> CompiledQuery {
        let shape = Arc::new(Shape { way: Way::Each, ..Shape::clone(&self.shape) });
        CompiledQuery { shape, binds: Vec::new(), max_affected, origins: None }
    }

    /// The same statement as the subject of an EXPLAIN.
    pub(crate) fn into_explain(mut self, dialect: Dialect) -> CompiledQuery {
        let keyword = if dialect == Dialect::Sqlite { "EXPLAIN QUERY PLAN " } else { "EXPLAIN " };
        let sql: Arc<str> = format!("{keyword}{}", self.shape.sql).into();
        let fingerprint = fingerprint(&sql);
        let shape = Shape::clone(&self.shape);
        self.shape = Arc::new(Shape { sql, fingerprint, columns: None, kind: StatementKind::Explain, ..shape });
        self.origins = None;
        self
    }
}

/// The text with a question mark in place of each value.
fn without_values(sql: &str, literals: &[std::ops::Range<usize>]) -> Arc<str> {
    let mut shown = String::with_capacity(sql.len());
    let mut end = 0;
    for range in literals {
        shown.push_str(sql.get(end..range.start).unwrap_or_default());
        shown.push('?');
        end = range.end;
    }
    shown.push_str(sql.get(end..).unwrap_or_default());
    shown.into()
}

fn fingerprint(sql: &str) -> u64 {
    sql.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Turns a guarded plan into a statement for `target`.
///
/// # Errors
///
/// [`ErrorKind::Unsupported`] for a feature that the database lacks and that can't be emulated exactly,
/// [`ErrorKind::SchemaNeeded`] when the text depends on a column's type that is not known, [`ErrorKind::Limit`].
pub(crate) fn compile(plan: GuardedPlan, target: Target) -> Result<CompiledQuery> {
    let (mut body, mut facts) = plan.into_parts();
    matches::settle(&mut body, &mut facts, target.dialect)?;
    if target.dialect.is_mysql_family() {
        emulate::aggregates(&mut body, &mut facts, &Capabilities::of(target.dialect))?;
    }
    let binds = std::mem::take(&mut facts.binds);
    let mut columns = None;
    let mut max_affected = None;
    let rendered = match &body {
        Body::Query { root, output } => {
            let mut folder = Folder::new(&facts, Capabilities::of(target.dialect));
            let block = folder.query(root, output)?;
            if let (Projection::Columns(list), Output::Columns(_)) = (&block.projection, output) {
                let list = list.iter();
                columns = Some(
                    list.map(|(name, _, rx)| ResultColumn { name: name.clone(), sql_type: rx.sql_type() }).collect(),
                );
            }
            Lowering::new(target, folder, binds).query(&block, facts.lock)?
        }
        Body::Insert(insert) => {
            (columns, max_affected) = (returned(insert.returning.as_ref()), insert.max_affected);
            let mut folder = Folder::new(&facts, Capabilities::of(target.dialect));
            let block = folder.inserted(insert.scan)?;
            let source = match &insert.rows {
                InsertRows::Binds { .. } | InsertRows::Packed { .. } | InsertRows::Arrays { .. } => None,
                InsertRows::Query { root, output } => Some(folder.query(root, &Output::Columns(output.clone()))?),
            };
            Lowering::new(target, folder, binds).insert(insert, &block, source.as_ref())?
        }
        Body::Update { table, scan, set, condition, matches, max_affected: most, returning } => {
            (columns, max_affected) = (returned(returning.as_ref()), *most);
            let mut folder = Folder::new(&facts, Capabilities::of(target.dialect));
            let mut block = folder.target(*scan)?;
            if let Some(matches) = matches {
                folder.beside_target(&mut block, &matches.root)?;
            }
            let lowering = Lowering::new(target, folder, binds);
            lowering.update(table, &block, set, condition.as_ref(), returning.as_deref())?
        }
        Body::Delete { table, scan, condition, max_affected: most, returning, .. } => {
            (columns, max_affected) = (returned(returning.as_ref()), *most);
            let mut folder = Folder::new(&facts, Capabilities::of(target.dialect));
            let block = folder.target(*scan)?;
            Lowering::new(target, folder, binds).delete(table, &block, condition.as_ref(), returning.as_deref())?
        }
        Body::Ddl(ddl) => {
            let folder = Folder::new(&facts, Capabilities::of(target.dialect));
            Lowering::new(target, folder, binds).ddl(ddl)?
        }
        Body::Raw(statement) => lower::raw(target, binds, statement)?,
    };
    finish(rendered, target, facts, columns, max_affected)
}

/// The columns that a write returns.
fn returned(columns: Option<&Returned>) -> Option<Arc<[ResultColumn]>> {
    let columns = columns?.iter();
    Some(columns.map(|(name, rx)| ResultColumn { name: name.clone(), sql_type: rx.sql_type() }).collect())
}

fn finish(
    rendered: Rendered,
    target: Target,
    facts: Facts,
    columns: Option<Arc<[ResultColumn]>>,
    max_affected: Option<u64>,
) -> Result<CompiledQuery> {
    let Rendered { sql, binds, origins, skip, once, literals, beside } = rendered;
    let placeholders = beside.as_ref().map_or(binds.len(), |beside| beside.placeholders);
    if facts.kind.is_ddl() {
        verify::verify_written(&sql, target.dialect, placeholders, &skip, &literals)?;
    } else {
        verify::verify(&sql, target.dialect, placeholders, &skip)?;
    }
    let shown = (!literals.is_empty()).then(|| without_values(&sql, &literals));
    let (bind_types, way) = match beside {
        Some(beside) => (beside.types, beside.way),
        None => (binds.iter().map(|bind| bind.sql_type).collect(), Way::Values),
    };
    let shape = Shape {
        fingerprint: fingerprint(shown.as_deref().unwrap_or(&sql)),
        sql: sql.into(),
        shown,
        columns,
        kind: facts.kind,
        locks: facts.lock.is_some(),
        once,
        way,
        tables: facts.tables.into(),
        bind_types,
    };
    Ok(CompiledQuery { shape: Arc::new(shape), binds, max_affected, origins })
}
