//! The text that we hand to sea-query ourselves, all of it from closed lists.
//!
//! sea-query writes function names, type names, keywords and custom operators as they are, unquoted and unchecked. Only this
//! file calls what does so, and what it passes is spelled here.
#![expect(clippy::disallowed_methods, reason = "the one place that may: every text comes from the closed lists below")]

use sea_query::{BinOper, Expr, Func, FunctionCall};

/// Functions that sea-query has no name for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Function {
    Abs,
    Convert,
    Date,
    Datetime,
    Decimal,
    GenerateSeries,
    JsonbArrayElements,
    JsonEach,
    JsonTable,
    Nullif,
    Round,
    Trunc,
    Truncate,
    Unnest,
    /// In ON DUPLICATE KEY UPDATE: the value that was to be inserted.
    Values,
}

pub(super) fn function(function: Function) -> FunctionCall {
    Func::cust(match function {
        Function::Abs => "abs",
        Function::Convert => "CONVERT",
        Function::Date => "date",
        Function::Datetime => "datetime",
        Function::Decimal => "portcullis_decimal",
        Function::GenerateSeries => "generate_series",
        Function::JsonbArrayElements => "jsonb_array_elements",
        Function::JsonEach => "json_each",
        Function::JsonTable => "JSON_TABLE",
        Function::Nullif => "NULLIF",
        Function::Round => "ROUND",
        Function::Trunc => "TRUNC",
        Function::Truncate => "TRUNCATE",
        Function::Unnest => "unnest",
        Function::Values => "VALUES",
    })
}

/// Operators that sea-query has no name for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operator {
    Collate,
    /// MySQL's whole division.
    Div,
    /// Between an operand and a character set, in CONVERT.
    Using,
}

pub(super) fn operator(operator: Operator) -> BinOper {
    BinOper::Custom(match operator {
        Operator::Collate => "COLLATE",
        Operator::Div => "DIV",
        Operator::Using => "USING",
    })
}

/// A word of our own tables: TRUE, FALSE, a collation, a character set.
pub(super) fn word(word: &'static str) -> Expr {
    Expr::custom_keyword(word.to_owned())
}

/// The mark of a fragment where an expression stands; see `writer`.
pub(super) fn marked(mark: String) -> Expr {
    Expr::custom_keyword(mark)
}

/// A type's name, from our own tables.
#[derive(Debug, Clone, Copy)]
pub(super) enum TypeName {
    Named(&'static str),
    Decimal(u8, u8),
    /// MySQL's text of so many characters at most.
    Text(u32),
}

/// `CAST(operand AS type)`.
pub(super) fn cast(operand: Expr, to: TypeName) -> Expr {
    let name = match to {
        TypeName::Named(name) => name.to_owned(),
        TypeName::Decimal(precision, scale) => format!("DECIMAL({precision}, {scale})"),
        TypeName::Text(length) => format!("CHAR({length})"),
    };
    Func::cast_as(operand, name).into()
}

/// A text of our own templates with operands in it, `?` or `$1` in sea-query's way; see `template`.
pub(super) fn custom(text: String, operands: Vec<Expr>) -> Expr {
    Expr::cust_with_exprs(text, operands)
}
