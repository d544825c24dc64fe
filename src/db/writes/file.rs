//! Inserts of the rows of a file.

use std::io::{BufRead, Read};

use chrono::{DateTime, NaiveDateTime, Utc};

use super::super::driver::BoxFuture;
use super::super::handle::Runner;
use super::stream::{Batches, pour};
use crate::error::{Error, ErrorKind, Result, show_name};
use crate::ident::Ident;
use crate::query::{Insert, RowSet, TableName, WriteKind};
use crate::schema::parsed;
use crate::types::SqlType;
use crate::value::{Bind, Value};

impl Insert {
    /// Inserts the rows of a file of comma-separated values (RFC 4180) whose first line names the columns; their number. They go in batches, in one
    /// transaction, as those of [`execute_stream`](Insert::execute_stream), and no more than one batch is in memory. The file is read on a thread
    /// that may block.
    ///
    /// With [`columns`](Insert::columns) only those are taken from the file, without it all. A field becomes what its column holds: numbers, `true` and
    /// `false` (or 1 and 0), dates and times as ISO 8601 writes them, UUIDs, JSON. An empty field is NULL.
    ///
    /// ```
    /// use portcullis::{Database, ReadWrite};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> portcullis::Result<()> {
    /// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    /// db.sql("CREATE TABLE airports (faa text, lat real, tz integer)").execute().await?;
    /// let file = "faa,name,lat,tz\nJFK,Kennedy,40.64,-5\n04G,Lansdowne,41.13,\n".as_bytes();
    /// assert_eq!(db.insert("airports").columns(["faa", "lat", "tz"]).execute_csv(file).await?, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`execute_stream`](Insert::execute_stream); `load.value` for a field that is no value of its column, `load.header` for a column that the file
    /// or the table lacks, `load.ragged` and `load.read`, each with the line. Nothing is kept then.
    pub async fn execute_csv(mut self, file: impl Read + Send + 'static) -> Result<u64> {
        let location = self.write.location;
        let mut reader = csv::ReaderBuilder::new().from_reader(file);
        let (read, reader) = blocking(move || (reader.headers().cloned(), reader)).await?;
        let header: Vec<String> =
            read.map_err(|error| unread(&error).at(location))?.iter().map(str::to_owned).collect();
        let taken = self.taken(&header).map_err(|error| error.at(location))?;
        let types = self.column_types(&taken).await.map_err(|error| error.at(location))?;
        let columns = taken.into_iter().zip(types).map(|((name, place), sql_type)| Field { name, place, sql_type });
        let mut batches = Csv { reader: Some(reader), columns: columns.collect() };
        pour(self, &mut batches).await.map_err(|error| error.at(location))
    }

    /// Inserts the records of a file with one JSON object on each line; their number. A line is what a [`record`](Insert::record) is; empty lines
    /// are passed over. They go as the rows of [`execute_csv`](Insert::execute_csv) do.
    ///
    /// # Errors
    ///
    /// As [`execute_csv`](Insert::execute_csv).
    pub async fn execute_json_lines(mut self, file: impl BufRead + Send + 'static) -> Result<u64> {
        let location = self.write.location;
        let mut lines = JsonLines { reader: Some(Box::new(file)), line: 0, columns: Vec::new() };
        if let WriteKind::Insert { columns, .. } = &self.write.kind {
            lines.columns.extend(columns.iter().map(|name| name.as_str().to_owned()));
        }
        let first = lines.first().await.map_err(|error| error.at(location))?;
        let Some(first) = first else {
            return pour(self, &mut Objects { lines, types: Vec::new(), first: None }).await;
        };
        if lines.columns.is_empty() {
            lines.columns = first.keys().cloned().collect();
            self = self.columns(lines.columns.clone());
        }
        let named: Vec<(Ident, usize)> =
            lines.columns.iter().map(|name| Ok((Ident::new(name)?, 0))).collect::<Result<_>>()?;
        let types = self.column_types(&named).await.map_err(|error| error.at(location))?;
        let mut batches = Objects { lines, types, first: Some(first) };
        pour(self, &mut batches).await.map_err(|error| error.at(location))
    }

    /// The insert's columns and where they stand in the file.
    fn taken(&mut self, header: &[String]) -> Result<Vec<(Ident, usize)>> {
        let table = self.write.table.clone()?;
        let WriteKind::Insert { columns, .. } = &mut self.write.kind else { return Err(Error::internal("load.kind")) };
        if columns.is_empty() {
            *columns = header.iter().map(Ident::new).collect::<Result<_>>()?;
        }
        let place = |column: &Ident| match header.iter().position(|name| name == column.as_str()) {
            Some(place) => Ok((column.clone(), place)),
            None => {
                let known: Vec<&str> = header.iter().map(String::as_str).collect();
                let near = crate::schema::suggest(column.as_str(), &known);
                let message = format!("the file for {:?} has no column {column:?}{near}", table.name);
                Err(Error::new(ErrorKind::Plan, "load.header", message).with_column(column.as_str()))
            }
        };
        columns.iter().map(place).collect()
    }

