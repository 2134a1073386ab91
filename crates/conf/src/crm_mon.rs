//! What `crm_mon --output-as=xml` prints, as a [`Picture`].
//!
//! *Use.* [`read`], with the output of `TZ=UTC crm_mon -1 --output-as=xml`; its times are without a zone in
//! older releases. *Failure.* Text that is no such output, or beyond a bound, is refused whole; an element or
//! attribute that is missing or unknown is left out, since releases differ.

use noroshi_core::alert::tidy_within;
use noroshi_core::pacemaker::{
    Change, Failure, Group, GroupKind, Member, NAME_BYTES_MAX, PacemakerNode, Past, Picture, Sort,
};
use noroshi_core::time::WallTime;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// Most output that is read, in bytes; 32 nodes with 1,000 resources each make some 5 MB of history, a
/// cluster of the usual size some 20 kB.
pub const OUTPUT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Deepest nesting; real output has 5.
const DEPTH_MAX: usize = 32;
/// Most nodes, groups, resources and operations each; what is beyond is left out.
const ITEMS_MAX: usize = 16_384;
/// Longest reason of a failure that is kept.
const WHY_BYTES_MAX: usize = 256;

/// Reads the output of `crm_mon`.
///
/// # Errors
/// When it is none; the text says why.
pub fn read(output: &str) -> Result<Picture, String> {
    if output.len() > OUTPUT_BYTES_MAX {
        return Err(format!("more than {OUTPUT_BYTES_MAX} bytes"));
    }
    let mut reader = Reader::from_str(output);
    let mut reading = Reading::default();
    loop {
        let at = reader.buffer_position();
        let event = reader.read_event();
        match event.map_err(|error| format!("at byte {at}: {error}"))? {
            Event::Start(tag) => reading.open(&tag)?,
            Event::Empty(tag) => {
                reading.open(&tag)?;
                reading.close();
            }
            Event::End(_) => reading.close(),
            Event::Eof => return reading.finish(),
            _ => {}
        }
    }
}

/// The error that `crm_mon` prints instead, such as that there is no cluster here.
pub fn error(output: &str) -> Option<String> {
    let (_, rest) = output.split_once("<error>")?;
    let (words, _) = rest.split_once("</error>")?;
    let words = words
        .trim()
        .trim_start_matches("crm_mon: ")
        .trim_start_matches("Error: ");
    let plain = words
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    Some(tidy_within(&plain, WHY_BYTES_MAX))
}

#[derive(Default)]
struct Reading {
    path: Vec<String>,
    picture: Picture,
    /// The resource that is open.
    member: Option<Member>,
    /// Of the open clone or bundle: how many instances have begun, and where the open one's resources begin.
    instance: (usize, usize),
    /// The node and resource whose history is open.
    history: (String, String),
    known: bool,
}

/// The attributes of a tag.
struct Attributes(Vec<(String, String)>);

impl Attributes {
    fn of(tag: &BytesStart<'_>) -> Result<Attributes, String> {
        let mut all = Vec::new();
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let key = attribute.key.as_ref().to_owned();
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            all.push((key, value.map_err(|error| error.to_string())?.into_owned()));
        }
        Ok(Attributes(all))
    }

    fn get(&self, key: &str) -> &str {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map_or("", |(_, value)| value)
    }

    fn name(&self, key: &str) -> String {
        tidy_within(self.get(key), NAME_BYTES_MAX)
    }

    fn is(&self, key: &str) -> bool {
        self.get(key) == "true"
    }

    fn is_not(&self, key: &str) -> bool {
        self.get(key) == "false"
    }
}

