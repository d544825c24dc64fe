//! Expressions as trees: made by dice, built with the crate, and evaluated in memory.

use std::cmp::Ordering;

use portcullis::{
    Database, Expr, Mode, SqlType, all_of, any_of, case, coalesce, col, concat, greatest, least, lit, not,
};

use super::data::{Dice, Relation, Ty, V, compare, facts};

/// An expression. Every one has one type, which the dice decided before.
#[derive(Debug, Clone)]
pub enum Tree {
    Column(String),
    Literal(V),
    Arithmetic(char, Box<Tree>, Box<Tree>),
    Negate(Box<Tree>),
    Compare(&'static str, Box<Tree>, Box<Tree>),
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Not(Box<Tree>),
    IsNull(Box<Tree>, bool),
    In(Box<Tree>, Vec<V>, bool),
    Between(Box<Tree>, Box<Tree>, Box<Tree>, bool),
    Like(Box<Tree>, &'static str, String),
    Case(Vec<(Tree, Tree)>, Option<Box<Tree>>),
    Coalesce(Vec<Tree>),
    Cast(Box<Tree>, Ty),
    /// A function by its name; its second and third operands may be values that the call itself holds.
    Call(&'static str, Vec<Tree>),
}

/// The case goes beyond the range in which all databases compute exactly, and is left out.
#[derive(Debug)]
pub struct Skip;

const COMPARISONS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];

/// A random tree of type `ty` over `columns`.
pub fn random(dice: &mut Dice, ty: Ty, depth: u32, columns: &[(String, Ty)]) -> Tree {
    let next = depth.saturating_sub(1);
    if depth == 0 || dice.one_in(5) {
        let fitting: Vec<&(String, Ty)> = columns.iter().filter(|(_, known)| *known == ty).collect();
        return match fitting.is_empty() || dice.one_in(3) {
            true => Tree::Literal(literal(dice, ty)),
            false => Tree::Column(dice.pick(&fitting).0.clone()),
        };
    }
    let of = |dice: &mut Dice, ty| Box::new(random(dice, ty, next, columns));
    if dice.one_in(4) {
        return match dice.roll(3) {
            0 => {
                let arms = (0..1 + dice.roll(2)).map(|_| (*of(dice, Ty::Bool), *of(dice, ty))).collect();
                Tree::Case(arms, if dice.one_in(3) { None } else { Some(of(dice, ty)) })
            }
            _ => Tree::Coalesce((0..1 + dice.roll(3)).map(|_| *of(dice, ty)).collect()),
        };
    }
    match ty {
        Ty::Int => match dice.roll(11) {
            8 => Tree::Call(dice.pick::<&str>(&["abs", "sign"]), vec![*of(dice, Ty::Int)]),
            9 => Tree::Call("length", vec![*of(dice, Ty::Text)]),
            10 => {
                let name = dice.pick::<&str>(&["greatest", "least", "nullif", "bit_and"]);
                Tree::Call(name, vec![*of(dice, Ty::Int), *of(dice, Ty::Int)])
            }
            0 => Tree::Negate(of(dice, Ty::Int)),
            1 => {
                let from = *dice.pick(&[Ty::Bool, Ty::Float, Ty::Int]);
                Tree::Cast(of(dice, from), Ty::Int)
            }
            _ => {
                let operation = *dice.pick(&['+', '-', '*', 'i', '%']);
                Tree::Arithmetic(operation, of(dice, Ty::Int), divisor(operation, *of(dice, Ty::Int)))
            }
        },
        Ty::Float => match dice.roll(9) {
            8 => Tree::Call(dice.pick::<&str>(&["abs", "floor", "ceil"]), vec![*of(dice, Ty::Float)]),
            0 => Tree::Negate(of(dice, Ty::Float)),
            1 => Tree::Cast(of(dice, Ty::Int), Ty::Float),
            2 | 3 => {
                let right = *of(dice, Ty::Int);
                Tree::Arithmetic('/', of(dice, Ty::Int), divisor('/', right))
            }
            roll => {
                // At least one side is a float, so that the whole is one.
                let (left, right) = match roll {
                    4 => (Ty::Int, Ty::Float),
                    5 => (Ty::Float, Ty::Int),
                    _ => (Ty::Float, Ty::Float),
                };
                let operation = *dice.pick(&['+', '-', '*', '/']);
                Tree::Arithmetic(operation, of(dice, left), divisor(operation, *of(dice, right)))
            }
        },
        Ty::Text => match dice.roll(6) {
            3 => Tree::Call(dice.pick::<&str>(&["upper", "lower", "trim", "reverse"]), vec![*of(dice, Ty::Text)]),
            4 => Tree::Call("concat", vec![*of(dice, Ty::Text), *of(dice, Ty::Text)]),
            5 => match dice.one_in(2) {
                true => Tree::Call("replace", vec![*of(dice, Ty::Text), *of(dice, Ty::Text), *of(dice, Ty::Text)]),
                false => {
                    let from = Tree::Literal(V::Int(1 + dice.roll(3) as i64));
                    Tree::Call("substring", vec![*of(dice, Ty::Text), from, Tree::Literal(V::Int(dice.roll(3) as i64))])
                }
            },
            0 => Tree::Cast(of(dice, Ty::Bool), Ty::Text),
            1 => Tree::Cast(of(dice, Ty::Int), Ty::Text),
            _ => Tree::Coalesce(vec![*of(dice, Ty::Text), Tree::Literal(literal(dice, Ty::Text))]),
        },
        Ty::Bool => {
            let ty = *dice.pick(&[Ty::Int, Ty::Int, Ty::Float, Ty::Text, Ty::Text]);
            let other = match ty {
                Ty::Int if dice.one_in(4) => Ty::Float,
                Ty::Float if dice.one_in(3) => Ty::Int,
                same => same,
            };
            match dice.roll(15) {
                14 => {
                    let name = dice.pick::<&str>(&["is_distinct_from", "is_not_distinct_from"]);
                    Tree::Call(name, vec![*of(dice, ty), *of(dice, other)])
                }
                0..4 => Tree::Compare(dice.pick::<&str>(&COMPARISONS), of(dice, ty), of(dice, other)),
                4 => Tree::All((0..dice.roll(4)).map(|_| *of(dice, Ty::Bool)).collect()),
                5 => Tree::Any((0..dice.roll(4)).map(|_| *of(dice, Ty::Bool)).collect()),
                6 => Tree::Not(of(dice, Ty::Bool)),
                7 => {
                    let any = *dice.pick(&[Ty::Int, Ty::Float, Ty::Text, Ty::Bool]);
                    Tree::IsNull(of(dice, any), dice.one_in(2))
                }
                8 | 9 => {
                    let long = if dice.one_in(6) { 120 } else { 4 };
                    let count = dice.roll(long);
                    // The first value says of which type the list is.
                    let value = |place| if place > 0 && dice.one_in(9) { V::Null } else { literal(dice, ty) };
                    let list = (0..1 + count).map(value).collect();
                    Tree::In(of(dice, ty), list, dice.one_in(2))
                }
                10 => Tree::Between(of(dice, ty), of(dice, other), of(dice, ty), dice.one_in(2)),
                11 => Tree::Compare(dice.pick::<&str>(&COMPARISONS[..2]), of(dice, Ty::Bool), of(dice, Ty::Bool)),
                12 => Tree::Cast(of(dice, Ty::Int), Ty::Bool),
                _ => {
                    let kind = *dice.pick(&["like", "not_like", "contains", "starts_with", "ends_with"]);
                    let mut text = dice.text();
                    if kind.ends_with("like") {
                        text = (*dice.pick(&["%", "a%", "%b", "_", "a_b", "%\\%%", "", "A%", "é", "_\\\\b", "%'%"]))
                            .to_owned();
                    }
                    Tree::Like(of(dice, Ty::Text), kind, text)
                }
            }
        }
    }
}

/// A constant zero is refused as a divisor, so it is replaced.
fn divisor(operation: char, tree: Tree) -> Box<Tree> {
    Box::new(match tree {
        Tree::Literal(V::Int(0)) if operation != '+' => Tree::Literal(V::Int(3)),
        Tree::Literal(V::Float(0.0)) if operation != '+' => Tree::Literal(V::Float(0.5)),
        other => other,
    })
}

/// The same tree with other values.
pub fn reroll(dice: &mut Dice, tree: &Tree) -> Tree {
    let mut each = |list: &[Tree]| list.iter().map(|one| reroll(dice, one)).collect::<Vec<_>>();
    match tree {
        Tree::Column(name) => Tree::Column(name.clone()),
        Tree::Literal(value) => Tree::Literal(other_value(dice, value)),
        Tree::Arithmetic(operation, left, right) => {
            let left = Box::new(reroll(dice, left));
            Tree::Arithmetic(*operation, left, divisor(*operation, reroll(dice, right)))
        }
        Tree::Negate(inner) => Tree::Negate(Box::new(reroll(dice, inner))),
        Tree::Compare(operation, left, right) => {
            let left = Box::new(reroll(dice, left));
            Tree::Compare(operation, left, Box::new(reroll(dice, right)))
        }
        Tree::All(list) => Tree::All(each(list)),
        Tree::Any(list) => Tree::Any(each(list)),
        Tree::Not(inner) => Tree::Not(Box::new(reroll(dice, inner))),
        Tree::IsNull(inner, negated) => Tree::IsNull(Box::new(reroll(dice, inner)), *negated),
        Tree::In(operand, list, negated) => {
            let operand = Box::new(reroll(dice, operand));
            Tree::In(operand, list.iter().map(|value| other_value(dice, value)).collect(), *negated)
        }
        Tree::Between(operand, low, high, negated) => {
            let (operand, low) = (Box::new(reroll(dice, operand)), Box::new(reroll(dice, low)));
            Tree::Between(operand, low, Box::new(reroll(dice, high)), *negated)
        }
        Tree::Like(operand, kind, text) => {
            let operand = Box::new(reroll(dice, operand));
            let text = if kind.ends_with("like") { text.clone() } else { dice.text() };
            Tree::Like(operand, kind, text)
        }
        Tree::Case(arms, otherwise) => {
            let arms = arms.iter().map(|(one, other)| (reroll(dice, one), reroll(dice, other))).collect();
            Tree::Case(arms, otherwise.as_ref().map(|inner| Box::new(reroll(dice, inner))))
        }
        Tree::Coalesce(list) => Tree::Coalesce(each(list)),
        Tree::Cast(inner, ty) => Tree::Cast(Box::new(reroll(dice, inner)), *ty),
        // What it takes may depend on its values: a length is no negative number.
        Tree::Call("substring", operands) => {
            let operands = [vec![reroll(dice, &operands[0])], operands[1..].to_vec()].concat();
            Tree::Call("substring", operands)
        }
        Tree::Call(name, operands) => Tree::Call(name, each(operands)),
    }
}

fn other_value(dice: &mut Dice, value: &V) -> V {
    match value {
        V::Null => V::Null,
        V::Int(_) => literal(dice, Ty::Int),
        V::Float(_) => literal(dice, Ty::Float),
        V::Text(_) => literal(dice, Ty::Text),
        V::Bool(_) => literal(dice, Ty::Bool),
    }
}

fn literal(dice: &mut Dice, ty: Ty) -> V {
    match ty {
        Ty::Int => V::Int(dice.roll(13) as i64 - 6),
        Ty::Float => V::Float((dice.roll(25) as f64 - 12.0) / 4.0),
        Ty::Text => V::Text(dice.text()),
        Ty::Bool => V::Bool(dice.one_in(2)),
    }
}

/// The tree in the crate's words.
pub fn build(tree: &Tree) -> Expr {
    match tree {
        Tree::Column(name) => col(name),
        Tree::Literal(V::Int(it)) => lit(*it),
        Tree::Literal(V::Float(it)) => lit(*it),
        Tree::Literal(V::Text(it)) => lit(it),
        Tree::Literal(V::Bool(it)) => lit(*it),
        Tree::Literal(V::Null) => panic!("NULL is no literal"),
        Tree::Arithmetic(operation, left, right) => {
            let (left, right) = (build(left), build(right));
            match operation {
                '+' => left + right,
                '-' => left - right,
                '*' => left * right,
                '/' => left / right,
                'i' => left.int_div(right),
                _ => left % right,
            }
        }
        Tree::Negate(inner) => -build(inner),
        Tree::Compare(operation, left, right) => {
            let (left, right) = (build(left), build(right));
            match *operation {
                "=" => left.eq(right),
                "<>" => left.ne(right),
                "<" => left.lt(right),
                "<=" => left.le(right),
                ">" => left.gt(right),
                _ => left.ge(right),
            }
        }
        Tree::All(list) => all_of(list.iter().map(build)),
        Tree::Any(list) => any_of(list.iter().map(build)),
        Tree::Not(inner) => not(build(inner)),
        Tree::IsNull(inner, false) => build(inner).is_null(),
        Tree::IsNull(inner, true) => build(inner).is_not_null(),
        Tree::In(operand, list, negated) => {
            let operand = build(operand);
            match list.iter().find(|value| **value != V::Null) {
                Some(V::Text(_)) => member(operand, *negated, list, |it| match it {
                    V::Text(it) => Some(it.clone()),
                    _ => None,
                }),
                Some(V::Float(_)) => member(operand, *negated, list, V::number),
                _ => member(operand, *negated, list, |it| match it {
                    V::Int(it) => Some(*it),
                    _ => None,
                }),
            }
        }
        Tree::Between(operand, low, high, negated) => {
            let (operand, low, high) = (build(operand), build(low), build(high));
            if *negated { operand.not_between(low, high) } else { operand.between(low, high) }
        }
        Tree::Like(operand, kind, text) => {
            let operand = build(operand);
            match *kind {
                "like" => operand.like(text),
                "not_like" => operand.not_like(text),
                "contains" => operand.contains(text),
                "starts_with" => operand.starts_with(text),
                _ => operand.ends_with(text),
            }
        }
        Tree::Case(arms, otherwise) => {
            let arms = arms.iter().fold(case(), |case, (condition, result)| case.when(build(condition), build(result)));
            match otherwise {
                Some(otherwise) => arms.otherwise(build(otherwise)),
                None => arms.end(),
            }
        }
        Tree::Coalesce(list) => coalesce(list.iter().map(build)),
        Tree::Cast(inner, ty) => build(inner).cast(match ty {
            Ty::Int => SqlType::Int64,
            Ty::Float => SqlType::Float64,
            Ty::Text => SqlType::Text,
            Ty::Bool => SqlType::Bool,
        }),
        Tree::Call(name, operands) => {
            let operand = |place: usize| build(&operands[place]);
            let one = operand(0);
            match *name {
                "abs" => one.abs(),
                "sign" => one.sign(),
                "floor" => one.floor(),
                "ceil" => one.ceil(),
                "length" => one.length(),
                "upper" => one.upper(),
                "lower" => one.lower(),
                "trim" => one.trim(),
                "reverse" => one.reverse(),
                "greatest" => greatest([one, operand(1)]),
                "least" => least([one, operand(1)]),
                "nullif" => one.nullif(operand(1)),
                "bit_and" => one.bit_and(operand(1)),
                "concat" => concat([one, operand(1)]),
                "replace" => one.replace(operand(1), operand(2)),
                "substring" => one.substring(operand(1), operand(2)),
                "is_distinct_from" => one.is_distinct_from(operand(1)),
                "is_not_distinct_from" => one.is_not_distinct_from(operand(1)),
                other => panic!("no function {other}"),
            }
        }
    }
}

fn member<T: portcullis::ToValue>(operand: Expr, negated: bool, list: &[V], take: impl Fn(&V) -> Option<T>) -> Expr
where
    Option<T>: portcullis::ToValue,
{
    let list: Vec<Option<T>> = list.iter().map(take).collect();
    if negated { operand.not_in(list) } else { operand.in_(list) }
}

/// What the tree means for a row.
pub fn evaluate(tree: &Tree, columns: &[(String, Ty)], row: &[V]) -> Result<V, Skip> {
    let value = |tree: &Tree| evaluate(tree, columns, row);
    Ok(match tree {
        Tree::Column(name) => row[columns.iter().position(|(known, _)| known == name).expect("a known column")].clone(),
        Tree::Literal(it) => it.clone(),
        Tree::Arithmetic(operation, left, right) => arithmetic(*operation, value(left)?, value(right)?)?,
        Tree::Negate(inner) => match value(inner)? {
            V::Int(it) => V::Int(-it),
            V::Float(it) => V::Float(-it),
            _ => V::Null,
        },
        Tree::Compare(operation, left, right) => of_bool(comparison(operation, &value(left)?, &value(right)?)),
        Tree::All(list) => of_bool(chain(list, columns, row, false)?),
        Tree::Any(list) => of_bool(chain(list, columns, row, true)?),
        Tree::Not(inner) => of_bool(truth(&value(inner)?).map(|it| !it)),
        Tree::IsNull(inner, negated) => V::Bool((value(inner)? == V::Null) != *negated),
        Tree::In(operand, list, negated) => {
            let operand = value(operand)?;
            let found = if list.is_empty() {
                Some(false)
            } else {
                let each: Vec<Option<bool>> = list.iter().map(|it| comparison("=", &operand, it)).collect();
                either(&each, true)
            };
            of_bool(found.map(|it| it != *negated))
        }
        Tree::Between(operand, low, high, negated) => {
            let (operand, low, high) = (value(operand)?, value(low)?, value(high)?);
            let both = [comparison(">=", &operand, &low), comparison("<=", &operand, &high)];
            of_bool(either(&both, false).map(|it| it != *negated))
        }
        Tree::Like(operand, kind, text) => match value(operand)? {
            V::Text(it) => V::Bool(match *kind {
                "like" => like(&characters(&it), &characters(text)),
                "not_like" => !like(&characters(&it), &characters(text)),
                "contains" => it.contains(text.as_str()),
                "starts_with" => it.starts_with(text.as_str()),
                _ => it.ends_with(text.as_str()),
            }),
            _ => V::Null,
        },
        Tree::Case(arms, otherwise) => {
            // Every part is looked at, so that a case which one database might compute early is left out.
            let mut found = None;
            for (condition, result) in arms {
                let (condition, result) = (value(condition)?, value(result)?);
                if found.is_none() && condition == V::Bool(true) {
                    found = Some(result);
                }
            }
            let otherwise = otherwise.as_ref().map(|it| value(it)).transpose()?;
            found.or(otherwise).unwrap_or(V::Null)
        }
        Tree::Coalesce(list) => {
            let values = list.iter().map(value).collect::<Result<Vec<_>, _>>()?;
            values.into_iter().find(|it| *it != V::Null).unwrap_or(V::Null)
        }
        Tree::Cast(inner, ty) => match (value(inner)?, ty) {
            (V::Null, _) => V::Null,
            (V::Int(it), Ty::Int) => V::Int(it),
            (V::Float(it), Ty::Int) => V::Int(it.trunc() as i64),
            (V::Bool(it), Ty::Int) => V::Int(i64::from(it)),
            (V::Int(it), Ty::Float) => V::Float(it as f64),
            (V::Int(it), Ty::Text) => V::Text(it.to_string()),
            (V::Bool(it), Ty::Text) => V::Text(it.to_string()),
            (V::Int(it), Ty::Bool) => V::Bool(it != 0),
            (other, ty) => panic!("{other:?} to {ty:?}"),
        },
        Tree::Call(name, operands) => {
            let operands = operands.iter().map(value).collect::<Result<Vec<_>, _>>()?;
            let distinct = |one: &V, other: &V| match (one, other) {
                (V::Null, V::Null) => false,
                (V::Null, _) | (_, V::Null) => true,
                (one, other) => compare(one, other) != Ordering::Equal,
            };
            match *name {
                "is_distinct_from" => V::Bool(distinct(&operands[0], &operands[1])),
                "is_not_distinct_from" => V::Bool(!distinct(&operands[0], &operands[1])),
                "nullif" if comparison("=", &operands[0], &operands[1]) == Some(true) => V::Null,
                "nullif" => operands[0].clone(),
                _ if operands.contains(&V::Null) => V::Null,
                name => call(name, &operands)?,
            }
        }
    })
}

/// A function of values that are not NULL.
fn call(name: &str, operands: &[V]) -> Result<V, Skip> {
    Ok(match (name, operands) {
        ("abs", [V::Int(it)]) => V::Int(it.abs()),
        ("sign", [V::Int(it)]) => V::Int(it.signum()),
        ("abs", [V::Float(it)]) => V::Float(it.abs()),
        ("floor", [V::Float(it)]) => V::Float(it.floor()),
        ("ceil", [V::Float(it)]) => V::Float(it.ceil()),
        ("length", [V::Text(it)]) => V::Int(it.chars().count() as i64),
        ("upper", [V::Text(it)]) => V::Text(it.to_uppercase()),
        ("lower", [V::Text(it)]) => V::Text(it.to_lowercase()),
        ("trim", [V::Text(it)]) => V::Text(it.trim_matches(' ').to_owned()),
        ("reverse", [V::Text(it)]) => V::Text(it.chars().rev().collect()),
        ("greatest", [V::Int(one), V::Int(other)]) => V::Int(*one.max(other)),
        ("least", [V::Int(one), V::Int(other)]) => V::Int(*one.min(other)),
        ("bit_and", [V::Int(one), V::Int(other)]) => V::Int(one & other),
        ("concat", [V::Text(one), V::Text(other)]) => V::Text(format!("{one}{other}")),
        ("replace", [V::Text(text), V::Text(from), V::Text(_)]) if from.is_empty() => V::Text(text.clone()),
        ("replace", [V::Text(text), V::Text(from), V::Text(to)]) => V::Text(text.replace(from.as_str(), to)),
        ("substring", [V::Text(text), V::Int(from), V::Int(length)]) => {
            V::Text(text.chars().skip(*from as usize - 1).take(*length as usize).collect())
        }
        (name, operands) => panic!("{name} of {operands:?}"),
    })
}

fn of_bool(value: Option<bool>) -> V {
    value.map_or(V::Null, V::Bool)
}

pub fn truth(value: &V) -> Option<bool> {
    match value {
        V::Bool(it) => Some(*it),
        _ => None,
    }
}

fn comparison(operation: &str, left: &V, right: &V) -> Option<bool> {
    if *left == V::Null || *right == V::Null {
        return None;
    }
    let order = compare(left, right);
    Some(match operation {
        "=" => order == Ordering::Equal,
        "<>" => order != Ordering::Equal,
        "<" => order == Ordering::Less,
        "<=" => order != Ordering::Greater,
        ">" => order == Ordering::Greater,
        _ => order != Ordering::Less,
    })
}

/// OR when `wanted` is true, AND when it is false: the wanted value decides, else NULL does.
fn either(list: &[Option<bool>], wanted: bool) -> Option<bool> {
    if list.contains(&Some(wanted)) {
        Some(wanted)
    } else if list.contains(&None) {
        None
    } else {
        Some(!wanted)
    }
}

fn chain(list: &[Tree], columns: &[(String, Ty)], row: &[V], wanted: bool) -> Result<Option<bool>, Skip> {
    let each = list.iter().map(|it| Ok(truth(&evaluate(it, columns, row)?))).collect::<Result<Vec<_>, Skip>>()?;
    Ok(either(&each, wanted))
}

/// Beyond this a product of two might leave the range in which a double counts exactly.
const MOST: f64 = 1e12;

fn arithmetic(operation: char, left: V, right: V) -> Result<V, Skip> {
    if left == V::Null || right == V::Null {
        return Ok(V::Null);
    }
    let result = match (&left, &right) {
        (V::Int(left), V::Int(right)) if operation != '/' => match operation {
            '+' => V::Int(left + right),
            '-' => V::Int(left - right),
            '*' => V::Int(left * right),
            _ if *right == 0 => V::Null,
            'i' => V::Int(left / right),
            _ => V::Int(left % right),
        },
        _ => {
            let (left, right) = (left.number().unwrap(), right.number().unwrap());
            match operation {
                '+' => V::Float(left + right),
                '-' => V::Float(left - right),
                '*' => V::Float(left * right),
                _ if right == 0.0 => V::Null,
                _ => V::Float(left / right),
            }
        }
    };
    match result.number() {
        Some(number) if number.abs() > MOST => Err(Skip),
        _ => Ok(result),
    }
}

fn characters(text: &str) -> Vec<char> {
    text.chars().collect()
}

fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|from| like(&text[from..], rest)),
        ['_', rest @ ..] => !text.is_empty() && like(&text[1..], rest),
        ['\\', sign, rest @ ..] | [sign, rest @ ..] => text.first() == Some(sign) && like(&text[1..], rest),
    }
}

