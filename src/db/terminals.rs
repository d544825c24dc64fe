//! The verbs that run a frame.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::driver::RowSink;
use super::handle::Runner;
use super::prepare::{Plan, compile_plan};
use super::stream::{RowStream, open_stream};
use crate::compile::{CompiledQuery, Shape, Target};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{all, count};
use crate::policy::Policy;
use crate::query::Frame;
use crate::row::{Row, Rows, RowsSink, SerdeSink, take_back};
use crate::schema::Schema;
use crate::statement::HandleKind;
use crate::types::SqlType;

/// A statement's text and the types of its binds; never their values.
#[derive(Clone)]
pub struct QueryText(Arc<Shape>);

impl QueryText {
    pub(super) fn of(query: CompiledQuery) -> QueryText {
        QueryText(query.into_shape())
    }

    /// The text, with a placeholder for every value.
    pub fn sql(&self) -> &str {
        self.0.sql()
    }

    /// The types of the binds, in the order of their placeholders.
    pub fn bind_types(&self) -> &[SqlType] {
        self.0.bind_types()
    }
}

impl std::fmt::Display for QueryText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.sql())
    }
}

impl std::fmt::Debug for QueryText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueryText").field("sql", &self.sql()).field("bind_types", &self.bind_types()).finish()
    }
}

impl PartialEq for QueryText {
    fn eq(&self, other: &QueryText) -> bool {
        self.sql() == other.sql() && self.bind_types() == other.bind_types()
    }
}

impl Eq for QueryText {}

/// Running. Each of these compiles the frame, asks the hooks, runs one statement and tells the hooks how it ended.
///
/// # Errors
///
/// All of them give the mistakes of the chain ([`ErrorKind::Plan`], `Schema`, `Type`, `Name`), a refusal of the guard
/// (`Policy`) or of a hook (`Hook`, `RateLimited`, `Audit`), what the pool and the database give (`Pool`, `Timeout`, `Connect`,
/// `Database`), and `Decode` for a value that doesn't fit its type.
impl Frame {
    fn runner(&self) -> Result<Arc<Runner>> {
        Runner::of(self.origin.as_ref()).map_err(|error| error.at(self.location()))
    }

    /// All rows, in memory. They print as a table.
    pub async fn collect(&self) -> Result<Rows> {
        let (sink, _) = self.runner()?.run(Plan::Frame(self), Box::new(RowsSink::new())).await?;
        Ok(take_back::<RowsSink>(sink)?.into_rows())
    }

