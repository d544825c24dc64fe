//! Functions of dates and timestamps.

use super::{Gives, Resolver, Rx};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Part, TimeFunction, Unit};
use crate::types::{Family, SqlType};

const CALENDAR: &[Family] = &[Family::Date, Family::Timestamp];
const CLOCK: &[Family] = &[Family::Time, Family::Timestamp];

impl Resolver<'_> {
    pub(super) fn time_signature(&mut self, function: &TimeFunction, name: &str, operands: &mut [Rx]) -> Result<Gives> {
        let fixed = |sql_type| Ok(Gives { sql_type: Some(sql_type), nullable: false });
        match function {
            TimeFunction::CurrentDate => return fixed(SqlType::Date),
            TimeFunction::CurrentTime => return fixed(SqlType::Time),
            TimeFunction::CurrentTimestamp => return fixed(SqlType::TimestampTz),
            TimeFunction::MakeDate => {
                for position in 0..operands.len() {
                    self.require_integer(operands, position, name)?;
                }
                return Ok(Gives { sql_type: Some(SqlType::Date), nullable: true });
            }
            TimeFunction::FromUnix | TimeFunction::FromUnixMicros => {
                self.require_integer(operands, 0, name)?;
                return Ok(Gives { sql_type: Some(SqlType::TimestampTz), nullable: true });
            }
            TimeFunction::ParseDate(_) | TimeFunction::ParseTimestamp(_) => {
                self.require(operands, 0, &[Family::Text], name, "text")?;
                let date = matches!(function, TimeFunction::ParseDate(_));
                let sql_type = if date { SqlType::Date } else { SqlType::Timestamp };
                return Ok(Gives { sql_type: Some(sql_type), nullable: true });
            }
            TimeFunction::Part(Part::Hour | Part::Minute | Part::Second | Part::Microsecond) => {
                self.require(operands, 0, CLOCK, name, "a time or timestamp")?;
                return Ok(Gives::strictly(SqlType::Int64, operands));
            }
            TimeFunction::AtTimeZone(_) => self.require(operands, 0, &[Family::Timestamp], name, "a timestamp")?,
            _ => self.require(operands, 0, CALENDAR, name, "a date or timestamp")?,
        }
        let first = match function {
            TimeFunction::Part(_) | TimeFunction::LastDay | TimeFunction::Format(_) => None,
            _ => self.known_type(operands, 0, name)?,
        };
        let is_date = first == Some(SqlType::Date);
        let nullable = operands.iter().any(Rx::nullable);
        Ok(match function {
            TimeFunction::Trunc(Unit::Microsecond) => {
                let message = "timestamps hold microseconds, so `date_trunc` by them changes nothing; leave it out";
                return Err(Error::new(ErrorKind::Plan, "expr.unit", message));
            }
            TimeFunction::Trunc(unit) if is_date && !unit.is_of_dates() => {
                let message = "a date has no time of day; truncate to `Unit::Week` or a longer unit, or convert it with \
                               `.cast(SqlType::Timestamp)`";
                return Err(Error::new(ErrorKind::Plan, "expr.unit", message));
            }
            TimeFunction::Trunc(_) => Gives { sql_type: first, nullable },
            TimeFunction::Shift(unit) => {
                self.require_integer(operands, 1, name)?;
                let sql_type = if is_date && !unit.is_of_dates() { Some(SqlType::Timestamp) } else { first };
                Gives { sql_type, nullable: true }
            }
            TimeFunction::Diff(_) => {
                self.require(operands, 1, CALENDAR, name, "a date or timestamp")?;
                self.known_type(operands, 1, name)?;
                Gives { sql_type: Some(SqlType::Int64), nullable }
            }
            TimeFunction::LastDay => Gives { sql_type: Some(SqlType::Date), nullable },
            TimeFunction::Format(_) => Gives { sql_type: Some(SqlType::Text), nullable },
            TimeFunction::AtTimeZone(_) => {
                let to = if first == Some(SqlType::TimestampTz) { SqlType::Timestamp } else { SqlType::TimestampTz };
                Gives { sql_type: Some(to), nullable: true }
            }
            _ => Gives { sql_type: Some(SqlType::Int64), nullable },
        })
    }

    /// Refuses an operand that is no integer.
    fn require_integer(&self, operands: &[Rx], position: usize, name: &str) -> Result<()> {
        let operand = operands.get(position).ok_or_else(|| Error::internal("signature.operand"))?;
        match operand.sql_type() {
            Some(found) if !found.is_integer() => {
                Err(super::typing::wrong(&format!("`{name}`"), "an integer", &self.described(operand)))
            }
            _ => Ok(()),
        }
    }
}
