//! What stands in for Pacemaker: its events, and a `crm_mon` that always shows the same.

use noroshi_daemon::home::Home;
use noroshi_sim::rig::{Cluster, Fallible};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::SystemTime;

/// The words of the alert that [`failed_monitor`] makes.
pub(crate) const FAILED: &str = "Monitoring found a fault of floating IP address vip";

/// Makes each server's directory for Pacemaker, and a `crm_mon` of two nodes with a group on the first.
pub(crate) fn prepare(cluster: &Cluster) -> Fallible<()> {
    for server in 0..cluster.len() {
        let home = cluster.home(server);
        fs::create_dir_all(home.pacemaker())?;
        let Some(root) = home.root() else { continue };
        fs::create_dir_all(root.join("bin"))?;
        let program = root.join("bin/crm_mon");
        fs::write(
            &program,
            "#!/bin/sh\nexec cat \"$NOROSHI_HOME/shown.xml\"\n",
        )?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        fs::write(root.join("shown.xml"), picture())?;
    }
    Ok(())
}

fn picture() -> String {
    let node = |name| {
        format!("<node name=\"{name}\" online=\"true\" unclean=\"false\" expected_up=\"true\"/>")
    };
    format!(
        "<pacemaker-result><summary><current_dc present=\"true\" name=\"sv2\" with_quorum=\"true\"/></summary>\
         <nodes>{}{}</nodes><resources><group id=\"web\" managed=\"true\" disabled=\"false\">\
         <resource id=\"vip\" resource_agent=\"ocf:heartbeat:IPaddr2\" role=\"Started\" active=\"true\">\
         <node name=\"sv1\"/></resource></group></resources><node_history><node name=\"sv1\">\
         <resource_history id=\"vip\"><operation_history call=\"7\" task=\"start\" rc=\"0\" \
         last-rc-change=\"2026-11-22 19:43:32Z\"/></resource_history></node></node_history></pacemaker-result>",
        node("sv1"),
        node("sv2")
    )
}

/// What Pacemaker hands its agent when a monitor on `sv1` has failed.
pub(crate) fn failed_monitor(home: &Home) -> Vec<(&'static str, String)> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap_or_default();
    vec![
        ("CRM_alert_kind", "resource".into()),
        ("CRM_alert_node", "sv1".into()),
        ("CRM_alert_node_sequence", "5".into()),
        ("CRM_alert_rsc", "vip".into()),
        ("CRM_alert_task", "monitor".into()),
        ("CRM_alert_interval", "10000".into()),
        ("CRM_alert_rc", "7".into()),
        ("CRM_alert_target_rc", "0".into()),
        ("CRM_alert_status", "0".into()),
        ("CRM_alert_desc", "not running".into()),
        ("CRM_alert_timestamp_epoch", now.as_secs().to_string()),
        ("CRM_alert_timestamp_usec", now.subsec_micros().to_string()),
        (
            "CRM_alert_recipient",
            home.pacemaker().display().to_string(),
        ),
    ]
}

/// The reports on disk, if each is whole.
pub(crate) fn state(home: &Home) -> Result<String, String> {
    let entries = fs::read_dir(home.pacemaker()).map_err(|error| error.to_string())?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !name.to_string_lossy().ends_with(".report") {
            continue;
        }
        let text = fs::read_to_string(entry.path()).map_err(|error| error.to_string())?;
        if !(text.starts_with('{') && text.ends_with('}')) {
            return Err(format!("half: {text:?}"));
        }
    }
    Ok(String::new())
}
