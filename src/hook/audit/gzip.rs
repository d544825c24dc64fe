//! Files of a log that were compressed when they were closed.

use std::io::{self, BufRead, BufReader, Read};

/// What a gzip file begins with, and no line of a log.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The lines of a file, taken out of their compression if they are compressed.
pub(super) fn lines_of<'a>(file: impl Read + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    let mut file = BufReader::with_capacity(1 << 18, file);
    // One read gives the first bytes of a file; a pipe may give fewer, and is not compressed by this crate.
    if !file.fill_buf()?.starts_with(&MAGIC) {
        return Ok(Box::new(file));
    }
    decoded(file)
}

#[cfg(feature = "compress")]
fn decoded<'a>(file: impl BufRead + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    Ok(Box::new(BufReader::with_capacity(1 << 18, flate2::bufread::MultiGzDecoder::new(file))))
}

#[cfg(not(feature = "compress"))]
fn decoded<'a>(_: impl BufRead + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether the decoder found that the data are not as they were compressed.
pub(super) fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind as Io;
    matches!(error.kind(), Io::InvalidData | Io::InvalidInput | Io::UnexpectedEof)
}
