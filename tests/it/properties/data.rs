//! The values, the tables and the dice that the random cases share.

use std::cmp::Ordering;

use portcullis::{Dialect, Value};

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

/// The tables of a few cases: what they are called, and what is in them.
#[derive(Debug)]
pub struct World {
    pub facts_table: String,
    pub sides_table: String,
    pub facts: Relation,
    pub sides: Relation,
    /// What the last column of the facts, which are a view then, asks the sides for.
    view: Option<&'static str>,
    /// The facts have a primary key, by which the crate knows a table from a view.
    keyed: bool,
}

impl World {
    /// The tables whose columns the named cases use.
    pub fn first() -> World {
        let (facts_table, sides_table) = ("facts".to_owned(), "sides".to_owned());
        World { facts_table, sides_table, facts: facts(), sides: sides(), view: None, keyed: false }
    }

    /// The first tables, with the facts as a view that has a column more: `most`, the largest `w` of the sides whose `k` is above
    /// `least`, the same for all rows.
    pub fn viewed(least: i64) -> World {
        let mut world = World::first();
        world.sides.rows.retain(|row| matches!(row[0], V::Int(k) if k > least));
        let most = world.most(|_| true);
        world.with_view("SELECT MAX(w) FROM sides", |_, _| most.clone())
    }

    /// The largest `w` of the sides whose `k` is as wanted.
    fn most(&self, wanted: impl Fn(&V) -> bool) -> V {
        let found = self.sides.rows.iter().filter(|row| wanted(&row[0])).map(|row| &row[1]).filter(|w| **w != V::Null);
        found.max_by(|one, other| compare(one, other)).cloned().unwrap_or(V::Null)
    }

    fn with_view(mut self, asked: &'static str, most: impl Fn(&World, &V) -> V) -> World {
        let values: Vec<V> = self.facts.rows.iter().map(|row| most(&self, &row[0])).collect();
        self.facts.columns.push(("most".to_owned(), Ty::Int));
        self.facts.rows.iter_mut().zip(values).for_each(|(row, value)| row.push(value));
        self.view = Some(asked);
        self
    }

