//! Binding the names of an expression, and checking its types.

use super::access::Use;
use super::binds::{Provenance, adapted};
use super::resolve::{Resolver, check_size};
use super::resolved::{Asked, ColumnId, Rx, RxKind, ScanSource};
use super::scope::{Found, Scope};
use super::{check_depth, schema_needed, typing};
use crate::error::{Error, ErrorKind, Result, show_name};
use crate::expr::{Address, Arithmetic, Comparison, Declared, Expr, Kind, Pattern};
use crate::ident::Ident;
use crate::types::{Family, SqlType};
use crate::value::{Bind, Value};

/// How deep an expression may be: its walkers recurse, on threads with 2 MiB of stack.
const MAX_DEPTH: u32 = 200;

/// How many nodes one statement's expressions may have.
const MAX_NODES: usize = 50_000;

/// Where an expression stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// What its columns are used for.
    pub(super) use_for: Use,
    pub(super) aggregates: Aggregates<'a>,
}

#[derive(Clone, Copy)]
pub(super) enum Aggregates<'a> {
    /// Not in this verb.
    Forbidden(&'static str),
    /// In `agg`: a column outside an aggregate must be one of these keys.
    Allowed { keys: &'a Scope },
    /// Already inside one.
    Inside,
    /// Inside a function over a window, which takes neither an aggregate nor another such function.
    Windowed,
}

impl Resolver<'_> {
    pub(super) fn expr(&mut self, expr: &Expr, scope: &Scope, place: Place<'_>) -> Result<Rx> {
        check_depth(expr.depth(), MAX_DEPTH, "an expression")?;
        check_size(expr.verbs())?;
        self.walk(expr, scope, place)
    }

    /// An expression that must be a condition.
    pub(super) fn condition(&mut self, expr: &Expr, scope: &Scope, place: Place<'_>) -> Result<Rx> {
        let rx = self.expr(expr, scope, place)?;
        self.require_bool(&rx)?;
        Ok(rx)
    }

    pub(super) fn walk(&mut self, expr: &Expr, scope: &Scope, place: Place<'_>) -> Result<Rx> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message =
                format!("the statement's expressions have more than {MAX_NODES} nodes; split it, or use `in_`");
            return Err(Error::new(ErrorKind::Limit, "limit.nodes", message));
        }
        match expr.kind() {
            Kind::Invalid(error) => Err(error.clone()),
            Kind::Column { table, name, declared } => self.column(table.as_ref(), name, *declared, scope, place),
            Kind::Outer { table, name } => self.outer(table.as_ref(), name),
            Kind::Incoming(name) => self.incoming(name, place),
            Kind::Subquery { kind, operand, plan, negated } => {
                let operand = operand.as_ref().map(|operand| self.walk(operand, scope, place)).transpose()?;
                self.subquery(*kind, operand, plan, *negated, scope, place)
            }
            Kind::Literal(bind) => Ok(self.literal(bind)),
            Kind::Null => Ok(Rx::new(RxKind::Null, None, true)),
            Kind::Everything => {
                let message = "`all()` stands for columns, not for a value; write it in `select` or `count(all())`";
                Err(Error::new(ErrorKind::Plan, "expr.all", message))
            }
            Kind::Alias(inner, _) => self.walk(inner, scope, place),
            Kind::Not(inner) => {
                let inner = self.walk(inner, scope, place)?;
                self.require_bool(&inner)?;
                let nullable = inner.nullable();
                Ok(Rx::new(RxKind::Not(inner), Some(SqlType::Bool), nullable))
            }
            Kind::Negate(inner) => self.negate(inner, scope, place),
            Kind::Arithmetic(operation, left, right) => self.arithmetic(*operation, left, right, scope, place),
            Kind::Compare(comparison, left, right) => self.compare(*comparison, left, right, scope, place),
            Kind::All(list) => self.chain(list, true, scope, place),
            Kind::Any(list) => self.chain(list, false, scope, place),
            Kind::IsNull { operand, negated } => {
                let operand = self.walk(operand, scope, place)?;
                Ok(Rx::new(RxKind::IsNull(operand, *negated), Some(SqlType::Bool), false))
            }
            Kind::In { operand, list, list_type, negated } => {
                let operand = self.walk(operand, scope, place)?;
                self.member(operand, list, *list_type, *negated)
            }
            Kind::Between { parts, negated } => self.between(parts.each_ref(), *negated, scope, place),
            Kind::Like { operand, pattern, text, negated } => {
                let operand = self.walk(operand, scope, place)?;
                self.like(operand, *pattern, text, Provenance::Pattern(Address::of(text)), *negated)
            }
            Kind::Case { arms, otherwise } => self.case(arms, otherwise.as_ref(), scope, place),
            Kind::Coalesce(list) => self.coalesce(list, scope, place),
            Kind::Cast(inner, to) => {
                let inner = self.walk(inner, scope, place)?;
                self.cast(inner, *to)
            }
            Kind::Call(function, operands) => {
                let operands =
                    operands.iter().map(|operand| self.walk(operand, scope, place)).collect::<Result<Vec<_>>>()?;
                self.call(function, operands)
            }
            Kind::Aggregate(call) => self.aggregate(call, scope, place),
            Kind::Over(call) => self.over(call, scope, place),
        }
    }

    fn column(
        &mut self,
        relation: Option<&Ident>,
        name: &Ident,
        declared: Option<Declared>,
        scope: &Scope,
        place: Place<'_>,
    ) -> Result<Rx> {
        if let Some(id) = self.outside(relation, name, declared, scope)? {
            return Ok(self.use_outer(id));
        }
        if let Aggregates::Allowed { keys } = place.aggregates {
            // A typed leaf names its table; after grouping, the key's own name is enough.
            let key = keys.visible.iter().find(|item| {
                item.name == *name
                    && (relation.is_none() || item.relation.is_none() || item.relation.as_ref() == relation)
            });
            return match key {
                Some(item) => Ok(self.use_column(item.id, place.use_for)),
                None => {
                    scope.find(relation, name)?;
                    let message = format!(
                        "the column {name:?} is neither a key of `group_by` nor inside an aggregate; add it to `group_by`, or write `min(..)` of it"
                    );
                    Err(Error::new(ErrorKind::Plan, "agg.not_a_key", message).with_column(name.as_str()))
                }
            };
        }
        let id = self.find_column(relation, name, declared, scope)?;
        Ok(self.use_column(id, place.use_for))
    }

    pub(super) fn find_column(
        &mut self,
        relation: Option<&Ident>,
        name: &Ident,
        declared: Option<Declared>,
        scope: &Scope,
    ) -> Result<ColumnId> {
        let found = match scope.find(relation, name) {
            // A typed leaf of a table whose relation has another name now (an alias, a selection): the name alone decides.
            Err(_) if declared.is_some() && relation.is_some() && self.no_such_relation(relation, scope) => {
                scope.find(None, name)?
            }
            other => other?,
        };
        let id = match found {
            Found::Column(id) => id,
            Found::Open(scan) => self.open_column(scan, name, declared),
        };
        // What MySQL calls a time is also a span of up to 838 hours, and read as the program declares it.
        if let (Some(declared), Some(info)) = (declared, self.columns.get_mut(id))
            && (info.sql_type, declared.sql_type) == (Some(SqlType::Time), SqlType::Interval)
        {
            info.sql_type = Some(SqlType::Interval);
        }
        if let (Some(declared), Some(info)) = (declared, self.columns.get(id))
            && let Some(known) = info.sql_type
            && known.family() != declared.sql_type.family()
        {
            let message = format!(
                "the column {name:?} is declared as {} and is {known} in the database; correct `table!`",
                declared.sql_type
            );
            return Err(Error::new(ErrorKind::Type, "type.declared", message).with_column(name.as_str()));
        }
        Ok(id)
    }

    pub(super) fn no_such_relation(&self, relation: Option<&Ident>, scope: &Scope) -> bool {
        !scope.visible.iter().chain(&scope.hidden).any(|item| item.relation.as_ref() == relation)
    }

    pub(super) fn use_column(&mut self, id: ColumnId, use_for: Use) -> Rx {
        self.access.record(use_for, id, &self.columns);
        match self.columns.get(id) {
            Some(info) => Rx::column(id, info),
            None => Rx::new(RxKind::Column(id), None, true),
        }
    }

    /// A value of our own, which follows from the plan's shape and never from its values.
    pub(super) fn own_literal(&mut self, value: Value, sql_type: SqlType) -> Rx {
        let nullable = value.is_null();
        let id = self.own_bind(value, sql_type);
        Rx::new(RxKind::Bind(id), Some(sql_type), nullable)
    }

    /// A value where it stands in the caller's plan.
    pub(super) fn literal(&mut self, bind: &Bind) -> Rx {
        let sql_type = Some(bind.sql_type);
        let nullable = bind.value.is_null();
        let id = self.binds.push(bind.clone(), Provenance::Literal(Address::of(bind)));
        Rx::new(RxKind::Bind(id), sql_type, nullable)
    }

    fn negate(&mut self, inner: &Expr, scope: &Scope, place: Place<'_>) -> Result<Rx> {
        let inner = self.walk(inner, scope, place)?;
        let sql_type = inner.sql_type();
        if sql_type.is_some_and(|found| found.family() != Family::Number) {
            return Err(typing::wrong("`-`", "a number", &self.described(&inner)));
        }
        let nullable = inner.nullable();
        let sql_type = sql_type.map(|number| if number.is_integer() { SqlType::Int64 } else { number });
        Ok(Rx::new(RxKind::Negate(inner), sql_type, nullable))
    }

    fn arithmetic(
        &mut self,
        operation: Arithmetic,
        left: &Expr,
        right: &Expr,
        scope: &Scope,
        place: Place<'_>,
    ) -> Result<Rx> {
        let left = self.walk(left, scope, place)?;
        let right = self.walk(right, scope, place)?;
        let (left, right) = self.adapt_pair(left, right);
        let integer_literal =
            |rx: &Rx| matches!(rx.kind(), RxKind::Bind(_)) && rx.sql_type().is_some_and(SqlType::is_integer);
        let unknown = left.sql_type().is_none() || right.sql_type().is_none();
        let depends = match operation {
            Arithmetic::Divide => false,
            Arithmetic::Add | Arithmetic::Subtract | Arithmetic::Multiply => {
                unknown && !integer_literal(&left) && !integer_literal(&right)
            }
            Arithmetic::IntegerDivide | Arithmetic::Modulo => unknown,
        };
        if depends {
            self.need_types(&[&left, &right], "arithmetic")?;
        }
        let sql_type = typing::arithmetic(operation, left.sql_type(), right.sql_type()).map_err(|()| {
            let symbol = format!("`{}`", operation.symbol());
            let wanted = match operation {
                Arithmetic::IntegerDivide | Arithmetic::Modulo => "integers",
                _ => "numbers",
            };
            let odd = |rx: &Rx| {
                rx.sql_type().is_some_and(|found| {
                    found.family() != Family::Number || (wanted == "integers" && !found.is_integer())
                })
            };
            let found = if odd(&left) { &left } else { &right };
            typing::wrong(&symbol, wanted, &self.described(found))
        })?;
        if let (Arithmetic::Divide | Arithmetic::IntegerDivide | Arithmetic::Modulo, RxKind::Bind(id)) =
            (operation, right.kind())
            && self.binds.is_zero(*id)
        {
            let message =
                format!("`{}` divides by the constant zero; divide by a column, or leave it out", operation.symbol());
            return Err(Error::new(ErrorKind::Plan, "expr.zero", message));
        }
        let divides = matches!(operation, Arithmetic::Divide | Arithmetic::IntegerDivide | Arithmetic::Modulo);
        let nullable = divides || left.nullable() || right.nullable();
        Ok(Rx::new(RxKind::Arithmetic(operation, left, right), sql_type, nullable))
    }

    fn compare(
        &mut self,
        comparison: Comparison,
        left: &Expr,
        right: &Expr,
        scope: &Scope,
        place: Place<'_>,
    ) -> Result<Rx> {
        let left = self.walk(left, scope, place)?;
        let right = self.walk(right, scope, place)?;
        self.comparison(comparison, left, right)
    }

    pub(super) fn comparison(&mut self, comparison: Comparison, left: Rx, right: Rx) -> Result<Rx> {
        let (left, right) = self.adapt_pair(left, right);
        if left.sql_type().is_none() && right.sql_type().is_none() {
            self.need_types(&[&left, &right], "comparing two columns")?;
        }
        if !typing::comparable(left.sql_type(), right.sql_type()) {
            return Err(typing::clash("a comparison", &self.described(&left), &self.described(&right)));
        }
        let nullable = left.nullable() || right.nullable();
        Ok(Rx::new(RxKind::Compare(comparison, left, right), Some(SqlType::Bool), nullable))
    }

    fn chain(&mut self, list: &[Expr], all: bool, scope: &Scope, place: Place<'_>) -> Result<Rx> {
        let mut resolved = Vec::with_capacity(list.len());
        for condition in list {
            let rx = self.walk(condition, scope, place)?;
            self.require_bool(&rx)?;
            resolved.push(rx);
        }
        Ok(conjunction(resolved, all))
    }

    fn member(&mut self, operand: Rx, list: &[Bind], list_type: SqlType, negated: bool) -> Result<Rx> {
        if list.is_empty() {
            let kind = if negated { RxKind::True } else { RxKind::False };
            return Ok(Rx::new(kind, Some(SqlType::Bool), false));
        }
        let element = match operand.sql_type() {
            // A literal of a neighbouring type is bound as the column's own: see `adapt`.
            Some(SqlType::Decimal(_)) if list_type.family() == Family::Number => SqlType::Decimal(None),
            Some(SqlType::Text) if list_type == SqlType::Uuid => SqlType::Text,
            _ => list_type,
        };
        if !typing::comparable(operand.sql_type(), Some(element)) {
            return Err(typing::clash("`in_`", &self.described(&operand), &format!("a list of {list_type}")));
        }
        let nullable = operand.nullable() || list.iter().any(|bind| bind.value.is_null());
        let address = Address::of_list(list);
        self.binds.reserve(list.len());
        let mut places = Vec::with_capacity(list.len());
        for (index, bind) in list.iter().enumerate() {
            let bind = Bind { value: adapted(&bind.value, element), sql_type: element };
            places.push(self.binds.push(bind, Provenance::Item { list: address, index }));
        }
        let list = places;
        let kind = RxKind::InList { operand, list, element, negated };
        Ok(Rx::new(kind, Some(SqlType::Bool), nullable))
    }

    fn between(&mut self, parts: [&Expr; 3], negated: bool, scope: &Scope, place: Place<'_>) -> Result<Rx> {
        let [operand, low, high] = parts;
        let operand = self.walk(operand, scope, place)?;
        let low = self.walk(low, scope, place)?;
        let high = self.walk(high, scope, place)?;
        let low = self.adapt(low, operand.sql_type());
        let high = self.adapt(high, operand.sql_type());
        for bound in [&low, &high] {
            if !typing::comparable(operand.sql_type(), bound.sql_type()) {
                return Err(typing::clash("`between`", &self.described(&operand), &self.described(bound)));
            }
        }
        let nullable = operand.nullable() || low.nullable() || high.nullable();
        Ok(Rx::new(RxKind::Between { operand, low, high, negated }, Some(SqlType::Bool), nullable))
    }

    fn like(&mut self, operand: Rx, pattern: Pattern, text: &str, origin: Provenance, negated: bool) -> Result<Rx> {
        if operand.sql_type().is_some_and(|found| found != SqlType::Text) {
            return Err(typing::wrong("a pattern", "text", &self.described(&operand)));
        }
        if pattern == Pattern::Like && ends_in_lone_escape(text) {
            let message = "the pattern ends with a lone `\\`; write `\\\\` for a backslash, or use `contains`";
            return Err(Error::new(ErrorKind::Plan, "like.escape", message));
        }
        let value = Value::Text(escaped(pattern, text));
        let pattern = self.binds.push(Bind { value, sql_type: SqlType::Text }, origin);
        let escape = self.own_bind(Value::Text("\\".to_owned()), SqlType::Text);
        let nullable = operand.nullable();
        Ok(Rx::new(RxKind::Like { operand, pattern, escape, negated }, Some(SqlType::Bool), nullable))
    }

    fn case(&mut self, arms: &[(Expr, Expr)], otherwise: Option<&Expr>, scope: &Scope, place: Place<'_>) -> Result<Rx> {
        let mut conditions = Vec::with_capacity(arms.len());
        let mut results = Vec::with_capacity(arms.len() + 1);
        for (condition, result) in arms {
            let condition = self.walk(condition, scope, place)?;
            self.require_bool(&condition)?;
            conditions.push(condition);
            results.push(self.walk(result, scope, place)?);
        }
        if let Some(otherwise) = otherwise {
            results.push(self.walk(otherwise, scope, place)?);
        }
        let (mut results, sql_type) = self.one_type(results, "`case`")?;
        let nullable = otherwise.is_none() || results.iter().any(Rx::nullable);
        let otherwise = if otherwise.is_some() { results.pop() } else { None };
        let arms = conditions.into_iter().zip(results).collect();
        Ok(Rx::new(RxKind::Case { arms, otherwise }, sql_type, nullable))
    }

    fn coalesce(&mut self, list: &[Expr], scope: &Scope, place: Place<'_>) -> Result<Rx> {
        if list.is_empty() {
            let message = "`coalesce` has no operand; write at least one";
            return Err(Error::new(ErrorKind::Plan, "expr.coalesce", message));
        }
        let mut operands = Vec::with_capacity(list.len());
        for operand in list {
            operands.push(self.walk(operand, scope, place)?);
        }
        let (operands, sql_type) = self.one_type(operands, "`coalesce`")?;
        let nullable = operands.iter().all(Rx::nullable);
        Ok(Rx::new(RxKind::Coalesce(operands), sql_type, nullable))
    }

    /// Brings alternatives to one type.
    pub(super) fn one_type(&mut self, list: Vec<Rx>, what: &str) -> Result<(Vec<Rx>, Option<SqlType>)> {
        // The type of all is that of each, so none may be unknown: 0 beside a column of fractions must not make it one of integers.
        if list.iter().any(|rx| rx.sql_type().is_some()) || list.len() > 1 {
            let untyped: Vec<&Rx> = list.iter().filter(|rx| rx.sql_type().is_none()).collect();
            self.need_types(&untyped, what)?;
        }
        let leading = list.iter().find(|rx| !matches!(rx.kind(), RxKind::Bind(_))).and_then(Rx::sql_type);
        let list: Vec<Rx> = list.into_iter().map(|rx| self.adapt(rx, leading)).collect();
        let mut sql_type = None;
        for rx in &list {
            sql_type = typing::common(sql_type, rx.sql_type()).map_err(|()| {
                let first = list.iter().find(|rx| rx.sql_type().is_some()).unwrap_or(rx);
                typing::clash(what, &self.described(first), &self.described(rx))
            })?;
        }
        let unknown = list.iter().any(|rx| rx.sql_type().is_none() && !matches!(rx.kind(), RxKind::Null));
        Ok((list, if unknown { None } else { sql_type }))
    }

    pub(super) fn cast(&mut self, operand: Rx, to: SqlType) -> Result<Rx> {
        if operand.sql_type().is_none() {
            self.need_types(&[&operand], "`cast`")?;
        }
        if let SqlType::Decimal(None) = to {
            let message = "a cast to decimal needs its digits; write `cast(SqlType::decimal(10, 2))`";
            return Err(Error::new(ErrorKind::Type, "cast.decimal", message));
        }
        if let SqlType::Decimal(Some((precision, scale))) = to
            && (precision == 0 || precision > 28 || scale > precision)
        {
            let message = "a decimal has 1 to 28 digits, and no more after the point than in all";
            return Err(Error::new(ErrorKind::Type, "cast.decimal", message));
        }
        // The number that some databases' way of converting needs: the digits for ROUND, zero for TRUNCATE and `<> 0`.
        let number = if let SqlType::Decimal(Some((_, scale))) = to { i64::from(scale) } else { 0 };
        let helper = self.own_bind(Value::Int(number), SqlType::Int64);
        let nullable = operand.nullable();
        Ok(Rx::new(RxKind::Cast { operand, to, helper }, Some(to), nullable))
    }

    pub(super) fn require_bool(&self, rx: &Rx) -> Result<()> {
        if rx.sql_type().is_none_or(|found| found == SqlType::Bool) {
            return Ok(());
        }
        let message = format!(
            "a condition is boolean, and not {}; compare it, as in `.eq(..)` or `.is_not_null()`",
            self.described(rx)
        );
        Err(Error::new(ErrorKind::Type, "type.condition", message))
    }

    /// An operand for a message: a column by its name, anything else by its type.
    pub(super) fn described(&self, rx: &Rx) -> String {
        let sql_type = rx.sql_type().map_or_else(|| "an unknown type".to_owned(), |sql_type| sql_type.to_string());
        match rx.kind() {
            RxKind::Column(id) => match self.columns.get(*id) {
                Some(info) => format!("{:?} ({sql_type})", info.name),
                None => sql_type,
            },
            RxKind::Bind(_) => format!("a value ({sql_type})"),
            _ => format!("an expression ({sql_type})"),
        }
    }

    /// Asks for the columns of the tables that untyped operands come from.
    pub(super) fn need_types(&self, operands: &[&Rx], what: &str) -> Result<()> {
        let mut tables = Vec::new();
        for operand in operands {
            self.untyped_tables(operand, &mut tables);
        }
        if tables.is_empty() { Ok(()) } else { Err(schema_needed(tables, what)) }
    }

    fn untyped_tables(&self, rx: &Rx, tables: &mut Vec<crate::query::TableName>) {
        if rx.sql_type().is_some() {
            return;
        }
        if let RxKind::Column(id) = rx.kind()
            && let Some(scan) = self.columns.get(*id).and_then(|info| info.scan)
            && let Some(info) = self.scans.get(scan)
            && info.open
            && let ScanSource::Table(table) = &info.source
            && !tables.contains(table)
        {
            tables.push(table.clone());
        }
        // A column of a set or of a relation of WITH has no table of its own, but comes from columns that have.
        if let RxKind::Column(id) = rx.kind()
            && let Some(info) = self.columns.get(*id)
        {
            for base in info.lineage.iter().filter(|base| *base != id) {
                if let Some(info) = self.columns.get(*base) {
                    self.untyped_tables(&Rx::column(*base, info), tables);
                }
            }
        }
        if let RxKind::Subquery { of: Asked::Plan(plan), .. } = rx.kind()
            && let Some((_, id)) = self.subplans.get(*plan).and_then(|plan| plan.columns.first())
            && let Some(info) = self.columns.get(*id)
        {
            self.untyped_tables(&Rx::column(*id, info), tables);
        }
        super::resolved::each_operand(rx.kind(), &mut |operand| self.untyped_tables(operand, tables));
    }

    pub(super) fn adapt_pair(&mut self, left: Rx, right: Rx) -> (Rx, Rx) {
        let (left_type, right_type) = (left.sql_type(), right.sql_type());
        (self.adapt(left, right_type), self.adapt(right, left_type))
    }

    /// Binds a literal as the type it stands beside, where that loses nothing: 1.1 beside a decimal is the decimal 1.1, a
    /// UUID beside text is its text.
    pub(super) fn adapt(&mut self, rx: Rx, beside: Option<SqlType>) -> Rx {
        let (RxKind::Bind(id), Some(beside)) = (rx.kind(), beside) else { return rx };
        let to = match (self.binds.sql_type(*id), beside) {
            (Some(SqlType::Float64), SqlType::Decimal(_)) => SqlType::Decimal(None),
            (Some(SqlType::Uuid), SqlType::Text) => SqlType::Text,
            _ => return rx,
        };
        if !self.binds.adapt(*id, to) {
            return rx;
        }
        Rx::new(RxKind::Bind(*id), Some(to), rx.nullable())
    }
}

