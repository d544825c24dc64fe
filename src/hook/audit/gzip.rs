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

/// Compresses a closed file: beside it first, read back, and then in its place. Another process that is at it is left to it.
#[cfg(feature = "compress")]
pub(super) fn compress(path: &std::path::Path) -> io::Result<()> {
    use std::fs::{self, File, OpenOptions, TryLockError};

    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        std::path::PathBuf::from(name)
    };
    let (beside, packed) = (with(".gz.part"), with(".gz"));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let target = options.open(&beside)?;
    match target.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Somebody else may have finished between the opening and the lock: then this is no longer the file beside.
    let same = super::file::is_at(&target, &beside)?;
    if !same || !path.try_exists()? {
        if same {
            fs::remove_file(&beside)?;
        }
        return Ok(());
    }
    target.set_len(0)?;
    let mut source = File::open(path)?;
    let mut encoder = flate2::write::GzEncoder::new(io::BufWriter::new(&target), flate2::Compression::default());
    let hash = copy(&mut source, &mut encoder)?;
    encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    target.sync_all()?;
    // What is removed next can be had again from what was written.
    let read_back = flate2::read::MultiGzDecoder::new(io::BufReader::new(File::open(&beside)?));
    if copy(read_back, &mut io::sink())? != hash {
        return Err(io::ErrorKind::InvalidData.into());
    }
    fs::rename(&beside, &packed)?;
    super::file::sync_folder(path);
    fs::remove_file(path)
}

#[cfg(not(feature = "compress"))]
pub(super) fn compress(_: &std::path::Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Copies, and gives the hash of what was copied.
#[cfg(feature = "compress")]
fn copy(mut from: impl Read, to: &mut impl io::Write) -> io::Result<super::chain::Hash> {
    use sha2::{Digest, Sha256};

    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        hash.update(bytes);
        to.write_all(bytes)?;
    }
}
