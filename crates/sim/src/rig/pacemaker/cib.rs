//! What Pacemaker is told to do: the first configuration, found on disk, and all else, loaded into the live one.

/// Of every node before it starts. Only how long the first election waits for others: 20 s by default.
pub(super) const FIRST: &str = r#"<cib crm_feature_set="3.0.14" validate-with="pacemaker-3.0" epoch="1" num_updates="0" admin_epoch="0">
  <configuration>
    <crm_config><cluster_property_set id="cib-bootstrap-options">
      <nvpair id="cib-bootstrap-options-dc-deadtime" name="dc-deadtime" value="3s"/>
      <nvpair id="cib-bootstrap-options-stonith-enabled" name="stonith-enabled" value="true"/>
    </cluster_property_set></crm_config>
    <nodes/><resources/><constraints/>
  </configuration>
  <status/>
</cib>
"#;

/// The group, the fence device and the alert, as `noroshi engine setup corosync` writes it. Monitors come every
/// two seconds; what runs stays where it is, and the group's first place is `first`.
pub(super) fn configuration(nodes: &str, first: &str) -> String {
    let monitor = |of: &str, seconds: u32| {
        format!(
            "<operations><op id=\"{of}-monitor\" name=\"monitor\" interval=\"{seconds}s\" timeout=\"20s\"/></operations>"
        )
    };
    let (vip, store, app) = (monitor("vip", 10), monitor("store", 2), monitor("app", 2));
    format!(
        r#"<configuration>
<resources>
  <group id="web">
    <primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2">
      <instance_attributes id="vip-set">
        <nvpair id="vip-ip" name="ip" value="198.18.0.100"/>
        <nvpair id="vip-nic" name="nic" value="e0"/>
        <nvpair id="vip-mask" name="cidr_netmask" value="24"/>
      </instance_attributes>{vip}
    </primitive>
    <primitive id="store" class="ocf" provider="pacemaker" type="Dummy">{store}</primitive>
    <primitive id="app" class="ocf" provider="rig" type="Service">{app}</primitive>
  </group>
  <primitive id="fence" class="stonith" type="fence_rig">
    <instance_attributes id="fence-set">
      <nvpair id="fence-hosts" name="pcmk_host_list" value="{nodes}"/>
      <nvpair id="fence-check" name="pcmk_host_check" value="static-list"/>
    </instance_attributes>
  </primitive>
</resources>
<constraints><rsc_location id="home" rsc="web" node="{first}" score="10"/></constraints>
<rsc_defaults><meta_attributes id="defaults">
  <nvpair id="defaults-stickiness" name="resource-stickiness" value="100"/>
</meta_attributes></rsc_defaults>
<alerts>
  <alert id="noroshi" path="/run/noroshi-pacemaker-alert">
    <meta_attributes id="noroshi-meta"><nvpair id="noroshi-timeout" name="timeout" value="15s"/></meta_attributes>
    <recipient id="noroshi-dir" value="/run/noroshi"/>
  </alert>
</alerts>
</configuration>"#
    )
}
