//! A console over the command socket of [`super::desk`], with an administrator signed in.

use super::desk::{HASH, Place};
use super::{wait_for, within};
use noroshi::fuzzing::Console;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

/// A pause in what comes back after which nothing more is waited for.
const PAUSE: Duration = Duration::from_millis(40);
/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 4 << 20;

struct Stage {
    console: Console,
    cookie: String,
    _place: Place,
}

thread_local! {
    static STAGE: Stage = within(|| {
        let place = Place::open();
        let console = Console::of(place.home.clone());
        let cookie = console.sign_in("sato", HASH);
        Stage {
            console,
            cookie,
            _place: place,
        }
    });
}

/// The cookie of an administrator's session.
pub(crate) fn cookie() -> String {
    STAGE.with(|stage| stage.cookie.clone())
}

/// What the console answers to these bytes of one connection. `patience` is for the first byte; a request that
/// is not whole is given up.
pub(crate) fn answer(request: &[u8], patience: Duration) -> Vec<u8> {
    STAGE.with(|stage| {
        wait_for(async {
            let (near, far) = tokio::io::duplex(64 * 1024);
            let mut talk = pin!(talk(near, request, patience));
            tokio::select! {
                answer = &mut talk => answer,
                () = stage.console.converse(far) => talk.await,
            }
        })
    })
}

async fn talk(mut near: DuplexStream, request: &[u8], patience: Duration) -> Vec<u8> {
    // It may close before it has read everything.
    let _ = timeout(patience, near.write_all(request)).await;
    let (mut answer, mut wait) = (Vec::new(), patience);
    let mut part = vec![0; 16 * 1024];
    while answer.len() < ANSWER_BYTES_MAX {
        match timeout(wait, near.read(&mut part)).await {
            Ok(Ok(count @ 1..)) => answer.extend_from_slice(&part[..count]),
            _ => break,
        }
        wait = PAUSE;
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else every form would only lead to the page that asks for a password.
    #[test]
    fn the_visitor_is_signed_in_and_sees_hostile_settings() {
        let request = format!(
            "GET /builder HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {}\r\n\r\n",
            cookie()
        );
        let answer = answer(request.as_bytes(), Duration::from_secs(15));
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("&lt;zz onload=x&gt;"), "{answer}");
    }
}
