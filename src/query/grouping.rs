//! Groups by several sets of keys at once.

use std::panic::Location;

use super::names::no_columns;
use super::step::Step;
use super::verbs::list;
use super::{Frame, IntoNames, Projections, Verb};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::Expr;
use crate::ident::Ident;

/// How many sets of keys one verb may group by.
const MAX_SETS: usize = 64;

/// Sets of keys to group by; made by [`rollup`], [`cube`] and [`grouping_sets`], given to [`Frame::group_by`].
#[derive(Debug, Clone)]
#[must_use = "this says how to group; give it to `group_by`"]
pub struct GroupingSets {
    sets: Result<Grouped>,
}

#[derive(Debug, Clone)]
pub(crate) struct Grouped {
    pub(crate) keys: Vec<Expr>,
    /// `None` for one set of all keys: groups without subtotals.
    pub(crate) sets: Option<Vec<Vec<usize>>>,
}

/// Subtotals along a hierarchy: groups by all keys, by all but the last, and so on, down to one group of all rows.
///
/// Where a row sums over a key, that key is NULL; [`grouping`](crate::grouping) tells this NULL from one of the data. SQL text:
/// `GROUP BY GROUPING SETS (("a", "b"), ("a"), ())` on PostgreSQL, elsewhere a UNION ALL of the groups by each set,
/// which reads what is grouped from a relation of WITH where that is more than a table. Values of chance, such as
/// [`random`](crate::random), are one for all sets, but on MariaDB, which computes such a relation for each of its uses.
///
/// ```
/// use portcullis::{col, grouping, rollup, sum, table};
/// let sales = table("sales")
///     .group_by(rollup(["region", "product"]))
///     .agg((sum(col("amount")).as_("amount"), grouping("product").as_("all_products")));
/// # let _ = sales;
/// ```
pub fn rollup(keys: impl Projections) -> GroupingSets {
    let keys = list(keys);
    let sets = (0..=keys.len()).rev().map(|count| (0..count).collect()).collect();
    GroupingSets::of("rollup", keys, sets)
}

/// Subtotals of every kind: groups by each subset of the keys, from all of them to none; see [`rollup`]. At most six keys.
pub fn cube(keys: impl Projections) -> GroupingSets {
    let keys = list(keys);
    // One bit a key, the first key the highest, so that the sets come in the order in which SQL lists them.
    let count = keys.len().min(16);
    let has = |set: usize, key: usize| set >> (count - 1 - key) & 1 == 1;
    let sets = (0..1_usize << count).rev().map(|set| (0..count).filter(|key| has(set, *key)).collect()).collect();
    GroupingSets::of("cube", keys, sets)
}

/// Groups by each of the sets of columns, one below the other; an empty set is one group of all rows; see [`rollup`].
///
/// ```
/// use portcullis::{all, count, grouping_sets, table};
/// let counts = table("sales").group_by(grouping_sets([vec!["region"], vec!["product"], vec![]])).agg(count(all()));
/// # let _ = counts;
/// ```
pub fn grouping_sets<N: IntoNames>(sets: impl IntoIterator<Item = N>) -> GroupingSets {
    let mut keys: Vec<Ident> = Vec::new();
    let mut places = Vec::new();
    for set in sets {
        let names = match set.into_names() {
            Ok(names) => names,
            Err(error) => return GroupingSets { sets: Err(error) },
        };
        let mut set = Vec::with_capacity(names.len());
        for name in names {
            let place = keys.iter().position(|known| *known == name).unwrap_or(keys.len());
            if place == keys.len() {
                keys.push(name);
            }
            set.push(place);
        }
        places.push(set);
    }
    GroupingSets::of("grouping_sets", list(keys), places)
}

impl GroupingSets {
    pub(super) fn into_grouped(self) -> Result<Grouped> {
        self.sets
    }

    fn of(verb: &'static str, keys: Vec<Expr>, sets: Vec<Vec<usize>>) -> GroupingSets {
        let checked = if keys.is_empty() {
            Err(no_columns(verb))
        } else if sets.len() > MAX_SETS {
            let message =
                format!("`{verb}` makes more than {MAX_SETS} sets of keys; list those you need with `grouping_sets`");
            Err(Error::new(ErrorKind::Limit, "limit.grouping_sets", message))
        } else if keys.iter().any(|key| matches!(key.kind(), crate::expr::Kind::Everything)) {
            let message = format!("`{verb}` takes the columns to sum up over; name them instead of `all()`");
            Err(Error::new(ErrorKind::Plan, "grouping.all", message))
        } else {
            Ok(Grouped { keys, sets: Some(sets) })
        };
        GroupingSets { sets: checked }
    }
}

/// What `group_by` takes: columns and expressions, or [`rollup`], [`cube`] or [`grouping_sets`] of them. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no list of columns or expressions",
    note = "write [\"id\", \"total\"], (\"id\", col(\"total\").as_(\"t\")), rollup([\"id\", \"total\"])"
)]
pub trait GroupKeys: sealed::Sealed {
    #[doc(hidden)]
    fn into_groups(self) -> GroupingSets;
}

mod sealed {
    pub trait Sealed {}
}

impl sealed::Sealed for GroupingSets {}
impl GroupKeys for GroupingSets {
    fn into_groups(self) -> GroupingSets {
        self
    }
}

impl<P: Projections> sealed::Sealed for P {}
impl<P: Projections> GroupKeys for P {
    fn into_groups(self) -> GroupingSets {
        GroupingSets { sets: Ok(Grouped { keys: list(self), sets: None }) }
    }
}

/// Grouped rows that wait for their aggregates; made by [`Frame::group_by`].
#[derive(Debug, Clone)]
#[must_use = "groups do nothing without `.agg(..)`"]
pub struct GroupedFrame {
    pub(super) frame: Frame,
    pub(super) groups: GroupingSets,
}

impl GroupedFrame {
    /// One row for each group: its keys, then the aggregates. An aggregate without `.as_("name")` is called after its function
    /// and column, as in `sum_total`.
    ///
    /// ```
    /// use portcullis::{Dialect, avg, col, count, all, table};
    /// let query = table("orders").group_by("customer_id")
    ///     .agg((count(all()).as_("orders"), avg(col("total")).as_("mean")))
    ///     .where_(col("orders").gt(1))
    ///     .to_sql_for(Dialect::Sqlite)?;
    /// assert_eq!(query.sql(), concat!(
    ///     r#"SELECT "customer_id", COUNT(*) AS "orders", AVG("total") AS "mean" FROM "orders" "#,
    ///     r#"GROUP BY "customer_id" HAVING COUNT(*) > ?1"#));
    /// # Ok::<(), portcullis::Error>(())
    /// ```
    #[track_caller]
    pub fn agg(mut self, aggregates: impl Projections) -> Frame {
        if let Ok(Grouped { keys, sets: None }) = &mut self.groups.sets
            && let Some(chain) = self.frame.body.open(Location::caller())
        {
            let some = chain.aggregate(keys, |list| aggregates.collect_into(list));
            return if some { self.frame } else { self.frame.then_or(Err(no_columns("agg")), |_, verb: Verb| verb) };
        }
        let aggregates = list(aggregates);
        let checked = self.groups.sets.and_then(|groups| {
            if groups.keys.is_empty() && aggregates.is_empty() { Err(no_columns("agg")) } else { Ok(groups) }
        });
        self.frame.then_or(checked, |input, Grouped { keys, sets }| match sets {
            None => Verb::Aggregate { input, keys, aggregates },
            Some(sets) => Verb::Step(input, Box::new(Step::GroupingSets { keys, sets, aggregates })),
        })
    }
}
