//! Rows as Rust types: a serde deserializer that reads a driver's cells with no value in between.

use std::fmt;

use rust_decimal::Decimal;
use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::db::driver::RawRow;
use crate::error::{Error, ErrorKind, Result, show_name};
use crate::row::{Cell, Columns, number};
use crate::value::Value;

/// One row as `T`.
pub(crate) fn from_row<T: DeserializeOwned>(row: &dyn RawRow, columns: &Columns) -> Result<T> {
    // With one column there is no doubt which is meant, even where the row was read as a plain value.
    let column = if columns.len() == 1 { columns.name(0) } else { "" };
    T::deserialize(RowReader { row, columns }).map_err(|fault| {
        let fault =
            if columns.len() == 1 { fault.told_by::<T>(row.cell(0).ok().map(|cell| cell.kind())) } else { fault };
        fault.into_error(column)
    })
}

/// One cell as `T`.
pub(crate) fn from_cell<T: DeserializeOwned>(cell: Cell<'_>, column: &str) -> Result<T> {
    let found = cell.kind();
    T::deserialize(CellReader(cell)).map_err(|fault| fault.told_by::<T>(Some(found)).into_error(column))
}

/// What went wrong, before the column is known. It never keeps a value, so messages by other crates are not kept either.
#[derive(Debug)]
pub(crate) enum Fault {
    /// An error that is complete.
    Whole(Error),
    /// A cell of another type.
    Type { expected: String, found: String },
    /// What is wrong with the row as a whole.
    Row(String),
    /// The type's own `Deserialize` refused the value with a message that may quote it.
    Refused,
    /// The same, where the type and the kind of the cell are known.
    RefusedCell { expected: String, found: &'static str },
}

impl Fault {
    fn into_error(self, column: &str) -> Error {
        let (code, message) = match self {
            Fault::Whole(error) => return error,
            Fault::Row(message) => return Error::new(ErrorKind::Decode, "decode.row", message),
            Fault::Type { expected, found } => {
                let holder =
                    if column.is_empty() { "the row".to_owned() } else { format!("column {}", show_name(column)) };
                let advice = if found == NULL { "; ask for an `Option` where there may be none" } else { "" };
                ("decode.type", format!("{holder} should hold {expected} but holds {found}{advice}"))
            }
            Fault::RefusedCell { expected, found } => (
                "decode.refused",
                format!("column {} should hold {expected} but holds {found} that it doesn't accept", show_name(column)),
            ),
            Fault::Refused if column.is_empty() => {
                ("decode.refused", "the type that was asked for doesn't accept the row".to_owned())
            }
            Fault::Refused => (
                "decode.refused",
                format!("the type that was asked for doesn't accept the value of column {}", show_name(column)),
            ),
        };
        let error = Error::new(ErrorKind::Decode, code, message);
        if column.is_empty() { error } else { error.with_column(column) }
    }

    /// Adds to a bare refusal which type it was that didn't take the cell.
    fn told_by<T>(self, found: Option<&'static str>) -> Fault {
        match (self, found) {
            (Fault::Refused, Some(found)) => {
                Fault::RefusedCell { expected: short_name(std::any::type_name::<T>()), found }
            }
            (fault, _) => fault,
        }
    }

    fn in_column(self, column: &str) -> Fault {
        Fault::Whole(self.into_error(column))
    }
}

/// A type's name without the modules that it lives in.
fn short_name(full: &str) -> String {
    let mut short = String::with_capacity(full.len());
    for part in full.split_inclusive(|it: char| !it.is_alphanumeric() && it != '_') {
        if part.ends_with(':') {
            continue;
        }
        short.push_str(part);
    }
    short
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row doesn't fit the type that was asked for")
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Fault::Refused
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Fault::Type { expected: expected.to_string(), found: kind_of(found).to_owned() }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Signed(_) | Unexpected::Unsigned(_) => "an integer outside its range",
            Unexpected::Float(_) => "a number outside its range",
            Unexpected::Str(_) => "text in another form",
            other => kind_of(other),
        };
        Fault::Type { expected: expected.to_string(), found: found.to_owned() }
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Fault::Type { expected: expected.to_string(), found: format!("{length} items") }
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        let names: Vec<String> = expected.iter().map(|it| show_name(it)).collect();
        Fault::Type { expected: format!("one of {}", names.join(", ")), found: "another text".to_owned() }
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Fault::Row(format!("the type that was asked for has no field for column {}", show_name(field)))
    }

    fn missing_field(field: &'static str) -> Self {
        Fault::Row(format!(
            "the type that was asked for has a field {}, which is no column of the row",
            show_name(field)
        ))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Fault::Row(format!("two columns are named {}; rename one", show_name(field)))
    }
}

/// How a message calls a value that is not there.
const NULL: &str = "null";

fn kind_of(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a floating-point number",
        Unexpected::Char(_) | Unexpected::Str(_) => "text",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit | Unexpected::Option => NULL,
        Unexpected::Seq => "a list",
        Unexpected::Map => "named fields",
        _ => "something else",
    }
}

