//! The figures of a report, in bounded memory.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use chrono::{DateTime, Utc};
use portcullis::AuditLine;
use serde::Deserialize;

use super::timeline::Timeline;
use crate::args::{Filters, Outcome};
use crate::statement::Statement;

/// The most characters of a name or text that are kept.
const CHARACTERS: usize = 160;
const SQL_CHARACTERS: usize = 2_000;
/// The most shapes of an earlier log.
const KNOWN: usize = 2_000_000;

/// A map that takes no more keys than it may; what comes after that is counted.
#[derive(Debug)]
pub(crate) struct Capped<K, V> {
    map: HashMap<K, V>,
    most: usize,
    /// How often there was no room.
    pub(crate) crowded: u64,
}

impl<K: Hash + Eq + Clone + Ord, V: Default> Capped<K, V> {
    fn new(most: usize) -> Capped<K, V> {
        Capped { map: HashMap::new(), most, crowded: 0 }
    }

    fn at(&mut self, key: K) -> Option<&mut V> {
        if self.map.len() >= self.most && !self.map.contains_key(&key) {
            self.crowded = self.crowded.saturating_add(1);
            return None;
        }
        Some(self.map.entry(key).or_default())
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Those with the most first.
    pub(crate) fn ranked(&self, rank: impl Fn(&V) -> u64) -> Vec<(&K, &V)> {
        let mut ranked: Vec<(&K, &V)> = self.map.iter().collect();
        ranked.sort_by(|a, b| rank(b.1).cmp(&rank(a.1)).then_with(|| a.0.cmp(b.0)));
        ranked
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }
}

/// What one subject did to one table.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Touched {
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) refused: u64,
}

impl Touched {
    pub(crate) fn total(&self) -> u64 {
        self.reads.saturating_add(self.writes).saturating_add(self.refused)
    }
}

/// Statements that differ in values only.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) summary: String,
    pub(crate) sql: String,
    pub(crate) first: DateTime<Utc>,
    pub(crate) first_subject: String,
    pub(crate) count: u64,
    pub(crate) timed: u64,
    pub(crate) micros: u64,
    pub(crate) longest: u64,
    /// How many took so long; see [`slot`].
    times: Vec<u32>,
}

impl Default for Shape {
    fn default() -> Shape {
        Shape {
            summary: String::new(),
            sql: String::new(),
            first: DateTime::<Utc>::MAX_UTC,
            first_subject: String::new(),
            count: 0,
            timed: 0,
            micros: 0,
            longest: 0,
            times: Vec::new(),
        }
    }
}

impl Shape {
    fn time(&mut self, micros: u64) {
        let slot = slot(micros);
        if self.times.len() <= slot {
            self.times.resize(slot + 1, 0);
        }
        if let Some(count) = self.times.get_mut(slot) {
            *count = count.saturating_add(1);
        }
        self.timed = self.timed.saturating_add(1);
        self.micros = self.micros.saturating_add(micros);
        self.longest = self.longest.max(micros);
    }

    /// So long or less took this part of a hundred; to a quarter of a power of two.
    pub(crate) fn percentile(&self, part: u64) -> u64 {
        let wanted = self.timed.saturating_mul(part).div_ceil(100);
        let mut seen = 0_u64;
        for (slot, count) in self.times.iter().enumerate() {
            seen = seen.saturating_add(u64::from(*count));
            if seen >= wanted && seen > 0 {
                return longest_of(slot).min(self.longest);
            }
        }
        self.longest
    }
}

/// The place of a time among four to each power of two; the smallest have a place each.
fn slot(micros: u64) -> usize {
    if micros < 4 {
        return micros as usize;
    }
    let power = 63 - micros.leading_zeros() as usize;
    power * 4 + ((micros >> (power - 2)) & 3) as usize
}

fn longest_of(slot: usize) -> u64 {
    if slot < 4 {
        return slot as u64;
    }
    let (power, quarter) = (slot / 4, (slot % 4) as u128);
    u64::try_from(((quarter + 5) << power) / 4 - 1).unwrap_or(u64::MAX)
}

