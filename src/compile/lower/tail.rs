//! Pieces of a statement that sea-query has no words for: what stands after the rows of an insert, and what its builders leave out.

use std::ops::Range;

use sea_query::{Expr, SelectStatement};

use super::writer::{Beside, Writer};
use super::{Lowering, Rendered};
use crate::error::{Error, Result};
use crate::ident::Ident;
use crate::query::TableName;
use crate::schema::Rx;

/// A piece of a statement's text. The words are ours, and a name is quoted where it is written.
pub(super) enum Piece {
    Words(&'static str),
    Name(Ident),
    Names(Vec<Ident>),
    Table(TableName),
    Bind(usize),
    /// Placeholders in brackets, row by row, of a statement that has no other.
    Rows {
        rows: usize,
        width: usize,
    },
    Expr(Expr),
    Select(Box<SelectStatement>),
}

impl Piece {
    pub(super) fn write(self, writer: &mut Writer<'_>) {
        match self {
            Piece::Words(words) => writer.words(words),
            Piece::Name(name) => writer.name(&name),
            Piece::Names(names) => {
                for (position, name) in names.iter().enumerate() {
                    writer.words(if position == 0 { "" } else { ", " });
                    writer.name(name);
                }
            }
            Piece::Table(table) => {
                if let Some(schema) = &table.schema {
                    writer.name(schema);
                    writer.words(".");
                }
                writer.name(&table.name);
            }
            Piece::Bind(bind) => writer.bind(bind),
            Piece::Rows { rows, width } => writer.rows(rows, width),
            Piece::Expr(expr) => writer.expr(&expr),
            Piece::Select(select) => writer.query(&select),
        }
    }
}

impl Lowering<'_> {
    /// A statement of pieces alone.
    pub(super) fn render_pieces(self, pieces: Vec<Piece>) -> Result<Rendered> {
        let (sql, order, skip) = self.write_pieces(pieces)?;
        let once = self.once();
        let (binds, origins) = self.binds.in_order(&order);
        Ok(Rendered { sql, binds, origins, skip, once, literals: Vec::new(), beside: None })
    }

    /// The same with rows beside it, whose values are all that it binds.
    pub(super) fn render_packed(self, pieces: Vec<Piece>, beside: Beside) -> Result<Rendered> {
        let (sql, order, skip) = self.write_pieces(pieces)?;
        if !order.is_empty() {
            return Err(Error::internal("lower.packed"));
        }
        let (binds, beside) = (Vec::new(), Some(beside));
        Ok(Rendered { sql, binds, origins: None, skip, once: false, literals: Vec::new(), beside })
    }

    /// The text, the binds in it in their order, and where fragments stand.
    fn write_pieces(&self, pieces: Vec<Piece>) -> Result<(String, Vec<usize>, Vec<Range<usize>>)> {
        let mut writer = Writer::new(self.target.dialect, &self.binds, &self.fragments);
        pieces.into_iter().for_each(|piece| piece.write(&mut writer));
        writer.finish()
    }

    /// ` RETURNING a, b + 1 AS c`.
    pub(super) fn returning(&mut self, columns: &[(Ident, Rx)], qualify: bool) -> Result<Vec<Piece>> {
        let mut pieces = vec![Piece::Words(" RETURNING ")];
        for (position, (name, rx)) in columns.iter().enumerate() {
            pieces.extend((position > 0).then_some(Piece::Words(", ")));
            self.need_type(rx, "a computed column")?;
            pieces.push(Piece::Expr(self.expr(rx, qualify)?));
            if !self.is_called(rx, name) {
                pieces.push(Piece::Words(" AS "));
                pieces.push(Piece::Name(name.clone()));
            }
        }
        Ok(pieces)
    }
}
