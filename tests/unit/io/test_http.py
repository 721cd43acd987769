"""What servers say beside their answers, in the ways in which they say it."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message

import pytest

from fdbench.io.http import MAX_WAIT_S, ErrorFacts, error_facts, meaning_of, published_name, retry_after


def headers_of(named: Mapping[str, str]) -> Mapping[str, str]:
    """Found whatever the case of their names, as HTTP clients give them."""
    headers = Message()
    for name, value in named.items():
        headers[name] = value
    return headers  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("named", "wait_s"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"Retry-After-Ms": "250", "Retry-After": "7"}, 0.25),
        ({"Retry-After-Ms": "soon", "Retry-After": "7"}, 7),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 30),
        ({"Retry-After": "Wed, 21 Oct 2015 07:27:00 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": f"Wed, 21 Oct 2015 07:28:30 +{9**25}", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({"Retry-After": "86400"}, MAX_WAIT_S),
    ],
)
def test_the_server_says_how_long_to_wait(named: dict[str, str], wait_s: float | None) -> None:
    assert retry_after(headers_of(named)) == (None if wait_s is None else pytest.approx(wait_s))


def test_whoever_asks_says_how_long_is_too_long() -> None:
    assert retry_after(headers_of({"Retry-After": "86400"}), at_most_s=120.0) == 120.0


def test_what_a_status_means() -> None:
    statuses = (400, 401, 402, 403, 404, 407, 408, 409, 418, 425, 429, 500, 503, 599)
    assert [meaning_of(status) for status in statuses] == [
        "rejected", *["closed"] * 5, "later", "later", "rejected", "later", "rate_limited", *["later"] * 3,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        (b'{"error": {"message": "no", "code": "odd", "type": "t", "param": "seed"}}', ErrorFacts("no", "odd", "seed")),
        (b'{"error": {"message": "no", "code": null, "type": "t", "param": null}}', ErrorFacts("no", "t")),
        (b'[{"error": {"code": 400, "message": "API key not valid.", "status": "s"}}]', ErrorFacts("API key not valid.")),
        (b'{"error": "no"}', ErrorFacts("no")),
        (b'{"detail": "Not Found"}', ErrorFacts("Not Found")),
        (b'{"object": "error", "message": "no", "type": "t", "param": "p", "code": 404}', ErrorFacts("no", "t", "p")),
        (b'{"error": {"reason": 1}}', ErrorFacts("{'reason': 1}")),
        (b"<html><h1>Service unavailable</h1></html>", ErrorFacts("Service unavailable")),
        (b"upstream error", ErrorFacts("upstream error")),
        (b"", ErrorFacts("")),
        (b"\xff\xfe", ErrorFacts("\ufffd\ufffd")),
        (b"[" * 100_000, ErrorFacts("[" * 4000)),
    ],
)
def test_an_error_is_found_in_any_shape(body: bytes, facts: ErrorFacts) -> None:
    assert error_facts(body) == facts


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.example.com/v1", "api.example.com"),
        ("https://api.example.com", "api.example.com"),
        ("http://192.168.1.7:8000/v1/", "local"),
        ("https://api.example.com/account-7", "api.example.com~bee69094"),
    ],
)
def test_a_server_has_a_name_without_anything_private(url: str, name: str) -> None:
    assert published_name(url) == name


def test_what_is_usual_and_local_is_the_callers_to_say() -> None:
    assert published_name("http://localhost/x", usual_paths=("/x",), local="here") == "here"
