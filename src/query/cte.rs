//! Relations with a name in WITH: common table expressions, and recursive ones.

use std::panic::Location;
use std::sync::Arc;

use super::names::{IntoNames, no_columns};
use super::{Frame, Origin, Verb};
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
    /// The columns that no path may meet twice with the same values; none, and paths may go in rings.
    pub(crate) cycle: Vec<Ident>,
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
    cycle: Vec<Ident>,
    mistake: Option<Error>,
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
    let location = Location::caller();
    Recursive { anchor, name, distinct: false, max_depth: DEPTH, cycle: Vec::new(), mistake: None, location }
}

impl Recursive {
    /// Each different row once: a row that was there before is not gone on from, so a cycle ends the recursion. SQL text: `UNION` instead
    /// of `UNION ALL`. There is no limit of depth: a step that makes new values without end runs into the statement's timeout.
    pub fn distinct(mut self) -> Recursive {
        self.distinct = true;
        self
    }

    /// Ends each path where it would come back to where it was: a row of the step is left out when the row that it comes of, or one that
    /// that came of, back to the anchor, has the same values in these columns. Unlike under [`distinct`](Recursive::distinct) the rows may have columns
    /// that change from step to step, such as a length or a total, and a row may be reached on several paths: it is there once for each.
    ///
    /// The columns are named as the result's are. They hold whole numbers, text, booleans, dates or UUIDs (`recursive.cycle_type`);
    /// NULL is the same as NULL. [`max_depth`](Recursive::max_depth) still ends the recursion.
    ///
    /// SQL text: what `CYCLE` of the SQL standard follows, written alike on every database: a column with the path's keys, in which no two
    /// keys look the same, and a condition on it. It is not returned.
    ///
    /// ```
    /// use portcullis::{Dialect, col, lit, on, recursive, table};
    /// # portcullis::table! { roads { start: i64, end: i64, km: i64 } }
    /// let from_1 = table(roads::table).where_(roads::start.eq(1)).select((roads::end.as_("place"), "km"));
    /// let ways = recursive("ways", from_1).cycle("place").step(|ways| {
    ///     table(roads::table)
    ///         .join(ways, on(roads::start.eq(col("place"))))
    ///         .select((roads::end.as_("place"), (col("km").of("ways") + roads::km).as_("km")))
    /// });
    /// let query = ways.to_sql_for(Dialect::Postgres)?;
    /// assert!(query.sql().contains(r#"(NOT ((STRPOS("ways"."path" COLLATE "C", "#));
    /// assert!(query.sql().ends_with(r#") SELECT "place", "km" FROM "ways" AS "ways_2""#));
    /// # Ok::<(), portcullis::Error>(())
    /// ```
    pub fn cycle(mut self, columns: impl IntoNames) -> Recursive {
        match columns.into_names() {
            Ok(names) if names.is_empty() => self.mistake = Some(no_columns("cycle")),
            Ok(names) => self.cycle = names,
            Err(error) => self.mistake = Some(error),
        }
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
        let name = match (self.name, self.mistake) {
            (Ok(name), None) => name,
            (Err(error), _) | (_, Some(error)) => return self.anchor.then(|anchor| Verb::Invalid(Some(anchor), error)),
        };
        let token = Arc::new(());
        let itself = Verb::Itself { name: name.clone(), token: Arc::clone(&token) };
        let origin: Option<Origin> = self.anchor.origin.clone();
        let itself = Frame::of(itself, self.location, origin);
        let Recursive { distinct, max_depth, cycle, .. } = self;
        let recursion = Recursion { name, distinct, max_depth, cycle, token };
        let step = step(itself);
        self.anchor.with_other(step, "recursive", |anchor, step| Verb::Recursive { anchor, step, recursion })
    }
}
