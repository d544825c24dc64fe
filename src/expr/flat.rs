//! Small expressions as they are built: a few bytes that tell their structure, and their value beside them.
//!
//! Most of a chain are such: a column, a value, a comparison of the two, an aggregate with a name. The bytes are the operations in
//! the order in which a stack takes them, so that building appends, in place. Whoever asks for the kind of one gets the tree that
//! the bytes tell, made once; a chain whose shape was compiled before is never asked.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use super::shape::Address;
use super::{Aggregate, AggregateCall, Arithmetic, Comparison, Declared, Expr, Kind, Node, each_child};
use crate::error::Error;
use crate::ident::{Ident, copy};
use crate::types::SqlType;
use crate::value::{Bind, Value};

/// An expression of few bytes and at most one value.
pub(crate) struct Flat {
    words: [u8; ROOM],
    length: u8,
    depth: u8,
    value: Option<Bind>,
    tree: OnceLock<Arc<Node>>,
}

/// Two columns of a relation each, with long names, and what joins them.
pub(super) const ROOM: usize = 94;

/// How many a thread keeps for its next expressions: a chain drops as many as the next one makes.
const SPARE: usize = 64;

/// The box itself is what is kept.
type Spare = Box<Flat>;

thread_local! {
    static SPARES: RefCell<Vec<Spare>> = const { RefCell::new(Vec::new()) };
}

/// A longer text is held by a node, so that a clone stays cheap.
const MAX_TEXT: usize = 128;

// The words. Each begins with a byte that tells it from the others and from which its length follows.
pub(super) const COLUMN: u8 = 1;
const COLUMN_OF: u8 = 2;
const DECLARED: u8 = 3;
const LITERAL: u8 = 4;
const NOT: u8 = 5;
const NEGATE: u8 = 6;
const IS_NULL: u8 = 7;
const IS_NOT_NULL: u8 = 8;
const ALIAS: u8 = 9;
const AGGREGATE: u8 = 10;
const AGGREGATE_OF_ROWS: u8 = 11;
/// From here on one number for each comparison, and then one for each operation.
const COMPARE: u8 = 32;
const ARITHMETIC: u8 = 48;

const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
];

const OPERATIONS: [Arithmetic; 6] = [
    Arithmetic::Add,
    Arithmetic::Subtract,
    Arithmetic::Multiply,
    Arithmetic::Divide,
    Arithmetic::IntegerDivide,
    Arithmetic::Modulo,
];

/// Those that most chains hold.
const AGGREGATES: [Aggregate; 5] = [Aggregate::Count, Aggregate::Sum, Aggregate::Avg, Aggregate::Min, Aggregate::Max];

const TYPES: [SqlType; 17] = [
    SqlType::Int64,
    SqlType::Text,
    SqlType::Bool,
    SqlType::Float64,
    SqlType::Decimal(None),
    SqlType::Int16,
    SqlType::Int32,
    SqlType::UInt64,
    SqlType::Float32,
    SqlType::Bytes,
    SqlType::Date,
    SqlType::Time,
    SqlType::Timestamp,
    SqlType::TimestampTz,
    SqlType::Interval,
    SqlType::Uuid,
    SqlType::Json,
];

/// The number of a type among [`TYPES`], if it is one of these.
#[inline]
const fn number_of_type(sql_type: SqlType) -> Option<u8> {
    Some(match sql_type {
        SqlType::Int64 => 0,
        SqlType::Text => 1,
        SqlType::Bool => 2,
        SqlType::Float64 => 3,
        SqlType::Decimal(None) => 4,
        SqlType::Int16 => 5,
        SqlType::Int32 => 6,
        SqlType::UInt64 => 7,
        SqlType::Float32 => 8,
        SqlType::Bytes => 9,
        SqlType::Date => 10,
        SqlType::Time => 11,
        SqlType::Timestamp => 12,
        SqlType::TimestampTz => 13,
        SqlType::Interval => 14,
        SqlType::Uuid => 15,
        SqlType::Json => 16,
        SqlType::Decimal(Some(_)) | SqlType::Array(_) => return None,
    })
}

