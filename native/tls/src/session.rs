//! One TLS connection in a thread of its own, which is a coroutine: it runs while a command is being obeyed, and stands
//! still while nobody has given it one. rustls calls for a signature and for a verdict on the server's certificate in
//! the middle of a step; here the step is left standing, the question goes out, and the answer lets it go on. So a
//! signature may take a smartcard and its owner, and nothing outside ever waits inside a callback.

use std::io::{ErrorKind, Read, Write};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConnection, ResolvesClientCert, Resumption};
use rustls::crypto::{ring, CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureAlgorithm, SignatureScheme,
    SupportedProtocolVersion,
};

pub enum Command {
    Receive(Vec<u8>),
    Write(Vec<u8>),
    Close,
    Verdict(bool),
    Signature(Option<Vec<u8>>),
    Export { label: Vec<u8>, context: Option<Vec<u8>>, length: usize },
}

pub enum Report {
    /// The command is done.
    Done(Status),
    /// `Export` is, or why not.
    Exported(Result<Vec<u8>, String>),
    /// `Verdict` is to come: is this chain, its own certificate first, the server's that is meant?
    Verify(Vec<Vec<u8>>),
    /// `Signature` is to come, over `message`, with this TLS SignatureScheme.
    Sign { scheme: u16, message: Vec<u8> },
}

/// What a step has brought. `error`: kind, words, the TLS alert's number where the server sent one.
#[derive(Default, Clone)]
pub struct Status {
    pub output: Vec<u8>,
    pub plaintext: Vec<u8>,
    pub handshaking: bool,
    pub version: u16,
    pub closed: bool,
    pub error: Option<(&'static str, String, Option<u8>)>,
}

pub struct Settings {
    pub certificates: Vec<Vec<u8>>,
    pub schemes: Vec<u16>,
    pub versions: Vec<&'static SupportedProtocolVersion>,
}

/// The way out of the thread and back; both ends are used by one thread at a time.
#[derive(Debug)]
struct Line {
    commands: Mutex<Receiver<Command>>,
    reports: Sender<Report>,
}

impl Line {
    fn next(&self) -> Option<Command> {
        self.commands.lock().ok()?.recv().ok()
    }

    /// None: whoever asked has gone.
    fn ask(&self, question: Report) -> Option<Command> {
        self.reports.send(question).ok()?;
        self.next()
    }
}

pub fn run(settings: Settings, commands: Receiver<Command>, reports: Sender<Report>) {
    let line = Arc::new(Line { commands: Mutex::new(commands), reports });
    let mut connection = match connect(settings, &line) {
        Ok(connection) => connection,
        Err(error) => {
            let status = Status { error: Some(explain(&error)), ..Status::default() };
            let _ = line.reports.send(Report::Done(status));
            return;
        }
    };
    let mut status = Status { handshaking: true, ..Status::default() };
    settle(&mut connection, &mut status);
    while line.reports.send(Report::Done(std::mem::take(&mut status))).is_ok() {
        loop {
            let Some(command) = line.next() else { return };
            match command {
                Command::Receive(data) => receive(&mut connection, &data, &mut status),
                Command::Write(data) => {
                    if let Err(error) = connection.writer().write_all(&data) {
                        status.error = Some(("misuse", error.to_string(), None));
                    }
                }
                Command::Close => connection.send_close_notify(),
                Command::Export { label, context, length } => {
                    let key = connection
                        .export_keying_material(vec![0u8; length], &label, context.as_deref())
                        .map_err(|error| error.to_string());
                    if line.reports.send(Report::Exported(key)).is_err() {
                        return;
                    }
                    continue;
                }
                // an answer that nothing asked for
                Command::Verdict(_) | Command::Signature(_) => {}
            }
            break;
        }
        settle(&mut connection, &mut status);
    }
}

fn connect(settings: Settings, line: &Arc<Line>) -> Result<ClientConnection, Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier { line: line.clone(), algorithms: provider.signature_verification_algorithms };
    let builder = ClientConfig::builder_with_provider(provider as Arc<CryptoProvider>)
        .with_protocol_versions(&settings.versions)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = if settings.certificates.is_empty() {
        builder.with_no_client_auth()
    } else {
        builder.with_client_cert_resolver(Arc::new(OneCertificate::new(settings, line)))
    };
    config.resumption = Resumption::disabled(); // RFC 9190 §2.1.2: nothing of one log-in serves another
    config.enable_sni = false; // whom the server must be is judged outside; the outer identity routes EAP
    let nobody = ServerName::try_from("eap.invalid").map_err(|_| Error::General("server name".into()))?;
    ClientConnection::new(Arc::new(config), nobody)
}

