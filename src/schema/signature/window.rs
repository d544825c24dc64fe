//! Functions over windows: where they may stand, what they take and give.

use super::{Resolver, Rx, RxKind};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{
    Aggregate, Edge, Expr, Offset, OrderKey, OverCall, Ranking, Units, ValueFunction, WindowFrame, Windowed,
};
use crate::ident::Ident;
use crate::schema::access::Use;
use crate::schema::resolve::extend;
use crate::schema::resolve_expr::{Aggregates, Place};
use crate::schema::resolved::{ColumnId, Node, map_operands};
use crate::schema::scope::Scope;
use crate::schema::typing;
use crate::types::{Family, SqlType};

impl Resolver<'_> {
    pub(in crate::schema) fn over(&mut self, call: &OverCall<Expr>, scope: &Scope, place: Place<'_>) -> Result<Rx> {
        let name = call.name();
        check_place(name, place)?;
        let inside = Place { aggregates: Aggregates::Windowed, ..place };
        let partition_place = Place { use_for: Use::Group, ..inside };
        let mut partition = Vec::with_capacity(call.partition.len());
        for key in &call.partition {
            partition.push(self.walk(key, scope, partition_place)?);
        }
        let order = self.order_keys(&call.order, scope, inside)?;
        let (function, sql_type, nullable) = match &call.function {
            Windowed::Aggregate(call) => {
                refuse_as_window(call.function, call.distinct, !call.order.is_empty())?;
                let mut call = self.aggregate_parts(call, scope, inside)?;
                let (sql_type, nullable) = self.aggregate_type(&mut call)?;
                if call.function.takes_order() && order.is_empty() {
                    return Err(unordered(name));
                }
                (Windowed::Aggregate(call), sql_type, nullable)
            }
            Windowed::Ranking(function, operands) => {
                let operands =
                    operands.iter().map(|operand| self.walk(operand, scope, inside)).collect::<Result<Vec<_>>>()?;
                let sql_type = match function {
                    Ranking::PercentRank | Ranking::CumeDist => SqlType::Float64,
                    _ => SqlType::Int64,
                };
                (Windowed::Ranking(*function, operands), Some(sql_type), false)
            }
            Windowed::Value { function, operands, ignore_nulls } => {
                let operands =
                    operands.iter().map(|operand| self.walk(operand, scope, inside)).collect::<Result<Vec<_>>>()?;
                let (operands, sql_type, nullable) = self.value_type(*function, operands)?;
                (Windowed::Value { function: *function, operands, ignore_nulls: *ignore_nulls }, sql_type, nullable)
            }
        };
        if order.is_empty() && !matches!(function, Windowed::Aggregate(_)) {
            return Err(unordered(name));
        }
        if let Some(frame) = call.frame {
            self.check_frame(frame, &order)?;
        }
        let call = OverCall { function, partition, order, frame: call.frame };
        Ok(Rx::new(RxKind::Over(Box::new(call)), sql_type, nullable))
    }

    /// `lag` and `lead` bring their default to the operand's type.
    fn value_type(
        &mut self,
        function: ValueFunction,
        mut operands: Vec<Rx>,
    ) -> Result<(Vec<Rx>, Option<SqlType>, bool)> {
        let (Some(operand), 3) = (operands.first().cloned(), operands.len()) else {
            let sql_type = operands.first().and_then(Rx::sql_type);
            return Ok((operands, sql_type, true));
        };
        let Some(default) = operands.pop() else { return Err(Error::internal("window.default")) };
        let (both, sql_type) = self.one_type(vec![operand, default], &format!("`{}`", function.name()))?;
        let nullable = both.iter().any(Rx::nullable);
        let mut both = both.into_iter();
        if let (Some(value), Some(default), Some(place)) = (both.next(), both.next(), operands.first_mut()) {
            *place = value;
            operands.push(default);
        }
        Ok((operands, sql_type, nullable))
    }

    fn check_frame(&self, frame: WindowFrame, order: &[OrderKey<Rx>]) -> Result<()> {
        let refuse = |message: String| Err(Error::new(ErrorKind::Plan, "window.frame", message));
        let (start, end) = (frame.start.0, frame.end.0);
        let backwards = match (start, end) {
            (Edge::UnboundedFollowing, _) | (_, Edge::UnboundedPreceding) => true,
            (Edge::Following(_), Edge::CurrentRow | Edge::Preceding(_)) | (Edge::CurrentRow, Edge::Preceding(_)) => {
                true
            }
            (Edge::Preceding(start), Edge::Preceding(end)) => further(end, start),
            (Edge::Following(start), Edge::Following(end)) => further(start, end),
            _ => false,
        };
        if backwards {
            return refuse("the frame ends before it starts; write the earlier bound first, as in `rows(preceding(1), current_row())`".to_owned());
        }
        let offsets: Vec<Offset> = [start, end]
            .into_iter()
            .filter_map(|edge| match edge {
                Edge::Preceding(offset) | Edge::Following(offset) => Some(offset),
                _ => None,
            })
            .collect();
        if offsets.iter().any(|offset| !is_distance(*offset)) {
            return refuse(
                "a frame's distance is not negative; `preceding` and `following` say the direction".to_owned(),
            );
        }
        if frame.units == Units::Groups && order.is_empty() {
            return refuse(
                "`groups` counts groups of rows that are equal in the window's order; write `.order_by(..)` on it"
                    .to_owned(),
            );
        }
        if offsets.is_empty() {
            return Ok(());
        }
        if frame.units != Units::Range {
            if offsets.iter().any(|offset| !matches!(offset, Offset::Whole(_))) {
                return refuse(
                    "`rows` and `groups` count in whole numbers; for distances of the sort key write `range`"
                        .to_owned(),
                );
            }
            return Ok(());
        }
        let [key] = order else {
            return refuse(
                "`range` with a distance takes exactly one sort key; write `.order_by(..)` with one, or `rows`"
                    .to_owned(),
            );
        };
        if key.expr.sql_type().is_none() {
            self.need_types(&[&key.expr], "`range`")?;
        }
        let Some(found) = key.expr.sql_type() else { return Ok(()) };
        let fits = |offset: &Offset| match offset {
            Offset::Whole(_) => found.family() == Family::Number,
            Offset::Float(_) => found.is_float(),
            Offset::Decimal(_) => found.is_float() || matches!(found, SqlType::Decimal(_)),
            Offset::Interval(_) => matches!(found.family(), Family::Date | Family::Timestamp),
        };
        if !offsets.iter().all(fits) {
            return Err(typing::wrong(
                "a frame's distance",
                "a sort key of its own kind (a number, or a date for an interval)",
                &self.described(&key.expr),
            ));
        }
        Ok(())
    }

    /// A relation with computed columns. Keys of windows that hold values become columns below them, so that a window that stands
    /// in several places of a text can be the same window in each.
    pub(in crate::schema) fn extended(&mut self, node: Node, defined: Vec<(ColumnId, Rx)>) -> Node {
        let mut keys = Vec::new();
        let defined = defined.into_iter().map(|(id, rx)| (id, self.hoist_keys(rx, &mut keys))).collect();
        extend(extend(node, keys), defined)
    }

    fn hoist_keys(&mut self, rx: Rx, keys: &mut Vec<(ColumnId, Rx)>) -> Rx {
        if !rx.windowed() {
            return rx;
        }
        let RxKind::Over(call) = rx.kind() else {
            return map_operands(&rx, &mut |operand| self.hoist_keys(operand.clone(), keys));
        };
        let mut key = |rx: &Rx| {
            if rx.windowed() || !is_written_with_binds(rx) {
                return rx.clone();
            }
            let Ok(name) = Ident::fixed("key") else { return rx.clone() };
            let id = self.define(rx.clone(), &name, keys);
            self.columns.get(id).map_or(rx.clone(), |info| Rx::column(id, info))
        };
        let mut call = call.clone();
        call.partition = call.partition.iter().map(&mut key).collect();
        call.order = OrderKey::map_all(&call.order, &mut key);
        Rx::new(RxKind::Over(call), rx.sql_type(), rx.nullable())
    }

    /// A condition on columns alone: each function over a window in it becomes a hidden column, so that the condition follows it.
    pub(in crate::schema) fn hoist_windows(&mut self, rx: Rx, defined: &mut Vec<(ColumnId, Rx)>) -> Rx {
        if !rx.windowed() {
            return rx;
        }
        if let RxKind::Over(call) = rx.kind() {
            let Ok(name) = Ident::new(call.name()) else { return rx };
            let id = self.define(rx.clone(), &name, defined);
            return self.columns.get(id).map_or(rx, |info| Rx::column(id, info));
        }
        map_operands(&rx, &mut |operand| self.hoist_windows(operand.clone(), defined))
    }
}

