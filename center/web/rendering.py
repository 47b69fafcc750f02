"""Templates and the few ways in which a value becomes text: moments in the community's time, ages, codes."""

import contextlib
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from center.desk.gates import GateRow
from center.desk.passages import PassageRow
from center.web.language import Language, Texts, texts_of

_TEMPLATES: Final = Path(__file__).parent / "templates"
_RENDERED_ROWS: Final = 2_000


class Renderer:
    """Renders pages and the fragments that the live stream sends. Any thread."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        # 300 listeners see the same row: it is rendered once per language.
        self._row_html = lru_cache(_RENDERED_ROWS)(self._render_row)

    def page(self, template: str, language: Language, **values: Any) -> str:
        """A whole page."""
        return self._templates.get_template(template).render(self._common(language), **values)

    def passage_row(self, row: PassageRow, language: Language) -> str:
        """One row of the list of passages."""
        return self._row_html(row, language)

    def gate_card(self, gate: GateRow, language: Language) -> str:
        """One gate's card."""
        return self._templates.get_template("_gate.html").render(self._common(language), gate=gate)

    def moment(self, moment: datetime) -> str:
        """Day and time in the community's zone, to the second; total."""
        # At the calendar's ends it exists in its own zone alone.
        with contextlib.suppress(OverflowError):
            moment = moment.astimezone(self.zone)
        return moment.strftime("%Y-%m-%d %H:%M:%S")

    def _render_row(self, row: PassageRow, language: Language) -> str:
        return self._templates.get_template("_passage.html").render(self._common(language), row=row)

    def _common(self, language: Language) -> dict[str, Any]:
        texts = texts_of(language)
        return {
            "t": texts,
            "language": language,
            "moment": self.moment,
            "zone": zone_name(datetime.now(self.zone)),
            "age": lambda moment: age(datetime.now(UTC) - moment, texts),
        }


def zone_name(moment: datetime) -> str:
    """The offset of an aware moment as people write it: UTC+8, UTC+5:30, UTC."""
    minutes = round((moment.utcoffset() or timedelta()).total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    sign = "-" if minutes < 0 else "+"
    return "UTC" + (f"{sign}{hours}" + (f":{rest:02}" if rest else "") if minutes else "")


def age(elapsed: timedelta, texts: Texts) -> str:
    """How long ago, in the largest unit that fits."""
    seconds = max(0, int(elapsed.total_seconds()))
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length or (unit == "minutes" and seconds >= length):
            return texts(f"age.{unit}", count=seconds // length)
    return texts("age.seconds", count=seconds)
