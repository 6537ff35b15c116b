use proptest::prelude::*;

use super::*;
use crate::device::{DeviceIo, DeviceNumber, IoOperations};

const MEMORY_STAT_V1: &[u8] = b"cache 9158656\nrss 12296192\nrss_huge 0\nshmem 8998912\nmapped_file 7573504\ndirty 24576\n\
workingset_refault_file 1273\nswap 11\npgpgin 40877\npgpgout 35639\npgfault 45169\npgmajfault 3\ninactive_anon 0\n\
inactive_file 77\nactive_file 159744\nunevictable 19763200\nhierarchical_memory_limit 9223372036854771712\n\
total_cache 640749568\ntotal_rss 310120448\ntotal_mapped_file 328445952\ntotal_swap 5\ntotal_pgfault 38546347\n\
total_pgmajfault 4355\ntotal_inactive_anon 297652224\ntotal_inactive_file 524460032\ntotal_active_file 107307008\n";

const MEMORY_STAT_V2: &[u8] = b"anon 155648\nfile 536576\nkernel 446464\nkernel_stack 32768\nfile_mapped 4096\nfile_dirty 0\n\
inactive_anon 151552\nactive_anon 4096\ninactive_file 524288\nactive_file 12288\nworkingset_refault_anon 0\npgfault 16997\n\
pgmajfault 2\npgrefill 0\nthp_fault_alloc 0\n";

#[test]
fn memory_stat_of_v1_includes_child_cgroups() {
    let stat = memory_stat_v1(MEMORY_STAT_V1, true).value;
    assert_eq!(
        stat,
        MemoryStat {
            cache: Some(640_749_568),
            rss: Some(310_120_448),
            mapped_file: Some(328_445_952),
            swap: Some(5),
            inactive_file: Some(524_460_032),
            pgfault: Some(45_169),
            pgmajfault: Some(3),
            hierarchical_pgfault: Some(38_546_347),
            hierarchical_pgmajfault: Some(4355),
        }
    );
}

#[test]
fn memory_stat_of_v1_without_hierarchy_has_no_totals() {
    let stat = memory_stat_v1(MEMORY_STAT_V1, false).value;
    assert_eq!((stat.cache, stat.rss, stat.swap), (Some(9_158_656), Some(12_296_192), Some(11)));
    assert_eq!(stat.inactive_file, Some(77));
    assert_eq!((stat.hierarchical_pgfault, stat.hierarchical_pgmajfault), (None, None));
}

#[test]
fn memory_stat_of_v2() {
    let stat = memory_stat_v2(MEMORY_STAT_V2).value;
    assert_eq!(
        stat,
        MemoryStat {
            cache: Some(536_576),
            rss: Some(155_648),
            mapped_file: Some(4096),
            swap: None,
            inactive_file: Some(524_288),
            pgfault: Some(16_997),
            pgmajfault: Some(2),
            hierarchical_pgfault: Some(16_997),
            hierarchical_pgmajfault: Some(2),
        }
    );
}

