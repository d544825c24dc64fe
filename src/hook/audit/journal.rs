//! The way of a record into the log: a queue, and whoever writes what waits in it.
//!
//! Records wait in one queue, in the order in which they came, and are written in that order, as many at once as wait (group commit).
//! Who writes depends on the sink: a task that has just put its record there ([`Who::Leader`]; the others find theirs written), or a
//! thread ([`Who::Thread`]) where a write may take long.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use super::chain::Chain;
use super::escape::to_object;
use super::lock;
use super::record::{Completion, Gap, Missing, Withdrawn};
use super::sink::{Manner, Sink, Want};
use crate::hook::Clock;

/// How long a record of a buffered log waits for others.
const LINGER: Duration = Duration::from_millis(20);
/// How many waiting bytes end that wait, and how many are written at once.
const BATCH: usize = 256 * 1024;
/// How often a sink that failed is tried by itself; each new statement tries it too.
const RETRY: Duration = Duration::from_millis(100);
/// How long records wait for a checkpoint when too few come to ask for one.
const CHECKPOINT: Duration = Duration::from_secs(1);

/// Who writes what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// The task whose record it is, waiting for the sink if another is at it. For sinks that never wait.
    Caller,
    /// The first task that comes; for files, whose writes are short.
    Leader,
    /// A thread.
    Thread,
}

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) who: Who,
    /// An intent counts when it is in the queue.
    pub(super) buffered: bool,
    pub(super) synced: bool,
    pub(super) deadline: Duration,
    /// The most bytes that wait.
    pub(super) memory: usize,
    pub(super) clock: Clock,
}

#[derive(Debug)]
pub(super) struct Journal {
    settings: Settings,
    queue: Mutex<Queue>,
    sink: Mutex<Sink>,
    /// Wakes the thread.
    wake: Condvar,
    /// Tells that the thread has ended.
    ended: Condvar,
    /// Tells that there is room in the queue again.
    room: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Entry>,
    /// Of all entries, also of those that are being written.
    bytes: usize,
    /// When the first of them came.
    since: Option<Instant>,
    /// The thread is asked to write at once.
    urgent: bool,
    /// The sink failed; when to try again.
    retry: Option<Instant>,
    checkpoint: Option<Instant>,
    /// When others are let at the file.
    release: Option<Instant>,
    missing: Option<Missing>,
    closing: bool,
    ended: bool,
}

#[derive(Debug)]
struct Entry {
    id: Uuid,
    object: Vec<u8>,
    intent: bool,
    /// Whoever waits for it.
    waiter: Option<oneshot::Sender<Result<(), Fault>>>,
}

/// Why a record could not be written.
pub(super) type Fault = io::ErrorKind;

impl Journal {
    pub(super) fn new(settings: Settings, sink: Sink) -> Journal {
        Journal {
            settings,
            queue: Mutex::default(),
            sink: Mutex::new(sink),
            wake: Condvar::new(),
            ended: Condvar::new(),
            room: Notify::new(),
        }
    }

    /// Writes the intent of a statement; when this returns it is as safe as was asked for. A statement whose intent was written
    /// although it is not sent, because the deadline passed or the caller went away meanwhile, gets its completion here.
    pub(super) async fn intent(&self, id: Uuid, object: Vec<u8>) -> Result<(), Fault> {
        let deadline = Instant::now().checked_add(self.settings.deadline);
        let mut entry = Entry { id, object, intent: true, waiter: None };
        let receiver = loop {
            // Asked for before the look, so that no room made in between is missed.
            let room = self.room.notified();
            entry = match self.push(entry, self.settings.memory) {
                Ok(receiver) => break receiver,
                Err(entry) => entry,
            };
            if entry.object.len() > self.settings.memory || until(deadline, room).await.is_none() {
                return Err(io::ErrorKind::ResourceBusy);
            }
        };
        let Some(receiver) = receiver else { return Ok(()) };
        let mut waiting = Waiting { journal: self, id, receiver, why: Withdrawn::Dropped };
        self.push_on();
        let answer = match waiting.receiver.try_recv() {
            Ok(answer) => Some(answer),
            Err(_) => {
                until(deadline, &mut waiting.receiver).await.map(|answer| answer.unwrap_or(Err(io::ErrorKind::Other)))
            }
        };
        waiting.why = Withdrawn::Refused("audit.deadline");
        answer.unwrap_or(Err(io::ErrorKind::TimedOut))
    }

