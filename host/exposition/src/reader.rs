//! Splits the chunks of a response into lines, and counts what it contains.

#[cfg(test)]
mod tests;

use crate::Format;
use crate::error::{ExpositionError, MalformedLine, Reason};
use crate::line::{self, Line};
use crate::sample::{LabelBuffer, Sample};

/// Bounds on a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest length of a line in bytes. A longer line is skipped and counted as malformed.
    pub line_bytes: usize,
    /// Largest number of labels of a sample. A sample with more is counted as malformed.
    pub labels: usize,
    /// Largest number of samples. A response with more is an error.
    pub samples: u64,
    /// Largest number of bytes. A longer response is an error.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line_bytes: 64 << 10, labels: 64, samples: 100_000, bytes: 128 << 20 }
    }
}

/// Counts of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Number of bytes.
    pub bytes: u64,
    /// Number of lines.
    pub lines: u64,
    /// Number of samples.
    pub samples: u64,
    /// Number of malformed lines, which were left out.
    pub malformed: u64,
    /// The first of them.
    pub first_malformed: Option<MalformedLine>,
}

/// A reader of one response. Holds the beginning of at most one line.
#[derive(Debug)]
pub struct Reader {
    format: Format,
    limits: Limits,
    /// The line that the last chunk began, within [`Limits::line_bytes`].
    begun: Vec<u8>,
    /// `true` while the rest of a line that is too long is skipped.
    skipping: bool,
    /// `true` after `# EOF`.
    ended: bool,
    labels: LabelBuffer,
    report: Report,
}

impl Reader {
    /// Creates a reader.
    pub fn new(format: Format, limits: Limits) -> Self {
        Self {
            format,
            limits,
            begun: Vec::new(),
            skipping: false,
            ended: false,
            labels: LabelBuffer::default(),
            report: Report::default(),
        }
    }

    /// Reads the next bytes of the response, and calls `each` for every sample that they complete.
    ///
    /// # Errors
    /// If the response exceeds a limit. The reader must not be used any more.
    pub fn push(&mut self, chunk: &[u8], each: &mut dyn FnMut(Sample<'_>)) -> Result<(), ExpositionError> {
        self.report.bytes = self.report.bytes.saturating_add(chunk.len() as u64);
        if self.report.bytes > self.limits.bytes {
            return Err(ExpositionError::TooLong { limit: self.limits.bytes });
        }
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            rest = after;
            self.report.lines += 1;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if self.begun.is_empty() {
                self.line(line, each)?;
                continue;
            }
            if self.begun.len() + line.len() > self.limits.line_bytes {
                self.too_long(line);
                continue;
            }
            let mut begun = std::mem::take(&mut self.begun);
            begun.extend_from_slice(line);
            let result = self.line(&begun, each);
            begun.clear();
            self.begun = begun;
            result?;
        }
        self.begin(rest);
        Ok(())
    }

    /// Returns the counts, after the last bytes.
    ///
    /// # Errors
    /// If the response is cut off: it does not end with a line feed, or in OpenMetrics not with `# EOF`.
    pub fn finish(self) -> Result<Report, ExpositionError> {
        let is_whole = self.begun.is_empty() && !self.skipping;
        if is_whole && (self.ended || self.format == Format::Prometheus) {
            Ok(self.report)
        } else {
            Err(ExpositionError::Truncated { bytes: self.report.bytes, line: self.report.lines + 1 })
        }
    }

    /// Keeps the beginning of a line for the next chunk.
    fn begin(&mut self, bytes: &[u8]) {
        if self.skipping || bytes.is_empty() {
            return;
        }
        if self.begun.len() + bytes.len() <= self.limits.line_bytes {
            self.begun.extend_from_slice(bytes);
            return;
        }
        // The line is counted when its end is read, so its number is the next one.
        self.report.lines += 1;
        self.too_long(bytes);
        self.report.lines -= 1;
        self.skipping = true;
    }

    /// Leaves out the line that was begun and continues with `bytes`.
    fn too_long(&mut self, bytes: &[u8]) {
        let mut line = std::mem::take(&mut self.begun);
        // The report shows the beginning of the line, however it was split into chunks.
        let shown = self.limits.line_bytes.saturating_sub(line.len());
        line.extend_from_slice(&bytes[..bytes.len().min(shown)]);
        self.malformed(Reason::TooLong, &line);
        line.clear();
        self.begun = line;
    }

    fn line(&mut self, line: &[u8], each: &mut dyn FnMut(Sample<'_>)) -> Result<(), ExpositionError> {
        if line.len() > self.limits.line_bytes {
            self.malformed(Reason::TooLong, &line[..self.limits.line_bytes]);
            return Ok(());
        }
        let mut labels = std::mem::take(&mut self.labels);
        let result = match line::parse(line, self.format, self.limits.labels, &mut labels) {
            Ok(Line::Sample(_)) | Ok(Line::End) if self.ended => {
                self.malformed(Reason::AfterEnd, line);
                Ok(())
            }
            Ok(Line::Sample(sample)) => self.sample(sample, each),
            Ok(Line::End) => {
                self.ended = true;
                Ok(())
            }
            Ok(Line::Comment) => Ok(()),
            Err(reason) => {
                self.malformed(reason, line);
                Ok(())
            }
        };
        self.labels = labels;
        result
    }

    fn sample(
        &mut self,
        sample: Sample<'_>,
        each: &mut dyn FnMut(Sample<'_>),
    ) -> Result<(), ExpositionError> {
        if self.report.samples == self.limits.samples {
            return Err(ExpositionError::TooManySamples { limit: self.limits.samples });
        }
        self.report.samples += 1;
        each(sample);
        Ok(())
    }

    fn malformed(&mut self, reason: Reason, line: &[u8]) {
        self.report.malformed += 1;
        let number = self.report.lines;
        self.report.first_malformed.get_or_insert_with(|| MalformedLine::new(number, reason, line));
    }
}
