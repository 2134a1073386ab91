//! Whether a request is for us, and means one thing.
//!
//! What comes without TLS comes from this host, and then its `Host` must be an address or `localhost`. A site
//! elsewhere that has its name lead to this host (DNS rebinding) makes a browser send that name, and gets
//! nothing. With TLS the certificate says whose name it is, and any is taken.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{HOST, TRANSFER_ENCODING};
use std::net::IpAddr;

/// Why a request is not for us, if it is not.
pub(super) fn fault(request: &Request, tls: bool) -> Option<StatusCode> {
    let headers = request.headers();
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        // RFC 9112 section 3.2.
        return Some(StatusCode::BAD_REQUEST);
    };
    // Beside a length it would mean another end of the request to another reader (RFC 9112 section 6.1), and
    // the reader below has left the length out by now. No browser's form has it.
    if headers.contains_key(TRANSFER_ENCODING) {
        return Some(StatusCode::LENGTH_REQUIRED);
    }
    let Ok(host) = host.to_str() else {
        return Some(StatusCode::BAD_REQUEST);
    };
    let named = request
        .uri()
        .authority()
        .map_or(host, |named| named.as_str());
    let ours = named == host && (tls || is_no_name(host));
    (!ours).then_some(StatusCode::MISDIRECTED_REQUEST)
}

/// An address or `localhost`, with or without a port: nobody elsewhere can make it mean another host.
fn is_no_name(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (name, port) = rest.split_once(']').unwrap_or(("", ""));
            return name
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_ipv6())
                && (port.is_empty() || is_port(port.strip_prefix(':')));
        }
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        },
    };
    let address = name
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_ipv4());
    (address || name.eq_ignore_ascii_case("localhost")) && (port.is_none() || is_port(port))
}

fn is_port(port: Option<&str>) -> bool {
    port.is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn of(hosts: &[&str], tls: bool) -> Option<u16> {
        let mut request = Request::builder().uri("/");
        for host in hosts {
            request = request.header("host", *host);
        }
        let request = request.body(Body::empty()).unwrap();
        fault(&request, tls).map(|status| status.as_u16())
    }

    /// Rule: N21
    #[test]
    fn a_name_of_another_site_is_not_ours() {
        for host in [
            "127.0.0.1:29003",
            "127.0.0.1",
            "localhost:8080",
            "LOCALHOST",
            "[::1]:29003",
            "[::1]",
        ] {
            assert_eq!(of(&[host], false), None, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:29003",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "127.0.0.1@evil.example",
            "[::1].evil.example",
            "[evil.example]",
            "127.0.0.1:evil",
            "",
        ] {
            assert_eq!(of(&[host], false), Some(421), "{host}");
        }
        assert_eq!(of(&["console.example.com"], true), None);
        assert_eq!(of(&[], false), Some(400));
        assert_eq!(of(&[], true), Some(400));
        assert_eq!(of(&["127.0.0.1", "evil.example"], false), Some(400));
    }

    /// Rule: N21
    #[test]
    fn a_request_of_two_hosts_or_without_a_length_is_none() {
        let request = |uri: &str, chunked: bool| {
            let request = Request::builder().uri(uri).header("host", "127.0.0.1");
            let request = match chunked {
                true => request.header("transfer-encoding", "chunked"),
                false => request,
            };
            fault(&request.body(Body::empty()).unwrap(), false)
        };
        assert_eq!(request("http://127.0.0.1/", false), None);
        let other = Some(StatusCode::MISDIRECTED_REQUEST);
        assert_eq!(request("http://evil.example/", false), other);
        assert_eq!(request("/", true), Some(StatusCode::LENGTH_REQUIRED));
    }
}
