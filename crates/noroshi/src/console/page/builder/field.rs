//! The fields of the Builder. A field is called by the path of its element in clp.conf, so a finding about
//! that element stands beside it; what is not in this table cannot be changed from here.

use crate::command::config::ticks::{self, TICKS};
use noroshi_conf::document::{Document, ElementPath};
use noroshi_conf::tree::Node;
use noroshi_core::alert::{Destinations, MessageId, row_by_id};

/// How a field is shown, compared and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One value as text; empty takes it away.
    Text,
    /// `0` or `1`, and what holds without it.
    Flag(bool),
    /// A destination of a message, whose default is the message table's.
    Tick,
    /// Never shown; written sealed.
    Secret,
    /// The warning light's type: the real product's place or ours.
    LampType,
    /// A line for each of several elements alike.
    Lines,
}

use Kind::{Flag, LampType, Lines, Secret, Text, Tick};

/// All fields; `*` stands for a key.
const FIELDS: [(&str, Kind); 32] = [
    ("/root/cluster/mail/address", Text),
    ("/root/noroshi/mail/short", Text),
    ("/root/cluster/mail/subject", Text),
    ("/root/cluster/mail/sendtype", Text),
    ("/root/noroshi/mail/sendmail", Text),
    ("/root/noroshi/mail/sender", Text),
    ("/root/cluster/mail/smtp/charset", Text),
    ("/root/cluster/mail/smtp/timeout", Text),
    ("/root/cluster/dn1000s/use", Flag(false)),
    ("/root/cluster/mail/smtp/smtpsrv@*/priority", Text),
    ("/root/cluster/mail/smtp/smtpsrv@*/srvname", Text),
    ("/root/cluster/mail/smtp/smtpsrv@*/port", Text),
    ("/root/cluster/mail/smtp/smtpsrv@*/senderaddress", Text),
    ("/root/cluster/mail/smtp/smtpsrv@*/auth", Flag(false)),
    ("/root/cluster/mail/smtp/smtpsrv@*/authmethod", Text),
    ("/root/cluster/mail/smtp/smtpsrv@*/username", Text),
    ("/root/noroshi/mail/smtpsrv@*/tls", Text),
    ("/root/noroshi/mail/smtpsrv@*/cafile", Text),
    ("/root/noroshi/mail/smtpsrv@*/verify", Flag(true)),
    ("/root/noroshi/mail/smtpsrv@*/password", Secret),
    ("/root/server@*/device@20000/type", LampType),
    ("/root/server@*/device@20000/info", Text),
    ("/root/noroshi/lamp@*/port", Text),
    ("/root/noroshi/lamp@*/localuser", Text),
    ("/root/noroshi/lamp@*/remoteuser", Text),
    ("/root/noroshi/lamp@*/password", Secret),
    ("/root/noroshi/lamp@*/family", Text),
    ("/root/noroshi/lamp@*/readcommunity", Secret),
    ("/root/noroshi/lamp@*/writecommunity", Secret),
    ("/root/noroshi/lamp@*/program", Text),
    ("/root/noroshi/lamp@*/argument", Lines),
    ("/root/messages/*@*/*", Tick),
];

/// An SMTP server, which may be taken out whole.
const SMTP_SERVER: &str = "/root/cluster/mail/smtp/smtpsrv@*";

/// The kind of the field at `path`; `None` for what is no field of ours.
pub(super) fn kind(path: &str) -> Option<Kind> {
    ElementPath::parse(path).ok()?;
    let found = FIELDS.iter().find(|(form, _)| fits(form, path))?;
    match found.1 {
        Tick => tick(path).map(|_| Tick),
        kind => Some(kind),
    }
}

/// Whether the element at `path` may be taken out whole: an SMTP server, or all that the file says of a message.
pub(super) fn may_go(path: &str) -> bool {
    ElementPath::parse(path).is_ok() && (fits(SMTP_SERVER, path) || message_of(path).is_some())
}

