//! What the tests stand on: real servers, a database for each test, certificates, a proxy that breaks connections.
//!
//! A test runs its body on every database there is:
//!
//! ```ignore
//! #[tokio::test]
//! async fn a_row_comes_back() {
//!     support::each(async |db| {
//!         db.execute_setup(&["CREATE TABLE t (id bigint)", "INSERT INTO t VALUES (1)"]).await;
//!         // connect to db.dsn_ro() and look
//!     })
//!     .await;
//! }
//! ```

#![allow(dead_code, unused_imports, reason = "helpers stand ready for every module, and not every build uses them all")]

mod certificates;
mod database;
mod mariadb_server;
mod mysql_server;
mod own_server;
mod postgres_server;
mod process;
mod programs;
mod proxy;
mod recorder;
mod redis_server;
mod rows;
mod server;

pub use certificates::{Certificates, Pair, certificates};
pub use database::{TestDatabase, each, on};
pub use own_server::OwnServer;
pub use proxy::{Fault, Proxy};
pub use recorder::{Recorder, Seen};
pub use redis_server::{LIMITS_USER, Redis};
pub use rows::{check, check_any_order, lines, shown as cell};
pub use server::{
    ADMIN_ROLE, CERTIFICATE_ROLE, Passwords, READ_ONLY_ROLE, READ_WRITE_ROLE, Server, Session, Tls, mariadb,
    mariadb_with, mysql_with, postgres, postgres_with,
};

/// The databases that are servers.
pub const SERVERS: [portcullis::Dialect; 3] =
    [portcullis::Dialect::Postgres, portcullis::Dialect::MariaDb, portcullis::Dialect::MySql];

/// The databases that give back the rows of inserts and deletes: all but MySQL, which `writes::returning` shows to be refused.
pub const GIVES_BACK: [portcullis::Dialect; 3] =
    [portcullis::Dialect::Sqlite, portcullis::Dialect::Postgres, portcullis::Dialect::MariaDb];

/// MySQL or MariaDB.
pub fn mysql_family(dialect: portcullis::Dialect) -> bool {
    matches!(dialect, portcullis::Dialect::MySql | portcullis::Dialect::MariaDb)
}

/// Writes a line to standard error that the test harness does not hold back.
pub fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Keeps every event of the test process switched on. A place that is first reached while no thread listens would be remembered
/// as switched off, and a test that listens on its own thread at that moment would hear nothing.
pub fn listen_always() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    });
}
