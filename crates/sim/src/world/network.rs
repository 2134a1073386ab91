//! What passes between servers: cuts, one-way cuts, loss, per interconnect.

use std::collections::BTreeSet;

/// The network between the servers, and from each server to mail and lamps.
#[derive(Clone, Debug)]
pub struct Network {
    paths: u8,
    /// (server, path): nothing passes to or from it.
    cut: BTreeSet<(usize, u8)>,
    /// Servers whose interconnects are all cut, while they reach mail server and lamps.
    apart: BTreeSet<usize>,
    /// (from, to): nothing passes this way.
    deaf: BTreeSet<(usize, usize)>,
    /// Per path: loss in per cent.
    loss: Vec<u8>,
}

impl Network {
    /// Everything passes.
    pub fn new(_servers: u8, paths: u8) -> Network {
        Network {
            paths,
            cut: BTreeSet::new(),
            apart: BTreeSet::new(),
            deaf: BTreeSet::new(),
            loss: vec![0; usize::from(paths)],
        }
    }

    /// Cuts a server off, or reconnects it, on one path or all.
    pub fn set_cut(&mut self, server: usize, path: Option<u8>, cut: bool) {
        for at in (0..self.paths).filter(|at| path.is_none_or(|path| path == *at)) {
            if cut {
                self.cut.insert((server, at));
            } else {
                self.cut.remove(&(server, at));
            }
        }
    }

    /// Cuts the interconnects of a server and nothing else, or ends that.
    pub fn set_apart(&mut self, server: usize, apart: bool) {
        if apart {
            self.apart.insert(server);
        } else {
            self.apart.remove(&server);
        }
    }

    /// Lets nothing pass from `from` to `to`.
    pub fn set_deaf(&mut self, from: usize, to: usize) {
        self.deaf.insert((from, to));
    }

    /// Ends all cuts.
    pub fn heal(&mut self) {
        self.cut.clear();
        self.apart.clear();
        self.deaf.clear();
    }

    /// Sets the loss of a path.
    pub fn set_loss(&mut self, path: u8, percent: u8) {
        if let Some(loss) = self.loss.get_mut(usize::from(path)) {
            *loss = percent;
        }
    }

    /// The loss of a path.
    pub fn loss(&self, path: u8) -> u8 {
        self.loss[usize::from(path)]
    }

    /// Packets pass this way on this path.
    pub fn passes(&self, from: usize, to: usize, path: u8) -> bool {
        !self.cut.contains(&(from, path))
            && !self.cut.contains(&(to, path))
            && !self.apart.contains(&from)
            && !self.apart.contains(&to)
            && !self.deaf.contains(&(from, to))
    }

    /// A connection can stand: some path passes both ways.
    pub fn any_path(&self, one: usize, other: usize) -> bool {
        (0..self.paths).any(|path| self.both_ways(one, other, path))
    }

    /// Packets pass both ways on this path.
    pub fn both_ways(&self, one: usize, other: usize, path: u8) -> bool {
        self.passes(one, other, path) && self.passes(other, one, path)
    }

    /// The server reaches mail server and lamps.
    pub fn reaches_outside(&self, server: usize) -> bool {
        (0..self.paths).any(|path| !self.cut.contains(&(server, path)))
    }
}
