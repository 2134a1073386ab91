//! The commands, each in its own file, and what they share: the way to the daemon.

mod acknowledge;
pub(crate) mod alerts;
mod check;
mod clpcfctrl;
mod clpcl;
mod clpdn1000s;
pub(crate) mod clplcnsc;
pub(crate) mod clplogcc;
mod clplogcf;
pub(crate) mod clplogcmd;
mod clpstat;
mod clpstdn;
pub(crate) mod config;
pub(crate) mod daemon;
mod engine;
mod key;
pub(crate) mod licence;
pub(crate) mod pacemaker_alert;
pub(crate) mod status;
mod test;
mod test_mail;
mod user;

use crate::cli::{Cli, Key, Product, Tongue, Verb};
use crate::exit::{Exit, Failure};
use crate::print::Out;
use noroshi_core::request::{Reply, Request};
use noroshi_core::status::{ServerStatus, Status};
use noroshi_core::text::Language;
use noroshi_daemon::control::{Client, Fault, Trouble};
use noroshi_daemon::home::Home;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// How long a daemon may take to answer after its start (`clpcl -s`).
const START_WAIT: Duration = Duration::from_secs(10);
/// How long a daemon may take to end after it agreed to stop: it may have to tell a lamp that does
/// not answer, three times up to 5 s each (rule N14), and its peers.
const STOP_WAIT: Duration = Duration::from_secs(30);
/// Pause between two looks at a daemon that starts or stops.
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// What every command has.
pub(crate) struct Context {
    /// The command's name, for its messages.
    name: &'static str,
    pub(crate) home: Home,
    pub(crate) language: Language,
    pub(crate) out: Out,
}

/// Runs a command.
///
/// # Errors
/// When it did not do what it was asked for; what it printed before is right.
pub(crate) fn run(cli: Cli, language: Language) -> Result<ExitCode, Failure> {
    let language = match cli.common.lang {
        Some(Tongue::En) => Language::En,
        Some(Tongue::Ja) => Language::Ja,
        None => language,
    };
    let home = Home::choose(cli.common.home);
    let mut context = Context {
        name: name(&cli.verb),
        home,
        language,
        out: Out::new(language),
    };
    let context = &mut context;
    let exit = match cli.verb {
        Verb::Daemon(options) => return daemon::start(context, options),
        Verb::Key(Key::New { force }) => key::new(context, force),
        Verb::Check(options) => check::run(context, options),
        Verb::Config(verb) => config::run(context, verb),
        Verb::Status(options) => status::run(context, &options),
        Verb::Alerts(options) => alerts::run(context, options),
        Verb::Acknowledge(options) => acknowledge::run(context, options),
        Verb::Test(options) => test::run(context, options),
        Verb::Licence(verb) => licence::run(context, verb),
        Verb::Demo(options) => return Ok(crate::demo::run(&options, context.language)?.into()),
        Verb::Console(options) => {
            return Ok(crate::console::run(
                context.home.clone(),
                &options.server,
                context.language,
            )?
            .into());
        }
        Verb::User(verb) => user::run(context, verb),
        Verb::Engine(verb) => engine::run(context, verb),
        Verb::PacemakerAlert => return Ok(pacemaker_alert::run(context)?.into()),
        Verb::Reference(verb) => crate::reference::run(context, verb, cli.common.lang),
        Verb::DemoServer(options) => {
            let root = context.home.root().unwrap_or(Path::new("/")).to_path_buf();
            return Ok(crate::demo::server::run(root, options.server));
        }
        Verb::Product(Product::Clpstat(options)) => clpstat::run(context, &options),
        Verb::Product(Product::Clpcl(options)) => clpcl::run(context, &options),
        Verb::Product(Product::Clpstdn) => clpstdn::run(context),
        Verb::Product(Product::Clpdn1000s(options)) => clpdn1000s::run(context, options),
        Verb::Product(Product::Clpcfctrl(options)) => clpcfctrl::run(context, &options),
        Verb::Product(Product::Clplcnsc(options)) => clplcnsc::run(context, options),
        Verb::Product(Product::Clplogcc(options)) => clplogcc::run(context, options),
        Verb::Product(Product::Clplogcf(options)) => clplogcf::run(context, options),
        Verb::Product(Product::Clplogcmd(options)) => clplogcmd::run(context, options),
    };
    // What was printed before a failure is to come out before the failure is told.
    context.out.flush()?;
    Ok(exit?.into())
}

