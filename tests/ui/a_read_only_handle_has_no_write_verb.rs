//! Write verbs on a read-only handle and its transactions do not compile.

use portcullis::{Database, ReadOnly, Transaction};

fn handle(db: &Database<ReadOnly>) {
    let _ = db.insert("orders"); //~ no method named `insert`
    let _ = db.update("orders"); //~ no method named `update`
    let _ = db.delete("orders"); //~ no method named `delete`
    let _ = db.create_table("orders"); //~ no method named `create_table`
    let _ = db.drop_table("orders"); //~ no method named `drop_table`
    let _ = db.truncate("orders"); //~ no method named `truncate`
    let _ = db.alter_table("orders"); //~ no method named `alter_table`
    let _ = db.create_index("orders", "index"); //~ no method named `create_index`
}

fn transaction(tx: &Transaction<ReadOnly>) {
    let _ = tx.insert("orders"); //~ no method named `insert`
    let _ = tx.update("orders"); //~ no method named `update`
    let _ = tx.delete("orders"); //~ no method named `delete`
    let _ = tx.create_table("orders"); //~ no method named `create_table`
    let _ = tx.drop_table("orders"); //~ no method named `drop_table`
    let _ = tx.truncate("orders"); //~ no method named `truncate`
    let _ = tx.alter_table("orders"); //~ no method named `alter_table`
    let _ = tx.create_index("orders", "index"); //~ no method named `create_index`
}

fn back(db: Database<ReadOnly>) {
    let _ = db.to_read_write(); //~ no method named `to_read_write`
}

fn main() {}
