//! CRC-32 of a file, by which servers see that their files differ (drift, rule N17).
//!
//! A checksum against accidents, not against people: what is taken over is authenticated by the
//! link that carries it.

/// CRC-32 as in ISO 3309 and zlib: polynomial 0xEDB88320 reflected, start and end inverted.
///
/// Bit by bit and without a table: a file of the largest size takes some ten milliseconds, once
/// per reload.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = crc & 1 != 0;
            crc >>= 1;
            if carry {
                crc ^= 0xEDB8_8320;
            }
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::crc32;

    /// The check value of the published parameter sets. Do not edit.
    ///
    /// Rule: N17
    #[test]
    fn the_published_check_value_comes_out() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }
}
