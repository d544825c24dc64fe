//! Updates and deletes by keys, in as many statements as their rows need.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::handle::Runner;
use super::super::prepare::Plan;
use super::each::Each;
use super::run_on;
use super::steps::{columns_of_rules, locked_rows, with_keys};
use super::upsert::conform_column;
use super::work::Work;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result, Violations};
use crate::expr::{Comparison, Expr, Kind, all_of, col};
use crate::ident::Ident;
use crate::policy::validation::{Verdict, broken, check_change, check_delete, check_rows, nothing_left, values_of};
use crate::query::{
    CheckKind, DeleteByKeys, Insert, Source, TableName, UpdateByKeys, Write, WriteKind, check_write, note_stripped,
};
use crate::row::Row;
use crate::types::SqlType;
use crate::value::key::key_of;
use crate::value::{Bind, Value};

/// How many rows one update holds: each row of the table is compared with half of them.
const UPDATED: usize = 100;

/// How many one delete holds.
const DELETED: usize = 500;

impl UpdateByKeys {
    /// Changes the rows; the number of rows of the table that have one of the keys, changed or not. No rows are 0, and nothing is sent.
    ///
    /// # Errors
    ///
    /// `keys.repeated` and `keys.null` for rows whose keys are no such; [`ErrorKind::Validation`](crate::ErrorKind::Validation) with the rows by their number;
    /// `TooManyRows` beyond `max_affected`; otherwise as [`Update::execute`](crate::Update::execute). Nothing is kept then.
    pub async fn execute(self) -> Result<u64> {
        let UpdateByKeys { write, origin, keys, rows } = self;
        let runner = Runner::of(Some(&origin))?;
        let made = Box::pin(Keyed::new(&runner, write, keys, rows)).await;
        Box::pin(run(&runner, made)).await
    }
}

impl DeleteByKeys {
    /// Deletes the rows; their number.
    ///
    /// # Errors
    ///
    /// As [`UpdateByKeys::execute`].
    pub async fn execute(self) -> Result<u64> {
        let DeleteByKeys { write, origin, rows } = self;
        let runner = Runner::of(Some(&origin))?;
        let keys = match &rows.write.kind {
            WriteKind::Insert { columns, .. } => columns.clone(),
            _ => Vec::new(),
        };
        let made = Box::pin(Keyed::new(&runner, write, Ok(keys), rows)).await;
        Box::pin(run(&runner, made)).await
    }
}

async fn run(runner: &Arc<Runner>, made: std::result::Result<Keyed, Box<(Write, Error)>>) -> Result<u64> {
    let keyed = match made {
        Ok(keyed) => keyed,
        Err(refused) => {
            let (write, error) = *refused;
            return Err(runner.refused(&Plan::Write(&write), error.at(write.location)).await);
        }
    };
    if keyed.rows.is_empty() {
        return Ok(0);
    }
    if keyed.goes_row_by_row(runner) && !keyed.needs_rows {
        return Box::pin(row_by_row(runner, &keyed)).await;
    }
    let most = if keyed.is_update() { UPDATED } else { DELETED };
    if keyed.rows.len() <= most && !keyed.needs_rows {
        let part = keyed.part(&keyed.rows, runner, keyed.write.max_affected);
        return run_on(runner, &part).await;
    }
    let mut work = Work::begin(runner).await?;
    let result = Box::pin(keyed.run(&mut work, most)).await;
    work.end(result).await
}

/// One statement of one row, which runs for each of them: where that is no round trip it is the fastest.
async fn row_by_row(runner: &Arc<Runner>, keyed: &Keyed) -> Result<u64> {
    let all = Each::of(runner, keyed.one_by_one(runner)).await?;
    if let [only] = all.as_slice() {
        return only.run(runner, keyed.write.max_affected).await;
    }
    let mut work = Work::begin(runner).await?;
    let result = run_all(&mut work, &all, keyed).await;
    work.end(result).await
}

async fn run_all(work: &mut Work, all: &[Each], keyed: &Keyed) -> Result<u64> {
    let runner = Arc::clone(work.runner());
    let mut total = 0;
    for each in all {
        let left = keyed.write.max_affected.map(|most| most.saturating_sub(total));
        total += each.run(&runner, left).await?;
        work.sent();
    }
    keyed.found(total)
}

