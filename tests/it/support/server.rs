//! One running server and what tests ask of it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use portcullis::Dialect;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, MySqlConnection, PgConnection, Row};

use super::certificates::certificates;
use super::process::{Process, free_port};
use super::programs::{RunAs, copy_folder};
use super::{mariadb_server, mysql_server, postgres_server};

/// The role that may do everything.
pub const ADMIN_ROLE: &str = "test_admin";
/// The role of a read-write handle. It may also make tables in a test's database.
pub const READ_WRITE_ROLE: &str = "app_rw";
/// The role of a read-only handle: it has SELECT and nothing else.
pub const READ_ONLY_ROLE: &str = "app_ro";
/// A role with SELECT that must show a client certificate: instead of a password on PostgreSQL, beside one on MariaDB.
pub const CERTIFICATE_ROLE: &str = "app_cert";

/// What a server offers to a client that asks for TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// A certificate of the test authority for the right host; plaintext is refused.
    Verified,
    /// A certificate of the test authority for another host.
    WrongHost,
    /// A certificate of the test authority that has ended.
    Expired,
    /// No TLS at all.
    Off,
}

impl Tls {
    const ALL: [Tls; 4] = [Tls::Verified, Tls::WrongHost, Tls::Expired, Tls::Off];

    /// The certificate's file name without its ending, `None` where TLS is off.
    pub(super) fn certificate(self) -> Option<&'static str> {
        match self {
            Tls::Verified => Some("server"),
            Tls::WrongHost => Some("wrong_host"),
            Tls::Expired => Some("expired"),
            Tls::Off => None,
        }
    }
}

/// The passwords of one server, made for it.
pub struct Passwords {
    pub admin: String,
    pub read_write: String,
    pub read_only: String,
    pub certificate: String,
}

/// A server on 127.0.0.1.
pub struct Server {
    pub dialect: Dialect,
    pub tls: Tls,
    pub port: u16,
    /// The server's folder; it goes when the server stops.
    pub folder: PathBuf,
    pub passwords: Passwords,
    databases: AtomicU32,
    // The server runs for as long as this value lives.
    _process: Process,
}

/// What a start of one kind of server needs, and how to do it.
pub(super) struct Kind {
    pub dialect: Dialect,
    /// What a skipped test says is missing.
    pub name: &'static str,
    /// The users to run it as, where the tests run as root.
    pub users: &'static [&'static str],
    /// The version of the programs, or `None` where they are missing.
    pub version: fn() -> Option<Result<String, String>>,
    /// Makes an empty data folder.
    pub make_data: fn(RunAs, &Path) -> Result<(), String>,
    /// Writes the set-up into `folder` and starts the server there.
    pub start: fn(RunAs, &Path, u16, Tls, &Passwords) -> Result<Process, String>,
}

type Started = OnceLock<Result<Option<Server>, String>>;

/// The PostgreSQL server of this process, or `None` (said once, on standard error) on a machine without its programs.
pub fn postgres() -> Option<&'static Server> {
    postgres_with(Tls::Verified)
}

/// The MariaDB server of this process, or `None` (said once, on standard error) on a machine without its programs.
pub fn mariadb() -> Option<&'static Server> {
    mariadb_with(Tls::Verified)
}

/// A PostgreSQL server with another certificate, or none.
pub fn postgres_with(tls: Tls) -> Option<&'static Server> {
    static STARTED: [Started; 4] = [const { OnceLock::new() }; 4];
    started(&STARTED, &postgres_server::KIND, tls)
}

/// A MariaDB server with another certificate, or none.
pub fn mariadb_with(tls: Tls) -> Option<&'static Server> {
    static STARTED: [Started; 4] = [const { OnceLock::new() }; 4];
    started(&STARTED, &mariadb_server::KIND, tls)
}

/// The MySQL server of this process, or `None` where `PORTCULLIS_MYSQL_ROOT` names none.
pub fn mysql_with(tls: Tls) -> Option<&'static Server> {
    static STARTED: [Started; 4] = [const { OnceLock::new() }; 4];
    if mysql_server::is_wanted() { started(&STARTED, &mysql_server::KIND, tls) } else { None }
}

fn started(all: &'static [Started; 4], kind: &'static Kind, tls: Tls) -> Option<&'static Server> {
    let place = Tls::ALL.iter().position(|other| *other == tls).expect("every variant is listed");
    match all[place].get_or_init(|| Server::start(kind, tls)) {
        Ok(server) => server.as_ref(),
        Err(message) => panic!("{} did not start: {message}", kind.name),
    }
}

