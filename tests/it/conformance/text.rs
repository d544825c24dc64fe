//! Functions of text.

use portcullis::col;

use super::{Entry, function};

fn capitals(text: &str) -> String {
    let one = |letter: char| {
        let mut capitals = letter.to_uppercase();
        let first = capitals.next().unwrap();
        if capitals.next().is_some() { letter } else { first }
    };
    text.chars().map(one).collect()
}

pub fn entries() -> Vec<Entry> {
    vec![
        function(
            "upper",
            "col(\"t\").upper()",
            "text",
            "NULL stays NULL. Only letters whose capital is one letter change.",
        )
        .over(col("u").upper(), |row| row.u.map(capitals)),
    ]
}