/// A row: the key and what is set.
struct KeyedRow {
    number: u64,
    key: Vec<Bind>,
    values: Vec<Bind>,
}

struct Keyed {
    write: Write,
    table: TableName,
    keys: Vec<Ident>,
    columns: Vec<Ident>,
    rows: Vec<KeyedRow>,
    needs_rows: bool,
}

impl Keyed {
    /// Everything that can be wrong is found here, before anything is sent.
    async fn new(
        runner: &Arc<Runner>,
        write: Write,
        keys: Result<Vec<Ident>>,
        rows: Insert,
    ) -> std::result::Result<Keyed, Box<(Write, Error)>> {
        match Keyed::made(runner, write.clone(), keys, rows).await {
            Ok(keyed) => Ok(keyed),
            Err(error) => Err(Box::new((write, error))),
        }
    }

    async fn made(runner: &Arc<Runner>, write: Write, keys: Result<Vec<Ident>>, rows: Insert) -> Result<Keyed> {
        let update = matches!(write.kind, WriteKind::Update { .. });
        let mut mistakes = write.mistakes.clone();
        if !matches!(&rows.write.kind, WriteKind::Insert { source: Source::Rows { rows, .. }, .. } if rows.is_empty()) {
            mistakes.extend(check_write(&rows.write));
        } else {
            mistakes.extend(rows.write.mistakes.iter().cloned());
        }
        let table = write.table.clone()?;
        let error = |code, message: String| Error::new(ErrorKind::Plan, code, message).with_table(table.name.as_str());
        let keys = match keys {
            Ok(keys) => keys,
            Err(error) => return Err(error),
        };
        if let Some(mistakes) = Error::join(mistakes) {
            return Err(mistakes);
        }
        let joined = match &write.kind {
            WriteKind::Update { from, all_rows, .. } => from.is_some() || *all_rows,
            WriteKind::Delete { using, all_rows, .. } => using.is_some() || *all_rows,
            WriteKind::Insert { .. } => return Err(Error::internal("keyed.kind")),
        };
        if joined || write.version.is_some() {
            let message = format!(
                "the rows of {:?} are named by keys, and by a frame, `all_rows` or a version too; leave one out, or write them one by one",
                table.name
            );
            return Err(error("keys.more", message));
        }
        let WriteKind::Insert { columns, source: Source::Rows { mut rows, loose, .. }, .. } = rows.write.kind else {
            return Err(Error::internal("keyed.rows"));
        };
        let rows = std::mem::take(rows.listed());
        let mut keyed = Keyed { table: table.clone(), keys, columns, rows: Vec::new(), needs_rows: false, write };
        if rows.is_empty() {
            return Ok(keyed);
        }
        if keyed.keys.is_empty() {
            return Err(error("plan.no_columns", "`by_keys` names no column; write at least one".to_owned()));
        }
        let rows = if loose { keyed.conformed(runner, rows).await? } else { rows };
        keyed.take_apart(rows, update)?;
        keyed.under_rules(runner).await?;
        Ok(keyed)
    }

    fn is_update(&self) -> bool {
        matches!(self.write.kind, WriteKind::Update { .. })
    }

    /// Values that came through serde, as what their columns hold.
    async fn conformed(&self, runner: &Arc<Runner>, mut rows: Vec<Vec<Bind>>) -> Result<Vec<Vec<Bind>>> {
        let known = runner.known_table(&self.table).await?;
        for (place, name) in self.columns.iter().enumerate() {
            conform_column(&mut rows, place, name, &known);
        }
        Ok(rows)
    }

