//! The secret that checkpoints are made with.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::chain::Hash;
use crate::error::{Error, ErrorKind, Result};

/// Said before what is authenticated, so that no code made with the secret for another purpose is a checkpoint's.
const PURPOSE: &[u8] = b"portcullis audit checkpoint 1\n";

#[cfg(feature = "webhook")]
const WEBHOOK: &[u8] = b"portcullis audit webhook 1\n";

/// A secret for checkpoints, with the name by which records say which one it was.
///
/// Whoever has it can vouch for a log, so it is kept apart from the log's machine, except for the process that writes. The secret is
/// never printed.
///
/// ```
/// use portcullis::AuditKey;
///
/// let key = AuditKey::new("2026", "5d1c0e7a9b3f48268c4e1f0a7d2b6395")?;
/// assert!(!format!("{key:?}").contains("5d1c"));
/// assert!(AuditKey::new("2026", "short").is_err());
/// # Ok::<(), portcullis::Error>(())
/// ```
#[derive(Clone)]
pub struct AuditKey {
    name: String,
    secret: SecretString,
}

/// The fewest bytes of a secret.
const SECRET_BYTES: usize = 32;

impl AuditKey {
    /// A key by its name, which is written into each checkpoint, and its secret of at least 32 bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Audit`], code `audit.key`, for a shorter secret: one that can be guessed vouches for nothing.
    pub fn new(name: impl Into<String>, secret: impl Into<SecretString>) -> Result<AuditKey> {
        let (name, secret) = (name.into(), secret.into());
        if secret.expose_secret().len() < SECRET_BYTES {
            let message = "the secret of an audit key is shorter than 32 bytes; make one of random bytes";
            return Err(Error::new(ErrorKind::Audit, "audit.key", message));
        }
        Ok(AuditKey { name, secret })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The code of a request to a webhook: its time in seconds, a full stop and its body.
    #[cfg(feature = "webhook")]
    pub(super) fn sign(&self, time: i64, body: &[u8]) -> String {
        let mac = self.request(time, body).map(|mac| mac.finalize().into_bytes().into()).unwrap_or_default();
        super::chain::to_hex(&mac)
    }

    /// For receivers of a [`Webhook`](crate::Webhook): whether the header `Portcullis-Signature` says that whoever has this key sent this body, not
    /// longer than `tolerance` before or after `now`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use portcullis::AuditKey;
    ///
    /// let key = AuditKey::new("2026", "5d1c0e7a9b3f48268c4e1f0a7d2b6395")?;
    /// let header = format!("t=1767225600,key=2026,v1={}", "ab".repeat(32));
    /// let now = chrono::DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default();
    /// assert!(!key.signed(&header, b"{}\n", now, Duration::from_secs(300)));
    /// # Ok::<(), portcullis::Error>(())
    /// ```
    #[cfg(feature = "webhook")]
    pub fn signed(
        &self,
        header: &str,
        body: &[u8],
        now: chrono::DateTime<chrono::Utc>,
        tolerance: std::time::Duration,
    ) -> bool {
        let part = |name: &str| header.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        let (Some(time), Some(code)) = (part("t").and_then(|time| time.parse::<i64>().ok()), part("v1")) else {
            return false;
        };
        let Some(code) = super::chain::from_hex(code.as_bytes()) else { return false };
        now.timestamp().abs_diff(time) <= tolerance.as_secs()
            && self.request(time, body).is_some_and(|mac| mac.verify_slice(&code).is_ok())
    }

    #[cfg(feature = "webhook")]
    fn request(&self, time: i64, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mac = Hmac::<Sha256>::new_from_slice(self.secret.expose_secret().as_bytes()).ok()?;
        Some(mac.chain_update(WEBHOOK).chain_update(time.to_string()).chain_update(b".").chain_update(body))
    }

    /// The code for a checkpoint whose line is `content` up to its code, after a record with the hash `previous`.
    pub(super) fn mac(&self, previous: &Hash, content: &[u8]) -> Hash {
        self.over(previous, content).map(|mac| mac.finalize().into_bytes().into()).unwrap_or_default()
    }

    /// Compares in a time that does not depend on where the difference is.
    pub(super) fn vouches(&self, previous: &Hash, content: &[u8], mac: &Hash) -> bool {
        self.over(previous, content).is_some_and(|own| own.verify_slice(mac).is_ok())
    }

    /// `None` never happens: HMAC takes keys of any length.
    fn over(&self, previous: &Hash, content: &[u8]) -> Option<Hmac<Sha256>> {
        let mac = Hmac::<Sha256>::new_from_slice(self.secret.expose_secret().as_bytes()).ok()?;
        Some(mac.chain_update(PURPOSE).chain_update(previous).chain_update(content))
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditKey").field("name", &self.name).finish_non_exhaustive()
    }
}
