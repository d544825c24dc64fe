//! Functions of numbers.

use super::{Gives, Resolver, Rx};
use crate::error::Result;
use crate::expr::NumberFunction;
use crate::types::Family;

impl Resolver<'_> {
    pub(super) fn number_signature(
        &mut self,
        function: &NumberFunction,
        name: &str,
        operands: &mut [Rx],
    ) -> Result<Gives> {
        self.require(operands, 0, &[Family::Number], name, "a number")?;
        let first = self.known_type(operands, 0, name)?;
        let nullable = operands.iter().any(Rx::nullable);
        Ok(match function {
            NumberFunction::Abs => Gives { sql_type: first, nullable },
        })
    }
}
