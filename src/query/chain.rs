//! Chains of plain verbs on a tape, and what a frame is made of.
//!
//! A chain that starts at a table and goes on by plain verbs is one buffer, of its thread's, that each verb appends to. A verb without words here
//! makes it a tree of [`Relation`]s, as does whoever looks at the verbs; see `expr/tape.rs`.

use std::cell::RefCell;
use std::panic::Location;
use std::sync::{Arc, LazyLock, OnceLock};

use super::list::List;
use super::shape::{self, MAX_SIZE};
use super::{JoinKind, JoinOn, Matching, Relation, TableName, Verb};
use crate::error::Error;
use crate::expr::{Expr, MAX_LIST, MAX_WORDS, Shapeless, SortKey, Tape, TapeReader, Walk, Walked};
use crate::ident::Ident;

/// Verbs, the first of which is a table.
pub(super) struct Chain {
    tape: Tape,
    /// Where each verb was written.
    places: Vec<&'static Location<'static>>,
    /// Which of these places is that of the last verb.
    last: usize,
    /// Tables of which more is known than a name.
    tables: Vec<TableName>,
    /// How many verbs follow each other, without those of what is joined.
    verbs: u8,
    // As those of the tree's last [`Relation`].
    depth: u32,
    size: u32,
    deepest: u32,
    /// How many rows it has at most, as far as it says; see `most_rows.rs`.
    most_rows: Option<u64>,
    tree: OnceLock<Arc<Relation>>,
}

/// A chain in a box that goes back to its thread.
pub(super) struct Held(Option<Box<Chain>>);

/// What a frame is made of.
pub(super) enum Body {
    Chain(Held),
    Tree(Arc<Relation>),
}

/// A longer chain is a tree.
const MAX_VERBS: usize = 64;

/// How many boxes a thread keeps for its next chains, and how much room each of them may take.
const SPARE: usize = 16;
const MAX_ROOM: usize = 16 * 1024;

/// The box itself is what is kept.
type Spare = Box<Chain>;

thread_local! {
    static SPARES: RefCell<Vec<Spare>> = const { RefCell::new(Vec::new()) };
}

// The words of verbs.
const TABLE: u8 = 1;
const KNOWN_TABLE: u8 = 2;
const SELECT: u8 = 3;
const WHERE: u8 = 4;
const WITH_COLUMN: u8 = 5;
const RENAME: u8 = 6;
const DROP: u8 = 7;
const AGGREGATE: u8 = 8;
const ORDER_BY: u8 = 9;
const LIMIT: u8 = 10;
const OFFSET: u8 = 11;
const DISTINCT: u8 = 12;
const AS: u8 = 13;
const JOIN: u8 = 14;

// How a join matches.
const NOTHING: u8 = 0;
const CONDITION: u8 = 1;
const NAMES: u8 = 2;

const JOINS: [JoinKind; 9] = [
    JoinKind::Inner,
    JoinKind::Left,
    JoinKind::Right,
    JoinKind::Full,
    JoinKind::Cross,
    JoinKind::Semi,
    JoinKind::Anti,
    JoinKind::Lateral,
    JoinKind::LeftLateral,
];

impl Held {
    /// An empty chain.
    #[inline]
    fn new() -> Held {
        // A thread that ends has no spare ones any more.
        match SPARES.try_with(|spares| spares.try_borrow_mut().ok()?.pop()) {
            Ok(Some(chain)) => Held(Some(chain)),
            _ => Held(Some(Chain::empty())),
        }
    }

    #[inline]
    fn chain(&self) -> Option<&Chain> {
        self.0.as_deref()
    }
}

impl Clone for Held {
    fn clone(&self) -> Held {
        let mut held = Held::new();
        if let (Some(copy), Some(chain)) = (&mut held.0, &self.0) {
            copy.tape.copy_from(&chain.tape);
            copy.places.clone_from(&chain.places);
            copy.tables.clone_from(&chain.tables);
            (copy.last, copy.verbs) = (chain.last, chain.verbs);
            (copy.depth, copy.size) = (chain.depth, chain.size);
            (copy.deepest, copy.most_rows) = (chain.deepest, chain.most_rows);
        }
        held
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        let Some(mut chain) = self.0.take() else { return };
        if chain.tape.room() > MAX_ROOM {
            return;
        }
        chain.clear();
        let _ = SPARES.try_with(|spares| {
            if let Ok(mut spares) = spares.try_borrow_mut()
                && spares.len() < SPARE
            {
                spares.push(chain);
            }
        });
    }
}

