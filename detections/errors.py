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