#[test]
fn a_malformed_row_is_reported_and_loses_its_own_key() {
    let rows = b"anon 1\nfile\nfile_mapped -4096\ninactive_file 18446744073709551616\npgfault 5\n";
    let parsed = memory_stat_v2(rows);
    let expected =
        MemoryStat { rss: Some(1), pgfault: Some(5), hierarchical_pgfault: Some(5), ..MemoryStat::default() };
    assert_eq!(parsed.value, expected);
    assert_eq!(parsed.skipped.unwrap().line, 2);
    for (rows, rss) in [
        (&b"total_rss -1\ntotal_cache 7\n"[..], None),
        // -4096, written as unsigned
        (b"total_rss 18446744073709547520\ntotal_cache 7\n", None),
        (b"total_rss  1\ntotal_cache 7\n", None),
        (b"total_rss 3\ntotal_cache 7\n\n", Some(3)),
    ] {
        let parsed = memory_stat_v1(rows, true);
        assert_eq!((parsed.value.rss, parsed.value.cache), (rss, Some(7)));
        assert!(parsed.skipped.is_some());
    }
    assert_eq!(memory_stat_v1(b"rss -1\ncache 7\n", false).value.cache, Some(7));
    let unasked = memory_stat_v2(b"anon 1\nslab -3\nsock 99999999999999999999999\n");
    assert_eq!((unasked.value.rss, unasked.skipped), (Some(1), None), "nobody asks for these");
    let parsed = cpu_stat(b"usage_usec 5\nuser_usec -1\nnr_periods x\nnr_throttled 2\n");
    assert_eq!((parsed.value.usage_ns, parsed.value.user_ns), (Some(5000), None));
    assert_eq!((parsed.value.periods, parsed.value.throttled_periods), (None, Some(2)));
    assert_eq!(cpuacct_stat(b"user -5\nsystem 1\n", 100).value, (None, Some(10_000_000)));
    assert_eq!(oom_kills(b"low\nhigh -1\noom_kill 2\n").value, Some(2));
    assert_eq!(memory_stat_v2(b""), Parsed::default());
}

#[test]
fn cpu_stat_of_both_versions() {
    let v1 =
        cpu_stat(b"nr_periods 10\nnr_throttled 4\nthrottled_time 123456789\nnr_bursts 0\nburst_time 0\n")
            .value;
    assert_eq!((v1.periods, v1.throttled_periods, v1.throttled_ns), (Some(10), Some(4), Some(123_456_789)));
    assert_eq!(v1.usage_ns, None);
    let v2 = cpu_stat(
        b"usage_usec 648460064\nuser_usec 480586865\nsystem_usec 167873198\nnice_usec 0\nnr_periods 7\nnr_throttled 2\n\
        throttled_usec 55\n",
    )
    .value;
    assert_eq!((v2.usage_ns, v2.user_ns), (Some(648_460_064_000), Some(480_586_865_000)));
    assert_eq!((v2.system_ns, v2.throttled_ns), (Some(167_873_198_000), Some(55_000)));
    let bare = cpu_stat(b"usage_usec 5\nuser_usec 3\nsystem_usec 2\n").value;
    assert_eq!((bare.periods, bare.throttled_ns), (None, None));
    // a value that overflows in nanoseconds is absent, not wrapped
    assert_eq!(cpu_stat(b"usage_usec 9223372036854775807\n").value.usage_ns, None);
}

#[test]
fn cpuacct_stat_is_converted_from_ticks() {
    assert_eq!(
        cpuacct_stat(b"user 48518\nsystem 16948\n", 100).value,
        (Some(485_180_000_000), Some(169_480_000_000))
    );
    assert_eq!(cpuacct_stat(b"user 250\nsystem 1\n", 250).value, (Some(1_000_000_000), Some(4_000_000)));
    assert_eq!(cpuacct_stat(b"user 1\n", 0).value, (Some(1_000_000_000), None));
}