    /// Writes a completion. An error says that it is not written yet: it stays in the queue, unless that holds too much already.
    pub(super) async fn completion(&self, id: Uuid, object: Vec<u8>) -> Result<(), Fault> {
        let deadline = Instant::now().checked_add(self.settings.deadline);
        let entry = Entry { id, object, intent: false, waiter: None };
        // Twice the room: what has run should be recorded before more runs.
        let Ok(receiver) = self.push(entry, self.settings.memory.saturating_mul(2)) else {
            self.note(|missing| missing.lose(id));
            return Err(io::ErrorKind::ResourceBusy);
        };
        let Some(mut receiver) = receiver else { return Ok(()) };
        self.push_on();
        match receiver.try_recv() {
            Ok(answer) => answer,
            Err(_) => match until(deadline, &mut receiver).await {
                Some(answer) => answer.unwrap_or(Err(io::ErrorKind::Other)),
                None => Err(io::ErrorKind::TimedOut),
            },
        }
    }

    /// Takes a record without waiting for anything; it is written as soon as the sink can. An error says that there is no room.
    pub(super) fn offer(&self, id: Uuid, object: Vec<u8>, intent: bool) -> Result<(), Fault> {
        // As for those that wait: twice the room for what has run.
        let room = if intent { self.settings.memory } else { self.settings.memory.saturating_mul(2) };
        match self.put(Entry { id, object, intent, waiter: None }, room, false) {
            Ok(_) => {}
            Err(_) => return Err(io::ErrorKind::ResourceBusy),
        }
        match self.settings.who {
            Who::Caller => self.push_on(),
            // The task has other things to do.
            Who::Leader => {
                lock(&self.queue).urgent = true;
                self.wake.notify_one();
            }
            Who::Thread => {}
        }
        Ok(())
    }

    /// Remembers what is missing in the log; the next write says so first.
    pub(super) fn note(&self, change: impl FnOnce(&mut Missing)) {
        let now = self.settings.clock.now();
        let mut queue = lock(&self.queue);
        change(queue.missing.get_or_insert_with(|| Missing { since: now, ..Missing::default() }));
    }

    /// Writes all that waits, with a checkpoint after it, and says where the chain is.
    pub(super) fn checkpoint(&self) -> Result<Chain, Fault> {
        let written = self.write_checkpoint(&mut lock(&self.sink));
        // Whoever came meanwhile found the sink taken and waits.
        self.wake.notify_one();
        written
    }

    fn write_checkpoint(&self, sink: &mut Sink) -> Result<Chain, Fault> {
        let manner = Manner { patience: self.settings.deadline, checkpoint: Want::Now };
        let written = self.drain(sink, manner).and_then(|()| {
            sink.write(&[], manner).fault.map_or(Ok(()), |fault| Err(fault.kind()))?;
            lock(&self.queue).checkpoint = None;
            Ok(sink.chain())
        });
        sink.let_go();
        written
    }

    /// Ends the log: writes what waits and a last checkpoint. It takes no longer than the deadline.
    pub(super) fn close(&self) {
        let mut queue = lock(&self.queue);
        queue.closing = true;
        if self.settings.who == Who::Caller {
            drop(queue);
            return self.finish();
        }
        self.wake.notify_all();
        let _ = self.ended.wait_timeout_while(queue, self.settings.deadline, |queue| !queue.ended);
    }

