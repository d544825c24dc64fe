//! `Dsn`: where a database is and how to log in, in fields of our own.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::secret::{Password, SecretProvider};
use super::tls::{self, Certificates, ClientIdentity, Key, TlsPolicy};
use super::{parse, source};
use crate::error::Result;

/// Where a database is and how to log in to it.
///
/// | DSN | Database |
/// | --- | --- |
/// | `postgres://user:password@host:5432/database?option=value` | PostgreSQL; `postgresql://` too |
/// | `mysql://user:password@host:3306/database?option=value` | MySQL or MariaDB; `mariadb://` too |
/// | `sqlite:relative/path.db`, `sqlite:///absolute/path.db` | an SQLite file |
/// | `sqlite::memory:` | a database in memory that ends with its connection |
///
/// A special character in a part is percent-encoded (`@` as `%40`). A Unix socket is a percent-encoded path in place of the
/// host: its directory for PostgreSQL (`%2Frun%2Fpostgresql`), the socket itself for MySQL.
///
/// | Option | For | Meaning |
/// | --- | --- | --- |
/// | `sslmode` | PostgreSQL, MySQL | `verify-full` (the default), or `disable` on a loopback host or a Unix socket |
/// | `sslrootcert` | PostgreSQL, MySQL | a PEM file with the certificates of the trusted authority |
/// | `sslcert`, `sslkey` | PostgreSQL, MySQL | PEM files with the client's certificate and private key |
/// | `connect_timeout` | PostgreSQL, MySQL | whole seconds; the shorter of this and the handle's own holds |
/// | `application_name` | PostgreSQL | the name in `pg_stat_activity`; `portcullis` if not given |
/// | `mode` | SQLite | `rw` (the default) opens a file that exists, `rwc` also makes one |
///
/// Any other option, and any given twice, is an error. Nothing is taken from `PG*` environment variables or password files.
///
/// `Debug` and `Display` show the scheme, user, host, port and database, and never the password. No error shows any
/// part of the text.
///
/// ```
/// use portcullis::Dsn;
///
/// let dsn = Dsn::parse("postgres://reporter:s3cret@db.example/sales")?;
/// assert_eq!(dsn.to_string(), "postgres://reporter@db.example:5432/sales");
/// # Ok::<(), portcullis::Error>(())
/// ```
#[derive(Clone)]
pub struct Dsn {
    pub(super) scheme: Scheme,
    pub(super) target: Target,
}

impl Dsn {
    /// Reads a DSN from text and keeps its parts, not the text.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Dsn`](crate::ErrorKind::Dsn) when it is malformed or asks for less than verified TLS. The message shows no
    /// part of the text.
    pub fn parse(text: &str) -> Result<Dsn> {
        parse::parse(text)
    }

    /// Reads a DSN from the environment variable `name`, or from the file that `{name}_FILE` names.
    ///
    /// # Errors
    ///
    /// When neither or both are set, the file can't be read, or the text is no DSN.
    pub fn from_env(name: &str) -> Result<Dsn> {
        source::from_env(name)
    }

