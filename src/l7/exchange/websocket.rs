//! Where frames of a WebSocket begin and end (RFC 6455 section 5.2), so that it can be told to go away.
//!
//! A connection that is cut looks to a client like a fault of the network, and its messages may be half
//! of something. A close frame says what happens, but only between two frames can it be understood.

/// "Going away" (RFC 6455 section 7.4.1), from a server to its client.
pub(super) const GOING_AWAY: [u8; 4] = [0x88, 0x02, 0x03, 0xe9];
/// The same from a client to its server, which must be masked: here by a mask of zeros, for it hides
/// nothing of ours from anybody between.
pub(super) const GOING_AWAY_MASKED: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9];

/// The opcode of a close frame.
const CLOSE: u8 = 0x8;
/// Bytes of a frame's head at the most: two, the extended length and the mask.
const HEAD_BYTES: usize = 14;

/// One direction's frames, as far as they have passed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frames {
    head: [u8; HEAD_BYTES],
    /// Bytes of the head that have come.
    have: usize,
    /// Bytes of the payload that are still to come.
    payload: u64,
    closed: bool,
}

impl Frames {
    /// Takes over that these bytes have passed.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.payload > 0 {
                let n = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
                self.payload -= n as u64;
                bytes = &bytes[n..];
                continue;
            }
            self.head[self.have] = bytes[0];
            self.have += 1;
            bytes = &bytes[1..];
            if self.have == self.head_bytes() {
                self.closed |= self.head[0] & 0x0f == CLOSE;
                self.payload = self.length();
                self.have = 0;
            }
        }
    }

    /// Would a frame be understood here, and is one still expected?
    pub(super) fn takes_another(&self) -> bool {
        self.have == 0 && self.payload == 0 && !self.closed
    }

    /// The head's length, as far as is known; it never shrinks.
    fn head_bytes(&self) -> usize {
        if self.have < 2 {
            return 2;
        }
        let mask = if self.head[1] & 0x80 != 0 { 4 } else { 0 };
        let extended = match self.head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + extended + mask
    }

    fn length(&self) -> u64 {
        let extended = |n: usize| {
            self.head[2..2 + n].iter().fold(0, |length, byte| length << 8 | u64::from(*byte))
        };
        match self.head[1] & 0x7f {
            126 => extended(2),
            127 => extended(8),
            short => u64::from(short),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(pieces: &[&[u8]]) -> bool {
        let mut frames = Frames::default();
        pieces.iter().for_each(|piece| frames.pass(piece));
        frames.takes_another()
    }

    #[test]
    fn a_frame_ends_where_its_length_says_however_it_comes() {
        let mut long = vec![0x82, 126, 0x01, 0x00];
        long.extend([0x88; 256]);
        let mut huge = vec![0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 9, 9, 9, 9];
        huge.extend([0x88; 65_536]);
        for frame in
            [&b"\x81\x04pong"[..], b"\x81\x84\x01\x02\x03\x04ping", b"\x89\x00", &long, &huge]
        {
            assert!(after(&[frame]) && after(&[frame, frame]));
            for at in 1..frame.len().min(300) {
                assert!(!after(&[&frame[..at]]), "{at}");
                assert!(after(&[&frame[..at], &frame[at..]]), "{at}");
            }
        }
    }

    #[test]
    fn after_a_close_nothing_follows() {
        assert!(!after(&[&GOING_AWAY]));
        assert!(!after(&[&GOING_AWAY_MASKED]));
        assert!(after(&[b"\x81\x01\x88"]));
    }
}
