"""axe-core, which finds faults of accessibility."""

from importlib.resources import files
from typing import Any

from tests.browser.page import Page

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RUN = """
const done = arguments[0];
axe.run(document, {resultTypes: ["violations"]}).then(
  result => done(result.violations.map(({id, impact, nodes}) =>
    `${impact} ${id}: ${nodes.map(node => `${node.target} ${node.failureSummary}`).join("; ")}`)),
  error => done([String(error)]));
"""


def violations(page: Page) -> Any:
    """What axe-core finds on the page as it is now: a line a rule, with the elements."""
    if not page.run("return 'axe' in window"):
        page.run(AXE)
    return page.driver.execute_async_script(RUN)
