//! A chain of plain verbs as it is built: words, one after another, and what is no word beside them.
//!
//! A verb writes what it says behind what the verbs before it said, as [`Flat`] does for one expression, so that the chain's structure is there
//! as bytes once it is built. What has no words (a function, a subquery) stands beside them as it is. Whoever asks for the chain as a tree
//! has it read from here, once; a chain whose shape was compiled before is never asked.

use std::sync::{Arc, OnceLock};

use super::flat::{COLUMN, ROOM, expanded};
use super::shape::{Address, Given, Shapeless, Walk, Walked, class_of};
use super::{Expr, Flat, Kind, Repr};
use crate::ident::{Ident, copy};
use crate::value::Bind;

/// What a chain's verbs have written.
#[derive(Default)]
pub(crate) struct Tape {
    words: Vec<u8>,
    values: Vec<Bind>,
    rows: Vec<u64>,
    /// What has no words, in the order in which the words mention it.
    exprs: Vec<Expr>,
    /// Where the values are in the tree, and then the numbers of rows, once there is one.
    places: OnceLock<Box<[Address]>>,
}

/// More words than this are a tree.
pub(crate) const MAX_WORDS: usize = 4 * 1024;

/// Lists within lists of conditions; deeper ones stand beside the words.
const MAX_LISTS: u32 = 4;

// How an expression begins. No name is as long as these, and no verb has such a number.
const FLAT: u8 = 200;
const BESIDE: u8 = 201;
const ALL: u8 = 202;
const ANY: u8 = 203;
const BETWEEN: u8 = 204;
const NOT_BETWEEN: u8 = 205;

/// The class of the value of a small expression without any.
const NO_VALUE: u8 = 0;

/// A list longer than this has no words.
pub(crate) const MAX_LIST: usize = 255;

