//! Functions of JSON. The references look into the documents with serde_json.

use portcullis::{Dialect, Expr, IntoJsonPath, JsonStep, Value, col, lit};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

use super::inputs::Input;
use super::{Cell, Entry, function, same_json};

fn find<'j>(mut json: &'j Json, path: &[JsonStep]) -> Option<&'j Json> {
    for step in path {
        json = match (step, json) {
            (JsonStep::Key(name), Json::Object(members)) => members.get(name)?,
            (JsonStep::Index(place), Json::Array(list)) => list.get(*place as usize)?,
            _ => return None,
        };
    }
    Some(json)
}

fn find_mut<'j>(mut json: &'j mut Json, path: &[JsonStep]) -> Option<&'j mut Json> {
    for step in path {
        json = match (step, json) {
            (JsonStep::Key(name), Json::Object(members)) => members.get_mut(name)?,
            (JsonStep::Index(place), Json::Array(list)) => list.get_mut(*place as usize)?,
            _ => return None,
        };
    }
    Some(json)
}

/// A reference over the document of a row.
fn of_j<T>(read: impl Fn(&Json) -> Option<T>) -> impl Fn(&Input) -> Option<T> {
    move |row| row.j.as_ref().and_then(&read)
}

fn whole(json: &Json) -> Option<i64> {
    let Json::Number(number) = json else { return None };
    let number = number.to_string();
    let exact = number.parse::<Decimal>().or_else(|_| Decimal::from_scientific(&number)).ok()?;
    exact.is_integer().then(|| i64::try_from(exact.mantissa() / 10_i128.pow(exact.scale())).ok())?
}

fn double(json: &Json) -> Option<f64> {
    let Json::Number(number) = json else { return None };
    number.to_string().parse::<f64>().ok().filter(|number| number.is_finite())
}

fn paths() -> Vec<Vec<JsonStep>> {
    let key = |name: &str| vec![JsonStep::from(name)];
    let mut paths: Vec<Vec<JsonStep>> = [
        "a", "a.b", "a\"b", "a\\b", "$", "", "é", "0", "*", "[0]", "a b", "😀", "'", "$.a", "A", "#-1", "?", "{0}",
        "%", "a''b", "last", "none", "s", "n", "f", "t", "z", "o", "big", "neg", "dec", "exp", "whole", "tiny",
    ]
    .into_iter()
    .map(key)
    .collect();
    paths.extend([
        vec![],
        vec![0_u32.into()],
        vec![1_u32.into()],
        vec![5_u32.into(), 0_u32.into()],
        vec![6_u32.into(), "a".into()],
        vec![6_u32.into(), 0_u32.into()],
        vec!["a".into(), 0_u32.into()],
        vec!["a".into(), 2_u32.into(), "b".into()],
        vec!["a".into(), "b".into()],
        vec!["a".into(), "b".into(), "c".into(), 1_u32.into(), 1_u32.into(), 0_u32.into()],
        vec!["n".into(), 0_u32.into()],
        vec!["z".into(), "z".into()],
        vec!["o".into(), "none".into()],
        vec![99_u32.into()],
    ]);
    paths
}

fn changed(path: &[JsonStep], value: Option<Json>) -> impl Fn(&Input) -> Option<Json> + use<> {
    let path = path.to_vec();
    move |row| {
        let mut json = row.j.clone()?;
        let (last, parent) = path.split_last().unwrap();
        match (last, find_mut(&mut json, parent), value.clone()) {
            (JsonStep::Key(name), Some(Json::Object(members)), Some(value)) => {
                drop(members.insert(name.clone(), value))
            }
            (JsonStep::Key(name), Some(Json::Object(members)), None) => drop(members.remove(name)),
            (JsonStep::Index(place), Some(Json::Array(list)), value) if (*place as usize) < list.len() => match value {
                Some(value) => list[*place as usize] = value,
                None => drop(list.remove(*place as usize)),
            },
            _ => {}
        }
        Some(json)
    }
}

/// The first path is the one that the page shows.
fn along(mut entry: Entry, expr: impl Fn(Vec<JsonStep>) -> Expr, read: fn(&Json) -> Cell) -> Entry {
    for path in [vec![JsonStep::from("a"), 0_u32.into()]].into_iter().chain(paths()) {
        let reference = {
            let path = path.clone();
            move |row: &Input| row.j.as_ref().and_then(|json| find(json, &path)).map_or(Cell(Value::Null), read)
        };
        entry = entry.over(expr(path), move |row| reference(row).0);
    }
    entry
}

