//! Common table expressions: resolved once, and read as tables wherever they are used.

use std::sync::Arc;

use super::resolve::{Resolver, extend};
use super::resolved::{
    ColumnId, ColumnInfo, CteInfo, Node, NodeKind, Rx, RxKind, ScanId, ScanInfo, ScanSource, SetColumn,
};
use super::scope::{Item, Scope};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Arithmetic, Comparison};
use crate::ident::Ident;
use crate::query::{JoinKind, Recursion, Relation, SetKind, SetOperation};
use crate::types::SqlType;
use crate::value::Value;

/// A relation that is resolved already, as a place of a chain: clones of a frame share it.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Place(*const Relation);

/// A recursion whose step is being resolved.
pub(super) struct Active {
    token: Arc<()>,
    cte: usize,
    /// Its own scans, of which one is right.
    scans: Vec<ScanId>,
    /// How many subqueries stood around the step.
    around: usize,
    /// How many of its last columns are its own: one that holds the path, and one that counts the steps.
    hidden: usize,
}

impl Resolver<'_> {
    /// `frame.cte("name")`: the same input under the same name is the same.
    pub(super) fn cte(&mut self, input: &Arc<Relation>, name: &Ident) -> Result<(Node, Scope)> {
        let place = Place(Arc::as_ptr(input));
        if let Some(cte) = self.known_cte(place, name)? {
            return Ok(self.scan_cte(cte));
        }
        // It stands before the whole statement and sees nothing of what is around its first use.
        let around = std::mem::take(&mut self.outers);
        let active = std::mem::take(&mut self.recursions);
        let resolved = self.relation(input);
        self.outers = around;
        self.recursions = active;
        let (root, scope) = resolved?;
        self.close(&scope, "`cte`")?;
        let columns = scope.visible.iter().map(|item| (item.name.clone(), item.id)).collect();
        let cte = self.ctes.len();
        self.ctes.push(CteInfo { name: name.clone(), root: Some(root), columns, recursive: false });
        self.cte_places.push((place, cte));
        Ok(self.scan_cte(cte))
    }

    fn known_cte(&self, place: Place, name: &Ident) -> Result<Option<usize>> {
        let named = |cte: &usize| self.ctes.get(*cte).is_some_and(|cte| cte.name == *name);
        if let Some((_, cte)) = self.cte_places.iter().find(|(known, cte)| *known == place && named(cte)) {
            return Ok(Some(*cte));
        }
        if self.ctes.iter().any(|cte| cte.name == *name) {
            let message =
                format!("two frames of the statement are called {name:?} in WITH; give one of them another name");
            return Err(Error::new(ErrorKind::Plan, "cte.name", message));
        }
        Ok(None)
    }

    /// One more use, with columns of its own.
    fn scan_cte(&mut self, cte: usize) -> (Node, Scope) {
        let scan = self.scans.len();
        let mut scope = Scope::default();
        let mut columns = Vec::new();
        let (name, list) = match self.ctes.get(cte) {
            Some(info) => (Some(info.name.clone()), info.columns.clone()),
            None => (None, Vec::new()),
        };
        for (column, inner) in list {
            let Some(info) = self.columns.get(inner) else { continue };
            let (sql_type, nullable, binary_text) = (info.sql_type, info.nullable, info.binary_text);
            let mut lineage = Vec::new();
            self.lineage(&Rx::column(inner, info), &mut lineage);
            let id = self.columns.len();
            self.columns.push(ColumnInfo {
                name: column.clone(),
                sql_type,
                nullable,
                binary_text,
                scan: Some(scan),
                lineage,
            });
            columns.push((id, inner));
            scope.visible.push(Item { original: column.clone(), name: column, relation: name.clone(), id });
        }
        self.scans.push(ScanInfo { source: ScanSource::Cte { cte, columns }, alias: name, open: false, table: None });
        (NodeKind::Scan(scan).node(), scope)
    }

    pub(super) fn recursive(
        &mut self,
        anchor: &Arc<Relation>,
        step: &Arc<Relation>,
        recursion: &Recursion,
    ) -> Result<(Node, Scope)> {
        // The step is made by `step` and belongs to one recursion alone.
        let place = Place(Arc::as_ptr(step));
        let name = &recursion.name;
        let cte = match self.known_cte(place, name)? {
            Some(cte) => cte,
            None => {
                let around = std::mem::take(&mut self.outers);
                let resolved = self.recursion(anchor, step, recursion);
                self.outers = around;
                let cte = resolved?;
                self.cte_places.push((place, cte));
                cte
            }
        };
        let (node, mut scope) = self.scan_cte(cte);
        scope.visible.truncate(scope.visible.len().saturating_sub(hidden_columns(recursion)));
        Ok((node, scope))
    }

    fn recursion(&mut self, anchor: &Arc<Relation>, step: &Arc<Relation>, recursion: &Recursion) -> Result<usize> {
        if recursion.distinct && !recursion.cycle.is_empty() {
            let message = "a recursion ends its paths by `cycle`, or leaves out rows that were there by `distinct`; write one of them";
            return Err(Error::new(ErrorKind::Plan, "recursive.cycle", message));
        }
        let operation = SetOperation { kind: SetKind::Union, all: !recursion.distinct };
        let active = std::mem::take(&mut self.recursions);
        let anchor = self.relation(anchor);
        self.recursions = active;
        let (anchor_node, mut anchor_scope) = anchor?;
        self.close(&anchor_scope, "`recursive`")?;
        let mut defined = Vec::new();
        let mut keys = Vec::with_capacity(recursion.cycle.len());
        for name in &recursion.cycle {
            keys.push(anchor_scope.position(name)?);
        }
        if !keys.is_empty() {
            let name = own_name("path", &anchor_scope)?;
            let path = self.path_piece(&anchor_scope, &keys)?;
            let id = self.define(path, &name, &mut defined);
            anchor_scope.visible.push(Item { name: name.clone(), relation: None, original: name, id });
        }
        if !recursion.distinct {
            let depth = own_name("depth", &anchor_scope)?;
            let zero = self.own_literal(Value::Int(0), SqlType::Int64);
            let id = self.define(zero, &depth, &mut defined);
            anchor_scope.visible.push(Item { name: depth.clone(), relation: None, original: depth, id });
        }
        let anchor_node = extend(anchor_node, defined);
        let columns = self.result_columns(&anchor_scope);
        let cte = self.ctes.len();
        let names = anchor_scope.visible.iter().map(|item| item.name.clone());
        let listed = names.zip(columns.iter().copied()).collect();
        self.ctes.push(CteInfo { name: recursion.name.clone(), root: None, columns: listed, recursive: true });
        self.recursions.push(Active {
            token: Arc::clone(&recursion.token),
            cte,
            scans: Vec::new(),
            around: self.outers.len(),
            hidden: hidden_columns(recursion),
        });
        let resolved = self.relation(step);
        let active = self.recursions.pop().ok_or_else(|| Error::internal("resolve.recursion"))?;
        let (step_node, mut step_scope) = resolved?;
        self.close(&step_scope, "`recursive`")?;
        let [itself] = active.scans.as_slice() else {
            let message = if active.scans.is_empty() {
                format!(
                    "the step of {:?} doesn't use the frame that it is given; join it or select from it",
                    recursion.name
                )
            } else {
                format!("the step of {:?} uses the frame that it is given more than once; use it once", recursion.name)
            };
            return Err(Error::new(ErrorKind::Plan, "recursive.step", message).at(step.location));
        };
        if reaches(&step_node, *itself) != Reach::Directly {
            return Err(shape(&recursion.name).at(step.location));
        }
        let step_node =
            if keys.is_empty() { step_node } else { self.without_rings(step_node, &mut step_scope, *itself, &keys)? };
        let step_node = if recursion.distinct {
            step_node
        } else {
            self.counted(step_node, &mut step_scope, *itself, recursion.max_depth)?
        };
        let members = (anchor_node, anchor_scope);
        let (left, right, scope, set) = self.members(members, (step_node, step_scope), operation, false)?;
        let set = self.settled(&columns, set, &scope)?;
        let node = NodeKind::Set { left: Box::new(left), right: Box::new(right), operation, columns: set }.node();
        if let Some(info) = self.ctes.get_mut(cte) {
            info.root = Some(node);
        }
        Ok(cte)
    }

    /// The columns of the result, known before the step is: the anchor's, but for whole numbers, which are of 64 bits.
    fn result_columns(&mut self, anchor: &Scope) -> Vec<ColumnId> {
        let mut columns = Vec::with_capacity(anchor.visible.len());
        for item in &anchor.visible {
            let Some(info) = self.columns.get(item.id) else { continue };
            let sql_type = info.sql_type.map(promoted);
            let binary_text = info.binary_text;
            let mut lineage = Vec::new();
            self.lineage(&Rx::column(item.id, info), &mut lineage);
            columns.push(self.columns.len());
            let name = item.name.clone();
            self.columns.push(ColumnInfo { name, sql_type, nullable: true, binary_text, scan: None, lineage });
        }
        columns
    }

    /// The members' columns under the ids that the step has used already.
    fn settled(&mut self, columns: &[ColumnId], set: Vec<SetColumn>, scope: &Scope) -> Result<Vec<SetColumn>> {
        let mut settled = Vec::with_capacity(set.len());
        for ((id, column), item) in columns.iter().zip(set).zip(&scope.visible) {
            let Some(made) = self.columns.get(column.id).cloned() else { continue };
            let Some(known) = self.columns.get_mut(*id) else { continue };
            let same = match (known.sql_type, made.sql_type.map(promoted)) {
                (Some(SqlType::Decimal(Some((_, one)))), Some(SqlType::Decimal(Some((_, other))))) => one == other,
                (one, other) => one == other,
            };
            if !same {
                let shown =
                    |sql_type: Option<SqlType>| sql_type.map_or("unknown".to_owned(), |found| found.to_string());
                let message = format!(
                    "{:?} is {} in the anchor and becomes {} with the step; cast it in the anchor or in the step",
                    item.name,
                    shown(known.sql_type),
                    shown(made.sql_type)
                );
                return Err(Error::new(ErrorKind::Type, "recursive.type", message).with_column(item.name.as_str()));
            }
            known.lineage = made.lineage;
            settled.push(SetColumn { id: *id, ..column });
        }
        Ok(settled)
    }

    /// The step with its rows' distance from the anchor, as far as the limit goes.
    fn counted(&mut self, step: Node, scope: &mut Scope, itself: ScanId, max_depth: u32) -> Result<Node> {
        let missing = || Error::internal("resolve.depth");
        let scan = self.scans.get(itself).ok_or_else(missing)?;
        let ScanSource::Cte { columns, .. } = &scan.source else { return Err(missing()) };
        let (before, _) = *columns.last().ok_or_else(missing)?;
        let info = self.columns.get(before).cloned().ok_or_else(missing)?;
        let most = self.own_literal(Value::Int(i64::from(max_depth)), SqlType::Int64);
        let below = RxKind::Compare(Comparison::Less, Rx::column(before, &info), most);
        let step = NodeKind::Filter(Box::new(step), Rx::new(below, Some(SqlType::Bool), false)).node();
        let one = self.own_literal(Value::Int(1), SqlType::Int64);
        let next = RxKind::Arithmetic(Arithmetic::Add, Rx::column(before, &info), one);
        let mut defined = Vec::new();
        let id = self.define(Rx::new(next, Some(SqlType::Int64), false), &info.name, &mut defined);
        scope.visible.push(Item { name: info.name.clone(), relation: None, original: info.name, id });
        Ok(extend(step, defined))
    }

    /// The frame that a step was given.
    pub(super) fn itself(&mut self, name: &Ident, token: &Arc<()>) -> Result<(Node, Scope)> {
        let place = self.recursions.iter().rposition(|active| Arc::ptr_eq(&active.token, token));
        let Some(place) = place else {
            let message = format!(
                "the frame that the step of {name:?} is given stands outside of that step; use what `step` returns"
            );
            return Err(Error::new(ErrorKind::Plan, "recursive.anchor", message));
        };
        let last = place + 1 == self.recursions.len();
        let Some(active) = self.recursions.get(place) else { return Err(Error::internal("resolve.itself")) };
        if !last || active.around != self.outers.len() {
            return Err(shape(name));
        }
        let (cte, hidden) = (active.cte, active.hidden);
        let (node, mut scope) = self.scan_cte(cte);
        let scan = self.scans.len() - 1;
        if let Some(active) = self.recursions.get_mut(place) {
            active.scans.push(scan);
        }
        scope.visible.truncate(scope.visible.len().saturating_sub(hidden));
        Ok((node, scope))
    }
}