    /// Reads a DSN from a file that holds nothing else; a line end after it is ignored.
    ///
    /// # Errors
    ///
    /// When the file can't be read or the text is no DSN.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Dsn> {
        source::from_file(path.as_ref())
    }

    /// Reads a DSN from the variable `name` of a `.env` file. The process's environment is neither read nor changed.
    ///
    /// Each line is blank, a comment (`# …`) or `NAME=value`. The value stands bare, in single quotes (taken as it is) or in
    /// double quotes (with `\\`, `\"`, `\$`, `\n`, `\r` and `\t`). What shells and other readers expand, such as `$NAME`, is refused.
    ///
    /// # Errors
    ///
    /// When the file can't be read, a line is of another form, the name is missing or repeated, or the text is no DSN.
    pub fn from_dotenv(path: impl AsRef<Path>, name: &str) -> Result<Dsn> {
        source::from_dotenv(path.as_ref(), name)
    }

    /// Logs in with `password` instead of the one in the text, if any.
    #[must_use]
    pub fn with_password(self, password: impl Into<SecretString>) -> Dsn {
        let password = Password::Fixed(password.into());
        self.edit(|address| address.password = password)
    }

    /// Asks `provider` for the password of each new connection, instead of the one in the text, if any.
    #[must_use]
    pub fn with_password_provider(self, provider: impl SecretProvider) -> Dsn {
        let password = Password::provider(provider);
        self.edit(|address| address.password = password)
    }

    /// Trusts the authorities in `pem`, in place of the file in `sslrootcert`, if any.
    ///
    /// They are trusted beside the public web authorities; `SECURITY.md` says what follows from that.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tls`](crate::ErrorKind::Tls) when `pem` holds no certificate that can be a trusted root.
    pub fn root_certificate_pem(self, pem: impl AsRef<[u8]>) -> Result<Dsn> {
        let pem = pem.as_ref();
        tls::check_roots(pem)?;
        let root = Certificates::Memory(pem.into());
        Ok(self.edit(|address| address.root = Some(root)))
    }

    /// Shows the server a certificate, in place of the files in `sslcert` and `sslkey`, if any.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tls`](crate::ErrorKind::Tls) when `certificate` holds no certificate or `key` no private key.
    pub fn client_certificate_pem(self, certificate: impl AsRef<[u8]>, key: impl Into<SecretString>) -> Result<Dsn> {
        let (certificate, key) = (certificate.as_ref(), key.into());
        tls::check_client(certificate, &key)?;
        let client = ClientIdentity { certificate: Certificates::Memory(certificate.into()), key: Key::Memory(key) };
        Ok(self.edit(|address| address.client = Some(client)))
    }

    /// The user to log in as; `None` for SQLite.
    pub fn user(&self) -> Option<&str> {
        self.address().map(|address| address.user.as_str())
    }

    /// The host name, address or socket path; `None` for SQLite.
    pub fn host(&self) -> Option<&str> {
        self.address().map(|address| address.host.as_str())
    }

    /// The port; `None` for SQLite.
    pub fn port(&self) -> Option<u16> {
        self.address().map(|address| address.port)
    }

    /// The database's name, if the DSN has one; `None` for SQLite.
    pub fn database_name(&self) -> Option<&str> {
        self.address().and_then(|address| address.database.as_deref())
    }

    /// Which driver the DSN is for.
    pub(crate) fn family(&self) -> Family {
        match self.scheme {
            Scheme::Postgres => Family::Postgres,
            Scheme::MySql | Scheme::MariaDb => Family::MySql,
            Scheme::Sqlite => Family::Sqlite,
        }
    }

    /// Where an SQLite database is; `None` for a server.
    pub(crate) fn sqlite_path(&self) -> Option<&SqliteLocation> {
        match &self.target {
            Target::Sqlite(location) => Some(location),
            Target::Server(_) => None,
        }
    }

    pub(super) fn address(&self) -> Option<&Address> {
        match &self.target {
            Target::Server(address) => Some(address),
            Target::Sqlite(_) => None,
        }
    }

    /// SQLite has no address, so a change to one has no effect there.
    fn edit(mut self, change: impl FnOnce(&mut Address)) -> Dsn {
        if let Target::Server(address) = &mut self.target {
            change(Arc::make_mut(address));
        }
        self
    }

    /// For `danger`: lowers what is demanded of the server.
    pub(crate) fn accept_any_certificate(self) -> Dsn {
        self.edit(|address| address.tls = TlsPolicy::AnyCertificate)
    }

    /// For `danger`: takes a certificate that was made for another host.
    pub(crate) fn accept_any_host_name(self) -> Dsn {
        self.edit(|address| address.tls = TlsPolicy::AnyHostName)
    }

    /// For `danger`: no encryption.
    pub(crate) fn without_encryption(self) -> Dsn {
        self.edit(|address| address.tls = TlsPolicy::Plaintext)
    }
}

impl FromStr for Dsn {
    type Err = crate::error::Error;

    fn from_str(text: &str) -> Result<Dsn> {
        Dsn::parse(text)
    }
}

