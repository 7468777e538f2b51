"""What a detection can be refused for."""


class DetectionError(ValueError):
    """A detection cannot be loaded or rendered.

    `detection` is the folder's name, `where` the field or key, `reason` what would be right.
    """

    def __init__(self, detection: str, where: str, reason: str) -> None:
        super().__init__(f"detection {detection}: {where}: {reason}")
        self.detection = detection
        self.where = where
        self.reason = reason


class SelectionError(ValueError):
    """A configuration names a detection or a pack that the catalog does not have.

    `key` is the configuration's key.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason
