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
