//! Elements of arrays: a source that is made of a column of the source before it.

use super::{Block, Folder, Join, SourceKind};
use crate::error::{Error, Result};
use crate::query::JoinKind;
use crate::schema::{ElementOf, ElementPart, Explosion, Node, Rx, RxKind};
use crate::types::SqlType;

/// A source of elements.
#[derive(Debug)]
pub(in crate::compile) struct Elements {
    pub(in crate::compile) array: Rx,
    pub(in crate::compile) of: ElementOf,
    /// Its rows are numbered.
    pub(in crate::compile) numbered: bool,
}

impl Folder<'_> {
    pub(super) fn explode(&mut self, input: &Node, explosion: &Explosion) -> Result<Block> {
        let mut block = self.fold(input)?;
        let mut array = self.find(&block, explosion.array)?;
        // A computed array is computed once, in a block of its own.
        if !block.plain() || !array.as_ref().is_some_and(|array| matches!(array.kind(), RxKind::Source { .. })) {
            block = self.wrap(block)?;
            array = self.find(&block, explosion.array)?;
        }
        let array = array.ok_or_else(|| Error::internal("fold.explode"))?;
        let info = self.facts.columns.get(explosion.element).ok_or_else(|| Error::internal("fold.element"))?;
        let numbered = explosion.position.is_some();
        let elements = Elements { array, of: explosion.of, numbered };
        let source = self.add_source(SourceKind::Elements(Box::new(elements)), Some(info.name.clone()), None)?;
        let kind = if explosion.outer { JoinKind::Left } else { JoinKind::Cross };
        let on = if explosion.outer { vec![Rx::new(RxKind::True, Some(SqlType::Bool), false)] } else { Vec::new() };
        block.sources.push(source);
        block.joins.push(Join { kind, on });
        let part = |part: ElementPart, sql_type: Option<SqlType>| {
            Rx::new(RxKind::Element { source, of: explosion.of, part }, sql_type, true)
        };
        block.env.push((explosion.element, part(ElementPart::Value { numbered }, info.sql_type)));
        if let Some(position) = explosion.position {
            block.env.push((position, part(ElementPart::Position, Some(SqlType::Int64))));
        }
        Ok(block)
    }
}
