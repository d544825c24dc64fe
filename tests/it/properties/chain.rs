//! Chains of verbs: made by dice, built with the crate, and carried out in memory, verb by verb in the order written.

use std::cmp::Ordering;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use portcullis::{
    Database, Expr, Frame, Mode, SortKey, all, avg, col, count, count_distinct, dense_rank, exists, lag, max, min,
    not_exists, on, outer, rank, row_number, scalar, sum, using, window,
};

use super::data::{Dice, Relation, Ty, V, World, compare};
use super::reshape::{self, Reshape};
use super::tree::{Skip, Tree, build, evaluate, random, reroll, same};

/// A sort key: the column, whether it goes down, and whether NULL comes first when that is said.
pub type Key = (String, bool, Option<bool>);

#[derive(Debug, Clone)]
pub enum Step {
    Where(Tree),
    Select(Vec<(String, Tree)>),
    /// A selection, and then a condition on a column that it left out.
    SelectWhere(Vec<String>, Tree),
    /// A selection, and then an order by a column that it left out.
    SelectOrderBy(Vec<String>, Vec<Key>),
    WithColumn(String, Tree),
    Rename(String, String),
    Drop(String),
    OrderBy(Vec<Key>),
    /// An order by all columns, so that it is sure which rows are first; then a limit and an offset, or one of them.
    Slice(Vec<Key>, Option<u64>, u64),
    Distinct,
    Group(Vec<String>, Vec<(String, &'static str, Option<String>)>),
    /// A column of this name: a function, of a column, over a partition in an order.
    Window(String, &'static str, Option<String>, Option<String>, Vec<Key>),
    /// With the other table, whose columns get names of their own that end in the number.
    Join(&'static str, String, usize),
    /// The same, by a name that both have.
    Using(&'static str, String, usize),
    /// With what the chain before gave, on the column: a self-join of whatever that is.
    Twice(String, usize),
    As(String),
    /// With those of its own rows that meet a condition, which may stand on the left; of one relation of WITH when there is a number.
    Set(&'static str, Tree, bool, Option<usize>),
    /// Rows for which the other table has (or has not) a row with the column's value.
    Exists(String, bool, usize),
    /// Rows whose column is (or is not) among the other table's keys, with its NULL or without.
    In(String, bool, bool, usize),
    /// A column: the largest value that the other table has for the column.
    Largest(String, String, usize),
    /// A column: the largest value of a column of what the chain before gave.
    Own(String, String),
    Reshape(Reshape),
}

/// A random step that fits what the relation has by now.
fn step(dice: &mut Dice, relation: &Relation, number: usize) -> Step {
    let columns = &relation.columns;
    let name = |dice: &mut Dice| dice.pick(columns).0.clone();
    let ints: Vec<&String> = columns.iter().filter(|(_, ty)| *ty == Ty::Int).map(|(name, _)| name).collect();
    let some = |dice: &mut Dice| {
        let mut names: Vec<String> = columns.iter().filter(|_| !dice.one_in(3)).map(|(name, _)| name.clone()).collect();
        if names.is_empty() {
            names.push(columns[0].0.clone());
        }
        if dice.one_in(2) {
            names.reverse();
        }
        names
    };
    let key =
        |dice: &mut Dice, name: String| (name, dice.one_in(2), [None, None, Some(true), Some(false)][dice.roll(4)]);
    match dice.roll(30) {
        24.. => Step::Reshape(reshape::random(dice, columns, number)),
        22 | 23 => {
            let exact: Vec<&String> = columns.iter().filter(|(_, ty)| *ty != Ty::Float).map(|(name, _)| name).collect();
            let partition = if exact.is_empty() || dice.one_in(3) { None } else { Some((*dice.pick(&exact)).clone()) };
            let function = *dice.pick(&["number", "rank", "dense", "sum", "running", "min", "lag"]);
            let fits = |ty: Ty| match function {
                "sum" | "running" => ty == Ty::Int,
                "min" => ty != Ty::Bool,
                _ => true,
            };
            let fitting: Vec<&String> = columns.iter().filter(|(_, ty)| fits(*ty)).map(|(name, _)| name).collect();
            let keys = match function {
                "rank" | "dense" if !exact.is_empty() => {
                    let by = (*dice.pick(&exact)).clone();
                    vec![key(dice, by)]
                }
                "sum" => Vec::new(),
                _ => columns.iter().map(|(name, _)| key(dice, name.clone())).collect(),
            };
            let new = if dice.one_in(4) { name(dice) } else { format!("w{number}") };
            match (function, fitting.is_empty()) {
                ("number" | "rank" | "dense", _) => Step::Window(new, function, None, partition, keys),
                (_, false) => Step::Window(new, function, Some((*dice.pick(&fitting)).clone()), partition, keys),
                _ => Step::Distinct,
            }
        }
        0 | 1 => Step::Where(random(dice, Ty::Bool, 3, columns)),
        2 => {
            let mut list: Vec<(String, Tree)> =
                some(dice).into_iter().map(|name| (name.clone(), Tree::Column(name))).collect();
            let ty = *dice.pick(&[Ty::Int, Ty::Text, Ty::Bool, Ty::Float]);
            list.push((format!("e{number}"), random(dice, ty, 2, columns)));
            Step::Select(list)
        }
        3 => Step::SelectWhere(some(dice), random(dice, Ty::Bool, 2, columns)),
        4 => {
            let by = name(dice);
            Step::SelectOrderBy(some(dice), vec![key(dice, by)])
        }
        5 | 6 => {
            let new = if dice.one_in(3) { name(dice) } else { format!("c{number}") };
            let ty = *dice.pick(&[Ty::Int, Ty::Text, Ty::Int]);
            Step::WithColumn(new, random(dice, ty, 2, columns))
        }
        7 => {
            let from = name(dice);
            // A name that an earlier one had, or one that differs in capitals, must do no harm.
            let odd = ["a", "A", "b", "id", "Id", "order", "t"];
            let to = (*dice.pick(&odd)).to_owned();
            let taken = columns.iter().any(|(known, _)| *known == to);
            Step::Rename(from, if taken { format!("r{number}") } else { to })
        }
        8 if columns.len() > 2 => Step::Drop(name(dice)),
        9 => {
            let by = name(dice);
            Step::OrderBy(vec![key(dice, by)])
        }
        10 | 11 => {
            let keys = columns.iter().map(|(name, _)| key(dice, name.clone())).collect();
            let limit = if dice.one_in(4) { None } else { Some(dice.roll(14) as u64) };
            Step::Slice(keys, limit, if dice.one_in(2) { dice.roll(4) as u64 } else { 0 })
        }
        12 => Step::Distinct,
        13 => {
            let keys = if dice.one_in(4) { Vec::new() } else { some(dice).into_iter().take(2).collect() };
            let aggregates = (0..1 + dice.roll(3))
                .map(|place| {
                    let function = *dice.pick(&["rows", "count", "distinct", "sum", "min", "max", "avg"]);
                    let fits = |ty: Ty| match function {
                        "sum" | "avg" => ty == Ty::Int,
                        "min" | "max" => ty != Ty::Bool,
                        "distinct" => ty != Ty::Float,
                        _ => true,
                    };
                    let fitting: Vec<&String> =
                        columns.iter().filter(|(_, ty)| fits(*ty)).map(|(name, _)| name).collect();
                    let named = format!("g{number}{place}");
                    match fitting.is_empty() || function == "rows" {
                        true => (named, "rows", None),
                        false => (named, function, Some((*dice.pick(&fitting)).clone())),
                    }
                })
                .collect();
            Step::Group(keys, aggregates)
        }
        14 if !ints.is_empty() => {
            let kinds = ["inner", "left", "right", "full", "semi", "anti"];
            let kind = *dice.pick(&kinds);
            let left = (*dice.pick(&ints)).clone();
            if dice.one_in(3) { Step::Using(kind, left, number) } else { Step::Join(kind, left, number) }
        }
        15 if !ints.is_empty() && columns.len() < 9 => Step::Twice((*dice.pick(&ints)).clone(), number),
        16 | 17 => {
            let kinds = ["union", "union_all", "intersect", "intersect_all", "except", "except_all"];
            let tree = random(dice, Ty::Bool, 2, columns);
            let kind = *dice.pick(&kinds);
            Step::Set(kind, tree, dice.one_in(3), dice.one_in(2).then_some(number))
        }
        18 if !ints.is_empty() => Step::Exists((*dice.pick(&ints)).clone(), dice.one_in(2), number),
        19 if !ints.is_empty() => Step::In((*dice.pick(&ints)).clone(), dice.one_in(2), dice.one_in(3), number),
        20 if !ints.is_empty() => Step::Largest(format!("l{number}"), (*dice.pick(&ints)).clone(), number),
        21 if !ints.is_empty() => Step::Own(format!("o{number}"), (*dice.pick(&ints)).clone()),
        _ => Step::As(format!("rel{number}")),
    }
}

fn sort_key((name, descending, nulls_first): &Key) -> SortKey {
    let key = if *descending { col(name).desc() } else { col(name).asc() };
    match nulls_first {
        None => key,
        Some(true) => key.nulls_first(),
        Some(false) => key.nulls_last(),
    }
}

pub fn sort_keys(keys: &[Key]) -> Vec<SortKey> {
    keys.iter().map(sort_key).collect()
}

/// The other table with the number at the end of its columns' names.
fn side<M: Mode>(db: &Database<M>, world: &World, number: usize) -> Frame {
    let renamed = |frame: Frame, name: &str| frame.rename(name, &format!("{name}{number}"));
    ["k", "w", "t"].into_iter().fold(db.table(world.sides_table.as_str()), renamed).as_(&format!("side{number}"))
}

fn joined(left: Frame, right: Frame, kind: &str, on: portcullis::JoinOn) -> Frame {
    match kind {
        "inner" => left.join(right, on),
        "left" => left.left_join(right, on),
        "right" => left.right_join(right, on),
        "full" => left.full_join(right, on),
        "semi" => left.semi_join(right, on),
        _ => left.anti_join(right, on),
    }
}

/// The step in the crate's words. `columns` are those before it.
fn apply<M: Mode>(db: &Database<M>, world: &World, frame: Frame, step: &Step, columns: &[(String, Ty)]) -> Frame {
    match step {
        Step::Where(tree) => frame.where_(build(tree)),
        Step::Select(list) => {
            let list: Vec<Expr> = list
                .iter()
                .map(|(name, tree)| match tree {
                    Tree::Column(same) if same == name => col(name),
                    tree => build(tree).as_(name),
                })
                .collect();
            frame.select(list)
        }
        Step::SelectWhere(names, tree) => frame.select(names.clone()).where_(build(tree)),
        Step::SelectOrderBy(names, keys) => frame.select(names.clone()).order_by(sort_keys(keys)),
        Step::WithColumn(name, tree) => frame.with_column(name, build(tree)),
        Step::Rename(from, to) => frame.rename(from, to),
        Step::Drop(name) => frame.drop([name]),
        Step::OrderBy(keys) => frame.order_by(sort_keys(keys)),
        Step::Slice(keys, limit, offset) => {
            let mut frame = frame.order_by(sort_keys(keys));
            if *offset > 0 {
                frame = frame.offset(*offset);
            }
            match limit {
                Some(limit) => frame.limit(*limit),
                None => frame,
            }
        }
        Step::Distinct => frame.distinct(),
        Step::Group(keys, aggregates) => {
            let aggregates: Vec<Expr> = aggregates
                .iter()
                .map(|(name, function, of)| {
                    let of = || col(of.as_ref().expect("an operand"));
                    let made = match *function {
                        "rows" => count(all()),
                        "count" => count(of()),
                        "distinct" => count_distinct(of()),
                        "sum" => sum(of()),
                        "min" => min(of()),
                        "max" => max(of()),
                        _ => avg(of()),
                    };
                    made.as_(name)
                })
                .collect();
            frame.group_by(keys.clone()).agg(aggregates)
        }
        Step::Window(name, function, of, partition, keys) => {
            let mut over = window();
            if let Some(partition) = partition {
                over = over.partition_by(partition.as_str());
            }
            if !keys.is_empty() {
                over = over.order_by(sort_keys(keys));
            }
            let of = || col(of.as_ref().expect("an operand"));
            let made = match *function {
                "number" => row_number().over(over),
                "rank" => rank().over(over),
                "dense" => dense_rank().over(over),
                "min" => min(of()).over(over),
                "lag" => lag(of(), 1).over(over),
                _ => sum(of()).over(over),
            };
            frame.with_column(name, made)
        }
        Step::Join(kind, left, number) => {
            joined(frame, side(db, world, *number), kind, on(col(left).eq(col(&format!("k{number}")))))
        }
        Step::Using(kind, left, number) => {
            joined(frame, side(db, world, *number).rename(&format!("k{number}"), left), kind, using(left.as_str()))
        }
        Step::Twice(name, number) => {
            let again =
                columns.iter().fold(frame.clone(), |again, (name, _)| again.rename(name, &format!("{name}_{number}")));
            let (one, other) = (format!("one{number}"), format!("two{number}"));
            let condition = col(name).of(&one).eq(col(&format!("{name}_{number}")).of(&other));
            frame.as_(&one).join(again.as_(&other), on(condition))
        }
        Step::As(name) => frame.as_(name),
        Step::Set(kind, tree, flipped, cte) => {
            let frame = match cte {
                Some(number) => frame.cte(&format!("cte{number}")),
                None => frame,
            };
            let some = frame.clone().where_(build(tree));
            let (left, right) = if *flipped { (some, frame) } else { (frame, some) };
            match *kind {
                "union" => left.union(right),
                "union_all" => left.union_all(right),
                "intersect" => left.intersect(right),
                "intersect_all" => left.intersect_all(right),
                "except" => left.except(right),
                _ => left.except_all(right),
            }
        }
        Step::Exists(name, negated, number) => {
            let rows = side(db, world, *number).where_(col(&format!("k{number}")).eq(outer(name)));
            frame.where_(if *negated { not_exists(rows) } else { exists(rows) })
        }
        Step::In(name, negated, with_null, number) => {
            let key = format!("k{number}");
            let side = side(db, world, *number);
            let side = if *with_null { side } else { side.where_(col(&key).is_not_null()) };
            let keys = side.select(key.as_str());
            frame.where_(if *negated { col(name).not_in(keys) } else { col(name).in_(keys) })
        }
        Step::Largest(new, name, number) => {
            let rows = side(db, world, *number).where_(col(&format!("k{number}")).eq(outer(name)));
            frame.with_column(new, scalar(rows.agg(max(col(&format!("w{number}"))).as_("largest"))))
        }
        Step::Own(new, name) => {
            let largest = frame.clone().agg(max(col(name)).as_("largest"));
            frame.with_column(new, scalar(largest))
        }
        Step::Reshape(reshape) => reshape::apply(frame, reshape),
    }
}

pub fn sort(rows: &mut [Vec<V>], relation: &[(String, Ty)], keys: &[Key]) {
    let place = |name: &str| relation.iter().position(|(known, _)| known == name).expect("a known column");
    rows.sort_by(|one, other| {
        for (name, descending, nulls_first) in keys {
            let (one, other) = (&one[place(name)], &other[place(name)]);
            let nulls_first = nulls_first.unwrap_or(*descending);
            let order = match (one == &V::Null, other == &V::Null) {
                (true, true) => Ordering::Equal,
                (true, false) if nulls_first => Ordering::Less,
                (true, false) => Ordering::Greater,
                (false, true) if nulls_first => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) if *descending => compare(one, other).reverse(),
                (false, false) => compare(one, other),
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    });
}

pub fn project(relation: &Relation, names: &[String]) -> Relation {
    let places: Vec<usize> = names.iter().map(|name| relation.position(name)).collect();
    Relation {
        columns: places.iter().map(|place| relation.columns[*place].clone()).collect(),
        rows: relation.rows.iter().map(|row| places.iter().map(|place| row[*place].clone()).collect()).collect(),
    }
}

fn filter(mut relation: Relation, tree: &Tree) -> Result<Relation, Skip> {
    let mut kept = Vec::new();
    for row in relation.rows {
        if evaluate(tree, &relation.columns, &row)? == V::Bool(true) {
            kept.push(row);
        }
    }
    relation.rows = kept;
    Ok(relation)
}

/// The types that a tree over the columns has: what the database gives for a column of it.
pub fn type_of(tree: &Tree, columns: &[(String, Ty)]) -> Ty {
    match tree {
        Tree::Column(name) => columns.iter().find(|(known, _)| known == name).expect("a known column").1,
        Tree::Literal(V::Int(_)) => Ty::Int,
        Tree::Literal(V::Float(_)) => Ty::Float,
        Tree::Literal(V::Text(_)) => Ty::Text,
        Tree::Arithmetic('/', ..) => Ty::Float,
        Tree::Arithmetic(_, left, right) => match (type_of(left, columns), type_of(right, columns)) {
            (Ty::Int, Ty::Int) => Ty::Int,
            _ => Ty::Float,
        },
        Tree::Negate(inner) => type_of(inner, columns),
        Tree::Case(arms, _) => type_of(&arms[0].1, columns),
        Tree::Coalesce(list) => type_of(&list[0], columns),
        Tree::Cast(_, ty) => *ty,
        Tree::Call("length" | "sign" | "bit_and", _) => Ty::Int,
        Tree::Call("upper" | "lower" | "trim" | "reverse" | "concat" | "replace" | "substring", _) => Ty::Text,
        Tree::Call("floor" | "ceil", _) => Ty::Float,
        Tree::Call("abs" | "greatest" | "least" | "nullif", operands) => type_of(&operands[0], columns),
        _ => Ty::Bool,
    }
}

/// The step in memory.
fn carry_out(world: &World, mut relation: Relation, step: &Step) -> Result<Relation, Skip> {
    Ok(match step {
        Step::Where(tree) => filter(relation, tree)?,
        Step::Select(list) => {
            let mut rows = Vec::with_capacity(relation.rows.len());
            for row in &relation.rows {
                rows.push(
                    list.iter().map(|(_, tree)| evaluate(tree, &relation.columns, row)).collect::<Result<_, _>>()?,
                );
            }
            let column = |(name, tree): &(String, Tree)| (name.clone(), type_of(tree, &relation.columns));
            Relation { columns: list.iter().map(column).collect(), rows }
        }
        Step::SelectWhere(names, tree) => project(&filter(relation, tree)?, names),
        Step::SelectOrderBy(names, keys) => {
            sort(&mut relation.rows, &relation.columns, keys);
            project(&relation, names)
        }
        Step::WithColumn(name, tree) => {
            let ty = type_of(tree, &relation.columns);
            let place = relation.columns.iter().position(|(known, _)| known == name);
            let values = relation
                .rows
                .iter()
                .map(|row| evaluate(tree, &relation.columns, row))
                .collect::<Result<Vec<_>, _>>()?;
            for (row, value) in relation.rows.iter_mut().zip(values) {
                match place {
                    Some(place) => row[place] = value,
                    None => row.push(value),
                }
            }
            match place {
                Some(place) => relation.columns[place].1 = ty,
                None => relation.columns.push((name.clone(), ty)),
            }
            relation
        }
        Step::Rename(from, to) => {
            let place = relation.position(from);
            relation.columns[place].0 = to.clone();
            relation
        }
        Step::Drop(name) => {
            let names: Vec<String> =
                relation.columns.iter().map(|(name, _)| name.clone()).filter(|it| it != name).collect();
            project(&relation, &names)
        }
        Step::OrderBy(keys) => {
            sort(&mut relation.rows, &relation.columns, keys);
            relation
        }
        Step::Slice(keys, limit, offset) => {
            sort(&mut relation.rows, &relation.columns, keys);
            let kept = relation.rows.into_iter().skip(*offset as usize);
            relation.rows = kept.take(limit.unwrap_or(u64::MAX) as usize).collect();
            relation
        }
        Step::Distinct => {
            let mut rows: Vec<Vec<V>> = Vec::new();
            for row in relation.rows {
                if !rows.contains(&row) {
                    rows.push(row);
                }
            }
            relation.rows = rows;
            relation
        }
        Step::Group(keys, aggregates) => group(&relation, keys, aggregates)?,
        Step::Window(name, function, of, partition, keys) => {
            let values = over(&relation, function, of.as_deref(), partition.as_deref(), keys)?;
            let ty = match (*function, of) {
                ("min" | "lag", Some(of)) => relation.columns[relation.position(of)].1,
                _ => Ty::Int,
            };
            let place = relation.columns.iter().position(|(known, _)| known == name);
            for (row, value) in relation.rows.iter_mut().zip(values) {
                match place {
                    Some(place) => row[place] = value,
                    None => row.push(value),
                }
            }
            match place {
                Some(place) => relation.columns[place].1 = ty,
                None => relation.columns.push((name.clone(), ty)),
            }
            relation
        }
        Step::Join(kind, left, number) => join(world, relation, kind, left, *number),
        Step::Using(kind, left, number) => {
            let place = relation.position(left);
            let joined = join(world, relation, kind, left, *number);
            match *kind {
                "semi" | "anti" => joined,
                _ => merge_key(joined, place, &format!("k{number}"), kind),
            }
        }
        Step::Twice(name, number) => {
            let place = relation.position(name);
            let mut columns = relation.columns.clone();
            columns.extend(relation.columns.iter().map(|(name, ty)| (format!("{name}_{number}"), *ty)));
            let mut rows = Vec::new();
            for one in &relation.rows {
                for other in &relation.rows {
                    if one[place] != V::Null && one[place] == other[place] {
                        rows.push([one.clone(), other.clone()].concat());
                    }
                }
            }
            if rows.len() > 400 {
                return Err(Skip);
            }
            Relation { columns, rows }
        }
        Step::As(_) => relation,
        Step::Set(kind, tree, flipped, _) => {
            let some = filter(relation.clone(), tree)?;
            let (left, right) = if *flipped { (some, relation) } else { (relation, some) };
            if left.rows.len() + right.rows.len() > 400 {
                return Err(Skip);
            }
            Relation { columns: left.columns, rows: set(left.rows, right.rows, kind) }
        }
        Step::Exists(name, negated, _) => {
            let place = relation.position(name);
            let keys = &world.sides;
            relation
                .rows
                .retain(|row| (row[place] != V::Null && keys.rows.iter().any(|key| key[0] == row[place])) != *negated);
            relation
        }
        Step::In(name, negated, with_null, _) => {
            let place = relation.position(name);
            let keys = &world.sides;
            let among: Vec<&V> =
                keys.rows.iter().map(|key| &key[0]).filter(|it| *with_null || **it != V::Null).collect();
            relation.rows.retain(|row| match &row[place] {
                _ if among.is_empty() => *negated,
                V::Null => false,
                value if among.contains(&value) => !*negated,
                _ => *negated && !among.contains(&&V::Null),
            });
            relation
        }
        Step::Largest(new, name, _) => {
            let place = relation.position(name);
            let keys = &world.sides;
            for row in &mut relation.rows {
                let found = keys.rows.iter().filter(|key| key[0] != V::Null && key[0] == row[place]);
                row.push(largest(found.map(|key| key[1].clone())));
            }
            relation.columns.push((new.clone(), Ty::Int));
            relation
        }
        Step::Own(new, name) => {
            let place = relation.position(name);
            let value = largest(relation.rows.iter().map(|row| row[place].clone()));
            for row in &mut relation.rows {
                row.push(value.clone());
            }
            relation.columns.push((new.clone(), Ty::Int));
            relation
        }
        Step::Reshape(reshape) => reshape::carry_out(relation, reshape)?,
    })
}

/// A function over a window, for each row. Where rows are equal in the order, those up to the last of them are in the frame.
fn over(
    relation: &Relation,
    function: &str,
    of: Option<&str>,
    partition: Option<&str>,
    keys: &[Key],
) -> Result<Vec<V>, Skip> {
    let partition = partition.map(|name| relation.position(name));
    let of = of.map(|name| relation.position(name));
    let mut order: Vec<usize> = (0..relation.rows.len()).collect();
    let equal = |one: usize, other: usize| {
        keys.iter().all(|(name, ..)| {
            let place = relation.position(name);
            relation.rows[one][place] == relation.rows[other][place]
        })
    };
    // Each row with its number in the end, so that rows that are alike stay apart.
    let mut numbered: Vec<Vec<V>> = relation
        .rows
        .iter()
        .enumerate()
        .map(|(number, row)| [row.clone(), vec![V::Int(number as i64)]].concat())
        .collect();
    sort(&mut numbered, &relation.columns, keys);
    for (place, row) in order.iter_mut().zip(&numbered) {
        let Some(V::Int(number)) = row.last() else { unreachable!() };
        *place = *number as usize;
    }
    let mut values = vec![V::Null; relation.rows.len()];
    for (row, result) in values.iter_mut().enumerate() {
        let mine: Vec<usize> = order
            .iter()
            .copied()
            .filter(|other| partition.is_none_or(|place| relation.rows[*other][place] == relation.rows[row][place]))
            .collect();
        let place = mine.iter().position(|other| *other == row).unwrap();
        let first = mine.iter().position(|other| equal(*other, row)).unwrap();
        let last = mine.iter().rposition(|other| equal(*other, row)).unwrap();
        let seen = || {
            let of = of.expect("an operand");
            mine[..=last].iter().map(move |other| &relation.rows[*other][of]).filter(|value| **value != V::Null)
        };
        *result = match function {
            "number" => V::Int(place as i64 + 1),
            "rank" => V::Int(first as i64 + 1),
            "dense" => {
                let starts = (1..=first).filter(|at| !equal(mine[*at], mine[*at - 1])).count();
                V::Int(starts as i64 + 1)
            }
            "lag" => match place.checked_sub(1) {
                Some(before) => relation.rows[mine[before]][of.expect("an operand")].clone(),
                None => V::Null,
            },
            "min" => seen().min_by(|one, other| compare(one, other)).cloned().unwrap_or(V::Null),
            _ => {
                let total = seen().map(|value| value.number().unwrap()).sum::<f64>();
                if total.abs() > 1e12 {
                    return Err(Skip);
                }
                if seen().next().is_some() { V::Int(total as i64) } else { V::Null }
            }
        };
    }
    Ok(values)
}

fn largest(values: impl Iterator<Item = V>) -> V {
    values.filter(|value| *value != V::Null).max_by(compare).unwrap_or(V::Null)
}

/// A set operation by the book: a row of the left goes with one of the right that equals it, NULL with NULL.
fn set(left: Vec<Vec<V>>, mut right: Vec<Vec<V>>, kind: &str) -> Vec<Vec<V>> {
    if kind.starts_with("union") {
        let both = [left, right].concat();
        return if kind == "union" { once(both) } else { both };
    }
    let all = kind.ends_with("_all");
    let mut rows = Vec::new();
    for row in if all { left } else { once(left) } {
        let place = right.iter().position(|other| *other == row);
        if place.is_some() == kind.starts_with("intersect") {
            rows.push(row);
        }
        if let Some(place) = place.filter(|_| all) {
            right.remove(place);
        }
    }
    rows
}

fn once(rows: Vec<Vec<V>>) -> Vec<Vec<V>> {
    let mut kept: Vec<Vec<V>> = Vec::new();
    for row in rows {
        if !kept.contains(&row) {
            kept.push(row);
        }
    }
    kept
}

fn join(world: &World, left: Relation, kind: &str, key: &str, number: usize) -> Relation {
    let mut right = world.sides.clone();
    for column in &mut right.columns {
        column.0 = format!("{}{number}", column.0);
    }
    let place = left.position(key);
    let matches = |one: &[V], other: &[V]| one[place] != V::Null && one[place] == other[0];
    if matches!(kind, "semi" | "anti") {
        let rows = left.rows.into_iter();
        let keep = |row: &Vec<V>| right.rows.iter().any(|other| matches(row, other)) == (kind == "semi");
        return Relation { columns: left.columns, rows: rows.filter(keep).collect() };
    }
    let (wide, narrow) = (left.columns.len(), right.columns.len());
    let mut rows = Vec::new();
    for one in &left.rows {
        let before = rows.len();
        rows.extend(
            right.rows.iter().filter(|other| matches(one, other)).map(|other| [one.clone(), other.clone()].concat()),
        );
        if rows.len() == before && matches!(kind, "left" | "full") {
            rows.push([one.clone(), vec![V::Null; narrow]].concat());
        }
    }
    if matches!(kind, "right" | "full") {
        for other in &right.rows {
            if !left.rows.iter().any(|one| matches(one, other)) {
                rows.push([vec![V::Null; wide], other.clone()].concat());
            }
        }
    }
    Relation { columns: [left.columns, right.columns].concat(), rows }
}

/// A `using` key stands once: the left one, or in right and full joins whichever side has one.
fn merge_key(mut relation: Relation, left: usize, right: &str, kind: &str) -> Relation {
    let right = relation.position(right);
    for row in &mut relation.rows {
        let other = row.remove(right);
        if matches!(kind, "right" | "full") && row[left] == V::Null {
            row[left] = other;
        }
    }
    relation.columns.remove(right);
    relation
}

pub fn group(
    relation: &Relation,
    keys: &[String],
    aggregates: &[(String, &'static str, Option<String>)],
) -> Result<Relation, Skip> {
    let places: Vec<usize> = keys.iter().map(|key| relation.position(key)).collect();
    let mut groups: Vec<(Vec<V>, Vec<&Vec<V>>)> = Vec::new();
    for row in &relation.rows {
        let key: Vec<V> = places.iter().map(|place| row[*place].clone()).collect();
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((key, vec![row])),
        }
    }
    if keys.is_empty() && groups.is_empty() {
        groups.push((Vec::new(), Vec::new()));
    }
    let mut columns: Vec<(String, Ty)> = places.iter().map(|place| relation.columns[*place].clone()).collect();
    for (name, function, of) in aggregates {
        let ty = match *function {
            "min" | "max" => relation.columns[relation.position(of.as_ref().unwrap())].1,
            "avg" => Ty::Float,
            _ => Ty::Int,
        };
        columns.push((name.clone(), ty));
    }
    let mut rows = Vec::new();
    for (mut key, members) in groups {
        for (_, function, of) in aggregates {
            let values: Vec<&V> = match of {
                Some(of) => {
                    members.iter().map(|row| &row[relation.position(of)]).filter(|it| **it != V::Null).collect()
                }
                None => Vec::new(),
            };
            let total = || values.iter().map(|it| it.number().unwrap()).sum::<f64>();
            key.push(match *function {
                "rows" => V::Int(members.len() as i64),
                "count" => V::Int(values.len() as i64),
                "distinct" => {
                    let mut seen: Vec<&V> = Vec::new();
                    values.iter().for_each(|it| {
                        if !seen.contains(it) {
                            seen.push(it)
                        }
                    });
                    V::Int(seen.len() as i64)
                }
                _ if values.is_empty() => V::Null,
                "sum" if total().abs() > 1e12 => return Err(Skip),
                "sum" => V::Int(total() as i64),
                "min" => (*values.iter().min_by(|one, other| compare(one, other)).unwrap()).clone(),
                "max" => (*values.iter().max_by(|one, other| compare(one, other)).unwrap()).clone(),
                _ => V::Float(total() / values.len() as f64),
            });
        }
        rows.push(key);
    }
    Ok(Relation { columns, rows })
}

/// What the steps give in memory, ended by an order by all columns; `Err` for a case to leave out.
fn in_memory(world: &World, steps: &[Step], last: &[Key]) -> Result<Relation, Skip> {
    let mut relation = world.facts.clone();
    for step in steps {
        relation = carry_out(world, relation, step)?;
    }
    sort(&mut relation.rows, &relation.columns, last);
    Ok(relation)
}

fn built<M: Mode>(db: &Database<M>, world: &World, steps: &[Step], last: &[Key]) -> Frame {
    let mut frame = db.table(world.facts_table.as_str());
    let mut relation = world.facts.clone();
    for step in steps {
        frame = apply(db, world, frame, step, &relation.columns);
        relation.rows.clear();
        relation = carry_out(world, relation, step).expect("an empty relation");
    }
    frame.order_by(sort_keys(last))
}

/// Runs the steps both ways. `Ok(false)` for a case that is left out.
pub async fn compare_steps<M: Mode>(
    db: &Database<M>,
    world: &World,
    steps: &[Step],
    last: &[Key],
) -> Result<bool, String> {
    let Ok(expected) = in_memory(world, steps, last) else { return Ok(false) };
    let frame = built(db, world, steps, last);
    let rows = frame.collect().await;
    let text = frame.to_sql().map(|text| text.sql().to_owned()).unwrap_or_default();
    let rows = rows.map_err(|error| format!("{error:?}\n{text}"))?;
    let names: Vec<&str> = expected.columns.iter().map(|(name, _)| name.as_str()).collect();
    if rows.columns() != names {
        return Err(format!("columns {:?}, not {names:?}\n{text}", rows.columns()));
    }
    let read = |row: &portcullis::Row| -> Vec<V> {
        row.values().iter().zip(&expected.columns).map(|(value, (_, ty))| V::read(value, *ty)).collect()
    };
    let found = std::panic::catch_unwind(AssertUnwindSafe(|| rows.iter().map(read).collect::<Vec<_>>()))
        .map_err(|_| format!("a value of another type\n{text}"))?;
    let fits = found.len() == expected.rows.len()
        && found
            .iter()
            .zip(&expected.rows)
            .all(|(one, other)| one.iter().zip(other).all(|(one, other)| same(one, other)));
    if fits { Ok(true) } else { Err(format!("found    {found:?}\nexpected {:?}\n{text}", expected.rows)) }
}

fn last_keys(world: &World, steps: &[Step], dice: &mut Dice) -> Result<Vec<Key>, Skip> {
    let relation = in_memory(world, steps, &[])?;
    Ok(relation.columns.into_iter().map(|(name, _)| (name, dice.one_in(2), None)).collect())
}

/// One to `most` random steps, each of which fits what the ones before give.
fn random_steps(dice: &mut Dice, world: &World, most: usize) -> Vec<Step> {
    let mut relation = world.facts.clone();
    let mut steps = Vec::new();
    for place in 0..1 + dice.roll(most) {
        let next = step(dice, &relation, place);
        // A chain explodes one column.
        let rolls = |step: &Step| matches!(step, Step::Reshape(Reshape::Roll { .. }));
        if rolls(&next) && steps.iter().any(rolls) {
            continue;
        }
        let Ok(then) = carry_out(world, relation.clone(), &next) else { continue };
        relation = then;
        steps.push(next);
    }
    steps
}

/// The case of a number, compared; on a failure as few of its steps as still fail are shown.
pub async fn check_case<M: Mode>(db: &Database<M>, world: &World, number: u64) -> usize {
    let mut dice = Dice::new(number.wrapping_add(1 << 40));
    let mut steps = random_steps(&mut dice, world, 6);
    let Ok(last) = last_keys(world, &steps, &mut dice) else { return 0 };
    let started = std::time::Instant::now();
    let ran = run(db, world, &steps, &last).await;
    if started.elapsed().as_secs() >= 2 {
        eprintln!("case {number} took {:?}: {steps:?}", started.elapsed());
    }
    let first = match ran {
        Ok(true) => return 1,
        Ok(false) => return 0,
        // Relations joined with themselves again and again are too much work, not another answer.
        Err(message) if ["[timeout.statement]", "[limit.relations]"].iter().any(|code| message.contains(code)) => {
            return 0;
        }
        // A server that is gone tells nothing of fewer steps.
        Err(message) if message.contains("[connect.") => {
            panic!("case {number} on {}, {}:\n{steps:?}\n{last:?}\n{message}", db.dialect(), world.facts_table);
        }
        Err(message) => format!("at first, ordered by {last:?}: {message}"),
    };
    let mut place = 0;
    while place < steps.len() {
        let mut fewer = steps.clone();
        fewer.remove(place);
        // A step that others need can't go; then it is no longer the same case.
        let keys = std::panic::catch_unwind(|| last_keys(world, &fewer, &mut Dice::new(number)));
        match keys {
            Ok(Ok(keys)) => match run(db, world, &fewer, &keys).await {
                Err(message) if !["[schema.", "[rename.taken]", "[type."].iter().any(|it| message.contains(it)) => {
                    steps = fewer;
                    place = 0;
                }
                _ => place += 1,
            },
            _ => place += 1,
        }
    }
    let last = last_keys(world, &steps, &mut Dice::new(number)).unwrap_or(last);
    let message = run(db, world, &steps, &last).await.err().unwrap_or(first);
    panic!("case {number} on {}, {}:\n{steps:?}\n{last:?}\n{message}", db.dialect(), world.facts_table);
}

/// The same steps with other values.
fn reroll_step(dice: &mut Dice, step: &Step) -> Step {
    match step {
        Step::Where(tree) => Step::Where(reroll(dice, tree)),
        Step::Select(list) => {
            Step::Select(list.iter().map(|(name, tree)| (name.clone(), reroll(dice, tree))).collect())
        }
        Step::SelectWhere(names, tree) => Step::SelectWhere(names.clone(), reroll(dice, tree)),
        Step::WithColumn(name, tree) => Step::WithColumn(name.clone(), reroll(dice, tree)),
        Step::Slice(keys, limit, offset) => {
            let offset = if *offset > 0 { 1 + dice.roll(4) as u64 } else { 0 };
            Step::Slice(keys.clone(), limit.map(|_| dice.roll(14) as u64), offset)
        }
        other => other.clone(),
    }
}

/// The case of a number, and then twice more with other values: each has the rows of memory and the text of `anew`, a handle that
/// keeps no shapes.
pub async fn check_again<M: Mode>(kept: &Database<M>, anew: &Database<M>, world: &World, number: u64) {
    let mut dice = Dice::new(number.wrapping_add(1 << 41));
    let mut steps = random_steps(&mut dice, world, 5);
    let Ok(last) = last_keys(world, &steps, &mut dice) else { return };
    for _ in 0..3 {
        let (one, other) = (run(kept, world, &steps, &last).await, run(anew, world, &steps, &last).await);
        let slow = |ran: &Result<bool, String>| {
            ran.as_ref().is_err_and(|text| text.contains("[timeout.statement]") || text.contains("[limit.relations]"))
        };
        if slow(&one) || slow(&other) {
            return;
        }
        assert_eq!(one, other, "case {number} on {}:\n{steps:?}", kept.dialect());
        assert!(one.is_ok(), "case {number} on {}:\n{steps:?}\n{one:?}", kept.dialect());
        if one == Ok(true) {
            let (one, other) = (built(kept, world, &steps, &last).to_sql(), built(anew, world, &steps, &last).to_sql());
            assert_eq!(one.unwrap(), other.unwrap(), "case {number}");
        }
        steps = steps.iter().map(|step| reroll_step(&mut dice, step)).collect();
    }
}

async fn run<M: Mode>(db: &Database<M>, world: &World, steps: &[Step], last: &[Key]) -> Result<bool, String> {
    let running = AssertUnwindSafe(compare_steps(db, world, steps, last)).catch_unwind().await;
    running.unwrap_or_else(|_| Err("a panic".to_owned()))
}
