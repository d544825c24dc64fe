//! Updates and deletes of many rows by their keys.

use serde::Serialize;

use super::{Delete, Insert, IntoRow, Update, Write};
use crate::error::Result;
use crate::ident::Ident;
use crate::query::{IntoNames, Origin};

/// Changes of many rows, each with values of its own; made by [`Update::by_keys`].
#[derive(Clone)]
#[must_use = "an update does nothing until it is run with `.execute().await`"]
pub struct UpdateByKeys {
    /// What all rows have in common.
    pub(crate) write: Write,
    pub(crate) origin: Origin,
    pub(crate) keys: Result<Vec<Ident>>,
    /// The rows, as those of an insert.
    pub(crate) rows: Insert,
}

/// A removal of many rows by their keys; made by [`Delete::by_keys`].
#[derive(Clone)]
#[must_use = "a delete does nothing until it is run with `.execute().await`"]
pub struct DeleteByKeys {
    pub(crate) write: Write,
    pub(crate) origin: Origin,
    pub(crate) rows: Insert,
}

impl Update {
    /// Changes many rows in one call, each to values of its own: each row that follows has the values of the columns `keys`, which say
    /// which row of the table it is, and new values for others. What [`set`](Update::set) gives is set in all of them, and
    /// [`where_`](Update::where_) narrows all of them.
    ///
    /// All of it is one transaction, a hundred rows a statement, on SQLite thousands. The keys need not be a key of the table; rows of the table that have one are all
    /// changed, and counted. A key that no row has changes nothing. Two rows with one key, and a key that is NULL, are errors.
    ///
    /// SQL text: `UPDATE "t" SET "a" = CASE WHEN "id" = $1 THEN $2 WHEN "id" = $3 THEN $4 … END WHERE "id" = ANY($5)`; on SQLite
    /// `UPDATE "t" SET "a" = ?1 WHERE "id" = ?2`, which runs for each row.
    ///
    /// ```
    /// use portcullis::{Database, ReadWrite};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// db.sql("CREATE TABLE stock (sku text PRIMARY KEY, qty integer, price integer)").execute().await?;
    /// let stock = db.insert("stock").columns(["sku", "qty", "price"]);
    /// stock.rows([("nut", 5, 1), ("bolt", 7, 2), ("gear", 9, 3)]).execute().await?;
    ///
    /// let update = db.update("stock").by_keys("sku").columns(["sku", "qty", "price"]);
    /// assert_eq!(update.rows([("nut", 50, 10), ("gear", 90, 30)]).execute().await?, 2);
    /// let all: Vec<(String, i64)> = db.table("stock").select(["sku", "qty"]).order_by("qty").collect_as().await?;
    /// assert_eq!(all, [("bolt".to_owned(), 7), ("nut".to_owned(), 50), ("gear".to_owned(), 90)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn by_keys(self, keys: impl IntoNames) -> UpdateByKeys {
        let Update { write, origin } = self;
        let rows = Insert::of(&write, origin.clone());
        UpdateByKeys { write, origin, keys: keys.into_names(), rows }
    }
}

impl UpdateByKeys {
    /// The columns that the rows give values for, keys and others, in their order.
    pub fn columns(mut self, names: impl IntoNames) -> UpdateByKeys {
        self.rows = self.rows.columns(names);
        self
    }

    /// Adds a row: one value for each column.
    pub fn row(self, row: impl IntoRow) -> UpdateByKeys {
        self.rows([row])
    }

    /// Adds rows.
    pub fn rows<R: IntoRow>(mut self, rows: impl IntoIterator<Item = R>) -> UpdateByKeys {
        self.rows = self.rows.rows(rows);
        self
    }

    /// Adds a row from a struct or a map, by serde; see [`Insert::records`].
    pub fn record(self, record: impl Serialize) -> UpdateByKeys {
        self.records([record])
    }

    /// Adds rows from structs or maps, by serde; see [`Insert::records`].
    pub fn records<T: Serialize>(mut self, records: impl IntoIterator<Item = T>) -> UpdateByKeys {
        self.rows = self.rows.records(records);
        self
    }
}

impl Delete {
    /// Deletes many rows in one call, by the values of the columns `keys`; [`where_`](Delete::where_) narrows all of them. It is one transaction, and a key
    /// that no row has deletes nothing. Two equal keys, and a key that is NULL, are errors.
    ///
    /// SQL text: `DELETE FROM "t" WHERE "id" = ANY($1)`; of several columns `WHERE ("a" = $1 AND "b" = $2) OR …`.
    ///
    /// ```
    /// # use portcullis::{Database, ReadWrite};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// # let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// # db.sql("CREATE TABLE lines (doc integer, line integer, PRIMARY KEY (doc, line))").execute().await?;
    /// db.insert("lines").columns(["doc", "line"]).rows([(1, 1), (1, 2), (2, 1)]).execute().await?;
    /// assert_eq!(db.delete("lines").by_keys(["doc", "line"], [(1, 2), (2, 1), (9, 9)]).execute().await?, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn by_keys<R: IntoRow>(self, keys: impl IntoNames, rows: impl IntoIterator<Item = R>) -> DeleteByKeys {
        let Delete { write, origin } = self;
        let rows = Insert::of(&write, origin.clone()).columns(keys).rows(rows);
        DeleteByKeys { write, origin, rows }
    }
}
