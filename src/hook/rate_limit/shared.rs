//! Limits that several processes share.

/// Why a shared bucket could not be asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fallen;

impl Fallen {
    pub(super) fn message(self, name: &str) -> (&'static str, String) {
        ("rate.unreachable", format!("rate limit {name} is shared and its store can't be reached"))
    }
}
