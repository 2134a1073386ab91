//! Pictures, drawn as SVG on the server.

pub(super) mod lamp;