/// How many columns a recursion has beside the anchor's.
fn hidden_columns(recursion: &Recursion) -> usize {
    usize::from(!recursion.distinct) + usize::from(!recursion.cycle.is_empty())
}

/// `wanted`, or with a number where a column is called so.
fn own_name(wanted: &'static str, scope: &Scope) -> Result<Ident> {
    let mut name = Ident::fixed(wanted)?;
    let mut number = 1;
    let taken = |name: &Ident| scope.visible.iter().any(|item| item.name.as_str().eq_ignore_ascii_case(name.as_str()));
    while taken(&name) {
        number += 1;
        name = Ident::new(format!("{wanted}_{number}"))?;
    }
    Ok(name)
}

/// In what type a recursion holds the values of an anchor of type `found`.
fn promoted(found: SqlType) -> SqlType {
    match found {
        SqlType::Int16 | SqlType::Int32 => SqlType::Int64,
        SqlType::Float32 => SqlType::Float64,
        other => other,
    }
}

fn shape(name: &Ident) -> Error {
    let message = format!(
        "the step of {name:?} uses its frame in a subquery or under an aggregate, distinct, limit, set operation or the filled side of a join; do that after the recursion"
    );
    Error::new(ErrorKind::Plan, "recursive.shape", message)
}

#[derive(PartialEq)]
enum Reach {
    No,
    Directly,
    Under,
}

