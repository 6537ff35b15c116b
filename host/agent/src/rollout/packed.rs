//! Compressed storage of a batch between two ticks: it is read only when a new bundle comes.

use std::io::{self, BufReader, BufWriter, Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use insights_sdk::Columns;

/// A compressed batch. The format never leaves this process: the length of each column followed by its values, one column after the other,
/// in native byte order.
#[derive(Clone, Debug)]
pub(super) struct Packed(Box<[u8]>);

/// Bytes that are buffered before the compressor, and after the decompressor.
const CHUNK_BYTES: usize = 16 << 10;

impl Packed {
    /// Compresses a batch.
    ///
    /// # Errors
    /// None in practice: it writes to memory.
    pub(super) fn of(batch: &Columns) -> io::Result<Self> {
        let encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        let mut out = BufWriter::with_capacity(CHUNK_BYTES, encoder);
        pack(batch, &mut out)?;
        let encoder = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Self(encoder.finish()?.into_boxed_slice()))
    }

    /// Decompresses the batch.
    ///
    /// # Errors
    /// None in practice: it reads from memory.
    pub(super) fn unpack(&self) -> io::Result<Columns> {
        unpack(&mut BufReader::with_capacity(CHUNK_BYTES, ZlibDecoder::new(&*self.0)))
    }
}

fn pack(batch: &Columns, out: &mut impl Write) -> io::Result<()> {
    let Columns {
        scope,
        scope_id,
        time_unix_ms,
        interval_ms,
        text,
        string_ends,
        entities: e,
        attributes: a,
        gauges: g,
        counters: c,
        links: l,
    } = batch;
    put(out, &[*time_unix_ms, *interval_ms])?;
    for text in [scope, scope_id, text] {
        put(out, text.as_bytes())?;
    }
    let narrow = [
        [string_ends, &e.kind, &e.id, &e.parent],
        [&a.entity, &a.key, &a.value, &g.entity],
        [&g.name, &c.entity, &c.name, &l.source],
    ];
    narrow.as_flattened().iter().chain([&&l.target, &&l.role]).try_for_each(|column| put(out, column))?;
    put(out, &g.value)?;
    [&c.current, &c.previous, &c.elapsed_ns].iter().try_for_each(|column| put(out, column))
}

fn unpack(from: &mut impl Read) -> io::Result<Columns> {
    let mut batch = Columns::default();
    let Columns {
        scope,
        scope_id,
        time_unix_ms,
        interval_ms,
        text,
        string_ends,
        entities: e,
        attributes: a,
        gauges: g,
        counters: c,
        links: l,
    } = &mut batch;
    for (place, time) in [time_unix_ms, interval_ms].into_iter().zip(get(from)?) {
        *place = time;
    }
    for text in [scope, scope_id, text] {
        *text = String::from_utf8(get(from)?).map_err(io::Error::other)?;
    }
    let narrow = [
        [string_ends, &mut e.kind, &mut e.id, &mut e.parent],
        [&mut a.entity, &mut a.key, &mut a.value, &mut g.entity],
        [&mut g.name, &mut c.entity, &mut c.name, &mut l.source],
    ];
    for column in narrow.into_iter().flatten().chain([&mut l.target, &mut l.role]) {
        *column = get(from)?;
    }
    g.value = get(from)?;
    for column in [&mut c.current, &mut c.previous, &mut c.elapsed_ns] {
        *column = get(from)?;
    }
    Ok(batch)
}

/// Element type of a column.
trait Number: Copy {
    fn put(self, out: &mut impl Write) -> io::Result<()>;
    fn get(from: &mut impl Read) -> io::Result<Self>;
}

macro_rules! number {
    ($($kind:ty),*) => {$(
        impl Number for $kind {
            fn put(self, out: &mut impl Write) -> io::Result<()> {
                out.write_all(&self.to_ne_bytes())
            }
            fn get(from: &mut impl Read) -> io::Result<Self> {
                let mut bytes = [0; size_of::<Self>()];
                from.read_exact(&mut bytes)?;
                Ok(Self::from_ne_bytes(bytes))
            }
        }
    )*};
}
number!(u8, u32, u64, f64);

fn put<T: Number>(out: &mut impl Write, column: &[T]) -> io::Result<()> {
    (column.len() as u64).put(out)?;
    column.iter().try_for_each(|value| value.put(out))
}

fn get<T: Number>(from: &mut impl Read) -> io::Result<Vec<T>> {
    (0..u64::get(from)?).map(|_| T::get(from)).collect()
}

#[cfg(test)]
mod tests {
    use insights_sdk::columns::{Attributes, Counters, Entities, Gauges, Links};

    use super::*;

    #[test]
    fn every_column_comes_back() {
        let batch = Columns {
            scope: "node".into(),
            scope_id: "i-1".into(),
            time_unix_ms: 1,
            interval_ms: 2,
            text: "nodepod-ä".into(),
            string_ends: vec![4, 7, 10],
            entities: Entities { kind: vec![0, 1], id: vec![1, 2], parent: vec![u32::MAX, 0] },
            attributes: Attributes { entity: vec![3], key: vec![4], value: vec![5] },
            gauges: Gauges { entity: vec![6; 9000], name: vec![7; 9000], value: vec![0.5; 9000] },
            counters: Counters {
                entity: vec![8],
                name: vec![9],
                current: vec![u64::MAX],
                previous: vec![10],
                elapsed_ns: vec![11],
            },
            links: Links { source: vec![12], target: vec![13], role: vec![14] },
        };
        let packed = Packed::of(&batch).unwrap();
        assert_eq!(packed.unpack().unwrap(), batch);
        assert!(packed.0.len() < 9000);
        assert_eq!(Packed::of(&Columns::default()).unwrap().unpack().unwrap(), Columns::default());
    }
}
