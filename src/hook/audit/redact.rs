//! Which entries of context maps are not written.

/// What to hide.
#[derive(Debug, Clone, Default)]
pub(super) struct Redact {
    /// Patterns of names, in lower case; `*` stands for any characters.
    patterns: Vec<String>,
    tags: Vec<String>,
}

impl Redact {
    pub(super) fn add(&mut self, pattern: &str) {
        self.patterns.push(pattern.to_lowercase());
    }

    pub(super) fn add_tag(&mut self, tag: &str) {
        self.tags.push(tag.to_owned());
    }

    /// Whether an entry is hidden that has this name and these tags.
    pub(super) fn hides<'a>(&self, name: &str, mut tags: impl Iterator<Item = &'a str>) -> bool {
        if !self.tags.is_empty() && tags.any(|tag| self.tags.iter().any(|hidden| hidden == tag)) {
            return true;
        }
        if self.patterns.is_empty() {
            return false;
        }
        let name = name.to_lowercase();
        self.patterns.iter().any(|pattern| matches(pattern, &name))
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let mut rest = rest;
    // Between two stars the first place that fits leaves most for what follows.
    while let Some((part, after)) = rest.split_once('*') {
        let Some((_, left)) = name.split_once(part) else { return false };
        (name, rest) = (left, after);
    }
    name.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names_in_any_case() {
        for (pattern, name, fits) in [
            ("token", "Token", true),
            ("token", "tokens", false),
            ("token*", "tokens", true),
            ("*token*", "my_Token_2", true),
            ("*token", "token_2", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "ac", false),
            ("a*a", "a", false),
            ("*", "", true),
        ] {
            let mut redact = Redact::default();
            let none = std::iter::empty;
            assert!(!redact.hides(name, none()));
            redact.add(pattern);
            assert_eq!(redact.hides(name, none()), fits, "{pattern} {name}");
        }
    }
}
