"""One artifact from the public Maven repository, by `jgo`: pure Python, no Maven, no repository address of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

ATTEMPTS = 3
UNTRUSTED = (
    "the certificate of the repository, or of a proxy before it, is not trusted: name the file of authorities that "
    "signed it in REQUESTS_CA_BUNDLE"
)


class NotDownloadable(Exception):
    """The repository cannot be reached, or it does not have the file; the text says which."""


def download(
    group: str,
    artifact: str,
    version: str,
    classifier: str,
    packaging: str,
    staging: Path,
    advance: Callable[[int], None],
    mirror: str = "",
) -> Path:
    """Downloads one file into `staging`, telling `advance` of each piece in bytes; raises NotDownloadable.

    `mirror` is asked in place of the public repository, where a site has one. The file is not verified here.
    """
    # Imported here: a start from a full cache does not pay for them.
    import requests
    from jgo.maven import MavenContext, PythonResolver

    for attempt in range(1, ATTEMPTS + 1):
        context = MavenContext(
            resolver=PythonResolver(progress_callback=_told(advance)),
            repo_cache=staging / str(attempt),
            remote_repos={"mirror": mirror} if mirror else None,
        )
        component = context.project(group, artifact).at_version(version)
        try:
            path: Path = component.artifact(classifier=classifier, packaging=packaging).resolve()
        except requests.exceptions.SSLError:
            raise NotDownloadable(UNTRUSTED) from None
        except requests.RequestException:
            continue
        except RuntimeError:
            raise NotDownloadable("the repository does not have it") from None
        return path
    raise NotDownloadable("the repository does not answer")


def _told(advance: Callable[[int], None]) -> Callable[[str, int], AbstractContextManager[Callable[[int], None]]]:
    @contextmanager
    def progress(filename: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
        yield advance

    return progress