    /// Keys on the one side, what is set on the other.
    fn take_apart(&mut self, rows: Vec<Vec<Bind>>, update: bool) -> Result<()> {
        let name = &self.table.name;
        let error = |code, message: String| Error::new(ErrorKind::Plan, code, message).with_table(name.as_str());
        let mut places = Vec::with_capacity(self.keys.len());
        for (position, key) in self.keys.iter().enumerate() {
            if self.keys.iter().take(position).any(|before| before == key) {
                return Err(error("write.repeated_column", format!("the key {key:?} of {name:?} is given twice")));
            }
            let Some(place) = self.columns.iter().position(|column| column == key) else {
                let message =
                    format!("the rows for {name:?} give no {key:?}, which is of the keys; name it in `columns`");
                return Err(error("keys.no_value", message).with_column(key.as_str()));
            };
            places.push(place);
        }
        let set = match &self.write.kind {
            WriteKind::Update { set, .. } => set.as_slice(),
            _ => &[],
        };
        if update && self.columns.len() == self.keys.len() && set.is_empty() {
            let message =
                format!("the rows for {name:?} give keys and nothing to set; name another column in `columns`");
            return Err(error("update.nothing", message));
        }
        if let Some((column, _)) = set.iter().find(|(column, _)| self.columns.contains(column)) {
            let message = format!("the column {column:?} of {name:?} is given twice; leave one out");
            return Err(error("write.repeated_column", message).with_column(column.as_str()));
        }
        let mut seen: HashMap<Vec<u8>, usize> = HashMap::with_capacity(rows.len());
        for (number, row) in rows.into_iter().enumerate() {
            let Some(apart) = key_of(places.iter().filter_map(|place| Some(&row.get(*place)?.value))) else {
                let message =
                    format!("row {} for {name:?} has a key that is NULL, which no row has; leave it out", number + 1);
                return Err(error("keys.null", message));
            };
            if let Some(first) = seen.insert(apart, number) {
                let message =
                    format!("rows {} and {} for {name:?} have the same key; make them one row", first + 1, number + 1);
                return Err(error("keys.repeated", message));
            }
            let key = places.iter().filter_map(|place| row.get(*place).cloned()).collect();
            let values = row.into_iter().enumerate().filter(|(place, _)| !places.contains(place)).map(|(_, it)| it);
            self.rows.push(KeyedRow { number: number as u64 + 1, key, values: values.collect() });
        }
        self.columns.retain(|column| !self.keys.contains(column));
        Ok(())
    }

    /// What may not be written is left out or refused, and the values are checked.
    async fn under_rules(&mut self, runner: &Arc<Runner>) -> Result<()> {
        let validators = runner.validators_of(&self.table);
        if validators.is_empty() {
            return Ok(());
        }
        if let Some(mistakes) = validators.iter().find_map(|validator| validator.mistake()) {
            return Err(mistakes);
        }
        let known = runner.known_table(&self.table).await?;
        if let Some(stripped) = self.write.rules.strip.clone() {
            for writable in validators.iter().filter_map(|validator| validator.writable.as_ref()) {
                if !writable.strips {
                    continue;
                }
                let mut out = Vec::new();
                let stays: Vec<bool> = self.columns.iter().map(|column| writable.columns.contains(column)).collect();
                out.extend(self.columns.iter().zip(&stays).filter(|(_, stays)| !**stays).map(|(name, _)| name.clone()));
                let mut stay = stays.iter();
                self.columns.retain(|_| stay.next().copied().unwrap_or(true));
                for row in &mut self.rows {
                    let mut stay = stays.iter();
                    row.values.retain(|_| stay.next().copied().unwrap_or(true));
                }
                if let WriteKind::Update { set, .. } = &mut self.write.kind {
                    crate::policy::validation::strip_set(set, &|name| writable.columns.contains(name), &mut out);
                    if set.is_empty() && self.columns.is_empty() {
                        return Err(nothing_left(&self.write));
                    }
                }
                note_stripped(&stripped, out);
            }
        }
        let verdict = match &self.write.kind {
            WriteKind::Update { set, .. } => {
                let rows: Vec<Vec<(&Ident, &Value)>> = self
                    .rows
                    .iter()
                    .map(|row| self.columns.iter().zip(row.values.iter().map(|bind| &bind.value)).collect())
                    .collect();
                check_rows(set, &rows, &validators, &known)?
            }
            _ => {
                let deletes = |check: &crate::query::Check| matches!(check.kind, CheckKind::Delete(_));
                let looks = validators.iter().any(|validator| validator.checks.iter().any(deletes));
                if looks { Verdict::NeedsRows } else { Verdict::Passed }
            }
        };
        self.needs_rows = verdict == Verdict::NeedsRows;
        if self.needs_rows {
            let keys = runner.keys_of(&self.table).await?;
            let is_key = |columns: &[String]| {
                columns.len() == self.keys.len()
                    && self.keys.iter().all(|name| columns.iter().any(|known| known == name.as_str()))
            };
            if !keys.iter().any(|key| key.plain && is_key(&key.columns)) {
                let message = format!(
                    "the rules of {:?} look at each row before it is written, so that it is to be named by the primary or a unique key",
                    self.table.name
                );
                let error = Error::new(ErrorKind::Policy, "validation.key", message);
                return Err(error.with_table(self.table.name.as_str()));
            }
        }
        Ok(())
    }