fn receive(connection: &mut ClientConnection, mut data: &[u8], status: &mut Status) {
    while !data.is_empty() {
        match connection.read_tls(&mut data) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                status.error = Some(("protocol", error.to_string(), None));
                return;
            }
        }
        if let Err(error) = connection.process_new_packets() {
            status.error = Some(explain(&error));
            return;
        }
        drain(connection, status);
        if status.closed {
            return;
        }
    }
}

fn drain(connection: &mut ClientConnection, status: &mut Status) {
    let mut part = [0u8; 4096];
    loop {
        match connection.reader().read(&mut part) {
            Ok(0) => {
                status.closed = true; // close_notify
                return;
            }
            Ok(count) => status.plaintext.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(_) => {
                status.closed = true;
                return;
            }
        }
    }
}

fn settle(connection: &mut ClientConnection, status: &mut Status) {
    while connection.wants_write() {
        if connection.write_tls(&mut status.output).is_err() {
            break;
        }
    }
    status.handshaking = connection.is_handshaking();
    status.version = connection.protocol_version().map_or(0, u16::from);
}

fn explain(error: &Error) -> (&'static str, String, Option<u8>) {
    match error {
        Error::AlertReceived(alert) => ("alert", format!("{alert:?}"), Some(u8::from(*alert))),
        Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
            ("refused", "the server's certificate".into(), None)
        }
        Error::InvalidCertificate(CertificateError::BadSignature) => ("signature", error.to_string(), None),
        Error::PeerIncompatible(_) => ("incompatible", error.to_string(), None),
        Error::General(_) => ("local", error.to_string(), None),
        _ => ("protocol", error.to_string(), None),
    }
}

/// Signatures of the handshake are checked here, whose certificate it is outside.
#[derive(Debug)]
struct Verifier {
    line: Arc<Line>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates).map(|der| der.to_vec()).collect();
        match self.line.ask(Report::Verify(chain)) {
            Some(Command::Verdict(true)) => Ok(ServerCertVerified::assertion()),
            _ => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The user's certificate, whatever authorities the server names: there is no other.
#[derive(Debug)]
struct OneCertificate(Arc<CertifiedKey>);

impl OneCertificate {
    fn new(settings: Settings, line: &Arc<Line>) -> Self {
        let schemes = settings.schemes.into_iter().map(SignatureScheme::from).collect();
        let key = OutsideKey { line: line.clone(), schemes };
        let chain = settings.certificates.into_iter().map(CertificateDer::from).collect();
        Self(Arc::new(CertifiedKey::new(chain, Arc::new(key))))
    }
}

impl ResolvesClientCert for OneCertificate {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A private key that is somewhere else; `schemes` best first.
#[derive(Debug)]
struct OutsideKey {
    line: Arc<Line>,
    schemes: Vec<SignatureScheme>,
}

impl SigningKey for OutsideKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = *self.schemes.iter().find(|scheme| offered.contains(scheme))?;
        Some(Box::new(OutsideSigner { line: self.line.clone(), scheme }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.schemes.first() {
            Some(SignatureScheme::ED25519) => SignatureAlgorithm::ED25519,
            Some(SignatureScheme::ED448) => SignatureAlgorithm::ED448,
            Some(
                SignatureScheme::ECDSA_NISTP256_SHA256
                | SignatureScheme::ECDSA_NISTP384_SHA384
                | SignatureScheme::ECDSA_NISTP521_SHA512,
            ) => SignatureAlgorithm::ECDSA,
            _ => SignatureAlgorithm::RSA,
        }
    }
}

#[derive(Debug)]
struct OutsideSigner {
    line: Arc<Line>,
    scheme: SignatureScheme,
}

impl Signer for OutsideSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let question = Report::Sign { scheme: u16::from(self.scheme), message: message.to_vec() };
        match self.line.ask(question) {
            Some(Command::Signature(Some(signature))) => Ok(signature),
            _ => Err(Error::General("there is no signature".into())),
        }
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}
