"""Swift: what socket.io-client-swift writes, by the source of 16.1.1 and 15.2.0.

Its WebSockets are those of Starscream 4.0.8. Node's server reads the same bytes, and is
asked for the same answers.
"""

from __future__ import annotations

import pytest

from tests.support.form_client import Form, FormClient, packet
from tests.support.raw_websocket import NO_CODE, Closed, RawWebSocket
from tests.support.waiting import wait_until

from .conftest import Peers

#: What URLSession adds to each request, and what the client says of a POST.
GET = {
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate",
    "Accept-Language": "en-GB,en;q=0.9",
    "User-Agent": "App/1 CFNetwork/1490.0.4 Darwin/23.2.0",
    "Connection": "keep-alive",
}
POST = {**GET, "Content-Type": "text/plain; charset=UTF-8"}
#: The origin is the WebSocket's own address.
HANDSHAKE = {"Origin": "ws://127.0.0.1"}
SWIFT_16 = Form(
    "socket.io-client-swift 16.1.1",
    polling="/socket.io/?transport=polling&b64=1&token=a%20b&EIO=4",
    websocket="/socket.io/?transport=websocket&token=a%20b&EIO=4",
    get=GET,
    post=POST,
    handshake=HANDSHAKE,
)
#: It never says which protocol it speaks: it is the third.
SWIFT_15 = Form(
    "socket.io-client-swift 15.2.0",
    polling="/socket.io/?transport=polling&b64=1&token=a%20b",
    websocket="/socket.io/?transport=websocket&token=a%20b",
    get=GET,
    post=POST,
    handshake=HANDSHAKE,
    protocol=3,
)
#: The same with ``.version(.two)``.
SWIFT_16_FOR_2 = Form(
    "socket.io-client-swift 16.1.1, version two",
    polling="/socket.io/?transport=polling&b64=1&token=a%20b&EIO=3",
    websocket="/socket.io/?transport=websocket&token=a%20b&EIO=3",
    get=GET,
    post=POST,
    handshake=HANDSHAKE,
    protocol=3,
)
old = pytest.mark.parametrize("form", [SWIFT_15, SWIFT_16_FOR_2], ids=str)
#: A placeholder, in either order of its keys: its dictionaries have none.
PLACE = '{"num":0,"_placeholder":true}'


def joined(websocket: RawWebSocket) -> RawWebSocket:
    """Join "/", with a comma behind its name, as it always does."""
    websocket.send('40/,{"name":"Ann"}')
    assert packet(websocket.receive())[1].keys() >= {"sid"}
    assert websocket.receive() == '42["auth",{"name":"Ann"}]'
    return websocket


# ------------------------------------------------------------------ polling


def test_it_joins_by_polling(peers: Peers) -> None:
    client = FormClient(peers().raw, SWIFT_16)
    client.open()

    client.post('40/,{"name":"Ann"}')
    assert packet(client.poll())[0] == "40"
    assert client.poll() == '42["auth",{"name":"Ann"}]'
    client.post('420["token"]')

    assert client.poll() == '430["a b"]'


def test_packets_and_attachments_are_posted_together(peers: Peers) -> None:
    client = FormClient(peers().raw, SWIFT_16)
    client.open()

    client.post("40/,")
    assert packet(client.poll())[0] == "40"
    assert client.poll() == '42["auth",{}]'

    client.post(f'451-["message",{PLACE},"a\\/b"]\x1ebAQID\x1e42["message","é"]')

    assert client.poll() == ('451-["message-back",{"_placeholder":true,"num":0},"a/b"]')
    assert client.poll() == "bAQID"
    assert client.poll() == '42["message-back","é"]'


def test_it_closes_a_session_that_polls(peers: Peers) -> None:
    peer = peers()
    client = FormClient(peer.raw, SWIFT_16)
    client.open()
    client.post("40/,")
    assert packet(client.poll())[0] == "40"
    assert client.poll() == '42["auth",{}]'
    client.start_poll()

    client.post("1")

    assert client.receive() == "6"
    wait_until(peer.server.reasons)
    assert peer.server.reasons() == ["transport close"]


