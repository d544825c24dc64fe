//! Many rows in little room: a list for each column, whose values are all of one type.

use std::ops::Range;
use std::sync::Arc;

use super::{Bind, ToValue, Value};
use crate::types::SqlType;

/// Rows by column.
#[derive(Clone)]
#[doc(hidden)]
pub struct PackedRows {
    pub(crate) columns: Vec<PackedColumn>,
    rows: usize,
}

/// Some of them, one after another.
#[derive(Clone)]
pub(crate) struct PackedPart {
    all: Arc<PackedRows>,
    range: Range<usize>,
}

/// The values of one column.
#[derive(Clone)]
#[doc(hidden)]
pub struct PackedColumn {
    sql_type: SqlType,
    cells: Cells,
    /// Which rows hold NULL; shorter than the column where none of the rest does.
    nulls: Vec<bool>,
    /// A value that is not NULL was among them.
    has_values: bool,
}

#[derive(Clone)]
enum Cells {
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    /// All texts in one, and where each ends.
    Text {
        text: String,
        ends: Vec<usize>,
    },
    Other(Vec<Value>),
}

/// One value where it lies.
#[derive(Clone, Copy)]
pub(crate) enum PackedCell<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    Other(&'a Value),
}

impl PackedRows {
    pub(crate) fn new(types: &[SqlType]) -> PackedRows {
        PackedRows { columns: types.iter().map(|sql_type| PackedColumn::new(*sql_type)).collect(), rows: 0 }
    }

    pub(crate) fn has_types(&self, types: &[SqlType]) -> bool {
        self.columns.iter().map(|column| column.sql_type).eq(types.iter().copied())
    }

    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Adds a row; false where it has a value that its column does not take, and the rows are as before.
    pub(crate) fn push_row(&mut self, row: &[Bind]) -> bool {
        let fits = row.len() == self.columns.len()
            && row.iter().zip(&self.columns).all(|(bind, column)| column.takes(&bind.value));
        if fits {
            for (bind, column) in row.iter().zip(&mut self.columns) {
                column.push_kept(&bind.value);
            }
            self.end_row();
        }
        fits
    }

    /// Makes room for so many more, as far as can be told.
    pub(crate) fn reserve(&mut self, more: usize) {
        let more = more.min(MOST_RESERVED);
        for column in &mut self.columns {
            column.reserve(more);
        }
    }

    /// Called when each column has got its value.
    #[inline]
    pub(crate) fn end_row(&mut self) {
        self.rows += 1;
    }
}

/// The most rows that room is made for at once: how many an iterator says there are need not be true.
const MOST_RESERVED: usize = 1 << 17;
/// The same in bytes of text.
const MOST_TEXT: usize = 1 << 24;

impl PackedColumn {
    fn reserve(&mut self, more: usize) {
        match &mut self.cells {
            Cells::Bool(cells) => cells.reserve(more),
            Cells::Int(cells) => cells.reserve(more),
            Cells::Float(cells) => cells.reserve(more),
            // As long as those before.
            Cells::Text { text, ends } => {
                text.reserve((text.len() / ends.len().max(1)).saturating_mul(more).min(MOST_TEXT));
                ends.reserve(more);
            }
            Cells::Other(cells) => cells.reserve(more),
        }
    }

    fn new(sql_type: SqlType) -> PackedColumn {
        let cells = match sql_type {
            SqlType::Bool => Cells::Bool(Vec::new()),
            SqlType::Int16 | SqlType::Int32 | SqlType::Int64 => Cells::Int(Vec::new()),
            SqlType::Float32 | SqlType::Float64 => Cells::Float(Vec::new()),
            SqlType::Text => Cells::Text { text: String::new(), ends: Vec::new() },
            _ => Cells::Other(Vec::new()),
        };
        PackedColumn { sql_type, cells, nulls: Vec::new(), has_values: false }
    }

    pub(crate) fn sql_type(&self) -> SqlType {
        self.sql_type
    }

    pub(crate) fn has_values(&self) -> bool {
        self.has_values
    }

    fn len(&self) -> usize {
        match &self.cells {
            Cells::Bool(cells) => cells.len(),
            Cells::Int(cells) => cells.len(),
            Cells::Float(cells) => cells.len(),
            Cells::Text { ends, .. } => ends.len(),
            Cells::Other(cells) => cells.len(),
        }
    }

    /// Whether a value can lie in the column.
    pub(crate) fn takes(&self, value: &Value) -> bool {
        matches!(
            (&self.cells, value),
            (_, Value::Null)
                | (Cells::Bool(_), Value::Bool(_))
                | (Cells::Int(_), Value::Int(_))
                | (Cells::Float(_), Value::Float(_))
                | (Cells::Text { .. }, Value::Text(_))
                | (Cells::Other(_), _)
        )
    }

