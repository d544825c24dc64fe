//! Writes that expect a row to be as it was when it was read.

use std::borrow::Cow;

use super::{Delete, Update, Write, WriteKind};
use crate::error::{Error, ErrorKind};
use crate::expr::{Expr, Operand, col};
use crate::ident::Ident;

/// The version that a row must have.
#[derive(Clone)]
pub(crate) struct Version {
    column: Ident,
    value: Expr,
}

impl Version {
    pub(crate) fn parts(&self) -> (&Ident, &Expr) {
        (&self.column, &self.value)
    }

    /// A whole number is counted up by the write; any other version is the caller's to set.
    fn is_counted(&self) -> bool {
        self.value.literal().is_some_and(|bind| bind.sql_type.is_integer())
    }
}

impl Write {
    /// The write with what its version adds to its condition and to what it sets.
    pub(crate) fn with_version(&self) -> Cow<'_, Write> {
        let Some(version) = &self.version else { return Cow::Borrowed(self) };
        let column = || col(version.column.as_str());
        let mut write = self.clone();
        write.version = None;
        if let WriteKind::Update { condition, .. } | WriteKind::Delete { condition, .. } = &mut write.kind {
            let narrowing = column().eq(version.value.clone());
            *condition = Some(match condition.take() {
                Some(condition) => condition.and(narrowing),
                None => narrowing,
            });
        }
        if let WriteKind::Update { set, .. } = &mut write.kind
            && !set.iter().any(|(name, _)| *name == version.column)
        {
            set.push((version.column.clone(), column() + 1));
        }
        Cow::Owned(write)
    }

    fn expect(&mut self, column: &str, value: impl Operand) {
        let conflict = || {
            Error::new(
                ErrorKind::Conflict,
                "write.conflict",
                "the row has another version by now or is gone; read it again",
            )
        };
        match Ident::new(column) {
            Err(error) => self.mistakes.push(error),
            Ok(_) if self.version.is_some() => {
                let message =
                    "the write expects two versions; leave one out, or write the second condition with `where_`";
                self.mistakes.push(Error::new(ErrorKind::Plan, "write.two_versions", message));
            }
            Ok(column) => {
                self.version = Some(Version { column, value: value.into_operand() });
                self.conflict.get_or_insert_with(conflict);
            }
        }
    }

    fn or_conflict(&mut self, message: Cow<'static, str>) {
        self.conflict = Some(Error::new(ErrorKind::Conflict, "write.conflict", message));
    }
}

/// What is wrong with the version that `write` expects.
pub(super) fn check_version(write: &Write, table: &Ident) -> Option<Error> {
    let version = write.version.as_ref()?;
    let error = |kind, code, message: String| Some(Error::new(kind, code, message).with_table(table.as_str()));
    match &write.kind {
        WriteKind::Update { all_rows: true, .. } | WriteKind::Delete { all_rows: true, .. } => error(
            ErrorKind::Policy,
            "write.version_all_rows",
            format!("a write of every row of {table:?} has no one version; name the row with `.where_(..)`"),
        ),
        WriteKind::Update { set, .. }
            if !version.is_counted() && !set.iter().any(|(column, _)| *column == version.column) =>
        {
            error(
                ErrorKind::Plan,
                "update.version_not_set",
                format!("the version {:?} is no number to count up; set the next one with `.set(..)`", version.column),
            )
        }
        _ => None,
    }
}

impl Update {
    /// Changes the row only if `column` still has `value`, as it was read, and gives [`ErrorKind::Conflict`] if not: somebody else has changed the
    /// row meanwhile, or removed it. `where_` says which row, by its key.
    ///
    /// A whole number is counted up by one in the same statement, unless [`set`](Update::set) sets the column. A version of another type, such as a
    /// time or a UUID, is to be set to its next value with `set`. A version that is NULL equals nothing, so it is a conflict.
    ///
    /// SQL text: `UPDATE "t" SET …, "version" = "version" + 1 WHERE … AND "version" = $2`.
    ///
    /// ```
    /// use portcullis::{Database, ErrorKind, ReadWrite, col};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// db.sql("CREATE TABLE notes (id integer PRIMARY KEY, body text, version integer NOT NULL)").execute().await?;
    /// db.insert("notes").columns(["id", "body", "version"]).row((1, "draft", 1)).execute().await?;
    ///
    /// let save = |body: &'static str, read: i64| {
    ///     db.update("notes").set("body", body).where_(col("id").eq(1)).expect_version("version", read).execute()
    /// };
    /// assert_eq!(save("mine", 1).await?, 1);
    /// assert_eq!(save("theirs", 1).await.unwrap_err().kind(), ErrorKind::Conflict);
    /// assert_eq!(save("theirs", 2).await?, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn expect_version(mut self, column: &str, value: impl Operand) -> Update {
        self.write.expect(column, value);
        self
    }
}

impl Delete {
    /// Deletes the row only if `column` still has `value`; see [`Update::expect_version`].
    pub fn expect_version(mut self, column: &str, value: impl Operand) -> Delete {
        self.write.expect(column, value);
        self
    }
}

macro_rules! or_conflict {
    ($($write:ident),*) => {$(
        impl $write {
            /// Gives [`ErrorKind::Conflict`] with `message` when no row fits the condition, instead of 0. The message is shown as it is, so it
            /// should hold no value.
            ///
            /// ```
            /// # use portcullis::{Database, ErrorKind, ReadWrite, col};
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> portcullis::Result<()> {
            /// # let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
            /// # db.sql("CREATE TABLE seats (id integer, holder text)").execute().await?;
            /// # db.insert("seats").columns(["id", "holder"]).row((12, "Bob")).execute().await?;
            /// let free = col("id").eq(12).and(col("holder").is_null());
            /// let booked = db.update("seats").set("holder", "Ada").where_(free).or_conflict("the seat is taken").execute().await;
            /// assert_eq!(booked.unwrap_err().to_string(), "the seat is taken");
            /// # Ok(())
            /// # }
            /// ```
            pub fn or_conflict(mut self, message: impl Into<Cow<'static, str>>) -> $write {
                self.write.or_conflict(message.into());
                self
            }
        }
    )*};
}

or_conflict!(Update, Delete);
