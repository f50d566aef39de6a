"""A window on the page, in the words of those who use it."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self

from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, Request, expect

from service.container import Container
from service.demo.provider_stub import Stub
from service.demo.stage import Stage
from tests.journeys.practice import Practice

ROOT = Path(__file__).parents[2]
WEB = ROOT / "clients" / "web"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
# The browser reports every refusal it meets; which refusals are right is for the tests to say.
REFUSAL = re.compile(
    r"Failed to load resource: the server responded with a status of (401|403|404|409|422|429|503)"
)

expect.set_options(timeout=15_000)

Opener = Callable[..., Awaitable["Screen"]]


@dataclass(frozen=True)
class House:
    """The running parts, and the provider that writes for them."""

    stage: Stage
    container: Container
    stub: Stub

    @asynccontextmanager
    async def without(self, part: str) -> AsyncIterator[None]:
        """While a part was killed; it is back afterwards, whatever a test makes of it."""
        self.stage.children[part].process.kill()
        self.stage.stop(part)
        try:
            yield
        finally:
            self.stage.start(part)
            await self.stage.until_up(self.stage.monolith_url, self.stage.service_url)


@cache
def texts(language: str) -> dict[str, Any]:
    """Every word of the page: the chat's and the demo's."""
    files = (WEB / "src/locales" / f"{language}.json", WEB / "demo/locales" / f"{language}.json")
    return {key: value for file in files for key, value in json.loads(file.read_text()).items()}


@dataclass
class Screen:
    """One window. `language` is the page's own."""

    page: Page
    language: str = "he"
    errors: list[str] = field(default_factory=list)

    @classmethod
    async def open(cls, context: BrowserContext) -> Self:
        page = await context.new_page()
        page.set_default_timeout(15_000)
        screen = cls(page)
        page.on("console", screen._heard)
        page.on("pageerror", lambda error: screen.errors.append(str(error)))
        return screen

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not REFUSAL.match(message.text):
            self.errors.append(message.text)

    def t(self, key: str) -> str:
        """A text of the page by its key: "aiAgent.send"."""
        found: Any = texts(self.language)
        for part in key.split("."):
            found = found[part]
        return str(found)

    def button(self, key: str) -> Locator:
        return self.page.get_by_role("button", name=self.t(key), exact=True)

    async def signed_in(self, practice: Practice, *, language: str = "he") -> None:
        """The page as this therapist has it after signing in."""
        self.language = language
        await self.page.add_init_script(
            f"localStorage.getItem('demo-language') ?? localStorage.setItem('demo-language', '{language}')"
        )
        response = await self.page.request.post(
            "/api/v1/auth/demo-login", data={"user_id": practice.user}
        )
        assert response.ok
        await self.page.goto("/")
        await expect(self.page.get_by_test_id("sign-out")).to_be_visible()

    async def beside(self) -> "Screen":
        """A second window of the same sign-in."""
        other = await Screen.open(self.page.context)
        other.language, other.errors = self.language, self.errors
        await other.page.goto("/")
        return other

    def count_posts(self) -> list[str]:
        """The questions that this window posts from now on."""
        posted: list[str] = []

        def seen(request: Request) -> None:
            if request.method == "POST" and request.url.endswith("/ai/agent/chat"):
                posted.append(request.url)

        self.page.on("request", seen)
        return posted

    def forgive(self, part: str) -> None:
        """Errors with this in them were meant to come."""
        self.errors[:] = [error for error in self.errors if part not in error]

    async def tab_to(self, node: Locator, *, backwards: bool = False, most: int = 60) -> None:
        """Presses Tab until the node has the focus."""
        for _ in range(most):
            if await node.evaluate("node => node === document.activeElement"):
                return
            await self.page.keyboard.press("Shift+Tab" if backwards else "Tab")
        raise AssertionError("Tab does not lead there")

    async def choose(self, client: str) -> None:
        await self.page.get_by_test_id("scope").select_option(client)

    @property
    def composer(self) -> Locator:
        return self.page.get_by_role("textbox", name=self.t("aiAgent.inputPlaceholder"))

    async def ask(self, question: str) -> None:
        await self.composer.fill(question)
        await self.composer.press("Enter")

    @property
    def answers(self) -> Locator:
        return self.page.locator(".pz-ai-answer")

    async def is_at_the_top(self, node: Locator) -> bool:
        """Whether a part of the conversation stands where its window begins."""
        talk = await self.page.locator(".pz-ai-talk").bounding_box()
        box = await node.bounding_box()
        return bool(talk and box) and 0 <= box["y"] - talk["y"] < 40

    async def answered(self) -> Locator:
        """The newest answer, once it is whole."""
        await expect(self.button("aiAgent.stop")).to_have_count(0)
        return self.answers.last
