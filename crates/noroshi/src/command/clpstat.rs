//! `clpstat`: the cluster in the real product's layout, column by column (rule M30).
//!
//! The layout is an interface: scripts read it. So it is the same in both languages, and sections
//! that we know nothing of (monitors; groups without Pacemaker) are left out instead of shown empty.

use super::{Context, status};
use crate::cli::Clpstat;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use noroshi_core::pacemaker::{GroupState, GroupStatus, ResourceStatus};
use noroshi_core::status::{PathStatus, ServerState, ServerStatus};

/// Columns of a server's name with its dots.
const NAME_COLUMNS: usize = 17;

pub(super) fn run(context: &mut Context, options: &Clpstat) -> Result<Exit, Failure> {
    // `-s` names what is shown anyway.
    let _ = options.overview;
    let status = context.status()?;
    if let Some(host) = &options.host {
        let server = context.find(&status, host)?;
        if !server.own {
            let name = &server.name;
            let text = context.pick(
                format!("cannot show the cluster as {name} sees it; run clpstat there"),
                format!(
                    "{name} から見た状態は表示できません。{name} で clpstat を実行してください"
                ),
            );
            return Err(context.failure(Exit::Refused, &text));
        }
    }
    if options.json {
        return status::json(context, &status);
    }
    say!(
        context.out,
        " {}  CLUSTER STATUS  {}",
        "=".repeat(24),
        "=".repeat(27)
    )?;
    say!(context.out, "  Cluster : {}", escaped(&status.cluster))?;
    say!(context.out, "  <server>")?;
    for server in &status.servers {
        say!(context.out, "{}", server_line(server))?;
        for path in &server.paths {
            say!(context.out, "{}", path_line(server, path))?;
        }
    }
    if let Some(pacemaker) = &status.pacemaker {
        say!(context.out, "  <group>")?;
        for group in &pacemaker.groups {
            for line in group_lines(group) {
                say!(context.out, "{line}")?;
            }
        }
    }
    say!(context.out, " {}", "=".repeat(69))?;
    Ok(Exit::Done)
}

fn group_lines(group: &GroupStatus) -> Vec<String> {
    let mut name: String = escaped(&group.name)
        .chars()
        .take(NAME_COLUMNS - 1)
        .collect();
    name.push(' ');
    let comment = match (group.disabled, group.maintenance) {
        (_, true) => "maintenance",
        (true, _) => "stopped by request",
        _ => "",
    };
    let state = group_state(group.state, group.disabled);
    let current = match group.current.as_slice() {
        [] => "None".to_owned(),
        nodes => escaped(&nodes.join(", ")),
    };
    let mut lines = vec![
        format!("    {name:.<NAME_COLUMNS$}: {state:<17}{comment}"),
        format!("      {:<15}: {current}", "current"),
    ];
    // A group of one bears the name of its resource.
    let own = |resource: &ResourceStatus| resource.name == group.name;
    lines.extend(
        group
            .resources
            .iter()
            .filter(|one| !own(one))
            .map(|resource| {
                let name = escaped(&resource.name);
                format!(
                    "      {name:<15}: {:<17}",
                    group_state(resource.state, group.disabled)
                )
            }),
    );
    lines
}

/// In the real product's words.
fn group_state(state: GroupState, disabled: bool) -> &'static str {
    match (state, disabled) {
        (GroupState::Online, _) => "Online",
        (GroupState::Offline, _) => "Offline",
        (GroupState::Pending, false) => "Online Pending",
        (GroupState::Pending, true) => "Offline Pending",
        (GroupState::Failed, false) => "Online Failure",
        (GroupState::Failed, true) => "Offline Failure",
        (GroupState::Unknown, _) => "Unknown",
    }
}

fn server_line(server: &ServerStatus) -> String {
    let mut name: String = escaped(&server.name)
        .chars()
        .take(NAME_COLUMNS - 1)
        .collect();
    name.push(' ');
    let own = if server.own { '*' } else { ' ' };
    let state = match server.state {
        ServerState::Up => "Online",
        ServerState::Stalled => "Caution",
        ServerState::Left | ServerState::Down => "Offline",
        ServerState::Unknown | ServerState::Unseen => "Unknown",
    };
    let comment = comment(server);
    format!("   {own}{name:.<NAME_COLUMNS$}: {state:<17}{comment}")
}

/// Where the real product has a comment: which pushed set the server has, and whether its settings are others
/// than ours.
fn comment(server: &ServerStatus) -> String {
    match (server.set, server.drift) {
        (None, false) => String::new(),
        (None, true) => "settings differ".into(),
        (Some(set), false) => format!("set {set}"),
        (Some(set), true) => format!("set {set}, settings differ"),
    }
}

fn path_line(server: &ServerStatus, path: &PathStatus) -> String {
    let name = escaped(&path.name);
    let state = match path {
        PathStatus { unused: true, .. } => "Unused",
        PathStatus { normal: true, .. } => "Normal",
        // A server that stopped, or was never heard, has nothing wrong with its interconnects.
        _ if matches!(server.state, ServerState::Left | ServerState::Unknown) => "Unknown",
        _ => "Error",
    };
    format!("      {name:<15}: {state:<17}{}", escaped(&path.comment))
}
