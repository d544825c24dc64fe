//! Updates and deletes that are matched with a relation.

use super::resolve::{Resolver, extend};
use super::resolve_write::CONDITION;
use super::resolved::{Matches, Rx, RxKind};
use super::scope::Scope;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::Expr;
use crate::ident::Ident;
use crate::query::{JoinKind, Joined};

impl Resolver<'_> {
    /// The relation, what makes a row of it a match, and what both sides' columns are called.
    pub(super) fn matches(
        &mut self,
        joined: &Joined,
        target: &Scope,
        condition: Option<&Expr>,
    ) -> Result<(Matches, Scope)> {
        if let (Some(own), Some(other)) = (&self.origin, &joined.frame.origin)
            && !own.is(other)
        {
            let message = "the frame belongs to another handle than the write; read it first and write what it gave";
            return Err(Error::new(ErrorKind::Plan, "join.two_databases", message));
        }
        let (root, mut right) = self.relation(joined.frame.relation())?;
        self.close_both(target, &right, "a write that is matched with a frame")?;
        right.hidden.clear();
        right.open = None;
        let left = Scope { visible: target.visible.clone(), ..Scope::default() };
        let mut defined = Vec::new();
        let (on, scope) = self.matching(&left, &right, JoinKind::Inner, &joined.on, &mut defined)?;
        let Some(on) = on else {
            let message = "the write does not say how its rows match the frame's; write `using(..)` or `on(..)`";
            return Err(Error::new(ErrorKind::Plan, "join.no_condition", message));
        };
        let condition = condition.map(|condition| self.condition(condition, &scope, CONDITION)).transpose()?;
        let mut parts = Vec::new();
        for whole in [Some(on), condition].into_iter().flatten() {
            match whole.kind() {
                RxKind::All(list) => parts.extend(list.iter().cloned()),
                _ => parts.push(whole),
            }
        }
        Ok((Matches { root: extend(root, defined), on: parts }, scope))
    }

    /// `incoming("name")`.
    pub(super) fn incoming(&mut self, name: &Ident, place: super::resolve_expr::Place<'_>) -> Result<Rx> {
        let Some(scope) = &self.incoming else {
            let message = format!(
                "`incoming({:?})` means something in `do_update` of an upsert alone; write `col({:?})`",
                name.as_str(),
                name.as_str()
            );
            return Err(Error::new(ErrorKind::Plan, "upsert.incoming", message).with_column(name.as_str()));
        };
        match scope.find(None, name)? {
            super::scope::Found::Column(id) => Ok(self.use_column(id, place.use_for)),
            super::scope::Found::Open(_) => Err(Error::internal("resolve.incoming")),
        }
    }
}