/// The number of `item`, if it is one of `all`.
#[inline]
fn number_of<T: PartialEq>(all: &[T], item: &T) -> Option<u8> {
    all.iter().position(|known| known == item).and_then(|number| u8::try_from(number).ok())
}

/// What joins two expressions.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pair {
    Compare(Comparison),
    Arithmetic(Arithmetic),
}

/// What stands before or after one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Single<'n> {
    Not,
    Negate,
    IsNull { negated: bool },
    Alias(&'n Ident),
    Aggregate(Aggregate),
}

impl Pair {
    /// The lists above stand in the order in which the two are declared.
    fn word(self) -> u8 {
        match self {
            Pair::Compare(comparison) => COMPARE + comparison as u8,
            Pair::Arithmetic(operation) => ARITHMETIC + operation as u8,
        }
    }

    pub(super) fn kind(self, left: Expr, right: Expr) -> Kind {
        match self {
            Pair::Compare(comparison) => Kind::Compare(comparison, left, right),
            Pair::Arithmetic(operation) => Kind::Arithmetic(operation, left, right),
        }
    }
}

impl Single<'_> {
    pub(super) fn kind(self, operand: Expr) -> Kind {
        match self {
            Single::Not => Kind::Not(operand),
            Single::Negate => Kind::Negate(operand),
            Single::IsNull { negated } => Kind::IsNull { operand, negated },
            Single::Alias(name) => Kind::Alias(operand, name.clone()),
            Single::Aggregate(function) => Kind::Aggregate(Box::new(AggregateCall::new(function, vec![operand]))),
        }
    }
}

/// Whether a clone of the value is cheap.
#[inline]
fn is_small(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.len() <= MAX_TEXT,
        Value::Bytes(bytes) => bytes.len() <= MAX_TEXT,
        Value::Json(_) | Value::Array(_) => false,
        _ => true,
    }
}

impl Flat {
    /// Nothing yet.
    #[inline]
    pub(super) fn new() -> Box<Flat> {
        // A thread that ends has no spare ones any more.
        let spare = SPARES.try_with(|spares| spares.try_borrow_mut().ok()?.pop());
        match spare {
            Ok(Some(flat)) => flat,
            _ => Flat::allocated(),
        }
    }

    #[inline(never)]
    fn allocated() -> Box<Flat> {
        Box::new(Flat { words: [0; ROOM], length: 0, depth: 1, value: None, tree: OnceLock::new() })
    }

    /// Keeps it for a later expression.
    #[inline]
    pub(super) fn spare(mut self: Box<Flat>) {
        if self.value.is_some() {
            self.value = None;
        }
        self.changed();
        (self.length, self.depth) = (0, 1);
        let _ = SPARES.try_with(|spares| {
            if let Ok(mut spares) = spares.try_borrow_mut()
                && spares.len() < SPARE
            {
                spares.push(self);
            }
        });
    }

    /// Makes of nothing a column whose names are checked; `None` when they are too long.
    #[inline]
    pub(super) fn column(&mut self, table: Option<&[u8]>, name: &[u8], declared: Option<Declared>) -> Option<()> {
        let word = match (table, declared) {
            (None, None) => COLUMN,
            (Some(_), None) => COLUMN_OF,
            (Some(_), Some(_)) => DECLARED,
            (None, Some(_)) => return None,
        };
        self.push(word)?;
        self.name(name)?;
        if let Some(table) = table {
            self.name(table)?;
        }
        if let Some(Declared { sql_type, nullable }) = declared {
            self.push(number_of_type(sql_type)?)?;
            self.push(nullable.into())?;
        }
        Some(())
    }

    /// A value; one that is long, or of a type that is, comes back.
    #[inline]
    pub(super) fn literal(bind: Bind) -> Result<Box<Flat>, Bind> {
        match number_of_type(bind.sql_type) {
            Some(number) if is_small(&bind.value) => {
                let mut flat = Flat::new();
                let [word, sql_type, ..] = &mut flat.words;
                (*word, *sql_type) = (LITERAL, number);
                flat.length = 2;
                flat.value = Some(bind);
                Ok(flat)
            }
            _ => Err(bind),
        }
    }

