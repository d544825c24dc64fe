use super::*;

fn read(bytes: &[u8], decoder: Decoder) -> Result<Value, Trap> {
    decode(bytes, &decoder).map(|cell| cell.into_value("x").expect("a value"))
}

fn numeric_bytes(weight: i16, sign: u16, scale: u16, groups: &[u16]) -> Vec<u8> {
    let mut bytes = u16::try_from(groups.len()).expect("few groups").to_be_bytes().to_vec();
    bytes.extend(weight.to_be_bytes());
    bytes.extend(sign.to_be_bytes());
    bytes.extend(scale.to_be_bytes());
    groups.iter().for_each(|group| bytes.extend(group.to_be_bytes()));
    bytes
}

#[test]
fn integers_of_every_width_keep_their_sign() {
    for (bytes, decoder, value) in [
        (&(-2_i16).to_be_bytes()[..], Decoder::Int2, -2_i64),
        (&i32::MIN.to_be_bytes(), Decoder::Int4, i32::MIN.into()),
        (&i64::MIN.to_be_bytes(), Decoder::Int8, i64::MIN),
        (&u32::MAX.to_be_bytes(), Decoder::Oid, u32::MAX.into()),
    ] {
        assert!(read(bytes, decoder.clone()) == Ok(Value::Int(value)), "{decoder:?}");
        assert!(read(&bytes[1..], decoder) == Err(Trap::Malformed));
    }
}

#[test]
fn floats_may_be_nan_and_infinite() {
    let Ok(Value::Float(nan)) = read(&f64::NAN.to_be_bytes(), Decoder::Float8) else { panic!("NaN is a float") };
    assert!(nan.is_nan());
    assert!(read(&f32::NEG_INFINITY.to_be_bytes(), Decoder::Float4) == Ok(Value::Float(f64::NEG_INFINITY)));
    assert!(read(&0.1_f32.to_be_bytes(), Decoder::Float4) == Ok(Value::Float(f64::from(0.1_f32))));
}

#[test]
fn numerics_are_exact_or_refused() {
    for (weight, scale, groups, text) in [
        (0, 0, &[][..], "0"),
        (0, 2, &[], "0.00"),
        (0, 2, &[1, 5000], "1.50"),
        (1, 0, &[1], "10000"),
        (-1, 5, &[0, 1000][1..], "0.10000"),
        (-2, 5, &[1000], "0.00001"),
        (7, 0, &[7, 9228, 1625, 1426, 4337, 5935, 4395, 335], "79228162514264337593543950335"),
        // A scale of 30, of which the last zeros have no room.
        (0, 30, &[1, 5000], "1.5000000000000000000000000000"),
    ] {
        let Ok(Value::Decimal(decimal)) = read(&numeric_bytes(weight, 0, scale, groups), Decoder::Numeric) else {
            panic!("{text} is refused")
        };
        assert_eq!(decimal.to_string(), text);
    }
    let negative = read(&numeric_bytes(0, 0x4000, 1, &[1, 5000]), Decoder::Numeric);
    assert!(negative == Ok(Value::Decimal(Decimal::new(-15, 1))));
    for (sign, trap) in [(0xC000, Trap::NotFinite), (0xD000, Trap::NotFinite), (0xF000, Trap::NotFinite)] {
        assert!(read(&numeric_bytes(0, sign, 0, &[]), Decoder::Numeric) == Err(trap));
    }
    // 40 digits before the point, 40 behind it, and a one so far out that no 128 bits hold it.
    let digits = [1234; 10];
    assert!(read(&numeric_bytes(9, 0, 0, &digits), Decoder::Numeric) == Err(Trap::Precision));
    assert!(read(&numeric_bytes(-1, 0, 40, &digits), Decoder::Numeric) == Err(Trap::Precision));
    assert!(read(&numeric_bytes(30_000, 0, 0, &[1]), Decoder::Numeric) == Err(Trap::Precision));
    assert!(read(&numeric_bytes(-30_000, 0, 16_000, &[1]), Decoder::Numeric) == Err(Trap::Precision));
    assert!(read(&numeric_bytes(0, 0, 0, &[10_000]), Decoder::Numeric) == Err(Trap::Malformed));
    assert!(read(&numeric_bytes(0, 0, 0, &[1, 2])[..9], Decoder::Numeric) == Err(Trap::Malformed));
}

