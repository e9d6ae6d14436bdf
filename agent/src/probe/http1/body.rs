//! Where an HTTP/1 body ends, byte by byte. Pure, and holds no byte of it.

use super::head::Framing;

/// Bytes of one chunk's extensions, and of all trailers together, that are read over.
const EXTRA_MAX: usize = 16 * 1024;

/// How far a body has come.
#[derive(Debug)]
pub(super) struct Body(State);

#[derive(Debug)]
enum State {
    Length(u64),
    UntilClose,
    Chunks(Chunk),
    Done,
}

/// What the next byte of a chunked body belongs to.
#[derive(Debug)]
enum Chunk {
    Size {
        value: u64,
        digits: u8,
    },
    Extension {
        value: u64,
        read: usize,
    },
    Data(u64),
    /// The line's end after the data.
    End,
    /// The lines after the last chunk: up to an empty one.
    Trailers {
        read: usize,
        line: usize,
    },
}

/// What is not framed as it says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadBody(pub(super) &'static str);

impl Body {
    pub(super) fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(bytes) => State::Length(bytes),
            Framing::UntilClose => State::UntilClose,
            Framing::Chunked => State::Chunks(Chunk::Size { value: 0, digits: 0 }),
        })
    }

    /// Whether nothing more belongs to it.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.0, State::Done)
    }

    /// The connection ended. Whether that is an end of the body, too.
    pub(super) fn may_end(&self) -> bool {
        matches!(self.0, State::Done | State::UntilClose)
    }

    /// Takes what came; hands on what is the body's. What comes after its end is passed over.
    pub(super) fn take(
        &mut self,
        mut bytes: &[u8],
        mut on: impl FnMut(&[u8]),
    ) -> Result<(), BadBody> {
        while !bytes.is_empty() {
            match &mut self.0 {
                State::Done => return Ok(()),
                State::UntilClose => {
                    on(bytes);
                    return Ok(());
                }
                State::Length(left) => {
                    bytes = data(bytes, left, &mut on);
                    if *left == 0 {
                        self.0 = State::Done;
                    }
                }
                State::Chunks(Chunk::Data(left)) => {
                    bytes = data(bytes, left, &mut on);
                    if *left == 0 {
                        self.0 = State::Chunks(Chunk::End);
                    }
                }
                State::Chunks(chunk) => {
                    let (byte, rest) = (bytes[0], &bytes[1..]);
                    bytes = rest;
                    if let Some(next) = chunk.byte(byte)? {
                        self.0 = next;
                    }
                }
            }
        }
        Ok(())
    }
}

fn data<'a>(bytes: &'a [u8], left: &mut u64, on: &mut impl FnMut(&[u8])) -> &'a [u8] {
    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    on(&bytes[..count]);
    *left -= count as u64;
    &bytes[count..]
}

impl Chunk {
    /// One byte between the data; the state after it where that is another one.
    fn byte(&mut self, byte: u8) -> Result<Option<State>, BadBody> {
        match self {
            Self::Size { value, digits } => match (char::from(byte).to_digit(16), byte) {
                (Some(digit), _) if *digits < 16 => {
                    *value = (*value << 4) | u64::from(digit);
                    *digits += 1;
                    Ok(None)
                }
                (None, b'\n' | b'\r' | b';' | b' ' | b'\t') if *digits > 0 => {
                    let mut rest = Self::Extension { value: *value, read: 0 };
                    Ok(Some(rest.byte(byte)?.unwrap_or(State::Chunks(rest))))
                }
                _ => Err(BadBody("a chunk without a size")),
            },
            Self::Extension { value: 0, .. } if byte == b'\n' => {
                Ok(Some(State::Chunks(Self::Trailers { read: 0, line: 0 })))
            }
            Self::Extension { value, .. } if byte == b'\n' => {
                Ok(Some(State::Chunks(Self::Data(*value))))
            }
            Self::Extension { read, .. } => {
                *read += 1;
                if *read > EXTRA_MAX {
                    Err(BadBody("a chunk's size line without end"))
                } else {
                    Ok(None)
                }
            }
            Self::End => match byte {
                b'\r' => Ok(None),
                b'\n' => Ok(Some(State::Chunks(Self::Size { value: 0, digits: 0 }))),
                _ => Err(BadBody("a chunk is longer than it says")),
            },
            Self::Trailers { read, line } => {
                *read += 1;
                match byte {
                    b'\n' if *line == 0 => return Ok(Some(State::Done)),
                    b'\n' => *line = 0,
                    b'\r' => {}
                    _ => *line += 1,
                }
                if *read > EXTRA_MAX { Err(BadBody("trailers without end")) } else { Ok(None) }
            }
            Self::Data(_) => unreachable!("taken as a whole"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out, however the bytes come in: all at once, and one by one.
    #[track_caller]
    fn chunks(bytes: &str) -> Result<(String, bool), BadBody> {
        let run = |step: usize| {
            let mut body = Body::new(Framing::Chunked);
            let mut out = Vec::new();
            for part in bytes.as_bytes().chunks(step) {
                body.take(part, |data| out.extend_from_slice(data))?;
            }
            Ok((String::from_utf8(out).expect("text"), body.is_done()))
        };
        let (whole, single) = (run(bytes.len()), run(1));
        assert_eq!(whole, single, "{bytes:?}");
        whole
    }

    #[test]
    fn chunks_are_put_together() {
        let done = |text: &str| Ok((text.to_owned(), true));
        assert_eq!(chunks("2\r\nok\r\n0\r\n\r\n"), done("ok"));
        assert_eq!(
            chunks("2;name=value\r\nok\r\nA\r\n0123456789\r\n0\r\nx: y\r\n\r\nmore"),
            done("ok0123456789")
        );
        assert_eq!(chunks("2 \nok\n0\n\n"), done("ok"));
        assert_eq!(chunks("5\r\nhal"), Ok(("hal".to_owned(), false)));
        assert_eq!(chunks("2\r\nok\r\n0\r\n"), Ok(("ok".to_owned(), false)));
    }

    #[test]
    fn what_is_not_framed_as_it_says_is_an_error() {
        assert!(chunks("nonsense").is_err());
        assert!(chunks("\r\n").is_err());
        assert!(chunks("-2\r\nok\r\n").is_err());
        assert!(chunks("11111111111111111\r\n").is_err());
        assert!(chunks("2\r\nokay\r\n").is_err());
        assert!(chunks(&format!("2;{}", "x".repeat(20_000))).is_err());
        assert!(chunks(&format!("0\r\n{}", "x: y\r\n".repeat(4_000))).is_err());
    }

    #[test]
    fn a_length_ends_the_body_and_an_early_end_is_told() {
        let mut body = Body::new(Framing::Length(4));
        let mut count = 0;
        body.take(b"ab", |data| count += data.len()).unwrap();
        assert!(!body.may_end());
        body.take(b"cdef", |data| count += data.len()).unwrap();
        assert_eq!((count, body.is_done(), body.may_end()), (4, true, true));
        assert!(Body::new(Framing::UntilClose).may_end());
        assert!(Body::new(Framing::Length(0)).is_done());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_taken_without_a_panic_and_never_more_comes_out(bytes: Vec<u8>) {
            for framing in [Framing::Chunked, Framing::Length(7), Framing::UntilClose] {
                let mut out = 0;
                let _ = Body::new(framing).take(&bytes, |data| out += data.len());
                proptest::prop_assert!(out <= bytes.len());
            }
        }
    }
}
