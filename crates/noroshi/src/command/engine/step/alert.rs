//! Our alert in Pacemaker's configuration, which is the whole cluster's.

use super::Former;
use crate::command::engine::host::run;
use std::io;
use std::path::Path;

/// Id of our alert, and prefix of what belongs to it.
const ALERT: &str = "noroshi";

/// The section with our alert: every node calls `agent`, and hands it `dir`.
pub(super) fn section(agent: &Path, dir: &Path) -> String {
    let (agent, dir) = (agent.display().to_string(), dir.display().to_string());
    let (agent, dir) = (escaped(&agent), escaped(&dir));
    format!(
        "<alerts><alert id=\"{ALERT}\" path=\"{agent}\"><meta_attributes id=\"{ALERT}-meta\">\
         <nvpair id=\"{ALERT}-timeout\" name=\"timeout\" value=\"15s\"/></meta_attributes>\
         <recipient id=\"{ALERT}-dir\" value=\"{dir}\"/></alert></alerts>"
    )
}

/// Whether our alert, as Pacemaker has it, is this one.
pub(super) fn is_this(found: &str, agent: &Path, dir: &Path) -> bool {
    let named = |path: &Path| format!("\"{}\"", escaped(&path.display().to_string()));
    found.contains(&named(agent)) && found.contains(&named(dir))
}

/// Our alert as Pacemaker has it.
pub(super) fn found() -> io::Result<Option<String>> {
    let configuration = run("cibadmin", &["-Q", "-o", "configuration"])?;
    Ok(alert_in(&configuration).map(str::to_owned))
}

/// What there was before.
pub(super) fn former() -> io::Result<Former> {
    Ok(found()?.map_or(Former::Nothing, Former::Text))
}

/// Adds our alert, or changes it.
pub(super) fn create(section: &str) -> io::Result<()> {
    let arguments = ["-o", "configuration", "-M", "--allow-create", "-X", section];
    run("cibadmin", &arguments).map(drop)
}

/// Puts back what there was.
pub(super) fn replace(former: &str) -> io::Result<()> {
    delete()?;
    create(&format!("<alerts>{former}</alerts>"))
}

/// Removes our alert.
pub(super) fn delete() -> io::Result<()> {
    let ours = format!("<alert id=\"{ALERT}\"/>");
    run("cibadmin", &["-o", "alerts", "-D", "-X", &ours]).map(drop)
}

/// Our alert among others.
fn alert_in(configuration: &str) -> Option<&str> {
    let start = configuration.find(&format!("<alert id=\"{ALERT}\""))?;
    let rest = &configuration[start..];
    // Without recipients and settings it has no end of its own.
    let opening = rest.find('>')?;
    if rest[..opening].ends_with('/') {
        return Some(&rest[..=opening]);
    }
    let end = rest.find("</alert>")?;
    Some(&rest[..end + "</alert>".len()])
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N3
    #[test]
    fn our_alert_is_found_among_others() {
        let (agent, dir) = (Path::new("/usr/bin/a\"b"), Path::new("/var/lib/x"));
        let section = section(agent, dir);
        assert!(section.contains("a&quot;b"));
        let ours = section.trim_start_matches("<alerts>");
        let ours = ours.trim_end_matches("</alerts>");
        let other = "<alert id=\"other\" path=\"/x\"/>";
        let all = format!("<cib><alerts>{other}{ours}{other}</alerts></cib>");
        assert_eq!(alert_in(&all), Some(ours));
        assert!(is_this(ours, agent, dir));
        assert!(!is_this(ours, Path::new("/usr/bin/b"), dir));
        let bare = "<alert id=\"noroshi\" path=\"/x\"/>";
        let all = format!("<alerts>{bare}{other}</alerts>");
        assert_eq!(alert_in(&all), Some(bare));
        assert!(!is_this(bare, agent, dir));
        assert_eq!(alert_in("<cib/>"), None);
    }
}
