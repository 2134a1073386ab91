//! SMTP sign-in: PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195), within RFC 4954.
//!
//! This module makes the words; [`smtp`](super::smtp) speaks them. What was sent never appears in
//! an error: a server that echoes a command in its refusal gets it blotted out.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use noroshi_core::config::{AuthMechanism, SmtpAuth};

/// One sign-in: the lines that are still to be sent.
pub(super) struct SignIn<'a> {
    auth: &'a SmtpAuth,
    mechanism: AuthMechanism,
    step: usize,
    sent: Vec<String>,
}

impl<'a> SignIn<'a> {
    /// Chooses the mechanism: the one that the settings name, else the best of `offered` (upper
    /// case). Over plain text that is the one that does not show the password.
    pub(super) fn new(
        auth: &'a SmtpAuth,
        offered: &[String],
        is_encrypted: bool,
    ) -> Result<SignIn<'a>, String> {
        use AuthMechanism::{CramMd5, Login, Plain};
        let is_offered = |mechanism: &AuthMechanism| offered.iter().any(|o| o == name(*mechanism));
        let order = if is_encrypted {
            [Plain, Login, CramMd5]
        } else {
            [CramMd5, Plain, Login]
        };
        let chosen = match auth.mechanism {
            Some(wanted) => Some(wanted).filter(is_offered),
            None => order.into_iter().find(is_offered),
        };
        let Some(mechanism) = chosen else {
            let wanted = auth.mechanism.map_or("PLAIN, LOGIN, CRAM-MD5", name);
            return Err(format!(
                "sign-in wanted by {wanted}, offered: {}",
                offered.join(" ")
            ));
        };
        if auth.username.contains('\0') || auth.password.reveal().contains('\0') {
            return Err("user name or password contains a NUL".into());
        }
        Ok(SignIn {
            auth,
            mechanism,
            step: 0,
            sent: Vec::new(),
        })
    }

    /// The name of the mechanism.
    pub(super) fn mechanism(&self) -> &'static str {
        name(self.mechanism)
    }

    /// The first line, with CRLF.
    pub(super) fn begin(&mut self) -> String {
        match self.mechanism {
            AuthMechanism::Plain => {
                let (user, password) = (&self.auth.username, self.auth.password.reveal());
                let response = self.keep(format!("\0{user}\0{password}").as_bytes());
                format!("AUTH PLAIN {response}\r\n")
            }
            mechanism => format!("AUTH {}\r\n", name(mechanism)),
        }
    }

    /// The line that answers a 334 with `challenge`, with CRLF; `None` if the server asks for more
    /// than the mechanism has.
    pub(super) fn answer(&mut self, challenge: &str) -> Option<String> {
        let auth = self.auth;
        self.step += 1;
        let response = match (self.mechanism, self.step) {
            // The prompts differ from server to server; their order does not.
            (AuthMechanism::Login, 1) => auth.username.clone(),
            (AuthMechanism::Login, 2) => auth.password.reveal().to_owned(),
            (AuthMechanism::CramMd5, 1) => {
                let challenge = BASE64_STANDARD.decode(challenge.trim()).ok()?;
                format!(
                    "{} {}",
                    auth.username,
                    cram_md5(auth.password.reveal(), &challenge)
                )
            }
            _ => return None,
        };
        Some(self.keep(response.as_bytes()) + "\r\n")
    }

    /// `text` of the server without anything that was sent.
    pub(super) fn blot(&self, text: &str) -> String {
        let secrets = self
            .sent
            .iter()
            .map(String::as_str)
            .chain([self.auth.password.reveal()]);
        secrets
            .filter(|secret| !secret.is_empty())
            .fold(text.to_owned(), |text, secret| {
                text.replace(secret, "(secret)")
            })
    }

    fn keep(&mut self, response: &[u8]) -> String {
        let line = BASE64_STANDARD.encode(response);
        self.sent.push(line.clone());
        line
    }
}

fn name(mechanism: AuthMechanism) -> &'static str {
    match mechanism {
        AuthMechanism::Plain => "PLAIN",
        AuthMechanism::Login => "LOGIN",
        AuthMechanism::CramMd5 => "CRAM-MD5",
    }
}

fn cram_md5(password: &str, challenge: &[u8]) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(password.as_bytes()) else {
        return String::new();
    };
    mac.update(challenge);
    mac.finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_core::config::Secret;

    fn auth(mechanism: Option<AuthMechanism>) -> SmtpAuth {
        let password = Secret::new("tanstaaftanstaaf".into());
        SmtpAuth {
            mechanism,
            username: "tim".into(),
            password,
        }
    }

    /// The example of RFC 2195 section 2. Do not edit.
    /// Rule: N10
    #[test]
    fn cram_md5_is_as_rfc_2195_shows_it() {
        let auth = auth(Some(AuthMechanism::CramMd5));
        let mut sign_in = SignIn::new(&auth, &["CRAM-MD5".into()], false).unwrap();
        assert_eq!(sign_in.begin(), "AUTH CRAM-MD5\r\n");
        let challenge = "PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+";
        let answer = sign_in.answer(challenge).unwrap();
        assert_eq!(
            answer,
            "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n"
        );
        assert_eq!(sign_in.answer(challenge), None);
    }

    /// Rule: N10
    #[test]
    fn the_best_mechanism_is_taken_and_a_missing_one_named() {
        let offered = ["LOGIN".into(), "PLAIN".into(), "CRAM-MD5".into()];
        let any = auth(None);
        let first = |encrypted| SignIn::new(&any, &offered, encrypted).unwrap().begin();
        assert!(first(true).starts_with("AUTH PLAIN "));
        assert_eq!(first(false), "AUTH CRAM-MD5\r\n");
        let login = auth(Some(AuthMechanism::Login));
        let error = SignIn::new(&login, &["PLAIN".into()], true).err().unwrap();
        assert_eq!(error, "sign-in wanted by LOGIN, offered: PLAIN");
    }

    /// Rule: N10
    #[test]
    fn an_echo_of_the_password_is_blotted_out() {
        let auth = auth(Some(AuthMechanism::Plain));
        let mut sign_in = SignIn::new(&auth, &["PLAIN".into()], true).unwrap();
        let line = sign_in.begin();
        let echo = format!("bad command: {} tanstaaftanstaaf", line.trim_end());
        assert_eq!(
            sign_in.blot(&echo),
            "bad command: AUTH PLAIN (secret) (secret)"
        );
    }
}