fn contains(whole: &Json, part: &Json) -> bool {
    same_json(whole, part) || whole.as_array().is_some_and(|list| list.iter().any(|one| same_json(one, part)))
}

pub fn entries() -> Vec<Entry> {
    let mut contained = function(
        "json_contains",
        "col(\"j\").json_contains(1)",
        "boolean",
        "Whether an array has the value, or the document is it. JSON in JSON is refused on MySQL. NULL on either side gives NULL.",
    );
    let values: [(Expr, Json); 9] = [
        (lit(1), json!(1)),
        (lit(2.5), json!(2.5)),
        (lit("x"), json!("x")),
        (lit("a string"), json!("a string")),
        (lit(true), json!(true)),
        (lit(42.0), json!(42)),
        (lit("42"), json!("42")),
        (lit(Decimal::new(100, 2)), json!(1)),
        (lit("X"), json!("X")),
    ];
    for (expr, value) in values {
        contained = contained.over(col("j").json_contains(expr), of_j(move |json| Some(contains(json, &value))));
    }
    contained = contained
        .over(col("j").json_contains(col("t")), |row| Some(contains(row.j.as_ref()?, &json!(row.t?))))
        .over(col("list").json_contains(col("m")), |row| Some(contains(row.list.as_ref()?, &json!(row.m?))))
        .over(col("words").json_contains(col("u")), |row| Some(contains(row.words.as_ref()?, &json!(row.u?))));
    let mut set = function(
        "json_set",
        "col(\"j\").json_set((\"a\", 0), \"new\")",
        "json",
        "A new member, or another value of a member or element that is there; the document as it is where the object or array is not. NULL sets JSON's null.",
    )
    .over(col("j").json_set(("a", 0), "new"), changed(&["a".into(), 0_u32.into()], Some(json!("new"))));
    let mut remove = function(
        "json_remove",
        "col(\"j\").json_remove((\"a\", 0))",
        "json",
        "The document as it is where there is nothing at the path. NULL stays NULL.",
    )
    .over(col("j").json_remove(("a", 0)), changed(&["a".into(), 0_u32.into()], None));
    for path in paths().into_iter().filter(|path| !path.is_empty()) {
        set = set.over(col("j").json_set(path.clone(), "é\"\\'\n😀"), changed(&path, Some(json!("é\"\\'\n😀"))));
        remove = remove.over(col("j").json_remove(path.clone()), changed(&path, None));
    }
    for (value, json) in [
        (lit(1_i64 << 60), json!(1_i64 << 60)),
        (lit(0.1 + 0.2), json!(0.1 + 0.2)),
        (lit(true), json!(true)),
        (lit(json!({"k": [1, null, {"é": "x"}]})), json!({"k": [1, null, {"é": "x"}]})),
        (lit(Json::Null), Json::Null),
        (lit(Decimal::new(125, 2)), json!(1.25)),
        (lit("null"), json!("null")),
    ] {
        set = set.over(col("j").json_set("a", value), changed(&["a".into()], Some(json)));
    }
    set = set
        .over(col("j").json_set("t", col("t")), |row| {
            changed(&["t".into()], Some(row.t.map_or(Json::Null, Json::from)))(row)
        })
        .over(col("j").json_set("f", col("f")), |row| {
            changed(&["f".into()], Some(row.f.map_or(Json::Null, Json::from)))(row)
        })
        .over(col("j").json_set("n", col("n")), |row| {
            changed(&["n".into()], Some(row.n.map_or(Json::Null, Json::from)))(row)
        })
        .over(col("j").json_set("l", col("list")), |row| {
            changed(&["l".into()], Some(row.list.clone().unwrap_or(Json::Null)))(row)
        });
    vec![
        along(
            function(
                "json_get",
                "col(\"j\").json_get((\"a\", 0))",
                "json",
                "JSON's null is a value; NULL where there is none. A name is exact.",
            ),
            |path| col("j").json_get(path),
            |json| Cell(Value::Json(json.clone())),
        )
        .over(col("j").json_get("a").json_get("b"), of_j(|json| find(json, &["a".into(), "b".into()]).cloned()))
        .gives(col("j").json_get(("a", 2, "b")), json!("deep")),
        along(
            function("json_text", "col(\"j\").json_text((\"a\", 0))", "text", "NULL for what is no text."),
            |path| col("j").json_text(path),
            |json| Cell::from(json.as_str().map(str::to_owned)),
        ),
        along(
            function(
                "json_int",
                "col(\"j\").json_int((\"a\", 0))",
                "bigint",
                "NULL for what is no whole number, or no bigint.",
            ),
            |path| col("j").json_int(path),
            |json| Cell::from(whole(json)),
        ),
        along(
            function(
                "json_float",
                "col(\"j\").json_float((\"a\", 0))",
                "double",
                "The nearest double; NULL for what is no number, or beyond the doubles.",
            ),
            |path| col("j").json_float(path),
            |json| Cell::from(double(json)),
        ),
        along(
            function("json_bool", "col(\"j\").json_bool((\"a\", 0))", "boolean", "NULL for what is no boolean."),
            |path| col("j").json_bool(path),
            |json| Cell::from(json.as_bool()),
        ),
        function("json_length", "col(\"j\").json_length()", "bigint", "Of an array or object; NULL for anything else.")
            .over(
                col("j").json_length(),
                of_j(|json| match json {
                    Json::Array(list) => Some(list.len() as i64),
                    Json::Object(members) => Some(members.len() as i64),
                    _ => None,
                }),
            ),
        along(
            function(
                "json_type",
                "col(\"j\").json_type()",
                "text",
                "`object`, `array`, `string`, `number`, `boolean` or `null`; NULL stays NULL.",
            ),
            |path| if path.is_empty() { col("j").json_type() } else { col("j").json_get(path).json_type() },
            |json| {
                Cell::from(match json {
                    Json::Object(_) => "object",
                    Json::Array(_) => "array",
                    Json::String(_) => "string",
                    Json::Number(_) => "number",
                    Json::Bool(_) => "boolean",
                    Json::Null => "null",
                })
            },
        ),
        function(
            "json_keys",
            "col(\"j\").json_keys()",
            "json",
            "An array of names in the order of code points; NULL for what is no object.",
        )
        .over(
            col("j").json_keys(),
            of_j(|json| {
                let mut names: Vec<&String> = json.as_object()?.keys().collect();
                names.sort();
                Some(json!(names))
            }),
        ),
        contained,
        function(
            "json_contains, of JSON",
            "col(\"j\").json_contains(json!({\"a\": {}}))",
            "boolean",
            "As PostgreSQL's `@>`: members of objects and elements of arrays, in any order.",
        )
        .gives(col("j").json_contains(json!({"a": [2, {"b": "deep"}]})), true)
        .gives(col("j").json_contains(json!({"a": {}})), false)
        .gives(col("j").json_contains(json!({"n": 7.0, "z": null})), true)
        .gives(col("j").json_contains(json!([7])), false)
        .over(col("j").json_contains(col("j")), of_j(|_| Some(true)))
        .refused_on(&[Dialect::MariaDb, Dialect::MySql], "function.unsupported"),
        set,
        remove,
    ]
}

