"""Bumble as the host: finds one wearable on somebody else's controller, pairs with it, and hears it.

Usage: central.py TRANSPORT NAME COUNT, where TRANSPORT is Bumble's, e.g. tcp-client:127.0.0.1:9001 or unix:/run/hci.
Prints one JSON object: the wearable's address, its attribute table, COUNT heart rates and the battery level as hex.
"""

import asyncio
import json
import sys

from bumble.core import UUID, AdvertisingData
from bumble.device import Device, Peer
from bumble.hci import Address
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport import open_transport

HEART_RATE_MEASUREMENT = UUID.from_16_bits(0x2A37)
BATTERY_LEVEL = UUID.from_16_bits(0x2A19)


async def find(device: Device, name: str) -> Address:
    found = asyncio.get_running_loop().create_future()

    def on_advertisement(advertisement):
        heard = advertisement.data.get(AdvertisingData.Type.COMPLETE_LOCAL_NAME)
        if heard == name and not found.done():
            found.set_result(advertisement.address)

    device.on("advertisement", on_advertisement)
    await device.start_scanning(filter_duplicates=False)
    address = await found
    await device.stop_scanning()
    return address


async def main(transport: str, name: str, count: int) -> None:
    async with await open_transport(transport) as (source, sink):
        device = Device.with_hci("Bumble central", Address("F0:F1:F2:F3:F4:F5"), source, sink)
        delegate = PairingDelegate(PairingDelegate.NO_OUTPUT_NO_INPUT)
        device.pairing_config_factory = lambda _connection: PairingConfig(mitm=False, delegate=delegate)
        await device.power_on()
        address = await find(device, name)
        connection = await device.connect(address)
        await connection.pair()
        peer = Peer(connection)
        mtu = await peer.request_mtu(100)
        await peer.discover_services()
        await peer.discover_characteristics()
        for service in peer.services:
            for characteristic in service.characteristics:
                await peer.discover_descriptors(characteristic)

        [heart_rate] = peer.get_characteristics_by_uuid(HEART_RATE_MEASUREMENT)
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        await peer.subscribe(heart_rate, heard.put_nowait)
        beats = [(await heard.get()).hex() for _ in range(count)]
        [battery] = peer.get_characteristics_by_uuid(BATTERY_LEVEL)
        result = {
            "address": str(connection.peer_address).split("/")[0].lower(),
            "random": connection.peer_address.is_random,
            "encrypted": connection.is_encrypted,
            "mtu": mtu,
            "services": {
                service.uuid.to_hex_str(): [c.uuid.to_hex_str() for c in service.characteristics]
                for service in peer.services
            },
            "beats": beats,
            "battery": (await battery.read_value()).hex(),
        }
        await connection.disconnect()
        print(json.dumps(result), flush=True)


asyncio.run(asyncio.wait_for(main(sys.argv[1], sys.argv[2], int(sys.argv[3])), 60))
