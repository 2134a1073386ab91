//! What a running Corosync 3 knows of its cluster: the ring and its quorum, a process group, its links.
//!
//! One program serves hosts with and without Corosync: its libraries are loaded when [`Libraries::load`]
//! is called, and nothing of it is needed to build. All `unsafe` of this product is in `sys`.
//!
//! *Use.* From **one thread that may wait without limit**: connecting, joining, leaving and reading the map
//! wait for Corosync for as long as it hangs, and its libraries cannot be told otherwise. Only
//! [`Ring::send`] and [`Ring::dispatch`] return at once. [`Ring::connect`], then [`Ring::wait`] and
//! [`Ring::dispatch`] in turns until an error; then drop it and connect anew.
//!
//! *Failure.* [`Error`] tells a Corosync that does not run from one that refuses this user. What a library
//! hands over is checked; what makes no sense ends the connection ([`Error::Faulty`]), and the next one
//! starts from a whole view.

mod sys;

#[cfg(test)]
mod tests;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::ffi::CString;
use std::fmt;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

/// Longest message of a group that is taken, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 1_024;
/// Keys of the nodes in the configuration map that are looked at: 32 servers with 8 links have fewer.
const KEYS_MAX: usize = 1_024;
/// CMAP_MAP_ICMAP and CMAP_MAP_STATS.
const MAP_CONFIGURATION: i32 = 0;
const MAP_STATISTICS: i32 = 1;

/// A process of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// Its node's number.
    pub node: u32,
    /// Its process number there.
    pub pid: u32,
}

/// Why a process left a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It said so.
    Left,
    /// Its node is gone.
    NodeDown,
    /// It ended, or its Corosync stopped in order.
    ProcessGone,
    /// A reason of a later release.
    Other,
}

/// A ring's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RingId {
    /// The node that formed it.
    pub node: u32,
    /// Rises with each ring.
    pub sequence: u64,
}

/// What Corosync tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The group has changed.
    Group {
        /// Who is in it now.
        members: Vec<Member>,
        /// Who left.
        left: Vec<(Member, Reason)>,
    },
    /// Somebody spoke in the group, perhaps this process.
    Message {
        /// Who; Corosync vouches for it.
        from: Member,
        /// What.
        bytes: Vec<u8>,
    },
    /// Changes of the group and messages from here on belong to this ring.
    Ring(RingId),
    /// Whether this side has quorum.
    Quorum {
        /// It has.
        quorate: bool,
        /// In which ring.
        ring: RingId,
    },
    /// The nodes of the ring.
    Nodes {
        /// Which ring.
        ring: RingId,
        /// Who is in it.
        members: Vec<u32>,
        /// Who was not in the one before.
        joined: Vec<u32>,
        /// Who is not any more, or was not for a while.
        left: Vec<u32>,
    },
}

/// A node of Corosync's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its number.
    pub id: u32,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// By link: its address or host name, as configured.
    pub addresses: Vec<(u8, String)>,
}

/// A link of the ring to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The node.
    pub node: u32,
    /// The link's number.
    pub link: u8,
    /// Packets pass.
    pub connected: bool,
}

/// Why Corosync tells nothing. The connection, if there was one, is of no more use, except after `Busy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// It does not run, or has just ended.
    NotRunning,
    /// It does not let this user in.
    Refused,
    /// It has no room just now: try again.
    Busy,
    /// What it handed over makes no sense, or was more than there is room for.
    Faulty,
    /// Another of its codes (`cs_error_t`).
    Code {
        /// The function.
        call: &'static str,
        /// The code.
        code: i32,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotRunning => f.write_str("Corosync does not run"),
            Error::Refused => f.write_str("Corosync refuses access to this user"),
            Error::Busy => f.write_str("Corosync is busy"),
            Error::Faulty => f.write_str("Corosync's library handed over what makes no sense"),
            Error::Code { call, code } => write!(f, "{call} answered with code {code}"),
        }
    }
}

impl std::error::Error for Error {}

/// Which `cs_error_t` means what.
fn error(call: &'static str) -> impl Fn(sys::Code) -> Error {
    move |sys::Code(code)| match code {
        // LIBRARY, NOT_EXIST and BAD_HANDLE: nobody is at the other end.
        2 | 9 | 12 => Error::NotRunning,
        6 | 15 => Error::Busy,
        11 => Error::Refused,
        code => Error::Code { call, code },
    }
}

/// Corosync's libraries, loaded. They stay loaded for as long as a clone of this is kept.
#[derive(Clone)]
pub struct Libraries(Arc<sys::Api>);

impl fmt::Debug for Libraries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Libraries")
    }
}