impl Clone for Body {
    #[inline]
    fn clone(&self) -> Body {
        match self {
            Body::Chain(held) => Body::Chain(held.clone()),
            Body::Tree(relation) => Body::Tree(Arc::clone(relation)),
        }
    }
}

impl Body {
    /// A chain of one table.
    #[inline]
    pub(super) fn table(name: TableName, place: &'static Location<'static>) -> Body {
        let mut held = Held::new();
        if let Some(chain) = &mut held.0 {
            chain.table(name, place);
        }
        Body::Chain(held)
    }

    /// Both chains, if they are, with room for the join of the two.
    pub(super) fn open_both<'b>(
        &'b mut self,
        right: &'b mut Body,
        place: &'static Location<'static>,
    ) -> Option<(&'b mut Chain, &'b mut Held)> {
        let Body::Chain(right) = right else { return None };
        let other = right.chain()?;
        let has_room = |chain: &Chain| {
            chain.places.len() + other.places.len() <= MAX_VERBS
                && chain.tape.length() + other.tape.length() <= MAX_WORDS
        };
        match self {
            Body::Chain(Held(Some(chain))) if has_room(chain) => {}
            _ => return None,
        }
        Some((self.open(place)?, right))
    }

    /// The chain, if there is one, with room for a verb that is written at `place`.
    #[inline]
    pub(super) fn open(&mut self, place: &'static Location<'static>) -> Option<&mut Chain> {
        let Body::Chain(Held(Some(chain))) = self else { return None };
        if chain.places.len() >= MAX_VERBS || chain.tape.length() > MAX_WORDS {
            return None;
        }
        if chain.tree.get().is_some() {
            chain.changed();
        }
        chain.last = chain.places.len();
        chain.places.push(place);
        (chain.verbs, chain.depth, chain.size) = (chain.verbs + 1, chain.depth + 1, chain.size + 1);
        Some(chain)
    }

    /// The verbs as a tree, from the last one on.
    #[inline]
    pub(super) fn relation(&self) -> &Arc<Relation> {
        match self {
            Body::Tree(relation) => relation,
            Body::Chain(held) => held.relation(),
        }
    }

    pub(super) fn into_relation(self) -> Arc<Relation> {
        match self {
            Body::Tree(relation) => relation,
            Body::Chain(mut held) => {
                let known = held.0.as_mut().and_then(|chain| chain.tree.take());
                known.unwrap_or_else(|| Arc::clone(held.relation()))
            }
        }
    }

    /// Where the last verb was written.
    #[inline]
    pub(super) fn location(&self) -> &'static Location<'static> {
        match self {
            // Those of what is joined stand behind that of the join.
            Body::Chain(Held(Some(chain))) if let Some(place) = chain.places.get(chain.last) => place,
            body => body.relation().location,
        }
    }

    /// How many rows it has at most, as far as it says.
    pub(super) fn most_rows(&self) -> Option<u64> {
        match self {
            Body::Chain(Held(Some(chain))) => chain.most_rows,
            body => body.relation().most_rows(),
        }
    }

    /// How deep it is, the deepest of its expressions, and how many verbs it is made of.
    pub(super) fn measures(&self) -> (u32, u32, u32) {
        match self {
            Body::Chain(Held(Some(chain))) => (chain.depth, chain.deepest, chain.size),
            body => {
                let relation = body.relation();
                (relation.depth, relation.deepest, relation.size)
            }
        }
    }

    /// The chain, where it can be walked: else the tree is.
    pub(super) fn chain(&self) -> Option<&Chain> {
        match self {
            Body::Chain(held) => held.chain(),
            Body::Tree(_) => None,
        }
    }

    /// True when all its verbs are plain ones, of which none can hold another frame.
    pub(super) fn is_plain(&self) -> bool {
        self.chain().is_some_and(|chain| chain.size as usize == chain.places.len())
    }
}

impl Held {
    fn relation(&self) -> &Arc<Relation> {
        static NONE: LazyLock<Arc<Relation>> = LazyLock::new(misread);
        match self.chain() {
            Some(chain) => chain.tree.get_or_init(|| chain.read().unwrap_or_else(misread)),
            None => &NONE,
        }
    }
}

