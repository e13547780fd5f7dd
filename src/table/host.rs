//! `Host`: checked against the grammar, then reduced to what routes compare.

/// The host is not one by RFC 3986 §3.2.2 and §3.2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostError;

/// Checks an authority (`name[:port]`, `[v6][:port]`) and writes the host in lower case, without
/// port and trailing dot, into `out`.
///
/// # Errors
/// Empty, with user information, or with anything outside the grammar.
pub fn normalise_host(authority: &[u8], out: &mut String) -> Result<(), HostError> {
    out.clear();
    let port_at = if authority.first() == Some(&b'[') {
        let end = memchr::memchr(b']', authority).ok_or(HostError)?;
        let inner = std::str::from_utf8(&authority[1..end]).map_err(|_| HostError)?;
        inner.parse::<std::net::Ipv6Addr>().map_err(|_| HostError)?;
        end + 1
    } else {
        memchr::memchr(b':', authority).unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at(port_at);
    check_port(port)?;
    let host = host.strip_suffix(b".").unwrap_or(host);
    if host.is_empty() || !(host[0] == b'[' || host.iter().copied().all(is_name_byte)) {
        return Err(HostError);
    }
    out.extend(host.iter().map(|byte| char::from(byte.to_ascii_lowercase())));
    Ok(())
}

fn check_port(port: &[u8]) -> Result<(), HostError> {
    let Some(digits) = port.strip_prefix(b":") else {
        return if port.is_empty() { Ok(()) } else { Err(HostError) };
    };
    let number = digits.iter().try_fold(0_u32, |sum, byte| {
        byte.is_ascii_digit().then(|| (sum * 10 + u32::from(byte - b'0')).min(100_000))
    });
    match number {
        Some(number) if number <= 65_535 => Ok(()),
        _ => Err(HostError),
    }
}

/// The bytes of a registered name, but for `%`: an escaped host name can be read two ways.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Result<String, HostError> {
        let mut out = String::from("left over");
        normalise_host(text.as_bytes(), &mut out).map(|()| out)
    }

    #[test]
    fn hosts_are_compared_without_case_port_and_trailing_dot() {
        for text in ["example.com", "EXAMPLE.com:80", "example.com.", "Example.Com.:8080"] {
            assert_eq!(host(text).as_deref(), Ok("example.com"), "{text}");
        }
        assert_eq!(host("[2001:DB8::1]:443").as_deref(), Ok("[2001:db8::1]"));
        assert_eq!(host("127.0.0.1:").as_deref(), Ok("127.0.0.1"));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            ".",
            ":80",
            "a b",
            "a/b",
            "user@host",
            "a:b",
            "a:80:80",
            "a:65536",
            "[::1",
            "[::1]x",
            "[zz]",
            "a,b",
            "a%2eb",
            "a\\b",
            "a?b",
            "a#b",
            "a:99999999999999999999",
            "ä",
        ] {
            assert_eq!(host(text), Err(HostError), "{text:?}");
        }
    }
}
