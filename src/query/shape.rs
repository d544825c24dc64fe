//! The structure of chains and writes as bytes; see `expr/shape.rs`.

use std::sync::Arc;

use super::pivot::Cell;
use super::{
    Chosen, ConflictKey, Exploded, Frame, JoinOn, Matching, Origin, Recursion, Relation, Source, Step, TableName,
    Upsert, ValueRows, Verb, Way, Write, WriteKind,
};
use crate::expr::{Expr, Shapeless, Walk, Walked};
use crate::ident::Ident;
use crate::value::Bind;

/// How many verbs a chain may have, and all joined ones together, before the resolver refuses it.
const MAX_VERBS: u32 = 250;
pub(super) const MAX_SIZE: u32 = 5_000;

impl Frame {
    /// Writes the structure of the chain into `walk`.
    pub(crate) fn shape<'a>(&'a self, walk: &mut Walk<'a>) -> Walked {
        walk.belongs_to(self.origin.as_ref().map(Origin::place));
        self.shape_inside(walk)
    }

    /// The same for a frame that is a part of another plan.
    pub(super) fn shape_inside<'a>(&'a self, walk: &mut Walk<'a>) -> Walked {
        walk.check_handle(self.origin.as_ref().map(Origin::place))?;
        if let Some(chain) = self.body.chain() {
            return chain.shape(walk);
        }
        let last = self.relation();
        if last.depth > MAX_VERBS || last.size > MAX_SIZE {
            return Err(Shapeless);
        }
        relation(last, walk)
    }
}

/// The verbs from the last to the first, which is a table; the right side of two stands before the left one.
fn relation<'a>(last: &'a Arc<Relation>, walk: &mut Walk<'a>) -> Walked {
    let shared = walk.enter(Arc::strong_count(last));
    let mut next = Some(last);
    while let Some(relation) = next {
        walk.check_size()?;
        walk.enter(Arc::strong_count(relation));
        next = if verb(&relation.verb, walk)? { relation.verb.input() } else { None };
    }
    walk.leave(shared);
    Ok(())
}

/// Gives true when the verb's input is still to be walked.
fn verb<'a>(verb: &'a Verb, walk: &mut Walk<'a>) -> Result<bool, Shapeless> {
    match verb {
        Verb::Table(name) => {
            walk.tag(101);
            table(name, walk);
        }
        Verb::Select(_, list) => {
            walk.tag(102);
            walk.exprs(list)?;
        }
        Verb::Where(_, condition) => {
            walk.tag(103);
            walk.expr(condition)?;
        }
        Verb::WithColumn(_, name, expr) => {
            walk.tag(104);
            walk.name(name);
            walk.expr(expr)?;
        }
        Verb::Rename(_, names) => {
            walk.tag(105);
            walk.length(names.len());
            for (from, to) in names {
                walk.name(from);
                walk.name(to);
            }
        }
        Verb::Drop(_, names) => {
            walk.tag(106);
            walk.length(names.len());
            names.iter().for_each(|name| walk.name(name));
        }
        Verb::Join { left: _, right, kind, on } => {
            walk.tag(107);
            walk.part(kind);
            join_on(on, walk)?;
            relation(right, walk)?;
        }
        Verb::Set { left: _, right, operation, by_name } => {
            walk.tag(114);
            walk.part(operation);
            walk.part(by_name);
            relation(right, walk)?;
        }
        // The same input under the same name is written once, and resolved once: its values are met once too.
        Verb::Cte(input, name) => {
            walk.tag(115);
            walk.name(name);
            if walk.met_before([Arc::as_ptr(input).addr(), 0]) {
                return Ok(false);
            }
        }
        Verb::Recursive { anchor: _, step, recursion } => {
            let Recursion { name, distinct, max_depth, cycle, token } = recursion;
            walk.tag(116);
            walk.name(name);
            walk.length(cycle.len());
            cycle.iter().for_each(|name| walk.name(name));
            walk.part(distinct);
            walk.part(&max_depth.to_le_bytes());
            if walk.met_before([Arc::as_ptr(step).addr(), 0]) {
                return Ok(false);
            }
            walk.met_before([Arc::as_ptr(token).addr(), 1]);
            relation(step, walk)?;
        }
        Verb::Itself { name, token } => {
            walk.tag(117);
            walk.name(name);
            // One that stands outside of its step is met for the first time here, or after the step: a mistake.
            if !walk.met_before([Arc::as_ptr(token).addr(), 1]) {
                return Err(Shapeless);
            }
        }
        Verb::Aggregate { input: _, keys, aggregates } => {
            walk.tag(108);
            walk.exprs(keys)?;
            walk.exprs(aggregates)?;
        }
        Verb::OrderBy(_, keys) => {
            walk.tag(109);
            walk.length(keys.len());
            for key in keys {
                walk.flags([key.descending, key.nulls_first, false, false]);
                walk.expr(&key.expr)?;
            }
        }
        Verb::Limit(_, rows) => {
            walk.tag(110);
            walk.limit(rows)?;
        }
        Verb::Offset(_, rows) => {
            walk.tag(111);
            walk.offset(rows)?;
        }
        Verb::Distinct(_) => walk.tag(112),
        Verb::As(_, name) => {
            walk.tag(113);
            walk.name(name);
        }
        Verb::Values(values) => {
            walk.tag(119);
            let ValueRows { columns, rows } = &**values;
            walk.length(columns.len());
            for (name, sql_type) in columns {
                walk.name(name);
                walk.part(sql_type);
            }
            let shared = walk.enter(Arc::strong_count(values));
            given_rows(rows, walk)?;
            walk.leave(shared);
        }
        Verb::Lock(_, lock) => {
            walk.tag(120);
            walk.part(lock);
        }
        Verb::Step(_, verb) => {
            walk.tag(118);
            step(verb, walk)?;
        }
        Verb::Raw(_) | Verb::Invalid(..) => return Err(Shapeless),
    }
    Ok(true)
}

