use std::sync::Arc;

use proptest::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::*;
use crate::error::ErrorKind;
use crate::expr::{
    Expr, all, all_of, any_of, avg, case, coalesce, col, count, lit, not, outer, row_number, sum, window,
};
use crate::query::{Frame, exists, on, recursive, scalar, table};
use crate::schema::Schema;
use crate::statement::HandleKind;
use crate::types::SqlType;

crate::table! { items { id: i64, price: Decimal, name: String, code: Option<String>, ratio: f64, count: i32 } }
crate::table! { notes { id: i64, item_id: i64, text: String } }

const DIALECTS: [Dialect; 4] = [Dialect::Postgres, Dialect::MySql, Dialect::MariaDb, Dialect::Sqlite];

fn items() -> Frame {
    table(items::table)
}

fn anew(frame: &Frame, dialect: Dialect) -> Result<CompiledQuery> {
    let target = Target { live: true, ..Target::without_server(dialect) };
    compile_plan(&Plan::Frame(frame), &Schema::default(), &Policy::default(), HandleKind::ReadOnly, target)
}

fn through(shapes: &Shapes, frame: &Frame, dialect: Dialect) -> Result<CompiledQuery> {
    let target = Target { live: true, ..Target::without_server(dialect) };
    shapes.compile(&Plan::Frame(frame), HandleKind::ReadOnly, target, || anew(frame, dialect))
}

/// The statements of two frames of one cache; whether the second took the first one's text.
fn both(first: &Frame, second: &Frame, dialect: Dialect) -> (Result<CompiledQuery>, Result<CompiledQuery>, bool) {
    let shapes = Shapes::new(64);
    let first = through(&shapes, first, dialect);
    let second = through(&shapes, second, dialect);
    (first, second, shapes.counts().hits == 1)
}

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A chain that holds a value.
type Chain = fn(i64) -> Frame;

