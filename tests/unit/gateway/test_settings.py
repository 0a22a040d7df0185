"""Settings: what they keep to themselves."""

from gateway.settings import Settings


def test_settings_show_no_secret_when_printed():
    settings = Settings(
        database_url="postgresql://folioql:hunter2@localhost/folioql",
        secret="a secret that is only good for tests, and long",
    )
    for shown in (repr(settings), str(settings), f"{settings}"):
        assert "hunter2" not in shown
        assert "only good for tests" not in shown
        assert "port=8000" in shown
