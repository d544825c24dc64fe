//! From what a caller built to a compiled query: the pure stages, and the reading of tables that they ask for.

use std::panic::Location;

use super::handle::Runner;
use crate::compile::{CompiledQuery, Target, compile};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::policy::{Policy, guard};
use crate::query::{Ddl, Frame, RawText, Relation, Source, Upsert, Verb, Write, WriteKind};
use crate::schema::{
    RawSegment, RawStatement, ResolvedPlan, Schema, resolve_ddl, resolve_frame, resolve_raw, resolve_write,
};
use crate::statement::{HandleKind, StatementKind, TableAccess};
use crate::token::{Segment, begins_transaction, controls_transaction, named_parameters};
use crate::value::packed::PackedPart;

/// A plan of any kind.
#[derive(Clone, Copy)]
pub(super) enum Plan<'a> {
    Frame(&'a Frame),
    Raw(&'a RawText),
    Write(&'a Write),
    Ddl(&'a Ddl),
    /// The crate's own reading of the catalogue.
    Catalog(&'a RawText),
    /// The crate's own taking of an advisory lock.
    Lock(&'a RawText),
}

impl Plan<'_> {
    pub(super) fn kind(&self) -> StatementKind {
        match self {
            Plan::Frame(_) => StatementKind::Select,
            Plan::Raw(_) => StatementKind::Raw,
            Plan::Catalog(_) => StatementKind::Catalog,
            Plan::Lock(_) => StatementKind::Lock,
            Plan::Ddl(ddl) => ddl.statement_kind(),
            Plan::Write(write) => match write.kind {
                WriteKind::Insert { .. } => StatementKind::Insert,
                WriteKind::Update { .. } => StatementKind::Update,
                WriteKind::Delete { .. } => StatementKind::Delete,
            },
        }
    }

    /// What a write that finds no row is refused with.
    pub(super) fn conflict(&self) -> Option<Error> {
        match self {
            Plan::Write(write) => write.conflict.clone().map(|error| error.at(write.location)),
            _ => None,
        }
    }

    /// How many rows a write may touch.
    pub(super) fn max_affected(&self) -> Option<u64> {
        match self {
            Plan::Write(write) => write.max_affected,
            Plan::Frame(_) | Plan::Raw(_) | Plan::Catalog(_) | Plan::Lock(_) | Plan::Ddl(_) => None,
        }
    }

    /// The rows of an insert, where they are packed.
    pub(super) fn packed_rows(&self) -> Option<PackedPart> {
        match self {
            Plan::Write(Write { kind: WriteKind::Insert { source: Source::Rows { rows, .. }, .. }, .. }) => {
                rows.packed().cloned()
            }
            _ => None,
        }
    }

    /// How many rows it can return or write at most, as far as it says.
    pub(super) fn most_rows(&self) -> Option<u64> {
        match self {
            Plan::Frame(frame) => frame.most_rows(),
            Plan::Write(write) => write.most_rows(),
            Plan::Raw(_) | Plan::Catalog(_) | Plan::Lock(_) | Plan::Ddl(_) => None,
        }
    }

    /// How its rows are counted, where the server's own number is another one.
    pub(super) fn counted(&self, dialect: Dialect) -> Counted {
        let Plan::Write(write) = self else { return Counted::ByServer };
        match &write.kind {
            // SQL: MariaDB sends rows in place of their number.
            _ if write.returning.is_some() && dialect.is_mysql_family() => Counted::AsReturned,
            // SQL: MySQL manual, 15.2.7.2: a row counts 1 if it was inserted and 2 if it was updated; with CLIENT_FOUND_ROWS 1 if it was
            // updated to what it was. None is left alone.
            WriteKind::Insert {
                source: Source::Rows { rows, .. },
                upsert: Some(Upsert { nothing: false, .. }),
                ..
            } if dialect.is_mysql_family() => Counted::Known(rows.len() as u64),
            _ => Counted::ByServer,
        }
    }

    /// A failure in the words of the plan: PostgreSQL doesn't say which table it lacks.
    pub(super) fn explain(&self, error: Error) -> Error {
        if let Plan::Write(write) = self
            && let Some(matches) = several_matches(write, &error)
        {
            return matches;
        }
        let tables = self.tables();
        match (tables.as_slice(), error.table()) {
            ([only], None) if error.code() == "db.unknown_table" => {
                let message = format!("the database has no table {}", crate::error::show_name(&only.table));
                let named = Error::new(error.kind(), "db.unknown_table", message).with_table(only.table.clone());
                match error.sqlstate() {
                    Some(sqlstate) => named.with_sqlstate(sqlstate),
                    None => named,
                }
            }
            _ => error,
        }
    }

    /// How deep the stages will recurse: over verbs, and within one over an expression.
    fn depth(&self) -> u32 {
        match self {
            Plan::Frame(frame) => {
                if frame.relation().size > 10_000 {
                    // It will be refused before anything recurses.
                    return 0;
                }
                frame.relation().deepest.saturating_add(frame.relation().depth)
            }
            Plan::Write(write) => {
                let mut depth = 0;
                write.each_expr(&mut |expr| depth = depth.max(expr.depth()));
                match write.frame() {
                    // It will be refused before anything recurses.
                    Some(frame) if frame.relation().size > 10_000 => 0,
                    Some(frame) => depth.max(frame.relation().deepest.saturating_add(frame.relation().depth)),
                    None => depth,
                }
            }
            Plan::Ddl(ddl) => ddl.depth(),
            Plan::Raw(_) | Plan::Catalog(_) | Plan::Lock(_) => 0,
        }
    }

    /// Makes or removes a table that lives as long as its session.
    pub(super) fn is_temporary(&self) -> bool {
        matches!(self, Plan::Ddl(ddl) if ddl.is_temporary())
    }

    /// True when raw SQL is a part of it.
    pub(super) fn has_raw(&self) -> bool {
        match self {
            Plan::Raw(_) => true,
            Plan::Frame(frame) => frame.has_raw(),
            Plan::Write(write) => {
                let mut found = false;
                write.each_below(&mut |relation| found = found || matches!(relation.verb, Verb::Raw(_)));
                found
            }
            Plan::Catalog(_) | Plan::Lock(_) | Plan::Ddl(_) => false,
        }
    }

    /// Where the caller wrote it: the last verb of a chain.
    pub(super) fn location(&self) -> &'static Location<'static> {
        match self {
            Plan::Frame(frame) => frame.location(),
            Plan::Raw(text) | Plan::Catalog(text) | Plan::Lock(text) => text.location,
            Plan::Write(write) => write.location,
            Plan::Ddl(ddl) => ddl.location,
        }
    }

    /// Where the caller named `table`.
    fn location_of(&self, table: &str) -> &'static Location<'static> {
        let Plan::Frame(frame) = self else { return self.location() };
        let mut found = None;
        frame.relation().each_below(&mut |relation| {
            if let Verb::Table(name) = &relation.verb
                && name.name.as_str() == table
            {
                found.get_or_insert(relation.location);
            }
        });
        found.unwrap_or_else(|| self.location())
    }

    /// The tables that a refused plan named, so that hooks see what was tried.
    pub(super) fn tables(&self) -> Vec<TableAccess> {
        let mut names = Vec::new();
        match self {
            Plan::Frame(frame) => tables_of(frame.relation(), &mut names),
            Plan::Write(write) => {
                names.extend(write.table.as_ref().ok().map(|table| table.full_name()));
                write.each_below(&mut |relation| note_table(relation, &mut names));
            }
            Plan::Ddl(ddl) => names.extend(ddl.table.as_ref().ok().map(|table| table.full_name())),
            Plan::Raw(_) | Plan::Catalog(_) | Plan::Lock(_) => {}
        }
        // Of a write the first is its target, and the others are read by its subqueries.
        let is_target = matches!(self, Plan::Write(write) if write.table.is_ok()) || matches!(self, Plan::Ddl(_));
        let mut target = is_target.then(|| self.kind());
        let access = |table| {
            let verb = target.take().unwrap_or(StatementKind::Select);
            TableAccess { table, verb, ..TableAccess::default() }
        };
        names.into_iter().map(access).collect()
    }

    pub(super) fn resolve(&self, schema: &Schema, dialect: Dialect) -> Result<ResolvedPlan> {
        let segment = |text: &RawText| segments(text, dialect);
        match self {
            Plan::Frame(frame) => resolve_frame(frame, schema, &segment),
            Plan::Raw(text) => resolve_raw(text, StatementKind::Raw, &segment),
            Plan::Catalog(text) => resolve_raw(text, StatementKind::Catalog, &segment),
            Plan::Lock(text) => resolve_raw(text, StatementKind::Lock, &segment),
            Plan::Write(write) => resolve_write(write, schema, &segment),
            Plan::Ddl(ddl) => resolve_ddl(ddl, schema, &segment),
        }
    }
}

/// How many rows a statement touched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Counted {
    #[default]
    ByServer,
    /// As many as it returned.
    AsReturned,
    /// The server has been told so many, and left none alone.
    Known(u64),
}

/// The failure of a subquery that has more than one row, where the subquery stands for a match of a write.
fn several_matches(write: &Write, error: &Error) -> Option<Error> {
    if let (WriteKind::Insert { upsert: Some(_), .. }, Some("21000"), Ok(table)) =
        (&write.kind, error.sqlstate(), &write.table)
    {
        let message = format!(
            "two rows for {:?} have the same key, and which of them comes last is not said; make them one row",
            table.name
        );
        let found = Error::new(ErrorKind::Plan, "upsert.repeated_key", message).with_table(table.name.as_str());
        return Some(found.with_sqlstate("21000"));
    }
    let WriteKind::Update { from: Some(_), .. } = &write.kind else { return None };
    // SQL: 21000 is cardinality_violation, on MySQL of 1242 too; on SQLite it is the overflow that stands for it.
    if error.sqlstate() != Some("21000") && error.code() != "db.out_of_range" {
        return None;
    }
    let table = write.table.as_ref().ok()?;
    let message = format!(
        "a row of {:?} matches several rows of the frame, and which of them to take is not said; group the frame, or make it one row for each match",
        table.name
    );
    let found = Error::new(ErrorKind::RowCount, "update.several_matches", message).with_table(table.name.as_str());
    Some(match error.sqlstate() {
        Some(sqlstate) => found.with_sqlstate(sqlstate),
        None => found,
    })
}

fn tables_of(relation: &Relation, names: &mut Vec<String>) {
    relation.each_below(&mut |relation| note_table(relation, names));
}

fn note_table(relation: &Relation, names: &mut Vec<String>) {
    if let Verb::Table(table) = &relation.verb
        && names.len() < 64
    {
        let name = table.full_name();
        if !names.contains(&name) {
            names.push(name);
        }
    }
}

/// Takes raw text apart at its parameters and finds the bind of each.
fn segments(text: &RawText, dialect: Dialect) -> Result<RawStatement> {
    let sql = text.sql.as_str();
    for (position, (name, _)) in text.binds.iter().enumerate() {
        if text.binds.iter().take(position).any(|(before, _)| before == name) {
            return Err(raw_error("raw_sql.bound_twice", format!("`:{}` is bound twice; bind it once", clean(name))));
        }
    }
    let mut used = vec![false; text.binds.len()];
    let mut segments = Vec::new();
    for segment in named_parameters(sql, dialect)? {
        segments.push(match segment {
            Segment::Text(text) => RawSegment::Text(text.to_owned()),
            Segment::Param(name) => {
                let position = text.binds.iter().position(|(known, _)| known == name).ok_or_else(|| {
                    raw_error("raw_sql.not_bound", format!("`:{name}` has no value; write `.bind(\"{name}\", ..)`"))
                })?;
                if let Some(used) = used.get_mut(position) {
                    *used = true;
                }
                RawSegment::Bind(position)
            }
        });
    }
    if let Some(((name, _), _)) = text.binds.iter().zip(&used).find(|(_, used)| !**used) {
        let message = format!("`:{}` is bound and does not occur in the text; leave it out", clean(name));
        return Err(raw_error("raw_sql.not_used", message));
    }
    Ok(RawStatement { segments, text: sql.into() })
}

fn raw_error(code: &'static str, message: String) -> Error {
    Error::new(ErrorKind::RawSql, code, message)
}

fn clean(name: &str) -> String {
    crate::error::show_name(name).trim_matches('`').to_owned()
}

/// How deep a plan may be for the stack of whoever compiles it: a tokio thread has 2 MiB, and the frames of a debug build are
/// large.
const SHALLOW: u32 = 40;

/// The stack of the thread that compiles a deeper one; memory is taken as far as it is used.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// The pure stages in a row.
pub(super) fn compile_plan(
    plan: &Plan<'_>,
    schema: &Schema,
    policy: &Policy,
    handle: HandleKind,
    target: Target,
) -> Result<CompiledQuery> {
    if plan.depth() <= SHALLOW {
        return compile_here(plan, schema, policy, handle, target);
    }
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || compile_here(plan, schema, policy, handle, target))
            .ok()
            .and_then(|thread| thread.join().ok())
            .unwrap_or_else(|| {
                let message = "the plan is deep and the machine refused a thread to compile it; try again later";
                Err(Error::new(ErrorKind::Limit, "limit.thread", message))
            })
    })
}

