//! Records into lines: the chain goes on, checkpoints are put between, files are closed and begun.

use std::io;
use std::time::{Duration, Instant};

use super::chain::{Chain, to_hex};
use super::escape::to_object;
use super::key::AuditKey;
use super::record::{Checkpoint, Recovery, Segment};
use super::target::Target;
use crate::hook::Clock;

/// How often others may be quicker.
const RACES: u32 = 20;

#[derive(Debug)]
pub(super) struct Sink {
    target: Target,
    chain: Chain,
    key: Option<AuditKey>,
    /// How many records at most without a checkpoint.
    every: u64,
    clock: Clock,
    sync: bool,
    /// Records since the last checkpoint.
    unanchored: u64,
    used: bool,
}

/// How records are to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// How long to wait for another process.
    pub(super) patience: Duration,
    pub(super) checkpoint: Want,
}

/// Whether a checkpoint is to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    WhenDue,
    Now,
    Closing,
}

/// What became of records.
#[derive(Debug)]
pub(super) struct Written {
    /// How many were taken, from the first.
    pub(super) records: usize,
    /// Why the rest was not, or, when all were, why they may not last.
    pub(super) fault: Option<io::Error>,
}

impl Sink {
    pub(super) fn new(target: Target, key: Option<AuditKey>, every: u64, clock: Clock, sync: bool) -> Sink {
        Sink { target, chain: Chain::default(), key, every, clock, sync, unanchored: 0, used: false }
    }

    /// Where the chain has got to.
    pub(super) fn chain(&self) -> Chain {
        self.chain
    }

    /// Whether anything was written.
    pub(super) fn is_used(&self) -> bool {
        self.used
    }

    /// Whether there are records that no checkpoint vouches for yet.
    pub(super) fn wants_checkpoint(&self) -> bool {
        self.key.is_some() && self.unanchored > 0
    }

    /// When [`Sink::let_go`] is owed, because others may wait for the file.
    pub(super) fn held_until(&self) -> Option<Instant> {
        self.target.held_until()
    }

    /// Lets others write, if they could not.
    pub(super) fn let_go(&mut self) {
        self.target.let_go();
    }

    /// Writes records, given as JSON objects, in one go.
    pub(super) fn write(&mut self, objects: &[&[u8]], manner: Manner) -> Written {
        let mut tries = 0;
        loop {
            let written = match self.try_write(objects, manner) {
                Ok(written) => written,
                Err(fault) => Written { records: 0, fault: Some(fault) },
            };
            tries += 1;
            let taken = written.fault.as_ref().is_some_and(|fault| fault.kind() == io::ErrorKind::AlreadyExists);
            // Somebody else was quicker: their records come first in the chain.
            if !taken || tries > RACES || !matches!(self.target, Target::Store(_)) {
                return written;
            }
        }
    }

