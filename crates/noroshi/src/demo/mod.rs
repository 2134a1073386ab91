//! `noroshi demo`: a cluster of real daemons on loopback that can be watched, broken and mended.
//!
//! *Use.* [`run`]. In a terminal it is a live view with keys ([`view`], [`keys`]); without one, or
//! with `--plain`, the same is told as lines ([`plain`]). A script ([`story`]) is played on it.
//!
//! *How.* One loop takes [`news::News`] from all sides, keeps what was seen in a [`scene::Scene`],
//! and lets things happen on the [`stage::Stage`].
//!
//! *Failure.* Whatever ends it — a key, a signal, an error — the servers are ended and their
//! directory is removed; after a kill or a panic the servers themselves see to it.

mod child;
mod keys;
mod news;
mod plain;
mod plan;
mod props;
mod scene;
mod screen;
pub(crate) mod server;
mod show;
mod signals;
mod stage;
mod story;
mod view;
mod watch;
mod words;

use crate::cli;
use crate::exit::{Exit, Failure};
use noroshi_core::config::Engine;
use noroshi_core::text::Language;
use noroshi_sim::scenario::{self, Scenario};
use plan::Plan;
use show::Show;
use std::io::IsTerminal;
use std::time::Instant;
use story::Player;

/// Most servers of a demonstration: each is a process.
const SERVERS_MAX: u8 = 9;

/// Runs the demonstration to its end.
///
/// # Errors
/// When the script cannot be read or played, or the cluster cannot be started; nothing is left
/// then.
pub(crate) fn run(options: &cli::Demo, language: Language) -> Result<Exit, Failure> {
    let begun = Instant::now();
    let is_view =
        !options.plain && std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    let text = match &options.script {
        Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
            let what = language.pick("cannot read", "読み込めません");
            let text = format!("{what}: {}: {error}", path.display());
            failure(Exit::of(error.kind()), &text)
        })?),
        None if is_view => None,
        None => Some(story::BUILT_IN.to_owned()),
    };
    let file = options.script.as_ref();
    let file = file.map(|path| format!("{}: ", path.display()));
    // Each line with the file that it stands in.
    let refused = |why: &str| {
        let file = file.as_deref().unwrap_or_default();
        failure(
            Exit::Usage,
            &format!("{file}{}", why.replace('\n', &format!("\n{file}"))),
        )
    };
    let scenario = match &text {
        Some(text) => {
            let read = scenario::parse(text);
            read.map_err(|error| refused(&error.to_string()))?
        }
        None => Scenario::default(),
    };
    check_size(&scenario, language).map_err(|why| refused(&why))?;
    // A story's expectations quote the English texts.
    let daemons = if text.is_some() {
        Language::En
    } else {
        language
    };
    let number = number();
    let plan = Plan::new(&scenario.setup, daemons, number)
        .map_err(|error| failure(Exit::Failed, &error))?;
    let player = match text {
        Some(_) => {
            let player = Player::new(scenario, &plan, options.patience);
            Some(player.map_err(|wrong| refused(&wrong.join("\n")))?)
        }
        None => None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| failure(Exit::Failed, &error.to_string()))?;
    Show::run(&runtime, (plan, number), player, is_view, (language, begun))
}

fn check_size(scenario: &Scenario, language: Language) -> Result<(), String> {
    let setup = &scenario.setup;
    if !(1..=SERVERS_MAX).contains(&setup.servers) || setup.interconnects == 0 {
        return Err(language.pick(
            format!("the demo plays 1 to {SERVERS_MAX} servers with 1 to 8 interconnects"),
            format!(
                "デモで使用できるのは 1 ～ {SERVERS_MAX} 台のサーバと 1 ～ 8 本のインタコネクトです"
            ),
        ));
    }
    if setup.licences.is_some() {
        let text = language.pick(
            "the demo's servers need no licence; only the simulated world of the tests plays this story",
            "デモのサーバにライセンスは不要です。この筋書きはテストのシミュレーションでのみ再生できます",
        );
        return Err(text.into());
    }
    if setup.engine != Engine::Embedded {
        let text = language.pick(
            "the demo has no Corosync; only the simulated world of the tests plays this story",
            "デモに Corosync はありません。この筋書きはテストのシミュレーションでのみ再生できます",
        );
        return Err(text.into());
    }
    if !setup.clocks.is_empty() {
        let text = language.pick(
            "the demo's servers share the host's clock; only the simulated world of the tests plays this story",
            "デモのサーバはホストの時計を共用します。この筋書きはテストのシミュレーションでのみ再生できます",
        );
        return Err(text.into());
    }
    Ok(())
}

/// Tells one demonstration from another; needs no secrecy.
fn number() -> u32 {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut bytes = [0; 4];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => u32::from_le_bytes(bytes),
        Err(_) => std::process::id(),
    }
}

fn failure(exit: Exit, text: &str) -> Failure {
    Failure::new(exit, format!("noroshi demo: {text}"))
}
