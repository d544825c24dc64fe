//! Functions of numbers.

use sea_query::Expr;

use super::Lowering;
use crate::error::Result;
use crate::expr::NumberFunction;
use crate::schema::Rx;

impl Lowering<'_> {
    pub(super) fn number_form(&mut self, function: &NumberFunction, _operands: &[Rx], args: Vec<Expr>) -> Result<Expr> {
        let template = match function {
            NumberFunction::Abs => "ABS({0})",
        };
        self.template(template, args)
    }
}
