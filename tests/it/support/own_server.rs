//! A server of one test's own, which it may kill and start again with its data.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use portcullis::Dialect;

use super::programs::RunAs;
use super::server::{Server, Tls};
use super::{mariadb_server, postgres_server};

/// A server without TLS that keeps what it has committed also when it is killed.
pub struct OwnServer {
    // Stops before the folder goes with the other.
    again: Option<Again>,
    pub server: Server,
    run_as: RunAs,
    arguments: Vec<String>,
}

impl OwnServer {
    /// `None` on a machine without its programs.
    pub fn start(dialect: Dialect) -> Option<OwnServer> {
        let (kind, durable): (_, &[&str]) = match dialect {
            Dialect::Postgres => (&postgres_server::KIND, &["-c", "synchronous_commit=on"]),
            _ => (&mariadb_server::KIND, &["--innodb-flush-log-at-trx-commit=1"]),
        };
        let server = Server::start(kind, Tls::Off).unwrap_or_else(|message| panic!("{message}"))?;
        let run_as = RunAs::first_of(kind.users);
        let mut own = OwnServer { again: None, server, run_as, arguments: Vec::new() };
        let said = std::fs::read(format!("/proc/{}/cmdline", own.pid())).expect("the server's own command");
        let said = said.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        own.arguments =
            said.filter(|word| !word.is_empty()).chain(durable.iter().map(|word| (*word).to_owned())).collect();
        // The roles are made, and would be made again.
        own.arguments.retain(|word| !word.starts_with("--init-file="));
        own.end(if own.is_postgres() { "INT" } else { "TERM" });
        own.start_again();
        Some(own)
    }

    fn pid_file(&self) -> PathBuf {
        self.server.folder.join(if self.is_postgres() { "data/postmaster.pid" } else { "pid" })
    }

    fn pid(&self) -> u32 {
        let text = std::fs::read_to_string(self.pid_file()).expect("a file with the server's id");
        text.lines().next().and_then(|line| line.trim().parse().ok()).expect("the server's id")
    }

    /// Kills the server and the processes that it has started, as a machine that runs out of memory would.
    pub fn kill(&self) {
        self.end("KILL");
    }

    fn end(&self, signal: &str) {
        let pid = self.pid();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let mut all = vec![pid.to_string()];
        if signal == "KILL" {
            all.extend(children.split_whitespace().map(str::to_owned));
        }
        let killed = Command::new("/bin/sh").arg("-c").arg(format!("kill -s {signal} {}", all.join(" "))).status();
        assert!(killed.is_ok(), "no /bin/sh");
        let deadline = Instant::now() + Duration::from_secs(30);
        // A process that was killed and not yet waited for is a zombie, which holds nothing.
        let runs = |pid: &String| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
        };
        while all.iter().any(runs) {
            assert!(Instant::now() < deadline, "the server outlives {signal}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts it again on the same port.
    pub fn start_again(&mut self) {
        drop(self.again.take());
        let folder = &self.server.folder;
        let _ = std::fs::remove_file(folder.join(if self.is_postgres() { "log again" } else { "pid" }));
        let (signal, ready) = match self.is_postgres() {
            true => ("INT", "database system is ready to accept connections"),
            false => ("TERM", "ready for connections"),
        };
        let log = File::create(folder.join("log again")).expect("a log");
        let mut wrapper = self.run_as.command("/bin/sh", folder);
        wrapper.args(["-c", WRAPPER, "sh", signal]).args(&self.arguments).process_group(0).stdin(Stdio::piped());
        wrapper.stdout(log.try_clone().expect("a log")).stderr(log);
        self.again = Some(Again(wrapper.spawn().expect("/bin/sh")));
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let said = std::fs::read(folder.join("log again")).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            if said.contains(ready) {
                return;
            }
            assert!(Instant::now() < deadline, "it did not start again:\n{said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_postgres(&self) -> bool {
        self.server.dialect == Dialect::Postgres
    }
}

/// Stops the server when standard input closes, as the one of [`super::process`] does. It waits for the server only then: until then
/// nobody else has the server's number.
const WRAPPER: &str = r#"
signal=$1; shift
"$@" & server=$!
cat >/dev/null
kill -s "$signal" "$server"
( sleep 5; kill -s KILL "$server" ) >/dev/null 2>&1 & late=$!
wait "$server"
kill "$late"
"#;

struct Again(Child);

impl Drop for Again {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
