//! How a statement runs: hooks, a session, the driver, hooks again; and what happens when the caller goes away in between.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::managed::Object;
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use super::driver::{BoxFuture, Connection, Control, Done, RowSink, Statement};
use super::handle::{Core, Runner};
use super::pool::{Manager, Pooled, pool_error};
use super::prepare::Plan;
use super::transaction::TransactionState;
use crate::compile::CompiledQuery;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::hook::{Entered, Outcome, OutcomeKind, QueryContext};
use crate::policy::raw_select::check_read_only;
use crate::statement::{HandleKind, StatementKind, TableAccess};

/// How much longer than the server the client waits before it gives up by itself.
const GRACE: Duration = Duration::from_millis(500);

/// A statement between its first hook and its last. Dropping it before its end means that the caller went away: the session,
/// which may be in the middle of a result, is closed, and the hooks are told.
pub(super) struct InFlight {
    core: Arc<Core>,
    /// `None` where no hook would look at it.
    cx: Option<Arc<QueryContext>>,
    entered: Entered,
    started: Instant,
    held: Option<Held>,
    /// The hooks' `after` while it runs. It outlives a caller who goes away in the middle of it: each hook is told once, and how
    /// the statement really ended.
    telling: Option<BoxFuture<'static, ()>>,
}

/// The session that a statement runs on.
pub(super) enum Held {
    Pooled(Object<Manager>),
    Transaction(OwnedMutexGuard<Option<Object<Manager>>>),
}

impl Held {
    pub(super) fn pooled(&mut self) -> Option<&mut Pooled> {
        match self {
            Held::Pooled(object) => Some(&mut *object),
            Held::Transaction(guard) => guard.as_mut().map(|object| &mut **object),
        }
    }

    /// Closes the session instead of giving it back.
    pub(super) fn discard(self) {
        match self {
            Held::Pooled(object) => drop(Object::take(object)),
            Held::Transaction(mut guard) => {
                if let Some(object) = guard.take() {
                    drop(Object::take(object));
                }
            }
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            held.discard();
        }
        if self.cx.is_some() {
            let message = "the statement was dropped before its end";
            let error = Error::new(ErrorKind::Cancelled, "statement.cancelled", message);
            self.owe(outcome_of(&Err(error), self.started.elapsed()));
        }
        // Without a runtime nothing could have been waited for either.
        if let Some(telling) = self.telling.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(telling);
        }
    }
}

/// What runs, beside the statement itself.
#[derive(Clone, Copy, Default)]
pub(super) struct Care {
    /// In a read-only transaction of its own: raw SQL on a read-only handle.
    isolated: bool,
    /// Raw SQL: the session is set again before its next borrower.
    touches: bool,
    max_affected: Option<u64>,
}

impl Runner {
    /// Compiles a plan and runs it, with the hooks around both.
    pub(super) async fn run(
        self: &Arc<Self>,
        plan: Plan<'_>,
        sink: Box<dyn RowSink>,
    ) -> Result<(Box<dyn RowSink>, Done)> {
        let (flight, statement, care) = self.enter(plan, |query| query).await?;
        flight.run(&statement, care, sink).await.map_err(|error| plan.explain(error).at(plan.location()))
    }

    /// Compiles a plan, asks the hooks and takes a session. `change` may turn the query into another, as EXPLAIN does.
    pub(super) async fn enter(
        self: &Arc<Self>,
        plan: Plan<'_>,
        change: impl FnOnce(CompiledQuery) -> CompiledQuery,
    ) -> Result<(InFlight, Statement, Care)> {
        let query = match Box::pin(self.prepare(&plan)).await {
            Ok(query) => change(query),
            Err(error) => return Err(self.refused(&plan, error.at(plan.location())).await),
        };
        let raw = matches!(plan, Plan::Raw(_)) || matches!(plan, Plan::Frame(frame) if frame.has_raw());
        let care = Care {
            isolated: raw && self.core.kind == HandleKind::ReadOnly && self.transaction.is_none(),
            touches: raw && (self.core.kind == HandleKind::ReadOnly || !self.is_harmless_select(&plan)),
            max_affected: query.max_affected(),
        };
        let mut flight = self.flight();
        if !self.core.hooks.is_empty() {
            flight.cx = Some(Arc::new(QueryContext {
                sql: Some(Arc::clone(query.sql())),
                tables: Arc::clone(query.tables()),
                bind_types: query.bind_types(),
                fingerprint: query.fingerprint(),
                ..self.context(query.kind())
            }));
        }
        let flight = flight.ask().await?;
        let columns = query.columns().cloned();
        let cached = !matches!(query.kind(), StatementKind::Raw | StatementKind::Explain);
        let statement = Statement { sql: Arc::clone(query.sql()), columns, cached, binds: query.into_binds() };
        let flight = flight.take_session(self.transaction.as_deref()).await?;
        Ok((flight, statement, care))
    }

