//! The description of the API against the table of routes and the forms that are answered.

use super::alert;
use crate::command::{alerts, status};
use crate::console::account::role_name;
use crate::console::api::read::OPENAPI;
use crate::console::route::{Access, ROUTES};
use noroshi_core::alert::{AlertId, Severity};
use noroshi_core::config::{Engine, Role};
use noroshi_core::lamp::{Glow, Look};
use noroshi_core::notice::{Channel, Delivery, NoticeState};
use noroshi_core::pacemaker::{
    GroupKind, GroupState, GroupStatus, PacemakerNodeStatus, PacemakerStatus, ResourceStatus, Sort,
};
use noroshi_core::request::Reply;
use noroshi_core::status::{
    LampStatus, LampTold, LicenceStatus, PathStatus, ServerState, ServerStatus, Status, Waiting,
};
use noroshi_core::time::WallTime;
use noroshi_daemon::control::{Acknowledged, AlertLine, NoticeLine};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn description() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

/// Every route of the API with its method and role is in the description, and nothing else.
///
/// Rule: N21
#[test]
fn the_description_has_the_routes_of_the_table_and_no_others() {
    let described = description();
    let mut there = BTreeSet::new();
    for (path, operations) in described["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let ways = operation["security"].as_array().unwrap();
            let role = ways[0]["token"][0].as_str().unwrap();
            assert_eq!(
                ways[..],
                [json!({"token": [role]}), json!({"session": [role]})]
            );
            there.insert((path.clone(), method.to_uppercase(), role.to_owned()));
        }
    }
    let api = ROUTES.iter().filter(|it| it.path.starts_with("/api/"));
    let table: BTreeSet<_> = api
        .map(|route| {
            let Access::Role(role) = route.access else {
                panic!("{}: for anyone", route.path);
            };
            (
                route.path.to_owned(),
                route.method.to_owned(),
                role_name(role).to_owned(),
            )
        })
        .collect();
    assert_eq!(there, table);
}

/// Whatever an operation may answer is described, and every reference leads somewhere.
///
/// Rule: N21
#[test]
fn every_operation_names_its_answers() {
    let described = description();
    let mut names = BTreeSet::new();
    for operations in described["paths"].as_object().unwrap().values() {
        for (method, operation) in operations.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name}: twice");
            let mut wanted = vec!["200", "400", "401", "403", "429", "503", "504"];
            match method.as_str() {
                "post" => wanted.extend(["409", "413", "415", "422"]),
                _ if name == "alert" => wanted.push("404"),
                _ => {}
            }
            let wanted: BTreeSet<&str> = wanted.into_iter().collect();
            let answers = operation["responses"].as_object().unwrap();
            let answers: BTreeSet<&str> = answers.keys().map(String::as_str).collect();
            assert_eq!(answers, wanted, "{name}");
        }
    }
    for part in OPENAPI.split("\"$ref\": \"#").skip(1) {
        let place = part.split('"').next().unwrap();
        assert!(described.pointer(place).is_some(), "{place}");
    }
}