    /// Another one, without the tree, so that no two have one.
    pub(super) fn copied(&self) -> Box<Flat> {
        let mut flat = Flat::new();
        flat.words = self.words;
        (flat.length, flat.depth) = (self.length, self.depth);
        flat.value.clone_from(&self.value);
        flat
    }

    /// An aggregate of rows, if it is one that can stand here.
    pub(super) fn aggregate_of_rows(function: Aggregate) -> Option<Box<Flat>> {
        let mut flat = Flat::new();
        flat.push(AGGREGATE_OF_ROWS)?;
        flat.push(number_of(&AGGREGATES, &function)?)?;
        Some(flat)
    }

    /// Joins `other` to it, if there is room; nothing changes if there is none.
    #[inline]
    pub(super) fn join(&mut self, other: &mut Flat, pair: Pair) -> bool {
        let (from, length) = (usize::from(self.length), usize::from(other.length));
        let end = from + length;
        if self.value.is_some() && other.value.is_some() {
            return false;
        }
        let (Some([places @ .., last]), Some(words)) = (self.words.get_mut(from..=end), other.words.get(..length))
        else {
            return false;
        };
        copy(places, words);
        *last = pair.word();
        self.length = end as u8 + 1;
        self.depth = self.depth.max(other.depth).saturating_add(1);
        if other.value.is_some() {
            self.value = other.value.take();
        }
        self.changed();
        true
    }

    /// Joins a value to it, if there is room and none yet; else nothing changes, and the value comes back.
    #[inline]
    pub(super) fn join_value(&mut self, bind: Bind, pair: Pair) -> Result<(), Bind> {
        let places = self.words.get_mut(usize::from(self.length)..).and_then(|rest| rest.first_chunk_mut::<3>());
        let (Some(places), Some(number), None) = (places, number_of_type(bind.sql_type), &self.value) else {
            return Err(bind);
        };
        if !is_small(&bind.value) {
            return Err(bind);
        }
        *places = [LITERAL, number, pair.word()];
        self.length += 3;
        self.depth = self.depth.saturating_add(1);
        self.value = Some(bind);
        self.changed();
        Ok(())
    }

    /// Puts `single` around it, if there is room; nothing changes if there is none.
    #[inline]
    pub(super) fn wrap(&mut self, single: Single<'_>) -> bool {
        let before = self.length;
        let written = match single {
            Single::Not => self.push(NOT),
            Single::Negate => self.push(NEGATE),
            Single::IsNull { negated: false } => self.push(IS_NULL),
            Single::IsNull { negated: true } => self.push(IS_NOT_NULL),
            Single::Alias(name) => self.push(ALIAS).and_then(|()| self.name(name.as_bytes())),
            Single::Aggregate(function) => number_of(&AGGREGATES, &function)
                .and_then(|number| self.push(AGGREGATE).and_then(|()| self.push(number))),
        };
        if written.is_none() {
            self.length = before;
            return false;
        }
        self.depth = self.depth.saturating_add(1);
        self.changed();
        true
    }

    /// Makes a plain column one of `table`, whose name is checked; false when it is no plain column, or has no room.
    #[inline]
    pub(super) fn belong_to(&mut self, table: &[u8]) -> bool {
        let [COLUMN, length, ..] = self.words else { return false };
        let before = self.length;
        if length.checked_add(2) != Some(before) {
            return false;
        }
        if self.name(table).is_none() {
            self.length = before;
            return false;
        }
        let [word, ..] = &mut self.words;
        *word = COLUMN_OF;
        self.changed();
        true
    }

    #[inline]
    fn push(&mut self, byte: u8) -> Option<()> {
        *self.words.get_mut(usize::from(self.length))? = byte;
        self.length += 1;
        Some(())
    }

