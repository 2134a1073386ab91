//! Japanese help, laid over the definitions of [`crate::cli`]. A test there finds what is missing.

use clap::{Arg, ArgAction, Command};

/// Commands, by name, or by the name of the command above and their own where that is not enough.
const COMMANDS: &[(&str, &str)] = &[
    (
        "noroshi",
        "狼煙: クラスタの障害をメール、警告灯、syslog で最初に知らせます",
    ),
    (
        "daemon",
        "このサーバのアラートサービスをフォアグラウンドで実行します",
    ),
    ("key", "クラスタ鍵を扱います"),
    ("new", "新しいクラスタ鍵を etc/cluster.key に作成します"),
    ("check", "構成情報を反映せずに検査します"),
    ("config", "構成情報を表示、変更します（スクリプト用）"),
    ("get", "パスの値、またはその下にあるすべてを表示します"),
    (
        "set",
        "設定に値を与えます（途中の要素がなければ作成します）",
    ),
    (
        "add",
        "要素を追加します（プログラムの引数を増やす場合など）",
    ),
    ("rm", "要素をその中身ごと削除します"),
    (
        "set-secret",
        "秘密を設定します（画面に表示せずに入力、または標準入力から読み込み、暗号化します）",
    ),
    ("message", "メッセージごとの通報先を表示、変更します"),
    (
        "diff",
        "二つの構成情報をパスごとに比較します。差異があれば終了コード 1 で終わります",
    ),
    (
        "config verify",
        "保存された一式（clp.conf, clp.conf.rep, scripts）が完全かどうか検査します",
    ),
    (
        "history",
        "配布された構成情報を一覧表示します（番号、日時、配布者、有効なもの）",
    ),
    ("restore", "以前の構成情報を新しい番号で配布し直します"),
    ("status", "サーバ、インタコネクト、警告灯の状態を表示します"),
    ("alerts", "アラートを通報の状況とともに一覧表示します"),
    ("test", "通報手段をテストします"),
    ("mail", "すべての宛先にテストメールを送信します"),
    ("lamp", "警告灯の全色を順に点灯し、本来の表示に戻します"),
    (
        "demo",
        "デモ: 模擬の警告灯と受信箱を備えたクラスタをこのマシン上で動かします",
    ),
    ("demo-server", "デモの一台のサーバを実行します"),
    (
        "man",
        "コマンドの man ページを表示、または全コマンドのページを出力します",
    ),
    (
        "completions",
        "シェルでコマンド、オプション、サーバ名を補完するための定義を出力します",
    ),
    ("exit-codes", "終了コードを一覧表示します"),
    ("commands", "コマンドとオプションを一覧表示します"),
    (
        "complete-servers",
        "clp.conf のサーバを一覧表示します（補完用）",
    ),
    ("licence", "ライセンスを発行、検査します（製品の配布者用）"),
    ("signer", "ライセンスに署名する鍵を扱います"),
    (
        "signer new",
        "秘密鍵（licence-signer.key）と公開鍵（licence-signer.pub）を作成します",
    ),
    (
        "issue",
        "ライセンスファイル、またはキーを記載したシートを発行します",
    ),
    (
        "licence verify",
        "ライセンスファイル、シート、発行済みキーの一覧を検査します",
    ),
    (
        "clpcfctrl",
        "保存された構成情報の一式を全サーバに配布、取得、検査します",
    ),
    ("clplcnsc", "ライセンスを登録、一覧表示、削除します"),
    ("clpstat", "クラスタの状態を表示します"),
    (
        "clpcl",
        "一台または全サーバのサービスを起動、停止、再起動します",
    ),
    (
        "clpstdn",
        "クラスタをシャットダウンします（全サーバを停止し、全警告灯を消灯します）",
    ),
    ("clpdn1000s", "サーバの警告灯を消灯します"),
    (
        "clplogcc",
        "ログ、アラートログ、状態、構成情報をサーバごとのアーカイブに採取します",
    ),
    ("clplogcf", "ログの詳しさを表示、設定します"),
    ("clplogcmd", "アラートを出力します"),
];

