"""Local servers that speak the real protocols, for development, tests and the demo.

Owns: starting, checking, watching and stopping a MongoDB-, Redis-, Kafka- and Algolia-compatible server as
child processes (`EmbeddedServers`), and the state directory in which a second process finds them
(`running_servers`). Does not own: clients, settings, or anything that production runs. The servers are for
one developer's machine: they listen on 127.0.0.1 alone and ask for no password.

Needs Linux or macOS and the extra `embedded`.
"""

from docstore.embedded.endpoints import settings_for
from docstore.embedded.services import SERVICES
from docstore.embedded.state import running_servers
from docstore.embedded.supervisor import EmbeddedServers

__all__ = ["SERVICES", "EmbeddedServers", "running_servers", "settings_for"]
