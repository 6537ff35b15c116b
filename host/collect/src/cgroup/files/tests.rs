use proptest::prelude::*;

use super::*;

const MEMORY_STAT_V1: &[u8] = b"cache 9158656\nrss 12296192\nrss_huge 0\nshmem 8998912\nmapped_file 7573504\ndirty 24576\n\
workingset_refault_file 1273\nswap 11\npgpgin 40877\npgpgout 35639\npgfault 45169\npgmajfault 3\ninactive_anon 0\n\
inactive_file 77\nactive_file 159744\nunevictable 19763200\nhierarchical_memory_limit 9223372036854771712\n\
total_cache 640749568\ntotal_rss 310120448\ntotal_mapped_file 328445952\ntotal_swap 5\ntotal_pgfault 38546347\n\
total_pgmajfault 4355\ntotal_inactive_anon 297652224\ntotal_inactive_file 524460032\ntotal_active_file 107307008\n";

const MEMORY_STAT_V2: &[u8] = b"anon 155648\nfile 536576\nkernel 446464\nkernel_stack 32768\nfile_mapped 4096\nfile_dirty 0\n\
inactive_anon 151552\nactive_anon 4096\ninactive_file 524288\nactive_file 12288\nworkingset_refault_anon 0\npgfault 16997\n\
pgmajfault 2\npgrefill 0\nthp_fault_alloc 0\n";

#[test]
fn memory_stat_of_v1_covers_what_is_below() {
    let stat = memory_stat_v1(MEMORY_STAT_V1, true).unwrap();
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
    let stat = memory_stat_v1(MEMORY_STAT_V1, false).unwrap();
    assert_eq!((stat.cache, stat.rss, stat.swap), (Some(9_158_656), Some(12_296_192), Some(11)));
    assert_eq!(stat.inactive_file, Some(77));
    assert_eq!((stat.hierarchical_pgfault, stat.hierarchical_pgmajfault), (None, None));
}

