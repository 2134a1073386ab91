//! What a step is, for people, and what helps when it cannot be done.

use super::{Step, access, alert};
use Step::{Alert, Data, Engine, Link, Member, Ring, Settings, SettingsDir, Spool};
use noroshi_core::text::Language;

impl Step {
    /// The first line names it, further ones show what is written.
    pub(in crate::command::engine) fn words(&self, language: Language) -> String {
        match self {
            Data { path, .. } => {
                let path = path.display();
                language.pick(
                    format!("{path}: directory of the service's data; others may pass through it (o+x), without reading it"),
                    format!("{path}: サービスのデータのディレクトリ。他のユーザの通過を許可します（o+x、内容の一覧は不可）"),
                )
            }
            SettingsDir { path, .. } => {
                let path = path.display();
                language.pick(
                    format!("{path}: directory of the settings; the service's group may read it"),
                    format!("{path}: 設定のディレクトリ。サービスのグループの参照を許可します"),
                )
            }
            Spool { path, .. } => {
                let path = path.display();
                language.pick(
                    format!("{path}: directory for Pacemaker's events, mode 2770, owner hacluster"),
                    format!("{path}: Pacemaker のイベントを置くディレクトリ（モード 2770、所有者 hacluster）"),
                )
            }
            Link { path, to } => {
                let (path, to) = (path.display(), to.display());
                language.pick(
                    format!("{path}: link to {to}, the name that Pacemaker calls"),
                    format!("{path}: Pacemaker が呼び出す名前（{to} へのリンク）"),
                )
            }
            Member { user, group } => language.pick(
                format!("user {user}: member of group {group}, to read Pacemaker's state"),
                format!("ユーザ {user}: Pacemaker の状態を読むため、グループ {group} に追加します"),
            ),
            Ring { path, user } => {
                let (path, name) = (path.display(), &user.name);
                let what = language.pick(
                    format!("{path}: user {name} may speak with Corosync; then corosync-cfgtool -R"),
                    format!("{path}: ユーザ {name} に Corosync への接続を許可し、corosync-cfgtool -R を実行します"),
                );
                format!("{what}\n{}", access::entry(user))
            }
            Settings { path, text, .. } => {
                let path = path.display();
                let what = language.pick(
                    format!("{path}: a first one, with the cluster's name and servers"),
                    format!("{path}: クラスタ名とサーバを記した最初の設定ファイル"),
                );
                format!("{what}\n{text}")
            }
            Engine { path, .. } => {
                let path = path.display();
                language.pick(
                    format!("{path}: /root/noroshi/engine is corosync; the former file is kept as clp.conf.bak"),
                    format!("{path}: /root/noroshi/engine を corosync にします。元のファイルは clp.conf.bak に残ります"),
                )
            }
            Alert { agent, dir } => {
                let what = language.pick(
                    "Pacemaker: alert \"noroshi\", which calls the agent on every node",
                    "Pacemaker: 全ノードでエージェントを呼び出すアラート「noroshi」",
                );
                format!("{what}\n{}", alert::section(agent, dir))
            }
        }
    }

    /// What helps when it fails.
    pub(in crate::command::engine) fn remedy(&self, language: Language) -> &'static str {
        match self {
            Data { .. } | SettingsDir { .. } | Spool { .. } | Link { .. } => language.pick(
                "Look at that place and its file system (mount, df), then run the command again.",
                "その場所とファイルシステムの状態（mount、df）を確認して、再実行してください。",
            ),
            Settings { .. } | Engine { .. } => language.pick(
                "Look at that file, then run the command again.",
                "そのファイルを確認して、再実行してください。",
            ),
            Member { .. } => language.pick(
                "Pacemaker's package makes the group, and usermod and gpasswd change it.",
                "グループは Pacemaker のパッケージが作成し、usermod と gpasswd で変更します。",
            ),
            Ring { .. } => language.pick(
                "Corosync's log on each node says what hinders it (corosync-cfgtool -R reads corosync.conf and uidgid.d of every node).",
                "各ノードの Corosync のログを確認してください（corosync-cfgtool -R は全ノードの corosync.conf と uidgid.d を読み直します）。",
            ),
            Alert { .. } => language.pick(
                "Pacemaker must run on this server (pcs cluster start), and its command-line tools must be there (package pacemaker-cli-utils or pacemaker-cli).",
                "このサーバで Pacemaker を起動し（pcs cluster start）、コマンドラインツール（パッケージ pacemaker-cli-utils または pacemaker-cli）を導入してください。",
            ),
        }
    }
}
