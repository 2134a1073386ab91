//! `clplcnsc -l [-p ID]`: what is registered, and what it comes to (rule M23).

use super::{Context, day_words, kind_words};
use crate::exit::{Exit, Failure};
use crate::print::{escaped, padded, say};
use noroshi_core::licence::{
    Invalid, Kind, Product, Registered, Registration, State, Unknown, judge,
};
use noroshi_core::text::Language;
use noroshi_core::time::WallTime;
use noroshi_daemon::clock;
use noroshi_daemon::licence::{self, Trust, register};
use serde_json::json;

/// Columns of the names, in either language.
const NAME_COLUMNS: usize = 18;

/// What is registered, and what it comes to.
pub(crate) struct Found {
    registered: Registered,
    /// Servers of the cluster; 0 where no licence is needed.
    servers: u16,
    /// All licences together.
    pub(crate) state: State,
    /// The latest moment that is believed, by which licences end.
    believed: WallTime,
    now: WallTime,
}

impl Found {
    /// Looks at this server's register.
    ///
    /// # Errors
    /// When it cannot be read, or there is no cluster.
    pub(crate) fn on_this_server(context: &Context) -> Result<Found, Failure> {
        let trust = licence::trust(&context.home);
        let trust = trust.map_err(|e| context.failure(Exit::Failed, &e.text(context.language)))?;
        if trust != Trust::NotNeeded
            && let Err(error) = register::read(&context.home)
        {
            return Err(super::Stop::from(error).told(context));
        }
        let registered = licence::registered(&context.home, &trust);
        let servers = match &trust {
            Trust::NotNeeded => 0,
            Trust::Signers(_) => {
                u16::try_from(context.cluster()?.servers.len()).unwrap_or(u16::MAX)
            }
        };
        let now = clock::wall();
        let kept = register::read(&context.home)
            .ok()
            .and_then(|store| store.memory);
        let believed = kept.map_or(now, |memory| memory.latest.max(now));
        Ok(Found {
            state: judge(&registered, servers, believed, now),
            registered,
            servers,
            believed,
            now,
        })
    }

    /// Each licence.
    pub(crate) fn licences(&self) -> &[Registration] {
        self.registered.licences()
    }

    /// One licence by itself.
    fn alone(&self, one: &Registration) -> State {
        let alone = Registered::Licences(vec![one.clone()]);
        judge(&alone, 1, self.believed, self.now)
    }

    /// One licence by itself, in words, with the days that are left.
    pub(crate) fn words_of(&self, one: &Registration, language: Language) -> String {
        let state = self.alone(one);
        let mut words = words(state, language);
        if state == State::Valid
            && let Some(end) = one.end
        {
            let days = days_left(end, self.believed);
            words.push_str(
                &language.pick(format!(", {days} days left"), format!("（残り {days} 日）")),
            );
        }
        words
    }
}

/// What is to be known of a key that counts once though several servers have it.
pub(crate) fn note(one: &Registration, language: Language) -> Option<&'static str> {
    (one.sheet && one.by.len() > 1).then(|| language.pick(
        "this key was registered on several servers and counts once; register another sheet's key on each of the others",
        "このキーは複数のサーバで登録されていますが、有効なのは一度だけです。他のサーバには別のシートのキーを登録してください",
    ))
}

pub(super) fn run(context: &mut Context, as_json: bool) -> Result<Exit, Failure> {
    let found = Found::on_this_server(context)?;
    if as_json {
        say!(context.out, "{}", shown(&found))?;
        return Ok(Exit::Done);
    }
    let language = context.language;
    let product = Product::AlertService;
    row(context, "", ("product name", "製品名"), product.name())?;
    row(context, "", ("product id", "製品 ID"), product.id())?;
    row(
        context,
        "",
        ("state", "状態"),
        &words(found.state, language),
    )?;
    for registration in found.licences() {
        let licence = &registration.licence;
        say!(context.out, "")?;
        row(
            context,
            "",
            ("serial number", "シリアル番号"),
            licence.serial.as_str(),
        )?;
        row(
            context,
            "  ",
            ("kind", "種類"),
            kind_words(licence.kind, language),
        )?;
        row(
            context,
            "  ",
            ("servers", "サーバ数"),
            &licence.servers.to_string(),
        )?;
        if licence.from.is_some() {
            row(
                context,
                "  ",
                ("valid from", "開始日"),
                &day_words(licence.from),
            )?;
        }
        row(
            context,
            "  ",
            ("valid until", "有効期限"),
            &day_words(licence.until),
        )?;
        row(
            context,
            "  ",
            ("registered on", "登録サーバ"),
            &registration.by.join(", "),
        )?;
        let state = found.words_of(registration, language);
        row(context, "  ", ("state", "状態"), &state)?;
        if let Some(note) = note(registration, language) {
            row(context, "  ", ("note", "注意"), note)?;
        }
    }
    Ok(Exit::Done)
}

