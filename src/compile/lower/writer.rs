//! The writer that sea-query renders into: it numbers placeholders, types them, and puts fragments in their places.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use sea_query::{
    Expr, MysqlQueryBuilder, PostgresQueryBuilder, QueryBuilder, SelectStatement, SqlWriter, SqliteQueryBuilder,
};

use super::{Fragment, literal};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::ident::Ident;
use crate::query::Way;
use crate::schema::{Binds, Provenance};
use crate::types::SqlType;
use crate::value::{Bind, Value};

/// More text than this is refused: no server is asked to parse it.
const MAX_TEXT: usize = 4 * 1024 * 1024;

/// A statement's text, its binds in order, and the ranges of the text that are fragments.
pub(crate) struct Rendered {
    pub(crate) sql: String,
    pub(crate) binds: Vec<Bind>,
    /// Where each bind's value came from, if the text depends on nothing but the plan's shape.
    pub(crate) origins: Option<Vec<Provenance>>,
    pub(crate) skip: Vec<Range<usize>>,
    /// The database must prepare the text for each run.
    pub(crate) once: bool,
    /// The ranges of the text that are values, in a statement that can't bind them.
    pub(crate) literals: Vec<Range<usize>>,
    /// The rows that it writes are not among its binds.
    pub(crate) beside: Option<Beside>,
}

/// Rows beside a statement's text.
pub(crate) struct Beside {
    /// How many placeholders stand for their values.
    pub(crate) placeholders: usize,
    /// The types of their values; without placeholders those of one row.
    pub(crate) types: Arc<[SqlType]>,
    pub(crate) way: Way,
}

/// Encloses a fragment's number in the text. A control character can't occur in a name, and values are not in the text.
const MARK: char = '\u{1}';

pub(super) fn mark(fragment: usize) -> String {
    format!("{MARK}{fragment}{MARK}")
}

