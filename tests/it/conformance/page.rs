//! `docs/functions.md`.

use std::fmt::Write;
use std::path::PathBuf;

use portcullis::{Dialect, table};

use super::{Entry, inputs};

const DATABASES: [Dialect; 3] = [Dialect::Postgres, Dialect::MariaDb, Dialect::Sqlite];

/// Compares the page with the table, or writes it when `PORTCULLIS_WRITE_DOCS` is set.
pub fn check(sections: &[(&'static str, Vec<Entry>)]) {
    let wanted = text(sections);
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/functions.md");
    if std::env::var_os("PORTCULLIS_WRITE_DOCS").is_some() {
        std::fs::write(&file, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/functions.md is not what the suite says; run `PORTCULLIS_WRITE_DOCS=1 cargo test --test it the_page_of_functions`"
    );
}

fn text(sections: &[(&'static str, Vec<Entry>)]) -> String {
    let total: usize = sections.iter().map(|(_, entries)| entries.len()).sum();
    let mut page = format!(
        "# Functions\n\n\
         {total} functions, each with the SQL that it becomes and the same result on every database, as `tests/it/conformance` compares \
         cell by cell. This page is made from that suite: `PORTCULLIS_WRITE_DOCS=1 cargo test --test it the_page_of_functions`.\n\n\
         In the SQL, `t` and `u` are columns of text, `n` and `m` of bigints, `x` and `y` of doubles, `d` of decimals, `day` of dates, `at` \
         of timestamps, `f` of booleans, `j`, `list` and `words` of JSON.\n"
    );
    for (title, entries) in sections {
        write!(page, "\n## {title}\n").unwrap();
        for entry in entries {
            write!(page, "\n### `{}`\n\n`{}` gives {}. {}\n\n", entry.name, entry.call, entry.gives, entry.note)
                .unwrap();
            writeln!(page, "| Database | SQL |\n| --- | --- |").unwrap();
            for dialect in DATABASES {
                writeln!(page, "| {dialect} | {} |", sql(entry, dialect)).unwrap();
            }
        }
    }
    page
}

fn sql(entry: &Entry, dialect: Dialect) -> String {
    if let Some((_, code)) = entry.refused.iter().find(|(refused, _)| *refused == dialect) {
        return format!("refused: `{code}`");
    }
    let expr = entry.cases[0].expr.clone().as_("result");
    let aggregated = entry.aggregates();
    let frame = table(inputs::inputs::table);
    let frame = if aggregated { frame.agg(expr) } else { frame.select(expr) };
    let query = frame.to_sql_for(dialect).unwrap_or_else(|error| panic!("{}: {error}", entry.name));
    let text = query.sql();
    let text = text.strip_prefix("SELECT ").unwrap();
    // What takes a block of its own is shown whole.
    let whole = text.contains("(SELECT ") && aggregated;
    let end = if whole { text.len() } else { text.rfind(" AS ").unwrap() };
    let text = if whole { query.sql() } else { &text[..end] };
    format!("`{}`", text.replace("``", "` `").replace('|', "\\|"))
}
