//! Functions over windows in each dialect's words.

use sea_query::{Expr, ExprTrait};

use super::Lowering;
use super::aggregate::Tail;
use super::expr::{cast_to, place_of};
use super::template::Piece;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Bound, Edge, Exclusion, Offset, OverCall, Ranking, Units, ValueFunction, WindowFrame, Windowed};
use crate::schema::{Rx, RxKind};
use crate::types::{Family, SqlType};
use crate::value::Value;

impl Lowering<'_> {
    pub(super) fn over(&mut self, call: &OverCall<Rx>, qualify: bool) -> Result<Expr> {
        self.windows = true;
        self.keeping_nulls(|lowering| lowering.windowed(call, qualify))
    }

    /// Lowers what stands in an aggregate or a window, where some servers take no notice of what an outer join left NULL.
    pub(super) fn keeping_nulls<T>(&mut self, lower: impl FnOnce(&mut Self) -> T) -> T {
        let around = std::mem::replace(&mut self.forgetful, self.caps.forgets_absent_rows);
        let lowered = lower(self);
        self.forgetful = around;
        lowered
    }

    fn windowed(&mut self, call: &OverCall<Rx>, qualify: bool) -> Result<Expr> {
        match &call.function {
            Windowed::Aggregate(aggregate) => self.aggregate(aggregate, Some(call), qualify),
            Windowed::Ranking(function, operands) => self.ranking(*function, operands, call, qualify),
            Windowed::Value { function, operands, ignore_nulls } => {
                let args = operands.iter().map(|operand| self.expr(operand, qualify)).collect::<Result<Vec<_>>>()?;
                if *ignore_nulls {
                    return self.ignoring_nulls(*function, args, call, qualify);
                }
                self.value(*function, args, call, qualify)
            }
        }
    }

    fn ranking(&mut self, function: Ranking, operands: &[Rx], call: &OverCall<Rx>, qualify: bool) -> Result<Expr> {
        let dialect = self.target.dialect;
        let args = operands.iter().map(|operand| self.expr(operand, qualify)).collect::<Result<Vec<_>>>()?;
        let mut tail = Tail::default();
        // A frame means nothing here, and MariaDB refuses it.
        self.over_tail(call, false, qualify, &mut tail)?;
        let head = match function {
            Ranking::RowNumber => "ROW_NUMBER()",
            Ranking::Rank => "RANK()",
            Ranking::DenseRank => "DENSE_RANK()",
            Ranking::PercentRank if dialect.is_mysql_family() => {
                let rank = self.called("RANK()", args, &tail)?;
                let rows = self.partition_size(call, qualify)?;
                // SQL: what is divided by zero is NULL.
                return self.template("COALESCE(CAST({0} - 1 AS DOUBLE) / ({1} - 1), 0e0)", vec![rank, rows]);
            }
            Ranking::CumeDist if dialect.is_mysql_family() => {
                let up_to = self.called("COUNT(*)", args, &tail)?;
                let rows = self.partition_size(call, qualify)?;
                return self.template("CAST({0} AS DOUBLE) / {1}", vec![up_to, rows]);
            }
            Ranking::PercentRank => "PERCENT_RANK()",
            Ranking::CumeDist => "CUME_DIST()",
            Ranking::Ntile => {
                let bucket = self.called("NTILE({0})", args, &tail)?;
                return Ok(match dialect {
                    // SQL: PostgreSQL gives an integer of 32 bits.
                    Dialect::Postgres => cast_to(bucket, "bigint"),
                    Dialect::MySql => cast_to(bucket, "SIGNED"),
                    _ => bucket,
                });
            }
        };
        let whole = matches!(function, Ranking::RowNumber | Ranking::Rank | Ranking::DenseRank);
        let rank = self.called(head, args, &tail)?;
        // SQL: MySQL's are unsigned, and so would be all that is computed of them.
        Ok(if whole && dialect == Dialect::MySql { cast_to(rank, "SIGNED") } else { rank })
    }

    fn partition_size(&mut self, call: &OverCall<Rx>, qualify: bool) -> Result<Expr> {
        let mut tail = Tail::default();
        let unordered = OverCall {
            function: Windowed::Ranking(Ranking::RowNumber, Vec::new()),
            partition: call.partition.clone(),
            order: Vec::new(),
            frame: None,
        };
        self.over_tail(&unordered, false, qualify, &mut tail)?;
        self.called("COUNT(*)", Vec::new(), &tail)
    }

    fn value(
        &mut self,
        function: ValueFunction,
        mut args: Vec<Expr>,
        call: &OverCall<Rx>,
        qualify: bool,
    ) -> Result<Expr> {
        let mut tail = Tail::default();
        let framed = !matches!(function, ValueFunction::Lag | ValueFunction::Lead);
        self.over_tail(call, framed, qualify, &mut tail)?;
        let head = match (function, args.len()) {
            (ValueFunction::Lag, 2) => "LAG({0}, {1})",
            (ValueFunction::Lead, 2) => "LEAD({0}, {1})",
            (ValueFunction::Lag | ValueFunction::Lead, _) if self.target.dialect == Dialect::MariaDb => {
                // SQL: MariaDB's LAG takes no default.
                let default = args.pop().ok_or_else(|| Error::internal("window.default"))?;
                let offset = args.last().cloned().ok_or_else(|| Error::internal("window.offset"))?;
                let number = self.called("ROW_NUMBER()", Vec::new(), &tail)?;
                if function == ValueFunction::Lag {
                    let lag = self.called("LAG({0}, {1})", args, &tail)?;
                    return self
                        .template("CASE WHEN {0} > {1} THEN {2} ELSE {3} END", vec![number, offset, lag, default]);
                }
                let rows = self.partition_size(call, qualify)?;
                let lead = self.called("LEAD({0}, {1})", args, &tail)?;
                return self.template(
                    "CASE WHEN {0} + {1} <= {2} THEN {3} ELSE {4} END",
                    vec![number, offset, rows, lead, default],
                );
            }
            (ValueFunction::Lag, _) => "LAG({0}, {1}, {2})",
            (ValueFunction::Lead, _) => "LEAD({0}, {1}, {2})",
            (ValueFunction::FirstValue, _) => "FIRST_VALUE({0})",
            (ValueFunction::LastValue, _) => "LAST_VALUE({0})",
            (ValueFunction::NthValue, _) => "NTH_VALUE({0}, {1})",
        };
        self.called(head, args, &tail)
    }

    /// No database of ours has IGNORE NULLS. Of a list of the frame's values that are not NULL the one in question is at a place that can
    /// be told: from its start, or from its end.
    fn ignoring_nulls(
        &mut self,
        function: ValueFunction,
        mut args: Vec<Expr>,
        call: &OverCall<Rx>,
        qualify: bool,
    ) -> Result<Expr> {
        let one_row = Offset::Whole(1);
        let frame = match function {
            ValueFunction::Lag => Some((Edge::UnboundedPreceding, Edge::Preceding(one_row))),
            ValueFunction::Lead => Some((Edge::Following(one_row), Edge::UnboundedFollowing)),
            _ => None,
        };
        let mut call = call.clone();
        if let Some((start, end)) = frame {
            let (start, end) = (Bound(start), Bound(end));
            call.frame = Some(WindowFrame { units: Units::Rows, start, end, exclude: Exclusion::NoOthers });
        }
        let default = if args.len() > 2 { args.pop() } else { None };
        let mut tail = Tail::default();
        let from_the_end = matches!(function, ValueFunction::Lag | ValueFunction::LastValue);
        let found = match self.target.dialect {
            Dialect::Postgres => {
                let value = args.first().cloned().ok_or_else(|| Error::internal("window.operand"))?;
                tail.text(" FILTER (WHERE ");
                tail.arg(value.clone().is_not_null());
                tail.text(")");
                self.over_tail(&call, true, qualify, &mut tail)?;
                let list = self.called("ARRAY_AGG({0})", vec![value], &tail)?;
                match (args.pop().filter(|_| args.len() == 1), from_the_end) {
                    (None, false) => self.template("({0})[1]", vec![list])?,
                    (None, true) => self.template("({0})[CARDINALITY({0})]", vec![list])?,
                    (Some(place), false) => self.template("({0})[{1}]", vec![list, place])?,
                    (Some(place), true) => self.template("({0})[CARDINALITY({0}) + 1 - {1}]", vec![list, place])?,
                }
            }
            Dialect::Sqlite => {
                self.over_tail(&call, true, qualify, &mut tail)?;
                let head = match (args.len(), from_the_end) {
                    (1, false) => "portcullis_nth_over({0}, 1)",
                    (1, true) => "portcullis_nth_over({0}, -1)",
                    (_, false) => "portcullis_nth_over({0}, {1})",
                    (_, true) => "portcullis_nth_over({0}, -{1})",
                };
                self.called(head, args, &tail)?
            }
            Dialect::MySql | Dialect::MariaDb => {
                let what = format!("`{}` that ignores NULL", function.name());
                return Err(self.lacks_over(&what, "leave out the rows with NULL by `where_` before, or fill them"));
            }
        };
        match default {
            Some(default) => self.template("COALESCE({0}, {1})", vec![found, default]),
            None => Ok(found),
        }
    }

    /// ` OVER (PARTITION BY … ORDER BY … ROWS …)`.
    pub(super) fn over_tail(
        &mut self,
        call: &OverCall<Rx>,
        framed: bool,
        qualify: bool,
        tail: &mut Tail,
    ) -> Result<()> {
        let frame = call.frame.filter(|_| framed);
        tail.text(" OVER (");
        let mut space = self.begins_two_others(call);
        if space {
            // SQL: MariaDB 10.11 sorts once for windows of which one's keys are the first of another's, and takes two such others for alike.
            tail.text("PARTITION BY RAND() < 0");
        }
        for key in &call.partition {
            tail.text(if space { ", " } else { "PARTITION BY " });
            let mut expr = self.expr(key, qualify)?;
            if self.caps.loose_text && self.needs_collation(key, "`partition_by`")? {
                expr = self.collated(expr);
            }
            tail.arg(expr);
            space = true;
        }
        if !call.order.is_empty() {
            tail.text(if space { " ORDER BY " } else { "ORDER BY " });
            let place_nulls = match frame {
                Some(frame) => self.check_frame(frame, call)?,
                None => true,
            };
            self.order_tail(&call.order, place_nulls, qualify, tail)?;
            // SQL: MariaDB 10.11 computes a window whose keys are all constants without sorting, and loses the order of the others.
            let one_key = !place_nulls;
            if self.caps.loses_constant_orders
                && !one_key
                && call.order.iter().all(|key| self.folder.may_be_constant(&key.expr))
            {
                tail.text(", RAND() < 0");
            }
            space = true;
        } else if let Some(frame) = frame {
            self.check_frame(frame, call)?;
        }
        if let Some(frame) = frame {
            self.frame_tail(frame, call, space, tail)?;
        }
        tail.text(")");
        Ok(())
    }

    /// True when at least two windows of the block have more keys, and may begin with all of this one's.
    fn begins_two_others(&self, call: &OverCall<Rx>) -> bool {
        let others = self.window_keys.iter().filter(|others| {
            let may_be_one = |(one, other): (&Rx, &Rx)| match (one.kind(), other.kind()) {
                (RxKind::Source { .. }, RxKind::Source { .. }) => one.is_same_source(other),
                _ => true,
            };
            others.len() > call.keys().count() && call.keys().zip(*others).all(may_be_one)
        });
        others.count() > 1
    }

    /// Refuses what the database lacks; says whether the order may have a key of its own for NULL.
    fn check_frame(&self, frame: WindowFrame, call: &OverCall<Rx>) -> Result<bool> {
        let dialect = self.target.dialect;
        let mysql = dialect.is_mysql_family();
        let refuse = |what: &str, instead: &str| {
            let message = format!("{dialect} has no {what}; {instead}");
            Err(Error::new(ErrorKind::Unsupported, "window.unsupported", message))
        };
        if mysql && frame.units == Units::Groups {
            return refuse("frames in `groups`", "write `rows`, or `range` without a distance");
        }
        if mysql && frame.exclude != Exclusion::NoOthers {
            return refuse("frames that exclude rows", "subtract what should not count");
        }
        let distant = [frame.start, frame.end].iter().any(|bound| distance(*bound).is_some());
        if frame.units != Units::Range || !distant {
            return Ok(true);
        }
        let key = call.order.first().ok_or_else(|| Error::internal("window.range"))?;
        match key.expr.sql_type() {
            Some(found) if found.family() != Family::Number && dialect != Dialect::Postgres => {
                return refuse("`range` with an interval", "number the days, and write `range` with a number");
            }
            Some(SqlType::Decimal(_)) if dialect == Dialect::Sqlite => {
                return refuse(
                    "`range` with a distance of decimals, which it computes as doubles",
                    "sort by a whole number",
                );
            }
            _ => {}
        }
        let unbounded = [frame.start.0, frame.end.0]
            .iter()
            .any(|edge| matches!(edge, Edge::UnboundedPreceding | Edge::UnboundedFollowing));
        if mysql && unbounded && key.expr.nullable() {
            return refuse(
                "`range` with a distance on one side and no bound on the other, over a sort key that may be NULL",
                "leave out the rows with NULL, or write `coalesce(..)`",
            );
        }
        Ok(!mysql)
    }

    fn frame_tail(&mut self, frame: WindowFrame, call: &OverCall<Rx>, space: bool, tail: &mut Tail) -> Result<()> {
        tail.text(match (frame.units, space) {
            (Units::Rows, true) => " ROWS BETWEEN ",
            (Units::Rows, false) => "ROWS BETWEEN ",
            (Units::Range, true) => " RANGE BETWEEN ",
            (Units::Range, false) => "RANGE BETWEEN ",
            (Units::Groups, true) => " GROUPS BETWEEN ",
            (Units::Groups, false) => "GROUPS BETWEEN ",
        });
        let key = call.order.first().and_then(|key| key.expr.sql_type()).filter(|_| frame.units == Units::Range);
        self.bound_tail(frame.start, key, tail)?;
        tail.text(" AND ");
        self.bound_tail(frame.end, key, tail)?;
        tail.text(match frame.exclude {
            Exclusion::NoOthers => "",
            Exclusion::CurrentRow => " EXCLUDE CURRENT ROW",
            Exclusion::Group => " EXCLUDE GROUP",
            Exclusion::Ties => " EXCLUDE TIES",
        });
        Ok(())
    }

    /// A number of rows is a part of the text, as MySQL takes no bind here; a distance of the sort key is bound where it may be.
    fn bound_tail(&mut self, bound: Bound, key: Option<SqlType>, tail: &mut Tail) -> Result<()> {
        let (offset, direction) = match bound.0 {
            Edge::Preceding(offset) => (offset, " PRECEDING"),
            Edge::Following(offset) => (offset, " FOLLOWING"),
            edge => {
                tail.text(match edge {
                    Edge::UnboundedPreceding => "UNBOUNDED PRECEDING",
                    Edge::UnboundedFollowing => "UNBOUNDED FOLLOWING",
                    _ => "CURRENT ROW",
                });
                return Ok(());
            }
        };
        let number = match offset {
            Offset::Whole(number) => Some(number.into()),
            Offset::Decimal(number) => Some(number),
            Offset::Float(number) => number.to_string().parse().ok(),
            Offset::Interval(_) => None,
        };
        let value = match (key, offset, number) {
            (None, _, Some(number)) => return literal(number, direction, tail),
            (Some(_), _, Some(number)) if self.target.dialect.is_mysql_family() => {
                return literal(number, direction, tail);
            }
            (Some(key), Offset::Whole(number), _) if key.is_integer() => (Value::Int(number), SqlType::Int64),
            (Some(key), _, Some(number)) if !key.is_float() => (Value::Decimal(number), SqlType::Decimal(None)),
            (_, Offset::Whole(number), _) => (Value::Float(number as f64), SqlType::Float64),
            (_, Offset::Float(number), _) => (Value::Float(number), SqlType::Float64),
            (_, Offset::Interval(span), _) => (Value::Interval(span), SqlType::Interval),
            (_, Offset::Decimal(number), _) => match number.to_string().parse() {
                Ok(number) => (Value::Float(number), SqlType::Float64),
                Err(_) => return Err(Error::internal("window.offset")),
            },
        };
        let bind = self.constant(value.0, value.1);
        tail.arg(place_of(bind));
        tail.text(direction);
        Ok(())
    }
}

fn literal(number: rust_decimal::Decimal, direction: &'static str, tail: &mut Tail) -> Result<()> {
    tail.pieces.push(Piece::Literal(number));
    tail.text(direction);
    Ok(())
}

fn distance(bound: Bound) -> Option<Offset> {
    match bound.0 {
        Edge::Preceding(offset) | Edge::Following(offset) => Some(offset),
        _ => None,
    }
}
