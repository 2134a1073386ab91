//! Reads a story. Each line is a sentence; the words are the grammar.

use super::{
    Change, CorosyncDoes, DiskDoes, Expectation, Happening, LampLook, Line, MailBehaviour,
    Scenario, Until, What,
};
use noroshi_core::alert::MessageId;
use noroshi_core::config::Engine;
use std::fmt;

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Line number, from 1.
    pub line: u32,
    /// The words as written.
    pub text: String,
    /// What would have been understood.
    pub hint: &'static str,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}: {:?} is not understood; {}",
            self.line, self.text, self.hint
        )
    }
}

impl std::error::Error for ParseError {}

const HAPPENINGS: &str = "after `at TIME`: SERVER is killed | loses power | stops | starts | is \
suspended | resumes | is cut off [on LAN] | is reconnected [on LAN] | does not hear SERVER | raises \
\"TEXT\" | puts lamp SERVER out | registers a licence [from TIME] | registers a trial until TIME | tests lamp SERVER | shuts the cluster down | takes settings CHANGE; \
settings CHANGE; SERVER pushes CHANGE | takes no sets | takes sets again, where a change is subject \"TEXT\" | recipient ADDRESS | without ADDRESS | timeout \
TIME | port PORT | module MODULE EVENT mailed | unmailed; the interconnects of SERVER are cut | are joined; the receivers of SERVER are cut | are joined; the network heals; everything works again; all servers \
start; SERVER is given faulty settings; the clock of SERVER is TIME ahead | behind; N% loss on LAN; lamp \
SERVER dies | answers | refuses | forgets; mail is accepted | deferred | swallowed | away | rejected for \
ADDRESS, mail takes TIME | hangs for ADDRESS; disk SERVER fails | works | is full | is read-only | stalls; register SERVER cannot be read | can be read; corosync SERVER stops | starts | dies | hangs | answers";
const EXPECTATIONS: &str = "after `expect`, with `by TIME` or `at TIME` at the end: lamp SERVER is \
out | is green | blinks red | blinks red and green; N mail(s) [to ADDRESS] [about SERVER] [saying \
\"TEXT\"]; alert | no alert | N alerts MODULE EVENT on SERVER; SERVER sees SERVER STATE; SERVER has set N; nothing is broken; all is well";

