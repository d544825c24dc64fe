//! Frames as tables: made of one, or written into one that is there.

use std::sync::Arc;

use super::ddl::{run_on, whole};
use super::driver::BoxFuture;
use super::handle::{Database, ReadWrite, Runner};
use super::prepare::Plan;
use super::transaction::Transaction;
use crate::error::{Error, ErrorKind, Result};
use crate::ident::Ident;
use crate::query::{
    CreateTable, CreateTableAs, DdlKind, Delete, DropTable, Frame, Insert, IntoTable, Origin, TableName, column,
};
use crate::row::CountSink;
use crate::types::SqlType;

/// What becomes of a table that is there already when a frame is written into it; see [`Database::write_table`]. In every mode a
/// table that is not there is made, with the frame's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Its rows stay, and the frame's are added, matched by the names of the columns.
    Append,
    /// Its rows give way to the frame's. Its columns, keys and grants stay. The frame may read the table itself.
    Overwrite,
    /// It is left as it is, and nothing is written.
    Ignore,
    /// It is an error.
    ErrorIfExists,
}

/// Counts the temporary tables of this process, so that no two of one session meet.
static TEMPORARY: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

impl CreateTableAs {
    /// Makes the table and fills it; the number of rows.
    ///
    /// On PostgreSQL and SQLite both are one transaction. MySQL and MariaDB commit a new table at once: should its rows not follow, it
    /// is dropped again, and a process that is killed in between leaves it empty; in a transaction of the caller's it is refused there,
    /// unless it is temporary.
    ///
    /// # Errors
    ///
    /// As [`CreateTable::execute`] and those of the frame; a column whose type can't be known wants a
    /// [`cast`](crate::Expr::cast).
    pub async fn execute(self) -> Result<u64> {
        let runner = Runner::of(Some(&self.create.ddl.origin))?;
        let work: BoxFuture<'_, Result<u64>> = Box::pin(async move { made(&runner, self.create, self.frame).await });
        work.await
    }
}

impl Database<ReadWrite> {
    /// Writes the rows of `frame` into `table`, all or none; the number of rows written. What becomes of a table that is there, `mode` says.
    ///
    /// ```
    /// use portcullis::{Database, ReadWrite, SqlType, WriteMode, col, column};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// db.create_table("orders").column(column("id", SqlType::Int64).primary_key()).execute().await?;
    /// db.insert("orders").columns(["id"]).rows([[1], [2], [3]]).execute().await?;
    /// let late = db.table("orders").where_(col("id").gt(1));
    /// assert_eq!(db.write_table("late", late.clone(), WriteMode::ErrorIfExists).await?, 2);
    /// assert_eq!(db.write_table("late", late.clone(), WriteMode::Ignore).await?, 0);
    /// assert_eq!(db.write_table("orders", late, WriteMode::Overwrite).await?, 2);
    /// assert_eq!(db.table("orders").count().await?, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the frame, of a table made of it ([`CreateTableAs::execute`]) and of an insert; `Schema` for a table that is there with
    /// [`WriteMode::ErrorIfExists`].
    pub async fn write_table(&self, table: impl IntoTable, frame: Frame, mode: WriteMode) -> Result<u64> {
        write_table(&self.runner, table.into_table()?, frame, mode).await
    }
}

impl Transaction<ReadWrite> {
    /// Writes the rows of `frame` into `table`; see [`Database::write_table`].
    ///
    /// # Errors
    ///
    /// As [`Database::write_table`].
    pub async fn write_table(&self, table: impl IntoTable, frame: Frame, mode: WriteMode) -> Result<u64> {
        write_table(self.runner(), table.into_table()?, frame, mode).await
    }
}

fn write_table(runner: &Arc<Runner>, table: TableName, frame: Frame, mode: WriteMode) -> BoxFuture<'_, Result<u64>> {
    Box::pin(async move {
        let schema = table.schema.as_ref().map(Ident::as_str);
        let known = runner.read(schema, Some(table.name.as_str())).await?;
        if known.is_empty() {
            return made(runner, CreateTable::new(table, runner.origin()), frame).await;
        }
        match mode {
            WriteMode::Ignore => Ok(0),
            WriteMode::ErrorIfExists => {
                let message =
                    format!("there is a table {:?} already; choose another mode, or another name", table.name);
                Err(Error::new(ErrorKind::Schema, "table.exists", message).with_table(table.name.as_str()))
            }
            WriteMode::Append => append(runner, &runner.origin(), table, frame).await,
            WriteMode::Overwrite => overwrite(runner, table, frame).await,
        }
    })
}

/// The frame's rows, by the names of its columns.
async fn append(runner: &Arc<Runner>, origin: &Origin, table: TableName, frame: Frame) -> Result<u64> {
    let insert = Insert::new(table, origin.clone()).select(frame.by_name());
    let (_, done) = runner.run(Plan::Write(&insert.write), Box::new(CountSink::new())).await?;
    Ok(done.affected)
}

