"""A running network whose state file is damaged: it is ended, and goes on from where it was."""

import json
import os
import signal
from pathlib import Path

from aichain.cli.exit_codes import CommandExit
from tests.integration.test_cli_localnet import free_base_port, run


def test_a_network_survives_the_loss_of_its_state_file(tmp_path: Path) -> None:
    net, ports = tmp_path / "net", free_base_port()
    up = ("up", "--detach", "--validators", 1, "--dir", net, "--base-port", ports)
    try:
        assert run(*up).returncode == 0
        before = json.loads(run("status", "--json", "--dir", net).stdout)
        supervisor = json.loads((net / "localnet.json").read_bytes())["supervisor"]["pid"]
        os.kill(supervisor, signal.SIGKILL)  # it would write the file again
        (net / "localnet.json").write_bytes(b"")
        asked = run("status", "--dir", net)
        assert asked.returncode == CommandExit.LOCALNET
        assert "localnet.json cannot be read" in asked.stderr
        done = run("down", "--dir", net)
        assert done.returncode == 0, done.stderr
        again = run(*up)
        assert again.returncode == 0, again.stderr
        after = json.loads(run("status", "--json", "--dir", net).stdout)
        assert after["genesisHash"] == before["genesisHash"]
        assert after["height"] > before["height"]
    finally:
        run("down", "--dir", net)
