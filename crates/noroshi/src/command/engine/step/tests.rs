use super::*;

fn owner(path: &Path) -> (u32, u32) {
    let found = path.metadata().unwrap();
    (found.uid(), found.gid())
}

/// Rule: N3
#[test]
fn what_is_made_is_seen_and_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let (uid, gid) = owner(dir.path());
    let spool = dir.path().join("data/pacemaker");
    let steps = [
        Data {
            path: dir.path().join("data"),
            uid,
            gid,
        },
        Spool {
            path: spool.clone(),
            uid,
            gid,
        },
        Link {
            path: dir.path().join("agent"),
            to: "/usr/bin/noroshi".into(),
        },
        Settings {
            path: dir.path().join("clp.conf"),
            text: "x".into(),
            gid,
        },
    ];
    let formers = steps.each_ref().map(|step| {
        assert!(!step.is_done().unwrap(), "{step:?}");
        let former = step.apply().unwrap();
        assert!(step.is_done().unwrap(), "{step:?}");
        step.apply().unwrap();
        former
    });
    std::fs::write(spool.join("1.report"), "an event that waits").unwrap();
    std::fs::write(spool.join("events.sock"), "").unwrap();
    for (step, former) in steps.iter().zip(&formers).rev() {
        step.restore(former).unwrap();
        assert!(!step.is_done().unwrap(), "{step:?}");
        assert!(!step.is_there().unwrap(), "{step:?}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// Rule: N3
#[test]
fn what_was_there_before_is_put_back_and_strangers_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (uid, gid) = owner(dir.path());
    let (path, old) = (dir.path().join("agent"), PathBuf::from("/opt/noroshi"));
    std::os::unix::fs::symlink(&old, &path).unwrap();
    let to = "/usr/bin/noroshi".into();
    let link = Link { path, to };
    let former = link.apply().unwrap();
    link.restore(&former).unwrap();
    assert_eq!(std::fs::read_link(dir.path().join("agent")).unwrap(), old);
    let path = dir.path().join("pacemaker");
    std::fs::create_dir(&path).unwrap();
    rustix::fs::chmod(&path, rustix::fs::Mode::from_raw_mode(0o700)).unwrap();
    let spool = Spool {
        path: path.clone(),
        uid,
        gid,
    };
    let former = spool.apply().unwrap();
    assert_eq!(mode(&path), Some(SPOOL_MODE));
    spool.restore(&former).unwrap();
    assert_eq!(mode(&path), Some(0o700));
    std::fs::write(path.join("a stranger's"), "").unwrap();
    spool.undo().unwrap_err();
    assert!(path.join("a stranger's").exists());
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let to = "/usr/bin/noroshi".into();
    let link = Link { path: file, to };
    assert!(link.apply().unwrap_err().to_string().contains("no link"));
}

/// The directory above is the service's user's: a link there must not give away what is root's.
///
/// Rule: N3
#[test]
fn a_link_in_the_place_of_the_directory_for_events_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (uid, gid) = owner(dir.path());
    let [victim, path] = ["victim", "pacemaker"].map(|name| dir.path().join(name));
    std::fs::create_dir(&victim).unwrap();
    std::fs::write(victim.join("lost"), "not ours").unwrap();
    let before = mode(&victim);
    std::os::unix::fs::symlink(&victim, &path).unwrap();
    let spool = Spool { path, uid, gid };
    assert!(!spool.is_done().unwrap());
    spool.apply().unwrap_err();
    spool.undo().unwrap_err();
    assert_eq!(mode(&victim), before);
    assert!(victim.join("lost").exists());
}

/// Rule: N3
#[test]
fn a_directory_behind_a_link_of_roots_gets_its_own_mode_back() {
    let dir = tempfile::tempdir().unwrap();
    let (uid, gid) = owner(dir.path());
    let [disk, path] = ["disk", "data"].map(|name| dir.path().join(name));
    std::fs::create_dir(&disk).unwrap();
    rustix::fs::chmod(&disk, rustix::fs::Mode::from_raw_mode(0o750)).unwrap();
    std::os::unix::fs::symlink(&disk, &path).unwrap();
    let data = Data { path, uid, gid };
    let former = data.apply().unwrap();
    assert_eq!(mode(&disk), Some(DATA_MODE));
    data.restore(&former).unwrap();
    assert_eq!(mode(&disk), Some(0o750));
}
