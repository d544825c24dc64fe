//! Functions of text.

use sea_query::Expr;

use super::Lowering;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::expr::TextFunction;
use crate::schema::Rx;

impl Lowering<'_> {
    pub(super) fn text_form(&mut self, function: &TextFunction, _operands: &[Rx], args: Vec<Expr>) -> Result<Expr> {
        let template = match (function, self.target.dialect) {
            // SQL: PostgreSQL maps by the database's locale, and in that of C the letters of ASCII alone.
            (TextFunction::Upper, Dialect::Postgres) => "UPPER({0} COLLATE \"und-x-icu\")",
            (TextFunction::Upper, Dialect::MySql | Dialect::MariaDb) => "UPPER({0})",
            (TextFunction::Upper, Dialect::Sqlite) => "portcullis_upper({0})",
        };
        self.template(template, args)
    }
}
