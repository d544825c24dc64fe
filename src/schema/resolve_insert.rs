//! Inserts: where their rows come from, and what becomes of a row that is there already.

use super::access::Use;
use super::binds::Provenance;
use super::conform::conform;
use super::resolve::Resolver;
use super::resolve_write::{storable, wrong_value};
use super::resolved::{ColumnId, InsertBody, InsertRows, OtherKeys, ScanId, ScanInfo, ScanSource, UpsertBody};
use super::scope::{Item, Scope, suggest};
use super::{KeySchema, TableSchema, schema_needed};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::Address;
use crate::ident::Ident;
use crate::query::{ConflictKey, Frame, Source, TableName, Upsert, Way};
use crate::types::SqlType;
use crate::value::packed::PackedPart;
use crate::value::{Bind, Value};

/// Beyond so many mistakes no further value is looked at.
const MOST_MISTAKES: usize = 10;

impl Resolver<'_> {
    /// The rows of an insert, checked against the table's columns.
    pub(super) fn insert(
        &mut self,
        table: &TableName,
        scan: ScanId,
        scope: &Scope,
        columns: &[Ident],
        source: &Source,
        mistakes: &mut Vec<Error>,
    ) -> Result<InsertBody> {
        let body = |columns: Vec<Ident>, rows| InsertBody {
            table: table.clone(),
            scan,
            columns,
            rows,
            upsert: None,
            max_affected: None,
            returning: None,
        };
        match source {
            Source::Rows { rows, loose, way } => {
                if *loose {
                    self.close(scope, "an insert of records")?;
                }
                let types = self.insert_types(table, scope, columns, mistakes);
                let rows = match rows.packed() {
                    Some(packed) if *way == Way::Arrays => {
                        let types = packed_types(table, columns, &types, packed, mistakes);
                        InsertRows::Arrays { first: self.arrays(packed, &types)? }
                    }
                    Some(packed) if *way != Way::Values => {
                        let types = packed_types(table, columns, &types, packed, mistakes);
                        InsertRows::Packed { rows: rows.len(), types, way: way.clone() }
                    }
                    // Packed rows are of no shape that is kept, so it does not matter where their copies lie.
                    _ => {
                        let first = self.batch(table, columns, &types, &rows.to_listed(), *loose, mistakes);
                        InsertRows::Binds { first, rows: rows.len() }
                    }
                };
                Ok(body(columns.to_vec(), rows))
            }
            Source::Frame { frame, by_name } => {
                let (columns, rows) = self.insert_frame(table, scope, columns, frame, *by_name, mistakes)?;
                Ok(body(columns, rows))
            }
        }
    }

    fn insert_types(
        &mut self,
        table: &TableName,
        scope: &Scope,
        columns: &[Ident],
        mistakes: &mut Vec<Error>,
    ) -> Vec<Option<SqlType>> {
        let mut types = Vec::with_capacity(columns.len());
        for column in columns {
            types.push(match self.assigned(table, column, scope) {
                Ok(found) => found,
                Err(error) => {
                    mistakes.push(error);
                    None
                }
            });
        }
        types
    }

    /// Where rows of the program are checked one by one and become binds: each value is one of its column's type, or a mistake
    /// that names the column. Gives the place of the first bind.
    fn batch(
        &mut self,
        table: &TableName,
        columns: &[Ident],
        types: &[Option<SqlType>],
        rows: &[Vec<Bind>],
        loose: bool,
        mistakes: &mut Vec<Error>,
    ) -> usize {
        let first = self.binds.len();
        self.binds.reserve(rows.len() * columns.len());
        for row in rows {
            for ((bind, target), column) in row.iter().zip(types).zip(columns) {
                // What came through serde has no place of its own that the next statement of this shape would have too.
                let origin = if loose { Provenance::Unknown } else { Provenance::Literal(Address::of(bind)) };
                let mut bind = match target {
                    Some(target) if loose => conform(bind, *target),
                    _ => bind.clone(),
                };
                if bind.value.is_null() {
                    bind.sql_type = target.unwrap_or(bind.sql_type);
                } else if !storable(*target, bind.sql_type) && mistakes.len() < MOST_MISTAKES {
                    mistakes.push(wrong_value(table, column, *target, bind.sql_type));
                }
                self.binds.push(bind, origin);
            }
        }
        first
    }

    /// A bind for each column with all of its values.
    fn arrays(&mut self, rows: &PackedPart, types: &[SqlType]) -> Result<usize> {
        let first = self.binds.len();
        for (column, sql_type) in rows.columns().iter().zip(types) {
            let sql_type = sql_type.array().ok_or_else(|| Error::internal("insert.array"))?;
            let values = rows.range().map(|row| column.cell(row).to_value()).collect();
            self.binds.push(Bind { value: Value::Array(values), sql_type }, Provenance::Unknown);
        }
        Ok(first)
    }

    /// A frame's columns in the order of the insert's.
    fn insert_frame(
        &mut self,
        table: &TableName,
        scope: &Scope,
        columns: &[Ident],
        frame: &Frame,
        by_name: bool,
        mistakes: &mut Vec<Error>,
    ) -> Result<(Vec<Ident>, InsertRows)> {
        let error = |code, message: String| Error::new(ErrorKind::Plan, code, message).with_table(table.name.as_str());
        if let (Some(own), Some(other)) = (&self.origin, &frame.origin)
            && !own.is(other)
        {
            let message = "the frame belongs to another handle than the insert; read it first and insert what it gave";
            return Err(error("join.two_databases", message.to_owned()));
        }
        self.close(scope, "an insert of a frame")?;
        let (root, inner) = self.relation(frame.relation())?;
        self.close(&inner, "an insert")?;
        let mut output: Vec<(Ident, ColumnId)> = Vec::with_capacity(inner.visible.len());
        let columns = if by_name && columns.is_empty() {
            output.extend(inner.visible.iter().map(|item| (item.name.clone(), item.id)));
            output.iter().map(|(name, _)| name.clone()).collect()
        } else if by_name {
            for column in columns {
                let found = inner.visible.iter().find(|item| item.name == *column).ok_or_else(|| {
                    let known: Vec<&str> = inner.visible.iter().map(|item| item.name.as_str()).collect();
                    let near = suggest(column.as_str(), &known);
                    error("insert.by_name", format!("the frame for {:?} has no column {column:?}{near}", table.name))
                        .with_column(column.as_str())
                })?;
                output.push((found.name.clone(), found.id));
            }
            if let Some(extra) = inner.visible.iter().find(|item| !columns.contains(&item.name)) {
                let message = format!(
                    "the frame for {:?} has {:?}, which is none of the insert's columns; leave it out with `select` or `drop`",
                    table.name, extra.name
                );
                return Err(error("insert.by_name", message).with_column(extra.name.as_str()));
            }
            columns.to_vec()
        } else {
            if columns.len() != inner.visible.len() {
                let message = format!(
                    "the insert into {:?} names {} columns and its frame has {}; end it with a `select` of as many, or write `frame.by_name()`",
                    table.name,
                    columns.len(),
                    inner.visible.len()
                );
                return Err(error("insert.width", message));
            }
            output.extend(inner.visible.iter().map(|item| (item.name.clone(), item.id)));
            columns.to_vec()
        };
        let types = self.insert_types(table, scope, &columns, mistakes);
        for (((_, id), target), column) in output.iter().zip(types).zip(&columns) {
            self.access.record(Use::Output, *id, &self.columns);
            let found = self.columns.get(*id).and_then(|info| info.sql_type);
            if let Some(found) = found
                && !storable(target, found)
                && mistakes.len() < MOST_MISTAKES
            {
                mistakes.push(wrong_value(table, column, target, found));
            }
        }
        Ok((columns, InsertRows::Query { root, output }))
    }

    /// What becomes of a row that is there already.
    pub(super) fn upsert(
        &mut self,
        table: &TableName,
        scope: &Scope,
        columns: &[Ident],
        upsert: &Upsert,
        mistakes: &mut Vec<Error>,
    ) -> Result<UpsertBody> {
        self.close(scope, "`on_conflict`")?;
        let known = self.schema.find(table).cloned();
        let keys = known.as_ref().and_then(|known| known.keys.as_deref());
        let key = match (&upsert.target, keys) {
            (ConflictKey::Columns(names), keys) => {
                for name in names {
                    self.target_exists(table, name, scope)?;
                }
                if let (Some(keys), Some(known)) = (keys, known.as_ref())
                    && !keys.iter().any(|key| is_key(key, names))
                {
                    return Err(no_such_key(known, names));
                }
                names.clone()
            }
            (ConflictKey::Key(_), None) => return Err(schema_needed(vec![table.clone()], "a key by its name")),
            (ConflictKey::Key(name), Some(keys)) => named_key(table, name, keys)?,
        };
        if let Some(absent) = key.iter().find(|name| !columns.contains(name)) {
            let message = format!(
                "the insert into {:?} gives no {absent:?}, which is of the key that the upsert names; name it in `columns`",
                table.name
            );
            return Err(Error::new(ErrorKind::Plan, "upsert.no_value", message)
                .with_table(table.name.as_str())
                .with_column(absent.as_str()));
        }
        let keys = match keys {
            None => OtherKeys::Unknown,
            Some(keys) => match keys.iter().find(|other| !is_key(other, &key)) {
                Some(other) => OtherKeys::Some(other.name.clone()),
                None => OtherKeys::None,
            },
        };
        let incoming = self.incoming_row(scope, columns);
        let set = self.assignments(table, &upsert.set, scope, scope, mistakes);
        let condition = self.write_condition(upsert.condition.as_ref(), scope)?;
        self.incoming = None;
        Ok(UpsertBody { key, nothing: upsert.nothing, set, condition, incoming, keys })
    }

    fn target_exists(&self, table: &TableName, column: &Ident, scope: &Scope) -> Result<()> {
        if scope.visible.iter().any(|item| item.name == *column) {
            return Ok(());
        }
        let known: Vec<&str> = scope.visible.iter().map(|item| item.name.as_str()).collect();
        let message =
            format!("the table {:?} has no column {column:?}{}", table.name, suggest(column.as_str(), &known));
        Err(Error::new(ErrorKind::Schema, "schema.unknown_column", message)
            .with_table(table.name.as_str())
            .with_column(column.as_str()))
    }

    /// The columns of the row that was to be inserted: those that the insert names.
    fn incoming_row(&mut self, scope: &Scope, columns: &[Ident]) -> ScanId {
        let scan = self.scans.len();
        let source = ScanSource::Values { first: 0, rows: 0, columns: Vec::new() };
        self.scans.push(ScanInfo { source, alias: None, open: false, table: None });
        let mut visible = Vec::with_capacity(columns.len());
        for item in scope.visible.iter().filter(|item| columns.contains(&item.name)) {
            let Some(info) = self.columns.get(item.id).cloned() else { continue };
            let id = self.columns.len();
            self.columns.push(super::ColumnInfo { scan: Some(scan), ..info });
            visible.push(Item { name: item.name.clone(), relation: None, original: item.name.clone(), id });
        }
        self.incoming = Some(Scope { visible, ..Scope::default() });
        scan
    }
}

