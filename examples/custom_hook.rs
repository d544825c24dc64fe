//! A hook of one's own: it sees every statement before and after, and may refuse.
//!
//! This one lets everybody but the payroll service read people and nothing else, and counts the rows of each kind of statement.
//! At the end it is run through the check of hooks.
//!
//! ```text
//! cargo run --example custom_hook
//! ```
#![expect(clippy::expect_used, reason = "an example of a refusal should stop where it does not come")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use portcullis::testing::HookCheck;
use portcullis::{
    Database, Error, Hook, Outcome, OutcomeKind, QueryContext, Result, StatementKind, Subject, col, using,
};

#[derive(Default)]
struct PeopleOnly {
    rows: Mutex<BTreeMap<String, u64>>,
}

impl Hook for PeopleOnly {
    /// The tables are those of the plan, so no alias or join hides one. They are named as the chain names them, and some
    /// databases take `SALARIES` for `salaries`: so this lists what is allowed, not what is forbidden. The tables of raw
    /// SQL on a read-write handle are not known, so it is refused as a whole.
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        let payroll = cx.subject().is_some_and(|subject| subject.id() == "payroll");
        let people_only = cx.kind() != StatementKind::Raw && cx.tables().iter().all(|access| access.table == "people");
        if payroll || people_only { Ok(()) } else { Err(Error::refused("all but people is for the payroll service")) }
    }

    /// Runs for each statement that `before` let pass, however it ended.
    async fn after(&self, cx: &QueryContext, outcome: &Outcome) {
        if outcome.kind() == OutcomeKind::Completed {
            *self.rows.lock().unwrap_or_else(PoisonError::into_inner).entry(cx.summary()).or_default() +=
                outcome.rows();
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    // A hook in an `Arc` is shared with the code that reads from it.
    let hook = Arc::new(PeopleOnly::default());
    let db = Database::builder("sqlite::memory:".parse()?).hook(Arc::clone(&hook)).open_read_write().await?;
    let payroll = db.acting_as(Subject::new("payroll"));
    payroll.sql("CREATE TABLE people (id integer, name text)").execute().await?;
    payroll.sql("CREATE TABLE salaries (id integer, amount integer)").execute().await?;
    payroll.insert("people").columns(["id", "name"]).rows([(1, "Ada"), (2, "Bob")]).execute().await?;
    payroll.insert("salaries").columns(["id", "amount"]).rows([(1, 60_000), (2, 50_000)]).execute().await?;

    let people = |db: &Database<_>| db.table("people").where_(col("name").starts_with("A"));
    let with_pay = |db: &Database<_>| people(db).join(db.table("salaries"), using("id"));
    let reports = db.acting_as(Subject::new("reports"));
    println!("{}\n{}", people(&reports).collect().await?, with_pay(&payroll).collect().await?);
    for frame in [with_pay(&reports), reports.table("SALARIES"), reports.sql("SELECT * FROM salaries").into_frame()] {
        println!("refused: {}", frame.collect().await.expect_err("salaries are closed to reports"));
    }

    // What it will meet in a service, and whether it stands it.
    println!("{}", HookCheck::new().subject(Subject::new("payroll")).run(|_| PeopleOnly::default()).await?);
    for (statement, rows) in &*hook.rows.lock().unwrap_or_else(PoisonError::into_inner) {
        println!("{rows} rows from {statement}");
    }
    Ok(())
}
