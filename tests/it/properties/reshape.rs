//! Steps that give a relation other columns or other rows altogether: subtotals, pivots and back, lists, first rows, values.

use portcullis::{Expr, Frame, array_agg, col, count, cube, lit, max, min, on, rollup, sum, values};

use super::chain::{Key, group, sort, sort_keys};
use super::data::{Dice, Relation, Ty, V};
use super::tree::Skip;

/// An aggregate: its column's name, the function, and what it is of.
type Aggregate = (String, &'static str, Option<String>);

#[derive(Debug, Clone)]
pub enum Reshape {
    /// Groups by the sets of keys that `rollup` or `cube` mean.
    Subtotals {
        cube: bool,
        keys: Vec<String>,
        aggregates: Vec<Aggregate>,
    },
    /// A column for each of the values, called by its name, with a function of a column.
    Pivot {
        keys: Vec<String>,
        column: String,
        values: Vec<(V, String)>,
        function: &'static str,
        of: String,
    },
    Unpivot {
        columns: Vec<String>,
        name: String,
        value: String,
    },
    /// The first row, in an order by all columns, of those that agree in the keys.
    DistinctOn {
        keys: Vec<String>,
        order: Vec<Key>,
    },
    FillNull {
        column: String,
        value: V,
    },
    DropNulls(Vec<String>),
    /// With rows of the program, where the column equals their first one.
    JoinValues {
        column: String,
        rows: Vec<(Option<i64>, Option<String>)>,
        number: usize,
    },
    /// The values of a column as one list for each key, and the list as rows again.
    Roll {
        key: String,
        of: String,
        name: String,
    },
}

/// A random one that fits the columns.
pub fn random(dice: &mut Dice, columns: &[(String, Ty)], number: usize) -> Reshape {
    let of_type = |wanted: &[Ty]| -> Vec<String> {
        columns.iter().filter(|(_, ty)| wanted.contains(ty)).map(|(name, _)| name.clone()).collect()
    };
    let (ints, exact) = (of_type(&[Ty::Int]), of_type(&[Ty::Int, Ty::Text, Ty::Bool]));
    let two = |dice: &mut Dice, list: &[String]| {
        let first = dice.roll(list.len());
        let second = dice.roll(list.len());
        if first == second { vec![list[first].clone()] } else { vec![list[first].clone(), list[second].clone()] }
    };
    let order = |dice: &mut Dice| columns.iter().map(|(name, _)| (name.clone(), dice.one_in(2), None)).collect();
    let anything = two(dice, &columns.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
    match dice.roll(9) {
        0 | 1 if !exact.is_empty() => {
            let function = *dice.pick(&["rows", "count", "sum", "max"]);
            let of = match (function, ints.is_empty()) {
                ("rows", _) | (_, true) => None,
                _ => Some(dice.pick(&ints).clone()),
            };
            let function = if of.is_none() { "rows" } else { function };
            let aggregates = vec![(format!("g{number}"), function, of)];
            Reshape::Subtotals { cube: dice.one_in(2), keys: two(dice, &exact), aggregates }
        }
        2 if !ints.is_empty() && !exact.is_empty() => {
            let column = dice.pick(&exact).clone();
            let ty = columns.iter().find(|(name, _)| *name == column).expect("a known column").1;
            let mut chosen: Vec<V> = Vec::new();
            for _ in 0..1 + dice.roll(3) {
                let value = literal(dice, ty);
                if !chosen.contains(&value) {
                    chosen.push(value);
                }
            }
            let named = |(place, value)| (value, format!("p{number}{place}"));
            let values = chosen.into_iter().enumerate().map(named).collect();
            let (keys, function) = (two(dice, &exact), *dice.pick(&["count", "sum", "max", "min"]));
            Reshape::Pivot { keys, column, values, function, of: dice.pick(&ints).clone() }
        }
        3 if !ints.is_empty() && columns.len() > 2 => {
            let (name, value) = (format!("n{number}"), format!("v{number}"));
            Reshape::Unpivot { columns: two(dice, &ints), name, value }
        }
        4 => Reshape::DistinctOn { keys: anything, order: order(dice) },
        5 => {
            let (column, ty) = dice.pick(columns).clone();
            Reshape::FillNull { column, value: literal(dice, ty) }
        }
        6 => Reshape::DropNulls(anything),
        7 if !ints.is_empty() => {
            let row = |dice: &mut Dice| {
                let key = if dice.one_in(5) { None } else { Some(dice.roll(9) as i64 - 4) };
                (key, if dice.one_in(4) { None } else { Some(dice.text()) })
            };
            let rows = (0..dice.roll(6)).map(|_| row(dice)).collect();
            Reshape::JoinValues { column: dice.pick(&ints).clone(), rows, number }
        }
        8 if exact.len() > 1 => {
            let listed = of_type(&[Ty::Int, Ty::Text]);
            let (key, of) = (dice.pick(&exact).clone(), listed.first().cloned());
            match of.filter(|of| *of != key) {
                Some(of) => Reshape::Roll { key, of, name: format!("e{number}") },
                None => Reshape::DropNulls(anything),
            }
        }
        _ => Reshape::DropNulls(anything),
    }
}

fn literal(dice: &mut Dice, ty: Ty) -> V {
    match ty {
        Ty::Int => V::Int(dice.roll(9) as i64 - 4),
        Ty::Float => V::Float((dice.roll(9) as f64 - 4.0) / 4.0),
        Ty::Text => V::Text(dice.text()),
        Ty::Bool => V::Bool(dice.one_in(2)),
    }
}

fn value(of: &V) -> Expr {
    match of {
        V::Int(it) => lit(*it),
        V::Float(it) => lit(*it),
        V::Text(it) => lit(it),
        V::Bool(it) => lit(*it),
        V::Null => panic!("NULL is no literal"),
    }
}

fn aggregate(function: &str, of: Expr) -> Expr {
    match function {
        "count" => count(of),
        "sum" => sum(of),
        "min" => min(of),
        _ => max(of),
    }
}

/// In the crate's words.
pub fn apply(frame: Frame, reshape: &Reshape) -> Frame {
    match reshape {
        Reshape::Subtotals { cube: all_of_them, keys, aggregates } => {
            let made: Vec<Expr> = aggregates
                .iter()
                .map(|(name, function, of)| match of {
                    Some(of) => aggregate(function, col(of)).as_(name),
                    None => count(portcullis::all()).as_(name),
                })
                .collect();
            let sets = if *all_of_them { cube(keys.clone()) } else { rollup(keys.clone()) };
            frame.group_by(sets).agg(made)
        }
        Reshape::Pivot { keys, column, values, function, of } => {
            let values = values.iter().map(|(it, name)| value(it).as_(name));
            frame.group_by(keys.clone()).pivot(column.as_str(), values).agg(aggregate(function, col(of)))
        }
        Reshape::Unpivot { columns, name, value } => frame.unpivot(columns.clone(), name, value),
        Reshape::DistinctOn { keys, order } => frame.distinct_on(keys.clone(), sort_keys(order)),
        Reshape::FillNull { column, value: it } => frame.fill_null(column.as_str(), value(it)),
        Reshape::DropNulls(columns) => frame.drop_nulls(columns.clone()),
        Reshape::JoinValues { column, rows, number } => {
            let (key, text) = (format!("vk{number}"), format!("vt{number}"));
            let rows = values([key.as_str(), text.as_str()], rows.clone()).as_(&format!("rows{number}"));
            frame.left_join(rows, on(col(column).eq(col(&key))))
        }
        Reshape::Roll { key, of, name } => frame
            .where_(col(of).is_not_null())
            .group_by(key.as_str())
            .agg(array_agg(col(of)).as_(name))
            .explode(name.as_str()),
    }
}

/// In memory.
pub fn carry_out(mut relation: Relation, reshape: &Reshape) -> Result<Relation, Skip> {
    Ok(match reshape {
        Reshape::Subtotals { cube, keys, aggregates } => {
            let sets: Vec<Vec<String>> = match (cube, keys.as_slice()) {
                (true, [one, other]) => {
                    vec![keys.clone(), vec![one.clone()], vec![other.clone()], Vec::new()]
                }
                _ => (0..=keys.len()).rev().map(|length| keys[..length].to_vec()).collect(),
            };
            let whole = group(&relation, keys, aggregates)?;
            let mut rows = Vec::new();
            for set in sets {
                let part = group(&relation, &set, aggregates)?;
                let of = |row: &Vec<V>| -> Vec<V> {
                    let key =
                        |name: &String| set.iter().position(|it| it == name).map_or(V::Null, |it| row[it].clone());
                    [keys.iter().map(key).collect(), row[set.len()..].to_vec()].concat()
                };
                rows.extend(part.rows.iter().map(of));
            }
            Relation { columns: whole.columns, rows }
        }
        Reshape::Pivot { keys, column, values, function, of } => {
            let place = relation.position(column);
            let mut whole = group(&relation, keys, &[])?;
            for (value, name) in values {
                let mut only = relation.clone();
                only.rows.retain(|row| row[place] == *value);
                let part = group(&only, keys, &[(name.clone(), function, Some(of.clone()))])?;
                whole.columns.push(part.columns[keys.len()].clone());
                for row in &mut whole.rows {
                    let found = part.rows.iter().find(|other| other[..keys.len()] == row[..keys.len()]);
                    let none = if *function == "count" { V::Int(0) } else { V::Null };
                    row.push(found.map_or(none, |found| found[keys.len()].clone()));
                }
            }
            whole
        }
        Reshape::Unpivot { columns, name, value } => {
            let others: Vec<usize> =
                (0..relation.columns.len()).filter(|at| !columns.contains(&relation.columns[*at].0)).collect();
            let mut rows = Vec::new();
            for row in &relation.rows {
                for column in columns {
                    let mut new: Vec<V> = others.iter().map(|at| row[*at].clone()).collect();
                    new.push(V::Text(column.clone()));
                    new.push(row[relation.position(column)].clone());
                    rows.push(new);
                }
            }
            if rows.len() > 400 {
                return Err(Skip);
            }
            let mut all: Vec<(String, Ty)> = others.iter().map(|at| relation.columns[*at].clone()).collect();
            all.extend([(name.clone(), Ty::Text), (value.clone(), Ty::Int)]);
            Relation { columns: all, rows }
        }
        Reshape::DistinctOn { keys, order } => {
            sort(&mut relation.rows, &relation.columns, order);
            let places: Vec<usize> = keys.iter().map(|key| relation.position(key)).collect();
            let mut kept: Vec<Vec<V>> = Vec::new();
            for row in relation.rows {
                if !kept.iter().any(|other| places.iter().all(|place| other[*place] == row[*place])) {
                    kept.push(row);
                }
            }
            Relation { columns: relation.columns, rows: kept }
        }
        Reshape::FillNull { column, value } => {
            let place = relation.position(column);
            relation.rows.iter_mut().filter(|row| row[place] == V::Null).for_each(|row| row[place] = value.clone());
            relation
        }
        Reshape::DropNulls(columns) => {
            let places: Vec<usize> = columns.iter().map(|name| relation.position(name)).collect();
            relation.rows.retain(|row| places.iter().all(|place| row[*place] != V::Null));
            relation
        }
        Reshape::JoinValues { column, rows: list, number } => {
            let place = relation.position(column);
            let mut rows = Vec::new();
            for row in &relation.rows {
                let matching = list.iter().filter(|(key, _)| key.is_some_and(|key| row[place] == V::Int(key)));
                let before = rows.len();
                for (key, text) in matching {
                    let text = text.clone().map_or(V::Null, V::Text);
                    rows.push([row.clone(), vec![key.map_or(V::Null, V::Int), text]].concat());
                }
                if rows.len() == before {
                    rows.push([row.clone(), vec![V::Null, V::Null]].concat());
                }
            }
            if rows.len() > 400 {
                return Err(Skip);
            }
            relation.columns.extend([(format!("vk{number}"), Ty::Int), (format!("vt{number}"), Ty::Text)]);
            Relation { columns: relation.columns, rows }
        }
        Reshape::Roll { key, of, name } => {
            let (key, of) = (relation.position(key), relation.position(of));
            let ty = relation.columns[of].1;
            let rows = relation.rows.iter().filter(|row| row[of] != V::Null);
            let rows = rows.map(|row| vec![row[key].clone(), row[of].clone()]).collect();
            Relation { columns: vec![relation.columns[key].clone(), (name.clone(), ty)], rows }
        }
    })
}
