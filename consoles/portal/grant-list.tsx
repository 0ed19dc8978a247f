/** Who may see what, what may be collected, and what no longer holds. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Device, Grant } from '../shared/answers.ts';
import { Icon } from '../shared/icons.tsx';
import { Empty } from '../shared/page-frame.tsx';
import { Moment } from '../shared/times.tsx';
import { useNow } from '../shared/use-now.ts';
import { countText } from '../shared/words.ts';
import { classesText } from './classes.ts';
import { collectText, isStanding, personText, purposesText } from './grants.ts';
import type { SignerState } from './open-signer.ts';
import { RevokeButton } from './revoke-button.tsx';

export interface GrantsProps {
  readonly grants: readonly Grant[];
  readonly devices: readonly Device[];
  readonly signer: SignerState;
  readonly reload: () => Promise<void>;
}

function Period({ grant: { from, to, revokedAt } }: { readonly grant: Grant }) {
  return (
    <p class="quiet">
      Since <Moment at={from} />
      {revokedAt !== undefined && (
        <>
          {' '}
          · revoked <Moment at={revokedAt} />
        </>
      )}
      {revokedAt === undefined && to !== undefined && (
        <>
          {' '}
          · until <Moment at={to} />
        </>
      )}
    </p>
  );
}

function GrantText({ grant, devices }: { readonly grant: Grant; readonly devices: readonly Device[] }) {
  const { action, grantee, classes, purposes } = grant;
  if (action === 'collect') return <p class="grant-name">{collectText(grant, devices)}</p>;
  return (
    <>
      <p class="grant-name">
        {personText(grantee ?? { id: 'Somebody' })}
        {grantee?.occupation && <span class="quiet"> · {grantee.occupation}</span>}
      </p>
      <p>
        May see {classesText(classes)}
        {purposes && purposes.length > 0 && `, for ${purposesText(purposes)}`}
      </p>
    </>
  );
}

function Item({
  grant,
  devices,
  children,
}: Pick<GrantsProps, 'devices'> & { grant: Grant; children?: ComponentChildren }) {
  return (
    <li class="row grant" data-testid="grant" data-grant={grant.id} data-action={grant.action}>
      <span class="row-icon">
        <Icon name={grant.action === 'collect' ? 'inbox' : 'eye'} />
      </span>
      <div class="row-text">
        <GrantText grant={grant} devices={devices} />
        <Period grant={grant} />
      </div>
      {children}
    </li>
  );
}

function Standing({ grants, devices, ...rest }: GrantsProps & { readonly onRevoked: () => void }) {
  return (
    <ul class="rows">
      {grants.map((grant) => (
        <Item key={grant.id} grant={grant} devices={devices}>
          <RevokeButton grant={grant} devices={devices} {...rest} />
        </Item>
      ))}
    </ul>
  );
}

function Ended({ grants, devices }: Pick<GrantsProps, 'grants' | 'devices'>) {
  if (grants.length === 0) return null;
  return (
    <details class="ended" data-testid="ended">
      <summary>{countText(grants.length, 'grant that no longer holds', 'grants that no longer hold')}</summary>
      <ul class="rows rows-ended">
        {grants.map((grant) => (
          <Item key={grant.id} grant={grant} devices={devices} />
        ))}
      </ul>
    </details>
  );
}

interface GrantListProps extends GrantsProps {
  readonly action: Grant['action'];
}

/** Grants of one action: those that stand with their buttons, the ended ones folded away. */
export function GrantList({ grants, action, ...rest }: GrantListProps) {
  const now = useNow();
  const [done, setDone] = useState('');
  const all = grants.filter((grant) => grant.action === action);
  const standing = all.filter((grant) => isStanding(grant, now));
  const ended = all.filter((grant) => !isStanding(grant, now));
  const nobody =
    action === 'disclose' ? 'Nobody but you may see your readings.' : 'Nothing is collected from your devices.';
  return (
    <>
      {standing.length > 0 ? (
        <Standing grants={standing} onRevoked={() => setDone('Revoked. It holds no more.')} {...rest} />
      ) : (
        <Empty icon="inbox">{nobody}</Empty>
      )}
      <p class="done" role="status">
        {done}
      </p>
      <Ended grants={ended} devices={rest.devices} />
    </>
  );
}
