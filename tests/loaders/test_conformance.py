"""The conformance cases of twitter-text for extracting and weighing; each exception is listed with its reason."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from loaders import text as rules
from loaders.entities import Entities, extract
from loaders.text import check_text, weighted_length

DATA = Path(__file__).parents[1] / "data" / "twitter-text"
TLDS = Path(__file__).parents[2] / "../shared/data/conformance/tlds.yml"

BEFORE_EMOJI_COUNTED_AS_ONE = "the rule before v3, by which every code point of an emoji counts"
EXCEPTIONS = {
    ("tweets", "Invalid Tweet: 141 characters (due to newline)"): "the limit of 140 from before v2; now it is 280",
    ("urls", "Valid url: port and userinfo"): "of validating: a user name before the host is never extracted",
    ("urls", "Valid url: ipv6"): "of validating: a host in brackets is never extracted",
    ("urls", "Valid url: sub delims and question marks"): "of validating: an extracted query does not end in a `+`",
    (
        "WeightedTweetsCounterTest",
        "Count a mix of single byte single word, and double word unicode characters",
    ): BEFORE_EMOJI_COUNTED_AS_ONE,
    (
        "WeightedTweetsCounterTest",
        "Count unicode emoji chars outside the basic multilingual plane with skin tone modifiers",
    ): BEFORE_EMOJI_COUNTED_AS_ONE,
}


class Case(NamedTuple):
    section: str
    description: str
    text: str
    expected: Any
    found: Callable[[str], object]


def mentions(text: str) -> object:
    return [mention.handle for mention in extract(text).mentions]


def mentions_with_indices(text: str) -> object:
    return [{"screen_name": found.handle, "indices": [found.start, found.end]} for found in extract(text).mentions]


def hashtags(text: str) -> object:
    return [hashtag.text for hashtag in extract(text).hashtags]


def hashtags_with_indices(text: str) -> object:
    return [{"hashtag": found.text, "indices": [found.start, found.end]} for found in extract(text).hashtags]


def urls(text: str) -> object:
    return [url.url for url in extract(text).urls]


def urls_with_indices(text: str) -> object:
    return [{"url": found.url, "indices": [found.start, found.end]} for found in extract(text).urls]


def weighed(text: str) -> object:
    return {"weightedLength": weighted_length(text), "valid": check_text(text)[1] is None}


def is_valid(text: str) -> object:
    return check_text(text)[1] is None


def is_whole(kind: Callable[[Entities], tuple[Any, ...]]) -> Callable[[str], object]:
    """A validating case, read as one of extracting: the text is exactly one entity of its kind."""
    return lambda text: [(found.start, found.end) for found in kind(extract(text))] == [(0, len(text))]


EXTRACTING = {
    "mentions": mentions,
    "mentions_with_indices": mentions_with_indices,
    "mentions_or_lists_with_indices": mentions_with_indices,
    "hashtags": hashtags,
    "hashtags_from_astral": hashtags,
    "hashtags_with_indices": hashtags_with_indices,
    "urls": urls,
    "urls_with_indices": urls_with_indices,
    "urls_with_directional_markers": urls_with_indices,
    "tco_urls_with_params": urls,
}
VALIDATING = {
    "tweets": is_valid,
    "usernames": is_whole(lambda entities: entities.mentions),
    "hashtags": is_whole(lambda entities: entities.hashtags),
    "urls": is_whole(lambda entities: entities.urls),
    "urls_without_protocol": is_whole(lambda entities: entities.urls),
    "WeightedTweetsCounterTest": weighed,
    "WeightedTweetsWithDiscountedEmojiCounterTest": weighed,
    "UnicodeDirectionalMarkerCounterTest": weighed,
}
# Lists and cashtags are no entities here, and a reply names its tweet by id.
LEFT_OUT = {"extract.yml": {"replies", "cashtags", "cashtags_with_indices"}, "validate.yml": {"lists"}}


def expected(section: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {"weightedLength": value["weightedLength"], "valid": value["valid"]}
    if section == "mentions_or_lists_with_indices":
        # A list is no mention.
        return [{"screen_name": it["screen_name"], "indices": it["indices"]} for it in value if not it["list_slug"]]
    return value


def sections(name: str) -> dict[str, list[dict[str, Any]]]:
    loaded: dict[str, list[dict[str, Any]]] = yaml.safe_load((DATA / name).read_text(encoding="utf-8"))["tests"]
    return loaded


def cases(name: str, functions: Mapping[str, Callable[[str], object]]) -> list[Case]:
    loaded = sections(name)
    return [
        Case(section, case["description"], case["text"], expected(section, case["expected"]), found)
        for section, found in functions.items()
        for case in loaded[section]
    ]


CASES = [*cases("extract.yml", EXTRACTING), *cases("validate.yml", VALIDATING)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.section}: {case.description}"[:100])
def test_a_case_passes_exactly_if_it_is_no_listed_exception(case: Case) -> None:
    reason = EXCEPTIONS.get((case.section, case.description))
    found = case.found(case.text)
    if reason is None:
        assert found == case.expected
    else:
        assert found != case.expected, f"It passes now; take it off the exceptions ({reason})."


def test_every_exception_names_a_case() -> None:
    assert set(EXCEPTIONS) <= {(case.section, case.description) for case in CASES}


@pytest.mark.parametrize(("name", "functions"), [("extract.yml", EXTRACTING), ("validate.yml", VALIDATING)])
def test_every_section_of_cases_is_run_or_left_out_on_purpose(
    name: str, functions: Mapping[str, Callable[[str], object]]
) -> None:
    assert set(sections(name)) == functions.keys() | LEFT_OUT[name]


def test_a_url_may_end_in_every_top_level_domain_of_the_cases() -> None:
    if not TLDS.exists():
        pytest.skip("the shared folder beside the checkout, which holds tlds.yml, is absent")
    groups = yaml.safe_load(TLDS.read_text(encoding="utf-8"))["tests"]
    listed = [case for group in groups.values() for case in group]
    assert listed
    assert [case["text"] for case in listed if urls(case["text"]) != case["expected"]] == []


def test_the_weights_are_those_of_configuration_v3() -> None:
    config = json.loads((DATA / "config_v3.json").read_text(encoding="utf-8"))
    scale = config["scale"]
    assert config["maxWeightedTweetLength"] == rules.WEIGHTED_LENGTH_MAX
    assert config["transformedURLLength"] == rules.URL_WEIGHT
    assert config["defaultWeight"] == rules.HEAVY_WEIGHT * scale
    for code_range in config["ranges"]:
        assert code_range["weight"] == rules.LIGHT_WEIGHT * scale
        assert weighted_length(chr(code_range["start"])) == rules.LIGHT_WEIGHT
        assert weighted_length(chr(code_range["end"])) == rules.LIGHT_WEIGHT
        assert weighted_length(chr(code_range["end"] + 1)) == rules.HEAVY_WEIGHT
        if code_range["start"]:
            assert weighted_length(chr(code_range["start"] - 1)) == rules.HEAVY_WEIGHT