#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) statements: u64,
    pub(crate) unchained: u64,
    pub(crate) opaque: u64,
    pub(crate) unreadable: u64,
    outcomes: HashMap<Outcome, u64>,
    pub(crate) rows: u64,
    pub(crate) affected: u64,
    pub(crate) first: Option<DateTime<Utc>>,
    pub(crate) last: Option<DateTime<Utc>>,
    pub(crate) verbs: Capped<String, u64>,
    pub(crate) subjects: Capped<String, Touched>,
    pub(crate) tenants: Capped<String, u64>,
    pub(crate) tables: Capped<String, Touched>,
    pub(crate) pairs: Capped<(String, String), Touched>,
    pub(crate) timeline: Timeline,
    /// Denied and throttled statements of a minute.
    pub(crate) peaks: Capped<i64, (u64, u64)>,
    /// Who was refused, how, and with which code or rule.
    pub(crate) refusals: Capped<(String, &'static str, String), u64>,
    pub(crate) shapes: Capped<u64, Shape>,
    known: HashSet<u64>,
    until: Option<DateTime<Utc>>,
    has_baseline: bool,
    pub(crate) gaps: Gaps,
}

/// What could not be written.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    pub(crate) count: u64,
    pub(crate) refused: u64,
    pub(crate) lost: u64,
}

impl Figures {
    pub(crate) fn new(known: HashSet<u64>, until: Option<DateTime<Utc>>, has_baseline: bool) -> Figures {
        Figures {
            statements: 0,
            unchained: 0,
            opaque: 0,
            unreadable: 0,
            outcomes: HashMap::new(),
            rows: 0,
            affected: 0,
            first: None,
            last: None,
            verbs: Capped::new(100),
            subjects: Capped::new(50_000),
            tenants: Capped::new(50_000),
            tables: Capped::new(10_000),
            pairs: Capped::new(100_000),
            timeline: Timeline::default(),
            peaks: Capped::new(200_000),
            refusals: Capped::new(20_000),
            shapes: Capped::new(5_000),
            known,
            until,
            has_baseline,
            gaps: Gaps::default(),
        }
    }

    /// Takes what is no statement.
    pub(crate) fn see_line(&mut self, line: &AuditLine<'_>) {
        #[derive(Deserialize)]
        struct Gap {
            refused_statements: u64,
            lost_intents: u64,
            lost_completions: u64,
        }
        if line.phase() == "gap"
            && let Some(gap) = line.record::<Gap>()
        {
            self.gaps.count = self.gaps.count.saturating_add(1);
            self.gaps.refused = self.gaps.refused.saturating_add(gap.refused_statements);
            let lost = gap.lost_intents.saturating_add(gap.lost_completions);
            self.gaps.lost = self.gaps.lost.saturating_add(lost);
        }
    }

    pub(crate) fn see(&mut self, filters: &Filters, statement: &Statement) {
        let intent = &statement.intent;
        let fingerprint = u64::from_str_radix(&intent.fingerprint, 16).ok();
        if let Some(fingerprint) = fingerprint
            && self.until.is_some_and(|until| intent.time < until)
        {
            learn(&mut self.known, fingerprint);
        }
        if !filters.matches(statement) {
            return;
        }
        let outcome = statement.outcome();
        let refused = matches!(outcome, Outcome::Denied | Outcome::Throttled);
        add(&mut self.statements, 1);
        add(&mut self.unchained, u64::from(!statement.chained));
        add(&mut self.opaque, u64::from(statement.is_opaque()));
        add(self.outcomes.entry(outcome).or_default(), 1);
        self.first = Some(self.first.map_or(intent.time, |first| first.min(intent.time)));
        self.last = Some(self.last.map_or(intent.time, |last| last.max(intent.time)));
        self.timeline.add(intent.time, outcome);
        if let Some(count) = self.verbs.at(cut(&intent.operation, CHARACTERS)) {
            add(count, 1);
        }
        let who = intent.subject.as_deref().map_or_else(|| "(nobody stated)".to_owned(), |who| cut(who, CHARACTERS));
        let touched = |touched: &mut Touched, read: bool| {
            add(
                if refused {
                    &mut touched.refused
                } else if read {
                    &mut touched.reads
                } else {
                    &mut touched.writes
                },
                1,
            );
        };
        if let Some(of) = self.subjects.at(who.clone()) {
            touched(of, intent.operation == "SELECT");
        }
        if let Some(tenant) = &intent.tenant
            && let Some(count) = self.tenants.at(cut(tenant, CHARACTERS))
        {
            add(count, 1);
        }
        for table in &intent.tables {
            let name = cut(&table.name, CHARACTERS);
            let read = table.verb == "SELECT";
            if let Some(of) = self.pairs.at((who.clone(), name.clone())) {
                touched(of, read);
            }
            if let Some(of) = self.tables.at(name) {
                touched(of, read);
            }
        }
        if refused {
            let (denied, throttled) = (u64::from(outcome == Outcome::Denied), u64::from(outcome == Outcome::Throttled));
            if let Some(peak) = self.peaks.at(intent.time.timestamp().div_euclid(60)) {
                add(&mut peak.0, denied);
                add(&mut peak.1, throttled);
            }
            let end = statement.completion.as_ref();
            let why = end.and_then(|end| end.rule.as_deref().or(end.error.as_deref())).unwrap_or("?");
            if let Some(count) = self.refusals.at((who.clone(), outcome.name(), cut(why, CHARACTERS))) {
                add(count, 1);
            }
        }
        if let Some(end) = &statement.completion {
            add(&mut self.rows, end.rows);
            add(&mut self.affected, end.affected);
        }
        let Some(shape) = fingerprint.and_then(|fingerprint| self.shapes.at(fingerprint)) else { return };
        if shape.count == 0 {
            shape.summary = cut(&intent.summary, CHARACTERS);
            shape.sql = cut(intent.sql.as_deref().unwrap_or_default(), SQL_CHARACTERS);
        }
        add(&mut shape.count, 1);
        if intent.time < shape.first {
            shape.first = intent.time;
            shape.first_subject = who;
        }
        if let Some(end) = statement.completion.as_ref().filter(|_| !refused) {
            shape.time(end.elapsed_us);
        }
    }

