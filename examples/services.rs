//! Two services on one database: one that reads and one that writes, each for many users.
//!
//! The reports service holds a `Database<ReadOnly>`, which has no verb that writes. Every request runs on behalf of a subject,
//! and each subject has a limit of its own: one who is too fast does not slow the others down.
//!
//! ```text
//! cargo run --example services
//! ```
#![expect(clippy::expect_used, reason = "an example of a refusal should stop where it does not come")]

use std::time::Duration;

use portcullis::{
    Database, ErrorKind, RateContext, RateLimit, RateLimitLayer, RateScope, ReadOnly, ReadWrite, Result, Subject, col,
    sum,
};

/// Can only read: `self.db.insert(..)` would not compile.
struct Reports {
    db: Database<ReadOnly>,
}

impl Reports {
    async fn revenue(&self, user: &str) -> Result<i64> {
        let db = self.db.acting_as(Subject::new(user));
        let total = db.table("orders").agg(sum(col("total")).as_("revenue")).one().await?;
        Ok(total.try_get::<Option<i64>>("revenue")?.unwrap_or_default())
    }
}

struct Orders {
    db: Database<ReadWrite>,
}

impl Orders {
    /// Both changes or none: dropping the transaction early rolls back.
    async fn place(&self, user: &str, id: i64, total: i64) -> Result<()> {
        let db = self.db.acting_as(Subject::new(user));
        let transaction = db.begin().await?;
        transaction.insert("orders").columns(["id", "customer", "total"]).row((id, user, total)).execute().await?;
        let changed = transaction
            .update("customers")
            .set("orders", col("orders") + 1)
            .where_(col("name").eq(user))
            .max_affected(1)
            .execute()
            .await?;
        if changed == 0 {
            println!("{user} is no customer: nothing is kept");
            return transaction.rollback().await;
        }
        transaction.commit().await
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let limits = RateLimitLayer::new([
        RateLimit::named("reads")
            .scope(RateScope::Subject)
            .context(RateContext::Read)
            .limit(3, Duration::from_secs(60)),
        RateLimit::named("writes").context(RateContext::Write).limit(100, Duration::from_secs(1)),
    ])?;
    let setup = Database::builder("sqlite::memory:".parse()?).name("shop").hook(limits);
    let db = setup.open_read_write().await?;
    db.sql("CREATE TABLE orders (id integer PRIMARY KEY, customer text, total integer)").execute().await?;
    db.sql("CREATE TABLE customers (name text PRIMARY KEY, orders integer)").execute().await?;
    db.insert("customers").columns(["name", "orders"]).rows([("ada", 0), ("bob", 0)]).execute().await?;

    // A read-write handle gives a read-only one; there is no way back.
    let reports = Reports { db: db.to_read_only().await? };
    let orders = Orders { db };

    orders.place("ada", 1, 120).await?;
    orders.place("bob", 2, 80).await?;
    orders.place("mallory", 3, 1).await?;
    let again = orders.place("bob", 1, 5).await.expect_err("the id is taken");
    println!("a second order 1: {again} ({:?})", again.kind());

    for _ in 0..3 {
        println!("ada sees a revenue of {}", reports.revenue("ada").await?);
    }
    let error = reports.revenue("ada").await.expect_err("the fourth read in a minute");
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    println!("ada is too fast for the rule {:?}: wait {:.0?}", error.rule(), error.retry_after().unwrap_or_default());
    println!("bob sees a revenue of {}", reports.revenue("bob").await?);
    Ok(())
}
