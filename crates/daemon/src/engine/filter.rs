//! A filter inside the kernel that drops heartbeats from strangers before they take any room.
//!
//! The kernel's buffer for a socket holds some hundred datagrams. A flood would fill it, and
//! authentic heartbeats would be lost however fast we read; what the filter drops never enters it.
//! It needs no privilege (socket(7), `SO_ATTACH_FILTER`).
//!
//! *Use.* [`admit_only`] whenever the settings change. *Failure.* Where the kernel refuses the
//! filter, the same check is made after reading (`heartbeat`), and only the bound is weaker.

use socket2::{SockFilter, SockRef};
use std::net::IpAddr;
use tokio::net::UdpSocket;

/// Lets datagrams from `sources` in, all of the socket's own family, and drops all others.
pub(super) fn admit_only(socket: &UdpSocket, sources: impl Iterator<Item = IpAddr>) {
    let mut program: Vec<SockFilter> = sources.flat_map(admit).collect();
    program.push(SockFilter::new(RETURN, 0, 0, DROP));
    let _ = SockRef::from(socket).attach_filter(&program);
}

/// Compares the source address word by word; the first difference skips the rest.
fn admit(source: IpAddr) -> Vec<SockFilter> {
    let (offset, words) = match source {
        // RFC 791 section 3.1: the source address is at byte 12.
        IpAddr::V4(source) => (12, vec![source.to_bits()]),
        // RFC 8200 section 3: at byte 8.
        IpAddr::V6(source) => {
            let bits = source.to_bits();
            (
                8,
                [96, 64, 32, 0].map(|shift| (bits >> shift) as u32).to_vec(),
            )
        }
    };
    let mut program = Vec::with_capacity(2 * words.len() + 1);
    for (at, word) in words.iter().enumerate() {
        let left = 2 * (words.len() - at) - 1;
        program.push(SockFilter::new(
            LOAD_WORD,
            0,
            0,
            NETWORK_HEADER + offset + 4 * at as u32,
        ));
        program.push(SockFilter::new(JUMP_IF_EQUAL, 0, left as u8, *word));
    }
    program.push(SockFilter::new(RETURN, 0, 0, ADMIT));
    program
}

// linux/bpf_common.h and linux/filter.h.
const LOAD_WORD: u16 = 0x20;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
const NETWORK_HEADER: u32 = 0xfff0_0000;
const ADMIT: u32 = u32::MAX;
const DROP: u32 = 0;
