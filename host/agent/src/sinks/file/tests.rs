//! Tests of the file sink on real file systems.

use insights_batch::Payloads;
use std::io::Write as _;

use super::rotate::numbered;
use super::*;

fn settings(path: &Path, max_bytes: u64, max_files: usize) -> FileSink {
    FileSink { path: path.into(), max_bytes, max_files, sync: Sync::Tick }
}

fn payloads(bodies: &[String]) -> Payloads {
    let mut payloads = Payloads::new("application/json");
    for body in bodies {
        payloads.push(&[("log_group", "g")], 1, body.as_bytes());
    }
    payloads
}

/// Returns distinguishable events of 100 bytes each, including the line end.
fn numbered_events(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|index| format!("{:<98}}}", format!("{{\"event\":{index}"))).collect()
}

fn tick(sink: &mut File, bodies: &[String]) -> Delivered {
    let payloads = payloads(bodies);
    let mut delivered = sink.accept(&payloads.content_type, &mut payloads.events());
    delivered.add(sink.end_tick());
    delivered
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "half a line at the end of {}", path.display());
    text.lines().map(String::from).collect()
}

#[test]
fn events_are_lines_and_a_second_run_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    for run in 0..2 {
        let mut sink = File::open(&settings(&path, 1 << 20, 2)).unwrap();
        let delivered = tick(&mut sink, &numbered_events(run * 3..run * 3 + 3));
        assert_eq!((delivered.events, delivered.bytes, delivered.lost), (3, 300, 0));
    }
    assert_eq!(lines(&path), numbered_events(0..6));
}

#[test]
fn files_are_bounded_in_size_and_number_and_no_event_is_lost_between_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    let mut sink = File::open(&settings(&path, 1050, 3)).unwrap();
    for start in (0..60).step_by(4) {
        let delivered = tick(&mut sink, &numbered_events(start..start + 4));
        assert_eq!((delivered.events, delivered.lost), (4, 0), "{:?}", delivered.error);
    }
    let mut kept = Vec::new();
    for index in (1..=3).rev() {
        let file = numbered(&path, index);
        assert_eq!(fs::metadata(&file).unwrap().len(), 1000);
        kept.extend(lines(&file));
    }
    kept.extend(lines(&path));
    assert_eq!(kept, numbered_events(20..60));
    assert!(!numbered(&path, 4).exists());
}

#[test]
fn no_older_files_are_kept_where_none_are_wanted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    let mut sink = File::open(&settings(&path, 1000, 0)).unwrap();
    tick(&mut sink, &numbered_events(0..12));
    assert_eq!(lines(&path), numbered_events(10..12));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn half_a_line_of_a_crash_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    let filler = "x".repeat(20_000);
    for (before, after) in [
        (format!("{{\"a\":1}}\n{{\"b\":\"{filler}"), "{\"a\":1}\n"),
        ("{\"half\":".into(), ""),
        ("{}\n".into(), "{}\n"),
    ] {
        fs::write(&path, before).unwrap();
        drop(File::open(&settings(&path, 1 << 20, 1)).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), after);
    }
}

#[test]
fn a_file_of_somebody_else_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    fs::write(&path, "no line end").unwrap();
    let error = File::open(&settings(&path, 1 << 20, 1)).unwrap_err().to_string();
    assert!(error.contains("something other than events"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "no line end");

    let error = File::open(&settings(directory.path(), 1 << 20, 1)).unwrap_err().to_string();
    assert!(error.starts_with("cannot open "), "{error}");
    let error = File::open(&settings(Path::new("/dev/null"), 1 << 20, 1)).unwrap_err().to_string();
    assert_eq!(error, "/dev/null is not a regular file; configure another path");
    let error = File::open(&settings(&directory.path().join("no/such"), 1 << 20, 1)).unwrap_err().to_string();
    assert!(error.contains("No such file"), "{error}");
}

#[test]
fn a_symbolic_link_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("target"), "").unwrap();
    std::os::unix::fs::symlink(at("target"), at("link")).unwrap();
    let error = File::open(&settings(&at("link"), 1 << 20, 1)).unwrap_err().to_string();
    assert!(error.ends_with("link is a symbolic link; configure the path of the file itself"), "{error}");
    // A link that takes the place of the open file, even if it leads there.
    let mut sink = File::open(&settings(&at("events"), 1 << 20, 1)).unwrap();
    tick(&mut sink, &numbered_events(0..2));
    fs::rename(at("events"), at("moved")).unwrap();
    std::os::unix::fs::symlink(at("moved"), at("events")).unwrap();
    assert_eq!(tick(&mut sink, &numbered_events(2..4)).lost, 2);
    assert_eq!(lines(&at("moved")), numbered_events(0..2));
}

