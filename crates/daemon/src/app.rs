//! The daemon, wired in one straight line and taken down in reverse.
//!
//! One function, so that a reader sees every part, in the order in which they come to life, and
//! what each is given. Everything that can refuse to start comes before anything is told to the
//! world: a daemon with a faulty clp.conf or without a key says so and has touched nothing.

use crate::alert_view::AlertView;
use crate::channel::lamp::LampChannel;
use crate::channel::mail::{ATTEMPTS_MAX, MailChannel, MailContext, system_zone};
use crate::channel::syslog::SyslogChannel;
use crate::console::Console;
use crate::control::{self, Asked, Desk};
use crate::driver::{Beside, Driver, Parts};
use crate::engine::pages::DELIVERIES_MAX;
use crate::engine::{Engine, EngineSetup, Gate};
use crate::home::key::KeyFileError;
use crate::home::{Home, HomeLock, LockError, is_disk_trouble};
use crate::inbox::{INBOX_EVENTS_MAX, Inbox};
use crate::licence::keeper::Keeper;
use crate::log::audit::Audit;
use crate::log::levels::Levels;
use crate::own_server::NotFound;
use crate::pacemaker::Pacemaker;
use crate::reload::SettingsError;
use crate::replica::{DEEDS_MAX, Replica};
use crate::sets::{Carrier, Sets};
use crate::store::{LOG_READS_MAX, READERS_MAX, Store};
use crate::{clock, entropy, licence, log, own_server, reload};
use jiff::tz::TimeZone;
use noroshi_core::action::Action;
use noroshi_core::config::{Config, SERVERS_MAX, ServerId};
use noroshi_core::event::Event;
use noroshi_core::node::Node;
use noroshi_core::text::Language;
use noroshi_wire::key::ClusterKey;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};

/// This release, for the log.
const VERSION: &str = concat!("release ", env!("CARGO_PKG_VERSION"));
/// Requests from the command socket that wait for the driver.
const ASKED_MAX: usize = 32;
/// Pieces of sets that wait to be queued for other servers; whoever reads one waits.
const SAID_MAX: usize = 4;
/// How long a stopping daemon lets a mail end that is under way.
const MAIL_GRACE: Duration = Duration::from_secs(1);

/// Threads for what can hang in the kernel: starting a lamp's program (one for each lamp) or
/// `sendmail` (8) or the collector of logs (2), asking the name service (one for each SMTP server),
/// reading certificate authorities (8), the alert view (2), the alert log for other servers (1) and a look for notices (1), closing the
/// store, the register of licences (1), starting the console (1). Each kind has its own bound, and there
/// is a place for all of them at once, so that a lamp's dead mount never keeps a mail from its name
/// service. None is kept when there is nothing to do.
const BLOCKING_THREADS_MAX: usize = LAMPS_MAX
    + SMTP_SERVERS_MAX
    + 2 * ATTEMPTS_MAX
    + READERS_MAX
    + LOG_READS_MAX
    + DELIVERIES_MAX
    + 4
    + PACEMAKER_READS_MAX
    + SET_READS_MAX;
/// Pacemaker: its reports read or removed, a look started, a large one parsed, its configuration looked into.
const PACEMAKER_READS_MAX: usize = 4;
/// Sets: one checked, one put in force, two sent or read in pieces.
const SET_READS_MAX: usize = 4;
/// One for each server.
const LAMPS_MAX: usize = SERVERS_MAX;
/// As clp.conf may have.
const SMTP_SERVERS_MAX: usize = 16;

/// What the daemon is started with.
pub struct Options {
    /// Where its things are.
    pub home: Home,
    /// The server's name in clp.conf; found by the host's name and addresses where it is not given.
    pub server: Option<String>,
    /// Open, except in the demonstration.
    pub gate: Gate,
    /// Serve the console, if the settings say so: by this very program, which must have that verb.
    pub console: bool,
}

