//! Kinds of statements and handles, and what a statement touches: words that every stage uses.

/// What a statement does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StatementKind {
    /// A select written in the builder.
    #[default]
    Select,
    /// An insert.
    Insert,
    /// An update.
    Update,
    /// A delete.
    Delete,
    /// Raw SQL that the guard parsed as a single select.
    RawSelect,
    /// Any other raw SQL, also as a part of a frame on a read-write handle.
    Raw,
    /// A read of the catalogue by the crate itself.
    Catalog,
    /// An EXPLAIN of a select.
    Explain,
    /// The start of a transaction.
    Begin,
    /// A commit.
    Commit,
    /// A rollback.
    Rollback,
    /// The start of a savepoint's scope.
    Savepoint,
    /// The end of a savepoint's scope that keeps what it did, for as long as the transaction does.
    Release,
    /// The end of a savepoint's scope that undoes what it did.
    RollbackTo,
    /// The taking of an advisory lock.
    Lock,
    /// A new table.
    CreateTable,
    /// A change of a table's columns, keys or name.
    AlterTable,
    /// The removal of a table with all that is in it.
    DropTable,
    /// A new index.
    CreateIndex,
    /// The removal of an index.
    DropIndex,
    /// The removal of all rows of a table.
    Truncate,
}

impl StatementKind {
    /// The operation as OpenTelemetry's `db.operation.name` has it.
    pub const fn name(self) -> &'static str {
        match self {
            StatementKind::Select => "SELECT",
            StatementKind::Insert => "INSERT",
            StatementKind::Update => "UPDATE",
            StatementKind::Delete => "DELETE",
            StatementKind::RawSelect => "RAW SELECT",
            StatementKind::Raw => "RAW",
            StatementKind::Catalog => "CATALOG",
            StatementKind::Explain => "EXPLAIN",
            StatementKind::Begin => "BEGIN",
            StatementKind::Commit => "COMMIT",
            StatementKind::Rollback => "ROLLBACK",
            StatementKind::Savepoint => "SAVEPOINT",
            StatementKind::Release => "RELEASE SAVEPOINT",
            StatementKind::RollbackTo => "ROLLBACK TO SAVEPOINT",
            StatementKind::Lock => "LOCK",
            StatementKind::CreateTable => "CREATE TABLE",
            StatementKind::AlterTable => "ALTER TABLE",
            StatementKind::DropTable => "DROP TABLE",
            StatementKind::CreateIndex => "CREATE INDEX",
            StatementKind::DropIndex => "DROP INDEX",
            StatementKind::Truncate => "TRUNCATE",
        }
    }

    /// True for statements that can change data, or what holds it. Raw SQL that was not parsed as a select counts as a write.
    pub const fn is_write(self) -> bool {
        self.is_ddl()
            || matches!(
                self,
                StatementKind::Insert | StatementKind::Update | StatementKind::Delete | StatementKind::Raw
            )
    }

    /// True for statements that make, change, empty or remove tables and indexes. Raw SQL may do so too, and is not among them.
    pub const fn is_ddl(self) -> bool {
        matches!(
            self,
            StatementKind::CreateTable
                | StatementKind::AlterTable
                | StatementKind::DropTable
                | StatementKind::CreateIndex
                | StatementKind::DropIndex
                | StatementKind::Truncate
        )
    }
}

/// How far a transaction is kept apart from others that run at the same time; see
/// [`TransactionOptions::isolation`](crate::TransactionOptions::isolation).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isolation {
    /// Each statement sees what was committed before it began.
    ReadCommitted,
    /// The whole transaction sees one state of the database.
    RepeatableRead,
    /// As if transactions ran one after another. A transaction for which that can't be had fails, and is to be run again.
    Serializable,
}

/// Whether a handle can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandleKind {
    /// `Database<ReadOnly>`.
    ReadOnly,
    /// `Database<ReadWrite>`.
    ReadWrite,
}

impl HandleKind {
    /// `read-only` or `read-write`.
    pub const fn name(self) -> &'static str {
        match self {
            HandleKind::ReadOnly => "read-only",
            HandleKind::ReadWrite => "read-write",
        }
    }
}

/// One table of a statement and what is done to it, with the columns by what they are used for. Names are those of the database,
/// not aliases. A table that one statement both writes and reads has an entry for each.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct TableAccess {
    /// The table, with its schema in front and a dot between when one was given.
    pub table: String,
    /// What is done to it: the statement's own verb for the table that a write changes, and a select for every other.
    #[serde(serialize_with = "verb_name")]
    pub verb: StatementKind,
    /// Columns whose values are returned. `*` stands for all columns of a table whose columns are not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<String>,
    /// Columns in conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<String>,
    /// Columns in join conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub join: Vec<String>,
    /// Columns in GROUP BY and DISTINCT.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<String>,
    /// Columns in ORDER BY.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sort: Vec<String>,
    /// Columns that are written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assign: Vec<String>,
    /// Columns of the table that a write changes, whose values the write returns.
    #[serde(rename = "return", skip_serializing_if = "Vec::is_empty")]
    pub returned: Vec<String>,
}

fn verb_name<S: serde::Serializer>(verb: &StatementKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(verb.name())
}