fn name(verb: &Verb) -> &'static str {
    match verb {
        Verb::Daemon(_) => "noroshi daemon",
        Verb::Key(_) => "noroshi key",
        Verb::Check(_) => "noroshi check",
        Verb::Config(_) => "noroshi config",
        Verb::Status(_) => "noroshi status",
        Verb::Alerts(_) => "noroshi alerts",
        Verb::Acknowledge(_) => "noroshi acknowledge",
        Verb::Test(_) => "noroshi test",
        Verb::Licence(_) => "noroshi licence",
        Verb::Demo(_) => "noroshi demo",
        Verb::Console(_) => "noroshi console",
        Verb::User(_) => "noroshi user",
        Verb::Engine(_) => "noroshi engine",
        Verb::PacemakerAlert => "noroshi pacemaker-alert",
        Verb::Reference(_) => "noroshi",
        Verb::DemoServer(_) => "noroshi demo-server",
        Verb::Product(Product::Clpstat(_)) => "clpstat",
        Verb::Product(Product::Clpcl(_)) => "clpcl",
        Verb::Product(Product::Clpstdn) => "clpstdn",
        Verb::Product(Product::Clpdn1000s(_)) => "clpdn1000s",
        Verb::Product(Product::Clpcfctrl(_)) => "clpcfctrl",
        Verb::Product(Product::Clplcnsc(_)) => "clplcnsc",
        Verb::Product(Product::Clplogcc(_)) => "clplogcc",
        Verb::Product(Product::Clplogcf(_)) => "clplogcf",
        Verb::Product(Product::Clplogcmd(_)) => "clplogcmd",
    }
}

impl Context {
    /// For the console, whose words have no command's name before them; it prints nothing.
    pub(crate) fn of_console(home: Home, language: Language) -> Context {
        Context {
            name: "",
            home,
            language,
            out: Out::new(language),
        }
    }

    /// English or Japanese.
    pub(crate) fn pick<T>(&self, en: T, ja: T) -> T {
        self.language.pick(en, ja)
    }

    /// A failure with the command's name before it.
    pub(crate) fn failure(&self, exit: Exit, text: &str) -> Failure {
        match self.name {
            "" => Failure::new(exit, text.to_owned()),
            name => Failure::new(exit, format!("{name}: {text}")),
        }
    }

    /// Root, or the user that the alert service runs as.
    fn as_administrator(&self) -> Result<(), Failure> {
        let user = rustix::process::geteuid();
        let owner = self.home.log().metadata().map(|log| log.uid());
        if user.is_root() || owner.is_ok_and(|owner| owner == user.as_raw()) {
            return Ok(());
        }
        let text = self.pick(
            "not permitted: only root and the user of the alert service may do this\nRun the command as root.",
            "権限がありません: 実行できるのは root とアラートサービスの実行ユーザだけです。\nroot で実行してください。",
        );
        Err(self.failure(Exit::Refused, text))
    }

    /// Prints one line of JSON.
    pub(crate) fn json_line(&mut self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let line = serde_json::to_string(value)
            .map_err(|error| self.failure(Exit::Failed, &error.to_string()))?;
        crate::print::say!(self.out, "{line}")
    }

    /// Connects to the daemon of this home.
    fn client(&self) -> Result<Client, Failure> {
        Client::connect(&self.home.socket()).map_err(|trouble| self.trouble(trouble))
    }

    /// How things are.
    fn status(&self) -> Result<Status, Failure> {
        self.client()?
            .status()
            .map_err(|trouble| self.trouble(trouble))
    }

    /// Asks for a change; a refusal is a failure.
    fn change(&self, request: Request) -> Result<Reply, Failure> {
        match self.client()?.change(request) {
            Ok(Reply::Refused { why }) => {
                let what = self.pick("refused", "拒否されました");
                Err(self.failure(Exit::Refused, &format!("{what}: {why}")))
            }
            Ok(reply) => Ok(reply),
            Err(trouble) => Err(self.trouble(trouble)),
        }
    }

