//! The plan of a statement that was slow, made later and elsewhere.

use std::sync::Arc;

use super::driver::RowSink;
use super::execute::Care;
use super::handle::{Database, Mode, Runner};
use super::terminals::lines_of;
use crate::compile::CompiledQuery;
use crate::error::{Error, ErrorKind, Result};
use crate::hook::SlowQuery;
use crate::policy::raw_select::check_read_only;
use crate::row::{RowsSink, take_back};
use crate::statement::{HandleKind, StatementKind};

impl SlowQuery {
    /// The database's plan for a statement of this shape, a line each, by EXPLAIN without ANALYZE: the statement is not run. `db` is a handle of the
    /// operator's, on the same database, and its hooks see the EXPLAIN; on the handle that is being watched it would wait with the requests for a
    /// session, and count as one of them.
    ///
    /// The statement's values are not kept, so the plan has to do without:
    ///
    /// | Database | How |
    /// | --- | --- |
    /// | PostgreSQL (12 or later) | the generic plan: `PREPARE`, `plan_cache_mode = force_generic_plan`, `EXPLAIN EXECUTE` with NULL for each parameter, in a read-only transaction that is rolled back. Planning does not look at the parameters. |
    /// | SQLite | `EXPLAIN QUERY PLAN` with NULL for each value, which its planner does not look at, but for `LIKE`, `GLOB` and the samples that `ANALYZE` took |
    /// | MySQL, MariaDB | they plan for the values, and for NULL would plan a condition that is never true: refused, unless the statement has no values. `Frame::explain` with typical values shows the plan. |
    ///
    /// A row of EXPLAIN is estimated for no value in particular; a single value may have been planned another way.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Plan`] for a handle on another kind of database (`explain.dialect`); [`ErrorKind::Policy`] for a write on a read-only handle
    /// (`explain.write`), and for raw SQL that is not known to be one harmless SELECT (`raw.*`); [`ErrorKind::Unsupported`] for what has no plan, for a
    /// text that was cut (`explain.no_plan`) and for values on MySQL and MariaDB (`explain.values`); and what running gives.
    pub async fn explain<M: Mode>(&self, db: &Database<M>) -> Result<String> {
        let core = &db.runner.core;
        let dialect = core.server.dialect;
        self.check(core.kind)?;
        if dialect != self.dialect() {
            let message = format!("the statement was sent to {}; give a handle on its database", self.dialect().name());
            return Err(Error::new(ErrorKind::Plan, "explain.dialect", message));
        }
        if matches!(self.kind(), StatementKind::Raw | StatementKind::RawSelect) {
            check_read_only(self.sql(), dialect)?;
        }
        if dialect.is_mysql_family() && !self.bind_types().is_empty() {
            let message = "this database plans a statement for its values, and they are not kept; build the frame with typical values and call `explain` on it";
            return Err(Error::new(ErrorKind::Unsupported, "explain.values", message));
        }
        let runner = Arc::new(Runner {
            core: Arc::clone(core),
            subject: db.runner.subject.clone(),
            transaction: None,
            validators: db.runner.validators.clone(),
        });
        let query = CompiledQuery::plan_of_kept(self.sql(), self.bind_types(), self.shared_tables(), dialect);
        let (flight, statement, care) = runner.admit(query, Care::of_generic_plan(dialect), None, None).await?;
        let sink: Box<dyn RowSink> = Box::new(RowsSink::new());
        let (sink, _) = flight.run(&statement, care, sink).await?;
        Ok(lines_of(&take_back::<RowsSink>(sink)?.into_rows()))
    }

    fn check(&self, handle: HandleKind) -> Result<()> {
        use StatementKind::{Delete, Insert, Raw, RawSelect, Select, Update};
        let writes = matches!(self.kind(), Insert | Update | Delete);
        let planned = writes || matches!(self.kind(), Select | RawSelect | Raw);
        if !planned || self.sql_cut() || self.sql().starts_with("COPY ") {
            let message = "such a statement has no plan to show, or its text was too long to be kept";
            return Err(Error::new(ErrorKind::Unsupported, "explain.no_plan", message));
        }
        if writes && handle == HandleKind::ReadOnly {
            let message = "a read-only handle does not plan a write; give a read-write handle, on which EXPLAIN does not run it either";
            return Err(Error::new(ErrorKind::Policy, "explain.write", message));
        }
        Ok(())
    }
}
