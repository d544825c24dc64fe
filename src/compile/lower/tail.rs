//! Pieces of a statement that sea-query has no words for: what stands after the rows of an insert, and what its builders leave out.

use sea_query::{Expr, SelectStatement};

use super::writer::Writer;
use super::{Lowering, Rendered};
use crate::error::Result;
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
            Piece::Expr(expr) => writer.expr(&expr),
            Piece::Select(select) => writer.query(&select),
        }
    }
}

impl Lowering<'_> {
    /// A statement of pieces alone.
    pub(super) fn render_pieces(self, pieces: Vec<Piece>) -> Result<Rendered> {
        let mut writer = Writer::new(self.target.dialect, &self.binds, &self.fragments);
        pieces.into_iter().for_each(|piece| piece.write(&mut writer));
        let (sql, order, skip) = writer.finish()?;
        let once = !self.caps.subqueries_see_results && self.windows && self.subqueries;
        let (binds, origins) = self.binds.in_order(&order);
        Ok(Rendered { sql, binds, origins, skip, once, literals: Vec::new(), copy: None })
    }

    /// The same, with all binds and none of them in the text.
    pub(super) fn render_all(self, pieces: Vec<Piece>) -> Result<Rendered> {
        let mut writer = Writer::new(self.target.dialect, &self.binds, &self.fragments);
        pieces.into_iter().for_each(|piece| piece.write(&mut writer));
        let (sql, _, skip) = writer.finish()?;
        Ok(Rendered {
            sql,
            binds: self.binds.into_all(),
            origins: None,
            skip,
            once: false,
            literals: Vec::new(),
            copy: None,
        })
    }

    /// ` RETURNING a, b + 1 AS c`.
    pub(super) fn returning(&mut self, columns: &[(Ident, Rx)]) -> Result<Vec<Piece>> {
        let mut pieces = vec![Piece::Words(" RETURNING ")];
        for (position, (name, rx)) in columns.iter().enumerate() {
            pieces.extend((position > 0).then_some(Piece::Words(", ")));
            self.need_type(rx, "a computed column")?;
            pieces.push(Piece::Expr(self.expr(rx, false)?));
            if !self.is_called(rx, name) {
                pieces.push(Piece::Words(" AS "));
                pieces.push(Piece::Name(name.clone()));
            }
        }
        Ok(pieces)
    }
}
