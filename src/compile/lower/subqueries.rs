//! Subqueries in expressions.

use sea_query::{BinOper, CaseStatement, Expr, Func, Query, SelectStatement, SubQueryStatement, TableRef, UnOper};

use super::doors::{Function, function};
use super::expr::{binary, is_text, place_of};
use super::{Lowering, column_ref, iden};
use crate::compile::fold::{Block, Projection};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::expr::SubqueryKind;
use crate::ident::Ident;
use crate::schema::{Asked, RowCount, Rx, RxKind};
use crate::types::SqlType;
use crate::value::Value;

impl Lowering<'_> {
    pub(super) fn subquery(
        &mut self,
        kind: SubqueryKind,
        operand: Option<&Rx>,
        of: Asked,
        negated: bool,
        qualify: bool,
    ) -> Result<Expr> {
        let Asked::Block(place) = of else { return Err(Error::internal("lower.subquery")) };
        let taken = self.folder.subqueries.get_mut(place).map(std::mem::take);
        let subquery = taken.ok_or_else(|| Error::internal("lower.block"))?;
        // Two of one text are possible, where an expression stands twice, so it is put back.
        self.subqueries = true;
        self.nested += 1;
        self.asked = false;
        let lowered = self.asked(kind, operand, &subquery.block, subquery.one_row, negated, qualify);
        self.nested -= 1;
        if let Some(place) = self.folder.subqueries.get_mut(place) {
            *place = subquery;
        }
        lowered
    }

    fn asked(
        &mut self,
        kind: SubqueryKind,
        operand: Option<&Rx>,
        block: &Block,
        one_row: bool,
        negated: bool,
        qualify: bool,
    ) -> Result<Expr> {
        match (kind, operand) {
            (SubqueryKind::Exists, _) => {
                let exists = Expr::exists(self.asked_select(block)?);
                Ok(if negated { Expr::Unary(UnOper::Not, Box::new(exists)) } else { exists })
            }
            (SubqueryKind::Scalar, _) => {
                let mut select = self.asked_select(block)?;
                if self.target.dialect == Dialect::Sqlite && !one_row {
                    select = self.one_row(select, block)?;
                }
                Ok(sub_select(select))
            }
            (SubqueryKind::In, Some(operand)) => {
                let Projection::Columns(columns) = &block.projection else { return Err(Error::internal("lower.in")) };
                if let RxKind::Row(list) = operand.kind() {
                    let (left, right) = (self.row(list, qualify)?, sub_select(self.asked_select(block)?));
                    return Ok(binary(left, if negated { BinOper::NotIn } else { BinOper::In }, right));
                }
                let [(_, _, value)] = columns.as_slice() else { return Err(Error::internal("lower.in")) };
                self.need_one_type(operand, value)?;
                let text = is_text(operand) || is_text(value);
                let exact = self.is_exact(operand) && self.is_exact(value);
                let mut left = self.expr(operand, qualify)?;
                if text && ((!exact && self.caps.loose_text) || self.mixes_collations([operand, value])) {
                    left = self.collated(left);
                }
                let right = sub_select(self.asked_select(block)?);
                Ok(binary(left, if negated { BinOper::NotIn } else { BinOper::In }, right))
            }
            (SubqueryKind::In, None) => Err(Error::internal("lower.in")),
        }
    }

    fn row(&mut self, list: &[Rx], qualify: bool) -> Result<Expr> {
        let values = list.iter().map(|value| self.expr(value, qualify)).collect::<Result<Vec<Expr>>>()?;
        Ok(Expr::tuple(values))
    }

    fn asked_select(&mut self, block: &Block) -> Result<SelectStatement> {
        self.asked = true;
        let select = self.select(block);
        self.asked = false;
        let mut select = select?;
        if self.with_inside
            && self.nested == 1
            && let Some(clause) = self.with_clause()?
        {
            select.with_cte(clause);
        }
        Ok(select)
    }

    /// The select so that more than one row of it is an error.
    ///
    /// SQL: SQLite takes the first row of a subquery for its value. The only error that an expression of it can raise on purpose is
    /// that of the absolute value of the smallest integer, here written so that it is not computed before it is needed.
    fn one_row(&mut self, mut select: SelectStatement, block: &Block) -> Result<SelectStatement> {
        let Projection::Columns(columns) = &block.projection else { return Err(Error::internal("lower.one_row")) };
        let [(name, ..)] = columns.as_slice() else { return Err(Error::internal("lower.one_row")) };
        let alias = self.folder.alias(Ident::fixed("t")?)?;
        if block.limit.is_none() {
            select.limit(self.row_count(RowCount::own(2))?);
        }
        let value = || Expr::Column(column_ref(Some(&alias), name));
        let rows = || -> Expr { Func::count(Expr::col(sea_query::Asterisk)).into() };
        let one = place_of(self.constant(Value::Int(1), SqlType::Int64));
        let least = place_of(self.constant(Value::Int(i64::MIN), SqlType::Int64));
        let overflow = binary(binary(least, BinOper::Add, rows()), BinOper::Sub, rows());
        let case = CaseStatement::new()
            .case(binary(rows(), BinOper::GreaterThan, one), function(Function::Abs).arg(overflow))
            .finally(Func::max(value()));
        let mut checked = Query::select();
        checked.expr(case).from(TableRef::SubQuery(Box::new(select), iden(&alias)));
        Ok(checked)
    }
}

fn sub_select(select: SelectStatement) -> Expr {
    Expr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(select)))
}
