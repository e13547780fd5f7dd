//! Which coding a client takes (RFC 9110 §12.5.3).

use crate::l7::headers::elements;
use crate::model::Coding;

/// Codings of one request that are looked at.
const ELEMENTS_MAX: usize = 32;
/// A whole quality, in thousandths.
const WHOLE: u16 = 1000;

/// The coding that a client prefers of those `offered`, whose order decides between equals; `None` =
/// it had better be left as it is. `accepts` are the values of its `Accept-Encoding`.
pub(crate) fn choose<'a>(
    accepts: &(impl Iterator<Item = &'a [u8]> + Clone),
    offered: &[Coding],
) -> Option<Coding> {
    let said = |name: &str| {
        let all = accepts.clone().flat_map(elements).take(ELEMENTS_MAX);
        all.map(quality).find(|(have, _)| is(have, name)).map(|(_, quality)| quality)
    };
    let anything = said("*");
    let mut best: Option<(Coding, u16)> = None;
    for coding in offered {
        let quality = said(coding.name()).or(anything).unwrap_or(0);
        if quality > best.map_or(0, |(_, quality)| quality) {
            best = Some((*coding, quality));
        }
    }
    let plain = said("identity").unwrap_or(0);
    best.filter(|(_, quality)| *quality >= plain).map(|(coding, _)| coding)
}

fn is(have: &str, name: &str) -> bool {
    have.eq_ignore_ascii_case(name) || (name == "gzip" && have.eq_ignore_ascii_case("x-gzip"))
}

/// An element's name, and its weight in thousandths; what is no weight is none.
fn quality(element: &str) -> (&str, u16) {
    let Some((name, parameter)) = element.split_once(';') else { return (element.trim(), WHOLE) };
    let weight = parameter.trim().strip_prefix(['q', 'Q']).and_then(|rest| {
        let text = rest.trim_start().strip_prefix('=')?.trim();
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
        let part = format!("{part:0<3}").parse::<u16>().ok().filter(|_| digits)?;
        match whole {
            "0" => Some(part),
            "1" if part == 0 => Some(WHOLE),
            _ => None,
        }
    });
    (name.trim(), weight.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(accepts: &str) -> Option<&'static str> {
        let lines = accepts.lines().map(str::as_bytes);
        choose(&lines, &Coding::ALL).map(Coding::name)
    }

    #[test]
    fn the_client_s_weights_come_first_then_the_order_offered() {
        for (accepts, expected) in [
            ("gzip, deflate, br, zstd", Some("zstd")),
            ("gzip, br", Some("br")),
            ("br;q=0.5, gzip;q=0.9", Some("gzip")),
            ("GZIP", Some("gzip")),
            ("x-gzip", Some("gzip")),
            ("gzip\nbr", Some("br")),
            ("*", Some("zstd")),
            ("*;q=0.3, zstd;q=0", Some("br")),
            ("gzip;q=0.001", Some("gzip")),
            ("identity;q=0.5, gzip;q=0.6", Some("gzip")),
        ] {
            assert_eq!(chosen(accepts), expected, "{accepts}");
        }
    }

    #[test]
    fn what_is_not_taken_or_not_understood_is_not_chosen() {
        for accepts in [
            "",
            "identity",
            "deflate, compress",
            "gzip;q=0",
            "gzip;q=0.000",
            "gzip;q=2",
            "gzip;q=1.001",
            "gzip;q=0.1234",
            "gzip;q=-1",
            "gzip;level=9",
            "*;q=0",
            "identity, gzip;q=0.5",
            ",,,;q=1,",
        ] {
            assert_eq!(chosen(accepts), None, "{accepts}");
        }
    }
}
