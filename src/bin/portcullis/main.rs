//! `portcullis`: the auditor's tool. `docs/audit.md` describes it.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test that can not go on should stop with a panic"
    )
)]

mod args;
mod escape;
mod filter;
mod log;
mod query;
mod report;
mod statement;
mod table;
mod tail;
mod verify;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use self::args::{Arguments, Audit, Command};

/// How the program ends, other than by success.
pub(crate) enum Fault {
    /// What was asked for could not be understood: exit code 2.
    Usage(String),
    /// A file could not be read or written: exit code 3.
    Io(String),
}

/// Whether what was looked at is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fine,
    /// The log is broken, or an expectation was not met: exit code 1.
    Amiss,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.command {
        Command::Audit { command: Audit::Verify(verify) } => verify::run(verify),
        Command::Audit { command: Audit::Query(query) } => query::run(query),
        Command::Audit { command: Audit::Tail(tail) } => tail::run(tail),
        Command::Audit { command: Audit::Report(report) } => report::run(report),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Arguments::command(), "portcullis", &mut io::stdout());
            Ok(Verdict::Fine)
        }
    };
    match result {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Amiss) => ExitCode::from(1),
        Err(Fault::Usage(message)) => {
            note(&format!("error: {message}"));
            ExitCode::from(2)
        }
        Err(Fault::Io(message)) => {
            note(&format!("error: {message}"));
            ExitCode::from(3)
        }
    }
}

/// Says something beside the results. The message is escaped already where it holds names.
pub(crate) fn note(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// A line of results.
pub(crate) fn print(out: &mut impl Write, line: &str) -> Result<(), Fault> {
    writeln!(out, "{line}").map_err(|error| output_fault(&error))
}

/// Why results could not be written. Whoever reads them may stop at any time, as `head` does.
pub(crate) fn output_fault(error: &io::Error) -> Fault {
    if error.kind() == io::ErrorKind::BrokenPipe {
        // Nobody is left to read a message.
        std::process::exit(0);
    }
    Fault::Io(format!("the output can't be written: {}", error.kind()))
}

pub(crate) fn is_terminal() -> bool {
    io::stderr().is_terminal()
}
