//! Stacked bars over time, drawn as SVG.
//!
//! The same numbers stand in a table beside the picture, so the picture itself is one image with a
//! sentence for screen readers.

use maud::{Markup, html};

/// One bar: what it is called below the axis, and its parts from the axis up, each with its class.
pub(in crate::console) struct Bar {
    pub(in crate::console) label: Option<String>,
    /// Said where the pointer rests.
    pub(in crate::console) title: String,
    pub(in crate::console) parts: [(&'static str, u32); 3],
}

const WIDTH: u32 = 720;
const HEIGHT: u32 = 220;
/// Room for the numbers at the left and the labels below.
const LEFT: u32 = 48;
const BELOW: u32 = 24;
const ABOVE: u32 = 12;

/// The picture; `said` is what it tells in a sentence.
pub(in crate::console) fn draw(bars: &[Bar], said: &str) -> Markup {
    let top = bars.iter().map(Bar::sum).max().unwrap_or(0).max(1);
    let step = (WIDTH - LEFT) / u32::try_from(bars.len()).unwrap_or(u32::MAX).max(1);
    let base = HEIGHT - BELOW;
    html! {
        svg.picture viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(said) {
            text x=(LEFT - 6) y=(ABOVE + 8) text-anchor="end" { (top) }
            text x=(LEFT - 6) y=(base) text-anchor="end" { "0" }
            line.axis x1=(LEFT) y1=(base) x2=(WIDTH) y2=(base) {}
            line.axis x1=(LEFT) y1=(ABOVE) x2=(LEFT) y2=(base) {}
            @for (at, bar) in (0..).zip(bars) {
                (drawn(bar, LEFT + at * step, step, top))
            }
        }
    }
}

fn drawn(bar: &Bar, x: u32, step: u32, top: u32) -> Markup {
    let base = HEIGHT - BELOW;
    let height = |count: u32| {
        let pixels = u64::from(count) * u64::from(base - ABOVE) / u64::from(top);
        // One alert among thousands is seen all the same.
        u32::try_from(pixels)
            .unwrap_or(0)
            .max(u32::from(count > 0) * 2)
    };
    let mut y = base;
    let width = step.saturating_sub(2).max(1);
    html! {
        g {
            title { (bar.title) }
            @for (class, count) in bar.parts {
                @let part = height(count).min(y);
                @if part > 0 {
                    rect.bar.(class) x=(x + 1) y=(y - part) width=(width) height=(part) {}
                }
                ({ y -= part; "" })
            }
            @if let Some(label) = &bar.label { text x=(x + 1) y=(HEIGHT - 6) { (label) } }
        }
    }
}

impl Bar {
    fn sum(&self) -> u32 {
        let counts = self.parts.iter().map(|(_, count)| *count);
        counts.fold(0, u32::saturating_add)
    }
}