fn compile_here(
    plan: &Plan<'_>,
    schema: &Schema,
    policy: &Policy,
    handle: HandleKind,
    target: Target,
) -> Result<CompiledQuery> {
    let resolved = plan.resolve(schema, target.dialect)?;
    let guarded = guard(resolved, policy, handle, target.dialect)?;
    compile(guarded, target)
}

/// Refuses raw SQL that begins or ends a transaction: within one, what came after would run outside it, and its `commit` and
/// `rollback` would report what didn't happen; on the handle, it would stay open on a session that others share.
fn check_transaction(sql: &str, dialect: Dialect, inside: bool) -> Result<()> {
    let message = if inside && controls_transaction(sql, dialect) {
        "raw sql in a transaction begins, ends or commits one; use the transaction's `commit` or `rollback`, and run what MySQL commits by itself, such as CREATE TABLE, on the handle"
    } else if !inside && begins_transaction(sql, dialect) {
        "raw sql begins a transaction; write `db.begin().await?` and run the statements on what it gives"
    } else {
        return Ok(());
    };
    Err(raw_error("raw_sql.transaction", message.to_owned()))
}

/// How often one statement may ask for more tables: each answer adds at least one.
const MAX_READS: usize = 64;

impl Runner {
    /// Compiles `plan` with what is known of tables: for a transaction with temporary ones, of these too.
    fn compile(&self, plan: &Plan<'_>, handle: HandleKind) -> Result<CompiledQuery> {
        let core = &self.core;
        let temporary = self.transaction.as_ref().map(|transaction| transaction.temporary());
        match temporary.filter(|tables| !tables.is_empty()) {
            None => core.compile(plan, handle),
            Some(tables) => compile_plan(plan, &core.schema().with(&tables), &core.policy, handle, core.target()),
        }
    }