/// Reads a story.
///
/// # Errors
/// The first line that cannot be read.
pub fn parse(text: &str) -> Result<Scenario, ParseError> {
    let mut scenario = Scenario::default();
    for (at, raw) in text.lines().enumerate() {
        let line = raw.trim();
        let number = at as u32 + 1;
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let error = |hint| ParseError {
            line: number,
            text: line.to_string(),
            hint,
        };
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let what = match words.as_slice() {
            ["title", rest @ ..] => {
                scenario.title = rest.join(" ");
                continue;
            }
            ["rules", rest @ ..] => {
                scenario.rules = rest.iter().map(ToString::to_string).collect();
                continue;
            }
            ["servers", n] => {
                scenario.setup.servers = small(n, 32).ok_or(error("servers 1 to 32"))?;
                continue;
            }
            ["interconnects", n] => {
                scenario.setup.interconnects = small(n, 8).ok_or(error("interconnects 1 to 8"))?;
                continue;
            }
            ["mail", rest @ ..] if rest.iter().all(|word| word.contains('@')) => {
                scenario.setup.mail = rest.iter().map(ToString::to_string).collect();
                continue;
            }
            ["mute", "lamps"] => {
                scenario.setup.mute_lamps = true;
                continue;
            }
            ["no", "licence"] => {
                scenario.setup.licences = Some(Vec::new());
                continue;
            }
            ["trial", "until", time] => {
                let ms = millis(time).ok_or(error("a time is like 3s, 700ms, 2m"))?;
                scenario.setup.licences = Some(vec![ms.to_string()]);
                continue;
            }
            ["engine", "corosync"] => {
                scenario.setup.engine = Engine::Corosync;
                continue;
            }
            ["seed", seed] => {
                let seed = seed.parse().map_err(|_| error("a seed is a number"))?;
                scenario.setup.seed = Some(seed);
                continue;
            }
            ["shared", "lamp"] => {
                scenario.setup.shared_lamp = true;
                continue;
            }
            ["clock", server, time, way @ ("ahead" | "behind")] => {
                let ms = ahead(time, way).ok_or(error("a time is like 3s, 700ms, 2m"))?;
                scenario.setup.clocks.push((server.to_string(), ms));
                continue;
            }
            ["absent", rest @ ..] => {
                scenario.setup.absent = rest.iter().map(ToString::to_string).collect();
                continue;
            }
            ["at", time, rest @ ..] => {
                let time = millis(time).ok_or(error("a time is like 3s, 700ms, 2m"))?;
                What::Happens(time, happening(rest).ok_or(error(HAPPENINGS))?)
            }
            ["expect", rest @ .., when @ ("by" | "at"), time] => {
                let time = millis(time).ok_or(error("a time is like 3s, 700ms, 2m"))?;
                let until = if *when == "by" {
                    Until::By(time)
                } else {
                    Until::At(time)
                };
                What::Expected(expectation(rest).ok_or(error(EXPECTATIONS))?, until)
            }
            _ => {
                return Err(error(
                    "a line is title, rules, servers, interconnects, engine corosync, mail, shared lamp, mute lamps, seed, absent, clock SERVER TIME ahead|behind, at TIME …, or expect … by|at TIME",
                ));
            }
        };
        scenario.lines.push(Line {
            number,
            text: line.to_string(),
            what,
        });
    }
    Ok(scenario)
}

fn happening(words: &[&str]) -> Option<Happening> {
    use Happening as H;
    let s = |word: &&str| (*word).to_string();
    Some(match words {
        ["the", "network", "heals"] => H::Heals,
        [
            "the",
            "clock",
            "of",
            server,
            "is",
            time,
            way @ ("ahead" | "behind"),
        ] => H::Clock(s(server), ahead(time, way)?),
        ["the", "interconnects", "of", server, "are", "cut"] => H::Apart(s(server)),
        ["the", "interconnects", "of", server, "are", "joined"] => H::Together(s(server)),
        ["the", "receivers", "of", server, "are", "cut"] => H::ReceiversCut(s(server)),
        ["the", "receivers", "of", server, "are", "joined"] => H::ReceiversJoined(s(server)),
        ["everything", "works", "again"] => H::AllWorks,
        ["all", "servers", "start"] => H::AllStart,
        ["corosync", server, does @ ..] => H::Corosync(s(server), corosync(does)?),
        ["lamp", server, "dies"] => H::Lamp(s(server), false),
        ["lamp", server, "answers"] => H::Lamp(s(server), true),
        ["lamp", server, "refuses"] => H::LampRefuses(s(server)),
        ["lamp", server, "forgets"] => H::LampForgets(s(server)),
        ["mail", "is", "accepted"] => H::Mail(MailBehaviour::Accepts),
        ["mail", "is", "deferred"] => H::Mail(MailBehaviour::Defers),
        ["mail", "is", "swallowed"] => H::Mail(MailBehaviour::Swallows),
        ["mail", "is", "away"] => H::Mail(MailBehaviour::Away),
        ["mail", "takes", time] => H::Mail(MailBehaviour::Slow(millis(time)?)),
        ["mail", "hangs", "for", address] => H::Mail(MailBehaviour::Hangs(s(address))),
        ["mail", "is", "rejected", "for", address] => H::Mail(MailBehaviour::Rejects(s(address))),
        ["disk", server, does @ ..] => H::Disk(s(server), disk(does)?),
        [percent, "loss", "on", lan] => H::Loss(small(percent.strip_suffix('%')?, 100)?, s(lan)),
        ["settings", change @ ..] => H::Settings(None, settings(change)?),
        [server, "takes", "settings", change @ ..] => {
            H::Settings(Some(s(server)), settings(change)?)
        }
        [server, "is", "given", "faulty", "settings"] => H::FaultySettings(s(server)),
        [server, "pushes", change @ ..] => H::Pushes(s(server), settings(change)?),
        [server, "takes", "no", "sets"] => H::Sets(s(server), false),
        [server, "takes", "sets", "again"] => H::Sets(s(server), true),
        [server, "is", "killed"] => H::Killed(s(server)),
        [server, "loses", "power"] => H::LosesPower(s(server)),
        [server, "stops"] => H::Stops(s(server)),
        [server, "starts"] => H::Starts(s(server)),
        [server, "is", "suspended"] => H::Suspended(s(server)),
        [server, "resumes"] => H::Resumes(s(server)),
        [server, "is", "cut", "off"] => H::CutOff(s(server), None),
        [server, "is", "cut", "off", "on", lan] => H::CutOff(s(server), Some(s(lan))),
        [server, "is", "reconnected"] => H::Reconnected(s(server), None),
        [server, "is", "reconnected", "on", lan] => H::Reconnected(s(server), Some(s(lan))),
        [server, "does", "not", "hear", other] => H::Deaf(s(server), s(other)),
        [server, "raises", text] => H::Raises(s(server), s(text)),
        [server, "registers", "a", "licence"] => H::Licence(s(server), String::from("-")),
        [server, "registers", "a", "licence", "from", time] => {
            H::Licence(s(server), format!("from {}", millis(time)?))
        }
        [server, "registers", "a", "trial", "until", time] => {
            H::Licence(s(server), millis(time)?.to_string())
        }
        ["register", server, "cannot", "be", "read"] => H::Register(s(server), false),
        ["register", server, "can", "be", "read"] => H::Register(s(server), true),
        [server, "tests", "lamp", other] => H::LampTested(s(server), s(other)),
        [server, "puts", "lamp", other, "out"] => H::LampPutOut(s(server), s(other)),
        [server, "shuts", "the", "cluster", "down"] => H::Shutdown(s(server)),
        _ => return None,
    })
}

