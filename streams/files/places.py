"""Where the files of a source are: in a folder of this machine, or of another one that a connection names."""

from __future__ import annotations

from connectors.hub.connections import folded
from connectors.hub.contract import Refused
from connectors.sftp.address import Server, server_of
from connectors.sftp.line import Line
from streams.files.declared import Source
from streams.files.folder import Folder
from streams.files.remote import RemoteFolder
from streams.ground.errors import ConfigurationError
from streams.processors.call.connections import Addresses

AnyFolder = Folder | RemoteFolder


def folder_of(source: Source, addresses: Addresses) -> AnyFolder:
    """The folder of a source; to be closed. A server is connected to when it is first looked at."""
    if source.connection is None:
        return Folder(source.folder, source.match)
    name = folded(source.connection)

    def server() -> Server:
        url = addresses.urls().get(name)
        if url is None:
            raise ConfigurationError(f"connection {name} has no address; add it to connections.yaml")
        try:
            return server_of(name, url, addresses.identity(name).ssh)
        except Refused as refusal:
            raise ConfigurationError(refusal.outcome.detail) from None

    return RemoteFolder(Line(server), source.folder, source.match)
