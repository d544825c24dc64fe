//! Updates and deletes in steps: the rows are read and locked first, and then just those are written, by their primary key. It is how rules
//! see a row as it is, and what `UPDATE … RETURNING` is where it is lacking.

use std::sync::Arc;

use super::super::driver::RowSink;
use super::super::handle::Runner;
use super::super::prepare::Plan;
use super::insert::MakeSink;
use super::run_into;
use super::work::Work;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result, Violations};
use crate::expr::{Comparison, Expr, Kind, all_of, any_of, col};
use crate::policy::validation::{broken, check_change, check_delete, values_of};
use crate::query::{CheckKind, Frame, TableName, Validator, Write, WriteKind};
use crate::row::{Row, RowsSink, take_back};
use crate::types::SqlType;
use crate::value::{Bind, Value};

/// How many keys one statement names.
pub(super) const KEYS: usize = 500;

/// Reads the rows of an update or a delete and locks them, writes just those, and gives the sinks of what they return, and their number.
/// `ruled`: a rule looks at each row before.
pub(super) async fn run(
    runner: &Arc<Runner>,
    write: &Write,
    sink: MakeSink<'_>,
    ruled: bool,
) -> Result<(Vec<Box<dyn RowSink>>, u64)> {
    let table = write.table.clone()?;
    let key = match key_of(runner, write, &table, ruled).await {
        Ok(key) => key,
        Err(error) => return Err(runner.refused(&Plan::Write(write), error.at(write.location)).await),
    };
    let mut work = Work::begin(runner).await?;
    let result = Box::pin(in_steps(&mut work, write, &table, &key, sink, ruled)).await;
    work.end(result).await
}

async fn key_of(runner: &Arc<Runner>, write: &Write, table: &TableName, ruled: bool) -> Result<Vec<String>> {
    let dialect = runner.core.server.dialect;
    let refuse = |message: String| {
        let (kind, code) = match ruled {
            true => (ErrorKind::Policy, "validation.key"),
            false => (ErrorKind::Unsupported, "returning.unsupported"),
        };
        Err(Error::new(kind, code, message).with_table(table.name.as_str()))
    };
    let because = || match ruled {
        true => format!("the rules of {:?} look at each row before it is written", table.name),
        false => format!("{dialect} gives back nothing of the rows that an update changes"),
    };
    if matches!(&write.kind, WriteKind::Update { from: Some(_), .. }) {
        return refuse(format!(
            "{dialect} gives back nothing of the rows that an update changes from a frame; run the update and read the rows in one transaction"
        ));
    }
    let keys = runner.keys_of(table).await?;
    let Some(key) = keys.into_iter().find(|key| key.primary && key.plain) else {
        let instead = if ruled { "give it one" } else { "run the update and read the rows in one transaction" };
        return refuse(format!(
            "{}, and {:?} has no primary key to find them again by; {instead}",
            because(),
            table.name
        ));
    };
    if let WriteKind::Update { set, .. } = &write.kind
        && let Some((column, _)) = set.iter().find(|(column, _)| key.columns.iter().any(|name| name == column.as_str()))
    {
        let instead = if ruled {
            "insert the row anew and delete the old one"
        } else {
            "read them by another column in one transaction"
        };
        return refuse(format!(
            "{}, and this one changes {column:?} of the primary key of {:?}, by which they would be found again; {instead}",
            because(),
            table.name
        ));
    }
    Ok(key.columns)
}

/// The columns that rules read of a row that is there.
pub(super) fn columns_of_rules(validators: &[&Validator], write: &Write) -> Vec<String> {
    let deletes = matches!(write.kind, WriteKind::Delete { .. });
    let mut names: Vec<String> = Vec::new();
    for check in validators.iter().flat_map(|validator| &validator.checks) {
        let wanted = match check.kind {
            CheckKind::Change(_) => !deletes,
            CheckKind::Delete(_) => deletes,
            CheckKind::Incoming(_) => false,
        };
        for name in check.columns.iter().filter(|_| wanted) {
            if !names.iter().any(|known| known == name.as_str()) {
                names.push(name.as_str().to_owned());
            }
        }
    }
    names
}

/// Reads columns of rows and locks them, where the database has locks for rows: SQLite's transactions that write hold the whole database.
pub(super) async fn locked_rows(
    runner: &Arc<Runner>,
    table: &TableName,
    condition: Option<Expr>,
    columns: &[String],
) -> Result<Vec<Row>> {
    let mut wanted = Frame::start(Ok(table.clone()), Some(runner.origin()));
    if let Some(condition) = condition {
        wanted = wanted.where_(condition);
    }
    wanted = wanted.select(columns.iter().map(|name| col(name)).collect::<Vec<_>>());
    if runner.core.server.dialect != Dialect::Sqlite {
        wanted = wanted.for_update();
    }
    let (found, _) = runner.run(Plan::Frame(&wanted), Box::new(RowsSink::new())).await?;
    Ok(take_back::<RowsSink>(found)?.into_rows().into_iter().collect())
}

