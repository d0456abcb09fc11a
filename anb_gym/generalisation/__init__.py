"""How well designs are made for a device nobody has seen: devices, protocol, methods, scores."""
