//! Which server of clp.conf this host is.
//!
//! Whoever names it (`--server`, `NOROSHI_SERVER`) is believed. Otherwise the host name is looked for,
//! whole and without its domain, in any case of letters; then an address of this host that exactly one
//! server has. Where that tells nothing, or two things, nothing is guessed: a daemon that takes itself
//! for another server would light the wrong lamp and call a living server down.

use noroshi_core::config::{Config, ServerId};
use noroshi_core::text::Language;
use std::fmt;
use std::net::{IpAddr, UdpSocket};

/// Why it is not known which server this host is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFound {
    /// The name that was given, if one was.
    pub named: Option<String>,
    /// The host's name.
    pub host: String,
    /// Servers that have an address of this host, when there is more than one.
    pub alike: Vec<String>,
    /// The servers that clp.conf has.
    pub servers: Vec<String>,
}

impl NotFound {
    /// What is wrong, and the remedy.
    pub fn words(&self, language: Language) -> String {
        let servers = self.servers.join(", ");
        let host = &self.host;
        let problem = match (&self.named, self.alike.is_empty()) {
            (Some(name), _) => language.pick(
                format!("clp.conf has no server {name:?}; it has {servers}."),
                format!("clp.conf にサーバ {name:?} がありません。clp.conf のサーバ: {servers}。"),
            ),
            (None, true) => language.pick(
                format!(
                    "clp.conf has no server with the name ({host}) or an address of this host; it has {servers}."
                ),
                format!(
                    "clp.conf に、このホストの名前（{host}）またはアドレスを持つサーバがありません。clp.conf のサーバ: {servers}。"
                ),
            ),
            (None, false) => {
                let alike = self.alike.join(", ");
                language.pick(
                    format!(
                        "clp.conf has no server with the name of this host ({host}), and several with an address of it: {alike}."
                    ),
                    format!(
                        "clp.conf にこのホストの名前（{host}）のサーバがなく、このホストのアドレスを持つサーバが複数あります: {alike}。"
                    ),
                )
            }
        };
        let remedy = language.pick(
            "Name this server with NOROSHI_SERVER=NAME, or noroshi daemon --server NAME; or correct its name or address in clp.conf.",
            "環境変数 NOROSHI_SERVER、または noroshi daemon --server NAME でこのサーバの名前を指定するか、clp.conf の名前またはアドレスを訂正してください。",
        );
        format!("{problem}{}{remedy}", language.pick(" ", ""))
    }
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(Language::En))
    }
}

impl std::error::Error for NotFound {}

/// Finds this host's server; `named` is what the user calls it, if he does.
///
/// # Errors
/// When there is no such server, or no telling which one it is.
pub fn find(config: &Config, named: Option<&str>) -> Result<ServerId, NotFound> {
    find_on(config, named, &host_name(), is_of_this_host)
}

fn find_on(
    config: &Config,
    named: Option<&str>,
    host: &str,
    is_own: impl Fn(IpAddr) -> bool,
) -> Result<ServerId, NotFound> {
    let fail = |alike: Vec<ServerId>| NotFound {
        named: named.map(str::to_owned),
        host: host.to_owned(),
        alike: alike
            .into_iter()
            .map(|id| config.server_name(id).to_string())
            .collect(),
        servers: config.servers.iter().map(|s| s.name.clone()).collect(),
    };
    if let Some(name) = named {
        return by_name(config, name).ok_or_else(|| fail(Vec::new()));
    }
    let short = host.split('.').next().unwrap_or_default();
    if let Some(own) = by_name(config, host).or_else(|| by_name(config, short)) {
        return Ok(own);
    }
    let has_own = |id: &ServerId| {
        let addresses = config.server(*id).addresses.iter();
        addresses.flatten().any(|address| is_own(*address))
    };
    let alike: Vec<ServerId> = config.server_ids().filter(has_own).collect();
    match alike[..] {
        [own] => Ok(own),
        _ => Err(fail(alike)),
    }
}

/// The server of this name; letter by letter first, then in any case, as host names are.
fn by_name(config: &Config, name: &str) -> Option<ServerId> {
    config.server_named(name).or_else(|| {
        config
            .server_ids()
            .find(|id| config.server_name(*id).eq_ignore_ascii_case(name))
    })
}

/// Only an address of this host can be bound. (Where the kernel lets others be bound too, all look
/// like ours, and nothing is found.)
fn is_of_this_host(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// The host's name, as `uname -n` gives it.
fn host_name() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let server = |n: u8| {
            format!(
                "<server name='sv{n}'><priority>{n}</priority>\
                 <device id='0'><type>lan</type><info>192.0.2.{n}</info></device></server>"
            )
        };
        let text = format!(
            "<root><cluster><name>c</name></cluster>{}{}{}<heartbeat><lankhb name='lankhb1'>\
             <priority>0</priority><device>0</device></lankhb></heartbeat></root>",
            server(1),
            server(2),
            server(3)
        );
        noroshi_conf::read(text.as_bytes()).unwrap().config
    }

    fn nobody(_: IpAddr) -> bool {
        false
    }

    /// Rule: N20
    #[test]
    fn a_name_that_is_given_is_believed_and_no_other_taken_for_it() {
        let config = config();
        let second = find_on(&config, Some("sv2"), "sv1", nobody);
        assert_eq!(second, Ok(ServerId(1)));
        let error = find_on(&config, Some("web"), "sv1", |_| true).unwrap_err();
        assert_eq!(error.servers, ["sv1", "sv2", "sv3"]);
        assert!(error.to_string().contains("\"web\""), "{error}");
    }

    /// Rule: N20
    #[test]
    fn the_host_name_counts_with_and_without_its_domain() {
        let config = config();
        for host in ["sv3", "SV3", "sv3.example.com"] {
            assert_eq!(
                find_on(&config, None, host, nobody),
                Ok(ServerId(2)),
                "{host}"
            );
        }
    }

    /// Rule: N20
    #[test]
    fn an_address_of_this_host_tells_which_server_it_is() {
        let config = config();
        let second = config.server(ServerId(1)).addresses[0];
        let own = |address| Some(address) == second;
        assert_eq!(find_on(&config, None, "web", own), Ok(ServerId(1)));
    }

    /// Rule: N20
    #[test]
    fn nothing_is_guessed() {
        let config = config();
        let none = find_on(&config, None, "web", nobody).unwrap_err();
        assert!(none.alike.is_empty());
        let all = find_on(&config, None, "web", |_| true).unwrap_err();
        assert_eq!(all.alike.len(), 3);
        for (language, remedy) in [
            (Language::En, "NOROSHI_SERVER=NAME"),
            (Language::Ja, "環境変数 NOROSHI_SERVER"),
        ] {
            for error in [&none, &all] {
                let words = error.words(language);
                assert!(words.contains("web") && words.contains(remedy), "{words}");
            }
        }
    }

    #[test]
    fn only_addresses_of_this_host_are_taken_for_its_own() {
        assert!(is_of_this_host(IpAddr::from([127, 0, 0, 1])));
        assert!(!is_of_this_host(IpAddr::from([192, 0, 2, 1])));
    }
}
