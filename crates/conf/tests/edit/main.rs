//! Changes to a clp.conf through [`noroshi_conf::document`].

mod changes;
mod files;
mod properties;
