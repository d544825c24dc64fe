//! Records to a service, by HTTPS: put aside on the disk first, and delivered from there.
//!
//! The spool is a log in files like any other, so the promises of [`AuditLayer`] hold for what is written into it, and its chain goes on after a
//! restart. A thread reads it and posts whole lines; what was accepted is forgotten, and what was not stays.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use super::chain::Line;
use super::file::{self, Rotation};
use super::key::AuditKey;
use super::{AuditBuilder, AuditLayer, lock};
use crate::error::{Error, ErrorKind, Result};
use crate::hook::Clock;

/// Where records are posted to, and how.
///
/// Each request is a POST of some records, a line each (`application/x-ndjson`), with these headers:
///
/// | Header | |
/// | --- | --- |
/// | `Portcullis-Signature` | `t=1767225600,key=2026,v1=…`: the time in seconds, the key's name, and the HMAC-SHA256 that [`AuditKey::signed`] checks |
/// | `Portcullis-Records` | `17-42`: numbers of the first and the last record |
///
/// An answer of 200 to 299 means that the receiver has them. Anything else is tried again, at growing intervals, and then after a rest; no record is
/// left out, and none is overtaken. A receiver may get records twice, after an answer that was lost: they have the same numbers and hashes.
/// Redirects are not followed, proxies of the environment are not used, and only `https` is taken.
///
/// ```
/// use std::time::Duration;
/// use portcullis::{AuditKey, AuditLayer, Webhook};
///
/// let folder = tempfile::tempdir()?;
/// let key = AuditKey::new("2026", "5d1c0e7a9b3f48268c4e1f0a7d2b6395")?;
/// let webhook = Webhook::new("https://audit.example.org/records", key, folder.path())?
///     .most_spooled(1 << 30)
///     .attempts(5)
///     .timeout(Duration::from_secs(10));
/// let audit = AuditLayer::builder().to_webhook(webhook)?;
/// # let _ = audit;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "it is given to AuditBuilder::to_webhook"]
pub struct Webhook {
    address: String,
    key: AuditKey,
    spool: PathBuf,
    most: u64,
    batch: usize,
    attempts: u32,
    timeout: Duration,
    back_off: Duration,
    rest: Duration,
    roots: Option<Vec<ureq::tls::Certificate<'static>>>,
}

impl Webhook {
    /// An address, the key that requests are signed with, and a folder of its own for what is not delivered yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Audit`], code `audit.webhook`, for an address that is no `https` one, or that holds a user or password.
    pub fn new(address: &str, key: AuditKey, spool: impl AsRef<Path>) -> Result<Webhook> {
        let url = url::Url::parse(address).ok();
        let plain = url.filter(|url| url.scheme() == "https" && url.username().is_empty() && url.password().is_none());
        let Some(url) = plain.filter(|url| url.has_host() && url.fragment().is_none()) else {
            let message = "the address of an audit webhook is `https://`, a host and a path, without a user, password or fragment";
            return Err(Error::new(ErrorKind::Audit, "audit.webhook", message));
        };
        Ok(Webhook {
            address: url.into(),
            key,
            spool: spool.as_ref().to_owned(),
            most: 256 << 20,
            batch: 256 << 10,
            attempts: 5,
            timeout: Duration::from_secs(10),
            back_off: Duration::from_millis(200),
            rest: Duration::from_secs(60),
            roots: None,
        })
    }

    /// The most bytes that wait on the disk; 256 MiB if not said. When they are used up, statements are refused with `audit.disk_full`.
    pub fn most_spooled(mut self, bytes: u64) -> Webhook {
        self.most = bytes;
        self
    }

    /// The most bytes of records in a request; 256 KiB if not said. A longer record goes alone.
    pub fn batch(mut self, bytes: usize) -> Webhook {
        self.batch = bytes.max(1);
        self
    }

    /// How often a request is tried before delivery rests; 5 times if not said.
    pub fn attempts(mut self, attempts: u32) -> Webhook {
        self.attempts = attempts.max(1);
        self
    }

    /// How long a request may take, connecting included; 10 s if not said.
    pub fn timeout(mut self, limit: Duration) -> Webhook {
        self.timeout = limit;
        self
    }

    /// How long to wait before the second try, and twice as long before each further one; 200 ms if not said.
    pub fn back_off(mut self, first: Duration) -> Webhook {
        self.back_off = first;
        self
    }

    /// How long delivery rests when all tries failed, or when the receiver said that trying again is of no use; 60 s if not said.
    pub fn rest(mut self, rest: Duration) -> Webhook {
        self.rest = rest;
        self
    }

