//! The MySQL and MariaDB driver, over one connection of sqlx.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sqlx::mysql::{MySql, MySqlConnection};
use sqlx::{AssertSqlSafe, Column, Connection as _, Executor, Row, SqlSafeStr, SqlStr, Statement as _};

use super::mysql_bind::{self, ParameterTypes};
use super::mysql_error::{ends_transaction, loses_names};
use super::sqlx_error::{breaks_session, from_sqlx};
use super::sqlx_rows::{Failure, Layout, expected_columns, pump, short_version};
use super::{
    Begin, BoxFuture, Connection, Control, Done, RELEASE, ROLLBACK_TO, RowSink, SAVEPOINT, SavepointName, Server,
    Session, Statement,
};
use crate::conn::mysql::KEPT_TEXTS;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::statement::Isolation;
use crate::types::SqlType;
use crate::value::packed::PackedPart;

/// One session with a MySQL or MariaDB server. Dropping it closes its socket; the server goes on with a running statement until
/// it next writes to the socket or reaches its own deadline (`max_execution_time`, `max_statement_time`), which the handle's
/// statement timeout sets.
pub(crate) struct MySqlSession {
    connection: MySqlConnection,
    server: Server,
    types: ParameterTypes,
    /// The bind types that each prepared text was first run with.
    first_types: HashMap<Arc<str>, Vec<SqlType>>,
    /// Texts that the server can't run a second time without preparing them again.
    once: HashSet<Arc<str>>,
    /// How many texts were made to be prepared for one run, ever and since all were forgotten.
    made: u64,
    made_since: usize,
    state: State,
    transaction: Transaction,
    /// The session's own deadline, to go back to after a transaction that had another.
    statement_timeout: Option<Duration>,
    own_deadline: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    /// A future is at work, or was dropped before it was ready.
    Busy,
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transaction {
    None,
    Open,
    /// The server rolled it back on its own. What followed would be committed statement by statement.
    Lost,
}

const ABOUT: &str = "SELECT VERSION(), @@version_comment, \
    CAST('2000-01-01' AS DATE), CAST('2000-01-01' AS DATETIME), CAST(0 AS DECIMAL(1, 0))";

// SQL: START TRANSACTION. Without an access mode the session's own holds, which a read-only handle has set.
const BEGIN: &str = "START TRANSACTION";
const ASSERT_READ_ONLY: &str = "SET SESSION TRANSACTION READ ONLY";
const BEGIN_READ_ONLY: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
// SQL: SET TRANSACTION. Without SESSION it is for the next transaction only.
const READ_COMMITTED: &str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED";
const REPEATABLE_READ: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";
const SERIALIZABLE: &str = "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";
// SQL: RELEASE_ALL_LOCKS, from MySQL 5.7 and MariaDB 10.5.
const RELEASE_LOCKS: &str = "DO RELEASE_ALL_LOCKS()";

impl MySqlSession {
    /// Asks a connection that was just made what server it leads to.
    pub(crate) async fn open(mut connection: MySqlConnection, session: &Session) -> Result<Self> {
        let failed = |error| from_sqlx(error, Dialect::MySql);
        let about = (&mut connection).fetch_one(ABOUT).await.map_err(failed)?;
        let version: String = about.try_get(0).map_err(failed)?;
        let comment: String = about.try_get(1).map_err(failed)?;
        let [_, _, date, datetime, decimal] = about.columns() else {
            return Err(failed(sqlx::Error::Protocol("five columns".to_owned())));
        };
        let types = ParameterTypes {
            date: date.type_info().clone(),
            datetime: datetime.type_info().clone(),
            decimal: decimal.type_info().clone(),
        };
        let server = Server {
            dialect: dialect_of(&version, &comment),
            version: short_version(&version),
            // The default collations fold case.
            binary_text: false,
        };
        Ok(MySqlSession {
            connection,
            server,
            types,
            first_types: HashMap::new(),
            once: HashSet::new(),
            made: 0,
            made_since: 0,
            state: State::Ready,
            transaction: Transaction::None,
            statement_timeout: session.statement_timeout,
            own_deadline: false,
        })
    }

