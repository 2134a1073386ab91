//! What targets stand on: a server's node on virtual time, a command socket, a console, a mail server.
//!
//! *Use.* Made once for each process, within the first call of a target, which [`ready`] makes without an input.

pub(crate) mod console;
pub(crate) mod desk;
pub(crate) mod node;

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// Longest time for what has nobody to wait for; the machine may be busy.
const WAIT: Duration = Duration::from_secs(15);

/// Calls `first` the first time that this process asks for `name`.
pub(crate) fn ready(name: &'static str, first: impl FnOnce()) {
    static READY: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    let new = READY
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(name);
    if new {
        first();
    }
}

/// The runtime of all targets that need one; it works only while somebody waits for something in it.
static RUNTIME: LazyLock<Mutex<Runtime>> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build();
    Mutex::new(runtime.expect("the system has threads and descriptors left"))
});

/// Waits for `work` in the runtime.
pub(crate) fn wait_for<T>(work: impl Future<Output = T>) -> T {
    RUNTIME
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .block_on(work)
}

/// As [`wait_for`], for no longer than [`WAIT`].
///
/// # Panics
/// When it takes longer.
pub(crate) fn wait_within<T>(work: impl Future<Output = T>) -> T {
    let ended = wait_for(async { timeout(WAIT, work).await });
    ended.unwrap_or_else(|_| panic!("no end within {WAIT:?}"))
}

/// Does `work` inside the runtime, so that it may start tasks there.
pub(crate) fn within<T>(work: impl FnOnce() -> T) -> T {
    let runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    let _inside = runtime.enter();
    work()
}