/// A row: a struct or map by name, a tuple or list by position, anything else if there is one column. A list is then also that
/// of an array or of bytes in the one column, and a struct that has no field of the column's name is that of its interval or JSON.
struct RowReader<'r> {
    row: &'r dyn RawRow,
    columns: &'r Columns,
}

impl<'r> RowReader<'r> {
    /// The one cell of a row with one column.
    fn only(&self) -> Result<CellReader<'r>, Fault> {
        match self.row.len() {
            1 => self.row.cell(0).map(CellReader).map_err(Fault::Whole),
            count => Err(Fault::Row(format!("the row has {count} columns; read it as a struct, a tuple or a map"))),
        }
    }
}

macro_rules! from_the_only_cell {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.only()?.$method(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for RowReader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        // `Decimal` asks for "anything" although it is a plain value, and a visitor can't be asked what it accepts.
        if self.row.len() == 1 && std::any::type_name::<V::Value>() == std::any::type_name::<Decimal>() {
            return self.only()?.deserialize_any(visitor);
        }
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(Cells { row: self.row, columns: self.columns, next: 0 })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if self.row.len() == 1 && !fields.contains(&self.columns.name(0)) {
            let only = self.only()?;
            if matches!(only.0, Cell::Interval(_) | Cell::Json(_)) {
                return only.deserialize_struct(name, fields, visitor);
            }
        }
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.row.len() == 1 {
            let only = self.only()?;
            if matches!(only.0, Cell::Array(_) | Cell::Bytes(_)) {
                return only.deserialize_seq(visitor);
            }
        }
        visitor.visit_seq(Cells { row: self.row, columns: self.columns, next: 0 })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        let count = self.row.len();
        if count == length {
            return visitor.visit_seq(Cells { row: self.row, columns: self.columns, next: 0 });
        }
        if count == 1 {
            let only = self.only()?;
            if matches!(only.0, Cell::Array(_) | Cell::Bytes(_)) {
                return only.deserialize_tuple(length, visitor);
            }
        }
        Err(Fault::Row(format!("the row has {count} columns but a tuple of {length} was asked for")))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.row.len() == 1 && matches!(self.only()?.0, Cell::Null) {
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.only()?.deserialize_enum(name, variants, visitor)
    }

    from_the_only_cell! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_identifier
    }
}

/// The cells of a row in turn, with or without their names.
struct Cells<'r> {
    row: &'r dyn RawRow,
    columns: &'r Columns,
    next: usize,
}

impl<'de> de::MapAccess<'de> for Cells<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        if self.next >= self.row.len() {
            return Ok(None);
        }
        let name: StrDeserializer<'_, Fault> = self.columns.name(self.next).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let at = self.next;
        self.next += 1;
        seed.deserialize(LazyCell { row: self.row, at }).map_err(|fault| {
            let found = self.row.cell(at).ok().map(|cell| cell.kind());
            fault.told_by::<V::Value>(found).in_column(self.columns.name(at))
        })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.row.len().saturating_sub(self.next))
    }
}

impl<'de> de::SeqAccess<'de> for Cells<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        if self.next >= self.row.len() {
            return Ok(None);
        }
        de::MapAccess::next_value_seed(self, seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.row.len().saturating_sub(self.next))
    }
}

/// A cell that is decoded when it is asked for: a column that a struct has no field for costs nothing.
struct LazyCell<'r> {
    row: &'r dyn RawRow,
    at: usize,
}

macro_rules! from_the_cell {
    ($($method:ident($($argument:ident: $kind:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $kind,)* visitor: V) -> Result<V::Value, Fault> {
            CellReader(self.row.cell(self.at).map_err(Fault::Whole)?).$method($($argument,)* visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for LazyCell<'_> {
    type Error = Fault;

    from_the_cell! {
        deserialize_any() deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64()
        deserialize_i128() deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_char() deserialize_str() deserialize_string() deserialize_bytes()
        deserialize_byte_buf() deserialize_option() deserialize_unit() deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str) deserialize_seq() deserialize_tuple(length: usize)
        deserialize_tuple_struct(name: &'static str, length: usize) deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) deserialize_identifier()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}

/// One cell.
struct CellReader<'c>(Cell<'c>);

impl CellReader<'_> {
    fn integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            // Sums and counts come as decimals from some databases.
            Cell::Decimal(it) => match number::decimal_to_integer(it) {
                Some(whole) => match (i64::try_from(whole), u64::try_from(whole)) {
                    (Ok(whole), _) => visitor.visit_i64(whole),
                    (_, Ok(whole)) => visitor.visit_u64(whole),
                    _ => visitor.visit_i128(whole),
                },
                None => Err(wrong(&visitor, "a decimal with a fraction")),
            },
            other => CellReader(other).deserialize_any(visitor),
        }
    }

    fn float<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Cell::Decimal(it) => visitor.visit_f64(number::decimal_to_f64(it)),
            other => CellReader(other).deserialize_any(visitor),
        }
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Cell::Json(it) => visitor.visit_str(&it),
            other => CellReader(other).deserialize_any(visitor),
        }
    }
}

