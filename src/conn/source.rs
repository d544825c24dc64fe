//! Where the text of a DSN may come from: the environment, a file, a `.env` file; each only when asked.

use std::ffi::OsString;
use std::io::Read;
use std::path::Path;

use super::dotenv;
use super::dsn::Dsn;
use super::parse::refuse;
use crate::error::{Error, ErrorKind, Result, show_name};

const MAX_FILE: u64 = 64 * 1024;

pub(super) fn from_env(name: &str) -> Result<Dsn> {
    from_variables(name, |name| std::env::var_os(name))
}

/// The lookup is a parameter so that tests need not change the process's environment.
fn from_variables(name: &str, lookup: impl Fn(&str) -> Option<OsString>) -> Result<Dsn> {
    check_name(name)?;
    let file_name = format!("{name}_FILE");
    match (lookup(name), lookup(&file_name)) {
        (Some(_), Some(_)) => {
            Err(refuse("dsn.env", format!("both {} and {} are set: unset one", show_name(name), show_name(&file_name))))
        }
        (Some(text), None) => {
            let text = text
                .into_string()
                .map_err(|_| refuse("dsn.env", format!("the environment variable {} is not UTF-8", show_name(name))))?;
            Dsn::parse(&text)
        }
        (None, Some(path)) => from_file(Path::new(&path)),
        (None, None) => Err(refuse(
            "dsn.env",
            format!("neither the environment variable {} nor {} is set", show_name(name), show_name(&file_name)),
        )),
    }
}

pub(super) fn from_file(path: &Path) -> Result<Dsn> {
    let text = read(path)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Dsn::parse(text.strip_suffix('\r').unwrap_or(text))
}

pub(super) fn from_dotenv(path: &Path, name: &str) -> Result<Dsn> {
    check_name(name)?;
    let text = read(path)?;
    match dotenv::find(&text, name)? {
        Some(value) => Dsn::parse(&value),
        None => Err(refuse("dsn.env", format!("the `.env` file does not set {}", show_name(name)))),
    }
}

/// The path is not shown: a caller who mixes up two arguments would put the DSN itself there.
fn read(path: &Path) -> Result<String> {
    let failed = || Error::new(ErrorKind::Io, "dsn.file", "the file with the DSN can't be read");
    let mut text = String::new();
    let mut file = std::fs::File::open(path).map_err(|cause| failed().with_source(cause))?.take(MAX_FILE + 1);
    file.read_to_string(&mut text).map_err(|cause| failed().with_source(cause))?;
    if text.len() as u64 > MAX_FILE {
        return Err(Error::new(ErrorKind::Io, "dsn.file", "the file with the DSN is larger than 64 KiB"));
    }
    Ok(text)
}

/// Also keeps a DSN that stands where the name should stand out of the messages.
fn check_name(name: &str) -> Result<()> {
    let mut characters = name.chars();
    let starts_well = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if starts_well && characters.all(|character| character.is_ascii_alphanumeric() || character == '_') {
        return Ok(());
    }
    Err(refuse("dsn.env", "the name of an environment variable consists of ASCII letters, digits and underscores"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DSN: &str = "postgres://reporter:KEEP-ME-SECRET@db.example/sales";

    fn variables<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
        move |name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
    }

    #[test]
    fn a_variable_gives_the_dsn() {
        let dsn = from_variables("APP_DSN", variables(&[("APP_DSN", DSN)])).unwrap();
        assert_eq!(dsn.database_name(), Some("sales"));
    }

    #[test]
    fn the_file_variable_names_a_file_with_the_dsn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dsn");
        std::fs::write(&path, format!("{DSN}\n")).unwrap();
        let set = [("APP_DSN_FILE", path.to_str().unwrap())];
        assert_eq!(from_variables("APP_DSN", variables(&set)).unwrap().host(), Some("db.example"));

        let both = [("APP_DSN_FILE", path.to_str().unwrap()), ("APP_DSN", DSN)];
        let error = from_variables("APP_DSN", variables(&both)).unwrap_err();
        assert_eq!(error.to_string(), "both `APP_DSN` and `APP_DSN_FILE` are set: unset one");
    }

    #[test]
    fn unset_variables_and_bad_names_are_named_errors() {
        let error = from_variables("APP_DSN", variables(&[])).unwrap_err();
        assert_eq!(error.to_string(), "neither the environment variable `APP_DSN` nor `APP_DSN_FILE` is set");
        let mixed_up = from_variables(DSN, variables(&[])).unwrap_err();
        assert!(!format!("{mixed_up} {mixed_up:?}").contains("KEEP-ME"));
    }

    #[test]
    fn a_missing_or_oversized_file_is_an_io_error_without_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("KEEP-ME-SECRET");
        let missing = from_file(&path).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::Io);
        assert!(!format!("{missing} {missing:?} {:?}", std::error::Error::source(&missing)).contains("KEEP-ME"));
        std::fs::write(&path, "x".repeat(70_000)).unwrap();
        assert_eq!(from_file(&path).unwrap_err().kind(), ErrorKind::Io);
    }

    #[test]
    fn a_dotenv_file_gives_one_variable_and_leaves_the_environment_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, format!("# the reporting database\nPORTCULLIS_NEVER_SET='{DSN}'\n")).unwrap();
        assert_eq!(from_dotenv(&path, "PORTCULLIS_NEVER_SET").unwrap().user(), Some("reporter"));
        assert!(std::env::var_os("PORTCULLIS_NEVER_SET").is_none());
        assert_eq!(from_dotenv(&path, "OTHER").unwrap_err().to_string(), "the `.env` file does not set `OTHER`");
    }
}
