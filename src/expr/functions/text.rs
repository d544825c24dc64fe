//! Functions of text.

use super::methods;
use crate::expr::{Expr, TextFunction};

methods! { TextFamily;
    /// The text in capitals, letter by letter; NULL stays NULL.
    ///
    /// Letters whose capital is more than one letter stay, as `ß`. SQL text: `UPPER("c")`, and on SQLite, which knows ASCII only, a
    /// function that this crate adds to its connections.
    fn upper(text) {
        Expr::call(TextFunction::Upper, [text])
    }
}