/// Why the daemon did not start. Nothing has been told to anybody then.
#[derive(Debug)]
pub enum StartError {
    /// The clp.conf is faulty: all that is wrong with it.
    Settings(SettingsError),
    /// It is not known which server of the clp.conf this host is.
    NotInSettings(NotFound),
    /// Another daemon holds this home.
    Lock(LockError),
    /// A directory of the home cannot be made; the error names it.
    Home(io::Error),
    /// The cluster key cannot be used.
    Key {
        /// Its file.
        path: PathBuf,
        /// Why.
        error: KeyFileError,
    },
    /// Something else; the text says what, where and why.
    Other(String),
}

impl StartError {
    /// What is wrong and what helps, for people.
    pub fn text(&self, language: Language) -> String {
        match self {
            StartError::Settings(SettingsError::Unreadable(_, text)) => text.clone(),
            StartError::Settings(SettingsError::Faulty(findings)) => {
                let lines = findings.iter().map(|finding| finding.one_line(language));
                lines.collect::<Vec<_>>().join("\n")
            }
            StartError::NotInSettings(error) => error.words(language),
            StartError::Lock(error) => error.text(language),
            StartError::Home(error) => error.to_string(),
            StartError::Key { path, error } => {
                let path = path.display();
                language.pick(
                    format!("cannot use the cluster key {path}: {error}\n\"noroshi key new\" makes one; every server needs the same."),
                    format!("クラスタ鍵 {path} を使用できません: {error}\nnoroshi key new で作成できます。全サーバに同じ鍵が必要です。"),
                )
            }
            StartError::Other(text) => text.clone(),
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Language::En))
    }
}

impl std::error::Error for StartError {}

/// Runs the daemon until it is stopped cleanly.
///
/// # Errors
/// When it cannot start; nothing has been told to anybody then.
pub fn run(options: Options) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_keep_alive(Duration::from_secs(2))
        .build()
        .map_err(|error| StartError::Other(format!("no runtime: {error}")))?;
    let ended = runtime.block_on(live(options));
    if let Err(error) = &ended {
        for line in error.to_string().lines() {
            let what = log::language().pick("not started", "起動しません");
            log::keep_line(format!("{what}: {line}"));
        }
    }
    // A name server that does not answer holds a thread; nobody waits for it any more.
    runtime.shutdown_background();
    log::finish();
    ended
}

