/** Small line icons; always beside words, so hidden from assistive technology. */
import type { ComponentChildren } from 'preact';

const PATHS = {
  check: <path d="m5 12.5 4.5 4.5L19 7.5" />,
  wait: (
    <>
      <circle cx="12" cy="12" r="8" stroke-dasharray="3.4 3" />
      <path d="M12 8v4l2.5 2" />
    </>
  ),
  cross: <path d="M6.5 6.5 17.5 17.5M17.5 6.5 6.5 17.5" />,
  warning: (
    <>
      <path d="M12 4 2.8 19.5h18.4z" />
      <path d="M12 10v4.5M12 17v.2" />
    </>
  ),
  noContact: (
    <>
      <path d="M4 4l16 16" />
      <path d="M8.2 8.3A8 8 0 0 0 5 11M2 8.2a12 12 0 0 1 2.7-1.9M12 5c3.9 0 7.4 1.2 10 3.2M14.5 9c1.7.5 3.2 1.2 4.5 2" />
      <path d="M9 15a5 5 0 0 1 4-1M12 18.8v.2" />
    </>
  ),
  pulse: <path d="M3 12h4l3-7 4 14 3-9 1.5 2H21" />,
  flask: <path d="M9.5 3.5h5M10.5 3.5v6L5 19a1 1 0 0 0 .9 1.5h12.2A1 1 0 0 0 19 19l-5.5-9.5v-6M8 15h8" />,
  device: (
    <>
      <rect x="7" y="6.5" width="10" height="11" rx="2.5" />
      <path d="M9 6.5 9.6 3h4.8l.6 3.5M9 17.5l.6 3.5h4.8l.6-3.5" />
    </>
  ),
  eye: (
    <>
      <path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z" />
      <circle cx="12" cy="12" r="3" />
    </>
  ),
  download: <path d="M12 4v11m-4.5-4L12 15.5l4.5-4.5M5 20h14" />,
  key: (
    <>
      <circle cx="8" cy="14.5" r="4.5" />
      <path d="m11.2 11.3 8-8M16 6.5l3 3" />
    </>
  ),
  refused: (
    <>
      <circle cx="12" cy="12" r="8.5" />
      <path d="m6 6 12 12" />
    </>
  ),
  inbox: <path d="M4 13.5 6.5 5h11l2.5 8.5V19H4zM4 13.5h5a3 3 0 0 0 6 0h5" />,
  thermometer: (
    <>
      <path d="M14 13.5V5.5a2 2 0 0 0-4 0v8a4 4 0 1 0 4 0z" />
      <path d="M12 9v7" />
    </>
  ),
  drop: <path d="M12 3.5c3.5 4.3 6 7.3 6 10.5a6 6 0 0 1-12 0c0-3.2 2.5-6.2 6-10.5z" />,
  gauge: (
    <>
      <path d="M4.5 17.5a8.5 8.5 0 1 1 15 0" />
      <path d="m12 13.5 3.5-4.5" />
    </>
  ),
  finger: (
    <>
      <rect x="4" y="9" width="11" height="8" rx="2.5" />
      <path d="M15 13h3.5a2 2 0 0 0 0-4H15M7.5 13h4" />
    </>
  ),
  scale: (
    <>
      <rect x="4" y="4.5" width="16" height="15" rx="3" />
      <path d="M8.5 9a5 5 0 0 1 7 0M12 11.5l1.5-3" />
    </>
  ),
  plus: <path d="M12 5v14M5 12h14" />,
} as const satisfies Record<string, ComponentChildren>;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {PATHS[name]}
    </svg>
  );
}

/** The mark of the product. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path d="M5 17h5l3-8 5 15 3.5-10 1.8 3H27" />
    </svg>
  );
}
