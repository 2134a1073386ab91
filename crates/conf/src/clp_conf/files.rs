//! The files of the host that a clp.conf names, for a check on the host itself: this crate looks at
//! no disk.

use crate::tree::{Node, Tree};
use noroshi_core::config::{Config, MailTransport};

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileUse {
    /// A program that is started.
    Program,
    /// A PEM file with the certificate authorities that a mail server is checked against.
    Authorities,
    /// A PEM file with the certificate that the console shows, and those that lead to its authority.
    Certificate,
    /// A PEM file with that certificate's key.
    Key,
}

/// A file that the settings name, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// Its absolute path on the host.
    pub file: String,
    /// What it is for.
    pub needed_as: FileUse,
    /// Line of the element that names it, or that makes it be used.
    pub line: u32,
    /// Path of that element.
    pub path: String,
}

/// The files that `config`, read from `tree`, will use on a server.
pub(crate) fn named(tree: &Tree, config: &Config) -> Vec<NamedFile> {
    let root = tree.root();
    let mut files = Vec::new();
    let mail = below(root, &["noroshi", "mail"]);
    match &config.mail.transport {
        MailTransport::Sendmail { program } if !config.mail.recipients.is_empty() => {
            let given = mail.iter().find_map(|mail| mail.all("sendmail").next());
            let address = below(root, &["cluster", "mail", "address"]);
            if let Some(node) = given.or(address.first().copied()) {
                files.push(at(node, program, FileUse::Program));
            }
        }
        MailTransport::Sendmail { .. } => {}
        MailTransport::Smtp { .. } => {
            for node in below(root, &["noroshi", "mail", "smtpsrv", "cafile"]) {
                files.push(at(node, node.value(), FileUse::Authorities));
            }
        }
    }
    if config.lamps_used {
        for node in below(root, &["noroshi", "lamp", "program"]) {
            files.push(at(node, node.value(), FileUse::Program));
        }
    }
    for (name, needed_as) in [
        ("certificate", FileUse::Certificate),
        ("certificatekey", FileUse::Key),
    ] {
        for node in below(root, &["noroshi", "console", name]) {
            files.push(at(node, node.value(), needed_as));
        }
    }
    files.retain(|file| file.file.starts_with('/'));
    files
}

fn at(node: Node<'_>, file: &str, needed_as: FileUse) -> NamedFile {
    NamedFile {
        file: file.to_string(),
        needed_as,
        line: node.line(),
        path: node.path(),
    }
}

fn below<'t>(from: Node<'t>, names: &[&str]) -> Vec<Node<'t>> {
    names.iter().fold(vec![from], |nodes, name| {
        nodes.into_iter().flat_map(|node| node.all(name)).collect()
    })
}
