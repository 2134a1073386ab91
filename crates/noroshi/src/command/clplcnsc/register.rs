//! `clplcnsc -i FILE -p ID`, and what it has in common with the dialogue.

use super::{Context, Stop, spread};
use crate::command::daemon::SERVER_VARIABLE;
use crate::exit::{Exit, Failure};
use crate::print::say;
use noroshi_conf::licence::{
    Doubt, Evidence, FILE_BYTES_MAX, LicenceFile, Record, STORE_RECORDS_MAX, Signers, Store,
};
use noroshi_core::config::Config;
use noroshi_core::licence::{Invalid, Registered, State, judge};
use noroshi_core::time::WallTime;
use noroshi_daemon::clock;
use noroshi_daemon::licence::{self, end_of, register, registration};
use std::path::Path;

/// What registering needs, found before anything is asked or read.
pub(crate) struct Ground {
    signers: Signers,
    config: Config,
    server: String,
}

/// Registers a licence file.
pub(super) fn file(context: &mut Context, path: &Path) -> Result<Exit, Failure> {
    let ground = ground(context)?;
    let bytes = licence::read(path, FILE_BYTES_MAX as u64)
        .map_err(|error| context.file_trouble(path, &error))?;
    let evidence = evidence(context, path, &bytes)?;
    let shown = path.display().to_string();
    said(context, &ground, &shown, evidence)
}

/// What the bytes of a licence file at `path` say.
///
/// # Errors
/// When they are no licence file.
pub(crate) fn evidence(context: &Context, path: &Path, bytes: &[u8]) -> Result<Evidence, Failure> {
    let file = LicenceFile::parse(bytes).map_err(|fault| context.text_trouble(path, &fault))?;
    Ok(Evidence::File(file))
}

/// What registering on this host needs.
///
/// # Errors
/// As [`ground_of`].
pub(super) fn ground(context: &Context) -> Result<Ground, Failure> {
    ground_of(context, &own_name())
}

/// What registering on the server called `own` needs.
///
/// # Errors
/// When no licence is needed, or there is no cluster with this server in it.
pub(crate) fn ground_of(context: &Context, own: &str) -> Result<Ground, Failure> {
    let config = context.cluster()?;
    let Some(signers) = context.signers()? else {
        let text = context.pick(
            "this build of noroshi needs no licence; nothing was registered",
            "この版の noroshi にライセンスは不要です。何も登録していません",
        );
        return Err(context.failure(Exit::NotNeeded, text));
    };
    let server = config.servers.iter().find(|server| {
        let short = own.split('.').next().unwrap_or_default();
        server.name.eq_ignore_ascii_case(own) || server.name.eq_ignore_ascii_case(short)
    });
    let Some(server) = server.map(|server| server.name.clone()) else {
        let text = context.pick(
            format!("the cluster has not been created with this server: clp.conf has no server {own}\nAdd it, or name this server with NOROSHI_SERVER."),
            format!("クラスタにこのサーバがありません: clp.conf に {own} がありません\n追加するか、NOROSHI_SERVER でサーバ名を指定してください。"),
        );
        return Err(context.failure(Exit::NoCluster, &text));
    };
    Ok(Ground {
        signers,
        config,
        server,
    })
}

fn own_name() -> String {
    let variable = std::env::var(SERVER_VARIABLE).ok();
    variable.filter(|name| !name.is_empty()).unwrap_or_else(|| {
        let uname = rustix::system::uname();
        uname.nodename().to_string_lossy().into_owned()
    })
}

/// Checks and registers, and says what became of it; `shown` is where it came from.
pub(super) fn said(
    context: &mut Context,
    ground: &Ground,
    shown: &str,
    evidence: Evidence,
) -> Result<Exit, Failure> {
    let remark = register(context, ground, shown, evidence)?;
    // As the manual prints it, without a full stop, in both languages.
    say!(context.out, "Command succeeded")?;
    remark.map_or(Ok(Exit::Done), Err)
}

/// Checks and registers; `shown` is where it came from. It is registered then, and the answer is what
/// there is to be said of it all the same.
///
/// # Errors
/// Why nothing was registered.
pub(crate) fn register(
    context: &Context,
    ground: &Ground,
    shown: &str,
    evidence: Evidence,
) -> Result<Option<Failure>, Failure> {
    genuine(context, ground, shown, &evidence)?;
    let stored = register::update(&context.home, |store| {
        // What a clock showed that has been set back since counts as well.
        let latest = store.memory.map(|memory| memory.latest);
        let now = latest.map_or(clock::wall(), |latest| latest.max(clock::wall()));
        not_over(context, shown, &evidence, now).map_err(Stop::Said)?;
        let record = add(context, store, &ground.server, evidence).map_err(Stop::Said)?;
        Ok::<_, Stop>((store.clone(), record))
    });
    let (store, record) = stored.map_err(|stop| stop.told(context))?;
    let missing = spread::spread(context, Some(&ground.config));
    Ok(match after(context, ground, &store, &record) {
        Ok(_) => spread::remark(context, missing),
        Err(mut failure) => {
            if let Some(words) = missing {
                failure.text.push_str(&format!("\n{words}"));
            }
            Some(failure)
        }
    })
}

