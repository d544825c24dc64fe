//! Expressions in each dialect's words.

use sea_query::extension::postgres::PgFunc;
use sea_query::{BinOper, CaseStatement, Expr, ExprTrait, Func, Keyword, Query, SubQueryStatement, UnOper};

use super::doors::{Function, Operator, TypeName, cast, function, marked, operator, word};
use super::{Fragment, Lowering, column_ref};
use crate::compile::fold::ordered;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Aggregate, Arithmetic, Comparison};
use crate::schema::{Rx, RxKind};
use crate::types::{Family, SqlType};
use crate::value::{Bind, Value};

/// Up to here a list is written out with one bind a value, where there are no arrays.
const MAX_LISTED: usize = 100;

/// Up to here a chain of AND is written in the order given, left to right; a longer one as a balanced tree, because the
/// renderer recurses into it.
const MAX_FLAT: usize = 32;

impl Lowering<'_> {
    pub(super) fn expr(&mut self, rx: &Rx, qualify: bool) -> Result<Expr> {
        Ok(match rx.kind() {
            RxKind::Column(_) => return Err(Error::internal("lower.column")),
            RxKind::Source { source, column } => {
                let name = self.folder.column_name(*source, *column)?;
                let alias = if qualify { self.folder.sources.get(*source).map(|source| &source.alias) } else { None };
                Expr::Column(column_ref(alias, &name))
            }
            RxKind::Bind(place) => place_of(*place),
            RxKind::Null => Expr::Keyword(Keyword::Null),
            RxKind::True => word("TRUE"),
            RxKind::False => word("FALSE"),
            RxKind::Not(inner) => Expr::Unary(UnOper::Not, Box::new(self.expr(inner, qualify)?)),
            RxKind::Negate(inner) => {
                let zero = self.bind(Value::Int(0), SqlType::Int64);
                let inner = self.expr(inner, qualify)?;
                binary(place_of(zero), BinOper::Sub, inner)
            }
            RxKind::Arithmetic(operation, left, right) => self.arithmetic(*operation, left, right, qualify)?,
            RxKind::Compare(comparison, left, right) => self.compare(*comparison, left, right, qualify)?,
            RxKind::All(list) => self.chain(list, BinOper::And, qualify)?,
            RxKind::Any(list) => self.chain(list, BinOper::Or, qualify)?,
            RxKind::IsNull(inner, negated) => {
                let inner = self.expr(inner, qualify)?;
                if *negated { inner.is_not_null() } else { inner.is_null() }
            }
            RxKind::InList { operand, list, element, negated } => {
                self.member(operand, list, *element, *negated, qualify)?
            }
            RxKind::Between { operand, low, high, negated } => {
                let collate = self.needs_collation(operand, "`between`")? && is_text(low);
                let mut left = self.expr(operand, qualify)?;
                if collate {
                    left = self.collated(left);
                }
                let (low, high) = (self.expr(low, qualify)?, self.expr(high, qualify)?);
                if *negated { left.not_between(low, high) } else { left.between(low, high) }
            }
            RxKind::Like { operand, pattern, escape, negated } => {
                let operand = self.expr(operand, qualify)?;
                let mut pattern = place_of(*pattern);
                if self.caps.loose_text {
                    pattern = self.collated(pattern);
                }
                if self.caps.like_needs_escape {
                    pattern = binary(pattern, BinOper::Escape, place_of(*escape));
                }
                binary(operand, if *negated { BinOper::NotLike } else { BinOper::Like }, pattern)
            }
            RxKind::Case { arms, otherwise } => {
                let mut case = CaseStatement::new();
                for (condition, result) in arms {
                    case = case.case(self.expr(condition, qualify)?, self.expr(result, qualify)?);
                }
                if let Some(otherwise) = otherwise {
                    case = case.finally(self.expr(otherwise, qualify)?);
                }
                Expr::Case(Box::new(case))
            }
            RxKind::Coalesce(list) => {
                let list = list.iter().map(|one| self.expr(one, qualify)).collect::<Result<Vec<_>>>()?;
                Func::coalesce(list).into()
            }
            RxKind::Cast { operand, to, helper } => self.cast(operand, *to, *helper, qualify)?,
            RxKind::Aggregate { function, operand } => self.aggregate(*function, operand.as_ref(), qualify)?,
            RxKind::ExactText(inner) => {
                let inner = self.expr(inner, qualify)?;
                self.collated(inner)
            }
            RxKind::Exists { block, negated } => {
                let taken = self.folder.exists.get_mut(*block).map(std::mem::take);
                let inner = taken.ok_or_else(|| Error::internal("lower.exists"))?;
                let select = self.select(&inner, true);
                if let Some(place) = self.folder.exists.get_mut(*block) {
                    *place = inner;
                }
                let exists = Expr::exists(select?);
                if *negated { Expr::Unary(UnOper::Not, Box::new(exists)) } else { exists }
            }
        })
    }

    pub(super) fn conjunction(&mut self, list: &[Rx], qualify: bool) -> Result<Expr> {
        self.chain(list, BinOper::And, qualify)
    }

    fn chain(&mut self, list: &[Rx], operation: BinOper, qualify: bool) -> Result<Expr> {
        match list {
            [] => Ok(word(if operation == BinOper::And { "TRUE" } else { "FALSE" })),
            [only] => self.expr(only, qualify),
            [first, rest @ ..] if list.len() <= MAX_FLAT => {
                let mut chain = self.expr(first, qualify)?;
                for next in rest {
                    let next = self.expr(next, qualify)?;
                    chain = binary(chain, operation, next);
                }
                Ok(chain)
            }
            _ => {
                let (left, right) = list.split_at(list.len() / 2);
                let left = self.chain(left, operation, qualify)?;
                let right = self.chain(right, operation, qualify)?;
                Ok(binary(left, operation, right))
            }
        }
    }

    fn arithmetic(&mut self, operation: Arithmetic, left: &Rx, right: &Rx, qualify: bool) -> Result<Expr> {
        let dialect = self.target.dialect;
        let narrow = |rx: &Rx| matches!(rx.sql_type(), Some(SqlType::Int16 | SqlType::Int32));
        let both_narrow = narrow(left) && narrow(right);
        let unsigned = [left, right].iter().any(|rx| rx.sql_type() == Some(SqlType::UInt64));
        let is_literal = matches!(right.kind(), RxKind::Bind(_));
        let mut a = self.expr(left, qualify)?;
        let mut b = self.expr(right, qualify)?;
        if dialect == Dialect::Postgres && both_narrow && operation != Arithmetic::Divide {
            // SQL: PostgreSQL computes integer + integer in 32 bits; the others in 64.
            a = cast_to(a, "bigint");
        }
        if dialect.is_mysql_family() && unsigned && operation == Arithmetic::Subtract {
            // SQL: MySQL manual, 12.6.1: a difference with an unsigned side is unsigned, and an error below zero.
            a = cast_to(a, "SIGNED");
            b = cast_to(b, "SIGNED");
        }
        let divides = matches!(operation, Arithmetic::Divide | Arithmetic::IntegerDivide | Arithmetic::Modulo);
        if divides && self.caps.zero_divisor_fails && !is_literal {
            let zero = self.bind(Value::Int(0), SqlType::Int64);
            b = function(Function::Nullif).args([b, place_of(zero)]).into();
        }
        let operator = match operation {
            Arithmetic::Add => BinOper::Add,
            Arithmetic::Subtract => BinOper::Sub,
            Arithmetic::Multiply => BinOper::Mul,
            Arithmetic::Modulo => BinOper::Mod,
            Arithmetic::IntegerDivide if dialect.is_mysql_family() => operator(Operator::Div),
            Arithmetic::IntegerDivide => BinOper::Div,
            Arithmetic::Divide => {
                if left.sql_type() != Some(SqlType::Float64) {
                    a = cast_to(a, self.caps.double);
                }
                BinOper::Div
            }
        };
        Ok(binary(a, operator, b))
    }

    fn compare(&mut self, comparison: Comparison, left: &Rx, right: &Rx, qualify: bool) -> Result<Expr> {
        let operator = match comparison {
            Comparison::Equal => BinOper::Equal,
            Comparison::NotEqual => BinOper::NotEqual,
            Comparison::Less => BinOper::SmallerThan,
            Comparison::LessOrEqual => BinOper::SmallerThanOrEqual,
            Comparison::Greater => BinOper::GreaterThan,
            Comparison::GreaterOrEqual => BinOper::GreaterThanOrEqual,
        };
        let text = is_text(left) || is_text(right);
        let exact = left.0.binary_text || right.0.binary_text || self.target.binary_text;
        let collate =
            text && !exact && self.caps.binary_collation.is_some() && (self.caps.loose_text || ordered(comparison));
        let (a, b) = (self.expr(left, qualify)?, self.expr(right, qualify)?);
        if !collate {
            return Ok(binary(a, operator, b));
        }
        let exactly = binary(a, operator, self.collated(b));
        if comparison != Comparison::Equal {
            return Ok(exactly);
        }
        // The loose comparison follows from the exact one; beside it, it lets the database use the column's index.
        let (a, b) = (self.expr(left, qualify)?, self.expr(right, qualify)?);
        Ok(binary(binary(a, operator, b), BinOper::And, exactly))
    }

    /// `text` under the collation that compares by code point.
    pub(super) fn collated(&self, text: Expr) -> Expr {
        // SQL: a collation fits one character set only; a bind has that of the session, a column may have any.
        let text = match text {
            text if !self.target.dialect.is_mysql_family() || matches!(text, Expr::Value(_)) => text,
            text => function(Function::Convert).arg(binary(text, operator(Operator::Using), word("utf8mb4"))).into(),
        };
        match self.caps.binary_collation {
            Some(collation) => binary(text, operator(Operator::Collate), word(collation)),
            None => text,
        }
    }

    fn member(&mut self, operand: &Rx, list: &[usize], element: SqlType, negated: bool, qualify: bool) -> Result<Expr> {
        let left = self.expr(operand, qualify)?;
        if self.caps.arrays {
            let array = self.array(list, element);
            let (operator, quantified) = if negated {
                (BinOper::NotEqual, PgFunc::all(place_of(array)))
            } else {
                (BinOper::Equal, PgFunc::any(place_of(array)))
            };
            return Ok(binary(left, operator, quantified.into()));
        }
        let exact = self.caps.loose_text && element == SqlType::Text && !operand.0.binary_text;
        let operator = if negated { BinOper::NotIn } else { BinOper::In };
        let values = match self.json_list(list) {
            Some(json) => self.unnested(json, element),
            None => Expr::Tuple(list.iter().map(|place| place_of(*place)).collect()),
        };
        if !exact {
            return Ok(binary(left, operator, values));
        }
        let exactly = binary(self.collated(left.clone()), operator, values.clone());
        if negated {
            return Ok(exactly);
        }
        // As for `=`: the loose membership follows from the exact one, and lets the database use the column's index.
        Ok(binary(binary(left, operator, values), BinOper::And, exactly))
    }

    /// The list as one array bind; made once, though the list may be written twice.
    fn array(&mut self, list: &[usize], element: SqlType) -> usize {
        let first = list.first().copied().unwrap_or_default();
        if let Some((_, array)) = self.arrays.iter().find(|(known, _)| *known == first) {
            return *array;
        }
        let values = list
            .iter()
            .filter_map(|place| self.binds.get_mut(*place).map(|bind| std::mem::replace(&mut bind.value, Value::Null)))
            .collect();
        let array = self.bind(Value::Array(values), array_of(element));
        self.arrays.push((first, array));
        array
    }

    /// A long list as one JSON text, if JSON can hold every value exactly.
    fn json_list(&mut self, list: &[usize]) -> Option<usize> {
        if list.len() <= MAX_LISTED {
            return None;
        }
        let first = list.first().copied()?;
        if let Some((_, json)) = self.arrays.iter().find(|(known, _)| *known == first) {
            return Some(*json);
        }
        let mut values = Vec::with_capacity(list.len());
        for place in list {
            values.push(json_value(self.binds.get(*place)?)?);
        }
        let json = self.bind(Value::Text(serde_json::Value::Array(values).to_string()), SqlType::Text);
        self.arrays.push((first, json));
        Some(json)
    }

    /// The values of a JSON list as a subquery.
    fn unnested(&mut self, json: usize, element: SqlType) -> Expr {
        if self.target.dialect == Dialect::Sqlite {
            // SQL: SQLite, "JSON Functions" 4.25: json_each.
            let mut values = Query::select();
            values.column("value").from_function(function(Function::JsonEach).arg(place_of(json)), "list");
            return Expr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(values)));
        }
        // SQL: MySQL manual, 14.17.6; MariaDB manual, "JSON_TABLE" (10.6). sea-query has no node for its COLUMNS clause.
        let sql_type = match element.family() {
            Family::Number if element.is_integer() => "BIGINT",
            Family::Number if element.is_float() => "DOUBLE",
            Family::Number => "DECIMAL(65, 28)",
            Family::Bool => "TINYINT",
            Family::Date => "DATE",
            Family::Time => "TIME(6)",
            Family::Timestamp => "DATETIME(6)",
            _ => "LONGTEXT",
        };
        let mark = self.fragment(vec![
            Fragment::Text("(SELECT `value` FROM JSON_TABLE(".to_owned()),
            Fragment::Bind(json),
            Fragment::Text(format!(", '$[*]' COLUMNS (`value` {sql_type} PATH '$')) AS `list`)")),
        ]);
        marked(mark)
    }

    fn aggregate(&mut self, function: Aggregate, operand: Option<&Rx>, qualify: bool) -> Result<Expr> {
        let Some(operand) = operand else { return Ok(Func::count(Expr::col(sea_query::Asterisk)).into()) };
        let mut inner = self.expr(operand, qualify)?;
        let text_matters = match function {
            Aggregate::CountDistinct => self.caps.loose_text,
            Aggregate::Min | Aggregate::Max => true,
            _ => false,
        };
        if text_matters && self.needs_collation(operand, "an aggregate of text")? {
            inner = self.collated(inner);
        }
        Ok(match function {
            Aggregate::Count => Func::count(inner),
            Aggregate::CountDistinct => Func::count_distinct(inner),
            Aggregate::Min => Func::min(inner),
            Aggregate::Max => Func::max(inner),
            Aggregate::Sum => {
                let single = operand.sql_type() == Some(SqlType::Float32);
                Func::sum(if single { cast_to(inner, self.caps.double) } else { inner })
            }
            Aggregate::Avg => {
                // SQL: the mean of integers has 4 decimals on MySQL and 16 digits on PostgreSQL; a double is the same everywhere.
                let double = operand.sql_type() == Some(SqlType::Float64) || self.target.dialect == Dialect::Sqlite;
                Func::avg(if double { inner } else { cast_to(inner, self.caps.double) })
            }
        }
        .into())
    }

    fn cast(&mut self, operand: &Rx, to: SqlType, helper: usize, qualify: bool) -> Result<Expr> {
        let dialect = self.target.dialect;
        let from = operand.sql_type();
        let inner = self.expr(operand, qualify)?;
        let helper = place_of(helper);
        if from == Some(to) && !matches!(to, SqlType::Decimal(_)) {
            return Ok(inner);
        }
        let from_family = from.map(SqlType::family);
        let refuse = || Err(unsupported_cast(dialect, from, to));
        let postgres = dialect == Dialect::Postgres;
        Ok(match (from_family, to) {
            (Some(Family::Number), SqlType::Int16 | SqlType::Int32 | SqlType::Int64) => {
                let whole = from.is_some_and(SqlType::is_integer);
                match dialect {
                    Dialect::Postgres => {
                        let inner = if whole { inner } else { function(Function::Trunc).arg(inner).into() };
                        cast_to(inner, integer_name(to))
                    }
                    Dialect::Sqlite => cast_to(inner, "INTEGER"),
                    _ if whole => cast_to(inner, "SIGNED"),
                    _ => cast_to(function(Function::Truncate).args([inner, helper]).into(), "SIGNED"),
                }
            }
            (Some(Family::Bool), SqlType::Int16 | SqlType::Int32 | SqlType::Int64) => match dialect {
                Dialect::Postgres => cast_to(inner, "integer"),
                Dialect::Sqlite => cast_to(inner, "INTEGER"),
                _ => cast_to(inner, "SIGNED"),
            },
            (Some(Family::Number), SqlType::Float64) => cast_to(inner, self.caps.double),
            (Some(Family::Number), SqlType::Decimal(Some((precision, scale)))) => match dialect {
                Dialect::Sqlite => function(Function::Round).args([inner, helper]).into(),
                _ => cast(inner, TypeName::Decimal(precision, scale)),
            },
            (Some(Family::Number), SqlType::Bool) => binary(inner, BinOper::NotEqual, helper),
            (Some(Family::Number), SqlType::Text) if from.is_some_and(SqlType::is_integer) => {
                cast_to(inner, text_name(dialect))
            }
            (Some(Family::Bool), SqlType::Text) => {
                let yes = self.bind(Value::Text("true".to_owned()), SqlType::Text);
                let no = self.bind(Value::Text("false".to_owned()), SqlType::Text);
                let opposite = Expr::Unary(UnOper::Not, Box::new(inner.clone()));
                CaseStatement::new().case(inner, place_of(yes)).case(opposite, place_of(no)).into()
            }
            (Some(Family::Date | Family::Uuid), SqlType::Text) => cast_to(inner, text_name(dialect)),
            (Some(Family::Text), SqlType::Text) => inner,
            (Some(Family::Timestamp), SqlType::Date) => match dialect {
                Dialect::Postgres => cast_to(inner, "date"),
                Dialect::Sqlite => function(Function::Date).arg(inner).into(),
                _ => cast_to(inner, "DATE"),
            },
            (Some(Family::Date), SqlType::Timestamp) => match dialect {
                Dialect::Postgres => cast_to(inner, "timestamp"),
                Dialect::Sqlite => function(Function::Datetime).arg(inner).into(),
                _ => cast_to(inner, "DATETIME(6)"),
            },
            // Every session's time zone is UTC, so the two agree.
            (Some(Family::Timestamp), SqlType::Timestamp) if postgres => cast_to(inner, "timestamp"),
            (Some(Family::Timestamp), SqlType::TimestampTz) if postgres => cast_to(inner, "timestamptz"),
            (Some(Family::Timestamp), SqlType::Timestamp | SqlType::TimestampTz) => inner,
            _ if postgres => match super::placeholder_type(to) {
                Some(name) => cast_to(inner, name),
                None => return refuse(),
            },
            _ => return refuse(),
        })
    }
}

