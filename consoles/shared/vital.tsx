/** Newest values of vital signs, as tiles. */
import { Badges } from './badges.tsx';
import { Icon } from './icons.tsx';
import { deviceMark, isDeviceSign, type ShownReading, sortReadings } from './readings.ts';
import { Age } from './times.tsx';
import { flagText, unitText, valueText } from './words.ts';

export function TestChip() {
  return (
    <span class="chip chip-test" data-testid="test-data">
      <Icon name="flask" />
      test data
    </span>
  );
}

interface VitalProps {
  readonly reading: ShownReading;
  readonly among: readonly ShownReading[];
  /** Mark this one as test data; where all is, the heading says so once. */
  readonly markTest: boolean;
  readonly receipt: boolean;
}

function Vital({ reading, among, markTest, receipt }: VitalProps) {
  const { id, vital, title, value, unit, measuredAt, flags } = reading;
  const { text, special } = valueText(value);
  const mark = deviceMark(reading, among);
  return (
    <li class="vital" data-testid="vital" data-vital={vital} data-reading={id}>
      <h3 class="vital-title">
        {title}
        {mark && <span class="quiet"> · device {mark}</span>}
      </h3>
      <p class="vital-value">
        {/* A new element for each reading, so that the highlight runs once for each. */}
        <span key={id} class={`figure${special ? ' figure-words' : ''}${reading.live ? ' figure-live' : ''}`}>
          {text}
        </span>
        {!special && unit !== '' && <span class="unit">{unitText(unit)}</span>}
        {markTest && reading.test && <TestChip />}
      </p>
      <p class="vital-age">
        <Age at={measuredAt} />
      </p>
      {flags.length > 0 && (
        <p class="vital-flags">
          <Icon name="warning" />
          {flags.map(flagText).join('; ')}
        </p>
      )}
      <div class="vital-proof">
        <Badges standing={reading} />
        {receipt && <ReceiptLink reading={reading} />}
      </div>
    </li>
  );
}

function ReceiptLink({ reading: { id, title, inLog } }: { readonly reading: ShownReading }) {
  if (!inLog) return <span class="receipt-wait">Receipt once in log</span>;
  return (
    <a class="receipt" data-testid="receipt" href={`/api/patient/receipts/${encodeURIComponent(id)}`} download>
      <Icon name="download" />
      Receipt<span class="unseen"> for {title}</span>
    </a>
  );
}

interface VitalsProps {
  readonly readings: readonly ShownReading[];
  readonly receipts?: boolean;
}

/** What bodies say as tiles, what devices say of themselves below, smaller. */
export function Vitals({ readings, receipts = false }: VitalsProps) {
  const markTest = readings.some(({ test }) => !test);
  const sorted = sortReadings(readings);
  const tiles = (list: readonly ShownReading[]) =>
    list.map((reading) => (
      <Vital
        key={`${reading.vital} ${reading.device}`}
        reading={reading}
        among={list}
        markTest={markTest}
        receipt={receipts}
      />
    ));
  const body = tiles(sorted.filter((reading) => !isDeviceSign(reading)));
  const device = tiles(sorted.filter(isDeviceSign));
  return (
    <>
      {body.length > 0 && <ul class="vitals">{body}</ul>}
      {device.length > 0 && (
        <ul class="vitals vitals-small" aria-label="Of the devices">
          {device}
        </ul>
      )}
    </>
  );
}
