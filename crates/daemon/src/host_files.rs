//! The files of this host that settings name: whether they are what they are named for.
//!
//! *Use.* By the check of a clp.conf, and before a set is agreed to. *Failure.* None: that a file cannot be looked at
//! is a finding like any other.

use noroshi_conf::{FileUse, Finding, HostFileTrouble, NamedFile, Problem, Severity};
use std::os::unix::fs::PermissionsExt;
use std::{fs, io};

/// A warning when a file that the settings name cannot be used on this host.
pub fn trouble(named: &NamedFile) -> Option<Finding> {
    let why = match fs::metadata(&named.file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => HostFileTrouble::Missing,
        Err(error) => HostFileTrouble::Hidden(error.to_string()),
        Ok(meta) if !meta.is_file() => HostFileTrouble::NotAFile,
        Ok(meta)
            if named.needed_as == FileUse::Program && meta.permissions().mode() & 0o111 == 0 =>
        {
            HostFileTrouble::NotExecutable
        }
        Ok(_) => return None,
    };
    Some(Finding {
        severity: Severity::Warning,
        line: named.line,
        path: named.path.clone(),
        value: named.file.clone(),
        problem: Problem::NotOnThisHost { why },
    })
}
