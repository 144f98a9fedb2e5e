"""Of a page, what a person would see."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.media.html import is_page, visible_text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>One<br>two <b>three</b></p>", "One\ntwo three"),
        ("<p>  many\n\n blanks </p><div>here</div>", "many blanks\nhere"),
        ("<head><title>Title</title><style>p {}</style></head>body", "Title\nbody"),
        ("a<script>if (a<b) { '</p>' }</script>b", "ab"),
        ("a<SCRIPT>x</SCRIPT>b<script>never ends", "ab"),
        ("a<!-- no --> b<!doctype x><?php no ?>c", "a bc"),
        ("a<!-- no", "a"),
        ("&lt;b&gt; &amp; caf&eacute; &#128512; &nope;", "<b> & café 😀 &nope;"),
        ("3 < 4 <5 a<", "3 < 4 <5 a<"),
        ("<p hidden>no<p>yes", "yes"),
        ("<p hidden>no<p>yes</p>too", "yes\ntoo"),
        ("<div><p hidden>no <b>no</b><br>no</div>yes", "yes"),
        (
            "<p hidden>no<button><p>no</button>no<select><option>no</select><p hidden>no<h1>yes",
            "yes",
        ),
        ("<select><option hidden>no<option>yes</select><p>too", "yes\ntoo"),
        ("<ul><li hidden>no<li>yes<li hidden>no<ul><li>no</ul>no</ul>too", "yes\ntoo"),
        ("<dl><dt hidden>no<dd>yes<dd hidden>no</dl>too", "yes\ntoo"),
        ("<table><tr><td hidden>no<table><td>no</table>no<td>yes</table>too", "yes\ntoo"),
        ("<table><tr hidden><td>no<tr><td>yes<tbody hidden><tr><td>no</table>too", "yes\ntoo"),
        ("<div hidden>no<div>no</div>no</div>yes", "yes"),
        ("<div style='color:red; DISPLAY : none'>no</div>yes", "yes"),
        ("<input hidden>yes<img hidden alt='cat'>", "yes cat"),
        ("<noscript>no</noscript><template>no</template>yes", "yes"),
        ("<table><tr><td>a<td>b<tr><th>c</table>", "a b\nc"),
        ("<a href='x>y' title=\"a > b\">link</a>", "link"),
        ("look: <img src=x alt='a &quot;cat&quot;'>", 'look: a "cat"'),
        ("<a href=x", ""),
        ("", ""),
    ],
)
def test_what_is_seen(page, text):
    """Texts, their lines, and what pictures show; nothing that is hidden or run."""
    assert visible_text(page) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<!DOCTYPE html><p>", True),
        ("\n<?xml version='1.0'?>\n<!-- by hand -->\n<html lang=en>", True),
        ("<html>", True),
        ("<htmlx>", False),
        ("<p>a", False),
        ("# <html> in Markdown", False),
        ("<!-- a --> b --> <html>", False),
        pytest.param("<!---->" * 500 + "<html>", True, id="comments"),
        pytest.param("<!---->" * 500 + "x", False, id="comments, and no page"),
        pytest.param("<?xml>" * 500 + "x", False, id="declarations, and no page"),
    ],
)
def test_what_is_a_page(text, expected):
    """By its beginning."""
    assert is_page(text) is expected


@pytest.mark.parametrize(
    "part",
    ["<!", "<!--", "<a ", "<a x='", "</", "<?", "<script>", "<b>", "<div hidden>", "&a", " \n"],
)
def test_time_is_linear(part):
    """Whatever never ends."""
    page = part * (400_000 // len(part))
    started = time.process_time()
    visible_text(page)
    assert time.process_time() - started < 8


@given(st.text(st.sampled_from("<>/!-='\" abp&;hidden\n"), max_size=80))
def test_any_text_is_taken(page):
    """Nothing is an error."""
    assert visible_text(page) == visible_text(page).strip()
