"""States: scripts of what a server knows of a client, and of what it recovers."""

from __future__ import annotations

import json
import re
from functools import partial

from .conversation import EVENT, Conversation, Script, send
from .requests import UPGRADE, target

#: Behind EIO and transport: what clients add to the handshake.
QUERIES = (
    *("", "a=1", "a=1&a=2", "a[]=1&a[]=2", "a=%20b+c", "a", "a=", "=1", "a=%ff"),
    *("é=%C3%A9", "a%3Db=c", "a;b", "__proto__=1", "a.b=1", "EIO=3", "t=x&sid="),
)
HEADERS = {
    "an origin": {"Origin": "http://a.example"},
    "an agent": {"User-Agent": "x/1"},
    "a proxy": {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"},
}
AUTHS = ("", "{}", '{"token":"x"}', '{"n":1.5,"l":[{}],"u":"é"}', '{"__proto__":1}')
#: What clients offer of compression, and the request's further headers.
OFFERS = (
    "permessage-deflate",
    "permessage-deflate; client_max_window_bits",
    "permessage-deflate; client_max_window_bits=10",
    "permessage-deflate; server_max_window_bits=10",
    "permessage-deflate; server_no_context_takeover",
    "permessage-deflate; client_no_context_takeover",
    "permessage-deflate; unknown",
    "permessage-deflate; server_max_window_bits=7",
    "permessage-deflate; unknown, permessage-deflate",
    "x-webkit-deflate-frame",
    "permessage-deflate,",
)
ENCODINGS = (
    *("gzip", "deflate", "br", "gzip, deflate, br", "identity", "*", "x"),
    *("gzip;q=0", "deflate, gzip;q=0.5", "GZIP", "zstd"),
)
PROTOCOLS = ("a", "a, b", "b,a", "a b")


def _handshake(
    query: str, headers: dict[str, str], auth: str, conversation: Conversation
) -> None:
    where = "/socket.io/?EIO=4&transport=websocket" + (query and f"&{query}")
    if (websocket := conversation.websocket(where, headers)) is None:
        return
    if conversation.receive(websocket) is None:
        return
    send(websocket, [f"40{auth}"], 4)
    for _ in range(2):
        websocket.receive()
    send(websocket, ['421["handshake"]'], 4)
    answer = json.loads(str(websocket.receive(conversation.patience))[3:])[0]
    answer["address"] = re.sub(":[0-9]{4,5}$", ":PORT", answer["address"])
    known = ("address", "agent", "auth", "path", "query", "raw", "secure", "xdomain")
    conversation.see(*(f"{name} {json.dumps(answer.get(name))}" for name in known))


def _header(asked: str, name: str, value: str, conversation: Conversation) -> None:
    """See one header of the answer to an upgrade."""
    connection = conversation.client.http()
    answer = connection.request(
        "GET", target("websocket", ()), headers={**UPGRADE, name: value}
    )
    conversation.see(answer.status, answer.headers.get(asked))


def _encoding(size: int, accepted: str, conversation: Conversation) -> None:
    """See how the answer to a poll is encoded."""
    session = conversation.client.open_session()
    session.post("40")
    session.poll()
    conversation.post(session, [f'42["message","{"x" * size}"]'])
    answer = session.poll(headers={"Accept-Encoding": accepted})
    conversation.see(answer.status, answer.headers.get("content-encoding"))


# ------------------------------------------------------------------------- recovery


def _recover(change: str, conversation: Conversation) -> None:
    """Join, lose the connection, and come back."""
    client = conversation.client
    websocket, fields = client.open_websocket_session()
    websocket.send("40")
    welcome = json.loads(str(websocket.receive())[2:])
    conversation.see(sorted(welcome))
    event = json.loads(str(websocket.receive())[2:])
    conversation.see(event[:-1])
    room = fields["sid"]  # nobody else has it
    send(websocket, [f'42["join","{room}"]', EVENT], 4)
    websocket.receive()
    if change == "left":
        websocket.send("41")
    websocket.close()
    conversation.fate(fields["sid"])
    other = client.open_socket()
    send(other, [f'42["tell","{room}",1]', EVENT], 4)
    for _ in range(2):  # what it is welcomed with, and what the mark brings
        other.receive()
    auth = {"pid": welcome.get("pid"), "offset": event[-1]}
    if change in ("offset", "pid"):
        auth[change] = "unknown"
    elif change in ("no offset", "no pid"):
        del auth[change[3:]]
    elif change == "a number":
        auth["offset"] = 1
    again, _ = client.open_websocket_session()
    send(again, [f"40{json.dumps(auth)}"], 4)
    while True:
        message = str(again.receive(conversation.patience))
        packet = json.loads(message[2:])
        if message.startswith("40"):
            recovered = packet["sid"] == welcome["sid"]
            same = packet.get("pid") == welcome.get("pid")
            conversation.see(f"recovered {recovered}, the same pid {same}")
            break
        conversation.see(packet[:-1])


CHANGES = ("nothing", "offset", "pid", "no offset", "no pid", "a number", "left")


def scripts() -> dict[str, Script]:
    """Return all scripts of states."""
    found = {
        f"known: query {query or 'empty'}": Script(partial(_handshake, query, {}, ""))
        for query in QUERIES
    }
    found |= {
        f"known: {name}": Script(partial(_handshake, "", headers, ""))
        for name, headers in HEADERS.items()
    }
    found |= {
        f"known: auth {auth or 'none'}": Script(partial(_handshake, "", {}, auth))
        for auth in AUTHS
    }
    for offer in OFFERS:
        told = "sec-websocket-extensions"
        script = partial(_header, told, "Sec-WebSocket-Extensions", offer)
        found[f"offered, allowed: {offer}"] = Script(script, "deflate")
        found[f"offered: {offer}"] = Script(script)
    for protocols in PROTOCOLS:
        told = "sec-websocket-protocol"
        script = partial(_header, told, "Sec-WebSocket-Protocol", protocols)
        found[f"subprotocols: {protocols}"] = Script(script)
    for accepted in ENCODINGS:
        for size in (100, 5000):
            found[f"accepted: {accepted} for {size}"] = Script(
                partial(_encoding, size, accepted), "large"
            )
    for change in CHANGES:
        found[f"recovery: {change}"] = Script(partial(_recover, change), "recovery")
    return found
