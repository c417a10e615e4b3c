"""What a Flink says over HTTP of the jobs that it runs, and what the doctor makes of it."""

import asyncio
import json
from collections.abc import Mapping, Sequence

from infra.adapters.examined import Examined

ANSWERS_WITHIN_S = 5.0
JOBS = b"GET /jobs/overview HTTP/1.0\r\n\r\n"
RUNNING = "RUNNING"


async def jobs(host: str, port: int) -> Mapping[str, str]:
    """Return the state of each job by its name, in capitals. Raises OSError or ValueError if no Flink answers."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(JOBS)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise ValueError(head.decode(errors="replace"))
        found = json.loads(body)["jobs"]
        # One that runs speaks for all of its name: a Flink remembers those that ended.
        states = {str(job["name"]): str(job["state"]) for job in found}
        return states | {str(job["name"]): RUNNING for job in found if job["state"] == RUNNING}
    except (KeyError, TypeError) as error:
        raise ValueError(f"no jobs: {error!r}") from error
    finally:
        writer.close()


async def examine(url: str, job: str) -> Sequence[Examined]:
    """Return whether the Flink at flink://host:port answers, and runs the job of this name."""
    host, _, port = url.removeprefix("flink://").rpartition(":")
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            found = await jobs(host.strip("[]"), int(port))
    except (OSError, ValueError, TimeoutError) as error:
        advice = f"{error or 'No answer in time'}. Check ROOST_TRENDS_URL, and that Flink runs."
        return [Examined("Flink answers", False, advice)]
    state = found.get(job, "not there")
    advice = f"It is {state}. `roost trends-job` prints it; begin it from its newest checkpoint."
    return [Examined("Flink answers", True, ""), Examined(f"Flink runs the job '{job}'", state == RUNNING, advice)]
