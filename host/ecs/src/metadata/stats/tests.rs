use super::*;

/// The statistics of the reference page, with the values that AWS documents for a container on Fargate.
const FARGATE: &str = r#"{
  "3d1f891cded94dc795608466cce8ddcf-464223573": {
    "read": "2020-10-08T21:24:44.938937019Z", "preread": "2020-10-08T21:24:34.938633969Z", "pids_stats": {},
    "blkio_stats": {
      "io_service_bytes_recursive": [
        {"major": 202, "minor": 26368, "op": "Read", "value": 638976},
        {"major": 202, "minor": 26368, "op": "Write", "value": 0},
        {"major": 202, "minor": 26368, "op": "Sync", "value": 638976},
        {"major": 202, "minor": 26368, "op": "Async", "value": 0},
        {"major": 202, "minor": 26368, "op": "Total", "value": 638976}],
      "io_serviced_recursive": [
        {"major": 202, "minor": 26368, "op": "Read", "value": 12},
        {"major": 202, "minor": 26368, "op": "Write", "value": 0},
        {"major": 202, "minor": 26368, "op": "Total", "value": 12}],
      "io_queue_recursive": [], "io_time_recursive": [], "sectors_recursive": []},
    "num_procs": 0, "storage_stats": {},
    "cpu_stats": {
      "cpu_usage": {"total_usage": 1137691504, "percpu_usage": [696479228, 441212276, 0],
        "usage_in_kernelmode": 80000000, "usage_in_usermode": 810000000},
      "system_cpu_usage": 9393210000000, "online_cpus": 2,
      "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0}},
    "precpu_stats": {"cpu_usage": {"total_usage": 1136624601}},
    "memory_stats": {"usage": 6504448, "max_usage": 8458240,
      "stats": {"active_anon": 1675264, "cache": 651264, "hierarchical_memory_limit": 536870912,
        "hierarchical_memsw_limit": 9223372036854772000, "inactive_file": 3088384, "rss": 4669440,
        "total_cache": 651264, "total_inactive_file": 3088384, "total_rss": 4669440},
      "limit": 9223372036854772000},
    "name": "curltest", "id": "3d1f891cded94dc795608466cce8ddcf-464223573",
    "networks": {"eth1": {"rx_bytes": 2398415937, "rx_packets": 1898631, "rx_errors": 0, "rx_dropped": 0,
      "tx_bytes": 1259037719, "tx_packets": 428002, "tx_errors": 0, "tx_dropped": 0}},
    "network_rate_stats": {"rx_bytes_per_sec": 43.298687872232854, "tx_bytes_per_sec": 215.39347269466413}
  },
  "3d1f891cded94dc795608466cce8ddcf-1": null
}"#;

fn parse(body: &str) -> TaskStats {
    parse_stats(body.as_bytes()).unwrap()
}

/// Parses the statistics of one container.
fn only(fields: &str) -> ContainerStats {
    let mut stats = parse(&format!("{{\"d\": {{{fields}}}}}"));
    assert!(stats.problems.is_empty(), "{:?}", stats.problems);
    stats.containers.remove(0)
}

#[test]
fn the_documented_statistics_are_read() {
    let stats = parse(FARGATE);
    assert!(stats.problems.is_empty(), "{:?}", stats.problems);
    assert_eq!(
        stats.containers,
        [ContainerStats {
            docker_id: "3d1f891cded94dc795608466cce8ddcf-464223573".into(),
            // 2020-10-08T21:24:44 is 1602192284 s after the epoch.
            read_at_ns: Some(1_602_192_284_938_937_019),
            cpu: CpuStats {
                usage_ns: Some(1_137_691_504),
                user_ns: Some(810_000_000),
                system_ns: Some(80_000_000),
                ..CpuStats::default()
            },
            memory: MemoryStats {
                usage_bytes: Some(6_504_448),
                max_usage_bytes: Some(8_458_240),
                cache_bytes: Some(651_264),
                rss_bytes: Some(4_669_440),
                inactive_file_bytes: Some(3_088_384),
                ..MemoryStats::default()
            },
            pids: None,
            io: IoStats { read_bytes: Some(638_976), write_bytes: Some(0), reads: Some(12), writes: Some(0) },
            interfaces: vec![InterfaceStats {
                name: "eth1".into(),
                rx_bytes: Some(2_398_415_937),
                rx_packets: Some(1_898_631),
                rx_errors: Some(0),
                rx_dropped: Some(0),
                tx_bytes: Some(1_259_037_719),
                tx_packets: Some(428_002),
                tx_errors: Some(0),
                tx_dropped: Some(0),
            }],
        }]
    );
}