#[test]
fn one_file_has_one_writer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    let first = File::open(&settings(&path, 1 << 20, 1)).unwrap();
    let error = File::open(&settings(&path, 1 << 20, 1)).unwrap_err().to_string();
    assert!(error.contains("written by another process"), "{error}");
    drop(first);
    assert!(File::open(&settings(&path, 1 << 20, 1)).is_ok());
}

#[test]
fn a_file_that_was_moved_away_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    let mut sink = File::open(&settings(&path, 1 << 20, 1)).unwrap();
    tick(&mut sink, &numbered_events(0..2));
    fs::rename(&path, directory.path().join("taken")).unwrap();
    tick(&mut sink, &numbered_events(2..4));
    fs::remove_file(&path).unwrap();
    tick(&mut sink, &numbered_events(4..6));
    assert_eq!(lines(&directory.path().join("taken")), numbered_events(0..2));
    assert_eq!(lines(&path), numbered_events(4..6));
}

/// A file system of 64 KiB, unmounted on drop. `new` returns `None` if this process may not mount.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let flags = rustix::mount::MountFlags::empty();
        match rustix::mount::mount("tmpfs", directory.path(), "tmpfs", flags, Some(c"size=64k")) {
            Ok(()) => Some(Self(directory)),
            Err(error) => {
                let _ =
                    writeln!(std::io::stderr(), "SKIPPED: cannot mount a small tmpfs ({error}); run as root");
                None
            }
        }
    }

    fn remount(&self, flags: rustix::mount::MountFlags) {
        rustix::mount::mount_remount(self.0.path(), flags, c"size=64k").unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(self.0.path(), rustix::mount::UnmountFlags::DETACH);
    }
}

#[test]
fn a_full_disk_loses_counted_events_and_never_half_a_line() {
    let Some(disk) = SmallDisk::new() else { return };
    let path = disk.0.path().join("events");
    let mut sink = File::open(&settings(&path, 1 << 20, 1)).unwrap();
    let first = tick(&mut sink, &numbered_events(0..600));
    assert_eq!(first.lost, 0);
    let full = tick(&mut sink, &numbered_events(600..700));
    assert!(full.lost > 0 && full.events + full.lost == 100, "{full:?}");
    let message = full.error.unwrap().to_string();
    assert!(message.starts_with("cannot write ") && message.contains("No space left"), "{message}");
    let kept = lines(&path);
    assert_eq!(kept.len() as u64, 600 + full.events);
    assert_eq!(kept, numbered_events(0..kept.len()));

    fs::write(&path, "").unwrap();
    let after = tick(&mut sink, &numbered_events(0..5));
    assert_eq!((after.events, after.lost), (5, 0), "{:?}", after.error);
    assert_eq!(lines(&path), numbered_events(0..5));
}

#[test]
fn a_disk_that_turns_read_only_is_reported_and_recovers() {
    let Some(disk) = SmallDisk::new() else { return };
    let path = disk.0.path().join("events");
    let mut sink = File::open(&settings(&path, 300, 2)).unwrap();
    tick(&mut sink, &numbered_events(0..3));
    drop(sink.open.take());
    disk.remount(rustix::mount::MountFlags::RDONLY);
    let failed = tick(&mut sink, &numbered_events(3..8));
    assert_eq!((failed.events, failed.lost), (0, 5));
    assert!(failed.error.unwrap().to_string().contains("Read-only"));
    disk.remount(rustix::mount::MountFlags::empty());
    assert_eq!(tick(&mut sink, &numbered_events(8..10)).lost, 0);
    assert_eq!(lines(&numbered(&path, 1)), numbered_events(0..3));
    assert_eq!(lines(&path), numbered_events(8..10));
}

#[test]
fn a_file_that_cannot_be_rotated_does_not_grow_beyond_its_bound() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    let mut sink = File::open(&settings(&path, 1000, 1)).unwrap();
    // A non-empty directory at the target: renaming over it fails.
    fs::create_dir_all(numbered(&path, 1).join("x")).unwrap();
    let stuck = tick(&mut sink, &numbered_events(0..30));
    assert_eq!((stuck.events, stuck.lost), (10, 20));
    assert!(stuck.error.unwrap().to_string().starts_with("cannot rotate "));
    assert_eq!(tick(&mut sink, &numbered_events(30..40)).lost, 10);
    fs::remove_dir_all(numbered(&path, 1)).unwrap();
    assert_eq!(tick(&mut sink, &numbered_events(40..45)).lost, 0);
    assert_eq!(lines(&path), numbered_events(40..45));
    assert_eq!(lines(&numbered(&path, 1)), numbered_events(0..10));
}
