//! What turns the values of a plan into the binds of a text that was compiled for another plan of the same shape.

use super::lists::list_value;
use crate::dialect::Dialect;
use crate::expr::{Address, Given, Values};
use crate::schema::{ListForm, Provenance, adapted, escaped};
use crate::types::SqlType;
use crate::value::{Bind, Value};

/// For each placeholder, in order, where its value comes from.
#[derive(Debug)]
pub(crate) struct Program {
    steps: Box<[Step]>,
    dialect: Dialect,
}

/// One placeholder; `value` numbers the plan's values in the order of the walk that finds them.
#[derive(Debug)]
enum Step {
    Own(Bind),
    Literal { value: usize, sql_type: SqlType },
    Pattern { value: usize },
    Item { value: usize, index: usize, sql_type: SqlType },
    List { value: usize, element: SqlType, form: ListForm, sql_type: SqlType },
    Rows { value: usize },
    LeastRows { values: [usize; 2] },
}

impl Program {
    /// The program that makes `binds` of `values`; `None` when one of them has no known origin among these, or when one of these
    /// stands in the plan twice: in the next plan the two may differ.
    pub(super) fn of(binds: &[Bind], origins: &[Provenance], values: &Values<'_>, dialect: Dialect) -> Option<Program> {
        let mut places: Vec<(Address, usize)> =
            values.iter().enumerate().map(|(number, value)| (value.address(), number)).collect();
        places.sort_unstable();
        if places.windows(2).any(|pair| matches!(pair, [(one, _), (other, _)] if one == other)) {
            return None;
        }
        let number_of = |address: Address| {
            let found = places.binary_search_by_key(&address, |(known, _)| *known).ok()?;
            places.get(found).map(|(_, number)| *number)
        };
        let step = |(bind, origin): (&Bind, &Provenance)| {
            let sql_type = bind.sql_type;
            Some(match *origin {
                Provenance::Unknown => return None,
                Provenance::Own => Step::Own(bind.clone()),
                Provenance::Literal(address) => Step::Literal { value: number_of(address)?, sql_type },
                Provenance::Pattern(address) => Step::Pattern { value: number_of(address)? },
                Provenance::Item { list, index } => Step::Item { value: number_of(list)?, index, sql_type },
                Provenance::Rows(address) => Step::Rows { value: number_of(address)? },
                Provenance::LeastRows(one, other) => Step::LeastRows { values: [number_of(one)?, number_of(other)?] },
                Provenance::List { list, length, element, form } => {
                    let value = number_of(list)?;
                    // A part of a list would not be that part of a longer one.
                    match values.get(value) {
                        Some(Given::List(whole)) if whole.len() == length => {
                            Step::List { value, element, form, sql_type }
                        }
                        _ => return None,
                    }
                }
            })
        };
        let steps = binds.iter().zip(origins).map(step).collect::<Option<_>>()?;
        Some(Program { steps, dialect })
    }

    /// The binds for these values; `None` when the text does not fit one of them after all.
    pub(super) fn run(&self, values: &Values<'_>) -> Option<Vec<Bind>> {
        let mut binds = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            match step {
                // Most are such, and are made where they stay.
                Step::Literal { value, sql_type } => {
                    let bind = values.get(*value)?.bind()?;
                    if bind.sql_type == *sql_type {
                        push_clone(&mut binds, bind);
                    } else {
                        binds.push(as_type(bind, *sql_type));
                    }
                }
                step => binds.push(self.bind(step, values)?),
            }
        }
        Some(binds)
    }

    fn bind(&self, step: &Step, values: &Values<'_>) -> Option<Bind> {
        Some(match step {
            Step::Own(bind) => bind.clone(),
            Step::Literal { value, sql_type } => as_type(values.get(*value)?.bind()?, *sql_type),
            Step::Pattern { value } => match values.get(*value)? {
                Given::Pattern(pattern, text) => {
                    Bind { value: Value::Text(escaped(pattern, text)), sql_type: SqlType::Text }
                }
                _ => return None,
            },
            Step::Item { value, index, sql_type } => match values.get(*value)? {
                Given::List(list) => as_type(list.get(*index)?, *sql_type),
                _ => return None,
            },
            Step::List { value, element, form, sql_type } => match values.get(*value)? {
                Given::List(list) => {
                    let adapted: Vec<Value> = list.iter().map(|bind| as_type(bind, *element).value).collect();
                    let value = match form {
                        ListForm::Array => Value::Array(adapted),
                        form => list_value(*form, &mut adapted.iter(), self.dialect)?,
                    };
                    Bind { value, sql_type: *sql_type }
                }
                _ => return None,
            },
            Step::Rows { value } => rows_bind(rows(values, *value)?)?,
            Step::LeastRows { values: [one, other] } => rows_bind(rows(values, *one)?.min(rows(values, *other)?))?,
        })
    }

    pub(super) fn size(&self) -> usize {
        self.steps.len() * size_of::<Step>()
    }
}

/// A number is copied, which takes the place of a match.
#[inline]
fn push_clone(binds: &mut Vec<Bind>, bind: &Bind) {
    let sql_type = bind.sql_type;
    match &bind.value {
        Value::Int(number) => binds.push(Bind { value: Value::Int(*number), sql_type }),
        Value::Text(text) => binds.push(Bind { value: Value::Text(text.clone()), sql_type }),
        value => binds.push(Bind { value: value.clone(), sql_type }),
    }
}

fn rows(values: &Values<'_>, value: usize) -> Option<u64> {
    values.get(value)?.rows()
}

fn rows_bind(rows: u64) -> Option<Bind> {
    Some(Bind { value: Value::Int(i64::try_from(rows).ok()?), sql_type: SqlType::Int64 })
}

fn as_type(bind: &Bind, sql_type: SqlType) -> Bind {
    let value = if bind.sql_type == sql_type { bind.value.clone() } else { adapted(&bind.value, sql_type) };
    Bind { value, sql_type }
}
