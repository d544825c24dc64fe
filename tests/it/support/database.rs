//! A database for one test, the same to ask on every kind.

use std::path::PathBuf;

use portcullis::{Database, Dialect, ReadOnly, ReadWrite};
use tempfile::TempDir;

use super::server::{READ_ONLY_ROLE, READ_WRITE_ROLE, Server, Tls, mariadb_with, mysql_with, postgres_with};

/// An empty database of one test's own.
pub struct TestDatabase {
    pub dialect: Dialect,
    place: Place,
}

enum Place {
    /// A file; the folder goes with the value.
    Sqlite {
        folder: TempDir,
    },
    Server {
        server: &'static Server,
        name: String,
    },
}

/// Runs `body` on a fresh database of SQLite, PostgreSQL, MariaDB and, where it is asked for, MySQL in turn; on those that this machine has.
pub async fn each(body: impl AsyncFn(&TestDatabase)) {
    on(&[Dialect::Sqlite, Dialect::Postgres, Dialect::MariaDb, Dialect::MySql], body).await;
}

/// Runs `body` on a fresh database of each dialect given; on those that this machine has.
pub async fn on(dialects: &[Dialect], body: impl AsyncFn(&TestDatabase)) {
    // `PORTCULLIS_ONLY=mysql` is for one who works on one database; `tests/run` takes no notice of it.
    let only = std::env::var("PORTCULLIS_ONLY").ok();
    for dialect in dialects {
        if only.as_ref().is_some_and(|only| only != dialect.name()) {
            continue;
        }
        if let Some(database) = TestDatabase::fresh(*dialect).await {
            // The harness shows this when the test fails.
            eprintln!("on {dialect}:");
            body(&database).await;
        }
    }
}

impl TestDatabase {
    /// An empty database, or `None` where the machine lacks the server.
    pub async fn fresh(dialect: Dialect) -> Option<TestDatabase> {
        TestDatabase::fresh_with(dialect, Tls::Verified).await
    }

    /// The same on a server that offers TLS as `tls` says.
    pub async fn fresh_with(dialect: Dialect, tls: Tls) -> Option<TestDatabase> {
        let server = match dialect {
            Dialect::Postgres => postgres_with(tls)?,
            Dialect::MariaDb => mariadb_with(tls)?,
            Dialect::MySql => mysql_with(tls)?,
            Dialect::Sqlite => {
                let folder = tempfile::Builder::new().prefix("portcullis-").tempdir().expect("a temporary folder");
                let database = TestDatabase { dialect, place: Place::Sqlite { folder } };
                // The file exists from the start, so that a read-only handle can open it.
                database.execute_setup(&["PRAGMA journal_mode = WAL", "VACUUM"]).await;
                return Some(database);
            }
        };
        Some(TestDatabase { dialect, place: Place::Server { server, name: server.create_database().await } })
    }

    /// The DSN of a role that may read, write and make tables.
    pub fn dsn_rw(&self) -> String {
        match &self.place {
            Place::Sqlite { .. } => format!("sqlite://{}", self.file().display()),
            Place::Server { server, name } => server.dsn(READ_WRITE_ROLE, name),
        }
    }

    /// The DSN of a role that may only read. SQLite has no roles, so there it is the same file.
    pub fn dsn_ro(&self) -> String {
        match &self.place {
            Place::Sqlite { .. } => self.dsn_rw(),
            Place::Server { server, name } => server.dsn(READ_ONLY_ROLE, name),
        }
    }

    /// A read-write handle, through the crate under test.
    pub async fn read_write(&self) -> Database<ReadWrite> {
        Database::<ReadWrite>::open(self.dsn_rw().parse().expect("a DSN")).await.expect("a read-write handle")
    }

    /// A read-only handle, through the crate under test.
    pub async fn read_only(&self) -> Database<ReadOnly> {
        Database::<ReadOnly>::open(self.dsn_ro().parse().expect("a DSN")).await.expect("a read-only handle")
    }

    /// The server that holds the database, with its port, passwords and certificates; `None` on SQLite.
    pub fn server(&self) -> Option<&'static Server> {
        match &self.place {
            Place::Sqlite { .. } => None,
            Place::Server { server, .. } => Some(server),
        }
    }

    /// The database's name on its server; the file's path on SQLite.
    pub fn name(&self) -> String {
        match &self.place {
            Place::Sqlite { .. } => self.file().display().to_string(),
            Place::Server { name, .. } => name.clone(),
        }
    }

    /// The SQLite file.
    pub fn file(&self) -> PathBuf {
        match &self.place {
            Place::Sqlite { folder } => folder.path().join("test.db"),
            Place::Server { .. } => panic!("only SQLite has a file"),
        }
    }

    /// Runs set-up statements as the administrator, without the crate under test.
    pub async fn execute_setup(&self, statements: &[&str]) {
        match &self.place {
            Place::Sqlite { .. } => {
                let connection = self.sqlite();
                for statement in statements {
                    let done = connection.execute_batch(statement);
                    done.unwrap_or_else(|error| panic!("{error}\nin: {statement}"));
                }
            }
            Place::Server { server, name } => server.execute(name, statements).await,
        }
    }

    /// Asks for one value as text, without the crate under test: what really stands in the database. The statement must cast
    /// to text (`cast(… as text)`, on MariaDB `cast(… as char)`).
    pub async fn scalar(&self, statement: &str) -> Option<String> {
        match &self.place {
            Place::Sqlite { .. } => self.sqlite().query_row(statement, [], |row| row.get(0)).expect("one row of text"),
            Place::Server { server, name } => server.scalar(name, statement).await,
        }
    }

    /// A plain connection to the SQLite file.
    pub fn sqlite(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.file()).expect("the file opens");
        connection.busy_timeout(std::time::Duration::from_secs(5)).expect("a timeout");
        connection
    }
}
