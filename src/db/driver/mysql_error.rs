//! MySQL's and MariaDB's errors by number (MySQL manual, "Server Error Message Reference"; MariaDB manual, "Error Codes").
//!
//! Both put names only into the message. They are cut out of it by the form that each number's message has, and the text,
//! which may quote row values, is dropped. In another language than English no name is found.

use super::sqlx_error::Refusal;
use crate::dialect::Dialect;
use crate::error::Error;

pub(super) fn from_server(number: u16, sqlstate: Option<&str>, message: &str, dialect: Dialect) -> Error {
    let mut made = classify(number, sqlstate, message).error(dialect);
    if let Some(sqlstate) = sqlstate {
        made = made.with_sqlstate(sqlstate);
    }
    let names = names(number, message);
    if let Some(name) = names.constraint {
        made = made.with_constraint(name);
    }
    if let Some(name) = names.table {
        made = made.with_table(name);
    }
    if let Some(name) = names.column {
        made = made.with_column(name);
    }
    made
}

/// Out of step (1156 to 1161), shut down, killed, or a prepared statement that sqlx believes in is gone. After an error in the
/// middle of a commit (1180) it is not known what was kept.
pub(super) fn breaks_session(number: u16) -> bool {
    matches!(number, 1047 | 1053 | 1180 | 1077..=1081 | 1152..=1161 | 1184 | 1243 | 1615 | 1835 | 1927 | 4031)
}

/// Whether the server rolled back the whole transaction, not only the statement. For a row that changed since the snapshot (1020)
/// MariaDB does when `innodb_snapshot_isolation` is on.
pub(super) fn ends_transaction(number: u16) -> bool {
    matches!(number, 1020 | 1213 | 1614)
}

/// Whether a name that the server found when it prepared the text is one that it does not find now: unknown, ambiguous, not grouped.
pub(super) fn loses_names(number: u16) -> bool {
    matches!(number, 1052 | 1054 | 1055 | 1140 | 1247)
}

