//! Binding the names of statements about tables.

use super::Schema;
use super::access::Use;
use super::ddl::{DdlVerb, ResolvedAlteration, ResolvedColumn, ResolvedDdl, ResolvedIndex, ResolvedTable};
use super::resolve::{Resolver, Segmenter};
use super::resolve_expr::{Aggregates, Place};
use super::resolve_write::storable;
use super::resolved::{Body, ColumnInfo, ResolvedPlan, Rx, RxKind, ScanId, ScanInfo, ScanSource, each_operand};
use super::scope::{Item, Scope, suggest};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Expr, Function, NumberFunction, TimeFunction};
use crate::ident::Ident;
use crate::query::{
    Alteration, ColumnDefinition, Ddl, DdlKind, IndexDefinition, Reference, TableDefinition, TableName,
};
use crate::types::SqlType;

/// Binds the names of a statement about tables.
///
/// # Errors
///
/// All mistakes at once: repeated or unknown columns, two keys, a check that is no condition, a default of another type.
pub(crate) fn resolve_ddl(ddl: &Ddl, schema: &Schema, segment: Segmenter<'_>) -> Result<ResolvedPlan> {
    let mut mistakes = ddl.mistakes.clone();
    let result = match ddl.table.clone() {
        Ok(table) => resolve(ddl, table, schema, segment, &mut mistakes),
        Err(error) => Err(error),
    };
    match (result, Error::join(mistakes)) {
        (_, Some(mistakes)) => Err(mistakes.at(ddl.location)),
        (Err(error), None) => Err(error.at(ddl.location)),
        (Ok(plan), None) => Ok(plan),
    }
}

fn resolve(
    ddl: &Ddl,
    table: TableName,
    schema: &Schema,
    segment: Segmenter<'_>,
    mistakes: &mut Vec<Error>,
) -> Result<ResolvedPlan> {
    let mut resolver = Resolver::new(schema, segment);
    resolver.origin = Some(ddl.origin.clone());
    if ddl.is_temporary() && table.schema.is_some() {
        let message = format!("the temporary table {:?} belongs to no schema; leave out `in_schema`", table.name);
        mistakes.push(Error::new(ErrorKind::Plan, "table.temporary", message).with_table(table.name.as_str()));
    }
    let own = matches!(ddl.kind, DdlKind::Alter(_) | DdlKind::CreateIndex(_));
    let (scan, scope) = if own { resolver.write_target(&table) } else { (resolver.new_scan(&table), Scope::default()) };
    let mut referred = Vec::new();
    let verb = match &ddl.kind {
        DdlKind::Alter(alteration) => {
            let mut create = Create { resolver: &mut resolver, table: &table, mistakes, scope };
            DdlVerb::Alter(create.alteration(alteration, scan, &mut referred)?)
        }
        DdlKind::CreateIndex(index) => {
            let mut create = Create { resolver: &mut resolver, table: &table, mistakes, scope };
            DdlVerb::CreateIndex(create.index(index)?)
        }
        DdlKind::DropIndex { name, if_exists } => {
            let name = name.clone().ok_or_else(nameless)?;
            DdlVerb::DropIndex { name, if_exists: *if_exists }
        }
        DdlKind::Drop { if_exists, temporary } => DdlVerb::Drop { if_exists: *if_exists, temporary: *temporary },
        DdlKind::Truncate => DdlVerb::Truncate,
        DdlKind::Create(definition) => {
            let mut create = Create { resolver: &mut resolver, table: &table, mistakes, scope: Scope::default() };
            let resolved = create.table(definition, scan, schema);
            for (key, _, _) in resolved.foreign_keys.iter().filter(|(_, _, scan)| scan.is_some()) {
                referred.push((key.table.full_name(), key.references.clone()));
            }
            DdlVerb::Create(resolved)
        }
    };
    let body = Body::Ddl(Box::new(ResolvedDdl { table, scan, verb }));
    let mut plan = resolver.finish(ddl.statement_kind(), body);
    // What a foreign key names of another table is read there whenever it is checked.
    for (name, columns) in referred {
        let access = plan.facts.tables.iter_mut().find(|access| access.table == name && !access.verb.is_ddl());
        if let Some(access) = access {
            access.filter.extend(columns.iter().map(|column| column.as_str().to_owned()));
        }
    }
    Ok(plan)
}

