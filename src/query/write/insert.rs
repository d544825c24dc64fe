//! Inserts.

use std::sync::Arc;

use serde::Serialize;

use super::record::{Record, record};
use super::{IntoRow, RowSet, Source, Way, Write, WriteKind};
use crate::error::{Error, ErrorKind, Result};
use crate::ident::Ident;
use crate::query::{IntoNames, IntoTable, Origin, SetMember};
use crate::value::{Bind, Value};

/// New rows for a table; made by `db.insert("table")`. A column that is not named takes its default.
///
/// ```no_run
/// # async fn example(db: portcullis::Database<portcullis::ReadWrite>) -> portcullis::Result<()> {
/// let inserted = db.insert("customers").columns(["id", "name"]).row((1, "Ada")).row((2, "Bob")).execute().await?;
/// assert_eq!(inserted, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "an insert does nothing until it is run with `.execute().await`"]
pub struct Insert {
    pub(crate) write: Write,
    pub(crate) origin: Origin,
    pub(crate) progress: Option<Progress>,
}

/// Is told how many rows are written so far.
pub(crate) type Progress = Arc<dyn Fn(u64) + Send + Sync>;

impl Insert {
    #[track_caller]
    pub(crate) fn new(table: impl IntoTable, origin: Origin) -> Insert {
        let source = Source::Rows { rows: RowSet::default(), loose: false, way: Way::Values };
        let kind = WriteKind::Insert { columns: Vec::new(), source, upsert: None };
        Insert { write: Write::new(table, kind, origin.clone()), origin, progress: None }
    }

    /// Rows for another write.
    pub(super) fn of(write: &Write, origin: Origin) -> Insert {
        let source = Source::Rows { rows: RowSet::default(), loose: false, way: Way::Values };
        let kind = WriteKind::Insert { columns: Vec::new(), source, upsert: None };
        let write = Write { kind, mistakes: Vec::new(), ..write.clone() };
        Insert { write, origin, progress: None }
    }

    /// The columns that the rows give values for, in their order.
    pub fn columns(mut self, names: impl IntoNames) -> Insert {
        let names = names.into_names();
        if let (Some(names), WriteKind::Insert { columns, .. }) = (self.write.note(names), &mut self.write.kind) {
            *columns = names;
        }
        self
    }

    /// Adds a row: one value for each column.
    pub fn row(self, row: impl IntoRow) -> Insert {
        self.rows([row])
    }

    /// Adds rows.
    pub fn rows<R: IntoRow>(mut self, new: impl IntoIterator<Item = R>) -> Insert {
        match &mut self.write.kind {
            WriteKind::Insert { source: Source::Rows { rows, .. }, .. } => rows.extend(new),
            _ => self.write.mistakes.push(two_sources()),
        }
        self
    }

    /// Adds a row from a struct or a map, by serde: a field is the column of its name. See [`records`](Insert::records).
    pub fn record(self, record: impl Serialize) -> Insert {
        self.records([record])
    }

