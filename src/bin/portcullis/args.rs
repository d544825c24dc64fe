//! What can be asked for.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Reads what portcullis wrote.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, about, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The audit's log: who read and changed what, and whether that is still what was written
    Audit {
        #[command(subcommand)]
        command: Audit,
    },
    /// Prints a script that completes commands in a shell
    Completions { shell: Shell },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Says whether a log is as it was written, what of that is certain, and where it is broken first
    Verify(Verify),
    /// Finds statements: who read `customers.email` in March?
    Query(Box<Query>),
    /// Shows statements as they end, also across rotation
    Tail(Box<Tail>),
    /// Makes one page of HTML that needs nothing else: totals, timeline, who touched what, refusals, slow and new shapes
    Report(Box<Report>),
}

/// A log and what vouches for it.
#[derive(Debug, Args)]
pub(crate) struct Log {
    /// Files of one log, in any order, compressed or not; `-` is standard input
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// A key of checkpoints, whose secret is in a file (a newline at its end is not part of it)
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) key_file: Vec<String>,
    /// A key of checkpoints, whose secret is in an environment variable
    #[arg(long, value_name = "NAME=VARIABLE")]
    pub(crate) key_env: Vec<String>,
    /// An anchor that was kept elsewhere
    #[arg(long, value_name = "NUMBER:HASH")]
    pub(crate) anchor: Vec<portcullis::AuditAnchor>,
    /// Anchors that were kept elsewhere, one a line
    #[arg(long, value_name = "FILE")]
    pub(crate) anchor_file: Vec<PathBuf>,
    /// Shows no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) log: Log,
    #[arg(long, default_value = "table")]
    pub(crate) format: Format,
    /// Ends with 1 unless this holds too
    #[arg(long, value_name = "WHAT")]
    pub(crate) require: Vec<Require>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Require {
    /// Every record is vouched for by a key or an anchor
    Anchored,
    /// The log ends as a layer ends it when it is dropped
    Closed,
    /// The log begins with record 1
    Beginning,
    /// Nothing was refused or lost because the log could not be written
    NoGaps,
}

/// Which statements. Several values of one filter: any of them; several filters: all of them.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Filters {
    /// On whose behalf
    #[arg(long)]
    pub(crate) subject: Vec<String>,
    #[arg(long)]
    pub(crate) tenant: Vec<String>,
    #[arg(long)]
    pub(crate) role: Vec<String>,
    /// Source address of the request
    #[arg(long)]
    pub(crate) address: Vec<String>,
    /// With or without its schema, in any case
    #[arg(long)]
    pub(crate) table: Vec<String>,
    /// `email`, or `customers.email`; statements whose columns are not known (`*`) are found too
    #[arg(long)]
    pub(crate) column: Vec<String>,
    /// What the column is used for; without it, anything
    #[arg(long = "use", value_name = "USE")]
    pub(crate) uses: Vec<Use>,
    /// What is done: SELECT, INSERT, UPDATE, DELETE, RAW, BEGIN, …; with a table or column, to that
    #[arg(long)]
    pub(crate) verb: Vec<String>,
    #[arg(long)]
    pub(crate) outcome: Vec<Outcome>,
    /// A time (2026-03-01T08:00:00Z) or day (2026-03-01), UTC; that and later
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) from: Option<DateTime<Utc>>,
    /// Earlier than that
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) to: Option<DateTime<Utc>>,
    /// A year, month or day: 2026, 2026-03, 2026-03-01
    #[arg(long, value_name = "PERIOD", value_parser = period, conflicts_with_all = ["from", "to"])]
    pub(crate) during: Option<Period>,
    /// Statements of one shape
    #[arg(long)]
    pub(crate) fingerprint: Vec<String>,
    /// One statement, by its id
    #[arg(long)]
    pub(crate) id: Vec<uuid::Uuid>,
    /// The statements of one transaction
    #[arg(long)]
    pub(crate) transaction: Vec<uuid::Uuid>,
    /// The statements of one trace, by its 32 digits
    #[arg(long)]
    pub(crate) trace: Vec<String>,
    /// An entry of the context map, such as ticket=4711
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) context: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Use {
    Output,
    Filter,
    Join,
    Group,
    Sort,
    Assign,
    Return,
    /// Any of output, filter, join, group, sort and return
    Read,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Allowed,
    Denied,
    Throttled,
    Failed,
    RolledBack,
    Cancelled,
    Unknown,
    /// The log has no completion for it
    Unfinished,
}

