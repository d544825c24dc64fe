//! The verbs that make, empty and remove tables.

use std::sync::Arc;

use super::driver::BoxFuture;
use super::handle::{ReadWrite, Runner};
use super::kept_column::{holds_null, with_kept};
use super::prepare::{Plan, compile_plan};
use super::terminals::QueryText;
use super::transaction::Transaction;
use super::transaction_options::TransactionOptions;
use crate::compile::Target;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result, show_name};
use crate::expr::col;
use crate::policy::Policy;
use crate::query::{
    AlterTable, CreateIndex, CreateTable, Ddl, DdlKind, Delete, DropIndex, DropTable, RawSource, RawSql, TableName,
    Truncate,
};
use crate::row::{CountSink, SerdeSink, take_back};
use crate::schema::{Body, Schema};
use crate::statement::HandleKind;

/// Refuses what would not be part of the transaction that it stands in, or of no transaction at all.
///
/// SQL: MySQL manual, 15.3.3, "Statements That Cause an Implicit Commit"; a temporary table is none of them.
pub(super) fn check_place(ddl: &Ddl, dialect: Dialect, inside: bool) -> Result<()> {
    if inside && dialect.is_mysql_family() && !ddl.is_temporary() {
        let message = format!(
            "on {dialect} a statement about tables commits the transaction that it stands in; run it on the handle, before or after"
        );
        return Err(Error::new(ErrorKind::Unsupported, "ddl.transaction", message));
    }
    if !inside && ddl.is_temporary() {
        let message = "a temporary table lives on one session and a handle has many; make it in a transaction, with `db.transaction(..)`";
        return Err(Error::new(ErrorKind::Plan, "ddl.temporary", message));
    }
    Ok(())
}

/// Boxed, so that callers' futures stay small.
fn run(ddl: &Ddl) -> BoxFuture<'_, Result<()>> {
    Box::pin(run_here(ddl))
}

async fn run_here(ddl: &Ddl) -> Result<()> {
    let runner = Runner::of(Some(&ddl.origin))?;
    let removes = matches!(ddl.kind, DdlKind::Drop { temporary: false, .. } | DdlKind::Truncate);
    match &ddl.table {
        Ok(table) if removes && runner.core.server.dialect == Dialect::Sqlite => {
            let table = table.clone();
            whole(&runner, async |runner| {
                refuse_referred(runner, &table).await.map_err(|error| error.at(ddl.location))?;
                run_on(runner, ddl).await?;
                match ddl.kind {
                    DdlKind::Truncate => count_anew(runner, &table).await,
                    _ => Ok(()),
                }
            })
            .await
        }
        _ => match with_kept(&runner, ddl).await {
            Ok(Some(whole)) => run_on(&runner, &whole).await.map_err(|error| holds_null(&whole, error)),
            Ok(None) => run_on(&runner, ddl).await,
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                Err(runner.refused(&Plan::Ddl(ddl), error.at(ddl.location)).await)
            }
            Err(error) => Err(error.at(ddl.location)),
        },
    }
}

pub(super) async fn run_on(runner: &Arc<Runner>, ddl: &Ddl) -> Result<()> {
    let plan = Plan::Ddl(ddl);
    runner.run(plan, Box::new(CountSink::new())).await?;
    if let (true, Some(transaction)) = (ddl.is_temporary(), &runner.transaction) {
        let resolved = plan.resolve(&Schema::default(), runner.core.server.dialect)?;
        if let Body::Ddl(ddl) = resolved.body() {
            transaction.note_temporary(ddl.temporary_table(), ddl.table.name.as_str());
        }
    }
    Ok(())
}

/// Runs `work` in the caller's transaction, or in one of its own.
pub(super) async fn whole<T>(runner: &Arc<Runner>, work: impl AsyncFnOnce(&Arc<Runner>) -> Result<T>) -> Result<T> {
    if runner.transaction.is_some() {
        return work(runner).await;
    }
    let transaction = Transaction::<ReadWrite>::begin(runner, &TransactionOptions::new(), 1).await?;
    match work(transaction.runner()).await {
        Ok(done) => {
            transaction.commit().await?;
            Ok(done)
        }
        Err(error) => {
            // Its error is what the caller needs. A rollback that fails closes the session, which rolls back too.
            let _ = transaction.rollback().await;
            Err(error)
        }
    }
}

// SQL: SQLite, "PRAGMA foreign_key_list". Names fold the case of ASCII letters.
const REFERRING: &str = "SELECT m.name FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f \
WHERE m.type = 'table' AND lower(f.\"table\") = lower(:name) AND lower(m.name) <> lower(:name) ORDER BY m.name LIMIT 1";

