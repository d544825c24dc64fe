#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::borrow::Cow;
use std::collections::HashMap;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::*;
use crate::value::Interval;

struct Fixed(Vec<Cell<'static>>);

impl RawRow for Fixed {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn cell(&self, index: usize) -> Result<Cell<'_>> {
        Ok(self.0[index].clone())
    }
}

fn read<T: DeserializeOwned>(cells: Vec<(&str, Cell<'static>)>) -> Result<T> {
    let names = cells.iter().map(|it| it.0.to_owned()).collect();
    let types = vec![None; cells.len()];
    from_row(&Fixed(cells.into_iter().map(|it| it.1).collect()), &Columns { names, types })
}

fn one<T: DeserializeOwned>(cell: Cell<'static>) -> T {
    // Through a struct, a plain value, an option and a newtype: all must agree, so the plain one is returned.
    #[derive(Deserialize)]
    struct Named<T> {
        c: T,
    }
    #[derive(Deserialize)]
    struct New<T>(#[allow(dead_code)] T);
    let _: Named<Option<T>> = read(vec![("c", cell.clone())]).unwrap();
    let _: New<T> = read::<Named<New<T>>>(vec![("c", cell.clone())]).unwrap().c;
    let _: Option<T> = read(vec![("c", cell.clone())]).unwrap();
    let (plain,): (T,) = read(vec![("c", cell.clone())]).unwrap();
    drop(plain);
    read::<T>(vec![("c", cell)]).unwrap()
}

#[track_caller]
fn refused<T: DeserializeOwned>(cell: Cell<'static>, message: &str) {
    let Err(error) = read::<T>(vec![("c", cell)]) else { panic!("accepted") };
    assert_eq!(error.to_string(), message);
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert_eq!(error.column(), Some("c"));
}

fn text(text: &'static str) -> Cell<'static> {
    Cell::Text(Cow::Borrowed(text))
}

fn json(text: &'static str) -> Cell<'static> {
    Cell::Json(Cow::Borrowed(text))
}

fn decimal(text: &str) -> Cell<'static> {
    Cell::Decimal(Decimal::from_str(text).unwrap())
}

#[test]
fn numbers_are_read_with_a_range_check() {
    assert_eq!(one::<i8>(Cell::Int(-128)), -128);
    assert_eq!(one::<u64>(Cell::UInt(u64::MAX)), u64::MAX);
    assert_eq!(one::<i128>(Cell::Int(i64::MIN)), i128::from(i64::MIN));
    assert_eq!(one::<u16>(Cell::Int(65_535)), 65_535);
    assert_eq!(one::<i64>(decimal("42.00")), 42);
    assert_eq!(one::<f64>(Cell::Int(3)), 3.0);
    assert_eq!(one::<f64>(decimal("0.1")), 0.1);
    assert_eq!(one::<f32>(Cell::Float(1.5)), 1.5);
    assert!(one::<f64>(Cell::Float(f64::NAN)).is_nan());
    assert!(one::<bool>(Cell::Int(1)));
    assert!(one::<bool>(Cell::Bool(true)));
    refused::<i8>(Cell::Int(128), "column `c` should hold i8 but holds an integer outside its range");
    refused::<u32>(Cell::Int(-1), "column `c` should hold u32 but holds an integer outside its range");
    refused::<i64>(decimal("1.5"), "column `c` should hold i64 but holds a decimal with a fraction");
    refused::<i64>(Cell::Float(1.0), "column `c` should hold i64 but holds a floating-point number");
    refused::<bool>(Cell::Int(2), "column `c` should hold a boolean but holds an integer");
    refused::<i64>(
        Cell::Null,
        "column `c` should hold i64 but holds null; ask for an `Option` where there may be none",
    );
    refused::<i64>(text("7"), "column `c` should hold i64 but holds text");
}

#[test]
fn decimals_keep_every_digit() {
    for digits in ["79228162514264337593543950335", "-0.0000000000000000000000000001", "100.00", "0"] {
        assert_eq!(one::<Decimal>(decimal(digits)).to_string(), digits);
        assert_eq!(one::<String>(decimal(digits)), digits);
    }
    assert_eq!(one::<Decimal>(Cell::Int(7)), Decimal::from(7));
    assert_eq!(one::<Decimal>(Cell::Float(1.5)).to_string(), "1.5");
    // Decimals inside JSON go through serde_json's own numbers.
    #[derive(Deserialize)]
    struct Priced {
        total: f64,
    }
    assert_eq!(read::<(Priced,)>(vec![("c", json(r#"{"total": 1.25}"#))]).unwrap().0.total, 1.25);
}

#[test]
fn dates_uuids_intervals_and_bytes_are_read() {
    let day = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
    let at = day.and_hms_micro_opt(13, 14, 15, 123_456).unwrap();
    assert_eq!(one::<NaiveDate>(Cell::Date(day)), day);
    assert_eq!(one::<NaiveTime>(Cell::Time(at.time())), at.time());
    assert_eq!(one::<NaiveDateTime>(Cell::Timestamp(at)), at);
    assert_eq!(one::<DateTime<Utc>>(Cell::TimestampTz(at.and_utc())), at.and_utc());
    let midnight = day.and_hms_opt(0, 0, 0).unwrap();
    assert_eq!(one::<NaiveDateTime>(Cell::Timestamp(midnight)), midnight);
    assert_eq!(one::<DateTime<Utc>>(Cell::TimestampTz(midnight.and_utc())), midnight.and_utc());
    let uuid = Uuid::from_u128(7);
    assert_eq!(one::<Uuid>(Cell::Uuid(uuid)), uuid);
    let span = Interval { months: 14, days: -3, microseconds: 1 };
    assert_eq!(read::<(Interval,)>(vec![("c", Cell::Interval(span))]).unwrap().0, span);
    assert_eq!(one::<String>(Cell::Interval(span)), "P14M-3DT0.000001S");
    assert_eq!(read::<(Vec<u8>,)>(vec![("c", Cell::Bytes(Cow::Borrowed(b"\0\xff")))]).unwrap().0, b"\0\xff");
    refused::<Uuid>(text("s3cret"), "column `c` should hold Uuid but holds text that it doesn't accept");
    refused::<NaiveDate>(text("s3cret"), "column `c` should hold NaiveDate but holds text that it doesn't accept");
}

#[test]
fn text_enums_json_and_arrays_are_read() {
    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Status {
        Open,
        Closed,
    }
    #[derive(Deserialize, Debug, PartialEq)]
    struct Address {
        town: String,
        numbers: Vec<i64>,
    }
    assert_eq!(one::<Status>(text("closed")), Status::Closed);
    assert_eq!(one::<Status>(json("\"open\"")), Status::Open);
    refused::<Status>(text("s3cret"), "column `c` should hold one of `open`, `closed` but holds another text");
    assert_eq!(one::<char>(text("é")), 'é');
    let cell = json(r#"{"town": "Ulm", "numbers": [1, 2]}"#);
    let address = Address { town: "Ulm".into(), numbers: vec![1, 2] };
    assert_eq!(read::<(Address,)>(vec![("c", cell.clone())]).unwrap().0, address);
    assert_eq!(one::<String>(cell.clone()), r#"{"town": "Ulm", "numbers": [1, 2]}"#);
    let (value,): (serde_json::Value,) = read(vec![("c", json("[1e400, 0.10, null]"))]).unwrap();
    assert_eq!(value.to_string(), "[1e+400,0.10,null]");
    refused::<(Address,)>(
        json(r#"{"town": 1}"#),
        "column `c` should hold json of the type that was asked for but holds json of another form",
    );
    let array = Cell::Array(vec![Value::Int(1), Value::Null]);
    assert_eq!(read::<(Vec<Option<i64>>,)>(vec![("c", array.clone())]).unwrap().0, [Some(1), None]);
    assert_eq!(read::<((i64, Option<i64>),)>(vec![("c", array.clone())]).unwrap().0, (1, None));
    refused::<(Vec<i64>,)>(
        array,
        "column `c` should hold i64 but holds null; ask for an `Option` where there may be none",
    );
}

#[test]
fn rows_become_structs_tuples_maps_and_lists() {
    #[derive(Deserialize, Debug, PartialEq)]
    struct Order {
        id: i64,
        note: Option<String>,
    }
    let cells = || vec![("note", Cell::Null), ("unused", text("x")), ("id", Cell::Int(7))];
    assert_eq!(read::<Order>(cells()).unwrap(), Order { id: 7, note: None });
    assert_eq!(read::<(Option<String>, String, i64)>(cells()).unwrap(), (None, "x".into(), 7));
    let map: HashMap<String, serde_json::Value> = read(cells()).unwrap();
    assert_eq!(map["id"], serde_json::json!(7));
    assert_eq!(map["note"], serde_json::Value::Null);
    assert_eq!(read::<serde_json::Value>(vec![("n", Cell::Int(1))]).unwrap(), serde_json::json!({"n": 1}));
    assert_eq!(read::<Vec<i64>>(vec![("a", Cell::Int(1)), ("b", Cell::Int(2))]).unwrap(), [1, 2]);

    let message = |it: Result<Order>| it.unwrap_err().to_string();
    assert_eq!(
        message(read(vec![("note", Cell::Null)])),
        "the type that was asked for has a field `id`, which is no column of the row"
    );
    assert_eq!(
        message(read(vec![("id", Cell::Int(1)), ("id", Cell::Int(2))])),
        "two columns are named `id`; rename one"
    );
    assert_eq!(
        read::<(i64, i64)>(cells()).unwrap_err().to_string(),
        "the row has 3 columns but a tuple of 2 was asked for"
    );
    assert_eq!(
        read::<i64>(cells()).unwrap_err().to_string(),
        "the row has 3 columns; read it as a struct, a tuple or a map"
    );
}

#[test]
fn a_message_by_another_crate_is_not_repeated() {
    #[derive(Debug)]
    struct Picky;
    impl<'de> Deserialize<'de> for Picky {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            let text = String::deserialize(from)?;
            Err(serde::de::Error::custom(format!("no {text}")))
        }
    }
    let error = read::<Picky>(vec![("c", text("s3cret"))]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    assert!(std::error::Error::source(&error).is_none());
    refused::<Picky>(text("s3cret"), "column `c` should hold Picky but holds text that it doesn't accept");
}

#[test]
fn a_list_or_a_struct_is_read_from_the_one_column_that_holds_it() {
    let bytes = || vec![("c", Cell::Bytes(Cow::Borrowed(b"\0\xff")))];
    assert_eq!(read::<Vec<u8>>(bytes()).unwrap(), b"\0\xff");
    assert_eq!(read::<[u8; 2]>(bytes()).unwrap(), *b"\0\xff");
    assert_eq!(read::<(Vec<u8>,)>(bytes()).unwrap().0, b"\0\xff");
    let array = || vec![("c", Cell::Array(vec![Value::Int(1), Value::Null]))];
    assert_eq!(read::<Vec<Option<i64>>>(array()).unwrap(), [Some(1), None]);
    assert_eq!(read::<Option<Vec<Option<i64>>>>(vec![("c", Cell::Null)]).unwrap(), None);
    let interval = Interval { months: 1, days: 2, microseconds: 3 };
    assert_eq!(read::<Interval>(vec![("c", Cell::Interval(interval))]).unwrap(), interval);
    #[derive(Deserialize, PartialEq, Debug)]
    struct Point {
        x: i64,
    }
    assert_eq!(read::<Point>(vec![("c", Cell::Json("{\"x\": 5}".into()))]).unwrap(), Point { x: 5 });
    assert_eq!(read::<Point>(vec![("x", Cell::Int(5))]).unwrap(), Point { x: 5 });
    // A plain column is still a list of one.
    assert_eq!(read::<Vec<i64>>(vec![("c", Cell::Int(1))]).unwrap(), [1]);
}
