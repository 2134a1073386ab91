//! The first line on a link: who speaks, for which cluster.
//!
//! The cluster key proves only that the other end belongs to somebody who holds it. Two clusters
//! may share a key, and addresses may be mixed up in a configuration, so each side says who it is
//! before anything else.
//!
//! *Use.* [`Hello::line`] out, [`Hello::parse`] in, [`Hello::check`] against who was expected.
//! *Failure.* A [`Refusal`] says what is wrong; the connection is closed and nothing is kept.

use super::plan::Plan;
use noroshi_core::alert::SessionId;
use noroshi_core::text::Language;
use serde::{Deserialize, Serialize};

/// The version of the lines on a link.
pub(super) const VERSION: u32 = 1;

/// Who speaks. Fields that a newer release adds are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    version: u32,
    cluster: String,
    server: String,
    /// Whom the speaker believes to speak to: so the one that is dialled by mistake notices too.
    to: String,
    /// Other names that the cluster had: the other end may have missed the set that changed it.
    #[serde(default)]
    formerly: Vec<String>,
    pub(super) session: SessionId,
}

/// Why the other end is not the server it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It does not hold this cluster's key.
    Key,
    /// Its first line is no hello.
    Garbled,
    /// It speaks another version.
    Version(u32),
    /// It belongs to another cluster.
    Cluster(String),
    /// It is another server than the configuration has at that address.
    Server(String),
    /// It bears our own name.
    OwnName,
    /// It looks for another server than this one.
    Sought(String),
}

impl Hello {
    /// Our own.
    pub(super) fn new(plan: &Plan, to: &str, session: SessionId) -> Hello {
        Hello {
            version: VERSION,
            cluster: plan.cluster.clone(),
            server: plan.own_name.clone(),
            to: to.to_owned(),
            formerly: plan.former_names.clone(),
            session,
        }
    }

    /// The line, with its end.
    pub(super) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect(
            "serde_json fails only on maps with odd keys and failing Serialize, here neither",
        );
        line.push(b'\n');
        line
    }

    /// Reads the other end's line.
    pub(super) fn parse(line: &[u8]) -> Result<Hello, Refusal> {
        serde_json::from_slice(line).map_err(|_| Refusal::Garbled)
    }

    /// Checks what the other end says against the server `expected`.
    pub(super) fn check(&self, plan: &Plan, expected: &str) -> Result<(), Refusal> {
        let one_cluster = self.cluster == plan.cluster
            || self.formerly.contains(&plan.cluster)
            || plan.former_names.contains(&self.cluster);
        if self.version != VERSION {
            Err(Refusal::Version(self.version))
        } else if !one_cluster {
            Err(Refusal::Cluster(self.cluster.clone()))
        } else if self.server == plan.own_name {
            Err(Refusal::OwnName)
        } else if self.server != expected {
            Err(Refusal::Server(self.server.clone()))
        } else if self.to != plan.own_name {
            Err(Refusal::Sought(self.to.clone()))
        } else {
            Ok(())
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text(Language::En))
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// For the log.
    pub(super) fn text(&self, language: Language) -> String {
        match self {
            Refusal::Key => language.pick(
                "it does not hold this cluster's key: compare the key files".to_owned(),
                "クラスタの鍵が一致しません。鍵ファイルを確認してください".to_owned(),
            ),
            Refusal::Garbled => language.pick(
                "its first line is not a noroshi greeting".to_owned(),
                "最初の行が noroshi の挨拶ではありません".to_owned(),
            ),
            Refusal::Version(version) => language.pick(
                format!("it speaks version {version}, this server {VERSION}: bring all servers to one release"),
                format!("プロトコルの版が {version} です (このサーバは {VERSION})。リリースを揃えてください"),
            ),
            Refusal::Cluster(name) => language.pick(
                format!("it belongs to cluster \"{}\"", name.escape_debug()),
                format!("別のクラスタ「{}」に属しています", name.escape_debug()),
            ),
            Refusal::Server(name) => language.pick(
                format!("it is server \"{}\": check the interconnect addresses", name.escape_debug()),
                format!("サーバ「{}」です。インタコネクトのアドレスを確認してください", name.escape_debug()),
            ),
            Refusal::Sought(name) => language.pick(
                format!("it looks for server \"{}\" here: check the interconnect addresses", name.escape_debug()),
                format!("サーバ「{}」を探しています。インタコネクトのアドレスを確認してください", name.escape_debug()),
            ),
            Refusal::OwnName => language.pick(
                "it bears this server's own name: check the interconnect addresses".to_owned(),
                "このサーバ自身の名前を名乗っています。インタコネクトのアドレスを確認してください".to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::PeerPlan;
    use noroshi_core::config::ServerId;
    use noroshi_core::time::Span;

    fn plan() -> Plan {
        let peer = |id, name: &str| PeerPlan {
            id: ServerId(id),
            name: name.into(),
            dials: true,
            routes: vec![],
        };
        Plan {
            own: ServerId(0),
            own_name: "sv1".into(),
            cluster: "c".into(),
            former_names: vec![],
            digest: 0,
            engine: Default::default(),
            interval: Span::from_ms(50),
            language: Language::En,
            addresses: vec![],
            servers: vec![peer(0, "sv1"), peer(1, "sv2")],
        }
    }

    /// One end has the set that renamed the cluster; each must take the other's word.
    ///
    /// Rule: N2 N17
    #[test]
    fn a_cluster_that_was_renamed_is_known_by_its_former_name() {
        let old = plan();
        let mut new = plan();
        new.cluster = "d".into();
        let from = |plan: &Plan| Hello {
            server: "sv2".into(),
            ..Hello::new(plan, "sv1", SessionId([7; 12]))
        };
        assert!(from(&old).check(&new, "sv2").is_err());
        assert!(from(&new).check(&old, "sv2").is_err());
        new.former_names.push("c".into());
        assert_eq!(from(&old).check(&new, "sv2"), Ok(()));
        assert_eq!(from(&new).check(&old, "sv2"), Ok(()));
    }

    /// Rule: N2
    #[test]
    fn a_wrong_cluster_server_version_or_name_is_refused() {
        let plan = plan();
        let with = |change: &dyn Fn(&mut Hello)| {
            let mut hello = Hello::new(&plan, "sv1", SessionId([7; 12]));
            hello.server = "sv2".into();
            change(&mut hello);
            Hello::parse(&hello.line())
                .expect("its own line")
                .check(&plan, "sv2")
        };
        assert_eq!(with(&|_| {}), Ok(()));
        assert_eq!(with(&|h| h.version = 2), Err(Refusal::Version(2)));
        assert_eq!(
            with(&|h| h.cluster = "d".into()),
            Err(Refusal::Cluster("d".into()))
        );
        assert_eq!(
            with(&|h| h.server = "sv3".into()),
            Err(Refusal::Server("sv3".into()))
        );
        assert_eq!(with(&|h| h.server = "sv1".into()), Err(Refusal::OwnName));
        assert_eq!(
            with(&|h| h.to = "sv3".into()),
            Err(Refusal::Sought("sv3".into()))
        );
        assert_eq!(Hello::parse(b"GET / HTTP/1.1\r"), Err(Refusal::Garbled));
        let evil = Refusal::Server("\u{1b}[2J\n".into());
        for language in [Language::En, Language::Ja] {
            assert!(!evil.text(language).contains(char::is_control), "{evil:?}");
        }
    }
}
