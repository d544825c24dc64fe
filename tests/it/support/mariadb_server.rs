//! How to make and start a MariaDB.

use std::path::{Path, PathBuf};
use std::process::Command;

use portcullis::Dialect;

use super::process::Process;
use super::programs::{RunAs, find, run, version};
use super::server::{ADMIN_ROLE, CERTIFICATE_ROLE, Kind, Passwords, READ_ONLY_ROLE, READ_WRITE_ROLE, Tls};

pub(super) static KIND: Kind = Kind {
    dialect: Dialect::MariaDb,
    name: "MariaDB",
    users: &["mysql"],
    version: || {
        install_db()?;
        Some(version(&server_program()?))
    },
    make_data,
    start,
};

fn server_program() -> Option<PathBuf> {
    find("PORTCULLIS_MARIADB_BIN", &["mariadbd"])
}

fn install_db() -> Option<PathBuf> {
    find("PORTCULLIS_MARIADB_BIN", &["mariadb-install-db"])
}

/// Smaller and faster files than the defaults; both making the data and running the server need them alike.
const FILES: [&str; 3] =
    ["--innodb-flush-method=nosync", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0"];

fn make_data(run_as: RunAs, folder: &Path) -> Result<(), String> {
    let mut install = run_as.command(install_db().unwrap_or_default(), folder);
    install.arg("--no-defaults").arg(format!("--datadir={}/data", folder.display()));
    install.arg(format!("--tmpdir={}/tmp", folder.display()));
    install.args(["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]).args(FILES);
    run(&mut install)
}

fn start(run_as: RunAs, folder: &Path, port: u16, tls: Tls, passwords: &Passwords) -> Result<Process, String> {
    let script = folder.join("set-up.sql");
    std::fs::write(&script, set_up(passwords)).map_err(|error| format!("set-up: {error}"))?;
    run_as.own(&script).map_err(|error| format!("set-up: {error}"))?;

    let here = folder.display();
    let mut server = Command::new(server_program().unwrap_or_default());
    server.arg("--no-defaults").arg(format!("--datadir={here}/data")).arg(format!("--tmpdir={here}/tmp"));
    server.arg(format!("--socket={here}/mariadb.sock")).arg(format!("--pid-file={here}/pid"));
    server.args(["--bind-address=127.0.0.1", "--skip-name-resolve"]).arg(format!("--port={port}"));
    // Read before the first connection is taken.
    server.arg(format!("--init-file={}", script.display()));
    server.args(["--max-connections=200", "--innodb-buffer-pool-size=32M"]).args(FILES);
    match tls.certificate() {
        Some(certificate) => {
            server.arg(format!("--ssl-ca={here}/tls/ca.pem"));
            server.arg(format!("--ssl-cert={here}/tls/{certificate}.pem"));
            server.arg(format!("--ssl-key={here}/tls/{certificate}.key"));
            server.arg("--require-secure-transport=ON");
        }
        None => {
            server.arg("--skip-ssl");
        }
    }
    Process::start(run_as, folder, "TERM", &server, "ready for connections")
}

fn set_up(passwords: &Passwords) -> String {
    let Passwords { admin, read_write, read_only, certificate } = passwords;
    // Every account that came with the data is dropped: root has no password there. Tests' databases are named `t_` and a
    // number. One statement a line.
    format!(
        "DELETE FROM mysql.global_priv WHERE User NOT LIKE 'mariadb.sys';\n\
         FLUSH PRIVILEGES;\n\
         CREATE USER '{ADMIN_ROLE}'@'%' IDENTIFIED BY '{admin}';\n\
         GRANT ALL PRIVILEGES ON *.* TO '{ADMIN_ROLE}'@'%' WITH GRANT OPTION;\n\
         CREATE USER '{READ_WRITE_ROLE}'@'%' IDENTIFIED BY '{read_write}';\n\
         GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, INDEX, ALTER, REFERENCES, CREATE TEMPORARY TABLES ON `t\\_%`.* TO '{READ_WRITE_ROLE}'@'%';\n\
         CREATE USER '{READ_ONLY_ROLE}'@'%' IDENTIFIED BY '{read_only}';\n\
         GRANT SELECT ON `t\\_%`.* TO '{READ_ONLY_ROLE}'@'%';\n\
         CREATE USER '{CERTIFICATE_ROLE}'@'%' IDENTIFIED BY '{certificate}' REQUIRE X509;\n\
         GRANT SELECT ON `t\\_%`.* TO '{CERTIFICATE_ROLE}'@'%';\n"
    )
}