    async fn run(mut self, work: &mut Work, most: usize) -> Result<u64> {
        let runner = Arc::clone(work.runner());
        if self.needs_rows {
            let rows = std::mem::take(&mut self.rows);
            self.rows = match self.seen(&runner, rows).await {
                Ok(rows) => rows,
                Err(error) if error.kind() == ErrorKind::Validation => {
                    return Err(runner.refused(&Plan::Write(&self.write), error.at(self.write.location)).await);
                }
                Err(error) => return Err(error),
            };
        }
        if self.goes_row_by_row(&runner) {
            let all = Each::of(&runner, self.one_by_one(&runner)).await?;
            return run_all(work, &all, &self).await;
        }
        let mut total = 0;
        for rows in self.rows.chunks(most) {
            let left = self.write.max_affected.map(|most| most.saturating_sub(total));
            total += run_on(&runner, &self.part(rows, &runner, left)).await?;
            work.sent();
        }
        self.found(total)
    }

    /// How many rows were found, which may have to be some.
    fn found(&self, total: u64) -> Result<u64> {
        match &self.write.conflict {
            Some(conflict) if total == 0 => Err(conflict.clone().at(self.write.location)),
            _ => Ok(total),
        }
    }

    /// Whether each row may go by itself: what it is set to depends on no other. A key is never set, so none changes under those that follow.
    fn goes_row_by_row(&self, runner: &Runner) -> bool {
        let mut reads = false;
        self.write.each_below(&mut |_| reads = true);
        self.is_update() && self.rows.len() > 1 && !reads && runner.core.server.dialect == Dialect::Sqlite
    }

    /// The rows that are there, read and locked, and held against the rules that look at them. What is not there is not written: somebody
    /// may make it meanwhile.
    async fn seen(&self, runner: &Arc<Runner>, rows: Vec<KeyedRow>) -> Result<Vec<KeyedRow>> {
        let validators = runner.validators_of(&self.table);
        let names: Vec<String> = self.keys.iter().map(|name| name.as_str().to_owned()).collect();
        let mut read = names.clone();
        read.extend(columns_of_rules(&validators, &self.write).into_iter().filter(|name| !names.contains(name)));
        let mut before: Vec<Row> = Vec::new();
        for chunk in rows.chunks(DELETED) {
            let keys = with_keys(&names, chunk.iter().map(|row| row.key.clone()).collect());
            let condition = match self.condition() {
                Some(condition) => condition.and(keys),
                None => keys,
            };
            before.extend(locked_rows(runner, &self.table, Some(condition), &read).await?);
        }
        let found: HashMap<Vec<u8>, &Row> =
            before.iter().filter_map(|row| Some((key_of(row.values().iter().take(names.len()))?, row))).collect();
        let common = match &self.write.kind {
            WriteKind::Update { set, .. } => values_of(set),
            _ => Vec::new(),
        };
        let mut violations = Violations::default();
        let mut there = Vec::with_capacity(rows.len());
        for row in rows {
            let key = key_of(row.key.iter().map(|bind| &bind.value));
            let Some(existing) = key.and_then(|key| found.get(&key)) else { continue };
            let existing: Vec<(&str, &Value)> = read.iter().map(String::as_str).zip(existing.values()).collect();
            let mut given: Vec<(&str, &Value)> =
                self.columns.iter().map(Ident::as_str).zip(row.values.iter().map(|bind| &bind.value)).collect();
            given.extend(common.iter().copied());
            let mut found = Vec::new();
            for validator in &validators {
                if self.is_update() {
                    found.extend(check_change(validator, &given, Some(&existing), Some(row.number)));
                } else {
                    found.extend(check_delete(validator, &existing));
                }
            }
            found.iter_mut().for_each(|one| one.row = Some(row.number));
            violations.add_row(found);
            there.push(row);
        }
        broken(self.table.name.as_str(), violations)?;
        Ok(there)
    }

