//! A set that comes in over the command socket, piece by piece.
//!
//! One at a time in the whole daemon, and at most as long as a packed set can be. A caller that breaks
//! off leaves nothing behind.

use super::{Fault, SET_PIECE_BYTES};
use crate::log;
use crate::sets::{PACKED_BYTES_MAX, Sets};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::OwnedSemaphorePermit;

/// What has come so far.
pub(super) struct Upload {
    sets: Sets,
    packed: Vec<u8>,
    _place: OwnedSemaphorePermit,
}

impl Upload {
    /// Begins one.
    ///
    /// # Errors
    /// When another one is under way, or this daemon takes none.
    pub(super) fn begin(sets: Option<&Sets>) -> Result<Upload, (Fault, String)> {
        let Some(sets) = sets else {
            let why = "no sets are taken here";
            return Err((Fault::BadCall, why.into()));
        };
        let Ok(place) = sets.uploads.clone().try_acquire_owned() else {
            let why = log::language().pick(
                "another configuration is being handed over",
                "別の構成情報を受け付けています",
            );
            return Err((Fault::Busy, why.into()));
        };
        Ok(Upload {
            sets: sets.clone(),
            packed: Vec::new(),
            _place: place,
        })
    }

    /// With one more piece.
    ///
    /// # Errors
    /// When it is no Base64, or too much.
    pub(super) fn with(mut self, data: &str) -> Result<Upload, (Fault, String)> {
        let bytes = STANDARD.decode(data).ok();
        let bytes = bytes.filter(|bytes| {
            bytes.len() <= SET_PIECE_BYTES && self.packed.len() + bytes.len() <= PACKED_BYTES_MAX
        });
        let Some(bytes) = bytes else {
            let why = log::language().pick(
                format!("no Base64, or a set of over {PACKED_BYTES_MAX} bytes"),
                format!("Base64 でないか、構成情報が {PACKED_BYTES_MAX} バイトを超えています"),
            );
            return Err((Fault::BadCall, why));
        };
        self.packed.extend(bytes);
        Ok(self)
    }

    /// Checks and keeps the whole; answers its digest.
    ///
    /// # Errors
    /// Why this server cannot take it.
    pub(super) async fn stage(self) -> Result<String, String> {
        let Upload {
            sets,
            packed,
            _place,
        } = self;
        let staged = tokio::task::spawn_blocking(move || sets.stage(&packed)).await;
        staged.unwrap_or_else(|error| Err(error.to_string()))
    }
}
