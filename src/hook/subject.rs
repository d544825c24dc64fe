//! On whose behalf statements run.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

/// The most entries of a context map, and the most bytes of a name and of a value in it.
const CONTEXT_ENTRIES: usize = 32;
const CONTEXT_NAME: usize = 64;
const CONTEXT_VALUE: usize = 256;
const CONTEXT_TAGS: usize = 64;

/// On whose behalf statements run, as the caller states it: see `Database::acting_as`.
///
/// Id and tenant say who it is, and two subjects are equal when these are: limits count by them. The rest is for the record.
///
/// ```
/// use portcullis::Subject;
///
/// let subject = Subject::new("ada")
///     .tenant("north")
///     .roles(["clerk", "auditor"])
///     .address([192, 0, 2, 7])
///     .delegated_by("grace")
///     .reason("ticket 4711")
///     .context("request_id", "7f3a");
/// assert_eq!(subject.id(), "ada");
/// assert_eq!(subject, Subject::new("ada").tenant("north"));
/// ```
#[derive(Clone)]
pub struct Subject {
    id: Arc<str>,
    tenant: Option<Arc<str>>,
    /// A hash of both by a key that this process drew at random: made once for all the limits that count by it.
    key: u64,
    details: Option<Arc<Details>>,
}

fn key_of(id: &str, tenant: Option<&str>) -> u64 {
    static HASHES: OnceLock<RandomState> = OnceLock::new();
    HASHES.get_or_init(RandomState::new).hash_one((id, tenant))
}

#[derive(Clone, Default)]
struct Details {
    roles: Vec<String>,
    address: Option<IpAddr>,
    delegated_by: Option<String>,
    reason: Option<String>,
    context: Vec<(String, String)>,
    context_cut: bool,
    /// Names of the context map and what they are tagged with.
    tags: Vec<(String, String)>,
    named_context: Option<Arc<str>>,
}

impl Subject {
    /// A subject by its id.
    pub fn new(id: impl AsRef<str>) -> Subject {
        Subject { id: id.as_ref().into(), tenant: None, key: key_of(id.as_ref(), None), details: None }
    }

    /// Someone who is not known, but may have an address, a tenant or a reason. It has an empty id, which rate limits take for none.
    pub fn anonymous() -> Subject {
        Subject::new("")
    }

    /// The same subject, acting for `tenant`.
    #[must_use = "this returns the changed subject"]
    pub fn tenant(mut self, tenant: impl AsRef<str>) -> Subject {
        self.tenant = Some(tenant.as_ref().into());
        self.key = key_of(&self.id, Some(tenant.as_ref()));
        self
    }

    /// The roles in which it acts.
    #[must_use = "this returns the changed subject"]
    pub fn roles<S: Into<String>>(self, roles: impl IntoIterator<Item = S>) -> Subject {
        let roles = roles.into_iter().map(Into::into).collect();
        self.with(|details| details.roles = roles)
    }

    /// The address that its request came from.
    #[must_use = "this returns the changed subject"]
    pub fn address(self, address: impl Into<IpAddr>) -> Subject {
        let address = address.into();
        self.with(|details| details.address = Some(address))
    }

    /// Who lets it act in their place.
    #[must_use = "this returns the changed subject"]
    pub fn delegated_by(self, id: impl Into<String>) -> Subject {
        let id = id.into();
        self.with(|details| details.delegated_by = Some(id))
    }

    /// Why it acts: a ticket, an order.
    #[must_use = "this returns the changed subject"]
    pub fn reason(self, reason: impl Into<String>) -> Subject {
        let reason = reason.into();
        self.with(|details| details.reason = Some(reason))
    }

    /// Something else to know a request by, such as its id or its trace; a name given again replaces its value. It goes into records
    /// as it stands, unless the audit hides it, so it should hold no secret. At most 32 names are kept, of each name 64 bytes and of each value 256; a record
    /// says when there was more.
    #[must_use = "this returns the changed subject"]
    pub fn context(self, name: impl AsRef<str>, value: impl AsRef<str>) -> Subject {
        let (name, name_cut) = cut(name.as_ref(), CONTEXT_NAME);
        let (value, value_cut) = cut(value.as_ref(), CONTEXT_VALUE);
        self.with(|details| {
            details.context_cut |= name_cut || value_cut;
            if let Some((_, known)) = details.context.iter_mut().find(|(known, _)| known == name) {
                value.clone_into(known);
            } else if details.context.len() < CONTEXT_ENTRIES {
                details.context.push((name.to_owned(), value.to_owned()));
            } else {
                details.context_cut = true;
            }
        })
    }

