//! Raw SQL stands in the program: what is made at run time may hold a user's value.

use portcullis::{Database, ReadOnly};

async fn ask(db: &Database<ReadOnly>, name: &str) {
    let text = format!("SELECT * FROM users WHERE name = '{name}'");
    let _ = db.sql(text.clone()); //~ mismatched types
}

fn main() {}
