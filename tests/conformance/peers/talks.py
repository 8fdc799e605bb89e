"""Talks: scripts of messages, each over a WebSocket and by polling, old and new."""

from __future__ import annotations

from functools import partial

from .conversation import Script
from .talking import Talk, by_polling, by_websocket

PLACE = '{"_placeholder":true,"num":0}'
PLACE_1 = '{"_placeholder":true,"num":1}'


def said(*messages: object, mark: str = "event", joined: bool = True) -> Talk:
    return Talk(messages, mark, joined)


def raw(*packets: object, joined: bool = True) -> Talk:
    return Talk(packets, "event" if joined else "namespace", joined, packets=True)


def _texts(name: str, *texts: str, joined: bool = True) -> dict[str, Talk]:
    mark = "event" if joined else "namespace"
    return {f"{name} {text}": said(text, mark=mark, joined=joined) for text in texts}


NUMBERS = (
    *("0", "-0", "1.0", "1e3", "-1.5", "0.1", "1e400", "123456789012345678901"),
    *("9007199254740993", "1E2", "2.50", "1e-7", "1e21", "5e-324"),
)
TEXTS = (
    *(r'"\u00e9"', '"é😀"', r'"\ud83d\ude00"', r'"\ud800"', r'"\u2028"', r'"\u0000"'),
    *(r'"<&>\/"', r'"\"\\\n"', '"\x7f"', '"\t"', '"a\nb"', r'"\x"', '""'),
)
VALUES = (
    *("null", "true", "[]", "{}", "[[]]", '{"a":1,"a":2}', '{"b":1,"a":2}'),
    *('{"1":1,"0":2}', '{"__proto__":1}', '{"toJSON":1}', " 1 ", "[1, 2]"),
)
BROKEN: tuple[str, ...] = (
    "NaN",
    "Infinity",
    "undefined",
    "01",
    "+1",
    ".5",
    "1.",
    "'a'",
    "[1,]",
    "{a:1}",
)
BROKEN += ("-", "tru", '"', "[", "]", "1 2", "//", '{"a"}', "{,}", "\ufeff1", "0x1")

