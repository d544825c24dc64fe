//! The structure of a plan as bytes, and its values apart: what decides whether two plans have one text.
//!
//! Whatever a text, its checks or its report may depend on is written into the key; what is only bound is collected instead. Each
//! part begins with a tag and tells its own length, so that two structures never share a key. A match here has no arm for the
//! rest: a new kind of node does not compile until somebody has said what its text depends on.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::aggregate::{AggregateCall, OrderKey};
use super::window::{Bound, Edge, Frame as WindowFrame, Offset, OverCall, Windowed};
use super::{Declared, Expr, Flat, Kind, Pattern, Repr, Tape};
use crate::ident::Ident;
use crate::value::{Bind, Value};

/// Where something stands in the caller's plan: enough to find it there again as long as the plan lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address(usize);

impl Address {
    pub(crate) fn of<T>(place: &T) -> Address {
        Address(std::ptr::from_ref(place).addr())
    }

    /// A list is where its values are.
    pub(crate) fn of_list(list: &[Bind]) -> Address {
        Address(list.as_ptr().addr())
    }
}

/// A value of the caller's plan, where it stands.
#[derive(Clone, Copy)]
pub(crate) enum Given<'a> {
    Literal(&'a Bind),
    /// The value of a small expression.
    Flat(&'a Flat),
    Pattern(Pattern, &'a String),
    List(&'a [Bind]),
    Rows(&'a u64),
    /// The value, or the number of rows, of this number on a chain's tape.
    Taped(&'a Tape, usize),
}

impl<'a> Given<'a> {
    /// The value, if it is the only one.
    pub(crate) fn bind(self) -> Option<&'a Bind> {
        match self {
            Given::Literal(bind) => Some(bind),
            Given::Flat(flat) => flat.value(),
            Given::Taped(tape, number) => tape.bind(number),
            Given::Pattern(..) | Given::List(_) | Given::Rows(_) => None,
        }
    }

    /// The number of rows, if it is one.
    pub(crate) fn rows(self) -> Option<u64> {
        match self {
            Given::Rows(rows) => Some(*rows),
            Given::Taped(tape, number) => tape.rows_at(number),
            Given::Literal(_) | Given::Flat(_) | Given::Pattern(..) | Given::List(_) => None,
        }
    }

    /// Where whoever compiles the plan sees it.
    pub(crate) fn address(self) -> Address {
        match self {
            Given::Flat(flat) => flat.place_in_tree(),
            Given::Taped(tape, number) => tape.place_in_tree(number),
            other => other.place(),
        }
    }

    /// Where it is, and no other.
    fn place(self) -> Address {
        match self {
            Given::Flat(flat) => Address::of(flat),
            Given::Literal(bind) => Address::of(bind),
            Given::Pattern(_, text) => Address::of(text),
            Given::List(list) => Address::of_list(list),
            Given::Rows(rows) => Address::of(rows),
            Given::Taped(tape, number) => tape.place(number),
        }
    }
}

/// The values of a plan, in the order in which they were met. The first few stay on the stack.
#[derive(Default)]
pub(crate) struct Values<'a> {
    first: [Option<Given<'a>>; FIRST],
    met: usize,
    rest: Vec<Given<'a>>,
}

const FIRST: usize = 12;

impl<'a> Values<'a> {
    #[inline]
    fn push(&mut self, value: Given<'a>) {
        match self.first.get_mut(self.met) {
            Some(place) => *place = Some(value),
            None => self.rest.push(value),
        }
        self.met += 1;
    }

    pub(crate) fn get(&self, number: usize) -> Option<Given<'a>> {
        match self.first.get(number) {
            Some(value) => *value,
            None => self.rest.get(number - FIRST).copied(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Given<'a>> {
        self.first.iter().copied().flatten().chain(self.rest.iter().copied())
    }
}

/// A plan has no shape to keep: it holds a mistake, raw SQL, a value that a check or a text depends on, or too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shapeless;

pub(crate) type Walked = Result<(), Shapeless>;

/// A plan that has parts in it twice, and more values than this, is not kept.
const MAX_REPEATED: usize = 256;

/// A longer key is not kept; it also ends the walk over an expression that is made of itself many times.
const MAX_KEY: usize = 16 * 1024;

/// The deepest expression that the resolver takes.
const MAX_DEPTH: u32 = 200;

/// Walks a plan.
pub(crate) struct Walk<'a> {
    key: Key,
    values: Values<'a>,
    /// Lists up to this length are written out with a placeholder for each value; 0 where no list is.
    listed: usize,
    /// What is walked is held in more places than one, and may stand in this plan twice.
    shared: bool,
    /// The handle that the whole plan belongs to, by its place.
    handle: Option<usize>,
    /// Relations that a statement writes once however often they are used, by what makes each the same.
    once: Vec<[usize; 2]>,
}

impl<'a> Walk<'a> {
    /// A walk that writes into `buffer`, which is emptied first.
    pub(crate) fn new(mut buffer: Vec<u8>, listed: usize) -> Walk<'a> {
        buffer.clear();
        Walk { key: Key(buffer), values: Values::default(), listed, shared: false, handle: None, once: Vec::new() }
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.key.0
    }

    pub(crate) fn values(&self) -> &Values<'a> {
        &self.values
    }

    /// The buffer, for the next walk.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.key.0
    }

    /// Says which handle the whole plan belongs to.
    pub(crate) fn belongs_to(&mut self, handle: Option<usize>) {
        self.handle = handle;
    }

    /// A part of the plan that belongs to another handle is a mistake.
    pub(crate) fn check_handle(&self, handle: Option<usize>) -> Walked {
        match (self.handle, handle) {
            (Some(whole), Some(part)) if whole != part => Err(Shapeless),
            _ => Ok(()),
        }
    }

    /// Writes which relation of those written once this is; true when it was met before, and so is not to be walked again.
    pub(crate) fn met_before(&mut self, identity: [usize; 2]) -> bool {
        let known = self.once.iter().position(|known| *known == identity);
        self.length(known.unwrap_or(self.once.len()));
        if known.is_none() {
            self.once.push(identity);
        }
        known.is_some()
    }

    pub(crate) fn tag(&mut self, tag: u8) {
        self.key.0.push(tag);
    }

    pub(crate) fn flags(&mut self, flags: [bool; 4]) {
        let flags = flags.iter().fold(0, |byte, flag| byte << 1 | u8::from(*flag));
        self.key.0.push(flags);
    }

    pub(crate) fn length(&mut self, length: usize) {
        self.key.write_usize(length);
    }

    pub(crate) fn name(&mut self, name: &Ident) {
        let name = name.as_bytes();
        self.length(name.len());
        self.key.0.extend_from_slice(name);
    }

    /// Writes all that a plain piece of structure holds.
    pub(crate) fn part(&mut self, part: &impl Hash) {
        part.hash(&mut self.key);
    }

    pub(crate) fn check_size(&self) -> Walked {
        if self.key.0.len() > MAX_KEY { Err(Shapeless) } else { Ok(()) }
    }

    /// A whole expression.
    pub(crate) fn expr(&mut self, expr: &'a Expr) -> Walked {
        if expr.depth() > MAX_DEPTH {
            return Err(Shapeless);
        }
        self.node(expr)
    }

    pub(crate) fn exprs(&mut self, list: &'a [Expr]) -> Walked {
        self.length(list.len());
        list.iter().try_for_each(|expr| self.expr(expr))
    }

    /// A value that is bound. Its type, whether it is NULL and whether it is zero belong to the shape.
    pub(crate) fn literal(&mut self, bind: &'a Bind) -> Walked {
        let class = class_of(&bind.value)?;
        self.tag(class);
        self.part(&bind.sql_type);
        self.value(Given::Literal(bind))
    }

    /// Collects a value. One that stands in the plan twice is one value: which of them are is a part of the structure.
    #[inline]
    fn value(&mut self, value: Given<'a>) -> Walked {
        if self.shared && self.repeats(value)? {
            return Ok(());
        }
        self.tag(0);
        self.values.push(value);
        Ok(())
    }

    /// Whether the value was met before; then that is written.
    fn repeats(&mut self, value: Given<'a>) -> Result<bool, Shapeless> {
        if self.values.met > MAX_REPEATED {
            return Err(Shapeless);
        }
        let place = value.place();
        let known = self.values.iter().position(|known| known.place() == place);
        if let Some(number) = known {
            self.tag(1);
            self.length(number);
        }
        Ok(known.is_some())
    }

    /// Walks a part that is held in `places` places; gives what to say when it is done.
    pub(crate) fn enter(&mut self, places: usize) -> bool {
        let shared = self.shared;
        self.shared = shared || places > 1;
        shared
    }

    pub(crate) fn leave(&mut self, shared: bool) {
        self.shared = shared;
    }

    /// A limit. Whether it is zero, one or more belongs to the shape: a subquery of one row is written in another way.
    pub(crate) fn limit(&mut self, rows: &'a u64) -> Walked {
        self.rows(rows, 2)
    }

    /// An offset. Whether it is zero belongs to the shape.
    pub(crate) fn offset(&mut self, rows: &'a u64) -> Walked {
        self.rows(rows, 1)
    }

    fn rows(&mut self, rows: &'a u64, told_apart: u64) -> Walked {
        if i64::try_from(*rows).is_err() {
            return Err(Shapeless);
        }
        self.tag((*rows).min(told_apart) as u8);
        self.value(Given::Rows(rows))
    }

    /// The words of a tape, and its values, of which the words tell the classes.
    pub(super) fn tape(&mut self, words: &[u8], mut values: impl Iterator<Item = Given<'a>>) -> Walked {
        self.tag(130);
        self.length(words.len());
        self.key.0.extend_from_slice(words);
        self.check_size()?;
        values.try_for_each(|value| self.value(value))
    }

    fn node(&mut self, expr: &'a Expr) -> Walked {
        self.check_size()?;
        let node = match &expr.0 {
            Repr::Flat(flat) => return self.flat(flat),
            Repr::Tree(node) => node,
            Repr::Gone => return Err(Shapeless),
        };
        let shared = self.enter(Arc::strong_count(node));
        self.kind(&node.kind)?;
        self.leave(shared);
        Ok(())
    }

    /// Its words are the structure already.
    fn flat(&mut self, flat: &'a Flat) -> Walked {
        let (words, length) = flat.words();
        self.key.0.extend_from_slice(&[25, length]);
        let from = self.key.0.len();
        // A known number of bytes is copied faster than fewer.
        self.key.0.extend_from_slice(words);
        self.key.0.truncate(from + usize::from(length));
        match flat.value() {
            None => Ok(()),
            Some(bind) => {
                let class = class_of(&bind.value)?;
                self.tag(class);
                self.value(Given::Flat(flat))
            }
        }
    }

    fn kind(&mut self, kind: &'a Kind) -> Walked {
        match kind {
            Kind::Column { table, name, declared } => {
                self.tag(1);
                self.flags([table.is_some(), declared.is_some(), false, false]);
                if let Some(table) = table {
                    self.name(table);
                }
                self.name(name);
                if let Some(Declared { sql_type, nullable }) = declared {
                    self.part(sql_type);
                    self.part(nullable);
                }
            }
            Kind::Literal(bind) => {
                self.tag(2);
                self.literal(bind)?;
            }
            Kind::Null => self.tag(3),
            Kind::Not(inner) => {
                self.tag(4);
                self.node(inner)?;
            }
            Kind::Negate(inner) => {
                self.tag(5);
                self.node(inner)?;
            }
            Kind::Arithmetic(operation, left, right) => {
                self.tag(6);
                self.part(operation);
                self.node(left)?;
                self.node(right)?;
            }
            Kind::Compare(comparison, left, right) => {
                self.tag(7);
                self.part(comparison);
                self.node(left)?;
                self.node(right)?;
            }
            Kind::All(list) => {
                self.tag(8);
                self.nodes(list)?;
            }
            Kind::Any(list) => {
                self.tag(9);
                self.nodes(list)?;
            }
            Kind::IsNull { operand, negated } => {
                self.tag(10);
                self.part(negated);
                self.node(operand)?;
            }
            Kind::In { operand, list, list_type, negated } => {
                self.tag(11);
                self.flags([*negated, list.is_empty(), list.iter().any(|bind| bind.value.is_null()), false]);
                self.part(list_type);
                // Beyond that a list is one bind, however long.
                self.length(list.len().min(self.listed.saturating_add(1)));
                self.node(operand)?;
                if !list.is_empty() {
                    self.value(Given::List(list))?;
                }
            }
            Kind::Between { parts, negated } => {
                self.tag(12);
                self.part(negated);
                parts.iter().try_for_each(|part| self.node(part))?;
            }
            Kind::Like { operand, pattern, text, negated } => {
                // A pattern that is refused, or cut short, is no longer only bound.
                if text.contains('\0') || (*pattern == Pattern::Like && text.ends_with('\\')) {
                    return Err(Shapeless);
                }
                self.tag(13);
                self.part(pattern);
                self.part(negated);
                self.node(operand)?;
                self.value(Given::Pattern(*pattern, text))?;
            }
            Kind::Case { arms, otherwise } => {
                self.tag(14);
                self.part(&otherwise.is_some());
                self.length(arms.len());
                for (condition, result) in arms {
                    self.node(condition)?;
                    self.node(result)?;
                }
                if let Some(otherwise) = otherwise {
                    self.node(otherwise)?;
                }
            }
            Kind::Coalesce(list) => {
                self.tag(15);
                self.nodes(list)?;
            }
            Kind::Cast(inner, to) => {
                self.tag(16);
                self.part(to);
                self.node(inner)?;
            }
            // Whatever a function holds beside its operands belongs to the shape.
            Kind::Call(function, operands) => {
                self.tag(17);
                self.part(function);
                self.nodes(operands)?;
            }
            Kind::Aggregate(call) => {
                self.tag(18);
                self.aggregate(call)?;
            }
            Kind::Over(call) => {
                self.tag(21);
                self.over(call)?;
            }
            Kind::Subquery { kind, operand, plan, negated } => {
                self.tag(22);
                self.part(kind);
                self.flags([*negated, operand.is_some(), false, false]);
                if let Some(operand) = operand {
                    self.node(operand)?;
                }
                let shared = self.enter(Arc::strong_count(&plan.plan));
                plan.plan.shape(self)?;
                self.leave(shared);
            }
            Kind::Outer { table, name } => {
                self.tag(23);
                self.part(&table.is_some());
                if let Some(table) = table {
                    self.name(table);
                }
                self.name(name);
            }
            Kind::Incoming(name) => {
                self.tag(24);
                self.name(name);
            }
            Kind::Alias(inner, name) => {
                self.tag(19);
                self.name(name);
                self.node(inner)?;
            }
            Kind::Everything => self.tag(20),
            Kind::Invalid(_) => return Err(Shapeless),
        }
        Ok(())
    }

    fn aggregate(&mut self, call: &'a AggregateCall<Expr>) -> Walked {
        let AggregateCall { function, operands, distinct, filter, order } = call;
        self.part(function);
        self.flags([*distinct, filter.is_some(), false, false]);
        self.nodes(operands)?;
        if let Some(filter) = filter {
            self.node(filter)?;
        }
        self.order(order)
    }

    fn over(&mut self, call: &'a OverCall<Expr>) -> Walked {
        let OverCall { function, partition, order, frame } = call;
        match function {
            Windowed::Aggregate(call) => {
                self.tag(1);
                self.aggregate(call)?;
            }
            Windowed::Ranking(function, operands) => {
                self.tag(2);
                self.part(function);
                self.nodes(operands)?;
            }
            Windowed::Value { function, operands, ignore_nulls } => {
                self.tag(3);
                self.part(function);
                self.part(ignore_nulls);
                self.nodes(operands)?;
            }
        }
        self.nodes(partition)?;
        self.order(order)?;
        self.part(&frame.is_some());
        if let Some(WindowFrame { units, start, end, exclude }) = frame {
            self.part(units);
            self.bound(*start);
            self.bound(*end);
            self.part(exclude);
        }
        Ok(())
    }

    fn order(&mut self, keys: &'a [OrderKey<Expr>]) -> Walked {
        self.length(keys.len());
        for OrderKey { expr, descending, nulls_first } in keys {
            self.flags([*descending, *nulls_first, false, false]);
            self.node(expr)?;
        }
        Ok(())
    }

    /// A window's bound stands in the text, number and all.
    fn bound(&mut self, bound: Bound) {
        let (tag, offset) = match bound.0 {
            Edge::UnboundedPreceding => (1, None),
            Edge::Preceding(offset) => (2, Some(offset)),
            Edge::CurrentRow => (3, None),
            Edge::Following(offset) => (4, Some(offset)),
            Edge::UnboundedFollowing => (5, None),
        };
        self.tag(tag);
        match offset {
            None => {}
            Some(Offset::Whole(number)) => {
                self.tag(1);
                self.part(&number.to_le_bytes());
            }
            Some(Offset::Float(number)) => {
                self.tag(2);
                self.part(&number.to_bits().to_le_bytes());
            }
            Some(Offset::Decimal(number)) => {
                self.tag(3);
                self.part(&number.serialize());
            }
            Some(Offset::Interval(span)) => {
                self.tag(4);
                self.part(&span);
            }
        }
    }

    fn nodes(&mut self, list: &'a [Expr]) -> Walked {
        self.length(list.len());
        list.iter().try_for_each(|expr| self.node(expr))
    }
}

/// What of a value belongs to the shape.
pub(super) fn class_of(value: &Value) -> Result<u8, Shapeless> {
    const ZERO: u8 = 0x80;
    let class = |number: u8, zero: bool| if zero { number | ZERO } else { number };
    Ok(match value {
        Value::Null => 1,
        Value::Bool(_) => 2,
        Value::Int(number) => class(3, *number == 0),
        Value::UInt(_) => 4,
        // Beside a decimal it is a decimal, and may then be zero.
        Value::Float(number) if *number != 0.0 && number.abs() < 1e-20 => return Err(Shapeless),
        Value::Float(number) => class(if number.is_finite() { 5 } else { 6 }, *number == 0.0),
        Value::Decimal(number) => class(7, number.is_zero()),
        Value::Text(_) => 8,
        Value::Bytes(_) => 9,
        Value::Date(_) => 10,
        Value::Time(_) => 11,
        Value::Timestamp(_) => 12,
        Value::TimestampTz(_) => 13,
        Value::Interval(_) => 14,
        Value::Uuid(_) => 15,
        Value::Json(_) => 16,
        Value::Array(_) => 17,
    })
}

/// Bytes that pieces of structure are written to by their own `Hash`, which tells every field.
struct Key(Vec<u8>);

impl Hasher for Key {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn write_u8(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn write_usize(&mut self, number: usize) {
        match u8::try_from(number) {
            Ok(byte) if byte < u8::MAX => self.0.push(byte),
            _ => {
                self.0.push(u8::MAX);
                self.0.extend_from_slice(&number.to_le_bytes());
            }
        }
    }

    /// The number of an enum's variant.
    fn write_isize(&mut self, number: isize) {
        self.write_usize(number.cast_unsigned());
    }
}
