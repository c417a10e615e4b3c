"""Finds the programs that the stack runs on, and says plainly what to install where one is missing."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from loaders.errors import Unavailable

JAVA_OLDEST = 17
REDIS_OLDEST = 7
GO_OLDEST = 21
VERSION_S = 30.0
INSTALLED_JAVAS = ("/usr/lib/jvm", "/Library/Java/JavaVirtualMachines", "/opt/homebrew/opt")


class Missing(Unavailable):
    """Something is not on this machine; the text says what to install."""


def java(environ: Mapping[str, str], newest: int | None = None, oldest: int = JAVA_OLDEST) -> str:
    """Return the path of a Java from `oldest` on, and no later than `newest`: JAVA_HOME's, PATH's, or an installed one.

    Raises `Missing` if there is none.
    """
    seen = []
    for candidate in _javas(environ):
        version = _version(candidate, "-version", r'version "(\d+)')
        if version is not None and oldest <= version <= (newest or version):
            return candidate
        if version is not None:
            seen.append(f"Java {version}")
    until = " or later" if newest is None else f" to {newest}" if newest > oldest else ""
    wanted = f"Java {oldest}{until}"
    found = f" Found: {', '.join(dict.fromkeys(seen))}." if seen else ""
    raise Missing(f"{wanted} is needed: install openjdk-{oldest}-jre-headless, or set JAVA_HOME.{found}")


def maven(environ: Mapping[str, str]) -> str:
    """Return the path of Maven. Raises `Missing` if there is none."""
    found = shutil.which("mvn", path=environ.get("PATH"))
    if found is None:
        raise Missing("Maven is needed to fetch Kafka, Cassandra, OpenSearch and Flink: install maven.")
    return found


def go(environ: Mapping[str, str]) -> str:
    """Return the path of Go, of 1.21 or later, which can fetch a later one. Raises `Missing` if there is none."""
    advice = f"Go 1.{GO_OLDEST} or later is needed to build the server for S3: install golang-go"
    found = shutil.which("go", path=environ.get("PATH"))
    if found is None:
        raise Missing(f"{advice}.")
    version = _version(found, "version", r"go1\.(\d+)")
    if version is None or version < GO_OLDEST:
        raise Missing(f"{advice}. Found: Go 1.{version or '?'}.")
    return found


def redis(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the paths of redis-server and redis-cli, of 7.0 or later. Raises `Missing` if there is none."""
    server, client = (shutil.which(name, path=environ.get("PATH")) for name in ("redis-server", "redis-cli"))
    advice = f"Redis {REDIS_OLDEST} or later is needed: install redis-server"
    if server is None or client is None:
        raise Missing(f"{advice}.")
    version = _version(server, "--version", r"v=(\d+)")
    if version is None or version < REDIS_OLDEST:
        raise Missing(f"{advice}. Found: Redis {version or 'of an unknown version'}.")
    return server, client


def setpriv(environ: Mapping[str, str]) -> str:
    """Return the path of setpriv, which runs a program as another user. Raises `Missing` if there is none."""
    found = shutil.which("setpriv", path=environ.get("PATH"))
    if found is None:
        raise Missing("OpenSearch does not run as root: install util-linux, or be another user.")
    return found


def install_redis(environ: Mapping[str, str]) -> None:
    """Install Debian's redis-server, unless Redis is there. Raises `Missing` where only the user can do that."""
    if install("redis-server", redis, environ) and Path("/run/systemd/system").exists():
        # The package starts a server of its own on the usual port, which nobody asked for here.
        subprocess.run(["systemctl", "disable", "--now", "redis-server"], capture_output=True, check=False)


def install(package: str, find: Callable[[Mapping[str, str]], object], environ: Mapping[str, str]) -> bool:
    """Install a Debian package unless what it brings is found; answer whether that was done.

    Raises `Missing` where only the user can do it.
    """
    try:
        find(environ)
    except Missing:
        apt = shutil.which("apt-get", path=environ.get("PATH"))
        if apt is None or os.geteuid() != 0:
            raise
    else:
        return False
    quiet = {**environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (("update", "-qq"), ("install", "-y", "-qq", "--no-install-recommends", package)):
        done = subprocess.run([apt, *arguments], env=quiet, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Missing(f"apt-get {arguments[0]} failed, install {package} yourself:\n{done.stderr.strip()}")
    find(environ)
    return True


def _javas(environ: Mapping[str, str]) -> Iterator[str]:
    if home := environ.get("JAVA_HOME"):
        yield str(Path(home) / "bin" / "java")
    if on_path := shutil.which("java", path=environ.get("PATH")):
        yield on_path
    for folder in INSTALLED_JAVAS:
        for pattern in ("*/bin/java", "*/Contents/Home/bin/java"):
            yield from (str(path) for path in sorted(Path(folder).glob(pattern)))


def _version(program: str, argument: str, pattern: str) -> int | None:
    try:
        done = subprocess.run(
            [program, argument],
            capture_output=True,
            text=True,
            timeout=VERSION_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(pattern, done.stdout + done.stderr)
    return None if match is None else int(match[1])
