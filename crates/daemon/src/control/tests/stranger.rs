//! What a user of the host may not do who is neither root nor the service's own.

use super::*;

/// Rule: N20 N21
#[tokio::test]
async fn another_user_of_the_host_reads_and_changes_nothing() {
    for (call, refused) in [
        (r#"{"call":"ping"}"#, false),
        (r#"{"call":"alerts","limit":5}"#, false),
        (r#"{"call":"log-levels"}"#, false),
        (r#"{"call":"log-levels","set":["mail",8]}"#, true),
        (
            r#"{"call":"change","request":{"do":"lamp-off","server":"sv1"}}"#,
            true,
        ),
        (
            r#"{"call":"audit","by":"alice","what":"sign-in","result":"done"}"#,
            true,
        ),
        (r#"{"call":"stage-set","data":"AA==","more":false}"#, true),
        (r#"{"call":"logs","server":"sv1","scope":"type1"}"#, true),
        (r#"{"call":"test-mail"}"#, true),
    ] {
        let (server, caller) = tokio::net::UnixStream::pair().unwrap();
        let (ask, mut asks) = mpsc::channel(1);
        let desk = Desk {
            sets: None,
            audit: None,
            ask,
            alerts: Memory::with(Vec::new()),
            logs: no_logs(),
            test_mails: no_test_mails(),
        };
        caller.try_write(format!("{call}\n").as_bytes()).unwrap();
        let serving = tokio::spawn(server::answer_stranger(server, desk));
        let mut lines = tokio::io::BufReader::new(caller);
        let mut line = String::new();
        let read = tokio::io::AsyncBufReadExt::read_line(&mut lines, &mut line);
        tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
        assert_eq!(line.contains("not-permitted"), refused, "{call}: {line}");
        assert!(asks.try_recv().is_err(), "{call}: the driver was asked");
        serving.abort();
    }
}