fn genuine(
    context: &Context,
    ground: &Ground,
    shown: &str,
    evidence: &Evidence,
) -> Result<(), Failure> {
    if let Err(doubt) = evidence.check(&ground.signers) {
        let text = match doubt {
            Doubt::Signature => context.pick(
                format!("{shown}: wrong signature: the licence was changed after it was signed\nCopy it again, or ask whoever sent it. Nothing was registered."),
                format!("{shown}: 署名が正しくありません。署名の後で内容が変更されています。\nもう一度コピーするか、発行元に確認してください。何も登録していません。"),
            ),
            Doubt::Signer => context.pick(
                format!("{shown}: wrong signature: signed by somebody whose licences this build does not take\nAsk whoever sent it. Nothing was registered."),
                format!("{shown}: 署名が正しくありません。この版が信頼していない署名者のものです。\n発行元に確認してください。何も登録していません。"),
            ),
        };
        return Err(context.failure(Exit::WrongSignature, &text));
    }
    Ok(())
}

fn not_over(
    context: &Context,
    shown: &str,
    evidence: &Evidence,
    now: WallTime,
) -> Result<(), Failure> {
    match evidence.licence().until {
        Some(until) if end_of(until) <= now => {
            let text = context.pick(
                format!("{shown}: the licence has expired: its last day was {until}\nIf this is not so, look at this server's clock. Nothing was registered."),
                format!("{shown}: ライセンスの有効期限が切れています。最終日は {until} でした。\n心当たりがない場合は、このサーバの時計を確認してください。何も登録していません。"),
            );
            Err(context.failure(Exit::Expired, &text))
        }
        _ => Ok(()),
    }
}

fn add(
    context: &Context,
    store: &mut Store,
    server: &str,
    evidence: Evidence,
) -> Result<Record, Failure> {
    let serial = evidence.licence().serial;
    let there = store.records.iter().find(|other| {
        let same_key = match (&other.evidence, &evidence) {
            (Evidence::Key(other), Evidence::Key(new)) => other.digest == new.digest,
            _ => false,
        };
        same_key || other.evidence.licence().serial == serial
    });
    if let Some(there) = there {
        let by = there.by.join(", ");
        let is_key = matches!(evidence, Evidence::Key(_));
        if is_key && there.by != [server] {
            let text = context.pick(
                format!("the key of {serial} is registered on another server: {by}\nOne key counts once in the cluster. Enter the key of another sheet here. Nothing was registered."),
                format!("{serial} のキーは別のサーバで登録されています: {by}\n一つのキーはクラスタ内で一度だけ有効です。別のシートのキーを入力してください。何も登録していません。"),
            );
            return Err(context.failure(Exit::OnOtherServer, &text));
        }
        let text = context.pick(
            format!("{serial} is already registered, on {by}\nNothing needs to be done."),
            format!("{serial} は既に登録されています（{by}）\n操作は不要です。"),
        );
        return Err(context.failure(Exit::AlreadyRegistered, &text));
    }
    if store.records.len() >= STORE_RECORDS_MAX {
        let text = context.pick(
            format!("{STORE_RECORDS_MAX} licences are registered, which is the most\nRemove those that are over: clplcnsc -l, then clplcnsc -d SERIAL."),
            format!("登録できるライセンスは {STORE_RECORDS_MAX} 件までです\nclplcnsc -l で確認し、期限切れのものを clplcnsc -d SERIAL で削除してください。"),
        );
        return Err(context.failure(Exit::Failed, &text));
    }
    Ok(store.add(server, evidence).clone())
}

/// What is to be said about a licence that was registered.
fn after(
    context: &Context,
    ground: &Ground,
    store: &Store,
    record: &Record,
) -> Result<Exit, Failure> {
    let now = clock::wall();
    let one = registration(record, &ground.signers);
    if let (Some(from), Some(start)) = (one.licence.from, one.from)
        && now < start
    {
        let text = context.pick(
            format!("the licence is registered, and begins on {from}"),
            format!("ライセンスを登録しました。有効になるのは {from} からです"),
        );
        return Err(context.failure(Exit::NotYetValid, &text));
    }
    let all = store.records.iter();
    let all = all.map(|record| registration(record, &ground.signers));
    let all = Registered::Licences(all.collect());
    let servers = u16::try_from(ground.config.servers.len()).unwrap_or(u16::MAX);
    let believed = store
        .memory
        .map_or(WallTime(i64::MIN), |memory| memory.latest);
    match judge(&all, servers, believed.max(now), now) {
        State::Invalid(Invalid::TooFew { covered, servers }) => {
            let text = context.pick(
                format!("the licence is registered, but all licences together cover {covered} of {servers} servers\nRegister licences for the rest; until then no mails are sent and no warning lights are switched."),
                format!("ライセンスを登録しましたが、全ライセンスを合わせても {servers} 台中 {covered} 台分です\n残りのサーバ分を登録してください。それまでメール通報と警告灯は動作しません。"),
            );
            Err(context.failure(Exit::TooFewServers, &text))
        }
        _ => Ok(Exit::Done),
    }
}
