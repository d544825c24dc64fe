//! An audit trail in a file: who asked for what, before it runs, and how it ended.
//!
//! The layer fails closed: a statement whose record can't be written is not sent. Values never enter the file.
//!
//! ```text
//! cargo run --example audit_file [FILE]
//! ```
#![expect(clippy::expect_used, reason = "an example of a refusal should stop where it does not come")]

use std::path::PathBuf;

use portcullis::{AuditLayer, Database, Durability, Error, ErrorKind, Result, Subject, col};

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir().map_err(|_| Error::refused("there is no folder for temporary files"))?;
    let file = std::env::args_os().nth(1).map_or_else(|| folder.path().join("audit.jsonl"), PathBuf::from);

    // The audit is added first: it is outermost, and also records what the hooks within it refuse.
    let audit = AuditLayer::builder().durability(Durability::Synced).to_file(&file)?;
    let db = Database::builder("sqlite::memory:".parse()?).name("payroll").hook(audit).open_read_write().await?;
    db.sql("CREATE TABLE salaries (name text, amount integer)").execute().await?;

    let ada = db.acting_as(Subject::new("ada").tenant("north"));
    ada.insert("salaries").columns(["name", "amount"]).rows([("Eve", 51_000), ("Bob", 48_000)]).execute().await?;
    ada.table("salaries").where_(col("name").eq("Eve")).select(["amount"]).collect().await?;
    let refused = ada.delete("salaries").execute().await.expect_err("a delete needs a condition");
    println!("{refused}\n");

    let text = std::fs::read_to_string(&file).map_err(|_| Error::refused("the audit file can't be read"))?;
    println!("{text}");
    assert!(!text.contains("Eve") && !text.contains("51000"), "a value is never written");

    // A sink that fails: nothing is sent from then on.
    let audit = AuditLayer::to_writer(FullDisk)?;
    let db = Database::builder("sqlite::memory:".parse()?).hook(audit).open_read_write().await?;
    let error = db.sql("SELECT 1 AS one").collect().await.expect_err("no record, no statement");
    assert_eq!(error.kind(), ErrorKind::Audit);
    println!("{error}");
    Ok(())
}

struct FullDisk;

impl std::io::Write for FullDisk {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