pub(super) struct Writer<'a> {
    dialect: Dialect,
    binds: &'a Binds,
    fragments: &'a [Vec<Fragment>],
    text: String,
    /// Up to here the text has no marks left.
    settled: usize,
    /// The bind of each placeholder.
    order: Vec<usize>,
    /// The number of each bind's placeholder, 0 for none yet.
    numbers: Vec<usize>,
    skip: Vec<Range<usize>>,
    /// Where values were written, if that is what becomes of binds.
    pub(super) literals: Option<Vec<Range<usize>>>,
    failed: Option<Error>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(dialect: Dialect, binds: &'a Binds, fragments: &'a [Vec<Fragment>]) -> Writer<'a> {
        Writer {
            dialect,
            binds,
            fragments,
            text: String::with_capacity(256),
            settled: 0,
            order: Vec::with_capacity(binds.len()),
            numbers: vec![0; binds.len()],
            skip: Vec::new(),
            literals: None,
            failed: None,
        }
    }

    pub(super) fn finish(self) -> Result<(String, Vec<usize>, Vec<Range<usize>>)> {
        self.finish_written().map(|(text, order, skip, _)| (text, order, skip))
    }

    /// The same, with the ranges where values were written.
    #[expect(clippy::type_complexity, reason = "taken apart at once, in two places")]
    pub(super) fn finish_written(mut self) -> Result<(String, Vec<usize>, Vec<Range<usize>>, Vec<Range<usize>>)> {
        self.settle();
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.text.len() > MAX_TEXT {
            let message =
                format!("the statement's text is over {MAX_TEXT} bytes; use fewer expressions or shorter lists");
            return Err(Error::new(ErrorKind::Limit, "limit.text", message));
        }
        if self.text.contains('\0') {
            return Err(Error::internal("write.nul"));
        }
        if self.order.len() > self.dialect.max_binds() {
            let message = format!(
                "the statement binds {} values and {} takes {}; send it in parts",
                self.order.len(),
                self.dialect,
                self.dialect.max_binds()
            );
            return Err(Error::new(ErrorKind::Limit, "limit.binds", message));
        }
        Ok((self.text, self.order, self.skip, self.literals.unwrap_or_default()))
    }

    /// Makes room for `rows` more rows like the one that the text ends with.
    pub(super) fn reserve_rows(&mut self, rows: usize, width: usize) {
        self.text.reserve(rows.saturating_mul(width).saturating_mul("$12345::bigint, ".len()).min(MAX_TEXT));
    }

    /// Adds a row of binds to the VALUES that the text ends with.
    pub(super) fn write_row(&mut self, binds: Range<usize>) {
        let first = binds.start;
        self.text.push_str(", (");
        for bind in binds {
            if bind > first {
                self.text.push_str(", ");
            }
            self.placeholder(bind);
        }
        self.text.push(')');
    }

    /// Adds rows of placeholders for values that lie beside the text.
    pub(super) fn rows(&mut self, rows: usize, width: usize) {
        self.reserve_rows(rows, width);
        let numbered = !self.dialect.is_mysql_family();
        for row in 0..rows {
            self.text.push_str(if row == 0 { "(" } else { ", (" });
            for place in 0..width {
                self.text.push_str(if place == 0 { "?" } else { ", ?" });
                if numbered {
                    push_number(&mut self.text, row * width + place + 1);
                }
            }
            self.text.push(')');
        }
    }

    /// Adds words of our own to the end of the text.
    pub(super) fn write_words(&mut self, words: &[&'static str]) {
        self.settle();
        for word in words {
            self.text.push(' ');
            self.text.push_str(word);
        }
    }

    /// Adds words, brackets and numbers of our own.
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds words of our own as they stand.
    pub(super) fn words(&mut self, words: &'static str) {
        self.settle();
        self.text.push_str(words);
    }

    /// Adds a name in its quotes, doubled where it holds one.
    pub(super) fn name(&mut self, name: &Ident) {
        self.settle();
        self.push_name(name.as_str());
        self.settled = self.text.len();
    }

    pub(super) fn bind(&mut self, bind: usize) {
        self.settle();
        self.placeholder(bind);
    }

    pub(super) fn query(&mut self, query: &SelectStatement) {
        self.settle();
        match self.dialect {
            Dialect::Postgres => query.build_collect_into(PostgresQueryBuilder, self),
            Dialect::MySql | Dialect::MariaDb => query.build_collect_into(MysqlQueryBuilder, self),
            Dialect::Sqlite => query.build_collect_into(SqliteQueryBuilder, self),
        };
        self.settle();
    }

    pub(super) fn expr(&mut self, expr: &Expr) {
        self.settle();
        match self.dialect {
            Dialect::Postgres => PostgresQueryBuilder.prepare_expr(expr, self),
            Dialect::MySql | Dialect::MariaDb => MysqlQueryBuilder.prepare_expr(expr, self),
            Dialect::Sqlite => SqliteQueryBuilder.prepare_expr(expr, self),
        }
        self.settle();
    }

    /// Adds a name in its quotes.
    pub(super) fn push_name(&mut self, name: &str) {
        let quote = self.dialect.name_quote();
        self.text.push(quote);
        for character in name.chars() {
            if character == quote {
                self.text.push(quote);
            }
            self.text.push(character);
        }
        self.text.push(quote);
    }

    /// Adds a value as text.
    pub(super) fn push_literal(&mut self, value: &Value) {
        let pieces = match literal::pieces(value, self.dialect) {
            Ok(pieces) => pieces,
            Err(error) => {
                self.failed.get_or_insert(error);
                return;
            }
        };
        for piece in pieces {
            let start = self.text.len();
            match piece {
                literal::Piece::Fixed(text) => self.text.push_str(text),
                literal::Piece::Literal(text) => {
                    self.text.push_str(&text);
                    let end = self.text.len();
                    self.literals.get_or_insert_default().push(start..end);
                }
            }
        }
    }

    /// Adds an expression, its values as text.
    pub(super) fn push_written(&mut self, expr: &sea_query::Expr) {
        self.literals.get_or_insert_default();
        self.settle();
        self.expr(expr);
    }

    fn written(&mut self, bind: usize) {
        let binds = self.binds;
        match binds.written(bind) {
            Some(Bind { value, sql_type }) => {
                self.push_literal(value);
                if self.dialect == Dialect::Postgres {
                    self.push_type(*sql_type);
                }
            }
            None => self.failed = Some(Error::internal("write.bind")),
        }
    }

    fn push_type(&mut self, sql_type: SqlType) {
        match placeholder_type(sql_type) {
            // A type in the text keeps sqlx's statement cache, whose key is the text, apart for each type.
            Some(name) => {
                self.text.push_str("::");
                self.text.push_str(name);
            }
            None => self.failed = Some(Error::internal("write.type")),
        }
    }

    fn placeholder(&mut self, bind: usize) {
        if self.literals.is_some() {
            return self.written(bind);
        }
        if self.dialect.is_mysql_family() {
            self.text.push('?');
            self.order.push(bind);
            return;
        }
        let number = match self.numbers.get_mut(bind) {
            Some(number) => {
                if *number == 0 {
                    self.order.push(bind);
                    *number = self.order.len();
                }
                *number
            }
            None => {
                self.failed = Some(Error::internal("write.bind"));
                return;
            }
        };
        self.text.push(if self.dialect == Dialect::Postgres { '$' } else { '?' });
        push_number(&mut self.text, number);
        if self.dialect == Dialect::Postgres
            && let Some(sql_type) = self.binds.sql_type(bind)
        {
            self.push_type(sql_type);
        }
    }

    /// Replaces the marks in what was written since the last time, in the order of the text, so that placeholders inside
    /// fragments are numbered in their place.
    fn settle(&mut self) {
        if self.fragments.is_empty() {
            return;
        }
        while let Some(found) = self.text.get(self.settled..).and_then(|tail| tail.find(MARK)) {
            let start = self.settled + found;
            let tail = self.text.split_off(start);
            let mut parts = tail.splitn(3, MARK);
            let number = parts.nth(1).and_then(|number| number.parse::<usize>().ok());
            let rest = parts.next().unwrap_or_default();
            // A mark that stood for a table was quoted as a name.
            let quote = self.dialect.name_quote();
            let rest = if self.text.ends_with(quote) && rest.starts_with(quote) {
                self.text.pop();
                rest.get(quote.len_utf8()..).unwrap_or_default()
            } else {
                rest
            };
            match number {
                Some(number) => self.write_fragment(number),
                None => self.failed = Some(Error::internal("write.mark")),
            }
            self.settled = self.text.len();
            self.text.push_str(rest);
        }
        self.settled = self.text.len();
    }

    pub(super) fn write_fragment(&mut self, number: usize) {
        let start = self.text.len();
        let fragments = self.fragments;
        for piece in fragments.get(number).map(Vec::as_slice).unwrap_or_default() {
            match piece {
                Fragment::Bind(_) if self.literals.is_some() => {
                    let message = "a list in an expression of a table is too long, or holds what can't be written into it; write it shorter";
                    self.failed.get_or_insert(Error::new(ErrorKind::Limit, "limit.list", message));
                }
                Fragment::Text(text) => self.text.push_str(text),
                Fragment::Bind(bind) => self.placeholder(*bind),
            }
        }
        self.skip.push(start..self.text.len());
        self.settled = self.text.len();
    }
}