#[derive(Debug, Args)]
pub(crate) struct Query {
    #[command(flatten)]
    pub(crate) log: Log,
    #[arg(long, default_value = "table")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Counts by these instead of showing each statement
    #[arg(long, value_delimiter = ',')]
    pub(crate) by: Vec<By>,
    /// Stops after so many
    #[arg(long)]
    pub(crate) limit: Option<u64>,
    /// Ends with 1 unless so many are found
    #[arg(long)]
    pub(crate) expect: Option<Expect>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    Subject,
    Tenant,
    Table,
    Column,
    Verb,
    Outcome,
    Address,
    Fingerprint,
    Day,
    Hour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Expect {
    None,
    Some,
}

#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// The file that the log grows in
    pub(crate) file: PathBuf,
    #[arg(long, default_value = "table")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Begins with the file's first record, not with what comes next
    #[arg(long)]
    pub(crate) from_start: bool,
    /// Ends when so many were shown
    #[arg(long)]
    pub(crate) limit: Option<u64>,
    /// Ends when nothing new came for so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) idle: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) log: Log,
    /// Where the page goes
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// What the figures say too, on standard output
    #[arg(long, default_value = "table")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Files of an earlier log: shapes that are not in it are new
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Vec<PathBuf>,
    /// Shapes that this log has before that time are not new
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) baseline_until: Option<DateTime<Utc>>,
    /// The page's heading
    #[arg(long, default_value = "Audit report")]
    pub(crate) title: String,
}

/// From a time, and earlier than another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) from: DateTime<Utc>,
    pub(crate) to: DateTime<Utc>,
}

fn time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    period(text).map(|period| period.from).map_err(|_| "write 2026-03-01 or 2026-03-01T08:00:00Z".to_owned())
}

fn period(text: &str) -> Result<Period, String> {
    let wrong = || "write a year, month or day: 2026, 2026-03 or 2026-03-01".to_owned();
    let mut parts = text.split('-').map(|part| part.parse::<u32>().ok().filter(|_| part.len() == 2 || part.len() == 4));
    let year = parts
        .next()
        .flatten()
        .filter(|year| *year > 999)
        .and_then(|year| i32::try_from(year).ok())
        .ok_or_else(wrong)?;
    let month = parts.next();
    let day = parts.next();
    if parts.next().is_some() || month == Some(None) || day == Some(None) {
        return Err(wrong());
    }
    let (month, day) = (month.flatten(), day.flatten());
    let first = chrono::NaiveDate::from_ymd_opt(year, month.unwrap_or(1), day.unwrap_or(1)).ok_or_else(wrong)?;
    let next = match (month, day) {
        (None, _) => first.checked_add_months(chrono::Months::new(12)),
        (_, None) => first.checked_add_months(chrono::Months::new(1)),
        _ => first.succ_opt(),
    };
    let start = |date: chrono::NaiveDate| date.and_time(chrono::NaiveTime::MIN).and_utc();
    Ok(Period { from: start(first), to: start(next.ok_or_else(wrong)?) })
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_ends_where_the_next_one_begins() {
        for (text, from, to) in [
            ("2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2026-02", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            ("2026-12-31", "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"),
        ] {
            let found = period(text).unwrap();
            assert_eq!((found.from, found.to), (time(from).unwrap(), time(to).unwrap()), "{text}");
        }
        for text in ["", "26", "2026-13", "2026-02-30", "2026-1-1-1", "March", "2026-03-01T00"] {
            assert!(period(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_arguments_do_not_contradict_one_another() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
