"""Differences in requests: handshakes, upgrades, headers, and what is recovered."""

from __future__ import annotations

from .difference import NODES_WAY, SAME, Difference

REQUESTS = (
    # -------------------------------------------------------------------- the handshake
    Difference(
        "Values of ``handshake.query`` and ``handshake.headers``, and of the auth of "
        "Engine.IO 3",
        "Texts.",
        "Lists of texts; a name with ``;`` is dropped.",
        SAME,
        NODES_WAY,
        in_go=r'known: .* \| "(query|agent)|old .*\\"auth\\",\{',
    ),
    Difference(
        "``handshake.address``",
        "The address.",
        "The address and the port.",
        SAME,
        NODES_WAY,
        in_go=r'known: .* \| "address',
    ),
    Difference(
        "A refusal of a middleware without data",
        '``{"message":"no"}``.',
        '``{"data":null,"message":"no"}``.',
        SAME,
        NODES_WAY,
        in_go=r"refused,",
    ),
    Difference(
        "A WebSocket from a page of another origin",
        "It is accepted: CORS is no guard.",
        "It is refused, unless ``cors`` allows the origin.",
        "It is accepted; with ``check_origin=True`` it is refused.",
        "Node's way; whoever wants a guard has one.",
        in_go=r"an upgrade(, old .*)?: (EIO .*, )?Origin|(no CORS|"
        r"origins?): upgrade of "
        r"(null|http|HTTPS://A.EXAMPLE \| \[\]).* / \[400|known: an origin|"
        r"(one|two) origins?: upgrade of .* / \[400",
    ),
    Difference(
        "CORS",
        "As the package ``cors`` does.",
        "Without an ``Origin`` nothing is said; a single origin is said only "
        "to itself; "
        "case does not matter in origins; answers to preflights lack "
        "``Access-Control-Expose-Headers``, and ``Vary`` names less.",
        SAME,
        NODES_WAY,
        in_go=r"origins?( back)?: .* \| (access-control|vary|\[\"access)",
    ),
    Difference(
        "``EIO`` in requests of a session that exists",
        "It must be that of the session, else code 3.",
        "It does not matter.",
        SAME,
        NODES_WAY,
        in_go=r"a session: (a post with )?EIO|upgrade: with EIO",
        hangs=r"a session: EIO",
    ),
    Difference(
        "A protocol that is not supported",
        "Code 5. If a WebSocket asks for it, the upgrade is accepted, and then "
        "the text "
        "of a refusal is sent instead of frames.",
        "Code 4. A WebSocket is closed with 1000.",
        "Code 5; an upgrade is refused with 400.",
        "Node's way, but for that fault of Node's.",
        in_go=r'"code\\":5|"101, then no frames"',
        in_ours=r'"101, then no frames"',
    ),
    Difference(
        "A ``sid`` that no server would make",
        "Code 1.",
        "Code 3.",
        SAME,
        NODES_WAY,
        in_go=r"Session ID unknown.* / .*Bad request",
    ),
    Difference(
        "The value of the cookie ``io``",
        "The id of the session; ``HttpOnly`` and ``SameSite=Lax``.",
        "Whatever the application gives, the same for all.",
        SAME,
        "Node's way. A balancer needs the id.",
        in_go=r"only cookie: polling",
    ),
    # ---------------------------------------------------------------------------- HTTP
    Difference(
        "Refusals and ``Cache-Control``",
        "Nothing is said.",
        SAME,
        "``no-store``.",
        "An error of today must not be kept for tomorrow.",
        in_ours=r"\| cache-control null",
    ),
    Difference(
        "The type of the answer that refuses an upgrade",
        "``text/html``",
        "``text/plain; charset=utf-8``, or JSON.",
        SAME,
        NODES_WAY,
        in_go=r'an upgrade.* \| content-type "text/html"',
    ),
    Difference(
        "Upgrade requests with a bad header of WebSockets",
        "Status 400 with a text of Node's. Version 8 is accepted.",
        "Code 3 as JSON, without ``Sec-WebSocket-Version``.",
        "Status 400 with a text of our own. Only version 13 is accepted.",
        "Version 8 is a draft of 2011.",
        in_go=r"Sec-WebSocket-(Key|Version)|an upgrade: Upgrade h2c",
        in_ours=r"Sec-WebSocket-(Key|Version)|sec-websocket-version",
    ),
    Difference(
        "``Upgrade`` with a list, such as ``websocket, h2c``, or without ``websocket``",
        "Status 400.",
        "A list is accepted.",
        "A list is accepted; without ``websocket`` it is a request like others.",
        "RFC 9110 has a list there, and lets servers ignore what they do not know.",
        in_go=r"an upgrade: Upgrade websocket, h2c",
        in_ours=r"an upgrade: Upgrade (websocket, )?h2c",
    ),
    Difference(
        "An upgrade, where WebSockets are not among the transports",
        "Code 0 as JSON: without WebSockets it is a request like others.",
        "Status 501.",
        "Code 0, as a text.",
        "A client that asks for an upgrade gets the answer to an upgrade.",
        in_go=r"only polling: websocket",
        in_ours=r"only polling: websocket",
    ),
    Difference(
        "Paths that are escaped or have more slashes or dots",
        "Compared as they are.",
        "``net/http`` redirects to a clean path.",
        "Compared when they are unescaped: ``/socket%2eio/`` is ours.",
        "WSGI gives applications the unescaped path.",
        in_go=r"path /",
        in_ours=r"path /socket(%2eio/|\.io%2f)",
    ),
    Difference(
        "A method in small letters, such as ``get``",
        "Status 400, from its HTTP server.",
        "It is not answered while a poll would wait.",
        "Status 500, as for other methods that sessions do not have.",
        "Methods may be of any letters: it is not malformed, but unknown.",
        in_go=r"method get",
        in_ours=r"method get",
        hangs=r"a session: method get",
    ),
    Difference(
        "``X-XSS-Protection`` for Internet Explorer",
        "Once.",
        "Twice in the answer to a POST.",
        SAME,
        NODES_WAY,
        in_go=r"x-xss-protection",
    ),
    Difference(
        "``Accept-Encoding`` of a poll",
        "``gzip`` or ``deflate``; weights, ``*`` and any case count.",
        "Also ``br`` and ``zstd``; ``gzip`` in small letters, whatever its weight.",
        SAME,
        NODES_WAY,
        in_go=r"accepted: ",
    ),
    Difference(
        "``permessage-deflate``, where it is allowed",
        "With a context that both sides keep, unless the client declines. An "
        "offer that "
        "is not understood gets status 400.",
        "Without a context; limits of the window are ignored.",
        "Without a context. An offer that is not understood is declined.",
        "A context takes memory for each client, idle or not.",
        in_go=r"offered, allowed",
        in_ours=r"offered, allowed",
    ),
    Difference(
        "WebSocket subprotocols",
        "The first one that is offered; status 400 if the header is malformed.",
        "None.",
        SAME,
        "Node's way; a browser gives up without one.",
        in_go=r"subprotocols: ",
    ),
    # ------------------------------------------------------------------------ recovery
    Difference(
        "Recovery of a client that has seen no event, and so sends no offset",
        "It is not recovered.",
        SAME,
        "It is recovered; it gets all events again that were kept for it.",
        "See `recovery <recovery.rst>`_.",
        in_ours=r"recovery: no offset",
    ),
)
