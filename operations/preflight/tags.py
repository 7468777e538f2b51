"""Tags, by which resources say whose they are."""

from collections.abc import Iterable, Mapping

from config.settings import Settings


def tags_of(listed: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """From a list of {Key, Value}, as most services have it; KMS says {TagKey, TagValue}."""
    return {
        tag.get("Key", tag.get("TagKey", "")): tag.get("Value", tag.get("TagValue", ""))
        for tag in listed
    }


def is_rootwatchs(settings: Settings, tags: Mapping[str, str]) -> bool:
    """By the tag that each stack puts on all that it makes: of this deployment or a former one."""
    return tags.get("project") == settings.name_prefix