/// What a key of a window would be written as wherever the window stands: a text with placeholders.
fn is_written_with_binds(rx: &Rx) -> bool {
    let mut found = matches!(rx.kind(), RxKind::Bind(_));
    crate::schema::each_operand(rx.kind(), &mut |operand| found = found || is_written_with_binds(operand));
    found
}

fn check_place(name: &str, place: Place<'_>) -> Result<()> {
    let message = match place.aggregates {
        Aggregates::Forbidden("select" | "with_column" | "order_by" | "where_") => return Ok(()),
        Aggregates::Forbidden("a write") => {
            format!("`{name}` over a window can't stand in the condition of a write; read the keys first, and use them")
        }
        Aggregates::Forbidden(verb) => {
            format!(
                "`{name}` over a window can't stand in `{verb}`; write it in `.with_column(..)` before, and use its name"
            )
        }
        Aggregates::Allowed { .. } => {
            format!(
                "`{name}` over a window can't stand in `agg`; write it in `.with_column(..)` after it, over the aggregates' names"
            )
        }
        Aggregates::Inside => {
            format!(
                "`{name}` over a window stands inside an aggregate; write it in `.with_column(..)` before, and aggregate its name"
            )
        }
        Aggregates::Windowed => {
            format!(
                "`{name}` over a window stands inside another window; write it in `.with_column(..)` before, and use its name"
            )
        }
    };
    Err(Error::new(ErrorKind::Plan, "window.misplaced", message))
}

