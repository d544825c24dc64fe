//! How a statement runs: hooks, a session, the driver, hooks again; and what happens when the caller goes away in between.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use super::counting::Counting;
use super::driver::{Begin, BoxFuture, Connection, Control, Done, RowSink, SAVEPOINT_ABORTED, Statement};
use super::handle::{Core, Runner};
use super::lease::Lease;
use super::pool::Pooled;
use super::prepare::{Counted, Plan};
use super::transaction_state::{TransactionState, too_late};
use crate::compile::CompiledQuery;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::hook::{Entered, Guards, Outcome, OutcomeKind, PoolView, QueryContext, SessionTimes, Sessions};
use crate::policy::raw_select::check_read_only;
use crate::query::Way;
use crate::row::CountSink;
use crate::statement::{HandleKind, StatementKind, TableAccess};
use crate::value::packed::PackedPart;

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
    /// How long it waited for a session of the pool.
    waited: Option<Duration>,
    held: Option<Held>,
    /// The transaction that it belongs to, also while that begins or ends.
    transaction: Option<Arc<TransactionState>>,
    /// COMMIT was sent, and its answer has not come.
    committing: bool,
    /// The rows that came so far, where a hook is to be told.
    rows: Option<Arc<AtomicU64>>,
    /// The hooks' `after` while it runs. It outlives a caller who goes away in the middle of it: each hook is told once, and how
    /// the statement really ended.
    telling: Option<BoxFuture<'static, ()>>,
}

/// The session that a statement runs on.
pub(super) enum Held {
    Pooled(Lease),
    Transaction(OwnedMutexGuard<Option<Lease>>),
}

impl Held {
    pub(super) fn pooled(&mut self) -> Option<&mut Pooled> {
        match self {
            Held::Pooled(lease) => Some(&mut *lease),
            Held::Transaction(guard) => guard.as_mut().map(|lease| &mut **lease),
        }
    }

