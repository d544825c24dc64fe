//! The auditor's tool, run as a program on logs of real statements.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can not go on should stop with a panic"
)]

mod compressed;
mod logs;
mod progress;
mod verify;
mod webhook;

#[path = "../it/support/certificates.rs"]
#[allow(dead_code, reason = "the servers' tests use what is left")]
mod certificates;

/// The name in a client's certificate.
const CERTIFICATE_ROLE: &str = "auditor";
mod query;
mod report;
mod tail;

use std::path::Path;
use std::process::{Command, Output};

/// A command of the tool.
fn tool(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(arguments);
    command
}

/// What it printed, what it noted and how it ended.
struct Said {
    out: String,
    notes: String,
    code: i32,
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        Said {
            out: String::from_utf8(output.stdout).unwrap(),
            notes: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code().unwrap(),
        }
    }
}

fn run(arguments: &[&str], files: &[&Path]) -> Said {
    let mut command = tool(arguments);
    command.args(files).output().unwrap().into()
}
