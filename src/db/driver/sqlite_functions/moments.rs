//! Variance, standard deviation, covariance and correlation: one pass, by the updates of Welford, that lose no digits to the
//! difference of large squares. Over a window whose frame moves the rest is computed anew, exactly as if it had been the whole.

use std::collections::VecDeque;

use rusqlite::functions::{Aggregate, Context, WindowAggregate};
use rusqlite::{Connection, Error, Result};

use super::{AGGREGATE, number_at};

pub(super) fn register(connection: &Connection) -> Result<()> {
    for (name, operands, of) in FUNCTIONS {
        let count = if operands == 1 { 1 } else { 2 };
        let group = OfMoments { operands, of, keeps: false };
        connection.create_aggregate_function(format!("portcullis_{name}").as_str(), count, AGGREGATE, group)?;
        let frame = OfMoments { keeps: true, ..group };
        connection.create_window_function(format!("portcullis_{name}_over").as_str(), count, AGGREGATE, frame)?;
    }
    Ok(())
}

/// A name, the number of operands, and the result.
type Function = (&'static str, usize, fn(&Moments) -> Option<f64>);

const FUNCTIONS: [Function; 7] = [
    ("var_pop", 1, |it| it.divided(it.xx, 0.0)),
    ("var_samp", 1, |it| it.divided(it.xx, 1.0)),
    ("stddev_pop", 1, |it| it.divided(it.xx, 0.0).map(f64::sqrt)),
    ("stddev_samp", 1, |it| it.divided(it.xx, 1.0).map(f64::sqrt)),
    ("covar_pop", 2, |it| it.divided(it.xy, 0.0)),
    ("covar_samp", 2, |it| it.divided(it.xy, 1.0)),
    ("corr", 2, Moments::correlation),
];

#[derive(Clone, Copy)]
struct OfMoments {
    operands: usize,
    of: fn(&Moments) -> Option<f64>,
    /// Rows may leave again, as they do from a frame and never from a group.
    keeps: bool,
}

/// The count, the means, and the sums of the products of what differs from them.
#[derive(Default)]
struct Moments {
    count: f64,
    mean_x: f64,
    mean_y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Moments {
    fn add(&mut self, (x, y): (f64, f64)) {
        self.count += 1.0;
        let (before_x, before_y) = (x - self.mean_x, y - self.mean_y);
        self.mean_x += before_x / self.count;
        self.mean_y += before_y / self.count;
        self.xx += before_x * (x - self.mean_x);
        self.yy += before_y * (y - self.mean_y);
        self.xy += before_x * (y - self.mean_y);
    }

    fn divided(&self, sum: f64, less: f64) -> Option<f64> {
        (self.count > less).then(|| sum / (self.count - less))
    }

    fn correlation(&self) -> Option<f64> {
        (self.xx > 0.0 && self.yy > 0.0).then(|| (self.xy / (self.xx.sqrt() * self.yy.sqrt())).clamp(-1.0, 1.0))
    }
}

/// What a frame holds; the values are kept only where one may leave it.
#[derive(Default)]
struct State {
    moments: Moments,
    values: VecDeque<(f64, f64)>,
    stale: bool,
}

impl OfMoments {
    /// `None` where an operand is NULL.
    fn pair(&self, context: &Context<'_>) -> Result<Option<(f64, f64)>> {
        let Some(x) = number_at(context, 0)? else { return Ok(None) };
        if self.operands == 1 {
            return Ok(Some((x, x)));
        }
        Ok(number_at(context, 1)?.map(|y| (x, y)))
    }

    fn result(&self, moments: &Moments) -> Result<Option<f64>> {
        match (self.of)(moments) {
            Some(number) if !number.is_finite() => {
                Err(Error::UserFunctionError("the result is beyond the range of a double".into()))
            }
            number => Ok(number),
        }
    }
}

impl Aggregate<State, Option<f64>> for OfMoments {
    fn init(&self, _: &mut Context<'_>) -> Result<State> {
        Ok(State::default())
    }

    fn step(&self, context: &mut Context<'_>, state: &mut State) -> Result<()> {
        if let Some(pair) = self.pair(context)? {
            state.moments.add(pair);
            if self.keeps {
                state.values.push_back(pair);
            }
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, state: Option<State>) -> Result<Option<f64>> {
        match state {
            Some(mut state) => self.value(Some(&mut state)),
            None => self.value(None),
        }
    }
}

impl WindowAggregate<State, Option<f64>> for OfMoments {
    fn value(&self, state: Option<&mut State>) -> Result<Option<f64>> {
        let Some(state) = state else { return self.result(&Moments::default()) };
        if std::mem::take(&mut state.stale) {
            state.moments = Moments::default();
            state.values.iter().for_each(|pair| state.moments.add(*pair));
        }
        self.result(&state.moments)
    }

    fn inverse(&self, context: &mut Context<'_>, state: &mut State) -> Result<()> {
        if self.pair(context)?.is_some() {
            // Rows leave a frame in the order in which they came.
            state.values.pop_front();
            state.stale = true;
        }
        Ok(())
    }
}
