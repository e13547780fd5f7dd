//! The checksum a version 2 header may carry, so that a damaged one is not believed.

/// CRC-32C (Castagnoli) of the bytes, as if those in `blank` were zero.
pub(super) fn crc32c(bytes: &[u8], blank: std::ops::Range<usize>) -> u32 {
    let mut crc = u32::MAX;
    for (at, byte) in bytes.iter().enumerate() {
        crc ^= u32::from(if blank.contains(&at) { 0 } else { *byte });
        for _ in 0..8 {
            let low = crc & 1;
            crc = (crc >> 1) ^ (0x82f6_3b78 * low);
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_check_value_of_the_catalogue_comes_out() {
        assert_eq!(super::crc32c(b"123456789", 0..0), 0xe306_9283);
    }
}