    #[inline]
    fn name(&mut self, name: &[u8]) -> Option<()> {
        let from = usize::from(self.length);
        let [length, place @ ..] = self.words.get_mut(from..=from + name.len())? else { return None };
        *length = name.len() as u8;
        copy(place, name);
        self.length = (from + 1 + name.len()) as u8;
        Some(())
    }

    #[inline]
    fn changed(&mut self) {
        if self.tree.get().is_some() {
            self.tree = OnceLock::new();
        }
    }

    pub(super) fn depth(&self) -> u32 {
        self.depth.into()
    }

    /// The structure, whatever the value.
    #[inline]
    pub(super) fn words(&self) -> (&[u8; ROOM], u8) {
        (&self.words, self.length)
    }

    /// Gives up its value, and keeps the rest for a later expression.
    #[inline]
    pub(super) fn into_value(mut self: Box<Flat>) -> Option<Bind> {
        let value = self.value.take();
        self.spare();
        value
    }

    #[inline]
    pub(crate) fn value(&self) -> Option<&Bind> {
        self.value.as_ref()
    }

    /// Where the value is in the tree, once there is one.
    pub(super) fn place_in_tree(&self) -> Address {
        fn find(node: &Node) -> Option<&Bind> {
            if let Kind::Literal(bind) = &node.kind {
                return Some(bind);
            }
            let mut found = None;
            each_child(&node.kind, &mut |child| {
                if let (None, super::Repr::Tree(node)) = (&found, &child.0) {
                    found = find(node);
                }
            });
            found
        }
        self.tree.get().and_then(|node| find(node)).map_or_else(|| Address::of(self), Address::of)
    }

    /// The tree that the words tell.
    pub(super) fn tree(&self) -> &Arc<Node> {
        self.tree.get_or_init(|| {
            let expr = self.expand().unwrap_or_else(|| Expr::invalid(Error::internal("expr.words")));
            match &expr.0 {
                super::Repr::Tree(node) => Arc::clone(node),
                // Nothing below makes one.
                super::Repr::Flat(_) | super::Repr::Gone => {
                    Arc::new(Node::new(Kind::Invalid(Error::internal("expr.words"))))
                }
            }
        })
    }

    fn expand(&self) -> Option<Expr> {
        let (expr, _) = expanded(self.words.get(..usize::from(self.length))?, self.value.as_ref())?;
        Some(expr)
    }
}

/// The tree that `words` tell, and where in it the value stands.
pub(super) fn expanded(words: &[u8], value: Option<&Bind>) -> Option<(Expr, Option<Address>)> {
    let mut words = Words(words);
    let mut stack: Vec<Expr> = Vec::new();
    let mut place = None;
    while let Some(word) = words.byte() {
        let kind = match word {
            COLUMN => Kind::Column { table: None, name: words.name()?, declared: None },
            COLUMN_OF | DECLARED => {
                let (name, table) = (words.name()?, Some(words.name()?));
                let declared = match word {
                    DECLARED => Some(Declared { sql_type: words.one_of(&TYPES)?, nullable: words.byte()? != 0 }),
                    _ => None,
                };
                Kind::Column { table, name, declared }
            }
            LITERAL => {
                let sql_type: SqlType = words.one_of(&TYPES)?;
                let bind = value?.clone();
                debug_assert!(bind.sql_type == sql_type);
                Kind::Literal(bind)
            }
            NOT => Single::Not.kind(stack.pop()?),
            NEGATE => Single::Negate.kind(stack.pop()?),
            IS_NULL | IS_NOT_NULL => Single::IsNull { negated: word == IS_NOT_NULL }.kind(stack.pop()?),
            ALIAS => Single::Alias(&words.name()?).kind(stack.pop()?),
            AGGREGATE => Single::Aggregate(words.one_of(&AGGREGATES)?).kind(stack.pop()?),
            AGGREGATE_OF_ROWS => Kind::Aggregate(Box::new(AggregateCall::new(words.one_of(&AGGREGATES)?, Vec::new()))),
            pair => {
                let (right, left) = (stack.pop()?, stack.pop()?);
                let pair = match COMPARISONS.get(usize::from(pair.checked_sub(COMPARE)?)) {
                    Some(comparison) => Pair::Compare(*comparison),
                    None => Pair::Arithmetic(*OPERATIONS.get(usize::from(pair.checked_sub(ARITHMETIC)?))?),
                };
                pair.kind(left, right)
            }
        };
        let is_value = matches!(kind, Kind::Literal(_));
        let expr = Expr::make(kind);
        if is_value {
            place = expr.literal().map(Address::of);
        }
        stack.push(expr);
    }
    let whole = stack.pop()?;
    stack.is_empty().then_some((whole, place))
}

