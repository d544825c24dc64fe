//! Rows from structs and maps, by serde.
//!
//! serde tells names and values, and of the values only what it has words for: a date is a text here, and becomes a date where the
//! column is known (`schema/conform.rs`).

use std::borrow::Cow;
use std::fmt;

use rust_decimal::Decimal;
use serde::Serialize;
use serde::ser::{self, Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple, SerializeTupleStruct};

use crate::error::{Error, ErrorKind, Result};
use crate::types::SqlType;
use crate::value::{Bind, Value};

/// A struct or a map: its fields and their values.
#[derive(Default)]
pub(super) struct Record {
    pub(super) names: Vec<Cow<'static, str>>,
    pub(super) values: Vec<Bind>,
}

pub(super) fn record<T: Serialize>(value: &T) -> Result<Record> {
    value.serialize(Fields).map_err(|Refused(error)| error)
}

/// What refuses to become a row.
#[derive(Debug)]
struct Refused(Error);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refused {}

impl ser::Error for Refused {
    /// The message of a foreign implementation may quote a value.
    fn custom<T: fmt::Display>(_: T) -> Refused {
        Refused(Error::new(ErrorKind::Encode, "insert.record", "a record's own `Serialize` refused to give its fields"))
    }
}

fn no_record() -> Refused {
    let message = "a record is a struct or a map of names; write a tuple with `.row(..)`, and one value as `[value]`";
    Refused(Error::new(ErrorKind::Plan, "insert.no_record", message))
}

fn no_value(what: &'static str) -> Refused {
    let message = format!("{what} is no value that a database takes; write it as a number, a text, or a struct");
    Refused(Error::new(ErrorKind::Encode, "insert.record", message))
}

type Made<T> = std::result::Result<T, Refused>;

macro_rules! refuse {
    ($($method:ident($rust:ty))*) => {$(
        fn $method(self, _: $rust) -> Made<Record> {
            Err(no_record())
        }
    )*};
}

/// The record itself.
struct Fields;

impl ser::Serializer for Fields {
    type Ok = Record;
    type Error = Refused;
    type SerializeSeq = Impossible<Record, Refused>;
    type SerializeTuple = Impossible<Record, Refused>;
    type SerializeTupleStruct = Impossible<Record, Refused>;
    type SerializeTupleVariant = Impossible<Record, Refused>;
    type SerializeMap = Building;
    type SerializeStruct = Building;
    type SerializeStructVariant = Impossible<Record, Refused>;

    refuse! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_u8(u8)
        serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_f32(f32) serialize_f64(f64) serialize_char(char)
        serialize_str(&str) serialize_bytes(&[u8]) serialize_unit_struct(&'static str)
    }

    fn serialize_none(self) -> Made<Record> {
        Err(no_record())
    }

