//! How durations, sizes and ratios are written, both ways.
//!
//! A number always carries its unit (`10s`, never `10`), because a bare number in a timeout is the
//! classic mistake: seconds to its author, milliseconds to the program. What is printed here reads
//! back as the same value.

use std::time::Duration;

const DURATION_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

const SIZE_UNITS: [(&str, u64); 4] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Decimal places of a percentage.
const PERCENT_PLACES: usize = 4;

/// Reads a whole number with its unit: `100ms`, `10s`, `5m`, `1h`, `1d`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let (_, factor) = DURATION_UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*factor).map(Duration::from_millis)
}

/// Writes a duration of whole milliseconds in the largest unit that divides it.
pub(super) fn duration(duration: Duration) -> String {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (unit, factor) = DURATION_UNITS
        .into_iter()
        .find(|(_, factor)| ms >= *factor && ms.is_multiple_of(*factor))
        .unwrap_or(("ms", 1));
    format!("{}{unit}", ms / factor)
}

/// Reads a number of bytes: `512`, `16KiB`, `1MiB`.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    if unit.is_empty() {
        return Some(number);
    }
    let (_, factor) = SIZE_UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*factor)
}

/// Writes a number of bytes in the largest unit that divides it.
pub(super) fn size(bytes: u64) -> String {
    match SIZE_UNITS
        .into_iter()
        .find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor))
    {
        Some((unit, factor)) => format!("{}{unit}", bytes / factor),
        None => bytes.to_string(),
    }
}

/// Reads a percentage of at most four decimal places as a ratio, 0..=1.
pub(super) fn parse_ratio(text: &str) -> Option<f64> {
    let number = text.strip_suffix('%')?;
    let (whole, places) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(places) || places.len() > PERCENT_PLACES {
        return None;
    }
    let percent: f64 = number.parse().ok()?;
    (percent <= 100.0).then_some(percent / 100.0)
}

/// Writes a ratio, 0..=1, as a percentage.
pub(super) fn ratio(ratio: f64) -> String {
    let text = format!("{:.PERCENT_PLACES$}", ratio * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A whole number and what follows it.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_without_its_unit_is_no_duration() {
        for text in ["10", "", "s", "1.5s", "-1s", "10 s", "10S", "99999999999999999999s", "1m30s"]
        {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn values_are_written_in_their_largest_unit() {
        assert_eq!(duration(Duration::from_secs(90)), "90s");
        assert_eq!(duration(Duration::from_secs(3600)), "1h");
        assert_eq!(duration(Duration::ZERO), "0ms");
        assert_eq!(size(16 * 1024), "16KiB");
        assert_eq!(size(1500), "1500");
        assert_eq!(ratio(0.1), "10%");
        assert_eq!(ratio(0.125), "12.5%");
    }

    #[test]
    fn a_ratio_needs_its_sign_and_stays_within_the_whole() {
        for text in ["50", "101%", "-1%", "%", ".5%", "1.%", "1e1%", "NaN%", "0.00001%"] {
            assert_eq!(parse_ratio(text), None, "{text}");
        }
        assert_eq!(parse_ratio("100%"), Some(1.0));
    }

    proptest! {
        #[test]
        fn durations_read_back(ms in 0..u64::MAX / 2) {
            let value = Duration::from_millis(ms);
            prop_assert_eq!(parse_duration(&duration(value)), Some(value));
        }

        #[test]
        fn sizes_read_back(bytes: u64) {
            prop_assert_eq!(parse_size(&size(bytes)), Some(bytes));
        }

        #[test]
        fn ratios_read_back(millionths in 0..=1_000_000_u32) {
            let value = parse_ratio(&format!("{}.{:04}%", millionths / 10_000, millionths % 10_000));
            let value = value.expect("a percentage of four places");
            prop_assert_eq!(parse_ratio(&ratio(value)), Some(value));
        }
    }
}
