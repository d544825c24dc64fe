//! The time that layers go by.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};

/// Where a layer reads the time, so that a test turns the hands itself.
///
/// A clock has two faces: [`elapsed`](Clock::elapsed) only ever goes forward and serves to measure, [`now`](Clock::now) is
/// the time of day in UTC and can be set back by whoever keeps the machine's time.
///
/// ```
/// use std::time::Duration;
/// use portcullis::Clock;
///
/// let (clock, hands) = Clock::manual();
/// let start = clock.now();
/// hands.advance(Duration::from_secs(90));
/// assert_eq!(clock.elapsed(), Duration::from_secs(90));
/// assert_eq!(clock.now() - start, chrono::TimeDelta::seconds(90));
/// ```
#[derive(Debug, Clone)]
pub struct Clock(Source);

/// Turns the hands of a [`Clock::manual`].
#[derive(Debug, Clone)]
pub struct ClockHands(Arc<Hands>);

#[derive(Debug, Clone)]
enum Source {
    System,
    Manual(Arc<Hands>),
}

#[derive(Debug)]
struct Hands {
    /// Nanoseconds since the clock was made.
    elapsed: AtomicU64,
    /// Microseconds between the Unix epoch and the time of day at `elapsed` zero.
    wall: AtomicI64,
}

/// 146 years: the longest that a clock measures, so that sums of a few readings fit into 64 bits.
pub(super) const LONGEST: u64 = u64::MAX / 4;

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Clock {
        Clock(Source::System)
    }

    /// A clock that stands still until its hands are turned. It starts on 1 January 2026 at midnight.
    pub fn manual() -> (Clock, ClockHands) {
        let hands = Arc::new(Hands { elapsed: AtomicU64::new(0), wall: AtomicI64::new(1_767_225_600_000_000) });
        (Clock(Source::Manual(Arc::clone(&hands))), ClockHands(hands))
    }

    /// The time since an arbitrary moment. It never goes back.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanos())
    }

    /// The time of day.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Source::System => {
                // A machine whose clock stands before 1970 or far in the future gets the epoch: a record with an obviously
                // wrong time is better than none.
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_secs())
                    .ok()
                    .and_then(|seconds| DateTime::from_timestamp(seconds, since.subsec_nanos()))
                    .unwrap_or_default()
            }
            Source::Manual(hands) => {
                let since = i64::try_from(hands.elapsed.load(Ordering::SeqCst) / 1_000).unwrap_or(i64::MAX);
                DateTime::from_timestamp_micros(hands.wall.load(Ordering::SeqCst).saturating_add(since))
                    .unwrap_or_default()
            }
        }
    }

    /// [`Clock::elapsed`] in nanoseconds, at most [`LONGEST`].
    pub(super) fn nanos(&self) -> u64 {
        let nanos = match &self.0 {
            Source::System => {
                static START: OnceLock<Instant> = OnceLock::new();
                u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(LONGEST)
            }
            Source::Manual(hands) => hands.elapsed.load(Ordering::SeqCst),
        };
        nanos.min(LONGEST)
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::system()
    }
}

impl ClockHands {
    /// Moves both faces forward.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(LONGEST).min(LONGEST);
        // The closure always returns `Some`, so this can't fail.
        let _ = self
            .0
            .elapsed
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |nanos| Some(nanos.saturating_add(by).min(LONGEST)));
    }

    /// Sets the time of day alone, forward or back, as a correction of the machine's clock does. It is kept in microseconds.
    pub fn set(&self, now: DateTime<Utc>) {
        let since = i64::try_from(self.0.elapsed.load(Ordering::SeqCst) / 1_000).unwrap_or(i64::MAX);
        self.0.wall.store(now.timestamp_micros().saturating_sub(since), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_clock_goes_forward_and_agrees_with_the_machine() {
        let clock = Clock::system();
        let (first, day) = (clock.elapsed(), clock.now());
        std::thread::sleep(Duration::from_millis(3));
        assert!(clock.elapsed() >= first + Duration::from_millis(3));
        assert!(clock.now() > day);
        let machine: DateTime<Utc> = DateTime::from(SystemTime::now());
        assert!((machine - clock.now()).abs() < chrono::TimeDelta::seconds(5));
    }

    #[test]
    fn manual_clock_moves_only_by_its_hands() {
        let (clock, hands) = Clock::manual();
        let copy = clock.clone();
        assert_eq!(clock.elapsed(), Duration::ZERO);
        assert_eq!(clock.now().to_rfc3339(), "2026-01-01T00:00:00+00:00");
        hands.advance(Duration::from_nanos(1));
        hands.advance(Duration::from_secs(2));
        assert_eq!(copy.elapsed(), Duration::new(2, 1));
        assert_eq!(copy.now().to_rfc3339(), "2026-01-01T00:00:02+00:00");
    }

    #[test]
    fn setting_the_time_of_day_back_leaves_the_measure_alone() {
        let (clock, hands) = Clock::manual();
        hands.advance(Duration::from_secs(10));
        hands.set(DateTime::from_timestamp_micros(5_000_000).unwrap());
        assert_eq!(clock.now(), DateTime::from_timestamp_micros(5_000_000).unwrap());
        assert_eq!(clock.elapsed(), Duration::from_secs(10));
    }

    #[test]
    fn absurd_turns_of_the_hands_stop_at_the_longest_time() {
        let (clock, hands) = Clock::manual();
        hands.advance(Duration::MAX);
        hands.advance(Duration::MAX);
        assert_eq!(clock.nanos(), LONGEST);
        hands.set(DateTime::<Utc>::MAX_UTC);
        hands.advance(Duration::MAX);
        let _ = clock.now();
    }
}
