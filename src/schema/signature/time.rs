//! Functions of dates and timestamps.

use super::{Gives, Resolver, Rx};
use crate::error::Result;
use crate::expr::TimeFunction;
use crate::types::{Family, SqlType};

impl Resolver<'_> {
    pub(super) fn time_signature(&mut self, function: &TimeFunction, name: &str, operands: &mut [Rx]) -> Result<Gives> {
        self.require(operands, 0, &[Family::Date, Family::Timestamp], name, "a date or timestamp")?;
        Ok(match function {
            TimeFunction::Year => Gives::strictly(SqlType::Int64, operands),
        })
    }
}
