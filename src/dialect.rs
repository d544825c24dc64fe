//! The databases that the crate speaks to.

use std::fmt;

/// The SQL dialect of a handle. MariaDB and MySQL are two: they share a wire protocol, not a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// PostgreSQL 12 or later.
    Postgres,
    /// MySQL 8.0 or later.
    MySql,
    /// MariaDB 10.5 or later.
    MariaDb,
    /// SQLite, as bundled with this crate.
    Sqlite,
}

impl Dialect {
    /// The value of OpenTelemetry's `db.system.name` attribute.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::Postgres => "postgresql",
            Dialect::MySql => "mysql",
            Dialect::MariaDb => "mariadb",
            Dialect::Sqlite => "sqlite",
        }
    }

    /// MySQL or MariaDB.
    pub(crate) const fn is_mysql_family(self) -> bool {
        matches!(self, Dialect::MySql | Dialect::MariaDb)
    }

    /// The character that quotes a name.
    pub(crate) const fn name_quote(self) -> char {
        if self.is_mysql_family() { '`' } else { '"' }
    }

    /// The most binds that one statement takes.
    ///
    /// PostgreSQL and MySQL count them in 16 bits on the wire; SQLite's default `SQLITE_MAX_VARIABLE_NUMBER`.
    pub(crate) const fn max_binds(self) -> usize {
        match self {
            Dialect::Sqlite => 32_766,
            _ => 65_535,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dialect::Postgres => "PostgreSQL",
            Dialect::MySql => "MySQL",
            Dialect::MariaDb => "MariaDB",
            Dialect::Sqlite => "SQLite",
        })
    }
}