    /// Adds rows from structs or maps, by serde: a field is the column of its name, so `rename`, `flatten` and `skip` mean what they always
    /// do. Structs, `BTreeMap<String, V>`, and objects of `serde_json` are records; a tuple is a [`row`](Insert::row).
    ///
    /// `None` is NULL, and a variant without data is its name. A value is bound as what its column holds: [`Decimal`](rust_decimal::Decimal),
    /// [`Uuid`](uuid::Uuid) and the types of `chrono` arrive exactly, bytes too, and what has fields or elements becomes JSON or an array. A value
    /// that does not fit its column is refused before anything is sent.
    ///
    /// The first record says which columns there are, unless [`columns`](Insert::columns) does. Every other must have the same, in any order: a
    /// column that is missing or unknown is an error that names it.
    ///
    /// ```
    /// use portcullis::{Database, ReadWrite};
    ///
    /// #[derive(serde::Serialize)]
    /// struct Order { id: i64, note: Option<String> }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// # let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// # db.sql("CREATE TABLE orders (id integer, note text)").execute().await?;
    /// let orders = [Order { id: 1, note: None }, Order { id: 2, note: Some("gift".to_owned()) }];
    /// assert_eq!(db.insert("orders").records(&orders).execute().await?, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn records<T: Serialize>(mut self, records: impl IntoIterator<Item = T>) -> Insert {
        for one in records {
            let made = record(&one);
            if let Some(made) = self.write.note(made) {
                self.add(made);
            }
            if self.write.mistakes.len() >= MOST_MISTAKES {
                break;
            }
        }
        self
    }

    /// Calls `told` with the number of rows written so far, after each statement of an insert that needs several. They are kept only when the
    /// insert has come to its end.
    pub fn on_progress(mut self, told: impl Fn(u64) + Send + Sync + 'static) -> Insert {
        self.progress = Some(Arc::new(told));
        self
    }

    /// Rows of a frame; SQL text: `INSERT INTO "t" ("a", "b") SELECT …`. The frame's columns are matched with [`columns`](Insert::columns) by
    /// position, or by their names where it is given as [`by_name`](crate::Frame::by_name): then `columns` may be left out. The frame may read the
    /// table itself: it is read as it was before.
    ///
    /// ```no_run
    /// # use portcullis::col;
    /// # async fn example(db: portcullis::Database<portcullis::ReadWrite>) -> portcullis::Result<()> {
    /// let old = db.table("orders").where_(col("year").lt(2020));
    /// db.insert("archive").columns(["id", "total"]).select(old.clone().select(["id", "total"])).execute().await?;
    /// db.insert("archive").select(old.by_name()).execute().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn select(mut self, frame: impl SetMember) -> Insert {
        let (frame, by_name) = frame.into_member();
        if let WriteKind::Insert { source, .. } = &mut self.write.kind {
            if matches!(&*source, Source::Rows { rows, .. } if rows.is_empty()) {
                *source = Source::Frame { frame, by_name };
            } else {
                self.write.mistakes.push(two_sources());
            }
        }
        self
    }

    /// Adds a record as a row, its values in the order of the columns.
    fn add(&mut self, record: Record) {
        let table = self.write.table.as_ref().map(|table| table.name.clone()).ok();
        let WriteKind::Insert { columns, source: Source::Rows { rows, loose, .. }, .. } = &mut self.write.kind else {
            self.write.mistakes.push(two_sources());
            return;
        };
        *loose = true;
        if columns.is_empty() && rows.is_empty() {
            match record.names.iter().map(Ident::new).collect::<Result<Vec<_>>>() {
                Ok(names) => *columns = names,
                Err(error) => {
                    self.write.mistakes.push(error);
                    return;
                }
            }
        }
        match in_order(columns, record) {
            Ok(row) => rows.listed().push(row),
            Err((column, what)) => {
                let shown = table.as_ref().map_or_else(String::new, |table| format!(" for {table:?}"));
                let column = crate::error::show_name(&column);
                let message = match what {
                    Odd::Missing => format!(
                        "record {}{shown} has no {column}, which the insert has a column for; give every record the same fields, `None` for no value",
                        rows.len() + 1
                    ),
                    Odd::Unknown => format!(
                        "record {}{shown} has {column}, which is none of the insert's columns; name the columns with `.columns(..)`, or leave the field out",
                        rows.len() + 1
                    ),
                    Odd::Twice => format!("record {}{shown} has {column} twice; leave one out", rows.len() + 1),
                };
                let mut error = Error::new(ErrorKind::Plan, what.code(), message).with_column(column.trim_matches('`'));
                if let Some(table) = table {
                    error = error.with_table(table.as_str());
                }
                self.write.mistakes.push(error);
            }
        }
    }
}

/// Beyond so many mistakes no further record is looked at.
const MOST_MISTAKES: usize = 10;

#[derive(Clone, Copy)]
enum Odd {
    Missing,
    Unknown,
    Twice,
}

impl Odd {
    fn code(self) -> &'static str {
        match self {
            Odd::Twice => "write.repeated_column",
            Odd::Missing | Odd::Unknown => "insert.ragged",
        }
    }
}

/// The values of a record in the order of `columns`.
fn in_order(columns: &[Ident], record: Record) -> std::result::Result<Vec<Bind>, (String, Odd)> {
    let Record { names, values } = record;
    if names.len() == columns.len() && names.iter().zip(columns).all(|(name, column)| name == column.as_str()) {
        return Ok(values);
    }
    let mut row: Vec<Option<Bind>> = vec![None; columns.len()];
    for (name, value) in names.into_iter().zip(values) {
        let place = columns.iter().position(|column| name == column.as_str());
        match place.and_then(|place| row.get_mut(place)) {
            None => return Err((name.into_owned(), Odd::Unknown)),
            Some(Some(_)) => return Err((name.into_owned(), Odd::Twice)),
            Some(place) => *place = Some(value),
        }
    }
    let missing = row.iter().position(Option::is_none).and_then(|place| columns.get(place));
    match missing {
        Some(column) => Err((column.as_str().to_owned(), Odd::Missing)),
        None => Ok(row.into_iter().map(|value| value.unwrap_or_else(null)).collect()),
    }
}

fn null() -> Bind {
    Bind { value: Value::Null, sql_type: crate::types::SqlType::Text }
}

fn two_sources() -> Error {
    let message = "an insert takes rows or a frame; write two inserts, or add the rows to the frame with `union_all`";
    Error::new(ErrorKind::Plan, "insert.two_sources", message)
}