TALKS: dict[str, Talk] = {
    # ------------------------------------------------------------------ values
    **{f"a value: {v}": said(f'2["message",{v}]') for v in (*NUMBERS, *TEXTS, *VALUES)},
    **{f"broken JSON: {v}": said(f'2["message",{v}]') for v in BROKEN},
    "no values": said('2["message"]'),
    "many values": said(f'2["message",{",".join(map(str, range(100)))}]'),
    "deep": said(f'2["message",{"[" * 50}{"]" * 50}]'),
    "white space": said(' 2["message"]'),
    "white space in front of the array": said('2 ["message"]'),
    "white space behind it": said('2["message"] '),
    "something behind it": said('2["message"]x'),
    # ------------------------------------------------------------------ names
    **{
        f"an event named {name}": said(f"2[{name},1]")
        for name in (
            *('"x"', '""', '"é"', '"__proto__"', '"constructor"', '"toString"'),
            *("5", "-1", "1.5", "1e3", "null", "true", "[]", "{}"),
            *('"connect"', '"connect_error"', '"disconnect"', '"disconnecting"'),
            *('"newListener"', '"removeListener"', '"connection"', '"error"'),
            *('"ping"', '"message "', '"CONNECT"'),
        )
    },
    "no name": said("2[]"),
    **{
        f"an event with {v or 'nothing'}": said(f"2{v}") for v in ("", "{}", '"x"', "1")
    },
    "an event with null": said("2null"),
    # ------------------------------------------------------------------ acks
    **{
        f"an id {id}": said(f'2{id}["message-with-ack",1]')
        for id in (
            *("0", "1", "007", "4294967296", "9007199254740993", "99999999999"),
            *(
                "18446744073709551615",
                "18446744073709551616",
                "1" * 30,
                "-1",
                "1.5",
                "1a",
            ),
            *(" 1", "1 ", "١", "²"),
        )
    },
    "an acknowledgement of nothing": said('21["message-with-ack"]'),
    "an acknowledgement that nobody asked for": said('2["message-with-ack",1]'),
    "the same id twice": said('21["message-with-ack",1]', '21["message-with-ack",2]'),
    "order": said('2["message",1]', '22["message-with-ack",2]', '2["message",3]'),
    "the server asks": said('2["ask",1]', ..., '3<0>["yes",1]', ...),
    "the server asks twice": said(
        '2["ask",1]', ..., '2["ask",2]', ..., "3<1>[2]", ..., "3<0>[1]", ...
    ),
    "an answer of nothing": said('2["ask"]', ..., "3<0>[]", ...),
    "an answer that comes twice": said('2["ask"]', ..., "3<0>[1]", "3<0>[2]", ...),
    "an answer of another id": said('2["ask"]', ..., "37777[1]", "3<0>[1]", ...),
    "an answer with bytes": said(
        '2["ask"]', ..., f"61-<0>[{PLACE}]", b"\1\2", ..., ...
    ),
    "an answer, and an event behind it": said('2["ask"]', ..., "3<0>[1]"),
    **_texts("an answer", "37777[1]", "3[]", "3", "37777", "37777{}"),
    **_texts("an answer", '37777"x"', "37777null", "37777[1"),
    # ------------------------------------------------------------------ bytes
    "bytes": said(f'51-["message",{PLACE}]', b"\0\1\xff"),
    "no bytes": said(f'51-["message",{PLACE}]', b""),
    "bytes inside": said(f'52-["message",{{"a":[{PLACE}]}},{PLACE_1}]', b"a", b"b"),
    "bytes in another order": said(f'52-["message",{PLACE_1},{PLACE}]', b"a", b"b"),
    "the same bytes twice": said(f'51-["message",{PLACE},{PLACE}]', b"a"),
    "bytes with an id": said(f'51-4["message-with-ack",{PLACE}]', b"a"),
    "bytes with an id and others": said(f'51-4["message-with-ack",1,{PLACE}]', b"a"),
    "the server asks with bytes": said(
        f'51-["ask",{PLACE}]', b"a", ..., ..., "3<0>[1]", ...
    ),
    "ten attachments": said(
        '510-["message",' + ",".join([PLACE] * 10) + "]", *[b"a"] * 10
    ),
    "eleven attachments": said(
        '511-["message",' + ",".join([PLACE] * 11) + "]", *[b"a"] * 11
    ),
    "more attachments than places": said('52-["message",1]', b"a", b"b"),
    "an attachment without a place": said('51-["message",1]', b"a"),
    "bytes out of the blue": said(b"a"),
    "an attachment too many": said(f'51-["message",{PLACE}]', b"a", b"b"),
    "text for an attachment": said(f'51-["message",{PLACE}]', '2["message"]'),
    "an attachment that does not come": said(f'52-["message",{PLACE}]', b"a"),
    "a place in an event without attachments": said(f'2["message",{PLACE}]'),
    "bytes, and a name that is reserved": said(f'51-["connect",{PLACE}]', b"a"),
    **{
        f"a place with {num}": said(
            f'51-["message",{{"_placeholder":true,"num":{num}}}]', b"a"
        )
        for num in ("1", "-1", '"0"', "0.0", "0.5", "null", "1e400", "[0]")
    },
    "a place without a number": said('51-["message",{"_placeholder":true}]', b"a"),
    "a place that is none": said('51-["message",{"_placeholder":false,"num":0}]', b"a"),
    "a place with more": said(
        '51-["message",{"_placeholder":true,"num":0,"a":1}]', b"a"
    ),
    "a place that is the name": said(f"51-[{PLACE}]", b"a"),
    **{
        f"a count of attachments {count}": said(f'5{count}["message",{PLACE}]', b"a")
        for count in (
            *("", "1", "0-", "01-", "1.0-", "-1-", "-", "a-", " 1-", "1 -"),
            *("10000000000000000000000-", "1--", "+1-", "1e0-", "١-"),
        )
    },
    "an ack with a count of 0": said('2["ask"]', ..., "60-<0>[1]"),
    # ------------------------------------------------------------------ packet types
    **_texts("a type", "7", "9", "a", "", "²", "١", "-1", "7[]", "/", "  "),
    # ------------------------------------------------------------------ namespaces
    **{
        f"connecting: {text}": said(text, mark="namespace")
        for text in (
            *("0", "0{}", "0/", "0/,", "0/custom", "0/custom,", "0/custom,{}"),
            *('0/custom,{"a":1}', '0/custom{"a":1}', "0/custom,[]", "0/custom,null"),
            *("0/custom,1", '0/custom,"x"', "0/custom,{", "0/Custom,", "0/custom/,"),
            *("0/custom?a=1,", '0/custom?a=1,{"b":2}', "0custom", "0/custom,7{}"),
            *("0/nothing,", "0/nothing", "0/é,", "0/dynamic-1,", "0/dynamic-,", "0//,"),
            *("0/dynamic-1x,", '0/dynamic-2,{"a":[]}', "0/refused,", "0/refused,{}"),
            *('0/refused,{"data":1}', '0/refused,{"data":{"a":[1]}}', "0/__proto__,"),
            *("0/constructor,", f"0/{'a' * 300},", "0/custom ,", "0 /custom,", "0?a,"),
        )
    },
    **{
        f"first: {text}": said(text, mark="namespace", joined=False)
        for text in (
            *("0", "0{}", '0{"token":"x","n":[1,null]}', "0[]", "0null", "01"),
            *(
                '0"x"',
                "0{",
                "0/",
                "0/,",
                "0/,{}",
                "0/custom,",
                '0/custom,{"a":1}',
                "0,",
            ),
            *("0/refused,", "0{}x", "0 {}", '0{"a":1,"a":2}', '0{"sid":"x","pid":"y"}'),
            *("0/?a=1,", "0/?a=1", "0?a=1"),
        )
    },
    **{
        f"before joining: {text}": said(text, mark="namespace", joined=False)
        for text in (
            *('2["message"]', "1", "3[]", "30[]", '4"x"', "9", "", f"51-[{PLACE}]"),
            *('2/custom,["message"]', '2/nothing,["x"]'),
        )
    },
    "bytes before joining": said(b"a", mark="namespace", joined=False),
    "an event right behind the connect": said(
        "0", '2["message",1]', mark="namespace", joined=False
    ),
    "joined twice at once": said("0", "0", mark="namespace", joined=False),
    "joined two namespaces at once": said(
        "0/custom,", ..., ..., "0/dynamic-7,", ..., ..., mark="namespace", joined=False
    ),
    "another namespace": said(
        "0/custom,", ..., ..., '2/custom,["message",1]', ..., '2["message",2]'
    ),
    "an ack in another namespace": said(
        "0/custom,", ..., ..., '2/custom,5["message-with-ack",1]', ...
    ),
    "bytes in another namespace": said(
        "0/custom,", ..., ..., f'51-/custom,["message",{PLACE}]', b"a", ..., ...
    ),
    "the server asks in another namespace": said(
        "0/custom,", ..., ..., '2/custom,["ask"]', ..., "3/custom,<0>[1]", ...
    ),
    "a namespace with a query": said(
        "0/custom,", ..., ..., '2/custom?a=1,["message",1]', mark="namespace"
    ),
    **_texts(
        "not joined:", '2/custom,["message"]', "1/custom,", "1/custom", "3/custom,0[]"
    ),
    **_texts("not joined, no comma:", '2/custom["message"]', "2/custom"),
    "the main namespace, named": said('2/,["message",1]'),
    **_texts("a refusal", '4"no"', '4{"message":"no"}', "4", "4[]", "4null", "41"),
    # ------------------------------------------------------------------ leaving
    "leaving": said("1", mark="namespace"),
    "leaving by name": said("1/,", mark="namespace"),
    "leaving with a reason": said("1{}", mark="namespace"),
    "leaving with text": said('1"x"', mark="namespace"),
    "leaving twice": said("1", "1", mark="namespace"),
    "an event after leaving": said("1", '2["message"]', mark="namespace"),
    "an event just before leaving": said('2["message",1]', "1", mark="namespace"),
    "leaving and joining again": said("1", "0", mark="namespace"),
    "leaving one of two": said("0/custom,", ..., ..., "1/custom,", '2["message",1]'),
    "leaving the first of two": said(
        "0/custom,", ..., ..., "1", '2/custom,["message",1]', ..., mark="namespace"
    ),
    "the server lets go": said('2["leave"]', ..., mark="namespace"),
    "the server lets go, and more comes": said(
        '2["leave"]', '2["message"]', mark="namespace"
    ),
    "the server lets go, and the client comes back": said(
        '2["leave"]', ..., "0", mark="namespace"
    ),
    "the server ends it": said('2["end"]'),
    "the server ends it in two namespaces": said("0/custom,", ..., ..., '2["end"]'),
    "the server closes it": said('2["kick"]'),
    "the server closes it after it spoke": said('2["message",1]', '2["kick"]'),
    # ------------------------------------------------------------------ rooms
    "a room": said('2["join","r"]', '2["tell","r",1]'),
    "a room with bytes": said('2["join","r"]', f'51-["tell","r",{PLACE}]', b"a"),
    "no room": said('2["tell","nobody",1]'),
    # ------------------------------------------------------------------ packets
    **{
        f"packet {packet}": raw(packet)
        for packet in (
            *("0", "0{}", "1", "2", "2x", "3", "3x", "5", "6", "6x", "7", "9"),
            *(
                "a",
                "",
                "²",
                "١",
                "-",
                " ",
                "b",
                "42",
                "4",
                "b!",
                "é",
                "\ufeff4",
                "2probe",
            ),
            "3probe",
        )
    },
    **{
        f"packet first {packet}": raw(packet, joined=False)
        for packet in ("2", "3", "5", "6", "1", "2probe")
    },
    "a message of the most bytes": said(f'2["message","{"x" * 985}"]'),
    "a message of a byte more": said(f'2["message","{"x" * 986}"]'),
    "a large message": said(f'2["message","{"x" * 5000}"]'),
}


#: Talks that begin with one of these are about the text of one packet, whatever
#: carries it.
OF_TEXT = ("a value", "broken JSON", "an event named", "an id", "a place", "a count")


def scripts() -> dict[str, Script]:
    """Return all talks, over a WebSocket and by polling."""
    found = {}
    for name, talk in TALKS.items():
        found[f"WebSocket: {name}"] = Script(partial(by_websocket, talk))
        if not name.startswith(OF_TEXT):
            found[f"polling: {name}"] = Script(partial(by_polling, talk))
    return found
