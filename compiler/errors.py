"""The errors of the compiler."""


class DetectionError(ValueError):
    """A detection cannot be loaded or compiled.

    `detection` is the name of its folder, `where` the field or the key of the rule, `reason` says
    what is wrong and what is expected.
    """

    def __init__(self, detection: str, where: str, reason: str) -> None:
        super().__init__(f"detection {detection}: {where}: {reason}")
        self.detection = detection
        self.where = where
        self.reason = reason


class UnsupportedConditionError(ValueError):
    """The syntax of filter patterns cannot express a comparison of a rule with a field."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class SelectionError(ValueError):
    """A configuration names a detection or a pack that the catalog does not have.

    `key` is the key of the configuration.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason
