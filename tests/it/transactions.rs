//! Transactions: closures, savepoints, options, retries, locks and versions.

mod closures;
mod conflicts;
mod options;
mod retries;
mod savepoints;

use std::time::Duration;

use portcullis::{Database, DatabaseBuilder};

use crate::support::TestDatabase;

fn builder(db: &TestDatabase) -> DatabaseBuilder {
    Database::builder(db.dsn_rw().parse().unwrap()).acquire_timeout(Duration::from_secs(5))
}

/// A table `t` of one integer column `n`, its key.
async fn with_table(test: &TestDatabase) {
    test.execute_setup(&["CREATE TABLE t (n bigint PRIMARY KEY)"]).await;
}

/// The numbers in `t`, in order, as another session sees them.
async fn numbers(db: &Database<portcullis::ReadWrite>) -> Vec<i64> {
    db.table("t").order_by("n").collect_as().await.unwrap()
}
