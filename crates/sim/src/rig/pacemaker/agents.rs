//! The rig's own agents: a resource whose operations fail as told, and a fence device that ends nodes.
//!
//! They are shell scripts, which stand beside the installed ones in each node's view of /usr/sbin and of the
//! OCF agents. What they are told stands in files below the rig's directory.

use super::super::node::{ALIVE, POWER};
use super::super::{Error, Fallible};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The directory of what operations are to fail: `NODE.RESOURCE.OPERATION`, with the reason in it.
pub(super) fn faults(dir: &Path) -> PathBuf {
    dir.join("faults")
}

/// What the fence device is to do: `works`, `refuses` or `hangs`.
pub(super) fn fencing(dir: &Path) -> PathBuf {
    dir.join("fencing")
}

/// Writes them into a node's folder of Pacemaker.
pub(super) fn write(ours: &Path, dir: &Path) -> Fallible<()> {
    fs::create_dir_all(faults(dir))?;
    fs::write(fencing(dir), "works")?;
    let shown = dir.to_str();
    let shown = shown.ok_or_else(|| Error("the rig's directory has no plain name".into()))?;
    let made = |text: &str| {
        let text = text.replace("@DIR@", shown);
        text.replace("@POWER@", POWER).replace("@ALIVE@", ALIVE)
    };
    for (place, text) in [("ocf/rig/Service", SERVICE), ("sbin/fence_rig", FENCE)] {
        let path = ours.join(place);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, made(text))?;
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755))?;
    }
    Ok(())
}

/// It runs as long as its file is there.
const SERVICE: &str = r#"#!/bin/sh
# A service of the rig: an operation fails while the file NODE.RESOURCE.OPERATION is there, for the reason in it.
state="/run/resource-agents/rig-$OCF_RESOURCE_INSTANCE"
fault="@DIR@/faults/$(uname -n).$OCF_RESOURCE_INSTANCE.$1"
case $1 in
meta-data)
  cat <<END
<?xml version="1.0"?>
<resource-agent name="Service" version="1.0">
<version>1.0</version>
<longdesc lang="en">A service of the rig.</longdesc>
<shortdesc lang="en">a service of the rig</shortdesc>
<parameters/>
<actions>
<action name="start" timeout="20s"/>
<action name="stop" timeout="20s"/>
<action name="monitor" timeout="20s" interval="2s"/>
<action name="meta-data" timeout="5s"/>
</actions>
</resource-agent>
END
  exit 0 ;;
monitor) [ -f "$state" ] || exit 7 ;;
start | stop | validate-all) ;;
*) exit 3 ;;
esac
if [ -f "$fault" ]; then
  echo "ocf-exit-reason:$(cat "$fault")" >&2
  exit 1
fi
case $1 in
start) : >"$state" ;;
stop) rm -f "$state" ;;
esac
exit 0
"#;

/// A power switch for each node.
const FENCE: &str = r#"#!/bin/sh
# Fence device of the rig: cuts a node's power. The file "fencing" says whether it works, refuses or hangs.
action=reboot port=
while IFS='=' read -r key value; do
  case $key in
  action) action=$value ;;
  port | plug | nodename) port=$value ;;
  esac
done
case $action in
metadata)
  cat <<END
<?xml version="1.0"?>
<resource-agent name="fence_rig" shortdesc="Fence device of the rig">
<longdesc>Cuts a node's power.</longdesc>
<parameters>
<parameter name="action" required="1"><content type="string" default="reboot"/><shortdesc lang="en">what to do</shortdesc></parameter>
<parameter name="port" required="1"><content type="string"/><shortdesc lang="en">the node</shortdesc></parameter>
</parameters>
<actions>
<action name="off"/>
<action name="reboot"/>
<action name="status"/>
<action name="monitor"/>
<action name="metadata"/>
</actions>
</resource-agent>
END
  exit 0 ;;
monitor | status | start | stop) exit 0 ;;
off | reboot) ;;
*) exit 1 ;;
esac
case $(cat "@DIR@/fencing") in
refuses)
  echo "the switch does not answer" >&2
  exit 1 ;;
hangs) exec sleep 600 ;;
esac
node="@DIR@/node.$port"
[ -p "$node/@POWER@" ] || exit 1
# Free when nothing of the node lives.
flock -n "$node/@ALIVE@" true && exit 0
echo off >"$node/@POWER@"
exec flock -w 20 "$node/@ALIVE@" true
"#;
