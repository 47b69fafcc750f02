"""Make every picture of the handbook anew: `python docs/make_pictures.py`, on any machine with the test packages.

Starts what it needs, a kiosk with a scripted terminal and then the street that `./run` starts, drives it in Chromium
and writes palette PNGs into docs/pictures. `--only NAME` makes those whose name begins so. Exit codes: 0 made, 3 no
Chromium.
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PICTURES = CHECKOUT / "docs" / "pictures"
for folder in ("docs", "tests/unit/kiosk", "tests/browser", "."):
    sys.path.insert(0, str(CHECKOUT / folder))

from conftest import FLAGS, find_chromium  # noqa: E402
from guard_kit import GuardedGate  # noqa: E402
from kiosk_kit import ServedKiosk  # noqa: E402
from picture_scenes import NOTICES, SOON_MS, Scene, scenes, sign_in  # noqa: E402
from picture_street import take_street  # noqa: E402
from PIL import Image  # noqa: E402
from playwright.sync_api import Browser, Page, expect, sync_playwright  # noqa: E402

COLOURS = 255
"""Of a palette: enough that a household's small orange dot stays orange."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Language that stands first, and theme. suffix: of the file's name."""

    language: str
    theme: str

    @property
    def suffix(self) -> str:
        return self.language if self.theme == "light" else f"{self.language}-{self.theme}"


ALL, MAIN = Look(language="zh", theme="light"), (Look(language="en", theme="light"), Look(language="zh", theme="dark"))
"""Every state in Chinese by day; those that matter most in English and by night as well."""


def main() -> int:
    """Make the pictures; returns the exit code."""
    parser = argparse.ArgumentParser(description="Make the pictures of the handbook anew.")
    parser.add_argument("--only", default="", help="those whose name begins so, such as guard- or street-")
    parser.add_argument("--out", type=Path, default=PICTURES, help="folder, else docs/pictures")
    options = parser.parse_args()
    if find_chromium() is None:
        print("no Chromium on this machine: apt install chromium fonts-noto-cjk", file=sys.stderr)  # noqa: T201
        return 3
    options.out.mkdir(parents=True, exist_ok=True)

    def save(name: str, png: bytes) -> None:
        made, by_day = small(png), options.out / f"{name.removesuffix('-dark')}.png"
        if name.endswith("-dark") and by_day.exists() and by_day.read_bytes() == made:
            (options.out / f"{name}.png").unlink(missing_ok=True)
            return  # a coloured screen is the same by night
        (options.out / f"{name}.png").write_bytes(made)
        print(name, flush=True)  # noqa: T201

    wanted = [scene for scene in scenes() if scene.name.startswith(options.only)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        for look in (ALL, *MAIN):
            for has_notices in (False, True):
                with _kiosk(look, has_notices=has_notices) as kiosk:
                    for scene in wanted:
                        if scene.has_notices is has_notices and (look is ALL or scene.is_main):
                            save(f"{scene.name}.{look.suffix}", take_scene(browser, kiosk, look, scene))
        take_street(browser, save, options.only)
        browser.close()
    return 0


def take_scene(browser: Browser, kiosk: ServedKiosk, look: Look, scene: Scene) -> bytes:
    """One picture of one state, in a browser that has never been here."""
    gate = GuardedGate(terminal=kiosk.terminal, answers=dict(scene.answers))
    kiosk.terminal.is_mute = False
    gate.start()
    page = _page(browser, look, scene)
    page.goto(f"{kiosk.url}{scene.path}{'' if look.theme == 'light' else f'?theme={look.theme}'}")
    if scene.is_signed_in:
        expect(page.locator("#lock")).to_be_visible(timeout=SOON_MS)
        sign_in(page)
    gate.show(**scene.shown)
    if scene.is_mute:
        kiosk.terminal.is_mute = True
        kiosk.terminal.drop_all()
    if scene.is_cut:
        kiosk.stop_pages()
    if scene.ready:
        expect(page.locator(scene.ready).first).to_be_attached(timeout=SOON_MS)
    if scene.act is not None:
        scene.act(page)
    # A picture moves, a state slides in: what is taken is what stays.
    page.wait_for_timeout(900)
    png = page.screenshot(full_page=scene.path == "/poster", caret="hide")
    page.context.close()
    return png


def small(png: bytes) -> bytes:
    """The same picture with a palette of its own."""
    with Image.open(io.BytesIO(png)) as picture:
        reduced = picture.convert("RGB").quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    file = io.BytesIO()
    reduced.save(file, "PNG", optimize=True)
    return file.getvalue()


@contextmanager
def _kiosk(look: Look, *, has_notices: bool) -> Iterator[ServedKiosk]:
    languages = (look.language, "en" if look.language == "zh" else "zh")
    with tempfile.TemporaryDirectory(prefix="gh-") as folder:
        kiosk = ServedKiosk(Path(folder), languages=languages, notices=NOTICES if has_notices else ())
        try:
            yield kiosk
        finally:
            kiosk.stop()


def _page(browser: Browser, look: Look, scene: Scene) -> Page:
    width, height = scene.size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if look.theme == "dark" else "light",
        locale=look.language,
        reduced_motion="reduce",
    )
    context.set_default_timeout(SOON_MS)
    return context.new_page()


if __name__ == "__main__":
    sys.exit(main())
