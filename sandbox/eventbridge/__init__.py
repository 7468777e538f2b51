"""EventBridge: buses, rules and targets with the checks of AWS, and deliveries."""
