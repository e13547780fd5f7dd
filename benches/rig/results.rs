//! Where a run's evidence goes: `benches/runs/<date>-<host>/<bench>/`, with what it was made on.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// The options both benchmarks share.
#[derive(clap::Args)]
pub(crate) struct ResultsArgs {
    /// The run's date; today (UTC) if not given
    #[arg(long)]
    date: Option<String>,
    /// A neutral word for the machine, such as `8core`; never its name
    #[arg(long)]
    host: Option<String>,
    /// The folder that holds the runs
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/runs"))]
    out: PathBuf,
}

/// One run's folder.
pub(crate) struct Results {
    dir: PathBuf,
}

impl Results {
    /// Makes the folder; a run of the same date and host is replaced.
    pub(crate) fn create(args: &ResultsArgs, bench: &str) -> Result<Self> {
        let date = match &args.date {
            Some(date) => date.clone(),
            None => output("date", &["-u", "+%F"]).context("no date; give one with --date")?,
        };
        let host = args.host.clone().unwrap_or_else(host);
        let dir = args.out.join(format!("{date}-{host}")).join(bench);
        fs::create_dir_all(&dir)?;
        Ok(Self { dir })
    }

    /// Writes one file of the run.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.dir.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

/// Shows a line of progress or the result.
pub(crate) fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// What the figures depend on: machine, kernel, versions, command.
pub(crate) fn conditions(bench: &str) -> String {
    let mut text = String::from("| | |\n| --- | --- |\n");
    let commit = output("git", &["describe", "--always", "--dirty", "--exclude=*"]);
    let kernel = output("uname", &["-r"])
        .map(|release| release.split('.').take(2).collect::<Vec<_>>().join("."));
    let rows = [
        ("command", Some(format!("`{}`", command(bench)))),
        ("commit", commit),
        ("processor", Some(format!("{}, {} cores", processor(), cores()))),
        ("kernel", kernel.map(|release| format!("Linux {release}"))),
        ("pulsegate", output(env!("CARGO_BIN_EXE_pulsegate"), &["--version"])),
        ("nginx", output("nginx", &["-v"])),
        ("haproxy", output("haproxy", &["-v"])),
        ("compiler", output("rustc", &["--version"])),
    ];
    for (name, value) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {name} | {} |", value.unwrap_or_else(|| "not found".to_owned()));
    }
    text
}

/// How to do it again: this command without what cargo and the program itself add, and without
/// paths, which belong to a machine.
fn command(bench: &str) -> String {
    let mut args = vec![format!("cargo bench --bench {bench}")];
    let mut given = std::env::args().skip(1).filter(|arg| arg != "--bench" && arg != "--pinned");
    while let Some(arg) = given.next() {
        match arg.as_str() {
            "--out" => drop(given.next()),
            _ if arg.starts_with("--out=") => {}
            _ => args.push(arg),
        }
    }
    if args.len() > 1 {
        args.insert(1, "--".to_owned());
    }
    args.join(" ")
}

/// The first line a command prints, on either stream.
fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    let line = String::from_utf8_lossy(&text).lines().next()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}

/// `2core-vm`, `16core`: enough to tell runs apart, and no name.
fn host() -> String {
    let virtual_machine = cpuinfo("flags").is_some_and(|flags| flags.contains(" hypervisor"));
    format!("{}core{}", cores(), if virtual_machine { "-vm" } else { "" })
}

fn processor() -> String {
    cpuinfo("model name").unwrap_or_else(|| "unknown".to_owned())
}

fn cores() -> usize {
    fs::read_to_string("/proc/cpuinfo")
        .map_or(1, |text| text.lines().filter(|line| line.starts_with("processor")).count())
}

fn cpuinfo(key: &str) -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}
