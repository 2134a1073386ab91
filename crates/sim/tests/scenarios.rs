//! Every story in `scenarios/` is played on virtual time, with several seeds.

use noroshi_sim::scenario::parse;
use noroshi_sim::world::play;
use std::path::Path;

/// Seeds that every story is told with.
const SEEDS: std::ops::Range<u64> = 1..6;

#[test]
fn every_story_comes_true() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut stories: Vec<_> = std::fs::read_dir(&folder)
        .expect("the repository has a folder of stories")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "scn"))
        .collect();
    stories.sort();
    assert!(stories.len() >= 20, "only {} stories found", stories.len());
    let only = std::env::var("STORY").ok();
    let mut failures = Vec::new();
    for path in stories {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if only.as_ref().is_some_and(|only| !name.contains(only)) {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a story can be read");
        let scenario = parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!scenario.rules.is_empty(), "{name} names no rule");
        for seed in SEEDS {
            let (_, failed) = play(&scenario, seed);
            failures.extend(
                failed
                    .into_iter()
                    .map(|failure| format!("{name} seed {seed}: {failure}")),
            );
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
