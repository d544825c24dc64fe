//! The positive twin: the way from writing to reading is open.

use portcullis::{Database, Mode, ReadOnly, ReadWrite};

async fn narrow(db: Database<ReadWrite>) -> portcullis::Result<Database<ReadOnly>> {
    both(&db);
    let reader = db.to_read_only().await?;
    both(&reader);
    Ok(reader)
}

fn both<M: Mode>(_: &Database<M>) {}

fn main() {}