    async fn run_statement(&mut self, statement: &Statement, sink: &mut dyn RowSink) -> Result<Done> {
        if self.transaction == Transaction::Lost {
            return Err(lost());
        }
        let arguments = match &statement.rows {
            Some(rows) => mysql_bind::arguments_of(rows, &self.types, self.server.dialect)?,
            None => mysql_bind::arguments(&statement.binds, &self.types, self.server.dialect)?,
        };
        let expected = statement.columns.as_deref();
        let text = text_of(&statement.sql);
        self.state = State::Busy;
        let ran_before = self.first_types.contains_key(&statement.sql);
        let mut cached = statement.cached && !self.once.contains(&statement.sql) && self.types_fit(statement).await?;
        let to_run = if cached { text.clone() } else { self.prepared_anew(&statement.sql).await? };
        let query = sqlx::query_with::<MySql, _>(to_run, arguments);
        let mut pumped = pump::<MySql>((&mut self.connection).fetch_many(query), expected, sink).await;
        // SQL: MariaDB 10.11, running a prepared text again, can lose the names of a derived table with a subquery. Names are looked
        // up before anything is done, so a select may be prepared anew and run; what writes is not, since a trigger could fail so.
        if let Err(Failure::Wire(error)) = &pumped
            && cached
            && ran_before
            && is_select(&statement.sql)
            && number_of(error).is_some_and(loses_names)
        {
            self.once.insert(Arc::clone(&statement.sql));
            cached = false;
            let arguments = mysql_bind::arguments(&statement.binds, &self.types, self.server.dialect)?;
            let query = sqlx::query_with::<MySql, _>(self.prepared_anew(&statement.sql).await?, arguments);
            pumped = pump::<MySql>((&mut self.connection).fetch_many(query), expected, sink).await;
        }
        let (layout, done) = match pumped {
            Ok(finished) => finished,
            Err(failure) => return Err(self.failed(failure)),
        };
        if layout.is_none() {
            let columns = match cached {
                // The statement was just prepared and kept, so that this asks the server nothing.
                true => match (&mut self.connection).prepare(text).await {
                    // MariaDB tells the columns of a RETURNING with its rows, and not before. Of a select they are told, or something is wrong.
                    Ok(prepared) if prepared.columns().is_empty() && is_write(&statement.sql) => {
                        Ok(expected_columns(expected))
                    }
                    Ok(prepared) => Layout::new::<MySql>(prepared.columns(), expected).map(|it| it.columns().clone()),
                    Err(error) => return Err(self.failed(Failure::Wire(error))),
                },
                false => Ok(expected_columns(expected)),
            };
            self.state = State::Ready;
            sink.columns(&columns?)?;
        }
        self.state = State::Ready;
        Ok(done)
    }

    /// Whether the prepared text may be run with these bind types. MySQL settles a parameter's type when the text is first run: a
    /// decimal that follows a double is rounded to one without a word. Placeholders have no types here, so a text that comes
    /// with other types than before is prepared for this run only.
    async fn types_fit(&mut self, statement: &Statement) -> Result<bool> {
        // Of rows the first one's: a column's values are of one type.
        let of_rows = statement.rows.as_ref().map(PackedPart::types);
        let types = of_rows.into_iter().flatten().chain(statement.binds.iter().map(|bind| bind.sql_type));
        if let Some(first) = self.first_types.get(&statement.sql) {
            return Ok(types.eq(first.iter().copied()));
        }
        let types = types.collect::<Vec<_>>();
        self.make_room().await?;
        self.first_types.insert(Arc::clone(&statement.sql), types);
        Ok(true)
    }

