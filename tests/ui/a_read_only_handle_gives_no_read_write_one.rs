//! There is no way back from reading to writing: not by a method, a conversion, a cast or a mark of the caller's own.

use portcullis::{Database, Mode, ReadOnly, ReadWrite, Transaction};

async fn widen(db: Database<ReadOnly>) {
    let _ = db.to_read_write(); //~ no method named `to_read_write`
    let _ = db.to_read_only(); //~ no method named `to_read_only`
    let _: Database<ReadWrite> = db.clone(); //~ mismatched types
    let _: Database<ReadWrite> = db.clone().into(); //~ is not satisfied
}

fn widen_transaction(tx: Transaction<ReadOnly>) -> Transaction<ReadWrite> {
    tx //~ mismatched types
}

enum Everything {}

impl Mode for Everything {} //~ is not satisfied

fn main() {}