    /// Whether raw SQL is a select of the kind that a read-only handle takes. MySQL's sessions can't be brought back to their
    /// settings, only replaced, so there it is worth a look; elsewhere bringing one back costs no more than looking.
    fn is_harmless_select(&self, plan: &Plan<'_>) -> bool {
        let dialect = self.core.server.dialect;
        match plan {
            Plan::Raw(text) if matches!(dialect, Dialect::MySql | Dialect::MariaDb) => {
                check_read_only(text.sql.as_str(), dialect).is_ok()
            }
            _ => false,
        }
    }

    pub(super) fn flight(&self) -> InFlight {
        InFlight {
            core: Arc::clone(&self.core),
            cx: None,
            entered: Entered::default(),
            started: Instant::now(),
            held: None,
            telling: None,
        }
    }

    pub(super) fn context(&self, kind: StatementKind) -> QueryContext {
        let core = &self.core;
        QueryContext {
            id: Uuid::now_v7(),
            kind,
            tables: Arc::new([]),
            fingerprint: 0,
            sql: None,
            bind_types: Arc::new([]),
            subject: self.subject.clone(),
            handle: core.kind,
            handle_name: core.name.clone(),
            dialect: core.server.dialect,
            database: Arc::clone(&core.database),
            transaction: self.transaction.as_ref().map(|transaction| transaction.id),
            refusal: None,
        }
    }

    /// Shows a refusal to the hooks, and gives it back. A refusal always reaches the caller, whatever the hooks say.
    async fn refused(&self, plan: &Plan<'_>, error: Error) -> Error {
        if self.core.hooks.is_empty() {
            return error;
        }
        let tables: Arc<[TableAccess]> = plan.tables().into();
        self.tell_refused(QueryContext { tables, refusal: Some(error.clone()), ..self.context(plan.kind()) }).await;
        error
    }

    async fn tell_refused(&self, cx: QueryContext) {
        let refusal = cx.refusal.clone().unwrap_or_else(|| Error::internal("execute.refusal"));
        let mut flight = self.flight();
        flight.cx = Some(Arc::new(cx));
        // A hook's own refusal changes nothing: the statement is refused already.
        let _ = flight.before().await;
        let outcome = Outcome::not_sent(refusal, flight.started.elapsed());
        flight.end(outcome).await;
    }

    /// Shows the hooks the end of a transaction that is rolled back already, because its session was lost.
    pub(super) async fn refused_end(&self, kind: StatementKind, error: Error) -> Error {
        if !self.core.hooks.is_empty() {
            self.tell_refused(QueryContext { refusal: Some(error.clone()), ..self.context(kind) }).await;
        }
        error
    }

    fn control_flight(&self, kind: StatementKind) -> InFlight {
        let mut flight = self.flight();
        if !self.core.hooks.is_empty() {
            flight.cx = Some(Arc::new(self.context(kind)));
        }
        flight
    }

    /// Begins a transaction on a session of the pool, with the hooks around it.
    pub(super) async fn begin_session(&self, control: Control) -> Result<Object<Manager>> {
        let flight = self.control_flight(StatementKind::Begin).ask().await?;
        let mut flight = flight.take_session(None).await?;
        let result = flight.control(control).await;
        // The session stays with the flight meanwhile: should the caller go away, it is closed, and so rolled back.
        flight.tell(outcome_of(&result, flight.started.elapsed())).await;
        result?;
        match flight.held.take() {
            Some(Held::Pooled(object)) => Ok(object),
            _ => Err(Error::internal("transaction.session")),
        }
    }

