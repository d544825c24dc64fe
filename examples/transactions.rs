//! Transactions: closures, savepoints, retries, versions, and what runs only after a commit.
//!
//! cargo run --example transactions

use std::time::Duration;

use portcullis::{
    Database, Error, ErrorKind, Isolation, ReadWrite, Result, Retry, Transaction, TransactionOptions, col,
};

/// What a program of its own may refuse with; `From<Error>` lets `?` work in the closure.
#[derive(Debug)]
enum Refusal {
    SameAccount,
    Database(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Database(error)
    }
}

/// Moves money, or nothing: a failed step undoes the one before it.
async fn transfer(db: &Database<ReadWrite>, from: i64, to: i64, amount: i64) -> Result<(), Refusal> {
    db.transaction(async |tx| {
        if from == to {
            return Err(Refusal::SameAccount);
        }
        let account = |id: i64| tx.update("accounts").where_(col("id").eq(id)).or_conflict("there is no such account");
        account(to).set("balance", col("balance") + amount).execute().await?;
        account(from).set("balance", col("balance") - amount).execute().await?;
        tx.after_commit(move || println!("moved {amount} from {from} to {to}"));
        Ok(())
    })
    .await
}

/// Adds interest to each account. An account for which that fails is left out, and the others are kept.
async fn add_interest(tx: &Transaction<ReadWrite>) -> Result<usize> {
    let ids: Vec<i64> = tx.table("accounts").order_by("id").select("id").collect_as().await?;
    let mut done = 0;
    for id in ids {
        let one = tx.savepoint("interest", async |tx| -> Result<()> {
            tx.insert("bookings").columns(["account", "day"]).row([id, 1]).execute().await?;
            tx.update("accounts").set("balance", col("balance") + 1).where_(col("id").eq(id)).execute().await?;
            Ok(())
        });
        match one.await {
            Ok(()) => done += 1,
            Err(error) => println!("account {id} is left out: {}", error.code()),
        }
    }
    Ok(done)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    db.sql("CREATE TABLE accounts (id integer PRIMARY KEY, balance integer CHECK (balance >= 0), version integer)")
        .execute()
        .await?;
    db.sql("CREATE TABLE bookings (account integer, day integer, PRIMARY KEY (account, day))").execute().await?;
    let accounts = [[1, 100, 1], [2, 0, 1], [3, 5, 1]];
    db.insert("accounts").columns(["id", "balance", "version"]).rows(accounts).execute().await?;

    for (from, to, amount) in [(1, 2, 30), (1, 2, 500), (1, 9, 1), (2, 2, 1)] {
        match transfer(&db, from, to, amount).await {
            Ok(()) => {}
            Err(Refusal::Database(error)) => println!("not moved: {error}"),
            Err(refusal) => println!("not moved: {refusal:?}"),
        }
    }

    // Run again after a conflict with another transaction; everything said here ends with the transaction.
    db.insert("bookings").columns(["account", "day"]).row([2, 1]).execute().await?;
    let strict = TransactionOptions::new().isolation(Isolation::Serializable).timeout(Duration::from_secs(5));
    let done = db.transaction_retry(strict, Retry::new().attempts(3), async |tx| add_interest(tx).await).await?;
    println!("interest for {done} accounts");

    // Two people read version 1; the second to save is told.
    for who in ["Ada", "Bob"] {
        let save = db.update("accounts").set("balance", 50).where_(col("id").eq(3)).expect_version("version", 1);
        match save.execute().await {
            Ok(_) => println!("{who} saved"),
            Err(error) if error.kind() == ErrorKind::Conflict => println!("{who} must read again"),
            Err(error) => return Err(error),
        }
    }
    db.table("accounts").order_by("id").show(10).await
}
