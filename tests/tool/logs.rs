//! Logs for the tests, made by the layer itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use portcullis::{AuditBuilder, AuditKey, AuditLayer, Clock, Database, ReadWrite, Subject, col, count};

pub const SECRET: &str = "5d1c0e7a9b3f48268c4e1f0a7d2b6395";

/// A name that tries to be a line, a colour, a direction and markup.
pub const HOSTILE: &str = "eve\n{\"phase\":\"x\"}\u{1b}[31m\u{202e}\"'><script>document.title='pwned'</script><svg onload=\"document.title='pwned'\">";

pub fn key() -> AuditKey {
    AuditKey::new("2026", SECRET).unwrap()
}

pub fn builder() -> AuditBuilder {
    // Tests that make much work may let the file wait for long.
    AuditLayer::builder().key(key()).deadline(std::time::Duration::from_secs(60))
}

pub async fn open(audit: AuditLayer) -> Database<ReadWrite> {
    let dsn = "sqlite::memory:".parse().unwrap();
    Database::builder(dsn).pool_size(1).hook(audit).open_read_write().await.unwrap()
}

pub fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A log of a shop: Ada and Grace read customers in March and April, Mallory is refused, and Eve has an odd name.
pub async fn shop(folder: &Path) -> PathBuf {
    let path = folder.join("audit.jsonl");
    let (clock, hands) = Clock::manual();
    hands.set(time("2026-02-27T10:00:00Z"));
    let audit = builder().clock(clock).rotate_at(4_000).to_file(&path).unwrap();
    {
        let db = open(audit).await;
        db.sql("CREATE TABLE customers (id integer PRIMARY KEY, email text, note text)").execute().await.unwrap();
        db.sql("CREATE TABLE orders (id integer PRIMARY KEY, customer integer)").execute().await.unwrap();
        let customers =
            db.insert("customers").columns(["id", "email"]).row((1, "a@example.org")).row((2, "b@example.org"));
        customers.execute().await.unwrap();
        for (day, who) in [(3, "ada"), (5, "grace"), (40, "ada")] {
            hands.set(time("2026-03-01T09:00:00Z") + chrono::Days::new(day - 1));
            let db = db.acting_as(Subject::new(who).tenant("north").roles(["clerk"]).context("ticket", "4711"));
            db.table("customers").where_(col("id").eq(1)).select("email").collect().await.unwrap();
            db.table("orders").agg(count(portcullis::all()).as_("n")).collect().await.unwrap();
        }
        hands.set(time("2026-03-20T12:00:00Z"));
        let mallory = db.acting_as(Subject::new("mallory"));
        mallory.delete("customers").execute().await.unwrap_err();
        let eve = db.acting_as(Subject::new(HOSTILE).tenant("<b>south</b>").reason(HOSTILE).context("k", HOSTILE));
        eve.table("customers").where_(col("email").like("%")).select("id").collect().await.unwrap();
        db.sql("UPDATE customers SET note = 'x'").execute().await.unwrap();
    }
    settled(&path).await;
    path
}

/// Waits until the log is closed: a database gives up its hooks with its last session.
pub async fn settled(path: &Path) {
    for _ in 0..300 {
        if std::fs::read_to_string(path).is_ok_and(|text| text.contains(r#""closes":"log""#)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the log was not closed");
}

/// The files of a log as a shell lists them.
pub fn files(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let entries = std::fs::read_dir(path.parent().unwrap()).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.file_name().unwrap().to_string_lossy().starts_with(&name));
    files.sort();
    files
}