fn corosync(words: &[&str]) -> Option<CorosyncDoes> {
    Some(match words {
        ["starts"] => CorosyncDoes::Start,
        ["stops"] => CorosyncDoes::Stop,
        ["dies"] => CorosyncDoes::Die,
        ["hangs"] => CorosyncDoes::Hang,
        ["answers"] => CorosyncDoes::Answer,
        _ => return None,
    })
}

fn disk(words: &[&str]) -> Option<DiskDoes> {
    Some(match words {
        ["works"] => DiskDoes::Work,
        ["fails"] => DiskDoes::Fail,
        ["is", "full"] => DiskDoes::Full,
        ["is", "read-only"] => DiskDoes::ReadOnly,
        ["stalls"] => DiskDoes::Stall,
        _ => return None,
    })
}

fn settings(words: &[&str]) -> Option<Change> {
    let s = |word: &&str| (*word).to_string();
    Some(match words {
        ["subject", subject] => Change::Subject((*subject).to_string()),
        ["recipient", address] => Change::Recipient((*address).to_string()),
        ["without", address] => Change::NoRecipient((*address).to_string()),
        ["timeout", time] => Change::TimeoutMs(millis(time)?),
        ["port", port] => Change::Port(port.parse().ok()?),
        ["module", module, event, how @ ("mailed" | "unmailed")] => {
            let module = s(module);
            let event = event.parse().ok()?;
            Change::Mailed(MessageId { module, event }, *how == "mailed")
        }
        _ => return None,
    })
}