impl Reading {
    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), String> {
        if self.path.len() >= DEPTH_MAX {
            return Err(format!("nested deeper than {DEPTH_MAX}"));
        }
        let name = tag.name().as_ref().to_owned();
        let attributes = Attributes::of(tag)?;
        let parent = self.path.last().map_or("", String::as_str).to_owned();
        self.known |= self.path.is_empty() && ["pacemaker-result", "crm_mon"].contains(&&*name);
        let inside = |place: &str| self.path.iter().any(|one| one == place);
        if inside("resources") {
            self.resource(&name, &parent, &attributes);
        } else if inside("node_history") {
            self.past(&name, &attributes);
        } else {
            self.rest(&name, &parent, &attributes);
        }
        self.path.push(name);
        Ok(())
    }

    fn close(&mut self) {
        match self.path.pop().as_deref() {
            Some("resource") => {
                if let (Some(member), Some(group)) =
                    (self.member.take(), self.picture.groups.last_mut())
                    && group.members.len() < ITEMS_MAX
                {
                    group.members.push(member);
                }
            }
            Some("replica") => self.house(),
            _ => {}
        }
    }

    /// What runs inside a container names the container as its node; it runs where the container does.
    fn house(&mut self) {
        let nodes = &self.picture.nodes;
        let Some(group) = self.picture.groups.last_mut() else {
            return;
        };
        let replica = group.members.get_mut(self.instance.1..).unwrap_or_default();
        let is_host = |name: &String| nodes.iter().any(|node| node.name == *name);
        let hosts = replica.iter().flat_map(|member| &member.nodes);
        let host = hosts.into_iter().find(|name| is_host(name)).cloned();
        for member in replica {
            if !member.nodes.iter().all(is_host) {
                member.nodes = host.clone().into_iter().collect();
            }
        }
    }

    fn finish(mut self) -> Result<Picture, String> {
        if !self.known || !self.path.is_empty() {
            return Err("not the output of crm_mon --output-as=xml".into());
        }
        for group in &mut self.picture.groups {
            group.disabled |=
                !group.members.is_empty() && group.members.iter().all(|member| member.disabled);
            group.managed &= !group.members.is_empty();
        }
        Ok(self.picture)
    }

    fn rest(&mut self, name: &str, parent: &str, of: &Attributes) {
        let picture = &mut self.picture;
        match (parent, name) {
            (_, "current_dc") => {
                picture.decider = of.is("present").then(|| of.name("name"));
                picture.quorum = of.is("with_quorum");
            }
            (_, "last_change") => {
                picture.change = Some(Change {
                    at: time(of.get("time")),
                    user: of.name("user"),
                    client: of.name("client"),
                    origin: of.name("origin"),
                });
            }
            (_, "cluster_options") => {
                picture.fencing = of.is("stonith-enabled");
                picture.maintenance = of.is("maintenance-mode");
            }
            // A container of a bundle counts as a node for what runs inside it; it is no server.
            ("nodes", "node") if !of.get("id_as_resource").is_empty() => {}
            ("nodes", "node") if picture.nodes.len() < ITEMS_MAX => {
                let online = of.is("online");
                // As long as its Corosync runs a node that has left is online and pending, as one that joins.
                let out = !online || of.is("pending");
                picture.nodes.push(PacemakerNode {
                    name: of.name("name"),
                    online,
                    pending: of.is("pending"),
                    unclean: of.is("unclean"),
                    standby: of.is("standby") || of.is("standby_onfail"),
                    maintenance: of.is("maintenance"),
                    leaving: of.is("shutdown") || (out && of.is_not("expected_up")),
                    remote: of.get("type") == "remote",
                });
            }
            ("failures", "failure") if picture.failures.len() < ITEMS_MAX => {
                picture.failures.push(failure(of));
            }
            (_, "fence_event")
                if of.get("status") == "pending" && picture.being_fenced.len() < ITEMS_MAX =>
            {
                picture.being_fenced.push(of.name("target"));
            }
            _ => {}
        }
    }

    fn resource(&mut self, name: &str, parent: &str, of: &Attributes) {
        let room = self.picture.groups.len() < ITEMS_MAX;
        if parent == "resources" && room {
            let kind = match name {
                "clone" if of.is("multi_state") => GroupKind::Promotable,
                "clone" => GroupKind::Clone,
                // A bundle of one container is a group like any other.
                _ => GroupKind::Single,
            };
            self.instance = (0, 0);
            self.picture.groups.push(Group {
                name: of.name("id"),
                kind,
                disabled: of.is("disabled") || is_stopped(of),
                managed: !of.is_not("managed"),
                members: Vec::new(),
            });
        }
        if ["clone", "bundle"].contains(&parent) && ["resource", "group", "replica"].contains(&name)
        {
            let members = self
                .picture
                .groups
                .last()
                .map_or(0, |group| group.members.len());
            self.instance = (self.instance.0 + 1, members);
            if let Some(group) = self.picture.groups.last_mut()
                && (parent, self.instance.0) == ("bundle", 2)
            {
                group.kind = GroupKind::Clone;
            }
        }
        match name {
            "resource" => {
                let role = of.name("role");
                let active = of.is("active");
                self.member = Some(Member {
                    name: of.name("id"),
                    sort: sort(of.get("resource_agent")),
                    // `Starting`, `Stopping`, `Promoting` …
                    busy: role.ends_with("ing") || !of.get("pending").is_empty(),
                    role,
                    active,
                    failed: of.is("failed"),
                    blocked: of.is("blocked"),
                    disabled: is_stopped(of),
                    unmanaged: of.is_not("managed"),
                    instance: self.instance.0,
                    nodes: Vec::new(),
                });
            }
            "node" => {
                if let Some(member) = self.member.as_mut().filter(|one| one.nodes.len() < 64) {
                    member.nodes.push(of.name("name"));
                }
            }
            _ => {}
        }
    }

    fn past(&mut self, name: &str, of: &Attributes) {
        match name {
            "node" => self.history = (of.name("name"), String::new()),
            "resource_history" => self.history.1 = of.name("id"),
            "operation_history" => {
                let task = of.name("task");
                let tells = ["start", "stop", "promote", "demote"].contains(&task.as_str());
                if tells && self.picture.operations.len() < ITEMS_MAX {
                    let (node, resource) = self.history.clone();
                    self.picture.operations.push(Past {
                        node,
                        resource,
                        task,
                        call: of.get("call").parse().unwrap_or_default(),
                        done: of.get("rc") == "0",
                        at: time(of.get("last-rc-change")),
                    });
                }
            }
            _ => {}
        }
    }
}

