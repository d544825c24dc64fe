//! What may be written: the rules of a table's validators, over the values of a write before it is compiled, and over the columns that
//! the compiled statement assigns.

use std::borrow::Cow;

use crate::error::{Error, ErrorKind, Result, Violation, Violations};
use crate::expr::{Expr, Kind};
use crate::ident::Ident;
use crate::query::{
    Check, CheckKind, RowValues, Rules, Source, Upsert, Validator, Verb, Write, WriteKind, required_column,
};
use crate::schema::{TableSchema, conform, suggest};
use crate::statement::{StatementKind, TableAccess};
use crate::types::SqlType;
use crate::value::{Bind, Value};

/// What is left to do before a write may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    /// A rule asks for the rows as they are.
    NeedsRows,
}

/// What a write gives a column.
enum Given<'w> {
    Value(&'w Value),
    /// The value of this column of the row that comes.
    Incoming(&'w Ident),
    Expression,
}

const NULL: &Value = &Value::Null;

fn given(expr: &Expr) -> Given<'_> {
    match expr.kind() {
        Kind::Literal(bind) => Given::Value(&bind.value),
        Kind::Null => Given::Value(NULL),
        Kind::Incoming(name) => Given::Incoming(name),
        Kind::Alias(inner, _) => given(inner),
        _ => Given::Expression,
    }
}