fn given_rows<'a>(rows: &'a [Vec<Bind>], walk: &mut Walk<'a>) -> Walked {
    walk.length(rows.len());
    for row in rows {
        walk.check_size()?;
        walk.length(row.len());
        row.iter().try_for_each(|bind| walk.literal(bind))?;
    }
    Ok(())
}

fn step<'a>(step: &'a Step, walk: &mut Walk<'a>) -> Walked {
    match step {
        Step::FillNull { columns, value } => {
            walk.tag(1);
            chosen(columns, walk);
            walk.expr(value)?;
        }
        Step::DropNulls { columns, whole } => {
            walk.tag(2);
            chosen(columns, walk);
            walk.part(whole);
        }
        Step::Explode(Exploded { column, position, element, outer }) => {
            walk.tag(3);
            walk.name(column);
            walk.flags([position.is_some(), *outer, false, false]);
            if let Some(position) = position {
                walk.name(position);
            }
            walk.part(element);
        }
        Step::DistinctOn(first) => {
            walk.tag(4);
            walk.expr(first)?;
        }
        Step::GroupingSets { keys, sets, aggregates } => {
            walk.tag(5);
            walk.exprs(keys)?;
            walk.part(sets);
            walk.exprs(aggregates)?;
        }
        Step::Unpivot { columns, name, value } => {
            walk.tag(6);
            walk.length(columns.len());
            columns.iter().for_each(|name| walk.name(name));
            walk.name(name);
            walk.name(value);
        }
        Step::Sample { keys, below, seed } => {
            walk.tag(7);
            walk.exprs(keys)?;
            walk.part(below);
            walk.part(seed);
        }
        Step::Closed(verb) => {
            walk.tag(8);
            walk.part(verb);
        }
        Step::Pivot { keys, sets, column, cells, aggregates } => {
            walk.tag(9);
            walk.exprs(keys)?;
            walk.part(sets);
            walk.expr(column)?;
            walk.length(cells.len());
            for Cell { name, value } in cells {
                walk.name(name);
                walk.part(&value.is_some());
                if let Some(value) = value {
                    walk.expr(value)?;
                }
            }
            walk.exprs(aggregates)?;
        }
    }
    Ok(())
}

fn chosen(columns: &Chosen, walk: &mut Walk<'_>) {
    match columns {
        Chosen::All => walk.tag(0),
        Chosen::Named(names) => {
            walk.tag(1);
            walk.length(names.len());
            names.iter().for_each(|name| walk.name(name));
        }
    }
}

pub(super) fn table(name: &TableName, walk: &mut Walk<'_>) {
    let TableName { schema, name, declared, rules: _ } = name;
    walk.flags([schema.is_some(), declared.is_some(), false, false]);
    if let Some(schema) = schema {
        walk.name(schema);
    }
    walk.name(name);
    // What `table!` declares lives for ever, so where it stands says what it is.
    if let Some(declared) = declared {
        walk.part(&declared.as_ptr().addr());
        walk.length(declared.len());
    }
}

