//! What the simulated lamps' protocols have in common.

use super::panel::Panel;

/// What the bytes so far amount to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Not yet a whole command.
    More,
    /// A second connection is wanted on this port of the client before it goes on (rshd(8)).
    CallBack(u16),
    /// A whole command, in words for the record; [`Talk::answer`] obeys it.
    Ready(String),
    /// No command of this protocol: close without a word.
    HangUp,
}

/// One conversation in a lamp's protocol. Faults that all lamps share are not its concern.
pub(super) trait Talk: Send {
    /// Takes what came; over UDP one datagram. After [`Step::CallBack`] and after an answer, it is
    /// called again with nothing, for what had come before.
    fn push(&mut self, bytes: &[u8]) -> Step;
    /// Obeys the command that was ready, and answers; nothing for no answer.
    fn answer(&mut self, panel: &mut Panel) -> Vec<u8>;
    /// The answer that refuses it instead.
    fn refusal(&self) -> Vec<u8>;
    /// An answer that its protocol does not know.
    fn nonsense(&self) -> Vec<u8>;
    /// Whether the lamp closes after an answer.
    fn closes(&self) -> bool;
}

/// Most bytes of commands kept for one connection; a client that sends more is hung up on.
pub(super) const PENDING_BYTES_MAX: usize = 8192;