fn is_stopped(of: &Attributes) -> bool {
    of.get("target_role") == "Stopped"
}

/// `d1_monitor_2000` on a node, and why: the agent's reason, else Pacemaker's word.
fn failure(of: &Attributes) -> Failure {
    let key = of.get("op_key");
    let mut parts = key.rsplitn(3, '_');
    let (_, task, resource) = (parts.next(), parts.next(), parts.next());
    let (status, reason) = (of.get("exitstatus"), of.get("exitreason"));
    let status = match of.get("status") {
        // Carried out and answered; otherwise how that failed is what matters.
        "complete" | "done" | "" => status.to_owned(),
        other => format!("{status}, {other}"),
    };
    let why = match reason {
        "" => status,
        reason => format!("{status}: {reason}"),
    };
    Failure {
        node: of.name("node"),
        resource: tidy_within(resource.unwrap_or(of.get("id")), NAME_BYTES_MAX),
        task: tidy_within(task.unwrap_or(of.get("task")), NAME_BYTES_MAX),
        at: time(of.get("last-rc-change")),
        why: tidy_within(&why, WHY_BYTES_MAX),
    }
}

/// What a resource is, by its agent: `ocf:heartbeat:IPaddr2`, `stonith:fence_ipmilan`.
fn sort(agent: &str) -> Sort {
    let kind = agent.rsplit(':').next().unwrap_or(agent);
    if agent.starts_with("stonith:") {
        return Sort::FenceDevice;
    }
    match kind {
        "IPaddr2" | "IPaddr" | "IPsrcaddr" | "IPv6addr" => Sort::FloatingIp,
        "Filesystem" => Sort::FileSystem,
        "LVM" | "LVM-activate" | "iscsi" | "sg_persist" | "mpathpersist" | "Raid1" | "mdraid"
        | "ZFS" => Sort::SharedDisk,
        "drbd" | "drbd-attr" => Sort::MirrorDisk,
        _ => Sort::Other,
    }
}

/// `Sun Nov 22 19:43:32 2026`, `2026-11-22 19:43:32Z` or `2026-11-22 19:43:32 +09:00`; without a zone it is UTC.
fn time(words: &str) -> Option<WallTime> {
    let words: Vec<&str> = words.split_whitespace().collect();
    let (date, clock, zone) = match words.as_slice() {
        [_, month, day, clock, year] => {
            let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
            let at = months
                .find(month)
                .filter(|at| at % 3 == 0 && month.len() == 3)?;
            let month = i64::try_from(at / 3 + 1).ok()?;
            ((year.parse().ok()?, month, day.parse().ok()?), *clock, "")
        }
        [date, clock, rest @ ..] => {
            let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
            let date = (parts.next()??, parts.next()??, parts.next()??);
            (date, *clock, rest.first().copied().unwrap_or(""))
        }
        _ => return None,
    };
    let mut parts = clock.trim_end_matches('Z').splitn(3, ':');
    let mut part = || parts.next()?.parse::<i64>().ok();
    let (hours, minutes, seconds) = (part()?, part()?, part()?);
    let (year, month, day) = date;
    let fit = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    let fit = fit
        && (0..24).contains(&hours)
        && (0..60).contains(&minutes)
        && (0..=60).contains(&seconds);
    if !fit {
        return None;
    }
    let all =
        ((days(year, month, day) * 24 + hours) * 60 + minutes - east_minutes(zone)) * 60 + seconds;
    Some(WallTime(all * 1_000))
}

