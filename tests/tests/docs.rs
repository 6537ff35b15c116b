//! The documentation is sound: every relative link leads to a file or a heading, every row of a table has the cells of its header, and
//! the book contains every page that it links to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use insightd_tests::top;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Directories that contain no documentation of ours.
const SKIPPED: [&str; 2] = [".git", "target"];

/// A link or an image of a page.
#[derive(Debug, PartialEq, Eq)]
struct Link {
    line: usize,
    target: String,
}

/// The parts of a page that can be wrong.
#[derive(Debug, Default)]
struct Page {
    /// Anchors of the headings.
    anchors: BTreeSet<String>,
    links: Vec<Link>,
    /// Problems of tables, with the line.
    tables: Vec<(usize, String)>,
}

impl Page {
    fn parse(text: &str) -> Self {
        let mut page = Self::default();
        let mut heading: Option<String> = None;
        // Byte ranges in which a line of dashes and pipes is no table that failed to become one.
        let mut settled: Vec<Range<usize>> = Vec::new();
        let line = |at: usize| text[..at].matches('\n').count() + 1;
        let parser = Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
        for (event, range) in parser.into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => page.add_anchor(&heading.take().unwrap_or_default()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(Link { line: line(range.start), target: dest_url.into_string() });
                }
                Event::Start(Tag::Table(columns)) => {
                    let rows = text[range.clone()].trim_end().lines();
                    for (row, at) in rows.zip(line(range.start)..) {
                        let found = cells(row);
                        if found != columns.len() {
                            let problem = format!("{found} cells in a table of {}", columns.len());
                            page.tables.push((at, problem));
                        }
                    }
                    settled.push(range);
                }
                Event::Start(Tag::CodeBlock(_)) => settled.push(range),
                _ => {}
            }
        }
        let mut at = 0;
        for (row, number) in text.split_inclusive('\n').zip(1..) {
            if is_delimiter(row) && !settled.iter().any(|range| range.contains(&at)) {
                page.tables.push((number, "not a table: its header has another number of cells".into()));
            }
            at += row.len();
        }
        page
    }

    /// Adds the anchor that GitHub and mdBook give a heading; a repeated one gets a number.
    fn add_anchor(&mut self, heading: &str) {
        let is_kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let anchor =
            heading.trim().to_lowercase().chars().filter(is_kept).collect::<String>().replace(' ', "-");
        let mut numbered = anchor.clone();
        for number in 1.. {
            if self.anchors.insert(numbered) {
                break;
            }
            numbered = format!("{anchor}-{number}");
        }
    }
}

/// Returns the number of cells of a row. As on GitHub, only a backslash keeps a pipe from ending a cell, even within code.
fn cells(row: &str) -> usize {
    let row = row.trim().replace("\\|", "");
    let row = row.strip_prefix('|').unwrap_or(&row);
    row.strip_suffix('|').unwrap_or(row).split('|').count()
}

/// Returns true for the line between a table's header and its rows.
fn is_delimiter(row: &str) -> bool {
    let row = row.trim();
    row.starts_with('|') && row.contains("--") && row.chars().all(|c| matches!(c, '|' | '-' | ':' | ' '))
}

/// Returns the paths of all pages, relative to the top of the checkout.
fn paths() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![top().to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("a directory").flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let kind = entry.file_type().expect("a file type");
            if kind.is_dir() && !SKIPPED.iter().any(|skipped| name == *skipped) {
                directories.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "md") {
                found.push(path.strip_prefix(top()).expect("a path below the top").to_path_buf());
            }
        }
    }
    found.sort();
    found
}

fn pages() -> BTreeMap<PathBuf, Page> {
    let read = |path: PathBuf| {
        let page = Page::parse(&fs::read_to_string(top().join(&path)).expect("a page in UTF-8"));
        (path, page)
    };
    paths().into_iter().map(read).collect()
}

