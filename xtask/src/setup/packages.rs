//! The packages that the tests use: one table.

use crate::tool;
use std::path::Path;

/// One package of Debian and Ubuntu.
pub(super) struct Package {
    /// Its name.
    pub(super) name: &'static str,
    /// What tells that it is there.
    sign: Sign,
    /// The tests that need it.
    pub(super) reason: &'static str,
}

/// What tells that a package is there: quicker than asking dpkg, and right on other systems too.
enum Sign {
    /// Programs.
    Programs(&'static [&'static str]),
    /// A library below `/usr/lib/ARCHITECTURE/`.
    Library(&'static str),
    /// Something below `/usr/share/`.
    Shared(&'static str),
    /// A module of Python's own.
    Module(&'static str),
}

use Sign::{Library, Module, Programs, Shared};

/// Everything that is installed; `netkit.rs` has one more, which is only unpacked.
pub(super) const PACKAGES: &[Package] = &[
    Package {
        name: "postfix",
        sign: Programs(&["postfix", "smtp-sink"]),
        reason: "mail through a real SMTP server and its counting sink",
    },
    Package {
        name: "sasl2-bin",
        sign: Programs(&["saslpasswd2"]),
        reason: "SMTP sign-in: the accounts of the real server",
    },
    Package {
        name: "libsasl2-modules",
        sign: Library("sasl2/libplain.so"),
        reason: "SMTP sign-in: PLAIN, LOGIN and CRAM-MD5 on the real server",
    },
    Package {
        name: "openssl",
        sign: Programs(&["openssl"]),
        reason: "SMTP over TLS: certificates good and bad; signatures of licences",
    },
    Package {
        name: "snmpd",
        sign: Programs(&["snmpd"]),
        reason: "lamps by SNMP against a real agent",
    },
    Package {
        name: "snmp",
        sign: Programs(&["snmpget", "snmpset"]),
        reason: "the simulated SNMP lamp, asked by a real client",
    },
    Package {
        name: "rsyslog",
        sign: Programs(&["rsyslogd"]),
        reason: "alerts to a real syslog daemon",
    },
    Package {
        name: "rsh-redone-server",
        sign: Programs(&["in.rshd"]),
        reason: "lamps by rsh against a real server",
    },
    Package {
        name: "nftables",
        sign: Programs(&["nft"]),
        reason: "packet loss and silent cuts between real daemons",
    },
    Package {
        name: "iproute2",
        sign: Programs(&["ip"]),
        reason: "real daemons in network namespaces",
    },
    Package {
        name: "corosync",
        sign: Programs(&["corosync", "corosync-cfgtool"]),
        reason: "the Corosync engine on a real ring",
    },
    Package {
        name: "corosync-notifyd",
        sign: Programs(&["corosync-notifyd"]),
        reason: "the bench of the Corosync engine: its traps beside our notices",
    },
    Package {
        name: "man-db",
        sign: Programs(&["man"]),
        reason: "man pages, shown by the real program",
    },
    Package {
        name: "groff-base",
        sign: Programs(&["groff"]),
        reason: "man pages without a warning",
    },
    Package {
        name: "mandoc",
        sign: Programs(&["mandoc"]),
        reason: "man pages without a fault",
    },
    Package {
        name: "zsh",
        sign: Programs(&["zsh"]),
        reason: "completions in the real shell",
    },
    Package {
        name: "fish",
        sign: Programs(&["fish"]),
        reason: "completions in the real shell",
    },
    Package {
        name: "procps",
        sign: Programs(&["ps"]),
        reason: "real daemons: nothing of them is left over",
    },
    Package {
        name: "dosfstools",
        sign: Programs(&["mkfs.vfat"]),
        reason: "floppies in DOS format to read configurations from",
    },
    Package {
        name: "mtools",
        sign: Programs(&["mcopy"]),
        reason: "the files on these floppies",
    },
    Package {
        name: "pacemaker",
        sign: Programs(&["pacemakerd"]),
        reason: "the Corosync engine: groups of a real cluster",
    },
    Package {
        name: "pacemaker-cli-utils",
        sign: Programs(&["crm_mon", "cibadmin"]),
        reason: "the Corosync engine: a real cluster is looked at and set up",
    },
    Package {
        name: "resource-agents",
        sign: Programs(&["ocf-tester"]),
        reason: "the Corosync engine: resources of a real cluster",
    },
    Package {
        name: "chromium",
        sign: Programs(&["chromium"]),
        reason: "the console in a real browser",
    },
    Package {
        name: "chromium-driver",
        sign: Programs(&["chromedriver"]),
        reason: "the console in a real browser",
    },
    Package {
        name: "fonts-ipafont-gothic",
        sign: Shared("fonts/opentype/ipafont-gothic"),
        reason: "Japanese pages in a real browser",
    },
    Package {
        name: "npm",
        sign: Programs(&["npm"]),
        reason: "fetching axe-core",
    },
    Package {
        name: "nmap",
        sign: Programs(&["nmap"]),
        reason: "the ciphers that the console's TLS takes",
    },
    Package {
        name: "curl",
        sign: Programs(&["curl"]),
        reason: "the console's API by a real client",
    },
    Package {
        name: "python3-venv",
        sign: Module("ensurepip"),
        reason: "schemathesis, and with it the console's API against its description",
    },
];

/// The packages of the table that this host lacks.
pub(super) fn absent() -> Vec<&'static Package> {
    PACKAGES
        .iter()
        .filter(|package| !is_there(&package.sign))
        .collect()
}

fn is_there(sign: &Sign) -> bool {
    match sign {
        Programs(names) => names.iter().all(|name| tool::program(name).is_some()),
        Library(path) => library(Path::new("/usr/lib"), path),
        Module(name) => module(name),
        Shared(path) => Path::new("/usr/share").join(path).exists(),
    }
}

/// Whether Python has this module; Debian splits its own into packages.
fn module(name: &str) -> bool {
    tool::program("python3").is_some_and(|python| {
        let mut command = std::process::Command::new(python);
        command.args(["-c", &format!("import {name}")]);
        command.stderr(std::process::Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}

/// Whether `path` is a file below one of the folders of `libraries`: each architecture has its own.
fn library(libraries: &Path, path: &str) -> bool {
    let folders = std::fs::read_dir(libraries)
        .into_iter()
        .flatten()
        .map_while(Result::ok);
    folders
        .map(|folder| folder.path().join(path))
        .any(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_no_host_has_is_absent() {
        assert!(!is_there(&Programs(&["sh", "no-such-program"])));
        assert!(is_there(&Programs(&["sh"])));
    }

    #[test]
    fn each_package_stands_in_the_table_once() {
        for (at, package) in PACKAGES.iter().enumerate() {
            assert!(
                !PACKAGES[at + 1..]
                    .iter()
                    .any(|other| other.name == package.name)
            );
        }
    }

    #[test]
    fn a_library_is_found_below_any_architecture() {
        let lib = std::env::temp_dir().join(format!("xtask-lib-{}", std::process::id()));
        std::fs::create_dir_all(lib.join("some-arch/sasl2")).unwrap();
        assert!(!library(&lib, "sasl2/a.so"));
        std::fs::write(lib.join("some-arch/sasl2/a.so"), "").unwrap();
        assert!(library(&lib, "sasl2/a.so"));
        std::fs::remove_dir_all(lib).unwrap();
    }
}