fn refuse_as_window(function: Aggregate, distinct: bool, ordered: bool) -> Result<()> {
    let name = function.name();
    if distinct || function == Aggregate::CountDistinct {
        let message = format!(
            "no database has `{name}` of distinct values over a window; aggregate in a frame of its own, and join it"
        );
        return Err(Error::new(ErrorKind::Unsupported, "window.distinct", message));
    }
    let instead = match function {
        Aggregate::First => "write `first_value(..)`",
        Aggregate::Last => "write `last_value(..)` with a frame up to `unbounded_following()`",
        Aggregate::Median | Aggregate::PercentileCont | Aggregate::PercentileDisc | Aggregate::Mode => {
            "aggregate in a frame of its own, and join it"
        }
        Aggregate::JsonObjectAgg => "aggregate in a frame of its own, and join it",
        _ if ordered => {
            let message = format!("`{name}` over a window takes the window's order; leave its own `order_by` out");
            return Err(Error::new(ErrorKind::Plan, "window.order", message));
        }
        _ => return Ok(()),
    };
    let message = format!("`{name}` can't be taken over a window; {instead}");
    Err(Error::new(ErrorKind::Unsupported, "window.aggregate", message))
}

fn unordered(name: &str) -> Error {
    let message = format!("`{name}` depends on the order of the rows; write `window().order_by(..)`");
    Error::new(ErrorKind::Plan, "window.order", message)
}

/// True where `one` lies further from the row at hand than `other`.
fn further(one: Offset, other: Offset) -> bool {
    match (one, other) {
        (Offset::Whole(one), Offset::Whole(other)) => one > other,
        (Offset::Float(one), Offset::Float(other)) => one > other,
        (Offset::Decimal(one), Offset::Decimal(other)) => one > other,
        _ => false,
    }
}

fn is_distance(offset: Offset) -> bool {
    match offset {
        Offset::Whole(number) => number >= 0,
        Offset::Float(number) => number >= 0.0 && number.is_finite(),
        Offset::Decimal(number) => !number.is_sign_negative() || number.is_zero(),
        Offset::Interval(span) => span.months >= 0 && span.days >= 0 && span.microseconds >= 0,
    }
}
