"""Settings of a cluster: whole or not at all, one secret, and a file of variables behind the environment's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.adapters.s3_address import S3Address
from infra.settings import Settings
from infra.settings_given import SettingsError
from tests.infra.settings_given import load, problems

__all__ = ["load", "problems"]
CLUSTER = {
    "ROOST_LOG_URL": "kafka://127.0.0.1:9092,127.0.0.1:9093/roost",
    **dict.fromkeys(
        ("ROOST_USERS_URL", "ROOST_TWEETS_URL", "ROOST_GRAPH_URL", "ROOST_KEYS_URL"), "cassandra://db:9042/roost?dc=dc1"
    ),
    "ROOST_TIMELINES_URL": "redis-cluster://cache:7000,cache:7001",
    "ROOST_BROADCAST_URL": "redis://cache:6379/1",
    "ROOST_TOKEN_KEY": "s" * 32,
}


def test_urls_of_servers_make_a_cluster(load: Callable[..., Settings]) -> None:
    assert load().is_embedded
    assert not load(**CLUSTER).is_embedded


def test_a_cluster_is_whole_and_its_gateways_share_a_secret(problems: Callable[..., tuple[str, ...]]) -> None:
    assert problems(**CLUSTER | {"ROOST_TWEETS_URL": "sqlite://"}) == (
        "ROOST_TWEETS_URL: with a cluster's URL for one part, every part needs one",
    )
    assert problems(**CLUSTER | {"ROOST_TOKEN_KEY": ""}) == (
        "ROOST_TOKEN_KEY: a cluster's gateways need one secret that all share",
    )


def test_opensearch_is_a_clusters(load: Callable[..., Settings], problems: Callable[..., tuple[str, ...]]) -> None:
    url = "opensearchs://user:secret@search:9200,search2:9200/roost-tweets"

    assert load(**CLUSTER | {"ROOST_SEARCH_URL": url}).search_url == url
    assert "secret" not in str(load(**CLUSTER | {"ROOST_SEARCH_URL": url}).shown())
    assert problems(ROOST_SEARCH_URL=url) == (
        "ROOST_SEARCH_URL: a data folder has its own index, OpenSearch is a cluster's",
    )
    assert "opensearch://host:port,.../index" in problems(ROOST_SEARCH_URL="opensearch://search:9200")[0]


S3 = "s3://key:secret%2F+@127.0.0.1:7070/roost/media?region=eu-central-1&tls=no"


def test_a_cluster_may_keep_its_media_in_s3_and_a_folder_keeps_its_own(
    load: Callable[..., Settings], problems: Callable[..., tuple[str, ...]]
) -> None:
    assert load(**CLUSTER).media_url == load().media_url == "folder://"

    settings = load(**CLUSTER, ROOST_MEDIA_URL=S3)

    assert S3Address.parse(settings.media_url) == S3Address(
        "http://127.0.0.1:7070", "roost", "media/", "eu-central-1", "key", "secret/+"
    )
    assert settings.shown()["media_url"] == S3.replace("secret%2F+", "***")
    assert problems(ROOST_MEDIA_URL=S3) == (
        "ROOST_MEDIA_URL: S3 is for a cluster; a data folder keeps its media in itself",
    )
    for wrong in ("s3://127.0.0.1", "s3://host/Bucket", "s3://a:b/c@host/bucket", "s3://host/bucket?tls=yes"):
        (problem,) = problems(**CLUSTER | {"ROOST_MEDIA_URL": wrong})
        assert problem.startswith("ROOST_MEDIA_URL is 's3://")
        assert "b/c" not in problem


@pytest.mark.parametrize(
    ("url", "endpoint", "prefix", "region", "keys"),
    [
        ("s3://s3.amazonaws.com/bucket", "https://s3.amazonaws.com", "", "us-east-1", (None, None)),
        ("s3://key:a@host:9000/bucket/x", "https://host:9000", "x/", "us-east-1", ("key", "a")),
        ("s3://[::1]:70/bucket?region=eu-1", "https://[::1]:70", "", "eu-1", (None, None)),
    ],
)
def test_a_bucket_has_one_url(
    url: str, endpoint: str, prefix: str, region: str, keys: tuple[str | None, str | None]
) -> None:
    assert S3Address.parse(url) == S3Address(endpoint, "bucket", prefix, region, *keys)


def test_a_secret_is_shown_nowhere(load: Callable[..., Settings], problems: Callable[..., tuple[str, ...]]) -> None:
    assert load(**CLUSTER).shown()["token_key"] == "***"
    assert problems(ROOST_TOKEN_KEY="too-short") == (
        "ROOST_TOKEN_KEY is '***'; allowed is a secret of at least 32 characters, or nothing",
    )


def test_a_file_of_variables_stands_behind_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "cluster.env"
    file.write_text("# a cluster\n\nROOST_PORT=7000\nexport ROOST_HOST='::'\nPATH=elsewhere\n")

    settings = Settings.load({"ROOST_PORT": "9000", "ROOST_DATA_DIR": str(tmp_path), "ROOST_ENV_FILE": str(file)})

    assert (settings.port, settings.host) == (9000, "::")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("ROOST_PORT", "line 1 is not NAME=value"),
        ("\n=3", "line 2 is not NAME=value"),
        (None, "is no file that can be read"),
    ],
)
def test_a_file_of_variables_that_cannot_be_read_is_told(tmp_path: Path, content: str | None, problem: str) -> None:
    file = tmp_path / "cluster.env"
    if content is not None:
        file.write_text(content)

    with pytest.raises(SettingsError) as told:
        Settings.load({"ROOST_DATA_DIR": str(tmp_path), "ROOST_ENV_FILE": str(file)})

    assert told.value.problems == (f"{file}: {problem}",)
