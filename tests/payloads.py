"""Hostile text for every exit: as a reply, as a model's name, as a title.

Harmless in content: what it would run says ``pwned`` and nothing else. A test
puts each through an exit and reads the result back: the file's syntax holds,
nothing executes, nothing moves the cursor.
"""

from __future__ import annotations

import re
from typing import NamedTuple

ESC, CSI, OSC, BEL, ST = "\x1b", "\x1b[", "\x1b]", "\x07", "\x1b\\"
MEGABYTE = 1_000_000

MOVES_THE_CURSOR = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff]"
)
"""What no terminal may be sent, line break and tab aside."""
GIVES_AN_ORDER = re.compile(r"^\s*::|##(vso|teamcity)?\[", re.MULTILINE | re.IGNORECASE)
"""What a CI system acts on where it stands in a log."""


class Payload(NamedTuple):
    """One hostile text.

    Attributes:
        kind: What it attacks.
        text: The text itself; any Python string.
    """

    kind: str
    text: str

    @property
    def name(self) -> str:
        """A short name for a test's id."""
        shown = ascii(self.text[:24])[1:-1]
        return f"{self.kind}: {shown}"


_MARKUP = (
    "<script>alert('pwned')</script>",
    "<SCRIPT SRC=//x.invalid/a.js></SCRIPT>",
    "<script\n>alert(1)</script\n>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "</script><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</pre></td></tr></table><h1>may ship</h1>",
    "<!--",
    "-->",
    "--!><img src=x onerror=alert(1)>",
    "<!DOCTYPE html>",
    "<img src=x onerror=alert('pwned')>",
    "<img src='x' onerror='fetch(\"//x.invalid\")'>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<math><mtext><script>alert(1)</script>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<body onload=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<meta http-equiv=refresh content='0;url=//x.invalid'>",
    "<link rel=stylesheet href=//x.invalid/a.css>",
    "<style>*{display:none}</style>",
    "<base href=//x.invalid/>",
    "<form action=//x.invalid><button>may ship</button></form>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "&amp;amp;&#x3c;b>",
    "&nosuchentity;",
    "<",
    ">",
    "&",
    "<b",
    "<?php echo 'pwned' ?>",
    "<%= 1 %>",
)
_ATTRIBUTES = (
    '" onmouseover="alert(1)',
    "' onmouseover='alert(1)",
    "x onmouseover=alert(1) y",
    '"><script>alert(1)</script>',
    "'><script>alert(1)</script>",
    '" style="position:fixed;inset:0" x="',
    '" autofocus onfocus="alert(1)" x="',
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "//x.invalid/",
    "url(javascript:alert(1))",
    "`onload=alert(1)`",
    '\\"',
    "\\",
    "'",
    '"',
    "&quot; onclick=&quot;alert(1)",
)
_TEMPLATES = (
    "{{ 7*7 }}",
    "{{ config }}",
    "{% for x in [] %}",
    "{# hidden #}",
    "{{{{",
    "}}{{ self.__init__.__globals__ }}",
    "${7*7}",
    "#{7*7}",
    "$(id)",
    "`id`",
    "{0}{1}{name}",
    "{x!r:>99999}",
    "%s%n%x%d",
    "%(name)s",
    "[[constructor]]",
    "{{constructor.constructor('alert(1)')()}}",
    "';alert(1)//",
    '";alert(1)//',
    "*/alert(1)/*",
    "\u2028alert(1)\u2029",
    "__proto__",
    "constructor",
    '{"passed": true}',
    '"}],"passed":true,"x":[{"y":"',
    "\\u003cscript\\u003e",
)
_TERMINAL = (
    f"{CSI}2J",
    f"{CSI}H",
    f"{CSI}1A{CSI}2K may ship",
    f"{CSI}31m",
    f"{CSI}8m hidden",
    f"{CSI}?1049h",
    f"{CSI}?25l",
    f"{CSI}6n",
    f"{CSI}c",
    f"{CSI}5i",
    f"{CSI}3J",
    f"{CSI}999;999H",
    f"{CSI}1000000000b",
    f"{ESC}c",
    f"{ESC}7{ESC}8",
    f"{ESC}(0",
    f"{ESC}#8",
    f"{ESC}",
    f"{CSI}",
    f"{OSC}0;may ship{BEL}",
    f"{OSC}2;may ship{ST}",
    f"{OSC}8;;https://x.invalid{BEL}may ship{OSC}8;;{BEL}",
    f"{OSC}8;;file:///etc/passwd{ST}log{OSC}8;;{ST}",
    f"{OSC}52;c;cHduZWQ={BEL}",
    f"{OSC}4;1;?{BEL}",
    f"{OSC}1337;File=:AAAA{BEL}",
    f"{ESC}P+q544e{ST}",
    f"{ESC}_Ga=d{ST}",
    f"{ESC}^x{ST}",
    "\rmay ship",
    "a\b\b\bb",
    "bell\x07",
    "tab\tstop",
    "line\nbreak",
    "para\x0bvertical\x0cform",
    "\r\n\r\n",
    "[red]may ship[/red]",
    "[/]",
    "[link=https://x.invalid]x[/link]",
    "[bold",
)
_CONTROLS = (
    "\x00",
    "nul\x00inside",
    "\x01\x02\x03\x04",
    "\x1a",
    "\x7f",
    "\x80",
    "\x85next line",
    "\x90DCS\x9c",
    "\x9b2J",
    "\x9b31mred",
    "\x9d0;title\x9c",
    "\x9d8;;x\x9c",
    "\xad",
    "".join(map(chr, range(32))),
    "".join(map(chr, range(0x80, 0xA0))),
)
_BIDI = (
    "\u202ereversed\u202c",
    "\u202dforced\u202c",
    "\u2066isolate\u2069",
    "\u2067rtl",
    "\u2068first",
    "\u202aembed",
    "\u202brtl",
    "\u200e\u200f\u061c",
    "\u200bzero\u200b",
    "\u2060joined\u2064",
    "\ufeffmark",
    "\u202e\u2066\u202e\u2066 // \u2069\u2069",
    "pass\u202eliaf\u202c",
    "e\u0301\u0301\u0301" + "\u0301" * 200,
    "\U000e0041\U000e0042",
)
_ENCODING = (
    "\ud800",
    "\udfff",
    "a\ud83db",
    "\ude00\ud83d",
    "\udcff\udc80",
    "\ufffe",
    "\uffff",
    "\U0010ffff",
    "\U0001f600",
    "\ufdd0",
    "a\u0300",
    "\u1112\u1161\u11ab",
)
_XML = (
    "]]>",
    "]]]]><![CDATA[>",
    "<![CDATA[",
    "<![CDATA[x]]>",
    "<?xml version='1.0'?>",
    "<!ENTITY x SYSTEM 'file:///etc/passwd'>",
    "&x;",
    "</testcase>",
    "</failure><skipped/>",
    "</testsuites><testsuites>",
    '" failures="0',
    "<?xml-stylesheet href='x'?>",
)
_SHEET = (
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    '=HYPERLINK("https://x.invalid","x")',
    "a,b",
    'a"b',
    '""',
    "a;b",
    "a\nb",
    " =1",
    "\uff1d1+1",
    'DDE("x")',
)
_TEXTUAL = (
    "---\nname: other",
    "...",
    "- item",
    "key: value",
    "!!python/object:os.system x",
    "&anchor *alias",
    "# comment",
    "null",
    "true",
    "1e3",
    "0x10",
    "2026-01-01",
    "~",
    "| pipe | pipe |",
    "||",
    "[x](javascript:alert(1))",
    "![x](https://x.invalid/x.png)",
    "# may ship",
    "```\nmay ship\n```",
    "<details>",
    "**bold** _em_ ~~gone~~",
    "@everyone",
    "#1",
    "https://x.invalid/",
    "`",
    "``",
    "\n\n## may ship\n\n",
    "::error file=x,line=1::pwned",
    "\n::set-output name=x::y",
    "::stop-commands::x",
    "%0A::warning::pwned",
    "\n::add-mask::a",
    "##[error]pwned",
    "##vso[task.setvariable variable=x]pwned",
    "x ##TeamCity[pwned] ::error::pwned",
    "$GITHUB_STEP_SUMMARY",
    "'; DROP TABLE records; --",
    "../../etc/passwd",
    "",
    " ",
    "nan",
)
_LONG = (
    "A" * (5 * MEGABYTE), "<b>" * (5 * MEGABYTE // 3), "\u202e" + "\u6f22" * MEGABYTE,
)  # fmt: skip

_KINDS = {
    "markup": _MARKUP,
    "attribute": _ATTRIBUTES,
    "template": _TEMPLATES,
    "terminal": _TERMINAL,
    "control": _CONTROLS,
    "bidi": _BIDI,
    "encoding": _ENCODING,
    "xml": _XML,
    "sheet": _SHEET,
    "textual": _TEXTUAL,
    "long": _LONG,
}

PAYLOADS: tuple[Payload, ...] = tuple(
    Payload(kind, text) for kind, texts in _KINDS.items() for text in texts
)
"""All of them; the same for every exit."""
