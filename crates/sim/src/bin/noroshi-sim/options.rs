//! What was asked for on the command line.

pub(crate) const USAGE: &str = "\
noroshi-sim VERB

Clusters of noroshi on virtual time, under faults that a seed chooses; then all heals, and all must be well.
Seven seeds of eight tell of dense faults, every eighth of a month with a fault every few hours. Times in which
nothing but heartbeats and readings of lamps happens are passed over, which changes nothing; what was played is said.

  seed N              tell the story of one seed, with what happened when and what was broken
  run --seeds COUNT   tell so many stories on all cores; a failing one is made as short as it will go
                      and printed as a scenario file
      --from N        the first seed [1]
      --jobs J        stories at a time [one a core]
      --hours H       stop when so many hours have been simulated
      --exact         play each heartbeat, also where nothing else happens: the same stories, far slower
  play FILE...        play scenario files, with their seeds
  help                this text

Exit code: 0 nothing broken, 1 something broken, 2 called wrongly.";

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Help,
    Seed(u64),
    Run(Asked),
    Play(Vec<String>),
}

/// Which stories are to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) seeds: u64,
    pub(crate) from: u64,
    pub(crate) jobs: usize,
    pub(crate) hours: Option<u64>,
    pub(crate) exact: bool,
}

/// Reads the command line.
///
/// # Errors
/// What cannot be made sense of, for people.
pub(crate) fn read(words: &[&str]) -> Result<Verb, String> {
    match words {
        ["help" | "--help" | "-h", ..] => Ok(Verb::Help),
        ["seed", seed] => Ok(Verb::Seed(number("seed", seed)?)),
        ["seed", ..] => Err("seed wants one number".into()),
        ["play", files @ ..] if !files.is_empty() => {
            Ok(Verb::Play(files.iter().map(ToString::to_string).collect()))
        }
        ["play"] => Err("play wants a scenario file".into()),
        ["run", options @ ..] => Ok(Verb::Run(read_run(options)?)),
        [] => Err("no verb".into()),
        [other, ..] => Err(format!("cannot make sense of: {other}")),
    }
}

fn read_run(words: &[&str]) -> Result<Asked, String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut asked = Asked {
        seeds: u64::MAX,
        from: 1,
        jobs: cores,
        hours: None,
        exact: false,
    };
    let mut rest = words.iter();
    while let Some(option) = rest.next() {
        if *option == "--exact" {
            asked.exact = true;
            continue;
        }
        let value = rest.next().ok_or(format!("{option} wants a number"));
        match *option {
            "--seeds" => asked.seeds = number(option, value?)?,
            "--from" => asked.from = number(option, value?)?,
            "--jobs" => asked.jobs = number(option, value?)?.clamp(1, 256) as usize,
            "--hours" => asked.hours = Some(number(option, value?)?),
            other => return Err(format!("cannot make sense of: {other}")),
        }
    }
    if asked.seeds == u64::MAX && asked.hours.is_none() {
        return Err("run wants --seeds COUNT or --hours H".into());
    }
    Ok(asked)
}

fn number(what: &str, word: &str) -> Result<u64, String> {
    word.parse()
        .map_err(|_| format!("{what} wants a whole number, not {word:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_read() {
        assert_eq!(read(&["seed", "195"]), Ok(Verb::Seed(195)));
        let Ok(Verb::Run(asked)) = read(&["run", "--seeds", "20", "--from", "7", "--jobs", "3"])
        else {
            panic!("the command line above is well formed");
        };
        assert_eq!((asked.seeds, asked.from, asked.jobs), (20, 7, 3));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (words, named) in [
            (&["seed", "x"][..], "\"x\""),
            (&["run"], "--seeds"),
            (&["run", "--seeds"], "--seeds"),
            (&["run", "--speed", "3"], "--speed"),
            (&["walk"], "walk"),
        ] {
            let why = read(words).expect_err("that makes no sense");
            assert!(why.contains(named), "{words:?}: {why}");
        }
    }
}
