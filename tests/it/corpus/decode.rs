//! A reader of quoted names that knows nothing of the crate's own tokenizer.

use portcullis::Dialect;

pub const DIALECTS: [Dialect; 4] = [Dialect::Postgres, Dialect::MySql, Dialect::MariaDb, Dialect::Sqlite];

pub fn quote_of(dialect: Dialect) -> char {
    match dialect {
        Dialect::MySql | Dialect::MariaDb => '`',
        _ => '"',
    }
}

/// The text with each quoted name replaced by `N`, and the names with their quotes taken off. The text must hold no other
/// kind of quote, so this is all there is to reading it.
pub fn decode(sql: &str, dialect: Dialect) -> (String, Vec<String>) {
    let quote = quote_of(dialect);
    // The paths of JSON_TABLE, which the compiler writes as they stand here.
    let sql = &sql.replace(" '$[*]' COLUMNS ", " J COLUMNS ").replace(" PATH '$')", " PATH J)");
    let (mut skeleton, mut names) = (String::new(), Vec::new());
    let mut rest = sql.chars().peekable();
    while let Some(character) = rest.next() {
        if character != quote {
            assert!(!matches!(character, '\'' | '"' | '`'), "another quote in {sql}");
            skeleton.push(character);
            continue;
        }
        let mut name = String::new();
        loop {
            match rest.next() {
                Some(inside) if inside != quote => name.push(inside),
                Some(_) if rest.peek() == Some(&quote) => {
                    rest.next();
                    name.push(quote);
                }
                Some(_) => break,
                None => panic!("a name without an end in {sql}"),
            }
        }
        skeleton.push('N');
        names.push(name);
    }
    (skeleton, names)
}

/// A name as this test writes it in its own set-up statements.
pub fn quoted(name: &str, dialect: Dialect) -> String {
    let quote = quote_of(dialect);
    format!("{quote}{}{quote}", name.replace(quote, &format!("{quote}{quote}")))
}

#[test]
fn the_reader_sees_doubled_quotes_and_stops_at_single_ones() {
    let (skeleton, names) = decode("SELECT \"a\"\"; x\", \"b\" FROM \"c d\"", Dialect::Postgres);
    assert_eq!(skeleton, "SELECT N, N FROM N");
    assert_eq!(names, ["a\"; x", "b", "c d"]);
    let (skeleton, names) = decode("SELECT `a``b`", Dialect::MySql);
    assert_eq!((skeleton.as_str(), names), ("SELECT N", vec!["a`b".to_owned()]));
    assert!(std::panic::catch_unwind(|| decode("SELECT \"a", Dialect::Sqlite)).is_err());
    assert!(std::panic::catch_unwind(|| decode("SELECT 'a'", Dialect::Sqlite)).is_err());
}
