//! Functions that compare or choose between values of any type.

use super::{Gives, Resolver, Rx};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::ChoiceFunction;
use crate::schema::typing;
use crate::types::{Family, SqlType};

const ORDERED: [Family; 5] = [Family::Number, Family::Text, Family::Date, Family::Time, Family::Timestamp];

impl Resolver<'_> {
    pub(super) fn choice_signature(
        &mut self,
        function: &ChoiceFunction,
        name: &str,
        operands: &mut Vec<Rx>,
    ) -> Result<Gives> {
        match function {
            ChoiceFunction::Greatest | ChoiceFunction::Least => {
                if operands.is_empty() {
                    let message = format!("`{name}` has no operand; write at least one");
                    return Err(Error::new(ErrorKind::Plan, "expr.operands", message));
                }
                for position in 0..operands.len() {
                    self.known_type(operands, position, name)?;
                    self.require(operands, position, &ORDERED, name, "numbers, text or times")?;
                }
                let (list, sql_type) = self.one_type(std::mem::take(operands), &format!("`{name}`"))?;
                *operands = list;
                Ok(Gives { sql_type, nullable: operands.iter().any(Rx::nullable) })
            }
            ChoiceFunction::IsNan => {
                self.require(operands, 0, &[Family::Number], name, "a number")?;
                self.known_type(operands, 0, name)?;
                Ok(Gives::strictly(SqlType::Bool, operands))
            }
            ChoiceFunction::IsDistinctFrom | ChoiceFunction::IsNotDistinctFrom => {
                let right = operands.pop();
                let left = operands.pop();
                let (Some(left), Some(right)) = (left, right) else {
                    return Err(Error::internal("signature.operand"));
                };
                let (left, right) = self.adapt_pair(left, right);
                if left.sql_type().is_none() && right.sql_type().is_none() {
                    self.need_types(&[&left, &right], "comparing two columns")?;
                }
                if !typing::comparable(left.sql_type(), right.sql_type()) {
                    return Err(typing::clash(&format!("`{name}`"), &self.described(&left), &self.described(&right)));
                }
                operands.push(left);
                operands.push(right);
                Ok(Gives { sql_type: Some(SqlType::Bool), nullable: false })
            }
        }
    }
}
