//! Aggregates in each dialect's words.

use sea_query::{BinOper, Expr, ExprTrait, Func};

use super::Lowering;
use super::doors::{Function, function};
use super::expr::{binary, cast_to, is_text, place_of};
use super::template::Piece;
use crate::compile::fold::is_constant;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Aggregate, AggregateCall, Edge, OrderKey, OverCall};
use crate::schema::Rx;
use crate::types::{Family, SqlType};
use crate::value::Value;

/// What follows an aggregate's parentheses: FILTER and OVER.
#[derive(Default)]
pub(super) struct Tail {
    pub(super) pieces: Vec<Piece>,
    pub(super) args: Vec<Expr>,
}

impl Tail {
    pub(super) fn text(&mut self, text: &'static str) {
        self.pieces.push(Piece::Text(text));
    }

    pub(super) fn arg(&mut self, arg: Expr) {
        self.pieces.push(Piece::Bare(self.args.len()));
        self.args.push(arg);
    }
}

impl Lowering<'_> {
    /// An aggregate of a group's rows, or, with `over`, of a window's.
    pub(super) fn aggregate(
        &mut self,
        call: &AggregateCall<Rx>,
        over: Option<&OverCall<Rx>>,
        qualify: bool,
    ) -> Result<Expr> {
        self.aggregates = true;
        let dialect = self.target.dialect;
        let mysql = dialect.is_mysql_family();
        let first = call.operands.first();
        let first_type = first.and_then(Rx::sql_type);
        if let Some(over) = over {
            self.check_over(call, over)?;
        }
        let mut args = Vec::with_capacity(call.operands.len());
        for (position, operand) in call.operands.iter().enumerate() {
            let mut arg = match call.function {
                // These take notice of it everywhere.
                Aggregate::Count | Aggregate::CountDistinct | Aggregate::Sum | Aggregate::Avg => {
                    self.expr(operand, qualify)?
                }
                _ => self.keeping_nulls(|lowering| lowering.expr(operand, qualify))?,
            };
            if self.text_matters(call, position) && self.needs_collation(operand, "an aggregate of text")? {
                arg = self.collated(arg);
            } else if self.caps.loses_aggregated_values && matches!(arg, Expr::Value(_)) {
                arg = self.template("COALESCE({0}, NULL)", vec![arg])?;
            }
            args.push(arg);
        }
        let mut condition = call.filter.as_ref().map(|filter| self.expr(filter, qualify)).transpose()?;
        if dialect == Dialect::Postgres && call.function == Aggregate::CountDistinct && call.operands.len() > 1
            || !mysql && call.function == Aggregate::JsonObjectAgg
        {
            // A combination with NULL in it doesn't count, nor does an object have such a key.
            let keys = if call.function == Aggregate::JsonObjectAgg { 1 } else { args.len() };
            for (_, arg) in call.operands.iter().zip(&args).take(keys).filter(|(operand, _)| operand.nullable()) {
                let present = arg.clone().is_not_null();
                condition = Some(match condition {
                    Some(condition) => binary(condition, BinOper::And, present),
                    None => present,
                });
            }
        }
        let mut tail = Tail::default();
        match condition {
            // SQL: MySQL has no FILTER; what an aggregate skips is NULL.
            Some(condition) if mysql => {
                let chosen = match args.first() {
                    Some(arg) if !collects(call.function) => {
                        Some(self.template("CASE WHEN {0} THEN {1} END", vec![condition.clone(), arg.clone()])?)
                    }
                    Some(_) => None,
                    None => Some(self.template("CASE WHEN {0} THEN 1 END", vec![condition.clone()])?),
                };
                match (chosen, args.first_mut()) {
                    (Some(chosen), Some(place)) => *place = chosen,
                    (Some(chosen), None) => args.push(chosen),
                    (None, _) => args.push(condition),
                }
            }
            Some(condition) => {
                tail.text(" FILTER (WHERE ");
                tail.arg(condition);
                tail.text(")");
            }
            None => {}
        }
        if let Some(over) = over {
            self.over_tail(over, true, qualify, &mut tail)?;
        }
        let distinct = call.distinct;
        let plain = tail.pieces.is_empty() && !distinct;
        let single = first_type == Some(SqlType::Float32);
        let arg = |args: &[Expr]| args.first().cloned().unwrap_or(Expr::Keyword(sea_query::Keyword::Null));
        let double = |this: &Self, arg: Expr, from: Option<SqlType>| {
            if from == Some(SqlType::Float64) { arg } else { cast_to(arg, this.caps.double) }
        };
        Ok(match call.function {
            Aggregate::Count if args.is_empty() && plain => Func::count(Expr::col(sea_query::Asterisk)).into(),
            Aggregate::Count if args.is_empty() => self.called("COUNT(*)", args, &tail)?,
            Aggregate::Count if plain => Func::count(arg(&args)).into(),
            Aggregate::Count => self.called("COUNT({0})", args, &tail)?,
            Aggregate::CountDistinct
                if self.caps.counts_null_of_subqueries
                    && call
                        .operands
                        .iter()
                        .any(|operand| operand.nullable() && !self.folder.is_stored_column(operand)) =>
            {
                self.counted_apart(args, &tail)?
            }
            Aggregate::CountDistinct if call.operands.len() == 1 && plain => Func::count_distinct(arg(&args)).into(),
            Aggregate::CountDistinct if call.operands.len() == 1 => self.called("COUNT(DISTINCT {0})", args, &tail)?,
            Aggregate::CountDistinct => {
                let (open, close) = match dialect {
                    Dialect::Postgres => ("COUNT(DISTINCT (", "))"),
                    Dialect::Sqlite => ("COUNT(DISTINCT portcullis_tuple(", "))"),
                    Dialect::MySql | Dialect::MariaDb => ("COUNT(DISTINCT ", ")"),
                };
                let mut pieces = vec![Piece::Text(open)];
                for position in 0..args.len() {
                    if position > 0 {
                        pieces.push(Piece::Text(", "));
                    }
                    pieces.push(Piece::Bare(position));
                }
                pieces.push(Piece::Text(close));
                self.assembled(pieces, args, &tail)?
            }
            Aggregate::Min if plain => Func::min(arg(&args)).into(),
            Aggregate::Max if plain => Func::max(arg(&args)).into(),
            Aggregate::Min => self.called("MIN({0})", args, &tail)?,
            Aggregate::Max => self.called("MAX({0})", args, &tail)?,
            Aggregate::Sum => {
                let arg = arg(&args);
                let arg = if single { cast_to(arg, self.caps.double) } else { arg };
                let sum = match (plain, distinct) {
                    (true, _) => Func::sum(arg).into(),
                    (_, false) => self.called("SUM({0})", vec![arg], &tail)?,
                    (_, true) => self.called("SUM(DISTINCT {0})", vec![arg], &tail)?,
                };
                self.rounded(sum, first_type)
            }
            // The sum is exact, so that one division rounds once, everywhere.
            Aggregate::Avg
                if matches!(first_type, Some(SqlType::Decimal(_)))
                    || (mysql && over.is_some() && first_type.is_some_and(SqlType::is_integer)) =>
            {
                let arg = arg(&args);
                let (number, sum): (Expr, Expr) = match (plain, distinct) {
                    (true, _) => (Func::count(arg.clone()).into(), Func::sum(arg).into()),
                    (_, false) => (
                        self.called("COUNT({0})", vec![arg.clone()], &tail)?,
                        self.called("SUM({0})", vec![arg], &tail)?,
                    ),
                    (_, true) => (
                        self.called("COUNT(DISTINCT {0})", vec![arg.clone()], &tail)?,
                        self.called("SUM(DISTINCT {0})", vec![arg], &tail)?,
                    ),
                };
                let sum = self.rounded(sum, first_type);
                let sum = cast_to(sum, self.caps.double);
                let divisor = if dialect == Dialect::Postgres && over.is_some() {
                    // SQL: a frame may be empty, and PostgreSQL fails where it divides by zero.
                    let zero = self.constant(Value::Int(0), SqlType::Int64);
                    function(Function::Nullif).args([number, place_of(zero)]).into()
                } else {
                    number
                };
                binary(sum, BinOper::Div, divisor)
            }
            Aggregate::Avg => {
                // SQL: the mean of integers has 4 decimals on MySQL and 16 digits on PostgreSQL; a double is the same everywhere.
                let arg = if dialect == Dialect::Sqlite { arg(&args) } else { double(self, arg(&args), first_type) };
                match (plain, distinct) {
                    (true, _) => Func::avg(arg).into(),
                    (_, false) => self.called("AVG({0})", vec![arg], &tail)?,
                    (_, true) => self.called("AVG(DISTINCT {0})", vec![arg], &tail)?,
                }
            }
            Aggregate::BoolAnd if dialect == Dialect::Postgres => self.called("BOOL_AND({0})", args, &tail)?,
            Aggregate::BoolOr if dialect == Dialect::Postgres => self.called("BOOL_OR({0})", args, &tail)?,
            Aggregate::BoolAnd => self.called("MIN({0})", args, &tail)?,
            Aggregate::BoolOr => self.called("MAX({0})", args, &tail)?,
            Aggregate::StddevSamp | Aggregate::StddevPop | Aggregate::VarSamp | Aggregate::VarPop => {
                let sqlite = dialect == Dialect::Sqlite;
                let arg = if sqlite { arg(&args) } else { double(self, arg(&args), first_type) };
                let head = match (call.function, sqlite, over.is_some()) {
                    (Aggregate::StddevSamp, false, _) => "STDDEV_SAMP({0})",
                    (Aggregate::StddevPop, false, _) => "STDDEV_POP({0})",
                    (Aggregate::VarSamp, false, _) => "VAR_SAMP({0})",
                    (_, false, _) => "VAR_POP({0})",
                    (Aggregate::StddevSamp, true, false) => "portcullis_stddev_samp({0})",
                    (Aggregate::StddevPop, true, false) => "portcullis_stddev_pop({0})",
                    (Aggregate::VarSamp, true, false) => "portcullis_var_samp({0})",
                    (_, true, false) => "portcullis_var_pop({0})",
                    (Aggregate::StddevSamp, true, true) => "portcullis_stddev_samp_over({0})",
                    (Aggregate::StddevPop, true, true) => "portcullis_stddev_pop_over({0})",
                    (Aggregate::VarSamp, true, true) => "portcullis_var_samp_over({0})",
                    (_, true, true) => "portcullis_var_pop_over({0})",
                };
                self.called(head, vec![arg], &tail)?
            }
            Aggregate::CovarSamp | Aggregate::CovarPop | Aggregate::Corr => {
                let args = args
                    .into_iter()
                    .zip(&call.operands)
                    .map(|(arg, rx)| if dialect == Dialect::Sqlite { arg } else { double(self, arg, rx.sql_type()) })
                    .collect();
                let head = match (call.function, dialect, over.is_some()) {
                    (Aggregate::CovarSamp, Dialect::Postgres, _) => "COVAR_SAMP({0}, {1})",
                    (Aggregate::CovarPop, Dialect::Postgres, _) => "COVAR_POP({0}, {1})",
                    (Aggregate::Corr, Dialect::Postgres, _) => "CORR({0}, {1})",
                    (Aggregate::CovarSamp, Dialect::Sqlite, false) => "portcullis_covar_samp({0}, {1})",
                    (Aggregate::CovarPop, Dialect::Sqlite, false) => "portcullis_covar_pop({0}, {1})",
                    (Aggregate::Corr, Dialect::Sqlite, false) => "portcullis_corr({0}, {1})",
                    (Aggregate::CovarSamp, Dialect::Sqlite, true) => "portcullis_covar_samp_over({0}, {1})",
                    (Aggregate::CovarPop, Dialect::Sqlite, true) => "portcullis_covar_pop_over({0}, {1})",
                    (Aggregate::Corr, Dialect::Sqlite, true) => "portcullis_corr_over({0}, {1})",
                    _ => {
                        let instead = "aggregate in a frame of its own, and join it";
                        return Err(self.lacks_over(call.function.name(), instead));
                    }
                };
                self.called(head, args, &tail)?
            }
            Aggregate::Median | Aggregate::PercentileCont => {
                if call.function == Aggregate::Median {
                    let half = self.constant(Value::Float(0.5), SqlType::Float64);
                    args.push(place_of(half));
                }
                match dialect {
                    Dialect::Postgres => {
                        if let Some(place) = args.first_mut() {
                            *place = double(self, place.clone(), first_type);
                        }
                        self.called("PERCENTILE_CONT({1}) WITHIN GROUP (ORDER BY {0})", args, &tail)?
                    }
                    Dialect::Sqlite => self.called("portcullis_percentile_cont({0}, {1})", args, &tail)?,
                    _ => return Err(self.lacks(call.function.name(), "aggregate in the program")),
                }
            }
            Aggregate::PercentileDisc => match dialect {
                Dialect::Postgres => self.called("PERCENTILE_DISC({1}) WITHIN GROUP (ORDER BY {0})", args, &tail)?,
                Dialect::Sqlite => self.called("portcullis_percentile_disc({0}, {1})", args, &tail)?,
                _ => return Err(self.lacks(call.function.name(), "aggregate in the program")),
            },
            Aggregate::Mode => match dialect {
                Dialect::Postgres => self.called("MODE() WITHIN GROUP (ORDER BY {0})", args, &tail)?,
                Dialect::Sqlite => self.called("portcullis_mode({0})", args, &tail)?,
                _ => return Err(self.lacks(call.function.name(), "aggregate in the program")),
            },
            Aggregate::First | Aggregate::Last => {
                let opposite: Vec<OrderKey<Rx>>;
                let order = if call.function == Aggregate::First {
                    &call.order
                } else {
                    let turned = |key: &OrderKey<Rx>| OrderKey {
                        expr: key.expr.clone(),
                        descending: !key.descending,
                        nulls_first: !key.nulls_first,
                    };
                    opposite = call.order.iter().map(turned).collect();
                    &opposite
                };
                match dialect {
                    Dialect::Postgres => {
                        let list = self.ordered("ARRAY_AGG({0}", order, ")", args, &tail, qualify)?;
                        self.template("({0})[1]", vec![list])?
                    }
                    Dialect::Sqlite => self.ordered("portcullis_first({0}", order, ")", args, &tail, qualify)?,
                    _ => return Err(self.lacks(call.function.name(), "aggregate in the program")),
                }
            }
            Aggregate::StringAgg | Aggregate::ArrayAgg | Aggregate::JsonArrayAgg | Aggregate::JsonObjectAgg => {
                self.collecting(call, over.is_some(), args, &tail, qualify)?
            }
        })
    }

    /// Aggregates that keep all values.
    fn collecting(
        &mut self,
        call: &AggregateCall<Rx>,
        windowed: bool,
        mut args: Vec<Expr>,
        tail: &Tail,
        qualify: bool,
    ) -> Result<Expr> {
        let distinct = call.distinct;
        let order: &[OrderKey<Rx>] = if windowed { &[] } else { &call.order };
        match self.target.dialect {
            Dialect::Postgres => {
                let head = match (call.function, distinct) {
                    (Aggregate::StringAgg, false) => "STRING_AGG({0}, {1}",
                    (Aggregate::StringAgg, true) => "STRING_AGG(DISTINCT {0}, {1}",
                    (Aggregate::ArrayAgg, false) => "ARRAY_AGG({0}",
                    (Aggregate::ArrayAgg, true) => "ARRAY_AGG(DISTINCT {0}",
                    (Aggregate::JsonObjectAgg, _) => "JSONB_OBJECT_AGG({0}, {1}",
                    _ => "JSONB_AGG({0}",
                };
                self.ordered(head, order, ")", args, tail, qualify)
            }
            Dialect::Sqlite => {
                for (place, operand) in args.iter_mut().zip(&call.operands) {
                    if call.function != Aggregate::StringAgg {
                        *place = self.sqlite_json(place.clone(), operand, call.function == Aggregate::ArrayAgg)?;
                    }
                }
                match (call.function, distinct) {
                    (Aggregate::StringAgg, false) => {
                        self.ordered("STRING_AGG({0}, {1}", order, ")", args, tail, qualify)
                    }
                    // SQL: SQLite's DISTINCT takes one operand only.
                    (Aggregate::StringAgg, true) => {
                        self.ordered("portcullis_string_agg_distinct({0}, {1}", order, ")", args, tail, qualify)
                    }
                    (Aggregate::JsonObjectAgg, _) => {
                        let object = self.ordered("JSON_GROUP_OBJECT({0}, {1}", order, ")", args, tail, qualify)?;
                        self.template("NULLIF({0}, '{}')", vec![object])
                    }
                    (_, distinct) => {
                        let head = if distinct { "JSON_GROUP_ARRAY(DISTINCT {0}" } else { "JSON_GROUP_ARRAY({0}" };
                        let list = self.ordered(head, order, ")", args, tail, qualify)?;
                        self.template("NULLIF({0}, '[]')", vec![list])
                    }
                }
            }
            Dialect::MySql | Dialect::MariaDb => {
                if windowed {
                    return Err(self.lacks_over(call.function.name(), "aggregate in a frame of its own, and join it"));
                }
                self.group_concat(call, args, qualify)
            }
        }
    }

    /// SQL: MySQL manual, 14.19.1, GROUP_CONCAT: its separator is no bind, so each text brings its own, and the first goes again. A
    /// list is put together of its members' JSON texts, since JSON_ARRAYAGG takes no order on MySQL.
    fn group_concat(&mut self, call: &AggregateCall<Rx>, mut args: Vec<Expr>, qualify: bool) -> Result<Expr> {
        let condition = if args.len() > call.operands.len() { args.pop() } else { None };
        let no_tail = Tail::default();
        let member = match call.function {
            Aggregate::StringAgg => {
                args.reverse();
                self.template("CONCAT({0}, {1})", args.clone())?
            }
            Aggregate::JsonObjectAgg => {
                let mut pair = Vec::with_capacity(2);
                for (arg, operand) in args.iter().zip(&call.operands) {
                    pair.push(self.mysql_json(arg.clone(), operand, pair.is_empty())?);
                }
                self.template("CONCAT({0}, ':', {1})", pair)?
            }
            _ => {
                let operand = call.operands.first().ok_or_else(|| Error::internal("lower.operand"))?;
                let arg = args.first().cloned().ok_or_else(|| Error::internal("lower.operand"))?;
                self.mysql_json(arg, operand, false)?
            }
        };
        let member = if call.distinct { self.collated(member) } else { member };
        let member = match condition {
            Some(condition) => self.template("CASE WHEN {0} THEN {1} END", vec![condition, member])?,
            None => member,
        };
        let head = if call.distinct { "GROUP_CONCAT(DISTINCT {0}" } else { "GROUP_CONCAT({0}" };
        let close = if call.function == Aggregate::StringAgg { " SEPARATOR '')" } else { " SEPARATOR ',')" };
        let all = self.ordered(head, &call.order, close, vec![member], &no_tail, qualify)?;
        match call.function {
            Aggregate::StringAgg => {
                let separator = args.first().cloned().ok_or_else(|| Error::internal("lower.separator"))?;
                self.template("SUBSTR({0}, CHAR_LENGTH({1}) + 1)", vec![all, separator])
            }
            Aggregate::JsonObjectAgg => self.template("CONCAT('{', {0}, '}')", vec![all]),
            _ => self.template("CONCAT('[', {0}, ']')", vec![all]),
        }
    }

    /// A value as JSON text; NULL as `null`, but for a key, which then leaves the pair out.
    fn mysql_json(&mut self, arg: Expr, operand: &Rx, key: bool) -> Result<Expr> {
        let family = operand.sql_type().map(SqlType::family);
        Ok(match family {
            Some(Family::Text) if key => self.template("JSON_QUOTE({0})", vec![arg])?,
            Some(Family::Text) => self.template("COALESCE(JSON_QUOTE({0}), 'null')", vec![arg])?,
            Some(Family::Bool) => {
                self.template("CASE WHEN {0} THEN 'true' WHEN NOT {0} THEN 'false' ELSE 'null' END", vec![arg])?
            }
            Some(Family::Date) => self.template("COALESCE(CONCAT('\"', {0}, '\"'), 'null')", vec![arg])?,
            _ => self.template("COALESCE({0}, 'null')", vec![arg])?,
        })
    }

    fn sqlite_json(&mut self, arg: Expr, operand: &Rx, list: bool) -> Result<Expr> {
        match operand.sql_type().map(SqlType::family) {
            // A list of ours is read back by its type, in which 0 and 1 are enough.
            Some(Family::Bool) if !list => {
                self.template("JSON(CASE WHEN {0} THEN 'true' WHEN NOT {0} THEN 'false' END)", vec![arg])
            }
            Some(Family::Json) => self.template("JSON({0})", vec![arg]),
            _ => Ok(arg),
        }
    }

    /// Whether text must compare by code point for the result to be the same everywhere.
    fn text_matters(&self, call: &AggregateCall<Rx>, position: usize) -> bool {
        match call.function {
            Aggregate::CountDistinct => self.caps.loose_text,
            Aggregate::Min | Aggregate::Max | Aggregate::Mode => true,
            Aggregate::PercentileDisc => position == 0,
            // What is distinct must be written as it is ordered.
            Aggregate::StringAgg | Aggregate::ArrayAgg => call.distinct && position == 0,
            _ => false,
        }
    }

    /// `COUNT(DISTINCT …)`, and 0 where one of them is always NULL.
    ///
    /// SQL: MySQL counts the NULL of a scalar subquery that sees no row of the block (seen on 9.7), also under an expression
    /// or as a column of a derived table or a view, which looks like a table's.
    fn counted_apart(&mut self, args: Vec<Expr>, tail: &Tail) -> Result<Expr> {
        let mut pieces = vec![Piece::Text("COUNT(DISTINCT ")];
        for position in 0..args.len() {
            if position > 0 {
                pieces.push(Piece::Text(", "));
            }
            pieces.push(Piece::Bare(position));
        }
        pieces.push(Piece::Text(")"));
        let mut counted = self.assembled(pieces, args.clone(), tail)?;
        for arg in args {
            counted = self.template("CASE WHEN COUNT({0}) = 0 THEN 0 ELSE {1} END", vec![arg, counted])?;
        }
        Ok(counted)
    }

    /// `head`, its closing parenthesis and what follows it.
    pub(super) fn called(&mut self, head: &'static str, args: Vec<Expr>, tail: &Tail) -> Result<Expr> {
        self.assembled(vec![Piece::Text(head)], args, tail)
    }

    fn ordered(
        &mut self,
        head: &'static str,
        order: &[OrderKey<Rx>],
        close: &'static str,
        args: Vec<Expr>,
        tail: &Tail,
        qualify: bool,
    ) -> Result<Expr> {
        let mut inside = Tail::default();
        // SQL: MySQL and MariaDB take a lone placeholder for an operand's position. A constant orders nothing anyway.
        let order: Vec<_> = order.iter().filter(|key| !is_constant(&key.expr)).cloned().collect();
        if !order.is_empty() {
            inside.text(" ORDER BY ");
            self.order_tail(&order, true, qualify, &mut inside)?;
        }
        inside.text(close);
        inside.pieces.extend(tail.pieces.iter().map(|piece| moved(*piece, inside.args.len())));
        inside.args.extend(tail.args.iter().cloned());
        self.assembled(vec![Piece::Text(head)], args, &inside)
    }

    fn assembled(&mut self, mut pieces: Vec<Piece>, mut args: Vec<Expr>, tail: &Tail) -> Result<Expr> {
        pieces.extend(tail.pieces.iter().map(|piece| moved(*piece, args.len())));
        args.extend(tail.args.iter().cloned());
        self.pieces(&pieces, args)
    }

    /// SQL: MariaDB takes what leaves a moving frame off a running sum; of floats that leaves their rounding behind, be it larger than
    /// what is in the frame.
    fn check_over(&self, call: &AggregateCall<Rx>, over: &OverCall<Rx>) -> Result<()> {
        let moving = over.frame.is_some_and(|frame| frame.start.0 != Edge::UnboundedPreceding);
        let summed = matches!(call.function, Aggregate::Sum | Aggregate::Avg);
        let float = call.operands.first().is_some_and(|rx| rx.sql_type().is_none_or(SqlType::is_float));
        if self.target.dialect == Dialect::MariaDb && moving && summed && float {
            return Err(self.lacks_over(
                &format!("an exact `{}` of floats in a frame whose start moves", call.function.name()),
                "write `.cast(SqlType::decimal(..))` of the operand, or start the frame with `unbounded_preceding()`",
            ));
        }
        Ok(())
    }

    pub(super) fn lacks(&self, what: &str, instead: &str) -> Error {
        let message = format!("{} has no `{what}`; {instead}", self.target.dialect);
        Error::new(ErrorKind::Unsupported, "agg.unsupported", message)
    }

    pub(super) fn lacks_over(&self, what: &str, instead: &str) -> Error {
        let what = if what.contains('`') { what.to_owned() } else { format!("`{what}`") };
        let message = format!("{} has no {what} over a window; {instead}", self.target.dialect);
        Error::new(ErrorKind::Unsupported, "window.unsupported", message)
    }

    /// Sort keys as they stand in an ORDER BY: NULL as largest, text by code point. `place_nulls` is false where the text takes one key
    /// only.
    pub(super) fn order_tail(
        &mut self,
        order: &[OrderKey<Rx>],
        place_nulls: bool,
        qualify: bool,
        tail: &mut Tail,
    ) -> Result<()> {
        for (position, key) in order.iter().enumerate() {
            if position > 0 {
                tail.text(", ");
            }
            let mut expr = self.expr(&key.expr, qualify)?;
            let as_wanted = self.caps.nulls_largest == (key.nulls_first == key.descending);
            let nulls = key.expr.nullable() && !as_wanted;
            if nulls && !self.caps.nulls_order && place_nulls {
                tail.arg(expr.clone().is_null());
                tail.text(if key.nulls_first { " DESC, " } else { ", " });
            }
            if (is_text(&key.expr) || key.expr.sql_type().is_none()) && self.needs_collation(&key.expr, "an order")? {
                expr = self.collated(expr);
            }
            tail.arg(expr);
            if key.descending {
                tail.text(" DESC");
            }
            if nulls && self.caps.nulls_order {
                tail.text(if key.nulls_first { " NULLS FIRST" } else { " NULLS LAST" });
            }
        }
        Ok(())
    }
}

/// Aggregates whose operands are put together before they are left out.
fn collects(function: Aggregate) -> bool {
    matches!(function, Aggregate::StringAgg | Aggregate::ArrayAgg | Aggregate::JsonArrayAgg | Aggregate::JsonObjectAgg)
}

fn moved(piece: Piece, by: usize) -> Piece {
    match piece {
        Piece::Operand(position) => Piece::Operand(position + by),
        Piece::Bare(position) => Piece::Bare(position + by),
        other => other,
    }
}
