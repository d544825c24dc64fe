//! The rules of one table.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::Rules;
use crate::error::{Error, ErrorKind, Result, Violation};
use crate::ident::Ident;
use crate::query::{DeclaredTable, IntoNames, IntoTable, TableName};
use crate::value::Value;

/// The rules of one table, which every write of a handle keeps before anything of it is sent; see
/// [`DatabaseBuilder::validator`](crate::DatabaseBuilder::validator).
///
/// It is for the tables of this name in every schema, whatever their capitals; one that was named with [`in_schema`](crate::in_schema) is for the table of that
/// schema, and for one that is named without a schema. Several validators of one table all hold.
///
/// Building never fails: mistakes, such as a wrong pattern, are what opening a handle, or [`build`](Validator::build), gives.
///
/// ```
/// use portcullis::{Database, ErrorKind, Validator, rules};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> portcullis::Result<()> {
/// let customers = Validator::new("customers")
///     .column("name", rules().required().length(1..=80))
///     .column("age", rules().range(0..150));
/// let db = Database::builder("sqlite::memory:".parse()?).validator(customers).open_read_write().await?;
/// db.sql("CREATE TABLE customers (name text, age integer)").execute().await?;
///
/// let rows = [("Ada", 36), ("", 207)];
/// let refused = db.insert("customers").columns(["name", "age"]).rows(rows).execute().await.unwrap_err();
/// assert_eq!(refused.kind(), ErrorKind::Validation);
/// let broken: Vec<String> = refused.violations().into_iter().flatten().map(|broken| broken.to_string()).collect();
/// assert_eq!(broken, ["row 2 `name` must have at least 1 character", "row 2 `age` must be less than 150"]);
/// assert_eq!(db.table("customers").count().await?, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a validator does nothing until a handle is opened with it"]
pub struct Validator {
    pub(crate) table: Result<TableName>,
    pub(crate) columns: Vec<(Ident, Rules)>,
    pub(crate) checks: Vec<Check>,
    pub(crate) writable: Option<Writable>,
    /// Where it was declared.
    pub(crate) declared: Option<DeclaredRules>,
    mistakes: Vec<Error>,
}

/// The columns that may be written.
#[derive(Clone)]
pub(crate) struct Writable {
    pub(crate) columns: Vec<Ident>,
    pub(crate) strips: bool,
}

/// A rule of the program's own.
#[derive(Clone)]
pub(crate) struct Check {
    pub(crate) columns: Vec<Ident>,
    pub(crate) code: &'static str,
    message: &'static str,
    pub(crate) kind: CheckKind,
}

type Incoming = Arc<dyn Fn(&RowValues<'_>) -> bool + Send + Sync>;
type Changing = Arc<dyn Fn(&RowValues<'_>, Option<&RowValues<'_>>) -> bool + Send + Sync>;

#[derive(Clone)]
pub(crate) enum CheckKind {
    Incoming(Incoming),
    Change(Changing),
    Delete(Incoming),
}

/// What `table!` was told of the rules; made once.
#[derive(Clone, Copy)]
pub(crate) struct DeclaredRules(pub(crate) fn() -> &'static Validator);

impl PartialEq for DeclaredRules {
    fn eq(&self, other: &DeclaredRules) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}

impl fmt::Debug for DeclaredRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeclaredRules")
    }
}

/// Values of a row by the names of their columns, for a rule of the program's own. `Debug` shows no value.
#[derive(Debug)]
pub struct RowValues<'r> {
    values: Vec<(&'r str, &'r Value)>,
}

impl<'r> RowValues<'r> {
    pub(crate) fn new(values: Vec<(&'r str, &'r Value)>) -> RowValues<'r> {
        RowValues { values }
    }

    /// The value of `column`, which may be NULL; `None` for a column that the write gives none for. Of a row as it was before only the columns that
    /// rules name are read.
    pub fn get(&self, column: &str) -> Option<&'r Value> {
        self.values.iter().find(|(name, _)| *name == column).map(|(_, value)| *value)
    }
}

