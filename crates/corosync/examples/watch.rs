//! Prints what the Corosync of this host tells, until it ends: `cargo run -p noroshi-corosync --example watch`.

use noroshi_corosync::{Libraries, Ring};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let libraries = Libraries::load()?;
    let ring = Ring::connect(&libraries, "noroshi-watch")?;
    println!(
        "node {}, a loss shows after {:?}",
        ring.own_node()?,
        ring.detects_in()?
    );
    let nodes = ring.nodes()?;
    for node in &nodes {
        println!("{node:?}");
    }
    let (wake, _keep) = UnixStream::pair()?;
    let (start, mut links) = (Instant::now(), Vec::new());
    loop {
        let mut told = Vec::new();
        let result = ring.dispatch(&mut told);
        for notice in told {
            println!("{:8.3} {notice:?}", start.elapsed().as_secs_f64());
        }
        result?;
        let now = ring.links(&nodes)?;
        if now != links {
            println!("{:8.3} {now:?}", start.elapsed().as_secs_f64());
            links = now;
        }
        ring.wait(wake.as_fd(), Duration::from_millis(20));
    }
}