/// Options, by command and id; `*` stands for every command.
const OPTIONS: &[(&str, &str, &str)] = &[
    (
        "*",
        "home",
        "一台のサーバのディレクトリ（etc, var, log, run を含む）[環境変数: NOROSHI_HOME]",
    ),
    (
        "*",
        "lang",
        "言語: en または ja [環境変数: NOROSHI_LANG, LC_ALL, LC_MESSAGES, LANG]",
    ),
    ("*", "help", "ヘルプを表示します"),
    ("*", "version", "版を表示します"),
    (
        "daemon",
        "server",
        "clp.conf でのこのサーバの名前（省略時はホスト名、またはアドレスから判断）[環境変数: NOROSHI_SERVER]",
    ),
    ("new", "force", "既存の鍵を置き換えます"),
    ("check", "file", "ファイル（省略時は etc/clp.conf）"),
    ("alerts", "json", "アラートごとに一行の JSON を出力します"),
    ("alerts", "follow", "新しいアラートを続けて表示します"),
    ("alerts", "limit", "最新の N 件を表示します"),
    (
        "alerts",
        "server",
        "このサーバが出力したもの、またはこのサーバについてのものだけを表示します",
    ),
    (
        "alerts",
        "severity",
        "この重要度以上のものだけを表示します: info, warning, error",
    ),
    ("alerts", "module", "このモジュールのものだけを表示します"),
    (
        "alerts",
        "text",
        "メッセージにこの文字列を含むものだけを表示します（大文字と小文字は区別しません）",
    ),
    (
        "alerts",
        "since",
        "この時刻以降に発生したものだけを表示します（例: 2026-11-22, 2026-11-22T10:00）",
    ),
    (
        "alerts",
        "until",
        "この時刻より前に発生したものだけを表示します",
    ),
    (
        "alerts",
        "undelivered",
        "宛先に届いていない通報があるものだけを表示します",
    ),
    (
        "get",
        "path",
        "例: /root/cluster/mail/address, /root/server@sv1/device@0/info",
    ),
    (
        "set",
        "pairs",
        "パスと値。複数の組はまとめて検査し、保存します",
    ),
    ("add", "path", "新しい要素の場所"),
    ("add", "value", "値（省略時は空）"),
    (
        "rm",
        "paths",
        "削除する要素。複数ある場合はまとめて検査し、保存します",
    ),
    (
        "set-secret",
        "path",
        "例: /root/noroshi/mail/smtpsrv@0/password",
    ),
    (
        "message",
        "module",
        "メッセージのモジュール（省略時は全メッセージを表示します）",
    ),
    ("message", "event", "メッセージのイベント ID"),
    ("message", "alert", "アラートビューに出力します"),
    ("message", "syslog", "syslog に出力します"),
    ("message", "mail", "メールで通報します"),
    ("message", "trap", "SNMP トラップで通報します"),
    ("message", "alertexec", "アラート拡張のコマンドを実行します"),
    (
        "restore",
        "number",
        "構成情報の番号（noroshi config history で表示）",
    ),
    (
        "diff",
        "one",
        "一方のファイル、または保存されている構成情報の番号",
    ),
    ("diff", "other", "他方（省略時は etc/clp.conf）"),
    ("verify", "dir", "一式のあるディレクトリ（省略時は etc）"),
    ("*", "file", "ファイル（省略時は etc/clp.conf）"),
    (
        "*",
        "allow_warnings",
        "変更により新たな警告が生じても保存します",
    ),
    ("lamp", "server", "サーバ（省略時は自サーバ）"),
    ("*", "json", "JSON を出力します"),
    ("demo", "plain", "画面の代わりに、経過を行として出力します"),
    (
        "demo",
        "script",
        "このシナリオを再生し、期待される結果を検査します",
    ),
    (
        "demo",
        "patience",
        "期待される結果が記述より遅れてもよい時間（ミリ秒）",
    ),
    ("demo-server", "server", "clp.conf でのサーバの名前"),
    (
        "clpstat",
        "overview",
        "概要を表示します（オプションなしと同じ）",
    ),
    (
        "clpstat",
        "host",
        "このサーバから見た状態（自サーバのみ指定できます）",
    ),
    ("clpcl", "start", "起動します"),
    ("clpcl", "stop", "停止します"),
    ("clpcl", "restart", "停止してから起動します"),
    ("clpcl", "all", "全サーバを対象とします"),
    ("clpcl", "host", "対象のサーバ（省略時は自サーバ）"),
    ("clpdn1000s", "host", "警告灯を消灯するサーバ"),
    (
        "man",
        "command",
        "コマンド。clpstat、config set など（省略時は noroshi）",
    ),
    (
        "man",
        "dir",
        "全コマンドのページをこのディレクトリの下に出力します（--lang の省略時は両言語）",
    ),
    ("completions", "shell", "シェル"),
    (
        "completions",
        "dir",
        "コマンドごとのファイルを、シェルが参照するこのディレクトリに出力します",
    ),
    ("check", "json", "指摘ごとに一行の JSON を出力します"),
    (
        "exit-codes",
        "json",
        "終了コードごとに一行の JSON を出力します",
    ),
    ("commands", "json", "コマンドごとに一行の JSON を出力します"),
    (
        "clpcfctrl",
        "push",
        "保存された一式を全サーバに配布します（媒体の指定がなければ etc のもの）",
    ),
    (
        "clpcfctrl",
        "pull",
        "このサーバの一式を -x のディレクトリに取得します",
    ),
    (
        "clpcfctrl",
        "compcheck",
        "保存された一式を検査するだけで、何も変更しません",
    ),
    (
        "clpcfctrl",
        "windows",
        "媒体は Windows または DOS 形式で書かれたものです",
    ),
    ("clpcfctrl", "linux", "媒体は Linux で書かれたものです"),
    (
        "clpcfctrl",
        "device",
        "フロッピーのデバイス、またはそのイメージ（DOS 形式または tar アーカイブ）",
    ),
    (
        "clpcfctrl",
        "mount_point",
        "フロッピーのマウント先（デバイスより先に参照します）",
    ),
    (
        "clpcfctrl",
        "directory",
        "フロッピーの代わりに使う一式のディレクトリ、tar アーカイブまたはイメージ",
    ),
    (
        "clpcfctrl",
        "host",
        "配布を行うサーバ（自サーバのみ指定できます）",
    ),
    (
        "clpcfctrl",
        "port",
        "互換性のために受け付けます（サーバ間の接続を使います）",
    ),
    (
        "clpcfctrl",
        "nocheck",
        "clp.conf.rep と異なるファイルがあっても配布します（設定の検査は行います）",
    ),
    ("signer new", "dir", "発行者のファイルを置くディレクトリ"),
    ("issue", "kind", "種類: product, trial, term"),
    ("issue", "servers", "サーバ数"),
    (
        "issue",
        "from",
        "開始日。2026-12-31 の形式（省略時はすぐに有効）",
    ),
    (
        "issue",
        "until",
        "最終日。2026-12-31 の形式（trial と term で必要）",
    ),
    (
        "issue",
        "sheet",
        "ライセンスファイルの代わりに、キーのシートと発行済みキーの一覧の行を作成します",
    ),
    ("issue", "count", "シートの枚数"),
    (
        "issue",
        "serial",
        "最初のシリアル番号（省略時は続きの番号）",
    ),
    ("issue", "dir", "発行者のファイルを置くディレクトリ"),
    (
        "issue",
        "out",
        "発行したものを置くディレクトリ（省略時は --dir と同じ）",
    ),
    ("verify", "file", "ファイル"),
    (
        "verify",
        "signer",
        "署名者の公開鍵（省略時はこの版が信頼する鍵）",
    ),
    (
        "verify",
        "keys",
        "シートの検査に使う発行済みキーの一覧（省略時は設置済みのもの）",
    ),
    (
        "clplcnsc",
        "register",
        "ライセンスファイルを登録します。FILE を省略すると、シリアル番号とキーを対話で入力します",
    ),
    ("clplcnsc", "list", "登録済みのライセンスを一覧表示します"),
    (
        "clplcnsc",
        "delete",
        "ライセンスを削除します。登録が一つだけなら SERIAL は省略できます",
    ),
    ("clplcnsc", "product", "製品: ALRT10"),
    (
        "clplogcc",
        "scope",
        "採取の範囲: type1, type2（広い）, type3（狭い）",
    ),
    (
        "clplogcc",
        "out",
        "アーカイブを置くディレクトリ（省略時はカレントディレクトリ）",
    ),
    (
        "clplogcc",
        "local",
        "自サーバだけを採取します（サービスが起動していなくても使えます）",
    ),
    ("clplogcc", "host", "このサーバだけを採取します"),
    (
        "clplogcc",
        "to_stdout",
        "アーカイブを標準出力に書き出します（サービスが使います）",
    ),
    ("clplogcc", "server", "clp.conf でのこのサーバの名前"),
    (
        "clplogcf",
        "part",
        "レベルを設定する部位: engine, store, mail, lamp, syslog, control, reload",
    ),
    (
        "clplogcf",
        "level",
        "レベル: 1 エラー、2 警告、4 通常、8 成功したことも（16 と 32 は 8 と同じ）",
    ),
    ("clplogcmd", "text", "メッセージ本文"),
    (
        "clplogcmd",
        "level",
        "重要度: INFO, WARN（WAR）, ERR（ERROR）。大文字小文字は問いません",
    ),
    ("clplogcmd", "event", "イベント ID"),
    (
        "clplogcmd",
        "alert",
        "アラートビューに出力します（出力先の指定がなければアラートビューと syslog）",
    ),
    ("clplogcmd", "syslog", "syslog に出力します"),
    ("clplogcmd", "mail", "メールで通報します"),
    ("clplogcmd", "trap", "SNMP トラップで通報します"),
];

