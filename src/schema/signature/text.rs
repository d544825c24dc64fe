//! Functions of text.

use super::{Gives, Resolver, Rx};
use crate::error::Result;
use crate::expr::TextFunction;
use crate::types::{Family, SqlType};

impl Resolver<'_> {
    pub(super) fn text_signature(&mut self, function: &TextFunction, name: &str, operands: &mut [Rx]) -> Result<Gives> {
        self.require(operands, 0, &[Family::Text], name, "text")?;
        Ok(match function {
            TextFunction::Upper => Gives::strictly(SqlType::Text, operands),
        })
    }
}
