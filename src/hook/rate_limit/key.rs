//! For whom a bucket is.

use std::borrow::Cow;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};

use super::super::{QueryContext, Subject};
use super::rule::RateScope;
use crate::statement::{HandleKind, StatementKind};

/// Who asks, and for what.
#[derive(Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) subject: Option<&'a Subject>,
    /// `None` for what is no statement.
    pub(super) statement: Option<&'a QueryContext>,
}

/// What a scope needs and the asker has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Subject,
    Ip,
    SubjectOrIp,
    Tenant,
    /// The tables of raw SQL are not known.
    Table,
    /// No statement, so no handle.
    Handle,
}

/// Takes the parts of an identity, each apart from the next.
pub(super) trait Parts {
    fn put(&mut self, part: &[u8]);

    fn put_subject(&mut self, subject: &Subject) {
        self.put(subject.id().as_bytes());
        self.put(subject.tenant_id().map_or(&b"-"[..], |_| b"+"));
        self.put(subject.tenant_id().unwrap_or_default().as_bytes());
    }
}

/// The key of each bucket that a statement draws from is a hash of the identity by keys that this process drew at random, so that a long id costs no
/// more memory than a short one, and nobody can make up one that meets another's. Two that meet by chance (one of 10^13 pairs of rules with a
/// million keys) share a bucket.
#[derive(Debug, Default)]
pub(super) struct Hashes(pub(super) RandomState);

impl Hashes {
    /// Visits the key of each bucket that a rule of this scope has for the asker: one, or with tables one for each.
    pub(super) fn each(
        &self,
        scope: &[RateScope],
        asker: Asker<'_>,
        visit: &mut dyn FnMut(u64),
    ) -> Result<(), Missing> {
        if let ([RateScope::Subject], Some(subject)) = (scope, known(asker)) {
            visit(subject.key());
            return Ok(());
        }
        each(scope, asker, &mut || Gathered::new(&self.0), &mut |parts| visit(parts.key()))
    }
}

/// Hashes parts, many bytes at a time: a keyed hash takes long over a few.
pub(super) struct Gathered<H> {
    hasher: H,
    bytes: [u8; 64],
    len: usize,
}

impl<H: Hasher> Gathered<H> {
    pub(super) fn new(hashes: &impl BuildHasher<Hasher = H>) -> Gathered<H> {
        Gathered { hasher: hashes.build_hasher(), bytes: [0; 64], len: 0 }
    }

    fn gather(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        match self.bytes.get_mut(self.len..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.len = end;
            }
            None => {
                self.pour();
                self.hasher.write(bytes);
            }
        }
    }

    fn pour(&mut self) {
        self.hasher.write(self.bytes.get(..self.len).unwrap_or_default());
        self.len = 0;
    }

    pub(super) fn key(mut self) -> u64 {
        self.pour();
        self.hasher.finish()
    }
}

impl<H: Hasher> Parts for Gathered<H> {
    fn put(&mut self, part: &[u8]) {
        self.gather(part);
        self.gather(&part.len().to_ne_bytes());
    }

    fn put_subject(&mut self, subject: &Subject) {
        self.put(&subject.key().to_ne_bytes());
    }
}

/// Feeds each identity of the scope into a fresh `P`, and visits it.
pub(super) fn each<P: Parts>(
    scope: &[RateScope],
    asker: Asker<'_>,
    make: &mut dyn FnMut() -> P,
    visit: &mut dyn FnMut(P),
) -> Result<(), Missing> {
    if !scope.contains(&RateScope::Table) {
        let mut parts = make();
        feed(scope, asker, None, &mut parts)?;
        visit(parts);
        return Ok(());
    }
    let Some(statement) = asker.statement else { return Err(Missing::Table) };
    let tables = statement.tables();
    if tables.is_empty() && matches!(statement.kind(), StatementKind::Raw | StatementKind::RawSelect) {
        return Err(Missing::Table);
    }
    for (position, access) in tables.iter().enumerate() {
        let again = |before: &crate::statement::TableAccess| same_table(&before.table, &access.table);
        if !tables.iter().take(position).any(again) {
            let mut parts = make();
            feed(scope, asker, Some(&access.table), &mut parts)?;
            visit(parts);
        }
    }
    Ok(())
}

fn known(asker: Asker<'_>) -> Option<&Subject> {
    asker.subject.filter(|subject| !subject.is_anonymous())
}

fn feed(scope: &[RateScope], asker: Asker<'_>, table: Option<&str>, parts: &mut impl Parts) -> Result<(), Missing> {
    let subject = || known(asker).ok_or(Missing::Subject);
    for part in scope {
        match part {
            RateScope::Global => parts.put(b"global"),
            RateScope::Handle => {
                let statement = asker.statement.ok_or(Missing::Handle)?;
                let kind: &[u8] = match statement.handle() {
                    HandleKind::ReadOnly => b"read-only",
                    HandleKind::ReadWrite => b"read-write",
                };
                parts.put(kind);
                parts.put(statement.handle_name().map_or(&b"-"[..], |_| b"+"));
                parts.put(statement.handle_name().unwrap_or_default().as_bytes());
                parts.put(statement.database().as_bytes());
            }
            RateScope::Subject => parts.put_subject(subject()?),
            RateScope::Ip => put_ip(asker.subject.and_then(Subject::source_address).ok_or(Missing::Ip)?, parts),
            RateScope::SubjectOrIp => match subject() {
                Ok(subject) => {
                    parts.put(b"subject");
                    parts.put_subject(subject);
                }
                Err(_) => {
                    parts.put(b"ip");
                    put_ip(asker.subject.and_then(Subject::source_address).ok_or(Missing::SubjectOrIp)?, parts);
                }
            },
            RateScope::SubjectAndIp => {
                let subject = subject()?;
                parts.put_subject(subject);
                put_ip(subject.source_address().ok_or(Missing::Ip)?, parts);
            }
            RateScope::Tenant => {
                parts.put(asker.subject.and_then(Subject::tenant_id).ok_or(Missing::Tenant)?.as_bytes())
            }
            RateScope::Table => parts.put(lower(table.unwrap_or_default()).as_bytes()),
        }
    }
    Ok(())
}

