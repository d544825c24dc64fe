//! Runs a server for as long as this test process lives, however it ends.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::programs::RunAs;

/// Stops the server when standard input closes. The test process holds the other end and never writes, so a panic, `exit` and even
/// SIGKILL close it. The folder goes with the server, unless the server ended by itself: then its log is still wanted.
const WRAPPER: &str = r#"
signal=$1 folder=$2; shift 2
exec 3<&0 </dev/null
"$@" 3<&- & server=$!
(
    cat <&3 >/dev/null
    if [ ! -e "$folder/ended" ]; then
        kill -s "$signal" "$server"
        tries=0
        while kill -0 "$server" 2>/dev/null && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
        kill -s KILL "$server" 2>/dev/null
    fi
    cd /
    rm -rf "$folder"
) >/dev/null 2>&1 &
wait "$server"
echo "$?" > "$folder/ended"
"#;

/// A running server. It stops when the value is dropped or the test process ends.
pub struct Process {
    wrapper: Child,
}

impl Process {
    /// Starts `server` in `folder` and waits until its log holds `ready`.
    pub fn start(run_as: RunAs, folder: &Path, signal: &str, server: &Command, ready: &str) -> Result<Process, String> {
        let log = folder.join("log");
        let file = File::create(&log).map_err(|error| format!("no log file: {error}"))?;
        let mut wrapper = run_as.command("/bin/sh", folder);
        wrapper.args(["-c", WRAPPER, "sh", signal]).arg(folder).arg(server.get_program()).args(server.get_args());
        // A process group of its own: Ctrl-C in a terminal ends the tests, and that ends the server in good order.
        wrapper.process_group(0).stdin(Stdio::piped());
        wrapper.stdout(file.try_clone().map_err(|error| error.to_string())?).stderr(file);
        let mut process =
            Process { wrapper: wrapper.spawn().map_err(|error| format!("/bin/sh did not start: {error}"))? };

        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let said = std::fs::read(&log).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            if said.contains(ready) {
                return Ok(process);
            }
            if process.wrapper.try_wait().is_ok_and(|status| status.is_some()) {
                return Err(format!("{:?} ended at once:\n{said}", server.get_program()));
            }
            if Instant::now() > deadline {
                return Err(format!("{:?} was not ready after a minute:\n{said}", server.get_program()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.wrapper.stdin.take());
        let _ = self.wrapper.wait();
    }
}

/// A port that was free a moment ago. Another process may take it first, so callers try more than once.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port on loopback");
    listener.local_addr().expect("an address").port()
}
