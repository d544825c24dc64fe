//! The operators of [`Expr`].

use std::sync::Arc;

use super::flat::{Pair, Single};
use super::members::Members;
use super::operand::{IntoExpr, Operand};
use super::{Arithmetic, Comparison, Expr, Kind, Pattern, Repr, SortKey};
use crate::error::{Error, ErrorKind};
use crate::ident::Ident;
use crate::types::SqlType;
use crate::value::{Bind, Value};

/// Comparisons. Each is NULL, which no condition lets pass, when a side is NULL. Text compares by code point on every
/// database, so `'a' = 'A'` is false on all of them.
impl Expr {
    fn compare(self, comparison: Comparison, operand: impl Operand) -> Expr {
        operand.beside(self, Pair::Compare(comparison))
    }

    /// `self = operand`; SQL text: `"c" = $1`.
    pub fn eq(self, operand: impl Operand) -> Expr {
        self.compare(Comparison::Equal, operand)
    }

    /// `self <> operand`.
    #[doc(alias("not_eq", "neq"))]
    pub fn ne(self, operand: impl Operand) -> Expr {
        self.compare(Comparison::NotEqual, operand)
    }

    /// `self < operand`.
    pub fn lt(self, operand: impl Operand) -> Expr {
        self.compare(Comparison::Less, operand)
    }

    /// `self <= operand`.
    #[doc(alias("lte"))]
    pub fn le(self, operand: impl Operand) -> Expr {
        self.compare(Comparison::LessOrEqual, operand)
    }

    /// `self > operand`.
    pub fn gt(self, operand: impl Operand) -> Expr {
        self.compare(Comparison::Greater, operand)
    }

    /// `self >= operand`.
    #[doc(alias("gte"))]
    pub fn ge(self, operand: impl Operand) -> Expr {
        self.compare(Comparison::GreaterOrEqual, operand)
    }

    /// True where `self` lies between `low` and `high`, both included.
    pub fn between(self, low: impl Operand, high: impl Operand) -> Expr {
        let parts = Box::new([self, low.into_operand(), high.into_operand()]);
        Expr::make(Kind::Between { parts, negated: false })
    }

    /// The opposite of [`Expr::between`].
    pub fn not_between(self, low: impl Operand, high: impl Operand) -> Expr {
        let parts = Box::new([self, low.into_operand(), high.into_operand()]);
        Expr::make(Kind::Between { parts, negated: true })
    }

    /// True where `self` equals one of `values`. No values at all is FALSE, without a bind; 100,000 values are one bind on
    /// PostgreSQL (`= ANY($1)`) and, beyond a hundred, one JSON bind elsewhere.
    #[doc(alias("is_in", "isin"))]
    ///
    /// Given a frame of one column, it is true where `self` is among that column's values; SQL text: `x IN (SELECT …)`.
    ///
    /// ```
    /// use portcullis::{Dialect, col, table};
    /// # portcullis::table! { customers { id: i64, active: bool } }
    /// # portcullis::table! { orders { id: i64, customer_id: i64 } }
    /// let active = table(customers::table).where_(col("active")).select("id");
    /// let query = table(orders::table).where_(col("customer_id").in_(active)).select("id").to_sql_for(Dialect::Sqlite)?;
    /// assert_eq!(query.sql(), concat!(
    ///     r#"SELECT "orders"."id" FROM "orders" WHERE "orders"."customer_id" IN "#,
    ///     r#"(SELECT "customers"."id" FROM "customers" WHERE "customers"."active")"#));
    /// # Ok::<(), portcullis::Error>(())
    /// ```
    pub fn in_(self, values: impl Members) -> Expr {
        values.into_members().into_expr(self, false)
    }

    /// True where `self` equals none of `values`: TRUE for no values, and, as in SQL, never true when one of them is NULL.
    /// The same holds for a frame with a NULL among its values: [`not_exists`](crate::not_exists) has no such trap.
    pub fn not_in(self, values: impl Members) -> Expr {
        values.into_members().into_expr(self, true)
    }

    /// True where `self` is NULL.
    pub fn is_null(self) -> Expr {
        self.single(Single::IsNull { negated: false })
    }

    /// True where `self` is not NULL.
    pub fn is_not_null(self) -> Expr {
        self.single(Single::IsNull { negated: true })
    }
}

/// Patterns. All are case-sensitive on every database, and the text is bound, never written.
impl Expr {
    fn pattern(self, pattern: Pattern, text: &str, negated: bool) -> Expr {
        Expr::make(Kind::Like { operand: self, pattern, text: text.to_owned(), negated })
    }

    /// `self LIKE pattern`, where `%` stands for any text, `_` for one character and `\` takes the next one as it is. For text
    /// that comes from data write [`Expr::contains`], [`Expr::starts_with`] or [`Expr::ends_with`], which escape it.
    pub fn like(self, pattern: &str) -> Expr {
        self.pattern(Pattern::Like, pattern, false)
    }

    /// The opposite of [`Expr::like`].
    pub fn not_like(self, pattern: &str) -> Expr {
        self.pattern(Pattern::Like, pattern, true)
    }
}

/// Conditions.
impl Expr {
    /// True where both are true; also written `a & b`. Long chains stay flat.
    pub fn and(self, other: impl IntoExpr) -> Expr {
        self.chain(other.into_expr(), true)
    }

