"""The browser lane: a real Chromium before a real centre. Skipped, and saying so, where there is no Chromium."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

for _room in ("center", "shell", "kiosk"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / _room))

FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


def find_chromium() -> str | None:
    """Debian's Chromium, or the one that is named."""
    return os.environ.get("GATEHOUSE_CHROMIUM") or shutil.which("chromium", path="/usr/bin:/usr/local/bin")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if find_chromium() is None:
        reason = "no Chromium on this machine: apt install chromium fonts-noto-cjk"
        for item in items:
            if Path(str(item.path)).parent == Path(__file__).parent:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def story_street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """One street for all stories; nobody walks there by themselves."""
    from street_kit import running_street

    with running_street(tmp_path_factory.mktemp("stories") / "street") as street:
        yield street


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: $GATEHOUSE_PICTURES, else a temporary folder."""
    named = os.environ.get("GATEHOUSE_PICTURES")
    folder = Path(named) if named else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