/// The same check for rows that stay beside the text, by column: each holds values of one type. Gives the types of a row's values.
fn packed_types(
    table: &TableName,
    columns: &[Ident],
    types: &[Option<SqlType>],
    rows: &PackedPart,
    mistakes: &mut Vec<Error>,
) -> Vec<SqlType> {
    let mut found = Vec::with_capacity(columns.len());
    for ((packed, target), column) in rows.columns().iter().zip(types).zip(columns) {
        let sql_type = packed.sql_type();
        if !packed.has_values() {
            found.push(target.unwrap_or(sql_type));
            continue;
        }
        if !storable(*target, sql_type) && mistakes.len() < MOST_MISTAKES {
            mistakes.push(wrong_value(table, column, *target, sql_type));
        }
        found.push(sql_type);
    }
    found
}

/// Whether a key is over exactly these columns, in any order, and over all of each.
fn is_key(key: &KeySchema, columns: &[Ident]) -> bool {
    key.plain
        && key.columns.len() == columns.len()
        && columns.iter().all(|name| key.columns.iter().any(|known| known == name.as_str()))
}

fn no_such_key(table: &TableSchema, columns: &[Ident]) -> Error {
    let shown =
        |names: &mut dyn Iterator<Item = &str>| names.map(crate::error::show_name).collect::<Vec<_>>().join(", ");
    let keys: Vec<String> = table
        .keys()
        .iter()
        .filter(|key| key.plain)
        .map(|key| format!("({})", shown(&mut key.columns.iter().map(String::as_str))))
        .collect();
    let there = if keys.is_empty() { "it has none".to_owned() } else { format!("it has {}", keys.join(", ")) };
    let message = format!(
        "the table {} has no primary or unique key over exactly {}; {there}",
        crate::error::show_name(&table.name),
        shown(&mut columns.iter().map(Ident::as_str))
    );
    Error::new(ErrorKind::Schema, "upsert.no_key", message).with_table(table.name.clone())
}

fn named_key(table: &TableName, name: &Ident, keys: &[KeySchema]) -> Result<Vec<Ident>> {
    let Some(key) = keys.iter().find(|key| key.name == name.as_str()) else {
        let known: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        let message = format!("the table {:?} has no key {name:?}{}", table.name, suggest(name.as_str(), &known));
        return Err(Error::new(ErrorKind::Schema, "upsert.no_key", message).with_table(table.name.as_str()));
    };
    if !key.plain {
        let message = format!(
            "the key {name:?} of {:?} is over an expression, a part of a text or some of the rows, and an upsert needs one over whole columns and all rows",
            table.name
        );
        return Err(Error::new(ErrorKind::Unsupported, "upsert.key", message).with_table(table.name.as_str()));
    }
    key.columns.iter().map(|name| Ident::from_catalog(name)).collect()
}
