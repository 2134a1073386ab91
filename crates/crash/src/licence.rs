//! A licence for the programs that register one.

use noroshi_conf::licence::{LicenceFile, SigningKey};
use noroshi_core::licence::{Date, Kind, Licence, Product, Serial};
use noroshi_daemon::home::Home;
use noroshi_sim::rig::{Cluster, Error, Fallible};
use std::fs;

/// Makes all servers trust a signer, and puts a licence of his into the first one's settings.
pub(crate) fn prepare(cluster: &Cluster) -> Fallible<()> {
    let signer = SigningKey::from_random([7; 32]);
    for server in 0..cluster.len() {
        fs::write(
            cluster.home(server).licence_signer(),
            signer.to_public_pem(),
        )?;
    }
    let made = |what: &str| Error(format!("no {what} for the licence"));
    let licence = Licence {
        product: Product::AlertService,
        kind: Kind::Product,
        serial: Serial::parse("AAA0000001").ok_or_else(|| made("serial"))?,
        servers: 3,
        issued: Date::new(2026, 1, 1).ok_or_else(|| made("date"))?,
        from: None,
        until: None,
    };
    let text = LicenceFile::issue(licence, &signer).to_text();
    Ok(fs::write(cluster.home(0).etc().join("1.licence"), text)?)
}

/// What is registered, if it is whole.
pub(crate) fn state(home: &Home) -> Result<String, String> {
    let store = noroshi_daemon::licence::register::read(home);
    let store = store.map_err(|error| error.text(noroshi_core::text::Language::En))?;
    Ok(store.shared())
}
