//! A disk that is full, on real processes: the notices go out all the same.

mod e2e;

use e2e::*;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system in memory, taken away at the end.
struct Mount(PathBuf);

impl Mount {
    fn over(path: &Path) -> Result<Mount, String> {
        fs::create_dir_all(path).map_err(|error| error.to_string())?;
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=2m", "none"])
            .arg(path);
        match mount.output() {
            Ok(output) if output.status.success() => Ok(Mount(path.into())),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Writes until nothing more fits.
    fn fill(&self) {
        let mut file = File::create(self.0.join("fill")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        while file.write_all(&[0]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.0.join("fill")).unwrap();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // The daemon may still have files open in it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Rule: N8
#[test]
fn with_a_full_disk_notices_go_out_all_the_same_and_that_is_said() {
    let mut cluster = plan().prepare().unwrap();
    let disk = match Mount::over(&cluster.home(0).var()) {
        Ok(disk) => disk,
        Err(why) => {
            noroshi_sim::skipped(&format!("no tmpfs can be mounted: {why}"));
            return;
        }
    };
    cluster.start_all().unwrap();
    disk.fill();
    let at = cluster.kill(2).unwrap();
    let mail = cluster
        .wait_mail(SOON, |mail| mail.body.contains("sv3 is down"))
        .unwrap();
    latency("disk is full: mail", mail.arrived - at);
    cluster.wait_lamp(2, Look::RED_BLINK, SOON).unwrap();
    let said = cluster.wait_mail(SOON, |mail| {
        mail.body.contains("store of server sv1 failed")
    });
    assert!(said.unwrap().body.contains("Sent by server: sv1"));
    disk.free();
    // It may have found room before: a store that is opened again needs less.
    cluster.wait_message(0, "store", 1002, LATER).unwrap();
    cluster.wait_message(0, "nm", 2, SOON).unwrap();
    flush(&cluster, 0);
    assert_eq!(
        mails_saying(&cluster, "sv3 is down"),
        1,
        "{}",
        letters(&cluster)
    );
    drop(cluster);
}