    /// Trusts these authorities, as PEM, and no others.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tls`], code `audit.webhook_root`, for a text without a certificate.
    pub fn root_certificate_pem(mut self, pem: &[u8]) -> Result<Webhook> {
        let found = parse_pem(pem).filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        });
        let found: Vec<_> = found.collect();
        if found.is_empty() {
            return Err(Error::new(ErrorKind::Tls, "audit.webhook_root", "the text holds no certificate in PEM"));
        }
        self.roots = Some(found);
        Ok(self)
    }

    fn agent(&self) -> Agent {
        let mut tls = TlsConfig::builder();
        if let Some(roots) = &self.roots {
            tls = tls.root_certs(RootCerts::Specific(Arc::new(roots.clone())));
        }
        let config = Agent::config_builder()
            .https_only(true)
            .max_redirects(0)
            .proxy(None)
            .http_status_as_error(false)
            .timeout_global(Some(self.timeout))
            .user_agent("portcullis")
            .tls_config(tls.build());
        config.build().into()
    }
}

impl AuditBuilder {
    /// A layer that posts its records to a service; see [`Webhook`].
    ///
    /// A record counts as written when it is in the spool, as safe as [`Durability`](crate::Durability) says: statements don't wait for the
    /// service, and run on while it is away, until the spool is full. When the layer is dropped, what is left is delivered if that
    /// succeeds within the deadline; the rest is delivered by the next layer with this spool. Of several processes with one spool, one delivers.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`], code `audit.open`: the spool can't be made or opened, or the thread not be started.
    pub fn to_webhook(self, webhook: Webhook) -> Result<AuditLayer> {
        let open_error = |cause: io::Error| {
            Error::new(ErrorKind::Io, "audit.open", "the spool of the audit webhook can't be opened")
                .with_source(io::Error::from(cause.kind()))
        };
        fs::create_dir_all(&webhook.spool).map_err(open_error)?;
        let path = webhook.spool.join("spool.jsonl");
        // Small files, because one is forgotten when all of it was delivered.
        let bytes = (webhook.most / 8).clamp(64 << 10, 16 << 20);
        let rotation = Rotation { bytes: Some(bytes), most: Some(webhook.most), ..Rotation::default() };
        let deadline = self.longest_wait();
        let clock = self.time();
        let layer = self.append_to(&path, rotation)?;
        let state = Arc::new(State::default());
        let courier = Courier { agent: webhook.agent(), webhook, path, clock, state: Arc::clone(&state) };
        let started = std::thread::Builder::new().name("portcullis-webhook".to_owned()).spawn(move || courier.run());
        started.map_err(open_error)?;
        Ok(layer.with_companion(Delivery { state, deadline }))
    }
}

/// Ends the delivery when the layer is dropped.
#[derive(Debug)]
pub(super) struct Delivery {
    state: Arc<State>,
    deadline: Duration,
}

#[derive(Debug, Default)]
struct State {
    phase: Mutex<Phase>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// Nothing more is written; what is there is tried once.
    Closing,
    Ended,
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let mut phase = lock(&self.state.phase);
        *phase = Phase::Closing;
        self.state.changed.notify_all();
        let _ = self.state.changed.wait_timeout_while(phase, self.deadline, |phase| *phase != Phase::Ended);
    }
}

impl State {
    /// Waits, unless the layer is dropped meanwhile.
    fn pause(&self, time: Duration) {
        let phase = lock(&self.phase);
        let _ = self.changed.wait_timeout_while(phase, time, |phase| *phase == Phase::Open);
    }

    fn is_open(&self) -> bool {
        *lock(&self.phase) == Phase::Open
    }
}

/// How often the spool is looked at.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);
/// As long as a line of a log may be.
const LONGEST_LINE: u64 = 64 << 20;

struct Courier {
    webhook: Webhook,
    agent: Agent,
    path: PathBuf,
    clock: Clock,
    state: Arc<State>,
}

/// The file that is being delivered.
struct Reading {
    lines: BufReader<File>,
    /// Where the first line stands that was not delivered.
    offset: u64,
}

/// Lines that go together.
#[derive(Default)]
struct Batch {
    body: Vec<u8>,
    first: u64,
    last: u64,
}

/// What became of a request.
enum Answer {
    Taken,
    /// It may pass later.
    Later,
    /// The receiver refuses it.
    Refused,
}

impl Courier {
    fn run(&self) {
        if let Some(_only) = self.alone() {
            let mut delivered = self.delivered();
            let mut reading = None;
            loop {
                let open = self.state.is_open();
                match self.deliver(&mut reading, &mut delivered) {
                    // What was written last stands before the end of the layer, so one more look has seen it.
                    Ok(false) if !open => break,
                    Ok(true) => {}
                    Err(_) if !open => break,
                    Ok(false) | Err(_) => self.state.pause(PAUSE),
                }
            }
        }
        *lock(&self.state.phase) = Phase::Ended;
        self.state.changed.notify_all();
    }

