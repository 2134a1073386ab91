//! How a server that is down or stopped is started again, none of which can be done from here.

use crate::console::visitor::Visitor;
use maud::{Markup, html};
use noroshi_core::config::Engine;
use noroshi_core::status::Status;

/// The command that starts an alert service on its server. Beside Corosync systemd runs it.
pub(super) fn start_words(engine: Engine) -> &'static str {
    match engine {
        Engine::Embedded => "clpcl -s",
        Engine::Corosync => "systemctl start noroshi",
    }
}

/// What starts the server `name`: with Corosync the cluster first, unless Pacemaker shows its node at work.
pub(super) fn part(visitor: &Visitor, status: &Status, name: &str) -> Markup {
    let nodes = status.pacemaker.iter().flat_map(|one| &one.nodes);
    let mut named = nodes.filter(|node| node.name.eq_ignore_ascii_case(name));
    let runs = named.any(|node| node.online);
    html! {
        div.remedy {
            @if status.engine == Engine::Corosync && !runs {
                p {
                    b { (visitor.pick("Start the cluster there: ", "クラスタの起動: ")) }
                    (visitor.pick(
                        format!("once {name} has power and you know why it stopped, on any server as root:"),
                        format!("{name} の電源と停止の原因を確認してから、いずれかのサーバで root として実行してください:"),
                    ))
                }
                pre { code { "pcs cluster start " (name) } }
                p { (visitor.pick(
                    format!("or on {name} itself, with its alert service:"),
                    format!("または {name} 上で、アラートサービスとともに起動します:"),
                )) }
                pre { code { "systemctl start corosync pacemaker noroshi" } }
            } @else {
                p {
                    b { (visitor.pick("Start the alert service: ", "アラートサービスの起動: ")) }
                    (visitor.pick(
                        format!("not possible from here, since a stopped service hears nothing. On {name}, as root:"),
                        format!("停止中のサービスには接続できないため、この画面からは起動できません。{name} 上で root として実行してください:"),
                    ))
                }
                pre { code { (start_words(status.engine)) } }
            }
        }
    }
}
