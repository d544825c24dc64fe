//! Values of a column as columns.

use super::grouping::{Grouped, GroupedFrame};
use super::names::no_columns;
use super::step::Step;
use super::verbs::list;
use super::{Frame, Projections, Verb};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Expr, Kind, Operand};
use crate::ident::Ident;
use crate::value::{Bind, Value};

/// Grouped rows whose aggregates are spread over columns; made by [`GroupedFrame::pivot`].
#[derive(Debug, Clone)]
#[must_use = "a pivot does nothing without `.agg(..)`"]
pub struct PivotedFrame {
    grouped: GroupedFrame,
    cells: Result<(Expr, Vec<Cell>)>,
}

/// A value that gets a column of its own.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// What the column is called, or the end of its name.
    pub(crate) name: Ident,
    /// `None` for NULL.
    pub(crate) value: Option<Expr>,
}

impl GroupedFrame {
    /// Spreads the aggregates over columns: one for each of `values` that `column` may have, with the rows that have it.
    ///
    /// With one aggregate a column is called as its value is: `active`; with several as the aggregate and the value:
    /// `sum_amount_active`, all columns of the first aggregate first. A value may be given another name: `lit(1).as_("one")`. Where a group
    /// has no row with a value the aggregate is over no rows: NULL, and 0 for counts. Rows with other values, and with NULL, are
    /// left out of these columns; their groups stay.
    ///
    /// SQL text: `SUM(x) FILTER (WHERE "status" = $1)` for each value on PostgreSQL and SQLite, `SUM(CASE WHEN … THEN x END)` on
    /// MySQL and MariaDB.
    ///
    /// ```
    /// use portcullis::{Dialect, col, sum, table};
    /// let query = table("orders").group_by("category").pivot("status", ["open", "paid"]).agg(sum(col("amount")))
    ///     .to_sql_for(Dialect::Sqlite);
    /// // The amount's type decides about the sum's, so that the table must be known.
    /// assert_eq!(query.unwrap_err().code(), "schema.needed");
    /// ```
    ///
    /// # Errors
    ///
    /// When run: `pivot.no_values`, `pivot.value` for what is no value, `pivot.column`, `pivot.aggregate`, `plan.repeated_column` for a value
    /// given twice, and `type.clash` for one that is not of the column's type.
    pub fn pivot<V: Operand>(self, column: impl Projections, values: impl IntoIterator<Item = V>) -> PivotedFrame {
        let cells = (|| {
            let column = one_column(column)?;
            let cells = values.into_iter().map(|value| cell(value.into_operand())).collect::<Result<Vec<_>>>()?;
            if cells.is_empty() {
                let message = "`pivot` lists no value; write those that get a column, as in `.pivot(\"status\", [\"open\", \"paid\"])`";
                return Err(Error::new(ErrorKind::Plan, "pivot.no_values", message));
            }
            Ok((column, cells))
        })();
        PivotedFrame { grouped: self, cells }
    }

    /// The frame before it was grouped.
    pub(crate) fn ungrouped(&self) -> &Frame {
        &self.frame
    }

    /// The same with values that were read.
    pub(crate) fn pivot_read(self, column: Expr, values: Vec<Bind>) -> Result<PivotedFrame> {
        let mut cells = Vec::with_capacity(values.len());
        for bind in values {
            cells.push(match bind.value {
                Value::Null => Cell { name: Ident::fixed("null")?, value: None },
                _ => cell(Expr::make(Kind::Literal(bind)))?,
            });
        }
        Ok(PivotedFrame { grouped: self, cells: Ok((column, cells)) })
    }
}

impl PivotedFrame {
    /// One row for each group: its keys, then a column for each aggregate and value. Each of `aggregates` is an aggregate by itself, as
    /// `sum(col("amount"))`; compute with the columns afterwards.
    #[track_caller]
    pub fn agg(self, aggregates: impl Projections) -> Frame {
        let aggregates = list(aggregates);
        let GroupedFrame { frame, groups } = self.grouped;
        let cells = self.cells;
        let checked = groups.into_grouped().and_then(|groups| {
            let (column, cells) = cells?;
            if aggregates.is_empty() { Err(no_columns("agg")) } else { Ok((groups, column, cells)) }
        });
        frame.then_or(checked, |input, (Grouped { keys, sets }, column, cells)| {
            Verb::Step(input, Box::new(Step::Pivot { keys, sets, column, cells, aggregates }))
        })
    }
}

/// The one column that `pivot` takes.
pub(crate) fn one_column(column: impl Projections) -> Result<Expr> {
    let mut columns = list(column);
    match (columns.pop(), columns.is_empty()) {
        (Some(column), true) if !matches!(column.kind(), Kind::Everything) => Ok(column),
        _ => {
            let message = "`pivot` takes one column; for several, put them into one with `with_column` before";
            Err(Error::new(ErrorKind::Plan, "pivot.column", message))
        }
    }
}

fn cell(value: Expr) -> Result<Cell> {
    let refuse = || {
        let message = "the values of `pivot` are texts, numbers, booleans, dates or UUIDs; write `lit(value).as_(\"name\")` to name one";
        Err(Error::new(ErrorKind::Plan, "pivot.value", message))
    };
    if let Kind::Alias(inner, name) = value.kind() {
        return match inner.kind() {
            Kind::Literal(_) => Ok(Cell { name: name.clone(), value: Some(inner.clone()) }),
            _ => refuse(),
        };
    }
    let name = match value.kind() {
        Kind::Invalid(error) => return Err(error.clone()),
        Kind::Literal(bind) => match &bind.value {
            Value::Text(text) => text.clone(),
            Value::Bool(it) => it.to_string(),
            Value::Int(it) => it.to_string(),
            Value::UInt(it) => it.to_string(),
            Value::Float(it) => it.to_string(),
            Value::Decimal(it) => it.normalize().to_string(),
            Value::Date(it) => it.to_string(),
            Value::Uuid(it) => it.to_string(),
            _ => return refuse(),
        },
        _ => return refuse(),
    };
    Ok(Cell { name: Ident::new(name)?, value: Some(value) })
}
