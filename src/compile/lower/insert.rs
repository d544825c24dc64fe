//! Inserts and upserts.

use sea_query::Query;

use super::expr::place_of;
use super::tail::Piece;
use super::write::{in_order, unsupported};
use super::writer::Beside;
use super::{Lowering, Rendered, iden, table_ref};
use crate::compile::fold::{Block, Projection};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::ident::Ident;
use crate::query::Way;
use crate::schema::{InsertBody, InsertRows, OtherKeys, RxKind, UpsertBody, schema_needed};
use crate::types::SqlType;

impl Lowering<'_> {
    /// `INSERT INTO t (columns) VALUES (…), (…)`, or a SELECT in place of the rows, and what comes after either.
    ///
    /// sea-query renders the first row. The others have the same text but for the numbers of their placeholders, so the
    /// writer goes on alone instead of a tree of a node for each value.
    pub(in crate::compile) fn insert(
        mut self,
        insert: &InsertBody,
        target: &Block,
        source: Option<&Block>,
    ) -> Result<Rendered> {
        if matches!(insert.rows, InsertRows::Binds { rows: 0, .. }) {
            let message = "the insert has no rows, so there is no statement; add one with `.row(..)`";
            return Err(Error::new(ErrorKind::Plan, "insert.no_rows", message));
        }
        if let InsertRows::Packed { rows, types, way } = &insert.rows {
            return self.packed(insert, *rows, types, way);
        }
        let mysql = self.target.dialect.is_mysql_family();
        let select = source.map(|block| self.insert_select(block)).transpose()?;
        let mut tail = Vec::new();
        if let Some(upsert) = &insert.upsert {
            self.check_keys(insert, upsert)?;
            if mysql && upsert.nothing {
                return self.insert_missing(insert, upsert, target, select);
            }
            tail.extend(self.on_conflict(upsert, target)?);
        }
        tail.extend(self.insert_returning(insert, target)?);
        let columns = &insert.columns;
        let mut statement = Query::insert();
        statement.into_table(table_ref(&insert.table)).columns(columns.iter().map(iden));
        let (first, rows) = match (&insert.rows, select) {
            (InsertRows::Binds { first, rows }, _) => (*first, *rows),
            (InsertRows::Arrays { first }, _) => {
                if self.target.dialect != Dialect::Postgres {
                    return Err(Error::internal("lower.arrays"));
                }
                // SQL: PostgreSQL manual, 9.19: several arrays at once are taken apart in FROM, by the name without a schema.
                let mut pieces = self.insert_into(insert);
                for place in 0..columns.len() {
                    pieces.push(Piece::Words(if place == 0 { " SELECT * FROM unnest(" } else { ", " }));
                    pieces.push(Piece::Bind(first + place));
                }
                pieces.push(Piece::Words(")"));
                pieces.extend(tail);
                return self.render_pieces(pieces);
            }
            (InsertRows::Query { .. }, Some(select)) => {
                if insert.upsert.is_some() && self.target.dialect == Dialect::Sqlite {
                    // SQL: SQLite takes ON after a FROM for that of a join; a WHERE stands between.
                    let mut pieces = self.insert_into(insert);
                    pieces.extend([Piece::Words(" SELECT * FROM ("), Piece::Select(Box::new(select))]);
                    pieces.extend([Piece::Words(") AS "), Piece::Name(self.folder.alias(Ident::fixed("t")?)?)]);
                    pieces.push(Piece::Words(" WHERE TRUE"));
                    pieces.extend(tail);
                    return self.render_pieces(pieces);
                }
                statement.select_from(select).map_err(|_| Error::internal("lower.insert"))?;
                return self.render_then(&statement, |writer| tail.into_iter().for_each(|piece| piece.write(writer)));
            }
            (InsertRows::Packed { .. }, _) | (InsertRows::Query { .. }, None) => {
                return Err(Error::internal("lower.insert"));
            }
        };
        let width = columns.len();
        statement.values((first..first + width).map(place_of)).map_err(|_| Error::internal("lower.insert"))?;
        self.render_then(&statement, |writer| {
            writer.reserve_rows(rows - 1, width);
            for row in 1..rows {
                writer.write_row(first + row * width..first + (row + 1) * width);
            }
            tail.into_iter().for_each(|piece| piece.write(writer));
        })
    }

    /// `COPY t (columns) FROM STDIN WITH (FORMAT binary)`, which the rows follow, or VALUES with a placeholder for each of their values. On SQLite it is
    /// VALUES of one row, and runs for each of them.
    fn packed(self, insert: &InsertBody, rows: usize, types: &[SqlType], way: &Way) -> Result<Rendered> {
        let (dialect, width) = (self.target.dialect, insert.columns.len());
        let plain = insert.upsert.is_none() && insert.returning.is_none();
        let fits = match way {
            Way::Copy(types) => dialect == Dialect::Postgres && types.len() == width,
            Way::Packed => dialect.is_mysql_family() && rows.saturating_mul(width) <= dialect.max_binds(),
            Way::Each => dialect == Dialect::Sqlite && width <= dialect.max_binds(),
            Way::Values | Way::Arrays => false,
        };
        if !plain || !fits || types.len() != width || width == 0 {
            return Err(Error::internal("lower.packed"));
        }
        let mut pieces = match way {
            Way::Copy(_) => vec![Piece::Words("COPY "), Piece::Table(insert.table.clone()), Piece::Words(" (")],
            _ => vec![Piece::Words("INSERT INTO "), Piece::Table(insert.table.clone()), Piece::Words(" (")],
        };
        pieces.push(Piece::Names(insert.columns.clone()));
        pieces.extend(match way {
            Way::Copy(_) => [Piece::Words(") FROM STDIN WITH (FORMAT binary)"), Piece::Words("")],
            Way::Each => [Piece::Words(") VALUES "), Piece::Rows { rows: 1, width }],
            _ => [Piece::Words(") VALUES "), Piece::Rows { rows, width }],
        });
        let (placeholders, types) = match way {
            Way::Packed => (rows * width, types.repeat(rows).into()),
            Way::Each => (width, types.into()),
            _ => (0, types.into()),
        };
        self.render_packed(pieces, Beside { placeholders, types, way: way.clone() })
    }

    fn insert_into(&self, insert: &InsertBody) -> Vec<Piece> {
        vec![
            Piece::Words("INSERT INTO "),
            Piece::Table(insert.table.clone()),
            Piece::Words(" ("),
            Piece::Names(insert.columns.clone()),
            Piece::Words(")"),
        ]
    }

    fn insert_select(&mut self, block: &Block) -> Result<sea_query::SelectStatement> {
        if let Projection::Columns(columns) = &block.projection {
            for (_, _, rx) in columns.iter().filter(|(_, _, rx)| !matches!(rx.kind(), RxKind::Source { .. })) {
                self.need_type(rx, "a computed column")?;
            }
        }
        let mut select = self.select(block)?;
        if let Some(clause) = self.with_clause()? {
            select.with_cte(clause);
        }
        Ok(select)
    }

    fn insert_returning(&mut self, insert: &InsertBody, target: &Block) -> Result<Vec<Piece>> {
        let Some(columns) = &insert.returning else { return Ok(Vec::new()) };
        if self.target.dialect == Dialect::MySql {
            return Err(unsupported(
                "returning.unsupported",
                "MySQL gives back nothing of the rows that it inserts; insert with keys of the program's own, such as UUIDs, and read the rows by them",
            ));
        }
        self.returned(columns, target)
    }

    /// `ON CONFLICT (key) DO …`, or `ON DUPLICATE KEY UPDATE …`.
    fn on_conflict(&mut self, upsert: &UpsertBody, target: &Block) -> Result<Vec<Piece>> {
        let mysql = self.target.dialect.is_mysql_family();
        let mut pieces = if mysql {
            vec![Piece::Words(" ON DUPLICATE KEY UPDATE ")]
        } else {
            vec![
                Piece::Words(" ON CONFLICT ("),
                Piece::Names(upsert.key.clone()),
                Piece::Words(if upsert.nothing { ") DO NOTHING" } else { ") DO UPDATE SET " }),
            ]
        };
        if upsert.nothing {
            return Ok(pieces);
        }
        let (both, incoming) = self.folder.with_incoming(target, upsert.incoming)?;
        self.incoming = Some(incoming);
        let set = if mysql { in_order(&upsert.set, self.folder.facts())? } else { upsert.set.iter().collect() };
        for (position, (column, value)) in set.into_iter().enumerate() {
            pieces.extend((position > 0).then_some(Piece::Words(", ")));
            let value = self.folder.rewrite(&both, value)?;
            pieces.extend([Piece::Name(column.clone()), Piece::Words(" = "), Piece::Expr(self.expr(&value, true)?)]);
        }
        if let Some(condition) = &upsert.condition {
            let condition = self.folder.rewrite(&both, condition)?;
            pieces.extend([Piece::Words(" WHERE "), Piece::Expr(self.expr(&condition, true)?)]);
        }
        Ok(pieces)
    }

    /// Refuses what ON DUPLICATE KEY UPDATE would do otherwise than said: it answers to every key and knows no condition. Where the database
    /// takes rows one after another, the second of two with one key would change the first; of the program's rows that was looked for.
    fn check_keys(&self, insert: &InsertBody, upsert: &UpsertBody) -> Result<()> {
        if upsert.keys == OtherKeys::Unknown && self.target.live {
            return Err(schema_needed(vec![insert.table.clone()], "an upsert"));
        }
        let dialect = self.target.dialect;
        if upsert.nothing {
            return Ok(());
        }
        let table = &insert.table.name;
        if matches!(insert.rows, InsertRows::Query { .. }) && dialect != Dialect::Postgres {
            let message = format!(
                "{dialect} does not tell whether two rows of a frame have one key, and would let the later one change the earlier; write a `merge`, or do nothing on a conflict"
            );
            return Err(unsupported("upsert.frame", message).with_table(table.as_str()));
        }
        if !dialect.is_mysql_family() {
            return Ok(());
        }
        if let OtherKeys::Some(other) = &upsert.keys {
            let message = format!(
                "{dialect} updates a row that has any unique key in common, and {table:?} also has {}; update and insert in a transaction of your own, or do nothing on a conflict",
                crate::error::show_name(other)
            );
            return Err(unsupported("upsert.other_key", message).with_table(table.as_str()));
        }
        if upsert.condition.is_some() {
            let message = format!(
                "{dialect} has no condition in an upsert; write it into the values, as in `if_(condition, incoming(\"a\"), col(\"a\"))`"
            );
            return Err(unsupported("upsert.condition", message).with_table(table.as_str()));
        }
        Ok(())
    }

    /// Inserts the rows whose key is not there.
    ///
    /// SQL: MySQL manual, 15.2.7: INSERT IGNORE lets data errors pass as warnings, so it is no DO NOTHING.
    fn insert_missing(
        mut self,
        insert: &InsertBody,
        upsert: &UpsertBody,
        target: &Block,
        select: Option<sea_query::SelectStatement>,
    ) -> Result<Rendered> {
        let again = self.folder.alias(insert.table.name.clone())?;
        let missing = |own: &dyn Fn(usize, &Ident) -> Result<Vec<Piece>>| -> Result<Vec<Piece>> {
            let mut pieces = vec![
                Piece::Words(" WHERE NOT EXISTS (SELECT NULL FROM "),
                Piece::Table(insert.table.clone()),
                Piece::Words(" AS "),
                Piece::Name(again.clone()),
                Piece::Words(" WHERE "),
            ];
            for (position, column) in upsert.key.iter().enumerate() {
                let place = insert.columns.iter().position(|name| name == column);
                let place = place.ok_or_else(|| Error::internal("lower.key"))?;
                pieces.extend((position > 0).then_some(Piece::Words(" AND ")));
                pieces.extend([Piece::Name(again.clone()), Piece::Words("."), Piece::Name(column.clone())]);
                pieces.push(Piece::Words(" = "));
                pieces.extend(own(place, column)?);
            }
            pieces.push(Piece::Words(")"));
            Ok(pieces)
        };
        let mut pieces = self.insert_into(insert);
        match (&insert.rows, select) {
            (InsertRows::Binds { first, rows }, _) => {
                let width = insert.columns.len();
                for row in 0..*rows {
                    let start = first + row * width;
                    pieces.push(Piece::Words(if row == 0 { " SELECT " } else { " UNION ALL SELECT " }));
                    for place in 0..width {
                        pieces.extend((place > 0).then_some(Piece::Words(", ")));
                        pieces.push(Piece::Bind(start + place));
                    }
                    pieces.push(Piece::Words(" FROM DUAL"));
                    pieces.extend(missing(&|place, _| Ok(vec![Piece::Bind(start + place)]))?);
                }
            }
            (InsertRows::Query { output, .. }, Some(select)) => {
                let source = self.folder.alias(Ident::fixed("t")?)?;
                pieces.extend([Piece::Words(" SELECT * FROM ("), Piece::Select(Box::new(select))]);
                pieces.extend([Piece::Words(") AS "), Piece::Name(source.clone())]);
                pieces.extend(missing(&|place, _| {
                    let (name, _) = output.get(place).ok_or_else(|| Error::internal("lower.missing"))?;
                    Ok(vec![Piece::Name(source.clone()), Piece::Words("."), Piece::Name(name.clone())])
                })?);
            }
            (InsertRows::Packed { .. } | InsertRows::Arrays { .. }, _) | (InsertRows::Query { .. }, None) => {
                return Err(Error::internal("lower.insert"));
            }
        }
        pieces.extend(self.insert_returning(insert, target)?);
        self.render_pieces(pieces)
    }
}
