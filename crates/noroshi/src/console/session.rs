//! Who is signed in. A session lives in this process only: a restart of the service asks again.
//!
//! A session is named by a random token in a cookie; here stands only its digest. It ends after
//! [`IDLE_MAX`] without a request, after [`AGE_MAX`] in any case, with its user, and with a change of the
//! user's password.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use noroshi_core::time::{Moment, Span};
use noroshi_daemon::{clock, entropy};
use ring::digest::{SHA256, digest};
use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};

/// Sessions at once; one more ends the one that was silent longest.
const SESSIONS_MAX: usize = 256;
/// Longest silence of a session; an open page asks every few seconds.
const IDLE_MAX: Span = Span::from_secs(8 * 3_600);
/// Longest life of a session.
const AGE_MAX: Span = Span::from_secs(7 * 24 * 3_600);
const TOKEN_BYTES: usize = 32;

type Digest = [u8; 32];

struct Session {
    user: String,
    /// Digest of the password's hash at sign-in.
    password: Digest,
    begun: Moment,
    heard: Moment,
}

/// The sessions of this process.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<Digest, Session>>);

impl Sessions {
    /// Begins a session; the answer is its token, for the cookie.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub(super) fn begin(&self, user: &str, password_hash: &str) -> io::Result<String> {
        let token = BASE64_URL_SAFE_NO_PAD.encode(entropy::bytes::<TOKEN_BYTES>()?);
        let now = clock::moment();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, session| session.lives(now));
        if all.len() >= SESSIONS_MAX {
            let oldest = all.iter().min_by_key(|(_, session)| session.heard);
            if let Some(oldest) = oldest.map(|(name, _)| *name) {
                all.remove(&oldest);
            }
        }
        let session = Session {
            user: user.to_string(),
            password: digest_of(password_hash),
            begun: now,
            heard: now,
        };
        all.insert(digest_of(&token), session);
        Ok(token)
    }

    /// The user whose session this is; `still` tells the present hash of a user's password.
    pub(super) fn user<T>(
        &self,
        token: &str,
        still: impl FnOnce(&str) -> Option<(T, String)>,
    ) -> Option<T> {
        self.user_at(clock::moment(), token, still)
    }

    fn user_at<T>(
        &self,
        now: Moment,
        token: &str,
        still: impl FnOnce(&str) -> Option<(T, String)>,
    ) -> Option<T> {
        let name = digest_of(token);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = all.get_mut(&name)?;
        let user = still(&session.user).filter(|(_, hash)| digest_of(hash) == session.password);
        match user {
            Some((user, _)) if session.lives(now) => {
                session.heard = now;
                Some(user)
            }
            _ => {
                all.remove(&name);
                None
            }
        }
    }

    /// Ends a session.
    pub(super) fn end(&self, token: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&digest_of(token));
    }
}

impl Session {
    fn lives(&self, now: Moment) -> bool {
        now.since(self.heard) < IDLE_MAX && now.since(self.begun) < AGE_MAX
    }
}

fn digest_of(text: &str) -> Digest {
    let mut bytes = Digest::default();
    bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anna(name: &str) -> Option<((), String)> {
        (name == "anna").then(|| ((), "hash".into()))
    }

    /// Rule: N21
    #[test]
    fn a_session_ends_after_silence_and_after_its_age_in_any_case() {
        let hour = Span::from_secs(3_600);
        let sessions = Sessions::default();
        let token = sessions.begin("anna", "hash").unwrap();
        let begun = clock::moment();
        let mut now = begun;
        while now.since(begun) + hour < AGE_MAX {
            now = now + hour;
            assert!(sessions.user_at(now, &token, anna).is_some(), "{now:?}");
        }
        assert!(sessions.user_at(now + hour + hour, &token, anna).is_none());
        let token = sessions.begin("anna", "hash").unwrap();
        let silent = begun + IDLE_MAX + hour;
        assert!(sessions.user_at(silent, &token, anna).is_none());
        // It is gone, not asleep.
        assert!(sessions.user_at(begun, &token, anna).is_none());
    }

    /// Rule: N21
    #[test]
    fn another_password_ends_a_session_and_one_too_many_the_most_silent() {
        let sessions = Sessions::default();
        let token = sessions.begin("anna", "hash").unwrap();
        assert!(sessions.user(&token, anna).is_some());
        let changed = |_: &str| Some(((), "another hash".to_owned()));
        assert!(sessions.user(&token, changed).is_none());
        assert!(sessions.user(&token, anna).is_none(), "gone, not asleep");
        let tokens: Vec<String> = (0..SESSIONS_MAX)
            .map(|_| sessions.begin("anna", "hash").unwrap())
            .collect();
        // Heard of after all others, the oldest is not the one that ends.
        let later = clock::moment() + Span::from_secs(1);
        assert!(sessions.user_at(later, &tokens[0], anna).is_some());
        let last = sessions.begin("anna", "hash").unwrap();
        assert_eq!(sessions.0.lock().unwrap().len(), SESSIONS_MAX);
        for token in [&tokens[0], &last] {
            assert!(sessions.user_at(later, token, anna).is_some());
        }
    }
}
