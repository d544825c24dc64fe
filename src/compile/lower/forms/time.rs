//! Functions of dates and timestamps.

use sea_query::Expr;

use super::Lowering;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::expr::TimeFunction;
use crate::schema::Rx;

impl Lowering<'_> {
    pub(super) fn time_form(&mut self, function: &TimeFunction, _operands: &[Rx], args: Vec<Expr>) -> Result<Expr> {
        let template = match (function, self.target.dialect) {
            // SQL: PostgreSQL's EXTRACT gives a numeric.
            (TimeFunction::Year, Dialect::Postgres) => "CAST(EXTRACT(YEAR FROM {0}) AS bigint)",
            (TimeFunction::Year, Dialect::MySql | Dialect::MariaDb) => "YEAR({0})",
            (TimeFunction::Year, Dialect::Sqlite) => "CAST(strftime('%Y', {0}) AS INTEGER)",
        };
        self.template(template, args)
    }
}
