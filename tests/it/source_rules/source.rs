//! Reads Rust source just far enough for the rules: words without comments and strings, and the paths they form.

/// One source file, without its comments, the contents of its strings, and its test modules.
pub struct Source {
    /// The path under `src`, with slashes.
    pub path: String,
    pub tokens: Vec<Token>,
}

/// A word, `::`, a lifetime, `""` for any string, or one character of punctuation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub line: usize,
    pub text: String,
}

/// A path as it is named in the source, in full also inside braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub line: usize,
    pub segments: Vec<String>,
    /// Named by a `use`.
    pub imported: bool,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), tokens: without_test_modules(tokens(text)) }
    }

    /// The module that the file belongs to: the first part of its path.
    pub fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// True where a word stands in the code.
    pub fn lines_with(&self, word: &str) -> Vec<usize> {
        self.tokens.iter().filter(|token| token.text == word).map(|token| token.line).collect()
    }

    /// Every path that the code names, whether imported or written out. `super` and `self` are resolved.
    pub fn paths(&self) -> Vec<Named> {
        let mut named = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            if self.text(at) == "use" {
                let line = self.tokens[at].line;
                at = self.import(at + 1, &mut Vec::new(), line, &mut named);
            } else if is_word(self.text(at)) && !matches!(self.before(at), "." | "$") {
                let mut segments = vec![self.text(at).to_owned()];
                let line = self.tokens[at].line;
                at += 1;
                while self.text(at) == "::" && is_word(self.text(at + 1)) {
                    segments.push(self.text(at + 1).to_owned());
                    at += 2;
                }
                named.push(Named { line, segments, imported: false });
            } else {
                at += 1;
            }
        }
        for path in &mut named {
            path.segments = self.resolved(std::mem::take(&mut path.segments));
        }
        named
    }

    /// The text of a token, empty past the end.
    pub fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    fn before(&self, at: usize) -> &str {
        if at == 0 { "" } else { self.text(at - 1) }
    }

    /// Reads one branch of an import tree and returns where it ended.
    fn import(&self, mut at: usize, prefix: &mut Vec<String>, line: usize, named: &mut Vec<Named>) -> usize {
        let depth = prefix.len();
        loop {
            match self.text(at) {
                "::" => at += 1,
                "{" => {
                    at += 1;
                    while !matches!(self.text(at), "}" | "") {
                        let before = at;
                        at = self.import(at, prefix, self.tokens[at].line, named);
                        assert!(at > before, "{}: what is `{}` in an import?", self.path, self.text(at));
                        if self.text(at) == "," {
                            at += 1;
                        }
                    }
                    prefix.truncate(depth);
                    return at + 1;
                }
                "as" => at += 2,
                word if is_word(word) || word == "*" => {
                    prefix.push(word.to_owned());
                    at += 1;
                }
                _ => {
                    let segments = prefix.clone();
                    named.push(Named { line, segments, imported: true });
                    prefix.truncate(depth);
                    return at;
                }
            }
        }
    }

    fn resolved(&self, segments: Vec<String>) -> Vec<String> {
        let mut here: Vec<String> = self.path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if matches!(here.last().map(String::as_str), Some("mod" | "lib")) {
            here.pop();
        }
        here.insert(0, "crate".to_owned());
        let mut rest = segments.as_slice();
        match rest.first().map(String::as_str) {
            // A value, not a module.
            Some("self") if rest.len() == 1 => return segments,
            Some("self") => rest = &rest[1..],
            Some("super") => {
                while rest.first().is_some_and(|segment| segment == "super") {
                    here.pop();
                    rest = &rest[1..];
                }
            }
            _ => return segments,
        }
        here.extend(rest.iter().cloned());
        here
    }
}