    /// What it may do: a transaction may be one that only reads.
    fn handle_kind(&self) -> HandleKind {
        match &self.transaction {
            Some(transaction) if transaction.read_only => HandleKind::ReadOnly,
            _ => self.core.kind,
        }
    }

    /// Compiles a plan that differs from one that was [prepared](Runner::prepare) in its values alone.
    pub(super) fn compile_like(&self, plan: &Plan<'_>) -> Result<CompiledQuery> {
        self.compile(plan, self.handle_kind())
    }

    /// Compiles `plan`; tables whose columns the plan depends on are read from the catalogue, once for all statements.
    pub(super) async fn prepare(&self, plan: &Plan<'_>) -> Result<CompiledQuery> {
        let core = &self.core;
        let handle = self.handle_kind();
        if let Plan::Raw(text) = plan
            && handle == HandleKind::ReadWrite
        {
            check_transaction(text.sql.as_str(), core.server.dialect, self.transaction.is_some())?;
        }
        if let Plan::Ddl(ddl) = plan {
            super::ddl::check_place(ddl, core.server.dialect, self.transaction.is_some())?;
        }
        self.check_write(plan).await?;
        let mut refreshed = false;
        for _ in 0..MAX_READS {
            let error = match self.compile(plan, handle) {
                Ok(compiled) if compiled.locks() && self.transaction.is_none() => {
                    let message = "outside of a transaction a row lock ends with its statement; write `db.begin().await?` and lock on what it gives";
                    return Err(Error::new(ErrorKind::Plan, "lock.transaction", message));
                }
                Ok(compiled) => {
                    self.check_assigned(plan, compiled.tables())?;
                    return Ok(compiled);
                }
                Err(error) => error,
            };
            let schema = core.schema();
            if error.kind() == ErrorKind::SchemaNeeded {
                let read = self.read_tables(error.needs()).await;
                read.map_err(|error| match error.table().map(str::to_owned) {
                    Some(table) => error.at(plan.location_of(&table)),
                    None => error,
                })?;
            } else if error.code() == "schema.unknown_column" && !refreshed && !schema.is_empty() {
                // The table may have got the column since it was read.
                refreshed = true;
                let known: Vec<(Option<String>, String)> =
                    plan.tables().iter().filter_map(|access| schema.key_of(&access.table)).collect();
                if known.is_empty() || !core.recent.may_refresh() {
                    return Err(error);
                }
                self.read_tables(&known).await?;
            } else {
                return Err(error);
            }
        }
        Err(Error::internal("prepare.reads"))
    }
}
