//! `noroshi engine advise`: when the first notice comes, by the ring's timing, and what is safe.
//!
//! No attachment to Corosync makes a notice sooner than the ring's own verdict, so this is the one thing to look at.

use super::{Context, corosync_conf};
use crate::cli::engine::Advise;
use crate::exit::{Exit, Failure};
use crate::print::say;
use noroshi_conf::corosync_conf::Timing;
use serde::Serialize;
use std::path::Path;
use std::process::{Command, Stdio};

/// Shorter time-outs of knet's own pings than this mark healthy links as down: its threads wake only every
/// 200 ms. Measured: at 150 ms false losses every few seconds on an idle machine, at 500 ms none under load.
const PING_TIMEOUT_SAFE_MS: u64 = 500;

/// A timing that was measured on three nodes.
struct Choice {
    token_ms: u64,
    first_notice_ms: u64,
    lines: &'static str,
}

/// What can be chosen, slowest first. The coefficient is 0, so the number of nodes does not count.
const CHOICES: [Choice; 2] = [
    Choice {
        token_ms: 1_000,
        first_notice_ms: 2_200,
        lines: "token: 1000\ntoken_coefficient: 0",
    },
    Choice {
        token_ms: 300,
        first_notice_ms: 660,
        lines: "token: 300\ntoken_coefficient: 0\ninterface {\n  linknumber: 0\n  knet_ping_interval: 250\n  knet_ping_timeout: 1000\n  knet_pong_count: 2\n}",
    },
];

pub(super) fn run(context: &mut Context, options: &Advise) -> Result<Exit, Failure> {
    let (timing, source) = timing(context, options)?;
    let safe = timing.ping_timeout_ms >= PING_TIMEOUT_SAFE_MS;
    if options.json {
        return json(context, &timing, &source, safe);
    }
    let language = context.language;
    let Timing {
        nodes,
        token_ms: token,
        consensus_ms: consensus,
        ping_timeout_ms: ping,
        ..
    } = timing;
    let seconds = seconds(timing.first_notice_ms());
    let mut lines = vec![language.pick(
        format!("Ring of {nodes} servers ({source}): token {token} ms, consensus {consensus} ms."),
        format!(
            "サーバ {nodes} 台のリング（{source}）: token {token} ms、consensus {consensus} ms。"
        ),
    )];
    if let Some(part) = timing.coefficient_ms.filter(|part| *part > 0) {
        lines.push(language.pick(
            format!("Of the token {part} ms come from token_coefficient, for each server beyond the second."),
            format!("token のうち {part} ms は token_coefficient によるものです（3 台目以降のサーバごとに加算）。"),
        ));
    }
    lines.push(language.pick(
        format!("The first notice of a lost server comes {seconds} s after its last word: token + consensus."),
        format!("サーバ障害の最初の通報は、最後の応答から {seconds} 秒後になります（token + consensus）。"),
    ));
    lines.push(match safe {
        true => language.pick(
            format!("This is safe: knet takes a link for down after {ping} ms."),
            format!("この設定は安全です。knet がリンクを切断と判断するまでの時間は {ping} ms です。"),
        ),
        false => language.pick(
            format!("THIS IS NOT SAFE: knet takes a link for down after {ping} ms, and then healthy servers are lost every few seconds. Set its pings by hand, as below."),
            format!("この設定は危険です。knet は {ping} ms でリンクを切断と判断するため、正常なサーバが数秒おきに失われます。下記のように knet の値を明示してください。"),
        ),
    });
    let sooner = CHOICES.iter().filter(|one| {
        one.first_notice_ms < timing.first_notice_ms() || (!safe && one.token_ms <= token)
    });
    for choice in sooner {
        let seconds = self::seconds(choice.first_notice_ms);
        lines.push(String::new());
        lines.push(language.pick(
            format!("For {seconds} s, in totem {{ }} of corosync.conf on every server, then \"corosync-cfgtool -R\":"),
            format!("{seconds} 秒にするには、全サーバの corosync.conf の totem {{ }} に次の行を書き、corosync-cfgtool -R を実行します:"),
        ));
        lines.extend(choice.lines.lines().map(|line| format!("    {line}")));
    }
    for line in lines {
        say!(context.out, "{line}")?;
    }
    Ok(Exit::Done)
}

fn timing(context: &Context, options: &Advise) -> Result<(Timing, String), Failure> {
    let default = Path::new("/etc/corosync/corosync.conf");
    if options.file.is_none()
        && let Some(timing) = running()
    {
        let source = context.pick("as Corosync runs", "動作中の Corosync");
        return Ok((timing, source.to_owned()));
    }
    let path = options.file.as_deref().unwrap_or(default);
    let conf = corosync_conf(context, path)?;
    Ok((conf.timing, path.display().to_string()))
}

/// What a running Corosync has made of its file.
fn running() -> Option<Timing> {
    let mut command = Command::new("corosync-cmapctl");
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    Timing::of_runtime(&String::from_utf8_lossy(&output.stdout))
}

fn seconds(ms: u64) -> String {
    match ms < 1_000 {
        true => format!("{}.{:02}", ms / 1_000, ms % 1_000 / 10),
        false => format!("{}.{}", ms / 1_000, ms % 1_000 / 100),
    }
}

fn json(context: &mut Context, timing: &Timing, source: &str, safe: bool) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Shown<'a> {
        source: &'a str,
        servers: u64,
        token_ms: u64,
        coefficient_ms: Option<u64>,
        consensus_ms: u64,
        knet_ping_timeout_ms: u64,
        first_notice_ms: u64,
        safe: bool,
        choices: Vec<ShownChoice>,
    }
    #[derive(Serialize)]
    struct ShownChoice {
        first_notice_ms: u64,
        totem: &'static str,
    }
    let choices = CHOICES.iter().map(|choice| ShownChoice {
        first_notice_ms: choice.first_notice_ms,
        totem: choice.lines,
    });
    context.json_line(&Shown {
        source,
        servers: timing.nodes,
        token_ms: timing.token_ms,
        coefficient_ms: timing.coefficient_ms,
        consensus_ms: timing.consensus_ms,
        knet_ping_timeout_ms: timing.ping_timeout_ms,
        first_notice_ms: timing.first_notice_ms(),
        safe,
        choices: choices.collect(),
    })?;
    Ok(Exit::Done)
}