/// The frame is read in full before the first row goes, so it may read what it replaces.
async fn overwrite(runner: &Arc<Runner>, table: TableName, frame: Frame) -> Result<u64> {
    let outside = runner.origin();
    all_or_lost(runner, async |runner| {
        let number = TEMPORARY.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let place = || TableName::plain(Ident::new(format!("portcullis_rows_{number}")));
        let create = CreateTable::new(place()?, outside.clone()).temporary();
        made_on(runner, create, frame).await?;
        let delete = Delete::new(table.clone(), outside.clone()).all_rows();
        runner.run(Plan::Write(&delete.write), Box::new(CountSink::new())).await?;
        let rows = Frame::start(place(), Some(outside.clone()));
        let written = append(runner, &outside, table.clone(), rows).await?;
        let drop = DropTable::new(place()?, outside.clone()).temporary();
        run_on(runner, &drop.ddl).await?;
        Ok(written)
    })
    .await
}

/// Runs `work` in a transaction of its own, or in the caller's, which is lost when it fails: committing that would keep half.
async fn all_or_lost<T>(runner: &Arc<Runner>, work: impl AsyncFnOnce(&Arc<Runner>) -> Result<T>) -> Result<T> {
    let result = whole(runner, work).await;
    if let (Err(_), Some(transaction)) = (&result, &runner.transaction) {
        transaction.lose();
    }
    result
}

async fn made(runner: &Arc<Runner>, create: CreateTable, frame: Frame) -> Result<u64> {
    if runner.transaction.is_some() || !runner.core.server.dialect.is_mysql_family() {
        return all_or_lost(runner, async |runner| made_on(runner, create, frame).await).await;
    }
    let table = create.ddl.table.clone();
    // What fails before the table is there, such as one of that name, must not drop it.
    let create = with_columns(runner, create, &frame).await?;
    run_on(runner, &create.ddl).await?;
    let result = append(runner, &runner.origin(), table.clone()?, frame).await;
    if result.is_err() {
        let drop = DropTable::new(table, runner.origin());
        // The insert's error is what the caller needs.
        let _ = run_on(runner, &drop.ddl).await;
    }
    result
}

async fn made_on(runner: &Arc<Runner>, create: CreateTable, frame: Frame) -> Result<u64> {
    let (table, origin) = (create.ddl.table.clone()?, create.ddl.origin.clone());
    let create = with_columns(runner, create, &frame).await?;
    run_on(runner, &create.ddl).await?;
    append(runner, &origin, table, frame).await
}

/// The definition with the frame's columns, in the frame's order; those that it defines itself stay as they are.
async fn with_columns(runner: &Arc<Runner>, create: CreateTable, frame: &Frame) -> Result<CreateTable> {
    let plan = Plan::Frame(frame);
    let mut query = runner.prepare(&plan).await.map_err(|error| error.at(plan.location()))?;
    let is_known = |column: &crate::compile::ResultColumn| column.sql_type.is_some();
    if !query.columns().is_some_and(|columns| columns.iter().all(is_known)) {
        let tables: Vec<(Option<String>, String)> = frame.tables();
        runner.read_tables(&tables).await?;
        query = runner.prepare(&plan).await?;
    }
    let CreateTable { mut ddl } = create;
    let columns = query.columns().cloned().unwrap_or_default();
    let untyped = |name: &str| {
        let message = format!(
            "the type of {name} can't be known, so no column can be made of it; give the expression a type with `.cast(..)`"
        );
        Error::new(ErrorKind::SchemaNeeded, "table.frame_type", message).at(plan.location())
    };
    if columns.is_empty() {
        return Err(untyped("the frame's columns"));
    }
    if let DdlKind::Create(table) = &mut ddl.kind {
        let mut own = std::mem::take(&mut table.columns);
        for found in columns.iter() {
            let place = own.iter().position(|known| known.name.as_ref().is_ok_and(|known| *known == found.name));
            let made = match (place, found.sql_type) {
                (Some(place), _) => own.remove(place),
                (None, Some(sql_type)) => column(found.name.as_str(), storable(sql_type)),
                (None, None) => return Err(untyped(&format!("{:?}", found.name))),
            };
            table.columns.push(made);
        }
        table.columns.append(&mut own);
    }
    Ok(CreateTable { ddl })
}

/// A type in which the column can be made: a computed decimal may have more digits than a declared one.
fn storable(sql_type: SqlType) -> SqlType {
    match sql_type {
        SqlType::Decimal(Some((precision, scale))) if !(1..=28).contains(&precision) || scale > precision => {
            SqlType::Decimal(None)
        }
        other => other,
    }
}
