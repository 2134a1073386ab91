//! The service as one of the programs: a single server, so that nobody else takes part.

use super::{Peer, Way, wait_ready};
use crate::options::Options;
use crate::stage::{Stage, plan};
use noroshi_sim::rig::{Fallible, Lamps, Outside};
use std::time::Duration;

pub(super) const NAME: &str = "noroshi";
const READY_WAIT: Duration = Duration::from_secs(30);

pub(super) struct Ours(Stage);

impl Ours {
    pub(super) fn up(options: &Options) -> Fallible<Ours> {
        let plan = plan(options).servers(1).lamps(Lamps::None);
        Ok(Ours(Stage::prepare(plan)?.start()?))
    }
}

impl Peer for Ours {
    fn name(&self) -> &'static str {
        NAME
    }

    fn way(&self) -> Way {
        Way::Socket(self.0.cluster.home(0).socket())
    }

    fn outside(&self) -> &Outside {
        self.0.cluster.outside()
    }

    fn private_dirty_kb(&mut self) -> Fallible<f64> {
        Ok(self.0.cluster.daemon(0).private_dirty_kb()? as f64)
    }

    fn kill(&mut self) -> Fallible<()> {
        self.0.cluster.kill(0).map(drop)
    }

    fn start(&mut self) -> Fallible<()> {
        self.0.cluster.start(0)?;
        wait_ready(&self.way(), READY_WAIT)
    }
}
