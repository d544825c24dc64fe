//! Aggregates that MySQL and MariaDB lack, as ones that they have: what has to be known of the whole group first, such as a value's
//! place or the mean, comes from a window over the group's rows, which the folder puts into a block of its own.

mod results;

use super::caps::Capabilities;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Aggregate, AggregateCall, Arithmetic, Comparison, OrderKey, OverCall, Ranking, Windowed};
use crate::schema::{Body, ColumnId, Facts, InsertRows, Node, NodeKind, Provenance, Rx, RxKind, map_operands};
use crate::types::SqlType;
use crate::value::{Bind, Value};

/// Rewrites the plan's aggregates, those of its subqueries and common table expressions too.
pub(super) fn aggregates(body: &mut Body, facts: &mut Facts, caps: &Capabilities) -> Result<()> {
    match body {
        Body::Query { root, .. } => node(root, facts, caps)?,
        Body::Insert(insert) => {
            if let InsertRows::Query { root, .. } = &mut insert.rows {
                node(root, facts, caps)?;
            }
        }
        _ => {}
    }
    let mut subplans = std::mem::take(&mut facts.subplans);
    let mut ctes = std::mem::take(&mut facts.ctes);
    let roots =
        subplans.iter_mut().map(|plan| &mut plan.root).chain(ctes.iter_mut().filter_map(|cte| cte.root.as_mut()));
    let rewritten = roots.into_iter().try_for_each(|root| node(root, facts, caps));
    facts.subplans = subplans;
    facts.ctes = ctes;
    rewritten
}

fn node(at: &mut Node, facts: &mut Facts, caps: &Capabilities) -> Result<()> {
    match &mut at.kind {
        NodeKind::Scan(_) => Ok(()),
        NodeKind::Extend(input, defined) => {
            node(input, facts, caps)?;
            let later = results::taken_out(defined, facts, caps)?;
            results::define_above(at, later);
            Ok(())
        }
        NodeKind::Filter(input, _)
        | NodeKind::Sort(input, _)
        | NodeKind::Slice { input, .. }
        | NodeKind::Explode(input, _)
        | NodeKind::Distinct(input, _) => node(input, facts, caps),
        NodeKind::Join { left, right, .. } | NodeKind::Set { left, right, .. } => {
            node(left, facts, caps)?;
            node(right, facts, caps)
        }
        NodeKind::GroupingSets { input, aggregates, .. } => {
            within_sets(input, aggregates, facts, caps)?;
            let later = results::taken_out(aggregates, facts, caps)?;
            results::define_above(at, later);
            Ok(())
        }
        NodeKind::Aggregate { input, keys, aggregates } => {
            node(input, facts, caps)?;
            let mut group = Group { facts, keys, before: Vec::new(), then: Vec::new(), failed: None };
            for (_, rx) in aggregates.iter_mut() {
                *rx = group.rewritten(rx);
            }
            let Group { before, then, failed, .. } = group;
            if let Some(error) = failed {
                return Err(error);
            }
            for defined in [before, then] {
                if !defined.is_empty() {
                    let inner = std::mem::replace(&mut **input, NodeKind::Scan(0).node());
                    **input = NodeKind::Extend(Box::new(inner), defined).node();
                }
            }
            let later = results::taken_out(aggregates, facts, caps)?;
            results::define_above(at, later);
            Ok(())
        }
    }
}

/// Over several sets of keys there is no one window that an aggregate could look over first.
fn within_sets(
    input: &mut Node,
    aggregates: &mut [(ColumnId, Rx)],
    facts: &mut Facts,
    caps: &Capabilities,
) -> Result<()> {
    node(input, facts, caps)?;
    let mut group = Group { facts, keys: &[], before: Vec::new(), then: Vec::new(), failed: None };
    for (_, rx) in aggregates {
        *rx = group.rewritten(rx);
    }
    if let Some(error) = group.failed {
        return Err(error);
    }
    if group.before.is_empty() && group.then.is_empty() {
        return Ok(());
    }
    let message = "MySQL and MariaDB have no medians, percentiles, modes or moments of several sets of keys at once; aggregate by each set, and join the frames with `union_all`";
    Err(Error::new(ErrorKind::Unsupported, "aggregate.grouping_sets", message))
}

