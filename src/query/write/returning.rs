//! What a write gives back of the rows that it wrote.

use super::{Delete, Insert, Update, Write};
use crate::query::Projections;
use crate::query::verbs::list;

/// A write that gives back the rows that it wrote; made by `returning` of [`Insert`], [`Update`] and [`Delete`], and run like a frame.
#[derive(Clone)]
#[must_use = "the write does nothing until it is run, for example with `.collect().await`"]
pub struct Returning {
    pub(crate) write: Write,
}

macro_rules! returning {
    ($($write:ident, $rows:literal, $sql:literal;)*) => {$(
        impl $write {
            #[doc = concat!("Gives back ", $rows, ": columns and expressions over the row's own columns, or [`all()`](crate::all). The rows come in no order.")]
            ///
            #[doc = $sql]
            ///
            /// ```
            /// use portcullis::{Database, ReadWrite, col};
            ///
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> portcullis::Result<()> {
            /// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
            /// db.sql("CREATE TABLE orders (id integer PRIMARY KEY, total integer)").execute().await?;
            /// let id: i64 = db.insert("orders").columns(["total"]).row([50]).returning("id").one_as().await?;
            /// assert_eq!(id, 1);
            /// let twice = db.update("orders").set("total", col("total") * 2).where_(col("id").eq(id));
            /// assert_eq!(twice.returning("total").one_as::<i64>().await?, 100);
            /// # Ok(())
            /// # }
            /// ```
            pub fn returning(mut self, columns: impl Projections) -> Returning {
                self.write.returning = Some(list(columns));
                Returning { write: self.write }
            }
        }
    )*};
}

returning! {
    Insert, "each row as it was inserted, or changed by an upsert",
        "SQL text: `INSERT … RETURNING …`. MySQL has no such thing, and it is refused there: insert with keys of the program's own and read them.";
    Update, "each row as it is now",
        "SQL text: `UPDATE … RETURNING …`. On MySQL and MariaDB, which lack it, it is three statements in one transaction: the keys are read with `FOR UPDATE`, those rows are changed, and read; the table must have a primary key, which the update leaves alone.";
    Delete, "each row as it was",
        "SQL text: `DELETE … RETURNING …`. MySQL has no such thing, and it is refused there: read the rows with `for_update` in a transaction first.";
}
