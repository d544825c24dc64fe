//! The PostgreSQL driver, over one connection of sqlx.

use std::sync::Arc;

use sqlx::postgres::{PgConnection, Postgres};
use sqlx::{AssertSqlSafe, Connection as _, Executor, Row, SqlSafeStr, SqlStr, Statement as _};

use super::postgres_bind;
use super::postgres_copy;
use super::sqlx_error::{breaks_session, from_sqlx};
use super::sqlx_rows::{Failure, Layout, expected_columns, pump, short_version};
use super::{
    Begin, BoxFuture, Connection, Control, Done, RELEASE, ROLLBACK_TO, RowSink, SAVEPOINT, SAVEPOINT_ABORTED,
    SavepointName, Server, Session, Statement,
};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::statement::Isolation;

/// One session with a PostgreSQL server.
///
/// Dropping it closes its socket: a server from PostgreSQL 14 on notices that within `client_connection_check_interval`, which
/// is set at connect, and ends the statement; an older one goes on until it next writes or reaches `statement_timeout`.
pub(crate) struct PostgresSession {
    connection: PgConnection,
    server: Server,
    session: Session,
    state: State,
    /// A statement failed and the server has refused everything since but an end of the transaction.
    aborted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    /// A future is at work, or was dropped before it was ready.
    Busy,
    Broken,
}

// SQL: CREATE DATABASE. The provider's column came with PostgreSQL 15, and its locale was renamed in 17; through JSON the same
// text runs on all.
const ABOUT: &str = "SELECT pg_catalog.current_setting('server_version'), d.datcollate::text, \
    pg_catalog.to_jsonb(d) ->> 'datlocprovider', \
    coalesce(pg_catalog.to_jsonb(d) ->> 'datlocale', pg_catalog.to_jsonb(d) ->> 'daticulocale') \
    FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()";

// SQL: SET CONSTRAINTS. Those that were declared DEFERRABLE are checked at the commit.
const DEFER_CONSTRAINTS: &str = "SET CONSTRAINTS ALL DEFERRED";
// SQL: set_config, local to the transaction.
const STATEMENT_TIMEOUT: &str = "SELECT pg_catalog.set_config('statement_timeout', $1, true)";
const FORCE_GENERIC_PLAN: &str = "SET LOCAL plan_cache_mode = force_generic_plan";
const DEALLOCATE_PLAN: &str = "DEALLOCATE portcullis_plan";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

// SQL: DISCARD. What DISCARD ALL does but for DEALLOCATE ALL: sqlx believes in its prepared statements. RESET ALL goes back to
// what the start-up message asked for.
const RESET: &str = "ROLLBACK; CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; UNLISTEN *; \
    SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES";
const RESET_READ_ONLY: &str = "ROLLBACK; CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; UNLISTEN *; \
    SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES; \
    SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";

const ASSERT_READ_ONLY: &str = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";

impl PostgresSession {
    /// Asks a connection that was just made what server it leads to.
    pub(crate) async fn open(mut connection: PgConnection, session: &Session) -> Result<Self> {
        let failed = |error| from_sqlx(error, Dialect::Postgres);
        let about = sqlx::query(ABOUT).persistent(false).fetch_one(&mut connection).await.map_err(failed)?;
        let version: String = about.try_get(0).map_err(failed)?;
        let collation: String = about.try_get(1).map_err(failed)?;
        let provider: Option<String> = about.try_get(2).map_err(failed)?;
        let locale: Option<String> = about.try_get(3).map_err(failed)?;
        let server = Server {
            dialect: Dialect::Postgres,
            version: short_version(&version),
            binary_text: is_binary(&collation, provider.as_deref(), locale.as_deref()),
        };
        Ok(PostgresSession { connection, server, session: session.clone(), state: State::Ready, aborted: false })
    }