#[test]
fn dates_that_no_calendar_of_ours_has_are_refused_without_a_panic() {
    assert!(
        read(&0_i32.to_be_bytes(), Decoder::Date)
            == Ok(Value::Date(NaiveDate::from_ymd_opt(2000, 1, 1).expect("a date")))
    );
    for (days, trap) in [
        (i32::MAX, Trap::Infinite),
        (i32::MIN, Trap::Infinite),
        // 5874897-12-31, PostgreSQL's last day.
        (2_145_031_948, Trap::OutOfRange),
        (i32::MAX - 1, Trap::OutOfRange),
        (i32::MIN + 1, Trap::OutOfRange),
    ] {
        assert!(read(&days.to_be_bytes(), Decoder::Date) == Err(trap), "{days}");
    }
    for (micros, trap) in [
        (i64::MAX, Trap::Infinite),
        (i64::MIN, Trap::Infinite),
        // 294276-12-31 23:59:59.999999, PostgreSQL's last moment.
        (9_223_371_331_199_999_999, Trap::OutOfRange),
        (i64::MAX - 1, Trap::OutOfRange),
        (i64::MIN + 1, Trap::OutOfRange),
    ] {
        assert!(read(&micros.to_be_bytes(), Decoder::TimestampTz) == Err(trap), "{micros}");
        assert!(read(&micros.to_be_bytes(), Decoder::Timestamp) == Err(trap), "{micros}");
    }
}

#[test]
fn the_end_of_a_day_is_no_time_of_day() {
    assert!(read(&86_399_999_999_i64.to_be_bytes(), Decoder::Time).is_ok());
    for micros in [86_400_000_000_i64, -1, i64::MAX] {
        assert!(read(&micros.to_be_bytes(), Decoder::Time) == Err(Trap::OutOfRange));
    }
}

#[test]
fn intervals_keep_their_three_parts() {
    let bytes =
        [(-5_i64).to_be_bytes().to_vec(), 3_i32.to_be_bytes().to_vec(), (-1_i32).to_be_bytes().to_vec()].concat();
    assert!(read(&bytes, Decoder::Interval) == Ok(Value::Interval(Interval { months: -1, days: 3, microseconds: -5 })));
    let forever = [i64::MAX.to_be_bytes().to_vec(), i32::MAX.to_be_bytes().to_vec(), i32::MAX.to_be_bytes().to_vec()];
    assert!(read(&forever.concat(), Decoder::Interval) == Err(Trap::Infinite));
}

#[test]
fn arrays_of_more_than_one_dimension_and_broken_ones_are_refused() {
    let header = |dimensions: i32, count: i32| {
        [dimensions, 0, 23, count, 1].iter().flat_map(|it| it.to_be_bytes()).collect::<Vec<u8>>()
    };
    let ints = || Decoder::Array(Box::new(Decoder::Int4));
    let one = [header(1, 2), vec![0, 0, 0, 4, 0, 0, 0, 9], vec![255; 4]].concat();
    assert!(read(&one, ints()) == Ok(Value::Array(vec![Value::Int(9), Value::Null])));
    assert!(read(&header(2, 1), ints()) == Err(Trap::Dimensions));
    // A count that the bytes do not bear out sets no memory aside.
    assert!(read(&header(1, i32::MAX), ints()) == Err(Trap::Malformed));
    assert!(read(&header(1, -1), ints()) == Err(Trap::Malformed));
    assert!(read(&[header(1, 1), vec![0, 0, 0, 9, 1]].concat(), ints()) == Err(Trap::Malformed));
}

#[test]
fn text_and_bytes_are_borrowed() {
    for (bytes, decoder) in [(&b"abc"[..], Decoder::Text), (b"\x01{}", Decoder::Jsonb), (b"[1]", Decoder::Json)] {
        assert!(matches!(decode(bytes, &decoder), Ok(Cell::Text(Cow::Borrowed(_)) | Cell::Json(Cow::Borrowed(_)))));
    }
    assert!(matches!(decode(&[0, 255], &Decoder::Bytes), Ok(Cell::Bytes(Cow::Borrowed(&[0, 255])))));
    assert!(read(&[255], Decoder::Text) == Err(Trap::NotUtf8));
    assert!(read(b"\x02{}", Decoder::Jsonb) == Err(Trap::Malformed));
    assert!(read(&[2], Decoder::Bool) == Err(Trap::Malformed));
}

#[test]
fn types_that_would_lose_something_are_not_read() {
    for name in ["MONEY", "TIMETZ", "INET", "BIT", "xml", "tsvector", "int4", "text"] {
        assert_eq!(by_name(name), None, "{name}");
    }
    assert_eq!(by_name("extensions.citext"), Some(Decoder::Text));
}
