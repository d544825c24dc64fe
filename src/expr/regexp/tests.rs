use proptest::prelude::*;

use super::*;
use crate::dialect::Dialect;

fn refusal(pattern: &str) -> String {
    let error = Regexp::parse(pattern).expect_err(pattern);
    assert_eq!(error.code(), "regexp.pattern");
    error.to_string()
}

#[test]
fn patterns_are_written_with_every_class_spelled_out() {
    for (pattern, postgres, mysql) in [
        ("abc", "abc", "abc"),
        (r"^\d{4}-\d\d$", "^[0-9]{4}-[0-9][0-9]$", r"^[0-9]{4}-[0-9][0-9]\z"),
        ("a.b", "a[^\n]b", "a[^\n]b"),
        (r"[\w.]+@", r"[.0-9A-Z_a-z]+@", r"[.0-9A-Z_a-z]+@"),
        ("(?:cat|dog)s?", "(?:cat|dog)s?", "(?:cat|dog)s?"),
        (r"\s\S", "[\t-\r ][^\t-\r ]", "[\t-\r ][^\t-\r ]"),
        (r"[a\-z^\]]", r"[\-\]\^az]", r"[\-\]\^az]"),
        ("[^-]", r"[^\-]", r"[^\-]"),
        (r"\(\)\.\\", r"\(\)\.\\", r"\(\)\.\\"),
        ("[abc]", "[a-c]", "[a-c]"),
        ("x{2,}y{3}z{0,9}", "x{2,}y{3}z{0,9}", "x{2,}y{3}z{0,9}"),
        ("^a|b$", "^a|b$", r"^a|b\z"),
        ("[ä-ü😀]", "[ä-ü😀]", "[ä-ü😀]"),
    ] {
        let regexp = Regexp::parse(pattern).expect(pattern);
        assert_eq!(regexp.text(Dialect::Postgres, 0), postgres, "{pattern}");
        assert_eq!(regexp.text(Dialect::MariaDb, 0), mysql, "{pattern}");
    }
    let groups = Regexp::parse("(a)(b(c))").unwrap();
    assert_eq!(groups.text(Dialect::Sqlite, 3), "(?:a)(?:b(c))");
    assert_eq!(groups.text(Dialect::Sqlite, 1), "(a)(?:b(?:c))");
}

