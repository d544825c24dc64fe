//! Scalar functions in each dialect's words: by family, one arm a function.

mod text;
mod regexp;
mod number;
mod choice;
mod time;
mod time_pattern;
mod json;
mod array;

use sea_query::Expr;

use super::Lowering;
use crate::error::Result;
use crate::expr::Function;
use crate::schema::Rx;

impl Lowering<'_> {
    pub(super) fn call(&mut self, function: &Function, operands: &[Rx], qualify: bool) -> Result<Expr> {
        let (before, around) = (self.weight, std::mem::take(&mut self.weights));
        let mut weights = Vec::with_capacity(operands.len());
        let mut args = Vec::with_capacity(operands.len());
        for operand in operands {
            self.weight = 1;
            args.push(self.expr(operand, qualify)?);
            weights.push(self.weight);
        }
        (self.weight, self.weights) = (before, weights);
        let form = self.form(function, operands, args);
        self.weights = around;
        form
    }

    fn form(&mut self, function: &Function, operands: &[Rx], args: Vec<Expr>) -> Result<Expr> {
        match function {
            Function::Text(function) => self.text_form(function, operands, args),
            Function::Number(function) => self.number_form(function, operands, args),
            Function::Choice(function) => self.choice_form(function, operands, args),
            Function::Time(function) => self.time_form(function, operands, args),
            Function::Json(function) => self.json_form(function, operands, args),
            Function::Grouping(Some(true)) => self.template("1", Vec::new()),
            Function::Grouping(Some(false)) => self.template("0", Vec::new()),
            Function::Grouping(None) => self.template("CAST(GROUPING({0}) AS bigint)", args),
            Function::Array(function) => self.array_form(*function, operands, args),
        }
    }
}