/// `command` and all below it with Japanese help.
pub(crate) fn laid_over(command: Command) -> Command {
    laid_over_below(command, "")
}

fn laid_over_below(command: Command, above: &str) -> Command {
    let name = command.get_name().to_owned();
    let path = format!("{above} {name}");
    let has_help = command.get_arguments().any(|arg| arg.get_id() == "help");
    let mut command = command;
    if !has_help {
        let help = Arg::new("help")
            .short('h')
            .long("help")
            .action(ArgAction::Help);
        command = command.disable_help_flag(true).arg(help);
    }
    if command.get_version().is_some() {
        let version = Arg::new("version")
            .short('V')
            .long("version")
            .action(ArgAction::Version);
        command = command.disable_version_flag(true).arg(version);
    }
    let template = template(&command);
    let by = |key: &str| COMMANDS.iter().find(|row| row.0 == key);
    let command = match by(&path).or_else(|| by(&name)) {
        Some(row) => command.about(row.1),
        None => command,
    };
    command
        .help_template(template)
        .mut_args(|arg| match option(&path, &name, arg.get_id().as_str()) {
            Some(help) => with_values(arg, help),
            None => arg,
        })
        .mut_subcommands(|sub| laid_over_below(sub, &name))
}

/// `help`, and what `clap` would say in English of the values: which there are, which is the default.
fn with_values(arg: Arg, help: &str) -> Arg {
    if !arg.get_action().takes_values() {
        return arg.help(help.to_owned());
    }
    let mut text = help.to_owned();
    let possible = arg.get_possible_values();
    let words: Vec<&str> = possible.iter().map(|value| value.get_name()).collect();
    if !words.is_empty() {
        text.push_str(&format!(" [値: {}]", words.join(", ")));
    }
    let defaults = arg.get_default_values().iter();
    let words: Vec<_> = defaults.map(|word| word.to_string_lossy()).collect();
    if !words.is_empty() {
        text.push_str(&format!(" [既定値: {}]", words.join(", ")));
    }
    arg.help(text)
        .hide_possible_values(true)
        .hide_default_value(true)
}