    /// The server called `name`, in any case of letters, as host names are.
    fn find<'a>(&self, status: &'a Status, name: &str) -> Result<&'a ServerStatus, Failure> {
        let found = status
            .servers
            .iter()
            .find(|server| server.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            let names: Vec<&str> = status.servers.iter().map(|s| s.name.as_str()).collect();
            let names = names.join(", ");
            let text = self.pick(
                format!("there is no server {name} in the cluster; its servers: {names}"),
                format!("サーバ {name} はクラスタにありません。クラスタのサーバ: {names}"),
            );
            self.failure(Exit::NotFound, &text)
        })
    }

    /// What is wrong with the way to the daemon, why, and the remedy.
    pub(crate) fn trouble(&self, trouble: Trouble) -> Failure {
        let socket = self.home.socket();
        let socket = socket.display();
        let unknown = self.pick(
            "Whether anything was done is unknown; look at \"noroshi status\" before trying again.",
            "実行されたかどうかは不明です。再実行の前に noroshi status で確認してください。",
        );
        let (exit, text) = match trouble {
            Trouble::NotRunning(error) => (Exit::NotRunning, self.pick(
                format!("the alert service is not running here: {socket}: {error}\nStart it with \"systemctl start noroshi\", where systemd does not run it with \"clpcl -s\"; or name its directory with --home or NOROSHI_HOME."),
                format!("アラートサービスが起動していません: {socket}: {error}\nsystemctl start noroshi（systemd で管理していない場合は clpcl -s）で起動するか、--home または NOROSHI_HOME でディレクトリを指定してください。"),
            )),
            Trouble::Closed(error) => (Exit::Refused, self.pick(
                format!("not permitted: {socket}: {error}\nRun the command as root, or as a member of the group that owns the socket."),
                format!("権限がありません: {socket}: {error}\nroot、またはソケットの所有グループのユーザで実行してください。"),
            )),
            Trouble::Refused(Fault::NotPermitted, _) => (Exit::Refused, self.pick(
                "not permitted: only root and the user of the alert service may change anything\nRun the command as root.".into(),
                "権限がありません: 変更できるのは root とアラートサービスの実行ユーザだけです。\nroot で実行してください。".into(),
            )),
            Trouble::Refused(Fault::Busy, why) => (Exit::Failed, self.pick(
                format!("the alert service is busy: {why}\nTry again; nothing was done."),
                format!("アラートサービスが混み合っています: {why}\n何も実行していません。再実行してください。"),
            )),
            Trouble::Refused(Fault::BadCall, why) => (Exit::Failed, self.pick(
                format!("the alert service does not take this: {why}\nIf command and service are of different releases, restart the service."),
                format!("アラートサービスが受け付けませんでした: {why}\nコマンドとサービスの版が異なる場合は、サービスを再起動してください。"),
            )),
            Trouble::Refused(Fault::Unreadable, why) => (Exit::Failed, self.pick(
                format!("the alerts cannot be read: {why}\nLook at the daemon's log."),
                format!("アラートを読み出せません: {why}\nアラートサービスのログを確認してください。"),
            )),
            Trouble::Refused(Fault::NotCollected, why) => (Exit::Failed, why),
            Trouble::Refused(Fault::NotTested, why) => {
                let what = self.pick("refused", "拒否されました");
                (Exit::Refused, format!("{what}: {why}"))
            }
            Trouble::Refused(Fault::NoAnswer, _) | Trouble::Silent(_) => (Exit::Unclear, self.pick(
                format!("the alert service does not answer: {socket}\n{unknown}"),
                format!("アラートサービスが応答しません: {socket}\n{unknown}"),
            )),
            Trouble::Cut => (Exit::Unclear, self.pick(
                format!("the alert service ended before it answered: {socket}\n{unknown}"),
                format!("アラートサービスが応答の前に終了しました: {socket}\n{unknown}"),
            )),
            Trouble::Garbled(what) => (Exit::Unclear, self.pick(
                format!("what answers at {socket} is no alert service of this release: {what}\n{unknown}"),
                format!("{socket} の応答がこの版のアラートサービスのものではありません: {what}\n{unknown}"),
            )),
            Trouble::Io(error) => (Exit::Failed, self.pick(
                format!("cannot speak with the alert service: {socket}: {error}"),
                format!("アラートサービスと通信できません: {socket}: {error}"),
            )),
        };
        self.failure(exit, &text)
    }
}

/// Who asks, for the log of whoever is asked.
fn asker(command: &str) -> String {
    format!("{command} (uid {})", rustix::process::getuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_daemon_leaves_the_caller_in_no_doubt_about_the_doubt() {
        for (language, words) in [(Language::En, "is unknown"), (Language::Ja, "不明です")] {
            let home = Home::at("/h");
            let context = Context {
                name: "clpstdn",
                home,
                language,
                out: Out::new(language),
            };
            let silences = [
                Trouble::Silent(START_WAIT),
                Trouble::Refused(Fault::NoAnswer, String::new()),
                Trouble::Cut,
            ];
            for trouble in silences {
                let failure = context.trouble(trouble);
                assert_eq!(failure.exit, Exit::Unclear);
                assert!(failure.text.starts_with("clpstdn: ") && failure.text.contains(words));
            }
        }
    }
}
