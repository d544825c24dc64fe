//! The positive twin: what a DSN does show.

use portcullis::Dsn;

fn main() -> portcullis::Result<()> {
    let dsn: Dsn = "postgres://app:secret@db.example/sales".parse()?;
    println!("{dsn} {dsn:?}");
    let _ = dsn.clone();
    Ok(())
}
