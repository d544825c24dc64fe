//! Relations with a name in WITH: common table expressions, and recursive ones.

use std::panic::Location;
use std::sync::Arc;

use super::{Frame, Origin, Relation, Verb};
use crate::error::Error;
use crate::ident::Ident;

/// How many steps a recursion goes when nothing is said.
const DEPTH: u32 = 1_000;

impl Frame {
    /// Writes the frame once, in WITH, and reads it from there wherever this frame and its clones are used in a statement. Without it,
    /// each use is written out where it stands; the rows are the same.
    ///
    /// `col("id").of("name")` means its columns. Two different frames of one statement can't have one name (`cte.name`). It never hides
    /// a table: where a table of the statement has the name, the text calls the frame something else. SQL text:
    /// `WITH "name" AS (SELECT …) SELECT … FROM "name"`.
    ///
    /// ```
    /// use portcullis::{Dialect, all, avg, col, scalar, table};
    /// # portcullis::table! { orders { id: i64, total: f64 } }
    /// let big = table(orders::table).where_(orders::total.gt(100)).cte("big");
    /// let mean = big.clone().agg(avg(col("total")).as_("mean"));
    /// let query = big.where_(col("total").gt(scalar(mean))).select("id").to_sql_for(Dialect::Sqlite)?;
    /// assert_eq!(query.sql(), concat!(
    ///     r#"WITH "big" AS (SELECT "total", "id" FROM "orders" WHERE "total" > ?1) SELECT "big"."id" FROM "big" "#,
    ///     r#"WHERE "big"."total" > (SELECT AVG("big_2"."total") AS "mean" FROM "big" AS "big_2")"#));
    /// # Ok::<(), portcullis::Error>(())
    /// ```
    #[doc(alias("with"))]
    #[track_caller]
    pub fn cte(self, name: &str) -> Frame {
        self.then_or(Ident::new(name), Verb::Cte)
    }
}

/// What a recursion is made of.
#[derive(Clone)]
pub(crate) struct Recursion {
    pub(crate) name: Ident,
    /// Each row once, and no limit of depth.
    pub(crate) distinct: bool,
    pub(crate) max_depth: u32,
    /// Tells this recursion from others of the same name.
    pub(crate) token: Arc<()>,
}

/// A recursive relation that waits for its step; made by [`recursive`].
#[must_use = "a recursion is a frame once it has `step`"]
pub struct Recursive {
    anchor: Frame,
    name: Result<Ident, Error>,
    distinct: bool,
    max_depth: u32,
    location: &'static Location<'static>,
}

impl std::fmt::Debug for Recursive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recursive").field("anchor", &self.anchor).finish_non_exhaustive()
    }
}

/// Starts a relation that is made of itself: the rows of `anchor`, and then, again and again, what the step makes of the rows that
/// the last step gave, until it gives none. SQL text: `WITH RECURSIVE "name" AS (anchor UNION ALL step) SELECT …`.
///
/// The result has the anchor's columns; those of the step are matched by position. Whole numbers are of 64 bits in it, whatever the
/// anchor's are; any other type of the step must be that of the anchor (`recursive.type`), so cast one of them.
///
/// ```
/// use portcullis::{Dialect, col, on, recursive, table};
/// # portcullis::table! { people { id: i64, boss: Option<i64>, name: String } }
/// let people = || table(people::table);
/// let below_ann = recursive("below", people().where_(people::name.eq("Ann")).select(["id", "name"]))
///     .step(|below| {
///         people().join(below, on(people::boss.eq(col("id").of("below")))).select((people::id, people::name))
///     });
/// let query = below_ann.select("name").to_sql_for(Dialect::Sqlite)?;
/// assert!(query.sql().starts_with(r#"WITH RECURSIVE "below" AS (SELECT "id", "name", ?1 AS "depth" FROM "people""#));
/// # Ok::<(), portcullis::Error>(())
/// ```
#[track_caller]
pub fn recursive(name: &str, anchor: Frame) -> Recursive {
    let name = Ident::new(name);
    Recursive { anchor, name, distinct: false, max_depth: DEPTH, location: Location::caller() }
}

impl Recursive {
    /// Each different row once: a row that was there before is not gone on from, so a cycle ends the recursion. SQL text: `UNION` instead
    /// of `UNION ALL`. There is no limit of depth: a step that makes new values without end runs into the statement's timeout.
    pub fn distinct(mut self) -> Recursive {
        self.distinct = true;
        self
    }

    /// Ends after `steps` steps: rows that are further from the anchor are left out. 1,000 if not said. The anchor's rows are
    /// at 0 steps. SQL text: a column that counts, which is not returned, and a condition on it.
    pub fn max_depth(mut self, steps: u32) -> Recursive {
        self.max_depth = steps;
        self
    }

    /// What comes of the rows that the step before gave. `step` gets them as a frame, called as the recursion is, and uses it once, directly
    /// in a chain of `where_`, `select`, `with_column` and joins: not in a subquery, nor under an aggregate, a `distinct`, a
    /// `limit`, a set operation or on the side of an outer join that is filled with NULL (`recursive.shape`).
    #[track_caller]
    pub fn step(self, step: impl FnOnce(Frame) -> Frame) -> Frame {
        let name = match self.name {
            Ok(name) => name,
            Err(error) => return self.anchor.then(|anchor| Verb::Invalid(Some(anchor), error)),
        };
        let token = Arc::new(());
        let itself = Verb::Itself { name: name.clone(), token: Arc::clone(&token) };
        let origin: Option<Origin> = self.anchor.origin.clone();
        let itself = Frame { relation: Relation::new(itself, self.location), origin };
        let recursion = Recursion { name, distinct: self.distinct, max_depth: self.max_depth, token };
        let step = step(itself);
        self.anchor.with_other(step, "recursive", |anchor, step| Verb::Recursive { anchor, step, recursion })
    }
}
