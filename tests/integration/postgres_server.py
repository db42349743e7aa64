"""A PostgreSQL server of its own for tests, where the machine has the program."""

import os
import pwd
import select
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from aichain.server_url import ServerUrl

DATABASE = "chain"
OWNER, PASSWORD = "keeper", "s3cret-of-keeper"
MISSING = "there is no PostgreSQL server here (apt-get install postgresql)"
_ADMIN = "admin"
_PORT = 5432  # of a socket in a folder of its own
_QUICK = ("fsync=off", "full_page_writes=off", "max_connections=32", "shared_buffers=32MB")


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`: the newest, or None where there is no server."""
    named = shutil.which("pg_config")
    told = [] if named is None else [Path(_output(named, "--bindir").strip())]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    path = [Path(each) for each in os.environ.get("PATH", "").split(os.pathsep) if each]
    found = (each for each in [*debian, *told, *path] if (each / "initdb").is_file())
    return next((each for each in found if (each / "postgres").is_file()), None)


@dataclass
class PostgresServer:
    """Listens on a unix socket in its folder; `kill` and `start` as often as a test likes."""

    folder: Path
    bin: Path
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def url(self, user: str = OWNER, password: str = PASSWORD, database: str = DATABASE) -> str:
        place = quote(str(self.folder), safe="")
        secret = f":{quote(password, safe='')}" if password else ""
        return f"postgresql://{user}{secret}@{place}:{_PORT}/{database}"

    def server_url(self, **changes: str) -> ServerUrl:
        return ServerUrl(self.url(**changes))

    def admin(self, database: str = DATABASE) -> "psycopg.Connection[tuple[object, ...]]":
        url = self.url(_ADMIN, "", database)
        return psycopg.connect(url, autocommit=True, connect_timeout=5)

    def start(self) -> None:
        settings = [word for each in _QUICK for word in ("-c", each)]
        command = [str(self.bin / "postgres"), "-D", str(self.folder / "data"), *settings]
        command += ["-k", str(self.folder), "-p", str(_PORT), "-c", "listen_addresses="]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_as_nobody(), *command], stdout=log, stderr=log, start_new_session=True
            )
        self._wait()

    def kill(self) -> None:
        """SIGKILL to all of its processes, as a power cut; afterwards none of them is left."""
        assert self.process is not None
        first = self.process.pid
        # Where one of its children dies it begins anew, with others: it is stopped before.
        os.kill(first, signal.SIGSTOP)
        os.waitid(os.P_PID, first, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        ends = [os.pidfd_open(pid) for pid in _children(first)]
        self._signal(signal.SIGKILL)
        self.process.wait(timeout=10)
        self.process = None
        for end in ends:
            is_gone, _, _ = select.select([end], [], [], 10)
            os.close(end)
            assert is_gone, "it holds the memory that the next one wants"

    def freeze(self) -> None:
        """It goes on listening and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        for pid in [*_children(self.process.pid), self.process.pid]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def _wait(self) -> None:
        ready = [str(self.bin / "pg_isready"), "-q", "-h", str(self.folder), "-p", str(_PORT)]
        for _ in range(400):
            if subprocess.run(ready, check=False).returncode == 0:
                return
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "log").read_text()
            try:
                self.process.wait(timeout=0.05)
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError((self.folder / "log").read_text())


@contextmanager
def postgres_server(bin_: Path) -> Iterator[PostgresServer]:
    """A fresh one; gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="aichain-pg-", dir="/tmp"))  # a socket's path is short
    if os.getuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
    server = PostgresServer(folder, bin_)
    make = [str(bin_ / "initdb"), "-D", str(folder / "data"), "-U", _ADMIN, "-A", "trust"]
    try:
        subprocess.run(
            [*_as_nobody(), *make, "-E", "UTF8", "--locale=C", "-N"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        rules = f"local all {_ADMIN} trust\nlocal all all scram-sha-256\n"
        (folder / "data" / "pg_hba.conf").write_text(rules)
        server.start()
        with server.admin("postgres") as connection:
            connection.execute(f"CREATE ROLE {OWNER} LOGIN PASSWORD '{PASSWORD}'")
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _as_nobody() -> list[str]:
    """PostgreSQL refuses to be run by root."""
    if os.getuid() != 0:
        return []
    user = pwd.getpwnam("nobody")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(each) for each in found.read_text().split()] if found.exists() else []


def _version(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdigit() else 0


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
