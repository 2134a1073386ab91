//! Sets of settings as they come from elsewhere: tar, floppy, packed, and their `clp.conf.rep`.
//!
//! Promises: no name leads out of a set; what was packed unpacks the same; a floppy whose chains run in a circle ends.

use noroshi_conf::bundle::{Bundle, from_entries};
use noroshi_conf::set::Report;
use noroshi_conf::{fat, tar};
use noroshi_core::text::Language;

/// An input that begins so is a disk of a bounded size of which only some bytes are not zero: each
/// six bytes are a place (4, big endian), a length and a value that fills it.
const DISK: u8 = b'D';
/// Bytes of that disk.
const DISK_BYTES: usize = 128 * 1024;

pub(crate) fn decode(bytes: &[u8]) {
    let disk;
    let entries = match bytes.split_first() {
        Some((&DISK, patches)) => {
            disk = patched(patches);
            fat::read(&disk).map_err(|fault| fault.text(Language::Ja))
        }
        _ => tar::read(bytes).map_err(|fault| fault.text(Language::Ja)),
    };
    if let Ok(entries) = entries
        && let Ok((bundle, _)) = from_entries(entries)
    {
        sound(&bundle);
    }
    if let Ok(bundle) = Bundle::unpack(bytes) {
        sound(&bundle);
        assert_eq!(bundle.pack(), bytes, "one set has one form");
    }
    let _ = Report::parse(bytes).map_err(|fault| fault.text(Language::En));
}

fn sound(bundle: &Bundle) {
    for (name, _) in bundle.files() {
        let leads_out = name.starts_with('/') || name.split('/').any(|step| step == "..");
        assert!(!leads_out && !name.contains(char::is_control), "{name:?}");
    }
    let _ = bundle.faults(true);
    assert_eq!(Bundle::unpack(&bundle.pack()).as_ref(), Ok(bundle));
}

fn patched(patches: &[u8]) -> Vec<u8> {
    let mut disk = vec![0; DISK_BYTES];
    for patch in patches.chunks_exact(6) {
        let at = u32::from_be_bytes([patch[0], patch[1], patch[2], patch[3]]);
        let at = usize::try_from(at).unwrap_or_default() % DISK_BYTES;
        let end = (at + usize::from(patch[4])).min(DISK_BYTES);
        disk[at..end].fill(patch[5]);
    }
    disk
}