    fn try_write(&mut self, objects: &[&[u8]], manner: Manner) -> io::Result<Written> {
        let now = self.clock.now();
        let owed = self.target.begin(&mut self.chain, manner.patience, now)?;
        // INVARIANT: from here on the target's `end` is called, which lets go of the file.
        let mut lines = Lines::after(self.chain);
        let prepared = (|| {
            let bytes = objects.iter().map(|object| object.len().saturating_add(120)).sum();
            let next = match &self.target {
                Target::File(file) if !owed.newline && owed.torn.is_none() => file.next_number(bytes, now),
                _ => None,
            };
            if let Some(number) = next {
                self.rotate(number)?;
                lines = Lines::after(self.chain);
            }
            if owed.newline || owed.torn.is_some() {
                lines.out.push(b'\n');
            }
            if let Some((bytes, hash)) = &owed.torn {
                lines.add(&to_object(&Recovery::new(*bytes, &to_hex(hash), now))?);
            }
            if let Some(number) = owed.fresh.filter(|_| lines.chain.seq > 0) {
                let (seq, hash) = (lines.chain.seq, to_hex(&lines.chain.head));
                lines.add(&to_object(&Segment::new(number, seq, &hash, now))?);
            }
            Ok(())
        })();
        if let Err(error) = prepared {
            self.target.end(0, &[], false);
            return Err(error);
        }
        let mut unanchored = self.unanchored.saturating_add(lines.ends.len() as u64);
        let lined_up = (|| {
            for object in objects {
                lines.add(object);
                lines.mark_record();
                unanchored = unanchored.saturating_add(1);
                if unanchored >= self.every {
                    self.add_checkpoint(&mut lines, None, &mut unanchored)?;
                }
            }
            match manner.checkpoint {
                Want::Closing => self.add_checkpoint(&mut lines, Some("log"), &mut unanchored),
                Want::Now if unanchored > 0 => self.add_checkpoint(&mut lines, None, &mut unanchored),
                _ => Ok(()),
            }
        })();
        if let Err(error) = lined_up {
            self.target.end(0, &[], false);
            return Err(error);
        }

        let (written, mut fault) = self.target.put(&lines.out);
        // A line that lacks its newline only is whole.
        let whole = lines.ends.partition_point(|line| line.end.saturating_sub(1) <= written);
        let (end, chain, records) = match whole.checked_sub(1).and_then(|last| lines.ends.get(last)) {
            Some(line) => (line.end, line.chain, line.records),
            None => (0, self.chain, 0),
        };
        self.chain = chain;
        self.used |= whole > 0;
        let rest = lines.out.get(end..written).unwrap_or_default();
        if fault.is_none() && self.sync {
            fault = self.target.sync().err();
        }
        self.target.end(written, rest, end > written);
        self.unanchored =
            if whole == lines.ends.len() { unanchored } else { self.unanchored.saturating_add(whole as u64) };
        Ok(Written { records, fault })
    }

    /// Does nothing without a key.
    fn add_checkpoint(&self, lines: &mut Lines, closes: Option<&'static str>, unanchored: &mut u64) -> io::Result<()> {
        if let Some(key) = &self.key {
            let object = to_object(&Checkpoint::new(key.name(), closes, self.clock.now()))?;
            lines.chain.link_checkpoint(&object, key, &mut lines.out);
            lines.mark();
            *unanchored = 0;
        }
        Ok(())
    }

    /// Closes the file with a checkpoint and begins the next one.
    fn rotate(&mut self, number: u64) -> io::Result<()> {
        let now = self.clock.now();
        if self.wants_checkpoint() {
            let mut lines = Lines::after(self.chain);
            let mut unanchored = self.unanchored;
            self.add_checkpoint(&mut lines, Some("segment"), &mut unanchored)?;
            let (written, fault) = self.target.put(&lines.out);
            if let Some(fault) = fault {
                let rest = lines.out.get(..written).unwrap_or_default();
                self.target.end(0, rest, false);
                return Err(fault);
            }
            self.chain = lines.chain;
            self.unanchored = 0;
        }
        if self.sync {
            self.target.sync()?;
        }
        let mut lines = Lines::after(self.chain);
        lines.add(&to_object(&Segment::new(number, self.chain.seq, &to_hex(&self.chain.head), now))?);
        if let Target::File(file) = &mut self.target {
            file.rotate(number, &lines.out, now, self.sync)?;
        }
        self.chain = lines.chain;
        self.unanchored = self.unanchored.saturating_add(1);
        Ok(())
    }
}

/// Lines in the making.
struct Lines {
    chain: Chain,
    out: Vec<u8>,
    ends: Vec<LineEnd>,
}

/// Where a line ends, what the chain is there, and how many of the records that were to be written stand before.
struct LineEnd {
    end: usize,
    chain: Chain,
    records: usize,
}

impl Lines {
    fn after(chain: Chain) -> Lines {
        Lines { chain, out: Vec::new(), ends: Vec::new() }
    }

    fn add(&mut self, object: &[u8]) {
        self.chain.link(object, &mut self.out);
        self.mark();
    }

    fn mark(&mut self) {
        let records = self.ends.last().map_or(0, |line| line.records);
        self.ends.push(LineEnd { end: self.out.len(), chain: self.chain, records });
    }

    /// Says that the last line is one of those that were to be written.
    fn mark_record(&mut self) {
        if let Some(line) = self.ends.last_mut() {
            line.records = line.records.saturating_add(1);
        }
    }
}
