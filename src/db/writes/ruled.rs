//! Upserts under rules that look at a row as it is.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::driver::RowSink;
use super::super::handle::Runner;
use super::super::prepare::Plan;
use super::insert::{MakeSink, parts, rows_at_once, split};
use super::steps::{KEYS, columns_of_rules, locked_rows, with_keys};
use super::work::Work;
use crate::error::{Error, Result, Violations};
use crate::ident::Ident;
use crate::policy::validation::{broken, check_change, row_values, upsert_values};
use crate::query::{Progress, Source, Upsert, Write, WriteKind};
use crate::row::Row;
use crate::schema::conform;
use crate::types::SqlType;
use crate::value::key::key_of;
use crate::value::{Bind, Value};

/// Reads the rows that are there, asks, and writes: those that are there by an upsert, and the others by a plain insert. A row that another
/// session inserts in between is then a duplicate key and not a change that no rule has seen.
pub(super) async fn ruled_upsert(
    runner: &Arc<Runner>,
    write: Write,
    progress: Option<&Progress>,
    sink: MakeSink<'_>,
) -> Result<(Vec<Box<dyn RowSink>>, u64)> {
    let mut work = Work::begin(runner).await?;
    let result = Box::pin(in_steps(&mut work, write, progress, sink)).await;
    work.end(result).await
}

/// The same as a part of a larger work.
pub(super) async fn in_steps(
    work: &mut Work,
    mut write: Write,
    progress: Option<&Progress>,
    sink: MakeSink<'_>,
) -> Result<(Vec<Box<dyn RowSink>>, u64)> {
    let runner = Arc::clone(work.runner());
    let table = &write.table.clone()?;
    let known = runner.known_table(table).await?;
    let validators = runner.validators_of(table);
    let wanted = columns_of_rules(&validators, &write);
    let rows_before = write.rules.rows_before;
    let WriteKind::Insert { columns, source: Source::Rows { rows, loose, .. }, upsert: Some(upsert) } = &mut write.kind
    else {
        return Err(Error::internal("ruled.kind"));
    };
    let key = runner.conflict_columns(table, upsert).await?;
    let names: Vec<String> = key.iter().map(|name| name.as_str().to_owned()).collect();
    let places: Vec<Option<usize>> = key.iter().map(|name| columns.iter().position(|column| column == name)).collect();
    let type_of = |name: &Ident| known.column(name.as_str()).and_then(|column| column.sql_type);
    let types: Vec<Option<SqlType>> = columns.iter().map(type_of).collect();
    let conformed: Vec<Vec<Bind>> = if *loose {
        let one =
            |(bind, target): (&Bind, &Option<SqlType>)| target.map_or_else(|| bind.clone(), |it| conform(bind, it));
        rows.listed().iter().map(|row| row.iter().zip(&types).map(one).collect()).collect()
    } else {
        rows.listed().clone()
    };
    // A key that holds NULL, or that the insert does not give, is that of no row.
    let key_of_row = |row: &[Bind]| -> Option<Vec<Bind>> {
        places.iter().map(|place| row.get((*place)?).filter(|bind| !bind.value.is_null()).cloned()).collect()
    };
    let keys: Vec<Option<Vec<Bind>>> =
        conformed.iter().map(|row| key_of_row(row).filter(|key| !key.is_empty())).collect();
    let mut columns_read = names.clone();
    columns_read.extend(wanted.into_iter().filter(|name| !names.contains(name)));
    let mut before: Vec<Row> = Vec::new();
    let given: Vec<Vec<Bind>> = keys.iter().flatten().cloned().collect();
    for chunk in given.chunks(KEYS) {
        before.extend(locked_rows(&runner, table, Some(with_keys(&names, chunk.to_vec())), &columns_read).await?);
    }
    let found: HashMap<Vec<u8>, &Row> =
        before.iter().filter_map(|row| Some((key_of(row.values().iter().take(names.len()))?, row))).collect();
    let mut violations = Violations::default();
    let (mut there, mut new) = (Vec::new(), Vec::new());
    for (number, ((row, key), original)) in conformed.iter().zip(&keys).zip(rows.listed().drain(..)).enumerate() {
        let key = key.as_ref().and_then(|key| key_of(key.iter().map(|bind| &bind.value)));
        let existing = key.and_then(|key| found.get(&key));
        let row_number = Some(rows_before + number as u64 + 1);
        let mut row_broken = Vec::new();
        for validator in &validators {
            row_broken.extend(match existing {
                None => check_change(validator, &row_values(columns, row), None, row_number),
                Some(existing) => {
                    let values: Vec<(&str, &Value)> =
                        columns_read.iter().map(String::as_str).zip(existing.values()).collect();
                    let set = upsert_values(validator, table.name.as_str(), &upsert.set, columns, row)?;
                    check_change(validator, &set, Some(&values), row_number)
                }
            });
        }
        violations.add_row(row_broken);
        if existing.is_some() { there.push(original) } else { new.push(original) }
    }
    let upsert: Upsert = upsert.clone();
    write.rules.checked = true;
    if let Err(error) = broken(table.name.as_str(), violations) {
        return Err(runner.refused(&Plan::Write(&write), error.at(write.location)).await);
    }
    let mut statements = Vec::new();
    for (rows_of_part, upsert) in [(there, Some(upsert)), (new, None)] {
        let mut part = write.clone();
        part.origin = runner.origin();
        if let WriteKind::Insert { source: Source::Rows { rows, .. }, upsert: place, .. } = &mut part.kind {
            (*rows, *place) = (rows_of_part.into(), upsert);
        }
        let most = rows_at_once(&part, runner.core.server.dialect);
        statements.extend(split(part, most));
    }
    parts(work, statements, progress, sink).await
}
