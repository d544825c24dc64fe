//! Writes that are matched with a relation, so that no database compares each row with each where an equality says which may match.
//!
//! What such a write means is said by subqueries: one for each value that is taken from the relation, and one for whether there is a match. So a
//! row that matches twice is what it is in any subquery that must have one row: an error. PostgreSQL and SQLite run those once for each row, and
//! an update is a join beside them, which asks a subquery only for keys that the relation has more than once. MySQL and MariaDB look up the keys
//! of a relation that they have stored, so there the subqueries read such a one. SQLite looks up those of an IN.

use super::fold::{has_subquery, is_constant, is_random};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::expr::{Aggregate, AggregateCall, Comparison, Function, OverCall, SubqueryKind, TextFunction, Windowed};
use crate::ident::Ident;
use crate::query::{JoinKind, TableName};
use crate::schema::{
    Asked, Body, ColumnId, ColumnInfo, Facts, Matches, Node, NodeKind, Provenance, RowCount, Rx, RxKind, ScanId,
    ScanInfo, ScanSource, SubplanInfo, each_operand, lineage, map_operands,
};
use crate::types::{Family, SqlType};
use crate::value::{Bind, Value};

/// Puts what a write is matched with into its values and its condition. What is left in `matches` is a relation that stands beside the target,
/// for a condition that names both.
pub(super) fn settle(body: &mut Body, facts: &mut Facts, dialect: Dialect) -> Result<()> {
    match body {
        Body::Update { table, scan, set, condition, matches, .. } => {
            let Some(found) = matches.take() else { return Ok(()) };
            let write = Matched::new(found, facts, dialect, table, *scan);
            *matches = write.update(set, condition)?;
        }
        Body::Delete { table, scan, condition, matches, .. } => {
            let Some(found) = matches.take() else { return Ok(()) };
            *condition = Some(Matched::new(found, facts, dialect, table, *scan).has_match()?);
        }
        _ => {}
    }
    Ok(())
}

struct Matched<'w> {
    facts: &'w mut Facts,
    dialect: Dialect,
    table: &'w TableName,
    scan: ScanId,
    root: Node,
    /// Conditions on the target's row alone.
    own: Vec<Rx>,
    /// Conditions on both by which a match can be looked up.
    keys: Vec<Key>,
    /// All others on both.
    others: Vec<Rx>,
}

/// An equality: something of the target's row, and something of the relation's that is compared alike wherever it is.
#[derive(Clone)]
struct Key {
    target: Rx,
    relation: Rx,
    equal: Rx,
    /// The target's side stands on the left, whose collation is SQLite's, or has none.
    leads: bool,
}