/// Whether `path` has this form.
fn fits(form: &str, path: &str) -> bool {
    let (forms, steps) = (form.split('/'), path.split('/'));
    let one = |(form, step): (&str, &str)| match form.split_once('*') {
        None => form == step,
        // A whole step, or a name and a key.
        Some(("", "")) => plain(step),
        Some(("", after)) => {
            let pair = step.split_once('@');
            after == "@*" && pair.is_some_and(|(name, key)| plain(name) && plain(key))
        }
        Some((before, _)) => step.strip_prefix(before).is_some_and(plain),
    };
    forms.clone().count() == steps.clone().count() && forms.zip(steps).all(one)
}

fn plain(key: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "\"'[]@\\*<>".contains(c);
    !key.is_empty() && !key.contains(odd)
}

/// The key of the step called `name`, such as the server of `/root/server@sv1/device@20000/info`.
pub(super) fn key<'p>(path: &'p str, name: &str) -> Option<&'p str> {
    let mut steps = path.split('/');
    steps.find_map(|step| step.strip_prefix(name)?.strip_prefix('@'))
}

/// Message and destination of `/root/messages/nm@2/mail`.
pub(super) fn tick(path: &str) -> Option<(MessageId, &'static str)> {
    let (message, leaf) = path.rsplit_once('/')?;
    let leaf = if leaf == "altexec" { "alertexec" } else { leaf };
    let leaf = TICKS.iter().find(|tick| **tick == leaf)?;
    Some((message_of(message)?, leaf))
}

/// The message of `/root/messages/nm@2`.
pub(super) fn message_of(path: &str) -> Option<MessageId> {
    let (module, event) = path.strip_prefix("/root/messages/")?.split_once('@')?;
    let digits = event.bytes().all(|byte| byte.is_ascii_digit());
    let event = event.parse().ok().filter(|_| digits)?;
    let named = plain(module) && module != "types" && !module.contains('/');
    named.then(|| MessageId {
        module: module.into(),
        event,
    })
}

/// What the field at `path` shows of a file. Of a secret only whether there is one.
pub(super) fn shown(document: &Document, path: &str) -> String {
    let flag = |on: bool| if on { "1" } else { "0" }.to_string();
    match kind(path) {
        Some(Flag(default)) => flag(value(document, path).map_or(default, |text| text == "1")),
        Some(Tick) => {
            tick(path).map_or_else(String::new, |(id, name)| flag(goes(document, &id, name)))
        }
        Some(Secret) => value(document, path).map_or_else(String::new, |_| "set".into()),
        Some(LampType) => {
            let server = key(path, "server").unwrap_or_default();
            let own = value(document, &format!("/root/noroshi/lamp@{server}/type"));
            own.or_else(|| value(document, path)).unwrap_or_default()
        }
        Some(Lines) => {
            let lines: Vec<&str> = all(document, path).map(Node::raw).collect();
            lines.join("\n")
        }
        Some(Text) | None => value(document, path).unwrap_or_default(),
    }
}

/// The text of the element at `path`, if it has any.
pub(super) fn value(document: &Document, path: &str) -> Option<String> {
    let found = all(document, path).next()?.value();
    (!found.is_empty()).then(|| found.to_string())
}

/// All elements at `path`.
pub(super) fn all<'d>(document: &'d Document, path: &str) -> impl Iterator<Item = Node<'d>> {
    let path = ElementPath::parse(path);
    path.map_or_else(|_| Vec::new(), |path| document.get(&path))
        .into_iter()
}

/// Whether a message goes there: what the file says, where it is in force, else the built-in tick.
fn goes(document: &Document, id: &MessageId, name: &str) -> bool {
    let in_force = value(document, "/root/cluster/messages/use").as_deref() == Some("1");
    let said = value(document, &ticks::element(document, id, name)).filter(|_| in_force);
    match said {
        Some(text) => text == "1",
        None => built_in(id)[TICKS.iter().position(|tick| *tick == name).unwrap_or(0)],
    }
}

