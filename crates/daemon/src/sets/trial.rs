//! What a set needs of this host, tried before anybody agrees to it: what fails here keeps it from all.
//!
//! Names of servers are not resolved: a name service that is away now is no reason to refuse the very change
//! that may do without it. Nor are mails or lamps tried: theirs is a trouble of the moment, and told as one.

use super::Sets;
use crate::channel::mail::try_ca_file;
use crate::log;
use crate::{host_files, reload};
use noroshi_conf::{FileUse, NamedFile, Parsed};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

impl Sets {
    /// Opens and closes the sockets that these settings need beside those that are open, and looks at the
    /// files that they name and the present ones do not: what was wrong before is no reason to refuse a
    /// change.
    pub(super) fn try_out(&self, parsed: &Parsed) -> Result<(), String> {
        if let Some(reach) = &self.reach {
            reach.try_out(&parsed.config).map_err(|error| {
                log::language().pick(
                    format!("the interconnects cannot be opened: {error}"),
                    format!("インタコネクトを開けません: {error}"),
                )
            })?;
        }
        let present = self.present_files();
        let is_new = |file: &&NamedFile| {
            let same = |it: &NamedFile| (&it.file, it.needed_as) == (&file.file, file.needed_as);
            !present.iter().any(same)
        };
        let troubles: Vec<String> = parsed
            .files
            .iter()
            .filter(is_new)
            .filter_map(trouble)
            .collect();
        match troubles.is_empty() {
            true => Ok(()),
            false => Err(troubles.join("\n")),
        }
    }

    fn present_files(&self) -> Vec<NamedFile> {
        let bytes = reload::bytes(&self.home.conf()).unwrap_or_default();
        let mut open = |path: &str, text: &str| self.home.open_secret(path, text);
        let parsed = noroshi_conf::read_with(&bytes, &mut open);
        parsed.map(|parsed| parsed.files).unwrap_or_default()
    }
}

fn trouble(named: &NamedFile) -> Option<String> {
    if let Some(finding) = host_files::trouble(named) {
        return Some(finding.one_line(log::language()));
    }
    let why = match named.needed_as {
        FileUse::Program => None,
        FileUse::Authorities => try_ca_file(&named.file).err(),
        FileUse::Certificate => try_certificate(&named.file).err(),
        FileUse::Key => try_key(&named.file).err(),
    }?;
    Some(format!("{}: {why}", named.path))
}

/// Whether the console could show the certificate in this file.
fn try_certificate(file: &str) -> Result<(), String> {
    let chain =
        CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(()),
        Ok(_) => Err(log::language().pick(
            format!("no certificate in PEM form in {file}"),
            format!("{file} に PEM 形式の証明書がありません"),
        )),
        Err(error) => Err(log::language().pick(
            format!("the certificate in {file} cannot be read: {error}"),
            format!("{file} の証明書を読み込めません: {error}"),
        )),
    }
}

/// Whether there is a key in this file. It is not shown.
fn try_key(file: &str) -> Result<(), String> {
    let read = PrivateKeyDer::from_pem_file(file);
    read.map(drop).map_err(|error| {
        log::language().pick(
            format!("the key in {file} cannot be read: {error}"),
            format!("{file} の鍵を読み込めません: {error}"),
        )
    })
}
