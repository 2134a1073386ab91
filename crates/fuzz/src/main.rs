//! The search: libFuzzer around one target, named by `NOROSHI_FUZZ_TARGET`; `cargo xtask fuzz` starts it.
//!
//! *Failure.* A panic, a broken promise, too much memory or time ends the process, and libFuzzer keeps the input.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use noroshi_fuzz::{TARGET_VARIABLE, Target, named};
use std::sync::OnceLock;

static TARGET: OnceLock<&Target> = OnceLock::new();

fuzz_target!(
    init: {
        let name = std::env::var(TARGET_VARIABLE).unwrap_or_default();
        let target = named(&name).unwrap_or_else(|| panic!("{TARGET_VARIABLE}: no target \"{name}\""));
        TARGET.get_or_init(|| target);
    },
    |bytes: &[u8]| -> Corpus {
        match TARGET.get() {
            Some(target) if bytes.len() <= target.input_bytes_max => {
                target.run(bytes);
                Corpus::Keep
            }
            _ => Corpus::Reject,
        }
    }
);