/// One aggregation, and the columns that it needs before.
struct Group<'a> {
    facts: &'a mut Facts,
    keys: &'a [ColumnId],
    before: Vec<(ColumnId, Rx)>,
    /// Windows over what `before` defines.
    then: Vec<(ColumnId, Rx)>,
    failed: Option<Error>,
}

impl Group<'_> {
    fn rewritten(&mut self, rx: &Rx) -> Rx {
        let emulated = match rx.kind() {
            RxKind::Aggregate(call) => self.call(call, rx.sql_type()),
            _ => return map_operands(rx, &mut |operand| self.rewritten(operand)),
        };
        match emulated {
            Ok(Some(emulated)) => emulated,
            Ok(None) => rx.clone(),
            Err(error) => {
                self.failed.get_or_insert(error);
                rx.clone()
            }
        }
    }

    fn call(&mut self, call: &AggregateCall<Rx>, gives: Option<SqlType>) -> Result<Option<Rx>> {
        let operand =
            |position: usize| call.operands.get(position).cloned().ok_or_else(|| Error::internal("emulate.operand"));
        Ok(Some(match call.function {
            Aggregate::Median => {
                let half = self.constant(Value::Float(0.5), SqlType::Float64);
                self.percentile_cont(call, operand(0)?, half)?
            }
            Aggregate::PercentileCont => self.percentile_cont(call, operand(0)?, operand(1)?)?,
            Aggregate::PercentileDisc => {
                let value = chosen(call, operand(0)?);
                let (place, count) = self.place_and_count(&value)?;
                let least = product(operand(1)?, count);
                let reached = comparison(Comparison::GreaterOrEqual, place, least);
                aggregate(Aggregate::Min, when(reached, value), gives)
            }
            Aggregate::Mode => {
                let value = chosen(call, operand(0)?);
                let number = aggregate_call(Aggregate::Count, value.clone());
                let mut partition = self.partition();
                partition.push(value.clone());
                let number = self.window(Windowed::Aggregate(number), partition, Vec::new(), SqlType::Int64)?;
                let number = self.define("frequency", number, false)?;
                let most = aggregate_call(Aggregate::Max, number.clone());
                let most = self.window(Windowed::Aggregate(most), self.partition(), Vec::new(), SqlType::Int64)?;
                let most = self.define("highest", most, true)?;
                aggregate(Aggregate::Min, when(comparison(Comparison::Equal, number, most), value), gives)
            }
            Aggregate::First | Aggregate::Last => {
                let mut order = Vec::with_capacity(call.order.len() + 1);
                if let Some(filter) = &call.filter {
                    let (yes, no) =
                        (self.constant(Value::Int(0), SqlType::Int64), self.constant(Value::Int(1), SqlType::Int64));
                    let arms = vec![(filter.clone(), yes)];
                    let kept = Rx::new(RxKind::Case { arms, otherwise: Some(no) }, Some(SqlType::Int64), false);
                    order.push(OrderKey { expr: kept, descending: false, nulls_first: false });
                }
                let turned = call.function == Aggregate::Last;
                order.extend(call.order.iter().map(|key| OrderKey {
                    expr: key.expr.clone(),
                    descending: key.descending != turned,
                    nulls_first: key.nulls_first != turned,
                }));
                let place = Windowed::Ranking(Ranking::RowNumber, Vec::new());
                let place = self.window(place, self.partition(), order, SqlType::Int64)?;
                let place = self.define("place", place, false)?;
                let one = self.constant(Value::Int(1), SqlType::Int64);
                let is_first = comparison(Comparison::Equal, place, one);
                aggregate(Aggregate::Min, when(is_first, chosen(call, operand(0)?)), gives)
            }
            Aggregate::CovarSamp | Aggregate::CovarPop | Aggregate::Corr => {
                self.covariance(call, operand(0)?, operand(1)?)?
            }
            _ => return Ok(None),
        }))
    }

    /// `low + fraction * (high - low)`, where the place lies by `fraction` between the two values.
    fn percentile_cont(&mut self, call: &AggregateCall<Rx>, operand: Rx, fraction: Rx) -> Result<Rx> {
        let operand = self.double(operand);
        let value = chosen(call, operand);
        let (place, count) = self.place_and_count(&value)?;
        let one = self.constant(Value::Int(1), SqlType::Int64);
        let place = minus(place, one.clone(), SqlType::Int64);
        let wanted = product(fraction, minus(count, one, SqlType::Int64));
        let double = Some(SqlType::Float64);
        let below = comparison(Comparison::LessOrEqual, place.clone(), wanted.clone());
        let above = comparison(Comparison::GreaterOrEqual, place.clone(), wanted.clone());
        let low = aggregate(Aggregate::Max, when(below.clone(), value.clone()), double);
        let high = aggregate(Aggregate::Min, when(above, value), double);
        let whole = aggregate(Aggregate::Max, when(below, place), Some(SqlType::Int64));
        let rest = minus(aggregate(Aggregate::Min, wanted, double), whole, SqlType::Float64);
        Ok(arithmetic(
            Arithmetic::Add,
            low.clone(),
            arithmetic(Arithmetic::Multiply, rest, minus(high, low, SqlType::Float64), SqlType::Float64),
            SqlType::Float64,
        ))
    }

    /// The mean of the products of what differs from the means; both means come first, so that no digits are lost.
    fn covariance(&mut self, call: &AggregateCall<Rx>, x: Rx, y: Rx) -> Result<Rx> {
        let (x, y) = (self.double(x), self.double(y));
        let present = |one: Rx, other: &Rx| {
            let there = Rx::new(RxKind::IsNull(other.clone(), true), Some(SqlType::Bool), false);
            when(there, chosen(call, one))
        };
        let (x, y) = (present(x.clone(), &y), present(y, &x));
        let mut apart = Vec::with_capacity(2);
        for (side, name) in [(&x, "mean_x"), (&y, "mean_y")] {
            let mean = Windowed::Aggregate(aggregate_call(Aggregate::Avg, side.clone()));
            let mean = self.window(mean, self.partition(), Vec::new(), SqlType::Float64)?;
            let mean = self.define(name, mean, false)?;
            apart.push(minus(side.clone(), mean, SqlType::Float64));
        }
        let double = Some(SqlType::Float64);
        let (Some(apart_y), Some(apart_x)) = (apart.pop(), apart.pop()) else {
            return Err(Error::internal("emulate.means"));
        };
        let product = arithmetic(Arithmetic::Multiply, apart_x, apart_y, SqlType::Float64);
        let sum = aggregate(Aggregate::Sum, product, double);
        let count = Rx::new(
            RxKind::Aggregate(Box::new(aggregate_call(Aggregate::Count, x.clone()))),
            Some(SqlType::Int64),
            false,
        );
        let divide = |sum: Rx, by: Rx| arithmetic(Arithmetic::Divide, sum, by, SqlType::Float64);
        Ok(match call.function {
            Aggregate::CovarPop => divide(sum, count),
            Aggregate::CovarSamp => {
                let one = self.constant(Value::Int(1), SqlType::Int64);
                divide(sum, minus(count, one, SqlType::Int64))
            }
            _ => {
                let covariance = divide(sum, count);
                let spread = arithmetic(
                    Arithmetic::Multiply,
                    aggregate(Aggregate::StddevPop, x, double),
                    aggregate(Aggregate::StddevPop, y, double),
                    SqlType::Float64,
                );
                divide(covariance, spread)
            }
        })
    }

    /// Which of the values, in order, a row has, and how many there are. NULL comes last, and doesn't count.
    fn place_and_count(&mut self, value: &Rx) -> Result<(Rx, Rx)> {
        let key = OrderKey { expr: value.clone(), descending: false, nulls_first: false };
        let place = Windowed::Ranking(Ranking::RowNumber, Vec::new());
        let place = self.window(place, self.partition(), vec![key], SqlType::Int64)?;
        let count = Windowed::Aggregate(aggregate_call(Aggregate::Count, value.clone()));
        let count = self.window(count, self.partition(), Vec::new(), SqlType::Int64)?;
        Ok((self.define("place", place, false)?, self.define("number", count, false)?))
    }

    fn partition(&self) -> Vec<Rx> {
        let column = |id: &ColumnId| self.facts.columns.get(*id).map(|info| Rx::column(*id, info));
        self.keys.iter().filter_map(column).collect()
    }

    fn window(
        &self,
        function: Windowed<Rx>,
        partition: Vec<Rx>,
        order: Vec<OrderKey<Rx>>,
        gives: SqlType,
    ) -> Result<Rx> {
        let call = OverCall { function, partition, order, frame: None };
        Ok(Rx::new(RxKind::Over(Box::new(call)), Some(gives), true))
    }

    /// A column of its own for `rx`.
    fn define(&mut self, name: &'static str, rx: Rx, later: bool) -> Result<Rx> {
        let (id, column) = results::new_column(name, &rx, self.facts)?;
        if later {
            self.then.push((id, rx))
        } else {
            self.before.push((id, rx))
        }
        Ok(column)
    }

    fn constant(&mut self, value: Value, sql_type: SqlType) -> Rx {
        let place = self.facts.binds.push(Bind { value, sql_type }, Provenance::Own);
        Rx::new(RxKind::Bind(place), Some(sql_type), false)
    }

    fn double(&mut self, operand: Rx) -> Rx {
        if operand.sql_type() == Some(SqlType::Float64) {
            return operand;
        }
        let zero = Bind { value: Value::Int(0), sql_type: SqlType::Int64 };
        let helper = self.facts.binds.push(zero, Provenance::Own);
        let nullable = operand.nullable();
        Rx::new(RxKind::Cast { operand, to: SqlType::Float64, helper }, Some(SqlType::Float64), nullable)
    }
}

