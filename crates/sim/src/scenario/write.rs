//! Writes a story in the words that [`parse`](super::parse()) reads.
//!
//! What is written is read again as the same, but for line numbers. Words in quotes cannot hold a quote;
//! no story that is made here has one.

use super::{
    Change, CorosyncDoes, DiskDoes, Expectation, Happening, LampLook, MailBehaviour, Scenario,
    Setup, Until, What,
};
use noroshi_core::config::Engine;
use std::fmt;

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "title  {}", self.title)?;
        writeln!(f, "rules  {}", self.rules.join(" "))?;
        writeln!(f, "{}", self.setup)?;
        for line in &self.lines {
            match &line.what {
                What::Happens(at, happening) => writeln!(f, "at {at}ms {happening}")?,
                What::Expected(what, Until::By(at)) => writeln!(f, "expect {what} by {at}ms")?,
                What::Expected(what, Until::At(at)) => writeln!(f, "expect {what} at {at}ms")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(seed) = self.seed {
            writeln!(f, "seed {seed}")?;
        }
        writeln!(f, "servers {}", self.servers)?;
        writeln!(f, "interconnects {}", self.interconnects)?;
        if self.engine == Engine::Corosync {
            writeln!(f, "engine corosync")?;
        }
        writeln!(f, "mail {}", self.mail.join(" "))?;
        if self.shared_lamp {
            writeln!(f, "shared lamp")?;
        }
        if self.mute_lamps {
            writeln!(f, "mute lamps")?;
        }
        match self.licences.as_deref() {
            Some([]) => writeln!(f, "no licence")?,
            Some([end]) => writeln!(f, "trial until {end}ms")?,
            _ => {}
        }
        if !self.absent.is_empty() {
            writeln!(f, "absent {}", self.absent.join(" "))?;
        }
        for (server, ms) in &self.clocks {
            writeln!(f, "clock {server} {}", Ahead(*ms))?;
        }
        Ok(())
    }
}

/// How far a clock is ahead.
struct Ahead(i64);

impl fmt::Display for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = if self.0 < 0 { "behind" } else { "ahead" };
        write!(f, "{}ms {way}", self.0.unsigned_abs())
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Happening as H;
        match self {
            H::Killed(name) => write!(f, "{name} is killed"),
            H::LosesPower(name) => write!(f, "{name} loses power"),
            H::Stops(name) => write!(f, "{name} stops"),
            H::Starts(name) => write!(f, "{name} starts"),
            H::Suspended(name) => write!(f, "{name} is suspended"),
            H::Resumes(name) => write!(f, "{name} resumes"),
            H::Licence(name, line) => write_licence(f, name, line),
            H::Register(name, true) => write!(f, "register {name} can be read"),
            H::Register(name, false) => write!(f, "register {name} cannot be read"),
            H::CutOff(name, None) => write!(f, "{name} is cut off"),
            H::CutOff(name, Some(lan)) => write!(f, "{name} is cut off on {lan}"),
            H::Reconnected(name, None) => write!(f, "{name} is reconnected"),
            H::Reconnected(name, Some(lan)) => write!(f, "{name} is reconnected on {lan}"),
            H::Apart(name) => write!(f, "the interconnects of {name} are cut"),
            H::Together(name) => write!(f, "the interconnects of {name} are joined"),
            H::ReceiversCut(name) => write!(f, "the receivers of {name} are cut"),
            H::ReceiversJoined(name) => write!(f, "the receivers of {name} are joined"),
            H::Corosync(name, does) => write!(f, "corosync {name} {}", corosync(*does)),
            H::Deaf(name, other) => write!(f, "{name} does not hear {other}"),
            H::Clock(name, ms) => write!(f, "the clock of {name} is {}", Ahead(*ms)),
            H::Heals => write!(f, "the network heals"),
            H::AllWorks => write!(f, "everything works again"),
            H::AllStart => write!(f, "all servers start"),
            H::Loss(percent, lan) => write!(f, "{percent}% loss on {lan}"),
            H::Lamp(name, true) => write!(f, "lamp {name} answers"),
            H::Lamp(name, false) => write!(f, "lamp {name} dies"),
            H::LampRefuses(name) => write!(f, "lamp {name} refuses"),
            H::LampForgets(name) => write!(f, "lamp {name} forgets"),
            H::Mail(behaviour) => write!(f, "mail {behaviour}"),
            H::Disk(name, does) => write!(f, "disk {name} {}", disk(*does)),
            H::Raises(name, text) => write!(f, "{name} raises \"{text}\""),
            H::LampTested(name, other) => write!(f, "{name} tests lamp {other}"),
            H::LampPutOut(name, other) => write!(f, "{name} puts lamp {other} out"),
            H::Shutdown(name) => write!(f, "{name} shuts the cluster down"),
            H::Settings(None, change) => write!(f, "settings {change}"),
            H::Settings(Some(name), change) => write!(f, "{name} takes settings {change}"),
            H::FaultySettings(name) => write!(f, "{name} is given faulty settings"),
            H::Pushes(name, change) => write!(f, "{name} pushes {change}"),
            H::Sets(name, true) => write!(f, "{name} takes sets again"),
            H::Sets(name, false) => write!(f, "{name} takes no sets"),
        }
    }
}

