//! Functions of text.

use portcullis::{Dialect, Value, col, concat, concat_ws, lit};

use super::{Entry, function};

fn capitals(text: &str) -> String {
    let one = |letter: char| {
        let mut capitals = letter.to_uppercase();
        let first = capitals.next().unwrap();
        if capitals.next().is_some() { letter } else { first }
    };
    text.chars().map(one).collect()
}

fn small(text: &str) -> String {
    text.chars().map(|letter| letter.to_lowercase().next().unwrap()).collect()
}

fn initcap(text: &str) -> String {
    let mut inside = false;
    let mut result = String::new();
    for letter in text.chars() {
        let one = letter.to_string();
        result.push_str(&if inside { small(&one) } else { capitals(&one) });
        inside = !letter.is_ascii() || letter.is_ascii_alphanumeric();
    }
    result
}

/// As SQL's standard says it, position by position.
fn substring(text: &str, start: i64, length: i64) -> String {
    let inside = |place: i64| place >= start && place < start.saturating_add(length.max(0));
    text.chars().zip(1..).filter(|(_, place)| inside(*place)).map(|(character, _)| character).collect()
}

fn position(text: &str, part: &str) -> i64 {
    text.find(part).map_or(0, |at| text[..at].chars().count() as i64 + 1)
}

fn last(text: &str, count: i64) -> String {
    let length = text.chars().count() as i64;
    text.chars().skip((length - count.max(0)).max(0) as usize).collect()
}