    /// The plan that fits no values in particular. SQL: PREPARE, plan_cache_mode (from PostgreSQL 12 on): a generic plan is made without looking at the
    /// parameters, so that NULL in the place of each changes nothing. GENERIC_PLAN of EXPLAIN (from 16 on) would make the same.
    async fn generic_plan(&mut self, statement: &Statement, sink: &mut dyn RowSink) -> Result<Done> {
        self.run_fixed(FORCE_GENERIC_PLAN).await?;
        self.run_text(text_of(&format!("PREPARE portcullis_plan AS {}", statement.sql).into())).await?;
        let nulls = vec!["NULL"; statement.binds.len()].join(", ");
        let nulls = if nulls.is_empty() { nulls } else { format!("({nulls})") };
        let explain = Statement {
            sql: format!("EXPLAIN EXECUTE portcullis_plan{nulls}").into(),
            binds: Vec::new(),
            columns: None,
            cached: false,
            rows: None,
            ends_with_failure: false,
            copy: None,
            generic_plan: false,
        };
        let done = Box::pin(self.run_statement(&explain, sink)).await;
        let forgotten = if done.is_ok() { self.run_fixed(DEALLOCATE_PLAN).await } else { Ok(()) };
        if done.is_err() || forgotten.is_err() {
            // A rollback does not take back what was prepared: the next one would find it.
            self.state = State::Broken;
        }
        forgotten.and(done)
    }

