//! x
/// x
pub struct LampWorker;
/// x
pub enum LampNews {}
