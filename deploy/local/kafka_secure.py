"""A secure Kafka: like `kafka`, but only with TLS and a login, also between its own parts."""

import base64
import json
import time
from functools import partial
from pathlib import Path
from typing import Final

from deploy.local import credentials, kafka
from deploy.local.login import USER, Secrets
from deploy.local.server import Kind
from hashtide.kafka.security import security
from hashtide.ports import HOST
from hashtide.settings import Common, load

SCRAM: Final = ("SCRAM-SHA-512", "SCRAM-SHA-256")
MODULES: Final = "org.apache.kafka.common.security"


def kind(folder: Path, every_way: bool) -> Kind:
    """A secure Kafka. Its certificates and password are stored in this folder; missing ones are made.

    `every_way`, for tests, adds: OAUTHBEARER with unsigned tokens (`unsigned`); mutual TLS without a login, on a third
    port; and ACLs, where a resource without ACLs is open to all.
    """
    return Kind(
        "kafka",
        HOST + ":{port}",
        3 if every_way else 2,
        partial(_prepare, folder, every_way),
        partial(_answers, folder),
    )


def exports(folder: Path) -> dict[str, str]:
    """The login settings of a client, without the address. Their values are file paths."""
    secrets = Secrets(folder)
    return {
        "HASHTIDE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "HASHTIDE_KAFKA_CA_FILE": str(secrets.ca),
        "HASHTIDE_KAFKA_USER": USER,
        "HASHTIDE_KAFKA_PASSWORD_FILE": str(secrets.password_file),
    }


def unsigned(user: str, seconds: int = 3600) -> str:
    """A token that names a user without a signature: an unsecured JWS (RFC 7515, appendix A.5)."""
    now = int(time.time())
    parts = {"alg": "none"}, {"sub": user, "iat": now, "exp": now + seconds}
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def _prepare(folder: Path, every_way: bool, home: Path, ports: tuple[int, ...], short_lived: bool) -> list[str]:
    secrets = credentials.make(folder)
    home.chmod(0o700)  # its data contain SCRAM credentials
    users = [f"{mechanism}=[name={USER},password={secrets.password}]" for mechanism in SCRAM]
    return kafka.prepared(home, ports[1], _listeners(secrets, every_way, ports), users, short_lived)


def _listeners(secrets: Secrets, every_way: bool, ports: tuple[int, ...]) -> dict[str, str]:
    """The listener settings. Paths are relative to the home, the process's working folder: a properties file is
    Latin-1, and an absolute path may not be."""
    here, password = f"../{secrets.folder.name}", secrets.password
    addresses, protocols = {"SECURE": ports[0], "CONTROLLER": ports[1]}, "SECURE:SASL_SSL,CONTROLLER:SSL"
    mechanisms = [*SCRAM, "PLAIN"]
    more = {}
    if every_way:
        mechanisms.append("OAUTHBEARER")
        addresses, protocols = addresses | {"MUTUAL": ports[2]}, f"{protocols},MUTUAL:SSL"
        module = f"{MODULES}.oauthbearer.OAuthBearerLoginModule"
        more = {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
            "super.users": f"User:{USER};User:CN=kafka",  # the second is the broker's user at the controller
            "listener.name.mutual.ssl.client.auth": "required",
            "listener.name.secure.oauthbearer.sasl.jaas.config": f"{module} required;",
            "listener.name.secure.oauthbearer.sasl.server.callback.handler.class": (
                f"{MODULES}.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler"
            ),
        }
    listeners = {name: f"{name}://{HOST}:{port}" for name, port in addresses.items()}
    return {
        "listeners": ",".join(listeners.values()),
        "advertised.listeners": ",".join(at for name, at in listeners.items() if name != "CONTROLLER"),
        "listener.security.protocol.map": protocols,
        "inter.broker.listener.name": "SECURE",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "listener.name.secure.sasl.enabled.mechanisms": ",".join(mechanisms),
        **{
            f"listener.name.secure.{mechanism.lower()}.sasl.jaas.config": f"{MODULES}.scram.ScramLoginModule required;"
            for mechanism in SCRAM
        },
        "listener.name.secure.plain.sasl.jaas.config": (
            f"{MODULES}.plain.PlainLoginModule required "
            f'username="{USER}" password="{password}" user_{USER}="{password}";'
        ),
        "listener.name.controller.ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": f"{here}/{secrets.server.name}",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": f"{here}/{secrets.ca.name}",
        **more,
    }


def _answers(folder: Path, port: int) -> bool:
    return kafka.answers(port, security(load(Common, exports(folder))).kafka_python())
