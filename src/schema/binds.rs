//! The binds of a plan, and where the value of each came from: what lets a statement's text serve the next one of its shape.

use rust_decimal::Decimal;

use crate::expr::Address;
use crate::types::SqlType;
use crate::value::{Bind, Value};

/// Where the value of a bind came from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Provenance {
    /// Not known, so the next statement of the same shape is compiled anew.
    Unknown,
    /// A value of our own, which follows from the shape.
    Own,
    /// The caller's value, as one of the bind's type.
    Literal(Address),
    /// The text of the caller's pattern, escaped as the kind of pattern asks for.
    Pattern(Address),
    /// A value of the caller's list.
    Item { list: Address, index: usize },
    /// The whole of the caller's list of `length` values, each as one of type `element`.
    List { list: Address, length: usize, element: SqlType, form: ListForm },
    /// The caller's number of rows.
    Rows(Address),
    /// The smaller of two of the caller's numbers of rows.
    LeastRows(Address, Address),
}

/// How a list becomes one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListForm {
    /// An array.
    Array,
    /// A JSON text.
    Json,
    /// The short texts and NULLs of a list as a JSON text.
    ShortTexts,
    /// Its long texts.
    LongTexts,
}

/// A number of rows for a LIMIT or OFFSET; none by default.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RowCount {
    rows: u64,
    origin: Provenance,
}

impl RowCount {
    /// The caller's own number.
    pub(crate) fn given(rows: &u64) -> RowCount {
        RowCount { rows: *rows, origin: Provenance::Rows(Address::of(rows)) }
    }

    pub(crate) const fn own(rows: u64) -> RowCount {
        RowCount { rows, origin: Provenance::Own }
    }

    /// The number, for a bind; a text does not depend on it.
    pub(crate) fn rows(self) -> u64 {
        self.rows
    }

    pub(crate) fn origin(self) -> Provenance {
        self.origin
    }

    /// Whether it is zero, which belongs to the shape.
    pub(crate) fn is_zero(self) -> bool {
        self.rows == 0
    }

    /// Whether it is zero or one, which belongs to the shape if it is a limit.
    pub(crate) fn is_at_most_one(self) -> bool {
        self.rows <= 1
    }

    /// What is left of it after the first `others`.
    pub(crate) fn without(self, others: RowCount) -> RowCount {
        if others.is_zero() {
            return self;
        }
        RowCount { rows: self.rows.saturating_sub(others.rows), origin: Provenance::Unknown }
    }

    /// The smaller of the two.
    pub(crate) fn least(self, other: RowCount) -> RowCount {
        let origin = match (self.origin, other.origin) {
            (Provenance::Rows(one), Provenance::Rows(other)) => Provenance::LeastRows(one, other),
            _ => Provenance::Unknown,
        };
        RowCount { rows: self.rows.min(other.rows), origin }
    }

    /// Both together.
    pub(crate) fn and(self, other: RowCount) -> RowCount {
        match (self.is_zero(), other.is_zero()) {
            (true, _) => other,
            (_, true) => self,
            _ => RowCount { rows: self.rows.saturating_add(other.rows), origin: Provenance::Unknown },
        }
    }
}

impl Default for RowCount {
    fn default() -> RowCount {
        RowCount::own(0)
    }
}

/// The binds of a plan. No stage sees a value: each method below tells what is written into a shape's key (see `expr/shape.rs`), or
/// says that the text depends on more, and then the shape is not kept.
#[derive(Debug, Default)]
pub(crate) struct Binds {
    binds: Vec<Bind>,
    origins: Vec<Provenance>,
    /// The text depends on a value.
    looked_at: bool,
}

impl Binds {
    pub(crate) fn push(&mut self, bind: Bind, origin: Provenance) -> usize {
        self.binds.push(bind);
        self.origins.push(origin);
        self.binds.len() - 1
    }

    pub(crate) fn reserve(&mut self, more: usize) {
        self.binds.reserve(more);
        self.origins.reserve(more);
    }

    pub(crate) fn len(&self) -> usize {
        self.binds.len()
    }

    /// The type of a bind, which belongs to the shape.
    pub(crate) fn sql_type(&self, place: usize) -> Option<SqlType> {
        self.binds.get(place).map(|bind| bind.sql_type)
    }

    /// The value, to be written into a statement that can't bind it; such a statement has no shape.
    pub(crate) fn written(&self, place: usize) -> Option<&Bind> {
        self.binds.get(place)
    }

    /// Whether the value is the number zero, which belongs to the shape.
    pub(crate) fn is_zero(&self, place: usize) -> bool {
        self.binds.get(place).is_some_and(|bind| is_zero(&bind.value))
    }

    /// Whether the value is a number, and not zero; both belong to the shape.
    pub(crate) fn is_nonzero_number(&self, place: usize) -> bool {
        self.binds.get(place).is_some_and(|bind| {
            let number = matches!(bind.value, Value::Int(_) | Value::UInt(_) | Value::Float(_) | Value::Decimal(_));
            number && !is_zero(&bind.value)
        })
    }

    /// Whether a pattern holds U+0000; one that does belongs to no shape.
    pub(crate) fn pattern_holds_nul(&self, place: usize) -> bool {
        matches!(self.binds.get(place).map(|bind| &bind.value), Some(Value::Text(text)) if text.contains('\0'))
    }

