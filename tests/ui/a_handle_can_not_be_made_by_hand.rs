//! A handle comes from opening a database, a transaction from a handle; neither has fields that a caller could fill.

use portcullis::{Database, Frame, QueryText, ReadWrite, Transaction};

fn make() {
    let _ = Database::<ReadWrite> {}; //~ private fields
    let _ = Transaction::<ReadWrite> {}; //~ private fields
    let _ = Frame {}; //~ private fields
    let _ = QueryText {}; //~ private fields
}

fn main() {}
