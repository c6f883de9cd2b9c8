"""Explorers in a browser window: opened from a file, worked by the keyboard, read number by number."""

import time


def address(folder, name: str, **setting) -> str:
    query = "&".join(f"{key}={value}" for key, value in setting.items())
    return (folder / f"{name}.html").as_uri() + (f"?{query}" if query else "")


def shown(window, name: str, **wanted) -> dict[str, float]:
    """The explorer's results in full precision, once it has none left to compute."""
    script = """return Object.fromEntries([...document.querySelectorAll(".results > div")].map((row) =>
      [row.dataset.name, [row.querySelector("data").value, row.querySelector("data").textContent]]));"""
    says = 'return document.querySelector(".lecture-explorer .says").textContent'
    for _ in range(150):
        found = window.execute_script(script)
        if found and window.execute_script(says) and not any(text == "…" for _, text in found.values()):
            return {key: float(value) for key, (value, _) in found.items()}
        time.sleep(0.1)
    raise AssertionError(f"{name} is still computing: {found}")


def visit(window, folder, name: str, **setting) -> dict[str, float]:
    window.get(address(folder, name, **setting))
    return shown(window, name)


def press(window, *keys: str) -> None:
    """Real keys, as a reader's keyboard sends them, to whatever has the focus."""
    codes = {
        "Tab": 9,
        "Enter": 13,
        "End": 35,
        "Home": 36,
        "ArrowUp": 38,
        "ArrowRight": 39,
        "ArrowDown": 40,
        " ": 32,
    }
    for key in keys:
        event = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": codes[key]}
        text = {"Enter": "\r", " ": " "}.get(key)
        window.execute_cdp_cmd(
            "Input.dispatchKeyEvent", {"type": "keyDown", **event} | ({"text": text} if text else {})
        )
        window.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", **event})


def focus_on(window, name: str) -> None:
    """Tab from the top of the page to the control of this name."""
    window.execute_script("document.activeElement.blur(); window.scrollTo(0, 0)")
    for _ in range(60):
        press(window, "Tab")
        if window.execute_script("return document.activeElement.name") == name:
            return
    raise AssertionError(f"the Tab key does not reach {name}")


def ask(window, name: str, setting: dict) -> dict[str, float]:
    """The results at a setting, to which a question's link on the page leads without loading it anew."""
    query = "&".join(f"{key}={str(value).replace('inf', 'Infinity')}" for key, value in setting.items())
    # What was said of an earlier change may come only now; a frame later the results are those of this one.
    window.execute_async_script(
        """
        document.querySelector(".says").textContent = "";
        const link = Object.assign(document.createElement("a"), {href: arguments[0]});
        document.body.append(link);
        link.click();
        link.remove();
        const done = arguments[1];
        requestAnimationFrame(() => requestAnimationFrame(() => done()));
        """,
        f"?{query}",
    )
    return shown(window, name)