/// Chains with values of two statements of one shape.
fn same_shapes() -> Vec<(&'static str, Chain)> {
    let chain = |name, make: Chain| (name, make);
    vec![
        chain("a comparison", |v| items().where_(col("id").eq(v)).select(["id", "name"])),
        chain("a decimal beside a float", |v| items().where_(items::price.gt(v as f64 / 8.0)).select("id")),
        chain("text beside a uuid", |v| items().where_(col("name").eq(Uuid::from_u128(v as u128))).select("id")),
        chain("texts", |v| items().where_(items::name.eq(format!("n{v}")).or(items::name.ne("x"))).select("id")),
        chain("patterns", |v| {
            let text = format!("50%_\\{v}");
            let all = [items::name.contains(&text), items::name.starts_with(&text), items::name.ends_with(&text)];
            items().where_(all_of(all)).where_(items::name.like(&format!("{v}%"))).select("id")
        }),
        chain("a short list", |v| items().where_(items::id.in_([v, v + 1, v + 2])).select("id")),
        chain("a short list of decimals", |v| items().where_(items::price.in_([v, 7])).select("id")),
        chain("a long list", |v| items().where_(items::id.in_(0..200 + v)).select("id")),
        chain("a long list of texts", |v| {
            let texts = (0..150 + v).map(|n| "x".repeat(250 + n as usize % 10));
            items().where_(items::name.not_in(texts)).select("id")
        }),
        chain("limit and offset", |v| items().order_by("id").offset(v as u64).limit(2 * v as u64).select("id")),
        chain("two limits", |v| items().order_by("id").limit(v as u64).limit(100).select("id")),
        chain("a limited subselect", |v| {
            items().order_by("id").limit(9 * v as u64).where_(items::id.gt(v)).select("id")
        }),
        chain("arithmetic", |v| {
            let computed = (items::id + v) * (items::ratio - v as f64) / (v + 1);
            items().select(("id", computed.as_("x"), col("id").int_div(v).as_("y"), (-col("id")).as_("z")))
        }),
        chain("between and case", |v| {
            let level = case().when(items::id.between(v, v * 2), "low").otherwise("high");
            items().with_column("level", level).where_(col("level").eq("low")).select(["id", "level"])
        }),
        chain("coalesce and cast", |v| {
            let text = coalesce([col("code"), lit(format!("none {v}"))]);
            items().select((text.as_("c"), items::ratio.cast(SqlType::decimal(10, 2)).as_("d")))
        }),
        chain("groups", |v| {
            let sums = (sum(items::price + v).as_("s"), avg(items::ratio).as_("a"), count(all()).as_("n"));
            items().group_by("name").agg(sums).where_(col("n").gt(v)).order_by(col("s").desc()).limit(3 + v as u64)
        }),
        chain("a join", |v| {
            let notes = table(notes::table).where_(notes::text.ne(format!("t{v}")));
            items().left_join(notes, on(items::id.eq(notes::item_id))).where_(items::id.lt(v)).select("name")
        }),
        chain("a full join", |v| {
            let notes = table(notes::table).where_(notes::item_id.ne(v));
            items().where_(items::count.lt(v)).full_join(notes, on(items::id.eq(notes::item_id))).select("name")
        }),
        chain("a part that stands twice", |v| {
            let some = items().where_(items::id.gt(v)).select("id");
            let other = some.clone().rename("id", "other").as_("o");
            some.as_("s").join(other, on(col("id").of("s").eq(col("other").of("o"))))
        }),
        chain("a value that stands twice", |v| {
            let value = lit(v);
            items().where_(items::id.gt(value.clone())).where_(items::count.lt(value)).select("id")
        }),
        chain("subqueries", |v| {
            let notes =
                table(notes::table).where_(all_of([notes::item_id.eq(outer("id")), notes::text.ne(v.to_string())]));
            let top = items().where_(items::id.lt(v)).agg(avg(items::ratio).as_("m"));
            items().where_(exists(notes)).where_(items::ratio.gt(scalar(top))).select("id")
        }),
        chain("a relation in WITH that is used twice", |v| {
            let some = items().where_(items::id.gt(v)).cte("some");
            let other = some.clone().rename("name", "other").select(["id", "other"]).as_("o");
            let both = on(col("id").of("some").eq(col("id").of("o")));
            some.join(other, both).where_(col("other").ne(format!("{v}"))).select("name")
        }),
        chain("a recursion", |v| {
            recursive("below", items().where_(items::id.eq(v)).select(["id", "name"])).max_depth(5).step(|below| {
                let next = items().where_(items::count.gt(1)).join(below, on(items::count.eq(col("id").of("below"))));
                next.select((items::id, items::name))
            })
        }),
        chain("a recursion without rings", |v| {
            let start = items().where_(items::id.eq(v)).select(["id", "name"]);
            recursive("below", start).max_depth(5).cycle("name").step(|below| {
                let next = items().where_(items::count.gt(1)).join(below, on(items::count.eq(col("id").of("below"))));
                next.select((items::id, items::name))
            })
        }),
        chain("a union", |v| {
            let other = table(notes::table).where_(notes::id.gt(v)).select("id");
            items().where_(items::id.lt(v)).select("id").union_all(other).order_by("id").limit(4 + v as u64)
        }),
        chain("a window", |v| {
            let by = window().partition_by("name").order_by("id");
            items().with_column("n", row_number().over(&by)).where_(col("n").le(v)).select(["id", "n"])
        }),
    ]
}

#[test]
fn a_statement_of_a_kept_shape_is_the_same_as_one_compiled_anew() {
    for (name, chain) in same_shapes() {
        for dialect in DIALECTS {
            let Ok(expected) = anew(&chain(5), dialect) else {
                // What a database lacks is refused before and after.
                let (first, second, _) = both(&chain(3), &chain(5), dialect);
                assert_eq!(first.err().map(|error| error.code()), second.err().map(|error| error.code()), "{name}");
                continue;
            };
            let (_, second, hit) = both(&chain(3), &chain(5), dialect);
            assert!(hit, "{name} on {dialect} was compiled anew");
            assert!(second.unwrap().is_same(&expected), "{name} on {dialect}");
            // Also the other way round: no value of the first one is left.
            let (_, third, _) = both(&chain(5), &chain(3), dialect);
            assert!(third.unwrap().is_same(&anew(&chain(3), dialect).unwrap()), "{name} on {dialect}");
        }
    }
}

