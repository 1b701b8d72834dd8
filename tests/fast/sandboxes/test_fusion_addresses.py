"""URLs of SandboxFusion servers: whatever is taken can be asked, and shows no secret."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stagerl_plugins.sandboxes.sandbox_fusion.address import Address

TEXTS = st.one_of(
    st.text(),
    st.builds(
        "{}://{}{}{}{}{}".format,
        st.sampled_from(["http", "https", "HTTP", "ftp"]),
        st.sampled_from(["", "user:secret@", "secret@", ":secret@", "a@secret@", "%73ecret:x@"]),
        st.sampled_from(["host", "10.0.0.1", "[::1]", "a..b", "-a", "xn--a", "ho<st", "ünï", ""]) | st.text(max_size=5),
        st.sampled_from(["", ":80", ":", ":0", ":99999", ":x"]),
        st.sampled_from(["", "/", "/run_code", "/base", "/base/run_code/", "//"]),
        st.sampled_from(["", "?key=secret", "?", "#secret", "?a#secret"]),
    ),
)


@pytest.mark.parametrize(
    ("text", "url", "target", "login"),
    [
        ("http://host:8080", "http://host:8080", b"/run_code", None),
        ("http://host:8080/run_code", "http://host:8080", b"/run_code", None),
        ("https://[::1]/base/run_code/?key=1", "https://[::1]", b"/base/run_code?key=1", None),
        ("HTTP://Host/a b/#part", "http://host", b"/a%20b/run_code", None),
        ("http://me:p%40ss@host", "http://host", b"/run_code", ("me", "p@ss")),
    ],
)
def test_its_parts(text, url, target, login):
    assert Address.of(text) == Address(url, target, login)


@given(TEXTS)
@example("http://xn--0")
def test_what_is_taken_can_be_asked_and_shows_no_secret(text):
    try:
        address = Address.of(text)
    except ValueError:
        return
    request = httpx.Request("POST", address.url)
    assert request.url.host
    assert "secret" not in f"{address!r} {address.url}"
    assert address.target.startswith(b"/")
    assert b"/run_code" in address.target
    assert b"#" not in address.target
