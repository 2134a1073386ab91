//! Timed stories in a small language, told on virtual time ([`crate::world`]) or by real processes.
//!
//! ```text
//! title  A server loses power
//! rules  N4 M17 N9
//! servers 3
//! interconnects 2
//! mail   ops@example.com
//!
//! at 3s   sv2 loses power
//! expect  lamp sv2 blinks red by 4s
//! expect  1 mail to ops@example.com about sv2 by 10s
//! ```
//!
//! Set-up lines are `servers`, `interconnects`, `engine corosync` (with a ring in place of heartbeats), `mail`, `absent`, `shared lamp` (one for all servers),
//! `mute lamps` (they cannot be read back), `no licence` (one is needed and none is registered),
//! `trial until TIME`, `clock SERVER TIME ahead` or `behind`, and `seed N` (the story is told with this one
//! only: a seed of the chaos found it). A server that `is cut off` reaches nobody, neither lamps
//! nor mail server; when `the interconnects of sv2 are cut` it reaches those still. The one ends
//! when `sv2 is reconnected`, the other when `the interconnects of sv2 are joined`, both when `the network
//! heals`. The other way round, `the receivers of sv2 are cut` until they `are joined`. `everything works
//! again` ends every fault but that servers do not run; then `all servers start`.
//!
//! `by` means: true at some moment up to then. `at` means: true just then. A count of mails holds
//! from the start of the story. `expect nothing is broken` looks at what must hold at every step
//! ([`crate::world::Invariant`]), `expect all is well` at what must hold some time after every fault is over. Lines that begin with `#` are for people. A line that cannot be
//! read is an error that names the line; nothing of the story is played then.

mod parse;
mod write;

use noroshi_core::config::Engine;

pub use parse::{ParseError, parse};

/// A whole story.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scenario {
    /// What it tells, in a sentence.
    pub title: String,
    /// The rules it proves.
    pub rules: Vec<String>,
    /// What the world is like at its start.
    pub setup: Setup,
    /// What happens and what is expected, in the order of the file.
    pub lines: Vec<Line>,
}

/// What the world is like at the start of a story.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// The seed that the story is told with; `None`: with several, all of which must come true.
    pub seed: Option<u64>,
    /// Servers, called `sv1`, `sv2` …
    pub servers: u8,
    /// Interconnects between them, called `lan1`, `lan2` …
    pub interconnects: u8,
    /// What judges who is at work.
    pub engine: Engine,
    /// Addresses that are told by mail.
    pub mail: Vec<String>,
    /// All servers share one lamp instead of having one each.
    pub shared_lamp: bool,
    /// Lamps cannot say what they show.
    pub mute_lamps: bool,
    /// What is registered, each the end of a trial in milliseconds or `-`; `None`: no licence is needed.
    pub licences: Option<Vec<String>>,
    /// Servers that do not start by themselves at the beginning.
    pub absent: Vec<String>,
    /// Servers whose wall clock is wrong, and how far it is ahead, in milliseconds.
    pub clocks: Vec<(String, i64)>,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            seed: None,
            servers: 3,
            interconnects: 2,
            engine: Engine::Embedded,
            mail: vec!["ops@example.com".into()],
            shared_lamp: false,
            mute_lamps: false,
            licences: None,
            absent: Vec::new(),
            clocks: Vec::new(),
        }
    }
}

/// One line of a story.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Line number in the file, from 1.
    pub number: u32,
    /// The words as written.
    pub text: String,
    /// What it means.
    pub what: What,
}

/// What a line means.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Something happens after so many milliseconds.
    Happens(u64, Happening),
    /// Something is expected.
    Expected(Expectation, Until),
}

/// Until when an expectation must come true, in milliseconds since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// At some moment up to then.
    By(u64),
    /// Just then.
    At(u64),
}

