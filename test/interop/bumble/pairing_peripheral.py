"""Bumble as the controller with a Bumble heart strap on its air that pairs by a passkey which it shows (LE legacy).

Usage: pairing_peripheral.py BEAT..., the values in hex. Prints one JSON line with the TCP port when it listens, then one
with each passkey, one for each encryption of a link with its kind, and one for each heart rate that was sent after the
strap had been subscribed to. After the last it ends the link, and serves the next one. Runs until it is ended.
"""

import asyncio
import json
import socket
import sys

from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData
from bumble.device import Device
from bumble.gatt import GATT_HEART_RATE_MEASUREMENT_CHARACTERISTIC, GATT_HEART_RATE_SERVICE, Characteristic, Service
from bumble.hci import Address
from bumble.host import Host
from bumble.keys import MemoryKeyStore, PairingKeys
from bumble.link import LocalLink
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport.common import AsyncPipeSink
from bumble.transport.tcp_server import open_tcp_server_transport_with_socket

NAME = "HTEST Bumble"


def say(fact: dict) -> None:
    print(json.dumps(fact), flush=True)


class OwnKeys(MemoryKeyStore):
    """Bumble 0.0.236 looks, as a peripheral, for the key that the central has given it. The link of a legacy bond is encrypted
    with the one that the peripheral has given (Core 5.2 Vol 3 Part H §2.4.4), so that stands in its place here."""

    async def update(self, name: str, keys: PairingKeys) -> None:
        keys.ltk_peripheral = keys.ltk_central
        await super().update(name, keys)


class Display(PairingDelegate):
    def __init__(self) -> None:
        super().__init__(PairingDelegate.DISPLAY_OUTPUT_ONLY)

    async def display_number(self, number: int, digits: int) -> None:
        say({"passkey": number})


async def main(beats: list[bytes]) -> None:
    link = LocalLink()
    listener = socket.create_server(("127.0.0.1", 0))
    transport = await open_tcp_server_transport_with_socket(listener)
    # Bumble's air calls a central by its random address, and one that has none a random one of zeros; noble uses the public
    # one, which goes into the confirm values. So that both agree, they are one here.
    theirs = Controller(
        "theirs",
        host_source=transport.source,
        host_sink=transport.sink,
        link=link,
        public_address="F0:F1:F2:F3:F4:F7",
    )
    theirs.random_address = theirs.public_address

    own = Controller("ours", link=link, public_address="F0:F1:F2:F3:F4:F6")
    host = Host()
    host.set_packet_sink(AsyncPipeSink(own))
    own.host = host
    device = Device(name=NAME, address=Address("F0:F1:F2:F3:F4:F5"), host=host)
    device.keystore = OwnKeys()
    device.pairing_config_factory = lambda _connection: PairingConfig(sc=False, mitm=True, delegate=Display())

    heart_rate = Characteristic(
        GATT_HEART_RATE_MEASUREMENT_CHARACTERISTIC, Characteristic.Properties.NOTIFY, Characteristic.READABLE
    )
    device.add_service(Service(GATT_HEART_RATE_SERVICE, [heart_rate]))
    subscribed: asyncio.Queue[None] = asyncio.Queue()
    heart_rate.on("subscription", lambda _bearer, notify, _indicate: notify and subscribed.put_nowait(None))

    current = None

    def on_connection(connection) -> None:
        nonlocal current
        current = connection
        connection.on(
            "connection_encryption_change",
            lambda: say({"encrypted": connection.is_encrypted, "authenticated": connection.authenticated}),
        )
        connection.on("pairing_failure", lambda reason: say({"failed": int(reason)}))

    device.on("connection", on_connection)
    await device.power_on()
    device.advertising_data = bytes(
        AdvertisingData(
            [
                (AdvertisingData.FLAGS, bytes([0x06])),
                (AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS, bytes(UUID.from_16_bits(0x180D))),
                (AdvertisingData.COMPLETE_LOCAL_NAME, NAME.encode()),
            ]
        )
    )
    await device.start_advertising(auto_restart=True, advertising_interval_min=50, advertising_interval_max=50)
    say({"port": listener.getsockname()[1]})
    while True:
        await subscribed.get()
        for beat in beats:
            await device.notify_subscribers(heart_rate, beat)
            say({"sent": beat.hex()})
        await asyncio.sleep(0.2)
        await current.disconnect()


asyncio.run(main([bytes.fromhex(value) for value in sys.argv[1:]]))
