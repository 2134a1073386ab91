//! What passes between servers: cuts, one-way cuts, loss, per interconnect; and from them to lamps and mail.

/// The network between the servers, and from each server to mail server and lamps. Sets of servers are bits.
#[derive(Clone, Debug)]
pub struct Network {
    /// Per path: servers to and from which nothing passes.
    cut: Vec<u32>,
    /// Servers whose interconnects are all cut, while they reach mail server and lamps.
    apart: u32,
    /// Servers that reach no mail server and no lamp, while their interconnects are whole.
    shut: u32,
    /// By the server that sends: those that do not hear it.
    deaf: Vec<u32>,
    /// Per path: loss in per cent.
    loss: Vec<u8>,
}

const fn bit(server: usize) -> u32 {
    1 << server
}

fn set(bits: &mut u32, server: usize, on: bool) {
    match on {
        true => *bits |= bit(server),
        false => *bits &= !bit(server),
    }
}

impl Network {
    /// Everything passes.
    pub fn new(servers: u8, paths: u8) -> Network {
        Network {
            cut: vec![0; usize::from(paths)],
            apart: 0,
            shut: 0,
            deaf: vec![0; usize::from(servers)],
            loss: vec![0; usize::from(paths)],
        }
    }

    /// Cuts a server off, or reconnects it, on one path or all.
    pub fn set_cut(&mut self, server: usize, path: Option<u8>, cut: bool) {
        for (at, servers) in self.cut.iter_mut().enumerate() {
            if path.is_none_or(|path| usize::from(path) == at) {
                set(servers, server, cut);
            }
        }
    }

    /// Cuts the interconnects of a server and nothing else, or ends that.
    pub fn set_apart(&mut self, server: usize, apart: bool) {
        set(&mut self.apart, server, apart);
    }

    /// Cuts a server from mail server and lamps and nothing else, or ends that.
    pub fn set_shut(&mut self, server: usize, shut: bool) {
        set(&mut self.shut, server, shut);
    }

    /// Lets nothing pass from `from` to `to`.
    pub fn set_deaf(&mut self, from: usize, to: usize) {
        set(&mut self.deaf[from], to, true);
    }

    /// Ends all cuts.
    pub fn heal(&mut self) {
        self.cut.fill(0);
        (self.apart, self.shut) = (0, 0);
        self.deaf.fill(0);
    }

    /// Nothing is cut and nothing lost.
    pub fn is_whole(&self) -> bool {
        let cut = self.cut.iter().chain(&self.deaf).any(|bits| *bits != 0);
        !cut && self.apart == 0 && self.shut == 0 && self.loses_nothing()
    }

    /// No packet is lost but by cuts.
    pub fn loses_nothing(&self) -> bool {
        self.loss.iter().all(|loss| *loss == 0)
    }

    /// Sets the loss of a path.
    pub fn set_loss(&mut self, path: u8, percent: u8) {
        if let Some(loss) = self.loss.get_mut(usize::from(path)) {
            *loss = percent;
        }
    }

    /// Ends all loss.
    pub fn lose_nothing(&mut self) {
        self.loss.fill(0);
    }

    /// The loss of a path.
    pub fn loss(&self, path: u8) -> u8 {
        self.loss[usize::from(path)]
    }

    /// Packets pass this way on this path.
    pub fn passes(&self, from: usize, to: usize, path: u8) -> bool {
        let cut = self.cut[usize::from(path)] | self.apart;
        cut & (bit(from) | bit(to)) == 0 && self.deaf[from] & bit(to) == 0
    }

    /// A connection can stand: some path passes both ways.
    pub fn any_path(&self, one: usize, other: usize) -> bool {
        (0..self.cut.len() as u8).any(|path| self.both_ways(one, other, path))
    }

    /// Packets pass both ways on this path.
    pub fn both_ways(&self, one: usize, other: usize, path: u8) -> bool {
        self.passes(one, other, path) && self.passes(other, one, path)
    }

    /// The server reaches mail server and lamps.
    pub fn reaches_outside(&self, server: usize) -> bool {
        let cut = self.cut.iter().fold(u32::MAX, |all, path| all & path);
        (cut | self.shut) & bit(server) == 0
    }
}
