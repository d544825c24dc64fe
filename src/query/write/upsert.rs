//! Upserts: what an insert does with a row whose key is there already.

use super::{Insert, WriteKind};
use crate::error::{Error, Result};
use crate::expr::{Expr, IntoExpr, Kind, Operand};
use crate::ident::Ident;
use crate::query::IntoNames;

/// What is done with a row whose key is there already.
#[derive(Clone)]
pub(crate) struct Upsert {
    pub(crate) target: Target,
    /// The row that is there stays as it is.
    pub(crate) nothing: bool,
    pub(crate) set: Vec<(Ident, Expr)>,
    pub(crate) condition: Option<Expr>,
}

/// Which key decides.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Columns(Vec<Ident>),
    Key(Ident),
}

/// A primary or unique key by its name; made by [`unique_key`].
#[derive(Debug, Clone)]
pub struct UniqueKey(Result<Ident>);

/// The primary or unique key, or the unique index, called `name`, for [`Insert::on_conflict`]. The database's catalogue says which columns it has.
pub fn unique_key(name: &str) -> UniqueKey {
    UniqueKey(Ident::new(name))
}

mod sealed {
    pub trait Sealed {}
}

/// What decides that a row is there already: the columns of a primary or unique key, or [`unique_key`]. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no key",
    note = "write the columns of a key, as in \"id\" or [\"year\", \"number\"], or `unique_key(\"name\")`"
)]
pub trait ConflictTarget: sealed::Sealed {
    #[doc(hidden)]
    fn into_target(self) -> Result<Key>;
}

/// A target on its way into a statement.
#[doc(hidden)]
#[derive(Debug)]
pub struct Key(pub(crate) Target);

impl<N: IntoNames> sealed::Sealed for N {}
impl<N: IntoNames> ConflictTarget for N {
    fn into_target(self) -> Result<Key> {
        let names = self.into_names()?;
        if names.is_empty() {
            return Err(crate::query::names::no_columns("on_conflict"));
        }
        Ok(Key(Target::Columns(names)))
    }
}

impl sealed::Sealed for UniqueKey {}
impl ConflictTarget for UniqueKey {
    fn into_target(self) -> Result<Key> {
        self.0.map(|name| Key(Target::Key(name)))
    }
}

/// An insert whose rows may be there already, before it is said what becomes of those; made by [`Insert::on_conflict`].
#[derive(Debug)]
#[must_use = "say what becomes of a row that is there: `.do_nothing()` or `.do_update(..)`"]
pub struct OnConflict {
    insert: Insert,
    target: Result<Key>,
}

/// What a branch sets: of an upsert in a row that is there already, of a [`Merge`](crate::Merge) in a row that matches or in a new one.
#[derive(Clone, Default)]
#[must_use = "give it back from the closure"]
pub struct Changes {
    pub(super) set: Vec<(Ident, Expr)>,
    pub(super) condition: Option<Expr>,
    pub(super) mistakes: Vec<Error>,
}

impl Insert {
    /// Says by which key a row counts as there already. A conflict with any other key stays an error
    /// ([`ErrorKind::Constraint`](crate::ErrorKind::Constraint)).
    ///
    /// ```
    /// use portcullis::{Database, ReadWrite, col, incoming};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// db.sql("CREATE TABLE stock (sku text PRIMARY KEY, qty integer)").execute().await?;
    /// let arrive = |qty: i64| {
    ///     let arrived = db.insert("stock").columns(["sku", "qty"]).row(("nut", qty));
    ///     arrived.on_conflict("sku").do_update(|row| row.set("qty", col("qty") + incoming("qty"))).execute()
    /// };
    /// assert_eq!(arrive(5).await?, 1);
    /// assert_eq!(arrive(7).await?, 1);
    /// assert_eq!(db.table("stock").select("qty").one_as::<i64>().await?, 12);
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_conflict(self, key: impl ConflictTarget) -> OnConflict {
        OnConflict { insert: self, target: key.into_target() }
    }
}

impl OnConflict {
    /// A row that is there stays as it is, and the new one is left out; so it is not counted.
    ///
    /// SQL text: `ON CONFLICT ("key") DO NOTHING`; on MySQL and MariaDB, whose INSERT IGNORE lets other errors pass too, each row is
    /// inserted where no row of its key exists: `INSERT … SELECT … WHERE NOT EXISTS (…)`.
    pub fn do_nothing(self) -> Insert {
        self.then(Changes { set: Vec::new(), condition: None, mistakes: Vec::new() }, true)
    }

    /// A row that is there is changed as `changes` says. In it [`col`](crate::col) is the row that is there and [`incoming`] the one that was to
    /// be inserted. Rows inserted and rows changed count one each, and a row that [`Changes::where_`] leaves alone counts none, on every database.
    ///
    /// Two rows of one insert with the same key are an error.
    ///
    /// SQL text: `ON CONFLICT ("key") DO UPDATE SET …`; on MySQL and MariaDB `ON DUPLICATE KEY UPDATE …`. That answers to every key of the table,
    /// so there the table must have no other unique key, and a condition is refused. Rows of a frame are upserted on PostgreSQL alone, which sees
    /// two rows with the same key; a [`Merge`](crate::Merge) does it everywhere.
    pub fn do_update(self, changes: impl FnOnce(Changes) -> Changes) -> Insert {
        self.then(changes(Changes { set: Vec::new(), condition: None, mistakes: Vec::new() }), false)
    }

    fn then(self, changes: Changes, nothing: bool) -> Insert {
        let OnConflict { mut insert, target } = self;
        let Changes { set, condition, mistakes } = changes;
        insert.write.mistakes.extend(mistakes);
        if let (Some(Key(target)), WriteKind::Insert { upsert, .. }) =
            (insert.write.note(target), &mut insert.write.kind)
        {
            *upsert = Some(Upsert { target, nothing, set, condition });
        }
        insert
    }
}

impl Changes {
    /// Sets `column` to a value, or to an expression over the row that is there and the incoming one.
    pub fn set(mut self, column: &str, value: impl Operand) -> Changes {
        match Ident::new(column) {
            Ok(name) => self.set.push((name, value.into_operand())),
            Err(error) => self.mistakes.push(error),
        }
        self
    }

    /// Sets `column` to NULL.
    pub fn set_null(mut self, column: &str) -> Changes {
        match Ident::new(column) {
            Ok(name) => self.set.push((name, Expr::make(Kind::Null))),
            Err(error) => self.mistakes.push(error),
        }
        self
    }

    /// Sets each of these columns to what the incoming row has.
    pub fn set_incoming(mut self, columns: impl IntoNames) -> Changes {
        match columns.into_names() {
            Ok(names) => {
                self.set.extend(names.into_iter().map(|name| (name.clone(), Expr::make(Kind::Incoming(name)))))
            }
            Err(error) => self.mistakes.push(error),
        }
        self
    }

    /// Changes only a row for which `condition` is true; one for which it is not stays as it is and is not counted.
    pub fn where_(mut self, condition: impl IntoExpr) -> Changes {
        let new = condition.into_expr();
        self.condition = Some(match self.condition.take() {
            Some(old) => old.and(new),
            None => new,
        });
        self
    }
}

/// The value of `column` in the row that an upsert was to insert: it means something in [`OnConflict::do_update`] alone. SQL text:
/// `excluded."column"`, on MySQL and MariaDB ``VALUES(`column`)``.
pub fn incoming(column: &str) -> Expr {
    match Ident::new(column) {
        Ok(name) => Expr::make(Kind::Incoming(name)),
        Err(error) => Expr::invalid(error),
    }
}
