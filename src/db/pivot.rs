//! Pivots over the values that there are.

use crate::error::{Error, ErrorKind, Result};
use crate::query::{GroupedFrame, PivotedFrame, Projections, pivot_column};
use crate::types::SqlType;
use crate::value::Bind;

impl GroupedFrame {
    /// [`pivot`](GroupedFrame::pivot) over the values that `column` has, in their order, NULL last as the column `null`: reads them first,
    /// with a statement of its own that hooks see as any other. A value that comes in between the two statements is left out.
    ///
    /// `most` is how many columns at most it may make of each aggregate.
    ///
    /// ```
    /// # use portcullis::{Database, ReadWrite, col, sum};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// # let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// # db.sql("CREATE TABLE orders (category text, status text, amount integer)").execute().await?;
    /// # db.insert("orders").columns(["category", "status", "amount"]).row(("A", "open", 7)).execute().await?;
    /// let by_status = db.table("orders").group_by("category").pivot_inferred("status", 20).await?;
    /// let rows = by_status.agg(sum(col("amount"))).collect().await?;
    /// assert_eq!(rows.columns(), ["category", "open"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `pivot.too_many` when there are more values; `pivot.value` for a column of JSON, bytes or times; those of `collect`.
    pub async fn pivot_inferred(self, column: impl Projections, most: u32) -> Result<PivotedFrame> {
        let column = pivot_column(column)?;
        let values = self
            .ungrouped()
            .clone()
            .select(column.clone().as_("value"))
            .distinct()
            .order_by("value")
            .limit(u64::from(most).saturating_add(1));
        let rows = values.collect().await?;
        if rows.len() > most as usize {
            let message = format!(
                "`pivot_inferred` finds more than {most} values; list those that get a column with `pivot`, or allow more"
            );
            return Err(Error::new(ErrorKind::Limit, "pivot.too_many", message));
        }
        let known = rows.column_types().first().copied().flatten();
        let binds = rows.into_iter().filter_map(|row| row.into_values().into_iter().next()).map(|value| {
            let sql_type = value.sql_type().or(known).unwrap_or(SqlType::Text);
            let sql_type = known.filter(|known| known.family() == sql_type.family()).unwrap_or(sql_type);
            Bind { value, sql_type }
        });
        self.pivot_read(column, binds.collect::<Vec<Bind>>())
    }
}
