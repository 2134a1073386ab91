//! An issuer's desk and a customer's server.

#![allow(dead_code, reason = "each test file uses its part")]

use crate::common::*;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// An issuer with a signer, and a customer's server of a cluster of two.
pub(crate) struct Desk {
    pub(crate) dir: tempfile::TempDir,
}

const CONF: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<root>
  <cluster><name>shop</name></cluster>
  <heartbeat><lanhb name="lanhb1"><priority>0</priority><device>0</device></lanhb></heartbeat>
  <server name="server1"><priority>0</priority>
    <device id="0"><type>lan</type><info>10.0.0.1</info></device>
  </server>
  <server name="server2"><priority>1</priority>
    <device id="0"><type>lan</type><info>10.0.0.2</info></device>
  </server>
</root>
"#;

impl Desk {
    pub(crate) fn open() -> Desk {
        let desk = Desk {
            dir: tempfile::tempdir().unwrap(),
        };
        for place in ["issuer", "home/etc"] {
            std::fs::create_dir_all(desk.path(place)).unwrap();
        }
        std::fs::write(desk.path("home/etc/clp.conf"), CONF).unwrap();
        let made = desk.licence(&["signer", "new"]);
        assert_eq!(made.code, 0, "{made:?}");
        desk.give("licence-signer.pub");
        desk
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// Copies one of the issuer's files to the server.
    pub(crate) fn give(&self, name: &str) {
        let to = self.path("home/etc").join(name);
        std::fs::copy(self.path("issuer").join(name), to).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command_in(&self.path("home"), arguments);
        command.current_dir(self.path("issuer"));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments), self.dir.path())
    }

    pub(crate) fn licence(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["licence"], arguments].concat())
    }

    pub(crate) fn issue(&self, arguments: &[&str]) {
        let issued = self.licence(&[&["issue"], arguments].concat());
        assert_eq!(issued.code, 0, "{issued:?}");
    }

    /// `clplcnsc -i` with the answers on a pipe.
    pub(crate) fn ask(&self, answers: &str) -> Ran {
        let input = self.path("answers");
        std::fs::write(&input, answers).unwrap();
        let mut command = self.command(&["clplcnsc", "-i", "-p", "ALRT10"]);
        command.stdin(std::fs::File::open(input).unwrap());
        ran(command, self.dir.path())
    }

    /// Serial number and key of a sheet.
    pub(crate) fn sheet(&self, name: &str) -> (String, String) {
        let text = std::fs::read_to_string(self.path("issuer").join(name)).unwrap();
        let field = |field: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(field));
            line.unwrap().to_owned()
        };
        (field("serial number: "), field("licence key: "))
    }

    pub(crate) fn mode(&self, below: &str) -> u32 {
        let place = std::fs::metadata(self.path(below)).unwrap();
        place.permissions().mode() & 0o777
    }
}

pub(crate) fn ended(ran: &Ran, code: i32, words: &str) {
    assert_eq!(ran.code, code, "{ran:?}");
    assert!(ran.err.contains(words), "{words}: {ran:?}");
}
