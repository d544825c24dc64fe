//! What every pattern must keep, and which patterns every engine matches over the same part of a text.
//!
//! PostgreSQL takes the longest match, the others the first that their way through the pattern finds. The two are the same for two kinds of
//! patterns, and only these may be taken out or replaced:
//!
//! - *flat* ones, a row of characters and classes, each repeated as it may be. The first way takes as many as it can of each in turn; were
//!   a longer match to exist, the two ways would cross, and the first could go on along the other from there and take more.
//! - *definite* ones, where the next character alone says where in the pattern it belongs, so that there is but one way.

use super::{Branch, Item, Piece, Regexp, Set, refuse};
use crate::error::Result;

/// How many characters and classes a pattern has when what is counted is written out.
const MAX_POSITIONS: usize = 400;

impl Regexp {
    pub(super) fn check(&self) -> Result<()> {
        if self.branches.iter().any(|branch| branch.pieces.is_empty() && !(branch.start && branch.end)) {
            return Err(refuse("the pattern, or an alternative of it, is empty; write what to look for".to_owned()));
        }
        let mut size = 0;
        check_branches(&self.branches, &mut size)
    }

    /// Whether it matches somewhere in any text.
    pub(crate) fn may_be_empty(&self) -> bool {
        nullable(&self.branches)
    }

    /// Whether every engine finds the same part of a text.
    pub(crate) fn is_exact(&self) -> bool {
        (self.branches.len() == 1 && is_flat(&self.branches)) || self.is_definite()
    }

    /// Whether there is but one way through the pattern for any text.
    pub(crate) fn is_definite(&self) -> bool {
        definite(&self.branches).is_some()
    }

    /// Whether the group takes part in every match, and once: it stands outside repetitions and alternatives.
    pub(crate) fn always_has(&self, group: usize) -> bool {
        group == 0 || always_in(&self.branches, group)
    }

    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    /// How many repetitions can share a stretch of text among them: an engine that goes back tries as many ways as the text's length to
    /// the power of this.
    pub(crate) fn choices(&self) -> u32 {
        if self.is_definite() { 1 } else { choices(&self.branches) }
    }
}

fn check_branches(branches: &[Branch], size: &mut usize) -> Result<()> {
    for branch in branches {
        if branches.len() > 1 && branch.pieces.iter().all(Piece::nullable) {
            let message =
                "an alternative of the pattern may be empty; leave it out, and write `?` after the group of the others";
            return Err(refuse(message.to_owned()));
        }
        for piece in &branch.pieces {
            let before = *size;
            match &piece.item {
                Item::Set(_) => *size += 1,
                Item::Group(_, inner) => {
                    if inner.iter().all(|branch| branch.pieces.is_empty()) {
                        return Err(refuse("a group of the pattern is empty; write what to look for".to_owned()));
                    }
                    check_branches(inner, size)?;
                    if !piece.is_once() {
                        check_repeated(piece, inner)?;
                    }
                }
            }
            let times = piece.max.unwrap_or(piece.min + 1) as usize;
            *size = before.saturating_add((*size - before).saturating_mul(times));
            if *size > MAX_POSITIONS {
                return Err(refuse(format!(
                    "the pattern's counts make it longer than {MAX_POSITIONS} characters; count less"
                )));
            }
        }
    }
    Ok(())
}

/// What is repeated is not empty, and the next character says whether another repetition starts: else some engines take years.
fn check_repeated(piece: &Piece, inner: &[Branch]) -> Result<()> {
    if nullable(inner) {
        let message = "a group of the pattern that is repeated may be empty; write `+` for `*` inside it";
        return Err(refuse(message.to_owned()));
    }
    let again = Piece { item: piece.item.clone(), min: 0, max: None };
    let looped = Branch { start: false, pieces: vec![again], end: false };
    if definite(std::slice::from_ref(&looped)).is_none() {
        let message = "a group of the pattern is repeated, and one text fits it in several ways, as in `(a+)+`; write it so that the next \
                       character decides, as in `a+`";
        return Err(refuse(message.to_owned()));
    }
    Ok(())
}

impl Piece {
    fn is_once(&self) -> bool {
        self.min == 1 && self.max == Some(1)
    }

    fn nullable(&self) -> bool {
        self.min == 0 || matches!(&self.item, Item::Group(_, inner) if nullable(inner))
    }
}

