import subprocess
from pathlib import Path

import pytest

pytest.register_assert_rewrite(
    "tests.end_to_end.clients_page",
    "tests.end_to_end.fleet",
    "tests.end_to_end.load",
    "tests.web.serving",
)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with key.pem and a cert.pem for 127.0.0.1 that signs itself."""
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)
    return folder
