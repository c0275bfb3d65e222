"""Pictures of the README: screenshots of a deployed stack by a headless Chromium. Part of `make pictures`.

Deploys nothing. It runs one DAG of the deployed Airflow and opens its pages like a user.
"""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from airflow_stack.cli.console import say
from sandbox import SandboxError, clusters
from sandbox.airflow_api import AirflowApi, AirflowApiError
from sandbox.sandbox_stack import stacks
from sandbox.session import ROOT, STATE, Session

PICTURES = ROOT / "docs" / "pictures"
DAG = "sample_etl"
_LIMIT_SECONDS = 180
_OPTIONS = """--headless=new --window-size=1280,800 --hide-scrollbars --lang=en-US --no-sandbox --disable-gpu --disable-quic
    --no-first-run --disable-background-networking --disable-component-update --disable-sync"""


def take(browser: Chrome, file: Path, *selectors: str) -> None:
    """Take a screenshot when the page has all elements and no longer changes."""
    wait = WebDriverWait(browser, _LIMIT_SECONDS, poll_frequency=1)
    wait.until(
        lambda _: all(browser.find_elements(By.CSS_SELECTOR, each) for each in selectors), f"{file}: {selectors}"
    )
    browser.execute_script("document.activeElement.blur()")  # a focused caret blinks
    last = b""

    def is_still(_: Chrome) -> bool:
        nonlocal last
        before, last = last, browser.get_screenshot_as_png()
        return bool(before == last)

    wait.until(is_still, f"{file}: the page does not stop changing")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(last)
    say(f"{file.relative_to(ROOT)}: {len(last) // 1000} kB")


def main(stack: Annotated[str, typer.Option(help="Name of the stack: Pulumi.<stack>.yaml.")] = "dev") -> None:
    """Take the pictures of the README from a deployed stack."""
    there = clusters.present(STATE, None)
    session = Session(there) if there and there.running() and there.runs_pods else None
    if session is None or stack not in stacks(session.cluster.stacks, session.env()):
        raise SandboxError(f"no Airflow is running. Run `make up STACK={stack}` on a cluster with real pods")
    opened = session.stack(stack)
    outputs = opened.outputs(secrets=True)
    page = session.forward(stack, session.namespace(opened))
    user, password = outputs["adminUser"], outputs["adminPassword"]
    with browser() as chrome:
        run = _green_run(chrome, AirflowApi(page, user, password))
        chrome.get(f"{page}/auth/login/")
        take(chrome, PICTURES / "login.png", "[name=password]")
        chrome.find_element(By.NAME, "username").send_keys(user)
        chrome.find_element(By.NAME, "password").send_keys(password)
        chrome.find_element(By.CSS_SELECTOR, "[type=submit]").click()
        WebDriverWait(chrome, _LIMIT_SECONDS).until(lambda _: "/auth/login" not in chrome.current_url, "the log-in")
        chrome.get(f"{page}/dags")
        take(chrome, PICTURES / "dags.png", *(f"a[href^='/dags/{dag}/runs/']" for dag in (DAG, "smoke")))
        chrome.get(f"{page}/dags/{DAG}/runs/{run}")
        take(chrome, PICTURES / "run.png", "[data-testid=task-state-badge]", "[data-testid=table-cell-state]")


def browser() -> Chrome:
    """A headless Chromium."""
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    if missing := [name for name, path in programs.items() if path is None]:
        raise SandboxError(
            f"{' and '.join(missing)} not found; on Debian: `apt-get install chromium chromium-driver fonts-noto-color-emoji`"
        )
    options = ChromeOptions()  # with a temporary profile
    options.binary_location = str(programs["chromium"])
    for option in _OPTIONS.split():
        options.add_argument(option)
    return Chrome(options, ChromeService(programs["chromedriver"]))


def _green_run(browser: Chrome, api: AirflowApi) -> str:
    api.unpause(DAG)
    run = api.trigger(DAG)
    ended = WebDriverWait(browser, _LIMIT_SECONDS, poll_frequency=1)
    ended.until(lambda _: api.run_state(DAG, run) in ("success", "failed"), f"run {run} of {DAG} did not end")
    if api.run_state(DAG, run) == "failed":
        raise SandboxError(f"run {run} of DAG {DAG} failed. For its log run `make open`")
    return run


if __name__ == "__main__":
    try:
        typer.run(main)
    except (AirflowApiError, SandboxError, WebDriverException) as error:
        say(f"error: {getattr(error, 'msg', None) or error}", style="red")
        raise SystemExit(1) from None