#[test]
fn limits_and_their_absence_are_parsed() {
    assert_eq!(bound(b"9223372036854771712\n"), Ok(None), "4 KiB pages");
    assert_eq!(bound(b"9223372036854710272\n"), Ok(None), "64 KiB pages");
    assert_eq!(bound(b"134217728\n"), Ok(Some(134_217_728)));
    assert_eq!(bound(b"max\n"), Ok(None));
    assert_eq!(bound(b"0\n"), Ok(Some(0)));
    assert!(bound(b"maximum\n").is_err());
    assert_eq!(cfs_quota(b"-1\n"), Ok(None));
    assert_eq!(cfs_quota(b"20000\n"), Ok(Some(20_000)));
    assert_eq!(cpu_max(b"max 100000\n"), Ok((None, 100_000)));
    assert_eq!(cpu_max(b"25000 100000\n"), Ok((Some(25_000), 100_000)));
    for bad in [&b""[..], b"max", b"1 0\n", b"x 1\n"] {
        assert!(cpu_max(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_single_number_is_parsed() {
    assert_eq!(single(b"654677166133\n"), Ok(654_677_166_133));
    for bad in [&b""[..], b"\n", b"1 2\n", b"max\n", b"-1\n", b"18446744073709551615\n"] {
        assert_eq!(single(bad).unwrap_err().line, 1, "{bad:?}");
    }
}

#[test]
fn oom_kills_of_both_versions() {
    assert_eq!(oom_kills(b"oom_kill_disable 0\nunder_oom 0\noom_kill 3\n").value, Some(3));
    assert_eq!(oom_kills(b"low 0\nhigh 0\nmax 9\noom 4\noom_kill 2\noom_group_kill 0\n").value, Some(2));
    assert_eq!(oom_kills(b"oom_kill_disable 0\nunder_oom 0\n").value, None, "before Linux 4.13");
}

fn bytes_of(text: &[u8], devices: &mut Vec<DeviceIo>) -> Parsed<bool> {
    blkio(text, 0, BlkioFile::Bytes, devices)
}

#[test]
fn blkio_is_parsed_by_device() {
    let bytes = b"254:0 Read 4096\n254:0 Write 8192\n254:0 Sync 12288\n254:0 Async 0\n254:0 Discard 0\n254:0 Total 12288\n\
        7:1 Read 512\nTotal 12800\n";
    let mut devices = Vec::new();
    assert_eq!(bytes_of(bytes, &mut devices), Parsed { value: true, skipped: None });
    let requests = b"254:0 Read 1\n254:0 Write 2\n8:0 Read 5\nTotal 8\n";
    assert_eq!(blkio(requests, 0, BlkioFile::Requests, &mut devices), Parsed { value: true, skipped: None });
    assert_eq!(devices.len(), 2, "bytes decide which devices there are");
    assert_eq!(devices[0].device.to_string(), "254:0");
    let IoOperations { read, write, sync, r#async, total } = devices[0].bytes;
    assert_eq!(
        [read, write, sync, r#async, total],
        [Some(4096), Some(8192), Some(12_288), Some(0), Some(12_288)]
    );
    assert_eq!((devices[0].requests.read, devices[0].requests.total), (Some(1), None));
    assert_eq!(devices[1].bytes.read, Some(512));
}

#[test]
fn a_second_blkio_group_adds_only_new_devices() {
    let mut devices = Vec::new();
    bytes_of(b"8:0 Read 10\n8:0 Write x\nTotal 10\n", &mut devices);
    let second = b"8:0 Read 99\n8:0 Write 99\n259:0 Read 5\nTotal 203\n";
    assert!(blkio(second, 2, BlkioFile::Bytes, &mut devices).value);
    assert!(blkio(b"8:0 Read 7\n259:0 Read 3\n", 2, BlkioFile::Requests, &mut devices).value);
    let seen: Vec<_> = devices
        .iter()
        .map(|io| (io.device.to_string(), io.group, io.bytes.read, io.bytes.write, io.requests.read))
        .collect();
    let expected =
        [("8:0".to_owned(), 0, Some(10), None, None), ("259:0".to_owned(), 2, Some(5), None, Some(3))];
    assert_eq!(seen, expected);
}

#[test]
fn blkio_without_devices_is_empty() {
    let mut devices = Vec::new();
    assert_eq!(bytes_of(b"Total 0\n", &mut devices), Parsed { value: false, skipped: None });
    assert_eq!(bytes_of(b"", &mut devices), Parsed { value: false, skipped: None });
    assert!(devices.is_empty());
}

#[test]
fn a_malformed_row_of_blkio_is_skipped() {
    for bad in
        ["8:0 Read", "8 Read 1", "8:0 Read -1", "(unknown) Read 1", "8:0 259:3 Read 1", "", "8:0 Read 1 2"]
    {
        let text = format!("{bad}\n8:16 Read 4\n8:16 Write 5\nTotal 9\n");
        let mut devices = Vec::new();
        let parsed = bytes_of(text.as_bytes(), &mut devices);
        assert!(parsed.value, "{bad}");
        assert_eq!(parsed.skipped.unwrap().line, 1, "{bad}");
        let whole: Vec<_> = devices.iter().filter(|io| io.bytes.read.is_some()).collect();
        assert_eq!(whole.len(), 1, "{bad}");
        assert_eq!((whole[0].bytes.read, whole[0].bytes.write), (Some(4), Some(5)), "{bad}");
    }
}

#[test]
fn io_stat_is_parsed_by_device() {
    let text = b"254:0 rbytes=536495104 wbytes=186667008 rios=6342 wios=10514 dbytes=0 dios=0\n7:1 \n\
        8:0 rbytes=1 wbytes=2 rios=3 wios=4 cost.usage=1.5 x=max\n";
    let mut devices = Vec::new();
    assert_eq!(io_stat(text, &mut devices).skipped, None);
    assert_eq!(devices.len(), 2, "a device without values is none");
    assert_eq!((devices[0].bytes.read, devices[0].bytes.write), (Some(536_495_104), Some(186_667_008)));
    assert_eq!((devices[1].requests.read, devices[1].requests.write), (Some(3), Some(4)));
}

#[test]
fn a_malformed_row_of_io_stat_is_skipped() {
    for bad in [
        "(unknown) rbytes=9 wbytes=9",
        "7:7 7:6 8:0 rbytes=9",
        "8:0 rbytes",
        "sda rbytes=1",
        "8: rbytes=9",
        "rbytes=9",
    ] {
        for text in [format!("{bad}\n8:0 rbytes=1 wios=2\n"), format!("8:0 rbytes=1 wios=2\n{bad}\n")] {
            let mut devices = Vec::new();
            assert!(io_stat(text.as_bytes(), &mut devices).skipped.is_some(), "{text}");
            assert_eq!(devices.len(), 1, "{text}");
            assert_eq!((devices[0].bytes.read, devices[0].requests.write), (Some(1), Some(2)), "{text}");
        }
    }
    let mut devices = Vec::new();
    assert!(
        io_stat(b"8:0 rbytes=-1 wbytes=5 rios=99999999999999999999999\n", &mut devices).skipped.is_some()
    );
    assert_eq!((devices[0].bytes.read, devices[0].bytes.write), (None, Some(5)), "the other keys stay");
}

#[test]
fn processes_outside_the_pid_namespace_are_skipped() {
    let all = |text| processes(text).collect::<Vec<_>>();
    assert_eq!(
        all(b"4242
1
"),
        [4242, 1]
    );
    assert_eq!(
        all(b"0
0
17
"),
        [17],
        "zeros are processes of other pid namespaces"
    );
    assert_eq!(
        all(b"x
-1
4294967296
5"),
        [5]
    );
    assert!(
        all(b"0
")
        .is_empty()
            && all(b"").is_empty()
    );
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(text in prop::collection::vec(any::<u8>(), 0..400)) {
        all(&text);
    }

    /// Feeds nearly valid text, which gets further than random bytes.
    #[test]
    fn nearly_right_text_makes_no_parser_panic(text in "((total_cache|user|8:0|Total|rbytes=|some|max|usage_usec|[0-9]{1,22})[ \n=:-]?){0,40}") {
        all(text.as_bytes());
    }
}

fn all(text: &[u8]) {
    let mut devices = Vec::new();
    let _ =
        (cpu_stat(text), cpuacct_stat(text, 100), memory_stat_v1(text, true), memory_stat_v1(text, false));
    let _ = (memory_stat_v2(text), oom_kills(text), cfs_quota(text), cpu_max(text));
    let _ = (
        blkio(text, 1, BlkioFile::Bytes, &mut devices),
        io_stat(text, &mut devices),
        processes(text).count(),
    );
    let _ = (single(text), bound(text), DeviceNumber::parse(text));
    let _ = (crate::proc::meminfo::parse(text), crate::proc::pressure::parse(text));
    let _ = (crate::proc::cpuinfo::processors(text), crate::proc::diskstats::parse(text, &mut devices));
    let _ = (crate::proc::net_dev::each(text, |_| {}), crate::proc::mountinfo::each(text, |_| {}));
}
