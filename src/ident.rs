//! Identifiers: names of tables, columns and aliases.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};

/// A checked name. It is always quoted where it is written.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ident(Text);

#[derive(Clone)]
enum Text {
    Fixed(&'static str),
    Shared(Arc<str>),
}

impl Ident {
    /// Checks `name`.
    pub fn new(name: impl AsRef<str>) -> Result<Ident> {
        let name = name.as_ref();
        check(name)?;
        Ok(Ident(Text::Shared(name.into())))
    }

    /// Checks a name that lives for ever, without a copy.
    pub(crate) fn fixed(name: &'static str) -> Result<Ident> {
        check(name)?;
        Ok(Ident(Text::Fixed(name)))
    }

    /// The name, unquoted.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Fixed(name) => name,
            Text::Shared(name) => name,
        }
    }
}

fn check(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::new(ErrorKind::Name, "ident.empty", "a name is empty"));
    }
    Ok(())
}

impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl std::hash::Hash for Text {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Text) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Text) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Text {
    fn as_str(&self) -> &str {
        match self {
            Text::Fixed(name) => name,
            Text::Shared(name) => name,
        }
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::error::show_name(self.as_str()))
    }
}
