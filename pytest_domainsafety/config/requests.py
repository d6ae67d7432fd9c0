"""The options of how a model is reached and asked: servers, keys, times, programs."""

from __future__ import annotations

from pytest_domainsafety.config.option import (
    MANY,
    Option,
    choice,
    number,
    path,
    seconds,
    text,
)

REQUEST_OPTIONS: tuple[Option, ...] = (
    Option(
        "safety-endpoint",
        "Base address of the model server, where it is not the provider's default. "
        "Repeatable.",
        text,
        metavar="URL",
        repeat=True,
    ),
    Option(
        "safety-key-variable",
        "Variable that holds the API key, where it is not the provider's own; "
        "PROVIDER=NAME for one provider's. Repeatable.",
        text,
        metavar="NAME",
        repeat=True,
    ),
    Option(
        "safety-key-file",
        "File whose one line is the API key; PROVIDER=FILE for one provider's. "
        "Repeatable.",
        text,
        metavar="FILE",
        repeat=True,
    ),
    Option(
        "safety-filter-words",
        "File with words, one a line, by which your provider's or gateway's content "
        "filter is known where it rejects a request; beside those known already.",
        path,
        metavar="FILE",
    ),
    Option(
        "safety-strict-name",
        "Take no answer under another name than the model's (a dated version and the "
        "like are the same), and no model that its server does not list.",
        text,
        flag=True,
        default=False,
    ),
    Option(
        "safety-num-ctx",
        "Context window in tokens that is asked of a server that lets us choose "
        "(default: enough for prompt and reply).",
        number(256, MANY, int),
        metavar="N",
    ),
    Option(
        "safety-think",
        "Whether a reasoning model reasons: on, off, or server (leave it to the "
        "server).",
        choice("on", "off", "server"),
        "server",
        metavar="HOW",
    ),
    Option(
        "safety-timeout",
        "Seconds for one request, loading of the model included.",
        seconds,
        600.0,
        metavar="S",
    ),
    Option(
        "safety-connect-timeout",
        "Seconds for a server to accept a connection.",
        seconds,
        10.0,
        metavar="S",
    ),
    Option(
        "safety-read-timeout",
        "Seconds in which a server that was asked may be silent; answers are not "
        "streamed, so a reply is written within them (default: --safety-timeout).",
        seconds,
        metavar="S",
    ),
    Option(
        "safety-retries",
        "Further tries after a fault that may go away.",
        number(0, 100, int),
        3,
        metavar="N",
    ),
    Option(
        "safety-max-reply-bytes",
        "Bytes of one answer at most, as it comes and unpacked; a longer one is no "
        "answer.",
        number(1024, 2**31 - 1, int),
        16 * 2**20,
        metavar="N",
    ),
    Option(
        "safety-command-env",
        "Variable of the environment that a command: program gets, besides PATH, HOME, "
        "locale, proxies and the like; keys it gets by name alone. Repeatable.",
        text,
        metavar="NAME",
        repeat=True,
    ),
    Option(
        "safety-command-folder",
        "Folder in which a command: program runs (default: an empty one for each "
        "request).",
        path,
        metavar="DIR",
    ),
)
