//! Where shared rate limits are kept: the address of a Redis, and what is proved about it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::dsn::Host;
use super::parse::{
    check_percent_encoding, check_shown, decode, encode_specials, host, malformed, refuse, without_nul,
};
use super::redis_link::Link;
use super::tls;
use crate::error::Result;
use crate::hook::SharedLimits;

/// A Redis (5 or later, or what speaks its protocol and runs its scripts) that keeps the buckets of shared rate limits.
///
/// | URL | |
/// | --- | --- |
/// | `rediss://user:password@host:6379/0` | TLS, the server's certificate and host name verified |
/// | `redis://user:password@127.0.0.1:6379/0` | plaintext, to a loopback host only |
///
/// User, password, port (6379) and database (0) may be left out. A special character in a part is percent-encoded. The password is shown nowhere, neither by `Debug` nor in an error.
///
/// All charges of a statement are tested and taken by one script, so in one step, by the clock of the Redis. What it keeps is one small text for each bucket
/// that is not full, under `{prefix}:` and a hash of the rule's name and of whom it counts; it expires when the bucket is full. The braces put all of them into one slot of a cluster.
///
/// A login of its own with no more rights than these is enough:
/// `ACL SETUSER limits on >password ~{portcullis}:* resetchannels -@all +eval +evalsha +get +set +time`. The server must not evict keys before they expire
/// (`maxmemory-policy noeviction`): an evicted bucket is a full one.
///
/// ```no_run
/// use std::time::Duration;
/// use portcullis::{RateLimit, RateLimitLayer, RateScope, RedisLimits, WhenLost};
///
/// let store = RedisLimits::new("rediss://limits:s3cret@cache.example/0")?.prefix("shop")?;
/// let rule = RateLimit::named("reads").scope(RateScope::Subject).limit(100, Duration::from_secs(60));
/// let limits = RateLimitLayer::builder().rules([rule.shared(WhenLost::Refuse)]).store(store).build()?;
/// # Ok::<(), portcullis::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "nothing is kept there before a `RateLimitBuilder` has it as its store"]
pub struct RedisLimits {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) tls: bool,
    pub(super) user: Option<String>,
    pub(super) password: Option<SecretString>,
    pub(super) database: i64,
    pub(super) root: Option<Arc<[u8]>>,
    pub(super) client: Option<(Arc<[u8]>, SecretString)>,
    pub(super) prefix: String,
    pub(super) connect_timeout: Duration,
    pub(super) answer_timeout: Duration,
}