# ------------------------------------------------------------------ upgrading


def test_what_waited_for_a_post_follows_the_upgrade(peers: Peers) -> None:
    # It empties its queue into the WebSocket as it is: attachments as base64 in text,
    # perhaps with a noop before them.
    client = FormClient(peers().raw, SWIFT_16)
    client.open()
    client.post("40/,")
    assert packet(client.poll())[0] == "40"
    assert client.poll() == '42["auth",{}]'
    websocket = client.probe()
    for message in ("5", f'451-["message",{PLACE}]', "bAQID", "6"):
        websocket.send(message)

    assert packet(websocket.receive()) == (
        "451-",
        ["message-back", {"_placeholder": True, "num": 0}],
    )
    assert websocket.receive() == b"\1\2\3"


def test_a_second_poll_during_the_probe_is_released(peers: Peers) -> None:
    # It polls again if the noop comes before the answer to its probe is read.
    client = FormClient(peers().raw, SWIFT_16)
    client.open()
    client.start_poll()
    websocket = client.websocket()
    websocket.send("2probe")
    assert client.receive() == "6"

    client.start_poll()

    assert client.receive() == "6"
    assert websocket.receive() == "3probe"
    websocket.send("5")
    joined(websocket)


def test_a_pong_that_waited_follows_the_upgrade(peers: Peers) -> None:
    # While it probes it answers no ping.
    client = FormClient(peers(ping_interval=0.1).raw, SWIFT_16)
    client.open()
    assert client.poll() == "2"
    websocket = client.probe()

    websocket.send("5")
    websocket.send("3")

    assert websocket.receive() == "2"
    websocket.send("3")
    assert websocket.receive() == "2"


# ------------------------------------------------------------------ WebSockets


def test_it_begins_with_a_websocket(peers: Peers) -> None:
    websocket = joined(FormClient(peers().raw, SWIFT_16).open_websocket())

    websocket.send('42["message","a\\/b",0.10000000000000001,true,null]')
    assert websocket.receive() == '42["message-back","a/b",0.1,true,null]'
    websocket.send(f'451-["message",{PLACE}]')
    websocket.send(b"\1\2\3")
    assert packet(websocket.receive())[0] == "451-"
    assert websocket.receive() == b"\1\2\3"


def test_each_namespace_counts_its_own_acknowledgements(peers: Peers) -> None:
    websocket = joined(FormClient(peers().raw, SWIFT_16).open_websocket())
    websocket.send("40/custom,")
    assert packet(websocket.receive())[0] == "40/custom,"
    assert websocket.receive() == '42/custom,["auth",{}]'

    websocket.send('420["message-with-ack",1]')
    websocket.send('42/custom,0["message-with-ack",2]')

    assert websocket.receive() == "430[1]"
    assert websocket.receive() == "43/custom,0[2]"


def test_it_answers_without_arguments(peers: Peers) -> None:
    websocket = joined(FormClient(peers().raw, SWIFT_16).open_websocket())
    websocket.send('42["ask me"]')
    assert websocket.receive() == '420["question"]'

    websocket.send("430[]")

    assert websocket.receive() == '42["you said"]'


def test_it_leaves_a_namespace_and_keeps_the_connection(peers: Peers) -> None:
    peer = peers()
    websocket = joined(FormClient(peer.raw, SWIFT_16).open_websocket())

    websocket.send("41/,")
    wait_until(peer.server.reasons)

    assert peer.server.reasons() == ["client namespace disconnect"]
    joined(websocket)


def test_it_says_goodbye_twice(peers: Peers) -> None:
    peer = peers()
    websocket = joined(FormClient(peer.raw, SWIFT_16).open_websocket())

    websocket.send("1")
    websocket.close(1000)
    wait_until(peer.server.reasons)

    assert peer.server.reasons() == ["transport close"]


