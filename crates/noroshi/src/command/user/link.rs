//! `noroshi user link`: where the console is and, while it has no user, a one-time code for the first.

use super::{Context, no_settings};
use crate::console::account::Accounts;
use crate::console::{certificate, serve, setup_code};
use crate::exit::{Exit, Failure};
use crate::print::say;
use noroshi_core::config::Config;

pub(super) fn run(context: &mut Context) -> Result<Exit, Failure> {
    context.as_administrator()?;
    let accounts = Accounts::new(context.home.clone());
    let settings = accounts
        .settings()
        .map_err(|error| no_settings(context, &error))?;
    if !settings.console.used {
        let text = context.pick(
            "the console is switched off: set /root/noroshi/console/use to 1",
            "コンソールは使用しない設定です。/root/noroshi/console/use を 1 にしてください",
        );
        return Err(context.failure(Exit::Refused, text));
    }
    let server = context.status()?.server;
    if !settings.console.users.is_empty() {
        for address in serve::addresses(&settings, &server) {
            say!(context.out, "{}://{address}/", serve::scheme(address))?;
        }
        certificate_line(context, &settings)?;
        let text = context.pick(
            "there are users already; \"noroshi user add\" makes more",
            "利用者は既に登録されています。追加には noroshi user add を使用してください",
        );
        return Err(context.failure(Exit::Refused, text));
    }
    let code = setup_code::new(&context.home).map_err(|error| {
        let var = context.home.var();
        context.about_file(&var, ("cannot write", "書き込めません"), &error)
    })?;
    for address in serve::addresses(&settings, &server) {
        let scheme = serve::scheme(address);
        // Behind the sign is never sent, and so in no server's log.
        say!(context.out, "{scheme}://{address}/set-up#{code}")?;
    }
    let text = context.pick(
        format!("Code: {code} (for one hour, once)"),
        format!("コード: {code}（1 時間以内に一度だけ有効）"),
    );
    say!(context.out, "{text}")?;
    certificate_line(context, &settings)?;
    Ok(Exit::Done)
}

/// What to compare with the browser's warning.
fn certificate_line(context: &mut Context, settings: &Config) -> Result<(), Failure> {
    if let Some(fingerprint) = certificate::fingerprint(&context.home, settings) {
        let text = context.pick("Certificate SHA-256", "証明書 SHA-256");
        say!(context.out, "{text}: {fingerprint}")?;
    }
    Ok(())
}
