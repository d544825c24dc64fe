//! Raw SQL on a handle that may not make tables.

use crate::dialect::Dialect;
use crate::token::{Kind, Tokens};

/// What a statement may begin with: words after which rows are read and written, and nothing else is made.
const BEGINNINGS: [&str; 9] = ["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "WITH", "VALUES", "TABLE"];

/// What stands before INTO where rows are written; after SELECT it makes a table on PostgreSQL and a file on MySQL.
const WRITES: [&str; 3] = ["INSERT", "MERGE", "REPLACE"];

/// Whether the statement makes, changes and removes no table by its own words. What a function or a trigger does that it calls,
/// nobody sees here: that is for the role's grants.
pub(super) fn is_free_of_ddl(sql: &str, dialect: Dialect) -> bool {
    let mut words = Tokens::new(sql, dialect).filter(|token| token.kind == Kind::Word);
    let Some(first) = words.next() else { return false };
    if !BEGINNINGS.iter().any(|word| first.is_word(word)) {
        return false;
    }
    // `INSERT LOW_PRIORITY IGNORE INTO` has the most words in between.
    let mut since_write = if WRITES.iter().any(|word| first.is_word(word)) { 0 } else { usize::MAX };
    for word in words {
        if word.is_word("INTO") {
            if since_write > 2 {
                return false;
            }
            since_write = usize::MAX;
        } else if WRITES.iter().any(|write| word.is_word(write)) {
            since_write = 0;
        } else {
            since_write = since_write.saturating_add(1);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_about_rows_pass_and_those_about_tables_do_not() {
        for dialect in [Dialect::Postgres, Dialect::MariaDb, Dialect::MySql, Dialect::Sqlite] {
            for passes in [
                "SELECT 1",
                "(SELECT a FROM t)",
                "insert into t values (1)",
                "INSERT OR IGNORE INTO t VALUES (1)",
                "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
                "UPDATE t SET a = 'create table x'",
                "DELETE FROM t",
            ] {
                assert!(is_free_of_ddl(passes, dialect), "{dialect}: {passes}");
            }
            for refused in [
                "CREATE TABLE t (a integer)",
                "/* a */ drop table t",
                "ALTER TABLE t ADD a integer",
                "TRUNCATE t",
                "SELECT a INTO b FROM t",
                "WITH a AS (SELECT 1) SELECT * INTO b FROM a",
                "DO $$ BEGIN END $$",
                "CALL p()",
                "EXPLAIN ANALYZE CREATE TABLE a AS SELECT 1",
                "",
            ] {
                assert!(!is_free_of_ddl(refused, dialect), "{dialect}: {refused}");
            }
        }
    }
}