impl Chain {
    #[inline(never)]
    fn empty() -> Box<Chain> {
        Box::new(Chain {
            tape: Tape::default(),
            places: Vec::new(),
            last: 0,
            tables: Vec::new(),
            verbs: 0,
            depth: 0,
            size: 0,
            deepest: 0,
            most_rows: None,
            tree: OnceLock::new(),
        })
    }

    fn clear(&mut self) {
        self.tape.clear();
        self.places.clear();
        self.tables.clear();
        (self.last, self.verbs) = (0, 0);
        (self.depth, self.size, self.deepest) = (0, 0, 0);
        self.most_rows = None;
        self.tree.take();
    }

    fn changed(&mut self) {
        self.tree.take();
        self.tape.changed();
    }

    fn table(&mut self, name: TableName, place: &'static Location<'static>) {
        self.places.push(place);
        (self.verbs, self.depth, self.size) = (1, 1, 1);
        match name {
            TableName { schema: None, name, declared: None, rules: None } => {
                self.tape.word(TABLE);
                self.tape.name(name.as_bytes());
            }
            known => {
                self.tape.word(KNOWN_TABLE);
                self.tables.push(known);
            }
        }
    }

    #[inline]
    pub(super) fn expr(&mut self, expr: Expr) {
        self.count(&expr);
        self.tape.expr(expr);
    }

