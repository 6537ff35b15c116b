//! Splitters and decoders of the API server's responses, for the fuzz targets; not part of the public interface.

use std::ops::ControlFlow;

use crate::stream::gunzip::Gunzip;
use crate::stream::lines::{Line, Lines};
use crate::stream::list::{Element, ListReader};

/// Splits a watch that arrives in pieces of `size` into lines, `None` for a line that is too long; returns an error if a
/// line is endless.
pub fn lines(bytes: &[u8], size: usize) -> Result<Vec<Option<Vec<u8>>>, String> {
    let (mut lines, mut found) = (Lines::default(), Vec::new());
    for piece in bytes.chunks(size) {
        let flow = lines.push(piece, &mut |line| {
            found.push(match line {
                Line::Whole(line) => Some(line.to_vec()),
                Line::TooLong => None,
            });
            ControlFlow::Continue(())
        });
        let _: ControlFlow<()> = flow.map_err(|error| error.to_string())?;
    }
    Ok(found)
}

/// Splits a list that arrives in pieces of `size`; returns its objects, its version and its continuation token.
pub fn list(bytes: &[u8], size: usize) -> Result<(Vec<Option<Vec<u8>>>, String, String), String> {
    let (mut reader, mut found) = (ListReader::new(), Vec::new());
    for piece in bytes.chunks(size) {
        let pushed = reader.push(piece, &mut |element| {
            found.push(match element {
                Element::Whole(element) => Some(element.to_vec()),
                Element::TooLarge => None,
            });
        });
        pushed.map_err(|error| error.to_string())?;
    }
    let meta = reader.finish().map_err(|error| error.to_string())?;
    Ok((found, meta.resource_version, meta.next))
}

/// Decodes a compressed response in pieces of `size`, up to `most` bytes; returns the content and the size of its largest
/// piece.
pub fn gunzip(bytes: &[u8], size: usize, most: usize) -> std::io::Result<(Vec<u8>, usize)> {
    let (mut gunzip, mut decoded, mut largest) = (Gunzip::new(), Vec::new(), 0);
    let each = &mut |piece: &[u8]| {
        largest = largest.max(piece.len());
        let room = most - decoded.len();
        decoded.extend(piece.iter().take(room));
        if piece.len() > room { Err(std::io::Error::other("too much")) } else { Ok(()) }
    };
    for piece in bytes.chunks(size) {
        gunzip.push(piece, each)?;
    }
    gunzip.finish(each)?;
    Ok((decoded, largest))
}