#[test]
fn a_path_is_a_name_a_place_or_a_list_of_these() {
    let steps = |path: Vec<JsonStep>| format!("{path:?}");
    fn text(path: impl IntoJsonPath) -> String {
        let frame = portcullis::table(super::inputs::inputs::table).select(col("j").json_get(path).as_("x"));
        frame.to_sql_for(Dialect::Sqlite).map_or_else(|error| error.to_string(), |query| query.sql().to_owned())
    }
    assert_eq!(steps(vec!["a".into(), 1_u32.into()]), "[Key(\"a\"), Index(1)]");
    let same = text(("a", 1, "b"));
    for other in [text(vec![JsonStep::from("a"), 1_u32.into(), "b".into()]), text((String::from("a"), [1_u32], "b"))] {
        assert_eq!(other, same);
    }
    assert!(text(-1).contains("counts from 0"), "{}", text(-1));
    assert!(text("a\0b").contains("control characters"));
    assert!(text(vec!["a"; 101]).contains("at most 100 steps"));
    let nothing = portcullis::table(super::inputs::inputs::table).select(col("j").json_set((), 1).as_("x"));
    assert!(nothing.to_sql_for(Dialect::Postgres).unwrap_err().to_string().contains("a path to a part"));
    let wrong = portcullis::table(super::inputs::inputs::table).select(col("t").json_get("a").as_("x"));
    assert!(wrong.to_sql_for(Dialect::Postgres).unwrap_err().to_string().contains("json"));
}

