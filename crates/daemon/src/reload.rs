//! Signals and the settings file: SIGHUP takes new settings, SIGTERM and SIGINT stop cleanly.

use crate::control::Asked;
use crate::home::Home;
use crate::inbox::Inbox;
use noroshi_conf::charset::FILE_BYTES_MAX;
use noroshi_conf::finding::Finding;
use noroshi_core::config::Config;
use noroshi_core::event::Event;
use noroshi_core::request::Request;
use std::fs::File;
use std::io::Read;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

/// Most findings that an alert about faulty settings quotes; `noroshi check` shows all.
const FINDINGS_QUOTED_MAX: usize = 3;

/// Why there are no settings.
#[derive(Debug)]
pub enum SettingsError {
    /// The file cannot be read; the text names it and says why.
    Unreadable(String),
    /// All that is wrong with it.
    Faulty(Vec<Finding>),
}

/// Reads the home's clp.conf. Warnings go to the daemon's log.
///
/// # Errors
/// When the file cannot be read or is faulty.
pub(crate) fn read(home: &Home) -> Result<Config, SettingsError> {
    let path = home.conf();
    let mut bytes = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| SettingsError::Unreadable(format!("{}: {error}", path.display())))?;
    let mut open = |path: &str, text: &str| home.open_secret(path, text);
    let parsed = noroshi_conf::read_with(&bytes, &mut open).map_err(SettingsError::Faulty)?;
    for warning in &parsed.warnings {
        eprintln!("{warning}");
    }
    Ok(parsed.config)
}

/// Turns signals into events and requests until the daemon ends.
pub(crate) async fn signals(home: Home, server: String, ask: mpsc::Sender<Asked>, inbox: Inbox) {
    let kinds = [
        SignalKind::terminate(),
        SignalKind::interrupt(),
        SignalKind::hangup(),
    ];
    let [Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)] = kinds.map(signal) else {
        eprintln!("noroshi: signals cannot be caught; stop with `clpcl -t`");
        return;
    };
    loop {
        tokio::select! {
            _ = terminate.recv() => stop(&server, "SIGTERM", &ask).await,
            _ = interrupt.recv() => stop(&server, "SIGINT", &ask).await,
            _ = hangup.recv() => {
                let config = read(&home).map(Box::new).map_err(|error| quote(&error));
                let source = home.conf().display().to_string();
                let _ = inbox.send(Event::Configure { source, config }).await;
            }
        }
    }
}

async fn stop(server: &str, by: &str, ask: &mpsc::Sender<Asked>) {
    let request = Request::Stop {
        server: Some(server.to_string()),
        by: by.to_string(),
    };
    let (place, _) = oneshot::channel();
    let _ = ask.send(Asked::Change(request, place)).await;
}

fn quote(error: &SettingsError) -> String {
    let findings = match error {
        SettingsError::Unreadable(text) => return text.clone(),
        SettingsError::Faulty(findings) => findings,
    };
    let errors = findings
        .iter()
        .take(FINDINGS_QUOTED_MAX)
        .map(ToString::to_string);
    let mut text = errors.collect::<Vec<_>>().join(" | ");
    if findings.len() > FINDINGS_QUOTED_MAX {
        text.push_str(&format!(
            " (and {} more: noroshi check)",
            findings.len() - FINDINGS_QUOTED_MAX
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::key::random_key;
    use noroshi_core::config::LampKind;

    const PATH: &str = "/root/noroshi/lamp@sv1/password";

    fn conf(password: &str) -> String {
        format!(
            "<root><cluster><name>c</name><dn1000s><use>1</use></dn1000s></cluster>\
             <server name='sv1'><priority>0</priority>\
             <device id='0'><type>lan</type><info>10.0.0.1</info></device>\
             <device id='20000'><type>dn1500gl</type><info>10.9.0.1</info></device></server>\
             <noroshi><lamp name='sv1'><password>{password}</password></lamp></noroshi></root>"
        )
    }

    /// Rule: N18
    #[test]
    fn the_daemon_opens_the_sealed_secrets_of_its_home() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        std::fs::create_dir(home.etc()).unwrap();
        home.write_key(&random_key().unwrap(), false).unwrap();
        let sealed = home.seal_secret(PATH, "hunter2").unwrap();
        std::fs::write(home.conf(), conf(&sealed)).unwrap();
        let config = read(&home).unwrap_or_else(|error| panic!("{}", quote(&error)));
        let password = match &config.lamps[0].kind {
            LampKind::IsaRsh { password, .. } | LampKind::IsaTcp { password } => password,
            other => panic!("{other:?}"),
        };
        assert_eq!(password.as_ref().map(|p| p.reveal()), Some("hunter2"));
        // With another key the file is refused, and the secret not sent as it stands.
        home.write_key(&random_key().unwrap(), true).unwrap();
        let error = read(&home).map_or_else(|error| quote(&error), |_| String::new());
        assert!(
            error.contains(PATH) && error.contains("set-secret"),
            "{error}"
        );
    }
}