    fn condition(&self) -> Option<Expr> {
        match &self.write.kind {
            WriteKind::Update { condition, .. } | WriteKind::Delete { condition, .. } => condition.clone(),
            WriteKind::Insert { .. } => None,
        }
    }

    /// A statement for each row, all of one text where they can be.
    fn one_by_one<'k>(&'k self, runner: &Arc<Runner>) -> impl Iterator<Item = Write> + Send + use<'k> {
        let origin = runner.origin();
        // A NULL binds as the values beside it do, and one among NULLs has no type of its own.
        let type_of = |place: usize| {
            let given = self.rows.iter().filter_map(|row| row.values.get(place)).find(|bind| !bind.value.is_null());
            given.map(|bind| bind.sql_type)
        };
        let types: Vec<Option<SqlType>> = (0..self.columns.len()).map(type_of).collect();
        self.rows.iter().map(move |row| {
            let mut one = self.write.clone();
            one.origin = origin.clone();
            one.rules.checked = true;
            one.conflict = None;
            if let WriteKind::Update { set, condition, .. } = &mut one.kind {
                let key = self.is_row(row);
                *condition = Some(match condition.take() {
                    Some(condition) => condition.and(key),
                    None => key,
                });
                set.extend(self.columns.iter().zip(&row.values).zip(&types).map(|((name, bind), sql_type)| {
                    let kind = match (bind.value.is_null(), sql_type) {
                        (false, _) => Kind::Literal(bind.clone()),
                        (true, Some(sql_type)) => Kind::Literal(Bind { value: Value::Null, sql_type: *sql_type }),
                        (true, None) => Kind::Null,
                    };
                    (name.clone(), Expr::make(kind))
                }));
            }
            one
        })
    }

    /// The key has the row's values.
    fn is_row(&self, row: &KeyedRow) -> Expr {
        let parts = self.keys.iter().zip(&row.key).map(|(name, bind)| {
            let bind = Expr::make(Kind::Literal(bind.clone()));
            Expr::make(Kind::Compare(Comparison::Equal, col(name.as_str()), bind))
        });
        all_of(parts.collect::<Vec<_>>())
    }

    /// One statement for some of the rows.
    fn part(&self, rows: &[KeyedRow], runner: &Arc<Runner>, max_affected: Option<u64>) -> Write {
        let names: Vec<String> = self.keys.iter().map(|name| name.as_str().to_owned()).collect();
        let keys = with_keys(&names, rows.iter().map(|row| row.key.clone()).collect());
        let mut part = self.write.clone();
        part.origin = runner.origin();
        part.max_affected = max_affected;
        part.rules.checked = true;
        if self.rows.len() > rows.len() || self.needs_rows {
            part.conflict = None;
        }
        match &mut part.kind {
            WriteKind::Update { set, condition, .. } => {
                *condition = Some(match condition.take() {
                    Some(condition) => condition.and(keys),
                    None => keys,
                });
                set.extend(
                    self.columns.iter().enumerate().map(|(place, name)| (name.clone(), self.value(rows, place))),
                );
            }
            WriteKind::Delete { condition, .. } => {
                *condition = Some(match condition.take() {
                    Some(condition) => condition.and(keys),
                    None => keys,
                });
            }
            WriteKind::Insert { .. } => {}
        }
        part
    }

    /// What one column is set to, by the key.
    fn value(&self, rows: &[KeyedRow], place: usize) -> Expr {
        let literal = |bind: &Bind| match bind.value.is_null() {
            true => Expr::make(Kind::Null),
            false => Expr::make(Kind::Literal(bind.clone())),
        };
        let value = |row: &KeyedRow| row.values.get(place).map_or_else(|| Expr::make(Kind::Null), literal);
        let is_null = |row: &KeyedRow| row.values.get(place).is_none_or(|bind| bind.value.is_null());
        match rows {
            [only] => value(only),
            // A list of NULLs has no type of its own.
            rows if rows.iter().all(is_null) => Expr::make(Kind::Null),
            rows => {
                let arms = rows.iter().map(|row| (self.is_row(row), value(row))).collect();
                Expr::make(Kind::Case { arms, otherwise: None })
            }
        }
    }
}