impl<'w> Matched<'w> {
    fn new(found: Matches, facts: &'w mut Facts, dialect: Dialect, table: &'w TableName, scan: ScanId) -> Matched<'w> {
        let (own, keys, others) = (Vec::new(), Vec::new(), Vec::new());
        let mut matched = Matched { facts, dialect, table, scan, root: found.root, own, keys, others };
        let mut about = Vec::new();
        for condition in found.on {
            if matched.is_own(&condition) {
                matched.own.push(condition);
            } else if !matched.names_target(&condition) {
                about.push(condition);
            } else {
                match matched.key(&condition) {
                    Some(key) => matched.keys.push(key),
                    None => matched.others.push(condition),
                }
            }
        }
        matched.root = filter(matched.root, about);
        matched
    }

    fn key(&self, condition: &Rx) -> Option<Key> {
        let RxKind::Compare(Comparison::Equal, one, other) = condition.kind() else { return None };
        let (target, relation) = if self.is_own(one) { (one, other) } else { (other, one) };
        let sides = self.is_own(target) && self.names_target(target) && !self.names_target(relation);
        let compared = sides && !has_subquery(target) && !has_subquery(relation) && groups_as_it_compares(one, other);
        let leads = self.is_own(one) || target.sql_type() != Some(SqlType::Text);
        let (target, relation, equal) = (target.clone(), relation.clone(), condition.clone());
        compared.then_some(Key { target, relation, equal, leads })
    }

    /// True for what is about the target's row and nothing else.
    fn is_own(&self, rx: &Rx) -> bool {
        let mut all = true;
        self.each_column(rx, &mut |_, own| all = all && own);
        all
    }

    fn names_target(&self, rx: &Rx) -> bool {
        let mut found = false;
        self.each_column(rx, &mut |_, own| found = found || own);
        found
    }

    /// The target's columns that stand in `list`.
    fn target_columns<'r>(&self, list: impl IntoIterator<Item = &'r Rx>) -> Vec<ColumnId> {
        let mut found = Vec::new();
        for rx in list {
            self.each_column(rx, &mut |id, own| {
                if own && !found.contains(&id) {
                    found.push(id);
                }
            });
        }
        found
    }

    /// The columns that stand in it, those that its subqueries name of what is around them too, and whether they are the target's.
    fn each_column(&self, rx: &Rx, seen: &mut dyn FnMut(ColumnId, bool)) {
        let own = |id: ColumnId| self.facts.columns.get(id).is_some_and(|info| info.scan == Some(self.scan));
        match rx.kind() {
            RxKind::Column(id) => seen(*id, own(*id)),
            RxKind::Subquery { of: Asked::Plan(plan), .. } => {
                let outer = self.facts.subplans.get(*plan).map_or(&[][..], |plan| &plan.outer);
                outer.iter().for_each(|id| seen(*id, own(*id)));
            }
            _ => {}
        }
        each_operand(rx.kind(), &mut |operand| self.each_column(operand, seen));
    }

    fn update(mut self, set: &mut [(Ident, Rx)], condition: &mut Option<Rx>) -> Result<Option<Matches>> {
        let taken: Vec<bool> = set.iter().map(|(_, value)| !self.is_own(value)).collect();
        if !taken.contains(&true) || self.keys.is_empty() || self.dialect.is_mysql_family() {
            for ((column, value), taken) in set.iter_mut().zip(&taken) {
                if *taken {
                    *value = self.asked_for(column, value)?;
                }
            }
            *condition = Some(self.has_match()?);
            return Ok(None);
        }
        // What decides is the subquery; a key that the relation has once needs none.
        let mut asked = Vec::with_capacity(set.len());
        for ((column, value), taken) in set.iter().zip(&taken) {
            asked.push(if *taken { Some(self.asked_for(column, value)?) } else { None });
        }
        let (root, once) = self.counted()?;
        for ((_, value), asked) in set.iter_mut().zip(asked) {
            if let Some(asked) = asked {
                let sql_type = value.sql_type();
                let kind = RxKind::Case { arms: vec![(once.clone(), value.clone())], otherwise: Some(asked) };
                *value = Rx::new(kind, sql_type, true);
            }
        }
        let mut all = self.own;
        all.extend(self.keys.into_iter().map(|key| key.equal));
        all.append(&mut self.others);
        *condition = Some(all_of(all));
        Ok(Some(Matches { root, on: Vec::new() }))
    }

    /// The relation's rows that may match, and whether the row at hand is the only one of its key.
    fn counted(&mut self) -> Result<(Node, Rx)> {
        let mut partition = Vec::with_capacity(self.keys.len());
        for key in &self.keys {
            let relation = key.relation.clone();
            partition.push(match relation.sql_type() {
                // SQL: SQLite compares by the collation of the column on the left, and a column may have NOCASE or RTRIM. Too few groups only
                // ask a subquery too many.
                Some(SqlType::Text) if self.dialect == Dialect::Sqlite => coarse(relation),
                _ => relation,
            });
        }
        let counts = partition.first().cloned().ok_or_else(|| Error::internal("matches.keys"))?;
        let count = Windowed::Aggregate(AggregateCall::new(Aggregate::Count, vec![counts]));
        let call = OverCall { function: count, partition, order: Vec::new(), frame: None };
        let count = Rx::new(RxKind::Over(Box::new(call)), Some(SqlType::Int64), false);
        let root = self.near(self.root.clone());
        let mut defined = Vec::new();
        let count = self.define(&Ident::fixed("matches")?, count, false, &mut defined);
        let one = self.facts.binds.push(Bind { value: Value::Int(1), sql_type: SqlType::Int64 }, Provenance::Own);
        let one = Rx::new(RxKind::Bind(one), Some(SqlType::Int64), false);
        let once = Rx::new(RxKind::Compare(Comparison::Equal, count, one), Some(SqlType::Bool), false);
        Ok((NodeKind::Extend(Box::new(root), defined).node(), once))
    }

    /// The relation's rows whose keys a row of the target has for which its own conditions hold, so that a write of few rows does not count
    /// all of a large relation. Conditions that can not be asked twice may be missing.
    fn near(&mut self, root: Node) -> Node {
        let again = self.facts.scans.len();
        let alias = Some(self.table.name.clone());
        let source = ScanSource::Table(self.table.clone());
        self.facts.scans.push(ScanInfo { source, alias, open: false, table: None });
        let mut columns: Vec<(ColumnId, ColumnId)> = Vec::new();
        let mut own = Vec::new();
        for condition in self.own.clone() {
            if !has_subquery(&condition) && !is_random(&condition) {
                own.push(self.moved(&condition, again, &mut columns));
            }
        }
        let mut on = Vec::with_capacity(self.keys.len());
        for Key { target, relation, .. } in self.keys.clone() {
            let target = self.moved(&target, again, &mut columns);
            on.push(Rx::new(RxKind::Compare(Comparison::Equal, target, relation), Some(SqlType::Bool), true));
        }
        let right = Box::new(filter(NodeKind::Scan(again).node(), own));
        NodeKind::Join { left: Box::new(root), right, kind: JoinKind::Semi, on: Some(all_of(on)) }.node()
    }

    /// The same about another reading of the target.
    fn moved(&mut self, rx: &Rx, again: ScanId, columns: &mut Vec<(ColumnId, ColumnId)>) -> Rx {
        let RxKind::Column(id) = rx.kind() else {
            return map_operands(rx, &mut |operand| self.moved(operand, again, columns));
        };
        let Some(info) = self.facts.columns.get(*id) else { return rx.clone() };
        let info = ColumnInfo { scan: Some(again), ..info.clone() };
        let known = columns.iter().find(|(known, _)| known == id).map(|(_, moved)| *moved);
        let moved = known.unwrap_or(self.facts.columns.len());
        let column = Rx::column(moved, &info);
        if known.is_none() {
            columns.push((*id, moved));
            self.facts.columns.push(info);
        }
        column
    }

    /// The value as that of the only match.
    fn asked_for(&mut self, column: &Ident, value: &Rx) -> Result<Rx> {
        let conditions = self.keys.iter().map(|key| &key.equal).chain(&self.others);
        let outer = self.target_columns(conditions.chain([value]));
        let matching = self.matching()?;
        // A column of the target is none of the relation's own, so it becomes one.
        let mut defined = Vec::new();
        let (id, name) = match value.kind() {
            RxKind::Column(id) => (*id, self.facts.columns.get(*id).map(|info| info.name.clone())),
            _ => {
                self.define(column, value.clone(), false, &mut defined);
                (self.facts.columns.len() - 1, None)
            }
        };
        let root = extend(matching, defined);
        let of = Asked::Plan(self.facts.subplans.len());
        let columns = vec![(name.unwrap_or_else(|| column.clone()), id)];
        self.facts.subplans.push(SubplanInfo { root, columns, outer });
        let kind = RxKind::Subquery { kind: SubqueryKind::Scalar, operand: None, of, negated: false };
        Ok(Rx::new(kind, value.sql_type(), true))
    }

    /// Whether a row has a match, and meets the conditions that are its own.
    fn has_match(mut self) -> Result<Rx> {
        let listed = self.others.is_empty() && !self.keys.is_empty() && self.keys.iter().all(|key| key.leads);
        let found = if self.dialect == Dialect::Sqlite && listed {
            self.is_among()?
        } else {
            let outer = self.target_columns(self.keys.iter().map(|key| &key.equal).chain(&self.others));
            let root = self.matching()?;
            let of = Asked::Plan(self.facts.subplans.len());
            self.facts.subplans.push(SubplanInfo { root, columns: Vec::new(), outer });
            let exists = RxKind::Subquery { kind: SubqueryKind::Exists, operand: None, of, negated: false };
            Rx::new(exists, Some(SqlType::Bool), false)
        };
        let mut all = self.own;
        all.push(found);
        Ok(all_of(all))
    }

    /// The keys of a row as a member of the relation's.
    fn is_among(&mut self) -> Result<Rx> {
        let mut defined = Vec::new();
        let mut columns = Vec::with_capacity(self.keys.len());
        let name = Ident::fixed("key")?;
        for Key { relation, .. } in self.keys.clone() {
            let column = self.define(&name, relation, false, &mut defined);
            let RxKind::Column(id) = column.kind() else { return Err(Error::internal("matches.column")) };
            let name = self.facts.columns.get(*id).map_or_else(|| name.clone(), |info| info.name.clone());
            columns.push((name, *id));
        }
        let root = extend(self.root.clone(), defined);
        let of = Asked::Plan(self.facts.subplans.len());
        self.facts.subplans.push(SubplanInfo { root, columns, outer: Vec::new() });
        let operand = Rx::row(self.keys.iter().map(|key| key.target.clone()).collect());
        let kind = RxKind::Subquery { kind: SubqueryKind::In, operand: Some(operand), of, negated: false };
        Ok(Rx::new(kind, Some(SqlType::Bool), true))
    }

    /// The rows of the relation that match the target's row at hand.
    fn matching(&mut self) -> Result<Node> {
        let mut root = self.root.clone();
        let mut conditions = Vec::with_capacity(self.keys.len() + self.others.len());
        if self.dialect.is_mysql_family() && !self.keys.is_empty() && !self.own.iter().any(is_narrow) {
            let mut defined = Vec::new();
            for Key { target, relation, .. } in self.keys.clone() {
                // What a stored relation is looked up by has a collation.
                let text = relation.sql_type() == Some(SqlType::Text);
                let exact = |rx: Rx| if text { Rx::exact_text(rx) } else { rx };
                let stored = self.define(&Ident::fixed("key")?, exact(relation), text, &mut defined);
                let equal = RxKind::Compare(Comparison::Equal, stored, exact(target));
                conditions.push(Rx::new(equal, Some(SqlType::Bool), true));
            }
            // SQL: a derived table with a LIMIT is stored, and has an index of what it is looked up by.
            let limit = Some(RowCount::own(i64::MAX as u64));
            let input = Box::new(extend(root, defined));
            root = NodeKind::Slice { input, limit, offset: RowCount::default() }.node();
        } else {
            conditions.extend(self.keys.iter().map(|key| key.equal.clone()));
        }
        conditions.extend(self.others.iter().cloned());
        Ok(filter(root, conditions))
    }

    /// A column for `rx`, which is to be defined if it is none yet.
    fn define(&mut self, name: &Ident, rx: Rx, binary_text: bool, defined: &mut Vec<(ColumnId, Rx)>) -> Rx {
        if let RxKind::Column(_) = rx.kind() {
            return rx;
        }
        let id = self.facts.columns.len();
        let mut bases = Vec::new();
        lineage(&rx, &self.facts.columns, &self.facts.subplans, &mut bases);
        let (sql_type, nullable) = (rx.sql_type(), rx.nullable());
        let info = ColumnInfo { name: name.clone(), sql_type, nullable, binary_text, scan: None, lineage: bases };
        let column = Rx::column(id, &info);
        self.facts.columns.push(info);
        defined.push((id, rx));
        column
    }
}

