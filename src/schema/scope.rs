//! Which names a verb may use: the visible columns of the relation, and the hidden ones of the relation before.

use super::nearest::nearest;
use super::resolved::{ColumnId, ScanId};
use crate::error::{Error, ErrorKind, Result};
use crate::ident::Ident;

/// A column under a name.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) name: Ident,
    /// The relation that `of` may name it by.
    pub(super) relation: Option<Ident>,
    /// Its name within that relation, which a collision in a join may have changed in `name`.
    pub(super) original: Ident,
    pub(super) id: ColumnId,
}

impl Item {
    fn answers_to(&self, relation: Option<&Ident>, name: &Ident) -> bool {
        match relation {
            None => self.name == *name,
            Some(_) => self.relation.as_ref() == relation && self.original == *name,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) visible: Vec<Item>,
    /// Nearest first: columns that a `select` left out but that `where_`, `order_by` and `group_by` may still use.
    pub(super) hidden: Vec<Item>,
    /// A table whose columns are not known: any name may be one.
    pub(super) open: Option<Open>,
}

#[derive(Debug, Clone)]
pub(super) struct Open {
    pub(super) scan: ScanId,
    pub(super) relation: Option<Ident>,
    /// Its `*` is part of what is visible.
    pub(super) visible: bool,
}

/// What a name turned out to be.
pub(super) enum Found {
    Column(ColumnId),
    /// A column of the open table that nobody has named before.
    Open(ScanId),
}

impl Scope {
    pub(super) fn find(&self, relation: Option<&Ident>, name: &Ident) -> Result<Found> {
        if let Some(id) = unique(&self.visible, relation, name)? {
            return Ok(Found::Column(id));
        }
        // The relation before has unique names, and one of them hides those of the relations before that.
        if let Some(item) = self.hidden.iter().find(|item| item.answers_to(relation, name)) {
            return Ok(Found::Column(item.id));
        }
        if let Some(open) = &self.open
            && (relation.is_none() || relation == open.relation.as_ref())
        {
            return Ok(Found::Open(open.scan));
        }
        Err(self.unknown(relation, name))
    }

    pub(super) fn has_relation(&self, relation: &Ident) -> bool {
        let items = self.visible.iter().chain(&self.hidden);
        items.filter_map(|item| item.relation.as_ref()).any(|known| known == relation)
            || self.open.as_ref().is_some_and(|open| open.relation.as_ref() == Some(relation))
    }

    /// The visible column called `name`, for verbs that change or remove it.
    pub(super) fn position(&self, name: &Ident) -> Result<usize> {
        match self.visible.iter().position(|item| item.name == *name) {
            Some(position) => Ok(position),
            None => Err(self.unknown(None, name)),
        }
    }

    fn unknown(&self, relation: Option<&Ident>, name: &Ident) -> Error {
        let items = || self.visible.iter().chain(&self.hidden);
        if let Some(relation) = relation {
            let mut relations: Vec<&str> =
                items().filter_map(|item| item.relation.as_ref().map(Ident::as_str)).collect();
            relations.sort_unstable();
            relations.dedup();
            if !relations.contains(&relation.as_str()) {
                let message =
                    format!("there is no relation {relation:?} here{}", suggest(relation.as_str(), &relations));
                return Error::new(ErrorKind::Schema, "schema.unknown_relation", message).with_table(relation.as_str());
            }
            let known: Vec<&str> = items()
                .filter(|item| item.relation.as_ref() == Some(relation))
                .map(|item| item.original.as_str())
                .collect();
            let message = format!("{relation:?} has no column {name:?}{}", suggest(name.as_str(), &known));
            return Error::new(ErrorKind::Schema, "schema.unknown_column", message)
                .with_column(name.as_str())
                .with_table(relation.as_str());
        }
        let known: Vec<&str> = items().map(|item| item.name.as_str()).collect();
        let message = format!("there is no column {name:?} here{}", suggest(name.as_str(), &known));
        Error::new(ErrorKind::Schema, "schema.unknown_column", message).with_column(name.as_str())
    }
}

fn unique(list: &[Item], relation: Option<&Ident>, name: &Ident) -> Result<Option<ColumnId>> {
    let mut found: Option<&Item> = None;
    for item in list {
        if !item.answers_to(relation, name) {
            continue;
        }
        if let Some(first) = found
            && first.id != item.id
        {
            let message = match (&first.relation, &item.relation) {
                (Some(one), Some(other)) if one != other => format!(
                    "the column {name:?} is in {one:?} and in {other:?}; write `col(..).of({:?})` or `.of({:?})`",
                    one.as_str(),
                    other.as_str()
                ),
                _ => {
                    format!("two columns are called {name:?}; name the relations with `as_` and write `col(..).of(..)`")
                }
            };
            return Err(Error::new(ErrorKind::Schema, "schema.ambiguous", message).with_column(name.as_str()));
        }
        found = Some(item);
    }
    Ok(found.map(|item| item.id))
}

/// `; did you mean …`, or what there is when nothing is near.
pub(crate) fn suggest(name: &str, known: &[&str]) -> String {
    let near = nearest(name, known.iter().copied());
    let quote = |names: &[&str]| names.iter().map(|name| crate::error::show_name(name)).collect::<Vec<_>>().join(", ");
    if !near.is_empty() {
        return format!("; did you mean {}?", quote(&near));
    }
    if known.is_empty() {
        return String::new();
    }
    let shown: Vec<&str> = known.iter().copied().take(12).collect();
    let more = if known.len() > shown.len() { ", …" } else { "" };
    format!("; there are {}{more}", quote(&shown))
}
