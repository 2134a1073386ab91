//! What may be done from here: one function for each, for a page's form and the API alike.
//!
//! Who may is decided before, by the gate; everything goes to the daemon as a change for its audit trail.

use super::App;
use super::visitor::Visitor;
use noroshi_core::alert::{AlertId, REMARK_BYTES_MAX, tidy_within};
use noroshi_core::request::{Reply, Request};
use noroshi_daemon::control::Trouble;

/// Why something was not done.
pub(super) enum Undone {
    /// The daemon, or we, would not; in words.
    Refused(String),
    /// The daemon could not be asked, or did not answer: whether it was done may be unknown.
    Trouble(Trouble),
}

/// What the daemon says to it; never [`Reply::Refused`].
pub(super) type Done = Result<Reply, Undone>;

/// Puts a server's light out.
pub(super) async fn lamp_off(app: &App, visitor: &Visitor, server: String) -> Done {
    asked(app, visitor, Request::LampOff { server }).await
}

/// Shows every colour on a server's light.
pub(super) async fn lamp_test(app: &App, visitor: &Visitor, server: String) -> Done {
    asked(app, visitor, Request::LampTest { server }).await
}

/// Sends a test mail to every recipient.
pub(super) async fn mail_test(app: &App, visitor: &Visitor) -> Done {
    asked(app, visitor, Request::MailTest).await
}

/// Raises an alert; [`crate::command::clplogcmd::request`] makes it.
pub(super) async fn raise(app: &App, visitor: &Visitor, request: Request) -> Done {
    asked(app, visitor, request).await
}

/// Says that the visitor sees to an alert.
pub(super) async fn acknowledge(app: &App, visitor: &Visitor, alert: String, remark: &str) -> Done {
    let request = Request::Acknowledge {
        alert: AlertId(alert),
        by: visitor.name().into(),
        // Here as well as in the daemon, so that any length fits into the line of a call.
        remark: tidy_within(remark, REMARK_BYTES_MAX).trim().into(),
    };
    asked(app, visitor, request).await
}

/// Stops the alert service of one server.
pub(super) async fn stop(app: &App, visitor: &Visitor, server: String) -> Done {
    let request = Request::Stop {
        server: Some(server),
        by: visitor.by(),
    };
    asked(app, visitor, request).await
}

/// Stops that of all servers; `cluster` is its name, so that nobody does so by a slip.
pub(super) async fn shut_down(app: &App, visitor: &Visitor, cluster: &str) -> Done {
    let status = app.desk.status().await.map_err(Undone::Trouble)?;
    if cluster.trim() != status.cluster {
        return Err(Undone::Refused(visitor.pick(
            format!(
                "The cluster is called {}. Nothing was stopped.",
                status.cluster
            ),
            format!(
                "クラスタ名は {} です。何も停止していません。",
                status.cluster
            ),
        )));
    }
    let request = Request::Stop {
        server: None,
        by: visitor.by(),
    };
    asked(app, visitor, request).await
}

async fn asked(app: &App, visitor: &Visitor, request: Request) -> Done {
    match app.desk.change(visitor, request).await {
        Ok(Reply::Refused { why }) => Err(Undone::Refused(why)),
        Ok(reply) => Ok(reply),
        Err(trouble) => Err(Undone::Trouble(trouble)),
    }
}
