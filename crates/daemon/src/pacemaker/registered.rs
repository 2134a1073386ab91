//! Whether Pacemaker would call our alert agent: its configuration, and what that names on this host.
//!
//! *Use.* [`watch`] in the daemon, beside the reports; [`trouble`] for `noroshi check`, which has asked by itself.
//! *Failure.* A configuration that cannot be read says nothing: that Pacemaker does not run is told elsewhere.

use super::look;
use crate::inbox::Inbox;
use noroshi_conf::cib_alerts::{self, CibAlert};
use noroshi_core::event::{Event, FromPacemaker};
use noroshi_core::pacemaker::AgentTrouble;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

/// The program that shows the configuration.
pub const PROGRAM: &str = "cibadmin";
/// Its options; the section with the alerts alone is an error where there are none.
pub const ARGUMENTS: [&str; 3] = ["-Q", "-o", "configuration"];
/// How often the configuration is looked at: a process each time, so seldom.
const LOOK_EVERY: Duration = Duration::from_secs(600);
/// The same while something is wrong, or nothing is known: whoever has mended it wants to see so.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// The name that the agent is called by, where the alert has another id.
const AGENT: &str = "noroshi-pacemaker-alert";
/// The id that the set-up gives the alert.
const ALERT: &str = "noroshi";

/// Looks now and then, and says what it finds; for ever.
pub(super) async fn watch(dir: std::path::PathBuf, inbox: Inbox) {
    loop {
        let output = look::output(PROGRAM, &ARGUMENTS).await;
        let to = dir.clone();
        let judged = tokio::task::spawn_blocking(move || trouble(&output.ok()?, &to).ok());
        let found = judged.await.ok().flatten();
        let wait = match &found {
            Some(None) => LOOK_EVERY,
            _ => LOOK_AGAIN,
        };
        if let Some(trouble) = found {
            let event = Event::Pacemaker(Box::new(FromPacemaker::Agent(trouble)));
            let _ = inbox.send(event).await;
        }
        tokio::time::sleep(wait).await;
    }
}

/// What is wrong with the agent: `configuration` as [`PROGRAM`] prints it, `dir` where this host's service reads.
///
/// # Errors
/// When that is no configuration.
pub fn trouble(configuration: &str, dir: &Path) -> Result<Option<AgentTrouble>, String> {
    let alerts = cib_alerts::read(configuration)?;
    let is_ours = |alert: &&CibAlert| {
        let name = Path::new(&alert.path).file_name();
        alert.id == ALERT || name.is_some_and(|name| name == AGENT)
    };
    let ours: Vec<&CibAlert> = alerts.iter().filter(is_ours).collect();
    let troubles: Vec<_> = ours.iter().map(|alert| of_alert(alert, dir)).collect();
    // One that works is enough.
    match troubles.iter().any(Option::is_none) {
        true => Ok(None),
        false => Ok(troubles
            .into_iter()
            .next()
            .unwrap_or(Some(AgentTrouble::NotRegistered))),
    }
}

fn of_alert(alert: &CibAlert, dir: &Path) -> Option<AgentTrouble> {
    let no_program = |why: String| {
        let path = alert.path.clone();
        Some(AgentTrouble::NoProgram { path, why })
    };
    match Path::new(&alert.path).metadata() {
        Err(error) => return no_program(error.to_string()),
        Ok(found) if !found.is_file() => return no_program("not a file".into()),
        Ok(found) => {
            let roots = (found.uid(), found.gid()) == (0, 0);
            let run = if roots { 0o001 } else { 0o111 };
            if found.permissions().mode() & run == 0 {
                return no_program("not executable for Pacemaker's user".into());
            }
        }
    }
    // Without one it is the home's own directory.
    let named = alert
        .recipients
        .iter()
        .filter(|value| value.starts_with('/'));
    let named: Vec<&String> = named.collect();
    if !named.is_empty() && !named.iter().any(|value| is_same(Path::new(value), dir)) {
        return Some(AgentTrouble::Elsewhere {
            named: named[0].clone(),
            read: dir.display().to_string(),
        });
    }
    // The set-up gives it to Pacemaker's user; by whatever means he may write, root's alone he may not.
    let closed = dir.metadata().is_ok_and(|found| {
        let mode = found.permissions().mode();
        let owner = found.uid() != 0 && mode & 0o300 == 0o300;
        !owner && mode & 0o030 != 0o030 && mode & 0o003 != 0o003
    });
    closed.then(|| AgentTrouble::Closed {
        path: dir.display().to_string(),
    })
}

/// The same directory, by whatever name.
fn is_same(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| path.metadata().ok().map(|found| (found.dev(), found.ino()));
    one == other || (id(one).is_some() && id(one) == id(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, create_dir, set_permissions, write};

    /// Rule: N3 N21
    #[test]
    fn what_keeps_calls_from_arriving_is_found_in_the_configuration_and_on_the_host() {
        let home = tempfile::tempdir().unwrap();
        let [agent, dir, other] = ["agent", "spool", "other"].map(|name| home.path().join(name));
        write(&agent, "").unwrap();
        create_dir(&dir).unwrap();
        set_permissions(&dir, Permissions::from_mode(0o2770)).unwrap();
        let of = |id: &str, path: &Path, recipient: &Path| {
            let (path, recipient) = (path.display(), recipient.display());
            format!(
                "<alert id=\"{id}\" path=\"{path}\"><recipient id=\"r\" value=\"{recipient}\"/></alert>"
            )
        };
        let judge = |alerts: &str| {
            let all = format!("<configuration><alerts>{alerts}</alerts></configuration>");
            trouble(&all, &dir).unwrap()
        };
        assert_eq!(judge(""), Some(AgentTrouble::NotRegistered));
        let foreign = of("mail", Path::new("/usr/bin/mail"), &dir);
        assert_eq!(judge(&foreign), Some(AgentTrouble::NotRegistered));
        let ours = of("noroshi", &agent, &dir);
        let no_program = |why: &str| {
            Some(AgentTrouble::NoProgram {
                path: agent.display().to_string(),
                why: why.into(),
            })
        };
        let plain = no_program("not executable for Pacemaker's user");
        set_permissions(&agent, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(judge(&ours), plain);
        set_permissions(&agent, Permissions::from_mode(0o755)).unwrap();
        assert_eq!(judge(&ours), None);
        assert_eq!(judge(&format!("{foreign}{ours}")), None);
        // By hand, under another id, and without a recipient.
        let link = home.path().join(AGENT);
        std::os::unix::fs::symlink(&agent, &link).unwrap();
        let bare = format!("<alert id=\"x\" path=\"{}\"/>", link.display());
        assert_eq!(judge(&bare), None);
        let elsewhere = judge(&of("noroshi", &agent, &other));
        assert!(matches!(elsewhere, Some(AgentTrouble::Elsewhere { .. })));
        let gone = judge(&of("noroshi", &other, &dir));
        assert!(matches!(gone, Some(AgentTrouble::NoProgram { .. })));
        set_permissions(&dir, Permissions::from_mode(0o500)).unwrap();
        assert!(matches!(judge(&ours), Some(AgentTrouble::Closed { .. })));
        assert!(trouble("cannot connect", &dir).is_err());
    }
}
