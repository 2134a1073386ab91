//! Single changes, to the letter.

use crate::files::{document, path};
use encoding_rs::{EUC_JP, GBK, SHIFT_JIS};
use noroshi_conf::charset::Charset;
use noroshi_conf::document::EditFault;
use noroshi_conf::review::new_findings;

/// `text` after `root/PATH` was set to `value`.
fn set(text: &str, at: &str, value: &str) -> String {
    let mut document = document(text.as_bytes());
    document
        .set(&path(at), value)
        .unwrap_or_else(|fault| panic!("{at}: {fault}"));
    String::from_utf8(document.bytes().to_vec()).unwrap()
}

fn refused(text: &str, at: &str, value: &str) -> EditFault {
    let mut document = document(text.as_bytes());
    let fault = document.set(&path(at), value).expect_err(at);
    assert_eq!(document.bytes(), text.as_bytes());
    fault
}

/// Rule: M29
#[test]
fn a_value_is_replaced_where_it_stands() {
    for (text, expected) in [
        ("<root><a>x</a></root>", "<root><a>n</a></root>"),
        ("<root><a/></root>", "<root><a>n</a></root>"),
        ("<root><a b='1'\t/></root>", "<root><a b='1'>n</a></root>"),
        ("<root><a></a></root>", "<root><a>n</a></root>"),
        ("<root><a> </a></root>", "<root><a>n</a></root>"),
        (
            "<root><a>\r\n x y \n</a></root>",
            "<root><a>\r\n n \n</a></root>",
        ),
        (
            "<root><a><!-- c -->x<?p?></a></root>",
            "<root><a><!-- c -->n<?p?></a></root>",
        ),
        (
            "<root><a>x<!-- c -->y</a></root>",
            "<root><a>n<!-- c --></a></root>",
        ),
        (
            "<root><a><!-- c --></a></root>",
            "<root><a>n<!-- c --></a></root>",
        ),
        (
            "<root><a><![CDATA[x]]></a></root>",
            "<root><a><![CDATA[n]]></a></root>",
        ),
        ("<root><a>&#x41;&amp;</a></root>", "<root><a>n</a></root>"),
    ] {
        assert_eq!(set(text, "/root/a", "n"), expected);
    }
    let special = "a<b & \"c\" ]]> 'd'";
    for text in ["<root><a>x</a></root>", "<root><a><![CDATA[x]]></a></root>"] {
        let changed = set(text, "/root/a", special);
        assert_eq!(
            document(changed.as_bytes()).get(&path("/root/a"))[0].value(),
            special
        );
    }
    assert_eq!(
        set("<root><a>x</a></root>", "/root/a", ""),
        "<root><a></a></root>"
    );
    assert_eq!(
        set("<root>\r\n<a>x</a></root>", "/root/a", "y\nz"),
        "<root>\r\n<a>y\r\nz</a></root>"
    );
}

/// Rule: M29 N18
#[test]
fn spaces_at_the_ends_of_a_secret_belong_to_it() {
    let text = "<root><password> x </password></root>";
    assert_eq!(
        set(text, "/root/password", "y "),
        "<root><password>y </password></root>"
    );
    assert_eq!(
        set(text, "/root/password", "x"),
        "<root><password>x</password></root>"
    );
}

/// Rule: M29
#[test]
fn missing_elements_are_made_after_their_like_with_the_layout_around() {
    let tabs = "<root>\r\n\t<server name=\"a\">\r\n\t\t<x/>\r\n\t</server> <!-- first -->\r\n\t<z/>\r\n</root>";
    assert_eq!(
        set(tabs, "/root/server@b/device@0/info", "10.0.0.2"),
        "<root>\r\n\t<server name=\"a\">\r\n\t\t<x/>\r\n\t</server> <!-- first -->\r\n\
         \t<server name=\"b\">\r\n\t\t<device id=\"0\">\r\n\t\t\t<info>10.0.0.2</info>\r\n\t\t</device>\r\n\t</server>\r\n\
         \t<z/>\r\n</root>"
    );
    for (text, at, expected) in [
        (
            "<root><a/></root>",
            "/root/b/c",
            "<root><a/><b><c>n</c></b></root>",
        ),
        ("<root/>", "/root/b", "<root><b>n</b></root>"),
        (
            "<root></root>\n",
            "/root/b",
            "<root>\n  <b>n</b>\n</root>\n",
        ),
        ("<root>\n</root>", "/root/b", "<root>\n  <b>n</b>\n</root>"),
        (
            "<root>\n    <m/>\n</root>\n",
            "/root/m/nm@2/mail",
            "<root>\n    <m>\n        <nm name=\"2\">\n            <mail>n</mail>\n        </nm>\n    </m>\n</root>\n",
        ),
        (
            "<root>\n<a>\n<b/>\n</a>\n</root>",
            "/root/a/c/d",
            "<root>\n<a>\n<b/>\n<c>\n<d>n</d>\n</c>\n</a>\n</root>",
        ),
        (
            "<root>\n  <a/> x <b/>\n</root>",
            "/root/c",
            "<root>\n  <a/> x <b/><c>n</c>\n</root>",
        ),
        (
            "<root>\n  <p>\n    <!-- none yet -->\n  </p>\n</root>",
            "/root/p/q",
            "<root>\n  <p>\n    <!-- none yet -->\n    <q>n</q>\n  </p>\n</root>",
        ),
        (
            "<root><messages/></root>",
            "/root/messages/nm@2/cmd@0/cmdline",
            "<root><messages><nm id=\"2\"><cmd id=\"0\"><cmdline>n</cmdline></cmd></nm></messages></root>",
        ),
        (
            "<root><a/></root>",
            "/root/k@\"1/2\\\"<&\"",
            "<root><a/><k name=\"1/2&quot;&lt;&amp;\">n</k></root>",
        ),
    ] {
        assert_eq!(set(text, at, "n"), expected);
    }
}