async fn live(options: Options) -> Result<(), StartError> {
    let Options {
        home,
        server,
        gate,
        console,
    } = options;
    home.prepare().map_err(StartError::Home)?;
    let lock = home.lock().map_err(StartError::Lock)?;
    let zone = system_zone();
    log::keep(&home.log(), zone.clone());
    take_log_levels(&home);
    // What a crash broke off comes before the settings are read; it needs no name.
    Sets::new(home.clone(), String::new()).recover();
    let (config, own) = settings(&home, server)?;
    log::speak(config.language);
    let key = key(&home)?;
    let session = entropy::session().map_err(other)?;

    let (inbox, events) = mpsc::channel(INBOX_EVENTS_MAX);
    let (ask, asked) = mpsc::channel::<Asked>(ASKED_MAX);
    let setup = EngineSetup {
        config: &config,
        own,
        key: &key,
        session,
        gate: gate.clone(),
    };
    let engine = Engine::start(setup, inbox.clone()).map_err(other)?;
    engine.deliver_logs(home.clone());
    let collector = engine.collector();
    let listener = listener(&home, &lock, config.language).map_err(other)?;
    let (store, mut recovered) = Store::open(&home.var(), config.alert_records_max, inbox.clone());

    recovered.licences = licence::keeper::found(&home).map(Box::new);

    let name = config.server_name(own).to_string();
    // Read once: new settings must not wait for the disk that it is on.
    let mail = mail_context(&config, own, &home, zone.clone());
    let mail = MailChannel::start_behind(gate.clone(), mail, inbox.clone());
    let lamps = LampChannel::start(config.lamps.clone(), names(&config), inbox.clone());
    let lamps = lamps.behind(gate);
    let syslog = SyslogChannel::start(config.syslog.clone(), name.clone(), inbox.clone());
    let cluster = &config.cluster;
    let started = config.language.pick(
        format!("{VERSION} started as {name} of cluster {cluster}"),
        format!("クラスタ {cluster} の {name} として起動しました（{VERSION}）"),
    );
    let sets = Sets::new(home.clone(), name.clone()).trying(engine.reach());
    let in_force = sets.in_force();
    let (say, said) = mpsc::channel(SAID_MAX);
    let carrier = Carrier::new(sets.clone(), inbox.clone(), say);
    let (deed, deeds) = mpsc::channel(DEEDS_MAX);
    let records_max = config.alert_records_max;
    let replica = Replica::new(store.reader(), records_max, inbox.clone(), deed);
    let test_mails = mail.test_mails();
    let desk = Desk {
        ask: ask.clone(),
        test_mails: Arc::new(move |recipient| test_mails.send(recipient)),
        sets: Some(sets),
        audit: Some(Audit::start(&home.log(), zone.clone())),
        alerts: Arc::new(AlertView(store.reader())),
        logs: Arc::new(move |server, scope| collector.collect(server, scope)),
    };
    let (stop_control, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or_default() };
    let control = tokio::spawn(async {
        match listener {
            Some(listener) => control::serve_until(listener, desk, stopped).await,
            None => stopped.await,
        }
    });
    let signals = tokio::spawn(reload::signals(
        home.clone(),
        name.clone(),
        ask,
        inbox.clone(),
    ));

    let console = console.then(|| Console::start(home.clone(), name.clone(), &config));

    let pacemaker = Pacemaker::start(&home, inbox.clone());

    let node = Node::new(clock::now(), own, session, config).with_set(in_force);
    let parts = Parts {
        engine,
        store,
        mail,
        lamps,
        syslog,
        licences: Keeper::new(home.clone(), inbox.clone()),
        carrier,
        replica,
        console,
        pacemaker,
    };
    let driver = Driver::new(
        node,
        parts,
        inbox.clone(),
        events,
        asked,
        Beside { said, deeds },
        Box::new(refit(home, name, zone, inbox)),
    );
    log::line(started);
    let (node, parts, events) = driver.run(Event::Start(Box::new(recovered))).await;
    log::line(log::language().pick("stopping", "停止します"));

    signals.abort();
    let _ = stop_control.send(());
    take_down(node, parts, events).await;
    // Ends by itself within its own drain wait.
    let _ = control.await;
    // Whoever waits for the end may read the log next.
    log::finish();
    drop(lock);
    Ok(())
}

/// The parts end in the reverse order: what was promised to be told is told, then the store closes.
/// How a mail ended that was still under way is recorded, and said to the other servers while their
/// links stand, so that neither they nor the next run send it again.
async fn take_down(mut node: Node, parts: Parts, mut events: mpsc::Receiver<Event>) {
    let Parts {
        engine,
        store,
        mail,
        lamps,
        syslog,
        licences,
        carrier,
        replica,
        console,
        pacemaker,
    } = parts;
    // Its connections to the command socket end with it.
    drop(console);
    // Their jobs hold the inbox, and would keep it open.
    drop((licences, carrier, replica, pacemaker));
    let channels = async {
        mail.stop(MAIL_GRACE).await;
        drop(lamps);
        syslog.stop(MAIL_GRACE).await;
    };
    let mut note = |event| {
        for action in last_word(&mut node, event) {
            match action {
                Action::Record { batch, items } => drop(store.record(batch, items)),
                Action::Tell(server, message) => engine.tell(server, &message),
                _ => {}
            }
        }
    };
    // The store's thread must not wait for room in an inbox that nobody reads.
    let drain = async {
        while let Some(event) = events.recv().await {
            note(event);
        }
    };
    tokio::select! {
        () = channels => {}
        () = drain => {}
    }
    while let Ok(event) = events.try_recv() {
        note(event);
    }
    let drain = async { while events.recv().await.is_some() {} };
    tokio::select! {
        () = engine.stop() => {}
        () = drain => {}
    }
    events.close();
    let shut = tokio::task::spawn_blocking(move || store.shut());
    if !shut.await.unwrap_or(false) {
        log::line(log::language().pick(
            "the disk did not take the last records in time",
            "最後の記録をディスクに書き込めませんでした",
        ));
    }
}