impl Validator {
    /// No rules yet for `table`.
    pub fn new(table: impl IntoTable) -> Validator {
        let mut mistakes = Vec::new();
        let mut validator = Validator {
            table: table.into_table(),
            columns: Vec::new(),
            checks: Vec::new(),
            writable: None,
            declared: None,
            mistakes: Vec::new(),
        };
        match &validator.table {
            Ok(table) => {
                // What the declaration says holds too.
                if let Some(rules) = table.rules {
                    validator = Validator { declared: Some(rules), ..(rules.0)().clone() };
                }
            }
            Err(error) => mistakes.push(error.clone()),
        }
        validator.mistakes.extend(mistakes);
        validator
    }

    /// Adds rules for `column`. That the table has the column is checked when the table is first written.
    pub fn column(mut self, column: &str, mut rules: Rules) -> Validator {
        let mistakes = rules.take_mistakes();
        match Ident::new(column) {
            Ok(name) => {
                let named = |error: Error| error.with_column(name.as_str());
                self.mistakes.extend(mistakes.into_iter().map(named));
                self.columns.push((name, rules));
            }
            Err(error) => self.mistakes.push(error),
        }
        self
    }

    /// Adds a rule of the program's own over what a write gives for `columns`: where `holds` is false, the row breaks the rule `code`, and `message` says
    /// so. The message is fixed text, so that it can't hold a value.
    ///
    /// It is asked for each row of an insert, with those of the columns that the insert names; and for an update or the update of an upsert that
    /// sets one of the columns, which must then set all of them, to values. To see the others as they are, write
    /// [`check_change`](Validator::check_change).
    ///
    /// ```
    /// use portcullis::{Validator, Value};
    ///
    /// let stays = Validator::new("stays").check(["arrives", "leaves"], "stay.dates", "must not end before it begins", |row| {
    ///     match (row.get("arrives"), row.get("leaves")) {
    ///         (Some(Value::Date(arrives)), Some(Value::Date(leaves))) => arrives <= leaves,
    ///         _ => true,
    ///     }
    /// });
    /// # let _ = stays;
    /// ```
    pub fn check(
        self,
        columns: impl IntoNames,
        code: &'static str,
        message: &'static str,
        holds: impl Fn(&RowValues<'_>) -> bool + Send + Sync + 'static,
    ) -> Validator {
        self.add(columns, code, message, CheckKind::Incoming(Arc::new(holds)))
    }

    /// Adds a rule of the program's own over what a write gives for `columns` and what the row has there before: `None` for a row that is new.
    ///
    /// An update that sets one of the columns, or an upsert that changes one, reads the rows first, in the same transaction and locked against changes by
    /// others, by their primary key; asks; and writes exactly those rows by that key. This is one statement more for each five hundred rows, and the
    /// matching rows are held in memory; the table must have a primary key.
    ///
    /// ```
    /// use portcullis::{Validator, Value};
    ///
    /// let orders = Validator::new("orders").check_change("state", "order.state", "can't be changed once it is sent", |_, before| {
    ///     !before.is_some_and(|before| before.get("state") == Some(&Value::Text("sent".to_owned())))
    /// });
    /// # let _ = orders;
    /// ```
    pub fn check_change(
        self,
        columns: impl IntoNames,
        code: &'static str,
        message: &'static str,
        holds: impl Fn(&RowValues<'_>, Option<&RowValues<'_>>) -> bool + Send + Sync + 'static,
    ) -> Validator {
        self.add(columns, code, message, CheckKind::Change(Arc::new(holds)))
    }

    /// Adds a rule of the program's own over the rows that a delete removes, of which `columns` are read. They are read and deleted as
    /// [`check_change`](Validator::check_change) reads and changes them.
    pub fn check_delete(
        self,
        columns: impl IntoNames,
        code: &'static str,
        message: &'static str,
        holds: impl Fn(&RowValues<'_>) -> bool + Send + Sync + 'static,
    ) -> Validator {
        self.add(columns, code, message, CheckKind::Delete(Arc::new(holds)))
    }

    /// Only these columns may be written, by insert, update, upsert and merge: a write that gives another is refused (`validation.not_writable`), with the names
    /// of all of them. Capitals count. Deletes are not about columns.
    pub fn writable(self, columns: impl IntoNames) -> Validator {
        self.only(columns, false)
    }

    /// As [`writable`](Validator::writable), but a write that is given a [`Stripped`](crate::Stripped) with `strip_into` leaves the other columns out and says so there. A write
    /// without one is refused: nothing is left out in silence. A frame's columns are never left out; end it with a `select`.
    pub fn writable_or_strip(self, columns: impl IntoNames) -> Validator {
        self.only(columns, true)
    }

    /// The validator, or its mistakes: a wrong pattern or name, bounds the wrong way round.
    ///
    /// # Errors
    ///
    /// All mistakes at once. Opening a handle gives them too.
    pub fn build(self) -> Result<Validator> {
        match self.mistake() {
            Some(mistakes) => Err(mistakes),
            None => Ok(self),
        }
    }

    pub(crate) fn mistake(&self) -> Option<Error> {
        Error::join(self.mistakes.clone())
    }

    fn only(mut self, columns: impl IntoNames, strips: bool) -> Validator {
        match columns.into_names() {
            Ok(columns) => self.writable = Some(Writable { columns, strips }),
            Err(error) => self.mistakes.push(error),
        }
        self
    }

    fn add(mut self, columns: impl IntoNames, code: &'static str, message: &'static str, kind: CheckKind) -> Validator {
        match columns.into_names() {
            Ok(columns) if columns.is_empty() => self.mistakes.push(crate::query::names::no_columns("check")),
            Ok(columns) => self.checks.push(Check { columns, code, message, kind }),
            Err(error) => self.mistakes.push(error),
        }
        self
    }

    /// Whether it is for `table`. What is doubtful counts: a database may take capitals for small letters, and look for a plain name in any schema.
    pub(crate) fn is_for(&self, table: &TableName) -> bool {
        let Ok(own) = &self.table else { return true };
        let alike = |one: &Ident, other: &Ident| {
            let (one, other) = (one.as_str(), other.as_str());
            one == other || one.to_lowercase() == other.to_lowercase() || one.to_uppercase() == other.to_uppercase()
        };
        alike(&own.name, &table.name)
            && match (&own.schema, &table.schema) {
                (Some(own), Some(other)) => alike(own, other),
                _ => true,
            }
    }
}

impl Check {
    /// What a row breaks that does not keep it.
    pub(crate) fn violation(&self, row: Option<u64>) -> Violation {
        let mut bounds = BTreeMap::new();
        if self.columns.len() > 1 {
            bounds.insert("columns", self.columns.iter().map(Ident::as_str).collect());
        }
        let column = self.columns.first().map(|name| name.as_str().to_owned());
        Violation { row, column, rule: self.code, bounds, message: self.message.into() }
    }
}

impl fmt::Debug for Validator {
    /// Names the table and how many rules there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Validator");
        if let Ok(table) = &self.table {
            shown.field("table", &table.name);
        }
        shown.field("columns", &self.columns.len()).field("checks", &self.checks.len()).finish_non_exhaustive()
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A [`Validator`], or a table whose rules `table!` declares. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no validator",
    note = "write `Validator::new(\"orders\")`, or `orders::table` of a `table!` with rules"
)]
pub trait IntoValidator: sealed::Sealed {
    #[doc(hidden)]
    fn into_validator(self) -> Validator;
}

impl sealed::Sealed for Validator {}
impl IntoValidator for Validator {
    fn into_validator(self) -> Validator {
        self
    }
}

impl sealed::Sealed for DeclaredTable {}
impl IntoValidator for DeclaredTable {
    fn into_validator(self) -> Validator {
        let validator = Validator::new(self);
        if validator.mistakes.is_empty() && self.has_no_rules() {
            let message = "the table is declared without rules; write them in `table!`, or give a `Validator`";
            return Validator {
                mistakes: vec![Error::new(ErrorKind::Plan, "validation.no_rules", message)],
                ..validator
            };
        }
        validator
    }
}