#[test]
fn containers_without_statistics_are_absent() {
    for value in
        ["null", r#"{"read": "0001-01-01T00:00:00Z", "cpu_stats": {"cpu_usage": {"total_usage": 0}}}"#]
    {
        let stats = parse(&format!("{{\"d\": {value}}}"));
        assert_eq!(stats, TaskStats::default(), "{value}");
    }
    assert_eq!(parse("{}"), TaskStats::default());
    for body in ["null", "[]", "", "{\"d\": {", "<html>"] {
        parse_stats(body.as_bytes()).unwrap_err();
    }
}

#[test]
fn missing_parts_are_absent_not_zero() {
    let empty = ContainerStats { docker_id: "d".into(), ..ContainerStats::default() };
    assert_eq!(only(""), empty);
    let nulls = r#""read": null, "cpu_stats": {}, "memory_stats": {}, "pids_stats": {}, "networks": null,
        "blkio_stats": {"io_service_bytes_recursive": null, "io_serviced_recursive": []}"#;
    assert_eq!(only(nulls), empty);
}

#[test]
fn cgroup_v2_has_other_keys() {
    let stats = only(
        r#""read": "2024-01-01T00:00:00.000000001Z", "pids_stats": {"current": 4, "limit": 18446744073709551615},
        "blkio_stats": {"io_service_bytes_recursive": [{"major": 259, "minor": 0, "op": "read", "value": 4096},
            {"major": 259, "minor": 0, "op": "write", "value": 8192}], "io_serviced_recursive": null},
        "memory_stats": {"usage": 1000, "limit": 134217728,
            "stats": {"anon": 300, "file": 500, "inactive_file": 200, "kernel_stack": 1}},
        "cpu_stats": {"throttling_data": {"periods": 5, "throttled_periods": 0, "throttled_time": 0}}"#,
    );
    assert_eq!(stats.read_at_ns, Some(1_704_067_200_000_000_001));
    assert_eq!(stats.pids, Some(4));
    assert_eq!(
        stats.memory,
        MemoryStats {
            usage_bytes: Some(1000),
            cache_bytes: Some(500),
            rss_bytes: Some(300),
            inactive_file_bytes: Some(200),
            limit_bytes: Some(134_217_728),
            ..MemoryStats::default()
        }
    );
    let io = IoStats { read_bytes: Some(4096), write_bytes: Some(8192), reads: None, writes: None };
    assert_eq!(stats.io, io);
    let CpuStats { periods, throttled_periods, throttled_ns, .. } = stats.cpu;
    assert_eq!([periods, throttled_periods, throttled_ns], [Some(5), Some(0), Some(0)]);
}

#[test]
fn totals_take_precedence_on_cgroup_v1() {
    let stats = only(
        r#""memory_stats": {"failcnt": 7, "max_usage": 0,
           "stats": {"cache": 1, "total_cache": 10, "rss": 2, "total_rss": 20, "total_inactive_file": 30,
           "inactive_file": 3}}"#,
    );
    assert_eq!(
        stats.memory,
        MemoryStats {
            cache_bytes: Some(10),
            rss_bytes: Some(20),
            inactive_file_bytes: Some(30),
            failcnt: Some(7),
            ..MemoryStats::default()
        }
    );
}

