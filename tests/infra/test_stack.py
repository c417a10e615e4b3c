"""The stack without its servers: ports, what it configures, the settings that it writes, and its command line."""

import os
import random
import re
import socket
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from infra.adapters.s3_address import S3Address
from infra.cli.main import app
from infra.settings import Settings
from infra.settings_file import read_env_file
from infra.stack.artefacts import ARTEFACTS
from infra.stack.built import VERSION
from infra.stack.cassandra_files import Place, java_options, yaml_of
from infra.stack.flink import job_text, newest_checkpoint
from infra.stack.kafka import properties
from infra.stack.opensearch import java_options as opensearch_options
from infra.stack.opensearch import yaml_of as opensearch_yaml
from infra.stack.ports import PORTS, ports_of
from infra.stack.redis import redis_conf
from infra.stack.server import Server
from infra.stack.stack import KINDS, Choice, write_settings
from infra.stack.state import StackState
from loaders.errors import Unavailable

DEPLOY = Path(__file__).parents[2] / "infra" / "deploy"


def test_ports_are_distinct_lie_below_those_of_clients_and_stay_with_their_folder(tmp_path: Path) -> None:
    names = [str(number) for number in range(50)]

    drawn = ports_of(tmp_path, names, random.Random(1))

    assert len(set(drawn.values())) == 50
    assert set(drawn.values()) <= set(PORTS)
    assert ports_of(tmp_path, names, random.Random(2)) == drawn


def test_a_port_that_somebody_else_took_meanwhile_is_named(tmp_path: Path) -> None:
    port = ports_of(tmp_path, ["one"], random.Random())["one"]

    with socket.create_server(("127.0.0.1", port)), pytest.raises(Unavailable, match=f"Port {port}.*in use"):
        ports_of(tmp_path, ["one"], random.Random())


def test_redis_neither_evicts_nor_writes_to_disk() -> None:
    lines = redis_conf(20_001).splitlines()

    assert {"maxmemory-policy volatile-ttl", "appendonly no", 'save ""', "bind 127.0.0.1", "port 20001"} <= set(lines)


@pytest.mark.parametrize(("voters", "replicas", "in_sync"), [([1], "1", "1"), ([1, 2, 3], "3", "2")])
def test_kafka_keeps_what_it_acknowledged(voters: list[int], replicas: str, in_sync: str) -> None:
    lines = dict(line.split("=", 1) for line in properties(1, 20_001, voters).splitlines())

    assert lines["min.insync.replicas"] == lines["transaction.state.log.min.isr"] == in_sync
    assert lines["default.replication.factor"] == lines["offsets.topic.replication.factor"] == replicas
    assert lines["unclean.leader.election.enable"] == lines["auto.create.topics.enable"] == "false"
    assert lines["controller.quorum.voters"].count("127.0.0.1:") == len(voters)


def test_cassandra_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    place = Place(tmp_path / "a folder: #1", "127.0.1.2", "dc1", "127.0.1.1", 20_001, 20_002)

    read = yaml.safe_load(yaml_of(place))

    assert (read["commitlog_sync"], read["paxos_variant"]) == ("group", "v2")
    assert read["seed_provider"][0]["parameters"] == [{"seeds": "127.0.1.1:20002"}]
    assert read["commitlog_directory"] == str(tmp_path / "a folder: #1" / "data" / "commitlog")
    assert "-Dcassandra.jmx.local.port=20003" in java_options(place, tmp_path, 20_003)


def test_opensearch_stays_on_the_loopback_and_makes_no_index_that_nobody_described(tmp_path: Path) -> None:
    place = tmp_path / "a folder: #1"

    read = yaml.safe_load(opensearch_yaml(place, 20_001, 20_002))

    assert (read["network.host"], read["http.port"], read["transport.port"]) == ("127.0.0.1", 20_001, 20_002)
    assert (read["discovery.type"], read["action.auto_create_index"]) == ("single-node", False)
    assert read["path.data"] == str(place / "data")
    assert {"-Xms512m", "-Xmx512m"} <= set(opensearch_options(tmp_path, place, place))


@pytest.mark.parametrize("choice", [Choice(), Choice(dcs=2, kafka=3, is_redis_cluster=True)])
def test_roost_takes_the_settings_that_are_written(tmp_path: Path, choice: Choice) -> None:
    path = tmp_path / "settings.env"
    cache = "redis-cluster" if choice.is_redis_cluster else "redis"
    urls = {
        cache: f"{cache}://127.0.0.1:1",
        "kafka": "kafka://127.0.0.1:2,127.0.0.1:3",
        "cassandra": "cassandra://127.0.0.1:4/roost?dc=dc1",
        "opensearch": "opensearch://127.0.0.1:5/roost",
        "s3": "s3://key:secret@127.0.0.1:6/roost?tls=no",
        "flink": "flink://127.0.0.1:7",
    }

    write_settings(path, urls, choice, new_key=lambda: "k" * 32)
    settings = Settings.load({"ROOST_DATA_DIR": str(tmp_path), "ROOST_ENV_FILE": str(path)})

    read = (settings.timelines_url, settings.log_url, settings.keys_url, settings.search_url, settings.media_url)
    assert (*read, settings.trends_url) == tuple(urls.values())
    assert (settings.replication, settings.token_key) == (3 if choice.dcs == 2 else 1, "k" * 32)
    assert path.stat().st_mode & 0o077 == 0


