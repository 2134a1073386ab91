//! The alerts of Pacemaker's configuration, as `cibadmin -Q -o configuration` prints it: whom it calls for its events.
//!
//! *Use.* [`read`]. *Failure.* Text that is no XML, or beyond a bound, is refused whole; elements and attributes that
//! are missing or unknown are left out, since releases differ.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// Most output that is read, in bytes; a configuration of 1,000 resources makes about 1 MB.
pub const OUTPUT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most alerts, and most recipients of one; what is beyond is left out.
const ITEMS_MAX: usize = 256;

/// One alert: a program that is called for each event, once for each recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CibAlert {
    /// Its id.
    pub id: String,
    /// The program.
    pub path: String,
    /// What the program is handed; it is called without where there is none.
    pub recipients: Vec<String>,
}

/// The alerts, in their order.
///
/// # Errors
/// When it is no such output; the text says why.
pub fn read(output: &str) -> Result<Vec<CibAlert>, String> {
    if output.len() > OUTPUT_BYTES_MAX {
        return Err(format!("more than {OUTPUT_BYTES_MAX} bytes"));
    }
    let mut reader = Reader::from_str(output);
    let mut alerts: Vec<CibAlert> = Vec::new();
    // Within an alert; its settings may hold anything.
    let mut open = false;
    let mut elements = 0_usize;
    loop {
        let at = reader.buffer_position();
        let event = reader.read_event();
        let event = event.map_err(|error| format!("at byte {at}: {error}"))?;
        let (tag, whole) = match event {
            Event::Start(tag) => (tag, false),
            Event::Empty(tag) => (tag, true),
            Event::End(tag) => {
                open &= tag.name().as_ref() != "alert";
                continue;
            }
            Event::Eof if elements == 0 => return Err("no element".into()),
            Event::Eof => return Ok(alerts),
            _ => continue,
        };
        elements += 1;
        match tag.name().as_ref() {
            "alert" if alerts.len() < ITEMS_MAX => {
                alerts.push(CibAlert {
                    id: attribute(&tag, "id")?,
                    path: attribute(&tag, "path")?,
                    recipients: Vec::new(),
                });
                open = !whole;
            }
            "recipient" if open => {
                let value = attribute(&tag, "value")?;
                if let Some(alert) = alerts.last_mut()
                    && alert.recipients.len() < ITEMS_MAX
                {
                    alert.recipients.push(value);
                }
            }
            _ => {}
        }
    }
}

fn attribute(tag: &BytesStart<'_>, key: &str) -> Result<String, String> {
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.key.as_ref() == key {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            return Ok(value.map_err(|error| error.to_string())?.into_owned());
        }
    }
    Ok(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N3
    #[test]
    fn alerts_are_found_with_their_programs_and_recipients() {
        let text = r#"<configuration><resources/><alerts>
            <alert id="other" path="/x"/>
            <alert id="noroshi" path="/usr/bin/a&quot;b"><meta_attributes id="m"><nvpair id="t" name="timeout" value="15s"/></meta_attributes>
              <recipient id="r" value="/var/lib/noroshi/pacemaker"/></alert>
            </alerts><recipient value="elsewhere"/></configuration>"#;
        let alerts = read(text).unwrap();
        let of = |alert: &CibAlert| (alert.id.clone(), alert.path.clone(), alert.recipients.len());
        let found: Vec<_> = alerts.iter().map(of).collect();
        let other = ("other".to_owned(), "/x".to_owned(), 0);
        let ours = ("noroshi".to_owned(), "/usr/bin/a\"b".to_owned(), 1);
        assert_eq!(found, [other, ours]);
        assert_eq!(alerts[1].recipients, ["/var/lib/noroshi/pacemaker"]);
        assert_eq!(read("<configuration/>").unwrap(), []);
        for foreign in ["", "Could not connect", "<a><b></a>"] {
            assert!(read(foreign).is_err(), "{foreign}");
        }
        assert!(read(&" ".repeat(OUTPUT_BYTES_MAX + 1)).is_err());
    }
}