fn wrong<'de, V: Visitor<'de>>(visitor: &V, found: &str) -> Fault {
    struct Shown<'v, V>(&'v V);
    impl<'de, V: Visitor<'de>> fmt::Display for Shown<'_, V> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let expected: &dyn Expected = &Visits(self.0);
            expected.fmt(f)
        }
    }
    struct Visits<'v, V>(&'v V);
    impl<'de, V: Visitor<'de>> Expected for Visits<'_, V> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.expecting(f)
        }
    }
    Fault::Type { expected: Shown(visitor).to_string(), found: found.to_owned() }
}

/// Hands a JSON cell to serde_json, whose errors quote the text and are therefore dropped.
fn json<T>(
    text: &str,
    read: impl FnOnce(&mut serde_json::Deserializer<serde_json::de::IoRead<&[u8]>>) -> serde_json::Result<T>,
) -> Result<T, Fault> {
    // A reader never borrows from its text, which lives shorter than what a visitor may borrow from.
    let mut reader = serde_json::Deserializer::from_reader(text.as_bytes());
    let refused = |_| Fault::Type {
        expected: "json of the type that was asked for".into(),
        found: "json of another form".into(),
    };
    let value = read(&mut reader).map_err(refused)?;
    reader.end().map_err(refused)?;
    Ok(value)
}

impl<'de> Deserializer<'de> for CellReader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Cell::Null => visitor.visit_unit(),
            Cell::Bool(it) => visitor.visit_bool(it),
            Cell::Int(it) => visitor.visit_i64(it),
            Cell::UInt(it) => visitor.visit_u64(it),
            Cell::Float(it) => visitor.visit_f64(it),
            Cell::Decimal(it) => visitor.visit_str(&it.to_string()),
            Cell::Text(it) => visitor.visit_str(&it),
            Cell::Bytes(it) => visitor.visit_bytes(&it),
            Cell::Date(it) => visitor.visit_str(&it.to_string()),
            Cell::Time(it) => visitor.visit_str(&it.to_string()),
            // ISO 8601, as serde forms of date types have it: `T`, and `Z` only for a moment.
            Cell::Timestamp(it) => visitor.visit_str(&it.format("%Y-%m-%dT%H:%M:%S%.f").to_string()),
            Cell::TimestampTz(it) => visitor.visit_str(&it.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string()),
            Cell::Interval(it) => visitor.visit_str(&it.to_string()),
            Cell::Uuid(it) => visitor.visit_str(it.hyphenated().encode_lower(&mut [0; 36])),
            Cell::Json(it) => json(&it, |reader| reader.deserialize_any(visitor)),
            Cell::Array(items) => {
                let mut items = SeqDeserializer::new(items.iter().map(ValueReader));
                visitor.visit_seq(&mut items)
            }
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Cell::Int(0) | Cell::UInt(0) => visitor.visit_bool(false),
            Cell::Int(1) | Cell::UInt(1) => visitor.visit_bool(true),
            other => CellReader(other).deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Cell::Null => visitor.visit_none(),
            other => visitor.visit_some(CellReader(other)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Cell::Bytes(it) => visitor.visit_seq(SeqDeserializer::new(it.iter().copied())),
            Cell::Json(it) => json(&it, |reader| reader.deserialize_seq(visitor)),
            other => CellReader(other).deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        let held = match &self.0 {
            Cell::Bytes(it) => it.len(),
            Cell::Array(it) => it.len(),
            _ => length,
        };
        if held != length {
            return Err(wrong(&visitor, &format!("{held} items")));
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Cell::Json(it) => json(&it, |reader| reader.deserialize_map(visitor)),
            other => CellReader(other).deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0 {
            // The only struct among the cells: `Interval` in its three parts.
            Cell::Interval(it) => visitor.visit_map(MapDeserializer::new(
                [("months", i64::from(it.months)), ("days", i64::from(it.days)), ("microseconds", it.microseconds)]
                    .into_iter(),
            )),
            Cell::Json(it) => json(&it, |reader| reader.deserialize_struct(name, fields, visitor)),
            other => CellReader(other).deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0 {
            Cell::Text(it) => visitor.visit_enum(IntoDeserializer::<Fault>::into_deserializer(&*it)),
            Cell::Json(it) => json(&it, |reader| reader.deserialize_enum(name, variants, visitor)),
            other => CellReader(other).deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.integer(visitor)
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.integer(visitor)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.integer(visitor)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.integer(visitor)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.integer(visitor)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.integer(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.integer(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.integer(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.integer(visitor)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.integer(visitor)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.float(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.float(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Cell::Text(it) => visitor.visit_string(it.into_owned()),
            other => CellReader(other).text(visitor),
        }
    }

    forward_to_deserialize_any! {
        char bytes byte_buf unit unit_struct identifier
    }
}

/// An element of an array.
struct ValueReader<'v>(&'v Value);

impl<'v> IntoDeserializer<'_, Fault> for ValueReader<'v> {
    type Deserializer = CellReader<'v>;

    fn into_deserializer(self) -> CellReader<'v> {
        CellReader(Cell::of(self.0))
    }
}

#[cfg(test)]
#[path = "de_tests.rs"]
mod tests;
