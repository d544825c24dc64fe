//! Binding a write's names.

use super::access::Use;
use super::resolve::{MAX_VERBS, Resolver, Segmenter, check_size};
use super::resolve_expr::{Aggregates, Place, implied_name};
use super::resolved::{Body, ColumnId, ResolvedPlan, Returned, Rx, ScanInfo, ScanSource};
use super::scope::{Item, Open, Scope, suggest};
use super::{Schema, check_depth, typing};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Expr, Kind};
use crate::ident::Ident;
use crate::query::{TableName, Write, WriteKind, check_write};
use crate::statement::StatementKind;
use crate::types::{Family, SqlType};

/// Binds the names of a write against `schema`, which may be empty.
///
/// # Errors
///
/// All mistakes at once: ragged rows, unknown or repeated columns, a missing condition, values of another type.
pub(crate) fn resolve_write(write: &Write, schema: &Schema, segment: Segmenter<'_>) -> Result<ResolvedPlan> {
    let location = write.location;
    let mut mistakes = check_write(write);
    let write = &*write.with_version();
    let result = match write.table.clone() {
        Ok(table) => resolve(write, table, schema, segment, &mut mistakes),
        Err(error) => Err(error),
    };
    // Missing columns are asked for first: what else is wrong may only seem so without them.
    let needed = mistakes.iter().chain(result.as_ref().err()).find(|error| error.kind() == ErrorKind::SchemaNeeded);
    if let Some(needed) = needed {
        return Err(needed.clone().at(location));
    }
    match (result, Error::join(mistakes)) {
        (_, Some(mistakes)) => Err(mistakes.at(location)),
        (Err(error), None) => Err(error.at(location)),
        (Ok(plan), None) => Ok(plan),
    }
}

fn resolve(
    write: &Write,
    table: TableName,
    schema: &Schema,
    segment: Segmenter<'_>,
    mistakes: &mut Vec<Error>,
) -> Result<ResolvedPlan> {
    if let Some(frame) = write.frame() {
        let relation = frame.relation();
        let readings = match &write.kind {
            WriteKind::Update { set, .. } => u32::try_from(set.len()).unwrap_or(u32::MAX).saturating_add(1),
            _ => 1,
        };
        check_depth(relation.depth, MAX_VERBS, "the chain").map_err(|error| error.at(relation.location))?;
        check_size(relation.size.saturating_mul(readings)).map_err(|error| error.at(relation.location))?;
    }
    let mut resolver = Resolver::new(schema, segment);
    resolver.origin = Some(write.origin.clone());
    let (scan, scope) = resolver.write_target(&table);
    let max_affected = write.max_affected;
    let returning = |resolver: &mut Resolver<'_>| {
        let columns = write.returning.as_deref();
        columns.map(|columns| resolver.returned(columns, &scope)).transpose()
    };
    match &write.kind {
        WriteKind::Insert { columns, source, upsert } => {
            let mut insert = resolver.insert(&table, scan, &scope, columns, source, mistakes)?;
            if let Some(upsert) = upsert {
                insert.upsert = Some(resolver.upsert(&table, &scope, &insert.columns, upsert, mistakes)?);
            }
            insert.max_affected = max_affected;
            insert.returning = returning(&mut resolver)?;
            Ok(resolver.finish(StatementKind::Insert, Body::Insert(Box::new(insert))))
        }
        WriteKind::Update { set, condition, from, .. } => {
            let (set, condition, matches) = match from {
                Some(joined) => {
                    let (matches, seen) = resolver.matches(joined, &scope, condition.as_ref())?;
                    (resolver.assignments(&table, set, &scope, &seen, mistakes), None, Some(matches))
                }
                None => {
                    let set = resolver.assignments(&table, set, &scope, &scope, mistakes);
                    (set, resolver.write_condition(condition.as_ref(), &scope)?, None)
                }
            };
            let returning = returning(&mut resolver)?;
            let body = Body::Update { table, scan, set, condition, matches, max_affected, returning };
            Ok(resolver.finish(StatementKind::Update, body))
        }
        WriteKind::Delete { condition, using, .. } => {
            let (condition, matches) = match using {
                Some(joined) => (None, Some(resolver.matches(joined, &scope, condition.as_ref())?.0)),
                None => (resolver.write_condition(condition.as_ref(), &scope)?, None),
            };
            let returning = returning(&mut resolver)?;
            let body = Body::Delete { table, scan, condition, matches, max_affected, returning };
            Ok(resolver.finish(StatementKind::Delete, body))
        }
    }
}

