//! The keys of an upsert's rows.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;
use std::sync::Arc;

use super::super::handle::Runner;
use crate::error::{Error, ErrorKind, Result};
use crate::ident::Ident;
use crate::query::{ConflictKey, RowSet, Source, TableName, Upsert, Write, WriteKind};
use crate::schema::{KeySchema, TableSchema, conform};
use crate::value::Bind;
use crate::value::key::write_key;

/// The keys that were seen, and which row had each first. Of a key a hash of 128 bits is kept, under secrets drawn for this write: no rows can be
/// made so that two of them meet, and of a thousand million rows two meet by chance once in 10²⁰ writes.
#[derive(Default)]
pub(super) struct SeenKeys {
    hashers: [RandomState; 2],
    first: HashMap<[u64; 2], u64>,
    rows: u64,
}

impl SeenKeys {
    /// Notes the keys of the next rows; those that have the key of an earlier one, with that, counted from the first of all. A key that holds NULL
    /// equals none.
    fn repeated(&mut self, rows: &RowSet, places: &[usize]) -> Vec<(u64, u64)> {
        let mut key = Vec::new();
        let mut repeated = Vec::new();
        for row in 0..rows.len() {
            let number = self.rows;
            self.rows += 1;
            key.clear();
            if !write_key(rows.cells(row, places), &mut key) {
                continue;
            }
            let hash = self.hashers.each_ref().map(|hasher| hasher.hash_one(&key));
            match self.first.entry(hash) {
                Entry::Occupied(first) => repeated.push((*first.get(), number)),
                Entry::Vacant(place) => {
                    place.insert(number);
                }
            }
        }
        repeated
    }
}

/// Two rows of one upsert with the same key: of an update an error, since the one that comes second is not said; left out where
/// nothing is to be done, on the databases that would not see the first row yet. Rows of `seen` were sent before.
pub(super) async fn settle_keys(runner: &Arc<Runner>, write: &mut Write, seen: &mut SeenKeys) -> Result<()> {
    let (Ok(table), location) = (write.table.clone(), write.location) else { return Ok(()) };
    let WriteKind::Insert { columns, source: Source::Rows { rows, loose, .. }, upsert: Some(upsert) } = &mut write.kind
    else {
        return Ok(());
    };
    if upsert.nothing && (rows.len() < 2 || !runner.core.server.dialect.is_mysql_family()) {
        return Ok(());
    }
    let key = runner.conflict_columns(&table, upsert).await?;
    let places: Option<Vec<usize>> = key.iter().map(|name| columns.iter().position(|column| column == name)).collect();
    // A column without a value takes its default, which the database knows. The resolver refuses a key that is not there.
    let Some(places) = places.filter(|places| !places.is_empty()) else { return Ok(()) };
    if *loose {
        let known = runner.known_table(&table).await?;
        for bind in places.iter().map(|place| columns.get(*place).map(|name| (*place, name))) {
            let Some((place, name)) = bind else { continue };
            conform_column(rows.listed(), place, name, &known);
        }
    }
    if upsert.nothing {
        // What was sent before is there for this statement to see.
        let repeated = SeenKeys::default().repeated(rows, &places);
        let mut left_out = repeated.into_iter().map(|(_, later)| later).peekable();
        let mut number = 0;
        if left_out.peek().is_some() {
            rows.listed().retain(|_| {
                let stays = left_out.next_if_eq(&number).is_none();
                number += 1;
                stays
            });
        }
        return Ok(());
    }
    let Some((first, second)) = seen.repeated(rows, &places).into_iter().next() else { return Ok(()) };
    let message = format!(
        "rows {} and {} for {:?} have the same key, and which of them comes last is not said; make them one row",
        first + 1,
        second + 1,
        table.name
    );
    Err(Error::new(ErrorKind::Plan, "upsert.repeated_key", message).with_table(table.name.as_str()).at(location))
}

/// Values that came through serde, as what their column holds.
pub(super) fn conform_column(rows: &mut [Vec<Bind>], place: usize, name: &Ident, known: &TableSchema) {
    let Some(target) = known.column(name.as_str()).and_then(|column| column.sql_type) else { return };
    for bind in rows.iter_mut().filter_map(|row| row.get_mut(place)) {
        *bind = conform(bind, target);
    }
}

impl Runner {
    /// The columns of the key that decides; none where there is no such key, which the resolver refuses.
    pub(super) async fn conflict_columns(&self, table: &TableName, upsert: &Upsert) -> Result<Vec<Ident>> {
        let name = match &upsert.target {
            ConflictKey::Columns(names) => return Ok(names.clone()),
            ConflictKey::Key(name) => name,
        };
        let keys = self.keys_of(table).await?;
        let found = keys.iter().find(|key| key.name == name.as_str());
        found.map_or(Ok(Vec::new()), |key| key.columns.iter().map(|name| Ident::from_catalog(name)).collect())
    }

    /// The keys of a table, read if they are not known.
    pub(super) async fn keys_of(&self, table: &TableName) -> Result<Vec<KeySchema>> {
        for read in [false, true] {
            if read {
                let schema = table.schema.as_ref().map(|schema| schema.as_str().to_owned());
                self.read_tables(&[(schema, table.name.as_str().to_owned())]).await?;
            }
            if let Some(keys) = self.core.schema().find(table).and_then(|known| known.keys.clone()) {
                return Ok(keys);
            }
        }
        Ok(Vec::new())
    }
}
