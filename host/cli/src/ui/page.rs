//! The files of the page, which are part of the program.

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    pub(super) path: &'static str,
    pub(super) content_type: &'static str,
    pub(super) text: &'static str,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page itself. `TOKEN` stands for the token of this run.
pub(super) const PAGE: File =
    File { path: "/", content_type: "text/html; charset=utf-8", text: include_str!("page/page.html") };

const FILES: [File; 9] = [
    File {
        path: "/style.css",
        content_type: "text/css; charset=utf-8",
        text: include_str!("page/style.css"),
    },
    File { path: "/page.js", content_type: SCRIPT, text: include_str!("page/page.js") },
    File { path: "/table.js", content_type: SCRIPT, text: include_str!("page/table.js") },
    File { path: "/pipeline.js", content_type: SCRIPT, text: include_str!("page/pipeline.js") },
    File { path: "/chart.js", content_type: SCRIPT, text: include_str!("page/chart.js") },
    File { path: "/plots.js", content_type: SCRIPT, text: include_str!("page/plots.js") },
    File { path: "/rollout.js", content_type: SCRIPT, text: include_str!("page/rollout.js") },
    File { path: "/cost.js", content_type: SCRIPT, text: include_str!("page/cost.js") },
    File { path: "/playground.js", content_type: SCRIPT, text: include_str!("page/playground.js") },
];

/// Returns the file of a path. Only these exist; a path is never that of a file on disk.
pub(super) fn find(path: &str) -> Option<File> {
    std::iter::once(PAGE).chain(FILES).find(|file| file.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_loads_its_own_files_only() {
        for file in std::iter::once(PAGE).chain(FILES) {
            let without_names = file.text.replace("http://www.w3.org/2000/svg", "");
            assert!(!without_names.contains("http"), "{}: an address of elsewhere", file.path);
            for forbidden in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                assert!(!file.text.contains(forbidden), "{}: {forbidden}", file.path);
            }
        }
        for file in FILES {
            assert!(
                PAGE.text.contains(&format!("\"{}?token=TOKEN\"", file.path)),
                "{} is not loaded",
                file.path
            );
        }
        assert!(
            !PAGE.text.contains("style=") && !PAGE.text.contains("<style") && !PAGE.text.contains(" onclick")
        );
    }

    #[test]
    fn no_path_leads_elsewhere() {
        assert!(find("/page.js").is_some() && find("/").is_some());
        for path in [
            "",
            "//",
            "/../Cargo.toml",
            "/page/page.js",
            "/%2e%2e/page.js",
            "/page.js/",
            "/etc/passwd",
            "page.js",
        ] {
            assert!(find(path).is_none(), "{path}");
        }
    }
}