impl Resolver<'_> {
    pub(super) fn write_target(&mut self, table: &TableName) -> (super::ScanId, Scope) {
        let scan = self.scans.len();
        let known = self.schema.find(table).cloned();
        let open = known.is_none() && table.declared.is_none();
        let source = ScanSource::Table(table.clone());
        self.scans.push(ScanInfo { source, alias: Some(table.name.clone()), open, table: known.clone() });
        let mut scope = Scope::default();
        if open {
            scope.open = Some(Open { scan, relation: Some(table.name.clone()), visible: true });
        }
        let columns: Vec<(Ident, Option<SqlType>, bool, bool)> = match (known, table.declared) {
            (Some(known), _) => known
                .columns
                .iter()
                .map(|column| (column.name.clone(), column.sql_type, column.nullable, column.binary_text))
                .collect(),
            (None, declared) => declared
                .unwrap_or_default()
                .iter()
                .filter_map(|column| {
                    Some((Ident::fixed(column.name).ok()?, Some(column.sql_type), column.nullable, false))
                })
                .collect(),
        };
        for (name, sql_type, nullable, binary_text) in columns {
            let id = self.columns.len();
            self.columns.push(super::ColumnInfo {
                name: name.clone(),
                sql_type,
                nullable,
                binary_text,
                scan: Some(scan),
                lineage: Vec::new(),
            });
            scope.visible.push(Item { original: name.clone(), name, relation: Some(table.name.clone()), id });
        }
        (scan, scope)
    }

    pub(super) fn target_column(&mut self, table: &TableName, column: &Ident, scope: &Scope) -> Result<ColumnId> {
        let id = self.find_column(None, column, None, scope).map_err(|_| {
            let known: Vec<&str> = scope.visible.iter().map(|item| item.name.as_str()).collect();
            let message =
                format!("the table {:?} has no column {column:?}{}", table.name, suggest(column.as_str(), &known));
            Error::new(ErrorKind::Schema, "schema.unknown_column", message)
                .with_table(table.name.as_str())
                .with_column(column.as_str())
        })?;
        self.access.record(Use::Assign, id, &self.columns);
        Ok(id)
    }

    /// What each column is set to, where the values may name what `seen` has; a mistake in one is noted.
    pub(super) fn assignments(
        &mut self,
        table: &TableName,
        set: &[(Ident, Expr)],
        scope: &Scope,
        seen: &Scope,
        mistakes: &mut Vec<Error>,
    ) -> Vec<(Ident, Rx)> {
        let mut resolved = Vec::with_capacity(set.len());
        for (column, value) in set {
            let value = self.assigned(table, column, scope).and_then(|target| {
                let value = self.expr(value, seen, SET)?;
                check_stored(table, column, target, &value)?;
                Ok(value)
            });
            match value {
                Ok(value) => resolved.push((column.clone(), value)),
                Err(error) => mistakes.push(error),
            }
        }
        resolved
    }

    /// The type of a column that is written.
    pub(super) fn assigned(&mut self, table: &TableName, column: &Ident, scope: &Scope) -> Result<Option<SqlType>> {
        let id = self.target_column(table, column, scope)?;
        Ok(self.columns.get(id).and_then(|info| info.sql_type))
    }

    /// What a write gives back: the row's own columns, and expressions over them.
    fn returned(&mut self, list: &[Expr], scope: &Scope) -> Result<Returned> {
        self.close(scope, "`returning`")?;
        let place = Place { use_for: Use::Output, aggregates: Aggregates::Forbidden("returning") };
        let mut returned = Returned::with_capacity(list.len());
        for expr in list {
            if let Kind::Everything = expr.kind() {
                for item in &scope.visible {
                    returned.push((item.name.clone(), self.use_column(item.id, Use::Output)));
                }
                continue;
            }
            let rx = self.expr(expr, scope, place)?;
            if rx.windowed() || has_subquery(&rx) {
                let message = "`returning` takes columns of the row and what is computed from them, no window and no subquery; read the rest in a query of its own";
                return Err(Error::new(ErrorKind::Plan, "returning.expression", message));
            }
            returned.push((implied_name(expr)?, rx));
        }
        if returned.is_empty() {
            let message = "`returning` names no column; write at least one, or `all()`";
            return Err(Error::new(ErrorKind::Plan, "plan.no_columns", message));
        }
        for (position, (name, _)) in returned.iter().enumerate() {
            if returned.iter().take(position).any(|(before, _)| before == name) {
                let message = format!("two columns of the result are called {name:?}; rename one with `.as_(\"..\")`");
                return Err(Error::new(ErrorKind::Plan, "plan.repeated_column", message).with_column(name.as_str()));
            }
        }
        Ok(returned)
    }

    pub(super) fn write_condition(&mut self, condition: Option<&Expr>, scope: &Scope) -> Result<Option<Rx>> {
        let place = CONDITION;
        condition.map(|condition| self.condition(condition, scope, place)).transpose()
    }
}

/// Where what is set stands.
pub(super) const SET: Place<'static> = Place { use_for: Use::Filter, aggregates: Aggregates::Forbidden("set") };
/// Where a write's condition stands.
pub(super) const CONDITION: Place<'static> =
    Place { use_for: Use::Filter, aggregates: Aggregates::Forbidden("a write") };

pub(super) fn check_stored(table: &TableName, column: &Ident, target: Option<SqlType>, value: &Rx) -> Result<()> {
    match value.sql_type() {
        Some(found) if !storable(target, found) => Err(wrong_value(table, column, target, found)),
        _ => Ok(()),
    }
}

fn has_subquery(rx: &Rx) -> bool {
    let mut found = matches!(rx.kind(), super::RxKind::Subquery { .. });
    super::each_operand(rx.kind(), &mut |operand| found = found || has_subquery(operand));
    found
}

/// Whether a value of type `value` may be stored in a column of type `column`. Text columns of databases without the type take
/// UUIDs and JSON as text.
pub(super) fn storable(column: Option<SqlType>, value: SqlType) -> bool {
    let Some(column) = column else { return true };
    typing::comparable(Some(column), Some(value))
        || matches!(
            (column.family(), value.family()),
            (Family::Text, Family::Uuid | Family::Json | Family::Interval) | (Family::Json, Family::Text)
        )
}

pub(super) fn wrong_value(table: &TableName, column: &Ident, target: Option<SqlType>, found: SqlType) -> Error {
    let target = target.map_or_else(|| "another type".to_owned(), |target| target.to_string());
    Error::new(
        ErrorKind::Type,
        "type.value",
        format!("the column {column:?} of {:?} is {target} and the value is {found}", table.name),
    )
    .with_table(table.name.as_str())
    .with_column(column.as_str())
}
