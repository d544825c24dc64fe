//! The chain of hashes through all records, and how a record becomes a line and a line a record.
//!
//! A line is a JSON object that begins with `{"v":1,"seq":N,"phase":"…"` and ends with `,"hash":"…"}`. The hash is SHA-256 over
//! the hash of the record before, as 32 bytes (zeros before the first), and then all bytes of the line that stand before `,"hash"`.

use sha2::{Digest, Sha256};

use super::key::AuditKey;

const BEFORE_SEQ: &[u8] = br#"{"v":1,"seq":"#;
const BEFORE_PHASE: &[u8] = br#","phase":""#;
const BEFORE_HASH: &[u8] = br#","hash":""#;
const BEFORE_MAC: &[u8] = br#","mac":""#;
const END: &[u8] = br#""}"#;

pub(super) type Hash = [u8; 32];

/// Where a chain has got to: the number of its last record, 0 before the first, and that record's hash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) seq: u64,
    pub(super) head: Hash,
}

impl Chain {
    /// Where a chain is that ends in this line.
    pub(super) fn after(line: Line<'_>) -> Chain {
        Chain { seq: line.seq, head: line.hash }
    }

    /// Appends a record, given as a JSON object, to `out`, with its newline.
    pub(super) fn link(&mut self, object: &[u8], out: &mut Vec<u8>) {
        let start = self.begin(object, out);
        self.seal(start, out);
    }

    /// The same for a checkpoint, which gets its code of authentication first.
    pub(super) fn link_checkpoint(&mut self, object: &[u8], key: &AuditKey, out: &mut Vec<u8>) {
        let start = self.begin(object, out);
        let mac = key.mac(&self.head, out.get(start..).unwrap_or_default());
        out.extend_from_slice(BEFORE_MAC);
        push_hex(&mac, out);
        out.push(b'"');
        self.seal(start, out);
    }

    /// The record without its last brace. An object is never empty: each begins with its phase.
    fn begin(&mut self, object: &[u8], out: &mut Vec<u8>) -> usize {
        let start = out.len();
        self.seq = self.seq.saturating_add(1);
        out.extend_from_slice(BEFORE_SEQ);
        out.extend_from_slice(self.seq.to_string().as_bytes());
        out.push(b',');
        out.extend_from_slice(object.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")).unwrap_or_default());
        start
    }

    fn seal(&mut self, start: usize, out: &mut Vec<u8>) {
        self.head = digest(&self.head, out.get(start..).unwrap_or_default());
        out.extend_from_slice(BEFORE_HASH);
        push_hex(&self.head, out);
        out.extend_from_slice(END);
        out.push(b'\n');
    }
}

/// The hash of a record whose line is `content` up to its hash, after a record with the hash `previous`.
pub(super) fn digest(previous: &Hash, content: &[u8]) -> Hash {
    Sha256::new().chain_update(previous).chain_update(content).finalize().into()
}

pub(super) fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// A line taken apart. Nothing in it is checked but its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) seq: u64,
    pub(super) phase: &'a str,
    /// What is hashed, after the hash of the record before.
    pub(super) content: &'a [u8],
    pub(super) hash: Hash,
}

impl<'a> Line<'a> {
    /// `line` is without its newline. Exactly what [`Chain::link`] writes is read: a number or hash in another form is not.
    pub(super) fn parse(line: &'a [u8]) -> Option<Line<'a>> {
        let (content, hash) = split_hex(line.strip_suffix(END)?, BEFORE_HASH)?;
        let rest = content.strip_prefix(BEFORE_SEQ)?;
        let digits = rest.iter().position(|byte| !byte.is_ascii_digit())?;
        let (number, rest) = rest.split_at_checked(digits)?;
        let number = std::str::from_utf8(number).ok().filter(|number| !number.starts_with('0'))?;
        let rest = rest.strip_prefix(BEFORE_PHASE)?;
        let letters = rest.iter().position(|byte| !byte.is_ascii_lowercase()).filter(|letters| *letters > 0)?;
        let (phase, rest) = rest.split_at_checked(letters)?;
        rest.strip_prefix(b"\"")?;
        Some(Line { seq: number.parse().ok()?, phase: std::str::from_utf8(phase).ok()?, content, hash })
    }

    /// Whether the line follows a record with the hash `previous`.
    pub(super) fn follows(&self, previous: &Hash) -> bool {
        digest(previous, self.content) == self.hash
    }

    /// What a checkpoint's code of authentication is made over, and the code.
    pub(super) fn mac(&self) -> Option<(&'a [u8], Hash)> {
        split_hex(self.content.strip_suffix(b"\"")?, BEFORE_MAC)
    }

    /// The record as JSON, with `hash`.
    pub(super) fn field<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        let mut object = self.content.to_vec();
        object.push(b'}');
        serde_json::from_slice(&object).ok()
    }
}

/// Splits off 64 hexadecimal digits and the `mark` before them.
fn split_hex<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], Hash)> {
    let (before, digits) = text.split_at_checked(text.len().checked_sub(64)?)?;
    Some((before.strip_suffix(mark)?, from_hex(digits)?))
}

pub(super) fn to_hex(hash: &Hash) -> String {
    let mut text = Vec::with_capacity(64);
    push_hex(hash, &mut text);
    text.into_iter().map(char::from).collect()
}

/// Lower-case digits only: one hash has one form.
pub(super) fn from_hex(digits: &[u8]) -> Option<Hash> {
    let mut hash = Hash::default();
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = nibble(high)? << 4 | nibble(low)?;
    }
    Some(hash)
}

fn push_hex(hash: &Hash, out: &mut Vec<u8>) {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    out.extend(hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written_and_in_no_other_form() {
        let mut chain = Chain::default();
        let mut out = Vec::new();
        chain.link(r#"{"phase":"intent","x":"é"}"#.as_bytes(), &mut out);
        let text = String::from_utf8(out.clone()).unwrap();
        let first = text.strip_suffix('\n').unwrap();
        assert!(first.starts_with(r#"{"v":1,"seq":1,"phase":"intent","x":"é","hash":""#), "{first}");
        let line = Line::parse(first.as_bytes()).unwrap();
        assert_eq!((line.seq, line.phase, line.hash), (1, "intent", chain.head));
        assert!(line.follows(&Hash::default()) && !line.follows(&[1; 32]));
        assert_eq!(from_hex(to_hex(&chain.head).as_bytes()), Some(chain.head));
        for (from, to) in
            [(r#""seq":1"#, r#""seq":01"#), (r#""seq":1"#, r#""seq":"1""#), ("v\":1", "v\":2"), ("\"}", "\" }")]
        {
            assert_eq!(Line::parse(first.replace(from, to).as_bytes()), None, "{to}");
        }
        let upper = first[..first.len() - 66].to_owned() + &first[first.len() - 66..].to_uppercase();
        assert_eq!(Line::parse(upper.as_bytes()), None);
    }
}
