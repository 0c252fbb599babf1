"""Chromium without a window, driven over its DevTools protocol as a person drives it."""

import asyncio
import itertools
import json
import re
import shutil
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--window-size=1200,900",
    "--remote-debugging-port=0",
)
_PATIENCE_SECONDS = 60.0
_GLANCE_SECONDS = 0.02
_KEYS = {"Tab": 9, "Enter": 13, " ": 32, "ArrowLeft": 37}
_TEXTS = {"Enter": "\r", " ": " "}
_SHOWN = "document.body?.innerText"

needs_chromium = pytest.mark.skipif(_CHROMIUM is None, reason="chromium is not on PATH")
"""Skips where there is no browser, and says so."""


class DevTools:
    """The protocol: a command has one answer, and events come in between.

    Attributes:
        downloads: The names of files that were brought.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tabs: dict[str, Tab] = {}
        self.downloads: asyncio.Queue[str] = asyncio.Queue()
        self.reading = asyncio.create_task(self._read())

    async def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """What a command answers.

        Raises:
            RuntimeError: It was refused.
        """
        number = next(self._numbers)
        future = self._answers[number] = asyncio.get_running_loop().create_future()
        whom = {"sessionId": session} if session else {}
        await self._socket.send(
            json.dumps({"id": number, "method": method, "params": params, **whom})
        )
        async with asyncio.timeout(_PATIENCE_SECONDS):
            answer = await future
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    async def open_tab(self) -> "Tab":
        """An empty tab."""
        target = await self.ask("Target.createTarget", url="about:blank")
        attached = await self.ask(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        tab = self._tabs[attached["sessionId"]] = Tab(self, attached["sessionId"])
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            await tab.ask(f"{domain}.enable")
        return tab

    async def _read(self) -> None:
        # A browser that ends does not say farewell.
        with suppress(ConnectionClosedError):
            async for message in self._socket:
                self._take(json.loads(message))

    def _take(self, told: dict[str, Any]) -> None:
        if "id" in told:
            self._answers.pop(told["id"]).set_result(told)
        elif (tab := self._tabs.get(told.get("sessionId", ""))) is not None:
            tab.hear(told["method"], told["params"])
        elif told["method"] == "Browser.downloadProgress":
            self._hear_download(told["params"])

    def _hear_download(self, params: dict[str, Any]) -> None:
        if params["state"] == "completed":
            self.downloads.put_nowait(params["guid"])


class Tab:
    """A tab of the browser.

    Attributes:
        mistakes: Exceptions of scripts, and what the policy of the page forbade.
        requests: Those that left, each as method, path and headers in small letters.
    """

    def __init__(self, devtools: DevTools, session: str) -> None:
        self._devtools = devtools
        self._session = session
        self.mistakes: list[str] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []

    def hear(self, event: str, params: dict[str, Any]) -> None:
        """Take an event in."""
        if event == "Runtime.exceptionThrown":
            self.mistakes.append(str(params["exceptionDetails"]))
        elif event == "Log.entryAdded" and params["entry"]["source"] == "security":
            self.mistakes.append(params["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            request = params["request"]
            path = re.sub(r"^\w+://[^/]+", "", request["url"])
            headers = {name.lower(): value for name, value in request["headers"].items()}
            self.requests.append((request["method"], path, headers))

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """What a command about this tab answers."""
        return await self._devtools.ask(method, self._session, **params)

    async def open(self, url: str) -> None:
        """Go to an address."""
        await self.ask("Page.navigate", url=url)

    async def open_other(self, address: str) -> "Tab":
        """Another tab of the browser, at this address."""
        other = await self._devtools.open_tab()
        await other.open(address)
        await other.until(f"location.href === {address!r} && document.readyState === 'complete'")
        return other

    async def duplicate(self, address: str) -> "Tab":
        """Another tab that begins with what this one keeps for itself."""
        other = await self.open_other(address)
        kept = await self.evaluate("JSON.stringify({...sessionStorage})")
        await other.evaluate(f"sessionStorage.clear(); Object.assign(sessionStorage, {kept})")
        await other.reload()
        return other

    async def run_first(self, script: str) -> None:
        """Have a script run in every page before its own."""
        await self.ask("Page.addScriptToEvaluateOnNewDocument", source=script)

    async def reload(self) -> None:
        """Load the page again."""
        await self.ask("Page.reload")

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page.

        Raises:
            RuntimeError: It threw, or the page was left meanwhile.
        """
        answer = await self.ask(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"].get("value")

    async def until(self, expression: str) -> Any:
        """The value of an expression once it is true; a page on its way has none."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            with suppress(RuntimeError):
                if value := await self.evaluate(expression):
                    return value
            assert time.monotonic() < end, f"{expression}\n{await self.evaluate(_SHOWN)}"
            await asyncio.sleep(_GLANCE_SECONDS)

    async def shows(self, selector: str) -> str:
        """The text of an element, once it is there for all to see and has one."""
        text: str = await self.until(f"document.querySelector({selector!r})?.innerText.trim()")
        return text

    async def texts(self, selector: str) -> list[str]:
        """The texts of all such elements."""
        script = f"[...document.querySelectorAll({selector!r})].map(one => one.innerText.trim())"
        found: list[str] = await self.evaluate(script)
        return found

    async def click(self, selector: str) -> None:
        """Click an element, once it is to be seen and can be clicked."""
        found = f"document.querySelector({selector!r})"
        await self.until(f"{found}?.checkVisibility() && !{found}.disabled")
        await self.evaluate(f"{found}.click()")

    async def choose(self, selector: str, value: str) -> None:
        """Choose an option of a select, as a person would."""
        await self.evaluate(
            f"(select => {{ select.value = {value!r};"
            " select.dispatchEvent(new Event('change', {bubbles: true})); })"
            f"(document.querySelector({selector!r}))"
        )

    async def choose_file(self, selector: str, path: Path) -> None:
        """Choose a file of the disk."""
        root = (await self.ask("DOM.getDocument"))["root"]["nodeId"]
        node = await self.ask("DOM.querySelector", nodeId=root, selector=selector)
        await self.ask("DOM.setFileInputFiles", files=[str(path)], nodeId=node["nodeId"])

    async def download(self, selector: str, folder: Path) -> Path:
        """The file that a click on an element brings.

        Args:
            folder: Where it is to lie.
        """
        await self._devtools.ask(
            "Browser.setDownloadBehavior",
            behavior="allowAndName",
            downloadPath=str(folder),
            eventsEnabled=True,
        )
        await self.click(selector)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return folder / await self._devtools.downloads.get()

    async def press(self, key: str) -> None:
        """Press a key and let it go."""
        pressed = {"key": key, "windowsVirtualKeyCode": _KEYS[key], "text": _TEXTS.get(key, "")}
        for kind in ("keyDown", "keyUp"):
            await self.ask("Input.dispatchKeyEvent", type=kind, **pressed)

    async def slow_down(self, bytes_per_second: int) -> None:
        """Let what it sends go at this rate; -1 for no limit."""
        await self.ask(
            "Network.emulateNetworkConditions",
            offline=False,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=bytes_per_second,
        )


@asynccontextmanager
async def open_tab(folder: Path) -> AsyncIterator[Tab]:
    """A tab of a browser of its own, which remembers nothing of others.

    Args:
        folder: Where it keeps what browsers keep.
    """
    process = await asyncio.create_subprocess_exec(
        str(_CHROMIUM), *_FLAGS, f"--user-data-dir={folder}", stdout=DEVNULL, stderr=PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            address = await _address(process.stderr)
        async with connect(address, max_size=None) as socket:
            devtools = DevTools(socket)
            try:
                yield await devtools.open_tab()
            finally:
                await devtools.ask("Browser.close")
                await devtools.reading
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        # What it says has to be read, or its end waits for that.
        await process.communicate()


async def _address(stderr: asyncio.StreamReader) -> str:
    async for line in stderr:
        if found := re.search(r"DevTools listening on (ws://\S+)", line.decode()):
            return found[1]
    raise AssertionError("Chromium ended before it listened.")