/// The words that are still to be read.
struct Words<'w>(&'w [u8]);

impl Words<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn name(&mut self) -> Option<Ident> {
        let length = self.byte()?;
        let (name, rest) = self.0.split_at_checked(length.into())?;
        self.0 = rest;
        Ident::checked_before(name)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(usize::from(self.byte()?)).copied()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::super::{Repr, Walk, avg, col, count, lit, max, min, sum};
    use super::*;

    /// The structure as the walk of a tree writes it.
    fn key_of_tree(expr: &Expr) -> Vec<u8> {
        let tree = match &expr.0 {
            Repr::Flat(flat) => Expr(Repr::Tree(Arc::clone(flat.tree()))),
            _ => panic!("{expr:?} is not flat"),
        };
        let mut walk = Walk::new(Vec::new(), 0);
        walk.expr(&tree).unwrap();
        walk.key().to_vec()
    }

    fn key_of(expr: &Expr) -> Vec<u8> {
        let mut walk = Walk::new(Vec::new(), 0);
        walk.expr(expr).unwrap();
        walk.key().to_vec()
    }

    fn column(table: Option<&str>, name: &str) -> Expr {
        let table = table.map(|table| Ident::new(table).unwrap());
        Expr::make(Kind::Column { table, name: Ident::new(name).unwrap(), declared: None })
    }

    fn number(number: i64) -> Expr {
        Expr::make(Kind::Literal(Bind { value: Value::Int(number), sql_type: SqlType::Int64 }))
    }

    fn aggregate(function: Aggregate, operands: Vec<Expr>) -> Expr {
        Expr::make(Kind::Aggregate(Box::new(AggregateCall::new(function, operands))))
    }

    #[test]
    fn the_words_of_an_expression_tell_the_tree_that_was_written() {
        let long = "x".repeat(40);
        let mut pairs = vec![
            (col("a"), column(None, "a")),
            (col(&long), column(None, &long)),
            (col("a").of("t"), column(Some("t"), "a")),
            (col("a").of("t").of("customer"), column(Some("customer"), "a")),
            (lit(7), number(7)),
            (col("a").eq(lit(7)), Expr::make(Kind::Compare(Comparison::Equal, column(None, "a"), number(7)))),
            (count(crate::all()), aggregate(Aggregate::Count, Vec::new())),
            (count(col("a")), aggregate(Aggregate::Count, vec![column(None, "a")])),
            (sum(col("a")), aggregate(Aggregate::Sum, vec![column(None, "a")])),
            (avg(col("a")), aggregate(Aggregate::Avg, vec![column(None, "a")])),
            (min(col("a")), aggregate(Aggregate::Min, vec![column(None, "a")])),
            (max(col("a")), aggregate(Aggregate::Max, vec![column(None, "a")])),
            (!col("a"), Expr::make(Kind::Not(column(None, "a")))),
            (-col("a"), Expr::make(Kind::Negate(column(None, "a")))),
            (col("a").is_null(), Expr::make(Kind::IsNull { operand: column(None, "a"), negated: false })),
            (col("a").is_not_null(), Expr::make(Kind::IsNull { operand: column(None, "a"), negated: true })),
            (
                (col("a") + col("b") * 7).as_("sum"),
                Expr::make(Kind::Alias(
                    Expr::make(Kind::Arithmetic(
                        Arithmetic::Add,
                        column(None, "a"),
                        Expr::make(Kind::Arithmetic(Arithmetic::Multiply, column(None, "b"), number(7))),
                    )),
                    Ident::new("sum").unwrap(),
                )),
            ),
        ];
        for comparison in COMPARISONS {
            let value = Bind { value: Value::Int(7), sql_type: SqlType::Int64 };
            let written = col("a").of("t").pair_value(value, Pair::Compare(comparison));
            pairs.push((written, Expr::make(Kind::Compare(comparison, column(Some("t"), "a"), number(7)))));
        }
        for operation in OPERATIONS {
            let written = lit(7).pair(col("a"), Pair::Arithmetic(operation));
            pairs.push((written, Expr::make(Kind::Arithmetic(operation, number(7), column(None, "a")))));
        }
        for (written, tree) in pairs {
            assert_eq!(key_of_tree(&written), key_of(&tree), "{tree:?}");
            assert_eq!(written.depth(), tree.depth(), "{tree:?}");
            assert_eq!(key_of(&written), key_of(&written.clone()), "{tree:?}");
            assert_eq!(format!("{written:?}"), format!("{tree:?}"));
        }
    }