/// What is to be done about an event that comes after the end: only how an attempt ended counts.
fn last_word(node: &mut Node, event: Event) -> Vec<Action> {
    let mut actions = Vec::new();
    if let Event::Outcome(..) = event {
        node.step(clock::now(), event, &mut actions);
    }
    actions
}

/// Levels that cannot be read are no reason not to start.
fn take_log_levels(home: &Home) {
    let path = home.log_levels();
    let shown = path.display();
    match Levels::read(&path, log::language()) {
        Ok((levels, faults)) => {
            log::levels::take(&levels);
            for fault in faults {
                log::line(format!("{shown}: {fault}"));
            }
        }
        Err(error) => log::line(format!("{shown}: {error}")),
    }
}

fn settings(home: &Home, server: Option<String>) -> Result<(Config, ServerId), StartError> {
    let config = reload::read(home).map_err(StartError::Settings)?;
    let own = own_server::find(&config, server.as_deref()).map_err(StartError::NotInSettings)?;
    Ok((config, own))
}

/// The command socket; none on a full or read-only disk, because notices matter more than commands.
fn listener(home: &Home, lock: &HomeLock, language: Language) -> io::Result<Option<UnixListener>> {
    match home.listen(lock) {
        Ok(listener) => {
            listener.set_nonblocking(true)?;
            UnixListener::from_std(listener).map(Some)
        }
        Err(error) if is_disk_trouble(&error) => {
            log::line(language.pick(
                format!("{error}; going on without commands until the next start; stop with SIGTERM"),
                format!("{error}。次回の起動までコマンドなしで続けます。停止には SIGTERM を使用してください"),
            ));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn key(home: &Home) -> Result<ClusterKey, StartError> {
    home.read_key().map_err(|error| StartError::Key {
        path: home.key(),
        error,
    })
}

/// Fits the parts to new settings; the engine has taken them before, since it may refuse.
fn refit(home: Home, name: String, zone: TimeZone, inbox: Inbox) -> impl Fn(&mut Parts, &Config) {
    move |parts, config| {
        // The node takes no settings that lack this server.
        let Some(own) = config.server_named(&name) else {
            return;
        };
        log::speak(config.language);
        parts
            .mail
            .reconfigure(mail_context(config, own, &home, zone.clone()));
        parts.lamps.replace(config.lamps.clone(), names(config));
        parts.syslog.reconfigure(config.syslog.clone());
        parts.store.keep(config.alert_records_max);
        parts.replica.keep(config.alert_records_max);
        if let Some(console) = &parts.console {
            console.reconfigure(config);
        }
        // Set up since this service started.
        if parts.pacemaker.is_none() {
            parts.pacemaker = Pacemaker::start(&home, inbox.clone());
        }
    }
}

fn mail_context(config: &Config, own: ServerId, home: &Home, zone: TimeZone) -> MailContext {
    MailContext {
        cluster: config.cluster.clone(),
        server: config.server_name(own).to_string(),
        settings: config.mail.clone(),
        language: config.language,
        console_hint: None,
        log_directory: home.log().display().to_string(),
        zone,
    }
}

fn names(config: &Config) -> Vec<String> {
    config
        .servers
        .iter()
        .map(|server| server.name.clone())
        .collect()
}

fn other(error: io::Error) -> StartError {
    StartError::Other(error.to_string())
}
