//! Counts over time, in as many steps as a chart can show, however long the time is.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::args::Outcome;

/// The most steps.
const STEPS: i64 = 160;
const DAY: i64 = 86_400;
/// Seconds of a step; each is a multiple of the one before.
const WIDTHS: [i64; 17] = [
    1,
    10,
    60,
    300,
    900,
    3_600,
    3 * 3_600,
    6 * 3_600,
    12 * 3_600,
    DAY,
    7 * DAY,
    28 * DAY,
    364 * DAY,
    3_640 * DAY,
    36_400 * DAY,
    364_000 * DAY,
    3_640_000 * DAY,
];

/// What becomes of statements, in four classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) allowed: u64,
    pub(crate) denied: u64,
    pub(crate) throttled: u64,
    /// Failed, rolled back, cancelled, unknown or unfinished.
    pub(crate) other: u64,
}

impl Step {
    fn add(&mut self, more: Step) {
        self.allowed = self.allowed.saturating_add(more.allowed);
        self.denied = self.denied.saturating_add(more.denied);
        self.throttled = self.throttled.saturating_add(more.throttled);
        self.other = self.other.saturating_add(more.other);
    }
}

#[derive(Debug, Default)]
pub(crate) struct Timeline {
    width: usize,
    steps: BTreeMap<i64, Step>,
}

impl Timeline {
    pub(crate) fn add(&mut self, time: DateTime<Utc>, outcome: Outcome) {
        let mut step = Step::default();
        *match outcome {
            Outcome::Allowed => &mut step.allowed,
            Outcome::Denied => &mut step.denied,
            Outcome::Throttled => &mut step.throttled,
            _ => &mut step.other,
        } = 1;
        self.steps.entry(time.timestamp().div_euclid(self.seconds())).or_default().add(step);
        while self.span() > STEPS && self.width + 1 < WIDTHS.len() {
            let before = self.seconds();
            self.width += 1;
            let factor = self.seconds() / before;
            for (place, step) in std::mem::take(&mut self.steps) {
                self.steps.entry(place.div_euclid(factor)).or_default().add(step);
            }
        }
    }

    /// Seconds of a step.
    pub(crate) fn seconds(&self) -> i64 {
        WIDTHS.get(self.width).copied().unwrap_or(DAY)
    }

    fn span(&self) -> i64 {
        match (self.steps.first_key_value(), self.steps.last_key_value()) {
            (Some((first, _)), Some((last, _))) => last - first + 1,
            _ => 0,
        }
    }

    /// Every step from the first to the last, also those in which nothing happened.
    pub(crate) fn steps(&self) -> Vec<(DateTime<Utc>, Step)> {
        let (Some((first, _)), Some((last, _))) = (self.steps.first_key_value(), self.steps.last_key_value()) else {
            return Vec::new();
        };
        let time = |place: i64| DateTime::from_timestamp(place.saturating_mul(self.seconds()), 0).unwrap_or_default();
        (*first..=*last).map(|place| (time(place), self.steps.get(&place).copied().unwrap_or_default())).collect()
    }

    /// How long a step is, in words.
    pub(crate) fn step_name(&self) -> String {
        match self.seconds() {
            1 => "second".to_owned(),
            60 => "minute".to_owned(),
            3_600 => "hour".to_owned(),
            DAY => "day".to_owned(),
            seconds if seconds < 60 => format!("{seconds} seconds"),
            seconds if seconds < 3_600 => format!("{} minutes", seconds / 60),
            seconds if seconds < DAY => format!("{} hours", seconds / 3_600),
            seconds => format!("{} days", seconds / DAY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Step {
        fn total(self) -> u64 {
            self.allowed + self.denied + self.throttled + self.other
        }
    }

    #[test]
    fn steps_grow_with_the_time_that_is_shown_and_nothing_is_lost() {
        let mut timeline = Timeline::default();
        let at = |seconds: i64| DateTime::from_timestamp(1_770_000_000 + seconds, 0).unwrap();
        for minute in 0..10_000 {
            timeline.add(at(minute * 60), Outcome::Allowed);
        }
        timeline.add(at(0), Outcome::Denied);
        let steps = timeline.steps();
        assert!(steps.len() as i64 <= STEPS && steps.len() > 40, "{}", steps.len());
        assert_eq!(steps.iter().map(|(_, step)| step.total()).sum::<u64>(), 10_001);
        assert_eq!(steps[0].1.denied, 1);
        assert_eq!(timeline.step_name(), "3 hours");
        // A wrong clock does not use up memory.
        timeline.add(DateTime::<Utc>::MIN_UTC, Outcome::Failed);
        timeline.add(DateTime::<Utc>::MAX_UTC, Outcome::Failed);
        assert!(timeline.steps().len() as i64 <= STEPS);
        assert_eq!(timeline.steps().iter().map(|(_, step)| step.total()).sum::<u64>(), 10_003);
    }
}