fn extend(node: Node, defined: Vec<(ColumnId, Rx)>) -> Node {
    if defined.is_empty() { node } else { NodeKind::Extend(Box::new(node), defined).node() }
}

fn filter(node: Node, conditions: Vec<Rx>) -> Node {
    if conditions.is_empty() { node } else { NodeKind::Filter(Box::new(node), all_of(conditions)).node() }
}

fn all_of(mut conditions: Vec<Rx>) -> Rx {
    match (conditions.pop(), conditions.is_empty()) {
        (None, _) => Rx::new(RxKind::True, Some(SqlType::Bool), false),
        (Some(only), true) => only,
        (Some(last), false) => {
            conditions.push(last);
            let nullable = conditions.iter().any(Rx::nullable);
            Rx::new(RxKind::All(conditions), Some(SqlType::Bool), nullable)
        }
    }
}

/// `lower(rtrim(text))`: one group for all that any collation takes for equal.
fn coarse(text: Rx) -> Rx {
    let call = |function, text: Rx| {
        let nullable = text.nullable();
        Rx::new(RxKind::Call(Function::Text(function), vec![text]), Some(SqlType::Text), nullable)
    };
    call(TextFunction::Lower, call(TextFunction::Rtrim, text))
}

/// True for two types of which equal values are in one group, whichever of the two they have there.
fn groups_as_it_compares(one: &Rx, other: &Rx) -> bool {
    let (Some(one), Some(other)) = (one.sql_type(), other.sql_type()) else { return false };
    let float = |sql_type: SqlType| matches!(sql_type, SqlType::Float32 | SqlType::Float64);
    one.family() == other.family()
        && match one.family() {
            Family::Json | Family::Array => false,
            Family::Number => float(one) == float(other),
            Family::Text => true,
            _ => one == other,
        }
}

/// A few rows of the target, as far as can be seen: a column is one of the values that are said.
fn is_narrow(condition: &Rx) -> bool {
    let column = |rx: &Rx| matches!(rx.kind(), RxKind::Column(_));
    match condition.kind() {
        RxKind::Compare(Comparison::Equal, one, other) => {
            (column(one) && is_constant(other)) || (column(other) && is_constant(one))
        }
        RxKind::InList { operand, negated: false, .. } => column(operand),
        _ => false,
    }
}