fn padded(text: &str, width: usize, fill: &str, left: bool) -> String {
    let length = text.chars().count();
    if length >= width {
        return text.chars().take(width).collect();
    }
    let fill: String = fill.chars().cycle().take(width - length).collect();
    if left { format!("{fill}{text}") } else { format!("{text}{fill}") }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

const NULL: Value = Value::Null;
const MYSQL: [Dialect; 2] = [Dialect::MySql, Dialect::MariaDb];

pub fn entries() -> Vec<Entry> {
    [letters(), trimming(), parts(), looking(), making(), octets()].into_iter().flatten().collect()
}

fn letters() -> Vec<Entry> {
    vec![
        function(
            "upper",
            "col(\"t\").upper()",
            "text",
            "NULL stays NULL. Letter by letter, by the table that MySQL has built in (alphabets up to U+FFFF as in Unicode 3): `ß` and `ﬁ` stay.",
        )
        .over(col("t").upper(), |row| row.t.map(capitals))
        .over(col("u").upper(), |row| row.u.map(capitals))
        .over(col("t").trim().upper(), |row| row.t.map(|t| capitals(t.trim_matches(' '))))
        .gives(lit("straße ﬁ ı ς σ ÿ ǆ ǅ ᾳ 𐐨 ა ŉ").upper(), "STRAßE ﬁ I Σ Σ Ÿ Ǆ Ǆ ᾼ 𐐨 ა ŉ")
        .gives(lit("İ ẞ abc žluťoučký").upper().reverse().reverse(), "İ ẞ ABC ŽLUŤOUČKÝ")
        .gives(lit("жы ωώ ﬀ ꝏ ⱥ ȿ").reverse().upper().reverse(), "ЖЫ ΩΏ ﬀ ꝏ ⱥ ȿ"),
        function(
            "lower",
            "col(\"t\").lower()",
            "text",
            "NULL stays NULL. See `upper`: `İ` becomes `i`, `Σ` always `σ`.",
        )
        .over(col("t").lower(), |row| row.t.map(small))
        .gives(lit("STRAẞE İ I ΑΣ Σ Ÿ Ǆ ᾼ 𐐀 Ω K Å").lower(), "straẞe i i ασ σ ÿ ǆ ᾳ 𐐀 ω k å")
        .gives(lit("ЖЫ ΩΏ").reverse().lower(), "ώω ыж"),
        function(
            "initcap",
            "col(\"t\").initcap()",
            "text",
            "NULL stays NULL. A word is a run of anything but signs and spaces; the letters are those of `upper`.",
        )
        .over(col("t").initcap(), |row| row.t.map(initcap))
        .over(col("u").lower().initcap(), |row| row.u.map(|u| initcap(&small(u))))
        .over(col("t").initcap().initcap(), |row| row.t.map(initcap))
        .over(concat([col("t"), col("u")]).initcap().length(), |row| {
            Some((row.t?.chars().count() + row.u?.chars().count()) as i64)
        })
        .gives(lit("o'NEIL 3RD éCOLE ßA σΣ»x—y日a").initcap(), "O'Neil 3rd École ßa Σσ»X—Y日a")
        .gives(lit("").initcap(), "")
        .gives(lit(" aB ").initcap(), " Ab ")
        .gives(lit("a\tb\nc%d_e\\f").initcap(), "A\tB\nC%D_E\\F")
        .gives(lit("aB".repeat(500)).initcap(), format!("A{}", "b".to_owned() + &"ab".repeat(499))),
        function("reverse", "col(\"t\").reverse()", "text", "NULL stays NULL. By code point.")
            .over(col("t").reverse(), |row| row.t.map(|t| t.chars().rev().collect::<String>()))
            .gives(lit("e\u{301}a").reverse(), "a\u{301}e"),
    ]
}

fn trimming() -> Vec<Entry> {
    let set: &'static [char] = &[' ', '\t', 'x', 'o', 'h', 'a', '%', 'z'];
    let list = " \txoha%z";
    vec![
        function("trim", "col(\"t\").trim()", "text", "NULL stays NULL. Takes away U+0020 alone.")
            .over(col("t").trim(), |row| row.t.map(|t| t.trim_matches(' ').to_owned()))
            .gives(lit(" \t a ").trim(), "\t a")
            .gives(lit("   ").trim(), ""),
        function("ltrim", "col(\"t\").ltrim()", "text", "NULL stays NULL. See `trim`.")
            .over(col("t").ltrim(), |row| row.t.map(|t| t.trim_start_matches(' ').to_owned())),
        function("rtrim", "col(\"t\").rtrim()", "text", "NULL stays NULL. See `trim`.")
            .over(col("t").rtrim(), |row| row.t.map(|t| t.trim_end_matches(' ').to_owned()))
            .gives(lit("a \n ").rtrim(), "a \n"),
        function("trim_chars", "col(\"t\").trim_chars(\" \\txoha%z\")", "text", "NULL stays NULL.")
            .over(col("t").trim_chars(list), move |row| row.t.map(|t| t.trim_matches(set).to_owned()))
            .gives(lit("[-]^a\\]b^-[]").trim_chars("]^-[\\"), "a\\]b")
            .gives(lit("éÉaé").trim_chars("é"), "Éa")
            .gives(lit("a\n").trim_chars("a"), "\n")
            .gives(lit("aaa").trim_chars("a"), ""),
        function("ltrim_chars", "col(\"t\").ltrim_chars(\" ho\")", "text", "NULL stays NULL.")
            .over(col("t").ltrim_chars(" ho"), |row| row.t.map(|t| t.trim_start_matches([' ', 'h', 'o']).to_owned()))
            .gives(lit("xaxx").ltrim_chars("x"), "axx"),
        function("rtrim_chars", "col(\"t\").rtrim_chars(\" ed\")", "text", "NULL stays NULL.")
            .over(col("t").rtrim_chars(" ed"), |row| row.t.map(|t| t.trim_end_matches([' ', 'e', 'd']).to_owned()))
            .gives(lit("axa\n").rtrim_chars("a"), "axa\n")
            .gives(lit("xaxx").rtrim_chars("x"), "xa"),
    ]
}

fn parts() -> Vec<Entry> {
    vec![
        function("length", "col(\"t\").length()", "bigint", "NULL stays NULL. Characters are code points.")
            .over(col("t").length(), |row| row.t.map(|t| t.chars().count() as i64))
            .gives(lit("e\u{301}😀").length(), 3)
            .gives(lit("a ").length(), 2),
        function("octet_length", "col(\"t\").octet_length()", "bigint", "NULL stays NULL. In UTF-8.")
            .over(col("t").octet_length(), |row| row.t.map(|t| t.len() as i64)),
        function(
            "substring",
            "col(\"t\").substring(2, 3)",
            "text",
            "NULL where an operand is NULL. Counted from 1; what lies before the first character or after the last is empty, and so is a negative length.",
        )
        .over(col("t").substring(2, 3), |row| row.t.map(|t| substring(t, 2, 3)))
        .over(col("t").substring(col("m"), 4), |row| Some(substring(row.t?, row.m?, 4)))
        .over(col("t").substring(2, col("m")), |row| Some(substring(row.t?, 2, row.m?)))
        .over(col("t").substring(col("m"), col("n")), |row| Some(substring(row.t?, row.m?, row.n?)))
        .gives(lit("hello").substring(0, 3), "he")
        .gives(lit("hello").substring(-5, 3), "")
        .gives(lit("hello").substring(-1, 4), "he")
        .gives(lit("hello").substring(2, -1), "")
        .gives(lit("hello").substring(4, i64::MAX), "lo")
        .gives(lit("hello").substring(i64::MAX, 1), "")
        .gives(lit("𝒳😀z").substring(2, 1), "😀"),
        function(
            "substring_from",
            "col(\"t\").substring_from(3)",
            "text",
            "NULL where an operand is NULL. The whole text for a start below 1.",
        )
        .over(col("t").substring_from(3), |row| row.t.map(|t| substring(t, 3, i64::MAX)))
        .over(col("t").substring_from(col("n")), |row| {
            Some(row.t?.chars().skip((row.n?.max(1) - 1) as usize).collect::<String>())
        })
        .over(col("t").substring_from(col("t").position(col("u")) + 1), |row| {
            Some(substring(row.t?, position(row.t?, row.u?) + 1, 1000))
        })
        .gives(lit("hello").substring_from(-2), "hello")
        .gives(lit("hello").substring_from(6), ""),
        function("left", "col(\"t\").left(3)", "text", "NULL where an operand is NULL. Empty for a negative count.")
            .over(col("t").left(3), |row| row.t.map(|t| substring(t, 1, 3)))
            .over(col("t").left(col("m")), |row| Some(substring(row.t?, 1, row.m?)))
            .over(col("t").left(col("n")), |row| Some(substring(row.t?, 1, row.n?)))
            .gives(lit("abc").left(-1), "")
            .gives(lit("abc").left(i64::MAX), "abc"),
        function("right", "col(\"t\").right(3)", "text", "NULL where an operand is NULL. Empty for a negative count.")
            .over(col("t").right(3), |row| row.t.map(|t| last(t, 3)))
            .over(col("t").right(col("m")), |row| Some(last(row.t?, row.m?)))
            .over(col("t").right(col("n")), |row| Some(last(row.t?, row.n?)))
            .gives(lit("abc").right(-1), "")
            .gives(lit("a😀").right(1), "😀"),
        function(
            "split_part",
            "col(\"t\").split_part(\" \", 2)",
            "text",
            "NULL stays NULL. Empty beyond the last part; separators don't overlap.",
        )
        .over(col("t").split_part(" ", 2), |row| row.t.map(|t| t.split(' ').nth(1).unwrap_or("").to_owned()))
        .over(col("t").split_part("o", 1), |row| row.t.map(|t| t.split('o').next().unwrap().to_owned()))
        .over(col("t").split_part("o", 3), |row| row.t.map(|t| t.split('o').nth(2).unwrap_or("").to_owned()))
        .gives(lit("xaaay").split_part("aa", 2), "ay")
        .gives(lit("a,b").split_part(",", 3), "")
        .gives(lit("aXbxc").split_part("x", 2), "c")
        .gives(lit("").split_part(",", 1), "")
        .gives(lit("é😀b").split_part("😀", 2), "b"),
    ]
}

fn looking() -> Vec<Entry> {
    vec![
        function(
            "position",
            "col(\"t\").position(col(\"u\"))",
            "bigint",
            "NULL where an operand is NULL. Counted from 1, 0 for nowhere, 1 for an empty part.",
        )
        .over(col("t").position(col("u")), |row| Some(position(row.t?, row.u?)))
        .over(col("t").position("o"), |row| row.t.map(|t| position(t, "o")))
        .gives(lit("abc").position("B"), 0)
        .gives(lit("abc").position(""), 1)
        .gives(lit("").position(""), 1)
        .gives(lit("a b").position("a "), 1)
        .gives(lit("𝒳😀z").position("z"), 3),
        function(
            "contains",
            "col(\"t\").contains(col(\"u\"))",
            "boolean",
            "NULL where an operand is NULL. Letter by letter; a value becomes an escaped LIKE.",
        )
        .over(col("t").contains(col("u")), |row| Some(row.t?.contains(row.u?)))
        .over(col("t").contains("o w"), |row| row.t.map(|t| t.contains("o w")))
        .over(col("t").contains("b_c"), |row| row.t.map(|t| t.contains("b_c")))
        .gives(lit("abc").contains(lit("BC").lower()), true)
        .gives(lit("abc").contains(lit("bc").upper()), false)
        .gives(lit("").contains(lit(" ").trim()), true),
        function(
            "starts_with",
            "col(\"t\").starts_with(col(\"u\"))",
            "boolean",
            "NULL where an operand is NULL. See `contains`.",
        )
        .over(col("t").starts_with(col("u")), |row| Some(row.t?.starts_with(row.u?)))
        .over(col("t").starts_with(col("t").left(2)), |row| row.t.map(|_| true))
        .over(col("t").starts_with("a%"), |row| row.t.map(|t| t.starts_with("a%")))
        .gives(lit("a").starts_with(lit("a ").reverse().reverse()), false),
        function(
            "ends_with",
            "col(\"t\").ends_with(col(\"u\"))",
            "boolean",
            "NULL where an operand is NULL. See `contains`.",
        )
        .over(col("t").ends_with(col("u")), |row| Some(row.t?.ends_with(row.u?)))
        .over(col("t").ends_with(col("t").right(2)), |row| row.t.map(|_| true))
        .over(col("t").ends_with("\"f"), |row| row.t.map(|t| t.ends_with("\"f")))
        .gives(lit("a").ends_with(lit(" a").reverse()), false)
        .gives(lit("aba").ends_with(lit("BA").lower()), true),
        function(
            "regexp_match",
            "col(\"t\").regexp_match(\"^[a-z]+ \")",
            "boolean",
            "NULL stays NULL. The pattern is of a language of this crate's own; see the method.",
        )
        .over(col("t").regexp_match("^[a-z]+ "), |row| {
            row.t.map(|t| {
                t.split_once(' ')
                    .is_some_and(|(word, _)| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()))
            })
        })
        .over(col("t").regexp_match(r"\d"), |row| row.t.map(|t| t.contains(|c: char| c.is_ascii_digit())))
        .over(col("t").regexp_match(r"^\S*$"), |row| row.t.map(|t| !t.contains([' ', '\t', '\n'])))
        .over(col("t").regexp_match("o|é|😀"), |row| row.t.map(|t| t.contains(['o', 'é', '😀'])))
        .over(col("t").regexp_match(r"[%\\]"), |row| row.t.map(|t| t.contains(['%', '\\'])))
        .gives(lit("a\n").regexp_match("^a$"), false)
        .gives(lit("a\nb").regexp_match("^b"), false)
        .gives(lit("a\nb").regexp_match("a.b"), false)
        .gives(lit("a\nb").regexp_match("a[^x]b"), true)
        .gives(lit("a\rb").regexp_match("a.b"), true)
        .gives(lit("é").regexp_match(r"\w"), false)
        .gives(lit("É").regexp_match("é"), false)
        .gives(lit("𝒳😀z").regexp_match("^.😀z$"), true)
        .gives(lit("\u{a0}").regexp_match(r"\s"), false)
        .gives(lit("\u{b}").regexp_match(r"\s"), true)
        .gives(lit("x-y]z^").regexp_match(r"^[x\-y\]z^]+$"), true)
        .gives(lit("a&&b~~").regexp_match("^[a&&b~~]+$"), true)
        .gives(lit("(a.b)").regexp_match(r"^\(a\.b\)$"), true)
        .gives(lit("2024-02-29").regexp_match(r"^\d{4}(?:-\d\d){2}$"), true)
        .gives(lit("aab").regexp_match("^(?:ab?)+$"), true),
        function(
            "regexp_extract",
            "col(\"t\").regexp_extract(\"([a-z]+) ([a-z]+)\", 2)",
            "text",
            "NULL for NULL and where nothing matches. Patterns whose match databases differ in are refused.",
        )
        .over(col("t").regexp_extract("([a-z]+) ([a-z]+)", 2), |row| match row.t? {
            "hello world" => Some("world"),
            "one two three" => Some("two"),
            // The first word that a small letter ends before a space, and what follows.
            _ => None,
        })
        .over(col("t").regexp_extract("[^ ]*", 0), |row| row.t.map(|t| t.split(' ').next().unwrap().to_owned()))
        .over(col("t").regexp_extract("o.*", 0), |row| {
            row.t.and_then(|t| t.find('o').map(|at| t[at..].split('\n').next().unwrap().to_owned()))
        })
        .gives(lit("key=a=b").regexp_extract("^(.*)=(.*)$", 1), "key=a")
        .gives(lit("key=a=b").regexp_extract("^([^=]*)=(.*)$", 2), "a=b")
        .gives(lit("xaab").regexp_extract("(a?)(a?b?)", 1), "")
        .gives(lit("aab").regexp_extract("(a?)(a?b?)", 2), "ab")
        .gives(lit("the dogs").regexp_extract("(?:cat|dog)s?", 0), "dogs")
        .gives(lit("v1.22.3").regexp_extract(r"(\d+(?:\.\d+)*)", 1), "1.22.3")
        .gives(lit("abc").regexp_extract("x*", 0), "")
        .gives(lit("abc").regexp_extract("x", 0), NULL)
        .gives(lit("AbC").regexp_extract("(b)C", 1), "b")
        .gives(lit("a\nb\nc").regexp_extract("\n(.)\n", 1), "b")
        .gives(lit("日本語 text").regexp_extract("本(.)", 1), "語"),
        function(
            "regexp_replace",
            "col(\"t\").regexp_replace(\"[aeiou]+\", \"_\")",
            "text",
            "NULL stays NULL. Every match, from left to right; the replacement has no special characters.",
        )
        .over(col("t").regexp_replace("[aeiou]+", "_"), |row| {
            row.t.map(|t| {
                let (mut result, mut run) = (String::new(), false);
                for character in t.chars() {
                    let vowel = "aeiou".contains(character);
                    if !vowel {
                        result.push(character);
                    } else if !run {
                        result.push('_');
                    }
                    run = vowel;
                }
                result
            })
        })
        .over(col("t").regexp_replace(" ", r"\1$1&\\"), |row| row.t.map(|t| t.replace(' ', r"\1$1&\\")))
        .gives(lit("abab").regexp_replace("^ab", "x"), "xab")
        .gives(lit("a1b22").regexp_replace(r"\d+", ""), "ab")
        .gives(lit("aaa").regexp_replace("aa", "b"), "ba")
        .gives(lit("x\n").regexp_replace("\n$", "!"), "x!")
        .gives(lit("éÉé").regexp_replace("é", "😀"), "😀É😀"),
    ]
}