    /// True where one of them is true; also written `a | b`. Long chains stay flat.
    pub fn or(self, other: impl IntoExpr) -> Expr {
        self.chain(other.into_expr(), false)
    }

    /// Adds to the list in place when nobody else holds it, so a loop of a hundred thousand `and` stays flat and linear.
    fn chain(mut self, other: Expr, all: bool) -> Expr {
        if let Repr::Tree(node) = &mut self.0
            && let Some(node) = Arc::get_mut(node)
        {
            let list = match &mut node.kind {
                Kind::All(list) if all => Some(list),
                Kind::Any(list) if !all => Some(list),
                _ => None,
            };
            if let Some(list) = list {
                node.depth = node.depth.max(other.depth().saturating_add(1));
                node.verbs = node.verbs.saturating_add(other.verbs());
                list.push(other);
                return self;
            }
        }
        let list = vec![self, other];
        Expr::make(if all { Kind::All(list) } else { Kind::Any(list) })
    }
}

/// Arithmetic, also written `a + b`, `a - b`, `a * b`, `a / b`, `a % b` and `-a`.
impl Expr {
    fn arithmetic(self, operation: Arithmetic, operand: impl Operand) -> Expr {
        let operand = operand.into_operand();
        if let Some(Bind { value: Value::Interval(interval), .. }) = operand.literal() {
            match operation {
                Arithmetic::Add => return self.date_add(*interval),
                Arithmetic::Subtract => return self.date_sub(*interval),
                _ => {}
            }
        }
        self.pair(operand, Pair::Arithmetic(operation))
    }

    /// The whole quotient of two integers, cut towards zero: `7 int_div 2` is 3 and `-7 int_div 2` is -3; NULL when the
    /// divisor is 0. The operator `/` divides exactly, into a double.
    pub fn int_div(self, operand: impl Operand) -> Expr {
        self.arithmetic(Arithmetic::IntegerDivide, operand)
    }
}

/// Shape, name and order.
impl Expr {
    /// Converts to `sql_type`, one of a closed list. Fractions are cut towards zero when the target is an integer and rounded
    /// half away from zero when it is a decimal. A conversion that a database can't do exactly is refused by name.
    pub fn cast(self, sql_type: SqlType) -> Expr {
        Expr::make(Kind::Cast(self, sql_type))
    }

    /// The expression under a name of its own in the result; SQL text: `… AS "name"`.
    #[doc(alias("alias"))]
    pub fn as_(self, name: &str) -> Expr {
        match Ident::new(name) {
            Ok(name) => self.single(Single::Alias(&name)),
            Err(error) => Expr::invalid(error),
        }
    }

    /// For a column: the one of the table or relation called `relation`, where several have a column of that name.
    ///
    /// ```
    /// use portcullis::col;
    /// let same = col("id").of("orders").eq(col("order_id").of("items"));
    /// # let _ = same;
    /// ```
    pub fn of(mut self, relation: &str) -> Expr {
        if let Repr::Flat(flat) = &mut self.0
            && Ident::check(relation).is_ok()
            && flat.belong_to(relation.as_bytes())
        {
            return self;
        }
        match self.kind() {
            Kind::Column { name, declared, .. } => Expr::column(Some(relation), name.as_str(), *declared),
            Kind::Outer { name, .. } => match Ident::new(relation) {
                Ok(table) => Expr::make(Kind::Outer { table: Some(table), name: name.clone() }),
                Err(error) => Expr::invalid(error),
            },
            Kind::Invalid(_) => self,
            _ => Expr::invalid(Error::new(
                ErrorKind::Plan,
                "expr.of",
                "only a column belongs to a relation; write `.of(..)` directly after `col(..)`",
            )),
        }
    }

    /// Sorts by the expression, smallest first, NULL last.
    pub fn asc(self) -> SortKey {
        SortKey::new(self, false)
    }

    /// Sorts by the expression, largest first, NULL first.
    pub fn desc(self) -> SortKey {
        SortKey::new(self, true)
    }
}

macro_rules! operators {
    ($($trait:ident, $method:ident, $operation:ident;)*) => {$(
        impl<R: Operand> std::ops::$trait<R> for Expr {
            type Output = Expr;
            fn $method(self, operand: R) -> Expr {
                self.arithmetic(Arithmetic::$operation, operand)
            }
        }
    )*};
}

operators! {
    Add, add, Add;
    Sub, sub, Subtract;
    Mul, mul, Multiply;
    Div, div, Divide;
    Rem, rem, Modulo;
}

impl std::ops::Neg for Expr {
    type Output = Expr;
    fn neg(self) -> Expr {
        self.single(Single::Negate)
    }
}

impl std::ops::Not for Expr {
    type Output = Expr;
    fn not(self) -> Expr {
        self.single(Single::Not)
    }
}

impl std::ops::BitAnd for Expr {
    type Output = Expr;
    fn bitand(self, other: Expr) -> Expr {
        self.and(other)
    }
}

impl std::ops::BitOr for Expr {
    type Output = Expr;
    fn bitor(self, other: Expr) -> Expr {
        self.or(other)
    }
}

impl From<&Expr> for Expr {
    fn from(expr: &Expr) -> Expr {
        expr.clone()
    }
}