    /// What the columns hold, as far as the table tells.
    async fn column_types(&self, columns: &[(Ident, usize)]) -> Result<Vec<Option<SqlType>>> {
        let table: TableName = self.write.table.clone()?;
        let runner = Runner::of(Some(&self.origin))?;
        runner.keys_of(&table).await?;
        let schema = runner.core.schema();
        let Some(known) = schema.find(&table) else { return Ok(vec![None; columns.len()]) };
        let type_of = |(name, _): &(Ident, usize)| known.column(name.as_str()).and_then(|column| column.sql_type());
        Ok(columns.iter().map(type_of).collect())
    }
}

struct Field {
    name: Ident,
    place: usize,
    sql_type: Option<SqlType>,
}

struct Csv<R> {
    /// Away while a thread reads.
    reader: Option<csv::Reader<R>>,
    columns: std::sync::Arc<[Field]>,
}

impl<R: Read + Send + 'static> Batches for Csv<R> {
    fn next(&mut self, most: usize) -> BoxFuture<'_, Result<RowSet>> {
        Box::pin(async move {
            let mut reader = self.reader.take().ok_or_else(|| Error::internal("load.reader"))?;
            let columns = std::sync::Arc::clone(&self.columns);
            let (batch, reader) = blocking(move || (read_csv(&mut reader, &columns, most), reader)).await?;
            self.reader = Some(reader);
            Ok(batch?.into())
        })
    }
}

fn read_csv<R: Read>(reader: &mut csv::Reader<R>, columns: &[Field], most: usize) -> Result<Vec<Vec<Bind>>> {
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    while rows.len() < most && reader.read_record(&mut record).map_err(|error| unread(&error))? {
        let line = record.position().map_or(0, csv::Position::line);
        let field = |field: &Field| {
            let text = record.get(field.place).unwrap_or_default();
            value(text, field.sql_type).ok_or_else(|| no_value(line, field.name.as_str(), field.sql_type))
        };
        rows.push(columns.iter().map(field).collect::<Result<Vec<Bind>>>()?);
    }
    Ok(rows)
}

/// A field as a value of its column.
fn value(text: &str, sql_type: Option<SqlType>) -> Option<Bind> {
    let sql_type = sql_type.unwrap_or(SqlType::Text);
    if text.is_empty() {
        return Some(Bind { value: Value::Null, sql_type });
    }
    let moment = || DateTime::parse_from_rfc3339(text).ok().map(|it| it.with_timezone(&Utc));
    let local = || {
        let spaced = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok();
        text.parse::<NaiveDateTime>().ok().or_else(spaced)
    };
    let value = match sql_type {
        SqlType::Bool => match text {
            "true" | "TRUE" | "True" | "1" => Value::Bool(true),
            "false" | "FALSE" | "False" | "0" => Value::Bool(false),
            _ => return None,
        },
        SqlType::Int16 | SqlType::Int32 | SqlType::Int64 => Value::Int(text.parse().ok()?),
        SqlType::UInt64 => Value::UInt(text.parse().ok()?),
        SqlType::Float32 | SqlType::Float64 => Value::Float(text.parse().ok()?),
        SqlType::Text => Value::Text(text.to_owned()),
        SqlType::Timestamp => Value::Timestamp(local().or_else(|| moment().map(|it| it.naive_utc()))?),
        SqlType::TimestampTz => Value::TimestampTz(moment()?),
        SqlType::Decimal(_) | SqlType::Date | SqlType::Time | SqlType::Uuid => parsed(text, sql_type)?,
        SqlType::Json => Value::Json(serde_json::from_str(text).ok()?),
        SqlType::Bytes | SqlType::Interval | SqlType::Array(_) => return None,
    };
    Some(Bind { value, sql_type })
}

type Object = serde_json::Map<String, serde_json::Value>;

struct JsonLines {
    reader: Option<Box<dyn BufRead + Send>>,
    line: u64,
    columns: Vec<String>,
}

impl JsonLines {
    async fn first(&mut self) -> Result<Option<Object>> {
        Ok(self.objects(1).await?.into_iter().next().map(|(_, object)| object))
    }

    /// The next objects and their lines.
    async fn objects(&mut self, most: usize) -> Result<Vec<(u64, Object)>> {
        let mut reader = self.reader.take().ok_or_else(|| Error::internal("load.reader"))?;
        let mut line = self.line;
        let (read, reader, line) = blocking(move || {
            let read = read_objects(&mut reader, &mut line, most);
            (read, reader, line)
        })
        .await?;
        (self.reader, self.line) = (Some(reader), line);
        read
    }
}

/// The longest line that is read.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

