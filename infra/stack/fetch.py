"""Makes present what the stack runs on: `python -m infra.stack.fetch`, or `roost stack fetch`."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from infra.stack.artefacts import ARTEFACTS, FLINK, OPENSEARCH, is_fetched, jars
from infra.stack.built import PROGRAM, VERSION, is_built, versitygw
from infra.stack.cassandra import JAVA_NEWEST
from infra.stack.opensearch import JAVA_OLDEST
from infra.stack.programs import go, install, install_redis, java, maven
from loaders.errors import Unavailable

Say = Callable[[str], None]


def fetch(environ: Mapping[str, str], say: Say, with_search: bool = True, with_flink: bool = True) -> list[str]:
    """Fetch and install what is not there; return what is missing in the end, each with what to do about it.

    `say` is told of what takes long, before it does. What OpenSearch or Flink alone needs may be left out.
    """
    steps: list[Callable[[], object]] = [
        partial(install, "openjdk-17-jre-headless", partial(java, newest=JAVA_NEWEST), environ),
        partial(install, "maven", maven, environ),
        partial(install_redis, environ),
    ]
    if with_search:
        newer = f"openjdk-{JAVA_OLDEST}-jre-headless"
        steps.append(partial(install, newer, partial(java, oldest=JAVA_OLDEST), environ))
    left_out = {OPENSEARCH.name: not with_search, FLINK.name: not with_flink}
    for artefact in ARTEFACTS:
        if left_out.get(artefact.name):
            continue
        if not is_fetched(artefact, environ):
            steps.append(partial(say, f"Fetching {artefact.name} {artefact.version} by Maven ..."))
        steps.append(partial(jars, artefact, environ))
    return _missing_after(steps)


def fetch_s3(environ: Mapping[str, str], say: Say) -> list[str]:
    """Do the same for the server for S3, without which a stack has no media."""
    if is_built(environ):
        return []
    return _missing_after(
        [
            partial(install, "golang-go", go, environ),
            partial(say, f"Building {PROGRAM} {VERSION}, the server for S3, by Go: a few minutes, once ..."),
            partial(versitygw, environ),
        ]
    )


def _missing_after(steps: Sequence[Callable[[], object]]) -> list[str]:
    missing = []
    for step in steps:
        try:
            step()
        except Unavailable as problem:
            if str(problem) not in missing:
                missing.append(str(problem))
    return missing


def main() -> int:
    """Fetch, print what is missing, and return 1 if anything is."""
    missing = fetch(os.environ, _print) + fetch_s3(os.environ, _print)
    for problem in missing:
        _print(problem)
    return 1 if missing else 0


def _print(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