    /// Tables of other names, columns, types, sizes and values, made from the number.
    pub fn random(number: u64) -> World {
        let mut dice = Dice::new(number.wrapping_add(1 << 42));
        let mut names = ["a", "B", "order", "x y", "é", "select", "t", "%s", "facts", "n-1", "c_1", "ID2"].to_vec();
        let mut columns = vec![("id".to_owned(), Ty::Int)];
        for _ in 0..1 + dice.roll(7) {
            let name = names.remove(dice.roll(names.len()));
            columns.push((name.to_owned(), *dice.pick(&[Ty::Int, Ty::Int, Ty::Float, Ty::Text, Ty::Text, Ty::Bool])));
        }
        let nulls = *dice.pick(&[2, 4, 9, 1000]);
        let wide = *dice.pick(&[2, 6, 60]);
        let count = *dice.pick(&[0, 1, 3, 12, 26, 40]);
        let value = |dice: &mut Dice, ty: Ty| match ty {
            _ if dice.one_in(nulls) => V::Null,
            Ty::Int => V::Int(dice.roll(wide) as i64 - wide as i64 / 2),
            Ty::Float => V::Float((dice.roll(wide) as f64 - wide as f64 / 2.0) / 4.0),
            Ty::Text => V::Text(dice.text()),
            Ty::Bool => V::Bool(dice.one_in(2)),
        };
        let row = |dice: &mut Dice, id: i64| {
            let rest = columns.iter().skip(1).map(|(_, ty)| value(dice, *ty)).collect::<Vec<_>>();
            [vec![V::Int(id)], rest].concat()
        };
        let rows = (1..=count).map(|id| row(&mut dice, id)).collect();
        let sides = (0..dice.roll(9))
            .map(|_| vec![value(&mut dice, Ty::Int), value(&mut dice, Ty::Int), value(&mut dice, Ty::Text)])
            .collect();
        let world = World {
            facts_table: format!("facts {number}"),
            sides_table: format!("sides {number}"),
            facts: Relation { columns, rows },
            sides: Relation { columns: sides_columns(), rows: sides },
            view: None,
            keyed: number % 8 == 3,
        };
        // Every other one: those of an even number are never asked for.
        if number % 4 == 1 {
            world.with_view("SELECT MAX(w) FROM sides WHERE k = facts.id", |world, id| world.most(|k| k == id))
        } else {
            world
        }
    }
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
fn sides() -> Relation {
    let rows = vec![
        vec![V::Int(-2), V::Int(10), V::Text("a".to_owned())],
        vec![V::Int(0), V::Int(20), V::Text("A".to_owned())],
        vec![V::Int(1), V::Null, V::Text("b".to_owned())],
        vec![V::Int(1), V::Int(40), V::Null],
        vec![V::Null, V::Int(50), V::Text("a ".to_owned())],
        vec![V::Int(7), V::Int(10), V::Text("é".to_owned())],
    ];
    Relation { columns: sides_columns(), rows }
}

fn sides_columns() -> Vec<(String, Ty)> {
    columns(&[("k", Ty::Int), ("w", Ty::Int), ("t", Ty::Text)])
}

/// Writes both tables into a database, in plain SQL of the test's own.
pub async fn fill(db: &TestDatabase, world: &World) {
    let mysql = crate::support::mysql_family(db.dialect);
    let text = |value: &V| match value {
        V::Null => "NULL".to_owned(),
        V::Int(it) => it.to_string(),
        V::Float(it) => format!("{it:?}"),
        V::Bool(it) => it.to_string(),
        V::Text(it) if mysql => format!("'{}'", it.replace('\\', "\\\\").replace('\'', "''")),
        V::Text(it) => format!("'{}'", it.replace('\'', "''")),
    };
    let name = |name: &str| if mysql { format!("`{name}`") } else { format!("\"{name}\"") };
    let type_of = |ty: Ty, place: usize| match ty {
        Ty::Int if place == 1 => "integer",
        Ty::Int => "bigint",
        Ty::Float => "double precision",
        Ty::Text if mysql => "varchar(40) CHARACTER SET utf8mb4",
        Ty::Text => "varchar(40)",
        Ty::Bool => "boolean",
    };
    let mut statements = Vec::new();
    let rows_table = match world.view {
        Some(_) => format!("rows of {}", world.facts_table),
        None => world.facts_table.clone(),
    };
    for (table, relation) in [(&rows_table, &world.facts), (&world.sides_table, &world.sides)] {
        // What the view adds is in no table.
        let stored = relation.columns.len() - usize::from(world.view.is_some() && *table == rows_table);
        let column = |(place, (column, ty)): (usize, &(String, Ty))| {
            let never = match column == "id" {
                true if world.keyed => " NOT NULL PRIMARY KEY",
                true => " NOT NULL",
                false => "",
            };
            format!("{} {}{never}", name(column), type_of(*ty, place))
        };
        let columns = relation.columns.iter().take(stored).enumerate().map(column).collect::<Vec<_>>().join(", ");
        statements.push(format!("CREATE TABLE {} ({columns})", name(table)));
        let row = |row: &Vec<V>| format!("({})", row.iter().take(stored).map(text).collect::<Vec<_>>().join(", "));
        let rows = relation.rows.iter().map(row).collect::<Vec<_>>().join(", ");
        if !rows.is_empty() {
            statements.push(format!("INSERT INTO {} VALUES {rows}", name(table)));
        }
    }
    if let Some(asked) = world.view {
        let asked = asked.replace("sides", &name(&world.sides_table)).replace("facts", &name(&rows_table));
        let asked = match db.dialect {
            // Elsewhere the type follows; SQLite knows that of what a view computes from a cast alone.
            Dialect::Sqlite => format!("CAST(({asked}) AS INTEGER)"),
            _ => format!("({asked})"),
        };
        let columns: Vec<String> = world.facts.columns.iter().map(|(column, _)| name(column)).collect();
        let (most, stored) = columns.split_last().expect("the column that the view adds");
        let (view, rows) = (name(&world.facts_table), name(&rows_table));
        statements.push(format!("CREATE VIEW {view} AS SELECT {}, {asked} AS {most} FROM {rows}", stored.join(", ")));
    }
    db.execute_setup(&statements.iter().map(String::as_str).collect::<Vec<_>>()).await;
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
