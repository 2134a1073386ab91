//! What three servers tell of faults that were made in a real cluster: recorded calls of the alert agent and
//! outputs of `crm_mon`, played on virtual time.
//!
//! A recording is text: `MS NODE report VARIABLES`, `MS NODE picture` with the output up to a line with a
//! full stop (a number instead of it: that output of the same file again), `MS NODE dies` and `starts`. Outputs
//! were stripped of attributes that nobody reads.

use noroshi_conf::crm_mon;
use noroshi_core::pacemaker::{News, Picture, Report, Watch, What, Why};
use noroshi_core::time::{Moment, Now, Span, WallTime};
use std::collections::BTreeSet;

/// How long a fact takes to the other servers.
const LINK_MS: i64 = 20;
/// How long `crm_mon` takes.
const LOOK_MS: i64 = 60;

enum Item {
    Report(Report),
    Picture(Picture),
    Dies,
    Starts,
}

fn recording(name: &str) -> Vec<(i64, usize, Item)> {
    let path = format!("{}/tests/pacemaker/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let (mut items, mut pictures) = (Vec::new(), Vec::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (ms, node, kind, rest) = (word().parse().unwrap(), word(), word(), word());
        let item = match kind {
            "report" => Item::Report(report(rest)),
            "picture" if rest.is_empty() => {
                let output: Vec<&str> = lines.by_ref().take_while(|line| *line != ".").collect();
                let picture = crm_mon::read(&output.join("\n")).unwrap();
                pictures.push(picture.clone());
                Item::Picture(picture)
            }
            "picture" => Item::Picture(pictures[rest.parse::<usize>().unwrap()].clone()),
            "dies" => Item::Dies,
            "starts" => Item::Starts,
            _ => continue,
        };
        let node = node[1..].parse::<usize>().unwrap() - 1;
        items.push((ms, node, item));
    }
    items
}

/// `name=value` with blanks escaped by `\`, as a shell prints them.
fn report(line: &str) -> Report {
    let line = line.replace("\\ ", "\u{1}").replace('\\', "");
    let words: Vec<String> = line
        .split(' ')
        .map(|word| word.replace('\u{1}', " "))
        .collect();
    Report::read(|key| {
        let key = key.trim_start_matches("CRM_alert_");
        let found = words
            .iter()
            .find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        found.map(str::to_owned)
    })
}

struct Server {
    watch: Option<Watch>,
    /// What `crm_mon` prints from now on.
    shown: Option<Picture>,
    look_ends: Option<i64>,
    known: BTreeSet<String>,
}

/// Three servers' watches, and what they told: when, who, what.
struct Play {
    servers: [Server; 3],
    start: i64,
    told: Vec<(i64, usize, What)>,
    on_the_way: Vec<(i64, String)>,
    /// Facts that were told by anybody: what bears the same name is the same alert.
    facts: BTreeSet<String>,
}

impl Play {
    fn new(start: i64) -> Play {
        let server = |at: usize| Server {
            watch: Some(Watch::new(Moment(0), &format!("n{}", at + 1))),
            shown: None,
            look_ends: None,
            known: BTreeSet::new(),
        };
        Play {
            servers: [server(0), server(1), server(2)],
            start,
            told: Vec::new(),
            on_the_way: Vec::new(),
            facts: BTreeSet::new(),
        }
    }

    fn now(&self, ms: i64) -> Now {
        Now {
            at: Moment(0) + Span::from_ms((ms - self.start).unsigned_abs()),
            wall: WallTime(ms),
        }
    }

    fn tell(&mut self, ms: i64, at: usize, news: Vec<News>) {
        for one in news {
            if let Some(fact) = &one.fact {
                if !self.servers[at].known.insert(fact.clone()) {
                    continue;
                }
                self.on_the_way.push((ms + LINK_MS, fact.clone()));
                if !self.facts.insert(fact.clone()) {
                    continue;
                }
            }
            self.told.push((ms, at, one.what));
        }
    }

    fn take(&mut self, ms: i64, at: usize, item: Item) {
        let now = self.now(ms);
        let mut news = Vec::new();
        let name = format!("n{}", at + 1);
        match item {
            Item::Report(report) => {
                if let Some(watch) = &mut self.servers[at].watch {
                    watch.report(now, report.clone(), &mut news);
                }
                for other in (0..3).filter(|other| *other != at) {
                    let mut news = Vec::new();
                    if let Some(watch) = &mut self.servers[other].watch {
                        watch.observed(now, &name, &report, &mut news);
                    }
                    self.tell(ms, other, news);
                }
            }
            Item::Picture(picture) => self.servers[at].shown = Some(picture),
            Item::Dies => {
                (self.servers[at].watch, self.servers[at].shown) = (None, None);
                self.servers[at].look_ends = None;
            }
            Item::Starts => {
                self.servers[at].watch = Some(Watch::new(now.at, &name));
                self.servers[at].known.clear();
            }
        }
        self.tell(ms, at, news);
    }