/// Pairs that differ in a value alone, and in what is made of it: a text, a type or a mistake. Were what tells them apart no part
/// of the key, the second would get the first one's text.
fn different_shapes() -> Vec<(&'static str, Frame, Frame)> {
    let id = || col("id");
    let filtered = |condition: Expr| items().where_(condition).select("id");
    let list = |length: i64| filtered(items::id.in_(0..length));
    let noted = || items().where_(items::id.gt(1)).select("id").cte("noted");
    let one = noted();
    let joined = |left: Frame, right: Frame| {
        left.join(right.rename("id", "other").as_("o"), on(col("id").of("noted").eq(col("other").of("o"))))
    };
    vec![
        ("a zero divisor", items().select((id() / 2).as_("x")), items().select((id() / 0).as_("x"))),
        ("a zero in whole division", items().select((id() % 2).as_("x")), items().select((id() % 0).as_("x"))),
        ("a decimal zero", items().select((id() / dec("2")).as_("x")), items().select((id() / dec("0.00")).as_("x"))),
        ("a lone escape", filtered(items::name.like("a%")), filtered(items::name.like("a\\"))),
        ("a pattern with U+0000", filtered(items::name.contains("a")), filtered(items::name.contains("a\0"))),
        ("no list", list(3), list(0)),
        ("a list of another length", list(3), list(4)),
        ("a list beyond what is written out", list(100), list(101)),
        ("a list with NULL", order_by_list(Some(2)), order_by_list(None)),
        ("too many rows", items().limit(5).select("id"), items().limit(u64::MAX).select("id")),
        ("no offset", items().offset(5).select("id"), items().offset(0).select("id")),
        ("one row", scalar_of(1), scalar_of(2)),
        ("NULL", items().select(value_of(Some(2))), items().select(value_of(None))),
        ("another type", filtered(id().eq(1)), filtered(id().eq(1.5))),
        ("digits after the point, and before it", rounded(1), rounded(-1)),
        ("a path's keys", without_rings("id"), without_rings("name")),
        ("one relation, and two of one name", joined(one.clone(), one), joined(noted(), noted())),
    ]
}

fn rounded(digits: i8) -> Frame {
    items().select(items::id.round(digits).as_("x"))
}

fn without_rings(key: &str) -> Frame {
    recursive("r", items().select(["id", "name"])).cycle(key).step(|it| it)
}

fn value_of(value: Option<i64>) -> Expr {
    coalesce([col("code"), Expr::make(crate::expr::Kind::Null)]).eq("x").and(null_or(value).eq(col("id"))).as_("x")
}

fn null_or(value: Option<i64>) -> Expr {
    use crate::value::ToValue;
    Expr::make(crate::expr::Kind::Literal(crate::value::Bind { value: value.to_value(), sql_type: SqlType::Int64 }))
}

fn order_by_list(other: Option<i64>) -> Frame {
    items().order_by(col("count").in_([Some(1), other]).desc()).select("id")
}

fn scalar_of(rows: u64) -> Frame {
    items().select(scalar(table(notes::table).order_by("id").limit(rows).select("id")).as_("x"))
}

#[test]
fn what_a_text_or_a_check_depends_on_belongs_to_the_shape() {
    for (name, first, second) in different_shapes() {
        let mut differs = false;
        for dialect in DIALECTS {
            for (one, other) in [(&first, &second), (&second, &first)] {
                let (_, after, _) = both(one, other, dialect);
                match (after, anew(other, dialect)) {
                    (Ok(after), Ok(anew)) => assert!(after.is_same(&anew), "{name} on {dialect}"),
                    (after, anew) => {
                        assert_eq!(after.err().map(|error| error.code()), anew.err().map(|error| error.code()));
                    }
                }
            }
            differs |= match (anew(&first, dialect), anew(&second, dialect)) {
                (Ok(one), Ok(other)) => one.sql() != other.sql() || one.bind_types() != other.bind_types(),
                (one, other) => one.is_ok() != other.is_ok(),
            };
        }
        // NULL, and a list's, decide about the order of rows only where the databases differ in it.
        assert!(differs || name == "NULL", "{name} need not be told apart");
    }
}