/// What a cast to text, numbers or times is called where it exists, and why it is refused elsewhere.
fn unsupported_cast(dialect: Dialect, from: Option<SqlType>, to: SqlType) -> Error {
    let from = from.map_or_else(|| "a value of unknown type".to_owned(), |from| from.to_string());
    Error::new(
        ErrorKind::Unsupported,
        "cast.unsupported",
        format!("{dialect} can't convert {from} to {to} exactly; convert it in the program, or store it as {to}"),
    )
}

fn integer_name(to: SqlType) -> &'static str {
    match to {
        SqlType::Int16 => "smallint",
        SqlType::Int32 => "integer",
        _ => "bigint",
    }
}

fn text_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "text",
        Dialect::Sqlite => "TEXT",
        Dialect::MySql | Dialect::MariaDb => "CHAR CHARACTER SET utf8mb4",
    }
}

fn is_text(rx: &Rx) -> bool {
    rx.sql_type() == Some(SqlType::Text)
}

/// The node that stands for a bind: sea-query is handed its place in our list, never its value.
pub(super) fn place_of(bind: usize) -> Expr {
    Expr::Value(sea_query::Value::BigUnsigned(Some(bind as u64)))
}

fn cast_to(inner: Expr, type_name: &'static str) -> Expr {
    cast(inner, TypeName::Named(type_name))
}