impl Tape {
    /// Another one with the same on it, which no tree was made of.
    pub(crate) fn copy_from(&mut self, other: &Tape) {
        self.clear();
        self.words.extend_from_slice(&other.words);
        self.values.extend_from_slice(&other.values);
        self.rows.extend_from_slice(&other.rows);
        self.exprs.extend_from_slice(&other.exprs);
    }

    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.values.clear();
        self.rows.clear();
        self.exprs.clear();
        self.places.take();
    }

    /// How much room it takes, when it is empty too.
    pub(crate) fn room(&self) -> usize {
        self.words.capacity()
            + self.values.capacity() * size_of::<Bind>()
            + self.rows.capacity() * size_of::<u64>()
            + self.exprs.capacity() * size_of::<Expr>()
    }

    pub(crate) fn length(&self) -> usize {
        self.words.len()
    }

    #[inline]
    pub(crate) fn word(&mut self, word: u8) {
        self.words.push(word);
    }

    /// A checked name.
    #[inline]
    pub(crate) fn name(&mut self, name: &[u8]) {
        self.words.push(name.len() as u8);
        self.bytes(name);
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        let from = self.words.len();
        self.words.resize(from + bytes.len(), 0);
        if let Some(place) = self.words.get_mut(from..) {
            copy(place, bytes);
        }
    }

    /// A number of rows. Whether it is less than `told_apart` belongs to the structure.
    #[inline]
    pub(crate) fn rows(&mut self, rows: u64, told_apart: u64) {
        self.words.push(rows.min(told_apart) as u8);
        self.rows.push(rows);
    }

    /// Begins a list of expressions, of which [`Tape::end_list`] says how many there are.
    #[inline]
    pub(crate) fn begin_list(&mut self) -> usize {
        let begin = self.words.len();
        self.words.extend_from_slice(&[0; 4]);
        begin
    }

    #[inline]
    pub(crate) fn end_list(&mut self, begin: usize, count: u32) {
        if let Some(place) = self.words.get_mut(begin..).and_then(|words| words.first_chunk_mut()) {
            *place = count.to_le_bytes();
        }
    }

    /// Forgets the words from `length` on, which nothing stands beside.
    pub(crate) fn cut(&mut self, length: usize) {
        self.words.truncate(length);
    }

    /// The column called `name`; false, and nothing is written, where that is no short name.
    #[inline]
    pub(crate) fn column(&mut self, name: &str) -> bool {
        if Ident::check(name).is_err() {
            return false;
        }
        let length = name.len() as u8;
        self.words.extend_from_slice(&[FLAT, NO_VALUE, length + 2, COLUMN, length]);
        self.bytes(name.as_bytes());
        true
    }

    #[inline]
    pub(crate) fn expr(&mut self, expr: Expr) {
        self.put(expr, 0);
    }

    #[inline]
    fn put(&mut self, mut expr: Expr, lists: u32) {
        match std::mem::replace(&mut expr.0, Repr::Gone) {
            Repr::Flat(flat) => {
                if let Err(flat) = self.flat(flat) {
                    self.beside(Expr(Repr::Flat(flat)));
                }
            }
            other => self.put_tree(Expr(other), lists),
        }
    }

    #[inline(never)]
    fn put_tree(&mut self, mut expr: Expr, lists: u32) {
        match &mut expr.0 {
            Repr::Flat(_) | Repr::Gone => {}
            Repr::Tree(node) => {
                // What others hold too stays one.
                if lists < MAX_LISTS
                    && let Some(node) = Arc::get_mut(node)
                    && self.list(&mut node.kind, lists)
                {
                    return;
                }
            }
        }
        self.beside(expr);
    }

    #[inline(never)]
    fn beside(&mut self, expr: Expr) {
        self.words.push(BESIDE);
        self.exprs.push(expr);
    }

    /// Takes `flat` over; it comes back when its value belongs to the structure.
    #[inline]
    fn flat(&mut self, flat: Box<Flat>) -> Result<(), Box<Flat>> {
        let class = match flat.value() {
            None => NO_VALUE,
            Some(bind) => match class_of(&bind.value) {
                Ok(class) => class,
                Err(Shapeless) => return Err(flat),
            },
        };
        let (words, length) = flat.words();
        // A known number of bytes is copied faster than fewer.
        self.words.reserve(ROOM + 3);
        self.words.extend_from_slice(&[FLAT, class, length]);
        let end = self.words.len() + usize::from(length);
        self.words.extend_from_slice(words);
        self.words.truncate(end);
        if let Some(value) = flat.into_value() {
            self.values.push(value);
        }
        Ok(())
    }

    /// Takes conditions apart that nobody else holds.
    fn list(&mut self, kind: &mut Kind, lists: u32) -> bool {
        match kind {
            Kind::All(list) | Kind::Any(list) if list.len() > MAX_LIST => return false,
            Kind::All(list) => {
                self.words.extend_from_slice(&[ALL, list.len() as u8]);
                list.drain(..).for_each(|expr| self.put(expr, lists + 1));
            }
            Kind::Any(list) => {
                self.words.extend_from_slice(&[ANY, list.len() as u8]);
                list.drain(..).for_each(|expr| self.put(expr, lists + 1));
            }
            Kind::Between { parts, negated } => {
                self.words.push(if *negated { NOT_BETWEEN } else { BETWEEN });
                for part in &mut **parts {
                    self.put(std::mem::replace(part, Expr(Repr::Gone)), lists + 1);
                }
            }
            _ => return false,
        }
        true
    }

    /// Takes over what is on `other`.
    pub(crate) fn append(&mut self, other: &mut Tape) {
        self.bytes(&other.words);
        self.values.append(&mut other.values);
        self.rows.append(&mut other.rows);
        self.exprs.append(&mut other.exprs);
    }

    /// The chain changes, and so will its tree.
    #[inline]
    pub(crate) fn changed(&mut self) {
        self.places.take();
    }

    /// The value of this number, if it is not one of rows.
    #[inline]
    pub(super) fn bind(&self, number: usize) -> Option<&Bind> {
        self.values.get(number)
    }

    pub(super) fn rows_at(&self, number: usize) -> Option<u64> {
        self.rows.get(number.checked_sub(self.values.len())?).copied()
    }

    /// Where it stands.
    pub(super) fn place(&self, number: usize) -> Address {
        match number.checked_sub(self.values.len()) {
            None => self.values.get(number).map_or_else(|| Address::of(self), Address::of),
            Some(number) => self.rows.get(number).map_or_else(|| Address::of(self), Address::of),
        }
    }

    /// Where it stands in the tree, once there is one.
    pub(super) fn place_in_tree(&self, number: usize) -> Address {
        self.places.get().and_then(|places| places.get(number).copied()).unwrap_or_else(|| self.place(number))
    }

    /// Writes the structure into `walk`.
    pub(crate) fn shape<'a>(&'a self, walk: &mut Walk<'a>) -> Walked {
        walk.tape(&self.words, (0..self.values.len() + self.rows.len()).map(|number| Given::Taped(self, number)))?;
        self.exprs.iter().try_for_each(|expr| walk.expr(expr))
    }

    /// Reads what was written.
    pub(crate) fn reader(&self) -> TapeReader<'_> {
        TapeReader {
            words: &self.words,
            values: self.values.iter(),
            rows: self.rows.iter(),
            exprs: self.exprs.iter(),
            places: Vec::new(),
            places_of_rows: Vec::new(),
        }
    }

    /// Keeps where the values are in the tree that `reader` has read.
    pub(crate) fn read(&self, reader: TapeReader<'_>) {
        let TapeReader { mut places, mut places_of_rows, .. } = reader;
        places.append(&mut places_of_rows);
        let _ = self.places.set(places.into());
    }
}

