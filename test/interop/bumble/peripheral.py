"""Bumble as the controller: serves one, with a Bumble heart strap on its air, to somebody else's host.

Usage: peripheral.py tcp|unix:PATH BATTERY BEAT..., the values in hex. Prints one JSON line with the TCP port (or null)
when it listens, and one for each heart rate that a central has subscribed to and was sent. Runs until it is ended.
"""

import asyncio
import json
import socket
import sys

from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData
from bumble.device import Device
from bumble.gatt import (
    GATT_BATTERY_LEVEL_CHARACTERISTIC,
    GATT_BATTERY_SERVICE,
    GATT_DEVICE_INFORMATION_SERVICE,
    GATT_HEART_RATE_MEASUREMENT_CHARACTERISTIC,
    GATT_HEART_RATE_SERVICE,
    GATT_MANUFACTURER_NAME_STRING_CHARACTERISTIC,
    Characteristic,
    Service,
)
from bumble.hci import Address
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport import open_transport
from bumble.transport.common import AsyncPipeSink
from bumble.transport.tcp_server import open_tcp_server_transport_with_socket

NAME = "HTEST Bumble"


async def listen(where: str):
    if where != "tcp":
        return await open_transport(f"unix-server:{where.removeprefix('unix:')}"), None
    listener = socket.create_server(("127.0.0.1", 0))
    return await open_tcp_server_transport_with_socket(listener), listener.getsockname()[1]


def say(fact: dict) -> None:
    print(json.dumps(fact), flush=True)


async def main(where: str, battery: bytes, beats: list[bytes]) -> None:
    link = LocalLink()
    transport, port = await listen(where)
    Controller("theirs", host_source=transport.source, host_sink=transport.sink, link=link)

    own = Controller("ours", link=link, public_address="F0:F1:F2:F3:F4:F6")
    host = Host()
    host.set_packet_sink(AsyncPipeSink(own))
    own.host = host
    device = Device(name=NAME, address=Address("F0:F1:F2:F3:F4:F5"), host=host)

    readable, notified = Characteristic.Properties.READ, Characteristic.Properties.NOTIFY
    heart_rate = Characteristic(GATT_HEART_RATE_MEASUREMENT_CHARACTERISTIC, notified, Characteristic.READABLE)
    level = Characteristic(GATT_BATTERY_LEVEL_CHARACTERISTIC, readable | notified, Characteristic.READABLE, battery)
    maker = Characteristic(
        GATT_MANUFACTURER_NAME_STRING_CHARACTERISTIC, readable, Characteristic.READABLE, b"Bumble HTEST"
    )
    device.add_service(Service(GATT_HEART_RATE_SERVICE, [heart_rate]))
    device.add_service(Service(GATT_BATTERY_SERVICE, [level]))
    device.add_service(Service(GATT_DEVICE_INFORMATION_SERVICE, [maker]))
    subscribed = asyncio.Event()
    heart_rate.on("subscription", lambda _bearer, notify, _indicate: notify and subscribed.set())

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
    say({"port": port})
    await subscribed.wait()
    for beat in beats:
        await device.notify_subscribers(heart_rate, beat)
        say({"sent": beat.hex()})
    await asyncio.get_running_loop().create_future()


arguments = [bytes.fromhex(value) for value in sys.argv[2:]]
asyncio.run(main(sys.argv[1], arguments[0], arguments[1:]))
