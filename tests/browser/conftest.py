"""The page as people see it: Chromium before the demo monolith, and a provider that writes at a chosen pace."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from demo_monolith.app import PAGE
from service.container import open_container
from service.demo.provider_stub import KEY, Pace, provider_stub, quoting
from service.demo.stage import Stage, open_stage
from tests.browser.screen import House, Opener, Screen

SETTINGS = {"MODEL_PROVIDER": "cohere", "COHERE_API_KEY": KEY, "DEBOUNCE_SECONDS": "0.05"} | {
    "AI_AGENT_MAX_QUERIES_PER_HOUR": "30"
}


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The machine's own Chromium; without one these tests are left out, but never where they decide about a landing."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("the browser tests need Chromium: apt-get install chromium")
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path,
            # Root has no sandbox to drop into, and a container's shared memory may be 64 MB.
            args=["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])],
        )
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
async def house(stages: Path, stage: Stage) -> AsyncIterator[House]:
    """Running parts of their own, on the servers of all."""
    if not (PAGE / "index.html").exists():
        pytest.fail("the page is not built: make web")
    name = f"pazpaz_browser_{os.getpid()}"
    async with (
        provider_stub() as stub,
        open_stage(
            stages / "browser",
            name=name,
            servers=stage.servers,
            **SETTINGS,
            COHERE_BASE_URL=stub.url,
        ) as opened,
    ):
        opened.start("monolith", "api", "worker")
        await opened.until_up(opened.monolith_url, opened.service_url)
        async with open_container(opened.settings()) as container:
            yield House(opened, container, stub)


@pytest.fixture(autouse=True)
def writing(house: House) -> None:
    """Each test begins with a provider that quotes three sentences at once, word by word."""
    house.stub.writer, house.stub.pace = quoting(3), Pace()


@pytest.fixture
async def open_screen(chromium: Browser, house: House) -> AsyncIterator[Opener]:
    """Opens a window of its own on the page; what a page logs as an error fails the test."""
    opened: list[Screen] = []

    async def open_one(**how: object) -> Screen:
        context = await chromium.new_context(base_url=house.stage.monolith_url, **how)  # type: ignore[arg-type]
        screen = await Screen.open(context)
        opened.append(screen)
        return screen

    yield open_one
    for screen in opened:
        await screen.page.context.close()
    assert [error for screen in opened for error in screen.errors] == []
