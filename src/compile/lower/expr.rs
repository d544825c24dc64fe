//! Expressions in each dialect's words.

use sea_query::extension::postgres::PgFunc;
use sea_query::{BinOper, CaseStatement, Expr, ExprTrait, Func, Keyword, Query, SubQueryStatement, UnOper};

use super::doors::{Function, Operator, TypeName, cast, function, marked, operator, word};
use super::{Fragment, Lowering, column_ref};
use crate::compile::fold::{SourceKind, ordered};
use crate::compile::lists::{MAX_LISTED, MAX_SHORT, list_value};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Arithmetic, Comparison};
use crate::schema::{ListForm, Rx, RxKind, schema_needed};
use crate::types::{Family, SqlType};
use crate::value::Value;

/// Up to here a chain of AND is written in the order given, left to right; a longer one as a balanced tree, because the
/// renderer recurses into it.
const MAX_FLAT: usize = 32;

impl Lowering<'_> {
    pub(super) fn expr(&mut self, rx: &Rx, qualify: bool) -> Result<Expr> {
        Ok(match rx.kind() {
            RxKind::Row(_) | RxKind::Column(_) => return Err(Error::internal("lower.column")),
            RxKind::Source { source, column } => {
                let name = self.folder.column_name(*source, *column)?;
                if self.incoming == Some(*source) && self.target.dialect.is_mysql_family() {
                    return Ok(function(Function::Values).arg(Expr::Column(column_ref(None, &name))).into());
                }
                let alias = if qualify { self.folder.sources.get(*source).map(|source| &source.alias) } else { None };
                let column = Expr::Column(column_ref(alias, &name));
                if self.forgetful && self.folder.may_hide_its_null(rx) {
                    return Ok(Func::coalesce([column]).into());
                }
                column
            }
            RxKind::Bind(place) => place_of(*place),
            RxKind::Null => Expr::Keyword(Keyword::Null),
            RxKind::True => word("TRUE"),
            RxKind::False => word("FALSE"),
            RxKind::Not(inner) => Expr::Unary(UnOper::Not, Box::new(self.expr(inner, qualify)?)),
            RxKind::Negate(inner) => {
                let zero = self.constant(Value::Int(0), SqlType::Int64);
                let inner = self.expr(inner, qualify)?;
                binary(place_of(zero), BinOper::Sub, inner)
            }
            RxKind::Arithmetic(operation, left, right) => self.arithmetic(*operation, rx, [left, right], qualify)?,
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
                self.need_one_type(operand, low)?;
                self.need_one_type(operand, high)?;
                let collate = self.needs_collation(operand, "`between`")? && is_text(low);
                let mut left = self.expr(operand, qualify)?;
                if collate {
                    left = self.collated(left);
                }
                let (low, high) = (self.expr(low, qualify)?, self.expr(high, qualify)?);
                if *negated { left.not_between(low, high) } else { left.between(low, high) }
            }
            RxKind::Like { operand, pattern, escape, negated } => {
                self.check_pattern(*pattern)?;
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
                let mixed = self.mixes_collations(arms.iter().map(|(_, result)| result).chain(otherwise));
                for (condition, result) in arms {
                    case = case.case(self.expr(condition, qualify)?, self.in_one_collation(result, mixed, qualify)?);
                }
                if let Some(otherwise) = otherwise {
                    case = case.finally(self.in_one_collation(otherwise, mixed, qualify)?);
                }
                Expr::Case(Box::new(case))
            }
            // SQL: SQLite's COALESCE takes two operands or more.
            RxKind::Coalesce(list) if let [only] = list.as_slice() => self.expr(only, qualify)?,
            RxKind::Coalesce(list) => {
                let mixed = self.mixes_collations(list);
                let list: Result<Vec<_>> = list.iter().map(|one| self.in_one_collation(one, mixed, qualify)).collect();
                Func::coalesce(list?).into()
            }
            RxKind::Cast { operand, to, helper } => self.cast(operand, *to, *helper, qualify)?,
            RxKind::Call(function, operands) => self.call(function, operands, qualify)?,
            RxKind::Aggregate(call) => self.aggregate(call, None, qualify)?,
            RxKind::Over(call) => self.over(call, qualify)?,
            RxKind::ExactText(inner) => {
                let inner = self.expr(inner, qualify)?;
                self.collated(inner)
            }
            RxKind::Element { source, of, part } => self.exploded_element(*source, *of, *part, rx.sql_type())?,
            RxKind::Subquery { kind, operand, of, negated } => {
                self.subquery(*kind, operand.as_ref(), *of, *negated, qualify)?
            }
        })
    }

    /// SQL: SQLite's LIKE reads a pattern up to the first NUL, and so would take a part of it for the whole.
    fn check_pattern(&self, pattern: usize) -> Result<()> {
        if self.target.dialect == Dialect::Sqlite && self.binds.pattern_holds_nul(pattern) {
            let message = "SQLite can't look for the character U+0000 in a text; compare the whole text with `.eq(..)`";
            return Err(Error::new(ErrorKind::Unsupported, "like.nul", message));
        }
        Ok(())
    }

    pub(super) fn conjunction(&mut self, list: &[Rx], qualify: bool) -> Result<Expr> {
        self.chain(list, BinOper::And, qualify)
    }

    fn chain(&mut self, list: &[Rx], operation: BinOper, qualify: bool) -> Result<Expr> {
        // MySQL 9.7 gives a placeholder beside FALSE no type at all, which ends the conversation.
        let decides = operation == BinOper::Or;
        if list.iter().any(|one| always(one) == Some(decides)) {
            return Ok(word(if decides { "TRUE" } else { "FALSE" }));
        }
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

    fn arithmetic(&mut self, operation: Arithmetic, rx: &Rx, [left, right]: [&Rx; 2], qualify: bool) -> Result<Expr> {
        let dialect = self.target.dialect;
        if operation != Arithmetic::Divide {
            self.need_type(rx, "arithmetic")?;
        }
        let narrow = |rx: &Rx| matches!(rx.sql_type(), Some(SqlType::Int16 | SqlType::Int32));
        let both_narrow = narrow(left) && narrow(right);
        // A constant zero beside the operator was refused; one that came in as a column's value was not.
        let is_safe = matches!(right.kind(), RxKind::Bind(place) if self.binds.is_nonzero_number(*place));
        let mut a = self.expr(left, qualify)?;
        let mut b = self.expr(right, qualify)?;
        if dialect == Dialect::Postgres {
            match operation {
                Arithmetic::IntegerDivide => {
                    // SQL: a sum of bigints is numeric, which divides with a fraction.
                    a = if self.may_be_numeric(left) || both_narrow { cast_to(a, "bigint") } else { a };
                    b = if self.may_be_numeric(right) { cast_to(b, "bigint") } else { b };
                }
                // SQL: PostgreSQL computes integer + integer in 32 bits and real + real in single precision; the others in 64
                // bits and double precision.
                Arithmetic::Add | Arithmetic::Subtract | Arithmetic::Multiply if both_narrow => {
                    a = cast_to(a, "bigint")
                }
                Arithmetic::Add | Arithmetic::Subtract | Arithmetic::Multiply
                    if left.sql_type() == Some(SqlType::Float32) && right.sql_type() != Some(SqlType::Float64) =>
                {
                    a = cast_to(a, self.caps.double);
                }
                Arithmetic::Add | Arithmetic::Subtract | Arithmetic::Multiply
                    if right.sql_type() == Some(SqlType::Float32) && left.sql_type() != Some(SqlType::Float64) =>
                {
                    b = cast_to(b, self.caps.double);
                }
                _ => {}
            }
        }
        let divides = matches!(operation, Arithmetic::Divide | Arithmetic::IntegerDivide | Arithmetic::Modulo);
        if divides && self.caps.zero_divisor_fails && !is_safe {
            let zero = self.constant(Value::Int(0), SqlType::Int64);
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
        let result = binary(a, operator, b);
        Ok(self.rounded(result, rx.sql_type()))
    }

    /// A result as the decimal that it stands for, where decimals are doubles: 0.1 + 0.2 is 0.3.
    pub(super) fn rounded(&mut self, result: Expr, sql_type: Option<SqlType>) -> Expr {
        match sql_type {
            _ if self.target.dialect != Dialect::Sqlite => result,
            Some(SqlType::Decimal(Some((_, scale)))) if scale > 0 => {
                let scale = self.constant(Value::Int(scale.into()), SqlType::Int64);
                function(Function::Round).args([result, place_of(scale)]).into()
            }
            // SQL: a double holds 15 digits of any decimal; the scale is that of a bind here, and not known.
            Some(SqlType::Decimal(None)) => function(Function::Decimal).arg(result).into(),
            _ => result,
        }
    }

    /// A double a little further from zero: what is written 1.005 is a double just below that, and SQLite's ROUND sees the double
    /// where the others see the decimal. The 15 digits that count are far from the two bits added.
    fn nudged(&mut self, double: Expr) -> Expr {
        let factor = self.constant(Value::Float(1.0 + 2.0 * f64::EPSILON), SqlType::Float64);
        binary(double, BinOper::Mul, place_of(factor))
    }

    /// True for an integer that PostgreSQL may hold as a numeric: a sum, or what is made of one.
    pub(super) fn may_be_numeric(&self, rx: &Rx) -> bool {
        match rx.kind() {
            RxKind::Bind(_) => false,
            RxKind::Source { source, .. } => {
                let source = self.folder.sources.get(*source).map(|source| &source.kind);
                !matches!(source, Some(SourceKind::Table(_)))
            }
            _ => true,
        }
    }

    /// A bind of our own, one for each value, so that an expression written twice is the same text.
    pub(super) fn constant(&mut self, value: Value, sql_type: SqlType) -> usize {
        let known = self.constants.iter().find(|place| self.binds.is_own(**place, &value, sql_type));
        if let Some(place) = known {
            return *place;
        }
        let place = self.bind(value, sql_type);
        self.constants.push(place);
        place
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
        self.need_one_type(left, right)?;
        let text = is_text(left) || is_text(right);
        // A bind is compared as the column beside it.
        let exact = match (is_bind(left), is_bind(right)) {
            (true, false) => self.is_exact(right),
            (false, true) => self.is_exact(left),
            _ => self.is_exact(left) && self.is_exact(right),
        };
        let mixed = self.mixes_collations([left, right]);
        let collate = text
            && self.caps.binary_collation.is_some()
            && (mixed || (!exact && (self.caps.loose_text || ordered(comparison))));
        let (mut a, mut b) = (self.expr(left, qualify)?, self.expr(right, qualify)?);
        if !collate {
            if comparison == Comparison::Equal && self.caps.rounds_looked_up_doubles {
                (a, b) = (self.looked_up(a, left, right), self.looked_up(b, right, left));
            }
            return Ok(binary(a, operator, b));
        }
        let exactly = binary(a, operator, self.collated(b));
        if mixed || comparison != Comparison::Equal {
            return Ok(exactly);
        }
        // The loose comparison follows from the exact one; beside it, it lets the database use the column's index.
        let (a, b) = (self.expr(left, qualify)?, self.expr(right, qualify)?);
        Ok(binary(binary(a, operator, b), BinOper::And, exactly))
    }

    /// An integer that is compared with a double as a double, where it may be one of a derived table.
    ///
    /// SQL: seen on MySQL 9.7: it makes an index for the derived table, and looks the double up in it as an integer.
    fn looked_up(&self, expr: Expr, rx: &Rx, other: &Rx) -> Expr {
        let whole = rx.sql_type().is_some_and(|found| found.is_integer());
        let double = other.sql_type().is_some_and(|found| found.is_float());
        if whole && double && matches!(rx.kind(), RxKind::Source { .. }) && !self.folder.is_stored_column(rx) {
            cast_to(expr, self.caps.double)
        } else {
            expr
        }
    }

    /// SQL: MySQL compares text with a number as doubles, so that `owner = 0` is true for every text that is no number, and
    /// `id = '1 or more'` for 1. Where there is a database to ask, both sides' types are known before anything is compared.
    pub(super) fn need_one_type(&self, left: &Rx, right: &Rx) -> Result<()> {
        self.need_typed(left)?;
        self.need_typed(right)
    }

    fn need_typed(&self, rx: &Rx) -> Result<()> {
        if !self.target.dialect.is_mysql_family() || !self.target.live {
            return Ok(());
        }
        self.folder.table_of(rx).map_or(Ok(()), |table| Err(schema_needed(vec![table], "a comparison")))
    }

    fn member(&mut self, operand: &Rx, list: &[usize], element: SqlType, negated: bool, qualify: bool) -> Result<Expr> {
        self.need_typed(operand)?;
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
        let left = if exact && list.len() > MAX_LISTED { self.collated(left) } else { left };
        if element == SqlType::Text && self.target.dialect.is_mysql_family() && list.len() > MAX_LISTED {
            // Two lists, whatever the values are: the text must not tell. Most often the second is empty.
            let [short, long] = self.texts(list, element)?;
            let (short, long) = (self.unnested(short, element, true), self.unnested(long, element, false));
            let together = if negated { BinOper::And } else { BinOper::Or };
            return Ok(binary(binary(left.clone(), operator, short), together, binary(left, operator, long)));
        }
        if let Some(json) = self.json_list(list, element) {
            let values = self.unnested(json, element, false);
            return Ok(binary(left, operator, values));
        }
        let values = Expr::Tuple(list.iter().map(|place| place_of(*place)).collect());
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
        let array = self.binds.gather_array(list, element, array_of(element));
        self.arrays.push((first, array));
        array
    }

    /// The texts of a list as two JSON texts: those that fit a short column, with NULL, and the others.
    fn texts(&mut self, list: &[usize], element: SqlType) -> Result<[usize; 2]> {
        let first = list.first().copied().unwrap_or_default();
        if let Some((_, lists)) = self.text_lists.iter().find(|(known, _)| *known == first) {
            return Ok(*lists);
        }
        let missing = || Error::internal("lower.texts");
        let short = self.gather(list, element, ListForm::ShortTexts).ok_or_else(missing)?;
        let long = self.gather(list, element, ListForm::LongTexts).ok_or_else(missing)?;
        self.text_lists.push((first, [short, long]));
        Ok([short, long])
    }

    /// A long list as one JSON text, if JSON can hold every value exactly.
    fn json_list(&mut self, list: &[usize], element: SqlType) -> Option<usize> {
        if list.len() <= MAX_LISTED {
            return None;
        }
        let first = list.first().copied().unwrap_or_default();
        if let Some((_, json)) = self.arrays.iter().find(|(known, _)| *known == first) {
            return Some(*json);
        }
        let json = self.gather(list, element, ListForm::Json)?;
        self.arrays.push((first, json));
        Some(json)
    }

    fn gather(&mut self, list: &[usize], element: SqlType, form: ListForm) -> Option<usize> {
        let dialect = self.target.dialect;
        self.binds.gather(list, element, form, SqlType::Text, |values| list_value(form, values, dialect))
    }

    /// The values of a JSON list as a subquery.
    fn unnested(&mut self, json: usize, element: SqlType, short: bool) -> Expr {
        if self.target.dialect == Dialect::Sqlite {
            // SQL: SQLite, "JSON Functions" 4.25: json_each.
            let mut values = Query::select();
            values.column("value").from_function(function(Function::JsonEach).arg(place_of(json)), "list");
            return Expr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(values)));
        }
        // SQL: MySQL manual, 14.17.6; MariaDB manual, "JSON_TABLE" (10.6). sea-query has no node for its COLUMNS clause.
        let sql_type = match element.family() {
            Family::Number if element == SqlType::UInt64 => "DECIMAL(20, 0)",
            Family::Number if element.is_integer() => "BIGINT",
            Family::Number if element.is_float() => "DOUBLE",
            Family::Number => "DECIMAL(65, 28)",
            Family::Bool => "TINYINT",
            Family::Date => "DATE",
            Family::Time => "TIME(6)",
            Family::Timestamp => "DATETIME(6)",
            // Else it has the database's own character set, which may lack some of the characters.
            _ => "LONGTEXT CHARACTER SET utf8mb4",
        };
        // With a LONGTEXT MariaDB reads the whole list for each row.
        let sql_type = match self.caps.binary_collation {
            Some(collation) if short && sql_type.starts_with("LONGTEXT") => {
                format!("VARCHAR({MAX_SHORT}) CHARACTER SET utf8mb4 COLLATE {collation}")
            }
            _ => sql_type.to_owned(),
        };
        let mark = self.fragment(vec![
            Fragment::Text("(SELECT `value` FROM JSON_TABLE(".to_owned()),
            Fragment::Bind(json),
            Fragment::Text(format!(", '$[*]' COLUMNS (`value` {sql_type} PATH '$')) AS `list`)")),
        ]);
        marked(mark)
    }

    fn text_of(&mut self, value: Expr) -> Result<Expr> {
        let dialect = self.target.dialect;
        // SQL: seen on MySQL 9.7: MAX(CONCAT('é', CAST(n AS CHAR))) takes the bytes of é for characters. CONCAT makes text as well.
        let value = if dialect == Dialect::MySql { self.template("CONCAT({0})", vec![value])? } else { value };
        Ok(cast_to(value, text_name(dialect)))
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
                    Dialect::Sqlite if whole => inner,
                    Dialect::Sqlite => cast_to(inner, "INTEGER"),
                    _ if whole => inner,
                    // SQL: CAST(.. AS SIGNED) would take the largest integer for a number beyond it.
                    // SQL: on MySQL it leaves a zero its sign, which a text of it would show.
                    Dialect::MySql => {
                        let whole = function(Function::Truncate).args([inner, helper.clone()]).into();
                        binary(whole, BinOper::Add, helper)
                    }
                    _ => function(Function::Truncate).args([inner, helper]).into(),
                }
            }
            (Some(Family::Bool), SqlType::Int16 | SqlType::Int32 | SqlType::Int64) => match dialect {
                Dialect::Postgres => cast_to(inner, "integer"),
                Dialect::Sqlite => cast_to(inner, "INTEGER"),
                _ => cast_to(inner, "SIGNED"),
            },
            (Some(Family::Number), SqlType::Float64) => cast_to(inner, self.caps.double),
            (Some(Family::Number), SqlType::Decimal(Some((precision, scale)))) => match dialect {
                Dialect::Sqlite => {
                    let inner = if from.is_some_and(SqlType::is_float) { self.nudged(inner) } else { inner };
                    function(Function::Round).args([inner, helper]).into()
                }
                Dialect::Postgres => cast(inner, TypeName::Decimal(precision, scale)),
                // SQL: MySQL takes the largest decimal for a number beyond it, so there are more digits than any number needs.
                _ => cast(inner, TypeName::Decimal(65, scale)),
            },
            (Some(Family::Number), SqlType::Bool) => binary(inner, BinOper::NotEqual, helper),
            (Some(Family::Number), SqlType::Text) if from.is_some_and(SqlType::is_integer) => {
                let plain = matches!(operand.kind(), RxKind::Source { .. } | RxKind::Bind(_));
                // SQL: a sum is a decimal, and on MySQL a placeholder beside it is one of 30 digits, as is what is made of both.
                let inner = if dialect == Dialect::MySql && !plain {
                    self.template("TRUNCATE({0}, 0)", vec![inner])?
                } else {
                    inner
                };
                self.text_of(inner)?
            }
            (Some(Family::Bool), SqlType::Text) => {
                let yes = self.constant(Value::Text("true".to_owned()), SqlType::Text);
                let no = self.constant(Value::Text("false".to_owned()), SqlType::Text);
                let opposite = Expr::Unary(UnOper::Not, Box::new(inner.clone()));
                CaseStatement::new().case(inner, place_of(yes)).case(opposite, place_of(no)).into()
            }
            (Some(Family::Date | Family::Uuid), SqlType::Text) => self.text_of(inner)?,
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