impl Server {
    pub(super) fn start(kind: &Kind, tls: Tls) -> Result<Option<Server>, String> {
        let version = match (kind.version)() {
            Some(version) => version?,
            None if std::env::var_os("PORTCULLIS_REQUIRE_SERVERS").is_some_and(|value| value == "1") => {
                return Err("its programs were not found, and PORTCULLIS_REQUIRE_SERVERS=1".to_owned());
            }
            None => {
                if tls == Tls::Verified {
                    super::say(&format!("skipped: every test on {}, whose programs were not found", kind.name));
                }
                return Ok(None);
            }
        };
        let mut failure = String::new();
        for _ in 0..3 {
            match Server::try_start(kind, tls, &version) {
                Ok(server) => return Ok(Some(server)),
                // Another process may have taken the port in between.
                Err(message) => failure = message,
            }
        }
        Err(failure)
    }

    fn try_start(kind: &Kind, tls: Tls, version: &str) -> Result<Server, String> {
        let failed = |what: &str, error: std::io::Error| format!("{what}: {error}");
        let run_as = RunAs::first_of(kind.users);
        let temporary = tempfile::Builder::new().prefix("portcullis-").tempdir();
        // Kept only once the server runs: from then on the wrapper process removes it.
        let temporary = temporary.map_err(|error| failed("no temporary folder", error))?;
        let folder = temporary.path().to_owned();
        certificates().write(&folder.join("tls")).map_err(|error| failed("certificates", error))?;
        std::fs::create_dir(folder.join("tmp")).map_err(|error| failed("tmp", error))?;
        run_as.own(&folder).map_err(|error| failed("chown", error))?;

        // Making the data takes seconds, copying it a fraction of one.
        let template = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{version}-1", kind.dialect.name()));
        if template.is_dir() {
            copy_folder(&template, &folder.join("data")).map_err(|error| failed("copy of the template", error))?;
            run_as.own(&folder.join("data")).map_err(|error| failed("chown", error))?;
        } else {
            (kind.make_data)(run_as, &folder)?;
            keep_template(&folder.join("data"), &template);
        }

        let password = || uuid::Uuid::new_v4().simple().to_string();
        let passwords =
            Passwords { admin: password(), read_write: password(), read_only: password(), certificate: password() };
        let port = free_port();
        let process = (kind.start)(run_as, &folder, port, tls, &passwords)?;
        let folder = temporary.keep();
        let databases = AtomicU32::new(0);
        Ok(Server { dialect: kind.dialect, tls, port, folder, passwords, databases, _process: process })
    }

    /// One of the files that [`super::Certificates::write`] makes, by name: `ca.pem`, `other_ca.pem`, `client.key`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join("tls").join(name)
    }

    /// The password of one of the roles above.
    pub fn password(&self, role: &str) -> &str {
        match role {
            ADMIN_ROLE => &self.passwords.admin,
            READ_WRITE_ROLE => &self.passwords.read_write,
            READ_ONLY_ROLE => &self.passwords.read_only,
            CERTIFICATE_ROLE => &self.passwords.certificate,
            other => panic!("no role `{other}` on the test servers"),
        }
    }

    /// The DSN of a role with everything verified; without TLS on a server that has none.
    pub fn dsn(&self, role: &str, database: &str) -> String {
        let ca = self.file("ca.pem");
        let query = match self.tls {
            Tls::Off => "sslmode=disable".to_owned(),
            _ => format!("sslmode=verify-full&sslrootcert={}", ca.display()),
        };
        self.dsn_at("localhost", self.port, role, database, &query)
    }

    /// The DSN of a role by way of another host name or port (a proxy's), with the options given.
    pub fn dsn_at(&self, host: &str, port: u16, role: &str, database: &str, query: &str) -> String {
        let scheme = if self.dialect == Dialect::Postgres { "postgres" } else { "mysql" };
        let question = if query.is_empty() { "" } else { "?" };
        format!("{scheme}://{role}:{}@{host}:{port}/{database}{question}{query}", self.password(role))
    }

    /// Makes an empty database for one test. The roles have their rights in it already.
    pub async fn create_database(&self) -> String {
        let name = format!("t_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let maintenance = if self.dialect == Dialect::Postgres { "postgres" } else { "mysql" };
        self.execute(maintenance, &[&format!("CREATE DATABASE {name}")]).await;
        if self.dialect == Dialect::Postgres {
            let grant = format!("GRANT CREATE, TEMPORARY ON DATABASE {name} TO {READ_WRITE_ROLE}");
            self.execute(maintenance, &[&grant]).await;
        }
        name
    }

    /// Runs set-up statements as the administrator, without the crate under test.
    pub async fn execute(&self, database: &str, statements: &[&str]) {
        let mut session = self.admin(database).await;
        for statement in statements {
            session.run(statement).await.unwrap_or_else(|error| panic!("{error}\nin: {statement}"));
        }
        session.close().await;
    }

    /// Asks for one value as text, as the administrator, without the crate under test. The statement must cast to text.
    pub async fn scalar(&self, database: &str, statement: &str) -> Option<String> {
        let mut session = self.admin(database).await;
        let value = session.scalar(statement).await.unwrap_or_else(|error| panic!("{error}\nin: {statement}"));
        session.close().await;
        value
    }

    /// A session of the administrator.
    pub async fn admin(&self, database: &str) -> Session {
        let session = self.session(self.port, ADMIN_ROLE, database, self.tls != Tls::Off).await;
        session.unwrap_or_else(|error| panic!("the administrator could not connect: {error}"))
    }

    /// A session of any role through sqlx, by way of any port: over verified TLS, or in plaintext.
    pub async fn session(&self, port: u16, role: &str, database: &str, tls: bool) -> Result<Session, sqlx::Error> {
        let (password, ca) = (self.password(role), self.file("ca.pem"));
        let with_certificate = role == CERTIFICATE_ROLE;
        if self.dialect == Dialect::Postgres {
            let mut options = PgConnectOptions::new_without_pgpass()
                .host("localhost")
                .port(port)
                .username(role)
                .password(password)
                .database(database)
                .ssl_mode(if tls { PgSslMode::VerifyFull } else { PgSslMode::Disable })
                .ssl_root_cert(ca);
            if with_certificate {
                options = options.ssl_client_cert(self.file("client.pem")).ssl_client_key(self.file("client.key"));
            }
            Ok(Session::Postgres(options.disable_statement_logging().connect().await?))
        } else {
            let mut options = MySqlConnectOptions::new()
                .host("localhost")
                .port(port)
                .username(role)
                .password(password)
                .database(database)
                .ssl_mode(if tls { MySqlSslMode::VerifyIdentity } else { MySqlSslMode::Disabled })
                .ssl_ca(ca);
            if with_certificate {
                options = options.ssl_client_cert(self.file("client.pem")).ssl_client_key(self.file("client.key"));
            }
            Ok(Session::MySql(options.disable_statement_logging().connect().await?))
        }
    }
}