/// How the scan stands in a relation: where SQL lets a recursion stand, or below something else.
fn reaches(node: &Node, scan: ScanId) -> Reach {
    match &node.kind {
        NodeKind::Scan(found) => {
            if *found == scan {
                Reach::Directly
            } else {
                Reach::No
            }
        }
        NodeKind::Filter(input, _) | NodeKind::Extend(input, _) | NodeKind::Sort(input, _) => reaches(input, scan),
        NodeKind::Join { left, right, kind, .. } => {
            let (left, right) = (reaches(left, scan), reaches(right, scan));
            let keeps_left = !matches!(kind, JoinKind::Right | JoinKind::Full);
            let keeps_right = matches!(kind, JoinKind::Inner | JoinKind::Cross | JoinKind::Right);
            match (left, right) {
                (Reach::No, Reach::No) => Reach::No,
                (Reach::Directly, Reach::No) if keeps_left => Reach::Directly,
                (Reach::No, Reach::Directly) if keeps_right => Reach::Directly,
                _ => Reach::Under,
            }
        }
        NodeKind::Aggregate { input, .. }
        | NodeKind::Slice { input, .. }
        | NodeKind::Distinct(input, _)
        | NodeKind::Explode(input, _)
        | NodeKind::GroupingSets { input, .. } => {
            if reaches(input, scan) == Reach::No {
                Reach::No
            } else {
                Reach::Under
            }
        }
        NodeKind::Set { left, right, .. } => {
            if reaches(left, scan) == Reach::No && reaches(right, scan) == Reach::No {
                Reach::No
            } else {
                Reach::Under
            }
        }
    }
}
