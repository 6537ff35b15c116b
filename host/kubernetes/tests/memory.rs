//! Tests of the memory used by any responses of the kubelet: the agent shares 128 MiB with its compiler.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use insightd_kubernetes::kubelet::{Kubelet, KubeletData, KubeletSettings};
use insightd_kubernetes::pods::MetadataFilter;
use insightd_upstream::UpstreamStatus;

/// A global allocator that counts the allocated bytes and their peak.
struct Counting {
    now: AtomicUsize,
    peak: AtomicUsize,
}

#[global_allocator]
static MEMORY: Counting = Counting { now: AtomicUsize::new(0), peak: AtomicUsize::new(0) };

// SAFETY: all calls are forwarded to the system allocator; only counters are added.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = self.now.fetch_add(layout.size(), Relaxed) + layout.size();
        self.peak.fetch_max(now, Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.now.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

const MIB: usize = 1 << 20;

/// Size of the large responses in bytes; endless ones continue until the connection is closed.
const LARGE: usize = 48 * MIB;

/// Largest memory in bytes that reading one of them may take.
const BOUND: usize = 32 * MIB;

/// The response to every request: a beginning, a repeated part, and an end. Written from one small buffer.
#[derive(Clone, Copy)]
struct Response {
    begin: &'static str,
    repeated: &'static [u8],
    repetitions: usize,
    end: &'static str,
}

impl Response {
    fn write(self, mut to: impl Write) -> std::io::Result<()> {
        to.write_all(self.begin.as_bytes())?;
        let per_write = 32 * 1024 / self.repeated.len();
        let buffer = self.repeated.repeat(per_write);
        for _ in 0..self.repetitions / per_write {
            to.write_all(&buffer)?;
        }
        to.write_all(&self.repeated.repeat(self.repetitions % per_write))?;
        to.write_all(self.end.as_bytes())
    }
}

/// Starts a kubelet that returns `pods` and `summary`, each response on a separate connection.
fn serve(pods: Response, summary: Response) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let response = move |mut socket: TcpStream| -> std::io::Result<()> {
        let mut head = [0; 4096];
        let length = socket.read(&mut head)?;
        let response = if head[..length].starts_with(b"GET /pods") { pods } else { summary };
        socket
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n")?;
        response.write(&socket)
    };
    std::thread::spawn(move || {
        for socket in listener.incoming().take(2) {
            // The reader may have closed the connection, as it should for an endless response.
            let _ = response(socket.unwrap());
        }
    });
    url
}

/// Returns the known data after one round, and the memory that the round took.
fn fetch(pods: Response, summary: Response) -> (Arc<KubeletData>, usize) {
    let settings = KubeletSettings {
        url: serve(pods, summary),
        token_file: None,
        ca_files: Vec::new(),
        server_name: None,
        insecure: false,
        timeout: Duration::from_secs(120),
        metadata_filter: MetadataFilter::default(),
        summary: true,
        max_response_bytes: 64 * MIB,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut kubelet = Kubelet::new(settings, Arc::new(UpstreamStatus::new("kubelet"))).unwrap();
        let before = MEMORY.now.load(Relaxed);
        MEMORY.peak.store(before, Relaxed);
        let data = kubelet.fetch().await;
        (data, MEMORY.peak.load(Relaxed) - before)
    })
}

const FEW: Response = Response {
    begin: r#"{"items":[{"metadata":{"name":"p","namespace":"n","uid":"u"}}]"#,
    repeated: b" ",
    repetitions: 1,
    end: "}",
};
const NO_SUMMARY: Response = Response { begin: r#"{"pods":["#, repeated: b" ", repetitions: 1, end: "]}" };

/// Ends a list after a comma, with a valid pod.
macro_rules! good {
    () => {
        r#"{"metadata":{"name":"good","namespace":"n","uid":"g"}}]}"#
    };
}

const POD: &[u8] =
    br#"{"metadata":{"name":"p","namespace":"n","uid":"u"},"spec":{"containers":[{"name":"c"}]}},"#;

/// There is only one test, because the allocator would also count others in the same process.
#[test]
fn no_response_exceeds_the_memory_bound() {
    let list =
        |begin, repeated: &'static [u8], repetitions, end| Response { begin, repeated, repetitions, end };
    // Each response with the number of pods that are read from it; `None` if it is not a list.
    let responses = [
        ("invalid UTF-8", list("", b"\xff\xfe", LARGE / 2, ""), None),
        (
            "invalid UTF-8 in a pod",
            list(r#"{"items":[{"metadata":{"name":""#, b"\xff", LARGE, concat!(r#""}},"#, good!())),
            Some(1),
        ),
        ("invalid UTF-8 in pods", list(r#"{"items":["#, b"\"\xff\xff\",", LARGE / 5, ""), None),
        ("numbers", list(r#"{"items":["#, b"5,", 10_000, good!()), Some(1)),
        ("pods of one uid", list(r#"{"items":["#, POD, 100_000, good!()), Some(1)),
        ("a key without an end", list("{\"", b"k", LARGE, ""), None),
        ("brackets without an end", list(r#"{"a":"#, b"[", LARGE, ""), None),
        (
            "an endless pod",
            list(r#"{"items":[{"metadata":{"labels":{"#, br#""a":"b","#, usize::MAX, ""),
            None,
        ),
        ("endless white space", list(r#"{"items":["#, b" ", usize::MAX, ""), None),
        ("endless pods", list(r#"{"items":["#, POD, usize::MAX, ""), None),
        (
            "empty statuses",
            list(
                r#"{"items":[{"metadata":{"name":"p","namespace":"n","uid":"u"},"status":{"containerStatuses":["#,
                b"{},",
                600_000,
                concat!("{}]}},", good!()),
            ),
            Some(1),
        ),
        (
            "labels",
            list(
                r#"{"items":[{"metadata":{"name":"p","namespace":"n","uid":"u","labels":{"#,
                b"\"\":\"\",",
                300_000,
                concat!(r#""a":""}}},"#, good!()),
            ),
            Some(1),
        ),
        (
            "objects that are no labels",
            list(
                r#"{"items":[{"metadata":{"name":"p","namespace":"n","uid":"u","labels":["#,
                br#"{"a":1},"#,
                30_000,
                concat!("{}]}},", good!()),
            ),
            Some(2),
        ),
    ];
    for (what, response, pods) in responses {
        let (data, peak) = fetch(response, NO_SUMMARY);
        assert_eq!(data.pods.as_ref().map(|list| list.pods.len()), pods, "{what}: {:?}", data.error);
        println!("{what}: {} KiB", peak / 1024);
        assert!(peak < BOUND, "{what}: {} KiB", peak / 1024);
    }
    let pod = br#"{"podRef":{"name":"p","namespace":"n","uid":"u"},"volume":[{"name":"v","usedBytes":1}]},"#;
    for (what, response, pods) in [
        ("pods of a summary", list(r#"{"pods":["#, pod, 100_000, "1]}"), Some(1)),
        ("an endless summary", list(r#"{"pods":["#, pod, usize::MAX, ""), None),
    ] {
        let (data, peak) = fetch(FEW, response);
        assert_eq!(data.summary.as_ref().map(|summary| summary.pods.len()), pods, "{what}: {:?}", data.error);
        println!("{what}: {} KiB", peak / 1024);
        assert!(peak < BOUND, "{what}: {} KiB", peak / 1024);
    }
}