/// Something that happens to the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// The process is killed; its host lives on.
    Killed(String),
    /// Host and process are gone without a word.
    LosesPower(String),
    /// The daemon stops cleanly.
    Stops(String),
    /// The daemon starts (again).
    Starts(String),
    /// The process stands still.
    Suspended(String),
    /// It goes on.
    Resumes(String),
    /// A licence is registered on it: a line of [`Register`](crate::world::Register).
    Licence(String, String),
    /// The register of a server cannot be read, or can again.
    Register(String, bool),
    /// No packet passes to or from it; on all interconnects, or one.
    CutOff(String, Option<String>),
    /// The cut is over.
    Reconnected(String, Option<String>),
    /// No packet passes to or from it on any interconnect; lamps and mail server stay in reach.
    Apart(String),
    /// That is over.
    Together(String),
    /// What becomes of a server's Corosync.
    Corosync(String, CorosyncDoes),
    /// The first does not hear the second; the other way packets pass.
    Deaf(String, String),
    /// Its wall clock is so many milliseconds ahead from now on; behind when negative.
    Clock(String, i64),
    /// Nothing passes between it and lamps and mail server; the interconnects are whole.
    ReceiversCut(String),
    /// That is over.
    ReceiversJoined(String),
    /// All cuts are over.
    Heals,
    /// Every fault is over, but that servers do not run.
    AllWorks,
    /// Every server that does not run starts.
    AllStart,
    /// So many per cent of the packets on an interconnect are lost.
    Loss(u8, String),
    /// The lamp of a server does not answer, or answers again.
    Lamp(String, bool),
    /// The lamp of a server answers, and refuses every order.
    LampRefuses(String),
    /// The lamp of a server lost its memory: dark, but answering.
    LampForgets(String),
    /// What the mail server does from now on.
    Mail(MailBehaviour),
    /// What the disk of a server does from now on.
    Disk(String, DiskDoes),
    /// A script on the server raises an alert that is mailed.
    Raises(String, String),
    /// Somebody tests the lamp of the second server, on the first.
    LampTested(String, String),
    /// Somebody puts the lamp of the second server out, on the first.
    LampPutOut(String, String),
    /// The cluster shuts down, asked for on this server.
    Shutdown(String),
    /// New settings while at work, on one server, or on all.
    Settings(Option<String>, Change),
    /// A server is given a faulty configuration.
    FaultySettings(String),
    /// A change is pushed from this server to all.
    Pushes(String, Change),
    /// A server cannot take sets any more, or can again.
    Sets(String, bool),
}

/// What a Corosync does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CorosyncDoes {
    /// It starts.
    Start,
    /// It stops in order.
    Stop,
    /// It dies.
    Die,
    /// It hangs.
    Hang,
    /// It goes on.
    Answer,
}

/// What a disk does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskDoes {
    /// It writes.
    Work,
    /// Each sync ends in an input/output error: what it wrote may be there after a crash, or not.
    Fail,
    /// It has no room.
    Full,
    /// It is mounted read-only.
    ReadOnly,
    /// It answers nothing for 30 s, then goes on.
    Stall,
}

/// What is different in new settings.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The start of every subject.
    Subject(String),
    /// One more recipient.
    Recipient(String),
    /// One recipient less.
    NoRecipient(String),
    /// The heartbeat's time-out, in milliseconds.
    TimeoutMs(u64),
    /// The port on which servers hear each other.
    Port(u16),
    /// Whether a message is mailed.
    Mailed(noroshi_core::alert::MessageId, bool),
}

/// What the mail server does.
#[derive(Clone, Debug, PartialEq)]
pub enum MailBehaviour {
    /// Takes everything.
    Accepts,
    /// Refuses everything for now (4xx).
    Defers,
    /// Refuses this recipient for good (5xx).
    Rejects(String),
    /// Takes a mail and never confirms it.
    Swallows,
    /// Cannot be reached.
    Away,
    /// Takes everything and confirms it only after so many milliseconds.
    Slow(u64),
    /// Never answers about this recipient; the sender gives up after its time-out.
    Hangs(String),
}

/// Something that is expected of the product.
#[derive(Clone, Debug, PartialEq)]
pub enum Expectation {
    /// What a server's lamp shows.
    Lamp(String, LampLook),
    /// So many mails that fit, from the start of the story.
    Mails {
        /// How many.
        count: usize,
        /// To this address.
        to: Option<String>,
        /// About this server: its name is in the text.
        about: Option<String>,
        /// Containing these words.
        saying: Option<String>,
    },
    /// An alert of this module and event in a server's alert view.
    Alert {
        /// The server whose alert view is looked at.
        on: String,
        /// Module.
        module: String,
        /// Event id.
        event: u32,
        /// So many of them; `None`: at least one.
        count: Option<usize>,
    },
    /// How the first server sees the second.
    Sees(String, String, String),
    /// The number of the set that a server has in force.
    Set(String, u64),
    /// Every invariant has held at every step so far.
    Unbroken,
    /// Everybody is at work and sees all others so, and every alert was told.
    Well,
}

/// What a lamp shows, in the words of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LampLook {
    /// Dark.
    Out,
    /// Green, steady.
    Green,
    /// Red, blinking.
    BlinksRed,
    /// Both.
    BlinksRedAndGreen,
}
