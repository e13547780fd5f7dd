//! What the operating system has to grant.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit on open files as far as it goes without privileges.
///
/// Every client connection and every upstream connection is one file; the usual soft limit of
/// 1,024 exists for programs that use `select`.
pub fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit on open files could not be raised");
    }
}