/// Checks what a write gives against the rules of its table.
///
/// # Errors
///
/// [`ErrorKind::Validation`] with all violations; [`ErrorKind::Policy`] where a value is needed and there is none.
pub(crate) fn check_values(write: &Write, validators: &[&Validator], table: &TableSchema) -> Result<Verdict> {
    let write = &*write.with_version();
    let mut check =
        Checking { table, row: None, violations: Violations::default(), refused: Vec::new(), needs_rows: false };
    for validator in validators {
        check.names_columns(validator)?;
        match &write.kind {
            WriteKind::Insert { columns, source: Source::Rows { rows, loose, .. }, upsert } => {
                let updating = upsert.as_ref().filter(|upsert| !upsert.nothing);
                check.rows(validator, columns, &rows.to_listed(), *loose, write.rules.rows_before, updating);
            }
            WriteKind::Insert { columns, source: Source::Frame { frame, .. }, upsert } => {
                let list = match &frame.relation().verb {
                    Verb::Select(_, list) if list.len() == columns.len() => Some(list),
                    _ => None,
                };
                let row: Vec<(&Ident, Given<'_>)> = columns
                    .iter()
                    .enumerate()
                    .map(|(place, name)| (name, list.and_then(|list| list.get(place)).map_or(Given::Expression, given)))
                    .collect();
                if !columns.is_empty() {
                    check.new_row(validator, &row);
                }
                if let Some(upsert) = upsert {
                    let given: Vec<_> = upsert.set.iter().map(|(name, value)| (name, given(value))).collect();
                    check.assigned(validator, &given, false);
                }
            }
            WriteKind::Update { set, from, .. } => {
                let given: Vec<(&Ident, Given<'_>)> = set.iter().map(|(name, value)| (name, given(value))).collect();
                check.assigned(validator, &given, from.is_none());
            }
            WriteKind::Delete { using, .. } => {
                for rule in validator.checks.iter().filter(|rule| matches!(rule.kind, CheckKind::Delete(_))) {
                    if using.is_some() {
                        check.refused.push(check.no_rows_of_frame(rule));
                    }
                    check.needs_rows = true;
                }
            }
        }
    }
    check.verdict()
}

/// Checks an update that gives each row values of its own, beside what `common` sets in all of them.
///
/// # Errors
///
/// As [`check_values`].
pub(crate) fn check_rows(
    common: &[(Ident, Expr)],
    rows: &[Vec<(&Ident, &Value)>],
    validators: &[&Validator],
    table: &TableSchema,
) -> Result<Verdict> {
    let mut check =
        Checking { table, row: None, violations: Violations::default(), refused: Vec::new(), needs_rows: false };
    for validator in validators {
        check.names_columns(validator)?;
    }
    for (number, row) in rows.iter().enumerate() {
        check.row = Some(number as u64 + 1);
        let values = row.iter().map(|(name, value)| (*name, Given::Value(value)));
        let row: Vec<_> = values.chain(common.iter().map(|(name, value)| (name, given(value)))).collect();
        for validator in validators {
            check.assigned(validator, &row, true);
        }
    }
    check.verdict()
}

struct Checking<'t> {
    table: &'t TableSchema,
    /// The row that is looked at, where an update gives each row values of its own.
    row: Option<u64>,
    violations: Violations,
    refused: Vec<Error>,
    needs_rows: bool,
}

impl Checking<'_> {
    fn verdict(self) -> Result<Verdict> {
        if let Some(refused) = Error::join(self.refused) {
            return Err(refused);
        }
        broken(&self.table.name, self.violations)?;
        Ok(if self.needs_rows { Verdict::NeedsRows } else { Verdict::Passed })
    }

    /// Each column that the validator names is one of the table.
    fn names_columns(&self, validator: &Validator) -> Result<()> {
        let named = validator.columns.iter().map(|(name, _)| name);
        let named = named.chain(validator.checks.iter().flat_map(|check| &check.columns));
        let writable = validator.writable.iter().flat_map(|writable| &writable.columns);
        for name in named.chain(writable) {
            if self.table.column(name.as_str()).is_none() {
                let known: Vec<&str> = self.table.columns.iter().map(|column| column.name.as_str()).collect();
                let near = suggest(name.as_str(), &known);
                let message = format!(
                    "the validator of {} names {name:?}, which the table does not have{near}",
                    crate::error::show_name(&self.table.name)
                );
                return Err(Error::new(ErrorKind::Schema, "validation.unknown_column", message)
                    .with_table(self.table.name.clone())
                    .with_column(name.as_str()));
            }
        }
        Ok(())
    }

    fn types(&self, columns: &[Ident]) -> Vec<Option<SqlType>> {
        columns.iter().map(|name| self.table.column(name.as_str()).and_then(|column| column.sql_type)).collect()
    }

    /// The rows of an insert, and what its upsert makes of a row that is there.
    fn rows(
        &mut self,
        validator: &Validator,
        columns: &[Ident],
        rows: &[Vec<Bind>],
        loose: bool,
        before: u64,
        updating: Option<&Upsert>,
    ) {
        let place_of = |name: &Ident| columns.iter().position(|column| column == name);
        let ruled: Vec<(&Ident, &Rules, Option<usize>)> =
            validator.columns.iter().map(|(name, rules)| (name, rules, place_of(name))).collect();
        let update = self.update_of(validator, columns, updating);
        if updating.is_some() && validator.checks.iter().any(|check| matches!(check.kind, CheckKind::Change(_))) {
            self.needs_rows = true;
        }
        let types = if loose { self.types(columns) } else { Vec::new() };
        for (number, row) in rows.iter().enumerate() {
            let row_number = Some(before + number as u64 + 1);
            let row = conformed(row, &types);
            let value = |place: usize| row.get(place).map_or(NULL, |bind| &bind.value);
            let mut broken = Vec::new();
            for (name, rules, place) in &ruled {
                match place {
                    Some(place) => rules.check(row_number, name.as_str(), value(*place), &mut broken),
                    None if rules.required => broken.push(required_column(row_number, name.as_str())),
                    None => {}
                }
            }
            for (name, rules, place) in &update.taken {
                rules.check(row_number, name.as_str(), value(*place), &mut broken);
            }
            for check in &validator.checks {
                let given = check.columns.iter().filter_map(|name| Some((name.as_str(), value(place_of(name)?))));
                let given = RowValues::new(given.collect());
                let holds = match &check.kind {
                    CheckKind::Incoming(holds) => holds(&given),
                    CheckKind::Change(holds) if updating.is_none() => holds(&given, None),
                    CheckKind::Change(_) | CheckKind::Delete(_) => true,
                };
                if !holds {
                    broken.push(check.violation(row_number));
                }
            }
            for (check, parts) in &update.checks {
                let given = parts.iter().map(|(name, part)| {
                    (
                        *name,
                        match part {
                            Ok(place) => value(*place),
                            Err(fixed) => *fixed,
                        },
                    )
                });
                let given = RowValues::new(given.collect());
                if let CheckKind::Incoming(holds) = &check.kind
                    && !holds(&given)
                {
                    broken.push(check.violation(row_number));
                }
            }
            self.violations.add_row(broken);
        }
    }

    /// What an upsert sets, as far as it depends on the row that comes; what does not is checked here.
    fn update_of<'v>(
        &mut self,
        validator: &'v Validator,
        columns: &[Ident],
        upsert: Option<&'v Upsert>,
    ) -> UpdateOf<'v> {
        let mut update = UpdateOf { taken: Vec::new(), checks: Vec::new() };
        let Some(upsert) = upsert else { return update };
        let place_of = |name: &Ident| columns.iter().position(|column| column == name);
        let mut broken = Vec::new();
        for (name, rules) in &validator.columns {
            let Some((_, value)) = upsert.set.iter().find(|(column, _)| column == name) else { continue };
            match given(value) {
                Given::Value(value) => rules.check(None, name.as_str(), value, &mut broken),
                // Checked as a part of the row.
                Given::Incoming(from) if from == name => {}
                // A column that the insert does not give is refused by the resolver.
                Given::Incoming(from) => update.taken.extend(place_of(from).map(|place| (name, rules, place))),
                Given::Expression if rules.trusts_expressions || rules.is_empty() => {}
                Given::Expression => self.refused.push(self.no_value(name)),
            }
        }
        for check in validator.checks.iter().filter(|check| matches!(check.kind, CheckKind::Incoming(_))) {
            let set: Vec<_> = check
                .columns
                .iter()
                .map(|name| (name, upsert.set.iter().find(|(column, _)| column == name).map(|(_, value)| given(value))))
                .collect();
            if set.iter().all(|(_, given)| given.is_none()) {
                continue;
            }
            let mut parts = Vec::new();
            let mut as_it_comes = true;
            for (name, given) in set {
                match given {
                    None => {
                        self.refused.push(self.partial(check, name));
                        break;
                    }
                    Some(Given::Expression) => {
                        self.refused.push(self.no_value(name));
                        break;
                    }
                    Some(Given::Value(value)) => {
                        as_it_comes = false;
                        parts.push((name.as_str(), Err(value)));
                    }
                    Some(Given::Incoming(from)) => {
                        as_it_comes = as_it_comes && from == name;
                        parts.extend(place_of(from).map(|place| (name.as_str(), Ok(place))));
                    }
                }
            }
            if !as_it_comes && parts.len() == check.columns.len() {
                update.checks.push((check, parts));
            }
        }
        self.violations.add_row(broken);
        update
    }

    /// A row that is inserted by an expression for each column.
    fn new_row(&mut self, validator: &Validator, given: &[(&Ident, Given<'_>)]) {
        let mut broken = Vec::new();
        for (name, rules) in &validator.columns {
            if rules.required && !given.iter().any(|(column, _)| *column == name) {
                broken.push(required_column(None, name.as_str()));
            }
        }
        self.set_values(validator, given, &mut broken);
        for check in &validator.checks {
            let CheckKind::Incoming(holds) = &check.kind else {
                if matches!(check.kind, CheckKind::Change(_)) && touches(check, given) {
                    self.refuse(self.no_rows_of_frame(check));
                }
                continue;
            };
            self.over_values(check, given, &**holds, false, &mut broken);
        }
        self.violations.add_row(broken);
    }

    /// What an update sets.
    fn assigned(&mut self, validator: &Validator, given: &[(&Ident, Given<'_>)], can_read: bool) {
        let mut broken = Vec::new();
        self.set_values(validator, given, &mut broken);
        for check in validator.checks.iter().filter(|check| touches(check, given)) {
            match &check.kind {
                CheckKind::Incoming(holds) => self.over_values(check, given, &**holds, true, &mut broken),
                CheckKind::Change(_) => {
                    let unseen = given
                        .iter()
                        .find(|(name, given)| check.columns.contains(name) && !matches!(given, Given::Value(_)));
                    match unseen {
                        Some((name, _)) => self.refuse(self.no_value(name)),
                        None if !can_read => self.refuse(self.no_rows_of_frame(check)),
                        None => self.needs_rows = true,
                    }
                }
                CheckKind::Delete(_) => {}
            }
        }
        self.violations.add_row(broken);
    }

    fn set_values(&mut self, validator: &Validator, given: &[(&Ident, Given<'_>)], broken: &mut Vec<Violation>) {
        for (name, rules) in &validator.columns {
            match given.iter().find(|(column, _)| *column == name) {
                Some((_, Given::Value(value))) => rules.check(self.row, name.as_str(), value, broken),
                Some(_) if !rules.trusts_expressions && !rules.is_empty() => self.refuse(self.no_value(name)),
                _ => {}
            }
        }
    }

    fn over_values(
        &mut self,
        check: &Check,
        given: &[(&Ident, Given<'_>)],
        holds: &(dyn Fn(&RowValues<'_>) -> bool + Send + Sync),
        all: bool,
        broken: &mut Vec<Violation>,
    ) {
        let mut values = Vec::with_capacity(check.columns.len());
        for name in &check.columns {
            match given.iter().find(|(column, _)| *column == name) {
                Some((_, Given::Value(value))) => values.push((name.as_str(), *value)),
                Some(_) => {
                    self.refuse(self.no_value(name));
                    return;
                }
                None if all => {
                    self.refuse(self.partial(check, name));
                    return;
                }
                None => {}
            }
        }
        if !holds(&RowValues::new(values)) {
            broken.push(check.violation(self.row));
        }
    }

    /// Many rows may be refused for one reason.
    fn refuse(&mut self, error: Error) {
        if !self.refused.iter().any(|known| known.to_string() == error.to_string()) {
            self.refused.push(error);
        }
    }

    fn refusal(&self, code: &'static str, column: &Ident, message: String) -> Error {
        Error::new(ErrorKind::Policy, code, message).with_table(self.table.name.clone()).with_column(column.as_str())
    }

    fn no_value(&self, column: &Ident) -> Error {
        no_value(&self.table.name, column)
    }

    fn partial(&self, check: &Check, column: &Ident) -> Error {
        let message = format!(
            "the rule {} of {} looks at {column:?} too, which the write does not set; set all of its columns, or declare it with `check_change`",
            crate::error::show_name(check.code),
            crate::error::show_name(&self.table.name)
        );
        self.refusal("validation.partial", column, message)
    }

    fn no_rows_of_frame(&self, check: &Check) -> Error {
        let message = format!(
            "the rule {} of {} looks at each row before it is written, and a write from a frame does not say which those are; read the frame and write what it gave, by keys",
            crate::error::show_name(check.code),
            crate::error::show_name(&self.table.name)
        );
        let error = Error::new(ErrorKind::Policy, "validation.frame", message).with_table(self.table.name.clone());
        match check.columns.first() {
            Some(column) => error.with_column(column.as_str()),
            None => error,
        }
    }
}

/// The update of an upsert: columns that take another's value, and rules over what is set, each part a place in the row or a value.
struct UpdateOf<'v> {
    taken: Vec<(&'v Ident, &'v Rules, usize)>,
    checks: Vec<(&'v Check, Vec<Part<'v>>)>,
}

type Part<'v> = (&'v str, std::result::Result<usize, &'v Value>);

fn touches(check: &Check, given: &[(&Ident, Given<'_>)]) -> bool {
    given.iter().any(|(name, _)| check.columns.contains(name))
}

fn no_value(table: &str, column: &Ident) -> Error {
    let message = format!(
        "the column {column:?} of {} has rules, and what the write gives it is no value that they can be checked against; give it a value, or declare its rules with `trust_expressions`",
        crate::error::show_name(table)
    );
    Error::new(ErrorKind::Policy, "validation.expression", message).with_table(table).with_column(column.as_str())
}

fn conformed<'r>(row: &'r [Bind], types: &[Option<SqlType>]) -> Cow<'r, [Bind]> {
    if types.is_empty() {
        return Cow::Borrowed(row);
    }
    let one = |(bind, target): (&Bind, &Option<SqlType>)| target.map_or_else(|| bind.clone(), |it| conform(bind, it));
    Cow::Owned(row.iter().zip(types).map(one).collect())
}

/// The error of what was broken, if anything was.
pub(crate) fn broken(table: &str, violations: Violations) -> Result<()> {
    if violations.is_empty() {
        return Ok(());
    }
    let shown = crate::error::show_name(table);
    let message = format!("the write breaks the rules of {shown}: {violations}");
    Err(Error::new(ErrorKind::Validation, "validation.failed", message).with_table(table).with_violations(violations))
}

/// Checks the columns that the compiled statement assigns: what it says of itself, however it was written.
pub(crate) fn check_columns(write: &Write, validators: &[&Validator], tables: &[TableAccess]) -> Result<()> {
    let Some(target) =
        tables.iter().find(|access| matches!(access.verb, StatementKind::Insert | StatementKind::Update))
    else {
        return Ok(());
    };
    let frame_by_name = matches!(
        &write.kind,
        WriteKind::Insert { columns, source: Source::Frame { .. }, .. } if columns.is_empty()
    );
    for validator in validators {
        if let Some(writable) = &validator.writable {
            let may = |name: &&String| !writable.columns.iter().any(|column| column.as_str() == name.as_str());
            let out: Vec<&String> = target.assign.iter().filter(may).collect();
            if let Some(first) = out.first() {
                let names: Vec<String> = out.iter().map(|name| crate::error::show_name(name)).collect();
                let strip = if writable.strips { ", or take what is left out with `.strip_into(..)`" } else { "" };
                let message = format!(
                    "{} of {} may not be written; leave {} out{strip}",
                    names.join(", "),
                    crate::error::show_name(&target.table),
                    if names.len() == 1 { "it" } else { "them" },
                );
                return Err(Error::new(ErrorKind::Policy, "validation.not_writable", message)
                    .with_table(target.table.clone())
                    .with_column((*first).clone()));
            }
        }
        if !frame_by_name {
            continue;
        }
        for (name, rules) in &validator.columns {
            let given = target.assign.iter().any(|column| column == name.as_str());
            let unseen = given && !rules.trusts_expressions && !rules.is_empty();
            if unseen || (rules.required && !given) {
                return Err(no_value(&target.table, name));
            }
        }
        let looks = |check: &&Check| {
            !matches!(check.kind, CheckKind::Delete(_))
                && check.columns.iter().any(|name| target.assign.iter().any(|column| column == name.as_str()))
        };
        if let Some(name) = validator.checks.iter().find(looks).and_then(|check| check.columns.first()) {
            return Err(no_value(&target.table, name));
        }
    }
    Ok(())
}

/// Takes the columns that may not be written out of a write, where its validators allow that. Gives their names.
pub(crate) fn strip(write: &mut Write, validators: &[&Validator]) -> Result<Vec<Ident>> {
    let mut out = Vec::new();
    for validator in validators {
        let Some(writable) = validator.writable.as_ref().filter(|writable| writable.strips) else { continue };
        let may = |name: &Ident| writable.columns.contains(name);
        let mut set = |set: &mut Vec<(Ident, Expr)>| strip_set(set, &may, &mut out);
        let left = match &mut write.kind {
            WriteKind::Insert { columns, source: Source::Rows { rows, .. }, upsert } => {
                let left = upsert.as_mut().filter(|upsert| !upsert.nothing).is_none_or(|upsert| set(&mut upsert.set));
                // A ragged row is refused as such.
                let stays: Vec<bool> = columns.iter().map(may).collect();
                if rows.ragged(stays.len()).is_none() && stays.contains(&false) {
                    let kept = |place: usize| stays.get(place).copied().unwrap_or(true);
                    for row in rows.listed() {
                        let mut place = 0;
                        row.retain(|_| {
                            place += 1;
                            kept(place - 1)
                        });
                    }
                    out.extend(columns.iter().enumerate().filter(|(place, _)| !kept(*place)).map(|(_, it)| it.clone()));
                    columns.retain(may);
                }
                left && !columns.is_empty()
            }
            WriteKind::Update { set: list, .. } => set(list),
            WriteKind::Insert { .. } | WriteKind::Delete { .. } => true,
        };
        if !left {
            return Err(nothing_left(write));
        }
    }
    Ok(out)
}

/// The same for the branches of a merge.
pub(crate) fn strip_set(set: &mut Vec<(Ident, Expr)>, may: &dyn Fn(&Ident) -> bool, out: &mut Vec<Ident>) -> bool {
    let had = !set.is_empty();
    set.retain(|(name, _)| {
        if !may(name) {
            out.push(name.clone());
        }
        may(name)
    });
    !had || !set.is_empty()
}

pub(crate) fn nothing_left(write: &Write) -> Error {
    let table = write.table.as_ref().map(|table| table.name.as_str().to_owned()).unwrap_or_default();
    let message = format!(
        "none of the columns that the write gives {} may be written, so nothing of it is left; give one that may",
        crate::error::show_name(&table)
    );
    Error::new(ErrorKind::Policy, "validation.nothing_left", message).with_table(table)
}

/// The values among what is set.
pub(crate) fn values_of(set: &[(Ident, Expr)]) -> Vec<(&str, &Value)> {
    set.iter()
        .filter_map(|(name, expr)| match given(expr) {
            Given::Value(value) => Some((name.as_str(), value)),
            _ => None,
        })
        .collect()
}

/// The values of a row by their columns.
pub(crate) fn row_values<'r>(columns: &'r [Ident], row: &'r [Bind]) -> Vec<(&'r str, &'r Value)> {
    columns.iter().map(Ident::as_str).zip(row.iter().map(|bind| &bind.value)).collect()
}

/// What an upsert sets in a row that is there, for the rules over changes.
///
/// # Errors
///
/// [`ErrorKind::Policy`] where such a rule looks at a column that is set to no value.
pub(crate) fn upsert_values<'r>(
    validator: &Validator,
    table: &str,
    set: &'r [(Ident, Expr)],
    columns: &'r [Ident],
    row: &'r [Bind],
) -> Result<Vec<(&'r str, &'r Value)>> {
    let mut values = Vec::with_capacity(set.len());
    for (name, expr) in set {
        let incoming = |from: &Ident| {
            let place = columns.iter().position(|column| column == from)?;
            row.get(place).map(|bind| &bind.value)
        };
        let value = match given(expr) {
            Given::Value(value) => Some(value),
            Given::Incoming(from) => incoming(from),
            Given::Expression => None,
        };
        let seen = |check: &Check| matches!(check.kind, CheckKind::Change(_)) && check.columns.contains(name);
        match value {
            Some(value) => values.push((name.as_str(), value)),
            None if validator.checks.iter().any(seen) => return Err(no_value(table, name)),
            None => {}
        }
    }
    Ok(values)
}

/// A row that an update changes or that an upsert meets: what is written, and what is there.
pub(crate) fn check_change(
    validator: &Validator,
    given: &[(&str, &Value)],
    before: Option<&[(&str, &Value)]>,
    row: Option<u64>,
) -> Vec<Violation> {
    let new = RowValues::new(given.to_vec());
    let old = before.map(|before| RowValues::new(before.to_vec()));
    let mut broken = Vec::new();
    for check in &validator.checks {
        if let CheckKind::Change(holds) = &check.kind
            && check.columns.iter().any(|name| new.get(name.as_str()).is_some())
        {
            let own = |values: &RowValues<'_>| -> bool { holds(values, old.as_ref()) };
            if !own(&new) {
                broken.push(check.violation(row));
            }
        }
    }
    broken
}

/// A row that a delete removes.
pub(crate) fn check_delete(validator: &Validator, before: &[(&str, &Value)]) -> Vec<Violation> {
    let old = RowValues::new(before.to_vec());
    let mut broken = Vec::new();
    for check in &validator.checks {
        if let CheckKind::Delete(holds) = &check.kind
            && !holds(&old)
        {
            broken.push(check.violation(None));
        }
    }
    broken
}