    fn serialize_unit(self) -> Made<Record> {
        Err(no_record())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Made<Record> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Made<Record> {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Made<Record> {
        Err(no_record())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Made<Record> {
        Err(no_record())
    }

    fn serialize_seq(self, _: Option<usize>) -> Made<Self::SerializeSeq> {
        Err(no_record())
    }

    fn serialize_tuple(self, _: usize) -> Made<Self::SerializeTuple> {
        Err(no_record())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Made<Self::SerializeTupleStruct> {
        Err(no_record())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Made<Self::SerializeTupleVariant> {
        Err(no_record())
    }

    fn serialize_map(self, length: Option<usize>) -> Made<Building> {
        Ok(Building::of(length.unwrap_or_default()))
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Made<Building> {
        Ok(Building::of(length))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Made<Self::SerializeStructVariant> {
        Err(no_record())
    }
}

struct Building {
    record: Record,
    key: Option<String>,
}

impl Building {
    fn of(length: usize) -> Building {
        let length = length.min(1024);
        let record = Record { names: Vec::with_capacity(length), values: Vec::with_capacity(length) };
        Building { record, key: None }
    }
}

impl SerializeStruct for Building {
    type Ok = Record;
    type Error = Refused;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Made<()> {
        self.record.names.push(Cow::Borrowed(name));
        self.record.values.push(value.serialize(Cell)?);
        Ok(())
    }

    fn end(self) -> Made<Record> {
        Ok(self.record)
    }
}

impl SerializeMap for Building {
    type Ok = Record;
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Made<()> {
        match key.serialize(Cell)?.value {
            Value::Text(name) => self.key = Some(name),
            _ => return Err(no_record()),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Made<()> {
        let name = self.key.take().ok_or_else(no_record)?;
        self.record.names.push(Cow::Owned(name));
        self.record.values.push(value.serialize(Cell)?);
        Ok(())
    }

    fn end(self) -> Made<Record> {
        Ok(self.record)
    }
}

/// One value.
struct Cell;

fn bind(value: Value, sql_type: SqlType) -> Made<Bind> {
    Ok(Bind { value, sql_type })
}

fn whole(value: impl Into<i64>) -> Made<Bind> {
    bind(Value::Int(value.into()), SqlType::Int64)
}

fn json(value: serde_json::Value) -> Made<Bind> {
    bind(Value::Json(value), SqlType::Json)
}

/// A number that is only known by its digits.
fn number(digits: &str) -> Made<Bind> {
    if let Ok(number) = digits.parse::<i64>() {
        return whole(number);
    }
    if let Ok(number) = digits.parse::<u64>() {
        return bind(Value::UInt(number), SqlType::UInt64);
    }
    if let Ok(number) = Decimal::from_str_exact(digits) {
        return bind(Value::Decimal(number), SqlType::Decimal(None));
    }
    match digits.parse::<f64>() {
        Ok(number) if number.is_finite() => bind(Value::Float(number), SqlType::Float64),
        _ => Err(no_value("a number beyond 64 bits")),
    }
}

/// What `serde_json` calls a number whose digits it keeps.
const NUMBER: &str = "$serde_json::private::Number";

impl ser::Serializer for Cell {
    type Ok = Bind;
    type Error = Refused;
    type SerializeSeq = Elements;
    type SerializeTuple = Elements;
    type SerializeTupleStruct = Elements;
    type SerializeTupleVariant = Impossible<Bind, Refused>;
    type SerializeMap = Document<<serde_json::value::Serializer as ser::Serializer>::SerializeMap>;
    type SerializeStruct = Struct;
    type SerializeStructVariant = Document<<serde_json::value::Serializer as ser::Serializer>::SerializeStructVariant>;

    fn serialize_bool(self, value: bool) -> Made<Bind> {
        bind(Value::Bool(value), SqlType::Bool)
    }

    fn serialize_i8(self, value: i8) -> Made<Bind> {
        whole(value)
    }

    fn serialize_i16(self, value: i16) -> Made<Bind> {
        whole(value)
    }

    fn serialize_i32(self, value: i32) -> Made<Bind> {
        whole(value)
    }

    fn serialize_i64(self, value: i64) -> Made<Bind> {
        whole(value)
    }

    fn serialize_i128(self, value: i128) -> Made<Bind> {
        number(&value.to_string())
    }

    fn serialize_u8(self, value: u8) -> Made<Bind> {
        whole(value)
    }

    fn serialize_u16(self, value: u16) -> Made<Bind> {
        whole(value)
    }

    fn serialize_u32(self, value: u32) -> Made<Bind> {
        whole(value)
    }

    fn serialize_u64(self, value: u64) -> Made<Bind> {
        bind(i64::try_from(value).map_or(Value::UInt(value), Value::Int), SqlType::UInt64)
    }

    fn serialize_u128(self, value: u128) -> Made<Bind> {
        number(&value.to_string())
    }

    fn serialize_f32(self, value: f32) -> Made<Bind> {
        bind(Value::Float(value.into()), SqlType::Float64)
    }

    fn serialize_f64(self, value: f64) -> Made<Bind> {
        bind(Value::Float(value), SqlType::Float64)
    }

    fn serialize_char(self, value: char) -> Made<Bind> {
        bind(Value::Text(value.to_string()), SqlType::Text)
    }

    fn serialize_str(self, value: &str) -> Made<Bind> {
        bind(Value::Text(value.to_owned()), SqlType::Text)
    }

    fn serialize_bytes(self, value: &[u8]) -> Made<Bind> {
        bind(Value::Bytes(value.to_vec()), SqlType::Bytes)
    }

    fn serialize_none(self) -> Made<Bind> {
        bind(Value::Null, SqlType::Text)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Made<Bind> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Made<Bind> {
        bind(Value::Null, SqlType::Text)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Made<Bind> {
        bind(Value::Null, SqlType::Text)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Made<Bind> {
        self.serialize_str(name)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Made<Bind> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Made<Bind> {
        let made = serde_json::value::Serializer.serialize_newtype_variant(name, index, variant, value);
        json(made.map_err(ser::Error::custom)?)
    }

    fn serialize_seq(self, length: Option<usize>) -> Made<Elements> {
        Ok(Elements(Vec::with_capacity(length.unwrap_or_default().min(4096))))
    }

    fn serialize_tuple(self, length: usize) -> Made<Elements> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Made<Elements> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Made<Self::SerializeTupleVariant> {
        Err(no_value("a variant with several values"))
    }

    fn serialize_map(self, length: Option<usize>) -> Made<Self::SerializeMap> {
        serde_json::value::Serializer.serialize_map(length).map(Document).map_err(ser::Error::custom)
    }

    fn serialize_struct(self, name: &'static str, length: usize) -> Made<Struct> {
        if name == NUMBER {
            return Ok(Struct::Number(None));
        }
        let made = serde_json::value::Serializer.serialize_struct(name, length);
        made.map(Struct::Document).map_err(ser::Error::custom)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Made<Self::SerializeStructVariant> {
        let made = serde_json::value::Serializer.serialize_struct_variant(name, index, variant, length);
        made.map(Document).map_err(ser::Error::custom)
    }
}

/// What has elements: an array, bytes, or JSON, as its column says.
struct Elements(Vec<Value>);

impl SerializeSeq for Elements {
    type Ok = Bind;
    type Error = Refused;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Made<()> {
        self.0.push(value.serialize(Cell)?.value);
        Ok(())
    }

    fn end(self) -> Made<Bind> {
        let value = Value::Array(self.0);
        let sql_type = value.sql_type().unwrap_or(SqlType::Text);
        bind(value, sql_type)
    }
}

impl SerializeTuple for Elements {
    type Ok = Bind;
    type Error = Refused;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Made<()> {
        SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Made<Bind> {
        SerializeSeq::end(self)
    }
}

impl SerializeTupleStruct for Elements {
    type Ok = Bind;
    type Error = Refused;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Made<()> {
        SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Made<Bind> {
        SerializeSeq::end(self)
    }
}

/// What has fields: JSON.
struct Document<S>(S);

impl<S: SerializeMap<Ok = serde_json::Value>> SerializeMap for Document<S> {
    type Ok = Bind;
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Made<()> {
        self.0.serialize_key(key).map_err(ser::Error::custom)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Made<()> {
        self.0.serialize_value(value).map_err(ser::Error::custom)
    }

    fn end(self) -> Made<Bind> {
        json(self.0.end().map_err(ser::Error::custom)?)
    }
}

impl<S: ser::SerializeStructVariant<Ok = serde_json::Value>> ser::SerializeStructVariant for Document<S> {
    type Ok = Bind;
    type Error = Refused;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Made<()> {
        self.0.serialize_field(name, value).map_err(ser::Error::custom)
    }

    fn end(self) -> Made<Bind> {
        json(self.0.end().map_err(ser::Error::custom)?)
    }
}

/// JSON, or the digits of a number.
enum Struct {
    Number(Option<Bind>),
    Document(<serde_json::value::Serializer as ser::Serializer>::SerializeStruct),
}

impl SerializeStruct for Struct {
    type Ok = Bind;
    type Error = Refused;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Made<()> {
        match self {
            Struct::Number(found) => {
                let Value::Text(digits) = value.serialize(Cell)?.value else { return Err(no_value("a number")) };
                *found = Some(number(&digits)?);
                Ok(())
            }
            Struct::Document(document) => document.serialize_field(name, value).map_err(ser::Error::custom),
        }
    }

    fn end(self) -> Made<Bind> {
        match self {
            Struct::Number(found) => found.ok_or_else(|| no_value("a number")),
            Struct::Document(document) => json(SerializeStruct::end(document).map_err(ser::Error::custom)?),
        }
    }
}
