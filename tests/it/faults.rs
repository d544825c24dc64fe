//! What happens when statements take too long, servers fall silent, callers go away and sessions break.

mod bulk;
mod cancelled;
mod cuts;
mod deadlines;
mod killed;
mod sessions;
mod transactions;

use std::time::Duration;

use portcullis::{Database, DatabaseBuilder, Dialect, Dsn};

use crate::support::{Proxy, READ_WRITE_ROLE, TestDatabase, Tls};

fn builder(db: &TestDatabase) -> DatabaseBuilder {
    Database::builder(db.dsn_rw().parse().unwrap()).acquire_timeout(Duration::from_secs(3))
}

/// A builder that reaches the server by way of the proxy.
fn builder_through(db: &TestDatabase, proxy: &Proxy) -> DatabaseBuilder {
    let server = db.server().unwrap();
    let options = match server.tls {
        Tls::Off => "sslmode=disable".to_owned(),
        _ => format!("sslrootcert={}", server.file("ca.pem").display()),
    };
    let dsn = server.dsn_at("localhost", proxy.port, READ_WRITE_ROLE, &db.name(), &options);
    Database::builder(Dsn::parse(&dsn).unwrap()).acquire_timeout(Duration::from_secs(3))
}

/// How many sessions of the read-write role the server has on the test's database.
async fn sessions(db: &TestDatabase) -> usize {
    let sql = match db.dialect {
        Dialect::Postgres => format!(
            "SELECT count(*)::text FROM pg_stat_activity WHERE datname = '{}' AND usename = '{READ_WRITE_ROLE}'",
            db.name()
        ),
        _ => format!(
            "SELECT cast(count(*) AS char) FROM information_schema.PROCESSLIST WHERE DB = '{}' AND USER = '{READ_WRITE_ROLE}'",
            db.name()
        ),
    };
    db.scalar(&sql).await.unwrap().parse().unwrap()
}

/// Waits until the server has at most this many sessions.
async fn wait_for_sessions(db: &TestDatabase, most: usize) {
    for _ in 0..60 {
        if sessions(db).await <= most {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} sessions on {}, more than {most}", sessions(db).await, db.dialect);
}

/// Rows of one integer column, seen without the crate.
async fn count(db: &TestDatabase, table: &str) -> i64 {
    let cast = if crate::support::mysql_family(db.dialect) { "char" } else { "text" };
    db.scalar(&format!("SELECT cast(count(*) AS {cast}) FROM {table}")).await.unwrap().parse().unwrap()
}
