/** Newest values of vital signs, as tiles. */
import { isTimeKnown } from '../../protocol/newest-value.ts';
import { Badges } from './badges.tsx';
import { Icon } from './icons.tsx';
import { deviceMark, deviceSignsText, isDeviceSign, newnessOf, type ShownReading, sortReadings } from './readings.ts';
import { Age } from './times.tsx';
import { correctedText, flagText, unitText, valueText } from './words.ts';

export function TestChip() {
  return (
    <span class="chip chip-test" data-testid="test-data">
      <Icon name="flask" />
      test data
    </span>
  );
}

/** Where the page is a patient's: her devices by handle, and receipts to take away. */
export interface OwnExtras {
  readonly deviceNames: ReadonlyMap<string, string>;
}

interface VitalProps {
  readonly reading: ShownReading;
  readonly among: readonly ShownReading[];
  /** Mark this one as test data; where all is, the heading says so once. */
  readonly markTest: boolean;
  readonly own: OwnExtras | undefined;
}

function Vital({ reading, among, markTest, own }: VitalProps) {
  const { id, vital, title, value, unit, measuredAt, heardAt, flags, test, inLog, corrected } = reading;
  const { text, special } = valueText(value);
  const mark = deviceMark(reading, among);
  const device = own?.deviceNames.get(reading.device) ?? (mark && `device ${mark}`);
  return (
    <li class="vital" data-testid="vital" data-vital={vital} data-reading={id}>
      <div class="vital-head">
        <h3 class="vital-title">{title}</h3>
        {markTest && test && <TestChip />}
        {own && inLog && <ReceiptLink reading={reading} />}
      </div>
      <p class="vital-value">
        {/* A new element for each reading, so that the highlight runs once for each. */}
        <span key={id} class={`figure${special ? ' figure-words' : ''}${reading.live ? ' figure-live' : ''}`}>
          {text}
        </span>
        {!special && unit !== '' && <span class="unit">{unitText(unit)}</span>}
      </p>
      <p class="vital-age">
        {isTimeKnown(newnessOf(reading)) ? (
          <Age at={measuredAt} />
        ) : (
          <>
            time unknown, received <Age at={heardAt} />
          </>
        )}
        {device && ` · ${device}`}
      </p>
      {corrected && (
        <p class="vital-flags" data-testid="corrected">
          <Icon name="warning" />
          {correctedText(corrected)}
        </p>
      )}
      {flags.length > 0 && (
        <p class="vital-flags">
          <Icon name="warning" />
          {flags.map(flagText).join('; ')}
        </p>
      )}
      <Badges standing={reading} />
    </li>
  );
}

function ReceiptLink({ reading: { id, title } }: { readonly reading: ShownReading }) {
  return (
    <a class="receipt" data-testid="receipt" href={`/api/patient/receipts/${encodeURIComponent(id)}`} download>
      <Icon name="download" />
      Receipt<span class="unseen"> for {title}</span>
    </a>
  );
}

interface VitalsProps {
  readonly readings: readonly ShownReading[];
  readonly own?: OwnExtras;
}

/** What bodies say as tiles; what devices say of themselves folded away below. */
export function Vitals({ readings, own }: VitalsProps) {
  const markTest = readings.some(({ test }) => !test);
  const sorted = sortReadings(readings);
  const tiles = (list: readonly ShownReading[]) =>
    list.map((reading) => (
      <Vital key={`${reading.vital} ${reading.device}`} reading={reading} among={list} markTest={markTest} own={own} />
    ));
  const body = sorted.filter((reading) => !isDeviceSign(reading));
  const device = sorted.filter(isDeviceSign);
  return (
    <>
      {body.length > 0 && <ul class="vitals">{tiles(body)}</ul>}
      {device.length > 0 && (
        <details class="device-signs" data-testid="device-signs">
          <summary>{deviceSignsText(device)}</summary>
          <ul class="vitals vitals-small">{tiles(device)}</ul>
        </details>
      )}
    </>
  );
}