/// Returns the path that `target`, without its anchor, means on `page`: relative to the top, without `..`. `None` for links to other
/// sites, and for those that leave the checkout.
fn resolve(page: &Path, target: &str) -> Option<PathBuf> {
    let path = target.split('#').next().unwrap_or_default();
    if path.contains(':') {
        return None;
    }
    let mut resolved = if path.is_empty() { page.to_path_buf() } else { page.parent()?.to_path_buf() };
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." {
            resolved.pop().then_some(())?;
        } else {
            resolved.push(part);
        }
    }
    Some(resolved)
}

/// Returns the problem of a link, if it has one.
fn problem(pages: &BTreeMap<PathBuf, Page>, page: &Path, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let Some(path) = resolve(page, target).filter(|_| !target.starts_with('/')) else {
        return Some("not a relative link".into());
    };
    let file = top().join(&path);
    if !file.exists() {
        return Some("no such file".into());
    }
    let anchor = target.split_once('#')?.1;
    let known = pages.get(&path).is_some_and(|page| page.anchors.contains(anchor));
    (!known).then(|| "no such heading".into())
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let mut links = 0;
    let mut problems = Vec::new();
    for (path, page) in &pages {
        for Link { line, target } in &page.links {
            links += 1;
            if let Some(problem) = problem(&pages, path, target) {
                problems.push(format!("{}:{line}: {target}: {problem}", path.display()));
            }
        }
    }
    assert!(pages.len() > 50 && links > 200, "{} pages, {links} links", pages.len());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_row_has_the_cells_of_its_header() {
    let mut problems = Vec::new();
    for (path, page) in pages() {
        problems.extend(page.tables.iter().map(|(line, text)| format!("{}:{line}: {text}", path.display())));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A page that the book lacks would be a dead link there: mdBook renders only what `SUMMARY.md` lists. `docs/build` adds the decisions.
#[test]
fn the_book_has_every_page_that_it_links_to() {
    let pages = pages();
    let summary = Path::new("docs/SUMMARY.md");
    let listed = |page: &Path| -> BTreeSet<PathBuf> {
        let links = pages[page].links.iter().filter_map(|link| resolve(page, &link.target));
        let as_page = |path: PathBuf| if top().join(&path).is_dir() { path.join("README.md") } else { path };
        links.map(as_page).filter(|path| pages.contains_key(path)).collect()
    };
    let book = listed(summary);
    let mut missing: BTreeSet<PathBuf> = book.iter().flat_map(|page| listed(page)).collect();
    missing.extend(pages.keys().filter(|path| path.starts_with("docs")).cloned());
    missing.remove(summary);
    missing.retain(|path| !book.contains(path) && !path.starts_with("docs/decisions"));
    assert!(missing.is_empty(), "not in docs/SUMMARY.md: {missing:?}");
}

#[test]
fn broken_links_and_tables_are_found() {
    let text = "# A `b|c`: d\n\n[x](#a-bc-d) [y](#e) ![z](no.svg)\n\n| a | b |\n|---|---|\n| `c|d` | e |\n| `c\\|d` | e |\n\n| a |\n|--|--|\n";
    let page = Page::parse(text);
    assert_eq!(page.anchors, BTreeSet::from(["a-bc-d".to_owned()]));
    let lines: Vec<usize> = page.tables.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [7, 11], "{:?}", page.tables);
    let targets: Vec<&str> = page.links.iter().map(|link| &*link.target).collect();
    assert_eq!(targets, ["#a-bc-d", "#e", "no.svg"]);

    let path = Path::new("README.md");
    let pages = BTreeMap::from([(path.to_path_buf(), page)]);
    let found = |target: &str| problem(&pages, path, target).unwrap_or_default();
    assert_eq!(found("#a-bc-d"), "");
    assert_eq!(found("https://example.com/x"), "");
    assert_eq!(found("README.md#e"), "no such heading");
    assert_eq!(found("docs/no.md"), "no such file");
    assert_eq!(found("../no.md"), "not a relative link");
    assert_eq!(found("host"), "");
}
