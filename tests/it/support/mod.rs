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
mod postgres_server;
mod process;
mod programs;
mod proxy;
mod recorder;
mod rows;
mod server;

pub use certificates::{Certificates, Pair, certificates};
pub use database::{TestDatabase, each, on};
pub use proxy::{Fault, Proxy};
pub use recorder::{Recorder, Seen};
pub use rows::{check, check_any_order, lines};
pub use server::{
    ADMIN_ROLE, CERTIFICATE_ROLE, Passwords, READ_ONLY_ROLE, READ_WRITE_ROLE, Server, Session, Tls, mariadb,
    mariadb_with, postgres, postgres_with,
};

/// Writes a line to standard error that the test harness does not hold back.
pub fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
}