async fn in_steps(
    work: &mut Work,
    write: &Write,
    table: &TableName,
    key: &[String],
    sink: MakeSink<'_>,
    ruled: bool,
) -> Result<(Vec<Box<dyn RowSink>>, u64)> {
    let versioned = write.with_version();
    let condition = match &versioned.kind {
        WriteKind::Update { condition, .. } | WriteKind::Delete { condition, .. } => condition.clone(),
        WriteKind::Insert { .. } => return Err(Error::internal("steps.kind")),
    };
    let runner = Arc::clone(work.runner());
    let validators = if ruled { runner.validators_of(table) } else { Vec::new() };
    let mut columns = key.to_vec();
    columns.extend(columns_of_rules(&validators, write).into_iter().filter(|name| !key.contains(name)));
    let rows = locked_rows(&runner, table, condition, &columns).await?;
    if let Some(most) = write.max_affected
        && rows.len() as u64 > most
    {
        let message =
            format!("the write would touch {} rows and `max_affected` allows {most}; nothing was written", rows.len());
        return Err(Error::new(ErrorKind::TooManyRows, "write.max_affected", message).at(write.location));
    }
    if let (true, Some(conflict)) = (rows.is_empty(), &write.conflict) {
        return Err(conflict.clone().at(write.location));
    }
    if let Err(error) = check_rows(&versioned, table, &validators, &columns, &rows) {
        return Err(runner.refused(&Plan::Write(write), error.at(write.location)).await);
    }
    let emulated = write.returning.is_some()
        && matches!(write.kind, WriteKind::Update { .. })
        && runner.core.server.dialect.is_mysql_family();
    let (mut sinks, mut total) = (Vec::new(), 0);
    for chunk in rows.chunks(KEYS) {
        let those = these(key, chunk)?;
        let mut part = versioned.clone().into_owned();
        (part.max_affected, part.conflict, part.rules.checked) = (None, None, true);
        if emulated {
            part.returning = None;
        }
        if let WriteKind::Update { condition, all_rows, .. } | WriteKind::Delete { condition, all_rows, .. } =
            &mut part.kind
        {
            (*condition, *all_rows) = (Some(those.clone()), false);
        }
        part.origin = runner.origin();
        if emulated {
            total += super::run_on(&runner, &part).await?;
            work.sent();
            let list = write.returning.clone().unwrap_or_default();
            let again = Frame::start(Ok(table.clone()), Some(runner.origin())).where_(those).select(list);
            let (sink, _) = runner.run(Plan::Frame(&again), sink()).await?;
            sinks.push(sink);
        } else {
            let (sink, affected) = run_into(&runner, &part, sink()).await?;
            work.sent();
            total += affected;
            sinks.push(sink);
        }
    }
    if let (true, Some(list)) = (sinks.is_empty(), &write.returning) {
        // No row, and yet the columns.
        let none = Frame::start(Ok(table.clone()), Some(runner.origin())).select(list.clone()).limit(0);
        let (sink, _) = runner.run(Plan::Frame(&none), sink()).await?;
        sinks.push(sink);
    }
    Ok((sinks, total))
}

/// The rules over the rows as they are. What many rows break alike is said once.
fn check_rows(
    write: &Write,
    table: &TableName,
    validators: &[&Validator],
    columns: &[String],
    rows: &[Row],
) -> Result<()> {
    let mut violations = Violations::default();
    let given = match &write.kind {
        WriteKind::Update { set, .. } => values_of(set),
        _ => Vec::new(),
    };
    for row in rows {
        let before: Vec<(&str, &Value)> = columns.iter().map(String::as_str).zip(row.values()).collect();
        for validator in validators {
            let mut found = match &write.kind {
                WriteKind::Delete { .. } => check_delete(validator, &before),
                _ => check_change(validator, &given, Some(&before), None),
            };
            found.retain(|one| !violations.iter().any(|known| known == one));
            violations.add_row(found);
        }
    }
    broken(table.name.as_str(), violations)
}

/// The rows with these keys, which come first in each row.
pub(super) fn these(key: &[String], rows: &[Row]) -> Result<Expr> {
    let bind = |row: &Row, place: usize| -> Result<Bind> {
        let value = row.values().get(place).cloned().ok_or_else(|| Error::internal("steps.key"))?;
        let sql_type = value.sql_type().unwrap_or(SqlType::Text);
        Ok(Bind { value, sql_type })
    };
    let binds = |row: &Row| (0..key.len()).map(|place| bind(row, place)).collect::<Result<Vec<_>>>();
    Ok(with_keys(key, rows.iter().map(binds).collect::<Result<Vec<_>>>()?))
}

/// The rows with these keys.
pub(super) fn with_keys(key: &[String], keys: Vec<Vec<Bind>>) -> Expr {
    if let [only] = key {
        let list: Vec<Bind> = keys.into_iter().flatten().collect();
        let list_type = list.first().map_or(SqlType::Text, |bind| bind.sql_type);
        return Expr::make(Kind::In { operand: col(only), list, list_type, negated: false });
    }
    let one = |binds: Vec<Bind>| {
        let parts = key.iter().zip(binds).map(|(name, bind)| {
            Expr::make(Kind::Compare(Comparison::Equal, col(name), Expr::make(Kind::Literal(bind))))
        });
        all_of(parts.collect::<Vec<_>>())
    };
    any_of(keys.into_iter().map(one).collect::<Vec<_>>())
}
