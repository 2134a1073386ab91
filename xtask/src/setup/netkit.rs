//! The second rsh server: netkit's, unpacked below `target/` and never installed.
//!
//! It refuses in another way than the first one (exit byte 1 and a text, where rsh-redone says 0
//! and then a text), and both ways occur on lamps. The two packages exclude each other, and an
//! installed one would enter itself into the host's inetd; a file below `target/` harms nobody.

use super::apt;
use crate::tool;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Debian's name of the package.
pub(super) const NAME: &str = "rsh-server";
/// The tests that need it.
pub(super) const REASON: &str = "lamps by rsh against the netkit server";

/// Where the tests look for the program.
const PROGRAM: &str = "target/netkit-rsh/usr/sbin/in.rshd";

/// Whether it was unpacked.
pub(super) fn is_there() -> bool {
    tool::root().join(PROGRAM).is_file()
}

/// Downloads and unpacks it; nothing when it is there. A half-done try leaves nothing behind that
/// [`is_there`] would take for the whole.
pub(super) fn unpack() -> Result<(), String> {
    if is_there() {
        return Ok(());
    }
    println!("setup: unpacking {NAME} below target/netkit-rsh");
    let (new, place) = (folder("netkit-rsh.new"), folder("netkit-rsh"));
    let told = |error: std::io::Error| format!("{}: {error}", new.display());
    let _ = fs::remove_dir_all(&new);
    fs::create_dir_all(&new).map_err(told)?;
    let mut download = Command::new("apt-get");
    download.args(["download", "-qq", NAME]).current_dir(&new);
    // A fresh system has no package lists yet.
    tool::run(&mut download).or_else(|_| apt::update().and_then(|()| tool::run(&mut download)))?;
    let package = fs::read_dir(&new)
        .map_err(told)?
        .map_while(Result::ok)
        .next();
    let package = package.ok_or("apt-get downloaded nothing")?.path();
    tool::run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&new))?;
    let _ = fs::remove_dir_all(&place);
    fs::rename(&new, &place).map_err(told)
}

fn folder(name: &str) -> PathBuf {
    tool::root().join("target").join(name)
}
