//! The books: what was accepted is told or waits, once, and both servers know the same.

use crate::story::{Deeds, Done, STEP_WAIT};
use noroshi_core::lamp::Look;
use noroshi_core::notice::Channel;
use noroshi_sim::inbox::Mail;
use noroshi_sim::rig::{Cluster, Fallible, until};
use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

/// Marked second copies, and what does not balance. Both servers must be at work.
///
/// # Errors
/// When a server cannot be asked.
pub(crate) fn balance(cluster: &Cluster, deeds: &Deeds) -> Fallible<(usize, Vec<String>)> {
    let mut faults = Vec::new();
    // A last order and a last alert, with all before them done: no pause is needed then.
    for server in 0..2 {
        let text = format!("the books of server {server} are closed");
        let words = ["clplogcmd", "-m", &text, "--mail", "--alert"];
        cluster.command(server, &words)?;
        if cluster
            .wait_mail(STEP_WAIT, |mail| mail.body.contains(&text))
            .is_err()
        {
            faults.push(format!("no mail: {text}"));
        }
    }
    for server in 0..2 {
        let rest = until(STEP_WAIT, "no notice waits", || {
            let status = cluster.status(server).map_err(|error| error.0)?;
            match (status.notices_waiting, status.backlog) {
                (0, false) => Ok(()),
                _ => Err(format!("server {server}: {:?}", status.waiting)),
            }
        });
        faults.extend(rest.err().map(|error| error.0));
    }
    faults.extend(alerts(cluster, deeds)?);
    let mails = cluster.mails();
    let (twins, doubtful) = copies(&mails);
    faults.extend(doubtful);
    faults.extend(told(&mails, deeds));
    faults.extend(acknowledged(cluster, deeds)?);
    faults.extend(settings(cluster, deeds));
    faults.extend(lamp(cluster)?);
    Ok((twins, faults))
}

/// What was promised stands on both servers, and nothing in it waits.
fn alerts(cluster: &Cluster, deeds: &Deeds) -> Fallible<Vec<String>> {
    let mut faults = Vec::new();
    for server in 0..2 {
        for (text, done) in &deeds.alerts {
            let listed = until(STEP_WAIT, "it is listed", || {
                let lines = cluster.alerts(server).map_err(|error| error.0)?;
                let count = lines.iter().filter(|line| line.text.contains(text)).count();
                match count {
                    0 if *done == Done::Yes => Err("it is not there".to_owned()),
                    count => Ok(count),
                }
            });
            match listed {
                Ok(0 | 1) => {}
                Ok(count) => faults.push(format!("server {server} lists {count} times: {text}")),
                Err(error) => faults.push(format!("server {server}: {text}: {error}")),
            }
        }
        for line in cluster.alerts(server)? {
            let mails = line
                .notices
                .iter()
                .filter(|one| one.channel == Channel::Mail);
            for notice in mails.filter(|one| !one.state.is_final()) {
                let text = &line.text;
                // A mark comes over the link, which repeats it in its own time.
                let state = until(STEP_WAIT, "the mark is known", || {
                    let lines = cluster.alerts(server).map_err(|error| error.0)?;
                    let same = lines.iter().find(|other| other.id == line.id);
                    let of = same.and_then(|same| {
                        let mut notices = same.notices.iter();
                        notices.find(|one| one.recipient == notice.recipient)
                    });
                    match of {
                        Some(one) if one.state.is_final() => Ok(()),
                        other => Err(format!("{other:?}")),
                    }
                });
                if let Err(error) = state {
                    faults.push(format!("server {server}: {text}: {error}"));
                }
            }
        }
    }
    Ok(faults)
}

/// At most one second copy of each mail, marked.
fn copies(mails: &[Arc<Mail>]) -> (usize, Vec<String>) {
    let mut faults = Vec::new();
    let mut twins = 0;
    let mut by_id: HashMap<String, Vec<&Mail>> = HashMap::new();
    for mail in mails {
        match mail.header("Message-ID") {
            Some(id) => by_id.entry(id).or_default().push(mail),
            None => faults.push(format!("a mail without Message-ID: {}", mail.subject)),
        }
    }
    for copies in by_id.values() {
        let is_marked = |mail: &&&Mail| mail.header("X-Noroshi-Possible-Repeat").is_some();
        let marked = copies.iter().filter(is_marked).count();
        let subject = &copies[0].subject;
        match (copies.len(), marked) {
            (1, _) => {}
            (2, 1..) => twins += 1,
            (count, marked) => faults.push(format!("{count} copies, {marked} marked: {subject}")),
        }
    }
    (twins, faults)
}

/// What was promised was mailed, and each fact under one Message-ID.
fn told(mails: &[Arc<Mail>], deeds: &Deeds) -> Vec<String> {
    let mut faults = Vec::new();
    for (text, done) in &deeds.alerts {
        let about = mails.iter().filter(|mail| mail.body.contains(text));
        let mut ids: Vec<_> = about.filter_map(|mail| mail.header("Message-ID")).collect();
        ids.sort();
        ids.dedup();
        match (ids.len(), done) {
            (1, _) | (0, Done::Maybe) => {}
            (count, _) => faults.push(format!("{count} Message-IDs, {done:?}: {text}")),
        }
    }
    faults
}

fn acknowledged(cluster: &Cluster, deeds: &Deeds) -> Fallible<Vec<String>> {
    let mut faults = Vec::new();
    let Some((text, Done::Yes)) = &deeds.acknowledged else {
        return Ok(faults);
    };
    for server in 0..2 {
        let seen = until(STEP_WAIT, "the acknowledgement is there", || {
            let lines = cluster.alerts(server).map_err(|error| error.0)?;
            let line = lines.iter().find(|line| line.text == *text);
            let by = line.and_then(|line| line.acknowledged.as_ref());
            by.map(drop).ok_or_else(|| format!("{line:?}"))
        });
        faults.extend(seen.err().map(|error| format!("server {server}: {error}")));
    }
    Ok(faults)
}

/// Both servers have the same settings, whole: the new ones if that was promised.
fn settings(cluster: &Cluster, deeds: &Deeds) -> Vec<String> {
    let Some((subject, done)) = &deeds.pushed else {
        return Vec::new();
    };
    let wanted = format!("<subject>{subject}</subject>");
    let same = until(STEP_WAIT, "both have the same settings", || {
        let read = |server| fs::read_to_string(cluster.home(server).conf());
        let (one, other) = (read(0), read(1));
        let (Ok(one), Ok(other)) = (one, other) else {
            return Err("one cannot be read".to_owned());
        };
        let news = [&one, &other].map(|text| text.contains(&wanted));
        if one != other || (*done == Done::Yes && news != [true, true]) {
            return Err(format!("{done:?}; the new ones: {news:?}"));
        }
        if news[0] {
            for server in 0..2 {
                let whole = cluster.command(server, &["config", "verify"]);
                whole.map_err(|error| error.0)?;
            }
        }
        Ok(())
    });
    same.err().map(|error| error.0).into_iter().collect()
}

/// The lamp of the server that fell can be put out, so it is known by all what it shows.
fn lamp(cluster: &Cluster) -> Fallible<Vec<String>> {
    let mut faults = Vec::new();
    for (server, name) in ["sv1", "sv2"].into_iter().enumerate() {
        // Its exit code says whether the light is out within two seconds; here it may take longer.
        cluster.run(1, &["clpdn1000s", "-h", name])?;
        let seen = cluster.wait_lamp(server, Look::OUT, STEP_WAIT);
        faults.extend(seen.err().map(|error| error.0));
    }
    Ok(faults)
}