fn classify(number: u16, sqlstate: Option<&str>, message: &str) -> Refusal {
    match number {
        1022 | 1062 | 1169 | 1586 | 1859 => Refusal::Unique,
        1216 | 1217 | 1451 | 1452 | 1830 | 1834 => Refusal::ForeignKey,
        3819 => Refusal::Check,
        // MySQL has another error of this number.
        4025 if sqlstate == Some("23000") => Refusal::Check,
        1048 | 1138 | 1364 => Refusal::NotNull,
        1969 | 3024 => Refusal::StatementTimeout,
        1317 => Refusal::Cancelled,
        1792 | 1836 => Refusal::ReadOnly,
        // "running with the --read-only option"; the same number is used for other options.
        1290 if message.contains("read-only") || message.contains("read_only") => Refusal::ReadOnly,
        1044 | 1095 | 1142 | 1143 | 1227 | 1290 | 1370 => Refusal::Permission,
        1213 => Refusal::Deadlock,
        1020 | 1614 => Refusal::Serialization,
        1205 | 3572 => Refusal::LockTimeout,
        1243 | 1615 => Refusal::StalePlan,
        1045 | 1698 => Refusal::Auth,
        1049 => Refusal::UnknownDatabase,
        1040 | 1203 | 1226 => Refusal::Connection,
        1146 => Refusal::UnknownTable,
        1054 => Refusal::UnknownColumn,
        1305 => Refusal::UnknownFunction,
        1064 | 1149 => Refusal::Syntax,
        1365 => Refusal::DivisionByZero,
        1264 | 1690 => Refusal::OutOfRange,
        1406 => Refusal::TooLong,
        1265 | 1292 | 1366 | 1411 => Refusal::InvalidValue,
        _ if breaks_session(number) => Refusal::Connection,
        _ if sqlstate.is_some_and(|state| state.starts_with("08")) => Refusal::Connection,
        _ => Refusal::Other,
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Names {
    constraint: Option<String>,
    table: Option<String>,
    column: Option<String>,
}

fn names(number: u16, message: &str) -> Names {
    let mut names = Names::default();
    match number {
        // Duplicate entry '…' for key 'name', and 'table.name' from MySQL 8. The entry is row data and comes first.
        1062 | 1586 => {
            let key = message.rsplit_once("for key '").and_then(|(_, rest)| rest.strip_suffix('\''));
            match key.and_then(|key| key.split_once('.')) {
                Some((table, key)) => {
                    names.table = Some(table.to_owned());
                    names.constraint = Some(key.to_owned());
                }
                None => names.constraint = key.map(str::to_owned),
            }
        }
        // … a foreign key constraint fails (`db`.`table`, CONSTRAINT `name` FOREIGN KEY …
        1451 | 1452 => {
            names.constraint = between_ticks(message, "CONSTRAINT ");
            names.table = after_dot(message, "fails (");
        }
        // CONSTRAINT `name` failed for `db`.`table`
        4025 => {
            names.constraint = between_ticks(message, "CONSTRAINT ");
            names.table = after_dot(message, "failed for ");
        }
        // Check constraint 'name' is violated.
        3819 => names.constraint = between(message, "constraint '", "' is violated"),
        // Column 'name' cannot be null
        1048 => names.column = between(message, "Column '", "' cannot be null"),
        // Field 'name' doesn't have a default value
        1364 => names.column = between(message, "Field '", "' doesn't have"),
        _ => {}
    }
    names
}

fn between(message: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = message.split_once(before)?;
    rest.rsplit_once(after).map(|(name, _)| name.to_owned())
}

/// The quoted name that follows `before`.
fn between_ticks(message: &str, before: &str) -> Option<String> {
    let (_, rest) = message.split_once(before)?;
    ticked(rest).map(|(name, _)| name)
}

/// The second of two quoted names, `` `db`.`table` ``, that follow `before`.
fn after_dot(message: &str, before: &str) -> Option<String> {
    let (_, rest) = message.split_once(before)?;
    let (_, rest) = ticked(rest)?;
    ticked(rest.strip_prefix('.')?).map(|(name, _)| name)
}

/// Reads one back-ticked name, doubled ticks undone, and gives what follows it.
fn ticked(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('`')?;
    let mut name = String::new();
    loop {
        let (part, after) = rest.split_once('`')?;
        name.push_str(part);
        match after.strip_prefix('`') {
            Some(more) => {
                name.push('`');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn made(number: u16, sqlstate: &str, message: &str) -> Error {
        from_server(number, Some(sqlstate), message, Dialect::MariaDb)
    }

    #[test]
    fn names_are_cut_out_and_the_text_is_dropped() {
        let cases = [
            (1062, "Duplicate entry 'secret' for key 'users_email'", (Some("users_email"), None, None)),
            (1062, "Duplicate entry 'a' for key 'b' for key 'users.PRIMARY'", (Some("PRIMARY"), Some("users"), None)),
            (
                1452,
                "Cannot add or update a child row: a foreign key constraint fails (`app`.`or``ders`, CONSTRAINT `fk``1` \
                 FOREIGN KEY (`u`) REFERENCES `users` (`id`))",
                (Some("fk`1"), Some("or`ders"), None),
            ),
            (4025, "CONSTRAINT `age.positive` failed for `app`.`people`", (Some("age.positive"), Some("people"), None)),
            (3819, "Check constraint 'people_chk_1' is violated.", (Some("people_chk_1"), None, None)),
            (1048, "Column 'name' cannot be null", (None, None, Some("name"))),
            (1364, "Field 'name' doesn't have a default value", (None, None, Some("name"))),
            (1062, "Doppelter Eintrag 'secret' für Schlüssel 'x'", (None, None, None)),
        ];
        for (number, message, (constraint, table, column)) in cases {
            let error = made(number, "23000", message);
            assert_eq!(error.kind(), ErrorKind::Constraint, "{message}");
            assert_eq!((error.constraint(), error.table(), error.column()), (constraint, table, column), "{message}");
            assert!(!format!("{error:?}").contains("secret"));
        }
    }

    #[test]
    fn numbers_have_one_meaning_here() {
        let cases = [
            (1969, ErrorKind::Timeout, "timeout.statement"),
            (3024, ErrorKind::Timeout, "timeout.statement"),
            (1317, ErrorKind::Cancelled, "cancelled.server"),
            (1792, ErrorKind::Policy, "db.read_only"),
            (1142, ErrorKind::Database, "db.permission"),
            (1213, ErrorKind::Database, "db.deadlock"),
            (1205, ErrorKind::Database, "db.lock_timeout"),
            (1927, ErrorKind::Connect, "connect.lost"),
            (1045, ErrorKind::Auth, "auth.refused"),
            (65000, ErrorKind::Database, "db.error"),
        ];
        for (number, kind, code) in cases {
            let error = made(number, "HY000", "any text");
            assert_eq!((error.kind(), error.code(), error.sqlstate()), (kind, code, Some("HY000")), "{number}");
        }
    }

    #[test]
    fn a_server_that_is_read_only_is_told_from_other_options() {
        let read_only = "The MariaDB server is running with the --read-only option so it cannot execute this statement";
        assert_eq!(made(1290, "HY000", read_only).kind(), ErrorKind::Policy);
        let files =
            "The MariaDB server is running with the --secure-file-priv option so it cannot execute this statement";
        assert_eq!(made(1290, "HY000", files).code(), "db.permission");
    }

    #[test]
    fn only_errors_that_lose_step_break_the_session() {
        assert!(breaks_session(1927) && breaks_session(1243));
        assert!(!breaks_session(1062) && !breaks_session(1064));
    }
}
