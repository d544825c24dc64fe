//! Whether the role behind a read-only handle could write.

use super::handle::{Database, ReadOnly};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::query::{RawSource, RawSql};
use crate::row::{SerdeSink, take_back};

use super::prepare::Plan;

/// What `verify_read_only` found.
///
/// The handle and its sessions are read-only whatever stands here. This says whether the wall behind them stands too: a role
/// without the right to write, which holds even against a defect in this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOnlyReport {
    findings: Vec<String>,
}

impl ReadOnlyReport {
    /// True when the role has some right to write.
    pub fn role_could_write(&self) -> bool {
        !self.findings.is_empty()
    }

    /// What the role may do, a sentence each: `the role may INSERT into "public"."orders"`. At most a hundred.
    pub fn findings(&self) -> &[String] {
        &self.findings
    }
}

// SQL: PostgreSQL manual, 9.27.2 (has_*_privilege), 53.8 (pg_authid's view pg_roles).
const POSTGRES: &str = "\
SELECT finding FROM (\
SELECT 'the role is a superuser' AS finding FROM pg_catalog.pg_roles r WHERE r.rolname = current_user AND r.rolsuper \
UNION ALL \
SELECT 'the role is a member of ' || r.rolname FROM pg_catalog.pg_roles r \
WHERE r.rolname IN ('pg_write_all_data', 'pg_write_server_files', 'pg_execute_server_program') \
AND pg_catalog.pg_has_role(current_user, r.oid, 'USAGE') \
UNION ALL \
SELECT 'the role may create objects in this database' WHERE pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') \
UNION ALL \
SELECT 'the role may create tables in the schema ' || pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_namespace n \
WHERE n.nspname NOT LIKE 'pg\\_%' AND pg_catalog.has_schema_privilege(n.oid, 'CREATE') \
UNION ALL \
SELECT 'the role may ' || w.verb || ' ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) \
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
CROSS JOIN (VALUES ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS w(verb) \
WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
AND n.nspname NOT LIKE 'pg\\_%' AND pg_catalog.has_table_privilege(c.oid, w.verb)\
) AS found LIMIT 100";

// SQL: MySQL manual, 28.3.10, 28.3.33, 28.3.44 (the privilege tables show the session's own account to itself).
const MYSQL: &str = "\
SELECT finding FROM (\
SELECT CONCAT('the account may ', PRIVILEGE_TYPE, ' everywhere') AS finding, PRIVILEGE_TYPE AS verb \
FROM information_schema.USER_PRIVILEGES \
UNION ALL \
SELECT CONCAT('the account may ', PRIVILEGE_TYPE, ' in the database ', TABLE_SCHEMA), PRIVILEGE_TYPE \
FROM information_schema.SCHEMA_PRIVILEGES \
UNION ALL \
SELECT CONCAT('the account may ', PRIVILEGE_TYPE, ' ', TABLE_SCHEMA, '.', TABLE_NAME), PRIVILEGE_TYPE \
FROM information_schema.TABLE_PRIVILEGES\
) AS found \
WHERE verb IN ('INSERT', 'UPDATE', 'DELETE', 'CREATE', 'DROP', 'ALTER', 'INDEX', 'TRIGGER', 'FILE', 'SUPER', \
'CREATE VIEW', 'CREATE ROUTINE', 'ALTER ROUTINE', 'CREATE USER', 'GRANT OPTION', 'EVENT', 'DELETE HISTORY', 'READ_ONLY ADMIN') \
LIMIT 100";

impl Database<ReadOnly> {
    /// Asks the database whether the role of this handle could write, if something let it. On SQLite, which has no roles, it is
    /// whether the file's permissions let this process write.
    ///
    /// ```
    /// # use portcullis::{Database, ReadWrite};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// # let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// # let reader = db.to_read_only().await?;
    /// for finding in reader.verify_read_only().await?.findings() {
    ///     eprintln!("warning: {finding}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What running a statement gives.
    pub async fn verify_read_only(&self) -> Result<ReadOnlyReport> {
        let sql = match self.dialect() {
            Dialect::Postgres => POSTGRES,
            Dialect::MySql | Dialect::MariaDb => MYSQL,
            Dialect::Sqlite => return Ok(self.file_report()),
        };
        let query = RawSql::new(RawSource::Fixed(sql), None);
        let sink = Box::new(SerdeSink::<String>::new());
        let (sink, _) = self.runner.run(Plan::Catalog(&query.text), sink).await?;
        Ok(ReadOnlyReport { findings: take_back::<SerdeSink<String>>(sink)?.into_items() })
    }

    fn file_report(&self) -> ReadOnlyReport {
        let writable = std::fs::metadata(&*self.runner.core.database).is_ok_and(|file| !file.permissions().readonly());
        let findings =
            if writable { vec!["the file's permissions let this process write".to_owned()] } else { Vec::new() };
        ReadOnlyReport { findings }
    }
}
