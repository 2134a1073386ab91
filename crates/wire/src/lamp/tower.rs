//! The six places of a PATLITE light, as the `alert` command, HTTP and PNS all count them.
//!
//! Red, amber, green, blue, white, buzzer; on an LA6 tower tier 1 (top) to tier 5, buzzer
//! (PATLITE NHL manual p. 30, LA6-POE manual p. 35-43). Values: 0 off, 1 on, 2 flash pattern 1,
//! 3 and more further patterns, 9 no change. 2 is the only flashing value all units have.
//!
//! *Use.* An [`Order`] asks; a [`Tower`] is what a light shows, and obeys orders.
//!
//! *Failure.* Values no unit knows make no `Order` and no `Tower`.

use alloc::string::String;

use super::{Light, Lights, Shown};

/// A request: a value for each place, 0 to 7, or 9 for no change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order([u8; 6]);

impl Order {
    /// Everything off, blue and white included.
    pub const OUT: Self = Self([0; 6]);

    /// The order that asks for these lights and leaves blue and white alone.
    pub fn new(lights: &Lights) -> Self {
        let [red, amber, green, buzzer] =
            [lights.red, lights.amber, lights.green, lights.buzzer].map(value);
        Self([red, amber, green, KEEP, KEEP, buzzer])
    }

    /// Reads the six values as they stand in a PNS frame; `None` if one is not 0 to 7 or 9.
    pub fn from_values(values: [u8; 6]) -> Option<Self> {
        values
            .iter()
            .all(|value| *value < 8 || *value == KEEP)
            .then_some(Self(values))
    }

    /// Reads six digits; `None` if they are not six, or one is 8.
    pub fn from_digits(digits: &[u8]) -> Option<Self> {
        let digits: [u8; 6] = digits.try_into().ok()?;
        Self::from_values(digits.map(|digit| digit.wrapping_sub(b'0')))
    }

    /// The six values.
    pub fn values(&self) -> [u8; 6] {
        self.0
    }

    /// The six values as digits, such as `091999`.
    pub fn digits(&self) -> String {
        digits(&self.0)
    }
}

/// What a light shows: a value for each place, 0 to 7.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tower([u8; 6]);

impl Tower {
    /// Everything off.
    pub const DARK: Self = Self([0; 6]);

    /// Reads the six values as they stand in a PNS answer; `None` if one is over 7.
    pub fn from_values(values: [u8; 6]) -> Option<Self> {
        values
            .iter()
            .all(|value| *value < 8)
            .then_some(Self(values))
    }

    /// Reads six digits; `None` if they are not six, or one is over 7.
    pub fn from_digits(digits: &[u8]) -> Option<Self> {
        let digits: [u8; 6] = digits.try_into().ok()?;
        Self::from_values(digits.map(|digit| digit.wrapping_sub(b'0')))
    }

    /// Obeys an order: places marked no change stay as they are.
    pub fn obey(&mut self, order: &Order) {
        for (place, wanted) in self.0.iter_mut().zip(order.0) {
            if wanted != KEEP {
                *place = wanted;
            }
        }
    }

    /// The six values.
    pub fn values(&self) -> [u8; 6] {
        self.0
    }

    /// The six values as digits, such as `201000`.
    pub fn digits(&self) -> String {
        digits(&self.0)
    }

    /// What this means for the lights we know. Blue and white are left out.
    pub fn shown(&self) -> Shown {
        let [red, amber, green, _, _, buzzer] = self.0.map(|value| Some(light(value)));
        Shown {
            red,
            amber,
            green,
            buzzer,
        }
    }
}

fn value(light: Light) -> u8 {
    match light {
        Light::Off => 0,
        Light::On => 1,
        Light::Blink => 2,
        Light::Keep => KEEP,
    }
}

fn light(value: u8) -> Light {
    match value {
        0 => Light::Off,
        1 => Light::On,
        _ => Light::Blink,
    }
}

fn digits(values: &[u8; 6]) -> String {
    values
        .iter()
        .map(|value| char::from(b'0' + value))
        .collect()
}

const KEEP: u8 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N12
    #[test]
    fn each_colour_is_put_out_by_itself() {
        let mut tower = Tower::DARK;
        tower.obey(&Order::from_digits(b"919999").unwrap());
        tower.obey(&Order::from_digits(b"991999").unwrap());
        assert_eq!(tower.digits(), "011000", "the first colour stays lit");
        tower.obey(&Order::OUT);
        assert_eq!(tower, Tower::DARK);
    }

    /// Rule: N12
    #[test]
    fn only_values_of_the_manuals_are_taken() {
        assert_eq!(Order::from_digits(b"080000"), None);
        assert_eq!(Order::from_digits(b"00000"), None);
        assert_eq!(Order::from_digits(b"0000/:"), None);
        assert_eq!(Tower::from_digits(b"900000"), None);
        assert_eq!(Tower::from_values([0, 1, 2, 3, 7, 8]), None);
    }

    /// Rule: N12 N14
    #[test]
    fn every_flash_pattern_reads_as_blinking() {
        let shown = Tower::from_digits(b"231004").unwrap().shown();
        assert_eq!(shown.red, Some(Light::Blink));
        assert_eq!(shown.amber, Some(Light::Blink));
        assert_eq!(shown.green, Some(Light::On));
        assert_eq!(shown.buzzer, Some(Light::Blink));
    }
}
