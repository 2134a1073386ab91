//! CRC-32 of a file, by which servers see that their files differ (drift, rule N17).
//!
//! A checksum against accidents, not against people: what is taken over is authenticated by the
//! link that carries it.

/// CRC-32 as in ISO 3309 and zlib: polynomial 0xEDB88320 reflected, start and end inverted.
///
/// Eight bytes at a time, by tables made at compile time: a file of the largest size takes some
/// ten milliseconds, once per reload.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    let mut eights = bytes.chunks_exact(8);
    for eight in &mut eights {
        let low = crc ^ u32::from_le_bytes([eight[0], eight[1], eight[2], eight[3]]);
        let low = low.to_le_bytes().map(usize::from);
        crc = TABLES[7][low[0]] ^ TABLES[6][low[1]] ^ TABLES[5][low[2]] ^ TABLES[4][low[3]];
        crc ^= TABLES[3][usize::from(eight[4])] ^ TABLES[2][usize::from(eight[5])];
        crc ^= TABLES[1][usize::from(eight[6])] ^ TABLES[0][usize::from(eight[7])];
    }
    for byte in eights.remainder() {
        crc = crc >> 8 ^ TABLES[0][usize::from(crc as u8 ^ byte)];
    }
    !crc
}

/// `TABLES[n][b]`: what the byte `b` adds when `n` more bytes follow it.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            let carry = crc & 1 != 0;
            crc >>= 1;
            if carry {
                crc ^= 0xEDB8_8320;
            }
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[table - 1][byte];
            tables[table][byte] = crc >> 8 ^ tables[0][(crc & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
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
        let text = b"The quick brown fox jumps over the lazy dog";
        assert_eq!(crc32(text), 0x414F_A339);
    }
}
