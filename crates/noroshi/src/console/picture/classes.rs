//! Bars that lie beside their names, one a class, drawn as SVG.

use maud::{Markup, html};

const WIDTH: u32 = 720;
const ROW: u32 = 30;
/// Room for the names and for the numbers.
const LEFT: u32 = 150;
const RIGHT: u32 = 60;

/// The picture of `(name, count)`; `said` is what it tells in a sentence.
pub(in crate::console) fn draw(classes: &[(String, u32)], said: &str) -> Markup {
    let top = classes.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let height = ROW * u32::try_from(classes.len()).unwrap_or(1).max(1);
    let width = |count: u32| {
        let pixels = u64::from(count) * u64::from(WIDTH - LEFT - RIGHT) / u64::from(top.max(1));
        u32::try_from(pixels)
            .unwrap_or(0)
            .max(u32::from(count > 0) * 2)
    };
    html! {
        svg.picture viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label=(said) {
            @for (at, (name, count)) in (0..).zip(classes) {
                text x=(LEFT - 8) y=(at * ROW + 21) text-anchor="end" { (name) }
                rect.bar.delay x=(LEFT) y=(at * ROW + 5) width=(width(*count)) height=(ROW - 10) {}
                text x=(LEFT + width(*count) + 6) y=(at * ROW + 21) { (count) }
            }
        }
    }
}