impl RedisLimits {
    /// Reads a URL and keeps its parts, not the text. Nothing is connected to before the first statement.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Dsn`](crate::ErrorKind::Dsn) when it is malformed, or asks for plaintext to another machine. The message shows no part of the text.
    pub fn new(url: &str) -> Result<RedisLimits> {
        if url.chars().any(|character| character.is_control() || character.is_whitespace()) {
            return Err(refuse("dsn.character", "the URL holds a space or a control character: percent-encode it"));
        }
        check_percent_encoding(url)?;
        let scheme =
            || refuse("dsn.scheme", "the URL of a Redis must start with `rediss://`, or `redis://` on loopback");
        let (scheme, rest) = url.split_once("://").ok_or_else(scheme).and_then(|(name, rest)| match name {
            "rediss" => Ok((true, rest)),
            "redis" => Ok((false, rest)),
            _ => Err(scheme()),
        })?;
        if rest.contains(['?', '#']) {
            // The client library gives some of them a meaning, such as not to verify certificates.
            return Err(refuse("dsn.option", "the URL of a Redis takes no options: leave out what follows `?` or `#`"));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.matches('@').count() > 1 || path.contains(['@', '/']) {
            return Err(encode_specials());
        }
        let parsed = Url::parse(url).map_err(malformed)?;
        let host = host(&parsed)?;
        if matches!(host, Host::Socket(_)) {
            return Err(refuse("dsn.host", "the URL of a Redis names a host, not a socket"));
        }
        if !scheme && !host.is_local() {
            return Err(refuse("dsn.tls", "a Redis on another host is spoken to by TLS only: write `rediss://`"));
        }
        let user = decode(parsed.username())?;
        check_shown(&user)?;
        let password = match parsed.password() {
            Some(password) => Some(SecretString::from(without_nul(decode(password)?)?)),
            None => None,
        };
        let database = match path {
            "" => 0,
            number => number
                .parse::<u16>()
                .map_err(|_| refuse("dsn.database", "the database of a Redis is a number: write `/0`"))?,
        };
        Ok(RedisLimits {
            host,
            port: parsed.port().unwrap_or(6379),
            tls: scheme,
            user: (!user.is_empty()).then_some(user),
            password,
            database: i64::from(database),
            root: None,
            client: None,
            prefix: "portcullis".to_owned(),
            connect_timeout: Duration::from_millis(500),
            answer_timeout: Duration::from_millis(100),
        })
    }

    /// Logs in with `password` instead of the one in the URL, if any.
    pub fn with_password(mut self, password: impl Into<SecretString>) -> RedisLimits {
        self.password = Some(password.into());
        self
    }

    /// Trusts the authorities in `pem`, and no others. Without, the public web authorities are trusted.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tls`](crate::ErrorKind::Tls) when `pem` holds no certificate that can be a trusted root.
    pub fn root_certificate_pem(mut self, pem: impl AsRef<[u8]>) -> Result<RedisLimits> {
        tls::check_roots(pem.as_ref())?;
        self.root = Some(pem.as_ref().into());
        Ok(self)
    }

    /// Shows the server a certificate.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tls`](crate::ErrorKind::Tls) when `certificate` holds no certificate or `key` no private key.
    pub fn client_certificate_pem(
        mut self,
        certificate: impl AsRef<[u8]>,
        key: impl Into<SecretString>,
    ) -> Result<RedisLimits> {
        let (certificate, key) = (certificate.as_ref(), key.into());
        tls::check_client(certificate, &key)?;
        self.client = Some((certificate.into(), key));
        Ok(self)
    }

    /// What the names of keys start with, in braces; `portcullis` unless set. Programs with the same prefix share the rules of the same name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Dsn`](crate::ErrorKind::Dsn) when it is empty, longer than 64 bytes, or has other characters than letters, digits, `-`, `_`, `.` and `:`.
    pub fn prefix(mut self, prefix: &str) -> Result<RedisLimits> {
        let fits = |character: char| character.is_ascii_alphanumeric() || "-_.:".contains(character);
        if prefix.is_empty() || prefix.len() > 64 || !prefix.chars().all(fits) {
            let message = "the prefix must be 1 to 64 letters, digits, `-`, `_`, `.` or `:`";
            return Err(refuse("dsn.prefix", message));
        }
        prefix.clone_into(&mut self.prefix);
        Ok(self)
    }

    /// How long connecting may take (500 ms unless set), and how long an answer (100 ms): the longest that a slow Redis can hold up a statement. After either has
    /// passed the store counts as lost for a quarter of a second; then it is tried again.
    pub fn timeouts(mut self, connect: Duration, answer: Duration) -> RedisLimits {
        (self.connect_timeout, self.answer_timeout) = (connect, answer);
        self
    }

    /// The password for the client library.
    pub(super) fn login(&self) -> Option<String> {
        self.password.as_ref().map(|password| password.expose_secret().to_owned())
    }

    /// The client's certificate and key for the client library.
    pub(super) fn identity(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let (certificate, key) = self.client.as_ref()?;
        Some((certificate.to_vec(), key.expose_secret().as_bytes().to_vec()))
    }
}

impl fmt::Debug for RedisLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLimits")
            .field("tls", &self.tls)
            .field("host", &self.host.as_str())
            .field("port", &self.port)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| format_args!("[redacted]")))
            .field("database", &self.database)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl From<RedisLimits> for SharedLimits {
    fn from(limits: RedisLimits) -> SharedLimits {
        SharedLimits(Arc::new(Link::new(limits)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_url_is_taken_apart_and_its_password_shown_nowhere() {
        let limits = RedisLimits::new("rediss://limits:s3cr%40t@cache.example:6380/3").unwrap();
        assert_eq!((limits.tls, limits.port, limits.database), (true, 6380, 3));
        assert_eq!((limits.user.as_deref(), limits.login().as_deref()), (Some("limits"), Some("s3cr@t")));
        let shown = format!("{limits:?} {:?}", SharedLimits::from(limits.clone()));
        assert!(shown.contains("cache.example") && !shown.contains("s3cr"), "{shown}");
        let plain = RedisLimits::new("redis://127.0.0.1").unwrap();
        assert_eq!((plain.tls, plain.port, plain.database, plain.user.as_deref()), (false, 6379, 0, None));
        for local in ["redis://localhost:1", "redis://[::1]/0", "redis://:pass@127.0.0.1"] {
            assert!(RedisLimits::new(local).is_ok(), "{local}");
        }
        assert_eq!(plain.prefix("shop.limits:eu-1").unwrap().prefix, "shop.limits:eu-1");
    }

    #[test]
    fn what_is_doubtful_or_weak_is_refused_without_a_word_of_it() {
        for (url, code) in [
            ("redis://cache.s3cret.example", "dsn.tls"),
            ("redis://limits:s3cret@10.0.0.7", "dsn.tls"),
            ("rediss://cache.example/0#insecure", "dsn.option"),
            ("rediss://cache.example/0?protocol=resp3", "dsn.option"),
            ("https://s3cret.example", "dsn.scheme"),
            ("s3cret", "dsn.scheme"),
            ("rediss://a:s3cret@b@cache.example", "dsn.character"),
            ("rediss://a:s3/cret@cache.example", "dsn.character"),
            ("rediss://a:100%@cache.example", "dsn.character"),
            ("rediss://cache.example/one", "dsn.database"),
            ("rediss://cache.example/-1", "dsn.database"),
            ("rediss://", "dsn.host"),
            ("rediss://%2Frun%2Fredis.sock", "dsn.host"),
            ("rediss://a b", "dsn.character"),
        ] {
            let error = RedisLimits::new(url).unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Dsn, code), "{url}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
        for prefix in ["", "a b", "a{b}", "é", &"x".repeat(65)] {
            let error = RedisLimits::new("redis://127.0.0.1").unwrap().prefix(prefix).unwrap_err();
            assert_eq!(error.code(), "dsn.prefix");
        }
        assert!(RedisLimits::new("rediss://a").unwrap().root_certificate_pem("no pem").is_err());
    }
}
