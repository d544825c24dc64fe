//! Scalar functions in each dialect's words: by family, one arm a function.

mod text;
mod number;
mod time;
mod time_pattern;
mod json;

use sea_query::Expr;

use super::Lowering;
use crate::error::Result;
use crate::expr::Function;
use crate::schema::Rx;

impl Lowering<'_> {
    pub(super) fn call(&mut self, function: &Function, operands: &[Rx], qualify: bool) -> Result<Expr> {
        let args = operands.iter().map(|operand| self.expr(operand, qualify)).collect::<Result<Vec<_>>>()?;
        match function {
            Function::Text(function) => self.text_form(function, operands, args),
            Function::Number(function) => self.number_form(function, operands, args),
            Function::Time(function) => self.time_form(function, operands, args),
            Function::Json(function) => self.json_form(function, operands, args),
        }
    }
}
