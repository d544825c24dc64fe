//! How to start a MySQL: the optional leg, for which `PORTCULLIS_MYSQL_ROOT` names a folder with Debian's packages unpacked in it
//! (`tests/run --mysql` makes one). Its programs are run by the C library that lies beside them, which is newer than the machine's.

use std::path::{Path, PathBuf};
use std::process::Command;

use portcullis::Dialect;

use super::process::Process;
use super::programs::{RunAs, run};
use super::server::{ADMIN_ROLE, CERTIFICATE_ROLE, Kind, Passwords, READ_ONLY_ROLE, READ_WRITE_ROLE, Tls};

pub(super) static KIND: Kind = Kind {
    dialect: Dialect::MySql,
    name: "MySQL",
    users: &["mysql"],
    version: || root().map(|_| version()),
    make_data,
    start,
};

/// Whether the tests run on a MySQL too.
pub(super) fn is_wanted() -> bool {
    root().is_some()
}

fn root() -> Option<PathBuf> {
    std::env::var_os("PORTCULLIS_MYSQL_ROOT").map(PathBuf::from)
}

/// The loader with the libraries of the folder, and the server; with the files that making the data and running the server need alike.
fn server(folder: &Path) -> Vec<String> {
    let root = root().unwrap_or_default();
    let (root, here) = (root.display(), folder.display());
    let lines = [
        format!("{root}/usr/lib64/ld-linux-x86-64.so.2"),
        "--library-path".to_owned(),
        format!("{root}/usr/lib/x86_64-linux-gnu:{root}/usr/lib/mysql/private"),
        format!("{root}/usr/sbin/mysqld"),
        "--no-defaults".to_owned(),
        format!("--basedir={root}/usr"),
        format!("--lc-messages-dir={root}/usr/share/mysql"),
        format!("--character-sets-dir={root}/usr/share/mysql/charsets"),
        format!("--plugin-dir={root}/usr/lib/mysql/plugin"),
        "--secure-file-priv=NULL".to_owned(),
        format!("--datadir={here}/data"),
        format!("--tmpdir={here}/tmp"),
        "--innodb-redo-log-capacity=32M".to_owned(),
        "--innodb-buffer-pool-size=64M".to_owned(),
        "--innodb-flush-method=O_DIRECT_NO_FSYNC".to_owned(),
        "--innodb-flush-log-at-trx-commit=0".to_owned(),
        "--skip-log-bin".to_owned(),
        "--mysqlx=OFF".to_owned(),
        "--performance-schema=OFF".to_owned(),
    ];
    lines.to_vec()
}

/// The version is the folder's, and a folder that is not whole is said when the server is started.
fn version() -> Result<String, String> {
    let words = server(Path::new("/nonexistent"));
    let output = Command::new(&words[0]).args(&words[1..4]).arg("--version").output();
    let output = output.map_err(|error| format!("PORTCULLIS_MYSQL_ROOT: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut words = text.split_whitespace().skip_while(|word| *word != "Ver").skip(1);
    words.next().map(str::to_owned).ok_or_else(|| "the server in PORTCULLIS_MYSQL_ROOT names no version".to_owned())
}

fn make_data(run_as: RunAs, folder: &Path) -> Result<(), String> {
    let words = server(folder);
    run(run_as.command(&words[0], folder).args(&words[1..]).arg("--initialize-insecure"))
}

fn start(run_as: RunAs, folder: &Path, port: u16, tls: Tls, passwords: &Passwords) -> Result<Process, String> {
    // A copy of the data is another server.
    let _ = std::fs::remove_file(folder.join("data/auto.cnf"));
    let script = folder.join("set-up.sql");
    std::fs::write(&script, set_up(passwords)).map_err(|error| format!("set-up: {error}"))?;
    run_as.own(&script).map_err(|error| format!("set-up: {error}"))?;

    let here = folder.display();
    let words = server(folder);
    let mut server = Command::new(&words[0]);
    server.args(&words[1..]);
    server.arg(format!("--socket={here}/mysql.sock")).arg(format!("--pid-file={here}/pid"));
    server.args(["--bind-address=127.0.0.1", "--skip-name-resolve"]).arg(format!("--port={port}"));
    // Read before the first connection is taken.
    server.arg(format!("--init-file={}", script.display()));
    server.args(["--max-connections=200", "--log-error-verbosity=3"]);
    match tls.certificate() {
        Some(certificate) => {
            server.arg(format!("--ssl-ca={here}/tls/ca.pem"));
            server.arg(format!("--ssl-cert={here}/tls/{certificate}.pem"));
            server.arg(format!("--ssl-key={here}/tls/{certificate}.key"));
            server.arg("--require-secure-transport=ON");
        }
        None => {
            server.arg("--tls-version=");
        }
    }
    Process::start(run_as, folder, "TERM", &server, "ready for connections")
}

fn set_up(passwords: &Passwords) -> String {
    let Passwords { admin, read_write, read_only, certificate } = passwords;
    // The account that came with the data has no password. One statement a line.
    format!(
        "CREATE USER '{ADMIN_ROLE}'@'%' IDENTIFIED BY '{admin}';\n\
         GRANT ALL PRIVILEGES ON *.* TO '{ADMIN_ROLE}'@'%' WITH GRANT OPTION;\n\
         CREATE USER '{READ_WRITE_ROLE}'@'%' IDENTIFIED BY '{read_write}';\n\
         GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, INDEX, ALTER, REFERENCES, CREATE TEMPORARY TABLES ON `t\\_%`.* TO '{READ_WRITE_ROLE}'@'%';\n\
         CREATE USER '{READ_ONLY_ROLE}'@'%' IDENTIFIED BY '{read_only}';\n\
         GRANT SELECT ON `t\\_%`.* TO '{READ_ONLY_ROLE}'@'%';\n\
         CREATE USER '{CERTIFICATE_ROLE}'@'%' IDENTIFIED BY '{certificate}' REQUIRE X509;\n\
         GRANT SELECT ON `t\\_%`.* TO '{CERTIFICATE_ROLE}'@'%';\n\
         DROP USER 'root'@'localhost';\n"
    )
}