    /// Whether a bind of our own holds this.
    pub(crate) fn is_own(&self, place: usize, value: &Value, sql_type: SqlType) -> bool {
        self.origins.get(place) == Some(&Provenance::Own)
            && self.binds.get(place).is_some_and(|bind| bind.sql_type == sql_type && bind.value == *value)
    }

    /// Makes a bind one of type `to`, where `adapted` can; says whether it did.
    pub(crate) fn adapt(&mut self, place: usize, to: SqlType) -> bool {
        let Some(bind) = self.binds.get_mut(place) else { return false };
        let value = adapted(&bind.value, to);
        // Whether it can follows from the two types: the family of what `adapted` gives does.
        if value.sql_type().is_some_and(|found| found.family() != to.family()) {
            return false;
        }
        *bind = Bind { value, sql_type: to };
        true
    }

    /// Makes a number a decimal of `sql_type`, with all its digits, if it has no more than fit; says whether it did. That depends on
    /// the value.
    pub(crate) fn rescale(&mut self, place: usize, scale: u8, sql_type: SqlType) -> bool {
        self.looked_at = true;
        let Some(bind) = self.binds.get_mut(place) else { return false };
        let number = match &bind.value {
            Value::Int(number) => Some(Decimal::from(*number)),
            Value::Decimal(number) => Some(*number),
            Value::Float(number) => number.to_string().parse().ok(),
            _ => None,
        };
        let Some(mut number) = number.filter(|number| number.scale() <= u32::from(scale)) else { return false };
        number.rescale(scale.into());
        if number.scale() != u32::from(scale) {
            return false;
        }
        *bind = Bind { value: Value::Decimal(number), sql_type };
        true
    }

    /// One bind of `sql_type` for a whole list, made by `make` of its values; `None` when that gives none.
    pub(crate) fn gather(
        &mut self,
        places: &[usize],
        element: SqlType,
        form: ListForm,
        sql_type: SqlType,
        make: impl FnOnce(&mut dyn Iterator<Item = &Value>) -> Option<Value>,
    ) -> Option<usize> {
        let origin = self.whole_list(places, element, form);
        let binds = &self.binds;
        let mut values = places.iter().filter_map(|place| binds.get(*place)).map(|bind| &bind.value);
        let Some(value) = make(&mut values) else {
            // What is written instead depends on the values.
            self.looked_at = true;
            return None;
        };
        Some(self.push(Bind { value, sql_type }, origin))
    }

    /// One array bind for a whole list, whose values move into it.
    pub(crate) fn gather_array(&mut self, places: &[usize], element: SqlType, sql_type: SqlType) -> usize {
        let origin = self.whole_list(places, element, ListForm::Array);
        let binds = &mut self.binds;
        let take = |place: &usize| binds.get_mut(*place).map(|bind| std::mem::replace(&mut bind.value, Value::Null));
        let values = places.iter().filter_map(take).collect();
        self.push(Bind { value: Value::Array(values), sql_type }, origin)
    }

    fn whole_list(&self, places: &[usize], element: SqlType, form: ListForm) -> Provenance {
        let first = places.first().and_then(|place| self.origins.get(*place));
        let Some(Provenance::Item { list, .. }) = first.copied() else { return Provenance::Unknown };
        let in_order = places
            .iter()
            .enumerate()
            .all(|(index, place)| self.origins.get(*place) == Some(&Provenance::Item { list, index }));
        if in_order { Provenance::List { list, length: places.len(), element, form } } else { Provenance::Unknown }
    }

    /// The binds in the order of the placeholders, each moved and copied only where it stands twice, and their origins, if they
    /// are all that the text depends on.
    pub(crate) fn in_order(self, order: &[usize]) -> (Vec<Bind>, Option<Vec<Provenance>>) {
        let origins =
            if self.looked_at { None } else { order.iter().map(|place| self.origins.get(*place).copied()).collect() };
        let binds = self.binds;
        if order.len() == binds.len() && order.iter().enumerate().all(|(position, place)| position == *place) {
            return (binds, origins);
        }
        let mut uses = vec![0usize; binds.len()];
        for place in order {
            if let Some(count) = uses.get_mut(*place) {
                *count += 1;
            }
        }
        let mut binds: Vec<Option<Bind>> = binds.into_iter().map(Some).collect();
        let take = |place: &usize| {
            let left = uses.get_mut(*place)?;
            *left -= 1;
            let bind = binds.get_mut(*place)?;
            if *left == 0 { bind.take() } else { bind.clone() }
        };
        (order.iter().filter_map(take).collect(), origins)
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Int(number) => *number == 0,
        Value::Float(number) => *number == 0.0,
        Value::Decimal(number) => number.is_zero(),
        _ => false,
    }
}

/// `value` as `to`, or as it was when that would lose something.
pub(crate) fn adapted(value: &Value, to: SqlType) -> Value {
    match (value, to) {
        (Value::Float(number), SqlType::Decimal(_)) => {
            number.to_string().parse::<Decimal>().map_or_else(|_| value.clone(), Value::Decimal)
        }
        (Value::Int(number), SqlType::Decimal(_)) => Value::Decimal(Decimal::from(*number)),
        (Value::UInt(number), SqlType::Decimal(_)) => Value::Decimal(Decimal::from(*number)),
        (Value::Uuid(uuid), SqlType::Text) => Value::Text(uuid.to_string()),
        _ => value.clone(),
    }
}