    /// Adds a value that the column takes.
    #[inline]
    #[doc(hidden)]
    pub fn push(&mut self, value: Value) {
        match (&mut self.cells, value) {
            (Cells::Bool(cells), Value::Bool(it)) => cells.push(it),
            (Cells::Int(cells), Value::Int(it)) => cells.push(it),
            (Cells::Float(cells), Value::Float(it)) => cells.push(it),
            (Cells::Text { .. }, Value::Text(it)) => return self.push_text(&it),
            (_, Value::Null) => return self.push_null(),
            (Cells::Other(cells), value) => cells.push(value),
            // INVARIANT: the types were compared before.
            (_, _) => return self.push_null(),
        }
        self.has_values = true;
    }

    /// The same, of a value that stays where it is.
    fn push_kept(&mut self, value: &Value) {
        match value {
            Value::Text(it) if matches!(self.cells, Cells::Text { .. }) => self.push_text(it),
            value => self.push(value.clone()),
        }
    }

    #[inline]
    #[doc(hidden)]
    pub fn push_bool(&mut self, it: bool) {
        if let Cells::Bool(cells) = &mut self.cells {
            cells.push(it);
            self.has_values = true;
        }
    }

    #[inline]
    #[doc(hidden)]
    pub fn push_int(&mut self, it: i64) {
        if let Cells::Int(cells) = &mut self.cells {
            cells.push(it);
            self.has_values = true;
        }
    }

    #[inline]
    #[doc(hidden)]
    pub fn push_float(&mut self, it: f64) {
        if let Cells::Float(cells) = &mut self.cells {
            cells.push(it);
            self.has_values = true;
        }
    }

    #[inline]
    #[doc(hidden)]
    pub fn push_text(&mut self, it: &str) {
        if let Cells::Text { text, ends } = &mut self.cells {
            text.push_str(it);
            ends.push(text.len());
            self.has_values = true;
        }
    }

    #[doc(hidden)]
    pub fn push_null(&mut self) {
        let row = self.len();
        self.nulls.resize(row, false);
        self.nulls.push(true);
        match &mut self.cells {
            Cells::Bool(cells) => cells.push(false),
            Cells::Int(cells) => cells.push(0),
            Cells::Float(cells) => cells.push(0.0),
            Cells::Text { text, ends } => ends.push(text.len()),
            Cells::Other(cells) => cells.push(Value::Null),
        }
    }

    #[inline]
    pub(crate) fn cell(&self, row: usize) -> PackedCell<'_> {
        if self.nulls.get(row).copied().unwrap_or(false) {
            return PackedCell::Null;
        }
        let found = match &self.cells {
            Cells::Bool(cells) => cells.get(row).map(|it| PackedCell::Bool(*it)),
            Cells::Int(cells) => cells.get(row).map(|it| PackedCell::Int(*it)),
            Cells::Float(cells) => cells.get(row).map(|it| PackedCell::Float(*it)),
            Cells::Text { text, ends } => {
                let start = row.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
                ends.get(row).and_then(|end| text.get(start..*end)).map(PackedCell::Text)
            }
            Cells::Other(cells) => cells.get(row).map(PackedCell::Other),
        };
        found.unwrap_or(PackedCell::Null)
    }

    /// The integers, floats or texts of a range, where the column holds such.
    pub(crate) fn ints(&self, range: Range<usize>) -> Option<&[i64]> {
        match &self.cells {
            Cells::Int(cells) => cells.get(range),
            _ => None,
        }
    }

    pub(crate) fn floats(&self, range: Range<usize>) -> Option<&[f64]> {
        match &self.cells {
            Cells::Float(cells) => cells.get(range),
            _ => None,
        }
    }

    /// The texts of a range as one.
    pub(crate) fn texts(&self, range: Range<usize>) -> Option<&str> {
        let Cells::Text { text, ends } = &self.cells else { return None };
        let start = range.start.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
        let end = range.end.checked_sub(1).and_then(|last| ends.get(last)).copied().unwrap_or(0);
        text.get(start..end)
    }

    /// Whether a column that holds no more than NULL and values like these.
    pub(crate) fn holds(&self, test: impl Fn(&Value) -> bool) -> bool {
        match &self.cells {
            Cells::Bool(_) => test(&Value::Bool(false)),
            Cells::Int(_) => test(&Value::Int(0)),
            Cells::Float(_) => test(&Value::Float(0.0)),
            Cells::Text { .. } => test(&Value::Text(String::new())),
            Cells::Other(cells) => cells.iter().filter(|value| !value.is_null()).all(test),
        }
    }
}