impl Libraries {
    /// Loads them.
    ///
    /// # Errors
    /// Text of the loader, which names what is missing. Nothing is loaded then.
    pub fn load() -> Result<Libraries, String> {
        Ok(Libraries(Arc::new(sys::Api::load()?)))
    }
}

/// A connection to the Corosync of this host, a member of one group.
pub struct Ring {
    cpg: Cpg,
    quorum: Quorum,
    map: Map,
    statistics: Option<Map>,
}

struct Cpg(Arc<sys::Api>, u64);
struct Quorum(Arc<sys::Api>, u64);
struct Map(Arc<sys::Api>, u64);

impl Drop for Cpg {
    fn drop(&mut self) {
        self.0.cpg_close(self.1);
    }
}

impl Drop for Quorum {
    fn drop(&mut self) {
        self.0.quorum_close(self.1);
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        self.0.cmap_close(self.1);
    }
}

impl Ring {
    /// Connects and joins the group. Waits for as long as Corosync hangs.
    ///
    /// # Errors
    /// When Corosync does not run or refuses; nothing is left open.
    pub fn connect(libraries: &Libraries, group: &str) -> Result<Ring, Error> {
        // What an earlier connection on this thread had left.
        drop(sys::take());
        let api = &libraries.0;
        let open = |map| {
            let handle = api.cmap_open(map).map_err(error("cmap_initialize_map"))?;
            Ok(Map(Arc::clone(api), handle))
        };
        let ring = Ring {
            cpg: Cpg(
                Arc::clone(api),
                api.cpg_open().map_err(error("cpg_model_initialize"))?,
            ),
            quorum: Quorum(
                Arc::clone(api),
                api.quorum_open()
                    .map_err(error("quorum_model_initialize"))?,
            ),
            map: open(MAP_CONFIGURATION)?,
            // Without it there is no early warning, and all the rest.
            statistics: open(MAP_STATISTICS).ok(),
        };
        api.cpg_join(ring.cpg.1, group.as_bytes())
            .map_err(error("cpg_join"))?;
        api.quorum_track(ring.quorum.1)
            .map_err(error("quorum_trackstart"))?;
        Ok(ring)
    }

