//! What runs on a SQLite connection's worker thread.

use std::sync::Arc;

use rusqlite::Connection;

use crate::db::driver::sqlite::SqliteLocation;
use crate::db::driver::sqlite_bind::{bind, bind_row};
use crate::db::driver::sqlite_decode::{SqliteRow, describe};
use crate::db::driver::sqlite_error::{error_of, stopped};
use crate::db::driver::sqlite_watch::Watch;
use crate::db::driver::{
    Begin, Control, Done, Flow, RELEASE, ROLLBACK_TO, RowSink, SAVEPOINT, SavepointName, Session, Statement,
    sqlite_session,
};
use crate::error::{Error, ErrorKind, Result};
use crate::row::CountSink;
use crate::value::packed::PackedPart;

/// After how many rows it is looked whether the statement is to stop.
const LOOK: usize = 64;

pub(super) struct Engine {
    connection: Connection,
    watch: Arc<Watch>,
    read_only: bool,
    /// A read-only transaction is open on a read-write connection.
    query_only: bool,
    /// A transaction was begun and not yet ended by the caller. SQLite ends one by itself when a write in it is interrupted or the
    /// disk is full, and each later statement would then be committed alone.
    begun: bool,
}

impl Engine {
    pub(super) fn open(location: &SqliteLocation, session: &Session, watch: Arc<Watch>) -> Result<Self> {
        let connection = sqlite_session::connect(location, session, &watch)?;
        Ok(Engine { connection, watch, read_only: session.read_only, query_only: false, begun: false })
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    pub(super) fn run(&mut self, statement: &Statement, sink: &mut dyn RowSink) -> Result<Done> {
        if statement.sql.contains('\0') {
            return Err(Error::new(ErrorKind::RawSql, "raw_sql.nul", "the SQL text holds a NUL character"));
        }
        if let Some(stop) = self.watch.stop() {
            return Err(stopped(stop));
        }
        if self.begun && self.connection.is_autocommit() {
            return Err(rolled_back());
        }
        let changes = self.connection.total_changes();
        let mut prepared = self.connection.prepare_cached(&statement.sql).map_err(|error| self.error(error))?;
        if let Some(rows) = &statement.rows {
            sink.columns(&Arc::new(describe(&prepared, statement.columns.as_deref())?))?;
            return Ok(Done { rows: 0, affected: self.each(&mut prepared, rows, statement.ends_with_failure)? });
        }
        let outcome = self.step(&mut prepared, statement, sink);
        if !statement.cached {
            prepared.discard();
        }
        let rows = outcome?;
        // `changes` keeps the count of an earlier statement when this one was no write.
        let wrote = self.connection.total_changes() != changes;
        Ok(Done { rows, affected: if wrote { self.connection.changes() } else { 0 } })
    }

    fn step(
        &self,
        prepared: &mut rusqlite::Statement<'_>,
        statement: &Statement,
        sink: &mut dyn RowSink,
    ) -> Result<u64> {
        bind(prepared, &statement.binds)?;
        let expected = statement.columns.as_deref();
        let mut rows = prepared.raw_query();
        // The columns are asked for after the first step, which prepares anew when the schema has changed.
        let Some(row) = rows.next().map_err(|error| self.error(error))? else {
            drop(rows);
            sink.columns(&Arc::new(describe(prepared, expected)?))?;
            return Ok(0);
        };
        let columns = Arc::new(describe(row.as_ref(), expected)?);
        sink.columns(&columns)?;
        let mut count = 1;
        let mut flow = sink.row(&SqliteRow { row, columns: &columns })?;
        loop {
            if flow == Flow::Flush {
                sink.flush_blocking()?;
            }
            let Some(row) = rows.next().map_err(|error| self.error(error))? else {
                return Ok(count);
            };
            count += 1;
            flow = sink.row(&SqliteRow { row, columns: &columns })?;
        }
    }

    /// Runs a statement for each of the rows, all or none, unless its failure is the end of the transaction; how many rows it changed.
    fn each(&self, prepared: &mut rusqlite::Statement<'_>, rows: &PackedPart, is_part: bool) -> Result<u64> {
        let (begin, end, undo) = match self.connection.is_autocommit() {
            true => ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"),
            // A savepoint has each page copied before its first change.
            false if is_part => return self.each_row(prepared, rows),
            false => {
                let undo = "ROLLBACK TO portcullis_rows; RELEASE portcullis_rows";
                ("SAVEPOINT portcullis_rows", "RELEASE portcullis_rows", undo)
            }
        };
        self.own(begin)?;
        let done = self.each_row(prepared, rows).and_then(|changed| self.own(end).map(|()| changed));
        // SQLite ends a transaction by itself when a write in it is interrupted or the disk is full.
        if done.is_err() && !self.connection.is_autocommit() {
            self.own(undo)?;
        }
        done
    }

    fn each_row(&self, prepared: &mut rusqlite::Statement<'_>, rows: &PackedPart) -> Result<u64> {
        let mut changed = 0;
        for (place, row) in rows.range().enumerate() {
            if place % LOOK == 0
                && let Some(stop) = self.watch.stop()
            {
                return Err(stopped(stop));
            }
            bind_row(prepared, rows, row)?;
            changed += prepared.raw_execute().map_err(|error| self.error(error))? as u64;
        }
        Ok(changed)
    }

    pub(super) fn control(&mut self, control: Control) -> Result<()> {
        let is_open = !self.connection.is_autocommit();
        match control {
            Control::Begin(_) if is_open => {
                Err(Error::new(ErrorKind::Transaction, "transaction.open", "a transaction is already open"))
            }
            Control::Begin(begin) => self.begin(&begin),
            Control::Rollback => self.close_transaction(),
            _ if !is_open => Err(rolled_back()),
            Control::Commit => {
                self.own("COMMIT")?;
                self.close_transaction()
            }
            Control::Savepoint(name) => self.savepoint(SAVEPOINT, &name),
            Control::Release(name) => self.savepoint(RELEASE, &name),
            Control::RollbackTo(name) => {
                self.savepoint(ROLLBACK_TO, &name)?;
                self.savepoint(RELEASE, &name)
            }
        }
    }

    /// Every transaction is serializable, and no less can be had. One that may write takes the one write lock at once, so that none
    /// fails half-way because another has written meanwhile.
    fn begin(&mut self, begin: &Begin) -> Result<()> {
        if begin.read_only && !self.read_only {
            self.own("PRAGMA query_only = ON")?;
            self.query_only = true;
        }
        // A deferred transaction takes its snapshot with its first read.
        let text = if begin.read_only { "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1" } else { "BEGIN IMMEDIATE" };
        let mut begun = self.own(text);
        // SQL: the pragma switches itself off at the end of the transaction.
        if begun.is_ok() && begin.defer_constraints {
            begun = self.own("PRAGMA defer_foreign_keys = ON");
        }
        if begun.is_err() {
            self.close_transaction()?;
        }
        self.begun = begun.is_ok();
        begun
    }

    fn savepoint(&mut self, verb: &'static str, name: &SavepointName) -> Result<()> {
        let statement = Statement {
            sql: name.text(verb),
            binds: Vec::new(),
            columns: None,
            cached: false,
            rows: None,
            ends_with_failure: false,
            copy: None,
            generic_plan: false,
        };
        let watch = Arc::clone(&self.watch);
        watch.as_own(|| self.run(&statement, &mut CountSink::new())).map(drop)
    }

    fn close_transaction(&mut self) -> Result<()> {
        self.begun = false;
        if !self.connection.is_autocommit() {
            self.own("ROLLBACK")?;
        }
        if self.query_only {
            self.own("PRAGMA query_only = OFF")?;
            self.query_only = false;
        }
        Ok(())
    }

    pub(super) fn ping(&mut self) -> Result<()> {
        self.own("SELECT 1")
    }

    /// The authorizer lets no statement change a setting, so what can be left over is a transaction, and temporary tables.
    pub(super) fn reset(&mut self) -> Result<bool> {
        self.close_transaction()?;
        if self.read_only {
            return Ok(true);
        }
        let none = self.watch.as_own(|| {
            self.connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM temp.sqlite_schema)", (), |row| row.get(0))
        });
        none.map_err(|error| self.error(error))
    }

    /// Runs one of the fixed texts above.
    fn own(&self, sql: &'static str) -> Result<()> {
        self.watch.as_own(|| self.connection.execute_batch(sql)).map_err(|error| self.error(error))
    }

    fn error(&self, error: rusqlite::Error) -> Error {
        error_of(error, self.watch.stop())
    }
}

fn rolled_back() -> Error {
    let message = "the transaction has ended already: an interrupted or failed write rolls it back";
    Error::new(ErrorKind::Transaction, "transaction.ended", message)
}

#[cfg(test)]
impl Engine {
    pub(super) fn past_the_authorizer(&self, sql: &'static str) -> Result<()> {
        self.own(sql)
    }
}