fn join_on<'a>(on: &'a JoinOn, walk: &mut Walk<'a>) -> Walked {
    let JoinOn { condition, suffix } = on;
    match suffix {
        None => walk.tag(0),
        Some(Ok(suffix)) => {
            walk.tag(1);
            walk.name(suffix);
        }
        Some(Err(_)) => return Err(Shapeless),
    }
    match condition {
        Matching::Nothing => walk.tag(0),
        Matching::Condition(condition) => {
            walk.tag(1);
            walk.expr(condition)?;
        }
        Matching::Names(names) => {
            walk.tag(2);
            walk.length(names.len());
            names.iter().for_each(|name| walk.name(name));
        }
        Matching::Invalid(_) => return Err(Shapeless),
    }
    Ok(())
}

impl Write {
    /// Writes the structure of the write into `walk`. How many rows it may or must find is no part of it.
    pub(crate) fn shape<'a>(&'a self, walk: &mut Walk<'a>) -> Walked {
        let Write {
            table: target,
            kind,
            mistakes,
            location: _,
            max_affected: _,
            conflict: _,
            origin,
            version,
            returning,
            // What may be written is asked of every statement.
            rules: _,
        } = self;
        walk.belongs_to(Some(origin.place()));
        let Ok(target) = target else { return Err(Shapeless) };
        if !mistakes.is_empty() {
            return Err(Shapeless);
        }
        walk.part(&version.is_some());
        if let Some(version) = version {
            let (column, value) = version.parts();
            walk.name(column);
            walk.expr(value)?;
        }
        walk.part(&returning.is_some());
        if let Some(columns) = returning {
            walk.exprs(columns)?;
        }
        let (condition, joined) = match kind {
            WriteKind::Insert { columns, source, upsert } => {
                walk.tag(121);
                table(target, walk);
                walk.length(columns.len());
                columns.iter().for_each(|name| walk.name(name));
                walk.part(&upsert.is_some());
                if let Some(upsert) = upsert {
                    upsert_of(upsert, source, walk)?;
                }
                return match source {
                    // What a text becomes depends on what it says, and is made anew each time.
                    Source::Rows { rows, loose: false, way: Way::Values } if rows.packed().is_none() => {
                        walk.tag(1);
                        given_rows(rows.unpacked(), walk)
                    }
                    Source::Rows { .. } => Err(Shapeless),
                    Source::Frame { frame, by_name } => {
                        walk.tag(2);
                        walk.part(by_name);
                        frame.shape_inside(walk)
                    }
                };
            }
            WriteKind::Update { set, condition, all_rows, from } => {
                walk.tag(122);
                walk.part(all_rows);
                assignments(set, walk)?;
                (condition, from)
            }
            WriteKind::Delete { condition, all_rows, using } => {
                walk.tag(123);
                walk.part(all_rows);
                (condition, using)
            }
        };
        table(target, walk);
        walk.part(&condition.is_some());
        if let Some(condition) = condition {
            walk.expr(condition)?;
        }
        walk.part(&joined.is_some());
        match joined {
            // The frame is resolved once for each value that is taken from it, so its own values are met more than once.
            Some(_) => Err(Shapeless),
            None => Ok(()),
        }
    }
}

fn assignments<'a>(set: &'a [(Ident, Expr)], walk: &mut Walk<'a>) -> Walked {
    walk.length(set.len());
    for (name, value) in set {
        walk.name(name);
        walk.expr(value)?;
    }
    Ok(())
}

fn upsert_of<'a>(upsert: &'a Upsert, source: &Source, walk: &mut Walk<'a>) -> Walked {
    let Upsert { target, nothing, set, condition } = upsert;
    // Whether two of several rows have one key is seen by looking at them.
    if !nothing && matches!(source, Source::Rows { rows, .. } if rows.len() > 1) {
        return Err(Shapeless);
    }
    match target {
        ConflictKey::Columns(names) => {
            walk.tag(1);
            walk.length(names.len());
            names.iter().for_each(|name| walk.name(name));
        }
        ConflictKey::Key(name) => {
            walk.tag(2);
            walk.name(name);
        }
    }
    walk.part(nothing);
    assignments(set, walk)?;
    walk.part(&condition.is_some());
    condition.as_ref().map_or(Ok(()), |condition| walk.expr(condition))
}
