//! The words of the view and of the lines, in both languages.

use super::stage::Life;
use noroshi_core::alert::Severity;
use noroshi_core::lamp::{Glow, Look};
use noroshi_core::request::Request;
use noroshi_core::status::ServerState;
use noroshi_core::text::Language;
use noroshi_sim::scenario::{Happening, MailBehaviour};

/// What a lamp shows.
pub(super) fn lamp(look: Look, language: Language) -> String {
    let lit: Vec<String> = lights(look, language)
        .into_iter()
        .flatten()
        .map(String::from)
        .collect();
    match lit.is_empty() {
        true => language.pick("OUT", "消灯").into(),
        false => lit.join(language.pick(" + ", "・")),
    }
}

/// What each of its lights shows, from the top; `None` when dark.
pub(super) fn lights(look: Look, language: Language) -> [Option<&'static str>; 3] {
    let word =
        |glow, on: (&'static str, &'static str), blink: (&'static str, &'static str)| match glow {
            Glow::Off => None,
            Glow::On => Some(language.pick(on.0, on.1)),
            Glow::Blink => Some(language.pick(blink.0, blink.1)),
        };
    [
        word(look.red, ("RED", "赤点灯"), ("RED BLINK", "赤点滅")),
        word(look.amber, ("AMBER", "黄点灯"), ("AMBER BLINK", "黄点滅")),
        word(look.green, ("GREEN", "緑点灯"), ("GREEN BLINK", "緑点滅")),
    ]
}

/// How a server is seen.
pub(super) fn state(state: Option<ServerState>, language: Language) -> &'static str {
    match state {
        None => language.pick("nobody looks", "確認者なし"),
        Some(ServerState::Unknown) => language.pick("not seen yet", "未確認"),
        Some(ServerState::Up) => language.pick("UP", "正常"),
        Some(ServerState::Stalled) => language.pick("NO ANSWER", "無応答"),
        Some(ServerState::Left) => language.pick("LEFT", "停止"),
        Some(ServerState::Down) => language.pick("DOWN", "ダウン"),
        Some(ServerState::Unseen) => language.pick("UNSEEN", "分断"),
    }
}

/// What became of a process; nothing for one that simply runs.
pub(super) fn life(life: Life, cut: bool, language: Language) -> &'static str {
    match (life, cut) {
        (Life::Runs, false) => "",
        (Life::Runs, true) => language.pick("network cut", "ネットワーク切断"),
        (Life::Suspended, _) => language.pick("paused", "一時停止"),
        (Life::Stopping, _) => language.pick("stopping", "停止中"),
        (Life::Stopped, _) => language.pick("stopped", "停止済み"),
        (Life::Killed, _) => language.pick("killed", "強制終了"),
        (Life::Failed, _) => language.pick("failed", "異常終了"),
    }
}

/// How bad an alert is.
pub(super) fn severity(severity: Severity, language: Language) -> &'static str {
    match severity {
        Severity::Info => language.pick("INFO", "情報"),
        Severity::Warning => language.pick("WARN", "警告"),
        Severity::Error => language.pick("ERROR", "エラー"),
    }
}

/// Why nothing can be asked of a server.
pub(super) fn no_process(name: &str, language: Language) -> String {
    language.pick(
        format!("{name} does not run; b brings it back"),
        format!("{name} は動作していません（b で復帰）"),
    )
}

