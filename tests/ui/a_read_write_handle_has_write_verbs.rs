//! The twin of `a_read_only_handle_has_no_write_verb`.

use portcullis::{Database, ReadWrite, Transaction};

fn handle(db: &Database<ReadWrite>) {
    let _ = db.insert("orders");
    let _ = db.update("orders");
    let _ = db.delete("orders");
    let _ = db.to_read_only();
}

fn transaction(tx: &Transaction<ReadWrite>) {
    let _ = tx.insert("orders");
    let _ = tx.update("orders");
    let _ = tx.delete("orders");
}

fn main() {}
