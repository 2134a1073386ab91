//! What can be wrong with a clp.conf: one closed list, so that no fault is without its words.

use crate::charset::Charset;

/// What is wrong. Its words are in `wording`, in both languages, each with a remedy.
///
/// Text inside a variant was escaped before and may be shown as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    // The file as a whole.
    /// More bytes than [`FILE_BYTES_MAX`](crate::charset::FILE_BYTES_MAX).
    FileTooLarge,
    /// Nothing in it.
    FileEmpty,
    /// The declaration names a character set that we do not read.
    CharsetUnknown,
    /// A byte that the declared character set lacks.
    WrongByte {
        /// What was declared, or UTF-8.
        charset: Charset,
        /// The byte.
        byte: u8,
        /// Another character set in which the whole file makes sense.
        fits: Option<Charset>,
    },
    /// A character that XML 1.0 forbids (section 2.2).
    ControlCharacter {
        /// Its code point.
        code: u32,
    },
    /// It does not begin like XML.
    NotXml,
    /// A tag, attribute, comment or reference that is not well formed.
    Malformed,
    /// It ends before its last element does.
    CutOff,
    /// An end tag that closes another element than the open one.
    EndTagMismatch {
        /// The element that is open.
        open: String,
        /// Where it was opened.
        line: u32,
    },
    /// An end tag with no element open.
    EndTagStray,
    /// A DOCTYPE; clp.conf has none, and it could carry entities that grow without bound.
    Doctype,
    /// A reference to an entity beyond the five of XML itself, or to no character.
    EntityUnknown,
    /// The outermost element is not `root`.
    RootWrong,
    /// Something follows the outermost element.
    AfterRoot,
    /// Elements nested deeper than [`DEPTH_MAX`](crate::tree::DEPTH_MAX).
    TooDeep,
    /// More elements than [`ELEMENTS_MAX`](crate::tree::ELEMENTS_MAX).
    TooManyElements,
    /// More findings than are shown.
    MoreFindings,

    // Any setting.
    /// It must be given.
    Missing,
    /// The element must carry a name or an id.
    KeyMissing,
    /// It stands in the file twice.
    Repeated {
        /// The line of the first.
        line: u32,
    },
    /// Not a whole number within bounds.
    NotNumber {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
        /// `ms`, `s`, or nothing.
        unit: &'static str,
    },
    /// Not one of the known words.
    NotOneOf {
        /// Them, with commas.
        choices: String,
    },
    /// A line break or control character in it, or too long.
    NotOneLine {
        /// Most characters.
        chars_max: usize,
    },
    /// Not an absolute path.
    NotAbsolutePath,
    /// Not a host name or address.
    NotHost,
    /// A name with forbidden characters, or too long.
    NameBad,
    /// An element below `/root/noroshi` that we do not know: most likely a slip of the pen that
    /// would silently lose a setting.
    UnknownSetting {
        /// The known name next to it.
        nearest: Option<&'static str>,
    },
    /// An element of the real product's part of the file that we do not know, next to one that we
    /// read.
    NearMiss {
        /// The known name next to it.
        nearest: &'static str,
    },
    /// A program or file that cannot be used on this host.
    NotOnThisHost {
        /// What is the matter with it.
        why: HostFileTrouble,
    },
    /// More of a kind than there may be.
    TooMany {
        /// How many there may be.
        max: usize,
    },
    /// No server has this name.
    ServerUnknown {
        /// The server name next to it.
        nearest: Option<String>,
    },

    // Servers and interconnects.
    /// No server at all.
    NoServer,
    /// Two of a kind with one priority.
    PriorityTaken {
        /// Who has it already.
        by: String,
    },
    /// Not an IP address that a server or lamp can have.
    NotIpAddress,
    /// Two servers with one address.
    AddressTaken {
        /// Which server has it already.
        by: String,
    },
    /// An interconnect's device that is no `lan` device.
    DeviceNotLan,
    /// No server has the device of an interconnect.
    DeviceNowhere,
    /// Two or more servers and nothing between them.
    NoInterconnect,
    /// Two servers without an interconnect that both have.
    NoSharedInterconnect {
        /// The other server.
        other: String,
    },
    /// A kind of heartbeat that this product has no use for.
    HeartbeatKindIgnored,
    /// No interconnects given; the servers' `lan` devices are taken.
    LanDevicesTaken,
    /// A heartbeat time-out too short for its interval.
    TimeoutTooShort {
        /// Shortest that is accepted, in ms.
        min_ms: u64,
    },
    /// A stall time-out below the heartbeat time-out.
    StallTooShort {
        /// The heartbeat time-out in ms.
        min_ms: u64,
    },

    // Mail.
    /// Not a mail address.
    NotMailAddress,
    /// A recipient given twice.
    RecipientRepeated,
    /// An address for the short form that is no recipient.
    ShortNotRecipient,
    /// SMTP, but no SMTP server.
    NoSmtpServer,
    /// Our settings for an SMTP server that the cluster's settings lack.
    SmtpServerUnknown,
    /// The real product's encrypted password, which only that product can read.
    PasswordSealed,
    /// A secret sealed under the cluster key that cannot be opened.
    SecretNotOpened {
        /// Why.
        en: String,
        /// The same in Japanese.
        ja: String,
    },
    /// A password that would cross the network in clear.
    PasswordInClear,
    /// Certificate checks are switched off.
    NotVerified,

    // Lamps.
    /// A type, but no address.
    LampWithoutAddress,
    /// Servers share a lamp's address, but not its type and settings.
    LampDiffers {
        /// The other server.
        other: String,
    },
    /// A user name that cannot go into an rsh exchange.
    RshUserBad,
    /// A secret with characters that the device's commands cannot carry.
    DeviceSecretBad,
    /// A setting that this lamp type has no use for.
    NotForLampType {
        /// The lamp's type.
        lamp_type: &'static str,
    },

    // The console.
    /// The port that the links between the servers have.
    PortTaken,
    /// A console user's password that is no hash of one.
    PasswordNotHashed,
    /// A console user's API token that is no digest of one.
    TokenNotDigest,

    // Messages and records.
    /// A message element whose id is no event id.
    EventBad,
    /// Changed destinations that are switched off.
    MessagesOff,
    /// Fewer alert records than rule N7 asks for.
    RecordsFew,
}

/// What is the matter with a file that the settings name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostFileTrouble {
    /// There is none.
    Missing,
    /// It is a directory or the like.
    NotAFile,
    /// Nobody may execute it.
    NotExecutable,
    /// The system refuses to look at it; its words.
    Hidden(String),
}
