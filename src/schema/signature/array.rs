//! Functions of arrays.

use super::{Gives, Resolver, Rx, typing};
use crate::error::{Error, Result};
use crate::expr::ArrayFunction;
use crate::types::{Family, SqlType};

impl Resolver<'_> {
    pub(super) fn array_signature(
        &mut self,
        function: ArrayFunction,
        name: &str,
        operands: &mut [Rx],
    ) -> Result<Gives> {
        let array = self.known_type(operands, 0, name)?;
        self.require(operands, 0, &[Family::Json, Family::Array], name, "a json array or an array")?;
        let element = match array {
            Some(SqlType::Array(element)) => Some(*element),
            _ => None,
        };
        let takes_value = matches!(
            function,
            ArrayFunction::Contains
                | ArrayFunction::Position
                | ArrayFunction::Append
                | ArrayFunction::Prepend
                | ArrayFunction::Remove
        );
        if takes_value {
            let [_, value] = operands else { return Err(Error::internal("signature.operand")) };
            *value = self.adapt(value.clone(), element);
            match element {
                Some(_) if !typing::comparable(element, value.sql_type()) => {
                    let found = self.described(value);
                    let whole = operands.first().map(|array| self.described(array)).unwrap_or_default();
                    return Err(typing::clash(&format!("`{name}`"), &whole, &found));
                }
                Some(_) => {}
                None => self.json_value(operands, 1, name)?,
            }
        }
        let maybe = |sql_type: Option<SqlType>| Ok(Gives { sql_type, nullable: true });
        match function {
            ArrayFunction::Length | ArrayFunction::Position => maybe(Some(SqlType::Int64)),
            ArrayFunction::Contains => maybe(Some(SqlType::Bool)),
            ArrayFunction::Min | ArrayFunction::Max => match element {
                None => maybe(array),
                Some(found)
                    if matches!(
                        found.family(),
                        Family::Number | Family::Text | Family::Date | Family::Time | Family::Timestamp
                    ) =>
                {
                    maybe(element)
                }
                Some(_) => Err(self.wrong_elements(operands, name, "an array of numbers, text or times")),
            },
            ArrayFunction::Sum => match element {
                None => maybe(Some(SqlType::Float64)),
                Some(found) if found.is_integer() => maybe(Some(SqlType::Int64)),
                Some(found) if found.is_float() => maybe(Some(SqlType::Float64)),
                Some(SqlType::Decimal(_)) => maybe(Some(SqlType::Decimal(None))),
                Some(_) => Err(self.wrong_elements(operands, name, "an array of numbers")),
            },
            _ => maybe(array),
        }
    }

    fn wrong_elements(&self, operands: &[Rx], name: &str, wanted: &str) -> Error {
        let found = operands.first().map(|array| self.described(array)).unwrap_or_default();
        typing::wrong(&format!("`{name}`"), wanted, &found)
    }
}