/// What is still to be read of a [`Tape`].
pub(crate) struct TapeReader<'t> {
    words: &'t [u8],
    values: std::slice::Iter<'t, Bind>,
    rows: std::slice::Iter<'t, u64>,
    exprs: std::slice::Iter<'t, Expr>,
    places: Vec<Address>,
    places_of_rows: Vec<Address>,
}

impl<'t> TapeReader<'t> {
    pub(crate) fn is_done(&self) -> bool {
        self.words.is_empty()
    }

    pub(crate) fn word(&mut self) -> Option<u8> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(*first)
    }

    pub(crate) fn name(&mut self) -> Option<Ident> {
        let length = self.word()?;
        Ident::checked_before(self.bytes(length)?)
    }

    fn bytes(&mut self, length: u8) -> Option<&'t [u8]> {
        let (bytes, rest) = self.words.split_at_checked(length.into())?;
        self.words = rest;
        Some(bytes)
    }

    pub(crate) fn names(&mut self) -> Option<Vec<Ident>> {
        let length = self.word()?;
        (0..length).map(|_| self.name()).collect()
    }

    /// A number of rows, and where it is from now on is to be told.
    pub(crate) fn rows(&mut self) -> Option<u64> {
        self.word()?;
        self.rows.next().copied()
    }

    pub(crate) fn rows_are_at(&mut self, place: &u64) {
        self.places_of_rows.push(Address::of(place));
    }

    pub(crate) fn exprs(&mut self) -> Option<Vec<Expr>> {
        self.list(TapeReader::expr)
    }

    /// A list, of which `next` reads one after another.
    pub(crate) fn list<T>(&mut self, mut next: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let (count, rest) = self.words.split_first_chunk()?;
        self.words = rest;
        (0..u32::from_le_bytes(*count)).map(|_| next(self)).collect()
    }

    fn members(&mut self) -> Option<Vec<Expr>> {
        let count = self.word()?;
        (0..count).map(|_| self.expr()).collect()
    }

    pub(crate) fn expr(&mut self) -> Option<Expr> {
        Some(match self.word()? {
            FLAT => {
                let (class, length) = (self.word()?, self.word()?);
                let words = self.bytes(length)?;
                let value = if class == NO_VALUE { None } else { self.values.next() };
                let (expr, place) = expanded(words, value)?;
                self.places.extend(place);
                expr
            }
            BESIDE => self.exprs.next()?.clone(),
            ALL => Expr::make(Kind::All(self.members()?)),
            ANY => Expr::make(Kind::Any(self.members()?)),
            word @ (BETWEEN | NOT_BETWEEN) => {
                let parts = Box::new([self.expr()?, self.expr()?, self.expr()?]);
                Expr::make(Kind::Between { parts, negated: word == NOT_BETWEEN })
            }
            _ => return None,
        })
    }
}