/// Whether a pattern of the caller's own ends in a `\` that escapes nothing.
pub(crate) fn ends_in_lone_escape(text: &str) -> bool {
    text.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// The text of a pattern as it is bound.
pub(crate) fn escaped(pattern: Pattern, text: &str) -> String {
    match pattern {
        Pattern::Like => text.to_owned(),
        Pattern::Contains => format!("%{}%", escape_pattern(text)),
        Pattern::StartsWith => format!("{}%", escape_pattern(text)),
        Pattern::EndsWith => format!("%{}", escape_pattern(text)),
    }
}

fn escape_pattern(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 2);
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

pub(super) fn conjunction(mut list: Vec<Rx>, all: bool) -> Rx {
    if list.len() == 1
        && let Some(only) = list.pop()
    {
        return only;
    }
    let nullable = list.iter().any(Rx::nullable);
    let kind = match (list.is_empty(), all) {
        (true, true) => RxKind::True,
        (true, false) => RxKind::False,
        (false, true) => RxKind::All(list),
        (false, false) => RxKind::Any(list),
    };
    Rx::new(kind, Some(SqlType::Bool), nullable)
}

/// The name that a projection has without `as_`: its column's, or its aggregate's.
pub(super) fn implied_name(expr: &Expr) -> Result<Ident> {
    match expr.kind() {
        Kind::Alias(_, name) | Kind::Column { name, .. } => Ok(name.clone()),
        Kind::Invalid(error) => Err(error.clone()),
        Kind::Aggregate(call) => called(call.function.name(), &call.operands),
        Kind::Over(call) => called(call.name(), call.operands()),
        Kind::Call(function @ crate::expr::Function::Grouping(_), operands) => called(function.name(), operands),
        _ => Err(nameless()),
    }
}

/// `sum_total` for the sum of `total`, `count` for that of nothing.
fn called(function: &str, operands: &[Expr]) -> Result<Ident> {
    match operands.first() {
        None => Ident::new(function),
        Some(operand) => match operand.kind() {
            Kind::Column { name, .. } => Ident::new(format!("{function}_{}", name.as_str())),
            Kind::Literal(_) => Ident::new(function),
            Kind::Invalid(error) => Err(error.clone()),
            _ => Err(nameless()),
        },
    }
}

fn nameless() -> Error {
    let message = format!("an expression needs a name here; write {} after it", show_name(".as_(\"name\")"));
    Error::new(ErrorKind::Plan, "expr.name", message)
}
