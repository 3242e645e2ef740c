"""Settings of a process, read once from the environment (RALLYPOINT_*) or a TOML file (RALLYPOINT_CONFIG).

Everything about the product (teams, services, policies) lives in the database instead.
"""

import os
from ipaddress import ip_network
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource


class Settings(BaseSettings):
    """Each field is an environment variable with the prefix RALLYPOINT_, for example RALLYPOINT_PORT."""

    model_config = SettingsConfigDict(env_prefix="RALLYPOINT_", extra="ignore")

    port: int = Field(8080, ge=0, le=65535, description="Port of the web server; 0 takes any free one.")
    host: str = Field("127.0.0.1", description="Address the web server listens on.")
    data: Path = Field(Path(".rallypoint"), description="Folder for the embedded database, the key and run files.")
    database_url: str = Field("", description="PostgreSQL to use; empty means the embedded one.")
    public_url: str = Field("", description="How people reach us, for links in mails; empty means http://host:port.")
    trusted_proxies: str = Field(
        "127.0.0.1",
        description="Addresses or networks of proxies, by commas, whose X-Forwarded-For is believed; empty: nobody's.",
    )
    smtp_url: str = Field("", description="smtp://user:password@host:port, or smtps://; empty means no mail leaves.")
    mail_from: str = Field("Rallypoint <rallypoint@localhost>", description="Sender of mails.")
    smtp_listen: str = Field("", description="host:port to accept replies by mail on; empty means off.")
    allow_private_targets: bool = Field(
        False, description="Let outgoing webhooks reach loopback and private addresses (tests, closed networks)."
    )
    largest_file_mb: int = Field(
        50, ge=1, le=1000, description="How large a file of an incident may be, in millions of bytes."
    )
    log_level: str = Field("info", description="debug, info, warning or error.")
    secret_key_file: Path | None = Field(None, description="Key that seals secrets; empty means DATA/secret.key.")
    demo: bool = Field(False, description="Serve the demo company's sandbox phone.")

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, given: str) -> str:
        """Each an address or a network. Everybody ("*") is refused: then anybody could give any address as theirs."""
        proxies = [one.strip() for one in given.split(",") if one.strip()]
        for one in proxies:
            try:
                ip_network(one)
            except ValueError:
                raise ValueError(f"{one!r} is neither an address nor a network like 10.0.0.0/8") from None
        return ",".join(proxies)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        config = os.environ.get("RALLYPOINT_CONFIG", "")
        toml = (TomlConfigSettingsSource(settings_cls, Path(config)),) if config else ()
        return (init_settings, env_settings, *toml)

    @property
    def largest_file(self) -> int:
        """How many bytes a file of an incident may have."""
        return self.largest_file_mb * 1_000_000

    @property
    def base_url(self) -> str:
        """The root of every link we hand out, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")
