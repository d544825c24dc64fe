//! From text to a pattern.

use super::{Branch, Item, Piece, Regexp, Set, refuse};
use crate::error::{Error, Result};

/// A longer pattern is refused.
const MAX_LENGTH: usize = 1000;

/// How deep groups may stand in each other.
const MAX_DEPTH: usize = 20;

/// The most repetitions that can be counted, as in PostgreSQL.
const MAX_COUNT: u32 = 255;

const DIGITS: &[(char, char)] = &[('0', '9')];
const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
const SPACE: &[(char, char)] = &[('\t', '\r'), (' ', ' ')];

impl Regexp {
    /// Reads a pattern, and refuses what does not mean the same to every database.
    pub(crate) fn parse(pattern: &str) -> Result<Regexp> {
        if pattern.chars().count() > MAX_LENGTH {
            return Err(refuse(format!("a pattern has at most {MAX_LENGTH} characters; look for less at a time")));
        }
        if pattern.contains('\0') {
            return Err(refuse("a pattern can't hold the character U+0000; leave it out".to_owned()));
        }
        let characters: Vec<char> = pattern.chars().collect();
        let mut parser = Parser { characters: &characters, position: 0, groups: 0 };
        let branches = parser.branches(0)?;
        if parser.peek().is_some() {
            return Err(refuse("a `)` in the pattern closes nothing; write `\\)` for the character".to_owned()));
        }
        let regexp = Regexp { branches, groups: parser.groups };
        regexp.check()?;
        Ok(regexp)
    }
}