    pub(crate) fn by_outcome(&self) -> impl Iterator<Item = (Outcome, u64)> {
        Outcome::ALL.into_iter().map(|outcome| (outcome, self.outcomes.get(&outcome).copied().unwrap_or_default()))
    }

    pub(crate) fn count_of(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(&outcome).copied().unwrap_or_default()
    }

    /// Shapes that were not there before, the earliest first; `None` when nothing was given to compare with.
    pub(crate) fn new_shapes(&self) -> Option<Vec<(u64, &Shape)>> {
        if !self.has_baseline {
            return None;
        }
        let all = self.shapes.map.iter().map(|(fingerprint, shape)| (*fingerprint, shape));
        let mut new: Vec<(u64, &Shape)> = all
            .filter(|(fingerprint, shape)| {
                !self.known.contains(fingerprint) && self.until.is_none_or(|until| shape.first >= until)
            })
            .collect();
        new.sort_by_key(|(fingerprint, shape)| (shape.first, *fingerprint));
        Some(new)
    }
}

fn add(count: &mut u64, more: u64) {
    *count = count.saturating_add(more);
}

pub(crate) fn learn(known: &mut HashSet<u64>, shape: u64) {
    if known.len() < KNOWN {
        known.insert(shape);
    }
}

/// The fingerprint of an intent.
pub(crate) fn shape_of(line: &AuditLine<'_>) -> Option<u64> {
    #[derive(Deserialize)]
    struct Intent {
        fingerprint: String,
    }
    if line.phase() != "intent" {
        return None;
    }
    u64::from_str_radix(&line.record::<Intent>()?.fingerprint, 16).ok()
}

fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + "…",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_lies_within_its_slot() {
        for micros in (0..5_000).chain([1 << 40, u64::MAX / 2, u64::MAX]) {
            let slot = slot(micros);
            assert!(micros <= longest_of(slot), "{micros}");
            assert!(slot == 0 || micros > longest_of(slot - 1), "{micros}");
        }
    }

    #[test]
    fn a_percentile_is_as_near_as_a_quarter() {
        let mut shape = Shape::default();
        (1..=1_000).for_each(|micros| shape.time(micros));
        for (part, exact) in [(50, 500), (95, 950), (100, 1_000)] {
            let found = shape.percentile(part);
            assert!(found >= exact && found <= exact * 5 / 4, "{part}: {found}");
        }
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut map: Capped<u64, u64> = Capped::new(3);
        for key in [1, 2, 3, 4, 1, 5] {
            if let Some(count) = map.at(key) {
                add(count, 1);
            }
        }
        assert_eq!((map.len(), map.crowded, map.ranked(|count| *count)[0]), (3, 2, (&1, &2)));
    }
}
