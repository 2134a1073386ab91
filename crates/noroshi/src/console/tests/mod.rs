//! Pages as a browser gets them, over a real command socket with alerts in memory behind it.

mod alerts;
mod api;
mod conversation;
mod described;
mod gate;
mod gathering;
mod hostile;
mod overview;
mod set_up;
mod stream;
mod wire;

#[path = "../../../../daemon/src/control/memory.rs"]
mod memory;

use super::page::alert_filter::Asked;
use super::visitor::{User, Visitor};
use super::{App, account};
use axum::response::Response;
use memory::Memory;
use noroshi_core::alert::{Alert, AlertId, Destinations, MessageId, Severity};
use noroshi_core::config::{MailForm, Role};
use noroshi_core::notice::{Channel, NoticeKey, NoticeRecord, NoticeState};
use noroshi_core::request::{Reply, Request};
use noroshi_core::text::Language;
use noroshi_core::time::WallTime;
use noroshi_daemon::control::{
    AlertFigures, AlertFilter, AlertLine, AlertRow, AlertRows, AlertSource, Asked as Call, Desk,
    FiguresQuery, LogSource, Page, Reading, serve,
};
use noroshi_daemon::home::Home;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A hash that no password has.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Hx2yHxGg1F0yoYGNvGn0pkHtfYyE+lbpmD0lRNwGd1E";

const CONF: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<root>
  <all><charset>UTF-8</charset></all>
  <cluster><name>harbour</name><dn1000s><use>0</use></dn1000s></cluster>
  <server name="server1"><priority>0</priority><device id="0"><type>lan</type><info>127.0.0.41</info></device></server>
  <server name="server2"><priority>1</priority><device id="0"><type>lan</type><info>127.0.0.42</info></device></server>
  <noroshi><console><user name="sato"><role>operate</role><password>HASH</password></user></console></noroshi>
</root>
"#;

/// The console of a server whose daemon agrees to every change and says nothing of its state.
struct Console {
    app: Arc<App>,
    alerts: Arc<Memory>,
    asked: Arc<Mutex<Vec<Request>>>,
    desk: Desk,
    serving: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

impl Console {
    /// With these alerts, the oldest first. Within a runtime, which answers the calls.
    fn with(rows: Vec<AlertRow>) -> Console {
        Console::collecting(rows, Arc::new(|_, _| mpsc::channel(1).1))
    }

    /// As [`Console::with`], with these logs of the other servers.
    fn collecting(rows: Vec<AlertRow>, logs: LogSource) -> Console {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        std::fs::create_dir_all(home.socket().parent().unwrap()).unwrap();
        let listener = tokio::net::UnixListener::bind(home.socket()).unwrap();
        std::fs::create_dir_all(home.conf().parent().unwrap()).unwrap();
        std::fs::write(home.conf(), CONF.replace("HASH", HASH)).unwrap();
        let alerts = Memory::with(rows);
        let (ask, mut asks) = mpsc::channel(8);
        let desk = Desk {
            ask,
            alerts: alerts.clone(),
            logs,
            test_mails: Arc::new(|_| Err(noroshi_daemon::control::NotTested::NoRecipient)),
            sets: None,
            audit: None,
        };
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = asked.clone();
        let serving = tokio::spawn(serve(listener, desk.clone()));
        tokio::spawn(async move {
            while let Some(call) = asks.recv().await {
                if let Call::Change(request, place) = call {
                    seen.lock().unwrap().push(request);
                    let _ = place.send(Reply::Done);
                }
            }
        });
        let app = App::new(home.clone(), account::Accounts::new(home));
        Console {
            app: Arc::new(app),
            alerts,
            asked,
            desk,
            serving,
            _dir: dir,
        }
    }
}

impl Console {
    /// The daemon ends, and another one has these alerts.
    async fn restart(&mut self, rows: Vec<AlertRow>) {
        self.serving.abort();
        let _ = (&mut self.serving).await;
        let socket = self.app.home.socket();
        std::fs::remove_file(&socket).unwrap();
        let listener = tokio::net::UnixListener::bind(&socket).unwrap();
        self.alerts = Memory::with(rows);
        self.desk.alerts = self.alerts.clone();
        self.serving = tokio::spawn(serve(listener, self.desk.clone()));
    }

    /// The token of a session of the user in the settings.
    fn sign_in(&self) -> String {
        self.app.sessions.begin("sato", HASH).unwrap()
    }
}

fn visitor(language: Language, role: Role) -> Visitor {
    Visitor {
        language,
        user: Some(User {
            name: "sato".into(),
            role,
        }),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        path: "/alerts".into(),
        tls: false,
        by_token: false,
    }
}

/// A query as a browser sends it.
fn asked(query: &str) -> axum::extract::Query<Asked> {
    let uri = format!("http://x/?{query}").parse().unwrap();
    axum::extract::Query::try_from_uri(&uri).unwrap()
}

async fn body(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 64 << 20).await;
    String::from_utf8(bytes.unwrap().to_vec()).unwrap()
}

fn alert(row: u64, severity: Severity, text: &str) -> AlertRow {
    AlertRow {
        row,
        alert: Arc::new(Alert {
            id: AlertId(format!("a-{row}")),
            message: MessageId {
                module: "nm".into(),
                event: 2,
            },
            severity,
            time: WallTime(1_700_000_000_000 + i64::try_from(row).unwrap()),
            server: "server1".into(),
            about: Some("server2".into()),
            text: text.into(),
            thread: None,
            destinations: Destinations::default(),
        }),
        received: WallTime(1_700_000_000_500),
        notices: Vec::new(),
        acknowledgement: None,
    }
}

fn notice(row: u64, channel: Channel, recipient: &str, state: NoticeState) -> NoticeRecord {
    NoticeRecord {
        key: NoticeKey {
            alert: AlertId(format!("a-{row}")),
            channel,
            recipient: recipient.into(),
        },
        form: MailForm::Long,
        state,
        attempts: 3,
        possible_repeat: false,
        sender: "server3".into(),
        reason: "250 2.0.0 queued as X".into(),
        changed: WallTime(1_700_000_002_000),
    }
}
