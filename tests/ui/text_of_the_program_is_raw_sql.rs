//! The positive twin, with the value bound; and the way that says `danger`.

use portcullis::{Database, ReadOnly, danger};

const USERS: &str = "SELECT * FROM users WHERE name = :name";

async fn ask(db: &Database<ReadOnly>, name: &str) {
    let _ = db.sql(USERS).bind("name", name);
    let text = format!("SELECT * FROM users WHERE name = '{name}'");
    let _ = danger::unchecked_sql(db, &text);
}

fn main() {}
