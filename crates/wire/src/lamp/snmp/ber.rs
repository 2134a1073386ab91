//! The few forms of BER (ITU-T X.690) that SNMP v1 and v2c need (RFC 1157, RFC 3416).
//!
//! *Use.* A [`Reader`] takes element after element from a slice; the `write` functions append.
//!
//! *Failure.* Indefinite lengths, lengths beyond the slice, long integers and over-long object
//! identifiers are refused with `None`; nothing is guessed.

use alloc::vec::Vec;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

/// Most arcs in an object identifier (RFC 2578 section 3.5).
const ARCS_MAX: usize = 128;

/// What is left of a sequence of elements.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element's tag and contents.
    pub(super) fn element(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (length, rest) = read_length(rest)?;
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, contents))
    }

    /// The contents of the next element, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.element()
            .filter(|(found, _)| *found == tag)
            .map(|(_, contents)| contents)
    }

    pub(super) fn integer(&mut self) -> Option<i32> {
        self.expect(INTEGER).and_then(read_integer)
    }
}

/// Contents of an INTEGER of at most 32 bits.
pub(super) fn read_integer(contents: &[u8]) -> Option<i32> {
    let (&first, rest) = contents.split_first()?;
    if rest.len() > 3 {
        return None;
    }
    let sign_extended = i32::from(first.cast_signed());
    Some(
        rest.iter()
            .fold(sign_extended, |value, byte| value << 8 | i32::from(*byte)),
    )
}

/// Contents of an OBJECT IDENTIFIER as its arcs.
pub(super) fn read_oid(contents: &[u8]) -> Option<Vec<u32>> {
    let mut arcs = Vec::new();
    let mut arc: u32 = 0;
    if contents.last().is_none_or(|last| last & 0x80 != 0) {
        return None;
    }
    for byte in contents {
        if arc > u32::MAX >> 7 || arcs.len() >= ARCS_MAX {
            return None;
        }
        arc = arc << 7 | u32::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if arcs.is_empty() {
                // X.690 section 8.19.4: the first two arcs share one number.
                let first = (arc / 40).min(2);
                arcs.push(first);
                arc -= first * 40;
            }
            arcs.push(arc);
            arc = 0;
        }
    }
    Some(arcs)
}

/// Appends an element whose contents are already made.
pub(super) fn write(out: &mut Vec<u8>, tag: u8, contents: &[u8]) {
    out.push(tag);
    match contents.len() {
        length @ 0..=0x7f => out.push(length as u8),
        length @ 0x80..=0xff => out.extend_from_slice(&[0x81, length as u8]),
        length => {
            // Two bytes are enough: a message fits a datagram.
            debug_assert!(length <= 0xffff);
            out.push(0x82);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(contents);
}

/// Appends an INTEGER in its shortest form (X.690 section 8.3.2).
pub(super) fn write_integer(out: &mut Vec<u8>, value: i32) {
    let bytes = value.to_be_bytes();
    let is_padding =
        |pair: &[u8]| pair[0] == 0 && pair[1] & 0x80 == 0 || pair[0] == 0xff && pair[1] & 0x80 != 0;
    let skip = bytes.windows(2).take_while(|pair| is_padding(pair)).count();
    write(out, INTEGER, &bytes[skip..]);
}

/// Appends an OBJECT IDENTIFIER. Fewer than two arcs cannot be written and become 0.0.
pub(super) fn write_oid(out: &mut Vec<u8>, arcs: &[u32]) {
    let (head, tail) = arcs.split_at(arcs.len().min(2));
    let first = match head {
        [first, second] => first.saturating_mul(40).saturating_add(*second),
        _ => 0,
    };
    let mut contents = Vec::with_capacity(arcs.len() + 4);
    for arc in core::iter::once(&first).chain(tail) {
        for shift in [28, 21, 14, 7] {
            if arc >> shift != 0 {
                contents.push((arc >> shift & 0x7f) as u8 | 0x80);
            }
        }
        contents.push((arc & 0x7f) as u8);
    }
    write(out, OBJECT_IDENTIFIER, &contents);
}

fn read_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    match first {
        0..=0x7f => Some((usize::from(first), rest)),
        // Up to four length bytes, leading zeros included: net-snmp sends such.
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = length
                .iter()
                .fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
            Some((usize::try_from(length).ok()?, rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn integer(value: i32) -> Vec<u8> {
        let mut out = Vec::new();
        write_integer(&mut out, value);
        out
    }

    /// Rule: N12
    #[test]
    fn integers_are_written_short_and_read_back() {
        assert_eq!(integer(0), [2, 1, 0]);
        assert_eq!(integer(127), [2, 1, 0x7f]);
        assert_eq!(integer(128), [2, 2, 0, 0x80]);
        assert_eq!(integer(-1), [2, 1, 0xff]);
        assert_eq!(integer(-129), [2, 2, 0xff, 0x7f]);
        for value in [0, 1, -1, 127, 128, -128, -129, 65535, i32::MAX, i32::MIN] {
            assert_eq!(Reader::new(&integer(value)).integer(), Some(value));
        }
        assert_eq!(read_integer(&[]), None);
        assert_eq!(read_integer(&[0; 5]), None);
    }

    /// Rule: N12
    #[test]
    fn object_identifiers_are_read_back() {
        for arcs in [
            vec![1, 3, 6, 1, 4, 1, 20440, 4],
            vec![2, 999, 3],
            vec![1, 3, u32::MAX, 0, 128],
        ] {
            let mut out = Vec::new();
            write_oid(&mut out, &arcs);
            assert_eq!(
                Reader::new(&out)
                    .expect(OBJECT_IDENTIFIER)
                    .and_then(read_oid),
                Some(arcs)
            );
        }
        assert_eq!(read_oid(&[]), None);
        assert_eq!(read_oid(&[0x2b, 0x81]), None, "ends within an arc");
        assert_eq!(
            read_oid(&[0x2b, 0xff, 0xff, 0xff, 0xff, 0x7f]),
            None,
            "over 32 bits"
        );
        assert_eq!(read_oid(&[1; 200]), None, "too many arcs");
    }

    /// Rule: N12
    #[test]
    fn lengths_stay_within_the_bytes() {
        for bad in [
            &[4][..],
            &[4, 1],
            &[4, 0x80, 0],
            &[4, 0x82, 1],
            &[4, 0x84, 255, 255, 255, 255],
            &[4, 0x85],
        ] {
            assert_eq!(Reader::new(bad).element(), None, "{bad:?}");
        }
        for length in [0, 127, 128, 255, 256, 1000] {
            let mut out = Vec::new();
            write(&mut out, OCTET_STRING, &vec![7; length]);
            assert_eq!(
                Reader::new(&out).expect(OCTET_STRING).map(<[u8]>::len),
                Some(length)
            );
        }
    }
}
