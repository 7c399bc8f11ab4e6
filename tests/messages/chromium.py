"""A real browser with a phone's screen, spoken to by its own protocol; for the tests that say what a customer sees."""

from __future__ import annotations

import asyncio
import json
import shutil
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

FOUND: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDTH: Final = 360
HEIGHT: Final = 740
_WAIT_S: Final = 30.0
_LOOK_S: Final = 0.05


@dataclass
class Phone:
    """One tab. `asked` are the addresses that it turned to, `complaints` what it logged."""

    socket: aiohttp.ClientWebSocketResponse
    session: str = ""
    number: int = 0
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def call(self, method: str, **given: Any) -> Any:
        """One question to the browser."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": given}
        await self.socket.send_json(message | ({"sessionId": self.session} if self.session else {}))
        while True:
            said = json.loads((await self.socket.receive(timeout=_WAIT_S)).data)
            self._note(said)
            if said.get("id") == self.number:
                assert "error" not in said, said
                return said["result"]

    def _note(self, said: Any) -> None:
        match said.get("method"):
            case "Network.requestWillBeSent":
                self.asked.append(said["params"]["request"]["url"])
            case "Log.entryAdded":
                self.complaints.append(said["params"]["entry"]["text"])
            case _:
                pass

    async def find(self, expression: str) -> Any:
        """What an expression comes to in the page, as soon as it comes to anything."""
        async with asyncio.timeout(_WAIT_S):
            while True:
                said = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
                if "exceptionDetails" not in said and (value := said["result"].get("value")):
                    return value
                await asyncio.sleep(_LOOK_S)

    async def open(self, url: str) -> None:
        """Go there."""
        await self.call("Page.navigate", url=url)
        await self.find("document.readyState === 'complete' && location.protocol !== 'about:'")

    async def text(self) -> str:
        """What the page says."""
        return str(await self.find("document.body.innerText"))

    async def tap(self, selector: str) -> None:
        """Touch the middle of something, where it is on the screen."""
        element = f"document.querySelector({json.dumps(selector)})"
        await self.find(f"{element} && ({element}.scrollIntoView({{block: 'center'}}), true)")
        box = await self.find(f"JSON.stringify({element}.getBoundingClientRect())")
        at = json.loads(box)
        assert at["width"] > 0 and at["left"] >= 0 and at["right"] <= WIDTH, (
            f"{selector} is not on the screen: {at}"
        )
        x, y = at["left"] + at["width"] / 2, at["top"] + at["height"] / 2
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def type(self, selector: str, text: str) -> None:
        """Touch a field and type."""
        await self.tap(selector)
        await self.call("Input.insertText", text=text)

    async def shows(self, words: str) -> str:
        """Wait until the page says this; all that it says then."""
        return str(
            await self.find(
                f"document.body.innerText.includes({json.dumps(words)}) && document.body.innerText"
            )
        )

    async def fits(self) -> bool:
        """Whether nothing is wider than the screen."""
        return bool(await self.find(f"document.scrollingElement.scrollWidth <= {WIDTH}"))

    async def picture(self, path: Path) -> None:
        """What it looks like."""
        shot = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        await asyncio.to_thread(path.write_bytes, b64decode(shot["data"]))


@asynccontextmanager
async def phone(folder: Path, *, dark: bool = False) -> AsyncIterator[Phone]:
    """A browser while the block runs; its pages run no script of their own."""
    assert FOUND is not None, "there is a browser"
    process = await asyncio.create_subprocess_exec(
        FOUND,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}/browser",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        address = await _address(folder)
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(address, max_msg_size=0) as socket,
        ):
            yield await _tab(Phone(socket), dark=dark)
    finally:
        process.terminate()
        async with asyncio.timeout(_WAIT_S):
            await process.wait()


async def _address(folder: Path) -> str:
    told = folder / "browser" / "DevToolsActivePort"
    async with asyncio.timeout(_WAIT_S):
        while not told.exists() or told.read_text().count("\n") < 1:  # noqa: ASYNC110 - the browser tells nobody
            await asyncio.sleep(_LOOK_S)
    port, path = told.read_text().split("\n")[:2]
    return f"ws://127.0.0.1:{port}{path}"


async def _tab(tab: Phone, *, dark: bool) -> Phone:
    target = await tab.call("Target.createTarget", url="about:blank")
    attached = await tab.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
    tab.session = attached["sessionId"]
    for part in ("Page", "Network", "Log", "Runtime"):
        await tab.call(f"{part}.enable")
    await tab.call("Emulation.setScriptExecutionDisabled", value=True)
    await tab.call(
        "Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT, deviceScaleFactor=1, mobile=True
    )
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    await tab.call("Emulation.setEmulatedMedia", features=[scheme])
    return tab
