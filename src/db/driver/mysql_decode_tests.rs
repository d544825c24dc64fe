use super::*;
use crate::value::Value;

fn read(bytes: &[u8], decoder: Decoder) -> Result<Value, Trap> {
    decode(bytes, decoder).map(|cell| cell.into_value("x").expect("a value"))
}

#[test]
fn integers_of_every_width_and_sign_are_exact() {
    let int = Decoder::Int(SqlType::Int64);
    let uint = Decoder::UInt(SqlType::UInt64);
    for (bytes, decoder, value) in [
        (&[0x80][..], int, Value::Int(-128)),
        (&[0x80], uint, Value::Int(128)),
        (&(-2_i16).to_le_bytes(), int, Value::Int(-2)),
        (&u16::MAX.to_le_bytes(), uint, Value::Int(65_535)),
        (&i32::MIN.to_le_bytes(), int, Value::Int(i32::MIN.into())),
        (&u32::MAX.to_le_bytes(), uint, Value::Int(u32::MAX.into())),
        (&i64::MIN.to_le_bytes(), int, Value::Int(i64::MIN)),
        (&u64::MAX.to_le_bytes(), uint, Value::UInt(u64::MAX)),
        (&[1, 0], Decoder::Bit, Value::Int(256)),
        (&[255; 8], Decoder::Bit, Value::UInt(u64::MAX)),
    ] {
        assert!(read(bytes, decoder) == Ok(value), "{bytes:?}");
    }
    assert!(read(&[0; 3], int) == Err(Trap::Malformed));
    assert!(read(&[0; 9], Decoder::Bit) == Err(Trap::Malformed));
}

#[test]
fn a_boolean_other_than_0_and_1_is_no_boolean() {
    assert!(read(&[1], Decoder::Bool) == Ok(Value::Bool(true)));
    assert!(read(&[5], Decoder::Bool) == Err(Trap::NotBool));
    assert_eq!(by_name("BOOLEAN", None), Some(Decoder::Bool));
    assert_eq!(by_name("BOOLEAN", Some(SqlType::Int64)), Some(Decoder::Int(SqlType::Int16)));
}

#[test]
fn decimals_lose_no_digit() {
    for (text, shown) in [
        ("0.00", "0.00"),
        ("-12.340", "-12.340"),
        ("79228162514264337593543950335", "79228162514264337593543950335"),
        ("1.500000000000000000000000000000", "1.5"),
        ("100.000000000000000000000000000000", "100"),
    ] {
        let Ok(Value::Decimal(decimal)) = read(text.as_bytes(), Decoder::Decimal) else { panic!("{text} is refused") };
        assert_eq!(decimal.to_string(), shown);
    }
    for text in [
        "1234567890123456789012345678901234567890",
        "0.123456789012345678901234567890",
        "79228162514264337593543950340",
    ] {
        assert!(read(text.as_bytes(), Decoder::Decimal) == Err(Trap::Precision), "{text}");
    }
    assert!(read(b"1_0", Decoder::Decimal) == Err(Trap::Malformed));
}

#[test]
fn a_zero_date_is_refused_and_not_null() {
    for bytes in [&[0][..], &[4, 0, 0, 0, 0], &[4, 232, 7, 0, 1], &[4, 232, 7, 1, 0], &[7, 232, 7, 0, 0, 1, 2, 3]] {
        assert!(read(bytes, Decoder::Datetime) == Err(Trap::ZeroDate), "{bytes:?}");
        assert!(read(bytes, Decoder::Timestamp) == Err(Trap::ZeroDate), "{bytes:?}");
        assert!(read(bytes, Decoder::Date) == Err(Trap::ZeroDate), "{bytes:?}");
    }
    let date = NaiveDate::from_ymd_opt(2024, 2, 29).expect("a date");
    assert!(read(&[4, 232, 7, 2, 29], Decoder::Date) == Ok(Value::Date(date)));
    let moment = date.and_hms_micro_opt(1, 2, 3, 4).expect("a moment");
    assert!(read(&[11, 232, 7, 2, 29, 1, 2, 3, 4, 0, 0, 0], Decoder::Datetime) == Ok(Value::Timestamp(moment)));
    assert!(read(&[4, 232, 7, 2], Decoder::Date) == Err(Trap::Malformed));
    assert!(read(&[7, 232, 7, 2, 29, 24, 0, 0], Decoder::Datetime) == Err(Trap::Malformed));
}

#[test]
fn a_time_that_no_clock_shows_is_an_interval_or_refused() {
    let minus_one_second = [8, 1, 0, 0, 0, 0, 0, 0, 1];
    let long = [12, 0, 34, 0, 0, 0, 22, 59, 59, 1, 0, 0, 0];
    let day = [8, 0, 1, 0, 0, 0, 0, 0, 0];
    for (bytes, micros) in [(&minus_one_second[..], -1_000_000), (&long, 3_020_399_000_001), (&day, 86_400_000_000)] {
        assert!(read(bytes, Decoder::Time) == Err(Trap::LongTime), "{bytes:?}");
        let span = Value::Interval(Interval { microseconds: micros, ..Interval::default() });
        assert!(read(bytes, Decoder::Span) == Ok(span), "{bytes:?}");
    }
    assert!(read(&[0], Decoder::Time) == Ok(Value::Time(NaiveTime::MIN)));
    let late = NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).expect("a time");
    assert!(read(&[12, 0, 0, 0, 0, 0, 23, 59, 59, 63, 66, 15, 0], Decoder::Time) == Ok(Value::Time(late)));
    assert!(read(&[8, 0, 0], Decoder::Time) == Err(Trap::Malformed));
    assert_eq!(by_name("TIME", Some(SqlType::Interval)), Some(Decoder::Span));
}

#[test]
fn text_and_bytes_are_borrowed() {
    assert!(matches!(decode(b"abc", Decoder::Text), Ok(Cell::Text(Cow::Borrowed("abc")))));
    assert!(matches!(decode(&[0, 255], Decoder::Bytes), Ok(Cell::Bytes(Cow::Borrowed(&[0, 255])))));
    assert!(read(&[255], Decoder::Text) == Err(Trap::NotUtf8));
}

#[test]
fn types_that_would_lose_something_are_not_read() {
    assert_eq!(by_name("GEOMETRY", None), None);
    assert_eq!(by_name("BLOB", None), Some(Decoder::Bytes));
}
