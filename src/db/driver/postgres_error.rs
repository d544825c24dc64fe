//! PostgreSQL's errors by SQLSTATE (PostgreSQL manual, appendix A).

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use super::sqlx_error::Refusal;
use crate::dialect::Dialect;
use crate::error::Error;

pub(super) fn from_server(error: &PgDatabaseError) -> Error {
    // Only the text tells a deadline from a request to stop; in another language than English it counts as a deadline, since
    // this crate cancels by closing the session.
    let asked = error.message().contains("user request");
    let mut made = classify(error.code(), error.routine(), asked).error(Dialect::Postgres).with_sqlstate(error.code());
    if let Some(name) = error.constraint() {
        made = made.with_constraint(name);
    }
    if let Some(name) = error.table() {
        made = made.with_table(name);
    }
    if let Some(name) = error.column() {
        made = made.with_column(name);
    }
    made
}

pub(super) fn breaks_session(error: &PgDatabaseError) -> bool {
    matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic)
        || matches!(
            classify(error.code(), error.routine(), false),
            Refusal::StalePlan | Refusal::Connection | Refusal::IdleTimeout
        )
}

fn classify(sqlstate: &str, routine: Option<&str>, asked: bool) -> Refusal {
    match sqlstate {
        "23505" => Refusal::Unique,
        "23503" => Refusal::ForeignKey,
        "23514" => Refusal::Check,
        "23502" => Refusal::NotNull,
        "23P01" => Refusal::Exclusion,
        "57014" if asked => Refusal::Cancelled,
        "57014" => Refusal::StatementTimeout,
        "25P03" | "25P04" | "57P05" => Refusal::IdleTimeout,
        "25006" => Refusal::ReadOnly,
        "42501" => Refusal::Permission,
        "40001" => Refusal::Serialization,
        "40P01" => Refusal::Deadlock,
        "55P03" => Refusal::LockTimeout,
        // "cached plan must not change result type": sqlx keeps the statement, so every later run would fail too. Other
        // features that are not supported have the same SQLSTATE but come from other routines.
        "0A000" if routine.is_none_or(|name| name == "RevalidateCachedQuery") => Refusal::StalePlan,
        // A prepared statement is gone, which only raw SQL can have done; sqlx still believes in it.
        "26000" => Refusal::StalePlan,
        "28000" | "28P01" => Refusal::Auth,
        "3D000" => Refusal::UnknownDatabase,
        "57P01" | "57P02" | "57P03" | "57P04" | "53300" => Refusal::Connection,
        "42P01" => Refusal::UnknownTable,
        "42703" => Refusal::UnknownColumn,
        "42883" => Refusal::UnknownFunction,
        "42601" => Refusal::Syntax,
        "22012" => Refusal::DivisionByZero,
        "22003" | "22008" => Refusal::OutOfRange,
        "22001" => Refusal::TooLong,
        "22P02" | "22007" | "22023" => Refusal::InvalidValue,
        // A bind too few is told so, in a session that is well.
        "08P01" => Refusal::Other,
        _ if sqlstate.starts_with("23") => Refusal::OtherConstraint,
        _ if sqlstate.starts_with("08") => Refusal::Connection,
        _ => Refusal::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_table_is_told_from_other_missing_features() {
        assert_eq!(classify("0A000", Some("RevalidateCachedQuery"), false), Refusal::StalePlan);
        assert_eq!(classify("0A000", Some("transformStmt"), false), Refusal::Other);
    }

    #[test]
    fn a_deadline_is_told_from_a_request_to_stop() {
        assert_eq!(classify("57014", None, false), Refusal::StatementTimeout);
        assert_eq!(classify("57014", None, true), Refusal::Cancelled);
    }

    #[test]
    fn constraint_classes_without_a_name_of_their_own_are_still_constraints() {
        assert_eq!(classify("23001", None, false), Refusal::OtherConstraint);
        assert_eq!(classify("24000", None, false), Refusal::Other);
    }
}