fn read_objects(reader: &mut Box<dyn BufRead + Send>, line: &mut u64, most: usize) -> Result<Vec<(u64, Object)>> {
    let mut objects = Vec::new();
    let mut text = Vec::new();
    while objects.len() < most {
        text.clear();
        let read = Read::take(&mut *reader, LONGEST_LINE).read_until(b'\n', &mut text);
        let error =
            |code, what: &str| Error::new(ErrorKind::Encode, code, format!("line {} of the file {what}", *line + 1));
        match read {
            Ok(0) => break,
            Ok(_) if text.len() as u64 == LONGEST_LINE => return Err(error("load.read", "is longer than 16 MiB")),
            Ok(_) => {}
            Err(_) => return Err(error("load.read", "can't be read")),
        }
        if !text.trim_ascii().is_empty() {
            let object = serde_json::from_slice::<Object>(&text);
            objects.push((*line + 1, object.map_err(|_| error("load.value", "is no JSON object"))?));
        }
        *line += 1;
    }
    Ok(objects)
}

struct Objects {
    lines: JsonLines,
    types: Vec<Option<SqlType>>,
    first: Option<Object>,
}

impl Batches for Objects {
    fn next(&mut self, most: usize) -> BoxFuture<'_, Result<RowSet>> {
        Box::pin(async move {
            let first = self.first.take().map(|object| (self.lines.line, object));
            let rest = self.lines.objects(most - usize::from(first.is_some())).await?;
            let rows = first.into_iter().chain(rest).map(|(line, object)| self.row(line, object));
            Ok(rows.collect::<Result<Vec<_>>>()?.into())
        })
    }
}

impl Objects {
    fn row(&self, line: u64, mut object: Object) -> Result<Vec<Bind>> {
        let mut row = Vec::with_capacity(self.types.len());
        let ragged = |name: &str, what: &str| {
            let message =
                format!("line {line} of the file {what} {}; give every line the same members", show_name(name));
            Error::new(ErrorKind::Plan, "load.ragged", message).with_column(name)
        };
        for (name, sql_type) in self.lines.columns.iter().zip(&self.types) {
            let member = object.remove(name).ok_or_else(|| ragged(name, "has no"))?;
            row.push(of_json(member, *sql_type).ok_or_else(|| no_value(line, name, *sql_type))?);
        }
        match object.keys().next() {
            Some(extra) => Err(ragged(extra, "has another member,")),
            None => Ok(row),
        }
    }
}

/// A member as a value of its column. Its own type must be the column's: a number is no text.
fn of_json(member: serde_json::Value, sql_type: Option<SqlType>) -> Option<Bind> {
    use serde_json::Value as Json;
    let target = sql_type.unwrap_or(SqlType::Text);
    let number = |number: &serde_json::Number| value(&number.to_string(), Some(target));
    match (&member, target) {
        (Json::Null, _) => Some(Bind { value: Value::Null, sql_type: target }),
        (_, SqlType::Json) => Some(Bind { value: Value::Json(member), sql_type: target }),
        (Json::Bool(it), SqlType::Bool) => Some(Bind { value: Value::Bool(*it), sql_type: target }),
        (Json::Number(it), _) if target.is_integer() || target.is_float() || matches!(target, SqlType::Decimal(_)) => {
            number(it)
        }
        (Json::String(text), SqlType::Text) => Some(Bind { value: Value::Text(text.clone()), sql_type: target }),
        (
            Json::String(text),
            SqlType::Decimal(_)
            | SqlType::Date
            | SqlType::Time
            | SqlType::Timestamp
            | SqlType::TimestampTz
            | SqlType::Uuid,
        ) if !text.is_empty() => value(text, Some(target)),
        _ => None,
    }
}

fn no_value(line: u64, column: &str, sql_type: Option<SqlType>) -> Error {
    let sql_type = sql_type.unwrap_or(SqlType::Text);
    let message = format!("line {line} of the file has no value for {}, which is {sql_type}", show_name(column));
    Error::new(ErrorKind::Encode, "load.value", message).with_column(column)
}

/// What the reader says of a line, without what stands in it.
fn unread(error: &csv::Error) -> Error {
    let line = error.position().map_or_else(String::new, |place| format!("line {} of ", place.line()));
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let message =
                format!("{line}the file has {len} fields and the first line {expected_len}; give every line as many");
            Error::new(ErrorKind::Plan, "load.ragged", message)
        }
        csv::ErrorKind::Utf8 { .. } => {
            Error::new(ErrorKind::Encode, "load.read", format!("{line}the file is not UTF-8; convert it first"))
        }
        _ => Error::new(ErrorKind::Encode, "load.read", format!("{line}the file can't be read")),
    }
}

/// Runs `work` on a thread that may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        Error::new(ErrorKind::Encode, "load.read", "the reader of the file panicked, or the runtime is shutting down")
    })
}