    /// What `collect` gives; false where that is nothing.
    #[inline]
    fn list(&mut self, collect: impl FnOnce(&mut List<'_, Expr>)) -> bool {
        let begin = self.tape.begin_list();
        let count = List::on(self, collect);
        self.tape.end_list(begin, count);
        count > 0
    }

    /// The column called `name`; false where that is no short name.
    #[inline]
    pub(super) fn column(&mut self, name: &str) -> bool {
        self.deepest = self.deepest.max(1);
        self.tape.column(name)
    }

    /// Takes back the last verb, which says nothing from `begin` on.
    fn withdraw(&mut self, begin: usize) {
        self.tape.cut(begin);
        self.places.pop();
        (self.verbs, self.depth, self.size) = (self.verbs - 1, self.depth - 1, self.size - 1);
    }

    #[inline]
    fn count(&mut self, expr: &Expr) {
        self.size = self.size.saturating_add(expr.verbs());
        self.deepest = self.deepest.max(expr.depth());
    }

    fn names(&mut self, names: &[Ident]) {
        self.tape.word(names.len() as u8);
        names.iter().for_each(|name| self.tape.name(name.as_bytes()));
    }

    /// The columns that `collect` gives; without any nothing changes, and it is false.
    #[inline]
    pub(super) fn select(&mut self, collect: impl FnOnce(&mut List<'_, Expr>)) -> bool {
        let begin = self.tape.length();
        self.tape.word(SELECT);
        let some = self.list(collect);
        if !some {
            self.withdraw(begin);
        }
        some
    }

    #[inline]
    pub(super) fn where_(&mut self, condition: Expr) {
        self.tape.word(WHERE);
        self.expr(condition);
    }

    pub(super) fn with_column(&mut self, name: &Ident, expr: Expr) {
        self.tape.word(WITH_COLUMN);
        self.tape.name(name.as_bytes());
        self.expr(expr);
    }

    pub(super) fn rename(&mut self, from: &Ident, to: &Ident) {
        self.tape.word(RENAME);
        self.tape.name(from.as_bytes());
        self.tape.name(to.as_bytes());
    }

    pub(super) fn drop_columns(&mut self, names: &[Ident]) {
        self.tape.word(DROP);
        self.names(names);
    }

    /// Groups by `keys`, and the aggregates that `collect` gives; without either nothing changes, and it is false.
    pub(super) fn aggregate(&mut self, keys: &mut Vec<Expr>, collect: impl FnOnce(&mut List<'_, Expr>)) -> bool {
        let begin = self.tape.length();
        self.tape.word(AGGREGATE);
        let grouped = self.list(|list| keys.drain(..).for_each(|key| list.push(key)));
        let some = self.list(collect) || grouped;
        if !some {
            self.withdraw(begin);
        } else if !grouped {
            self.at_most(1);
        }
        some
    }

    /// Sorts by the keys that `collect` gives; without any nothing changes, and it is false.
    #[inline]
    pub(super) fn order_by(&mut self, collect: impl FnOnce(&mut List<'_, SortKey>)) -> bool {
        let begin = self.tape.length();
        self.tape.word(ORDER_BY);
        let list = self.tape.begin_list();
        let count = List::on(self, collect);
        self.tape.end_list(list, count);
        if count == 0 {
            self.withdraw(begin);
        }
        count > 0
    }

    #[inline]
    pub(super) fn sort_key(&mut self, key: SortKey) {
        let SortKey { expr, descending, nulls_first } = key;
        self.tape.word(u8::from(descending) << 1 | u8::from(nulls_first));
        self.expr(expr);
    }

    pub(super) fn limit(&mut self, rows: u64) {
        self.at_most(rows);
        self.tape.word(LIMIT);
        // A subquery of one row is written in another way, and one of none too.
        self.tape.rows(rows, 2);
    }

    pub(super) fn offset(&mut self, rows: u64) {
        self.tape.word(OFFSET);
        self.tape.rows(rows, 1);
    }

    pub(super) fn distinct(&mut self) {
        self.tape.word(DISTINCT);
    }

    pub(super) fn as_(&mut self, name: &Ident) {
        self.tape.word(AS);
        self.tape.name(name.as_bytes());
    }

    /// Takes `right` over, which is what a join has on its right.
    pub(super) fn join(&mut self, right: &mut Held, kind: JoinKind, on: JoinOn) {
        self.tape.word(JOIN);
        self.tape.word(kind as u8);
        self.tape.word(u8::from(on.suffix.is_some()));
        if let Some(Ok(suffix)) = &on.suffix {
            self.tape.name(suffix.as_bytes());
        }
        match on.condition {
            Matching::Nothing | Matching::Invalid(_) => self.tape.word(NOTHING),
            Matching::Condition(condition) => {
                self.tape.word(CONDITION);
                self.expr(condition);
            }
            Matching::Names(names) => {
                self.tape.word(NAMES);
                self.names(&names);
            }
        }
        self.most_rows = None;
        if let Some(right) = &mut right.0 {
            self.tape.word(right.verbs);
            self.tape.append(&mut right.tape);
            self.places.append(&mut right.places);
            self.tables.append(&mut right.tables);
            self.size = self.size.saturating_add(right.size);
            self.depth = self.depth.max(right.depth + 1);
            self.deepest = self.deepest.max(right.deepest);
        }
    }

    fn at_most(&mut self, rows: u64) {
        self.most_rows = Some(self.most_rows.map_or(rows, |most| most.min(rows)));
    }

    /// Writes the structure into `walk`.
    pub(super) fn shape<'a>(&'a self, walk: &mut Walk<'a>) -> Walked {
        if self.size > MAX_SIZE {
            return Err(Shapeless);
        }
        self.tape.shape(walk)?;
        self.tables.iter().for_each(|table| shape::table(table, walk));
        Ok(())
    }

    /// The tree that the words tell.
    fn read(&self) -> Option<Arc<Relation>> {
        let mut reading = Reading { tape: self.tape.reader(), places: self.places.iter(), tables: self.tables.iter() };
        let relation = reading.verbs(usize::MAX)?;
        let done = reading.tape.is_done();
        self.tape.read(reading.tape);
        done.then_some(relation)
    }
}

/// A chain whose words are none, which is a fault of this crate.
fn misread() -> Arc<Relation> {
    Relation::new(Verb::Invalid(None, Error::internal("chain.words")), Location::caller())
}

/// Whether the list is short enough to have words.
#[inline]
pub(super) fn fits<T>(list: &[T]) -> bool {
    list.len() <= MAX_LIST
}

/// Whether a join that matches so has words.
pub(super) fn has_words(on: &JoinOn) -> bool {
    let matching = match &on.condition {
        Matching::Nothing | Matching::Condition(_) => true,
        Matching::Names(names) => fits(names),
        Matching::Invalid(_) => false,
    };
    matching && !matches!(on.suffix, Some(Err(_)))
}

/// What is still to be read of a chain.
struct Reading<'c> {
    tape: TapeReader<'c>,
    places: std::slice::Iter<'c, &'static Location<'static>>,
    tables: std::slice::Iter<'c, TableName>,
}

impl Reading<'_> {
    /// The next verbs, the first of which is a table.
    fn verbs(&mut self, count: usize) -> Option<Arc<Relation>> {
        let mut relation: Option<Arc<Relation>> = None;
        for _ in 0..count {
            let Some(word) = (if self.tape.is_done() { None } else { self.tape.word() }) else { break };
            let place = self.places.next()?;
            let verb = match (word, relation) {
                (TABLE, None) => {
                    Verb::Table(TableName { schema: None, name: self.tape.name()?, declared: None, rules: None })
                }
                (KNOWN_TABLE, None) => Verb::Table(self.tables.next()?.clone()),
                (word, Some(input)) => self.verb(word, input)?,
                (_, None) => return None,
            };
            let next = Relation::new(verb, place);
            if let Verb::Limit(_, rows) | Verb::Offset(_, rows) = &next.verb {
                self.tape.rows_are_at(rows);
            }
            relation = Some(next);
        }
        relation
    }

    fn verb(&mut self, word: u8, input: Arc<Relation>) -> Option<Verb> {
        let tape = &mut self.tape;
        Some(match word {
            SELECT => Verb::Select(input, tape.exprs()?),
            WHERE => Verb::Where(input, tape.expr()?),
            WITH_COLUMN => Verb::WithColumn(input, tape.name()?, tape.expr()?),
            RENAME => Verb::Rename(input, vec![(tape.name()?, tape.name()?)]),
            DROP => Verb::Drop(input, tape.names()?),
            AGGREGATE => Verb::Aggregate { input, keys: tape.exprs()?, aggregates: tape.exprs()? },
            ORDER_BY => {
                let key = |tape: &mut TapeReader<'_>| {
                    let flags = tape.word()?;
                    Some(SortKey { descending: flags & 2 != 0, nulls_first: flags & 1 != 0, expr: tape.expr()? })
                };
                Verb::OrderBy(input, tape.list(key)?)
            }
            LIMIT => Verb::Limit(input, tape.rows()?),
            OFFSET => Verb::Offset(input, tape.rows()?),
            DISTINCT => Verb::Distinct(input),
            AS => Verb::As(input, tape.name()?),
            JOIN => {
                let kind = *JOINS.get(usize::from(tape.word()?))?;
                let suffix = match tape.word()? {
                    0 => None,
                    _ => Some(Ok(tape.name()?)),
                };
                let condition = match tape.word()? {
                    NOTHING => Matching::Nothing,
                    CONDITION => Matching::Condition(tape.expr()?),
                    NAMES => Matching::Names(tape.names()?),
                    _ => return None,
                };
                let count = tape.word()?;
                let right = self.verbs(count.into())?;
                Verb::Join { left: input, right, kind, on: JoinOn { condition, suffix } }
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::super::JoinKind;
    use super::*;
    use crate::{Frame, all_of, any_of, col, count, exists, in_schema, on, sum, table, using, values};

    crate::table! {
        known {
            id: i64,
            name: String,
        }
    }

    /// Chains of plain verbs, each with its verbs from the last to the first.
    fn plain() -> Vec<(Frame, &'static [&'static str])> {
        let orders = || table("orders");
        let both = || any_of([col("a").eq(1), all_of([col("b").lt("x"), col("c").is_null()])]);
        vec![
            (orders(), &["table"]),
            (table(known::table).select("id"), &["select", "table"]),
            (table(in_schema("s", "t")).distinct(), &["distinct", "table"]),
            (orders().where_(both()).select(("id", col("a").upper().as_("u"))), &["select", "where_", "table"]),
            (orders().with_column("n", col("a") + 1).rename("n", "m"), &["rename", "with_column", "table"]),
            (orders().drop(["a", "b"]).as_("o").offset(3), &["offset", "as_", "drop", "table"]),
            (orders().order_by((col("a").desc(), "b")).limit(7), &["limit", "order_by", "table"]),
            (orders().group_by(["a"]).agg(sum(col("b"))).limit(9), &["limit", "agg", "table"]),
            (orders().agg(count(crate::all())), &["agg", "table"]),
            (orders().limit(4).join(table("t").limit(2), using("id")), &["join", "limit", "table"]),
            (
                orders()
                    .left_join(table("t").where_(col("z").gt(5)), on(col("a").eq(col("b").of("t"))).suffix("_t"))
                    .where_(col("c").between(1, 2) & exists(table("u").limit(1).select("id"))),
                &["where_", "join", "table"],
            ),
        ]
    }

    fn verbs(frame: &Frame) -> Vec<&'static str> {
        let mut verbs = Vec::new();
        let mut next = Some(frame.relation());
        while let Some(relation) = next {
            verbs.push(relation.verb.name());
            next = relation.verb.input();
        }
        verbs
    }

    #[test]
    fn the_words_of_a_chain_tell_the_verbs_that_were_written() {
        for (frame, expected) in plain() {
            assert!(frame.body.chain().is_some(), "{expected:?}");
            assert_eq!(verbs(&frame), expected);
            let relation = Arc::clone(frame.relation());
            assert_eq!(frame.body.measures(), (relation.depth, relation.deepest, relation.size), "{expected:?}");
            assert_eq!(frame.most_rows(), relation.most_rows(), "{expected:?}");
            assert_eq!(frame.location(), relation.location);
        }
    }

    #[test]
    fn a_chain_has_the_structure_of_its_copy_and_of_no_other() {
        let key = |frame: &Frame| {
            let mut walk = Walk::new(Vec::new(), 0);
            frame.shape(&mut walk).unwrap();
            walk.key().to_vec()
        };
        let frames = plain();
        for (place, (frame, verbs)) in frames.iter().enumerate() {
            assert_eq!(key(frame), key(&frame.clone()), "{verbs:?}");
            let first = frames.iter().position(|(other, _)| key(other) == key(frame));
            assert_eq!(first, Some(place), "{verbs:?}");
            // What was read of it once does not stay when it grows.
            frame.relation();
            assert_eq!(self::verbs(&frame.clone().distinct()), [&["distinct"], *verbs].concat());
        }
        let limits = [0, 1, 2, 3].map(|rows| key(&table("t").limit(rows)));
        assert!(limits[0] != limits[1] && limits[1] != limits[2] && limits[2] == limits[3]);
        assert_ne!(key(&table("t").where_(col("a").eq(0))), key(&table("t").where_(col("a").eq(1))));
        assert_eq!(key(&table("t").where_(col("a").eq(2))), key(&table("t").where_(col("a").eq(1))));
        assert_ne!(key(&table("t").where_(col("a").eq("1"))), key(&table("t").where_(col("a").eq(1))));
    }

    #[test]
    fn a_verb_that_says_nothing_leaves_the_chain_as_it_was() {
        let none = Vec::<&str>::new;
        for frame in
            [table("t").limit(3).select(none()), table("t").limit(3).order_by(none()), table("t").limit(3).agg(none())]
        {
            assert_eq!(verbs(&frame), ["invalid", "limit", "table"]);
        }
    }

    #[test]
    fn what_has_no_words_or_no_room_is_a_tree() {
        assert!(table("t").union(table("u")).body.chain().is_none());
        assert!(table("t").join(values(["id"], [[1]]), using("id")).body.chain().is_none());
        assert!(table("t").limit(u64::MAX).body.chain().is_none());
        let long = (0..=MAX_VERBS).fold(table("t"), |frame, number| frame.where_(col("a").gt(number as i64)));
        assert!(long.body.chain().is_none());
        assert_eq!(long.body.measures().2 as usize, MAX_VERBS + 2);
        let wide: Vec<String> = (0..1_000).map(|number| format!("column_{number}")).collect();
        let wide = table("t").select(wide).where_(col("a")).distinct();
        assert_eq!(verbs(&wide), ["distinct", "where_", "select", "table"]);
        let Verb::Select(_, list) = &wide.relation().verb.input().unwrap().verb.input().unwrap().verb else { panic!() };
        assert_eq!(list.len(), 1_000);
    }

    #[test]
    fn a_chain_that_is_dropped_leaves_nothing_to_the_next() {
        for _ in 0..3 {
            for (frame, verbs) in plain() {
                assert_eq!(self::verbs(&frame), verbs);
            }
        }
    }

    #[test]
    fn numbers_stand_for_the_joins_that_are_listed_at_them() {
        for (number, kind) in JOINS.iter().enumerate() {
            assert_eq!(*kind as usize, number);
        }
        assert_eq!(JOINS.len(), JoinKind::LeftLateral as usize + 1);
    }
}