/// The operand where the aggregate's filter is true, else NULL.
fn chosen(call: &AggregateCall<Rx>, operand: Rx) -> Rx {
    match &call.filter {
        Some(filter) => when(filter.clone(), operand),
        None => operand,
    }
}

fn when(condition: Rx, result: Rx) -> Rx {
    let sql_type = result.sql_type();
    Rx::new(RxKind::Case { arms: vec![(condition, result)], otherwise: None }, sql_type, true)
}

fn aggregate_call(function: Aggregate, operand: Rx) -> AggregateCall<Rx> {
    AggregateCall::new(function, vec![operand])
}

fn aggregate(function: Aggregate, operand: Rx, gives: Option<SqlType>) -> Rx {
    Rx::new(RxKind::Aggregate(Box::new(aggregate_call(function, operand))), gives, true)
}

fn comparison(comparison: Comparison, left: Rx, right: Rx) -> Rx {
    let nullable = left.nullable() || right.nullable();
    Rx::new(RxKind::Compare(comparison, left, right), Some(SqlType::Bool), nullable)
}

fn arithmetic(operation: Arithmetic, left: Rx, right: Rx, gives: SqlType) -> Rx {
    Rx::new(RxKind::Arithmetic(operation, left, right), Some(gives), true)
}

fn minus(left: Rx, right: Rx, gives: SqlType) -> Rx {
    arithmetic(Arithmetic::Subtract, left, right, gives)
}

fn product(left: Rx, right: Rx) -> Rx {
    arithmetic(Arithmetic::Multiply, left, right, SqlType::Float64)
}
