//! `console`: the figures of the web page, over 100,000 alerts on three servers.
//!
//! Weight and time of every page; how soon an open page is told of an alert; what open consoles cost the
//! daemon and whether a notice is later for them; ten thousand idle connections; readers that read
//! nothing; and, where Chromium and its driver are installed, the first paint.

mod browser;
mod crowd;
mod live;
mod open;
mod pages;
mod site;
mod web;

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::options::Options;
use noroshi_sim::rig::Fallible;
use site::Site;

/// A part: from the cluster to its figures.
type Part = fn(&mut Site, Option<usize>) -> Fallible<Vec<Figure>>;

const PARTS: [(&str, Part); 7] = [
    ("pages", |site, runs| pages::run(site, runs)),
    ("live", |site, runs| live::run(site, runs)),
    ("browser", |site, runs| browser::run(site, runs)),
    ("memory", |site, _| open::memory(site)),
    ("notices", |site, runs| open::notices(site, runs)),
    ("idle", |site, _| crowd::idle(site)),
    ("slow", |site, _| crowd::slow(site)),
];

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let mut site = Site::up(options)?;
    let mut figures = Vec::new();
    for (name, part) in PARTS {
        interrupt::check()?;
        eprintln!("console: {name}");
        match part(&mut site, options.runs()) {
            Ok(more) => figures.extend(more),
            // A figure without a value keeps no bound; the other parts are measured all the same.
            Err(error) => figures.push(
                Figure::new(format!("console: {name}"), "", Vec::new())
                    .at_most(Stat::Max, 0.0)
                    .with_note(format!("not measured: {error}")),
            ),
        }
    }
    Ok(figures)
}
