//! Set operations: which column of one member meets which of the other, and in what type.

use std::sync::Arc;

use super::access::Use;
use super::resolve::{Resolver, extend};
use super::resolved::{ColumnId, ColumnInfo, Node, NodeKind, Rx, RxKind, SetColumn};
use super::scope::{Item, Scope, suggest};
use super::typing;
use crate::error::{Error, ErrorKind, Result, show_name};
use crate::ident::Ident;
use crate::query::{Relation, SetKind, SetOperation};
use crate::types::{Family, SqlType};
use crate::value::Value;

impl Resolver<'_> {
    pub(super) fn set(
        &mut self,
        left: &Arc<Relation>,
        right: &Arc<Relation>,
        operation: SetOperation,
        by_name: bool,
    ) -> Result<(Node, Scope)> {
        let what = format!("`{}`", operation.name());
        let (left_node, left_scope) = self.relation(left)?;
        let (right_node, right_scope) = self.relation(right)?;
        self.close_both(&left_scope, &right_scope, &what)?;
        let members = self.members((left_node, left_scope), (right_node, right_scope), operation, by_name)?;
        let (left, right, scope, columns) = members;
        let (left, right) = (Box::new(left), Box::new(right));
        Ok((NodeKind::Set { left, right, operation, columns }.node(), scope))
    }

    /// Two resolved relations as members: their nodes with what brings their columns to one type, and the columns of the result.
    pub(super) fn members(
        &mut self,
        (left_node, left): (Node, Scope),
        (right_node, right): (Node, Scope),
        operation: SetOperation,
        by_name: bool,
    ) -> Result<(Node, Node, Scope, Vec<SetColumn>)> {
        let pairs = pairs(&left, &right, operation, by_name)?;
        let (mut left_defined, mut right_defined) = (Vec::new(), Vec::new());
        let mut columns = Vec::with_capacity(pairs.len());
        let mut visible = Vec::with_capacity(pairs.len());
        for (left, right) in pairs {
            let sql_type = self.common_type(left, right, operation)?;
            let left_id = self.converted(left, sql_type, &mut left_defined);
            let right_id = self.converted(right, sql_type, &mut right_defined);
            if operation.is_distinct() || operation.kind != SetKind::Union {
                for id in [left_id, right_id] {
                    self.access.record(Use::Group, id, &self.columns);
                }
            }
            let id = self.set_column(&left.name, left_id, right_id, sql_type, operation.kind);
            columns.push(SetColumn { id, left: left_id, right: right_id });
            visible.push(Item { name: left.name.clone(), relation: None, original: left.name.clone(), id });
        }
        let scope = Scope { visible, ..Scope::default() };
        Ok((extend(left_node, left_defined), extend(right_node, right_defined), scope, columns))
    }

    fn set_column(
        &mut self,
        name: &Ident,
        left: ColumnId,
        right: ColumnId,
        sql_type: Option<SqlType>,
        kind: SetKind,
    ) -> ColumnId {
        let mut lineage = Vec::new();
        let (mut nullable, mut binary_text) = ([true; 2], [false; 2]);
        for (side, id) in [left, right].into_iter().enumerate() {
            let Some(info) = self.columns.get(id) else { continue };
            if let (Some(nullable), Some(binary)) = (nullable.get_mut(side), binary_text.get_mut(side)) {
                (*nullable, *binary) = (info.nullable, info.binary_text);
            }
            self.lineage(&Rx::column(id, info), &mut lineage);
        }
        let [left_null, right_null] = nullable;
        let nullable = match kind {
            SetKind::Union => left_null || right_null,
            SetKind::Intersect => left_null && right_null,
            SetKind::Except => left_null,
        };
        let [left_binary, right_binary] = binary_text;
        let binary_text = left_binary && right_binary;
        self.columns.push(ColumnInfo { name: name.clone(), sql_type, nullable, binary_text, scan: None, lineage });
        self.columns.len() - 1
    }

    fn common_type(&self, left: &Item, right: &Item, operation: SetOperation) -> Result<Option<SqlType>> {
        let columns = [left, right].map(|item| self.columns.get(item.id).map(|info| Rx::column(item.id, info)));
        let columns: Vec<&Rx> = columns.iter().flatten().collect();
        self.need_types(&columns, &format!("`{}`", operation.name()))?;
        let type_of = |item: &Item| self.columns.get(item.id).and_then(|info| info.sql_type);
        let (one, other) = (type_of(left), type_of(right));
        let described = |item: &Item, found: Option<SqlType>| {
            let found = found.map_or_else(|| "unknown".to_owned(), |found| found.to_string());
            format!("{:?} ({found})", item.name)
        };
        let clash = |why: &str| {
            let message = format!(
                "`{}` has {} on the left and {} on the right{why}; convert one with `.cast(..)` in a `select` before it",
                operation.name(),
                described(left, one),
                described(right, other)
            );
            Err(Error::new(ErrorKind::Type, "set.type", message).with_column(left.name.as_str()))
        };
        let common = match (one, other) {
            // A column of raw SQL, or of a type that the builder has no name for.
            (None, _) | (_, None) => None,
            (Some(_), Some(_)) => match typing::common(one, other) {
                Ok(common) => common,
                Err(()) => return clash(""),
            },
        };
        let compares = operation.kind != SetKind::Union || operation.is_distinct();
        if compares && common.is_some_and(|found| matches!(found.family(), Family::Json | Family::Array)) {
            return clash(", whose equality is another one on each database");
        }
        Ok(common)
    }

    /// The column as `sql_type`: itself, or, for an integer that meets fractions and a decimal that meets doubles, converted.
    fn converted(&mut self, item: &Item, sql_type: Option<SqlType>, defined: &mut Vec<(ColumnId, Rx)>) -> ColumnId {
        let Some(info) = self.columns.get(item.id) else { return item.id };
        let (Some(from), Some(to)) = (info.sql_type, sql_type) else { return item.id };
        let meets = match to {
            SqlType::Float64 => !from.is_float(),
            SqlType::Decimal(Some(_)) => from.is_integer(),
            _ => false,
        };
        if from.family() != Family::Number || !meets {
            return item.id;
        }
        let operand = Rx::column(item.id, info);
        let number = if let SqlType::Decimal(Some((_, scale))) = to { i64::from(scale) } else { 0 };
        let helper = self.own_bind(Value::Int(number), SqlType::Int64);
        let nullable = operand.nullable();
        self.define(Rx::new(RxKind::Cast { operand, to, helper }, Some(to), nullable), &item.name, defined)
    }
}

