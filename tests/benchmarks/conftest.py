"""Prints what the benchmarks measured beside their times: ratios, percentiles, memory."""

from collections.abc import Callable, Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture


@pytest.fixture(autouse=True)
def _keep_figures(
    benchmark: BenchmarkFixture, record_property: Callable[[str, object], None]
) -> Iterator[None]:
    yield
    for name, figure in benchmark.extra_info.items():
        record_property(name, figure)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("figures")
    for report in terminalreporter.getreports(""):
        if report.when == "teardown":
            for name, figure in report.user_properties:
                terminalreporter.write_line(f"{report.nodeid.split('::')[-1]}: {name} = {figure}")
