//! The validators of a handle, and the place where every write is held against them.

use std::sync::Arc;

use super::builder::DatabaseBuilder;
use super::handle::{Database, Mode, Runner};
use super::prepare::Plan;
use crate::error::{Error, ErrorKind, Result};
use crate::policy::validation::{Verdict, check_columns, check_values, strip};
use crate::query::{IntoValidator, TableName, Validator, Write, check_write, note_stripped};
use crate::schema::TableSchema;
use crate::statement::TableAccess;

/// What a handle's writes must keep. Only more is ever added.
#[derive(Clone, Default)]
pub(super) struct Validators(Arc<[Validator]>);

impl Validators {
    pub(super) fn new(list: Vec<Validator>) -> Validators {
        Validators(list.into())
    }

    fn with(&self, one: Validator) -> Validators {
        Validators(self.0.iter().cloned().chain([one]).collect())
    }

    /// Those of a table, with what its declaration says.
    fn of(&self, table: &TableName) -> Vec<&Validator> {
        let mut found: Vec<&Validator> = self.0.iter().filter(|validator| validator.is_for(table)).collect();
        if let Some(rules) = table.rules
            && !found.iter().any(|validator| validator.declared == Some(rules))
        {
            found.push((rules.0)());
        }
        found
    }
}

impl DatabaseBuilder {
    /// Holds every write of the handle to the rules of `validator`, a [`Validator`] or a table of `table!` with rules: by insert, upsert, update, merge
    /// and delete, however the table is named, in transactions too. A write that breaks them is refused with [`ErrorKind::Validation`] before anything of it is
    /// sent. Raw SQL and statements about tables are outside.
    pub fn validator(mut self, validator: impl IntoValidator) -> DatabaseBuilder {
        self.add_validator(validator.into_validator());
        self
    }
}

impl<M: Mode> Database<M> {
    /// The same handle, with its pool, whose writes must keep the rules of `validator` too: the columns, say, that one service of several may
    /// write. What the handle had to keep before stays.
    ///
    /// ```
    /// use portcullis::{Database, ReadWrite, Validator};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// db.sql("CREATE TABLE users (name text, admin boolean)").execute().await?;
    /// let profile = db.with_validator(Validator::new("users").writable(["name"]))?;
    /// let refused = profile.insert("users").columns(["name", "admin"]).row(("Eve", true)).execute().await;
    /// assert_eq!(refused.unwrap_err().code(), "validation.not_writable");
    /// assert_eq!(db.insert("users").columns(["name", "admin"]).row(("Ada", true)).execute().await?, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The mistakes of the validator.
    pub fn with_validator(&self, validator: impl IntoValidator) -> Result<Database<M>> {
        let validators = self.runner.validators.with(validator.into_validator().build()?);
        Ok(self.with_runner(Runner {
            core: Arc::clone(&self.runner.core),
            subject: self.runner.subject.clone(),
            transaction: self.runner.transaction.clone(),
            validators,
        }))
    }
}

impl Runner {
    pub(super) fn validators_of(&self, table: &TableName) -> Vec<&Validator> {
        self.validators.of(table)
    }

    fn has_rules_for(&self, write: &Write) -> bool {
        let Ok(table) = &write.table else { return false };
        (!self.validators.0.is_empty() || table.rules.is_some()) && !self.validators_of(table).is_empty()
    }

    /// What a verb asks before it sends the first statement of a write: leaves out what may be left out, and checks the values. A refusal
    /// is told to the hooks.
    pub(super) async fn under_rules(&self, write: &mut Write) -> Result<Verdict> {
        if !self.has_rules_for(write) {
            return Ok(Verdict::Passed);
        }
        // In boxes, so that what waits for a statement stays small on its stack.
        match Box::pin(self.held_to_rules(write)).await {
            Ok(verdict) => Ok(verdict),
            Err(error) => Err(Box::pin(self.refused(&Plan::Write(write), error.at(write.location))).await),
        }
    }

    async fn held_to_rules(&self, write: &mut Write) -> Result<Verdict> {
        let Ok(table) = write.table.clone() else { return Ok(Verdict::Passed) };
        let validators = self.validators_of(&table);
        // What is wrong with the write by itself is said first.
        if validators.is_empty() || !check_write(write).is_empty() {
            return Ok(Verdict::Passed);
        }
        if let Some(stripped) = write.rules.strip.clone() {
            note_stripped(&stripped, strip(write, &validators)?);
        }
        let verdict = self.check_values(write, &table, &validators).await?;
        write.rules.checked = verdict == Verdict::Passed;
        Ok(verdict)
    }

    async fn check_values(&self, write: &Write, table: &TableName, validators: &[&Validator]) -> Result<Verdict> {
        if let Some(mistakes) = validators.iter().find_map(|validator| validator.mistake()) {
            return Err(mistakes);
        }
        let known = self.known_table(table).await?;
        match check_values(write, validators, &known) {
            // The table may have got the column since it was read.
            Err(error) if error.code() == "validation.unknown_column" && self.core.recent.may_refresh() => {
                let schema = table.schema.as_ref().map(|schema| schema.as_str().to_owned());
                self.read_tables(&[(schema, table.name.as_str().to_owned())]).await?;
                check_values(write, validators, &*self.known_table(table).await?)
            }
            checked => checked,
        }
    }

    /// The table as the catalogue knows it: names are compared with its names, so that no other spelling of a column goes past its rules.
    pub(super) async fn known_table(&self, table: &TableName) -> Result<Arc<TableSchema>> {
        let temporary = self.transaction.as_ref().and_then(|state| state.temporary().find(table).cloned());
        if let Some(known) = temporary.or_else(|| self.core.schema().find(table).cloned()) {
            return Ok(known);
        }
        let schema = table.schema.as_ref().map(|schema| schema.as_str().to_owned());
        self.read_tables(&[(schema, table.name.as_str().to_owned())]).await?;
        self.core.schema().find(table).cloned().ok_or_else(|| Error::internal("validation.table"))
    }

    /// The place that no write goes past: its values, unless they were checked as part of a larger one.
    pub(super) async fn check_write(&self, plan: &Plan<'_>) -> Result<()> {
        match plan {
            Plan::Write(write) if !write.rules.checked && self.has_rules_for(write) => {
                Box::pin(self.check_ruled(write)).await
            }
            _ => Ok(()),
        }
    }

    async fn check_ruled(&self, write: &Write) -> Result<()> {
        let Ok(table) = &write.table else { return Ok(()) };
        let validators = self.validators_of(table);
        if !check_write(write).is_empty() {
            return Ok(());
        }
        if self.check_values(write, table, &validators).await? == Verdict::NeedsRows {
            let message = format!(
                "the rules of {:?} look at rows before they are written, and this way of writing does not read them; write the rows with an update, an upsert or a delete of their own",
                table.name
            );
            return Err(Error::new(ErrorKind::Policy, "validation.rows", message).with_table(table.name.as_str()));
        }
        Ok(())
    }

    /// The columns that the compiled statement assigns.
    pub(super) fn check_assigned(&self, plan: &Plan<'_>, tables: &[TableAccess]) -> Result<()> {
        let Plan::Write(write) = plan else { return Ok(()) };
        let Ok(table) = &write.table else { return Ok(()) };
        if !self.has_rules_for(write) {
            return Ok(());
        }
        check_columns(write, &self.validators_of(table), tables)
    }
}