/// Which column of the right member stands beside each of the left one.
fn pairs<'s>(
    left: &'s Scope,
    right: &'s Scope,
    operation: SetOperation,
    by_name: bool,
) -> Result<Vec<(&'s Item, &'s Item)>> {
    let verb = operation.name();
    if !by_name {
        if left.visible.len() != right.visible.len() {
            let message = format!(
                "`{verb}` has {} on the left and {} on the right; select the same number on both sides",
                listed(left),
                listed(right)
            );
            return Err(Error::new(ErrorKind::Plan, "set.width", message));
        }
        return Ok(left.visible.iter().zip(&right.visible).collect());
    }
    let mut pairs = Vec::with_capacity(left.visible.len());
    for item in &left.visible {
        match right.visible.iter().find(|other| other.name == item.name) {
            Some(other) => pairs.push((item, other)),
            None => return Err(missing(verb, &item.name, "right", right)),
        }
    }
    match right.visible.iter().find(|item| !left.visible.iter().any(|other| other.name == item.name)) {
        Some(extra) => Err(missing(verb, &extra.name, "left", left)),
        None => Ok(pairs),
    }
}

fn missing(verb: &str, name: &Ident, side: &str, scope: &Scope) -> Error {
    let known: Vec<&str> = scope.visible.iter().map(|item| item.name.as_str()).collect();
    let message = format!(
        "`{verb}` by name finds no column {name:?} on the {side}{}; both sides must have the same names",
        suggest(name.as_str(), &known)
    );
    Error::new(ErrorKind::Schema, "set.name", message).with_column(name.as_str())
}

/// `2 columns (a, b)`.
fn listed(scope: &Scope) -> String {
    let names: Vec<String> = scope.visible.iter().take(12).map(|item| show_name(item.name.as_str())).collect();
    let more = if scope.visible.len() > names.len() { ", …" } else { "" };
    let plural = if scope.visible.len() == 1 { "column" } else { "columns" };
    format!("{} {plural} ({}{more})", scope.visible.len(), names.join(", "))
}