#[test]
fn a_mistake_is_never_kept_and_never_hidden() {
    let shapes = Shapes::new(64);
    let good = items().where_(items::id.gt(1)).select("id");
    through(&shapes, &good, Dialect::Postgres).unwrap();
    for _ in 0..2 {
        let bad = items().where_(col("idd").gt(1)).select("id");
        assert_eq!(through(&shapes, &bad, Dialect::Postgres).err().unwrap().kind(), ErrorKind::Schema);
        let bad = items().select((col("id") / 0).as_("x"));
        assert_eq!(through(&shapes, &bad, Dialect::Postgres).err().unwrap().code(), "expr.zero");
        let bad = items().where_(items::name.like("\\")).select("id");
        assert_eq!(through(&shapes, &bad, Dialect::Postgres).err().unwrap().code(), "like.escape");
    }
    assert_eq!(shapes.counts().kept, 1);
}

#[test]
fn a_read_only_handle_refuses_a_write_that_another_has_kept() {
    let write = crate::query::Delete::new("items", crate::query::Origin(Arc::new(()))).where_(col("id").eq(3)).write;
    let target = Target::without_server(Dialect::Postgres);
    let compile = |shapes: &Shapes, kind| {
        let plan = Plan::Write(&write);
        let anew = || compile_plan(&plan, &Schema::default(), &Policy::default(), kind, target);
        shapes.compile(&plan, kind, target, anew)
    };
    let (reader, writer) = (Shapes::new(8), Shapes::new(8));
    for _ in 0..2 {
        assert!(compile(&writer, HandleKind::ReadWrite).is_ok());
        let refused = compile(&reader, HandleKind::ReadOnly).err().unwrap();
        assert_eq!(refused.code(), "policy.read_only");
    }
    assert_eq!((writer.counts().hits, reader.counts().hits, reader.counts().kept), (1, 0, 0));
    // A transaction of the writer's that only reads is refused by the same cache.
    assert_eq!(compile(&writer, HandleKind::ReadOnly).err().unwrap().code(), "policy.read_only");
}

#[test]
fn max_affected_is_that_of_the_statement_at_hand() {
    let shapes = Shapes::new(8);
    for most in [Some(1), None, Some(7)] {
        let update = crate::query::Update::new("items", crate::query::Origin(Arc::new(()))).set("count", 3);
        let update = update.where_(col("id").eq(3));
        let write = most.map_or(update.clone(), |most| update.max_affected(most)).write;
        let plan = Plan::Write(&write);
        let target = Target::without_server(Dialect::Sqlite);
        let anew = || compile_plan(&plan, &Schema::default(), &Policy::default(), HandleKind::ReadWrite, target);
        assert_eq!(shapes.compile(&plan, HandleKind::ReadWrite, target, anew).unwrap().max_affected(), most);
    }
    assert_eq!(shapes.counts().hits, 2);
}

#[test]
fn ten_thousand_shapes_keep_the_bounds() {
    let shapes = Shapes::new(100);
    let frame = |number: usize| items().where_(items::id.gt(1)).select((col("id")).as_(&format!("column_{number}")));
    for number in 0..10_000 {
        through(&shapes, &frame(number), Dialect::Postgres).unwrap();
    }
    let counts = shapes.counts();
    assert_eq!((counts.hits, counts.misses), (0, 10_000));
    assert!((60..=100).contains(&counts.kept), "{counts:?}");
    let bytes: usize = shapes.places.iter().map(|place| read(place).bytes).sum();
    let counted: usize =
        shapes.places.iter().flat_map(|place| read(place).kept.iter().map(|kept| kept.bytes).collect::<Vec<_>>()).sum();
    assert_eq!(bytes, counted);
    // What was looked up since stays longer than what was not.
    through(&shapes, &frame(9_999), Dialect::Postgres).unwrap();
    assert_eq!(shapes.counts().hits, 1);
}