fn row(
    context: &mut Context,
    indent: &str,
    name: (&str, &str),
    value: &str,
) -> Result<(), Failure> {
    let name = context.language.pick(name.0, name.1);
    let name = padded(&format!("{indent}{name}"), NAME_COLUMNS);
    say!(context.out, "{name}: {}", escaped(value))
}

fn days_left(end: WallTime, now: WallTime) -> i64 {
    const DAY_MS: i64 = 86_400_000;
    end.0.saturating_sub(now.0).saturating_add(DAY_MS - 1) / DAY_MS
}

/// A state in words.
pub(crate) fn words(state: State, language: Language) -> String {
    match state {
        State::NotNeeded => language
            .pick(
                "this build needs no licence",
                "この版にライセンスは不要です",
            )
            .to_owned(),
        State::Valid => language.pick("valid", "有効").to_owned(),
        State::NotRegistered => language.pick("not registered", "未登録").to_owned(),
        State::TrialExpired { until } => language.pick(
            format!("the trial expired on {until}"),
            format!("試用版の有効期限切れ（{until}）"),
        ),
        State::Invalid(why) => match why {
            Invalid::Signature { serial } => language.pick(
                format!("invalid: {serial} has a wrong signature"),
                format!("不正: {serial} の署名が正しくありません"),
            ),
            Invalid::Ended { until, .. } => language.pick(
                format!("invalid: expired on {until}"),
                format!("無効: 有効期限切れ（{until}）"),
            ),
            Invalid::NotYet { from, .. } => language.pick(
                format!("not yet valid: begins on {from}"),
                format!("開始前: {from} から有効"),
            ),
            Invalid::TooFew { covered, servers } => language.pick(
                format!("invalid: the licences cover {covered} of {servers} servers"),
                format!("無効: {servers} 台中 {covered} 台分しかありません"),
            ),
        },
        State::Unknown(Unknown::Unreadable) => language
            .pick(
                "unknown: the register cannot be read",
                "不明: 登録簿を読み込めません",
            )
            .to_owned(),
        State::Unknown(Unknown::Signer { serial }) => language.pick(
            format!("unknown: {serial} was signed by somebody who is not trusted here"),
            format!("不明: {serial} は信頼していない署名者のものです"),
        ),
    }
}

fn state_word(state: State) -> &'static str {
    match state {
        State::NotNeeded => "not-needed",
        State::Valid => "valid",
        State::NotRegistered => "not-registered",
        State::TrialExpired { .. } => "trial-expired",
        State::Invalid(_) => "invalid",
        State::Unknown(_) => "unknown",
    }
}

/// What is registered as programs are shown it.
pub(crate) fn shown(found: &Found) -> serde_json::Value {
    let licences: Vec<_> = found
        .licences()
        .iter()
        .map(|registration| {
            let licence = &registration.licence;
            let day = |day: Option<noroshi_core::licence::Date>| day.map(|day| day.to_string());
            json!({
                "serial": licence.serial.as_str(),
                "kind": Kind::word(licence.kind),
                "servers": licence.servers,
                "from": day(licence.from),
                "until": day(licence.until),
                "sheet": registration.sheet,
                "registered_on": registration.by,
                "state": state_word(found.alone(registration)),
            })
        })
        .collect();
    json!({
        "product": Product::AlertService.id(),
        "servers": found.servers,
        "state": state_word(found.state),
        "notices": found.state.sends_notices(),
        "licences": licences,
    })
}
