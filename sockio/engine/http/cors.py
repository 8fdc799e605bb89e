"""Access-Control-* for one request (pure).

The headers are those of the npm module cors 2.8. Where JavaScript's truthiness decides
there (an empty text, an empty list), the result here is the same.
Spec: Fetch standard, "CORS protocol".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import InitVar, dataclass
from typing import TypeAlias

from sockio.engine.http.request import Request
from sockio.engine.http.response import Response
from sockio.engine.option_checks import flags_of
from sockio.errors import ConfigError
from sockio.httpd.response_head import sendable
from sockio.runtime import guards, logs
from sockio.runtime.deferred import done
from sockio.runtime.unknown_names import tells_unknown

log = logs.get("engine.cors")

__all__ = ["Cors", "handle", "middleware", "mismatch", "normal", "origin_allowed"]

#: One origin as text, or a pattern searched for in it.
OriginRule: TypeAlias = "str | re.Pattern[str]"
#: ``"*"``; one origin, always sent as it is; patterns and texts; True: any, reflected.
OriginRules: TypeAlias = "OriginRule | bool | Sequence[OriginRule] | None"
#: Decides for one request; gets its origin (empty without one) and the request.
OriginJudge: TypeAlias = "Callable[[str, Request], OriginRules]"
#: A comma separated text, or its parts.
Names: TypeAlias = "str | Sequence[str]"

#: Names that other servers use, and ours for them.
_OTHER_NAMES = {
    "origins": "write origin=",
    "allowed_origins": "write origin=",
    "allow_headers": "write allowed_headers=",
    "expose_headers": "write exposed_headers=",
    "supports_credentials": "write credentials=True",
    "resources": "leave it out, there is one resource",
}
#: Scheme, host, and a port that is not the usual one; apps have schemes of their own.
_ORIGIN = re.compile(
    r"(?:file://|[a-z][a-z0-9+.-]*://(?:[a-z0-9_.~-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?)"
)
_RULES = (str, bool, re.Pattern)
_FORMS = (
    'give "*", an origin such as "https://app.example", a compiled pattern, a list '
    "of these, True for any, False for none, or a function(origin, request)"
)


@tells_unknown("Cors", _OTHER_NAMES)
@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """Which pages of other origins may read our answers.

    This informs browsers and refuses nobody. To refuse, see ``check_origin``.
    """

    origin: OriginRules | OriginJudge = "*"
    methods: Names = "GET,HEAD,PUT,PATCH,POST,DELETE"
    #: ``None`` or an empty text allows whatever headers the browser asks for.
    allowed_headers: Names | None = None
    exposed_headers: Names | None = None
    credentials: bool = False
    #: Seconds for which the answer to a preflight request may be kept.
    max_age: int | None = None
    #: Let preflight requests go on to the engine, which refuses them.
    preflight_continue: bool = False
    options_success_status: int = 204
    #: Another name of ``allowed_headers``.
    headers: InitVar[Names | None] = None

    def __post_init__(self, headers: Names | None) -> None:
        if headers is not None and self.allowed_headers in (None, ""):
            object.__setattr__(self, "allowed_headers", headers)
        if callable(self.origin):
            guards.check("cors", self.origin, "the origin and the request", 2, _FORMS)
        else:
            _check_rules(self.origin)
        flags_of(self, "credentials", "preflight_continue")
        for field in ("methods", "allowed_headers", "exposed_headers"):
            _check_names(field, getattr(self, field))
        max_age = self.max_age
        if max_age is not None and (type(max_age) is not int or max_age < -1):
            raise ConfigError(
                f"Cors(max_age={self.max_age!r}): give whole seconds, or None"
            )
        status = self.options_success_status
        if type(status) is not int or not 200 <= status < 300:
            raise ConfigError(
                f"Cors(options_success_status={status!r}): give an HTTP status "
                "between 200 and 299"
            )

    @classmethod
    def of(cls, value: Cors | OriginRules | OriginJudge) -> Cors | None:
        """Read the option ``cors``; ``None`` is off."""
        if value is None or value is False:
            return None
        if isinstance(value, Cors):
            return value
        if isinstance(value, Mapping):
            raise ConfigError(
                f"cors={value!r}: write it as Cors(origin=..., credentials=...)"
            )
        return cls(origin=value)


def middleware(cors: Cors) -> Callable[[Request, Response], None]:
    """Return an HTTP middleware that handles CORS for each request."""

    def handle_cors(request: Request, response: Response) -> None:
        handle(cors, request, response)

    return handle_cors


def handle(cors: Cors, request: Request, response: Response) -> None:
    """Set the headers; answer a preflight request.

    Blocks:
        As long as a function given as ``origin`` does.
    """
    origin = request.header("origin")
    rules = _rules(cors, origin, request)
    if _is_off(rules):
        return
    _set_origin(rules, origin, response)
    # Truthy is not enough: the module asks for `true` itself.
    if cors.credentials is True:
        response.headers["Access-Control-Allow-Credentials"] = "true"
    if request.method.upper() != "OPTIONS":
        _set(response, "Access-Control-Expose-Headers", _join(cors.exposed_headers))
        return
    _set(response, "Access-Control-Allow-Methods", _join(cors.methods))
    allowed = cors.allowed_headers
    if allowed is None or allowed == "":
        allowed = request.header("access-control-request-headers")
        response.headers.vary("Access-Control-Request-Headers")
    _set(response, "Access-Control-Allow-Headers", _join(allowed))
    if cors.max_age is not None:
        response.headers["Access-Control-Max-Age"] = str(cors.max_age)
    _set(response, "Access-Control-Expose-Headers", _join(cors.exposed_headers))
    if not cors.preflight_continue:
        # Safari waits for a body unless told that there is none.
        response.headers["Content-Length"] = "0"
        response.end(cors.options_success_status, b"")


def origin_allowed(request: Request, cors: Cors | None) -> bool:
    """Whether a request comes from our own origin or one that ``cors`` allows.

    A request without ``Origin`` does not come from a page of another origin.

    Blocks:
        As long as a function given as ``origin`` does.
    """
    origin = request.header("origin")
    if origin is None or normal(origin) == _own_origin(request):
        return True
    if cors is None:
        return False
    rules = _rules(cors, origin, request)
    return rules == "*" or (not _is_off(rules) and _matches(origin, rules))


def mismatch(request: Request) -> str:
    """Explain for the log why ``origin_allowed`` refused a request."""
    text = (
        f"Origin {request.header('origin')!r} is neither ours, "
        f"{_own_origin(request)!r}, nor allowed by cors"
    )
    ignored = [
        name
        for name in ("X-Forwarded-Proto", "X-Forwarded-Host")
        if request.trusted_proxies is None and request.header(name) is not None
    ]
    if ignored:
        names = " and ".join(ignored)
        text += f"; ignored {names}: set trusted_proxies if your proxy sent it"
    return text


def _rules(cors: Cors, origin: str | None, request: Request) -> OriginRules:
    rules = cors.origin
    if not callable(rules):
        return rules
    found = done(rules, rules(origin or "", request))
    # Truth alone must not decide: a set that is not empty would allow everybody.
    each = found if isinstance(found, Sequence) else [found]
    if not all(rule is None or isinstance(rule, _RULES) for rule in each):
        raise ConfigError(f"{rules!r} returned {found!r}, which is no cors origin")
    return found


def _is_off(rules: OriginRules) -> bool:
    return rules is None or rules is False or rules == ""


def _set_origin(rules: OriginRules, origin: str | None, response: Response) -> None:
    if rules == "*":
        response.headers["Access-Control-Allow-Origin"] = "*"
        return
    if isinstance(rules, str):
        _set(response, "Access-Control-Allow-Origin", rules)
    elif origin is not None and _matches(origin, rules):
        _set(response, "Access-Control-Allow-Origin", origin)
    elif origin is not None:
        log.debug("cors does not let a page of %r read the answer", origin)
    response.headers.vary("Origin")


def _matches(origin: str, rules: OriginRules) -> bool:
    if isinstance(rules, str):
        return origin == rules
    if isinstance(rules, re.Pattern):
        return rules.search(origin) is not None
    if isinstance(rules, Sequence):
        return any(_matches(origin, rule) for rule in rules)
    return bool(rules)


def _set(response: Response, name: str, value: str | None) -> None:
    """Set a header unless its value is empty or cannot be sent."""
    if value and sendable(value):
        response.headers[name] = value


def _join(names: Names | None) -> str | None:
    return names if names is None or isinstance(names, str) else ",".join(names)


def _own_origin(request: Request) -> str:
    scheme = "https" if request.secure else "http"
    return normal(f"{scheme}://{request.host}")


def normal(origin: str) -> str:
    """Return the form in which equal origins are the same text.

    The address of a WebSocket stands for that of its server: some programs send it as
    their origin, and no page has such a one.
    """
    is_websocket = origin.lower().startswith(("ws:", "wss:"))
    return _usual(f"http{origin[2:]}" if is_websocket else origin)


def _usual(origin: str) -> str:
    """Lower the case, and drop the default port."""
    origin = origin.lower()
    usual = ":443" if origin.startswith("https:") else ":80"
    return origin.removesuffix(usual)


def _check_rules(rules: object) -> None:
    if rules is None or isinstance(rules, bool):
        return
    each = [rules] if isinstance(rules, (str, re.Pattern)) else rules
    if not isinstance(each, Sequence) or isinstance(each, (bytes, bytearray)):
        raise ConfigError(f"cors origin {rules!r}: {_FORMS}")
    for rule in each:
        is_text = isinstance(rule, str) and sendable(rule)
        is_pattern = isinstance(rule, re.Pattern) and isinstance(rule.pattern, str)
        if not (is_text or is_pattern):
            raise ConfigError(f"cors origin {rule!r}: {_FORMS}")
        if isinstance(rule, str):
            _check_origin(rule)


def _check_origin(origin: str) -> None:
    """Refuse what no browser would ever send as the origin of a page."""
    if origin in ("", "*", "null"):
        return
    if _ORIGIN.fullmatch(origin) and origin == _usual(origin):
        return
    raise ConfigError(f"cors origin {origin!r}: {_what_is_wrong(origin)}")


def _what_is_wrong(origin: str) -> str:
    scheme, separator, rest = origin.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "," in origin or " " in origin.strip():
        return "give a list, with one origin each"
    if origin != origin.strip():
        return f'leave out the blanks: "{origin.strip()}"'
    if not separator:
        return f'an origin begins with its scheme: "https://{origin.strip("/")}"'
    if "*" in origin:
        pattern = re.escape(origin).replace(r"\*", "[^/]+")
        return f'give a compiled pattern: re.compile(r"^{pattern}$")'
    if host != rest:
        return f'an origin has no path, no slash at its end: "{scheme}://{host}"'
    if origin != origin.lower():
        return f'browsers send it in lower case: "{origin.lower()}"'
    if _ORIGIN.fullmatch(origin):
        return f'browsers leave the usual port out: "{_usual(origin)}"'
    if "@" in host:
        return f'an origin has no user: "{scheme}://{host.rpartition("@")[2]}"'
    if not origin.isascii():
        return "browsers send the ASCII form of a name, which starts with xn--"
    return 'give scheme, host and perhaps a port: "https://app.example:8443"'


def _check_names(field: str, names: object) -> None:
    if names is None and field != "methods":
        return
    each = [names] if isinstance(names, str) else names
    if not isinstance(each, Sequence) or not all(
        isinstance(name, str) and sendable(name) for name in each
    ):
        raise ConfigError(
            f'Cors({field}={names!r}): give names as "A,B" or as ["A", "B"]'
        )