#[test]
fn large_shapes_share_the_bytes_of_their_place() {
    let shapes = Shapes::new(8);
    let frame = |number: i64, wide: usize| {
        let columns: Vec<Expr> =
            (0..wide).map(|column| (col("id") + 1).as_(&format!("a_long_name_{number}_{column}"))).collect();
        items().select(columns)
    };
    for number in 0..8 {
        through(&shapes, &frame(number, 150), Dialect::Postgres).unwrap();
        let bytes = read(&shapes.places[0]).bytes;
        assert!(bytes <= MAX_PLACE, "{bytes}");
    }
    let kept = shapes.counts().kept;
    assert!((1..8).contains(&kept), "{kept}");
}

#[test]
fn none_are_kept_where_none_are_wanted() {
    let shapes = Shapes::new(0);
    for _ in 0..3 {
        through(&shapes, &items().select("id"), Dialect::Sqlite).unwrap();
    }
    assert_eq!(shapes.counts(), ShapeCounts::default());
}

#[test]
fn what_was_compiled_with_other_tables_does_not_serve() {
    let shapes = Shapes::new(8);
    let frame = items().select("id");
    through(&shapes, &frame, Dialect::Sqlite).unwrap();
    shapes.tables_changed();
    assert_eq!(shapes.counts().kept, 0);
    through(&shapes, &frame, Dialect::Sqlite).unwrap();
    assert_eq!((shapes.counts().hits, shapes.counts().misses), (0, 2));
    // Compiled before the tables changed and kept after: not found either.
    let (walked, tables) = (Walk::new(Vec::new(), 0), shapes.tables.load(Ordering::SeqCst));
    assert!(shapes.find(walked.key(), hash(shapes.seed, walked.key()), tables, |_| ()).is_none());
}

#[test]
fn threads_share_the_shapes() {
    let shapes = Shapes::new(32);
    let cases = same_shapes();
    std::thread::scope(|scope| {
        for thread in 1..=8 {
            let (shapes, cases) = (&shapes, &cases);
            scope.spawn(move || {
                for round in 0..6 {
                    for (name, chain) in cases {
                        let frame = chain(2 + (thread * 7 + round) % 11);
                        let (got, expected) =
                            (through(shapes, &frame, Dialect::Postgres), anew(&frame, Dialect::Postgres));
                        assert!(got.unwrap().is_same(&expected.unwrap()), "{name}");
                    }
                }
            });
        }
    });
    let counts = shapes.counts();
    assert!(counts.hits > counts.misses, "{counts:?}");
    assert_eq!(counts.hits + counts.misses, 8 * 6 * cases.len() as u64);
}

#[test]
fn a_part_of_another_handle_is_refused_although_the_shape_is_kept() {
    let (own, foreign) = (crate::query::Origin(Arc::new(1)), crate::query::Origin(Arc::new(2)));
    let frame = |inner: &crate::query::Origin| {
        let mut notes = table(notes::table);
        notes.origin = Some(inner.clone());
        let mut items = items().where_(exists(notes)).select("id");
        items.origin = Some(own.clone());
        items
    };
    let (_, refused, hit) = both(&frame(&own), &frame(&foreign), Dialect::Postgres);
    assert_eq!((refused.err().unwrap().code(), hit), ("join.two_databases", false));
    let (_, good, hit) = both(&frame(&own), &frame(&own), Dialect::Postgres);
    assert!(good.is_ok() && hit);
}

#[test]
fn an_expression_made_of_itself_many_times_is_not_walked_to_its_end() {
    let shapes = Shapes::new(8);
    let mut doubled = col("id");
    for _ in 0..60 {
        doubled = doubled.clone() + doubled;
    }
    let error = through(&shapes, &items().select(doubled.as_("x")), Dialect::Sqlite).err().unwrap();
    assert_eq!((error.code(), shapes.counts().unshaped), ("limit.nodes", 1));
}

