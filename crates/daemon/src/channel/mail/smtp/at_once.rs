//! All that stands before a message said at once, where the server takes that (PIPELINING, RFC 2920).
//!
//! *Failure.* The first refusal is the mail's, as if the commands had been said one by one; the connection stands then,
//! unless an answer is missing: what came later would be taken for the answer to something else.

use super::{Connection, Patience};
use crate::channel::trouble::{Failure, Trouble, Verb};
use tokio::time::Instant;

impl Connection {
    /// Says all that stands before a message in one go (RFC 2920), which saves two waits for the network a mail. Every
    /// answer is read, or a later one would be taken for the answer to something else; the first refusal counts.
    pub(super) async fn begin_at_once(
        &mut self,
        mail: &str,
        rcpt: &str,
        first: Instant,
        patience: &Patience,
    ) -> Result<(), Trouble> {
        let data = "DATA\r\n";
        let all = [mail, rcpt, data].concat();
        if let Err(failure) = self.wire.write(all.as_bytes(), first).await {
            return Err(self.trouble(Verb::Mail, failure));
        }
        let mut refused = None;
        for (line, verb, wanted) in [
            (mail, Verb::Mail, 250),
            (rcpt, Verb::Rcpt, 250),
            (data, Verb::Data, 354),
        ] {
            self.listener.sent(|| line.trim_end().to_owned());
            let until = match verb {
                Verb::Mail => first,
                _ => patience.next(),
            };
            match self.expect(wanted, verb, until).await {
                Ok(_) => {}
                Err(trouble) if matches!(trouble.failure, Failure::Replied { .. }) => {
                    refused.get_or_insert(trouble);
                    continue;
                }
                // What was refused before stays so.
                Err(trouble) => {
                    self.lacks_answers = true;
                    return Err(refused.unwrap_or(trouble));
                }
            }
            if verb == Verb::Data && refused.is_some() {
                // RFC 2920 section 3.1: a server that waits for the message all the same gets an empty one, to nobody.
                let dot = self.command(".\r\n", 250, Verb::Message, patience.next());
                let answered =
                    |trouble: &Trouble| matches!(trouble.failure, Failure::Replied { .. });
                self.lacks_answers = dot.await.is_err_and(|trouble| !answered(&trouble));
            }
        }
        refused.map_or(Ok(()), Err)
    }
}
