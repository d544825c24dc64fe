//! The session settings that a handle may add, by database.
//!
//! A short list: what limits resources or names things. Settings that carry a guarantee (read-only, time zone, SQL mode,
//! statement deadline, character set) are fixed and not here. A value is always a bind, never text.

use super::dsn::Family;
use crate::error::{Error, ErrorKind, Result, show_name};

const POSTGRES: &[&str] = &[
    "application_name",
    "default_transaction_isolation",
    "idle_in_transaction_session_timeout",
    "jit",
    "lock_timeout",
    "max_parallel_workers_per_gather",
    "plan_cache_mode",
    "search_path",
    "synchronous_commit",
    "work_mem",
];

/// Pragmas; what values each takes, the driver knows.
const SQLITE: &[&str] = &[
    "busy_timeout",
    "cache_size",
    "journal_size_limit",
    "mmap_size",
    "secure_delete",
    "synchronous",
    "temp_store",
    "wal_autocheckpoint",
];

/// Names with the statement that sets each to a bound whole number.
pub(super) const MYSQL: &[(&str, &str)] = &[
    ("group_concat_max_len", "SET SESSION group_concat_max_len = ?"),
    ("innodb_lock_wait_timeout", "SET SESSION innodb_lock_wait_timeout = ?"),
    ("join_buffer_size", "SET SESSION join_buffer_size = ?"),
    ("lock_wait_timeout", "SET SESSION lock_wait_timeout = ?"),
    ("max_heap_table_size", "SET SESSION max_heap_table_size = ?"),
    ("net_read_timeout", "SET SESSION net_read_timeout = ?"),
    ("net_write_timeout", "SET SESSION net_write_timeout = ?"),
    ("sort_buffer_size", "SET SESSION sort_buffer_size = ?"),
    ("tmp_table_size", "SET SESSION tmp_table_size = ?"),
    ("wait_timeout", "SET SESSION wait_timeout = ?"),
];

/// Refuses a setting that is not on the list of its database, or is named twice.
pub(crate) fn check(family: Family, settings: &[(String, String)]) -> Result<()> {
    for (position, (name, value)) in settings.iter().enumerate() {
        let known = match family {
            Family::Postgres => POSTGRES.contains(&name.as_str()) || is_custom(name),
            Family::MySql => MYSQL.iter().any(|(known, _)| known == name),
            Family::Sqlite => SQLITE.contains(&name.as_str()),
        };
        if !known {
            return Err(unknown(family, name));
        }
        if settings.iter().take(position).any(|(earlier, _)| earlier == name) {
            return Err(refuse(format!("the session setting {} is given twice", show_name(name))));
        }
        match family {
            Family::MySql => drop(number(name, value)?),
            _ if value.contains('\0') => {
                return Err(refuse(format!("the value of the session setting {} holds a NUL", show_name(name))));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The value of a MySQL setting.
pub(super) fn number(name: &str, value: &str) -> Result<u64> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    value
        .parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| refuse(format!("the session setting {} takes a whole number", show_name(name))))
}

/// A setting of the application's own, such as `app.tenant`, which row-level security policies read.
fn is_custom(name: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    name.len() <= 63 && name.split_once('.').is_some_and(|(class, name)| part(class) && part(name))
}

fn unknown(family: Family, name: &str) -> Error {
    let name = show_name(name);
    let list = |names: &mut dyn Iterator<Item = &'static str>| names.collect::<Vec<_>>().join("`, `");
    refuse(match family {
        Family::Postgres => format!(
            "{name} can't be set on a session; known are `{}` and names with a dot such as `app.tenant`",
            list(&mut POSTGRES.iter().copied())
        ),
        Family::MySql => {
            format!("{name} can't be set on a session; known are `{}`", list(&mut MYSQL.iter().map(|(name, _)| *name)))
        }
        Family::Sqlite => {
            format!("{name} can't be set on a session; known are `{}`", list(&mut SQLITE.iter().copied()))
        }
    })
}

fn refuse(message: String) -> Error {
    Error::new(ErrorKind::Connect, "connect.setting", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(family: Family, name: &str, value: &str) -> Result<()> {
        check(family, &[(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn listed_settings_pass_and_others_are_refused_by_name() {
        one(Family::Postgres, "work_mem", "8MB").unwrap();
        one(Family::Postgres, "app.tenant", "it's anything; \\ at all").unwrap();
        one(Family::MySql, "lock_wait_timeout", "5").unwrap();
        one(Family::Sqlite, "cache_size", "5").unwrap();
        for (family, name) in [
            (Family::Postgres, "default_transaction_read_only"),
            (Family::Postgres, "session_replication_role"),
            (Family::Postgres, "App.Tenant"),
            (Family::Postgres, "app.tenant.x"),
            (Family::Postgres, "app."),
            (Family::MySql, "sql_mode"),
            (Family::MySql, "lock_wait_timeout=1, sql_mode"),
            (Family::Sqlite, "journal_mode"),
        ] {
            let error = one(family, name, "1").unwrap_err();
            assert_eq!(error.code(), "connect.setting");
            assert!(error.to_string().contains(&show_name(name)), "{error}");
        }
    }

    #[test]
    fn values_that_do_not_fit_are_refused_without_being_shown() {
        for value in ["", "-1", "+1", "1; drop table t", "0x10", "99999999999999999999999"] {
            let error = one(Family::MySql, "lock_wait_timeout", value).unwrap_err();
            assert_eq!(error.to_string(), "the session setting `lock_wait_timeout` takes a whole number", "{value}");
        }
        assert!(one(Family::Postgres, "app.tenant", "a\0b").is_err());
        let twice = [("jit".to_owned(), "on".to_owned()), ("jit".to_owned(), "off".to_owned())];
        assert!(check(Family::Postgres, &twice).is_err());
    }
}