impl PackedCell<'_> {
    pub(crate) fn of(value: &Value) -> PackedCell<'_> {
        match value {
            Value::Null => PackedCell::Null,
            Value::Bool(it) => PackedCell::Bool(*it),
            Value::Int(it) => PackedCell::Int(*it),
            Value::Float(it) => PackedCell::Float(*it),
            Value::Text(it) => PackedCell::Text(it),
            other => PackedCell::Other(other),
        }
    }

    pub(crate) fn to_value(self) -> Value {
        match self {
            PackedCell::Null => Value::Null,
            PackedCell::Bool(it) => Value::Bool(it),
            PackedCell::Int(it) => Value::Int(it),
            PackedCell::Float(it) => Value::Float(it),
            PackedCell::Text(it) => Value::Text(it.to_owned()),
            PackedCell::Other(it) => it.clone(),
        }
    }
}

impl PackedPart {
    pub(crate) fn of(rows: PackedRows) -> PackedPart {
        let range = 0..rows.rows;
        PackedPart { all: Arc::new(rows), range }
    }

    /// The rows, to add to them.
    pub(crate) fn grow(&mut self, add: impl FnOnce(&mut PackedRows)) {
        if self.range != (0..self.all.rows) {
            let mut rows = PackedRows::new(&self.types());
            for row in self.range.clone() {
                for (to, from) in rows.columns.iter_mut().zip(&self.all.columns) {
                    to.push(from.cell(row).to_value());
                }
                rows.end_row();
            }
            self.all = Arc::new(rows);
        }
        let all = Arc::make_mut(&mut self.all);
        add(all);
        self.range = 0..all.rows;
    }

    pub(crate) fn len(&self) -> usize {
        self.range.len()
    }

    pub(crate) fn width(&self) -> usize {
        self.all.columns.len()
    }

    pub(crate) fn columns(&self) -> &[PackedColumn] {
        &self.all.columns
    }

    pub(crate) fn types(&self) -> Vec<SqlType> {
        self.all.columns.iter().map(|column| column.sql_type).collect()
    }

    /// The places of its rows in the columns.
    pub(crate) fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// The rows from `start` on, `most` of them at most.
    pub(crate) fn part(&self, start: usize, most: usize) -> PackedPart {
        let start = self.range.start.saturating_add(start).min(self.range.end);
        let end = start.saturating_add(most).min(self.range.end);
        PackedPart { all: Arc::clone(&self.all), range: start..end }
    }

    pub(crate) fn has_types(&self, types: &[SqlType]) -> bool {
        self.all.has_types(types)
    }

    /// All values, row by row.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (SqlType, PackedCell<'_>)> {
        self.range
            .clone()
            .flat_map(|row| self.all.columns.iter().map(move |column| (column.sql_type, column.cell(row))))
    }

    pub(crate) fn to_rows(&self) -> Vec<Vec<Bind>> {
        let bind = |column: &PackedColumn, row| Bind { value: column.cell(row).to_value(), sql_type: column.sql_type };
        self.range.clone().map(|row| self.all.columns.iter().map(|column| bind(column, row)).collect()).collect()
    }
}

/// Rows that were listed, if each column's values are of one type; else as they were.
pub(crate) fn packed(rows: Vec<Vec<Bind>>) -> Result<PackedRows, Vec<Vec<Bind>>> {
    let Some(first) = rows.first() else { return Err(rows) };
    // A NULL has the type that the others have.
    let type_of = |place: usize| {
        let mut types = rows.iter().filter_map(|row| row.get(place));
        let given = types.clone().find(|bind| !bind.value.is_null()).or_else(|| types.next());
        given.map(|bind| bind.sql_type)
    };
    let Some(types) = (0..first.len()).map(type_of).collect::<Option<Vec<SqlType>>>() else { return Err(rows) };
    let mut packed = PackedRows::new(&types);
    let fits = |row: &Vec<Bind>| {
        row.len() == types.len()
            && row.iter().zip(&packed.columns).all(|(bind, column)| {
                bind.value.is_null() || (bind.sql_type == column.sql_type && column.takes(&bind.value))
            })
    };
    if types.is_empty() || !rows.iter().all(fits) {
        return Err(rows);
    }
    for row in rows {
        for (bind, column) in row.into_iter().zip(&mut packed.columns) {
            column.push(bind.value);
        }
        packed.end_row();
    }
    Ok(packed)
}

/// Adds one value of a row.
#[inline]
pub(crate) fn pack<T: ToValue>(value: T, columns: &mut std::slice::IterMut<'_, PackedColumn>) {
    if let Some(column) = columns.next() {
        value.pack(column);
    }
}