pub fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn tokens(text: &str) -> Vec<Token> {
    let characters: Vec<char> = text.chars().collect();
    let at = |index: usize| characters.get(index).copied().unwrap_or('\0');
    let mut tokens = Vec::new();
    let (mut index, mut line) = (0, 1);
    while index < characters.len() {
        let start = index;
        let started = line;
        let mut text = None;
        match at(index) {
            '/' if at(index + 1) == '/' => {
                while index < characters.len() && at(index) != '\n' {
                    index += 1;
                }
            }
            '/' if at(index + 1) == '*' => {
                let mut depth = 0;
                loop {
                    match (at(index), at(index + 1)) {
                        ('/', '*') => (depth, index) = (depth + 1, index + 2),
                        ('*', '/') => (depth, index) = (depth - 1, index + 2),
                        _ => index += 1,
                    }
                    if depth == 0 || index >= characters.len() {
                        break;
                    }
                }
            }
            '"' => {
                index = end_of_string(&characters, index + 1);
                text = Some("\"\"".to_owned());
            }
            '\'' => {
                // A character ends in a quote; a lifetime does not.
                if at(index + 1) == '\\' || at(index + 2) == '\'' {
                    index += if at(index + 1) == '\\' { 3 } else { 2 };
                    while index < characters.len() && at(index) != '\'' {
                        index += 1;
                    }
                    index += 1;
                    text = Some("''".to_owned());
                } else {
                    index += 1;
                    while at(index).is_alphanumeric() || at(index) == '_' {
                        index += 1;
                    }
                    text = Some(characters[start..index].iter().collect());
                }
            }
            c if c.is_alphanumeric() || c == '_' => {
                while at(index).is_alphanumeric() || at(index) == '_' {
                    index += 1;
                }
                let word: String = characters[start..index].iter().collect();
                let hashes = characters[index..].iter().take_while(|c| **c == '#').count();
                let raw = matches!(word.as_str(), "r" | "br" | "cr");
                if raw && at(index + hashes) == '"' {
                    index = end_of_raw_string(&characters, index + hashes + 1, hashes);
                    text = Some("\"\"".to_owned());
                } else if matches!(word.as_str(), "b" | "c") && at(index) == '"' {
                    index = end_of_string(&characters, index + 1);
                    text = Some("\"\"".to_owned());
                } else if word == "r" && hashes == 1 {
                    // r#type: the word that follows.
                    index += 1;
                } else {
                    text = Some(word);
                }
            }
            ':' if at(index + 1) == ':' => {
                index += 2;
                text = Some("::".to_owned());
            }
            c => {
                index += 1;
                if !c.is_whitespace() {
                    text = Some(c.to_string());
                }
            }
        }
        line += characters[start..index.min(characters.len())].iter().filter(|c| **c == '\n').count();
        if let Some(text) = text {
            tokens.push(Token { line: started, text });
        }
    }
    tokens
}

fn end_of_string(characters: &[char], mut index: usize) -> usize {
    while index < characters.len() && characters[index] != '"' {
        index += if characters[index] == '\\' { 2 } else { 1 };
    }
    index + 1
}

fn end_of_raw_string(characters: &[char], mut index: usize, hashes: usize) -> usize {
    while index < characters.len() {
        let closing = characters[index + 1..].iter().take(hashes).filter(|c| **c == '#').count();
        index += 1;
        if characters[index - 1] == '"' && closing == hashes {
            return index + hashes;
        }
    }
    index
}

/// Leaves out `#[cfg(test)] mod … { … }`: tests may use a clock, a runtime and the environment.
fn without_test_modules(tokens: Vec<Token>) -> Vec<Token> {
    let mut kept: Vec<Token> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_test_module(&tokens[at..]) {
            let mut depth = 0;
            loop {
                match tokens.get(at).map_or("", |token| &token.text) {
                    "{" => depth += 1,
                    "}" if depth == 1 => break,
                    "}" => depth -= 1,
                    ";" if depth == 0 => break,
                    "" => break,
                    _ => {}
                }
                at += 1;
            }
            at += 1;
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// True where `#[cfg(test)]`, perhaps other attributes, and `mod` come next.
fn is_test_module(tokens: &[Token]) -> bool {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let cfg_test = ["#", "[", "cfg", "(", "test", ")", "]"];
    if !cfg_test.iter().enumerate().all(|(at, expected)| text(at) == *expected) {
        return false;
    }
    let mut at = cfg_test.len();
    while text(at) == "#" {
        let mut depth = 0;
        loop {
            at += 1;
            match text(at) {
                "[" => depth += 1,
                "]" if depth == 1 => break,
                "]" => depth -= 1,
                "" => return false,
                _ => {}
            }
        }
        at += 1;
    }
    text(at) == "mod"
}

#[test]
fn comments_and_strings_are_left_out_and_lines_are_counted() {
    let source = Source::new(
        "x.rs",
        "// tokio\n/* tokio /* nested */ tokio */ let a = \"tokio \\\" tokio\";\nlet b = r#\"tokio \" \"#; b'\\'';\n'tokio: loop { 'x' }\nreal",
    );
    assert!(source.lines_with("tokio").is_empty());
    assert_eq!(source.lines_with("\"\""), [2, 3]);
    assert_eq!(source.lines_with("'tokio"), [4]);
    assert_eq!(source.lines_with("real"), [5]);
}

#[test]
fn paths_are_told_in_full() {
    let source = Source::new(
        "expr/node.rs",
        "use std::{env, time::{Duration as D, Instant}};\nuse super::walk;\nfn f() { chrono::Utc::now(); x.env(); }",
    );
    let paths: Vec<String> = source.paths().into_iter().map(|named| named.segments.join("::")).collect();
    for expected in ["std::env", "std::time::Duration", "std::time::Instant", "crate::expr::walk", "chrono::Utc::now"] {
        assert!(paths.iter().any(|path| path == expected), "{expected} in {paths:?}");
    }
    assert!(!paths.iter().any(|path| path == "env"), "a method is no path");
}

#[test]
fn test_modules_are_left_out() {
    let source = Source::new(
        "x.rs",
        "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { {} } }\n#[cfg(test)]\n#[allow(clippy::all)]\nmod more;\nfn c() {}",
    );
    assert!(source.lines_with("b").is_empty());
    assert_eq!((source.lines_with("a"), source.lines_with("c")), (vec![1], vec![7]));
}
