//! The message table: every message this product raises, with its default destinations (rule M10).
//!
//! Modules, event ids, severities and ticks are the real product's where it has the message; ids
//! from 1001 on are ours. Each text exists in both languages; `%1`, `%2` … are its arguments. The
//! alert service's own messages 1 to 4 (module `mail`) and 5, 6 and 7 (module `lamp`) are kept to the
//! letter (rule M13).

use super::{Destinations, MessageId, Severity, tidy_text};
use crate::text::Language;
use alloc::string::{String, ToString};

/// A message of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table below says what each one means")]
pub enum Message {
    DaemonStarted,
    DaemonStopping,
    SettingsFaulty,
    SettingsTaken,
    SetsDiffer,
    ServerStarted,
    ServerDown,
    PathUp,
    PathDown,
    StartWaiting,
    AllUp,
    StartWaitOver,
    ServerBack,
    ServerLeft,
    ServiceSilent,
    ServiceAnswers,
    ServiceRestarted,
    OwnPause,
    Partition,
    PartitionOver,
    PartitionOverForMany,
    ServerRefused,
    RingBlind,
    RingSees,
    RingLeft,
    RingRejoined,
    RingLinkDown,
    RingLinkUp,
    LampDone,
    LampAbnormal,
    LampFailed,
    LampStrayed,
    MailFailed,
    MailGivenUp,
    LicenceMissing,
    TrialExpired,
    LicenceInvalid,
    LicenceUnknown,
    LicenceValidAgain,
    LicenceEnds,
    LicenceKeyTwice,
    StoreFaulty,
    StoreBack,
    StoreSetAside,
    ShutdownAsked,
    GroupStarted,
    GroupStopped,
    GroupMoved,
    GroupFailedOver,
    GroupFailedBack,
    GroupDown,
    GroupHeld,
    GroupPartial,
    InstanceLost,
    GroupTwice,
    ResourceStartFailed,
    ResourceStopFailed,
    MonitorFault,
    MonitorRecovered,
    FencingAsked,
    FencingDone,
    FencingFailed,
    QuorumLost,
    QuorumBack,
    StandbySet,
    StandbyUnset,
    MaintenanceSet,
    MaintenanceUnset,
    ClusterStops,
    ClusterRuns,
    PacemakerUnreadable,
    PacemakerReadable,
    PacemakerReportsLost,
    Test,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which message.
    pub message: Message,
    /// Module name.
    pub module: &'static str,
    /// Event id.
    pub event: u32,
    /// Severity.
    pub severity: Severity,
    /// Default destinations.
    pub destinations: Destinations,
    /// English text.
    pub en: &'static str,
    /// Japanese text.
    pub ja: &'static str,
}

/// Alert view and syslog: the ticks of nearly every message.
const SHOWN: Destinations = Destinations {
    alert: true,
    syslog: true,
    mail: false,
    trap: false,
    command: false,
};
/// Mail and SNMP trap as well: ticked together, as in the real product.
const TOLD: Destinations = Destinations {
    alert: true,
    syslog: true,
    mail: true,
    trap: true,
    command: false,
};

const fn r(
    message: Message,
    module: &'static str,
    event: u32,
    severity: Severity,
    destinations: Destinations,
    en: &'static str,
    ja: &'static str,
) -> Row {
    Row {
        message,
        module,
        event,
        severity,
        destinations,
        en,
        ja,
    }
}

use Message as M;
use Severity::{Error, Info, Warning};

