/** The patient's page: what is heard, who may see it, who has seen it, and the buttons that change that. */
import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { BadgeLegend } from '../shared/badges.tsx';
import { Empty, Loading, PageFrame, SignInNotice } from '../shared/page-frame.tsx';
import { useLive } from '../shared/use-live.ts';
import { TestChip, Vitals } from '../shared/vital.tsx';
import { countText } from '../shared/words.ts';
import { Devices } from './devices.tsx';
import { Disclosures } from './disclosures.tsx';
import { EraseCard, Erased } from './erase-card.tsx';
import { GrantForm } from './grant-form.tsx';
import { GrantList } from './grant-list.tsx';
import { deviceText } from './grants.ts';
import { PairCard } from './pair-card.tsx';
import { applyMessage, loadRecord, type ShownRecord } from './record.ts';
import { SignerStrip } from './signer-strip.tsx';
import { usePairing } from './use-pairing.ts';
import { useSigner } from './use-signer.ts';

/** Devices and disclosures are not on the feed, so they are asked for again now and then. */
const REFRESH_MS = 20_000;

interface PortalPageProps {
  readonly secret: Uint8Array<ArrayBuffer> | undefined;
}

export function PortalPage({ secret }: PortalPageProps) {
  const { data, connection, refused, reload } = useLive({ load: loadRecord, apply: applyMessage });
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === 'visible' && void reload(), REFRESH_MS);
    return () => clearInterval(timer);
  }, [reload]);
  const signer = useSigner(data?.consent, secret, reload);
  const [erasure, setErasure] = useState<string>();
  if (erasure !== undefined) return <Erased erasure={erasure} connection={connection} />;
  if (refused) return <SignInNotice />;
  return (
    <PageFrame title="Your record" connection={connection}>
      {data === undefined ? (
        <Loading />
      ) : (
        <Sections record={data} signer={signer} reload={reload} onErased={setErasure} />
      )}
    </PageFrame>
  );
}

interface SectionsProps {
  readonly record: ShownRecord;
  readonly signer: ReturnType<typeof useSigner>;
  readonly reload: () => Promise<void>;
  readonly onErased: (erasure: string) => void;
}

function Sections({ record: { overview, latest, consent }, signer, reload, onErased }: SectionsProps) {
  const { name, devices, grants, disclosures, readings } = overview;
  const change = { grants, devices, signer, reload };
  const pairing = usePairing(useCallback(() => void reload(), [reload]));
  const deviceNames = new Map(devices.map(({ id }) => [id, deviceText(id, devices)]));
  const measured = [...new Set(latest.map(({ vital }) => vital))];
  return (
    <>
      <div class="greeting">
        <h1>Hello, {name}</h1>
        {latest.length > 0 && latest.every(({ test }) => test) && <TestChip />}
        <p class="lead">
          {countText(readings, 'reading')} in your record, from {countText(devices.length, 'device')}.
        </p>
      </div>
      <SignerStrip phase={signer.phase} />
      <div class="sections">
        <Section title="Your latest values" wide>
          {latest.length > 0 ? (
            <Vitals readings={latest} own={{ deviceNames }} />
          ) : (
            <Empty icon="pulse">No reading yet. Values appear here as your devices are heard.</Empty>
          )}
          <BadgeLegend />
        </Section>
        <div class="stack">
          <Section title="Who may see what">
            <GrantList action="disclose" {...change} />
            <GrantForm staff={consent.staff} measured={measured} signer={signer} reload={reload} />
          </Section>
          <Section title="What may be collected">
            <GrantList action="collect" {...change} />
          </Section>
        </div>
        <Section title="Your devices">
          <Devices devices={devices} latest={latest} unpair={{ pairing, grants, signer, reload }} />
        </Section>
        <Section title="Pair a wearable">
          <PairCard pairing={pairing} grants={grants} signer={signer} reload={reload} />
        </Section>
        <Section title="Who has seen what" wide>
          <Disclosures newest={disclosures} />
        </Section>
        <Section title="Erase my record" wide>
          <EraseCard signer={signer} onErased={onErased} />
        </Section>
      </div>
    </>
  );
}

interface SectionProps {
  readonly title: string;
  readonly wide?: boolean;
  readonly children: ComponentChildren;
}

function Section({ title, wide = false, children }: SectionProps) {
  return (
    <section class={`card section${wide ? ' section-wide' : ''}`} aria-label={title}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}
