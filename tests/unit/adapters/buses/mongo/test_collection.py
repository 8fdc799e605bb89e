from __future__ import annotations

from typing import Any

import bson
import pytest
from bson.objectid import ObjectId
from pymongo.errors import OperationFailure

from sockio.adapters.buses.mongo import collection as module
from sockio.adapters.buses.mongo.collection import Ended, Refusal
from tests.support.mongo_server import MongoServer


@pytest.fixture
def documents(mongo_server: MongoServer) -> Any:
    """Give a collection; its calls block the loop, where nothing else runs."""
    return mongo_server.documents


def encoded(**fields: Any) -> bytes:
    return bytes(bson.encode({"_id": ObjectId(), **fields}))


def broadcast(rooms: list[str], except_: list[str], nsp: str = "/") -> bytes:
    opts = {"rooms": rooms, "except": except_}
    return encoded(type=3, uid="u", nsp=nsp, data={"packet": {}, "opts": opts})


def id_of(document: bytes) -> ObjectId:
    id: ObjectId = bson.decode(document)["_id"]
    return id


def test_documents_are_inserted_in_order(documents: Any) -> None:
    said = [encoded(n=number) for number in range(5)]

    assert module.insert(documents, said, again=False) == []

    assert [each["n"] for each in documents.find()] == list(range(5))


def test_what_is_there_already_is_not_inserted_again(documents: Any) -> None:
    said = [encoded(n=number) for number in range(5)]
    module.insert(documents, said[:3], again=False)

    assert module.insert(documents, said, again=True) == []
    assert module.insert(documents, said[4:], again=False) == []

    assert [each["n"] for each in documents.find()] == list(range(5))


def test_what_is_refused_is_named_and_the_rest_inserted(documents: Any) -> None:
    documents.create_index("n", unique=True)
    said = [encoded(n=number) for number in (0, 1, 1, 2)]

    (refusal,) = module.insert(documents, said, again=False)

    assert isinstance(refusal, Refusal)
    assert refusal[0] == 2
    assert [each["n"] for each in documents.find()] == [0, 1, 2]


@pytest.mark.parametrize("capped", [False, True])
def test_the_newest_session_is_taken_once(documents: Any, capped: bool) -> None:
    if capped:
        documents.drop()
        documents.database.create_collection(documents.name, capped=True, size=1 << 20)
    kept = [encoded(type=13, nsp="/", data={"pid": "p", "n": n}) for n in range(2)]
    module.insert(documents, kept, again=False)
    tombstone = encoded(type=13, nsp="/", data={"pid": "p", "tombstone": True})
    collection = module.raw(documents)

    assert module.is_capped(documents) == capped
    assert module.take_session(collection, "/", "nobody", tombstone) is None
    assert module.take_session(collection, "/x", "p", tombstone) is None
    assert module.take_session(collection, "/", "p", tombstone) == kept[1]

    left = module.take_session(collection, "/", "p", encoded())
    assert left == (tombstone if capped else kept[0])


def test_what_was_missed_is_found(documents: Any) -> None:
    said = [
        broadcast([], []),
        broadcast(["a"], []),
        broadcast(["b"], []),
        broadcast(["a"], ["s"]),
        broadcast([], [], nsp="/x"),
        broadcast(["s", "b"], ["b"]),
    ]
    module.insert(documents, said, again=False)
    collection = module.raw(documents)

    def missed(first: bytes, most: int = 10) -> Any:
        return module.missed(collection, "/", ["s", "a"], id_of(first), most)

    assert missed(said[0]) == [said[0], said[1], said[5]]
    assert missed(said[1]) == [said[1], said[5]]
    assert missed(said[0], 3) == [said[0], said[1], said[5]]
    assert missed(said[0], 2) is None
    assert module.is_there(collection, "/", id_of(said[0]))
    assert not module.is_there(collection, "/x", id_of(said[0]))
    assert not module.is_there(collection, "/", ObjectId())


def test_a_name_is_lent_to_one(documents: Any) -> None:
    assert module.claim(documents, "a job", "first", 60)
    assert not module.claim(documents, "a job", "second", 60)
    assert module.claim(documents, "a job", "first", 60)
    assert module.claim(documents, "another", "second", 60)

    module.release(documents, "a job", "second")
    assert not module.claim(documents, "a job", "second", 60)
    module.release(documents, "a job", "first")
    assert module.claim(documents, "a job", "second", 60)


def test_a_name_is_lent_for_a_time(documents: Any) -> None:
    assert module.claim(documents, "a job", "first", -1)
    assert module.claim(documents, "a job", "second", 60)


def test_a_missing_collection_is_made(documents: Any) -> None:
    documents.drop()

    module.prepare(documents)
    module.prepare(documents)

    keys = [each["key"] for each in documents.index_information().values()]
    assert [("createdAt", 1)] in keys


@pytest.mark.parametrize(
    ("error", "gap"),
    [
        (Ended("dropped"), True),
        (OSError("away"), False),
        (OperationFailure("no such token", 280), True),
        (OperationFailure("it passes", 13), False),
        (
            OperationFailure(
                "resume", 280, {"errorLabels": ["ResumableChangeStreamError"]}
            ),
            False,
        ),
    ],
)
def test_which_errors_tell_of_a_gap(error: Exception, gap: bool) -> None:
    assert module.tells_of_gap(error) == gap


def test_reasons_are_short() -> None:
    assert module.reason(OperationFailure("no", 1, {"a": "b" * 1000})) == "no"
    assert module.reason(OSError()) == "OSError"
