"""The introspection XML of roved's one object, made from METHODS."""

from client.bus.interface import EVENT_SIGNAL, INTERFACE, METHODS, OBJECT_PATH, Method

_HEAD = ('<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"\n'
         ' "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">\n')


def introspect(path: str) -> str:
    """For any object path: the object itself, a step on the way to it, or nothing."""
    if path == OBJECT_PATH:
        methods = "".join(_method(row) for row in METHODS.values())
        return (f'{_HEAD}<node>\n <interface name="{INTERFACE}">\n{methods}'
                f'  <signal name="{EVENT_SIGNAL}"><arg type="s"/></signal>\n </interface>\n</node>\n')
    parts = path.rstrip("/") + "/"
    if OBJECT_PATH.startswith(parts):
        return f'{_HEAD}<node>\n <node name="{OBJECT_PATH[len(parts):].split("/")[0]}"/>\n</node>\n'
    return f"{_HEAD}<node/>\n"


def _method(row: Method) -> str:
    arguments = [(kind, "in") for kind in _types(row.signature)] + [(kind, "out") for kind in _types(row.returns)]
    inner = "".join(f'<arg type="{kind}" direction="{way}"/>' for kind, way in arguments)
    return f'  <method name="{row.name}">{inner}</method>\n'


def _types(signature: str) -> list[str]:
    """The complete types of a signature; METHODS has basic types and a{sv} only."""
    types = []
    while signature:
        size = signature.index("}") + 1 if signature.startswith("a{") else 1
        types.append(signature[:size])
        signature = signature[size:]
    return types
