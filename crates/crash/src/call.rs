//! System calls that change something outside the process that makes them.
//!
//! What only reads, waits or asks is no point to be killed at: a kill there is a kill before the next
//! call that changes something. A `connect` is none either, nor are memory mappings: SQLite's index of its
//! log is one, and is made anew from the log after a crash.

use nix::libc;

/// A call that changes something, as far as its registers tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it changes.
    pub(crate) place: Place,
}

/// What a call changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// What this descriptor leads to.
    Open(i32),
    /// What stands at this address of the caller's: a path.
    Path(u64),
}

impl Call {
    /// The call with this number and these arguments; `None` when it changes nothing outside.
    pub(crate) fn of(number: i64, arguments: [u64; 4]) -> Option<Call> {
        let [first, second, third, _] = arguments;
        let open = |name| {
            let descriptor = i32::try_from(first).unwrap_or(-1);
            Some((name, Place::Open(descriptor)))
        };
        let path = |name, address| Some((name, Place::Path(address)));
        let found = match number {
            libc::SYS_write => open("write"),
            libc::SYS_writev => open("writev"),
            libc::SYS_pwrite64 => open("pwrite64"),
            libc::SYS_pwritev | libc::SYS_pwritev2 => open("pwritev"),
            libc::SYS_sendto => open("sendto"),
            libc::SYS_sendmsg | libc::SYS_sendmmsg => open("sendmsg"),
            libc::SYS_sendfile | libc::SYS_copy_file_range => open("copy"),
            libc::SYS_shutdown => open("shutdown"),
            libc::SYS_fsync => open("fsync"),
            libc::SYS_fdatasync => open("fdatasync"),
            libc::SYS_ftruncate => open("ftruncate"),
            libc::SYS_fallocate => open("fallocate"),
            libc::SYS_fchmod => open("fchmod"),
            libc::SYS_fchown => open("fchown"),
            // Of a renaming the new name says more than the old one.
            #[cfg(target_arch = "x86_64")]
            libc::SYS_rename => path("rename", second),
            libc::SYS_renameat | libc::SYS_renameat2 => path("rename", arguments[3]),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_unlink => path("unlink", first),
            libc::SYS_unlinkat => path("unlink", second),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_rmdir => path("rmdir", first),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_mkdir => path("mkdir", first),
            libc::SYS_mkdirat => path("mkdir", second),
            libc::SYS_linkat => path("link", arguments[3]),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_chmod => path("chmod", first),
            libc::SYS_fchmodat => path("chmod", second),
            libc::SYS_openat if makes(third) => path("create", second),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_open if makes(second) => path("create", first),
            _ => None,
        };
        found.map(|(name, place)| Call { name, place })
    }
}

fn makes(flags: u64) -> bool {
    let making = u64::from((libc::O_CREAT | libc::O_TRUNC).unsigned_abs());
    flags & making != 0
}