fn nullable(branches: &[Branch]) -> bool {
    branches.iter().any(|branch| branch.pieces.iter().all(Piece::nullable))
}

fn is_flat(branches: &[Branch]) -> bool {
    let [only] = branches else { return false };
    only.pieces.iter().all(|piece| match &piece.item {
        Item::Set(_) => true,
        Item::Group(_, inner) => piece.is_once() && is_flat(inner),
    })
}

fn always_in(branches: &[Branch], group: usize) -> bool {
    let [only] = branches else { return false };
    only.pieces.iter().any(|piece| match &piece.item {
        Item::Group(number, inner) => piece.is_once() && (*number == Some(group) || always_in(inner, group)),
        Item::Set(_) => false,
    })
}

fn choices(branches: &[Branch]) -> u32 {
    let of_piece = |piece: &Piece| match &piece.item {
        Item::Group(_, inner) if piece.is_once() => choices(inner),
        // A repeated group is definite within itself.
        _ => u32::from(piece.max != Some(piece.min)),
    };
    branches.iter().map(|branch| branch.pieces.iter().map(of_piece).sum()).max().unwrap_or(0)
}

/// Glushkov's automaton: the positions that a match may start at, those that it may end at, and those that may follow each.
#[derive(Default)]
struct Positions {
    sets: Vec<Vec<(char, char)>>,
    follow: Vec<Vec<usize>>,
    /// One position follows another in two ways, as in `(a+)+`.
    ambiguous: bool,
}

/// The positions where a part starts and ends, and whether it may be empty.
#[derive(Clone)]
struct Part {
    first: Vec<usize>,
    last: Vec<usize>,
    nullable: bool,
}

fn definite(branches: &[Branch]) -> Option<()> {
    let mut positions = Positions::default();
    let whole = positions.branches(branches);
    let apart = |list: &[usize]| {
        let mut ranges: Vec<(char, char)> =
            list.iter().filter_map(|position| positions.sets.get(*position)).flatten().copied().collect();
        ranges.sort_unstable();
        ranges.windows(2).all(|pair| matches!(pair, [(_, high), (low, _)] if high < low))
    };
    (!positions.ambiguous && apart(&whole.first) && positions.follow.iter().all(|list| apart(list))).then_some(())
}

impl Positions {
    fn branches(&mut self, branches: &[Branch]) -> Part {
        let mut all = Part { first: Vec::new(), last: Vec::new(), nullable: false };
        for branch in branches {
            let mut row = Part { first: Vec::new(), last: Vec::new(), nullable: true };
            for piece in &branch.pieces {
                let part = self.piece(piece);
                row = self.join(row, part);
            }
            all.first.extend(row.first);
            all.last.extend(row.last);
            all.nullable |= row.nullable;
        }
        all
    }

    /// Counted repetitions are written out.
    fn piece(&mut self, piece: &Piece) -> Part {
        let mut row = Part { first: Vec::new(), last: Vec::new(), nullable: true };
        let copies = piece.max.unwrap_or_else(|| piece.min.max(1));
        for copy in 0..copies {
            let mut part = match &piece.item {
                Item::Set(set) => self.set(set),
                Item::Group(_, inner) => self.branches(inner),
            };
            if piece.max.is_none() && copy + 1 == copies {
                self.connect(&part.last, &part.first);
            }
            part.nullable |= copy >= piece.min;
            row = self.join(row, part);
        }
        row
    }

    fn set(&mut self, set: &Set) -> Part {
        let position = self.sets.len();
        self.sets.push(set.plain());
        self.follow.push(Vec::new());
        Part { first: vec![position], last: vec![position], nullable: false }
    }

    fn connect(&mut self, from: &[usize], to: &[usize]) {
        for position in from {
            if let Some(list) = self.follow.get_mut(*position) {
                self.ambiguous |= to.iter().any(|next| list.contains(next));
                list.extend(to);
            }
        }
    }

    fn join(&mut self, left: Part, right: Part) -> Part {
        self.connect(&left.last, &right.first);
        let mut first = left.first;
        if left.nullable {
            first.extend(&right.first);
        }
        let mut last = right.last;
        if right.nullable {
            last.extend(left.last);
        }
        Part { first, last, nullable: left.nullable && right.nullable }
    }
}
