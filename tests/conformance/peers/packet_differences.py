"""Differences in packets: what servers read in them, in which order, how it ends."""

from __future__ import annotations

from .difference import NODES_WAY, SAME, Difference

UNREADABLE = r"(polling: packet|a post of|end: nonsense)"

PACKETS = (
    # ----------------------------------------------------- before what would match too
    Difference(
        "JSONP with an index that has more than digits",
        "Other characters are left out.",
        "The answer is no JSONP.",
        SAME,
        NODES_WAY,
        in_go=r"a handshake with j=1;alert",
    ),
    Difference(
        "Characters in the target that must be escaped there",
        "Status 400.",
        "They are accepted.",
        SAME,
        NODES_WAY,
        in_go=r"with é=1|query é=",
    ),
    Difference(
        "Bytes in base64 that are no base64",
        "What can be read of them is read.",
        "They are unreadable.",
        SAME,
        NODES_WAY,
        in_go=r"(WebSocket|polling): packet b!|a post of bytes that are no base64",
        hangs=r"polling: packet b!",
    ),
    # -------------------------------------------------------------- values and packets
    Difference(
        "Numbers",
        "All are floats: ``1.0`` comes back as ``1``, and whole numbers beyond "
        "2^53 are "
        "rounded.",
        "As in Node; ``-0`` comes back as ``-0``.",
        "``int`` and ``float``: ``1.0`` comes back as ``1.0``, and whole numbers are "
        "exact.",
        "Python has both types. In JavaScript ``1.0`` and ``1`` are the same number.",
        in_go=r"a value: -0 ",
        in_ours=r"a value: (1\.0|1e3|1E2|1234|9007)|an event named 1e3",
    ),
    Difference(
        "A number that is too large for a float, such as ``1e400``",
        "It is infinite, and comes back as ``null``.",
        "The session is closed.",
        SAME,
        NODES_WAY,
        in_go=r"a value: 1e400",
    ),
    Difference(
        "The order of an object's members",
        "That of the client, but names that are whole numbers come first.",
        "Sorted by name, also in the open packet.",
        "That of the client.",
        "Nobody may rely on it.",
        in_go=r'a value: \{"b"|first: 0\{"(token|sid)"|auth \{"n"|refused,\{"data"|'
        r'\\"upgrades.* / .*0\{\\+"maxPayload',
        in_ours=r'a value: \{"1":1',
    ),
    Difference(
        "Text in JSON",
        "Only what must be escaped is.",
        "``<``, ``>``, ``&``, U+2028 and U+2029 are escaped, too; half of a surrogate "
        "pair becomes U+FFFD.",
        SAME,
        NODES_WAY,
        in_go=r'a value: "(\\ud800|\\u2028|<&>)',
    ),
    Difference(
        "Text behind the JSON of a packet, and ``null`` for auth",
        "The session is closed.",
        "Such text is ignored; ``null`` is no auth.",
        SAME,
        "Node's way. What is half understood had better be refused.",
        in_go=r"something behind it|first: 0(null|\{\}x)|connecting: 0/custom,null",
    ),
    Difference(
        "An event or an acknowledgement without data, such as ``42`` or ``431``",
        "Catch-all listeners are called with nothing; an acknowledgement is ignored.",
        "The session is closed.",
        SAME,
        NODES_WAY,
        in_go=r"an event with (nothing|1)|packet 42|an answer 3(7777)? ",
    ),
    Difference(
        "The id of an event",
        "What JavaScript takes for a number, also a blank in front; rounded beyond "
        "2^53.",
        "Digits, up to 64 bits.",
        "Digits, up to 2^53 - 1.",
        "An id that is rounded answers another event. The protocol has digits only.",
        in_go=r"an id (9007|1844|1111| 1)",
        in_ours=r"an id (9007|1844|1111| 1)",
    ),
    Difference(
        "A count of 0 attachments",
        "The session is closed.",
        "The session is closed; now and then the event is handled before.",
        SAME,
        NODES_WAY,
        in_go=r"a count of attachments 0-|attachments: none",
        varies=("Go",),
    ),
    Difference(
        "The count of attachments, and the type of a packet",
        "What JavaScript takes for a number: ``1.0``, ``+1``, ``1e0``, blanks.",
        "Digits.",
        "Digits.",
        "The protocol has digits only.",
        in_go=r"a count of attachments|a type   ",
        in_ours=r"a count of attachments|a type   ",
    ),
    Difference(
        "A placeholder without the number of an attachment",
        "The session is closed; for ``0.5`` the value is ``null``.",
        "It stays in the data.",
        "The session is closed.",
        "Node's way, without exception.",
        in_go=r"a place with",
        in_ours=r"a place with 0\.5",
    ),
    Difference(
        "The same bytes at several places of an event",
        "They are sent each time.",
        "They are empty but for the first time.",
        SAME,
        "Node's way; a fault of Go's.",
        in_go=r"the same bytes twice|ten attachments",
    ),
    # ------------------------------------------------------------------ order and time
    Difference(
        "An event right behind the packet that joins a namespace",
        "The session is closed.",
        SAME,
        "The event is handled once the client is let in.",
        "A client that does not wait is understood all the same.",
        in_ours=r"an event right behind the connect",
    ),
    Difference(
        "An acknowledgement, and an event right behind it",
        "The callback of the acknowledgement runs first.",
        SAME,
        "The handler of the event may run first.",
        "Acknowledgements do not wait for events. See `concurrency "
        "<concurrency.rst>`_.",
        in_ours=r"an answer, and an event behind it",
        varies=("sockio",),
    ),
    Difference(
        "Joining a namespace twice in the same moment",
        "The client gets two sockets there, one of which nobody can reach.",
        SAME,
        "The session is closed, as it is in Node a moment later.",
        "A fault of Node's.",
        in_ours=r"joined twice at once",
    ),
    Difference(
        "Packets right behind the one that leaves a namespace",
        "If they arrive together, packets of the namespace are still handled, and "
        "joining it again closes the session. If they arrive later, it is the "
        "other way "
        "round.",
        "As in Node, but the reason may be another one.",
        "The client has left: packets of the namespace close the session, joining it "
        "again works.",
        "What happens does not depend on how packets are put into requests.",
        in_go=r"leaving twice|an event after leaving|leaving and joining again",
        in_ours=r"leaving twice|an event after leaving|leaving and joining again",
        varies=("Go",),
    ),
    Difference(
        "An event right before the packet that leaves, or behind "
        "``disconnect()`` of the "
        "server",
        "What its handler emits still reaches the client.",
        SAME,
        "The first one is handled, the other one is dropped; ``emit`` does nothing.",
        "A socket that is disconnected sends nothing. See "
        "`concurrency <concurrency.rst>`_.",
        in_ours=r"an event just before leaving|the server lets go, and more comes",
    ),
    Difference(
        "The client's pings in Engine.IO 4, where the server is the one that pings",
        "The session is closed.",
        SAME,
        "They are answered.",
        "Libraries for small boards send them. See `moving <migrating.rst>`_.",
        in_ours=r"packet (first )?2|a post of (a ping|the old form)",
    ),
    Difference(
        "Pongs to clients of Engine.IO 3",
        "Without the data of the ping.",
        SAME,
        "With the data of the ping.",
        "The protocol says so.",
        in_ours=r"old .*: (a ping with data|packet 2(x|probe))|heartbeat: old pings",
    ),
    # -------------------------------------------------------------------------- the end
    Difference(
        "Closing a WebSocket",
        "With a close frame.",
        "Often without one: the connection just ends.",
        SAME,
        "Node's way. Without one, clients report an abnormal closure (1006).",
        in_go=r'"closed 100\d" / "closed 1006"|a probe without its word',
    ),
    Difference(
        "A text frame that is no UTF-8",
        "The session ends with ``transport error``.",
        "It is taken for a bad packet: ``forced close``.",
        SAME,
        NODES_WAY,
        in_go=r"frame: (bad UTF-8|cut UTF-8|a surrogate in UTF-8)",
    ),
    Difference(
        "A close frame of one byte, or with text that is no UTF-8",
        "It is answered with 1002 or 1007; ``transport error``.",
        "It counts as a close frame, or is answered with 1002.",
        SAME,
        "Node's way, which is that of RFC 6455.",
        in_go=r"frame: a close (of one byte|with text that is none)",
    ),
    Difference(
        "A connection that is reset",
        "``transport close``.",
        "``transport error``.",
        SAME,
        NODES_WAY,
        in_go=r"end: reset",
    ),
    Difference(
        "A client that leaves its namespace and closes its WebSocket at once",
        "``client namespace disconnect``.",
        "``transport close``, most of the time.",
        SAME,
        "Node's way; a fault of Go's.",
        in_go=r"end: leaving, then a close frame|recovery: left",
        varies=("Go",),
    ),
    Difference(
        "What the server sends right before it closes a WebSocket",
        "It arrives.",
        "It is lost, most of the time; namespaces are left in any order.",
        SAME,
        "Node's way; a fault of Go's.",
        in_go=r"WebSocket: the server (ends it|closes it after it spoke)|"
        r"the server ends it in two namespaces",
        varies=("Go",),
    ),
    Difference(
        "The last answer to a poll when the server closes the session",
        "``6`` and ``1``.",
        "``1``.",
        SAME,
        "Node's way, though either would do.",
        in_go=r'\["6"\] / \[\]',
    ),
    Difference(
        "Half of a POST, and then the end of the connection",
        "``transport error``.",
        "``forced close``, or nothing.",
        SAME,
        "Node's way; a fault of Go's.",
        in_go=r"end: half a post",
        hangs=r"end: half a post",
        varies=("Go",),
    ),
    Difference(
        "A POST with something unreadable in it",
        "The session ends; the status is 200.",
        "It is ignored, with all that follows it in the POST: the session goes on, and "
        "never gets it.",
        "The session ends; the status is 400.",
        "The public suite of the protocol expects 400. A fault of Go's.",
        in_go=UNREADABLE + r".*(parse error|ended: 400|44/nowhere)|"
        r"old polling: packet b",
        in_ours=r'\[\] / \[\[400, ""\]\]|a post of .* \| status 200 / 400|'
        r'"end: nonsense',
        hangs=r"polling: packet ([79a²١\- é]|\ufeff4|b|$)|end: nonsense",
    ),
    Difference(
        "A POST above ``max_http_buffer_size``",
        "Status 413, and the session ends.",
        "Status 413, and the session goes on.",
        SAME,
        "Node's way since engine.io 6.6.13: the client gives up.",
        in_go=r"a message of (the most bytes|a byte more)|a large message|"
        r"a post of (a byte more|many bytes)",
        hangs=r"polling: a (message of (the most|a byte)|large message)",
    ),
    Difference(
        "A POST whose packets close the session",
        "Status 200.",
        "Status 429, or the reason is another one.",
        SAME,
        NODES_WAY,
        in_go=r'\[429, ""\]|status 200 / 429',
    ),
    # --------------------------------------------------------------------- old clients
    Difference(
        "Names of namespaces of Engine.IO 3",
        "They are read as URLs: blanks at the end are dropped, other characters are "
        "escaped.",
        "As they are.",
        "As they are.",
        "For a new client they are as they are in Node, too.",
        in_go=r"old .*: connecting: 0(/custom(\{| ,)|/é|//)",
        in_ours=r"old .*: connecting: 0(/custom(\{| ,)|/é|//)",
    ),
    Difference(
        "The letter ``b`` without the type of a packet, in Engine.IO 3",
        "It is ignored.",
        "The session ends.",
        "The session ends.",
        "It is no packet.",
        in_go=r"old WebSocket: packet b",
        in_ours=r"old .*: packet b",
    ),
)
