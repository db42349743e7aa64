"""Addresses of database servers: which are taken, and that no password of one is ever shown."""

import pytest

from aichain.config import NodeConfig, resolve_settings
from aichain.config_values import IndexMode
from aichain.errors import ConfigError
from aichain.server_url import ServerUrl, hide_password
from tests.unit.aichain.test_config import make_config

SECRET = "pa55w0rd"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://", "postgresql://"),
        ("postgres://db", "postgres://db"),
        ("postgresql://u@h:5432/d", "postgresql://u@h:5432/d"),
        (f"postgresql://u:{SECRET}@h/d", "postgresql://u:***@h/d"),
        (f"postgresql://u:{SECRET}%40%2F@h,[::1]:1/d", "postgresql://u:***@h,[::1]:1/d"),
        ("postgresql://u@%2Frun%2Fpg/d", "postgresql://u@%2Frun%2Fpg/d"),
        ("postgresql:///d?host=/run/pg&service=s", "postgresql:///d?host=/run/pg&service=s"),
        (f"postgresql://h/?password={SECRET}", "postgresql://h/?password=***"),
        (f"postgresql://h?pass%77ord={SECRET}", "postgresql://h?password=***"),
        (f"postgresql://h?sslpassword={SECRET}&sslmode=verify-full", None),
        (f"postgresql://h?options=-c%20x%3D{SECRET}", "postgresql://h?options=***"),
    ],
)
def test_an_address_is_shown_without_what_is_secret_in_it(text: str, shown: str | None) -> None:
    url = ServerUrl(text)
    assert url.text == text
    assert shown is None or str(url) == shown
    for each in (str(url), repr(url), f"{url}", hide_password(f"--index-url={text}")):
        assert SECRET not in each


@pytest.mark.parametrize(
    "text",
    [
        *("", "h", "mysql://h", "postgresql:/h", "http://h/postgresql://", "postgresql://h /d"),
        f"postgresql://u:{SECRET}/x@h/d",  # read as a host u with this port
        f"postgresql://u:?{SECRET}@h/d",
        f"postgresql://u:#{SECRET}@h/d",
        f"postgresql://u:{SECRET}@x@h/d",
        f"postgresql://u:{SECRET}",
        f"postgresql://u:{SECRET}/d",
        f"postgresql://[{SECRET}",
        f"postgresql://u:{SECRET}@h/d%00",
        f"postgresql://u:{SECRET}ü@h/d",
        f"postgresql://u:{SECRET}\n@h/d",
        f"postgresql://u:{SECRET}@h/" + "d" * 2048,
    ],
)
def test_what_two_readers_could_take_apart_in_two_ways_is_refused_and_not_repeated(
    text: str,
) -> None:
    with pytest.raises(ConfigError) as refused:
        resolve_settings({"index_url": text}, {}, {})
    assert "index_url" in refused.value.reason
    assert "postgresql://USER@HOST/DATABASE" in refused.value.reason
    assert SECRET not in refused.value.reason + refused.value.fix + str(refused.value)
    assert SECRET not in hide_password(text) or not text.startswith("postgres")


def test_it_comes_from_each_layer() -> None:
    given = "postgresql://h"
    for settings in (
        resolve_settings({"index_url": given}, {}, {}),
        resolve_settings({}, {"AICHAIN_INDEX_URL": given}, {}),
        resolve_settings({}, {}, {"index_url": given}),
    ):
        assert settings.index_url == ServerUrl(given)
    assert resolve_settings({}, {}, {}).index_url is None


def test_a_node_that_keeps_no_index_of_accounts_has_nothing_for_a_server() -> None:
    url = ServerUrl(f"postgresql://u:{SECRET}@h")
    config = make_config(index=IndexMode.FULL, index_url=url)
    assert isinstance(config, NodeConfig)
    assert SECRET not in repr(config)
    with pytest.raises(ConfigError, match="index is tx") as refused:
        make_config(index_url=url)
    assert "--index full" in refused.value.fix