/// Keeps a copy of fresh data for later runs. Without it they only take longer, so failures are left alone.
fn keep_template(data: &Path, template: &Path) {
    let unfinished = template.with_extension(std::process::id().to_string());
    let kept = copy_folder(data, &unfinished).and_then(|()| std::fs::rename(&unfinished, template));
    if kept.is_err() {
        let _ = std::fs::remove_dir_all(&unfinished);
    }
}

/// A plain session through sqlx, for set-up and for looking behind the crate's back.
pub enum Session {
    Postgres(PgConnection),
    MySql(MySqlConnection),
}

#[expect(clippy::disallowed_methods, reason = "the tests' own set-up is plain SQL text")]
impl Session {
    /// Runs SQL text, one statement or several.
    pub async fn run(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let text = sqlx::AssertSqlSafe(sql.to_owned());
        match self {
            Session::Postgres(session) => sqlx::raw_sql(text).execute(session).await.map(drop),
            Session::MySql(session) => sqlx::raw_sql(text).execute(session).await.map(drop),
        }
    }

    /// The first column of the first row, which must be text; `None` where it is NULL.
    pub async fn scalar(&mut self, sql: &str) -> Result<Option<String>, sqlx::Error> {
        let text = sqlx::AssertSqlSafe(sql.to_owned());
        match self {
            Session::Postgres(session) => sqlx::raw_sql(text).fetch_one(session).await?.try_get_unchecked(0),
            Session::MySql(session) => sqlx::raw_sql(text).fetch_one(session).await?.try_get_unchecked(0),
        }
    }

    /// Every cell of every row as the server writes it.
    pub async fn rows(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, sqlx::Error> {
        fn cell<'r>(raw: impl sqlx::ValueRef<'r>, text: impl FnOnce() -> String) -> Option<String> {
            if raw.is_null() { None } else { Some(text()) }
        }
        let text = sqlx::AssertSqlSafe(sql.to_owned());
        let mut table = Vec::new();
        match self {
            Session::Postgres(session) => {
                for row in sqlx::raw_sql(text).fetch_all(session).await? {
                    let cells = (0..row.len()).map(|index| {
                        let raw = row.try_get_raw(index)?;
                        let written = raw.as_str().unwrap_or_default().to_owned();
                        Ok(cell(raw, || written))
                    });
                    table.push(cells.collect::<Result<_, sqlx::Error>>()?);
                }
            }
            Session::MySql(session) => {
                for row in sqlx::raw_sql(text).fetch_all(session).await? {
                    table.push((0..row.len()).map(|index| row.try_get_unchecked(index)).collect::<Result<_, _>>()?);
                }
            }
        }
        Ok(table)
    }

    /// Ends the session in good order.
    pub async fn close(self) {
        let _ = match self {
            Session::Postgres(session) => session.close().await,
            Session::MySql(session) => session.close().await,
        };
    }
}