    /// What the thread does.
    pub(super) fn run(&self) {
        while self.wait_for_work() {
            let mut sink = lock(&self.sink);
            let manner = Manner { patience: self.settings.deadline, checkpoint: self.checkpoint_now() };
            let result = self.drain(&mut sink, manner);
            if result.is_ok() && manner.checkpoint == Want::Now {
                let _ = sink.write(&[], manner);
            }
            if sink.held_until().is_some_and(|until| until <= Instant::now()) {
                sink.let_go();
            }
            lock(&self.queue).release = sink.held_until();
        }
        self.finish();
        lock(&self.queue).ended = true;
        self.ended.notify_all();
    }

    fn finish(&self) {
        let mut sink = lock(&self.sink);
        let manner = Manner { patience: self.settings.deadline, checkpoint: Want::WhenDue };
        if self.drain(&mut sink, manner).is_ok() && sink.is_used() {
            let _ = sink.write(&[], Manner { checkpoint: Want::Closing, ..manner });
        }
        sink.let_go();
    }

    fn checkpoint_now(&self) -> Want {
        let mut queue = lock(&self.queue);
        let due = queue.checkpoint.is_some_and(|due| due <= Instant::now());
        if due {
            queue.checkpoint = None;
        }
        if due { Want::Now } else { Want::WhenDue }
    }

