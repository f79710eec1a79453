"""What our own processes tell each other: data path to roved and back, and roved's documents to the front ends."""

import client.core.datapath.control as codec
from client.bus.replies import parsed_document, parsed_documents
from client.model.cause import Cause, RoveError
from tests.fuzz.judge import refused

MAX_LEN = 4096


def one(data: bytes) -> None:
    try:
        message = codec.decode(data)
    except codec.ControlError:
        pass
    else:
        assert codec.decode(codec.encode(message)) == message
        repr(message)
    for parse in (parsed_document, parsed_documents):
        try:
            parse(data.decode("utf-8", "replace"))
        except RoveError as error:
            refused(error, (Cause.INTERNAL,))


def words() -> list[bytes]:
    return [b"aes256gcm16", b"aes128-sha256", b'{"', b'":', b"[{", b"}]", b"null", b"1e999", b"\\ud800", b'"state"']


def seeds() -> dict[str, bytes]:
    import json

    from client.model.state import status_document
    from tests.datapath.test_control import MESSAGES
    made = {}
    for number, message in enumerate(MESSAGES):
        made[f"{number:02}-{type(message).__name__}"] = codec.encode(message)
    return made | {"status": json.dumps(status_document([])).encode(),
                   "profiles": b'[{"name": "work", "system": false, "auth": "psk", "state": null, "n": 1.5e3}]',
                   "deep": b"[" * 50 + b"{}" + b"]" * 50}