// SQL: SQLite, "Autoincrement": the table is there once there is a column that counts.
const COUNTERS: &str = "SELECT m.name FROM sqlite_master m WHERE m.name = 'sqlite_sequence'";

/// SQL: SQLite, "Foreign Key Support" 5: DROP TABLE deletes the rows first, and with them what refers to them.
async fn refuse_referred(runner: &Arc<Runner>, table: &TableName) -> Result<()> {
    let query = RawSql::new(RawSource::Fixed(REFERRING), None).bind("name", table.name.as_str());
    if let Some(by) = names(runner, &query).await?.first() {
        let message = format!(
            "the table {} refers to {:?}, which can't be dropped or truncated while it does; drop that table first",
            show_name(by),
            table.name
        );
        return Err(Error::new(ErrorKind::Constraint, "table.referred", message).with_table(table.name.as_str()));
    }
    Ok(())
}

/// Identity columns of an emptied table count from 1 again.
async fn count_anew(runner: &Arc<Runner>, table: &TableName) -> Result<()> {
    let query = RawSql::new(RawSource::Fixed(COUNTERS), None);
    if !names(runner, &query).await?.is_empty() {
        let counter = Delete::new("sqlite_sequence", runner.origin()).where_(col("name").eq(table.name.as_str()));
        counter.execute().await?;
    }
    Ok(())
}

async fn names(runner: &Arc<Runner>, query: &RawSql) -> Result<Vec<String>> {
    let (sink, _) = runner.run(Plan::Catalog(&query.text), Box::new(SerdeSink::<String>::new())).await?;
    Ok(take_back::<SerdeSink<String>>(sink)?.into_items())
}

impl CreateTable {
    /// Makes the table.
    ///
    /// On MySQL and MariaDB such a statement commits the transaction that it stands in, so within one it is refused there unless the
    /// table is temporary; elsewhere it is undone with its transaction.
    ///
    /// # Errors
    ///
    /// The mistakes of the definition; [`ErrorKind::Unsupported`] for what the database lacks; [`ErrorKind::Encode`] for a value that
    /// can't be written exactly; `Policy` on a handle built [`without_ddl`](crate::DatabaseBuilder::without_ddl); a refusal of a hook,
    /// and what the database gives, such as for a table that is there already.
    pub async fn execute(self) -> Result<()> {
        run(&self.ddl).await
    }
}

impl DropTable {
    /// Drops the table.
    ///
    /// # Errors
    ///
    /// As [`CreateTable::execute`], and when another table refers to it.
    pub async fn execute(self) -> Result<()> {
        run(&self.ddl).await
    }
}

impl Truncate {
    /// Removes all rows.
    ///
    /// # Errors
    ///
    /// As [`CreateTable::execute`], and when another table refers to it.
    pub async fn execute(self) -> Result<()> {
        run(&self.ddl).await
    }
}

impl AlterTable {
    /// Changes the table.
    ///
    /// # Errors
    ///
    /// As [`CreateTable::execute`]; [`ErrorKind::Unsupported`] for what the database can't change.
    pub async fn execute(self) -> Result<()> {
        run(&self.ddl).await
    }
}

impl CreateIndex {
    /// Makes the index.
    ///
    /// # Errors
    ///
    /// As [`CreateTable::execute`]; `Constraint` when rows that are there hold the same values of a unique one.
    pub async fn execute(self) -> Result<()> {
        run(&self.ddl).await
    }
}

impl DropIndex {
    /// Drops the index.
    ///
    /// # Errors
    ///
    /// As [`CreateTable::execute`].
    pub async fn execute(self) -> Result<()> {
        run(&self.ddl).await
    }
}

macro_rules! to_sql_for {
    ($($verb:ident),*) => {$(
        impl $verb {
            /// The statement for a database of `dialect`, without sending it.
            ///
            /// # Errors
            ///
            /// Its mistakes, as running it would give them before anything is sent.
            pub fn to_sql_for(&self, dialect: Dialect) -> Result<QueryText> {
                let plan = Plan::Ddl(&self.ddl);
                let target = Target::without_server(dialect);
                let query = compile_plan(&plan, &Schema::default(), &Policy::default(), HandleKind::ReadWrite, target)?;
                Ok(QueryText::of(query))
            }
        }
    )*};
}

to_sql_for!(AlterTable, CreateIndex, CreateTable, DropIndex, DropTable, Truncate);
