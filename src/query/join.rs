//! Joins.

use std::panic::Location;

use super::chain::has_words;
use super::{Frame, IntoNames, Verb};
use crate::error::Error;
use crate::expr::Expr;
use crate::ident::Ident;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    Cross,
    Semi,
    Anti,
    /// The right side sees the columns of the left.
    Lateral,
    LeftLateral,
}

/// How the rows of two relations are matched, and how a name that both have is told apart; made by [`on`] or [`using`].
#[derive(Debug, Clone)]
#[must_use = "this says how a join matches rows; give it to one"]
pub struct JoinOn {
    pub(crate) condition: Matching,
    pub(crate) suffix: Option<Result<Ident, Error>>,
}

#[derive(Debug, Clone)]
pub(crate) enum Matching {
    Condition(Expr),
    Names(Vec<Ident>),
    Nothing,
    Invalid(Error),
}

/// Matches rows for which `condition` is true. A name that both relations have is written with its relation:
/// `on(col("id").of("orders").eq(col("order_id").of("items")))`.
pub fn on(condition: Expr) -> JoinOn {
    JoinOn { condition: Matching::Condition(condition), suffix: None }
}

/// Matches rows that agree in the columns called `names`. Each of them stands once in the result; in a full join it holds
/// the value of whichever side has one.
pub fn using(names: impl IntoNames) -> JoinOn {
    let condition = match names.into_names() {
        Ok(names) if names.is_empty() => Matching::Invalid(super::names::no_columns("using")),
        Ok(names) => Matching::Names(names),
        Err(error) => Matching::Invalid(error),
    };
    JoinOn { condition, suffix: None }
}

impl JoinOn {
    /// Where both relations have a column `c`, the right one's is called `c` + `suffix` in the result, and where that is taken
    /// too, `c` + `suffix` + `suffix`; `_right` if not said.
    pub fn suffix(mut self, suffix: &str) -> JoinOn {
        self.suffix = Some(Ident::new(suffix));
        self
    }
}

mod sealed {
    pub trait Sealed {}
}

/// What says how two relations match: [`on`], [`using`], or a condition. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how two relations match",
    label = "neither `using(..)` nor `on(..)`",
    note = "write `using(\"id\")` for a column that both have, or `on(col(\"left_id\").eq(col(\"right_id\")))`"
)]
pub trait IntoJoinOn: sealed::Sealed {
    #[doc(hidden)]
    fn into_join_on(self) -> JoinOn;
}

impl sealed::Sealed for JoinOn {}
impl IntoJoinOn for JoinOn {
    fn into_join_on(self) -> JoinOn {
        self
    }
}

impl sealed::Sealed for Expr {}
impl IntoJoinOn for Expr {
    fn into_join_on(self) -> JoinOn {
        on(self)
    }
}

/// Joins. Columns of the left relation come first; a column of the right one whose name the left one has too gets a suffix
/// (see [`JoinOn::suffix`]), and stays reachable as `col("name").of("relation")`.
impl Frame {
    #[track_caller]
    fn join_as(mut self, mut right: Frame, kind: JoinKind, on: JoinOn) -> Frame {
        if has_words(&on)
            && !self.is_foreign_to(&right)
            && let Some((chain, other)) = self.body.open_both(&mut right.body, Location::caller())
        {
            chain.join(other, kind, on);
            self.origin = self.origin.or(right.origin);
            return self;
        }
        self.with_other(right, "join", |left, right| Verb::Join { left, right, kind, on })
    }

    /// Rows of both relations that match; SQL text: `INNER JOIN … ON …`.
    ///
    /// ```
    /// use portcullis::{Dialect, ErrorKind, col, on, table};
    /// let joined = table("orders").join(table("customers"), on(col("customer_id").eq(col("id").of("customers"))));
    /// // A join has to know the columns of both tables, from the database or from `table!`.
    /// assert_eq!(joined.to_sql_for(Dialect::Sqlite).unwrap_err().kind(), ErrorKind::SchemaNeeded);
    /// ```
    #[doc(alias("inner_join"))]
    #[track_caller]
    pub fn join(self, right: Frame, on: impl IntoJoinOn) -> Frame {
        self.join_as(right, JoinKind::Inner, on.into_join_on())
    }

