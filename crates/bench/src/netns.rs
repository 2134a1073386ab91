//! Sockets in a network namespace of the rig, for a bench that lives outside it.

use noroshi_sim::rig::{Error, Fallible};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

/// Moves the calling thread into a namespace, for good.
///
/// # Errors
/// Without root, or when there is none of this name.
pub(crate) fn enter(name: &str) -> Fallible<()> {
    let path = Path::new("/run/netns").join(name);
    let file = File::open(&path).map_err(|error| Error::doing(path.display(), error))?;
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(|error| Error::doing(path.display(), error))
}

/// Makes something, such as a bound socket, on a thread within a namespace. A socket stays in its namespace wherever
/// it is used.
///
/// # Errors
/// As [`enter`], and when it cannot be made.
pub(crate) fn make<T: Send>(name: &str, make: impl FnOnce() -> Fallible<T> + Send) -> Fallible<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            enter(name)?;
            make()
        });
        thread
            .join()
            .unwrap_or_else(|_| Err(Error("a thread in a namespace panicked".into())))
    })
}