fn binary(left: Expr, operator: BinOper, right: Expr) -> Expr {
    Expr::Binary(Box::new(left), operator, Box::new(right))
}

/// A value as JSON, where that holds it exactly and the database reads it back as the same.
fn json_value(bind: &Bind) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    Some(match &bind.value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::from(i64::from(*flag)),
        Value::Int(number) => Json::from(*number),
        Value::UInt(number) => Json::from(*number),
        Value::Float(number) if number.is_finite() => Json::from(*number),
        Value::Decimal(number) => number.to_string().parse::<serde_json::Number>().ok().map(Json::Number)?,
        Value::Text(text) => Json::String(text.clone()),
        Value::Date(date) => Json::String(date.to_string()),
        Value::Uuid(uuid) => Json::String(uuid.to_string()),
        _ => return None,
    })
}

fn array_of(element: SqlType) -> SqlType {
    SqlType::Array(match element {
        SqlType::Bool => &SqlType::Bool,
        SqlType::Int16 | SqlType::Int32 | SqlType::Int64 | SqlType::UInt64 => &SqlType::Int64,
        SqlType::Float32 | SqlType::Float64 => &SqlType::Float64,
        SqlType::Decimal(_) => &SqlType::Decimal(None),
        SqlType::Bytes => &SqlType::Bytes,
        SqlType::Date => &SqlType::Date,
        SqlType::Time => &SqlType::Time,
        SqlType::Timestamp => &SqlType::Timestamp,
        SqlType::TimestampTz => &SqlType::TimestampTz,
        SqlType::Interval => &SqlType::Interval,
        SqlType::Uuid => &SqlType::Uuid,
        SqlType::Json => &SqlType::Json,
        SqlType::Text | SqlType::Array(_) => &SqlType::Text,
    })
}