fn expectation(words: &[&str]) -> Option<Expectation> {
    let s = |word: &&str| (*word).to_string();
    Some(match words {
        ["lamp", server, look @ ..] => {
            let look = match look {
                ["is", "out"] => LampLook::Out,
                ["is", "green"] => LampLook::Green,
                ["blinks", "red"] => LampLook::BlinksRed,
                ["blinks", "red", "and", "green"] => LampLook::BlinksRedAndGreen,
                _ => return None,
            };
            Expectation::Lamp(s(server), look)
        }
        ["alert", module, event, "on", server] => alert(server, module, event, None)?,
        ["no", "alert", module, event, "on", server] => alert(server, module, event, Some(0))?,
        [count, "alerts", module, event, "on", server] => {
            alert(server, module, event, Some(count.parse().ok()?))?
        }
        [server, "sees", other, state] => Expectation::Sees(s(server), s(other), s(state)),
        ["nothing", "is", "broken"] => Expectation::Unbroken,
        ["all", "is", "well"] => Expectation::Well,
        [server, "has", "set", number] => Expectation::Set(s(server), number.parse().ok()?),
        [count, "mail" | "mails", rest @ ..] => mails(count, rest)?,
        _ => return None,
    })
}

fn alert(server: &str, module: &str, event: &str, count: Option<usize>) -> Option<Expectation> {
    let event = event.parse().ok()?;
    Some(Expectation::Alert {
        on: server.into(),
        module: module.into(),
        event,
        count,
    })
}

fn mails(count: &str, rest: &[&str]) -> Option<Expectation> {
    let count = match count {
        "no" => 0,
        "one" => 1,
        number => number.parse().ok()?,
    };
    let (mut to, mut about, mut saying) = (None, None, None);
    let mut pairs = rest.chunks_exact(2);
    for pair in &mut pairs {
        let field = match pair[0] {
            "to" => &mut to,
            "about" => &mut about,
            "saying" => &mut saying,
            _ => return None,
        };
        *field = Some(pair[1].to_string());
    }
    pairs.remainder().is_empty().then_some(Expectation::Mails {
        count,
        to,
        about,
        saying,
    })
}

/// Words, with what stands in quotes as one word.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('"').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_string());
        } else {
            words.extend(part.split_whitespace().map(str::to_string));
        }
    }
    words
}

fn millis(word: &str) -> Option<u64> {
    let (number, unit) = word.split_at(word.find(|c: char| c.is_ascii_alphabetic())?);
    let number: f64 = number
        .parse()
        .ok()
        .filter(|n: &f64| n.is_finite() && *n >= 0.0)?;
    let unit_ms = match unit {
        "ms" => 1.0,
        "s" => 1_000.0,
        "m" => 60_000.0,
        "h" => 3_600_000.0,
        _ => return None,
    };
    Some((number * unit_ms) as u64)
}

/// How far a clock is ahead, in milliseconds.
fn ahead(time: &str, way: &str) -> Option<i64> {
    let ms = i64::try_from(millis(time)?).ok()?;
    Some(if way == "ahead" { ms } else { -ms })
}

fn small(word: &str, most: u8) -> Option<u8> {
    word.parse().ok().filter(|n| *n <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_is_read() {
        let scenario = parse(
            "title A server loses power\nrules N4 M17\nservers 2\n\n# why\nat 3s sv2 loses power\n\
             expect lamp sv2 blinks red by 4s\nexpect one mail about sv2 saying \"is down\" at 1.5s",
        )
        .expect("the story above is well formed");
        assert_eq!(scenario.title, "A server loses power");
        assert_eq!(scenario.setup.servers, 2);
        assert_eq!(scenario.lines.len(), 3);
        assert_eq!(
            scenario.lines[0].what,
            What::Happens(3_000, Happening::LosesPower("sv2".into()))
        );
        assert!(matches!(
            &scenario.lines[2].what,
            What::Expected(Expectation::Mails { count: 1, saying: Some(text), .. }, Until::At(1_500))
                if text == "is down"
        ));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        let error = parse("title x\nat 3s sv2 explodes").expect_err("nothing explodes");
        assert_eq!(error.line, 2);
        assert!(error.to_string().contains("loses power"), "{error}");
    }
}