/// Equal, and of one type; floats to the last few bits, since a sum may be taken in another order.
pub fn same(found: &V, expected: &V) -> bool {
    match (found, expected) {
        (V::Float(found), V::Float(expected)) => (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
        _ => found == expected,
    }
}

/// Makes a few trees of every type, and compares a column of each and the rows that the conditions let pass.
pub async fn check_case<M: Mode>(db: &Database<M>, number: u64) -> usize {
    let mut dice = Dice::new(number);
    let facts = facts();
    let mut trees: Vec<(Ty, Tree)> = Vec::new();
    for ty in [Ty::Int, Ty::Float, Ty::Text, Ty::Bool, Ty::Bool] {
        let tree = random(&mut dice, ty, 4, &facts.columns);
        if facts.rows.iter().all(|row| evaluate(&tree, &facts.columns, row).is_ok()) {
            trees.push((ty, tree));
        }
    }
    for (ty, tree) in &trees {
        check_tree(db, &facts, *ty, tree, number).await;
    }
    trees.len()
}

async fn check_tree<M: Mode>(db: &Database<M>, facts: &Relation, ty: Ty, tree: &Tree, number: u64) {
    let expected: Vec<V> = facts.rows.iter().map(|row| evaluate(tree, &facts.columns, row).unwrap()).collect();
    let frame = db.table("facts").order_by("id").select([build(tree).as_("it")]);
    let rows = frame.collect().await;
    let text = frame.to_sql().map(|text| text.sql().to_owned()).unwrap_or_default();
    let place = || format!("case {number} on {}:\n{tree:?}\n{text}", db.dialect());
    let rows = rows.unwrap_or_else(|error| panic!("{error:?}\n{}", place()));
    let found: Vec<V> = rows.iter().map(|row| V::read(&row.values()[0], ty)).collect();
    for (row, (found, expected)) in facts.rows.iter().zip(found.iter().zip(&expected)) {
        assert!(same(found, expected), "{found:?}, not {expected:?}, for {row:?}\n{}", place());
    }
    assert_eq!(found.len(), expected.len());
    if ty != Ty::Bool {
        return;
    }
    let frame = db.table("facts").where_(build(tree)).order_by("id").select(["id"]);
    let found = frame.collect_as::<i64>().await.unwrap_or_else(|error| panic!("{error:?}\n{}", place()));
    let passing = facts.rows.iter().zip(&expected).filter(|(_, it)| **it == V::Bool(true));
    let passing: Vec<i64> = passing.map(|(row, _)| row[0].number().unwrap() as i64).collect();
    assert_eq!(found, passing, "{}", place());
}
