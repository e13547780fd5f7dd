//! Whose fault an error is: a backend must not be blamed for what this machine lacks.

use std::io;

use rustix::io::Errno;

/// Does the process, or the machine, lack files or memory?
#[must_use]
pub fn is_lack(error: &io::Error) -> bool {
    let lacks = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| lacks.iter().any(|lack| lack.raw_os_error() == code))
}

/// Could a connection not be opened because of this machine: a lack, or all ports in use?
#[must_use]
pub fn is_local(error: &io::Error) -> bool {
    is_lack(error) || error.raw_os_error() == Some(Errno::ADDRNOTAVAIL.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_machine_lacks_is_local() {
        let local = |errno: Errno| is_local(&io::Error::from_raw_os_error(errno.raw_os_error()));
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::ADDRNOTAVAIL]
        {
            assert!(local(errno), "{errno}");
        }
        for errno in [Errno::CONNREFUSED, Errno::HOSTUNREACH, Errno::TIMEDOUT, Errno::NOENT] {
            assert!(!local(errno), "{errno}");
        }
        assert!(!is_local(&io::ErrorKind::TimedOut.into()));
    }
}