/// Holds `value` to a schema, and the schema to it: no member may be left undescribed.
fn fits(all: &Value, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    if let Some(to) = schema["$ref"].as_str() {
        return fits(all, all.pointer(&to[1..]).unwrap(), value, place);
    }
    if let Some(ways) = schema["oneOf"].as_array() {
        let fit = ways
            .iter()
            .filter(|way| fits(all, way, value, place).is_ok());
        let count = fit.count();
        return (count == 1)
            .then_some(())
            .ok_or(format!("{place}: {count} fit {value}"));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds = &schema["type"];
    if *kinds != kind
        && !kinds
            .as_array()
            .is_some_and(|all| all.contains(&kind.into()))
    {
        return Err(format!("{place}: {value} is no {kinds}"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{place}: {value} is none of {words:?}"));
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return Err(format!("{place}: {value}"));
    }
    for item in value.as_array().into_iter().flatten() {
        fits(all, &schema["items"], item, &format!("{place}[]"))?;
    }
    if let Some(members) = value.as_object() {
        for (name, value) in members {
            let place = format!("{place}.{name}");
            let schema = &schema["properties"][name];
            if schema.is_null() {
                return Err(format!("{place}: not described"));
            }
            fits(all, schema, value, &place)?;
        }
        for name in schema["required"].as_array().unwrap() {
            if !members.contains_key(name.as_str().unwrap()) {
                return Err(format!("{place}: no {name}"));
            }
        }
    }
    Ok(())
}

#[track_caller]
fn check(schema: &str, value: &impl serde::Serialize) {
    let all = description();
    let of = &all["components"]["schemas"][schema];
    fits(&all, of, &serde_json::to_value(value).unwrap(), schema).unwrap();
}

fn full_status() -> Status {
    let lamp = LampStatus {
        address: "192.0.2.1".into(),
        wanted: Look::RED_BLINK,
        shown: Some(Look::OUT),
        trouble: Some("refused".into()),
        told_by_us: true,
    };
    let path = PathStatus {
        name: "lankhb1".into(),
        comment: "LAN Heartbeat".into(),
        normal: true,
        unused: false,
        silent_ms: Some(7),
        loss_permille: 3,
    };
    let server = |state, lamp, path: &PathStatus, set| ServerStatus {
        name: "sv1".into(),
        own: true,
        state,
        last_word: path.silent_ms.map(|_| WallTime(1_700_000_000_000)),
        paths: vec![path.clone()],
        lamp,
        drift: false,
        set,
    };
    let unheard = PathStatus {
        silent_ms: None,
        ..path.clone()
    };
    Status {
        cluster: "harbour".into(),
        server: "sv1".into(),
        time: WallTime(1_700_000_000_000),
        engine: Engine::Embedded,
        blind: None,
        advice: vec!["port 29002/tcp is closed".into()],
        servers: vec![
            server(ServerState::Up, Some(lamp), &path, Some(1)),
            server(ServerState::Down, None, &unheard, None),
        ],
        on_duty: Some("sv1".into()),
        notices_waiting: 1,
        waiting: vec![Waiting {
            channel: Channel::Mail,
            count: 1,
            reason: Some("refused".into()),
        }],
        backlog: true,
        store_trouble: Some("full".into()),
        lamps_used: true,
        licence: Some(LicenceStatus {
            notices: false,
            message: Some(1),
            text: Some("not registered".into()),
            withheld: 2,
            sent_by: Some("sv2".into()),
        }),
        pacemaker: Some(Box::new(full_pacemaker())),
    }
}

fn full_pacemaker() -> PacemakerStatus {
    let resource = ResourceStatus {
        name: "vip".into(),
        sort: Sort::FloatingIp,
        state: GroupState::Online,
        current: vec!["sv1".into()],
    };
    let group = GroupStatus {
        name: "web".into(),
        kind: GroupKind::Single,
        state: GroupState::Unknown,
        current: vec!["sv1".into()],
        disabled: false,
        maintenance: true,
        resources: vec![resource],
    };
    PacemakerStatus {
        trouble: Some("not connected".into()),
        quorum: true,
        maintenance: false,
        nodes: vec![PacemakerNodeStatus::default()],
        groups: vec![group],
    }
}

/// Rule: N21 N20
#[test]
fn what_is_answered_is_as_it_is_described() {
    let status = full_status();
    check("Status", &status::shown(&status));
    let mut bare = status.clone();
    (bare.on_duty, bare.store_trouble, bare.licence) = (None, None, None);
    bare.pacemaker = None;
    bare.waiting[0].reason = None;
    check("Status", &status::shown(&bare));
    let mut line = AlertLine::from(alert(1, Severity::Error, "disk is full"));
    check("Alert", &alerts::shown(&line));
    line.acknowledged = Some(Acknowledged {
        by: "sato".into(),
        remark: String::new(),
        at: line.time,
    });
    line.notices = vec![NoticeLine {
        channel: Channel::Mail,
        recipient: "ops@example.com".into(),
        state: NoticeState::Begun,
        attempts: 1,
        possible_repeat: true,
        sender: "sv1".into(),
        reason: String::new(),
        changed: line.time,
    }];
    line.about = None;
    check("Alert", &alerts::shown(&line));
    check("Done", &Reply::Done);
    let alert = AlertId("a-1".into());
    let (durable, replicated) = (true, false);
    let accepted = Reply::Accepted {
        alert,
        durable,
        replicated,
    };
    check("Accepted", &accepted);
}

/// Rule: N21 N20
#[test]
fn every_word_that_is_answered_is_described() {
    use NoticeState::{Begun, Delivered, Dropped, GivenUp, Refused, Waiting};
    use ServerState::{Down, Left, Stalled, Unknown, Unseen, Up};
    let described = description();
    let words = |place: &str, values: Value| {
        let schema = described.pointer(place).unwrap();
        assert_eq!(schema["enum"], values, "{place}");
    };
    let schema = |name: &str| format!("/components/schemas/{name}");
    words(
        &schema("Engine"),
        json!([Engine::Embedded, Engine::Corosync]),
    );
    {
        use GroupState::{Failed, Offline, Online, Pending, Unknown};
        words(
            &schema("GroupState"),
            json!([Online, Offline, Pending, Failed, Unknown]),
        );
    }
    words(
        &schema("Resource/properties/sort"),
        json!([
            Sort::FloatingIp,
            Sort::FileSystem,
            Sort::SharedDisk,
            Sort::MirrorDisk,
            Sort::FenceDevice,
            Sort::Other
        ]),
    );
    words(
        &schema("Group/properties/kind"),
        json!([GroupKind::Single, GroupKind::Clone, GroupKind::Promotable]),
    );
    words(
        &schema("Severity"),
        json!([Severity::Info, Severity::Warning, Severity::Error]),
    );
    words(
        &schema("Role"),
        json!([Role::View, Role::Operate, Role::Administer]),
    );
    words(&schema("Glow"), json!([Glow::Off, Glow::On, Glow::Blink]));
    words(
        &schema("Channel"),
        json!([Channel::Mail, Channel::Lamp, Channel::Syslog]),
    );
    let told = [
        LampTold::AsWanted,
        LampTold::Trouble,
        LampTold::NotYet,
        LampTold::ByAnother,
    ];
    words(&schema("Lamp/properties/told"), json!(told));
    words(
        &schema("Server/properties/state"),
        json!([Unknown, Up, Stalled, Left, Down, Unseen]),
    );
    let states = [Waiting, Begun, Delivered, Refused, GivenUp, Dropped];
    words(&schema("Notice/properties/state"), json!(states));
    let deliveries = [
        Delivery::Undelivered,
        Delivery::Waiting,
        Delivery::Delivered,
    ];
    let parameters = &described["paths"]["/api/v1/alerts"]["get"]["parameters"];
    let parameter = parameters
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["name"] == "delivery");
    assert_eq!(parameter.unwrap()["schema"]["enum"], json!(deliveries));
}
