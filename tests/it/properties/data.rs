//! The values, the tables and the dice that the random cases share.

use std::cmp::Ordering;

use portcullis::Value;

use crate::support::TestDatabase;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ty {
    Int,
    Float,
    Text,
    Bool,
}

/// A value in memory.
#[derive(Debug, Clone, PartialEq)]
pub enum V {
    Null,
    Int(i64),
    Float(f64),
    Text(String),
    Bool(bool),
}

impl V {
    /// A value of the database as one of type `ty`; nothing is converted but a whole number that stands for a float.
    pub fn read(value: &Value, ty: Ty) -> V {
        match (value, ty) {
            (Value::Null, _) => V::Null,
            (Value::Int(it), Ty::Int) => V::Int(*it),
            (Value::Float(it), Ty::Float) => V::Float(*it),
            (Value::Text(it), Ty::Text) => V::Text(it.clone()),
            (Value::Bool(it), Ty::Bool) => V::Bool(*it),
            (other, ty) => panic!("a {other:?} where a {ty:?} was expected"),
        }
    }

    pub fn number(&self) -> Option<f64> {
        match self {
            V::Int(it) => Some(*it as f64),
            V::Float(it) => Some(*it),
            _ => None,
        }
    }
}

/// Two values that are not NULL.
pub fn compare(one: &V, other: &V) -> Ordering {
    match (one, other) {
        (V::Int(one), V::Int(other)) => one.cmp(other),
        (V::Text(one), V::Text(other)) => one.cmp(other),
        (V::Bool(one), V::Bool(other)) => one.cmp(other),
        _ => one.number().unwrap().partial_cmp(&other.number().unwrap()).unwrap(),
    }
}

/// A table, a row or a relation in memory: its columns, and rows of as many values.
#[derive(Debug, Clone)]
pub struct Relation {
    pub columns: Vec<(String, Ty)>,
    pub rows: Vec<Vec<V>>,
}

impl Relation {
    pub fn position(&self, name: &str) -> usize {
        self.columns.iter().position(|(known, _)| known == name).expect(name)
    }
}

const TEXTS: [&str; 14] = ["", "a", "A", "b", "ab", "aB", "a ", " a", "é", "e", "a%b", "a_b", "a\\b", "it's"];

fn columns(list: &[(&str, Ty)]) -> Vec<(String, Ty)> {
    list.iter().map(|(name, ty)| ((*name).to_owned(), *ty)).collect()
}

/// The table that most cases start from.
pub fn facts() -> Relation {
    let mut dice = Dice::new(4242);
    let rows = (1..=26)
        .map(|id| {
            let mut maybe = |value: V| if dice.one_in(5) { V::Null } else { value };
            let a = maybe(V::Int(id % 5 - 2));
            let b = maybe(V::Int((id * 7) % 41 - 20));
            let x = maybe(V::Float(((id * 5) % 23 - 11) as f64 / 4.0));
            let s = maybe(V::Text(TEXTS[(id as usize * 3) % TEXTS.len()].to_owned()));
            let f = maybe(V::Bool(id % 3 == 0));
            vec![V::Int(id), a, b, x, s, f]
        })
        .collect();
    let list = [("id", Ty::Int), ("a", Ty::Int), ("b", Ty::Int), ("x", Ty::Float), ("s", Ty::Text), ("f", Ty::Bool)];
    Relation { columns: columns(&list), rows }
}

/// The table that joins add.
pub fn sides() -> Relation {
    let rows = vec![
        vec![V::Int(-2), V::Int(10), V::Text("a".to_owned())],
        vec![V::Int(0), V::Int(20), V::Text("A".to_owned())],
        vec![V::Int(1), V::Null, V::Text("b".to_owned())],
        vec![V::Int(1), V::Int(40), V::Null],
        vec![V::Null, V::Int(50), V::Text("a ".to_owned())],
        vec![V::Int(7), V::Int(10), V::Text("é".to_owned())],
    ];
    Relation { columns: columns(&[("k", Ty::Int), ("w", Ty::Int), ("t", Ty::Text)]), rows }
}

/// Writes both tables into a database, in plain SQL of the test's own.
pub async fn fill(db: &TestDatabase) {
    let text = |value: &V| match value {
        V::Null => "NULL".to_owned(),
        V::Int(it) => it.to_string(),
        V::Float(it) => format!("{it:?}"),
        V::Bool(it) => it.to_string(),
        V::Text(it) if db.dialect.name() == "mariadb" => format!("'{}'", it.replace('\\', "\\\\").replace('\'', "''")),
        V::Text(it) => format!("'{}'", it.replace('\'', "''")),
    };
    let insert = |table: &str, relation: &Relation| {
        let row = |row: &Vec<V>| format!("({})", row.iter().map(text).collect::<Vec<_>>().join(", "));
        let rows = relation.rows.iter().map(row).collect::<Vec<_>>().join(", ");
        format!("INSERT INTO {table} VALUES {rows}")
    };
    let varchar = if db.dialect.name() == "mariadb" { "varchar(40) CHARACTER SET utf8mb4" } else { "varchar(40)" };
    db.execute_setup(&[
        &format!(
            "CREATE TABLE facts (id bigint NOT NULL, a integer, b bigint, x double precision, s {varchar}, f boolean)"
        ),
        &format!("CREATE TABLE sides (k integer, w bigint, t {varchar})"),
        &insert("facts", &facts()),
        &insert("sides", &sides()),
    ])
    .await;
}

/// A small generator of numbers, the same on every machine.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// A number below `sides` (splitmix64).
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }

    pub fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.roll(list.len())]
    }

    pub fn text(&mut self) -> String {
        (*self.pick(&TEXTS)).to_owned()
    }
}
