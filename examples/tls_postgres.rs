//! PostgreSQL over verified TLS, with a root certificate of one's own.
//!
//! TLS is on and verified unless a DSN or `danger` says otherwise; `sslrootcert` adds the authority that signed the server's
//! certificate. The DSN comes from the environment, or from the file that `PORTCULLIS_EXAMPLE_DSN_FILE` names:
//!
//! ```text
//! export PORTCULLIS_EXAMPLE_DSN='postgres://reporter:secret@db.internal/sales?sslrootcert=/etc/ssl/our-root.pem'
//! cargo run --example tls_postgres
//! ```

use portcullis::{Database, Dsn, ErrorKind, Result};

const VARIABLE: &str = "PORTCULLIS_EXAMPLE_DSN";

#[tokio::main]
async fn main() -> Result<()> {
    // What would send a password without proof of the server is refused before anything is sent.
    for mode in ["disable", "prefer", "require", "verify-ca"] {
        let dsn = format!("postgres://reporter:secret@db.internal/sales?sslmode={mode}");
        if let Err(refusal) = Dsn::parse(&dsn) {
            println!("sslmode={mode}: {refusal}");
        }
    }

    if [VARIABLE, &format!("{VARIABLE}_FILE")].iter().all(|name| std::env::var_os(name).is_none()) {
        println!("\n{VARIABLE} is not set, so no server is asked; the header of this example says what to set");
        return Ok(());
    }
    let dsn = Dsn::from_env(VARIABLE)?;
    // The password is not shown, here or anywhere else.
    println!("\nconnecting to {dsn}");
    let db = match Database::builder(dsn).name("example").open_read_only().await {
        Ok(db) => db,
        Err(error) if error.kind() == ErrorKind::Tls => {
            println!("the server could not prove who it is, and has heard no password: {error}");
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    println!("{} {}", db.dialect(), db.server_version());

    let session = db.sql("SELECT version, cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    println!("{}", session.collect().await?);

    // The handle can't write; this says whether its role could.
    let report = db.verify_read_only().await?;
    for finding in report.findings() {
        println!("warning: {finding}");
    }
    if !report.role_could_write() {
        println!("the role has no right to write: the last wall stands too");
    }
    Ok(())
}
