//! Finding an SMTP server's addresses.
//!
//! A literal address needs nobody. A name is asked for again for every new connection; when the
//! answer fails or is late, the last good one serves, because the fault that we tell of may be the
//! name server's. One question per name is in flight at a time: `getaddrinfo` cannot be called
//! off, and threads that wait for it must not pile up.

use crate::log;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::time::timeout;

/// Most addresses of one server that are tried.
pub(super) const ADDRESSES_MAX: usize = 4;
/// Longest wait for the name service while an older answer is known.
const WAIT_WITH_OLD_ANSWER: Duration = Duration::from_millis(500);

/// The addresses of one server, as last heard.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    known: Arc<Mutex<Vec<SocketAddr>>>,
    asking: Arc<tokio::sync::Mutex<()>>,
}

impl Resolver {
    /// The addresses of `host`, at most [`ADDRESSES_MAX`], never none.
    pub(super) async fn addresses(
        &self,
        host: &str,
        port: u16,
        wait: Duration,
    ) -> Result<Vec<SocketAddr>, String> {
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = literal.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let old = self.known();
        let wait = if old.is_empty() {
            wait
        } else {
            wait.min(WAIT_WITH_OLD_ANSWER)
        };
        match timeout(wait, self.ask(host.to_owned(), port)).await {
            Ok(Ok(())) => Ok(self.known()),
            _ if !old.is_empty() => Ok(old),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(too_late(host, wait)),
        }
    }

    /// As [`Resolver::addresses`], from the name service and nowhere else: a test must show what it says.
    pub(super) async fn fresh(
        &self,
        host: &str,
        port: u16,
        wait: Duration,
    ) -> Result<Vec<SocketAddr>, String> {
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        if literal.parse::<IpAddr>().is_ok() {
            return self.addresses(host, port, wait).await;
        }
        match timeout(wait, self.ask(host.to_owned(), port)).await {
            Ok(asked) => asked.map(|()| self.known()),
            Err(_) => Err(too_late(host, wait)),
        }
    }

    /// Asks in a task of its own, so that an answer that comes late is still kept.
    async fn ask(&self, host: String, port: u16) -> Result<(), String> {
        let asking = self.asking.clone().lock_owned().await;
        let known = self.known.clone();
        let question = tokio::spawn(async move {
            let _asking = asking;
            let found = lookup_host((host.as_str(), port)).await.map_err(|error| {
                log::language().pick(
                    format!("the name {host} cannot be resolved: {error}"),
                    format!("名前 {host} を解決できません: {error}"),
                )
            })?;
            let found: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
            if found.is_empty() {
                return Err(log::language().pick(
                    format!("the name {host} has no address"),
                    format!("名前 {host} にアドレスがありません"),
                ));
            }
            *known.lock().unwrap_or_else(PoisonError::into_inner) = found;
            Ok(())
        });
        question.await.map_err(|error| error.to_string())?
    }

    fn known(&self) -> Vec<SocketAddr> {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn too_late(host: &str, wait: Duration) -> String {
    log::language().pick(
        format!("the name {host} was not resolved within {wait:?}"),
        format!("名前 {host} を {wait:?} 以内に解決できません"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N10
    #[tokio::test]
    async fn a_literal_needs_no_name_service_and_an_old_answer_serves() {
        let resolver = Resolver::default();
        let wait = Duration::from_secs(5);
        for (host, shown) in [("127.0.0.9", "127.0.0.9:25"), ("[::1]", "[::1]:25")] {
            let found = resolver.addresses(host, 25, Duration::ZERO).await.unwrap();
            assert_eq!(found[0].to_string(), shown);
        }
        let name = "name.invalid";
        assert!(resolver.addresses(name, 25, wait).await.is_err());
        *resolver.known.lock().unwrap() = vec!["127.0.0.7:25".parse().unwrap()];
        let found = resolver.addresses(name, 25, wait).await.unwrap();
        assert_eq!(found[0].to_string(), "127.0.0.7:25");
        assert!(resolver.fresh(name, 25, wait).await.is_err());
    }
}