    async fn run_statement(&mut self, statement: &Statement, sink: &mut dyn RowSink) -> Result<Done> {
        if statement.generic_plan {
            return self.generic_plan(statement, sink).await;
        }
        if let (Some(types), Some(rows)) = (&statement.copy, &statement.rows) {
            let rows = postgres_copy::Encoder::new(rows, types)?;
            let affected = self.copy(&statement.sql, rows).await?;
            sink.columns(&expected_columns(None))?;
            return Ok(Done { rows: 0, affected });
        }
        let arguments = postgres_bind::arguments(&statement.binds)?;
        let expected = statement.columns.as_deref();
        let text = text_of(&statement.sql);
        self.state = State::Busy;
        let query = sqlx::query_with::<Postgres, _>(text.clone(), arguments).persistent(statement.cached);
        let (layout, done) = match pump::<Postgres>((&mut self.connection).fetch_many(query), expected, sink).await {
            Ok(finished) => finished,
            Err(failure) => return Err(self.failed(failure)),
        };
        self.aborted = false;
        if layout.is_none() {
            let columns = match statement.cached {
                // The statement was just prepared and kept, so that this asks the server nothing.
                true => match (&mut self.connection).prepare(text).await {
                    Ok(prepared) => {
                        Layout::new::<Postgres>(prepared.columns(), expected).map(|it| it.columns().clone())
                    }
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

    /// Sends encoded rows after a COPY. SQL: PostgreSQL manual, 55.2.7 (COPY operations): an error ends the copying, and nothing of it is kept.
    /// The server takes the first rows in while the next are encoded.
    async fn copy(&mut self, text: &Arc<str>, mut rows: postgres_copy::Encoder<'_>) -> Result<u64> {
        self.state = State::Busy;
        let text = text_of(text);
        let copied = async {
            let mut copying = self.connection.copy_in_raw(text.as_str()).await?;
            let mut piece = Vec::new();
            while rows.encode_some(&mut piece) {
                copying.send(piece.as_slice()).await?;
            }
            copying.finish().await
        };
        match copied.await {
            Ok(affected) => {
                (self.state, self.aborted) = (State::Ready, false);
                Ok(affected)
            }
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
        let aborted = std::mem::take(&mut self.aborted);
        match control {
            Control::Begin(begin) => self.begin(&begin).await,
            Control::Rollback => self.run_fixed(ROLLBACK).await,
            Control::Commit if !aborted => self.run_fixed(COMMIT).await,
            // The server answers COMMIT with a rollback here, and calls that a success.
            Control::Commit => {
                // Should it fail, the session is closed, which rolls back too.
                let _ = self.run_fixed(ROLLBACK).await;
                let message = "a statement of the transaction failed, so it was rolled back and nothing was kept";
                Err(Error::new(ErrorKind::Transaction, "transaction.aborted", message))
            }
            Control::Savepoint(name) => {
                self.aborted = aborted;
                self.run_savepoint(SAVEPOINT, &name).await
            }
            Control::Release(name) if !aborted => self.run_savepoint(RELEASE, &name).await,
            Control::Release(name) => {
                self.roll_back_to(&name).await?;
                let message = "a statement within the savepoint failed, so all within it was undone";
                Err(Error::new(ErrorKind::Transaction, SAVEPOINT_ABORTED, message))
            }
            Control::RollbackTo(name) => self.roll_back_to(&name).await,
        }
    }

    async fn begin(&mut self, begin: &Begin) -> Result<()> {
        self.run_fixed(begin_text(begin.isolation, begin.read_only)).await?;
        if begin.defer_constraints {
            self.run_fixed(DEFER_CONSTRAINTS).await?;
        }
        if let Some(timeout) = begin.statement_timeout {
            self.state = State::Busy;
            let query = sqlx::query(STATEMENT_TIMEOUT).bind(crate::conn::postgres::milliseconds(timeout));
            match (&mut self.connection).execute(query.persistent(false)).await {
                Ok(_) => self.state = State::Ready,
                Err(error) => return Err(self.failed(Failure::Wire(error))),
            }
        }
        Ok(())
    }

    async fn roll_back_to(&mut self, name: &SavepointName) -> Result<()> {
        self.run_savepoint(ROLLBACK_TO, name).await?;
        self.run_savepoint(RELEASE, name).await
    }

    async fn run_savepoint(&mut self, verb: &'static str, name: &SavepointName) -> Result<()> {
        self.run_text(text_of(&name.text(verb))).await
    }

    fn failed(&mut self, failure: Failure) -> Error {
        match failure {
            Failure::Wire(error) => {
                self.state = if breaks_session(&error) { State::Broken } else { State::Ready };
                self.aborted = true;
                from_sqlx(error, Dialect::Postgres)
            }
            Failure::Row { error, drained } => {
                self.state = if drained { State::Ready } else { State::Broken };
                error
            }
        }
    }
}

// SQL: SET TRANSACTION. The access mode can't be widened once a query has run, so one runs at once.
fn begin_text(isolation: Option<Isolation>, read_only: bool) -> &'static str {
    match (isolation, read_only) {
        (None, false) => "BEGIN",
        (None, true) => "BEGIN READ ONLY; SELECT 1",
        (Some(Isolation::ReadCommitted), false) => "BEGIN ISOLATION LEVEL READ COMMITTED",
        (Some(Isolation::ReadCommitted), true) => "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SELECT 1",
        (Some(Isolation::RepeatableRead), false) => "BEGIN ISOLATION LEVEL REPEATABLE READ",
        (Some(Isolation::RepeatableRead), true) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1",
        (Some(Isolation::Serializable), false) => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        (Some(Isolation::Serializable), true) => "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY; SELECT 1",
    }
}

/// The one line that takes a statement's text. It was compiled with placeholders only, is a caller's static raw SQL, or names a
/// savepoint.
fn text_of(sql: &Arc<str>) -> SqlStr {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one line in which this driver takes text: a compiled statement's"
    )]
    AssertSqlSafe(sql.clone()).into_sql_str()
}

/// Whether the database's default collation compares text by code point.
fn is_binary(collation: &str, provider: Option<&str>, locale: Option<&str>) -> bool {
    let by_code_point = |name: &str| matches!(name, "C" | "POSIX" | "ucs_basic" | "C.UTF-8" | "C.utf8");
    match provider {
        Some("i") => false,
        Some("b") => locale.is_some_and(|name| by_code_point(name) || name == "PG_UNICODE_FAST"),
        _ => by_code_point(collation),
    }
}

impl Connection for PostgresSession {
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

    fn reset(&mut self) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            self.aborted = false;
            self.run_fixed(if self.session.read_only { RESET_READ_ONLY } else { RESET }).await?;
            // RESET ALL brings back the start-up settings only.
            self.state = State::Busy;
            crate::conn::postgres::set_up(&mut self.connection, &self.session).await?;
            self.state = State::Ready;
            Ok(true)
        })
    }

    fn forget_prepared(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.state = State::Busy;
            match self.connection.clear_cached_statements().await {
                Ok(()) => {
                    self.state = State::Ready;
                    Ok(())
                }
                Err(error) => Err(self.failed(Failure::Wire(error))),
            }
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
    use super::is_binary;

    #[test]
    fn only_collations_by_code_point_are_binary() {
        for (collation, provider, locale, binary) in [
            ("C", None, None, true),
            ("POSIX", Some("c"), None, true),
            ("C.UTF-8", Some("c"), None, true),
            ("en_US.UTF-8", Some("c"), None, false),
            // A cluster made with ICU keeps a collation of the C library beside it, which text does not use.
            ("C", Some("i"), Some("und"), false),
            ("en_US.UTF-8", Some("b"), Some("C.UTF-8"), true),
            ("en_US.UTF-8", Some("b"), None, false),
        ] {
            assert_eq!(is_binary(collation, provider, locale), binary, "{collation} {provider:?} {locale:?}");
        }
    }
}
