//! A terminal: log lines, and below them one line that is drawn over again and again.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// Goes to the beginning of the line and empties it.
const WIPE: &[u8] = b"\r\x1b[K";

/// Shared by whoever writes to the terminal.
#[derive(Clone)]
pub struct Screen(Arc<Mutex<Inner>>);

struct Inner {
    terminal: Box<dyn Write + Send>,
    status: String,
}

impl Screen {
    /// A screen on this terminal.
    pub fn new(terminal: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Inner { terminal: Box::new(terminal), status: String::new() })))
    }

    /// Shows this line below everything else; an empty one takes it away.
    pub fn show(&self, line: &str) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.status = line.to_owned();
        // A terminal that is gone needs no status.
        let _nobody_looks = inner.draw(&[]);
    }
}

impl Inner {
    /// Writes what stays, and the status behind it.
    fn draw(&mut self, text: &[u8]) -> io::Result<()> {
        self.terminal.write_all(WIPE)?;
        self.terminal.write_all(text)?;
        if text.is_empty() || text.ends_with(b"\n") {
            self.terminal.write_all(self.status.as_bytes())?;
        }
        self.terminal.flush()
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.status.is_empty() {
            return inner.terminal.write(bytes);
        }
        inner.draw(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).terminal.flush()
    }
}

impl<'a> MakeWriter<'a> for Screen {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_line_is_written_above_the_status() {
        let paper = Paper::default();
        let mut screen = Screen::new(paper.clone());
        writeln!(screen, "one").expect("written");
        screen.show("1 of 2");
        writeln!(screen, "two").expect("written");
        screen.show("");
        writeln!(screen, "three").expect("written");
        let written = paper.0.lock().expect("not poisoned").clone();
        let wipe = "\r\x1b[K";
        let expected = format!("one\n{wipe}1 of 2{wipe}two\n1 of 2{wipe}three\n");
        assert_eq!(String::from_utf8(written).expect("text"), expected);
    }
}