/// Numbers from a seed, the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % sides
    }
}

/// A random condition: its structure from one seed, its values from another.
fn condition(shape: &mut Dice, values: &mut Dice, depth: u64) -> Expr {
    if depth == 0 {
        let column = || ["id", "count"];
        let name = column()[shape.roll(2) as usize];
        let value = values.roll(7) as i64 - 3;
        return match shape.roll(7) {
            0 => col(name).eq(value),
            1 => col("price").gt(value as f64 / 4.0),
            2 => col("name").contains(format!("{value}%\\")),
            3 => col(name).in_((0..values.roll(4)).map(|n| n as i64)),
            4 => col(name).between(value, value + 3),
            5 => (col(name) / value).lt(2.5),
            _ => null_or((values.roll(4) > 0).then_some(value)).ne(col(name)),
        };
    }
    let mut part = |shape: &mut Dice| condition(shape, values, depth - 1);
    match shape.roll(4) {
        0 => not(part(shape)),
        1 => all_of((0..shape.roll(4)).map(|_| part(shape)).collect::<Vec<_>>()),
        2 => any_of((0..shape.roll(4)).map(|_| part(shape)).collect::<Vec<_>>()),
        _ => {
            let again = part(shape);
            again.clone().or(again)
        }
    }
}

fn chain(shape: u64, values: u64) -> Frame {
    let (mut shape, mut values) = (Dice(shape), Dice(values));
    let mut frame = items().select(["id", "price", "name", "count"]);
    for _ in 0..1 + shape.roll(4) {
        frame = match shape.roll(6) {
            0 => frame.order_by(("id", col("name").desc())).limit(values.roll(4)),
            1 => frame.offset(values.roll(3)),
            2 => frame.distinct(),
            3 => frame.with_column("count", col("count") + (values.roll(9) as i64)),
            _ => frame.where_(condition(&mut shape, &mut values, 2)),
        };
    }
    frame
}

fn key_of(frame: &Frame) -> Option<Vec<u8>> {
    let mut walk = Walk::new(Vec::new(), MAX_LISTED);
    walk_plan(&Plan::Frame(frame), HandleKind::ReadOnly, &mut walk).ok()?;
    Some(walk.key().to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn two_plans_with_one_key_have_one_text_and_one_list_of_types(
        one in 0u64..60, other in 0u64..60, values in any::<u64>(), other_values in any::<u64>()
    ) {
        // Half of the pairs are of one structure.
        let other = if values % 2 == 0 { one } else { other };
        let (one, other) = (chain(one, values), chain(other, other_values));
        if let (Some(key), Some(other_key)) = (key_of(&one), key_of(&other)) {
            for dialect in DIALECTS {
                if let (true, Ok(one), Ok(other)) = (key == other_key, anew(&one, dialect), anew(&other, dialect)) {
                    prop_assert_eq!(one.sql(), other.sql());
                    prop_assert_eq!(one.bind_types(), other.bind_types());
                }
                // No key is the beginning of another, so what follows a part can't be taken for it.
                prop_assert!(key == other_key || !other_key.starts_with(&key));
            }
        }
    }

    #[test]
    fn random_chains_with_other_values_are_what_they_are_when_compiled_anew(
        shape in any::<u64>(), values in proptest::array::uniform4(any::<u64>())
    ) {
        for dialect in DIALECTS {
            let shapes = Shapes::new(16);
            for values in values {
                let frame = chain(shape, values);
                match (through(&shapes, &frame, dialect), anew(&frame, dialect)) {
                    (Ok(got), Ok(expected)) => prop_assert!(got.is_same(&expected)),
                    (got, expected) => prop_assert_eq!(
                        got.err().map(|error| error.to_string()), expected.err().map(|error| error.to_string())
                    ),
                }
            }
        }
    }
}
