//! The rows of an insert: listed one by one, or, where there are many, packed by column.

use std::borrow::Cow;

use super::IntoRow;
use super::row::Row;
use crate::value::Bind;
use crate::value::packed::{PackedCell, PackedPart, packed};

/// From how many rows on they are packed, if their types allow it.
pub(crate) const MANY: usize = 500;

/// Rows of values.
#[derive(Clone, Default)]
#[doc(hidden)]
pub struct RowSet {
    /// Of any width and with values of any type. None while there are packed ones.
    listed: Vec<Vec<Bind>>,
    /// As many values in each, and of one type in each column.
    packed: Option<PackedPart>,
}

impl From<Vec<Vec<Bind>>> for RowSet {
    fn from(listed: Vec<Vec<Bind>>) -> RowSet {
        RowSet { listed, packed: None }
    }
}

impl From<PackedPart> for RowSet {
    fn from(packed: PackedPart) -> RowSet {
        RowSet { listed: Vec::new(), packed: Some(packed) }
    }
}

impl RowSet {
    pub(crate) fn len(&self) -> usize {
        self.packed.as_ref().map_or(self.listed.len(), PackedPart::len)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn packed(&self) -> Option<&PackedPart> {
        self.packed.as_ref()
    }

    /// Those that are not packed.
    pub(crate) fn unpacked(&self) -> &[Vec<Bind>] {
        &self.listed
    }

    /// Adds rows, which are packed when they are many.
    pub(crate) fn extend<R: IntoRow>(&mut self, new: impl IntoIterator<Item = R>) {
        let mut new = new.into_iter();
        loop {
            if let (Some(packed), Some(types)) = (&mut self.packed, R::TYPES)
                && packed.has_types(types)
            {
                return packed.grow(|rows| {
                    rows.reserve(new.size_hint().0);
                    new.for_each(|row| row.pack(rows));
                });
            }
            let Some(row) = new.next() else { return };
            self.push_listed(row.into_row());
        }
    }

    /// Adds a row.
    pub(crate) fn push<R: IntoRow>(&mut self, row: R) {
        match (&mut self.packed, R::TYPES) {
            (Some(packed), Some(types)) if packed.has_types(types) => packed.grow(|rows| row.pack(rows)),
            _ => self.push_listed(row.into_row()),
        }
    }

    fn push_listed(&mut self, Row(row): Row) {
        let listed = self.listed();
        listed.push(row);
        if listed.len() == MANY {
            self.pack();
        }
    }

    /// Adds the rows of another.
    pub(crate) fn append(&mut self, other: RowSet) {
        if self.is_empty() {
            *self = other;
        } else {
            self.listed().extend(other.into_listed());
        }
    }

    /// Packs them if their types allow it.
    pub(crate) fn pack(&mut self) {
        if self.packed.is_none() {
            match packed(std::mem::take(&mut self.listed)) {
                Ok(rows) => self.packed = Some(PackedPart::of(rows)),
                Err(rows) => self.listed = rows,
            }
        }
    }

    /// The rows one by one, to be changed.
    pub(crate) fn listed(&mut self) -> &mut Vec<Vec<Bind>> {
        if let Some(packed) = self.packed.take() {
            self.listed = packed.to_rows();
        }
        &mut self.listed
    }

    fn into_listed(mut self) -> Vec<Vec<Bind>> {
        std::mem::take(self.listed())
    }

    /// The rows one by one.
    pub(crate) fn to_listed(&self) -> Cow<'_, [Vec<Bind>]> {
        match &self.packed {
            Some(packed) => Cow::Owned(packed.to_rows()),
            None => Cow::Borrowed(&self.listed),
        }
    }

    /// The values of a row at these places.
    pub(crate) fn cells<'a>(&'a self, row: usize, places: &'a [usize]) -> impl Iterator<Item = PackedCell<'a>> {
        places.iter().map(move |place| match &self.packed {
            Some(packed) => {
                packed.columns().get(*place).map_or(PackedCell::Null, |column| column.cell(packed.range().start + row))
            }
            None => {
                let bind = self.listed.get(row).and_then(|row| row.get(*place));
                bind.map_or(PackedCell::Null, |bind| PackedCell::of(&bind.value))
            }
        })
    }

    /// The first row that has not so many values, and how many it has.
    pub(crate) fn ragged(&self, width: usize) -> Option<(usize, usize)> {
        let listed = self.listed.iter().map(Vec::len).enumerate();
        let packed = self.packed.iter().map(PackedPart::width).enumerate();
        listed.chain(packed).find(|(_, found)| *found != width)
    }

    /// The same in parts of at most `most` rows.
    pub(crate) fn split(self, most: usize) -> Vec<RowSet> {
        let most = most.max(1);
        let parts = self.len().div_ceil(most);
        if let Some(packed) = self.packed {
            return (0..parts).map(|part| packed.part(part * most, most).into()).collect();
        }
        let mut rows = self.listed.into_iter();
        (0..parts).map(|_| rows.by_ref().take(most).collect::<Vec<_>>().into()).collect()
    }
}
