//! The sheet: a licence and its key, for a person to type into `clplcnsc -i -p` (rule M22).
//!
//! ```text
//! noroshi licence sheet 1
//! product name: noroshi Alert Service
//! product id: ALRT10
//! licence kind: product
//! serial number: AAA0000001
//! licence key: XXXXXXXX- XXXXXXXX- XXXXXXXX- XXXXXXXX
//! number of servers: 3
//! first day: -
//! last day: -
//! ```

use super::fault::{Fault, Problem};
use super::key::SheetKey;
use super::lines::{self, Lines, date_or_none, date_text, days_fault};
use noroshi_core::licence::{Date, Kind, Product, Serial};

/// First line. The number rises when the sheet's meaning changes.
pub const VERSION_LINE: &str = "noroshi licence sheet 1";

/// A sheet. Secret: it holds the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// For what.
    pub product: Product,
    /// How long.
    pub kind: Kind,
    /// Its number.
    pub serial: Serial,
    /// The key.
    pub key: SheetKey,
    /// For how many servers.
    pub servers: u16,
    /// First day, if it does not begin at once.
    pub from: Option<Date>,
    /// Last day, if it has one.
    pub until: Option<Date>,
}

impl Sheet {
    /// Reads a sheet.
    ///
    /// # Errors
    /// [`Fault`]: the first thing that is wrong; the key is never shown.
    pub fn parse(bytes: &[u8]) -> Result<Sheet, Fault> {
        let mut lines = Lines::open(bytes, super::FILE_BYTES_MAX, VERSION_LINE)?;
        let name = lines.field("product name")?;
        let name_line = lines.line();
        let product = lines.read("product id", Problem::Product, lines::product)?;
        if name != product.name() {
            return Err(Fault::new(name_line, name, Problem::Product));
        }
        let kind = lines.read("licence kind", Problem::Kind, Kind::from_word)?;
        let serial = lines.read("serial number", Problem::Serial, lines::serial)?;
        let typed = lines.field("licence key").map_err(without_value)?;
        let key = SheetKey::parse(typed).map_err(|_| lines.fault("", Problem::Key))?;
        let servers = lines.read("number of servers", Problem::Servers, lines::servers)?;
        let from = lines.read("first day", Problem::Date, date_or_none)?;
        let until = lines.read("last day", Problem::Date, date_or_none)?;
        if let Some(problem) = days_fault(kind, from, until) {
            return Err(lines.fault(&date_text(until), problem));
        }
        lines.end()?;
        Ok(Sheet {
            product,
            kind,
            serial,
            key,
            servers,
            from,
            until,
        })
    }

    /// Its text. Secret.
    pub fn to_text(&self) -> String {
        format!(
            "{VERSION_LINE}\nproduct name: {}\nproduct id: {}\nlicence kind: {}\nserial number: {}\nlicence key: {}\nnumber of servers: {}\nfirst day: {}\nlast day: {}\n",
            self.product.name(),
            self.product.id(),
            self.kind.word(),
            self.serial,
            self.key.to_text(),
            self.servers,
            date_text(self.from),
            date_text(self.until),
        )
    }
}

/// A line that is called wrong may still hold the key.
fn without_value(mut fault: Fault) -> Fault {
    fault.value.clear();
    fault
}