fn making() -> Vec<Entry> {
    vec![
        function(
            "replace",
            "col(\"t\").replace(\"o\", \"00\")",
            "text",
            "NULL where an operand is NULL. An empty text to look for occurs nowhere.",
        )
        .over(col("t").replace("o", "00"), |row| row.t.map(|t| t.replace('o', "00")))
        .over(col("t").replace(col("u"), "<>"), |row| {
            Some(if row.u?.is_empty() { row.t?.to_owned() } else { row.t?.replace(row.u?, "<>") })
        })
        .over(col("t").replace("x", col("u")), |row| Some(row.t?.replace('x', row.u?)))
        .over(col("t").replace("", col("u")), |row| Some(row.u.and(row.t)?.to_owned()))
        .gives(lit("aaa").replace("aa", "b"), "ba")
        .gives(lit("aAa").replace("A", "a "), "aa a"),
        function(
            "translate",
            "col(\"t\").translate(\"ol \", \"01\")",
            "text",
            "NULL stays NULL. Characters that change places are refused on MySQL and MariaDB.",
        )
        .over(col("t").translate("ol ", "01"), |row| {
            row.t.map(|t| t.replace('o', "0").replace('l', "1").replace(' ', ""))
        })
        .gives(lit("abc").translate("ab", "bc"), "bcc")
        .gives(lit("aab").translate("aa", "xy"), "xxb")
        .gives(lit("éa😀").translate("é😀a", "eo"), "eo"),
        function(
            "translate (characters that change places)",
            "col(\"t\").translate(\"lo\", \"ol\")",
            "text",
            "NULL stays NULL.",
        )
        .over(col("t").translate("lo", "ol"), |row| {
            row.t.map(|t| {
                t.chars()
                    .map(|c| {
                        if c == 'l' {
                            'o'
                        } else if c == 'o' {
                            'l'
                        } else {
                            c
                        }
                    })
                    .collect::<String>()
            })
        })
        .refused_on(&MYSQL, "function.unsupported"),
        function("concat", "concat([col(\"t\"), lit(\"-\"), col(\"u\")])", "text", "NULL where an operand is NULL.")
            .over(concat([col("t"), lit("-"), col("u")]), |row| Some(format!("{}-{}", row.t?, row.u?)))
            .over(concat([col("t")]), |row| row.t)
            .gives(concat(["a ", "", "b"]), "a b"),
        function(
            "concat_ws",
            "concat_ws(\", \", [col(\"t\"), col(\"u\"), lit(\"x\")])",
            "text, never NULL",
            "Leaves NULL out.",
        )
        .over(concat_ws(", ", [col("t"), col("u"), lit("x")]), |row| {
            row.t.into_iter().chain(row.u).chain(["x"]).collect::<Vec<_>>().join(", ")
        })
        .over(concat_ws("-", [col("u")]), |row| row.u.unwrap_or("").to_owned())
        .over(concat_ws("", [col("t"), col("u")]), |row| format!("{}{}", row.t.unwrap_or(""), row.u.unwrap_or(""))),
        function("lpad", "col(\"t\").lpad(12, \"*-\")", "text", "NULL stays NULL. A longer text is cut on the right.")
            .over(col("t").lpad(12, "*-"), |row| row.t.map(|t| padded(t, 12, "*-", true)))
            .gives(lit("abc").lpad(0, "x"), "")
            .gives(lit("é").lpad(3, "😀"), "😀😀é"),
        function("rpad", "col(\"t\").rpad(12, \"*-\")", "text", "NULL stays NULL. A longer text is cut on the right.")
            .over(col("t").rpad(12, "*-"), |row| row.t.map(|t| padded(t, 12, "*-", false)))
            .gives(lit("abc").rpad(2, " "), "ab")
            .gives(lit("").rpad(3, "ab"), "aba"),
        function("repeat", "col(\"u\").repeat(3)", "text", "NULL stays NULL.")
            .over(col("u").repeat(3), |row| row.u.map(|u| u.repeat(3)))
            .over(col("t").repeat(0), |row| row.t.map(|_| "")),
    ]
}