/// An IPv6 address by its first 64 bits, since whoever has one has all of the rest.
fn put_ip(address: IpAddr, parts: &mut impl Parts) {
    match address.to_canonical() {
        IpAddr::V4(address) => parts.put(&address.octets()),
        IpAddr::V6(address) => parts.put(&network(address).to_be_bytes()),
    }
}

fn network(address: Ipv6Addr) -> u64 {
    // The upper half: the shift leaves 64 bits.
    u64::try_from(address.to_bits() >> 64).unwrap_or_default()
}

fn lower(table: &str) -> Cow<'_, str> {
    if table.chars().any(char::is_uppercase) { Cow::Owned(table.to_lowercase()) } else { Cow::Borrowed(table) }
}

fn same_table(one: &str, other: &str) -> bool {
    one == other || lower(one) == lower(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::TableAccess;

    fn key(hashes: &Hashes, scope: &[RateScope], subject: &Subject) -> Result<u64, Missing> {
        let mut found = None;
        let asker = Asker { subject: Some(subject), statement: None };
        hashes.each(scope, asker, &mut |key| found = Some(key))?;
        Ok(found.unwrap())
    }

    #[test]
    fn parts_of_identities_are_never_run_together() {
        let hashes = Hashes::default();
        let subject = |id: &str, tenant: &str| key(&hashes, &[RateScope::Subject], &Subject::new(id).tenant(tenant));
        assert_ne!(subject("ab", "c"), subject("a", "bc"));
        assert_eq!(subject("ab", "c"), subject("ab", "c"));
        let none = key(&hashes, &[RateScope::Subject], &Subject::new("ab"));
        assert_ne!(none, subject("ab", ""));
    }

    #[test]
    fn an_address_is_counted_by_what_its_owner_can_not_change() {
        let hashes = Hashes::default();
        let ip = |text: &str| {
            let address: IpAddr = text.parse().unwrap();
            key(&hashes, &[RateScope::Ip], &Subject::anonymous().address(address)).unwrap()
        };
        assert_eq!(ip("192.0.2.7"), ip("::ffff:192.0.2.7"));
        assert_ne!(ip("192.0.2.7"), ip("192.0.2.8"));
        assert_eq!(ip("2001:db8:1:2::1"), ip("2001:db8:1:2:ffff::9"));
        assert_ne!(ip("2001:db8:1:2::1"), ip("2001:db8:1:3::1"));
    }

    #[test]
    fn either_of_two_and_both_of_two() {
        let hashes = Hashes::default();
        let either = |subject: &Subject| key(&hashes, &[RateScope::SubjectOrIp], subject);
        let both = |subject: &Subject| key(&hashes, &[RateScope::SubjectAndIp], subject);
        let (here, there) = ([192, 0, 2, 1], [192, 0, 2, 2]);
        assert_eq!(either(&Subject::new("ada").address(here)), either(&Subject::new("ada").address(there)));
        assert_ne!(either(&Subject::anonymous().address(here)), either(&Subject::anonymous().address(there)));
        assert_eq!(either(&Subject::anonymous()), Err(Missing::SubjectOrIp));
        assert_ne!(both(&Subject::new("ada").address(here)), both(&Subject::new("ada").address(there)));
        assert_eq!(both(&Subject::new("ada")), Err(Missing::Ip));
        assert_eq!(both(&Subject::anonymous().address(here)), Err(Missing::Subject));
    }

    #[test]
    fn a_statement_has_a_key_for_each_of_its_tables() {
        let table = |name: &str| TableAccess { table: name.to_owned(), ..TableAccess::default() };
        let keys = |kind, tables: Vec<TableAccess>| {
            let cx = QueryContext { tables: tables.into(), ..QueryContext::sample(kind) };
            let mut keys = Vec::new();
            let asker = Asker { subject: cx.subject(), statement: Some(&cx) };
            Hashes::default().each(&[RateScope::Table], asker, &mut |key| keys.push(key)).map(|()| keys.len())
        };
        use StatementKind::{Begin, Raw, RawSelect, Select};
        assert_eq!(keys(Select, vec![table("a"), table("b"), table("A"), table("a")]), Ok(2));
        // A select of constants touches none, and so does BEGIN.
        assert_eq!(keys(Select, vec![]), Ok(0));
        assert_eq!(keys(Begin, vec![]), Ok(0));
        assert_eq!(keys(Raw, vec![]), Err(Missing::Table));
        assert_eq!(keys(RawSelect, vec![]), Err(Missing::Table));
    }
}
