//! A command socket over a real, empty store, whose daemon says yes to everything.

use noroshi_core::request::Reply;
use noroshi_daemon::control::{Asked, Desk, NotTested, serve};
use noroshi_daemon::fuzzing;
use noroshi_daemon::home::Home;
use noroshi_daemon::store::Store;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::sync::mpsc;

/// Settings of the console's home; they name no password that exists. What text they may hold is hostile: `<zz` begins
/// a tag that no page has.
pub(crate) const CONF: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<root>
  <all><charset>UTF-8</charset></all>
  <cluster><name>&lt;zz a="b"&gt;&amp;lt;</name><comment>&lt;zz&gt;</comment>
    <mail><address>ops@example.com</address><subject>&lt;zz onload=x&gt;'"</subject></mail><dn1000s><use>1</use></dn1000s></cluster>
  <server name="sv1"><priority>0</priority>
    <device id="0"><type>lan</type><info>127.0.0.41</info></device>
    <device id="20000"><type>dn1500gl</type><info>127.0.0.51</info></device></server>
  <server name="sv2"><priority>1</priority>
    <device id="0"><type>lan</type><info>127.0.0.42</info></device></server>
  <noroshi><mail><sender>zz@example.com</sender></mail>
    <lamp name="sv1"><password>&lt;zz</password></lamp><console><user name="sato"><role>administer</role><password>HASH</password></user></console></noroshi>
</root>
"#;

/// A hash that no password has.
pub(crate) const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Hx2yHxGg1F0yoYGNvGn0pkHtfYyE+lbpmD0lRNwGd1E";

/// A home with its settings and a socket that is answered while somebody waits in the runtime.
pub(crate) struct Place {
    pub(crate) home: Home,
    _store: Store,
    _dir: TempDir,
}

impl Place {
    /// Within the runtime.
    pub(crate) fn open() -> Place {
        let dir = tempfile::tempdir().expect("a directory for temporary files");
        let home = Home::at(dir.path());
        home.prepare().expect("a home in a fresh directory");
        let etc = home.conf();
        let etc = etc.parent().expect("a file is in a directory");
        std::fs::create_dir_all(etc).expect("a fresh directory");
        let conf = CONF.replace("HASH", HASH);
        let read = noroshi_conf::read(conf.as_bytes());
        assert!(read.is_ok(), "{read:#?}");
        std::fs::write(home.conf(), conf).expect("room for a file");
        let (inbox, mut events) = mpsc::channel(64);
        let (store, _) = Store::open(&home.var(), 10_000, inbox);
        tokio::spawn(async move { while events.recv().await.is_some() {} });
        let (ask, mut asks) = mpsc::channel(8);
        let desk = Desk {
            ask,
            alerts: fuzzing::alerts(&store),
            logs: Arc::new(|_, _| mpsc::channel(1).1),
            test_mails: Arc::new(|_| Err(NotTested::NoRecipient)),
            sets: None,
            audit: None,
        };
        tokio::spawn(async move {
            while let Some(asked) = asks.recv().await {
                if let Asked::Change(_, place) = asked {
                    let _ = place.send(Reply::Done);
                }
            }
        });
        let listener = UnixListener::bind(home.socket()).expect("a socket in a fresh directory");
        tokio::spawn(serve(listener, desk));
        Place {
            home,
            _store: store,
            _dir: dir,
        }
    }
}
