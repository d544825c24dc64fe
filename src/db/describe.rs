//! A frame's columns in figures.

use std::sync::Arc;

use super::handle::Runner;
use super::prepare::Plan;
use crate::compile::ResultColumn;
use crate::error::{Error, Result};
use crate::expr::{Expr, all, avg, col, count, max, median, min, percentile_cont, stddev_samp};
use crate::query::Frame;
use crate::row::{Columns, Row, Rows};
use crate::types::{Family, SqlType};
use crate::value::Value;

/// The columns of the result.
const FIGURES: [(&str, Option<SqlType>); 10] = [
    ("column", Some(SqlType::Text)),
    ("count", Some(SqlType::Int64)),
    ("nulls", Some(SqlType::Int64)),
    ("mean", Some(SqlType::Float64)),
    ("stddev", Some(SqlType::Float64)),
    // Of each column's own type.
    ("min", None),
    ("q1", Some(SqlType::Float64)),
    ("median", Some(SqlType::Float64)),
    ("q3", Some(SqlType::Float64)),
    ("max", None),
];

/// What is asked of a column.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    Numbers,
    /// Text, dates and times.
    Order,
    /// How many there are.
    Presence,
}

impl Frame {
    /// The frame's columns in figures, one row for each: `column` (its name), `count` (of values that are not NULL), `nulls`, `mean`,
    /// `stddev` (of a sample), `min`, `q1`, `median`, `q3` (the quartiles, interpolated between neighbours) and `max`.
    ///
    /// Numbers have all of them; text, dates and times have count, nulls, min and max (text compares by code point); other types count and
    /// nulls. The rest is NULL, as are the figures of a column without values, and `stddev` of fewer than two. `min` and `max` are
    /// of the column's own type, the others bigints and doubles.
    ///
    /// One statement reads the rows once; hooks see it as any other select.
    ///
    /// ```
    /// # use portcullis::{Database, ReadWrite};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// # let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// # db.sql("CREATE TABLE orders (id integer, note text)").execute().await?;
    /// # db.insert("orders").columns(["id", "note"]).row((1, None::<&str>)).row((2, Some("x"))).execute().await?;
    /// let figures = db.table("orders").describe().await?;
    /// println!("{figures}");
    /// assert_eq!(figures.first().unwrap().try_get::<f64>("mean")?, 1.5);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`collect`](Frame::collect).
    #[doc(alias("summary"))]
    pub async fn describe(&self) -> Result<Rows> {
        let whole = self.clone().closed("describe");
        let runner = Runner::of(self.origin.as_ref()).map_err(|error| error.at(self.location()))?;
        let columns = match Box::pin(runner.prepare(&Plan::Frame(&whole))).await {
            Ok(query) => query.columns().cloned().unwrap_or_default(),
            // Running it tells hooks of the refusal.
            Err(error) => return whole.limit(0).collect().await.and(Err(error)),
        };
        let mut aggregates = vec![count(all())];
        for column in columns.iter() {
            aggregates.extend(asked_of(column));
        }
        let aggregates: Vec<Expr> =
            aggregates.into_iter().enumerate().map(|(place, one)| one.as_(&format!("figure_{place}"))).collect();
        let row = whole.agg(aggregates).one().await?;
        figures(&columns, row.into_values())
    }
}

fn kind_of(column: &ResultColumn) -> Asked {
    match column.sql_type.map(SqlType::family) {
        Some(Family::Number) => Asked::Numbers,
        Some(Family::Text | Family::Date | Family::Time | Family::Timestamp) => Asked::Order,
        _ => Asked::Presence,
    }
}

/// The aggregates of one column, in the order in which [`figures`] takes them.
fn asked_of(column: &ResultColumn) -> Vec<Expr> {
    let column_of = || col(column.name.as_str());
    let mut asked = vec![count(column_of())];
    let kind = kind_of(column);
    if kind != Asked::Presence {
        asked.extend([min(column_of()), max(column_of())]);
    }
    if kind == Asked::Numbers {
        asked.extend([
            avg(column_of()),
            stddev_samp(column_of()),
            percentile_cont(0.25, column_of()),
            median(column_of()),
            percentile_cont(0.75, column_of()),
        ]);
    }
    asked
}

fn figures(columns: &[ResultColumn], values: Vec<Value>) -> Result<Rows> {
    let missing = || Error::internal("describe.values");
    let mut values = values.into_iter();
    let mut next = || values.next().ok_or_else(missing);
    let Value::Int(rows) = next()? else { return Err(missing()) };
    let heading = Arc::new(Columns {
        names: FIGURES.iter().map(|(name, _)| (*name).to_owned()).collect(),
        types: FIGURES.iter().map(|(_, sql_type)| *sql_type).collect(),
    });
    let mut list = Vec::with_capacity(columns.len());
    for column in columns {
        let kind = kind_of(column);
        let Value::Int(present) = next()? else { return Err(missing()) };
        let (mut least, mut most) = (Value::Null, Value::Null);
        if kind != Asked::Presence {
            (least, most) = (next()?, next()?);
        }
        let [mut mean, mut stddev, mut low, mut middle, mut high] = [const { Value::Null }; 5];
        if kind == Asked::Numbers {
            (mean, stddev, low, middle, high) = (next()?, next()?, next()?, next()?, next()?);
        }
        let name = Value::Text(column.name.as_str().to_owned());
        let (present, nulls) = (Value::Int(present), Value::Int(rows - present));
        let cells = vec![name, present, nulls, mean, stddev, least, low, middle, high, most];
        list.push(Row::new(Arc::clone(&heading), cells));
    }
    Ok(Rows::new(heading, list))
}