/// What happens, in a sentence.
pub(super) fn happening(happening: &Happening, language: Language) -> String {
    use Happening as H;
    let say = |en: String, ja: String| language.pick(en, ja);
    let on = |lan: &Option<String>| {
        lan.as_ref()
            .map(|lan| (format!(" on {lan}"), format!("（{lan}）")))
    };
    match happening {
        H::Killed(s) => say(format!("{s} is killed"), format!("{s} を強制終了")),
        H::LosesPower(s) => say(format!("{s} loses power"), format!("{s} の電源断")),
        H::Stops(s) => say(format!("{s} stops cleanly"), format!("{s} を正常停止")),
        H::Starts(s) => say(format!("{s} starts"), format!("{s} を起動")),
        H::Suspended(s) => say(format!("{s} stands still"), format!("{s} を一時停止")),
        H::Resumes(s) => say(format!("{s} goes on"), format!("{s} を再開")),
        H::CutOff(s, lan) => {
            let (en, ja) = on(lan).unwrap_or_default();
            say(
                format!("{s}'s network is cut{en}"),
                format!("{s} のネットワークを切断{ja}"),
            )
        }
        H::Reconnected(s, lan) => {
            let (en, ja) = on(lan).unwrap_or_default();
            say(
                format!("{s} is reconnected{en}"),
                format!("{s} のネットワークを復旧{ja}"),
            )
        }
        H::Apart(s) => say(
            format!("only {s}'s interconnects are cut"),
            format!("{s} のインタコネクトだけを切断"),
        ),
        H::Together(s) => say(
            format!("{s}'s interconnects are joined"),
            format!("{s} のインタコネクトを復旧"),
        ),
        H::Heals => say(
            "the network heals".into(),
            "ネットワークがすべて復旧".into(),
        ),
        H::Lamp(s, false) => say(
            format!("the lamp of {s} dies"),
            format!("{s} の警告灯が無応答"),
        ),
        H::Lamp(s, true) => say(
            format!("the lamp of {s} answers again"),
            format!("{s} の警告灯が復旧"),
        ),
        H::LampForgets(s) => say(
            format!("the lamp of {s} loses power for a moment"),
            format!("{s} の警告灯が瞬断"),
        ),
        H::Mail(MailBehaviour::Accepts) => {
            say("mail is accepted".into(), "メールを受信可能に".into())
        }
        H::Mail(_) => say("mail is not accepted".into(), "メールを受信不可に".into()),
        H::Raises(s, _) => say(
            format!("a script on {s} raises an alert"),
            format!("{s} でアラートを出力"),
        ),
        H::LampPutOut(s, other) => say(
            format!("{s} is asked to put the lamp of {other} out"),
            format!("{other} の警告灯を消灯（{s} で実行）"),
        ),
        H::LampTested(s, other) => say(
            format!("{s} is asked to test the lamp of {other}"),
            format!("{other} の警告灯をテスト（{s} で実行）"),
        ),
        H::Shutdown(s) => say(
            format!("the cluster is shut down from {s}"),
            format!("クラスタをシャットダウン（{s} で実行）"),
        ),
        // Refused before anything starts.
        H::Deaf(..)
        | H::ReceiversCut(_)
        | H::ReceiversJoined(_)
        | H::AllWorks
        | H::AllStart
        | H::FaultySettings(_)
        | H::LampRefuses(_)
        | H::Clock(..)
        | H::Loss(..)
        | H::Disk(..)
        | H::Settings(..)
        | H::Licence(..)
        | H::Register(..)
        | H::Corosync(..)
        | H::Pushes(..)
        | H::Sets(..) => String::new(),
    }
}

/// What a server is asked for, in a sentence.
pub(super) fn request(request: &Request, language: Language) -> String {
    match request {
        Request::LampTest { server } => language.pick(
            format!("lamp test of {server}"),
            format!("{server} の警告灯をテスト"),
        ),
        Request::LampOff { server } => language.pick(
            format!("the lamp of {server} is put out"),
            format!("{server} の警告灯を消灯"),
        ),
        Request::MailTest => language.pick("test mail", "テストメール").into(),
        Request::LicencesChanged => language
            .pick("licences are read", "ライセンスを再読み込み")
            .into(),
        Request::Acknowledge { .. } => language
            .pick("an alert is acknowledged", "アラートに対応を記録")
            .into(),
        Request::Raise { .. } => language.pick("an alert is raised", "アラートを出力").into(),
        Request::Push { .. } => language
            .pick("a configuration is pushed", "構成情報を配布")
            .into(),
        Request::Stop { .. } => language.pick("stop", "停止").into(),
    }
}

/// The server that a happening is about, if one.
pub(super) fn subject(happening: &Happening) -> Option<&str> {
    use Happening as H;
    match happening {
        H::Killed(s)
        | H::LosesPower(s)
        | H::Stops(s)
        | H::Starts(s)
        | H::Suspended(s)
        | H::Resumes(s)
        | H::CutOff(s, _)
        | H::Reconnected(s, _)
        | H::Lamp(s, _)
        | H::LampForgets(s)
        | H::Apart(s)
        | H::Together(s)
        | H::LampTested(_, s)
        | H::Raises(s, _)
        | H::LampPutOut(_, s)
        | H::Shutdown(s) => Some(s),
        H::Pushes(s, _) | H::Sets(s, _) => Some(s),
        H::Clock(s, _) => Some(s),
        H::ReceiversCut(s) | H::ReceiversJoined(s) => Some(s),
        H::LampRefuses(s) | H::FaultySettings(s) => Some(s),
        H::Heals
        | H::AllWorks
        | H::AllStart
        | H::Mail(_)
        | H::Deaf(..)
        | H::Loss(..)
        | H::Disk(..)
        | H::Settings(..)
        | H::Licence(..)
        | H::Corosync(..)
        | H::Register(..) => None,
    }
}

/// Where the console is, and what is to be done there first.
pub(super) fn console(link: &str, language: Language) -> String {
    language.pick(format!("console: {link}"), format!("コンソール: {link}"))
}