    /// All rows of the left relation, with NULL where nothing on the right matches; SQL text: `LEFT JOIN`.
    #[track_caller]
    pub fn left_join(self, right: Frame, on: impl IntoJoinOn) -> Frame {
        self.join_as(right, JoinKind::Left, on.into_join_on())
    }

    /// All rows of the right relation, with NULL where nothing on the left matches; SQL text: `RIGHT JOIN`.
    #[track_caller]
    pub fn right_join(self, right: Frame, on: impl IntoJoinOn) -> Frame {
        self.join_as(right, JoinKind::Right, on.into_join_on())
    }

    /// All rows of both relations; SQL text: `FULL OUTER JOIN`, on MySQL and MariaDB, which lack it, a left join and the
    /// unmatched right rows by UNION ALL.
    #[track_caller]
    pub fn full_join(self, right: Frame, on: impl IntoJoinOn) -> Frame {
        self.join_as(right, JoinKind::Full, on.into_join_on())
    }

    /// Every pair of rows; SQL text: `CROSS JOIN`.
    #[track_caller]
    pub fn cross_join(self, right: Frame) -> Frame {
        self.join_as(right, JoinKind::Cross, JoinOn { condition: Matching::Nothing, suffix: None })
    }

    /// Each row of the left relation beside the rows that `right` gives for it: in `right`, [`outer`](crate::outer) names columns of
    /// the left relation. SQL text: `INNER JOIN LATERAL (…) ON TRUE`. PostgreSQL and MySQL have it; for MariaDB and SQLite it is
    /// refused (`join.lateral`): a [`scalar`](crate::scalar) gives one value for each row there.
    ///
    /// ```
    /// use portcullis::{Dialect, col, outer, table};
    /// # portcullis::table! { customers { id: i64 } }
    /// # portcullis::table! { orders { customer_id: i64, total: i64 } }
    /// let largest = table(orders::table)
    ///     .where_(orders::customer_id.eq(outer("id")))
    ///     .order_by(orders::total.desc())
    ///     .limit(3);
    /// let query = table(customers::table).join_lateral(largest).select(("id", "total")).to_sql_for(Dialect::Postgres)?;
    /// assert_eq!(query.sql(), concat!(
    ///     r#"SELECT "customers"."id", "t"."total" FROM "customers" INNER JOIN LATERAL (SELECT "orders"."total" FROM "orders" "#,
    ///     r#"WHERE "orders"."customer_id" = "customers"."id" ORDER BY "orders"."total" DESC LIMIT $1::bigint) AS "t" ON TRUE"#));
    /// # Ok::<(), portcullis::Error>(())
    /// ```
    #[doc(alias("cross_apply"))]
    #[track_caller]
    pub fn join_lateral(self, right: Frame) -> Frame {
        self.join_as(right, JoinKind::Lateral, JoinOn { condition: Matching::Nothing, suffix: None })
    }

    /// As [`join_lateral`](Frame::join_lateral), and a row of the left relation for which `right` gives none stays, with NULL beside
    /// it. SQL text: `LEFT JOIN LATERAL (…) ON TRUE`.
    #[doc(alias("outer_apply"))]
    #[track_caller]
    pub fn left_join_lateral(self, right: Frame) -> Frame {
        self.join_as(right, JoinKind::LeftLateral, JoinOn { condition: Matching::Nothing, suffix: None })
    }

    /// Rows of the left relation that match at least one on the right, each once; SQL text: `WHERE EXISTS (…)`.
    #[track_caller]
    pub fn semi_join(self, right: Frame, on: impl IntoJoinOn) -> Frame {
        self.join_as(right, JoinKind::Semi, on.into_join_on())
    }

    /// Rows of the left relation that match none on the right, also those whose key is NULL; SQL text: `WHERE NOT EXISTS (…)`.
    #[track_caller]
    pub fn anti_join(self, right: Frame, on: impl IntoJoinOn) -> Frame {
        self.join_as(right, JoinKind::Anti, on.into_join_on())
    }
}
