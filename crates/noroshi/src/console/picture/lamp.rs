//! A warning light as it stands on a shelf: three lenses on a foot.
//!
//! It blinks by the style, and stands still for people who ask for reduced motion; what it shows is said
//! in words beside it, so the picture is hidden from screen readers.

use maud::{Markup, html};
use noroshi_core::lamp::{Glow, Look};

/// The lamp; pale where what it shows is not known.
pub(in crate::console) fn draw(look: Look, known: bool) -> Markup {
    let lenses = [
        ("red", look.red, 14),
        ("amber", look.amber, 36),
        ("green", look.green, 58),
    ];
    html! {
        svg.lamp.pale[!known] viewBox="0 0 40 96" width="40" height="96" aria-hidden="true" {
            path.cap d="M8 12a12 10 0 0 1 24 0z" {}
            @for (colour, glow, top) in lenses {
                rect.lens.(colour).on[glow == Glow::On].blink[glow == Glow::Blink]
                    x="8" y=(top) width="24" height="20" rx="2" {}
            }
            rect.foot x="16" y="80" width="8" height="8" {}
            rect.foot x="4" y="88" width="32" height="6" rx="2" {}
        }
    }
}
