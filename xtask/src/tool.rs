//! Where the project and other programs are, and how those are started.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The folder of the workspace.
///
/// What cargo says now comes before what it said when this was built: two checkouts that share a
/// target folder also share this program.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let own = std::env::var_os("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let parent = Path::new(&own).parent();
        parent.expect("xtask is a folder of the workspace").into()
    })
}

/// A cargo command in the workspace: the very cargo that runs this program.
///
/// What `cargo run` told this program about its own package is taken out of the environment:
/// some build scripts watch those variables and would build again each time.
pub(crate) fn cargo(words: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(words).current_dir(root());
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&variable);
        }
    }
    command
}

/// Whether cargo knows the subcommand `name` (`fmt`, `clippy`, `deny`, `nextest` …).
pub(crate) fn cargo_knows(name: &str) -> bool {
    let mut command = cargo(&[name, "--version"]);
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .stdin(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The folders where a distribution keeps its programs; `/usr/sbin` is often not in `PATH`.
const PROGRAM_FOLDERS: [&str; 6] = [
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
];

/// Where the program `name` is, if this host has it.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    PROGRAM_FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file())
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Whether this is a CI run, by the variable that every CI service sets.
pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// Runs a command to its end; `Err` says in one line what went wrong.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{}: {status}", name(command))),
        Err(error) => Err(format!("{}: {error}", name(command))),
    }
}

/// A command as one would type it.
pub(crate) fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("xtask/Cargo.toml").is_file());
    }

    #[test]
    fn a_failed_command_is_named_with_its_arguments() {
        let told = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert!(
            told.starts_with("sh -c exit 3: ") && told.contains('3'),
            "{told}"
        );
    }

    #[test]
    fn a_missing_program_is_an_error_and_not_a_panic() {
        assert!(run(&mut Command::new("/no/such/program")).is_err());
        assert_eq!(program("no-such-program"), None);
    }
}