struct Parser<'a> {
    characters: &'a [char],
    position: usize,
    groups: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.position).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.position += 1;
        next
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.position += 1;
        }
        found
    }

    fn branches(&mut self, depth: usize) -> Result<Vec<Branch>> {
        if depth > MAX_DEPTH {
            return Err(refuse(format!("the pattern's groups stand more than {MAX_DEPTH} deep; write it flatter")));
        }
        let mut branches = vec![self.branch(depth)?];
        while self.take('|') {
            branches.push(self.branch(depth)?);
        }
        Ok(branches)
    }

    fn branch(&mut self, depth: usize) -> Result<Branch> {
        let anchor = |what: &str| {
            refuse(format!(
                "`{what}` in a pattern stands for the text's {}, so it stands {} the whole pattern or one of its alternatives; write `\\{what}` for the character",
                if what == "^" { "start" } else { "end" },
                if what == "^" { "first in" } else { "last in" },
            ))
        };
        let mut branch = Branch { start: false, pieces: Vec::new(), end: false };
        if self.take('^') {
            if depth > 0 {
                return Err(anchor("^"));
            }
            branch.start = true;
        }
        while let Some(character) = self.peek() {
            match character {
                '|' | ')' => break,
                '^' => return Err(anchor("^")),
                '$' => {
                    self.position += 1;
                    if depth > 0 || !matches!(self.peek(), None | Some('|')) {
                        return Err(anchor("$"));
                    }
                    branch.end = true;
                }
                _ => {
                    let item = self.item(depth)?;
                    let (min, max) = self.quantifier()?;
                    branch.pieces.push(Piece { item, min, max });
                }
            }
        }
        Ok(branch)
    }

    fn item(&mut self, depth: usize) -> Result<Item> {
        let one = |character| Item::Set(Set::new(false, vec![(character, character)]));
        Ok(match self.next() {
            Some('.') => Item::Set(Set::new(true, vec![('\n', '\n')])),
            Some('[') => Item::Set(self.class()?),
            Some('\\') => match self.escape()? {
                Escape::Character(character) => one(character),
                Escape::Class(negated, ranges) => Item::Set(Set::new(negated, ranges.to_vec())),
            },
            Some('(') => {
                let number = if self.take('?') {
                    if !self.take(':') {
                        let message = "`(?` in a pattern starts only `(?:…)`, a group that isn't counted; look-around, names and options differ \
                                       between databases";
                        return Err(refuse(message.to_owned()));
                    }
                    None
                } else {
                    self.groups += 1;
                    Some(self.groups)
                };
                let branches = self.branches(depth + 1)?;
                if !self.take(')') {
                    return Err(refuse("a `(` in the pattern is not closed; write `\\(` for the character".to_owned()));
                }
                Item::Group(number, branches)
            }
            Some(mark @ ('*' | '+' | '?')) => {
                return Err(refuse(format!(
                    "`{mark}` in the pattern repeats nothing; write `\\{mark}` for the character"
                )));
            }
            Some(mark @ ('{' | '}' | ']')) => {
                return Err(refuse(format!(
                    "`{mark}` stands alone in the pattern; write `\\{mark}` for the character"
                )));
            }
            Some(character) => one(character),
            None => return Err(Error::internal("regexp.item")),
        })
    }

    fn escape(&mut self) -> Result<Escape> {
        Ok(match self.next() {
            Some('n') => Escape::Character('\n'),
            Some('r') => Escape::Character('\r'),
            Some('t') => Escape::Character('\t'),
            Some('d') => Escape::Class(false, DIGITS),
            Some('D') => Escape::Class(true, DIGITS),
            Some('w') => Escape::Class(false, WORD),
            Some('W') => Escape::Class(true, WORD),
            Some('s') => Escape::Class(false, SPACE),
            Some('S') => Escape::Class(true, SPACE),
            Some(character) if character.is_ascii_punctuation() || character == ' ' => Escape::Character(character),
            Some(character) if character.is_ascii_digit() => {
                let message = "a pattern can't refer back to what a group matched; compare the parts in the program";
                return Err(refuse(message.to_owned()));
            }
            Some(_) => {
                let message = "a `\\` in a pattern stands before a sign or one of `d D w W s S n r t`; others differ between databases";
                return Err(refuse(message.to_owned()));
            }
            None => return Err(refuse("the pattern ends with a lone `\\`; write `\\\\` for the character".to_owned())),
        })
    }

    /// What follows a `[`.
    fn class(&mut self) -> Result<Set> {
        let negated = self.take('^');
        let mut ranges = Vec::new();
        loop {
            let low = match self.next() {
                None => {
                    return Err(refuse("a `[` in the pattern is not closed; write `\\[` for the character".to_owned()));
                }
                Some(']') if ranges.is_empty() => {
                    return Err(refuse("a class of the pattern is empty; write `\\]` for the character".to_owned()));
                }
                Some(']') => break,
                Some('[') => {
                    let message = "a `[` inside a class starts a class of another kind, such as `[:alpha:]`, and these differ between databases; \
                                   write `\\[` for the character, and ranges such as `a-z`";
                    return Err(refuse(message.to_owned()));
                }
                Some('\\') => match self.escape()? {
                    Escape::Character(character) => character,
                    Escape::Class(false, list) => {
                        ranges.extend_from_slice(list);
                        continue;
                    }
                    Escape::Class(true, _) => {
                        let message = "`\\D`, `\\W` and `\\S` can't stand inside a class; write `[^…]`";
                        return Err(refuse(message.to_owned()));
                    }
                },
                Some(character) => character,
            };
            let is_range = self.peek() == Some('-') && self.characters.get(self.position + 1) != Some(&']');
            if !is_range {
                ranges.push((low, low));
                continue;
            }
            self.position += 1;
            let high = match self.next() {
                Some('\\') => match self.escape()? {
                    Escape::Character(character) => Some(character),
                    Escape::Class(..) => None,
                },
                Some('[') | None => None,
                other => other,
            };
            match high {
                Some(high) if low <= high => ranges.push((low, high)),
                _ => {
                    let message = "a range of the pattern doesn't go up from a character to another; write `\\-` for the character `-`";
                    return Err(refuse(message.to_owned()));
                }
            }
        }
        Ok(Set::new(negated, ranges))
    }

    fn quantifier(&mut self) -> Result<(u32, Option<u32>)> {
        let counts = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                self.position += 1;
                let counts = self.counts().ok_or_else(|| {
                    refuse(format!("a `{{` in a pattern starts a count such as `{{2}}`, `{{2,}}` or `{{2,5}}`, of at most {MAX_COUNT}; write `\\{{` for the character"))
                })?;
                self.position -= 1;
                counts
            }
            _ => return Ok((1, Some(1))),
        };
        self.position += 1;
        match self.peek() {
            Some('?') => Err(refuse("a pattern takes as much as it can: `*?`, `+?` and `??` differ between databases; exclude what ends the match, as in `[^,]*`".to_owned())),
            Some('*' | '+' | '{') => Err(refuse("a repetition in the pattern is repeated; put it into a group, or write the one that is meant".to_owned())),
            _ => Ok(counts),
        }
    }

    /// `2}`, `2,}` or `2,5}`; stands after the brace then.
    fn counts(&mut self) -> Option<(u32, Option<u32>)> {
        let min = self.number()?;
        let max =
            if self.take(',') { if self.peek() == Some('}') { None } else { Some(self.number()?) } } else { Some(min) };
        let in_order = max.is_none_or(|max| max >= min && max > 0);
        (self.take('}') && in_order).then_some((min, max))
    }

    fn number(&mut self) -> Option<u32> {
        let mut number = None;
        while let Some(digit) = self.peek().and_then(|character| character.to_digit(10)) {
            let next = number.unwrap_or(0) * 10 + digit;
            if next > MAX_COUNT {
                return None;
            }
            number = Some(next);
            self.position += 1;
        }
        number
    }
}

enum Escape {
    Character(char),
    Class(bool, &'static [(char, char)]),
}
