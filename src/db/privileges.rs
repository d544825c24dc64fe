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

// SQL: PostgreSQL manual, 9.27.2 (has_*_privilege), 53.8 (pg_authid's view pg_roles). `may` are the roles whose rights the role
// has or can take on with SET ROLE.
const POSTGRES: &str = "\
WITH may AS (\
SELECT r.oid, r.rolname, r.rolsuper, r.rolcreaterole, r.rolreplication FROM pg_catalog.pg_roles r \
WHERE pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER')), \
spaces AS (\
SELECT n.oid, pg_catalog.quote_ident(n.nspname) AS name FROM pg_catalog.pg_namespace n \
WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'), \
tables AS (\
SELECT c.oid, c.relkind, s.name || '.' || pg_catalog.quote_ident(c.relname) AS name \
FROM pg_catalog.pg_class c JOIN spaces s ON s.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'f', 'S')) \
SELECT DISTINCT finding FROM (\
SELECT 'the role may act as the superuser ' || pg_catalog.quote_ident(m.rolname) AS finding FROM may m WHERE m.rolsuper \
UNION ALL \
SELECT 'the role may create roles' FROM may m WHERE m.rolcreaterole \
UNION ALL \
SELECT 'the role may replicate' FROM may m WHERE m.rolreplication \
UNION ALL \
SELECT 'the role is a member of ' || m.rolname FROM may m \
WHERE m.rolname IN ('pg_write_all_data', 'pg_write_server_files', 'pg_execute_server_program') \
UNION ALL \
SELECT 'the role may create objects in this database' FROM may m \
WHERE pg_catalog.has_database_privilege(m.oid, pg_catalog.current_database(), 'CREATE') \
UNION ALL \
SELECT 'the role may create tables in the schema ' || s.name FROM spaces s CROSS JOIN may m \
WHERE pg_catalog.has_schema_privilege(m.oid, s.oid, 'CREATE') \
UNION ALL \
SELECT 'the role may ' || w.verb || ' ' || t.name FROM tables t CROSS JOIN may m \
CROSS JOIN (VALUES ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS w(verb) \
WHERE t.relkind <> 'S' AND pg_catalog.has_table_privilege(m.oid, t.oid, w.verb) \
UNION ALL \
SELECT 'the role may ' || w.verb || ' columns of ' || t.name FROM tables t CROSS JOIN may m \
CROSS JOIN (VALUES ('INSERT'), ('UPDATE')) AS w(verb) \
WHERE t.relkind <> 'S' AND pg_catalog.has_any_column_privilege(m.oid, t.oid, w.verb) \
AND NOT pg_catalog.has_table_privilege(m.oid, t.oid, w.verb) \
UNION ALL \
SELECT 'the role may advance the sequence ' || t.name FROM tables t CROSS JOIN may m \
WHERE CASE WHEN t.relkind = 'S' THEN pg_catalog.has_sequence_privilege(m.oid, t.oid, 'USAGE, UPDATE') ELSE false END \
UNION ALL \
SELECT 'the role may call ' || s.name || '.' || pg_catalog.quote_ident(p.proname) || ', which has the rights of its owner' \
FROM pg_catalog.pg_proc p JOIN spaces s ON s.oid = p.pronamespace CROSS JOIN may m \
WHERE p.prosecdef AND p.provolatile = 'v' AND pg_catalog.has_function_privilege(m.oid, p.oid, 'EXECUTE') \
AND pg_catalog.has_schema_privilege(m.oid, s.oid, 'USAGE')\
) AS found ORDER BY finding LIMIT 100";

// SQL: MySQL manual, 28.3.10, 28.3.11, 28.3.33, 28.3.44 (the privilege tables show the session's own account to itself).
const MYSQL: &str = "\
SELECT finding FROM (\
SELECT CONCAT('the account may ', PRIVILEGE_TYPE, ' everywhere') AS finding, PRIVILEGE_TYPE AS verb \
FROM information_schema.USER_PRIVILEGES \
UNION ALL \
SELECT CONCAT('the account may ', PRIVILEGE_TYPE, ' in the database ', TABLE_SCHEMA), PRIVILEGE_TYPE \
FROM information_schema.SCHEMA_PRIVILEGES \
UNION ALL \
SELECT CONCAT('the account may ', PRIVILEGE_TYPE, ' ', TABLE_SCHEMA, '.', TABLE_NAME), PRIVILEGE_TYPE \
FROM information_schema.TABLE_PRIVILEGES \
UNION ALL \
SELECT CONCAT('the account may ', PRIVILEGE_TYPE, ' columns of ', TABLE_SCHEMA, '.', TABLE_NAME), PRIVILEGE_TYPE \
FROM information_schema.COLUMN_PRIVILEGES \
GROUP BY TABLE_SCHEMA, TABLE_NAME, PRIVILEGE_TYPE\
) AS found \
WHERE verb IN ('INSERT', 'UPDATE', 'DELETE', 'CREATE', 'DROP', 'ALTER', 'INDEX', 'TRIGGER', 'FILE', 'SUPER', \
'CREATE VIEW', 'CREATE ROUTINE', 'ALTER ROUTINE', 'EXECUTE', 'CREATE USER', 'GRANT OPTION', 'EVENT', 'DELETE HISTORY', \
'READ_ONLY ADMIN') \
ORDER BY finding LIMIT 100";

impl Database<ReadOnly> {
    /// Asks the database whether the role of this handle could write, if something let it. On SQLite, which has no roles, it is
    /// whether the file's permissions let this process write. On MySQL and MariaDB it looks at the account's own grants; those of
    /// roles that the account may take on are not shown to it.
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
