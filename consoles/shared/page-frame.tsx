/** What every page has: a heading line with the state of the connection, and what stands in for a page without data. */
import type { ComponentChildren } from 'preact';
import { Icon, type IconName, Mark } from './icons.tsx';
import type { Connection } from './live.ts';

const CONNECTIONS: Readonly<Record<Connection, string>> = {
  connecting: 'Connecting',
  live: 'Live',
  lost: 'Not connected',
};

interface PageFrameProps {
  readonly title: string;
  readonly connection: Connection;
  readonly children: ComponentChildren;
}

export function PageFrame({ title, connection, children }: PageFrameProps) {
  return (
    <>
      <header class="top">
        <a class="top-brand" href="#main">
          <Mark />
          <span>Veravita</span>
        </a>
        <span class="top-title">{title}</span>
        <span class={`connection connection-${connection}`} data-testid="connection" data-state={connection}>
          <span class="connection-dot" />
          {CONNECTIONS[connection]}
        </span>
      </header>
      {connection === 'lost' && (
        <p class="banner" data-testid="connection-lost">
          <Icon name="warning" />
          <span>
            <strong>Connection lost.</strong> What you see may be out of date. Trying again by itself.
          </span>
        </p>
      )}
      <main id="main" class="main">
        {children}
      </main>
      <p class="unseen" role="status">
        {connection === 'lost' ? 'Connection lost. Values may be out of date.' : ''}
      </p>
    </>
  );
}

/** In place of everything else when there is no session: no data, and no hint of any. */
export function SignInNotice() {
  return (
    <main class="notice" data-testid="sign-in">
      <Mark />
      <h1>Sign in to Veravita</h1>
      <p>
        Open the one-time link that the service printed for you when it started. It works once and signs this browser
        in.
      </p>
      <p class="quiet">Used it already? Ask whoever runs the service for a new one.</p>
    </main>
  );
}

/** A calm sentence where a list would be. */
export function Empty({ icon, children }: { readonly icon: IconName; readonly children: ComponentChildren }) {
  return (
    <div class="empty" data-testid="empty">
      <Icon name={icon} />
      <p>{children}</p>
    </div>
  );
}

export function Loading() {
  return (
    <p class="loading" aria-busy="true">
      Loading…
    </p>
  );
}
