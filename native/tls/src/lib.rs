//! `client.core.eap._tls`: the TLS client of EAP-TLS, TTLS and PEAP. Octets in, octets out; see `_tls.pyi`.

mod session;

use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::Mutex;
use std::thread;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rustls::version::{TLS12, TLS13};

use session::{Command, Report, Settings, Status};

const MAX_EXPORT: usize = 1024;

enum Question {
    Verify(Vec<Vec<u8>>),
    Sign(u16, Vec<u8>),
}

#[pyclass(module = "client.core.eap._tls")]
struct TlsClient {
    commands: Sender<Command>,
    reports: Mutex<Receiver<Report>>,
    question: Option<Question>,
    status: Status,
}

#[pymethods]
impl TlsClient {
    #[new]
    #[pyo3(signature = (certificates, schemes, tls13=true))]
    fn new(py: Python<'_>, certificates: Vec<Vec<u8>>, schemes: Vec<u16>, tls13: bool) -> PyResult<Self> {
        if !certificates.is_empty() && schemes.is_empty() {
            return Err(PyValueError::new_err("a certificate without a way to sign"));
        }
        let versions = if tls13 { vec![&TLS13, &TLS12] } else { vec![&TLS12] };
        let (commands, orders) = channel();
        let (answers, reports) = channel();
        let settings = Settings { certificates, schemes, versions };
        thread::Builder::new()
            .name("rove-tls".into())
            .spawn(move || session::run(settings, orders, answers))
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        let mut client = Self { commands, reports: Mutex::new(reports), question: None, status: Status::default() };
        client.wait(py)?;
        Ok(client)
    }

    fn receive(&mut self, py: Python<'_>, data: Vec<u8>) -> PyResult<()> {
        self.order(py, Command::Receive(data))
    }

    fn write(&mut self, py: Python<'_>, data: Vec<u8>) -> PyResult<()> {
        self.order(py, Command::Write(data))
    }

    fn close(&mut self, py: Python<'_>) -> PyResult<()> {
        self.order(py, Command::Close)
    }

    fn provide_verdict(&mut self, py: Python<'_>, accepted: bool) -> PyResult<()> {
        match self.question.take() {
            Some(Question::Verify(_)) => self.go_on(py, Command::Verdict(accepted)),
            other => {
                self.question = other;
                Err(PyValueError::new_err("no verdict was asked for"))
            }
        }
    }

    fn provide_signature(&mut self, py: Python<'_>, signature: Option<Vec<u8>>) -> PyResult<()> {
        match self.question.take() {
            Some(Question::Sign(..)) => self.go_on(py, Command::Signature(signature)),
            other => {
                self.question = other;
                Err(PyValueError::new_err("no signature was asked for"))
            }
        }
    }

    #[pyo3(signature = (label, context, length))]
    fn export<'py>(
        &mut self,
        py: Python<'py>,
        label: Vec<u8>,
        context: Option<Vec<u8>>,
        length: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        if self.question.is_some() || !(1..=MAX_EXPORT).contains(&length) {
            return Err(PyValueError::new_err("nothing can be exported now, or not so much"));
        }
        self.send(Command::Export { label, context, length })?;
        match self.report(py)? {
            Report::Exported(Ok(key)) => Ok(PyBytes::new(py, &key)),
            Report::Exported(Err(words)) => Err(PyValueError::new_err(words)),
            _ => Err(gone()),
        }
    }

    fn take_output<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &std::mem::take(&mut self.status.output))
    }

    fn take_plaintext<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &std::mem::take(&mut self.status.plaintext))
    }

    #[getter]
    fn certificates_to_judge<'py>(&self, py: Python<'py>) -> Option<Vec<Bound<'py, PyBytes>>> {
        match &self.question {
            Some(Question::Verify(chain)) => Some(chain.iter().map(|der| PyBytes::new(py, der)).collect()),
            _ => None,
        }
    }

    #[getter]
    fn message_to_sign<'py>(&self, py: Python<'py>) -> Option<(u16, Bound<'py, PyBytes>)> {
        match &self.question {
            Some(Question::Sign(scheme, message)) => Some((*scheme, PyBytes::new(py, message))),
            _ => None,
        }
    }

    #[getter]
    fn handshaking(&self) -> bool {
        self.status.handshaking
    }

    #[getter]
    fn version(&self) -> u16 {
        self.status.version
    }

    #[getter]
    fn closed(&self) -> bool {
        self.status.closed
    }

    #[getter]
    fn error(&self) -> Option<(&'static str, String, Option<u8>)> {
        self.status.error.clone()
    }
}

impl TlsClient {
    fn order(&mut self, py: Python<'_>, command: Command) -> PyResult<()> {
        if self.question.is_some() || self.status.error.is_some() {
            return Err(PyValueError::new_err("a question is open, or the connection is over"));
        }
        self.go_on(py, command)
    }

    fn go_on(&mut self, py: Python<'_>, command: Command) -> PyResult<()> {
        self.send(command)?;
        self.wait(py)
    }

    fn send(&self, command: Command) -> PyResult<()> {
        self.commands.send(command).map_err(|_| gone())
    }

    fn report(&self, py: Python<'_>) -> PyResult<Report> {
        py.detach(|| self.reports.lock().map_err(|_| gone())?.recv().map_err(|_| gone()))
    }

    /// Until the thread stands still again: at its next command, or at a question.
    fn wait(&mut self, py: Python<'_>) -> PyResult<()> {
        match self.report(py)? {
            Report::Verify(chain) => self.question = Some(Question::Verify(chain)),
            Report::Sign { scheme, message } => self.question = Some(Question::Sign(scheme, message)),
            Report::Exported(_) => return Err(gone()),
            Report::Done(mut status) => {
                let output = std::mem::take(&mut self.status.output);
                let plaintext = std::mem::take(&mut self.status.plaintext);
                status.output.splice(0..0, output);
                status.plaintext.splice(0..0, plaintext);
                status.closed |= self.status.closed;
                self.status = status;
            }
        }
        Ok(())
    }
}

fn gone() -> PyErr {
    PyRuntimeError::new_err("the TLS engine has stopped")
}

#[pymodule]
fn _tls(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<TlsClient>()
}
