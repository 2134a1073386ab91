//! The right to speak with Corosync: an entry in its `uidgid.d`.

use crate::command::engine::host::{self, User, run};
use std::io;
use std::path::Path;

/// What stands in the file. The number, not the name: with a name of which there is no user any more Corosync does
/// not start, and the number alone lets the user in.
pub(super) fn entry(user: &User) -> String {
    let User { name, uid, .. } = user;
    format!("# User {name}: the alert service noroshi.\nuidgid {{\n  uid: {uid}\n}}\n")
}

/// Writes the file, and has Corosync read it.
pub(super) fn grant(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let former = host::read(path).ok();
    host::write(path, &new, text, 0o644, None)?;
    reload().inspect_err(|_| {
        // What Corosync has not read needs no other reading to be gone.
        let _ = match former {
            Some(former) => host::write(path, &new, &former, 0o644, None),
            None => host::remove(path),
        };
    })
}

/// Removes the file, and has Corosync know.
pub(super) fn revoke(path: &Path) -> io::Result<()> {
    // Corosync reads every file of the directory, whatever its name: also what a crash has left.
    host::remove(&path.with_extension("new"))?;
    host::remove(path)?;
    reload()
}

/// A Corosync that does not run reads it when it starts.
fn reload() -> io::Result<()> {
    match run("corosync-cfgtool", &["-R"]) {
        Err(error) if error.to_string().contains("CS_ERR_LIBRARY") => Ok(()),
        other => other.map(drop),
    }
}
