"""Bumble as the host: pairs with a wearable on somebody else's controller by the passkey of its label (LE legacy).

Usage: pairing_central.py TRANSPORT NAME PASSKEY. Connects twice: pairs on the first link, and encrypts the second with the
key of the bond. Prints one JSON line for each link, and one with the failure where the passkey is wrong.
"""

import asyncio
import json
import sys

from bumble.core import AdvertisingData, ProtocolError
from bumble.device import Device
from bumble.hci import Address
from bumble.keys import MemoryKeyStore
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport import open_transport


class Keyboard(PairingDelegate):
    def __init__(self, passkey: int) -> None:
        super().__init__(PairingDelegate.KEYBOARD_INPUT_ONLY)
        self.passkey = passkey

    async def get_number(self) -> int:
        return self.passkey


async def find(device: Device, name: str) -> Address:
    found = asyncio.get_running_loop().create_future()

    def on_advertisement(advertisement):
        if advertisement.data.get(AdvertisingData.Type.COMPLETE_LOCAL_NAME) == name and not found.done():
            found.set_result(advertisement.address)

    device.on("advertisement", on_advertisement)
    await device.start_scanning(filter_duplicates=False)
    address = await found
    await device.stop_scanning()
    return address


async def main(transport: str, name: str, passkey: int) -> None:
    async with await open_transport(transport) as (source, sink):
        device = Device.with_hci("Bumble central", Address("F0:F1:F2:F3:F4:F5"), source, sink)
        device.keystore = MemoryKeyStore()
        device.pairing_config_factory = lambda _connection: PairingConfig(
            sc=False, mitm=True, delegate=Keyboard(passkey)
        )
        await device.power_on()
        address = await find(device, name)
        for attempt in ("pair", "encrypt"):
            connection = await device.connect(address)
            try:
                await (connection.pair() if attempt == "pair" else connection.encrypt())
            except ProtocolError as error:
                print(json.dumps({"failed": int(error.error_code)}), flush=True)
                return
            [[_, keys]] = await device.keystore.get_all()
            key = keys.ltk_peripheral or keys.ltk_central or keys.ltk
            fact = {"encrypted": connection.is_encrypted, "by": attempt, "authenticated": key.authenticated}
            if keys.irk:
                fact["irk"] = len(keys.irk.value)
            print(json.dumps(fact), flush=True)
            await connection.disconnect()


asyncio.run(asyncio.wait_for(main(sys.argv[1], sys.argv[2], int(sys.argv[3])), 60))