    /// Commits or rolls back with the hooks around it, and gives the session back. A rollback is tried even when a hook refuses
    /// it: leaving the transaction open would be worse. Whatever else goes wrong closes the session, which rolls back too.
    pub(super) async fn end_session(
        &self,
        kind: StatementKind,
        object: Object<Manager>,
        control: Control,
    ) -> Result<()> {
        let mut flight = self.control_flight(kind);
        flight.held = Some(Held::Pooled(object));
        let refusal = flight.before().await.err();
        if let Some(error) = &refusal
            && kind != StatementKind::Rollback
        {
            flight.discard_session();
            let outcome = Outcome::not_sent(error.clone(), flight.started.elapsed());
            flight.end(outcome).await;
            return Err(error.clone());
        }
        let result = flight.control(control).await;
        let outcome = outcome_of(&result, flight.started.elapsed());
        flight.end(outcome).await;
        result.and_then(|_| refusal.map_or(Ok(()), Err))
    }
}

impl InFlight {
    async fn before(&mut self) -> Result<()> {
        match &self.cx {
            None => Ok(()),
            Some(cx) => {
                let (hooks, cx) = (self.core.hooks.clone(), Arc::clone(cx));
                hooks.before(&cx, &mut self.entered).await
            }
        }
    }

    /// Asks the hooks; a refusal is told to those that had let the statement pass.
    async fn ask(mut self) -> Result<InFlight> {
        match self.before().await {
            Ok(()) => Ok(self),
            Err(error) => {
                let outcome = Outcome::not_sent(error.clone(), self.started.elapsed());
                self.end(outcome).await;
                Err(error)
            }
        }
    }

    /// Takes a session out of the pool, or the transaction's own.
    async fn take_session(mut self, transaction: Option<&TransactionState>) -> Result<InFlight> {
        let held = match transaction {
            Some(transaction) => transaction.hold().await.map(Held::Transaction),
            None => self.core.pool.get().await.map(Held::Pooled).map_err(pool_error),
        };
        match held {
            Ok(held) => {
                self.held = Some(held);
                Ok(self)
            }
            Err(error) => {
                let outcome = outcome_of(&Err(error.clone()), self.started.elapsed());
                self.end(outcome).await;
                Err(error)
            }
        }
    }

    /// Runs the statement and ends the flight.
    pub(super) async fn run(
        mut self,
        statement: &Statement,
        care: Care,
        sink: Box<dyn RowSink>,
    ) -> Result<(Box<dyn RowSink>, Done)> {
        let in_transaction = matches!(self.held, Some(Held::Transaction(_)));
        let limit = self.core.statement_timeout;
        let mut left_open = false;
        let result = match self.held.as_mut().and_then(Held::pooled) {
            Some(pooled) => {
                pooled.touched |= care.touches;
                let work = drive(&mut *pooled.connection, statement, care, in_transaction, &mut left_open, sink);
                with_deadline(limit, work).await
            }
            None => Err(lost()),
        };
        let broken = self.held.as_mut().and_then(Held::pooled).is_none_or(|pooled| !pooled.connection.is_open());
        if broken && result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Connect) {
            self.core.pool.manager().suspect_idle();
        }
        // A deadline dropped the driver in mid-flight; a write beyond its limit takes its transaction with it.
        let unusable = result
            .as_ref()
            .is_err_and(|error| error.code() == DEADLINE || (in_transaction && error.kind() == ErrorKind::TooManyRows));
        if broken || unusable || left_open {
            self.discard_session();
        }
        let counts = result.as_ref().map(|(_, done)| *done).map_err(Clone::clone);
        let outcome = outcome_of(&counts, self.started.elapsed());
        self.end(outcome).await;
        result
    }

    /// Begins, commits or rolls back on the session, which is closed when that fails.
    async fn control(&mut self, control: Control) -> Result<Done> {
        let result = match self.held.as_mut().and_then(Held::pooled) {
            Some(pooled) => with_deadline(self.core.statement_timeout, pooled.connection.control(control)).await,
            None => Err(lost()),
        };
        if result.is_err() {
            self.discard_session();
        }
        result.map(|()| Done::default())
    }

    fn discard_session(&mut self) {
        if let Some(held) = self.held.take() {
            held.discard();
        }
    }

    /// Gives the session back and tells the hooks how it ended.
    async fn end(mut self, outcome: Outcome) {
        drop(self.held.take());
        self.tell(outcome).await;
    }

    /// Tells the hooks how it ended.
    async fn tell(&mut self, outcome: Outcome) {
        self.owe(outcome);
        if let Some(telling) = &mut self.telling {
            telling.as_mut().await;
        }
        self.telling = None;
    }

    /// From here on the hooks that let the statement pass are told of `outcome`, by whoever polls or drops the flight.
    fn owe(&mut self, mut outcome: Outcome) {
        if let Some(cx) = self.cx.take() {
            // PostgreSQL counts the rows that a select returned as affected.
            if !cx.kind().is_write() {
                outcome.affected = 0;
            }
            let (hooks, entered) = (self.core.hooks.clone(), self.entered);
            self.telling = Some(Box::pin(async move { hooks.after(&cx, &outcome, entered).await }));
        }
    }
}