    /// Everything that is due up to `ms`, a step of ten milliseconds at a time.
    fn run(&mut self, from: i64, ms: i64) {
        for ms in (from..ms).step_by(10) {
            let (arrived, waiting) = std::mem::take(&mut self.on_the_way)
                .into_iter()
                .partition(|(due, _)| *due <= ms);
            self.on_the_way = waiting;
            let arrived: Vec<(i64, String)> = arrived;
            for (_, fact) in arrived {
                for server in &mut self.servers {
                    server.known.insert(fact.clone());
                }
            }
            for at in 0..3 {
                let now = self.now(ms);
                let mut news = Vec::new();
                let server = &mut self.servers[at];
                let Some(watch) = &mut server.watch else {
                    continue;
                };
                if server.look_ends.is_some_and(|ends| ends <= ms) {
                    server.look_ends = None;
                    let shown = server
                        .shown
                        .clone()
                        .ok_or_else(|| "not connected".to_owned());
                    watch.looked(now, shown, &mut news);
                }
                if watch.wants_look(now.at) {
                    server.look_ends = Some(ms + LOOK_MS);
                }
                watch.tick(now, &mut news);
                if watch.hints() {
                    for other in self.servers.iter_mut().filter_map(|one| one.watch.as_mut()) {
                        other.hinted(now.at);
                    }
                }
                self.tell(ms, at, news);
            }
        }
    }
}

/// Plays a recording and a minute more. Answers what was told.
fn play(name: &str) -> Vec<(i64, usize, What)> {
    let items = recording(name);
    let start = items.first().unwrap().0;
    let mut play = Play::new(start);
    let mut ms = start;
    for (at_ms, node, item) in items {
        play.run(ms, at_ms);
        ms = ms.max(at_ms);
        play.take(at_ms, node, item);
    }
    play.run(ms, ms + 60_000);
    for (at, server, what) in &play.told {
        println!("{name} {:6} ms n{}: {what:?}", at - start, server + 1);
    }
    play.told
}

/// What was told, in a word each: `n2 moved g1 n1 n2 lost`.
fn told(name: &str) -> Vec<String> {
    let told = play(name);
    told.iter()
        .map(|(_, server, what)| format!("n{} {}", server + 1, word(what)))
        .collect()
}

fn word(what: &What) -> String {
    match what {
        What::Started { group, node, .. } => format!("started {group} {node}"),
        What::Stopped { group, node } => format!("stopped {group} {node}"),
        What::Moved(moved) => {
            let why = match &moved.why {
                Why::Lost { fenced: false } => "lost".to_owned(),
                Why::Lost { fenced: true } => "fenced".to_owned(),
                Why::Failed { resource, .. } => format!("failed {resource}"),
                Why::Left => "left".to_owned(),
                Why::Standby => "standby".to_owned(),
                Why::Person { by } => by.clone(),
                Why::Preferred => "preferred".to_owned(),
                Why::Unseen => "unseen".to_owned(),
            };
            format!("moved {} {} {} {why}", moved.group, moved.from, moved.to)
        }
        What::Down {
            group, failures, ..
        } => format!("down {group} after {}", failures.len()),
        What::Partial { group, node, .. } => format!("partial {group} {node}"),
        What::InstanceLost { group, node, .. } => format!("instance lost {group} {node}"),
        What::Held { group, node, why } => format!("held {group} {node} {why:?}"),
        What::Failed(fault) => {
            let again = if fault.quiet { "again " } else { "" };
            format!("{again}failed {} {}", fault.resource, fault.task)
        }
        What::Recovered { fault, .. } => format!("recovered {}", fault.resource),
        What::FencingAsked { node } => format!("fencing asked {node}"),
        What::Fenced(fencing) => format!("fenced {} {}", fencing.node, fencing.done),
        What::Standby { node, on, .. } => format!("standby {node} {on}"),
        What::Maintenance { on, .. } => format!("maintenance {on}"),
        other => format!("{other:?}"),
    }
}

/// Rule: N3 N9
#[test]
fn each_fault_of_a_real_cluster_is_told_once_as_what_it_was() {
    for (name, expected) in [
        ("failure", &["n1 failed d1 monitor", "n1 recovered d1"][..]),
        ("move", &["n2 moved g1 n1 n2 root, crm_resource, n1"]),
        ("clear", &[]),
        (
            "standby",
            &[
                "n2 standby n2 true",
                "n1 moved g1 n2 n1 standby",
                "n2 standby n2 false",
            ],
        ),
        (
            "maintenance",
            &["n1 maintenance true", "n1 maintenance false"],
        ),
        ("kill", &["n2 moved g1 n1 n2 lost"]),
        (
            "failback",
            &["n2 moved g1 n1 n2 lost", "n1 moved g1 n2 n1 preferred"],
        ),
        ("stop", &["n2 moved g1 n1 n2 left"]),
        ("disable", &["n2 stopped g1 n2", "n1 started g1 n1"]),
        (
            "threshold",
            &["n2 moved g1 n1 n2 failed d1", "n1 failed d1 monitor"],
        ),
        (
            "startfail",
            &[
                // One after the other by their own times; the mails come from the first, and from the last word.
                "n3 again failed bad start",
                "n1 failed bad start",
                "n2 again failed bad start",
                "n3 down bad after 3",
            ],
        ),
        ("nofence", &["n3 held g1 n2 NoDevice"]),
        (
            "fence",
            &[
                "n1 started g1 n1",
                "n3 fencing asked n1",
                "n2 fenced n1 true",
                "n2 moved g1 n1 n2 fenced",
            ],
        ),
        (
            "fencefail",
            &[
                "n3 fencing asked n2",
                "n1 fenced n2 false",
                "n3 held g1 n2 Failed(\"Error\")",
                "n1 fenced n2 true",
                "n1 moved g1 n2 n1 fenced",
            ],
        ),
        (
            "promote",
            &["n1 fenced n3 true", "n1 moved pc n3 n1 fenced"],
        ),
    ] {
        assert_eq!(told(name), expected, "{name}");
    }
}
