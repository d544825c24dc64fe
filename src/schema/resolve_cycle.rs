//! Recursions whose paths end where they would close a ring: the keys of a path, as text.

use super::access::Use;
use super::resolve::{Resolver, extend};
use super::resolved::{Node, NodeKind, Rx, RxKind, ScanId, ScanSource};
use super::scope::{Item, Scope};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Function, TextFunction};
use crate::types::{Family, SqlType};
use crate::value::Value;

impl Resolver<'_> {
    /// The step without the rows whose keys stand on their own path, and with the path of those that are left.
    pub(super) fn without_rings(
        &mut self,
        step: Node,
        scope: &mut Scope,
        itself: ScanId,
        keys: &[usize],
    ) -> Result<Node> {
        let missing = || Error::internal("resolve.path");
        let scan = self.scans.get(itself).ok_or_else(missing)?;
        let ScanSource::Cte { columns, .. } = &scan.source else { return Err(missing()) };
        // The last one counts the steps.
        let (before, _) = *columns.iter().rev().nth(1).ok_or_else(missing)?;
        let info = self.columns.get(before).cloned().ok_or_else(missing)?;
        let path = Rx::column(before, &info);
        let piece = self.path_piece(scope, keys)?;
        let met = RxKind::Call(TextFunction::Contains.into(), vec![path.clone(), piece.clone()]);
        let new = RxKind::Not(Rx::new(met, Some(SqlType::Bool), false));
        let step = NodeKind::Filter(Box::new(step), Rx::new(new, Some(SqlType::Bool), false)).node();
        let mut defined = Vec::new();
        let id = self.define(text(TextFunction::Concat, vec![path, piece]), &info.name, &mut defined);
        scope.visible.push(Item { name: info.name.clone(), relation: None, original: info.name, id });
        Ok(extend(step, defined))
    }

    /// The keys of a row as a text that those of no other row look like, wherever it stands among such texts: `[6162|7|n]` for the keys
    /// `ab`, 7 and NULL. What stands between the signs is made of letters, digits and hyphens.
    pub(super) fn path_piece(&mut self, scope: &Scope, keys: &[usize]) -> Result<Rx> {
        let mut pieces = Vec::with_capacity(2 * keys.len() + 1);
        for (place, position) in keys.iter().enumerate() {
            pieces.push(self.own_text(if place == 0 { "[" } else { "|" }));
            // A step with too few columns is refused after this.
            let Some(item) = scope.visible.get(*position) else { continue };
            let key = self.use_column(item.id, Use::Filter);
            self.need_types(&[&key], "`cycle`")?;
            let written = match key.sql_type() {
                Some(SqlType::Text) => text(TextFunction::Hex, vec![key]),
                Some(found) if is_written_in_one_way(found) => self.cast(key, SqlType::Text)?,
                _ => {
                    let message = format!(
                        "`cycle` compares whole numbers, text, booleans, dates and UUIDs, not {}; name another column, or convert it with `.cast(..)`",
                        self.described(&key)
                    );
                    let error = Error::new(ErrorKind::Type, "recursive.cycle_type", message);
                    return Err(error.with_column(item.name.as_str()));
                }
            };
            let none = self.own_text("n");
            pieces.push(Rx::new(RxKind::Coalesce(vec![written, none]), Some(SqlType::Text), false));
        }
        pieces.push(self.own_text("]"));
        Ok(text(TextFunction::Concat, pieces))
    }

    fn own_text(&mut self, sign: &'static str) -> Rx {
        self.own_literal(Value::Text(sign.to_owned()), SqlType::Text)
    }
}

/// Equal values have equal texts, without the signs between keys.
fn is_written_in_one_way(found: SqlType) -> bool {
    found.is_integer() || matches!(found.family(), Family::Bool | Family::Date | Family::Uuid)
}

fn text(function: TextFunction, operands: Vec<Rx>) -> Rx {
    let nullable = operands.iter().any(Rx::nullable);
    Rx::new(RxKind::Call(Function::Text(function), operands), Some(SqlType::Text), nullable)
}