const DEADLINE: &str = "statement.deadline";

/// The client's own deadline, a little after the server's.
async fn with_deadline<T>(limit: Option<Duration>, work: impl Future<Output = Result<T>>) -> Result<T> {
    match limit {
        None => work.await,
        Some(limit) => tokio::time::timeout(limit.saturating_add(GRACE), work).await.unwrap_or_else(|_| {
            let message = "the database did not answer by the deadline; whether a write took effect is not known";
            Err(Error::new(ErrorKind::Timeout, DEADLINE, message))
        }),
    }
}

/// Runs the statement, in a transaction of its own where that is called for. `left_open` is set while that one is open: a
/// session on which it could not be ended must not be used again.
async fn drive(
    connection: &mut dyn Connection,
    statement: &Statement,
    care: Care,
    in_transaction: bool,
    left_open: &mut bool,
    sink: Box<dyn RowSink>,
) -> Result<(Box<dyn RowSink>, Done)> {
    let own_transaction = !in_transaction && (care.isolated || care.max_affected.is_some());
    if !own_transaction {
        let (sink, done) = connection.run(statement, sink).await?;
        check_affected(care, done)?;
        return Ok((sink, done));
    }
    *left_open = true;
    connection.control(Control::Begin { read_only: care.isolated }).await?;
    let result = connection.run(statement, sink).await.and_then(|(sink, done)| {
        check_affected(care, done)?;
        Ok((sink, done))
    });
    let commit = !care.isolated && result.is_ok();
    let ended = connection.control(if commit { Control::Commit } else { Control::Rollback }).await;
    *left_open = ended.is_err();
    // The statement's own error says more than that of the rollback after it.
    let finished = result?;
    ended?;
    Ok(finished)
}

fn check_affected(care: Care, done: Done) -> Result<()> {
    match care.max_affected {
        Some(most) if done.affected > most => {
            let message = format!(
                "the write touched {} rows and `max_affected` allows {most}; it was rolled back, with its transaction if it had one",
                done.affected
            );
            Err(Error::new(ErrorKind::TooManyRows, "write.max_affected", message))
        }
        _ => Ok(()),
    }
}

fn lost() -> Error {
    let message = "the transaction's session was lost, so the transaction is rolled back; begin a new one";
    Error::new(ErrorKind::Transaction, "transaction.lost", message)
}

fn outcome_of(result: &Result<Done>, elapsed: Duration) -> Outcome {
    match result {
        Ok(done) => {
            Outcome { kind: OutcomeKind::Completed, rows: done.rows, affected: done.affected, elapsed, error: None }
        }
        Err(error) => {
            let kind = match error.kind() {
                ErrorKind::Timeout | ErrorKind::Cancelled => OutcomeKind::Cancelled,
                _ => OutcomeKind::Failed,
            };
            Outcome { kind, rows: 0, affected: 0, elapsed, error: Some(error.clone()) }
        }
    }
}
