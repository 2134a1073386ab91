//! Every decoder of bytes from outside, each with what must hold whatever the bytes are.
//!
//! *Use.* [`TARGETS`] is the one table. `cargo xtask fuzz` searches with libFuzzer; the test `corpus` replays
//! what is kept in `corpus/TARGET/`, one input a file. To add a decoder: a file in `target/`, a row here, inputs.
//!
//! *What must hold.* No panic; what was read and is written reads the same again, where there is a writer; memory
//! beyond the input within [`Target::memory_bytes_max`]; an end within libFuzzer's time-out. What else a target
//! promises stands at its head.
//!
//! *Failure.* A broken promise is a panic: the search keeps the input, the test names the file.

mod stage;
mod target;

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Names the target of a search.
pub const TARGET_VARIABLE: &str = "NOROSHI_FUZZ_TARGET";

/// One decoder, or a family of them that read the same kind of bytes.
#[derive(Debug)]
pub struct Target {
    /// Its name, and that of its folder in `corpus/`.
    pub name: &'static str,
    /// Longest input that the search makes.
    pub input_bytes_max: usize,
    /// Most memory that one input may take at a time, beside [`MEMORY_PER_BYTE`] for each of its bytes.
    pub memory_bytes_max: usize,
    decode: fn(&[u8]),
}

/// Memory for each byte of an input: what a tree of the smallest elements takes.
const MEMORY_PER_BYTE: usize = 200;

const KB: usize = 1 << 10;
const MB: usize = 1 << 20;

/// All of them.
#[rustfmt::skip]
pub const TARGETS: &[Target] = &[
    Target { name: "certificate", input_bytes_max: 4 * KB, memory_bytes_max: 64 * KB, decode: target::certificate::decode },
    Target { name: "clp_conf", input_bytes_max: 16 * KB, memory_bytes_max: MB, decode: target::clp_conf::decode },
    Target { name: "control", input_bytes_max: 4 * KB, memory_bytes_max: 2 * MB, decode: target::control::decode },
    Target { name: "corosync_conf", input_bytes_max: 4 * KB, memory_bytes_max: 64 * KB, decode: target::corosync_conf::decode },
    Target { name: "crm_mon", input_bytes_max: 16 * KB, memory_bytes_max: 256 * KB, decode: target::crm_mon::decode },
    // A password's hash takes 19 MB, and two may be under way.
    Target { name: "form", input_bytes_max: 8 * KB, memory_bytes_max: 48 * MB, decode: target::form::decode },
    Target { name: "heartbeat", input_bytes_max: 512, memory_bytes_max: 64 * KB, decode: target::heartbeat::decode },
    Target { name: "http", input_bytes_max: 8 * KB, memory_bytes_max: 48 * MB, decode: target::http::decode },
    Target { name: "lamp", input_bytes_max: 6 * KB, memory_bytes_max: 64 * KB, decode: target::lamp::decode },
    Target { name: "licence", input_bytes_max: 8 * KB, memory_bytes_max: 256 * KB, decode: target::licence::decode },
    Target { name: "media", input_bytes_max: 8 * KB, memory_bytes_max: 4 * MB, decode: target::media::decode },
    Target { name: "pacemaker", input_bytes_max: 8 * KB, memory_bytes_max: 64 * KB, decode: target::pacemaker::decode },
    Target { name: "peer", input_bytes_max: 8 * KB, memory_bytes_max: 2 * MB, decode: target::peer::decode },
    Target { name: "smtp", input_bytes_max: 4 * KB, memory_bytes_max: 2 * MB, decode: target::smtp::decode },
];

/// The target of that name.
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

impl Target {
    /// Gives it one input.
    ///
    /// # Panics
    /// When a promise is broken.
    pub fn run(&self, bytes: &[u8]) {
        // What a target needs once (a runtime, a store) is not the input's.
        stage::ready(self.name, || (self.decode)(b""));
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        (self.decode)(bytes);
        let took = MEMORY.peak_usage().saturating_sub(before);
        let most = self.memory_bytes_max + bytes.len() * MEMORY_PER_BYTE;
        assert!(
            took <= most,
            "{}: {took} bytes of memory for an input of {}, over {most}",
            self.name,
            bytes.len()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(decode: fn(&[u8])) -> Target {
        Target {
            name: "test",
            input_bytes_max: KB,
            memory_bytes_max: MB,
            decode,
        }
    }

    #[test]
    fn what_one_input_takes_is_measured() {
        target(|bytes| drop(bytes.to_vec())).run(&[0; KB]);
    }

    #[test]
    #[should_panic(expected = "bytes of memory for an input of 0")]
    fn an_input_that_takes_too_much_memory_is_a_fault() {
        target(|bytes| drop(vec![1u8; 8 * MB + bytes.len()])).run(b"");
    }
}
