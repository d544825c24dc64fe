//! The generic cell rate algorithm, in whole nanoseconds.
//!
//! A bucket is one number: when it will be full again. Taking `cost` out of it moves that moment by `cost` intervals; it may lie
//! at most `burst` intervals ahead. Nothing else is kept, and nothing has to run in between.

use super::super::clock::LONGEST;

/// One rate: how long one unit takes to flow back, and how far ahead the moment of being full may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gcra {
    /// Nanoseconds for one unit, rounded up: in favour of the limit.
    pub(crate) interval: u64,
    /// `burst` intervals.
    pub(crate) tolerance: u64,
}

/// What a bucket says to a cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It holds that much; the bucket would then be full at this moment.
    Allowed(u64),
    /// It will hold that much after so many nanoseconds.
    Wait(u64),
    /// It can never hold that much.
    Never,
}

impl Gcra {
    /// `None` when the bucket would take longer to fill than a clock can measure.
    pub(crate) fn new(limit: u32, window: u128, burst: u32) -> Option<Gcra> {
        let interval = window.div_ceil(u128::from(limit.max(1)));
        let tolerance = interval.checked_mul(u128::from(burst)).filter(|fills| *fills <= u128::from(LONGEST))?;
        Some(Gcra { interval: u64::try_from(interval).ok()?, tolerance: u64::try_from(tolerance).ok()? })
    }

    /// The part of one process out of `processes`: what all of them allow together is no more than the whole.
    pub(crate) fn divided(self, processes: u32) -> Option<Gcra> {
        let processes = u64::from(processes.max(1));
        let interval = self.interval.checked_mul(processes)?;
        let burst = (self.tolerance / self.interval.max(1)) / processes;
        Some(Gcra { interval, tolerance: interval.checked_mul(burst)? })
    }

    /// How far `cost` units move the moment of being full.
    pub(crate) fn increment(self, cost: u64) -> u64 {
        self.interval.saturating_mul(cost).min(LONGEST)
    }

    /// Asks a bucket that will be full at `full_at`. `ahead` are the units that others, who came before, still wait for.
    pub(crate) fn ask(self, full_at: u64, now: u64, ahead: u64, cost: u64) -> Answer {
        let own = self.interval.saturating_mul(cost);
        if own > self.tolerance {
            return Answer::Never;
        }
        let then = full_at.max(now).saturating_add(self.increment(ahead)).saturating_add(own);
        match then.saturating_sub(now).checked_sub(self.tolerance) {
            None | Some(0) => Answer::Allowed(then),
            Some(wait) => Answer::Wait(wait),
        }
    }

    /// Takes `cost` units that were used already, whether the bucket holds them or not.
    pub(crate) fn owe(self, full_at: u64, now: u64, cost: u64) -> u64 {
        // INVARIANT: at most three times `LONGEST`, so that further sums fit.
        full_at.max(now).saturating_add(self.increment(cost)).min(now.saturating_add(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_takes_its_burst_and_then_one_unit_for_each_interval() {
        let rate = Gcra::new(4, 1_000, 2).unwrap();
        assert_eq!(rate, Gcra { interval: 250, tolerance: 500 });
        assert_eq!(rate.ask(0, 10, 0, 1), Answer::Allowed(260));
        assert_eq!(rate.ask(260, 10, 0, 1), Answer::Allowed(510));
        assert_eq!(rate.ask(510, 10, 0, 1), Answer::Wait(250));
        assert_eq!(rate.ask(510, 259, 0, 1), Answer::Wait(1));
        assert_eq!(rate.ask(510, 260, 0, 1), Answer::Allowed(760));
        assert_eq!(rate.ask(510, 10, 3, 1), Answer::Wait(1_000));
        assert_eq!(rate.ask(0, 10, 0, 3), Answer::Never);
        assert_eq!(rate.ask(0, 10, 0, u64::MAX), Answer::Never);
    }

    #[test]
    fn a_debt_is_waited_off_exactly() {
        let rate = Gcra::new(10, 1_000, 10).unwrap();
        let full_at = rate.owe(0, 50, 25);
        assert_eq!(full_at, 2_550);
        assert_eq!(rate.ask(full_at, 50, 0, 1), Answer::Wait(1_600));
        assert_eq!(rate.ask(full_at, 1_650, 0, 1), Answer::Allowed(2_650));
        assert_eq!(rate.owe(u64::MAX / 4, 5, u64::MAX), 5 + LONGEST);
    }

    #[test]
    fn parts_of_processes_add_up_to_no_more_than_the_whole() {
        for (limit, burst, processes) in [(100, 100, 4), (7, 10, 3), (5, 3, 8), (1, 1, 1)] {
            let whole = Gcra::new(limit, 1_000_000, burst).unwrap();
            let part = whole.divided(processes).unwrap();
            assert!(part.tolerance / part.interval * u64::from(processes) <= u64::from(burst));
            assert!(part.interval >= whole.interval * u64::from(processes));
        }
        assert_eq!(Gcra::new(5, 1_000, 3).unwrap().divided(8).unwrap().ask(0, 0, 0, 1), Answer::Never);
    }

    #[test]
    fn windows_beyond_every_clock_are_refused() {
        assert_eq!(Gcra::new(1, u128::from(u64::MAX), 1), None);
        assert_eq!(Gcra::new(1, u128::from(LONGEST), 1).unwrap().tolerance, LONGEST);
    }
}