    #[test]
    fn no_two_structures_have_the_same_words() {
        let exprs = [
            col("a"),
            col("ab"),
            col("a").of("b"),
            col("b").of("a"),
            lit(7),
            lit("7"),
            lit(0),
            lit(true),
            -col("a"),
            !col("a"),
            col("a").is_null(),
            col("a").is_not_null(),
            col("a").as_("b"),
            col("b").as_("a"),
            col("a") + 1,
            col("a") - 1,
            lit(1) + col("a"),
            col("a").eq(1),
            col("a").lt(1),
            col("a").eq("1"),
            col("a").eq(col("b")),
            col("b").eq(col("a")),
            sum(col("a")),
            min(col("a")),
            count(crate::all()),
            (col("a") + col("b")) + col("c"),
            col("a") + (col("b") + col("c")),
        ];
        let keys: Vec<_> = exprs.iter().map(key_of).collect();
        for (place, key) in keys.iter().enumerate() {
            assert_eq!(keys.iter().position(|other| other == key), Some(place), "{:?}", exprs[place]);
        }
    }

    #[test]
    fn what_has_no_room_becomes_a_tree_and_loses_nothing() {
        let names: Vec<String> = (0..30).map(|number| format!("a_column_{number}")).collect();
        let whole = names.iter().map(|name| col(name)).reduce(|one, other| one + other).unwrap();
        let tree = names.iter().map(|name| column(None, name));
        let tree = tree.reduce(|one, other| Expr::make(Kind::Arithmetic(Arithmetic::Add, one, other))).unwrap();
        assert!(matches!(whole.0, Repr::Tree(_)));
        assert_eq!((format!("{whole:?}"), whole.depth()), (format!("{tree:?}"), tree.depth()));
        // Two values need two places.
        assert!(matches!((lit(1) + lit(2)).0, Repr::Tree(_)));
        // A declared column, and one whose names are too long together.
        let long = "y".repeat(60);
        assert!(matches!(col(&long).of(&long).0, Repr::Tree(_)));
        assert!(matches!(lit("z".repeat(MAX_TEXT + 1)).0, Repr::Tree(_)));
    }

    #[test]
    fn numbers_stand_for_what_is_listed_at_them() {
        for (number, comparison) in COMPARISONS.iter().enumerate() {
            assert_eq!(*comparison as usize, number);
        }
        for (number, operation) in OPERATIONS.iter().enumerate() {
            assert_eq!(*operation as usize, number);
        }
        for (number, sql_type) in TYPES.iter().enumerate() {
            assert_eq!(number_of_type(*sql_type).map(usize::from), Some(number));
        }
    }

    #[test]
    fn an_expression_is_moved_in_two_registers() {
        assert_eq!(size_of::<Expr>(), 16);
    }
}
