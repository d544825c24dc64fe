//! Verbs that stand for plainer ones, said in those.

use std::sync::Arc;

use super::access::Use;
use super::binds::Provenance;
use super::resolve::{Resolver, extend, filter, refuse_repeated};
use super::resolve_expr::{Aggregates, Place, conjunction, implied_name};
use super::resolved::{ColumnId, ColumnInfo, ElementOf, Explosion, Node, NodeKind, Rx, RxKind};
use super::scope::{Item, Scope};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Comparison, Expr, Function, JsonFunction, JsonPath, Kind, coalesce, concat, lit};
use crate::ident::Ident;
use crate::query::{Cell, Chosen, Exploded, JoinKind, Relation, Step, ValueRows};
use crate::types::{Family, SqlType};
use crate::value::{Bind, Value};

impl Resolver<'_> {
    pub(super) fn step(&mut self, input: &Arc<Relation>, step: &Step) -> Result<(Node, Scope)> {
        let (node, scope) = self.relation(input)?;
        match step {
            Step::FillNull { columns, value } => self.fill_null(node, scope, columns, value),
            Step::DropNulls { columns, whole } => self.drop_nulls(node, scope, columns, *whole, step.name()),
            Step::Explode(exploded) => self.explode(node, scope, exploded),
            Step::GroupingSets { keys, sets, aggregates } => {
                self.aggregate_verb(node, scope, keys, aggregates, Some(sets))
            }
            Step::Pivot { keys, sets, column, cells, aggregates } => {
                let aggregates = pivoted(column, cells, aggregates)?;
                self.aggregate_verb(node, scope, keys, &aggregates, sets.as_deref())
            }
            Step::Sample { keys, below, seed } => self.sample(node, scope, keys, below, seed),
            Step::Unpivot { columns, name, value } => self.unpivot(node, scope, columns, name, value),
            Step::Closed(verb) => {
                self.close(&scope, &format!("`{verb}`"))?;
                Ok((node, scope))
            }
            Step::DistinctOn(first) => {
                let place = Place { use_for: Use::Filter, aggregates: Aggregates::Forbidden("where_") };
                let first = self.condition(first, &scope, place)?;
                let mut defined = Vec::new();
                let first = self.hoist_windows(first, &mut defined);
                Ok((filter(self.extended(node, defined), first), scope))
            }
        }
    }

    fn fill_null(&mut self, node: Node, mut scope: Scope, columns: &Chosen, value: &Expr) -> Result<(Node, Scope)> {
        self.close(&scope, "`fill_null`")?;
        let place = Place { use_for: Use::Output, aggregates: Aggregates::Forbidden("fill_null") };
        let before = scope.clone();
        let positions = match columns {
            Chosen::Named(names) => names.iter().map(|name| scope.position(name)).collect::<Result<Vec<_>>>()?,
            Chosen::All => {
                let value = self.expr(value, &before, place)?;
                self.fitting(&scope, &value)?
            }
        };
        let mut defined = Vec::new();
        for position in positions {
            let Some(item) = scope.visible.get_mut(position) else { return Err(Error::internal("fill_null.position")) };
            let column = self.use_column(item.id, Use::Output);
            let (nullable, sql_type) = (column.nullable(), column.sql_type());
            // Bound anew for each column: a number is bound as what it stands beside.
            let value = self.expr(value, &before, place)?;
            let value = self.with_digits_of(value, sql_type);
            let (both, common) = self.one_type(vec![column, value], "`fill_null`")?;
            if !nullable && common == sql_type {
                continue;
            }
            let nullable = both.iter().all(Rx::nullable);
            item.id = self.define(Rx::new(RxKind::Coalesce(both), common, nullable), &item.name, &mut defined);
        }
        Ok((self.extended(node, defined), scope))
    }

    /// A number that fits a decimal column is bound with as many digits as the column has: 0 beside 10.25 is 0.00.
    fn with_digits_of(&mut self, value: Rx, column: Option<SqlType>) -> Rx {
        let (RxKind::Bind(id), Some(SqlType::Decimal(Some((_, scale))))) = (value.kind(), column) else { return value };
        if !self.binds.rescale(*id, scale, column.unwrap_or(SqlType::Decimal(None))) {
            return value;
        }
        Rx::new(RxKind::Bind(*id), column, value.nullable())
    }

    /// The columns of the value's family.
    fn fitting(&self, scope: &Scope, value: &Rx) -> Result<Vec<usize>> {
        let Some(sql_type) = value.sql_type() else {
            self.need_types(&[value], "`fill_null`")?;
            let message = "`fill_null(all(), ..)` fills the columns of the value's type, which is not known here; name the columns";
            return Err(Error::new(ErrorKind::Type, "fill_null.type", message));
        };
        let fits = |item: &Item| {
            let known = self.columns.get(item.id).and_then(|info| info.sql_type);
            known.is_some_and(|known| known.family() == sql_type.family())
        };
        let found: Vec<usize> =
            scope.visible.iter().enumerate().filter(|(_, item)| fits(item)).map(|(position, _)| position).collect();
        if found.is_empty() {
            let message = format!("no column here is filled with a {sql_type}; write a value of another type");
            return Err(Error::new(ErrorKind::Type, "fill_null.no_column", message));
        }
        Ok(found)
    }

    fn drop_nulls(
        &mut self,
        node: Node,
        scope: Scope,
        columns: &Chosen,
        whole: bool,
        verb: &'static str,
    ) -> Result<(Node, Scope)> {
        let ids: Vec<ColumnId> = match columns {
            Chosen::Named(names) => {
                names.iter().map(|name| self.find_column(None, name, None, &scope)).collect::<Result<_>>()?
            }
            Chosen::All => {
                self.close(&scope, &format!("`{verb}(all())`"))?;
                scope.visible.iter().map(|item| item.id).collect()
            }
        };
        let present = ids
            .into_iter()
            .map(|id| {
                let column = self.use_column(id, Use::Filter);
                Rx::new(RxKind::IsNull(column, true), Some(SqlType::Bool), false)
            })
            .collect();
        Ok((filter(node, conjunction(present, !whole)), scope))
    }

    /// Every row beside every one of the columns' names, and of each pair the column of that name.
    fn unpivot(
        &mut self,
        node: Node,
        scope: Scope,
        columns: &[Ident],
        name: &Ident,
        value: &Ident,
    ) -> Result<(Node, Scope)> {
        self.close(&scope, "`unpivot`")?;
        let mut kept = scope.visible.clone();
        let mut ids = Vec::with_capacity(columns.len());
        for column in columns {
            ids.push(scope.visible.get(scope.position(column)?).map(|item| item.id));
            if !kept.iter().any(|item| item.name == *column) {
                let message = format!("`unpivot` names {column:?} twice; name each column once");
                return Err(Error::new(ErrorKind::Plan, "plan.repeated_column", message).with_column(column.as_str()));
            }
            kept.retain(|item| item.name != *column);
        }
        let parts = ids.into_iter().flatten().map(|id| self.use_column(id, Use::Output)).collect();
        let (parts, sql_type) = self.one_type(parts, "`unpivot`")?;
        let place = Ident::fixed("place")?;
        let rows = columns.iter().zip(1_i64..).map(|(column, place)| {
            let bind = |value, sql_type| Bind { value, sql_type };
            vec![bind(Value::Int(place), SqlType::Int64), bind(Value::Text(column.as_str().to_owned()), SqlType::Text)]
        });
        let names =
            ValueRows { columns: vec![(place, SqlType::Int64), (name.clone(), SqlType::Text)], rows: rows.collect() };
        let (names, names_scope) = self.values(&names, |_| Provenance::Own);
        let [place, named] = names_scope.visible.as_slice() else { return Err(Error::internal("unpivot.names")) };
        for item in [place, named] {
            if let Some(info) = self.columns.get_mut(item.id) {
                info.nullable = false;
            }
        }
        let place = self.columns.get(place.id).map(|info| Rx::column(place.id, info));
        let place = place.ok_or_else(|| Error::internal("unpivot.place"))?;
        let nullable = true;
        let mut arms = Vec::with_capacity(parts.len());
        for (part, number) in parts.into_iter().zip(1_i64..) {
            let number = self.own_literal(Value::Int(number), SqlType::Int64);
            arms.push((self.comparison(Comparison::Equal, place.clone(), number)?, part));
        }
        let mut defined = Vec::new();
        let chosen = Rx::new(RxKind::Case { arms, otherwise: None }, sql_type, nullable);
        let id = self.define(chosen, value, &mut defined);
        kept.push(named.clone());
        kept.push(Item { name: value.clone(), relation: None, original: value.clone(), id });
        refuse_repeated(&kept)?;
        let (left, right) = (Box::new(node), Box::new(names));
        let pairs = NodeKind::Join { left, right, kind: JoinKind::Cross, on: None }.node();
        Ok((extend(pairs, defined), Scope { visible: kept, ..Scope::default() }))
    }

    fn sample(&mut self, node: Node, scope: Scope, keys: &[Expr], below: &str, seed: &str) -> Result<(Node, Scope)> {
        let place = Place { use_for: Use::Filter, aggregates: Aggregates::Forbidden("sample_by") };
        let mut parts = vec![lit(seed)];
        for key in keys {
            let rx = self.expr(key, &scope, place)?;
            self.need_types(&[&rx], "`sample_by`")?;
            let text = match rx.sql_type().map(|found| (found, found.family())) {
                Some((_, Family::Text)) => key.clone(),
                Some((found, Family::Number)) if found.is_integer() => key.clone().cast(SqlType::Text),
                Some((_, Family::Bool | Family::Date | Family::Uuid)) => key.clone().cast(SqlType::Text),
                _ => {
                    let message = format!(
                        "a key of `sample_by` is an integer, text, a boolean, a date or a UUID, not {}; choose another, or convert it with `.cast(..)`",
                        self.described(&rx)
                    );
                    return Err(Error::new(ErrorKind::Type, "sample.key", message));
                }
            };
            // NULL is told from the empty text.
            parts.push(coalesce([concat([lit(":"), text]), lit("")]));
        }
        let condition = concat(parts).sha256().lt(below);
        let condition = self.condition(&condition, &scope, place)?;
        Ok((filter(node, condition), scope))
    }

    fn explode(&mut self, node: Node, mut scope: Scope, exploded: &Exploded) -> Result<(Node, Scope)> {
        self.close(&scope, "`explode`")?;
        let place = scope.position(&exploded.column)?;
        let Some(item) = scope.visible.get_mut(place) else { return Err(Error::internal("explode.position")) };
        let array = item.id;
        let column = self.use_column(array, Use::Join);
        let (of, sql_type, read) = self.elements_of(&column, exploded)?;
        let mut lineage = Vec::new();
        self.lineage(&column, &mut lineage);
        let element = self.made(&exploded.column, sql_type, lineage);
        item.id = element;
        let mut defined = Vec::new();
        if let (Some(read), Some(info)) = (read, self.columns.get(element)) {
            let value = Rx::column(element, info);
            let value = self.call(&Function::Json(read), vec![value])?;
            item.id = self.define(value, &exploded.column, &mut defined);
        }
        let position = exploded.position.as_ref().map(|name| {
            let id = self.made(name, SqlType::Int64, Vec::new());
            scope.visible.push(Item { name: name.clone(), relation: None, original: name.clone(), id });
            id
        });
        refuse_repeated(&scope.visible)?;
        let explosion = Explosion { array, element, of, position, outer: exploded.outer };
        Ok((extend(NodeKind::Explode(Box::new(node), explosion).node(), defined), scope))
    }

    /// Which elements, of which type, and how JSON is read as what is wanted.
    fn elements_of(&self, column: &Rx, exploded: &Exploded) -> Result<(ElementOf, SqlType, Option<JsonFunction>)> {
        let wrong = |message: String| {
            let error = Error::new(ErrorKind::Type, "explode.type", message);
            Err(error.with_column(exploded.column.as_str()))
        };
        let Some(sql_type) = column.sql_type() else {
            self.need_types(&[column], "`explode`")?;
            return wrong(format!(
                "`explode` needs the type of {:?}, which is not known; declare the table with `table!`",
                exploded.column
            ));
        };
        let json = |read| Ok((ElementOf::Json, SqlType::Json, read));
        match (sql_type, sql_type.family(), exploded.element) {
            (SqlType::Array(element), _, None) => Ok((ElementOf::Array, *element, None)),
            (SqlType::Array(element), _, Some(wanted)) if *element == wanted => Ok((ElementOf::Array, wanted, None)),
            (SqlType::Array(element), _, Some(wanted)) => wrong(format!(
                "the elements of {:?} are {element}, not {wanted}; leave out `as_type` and convert them with `.cast(..)` afterwards",
                exploded.column
            )),
            (_, Family::Json | Family::Text, wanted) => match wanted.unwrap_or(SqlType::Json) {
                SqlType::Json => json(None),
                SqlType::Text => json(Some(JsonFunction::Text(JsonPath::default()))),
                SqlType::Int64 => json(Some(JsonFunction::Int(JsonPath::default()))),
                SqlType::Float64 => json(Some(JsonFunction::Float(JsonPath::default()))),
                SqlType::Bool => json(Some(JsonFunction::Bool(JsonPath::default()))),
                other => wrong(format!(
                    "an element of JSON is text, bigint, double, boolean or json, not {other}; convert it with `.cast(..)` afterwards"
                )),
            },
            _ => wrong(format!(
                "`explode` takes a column of arrays or of JSON, not {}; write one that holds several values",
                self.described(column)
            )),
        }
    }

    /// The keys of grouping sets, as columns of their own: in a row that sums over one it is NULL, whatever it is before. Gives each
    /// with what it was.
    pub(super) fn grouped_keys(&mut self, keys: &mut Scope) -> Vec<(ColumnId, ColumnId)> {
        let mut pairs = Vec::with_capacity(keys.visible.len());
        for item in &mut keys.visible {
            let Some(info) = self.columns.get(item.id) else { continue };
            let (sql_type, binary_text) = (info.sql_type, info.binary_text);
            let mut lineage = Vec::new();
            self.lineage(&Rx::column(item.id, info), &mut lineage);
            let (name, nullable) = (item.name.clone(), true);
            self.columns.push(ColumnInfo { name, sql_type, nullable, binary_text, scan: None, lineage });
            let made = self.columns.len() - 1;
            pairs.push((item.id, made));
            item.id = made;
        }
        self.grouped = pairs.iter().map(|(_, made)| *made).collect();
        pairs
    }

    /// A new column that may be NULL.
    fn made(&mut self, name: &Ident, sql_type: SqlType, lineage: Vec<ColumnId>) -> ColumnId {
        self.columns.push(ColumnInfo {
            name: name.clone(),
            sql_type: Some(sql_type),
            nullable: true,
            binary_text: false,
            scan: None,
            lineage,
        });
        self.columns.len() - 1
    }
}

/// Each aggregate for each value, over the rows that have it.
fn pivoted(column: &Expr, cells: &[Cell], aggregates: &[Expr]) -> Result<Vec<Expr>> {
    let mut spread = Vec::with_capacity(aggregates.len().saturating_mul(cells.len()));
    for aggregate in aggregates {
        let mut inner = aggregate;
        while let Kind::Alias(next, _) = inner.kind() {
            inner = next;
        }
        match inner.kind() {
            Kind::Aggregate(_) => {}
            Kind::Invalid(error) => return Err(error.clone()),
            _ => {
                let message = "`pivot` takes aggregates, each by itself, as `sum(col(\"total\"))`; compute with the columns that it gives afterwards";
                return Err(Error::new(ErrorKind::Plan, "pivot.aggregate", message));
            }
        }
        for cell in cells {
            let condition = match &cell.value {
                Some(value) => column.clone().eq(value.clone()),
                None => column.clone().is_null(),
            };
            let name = match aggregates {
                [_] => cell.name.clone(),
                _ => Ident::new(format!("{}_{}", implied_name(aggregate)?, cell.name))?,
            };
            spread.push(Expr::make(Kind::Alias(inner.clone().filter(condition), name)));
        }
    }
    Ok(spread)
}
