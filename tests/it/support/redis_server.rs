//! A Redis of one test's own: TLS and plaintext on loopback, nothing on disk, a user that may do no more than rate limits need.

use std::path::PathBuf;
use std::process::Command;

use super::certificates::certificates;
use super::process::{Process, free_port};
use super::programs::{RunAs, find};

/// The user of rate limits.
pub const LIMITS_USER: &str = "limits";

/// A running Redis; it stops when dropped.
pub struct Redis {
    /// Where it speaks TLS.
    pub port: u16,
    /// Where it speaks plaintext.
    pub plain_port: u16,
    pub password: String,
    folder: PathBuf,
    process: Option<Process>,
}

impl Redis {
    /// `None` (said on standard error) on a machine without the program.
    pub fn start() -> Option<Redis> {
        let Some(program) = find("PORTCULLIS_REDIS_BIN", &["redis-server"]) else {
            let required = std::env::var_os("PORTCULLIS_REQUIRE_SERVERS").is_some_and(|value| value == "1");
            assert!(!required, "redis-server was not found, and PORTCULLIS_REQUIRE_SERVERS=1");
            super::say("skipped: a test on Redis, whose program was not found");
            return None;
        };
        let mut failure = String::new();
        for _ in 0..3 {
            let redis = Redis {
                port: free_port(),
                plain_port: free_port(),
                password: uuid::Uuid::new_v4().simple().to_string(),
                folder: PathBuf::new(),
                process: None,
            };
            match redis.run(&program) {
                Ok(redis) => return Some(redis),
                // Another process may have taken a port in between.
                Err(message) => failure = message,
            }
        }
        panic!("Redis did not start: {failure}");
    }

    fn run(mut self, program: &std::path::Path) -> Result<Redis, String> {
        let failed = |what: &str, error: std::io::Error| format!("{what}: {error}");
        let run_as = RunAs::first_of(&["redis"]);
        let temporary = tempfile::Builder::new().prefix("portcullis-").tempdir();
        let temporary = temporary.map_err(|error| failed("no temporary folder", error))?;
        let folder = temporary.path().to_owned();
        certificates().write(&folder.join("tls")).map_err(|error| failed("certificates", error))?;
        let acl = format!(
            "user default off\nuser {LIMITS_USER} on >{password} ~{{*}}:* resetchannels -@all +eval +evalsha +get +set +time\n\
             user admin on >{password} ~* &* +@all\n",
            password = self.password
        );
        std::fs::write(folder.join("users.acl"), acl).map_err(|error| failed("users.acl", error))?;
        let config = format!(
            "bind 127.0.0.1\nport {}\ntls-port {}\ntls-cert-file tls/server.pem\ntls-key-file tls/server.key\ntls-ca-cert-file tls/ca.pem\n\
             tls-auth-clients no\naclfile users.acl\nsave \"\"\nappendonly no\nmaxmemory 256mb\nmaxmemory-policy noeviction\npidfile {}\ndaemonize no\n",
            self.plain_port,
            self.port,
            folder.join("pid").display()
        );
        std::fs::write(folder.join("redis.conf"), config).map_err(|error| failed("redis.conf", error))?;
        run_as.own(&folder).map_err(|error| failed("chown", error))?;
        let mut server = Command::new(program);
        server.arg(folder.join("redis.conf"));
        let process = Process::start(run_as, &folder, "TERM", &server, "Ready to accept connections")?;
        self.folder = temporary.keep();
        self.process = Some(process);
        Ok(self)
    }

    /// The URL of the user of rate limits, over TLS.
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// The same by way of another port.
    pub fn url_at(&self, port: u16) -> String {
        format!("rediss://{LIMITS_USER}:{}@localhost:{port}/0", self.password)
    }

    /// The URL of one who may do everything, in plaintext.
    pub fn admin_url(&self) -> String {
        format!("redis://admin:{}@127.0.0.1:{}/0", self.password, self.plain_port)
    }

    /// Sends a signal to the server.
    pub fn signal(&self, name: &str) {
        let pid = std::fs::read_to_string(self.folder.join("pid")).expect("the server's process id");
        let status = Command::new("kill").args(["-s", name, pid.trim()]).status().expect("`kill` runs");
        assert!(status.success(), "kill -s {name}");
    }

    /// Ends it at once and starts another, which knows nothing, in its place after `meanwhile`.
    pub async fn killed(&mut self, meanwhile: impl AsyncFnOnce()) {
        self.signal("KILL");
        self.process = None;
        // A server that ended by itself leaves its folder behind.
        let _ = std::fs::remove_dir_all(&self.folder);
        meanwhile().await;
        let program = find("PORTCULLIS_REDIS_BIN", &["redis-server"]).expect("it was there before");
        let next = Redis {
            port: self.port,
            plain_port: self.plain_port,
            password: self.password.clone(),
            folder: PathBuf::new(),
            process: None,
        };
        *self = next.run(&program).expect("a second server in the place of the first");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if self.process.is_some() {
            // A frozen one would not hear that it should end.
            self.signal("CONT");
        }
    }
}
