//! The plan of a statement that was slow, made later and elsewhere.

use std::sync::Arc;

use super::driver::RowSink;
use super::execute::Care;
use super::handle::{Database, Mode, Runner};
use super::terminals::lines_of;
use crate::compile::CompiledQuery;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::hook::SlowQuery;
use crate::policy::raw_select::check_read_only;
use crate::query::IntoRow;
use crate::row::{RowsSink, take_back};
use crate::schema::adapted;
use crate::statement::{HandleKind, StatementKind};
use crate::value::Bind;

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
    /// | MySQL, MariaDB | they plan for the values and nothing else: for NULL a condition that is never true, for a value that they can't see a whole table where they would read a range of an index. Refused, unless the statement has no values; [`SlowQuery::explain_with`] takes typical ones. |
    ///
    /// A row of EXPLAIN is estimated for no value in particular; a single value may have been planned another way.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Plan`] for a handle on another kind of database (`explain.dialect`); [`ErrorKind::Policy`] for a write on a read-only handle
    /// (`explain.write`), and for raw SQL that is not known to be one harmless SELECT (`raw.*`); [`ErrorKind::Unsupported`] for what has no plan, for a
    /// text that was cut (`explain.no_plan`), for values on MySQL and MariaDB (`explain.values`), and for PostgreSQL before 12 (`explain.generic_plan`); and
    /// what running gives.
    pub async fn explain<M: Mode>(&self, db: &Database<M>) -> Result<String> {
        self.check(db)?;
        let server = &db.runner.core.server;
        if server.dialect.is_mysql_family() && !self.bind_types().is_empty() {
            let message = "this database plans a statement for its values, and they are not kept; give typical ones to `explain_with`";
            return Err(Error::new(ErrorKind::Unsupported, "explain.values", message));
        }
        if server.dialect == Dialect::Postgres && !makes_generic_plans(&server.version) {
            let message =
                "a PostgreSQL server before 12 makes no plan without values; give typical ones to `explain_with`";
            return Err(Error::new(ErrorKind::Unsupported, "explain.generic_plan", message));
        }
        self.plan(db, None).await
    }

    /// The same, planned for values of the operator's choice, one for each of [`bind_types`](SlowQuery::bind_types) in their order. They go to the
    /// database as binds, also those in place of the values that the statement's own handle set, such as a row filter's. The plan may show them.
    ///
    /// | Database | How |
    /// | --- | --- |
    /// | PostgreSQL, MySQL, MariaDB | `EXPLAIN` |
    /// | SQLite | `EXPLAIN QUERY PLAN` |
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use portcullis::{Database, SlowQueryLayer, col};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// # let slow = SlowQueryLayer::new(Duration::ZERO);
    /// # let operator = Database::builder("sqlite::memory:".parse()?).hook(slow.clone()).open_read_write().await?;
    /// # operator.sql("CREATE TABLE orders (id integer PRIMARY KEY, state text)").execute().await?;
    /// # operator.table("orders").where_(col("state").eq("open")).where_(col("id").gt(12)).collect().await?;
    /// # let report = slow.take().pop().unwrap();
    /// println!("{} {:?}", report.sql(), report.bind_types());
    /// println!("{}", report.explain_with(&operator, ("open", 4711)).await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Plan`] for values that are not of the number (`explain.value_count`) or the types (`explain.value_type`) of the statement's; else as
    /// [`SlowQuery::explain`], but for what is refused for want of values.
    pub async fn explain_with<M: Mode>(&self, db: &Database<M>, values: impl IntoRow) -> Result<String> {
        self.check(db)?;
        let binds = self.binds(values.into_row().0)?;
        self.plan(db, Some(binds)).await
    }

    /// `values` as binds of the statement's own types.
    fn binds(&self, values: Vec<Bind>) -> Result<Vec<Bind>> {
        let types = self.bind_types();
        if values.len() != types.len() {
            let message =
                format!("the statement has {} values and {} were given; see `bind_types`", types.len(), values.len());
            return Err(Error::new(ErrorKind::Plan, "explain.value_count", message));
        }
        let pairs = values.into_iter().zip(types).zip(1_usize..);
        pairs
            .map(|((given, sql_type), place)| {
                let value = adapted(&given.value, *sql_type);
                if value.sql_type().is_some_and(|found| found.family() != sql_type.family()) {
                    let message =
                        format!("value {place} of the statement is of type {sql_type}, not {}", given.sql_type);
                    return Err(Error::new(ErrorKind::Plan, "explain.value_type", message));
                }
                Ok(Bind { value, sql_type: *sql_type })
            })
            .collect()
    }

    async fn plan<M: Mode>(&self, db: &Database<M>, values: Option<Vec<Bind>>) -> Result<String> {
        let core = &db.runner.core;
        let dialect = core.server.dialect;
        let care = if values.is_none() { Care::of_generic_plan(dialect) } else { Care::default() };
        let runner = Arc::new(Runner {
            core: Arc::clone(core),
            subject: db.runner.subject.clone(),
            transaction: None,
            validators: db.runner.validators.clone(),
        });
        let query = CompiledQuery::plan_of_kept(self.sql(), self.bind_types(), self.shared_tables(), dialect, values);
        let (flight, statement, care) = runner.admit(query, care, None, None).await?;
        let sink: Box<dyn RowSink> = Box::new(RowsSink::new());
        let (sink, _) = flight.run(&statement, care, sink).await?;
        Ok(lines_of(&take_back::<RowsSink>(sink)?.into_rows()))
    }

    /// What is the same for a plan with and without values.
    fn check<M: Mode>(&self, db: &Database<M>) -> Result<()> {
        let core = &db.runner.core;
        let dialect = core.server.dialect;
        self.check_kind(core.kind)?;
        if dialect != self.dialect() {
            let message = format!("the statement was sent to {}; give a handle on its database", self.dialect().name());
            return Err(Error::new(ErrorKind::Plan, "explain.dialect", message));
        }
        if matches!(self.kind(), StatementKind::Raw | StatementKind::RawSelect) {
            check_read_only(self.sql(), dialect)?;
        }
        Ok(())
    }

    fn check_kind(&self, handle: HandleKind) -> Result<()> {
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

/// SQL: plan_cache_mode, from PostgreSQL 12 on.
fn makes_generic_plans(version: &str) -> bool {
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    major.is_some_and(|major| major >= 12)
}

#[cfg(test)]
mod tests {
    use super::makes_generic_plans;

    #[test]
    fn a_plan_without_values_is_asked_of_servers_that_make_one() {
        assert_eq!(
            ["9.6.24", "11.22", "12", "15.8", "18.1", ""].map(makes_generic_plans),
            [false, false, true, true, true, false]
        );
    }
}
