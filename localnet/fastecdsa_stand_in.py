"""Writes a wheel that stands in for fastecdsa on machines without a C compiler and GMP.

py-libp2p 0.8.1 requires fastecdsa 2.3.2, of which there is no wheel, for the P-256 keys of SECIO,
a handshake that no node of ours speaks (Noise with Ed25519 is the only one). Its modules are
imported all the same. The stand-in has the names that are imported and refuses when one is used.

Usage: python fastecdsa_stand_in.py FOLDER      prints the path of the wheel
"""

import base64
import hashlib
import sys
import zipfile
from pathlib import Path

NAME = "fastecdsa"
VERSION = "2.3.2+standin"
INFO = f"{NAME}-{VERSION}.dist-info"
REFUSAL = '''"""Stands in for fastecdsa, which could not be compiled here; nothing of it works."""


class Absent:
    """Any use is an error: P-256 is not needed by this node."""

    def __init__(self, *_: object, **__: object) -> None:
        raise RuntimeError("fastecdsa is not installed: P-256 keys cannot be used")


def absent(*_: object, **__: object) -> None:
    raise RuntimeError("fastecdsa is not installed: P-256 keys cannot be used")
'''
FILES = {
    "fastecdsa/__init__.py": REFUSAL,
    "fastecdsa/curve.py": "from fastecdsa import Absent as Curve\n\nP256 = None\n",
    "fastecdsa/point.py": "from fastecdsa import Absent as Point\n",
    "fastecdsa/keys.py": (
        "from fastecdsa import Absent as PEMEncoder\n"
        "from fastecdsa import absent as export_key\n"
        "from fastecdsa import absent as gen_private_key\n"
        "from fastecdsa import absent as get_public_key\n"
    ),
    "fastecdsa/encoding/__init__.py": "",
    "fastecdsa/encoding/sec1.py": "from fastecdsa import Absent as SEC1Encoder\n",
    "fastecdsa/encoding/util.py": "from fastecdsa import absent as int_bytelen\n",
    f"{INFO}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n",
    f"{INFO}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}


def write_wheel(folder: Path) -> Path:
    """The wheel's path; its bytes are always the same."""
    path = folder / f"{NAME}-{VERSION}-py3-none-any.whl"
    record = [f"{name},{_digest(text)},{len(text.encode())}" for name, text in FILES.items()]
    files = FILES | {f"{INFO}/RECORD": "\n".join([*record, f"{INFO}/RECORD,,", ""])}
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(zipfile.ZipInfo(name), text)
    return path


def _digest(text: str) -> str:
    raw = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
    return "sha256=" + raw.decode().rstrip("=")


if __name__ == "__main__":
    sys.stdout.write(f"{write_wheel(Path(sys.argv[1]))}\n")
