//! Finds the servers' programs and the user that may run them.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Looks for a program in the folder that `variable` names, then in `PATH`, then where Debian keeps servers (the highest
/// PostgreSQL first).
pub fn find(variable: &str, names: &[&str]) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = match std::env::var_os(variable) {
        // A folder given by hand is the only one looked into, so that no other version slips in.
        Some(folder) => vec![PathBuf::from(folder)],
        None => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let mut folders: Vec<_> = std::env::split_paths(&path).collect();
            folders.extend(postgres_folders());
            folders.extend(["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"].map(PathBuf::from));
            folders
        }
    };
    folders.iter().flat_map(|folder| names.iter().map(move |name| folder.join(name))).find(|program| program.is_file())
}

fn postgres_folders() -> Vec<PathBuf> {
    let mut versions: Vec<u32> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.iter().map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin"))).collect()
}

/// What `program --version` says, as a word that can name a folder.
pub fn version(program: &Path) -> Result<String, String> {
    let output = Command::new(program)
        .arg("--version")
        .output()
        .map_err(|error| format!("{} --version failed: {error}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let word = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    word.map(|word| word.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-"))
        .ok_or_else(|| format!("{} --version names no version", program.display()))
}

/// The user that runs a server: the caller, or, because servers refuse to run as root, one without rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunAs(Option<(u32, u32)>);

impl RunAs {
    /// Of `names` and `nobody`, the first that this machine has, where the caller is root; else the caller.
    pub fn first_of(names: &[&str]) -> RunAs {
        let me = Command::new("id").arg("-u").output().expect("`id` runs");
        if me.stdout.trim_ascii() != b"0" {
            return RunAs(None);
        }
        let passwd = std::fs::read_to_string("/etc/passwd").expect("/etc/passwd can be read");
        let ids = |name: &str| {
            let fields: Vec<_> = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).collect();
            let entry = fields.into_iter().find(|fields| fields.first() == Some(&name))?;
            Some((entry.get(2)?.parse().ok()?, entry.get(3)?.parse().ok()?))
        };
        RunAs(Some(names.iter().chain(&["nobody"]).find_map(|name| ids(name)).expect("a user `nobody`")))
    }

    /// A command run as that user in `folder`, with a clean environment: `MYSQL_PWD` or `PGDATA` of the caller would be
    /// obeyed, and so would files in a home folder.
    pub fn command(self, program: impl AsRef<OsStr>, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C")
            .env("HOME", "/nonexistent")
            .current_dir(folder)
            .stdin(Stdio::null());
        if let RunAs(Some((uid, gid))) = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Gives a folder and all in it to that user.
    pub fn own(self, path: &Path) -> std::io::Result<()> {
        let RunAs(Some((uid, gid))) = self else { return Ok(()) };
        std::os::unix::fs::lchown(path, Some(uid), Some(gid))?;
        if path.symlink_metadata()?.is_dir() {
            for entry in std::fs::read_dir(path)? {
                self.own(&entry?.path())?;
            }
        }
        Ok(())
    }
}

/// Copies a folder with its permissions.
pub fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    std::fs::set_permissions(to, from.metadata()?.permissions())?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Runs a command to its end; a failure carries what it printed.
pub fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{:?} did not start: {error}", command.get_program()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{:?} failed: {}\n{}", command.get_program(), output.status, String::from_utf8_lossy(&said)))
}
