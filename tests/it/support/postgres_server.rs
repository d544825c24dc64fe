//! How to make and start a PostgreSQL.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use portcullis::Dialect;

use super::process::Process;
use super::programs::{RunAs, find, run, version};
use super::server::{ADMIN_ROLE, CERTIFICATE_ROLE, Kind, Passwords, READ_ONLY_ROLE, READ_WRITE_ROLE, Tls};

pub(super) static KIND: Kind = Kind {
    dialect: Dialect::Postgres,
    name: "PostgreSQL",
    users: &["postgres"],
    version: || {
        program("initdb")?;
        Some(version(&program("postgres")?))
    },
    make_data,
    start,
};

fn program(name: &str) -> Option<PathBuf> {
    find("PORTCULLIS_PG_BIN", &[name])
}

fn make_data(run_as: RunAs, folder: &Path) -> Result<(), String> {
    let mut initdb = run_as.command(program("initdb").unwrap_or_default(), folder);
    initdb.args(["-D", "data", "-U", ADMIN_ROLE, "--auth=scram-sha-256", "--pwfile=password"]);
    initdb.args(["--no-sync", "--locale=C", "--encoding=UTF8"]);
    // initdb asks for a password; `set_up` changes it before anyone can connect.
    std::fs::write(folder.join("password"), uuid::Uuid::new_v4().to_string()).map_err(|error| error.to_string())?;
    run_as.own(&folder.join("password")).map_err(|error| error.to_string())?;
    run(&mut initdb)
}

fn start(run_as: RunAs, folder: &Path, port: u16, tls: Tls, passwords: &Passwords) -> Result<Process, String> {
    set_up(run_as, folder, passwords)?;
    let tcp = if tls == Tls::Off { "host" } else { "hostssl" };
    let rules = format!(
        "local     all all                   scram-sha-256\n\
         hostssl   all {CERTIFICATE_ROLE} all cert\n\
         {tcp}     all all 127.0.0.1/32      scram-sha-256\n\
         host      all all all               reject\n"
    );
    let file = folder.join("data/pg_hba.conf");
    std::fs::write(&file, rules).map_err(|error| format!("{}: {error}", file.display()))?;

    let mut server = Command::new(program("postgres").unwrap_or_default());
    server.arg("-D").arg(folder.join("data"));
    let mut set = |name: &str, value: &str| {
        server.arg("-c").arg(format!("{name}={value}"));
    };
    set("listen_addresses", "127.0.0.1");
    set("port", &port.to_string());
    set("unix_socket_directories", &folder.display().to_string());
    set("max_connections", "150");
    // The data is thrown away, so nothing need survive a power cut.
    set("fsync", "off");
    set("synchronous_commit", "off");
    set("full_page_writes", "off");
    set("shared_buffers", "32MB");
    set("max_wal_size", "256MB");
    set("autovacuum", "off");
    set("jit", "off");
    if let Some(certificate) = tls.certificate() {
        let file = |name: &str| format!("{}/tls/{name}", folder.display());
        set("ssl", "on");
        set("ssl_cert_file", &file(&format!("{certificate}.pem")));
        set("ssl_key_file", &file(&format!("{certificate}.key")));
        set("ssl_ca_file", &file("ca.pem"));
    }
    Process::start(run_as, folder, "INT", &server, "database system is ready to accept connections")
}

/// Makes the roles in single-user mode, so that no moment exists in which a known password opens the server.
fn set_up(run_as: RunAs, folder: &Path, passwords: &Passwords) -> Result<(), String> {
    let Passwords { admin, read_write, read_only, certificate } = passwords;
    // New databases are copies of template1, so what is granted here holds in every test's database. One statement a line.
    let mut lines = format!(
        "ALTER ROLE {ADMIN_ROLE} PASSWORD '{admin}'\n\
         CREATE ROLE {READ_WRITE_ROLE} LOGIN PASSWORD '{read_write}'\n\
         CREATE ROLE {READ_ONLY_ROLE} LOGIN PASSWORD '{read_only}'\n\
         CREATE ROLE {CERTIFICATE_ROLE} LOGIN PASSWORD '{certificate}'\n\
         GRANT USAGE, CREATE ON SCHEMA public TO {READ_WRITE_ROLE}\n\
         ALTER DEFAULT PRIVILEGES FOR ROLE {ADMIN_ROLE} GRANT USAGE ON SCHEMAS TO {READ_WRITE_ROLE}, {READ_ONLY_ROLE}, {CERTIFICATE_ROLE}\n\
         ALTER DEFAULT PRIVILEGES FOR ROLE {ADMIN_ROLE} GRANT ALL ON TABLES TO {READ_WRITE_ROLE}\n\
         ALTER DEFAULT PRIVILEGES FOR ROLE {ADMIN_ROLE} GRANT ALL ON SEQUENCES TO {READ_WRITE_ROLE}\n"
    );
    for owner in [ADMIN_ROLE, READ_WRITE_ROLE] {
        lines += &format!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON TABLES TO {READ_ONLY_ROLE}, {CERTIFICATE_ROLE}\n"
        );
    }
    let (script, said) = (folder.join("set-up.sql"), folder.join("set-up.log"));
    let io = |error: std::io::Error| format!("set-up: {error}");
    std::fs::write(&script, lines).map_err(io)?;
    let mut single = run_as.command(program("postgres").unwrap_or_default(), folder);
    single.args(["--single", "-D", "data", "-c", "fsync=off", "-c", "log_destination=stderr", "template1"]);
    let log = File::create(&said).map_err(io)?;
    single.stdin(File::open(&script).map_err(io)?).stdout(log.try_clone().map_err(io)?).stderr(log);
    let status = single.status().map_err(io)?;
    // Single-user mode ends well even where a statement failed.
    let said = std::fs::read_to_string(&said).map_err(io)?;
    std::fs::remove_file(&script).map_err(io)?;
    if status.success() && !said.contains("ERROR") { Ok(()) } else { Err(format!("set-up failed: {status}\n{said}")) }
}