def test_what_others_may_read_of_a_stack_tells_no_keys() -> None:
    async def never() -> bool:
        return False

    server = Server("s3", "s3://key:secret@127.0.0.1:1/roost?tls=no", (), 1.0, never)

    (told,) = StackState(1, Choice()).of([server], set()).servers

    assert told.url == "s3://key:***@127.0.0.1:1/roost?tls=no"


def test_a_secret_that_was_written_once_stays(tmp_path: Path) -> None:
    write_settings(tmp_path / "settings.env", {}, Choice(), new_key=lambda: "first" * 8)
    write_settings(tmp_path / "settings.env", {}, Choice(), new_key=lambda: "second" * 8)

    assert read_env_file(tmp_path / "settings.env")["ROOST_TOKEN_KEY"] == "first" * 8


def test_the_command_line_says_when_nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOST_DATA_DIR", str(tmp_path))

    status, down, logs = (CliRunner().invoke(app, ["stack", *words]) for words in (["status"], ["down"], ["logs", "x"]))

    assert (status.exit_code, status.output) == (1, "Nothing is running.\n")
    assert (down.exit_code, down.output) == (0, "Nothing was running.\n")
    assert (logs.exit_code, logs.output.startswith("There is no x in")) == (1, True)


def test_docker_gets_the_same_servers_pinned_watched_and_on_loopback_alone() -> None:
    composed = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = composed["services"]

    assert services.keys() == {"kafka", "cassandra", "redis", "opensearch", "s3", "flink"}
    assert all(re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", service["image"]) for service in services.values())
    versions = {name: service["image"].split(":")[1] for name, service in services.items()}
    assert {artefact.name: artefact.version for artefact in ARTEFACTS}.items() <= versions.items()
    assert versions["s3"] == f"v{VERSION}"
    assert all(service["healthcheck"]["test"][0] == "CMD" for service in services.values())
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service["ports"])
    mounts = {mount.split(":")[0] for service in services.values() for mount in service.get("volumes", ())}
    volumes = {mount for mount in mounts if not mount.startswith("./")}
    assert (DEPLOY / "flink.sh").exists()
    assert volumes == composed["volumes"].keys()
    assert "password" not in (DEPLOY / "compose.yaml").read_text().lower().replace("without passwords", "")


def test_what_docker_serves_is_what_its_settings_name() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    published = {port.rpartition(":")[0] for service in services.values() for port in service["ports"]}

    read = read_env_file(DEPLOY / "settings.env")

    assert {re.sub(r"^\w+://(?:[^/@]*@)?([^/]+).*", r"\1", url) for url in read.values()} == published
    assert read.keys() == {f"ROOST_{name.upper()}" for kind in KINDS.values() for name in kind.settings}
    assert Settings.load({**read, "ROOST_DATA_DIR": "none", "ROOST_TOKEN_KEY": "k" * 32}).log_url in read.values()
    assert "volatile-ttl" in services["redis"]["command"]
    assert "paxos_variant=v2" in services["cassandra"]["environment"]["JVM_EXTRA_OPTS"]
    bucket, keys = S3Address.parse(read["ROOST_MEDIA_URL"]), services["s3"]["environment"]
    assert (bucket.access_key, bucket.secret_key) == (keys["ROOT_ACCESS_KEY"], keys["ROOT_SECRET_KEY"])


def test_flink_begins_from_the_newest_checkpoint_that_is_whole(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) is None
    for seconds, name in ((30, "one/chk-9"), (20, "two/chk-1")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "_metadata").touch()
        os.utime(tmp_path / name / "_metadata", (1_000 - seconds, 1_000 - seconds))
    (tmp_path / "two" / "chk-2").mkdir()

    newest = newest_checkpoint(tmp_path)

    assert newest == tmp_path / "two" / "chk-1"
    lines = job_text(20_001, tmp_path, newest, "INSERT ...").splitlines()
    assert f"SET 'execution.state-recovery.path' = '{newest.as_uri()}';" in lines
    assert lines[-1] == "INSERT ..."
    assert "state-recovery" not in job_text(20_001, tmp_path, None, "")


def test_the_container_begins_the_job_likewise(tmp_path: Path) -> None:
    checkpoints, client = tmp_path / "checkpoints", tmp_path / "bin" / "sql-client.sh"
    (checkpoints / "one" / "chk-3").mkdir(parents=True)
    (checkpoints / "one" / "chk-3" / "_metadata").touch()
    client.parent.mkdir()
    client.write_text('#!/bin/sh\ncat "$4"\n')
    client.chmod(0o755)
    (tmp_path / "job.sql").write_text("INSERT ...\n")
    given = {"CHECKPOINTS": checkpoints, "JOB": tmp_path / "job.sql", "CONNECTOR": "c.jar", "FLINK_HOME": tmp_path}

    done = subprocess.run(
        ["bash", str(DEPLOY / "flink.sh")], env=os.environ | {name: str(each) for name, each in given.items()},
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    lines = done.stdout.splitlines()
    assert f"SET 'execution.state-recovery.path' = 'file://{checkpoints}/one/chk-3';" in lines
    assert f"SET 'execution.checkpointing.dir' = 'file://{checkpoints}';" in lines
    assert lines[-1] == "INSERT ..."


def test_the_job_that_is_printed_names_the_topics_of_the_log_that_is_given() -> None:
    printed = CliRunner().invoke(app, ["trends-job", "kafka://kafka:9094/mine"])

    assert printed.exit_code == 0
    assert "'properties.bootstrap.servers' = 'kafka:9094'" in printed.output
    assert "'topic' = 'mine.trend-terms'" in printed.output
    assert "$" not in printed.output
    assert CliRunner().invoke(app, ["trends-job", "sqlite://"]).exit_code == 2