    /// False when the log is to be closed.
    fn wait_for_work(&self) -> bool {
        let mut queue = lock(&self.queue);
        loop {
            if queue.closing {
                return false;
            }
            // Where tasks write, this finds what came while the thread or a checkpoint had the sink.
            let waiting = queue.since;
            let linger = if self.settings.buffered { LINGER } else { Duration::ZERO };
            let write = match queue.retry {
                None => waiting.and_then(|since| since.checked_add(linger)),
                retry => retry,
            };
            let next = [write, queue.checkpoint, queue.release].into_iter().flatten().min();
            let left = next.map(|next| next.saturating_duration_since(Instant::now()));
            if queue.urgent || left.is_some_and(|left| left.is_zero()) {
                queue.urgent = false;
                return true;
            }
            queue = match left {
                None => self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(left) => self.wake.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// Puts an entry into the queue, if it fits; `Ok(None)` when there is nothing to wait for.
    fn push(&self, entry: Entry, room: usize) -> Result<Option<oneshot::Receiver<Result<(), Fault>>>, Entry> {
        self.put(entry, room, true)
    }

    fn put(
        &self,
        mut entry: Entry,
        room: usize,
        heard: bool,
    ) -> Result<Option<oneshot::Receiver<Result<(), Fault>>>, Entry> {
        let mut queue = lock(&self.queue);
        if queue.bytes.saturating_add(entry.object.len()) > room && queue.bytes > 0 {
            return Err(entry);
        }
        // While the sink fails nothing counts as written but what is.
        let waits = heard && (!self.settings.buffered || queue.retry.is_some() || queue.missing.is_some());
        let receiver = waits.then(|| {
            let (sender, receiver) = oneshot::channel();
            entry.waiter = Some(sender);
            receiver
        });
        let before = queue.bytes;
        queue.bytes = queue.bytes.saturating_add(entry.object.len());
        let first = queue.entries.is_empty();
        queue.entries.push_back(entry);
        if first {
            queue.since = Some(Instant::now());
        }
        if self.settings.who == Who::Thread {
            let full = before < BATCH && queue.bytes >= BATCH;
            queue.urgent |= waits || full;
            if first || full || waits {
                self.wake.notify_one();
            }
        }
        Ok(receiver)
    }

    /// Writes what waits if that is the task's business and nobody is at it.
    fn push_on(&self) {
        let manner = Manner { patience: Duration::ZERO, checkpoint: Want::WhenDue };
        match self.settings.who {
            Who::Thread => {}
            Who::Caller => {
                let _ = self.drain(&mut lock(&self.sink), manner);
            }
            Who::Leader => loop {
                let mut sink = match self.sink.try_lock() {
                    Ok(sink) => sink,
                    Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                    // Whoever has it looks into the queue again after letting go of it.
                    Err(TryLockError::WouldBlock) => return,
                };
                let result = self.drain(&mut sink, manner);
                let (wants, held) = (sink.wants_checkpoint(), sink.held_until());
                drop(sink);
                let mut queue = lock(&self.queue);
                if held.is_some() && queue.release.is_none() {
                    queue.release = held;
                    self.wake.notify_one();
                }
                if wants && queue.checkpoint.is_none() {
                    queue.checkpoint = Instant::now().checked_add(CHECKPOINT);
                    self.wake.notify_one();
                }
                if result.is_err() {
                    // Another process is at the file, or it failed: the thread goes on.
                    queue.urgent |= !queue.entries.is_empty() && result == Err(io::ErrorKind::WouldBlock);
                    self.wake.notify_one();
                    return;
                }
                if queue.entries.is_empty() {
                    return;
                }
            },
        }
    }

    /// Writes until nothing waits or the sink fails.
    fn drain(&self, sink: &mut Sink, manner: Manner) -> Result<(), Fault> {
        loop {
            let (mut batch, missing) = self.take();
            if batch.is_empty() && missing.is_none() {
                let mut queue = lock(&self.queue);
                queue.retry = None;
                if self.settings.who == Who::Thread && sink.wants_checkpoint() {
                    queue.checkpoint = queue.checkpoint.or_else(|| Instant::now().checked_add(CHECKPOINT));
                }
                return Ok(());
            }
            let now = self.settings.clock.now();
            let gap = missing.as_ref().and_then(|missing| to_object(&Gap::new(missing, now)).ok());
            // Nobody waits for an intent whose statement is not sent any more.
            batch.retain(|entry| {
                let gone = entry.intent && entry.waiter.as_ref().is_some_and(oneshot::Sender::is_closed);
                if gone {
                    self.release(entry.object.len());
                }
                !gone
            });
            let objects: Vec<&[u8]> =
                gap.iter().map(Vec::as_slice).chain(batch.iter().map(|entry| entry.object.as_slice())).collect();
            let written = sink.write(&objects, manner);
            let all = written.records == objects.len();
            drop(objects);
            let gap_written = gap.is_some() && written.records > 0;
            let records = written.records.saturating_sub(usize::from(gap.is_some()));
            let missing = missing.filter(|_| !gap_written);
            let fault = written.fault.map(|fault| fault.kind());
            self.settle(batch, records, all, fault, missing, now);
            if let Some(fault) = fault {
                return Err(fault);
            }
        }
    }

    fn take(&self) -> (VecDeque<Entry>, Option<Missing>) {
        let mut queue = lock(&self.queue);
        let mut bytes = 0;
        let count = queue.entries.iter().take_while(|entry| {
            bytes += entry.object.len();
            bytes <= BATCH.saturating_mul(4)
        });
        let count = count.count().max(1).min(queue.entries.len());
        let rest = queue.entries.split_off(count);
        let batch = std::mem::replace(&mut queue.entries, rest);
        queue.since = None;
        (batch, queue.missing.take())
    }

    /// Tells whoever waits, and keeps what is to be tried again. The first `records` were written.
    fn settle(
        &self,
        batch: VecDeque<Entry>,
        records: usize,
        all: bool,
        fault: Option<Fault>,
        missing: Option<Missing>,
        now: DateTime<Utc>,
    ) {
        // What was written may be lost again when the end of it failed: a flush, or the way to the disk.
        let lasts = fault.is_none() || (!all && !self.settings.synced);
        let later = fault == Some(io::ErrorKind::WouldBlock);
        let mut kept = VecDeque::new();
        let mut freed = 0_usize;
        for (position, mut entry) in batch.into_iter().enumerate() {
            let error = fault.unwrap_or(io::ErrorKind::Other);
            if position >= records {
                if later {
                    kept.push_back(entry);
                    continue;
                }
                let waiter = entry.waiter.take();
                let refused = waiter.is_some() && entry.intent;
                if let Some(waiter) = waiter {
                    let _ = waiter.send(Err(error));
                }
                if refused {
                    freed = freed.saturating_add(entry.object.len());
                } else {
                    kept.push_back(entry);
                }
                continue;
            }
            freed = freed.saturating_add(entry.object.len());
            let Some(waiter) = entry.waiter else { continue };
            if !entry.intent {
                let _ = waiter.send(if lasts { Ok(()) } else { Err(error) });
            } else if lasts {
                if waiter.send(Ok(())).is_err() {
                    self.withdraw(entry.id, Withdrawn::Refused("audit.deadline"), now);
                }
            } else {
                let _ = waiter.send(Err(error));
                self.withdraw(entry.id, Withdrawn::Refused("audit.unavailable"), now);
            }
        }
        let mut queue = lock(&self.queue);
        if let Some(missing) = missing {
            queue.missing.get_or_insert_default().merge(missing);
        }
        while let Some(entry) = kept.pop_back() {
            queue.entries.push_front(entry);
        }
        queue.bytes = queue.bytes.saturating_sub(freed);
        if !queue.entries.is_empty() {
            queue.since = queue.since.or_else(|| Some(Instant::now()));
        }
        queue.retry = fault.filter(|_| !later).and_then(|_| Instant::now().checked_add(RETRY));
        drop(queue);
        self.room.notify_waiters();
    }

    fn release(&self, bytes: usize) {
        let mut queue = lock(&self.queue);
        queue.bytes = queue.bytes.saturating_sub(bytes);
    }

    /// The end of a statement that was not sent although its intent is in the log.
    pub(super) fn withdraw(&self, id: Uuid, why: Withdrawn, now: DateTime<Utc>) {
        let Ok(object) = to_object(&Completion::withdrawn(id, why, now)) else { return };
        let mut queue = lock(&self.queue);
        queue.bytes = queue.bytes.saturating_add(object.len());
        queue.entries.push_back(Entry { id, object, intent: false, waiter: None });
        queue.since = queue.since.or_else(|| Some(Instant::now()));
        queue.urgent = true;
        drop(queue);
        self.wake.notify_one();
    }
}

/// An intent on its way. What is dropped before it was heard of may have been written all the same.
struct Waiting<'a> {
    journal: &'a Journal,
    id: Uuid,
    receiver: oneshot::Receiver<Result<(), Fault>>,
    why: Withdrawn,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.receiver.close();
        if let Ok(Ok(())) = self.receiver.try_recv() {
            self.journal.withdraw(self.id, self.why, self.journal.settings.clock.now());
        }
    }
}

/// Waits, but not beyond `deadline`. Without a runtime there is nothing to measure by, and no task to hold up either.
async fn until<F: Future>(deadline: Option<Instant>, future: F) -> Option<F::Output> {
    match deadline {
        Some(deadline) if tokio::runtime::Handle::try_current().is_ok() => {
            tokio::time::timeout_at(deadline.into(), future).await.ok()
        }
        _ => Some(future.await),
    }
}

/// A journal, and its thread if it has one. It is closed when the last who may write drops it.
#[derive(Debug)]
pub(super) struct Owner(pub(super) Arc<Journal>);

impl Owner {
    pub(super) fn start(settings: Settings, sink: Sink) -> io::Result<Owner> {
        let journal = Arc::new(Journal::new(settings, sink));
        let thread = Arc::clone(&journal);
        std::thread::Builder::new().name("portcullis-audit".to_owned()).spawn(move || thread.run())?;
        Ok(Owner(journal))
    }

    /// For [`Who::Caller`].
    pub(super) fn without_thread(settings: Settings, sink: Sink) -> Owner {
        Owner(Arc::new(Journal::new(settings, sink)))
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.close();
    }
}
