//! Slips of the pen outside our own part of the file, and the files that settings name.

use crate::helpers::{accepted, lines, parsed};
use noroshi_conf::{FileUse, Problem};

/// Story: with `<adress>` no mail ever left, and `check` said "no errors".
///
/// Rule: N17
#[test]
fn a_name_next_to_one_that_is_read_is_told_and_the_file_is_taken() {
    let slips = [
        ("<dn1000s><us>1</us></dn1000s>", "", "dn1000s/us", "use"),
        (
            "<mail><adress>a@b.c</adress></mail>",
            "",
            "mail/adress",
            "address",
        ),
        ("<mial><address>a@b.c</address></mial>", "", "mial", "mail"),
        (
            "<mail><smtp><smtpsvr id='0'/></smtp></mail>",
            "",
            "mail/smtp/smtpsvr@0",
            "smtpsrv",
        ),
        (
            "<heartbeat><timout>1</timout></heartbeat>",
            "",
            "heartbeat/timout",
            "timeout",
        ),
    ];
    for (cluster, root, path, meant) in slips {
        let parsed = parsed(cluster, root);
        let found = lines(&parsed.warnings);
        assert_eq!(parsed.warnings.len(), 1, "{found}");
        let warning = &parsed.warnings[0];
        assert_eq!(warning.problem, Problem::NearMiss { nearest: meant });
        assert_eq!(warning.path, format!("/root/cluster/{path}"));
        assert!(warning.line == 1 && warning.value.is_empty(), "{found}");
        assert!(found.contains(&format!("Did you mean {meant}?")), "{found}");
    }
    let below_root = [
        ("<clutser/>", "/root/clutser"),
        ("<webalert><mian/></webalert>", "/root/webalert/mian"),
        (
            "<messages><types name='nm'/><nm id='2'><mali>1</mali></nm></messages>",
            "/root/messages/nm@2/mali",
        ),
    ];
    for (root, path) in below_root {
        let warnings = parsed("<messages><use>1</use></messages>", root).warnings;
        assert_eq!(warnings.len(), 1, "{}", lines(&warnings));
        assert_eq!(warnings[0].path, path);
    }
}

/// Rule: N17 N18
#[test]
fn a_misspelt_password_is_not_shown() {
    let server = "<mail><sendtype>SMTP</sendtype><smtp><smtpsrv id='0'><priority>0</priority>\
                  <srvname>mx</srvname><pass>hunter2</pass><paswd>hunter2</paswd></smtpsrv></smtp></mail>";
    let warnings = parsed(server, "").warnings;
    let found = lines(&warnings);
    assert!(found.contains("Did you mean passwd?"), "{found}");
    assert!(!found.contains("hunter2"), "{found}");
}

/// The real product's own elements, and those of releases to come, are no slips.
///
/// Rule: M29 N17
#[test]
fn elements_of_the_real_product_are_passed_over_in_silence() {
    let cluster = "<comment/><uuid>1</uuid><networkpartition><npaction>3</npaction></networkpartition>\
        <rsctimeout><rsctoaction>0</rsctoaction></rsctimeout><survive><monitor>1</monitor></survive>\
        <trap><snmpsrv id='0'><srvname>x</srvname></snmpsrv></trap><cialert><use>0</use></cialert>\
        <mail><address>a@b.c</address><smtp><subencode>1</subencode></smtp></mail><future>1</future>";
    let root = "<all><charset>ASCII</charset><serveros>linux</serveros><encode>SJIS</encode></all>\
        <alertservice><types name='dn1000s'/><dn1000s name='dn1000s1'><kind>nm</kind></dn1000s></alertservice>\
        <pm><exec0><recover>2</recover></exec0></pm><haltp><method>x</method></haltp><rc/><rm/><rstd/>\
        <webalert><use>1</use><daemon><timeout>30</timeout></daemon></webalert><webmgr/><trekking/>\
        <networkpartition/><group name='g'/><resource/><monitor/><relation/><userw/><dummyconf>0</dummyconf>";
    let warnings = parsed(cluster, root).warnings;
    assert!(warnings.is_empty(), "{}", lines(&warnings));
}

/// Rule: N17
#[test]
fn the_files_that_will_be_used_are_named_with_their_place() {
    let lamp = "<noroshi><lamp name='sv1'><type>command</type><program>/opt/light</program></lamp>\
                <mail><sendmail>/opt/sendmail</sendmail></mail></noroshi>";
    let text = crate::helpers::file(
        "<mail><address>a@b.c</address></mail><dn1000s><use>1</use></dn1000s>",
        &format!("{}{lamp}", crate::helpers::HEARTBEAT),
    );
    let text = text.replacen(
        "</info></device></server>",
        "</info></device><device id='20000'><info>10.0.0.9</info></device></server>",
        1,
    );
    let files = accepted(text.as_bytes()).files;
    let named: Vec<_> = files
        .iter()
        .map(|file| (&*file.file, file.needed_as, &*file.path))
        .collect();
    assert_eq!(
        named,
        [
            (
                "/opt/sendmail",
                FileUse::Program,
                "/root/noroshi/mail/sendmail"
            ),
            (
                "/opt/light",
                FileUse::Program,
                "/root/noroshi/lamp@sv1/program"
            ),
        ]
    );
    assert!(parsed("", "").files.is_empty(), "nothing is used");
}