fn write_licence(f: &mut fmt::Formatter<'_>, name: &str, line: &str) -> fmt::Result {
    match (line, line.strip_prefix("from ")) {
        ("-", _) => write!(f, "{name} registers a licence"),
        (_, Some(from)) => write!(f, "{name} registers a licence from {from}ms"),
        (end, None) => write!(f, "{name} registers a trial until {end}ms"),
    }
}

fn corosync(does: CorosyncDoes) -> &'static str {
    match does {
        CorosyncDoes::Start => "starts",
        CorosyncDoes::Stop => "stops",
        CorosyncDoes::Die => "dies",
        CorosyncDoes::Hang => "hangs",
        CorosyncDoes::Answer => "answers",
    }
}

fn disk(does: DiskDoes) -> &'static str {
    match does {
        DiskDoes::Work => "works",
        DiskDoes::Fail => "fails",
        DiskDoes::Full => "is full",
        DiskDoes::ReadOnly => "is read-only",
        DiskDoes::Stall => "stalls",
    }
}

impl fmt::Display for MailBehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MailBehaviour::Accepts => write!(f, "is accepted"),
            MailBehaviour::Defers => write!(f, "is deferred"),
            MailBehaviour::Rejects(address) => write!(f, "is rejected for {address}"),
            MailBehaviour::Swallows => write!(f, "is swallowed"),
            MailBehaviour::Away => write!(f, "is away"),
            MailBehaviour::Slow(ms) => write!(f, "takes {ms}ms"),
            MailBehaviour::Hangs(address) => write!(f, "hangs for {address}"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Subject(subject) => write!(f, "subject \"{subject}\""),
            Change::Recipient(address) => write!(f, "recipient {address}"),
            Change::NoRecipient(address) => write!(f, "without {address}"),
            Change::TimeoutMs(ms) => write!(f, "timeout {ms}ms"),
            Change::Port(port) => write!(f, "port {port}"),
            Change::Mailed(message, mailed) => {
                let how = if *mailed { "mailed" } else { "unmailed" };
                write!(f, "module {} {} {how}", message.module, message.event)
            }
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expectation::Lamp(server, look) => write!(f, "lamp {server} {}", lamp(*look)),
            Expectation::Mails {
                count,
                to,
                about,
                saying,
            } => {
                write!(f, "{count} mails")?;
                for (word, value) in [("to", to), ("about", about)] {
                    if let Some(value) = value {
                        write!(f, " {word} {value}")?;
                    }
                }
                saying
                    .iter()
                    .try_for_each(|words| write!(f, " saying \"{words}\""))
            }
            Expectation::Alert {
                on,
                module,
                event,
                count,
            } => match count {
                None => write!(f, "alert {module} {event} on {on}"),
                Some(count) => write!(f, "{count} alerts {module} {event} on {on}"),
            },
            Expectation::Sees(server, other, state) => write!(f, "{server} sees {other} {state}"),
            Expectation::Set(server, number) => write!(f, "{server} has set {number}"),
            Expectation::Unbroken => write!(f, "nothing is broken"),
            Expectation::Well => write!(f, "all is well"),
        }
    }
}

fn lamp(look: LampLook) -> &'static str {
    match look {
        LampLook::Out => "is out",
        LampLook::Green => "is green",
        LampLook::BlinksRed => "blinks red",
        LampLook::BlinksRedAndGreen => "blinks red and green",
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::{Scenario, parse};

    /// Every story of the repository, written and read again, is the same story.
    #[test]
    fn what_is_written_is_read_again() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios");
        let meanings = |story: &Scenario| -> Vec<_> {
            story.lines.iter().map(|line| line.what.clone()).collect()
        };
        let files = std::fs::read_dir(folder).expect("the repository has a folder of stories");
        let mut read = 0;
        for file in files {
            let path = file.expect("the folder can be read").path();
            let text = std::fs::read_to_string(&path).expect("a story can be read");
            let story = parse(&text).expect("it is one of ours");
            let again = parse(&story.to_string()).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(story.setup, again.setup, "{}", path.display());
            assert_eq!(meanings(&story), meanings(&again), "{}", path.display());
            read += 1;
        }
        assert!(read >= 20, "only {read} stories");
    }
}