#[tokio::test]
async fn any_sign_may_stand_anywhere_in_a_name() {
    let signs: Vec<String> = (' '..='~').chain("é😀\u{a0}\u{2028}İ".chars()).map(String::from).collect();
    let mut names: Vec<String> = Vec::new();
    for sign in &signs {
        names.extend([sign.clone(), format!("{sign}1"), format!("a{sign}")]);
    }
    let special = ["\"", "\\", "-", "$", "*", "u", ".", "[", "#"];
    names.extend(special.iter().flat_map(|one| special.map(|other| format!("{one}{other}x"))));
    names.sort();
    names.dedup();
    crate::support::each(async |db| {
        super::inputs::fill(db).await;
        let handle = db.read_only().await;
        let minus = |name: &&String| name.starts_with('-') && db.dialect == Dialect::MariaDb;
        let asked: Vec<&String> = names.iter().filter(|name| !minus(name)).collect();
        for chunk in asked.chunks(50) {
            let columns: Vec<Expr> = chunk
                .iter()
                .enumerate()
                .map(|(place, name)| {
                    let document = lit(json!({name.as_str(): 7, "other": 8}));
                    let changed = document.clone().json_set(name.as_str(), 1).json_remove("other").json_set("new", 2);
                    let found = document.json_int(name.as_str()).eq(7) & changed.clone().json_int(name.as_str()).eq(1);
                    (found & changed.json_length().eq(2)).as_(&format!("c{place}"))
                })
                .collect();
            let rows = handle.table(super::inputs::inputs::table).limit(1).select(columns).collect().await.unwrap();
            for (name, value) in chunk.iter().zip(rows.first().unwrap().values()) {
                assert!(*value == Value::Bool(true), "{}: {name:?}", db.dialect);
            }
        }
        let refused = names.iter().find(minus).map(|name| {
            let frame =
                portcullis::table(super::inputs::inputs::table).select(col("j").json_get(name.as_str()).as_("x"));
            frame.to_sql_for(db.dialect).unwrap_err().code()
        });
        assert!(refused.is_none_or(|code| code == "function.unsupported"));
    })
    .await;
}

#[tokio::test]
async fn documents_are_filtered_grouped_sorted_and_changed_in_place() {
    use super::inputs::inputs as t;
    crate::support::each(async |db| {
        super::inputs::fill(db).await;
        let handle = db.read_write().await;
        let table = || handle.table(t::table);
        if db.dialect != Dialect::MySql {
            let ids = table().where_(t::words.array_contains("a")).order_by("id").select("id");
            crate::support::check(&handle, ids, &["1"]).await;
        }
        let kinds = table()
            .with_column("kind", t::j.json_type())
            .group_by("kind")
            .agg(portcullis::count(portcullis::all()).as_("rows"))
            .order_by("kind");
        let wanted = ["array|2", "boolean|1", "null|1", "number|1", "object|5", "string|1", "null|1"];
        crate::support::check(&handle, kinds, &wanted).await;
        let longest =
            table().order_by((t::list.array_length().desc().nulls_last(), col("id").asc())).select("id").limit(2);
        crate::support::check(&handle, longest, &["11", "1"]).await;
        let total = table().agg(portcullis::sum(t::list.array_length()).as_("total"));
        crate::support::check(&handle, total, &["25"]).await;
        let one = || portcullis::col("id").eq(1);
        let update = handle.update(t::table).set("j", t::j.json_set(("a", 0), 5).json_remove("s")).where_(one());
        assert_eq!(update.execute().await.unwrap(), 1);
        let changed = table().where_(one()).select((
            t::j.json_int(("a", 0)).as_("a"),
            t::j.json_get("s").is_null().as_("s"),
            t::j.json_bool("t").as_("t"),
        ));
        crate::support::check(&handle, changed, &["5|true|true"]).await;
    })
    .await;
}