    /// The text as one that no other statement of the session has, so that it is prepared for this run.
    async fn prepared_anew(&mut self, sql: &str) -> Result<SqlStr> {
        self.make_room().await?;
        self.made += 1;
        self.made_since += 1;
        Ok(text_of(&format!("{sql} /* {} */", self.made).into()))
    }

    async fn make_room(&mut self) -> Result<()> {
        if self.first_types.len() + self.made_since < KEPT_TEXTS {
            return Ok(());
        }
        self.once.clear();
        self.forget().await
    }

    async fn forget(&mut self) -> Result<()> {
        // What is forgotten here must not be remembered there.
        self.first_types.clear();
        self.made_since = 0;
        match self.connection.clear_cached_statements().await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failed(Failure::Wire(error))),
        }
    }

    async fn run_fixed(&mut self, text: &'static str) -> Result<()> {
        self.run_text(text.into_sql_str()).await
    }

    async fn run_text(&mut self, text: SqlStr) -> Result<()> {
        self.state = State::Busy;
        match self.connection.execute(text).await {
            Ok(_) => {
                self.state = State::Ready;
                Ok(())
            }
            Err(error) => Err(self.failed(Failure::Wire(error))),
        }
    }

    async fn begin_or_end(&mut self, control: Control) -> Result<()> {
        let was_lost = self.transaction == Transaction::Lost;
        let ended = match control {
            Control::Begin(begin) => return self.begin(&begin).await,
            Control::Savepoint(_) | Control::Release(_) | Control::RollbackTo(_) if was_lost => return Err(lost()),
            Control::Savepoint(name) => return self.run_savepoint(SAVEPOINT, &name).await,
            Control::Release(name) => return self.run_savepoint(RELEASE, &name).await,
            Control::RollbackTo(name) => {
                self.run_savepoint(ROLLBACK_TO, &name).await?;
                return self.run_savepoint(RELEASE, &name).await;
            }
            Control::Rollback => self.run_fixed(ROLLBACK).await,
            Control::Commit if was_lost => {
                // Should it fail, the session is closed, which rolls back too.
                let _ = self.run_fixed(ROLLBACK).await;
                Err(lost())
            }
            Control::Commit => self.run_fixed(COMMIT).await,
        };
        self.transaction = Transaction::None;
        if self.own_deadline && self.state == State::Ready {
            self.own_deadline = false;
            // The transaction has ended, however this goes; a session whose deadline is not known is closed.
            if self.set_deadline(self.statement_timeout).await.is_err() {
                self.state = State::Broken;
            }
        }
        ended
    }

    async fn begin(&mut self, begin: &Begin) -> Result<()> {
        self.transaction = Transaction::None;
        if begin.statement_timeout.is_some() {
            self.own_deadline = true;
            self.set_deadline(begin.statement_timeout).await?;
        }
        match begin.isolation {
            None => {}
            Some(Isolation::ReadCommitted) => self.run_fixed(READ_COMMITTED).await?,
            Some(Isolation::RepeatableRead) => self.run_fixed(REPEATABLE_READ).await?,
            Some(Isolation::Serializable) => self.run_fixed(SERIALIZABLE).await?,
        }
        self.run_fixed(if begin.read_only { BEGIN_READ_ONLY } else { BEGIN }).await?;
        self.transaction = Transaction::Open;
        Ok(())
    }

    async fn set_deadline(&mut self, timeout: Option<Duration>) -> Result<()> {
        self.state = State::Busy;
        let is_mariadb = self.server.dialect == Dialect::MariaDb;
        match crate::conn::mysql::set_deadline(&mut self.connection, timeout, is_mariadb).await {
            Ok(()) => {
                self.state = State::Ready;
                Ok(())
            }
            Err(error) => Err(self.failed(Failure::Wire(error))),
        }
    }

    async fn run_savepoint(&mut self, verb: &'static str, name: &SavepointName) -> Result<()> {
        self.run_text(text_of(&name.text(verb))).await
    }

    fn failed(&mut self, failure: Failure) -> Error {
        match failure {
            Failure::Wire(error) => {
                self.state = if breaks_session(&error) { State::Broken } else { State::Ready };
                if self.transaction == Transaction::Open && number_of(&error).is_some_and(ends_transaction) {
                    self.transaction = Transaction::Lost;
                }
                from_sqlx(error, self.server.dialect)
            }
            Failure::Row { error, drained } => {
                self.state = if drained { State::Ready } else { State::Broken };
                error
            }
        }
    }
}

