//! Programs of the world, where they are installed.

use std::process::{Command, Stdio};

/// Is there such a program? Some complain of `--version`.
pub(crate) fn is_installed(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Does this command run without a complaint?
fn runs(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    let status = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// A Python that has this module. Debian's packages belong to Debian's own.
pub(crate) fn python(module: &str) -> Option<&'static str> {
    let import = format!("import {module}");
    ["/usr/bin/python3", "python3"].into_iter().find(|python| runs(python, &["-c", &import]))
}