    /// Tags an entry of the context map, whether it is there yet or not: an audit can be told to hide the values of all entries with a
    /// tag, as `redact_tag("personal")`. At most 64 tags are kept.
    #[must_use = "this returns the changed subject"]
    pub fn tag(self, name: impl AsRef<str>, tag: impl AsRef<str>) -> Subject {
        let (name, _) = cut(name.as_ref(), CONTEXT_NAME);
        let tag = (name.to_owned(), tag.as_ref().to_owned());
        self.with(|details| {
            if details.tags.len() < CONTEXT_TAGS && !details.tags.contains(&tag) {
                details.tags.push(tag);
            }
        })
    }

    /// What the caller is doing for it, by a name of the caller's: rate limits can count that apart (`named:export`, see
    /// [`RateContext::Named`](crate::RateContext::Named)). Records have it as `context` in the context map.
    #[must_use = "this returns the changed subject"]
    pub fn in_context(self, name: impl AsRef<str>) -> Subject {
        let name: Arc<str> = name.as_ref().into();
        let subject = self.context("context", &*name);
        subject.with(|details| details.named_context = Some(name))
    }

    /// A number that two subjects have in common only by chance, in this process.
    pub(super) fn key(&self) -> u64 {
        self.key
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The tenant, if one was given.
    pub fn tenant_id(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// The roles.
    pub fn role_names(&self) -> &[String] {
        self.details.as_ref().map(|details| details.roles.as_slice()).unwrap_or_default()
    }

    /// The address that its request came from.
    pub fn source_address(&self) -> Option<IpAddr> {
        self.details.as_ref()?.address
    }

    /// Who lets it act in their place.
    pub fn delegator(&self) -> Option<&str> {
        self.details.as_ref()?.delegated_by.as_deref()
    }

    /// Why it acts.
    pub fn stated_reason(&self) -> Option<&str> {
        self.details.as_ref()?.reason.as_deref()
    }

    /// What else it was given to be known by, in the order given.
    pub fn context_map(&self) -> &[(String, String)] {
        self.details.as_ref().map(|details| details.context.as_slice()).unwrap_or_default()
    }

    /// What the caller is doing for it, see [`in_context`](Subject::in_context).
    pub fn named_context(&self) -> Option<&str> {
        self.details.as_ref()?.named_context.as_deref()
    }

    /// True for one without an id.
    pub(super) fn is_anonymous(&self) -> bool {
        self.id.is_empty()
    }

    /// The tags of a name in the context map.
    pub(super) fn tags_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let tags = self.details.iter().flat_map(|details| &details.tags);
        tags.filter(move |(of, _)| of == name).map(|(_, tag)| tag.as_str())
    }

    /// Whether the context map lost something to its limits.
    pub(super) fn context_cut(&self) -> bool {
        self.details.as_ref().is_some_and(|details| details.context_cut)
    }

    fn with(mut self, change: impl FnOnce(&mut Details)) -> Subject {
        change(Arc::make_mut(self.details.get_or_insert_default()));
        self
    }
}

impl PartialEq for Subject {
    fn eq(&self, other: &Subject) -> bool {
        (&self.id, &self.tenant) == (&other.id, &other.tenant)
    }
}

impl Eq for Subject {}

impl Hash for Subject {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.id, &self.tenant).hash(state);
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("id", &self.id).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// The start of `text`, at most so many bytes, and whether there was more.
fn cut(text: &str, bytes: usize) -> (&str, bool) {
    let kept = text.get(..text.floor_char_boundary(bytes)).unwrap_or(text);
    (kept, kept.len() < text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_map_is_kept_within_its_limits() {
        let mut subject = Subject::new("ada");
        for number in 0..40 {
            subject = subject.context(format!("name {number}"), "é".repeat(200));
        }
        assert_eq!(subject.context_map().len(), CONTEXT_ENTRIES);
        assert!(subject.context_map().iter().all(|(_, value)| value.len() == CONTEXT_VALUE));
        assert!(subject.context_cut());
        let small = Subject::new("ada").context("a", "1").context("a", "2");
        assert_eq!(small.context_map(), [("a".to_owned(), "2".to_owned())]);
        assert!(!small.context_cut());
    }

    #[test]
    fn what_is_kept_for_the_record_makes_no_other_subject() {
        let ada = Subject::new("ada").tenant("north");
        assert_eq!(ada.clone().reason("ticket").address([127, 0, 0, 1]), ada);
        assert_ne!(Subject::new("ada").tenant("south"), ada);
    }
}