/// The built-in ticks in the order of [`TICKS`].
pub(super) fn built_in(id: &MessageId) -> [bool; 5] {
    // As core has it for a message that its table lacks.
    let unknown = Destinations {
        alert: true,
        syslog: true,
        ..Destinations::default()
    };
    let to = row_by_id(id).map_or(unknown, |row| row.destinations);
    [to.alert, to.syslog, to.mail, to.trap, to.command]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(inside: &str) -> Document {
        Document::read(format!("<root>{inside}</root>").into_bytes()).unwrap()
    }

    /// Rule: M26 M32
    #[test]
    fn only_fields_of_the_table_can_be_changed() {
        for (path, wanted) in [
            ("/root/cluster/mail/address", Some(Text)),
            ("/root/cluster/dn1000s/use", Some(Flag(false))),
            ("/root/server@sv1/device@20000/info", Some(Text)),
            ("/root/server@sv1/device@0/info", None),
            ("/root/server@sv1/priority", None),
            ("/root/noroshi/lamp@サーバ/program", Some(Text)),
            ("/root/noroshi/mail/smtpsrv@0/password", Some(Secret)),
            ("/root/noroshi/console/user@root/role", None),
            ("/root/messages/nm@2/mail", Some(Tick)),
            ("/root/messages/nm@2/altexec", Some(Tick)),
            ("/root/messages/nm@two/mail", None),
            ("/root/messages/nm@2/cmd", None),
            ("/root/messages/types@nm/mail", None),
            ("/root/cluster/mail/smtp/smtpsrv@0", None),
            ("/root/server@/device@20000/info", None),
            ("/root/server@a\"b/device@20000/info", None),
            ("/root/server@sv1[2]/device@20000/info", None),
            ("/root/server@*/device@20000/info", None),
            ("", None),
        ] {
            assert_eq!(kind(path), wanted, "{path}");
        }
    }

    /// Rule: M11 M26
    #[test]
    fn a_field_shows_what_is_in_force() {
        let mail = "/root/messages/nm@2/mail";
        let says = |switch: u8| {
            document(&format!(
                "<cluster><messages><use>{switch}</use></messages></cluster>\
                 <messages><nm id=\"2\"><mail>0</mail><altexec>1</altexec></nm></messages>"
            ))
        };
        assert_eq!(shown(&says(1), mail), "0");
        assert_eq!(shown(&says(0), mail), "1", "the built-in tick");
        assert_eq!(shown(&says(1), "/root/messages/nm@2/alertexec"), "1");
        let lamp = document(
            "<server name=\"a\"><device id=\"20000\"><type>dn1000s</type></device></server>\
             <noroshi><lamp name=\"a\"><type>command</type><argument> x</argument>\
             <argument>y</argument><password>hunter2</password></lamp></noroshi>",
        );
        assert_eq!(shown(&lamp, "/root/server@a/device@20000/type"), "command");
        assert_eq!(shown(&lamp, "/root/noroshi/lamp@a/argument"), " x\ny");
        assert_eq!(shown(&lamp, "/root/noroshi/lamp@a/password"), "set");
    }

    /// Rule: M26 M32
    #[test]
    fn no_path_from_a_form_makes_it_panic() {
        let parts = [
            "/root",
            "/server",
            "/noroshi",
            "/messages",
            "/cluster/mail",
            "@",
            "*",
            "[1]",
            "\"",
            "é",
            "\u{202e}",
            "/device@20000",
            "/smtp/smtpsrv@0",
            "/lamp@a",
            "/type",
            "/info",
            "/nm@2",
            "/mail",
            "types",
            "4294967296",
            "",
        ];
        let document = document("<server name=\"a\"/><messages><nm id=\"2\"/></messages>");
        let mut noise: u32 = 1;
        for _ in 0..20_000 {
            let mut path = String::from("/root");
            for _ in 0..4 {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                path.push_str(parts[noise as usize / 65_536 % parts.len()]);
            }
            let known = kind(&path).is_some();
            shown(&document, &path);
            assert!(!(known && may_go(&path)), "{path}");
            assert!(!known || ElementPath::parse(&path).is_ok(), "{path}");
        }
    }
}
