/** The wearables that were heard. */
import type { Device, Reading } from '../shared/answers.ts';
import { Icon } from '../shared/icons.tsx';
import { Empty } from '../shared/page-frame.tsx';
import { Age } from '../shared/times.tsx';
import { deviceHeardAt } from './device-heard.ts';
import { UnpairButton } from './unpair-button.tsx';
import type { UnpairDeps } from './use-unpair.ts';

const LINKS: Readonly<Record<string, string>> = {
  advertisement: 'heard without a connection',
  unbonded: 'connected, not bonded',
  bonded: 'bonded',
  'secure-connections': 'bonded, secure connection',
};

interface DeviceItemProps {
  readonly device: Device;
  readonly latest: readonly Reading[];
  readonly unpair: UnpairDeps;
}

function DeviceItem({ device, latest, unpair }: DeviceItemProps) {
  const { id, name, manufacturer, model, serial, link } = device;
  const heardAt = deviceHeardAt(device, latest);
  const maker = [manufacturer, model].filter((text) => text !== undefined && text !== name).join(' ');
  const text = name ?? model ?? `Device ${id.slice(0, 8)}`;
  const isPaired = unpair.pairing.state?.paired.some((one) => one.device === id);
  return (
    <li class="row" data-testid="device" data-device={id}>
      <span class="row-icon">
        <Icon name="device" />
      </span>
      <div class="row-text">
        <p class="grant-name">{text}</p>
        {maker !== '' && <p>{maker}</p>}
        <p class="quiet">
          {serial !== undefined && <span class="nowrap">Serial {serial}</span>}
          {link !== undefined && <span class="nowrap">{LINKS[link] ?? link}</span>}
        </p>
        {isPaired && <UnpairButton device={id} name={text} {...unpair} />}
      </div>
      <p class="row-side">{heardAt === undefined ? 'never heard' : <Age at={heardAt} />}</p>
    </li>
  );
}

interface DevicesProps {
  readonly devices: readonly Device[];
  readonly latest: readonly Reading[];
  readonly unpair: UnpairDeps;
}

export function Devices({ devices, latest, unpair }: DevicesProps) {
  if (devices.length === 0) return <Empty icon="device">No device was heard yet.</Empty>;
  return (
    <ul class="rows">
      {devices.map((device) => (
        <DeviceItem key={device.id} device={device} latest={latest} unpair={unpair} />
      ))}
    </ul>
  );
}