    /// All rows as `T`, by serde: a struct by its field names, a tuple or a single value by position.
    ///
    /// ```
    /// # use portcullis::{Database, ReadWrite};
    /// #[derive(serde::Deserialize)]
    /// struct Order { id: i64, note: Option<String> }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// # let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// # db.sql("CREATE TABLE orders (id integer, note text)").execute().await?;
    /// # db.insert("orders").columns(["id", "note"]).row((1, None::<&str>)).execute().await?;
    /// let orders: Vec<Order> = db.table("orders").collect_as().await?;
    /// assert_eq!((orders[0].id, orders[0].note.as_deref()), (1, None));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn collect_as<T: DeserializeOwned + Send + 'static>(&self) -> Result<Vec<T>> {
        let (sink, _) = self.runner()?.run(Plan::Frame(self), Box::new(SerdeSink::<T>::new())).await?;
        Ok(take_back::<SerdeSink<T>>(sink)?.into_items())
    }

    /// The only row; [`ErrorKind::RowCount`] when there is none or more than one.
    #[track_caller]
    pub fn one(&self) -> impl Future<Output = Result<Row>> + Send + use<> {
        let frame = self.clone().limit(2);
        async move { exactly_one(frame.collect().await?.into_iter().collect()) }
    }

    /// The only row, if there is one; [`ErrorKind::RowCount`] when there are more.
    #[track_caller]
    pub fn optional(&self) -> impl Future<Output = Result<Option<Row>>> + Send + use<> {
        let frame = self.clone().limit(2);
        async move { at_most_one(frame.collect().await?.into_iter().collect()) }
    }

    /// The only row as `T`; see [`Frame::one`] and [`Frame::collect_as`].
    #[track_caller]
    pub fn one_as<T: DeserializeOwned + Send + 'static>(&self) -> impl Future<Output = Result<T>> + Send + use<T> {
        let frame = self.clone().limit(2);
        async move { exactly_one(frame.collect_as::<T>().await?) }
    }

    /// The only row as `T`, if there is one; see [`Frame::optional`].
    #[track_caller]
    pub fn optional_as<T: DeserializeOwned + Send + 'static>(
        &self,
    ) -> impl Future<Output = Result<Option<T>>> + Send + use<T> {
        let frame = self.clone().limit(2);
        async move { at_most_one(frame.collect_as::<T>().await?) }
    }

    /// Rows one after another, in constant memory; the database waits when the reader is slow. Dropping the stream ends the
    /// statement. The statement timeout covers the whole of it.
    ///
    /// ```
    /// # use portcullis::{Database, ReadWrite};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// # let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// # db.sql("CREATE TABLE orders (id integer)").execute().await?;
    /// # db.insert("orders").columns(["id"]).rows([[1], [2]]).execute().await?;
    /// let mut rows = db.table("orders").order_by("id").stream().await?;
    /// while let Some(row) = rows.next().await {
    ///     println!("{:?}", row?.try_get::<i64>("id")?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn stream(&self) -> Result<RowStream> {
        let runner = self.runner()?;
        open_stream(&runner, Plan::Frame(self)).await
    }

    /// The number of rows; SQL text: `SELECT COUNT(*)`.
    #[track_caller]
    pub fn count(&self) -> impl Future<Output = Result<u64>> + Send + use<> {
        let frame = self.clone().agg(count(all()).as_("count"));
        async move {
            let counted: Vec<i64> = frame.collect_as().await?;
            let first = counted.first().copied().unwrap_or_default();
            u64::try_from(first).map_err(|_| Error::internal("count.negative"))
        }
    }

    /// Prints the first `rows` rows as a table, to standard output.
    #[track_caller]
    pub fn show(&self, rows: u64) -> impl Future<Output = Result<()>> + Send + use<> {
        let frame = self.clone().limit(rows);
        async move {
            let rows = frame.collect().await?;
            println!("{}", rows.show(rows.len()));
            Ok(())
        }
    }

    /// The database's plan for the statement, a line each; SQL text: `EXPLAIN …` (`EXPLAIN QUERY PLAN` on SQLite).
    pub async fn explain(&self) -> Result<String> {
        let runner = self.runner()?;
        let dialect = runner.core.server.dialect;
        let (flight, statement, care) = runner.enter(Plan::Frame(self), |query| query.into_explain(dialect)).await?;
        let sink: Box<dyn RowSink> = Box::new(RowsSink::new());
        let (sink, _) = flight.run(&statement, care, sink).await?;
        Ok(lines_of(&take_back::<RowsSink>(sink)?.into_rows()))
    }

    /// The statement as it would be sent now.
    ///
    /// # Errors
    ///
    /// The mistakes of the chain; [`ErrorKind::SchemaNeeded`] when the text depends on columns that have not been read yet:
    /// call `db.schema().await` first.
    pub fn to_sql(&self) -> Result<QueryText> {
        let runner = Runner::behind(self.origin.as_ref()).map_err(|error| error.at(self.location()))?;
        Ok(QueryText::of(runner.core.compile(&Plan::Frame(self), runner.core.kind)?))
    }

    /// The statement for a database of `dialect`, without one. Tables' columns are known from `table!` only, and text is taken
    /// to need a collation wherever that dialect may need one.
    ///
    /// # Errors
    ///
    /// As [`Frame::to_sql`].
    pub fn to_sql_for(&self, dialect: Dialect) -> Result<QueryText> {
        self.to_sql_with(dialect, &Schema::default())
    }

    /// The statement for a database of `dialect` whose tables are those of `schema`.
    ///
    /// # Errors
    ///
    /// As [`Frame::to_sql`].
    pub fn to_sql_with(&self, dialect: Dialect, schema: &Schema) -> Result<QueryText> {
        let target = Target::without_server(dialect);
        let plan = Plan::Frame(self);
        // No read-only handle locks rows, and raw parts are checked as one would.
        let handle = if self.locks() { HandleKind::ReadWrite } else { HandleKind::ReadOnly };
        Ok(QueryText::of(compile_plan(&plan, schema, &Policy::default(), handle, target)?))
    }
}

/// A plan, a line each.
pub(super) fn lines_of(rows: &Rows) -> String {
    let lines = rows.iter().map(|row| row.values().iter().map(shown).collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

fn shown(value: &crate::value::Value) -> String {
    match value {
        crate::value::Value::Text(text) => text.clone(),
        other => crate::row::plain_text(other),
    }
}

pub(super) fn exactly_one<T>(rows: Vec<T>) -> Result<T> {
    at_most_one(rows)?.ok_or_else(|| {
        let message = "the query gave no row where one was expected; use `optional` if there may be none";
        Error::new(ErrorKind::RowCount, "rows.none", message)
    })
}

pub(super) fn at_most_one<T>(rows: Vec<T>) -> Result<Option<T>> {
    let mut rows = rows.into_iter();
    let first = rows.next();
    if rows.next().is_some() {
        let message = "the query gave more than one row; narrow it, or use `collect` or `limit`";
        return Err(Error::new(ErrorKind::RowCount, "rows.many", message));
    }
    Ok(first)
}