impl Resolver<'_> {
    /// The place of a table that a statement names.
    fn new_scan(&mut self, table: &TableName) -> ScanId {
        let open = self.schema.find(table).is_none() && table.declared.is_none();
        let source = ScanSource::Table(table.clone());
        self.scans.push(ScanInfo { source, alias: Some(table.name.clone()), open, table: None });
        self.scans.len() - 1
    }
}

/// Its mistake is among those of the statement.
fn nameless() -> Error {
    Error::new(ErrorKind::Name, "ident.empty", "the index has no name that can be written")
}

struct Create<'r, 's> {
    resolver: &'r mut Resolver<'s>,
    table: &'r TableName,
    mistakes: &'r mut Vec<Error>,
    /// The columns of the table that is made.
    scope: Scope,
}

impl Create<'_, '_> {
    fn refuse(&mut self, code: &'static str, message: String) {
        self.mistakes.push(Error::new(ErrorKind::Plan, code, message).with_table(self.table.name.as_str()));
    }

    fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.mistakes.push(error)).ok()
    }

    fn table(&mut self, definition: &TableDefinition, scan: ScanId, schema: &Schema) -> ResolvedTable {
        let table = self.table.name.clone();
        if definition.columns.is_empty() {
            self.refuse("table.no_columns", format!("the table {table:?} has no columns; add one with `.column(..)`"));
        }
        // The columns of the new table, not those of one that may be there already.
        if let Some(info) = self.resolver.scans.get_mut(scan) {
            info.open = false;
        }
        let mut named: Vec<(Ident, &ColumnDefinition)> = Vec::new();
        for column in &definition.columns {
            self.mistakes.extend(column.mistake.clone());
            let Some(name) = self.note(column.name.clone()) else { continue };
            if named.iter().any(|(known, _)| *known == name) {
                let message = format!("the table {table:?} has the column {name:?} twice; leave one out");
                self.refuse("table.repeated_column", message);
                continue;
            }
            self.declare(&name, column, scan);
            named.push((name, column));
        }
        let primary_key = self.primary_key(definition, &named);
        let mut unique: Vec<(Option<Ident>, Vec<Ident>)> = Vec::new();
        for (name, _) in named.iter().filter(|(_, column)| column.unique) {
            unique.push((None, vec![name.clone()]));
        }
        unique.extend(definition.unique.iter().map(|key| (key.name.clone(), key.columns.clone())));
        for columns in unique.iter().map(|(_, columns)| columns).chain(std::iter::once(&primary_key)) {
            self.check_columns(columns, "a key");
        }
        let foreign_keys = definition.foreign_keys.iter().map(|key| self.foreign_key(key, &named, schema)).collect();
        let mut names = Names { table: &table, taken: Vec::new() };
        let unique: Vec<_> =
            unique.into_iter().map(|(name, columns)| (name.or_else(|| names.of(&columns, "key")), columns)).collect();
        let foreign_keys: Vec<(Reference, Option<ScanId>)> = foreign_keys;
        let foreign_keys: Vec<_> = foreign_keys
            .into_iter()
            .map(|(key, scan)| {
                let name = key.name.clone().or_else(|| names.of(&key.columns, "fkey"));
                (key, name, scan)
            })
            .collect();
        let mut checks = Vec::new();
        for (name, column) in &named {
            for condition in &column.checks {
                let called = names.of(std::slice::from_ref(name), "check");
                checks.extend(self.check(condition).map(|check| (called, check)));
            }
        }
        for check in &definition.checks {
            let called = check.name.clone().or_else(|| names.of(&[], "check"));
            checks.extend(self.check(&check.condition).map(|check| (called, check)));
        }
        let keyed = |name: &Ident| {
            primary_key.contains(name)
                || unique.iter().any(|(_, columns)| columns.contains(name))
                || foreign_keys.iter().any(|(key, _, _)| key.columns.contains(name))
        };
        let is_keyed: Vec<bool> = named.iter().map(|(name, _)| keyed(name)).collect();
        let columns = named.iter().zip(is_keyed);
        let columns = columns.map(|((name, column), keyed)| self.column(name, column, &primary_key, keyed)).collect();
        ResolvedTable {
            columns,
            primary_key,
            unique,
            foreign_keys,
            checks,
            temporary: definition.temporary,
            if_not_exists: definition.if_not_exists,
        }
    }

    /// Makes the column known to the expressions of the table.
    fn declare(&mut self, name: &Ident, column: &ColumnDefinition, scan: ScanId) {
        let id = self.resolver.columns.len();
        self.resolver.columns.push(ColumnInfo {
            name: name.clone(),
            sql_type: Some(column.sql_type),
            nullable: !column.not_null,
            // So is text of every table that this crate makes.
            binary_text: column.sql_type == SqlType::Text,
            scan: Some(scan),
            lineage: Vec::new(),
        });
        let relation = Some(self.table.name.clone());
        self.scope.visible.push(Item { original: name.clone(), name: name.clone(), relation, id });
        self.resolver.access.record(Use::Assign, id, &self.resolver.columns);
    }

    fn primary_key(&mut self, definition: &TableDefinition, named: &[(Ident, &ColumnDefinition)]) -> Vec<Ident> {
        let table = self.table.name.clone();
        let own: Vec<&(Ident, &ColumnDefinition)> = named.iter().filter(|(_, column)| column.primary_key).collect();
        let key = match (&definition.primary_key, own.as_slice()) {
            (None, []) => return Vec::new(),
            (Some(names), []) => names.clone(),
            (None, [(name, _)]) => vec![name.clone()],
            (Some(names), [(name, _)]) if names.len() == 1 && names.contains(name) => names.clone(),
            _ => {
                let message = format!(
                    "the table {table:?} has more than one primary key; write `.primary_key([..])` on the table for one of several columns, and an identity column as a key of its own"
                );
                self.refuse("table.primary_key", message);
                Vec::new()
            }
        };
        if let Some((name, _)) = own.iter().find(|(_, column)| column.identity && !is_countable(column.sql_type)) {
            let message = format!("the identity column {name:?} must be an integer of 16, 32 or 64 bits");
            self.refuse("table.identity", message);
        }
        key
    }

    fn check_columns(&mut self, columns: &[Ident], what: &str) {
        let known: Vec<String> = self.scope.visible.iter().map(|item| item.name.as_str().to_owned()).collect();
        for (place, column) in columns.iter().enumerate() {
            if columns.iter().take(place).any(|before| before == column) {
                self.refuse("table.repeated_column", format!("{what} of {:?} has {column:?} twice", self.table.name));
            } else if !known.iter().any(|known| known == column.as_str()) {
                let near: Vec<&str> = known.iter().map(String::as_str).collect();
                let message = format!(
                    "{what} of {:?} names no column {column:?}{}",
                    self.table.name,
                    suggest(column.as_str(), &near)
                );
                let error = Error::new(ErrorKind::Schema, "schema.unknown_column", message);
                self.mistakes.push(error.with_table(self.table.name.as_str()).with_column(column.as_str()));
            }
        }
    }

    fn foreign_key(
        &mut self,
        key: &Reference,
        named: &[(Ident, &ColumnDefinition)],
        schema: &Schema,
    ) -> (Reference, Option<ScanId>) {
        self.check_columns(&key.columns, "a foreign key");
        if key.columns.len() != key.references.len() {
            let message = format!(
                "a foreign key of {:?} has {} columns and refers to {}; name as many there",
                self.table.name,
                key.columns.len(),
                key.references.len()
            );
            self.refuse("table.references", message);
        }
        use crate::query::ReferentialAction::SetNull;
        if key.on_delete == SetNull || key.on_update == SetNull {
            let fixed = named.iter().find(|(name, column)| column.not_null && key.columns.contains(name));
            if let Some((name, _)) = fixed {
                let message = format!("the column {name:?} is not null, so a foreign key can't set it to null");
                self.refuse("table.set_null", message);
            }
        }
        if key.table.schema == self.table.schema && key.table.name == self.table.name {
            self.check_columns(&key.references, "a foreign key");
            return (key.clone(), None);
        }
        if let Some(known) = schema.find(&key.table) {
            for (column, own) in key.references.iter().zip(&key.columns) {
                let target = known.columns.iter().find(|known| known.name == *column);
                let own = named.iter().find(|(name, _)| name == own).map(|(_, column)| column.sql_type);
                match (target.map(|target| target.sql_type), own) {
                    (None, _) => {
                        let names: Vec<&str> = known.columns.iter().map(|column| column.name.as_str()).collect();
                        let near = suggest(column.as_str(), &names);
                        let message = format!("the table {:?} has no column {column:?}{near}", key.table.name);
                        let error = Error::new(ErrorKind::Schema, "schema.unknown_column", message);
                        self.mistakes.push(error.with_table(key.table.name.as_str()).with_column(column.as_str()));
                    }
                    (Some(Some(target)), Some(own)) if target.family() != own.family() => {
                        let message = format!(
                            "a foreign key of {:?} refers from {own} to {column:?} of {:?}, which is {target}",
                            self.table.name, key.table.name
                        );
                        self.refuse("table.references", message);
                    }
                    _ => {}
                }
            }
        }
        (key.clone(), Some(self.resolver.new_scan(&key.table)))
    }

    fn alteration(
        &mut self,
        alteration: &Alteration,
        scan: ScanId,
        referred: &mut Vec<(String, Vec<Ident>)>,
    ) -> Result<ResolvedAlteration> {
        // What is missing is among the mistakes, which are told in place of the plan.
        let unresolved = || Error::internal("ddl.unresolved");
        let mut names = Names { table: &self.table.name.clone(), taken: Vec::new() };
        Ok(match alteration {
            Alteration::Nothing => {
                let message = format!(
                    "the change of {:?} changes nothing; write `.add_column(..)` or another of its verbs",
                    self.table.name
                );
                return Err(Error::new(ErrorKind::Plan, "table.alter_nothing", message));
            }
            Alteration::AddColumn(column) => {
                self.mistakes.extend(column.mistake.clone());
                let name = column.name.clone()?;
                if column.unique || column.primary_key {
                    let message = format!(
                        "the column {name:?} is added without a key; add that with `.add_unique(..)` or `db.create_index(..)`"
                    );
                    self.refuse("table.alter_key", message);
                }
                if column.not_null && column.default.is_none() {
                    let message = format!(
                        "the column {name:?} is not null and the rows that are there need a value; give it a `.default(..)`"
                    );
                    self.refuse("table.not_null_default", message);
                }
                if self.scope.visible.iter().any(|item| item.name == name) {
                    let message = format!("the table {:?} has a column {name:?} already", self.table.name);
                    self.refuse("table.repeated_column", message);
                }
                self.declare(&name, column, scan);
                let mut checks = Vec::new();
                for condition in &column.checks {
                    let called = names.of(std::slice::from_ref(&name), "check");
                    checks.extend(self.check(condition).map(|check| (called, check)));
                }
                ResolvedAlteration::AddColumn { column: self.column(&name, column, &[], false), checks }
            }
            Alteration::DropColumn(name) => {
                self.known(name)?;
                ResolvedAlteration::DropColumn(name.clone())
            }
            Alteration::RenameColumn(from, to) => {
                self.known(from)?;
                ResolvedAlteration::RenameColumn(from.clone(), to.clone())
            }
            Alteration::RenameTable(to) => ResolvedAlteration::RenameTable(to.clone()),
            Alteration::Redefine { name, change, kept } => {
                let from = self.known(name)?;
                ResolvedAlteration::Redefine { name: name.clone(), from, change: *change, kept: kept.clone() }
            }
            Alteration::SetDefault(name, value) => {
                let sql_type = self.known(name)?;
                let place = Place { use_for: Use::Filter, aggregates: Aggregates::Forbidden("a default") };
                let rx = self.resolver.expr(value, &Scope::default(), place)?;
                if let Some(found) = rx.sql_type()
                    && !storable(sql_type, found)
                {
                    let target = sql_type.map_or_else(|| "another type".to_owned(), |target| target.to_string());
                    let message =
                        format!("the column {name:?} of {:?} is {target} and its default is {found}", self.table.name);
                    return Err(Error::new(ErrorKind::Type, "type.value", message).with_column(name.as_str()));
                }
                let rx = self.fixed(&rx, "a default", false).ok_or_else(unresolved)?;
                ResolvedAlteration::SetDefault(name.clone(), rx)
            }
            Alteration::DropDefault(name) => {
                self.known(name)?;
                ResolvedAlteration::DropDefault(name.clone())
            }
            Alteration::AddUnique(key) => {
                for column in &key.columns {
                    self.known(column)?;
                }
                ResolvedAlteration::AddUnique(key.name.clone(), key.columns.clone())
            }
            Alteration::AddForeignKey(key) => {
                for column in &key.columns {
                    self.known(column)?;
                }
                if key.columns.len() != key.references.len() {
                    let message =
                        format!("a foreign key of {:?} refers to more or fewer columns than it has", self.table.name);
                    self.refuse("table.references", message);
                }
                if key.table != *self.table {
                    self.resolver.new_scan(&key.table);
                    referred.push((key.table.full_name(), key.references.clone()));
                }
                let name = key.name.clone().or_else(|| names.of(&key.columns, "fkey"));
                ResolvedAlteration::AddForeignKey(key.clone(), name)
            }
            Alteration::AddCheck(check) => {
                let rx = self.check(&check.condition).ok_or_else(unresolved)?;
                ResolvedAlteration::AddCheck(check.name.clone(), rx)
            }
            Alteration::DropConstraint(name) => ResolvedAlteration::DropConstraint(name.clone()),
        })
    }

    /// A column that the table has, as far as that is known; its type.
    fn known(&mut self, name: &Ident) -> Result<Option<SqlType>> {
        let scope = std::mem::take(&mut self.scope);
        let id = self.resolver.target_column(self.table, name, &scope);
        self.scope = scope;
        Ok(self.resolver.columns.get(id?).and_then(|info| info.sql_type))
    }

    fn index(&mut self, index: &IndexDefinition) -> Result<ResolvedIndex> {
        let name = index.name.clone().ok_or_else(nameless)?;
        if index.keys.is_empty() {
            self.refuse("index.no_keys", format!("the index {name:?} is by nothing; write `.keys([\"column\"])`"));
        }
        let scope = std::mem::take(&mut self.scope);
        let mut keys = Vec::with_capacity(index.keys.len());
        for key in &index.keys {
            let place = Place { use_for: Use::Sort, aggregates: Aggregates::Forbidden("an index") };
            let rx = self.resolver.expr(&key.expr, &scope, place);
            let rx = self.note(rx).and_then(|rx| self.fixed(&rx, "an index", true));
            keys.extend(rx.map(|rx| (rx, key.descending)));
        }
        self.scope = scope;
        let condition = index.condition.as_ref().and_then(|condition| self.check(condition));
        Ok(ResolvedIndex { name, keys, unique: index.unique, condition, if_not_exists: index.if_not_exists })
    }

    fn check(&mut self, condition: &Expr) -> Option<Rx> {
        let place = Place { use_for: Use::Filter, aggregates: Aggregates::Forbidden("a check") };
        let scope = std::mem::take(&mut self.scope);
        let rx = self.resolver.condition(condition, &scope, place);
        self.scope = scope;
        let rx = self.note(rx)?;
        self.fixed(&rx, "a check", true)
    }

    fn column(
        &mut self,
        name: &Ident,
        column: &ColumnDefinition,
        primary_key: &[Ident],
        keyed: bool,
    ) -> ResolvedColumn {
        let (table, sql_type) = (self.table.name.clone(), column.sql_type);
        let scope = std::mem::take(&mut self.scope);
        let value = |resolver: &mut Resolver<'_>, expr: &Expr, scope: &Scope, what: &str| {
            let place = Place { use_for: Use::Filter, aggregates: Aggregates::Forbidden("a column's value") };
            let rx = resolver.expr(expr, scope, place)?;
            match rx.sql_type() {
                Some(found) if !storable(Some(sql_type), found) => {
                    let message = format!("the column {name:?} of {table:?} is {sql_type} and {what} is {found}");
                    let error = Error::new(ErrorKind::Type, "type.value", message);
                    Err(error.with_table(table.as_str()).with_column(name.as_str()))
                }
                _ => Ok(rx),
            }
        };
        let default = column.default.as_ref();
        let default = default.map(|expr| value(self.resolver, expr, &Scope::default(), "its default"));
        let generated = column.generated.as_ref();
        let generated = generated.map(|(expr, kind)| Ok((value(self.resolver, expr, &scope, "its value")?, *kind)));
        self.scope = scope;
        let default = default.and_then(|rx| self.note(rx)).and_then(|rx| self.fixed(&rx, "a default", false));
        let generated = generated
            .and_then(|found: Result<_>| self.note(found))
            .and_then(|(rx, kind)| Some((self.fixed(&rx, "a generated column", true)?, kind)));
        let in_key = primary_key.contains(name);
        if generated.is_some() && (column.not_null || column.default.is_some() || in_key) {
            let message = format!(
                "the generated column {name:?} takes neither a default nor `not_null`, and is no primary key; leave these out"
            );
            self.refuse("table.generated", message);
        }
        if column.identity && column.default.is_some() {
            self.refuse("table.identity", format!("the identity column {name:?} takes no default; leave it out"));
        }
        let sized = matches!(sql_type, SqlType::Text | SqlType::Bytes);
        if column.max_length.is_some_and(|length| !sized || !(1..=16_383).contains(&length)) {
            let message = format!("`max_length` of {name:?} is for text and bytes, from 1 to 16383");
            self.refuse("table.max_length", message);
        }
        if let SqlType::Decimal(Some((precision, scale))) = sql_type
            && (!(1..=28).contains(&precision) || scale > precision)
        {
            let message = format!("the decimal {name:?} has 1 to 28 digits, and no more of them after the point");
            self.refuse("table.decimal", message);
        }
        ResolvedColumn {
            name: name.clone(),
            sql_type,
            max_length: column.max_length,
            not_null: column.not_null || in_key,
            identity: column.identity,
            keyed,
            default,
            generated,
        }
    }

    /// An expression that the database keeps: without subqueries and windows, and where its value must last, without a clock.
    fn fixed(&mut self, rx: &Rx, what: &str, lasts: bool) -> Option<Rx> {
        match fault(rx, lasts) {
            None => Some(rx.clone()),
            Some(fault) => {
                self.refuse("table.expression", format!("{what} can't hold {fault}; leave it out"));
                None
            }
        }
    }
}