impl fmt::Display for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Server(address) => {
                write!(f, "{}://{}@", self.scheme.name(), Encoded(&address.user, ""))?;
                match &address.host {
                    Host::Name(name) => write!(f, "{}", Encoded(name, ""))?,
                    Host::Ip(IpAddr::V6(_), text) => write!(f, "[{text}]")?,
                    Host::Ip(_, text) => f.write_str(text)?,
                    Host::Socket(path) => write!(f, "{}", Encoded(path, ""))?,
                }
                write!(f, ":{}", address.port)?;
                match &address.database {
                    Some(database) => write!(f, "/{}", Encoded(database, "")),
                    None => Ok(()),
                }
            }
            Target::Sqlite(SqliteLocation::Memory) => f.write_str("sqlite::memory:"),
            Target::Sqlite(SqliteLocation::File { path, .. }) => {
                let text = path.to_string_lossy();
                let slashes = if text.starts_with('/') { "//" } else { "" };
                write!(f, "sqlite:{slashes}{}", Encoded(&text, "/"))
            }
        }
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Dsn");
        shown.field("scheme", &self.scheme.name());
        match &self.target {
            Target::Server(address) => shown
                .field("user", &address.user)
                .field("password", &format_args!("{}", address.password.describe()))
                .field("host", &address.host.as_str())
                .field("port", &address.port)
                .field("database", &address.database)
                .field("tls", &address.tls)
                .finish_non_exhaustive(),
            Target::Sqlite(location) => shown.field("location", location).finish(),
        }
    }
}

/// The drivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Postgres,
    /// MySQL and MariaDB: which one it is, the server says.
    MySql,
    Sqlite,
}

/// Where an SQLite database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SqliteLocation {
    Memory,
    /// A path that SQLite doesn't take for a URI: it never starts with `file:` or a colon.
    File {
        path: PathBuf,
        /// Make the file if there is none.
        create: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Postgres,
    MySql,
    MariaDb,
    Sqlite,
}

impl Scheme {
    pub(super) fn name(self) -> &'static str {
        match self {
            Scheme::Postgres => "postgres",
            Scheme::MySql => "mysql",
            Scheme::MariaDb => "mariadb",
            Scheme::Sqlite => "sqlite",
        }
    }

    pub(super) fn default_port(self) -> u16 {
        if self == Scheme::Postgres { 5432 } else { 3306 }
    }
}

#[derive(Clone)]
pub(super) enum Target {
    Server(Arc<Address>),
    Sqlite(SqliteLocation),
}

/// A server and the way to log in. It has no `Debug`, so that no secret can be printed by way of one.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) password: Password,
    pub(super) database: Option<String>,
    pub(super) tls: TlsPolicy,
    pub(super) root: Option<Certificates>,
    pub(super) client: Option<ClientIdentity>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) application_name: Option<String>,
}

impl Address {
    /// The shorter of the DSN's and the handle's limit.
    pub(super) fn connect_limit(&self, session: Duration) -> Duration {
        self.connect_timeout.map_or(session, |own| own.min(session))
    }
}

#[derive(Clone)]
pub(super) enum Host {
    Name(String),
    Ip(IpAddr, String),
    /// An absolute path.
    Socket(String),
}

impl Host {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Host::Name(text) | Host::Ip(_, text) | Host::Socket(text) => text,
        }
    }

    /// Bytes to this host never leave the machine.
    pub(super) fn is_local(&self) -> bool {
        match self {
            Host::Name(name) => name.eq_ignore_ascii_case("localhost"),
            Host::Ip(address, _) => address.is_loopback(),
            Host::Socket(_) => true,
        }
    }
}

/// A part of a DSN, percent-encoded but for letters, digits, `-._~` and the characters in the second field.
struct Encoded<'a>(&'a str, &'static str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; 4];
        for character in self.0.chars() {
            if character.is_alphanumeric() || "-._~".contains(character) || self.1.contains(character) {
                write!(f, "{character}")?;
            } else {
                for byte in character.encode_utf8(&mut buffer).bytes() {
                    write!(f, "%{byte:02X}")?;
                }
            }
        }
        Ok(())
    }
}