/// Rule: M29
#[test]
fn elements_are_added_after_their_like_and_removed_with_their_line() {
    let text = "<root>\n  <l name=\"s\">\n    <argument>a</argument> <!-- c -->\n    <type>x</type>\n  </l>\n</root>\n";
    let mut document = document(text.as_bytes());
    let argument = path("/root/l@s/argument");
    document.add(&argument, "b").unwrap();
    let expected = text.replace(" <!-- c -->", " <!-- c -->\n    <argument>b</argument>");
    assert_eq!(document.bytes(), expected.as_bytes());
    assert!(
        matches!(document.set(&argument, "x"), Err(EditFault::Several { lines }) if lines == [3, 4])
    );
    assert!(matches!(
        document.remove(&argument),
        Err(EditFault::Several { .. })
    ));
    document.set(&path("/root/l@S/argument[2]"), "B").unwrap();
    document.remove(&path("/root/l@s/argument[1]")).unwrap();
    assert_eq!(document.get(&argument)[0].value(), "B");
    let l = path("/root/l@s");
    assert_eq!(
        document.add(&l, ""),
        Err(EditFault::AlreadyThere { line: 2 })
    );
    document.remove(&l).unwrap();
    assert_eq!(document.bytes(), b"<root>\n</root>\n");
    assert_eq!(document.remove(&l), Err(EditFault::NotThere));
    assert_eq!(document.remove(&path("/root")), Err(EditFault::Root));
}

/// Rule: M29
#[test]
fn a_change_that_makes_no_sense_is_refused_and_nothing_is_touched() {
    let text = "<root>\n<a>x</a>\n<s name='1'><b/></s><s name='2'/></root>";
    assert_eq!(
        refused(text, "/root/a/b", "n"),
        EditFault::HoldsValue { line: 2 }
    );
    assert_eq!(
        refused(text, "/root/s@1", "n"),
        EditFault::HoldsElements { line: 3 }
    );
    assert_eq!(
        refused(text, "/root/s/b", "n"),
        EditFault::Several { lines: vec![3, 3] }
    );
    assert_eq!(refused(text, "/root/a[2]", "n"), EditFault::NotThere);
    assert_eq!(refused(text, "/root", "n"), EditFault::Root);
    assert_eq!(
        refused(text, "/root/a", "\u{1b}[2J"),
        EditFault::Control { code: 0x1b }
    );
    let large = "x".repeat(noroshi_conf::charset::FILE_BYTES_MAX);
    assert!(matches!(
        refused(text, "/root/a", &large),
        EditFault::Unreadable(_)
    ));
}

/// Rule: M29
#[test]
fn what_the_files_charset_lacks_is_refused_with_the_remedy() {
    for (label, encoding, charset, fits, lacks) in [
        (
            "EUC-JP",
            EUC_JP,
            Charset::EucJp,
            "狼煙ｱ",
            ["①", "¥", "é", "𠮷"],
        ),
        (
            "SJIS",
            SHIFT_JIS,
            Charset::ShiftJis,
            "狼煙①ｱ",
            ["¥", "‾", "é", "𠮷"],
        ),
        (
            "GB2312",
            GBK,
            Charset::Gb2312,
            "狼烟",
            ["煙", "€", "é\u{301}", "𠮷"],
        ),
        (
            "ASCII",
            EUC_JP,
            Charset::Ascii,
            "noroshi",
            ["狼", "é", "¥", "‾"],
        ),
    ] {
        let text = format!("<?xml version='1.0' encoding='{label}'?>\n<root><a>x</a></root>");
        let mut document = document(&encoding.encode(&text).0);
        let before = document.bytes().to_vec();
        for lack in lacks {
            match document.set(&path("/root/a"), &format!("{fits}{lack}")) {
                Err(EditFault::CharsetLacks {
                    charset: found,
                    character,
                }) => {
                    assert_eq!(
                        (found, lack.contains(character)),
                        (charset, true),
                        "{label}"
                    );
                }
                other => panic!("{label} {lack}: {other:?}"),
            }
            assert_eq!(document.bytes(), &before[..]);
        }
        document.set(&path("/root/a"), fits).unwrap();
        let expected = text.replace(">x<", &format!(">{fits}<"));
        assert_eq!(
            document.bytes(),
            &encoding.encode(&expected).0[..],
            "{label}"
        );
    }
}

/// Rule: N17
#[test]
fn a_change_is_judged_by_what_it_makes_worse() {
    let text = "<root>\n<cluster><name>c</name><heartbeat><timeout>x</timeout></heartbeat></cluster>\n\
                <server name='a'><priority>0</priority></server>\n</root>";
    let after = |at, value| new_findings(text.as_bytes(), set(text, at, value).as_bytes());
    assert!(after("/root/cluster/comment", "still faulty elsewhere").is_empty());
    assert!(after("/root/cluster/heartbeat/timeout", "5000").is_empty());
    let found = after("/root/cluster/mail/address", "not an address");
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(
        lines[0].starts_with("clp.conf:2: /root/cluster/mail/address = \"not\": "),
        "{lines:?}"
    );
    let found = after("/root/server@b/priority", "0");
    assert!(found.iter().any(|f| f.path == "/root/server@b/priority"));
}