fn option(path: &str, command: &str, id: &str) -> Option<&'static str> {
    let by = |key: &str| OPTIONS.iter().find(|row| row.0 == key && row.1 == id);
    let row = by(path).or_else(|| by(command)).or_else(|| by("*"));
    row.map(|row| row.2)
}

fn template(command: &Command) -> String {
    let mut template = String::from("{about-with-newline}\n使い方: {usage}\n");
    if command.has_subcommands() {
        template.push_str("\nコマンド:\n{subcommands}\n");
    }
    if command.get_positionals().next().is_some() {
        template.push_str("\n引数:\n{positionals}\n");
    }
    template.push_str("\nオプション:\n{options}{after-help}\n");
    template
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Story: `licence verify` was explained with the words of `config verify`, whose row came first.
    #[test]
    fn no_command_or_option_has_two_rows() {
        for (at, row) in COMMANDS.iter().enumerate() {
            assert!(
                COMMANDS[..at].iter().all(|other| other.0 != row.0),
                "{row:?}"
            );
        }
        for (at, row) in OPTIONS.iter().enumerate() {
            let differs = |other: &&(_, _, _)| (other.0, other.1) != (row.0, row.1);
            assert!(OPTIONS[..at].iter().all(|other| differs(&other)), "{row:?}");
        }
    }
}
