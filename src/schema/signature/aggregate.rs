//! Aggregates: where they may stand, what they take and give.

use super::{Resolver, Rx, RxKind};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Aggregate, AggregateCall, Expr, OrderKey};
use crate::schema::access::Use;
use crate::schema::resolve_expr::{Aggregates, Place};
use crate::schema::scope::Scope;
use crate::schema::typing;
use crate::types::{Family, SqlType};

impl Resolver<'_> {
    pub(in crate::schema) fn aggregate(
        &mut self,
        call: &AggregateCall<Expr>,
        scope: &Scope,
        place: Place<'_>,
    ) -> Result<Rx> {
        let name = call.function.name();
        match place.aggregates {
            Aggregates::Allowed { .. } => {}
            Aggregates::Inside => {
                let message = format!("`{name}` stands inside another aggregate; aggregate twice, with two `agg`");
                return Err(Error::new(ErrorKind::Plan, "agg.nested", message));
            }
            Aggregates::Windowed => {
                let message = format!(
                    "the aggregate `{name}` stands inside a window; write it in `.agg(..)`, and the window over its name after it"
                );
                return Err(Error::new(ErrorKind::Plan, "agg.nested", message));
            }
            Aggregates::Forbidden(verb) => {
                let instead = match verb {
                    "set" | "a write" => "read it first, and use the value",
                    "where_" => "write it in `.agg(..)`, and filter by its name after it",
                    "order_by" => "write it in `.agg(..)`, and sort by its name after it",
                    "select" | "with_column" => "write it in `.agg(..)`, or over a window, as in `.over(window())`",
                    _ => "write it in `.agg(..)`",
                };
                let verb = if verb == "a write" { "the condition of a write".to_owned() } else { format!("`{verb}`") };
                let message = format!("`{name}` is an aggregate and can't stand in {verb}; {instead}");
                return Err(Error::new(ErrorKind::Plan, "agg.misplaced", message));
            }
        }
        let mut call = self.aggregate_parts(call, scope, Place { aggregates: Aggregates::Inside, ..place })?;
        self.refuse_outer_aggregate(&call)?;
        let (sql_type, nullable) = self.aggregate_type(&mut call)?;
        self.settle_order(&mut call)?;
        Ok(Rx::new(RxKind::Aggregate(Box::new(call)), sql_type, nullable))
    }

    /// The parts of an aggregate with their names bound.
    pub(super) fn aggregate_parts(
        &mut self,
        call: &AggregateCall<Expr>,
        scope: &Scope,
        inside: Place<'_>,
    ) -> Result<AggregateCall<Rx>> {
        let filtering = Place { use_for: Use::Filter, ..inside };
        let mut operands = Vec::with_capacity(call.operands.len());
        for operand in &call.operands {
            operands.push(self.walk(operand, scope, inside)?);
        }
        let filter = match &call.filter {
            Some(condition) => {
                let condition = self.walk(condition, scope, filtering)?;
                self.require_bool(&condition)?;
                Some(condition)
            }
            None => None,
        };
        let order = self.order_keys(&call.order, scope, inside)?;
        Ok(AggregateCall { function: call.function, operands, distinct: call.distinct, filter, order })
    }

    pub(super) fn order_keys(
        &mut self,
        keys: &[OrderKey<Expr>],
        scope: &Scope,
        place: Place<'_>,
    ) -> Result<Vec<OrderKey<Rx>>> {
        let sorting = Place { use_for: Use::Sort, ..place };
        OrderKey::try_map_all(keys, &mut |expr| self.walk(expr, scope, sorting))
    }

    /// What the aggregate gives.
    pub(super) fn aggregate_type(&mut self, call: &mut AggregateCall<Rx>) -> Result<(Option<SqlType>, bool)> {
        let function = call.function;
        let first = call.operands.first().and_then(Rx::sql_type);
        Ok(match function {
            Aggregate::Count | Aggregate::CountDistinct => (Some(SqlType::Int64), false),
            Aggregate::Sum => {
                self.aggregates(call, 0, &[Family::Number], "a number")?;
                self.known(call, 0)?;
                let sum = |found: SqlType| match found {
                    SqlType::Decimal(Some((_, scale))) => SqlType::Decimal(Some((28, scale))),
                    other if other.is_integer() => SqlType::Int64,
                    other if other.is_float() => SqlType::Float64,
                    other => other,
                };
                (first.map(sum), true)
            }
            Aggregate::Avg
            | Aggregate::StddevSamp
            | Aggregate::StddevPop
            | Aggregate::VarSamp
            | Aggregate::VarPop
            | Aggregate::Median
            | Aggregate::PercentileCont => {
                if matches!(function, Aggregate::Median | Aggregate::PercentileCont) {
                    self.known(call, 0)?;
                }
                self.aggregates(call, 0, &[Family::Number], "a number")?;
                (Some(SqlType::Float64), true)
            }
            Aggregate::CovarSamp | Aggregate::CovarPop | Aggregate::Corr => {
                for position in [0, 1] {
                    self.known(call, position)?;
                    self.aggregates(call, position, &[Family::Number], "numbers")?;
                }
                (Some(SqlType::Float64), true)
            }
            Aggregate::Min | Aggregate::Max => {
                let families =
                    [Family::Number, Family::Text, Family::Date, Family::Time, Family::Timestamp, Family::Interval];
                self.aggregates(call, 0, &families, "numbers, text or times")?;
                (first, true)
            }
            Aggregate::BoolAnd | Aggregate::BoolOr => {
                self.aggregates(call, 0, &[Family::Bool], "a condition")?;
                (Some(SqlType::Bool), true)
            }
            Aggregate::PercentileDisc | Aggregate::Mode => {
                self.known(call, 0)?;
                self.aggregates(call, 0, &ORDERED, "numbers, text, conditions or times")?;
                (first, true)
            }
            Aggregate::First | Aggregate::Last => {
                self.known(call, 0)?;
                if first.is_some_and(|found| found.family() == Family::Array) {
                    return Err(self.wrong_operand(call, 0, "a value that is no array"));
                }
                (first, true)
            }
            Aggregate::StringAgg => {
                self.aggregates(call, 0, &[Family::Text], "text")?;
                (Some(SqlType::Text), true)
            }
            Aggregate::ArrayAgg => {
                self.known(call, 0)?;
                self.aggregates(call, 0, &LISTED, "numbers, text, conditions or dates")?;
                (Some(SqlType::Array(listed(first))), true)
            }
            Aggregate::JsonArrayAgg => {
                self.json_operand(call, 0)?;
                (Some(SqlType::Json), true)
            }
            Aggregate::JsonObjectAgg => {
                self.aggregates(call, 0, &[Family::Text], "text as key")?;
                self.json_operand(call, 1)?;
                (Some(SqlType::Json), true)
            }
        })
    }

    fn json_operand(&self, call: &AggregateCall<Rx>, position: usize) -> Result<()> {
        self.known(call, position)?;
        let found = call.operands.get(position).and_then(Rx::sql_type);
        let fits = found.is_none_or(|found| {
            found.is_integer() || matches!(found.family(), Family::Text | Family::Bool | Family::Json)
        });
        if fits { Ok(()) } else { Err(self.wrong_operand(call, position, "text, integers, conditions or json")) }
    }

    fn known(&self, call: &AggregateCall<Rx>, position: usize) -> Result<()> {
        match call.operands.get(position) {
            Some(operand) if operand.sql_type().is_none() => {
                self.need_types(&[operand], &format!("`{}`", call.function.name()))
            }
            _ => Ok(()),
        }
    }

    fn aggregates(&self, call: &AggregateCall<Rx>, position: usize, families: &[Family], wanted: &str) -> Result<()> {
        match call.operands.get(position).and_then(Rx::sql_type) {
            Some(found) if !families.contains(&found.family()) => Err(self.wrong_operand(call, position, wanted)),
            _ => Ok(()),
        }
    }

    fn wrong_operand(&self, call: &AggregateCall<Rx>, position: usize, wanted: &str) -> Error {
        let found = call.operands.get(position).map_or_else(String::new, |operand| self.described(operand));
        typing::wrong(&format!("`{}`", call.function.name()), wanted, &found)
    }

    /// Makes the order of what depends on one complete: by the value itself where nothing else is said.
    pub(super) fn settle_order(&self, call: &mut AggregateCall<Rx>) -> Result<()> {
        if call.function == Aggregate::JsonObjectAgg {
            // Readers of JSON take the last of several values of one key.
            let value = call
                .operands
                .get(1)
                .filter(|value| value.sql_type().is_some_and(|found| ORDERED.contains(&found.family())));
            call.order.extend(value.map(|value| OrderKey {
                expr: value.clone(),
                descending: false,
                nulls_first: true,
            }));
            return Ok(());
        }
        if !call.function.takes_order() {
            return Ok(());
        }
        let name = call.function.name();
        let Some(operand) = call.operands.first().cloned() else { return Ok(()) };
        let ordered = operand.sql_type().is_some_and(|found| ORDERED.contains(&found.family()));
        if call.order.is_empty() && (!ordered || matches!(call.function, Aggregate::First | Aggregate::Last)) {
            let message = format!("`{name}` depends on the order of the rows; write `.order_by(..)` after it");
            return Err(Error::new(ErrorKind::Plan, "agg.order", message));
        }
        let is_operand = |key: &OrderKey<Rx>| match (key.expr.kind(), operand.kind()) {
            (RxKind::Column(key), RxKind::Column(operand)) => key == operand,
            _ => false,
        };
        if call.distinct && !call.order.iter().all(is_operand) {
            let message = format!("`{name}` of distinct values is ordered by these values alone; leave `order_by` out");
            return Err(Error::new(ErrorKind::Plan, "agg.distinct_order", message));
        }
        if ordered && !call.order.iter().any(is_operand) {
            call.order.push(OrderKey { expr: operand, descending: false, nulls_first: false });
        }
        Ok(())
    }
}

/// What has an order that all databases share.
const ORDERED: [Family; 6] =
    [Family::Number, Family::Text, Family::Bool, Family::Date, Family::Time, Family::Timestamp];

/// What a list may hold on all databases.
const LISTED: [Family; 4] = [Family::Number, Family::Text, Family::Bool, Family::Date];

fn listed(element: Option<SqlType>) -> &'static SqlType {
    match element {
        Some(SqlType::Bool) => &SqlType::Bool,
        Some(SqlType::Date) => &SqlType::Date,
        Some(SqlType::Decimal(_)) => &SqlType::Decimal(None),
        Some(number) if number.is_float() => &SqlType::Float64,
        Some(number) if number.is_integer() => &SqlType::Int64,
        _ => &SqlType::Text,
    }
}
