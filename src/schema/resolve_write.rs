//! Binding a write's names.

use super::access::Use;
use super::binds::Provenance;
use super::resolve::{Resolver, Segmenter};
use super::resolve_expr::{Aggregates, Place};
use super::resolved::{Body, ColumnId, ResolvedPlan, Rx, ScanInfo, ScanSource};
use super::scope::{Item, Open, Scope, suggest};
use super::{Schema, typing};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Address, Expr};
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
    let mut resolver = Resolver::new(schema, segment);
    resolver.origin = Some(write.origin.clone());
    let (scan, scope) = resolver.write_target(&table);
    let max_affected = write.max_affected;
    match &write.kind {
        WriteKind::Insert { columns, rows } => {
            let mut types = Vec::with_capacity(columns.len());
            for column in columns {
                let target = resolver.target_column(&table, column, &scope);
                types.push(match target {
                    Ok(id) => resolver.columns.get(id).and_then(|info| info.sql_type),
                    Err(error) => {
                        mistakes.push(error);
                        None
                    }
                });
            }
            let count = rows.len();
            resolver.binds.reserve(count * columns.len());
            for row in rows {
                for ((bind, target), column) in row.iter().zip(&types).zip(columns) {
                    if !bind.value.is_null() && !storable(*target, bind.sql_type) && mistakes.len() < 10 {
                        mistakes.push(wrong_value(&table, column, *target, bind.sql_type));
                    }
                    let origin = Provenance::Literal(Address::of(bind));
                    let mut bind = bind.clone();
                    if bind.value.is_null()
                        && let Some(target) = target
                    {
                        bind.sql_type = *target;
                    }
                    resolver.binds.push(bind, origin);
                }
            }
            Ok(resolver.finish(StatementKind::Insert, Body::Insert { table, columns: columns.clone(), rows: count }))
        }
        WriteKind::Update { set, condition, .. } => {
            let mut resolved = Vec::with_capacity(set.len());
            for (column, value) in set {
                match resolver.assignment(&table, column, value, &scope) {
                    Ok(value) => resolved.push((column.clone(), value)),
                    Err(error) => mistakes.push(error),
                }
            }
            let condition = resolver.write_condition(condition.as_ref(), &scope)?;
            let body = Body::Update { table, scan, set: resolved, condition, max_affected };
            Ok(resolver.finish(StatementKind::Update, body))
        }
        WriteKind::Delete { condition, .. } => {
            let condition = resolver.write_condition(condition.as_ref(), &scope)?;
            Ok(resolver.finish(StatementKind::Delete, Body::Delete { table, scan, condition, max_affected }))
        }
    }
}

impl Resolver<'_> {
    fn write_target(&mut self, table: &TableName) -> (super::ScanId, Scope) {
        let scan = self.scans.len();
        let known = self.schema.find(table).cloned();
        let open = known.is_none() && table.declared.is_none();
        let source = ScanSource::Table(table.clone());
        self.scans.push(ScanInfo { source, alias: Some(table.name.clone()), open });
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

    fn target_column(&mut self, table: &TableName, column: &Ident, scope: &Scope) -> Result<ColumnId> {
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

    fn assignment(&mut self, table: &TableName, column: &Ident, value: &Expr, scope: &Scope) -> Result<Rx> {
        let id = self.target_column(table, column, scope)?;
        let target = self.columns.get(id).and_then(|info| info.sql_type);
        let place = Place { use_for: Use::Filter, aggregates: Aggregates::Forbidden("set") };
        let rx = self.expr(value, scope, place)?;
        match rx.sql_type() {
            Some(found) if !storable(target, found) => Err(wrong_value(table, column, target, found)),
            _ => Ok(rx),
        }
    }

    fn write_condition(&mut self, condition: Option<&Expr>, scope: &Scope) -> Result<Option<Rx>> {
        let place = Place { use_for: Use::Filter, aggregates: Aggregates::Forbidden("a write") };
        condition.map(|condition| self.condition(condition, scope, place)).transpose()
    }
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

fn wrong_value(table: &TableName, column: &Ident, target: Option<SqlType>, found: SqlType) -> Error {
    let target = target.map_or_else(|| "another type".to_owned(), |target| target.to_string());
    Error::new(
        ErrorKind::Type,
        "type.value",
        format!("the column {column:?} of {:?} is {target} and the value is {found}", table.name),
    )
    .with_table(table.name.as_str())
    .with_column(column.as_str())
}
