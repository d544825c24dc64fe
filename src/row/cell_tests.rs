#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::borrow::Cow;
use std::str::FromStr;

use chrono::{NaiveDate, NaiveTime, TimeZone};

use super::*;

fn decimal(text: &str) -> Cell<'static> {
    Cell::Decimal(Decimal::from_str(text).unwrap())
}

fn text(text: &str) -> Cell<'_> {
    Cell::Text(Cow::Borrowed(text))
}

#[track_caller]
fn becomes(from: Cell<'_>, to: SqlType, expected: Cell<'_>) {
    let got = convert(from, to, "c").unwrap();
    assert!(got == expected, "got {} {:?}", got.kind(), got.clone().into_value("c").map(|it| shown(&it)));
    // Equality of decimals ignores the scale, which is part of what is tested.
    if let (Cell::Decimal(got), Cell::Decimal(expected)) = (got, expected) {
        assert_eq!(got.to_string(), expected.to_string());
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Int(it) => it.to_string(),
        Value::Float(it) => it.to_string(),
        Value::Decimal(it) => it.to_string(),
        Value::Text(it) => it.clone(),
        Value::Timestamp(it) => it.to_string(),
        other => format!("{other:?}"),
    }
}

#[track_caller]
fn refused(from: Cell<'_>, to: SqlType, found: &str) {
    let error = convert(from, to, "c").map(|it| it.kind()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert_eq!(error.column(), Some("c"));
    assert!(error.to_string().starts_with("column `c` should hold "), "{error}");
    assert!(error.to_string().ends_with(&format!(" but holds {found}")), "{error}");
}

#[test]
fn integers_come_from_what_is_integral_and_in_range() {
    becomes(Cell::Int(5), SqlType::Int64, Cell::Int(5));
    becomes(Cell::UInt(5), SqlType::Int64, Cell::Int(5));
    becomes(Cell::Float(5.0), SqlType::Int32, Cell::Int(5));
    becomes(decimal("5.00"), SqlType::Int16, Cell::Int(5));
    becomes(Cell::Bool(true), SqlType::Int64, Cell::Int(1));
    becomes(decimal("18446744073709551615"), SqlType::UInt64, Cell::UInt(u64::MAX));
    becomes(Cell::Int(7), SqlType::UInt64, Cell::Int(7));
    becomes(Cell::Float(-9223372036854775808.0), SqlType::Int64, Cell::Int(i64::MIN));
    refused(Cell::Float(9223372036854775808.0), SqlType::Int64, "a number outside its range");
    refused(Cell::Float(f64::NAN), SqlType::Int64, "a floating-point number that is no integer");
    refused(Cell::Float(f64::INFINITY), SqlType::Int64, "a floating-point number that is no integer");
    refused(Cell::Float(5.5), SqlType::Int64, "a floating-point number that is no integer");
    refused(decimal("5.01"), SqlType::Int64, "a decimal with a fraction");
    refused(Cell::UInt(u64::MAX), SqlType::Int64, "a number outside its range");
    refused(Cell::Int(-1), SqlType::UInt64, "a number outside its range");
    refused(Cell::Int(32768), SqlType::Int16, "a number outside its range");
    refused(text("5"), SqlType::Int64, "text");
}

#[test]
fn booleans_come_from_zero_and_one_only() {
    becomes(Cell::Int(0), SqlType::Bool, Cell::Bool(false));
    becomes(Cell::Int(1), SqlType::Bool, Cell::Bool(true));
    refused(Cell::Int(5), SqlType::Bool, "an integer other than 0 and 1");
    refused(Cell::Float(1.0), SqlType::Bool, "a floating-point number");
}

#[test]
fn doubles_become_decimals_of_fifteen_digits_and_the_scale_that_is_asked() {
    let any = SqlType::Decimal(None);
    becomes(Cell::Float(121.00000000000001), any, decimal("121"));
    becomes(Cell::Float(0.1 + 0.2), any, decimal("0.3"));
    becomes(Cell::Float(-1.5), any, decimal("-1.5"));
    becomes(Cell::Float(1e20), any, decimal("100000000000000000000"));
    becomes(Cell::Float(1e-20), any, decimal("0.00000000000000000001"));
    becomes(Cell::Float(1e-300), any, decimal("0"));
    becomes(Cell::Float(100.0), SqlType::decimal(10, 2), decimal("100.00"));
    becomes(Cell::Float(149.5), SqlType::decimal(10, 2), decimal("149.50"));
    becomes(Cell::Float(0.285), SqlType::decimal(10, 2), decimal("0.29"));
    becomes(Cell::Float(-0.285), SqlType::decimal(10, 2), decimal("-0.29"));
    becomes(Cell::Float(121.00000000000001), SqlType::decimal(10, 2), decimal("121.00"));
    becomes(Cell::Int(7), SqlType::decimal(10, 3), decimal("7.000"));
    becomes(Cell::UInt(u64::MAX), any, decimal("18446744073709551615"));
    becomes(decimal("1.005"), SqlType::decimal(10, 2), decimal("1.01"));
    becomes(decimal("1.2"), SqlType::decimal(10, 2), decimal("1.20"));
    becomes(text("12.340"), any, decimal("12.340"));
    becomes(text("1.5e3"), any, decimal("1500"));
    becomes(text("15e-1"), any, decimal("1.5"));
    refused(Cell::Float(f64::NAN), any, "a floating-point number outside its range");
    refused(Cell::Float(1e300), any, "a floating-point number outside its range");
    refused(text("NaN"), any, "text that is no such number");
    refused(text("1_000"), any, "text that is no such number");
    refused(text("1e999999"), any, "text that is no such number");
    refused(text("0.12345678901234567890123456789012"), any, "text that is no such number");
}

#[test]
fn the_scale_stays_smaller_where_a_decimal_has_no_room() {
    let wide = "7922816251426433759354395033";
    becomes(decimal(wide), SqlType::decimal(38, 1), decimal("7922816251426433759354395033.0"));
    becomes(decimal(wide), SqlType::decimal(38, 5), decimal("7922816251426433759354395033.0"));
}

#[test]
fn a_decimal_is_kept_as_a_double_only_when_it_reads_back_the_same() {
    let double = |text: &str| number::decimal_as_double(Decimal::from_str(text).unwrap());
    assert_eq!(double("149.50"), Some(149.5));
    assert_eq!(double("-0.1"), Some(-0.1));
    assert_eq!(double("123456789.123456"), Some(123456789.123456));
    assert_eq!(double("1234567890.1234567"), None);
    assert_eq!(double("0.1234567890123456789"), None);
    assert_eq!(double("79228162514264337593543950335"), None);
}

#[test]
fn floats_come_from_every_number() {
    becomes(Cell::Int(3), SqlType::Float64, Cell::Float(3.0));
    becomes(decimal("0.1"), SqlType::Float64, Cell::Float(0.1));
    becomes(decimal("79228162514264337593543950335"), SqlType::Float64, Cell::Float(79228162514264337593543950335.0));
    becomes(Cell::Float(f64::INFINITY), SqlType::Float64, Cell::Float(f64::INFINITY));
    refused(text("1.5"), SqlType::Float64, "text");
}

#[test]
fn dates_and_times_come_from_text() {
    let day = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
    let at = day.and_hms_micro_opt(13, 14, 15, 123_456).unwrap();
    becomes(text("2024-02-29"), SqlType::Date, Cell::Date(day));
    becomes(Cell::Bytes(Cow::Borrowed(b"2024-02-29")), SqlType::Date, Cell::Date(day));
    becomes(text("13:14"), SqlType::Time, Cell::Time(NaiveTime::from_hms_opt(13, 14, 0).unwrap()));
    becomes(text("13:14:15.123456"), SqlType::Time, Cell::Time(at.time()));
    becomes(text("2024-02-29 13:14:15.123456"), SqlType::Timestamp, Cell::Timestamp(at));
    becomes(text("2024-02-29T13:14:15.123456Z"), SqlType::Timestamp, Cell::Timestamp(at));
    becomes(text("2024-02-29"), SqlType::Timestamp, Cell::Timestamp(day.and_hms_opt(0, 0, 0).unwrap()));
    becomes(
        text("2024-02-29 15:14:15.123456+02:00"),
        SqlType::TimestampTz,
        Cell::TimestampTz(Utc.from_utc_datetime(&at)),
    );
    becomes(
        text("2024-02-29 10:44:15.123456-0230"),
        SqlType::TimestampTz,
        Cell::TimestampTz(Utc.from_utc_datetime(&at)),
    );
    becomes(Cell::Timestamp(at), SqlType::TimestampTz, Cell::TimestampTz(at.and_utc()));
    becomes(Cell::TimestampTz(at.and_utc()), SqlType::Timestamp, Cell::Timestamp(at));
    for wrong in ["2023-02-29", "2024-2-29", "", "2024-02-29x", "now", "2024-02-29 10:00"] {
        refused(text(wrong), SqlType::Date, "text in another form");
    }
    for wrong in ["24:00:00", "10:60", "1:00", "10:00:00.", "10:00:00.1234567890", "10:00:60", "10:00Z"] {
        refused(text(wrong), SqlType::Time, "text in another form");
    }
    for wrong in
        ["2024-02-29 25:00", "2024-02-29 10:00+99:00", "2024-02-29 10:00 UTC", "2024-02-29_10:00", "é024-02-29"]
    {
        refused(text(wrong), SqlType::Timestamp, "text in another form");
    }
    refused(Cell::Int(1_700_000_000), SqlType::Timestamp, "an integer");
}

#[test]
fn intervals_come_back_from_their_own_text() {
    let interval = |months, days, microseconds| Interval { months, days, microseconds };
    for it in [
        interval(0, 0, 0),
        interval(14, -3, 0),
        interval(-1, 0, -3_500_000),
        interval(0, 0, 1),
        interval(0, 2, 86_400_000_001),
    ] {
        becomes(text(&it.to_string()), SqlType::Interval, Cell::Interval(it));
    }
    becomes(text("P1Y2M1W3DT4H5M6.5S"), SqlType::Interval, Cell::Interval(interval(14, 10, 14_706_500_000)));
    for wrong in ["", "P", "PT", "P1", "1D", "P1H", "PT1D", "PT1.1234567S", "P1.5D", "P99999999999Y", "PT1SX"] {
        refused(text(wrong), SqlType::Interval, "text in another form");
    }
}

#[test]
fn uuids_json_text_and_bytes_are_checked() {
    let uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
    becomes(text(&uuid.to_string()), SqlType::Uuid, Cell::Uuid(uuid));
    becomes(Cell::Bytes(Cow::Borrowed(uuid.as_bytes())), SqlType::Uuid, Cell::Uuid(uuid));
    refused(text("no"), SqlType::Uuid, "text in another form");
    becomes(text("{\"a\": 1e400}"), SqlType::Json, Cell::Json(Cow::Borrowed("{\"a\": 1e400}")));
    refused(text("{a: 1}"), SqlType::Json, "text that is not json");
    becomes(Cell::Bytes(Cow::Borrowed(b"abc")), SqlType::Text, text("abc"));
    refused(Cell::Bytes(Cow::Borrowed(b"\xff")), SqlType::Text, "bytes that are not utf-8");
    becomes(text("abc"), SqlType::Bytes, Cell::Bytes(Cow::Borrowed(b"abc")));
    refused(Cell::Int(1), SqlType::Text, "an integer");
}

#[test]
fn null_is_null_of_every_type() {
    for to in [
        SqlType::Bool,
        SqlType::Int64,
        SqlType::UInt64,
        SqlType::Float64,
        SqlType::decimal(5, 2),
        SqlType::Text,
        SqlType::Bytes,
        SqlType::Date,
        SqlType::Time,
        SqlType::Timestamp,
        SqlType::TimestampTz,
        SqlType::Interval,
        SqlType::Uuid,
        SqlType::Json,
        SqlType::Array(&SqlType::Int64),
    ] {
        becomes(Cell::Null, to, Cell::Null);
    }
}

#[test]
fn an_error_never_holds_the_value() {
    let error = convert(text("s3cret"), SqlType::Date, "born\n").map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "column `born\\u{a}` should hold date but holds text in another form");
    assert!(!format!("{error:?}").contains("s3cret"));
}