    /// This node's number; a question that Corosync answers only while it is at work.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub fn own_node(&self) -> Result<u32, Error> {
        let local = self.cpg.0.cpg_local(self.cpg.1);
        local.map_err(error("cpg_local_get"))
    }

    /// Waits until there is something to dispatch, `wake` can be read, or the time is over.
    pub fn wait(&self, wake: BorrowedFd<'_>, at_most: Duration) {
        let fds = [
            self.cpg.0.cpg_fd(self.cpg.1).ok(),
            self.quorum.0.quorum_fd(self.quorum.1).ok(),
        ];
        let fds = fds
            .into_iter()
            .flatten()
            .filter_map(|fd| sys::lend(self, fd));
        let mut polled: Vec<PollFd<'_>> = std::iter::once(wake)
            .chain(fds)
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        let at_most = Timespec {
            tv_sec: at_most.as_secs().min(60) as i64,
            tv_nsec: i64::from(at_most.subsec_nanos()),
        };
        // Interrupted or not: whoever waits looks at everything.
        let _ = poll(&mut polled, Some(&at_most));
    }

    /// Takes all that Corosync has to tell, without waiting.
    ///
    /// # Errors
    /// As [`Error`] says; what was told before the error is in `told` all the same.
    pub fn dispatch(&self, told: &mut Vec<Notice>) -> Result<(), Error> {
        let cpg = self.cpg.0.cpg_dispatch(self.cpg.1);
        let quorum = self.quorum.0.quorum_dispatch(self.quorum.1);
        for (handle, raw) in sys::take() {
            if handle != self.cpg.1 && handle != self.quorum.1 {
                continue;
            }
            told.push(match raw {
                sys::Raw::Group { members, left } => Notice::Group { members, left },
                sys::Raw::Message { from, bytes } => Notice::Message { from, bytes },
                sys::Raw::CpgRing(ring) => Notice::Ring(ring),
                sys::Raw::Quorum { quorate, ring } => Notice::Quorum { quorate, ring },
                sys::Raw::Nodes {
                    ring,
                    members,
                    joined,
                    left,
                } => Notice::Nodes {
                    ring,
                    members,
                    joined,
                    left,
                },
                sys::Raw::Faulty => return Err(Error::Faulty),
            });
        }
        let busy_is_fine = |result: Result<(), Error>| match result {
            Err(Error::Busy) => Ok(()),
            other => other,
        };
        busy_is_fine(cpg.map_err(error("cpg_dispatch")))?;
        busy_is_fine(quorum.map_err(error("quorum_dispatch")))
    }

    /// Says something in the group: everybody in it gets it, this process too, in one order.
    ///
    /// # Errors
    /// [`Error::Busy`] while the ring forms anew: it was not said, try again.
    pub fn send(&self, bytes: &[u8]) -> Result<(), Error> {
        let sent = self.cpg.0.cpg_send(self.cpg.1, bytes);
        sent.map_err(error("cpg_mcast_joined"))
    }

    /// Leaves the group, so that the others see that it was meant. Waits for as long as Corosync hangs.
    ///
    /// # Errors
    /// As [`Error`] says; dropping the connection leaves it as well, without a word.
    pub fn leave(&self, group: &str) -> Result<(), Error> {
        let left = self.cpg.0.cpg_leave(self.cpg.1, group.as_bytes());
        left.map_err(error("cpg_leave"))
    }

    /// The nodes of Corosync's configuration, by their numbers. Waits for as long as Corosync hangs.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub fn nodes(&self) -> Result<Vec<Node>, Error> {
        let keys = self.map.keys("nodelist.node.")?;
        let mut found: Vec<(u32, Node)> = Vec::new();
        for key in keys {
            // nodelist.node.POSITION.WHAT
            let mut parts = key.splitn(4, '.').skip(2);
            let position = parts.next().and_then(|number| number.parse().ok());
            let (Some(position), Some(what)) = (position, parts.next()) else {
                continue;
            };
            let at = match found.iter().position(|(other, _)| *other == position) {
                Some(at) => at,
                None => {
                    found.push((position, Node::default()));
                    found.len() - 1
                }
            };
            let node = &mut found[at].1;
            let link = what
                .strip_prefix("ring")
                .and_then(|rest| rest.strip_suffix("_addr"));
            if what == "nodeid" {
                node.id = self.map.number(&key)?.unwrap_or_default();
            } else if what == "name" {
                node.name = self.map.text(&key)?;
            } else if let Some(Ok(link)) = link.map(str::parse) {
                let address = self.map.text(&key)?;
                node.addresses
                    .extend(address.map(|address| (link, address)));
            }
        }
        let mut nodes: Vec<Node> = found.into_iter().map(|(_, node)| node).collect();
        nodes.retain(|node| node.id != 0);
        nodes.sort_by_key(|node| node.id);
        nodes.iter_mut().for_each(|node| node.addresses.sort());
        Ok(nodes)
    }

    /// How long the ring takes to miss a node: its token's time and the consensus after it.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub fn detects_in(&self) -> Result<Duration, Error> {
        let ms = |key| {
            let number = self.map.number(key)?;
            number.map(u64::from).ok_or(Error::Faulty)
        };
        let token = ms("runtime.config.totem.token")?;
        let consensus = ms("runtime.config.totem.consensus")?;
        Ok(Duration::from_millis(token + consensus))
    }

    /// How the links of these nodes are. None where there are no statistics.
    ///
    /// Each is asked for by its name: the statistics have some forty keys for every link, and to walk through all
    /// of them would be thousands of questions where there are many servers.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub fn links(&self, nodes: &[Node]) -> Result<Vec<Link>, Error> {
        let Some(map) = &self.statistics else {
            return Ok(Vec::new());
        };
        let mut links = Vec::new();
        for node in nodes {
            for (link, _) in &node.addresses {
                let (node, link) = (node.id, *link);
                let key = format!("stats.knet.node{node}.link{link}.connected");
                if let Some(value) = map.get(&key)? {
                    let connected = value.first().is_some_and(|byte| *byte != 0);
                    links.push(Link {
                        node,
                        link,
                        connected,
                    });
                }
            }
        }
        links.sort();
        Ok(links)
    }
}

impl Map {
    fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let keys = self.0.cmap_keys(self.1, &c_text(prefix)?, KEYS_MAX);
        keys.map_err(error("cmap_iter_init"))
    }

    /// `None` where there is no such key (any more): Corosync takes keys away while its configuration is read anew.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.0.cmap_get(self.1, &c_text(key)?) {
            Err(sys::Code::NOT_EXIST) => Ok(None),
            value => value.map(Some).map_err(error("cmap_get")),
        }
    }

    fn number(&self, key: &str) -> Result<Option<u32>, Error> {
        let Some(bytes) = self.get(key)? else {
            return Ok(None);
        };
        let number = bytes.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
        number.map(Some).ok_or(Error::Faulty)
    }

    /// Without control characters: it stands in logs.
    fn text(&self, key: &str) -> Result<Option<String>, Error> {
        let text = self.get(key)?.map(|bytes| {
            let end = bytes.iter().position(|byte| *byte == 0);
            let text = String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]);
            text.chars().filter(|c| !c.is_control()).collect()
        });
        Ok(text)
    }
}

fn c_text(text: &str) -> Result<CString, Error> {
    CString::new(text).map_err(|_| Error::Faulty)
}
