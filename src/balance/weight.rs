//! Real weights as whole numbers, so that the algorithms compare and count without rounding.

/// A weight of 1 in parts. A degraded backend's weight is a fraction; thousandths keep it.
const PARTS_PER_WEIGHT: f64 = 1_000.0;

/// A share of 1 in parts. The smallest canary share anyone asks for is far above one part.
const PARTS_PER_SHARE: f64 = 10_000_000.0;

/// The most parts one member may have: leaves the schedules' 32-bit sums room.
pub(super) const PARTS_MAX: u32 = 1 << 30;

/// A weight in thousandths: 0 only for weights that are not above 0.
#[must_use]
pub fn weight_parts(weight: f64) -> u32 {
    parts(weight, PARTS_PER_WEIGHT)
}

/// A share (0..=1) in ten-millionths: 0 only for shares that are not above 0.
#[must_use]
pub fn share_parts(share: f64) -> u32 {
    parts(share, PARTS_PER_SHARE)
}

fn parts(value: f64, scale: f64) -> u32 {
    // A float-to-integer `as` saturates and turns NaN into 0.
    if value > 0.0 { ((value * scale).round() as u32).clamp(1, PARTS_MAX) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_above_zero_has_no_parts() {
        assert_eq!(weight_parts(0.0), 0);
        assert_eq!(weight_parts(-1.0), 0);
        assert_eq!(weight_parts(f64::NAN), 0);
        assert_eq!(weight_parts(1e-12), 1);
        assert_eq!(share_parts(1e-12), 1);
    }

    #[test]
    fn ratios_of_whole_weights_are_exact_and_the_largest_fits() {
        assert_eq!(weight_parts(65_535.0), 65_535 * weight_parts(1.0));
        assert_eq!(weight_parts(f64::INFINITY), PARTS_MAX);
    }
}
