//! Pictures, drawn as SVG on the server.

pub(super) mod bars;
pub(super) mod classes;
pub(super) mod lamp;
