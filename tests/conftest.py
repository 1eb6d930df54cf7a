"""What all tests share: a browser if there is one, and an account of what was left out."""

import os
import shutil
from pathlib import Path

import hypothesis
import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NO_BROWSER = (
    "no browser on this machine; get one with `sudo apt-get install chromium` "
    "or name one: `CHROMIUM=/path/to/it make test`"
)

# A check that needs what nobody is asked to have says so: pytest.skip(OPTIONAL + "...").
OPTIONAL = "optional: "

hypothesis.settings.register_profile("hfcore", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("hfcore")


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    """Leave no test study behind: notebooks checked next by the same worker read the real one.

    Commands set HFCORE_DATA for their own process, which here is the worker's.
    """
    if nextitem is None or nextitem.path.parent != item.path.parent:
        os.environ.pop("HFCORE_DATA", None)


@pytest.fixture(scope="session")
def browser_path():
    """Return the path of a Chromium, or leave the test out."""
    path = find_browser()
    if path is None:
        pytest.skip(NO_BROWSER)
    return path


@pytest.fixture(scope="module")
def browser(browser_path):
    """Return a headless browser, gone with its module.

    While it is there an event loop runs in this thread, in which no kernel can be started.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def find_browser():
    """Return the first browser of: $CHROMIUM, the system's own, playwright's own; or None."""
    named = [os.environ.get("CHROMIUM", ""), *BROWSERS]
    found = next(filter(None, map(shutil.which, named)), None)
    return found or playwright_browser()


def playwright_browser():
    """Return the path of the browser that `playwright install chromium` brings, or None."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return str(path) if path.exists() else None


def may_leave_out():
    """Return whether a check may be left out here."""
    return not any(os.environ.get(name) for name in ("CI", "HFCORE_REQUIRE_ALL"))


def reason_left_out(report):
    """Return why a check was left out, or None where it ran or was optional."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return None
    words = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = words.removeprefix("Skipped: ")
    return None if reason.startswith(OPTIONAL) else reason


def fail_if_left_out(report):
    """Turn a check that was left out into a failure where nothing may be."""
    reason = reason_left_out(report)
    if reason and not may_leave_out():
        report.outcome = "failed"
        report.longrepr = f"Left out, and here nothing may be: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    report = yield
    fail_if_left_out(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    report = yield
    fail_if_left_out(report)
    return report


def pytest_terminal_summary(terminalreporter):
    """Say last what was left out and how to get it."""
    reasons = [reason_left_out(report) for report in terminalreporter.stats.get("skipped", [])]
    for reason in sorted(set(filter(None, reasons))):
        checks = "1 check" if reasons.count(reason) == 1 else f"{reasons.count(reason)} checks"
        terminalreporter.write_line(f"Left out {checks}: {reason}", yellow=True)
