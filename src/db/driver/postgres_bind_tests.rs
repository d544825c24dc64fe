use chrono::{NaiveDate, NaiveTime, TimeZone, Utc};
use uuid::Uuid;

use super::super::postgres_decode::{Decoder, decode};
use super::*;
use crate::error::ErrorKind;
use crate::value::{Interval, ToValue};

fn encoded(value: impl ToValue) -> Result<Vec<u8>, Unsendable> {
    let mut out = Vec::new();
    fn inner<V: ToValue>(value: V, out: &mut Vec<u8>) -> Result<(), Unsendable> {
        write(&value.to_value(), V::SQL_TYPE, out)
    }
    inner(value, &mut out).map(|()| out)
}

fn back(bytes: &[u8], decoder: &Decoder) -> Value {
    decode(bytes, decoder).ok().and_then(|cell| cell.into_value("x").ok()).expect("our own bytes decode")
}

fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).expect("a date")
}

#[test]
fn decimals_are_the_same_after_both_ways() {
    for text in [
        "0",
        "0.00",
        "1",
        "-1",
        "10000",
        "9999",
        "0.1",
        "-0.0001",
        "0.00001",
        "123456789.123456789",
        "100000000",
        "1.50",
        "79228162514264337593543950335",
        "-7.9228162514264337593543950335",
        "0.0000000000000000000000000001",
    ] {
        let decimal: Decimal = text.parse().expect("a decimal");
        let bytes = encoded(decimal).expect("sent");
        let Value::Decimal(read) = back(&bytes, &Decoder::Numeric) else { panic!("{text} is no decimal") };
        assert_eq!(read.to_string(), text);
    }
}

#[test]
fn a_decimal_is_written_as_the_server_writes_it() {
    // SELECT numeric_send(12345.678)
    let server = [0, 3, 0, 1, 0, 0, 0, 3, 0, 1, 9, 41, 26, 124];
    assert_eq!(encoded("12345.678".parse::<Decimal>().expect("a decimal")).expect("sent"), server);
}

#[test]
fn moments_are_the_same_after_both_ways() {
    let moment = date(1969, 12, 31).and_hms_micro_opt(23, 59, 59, 999_999).expect("a moment");
    let cases = [
        (encoded(date(1999, 12, 31)), Decoder::Date, Value::Date(date(1999, 12, 31))),
        (encoded(date(-4712, 1, 1)), Decoder::Date, Value::Date(date(-4712, 1, 1))),
        (encoded(moment), Decoder::Timestamp, Value::Timestamp(moment)),
        (encoded(moment.and_utc()), Decoder::TimestampTz, Value::TimestampTz(moment.and_utc())),
        (encoded(NaiveTime::MIN), Decoder::Time, Value::Time(NaiveTime::MIN)),
    ];
    for (bytes, decoder, value) in cases {
        assert!(back(&bytes.expect("sent"), &decoder) == value, "{decoder:?}");
    }
}

#[test]
fn what_is_finer_than_a_microsecond_is_cut_off_towards_the_past() {
    let moment = Utc.timestamp_opt(-1, 999_999_999).single().expect("a moment");
    let bytes = encoded(moment).expect("sent");
    assert!(back(&bytes, &Decoder::TimestampTz) == Value::TimestampTz(Utc.timestamp_micros(-1).single().expect("one")));
}

#[test]
fn what_postgres_cannot_hold_is_refused() {
    let leap = NaiveTime::from_hms_nano_opt(23, 59, 59, 1_000_000_000).expect("a leap second");
    assert_eq!(encoded("a\0b"), Err(Unsendable::Nul));
    assert_eq!(encoded(u64::MAX), Err(Unsendable::OutOfRange));
    assert_eq!(encoded(leap), Err(Unsendable::OutOfRange));
    assert_eq!(encoded(date(1, 1, 1).and_time(leap)), Err(Unsendable::OutOfRange));
    assert_eq!(encoded(date(-4714, 1, 1)), Err(Unsendable::OutOfRange));
    assert_eq!(encoded(serde_json::json!({ "a": "\0" })), Err(Unsendable::Nul));
    assert_eq!(encoded(vec!["a\0".to_owned()]), Err(Unsendable::Nul));
    let forever = Interval { months: i32::MAX, days: i32::MAX, microseconds: i64::MAX };
    assert_eq!(encoded(forever), Err(Unsendable::OutOfRange));
    // And what it can.
    assert!(encoded("ab").is_ok() && encoded(1_u64 << 62).is_ok() && encoded(f64::NAN).is_ok());
    assert!(encoded(serde_json::json!({ "a": "\\u0000" })).is_ok());
}

#[test]
fn arrays_keep_nulls_and_may_be_empty() {
    let id = Uuid::from_u128(7);
    let cases = [
        (encoded(vec![Some(1_i64), None, Some(3)]), Decoder::Int8),
        (encoded(vec![Some("a".to_owned()), None]), Decoder::Text),
        (encoded(vec![id]), Decoder::Uuid),
        (encoded(Vec::<i64>::new()), Decoder::Int8),
    ];
    let values = [
        Value::Array(vec![Value::Int(1), Value::Null, Value::Int(3)]),
        Value::Array(vec![Value::Text("a".into()), Value::Null]),
        Value::Array(vec![Value::Uuid(id)]),
        Value::Array(vec![]),
    ];
    for ((bytes, element), value) in cases.into_iter().zip(values) {
        assert!(back(&bytes.expect("sent"), &Decoder::Array(Box::new(element.clone()))) == value, "{element:?}");
    }
}

#[test]
fn a_refusal_names_the_bind_and_not_its_value() {
    let binds = [
        Bind { value: Value::Int(1), sql_type: SqlType::Int64 },
        Bind { value: Value::Text("hidden\0".into()), sql_type: SqlType::Text },
    ];
    let error = arguments(&binds).expect_err("NUL is refused");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Encode, "bind.nul"));
    assert!(error.to_string().starts_with("bind 2 ") && !error.to_string().contains("hidden"));
    let wrong = [Bind { value: Value::Text("hidden".into()), sql_type: SqlType::Int64 }];
    let error = arguments(&wrong).expect_err("text is no integer");
    assert_eq!(error.code(), "bind.type");
    assert_eq!(error.to_string(), "bind 1 should be bigint but is text");
    assert!(arguments(&binds[..1]).is_ok());
}
