"""Templates. The pictures of static/pictures can be included, so that style sheets colour and move them."""

from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from gate.kiosk.kiosk import Kiosk

_HERE: Final = Path(__file__).parent
STATIC: Final = _HERE / "static"
THEMES: Final = ("light", "dark")


@cache
def environment() -> Environment:
    """The templates, read once."""
    return Environment(
        loader=FileSystemLoader([_HERE / "templates", STATIC]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def page(kiosk: Kiosk, request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page. It sees `words` (the first language), `all_words`, `theme` and the values."""
    text = (
        environment()
        .get_template(template)
        .render(words=kiosk.words[0], all_words=kiosk.words, theme=theme_of(request), **values)
    )
    return HTMLResponse(text, status)


def theme_of(request: Request) -> str:
    """light or dark where the address asks for one (?theme=dark); empty: as the browser prefers."""
    asked = request.query_params.get("theme", "")
    return asked if asked in THEMES else ""