/// Every message, each once.
#[rustfmt::skip]
pub const CATALOGUE: &[Row] = &[
    r(M::DaemonStarted, "pm", 1, Info, SHOWN,
        "The alert service has started on server %1.",
        "サーバ %1 でアラートサービスが起動しました。"),
    r(M::DaemonStopping, "pm", 2, Info, SHOWN,
        "The alert service on server %1 is stopping.",
        "サーバ %1 のアラートサービスを停止します。"),
    r(M::SettingsFaulty, "pm", 13, Error, TOLD,
        "The new settings are faulty and were not taken; the old ones stay in force. %1",
        "新しい設定に誤りがあるため反映しませんでした。これまでの設定で動作を続けます。%1"),
    r(M::SettingsTaken, "cfmgr", 1, Info, SHOWN,
        "New settings were taken from %1.",
        "%1 から新しい設定を反映しました。"),
    r(M::SetsDiffer, "cfmgr", 1001, Warning, TOLD,
        "Configurations were pushed apart from each other: server %1 has set %2, server %3 has set %4, and neither follows the other. Nothing is overridden; push the right one again.",
        "構成情報が別々に配布されました: サーバ %1 は構成情報 %2、サーバ %3 は構成情報 %4 で、一方が他方の後継ではありません。自動では上書きしません。正しいものを配布し直してください。"),
    r(M::ServerStarted, "nm", 1, Info, SHOWN,
        "Server %1 has started.",
        "サーバ %1 が起動しました。"),
    r(M::ServerDown, "nm", 2, Info, TOLD,
        "Server %1 is down: %2. %3",
        "サーバ %1 がダウンしました: %2。%3"),
    r(M::PathUp, "nm", 3, Info, SHOWN,
        "Interconnect %2 to server %1 is back.",
        "サーバ %1 へのインタコネクト %2 が復旧しました。"),
    r(M::PathDown, "nm", 4, Info, SHOWN,
        "Interconnect %2 to server %1 is silent; the server is heard on another one.",
        "サーバ %1 へのインタコネクト %2 が途絶えました。サーバ自体は別の経路で応答しています。"),
    r(M::StartWaiting, "nm", 5, Info, SHOWN,
        "Waiting for the other servers: %1.",
        "他のサーバの起動を待っています: %1。"),
    r(M::AllUp, "nm", 6, Info, SHOWN,
        "All servers are up.",
        "すべてのサーバが起動しました。"),
    r(M::StartWaitOver, "nm", 8, Error, SHOWN,
        "The wait for the other servers is over; not seen so far: %1.",
        "他のサーバの起動待ちを終了しました（まだ確認できないサーバ: %1）。"),
    r(M::ServerBack, "nm", 1001, Info, TOLD,
        "Server %1 is back; it was not seen for %2.",
        "サーバ %1 が復旧しました（確認できなかった時間: %2）。"),
    r(M::ServerLeft, "nm", 1002, Info, SHOWN,
        "Server %1 has stopped normally.",
        "サーバ %1 が正常に停止しました。"),
    r(M::ServiceSilent, "nm", 1003, Warning, SHOWN,
        "The alert service on server %1 does not answer, but its host does.",
        "サーバ %1 のホストは応答していますが、アラートサービスが応答しません。"),
    r(M::ServiceAnswers, "nm", 1004, Info, SHOWN,
        "The alert service on server %1 answers again after %2.",
        "サーバ %1 のアラートサービスが %2 後に再び応答しました。"),
    r(M::ServiceRestarted, "nm", 1005, Warning, SHOWN,
        "The alert service on server %1 ended without a word and was back at once.",
        "サーバ %1 のアラートサービスが予告なく終了し、すぐに再起動しました。"),
    r(M::OwnPause, "nm", 1006, Warning, SHOWN,
        "The alert service on server %1 itself stood still for %2; no verdict was made from that time.",
        "サーバ %1 のアラートサービス自身が %2 の間停止していました。その間の判定は行っていません。"),
    r(M::Partition, "nm", 1030, Error, TOLD,
        "Network partition: server %1 sees %2 of %3 servers, which is no majority. Not seen: %4. They may be down, or running on the other side.",
        "ネットワークパーティションを検出しました: サーバ %1 から見えるサーバは %3 台中 %2 台で、過半数ではありません。見えないサーバ: %4。ダウンしているか、分断の反対側で動作しています。"),
    r(M::PartitionOver, "nm", 1031, Info, TOLD,
        "Server %1 is seen again after %2; it had been running all the time, so the network between the servers was cut.",
        "サーバ %1 が %2 後に再び見えるようになりました。動作を続けていたため、サーバ間のネットワークが分断されていました。"),
    r(M::PartitionOverForMany, "nm", 1032, Info, TOLD,
        "Servers %1 are seen again after %2; they had been running all the time, so the network between the servers was cut.",
        "サーバ %1 が %2 後に再び見えるようになりました。いずれも動作を続けていたため、サーバ間のネットワークが分断されていました。"),
    r(M::ServerRefused, "nm", 1040, Error, TOLD,
        "Server %1 is refused as a server of this cluster: %2.",
        "サーバ %1 をこのクラスタのサーバとして受け入れません: %2。"),
    r(M::RingBlind, "nm", 1061, Error, TOLD,
        "Server %1 does not see the cluster: %2. It judges no other server until that is over; the others go on. %3",
        "サーバ %1 からクラスタの状態が見えません: %2。解消するまで他サーバの判定は行いません。他サーバは動作を続けます。%3"),
    r(M::RingSees, "nm", 1062, Info, SHOWN,
        "Server %1 sees the cluster again after %2.",
        "サーバ %1 は %2 後に再びクラスタの状態を確認できるようになりました。"),
    r(M::RingLeft, "nm", 1063, Warning, SHOWN,
        "Corosync was stopped in order on server %1, as a person does. Nobody watches that server until it is started again: pcs cluster start %1. Seen by: %2.",
        "サーバ %1 で Corosync が正常に停止しました（操作による停止）。再び起動するまで、このサーバは監視されません（起動: pcs cluster start %1）。確認したサーバ: %2。"),
    r(M::RingRejoined, "nm", 1064, Info, SHOWN,
        "Server %1 is back in the Corosync ring; its alert service has run all the time.",
        "サーバ %1 が Corosync のリングに復帰しました。アラートサービスは動作を続けていました。"),
    r(M::RingLinkDown, "nm", 1065, Warning, SHOWN,
        "Interconnect %2 to server %1 is silent: Corosync's link is down. That is no verdict on the server.",
        "サーバ %1 へのインタコネクト %2 が途絶えました（Corosync のリンク断）。サーバの判定ではありません。"),
    r(M::RingLinkUp, "nm", 1066, Info, SHOWN,
        "Interconnect %2 to server %1 is back: Corosync's link is up.",
        "サーバ %1 へのインタコネクト %2 が復旧しました（Corosync のリンク復旧）。"),
    r(M::LampDone, "lamp", 5, Info, SHOWN,
        "The warning light report has executed successfully.",
        "The warning light report has executed successfully."),
    r(M::LampAbnormal, "lamp", 6, Error, SHOWN,
        "The execution result of warning light command was abnormal.(%1)",
        "The execution result of warning light command was abnormal.(%1)"),
    r(M::LampFailed, "lamp", 7, Error, SHOWN,
        "Failed to execute warning light command.(%1)",
        "Failed to execute warning light command.(%1)"),
    r(M::LampStrayed, "lamp", 1001, Warning, SHOWN,
        "The warning light of server %1 showed something else than it was told; it was set right.",
        "サーバ %1 の警告灯が指示と異なる表示をしていたため、正しい表示に戻しました。"),
    r(M::MailFailed, "mail", 5, Error, SHOWN,
        "A mail to %1 could not be sent (%2); it is kept and tried again.",
        "%1 へのメールを送信できませんでした（%2）。保存して再送します。"),
    r(M::MailGivenUp, "mail", 1005, Error, SHOWN,
        "A mail to %1 was not delivered and is given up: %2.",
        "%1 へのメールは配信できず、送信を断念しました: %2。"),
    r(M::LicenceMissing, "mail", 1, Error, SHOWN,
        "The license is not registered. (%1)",
        "The license is not registered. (%1)"),
    r(M::TrialExpired, "mail", 2, Error, SHOWN,
        "The trial license has expired on %2. (%1)",
        "The trial license has expired on %2. (%1)"),
    r(M::LicenceInvalid, "mail", 3, Error, SHOWN,
        "The registered license is invalid. (%1)",
        "The registered license is invalid. (%1)"),
    r(M::LicenceUnknown, "mail", 4, Error, SHOWN,
        "The registered license is unknown. (%1)",
        "The registered license is unknown. (%1)"),
    r(M::LicenceValidAgain, "lcns", 1001, Info, SHOWN,
        "The licences suffice on server %1: mails are sent and warning lights switched from now on. %2",
        "サーバ %1 でライセンスが有効になりました。メール通報と警告灯の使用を再開します。%2"),
    r(M::LicenceEnds, "lcns", 1002, Warning, TOLD,
        "The licences suffice only until the end of %1 (days left: %2 at most). After that no mails are sent and no warning lights switched. Register further ones: clplcnsc -i.",
        "ライセンスの有効期限は %1 までです（残り %2 日以内）。期限後はメール通報と警告灯が停止します。clplcnsc -i で新しいライセンスを登録してください。"),
    r(M::LicenceKeyTwice, "lcns", 1003, Warning, SHOWN,
        "The licence key of %1 was registered on several servers (%2); it counts once. Register the key of another sheet for each of the others: clplcnsc -i.",
        "ライセンスキー %1 が複数のサーバ（%2）で登録されています。有効なのは一台分だけです。残りのサーバには別のシートのキーを clplcnsc -i で登録してください。"),
    r(M::StoreFaulty, "store", 1001, Error, TOLD,
        "The alert store of server %1 failed (%2). Alerts are told from memory: a crash now would lose them.",
        "サーバ %1 のアラート保存領域に障害が発生しました（%2）。メモリ上で通報を続けますが、異常終了すると失われます。"),
    r(M::StoreBack, "store", 1002, Info, SHOWN,
        "The alert store of server %1 works again.",
        "サーバ %1 のアラート保存領域が復旧しました。"),
    r(M::StoreSetAside, "store", 1003, Error, TOLD,
        "The alert store of server %1 was damaged and set aside as %2; a new one was begun.",
        "サーバ %1 のアラート保存領域が破損していたため %2 に退避し、新しく作成しました。"),
    r(M::ShutdownAsked, "down", 1, Info, SHOWN,
        "Cluster shutdown was asked for on server %1.",
        "サーバ %1 でクラスタシャットダウンが要求されました。"),
    r(M::GroupStarted, "rc", 11, Info, SHOWN,
        "%1 has started on server %2.%3",
        "%1 がサーバ %2 で起動しました。%3"),
    r(M::GroupStopped, "rc", 21, Info, SHOWN,
        "%1 was stopped on server %2, as somebody asked.",
        "操作により、%1 をサーバ %2 で停止しました。"),
    r(M::ResourceStartFailed, "rc", 32, Error, TOLD,
        "%1 could not be started on server %2: %3.",
        "%1 をサーバ %2 で起動できませんでした: %3。"),
    r(M::ResourceStopFailed, "rc", 42, Error, TOLD,
        "%1 could not be stopped on server %2: %3.",
        "%1 をサーバ %2 で停止できませんでした: %3。"),
    r(M::GroupMoved, "rc", 51, Info, SHOWN,
        "%1 was moved from server %2 to server %3: %4. It was away for %5.",
        "%1 をサーバ %2 からサーバ %3 へ移動しました: %4。停止していた時間は %5 です。"),
    r(M::GroupFailedOver, "rc", 61, Info, TOLD,
        "%1 has failed over from server %2 to server %3: %4. It was away for %5.",
        "%1 がサーバ %2 からサーバ %3 へフェイルオーバしました: %4。停止していた時間は %5 です。"),
    r(M::GroupFailedBack, "rc", 75, Info, SHOWN,
        "%1 has failed back from server %2 to server %3, which it prefers. It was away for %4.",
        "%1 がサーバ %2 から、優先するサーバ %3 へフェイルバックしました。停止していた時間は %4 です。"),
    r(M::GroupTwice, "rc", 92, Error, TOLD,
        "%1 is active on several servers at the same time: %2. Its data is in danger.",
        "%1 が複数のサーバで同時に動作しています: %2。データが破損するおそれがあります。"),
    r(M::FencingAsked, "rc", 411, Info, SHOWN,
        "Server %1 is lost and is to be fenced (switched off or started again).",
        "サーバ %1 が失われたため、フェンシング（強制停止または再起動）を実行します。"),
    r(M::FencingDone, "rc", 412, Info, SHOWN,
        "Server %1 was fenced%2. Seen by: %3.",
        "サーバ %1 のフェンシングが完了しました%2。確認したサーバ: %3。"),
    r(M::FencingFailed, "rc", 431, Error, TOLD,
        "Server %1 could not be fenced: %2. Pacemaker tries again; what ran on %1 stays down until it succeeds. Seen by: %3. What was tried: stonith_admin --history %1.",
        "サーバ %1 のフェンシングに失敗しました: %2。Pacemaker は再試行を続け、成功するまで %1 で動作していたものは停止したままです。確認したサーバ: %3。経過は stonith_admin --history %1 で確認できます。"),
    r(M::GroupDown, "rc", 1001, Error, TOLD,
        "%1 runs on no server, and nothing is starting it.%2 %3",
        "%1 はどのサーバでも動作しておらず、起動処理も行われていません。%2%3"),
    r(M::GroupHeld, "rc", 1002, Error, TOLD,
        "%1 stays down: server %2 is lost and was not fenced (%3), so Pacemaker starts it nowhere else. Make sure that %2 is switched off, then run \"stonith_admin --confirm %2\".",
        "%1 は停止したままです: 失われたサーバ %2 がフェンシングされていないため（%3）、Pacemaker は他のサーバで起動しません。%2 の電源が切れていることを確認してから stonith_admin --confirm %2 を実行してください。"),
    r(M::GroupPartial, "rc", 1003, Error, TOLD,
        "%1 runs only in part on server %2: %3 does not run, and nothing is starting it. %4",
        "%1 はサーバ %2 で一部だけが動作しています: %3 は動作しておらず、起動処理も行われていません。%4"),
    r(M::InstanceLost, "rc", 1004, Error, TOLD,
        "%1 does not run on server %2 any more, although that server is up. It runs on: %3. %4",
        "サーバ %2 は動作していますが、%1 はこのサーバで動作しなくなりました。動作中のサーバ: %3。%4"),
    r(M::MonitorFault, "rm", 9, Error, TOLD,
        "Monitoring found a fault of %1 on server %2: %3.",
        "サーバ %2 で %1 の異常を検出しました: %3。"),
    r(M::MonitorRecovered, "rm", 26, Info, SHOWN,
        "%1 works again on server %2, after %3.%4",
        "サーバ %2 で %1 が %3 後に復旧しました。%4"),
    r(M::QuorumLost, "nm", 1070, Error, TOLD,
        "Server %1 is on a side without quorum: Pacemaker runs no groups here until it is back.",
        "サーバ %1 の側はクォーラムを失いました。回復するまで、Pacemaker はこちら側でグループを動作させません。"),
    r(M::QuorumBack, "nm", 1071, Info, SHOWN,
        "The side of server %1 has its quorum back after %2.",
        "サーバ %1 の側のクォーラムが %2 後に回復しました。"),
    r(M::StandbySet, "nm", 1072, Info, SHOWN,
        "Server %1 was put into standby%2: groups do not run there until that is unset.",
        "サーバ %1 をスタンバイにしました%2。解除するまで、このサーバではグループが動作しません。"),
    r(M::StandbyUnset, "nm", 1073, Info, SHOWN,
        "Standby of server %1 was unset%2: groups may run there again.",
        "サーバ %1 のスタンバイを解除しました%2。グループを再び動作させることができます。"),
    r(M::MaintenanceSet, "nm", 1074, Info, SHOWN,
        "Maintenance was set for %1%2: Pacemaker neither watches nor moves groups there until it is unset.",
        "%1 をメンテナンスモードにしました%2。解除するまで、Pacemaker はグループの監視も移動も行いません。"),
    r(M::MaintenanceUnset, "nm", 1075, Info, SHOWN,
        "Maintenance was unset for %1%2: Pacemaker sees to the groups again.",
        "%1 のメンテナンスモードを解除しました%2。Pacemaker がグループの管理を再開します。"),
    r(M::ClusterStops, "nm", 1076, Info, SHOWN,
        "Cluster shutdown: Pacemaker is being stopped on all servers (%1). Groups stop and warning lights go out.",
        "クラスタシャットダウン: すべてのサーバ（%1）で Pacemaker を停止しています。グループは停止し、警告灯は消灯します。"),
    r(M::ClusterRuns, "nm", 1077, Info, SHOWN,
        "Pacemaker runs on server %1 again after the cluster shutdown.",
        "クラスタシャットダウンの後、サーバ %1 で Pacemaker が再び動作しています。"),
    r(M::PacemakerUnreadable, "pcmk", 1001, Warning, SHOWN,
        "Pacemaker's state cannot be read on server %1: %2. Where groups run is not known here meanwhile.",
        "サーバ %1 で Pacemaker の状態を取得できません: %2。その間、グループの状態はこのサーバでは分かりません。"),
    r(M::PacemakerReadable, "pcmk", 1002, Info, SHOWN,
        "Pacemaker's state can be read again on server %1.",
        "サーバ %1 で Pacemaker の状態を再び取得できるようになりました。"),
    r(M::PacemakerReportsLost, "pcmk", 1003, Warning, SHOWN,
        "%2 reports of Pacemaker on server %1 were lost, because too many waited for the alert service. Look at the cluster's state.",
        "アラートサービスの処理待ちが上限に達したため、サーバ %1 で Pacemaker からの報告 %2 件が失われました。クラスタの状態を確認してください。"),
    r(M::Test, "test", 1001, Info, TOLD,
        "Test notice from server %1. Nothing is wrong.",
        "サーバ %1 からのテスト通報です。異常はありません。"),
];

