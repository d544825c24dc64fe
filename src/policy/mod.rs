//! The guard: what a handle may do, checked on the resolved plan before it becomes text.

mod raw_ddl;
pub(crate) mod validation;
pub(crate) mod raw_select;

use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Body, Facts, RawStatement, ResolvedPlan, ScanSource};
use crate::statement::{HandleKind, StatementKind};

/// The rules of a handle, beside what its kind implies.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// It may make, change and remove tables.
    pub(crate) ddl: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { ddl: true }
    }
}

/// A plan that the guard let through. Made by [`guard`] alone.
pub(crate) struct GuardedPlan(ResolvedPlan);

impl GuardedPlan {
    pub(crate) fn into_parts(self) -> (Body, Facts) {
        self.0.into_parts()
    }
}

/// Checks `plan` against the handle's kind and its policy.
///
/// # Errors
///
/// [`ErrorKind::Policy`] for a write on a read-only handle and for raw SQL there that isn't a single, harmless SELECT.
pub(crate) fn guard(
    mut plan: ResolvedPlan,
    policy: &Policy,
    handle: HandleKind,
    dialect: Dialect,
) -> Result<GuardedPlan> {
    if !policy.ddl && handle == HandleKind::ReadWrite {
        if plan.facts().kind.is_ddl() {
            return Err(without_ddl());
        }
        if let Body::Raw(statement) = plan.body()
            && plan.facts().kind == StatementKind::Raw
            && !raw_ddl::is_free_of_ddl(&statement.text, dialect)
        {
            return Err(without_ddl());
        }
    }
    if handle == HandleKind::ReadOnly {
        if plan.facts().kind.is_write() && plan.facts().kind != StatementKind::Raw {
            return Err(write_on_read_only());
        }
        if plan.facts().lock.is_some() {
            let message = "the handle is read-only and a row lock is for changing rows; leave it out, or lock through a handle opened with `open_read_write`";
            return Err(Error::new(ErrorKind::Policy, "policy.read_only", message));
        }
        let mut raw: Vec<RawStatement> = Vec::new();
        // The crate's own reading of the catalogue is fixed text that no caller can change.
        if let Body::Raw(statement) = plan.body()
            && plan.facts().kind == StatementKind::Raw
        {
            raw.push(statement.clone());
        }
        for scan in &plan.facts().scans {
            if let ScanSource::Raw(statement) = &scan.source {
                raw.push(statement.clone());
            }
        }
        for statement in raw {
            let access = raw_select::check_read_only(&statement.text, dialect)?;
            plan.facts_mut().add_tables(access.tables);
        }
        if plan.facts().kind == StatementKind::Raw {
            plan.facts_mut().kind = StatementKind::RawSelect;
        }
    } else if matches!(
        plan.facts().kind,
        StatementKind::Select | StatementKind::Insert | StatementKind::Update | StatementKind::Delete
    ) && plan.facts().scans.iter().any(|scan| matches!(scan.source, ScanSource::Raw(_)))
    {
        // Nobody has read the raw part, so hooks and limits must not take the frame for a select of the tables they see.
        plan.facts_mut().kind = StatementKind::Raw;
    }
    Ok(GuardedPlan(plan))
}

fn without_ddl() -> Error {
    let message =
        "the handle was built `without_ddl`, so it makes, changes and removes no tables; use one that was not";
    Error::new(ErrorKind::Policy, "policy.ddl", message)
}

fn write_on_read_only() -> Error {
    let message = "the handle is read-only; write through one opened with `open_read_write`";
    Error::new(ErrorKind::Policy, "policy.read_only", message)
}