def test_what_cannot_be_json_is_an_event_without_a_name(peers: Peers) -> None:
    # It sends this for a number that is not finite. No server can make sense of it.
    peer = peers()
    websocket = joined(FormClient(peer.raw, SWIFT_16).open_websocket())

    websocket.send("42[]")

    assert websocket.wait_closed().code == NO_CODE
    wait_until(peer.server.reasons)
    assert peer.server.reasons() == ["forced close"]


def test_compression_is_agreed_with_starscream(peers: Peers) -> None:
    form = Form(
        SWIFT_16.name,
        handshake={
            **HANDSHAKE,
            "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits; "
            "server_max_window_bits=15",
        },
    )
    agreed = FormClient(peers(deflate=True).raw, form).extensions()

    assert agreed.partition(";")[0] == "permessage-deflate"


# ------------------------------------------------------------------ protocol 3


@old
def test_an_old_one_pings_before_it_says_anything_else(
    peers: Peers, form: Form
) -> None:
    client = FormClient(peers().raw, form)
    client.open()

    client.post("1:2")

    came = [client.poll() for _ in range(3)]
    assert sorted(came) == ["3", "40", '42["auth",{}]']


@old
def test_an_old_one_counts_utf16(peers: Peers, form: Form) -> None:
    client = FormClient(peers().raw, form)
    client.open()
    assert [client.poll(), client.poll()] == ["40", '42["auth",{}]']

    event = '42["message","😀é"]'
    client.post(f"{len(event) + 1}:{event}")

    assert client.poll() == '42["message-back","😀é"]'


@old
def test_an_old_one_posts_base64(peers: Peers, form: Form) -> None:
    client = FormClient(peers().raw, form)
    client.open()
    assert [client.poll(), client.poll()] == ["40", '42["auth",{}]']

    event = f'451-["message",{PLACE}]'
    client.post(f"{len(event)}:{event}6:b4AQID")

    assert packet(client.poll())[0] == "451-"
    assert client.poll() == "b4AQID"


@old
def test_an_old_one_joins_and_leaves_a_namespace(peers: Peers, form: Form) -> None:
    peer = peers()
    websocket = FormClient(peer.raw, form).open_websocket()
    assert [websocket.receive(), websocket.receive()] == ["40", '42["auth",{}]']

    websocket.send("2")
    assert websocket.receive() == "3"
    websocket.send("40/custom,")
    assert packet(websocket.receive())[0] == "40/custom,"
    assert websocket.receive() == '42/custom,["auth",{}]'
    websocket.send(f'451-/custom,7["message-with-ack",{PLACE}]')
    websocket.send(b"\4\1\2\3")
    assert packet(websocket.receive())[0] == "461-/custom,7"
    assert websocket.receive() == b"\4\1\2\3"
    websocket.send("41/custom,")
    wait_until(peer.server.reasons)

    assert peer.server.reasons() == ["client namespace disconnect"]


@old
def test_an_old_one_upgrades(peers: Peers, form: Form) -> None:
    client = FormClient(peers().raw, form)
    client.open()
    assert [client.poll(), client.poll()] == ["40", '42["auth",{}]']
    websocket = client.probe()

    # What waited for a POST has no length in a WebSocket.
    for message in ("5", f'451-["message",{PLACE}]', "b4AQID", "2"):
        websocket.send(message)

    came = [websocket.receive() for _ in range(3)]
    came.remove("3")  # at any place: the event waits for its handler
    assert packet(came[0])[0] == "451-"
    assert came[1] == b"\4\1\2\3"


@old
def test_an_old_one_may_not_join_the_main_namespace_again(
    peers: Peers, form: Form
) -> None:
    # It asks for "/" when its program connects a socket a second time.
    websocket = FormClient(peers().raw, form).open_websocket()
    assert [websocket.receive(), websocket.receive()] == ["40", '42["auth",{}]']

    websocket.send("40/,")

    with pytest.raises(Closed):
        websocket.receive()
