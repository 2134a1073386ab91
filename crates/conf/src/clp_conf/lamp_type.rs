//! The types of warning lights and what each needs to be told (rule N12).

use crate::finding::Findings;
use crate::names::{is_graphic, is_one_line};
use crate::problem::Problem;
use crate::tree::Node;
use noroshi_core::config::{LampKind, PnsFamily, RshUsers, Secret};

/// Bytes in a user name of an rsh exchange, as rshd reads them.
const RSH_USER_BYTES_MAX: usize = 16;
/// Bytes in a password or community; the devices take 8 to 32.
const DEVICE_SECRET_BYTES_MAX: usize = 64;
const ARGUMENTS_MAX: usize = 64;
const ARGUMENT_CHARS_MAX: usize = 1_024;

/// A way of speaking to a lamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LampType {
    IsaRsh,
    IsaTcp,
    PatliteRsh,
    PatliteHttp,
    PatlitePns,
    PatlitePhn,
    PatliteSnmp,
    Command,
}

/// The words of the `type` element: the real product's four, then ours.
pub(super) const TYPES: [(&str, LampType); 10] = [
    ("dn1000s", LampType::IsaRsh),
    ("dn1500gl", LampType::IsaRsh),
    ("patlite", LampType::PatliteRsh),
    ("nhfv1", LampType::PatliteRsh),
    ("isa-tcp", LampType::IsaTcp),
    ("patlite-http", LampType::PatliteHttp),
    ("patlite-pns", LampType::PatlitePns),
    ("patlite-phn", LampType::PatlitePhn),
    ("patlite-snmp", LampType::PatliteSnmp),
    ("command", LampType::Command),
];

/// The settings that not every type has a use for.
const SETTINGS: [&str; 9] = [
    "port",
    "localuser",
    "remoteuser",
    "password",
    "family",
    "readcommunity",
    "writecommunity",
    "program",
    "argument",
];

impl LampType {
    fn name(self) -> &'static str {
        TYPES
            .iter()
            .find(|(_, lamp_type)| *lamp_type == self)
            .map_or("?", |(name, _)| name)
    }

    /// The protocol's own port.
    pub(super) fn port(self) -> Option<u16> {
        match self {
            LampType::IsaRsh | LampType::PatliteRsh => Some(514),
            LampType::IsaTcp => Some(60_000),
            LampType::PatliteHttp => Some(80),
            LampType::PatlitePns | LampType::PatlitePhn => Some(10_000),
            LampType::PatliteSnmp => Some(161),
            LampType::Command => None,
        }
    }

    fn has_use_for(self, setting: &str) -> bool {
        match setting {
            "port" => self != LampType::Command,
            "localuser" | "remoteuser" => matches!(self, LampType::IsaRsh | LampType::PatliteRsh),
            "password" => matches!(self, LampType::IsaRsh | LampType::IsaTcp),
            "family" => self == LampType::PatlitePns,
            "readcommunity" | "writecommunity" => self == LampType::PatliteSnmp,
            _ => self == LampType::Command,
        }
    }

    /// The kind with its settings from `/root/noroshi/lamp@SERVER`; `None` when it lacks one that
    /// it cannot do without.
    pub(super) fn kind(self, own: Option<Node<'_>>, findings: &mut Findings) -> Option<LampKind> {
        for node in own.into_iter().flat_map(|own| own.children()) {
            if SETTINGS.contains(&node.name()) && !self.has_use_for(node.name()) {
                findings.warn(
                    node,
                    Problem::NotForLampType {
                        lamp_type: self.name(),
                    },
                );
            }
        }
        Some(match self {
            LampType::IsaRsh => LampKind::IsaRsh {
                users: users(own, findings),
                password: secret(own, "password", findings),
            },
            LampType::IsaTcp => LampKind::IsaTcp {
                password: secret(own, "password", findings),
            },
            LampType::PatliteRsh => LampKind::PatliteRsh {
                users: users(own, findings),
            },
            LampType::PatliteHttp => LampKind::PatliteHttp,
            LampType::PatlitePns => LampKind::PatlitePns {
                family: family(own, findings),
            },
            LampType::PatlitePhn => LampKind::PatlitePhn,
            LampType::PatliteSnmp => {
                let mut community = |name, default: &str| {
                    secret(own, name, findings).unwrap_or_else(|| Secret::new(default.to_string()))
                };
                LampKind::PatliteSnmp {
                    read: community("readcommunity", "public"),
                    write: community("writecommunity", "private"),
                }
            }
            LampType::Command => return command(own, findings),
        })
    }
}

fn users(own: Option<Node<'_>>, findings: &mut Findings) -> RshUsers {
    let mut user = |name| {
        let node = own.and_then(|own| findings.setting(own, name))?;
        if !is_graphic(node.value(), RSH_USER_BYTES_MAX) {
            findings.error(node, Problem::RshUserBad);
        }
        Some(node.value().to_string())
    };
    let root = || "root".to_string();
    RshUsers {
        local: user("localuser").unwrap_or_else(root),
        remote: user("remoteuser").unwrap_or_else(root),
    }
}

fn secret(own: Option<Node<'_>>, name: &str, findings: &mut Findings) -> Option<Secret> {
    let node = own.and_then(|own| findings.setting(own, name))?;
    if !is_graphic(node.value(), DEVICE_SECRET_BYTES_MAX) {
        findings.error_silent(node, Problem::DeviceSecretBad);
    }
    Some(Secret::new(node.value().to_string()))
}

fn family(own: Option<Node<'_>>, findings: &mut Findings) -> PnsFamily {
    let choices = [
        ("nh", PnsFamily::Nh),
        ("lr5", PnsFamily::Lr5),
        ("la6", PnsFamily::La6),
    ];
    own.and_then(|own| findings.choice(own, "family", &choices))
        .unwrap_or(PnsFamily::Nh)
}

fn command(own: Option<Node<'_>>, findings: &mut Findings) -> Option<LampKind> {
    let own = own?;
    findings.required(own, "program");
    let program = findings.path(own, "program");
    let mut arguments = Vec::new();
    for node in own.all("argument") {
        if arguments.len() == ARGUMENTS_MAX {
            findings.error(node, Problem::TooMany { max: ARGUMENTS_MAX });
            break;
        }
        if !is_one_line(node.raw(), ARGUMENT_CHARS_MAX) {
            findings.error(
                node,
                Problem::NotOneLine {
                    chars_max: ARGUMENT_CHARS_MAX,
                },
            );
        }
        // A space at either end, or nothing at all, is an argument too.
        arguments.push(node.raw().to_string());
    }
    Some(LampKind::Command {
        program: program?,
        arguments,
    })
}
