//! x
/// x
pub struct Latches;
