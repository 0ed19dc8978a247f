/**
 * Domain separation: every hash and signature starts from one of these labels, so that bytes made for one use can never
 * pass for another (docs/format.md §2).
 */
export const DOMAINS = {
  leaf: 'veravita/v1/leaf',
  batch: 'veravita/v1/batch',
  envelope: 'veravita/v1/envelope',
  acknowledgement: 'veravita/v1/acknowledgement',
  enrolment: 'veravita/v1/enrolment',
  rotation: 'veravita/v1/rotation',
  'key-event': 'veravita/v1/key-event',
  command: 'veravita/v1/command',
  action: 'veravita/v1/action',
  report: 'veravita/v1/report',
  consent: 'veravita/v1/consent',
  disclosure: 'veravita/v1/disclosure',
  erasure: 'veravita/v1/erasure',
  correction: 'veravita/v1/correction',
  supersession: 'veravita/v1/supersession',
  coverage: 'veravita/v1/coverage',
  request: 'veravita/v1/request',
  commitment: 'veravita/v1/commitment',
  device: 'veravita/v1/device',
} as const;

export type Domain = keyof typeof DOMAINS;
