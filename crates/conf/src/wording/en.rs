//! The words in English.

use super::{pair, unit_of};
use crate::charset::FILE_BYTES_MAX;
use crate::finding::FINDINGS_MAX;
use crate::names::NAME_CHARS_MAX;
use crate::problem::{HostFileTrouble, Problem};
use crate::tree::{DEPTH_MAX, ELEMENTS_MAX};

pub(super) fn english(problem: &Problem) -> (String, String) {
    use Problem as P;
    match problem {
        P::FileTooLarge => pair(
            format!("the file is larger than {FILE_BYTES_MAX} bytes"),
            "Check that this is a clp.conf",
        ),
        P::FileEmpty => pair(
            "the file is empty",
            "Save the configuration again, or restore it from clp.conf.bak",
        ),
        P::CharsetUnknown => pair(
            "the declared character set is not one that clp.conf uses",
            "Save the file as UTF-8, EUC-JP, SJIS, GB2312 or ASCII and declare that in its first line",
        ),
        P::WrongByte {
            charset,
            byte,
            fits,
        } => pair(
            format!("byte 0x{byte:02X} makes no character in {}", charset.name()),
            match fits {
                Some(fits) => format!(
                    "The file reads well as {0}: declare encoding=\"{0}\" in its first line, or save it as {1}",
                    fits.name(),
                    charset.name()
                ),
                None => format!("Save the file as {} again", charset.name()),
            },
        ),
        P::ControlCharacter { code } => {
            pair(format!("control character U+{code:04X}"), "Remove it")
        }
        P::NotXml => pair(
            "this is not XML",
            "Check that this is a clp.conf; it begins with <?xml or <root>",
        ),
        P::Malformed => pair(
            "not well-formed XML",
            "Check this line and the one before for a missing <, >, quote or ;, and write & as &amp; and < as &lt;",
        ),
        P::CutOff => pair(
            "the file ends before this element is closed",
            "The file was cut off: save or copy it again",
        ),
        P::EndTagMismatch { open, line } => pair(
            format!("this end tag stands where <{open}> of line {line} is open"),
            format!("Close <{open}> first, or correct the name"),
        ),
        P::EndTagStray => pair(
            "this end tag closes nothing",
            "Remove it, or add its start tag",
        ),
        P::Doctype => pair("a DOCTYPE has no place in a clp.conf", "Remove it"),
        P::EntityUnknown => pair(
            "a reference that stands for no character",
            "Use only &amp; &lt; &gt; &quot; &apos; and character numbers",
        ),
        P::RootWrong => pair(
            "the outermost element is not <root>",
            "Check that this is a clp.conf",
        ),
        P::AfterRoot => pair(
            "something follows the end of <root>",
            "Remove what stands after </root>",
        ),
        P::TooDeep => pair(
            format!("elements are nested deeper than {DEPTH_MAX}"),
            "Check that this is a clp.conf",
        ),
        P::TooManyElements => pair(
            format!("more than {ELEMENTS_MAX} elements"),
            "Check that this is a clp.conf",
        ),
        P::MoreFindings => pair(
            format!("more than {FINDINGS_MAX} findings; the rest is not shown"),
            "Correct these and check again",
        ),
        P::Missing => pair("it must be given", "Add this element"),
        P::KeyMissing => pair(
            "the element carries no name or id",
            "Add the attribute name=\"…\" or id=\"…\"",
        ),
        P::Repeated { line } => pair(
            format!("it stands in line {line} already"),
            "Keep one of the two",
        ),
        P::NotNumber { min, max, unit } => pair(
            "not a whole number within bounds",
            format!("Give a number from {min} to {max}{}", unit_of(unit)),
        ),
        P::NotOneOf { choices } => pair("not a known value", format!("Give one of: {choices}")),
        P::NotOneLine { chars_max } => pair(
            "a control character or line break in it, or too long",
            format!("Give one line of at most {chars_max} characters"),
        ),
        P::NotAbsolutePath => pair("not an absolute path", "Give a path that begins with /"),
        P::NotHost => pair(
            "not a host name or IP address",
            "Give a name such as mail.example.com or an IP address, without port",
        ),
        P::NameBad => pair(
            "not a usable name",
            format!(
                "Give 1 to {NAME_CHARS_MAX} characters without spaces, control characters and /, not beginning with a hyphen or dot"
            ),
        ),
        P::UnknownSetting { nearest } => pair(
            "there is no such setting",
            match nearest {
                Some(nearest) => format!("Did you mean {nearest}? Correct or remove it"),
                None => "Remove it".to_string(),
            },
        ),
        P::NearMiss { nearest } => pair(
            "no such element is known; it is passed over",
            format!("Did you mean {nearest}? Correct the name"),
        ),
        P::NotOnThisHost { why } => pair(
            match why {
                HostFileTrouble::Missing => "there is no such file on this host".to_string(),
                HostFileTrouble::NotAFile => "this is no file on this host".to_string(),
                HostFileTrouble::NotExecutable => "this file is not executable".to_string(),
                HostFileTrouble::Hidden(error) => {
                    format!("this file cannot be looked at: {error}")
                }
            },
            "Correct the path, or put the file there on every server",
        ),
        P::TooMany { max } => pair("too many", format!("There may be {max} at most")),
        P::ServerUnknown { nearest } => pair(
            "no server has this name",
            match nearest {
                Some(nearest) => format!("Did you mean {nearest}? Correct or remove it"),
                None => "Correct the name, or add the server".to_string(),
            },
        ),
        P::NoServer => pair("there is no server", "Add at least one <server name=\"…\">"),
        P::PriorityTaken { by } => pair(
            format!("{by} has this priority already"),
            "Give each its own priority: 0, 1, 2 and so on",
        ),
        P::NotIpAddress => pair(
            "not an IP address",
            "Give an IPv4 or IPv6 address, such as 192.168.0.1",
        ),
        P::AddressTaken { by } => pair(
            format!("server {by} has this address already"),
            "Give each server its own address",
        ),
        P::DeviceNotLan => pair(
            "an interconnect uses this device, but its type is not lan",
            "Set the type to lan, or give the interconnect another device",
        ),
        P::DeviceNowhere => pair(
            "no server has a lan device with this id and an address",
            "Add the device to the servers, or correct the id",
        ),
        P::NoInterconnect => pair(
            "there are several servers but no interconnect",
            "Add a lankhb or lanhb below /root/heartbeat and its lan device to each server",
        ),
        P::NoSharedInterconnect { other } => pair(
            format!(
                "this server and {other} have no interconnect in common and would take each other for down"
            ),
            "Give both an address on one interconnect",
        ),
        P::HeartbeatKindIgnored => pair(
            "this kind of heartbeat is not used; heartbeats go over lankhb and lanhb only",
            "Nothing need be done",
        ),
        P::LanDevicesTaken => pair(
            "no LAN heartbeat is configured; the servers' lan devices are used as interconnects",
            "Add lankhb elements below /root/heartbeat to choose them",
        ),
        P::TimeoutTooShort { min_ms } => pair(
            "the heartbeat time-out is too short: one lost heartbeat would look like a dead server",
            format!(
                "Give at least {min_ms} ms (three heartbeat intervals), or remove it for the default"
            ),
        ),
        P::StallTooShort { min_ms } => pair(
            "the stall time-out is shorter than the heartbeat time-out",
            format!("Give at least {min_ms} ms, or remove it for the default"),
        ),
        P::NotMailAddress => pair(
            "not a mail address",
            "Give user@domain in ASCII, without spaces, at most 254 characters; separate several by commas",
        ),
        P::RecipientRepeated => pair(
            "this recipient is given twice and gets one mail",
            "Remove one of the two",
        ),
        P::PortTaken => pair(
            "the links between the servers have this port",
            "Give the console another one than /root/noroshi/port",
        ),
        P::PasswordNotHashed => pair(
            "this is no hash of a password",
            "Remove the user and add it again with \"noroshi user add\"",
        ),
        P::TokenNotDigest => pair(
            "this is no SHA-256 of an API token",
            "Make a new one with \"noroshi user token\", or take it away with --revoke",
        ),
        P::ShortNotRecipient => pair(
            "the short form is for an address that gets no mail",
            "Add it to /root/cluster/mail/address, or correct it",
        ),
        P::NoSmtpServer => pair(
            "mail is to leave by SMTP, but there is no SMTP server",
            "Add /root/cluster/mail/smtp/smtpsrv@0, or set sendtype to MAIL",
        ),
        P::SmtpServerUnknown => pair(
            "no SMTP server has this id",
            "Use the id of an smtpsrv below /root/cluster/mail/smtp",
        ),
        P::PasswordSealed => pair(
            "this password is encrypted in a way that only the other product can read; noroshi will not sign in at this server",
            "Give the password in /root/noroshi/mail/smtpsrv@N/password with the same N",
        ),
        P::SecretNotOpened { en, .. } => pair(
            format!("this sealed secret cannot be opened: {en}"),
            "Seal it again on a server of this cluster with noroshi config set-secret",
        ),
        P::PasswordInClear => pair(
            "the password goes over the network without encryption",
            "Set tls to starttls or tls",
        ),
        P::NotVerified => pair(
            "the mail server's certificate is not checked",
            "Set verify to 1; give a private authority in cafile",
        ),
        P::LampWithoutAddress => pair(
            "lamp without address",
            "Give the warning light's IP address, or remove device@20000 if the server has none",
        ),
        P::LampDiffers { other } => pair(
            format!(
                "server {other} shares this warning light's address, but not its type and settings"
            ),
            "Give both servers the same type and settings, or different addresses",
        ),
        P::RshUserBad => pair(
            "not a user name for rsh",
            "Give 1 to 16 ASCII characters without spaces",
        ),
        P::DeviceSecretBad => pair(
            "the device's commands cannot carry this",
            "Give at most 64 printable ASCII characters without spaces",
        ),
        P::NotForLampType { lamp_type } => pair(
            format!("a warning light of type {lamp_type} has no use for this"),
            "Remove it, or correct the type",
        ),
        P::EventBad => pair("not an event id", "Give a number, such as <nm id=\"2\">"),
        P::MessagesOff => pair(
            "the alert destinations below are not in force: /root/cluster/messages/use is not 1",
            "Set it to 1, or remove them",
        ),
        P::RecordsFew => pair(
            "fewer alert records than the 10000 that this product keeps by default",
            "Give 10000 or more, unless the disk is very small",
        ),
    }
}
