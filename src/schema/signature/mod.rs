//! What scalar functions take and give: by family, one arm a function.

mod aggregate;
mod window;
mod text;
mod number;
mod choice;
mod time;
mod json;
mod array;

use super::resolve::Resolver;
use super::resolved::{Rx, RxKind};
use super::typing;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::Function;
use crate::types::{Family, SqlType};

/// A function's result.
struct Gives {
    sql_type: Option<SqlType>,
    nullable: bool,
}

impl Gives {
    /// NULL where an operand is NULL.
    fn strictly(sql_type: SqlType, operands: &[Rx]) -> Gives {
        Gives { sql_type: Some(sql_type), nullable: operands.iter().any(Rx::nullable) }
    }
}

impl Resolver<'_> {
    /// Checks the operands of a call, adapts literals among them, and says what it gives.
    pub(super) fn call(&mut self, function: &Function, mut operands: Vec<Rx>) -> Result<Rx> {
        let gives = match function {
            Function::Text(text) => self.text_signature(text, function.name(), &mut operands)?,
            Function::Number(number) => self.number_signature(number, function.name(), &mut operands)?,
            Function::Choice(choice) => self.choice_signature(choice, function.name(), &mut operands)?,
            Function::Time(time) => self.time_signature(time, function.name(), &mut operands)?,
            Function::Json(json) => self.json_signature(json, function.name(), &mut operands)?,
            Function::Grouping(_) => self.grouping_signature(&operands)?,
            Function::Array(array) => self.array_signature(*array, function.name(), &mut operands)?,
        };
        Ok(Rx::new(RxKind::Call(function.clone(), operands), gives.sql_type, gives.nullable))
    }

    fn grouping_signature(&self, operands: &[Rx]) -> Result<Gives> {
        let key = |rx: &Rx| matches!(rx.kind(), RxKind::Column(id) if self.grouped.contains(id));
        if operands.iter().all(key) {
            return Ok(Gives { sql_type: Some(SqlType::Int64), nullable: false });
        }
        let message = "`grouping` asks for a key of `rollup`, `cube` or `grouping_sets`; write it in the `agg` that follows their `group_by`";
        Err(Error::new(ErrorKind::Plan, "grouping.no_sets", message))
    }

    /// The type of an operand that decides about the text or the result, so that it must be known.
    fn known_type(&self, operands: &[Rx], position: usize, name: &str) -> Result<Option<SqlType>> {
        let operand = operands.get(position).ok_or_else(|| Error::internal("signature.operand"))?;
        if operand.sql_type().is_none() {
            self.need_types(&[operand], &format!("`{name}`"))?;
        }
        Ok(operand.sql_type())
    }

    /// Refuses an operand of another family than those of `families`; `wanted` says them in words.
    fn require(&self, operands: &[Rx], position: usize, families: &[Family], name: &str, wanted: &str) -> Result<()> {
        let operand = operands.get(position).ok_or_else(|| Error::internal("signature.operand"))?;
        match operand.sql_type() {
            Some(found) if !families.contains(&found.family()) => {
                Err(typing::wrong(&format!("`{name}`"), wanted, &self.described(operand)))
            }
            _ => Ok(()),
        }
    }

    /// Refuses an operand that is no signed integer.
    fn require_signed(&self, operands: &[Rx], position: usize, name: &str) -> Result<()> {
        let operand = operands.get(position).ok_or_else(|| Error::internal("signature.operand"))?;
        match operand.sql_type() {
            Some(found) if !found.is_integer() || found == SqlType::UInt64 => {
                Err(typing::wrong(&format!("`{name}`"), "a signed integer", &self.described(operand)))
            }
            _ => Ok(()),
        }
    }
}
