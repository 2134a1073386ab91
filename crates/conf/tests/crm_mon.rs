//! What `crm_mon` of Pacemaker 2.1.5 prints of bundles and of a cloned group; stripped of attributes that nobody reads.

use noroshi_conf::crm_mon;
use noroshi_core::pacemaker::{Group, GroupKind, Picture, Place, Sort};

fn picture() -> Picture {
    let output = include_str!("pacemaker/bundle.xml");
    crm_mon::read(output).unwrap()
}

fn group<'a>(picture: &'a Picture, name: &str) -> &'a Group {
    let mut groups = picture.groups.iter();
    groups.find(|group| group.name == name).unwrap()
}

/// Rule: N3
#[test]
fn a_bundle_of_one_container_is_a_group_on_the_server_of_its_container() {
    let picture = picture();
    // The container is a node to Pacemaker, and no server to anybody.
    let nodes: Vec<&str> = picture.nodes.iter().map(|node| &*node.name).collect();
    assert_eq!(nodes, ["n1", "n2"]);
    let web = group(&picture, "web");
    assert_eq!((web.kind, web.members.len()), (GroupKind::Single, 4));
    assert_eq!(picture.place(web), Place::On("n1".into()));
}

/// Rule: N3
#[test]
fn instances_of_clones_and_bundles_are_told_apart() {
    let picture = picture();
    let wide = group(&picture, "wide");
    assert_eq!(wide.kind, GroupKind::Clone);
    assert_eq!(picture.instances(wide), ["n1", "n2"]);
    // On n2 only a part of the instance runs.
    let locks = group(&picture, "locks-clone");
    assert_eq!(locks.kind, GroupKind::Clone);
    assert_eq!(picture.instances(locks), ["n1"]);
}

/// Rule: N3
#[test]
fn what_a_resource_is_follows_from_its_agent() {
    for (agent, sort) in [
        ("ocf:heartbeat:IPaddr2", Sort::FloatingIp),
        ("ocf:heartbeat:Filesystem", Sort::FileSystem),
        ("ocf:heartbeat:LVM-activate", Sort::SharedDisk),
        ("ocf:heartbeat:iscsi", Sort::SharedDisk),
        ("ocf:linbit:drbd", Sort::MirrorDisk),
        ("stonith:fence_ipmilan", Sort::FenceDevice),
        ("systemd:nginx", Sort::Other),
    ] {
        let resource = format!("<resource id=\"x\" resource_agent=\"{agent}\" role=\"Stopped\"/>");
        let output =
            format!("<pacemaker-result><resources>{resource}</resources></pacemaker-result>");
        assert_eq!(
            crm_mon::read(&output).unwrap().sort_of("x"),
            sort,
            "{agent}"
        );
    }
}