fn is_bind(rx: &Rx) -> bool {
    matches!(rx.kind(), RxKind::Bind(_))
}

pub(super) fn is_text(rx: &Rx) -> bool {
    rx.sql_type() == Some(SqlType::Text)
}

/// The node that stands for a bind: sea-query is handed its place in our list, never its value.
pub(super) fn place_of(bind: usize) -> Expr {
    Expr::Value(sea_query::Value::BigUnsigned(Some(bind as u64)))
}

pub(super) fn cast_to(inner: Expr, type_name: &'static str) -> Expr {
    cast(inner, TypeName::Named(type_name))
}

pub(super) fn binary(left: Expr, operator: BinOper, right: Expr) -> Expr {
    Expr::Binary(Box::new(left), operator, Box::new(right))
}

/// An array that binds can be read as: numbers without a sign as numbers, and what has no array as text.
fn array_of(element: SqlType) -> SqlType {
    element.array().unwrap_or(SqlType::Array(match element {
        SqlType::UInt64 => &SqlType::Int64,
        _ => &SqlType::Text,
    }))
}

/// What a condition is whatever the rows hold, if that shows.
fn always(rx: &Rx) -> Option<bool> {
    match rx.kind() {
        RxKind::True => Some(true),
        RxKind::False => Some(false),
        RxKind::Not(inner) => always(inner).map(|it| !it),
        RxKind::All(list) if list.iter().any(|one| always(one) == Some(false)) => Some(false),
        RxKind::Any(list) if list.iter().any(|one| always(one) == Some(true)) => Some(true),
        RxKind::All(list) if list.iter().all(|one| always(one) == Some(true)) => Some(true),
        RxKind::Any(list) if list.iter().all(|one| always(one) == Some(false)) => Some(false),
        _ => None,
    }
}