fn is_countable(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::Int16 | SqlType::Int32 | SqlType::Int64)
}

/// What makes the expression none for a database to keep.
pub(super) fn fault(rx: &Rx, lasts: bool) -> Option<&'static str> {
    let own = match rx.kind() {
        RxKind::Subquery { .. } => Some("a question to another table"),
        RxKind::Over(_) => Some("a function over a window"),
        RxKind::Aggregate(_) => Some("an aggregate"),
        RxKind::Call(Function::Number(NumberFunction::Random), _) if lasts => Some("a random number"),
        RxKind::Call(
            Function::Time(TimeFunction::CurrentDate | TimeFunction::CurrentTime | TimeFunction::CurrentTimestamp),
            _,
        ) if lasts => Some("the current time"),
        _ => None,
    };
    let mut found = own;
    each_operand(rx.kind(), &mut |operand| found = found.or_else(|| fault(operand, lasts)));
    found
}

/// Names for constraints that were given none, the same on every database.
struct Names<'t> {
    table: &'t Ident,
    taken: Vec<String>,
}

impl Names<'_> {
    /// `<table>_<columns>_<what>`, with a number if that is taken; `None`, and so the database's own, if that is too long.
    fn of(&mut self, columns: &[Ident], what: &str) -> Option<Ident> {
        let mut base = self.table.as_str().to_owned();
        for column in columns {
            base.push('_');
            base.push_str(column.as_str());
        }
        base.push('_');
        base.push_str(what);
        let mut name = base.clone();
        let mut number = 1;
        while self.taken.contains(&name) {
            name = format!("{base}{number}");
            number += 1;
        }
        self.taken.push(name.clone());
        Ident::new(name).ok()
    }
}