    /// Waits until no other process delivers from this spool.
    fn alone(&self) -> Option<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let file = options.open(self.webhook.spool.join("courier")).ok()?;
        while self.state.is_open() {
            if file.try_lock().is_ok() {
                return Some(file);
            }
            self.state.pause(Duration::from_millis(500));
        }
        file.try_lock().is_ok().then_some(file)
    }

    /// The number of the last record that was delivered.
    fn delivered(&self) -> u64 {
        let text = fs::read_to_string(self.webhook.spool.join("delivered")).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }

    fn note_delivered(&self, seq: u64) -> io::Result<()> {
        let (beside, place) = (self.webhook.spool.join("delivered.part"), self.webhook.spool.join("delivered"));
        fs::write(&beside, format!("{seq}\n"))?;
        fs::rename(&beside, &place)
    }

    /// Delivers one batch, or goes on to the next file; false when there is nothing to do.
    fn deliver(&self, reading: &mut Option<Reading>, delivered: &mut u64) -> io::Result<bool> {
        if reading.is_none() {
            let oldest = file::closed_files(&self.path).into_iter().next().map(|(_, path)| path);
            let file = File::open(oldest.as_ref().unwrap_or(&self.path))?;
            *reading = Some(Reading { lines: BufReader::new(file), offset: 0 });
        }
        let Some(current) = reading.as_mut() else { return Ok(false) };
        let batch = current.batch(self.webhook.batch, *delivered)?;
        if batch.body.is_empty() {
            if file::is_at(current.lines.get_ref(), &self.path)? {
                return Ok(false);
            }
            // It was closed. What came between the last look and that is seen before it is forgotten.
            let rest = current.batch(self.webhook.batch, *delivered)?;
            if !rest.body.is_empty() {
                current.lines.seek(SeekFrom::Start(current.offset))?;
                return Ok(true);
            }
            for (_, path) in file::closed_files(&self.path) {
                if file::is_at(current.lines.get_ref(), &path)? {
                    fs::remove_file(&path)?;
                }
            }
            *reading = None;
            return Ok(true);
        }
        let end = current.lines.stream_position()?;
        if !self.post(&batch) {
            current.lines.seek(SeekFrom::Start(current.offset))?;
            return Err(io::ErrorKind::NotConnected.into());
        }
        current.offset = end;
        *delivered = batch.last.max(*delivered);
        // If this fails, they are delivered again after a restart.
        let _ = self.note_delivered(*delivered);
        Ok(true)
    }

    /// Tries as often as it may; false when it was all in vain, after a rest.
    fn post(&self, batch: &Batch) -> bool {
        let mut wait = self.webhook.back_off;
        for attempt in 1..=self.webhook.attempts {
            let answer = self.try_post(batch);
            match answer {
                Answer::Taken => return true,
                Answer::Refused => break,
                Answer::Later if attempt == self.webhook.attempts || !self.state.is_open() => break,
                Answer::Later => self.state.pause(wait),
            }
            wait = wait.saturating_mul(2).min(LONGEST_BACK_OFF);
        }
        tracing::error!(
            target: "portcullis::audit",
            first = batch.first,
            "records could not be delivered to the audit webhook; they stay in its spool"
        );
        self.state.pause(self.webhook.rest);
        false
    }

    fn try_post(&self, batch: &Batch) -> Answer {
        let time = self.clock.now().timestamp();
        let signature = format!(
            "t={time},key={},v1={}",
            header_text(self.webhook.key.name()),
            self.webhook.key.sign(time, &batch.body)
        );
        let request = self
            .agent
            .post(&self.webhook.address)
            .header("Content-Type", "application/x-ndjson")
            .header("Portcullis-Signature", signature)
            .header("Portcullis-Records", format!("{}-{}", batch.first, batch.last));
        match request.send(batch.body.as_slice()).map(|answer| answer.status().as_u16()) {
            Ok(200..=299) => Answer::Taken,
            // Too early, too many, or the receiver's own trouble.
            Ok(408 | 425 | 429 | 500..=599) | Err(_) => Answer::Later,
            Ok(_) => Answer::Refused,
        }
    }
}

impl Reading {
    /// Whole lines from here on that were not delivered, up to so many bytes. Those before are passed over for good.
    fn batch(&mut self, most: usize, delivered: u64) -> io::Result<Batch> {
        let mut batch = Batch::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            let count = io::Read::take(&mut self.lines, LONGEST_LINE).read_until(b'\n', &mut line)?;
            let back = -i64::try_from(count).unwrap_or(0);
            let Some(text) = line.strip_suffix(b"\n") else {
                self.lines.seek_relative(back)?;
                return Ok(batch);
            };
            // What is no record, a torn line, goes along with what explains it.
            let seq = Line::parse(text).map(|line| line.seq);
            if batch.body.is_empty() {
                if seq.is_some_and(|seq| seq <= delivered) {
                    self.offset = self.lines.stream_position()?;
                    continue;
                }
                batch.first = seq.unwrap_or(delivered.saturating_add(1));
            } else if batch.body.len().saturating_add(line.len()) > most {
                self.lines.seek_relative(back)?;
                return Ok(batch);
            }
            batch.body.extend_from_slice(&line);
            batch.last = seq.unwrap_or(batch.last).max(batch.first);
        }
    }
}

/// A name for a header: what could end it or begin another is left out.
fn header_text(name: &str) -> String {
    name.chars().filter(|character| character.is_ascii_graphic() && *character != ',').collect()
}
