//! Functions of text.

use super::{Gives, Resolver, Rx};
use crate::error::Result;
use crate::expr::TextFunction;
use crate::types::{Family, SqlType};

impl Resolver<'_> {
    pub(super) fn text_signature(&mut self, function: &TextFunction, name: &str, operands: &mut [Rx]) -> Result<Gives> {
        use TextFunction as F;
        let integers_from = match function {
            F::Substring | F::Left | F::Right | F::Lpad | F::Rpad | F::Repeat => 1,
            _ => operands.len(),
        };
        for position in 0..operands.len() {
            match function {
                F::Md5 | F::Sha256 | F::Hex | F::Base64 => {
                    self.require(operands, position, &[Family::Text, Family::Bytes], name, "text or bytes")?;
                    self.known_type(operands, position, name)?;
                }
                // What to fill up with comes last.
                F::Lpad | F::Rpad if position == 2 => {}
                _ if position >= integers_from => self.require_signed(operands, position, name)?,
                _ => self.require(operands, position, &[Family::Text], name, "text")?,
            }
        }
        Ok(match function {
            F::Length | F::OctetLength | F::Position => Gives::strictly(SqlType::Int64, operands),
            F::Contains | F::StartsWith | F::EndsWith | F::RegexpMatch(_) => Gives::strictly(SqlType::Bool, operands),
            F::ConcatWs => Gives { sql_type: Some(SqlType::Text), nullable: false },
            F::RegexpExtract(..) => Gives { sql_type: Some(SqlType::Text), nullable: true },
            F::FromHex | F::FromBase64 => Gives { sql_type: Some(SqlType::Bytes), nullable: true },
            _ => Gives::strictly(SqlType::Text, operands),
        })
    }
}
