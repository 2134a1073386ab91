//! Ctrl-C: the run ends at its next step, and what it made is taken down on the way out.

use noroshi_sim::rig::{Error, Fallible};
use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Watches for Ctrl-C from now on.
pub(crate) fn watch() {
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        // Without it Ctrl-C ends the process at once, as ever.
        if let Ok(runtime) = runtime
            && runtime.block_on(tokio::signal::ctrl_c()).is_ok()
        {
            INTERRUPTED.store(true, Ordering::Relaxed);
        }
    });
}

/// Asks at each step of a bench.
///
/// # Errors
/// After Ctrl-C.
pub(crate) fn check() -> Fallible<()> {
    if INTERRUPTED.load(Ordering::Relaxed) {
        return Err(Error("interrupted".into()));
    }
    Ok(())
}

/// Waits, and is interrupted by Ctrl-C within a tenth of a second.
///
/// # Errors
/// After Ctrl-C.
pub(crate) fn pause(time: std::time::Duration) -> Fallible<()> {
    let end = std::time::Instant::now() + time;
    loop {
        check()?;
        let left = end.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(std::time::Duration::from_millis(100)));
    }
}