/// Whether a compiled text selects. SQL: on MariaDB no write begins with WITH.
fn is_select(sql: &str) -> bool {
    ["SELECT ", "WITH ", "("].iter().any(|start| sql.starts_with(start))
}

fn number_of(error: &sqlx::Error) -> Option<u16> {
    let error = error.as_database_error()?;
    Some(error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()?.number())
}

/// The one line that takes a statement's text. It was compiled with placeholders only, is a caller's static raw SQL (and has a number
/// in a comment where it is prepared for one run), or names a savepoint.
fn text_of(sql: &Arc<str>) -> SqlStr {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one line in which this driver takes text: a compiled statement's"
    )]
    AssertSqlSafe(sql.clone()).into_sql_str()
}

fn is_write(sql: &str) -> bool {
    ["INSERT ", "DELETE "].iter().any(|verb| sql.starts_with(verb))
}

fn lost() -> Error {
    let message =
        "the server ended a deadlock by rolling the transaction back, so nothing was kept; run it again from its start";
    Error::new(ErrorKind::Transaction, "transaction.aborted", message)
}

fn dialect_of(version: &str, comment: &str) -> Dialect {
    let is_mariadb = [version, comment].iter().any(|text| text.to_ascii_lowercase().contains("mariadb"));
    if is_mariadb { Dialect::MariaDb } else { Dialect::MySql }
}

impl Connection for MySqlSession {
    fn server(&self) -> &Server {
        &self.server
    }

    fn run<'a>(
        &'a mut self,
        statement: &'a Statement,
        mut sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<(Box<dyn RowSink>, Done)>> {
        Box::pin(async move {
            let done = self.run_statement(statement, &mut *sink).await?;
            Ok((sink, done))
        })
    }

    fn control(&mut self, control: Control) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.begin_or_end(control))
    }

    fn ping(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.state = State::Busy;
            match self.connection.ping().await {
                Ok(()) => {
                    self.state = State::Ready;
                    Ok(())
                }
                Err(error) => Err(self.failed(Failure::Wire(error))),
            }
        })
    }

    /// Always `false`: what brings a session back (COM_RESET_CONNECTION) also forgets its prepared statements, which sqlx
    /// believes in, and sqlx does not send it.
    fn reset(&mut self) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async { Ok(false) })
    }

    fn release_locks(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.run_fixed(RELEASE_LOCKS))
    }

    fn forget_prepared(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.state = State::Busy;
            self.forget().await?;
            self.state = State::Ready;
            Ok(())
        })
    }

    fn assert_read_only(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.run_fixed(ASSERT_READ_ONLY))
    }

    fn is_open(&self) -> bool {
        self.state == State::Ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mariadb_is_told_from_mysql() {
        assert_eq!(dialect_of("10.11.19-MariaDB-0+deb12u1", "Debian 12"), Dialect::MariaDb);
        assert_eq!(dialect_of("8.0.36", "managed mariadb server"), Dialect::MariaDb);
        assert_eq!(dialect_of("9.7.4-2", "(Debian)"), Dialect::MySql);
        assert_eq!(short_version("10.11.19-MariaDB-0+deb12u1"), "10.11.19");
        assert_eq!(short_version("15.18 (Debian 15.18-0+deb12u1)"), "15.18");
        assert_eq!(short_version("18beta1"), "18");
    }
}