    /// Closes the session instead of giving it back.
    pub(super) fn discard(self) {
        match self {
            Held::Pooled(lease) => lease.discard(),
            Held::Transaction(mut guard) => {
                if let Some(lease) = guard.take() {
                    lease.discard();
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
            let error = if self.committing { commit_unknown(&error) } else { error };
            let rows = self.rows_so_far();
            self.owe(Outcome { rows, ..outcome_of(&Err(error), self.started.elapsed()) });
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
#[derive(Clone, Default)]
pub(super) struct Care {
    /// In a read-only transaction of its own: raw SQL on a read-only handle.
    isolated: bool,
    /// Raw SQL: the session is set again before its next borrower.
    touches: bool,
    max_affected: Option<u64>,
    /// What a write that finds no row is refused with.
    conflict: Option<Error>,
    /// It changes tables.
    ddl: bool,
    counted: Counted,
    /// The plan of the statement is wanted, for no values in particular.
    generic_plan: bool,
}

impl Care {
    /// For a statement whose values are not known any more. PostgreSQL makes its plan in several steps, in a transaction that keeps none of them.
    pub(super) fn of_generic_plan(dialect: Dialect) -> Care {
        let steps = dialect == Dialect::Postgres;
        Care { isolated: steps, generic_plan: steps, ..Care::default() }
    }
}

impl Runner {
    /// Compiles a plan and runs it, with the hooks around both.
    pub(super) async fn run(
        self: &Arc<Self>,
        plan: Plan<'_>,
        sink: Box<dyn RowSink>,
    ) -> Result<(Box<dyn RowSink>, Done)> {
        // In boxes, so that what waits for a statement stays small on its stack.
        let (flight, statement, care) = Box::pin(self.enter(plan, |query| query)).await?;
        Box::pin(flight.run(&statement, care, sink)).await.map_err(|error| plan.explain(error).at(plan.location()))
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
        self.enter_with(plan, query, plan.packed_rows()).await
    }

    /// Runs a statement that was made [for each row](CompiledQuery::for_each_row); hooks see one statement.
    pub(super) async fn run_each(
        self: &Arc<Self>,
        plan: Plan<'_>,
        query: CompiledQuery,
        rows: PackedPart,
    ) -> Result<Done> {
        let (flight, statement, care) = Box::pin(self.enter_with(plan, query, Some(rows))).await?;
        let done = Box::pin(flight.run(&statement, care, Box::new(CountSink::new()))).await;
        done.map(|(_, done)| done).map_err(|error| plan.explain(error).at(plan.location()))
    }

    async fn enter_with(
        self: &Arc<Self>,
        plan: Plan<'_>,
        query: CompiledQuery,
        rows: Option<PackedPart>,
    ) -> Result<(InFlight, Statement, Care)> {
        let raw = plan.has_raw();
        let care = Care {
            isolated: raw && self.core.kind == HandleKind::ReadOnly && self.transaction.is_none(),
            touches: plan.is_temporary()
                || raw && (self.core.kind == HandleKind::ReadOnly || !self.is_harmless_select(&plan)),
            max_affected: query.max_affected(),
            conflict: plan.conflict(),
            ddl: query.kind().is_ddl(),
            counted: plan.counted(self.core.server.dialect),
            generic_plan: false,
        };
        self.admit(query, care, plan.most_rows(), rows).await
    }

    /// Asks the hooks about a compiled statement and takes a session. `rows` are those that it writes, where they are packed.
    pub(super) async fn admit(
        self: &Arc<Self>,
        query: CompiledQuery,
        care: Care,
        most_rows: Option<u64>,
        rows: Option<PackedPart>,
    ) -> Result<(InFlight, Statement, Care)> {
        let mut flight = self.flight();
        if !self.core.hooks.is_empty() {
            flight.cx = Some(Arc::new(QueryContext {
                sql: Some(Arc::clone(query.shown())),
                tables: Arc::clone(query.tables()),
                bind_types: Arc::clone(query.bind_types()),
                fingerprint: query.fingerprint(),
                most_rows,
                ..self.context(query.kind())
            }));
        }
        let flight = flight.ask().await?;
        let columns = query.columns().cloned();
        let cached = !query.once() && !matches!(query.kind(), StatementKind::Raw | StatementKind::Explain);
        let sql = Arc::clone(query.sql());
        let (rows, copy) = match query.way() {
            Way::Values | Way::Arrays => (None, None),
            Way::Packed | Way::Each => (rows, None),
            Way::Copy(types) => (rows, Some(Arc::clone(types))),
        };
        let binds = query.into_binds();
        let one_write = |transaction: &Arc<TransactionState>| transaction.one_write.load(Ordering::SeqCst);
        let ends_with_failure = self.transaction.as_ref().is_some_and(one_write);
        let generic_plan = care.generic_plan;
        let statement = Statement { sql, columns, cached, rows, ends_with_failure, copy, binds, generic_plan };
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
            waited: None,
            held: None,
            transaction: self.transaction.clone(),
            committing: false,
            rows: None,
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
            server: Arc::clone(&core.place),
            ordinal: core.shown.fetch_add(1, Ordering::Relaxed).saturating_add(1),
            transaction: self.transaction.as_ref().map(|transaction| transaction.id),
            step: self.transaction.as_ref().map(|transaction| transaction.shown.fetch_add(1, Ordering::Relaxed) + 1),
            attempt: self.transaction.as_ref().map_or(1, |transaction| transaction.attempt),
            refusal: None,
            most_rows: None,
            guards: Guards::default(),
            pool: PoolView::of(Arc::downgrade(core) as Weak<dyn Sessions>),
        }
    }

    /// Shows a refusal to the hooks, and gives it back. A refusal always reaches the caller, whatever the hooks say.
    pub(super) async fn refused(&self, plan: &Plan<'_>, error: Error) -> Error {
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
        self.tables_settled();
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

    /// Begins a transaction on a session of the pool, with the first hooks around it. The flight is still owed its end, see
    /// [`InFlight::finish_begin`].
    pub(super) async fn begin_session(&self, begin: Begin) -> Result<InFlight> {
        let flight = self.control_flight(StatementKind::Begin).ask().await?;
        let mut flight = flight.take_session(None).await?;
        let result = flight.control(Control::Begin(begin)).await;
        let outcome = outcome_of(&result, flight.started.elapsed());
        match result {
            Ok(_) => {
                flight.owe(outcome);
                Ok(flight)
            }
            Err(error) => {
                flight.end(outcome).await;
                Err(error)
            }
        }
    }

    /// Commits or rolls back with the hooks around it, and gives the session back. A rollback is tried even when a hook refuses
    /// it: leaving the transaction open would be worse. Whatever else goes wrong closes the session, which rolls back too.
    pub(super) async fn end_session(&self, kind: StatementKind, lease: Lease, control: Control) -> Result<()> {
        let mut flight = self.control_flight(kind);
        flight.held = Some(Held::Pooled(lease));
        let refusal = flight.before().await.err();
        if let Some(error) = &refusal
            && kind != StatementKind::Rollback
        {
            flight.discard_session();
            let outcome = Outcome::not_sent(error.clone(), flight.started.elapsed());
            flight.end(outcome).await;
            return Err(error.clone());
        }
        let commits = control == Control::Commit;
        let result = flight.control(control).await;
        flight.release_locks().await;
        let mut outcome = outcome_of(&result, flight.started.elapsed());
        if commits && matches!(outcome.kind, OutcomeKind::Failed | OutcomeKind::Cancelled) {
            // A commit that is known to have failed has kept nothing.
            outcome.kind = OutcomeKind::RolledBack;
        }
        let actions = match &self.transaction {
            Some(transaction) if commits && result.is_ok() => transaction.take_actions(),
            _ => Vec::new(),
        };
        // The session is free before anything else, so that an action may wait for one.
        drop(flight.held.take());
        self.tables_settled();
        // Nothing is waited for between the commit and its actions, so that a caller who goes away takes none with it.
        for action in actions {
            if std::panic::catch_unwind(AssertUnwindSafe(action)).is_err() {
                tracing::error!(target: "portcullis::transaction", "an action after a commit panicked; the commit stands");
            }
        }
        flight.end(outcome).await;
        result.and_then(|_| refusal.map_or(Ok(()), Err))
    }

    /// What a transaction did to tables is now there for others, or gone.
    fn tables_settled(&self) {
        if let Some(transaction) = &self.transaction
            && transaction.changed_tables.load(Ordering::SeqCst)
        {
            self.core.tables_changed();
        }
    }

    /// Sets a savepoint, or ends its scope, with the hooks around it. The end that undoes is reached even when a hook refuses it.
    pub(super) async fn control_savepoint(&self, kind: StatementKind, control: Control) -> Result<()> {
        let mut flight = self.control_flight(kind);
        let refusal = flight.before().await.err();
        if let Some(error) = &refusal
            && kind != StatementKind::RollbackTo
        {
            let outcome = Outcome::not_sent(error.clone(), flight.started.elapsed());
            flight.end(outcome).await;
            return Err(error.clone());
        }
        let mut flight = flight.take_session(self.transaction.as_deref()).await?;
        let result = flight.control(control).await;
        if kind == StatementKind::RollbackTo {
            self.tables_settled();
        }
        let mut outcome = outcome_of(&result, flight.started.elapsed());
        if result.as_ref().is_err_and(|error| error.code() == SAVEPOINT_ABORTED) {
            outcome.kind = OutcomeKind::RolledBack;
        }
        flight.end(outcome).await;
        result.map(drop)
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
        let asked = Instant::now();
        let held = match transaction {
            Some(transaction) => transaction.hold().await.map(Held::Transaction),
            None => Lease::of(&self.core.pool).await.map(Held::Pooled),
        };
        let held = match held {
            Ok(mut held) => match held.pooled() {
                Some(pooled) => match pooled.catch_up(self.core.pool.manager()).await {
                    Ok(()) => Ok(held),
                    Err(error) => {
                        held.discard();
                        Err(error)
                    }
                },
                None => Ok(held),
            },
            Err(error) => Err(error),
        };
        match held {
            Ok(held) => {
                self.waited = transaction.is_none().then(|| asked.elapsed());
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

    /// Takes the session of a transaction that has begun.
    pub(super) fn take_begun(&mut self) -> Result<Lease> {
        match self.held.take() {
            Some(Held::Pooled(lease)) => Ok(lease),
            _ => Err(Error::internal("transaction.session")),
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
        let limit = self.limit();
        let mut own = Own::None;
        let sink = match &self.cx {
            Some(_) => Counting::around(sink, self.rows.get_or_insert_default()),
            None => sink,
        };
        let mut result = match self.held.as_mut().and_then(Held::pooled) {
            Some(pooled) => {
                pooled.touched |= care.touches;
                let work = drive(&mut *pooled.connection, statement, &care, in_transaction, &mut own, sink);
                with_deadline(limit, work).await
            }
            None => Err(lost()),
        };
        if own == Own::Committing
            && let Err(error) = &result
            && error.code() == DEADLINE
        {
            result = Err(commit_unknown(error));
        }
        let broken = self.held.as_mut().and_then(Held::pooled).is_none_or(|pooled| !pooled.connection.is_open());
        if broken && result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Connect) {
            self.core.pool.manager().suspect_idle();
        }
        // A deadline dropped the driver in mid-flight; a write beyond its limit takes its transaction with it.
        let unusable = result.as_ref().is_err_and(|error| {
            matches!(error.code(), DEADLINE | TRANSACTION_DEADLINE)
                || (in_transaction && error.kind() == ErrorKind::TooManyRows)
        });
        if broken || unusable || own != Own::None {
            self.discard_session();
        }
        if care.ddl {
            self.core.tables_changed();
            if let Some(transaction) = &self.transaction {
                transaction.changed_tables.store(true, Ordering::SeqCst);
            }
        }
        let counts = result.as_ref().map(|(_, done)| *done).map_err(Clone::clone);
        if let Some(transaction) = &self.transaction {
            transaction.note(counts.as_ref().err());
        }
        let mut outcome = outcome_of(&counts, self.started.elapsed());
        outcome.rows = outcome.rows.max(self.rows_so_far());
        if broken && outcome.kind == OutcomeKind::Failed {
            outcome.kind = OutcomeKind::Unknown;
        }
        // Without its session the transaction is not committed, so what becomes of its statement is known.
        if in_transaction && (broken || unusable) && outcome.kind != OutcomeKind::Completed {
            outcome.kind = OutcomeKind::RolledBack;
        }
        self.end(outcome).await;
        result
    }

    /// Begins, ends or commits on the session, which is closed when that fails.
    async fn control(&mut self, control: Control) -> Result<Done> {
        self.committing = control == Control::Commit;
        // A commit is not cut short by the transaction's own deadline: its outcome would not be known.
        let limit = match (&control, self.limit()) {
            (Control::Commit | Control::Rollback, limit) => Limit { transaction: None, ..limit },
            (_, limit) => limit,
        };
        let result = match self.held.as_mut().and_then(Held::pooled) {
            Some(pooled) if pooled.connection.is_open() => {
                let result = with_deadline(limit, pooled.connection.control(control)).await;
                match result {
                    Err(error) if self.committing => Err(commit_error(error, pooled.connection.is_open())),
                    result => result,
                }
            }
            _ => Err(lost()),
        };
        self.committing = false;
        if let Err(error) = &result {
            if error.kind() == ErrorKind::Connect {
                self.core.pool.manager().suspect_idle();
            }
            if error.code() != SAVEPOINT_ABORTED {
                self.discard_session();
            }
        }
        if let Some(transaction) = &self.transaction {
            transaction.note(result.as_ref().err());
        }
        result.map(|()| Done::default())
    }

    /// Gives up the advisory locks that the database keeps beyond a transaction; a session that can't is closed, which does too.
    async fn release_locks(&mut self) {
        let locked = self.transaction.as_ref().is_some_and(|transaction| transaction.locked.load(Ordering::SeqCst));
        if !locked {
            return;
        }
        let limit = Limit { transaction: None, ..self.limit() };
        let released = match self.held.as_mut().and_then(Held::pooled) {
            Some(pooled) => with_deadline(limit, pooled.connection.release_locks()).await,
            None => return,
        };
        if released.is_err() {
            self.discard_session();
        }
    }

    fn rows_so_far(&self) -> u64 {
        self.rows.as_ref().map_or(0, |rows| rows.load(Ordering::Relaxed))
    }

    fn limit(&self) -> Limit {
        let own = self.transaction.as_ref().and_then(|transaction| transaction.statement_timeout);
        Limit {
            statement: own.or(self.core.statement_timeout),
            transaction: self.transaction.as_ref().and_then(|transaction| transaction.deadline()),
        }
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
        self.tell_owed().await;
    }

    /// Tells the hooks what is owed to them.
    pub(super) async fn tell_owed(&mut self) {
        if let Some(telling) = &mut self.telling {
            telling.as_mut().await;
        }
        self.telling = None;
    }

    /// From here on the hooks that let the statement pass are told of `outcome`, by whoever polls or drops the flight.
    fn owe(&mut self, mut outcome: Outcome) {
        if let Some(cx) = self.cx.take() {
            // PostgreSQL counts the rows that a select returned as affected.
            if !cx.kind().is_write() || cx.kind().is_ddl() {
                outcome.affected = 0;
            }
            outcome.waited = self.waited;
            outcome.sessions = self.core.pool.manager().times.take();
            let (hooks, entered) = (self.core.hooks.clone(), self.entered);
            self.telling = Some(Box::pin(async move { hooks.after(&cx, &outcome, entered).await }));
        }
    }
}

const DEADLINE: &str = "statement.deadline";
const TRANSACTION_DEADLINE: &str = "transaction.timeout";

/// How long the client waits.
#[derive(Clone, Copy)]
struct Limit {
    /// The server's own limit.
    statement: Option<Duration>,
    /// The end of the whole transaction.
    transaction: Option<Instant>,
}

/// The client's own deadline, a little after the server's, and the transaction's.
async fn with_deadline<T>(limit: Limit, work: impl Future<Output = Result<T>>) -> Result<T> {
    let own = limit.statement.and_then(|limit| Instant::now().checked_add(limit.saturating_add(GRACE)));
    let (until, of_transaction) = match (own, limit.transaction) {
        (None, None) => return work.await,
        (Some(own), Some(transaction)) if own < transaction => (own, false),
        (_, Some(transaction)) => (transaction, true),
        (Some(own), None) => (own, false),
    };
    tokio::time::timeout_at(until.into(), work).await.unwrap_or_else(|_| {
        if of_transaction {
            return Err(too_late());
        }
        let message = "the database did not answer by the deadline; whether a write took effect is not known";
        Err(Error::new(ErrorKind::Timeout, DEADLINE, message))
    })
}

/// How far a transaction of the executor's own is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    None,
    Open,
    Committing,
}

/// Runs the statement, in a transaction of its own where that is called for. `own` says how far that is: a session on which it
/// could not be ended must not be used again.
async fn drive(
    connection: &mut dyn Connection,
    statement: &Statement,
    care: &Care,
    in_transaction: bool,
    own: &mut Own,
    sink: Box<dyn RowSink>,
) -> Result<(Box<dyn RowSink>, Done)> {
    let own_transaction = !in_transaction && (care.isolated || care.max_affected.is_some());
    if !own_transaction {
        let (sink, done) = connection.run(statement, sink).await?;
        let done = counted(care, done);
        check_affected(care, done)?;
        return Ok((sink, done));
    }
    *own = Own::Open;
    connection.control(Control::Begin(Begin::plain(care.isolated))).await?;
    let result = connection.run(statement, sink).await.and_then(|(sink, done)| {
        let done = counted(care, done);
        check_affected(care, done)?;
        Ok((sink, done))
    });
    let commit = !care.isolated && result.is_ok() && connection.is_open();
    let ended = if commit {
        *own = Own::Committing;
        let ended = connection.control(Control::Commit).await;
        ended.map_err(|error| commit_error(error, connection.is_open()))
    } else {
        connection.control(Control::Rollback).await
    };
    *own = if ended.is_err() { Own::Open } else { Own::None };
    // The statement's own error says more than that of the rollback after it.
    let finished = result?;
    ended?;
    Ok(finished)
}

fn counted(care: &Care, done: Done) -> Done {
    match care.counted {
        Counted::ByServer => done,
        Counted::AsReturned => Done { affected: done.rows, ..done },
        Counted::Known(affected) => Done { affected, ..done },
    }
}

fn check_affected(care: &Care, done: Done) -> Result<()> {
    if let Some(most) = care.max_affected
        && done.affected > most
    {
        let message = format!(
            "the write touched {} rows and `max_affected` allows {most}; it was rolled back, with its transaction if it had one",
            done.affected
        );
        return Err(Error::new(ErrorKind::TooManyRows, "write.max_affected", message));
    }
    match &care.conflict {
        Some(conflict) if done.affected == 0 => Err(conflict.clone()),
        _ => Ok(()),
    }
}

/// What a failed commit means. Where the database has answered, it has kept nothing; where the session broke or the answer did not
/// come in time, nobody knows. The exceptions: a transaction that was rolled back before its commit, a session that the server had
/// closed before, and a disk that failed under SQLite, whose journal may hold the commit all the same.
fn commit_error(error: Error, still_open: bool) -> Error {
    let answered = still_open || error.kind() == ErrorKind::Transaction || error.code() == "timeout.idle";
    let uncertain = matches!(error.code(), DEADLINE | "db.io" | "db.corrupt");
    if answered && !uncertain { error } else { commit_unknown(&error) }
}

fn commit_unknown(cause: &Error) -> Error {
    let message = "the commit was on its way and its answer did not come: either all of the transaction was kept or none of it; look for \
         what it wrote before running it again";
    let error = Error::new(ErrorKind::CommitUnknown, "transaction.commit_unknown", message).with_source(cause.clone());
    match cause.sqlstate() {
        Some(sqlstate) => error.with_sqlstate(sqlstate),
        None => error,
    }
}

fn lost() -> Error {
    let message = "the transaction's session was lost, so the transaction is rolled back; begin a new one";
    Error::new(ErrorKind::Transaction, "transaction.lost", message)
}

fn outcome_of(result: &Result<Done>, elapsed: Duration) -> Outcome {
    match result {
        Ok(done) => Outcome {
            kind: OutcomeKind::Completed,
            rows: done.rows,
            affected: done.affected,
            elapsed,
            waited: None,
            sessions: SessionTimes::default(),
            error: None,
        },
        Err(error) => {
            let kind = match error.kind() {
                _ if error.code() == DEADLINE => OutcomeKind::Unknown,
                ErrorKind::CommitUnknown => OutcomeKind::Unknown,
                ErrorKind::TooManyRows => OutcomeKind::RolledBack,
                ErrorKind::Timeout | ErrorKind::Cancelled => OutcomeKind::Cancelled,
                _ => OutcomeKind::Failed,
            };
            let (waited, sessions) = (None, SessionTimes::default());
            Outcome { kind, rows: 0, affected: 0, elapsed, waited, sessions, error: Some(error.clone()) }
        }
    }
}