#[test]
fn memory_stat_of_v2() {
    let stat = memory_stat_v2(MEMORY_STAT_V2).unwrap();
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
fn a_broken_line_is_named() {
    for parse in
        [|text: &[u8]| memory_stat_v1(text, true).map(drop), |text: &[u8]| memory_stat_v2(text).map(drop)]
    {
        assert_eq!(parse(b"anon 1\nfile\n").unwrap_err().line, 2);
        assert_eq!(parse(b"anon 1\nfile 2\nx -3\n").unwrap_err().line, 3);
        assert_eq!(parse(b"anon 18446744073709551616\n").unwrap_err().line, 1);
        assert_eq!(parse(b"anon  1\n").unwrap_err().line, 1);
        assert!(parse(b"").is_ok());
    }
}

#[test]
fn cpu_stat_of_both_versions() {
    let v1 =
        cpu_stat(b"nr_periods 10\nnr_throttled 4\nthrottled_time 123456789\nnr_bursts 0\nburst_time 0\n")
            .unwrap();
    assert_eq!((v1.periods, v1.throttled_periods, v1.throttled_ns), (Some(10), Some(4), Some(123_456_789)));
    assert_eq!(v1.usage_ns, None);
    let v2 = cpu_stat(
        b"usage_usec 648460064\nuser_usec 480586865\nsystem_usec 167873198\nnice_usec 0\nnr_periods 7\nnr_throttled 2\n\
        throttled_usec 55\n",
    )
    .unwrap();
    assert_eq!((v2.usage_ns, v2.user_ns), (Some(648_460_064_000), Some(480_586_865_000)));
    assert_eq!((v2.system_ns, v2.throttled_ns), (Some(167_873_198_000), Some(55_000)));
    let bare = cpu_stat(b"usage_usec 5\nuser_usec 3\nsystem_usec 2\n").unwrap();
    assert_eq!((bare.periods, bare.throttled_ns), (None, None));
    // what does not fit in nanoseconds is absent, not wrapped
    assert_eq!(cpu_stat(b"usage_usec 18446744073709551615\n").unwrap().usage_ns, None);
}

#[test]
fn cpuacct_stat_counts_ticks() {
    assert_eq!(
        cpuacct_stat(b"user 48518\nsystem 16948\n", 100),
        Ok((Some(485_180_000_000), Some(169_480_000_000)))
    );
    assert_eq!(cpuacct_stat(b"user 250\nsystem 1\n", 250), Ok((Some(1_000_000_000), Some(4_000_000))));
    assert_eq!(cpuacct_stat(b"user 1\n", 0), Ok((Some(1_000_000_000), None)));
}

#[test]
fn bounds_and_no_bounds() {
    assert_eq!(memory_bound_v1(b"9223372036854771712\n"), Ok(None), "4 KiB pages");
    assert_eq!(memory_bound_v1(b"9223372036854710272\n"), Ok(None), "64 KiB pages");
    assert_eq!(memory_bound_v1(b"134217728\n"), Ok(Some(134_217_728)));
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
fn single_numbers() {
    assert_eq!(single(b"654677166133\n"), Ok(654_677_166_133));
    for bad in [&b""[..], b"\n", b"1 2\n", b"max\n", b"-1\n"] {
        assert_eq!(single(bad).unwrap_err().line, 1, "{bad:?}");
    }
}

#[test]
fn oom_kills_of_both_versions() {
    assert_eq!(oom_kills(b"oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), Ok(Some(3)));
    assert_eq!(oom_kills(b"low 0\nhigh 0\nmax 9\noom 4\noom_kill 2\noom_group_kill 0\n"), Ok(Some(2)));
    assert_eq!(oom_kills(b"oom_kill_disable 0\nunder_oom 0\n"), Ok(None), "before Linux 4.13");
}

#[test]
fn blkio_by_device() {
    let bytes = b"254:0 Read 4096\n254:0 Write 8192\n254:0 Sync 12288\n254:0 Async 0\n254:0 Discard 0\n254:0 Total 12288\n\
        7:1 Read 512\nTotal 12800\n";
    let mut devices = Vec::new();
    assert_eq!(blkio(bytes, &mut devices, |io| &mut io.bytes), Ok(true));
    assert_eq!(
        blkio(b"254:0 Read 1\n254:0 Write 2\nTotal 3\n", &mut devices, |io| &mut io.requests),
        Ok(true)
    );
    assert_eq!(devices.len(), 2);
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
fn blkio_that_says_nothing() {
    let mut devices = Vec::new();
    assert_eq!(blkio(b"Total 0\n", &mut devices, |io| &mut io.bytes), Ok(false));
    assert_eq!(blkio(b"", &mut devices, |io| &mut io.bytes), Ok(false));
    assert!(devices.is_empty());
    for bad in [&b"8:0 Read\n"[..], b"8 Read 1\n", b"8:0 Read x\n", b"\n\n"] {
        assert_eq!(blkio(bad, &mut devices, |io| &mut io.bytes).unwrap_err().line, 1, "{bad:?}");
    }
}

#[test]
fn io_stat_by_device() {
    let text = b"254:0 rbytes=536495104 wbytes=186667008 rios=6342 wios=10514 dbytes=0 dios=0\n7:1 \n\
        8:0 rbytes=1 wbytes=2 rios=3 wios=4 cost.usage=1.5 x=max\n";
    let mut devices = Vec::new();
    io_stat(text, &mut devices).unwrap();
    assert_eq!(devices.len(), 2, "a device without figures is none");
    assert_eq!((devices[0].bytes.read, devices[0].bytes.write), (Some(536_495_104), Some(186_667_008)));
    assert_eq!((devices[1].requests.read, devices[1].requests.write), (Some(3), Some(4)));
    for bad in [&b"8:0 rbytes\n"[..], b"8:0 rbytes=-1\n", b"sda rbytes=1\n"] {
        assert_eq!(io_stat(bad, &mut devices).unwrap_err().line, 1, "{bad:?}");
    }
}

#[test]
fn processes() {
    assert_eq!(first_process(b"4242\n1\n"), Some(4242));
    assert_eq!(first_process(b"0\n0\n17\n"), Some(17), "zeros are processes of other pid namespaces");
    assert_eq!(first_process(b"0\n"), None);
    assert_eq!(first_process(b""), None);
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(text in prop::collection::vec(any::<u8>(), 0..400)) {
        all(&text);
    }

    /// Bytes that get further than chance does.
    #[test]
    fn nearly_right_text_makes_no_parser_panic(text in "((total_cache|user|8:0|Total|rbytes=|some|max|usage_usec|[0-9]{1,22})[ \n=:-]?){0,40}") {
        all(text.as_bytes());
    }
}

fn all(text: &[u8]) {
    let mut devices = Vec::new();
    let _ =
        (cpu_stat(text), cpuacct_stat(text, 100), memory_stat_v1(text, true), memory_stat_v1(text, false));
    let _ = (memory_stat_v2(text), oom_kills(text), memory_bound_v1(text), cfs_quota(text), cpu_max(text));
    let _ = (blkio(text, &mut devices, |io| &mut io.bytes), io_stat(text, &mut devices), first_process(text));
    let _ = (single(text), bound(text), DeviceNumber::parse(text));
    let _ = (crate::proc::meminfo::parse(text), crate::proc::pressure::parse(text));
    let _ = (crate::proc::cpuinfo::processors(text), crate::proc::diskstats::parse(text, &mut devices));
    let _ = (crate::proc::net_dev::each(text, |_| {}), crate::proc::mountinfo::each(text, |_| {}));
}
