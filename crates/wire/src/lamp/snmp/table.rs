//! PATLITE's control light table: object identifiers and states.
//!
//! *Use.* The client side builds variables from it; the device side asks [`object`] what a
//! variable names, [`order`] and [`state`] what it means.
//!
//! *Failure.* What no source describes is `None`.

use alloc::vec::Vec;

use super::{Oid, Value};
use crate::lamp::Light;
use crate::lamp::tower::Order;

/// A place of the light, by its number in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// 1.
    Red = 1,
    /// 2.
    Amber = 2,
    /// 3.
    Green = 3,
    /// 4.
    Blue = 4,
    /// 5.
    White = 5,
    /// 6.
    Buzzer = 6,
}

/// Device side: what an object identifier names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// Control state of a place; written.
    Control(Place),
    /// Timer of a place; written.
    Timer(Place),
    /// Current state of a place; read.
    Current(Place),
    /// Put everything out; written.
    Clear,
}

/// Device side: what an object identifier names; `None` if nothing of a lamp.
pub fn object(oid: &Oid) -> Option<Object> {
    if *oid == clear_oid() {
        return Some(Object::Clear);
    }
    let [column, number] = oid.0.strip_prefix(&TABLE)? else {
        return None;
    };
    let place = PLACES.into_iter().find(|place| *place as u32 == *number)?;
    match *column {
        CONTROL => Some(Object::Control(place)),
        TIMER => Some(Object::Timer(place)),
        CURRENT => Some(Object::Current(place)),
        _ => None,
    }
}

/// Device side: the order a control state means for one place, as the other PATLITE protocols
/// count it; `None` for a state a lamp refuses.
pub fn order(place: Place, state: i32) -> Option<Order> {
    let value = match (state, place) {
        (1, _) => 0,
        (2, _) => 1,
        (3, _) => 2,
        (5, _) => 3,
        (4, Place::Buzzer) => 4,
        _ => return None,
    };
    let mut values = [9; 6];
    values[place as usize - 1] = value;
    Order::from_values(values)
}

/// Device side: the state of a place's value in a [`crate::lamp::tower::Tower`].
pub fn state(value: u8) -> i32 {
    match value {
        0 => 1,
        1 => 2,
        2 => 3,
        4 => 4,
        _ => 5,
    }
}

pub(super) fn encode_light(light: Light) -> Option<i32> {
    match light {
        Light::Off => Some(1),
        Light::On => Some(2),
        Light::Blink => Some(3),
        Light::Keep => None,
    }
}

pub(super) fn decode_light(value: Value, place: Place) -> Option<Light> {
    match (value, place) {
        (Value::Integer(1), _) => Some(Light::Off),
        (Value::Integer(2), _) => Some(Light::On),
        (Value::Integer(3 | 5), _) | (Value::Integer(4), Place::Buzzer) => Some(Light::Blink),
        _ => None,
    }
}

pub(super) fn column(column: u32, place: Place) -> Oid {
    let mut arcs = Vec::from(TABLE);
    arcs.extend_from_slice(&[column, place as u32]);
    Oid(arcs)
}

pub(super) fn clear_oid() -> Oid {
    Oid(Vec::from(CLEAR))
}

const TABLE: [u32; 13] = [1, 3, 6, 1, 4, 1, 20440, 4, 1, 5, 1, 2, 1];
const CLEAR: [u32; 13] = [1, 3, 6, 1, 4, 1, 20440, 4, 1, 5, 1, 3, 0];
pub(super) const CONTROL: u32 = 2;
pub(super) const TIMER: u32 = 3;
pub(super) const CURRENT: u32 = 4;
const PLACES: [Place; 6] = [
    Place::Red,
    Place::Amber,
    Place::Green,
    Place::Blue,
    Place::White,
    Place::Buzzer,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N12
    #[test]
    fn device_states_and_values_agree() {
        for place in PLACES {
            for value in [0, 1, 2, 3] {
                let order = order(place, state(value)).unwrap();
                assert_eq!(order.values()[place as usize - 1], value);
            }
        }
        assert_eq!(order(Place::Red, 4), None);
        assert_eq!(order(Place::Red, 0), None);
    }
}