fn push_number(text: &mut String, number: usize) {
    let mut power = 1;
    while number / power >= 10 {
        power *= 10;
    }
    while power > 0 {
        text.push(char::from(b'0' + (number / power % 10) as u8));
        power /= 10;
    }
}

impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text.push_str(text);
        Ok(())
    }

    fn write_char(&mut self, character: char) -> fmt::Result {
        self.text.push(character);
        Ok(())
    }
}

impl fmt::Display for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl SqlWriter for Writer<'_> {
    /// `value` is the place of a bind in our own list: no value ever reaches sea-query.
    fn push_param<T: QueryBuilder>(&mut self, value: sea_query::Value, _: &T) {
        self.settle();
        match value {
            sea_query::Value::BigUnsigned(Some(place)) => self.placeholder(place as usize),
            _ => self.failed = Some(Error::internal("write.value")),
        }
    }

    fn as_writer(&mut self) -> &mut dyn fmt::Write {
        self
    }
}

/// What PostgreSQL calls a type; `None` for an array of arrays.
pub(crate) fn placeholder_type(sql_type: SqlType) -> Option<&'static str> {
    Some(match sql_type {
        SqlType::Bool => "boolean",
        SqlType::Int16 => "smallint",
        SqlType::Int32 => "integer",
        SqlType::Int64 | SqlType::UInt64 => "bigint",
        SqlType::Float32 => "real",
        SqlType::Float64 => "double precision",
        SqlType::Decimal(_) => "numeric",
        SqlType::Text => "text",
        SqlType::Bytes => "bytea",
        SqlType::Date => "date",
        SqlType::Time => "time",
        SqlType::Timestamp => "timestamp",
        SqlType::TimestampTz => "timestamptz",
        SqlType::Interval => "interval",
        SqlType::Uuid => "uuid",
        SqlType::Json => "jsonb",
        SqlType::Array(element) => match element {
            SqlType::Bool => "boolean[]",
            SqlType::Int16 => "smallint[]",
            SqlType::Int32 => "integer[]",
            SqlType::Int64 | SqlType::UInt64 => "bigint[]",
            SqlType::Float32 => "real[]",
            SqlType::Float64 => "double precision[]",
            SqlType::Decimal(_) => "numeric[]",
            SqlType::Text => "text[]",
            SqlType::Bytes => "bytea[]",
            SqlType::Date => "date[]",
            SqlType::Time => "time[]",
            SqlType::Timestamp => "timestamp[]",
            SqlType::TimestampTz => "timestamptz[]",
            SqlType::Interval => "interval[]",
            SqlType::Uuid => "uuid[]",
            SqlType::Json => "jsonb[]",
            SqlType::Array(_) => return None,
        },
    })
}