/// `+09:00` in minutes; anything else is no zone.
fn east_minutes(zone: &str) -> i64 {
    let zone = zone.replace(':', "");
    let (sign, digits) = match zone.as_bytes().first() {
        Some(b'+') => (1, &zone[1..]),
        Some(b'-') => (-1, &zone[1..]),
        _ => return 0,
    };
    match digits.parse::<i64>() {
        Ok(number) if digits.len() == 4 => sign * (number / 100 * 60 + number % 100),
        _ => 0,
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let before = year - 1;
    let years = before * 365 + before / 4 - before / 100 + before / 400 - 719_162;
    let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let months: i64 = (0..usize::try_from(month - 1).unwrap_or_default())
        .map(|at| lengths[at] + i64::from(at == 1 && leap(year)))
        .sum();
    years + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Rule: N3
    #[test]
    fn times_are_read_in_each_release_s_form() {
        let at = Some(WallTime(1_795_376_612_000));
        for words in [
            "Sun Nov 22 19:43:32 2026",
            "2026-11-22 19:43:32Z",
            "2026-11-22 19:43:32 Z",
            "2026-11-23 04:43:32 +09:00",
        ] {
            assert_eq!(time(words), at, "{words}");
        }
        assert_eq!(time("1970-01-01 00:00:00Z"), Some(WallTime(0)));
        assert_eq!(
            time("2024-02-29 00:00:00Z"),
            Some(WallTime(1_709_164_800_000))
        );
        for wrong in [
            "",
            "Sun",
            "Sun Foo 22 19:43:32 2026",
            "2026-13-01 00:00:00",
            "x y",
        ] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }

    /// Rule: N3
    #[test]
    fn what_is_no_output_of_crm_mon_is_refused() {
        for text in [
            "",
            "x",
            "<a/>",
            "<pacemaker-result>",
            "<pacemaker-result a='&x;'/>",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        let deep = "<pacemaker-result>".repeat(DEPTH_MAX + 1);
        assert!(read(&deep).unwrap_err().contains("nested"));
        assert!(read("<pacemaker-result/>").is_ok());
    }

    /// As recorded a third of a second after `pcs cluster stop --all`, on the last node that was left.
    ///
    /// Rule: N3 M18
    #[test]
    fn nodes_that_have_left_while_their_corosync_runs_take_part_in_a_shutdown() {
        let node = |name: &str, pending: bool, shutdown: bool, expected_up: bool| {
            format!(
                r#"<node name="{name}" online="true" pending="{pending}" unclean="false" shutdown="{shutdown}" expected_up="{expected_up}"/>"#
            )
        };
        let picture = |others: &str| {
            let own = node("sv1", false, true, false);
            let text = format!(
                r#"<pacemaker-result><summary><current_dc present="true" name="sv1" with_quorum="true"/></summary><nodes>{own}{others}</nodes></pacemaker-result>"#
            );
            read(&text).expect("it is well formed")
        };
        let left = node("sv2", true, false, false) + &node("sv3", true, false, false);
        assert!(picture(&left).is_stopping());
        // One that is lost and comes back is expected, and one that is at work is up.
        for other in [(true, false, true), (false, false, true)] {
            let other = node("sv2", other.0, other.1, other.2);
            assert!(!picture(&other).is_stopping(), "{other}");
        }
    }

    proptest! {
        /// Rule: N3
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}", name in "[a-z_]{1,12}", value in "[^<&\"]{0,40}") {
            let _ = read(&text);
            let _ = time(&value);
            let _ = read(&format!(
                "<pacemaker-result><resources><{name} id=\"{value}\"><resource id=\"{value}\" role=\"{value}\"/></{name}></resources></pacemaker-result>"
            ));
        }
    }
}
