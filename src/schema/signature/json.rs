//! Functions of JSON.

use super::{Gives, Resolver, Rx};
use crate::error::Result;
use crate::expr::JsonFunction;
use crate::types::{Family, SqlType};

impl Resolver<'_> {
    pub(super) fn json_signature(&mut self, function: &JsonFunction, name: &str, operands: &mut [Rx]) -> Result<Gives> {
        // MySQL would take any text for JSON, and PostgreSQL must be told.
        self.known_type(operands, 0, name)?;
        self.require(operands, 0, &[Family::Json], name, "json")?;
        if let JsonFunction::Contains | JsonFunction::Set(_) = function {
            self.json_value(operands, 1, name)?;
        }
        let maybe = |sql_type| Gives { sql_type: Some(sql_type), nullable: true };
        Ok(match function {
            JsonFunction::Get(_) | JsonFunction::Keys => maybe(SqlType::Json),
            JsonFunction::Text(_) => maybe(SqlType::Text),
            JsonFunction::Int(_) | JsonFunction::Length => maybe(SqlType::Int64),
            JsonFunction::Float(_) => maybe(SqlType::Float64),
            JsonFunction::Bool(_) => maybe(SqlType::Bool),
            JsonFunction::Type => Gives::strictly(SqlType::Text, operands),
            JsonFunction::Contains => Gives::strictly(SqlType::Bool, operands),
            // What is NULL is set as JSON's null.
            JsonFunction::Set(_) | JsonFunction::Remove(_) => {
                Gives { sql_type: Some(SqlType::Json), nullable: operands.first().is_none_or(Rx::nullable) }
            }
        })
    }

    /// An operand that is put into JSON: its type decides about its form.
    pub(super) fn json_value(&self, operands: &[Rx], position: usize, name: &str) -> Result<()> {
        self.known_type(operands, position, name)?;
        let families = [Family::Text, Family::Number, Family::Bool, Family::Json];
        self.require(operands, position, &families, name, "a text, number, boolean or json")
    }
}