fn octets() -> Vec<Entry> {
    vec![
        function(
            "md5",
            "col(\"t\").md5()",
            "text of 32 digits",
            "NULL stays NULL. Of the text's UTF-8, or of the bytes.",
        )
        .gives(col("t").md5(), "5eb63bbbe01eeed093cb22bb8f5acdc3")
        .over(col("t").md5().length(), |row| row.t.map(|_| 32i64))
        .gives(lit("").md5(), "d41d8cd98f00b204e9800998ecf8427e")
        .gives(lit("hello world").md5(), "5eb63bbbe01eeed093cb22bb8f5acdc3")
        .gives(lit(vec![0u8, 255]).md5(), "d07d34efac6328007ad67c7e0a985e00")
        .gives(lit("Straße").md5(), "a763ca073cfda1fce8a14f2f0cc84591")
        .refused_on(&[Dialect::MySql], "function.unsupported"),
        function("sha256", "col(\"t\").sha256()", "text of 64 digits", "NULL stays NULL. Of the text's UTF-8.")
            .gives(col("t").sha256(), "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9")
            .over(col("t").sha256().length(), |row| row.t.map(|_| 64i64))
            .gives(lit("").sha256(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        function("hex", "col(\"t\").hex()", "text", "NULL stays NULL. Small digits; of the text's UTF-8.")
            .over(col("t").hex(), |row| row.t.map(|t| hex(t.as_bytes())))
            .gives(lit(vec![0u8, 171, 255]).hex(), "00abff"),
        function("base64", "col(\"t\").base64()", "text", "NULL stays NULL. With padding, without line breaks.")
            .over(col("t").base64(), |row| row.t.map(|t| base64(t.as_bytes())))
            .over(col("t").repeat(20).base64(), |row| row.t.map(|t| base64(t.repeat(20).as_bytes())))
            .gives(lit(vec![251u8, 255]).base64(), "+/8="),
        function(
            "from_hex",
            "col(\"t\").hex().from_hex()",
            "bytes",
            "NULL for NULL and for what is no even number of digits.",
        )
        .over(col("t").hex().from_hex(), |row| row.t.map(|t| t.as_bytes().to_vec()))
        .over(col("t").from_hex(), |row| row.t.filter(|t| t.is_empty()).map(|_| Vec::<u8>::new()))
        .gives(lit("00aBFf").from_hex(), vec![0u8, 171, 255])
        .gives(lit("abc").from_hex(), NULL)
        .gives(lit("ab c").from_hex(), NULL)
        .gives(lit("ag").from_hex(), NULL),
        function("from_base64", "col(\"t\").base64().from_base64()", "bytes", "NULL for NULL and for any other text.")
            .over(col("t").base64().from_base64(), |row| row.t.map(|t| t.as_bytes().to_vec()))
            .gives(lit("QQ==").from_base64(), vec![65u8])
            .gives(lit("QR==").from_base64(), vec![65u8])
            .gives(lit("").from_base64(), Vec::<u8>::new())
            .gives(lit("QQ").from_base64(), NULL)
            .gives(lit("QQ=").from_base64(), NULL)
            .gives(lit("Q Q==").from_base64(), NULL)
            .gives(lit("QQ==\n").from_base64(), NULL)
            .gives(lit("QQ==QQ==").from_base64(), NULL)
            .gives(lit("+/8=").from_base64(), vec![251u8, 255]),
    ]
}

fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in octets.chunks(3) {
        let bits = (0..3).fold(0usize, |bits, place| bits << 8 | usize::from(*chunk.get(place).unwrap_or(&0)));
        for place in 0..4 {
            let shown = place <= chunk.len();
            text.push(if shown { char::from(DIGITS[bits >> (18 - 6 * place) & 63]) } else { '=' });
        }
    }
    text
}
