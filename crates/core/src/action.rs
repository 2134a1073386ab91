//! Everything that can be asked for: the one way out.

use crate::alert::{Acknowledgement, Alert};
use crate::config::{InterconnectId, LampId, ServerId};
use crate::event::{Latch, Phase, View};
use crate::lamp::{LampOrder, OrderNumber};
use crate::licence::Memory;
use crate::notice::outbox::Page;
use crate::notice::{NoticeKey, NoticeRecord, Sending};
use crate::peer::PeerMessage;
use crate::request::{Reply, RequestId};
use crate::set::SetLabel;
use crate::time::WallTime;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Everything that can be asked for. None of it answers at once: answers are events.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send one heartbeat to every other server on every shared interconnect.
    Beat(Phase),
    /// Ask a server's host over one interconnect whether it lives.
    Probe {
        /// The server.
        server: ServerId,
        /// The interconnect.
        path: InterconnectId,
    },
    /// Drop the link to a server and everything queued for it.
    DropLink(ServerId),
    /// Send a message over the link to a server; lost if there is none.
    Tell(ServerId, Box<PeerMessage>),
    /// Put a batch on disk in one synced transaction; answered by `Event::Recorded`.
    Record {
        /// Names the batch.
        batch: u64,
        /// What it holds; applied in order.
        items: Vec<Item>,
    },
    /// Read unfinished notices from disk; answered by `Event::Loaded`.
    Load(Page),
    /// Find out from disk how these notices ended, for a server that asks (this one included); answered by
    /// `Event::Found`.
    Find(ServerId, Vec<NoticeKey>),
    /// Hand a notice to its channel; answered by `Event::Outcome`.
    Send(Box<Sending>),
    /// Tell a lamp something; answered by `Event::Lamp`. One at a time per lamp.
    Lamp {
        /// Which lamp.
        lamp: LampId,
        /// Names this order.
        number: OrderNumber,
        /// What.
        order: LampOrder,
    },
    /// Take an order back that is in flight, if nothing of it has left yet. It ends in its one
    /// `Event::Lamp` all the same, as cancelled or as it would have.
    LampCancel {
        /// The lamp that it is in flight to.
        lamp: LampId,
        /// Which order.
        number: OrderNumber,
    },
    /// Answer a request.
    Reply(RequestId, Reply),
    /// Read what is registered; answered by `Event::Licences`, for this request.
    ReadLicences(RequestId),
    /// Join another server's registrations to ours, on disk; answered by `Event::Licences` when that
    /// is done, and by nothing when it cannot be.
    JoinLicences {
        /// Whose.
        from: ServerId,
        /// The number of its message.
        number: u64,
        /// Its registrations.
        register: String,
    },
    /// Put this on disk beside the registrations. Not answered: it is wanted again after a while.
    RememberLicences(Memory),
    /// A line for the daemon's own log: not news for an operator, but for whoever looks for a cause.
    Log(String),
    /// Use the new settings from here on.
    Reconfigure(Box<crate::config::Config>),
    /// Have this set on disk, from that server if it is not there yet, and check it whole; answered by
    /// `Event::Staged`.
    FetchSet {
        /// Who has it.
        from: ServerId,
        /// Which one.
        label: SetLabel,
    },
    /// Put the files of a set that is on disk in place; answered by `Event::Adopted`.
    AdoptSet(SetLabel),
    /// From now on look for servers also where earlier sets had them, and answer there; or no more. Heartbeats
    /// go by the settings in force alone. Not answered.
    FormerWays(bool),
    /// Look at Pacemaker's cluster; answered by `Event::Pacemaker`, with what it shows or why it cannot be read.
    LookAtPacemaker,
    /// These reports of Pacemaker, by their keys, were decided upon and what follows is on disk. Not answered.
    ForgetReports(Vec<String>),
    /// Everything is done: end the process.
    Exit,
}

/// One thing to be put on disk.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// An alert; a second one of the same id changes nothing.
    Alert {
        /// The alert.
        alert: Arc<Alert>,
        /// When this server came to know it.
        received: WallTime,
    },
    /// A notice, new or changed.
    Notice(NoticeRecord),
    /// A server's part of its lamp.
    Latch(Latch),
    /// What is known of a server.
    View(View),
    /// What is remembered of a group of Pacemaker; one that is blank is forgotten.
    Group(crate::pacemaker::GroupMemory),
    /// An alert was acknowledged; of two of one alert the one that outdoes the other holds.
    Acknowledgement(Acknowledgement),
}