#[test]
fn rows_of_all_devices_are_summed() {
    let row =
        |minor, op, value| format!(r#"{{"major": 202, "minor": {minor}, "op": "{op}", "value": {value}}}"#);
    let rows = [
        row(1, "Read", 100),
        row(1, "Write", 5),
        row(2, "Read", 20),
        row(2, "Discard", 9),
        row(2, "Total", 120),
        r#"{"op": "Read"}"#.into(),
        r#"{"value": 5}"#.into(),
    ];
    let stats = only(&format!(r#""blkio_stats": {{"io_service_bytes_recursive": [{}]}}"#, rows.join(",")));
    assert_eq!((stats.io.read_bytes, stats.io.write_bytes), (Some(120), Some(5)));
    let most = row(1, "Read", u64::MAX);
    let stats = only(&format!(r#""blkio_stats": {{"io_serviced_recursive": [{most}, {most}]}}"#));
    assert_eq!((stats.io.reads, stats.io.writes), (Some(u64::MAX), None));
}

#[test]
fn limits_from_two_to_the_62_on_are_no_limits() {
    for (limit, bytes) in [
        ("4611686018427387903", None),
        ("4611686018427387000", Some(4_611_686_018_427_386_880)),
        ("9223372036854771712", None),
        ("9223372036854772000", None),
        ("18446744073709551615", None),
        ("18446744073709552000", None),
        ("1.5e30", None),
        ("0", None),
        ("-1", None),
        ("134217728", Some(134_217_728)),
    ] {
        assert_eq!(
            only(&format!(r#""memory_stats": {{"limit": {limit}}}"#)).memory.limit_bytes,
            bytes,
            "{limit}"
        );
    }
}

#[test]
fn malformed_values_cost_the_field() {
    for (fields, path) in [
        (r#""read": "yesterday""#, "d.read: `yesterday` is not an RFC 3339 time"),
        (r#""read": 5"#, "d.read: expected a string"),
        (r#""cpu_stats": 5"#, "d.cpu_stats: expected an object"),
        (
            r#""cpu_stats": {"cpu_usage": {"total_usage": -1}}"#,
            "d.cpu_stats.cpu_usage.total_usage: expected a count",
        ),
        (r#""networks": []"#, "d.networks: expected an object"),
        (r#""networks": {"eth0": 5}"#, "d.networks.eth0: expected an object"),
        (
            r#""blkio_stats": {"io_serviced_recursive": {}}"#,
            "d.blkio_stats.io_serviced_recursive: expected a list",
        ),
        (r#""memory_stats": {"limit": "max"}"#, "d.memory_stats.limit: expected a number"),
    ] {
        let stats = parse(&format!("{{\"d\": {{{fields}, \"pids_stats\": {{\"current\": 1}}}}}}"));
        assert_eq!((stats.problems.fields, stats.problems.rows), (1, 0), "{fields}");
        let first = stats.problems.first.unwrap();
        assert!(first.starts_with(path), "{first}");
        assert_eq!(stats.containers[0].pids, Some(1), "{fields}: the rest is kept");
    }
    let stats = parse(r#"{"a": 5, "b": {}}"#);
    assert_eq!((stats.containers.len(), stats.problems.fields), (1, 1));
}

#[test]
fn containers_and_interfaces_are_bounded() {
    let many = |count: usize| -> String {
        (0..count).map(|id| format!("\"c{id}\": {{}}")).collect::<Vec<_>>().join(",")
    };
    let stats = parse(&format!("{{{}, \"c0\": {{}}}}", many(99)));
    assert_eq!((stats.containers.len(), stats.problems.rows), (99, 1), "one twice");
    let stats = parse(&format!("{{{}}}", many(103)));
    assert_eq!((stats.containers.len(), stats.problems.rows), (100, 3));
    let stats = parse(&format!("{{\"d\": {{\"networks\": {{{}}}}}}}", many(70)));
    assert_eq!((stats.containers[0].interfaces.len(), stats.problems.rows), (64, 6));
}

#[test]
fn damaged_responses_are_errors_or_problems() {
    for length in 0..FARGATE.len() {
        parse_stats(&FARGATE.as_bytes()[..length]).unwrap_err();
    }
    for position in 0..FARGATE.len() {
        for byte in [b'"', b'9'] {
            let mut body = FARGATE.as_bytes().to_vec();
            body[position] = byte;
            if let Ok(stats) = parse_stats(&body) {
                assert!(stats.containers.len() <= 2);
            }
        }
    }
}
