"""What every test of the router shares."""

from collections.abc import Iterator

import certifi
import pytest


@pytest.fixture(scope="session", autouse=True)
def _few_certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing here speaks TLS, and every client would load all the roots of the world: half of
    these tests' time."""
    end = "-----END CERTIFICATE-----\n"
    first = certifi.contents().partition(end)
    file = tmp_path_factory.mktemp("certificates") / "one.pem"
    file.write_text(first[0] + end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        yield