/// The row of a message.
pub fn row(message: Message) -> &'static Row {
    CATALOGUE
        .iter()
        .find(|row| row.message == message)
        .unwrap_or(&CATALOGUE[0])
}

/// The row with this module and event id, if the table has one.
pub fn row_by_id(id: &MessageId) -> Option<&'static Row> {
    CATALOGUE
        .iter()
        .find(|row| row.module == id.module && row.event == id.event)
}

impl Row {
    /// The message's module and event id.
    pub fn id(&self) -> MessageId {
        MessageId {
            module: self.module.to_string(),
            event: self.event,
        }
    }

    /// The text with its arguments filled in, tidied to one line.
    pub fn text(&self, language: Language, arguments: &[&str]) -> String {
        let template = language.pick(self.en, self.ja);
        let mut text = String::with_capacity(template.len() + 32);
        let mut rest = template.chars().peekable();
        while let Some(c) = rest.next() {
            let argument = match (c, rest.peek().and_then(|digit| digit.to_digit(10))) {
                ('%', Some(n)) if n > 0 => arguments.get(n as usize - 1),
                _ => None,
            };
            match argument {
                Some(argument) => {
                    text.push_str(argument);
                    rest.next();
                }
                None => text.push(c),
            }
        }
        tidy_text(text.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: M10
    #[test]
    fn each_message_stands_in_the_table_once() {
        for (at, row) in CATALOGUE.iter().enumerate() {
            for other in &CATALOGUE[at + 1..] {
                assert_ne!(row.message, other.message);
                assert_ne!((row.module, row.event), (other.module, other.event));
            }
        }
    }

    /// Rule: M10
    #[test]
    fn both_languages_take_the_same_arguments() {
        for row in CATALOGUE {
            for n in 1..=9 {
                let mark = alloc::format!("%{n}");
                assert_eq!(
                    row.en.contains(&mark),
                    row.ja.contains(&mark),
                    "{:?}",
                    row.message
                );
            }
        }
    }

    /// Rule: M13
    #[test]
    fn the_manuals_texts_are_kept_to_the_letter() {
        for language in [Language::En, Language::Ja] {
            let text = |message, arguments: &[&str]| row(message).text(language, arguments);
            assert_eq!(
                text(Message::LampDone, &[]),
                "The warning light report has executed successfully."
            );
            assert_eq!(
                text(Message::LampAbnormal, &["12"]),
                "The execution result of warning light command was abnormal.(12)"
            );
            assert_eq!(
                text(Message::LampFailed, &["21"]),
                "Failed to execute warning light command.(21)"
            );
            let product = "noroshi Alert Service";
            for (message, expected) in [
                (
                    Message::LicenceMissing,
                    "The license is not registered. (noroshi Alert Service)",
                ),
                (
                    Message::TrialExpired,
                    "The trial license has expired on 26/12/31. (noroshi Alert Service)",
                ),
                (
                    Message::LicenceInvalid,
                    "The registered license is invalid. (noroshi Alert Service)",
                ),
                (
                    Message::LicenceUnknown,
                    "The registered license is unknown. (noroshi Alert Service)",
                ),
            ] {
                assert_eq!(text(message, &[product, "26/12/31"]), expected);
            }
        }
    }

    /// Rule: M10
    #[test]
    fn an_argument_that_looks_like_a_placeholder_is_data() {
        assert_eq!(
            row(Message::ServerStarted).text(Language::En, &["%1%2\n"]),
            "Server %1%2  has started."
        );
    }
}
