use chrono::NaiveDate;

use super::super::mysql_decode::{Decoder, decode};
use super::*;
use crate::error::ErrorKind;
use crate::value::{Interval, ToValue};

/// Without a server the three types are stand-ins: only the bytes are looked at.
fn types() -> ParameterTypes {
    let any = <str as Type<MySql>>::type_info();
    ParameterTypes { date: any.clone(), datetime: any.clone(), decimal: any }
}

fn bind<V: ToValue>(value: V) -> Bind {
    Bind { value: value.to_value(), sql_type: V::SQL_TYPE }
}

fn encoded(value: impl ToValue) -> Result<Vec<u8>, Unsendable> {
    let mut out = Vec::new();
    match (Bound { bind: &bind(value), types: &types() }).encode_by_ref(&mut out) {
        Ok(_) => Ok(out),
        Err(error) => Err(*error.downcast_ref().expect("our own error")),
    }
}

fn back(bytes: &[u8], decoder: Decoder) -> Value {
    decode(bytes, decoder).ok().and_then(|cell| cell.into_value("x").ok()).expect("our own bytes decode")
}

#[test]
fn moments_are_the_same_after_both_ways() {
    let date = NaiveDate::from_ymd_opt(2024, 2, 29).expect("a date");
    let moment = date.and_hms_micro_opt(23, 59, 58, 7).expect("a moment");
    let cases = [
        (encoded(date), Decoder::Date, Value::Date(date)),
        (encoded(moment), Decoder::Datetime, Value::Timestamp(moment)),
        (encoded(moment.and_utc()), Decoder::Timestamp, Value::TimestampTz(moment.and_utc())),
        (encoded(moment.time()), Decoder::Time, Value::Time(moment.time())),
    ];
    for (bytes, decoder, value) in cases {
        assert!(back(&bytes.expect("sent"), decoder) == value, "{decoder:?}");
    }
}

#[test]
fn what_mysql_cannot_hold_is_refused() {
    let year = |year| NaiveDate::from_ymd_opt(year, 1, 1).expect("a date");
    assert_eq!(encoded(f64::NAN), Err(Unsendable::NotFinite));
    assert_eq!(encoded(f64::INFINITY), Err(Unsendable::NotFinite));
    assert_eq!(encoded(Interval::default()), Err(Unsendable::Unsupported));
    assert_eq!(encoded(None::<Interval>), Err(Unsendable::Unsupported));
    assert_eq!(encoded(vec![1_i64]), Err(Unsendable::Unsupported));
    for bad in [year(0), year(-1), year(10_000)] {
        assert_eq!(encoded(bad), Err(Unsendable::OutOfRange));
        assert_eq!(encoded(bad.and_time(NaiveTime::MIN)), Err(Unsendable::OutOfRange));
    }
    let leap = NaiveTime::from_hms_nano_opt(23, 59, 59, 1_500_000_000).expect("a leap second");
    assert_eq!(encoded(leap), Err(Unsendable::OutOfRange));
    // And what it can.
    assert_eq!(encoded(u64::MAX), Ok(vec![255; 8]));
    assert!(
        encoded("a\0b").is_ok() && encoded(1.5_f64).is_ok() && encoded(year(1)).is_ok() && encoded(year(9999)).is_ok()
    );
    assert_eq!(encoded(None::<i64>), Ok(vec![]));
}

#[test]
fn uuids_and_decimals_go_as_text() {
    let id = uuid::Uuid::from_u128(1);
    assert_eq!(encoded(id).expect("sent"), [&[36], id.to_string().as_bytes()].concat());
    assert_eq!(encoded("-1.50".parse::<rust_decimal::Decimal>().expect("a decimal")).expect("sent"), b"\x05-1.50");
}

#[test]
fn a_refusal_names_the_bind_and_not_its_value() {
    let binds = [bind(1_i64), bind(f64::NAN)];
    let error = arguments(&binds, &types(), Dialect::MariaDb).expect_err("NaN is refused");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Encode, "bind.not_finite"));
    assert_eq!(error.to_string(), "bind 2 is NaN or infinite, and MariaDB has no such number; bind NULL");
    let arrays = [bind(vec![1_i64])];
    assert_eq!(arguments(&arrays, &types(), Dialect::MySql).expect_err("no arrays").code(), "bind.unsupported");
    assert!(arguments(&binds[..1], &types(), Dialect::MariaDb).is_ok());
}
