//! Where a log was at some time, small enough to be kept elsewhere.

use std::fmt;
use std::str::FromStr;

use super::chain::{Chain, Hash, from_hex, to_hex};
use crate::error::{Error, ErrorKind};

/// Where a log was when it was made: the number of its last record, and the hash of that and all before it.
///
/// Made by [`AuditLayer::checkpoint`](crate::AuditLayer::checkpoint), written as text (`1042:9f86d0…`) to a place that whoever writes the log
/// can't change, and given to [`AuditVerifier::anchor`](crate::AuditVerifier::anchor).
///
/// ```
/// use portcullis::AuditAnchor;
///
/// let text = format!("1042:{}", "ab".repeat(32));
/// let anchor: AuditAnchor = text.parse()?;
/// assert_eq!(anchor.seq(), 1042);
/// assert_eq!(anchor.to_string(), text);
/// # Ok::<(), portcullis::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditAnchor {
    seq: u64,
    hash: Hash,
}

impl AuditAnchor {
    pub(super) fn of(chain: Chain) -> AuditAnchor {
        AuditAnchor { seq: chain.seq, hash: chain.head }
    }

    /// The number of the last record.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    pub(super) fn hash(&self) -> &Hash {
        &self.hash
    }
}

impl fmt::Display for AuditAnchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, to_hex(&self.hash))
    }
}

impl FromStr for AuditAnchor {
    type Err = Error;

    fn from_str(text: &str) -> Result<AuditAnchor, Error> {
        let parse = || {
            let (seq, hash) = text.trim().split_once(':')?;
            Some(AuditAnchor { seq: seq.parse().ok()?, hash: from_hex(hash.as_bytes())? })
        };
        parse().ok_or_else(|| {
            let message = "an audit anchor is a record's number, a colon and 64 hexadecimal digits in lower case";
            Error::new(ErrorKind::Audit, "audit.anchor", message)
        })
    }
}