#[test]
fn what_databases_differ_in_is_refused_with_what_to_write() {
    for (pattern, word) in [
        ("", "empty"),
        ("a|", "empty"),
        ("()", "empty"),
        ("a**", "repeated"),
        ("a*?", "`*?`"),
        ("a++", "repeated"),
        ("*a", "repeats nothing"),
        ("(a", "not closed"),
        ("a)", "closes nothing"),
        ("[a", "not closed"),
        ("[]", "empty"),
        ("[[:alpha:]]", "`[:alpha:]`"),
        ("[z-a]", "go up"),
        ("[a-\\d]", "go up"),
        ("[\\D]", "`[^…]`"),
        (r"\bword\b", "differ"),
        (r"(a)\1", "refer back"),
        (r"a\", "lone"),
        ("(?i)a", "(?:…)"),
        ("(?=a)", "(?:…)"),
        ("(?<name>a)", "(?:…)"),
        ("a{2", "count"),
        ("a{3,2}", "count"),
        ("a{256}", "count"),
        ("a{0}", "count"),
        ("a^b", "start"),
        ("a$b", "end"),
        ("(a$)", "end"),
        ("{", "stands alone"),
        ("(a*)*", "empty"),
        ("(a+)+", "several ways"),
        ("(a|ab)+", "several ways"),
        ("(a|b*)c", "may be empty"),
        ("((ab){200}){3}", "longer than"),
        ("a\0", "U+0000"),
    ] {
        let message = refusal(pattern);
        assert!(message.contains(word), "{pattern}: {message}");
    }
    let deep = format!("{}a{}", "(".repeat(30), ")".repeat(30));
    assert!(refusal(&deep).contains("deep"));
    assert!(refusal(&"a".repeat(1001)).contains("1000"));
    for pattern in ["(?:ab?)+", "(a|b)*", "(?:[^,]*,)+", "a{1,255}", &"a".repeat(300)] {
        assert!(Regexp::parse(pattern).is_ok(), "{pattern}");
    }
}

#[test]
fn the_match_is_exact_for_flat_and_for_definite_patterns() {
    for pattern in ["a*ab", "(.*)=(.*)", "a?(b)?", "(?:cat|dog)s?", "(?:ab)*c", r"\d+(?:\.\d+)*", "^a|b", "x(?:a|b)+y"]
    {
        assert!(Regexp::parse(pattern).expect(pattern).is_exact(), "{pattern}");
    }
    for pattern in ["a|ab", "(a|ab)(c|bcd)", "a?(?:ab)?", ".*(?:c|bcd)", "(?:ab)*a"] {
        assert!(!Regexp::parse(pattern).expect(pattern).is_exact(), "{pattern}");
    }
    assert_eq!(Regexp::parse("a*b*c").unwrap().choices(), 1);
    assert_eq!(Regexp::parse(".*,.*").unwrap().choices(), 2);
    assert_eq!(Regexp::parse("a*a*a*x|b").unwrap().choices(), 3);
}

/// All that a pattern may match from the text's start on, by trying every way.
fn ends(pieces: &[Piece], text: &[char]) -> Vec<usize> {
    let Some((first, rest)) = pieces.split_first() else { return vec![0] };
    let mut found = Vec::new();
    let mut reached = vec![0];
    let most = first.max.unwrap_or(text.len() as u32 + 1);
    for times in 0..=most {
        if times >= first.min {
            for start in &reached {
                found.extend(ends(rest, &text[*start..]).into_iter().map(|end| start + end));
            }
        }
        let mut next = Vec::new();
        for start in &reached {
            let tail = &text[*start..];
            match &first.item {
                Item::Set(set) => {
                    let inside = tail.first().is_some_and(|character| {
                        set.plain().iter().any(|(low, high)| (low..=high).contains(&character))
                    });
                    next.extend(inside.then_some(start + 1));
                }
                Item::Group(_, branches) => {
                    for branch in branches {
                        next.extend(ends(&branch.pieces, tail).into_iter().map(|end| start + end));
                    }
                }
            }
        }
        next.sort_unstable();
        next.dedup();
        if next.is_empty() {
            break;
        }
        reached = next;
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn patterns() -> impl Strategy<Value = String> {
    let atom = proptest::sample::select(vec!["a", "b", "c", "[ab]", "[^a]", "."]).prop_map(str::to_owned);
    let repeat = proptest::sample::select(vec!["", "", "*", "+", "?", "{2}", "{1,2}"]);
    atom.prop_recursive(3, 12, 4, move |inner| {
        let piece = (inner, repeat.clone()).prop_map(|(inner, repeat)| format!("(?:{inner}){repeat}"));
        let row = proptest::collection::vec(piece, 1..4).prop_map(|row| row.concat());
        proptest::collection::vec(row, 1..3).prop_map(|rows| rows.join("|"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// The first match on the way through an exact pattern is the longest there is: `regex` takes the first, and every way is tried here.
    #[test]
    #[cfg(feature = "sqlite")]
    fn the_first_match_of_an_exact_pattern_is_the_longest(pattern in patterns(), text in "[abc]{0,7}") {
        let Ok(parsed) = Regexp::parse(&pattern) else { return Ok(()) };
        if !parsed.is_exact() {
            return Ok(());
        }
        let characters: Vec<char> = text.chars().collect();
        let longest = (0..=characters.len()).find_map(|start| {
            let tail = &characters[start..];
            let ends = parsed.branches.iter().flat_map(|branch| ends(&branch.pieces, tail));
            ends.max().map(|end| (start, start + end))
        });
        let regex = regex::Regex::new(&parsed.text(Dialect::Sqlite, 0)).unwrap();
        let first = regex.find(&text).map(|found| (found.start(), found.end()));
        prop_assert_eq!(first, longest);
    }
}
